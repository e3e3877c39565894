"""Texts of a workspace and places in them.

Lines and columns count from 1, in characters, as editors show them.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, eq=False)
class Source:
    """One file: its path below the workspace folder, and its text."""

    path: str
    text: str
    lines: list[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "lines", self.text.split("\n"))

    def line(self, number: int) -> str:
        """Return a line without its line break; an empty text beyond the end."""
        return self.lines[number - 1] if 0 < number <= len(self.lines) else ""


@dataclass(frozen=True)
class Place:
    """A stretch of one line: `length` characters from `column`."""

    source: Source
    line: int = 1
    column: int = 1
    length: int = 1

    def shifted(self, characters: int, length: int = 1) -> Place:
        """Return the place further right on the same line."""
        return Place(self.source, self.line, self.column + characters, length)
