"""`python -m benchmarks.gan_stability [--seconds 8] [--seeds 3] [--save]`: what trains stably?

Every loss with every penalty on ring and grid, each run for the same seconds of processor time. The
networks, their first weights and the batches are those of the recipes `gan-ring` and `gan-grid`;
rates are the plain GAN's usual ones and stay, no noise fades and nothing is averaged, so that what
differs is the loss and the penalty alone. A run has failed if it reaches fewer than half of the
modes, or if fewer than a fifth of its samples are of high quality.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from tinygen.backend.numpy import keep_freed_memory
from tinygen.bench.timing import threads
from tinygen.metrics import ModeCoverage
from tinygen.models.gan import OBJECTIVES
from tinygen.reproduce.modes import PLAIN, train_covering

RESULTS = Path(__file__).with_name("results")
MIXTURES = ("ring", "grid")

WEIGHTS = {
    "none": 0.0,
    "r1": 5e-4,
    "r2": 5e-4,
    "gradient-penalty": 0.1,
    "one-sided": 0.1,
    "dragan": 0.1,
}
"""Of each penalty, in the units that the networks see, where the grid's modes are 0.05 wide: what
is weak enough for an edge of D so sharp. The last three hold slopes at 1, or below it."""

BOTH = "r1 and r2"

USUAL = {"lr": 1e-3, "d_lr": 1e-3, "beta1": 0.5, "penalty_every": 4}

Run = Mapping[str, Any]


def penalties() -> Mapping[str, Mapping[str, Any]]:
    """Settings by name: each penalty alone, and the recipe's pair."""
    alone: dict[str, dict[str, Any]] = {
        name: {"penalty": name, "penalty_weight": weight, "second_penalty": "none"}
        for name, weight in WEIGHTS.items()
    }
    pair = {"penalty": "r1", "penalty_weight": WEIGHTS["r1"], "second_penalty": "r2"}
    return alone | {BOTH: pair}


def one(mixture: str, objective: str, penalty: str, seed: int, seconds: float) -> Run:
    """A run as JSON holds it."""
    plain = {name: value for name, value in PLAIN.items() if name != "reach"}
    settings = {**plain, **USUAL, "objective": objective, **penalties()[penalty]}
    # What diverges overflows, and is counted as failed.
    with np.errstate(all="ignore"):
        trained = train_covering(mixture, seed, settings, seconds)
    coverage = trained.coverage
    return {
        "data": mixture,
        "objective": objective,
        "penalty": penalty,
        "seed": seed,
        "modes": coverage.modes,
        "there_are": len(coverage.counts),
        "high_quality": coverage.high_quality,
        "reverse_kl": None if math.isnan(coverage.reverse_kl) else coverage.reverse_kl,
        "failed": has_failed(coverage),
        "steps": trained.steps,
    }


def has_failed(coverage: ModeCoverage) -> bool:
    """As the page's head defines it."""
    return coverage.modes < len(coverage.counts) / 2 or coverage.high_quality < 0.2


def chosen(found: Sequence[Run], **which: str) -> list[Run]:
    """The runs of this data, objective, penalty."""
    return [run for run in found if all(run[key] == value for key, value in which.items())]


def table(found: Sequence[Run], seconds: float) -> str:
    """Markdown: means over seeds, the share of failed runs last."""
    seeds = 1 + max(run["seed"] for run in found)
    lines = [
        "# Losses and penalties on mixtures in the plane",
        "",
        f"Made by `python -m benchmarks.gan_stability --seconds {seconds:g} --seeds {seeds} --save`"
        ". Means over seeds; each",
        f"run had {seconds:g} s of processor time. Failed: fewer than half of the modes, or fewer "
        "than 20% of the samples within three",
        "standard deviations of one.",
        "",
    ]
    for mixture in MIXTURES:
        there_are = found_in(found, mixture)
        lines += [
            f"## {mixture}, {there_are} modes",
            "",
            "| loss | penalty | modes | high quality, % | reverse KL | failed | steps |",
            "|---|---|---|---|---|---|---|",
        ]
        for objective, penalty in product(OBJECTIVES, penalties()):
            runs = chosen(found, data=mixture, objective=objective, penalty=penalty)
            if runs:
                lines.append(f"| {objective} | {penalty} | {' | '.join(cells(runs))} |")
        lines.append("")
    return "\n".join(lines)


def found_in(found: Sequence[Run], mixture: str) -> int:
    """How many modes the mixture has."""
    return next(run["there_are"] for run in found if run["data"] == mixture)


def cells(runs: Sequence[Run]) -> list[str]:
    """Of one row of the table."""
    kls = [run["reverse_kl"] for run in runs if run["reverse_kl"] is not None]
    return [
        f"{fmean(run['modes'] for run in runs):.1f}",
        f"{100 * fmean(run['high_quality'] for run in runs):.1f}",
        f"{fmean(kls):.3f}" if kls else "-",
        f"{sum(run['failed'] for run in runs)} of {len(runs)}",
        f"{fmean(run['steps'] for run in runs):,.0f}",
    ]


def draw(found: Sequence[Run], path: Path) -> None:
    """Heat maps: the share of modes above, that of high quality below; ring left, grid right."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12.5, 7.5), layout="constrained")
    panels = figure.subplots(2, len(MIXTURES))
    measures = {
        "modes reached, %": lambda run: 100 * run["modes"] / run["there_are"],
        "samples of high quality, %": lambda run: 100 * run["high_quality"],
    }
    names = list(penalties())
    for row, (title, measure) in zip(panels, measures.items(), strict=True):
        for panel, mixture in zip(row, MIXTURES, strict=True):
            grid = np.array(
                [
                    [
                        fmean(map(measure, chosen(found, data=mixture, objective=o, penalty=p)))
                        for p in names
                    ]
                    for o in OBJECTIVES
                ]
            )
            panel.imshow(grid, vmin=0, vmax=100, cmap="viridis", aspect="auto")
            panel.set_title(f"{mixture}: {title}")
            panel.set_xticks(range(len(names)), names, rotation=20, ha="right")
            panel.set_yticks(range(len(OBJECTIVES)), list(OBJECTIVES))
            for (y, x), value in np.ndenumerate(grid):
                colour = "white" if value < 60 else "black"
                panel.text(x, y, f"{value:.0f}", ha="center", va="center", color=colour)
    figure.savefig(path, dpi=80)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gan_stability")
    parser.add_argument("--seconds", type=float, default=8.0, help="of processor time for each run")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--save", action="store_true", help="table, JSON and picture, in results")
    options = parser.parse_args(argv)
    keep_freed_memory()
    found = []
    with threads(1):
        for mixture, objective, penalty, seed in product(
            MIXTURES, OBJECTIVES, penalties(), range(options.seeds)
        ):
            found.append(one(mixture, objective, penalty, seed, options.seconds))
            print(json.dumps(found[-1]), file=sys.stderr, flush=True)
    text = table(found, options.seconds)
    print(text)
    if options.save:
        (RESULTS / "gan-stability.md").write_text(text, encoding="utf-8")
        content = {"seconds": options.seconds, "runs": found}
        (RESULTS / "gan-stability.json").write_text(json.dumps(content, indent=1) + "\n")
        draw(found, RESULTS / "gan-stability.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
