"""What people really write in YAML by mistake, each with the corrected line."""

from __future__ import annotations

import re
from collections.abc import Iterable

from leadloop.language.diagnostics import Report
from leadloop.language.nodes import Scalar
from leadloop.language.sources import Place, Source

CONDITION_KEYS = ("if", "when", "where", "while", "not", "audience", "until")

_WIDE_COLON = re.compile(r"^(\s*(?:- +)*(?:\{ *)?[A-Za-z_][\w.-]*)\s*：[ \u3000]*")
_WIDE_SPACE = re.compile(r"^[ ]*(?:- *)*\u3000|(?:^|[{,])[\s\-]*[A-Za-z_][\w.-]*:\u3000|^\s*-\u3000")
_CONDITION = re.compile(rf"(?:^\s*(?:- +)*|[{{,]\s*)(?:{'|'.join(CONDITION_KEYS)}):\s+(?P<text>\S.*)$")
_FLOW_END = re.compile(r"\s*,\s*[a-z_]+:\s|\s*\}[\s\}\],]*$")


def report_key(key: Scalar, report: Report) -> bool:
    """Report a key with a full-width colon or an ideographic space in it."""
    if not key.plain:
        return False
    line = key.place.source.line(key.place.line)
    for sign, code in (("：", "SCN012"), ("\u3000", "SCN013")):
        at = key.text.find(sign)
        if at >= 0:
            fixed = line.replace(key.text, _narrow(key.text), 1)
            report.add(code, key.place.shifted(at), fixed=fixed)
            return True
    return False


def report_text(node: Scalar, report: Report) -> bool:
    """Report a text that stands where a map is wanted and has a full-width colon."""
    found = _WIDE_COLON.match(node.text)
    if not node.plain or found is None:
        return False
    line = node.place.source.line(node.place.line)
    first = node.text.split("\n")[0]
    report.add(
        "SCN012", node.place.shifted(node.text.index("：")), fixed=line.replace(first, _narrow(first), 1)
    )
    return True


def report_condition(place: Place, report: Report, key: str, why: str) -> bool:
    """Report a condition that needs quotes, when `key` holds conditions."""
    line = place.source.line(place.line)
    if key not in CONDITION_KEYS:
        return False
    found = next((one for one in _CONDITION.finditer(line) if one.start("text") < place.column), None)
    if found is None:
        return False
    report.add("SCN014", place, why=why, fixed=_quoted(line, found))
    return True


def report_lines(source: Source, numbers: Iterable[int], report: Report) -> bool:
    """Look for a known mistake in lines near a syntax error. Return whether one was reported."""
    for number in dict.fromkeys(numbers):
        line = source.line(number)
        if "：" in line and (found := _WIDE_COLON.match(line)):
            report.add(
                "SCN012",
                Place(source, number, line.index("：") + 1),
                fixed=_WIDE_COLON.sub(lambda one: one[1] + ": ", line),
            )
            return True
        if "\u3000" in line and _WIDE_SPACE.search(line):
            report.add("SCN013", Place(source, number, line.index("\u3000") + 1), fixed=_narrow(line))
            return True
        found = _CONDITION.search(line)
        if found is not None and (why := _why(found["text"], line[found.start()] in "{,")):
            report.add(
                "SCN014", Place(source, number, found.start("text") + 1), why=why, fixed=_quoted(line, found)
            )
            return True
    return False


def _why(text: str, flow: bool) -> str:
    if text.startswith('"') and not re.fullmatch(r'"(?:\\.|[^"\\])*"\s*', text):
        return 'a leading `"` begins a quoted text'
    if text.startswith("!"):
        return "a leading `!` is a tag"
    if text.startswith(("'", '"')):
        return ""
    if flow and re.search(r"[\[,{}\]]", text):
        return "a comma or bracket ends a value inside `{ }`"
    if ": " in text:
        return "`: ` ends a key"
    if text[0] in "&*%@`|>":
        return f"a leading `{text[0]}` means something to YAML"
    return ""


def _quoted(line: str, found: re.Match[str]) -> str:
    text = found["text"]
    tail = ""
    if line[found.start()] in "{,":
        end = _FLOW_END.search(text)
        if end is not None:
            text, tail = text[: end.start()], text[end.start() :]
    return line[: found.start("text")] + quoted(text.rstrip()) + tail


def quoted(text: str) -> str:
    """Return a condition in YAML quotes: single ones, double ones around single ones."""
    if "'" in text and not set(text) & {'"', "\\"}:
        return f'"{text}"'
    return "'" + text.replace("'", "''") + "'"


def _narrow(text: str) -> str:
    indent = len(text) - len(text.lstrip())
    rest = re.sub(r"：\s*", ": ", text[indent:]).replace("\u3000", " ")
    return text[:indent].replace("\u3000", "  ") + rest
