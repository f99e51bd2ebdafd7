"""A whole run: every workload that was asked for, at every size, and on what it ran."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from ..backend import backend_for
from . import machine, ours
from .competitors import Field
from .crossing import Crossing, overtaking
from .measure import Effort, equal_threads, measure
from .workloads import WORKLOADS

__all__ = ["crossings", "run"]

HOST = "cpu"


def run(
    sizes: Mapping[str, Sequence[int]],
    field: Field,
    effort: Effort,
    begin: Callable[[dict[str, Any]], None],
    each: Callable[[dict[str, Any]], None],
) -> dict[str, Any]:
    """Measure.

    Args:
        sizes: of each workload that is wanted, by its name.
        begin: is told the machine before anything is measured.
        each: is told every workload's results when they are there.

    Returns:
        what goes into the JSON file: {"date", "machine", "missing": {competitor: why},
        "others_cores": what other processes used meanwhile, "memory": {device: its pool},
        "workloads": [{"workload", "summary", "size_is", "points": see `measure`, "overtakes"}]}.
    """
    load = machine.Load()
    with equal_threads() as count:
        found = {
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": {
                **machine.facts({lib.NAME: lib.VERSION for lib in field.libraries()}),
                "threads": count or None,
                "devices": {c.name: c.library.facts(c.device) for c in field.competitors},
            },
            "missing": field.missing,
        }
        begin(found)
        entries = []
        for name, wanted in sizes.items():
            points = [
                measure(WORKLOADS[name], size, field.competitors, effort, several=count != 1)
                for size in sorted(wanted)
            ]
            entries.append(entry := _entry(name, points, field))
            each(entry)
    return {**found, "others_cores": load.others(), "memory": _memory(field), "workloads": entries}


def crossings(points: Sequence[Mapping[str, Any]], field: Field) -> dict[tuple[str, str], Crossing]:
    """Of every device against the processor, library by library: {(faster, slower): where}."""
    found = {}
    for library in field.libraries():
        slower = f"{library.NAME} {HOST}"
        for device in (d for d in field.on(library) if d != HOST):
            faster = f"{library.NAME} {device}"
            both = [p for p in points if {slower, faster} <= p["seconds"].keys()]
            if both:
                found[faster, slower] = overtaking(
                    [p["size"] for p in both],
                    [p["seconds"][slower]["median"] for p in both],
                    [p["seconds"][faster]["median"] for p in both],
                )
    return found


def _entry(name: str, points: list[dict[str, Any]], field: Field) -> dict[str, Any]:
    workload = WORKLOADS[name]
    return {
        "workload": name,
        "summary": workload.summary,
        "size_is": workload.size_is,
        "points": points,
        "overtakes": [
            {"faster": faster, "slower": slower, "size": c.size, "inside": c.inside,
             "sentence": c.describe(faster, slower, workload.size_is)}
            for (faster, slower), c in crossings(points, field).items()
        ],
    }  # fmt: skip


def _memory(field: Field) -> dict[str, Any]:
    """The pools of tinygen's devices after all that; reserved is what was needed at most."""
    pools = {device: backend_for(device).memory() for device in field.on(ours)}
    return {device: asdict(pool) for device, pool in pools.items() if pool}
