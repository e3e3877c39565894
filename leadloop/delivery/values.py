"""Values of a lead inside Markdown: opaque marks while Markdown is read, literal text afterwards.

A lead may be called `[free](https://evil.example)` or `<script>`. While Jinja2 runs, each printed
value becomes a mark between two Unicode noncharacters, which no Markdown rule and no person
writes. Once HTML stands, marks become the escaped value. So a value can never become markup,
wherever the template prints it.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

_OPEN, _CLOSE = "\ufdd0", "\ufdd1"
_MARK = re.compile(f"{_OPEN}(\\d+){_CLOSE}")
_QUOTED_MARK = re.compile(f"{quote(_OPEN)}(\\d+){quote(_CLOSE)}")
_NONCHARACTERS = re.compile("[\ufdd0-\ufdef]")
_SURROGATES = re.compile("[\ud800-\udfff]")
_WHOLE_ADDRESS = ("https://", "http://", "mailto:")
_MAX_NESTING = 5


class Values:
    """The values printed by one rendering, each behind its mark."""

    def __init__(self) -> None:
        self._values: list[str] = []

    def mark(self, value: Any) -> Any:
        """Jinja2's `finalize`: remember the value, print its mark."""
        text = str(value)
        if not text:
            return ""
        if text.isspace():
            return " "
        self._values.append(text)
        return f"{_OPEN}{len(self._values) - 1}{_CLOSE}"

    def in_html(self, text: str) -> str:
        """Return HTML with every mark as escaped text."""
        return self._resolved(text, html.escape)

    def in_text(self, text: str) -> str:
        """Return plain text with every mark as its value, on one line."""
        return self._resolved(text, lambda value: " ".join(value.split()))

    def in_address(self, address: str) -> str:
        """Return a link's address with its marks resolved.

        A value may be a whole address; a value inside one is percent-encoded (RFC 3986), so that
        it cannot change the server that the author wrote.
        """

        def replace(match: re.Match[str]) -> str:
            value: str = _MARK.sub(lambda inner: self._value(inner.group(1)), self._value(match.group(1)))
            if match.start() == 0 and value.lower().startswith(_WHOLE_ADDRESS):
                return quote(value, safe=":/?#[]@!$&'()*+,;=%~")
            return quote(value, safe="")

        return _QUOTED_MARK.sub(replace, _MARK.sub(lambda match: quote(match.group()), address))

    def removed(self, text: str) -> str:
        """Return text without the values, for what must not hold personal data."""
        return _NONCHARACTERS.sub("", _MARK.sub("", text))

    def _resolved(self, text: str, escape: Callable[[str], str]) -> str:
        for _ in range(_MAX_NESTING):
            if _OPEN not in text:
                break
            text = _MARK.sub(lambda match: escape(self._value(match.group(1))), text)
        return _NONCHARACTERS.sub("", text)

    def _value(self, number: str) -> str:
        index = int(number)
        return self._values[index] if index < len(self._values) else ""


def encodable(value: Any) -> Any:
    """Return nested plain data whose text can be written as UTF-8 and holds no marks.

    Lone surrogates become U+FFFD; noncharacters go.
    """
    if isinstance(value, str):
        return _SURROGATES.sub("\ufffd", _NONCHARACTERS.sub("", value))
    if isinstance(value, list):
        return [encodable(item) for item in value]
    if isinstance(value, dict):
        return {key: encodable(item) for key, item in value.items()}
    return value
