"""Lead fields and events that every workspace has.

One table for the whole product. Property types may be symbolic (`form`, `topic`, …): they become
an enum of what the workspace declares, see `vocabulary`.
"""

from __future__ import annotations

from leadloop.language.plan import FactType, FieldSpec, FieldType

_TEXT_FIELDS = (
    "email", "family_name", "given_name", "family_kana", "given_kana", "honorific", "company",
    "department", "job_title", "phone", "mobile", "prefecture", "country", "timezone", "locale",
    "source", "owner", "last_owner", "stage",
)  # fmt: skip
LEAD_FIELDS: dict[str, FieldSpec] = {
    **{name: FieldSpec(type="text") for name in _TEXT_FIELDS},
    "in_sales": FieldSpec(type="bool"),
    "created_at": FieldSpec(type="datetime"),
    "last_active_at": FieldSpec(type="datetime"),
}
"""Built-in fields of a lead. `tags` is a list of texts and therefore not a field."""

OTHER_LEAD_FACTS = frozenset({"tags", "score", "band", "cycle", "segments"})
"""Facts below `lead` that are not fields: no field may have such a name."""

COMPANY_FACTS: dict[str, FactType] = {
    "id": "text",
    "name": "text",
    "domain": "text",
    "owner": "text",
    "stage": "text",
    "open_deals": "int",
}
"""Facts below `lead.company`."""

RUN_FACTS: dict[str, FactType] = {"entered_at": "instant", "cycle": "int"}
"""Facts below `run`, beside `run.entry.<property>`."""

FACT_TYPES: dict[FieldType, FactType] = {
    "text": "text",
    "enum": "text",
    "int": "int",
    "bool": "bool",
    "date": "instant",
    "datetime": "instant",
}
"""Field type -> type in a condition."""

DIRECTIONS = ("up", "down")

_DEAL = {
    "deal": "text",
    "amount": "int",
    "reason": "lost_reason",
    "revisit_on": "date",
    "note": "text",
}
EVENTS: dict[str, dict[str, str]] = {
    "lead_created": {},
    "email_sent": {},
    "email_delivered": {},
    "email_opened": {},
    "email_clicked": {"url": "text", "link": "text"},
    "email_replied": {},
    "email_bounced": {"kind": "text"},
    "email_complained": {},
    "unsubscribed": {"topic": "topic"},
    "subscribed": {"topic": "topic", "basis": "text"},
    "identify": {},
    "meeting_booked": {"starts_at": "datetime"},
    "call_logged": {"outcome": "text", "note": "text"},
    "handed_off": {"offer": "text", "queue": "text"},
    "handoff_accepted": {"offer": "text"},
    "handoff_rejected": {"offer": "text", "reason": "text"},
    "handoff_working": {"offer": "text"},
    "task_done": {"task": "text", "outcome": "text", "date": "date"},
    "deal_opened": {**_DEAL, "offer": "text"},
    "deal_won": _DEAL,
    "deal_lost": _DEAL,
    "score_crossed": {"model": "model", "threshold": "int", "direction": "direction"},
    "band_changed": {"model": "model", "from": "band", "to": "band"},
    "stage_changed": {"from": "stage", "to": "stage"},
    "segment_entered": {"segment": "segment"},
    "segment_left": {"segment": "segment"},
    "record_changed": {"record": "record", "field": "text", "key": "text"},
}
"""Built-in events and their properties. `revisit_on` is a date; a month `2027-04` is legal too."""

MESSAGE_EVENTS = frozenset(
    {
        "email_sent",
        "email_delivered",
        "email_opened",
        "email_clicked",
        "email_replied",
        "email_bounced",
        "email_complained",
        "unsubscribed",
    }
)
"""Events that belong to one message, so that `of:` can name its step."""

ENGINE_EVENTS = frozenset({"entry_due", "enrol_requested", "entry_repeated", "company_changed"})
"""Events that only the engine records: no author declares or matches them."""
