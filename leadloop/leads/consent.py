"""What may be mailed to whom: bases, refusals, suppressed addresses.

The table `consent` only grows. A topic may be mailed when one of its bases holds (特定電子メール法
3条1項: opt-in, card, customer, published; or a request, which is an answer and no advertising) and
is newer than the newest refusal. Suppression of the address beats everything.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, or_
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from leadloop.language.plan import Workspace
from leadloop.leads.addresses import AddressError, email_key
from leadloop.leads.names import clean_text
from leadloop.leads.pauses import is_paused
from leadloop.storage.environment import Environment
from leadloop.storage.tables import (
    Consent,
    Deal,
    DealStatus,
    Event,
    Lead,
    Message,
    Suppression,
)

ALL_TOPICS = "*"
REFUSED = "refused"
SUPPRESSED_TOPIC = "suppressed_topic"

Written = tuple[str, str, str]
"""A row of `consent` by what makes it unique: event, topic, basis."""
_PERMITTING = frozenset({"unsubscribed", "form_submitted", "card_received"})
_OF_EVENTS = select(Consent.event_id, Consent.topic, Consent.basis).where(
    col(Consent.event_id).in_(bindparam("ids", expanding=True))
)

_YES = frozenset(
    {
        "1",
        "true",
        "yes",
        "y",
        "on",
        "ok",
        "x",
        "はい",
        "可",
        "許可",
        "同意",
        "同意する",
        "希望する",
        "希望",
        "○",
        "〇",
        "◯",
    }
)
_NO = frozenset(
    {
        "",
        "0",
        "false",
        "no",
        "n",
        "off",
        "いいえ",
        "不可",
        "拒否",
        "不要",
        "同意しない",
        "希望しない",
        "×",
        "-",
    }
)
# Asked for every mail, so built once.
_SUPPRESSED = select(Suppression.email_hmac).where(Suppression.email_hmac == bindparam("email_hmac"))
_ANSWERS = select(Consent.basis, Consent.at).where(
    Consent.lead_id == bindparam("lead_id"),
    or_(col(Consent.topic) == bindparam("topic"), col(Consent.topic) == ALL_TOPICS),
)


@dataclass(frozen=True)
class MailVerdict:
    """Whether a topic may be mailed: the basis that allows it, or the code of what forbids it."""

    allowed: bool
    basis: str | None = None
    reason: str | None = None
    """`erased`, `no_address`, `suppressed`, `unknown_topic`, `suppressed_topic`, `unsubscribed`,
    `no_consent`."""


def may_mail(
    session: Session, env: Environment, lead: Lead, topic_name: str, workspace: Workspace, now: datetime
) -> MailVerdict:
    """Decide whether a lead may get mail of a topic now."""
    if lead.erased_at is not None:
        return MailVerdict(False, reason="erased")
    if not lead.email:
        return MailVerdict(False, reason="no_address")
    try:
        suppressed = is_suppressed(session, env, lead.email)
    except AddressError:
        return MailVerdict(False, reason="no_address")
    if suppressed:
        return MailVerdict(False, reason="suppressed")
    topic = workspace.topics.get(topic_name)
    if topic is None:
        return MailVerdict(False, reason="unknown_topic")
    if is_paused(session, lead.id, topic_name):
        return MailVerdict(False, reason=SUPPRESSED_TOPIC)
    rows = _answers(session, lead.id, topic_name)
    refused_at = max((row.at for row in rows if row.basis == REFUSED), default=None)
    given = {row.basis for row in rows if row.at <= now and (refused_at is None or row.at > refused_at)} - {
        REFUSED
    }
    for basis in topic.basis:
        if basis in given or (basis == "customer" and refused_at is None and _is_customer(session, lead)):
            return MailVerdict(True, basis=basis)
    return MailVerdict(False, reason="no_consent" if refused_at is None else "unsubscribed")


def acts_at_once(event_type: str) -> bool:
    """Return whether `record_at_once` may have something to write for events of a type."""
    return event_type in {"unsubscribed", "email_complained", "email_bounced"}


def record_at_once(session: Session, env: Environment, lead: Lead, event: Event) -> None:
    """Write what must hold from the moment an event comes in: refusal, hard bounce, complaint."""
    at = _at(event)
    if event.type == "unsubscribed":
        record_refusal(session, lead.id, event.properties.get("topic") or ALL_TOPICS, event.id, at)
    elif event.type == "email_complained":
        _suppress_mailed_address(session, env, lead, event, "complaint", at)
    elif event.type == "email_bounced" and event.properties.get("kind") == "hard":
        _suppress_mailed_address(session, env, lead, event, "hard_bounce", at)


def record_basis(
    session: Session,
    lead: Lead,
    event: Event,
    workspace: Workspace,
    known: Collection[Written] | None = None,
) -> None:
    """Write the permissions that an event brings: a form's request, an opt-in, a business card.

    The event's `identity["consent"]` is true, or names topics; it counts for topics that allow
    `opt_in`. Saying no there is not a refusal. Applying an event twice writes nothing twice. `known` is
    what `written_before` has found for the event; without it the table is asked.
    """
    if not _may_permit(event):
        return
    at = _at(event)
    if event.type == "unsubscribed":
        topic = event.properties.get("topic") or ALL_TOPICS
        _add(session, lead.id, [topic], REFUSED, event.id, at, known)
        return
    if event.type == "form_submitted":
        _add(session, lead.id, _topics_with("request", workspace), "request", event.id, at, known)
    if event.type == "card_received":
        _add(session, lead.id, _topics_with("card", workspace), "card", event.id, at, known)
    topics = opted_in_topics(event.identity.get("consent"), workspace)
    _add(session, lead.id, topics, "opt_in", event.id, at, known)


def written_before(session: Session, events: Iterable[Event]) -> frozenset[Written]:
    """Return the permissions and refusals that some events have brought already: at once, or before."""
    ids = [event.id for event in events if _may_permit(event)]
    rows = session.execute(_OF_EVENTS, {"ids": ids}) if ids else ()
    return frozenset((event_id, topic, basis) for event_id, topic, basis in rows)


def record_undated_opt_in(
    session: Session, lead_id: str, answer: object, workspace: Workspace, at: datetime
) -> bool:
    """Write an opt-in that a file claims for a known lead; return whether there was any news in it.

    A file doesn't say when the person agreed, so it never beats an answer that is on record.
    """
    answered = set(
        session.exec(
            select(Consent.topic).where(
                Consent.lead_id == lead_id, col(Consent.basis).in_(("opt_in", REFUSED))
            )
        ).all()
    )
    topics = [] if ALL_TOPICS in answered else opted_in_topics(answer, workspace)
    news = [topic for topic in topics if topic not in answered]
    _add(session, lead_id, news, "opt_in", None, at)
    return bool(news)


def record_refusal(session: Session, lead_id: str, topic: str, event_id: str | None, at: datetime) -> None:
    """Write that the person refuses a topic, or every topic (`*`)."""
    _add(session, lead_id, [topic], REFUSED, event_id, at)


def record_permission(
    session: Session, lead_id: str, topic: str, basis: str, event_id: str | None, at: datetime
) -> None:
    """Write a permission to mail a topic; `event_id` is the event that proves it."""
    _add(session, lead_id, [topic], basis, event_id, at)


def refused_since(session: Session, lead_id: str, topic: str) -> datetime | None:
    """Return since when a refusal of the topic stands; None where the person has said something newer."""
    rows = _answers(session, lead_id, topic)
    refused_at: datetime | None = max((row.at for row in rows if row.basis == REFUSED), default=None)
    if refused_at is None or any(row.basis != REFUSED and row.at > refused_at for row in rows):
        return None
    return refused_at


def opted_in_topics(answer: object, workspace: Workspace) -> list[str]:
    """Read a `consent` answer: yes for every topic that allows `opt_in`, or names of such topics."""
    allowed = _topics_with("opt_in", workspace)
    if answer is True:
        return allowed
    if isinstance(answer, str):
        text = clean_text(answer).casefold()
        if text in _YES:
            return allowed
        words: Iterable[object] = () if text in _NO else text.replace(";", ",").replace("、", ",").split(",")
    else:
        words = answer if isinstance(answer, list | tuple) else ()
    named = {clean_text(word) for word in words if isinstance(word, str)}
    return [topic for topic in allowed if topic in named]


def suppress(
    session: Session, env: Environment, email: str, reason: str, at: datetime, event_id: str | None = None
) -> None:
    """Never mail an address again, whoever owns it. The first reason stays. Raises `AddressError`."""
    email_hmac = suppression_hash(env, email)
    if session.get(Suppression, email_hmac) is not None:
        return
    with contextlib.suppress(IntegrityError), session.begin_nested():  # another transaction may be first
        session.add(Suppression(email_hmac=email_hmac, reason=reason, at=at, event_id=event_id))


def is_suppressed(session: Session, env: Environment, email: str) -> bool:
    """Return whether an address must not be mailed. Raises `AddressError`."""
    session.flush()
    hmac = suppression_hash(env, email)
    return session.connection().execute(_SUPPRESSED, {"email_hmac": hmac}).first() is not None


def suppression_hash(env: Environment, email: str) -> str:
    """Return the HMAC under which an address is suppressed. Raises `AddressError`."""
    return env.keys.hash("suppression", email_key(email))


def _suppress_mailed_address(
    session: Session, env: Environment, lead: Lead, event: Event, reason: str, at: datetime
) -> None:
    """Suppress the address that was mailed, which may not be the lead's present one."""
    message = session.get(Message, event.message_id) if event.message_id else None
    address = (message.rendered_to if message else None) or lead.email
    if address is None:
        return
    try:
        suppress(session, env, address, reason, at, event.id)
    except AddressError:
        record_refusal(session, lead.id, ALL_TOPICS, event.id, at)


