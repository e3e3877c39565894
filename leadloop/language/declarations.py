"""Maps of named declarations: `lead_fields`, `forms`, `topics` and their like."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TypeVar

from leadloop.language.diagnostics import Report
from leadloop.language.fields import Fields, known_name, mapping, named, text
from leadloop.language.nodes import Mapping as MapNode
from leadloop.language.nodes import Node, Scalar
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


def read_short_spec(
    report: Report, node: Node, what: str, kinds: Mapping[str, FieldSpec]
) -> FieldSpec | None:
    """Return the type of a field or property: a word such as `text`, or `{type: enum, values: […]}`.

    `kinds` has further words and what they mean, for example `form`.
    """
    if isinstance(node, MapNode):
        return read_field_spec(report, node, what)
    plain = {kind: FieldSpec.model_validate({"type": kind}) for kind in FIELD_TYPES if kind != "enum"}
    if isinstance(node, Scalar) and node.text == "enum":
        report.add(
            "SCN112",
            node.place,
            problem=f"{what} is an enum without values",
            fix="write `{type: enum, values: [a, b]}`",
        )
        return None
    known = {**plain, **kinds}
    kind = known_name(report, node, "property type", known)
    return None if kind is None else known[kind]


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
