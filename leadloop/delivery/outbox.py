"""The outbox: takes a message row to the mail server, at most once, and loses none silently.

    render and store -> open up to RCPT -> claim (commit) -> DATA -> record (commit)

A process that dies after the claim leaves `sending` behind. The next attempt finds it and makes it
`uncertain`: it counts as sent and is never sent again by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol, cast

import structlog
from sqlalchemy import CursorResult, update
from sqlmodel import Session, col

from leadloop.delivery import claim as claims
from leadloop.delivery.addresses import AddressError
from leadloop.delivery.claim import NOTICE, OPEN, SUPERSEDED, claim_message, lock_for
from leadloop.delivery.compose import Addresses, compose, draft, mime_of, store
from leadloop.delivery.mime import HeaderError
from leadloop.delivery.render import Renderer, RenderError
from leadloop.delivery.smtp import ConnectionLostAfterDataError, PermanentRefusalError, RetryLaterError
from leadloop.delivery.tokens import Tokens
from leadloop.failpoints import FailPoint, no_failpoint
from leadloop.inbox.exits import unsent_reason
from leadloop.inbox.ingest import IncomingEvent, ingest
from leadloop.inbox.operations.sending import KILL_SWITCH
from leadloop.inbox.restored import RESTORED, is_restored
from leadloop.journey.failures import GAVE_UP, REFUSED
from leadloop.storage.database import RowMissingError
from leadloop.storage.environment import Environment
from leadloop.storage.outages import is_outage
from leadloop.storage.tables import Enrolment, EnrolmentStatus, Lead, Message, MessageStatus

GIVE_UP_AFTER = timedelta(hours=24)
"""So long a mail is tried again, in scenario time, before it has failed."""

_TOLD_TO_WAIT = frozenset({KILL_SWITCH, RESTORED})
"""Somebody stopped all mails: that is no failure of this one."""
_ADDRESS_CHANGES = 3
_log = structlog.get_logger()


class Transaction(Protocol):
    """A mail that the server agreed to take, up to RCPT."""

    def deliver(self, content: bytes, written: Callable[[], None] = ...) -> int: ...

    def abandon(self) -> None: ...


class Sender(Protocol):
    """Hands mail to a server; `SmtpSender`, or a provider's."""

    def open(self, from_address: str, to_address: str) -> Transaction: ...


@dataclass(frozen=True)
class _Ready:
    """A rendered mail and its envelope."""

    sender: str
    to: str
    content: bytes


