"""The checker: what was promised, against what the client, the sinks, the database and Temporal saw.

Runs after every fault. Each violation is a line that begins with the invariant it breaks:

- I1 each accepted event is stored exactly once
- I2 each (enrolment, step, visit) has at most one accepted delivery
- I3 each outbox row is terminal or due, none older than its lease without an owner
- I4 no delivery after an accepted unsubscribe, bounce or erasure
- I5 score = the function of its ledger, ledger unique per rule and event
- I6 at most one hand-off per (enrolment, visit)
- I7 enrolled = running + ended + held + paused
- I8 the executed path equals the path that the pure `decide` gives for the same inputs
- I9 no planted personal data in logs, workflow ids, search attributes or failure messages
- I10 every non-success carries a reason a person can act on

What the database alone can tell is asked of `leadloop doctor`; the rest is compared here.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlmodel import col, select

from leadloop.inbox.calls import FINISHED as FINISHED_CALLS
from leadloop.inbox.doctor import examine
from leadloop.inbox.ingestion.ingest import IngestResult
from leadloop.storage.environment import Environment
from leadloop.storage.tables import (
    Call,
    CallStatus,
    Enrolment,
    EnrolmentStatus,
    Event,
    EventKey,
    Lead,
    Message,
    MessageStatus,
)
from tests.faults.replayed import replay_paths

ASKED_OF_DOCTOR = {
    "events_in_order": "I1",
    "events_applied": "I1",
    "handed_over_once": "I2",
    "mailbox_agrees": "I2",
    "outbox_settled": "I3",
    "calls_settled": "I3",
    "journeys_go_on": "I3",
    "due_carried_out": "I3",
    "no_mail_after_refusal": "I4",
    "no_mail_to_suppressed": "I4",
    "pauses_hold": "I4",
    "scores_follow_ledger": "I5",
    "points_given_once": "I5",
    "one_offer_per_visit": "I6",
    "journeys_add_up": "I7",
    "one_open_journey": "I7",
    "turns_are_dense": "I7",
}
"""Check of the doctor -> the invariant it is part of. Checks that are not here count as `doctor`."""

_HANDED_OVER = (MessageStatus.SENT, MessageStatus.SENDING, MessageStatus.UNCERTAIN)
_TERMINAL = (MessageStatus.SENT, MessageStatus.SKIPPED, MessageStatus.FAILED, MessageStatus.UNCERTAIN)
_WANT_A_REASON = (
    MessageStatus.SKIPPED, MessageStatus.FAILED, MessageStatus.UNCERTAIN, MessageStatus.HELD,
)  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """What a client was told about one event."""

    status: str
    """`accepted`, `duplicate`, `conflict`, `invalid`."""
    event_id: str | None = None
    external_id: str | None = None
    source: str = "api"
    problem: str | None = None


@dataclass(frozen=True)
class Refused:
    """A person's refusal, and the instant at which it was accepted at the latest."""

    lead_id: str
    accepted_at: datetime
    topic: str = "*"


@dataclass
class Observed:
    """Everything that was seen from outside. What nobody watched is None or empty."""

    env: Environment
    answers: Sequence[Answer] = ()
    mails: Mapping[str, int] | None = None
    """Message id (`X-Leadloop-Message`) -> how often the mail server took it."""
    calls: Sequence[tuple[str, bytes]] | None = None
    """`webhook-id` and body of every call that the other side got."""
    refusals: Sequence[Refused] = ()
    texts: Mapping[str, str] = field(default_factory=dict)
    """Name of a place -> its text: logs, histories, workflow ids, search attributes."""
    canaries: Sequence[str] = ()
    """Personal values that were planted in leads."""
    entered: int | None = None
    """How many journeys must have begun."""
    settled: bool = True
    """Everything had time to end: nothing may be under way any more."""


