"""`python -m benchmarks.rbm [--threads 1,2] [--rounds 60] [--plot FILE.png]`: a CD-1 update.

784 visible and 500 hidden units, 100 binary rows, plain gradient descent: beside PyTorch eager,
NumPy by hand and scikit-learn, and beside nothing but the matrix products and random numbers in it.
All but scikit-learn, whose update is another algorithm of the same cost (a persistent chain), are
checked first to make the same update from the same uniform numbers. `--plot` draws how the cost
grows with the steps k, the batch and the hidden units.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np

import tinygen as tg
from tinygen.backend.numpy import keep_freed_memory
from tinygen.bench import machine
from tinygen.bench.timing import Summary, threads
from tinygen.models.rbm import RBM, ContrastiveDivergence, RBMTrainer

from .timing import interleave

VISIBLE, HIDDEN, BATCH, RATE = 784, 500, 100, 0.01
MARKS = {"products and random numbers alone": 1.3, "PyTorch eager": 0.95, "scikit-learn": 0.45}
Array = np.ndarray
Draw = Callable[[tuple[int, ...]], Array]
Weights = tuple[Array, Array, Array]


class Problem:
    """Initial weight (hidden, visible), visible and hidden bias, and batches."""

    def __init__(self, visible: int = VISIBLE, hidden: int = HIDDEN, batch: int = BATCH) -> None:
        rng = np.random.default_rng(0)
        self.weight = rng.normal(0.0, 0.1, (hidden, visible)).astype("float32")
        self.b = rng.normal(0.0, 0.1, visible).astype("float32")
        self.c = rng.normal(0.0, 0.1, hidden).astype("float32")
        self.batches = [(rng.random((batch, visible)) < 0.2).astype("float32") for _ in range(8)]

    def batch(self, i: int) -> Array:
        return self.batches[i % len(self.batches)]


class Given:
    """In the place of a Generator: uniform numbers that were drawn elsewhere."""

    def __init__(self, draw: Draw) -> None:
        self.draw = draw

    def bernoulli_logits(self, x: Array) -> Array:
        return (self.draw(x.shape) < 1.0 / (1.0 + np.exp(-x))).astype(x.dtype)


def given_uniforms() -> Draw:
    rng = np.random.default_rng(2)
    return lambda shape: rng.random(shape, dtype="float32")


def tinygen(problem: Problem, draw: Draw | None = None, k: int = 1) -> tuple[Any, Any]:
    """An update, and the weights after it."""
    rng = tg.Generator(0)
    hidden, visible = problem.weight.shape
    rbm = RBM(visible, hidden, rng=rng)
    for p, value in zip(rbm.parameters(), (problem.b, problem.c, problem.weight), strict=True):
        p[...] = value
    source: Any = rng if draw is None else Given(draw)
    trainer = RBMTrainer(rbm, rng=source, negative=ContrastiveDivergence(k), lr=RATE)
    return lambda i: trainer.step(problem.batch(i)), lambda: rbm.weight.numpy()


def by_hand(problem: Problem, draw: Draw | None = None) -> tuple[Any, Any]:
    """NumPy, with the products of both phases in one and updates in place."""
    w, b, c = problem.weight.copy(), problem.b.copy(), problem.c.copy()
    n, (hidden, visible) = len(problem.batch(0)), problem.weight.shape
    random = np.random.Generator(np.random.SFC64(0))
    uniform = draw or (lambda shape: random.random(shape, dtype="float32"))
    v, h = np.empty((2 * n, visible), "float32"), np.empty((2 * n, hidden), "float32")
    slope = np.empty_like(w)
    share = np.repeat(np.float32([-1.0 / n, 1.0 / n]), n)

    def sigmoid(x: Array) -> Array:
        x *= 0.5
        np.tanh(x, out=x)
        x *= 0.5
        x += 0.5
        return x

    def step(i: int) -> None:
        v[:n] = problem.batch(i)
        up = v[:n] @ w.T
        up += c
        h[:n] = sigmoid(up)
        down = (uniform(up.shape) < up).astype("float32") @ w
        down += b
        v[n:] = uniform(down.shape) < sigmoid(down)
        up = v[n:] @ w.T
        up += c
        h[n:] = sigmoid(up)
        np.multiply(h, share[:, None], out=h)
        np.matmul(h.T, v, out=slope)
        np.multiply(slope, RATE, out=slope)
        np.subtract(w, slope, out=w)
        b[...] -= RATE * (share @ v)
        c[...] -= RATE * h.sum(0)

    return step, lambda: w


def pytorch(problem: Problem, draw: Draw | None = None) -> tuple[Any, Any]:
    """As tutorials write it."""
    torch = importlib.import_module("torch")
    w, b, c = (torch.from_numpy(a.copy()) for a in (problem.weight, problem.b, problem.c))
    batches = [torch.from_numpy(v) for v in problem.batches]

    def bernoulli(p: Any) -> Any:
        if draw is None:
            return torch.bernoulli(p)
        return (torch.from_numpy(draw(tuple(p.shape))) < p).float()

    def step(i: int) -> None:
        v = batches[i % len(batches)]
        mean = torch.sigmoid(torch.nn.functional.linear(v, w, c))
        v1 = bernoulli(torch.sigmoid(torch.nn.functional.linear(bernoulli(mean), w.t(), b)))
        mean1 = torch.sigmoid(torch.nn.functional.linear(v1, w, c))
        w.add_(mean.t() @ v - mean1.t() @ v1, alpha=RATE / len(v))
        b.add_((v - v1).mean(0), alpha=RATE)
        c.add_((mean - mean1).mean(0), alpha=RATE)

    return step, lambda: w.numpy()


def scikit_learn(problem: Problem) -> Any:
    """Its own update, without its checks of the input."""
    network = importlib.import_module("sklearn.neural_network")
    model = network.BernoulliRBM(len(problem.weight), learning_rate=RATE, random_state=0)
    model.partial_fit(problem.batch(0))
    random = np.random.RandomState(0)
    return lambda i: model._fit(problem.batch(i), random)


def alone(problem: Problem) -> Any:
    """The matrix products that an update needs and its random numbers, and nothing else."""
    rng = tg.Generator(0)
    w, v = problem.weight, problem.batch(0)
    h = np.ones((len(v), len(w)), "float32")
    both_v, both_h = np.concatenate([v, v]), np.concatenate([h, h])
    out = np.empty_like(w)

    def step(i: int) -> None:
        v.dot(w.T)
        h.dot(w)
        v.dot(w.T)
        np.matmul(both_h.T, both_v, out=out)
        rng.uniform(h.shape)
        rng.uniform(v.shape)

    return step


def check() -> list[str]:
    """The competitors that made the same two updates as tinygen; raises where one did not."""
    made = {}
    for name, make in {
        "tinygen": tinygen,
        "NumPy by hand": by_hand,
        "PyTorch eager": pytorch,
    }.items():
        try:
            step, weights = make(Problem(), given_uniforms())
        except ImportError:
            continue
        step(0)
        step(1)
        made[name] = np.array(weights())
    for name, w in made.items():
        # A probability that rounding moves across its uniform number changes a whole state.
        wrong = np.abs(w - made["tinygen"]) > 1e-5
        if wrong.mean() > 0.02:
            raise RuntimeError(f"rbm: {name} makes another update than tinygen")
    return list(made)


def measure(count: int, rounds: int) -> dict[str, dict[str, Summary]]:
    """Of each competitor: milliseconds of an update, and tinygen's over its, round by round."""
    steps = {}
    for name, make in {
        "tinygen": lambda: tinygen(Problem())[0],
        "products and random numbers alone": lambda: alone(Problem()),
        "NumPy by hand": lambda: by_hand(Problem())[0],
        "PyTorch eager": lambda: pytorch(Problem())[0],
        "scikit-learn": lambda: scikit_learn(Problem()),
    }.items():
        try:
            steps[name] = make()
        except ImportError:
            print(f"{name} is not installed, and not measured.", file=sys.stderr)
    with threads(count):
        seconds = interleave(steps, rounds, several=count > 1)
    return {
        name: {"ms": Summary.of(1e3 * s), "ratio": Summary.of(seconds["tinygen"] / s)}
        for name, s in seconds.items()
    }


