"""The names that a template may use. Needs no database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from leadloop.language.plan import Workspace

LEAD_FIELDS = (
    "id", "email", "family_name", "given_name", "family_kana", "given_kana", "honorific", "department",
    "job_title", "phone", "mobile", "prefecture", "country", "timezone", "locale", "source", "owner",
    "last_owner", "in_sales", "stage", "cycle", "created_at", "last_active_at",
)  # fmt: skip
COMPANY_FIELDS = ("id", "name", "domain", "owner", "stage", "open_deals")


def template_context(
    workspace: Workspace,
    *,
    lead: Mapping[str, Any],
    company: Mapping[str, Any] | None = None,
    run: Mapping[str, Any] | None = None,
    message_id: str = "",
    unsubscribe_url: str = "",
    models: Iterable[str] = (),
    zone: ZoneInfo | None = None,
) -> dict[str, Any]:
    """Return plain data for `Renderer.render`: every declared name, None where it has no value.

    `lead` holds fields by name, `tags`, `score` and `band`; `run` holds `entered_at`, `cycle`,
    `entry`, the properties of the event that started the journey, and the record it runs for by its
    kind, for example `seminar`. Instants become ISO 8601 text in
    `zone`, by default the workspace's.
    """
    zone = zone or ZoneInfo(workspace.timezone)
    firm = _declared(COMPANY_FIELDS, company or {})
    person = _declared((*LEAD_FIELDS, *workspace.lead_fields), lead)
    person["tags"] = list(lead.get("tags") or ())
    person["company"] = firm
    person["score"] = _declared(models, lead.get("score") or {})
    person["band"] = _declared(models, lead.get("band") or {})
    journey = _declared(("entered_at", "cycle"), run or {})
    properties = {name for event in workspace.events.values() for name in event}
    journey["entry"] = _declared(sorted(properties), (run or {}).get("entry") or {})
    for kind, record in workspace.records.items():
        journey[kind] = _declared(("key", *record.fields), (run or {}).get(kind) or {})
    context = {
        "lead": person,
        "company": firm,
        "sender": workspace.sender.model_dump(),
        "run": journey,
        "message": {"id": message_id},
        "unsubscribe_url": unsubscribe_url,
    }
    plain_context: dict[str, Any] = _as_text(context, zone)
    return plain_context


def mail_locales(lead_locale: str | None, workspace: Workspace) -> list[str]:
    """Return the languages to look for a template in, the lead's first."""
    return [locale for locale in (lead_locale, workspace.locale, "en", "ja") if locale]


def _declared(names: Iterable[str], values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: None if values.get(name) == "" else values.get(name) for name in names}


def _as_text(value: Any, zone: ZoneInfo) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(zone).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, dict):
        return {key: _as_text(item, zone) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_as_text(item, zone) for item in value]
    return value
