"""Drawing -> picture: where each box, line and label is.

Own code, because the layout library there is for Python (grandalf) is GPL, unmaintained since 2023
and knows neither lanes nor labels. Lines change their x only in the gaps between rows, so no line
crosses a box.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

from leadloop.language.graph.drawing import Arrow, Drawing, Node
from leadloop.language.graph.grid import Grid, Item, box_width
from leadloop.language.graph.ordering import order
from leadloop.language.graph.picture import PAD_X, Box, Label, Lane, Line, Picture, Spacing, rounded
from leadloop.language.graph.placing import place
from leadloop.language.graph.routes import Routes


def lay_out(drawing: Drawing, spacing: Spacing) -> Picture:
    """Return the picture of a drawing."""
    return _Layout(drawing, spacing).picture()


class _Layout:
    def __init__(self, drawing: Drawing, spacing: Spacing) -> None:
        self.drawing = drawing
        self.spacing = spacing
        self.grid = Grid(drawing, spacing)

    def picture(self) -> Picture:
        items = self.grid.items
        rows = order(self.first_order(), self.grid.segments + self.grid.pulls)
        widths = {at: item.width for at, item in enumerate(items)}
        bends = {at for at, item in enumerate(items) if item.node is None}
        xs = place(rows, self.grid.segments, widths, bends, self.spacing.gap_x)
        tops, bottoms = self.heights(rows, xs)
        boxes = {self.grid.box_items[node.id]: self.box(node, xs, tops) for node in self.drawing.nodes}
        routes = Routes(items, self.grid.chains, xs, tops, bottoms, boxes)
        ports = routes.ports()
        lines = []
        for at, arrow in enumerate(self.drawing.arrows):
            target = boxes[self.grid.box_items[arrow.target]]
            if self.grid.is_loop(at):
                lines.append(self.loop(arrow, target))
            else:
                path = routes.path(at, ports[at], at in self.grid.layering.back)
                x = target.x + target.width / 2
                lines.append(Line(arrow, path, x, target.y, self.label(at, xs, tops, bottoms)))
        width = max(xs[at] + item.width / 2 for at, item in enumerate(items))
        lanes = tuple(self.lanes(tops, bottoms))
        return Picture(width, bottoms[-1], tuple(boxes.values()), tuple(lines), lanes)

    def first_order(self) -> list[list[int]]:
        """Return the items by row, in the order in which one who follows the arrows meets them."""
        below: dict[int, list[int]] = defaultdict(list)
        for upper, lower in self.grid.segments + self.grid.pulls:
            below[upper].append(lower)
        rows: list[list[int]] = [[] for _ in self.grid.rows]
        seen: set[int] = set()
        for start in range(len(self.grid.items)):
            stack = [start]
            while stack:
                at = stack.pop()
                if at not in seen:
                    seen.add(at)
                    rows[self.grid.items[at].row].append(at)
                    stack.extend(reversed(below[at]))
        return rows

    def heights(self, rows: list[list[int]], xs: dict[int, float]) -> tuple[list[float], list[float]]:
        """Return the tops and bottoms of the rows. A gap that lines cross far sideways is higher."""
        items = self.grid.items
        side: dict[int, float] = defaultdict(float)
        for chain in self.grid.chains:
            for one, other in pairwise(chain):
                gap = min(items[one].row, items[other].row)
                if items[one].row == items[other].row:  # a turn: below the source, above the target
                    gap = items[one].row if one == chain[0] else gap - 1
                side[gap] = max(side[gap], abs(xs[one] - xs[other]))
        tops, bottoms, y = [], [], self.spacing.gap_y if side[-1] else 0.0
        for number, row in enumerate(rows):
            tops.append(y)
            bottoms.append(y + max(items[at].height for at in row))
            is_labels = any(items[at].is_label for at in row)
            base = self.spacing.gap_y * (0.6 if is_labels else 1.0)
            y = bottoms[-1] + base + min(26.0, side[number] / 14)
        bottoms[-1] += self.spacing.gap_y if side[len(rows) - 1] else 0.0
        return tops, bottoms

    def box(self, node: Node, xs: dict[int, float], tops: list[float]) -> Box:
        at = self.grid.box_items[node.id]
        item = self.grid.items[at]
        width = box_width(node, item.title, item.what)
        x, y = rounded(xs[at] - width / 2), rounded(tops[item.row])
        return Box(node, x, y, rounded(width), rounded(item.height), item.title, item.what)

    def loop(self, arrow: Arrow, box: Box) -> Line:
        """Return the line from the right side of a box to its top, with its label beside it."""
        x, y = box.x + box.width, box.y
        middle, top = rounded(x - PAD_X), rounded(y - 8)
        path = f"M{rounded(x):g} {rounded(y + 14):g}h12V{top:g}H{middle:g}V{y:g}"
        item = self.grid.label(arrow)
        label = label_at(item, x + 14 + item.width / 2, y + 8) if item.is_label else None
        return Line(arrow, path, middle, y, label)

    def label(self, at: int, xs: dict[int, float], tops: list[float], bottoms: list[float]) -> Label | None:
        for one in self.grid.chains[at]:
            item = self.grid.items[one]
            if item.is_label:
                return label_at(item, xs[one], (tops[item.row] + bottoms[item.row] - item.height) / 2)
        return None

    def lanes(self, tops: list[float], bottoms: list[float]) -> list[Lane]:
        """Return the bands; they touch each other."""
        if not self.drawing.lanes:
            return []
        first: dict[str, int] = {}
        for node in self.drawing.nodes:
            row = self.grid.rows[2 * self.grid.layering.rows[node.id]]
            stage = node.lane or ""
            first[stage] = min(row, first.get(stage, row))
        stages = sorted(first, key=lambda stage: first[stage])
        edges = [
            rounded((bottoms[first[one] - 1] + tops[first[one]]) / 2) if first[one] else -8.0
            for one in stages
        ]
        edges.append(bottoms[-1] + 8.0)
        return [Lane(stage, edges[at], edges[at + 1]) for at, stage in enumerate(stages)]


def label_at(item: Item, x: float, y: float) -> Label:
    """Return the label of an item; `x` is its middle, `y` its top."""
    width, height = rounded(item.width), rounded(item.height)
    return Label(rounded(x), rounded(y), width, height, item.reasons, item.waits)
