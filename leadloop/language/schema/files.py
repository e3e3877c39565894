"""Schemas of the shared files: workspace, scoring, lifecycle, streams and segments."""

from __future__ import annotations

from leadloop.language.schema import shapes
from leadloop.language.schema.shapes import (
    ADDRESS,
    ALLOW,
    DAY,
    FREQUENCY,
    NAME,
    Schema,
    choice,
    fields,
    flag,
    keyed,
    listed,
    matching,
    number,
    one_or_list,
    ref,
    said,
    span,
    text,
)
from leadloop.language.schema.steps import BASES

_KINDS = ("text", "int", "bool", "date", "datetime", "enum")


def workspace() -> Schema:
    """Return the schema of `scenarios/workspace.yaml`."""
    sender = {
        "name": text("Name that readers see.", "株式会社アクメ マーケティング部"),
        "address": text("Address that mail comes from.", "news@acme.example", pattern=ADDRESS),
        "reply_to": text("Address that answers go to.", pattern=ADDRESS),
        "postal_address": text("Postal address, which advertising mail has to show."),
        "complaint_contact": text("Where complaints go, which advertising mail has to show."),
    }
    window = {
        "calendar": text("A calendar."),
        "timezone": choice("Whose clock.", "lead", "workspace"),
    }
    limits = {
        "frequency": keyed({"type": "string", "pattern": FREQUENCY}, "Topic, or `all` -> so many per time."),
        "send_window": said(fields("`send_window`", window, ["calendar"]), "When mail may go out."),
        "confirm_over": number("Mails in 24 hours above which publishing asks.", 0),
    }
    settings = {
        "workspace": text("Name of the workspace.", "acme", pattern=NAME),
        "timezone": text("IANA name of the time zone.", "Asia/Tokyo"),
        "locale": text("Language of mails and words.", "ja"),
        "sender": said(fields("`sender`", sender, ["name", "address"]), "Who mails."),
        "lead_fields": keyed(_spec("`…` of `lead_fields`"), "Fields of a lead beside the built-in ones."),
        "forms": keyed(_form(), "Forms on the web site."),
        "tags": listed({"type": "string"}, "Words that steps put on a lead.", 0),
        "events": keyed(keyed(_type(), "Property -> type."), "Event -> its properties."),
        "topics": keyed(_topic(), "Why mail may be sent."),
        "calendars": keyed(_calendar(), "Business hours."),
        "limits": said(fields("`limits`", limits), "Caps and send window."),
        "queues": keyed(_queue(), "Groups of our people who take leads and tasks."),
        "lost_reasons": keyed({"type": "string"}, "Reason -> words."),
        "records": keyed(_record(), "Things that are not people."),
        "webhooks": keyed(_webhook(), "Outside addresses that steps may call; each installation says where."),
        "allow": ALLOW,
    }
    return _file(fields("workspace.yaml", settings, ["workspace", "timezone", "locale", "sender"]))


def _file(schema: Schema) -> Schema:
    return {**schema, "$defs": shapes.definitions()}


def _spec(where: str) -> Schema:
    settings = {
        "type": choice("Kind of value.", *_KINDS),
        "values": listed({"type": "string"}, "The values of an enum."),
    }
    return fields(where, settings, ["type"])


def _type() -> Schema:
    words = {
        "type": "string",
        "description": "A type, `form`, or a kind of record.",
        "examples": list(_KINDS[:5]),
    }
    return {"oneOf": [words, _spec("`…` of `events`")]}


def _form() -> Schema:
    settings = {"title": text("Words for people."), "inquiry": flag("Does somebody want to be called?")}
    return fields("`…` of `forms`", settings)


def _webhook() -> Schema:
    return fields("`…` of `webhooks`", {"title": text("Words for people.")})


def _topic() -> Schema:
    settings = {
        "title": text("Words that readers see."),
        "basis": listed({"enum": list(BASES)}, "Why its mail is lawful."),
        "window": choice("At any hour.", "always"),
        "caps": choice("Does it count for the caps?", "count", "exempt"),
    }
    return fields("`…` of `topics`", settings, ["basis"])


def _calendar() -> Schema:
    settings = {
        "open": keyed(one_or_list({"type": "string"}, "Hours."), "Days -> hours.", r"^[a-z]{3}(-[a-z]{3})?$"),
        "closed": listed({"type": "string"}, "Days of the year.", 0),
        "holidays": text("Country whose holidays are closed.", "JP"),
    }
    return fields("`…` of `calendars`", settings, ["open"])


