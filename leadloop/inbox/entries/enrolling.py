"""Entering leads into a scenario by hand: by `leadloop enrol`, the API, or whoever else asks.

The answer is what happened and not what may happen. Leads are decided many in one transaction where
that is possible (`entering_together`), else each in its own: its pending events are applied, then the
request. What is committed stays when the command dies; asked again, who is in does not enter twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from sqlmodel import Session, col, select

from leadloop.inbox.apply import Application
from leadloop.inbox.enrol_results import REASONS, EnrolResult, refused_result, repeated_result
from leadloop.inbox.entries.limits import places_key
from leadloop.inbox.entries.rules import Refusal, explain_entry
from leadloop.inbox.entries.together import (
    AT_ONCE,
    TOLD,
    EnteringTogether,
    may_enter_together,
    request_of,
)
from leadloop.inbox.memberships import members
from leadloop.inbox.records_of import runs_for_record
from leadloop.inbox.relaying.due_rows import WAITING
from leadloop.language.plan import ManualMatch, Plan
from leadloop.leads.addresses import AddressError
from leadloop.leads.identity import email_hash, find_lead, leads_by_id, leads_named
from leadloop.storage.database import lock_lead, lock_leads
from leadloop.storage.environment import Environment
from leadloop.storage.finding import rows_of_each
from leadloop.storage.inserting import insert_rows
from leadloop.storage.tables import Due, Enrolment, Event, EventKey, Lead, Record, Setting

__all__ = [
    "KEY_LIMIT",
    "REASONS",
    "EnrolError",
    "EnrolResult",
    "NoSuchScenarioError",
    "enrol_leads",
    "segment_members",
]

KEY_LIMIT = 100
_SOURCE = "enrol"
_EXTERNAL_ID = col(EventKey.external_id)
_STORED_KEY = select(EventKey.external_id, EventKey.body_hmac).where(EventKey.source == _SOURCE)


class EnrolError(Exception):
    """A request that cannot be right for anybody. `field` is `scenario`, `record`, `key` or `segment`."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


class NoSuchScenarioError(EnrolError):
    """No scenario of this name is published."""


def enrol_leads(
    env: Environment,
    scenario: str,
    named: Iterable[str],
    *,
    record: str | None = None,
    key: str | None = None,
    dry_run: bool = False,
    progress: Callable[[int], None] = lambda done: None,
) -> list[EnrolResult]:
    """Ask for each lead, named by id or mail address, that it enters; one result each, in order.

    The same `key` asks once per lead, however often it comes; without one every call asks anew.
    Raises `EnrolError` before anything is written.
    """
    _check(env, scenario, record, key)
    results: list[EnrolResult] = []
    places: dict[str, dict[str, Any]] | None = {} if dry_run else None
    names = list(dict.fromkeys(named))
    for start in range(0, len(names), AT_ONCE):
        some = names[start : start + AT_ONCE]
        # One lead alone gains nothing, and is looked at as a whole.
        found = _enrol_together(env, scenario, some, record, key, dry_run) if len(some) > 1 else {}
        results += [
            found[name] if name in found else _enrol(env, scenario, name, record, key, places)
            for name in some
        ]
        progress(len(results))
    return results


def segment_members(env: Environment, segment: str) -> list[str]:
    """Return the ids of the leads that are in a published segment now. Raises `EnrolError`."""
    with env.database.read() as session:
        if segment not in env.publications.current(session).publication.segments:
            raise EnrolError("segment", f"no segment `{segment[:60]}` is published")
        return members(session, segment)


def _check(env: Environment, scenario: str, record: str | None, key: str | None) -> None:
    if key is not None and not 0 < len(key) <= KEY_LIMIT:
        raise EnrolError("key", f"a key has 1 to {KEY_LIMIT} characters")
    with env.database.read() as session:
        plan = env.publications.current(session).publication.plans.get(scenario)
        if plan is None:
            raise NoSuchScenarioError("scenario", f"no scenario `{scenario[:60]}` is published")
        if not any(isinstance(entry.match, ManualMatch) for entry in plan.entry):
            raise EnrolError("scenario", f"`{scenario}` has no `{{manual: true}}` among its entries")
        if not runs_for_record(plan):
            if record is not None:
                raise EnrolError("record", f"`{scenario}` does not run for a record")
        elif record is None:
            raise EnrolError("record", f"`{scenario}` runs per `{plan.per}`: name its record")
        elif session.get(Record, (plan.per, record)) is None:
            raise EnrolError("record", f"there is no `{plan.per}` with this key")


def _enrol_together(
    env: Environment, scenario: str, names: Sequence[str], record: str | None, key: str | None, dry_run: bool
) -> dict[str, EnrolResult]:
    """Enter leads in one transaction; the result leaves out those that need one of their own."""
    with env.database.write(dry_run=dry_run) as session:
        stored = env.publications.current(session)
        plan = stored.publication.plans[scenario]
        entry = next(one for one in plan.entry if isinstance(one.match, ManualMatch))
        if not may_enter_together(session, stored, plan, entry):
            return {}
        ids = _lead_ids(session, env, names)
        leads = {lead.id: lead for lead in lock_leads(session, sorted(set(ids.values())))}
        known = _requests_before(session, leads, key) if key is not None else {}
        body = _body(env, plan, record)
        request = request_of(plan, record, _SOURCE, env.clock.now())
        together = EnteringTogether(session, env, stored, plan, leads.values(), request)
        results: dict[str, EnrolResult] = {}
        keys: list[dict[str, str]] = []
        for name, lead_id in ids.items():
            lead = leads.pop(lead_id, None)  # named twice: the second time it is in
            if lead is None:
                continue
            if lead_id in known:
                results[name] = repeated_result(name, lead_id, known[lead_id] == body)
                continue
            outcome = together.ask(lead)
            if outcome.status == "apart":
                continue
            if outcome.event_id is not None and key is not None:
                external_id = _external_id(key, lead_id)
                keys.append(
                    {
                        "source": _SOURCE,
                        "external_id": external_id,
                        "body_hmac": body,
                        "event_id": outcome.event_id,
                    }
                )
            results[name] = (
                refused_result(name, lead_id, outcome.refusal)
                if outcome.refusal is not None
                else EnrolResult(name, "entered", lead_id)
            )
        if not dry_run:
            together.write()
            insert_rows(session, EventKey, keys)
    return results


