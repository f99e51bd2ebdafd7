"""Pictures of the recorded graph, and of a Tensor in a notebook.

    tg.draw_graph(loss, "loss.svg", names={"x": x, **dict(model.named_parameters())})

Every box is an operation with its result's shape, and what it keeps in memory for its derivative;
the bar below compares that with the hungriest operation's. Blue boxes are leaves. Data flow down.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np

from .backend import ARRAY_TYPES, BACKEND_OF, Array, host
from .layout import arrange
from .tensor import Node, Tensor

__all__ = ["Picture", "draw_graph"]


class Picture(str):
    """The text of an SVG (or DOT) file; a notebook shows the picture."""

    __slots__ = ()

    def _repr_svg_(self) -> str | None:
        return str(self) if self.startswith("<svg") else None

    def __repr__(self) -> str:
        return f"<picture of {len(self)} characters; give draw_graph a path to save it>"


def draw_graph(
    y: Tensor,
    path: str | os.PathLike[str] | None = None,
    *,
    names: Mapping[str, Tensor] | None = None,
    most: int = 200,
) -> Picture:
    """Draw how `y` was computed.

    Args:
        path: a file to write, .svg or (for Graphviz) .dot; None to return the SVG only.
        names: what to call leaves and results, such as `dict(model.named_parameters())`.
        most: a larger graph is not drawn box by box but summed up, operation by operation.

    Returns:
        The text of the file.

    Raises:
        ValueError: nothing was recorded for `y`, or the path ends in something else.

    >>> x = tg.tensor([1.0, 2.0], requires_grad=True)
    >>> picture = tg.draw_graph(tg.tanh(x) * x, "graph.svg", names={"x": x})
    >>> picture[:4], "tanh" in picture
    ('<svg', True)
    """
    if y._node is None:
        raise ValueError(
            "draw_graph: nothing was recorded for this tensor; compute it from tensors with "
            "requires_grad=True, outside no_grad."
        )
    kind = ".svg" if path is None else Path(path).suffix
    if kind not in (".svg", ".dot"):
        raise ValueError(f"draw_graph: the path must end in .svg or .dot, not {kind!r}.")
    graph = _Graph(y._node, names or {})
    if kind == ".dot":
        text = _dot(graph)
    else:
        text = _svg(graph) if len(graph.boxes) <= most else _summary(graph)
    if path is not None:
        Path(path).write_text(text, encoding="utf-8")
    return Picture(text)


# -- what there is to draw -------------------------------------------------------------------------


@dataclass
class _Box:
    title: str
    detail: str
    kept: int  # bytes
    kind: str  # "leaf", "op" or "end"
    inputs: list[int]

    def lines(self) -> list[str]:
        return [self.title, self.detail, *([f"keeps {_bytes(self.kept)}"] if self.kept else [])]

    def size(self) -> tuple[float, float]:
        lines = self.lines()
        widest = max(8.6 * len(self.title), *(6.9 * len(line) for line in lines[1:]))
        return max(74.0, widest + 26.0), 22.0 + 17.0 * len(lines) - (self.kept == 0) * 4


class _Graph:
    """The boxes, oldest first, and the memory that they keep."""

    def __init__(self, root: Node, names: Mapping[str, Tensor]) -> None:
        called = {t._node: name for name, t in names.items() if t._node is not None}
        nodes = _nodes(root)
        number = {node: i for i, node in enumerate(nodes)}
        self.boxes = []
        memory: dict[int, int] = {}
        own = {_owner(t._data)[0] for t in names.values() if t._node and t._node.op is None}
        for node in nodes:
            arrays = list(_kept(node))
            memory |= dict(map(_owner, arrays))
            self.boxes.append(_Box(
                title=_title(node, called.get(node)),
                detail=f"{_shape(node.shape)} {node.dtype}",
                kept=sum(a.nbytes for a in {id(a): a for a in arrays}.values()),
                kind="leaf" if node.op is None else "end" if node is root else "op",
                inputs=[number[n] for n in _inputs(node)],
            ))  # fmt: skip
            own |= {
                _owner(a)[0]
                for a, n in zip((node.kept or ())[1:], node.inputs, strict=False)
                if type(a) in ARRAY_TYPES and n is not None and n.op is None
            }
        self.kept = sum(memory.values())
        self.leaves_own = sum(size for key, size in memory.items() if key in own)
        self.ops = sum(box.kind != "leaf" for box in self.boxes)
        self.freed = any(n.op is not None and n.kept is None for n in nodes)

    def describe(self) -> str:
        leaves = len(self.boxes) - self.ops
        held = f"keeps {_bytes(self.kept)}"
        if self.leaves_own:
            held += f", {_bytes(self.leaves_own)} of it the leaves themselves"
        if self.freed:
            held += " (the rest was freed)"
        return f"{_count(self.ops, 'operation')}, {_count(leaves, 'leaf', 'leaves')}; {held}"


def _nodes(root: Node) -> list[Node]:
    seen, stack = {root}, [root]
    while stack:
        for node in _inputs(stack.pop()):
            if node not in seen:
                seen.add(node)
                stack.append(node)
    return sorted(seen, key=lambda node: node.time)


def _inputs(node: Node) -> list[Node]:
    """The nodes that it reads, once each; a checkpoint's internal nodes (of no dtype) left out."""
    found: dict[Node, None] = {}
    for n in node.inputs:
        if n is not None:
            found |= dict.fromkeys([n] if n.dtype is not None else _inputs(n))
    return list(found)