def violations(seen: Observed) -> list[str]:
    """Return every broken invariant, sorted; an empty list if all hold."""
    report = examine(seen.env)
    found = [
        f"{ASKED_OF_DOCTOR.get(check.name, 'doctor')}: {check.name}: {problem}"
        for check in report.checks
        for problem in check.problems
    ]
    for name, check in CHECKS.items():
        found += [f"{name}: {problem}" for problem in check(seen)]
    return sorted(found)


def answer_of(result: IngestResult, external_id: str | None = None, source: str = "api") -> Answer:
    """Return a result of `ingest` as what the client was told."""
    return Answer(result.status, result.event_id, external_id, source, result.problem)


def stored_once(seen: Observed) -> Iterable[str]:
    """I1: every event that was accepted is there, and one id means one event."""
    told: dict[tuple[str, str], set[str]] = defaultdict(set)
    with seen.env.database.read() as session:
        stored = Counter(session.exec(select(Event.id)).all())
        keys = {(row.source, row.external_id): row.event_id for row in session.exec(select(EventKey)).all()}
        unapplied = session.exec(select(Event.id).where(col(Event.applied_at).is_(None))).all()
    for answer in seen.answers:
        if answer.status not in ("accepted", "duplicate"):
            continue
        event_id = answer.event_id or ""
        if stored[event_id] != 1:
            yield f"event {event_id}: accepted, but stored {stored[event_id]} times"
        if answer.external_id is not None:
            told[answer.source, answer.external_id].add(event_id)
    for key, events in told.items():
        if len(events) > 1:
            yield f"id {key[1]} of {key[0]}: {len(events)} events"
        elif keys.get(key) not in events:
            yield f"id {key[1]} of {key[0]}: its key names another event"
    for event_id, number in Counter(keys.values()).items():
        if stored[event_id] == 0:
            yield f"event {event_id}: has a key, but is not there"
        if number > 1:
            yield f"event {event_id}: has {number} keys"
    if seen.settled:
        yield from (f"event {event_id}: accepted, but not applied" for event_id in unapplied)


def delivered_once(seen: Observed) -> Iterable[str]:
    """I2: the mail server took each mail once, and took what the database calls sent."""
    if seen.mails is None:
        return
    with seen.env.database.read() as session:
        rows = {row.id: row for row in session.exec(select(Message)).all()}
    visits: Counter[tuple[str, str, int]] = Counter()
    for message_id, number in seen.mails.items():
        row = rows.get(message_id)
        if number > 1:
            yield f"message {message_id}: delivered {number} times"
        if row is None:
            yield f"message {message_id}: delivered, but there is no such row"
            continue
        if row.status not in _HANDED_OVER:
            yield f"message {message_id}: delivered, but its row is {row.status.value}"
        if row.kind == "mail":  # a visit may send several notices to sales; the doctor counts those
            visits[row.enrolment_id, row.step_id, row.visit] += 1
    for (enrolment_id, step, visit), number in visits.items():
        if number > 1:
            yield f"enrolment {enrolment_id}, step {step}, visit {visit}: {number} deliveries"
    for row in rows.values():
        if row.status == MessageStatus.SENT and row.id not in seen.mails:
            yield f"message {row.id}: sent, but never delivered"


def outbox_is_terminal(seen: Observed) -> Iterable[str]:
    """I3: where everything had time to end, every message and call of an open or ended journey has."""
    if not seen.settled:
        return
    with seen.env.database.read() as session:
        messages = session.exec(select(Message.id, Message.status)).all()
        calls = session.exec(select(Call.id, Call.status)).all()
    for message_id, status in messages:
        if status not in (*_TERMINAL, MessageStatus.HELD):
            yield f"message {message_id}: still {status}"
    for call_id, call_status in calls:
        if call_status not in FINISHED_CALLS:
            yield f"call {call_id}: still {call_status}"


