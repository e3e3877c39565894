"""What a laid out picture is made of, in CSS pixels, and how text is measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from leadloop.language.graph.cells import ems
from leadloop.language.graph.drawing import Arrow, Node

TITLE_SIZE, SMALL_SIZE = 12.0, 10.5
LINE = 1.3
"""Height of a line of text, in font sizes."""
PAD_X, PAD_Y = 10.0, 6.0
CORNER = 7.0
"""How far the sides of a decision come to a point."""


@dataclass(frozen=True)
class Spacing:
    """How roomy a picture is: cells and lines of text in a box and a label, pixels between items."""

    cells: int = 22
    title_lines: int = 2
    what_lines: int = 2
    label_cells: int = 18
    gap_x: float = 18.0
    gap_y: float = 18.0
    ease: float = 1.0
    """How well it reads at one size: a picture scaled down less than this is better than a tight one."""


@dataclass(frozen=True)
class Box:
    """A node in its place; `x` and `y` are its upper left corner."""

    node: Node
    x: float
    y: float
    width: float
    height: float
    title: tuple[str, ...]
    what: tuple[str, ...]


@dataclass(frozen=True)
class Label:
    """The words on a line; `x` is its middle, `y` its top."""

    x: float
    y: float
    width: float
    height: float
    reasons: tuple[str, ...]
    waits: tuple[str, ...]


@dataclass(frozen=True)
class Line:
    """An arrow's way: SVG path data from its source to the point (`x`, `y`) on top of its target."""

    arrow: Arrow
    path: str
    x: float
    y: float
    label: Label | None


@dataclass(frozen=True)
class Lane:
    stage: str
    top: float
    bottom: float


@dataclass(frozen=True)
class Picture:
    """Everything in its place; the page is `width` x `height`."""

    width: float
    height: float
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]
    lanes: tuple[Lane, ...]


def text_width(lines: Sequence[str], size: float) -> float:
    """Return the width of the widest line; 0 for no lines."""
    return max((ems(line) * size for line in lines), default=0.0)


def rounded(value: float) -> float:
    """Return a coordinate as it is written."""
    return round(value, 1)