def _queue() -> Schema:
    member = fields("`…`", {"capacity": number("Open offers at most.", 1)})
    members = {
        "oneOf": [
            {"type": "object", "additionalProperties": member},
            {"type": "array", "items": {"type": "string"}, "minItems": 1},
        ]
    }
    ways = {"enum": ["company_owner", "last_owner", "round_robin"]}
    settings = {
        "members": said(members, "Mail addresses."),
        "assign": listed(ways, "Who gets the next one, tried in this order."),
        "calendar": text("Their business hours."),
    }
    return fields("`…` of `queues`", settings, ["members"])


def _record() -> Schema:
    settings = {
        "of": choice("Whom it belongs to.", "lead", "company"),
        "contact": choice("A company's record may name a lead.", "lead"),
        "fields": keyed(_type(), "Field -> type."),
    }
    return fields("`…` of `records`", settings, ["fields"])


def scoring() -> Schema:
    """Return the schema of `scenarios/scoring.yaml`."""
    rule = {
        "id": text("Unique in its model.", pattern=NAME),
        **matching(),
        "points": number("Points, negative ones too."),
        "at_most": text("Limit.", "1 per day", "1 per message"),
        "every": text("Only every so many.", "3 times within 30 days"),
    }
    del rule["of"]
    attribute = {
        "id": text("Unique in its model.", pattern=NAME),
        "when": said(ref("condition"), "A condition on the lead's fields."),
        "points": number("Points while it is true."),
    }
    decay = fields(
        "`decay`", {"half_life": span("After this, half of the points are left.", "30 days")}, ["half_life"]
    )
    model = {
        "rules": listed(
            fields("a rule", rule, ["id", "event", "points"], more=True), "Points for what a lead does."
        ),
        "attributes": listed(
            fields("an attribute", attribute, list(attribute)), "Points for what a lead is."
        ),
        "trust": choice("Which events count.", "verified", "likely", "any"),
        "decay": said(decay, "Points fade."),
        "cap": number("Most points.", 1),
    }
    bands = {
        "levels": keyed({"type": "integer"}, "Band -> lowest points."),
        "hysteresis": number("A band is left downwards so many points below.", 0),
    }
    settings = {
        "models": keyed(fields("the model `…`", model), "Score models.", r"^[a-z][a-z0-9_]*$"),
        "bands": keyed(fields("the bands of `…`", bands, ["levels"]), "Bands of the models."),
        "allow": ALLOW,
    }
    return _file(fields("scoring.yaml", settings, ["models"]))


def lifecycle() -> Schema:
    """Return the schema of `scenarios/lifecycle.yaml`."""
    transition = {
        "from": one_or_list({"type": "string"}, "Stages it starts from, or `any`."),
        "to": text("The stage it leads to."),
        "event": matching()["event"],
        "where": matching()["where"],
        "when": said(ref("condition"), "A condition; with an event it must be true then."),
    }
    settings = {
        "stages": listed({"type": "string"}, "Stages, in their order.", 1),
        "transitions": listed(
            fields("a transition", transition, ["from", "to"], more=True), "What moves a lead."
        ),
        "allow": ALLOW,
    }
    return _file(fields("lifecycle.yaml", settings, ["stages"]))


def streams() -> Schema:
    """Return the schema of `scenarios/streams.yaml`."""
    item = {
        "template": text("The template.", "tips/1"),
        "when": said(ref("condition"), "Who gets it."),
        "from": text("Not before this day.", "2026-11-10", pattern=DAY),
        "until": text("Not after this day.", "2026-12-07", pattern=DAY),
    }
    stream = {
        "order": choice("In which order.", "listed", "newest"),
        "items": listed(fields("an item of a stream", item, ["template"]), "The content."),
    }
    return _named("streams.yaml", fields("the stream `…`", stream, ["items"]))


def segments() -> Schema:
    """Return the schema of `scenarios/segments.yaml`."""
    settings = {"title": text("Words for people."), "when": said(ref("condition"), "Who belongs to it.")}
    return _named("segments.yaml", fields("the segment `…`", settings, ["when"]))


def _named(where: str, values: Schema) -> Schema:
    """Return a file that is a map of names; `allow` beside them is for lints."""
    shape = {"title": where, "type": "object", "properties": {"allow": ALLOW}}
    return _file(
        {**shape, "patternProperties": {r"^(?!allow$)[A-Za-z]": values}, "additionalProperties": False}
    )