def _lead_ids(session: Session, env: Environment, names: Iterable[str]) -> dict[str, str]:
    """Return the leads that ids and addresses name; the others are left out."""
    hashes: dict[str, str] = {}
    for name in names:
        if "@" in name:
            with suppress(AddressError):
                hashes[name] = email_hash(env, name)
    by_hash = leads_named(session, hashes.values()) if hashes else {}
    plain = [name for name in names if "@" not in name]
    by_id = leads_by_id(session, plain) if plain else {}
    found = {name: by_hash.get(hashes[name]) if name in hashes else by_id.get(name) for name in names}
    return {name: one.lead_id for name, one in found.items() if one is not None}


def _requests_before(session: Session, ids: Iterable[str], key: str) -> dict[str, str]:
    """Return the bodies of the requests that came with this key, by lead."""
    by_external = {_external_id(key, lead_id): lead_id for lead_id in ids}
    rows = rows_of_each(session, _STORED_KEY, _EXTERNAL_ID, by_external)
    return {by_external[external_id]: body for external_id, body in rows}


def _external_id(key: str, lead_id: str) -> str:
    return f"{key}:{lead_id}"


def _body(env: Environment, plan: Plan, record: str | None) -> str:
    return env.keys.hash("event-body", f"{plan.scenario}\x1f{record or ''}")


def _enrol(
    env: Environment,
    scenario: str,
    named: str,
    record: str | None,
    key: str | None,
    places: dict[str, dict[str, Any]] | None,
) -> EnrolResult:
    """Enter one lead in a transaction of its own. `places`: of a dry run, what it has taken so far."""
    result = EnrolResult(named, "refused", code="unknown")
    with env.database.write(dry_run=places is not None) as session:
        lead = _find(session, env, named)
        if lead is not None:
            application = Application(session, env, lock_lead(session, lead.id), env.clock.now())
            application.apply_pending()
            plan = application.publication.plans[scenario]
            if places is None:
                result = _ask(application, plan, named, record, key)
            else:
                with _rehearsed(session, plan, places):
                    result = _ask(application, plan, named, record, key)
    return result


@contextmanager
def _rehearsed(session: Session, plan: Plan, places: dict[str, dict[str, Any]]) -> Iterator[None]:
    """Let a lead of a dry run find the places that those before it have taken, though all is undone."""
    keys = [places_key(plan, entry) for entry in plan.entry if entry.limit is not None]
    for key in keys:
        if key in places:
            session.merge(Setting(key=key, value=places[key]))
    session.flush()
    yield
    session.flush()
    for key in keys:
        row = session.get(Setting, key)
        if row is not None:
            places[key] = dict(row.value)


def _find(session: Session, env: Environment, named: str) -> Lead | None:
    try:
        found = find_lead(session, env, named) if "@" in named else session.get(Lead, named)
    except AddressError:
        return None
    while found is not None and found.merged_into is not None:
        found = session.get(Lead, found.merged_into)
    return found


def _ask(
    application: Application, plan: Plan, named: str, record: str | None, key: str | None
) -> EnrolResult:
    session, lead = application.session, application.lead
    external_id = _external_id(key, lead.id) if key is not None else None
    body = _body(application.env, plan, record)
    known = session.get(EventKey, (_SOURCE, external_id)) if external_id else None
    if known is not None:
        return repeated_result(named, lead.id, known.body_hmac == body)
    event = request_of(plan, record, _SOURCE, application.now)
    event.subject_id = lead.id
    refusal = explain_entry(application, plan, event)
    if refusal is not None and refusal.code not in ("limit", *TOLD):
        return refused_result(named, lead.id, refusal)
    session.add(event)
    if external_id:
        session.add(EventKey(source=_SOURCE, external_id=external_id, body_hmac=body, event_id=event.id))
    session.flush()
    application.apply_pending()
    return _outcome(application, plan, event, named, refusal)


def _outcome(
    application: Application, plan: Plan, event: Event, named: str, refusal: Refusal | None
) -> EnrolResult:
    lead_id = application.lead.id
    begun = application.session.exec(
        select(Enrolment.id).where(Enrolment.scenario == plan.scenario, Enrolment.cause_event_id == event.id)
    ).first()
    if begun is not None:
        return EnrolResult(named, "entered", lead_id)
    if event.parked is not None:
        return EnrolResult(named, "refused", lead_id, "failed")
    if refusal is None:
        return EnrolResult(named, "passed_on", lead_id)
    waits = application.session.exec(select(Due).where(Due.lead_id == lead_id, Due.kind == WAITING)).all()
    if any(row.detail.get("event") == event.id for row in waits):
        other = refusal.other.scenario if refusal.other is not None else None
        return EnrolResult(named, "waiting", lead_id, refusal.code, other, refusal.until)
    return refused_result(named, lead_id, refusal)
