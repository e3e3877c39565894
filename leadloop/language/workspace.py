"""workspace.yaml -> `Workspace`: the vocabulary that scenarios share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from leadloop.language import builtins
from leadloop.language.calendars import read_calendar, read_limits
from leadloop.language.declarations import (
    fields_of,
    read_each,
    read_field_spec,
    read_short_spec,
    read_values,
)
from leadloop.language.diagnostics import Report
from leadloop.language.fields import (
    IDENTIFIER,
    NAME,
    Fields,
    address,
    items,
    known_name,
    mapping,
    named,
    text,
    time_zone,
)
from leadloop.language.matchers import RESERVED_PROPERTIES
from leadloop.language.nodes import Mapping, Node, Scalar, Sequence
from leadloop.language.plan import (
    Calendar,
    FieldSpec,
    Form,
    Queue,
    RecordKind,
    Sender,
    Topic,
    Webhook,
    Workspace,
)
from leadloop.language.records import read_record, report_reserved_records

T = TypeVar("T")

BASES = ("opt_in", "card", "customer", "published", "request")
ASSIGNMENTS = ("company_owner", "last_owner", "round_robin")
_UNSAID_SENDER = Sender(name="", address="")


def read_workspace(report: Report, root: Node) -> Workspace:
    """Return the workspace. Parts with errors keep their names, so that uses of them are known."""
    node = root if isinstance(root, Mapping) else Mapping(root.place, [])
    if node is not root:
        mapping(report, root, "workspace.yaml")
    fields = Fields(report, node, "workspace.yaml")
    topics = read_each(fields, "topics", NAME, _topic, Topic(basis=("opt_in",)))
    calendars = read_each(fields, "calendars", NAME, read_calendar, Calendar(open={}))
    workspace = Workspace(
        name=fields.name("workspace", "workspace: acme") or "",
        timezone=_timezone(fields),
        locale=_locale(fields),
        sender=_sender(fields),
        lead_fields=_lead_fields(fields),
        forms=read_each(fields, "forms", NAME, _form, Form()),
        tags=_tags(fields),
        topics=topics,
        calendars=calendars,
        limits=read_limits(fields, topics, calendars),
        queues=read_each(fields, "queues", NAME, _queue_reader(calendars), Queue(members={})),
        lost_reasons=read_each(fields, "lost_reasons", NAME, lambda r, n, w: text(r, n, w), ""),
        records=read_each(fields, "records", IDENTIFIER, read_record, RecordKind()),
        webhooks=read_each(fields, "webhooks", NAME, _webhook, Webhook()),
    )
    forms = tuple(workspace.forms)
    kinds = {"form": FieldSpec(type="enum", values=forms) if forms else FieldSpec(type="text")}
    kinds.update({kind: FieldSpec(type="text", record=kind) for kind in workspace.records})
    no_properties: dict[str, FieldSpec] = {}
    events = read_each(fields, "events", IDENTIFIER, _event_reader(kinds), no_properties)
    for key in [key for key in events if key in builtins.EVENTS or key in builtins.ENGINE_EVENTS]:
        found = fields.mapping("events")
        place = next(one.place for one, _ in found.entries if one.text == key) if found else node.place
        report.add("SCN203", place, name=key, kind="event")
        del events[key]
    fields.take("allow")
    fields.finish()
    report_reserved_records(fields)
    return workspace.model_copy(update={"events": events})


def _timezone(fields: Fields) -> str:
    node = fields.take("timezone", "timezone: Asia/Tokyo")
    return (None if node is None else time_zone(fields.report, node, "`timezone`")) or "UTC"


def _locale(fields: Fields) -> str:
    name = fields.name("locale", "locale: ja")
    return name or "en"


def _sender(fields: Fields) -> Sender:
    node = fields.mapping("sender", "sender: {name: Acme, address: news@acme.example}")
    if node is None:
        return _UNSAID_SENDER
    sender = Fields(fields.report, node, "`sender`")
    result = Sender(
        name=sender.text("name", "name: Acme") or "",
        address=sender.address("address", "address: news@acme.example") or "",
        reply_to=sender.address("reply_to"),
        postal_address=sender.text("postal_address") or "",
        complaint_contact=sender.text("complaint_contact") or "",
    )
    sender.finish()
    return result


def _lead_fields(fields: Fields) -> dict[str, FieldSpec]:
    declared = read_each(fields, "lead_fields", IDENTIFIER, read_field_spec, FieldSpec(type="text"))
    node = fields.node.get("lead_fields")
    for key, _ in node.entries if isinstance(node, Mapping) else []:
        if key.text in builtins.LEAD_FIELDS or key.text in builtins.OTHER_LEAD_FACTS:
            fields.report.add("SCN203", key.place, name=key.text, kind="lead field")
            declared.pop(key.text, None)
    return declared


def _form(report: Report, node: Node, what: str) -> Form | None:
    fields = fields_of(report, node, what)
    if fields is None:
        return None
    form = Form(title=fields.text("title") or "", inquiry=fields.boolean("inquiry") or False)
    fields.finish()
    return form


def _tags(fields: Fields) -> tuple[str, ...]:
    return tuple(read_values(fields.report, fields.sequence("tags")))


def _event_reader(
    kinds: dict[str, FieldSpec],
) -> Callable[[Report, Node, str], dict[str, FieldSpec] | None]:
    def read(report: Report, node: Node, what: str) -> dict[str, FieldSpec] | None:
        found = mapping(report, node, what)
        specs: dict[str, FieldSpec] = {}
        for key, value in found.entries if found is not None else []:
            if named(report, key, f"a property of {what}", IDENTIFIER) is None:
                continue
            if key.text in RESERVED_PROPERTIES:
                report.add(
                    "SCN109",
                    key.place,
                    name=key.text,
                    what=f"a property of {what}",
                    fix="scenarios use this word beside events; choose another",
                )
                continue
            spec = read_short_spec(report, value, f"`{key.text}` of {what}", kinds)
            specs[key.text] = spec or FieldSpec(type="text")
        return specs

    return read


def _webhook(report: Report, node: Node, what: str) -> Webhook | None:
    """Return a webhook. Its address is no text of this file: it holds secrets, and differs between
    a test and the real installation."""
    fields = fields_of(report, node, what)
    if fields is None:
        return None
    webhook = Webhook(title=fields.text("title") or "")
    for name in ("url", "address", "secret"):
        if (written := fields.take(name)) is not None:
            report.add(
                "SCN112",
                written.place,
                problem=f"`{name}` does not stand in this file: it differs between installations",
                fix="remove it; each installation has its own setting for it",
            )
    fields.finish()
    return webhook


def _topic(report: Report, node: Node, what: str) -> Topic | None:
    fields = fields_of(report, node, what)
    if fields is None:
        return None
    bases = [_one_of(report, one, BASES) for one in fields.sequence("basis", "basis: [opt_in, customer]")]
    raw = {
        "title": fields.text("title") or "",
        "basis": [basis for basis in bases if basis],
        "window": fields.choice("window", ("always",)),
        "caps": fields.choice("caps", ("count", "exempt")) or "count",
    }
    fields.finish()
    return Topic.model_validate(raw) if raw["basis"] else None


def _one_of(report: Report, node: Node, allowed: tuple[str, ...]) -> str | None:
    return known_name(report, node, "basis" if allowed is BASES else "way to assign", allowed)


def _queue_reader(calendars: dict[str, Calendar]) -> Callable[[Report, Node, str], Queue | None]:
    def read(report: Report, node: Node, what: str) -> Queue | None:
        fields = fields_of(report, node, what)
        if fields is None:
            return None
        members = _members(fields)
        assign = [_one_of(report, one, ASSIGNMENTS) for one in fields.sequence("assign")]
        calendar = fields.known("calendar", "calendar", calendars)
        fields.finish()
        raw = {"members": members, "calendar": calendar, "assign": [one for one in assign if one]}
        if not raw["assign"]:
            del raw["assign"]
        return Queue.model_validate(raw)

    return read


def _members(fields: Fields) -> dict[str, int | None]:
    node = fields.take("members", "members: {sato@acme.example: {capacity: 50}}")
    members: dict[str, int | None] = {}
    if isinstance(node, Sequence | Scalar):
        for one in items(fields.report, node, "`members`"):
            member = address(fields.report, one, "a member")
            if member is not None:
                members[member] = None
    elif isinstance(node, Mapping):
        for key, value in node.entries:
            member = address(fields.report, key, "a member")
            found = mapping(fields.report, value, f"`{key.text}`")
            settings = None if found is None else Fields(fields.report, found, f"`{key.text}`")
            capacity = None if settings is None else settings.integer("capacity", 1)
            if settings is not None:
                settings.finish()
            if member is not None:
                members[member] = capacity
    return members
