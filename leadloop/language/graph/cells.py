"""How much room a text needs, and breaking it into lines. Wide (East Asian) letters count as two cells."""

from __future__ import annotations

import unicodedata

_NO_LINE_START = "、。，．,.!?！？）)」』】〉》・:：;；ー々…"
"""Signs that do not begin a line (kinsoku, JIS X 4051)."""

_NO_LINE_END = "（(「『【〈《["
"""Signs that do not end one."""
_PAUSES = "、。，．・；"
_HONORIFICS = ("お", "ご")
_TURNS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def cells(text: str) -> int:
    """Return the width of a text in cells."""
    return sum(map(_cell, text))


def ems(text: str) -> float:
    """Return the width of a text in font sizes, as wide as common fonts draw it."""
    return sum(_advance(letter) for letter in text)


def _advance(letter: str) -> float:
    if _cell(letter) != 1:
        return _cell(letter) / 2
    if letter in "mwMW@%&—":
        return 0.95
    if letter in "iljtfrI.,:;'|!()[]/ ":
        return 0.42
    return 0.72 if letter.isupper() else 0.62


def _cell(letter: str) -> int:
    if unicodedata.combining(letter) or unicodedata.category(letter) in ("Cf", "Me", "Mn"):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WFA" else 1


def plain(text: str) -> str:
    """Return a text on one line, without signs that XML cannot hold or that turn the direction of text."""
    kept = "".join(" " if _is_refused(letter) else letter for letter in text)
    return " ".join(kept.split())


def _is_refused(letter: str) -> bool:
    return unicodedata.category(letter) in ("Cc", "Cs", "Cn") or letter in _TURNS


def cut(text: str, width: int) -> str:
    """Return a text of at most `width` cells, with `…` where something was cut off."""
    if cells(text) <= width:
        return text
    kept = ""
    for letter in text:
        if cells(kept + letter) > width - cells("…"):
            break
        kept += letter
    return kept.rstrip() + "…"


def wrap(text: str, width: int, most: int) -> list[str]:
    """Return a text as at most `most` lines of at most `width` cells; the last is cut if need be."""
    lines = [""]
    for piece in _pieces(plain(text)):
        if lines[-1] and cells((lines[-1] + piece).rstrip()) > width:
            lines.append("")
        while cells(piece.rstrip()) > width:
            head = _head(piece, width)
            lines[-1], piece = head, piece[len(head) :]
            lines.append("")
        lines[-1] += piece
    found = [line.strip() for line in lines if line.strip()]
    if len(found) <= most:
        return found
    return [*found[: most - 1], cut(" ".join(found[most - 1 :]), width)]


def _head(piece: str, width: int) -> str:
    head = ""
    for letter in piece:
        if head and cells(head + letter) > width:
            break
        head += letter
    return head


def _pieces(text: str) -> list[str]:
    """Return the parts of a text between which a line may break: words, and phrases of Japanese."""
    pieces: list[str] = []
    for letter in text:
        if pieces and not _may_break(pieces[-1], letter):
            pieces[-1] += letter
        else:
            pieces.append(letter)
    return pieces


def _may_break(piece: str, letter: str) -> bool:
    """Say whether a line may end between a piece and the letter after it.

    Japanese breaks before a word in kanji or katakana, and not inside it: a phrase is a word and the
    hiragana after it. A number stays with its unit.
    """
    last = piece[-1]
    if letter == " " or letter in _NO_LINE_START or last in _NO_LINE_END:
        return False
    if last == " ":
        return not (piece.rstrip()[-1:].isdigit() and _cell(letter) == 2)
    if _cell(letter) == 1 and _cell(last) == 1:
        return len(piece) > 3 and last in "/_."
    if last in _PAUSES:
        return True
    if last.isdigit() or _script(letter) == "hiragana" or piece.lstrip(_NO_LINE_END) in _HONORIFICS:
        return False
    return _script(letter) != _script(last)


def _script(letter: str) -> str:
    """Return hiragana, katakana, wide (kanji, Hangul, signs), or narrow."""
    if "\u3041" <= letter <= "\u309f":
        return "hiragana"
    if "\u30a0" <= letter <= "\u30ff":
        return "katakana"
    return "wide" if _cell(letter) == 2 else "narrow"