def nothing_after_refusal(seen: Observed) -> Iterable[str]:
    """I4: no mail was claimed after a refusal was accepted or the lead erased."""
    with seen.env.database.read() as session:
        mails = session.exec(
            select(Message).where(Message.kind == "mail", col(Message.status).in_(_HANDED_OVER))
        ).all()
        erased = session.exec(select(Lead.id, Lead.erased_at).where(col(Lead.erased_at).is_not(None))).all()
    refusals = [*seen.refusals, *(Refused(lead_id, at) for lead_id, at in erased if at is not None)]
    for refusal in refusals:
        for mail in mails:
            claimed_at = mail.claimed_at or mail.sent_at
            late = claimed_at is not None and claimed_at > refusal.accepted_at
            if late and mail.lead_id == refusal.lead_id and refusal.topic in ("*", mail.topic):
                yield f"message {mail.id} to lead {mail.lead_id}: claimed after the refusal"


def handed_off_once(seen: Observed) -> Iterable[str]:
    """I6: the CRM got one call per visit of a step, and the same body with the same id."""
    if seen.calls is None:
        return
    with seen.env.database.read() as session:
        rows = {row.call_key: row for row in session.exec(select(Call)).all()}
    bodies: dict[str, set[bytes]] = defaultdict(set)
    for webhook_id, body in seen.calls:
        bodies[webhook_id].add(body)
    visits: Counter[tuple[str, str, int]] = Counter()
    for webhook_id, different in bodies.items():
        row = rows.get(webhook_id)
        if len(different) > 1:
            yield f"call {webhook_id}: {len(different)} different bodies"
        if row is None:
            yield f"call {webhook_id}: received, but there is no such row"
            continue
        visits[row.enrolment_id, row.step_id, row.visit] += 1
    for (enrolment_id, step, visit), number in visits.items():
        if number > 1:
            yield f"enrolment {enrolment_id}, step {step}, visit {visit}: {number} hand-offs"
    for row in rows.values():
        if row.status == CallStatus.DONE and not row.sink and row.call_key not in bodies:
            yield f"call {row.call_key}: done, but never received"


def journeys_counted(seen: Observed) -> Iterable[str]:
    """I7: as many journeys are there as began."""
    with seen.env.database.read() as session:
        statuses = Counter(session.exec(select(Enrolment.status)).all())
    if seen.entered is not None and statuses.total() != seen.entered:
        yield f"{seen.entered} journeys began, {statuses.total()} are there: {dict(statuses)}"


def paths_are_decided(seen: Observed) -> Iterable[str]:
    """I8: every journey's turns are those that `decide` gives for their causes."""
    return replay_paths(seen.env).problems


def no_canary(seen: Observed) -> Iterable[str]:
    """I9: no planted value is in any text. The value itself is not repeated here."""
    for number, canary in enumerate(seen.canaries):
        for place, text in seen.texts.items():
            at = text.casefold().find(canary.casefold())
            if at >= 0:
                yield f"canary {number} is in {place}, at character {at}"


def reasons_given(seen: Observed) -> Iterable[str]:
    """I10: whatever did not succeed says why."""
    for answer in seen.answers:
        if answer.status not in ("accepted", "duplicate") and not answer.problem:
            yield f"an event was answered {answer.status} without a problem"
    with seen.env.database.read() as session:
        for message in session.exec(select(Message).where(col(Message.status).in_(_WANT_A_REASON))).all():
            if not message.reason:
                yield f"message {message.id}: {message.status.value} without a reason"
        for call in session.exec(select(Call)).all():
            if call.status in (CallStatus.FAILED, CallStatus.SKIPPED) and not call.reason:
                yield f"call {call.id}: {call.status.value} without a reason"
        for row in session.exec(select(Enrolment).where(Enrolment.status == EnrolmentStatus.HELD)).all():
            if not row.held_reason:
                yield f"enrolment {row.id}: held without a reason"
        for event in session.exec(select(Event).where(col(Event.parked).is_not(None))).all():
            if not event.parked:
                yield f"event {event.id}: parked without a reason"


CHECKS = {
    "I1": stored_once,
    "I2": delivered_once,
    "I3": outbox_is_terminal,
    "I4": nothing_after_refusal,
    "I6": handed_off_once,
    "I7": journeys_counted,
    "I8": paths_are_decided,
    "I9": no_canary,
    "I10": reasons_given,
}
