"""A drawing in rows: a row of boxes, a row of labels where there are any, a row of boxes, …

Labels and the bends of long lines are items of rows like boxes, so nothing can overlap.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from leadloop.language.graph.cells import wrap
from leadloop.language.graph.drawing import Arrow, Drawing, Node
from leadloop.language.graph.layering import layer
from leadloop.language.graph.ordering import Segment
from leadloop.language.graph.picture import (
    CORNER,
    LINE,
    PAD_X,
    PAD_Y,
    SMALL_SIZE,
    TITLE_SIZE,
    Spacing,
    text_width,
)

_BEND = 8.0
_LOOP = 26.0
_NARROWEST = 52.0


@dataclass
class Item:
    """What has a place in a row: a box, a label, or a bend of a long line."""

    row: int
    width: float
    height: float = 0.0
    node: Node | None = None
    title: tuple[str, ...] = ()
    what: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    waits: tuple[str, ...] = ()

    @property
    def is_label(self) -> bool:
        """Say whether words stand here."""
        return bool(self.reasons or self.waits)


class Grid:
    """The items of a drawing, and the chain of items from source to target of each arrow."""

    def __init__(self, drawing: Drawing, spacing: Spacing) -> None:
        self.drawing = drawing
        self.spacing = spacing
        lanes = {stage: at + 1 for at, stage in enumerate(drawing.lanes)}
        self.layering = layer(
            {node.id: lanes.get(node.lane or "", 0) for node in drawing.nodes},
            [(arrow.source, arrow.target) for arrow in drawing.arrows],
            frozenset(node.id for node in drawing.nodes if node.family == "entry"),
        )
        self.rows = self.row_numbers()
        self.items: list[Item] = []
        self.chains: list[list[int]] = []
        """Per arrow. One that goes up has its bends from beside the source up to beside the target."""
        self.segments: list[Segment] = []
        self.pulls: list[Segment] = []
        """Segments that no line follows: they keep the way up of a loop near its ends."""
        self.box_items: dict[str, int] = {}
        self.fill()

    def is_loop(self, at: int) -> bool:
        """Say whether an arrow goes back to its own node: it is drawn beside the box."""
        return self.drawing.arrows[at].source == self.drawing.arrows[at].target

    def label_row(self, at: int) -> int:
        """Return the raw row of an arrow's label: just below the source, or just above on the way up."""
        row = 2 * self.layering.rows[self.drawing.arrows[at].source]
        return row - 1 if at in self.layering.back else row + 1

    def row_numbers(self) -> dict[int, int]:
        """Return raw row (2 n: boxes, 2 n + 1: labels) -> row; rows of no labels are left out."""
        used = {2 * row for row in self.layering.rows.values()}
        for at, arrow in enumerate(self.drawing.arrows):
            if (arrow.reasons or arrow.waits) and not self.is_loop(at):
                used.add(self.label_row(at))
        return {raw: number for number, raw in enumerate(sorted(used))}

    def add(self, item: Item) -> int:
        self.items.append(item)
        return len(self.items) - 1

    def fill(self) -> None:
        """Make the items and what is between them."""
        loops: dict[str, list[Arrow]] = defaultdict(list)
        for at, arrow in enumerate(self.drawing.arrows):
            if self.is_loop(at):
                loops[arrow.source].append(arrow)
        for node in self.drawing.nodes:
            self.box_items[node.id] = self.add(self.box_item(node, loops[node.id]))
        for at, arrow in enumerate(self.drawing.arrows):
            source, target = self.box_items[arrow.source], self.box_items[arrow.target]
            if self.is_loop(at):
                self.chains.append([source, target])
            elif at in self.layering.back:
                self.add_way_up(at, source, target)
            else:
                self.add_way_down(at, source, target)

    def add_way_down(self, at: int, source: int, target: int) -> None:
        arrow = self.drawing.arrows[at]
        rows = range(self.items[source].row + 1, self.items[target].row)
        labelled = self.rows.get(self.label_row(at)) if arrow.reasons or arrow.waits else None
        chain = [source, *self.add_ways(rows, arrow, labelled), target]
        self.chains.append(chain)
        self.segments += list(pairwise(chain))

    def add_way_up(self, at: int, source: int, target: int) -> None:
        """Beside the target, the rows between, and beside the source: the line turns below and above."""
        arrow = self.drawing.arrows[at]
        rows = range(self.items[target].row, self.items[source].row + 1)
        labelled = self.rows.get(self.label_row(at)) if arrow.reasons or arrow.waits else None
        bends = self.add_ways(rows, arrow, labelled)
        self.chains.append([source, *reversed(bends), target])
        self.segments += list(pairwise(bends))
        self.pulls += [(target, bends[1]), (bends[-2], source)]

    def add_ways(self, rows: Iterable[int], arrow: Arrow, labelled: int | None) -> list[int]:
        """Add the bends of a line through rows, in one of which its label may be."""
        return [self.add(self.label(arrow, row) if row == labelled else Item(row, _BEND)) for row in rows]

    def box_item(self, node: Node, loops: list[Arrow]) -> Item:
        space = self.spacing
        is_pill = node.family in ("entry", "end")
        room, most = (space.cells + 6, 3) if is_pill else (space.cells, space.title_lines)
        title = wrap(node.title, room, most)
        what = wrap(node.what, int(space.cells * TITLE_SIZE / SMALL_SIZE), space.what_lines)
        labels = [self.label(arrow) for arrow in loops]
        box = box_width(node, title, what)
        # A loop to itself is drawn on the right; the same room on the left keeps the box in the middle.
        width = box + 2 * sum(_LOOP + label.width for label in labels)
        height = 2 * PAD_Y + LINE * (len(title) * TITLE_SIZE + len(what) * SMALL_SIZE)
        height = max([height, *(18.0 + label.height for label in labels)])
        row = self.rows[2 * self.layering.rows[node.id]]
        return Item(row, width, height, node, tuple(title), tuple(what))

    def label(self, arrow: Arrow, row: int = 0) -> Item:
        """Return the label of an arrow: at most four lines of reasons and two of waits."""
        room = self.spacing.label_cells
        most = 3 if len(arrow.reasons) == 1 else 2
        reasons = [line for text in arrow.reasons for line in wrap(text, room, most)]
        if len(reasons) > 4:
            reasons = wrap(" / ".join(arrow.reasons), room, 4)
        waits = wrap(" + ".join(arrow.waits), room + 4, 2)
        width = 8.0 + text_width([*reasons, *waits], SMALL_SIZE)
        height = 2.0 + LINE * SMALL_SIZE * (len(reasons) + len(waits))
        return Item(row, width, height, reasons=tuple(reasons), waits=tuple(waits))


def box_width(node: Node, title: Sequence[str], what: Sequence[str]) -> float:
    """Return the width of a node's box with these lines; the corners of a decision are cut off."""
    padding = PAD_X + (CORNER if node.family == "decision" else 0.0)
    return 2 * padding + max(_NARROWEST, text_width(title, TITLE_SIZE), text_width(what, SMALL_SIZE))
