"""Maps of named declarations: `lead_fields`, `forms`, `topics` and their like."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from leadloop.language.diagnostics import Report
from leadloop.language.fields import Fields, mapping, named, text
from leadloop.language.nodes import Node
from leadloop.language.plan import FieldSpec

T = TypeVar("T")

FIELD_TYPES = ("text", "int", "bool", "date", "datetime", "enum")


def read_each(
    fields: Fields,
    name: str,
    pattern: re.Pattern[str],
    read: Callable[[Report, Node, str], T | None],
    empty: T,
) -> dict[str, T]:
    """Return name -> value of a map of named things; a faulty one becomes `empty`."""
    node = fields.mapping(name)
    result: dict[str, T] = {}
    for key, value in node.entries if node is not None else []:
        if named(fields.report, key, f"`{name}`", pattern) is None:
            continue
        read_value = read(fields.report, value, f"`{key.text}` of `{name}`")
        result[key.text] = empty if read_value is None else read_value
    return result


def fields_of(report: Report, node: Node, what: str) -> Fields | None:
    """Return the settings of a map, or None after a report."""
    found = mapping(report, node, what)
    return None if found is None else Fields(report, found, what)


def read_field_spec(report: Report, node: Node, what: str) -> FieldSpec | None:
    """Return `{type: enum, values: […]}` and the like."""
    fields = fields_of(report, node, what)
    if fields is None:
        return None
    kind = fields.choice("type", FIELD_TYPES, "type: text")
    values: list[str] = []
    if kind == "enum":
        values = read_values(report, fields.sequence("values", "values: [a, b]"))
    fields.finish()
    if kind is None or (kind == "enum" and not values):
        return None
    return FieldSpec.model_validate({"type": kind, "values": values})


def read_values(report: Report, nodes: list[Node]) -> list[str]:
    """Return texts that must differ from each other."""
    values: dict[str, int] = {}
    for node in nodes:
        value = text(report, node, "a value of the enum")
        if value is not None and value in values:
            report.add("SCN202", node.place, kind="value", name=value, line=values[value])
        elif value is not None:
            values[value] = node.place.line
    return list(values)
