"""The language of problems: `--lang`, else LEADLOOP_LANG, else the locale (POSIX: LC_ALL, LC_MESSAGES, LANG).

Apart from the settings, because `leadloop check` starts without their library.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from leadloop.language.messages import Language

_VARIABLES = ("LEADLOOP_LANG", "LC_ALL", "LC_MESSAGES", "LANG")


class Lang(StrEnum):
    """A language in which problems are told."""

    en = "en"
    ja = "ja"


LanguageOption = Annotated[
    Lang | None,
    typer.Option(
        "--lang",
        show_default=False,
        help="Language of problems. Default: LEADLOOP_LANG, else the locale (ja, otherwise en).",
    ),
]


def language_of(asked: Lang | None = None, environment: Mapping[str, str] | None = None) -> Language:
    """Return the language asked for, else that of the environment."""
    if asked is not None:
        return "ja" if asked is Lang.ja else "en"
    variables = os.environ if environment is None else environment  # noqa: TID251
    locale = next((value for name in _VARIABLES if (value := variables.get(name))), "")
    return "ja" if locale.lower().startswith("ja") else "en"
