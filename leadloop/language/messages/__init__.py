"""All texts of the compiler: code -> severity, message and hint, each in English and Japanese.

A code is one entry in the module of its area. What fills a placeholder in words (`problem`, `fix`)
has its Japanese text in `leadloop.language.phrases`.
"""

from __future__ import annotations

from leadloop.language.messages.base import Ja, Language, Message, Severity
from leadloop.language.messages.conditions import CONDITIONS
from leadloop.language.messages.flow import FLOW
from leadloop.language.messages.lints import LINTS
from leadloop.language.messages.names import NAMES
from leadloop.language.messages.reading import READING
from leadloop.language.messages.shape import SHAPE
from leadloop.language.messages.templates import TEMPLATES

__all__ = ["AREAS", "LINTS", "MESSAGES", "Ja", "Language", "Message", "Severity"]

AREAS = (READING, SHAPE, NAMES, CONDITIONS, FLOW, TEMPLATES, LINTS)

MESSAGES: dict[str, Message] = {code: entry for area in AREAS for code, entry in area.items()}
