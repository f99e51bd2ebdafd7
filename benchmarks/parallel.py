"""Several ranks: how fast two are beside one with two threads, and what that means for 4,096.

python -m benchmarks.parallel --save       # needs `pip install 'tinygen[mpi]'` and two idle cores

Measured: a GAN's step (784-128-128, batch 128) on one rank with one thread and with two, and on two
ranks with one thread each, with the time inside the sums; sums of several sizes between two ranks.
From one rank's times and the sums' alone `tinygen.parallel.cost` predicts the two ranks' step, as a
check, and the throughput up to 4,096 ranks on this link and on two that one can rent.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from tinygen.bench import ours
from tinygen.bench.problems import gan_784
from tinygen.parallel import joined
from tinygen.parallel.cost import Link, StepCost, fit_link, predict
from tinygen.parallel.mpi import MPICommunicator

BATCH = 128
RANKS = [4**i for i in range(7)]
SIZES = [8, 4_096, 65_536, 1 << 20, 1 << 23]
LINKS = {"10 Gbit/s Ethernet": Link(3e-5, 1.25e9), "NVLink of 300 GB/s": Link(5e-6, 3e11)}
RESULTS = Path(__file__).parent / "results"


class Timed(MPICommunicator):
    """Counts calls and bytes of the sums, and the seconds inside them."""

    seconds, calls, bytes = 0.0, 0, 0

    def all_reduce(self, array: Any) -> None:
        start = perf_counter()
        super().all_reduce(array)
        self.seconds += perf_counter() - start
        self.calls += 1
        self.bytes += array.nbytes


# -- on the ranks ----------------------------------------------------------------------------------


def measure(steps: int) -> dict[str, Any]:
    """Medians on this rank: of a step at two sizes of the batch, of what it says, and of sums."""
    with joined(Timed()) as ranks:
        found: dict[str, Any] = {"steps": {b: step(ranks, b, steps) for b in (BATCH, BATCH // 2)}}
        if ranks.size > 1:
            found["sums"] = {size: sum_seconds(ranks, size, steps) for size in SIZES}
        return found if ranks.rank == 0 else {}


def step(ranks: Timed, batch: int, steps: int) -> dict[str, float]:
    """Of the GAN with a global batch of so many examples."""
    train = ours.gan(gan_784(ranks.share(batch)))
    for i in range(20):
        train(i)
    seconds, talked = [], []
    ranks.calls = ranks.bytes = 0
    for i in range(steps):
        before, start = ranks.seconds, perf_counter()
        train(i)
        seconds.append(perf_counter() - start)
        talked.append(ranks.seconds - before)
    return {
        "seconds": float(np.median(seconds)), "in_sums": float(np.median(talked)),
        "calls": ranks.calls // steps, "bytes": ranks.bytes // steps,
    }  # fmt: skip


def sum_seconds(ranks: Timed, size: int, steps: int) -> float:
    """Of one sum of so many bytes."""
    array = np.zeros(size // 4, "float32")
    times = []
    for _ in range(min(steps, 50)):
        ranks.barrier()
        start = perf_counter()
        ranks.all_reduce(array)
        times.append(perf_counter() - start)
    return float(np.median(times))


# -- starting them, and what follows ---------------------------------------------------------------


def measured(ranks: int, threads: int, steps: int) -> dict[str, Any]:
    """What `measure` finds on so many ranks of so many threads."""
    mpiexec = shutil.which("mpiexec", path=sysconfig.get_path("scripts")) or "mpiexec"
    worker = [sys.executable, "-m", "benchmarks.parallel", "--worker", "--steps", str(steps)]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": str(threads)}
    done = subprocess.run(
        [mpiexec, "-n", str(ranks), *worker], env=environment, check=True, stdout=subprocess.PIPE
    )
    return json.loads(done.stdout)


def middle(rounds: list[Any]) -> Any:
    """The median of each number: a machine is not as fast at all times, and all runs take turns."""
    if isinstance(rounds[0], dict):
        return {key: middle([found[key] for found in rounds]) for key in rounds[0]}
    return float(np.median(rounds))


def cost_of(one: dict[str, Any], two: dict[str, Any]) -> StepCost:
    """From one rank's times with two sizes of the batch, and what two ranks say."""
    whole, half = (one["steps"][str(b)]["seconds"] for b in (BATCH, BATCH // 2))
    slope = max(whole - half, 0.0) / (BATCH // 2)
    said = two["steps"][str(BATCH)]
    return StepCost(max(whole - slope * BATCH, 0.0), slope, int(said["calls"]), int(said["bytes"]))


def table(cost: StepCost, links: dict[str, Link]) -> list[str]:
    """Predicted throughput by link, passes an update and ranks, in markdown."""
    rows = [
        "| link | passes an update | " + " | ".join(map(str, RANKS)) + " ranks |",
        "|---|---|" + "---|" * len(RANKS),
    ]
    for name, link in links.items():
        for passes in (1, 8):
            found = [predict(cost, link, n, BATCH, passes) for n in RANKS]
            cells = [f"{p.throughput:,.0f} ({p.efficiency:.0%})" for p in found]
            rows.append(f"| {name} | {passes} | " + " | ".join(cells) + " |")
    return rows


def report(runs: dict[str, dict[str, Any]]) -> tuple[list[str], dict[str, Link], StepCost]:
    """The lines of the report."""
    one, threads, two = (runs[k] for k in ("one", "threads", "two"))
    here = fit_link({int(size): t for size, t in two["sums"].items()})
    cost = cost_of(one, two)
    alone, both, wide = (r["steps"][str(BATCH)] for r in (one, two, threads))
    links = {"this machine": here, **LINKS}
    said = predict(cost, here, 2, BATCH // 2)
    # A run says one number more in each step: whether a rank was asked to stop.
    cost = cost._replace(calls=cost.calls + 1)
    overlap = {name: predict(cost, link, 16, BATCH) for name, link in links.items()}
    lines = [
        f"One rank, one thread: {alone['seconds'] * 1e3:.2f} ms a step of {BATCH} examples; two "
        f"threads: {wide['seconds'] * 1e3:.2f} ms; two ranks of one thread, {BATCH // 2} examples "
        f"each: {both['seconds'] * 1e3:.2f} ms, of which {both['in_sums'] * 1e3:.2f} ms in "
        f"{both['calls']:.0f} sums of {both['bytes'] / 1e6:.2f} MB together.",
        f"Two ranks over two threads: {both['seconds'] / wide['seconds']:.2f}.",
        f"This machine's link: {here.latency * 1e6:.1f} us, {here.bandwidth / 1e9:.2f} GB/s. The "
        f"model says {said.seconds * 1e3:.2f} ms for two ranks: "
        f"{said.seconds / both['seconds']:.2f} of what was measured.",
        "",
        f"Predicted examples a second of all ranks, {BATCH} a rank and pass (efficiency):",
        "",
        *table(cost, links),
        "",
        "What hiding all communication behind the backward pass could gain at 16 ranks, at most: "
        + ", ".join(f"{n} {p.overlapped / p.throughput:.2f}x" for n, p in overlap.items())
        + "; with 8 passes an update "
        + ", ".join(
            f"{p.overlapped / p.throughput:.2f}x"
            for p in (predict(cost, link, 16, BATCH, 8) for link in links.values())
        )
        + ".",
    ]
    return lines, links, cost


def draw(path: Path, links: dict[str, Link], cost: StepCost) -> None:
    """Throughput over ranks, with and without accumulation, beside the ideal line."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6.4, 4.0), layout="constrained")
    ranks = [2**i for i in range(13)]
    best = predict(cost, LINKS["NVLink of 300 GB/s"], 1, BATCH).throughput
    axes.loglog(ranks, [best * n for n in ranks], color="0.7", label="n times one rank")
    for i, (name, link) in enumerate(links.items()):
        for passes, style in ((1, "-"), (8, "--")):
            found = [predict(cost, link, n, BATCH, passes).throughput for n in ranks]
            label = name if passes == 1 else None
            axes.loglog(ranks, found, style, color=f"C{i}", label=label)
    axes.set_xlabel("ranks (dashed: 8 passes an update)")
    axes.set_ylabel("predicted examples a second")
    axes.legend()
    figure.savefig(path, dpi=130)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--steps", type=int, default=200, help="of each run")
    parser.add_argument("--rounds", type=int, default=7, help="of all runs, one after another")
    parser.add_argument("--save", action="store_true", help=f"into {RESULTS.name}/parallel.*")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        if found := measure(options.steps):
            print(json.dumps(found))
        return
    plan = {"one": (1, 1), "threads": (1, 2), "two": (2, 1)}
    rounds = [
        {name: measured(*how, options.steps) for name, how in plan.items()}
        for _ in range(options.rounds)
    ]
    runs = middle(rounds)
    lines, links, cost = report(runs)
    print("\n".join(lines))
    if options.save:
        (RESULTS / "parallel.json").write_text(json.dumps(runs, indent=2) + "\n")
        (RESULTS / "parallel.md").write_text("\n".join(lines) + "\n")
        draw(RESULTS / "parallel.png", links, cost)


if __name__ == "__main__":
    main()
