"""Problems as a SARIF 2.1.0 log (OASIS Standard), which code scanning and editors read."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import leadloop
from leadloop.cli.problems import path_from_here
from leadloop.language.diagnostics import Diagnostic
from leadloop.language.messages import MESSAGES

if TYPE_CHECKING:
    from leadloop.language.messages import Language

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
HELP = "docs/scenario-language.md"
_PLACEHOLDER = re.compile(r"\{\w+\}")


def as_sarif(folder: Path, diagnostics: Sequence[Diagnostic], language: Language) -> str:
    """Return one SARIF document with one run. Columns count UTF-16 code units, from 1."""
    rules = [code for code in MESSAGES if any(one.code == code for one in diagnostics)]
    run = {
        "tool": {
            "driver": {
                "name": "leadloop",
                "version": leadloop.__version__,
                "language": language,
                "rules": [_rule(code, language) for code in rules],
            }
        },
        "language": language,
        "columnKind": "utf16CodeUnits",
        "results": [_result(folder, one, rules.index(one.code), language) for one in diagnostics],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, ensure_ascii=False, indent=2)


def _rule(code: str, language: Language) -> dict[str, Any]:
    entry = MESSAGES[code]
    return {
        "id": code,
        "shortDescription": _message(_PLACEHOLDER.sub("…", entry.text(language))),
        "helpUri": f"{HELP}#{code.lower()}",
        "defaultConfiguration": {"level": entry.severity},
    }


def _result(folder: Path, one: Diagnostic, rule: int, language: Language) -> dict[str, Any]:
    hint = one.hint_in(language)
    return {
        "ruleId": one.code,
        "ruleIndex": rule,
        "level": one.severity,
        "message": _message(one.message_in(language) + (f"\n{hint}" if hint else "")),
        "locations": [
            {"physicalLocation": {"artifactLocation": _location(folder, one.path), "region": _region(one)}}
        ],
    }


def _message(text: str) -> dict[str, str]:
    """Return a plain text message; §3.11.5 doubles its braces, which would be placeholders."""
    return {"text": text.replace("{", "{{").replace("}", "}}")}


def _location(folder: Path, path: str) -> dict[str, str]:
    """Return the file: relative to the current folder, or absolute where it is not below it."""
    shown = Path(path_from_here(folder, path))
    if shown.is_absolute():
        return {"uri": shown.as_uri()}
    return {"uri": quote(shown.as_posix()), "uriBaseId": "%SRCROOT%"}


def _region(one: Diagnostic) -> dict[str, int]:
    line = one.place.source.line(one.line)
    return {
        "startLine": one.line,
        "startColumn": _units(line[: one.column - 1]) + 1,
        "endLine": one.line,
        "endColumn": _units(line[: one.end_column - 1]) + 1,
    }


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2
