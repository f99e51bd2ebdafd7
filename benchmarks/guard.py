"""Has tinygen become slower beside PyTorch than the committed table says?

Ratios of interleaved steps are compared, never times, which belong to a machine. A workload fails
when even the 10th percentile of its ratios lies above the committed 90th.
"""

from __future__ import annotations

from typing import Any


def compare(now: dict[str, Any], saved: dict[str, Any]) -> tuple[list[str], bool]:
    """Lines for a terminal, and whether any workload has become slower."""
    before = {(e["workload"], e["threads"]): e for e in saved["steps"]}
    lines, slower = [], False
    for entry in now["steps"]:
        key = entry["workload"], entry["threads"]
        label = f"{key[0]}, {key[1]} thread{'s' if key[1] > 1 else ''}"
        new, old = _ratio(entry), _ratio(before.get(key))
        if new is None or old is None:
            lines.append(f"{label}: not compared, since one of the two has no ratio to PyTorch")
            continue
        worse = new["low"] > old["high"]
        better = new["high"] < old["low"]
        verdict = "SLOWER" if worse else "faster" if better else "as before"
        lines.append(f"{label}: {verdict}, {_shown(new)} after {_shown(old)}")
        slower = slower or worse
    return lines, slower


def _shown(ratio: dict[str, float]) -> str:
    return f"{ratio['median']:.2f} ({ratio['low']:.2f} to {ratio['high']:.2f})"


def _ratio(entry: dict[str, Any] | None) -> dict[str, float] | None:
    return None if entry is None else entry["peers"]["tinygen"]["ratio"]
