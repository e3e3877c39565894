"""Where a character of a YAML text stands in its file: quotes, escapes and folded lines undone.

Between a text and what was written, only white space is folded; every other character stands
there in the same order, in double quotes perhaps as an escape (YAML 1.2, 5.7 and 7.3).
"""

from __future__ import annotations

import re

from leadloop.language.nodes import Scalar
from leadloop.language.sources import Place

_WHITE = " \t\n"
_ESCAPES = {
    "0": "\0", "a": "\a", "b": "\b", "t": "\t", "\t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r",
    "e": "\x1b", "N": "\x85", "_": "\xa0", "L": "\u2028", "P": "\u2029",
}  # fmt: skip
_NUMBERS = {"x": 2, "u": 4, "U": 8}


def place_in(node: Scalar, at: int, length: int = 1) -> Place:
    """Return the place of `length` characters of a text from `at`; the whole text when unsure.

    Beyond its last word, that is where something is missing, the place is the last character.
    A stretch over several lines ends with its first one.
    """
    offsets = _offsets(node)
    if not offsets:
        return node.place
    text = node.place.source.text
    at = max(0, min(at, len(node.text.rstrip()) - 1))
    start, last = offsets[at], offsets[min(at + max(1, length), len(offsets)) - 1]
    line_start = text.rfind("\n", 0, start) + 1
    line_end = text.find("\n", start)
    end = last + _written(text, last, node.style)[1]
    if line_end >= 0:
        end = min(end, line_end)
    line = text.count("\n", 0, start) + 1
    return Place(node.place.source, line, start - line_start + 1, max(1, end - start))


def _offsets(node: Scalar) -> list[int] | None:
    """Return the offset in the file of each character of a text; None when unsure."""
    source = node.place.source
    written = source.text
    raw = sum(len(line) + 1 for line in source.lines[: node.place.line - 1]) + node.place.column - 1
    if node.style in ("|", ">"):
        raw = written.find("\n", raw) + 1
    elif node.style:
        raw += 1
    offsets: list[int] = []
    for sign in node.text:
        raw = _skip(written, raw, sign, node.style)
        found, width = _written(written, raw, node.style)
        if found == sign:
            offsets.append(raw)
            raw += width
        elif sign in _WHITE:  # stands for a folded line break
            offsets.append(raw)
        else:
            return None
    return offsets


def _skip(written: str, raw: int, sign: str, style: str) -> int:
    """Return where `sign` is written at the earliest: behind white space, unless it is some itself."""
    while raw < len(written):
        if style == '"' and written.startswith("\\\n", raw):
            raw += 2
            while written[raw : raw + 1] in (" ", "\t"):
                raw += 1
        elif sign not in _WHITE and written[raw] in _WHITE:
            raw += 1
        else:
            break
    return raw


def _written(written: str, raw: int, style: str) -> tuple[str, int]:
    """Return the character that is written at an offset, and its width in the file."""
    sign = written[raw : raw + 1]
    if style == "'" and written.startswith("''", raw):
        return "'", 2
    if style != '"' or sign != "\\":
        return sign, 1
    name = written[raw + 1 : raw + 2]
    if name in _NUMBERS:
        digits = written[raw + 2 : raw + 2 + _NUMBERS[name]]
        if re.fullmatch("[0-9A-Fa-f]+", digits) and int(digits, 16) < 0x110000:
            return chr(int(digits, 16)), 2 + len(digits)
    return _ESCAPES.get(name, name), 2
