"""The claim: the last commit before a mail is handed over. Everything that forbids it is asked here.

The checks see the lead as it is at this instant: its pending events are applied first, in the same
transaction and under the same lock. A refusal that was accepted before is therefore never missed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from leadloop.delivery.compose import Composed, store
from leadloop.delivery.handovers import count_handover
from leadloop.delivery.limits import Hold, cap_hold, window_hold
from leadloop.delivery.loading import NOTICE
from leadloop.delivery.smtp import RetryLaterError
from leadloop.inbox.apply import apply_pending
from leadloop.inbox.operations.pausing import PAUSED
from leadloop.inbox.operations.scenario_pauses import pause_key, scenario_pause
from leadloop.inbox.operations.sending import KILL_SWITCH, is_stopped
from leadloop.inbox.recovery.restored import RESTORED, is_restored
from leadloop.leads.consent import may_mail
from leadloop.storage.columns import new_id
from leadloop.storage.database import lock_enrolment, lock_lead, lock_message
from leadloop.storage.environment import Environment
from leadloop.storage.switches import read_switches
from leadloop.storage.tables import Enrolment, EnrolmentStatus, Lead, Message, MessageStatus

SUPERSEDED = "superseded"
ADDRESS_CHANGED = "address_changed"
OPEN = (MessageStatus.NEW, MessageStatus.HELD)

_SALES_HOLD = timedelta(days=1)
_PAUSE_HOLD = timedelta(hours=1)
_KILL_SWITCH_HOLD = timedelta(minutes=10)


@dataclass(frozen=True)
class Claim:
    """What came of a claim. With a token the mail may be handed over, and only by its holder."""

    status: str
    """`sending`, another `MessageStatus`, `superseded`, or `address_changed`."""
    token: str | None = None


@dataclass(frozen=True)
class LockedMessage:
    """A message with its lead and enrolment, locked in the order lead, enrolment, message."""

    lead: Lead
    enrolment: Enrolment
    message: Message


def lock_for(
    session: Session, message_id: str, apply_in: Environment | None = None, known: Message | None = None
) -> LockedMessage:
    """Lock a message's rows; with `apply_in`, the lead's pending events are applied in between, and what
    may stop every mail is read.

    `known` is the message as it was read before: which lead and journey it is of never changes.
    Raises `RowMissingError`.
    """
    known = known or session.get(Message, message_id) or lock_message(session, message_id)
    lead = lock_lead(session, known.lead_id)
    if apply_in is not None:
        read_switches(session, RESTORED, KILL_SWITCH, pause_key(known.scenario))
        apply_pending(session, apply_in, lead, apply_in.clock.now())
    return LockedMessage(lead, lock_enrolment(session, known.enrolment_id), lock_message(session, message_id))


def claim_message(
    session: Session,
    env: Environment,
    message_id: str,
    generation: int,
    known: Message | None = None,
    composed: Composed | None = None,
) -> Claim:
    """Take the mail for this attempt, or say why not. The caller commits.

    `known` is the message as it was read before; `composed` what was rendered and is not stored yet: it
    is stored with the claim, or with what holds the mail back. A refusal is written to the row: `skipped`
    or `held`, with its reason. Raises `RetryLaterError` for a notice that must wait, and for every message
    while the gate is closed: the row stays as it is then.
    """
    rows = lock_for(session, message_id, apply_in=env, known=known)
    if is_restored(session):
        raise RetryLaterError(RESTORED)
    now = env.clock.now()
    message = rows.message
    rendered_to = composed.to if composed is not None else message.rendered_to
    if generation < rows.enrolment.generation:
        return Claim(SUPERSEDED)
    if message.status not in OPEN:
        return Claim(message.status.value)
    if message.kind != NOTICE and rendered_to != rows.lead.email and rows.lead.email:
        return Claim(ADDRESS_CHANGED)
    refusal = _skip_reason(session, env, rows, now) or _hold(session, env, rows, now)
    if isinstance(refusal, Hold) and message.kind == NOTICE:
        raise RetryLaterError(refusal.reason)  # no step asks for a notice again; its activity does
    if isinstance(refusal, str):
        message.status, message.reason, message.hold_until = MessageStatus.SKIPPED, refusal, None
    elif refusal is not None:
        message.status, message.reason, message.hold_until = MessageStatus.HELD, refusal.reason, refusal.until
        message.tried_since = None  # the server agreed to take it
    else:
        message.status, message.reason, message.hold_until = MessageStatus.SENDING, None, None
        message.claim_token, message.claim_generation = new_id(), generation
        message.claimed_at = now
        message.attempts += 1
    if composed is not None and message.status != MessageStatus.SKIPPED:
        store(session, message, composed)
    session.add(message)
    if message.status != MessageStatus.SENDING:
        return Claim(message.status.value)
    count_handover(session, message.id)
    return Claim(message.status.value, message.claim_token)


def _skip_reason(session: Session, env: Environment, rows: LockedMessage, now: datetime) -> str | None:
    if rows.lead.erased_at is not None:
        return "erased"
    if rows.message.kind == NOTICE:
        return "journey_ended" if rows.enrolment.status == EnrolmentStatus.ENDED else None
    workspace = env.publications.current(session).publication.workspace
    verdict = may_mail(session, env, rows.lead, rows.message.topic or "", workspace, now)
    if not verdict.allowed:
        return verdict.reason or "no_consent"
    return "journey_ended" if rows.enrolment.status == EnrolmentStatus.ENDED else None


def _hold(session: Session, env: Environment, rows: LockedMessage, now: datetime) -> Hold | None:
    if is_stopped(session):
        return Hold(now + _KILL_SWITCH_HOLD, KILL_SWITCH)
    if rows.message.kind == NOTICE:
        return None
    paused = scenario_pause(session, rows.enrolment.scenario) is not None
    if paused or rows.enrolment.status != EnrolmentStatus.RUNNING:
        return Hold(now + _PAUSE_HOLD, PAUSED)
    publication = env.publications.current(session).publication
    workspace = publication.workspace
    topic = workspace.topics[rows.message.topic or ""]
    if rows.lead.in_sales and topic.caps != "exempt":
        return Hold(now + _SALES_HOLD, "sales")
    return cap_hold(session, rows.message, rows.lead, topic, publication, now) or window_hold(
        session, rows.lead, topic, workspace, now
    )
