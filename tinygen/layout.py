"""Where to draw the boxes and lines of a layered graph. It knows nothing of tensors.

    places, routes = arrange(inputs, sizes)

After Sugiyama, Tagawa and Toda (1981), "Methods for visual understanding of hierarchical system
structures", in three steps: a row for each vertex, an order within each row that crosses few lines,
and coordinates that keep the lines straight. A line that spans several rows runs through invisible
vertices, one in each row that it passes; all lines from one vertex share them.
"""

from __future__ import annotations

from bisect import bisect, insort
from collections.abc import Sequence
from itertools import pairwise

__all__ = ["arrange"]

GAP = 26.0
"""Between neighbours in a row."""
LINE_GAP = 16.0
"""Between a line and its neighbour in a row."""
ROW_GAP = 44.0
"""Between rows."""
SWEEPS = 12

Point = tuple[float, float]


def arrange(
    inputs: Sequence[Sequence[int]], sizes: Sequence[tuple[float, float]]
) -> tuple[list[Point], dict[tuple[int, int], list[Point]]]:
    """Centres of the vertices, and for each line (from, to) the points that it passes.

    Args:
        inputs: for each vertex the vertices that it comes from, all of them of lower number.
        sizes: width and height of each vertex.
    """
    graph = _Rows(inputs, sizes)
    graph.untangle()
    graph.straighten()
    return graph.centres(), graph.routes(inputs)


