"""`python -m benchmarks.gan_ablation [--seeds 3] [--data grid] [--save]`: what each part adds.

The recipes `gan-ring` and `gan-grid`, without one of their parts at a time, and a plain GAN with
one of the parts, all for the recipe's seconds of processor time. `--tune` searches the plain GAN's
rates instead, from a seed that no other measurement uses; the best of them stand in
tinygen/reproduce/modes.py.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from tinygen.backend.numpy import keep_freed_memory
from tinygen.bench.timing import threads
from tinygen.reproduce.modes import PLAIN, TUNED, Trained, mean_and_error, train_covering

RESULTS = Path(__file__).with_name("results")
TUNING_SEED = 1_000

WITHOUT: dict[str, Mapping[str, Any]] = {
    "the recipe": {},
    "without hyperplanes over the data": {"reach": 0.0},
    "without instance noise": {"instance_noise": 0.0},
    "without penalties": {"penalty": "none", "second_penalty": "none"},
    "without the second penalty": {"second_penalty": "none"},
    "without pairs: non-saturating": {"objective": "non-saturating"},
    "without decay of the rates": {"decay": False},
    "without the average of weights": {"ema": 0.0},
    "without depth: G of two layers of 128": {"generator": (128, 128)},
}


def variants(mixture: str) -> dict[str, Mapping[str, Any]]:
    """Settings by name."""
    plain = {**PLAIN, **TUNED[mixture]}
    return WITHOUT | {
        "plain GAN, tuned": plain,
        "plain GAN with hyperplanes over the data": {
            name: value for name, value in plain.items() if name != "reach"
        },
    }


RATES = (1e-4, 3e-4, 1e-3, 3e-3)


def tuning() -> Iterator[dict[str, Any]]:
    """The plain GAN's rates, G's and D's."""
    for lr, d_lr in product(RATES, RATES):
        yield {"lr": lr, "d_lr": d_lr, "beta1": 0.5}


def in_time(mixture: str, seed: int, settings: Mapping[str, Any], seconds: float) -> Trained:
    """As many steps as these seconds hold, known beforehand, so that rates reach 0 at the end."""
    steps = max(1, round(PROBE * seconds / _probe(mixture, settings)))
    return train_covering(mixture, seed, {**settings, "steps": steps})


PROBE = 200
"""Steps that tell how long one takes."""


def _probe(mixture: str, settings: Mapping[str, Any]) -> float:
    return train_covering(mixture, 0, {**settings, "steps": PROBE}).seconds


def tune(mixture: str, seconds: float) -> dict[str, Any]:
    """The plain GAN's best settings: of all rates, and then with and without momentum."""
    tried: list[tuple[tuple[float, float], dict[str, Any]]] = []

    def attempt(settings: dict[str, Any]) -> None:
        trained = train_covering(mixture, TUNING_SEED, {**PLAIN, **settings}, seconds)
        tried.append((rank(trained), settings))
        print(f"{mixture}, {settings}: {trained.coverage.describe()}", flush=True)

    for settings in tuning():
        attempt(settings)
    attempt({**_best(tried), "beta1": 0.0})
    return _best(tried)


def _best(tried: Sequence[tuple[tuple[float, float], dict[str, Any]]]) -> dict[str, Any]:
    return max(tried, key=lambda pair: pair[0])[1]


def rank(trained: Trained) -> tuple[float, float]:
    """Modes first, then how evenly they are filled: the reverse KL, with its sign changed."""
    kl = trained.coverage.reverse_kl
    return trained.coverage.modes, -math.inf if math.isnan(kl) else -kl


def table(mixture: str, found: Mapping[str, Sequence[Trained]], seconds: float) -> str:
    """Markdown."""
    seeds = len(next(iter(found.values())))
    lines = [
        f"### {mixture}: {seconds:.0f} s of processor time each, {seeds} seeds",
        "",
        "| | modes | high quality, % | reverse KL | steps |",
        "|---|---|---|---|---|",
    ]
    for name, runs in found.items():
        cells = (
            mean_and_error([r.coverage.modes for r in runs]),
            mean_and_error([100 * r.coverage.high_quality for r in runs]),
            mean_and_error([r.coverage.reverse_kl for r in runs], 3),
            f"{sum(r.steps for r in runs) / seeds:,.0f}",
        )
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gan_ablation")
    parser.add_argument("--data", default="ring,grid", help="ring, grid or both")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--seconds", type=float, help="instead of the recipe's own")
    parser.add_argument("--tune", action="store_true", help="search the plain GAN's rates")
    parser.add_argument("--save", action="store_true", help="into benchmarks/results")
    options = parser.parse_args(argv)
    keep_freed_memory()
    tables = []
    with threads(1):
        for mixture in options.data.split(","):
            seconds = options.seconds or train_covering(mixture, TUNING_SEED, {}).seconds
            if options.tune:
                print(f"{mixture}: best is {tune(mixture, seconds)}")
                continue
            found: dict[str, list[Trained]] = {name: [] for name in variants(mixture)}
            for seed, (name, settings) in product(range(options.seeds), variants(mixture).items()):
                found[name].append(in_time(mixture, seed, settings, seconds))
                said = found[name][-1].coverage.describe()
                print(f"{mixture}, seed {seed}, {name}: {said}", file=sys.stderr, flush=True)
            tables.append(table(mixture, found, seconds))
    print("\n".join(tables))
    if options.save and tables:
        (RESULTS / "gan-ablation.md").write_text("\n".join(tables))
    return 0


if __name__ == "__main__":
    sys.exit(main())
