"""Erasing a person: journeys end, personal values go, HMACs stay that keep the person out.

What stays is needed: that there was a lead (its id, in rows of journeys, scores and turns), which
events happened (their types and instants), and the HMACs of its mail addresses, which refuse later
events about the person and keep the address unmailed. GDPR Article 17; 個人情報保護法 35条.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast

import structlog
from sqlalchemy import CursorResult, or_
from sqlmodel import Session, SQLModel, col, delete, select, update

from leadloop.contracts import ErasedLead
from leadloop.inbox import exits
from leadloop.inbox.apply import Application
from leadloop.inbox.merging import forget_reasons
from leadloop.inbox.operations.log import Caller, write_operation
from leadloop.leads.addresses import AddressError, email_key
from leadloop.leads.consent import suppress, suppression_hash
from leadloop.leads.identity import EMAIL
from leadloop.leads.visitors import is_of_nobody
from leadloop.sales.offers import withdraw_offers
from leadloop.sales.tasks import withdraw_tasks
from leadloop.storage.database import lock_lead
from leadloop.storage.environment import Environment
from leadloop.storage.tables import (
    Call,
    CommandAnswer,
    Deal,
    Due,
    Enrolment,
    Event,
    Identity,
    Lead,
    Link,
    Message,
    Operation,
    Record,
    Suppression,
    Task,
    Tombstone,
    Visitor,
)

ERASED = "erased"
AGAIN = "restore"
"""Who asked for an erasure that is done again after a restore."""

_KEPT = frozenset({"id", "stage", "in_sales", "cycle", "last_seq", "merged_into", "created_at", "erased_at"})
"""Columns of a lead that say nothing about the person; every other one is emptied."""
_log = structlog.get_logger()


@dataclass(frozen=True)
class Erasure:
    """What was erased, or would be."""

    lead_id: str
    status: Literal["erased", "erased_before"]
    journeys_ended: int = 0
    events: int = 0
    messages: tuple[str, ...] = ()
    """Ids of the messages whose bodies are gone; copies elsewhere, as in the local mailbox, carry them."""
    calls: int = 0
    records: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return it as the API and the command show it."""
        return {
            "lead": self.lead_id,
            "status": self.status,
            "journeys_ended": self.journeys_ended,
            "events": self.events,
            "messages": len(self.messages),
            "calls": self.calls,
            "records": self.records,
        }


def erase_lead(env: Environment, lead_id: str, by: str, *, dry_run: bool = False) -> Erasure:
    """Erase a lead, and the leads merged into it. Doing it again changes nothing.

    `by` says who asked for it. Raises `RowMissingError` where there is no such lead.
    """
    with env.database.write(dry_run=dry_run) as session:
        lead = lock_lead(session, lead_id)
        if lead.erased_at is not None:
            return Erasure(lead.id, "erased_before")
        erasure = erase_locked(session, env, lead, by, env.clock.now())
    if not dry_run:
        _log.info("lead_erased", lead_id=erasure.lead_id, journeys_ended=erasure.journeys_ended)
    return erasure


def erase_locked(session: Session, env: Environment, lead: Lead, by: str, at: datetime) -> Erasure:
    """Erase a lead whose row the caller has locked, in the caller's transaction."""
    application = Application(session, env, lead, env.clock.now())
    application.apply_pending()
    ids = _merged(session, lead.id)
    addresses = _addresses(session, ids)
    lead.erased_at = at
    session.add(lead)
    ended = len(application.open_journeys)
    exits.end_journeys(application, ())
    withdraw_tasks(session, lead, None, at)  # what earlier journeys left with sales, too
    withdraw_offers(session, lead, None, exits.ERASED, at, accepted=True)
    tombstone = Tombstone(
        lead_id=lead.id,
        erased_at=at,
        erased_by=by,
        identities=_keep_addresses_only(session, ids),
        suppressed=[_suppress(session, env, address, at) for address in addresses],
    )
    session.merge(tombstone)
    messages = _empty_messages(session, ids)
    erasure = Erasure(
        lead.id,
        "erased",
        ended,
        _empty(session, Event, _about_event(ids), properties={}, identity={}),
        messages,
        _empty(session, Call, col(Call.lead_id).in_(ids), body=None),
        _let_go_of_records(session, env, ids),
    )
    _empty(session, Deal, col(Deal.lead_id).in_(ids), note=None)
    _empty(session, Task, col(Task.lead_id).in_(ids), date=None)
    _empty(session, Operation, col(Operation.enrolment_id).in_(_journeys_of(ids)), reason="")
    forget_reasons(session, ids)
    session.exec(delete(Due).where(col(Due.lead_id).in_(ids)))
    session.exec(update(CommandAnswer).values(body=None))  # whomever they are about; they last a day
    _forget_results(session, ids)
    _forget_visitors(session, ids)
    for row in session.exec(select(Lead).where(col(Lead.id).in_(ids))).all():
        _empty_lead(row, at)
        session.add(row)
    write_operation(session, env, Caller(by), "erase", lead_id=lead.id)
    session.flush()
    return erasure


def erase_again(env: Environment, known: ErasedLead) -> bool:
    """Erase a person again whose erasure this database has lost; False where it knows of it.

    A lead that it never had is written as an empty one, so that its addresses keep the person out.
    """
    with env.database.write() as session:
        if session.get(Tombstone, known.lead_id) is not None:
            return False
        if session.get(Lead, known.lead_id) is None:
            stage = env.publications.current(session).publication.lifecycle.stages[0]
            at = known.erased_at
            session.add(Lead(id=known.lead_id, stage=stage, created_at=at, erased_at=at))
            session.flush()
        lead = lock_lead(session, known.lead_id)
        if lead.erased_at is None:
            erase_locked(session, env, lead, AGAIN, known.erased_at)
        _keep_out(session, lead.id, known)
        return True


