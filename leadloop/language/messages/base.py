"""What an entry of the catalogue is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Language = Literal["en", "ja"]
Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Ja:
    """The Japanese text of a code, with the placeholders of the English one."""

    message: str
    hint: str = ""


@dataclass(frozen=True)
class Message:
    """The texts of one code. `Report.add` fills in `{name}`.

    A placeholder between backticks is code and stays as it is; any other one is prose, which
    `leadloop.language.phrases` has in Japanese.
    """

    message: str
    hint: str = ""
    severity: Severity = "error"
    ja: Ja = field(kw_only=True)

    def text(self, language: Language) -> str:
        """Return the message in a language, with placeholders."""
        return self.ja.message if language == "ja" else self.message

    def usual_hint(self, language: Language) -> str:
        """Return the hint in a language, with placeholders."""
        return self.ja.hint if language == "ja" else self.hint


def warning(message: str, hint: str, *, ja: Ja) -> Message:
    """Return an entry that does not keep a workspace from being published."""
    return Message(message, hint, "warning", ja=ja)
