"""A comparison as text: a row for each recipe, means over its seeds and how far these differ."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, stdev

from .contest import Entry
from .measures import Measures

__all__ = ["render"]

REAL = "real data"


def render(entries: Sequence[Entry], real: Measures) -> str:
    """Steps, their time, every measure, the score where there is one, and what failed."""
    names = list(dict.fromkeys(entry.recipe for entry in entries))
    header = ["", "steps", "ms a step", *real, "score"]
    rows = [header]
    for name in names:
        rows.append(_row(name, [entry for entry in entries if entry.recipe == name], list(real)))
    rows.append([REAL, "", "", *(_text(value) for value in real.values()), ""])
    widths = [max(len(row[i]) for row in rows) for i in range(len(header))]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip()
             for row in rows]  # fmt: skip
    failures = [f"{e.recipe}, seed {e.seed}: {e.failure}" for e in entries if e.failure]
    return "\n".join([*lines, *failures])


def _row(name: str, entries: Sequence[Entry], measures: Sequence[str]) -> list[str]:
    good = [entry for entry in entries if not entry.failure]
    label = name if len(good) == len(entries) else f"{name} ({len(good)} of {len(entries)})"
    if not good:
        return [label, *[""] * (3 + len(measures))]
    found = [_spread([entry.measures[m] for entry in good]) for m in measures]
    return [
        label,
        f"{fmean(e.steps for e in good):.0f}",
        f"{fmean(1e3 * e.seconds / e.steps for e in good):.2f}",
        *found,
        _score(good),
    ]


def _score(entries: Sequence[Entry]) -> str:
    """With its name, since each kind of model has another."""
    if not entries[0].score:
        return ""
    (name,) = entries[0].score
    return f"{_spread([entry.score[name] for entry in entries])} {name}"


def _spread(values: Sequence[float]) -> str:
    """The mean, and the standard deviation over seeds."""
    if len(values) == 1:
        return _text(values[0])
    return f"{_text(fmean(values))} +- {_text(stdev(values))}"


def _text(value: float) -> str:
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