class Outbox:
    """Delivers messages of one workspace. Safe to call from several threads and processes."""

    def __init__(
        self,
        env: Environment,
        renderer: Renderer,
        sender: Sender,
        tokens: Tokens,
        public_url: str,
        fail: FailPoint = no_failpoint,
    ) -> None:
        self._env = env
        self._renderer = renderer
        self._sender = sender
        self._addresses = Addresses(public_url, tokens)
        self._fail = fail

    def deliver(self, message_id: str, generation: int) -> str:
        """Take a message as far as it goes; return its status, or `superseded`.

        Calling it again is harmless. Raises `RetryLaterError` where nothing was handed over and a
        later call may do it; after a day of that the message has failed (`gave_up`).
        """
        try:
            return self._deliver(message_id, generation)
        except Exception as error:
            code = error.code if isinstance(error, RetryLaterError) else type(error).__name__
            if is_outage(error) or code in _TOLD_TO_WAIT or not self._was_tried_enough(message_id):
                raise
            _log.error("message_given_up", message_id=message_id, error=code)
            return self._finish(message_id, MessageStatus.FAILED, f"{GAVE_UP} {code}")

    def _was_tried_enough(self, message_id: str) -> bool:
        """Return whether tries have failed for as long as it is tried; note the first that did.

        The day counts from that failure, not from the turn: while nobody could try, nothing failed.
        """
        now = self._env.clock.now()
        with self._env.database.read() as session:
            message, _, _ = _load(session, message_id)
        if message.tried_since is None:  # nothing was claimed, so no transaction has noted it yet
            with self._env.database.write() as session:
                message = lock_for(session, message_id).message
                message.tried_since = message.tried_since or now
                session.add(message)
        return now - (message.tried_since or now) >= GIVE_UP_AFTER

    def _deliver(self, message_id: str, generation: int) -> str:
        for _ in range(_ADDRESS_CHANGES):
            ready = self._prepare(message_id, generation)
            if isinstance(ready, str):
                return ready
            try:
                transaction = self._sender.open(ready.sender, ready.to)
            except PermanentRefusalError as error:
                return self._finish(message_id, MessageStatus.FAILED, _refusal(error), error.reply_code)
            status = self._claim_and_send(message_id, generation, transaction, ready.content)
            if status != claims.ADDRESS_CHANGED:
                return status
        raise RetryLaterError("address_keeps_changing")

    def _prepare(self, message_id: str, generation: int) -> _Ready | str:
        """Return the rendered mail, or the status that ends this attempt."""
        with self._env.database.read() as session:
            if is_restored(session):  # the claim asks again; this one saves the connection
                raise RetryLaterError(RESTORED)
            message, lead, enrolment = _load(session, message_id)
        if generation < enrolment.generation:
            return SUPERSEDED
        if message.status == MessageStatus.SENDING:
            return self._give_up_abandoned(message_id)
        if message.status not in OPEN or self._is_held(message):
            return message.status.value
        if lead.erased_at is not None:
            return self._finish(message_id, MessageStatus.SKIPPED, "erased")
        if not _recipient(message, lead):
            return self._finish(message_id, MessageStatus.SKIPPED, "no_address")
        try:
            return self._rendered(message, lead, enrolment)
        except RenderError as error:
            reason = f"render_{error.code}: {error.message}"
        except AddressError:
            reason = "bad_address"
        except HeaderError:
            reason = "bad_header"
        return self._finish(message_id, MessageStatus.FAILED, reason)

    def _rendered(self, message: Message, lead: Lead, enrolment: Enrolment) -> _Ready | str:
        """Render and store the mail if that wasn't done for this address."""
        database = self._env.database
        if message.subject is None or message.rendered_to != _recipient(message, lead):
            with database.read() as session:
                source = draft(session, self._env, self._addresses, message, lead, enrolment)
            composed = compose(self._renderer, self._addresses, message.id, source)
            with database.write() as session:
                message = lock_for(session, message.id).message
                if message.status not in OPEN:
                    return message.status.value
                store(session, message, composed)
        publication = self._env.publications.get(message.publication_id).publication
        return _Ready(*mime_of(message, publication, self._addresses, self._env.clock.now()))

    def _claim_and_send(
        self, message_id: str, generation: int, transaction: Transaction, content: bytes
    ) -> str:
        self._fail("before_claim")
        try:
            with self._env.database.write() as session:
                claim = claim_message(session, self._env, message_id, generation)
        except BaseException:
            transaction.abandon()
            raise
        if claim.token is None:
            transaction.abandon()
            return claim.status
        self._fail("after_claim")
        try:
            code = transaction.deliver(content, lambda: self._fail("after_data"))
        except RetryLaterError:  # the server said that it did not take it
            status = self._record(message_id, claim.token, MessageStatus.NEW, None)
            if status == MessageStatus.SKIPPED:  # the journey ended meanwhile
                return status
            raise
        except PermanentRefusalError as error:
            reason, code = _refusal(error), error.reply_code
            return self._record(message_id, claim.token, MessageStatus.FAILED, reason, code)
        except ConnectionLostAfterDataError as error:
            return self._record(message_id, claim.token, MessageStatus.UNCERTAIN, error.code)
        self._fail("after_250")
        return self._record(message_id, claim.token, MessageStatus.SENT, None, code)

    def _record(
        self, message_id: str, token: str, status: MessageStatus, reason: str | None, code: int | None = None
    ) -> str:
        """Write what came of it, only for the holder of the claim; return the row's status."""
        self._fail("before_record")
        with self._env.database.write() as session:
            now = self._env.clock.now()
            rows = lock_for(session, message_id)
            if status == MessageStatus.NEW and rows.enrolment.status == EnrolmentStatus.ENDED:
                status, reason = MessageStatus.SKIPPED, unsent_reason(rows.enrolment.outcome)
            sent_at = now if status == MessageStatus.SENT else None
            kept_token = None if status == MessageStatus.NEW else token
            since = rows.message.tried_since or (now if status == MessageStatus.NEW else None)
            # A refusal may come after another attempt gave this one up: then nobody asks again.
            expected = [MessageStatus.SENDING]
            if status != MessageStatus.NEW:
                expected.append(MessageStatus.UNCERTAIN)
            fenced = (
                update(Message)
                .where(
                    col(Message.id) == message_id,
                    col(Message.claim_token) == token,
                    col(Message.status).in_(expected),
                )
                .values(
                    status=status,
                    reason=reason,
                    reply_code=code,
                    sent_at=sent_at,
                    claim_token=kept_token,
                    tried_since=since,
                )
            )
            written = cast(CursorResult[Any], session.exec(fenced)).rowcount == 1
            session.refresh(rows.message)
            if written and status == MessageStatus.SENT and rows.message.kind != NOTICE:
                _tell_sent(session, self._env, rows.message)
            final = rows.message.status.value
        self._fail("after_record")
        _log.info("message_recorded", message_id=message_id, status=final, reason=reason, reply_code=code)
        return final

    def _finish(self, message_id: str, status: MessageStatus, reason: str, code: int | None = None) -> str:
        """End a message that was never claimed; return the row's status."""
        with self._env.database.write() as session:
            message = lock_for(session, message_id).message
            if message.status in OPEN:
                message.status, message.reason, message.reply_code = status, reason, code
                message.hold_until = None
                session.add(message)
            final = message.status.value
        _log.info("message_ended", message_id=message_id, status=final, reason=reason)
        return final

    def _give_up_abandoned(self, message_id: str) -> str:
        """A dead attempt left it between claim and record: nobody knows, so it counts as sent."""
        with self._env.database.write() as session:
            message = lock_for(session, message_id).message
            if message.status == MessageStatus.SENDING:
                message.status, message.reason = MessageStatus.UNCERTAIN, "attempt_died"
                session.add(message)
            final = message.status.value
        _log.warning("message_uncertain", message_id=message_id, status=final)
        return final

    def _is_held(self, message: Message) -> bool:
        held = message.status == MessageStatus.HELD and message.hold_until is not None
        return held and cast(datetime, message.hold_until) > self._env.clock.now()


