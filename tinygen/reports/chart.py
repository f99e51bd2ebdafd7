"""Curves as SVG: one chart, its axes, and a line for each series. No script is needed to see it."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from html import escape

__all__ = ["COLOURS", "Series", "chart"]

COLOURS = 8
"""Of lines, in page.css."""

WIDTH, HEIGHT = 520, 270
LEFT, RIGHT, TOP, BOTTOM = 60, 24, 12, 42
MOST_POINTS = 400
SMOOTHED_FROM = 40
LOG_FROM = 100.0


@dataclass(frozen=True)
class Series:
    """A line: its name, its colour's number, and its points; nan leaves a gap."""

    label: str
    colour: int
    steps: list[int]
    values: list[float]


def chart(title: str, series: list[Series]) -> str:
    """A figure of HTML. The y axis is logarithmic where positive values span two decades."""
    finite = [v for s in series for v in s.values if math.isfinite(v)]
    if not finite:
        return f"<figure class=chart><h3>{escape(title)}</h3><p>No numbers to draw.</p></figure>"
    log = min(finite) > 0 and max(finite) / min(finite) >= LOG_FROM
    x_axis = _Axis.over([s for line in series for s in line.steps], LEFT, WIDTH - RIGHT, False)
    y_axis = _Axis.over(finite, HEIGHT - BOTTOM, TOP, log)
    lines = "".join(_line(s, x_axis, y_axis) for s in series)
    smoothed = any(len(s.steps) >= SMOOTHED_FROM for s in series)
    hints = [h for h, true in (("log scale", log), ("bold: running mean", smoothed)) if true]
    note = f" <small>{', '.join(hints)}</small>" if hints else ""
    return (
        f"<figure class=chart {_for_the_script(series, x_axis, y_axis)}>"
        f"<h3>{escape(title)}{note}</h3>{_legend(series)}"
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role=img aria-label="{escape(title)} by step">'
        f"{_grid(x_axis, y_axis)}{lines}<line class=cursor y1={TOP} y2={HEIGHT - BOTTOM} /></svg>"
        "<output></output></figure>"
    )