def _kept(node: Node) -> Iterator[Array]:
    stack = list(node.kept or ())
    while stack:
        part = stack.pop()
        if type(part) in ARRAY_TYPES:
            yield part
        elif type(part) is tuple:
            stack.extend(part)
    for n in node.inputs:
        if n is not None and n.dtype is None:
            yield from _kept(n)


def _owner(array: Array) -> tuple[int, int]:
    """Which memory an array is in, and how many bytes that has."""
    owner = BACKEND_OF[type(array)].owner(array)
    return id(owner), owner.nbytes


def _title(node: Node, name: str | None) -> str:
    op = "leaf" if node.op is None else node.op.name
    return op if name is None else name if node.op is None else f"{name} = {op}"


def _shape(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) if shape else "scalar"


def _bytes(count: float) -> str:
    units = ["GB", "MB", "KB", "B"]
    while count >= 1000 and len(units) > 1:
        count /= 1000
        units.pop()
    digits = 0 if units[-1] == "B" or count >= 100 else 1
    return f"{count:.{digits}f} {units[-1]}"


def _count(n: int, one: str, many: str = "") -> str:
    return f"{n:,} {one if n == 1 else many or one + 's'}"


# -- SVG -------------------------------------------------------------------------------------------

MARGIN = 28.0
HEADER = 34.0
STYLE = """
  svg { font-family: "Inter", "Helvetica Neue", "Segoe UI", "DejaVu Sans", Arial, sans-serif; }
  .paper { fill: #ffffff; }
  .line { fill: none; stroke: #9aa5b1; stroke-width: 1.4; }
  .tip { fill: #7b8794; }
  .op { fill: #f8f9fb; stroke: #c3cad3; }
  .leaf { fill: #e6f1fc; stroke: #7fb2e5; }
  .end { fill: #e8f6ec; stroke: #6cb886; }
  .title { font-size: 13px; font-weight: 600; fill: #1f2933; text-anchor: middle; }
  .detail { font-size: 11px; fill: #616e7c; text-anchor: middle; }
  .kept { font-size: 11px; fill: #a1580b; text-anchor: middle; }
  .track { fill: #ece4d8; }
  .bar { fill: #f0a030; }
  .header { font-size: 13px; fill: #3e4c59; }
  .row { font-size: 12px; fill: #1f2933; }
  .number { font-size: 12px; fill: #616e7c; text-anchor: end; }
"""


def _svg(graph: _Graph) -> str:
    sizes = [box.size() for box in graph.boxes]
    centres, routes = arrange([box.inputs for box in graph.boxes], sizes)
    centres = centres[: len(sizes)]
    most = max(box.kept for box in graph.boxes)
    parts = _lines(routes.values())
    for box, centre, size in zip(graph.boxes, centres, sizes, strict=True):
        parts.append(_box(box, centre, size, most))
    across = [p[0] for points in routes.values() for p in points]
    across += [x + w / 2 for (x, _), (w, _) in zip(centres, sizes, strict=True)]
    bottom = max(y + h / 2 for (_, y), (_, h) in zip(centres, sizes, strict=True))
    return _page(graph.describe(), max(across), bottom, parts)


def _page(title: str, width: float, height: float, parts: list[str]) -> str:
    width = max(width, 6.9 * len(title)) + 2 * MARGIN
    height += 2 * MARGIN + HEADER
    inside = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}">\n<style>{STYLE}</style>\n'
        f'<rect class="paper" width="100%" height="100%"/>\n'
        f'<text class="header" x="{MARGIN}" y="{MARGIN + 4}">{escape(title)}</text>\n'
        f'<g transform="translate({MARGIN} {MARGIN + HEADER})">\n{inside}\n</g>\n</svg>\n'
    )


