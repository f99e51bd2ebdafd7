"""Results as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..backend.memory import as_text
from .machine import is_busy

__all__ = ["closing", "heading", "rows", "time_text"]

SCALES = ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns"))


def heading(found: Mapping[str, Any]) -> Iterator[str]:
    """The machine, what is missing, and how to read what follows."""
    m = found["machine"]
    memory = f", {m['memory_gib']} GiB" if m["memory_gib"] else ""
    versions = ", ".join(f"{name} {version}" for name, version in m["versions"].items())
    yield f"{m['processor']}, {m['cores']} cores{memory}; Python {m['python']}, {versions}"
    yield f"NumPy {m['numpy']} with {'; '.join(m['blas'])}; {_threads(m['threads'])}"
    for name, device in m["devices"].items():
        if device.get("name"):
            yield f"{name}: {_device(device)}"
    for name, value in m["environment"].items():
        yield f"set in the environment: {name}={value}"
    for name, reason in found["missing"].items():
        yield f"not measured: {name}: {reason}"
    yield ""
    yield "Median time of a call, and half of the way from the 10th to the 90th percentile."


def rows(entry: Mapping[str, Any]) -> Iterator[str]:
    """One workload: a line for each size, a column for each competitor, then the ratios."""
    points = entry["points"]
    names = list(dict.fromkeys(n for p in points for n in (*p["seconds"], *p["failures"])))
    ratios = list(dict.fromkeys((a, b) for p in points for a in p["ratio"] for b in p["ratio"][a]))
    yield ""
    yield f"{entry['workload']}: {entry['summary']}"
    heads = [f"{n:>20}" for n in names]
    yield f"{entry['size_is']:>12}" + "".join(heads) + "".join(f"{_over(*r):>20}" for r in ratios)
    for p in points:
        cells = [_time(p["seconds"][n]) if n in p["seconds"] else "-" for n in names]
        cells += [_ratio(p["ratio"].get(a, {}).get(b)) for a, b in ratios]
        yield f"{p['size']:>12,}" + "".join(f"{cell:>20}" for cell in cells)
    for p in points:
        for name, failure in p["failures"].items():
            yield f"  {name} at {p['size']:,}: {failure['reason']}"
    for crossing in entry["overtakes"]:
        yield f"  {crossing['sentence']}"


def closing(results: Mapping[str, Any]) -> Iterator[str]:
    """What was needed of the devices' memory, and whether the machine was quiet."""
    yield ""
    for device, pool in results["memory"].items():
        limit = f", limit {as_text(pool['limit'])}" if pool["limit"] else ""
        yield (
            f"Memory of {device}: {as_text(pool['reserved'])} reserved at most of "
            f"{as_text(pool['total'])}{limit}."
        )
    if not any(" cpu" not in name for name in results["machine"]["devices"]):
        yield "Only the processor was measured, so nothing is said of where a GPU overtakes it."
    others = results["others_cores"]
    if is_busy(others):
        yield (
            f"Other processes used {others:.2f} cores meanwhile: measure again on a quiet machine "
            "before building on these times; the ratios suffer less."
        )


def time_text(seconds: float) -> str:
    """To three digits: "1.23 us"."""
    scale, unit = next(((s, u) for s, u in SCALES if seconds >= 0.9995 * s), SCALES[-1])
    return f"{seconds / scale:#.3g}".rstrip(".") + f" {unit}"


def _time(summary: Mapping[str, float]) -> str:
    return f"{time_text(summary['median'])} ±{_spread(summary):3.0%}"


def _ratio(summary: Mapping[str, float] | None) -> str:
    return "-" if summary is None else f"{summary['median']:.3g} ±{_spread(summary):3.0%}"


def _spread(summary: Mapping[str, float]) -> float:
    return (summary["high"] - summary["low"]) / (2 * summary["median"])


def _over(mine: str, other: str) -> str:
    """The ratio of two competitors on one device: "tinygen / torch"."""
    return f"{mine.split(maxsplit=1)[0]} / {other}"


def _threads(count: int | None) -> str:
    if count is None:
        return "threads unknown (threadpoolctl would tell: pip install 'tinygen[bench]')"
    return f"{count} thread{'s' if count > 1 else ''}"


def _device(facts: Mapping[str, Any]) -> str:
    driver = f"driver {facts['driver']}, " if facts["driver"] else ""
    return (
        f"{facts['name']}, compute capability {facts['compute_capability']}, "
        f"{as_text(facts['memory'])}; {driver}CUDA {facts['cuda_runtime']} (the driver runs up to "
        f"{facts['cuda_of_driver']}), CuPy {facts['cupy']}"
    )
