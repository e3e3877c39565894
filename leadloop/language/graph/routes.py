"""The ways of lines: straight down through rows, curved in the gaps between them."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise

from leadloop.language.graph.grid import Item
from leadloop.language.graph.picture import Box, rounded

_STROKE = re.compile(r"V-?[\d.]+(?=V)")


@dataclass
class Routes:
    """The lines: straight down through rows, curved in the gaps between them."""

    items: list[Item]
    chains: list[list[int]]
    xs: dict[int, float]
    tops: list[float]
    bottoms: list[float]
    boxes: dict[int, Box]
    """By item."""

    def ports(self) -> list[float]:
        """Return for each arrow the x where it leaves its source: those of a box beside each other."""
        leaving: dict[int, list[int]] = defaultdict(list)
        for at, chain in enumerate(self.chains):
            if chain[0] != chain[-1]:
                leaving[chain[0]].append(at)
        ports = [0.0] * len(self.chains)
        for source, arrows in leaving.items():
            arrows.sort(key=self.side)
            room = min(self.boxes[source].width * 0.5, 26.0 * (len(arrows) - 1))
            for place, at in enumerate(arrows):
                part = place / (len(arrows) - 1) - 0.5 if len(arrows) > 1 else 0.0
                ports[at] = self.xs[source] + part * room
        return ports

    def side(self, at: int) -> tuple[float, int]:
        """Return what ports are sorted by: where the line goes; one that turns up is outermost."""
        chain = self.chains[at]
        x = self.xs[chain[1]]
        if self.items[chain[1]].row == self.items[chain[0]].row:
            x = math.inf if x > self.xs[chain[0]] else -math.inf
        return x, at

    def path(self, at: int, port: float, is_up: bool) -> str:
        """Return the way of an arrow as SVG path data, from its port to the middle of its target."""
        chain = self.chains[at]
        source, target = self.boxes[chain[0]], self.boxes[chain[-1]]
        middle = target.x + target.width / 2
        x, row = port, self.items[chain[0]].row
        parts = [f"M{_point(x, source.y + source.height)}"]
        if is_up:
            return _joined([*parts, *self.way_up(chain, x, middle, target.y)])
        for one in chain[1:]:
            item = self.items[one]
            end = middle if one == chain[-1] else self.xs[one]
            parts.append(_curve(x, self.bottoms[row], end, self.tops[item.row]))
            parts.append(self.past_label(one))
            x, row = end, item.row
        return _joined([*parts, f"V{target.y:g}"])

    def past_label(self, one: int, up: bool = False) -> str:
        """Return the jump over a label: no line is drawn behind words."""
        item = self.items[one]
        if not item.is_label:
            return ""
        middle = (self.tops[item.row] + self.bottoms[item.row]) / 2
        half = -item.height / 2 if up else item.height / 2
        return f"V{rounded(middle - half):g}M{_point(self.xs[one], middle + half)}"

    def way_up(self, chain: list[int], port: float, middle: float, y: float) -> list[str]:
        """Return the turn below the source, the way up beside all rows, and the turn above the target."""
        row, x = self.items[chain[1]].row, self.xs[chain[1]]
        below = self.bottoms[row]
        parts = [_turn(port, below, x, below + self.turn(row))]
        for one, above in pairwise(chain[1:-1]):
            parts.append(self.past_label(one, up=True))
            top, bottom = self.tops[self.items[one].row], self.bottoms[self.items[above].row]
            parts.append(_curve(self.xs[one], top, self.xs[above], bottom))
        row, x = self.items[chain[-2]].row, self.xs[chain[-2]]
        return [*parts, _turn(x, self.tops[row], middle, self.tops[row] - self.turn(row - 1)), f"V{y:g}"]

    def turn(self, row: int) -> float:
        """Return how far a line that turns back goes into the gap below a row."""
        if 0 <= row < len(self.tops) - 1:
            return self.tops[row + 1] - self.bottoms[row]
        return 14.0


def _joined(parts: list[str]) -> str:
    """Return the path; of several strokes straight on, the last."""
    return _STROKE.sub("", "".join(parts))


def _curve(x: float, y: float, end_x: float, end_y: float) -> str:
    """Return a line to (x, y) and on to (end_x, end_y), upright at both ends."""
    straight = f"V{rounded(y):g}"
    if abs(x - end_x) < 0.5:
        return f"{straight}V{rounded(end_y):g}"
    half = (y + end_y) / 2
    return f"{straight}C{_point(x, half)} {_point(end_x, half)} {_point(end_x, end_y)}"


def _turn(x: float, y: float, end_x: float, depth: float) -> str:
    """Return a line to (x, y) and back at (end_x, y), as far as `depth` between."""
    return f"V{rounded(y):g}C{_point(x, depth)} {_point(end_x, depth)} {_point(end_x, y)}"


def _point(x: float, y: float) -> str:
    return f"{rounded(x):g} {rounded(y):g}"