def _lines(routes: Iterable[list[tuple[float, float]]]) -> list[str]:
    """Upright pieces, curves from one to the next, and arrows' tips; shared pieces once."""
    pieces: dict[str, None] = {}
    tips: list[str] = []
    for points in routes:
        (x, y), (_, low), *_ = points
        pieces[f"M{x:.1f} {y:.1f}V{low:.1f}"] = None
        for a, b, c in zip(points[1::2], points[2::2], points[3::2], strict=False):
            middle = (a[1] + b[1]) / 2
            pieces[
                f"M{a[0]:.1f} {a[1]:.1f}C{a[0]:.1f} {middle:.1f} "
                f"{b[0]:.1f} {middle:.1f} {b[0]:.1f} {b[1]:.1f}V{c[1]:.1f}"
            ] = None
        tips.append(f"M{points[-1][0] - 4:.1f} {points[-1][1] - 7:.1f}h8l-4 7z")
    drawn = (("line", pieces), ("tip", tips))
    return [f'<path class="{kind}" d="{"".join(paths)}"/>' for kind, paths in drawn]


def _box(box: _Box, centre: tuple[float, float], size: tuple[float, float], most: int) -> str:
    (x, y), (w, h) = centre, size
    left, top = x - w / 2, y - h / 2
    lines = box.lines()
    parts = [
        f"<g><title>{escape(': '.join([lines[0], ', '.join(lines[1:])]))}</title>",
        f'<rect class="{box.kind}" x="{left:.1f}" y="{top:.1f}" width="{w:.1f}" height="{h:.1f}" '
        'rx="7"/>',
    ]
    for i, (line, style) in enumerate(zip(lines, ("title", "detail", "kept"), strict=False)):
        parts.append(
            f'<text class="{style}" x="{x:.1f}" y="{top + 20 + 17 * i:.1f}">{escape(line)}</text>'
        )
    if box.kept:
        full = w - 24
        at = f'x="{left + 12:.1f}" y="{top + h - 10:.1f}" height="4" rx="2"'
        parts.append(f'<rect class="track" {at} width="{full:.1f}"/>')
        parts.append(f'<rect class="bar" {at} width="{max(full * box.kept / most, 4):.1f}"/>')
    return "\n".join([*parts, "</g>"])


def _summary(graph: _Graph) -> str:
    """A bar for each kind of operation: what all of that name keep."""
    totals: dict[str, list[int]] = {}
    for box in graph.boxes:
        name = "leaf" if box.kind == "leaf" else box.title.rpartition(" = ")[2]
        entry = totals.setdefault(name, [0, 0])
        entry[0] += 1
        entry[1] += box.kept
    rows = sorted(totals.items(), key=lambda item: (-item[1][1], -item[1][0]))
    most = rows[0][1][1] or 1
    label = 7.6 * max(len(name) for name in totals)
    parts = []
    for i, (name, (count, kept)) in enumerate(rows):
        y = 22.0 * i + 14
        parts.append(
            f'<text class="row" x="0" y="{y}">{escape(name)}</text>'
            f'<text class="number" x="{label + 56:.0f}" y="{y}">{count:,}</text>'
            f'<text class="number" x="{label + 136:.0f}" y="{y}">{_bytes(kept)}</text>'
            f'<rect class="bar" x="{label + 150:.0f}" y="{y - 10}" height="12" rx="2" '
            f'width="{240 * kept / most:.1f}"/>'
        )
    title = f"{graph.describe()}. Too many to draw; by name, with what they keep:"
    return _page(title, label + 390, 22.0 * len(rows), parts)


# -- DOT -------------------------------------------------------------------------------------------


def _dot(graph: _Graph) -> str:
    colours = {"leaf": "#e6f1fc", "op": "#f8f9fb", "end": "#e8f6ec"}
    lines = [
        "digraph {",
        f'  label="{graph.describe()}"; labelloc=t; fontname="Helvetica";',
        '  node [shape=box, style="rounded,filled", fontname="Helvetica"];',
    ]
    for i, box in enumerate(graph.boxes):
        text = "\\n".join(
            part.replace("\\", "\\\\").replace('"', '\\"') for part in box.lines()
        )  # fmt: skip
        lines.append(f'  n{i} [label="{text}", fillcolor="{colours[box.kind]}"];')
        lines += [f"  n{j} -> n{i};" for j in box.inputs]
    return "\n".join([*lines, "}", ""])


# -- notebooks -------------------------------------------------------------------------------------


def _html(x: Tensor) -> str:
    """What a notebook shows of a Tensor: its kind in a grey line, and its values."""
    notes = [_shape(x.shape), str(x.dtype)]
    notes += [] if x.device == "cpu" else [x.device]
    if x._node is not None:
        notes.append("requires grad" if x._node.op is None else f"from {x._node.op.name}")
    values = np.array2string(host(x._data), precision=4, separator=", ", threshold=200)
    return (
        '<div><span style="color:#888;font-size:85%"><b>Tensor</b> '
        f"{escape(' · '.join(notes))}</span>"
        f'<pre style="margin:2px 0 0 0">{escape(values)}</pre></div>'
    )


Tensor._repr_html_ = _html  # type: ignore[attr-defined]
