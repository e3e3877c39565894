"""Strict YAML: bytes -> nodes with places, or diagnostics.

YAML 1.2 core, less what surprises people: anchors, aliases, tags, tabs as indentation, duplicate
keys, several documents. Works on parser events and stops at the first refusal, so that a hostile
file costs no more than its first bytes. Never raises for any input.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from leadloop.language import yaml_mistakes
from leadloop.language.diagnostics import Report
from leadloop.language.nodes import Mapping, Node, Scalar, Sequence
from leadloop.language.sources import Place, Source

MAX_BYTES = 256 * 1024
MAX_DEPTH = 50
MAX_NODES = 10_000
"""So many lists, maps, keys and values one file has; the largest shipped one has some hundred."""

# All that YAML 1.2 does not call printable, and the line separators that YAML 1.1 breaks lines at.
_REFUSED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
_KEY_LINE = re.compile(r"[ -]*[A-Za-z_][\w-]*:(?:\s|$)")
_NO_SPACE = re.compile(r"[ -]*[A-Za-z_][\w-]*:[^\s:/]")
_TAB = re.compile(r"^([ ]*\t[ \t]*)\S", re.MULTILINE)


class _RefusedError(Exception):
    """The file cannot be read further; the reason is in the report."""


def decode(path: str, data: bytes, report: Report) -> Source | None:
    """Return the text of a file, or None after a report (too big, not UTF-8, control characters)."""
    nothing = Place(Source(path, ""))
    if len(data) > MAX_BYTES:
        report.add("SCN001", nothing, size=len(data), limit=MAX_BYTES)
        return None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", "replace")
        source = Source(path, _lines(before))
        report.add("SCN002", Place(source, len(source.lines), len(source.lines[-1]) + 1))
        return None
    source = Source(path, _lines(text))
    refused = _REFUSED.search(source.text)
    if refused is not None:
        report.add("SCN009", _place_of(source, refused.start()), point=f"{ord(refused[0]):04X}")
        return None
    return source


def read(source: Source, report: Report) -> Node | None:
    """Return the root node of a file, or None after a report."""
    if not source.text.strip():
        report.add("SCN011", Place(source))
        return None
    tab = _TAB.search(source.text)
    if tab is not None:
        place = _place_of(source, tab.start())
        fixed = source.line(place.line).replace("\t", "  ")
        report.add("SCN007", place.shifted(tab[1].index("\t")), fixed=fixed)
        return None
    try:
        return _Composer(source, report).document()
    except _RefusedError:
        return None
    except yaml.YAMLError as error:
        _report_syntax(source, error, report)
        return None


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _place_of(source: Source, index: int) -> Place:
    line = source.text.count("\n", 0, index) + 1
    return Place(source, line, index - source.text.rfind("\n", 0, index))


class _Composer:
    def __init__(self, source: Source, report: Report) -> None:
        self._source = source
        self._report = report
        self._nodes = 0
        self._events: Iterator[Any] = yaml.parse(source.text, Loader=yaml.CSafeLoader)

    def document(self) -> Node | None:
        next(self._events)  # stream start
        start = next(self._events)
        if isinstance(start, yaml.StreamEndEvent):
            self._report.add("SCN011", Place(self._source))
            return None
        if start.version or start.tags:
            self._refuse("SCN010", start)
        root = self._node(next(self._events), 1, flow=False)
        next(self._events)  # document end
        after = next(self._events)
        if not isinstance(after, yaml.StreamEndEvent):
            self._refuse("SCN010", after)
        return root

    def _node(self, event: Any, depth: int, flow: bool, key: str = "") -> Node:
        if depth > MAX_DEPTH:
            self._refuse("SCN008", event, limit=MAX_DEPTH)
        self._nodes += 1
        if self._nodes > MAX_NODES:
            self._refuse("SCN019", event, limit=f"{MAX_NODES:,}")
        if isinstance(event, yaml.AliasEvent) or event.anchor:
            self._refuse("SCN005", event)
        if event.tag:
            self._refuse_tag(event, key)
        place = self._place(event)
        if isinstance(event, yaml.ScalarEvent):
            end: Any = event.end_mark
            return Scalar(
                place,
                event.value,
                plain=bool(event.implicit[0]) and not event.style,
                flow=flow,
                style=event.style or "",
                end_line=end.line + 1,
                end_column=end.column + 1,
            )
        inside = flow or bool(event.flow_style)
        if isinstance(event, yaml.SequenceStartEvent):
            items = []
            while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
                items.append(self._node(event, depth + 1, inside, key))
            return Sequence(place, items)
        return Mapping(place, self._entries(depth, inside))

    def _entries(self, depth: int, flow: bool) -> list[tuple[Scalar, Node]]:
        entries: list[tuple[Scalar, Node]] = []
        lines: dict[str, int] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._node(event, depth + 1, flow)
            if not isinstance(key, Scalar):
                self._refuse("SCN015", event)
                break
            value = self._node(next(self._events), depth + 1, flow, key.text)
            if yaml_mistakes.report_key(key, self._report):
                continue
            if key.text in lines:
                self._report.add("SCN004", key.place, key=key.text, line=lines[key.text])
                continue
            lines[key.text] = key.place.line
            entries.append((key, value))
        return entries

    def _place(self, event: Any) -> Place:
        start, end = event.start_mark, event.end_mark
        length = end.column - start.column if end.line == start.line else 1
        return Place(self._source, start.line + 1, start.column + 1, max(1, length))

    def _refuse(self, code: str, event: Any, **values: Any) -> None:
        self._report.add(code, self._place(event), **values)
        raise _RefusedError

    def _refuse_tag(self, event: Any, key: str) -> None:
        place = self._place(event)
        if not yaml_mistakes.report_condition(place, self._report, key, "a leading `!` is a tag"):
            self._report.add("SCN006", place)
        raise _RefusedError


def _report_syntax(source: Source, error: yaml.YAMLError, report: Report) -> None:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    line = min(mark.line + 1, len(source.lines)) if mark else 1
    place = Place(source, line, min(mark.column, len(source.line(line))) + 1 if mark else 1)
    start = getattr(error, "context_mark", None)
    lines = [place.line, place.line - 1] + ([start.line + 1] if start else [])
    if yaml_mistakes.report_lines(source, lines, report):
        return
    problem = getattr(error, "problem", None) or ""
    if "cannot start any token" in problem and source.line(line)[place.column - 1 : place.column] == "\t":
        report.add("SCN007", place, fixed=source.line(line).replace("\t", " "))
        return
    words = [getattr(error, "context", None), getattr(error, "problem", None)]
    report.add(
        "SCN003",
        place,
        problem=", ".join(one for one in words if one) or "cannot be read",
        hint=_hint(problem, source, line),
    )


def _hint(problem: str, source: Source, line: int) -> str:
    if "mapping values" in problem:
        return _hint_before(source, line) or "put quotes around a text that contains `: `"
    if "expected ':'" in problem:
        return "write `key: value`, with a space after the colon"
    if "did not find expected" in problem:
        return "check the indentation, the brackets and the quotes of this and the line before"
    if "cannot start any token" in problem:
        return "put quotes around a text that begins with a sign"
    return ""


def _hint_before(source: Source, line: int) -> str:
    """Return what to mend where a key is read as part of the value on the line before."""
    if _KEY_LINE.match(source.line(line)) is None:
        return ""
    before = line - 1
    while before > 1 and not source.line(before).strip():
        before -= 1
    if _NO_SPACE.match(source.line(before)):
        return f"write a space after the colon on line {before}"
    if _indent(source.line(line)) > _indent(source.line(before)):
        return f"begin this line where the key on line {before} begins: it is indented too far"
    return ""


def _indent(line: str) -> int:
    """Return where a line's key begins, behind the dashes of lists."""
    return len(line) - len(line.lstrip(" -"))
