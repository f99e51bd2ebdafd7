"""One row of the table of published results: what was published, how, what counts as reproduced.

A row of your own is a `Row` with a `run` and a `judge`; `reproduce(row)` runs its seeds and returns
an `Outcome`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from time import perf_counter
from typing import Any

__all__ = ["Outcome", "Row", "Verdict", "reproduce"]

Figures = Mapping[str, float]
"""What one seed gave, by name; the first is what the row is about."""


@dataclass(frozen=True)
class Verdict:
    """Whether figures meet the row's mark and its stretch mark (None: it has none), and why."""

    passed: bool
    stretch: bool | None
    because: str


@dataclass(frozen=True)
class Row:
    """A published result and how it is to be reproduced.

    published: the figure and who published it; or that there is none, and what is compared instead.
    mark, stretch: what proves the method right, and what is better than the literature, in words.
    seeds: how many are run unless the user says otherwise.
    run: (seed, quick) to figures; a quick run shows that it works, and is not judged.
    judge: the figures of all seeds to a verdict.
    """

    name: str
    summary: str
    published: str
    protocol: str
    mark: str
    stretch: str
    seeds: int
    run: Callable[[int, bool], Figures]
    judge: Callable[[Sequence[Figures]], Verdict]


@dataclass(frozen=True)
class Outcome:
    """What running a row gave. verdict: None after a quick run."""

    row: Row
    seeds: tuple[int, ...]
    figures: tuple[Figures, ...]
    seconds: float
    verdict: Verdict | None

    def describe(self) -> str:
        """Published, ours, the mark and whether it is met: lines for a terminal."""
        lines = [
            f"{self.row.name}: {self.row.summary}",
            f"  published  {self.row.published}",
            f"  protocol   {self.row.protocol}",
        ]
        seeds = f"seed {self.seeds[0]}" if len(self.seeds) == 1 else f"{len(self.seeds)} seeds"
        for i, name in enumerate(self.figures[0]):
            label = "ours" if i == 0 else ""
            lines.append(f"  {label:9}  {name}: {_spread([f[name] for f in self.figures])}")
        lines.append(f"  mark       {self.row.mark}; stretch: {self.row.stretch}")
        lines.append(f"  verdict    {self._verdict()} ({seeds}, {self.seconds:.0f} s)")
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """The same for a JSON file, where what is not finite becomes null."""
        figures = [
            {name: value if math.isfinite(value) else None for name, value in found.items()}
            for found in self.figures
        ]
        return {
            "name": self.row.name,
            "published": self.row.published,
            "protocol": self.row.protocol,
            "mark": self.row.mark,
            "stretch": self.row.stretch,
            "seeds": list(self.seeds),
            "figures": figures,
            "seconds": round(self.seconds, 1),
            "verdict": self.verdict and vars(self.verdict),
        }

    def _verdict(self) -> str:
        if self.verdict is None:
            return "not judged: a quick run is too short for the mark"
        met = "passed" if self.verdict.passed else "MISSED"
        stretch = {None: "", True: ", stretch met", False: ", stretch not met"}
        return f"{met}{stretch[self.verdict.stretch]}: {self.verdict.because}"


def reproduce(
    row: Row,
    seeds: int | None = None,
    quick: bool = False,
    note: Callable[[str], None] = lambda text: None,
) -> Outcome:
    """Run a row from seeds 0, 1, ...

    Args:
        seeds: how many; None for the row's own number, or 1 if quick.
        note: is told how it goes.
    """
    count = seeds if seeds is not None else 1 if quick else row.seeds
    started = perf_counter()
    found: list[Figures] = []
    for seed in range(count):
        note(f"{row.name}: seed {seed}, {seed + 1} of {count}")
        found.append(row.run(seed, quick))
    seconds = perf_counter() - started
    verdict = None if quick else row.judge(found)
    return Outcome(row, tuple(range(count)), tuple(found), seconds, verdict)


def _spread(values: Sequence[float]) -> str:
    """Mean, standard deviation, least and greatest; each by itself if one has no end."""
    if not all(map(math.isfinite, values)):
        return ", ".join(f"{value:.4g}" for value in values)
    if len(values) == 1:
        return f"{values[0]:.4g}" if abs(values[0]) < 10 else f"{values[0]:.2f}"
    mean, deviation = fmean(values), stdev(values)
    digits = 4 if abs(mean) < 10 else 2
    ends = f"{min(values):.{digits}f} to {max(values):.{digits}f}"
    return f"{mean:.{digits}f} +- {deviation:.{digits}f} ({ends})"
