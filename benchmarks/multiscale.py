"""`python -m benchmarks.multiscale`: the table and the picture of GANs of several scales.

From the runs that `tinygen reproduce multiscale` left in benchmarks/results/reproduce (where
TINYGEN_REPRODUCED names that folder): nothing is trained here.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

RESULTS = Path(__file__).with_name("results")
RUNS = RESULTS / "reproduce" / "multiscale-runs.json"
COLUMNS = {"32x32": "32 pixels", "16x16": "16 pixels", "coverage": "coverage"}
COLOURS = {"32x32": "#0072B2", "16x16": "#E69F00"}

Table = dict[str, dict[str, list[float]]]
"""By run and by figure: one number of each seed."""


def main() -> int:
    found = table(json.loads(RUNS.read_text(encoding="utf-8"))["runs"])
    text = markdown(found)
    print(text, end="")
    (RESULTS / "multiscale.md").write_text(text, encoding="utf-8")
    draw(found, RESULTS / "multiscale.png")
    return 0


def table(runs: Mapping[str, Any]) -> Table:
    """The runs of all seeds, the best at 32 pixels first."""
    found: Table = {}
    for name, run in runs.items():
        label = name.rsplit(", seed ", 1)[0]
        for key, value in run["figures"].items():
            found.setdefault(label, {}).setdefault(key, []).append(value)
    return dict(sorted(found.items(), key=lambda entry: fmean(entry[1]["32x32"])))


def markdown(found: Table) -> str:
    """Means and standard deviations over the seeds."""
    lines = [
        f"| model, features | seeds | seconds | steps | {' | '.join(COLUMNS.values())} |",
        "|---" * (4 + len(COLUMNS)) + "|",
    ]
    for label, figures in found.items():
        seeds = len(figures["32x32"])
        trained = [
            f"{fmean(figures[key]):.0f}" if key in figures else "" for key in ("seconds", "steps")
        ]
        cells = [spread(figures[name], 2 if name == "coverage" else 1) for name in COLUMNS]
        lines.append(f"| {' | '.join([label, str(seeds), *trained, *cells])} |")
    return "\n".join(lines) + "\n"


def spread(values: list[float], digits: int) -> str:
    deviation = f" +- {stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{fmean(values):.{digits}f}{deviation}"


def draw(found: Table, path: Path) -> None:
    """Bars of both distances, each seed a dot; both on a scale of factors."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 0.32 * len(found) + 1.1), layout="constrained")
    panel = figure.subplots()
    labels = list(found)[::-1]
    for offset, (level, colour) in zip((0.19, -0.19), COLOURS.items(), strict=True):
        for row, label in enumerate(labels):
            values = found[label][level]
            panel.barh(
                row + offset, fmean(values), 0.36, color=colour,
                label=f"patches at {COLUMNS[level]}" if row == 0 else None,
            )  # fmt: skip
            panel.plot(values, [row + offset] * len(values), "o", color="#222", markersize=2.5)
    panel.set_yticks(range(len(labels)), labels)
    panel.set_xscale("log")
    panel.xaxis.set_major_formatter("{x:g}")
    panel.set_xlabel("sliced Wasserstein distance to held-out images, times 1000")
    panel.legend(frameon=False)
    figure.savefig(path, dpi=80)


if __name__ == "__main__":
    sys.exit(main())
