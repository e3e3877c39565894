"""Pieces that the schemas of all files are made of. JSON Schema 2020-12."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Schema = dict[str, Any]

NAME = r"^[A-Za-z][A-Za-z0-9_-]*$"
UNIT = r"(seconds?|minutes?|hours?|days?|weeks?|months?|business (minutes?|hours?|days?))"
SPAN = rf"^\d{{1,12}} {UNIT}$"
FREQUENCY = rf"^[1-9]\d{{0,5}} per (\d{{1,12}} {UNIT}|second|minute|hour|day|week|month)$"
TIME = r"^([01]\d|2[0-3]):[0-5]\d$"
DAY = r"^\d{4}-\d\d-\d\d$"
PERCENT = r"^\d{1,3}(\.\d{1,2})? ?[%％]$"
ADDRESS = r"^[^\s@]+@[^\s@]+$"


def fields(
    where: str,
    properties: Mapping[str, Schema],
    required: Sequence[str] = (),
    *,
    patterns: Mapping[str, Schema] | None = None,
    more: bool = False,
) -> Schema:
    """Return a map with these settings. `where` is what the compiler calls the map in messages;
    `more` allows other keys, as a matcher has the properties of its event."""
    schema: Schema = {"title": where, "type": "object", "properties": dict(properties)}
    if required:
        schema["required"] = list(required)
    if patterns:
        schema["patternProperties"] = dict(patterns)
    if not more:
        schema["additionalProperties"] = False
    return schema


def said(schema: Schema, description: str, *examples: object) -> Schema:
    """Return a schema with words for whoever hovers over it."""
    return {**schema, "description": description, **({"examples": list(examples)} if examples else {})}


def text(description: str, *examples: object, pattern: str | None = None) -> Schema:
    """Return a text, of a form when there is a pattern."""
    return said({"type": "string", **({"pattern": pattern} if pattern else {})}, description, *examples)


def choice(description: str, *values: str) -> Schema:
    """Return one of some words."""
    return said({"enum": list(values)}, description)


def number(description: str, least: int | None = None, most: int | None = None) -> Schema:
    """Return a whole number within limits."""
    limits = {"minimum": least} if least is not None else {}
    limits |= {"maximum": most} if most is not None else {}
    return said({"type": "integer", **limits}, description)


def flag(description: str) -> Schema:
    """Return true or false."""
    return said({"type": "boolean"}, description)


def listed(items: Schema, description: str, least: int = 1) -> Schema:
    """Return a list."""
    return said({"type": "array", "items": items, "minItems": least}, description)


def keyed(values: Schema, description: str, keys: str = NAME) -> Schema:
    """Return a map whose keys the author chooses."""
    shape = {"type": "object", "patternProperties": {keys: values}, "additionalProperties": False}
    return said(shape, description)


def one_or_list(items: Schema, description: str) -> Schema:
    """Return one value, or a list of such values."""
    return said({"oneOf": [items, {"type": "array", "items": items, "minItems": 1}]}, description)


def ref(name: str) -> Schema:
    """Return a reference to a definition of the same file."""
    return {"$ref": f"#/$defs/{name}"}


def span(description: str, *examples: object) -> Schema:
    """Return a length of time."""
    return text(description, *(examples or ("3 days",)), pattern=SPAN)


ALLOW = said(
    {
        "type": "object",
        "patternProperties": {r"^SCN5\d\d$": {"type": "string"}},
        "additionalProperties": False,
    },
    "Lints that you have looked at, each with a reason.",
    {"SCN501": "a small team"},
)
VALUE: Schema = {"type": ["string", "integer", "boolean"]}


def matching() -> dict[str, Schema]:
    """Return the settings of a matcher of events."""
    return {
        "event": text("The event that is waited for.", "form_submitted", "email_clicked"),
        "of": one_or_list({"type": "string"}, "The send, or sends, that the event must belong to."),
        "where": said(ref("condition"), "A condition on `event`, for what values and prefixes cannot say."),
    }


def definitions() -> dict[str, Schema]:
    """Return what every file may refer to: conditions and events."""
    did = {
        "did": text("The event that happened, or did not.", "page_viewed"),
        "of": matching()["of"],
        "where": matching()["where"],
        "within": span("Counted back from now.", "30 days"),
        "since": text("`entry`, or the id of a step.", "entry"),
        "at_least": number("How often.", 1, 10_000),
        "distinct": text("Count different values of this property, not events.", "milestone"),
    }
    conditions = {"type": "array", "items": ref("condition"), "minItems": 1}
    condition = {
        "description": "CEL text, or a map with one of did, segment, all, any, not.",
        "examples": ['lead.band.engagement == "hot"'],
        "oneOf": [
            {"type": ["string", "boolean"]},
            fields("`{did: …}`", did, ["did"], more=True),
            fields("`{segment: …}`", {"segment": text("Member of this segment.")}, ["segment"]),
            fields("`{all: …}`", {"all": said(conditions, "All of them are true.")}, ["all"]),
            fields("`{any: …}`", {"any": said(conditions, "One of them is true.")}, ["any"]),
            fields("`{not: …}`", {"not": said(ref("condition"), "It is not true.")}, ["not"]),
        ],
    }
    return {"condition": condition}
