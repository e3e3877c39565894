"""Typed reading of one map: every setting by its name, unknown ones refused.

A reader returns None where the value is missing or wrong, after a report; it never raises, so
that all problems are found at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import TypeVar
from zoneinfo import ZoneInfo, available_timezones

from leadloop.language import yaml_mistakes
from leadloop.language.diagnostics import Report
from leadloop.language.nodes import Mapping as MapNode
from leadloop.language.nodes import Node, Scalar, Sequence, kind_of
from leadloop.language.plan import Span
from leadloop.language.spans import parse_span
from leadloop.language.suggest import Suggestion, nearest

T = TypeVar("T")

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
IDENTIFIER = re.compile(r"[a-z][a-z0-9_]*")
ADDRESS = re.compile(r"[^\s@,;:<>()\[\]\"\\]{1,64}@[A-Za-z0-9][A-Za-z0-9-]*(?:\.[A-Za-z0-9][A-Za-z0-9-]*)+")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,14})", re.ASCII)
_NULL = ("", "~", "null", "Null", "NULL")
_BOOLS = {"true": True, "false": False}

# CEL reserves these words, so they cannot follow a dot in a condition.
RESERVED_WORDS = frozenset(
    {
        "as", "break", "const", "continue", "else", "false", "for", "function", "if", "import", "in",
        "let", "loop", "namespace", "null", "package", "return", "true", "var", "void", "while",
    }
)  # fmt: skip


class Fields:
    """The settings of one map. `where` names the map in messages, for example "a `send` step"."""

    def __init__(self, report: Report, node: MapNode, where: str) -> None:
        self.report = report
        self.node = node
        self.where = where
        self._known: dict[str, None] = {}

    def take(self, name: str, example: str | None = None) -> Node | None:
        """Return the value of a setting. With an `example` the setting is required."""
        self._known[name] = None
        value = self.node.get(name)
        if value is None and example is not None:
            self.report.add(
                "SCN103", self.node.place, where=self.where, key=name, example=f"for example `{example}`"
            )
        return value

    def has(self, name: str) -> bool:
        """Return whether the author wrote this setting."""
        return self.node.get(name) is not None

    def text(self, name: str, example: str | None = None) -> str | None:
        """Return a text, not empty."""
        node = self.take(name, example)
        return None if node is None else text(self.report, node, f"`{name}`")

    def name(self, name: str, example: str | None = None) -> str | None:
        """Return a text that names something."""
        node = self.take(name, example)
        return None if node is None else named(self.report, node, f"`{name}`")

    def choice(self, name: str, allowed: Collection[str], example: str | None = None) -> str | None:
        """Return one of the allowed texts."""
        node = self.take(name, example)
        return None if node is None else choice(self.report, node, f"`{name}`", allowed)

    def known(self, name: str, kind: str, names: Collection[str], example: str | None = None) -> str | None:
        """Return a declared name of some kind (topic, stage, …)."""
        node = self.take(name, example)
        return None if node is None else known_name(self.report, node, kind, names)

    def integer(
        self, name: str, least: int | None = None, most: int | None = None, example: str | None = None
    ) -> int | None:
        """Return a whole number within limits."""
        node = self.take(name, example)
        return None if node is None else integer(self.report, node, f"`{name}`", least, most)

    def boolean(self, name: str) -> bool | None:
        """Return true or false."""
        node = self.take(name)
        return None if node is None else boolean(self.report, node, f"`{name}`")

    def span(self, name: str, example: str | None = None, zero: bool = False) -> Span | None:
        """Return a length of time; zero only where it means something."""
        node = self.take(name, example)
        return None if node is None else span(self.report, node, f"`{name}`", zero)

    def address(self, name: str, example: str | None = None) -> str | None:
        """Return one mail address."""
        node = self.take(name, example)
        return None if node is None else address(self.report, node, f"`{name}`")

    def parsed(self, name: str, parse: Callable[[str], T], example: str | None = None) -> T | None:
        """Return what `parse` makes of a text; its `ValueError` is reported."""
        node = self.take(name, example)
        return None if node is None else parsed(self.report, node, f"`{name}`", parse)

    def mapping(self, name: str, example: str | None = None) -> MapNode | None:
        """Return a map."""
        node = self.take(name, example)
        return None if node is None else mapping(self.report, node, f"`{name}`")

    def sequence(self, name: str, example: str | None = None) -> list[Node]:
        """Return the items of a list, empty when missing or wrong."""
        node = self.take(name, example)
        return [] if node is None else items(self.report, node, f"`{name}`")

    def finish(self) -> None:
        """Report every setting that nobody took."""
        for key, _ in self.node.entries:
            if key.text not in self._known:
                self.report.add(
                    "SCN101",
                    key.place,
                    where=self.where,
                    key=key.text,
                    suggestion=Suggestion(key.text, self._known),
                )


def text(report: Report, node: Node, what: str) -> str | None:
    """Return a text, not empty."""
    if not isinstance(node, Scalar):
        report.add("SCN102", node.place, what=what, wanted="a text", found=kind_of(node))
        return None
    if (node.plain and node.text in _NULL) or not node.text.strip():
        report.add("SCN113", node.place, what=what)
        return None
    return node.text


def named(report: Report, node: Node, what: str, pattern: re.Pattern[str] = NAME) -> str | None:
    """Return a text that can be a name."""
    value = text(report, node, what)
    if value is None:
        return None
    if pattern.fullmatch(value) is None or len(value) > 80 or value in RESERVED_WORDS:
        fix = (
            "write lower-case letters, digits and `_`"
            if pattern is IDENTIFIER
            else "write letters, digits, `-` and `_`, a letter first"
        )
        if value in RESERVED_WORDS:
            fix = "conditions use this word; choose another"
        report.add("SCN109", node.place, name=value, what=what, fix=fix)
        return None
    return value


def choice(report: Report, node: Node, what: str, allowed: Collection[str]) -> str | None:
    """Return one of the allowed texts."""
    value = text(report, node, what)
    if value is None or value in allowed:
        return value
    listed = ", ".join(f"`{one}`" for one in allowed)
    near = nearest(value, allowed)
    report.add(
        "SCN104",
        node.place,
        what=what,
        value=value,
        allowed=listed,
        hint=f"did you mean `{near}`? (one of: {listed})" if near else "",
    )
    return None


def known_name(report: Report, node: Node, kind: str, names: Collection[str]) -> str | None:
    """Return a declared name."""
    value = text(report, node, f"the {kind}")
    if value is None or value in names:
        return value
    report.add("SCN201", node.place, kind=kind, name=value, suggestion=Suggestion(value, names))
    return None


def integer(
    report: Report, node: Node, what: str, least: int | None = None, most: int | None = None
) -> int | None:
    """Return a whole number. `012`, `1.10` and quoted numbers are not numbers."""
    value = text(report, node, what)
    if value is None or not isinstance(node, Scalar):
        return None
    limits = f" of at least {least}" if least is not None else ""
    limits += f" and at most {most}" if most is not None else ""
    right = node.plain and _NUMBER.fullmatch(value) is not None
    number = int(value) if right else 0
    if right and (least is None or number >= least) and (most is None or number <= most):
        return number
    fix = "write digits only, without a leading zero or a point"
    if not node.plain:
        fix = "write it without quotes"
    report.add("SCN105", node.place, what=what, limits=limits, value=value, fix="" if right else fix)
    return None


def boolean(report: Report, node: Node, what: str) -> bool | None:
    """Return true or false; `yes`, `on` and quoted texts are neither."""
    value = text(report, node, what)
    if value is None or not isinstance(node, Scalar):
        return None
    if node.plain and value in _BOOLS:
        return _BOOLS[value]
    report.add("SCN106", node.place, what=what, value=value)
    return None


def span(report: Report, node: Node, what: str, zero: bool = False) -> Span | None:
    """Return a length of time, zero only when allowed."""
    value = parsed(report, node, what, parse_span)
    if value is not None and value.amount == 0 and not zero:
        report.add("SCN107", node.place, what=what, problem="a length of zero does not wait")
        return None
    return value


def parsed(report: Report, node: Node, what: str, parse: Callable[[str], T]) -> T | None:
    """Return what `parse` makes of a text; its `ValueError` is reported."""
    value = text(report, node, what)
    if value is None:
        return None
    try:
        return parse(value)
    except ValueError as error:
        report.add("SCN107", node.place, what=what, problem=str(error))
        return None


def address(report: Report, node: Node, what: str) -> str | None:
    """Return one mail address, an RFC 5321 Mailbox without quoting."""
    value = text(report, node, what)
    if value is None:
        return None
    if ADDRESS.fullmatch(value) is None or len(value) > 254:
        report.add("SCN111", node.place, what=what, value=value)
        return None
    return value


def time_zone(report: Report, node: Node, what: str) -> str | None:
    """Return the name of a time zone in the IANA database."""
    name = text(report, node, what)
    if name is None:
        return None
    try:
        ZoneInfo(name)
        return name
    except (KeyError, ValueError, OSError):  # ZoneInfoNotFoundError is a KeyError
        near = Suggestion(name, sorted(available_timezones()))
        report.add("SCN201", node.place, kind="time zone", name=name, suggestion=near)
        return None


def mapping(report: Report, node: Node, what: str) -> MapNode | None:
    """Return a map."""
    if isinstance(node, MapNode):
        return node
    if not (isinstance(node, Scalar) and yaml_mistakes.report_text(node, report)):
        report.add("SCN102", node.place, what=what, wanted="a map (`key: value`)", found=kind_of(node))
    return None


def items(report: Report, node: Node, what: str) -> list[Node]:
    """Return the items of a list, not empty."""
    if isinstance(node, Sequence):
        if not node.items:
            report.add("SCN113", node.place, what=what)
        return node.items
    if not (isinstance(node, Scalar) and yaml_mistakes.report_text(node, report)):
        report.add("SCN102", node.place, what=what, wanted="a list (`- …` or `[…]`)", found=kind_of(node))
    return []


def one_or_many(node: Node) -> list[Node]:
    """Return the items of a list, or the node itself as the only one."""
    return node.items if isinstance(node, Sequence) else [node]
