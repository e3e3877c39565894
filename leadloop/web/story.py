"""One lead's story: everything that happened, in one list, in words that sales can read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, or_
from sqlmodel import Session, col, select

from leadloop.language.plan import Workspace
from leadloop.leads.visitors import is_of_nobody
from leadloop.storage.environment import Environment
from leadloop.storage.tables import (
    Call,
    Enrolment,
    EnrolmentStatus,
    Event,
    Message,
    MessageStatus,
    Offer,
    ScoreEntry,
    Task,
    Turn,
)
from leadloop.web.story_operations import journey_operations
from leadloop.web.story_text import say
from leadloop.web.story_words import describe_event, describe_trace, describe_unsent
from leadloop.web.text import Language, translate

_OF_THE_ROWS = frozenset({"email_sent", "handed_off"})
"""Events whose rows (message, offer) tell more."""


@dataclass(frozen=True)
class StoryLine:
    """One line: when, what kind (`event mail journey turn score sales`), what, and its points."""

    at: datetime
    kind: str
    text: str
    points: int | None = None
    scenario: str | None = None
    detail: str = ""
    link: str | None = None
    """Path of the page that tells more."""


@dataclass(frozen=True)
class _Keyed:
    line: StoryLine
    key: str
    """An id: UUIDv7s of rows made at one scenario instant are in the order of their making."""


def story(session: Session, env: Environment, lead_id: str, language: Language = "en") -> list[StoryLine]:
    """Return a lead's story in a language, oldest first. Empty for an unknown lead."""
    workspace = env.publications.current(session).publication.workspace
    events = session.exec(
        select(Event).where(or_(col(Event.lead_id) == lead_id, _of_subject(lead_id))).order_by(col(Event.id))
    ).all()
    messages = session.exec(select(Message).where(Message.lead_id == lead_id)).all()
    journeys = session.exec(select(Enrolment).where(Enrolment.lead_id == lead_id)).all()
    entries = session.exec(
        select(ScoreEntry).where(ScoreEntry.lead_id == lead_id).order_by(col(ScoreEntry.id))
    ).all()
    keyed = [
        *_event_lines(events, messages, entries, workspace, language),
        *_score_lines(entries, {one.id for one in events}, language),
        *_mail_lines(messages, language),
        *_journey_lines(journeys, events, env, session, language),
        *_turn_lines(session, journeys, ZoneInfo(workspace.timezone), language),
        *_sales_lines(session, lead_id, journeys, language),
        *_call_lines(session, lead_id, language),
    ]
    keyed.sort(key=lambda one: (one.line.at, one.key))
    return [one.line for one in keyed]


def _of_subject(lead_id: str) -> ColumnElement[bool]:
    """The lead's events that wait to be applied, or could not be: in the words of their indexes."""
    waits = col(Event.applied_at).is_(None)
    return and_(col(Event.subject_id) == lead_id, or_(waits, is_of_nobody()))


def _event_lines(
    events: Sequence[Event],
    messages: Sequence[Message],
    entries: Sequence[ScoreEntry],
    workspace: Workspace,
    language: Language,
) -> Iterable[_Keyed]:
    by_event: dict[str, list[ScoreEntry]] = defaultdict(list)
    for entry in entries:
        if entry.event_id is not None:
            by_event[entry.event_id].append(entry)
    by_id = {one.id: one for one in messages}
    for event in events:
        if event.type in _OF_THE_ROWS:
            continue
        message = by_id.get(event.message_id) if event.message_id else None
        scored = by_event.get(event.id, [])
        detail = [f"{one.points:+d} {one.model} ({one.rule_id})" for one in scored]
        if event.parked:
            detail.append(f"could not be applied: {event.parked}")
        elif event.applied_at is None:
            detail.append("not applied yet")
        line = StoryLine(
            at=event.occurred_at,
            kind="sales" if event.source == "sales" else "event",
            text=describe_event(event, message, workspace, language),
            points=sum(one.points for one in scored) if scored else None,
            scenario=message.scenario if message else None,
            detail=", ".join(detail),
        )
        yield _Keyed(line, event.id)


def _score_lines(entries: Sequence[ScoreEntry], event_ids: set[str], language: Language) -> Iterable[_Keyed]:
    """Points that no listed event brought: attributes, score steps, resets."""
    for entry in entries:
        if entry.event_id in event_ids:
            continue
        words = "{model} score set back" if entry.rule_id == "reset" else "{model} score"
        text = say(language, words, model=entry.model)
        line = StoryLine(entry.at, "score", text, entry.points, detail=entry.reason or f"by {entry.rule_id}")
        yield _Keyed(line, entry.id)


def _mail_lines(messages: Sequence[Message], language: Language) -> Iterable[_Keyed]:
    for message in messages:
        what = message.template.removeprefix("notice:")
        if message.subject:
            what = say(language, "“{subject}”", subject=message.subject)
        if message.kind == "mail":
            text = say(language, "mail {what}", what=what)
        else:
            text = say(language, "notice to {to}: {what}", to=message.to_address, what=what)
        detail = f"template {message.template}, step {message.step_id}"
        at = message.sent_at or message.claimed_at or message.created_at
        sent = message.status == MessageStatus.SENT
        text = (
            say(language, "{what} sent", what=text)
            if sent
            else f"{text} {describe_unsent(message, language)}"
        )
        link = f"/mailbox/of/{message.id}" if sent else None
        yield _Keyed(StoryLine(at, "mail", text, None, message.scenario, detail, link), message.id)


