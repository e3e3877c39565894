"""\"Did you mean …?\""""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Collection, Iterable

LISTED = 12
"""Up to so many names are listed when none is near."""
COMPARED = 500
"""So many names are compared: a hostile file must not cost more."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that looks most like `name`, or None."""
    names = list(known)
    plain = unicodedata.normalize("NFKC", name[:100]).strip()
    if plain in names:
        return plain
    lower = {one.lower(): one for one in names[:COMPARED]}
    found = difflib.get_close_matches(plain.lower(), lower, n=1, cutoff=0.6)
    return lower[found[0]] if found else None


class Suggestion:
    """A hint, worked out when it is printed: the nearest name, the list of names, or that none is there."""

    def __init__(self, name: str, known: Collection[str]) -> None:
        self.name = name
        self.known = known

    def __str__(self) -> str:
        near = nearest(self.name, self.known)
        if near is not None:
            return f"did you mean `{near}`?"
        if not self.known:
            return "none is declared"
        names = sorted(set(self.known))
        rest = ", …" if len(names) > LISTED else ""
        return "known: " + ", ".join(f"`{one}`" for one in names[:LISTED]) + rest

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)