@dataclass(frozen=True)
class _Axis:
    """Values from `low` to `high` on the picture from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float
    log: bool

    @classmethod
    def over(cls, values: list[int] | list[float], start: float, end: float, log: bool) -> _Axis:
        """An axis that holds all of them, with a little air."""
        low, high = float(min(values)), float(max(values))
        if log:
            return cls(low / 1.1, high * 1.1, start, end, log)
        if low == high:
            air = abs(low) * 0.1 or 1.0
            return cls(low - air, high + air, start, end, log)
        air = (high - low) * 0.04 if end < start else 0.0  # the y axis only
        return cls(low - air, high + air, start, end, log)

    def place(self, value: float) -> float:
        """Where a value lies."""
        return self.start + (self.end - self.start) * self._share(value)

    def _share(self, value: float) -> float:
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def ticks(self) -> list[float]:
        """Four to eight round numbers."""
        if self.log:
            decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            stride = max(1, len(decades) // 6)
            return self._within([10.0**e for e in decades][::stride])
        rough = (self.high - self.low) / 5
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * 0.999)
        first = math.ceil(self.low / step)
        return self._within([i * step for i in range(first, first + 12)])

    def _within(self, ticks: list[float]) -> list[float]:
        return [t for t in ticks if self.low <= t <= self.high]


def _grid(x_axis: _Axis, y_axis: _Axis) -> str:
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    parts = []
    for tick in y_axis.ticks():
        y = y_axis.place(tick)
        parts.append(f'<line class=grid x1={LEFT} x2={right} y1="{y:.1f}" y2="{y:.1f}" />')
        parts.append(f'<text x={LEFT - 8} y="{y:.1f}" class=y>{_number(tick)}</text>')
    for tick in x_axis.ticks():
        x = x_axis.place(tick)
        parts.append(f'<text x="{x:.1f}" y={bottom + 18} class=x>{_number(tick)}</text>')
    parts.append(f"<line class=axis x1={LEFT} x2={right} y1={bottom} y2={bottom} />")
    parts.append(f"<text x={right} y={HEIGHT - 4} class=name>step</text>")
    return "".join(parts)


def _line(series: Series, x_axis: _Axis, y_axis: _Axis) -> str:
    def path(steps: list[int], values: list[float]) -> str:
        drawn, pen = [], "M"
        for step, value in zip(steps, values, strict=True):
            if not math.isfinite(value):
                pen = "M"
                continue
            drawn.append(f"{pen}{x_axis.place(step):.1f} {y_axis.place(value):.1f}")
            pen = "L"
        return "".join(drawn)

    steps, values = _thinned(series.steps, series.values)
    colour = f"c{series.colour % COLOURS}"
    if len(series.steps) < SMOOTHED_FROM:
        dots = "".join(
            f'<circle class={colour} cx="{x_axis.place(s):.1f}" cy="{y_axis.place(v):.1f}" r=2.5 />'
            for s, v in zip(steps, values, strict=True)
            if math.isfinite(v)
        )
        return f'<path class="{colour} bold" d="{path(steps, values)}" />{dots}'
    smooth = _thinned(series.steps, _running_mean(series.values))
    return (
        f'<path class="{colour} thin" d="{path(steps, values)}" />'
        f'<path class="{colour} bold" d="{path(*smooth)}" />'
    )


def _thinned(steps: list[int], values: list[float]) -> tuple[list[int], list[float]]:
    """At most about `MOST_POINTS` points: of each stretch, its first, least and greatest value."""
    stretch = math.ceil(len(steps) / (MOST_POINTS / 3))
    if stretch <= 3:
        return steps, values
    kept: list[int] = []
    for start in range(0, len(steps), stretch):
        inside = range(start, min(start + stretch, len(steps)))
        known = [i for i in inside if math.isfinite(values[i])]
        extremes = [min(known, key=values.__getitem__), max(known, key=values.__getitem__)]
        kept += sorted({start, *extremes}) if known else [start]
    kept.append(len(steps) - 1)
    return [steps[i] for i in kept], [values[i] for i in kept]


def _running_mean(values: list[float]) -> list[float]:
    """Over a 20th of the line around each point; what is not finite stays a gap."""
    reach = max(1, len(values) // 40)
    sums, counts = [0.0], [0]
    for value in values:
        known = math.isfinite(value)
        sums.append(sums[-1] + (value if known else 0.0))
        counts.append(counts[-1] + known)
    means = []
    for i, value in enumerate(values):
        a, b = max(0, i - reach), min(len(values), i + reach + 1)
        count = counts[b] - counts[a]
        means.append((sums[b] - sums[a]) / count if math.isfinite(value) and count else math.nan)
    return means


def _legend(series: list[Series]) -> str:
    items = "".join(f"<li class=c{s.colour % COLOURS}>{escape(s.label)}</li>" for s in series)
    return f"<ul class=legend>{items}</ul>"


def _for_the_script(series: list[Series], x_axis: _Axis, y_axis: _Axis) -> str:
    """The points and where they lie, for reading values off with a finger or a mouse."""
    lines = []
    for s in series:
        steps, values = _thinned(s.steps, s.values)
        points = [[a, _short(b)] for a, b in zip(steps, values, strict=True) if math.isfinite(b)]
        lines.append({"label": s.label, "colour": s.colour % COLOURS, "points": points})
    x = {"low": x_axis.low, "high": x_axis.high, "start": x_axis.start, "end": x_axis.end}
    return f'data-chart="{escape(json.dumps({"x": x, "lines": lines}))}" data-width={WIDTH}'


def _short(value: float) -> float:
    return float(f"{value:.4g}")


def _number(value: float) -> str:
    """A tick's label: 0.5, 20k, 3M, 1e-5."""
    size = abs(value)
    for limit, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if limit <= size < 1e13:
            return f"{value / (1e3 if letter == 'k' else limit):.4g}{letter}"
    return f"{value:.4g}"
