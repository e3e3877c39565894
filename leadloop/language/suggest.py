"""\"Did you mean …?\" """

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable

LISTED = 12
"""Up to so many names are listed when none is near."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that looks most like `name`, or None."""
    names = list(known)
    plain = unicodedata.normalize("NFKC", name).strip()[:100]
    if plain in names:
        return plain
    found = difflib.get_close_matches(plain.lower(), [one.lower() for one in names], n=1, cutoff=0.6)
    return next((one for one in names if found and one.lower() == found[0]), None)


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return a hint: the nearest name, or the list of names, or that there are none."""
    names = sorted(set(known))
    near = nearest(name, names)
    if near is not None:
        return f"did you mean `{near}`?"
    if not names:
        return "none is declared"
    rest = ", …" if len(names) > LISTED else ""
    return "known: " + ", ".join(f"`{one}`" for one in names[:LISTED]) + rest
