"""YAML as the compiler sees it: scalars keep their text, and every node its place.

What a plain scalar means (`NO`, `012`, `10:00`, `1.10`) is decided by the setting that holds it,
never by YAML, so that no value silently becomes another.
"""

from __future__ import annotations

from dataclasses import dataclass

from leadloop.language.sources import Place


@dataclass(frozen=True, eq=False)
class Scalar:
    """A text as written. `plain` has no quotes; `flow` stands inside `[ ]` or `{ }`."""

    place: Place
    text: str
    plain: bool = True
    flow: bool = False
    style: str = ""
    """`'`, `"`, `|`, `>` or nothing."""
    end_line: int = 0
    end_column: int = 0


@dataclass(frozen=True, eq=False)
class Sequence:
    """A list."""

    place: Place
    items: list[Node]


@dataclass(frozen=True, eq=False)
class Mapping:
    """A map: keys in the order of the file, without duplicates."""

    place: Place
    entries: list[tuple[Scalar, Node]]

    def get(self, name: str) -> Node | None:
        """Return the value of a key, or None."""
        return next((value for key, value in self.entries if key.text == name), None)

    def names(self) -> list[str]:
        """Return the keys in the order of the file."""
        return [key.text for key, _ in self.entries]


Node = Scalar | Sequence | Mapping


def kind_of(node: Node) -> str:
    """Return what a node is, in words for a message."""
    if isinstance(node, Mapping):
        return "a map"
    return "a list" if isinstance(node, Sequence) else "a text"
