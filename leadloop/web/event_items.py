"""One event as it stands in a body, read to what the inbox takes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from leadloop.inbox.ingestion.event_rules import IDENTIFY
from leadloop.inbox.ingestion.ingest import IncomingEvent, IngestResult
from leadloop.language.plan import Workspace
from leadloop.language.suggest import Suggestion
from leadloop.leads.visitors import VISITOR_ID, is_visitor_id
from leadloop.web.people import read_consent, read_fields

_FIELDS = ("type", "lead", "email", "properties", "id", "occurred_at")
_IDENTIFY_FIELDS = (*_FIELDS, "fields", "consent", "visitor")
_OWN = frozenset(
    {"lead_created", "email_sent", "handed_off", "stage_changed", "band_changed", "task_done",
     "handoff_accepted", "handoff_rejected", "handoff_working", "subscribed",
     "record_changed", "company_changed", "entry_due", "enrol_requested", "entry_repeated",
     "segment_entered", "segment_left", "score_crossed"}
)  # fmt: skip
"""Events that only leadloop records: from outside they would say what never happened here."""


class ItemError(Exception):
    """An item that cannot be read: its field, and what is wrong."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.result = IngestResult("invalid", field=field, problem=text)


def read_item(item: Any, workspace: Workspace, fallback_id: str | None = None) -> IncomingEvent:
    """Return an event. One without an `id` gets `fallback_id`. Raises `ItemError`."""
    if not isinstance(item, dict):
        raise ItemError("", "an event is an object")
    event_type = _text(item, "type")
    allowed = _IDENTIFY_FIELDS if event_type == IDENTIFY else _FIELDS
    for name in item:
        if name not in allowed:
            raise ItemError(name[:60], f"unknown field; {Suggestion(name, allowed)}")
    if event_type is None:
        raise ItemError("type", "an event names its type")
    if event_type in _OWN:
        raise ItemError("type", "leadloop records this event itself")
    properties = item.get("properties")
    if properties is not None and not isinstance(properties, dict):
        raise ItemError("properties", "expected an object")
    external_id = _text(item, "id")
    return IncomingEvent(
        type=event_type,
        properties=properties or {},
        lead_id=_text(item, "lead"),
        email=_text(item, "email"),
        identity=_identity(item, workspace) if event_type == IDENTIFY else {},
        visitor=_visitor(item),
        external_id=fallback_id if external_id is None else external_id,
        occurred_at=_instant(item),
    )


def _identity(item: dict[str, Any], workspace: Workspace) -> dict[str, Any]:
    """Return what an `identify` event says of the lead. Permission only where it is stated."""
    fields = item.get("fields")
    if fields is not None and not isinstance(fields, dict):
        raise ItemError("fields", "expected an object")
    identity, wrong = read_fields(fields or {}, workspace)
    if wrong is not None:
        raise ItemError(f"fields.{wrong[0]}", wrong[1])
    consent, problem = read_consent(item.get("consent"), workspace)
    if problem is not None:
        raise ItemError("consent", problem)
    if consent:
        identity["consent"] = consent
    email = _text(item, "email")
    if email is not None and item.get("lead") is not None:
        identity["email"] = email  # the lead is named by its id: this is its new address
    return identity


def _visitor(item: dict[str, Any]) -> str | None:
    visitor = _text(item, "visitor")
    if visitor is not None and not is_visitor_id(visitor):
        raise ItemError("visitor", VISITOR_ID)
    return visitor


def _text(item: dict[str, Any], name: str) -> str | None:
    value = item.get(name)
    if value is not None and not isinstance(value, str):
        raise ItemError(name, "expected a text")
    return value


def _instant(item: dict[str, Any]) -> datetime | None:
    text = _text(item, "occurred_at")
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise ItemError("occurred_at", "expected a time such as 2026-11-22T10:00:00+09:00") from None
