"""Why a lead is not in a scenario: what each of its entries would be refused for now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from leadloop.conditions import EvaluationError, evaluate
from leadloop.inbox.apply import Application
from leadloop.inbox.entries.events import ENTRY_DUE
from leadloop.inbox.entries.rules import Refusal, explain_entry
from leadloop.inbox.exits import meets_now
from leadloop.inbox.records_of import runs_for_record
from leadloop.inbox.relaying.due_rows import ENTRY, WAITING
from leadloop.inbox.turns.journey_facts import entering_values
from leadloop.journey.walk import safe_values
from leadloop.language.plan import Matcher, Plan
from leadloop.leads.consent import may_mail
from leadloop.storage.columns import new_id
from leadloop.storage.tables import Due, Event, Record

_WORDS = {
    "no_company": "it runs for companies, and the lead has none",
    "erased": "the lead was erased",
}
_KEYS = 20
"""So many records are looked at, one by one."""


def reasons_against(application: Application, plan: Plan) -> list[str]:
    """Return what keeps the lead out of a scenario as things are now. Changes nothing.

    Of a scenario that runs for a record, one line for each of the lead's records. A condition that
    cannot be evaluated is a reason too.
    """
    reasons = list(_waiting(application.session, application.lead.id, plan, application))
    keys = _records(application, plan) if runs_for_record(plan) else [""]
    if not keys:
        reasons.append(f"it runs per {plan.per}, and the lead has none")
    for key in keys:
        refusal = _refusal(application, plan, key)
        if refusal is not None:
            of = f"{plan.per} {key}: " if key else ""
            reasons += [of + words for words in _words(application, plan, refusal, key)]
    publication = application.publication
    verdict = may_mail(
        application.session, application.env, application.lead, plan.topic, publication.workspace,
        application.now,
    )  # fmt: skip
    if not verdict.allowed:
        reasons.append(f"mails of topic {plan.topic} would be skipped: {verdict.reason}")
    return reasons


def _refusal(application: Application, plan: Plan, key: str) -> Refusal | None:
    """Ask as if the first entry's time had come; entries differ in their limits only."""
    event = _as_if(application, plan, key)
    return explain_entry(application, plan, event)


def _as_if(application: Application, plan: Plan, key: str) -> Event:
    properties: dict[str, Any] = {"scenario": plan.scenario, "entry": 0}
    if key:
        properties["record"] = key
    return Event(
        id=new_id(),
        subject_id=application.lead.id,
        type=ENTRY_DUE,
        properties=properties,
        source="engine",
        occurred_at=application.now,
        received_at=application.now,
    )


def _words(application: Application, plan: Plan, refusal: Refusal, key: str) -> Iterator[str]:
    other = refusal.other
    match refusal.code:
        case "audience":
            yield _outside(application, plan, key)
        case "goal_met" | "exit_met":
            yield from _met("goal", plan.goal, application, plan, key)
            yield from _met("exit condition", plan.exit_when, application, plan, key)
        case "condition_failed":
            yield f"a condition cannot be evaluated: {refusal.problem}"
        case "never_again":
            yield "reentry: never"
        case "max_entries":
            yield f"reentry: entered {plan.reentry.most} times already, which is the most"
        case "cooldown":
            yield f"reentry from {_local(application, refusal.until)}"
        case "open":
            whose = (
                "" if other is None or other.lead_id == application.lead.id else f" (lead {other.lead_id})"
            )
            yield f"a journey is open{whose}"
        case "group":
            yield f"{other.scenario if other else 'another scenario'} of the same group {plan.group} is open"
        case "limit":
            yield f"its limit is reached; the next place is {_local(application, refusal.until)}"
        case code:
            yield _WORDS.get(code, code)


def _outside(application: Application, plan: Plan, key: str) -> str:
    from leadloop.cli.explanations import values_words

    assert plan.audience is not None
    verdict = evaluate(plan.audience, entering_values(application, plan, _as_if(application, plan, key), key))
    seen = values_words(safe_values(plan.audience, verdict.seen))
    word = "unknown" if verdict.truth is None else "not true"
    return f"not in its audience: {plan.audience.source} is {word} ({seen})"


def _met(
    what: str, matchers: Sequence[Matcher], application: Application, plan: Plan, key: str
) -> Iterator[str]:
    from leadloop.cli.explanations import describe_match

    facts = entering_values(application, plan, _as_if(application, plan, key), key)
    for match in matchers:
        with suppress(EvaluationError):  # another one is what keeps the lead out
            if not meets_now([match], application, facts):
                continue
            yield f"its {what} is met already: {describe_match(match)}"


def _records(application: Application, plan: Plan) -> Sequence[str]:
    """Return the keys of the lead's own records, and of its company's."""
    kind = application.publication.workspace.records.get(plan.per)
    lead = application.lead
    statement = select(Record.key).where(Record.kind == plan.per).order_by(col(Record.key)).limit(_KEYS)
    if kind is not None and kind.of == "company":
        statement = statement.where(Record.company_id == lead.company_id, Record.lead_id == lead.id)
    elif kind is not None and kind.of == "lead":
        statement = statement.where(Record.lead_id == lead.id)
    return application.session.exec(statement).all()


def _waiting(session: Session, lead_id: str, plan: Plan, application: Application) -> Iterator[str]:
    """Yield what is scheduled: entries by time, and entries that wait for their turn."""
    rows = session.exec(
        select(Due)
        .where(Due.lead_id == lead_id, col(Due.kind).in_((ENTRY, WAITING)))
        .order_by(col(Due.due_at))
    ).all()
    for row in rows:
        if row.detail.get("scenario") != plan.scenario:
            continue
        at, record = _local(application, row.due_at), row.detail.get("record")
        of = f" for {plan.per} {record}" if record else ""
        if row.kind == ENTRY:
            yield f"its time comes {at}{of}"
        elif row.detail.get("place"):
            yield f"waits for a place under the limit: {at}"
        else:
            yield f"waits until an open journey had its turn; looked at again {at}"


def _local(application: Application, at: datetime | None) -> str:
    return f"{at.astimezone(application.zone):%Y-%m-%d %H:%M}" if at is not None else "unknown"
