"""What `orthogonal_gan` found, as tables and a picture: means and differences with intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import stdev
from typing import Any, NamedTuple

import numpy as np

from tinygen.metrics import Estimate, bootstrap

Run = Mapping[str, Any]

PLAIN = "plain Adam"
FALLING = "falling rates"
COMBINATION = "combination: to-weights for D, falling rates"
MUON = "Muon for D, falling rates"
T_QUANTILES = {
    1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262,
}  # fmt: skip
"""97.5% of Student's distribution by its degrees of freedom."""


@dataclass(frozen=True)
class Column:
    """A measure of runs. times: from what JSON holds to what is shown."""

    key: str
    title: str
    digits: int
    times: float = 1.0


OF_MIXTURES = (
    Column("overlap", "overlap, %", 1, 100.0),
    Column("modes", "modes", 1),
    Column("high_quality", "high quality, %", 1, 100.0),
    Column("reverse_kl", "reverse KL", 3),
)
OF_DIGITS = (
    Column("frechet", "Frechet distance", 1),
    Column("classes", "classes", 1),
    Column("precision", "precision, %", 1, 100.0),
    Column("coverage", "coverage, %", 1, 100.0),
)
COLUMNS = {"ring": OF_MIXTURES, "grid": OF_MIXTURES, "digits": OF_DIGITS}
"""Of each dataset; the first is what differences are of."""


class Difference(NamedTuple):
    """From plain Adam of the same seeds, in the units that are shown, and what that says."""

    estimate: Estimate
    verdict: str


def difference(runs: Sequence[Run], plain: Sequence[Run], column: Column) -> Difference | None:
    """Of the seeds that both have, two at least; a value that is missing leaves its seed out.

    "better" and "worse" need two intervals without 0: the bootstrap's, which is too narrow for so
    few pairs, and Student's, which takes them for normal.
    """
    of_plain = {run["seed"]: run[column.key] for run in plain}
    pairs = [(run[column.key], of_plain.get(run["seed"])) for run in runs]
    found = [column.times * (a - b) for a, b in pairs if a is not None and b is not None]
    if len(found) < 2:
        return None
    estimate = interval(found)
    reach = T_QUANTILES[len(found) - 1] * stdev(found) / math.sqrt(len(found))
    low, high = (
        min(estimate.low, estimate.value - reach),
        max(estimate.high, estimate.value + reach),
    )
    greater_is_better = column.key != "frechet"
    verdict = "-"
    if low > 0 or high < 0:
        verdict = "better" if (low > 0) == greater_is_better else "worse"
    return Difference(estimate, verdict)


def interval(values: Sequence[float]) -> Estimate:
    """The mean, and between what it lies by the bootstrap."""
    return bootstrap(lambda rows: float(rows.mean()), np.array(values)[:, None], seed=0)


def table(found: Sequence[Run], names: Sequence[str]) -> str:
    """Markdown: the datasets one after the other."""
    lines = [
        "# Does orthogonal projection help a GAN?",
        "",
        "Made by `python -m benchmarks.orthogonal_gan --save`, whose head tells what was done. "
        "Means over seeds; in brackets 95% intervals of the",
        "mean by the bootstrap. *Less plain Adam's*: of the first measure, seed by seed. Better or "
        "worse: the interval of the difference leaves out 0,",
        "and Student's does too; of 60 such verdicts a few come by chance. Overlap: of the "
        "samples' distribution over modes and elsewhere with an",
        "even one over the modes; it lacks whatever is missing, blurred or too much.",
        "",
    ]
    by_data = {data: [run for run in found if run["data"] == data] for data in COLUMNS}
    by_data = {data: runs for data, runs in by_data.items() if of(runs, PLAIN)}
    lines += [*short(by_data, names), ""]
    for data, runs in by_data.items():
        lines += [*section(data, runs, names), ""]
    return "\n".join(lines)


def short(by_data: Mapping[str, Sequence[Run]], names: Sequence[str]) -> list[str]:
    """One table of all datasets: what each variant has more than plain Adam."""
    heads = [f"{data}: {COLUMNS[data][0].title}" for data in by_data]
    own = [shown(of(runs, PLAIN), COLUMNS[data][0]) for data, runs in by_data.items()]
    lines = [
        f"| more than {PLAIN} (of distances less is better) | {' | '.join(heads)} |",
        "|---|" + "---|" * len(heads),
        f"| {PLAIN} itself | {' | '.join(own)} |",
    ]
    for name in names:
        row = [
            difference(of(runs, name), of(runs, PLAIN), COLUMNS[data][0])
            for data, runs in by_data.items()
        ]
        if name == PLAIN or not any(row):
            continue
        said = [
            "" if one is None else _said(one, data) for one, data in zip(row, by_data, strict=True)
        ]
        lines.append(f"| {name} | {' | '.join(said)} |")
    return lines