def _journey_lines(
    journeys: Sequence[Enrolment],
    events: Sequence[Event],
    env: Environment,
    session: Session,
    language: Language,
) -> Iterable[_Keyed]:
    titles = {name: plan.title for name, plan in env.publications.current(session).publication.plans.items()}
    for journey in journeys:
        title = titles.get(journey.scenario) or journey.scenario
        name = journey.scenario
        entered = StoryLine(
            journey.entered_at, "journey", say(language, "entered “{title}”", title=title), None, name
        )
        yield _Keyed(entered, journey.id)
        if journey.status == EnrolmentStatus.ENDED and journey.ended_at is not None:
            detail = journey.end_reason or ""
            text = say(language, "left “{title}”: {outcome}", title=title, outcome=journey.outcome)
            left = StoryLine(journey.ended_at, "journey", text, None, name, detail)
            yield _Keyed(left, _key_of_end(events, journey))
        elif journey.status == EnrolmentStatus.PAUSED:
            text = say(language, "“{title}” is paused", title=title)
            yield _Keyed(StoryLine(journey.moved_at, "journey", text, None, name), journey.id + "~")
        elif journey.status == EnrolmentStatus.HELD:
            text = say(language, "“{title}” is held", title=title)
            held = StoryLine(journey.moved_at, "journey", text, None, name, journey.held_reason or "")
            yield _Keyed(held, journey.id + "~")
    for row, text, reason in journey_operations(session, journeys, titles, language):
        yield _Keyed(StoryLine(row.at, "journey", text, None, row.scenario, reason), row.id)


def _key_of_end(events: Sequence[Event], journey: Enrolment) -> str:
    """Return a key right after the event that ended a journey, so that what follows stays behind."""
    at_once = [one for one in events if journey.ended_at in (one.occurred_at, one.applied_at)]
    moves = [one for one in at_once if one.type == "stage_changed" and journey.outcome == "goal"]
    causes = [one.id for one in moves or at_once]
    return max(journey.id, min(causes)) + "~" if causes else journey.id + "~"


def _turn_lines(
    session: Session, journeys: Sequence[Enrolment], zone: ZoneInfo, language: Language
) -> Iterable[_Keyed]:
    scenarios = {one.id: one.scenario for one in journeys}
    turns = session.exec(
        select(Turn)
        .where(col(Turn.enrolment_id).in_(list(scenarios)))
        .order_by(col(Turn.enrolment_id), col(Turn.turn_no))
    ).all()
    for turn in turns:
        for number, trace in enumerate(turn.trace):
            text = describe_trace(trace, zone, language)
            if text is None:
                continue
            line = StoryLine(
                turn.at, "turn", text, None, scenarios[turn.enrolment_id], f"turn {turn.turn_no}"
            )
            yield _Keyed(line, f"~{turn.enrolment_id}:{turn.turn_no:06d}:{number:04d}")


def _sales_lines(
    session: Session, lead_id: str, journeys: Sequence[Enrolment], language: Language
) -> Iterable[_Keyed]:
    scenarios = {one.id: one.scenario for one in journeys}
    for offer in session.exec(select(Offer).where(Offer.lead_id == lead_id)).all():
        scenario, link = scenarios.get(offer.enrolment_id), f"/sales/offers/{offer.id}"
        why = ", ".join(f"{one['model']} {one['points']:+d} {one['rule']}" for one in offer.reasons)
        words = "offered to {assignee} ({queue})"
        if offer.what == "company":
            words = "company offered to {assignee} ({queue})"
        text = say(language, words, assignee=offer.assignee, queue=offer.queue)
        yield _Keyed(StoryLine(offer.offered_at, "sales", text, None, scenario, why, link), offer.id)
        if offer.escalated_at is not None:
            text = say(language, "nobody accepted in time: escalated")
            line = StoryLine(offer.escalated_at, "sales", text, None, scenario, "", link)
            yield _Keyed(line, offer.id + "~1")
        if offer.status in ("expired", "withdrawn") and offer.ended_at is not None:
            text = say(language, "offer {status}", status=translate(language, offer.status.value))
            line = StoryLine(offer.ended_at, "sales", text, None, scenario, offer.end_reason or "", link)
            yield _Keyed(line, offer.id + "~2")
    for task in session.exec(select(Task).where(Task.lead_id == lead_id)).all():
        title = task.title or task.type
        text = say(language, "task for {assignee}: {title}", assignee=task.assignee, title=title)
        scenario, link = scenarios.get(task.enrolment_id), f"/sales/tasks/{task.id}"
        yield _Keyed(StoryLine(task.created_at, "sales", text, None, scenario, "", link), task.id)


def _call_lines(session: Session, lead_id: str, language: Language) -> Iterable[_Keyed]:
    """Calls that went nowhere: of the others the turns tell."""
    for call in session.exec(select(Call).where(Call.lead_id == lead_id, col(Call.sink))).all():
        text = say(language, "call to {to} noted here only", to=call.to)
        at = call.done_at or call.created_at
        yield _Keyed(StoryLine(at, "turn", text, None, call.scenario, f"step {call.step_id}"), call.id)
