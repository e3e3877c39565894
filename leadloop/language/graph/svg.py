"""A drawing as an SVG 1.1 document: no scripts, nothing from outside, the same bytes for the same plan.

What is cut off in a box stands in full in its `<title>`, which browsers show and screen readers read.
"""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

from leadloop.language.graph.cells import plain, wrap
from leadloop.language.graph.drawing import FAMILIES, Drawing
from leadloop.language.graph.layout import lay_out
from leadloop.language.graph.picture import (
    CORNER,
    LINE,
    PAD_Y,
    SMALL_SIZE,
    TITLE_SIZE,
    Box,
    Label,
    Lane,
    Line,
    Picture,
    Spacing,
    rounded,
    text_width,
)
from leadloop.language.graph.style import style
from leadloop.language.graph.words import word
from leadloop.language.messages.base import Language

PAGE_WIDTH, PAGE_HEIGHT = 718.0, 1016.0
"""What A4 portrait has room for between margins of 10 mm, in CSS pixels (96 to the inch)."""

_MARGIN = 16.0
_CELL = 0.62
"""Widest mean width of a cell, in font sizes."""
_LANE_NAMES = 58.0
_SPACINGS = (
    Spacing(),
    # Many beside each other; many below each other; many of both.
    Spacing(cells=16, title_lines=3, what_lines=3, label_cells=14, gap_x=14.0, ease=0.95),
    Spacing(cells=34, title_lines=1, what_lines=1, label_cells=26, gap_y=13.0, ease=0.95),
    Spacing(cells=14, label_cells=12, gap_x=10.0, gap_y=14.0, ease=0.8),
)


def to_svg(drawing: Drawing) -> str:
    """Return the document. `width` and `height` fit an A4 page; what is larger is scaled down."""
    pages = [_Page(drawing, lay_out(drawing, spacing), spacing.ease) for spacing in _SPACINGS]
    return max(pages, key=lambda page: page.scale * page.ease).document()


class _Page:
    """A picture with its heading above and the key of its colours below."""

    def __init__(self, drawing: Drawing, picture: Picture, ease: float) -> None:
        self.ease = ease
        self.drawing = drawing
        self.picture = picture
        self.language: Language = "ja" if drawing.language == "ja" else "en"
        self.left = _MARGIN + (_LANE_NAMES if picture.lanes else 0.0)
        self.key = [(name, word(name, self.language)) for name in FAMILIES if name in self.families()]
        key_width = sum(26.0 + text_width([text], SMALL_SIZE) for _, text in self.key)
        inner = max(picture.width, key_width - (self.left - _MARGIN), 300.0)
        self.width = rounded(self.left + inner + _MARGIN)
        room = int((self.width - 2 * _MARGIN) / (SMALL_SIZE * _CELL))
        self.heading = wrap(drawing.title, int((self.width - 2 * _MARGIN) / (16 * _CELL)), 2)
        self.notes = [line for name, text in drawing.notes for line in wrap(f"{name}: {text}", room, 2)]
        self.top = _MARGIN + 22.0 * len(self.heading) + 15.0 * len(self.notes) + 14.0
        self.height = rounded(self.top + picture.height + 40.0)
        self.scale = min(1.0, PAGE_WIDTH / self.width, PAGE_HEIGHT / self.height)
        self.shift = rounded(self.left + (inner - picture.width) / 2)

    def families(self) -> set[str]:
        return {node.family for node in self.drawing.nodes}

    def document(self) -> str:
        width, height = round(self.width * self.scale), round(self.height * self.scale)
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width:g} {self.height:g}" '
            f'width="{width}" height="{height}" role="img" xml:lang="{self.language}" '
            f'aria-labelledby="picture-title picture-desc">',
            f'<title id="picture-title">{_text(self.drawing.title)}</title>',
            f'<desc id="picture-desc">{_text(describe(self.drawing))}</desc>',
            f"<style>{style()}</style>",
            f'<rect class="page" width="{self.width:g}" height="{self.height:g}"/>',
            *self.header(),
            f'<g transform="translate(0 {self.top:g})">',
            *(self.lane(at, lane) for at, lane in enumerate(self.picture.lanes)),
            "</g>",
            f'<g transform="translate({self.shift:g} {self.top:g})">',
            *(_line(line) for line in self.picture.lines),
            *(_box(box) for box in self.picture.boxes),
            *(_label(line.label, line) for line in self.picture.lines if line.label),
            "</g>",
            *self.footer(),
            "</svg>",
        ]
        return "\n".join(parts) + "\n"

    def header(self) -> list[str]:
        y = _MARGIN
        parts = []
        for line in self.heading:
            y += 22.0
            parts.append(f'<text class="head ink" x="{_MARGIN:g}" y="{y - 6:g}">{_text(line)}</text>')
        for line in self.notes:
            y += 15.0
            parts.append(f'<text class="soft" x="{_MARGIN:g}" y="{y - 3:g}">{_text(line)}</text>')
        return parts

    def lane(self, at: int, lane: Lane) -> str:
        height = rounded(lane.bottom - lane.top)
        name = word(lane.stage, self.language) if lane.stage else ""
        return (
            f'<g class="swimlane" data-stage={_attribute(lane.stage)}>'
            f'<rect class="{"band" if at % 2 == 0 else "lane"}" x="0" y="{lane.top:g}" '
            f'width="{self.width:g}" height="{height:g}"/>'
            f'<text class="stage soft" x="{_MARGIN:g}" y="{rounded(lane.top + 18):g}">{_text(name)}</text>'
            "</g>"
        )

    def footer(self) -> list[str]:
        x, y = _MARGIN, self.height - 14.0
        parts = ['<g class="key">']
        for name, text in self.key:
            parts.append(f'<rect class="box {name}" x="{x:g}" y="{y - 9:g}" width="12" height="10" rx="2"/>')
            parts.append(f'<text class="soft" x="{x + 17:g}" y="{y:g}">{_text(text)}</text>')
            x = rounded(x + 26.0 + text_width([text], SMALL_SIZE))
        return [*parts, "</g>"]