def _keep_out(session: Session, lead_id: str, known: ErasedLead) -> None:
    """Let the HMACs of a tombstone refuse events and mails, where they don't do so already."""
    at = known.erased_at
    for value in known.identities:
        if session.get(Identity, (EMAIL, value)) is None:
            session.add(Identity(kind=EMAIL, value_hmac=value, lead_id=lead_id, created_at=at))
    for value in known.suppressed:
        if session.get(Suppression, value) is None:
            session.add(Suppression(email_hmac=value, reason=ERASED, at=at))
    tombstone = session.get(Tombstone, lead_id) or Tombstone(lead_id=lead_id, erased_at=at, erased_by=AGAIN)
    tombstone.identities = sorted({*tombstone.identities, *known.identities})
    tombstone.suppressed = sorted({*tombstone.suppressed, *known.suppressed})
    session.add(tombstone)


def is_empty_lead(lead: Lead) -> bool:
    """Return whether a lead's row says nothing about a person."""
    return all(getattr(lead, name) == value for name, value in _nothing().items())


def _empty_lead(lead: Lead, at: datetime) -> None:
    for name, value in _nothing().items():
        setattr(lead, name, value)
    lead.erased_at = at


def _nothing() -> dict[str, Any]:
    """Return what an empty lead has in the columns that say something about a person."""
    return {
        name: column.get_default(call_default_factory=True)
        for name, column in Lead.model_fields.items()
        if name not in _KEPT
    }


def _merged(session: Session, lead_id: str) -> list[str]:
    """Return the lead and every lead that was merged into it."""
    ids, new = [lead_id], [lead_id]
    while new:
        new = list(session.exec(select(Lead.id).where(col(Lead.merged_into).in_(new))).all())
        ids += new
    return ids


def _addresses(session: Session, ids: Sequence[str]) -> list[str]:
    """Return every address of the lead that is known: its present one, and those that were mailed."""
    own = session.exec(select(Lead.email).where(col(Lead.id).in_(ids), col(Lead.email).is_not(None))).all()
    mailed = session.exec(
        select(Message.rendered_to)
        .where(col(Message.lead_id).in_(ids), Message.kind == "mail", col(Message.rendered_to).is_not(None))
        .distinct()
    ).all()
    return sorted({address for address in (*own, *mailed) if address and _is_address(address)})


def _is_address(text: str) -> bool:
    try:
        return bool(email_key(text))
    except AddressError:
        return False


def _suppress(session: Session, env: Environment, address: str, at: datetime) -> str:
    suppress(session, env, address, ERASED, at)
    return suppression_hash(env, address)


def _keep_addresses_only(session: Session, ids: Sequence[str]) -> list[str]:
    """Delete what names the lead, but for the HMACs of mail addresses, which refuse what comes later."""
    session.exec(delete(Identity).where(col(Identity.lead_id).in_(ids), col(Identity.kind) != EMAIL))
    return list(session.exec(select(Identity.value_hmac).where(col(Identity.lead_id).in_(ids))).all())


def _forget_visitors(session: Session, ids: Sequence[str]) -> None:
    """Forget the browsers that the lead used, and what they did before it was known."""
    visitors = select(Visitor.id).where(col(Visitor.lead_id).in_(ids))
    _empty(session, Event, col(Event.subject_id).in_(visitors) & is_of_nobody(), properties={})
    session.exec(delete(Visitor).where(col(Visitor.lead_id).in_(ids)))


def _empty_messages(session: Session, ids: Sequence[str]) -> tuple[str, ...]:
    messages = tuple(session.exec(select(Message.id).where(col(Message.lead_id).in_(ids))).all())
    _empty(
        session,
        Message,
        col(Message.lead_id).in_(ids),
        rendered_to=None,
        subject=None,
        text_body=None,
        html_body=None,
    )
    of_lead = select(Message.id).where(col(Message.lead_id).in_(ids))
    session.exec(delete(Link).where(col(Link.message_id).in_(of_lead)))
    return messages


def _let_go_of_records(session: Session, env: Environment, ids: Sequence[str]) -> int:
    """Empty the lead's own records; a company's record only loses its contact."""
    kinds = env.publications.current(session).publication.workspace.records
    rows = session.exec(select(Record).where(col(Record.lead_id).in_(ids))).all()
    for row in rows:
        kind = kinds.get(row.kind)
        if kind is None or kind.of == "lead" or row.company_id is None:
            row.fields = {}
        row.lead_id = None
        session.add(row)
    return len(rows)


def _journeys_of(ids: Sequence[str]) -> Any:
    return select(Enrolment.id).where(col(Enrolment.lead_id).in_(ids))


def _forget_results(session: Session, ids: Sequence[str]) -> None:
    """Leave of a journey's state where it stood; results of steps may quote the person."""
    for row in session.exec(select(Enrolment).where(col(Enrolment.lead_id).in_(ids))).all():
        row.state = {name: row.state[name] for name in ("step", "visits") if name in row.state}
        session.add(row)


def _about_event(ids: Sequence[str]) -> Any:
    """Applied events carry the lead; those that could not be applied only the subject."""
    parked = col(Event.parked).is_not(None) & col(Event.subject_id).in_(ids)
    return or_(col(Event.lead_id).in_(ids), parked)


def _empty(session: Session, table: type[SQLModel], where: Any, **values: Any) -> int:
    session.flush()
    done = session.exec(update(table).where(where).values(**values))
    return cast("CursorResult[Any]", done).rowcount