def _is_customer(session: Session, lead: Lead) -> bool:
    if lead.stage == "customer":
        return True
    won = select(Deal.id).where(Deal.lead_id == lead.id, Deal.status == DealStatus.WON)
    return session.exec(won).first() is not None


def _answers(session: Session, lead_id: str, topic: str) -> Sequence[Any]:
    """Return basis and instant of what is on record about a topic, or about all topics."""
    session.flush()
    return session.connection().execute(_ANSWERS, {"lead_id": lead_id, "topic": topic}).all()


def _topics_with(basis: str, workspace: Workspace) -> list[str]:
    return [name for name, topic in workspace.topics.items() if basis in topic.basis]


def _may_permit(event: Event) -> bool:
    return event.type in _PERMITTING or bool(event.identity.get("consent"))


def _add(
    session: Session,
    lead_id: str,
    topics: Iterable[str],
    basis: str,
    event_id: str | None,
    at: datetime,
    known: Collection[Written] | None = None,
) -> None:
    if known is not None and event_id is not None:
        for topic in topics:
            if (event_id, topic, basis) not in known:
                session.add(Consent(lead_id=lead_id, topic=topic, basis=basis, at=at, event_id=event_id))
        return
    for topic in topics:
        same = select(Consent.id).where(
            Consent.lead_id == lead_id, Consent.topic == topic, Consent.basis == basis
        )
        same = same.where(Consent.event_id == event_id if event_id else Consent.at == at)
        if session.exec(same).first() is None:
            session.add(Consent(lead_id=lead_id, topic=topic, basis=basis, at=at, event_id=event_id))
    session.flush()


def _at(event: Event) -> datetime:
    """When it counts from: a sender's clock that runs ahead must not outlast later answers."""
    return min(event.occurred_at, event.received_at)