def _load(session: Session, message_id: str) -> tuple[Message, Lead, Enrolment]:
    message = session.get(Message, message_id)
    enrolment = session.get(Enrolment, message.enrolment_id) if message else None
    lead = session.get(Lead, message.lead_id) if message else None
    while lead is not None and lead.merged_into is not None:
        lead = session.get(Lead, lead.merged_into)
    if message is None or enrolment is None or lead is None:
        raise RowMissingError(f"no message {message_id}, or its lead or enrolment is missing")
    return message, lead, enrolment


def _recipient(message: Message, lead: Lead) -> str | None:
    return message.to_address if message.kind == NOTICE else lead.email


def _refusal(error: PermanentRefusalError) -> str:
    """Return the reason of a refusal: the reply of the server, and whether it is of more than the address."""
    reply = f"{error.code} {error.status}".strip()
    return reply if error.of_address else f"{REFUSED} {reply}"


def _tell_sent(session: Session, env: Environment, message: Message) -> None:
    """Record the fact for the lead's journeys and story."""
    sent = IncomingEvent(
        type="email_sent",
        lead_id=message.lead_id,
        external_id=f"message:{message.id}:sent",
        source="engine",
        trust="verified",
        message_id=message.id,
    )
    (result,) = ingest(session, env, [sent])
    if result.status not in ("accepted", "duplicate"):
        _log.error("email_sent_refused", message_id=message.id, field=result.field, problem=result.problem)
