"""\"Did you mean …?\""""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable

LISTED = 12
"""Up to so many names are listed when none is near."""
COMPARED = 1000
"""So many names are compared: a hostile file must not cost more."""
LONGEST = 60
"""So many characters of a name are compared, for the same reason."""

_SEPARATORS = re.compile(r"[-_\s.・]+")
_KATAKANA = {at: at + 0x60 for at in range(0x3041, 0x3097)}
"""Hiragana -> the katakana of the same sound."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that was probably meant, or None.

    Case, width, separators and the kind of kana do not count. Then fewest slips win: a character
    too many, missing, wrong, or two exchanged. A name that is part of another one comes last.
    """
    names = list(known)
    plain = unicodedata.normalize("NFKC", name[:LONGEST]).strip()
    if plain in names:
        return plain
    best, fewest = None, LONGEST
    parts: list[str] = []
    for one in names[:COMPARED]:
        wanted, given = _own_parts(plain, one[:LONGEST])
        wanted, given = _simple(wanted), _simple(given)
        if wanted == given:
            return one
        slips = _slips(wanted, given, min(_allowed(wanted, given), fewest - 1))
        if slips is not None:
            best, fewest = one, slips
        if _is_part(wanted, given):
            parts.append(one)
    return best or min(parts, key=len, default=None)


def _own_parts(name: str, other: str) -> tuple[str, str]:
    """Return two names without the first part they share: `lead.` says nothing of what was meant."""
    root, dot, rest = name.partition(".")
    if dot and rest and other.startswith(root + "."):
        return rest, other.removeprefix(root + ".")
    return name, other


def _simple(name: str) -> str:
    plain = unicodedata.normalize("NFKC", name).casefold().translate(_KATAKANA)
    return _SEPARATORS.sub("", plain)


def _allowed(one: str, other: str) -> int:
    longest = max(len(one), len(other))
    if longest <= 2 and sorted(one) != sorted(other):  # of two letters only the order can be wrong
        return 0
    return 1 if longest <= 4 else 2 if longest <= 8 else 3


def _is_part(name: str, other: str) -> bool:
    """Return whether one name holds the other, and enough of it to be no chance."""
    short = min(name, other, key=len)
    return len(short) >= (3 if short.isascii() else 2) and (
        name in other or (other in name and 2 * len(other) >= len(name))
    )


def _slips(one: str, other: str, most: int) -> int | None:
    """Return the slips between two texts (optimal string alignment); None when more than `most`."""
    if abs(len(one) - len(other)) > most:
        return None
    while one and other and one[0] == other[0]:
        one, other = one[1:], other[1:]
    while one and other and one[-1] == other[-1]:
        one, other = one[:-1], other[:-1]
    far = most + 1
    before: list[int] = []
    row = [min(at, far) for at in range(len(other) + 1)]
    for at, sign in enumerate(one, 1):
        above, before, row = before, row, [far] * (len(other) + 1)
        row[0] = min(at, far)
        for to in range(max(1, at - most), min(len(other), at + most) + 1):  # further off is too far
            cost = min(before[to] + 1, row[to - 1] + 1, before[to - 1] + (sign != other[to - 1]))
            if at > 1 and to > 1 and sign == other[to - 2] and one[at - 2] == other[to - 1]:
                cost = min(cost, above[to - 2] + 1)
            row[to] = cost
        if min(row) > most:
            return None
    return row[-1] if row[-1] <= most else None


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
