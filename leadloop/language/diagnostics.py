"""What the compiler has to say about a file, as text for people and as data for machines."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from leadloop.language.messages import MESSAGES, Language, Severity
from leadloop.language.sources import Place, Source
from leadloop.language.translation import fill, japanese

MOST = 100
"""So many problems of one file are told."""
WIDEST = 160
"""So many characters of a source line are shown."""


@dataclass(frozen=True)
class Diagnostic:
    """One problem: a code, its place, and what fills its texts. The language is chosen when printing."""

    code: str
    place: Place
    values: Mapping[str, str] = field(default_factory=dict)
    own_hint: str = ""
    """Said instead of the code's usual hint, in English."""

    @property
    def severity(self) -> Severity:
        """`error`, or `warning` where publishing goes on."""
        return MESSAGES[self.code].severity

    @property
    def path(self) -> str:
        """The file, below the workspace folder."""
        return self.place.source.path

    @property
    def line(self) -> int:
        """The line, from 1."""
        return self.place.line

    @property
    def column(self) -> int:
        """The first character, from 1."""
        return self.place.column

    @property
    def end_column(self) -> int:
        """The column after the last character of the place."""
        return self.place.column + self.place.length

    @property
    def source_line(self) -> str:
        """The line as written; of a very long one the part around the place."""
        shown = _window(self.place)
        return shown.source.line(shown.line)

    @property
    def caret(self) -> str:
        """The line below `source_line` that underlines the place."""
        return caret(_window(self.place))

    @property
    def message(self) -> str:
        """What is wrong, in English."""
        return self.message_in("en")

    @property
    def hint(self) -> str:
        """What to write, in English."""
        return self.hint_in("en")

    def message_in(self, language: Language) -> str:
        """Return what is wrong."""
        return fill(MESSAGES[self.code].text(language), self.values, language)

    def hint_in(self, language: Language) -> str:
        """Return what to write; may be several lines, or empty."""
        if self.own_hint:
            return japanese(self.own_hint) if language == "ja" else self.own_hint
        return fill(MESSAGES[self.code].usual_hint(language), self.values, language)

    def render(self, language: Language = "en", path: str | None = None) -> str:
        """Return the problem as lines of text, with another path where one is given."""
        number = str(self.line)
        at = f"{path or self.path}:{self.line}:{self.column}"
        lines = [f"{at}: {self._severity_in(language)} {self.code}: {self.message_in(language)}"]
        if self.source_line.strip():
            lines += [f"  {number} | {self.source_line}", f"  {' ' * len(number)} | {self.caret}"]
        label = "ヒント" if language == "ja" else "hint"
        indent = " " * sum(map(_cells, f"{label}: "))
        for at_line, line in enumerate(self.hint_in(language).splitlines()):
            lines.append(f"  {indent}{line}" if at_line else f"  {label}: {line}")
        return "\n".join(lines)

    def _severity_in(self, language: Language) -> str:
        if language == "en":
            return self.severity
        return "エラー" if self.severity == "error" else "警告"


class Report:
    """Collects diagnostics; one problem at one place is told once."""

    def __init__(self) -> None:
        self.diagnostics: list[Diagnostic] = []
        self._seen: set[tuple[str, str, int, int, str]] = set()
        self._errors: Counter[str] = Counter()

    def add(self, code: str, place: Place, hint: str = "", **values: object) -> None:
        """Add the problem `code`; `values` fill its texts. `hint` replaces the usual hint.

        Values and hint are English; `leadloop.language.phrases` has them in Japanese.
        """
        path = place.source.path
        if self._errors[path] > MOST:
            return
        is_error = MESSAGES[code].severity == "error"
        if self._errors[path] == MOST and is_error:
            code, values, hint = "SCN018", {"limit": MOST}, ""
        found = Diagnostic(code, place, {name: str(value) for name, value in values.items()}, hint)
        key = (code, path, place.line, place.column, found.message)
        if key in self._seen:
            return
        self._seen.add(key)
        self._errors[path] += is_error
        self.diagnostics.append(found)


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


def render_text(diagnostics: Sequence[Diagnostic], language: Language = "en") -> str:
    """Return all problems as text, an empty line between two."""
    return "\n\n".join(one.render(language) for one in diagnostics)


def to_json(diagnostics: Sequence[Diagnostic], language: Language = "en") -> list[dict[str, Any]]:
    """Return all problems as plain data, the texts in a language."""
    return [
        {
            "code": one.code,
            "severity": one.severity,
            "path": one.path,
            "line": one.line,
            "column": one.column,
            "source_line": one.source_line,
            "caret": one.caret,
            "message": one.message_in(language),
            "hint": one.hint_in(language),
        }
        for one in diagnostics
    ]