def _said(found: Difference, data: str) -> str:
    text = bracketed(found.estimate, COLUMNS[data][0].digits, sign="+")
    return text if found.verdict == "-" else f"{text} **{found.verdict}**"


def section(data: str, runs: Sequence[Run], names: Sequence[str]) -> list[str]:
    """The table of one dataset, and what it says in a sentence."""
    columns = COLUMNS[data]
    first, *others = columns
    heads = [
        "", first.title, "less plain Adam's", "", *(c.title for c in others), "failed", "cost",
        "steps", "rate",
    ]  # fmt: skip
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    verdicts: dict[str, list[str]] = {"better": [], "worse": []}
    plain = of(runs, PLAIN)
    for name in names:
        own = of(runs, name)
        if not own:
            continue
        found = None if name == PLAIN else difference(own, plain, first)
        if found and found.verdict in verdicts:
            verdicts[found.verdict].append(name)
        lines.append(f"| {' | '.join([name, *cells(own, found, columns)])} |")
    said = "; ".join(f"{v}: {', '.join(who) or 'none'}" for v, who in verdicts.items())
    return [
        f"## {data}, {len(plain)} seeds of plain Adam",
        "",
        *lines,
        "",
        f"Than plain Adam on {data}, {said}.",
        *share(of(runs, COMBINATION), of(runs, FALLING), first),
    ]


def share(combination: Sequence[Run], falling: Sequence[Run], column: Column) -> list[str]:
    """How much of the combination is not its falling rates, which have nothing orthogonal."""
    found = difference(combination, falling, column)
    if found is None:
        return []
    shown = bracketed(found.estimate, column.digits, sign="+")
    said = "which chance may do" if found.verdict == "-" else found.verdict
    return [f"The combination less plain Adam with {FALLING}: {shown}, {said}."]


def of(runs: Sequence[Run], name: str) -> list[Run]:
    """Those of one variant."""
    return [run for run in runs if run["variant"] == name]


def cells(own: Sequence[Run], found: Difference | None, columns: Sequence[Column]) -> list[str]:
    """Of one row, after its name."""
    first, *others = (shown(own, column) for column in columns)
    less = ["", ""]
    if found:
        less = [bracketed(found.estimate, columns[0].digits, sign="+"), found.verdict]
    return [
        first,
        *less,
        *others,
        f"{sum(run['failed'] for run in own)} of {len(own)}",
        f"{own[0]['cost']:.2f}",
        f"{own[0]['steps']:,}",
        f"{own[0]['lr']:g}",
    ]


def shown(own: Sequence[Run], column: Column) -> str:
    """The mean with its interval, of the runs that have it."""
    values = [column.times * run[column.key] for run in own if run[column.key] is not None]
    if not values:
        return "-"
    if len(values) == 1:
        return f"{values[0]:.{column.digits}f}"
    return bracketed(interval(values), column.digits)


def bracketed(estimate: Estimate, digits: int, sign: str = "") -> str:
    """12.3 (11.0 to 13.1)."""
    value, low, high = (
        f"{v:{sign}.{digits}f}" for v in (estimate.value, estimate.low, estimate.high)
    )
    return f"{value} ({low} to {high})"


def draw(found: Sequence[Run], names: Sequence[str], path: Path) -> None:
    """Differences from plain Adam with their intervals, a panel for each dataset."""
    from matplotlib.figure import Figure

    datasets = [data for data in COLUMNS if any(run["data"] == data for run in found)]
    figure = Figure(figsize=(4.2 * len(datasets) + 2, 6.5), layout="constrained")
    panels = figure.subplots(1, len(datasets), sharey=True, squeeze=False)[0]
    rows = [name for name in names if name != PLAIN]
    looks = {"better": ("tab:green", "^"), "worse": ("tab:red", "v"), "-": ("tab:gray", "o")}
    for panel, data in zip(panels, datasets, strict=True):
        column = COLUMNS[data][0]
        runs = [run for run in found if run["data"] == data]
        for place, name in enumerate(rows):
            one = difference(of(runs, name), of(runs, PLAIN), column)
            if one is None:
                continue
            colour, marker = looks[one.verdict]
            panel.plot([one.estimate.low, one.estimate.high], [place, place], color=colour)
            panel.plot(one.estimate.value, place, marker, color=colour)
        panel.axvline(0.0, color="black", linewidth=0.8)
        better = "left" if column.key == "frechet" else "right"
        panel.set_title(f"{data}: {column.title}\nless plain Adam's ({better} is better)")
        panel.set_yticks(range(len(rows)), rows)
    panels[0].invert_yaxis()
    figure.savefig(path, dpi=80)