def growth(rounds: int) -> dict[str, list[tuple[int, float]]]:
    """Median milliseconds of processor time over k, the batch and the hidden units, one thread."""
    found = {}
    for name, values, make in (
        ("steps k", (1, 2, 4, 8, 16), lambda k: tinygen(Problem(), k=k)),
        ("batch", (50, 100, 200, 400, 800), lambda n: tinygen(Problem(batch=n))),
        ("hidden units", (125, 250, 500, 1000, 2000), lambda h: tinygen(Problem(hidden=h))),
    ):
        steps = {value: make(value)[0] for value in values}
        seconds: dict[int, list[float]] = {value: [] for value in values}
        with threads(1):
            for i in range(rounds):
                for value, step in steps.items():
                    step(2 * i)
                    start = process_time()
                    step(2 * i + 1)
                    seconds[value].append(process_time() - start)
        found[name] = [(v, Summary.of(1e3 * np.array(seconds[v])).median) for v in values]
    return found


def draw_growth(found: dict[str, list[tuple[int, float]]], path: Path) -> None:
    """A panel for each, with the straight line of least squares."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, panels = plt.subplots(1, len(found), figsize=(11, 3.4), constrained_layout=True)
    for panel, (name, points) in zip(panels, found.items(), strict=True):
        x, y = np.array(points).T
        slope, start = np.polyfit(x, y, 1)
        panel.plot(x, start + slope * x, color="#9ab", label="least squares")
        panel.plot(x, y, "o", color="#1f5ac8", label="measured")
        panel.set(xlabel=name, ylabel="ms of processor time", xlim=(0, None), ylim=(0, None))
        panel.legend(frameon=False)
    figure.suptitle(f"CD-k on {VISIBLE}x{HIDDEN}, batch {BATCH}: one of these is changed at a time")
    figure.savefig(path, dpi=110)


def render(found: dict[str, dict[str, Summary]], count: int, others: float | None) -> str:
    """A table in Markdown."""
    busy = machine.is_busy(others)
    load = "?" if others is None else f"{others:.2f}"
    lines = [
        f"### CD-1 on {VISIBLE}x{HIDDEN}, batch {BATCH}, {count} thread{'s' if count > 1 else ''}",
        "",
        f"{date.today().isoformat()}; other processes used {load} cores meanwhile.",
        "",
        "| | ms: median (10th to 90th percentile) | tinygen's time over its |",
        "|---|---|---|",
    ]
    for name, values in found.items():
        ms, ratio = values["ms"], values["ratio"]
        mark = ""
        if name in MARKS:
            met = "met" if ratio.median <= MARKS[name] else "missed"
            mark = f"; mark {MARKS[name]}: {'not judged' if busy else met}"
        lines.append(
            f"| {name} | {ms.median:.3f} ({ms.low:.3f} to {ms.high:.3f}) | {ratio.median:.2f} "
            f"({ratio.low:.2f} to {ratio.high:.2f}){mark} |"
        )
    return "\n".join(lines) + "\n"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rbm")
    parser.add_argument("--threads", default="1", help="counts to measure with, such as 1,2")
    parser.add_argument("--rounds", type=int, default=60, help="updates of each competitor")
    parser.add_argument("--plot", type=Path, help="also draw how the cost grows, into this file")
    options = parser.parse_args(argv)
    keep_freed_memory()
    print(f"The same update is made by: {', '.join(check())}.\n")
    for count in (int(n) for n in options.threads.split(",")):
        load = machine.Load()
        print(render(measure(count, options.rounds), count, load.others()), flush=True)
    if options.plot:
        found = growth(max(5, options.rounds // 4))
        draw_growth(found, options.plot)
        for name, points in found.items():
            print(f"{name}: " + ", ".join(f"{x}: {ms:.2f} ms" for x, ms in points))
    return 0


if __name__ == "__main__":
    sys.exit(main())
