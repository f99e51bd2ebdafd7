"""`python -m benchmarks.games [--rounds 60]`: a step of each game over a plain step.

The networks of the workload gan-784, batch 128, Adam, with and without R1. Everyone's steps are
interleaved and timed by the processor time of one thread; ratios are taken round by round. A plain
step updates the players by turns, each with a forward pass of G of its own.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from datetime import date
from time import process_time

import numpy as np

import tinygen as tg
from tinygen.backend.numpy import keep_freed_memory
from tinygen.bench import machine
from tinygen.bench.timing import Summary, quiet_collector, threads
from tinygen.models.gan import R1, GANTrainer, mlp
from tinygen.optim.games import (
    Alternating,
    Consensus,
    Extragradient,
    Game,
    Optimistic,
    RotationCorrection,
    Simultaneous,
)

BATCH, NOISE, WARM_UP = 128, 784, 5

GAMES: dict[str, Callable[[], Game | None]] = {
    "plain": lambda: None,
    "simultaneous": Simultaneous,
    "alternating": Alternating,
    "optimistic": Optimistic,
    "extragradient": Extragradient,
    "consensus": Consensus,
    "rotation correction, aligned": RotationCorrection,
    "rotation correction": lambda: RotationCorrection(align=False),
    "rotation correction, aligned, reported": lambda: RotationCorrection(report=True),
}


def stepper(game: Game | None, penalty: bool) -> Callable[[int], object]:
    rng = tg.Generator(0)
    trainer = GANTrainer(
        mlp([NOISE, 128, 128, 784], rng),
        mlp([784, 128, 128, 1], rng),
        rng=rng,
        noise_shape=NOISE,
        regularizers=[R1(1.0)] if penalty else [],
        game=game,
    )
    batches = np.random.default_rng(0).random((8, BATCH, 784), dtype="float32")
    return lambda i: trainer.step(batches[i % len(batches)])


def measure(rounds: int, penalty: bool) -> dict[str, tuple[Summary, Summary]]:
    """Of each game: milliseconds of a step, and its time over the plain step's, round by round."""
    steps = {name: stepper(make(), penalty) for name, make in GAMES.items()}
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    with threads(1), quiet_collector():
        for i in range(WARM_UP + rounds):
            for name, step in steps.items():
                step(2 * i)  # brings its weights into the cache
                start = process_time()
                step(2 * i + 1)
                seconds[name].append(process_time() - start)
    taken = {name: np.array(values[WARM_UP:]) for name, values in seconds.items()}
    return {
        name: (Summary.of(1e3 * s), Summary.of(s / taken["plain"])) for name, s in taken.items()
    }


def render(found: dict[str, tuple[Summary, Summary]], penalty: bool, others: float | None) -> str:
    """A table in Markdown."""
    load = "?" if others is None else f"{others:.2f}"
    lines = [
        f"### A step of gan-784 as a game, {'R1' if penalty else 'no penalty'}, 1 thread",
        "",
        f"{date.today().isoformat()}; other processes used {load} cores meanwhile.",
        "",
        "| | ms: median (10th to 90th percentile) | its time over a plain step's |",
        "|---|---|---|",
    ]
    for name, (ms, ratio) in found.items():
        lines.append(
            f"| {name} | {ms.median:.2f} ({ms.low:.2f} to {ms.high:.2f}) | {ratio.median:.2f} "
            f"({ratio.low:.2f} to {ratio.high:.2f}) |"
        )
    return "\n".join(lines) + "\n"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.games")
    parser.add_argument("--rounds", type=int, default=60, help="steps of each")
    options = parser.parse_args(argv)
    keep_freed_memory()
    for penalty in (False, True):
        load = machine.Load()
        found = measure(options.rounds, penalty)
        print(render(found, penalty, load.others()), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