def describe(drawing: Drawing) -> str:
    """Return the picture in words, for those who cannot see it: each arrow in a sentence."""
    names = {node.id: plain(node.title or node.what) for node in drawing.nodes}
    ways = []
    for arrow in drawing.arrows:
        label = f" ({arrow.full})" if arrow.full else ""
        ways.append(f"{names[arrow.source]} → {names[arrow.target]}{label}")
    return "; ".join(ways)


def _text(text: str) -> str:
    return escape(plain(text))


def _attribute(text: str) -> str:
    return quoteattr(plain(text))


def _box(box: Box) -> str:
    node = box.node
    dark = node.family in ("entry", "end")
    height = rounded(2 * PAD_Y + LINE * (len(box.title) * TITLE_SIZE + len(box.what) * SMALL_SIZE))
    shape = _hexagon(box) if node.family == "decision" else _rectangle(box)
    parts = [f'<g class="node" data-node={_attribute(node.id)}><title>{_text(node.full)}</title>{shape}']
    x = rounded(box.x + box.width / 2)
    y = box.y + PAD_Y + (box.height - height) / 2
    for lines, size, css in (
        (box.title, TITLE_SIZE, f"title {'pill' if dark else 'ink'}"),
        (box.what, SMALL_SIZE, "pill" if dark else "soft"),
    ):
        for line in lines:
            y += LINE * size
            baseline = rounded(y - 0.3 * size)
            parts.append(f'<text class="mid {css}" x="{x:g}" y="{baseline:g}">{_text(line)}</text>')
    return "".join([*parts, "</g>"])


def _rectangle(box: Box) -> str:
    radius = min(box.height / 2, 14.0) if box.node.family in ("entry", "end", "wait") else 4.0
    return (
        f'<rect class="box {box.node.family}" x="{box.x:g}" y="{box.y:g}" width="{box.width:g}" '
        f'height="{box.height:g}" rx="{radius:g}"/>'
    )


def _hexagon(box: Box) -> str:
    left, right, top, bottom = box.x, box.x + box.width, box.y, box.y + box.height
    middle = (top + bottom) / 2
    points = [(left, middle), (left + CORNER, top), (right - CORNER, top), (right, middle)]
    points += [(right - CORNER, bottom), (left + CORNER, bottom)]
    written = " ".join(f"{rounded(x):g},{rounded(y):g}" for x, y in points)
    return f'<polygon class="box {box.node.family}" points="{written}"/>'


def _line(line: Line) -> str:
    arrow = line.arrow
    title = f"<title>{_text(arrow.full)}</title>" if arrow.full else ""
    tip = f"M{line.x:g} {line.y:g}l-3.6 -7h7.2z"
    return (
        f'<g class="arrow" data-from={_attribute(arrow.source)} data-to={_attribute(arrow.target)}>{title}'
        f'<path class="line" d="{line.path}"/><path class="tip" d="{tip}"/></g>'
    )


def _label(label: Label, line: Line) -> str:
    parts = [f'<g class="label"><title>{_text(line.arrow.full)}</title>']
    y = label.y + 1
    for lines, css in ((label.reasons, "ink"), (label.waits, "clock")):
        for text in lines:
            y += LINE * SMALL_SIZE
            parts.append(
                f'<text class="mid {css}" x="{label.x:g}" y="{rounded(y - 3.4):g}">{_text(text)}</text>'
            )
    return "".join([*parts, "</g>"])
