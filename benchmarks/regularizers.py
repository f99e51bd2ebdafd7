"""What each penalty and each remedy costs: a GAN's step with it over the plain step.

    python -m benchmarks.regularizers              # prints
    python -m benchmarks.regularizers --save       # also writes benchmarks/results/regularizers.md

G 784-128-128-784 and D 784-128-128-1, batch 128, a step of each player, the penalty at every step:
tinygen's trainer, and the same algorithm in PyTorch eager, all of them taking turns. The times are
the processor's own, of one thread: what else the machine does is not in them.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F  # noqa: N812, as its users write it

import tinygen as tg
from tinygen import nn
from tinygen.backend.numpy import keep_freed_memory
from tinygen.bench.problems import gan_784
from tinygen.bench.timing import Summary, quiet_collector, threads
from tinygen.models.gan import REGULARIZERS, GANTrainer, Packed, UnrolledGANTrainer, mlp

RESULTS = Path(__file__).parent / "results" / "regularizers.md"

BATCH, WIDTH, FEATURES = 128, 128, 784
WEIGHT = 0.1
WARM_UP = 5
LAYERS = {"spectral norm": {"spectral": True}, "packs of 2": {"pack": 2}}
AHEAD = {"1 step ahead": 1, "5 steps ahead": 5}
CASES = ("plain", *REGULARIZERS, *LAYERS, *AHEAD)


def ours(case: str) -> Callable[[int], Any]:
    """A step of tinygen's trainer."""
    rng = tg.Generator(0)
    pack, unroll = LAYERS.get(case, {}).get("pack", 1), AHEAD.get(case)
    critic = mlp([pack * FEATURES, WIDTH, WIDTH, 1], rng)
    if case == "spectral norm":
        linear = (nn.SpectralNorm(m, rng=rng) if type(m) is nn.Linear else m for m in critic)
        critic = nn.Sequential(*linear)
    kind = partial(UnrolledGANTrainer, unroll=unroll) if unroll else GANTrainer
    trainer = kind(
        mlp([FEATURES, WIDTH, WIDTH, FEATURES], rng),
        Packed(critic, pack) if pack > 1 else critic,
        rng=rng,
        noise_shape=FEATURES,
        regularizers=[REGULARIZERS[case](WEIGHT, 1)] if case in REGULARIZERS else [],
    )
    batches = gan_784(BATCH).batches
    return lambda i: trainer.step(batches[i % len(batches)])