class _Rows:
    """The vertices, visible and not, in rows: `rows[r]` lists them from left to right."""

    def __init__(
        self, inputs: Sequence[Sequence[int]], sizes: Sequence[tuple[float, float]]
    ) -> None:
        self.sizes = list(sizes)
        count = len(inputs)
        # As far down as possible: a parameter stands right above the operation that reads it.
        depth = [0] * count
        for i in reversed(range(count)):
            for j in inputs[i]:
                depth[j] = max(depth[j], depth[i] + 1)
        height = max(depth, default=0)
        self.row = [height - d for d in depth]
        self.rows: list[list[int]] = [[] for _ in range(height + 1)]
        self.above: list[list[int]] = [[] for _ in range(count)]
        self.below: list[list[int]] = [[] for _ in range(count)]
        self.chains: dict[int, list[int]] = {}  # of each vertex: the invisible ones below it
        for i in range(count):
            for j in inputs[i]:
                self._link(self._end_of_chain(j, self.row[i] - 1), i)
        self._order_by_depth_first(count)
        self.x = [0.0] * len(self.sizes)

    def _end_of_chain(self, j: int, row: int) -> int:
        chain = self.chains.setdefault(j, [j])
        while self.row[chain[-1]] < row:
            self.sizes.append((2.0, 0.0))
            self.row.append(self.row[chain[-1]] + 1)
            self.above.append([])
            self.below.append([])
            self._link(chain[-1], len(self.sizes) - 1)
            chain.append(len(self.sizes) - 1)
        return chain[row - self.row[j]]

    def _link(self, upper: int, lower: int) -> None:
        self.below[upper].append(lower)
        self.above[lower].append(upper)

    def _order_by_depth_first(self, count: int) -> None:
        seen = set()
        for start in reversed(range(count)):
            stack = [start]
            while stack:
                i = stack.pop()
                if i not in seen:
                    seen.add(i)
                    self.rows[self.row[i]].append(i)
                    stack.extend(reversed(self.above[i]))

    # -- few crossings -------------------------------------------------------------------------

    def untangle(self) -> None:
        """Reorder each row by the mean place of the neighbours, up and down; keep the best."""
        best, fewest = [list(row) for row in self.rows], self._crossings()
        for sweep in range(SWEEPS):
            downwards = sweep % 2 == 0
            neighbours = self.above if downwards else self.below
            for row in self.rows if downwards else reversed(self.rows):
                place = {i: k for other in self.rows for k, i in enumerate(other)}
                means = {
                    i: sum(place[n] for n in neighbours[i]) / len(neighbours[i])
                    if neighbours[i] else place[i]
                    for i in row
                }  # fmt: skip
                row.sort(key=means.__getitem__)
            crossings = self._crossings()
            if crossings < fewest:
                best, fewest = [list(row) for row in self.rows], crossings
        self.rows = best

    def _crossings(self) -> int:
        total = 0
        for upper, lower in pairwise(self.rows):
            place = {i: k for k, i in enumerate(lower)}
            ends: list[int] = []
            for i in upper:
                mine = [place[n] for n in self.below[i]]
                total += sum(len(ends) - bisect(ends, end) for end in mine)
                for end in mine:
                    insort(ends, end)
        return total

    # -- straight lines ------------------------------------------------------------------------

    def straighten(self) -> None:
        """Move each row as near as it can get to the mean of its neighbours, up and down."""
        for row in self.rows:
            self._settle(row, dict.fromkeys(row, 0.0))
        for sweep in range(2 * SWEEPS):
            downwards = sweep % 2 == 0
            for row in self.rows if downwards else reversed(self.rows):
                near, far = (self.above, self.below) if downwards else (self.below, self.above)
                wanted = {}
                for i in row:
                    neighbours = near[i] or far[i]
                    mean = sum(self.x[n] for n in neighbours) / max(len(neighbours), 1)
                    wanted[i] = mean if neighbours else self.x[i]
                self._settle(row, wanted)
        left = min(x - w / 2 for x, (w, _) in zip(self.x, self.sizes, strict=True))
        self.x = [x - left for x in self.x]

    def _settle(self, row: list[int], wanted: dict[int, float]) -> None:
        """The places nearest to those wanted (least squares) that leave the gaps.

        Vertices that would overlap move as one block, to the mean of what its members want.
        """
        offset, offsets = 0.0, [0.0]
        for i, j in pairwise(row):
            (w, h), (next_w, next_h) = self.sizes[i], self.sizes[j]
            offset += (w + next_w) / 2 + (GAP if h and next_h else LINE_GAP)
            offsets.append(offset)
        blocks: list[list[float]] = []  # [sum of weights, weighted sum of wants, members]
        for i, o in zip(row, offsets, strict=True):
            weight = 4.0 if self.sizes[i][1] == 0.0 else 1.0  # long lines should be straight
            blocks.append([weight, weight * (wanted[i] - o), 1])
            while len(blocks) > 1 and blocks[-2][1] / blocks[-2][0] > blocks[-1][1] / blocks[-1][0]:
                last = blocks.pop()
                blocks[-1] = [a + b for a, b in zip(blocks[-1], last, strict=True)]
        places = iter(zip(row, offsets, strict=True))
        for weight, total, members in blocks:
            for _ in range(int(members)):
                i, o = next(places)
                self.x[i] = total / weight + o

    # -- results -------------------------------------------------------------------------------

    def centres(self) -> list[Point]:
        """The centre of each vertex; the upper left corner of all is (0, 0)."""
        self.y, self.edges, top = [0.0] * len(self.sizes), [], 0.0
        for row in self.rows:
            height = max(self.sizes[i][1] for i in row)
            self.edges.append((top, top + height))
            for i in row:
                self.y[i] = top + height / 2
            top += height + ROW_GAP
        return list(zip(self.x, self.y, strict=True))

    def routes(self, inputs: Sequence[Sequence[int]]) -> dict[tuple[int, int], list[Point]]:
        """The points that each line passes, from the lower edge of one box to the next's upper.

        It crosses rows upright: points come in pairs, the ends of a straight piece.
        """
        found = {}
        for i, sources in enumerate(inputs):
            chains = {j: self.chains[j][: self.row[i] - self.row[j]] for j in sources}
            by_side = sorted(chains, key=lambda j: self.x[chains[j][-1]])
            for k, j in enumerate(by_side):
                inset = (k + 1) / (len(by_side) + 1) - 0.5
                points = [(self.x[n], y) for n in chains[j] for y in self.edges[self.row[n]]]
                points[0] = (self.x[j], self.y[j] + self.sizes[j][1] / 2)
                port = self.x[i] + 0.7 * inset * self.sizes[i][0]
                top = self.y[i] - self.sizes[i][1] / 2
                found[j, i] = [*points, (port, self.edges[self.row[i]][0]), (port, top)]
        return found
