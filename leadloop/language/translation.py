"""Messages in a language: the placeholders of a catalogue text filled, their words translated.

What readers report is English. Its Japanese is looked up when it is printed, by the English text
with placeholders, so that compiling needs no language. What nobody translated stays English.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache

from leadloop.language.messages.base import Language

VERBATIM = frozenset({"fixed", "path"})
"""Placeholders outside backticks that hold what the author wrote."""

_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_DEEPEST = 6
_CODE = "[^`]*?"
_ANYTHING = ".*?"
"""For code with a backtick in it, tried last."""


def placeholders(template: str) -> Iterator[tuple[str, bool]]:
    """Yield (name, whether it is prose) of each placeholder. Between backticks it is code."""
    for found in _PLACEHOLDER.finditer(template):
        code = template.count("`", 0, found.start()) % 2 == 1
        yield found[1], not code and found[1] not in VERBATIM


def fill(template: str, values: Mapping[str, str], language: Language = "en") -> str:
    """Return a catalogue text with its values, the prose ones in the language."""
    if language == "ja":
        prose = {name for name, is_prose in placeholders(template) if is_prose}
        values = {name: japanese(text) if name in prose else text for name, text in values.items()}
    return template.format_map(values)


def japanese(text: str, depth: int = 0) -> str:
    """Return the Japanese of an English phrase; the text itself where the table has none."""
    from leadloop.language.phrases import PHRASES

    if depth > _DEEPEST or not text:
        return text
    if text in PHRASES:
        return PHRASES[text]
    found = _find(text, _CODE) or _find(text, _ANYTHING)
    if found is None:
        return text
    template, values = found
    for name, is_prose in placeholders(template):
        if is_prose:
            values[name] = japanese(values[name], depth + 1)
    return _PLACEHOLDER.sub(lambda one: values[one[1]], PHRASES[template])


def _find(text: str, code: str) -> tuple[str, dict[str, str]] | None:
    """Return the phrase that a text is, and what fills it. `code` matches what is between backticks."""
    for template, start in _by_weight():
        if text.startswith(start) and (found := _pattern(template, code).fullmatch(text)):
            return template, found.groupdict()
    return None


@cache
def _by_weight() -> list[tuple[str, str]]:
    """Return (phrase with placeholders, its words before the first), those with most words first."""
    from leadloop.language.phrases import PHRASES

    found = [(one, _PLACEHOLDER.split(one)[0]) for one in PHRASES if _PLACEHOLDER.search(one)]
    return sorted(found, key=lambda one: -len(_PLACEHOLDER.sub("", one[0])))


@cache
def _pattern(template: str, code: str) -> re.Pattern[str]:
    inside = {name for name, is_prose in placeholders(template) if not is_prose}
    text, names = "", set[str]()
    for at, part in enumerate(_PLACEHOLDER.split(template)):
        if at % 2 == 0:
            text += re.escape(part)
        elif part in names:  # the same value again
            text += f"(?P={part})"
        else:
            text += f"(?P<{part}>{code if part in inside else _ANYTHING})"
            names.add(part)
    return re.compile(text, re.DOTALL)