def theirs(case: str) -> Callable[[int], Any] | None:
    """The same in PyTorch; nothing for what has no short form there."""
    if case in AHEAD:
        return None
    pack = LAYERS.get(case, {}).get("pack", 1)
    g = _network([FEATURES, WIDTH, WIDTH, FEATURES])
    d = _network([pack * FEATURES, WIDTH, WIDTH, 1])
    if case == "spectral norm":
        for layer in d[::2]:
            torch.nn.utils.parametrizations.spectral_norm(layer)
    of_g, of_d = list(g.parameters()), list(d.parameters())
    adam_g, adam_d = (torch.optim.Adam(p, lr=2e-4, betas=(0.5, 0.999)) for p in (of_g, of_d))
    batches = [torch.from_numpy(b) for b in gan_784(BATCH).batches]
    target = torch.cat([torch.ones(BATCH // pack, 1), torch.zeros(BATCH // pack, 1)])

    def critic(x: Any) -> Any:
        return d(x.reshape(len(x) // pack, -1))

    def step(i: int) -> None:
        real = batches[i % len(batches)]
        with torch.no_grad():
            fake = g(torch.randn(BATCH, FEATURES))
        logits = critic(torch.cat([real, fake]))
        loss = 2.0 * F.binary_cross_entropy_with_logits(logits, target)
        if case in REGULARIZERS:
            loss = loss + WEIGHT * penalty(case, critic, real, fake)
        _update(adam_d, of_d, loss)
        loss = F.softplus(-critic(g(torch.randn(BATCH, FEATURES)))).mean()
        _update(adam_g, of_g, loss)

    return step


def penalty(case: str, critic: Callable[[Any], Any], real: Any, fake: Any) -> Any:
    """The penalties of `tinygen.models.gan.regularizers` in PyTorch."""
    if case in ("gradient-penalty", "one-sided"):
        points = fake + torch.rand(len(real), 1) * (real - fake)
    elif case == "dragan":
        points = real + 0.5 * real.std() * torch.randn_like(real)
    else:
        points = real if case == "r1" else fake
    points = points.detach().requires_grad_(True)
    (slope,) = torch.autograd.grad(critic(points).sum(), points, create_graph=True)
    if case in ("r1", "r2"):
        return 0.5 * (slope**2).sum(1).mean()
    excess = (slope**2).sum(1).add(1e-12).sqrt() - 1.0
    return ((excess.clamp(min=0.0) if case == "one-sided" else excess) ** 2).mean()


def measure(rounds: int) -> dict[str, dict[str, Summary]]:
    """For each case the milliseconds and the ratio to the plain step, of both libraries."""
    steps: dict[str, Callable[[int], Any]] = {}
    for case in CASES:
        steps[f"tinygen {case}"] = ours(case)
        their = theirs(case)
        if their is not None:
            steps[f"PyTorch {case}"] = their
    seconds = in_turns(steps, rounds)
    found: dict[str, dict[str, Summary]] = {}
    for name, values in seconds.items():
        library, _, case = name.partition(" ")
        entry = found.setdefault(case, {})
        entry[f"{library} ms"] = Summary.of(1e3 * values)
        entry[library] = Summary.of(values / seconds[f"{library} plain"])
    return found


def in_turns(steps: dict[str, Callable[[int], Any]], rounds: int) -> dict[str, np.ndarray]:
    """Seconds of the processor for each step in each round, after some that do not count."""
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    with quiet_collector():
        for i in range(WARM_UP + rounds):
            for name, step in steps.items():
                step(2 * i)  # brings its weights into the cache
                start = process_time()
                step(2 * i + 1)
                seconds[name].append(process_time() - start)
    return {name: np.array(values[WARM_UP:]) for name, values in seconds.items()}


def table(found: dict[str, dict[str, Summary]]) -> str:
    """Markdown."""
    lines = [
        "| a step with | tinygen, over its plain step | PyTorch, over its plain step | tinygen, ms "
        "| PyTorch, ms |",
        "|---|---|---|---|---|",
    ]
    for case, entry in found.items():
        cells = [_shown(entry.get(k)) for k in ("tinygen", "PyTorch", "tinygen ms", "PyTorch ms")]
        lines.append(f"| {case} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _shown(summary: Summary | None) -> str:
    if summary is None:
        return ""
    return f"{summary.median:.2f} ({summary.low:.2f} to {summary.high:.2f})"


def _network(sizes: list[int]) -> Any:
    layers: list[Any] = []
    for i, (inputs, outputs) in enumerate(pairwise(sizes)):
        layers += [torch.nn.ReLU()] if i else []
        layers.append(torch.nn.Linear(inputs, outputs))
    return torch.nn.Sequential(*layers)


def _update(optimizer: Any, params: list[Any], loss: Any) -> None:
    for p, g in zip(params, torch.autograd.grad(loss, params), strict=True):
        p.grad = g
    optimizer.step()


def main() -> None:
    """Measure, print, save."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.regularizers", description=__doc__)
    parser.add_argument("--rounds", type=int, default=100, help="(default 100)")
    parser.add_argument("--save", action="store_true", help=f"write {RESULTS.name}")
    options = parser.parse_args()
    keep_freed_memory()
    with threads(1):
        text = table(measure(options.rounds))
    print(text)
    if options.save:
        versions = f"NumPy {np.__version__}, PyTorch {torch.__version__}"
        RESULTS.write_text(
            f"# What penalties and remedies cost\n\n`python -m benchmarks.regularizers --save`: "
            f"{options.rounds} rounds in turns, one thread, {versions}; median, 10th to 90th "
            f"percentile, ratios round by round. {__doc__.split(chr(10) * 2)[-1].strip()}\n\n"
            f"{text}\n"
        )


if __name__ == "__main__":
    main()
