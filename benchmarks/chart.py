"""The results as pictures."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from .peers import FLOOR, REFERENCE

COLOURS = {
    "tinygen": "#0072B2", REFERENCE: "#D55E00", "JAX, jit": "#009E73", "DeZero": "#CC79A7",
    "HIPS autograd": "#E69F00", "MyGrad": "#56B4E9", "scikit-learn": "#8c564b",
    "NumPy by hand": "#777777", FLOOR: "#cccccc",
}  # fmt: skip
"""Who is shown, in this order; variants of PyTorch are in the table."""

TALLEST = 4.5


def ratios(results: dict[str, Any]) -> bytes:
    """A PNG: for each number of threads, bars of every competitor's time over PyTorch eager's."""
    from matplotlib.figure import Figure

    counts = sorted({entry["threads"] for entry in results["steps"]})
    figure = Figure(figsize=(12, 3.2 * len(counts) + 0.6), layout="constrained")
    panels = figure.subplots(len(counts), squeeze=False)[:, 0]
    for panel, count in zip(panels, counts, strict=True):
        entries = [entry for entry in results["steps"] if entry["threads"] == count]
        for k, (name, colour) in enumerate(COLOURS.items()):
            found = [entry["peers"].get(name, {}).get("ratio") for entry in entries]
            at = [i for i, ratio in enumerate(found) if ratio]
            shown = [ratio for ratio in found if ratio]
            places = np.array(at) + (k - len(COLOURS) / 2 + 0.5) * 0.1
            medians = [r["median"] for r in shown]
            errors = [
                [r["median"] - r["low"] for r in shown],
                [r["high"] - r["median"] for r in shown],
            ]
            panel.bar(
                places, medians, 0.095, yerr=errors, color=colour, label=name,
                error_kw={"elinewidth": 0.7, "ecolor": "#333"},
            )  # fmt: skip
            for place, median in zip(places, medians, strict=True):
                if median > TALLEST:
                    panel.text(place, TALLEST * 0.98, f"{median:.1f}", fontsize=7, ha="center",
                               va="top", rotation=90)  # fmt: skip
        panel.axhline(1.0, color=COLOURS[REFERENCE], linewidth=0.8)
        panel.set_ylim(0, TALLEST)
        panel.set_xticks(range(len(entries)), [entry["workload"] for entry in entries])
        panel.set_ylabel(f"time over {REFERENCE}'s")
        panel.set_title(f"{count} thread{'s' if count > 1 else ''}", fontsize=10)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=5, frameon=False, fontsize=9)
    return _png(figure)


def scaling(curves: list[dict[str, Any]]) -> bytes:
    """A PNG: time and memory of each curve over its sizes, both logarithmic."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.1 * len(curves), 5.6), layout="constrained")
    panels = figure.subplots(2, len(curves), squeeze=False)
    for column, curve in enumerate(curves):
        for row, (name, label) in enumerate((("ms", "ms of a step"), ("mb", "MB at its peak"))):
            panel = panels[row, column]
            exponent = curve[f"{name}_exponent"]
            panel.loglog(curve["sizes"], curve[name], "o-", color=COLOURS["tinygen"])
            panel.set_title(f"{curve['what']}\nexponent {exponent:.2f}", fontsize=9)
            panel.set_xticks(curve["sizes"], [str(size) for size in curve["sizes"]])
            panel.set_xticks([], minor=True)
            panel.set_ylim(min(curve[name]) / 2, 2 * max(curve[name]))  # a flat line looks flat
            panel.yaxis.set_major_formatter("{x:g}")
            panel.yaxis.set_minor_formatter("")
            panel.tick_params(labelsize=8)
            panel.set_ylabel(label)
    return _png(figure)


def _png(figure: Any) -> bytes:
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=110)
    return out.getvalue()
