"""Immediate exits: goal, exit_when, a refusal, an erasure. In the transaction of the cause."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlmodel import Session, col, select

from leadloop.conditions import EvaluationError, Facts
from leadloop.inbox.calls import drop_calls
from leadloop.inbox.holding import forget_hold, hold_journey
from leadloop.inbox.relaying.wakes import ask_wake
from leadloop.inbox.sales_lock import sync_sales_lock
from leadloop.inbox.turns.journey_facts import JourneyReader
from leadloop.inbox.waits import disarm
from leadloop.language.plan import EventMatch, Matcher, Plan, RecycleStep, StageMatch, WhenMatch
from leadloop.sales.offers import withdraw_offers
from leadloop.sales.tasks import withdraw_tasks
from leadloop.scoring.matching import matches, must_be_true
from leadloop.scoring.reading import COOLDOWN
from leadloop.storage.tables import Enrolment, EnrolmentStatus, Event, Message, MessageStatus

if TYPE_CHECKING:
    from leadloop.inbox.apply import Application

GOAL = "goal"
EXITED = "exited"
UNSUBSCRIBED = "unsubscribed"
RESTARTED = "restarted"
ERASED = "erased"


def end_journeys(application: Application, events: Sequence[Event]) -> None:
    """End the lead's open journeys that these events, or the lead as it is now, end."""
    for enrolment in list(application.open_journeys):
        plan = application.env.publications.plan(enrolment.plan_digest, application.session)
        ended = _why(application, enrolment, plan, events)
        if ended is not None:
            end_journey(application, enrolment, *ended)


def end_journey(application: Application, enrolment: Enrolment, outcome: str, reason: str) -> None:
    """End one journey now; its workflow learns it by a wake and takes the closing turn."""
    session = application.session
    enrolment.status = EnrolmentStatus.ENDED
    enrolment.outcome = outcome
    enrolment.end_reason = reason
    forget_hold(enrolment)
    enrolment.ended_at = application.now
    enrolment.due_at = enrolment.locked_at = None
    enrolment.stops, enrolment.retry = {}, False
    session.add(enrolment)
    application.journey_ended(enrolment.id)
    disarm(session, enrolment.id)
    _drop_unsent(session, enrolment.id, outcome)
    drop_calls(session, enrolment.id)
    now = application.now
    if outcome != UNSUBSCRIBED:  # a call or a letter is not a mail: who refuses mails may still be called
        withdraw_tasks(session, application.lead, enrolment.id, now)
    all_offers = outcome in (ERASED, RESTARTED)
    if withdraw_offers(session, application.lead, enrolment.id, outcome, now, accepted=all_offers):
        sync_sales_lock(application)
    plan = application.env.publications.plan(enrolment.plan_digest, session)
    if isinstance(plan.steps.get(str(enrolment.state.get("step"))), RecycleStep):
        clear_cooldown(application)  # nothing is left that would end it, or let an inquiry bypass it
    application.changed()
    session.flush()
    ask_wake(session, enrolment.id, application.now)


def clear_cooldown(application: Application) -> None:
    """End the lead's cool-down; conditions see the lead again from its next change on."""
    row = application.dues.get(f"{COOLDOWN}:{application.lead.id}")
    if row is not None:
        application.dues.drop(row)
    application.lead.recycle_until = None
    application.session.add(application.lead)


def _drop_unsent(session: Session, enrolment_id: str, outcome: str) -> None:
    """Skip the journey's mails that nobody has claimed yet: nothing would ever take them up again."""
    rows = session.exec(
        select(Message).where(
            Message.enrolment_id == enrolment_id,
            Message.kind == "mail",
            col(Message.status).in_((MessageStatus.NEW, MessageStatus.HELD)),
        )
    ).all()
    for message in rows:
        message.status = MessageStatus.SKIPPED
        message.reason = unsent_reason(outcome)
        message.hold_until = None
        session.add(message)


def unsent_reason(outcome: str | None) -> str:
    """Return why a mail of a journey that ended is not sent."""
    return outcome if outcome in (UNSUBSCRIBED, ERASED) else "journey_ended"


def meets_now(matchers: Sequence[Matcher], application: Application, facts: Facts | None = None) -> bool:
    """Return whether a goal or exit condition is already met, so that the lead must not enter.

    `facts` are those of the journey that would begin (`entering_values`); None stands for the lead's.
    Raises `EvaluationError` where a condition cannot be evaluated for the lead.
    """
    for match in matchers:
        if isinstance(match, StageMatch) and application.lead.stage in match.stages:
            return True
        if isinstance(match, WhenMatch) and must_be_true(match.when, facts or application.facts):
            return True
    return False


def _why(
    application: Application, enrolment: Enrolment, plan: Plan, events: Sequence[Event]
) -> tuple[str, str] | None:
    for event in events:
        refused = event.properties.get("topic") or "*"
        if event.type == "unsubscribed" and refused in (plan.topic, "*"):
            return UNSUBSCRIBED, f"refused {refused}"
    if application.lead.erased_at is not None:
        return ERASED, "erased"
    if enrolment.shielded:
        return None
    reader = JourneyReader(application, enrolment, plan)
    failed: str | None = None
    for outcome, matchers in ((GOAL, plan.goal), (EXITED, plan.exit_when)):
        for match in matchers:
            try:
                if _is_met(reader, match, events):
                    return outcome, _describe(match)
            except EvaluationError as error:
                failed = failed or f"{outcome} failed: {error}"
    if failed is not None:  # and no other matcher ends it
        hold_journey(application, enrolment, failed)
    return None


def _is_met(reader: JourneyReader, match: Matcher, events: Sequence[Event]) -> bool:
    application, enrolment = reader.application, reader.enrolment
    if isinstance(match, WhenMatch):
        return must_be_true(match.when, reader.facts_for(match))
    for event in events:
        if event.id == enrolment.cause_event_id:
            continue
        if isinstance(match, EventMatch) and match.of and not _of(application, enrolment, match, event):
            continue
        if reader.concerns(event) and matches(match, event, reader.facts_for(match), must_be_true):
            return True
    return False


def _of(application: Application, enrolment: Enrolment, match: EventMatch, event: Event) -> bool:
    if event.message_id is None:
        return False
    message = application.session.get(Message, event.message_id)
    return message is not None and message.enrolment_id == enrolment.id and message.step_id in match.of


def _describe(match: Matcher) -> str:
    if isinstance(match, StageMatch):
        return "stage " + "/".join(match.stages)
    return match.event if isinstance(match, EventMatch) else match.when.source
