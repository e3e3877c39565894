"""What the compiler has to say about a file, as text for people and as data for machines."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from leadloop.language.messages import MESSAGES
from leadloop.language.sources import Place, Source

Severity = Literal["error", "warning"]
MOST = 100
"""So many problems of one file are told."""
WIDEST = 160
"""So many characters of a source line are shown."""


@dataclass(frozen=True)
class Diagnostic:
    """One problem. `line` and `column` count from 1; `caret` underlines `source_line`."""

    code: str
    severity: Severity
    path: str
    line: int
    column: int
    source_line: str
    caret: str
    message: str
    hint: str = ""

    def render(self) -> str:
        """Return the problem as lines of text."""
        number = str(self.line)
        lines = [f"{self.path}:{self.line}:{self.column}: {self.severity} {self.code}: {self.message}"]
        if self.source_line.strip():
            lines += [f"  {number} | {self.source_line}", f"  {' ' * len(number)} | {self.caret}"]
        lines += [
            f"  hint: {line}" if at == 0 else f"        {line}"
            for at, line in enumerate(self.hint.splitlines())
        ]
        return "\n".join(lines)


class Report:
    """Collects diagnostics; one problem at one place is told once."""

    def __init__(self) -> None:
        self.diagnostics: list[Diagnostic] = []
        self._seen: set[tuple[str, str, int, int, str]] = set()
        self._errors: Counter[str] = Counter()

    def add(self, code: str, place: Place, hint: str = "", **values: object) -> None:
        """Add the problem `code`; `values` fill its message. `hint` replaces the usual hint."""
        path = place.source.path
        if self._errors[path] > MOST:
            return
        entry = MESSAGES[code]
        if self._errors[path] == MOST and entry.severity == "error":
            code, values, hint = "SCN018", {"limit": MOST}, ""
            entry = MESSAGES[code]
        message = entry.message.format(**values)
        key = (code, path, place.line, place.column, message)
        if key in self._seen:
            return
        self._seen.add(key)
        self._errors[path] += entry.severity == "error"
        shown = _window(place)
        self.diagnostics.append(
            Diagnostic(
                code=code,
                severity=entry.severity,
                path=path,
                line=place.line,
                column=place.column,
                source_line=shown.source.line(shown.line),
                caret=caret(shown),
                message=message,
                hint=hint or entry.hint.format(**values),
            )
        )


def _window(place: Place) -> Place:
    """Return a place in the part of a very long line that is worth showing."""
    line = place.source.line(place.line)
    if len(line) <= WIDEST:
        return place
    start = max(0, place.column - WIDEST // 2)
    part = Source(place.source.path, line[start : start + WIDEST])
    return Place(part, 1, place.column - start, min(place.length, WIDEST))


def caret(place: Place) -> str:
    """Return the line of spaces and carets below a source line, two cells per wide character."""
    line = place.source.line(place.line)
    before, marked = line[: place.column - 1], line[place.column - 1 : place.column - 1 + place.length]
    pad = "".join("\t" if sign == "\t" else " " * _cells(sign) for sign in before)
    return pad + "^" * max(1, sum(_cells(sign) for sign in marked))


def _cells(sign: str) -> int:
    if unicodedata.combining(sign):
        return 0
    return 2 if unicodedata.east_asian_width(sign) in "WF" else 1


def in_order(diagnostics: Sequence[Diagnostic]) -> list[Diagnostic]:
    """Return the problems by file, line and column."""
    return sorted(diagnostics, key=lambda one: (one.path, one.line, one.column, one.code))


def render_text(diagnostics: Sequence[Diagnostic]) -> str:
    """Return all problems as text, an empty line between two."""
    return "\n\n".join(one.render() for one in diagnostics)


def to_json(diagnostics: Sequence[Diagnostic]) -> list[dict[str, Any]]:
    """Return all problems as plain data."""
    return [asdict(one) for one in diagnostics]
