"""A run's folder, read for people: whatever is missing or broken is noted, and the rest shown.

A run may still be going on, or come from a stranger: nothing here is believed to be well formed.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

from ..runs import RunFolder

__all__ = ["RunRecord", "pictures_of", "read_run"]

LARGEST = 2**28
"""Bytes of a JSON file that is still read."""

DEEPEST = 6
"""Names in a dotted name."""


@dataclass
class RunRecord:
    """What a run's files say.

    config, environment, data: values as text by their (dotted) names. metrics: of each name, the
    steps and the values, nan where there was none. seconds: steps, and seconds since the start.
    evaluations: results by step. pictures: files by step, by series. resumed: a line each.
    verdicts: how training went, in a line, each until the next.
    """

    path: Path
    config: dict[str, str]
    environment: dict[str, str]
    data: dict[str, str]
    metrics: dict[str, tuple[list[int], list[float]]]
    seconds: tuple[list[int], list[float]]
    evaluations: dict[int, dict[str, str]]
    pictures: dict[str, dict[int, Path]]
    resumed: list[dict[str, str]]
    verdicts: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Of its folder."""
        return self.path.resolve().name

    @property
    def last_step(self) -> int:
        """The last that was reported."""
        return max((steps[-1] for steps, _ in self.metrics.values()), default=0)

    @property
    def seconds_per_step(self) -> float | None:
        """The median over reports, which the pauses of an interrupted run do not move."""
        steps, seconds = self.seconds
        rates = sorted(
            (seconds[i] - seconds[i - 1]) / (steps[i] - steps[i - 1])
            for i in range(1, len(steps))
            if steps[i] > steps[i - 1] and seconds[i] >= seconds[i - 1]
        )
        if rates:
            return rates[len(rates) // 2]
        return seconds[0] / steps[0] if steps and steps[0] else None

    @property
    def total_seconds(self) -> float | None:
        """Of training, over all its resumptions."""
        _, seconds = self.seconds
        if not seconds:
            return None
        return seconds[0] + sum(b - a if b >= a else b for a, b in pairwise(seconds))


def read_run(path: Path) -> RunRecord:
    """What the folder holds. Raises RunError where it is no run's, or its settings are broken."""
    config = RunFolder.open(path).config
    notes: list[str] = []
    lines = _lines(path / "metrics.jsonl", notes)
    metrics, seconds = _metrics(lines)
    evaluations = {
        step: _flat(_json(file, notes))
        for step, file in _numbered(path / "evaluation", ".json").items()
    }
    return RunRecord(
        path,
        _flat(config),
        _flat(_json(path / "env.json", notes)),
        _flat(_json(path / "data.json", notes)),
        metrics,
        seconds,
        evaluations,
        pictures_of(path),
        [_flat(line) for line in _lines(path / "history.jsonl", notes)],
        _verdicts(lines),
        notes,
    )


def pictures_of(path: Path) -> dict[str, dict[int, Path]]:
    """The pictures RUN/NAME/step-000100.png by step, by name; "samples" first."""
    try:
        folders = sorted(p for p in path.iterdir() if p.is_dir() and p.name != "drawn")
    except OSError:
        return {}
    folders.sort(key=lambda p: p.name != "samples")
    found = {folder.name: _numbered(folder, ".png") for folder in folders}
    return {name: pictures for name, pictures in found.items() if pictures}


def _numbered(folder: Path, suffix: str) -> dict[int, Path]:
    """The files step-000100 of a folder by their number, in its order."""
    pattern = re.compile(rf"step-(\d{{1,12}}){re.escape(suffix)}")
    try:
        paths = [p for p in folder.iterdir() if p.is_file()]
    except OSError:
        return {}
    found = {int(m[1]): p for p in paths if (m := pattern.fullmatch(p.name))}
    return dict(sorted(found.items()))


def _metrics(
    lines: list[dict[str, Any]],
) -> tuple[dict[str, tuple[list[int], list[float]]], tuple[list[int], list[float]]]:
    metrics: dict[str, tuple[list[int], list[float]]] = {}
    for line in lines:
        step = line.get("step")
        if type(step) is not int or not 0 <= step < 10**12:
            continue
        for name, value in line.items():
            if name != "step" and (value is None or _is_number(value)):
                steps, values = metrics.setdefault(name, ([], []))
                steps.append(step)
                values.append(math.nan if value is None else float(value))
    return metrics, metrics.pop("seconds", ([], []))


def _verdicts(lines: list[dict[str, Any]]) -> list[str]:
    """Each that differs from the one before."""
    told = [line["verdict"] for line in lines if isinstance(line.get("verdict"), str)]
    return [verdict for verdict, _ in groupby(told)]


def _lines(path: Path, notes: list[str]) -> list[dict[str, Any]]:
    """The objects in a file of one JSON object a line; a last line half written is no news."""
    lines = [line for line in _text(path, notes).split("\n") if line.strip()]
    objects = []
    for number, line in enumerate(lines, 1):
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, dict):
            objects.append(value)
        elif number < len(lines):
            notes.append(f"line {number} of {path.name} is broken and was left out")
    return objects


def _json(path: Path, notes: list[str]) -> Any:
    text = _text(path, notes)
    if not text:
        return {}
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        notes.append(f"{path.name} is broken and was left out")
        return {}


def _text(path: Path, notes: list[str]) -> str:
    """A file's text; "" where there is none."""
    try:
        if not path.is_file():
            return ""
        if path.stat().st_size > LARGEST:
            notes.append(f"{path.name} is larger than {LARGEST >> 20} MiB and was left out")
            return ""
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        notes.append(f"{path.name} cannot be read ({error.strerror})")
        return ""


def _flat(value: Any, name: str = "", depth: int = 0) -> dict[str, str]:
    """Nested settings as text by dotted names; a list of plain values is one text."""
    if isinstance(value, dict) and value and depth < DEEPEST:
        parts = (_flat(v, f"{name}.{k}" if name else str(k), depth + 1) for k, v in value.items())
        return {k: v for part in parts for k, v in part.items()}
    if isinstance(value, list):
        between = " " if name == "command" else ", "
        return {name: between.join(_shown(v) for v in value) or "none"}
    return {name: _shown(value)} if name else {}


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if value is None or value == {}:
        return "none"
    try:
        return value if isinstance(value, str) else json.dumps(value)
    except RecursionError:
        return "..."


def _is_number(value: Any) -> bool:
    """One that can be drawn."""
    return type(value) in (int, float) and abs(value) < 1e300
