"""Results as a picture: time over size, both logarithmic, a panel for each workload.

`draw(results)` is the PNG of what `session.run` returned.
"""

from __future__ import annotations

import io
import math
import textwrap
from collections.abc import Mapping
from typing import Any

from .crossing import as_number
from .table import time_text

__all__ = ["MissingMatplotlib", "draw"]

COLUMNS = 4
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Okabe & Ito's, which people who see colours differently can tell apart."""

LINES = ("-", "--", ":")
"""One for each library, tinygen first."""

MARKERS = "osD^"


class MissingMatplotlib(RuntimeError):  # noqa: N818
    """There is no picture, and the message says what to install."""


def draw(results: Mapping[str, Any]) -> bytes:
    """The PNG.

    Raises:
        MissingMatplotlib: with a sentence.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingMatplotlib(
            f"no plot was drawn, since matplotlib cannot be imported ({error}); "
            "pip install 'tinygen[plot]'."
        ) from None
    entries = results["workloads"]
    columns = min(COLUMNS, len(entries))
    lines = math.ceil(len(entries) / columns)
    figure = Figure(figsize=(max(4.2 * columns, 6.5), 3.3 * lines + 1.3), layout="constrained")
    styles = _styles(list(results["machine"]["devices"]))
    panels = figure.subplots(lines, columns, squeeze=False).ravel()
    for panel, entry in zip(panels, entries, strict=False):
        _panel(panel, entry, styles)
    for unused in panels[len(entries) :]:
        unused.set_axis_off()
    handles = {
        label: handle for panel in panels for handle, label in
        zip(*panel.get_legend_handles_labels(), strict=True)
    }  # fmt: skip
    figure.legend(
        handles.values(), handles.keys(), loc="outside upper center",
        ncols=max(1, len(handles)), frameon=False, fontsize=11,
    )  # fmt: skip
    caption = textwrap.fill(_caption(results["machine"]), int(13 * figure.get_figwidth()))
    figure.supxlabel(caption, fontsize=9, color="#555555")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    return buffer.getvalue()


def _styles(names: list[str]) -> dict[str, dict[str, str]]:
    """A colour for each competitor, a kind of line for each library."""
    libraries = list(dict.fromkeys(name.split()[0] for name in names))
    return {
        name: {
            "color": COLOURS[i % len(COLOURS)],
            "linestyle": LINES[libraries.index(name.split()[0]) % len(LINES)],
            "marker": MARKERS[libraries.index(name.split()[0]) % len(MARKERS)],
        }
        for i, name in enumerate(names)
    }


def _panel(panel: Any, entry: Mapping[str, Any], styles: Mapping[str, Any]) -> None:
    for name, style in styles.items():
        points = [p for p in entry["points"] if name in p["seconds"]]
        if not points:
            continue
        sizes = [p["size"] for p in points]
        low, median, high = (
            [p["seconds"][name][key] for p in points] for key in ("low", "median", "high")
        )
        panel.plot(sizes, median, label=name, markersize=4.5, linewidth=1.6, **style)
        panel.fill_between(sizes, low, high, color=style["color"], alpha=0.15, linewidth=0)
    _axes(panel, [p["size"] for p in entry["points"]])
    panel.set_title(entry["workload"], fontsize=12, fontweight="bold", loc="left")
    panel.set_xlabel(entry["size_is"])
    panel.grid(True, which="major", color="#dddddd", linewidth=0.7)
    panel.set_axisbelow(True)
    for side in ("top", "right"):
        panel.spines[side].set_visible(False)
    for i, crossing in enumerate(entry["overtakes"]):
        _mark(panel, crossing, styles, i)


def _axes(panel: Any, sizes: list[int]) -> None:
    """Logarithmic; the measured sizes below, and a few round times at the side."""
    from matplotlib.ticker import FixedLocator, LogLocator, NullLocator

    panel.set_xscale("log")
    panel.set_yscale("log")
    panel.xaxis.set_major_locator(FixedLocator(sizes))
    panel.xaxis.set_minor_locator(NullLocator())
    panel.xaxis.set_major_formatter(lambda value, _: _short(round(value)))
    low, high = panel.get_ylim()
    panel.set_ylim(low / 1.3, high * 1.6)  # room for words
    narrow = high / low < 50
    panel.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if narrow else (1,)))
    panel.yaxis.set_minor_locator(NullLocator())
    panel.yaxis.set_major_formatter(lambda value, _: _round_time(value))


def _short(size: int) -> str:
    """100000 is "100k"."""
    for scale, letter in ((10**6, "M"), (10**3, "k")):
        if size >= scale and size % scale == 0:
            return f"{size // scale}{letter}"
    return f"{size:,}"


def _round_time(seconds: float) -> str:
    """2e-5 is "20 us"."""
    number, unit = time_text(seconds).split()
    return f"{float(number):g} {unit}"


def _mark(panel: Any, crossing: Mapping[str, Any], styles: Mapping[str, Any], i: int) -> None:
    """A line at the size where a device gets ahead, and in words what it means."""
    colour = styles[crossing["faster"]]["color"]
    library, device = crossing["faster"].split()
    if crossing["size"] is None:
        said = f"{library}: {device} never ahead here"
    elif crossing["inside"]:
        panel.axvline(crossing["size"], color=colour, linewidth=1.0, linestyle=(0, (2, 2)))
        said = f"{library}: {device} ahead from {as_number(crossing['size'])}"
    else:
        said = f"{library}: {device} ahead at every size"
    panel.text(
        0.03, 0.96 - 0.09 * i, said, transform=panel.transAxes, fontsize=8.5, color=colour,
        va="top", zorder=5, bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.0},
    )  # fmt: skip


def _caption(machine: Mapping[str, Any]) -> str:
    gpus = dict.fromkeys(d["name"] for d in machine["devices"].values() if d.get("name"))
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    threads = machine["threads"]
    counted = "" if threads is None else f", {threads} thread{'s' if threads > 1 else ''}"
    hardware = " + ".join([machine["processor"], *gpus])
    return f"{hardware}{counted}; NumPy {machine['numpy']}, {versions}. Bands: 10% to 90%."
