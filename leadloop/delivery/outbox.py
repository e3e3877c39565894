"""The outbox: takes a message row to the mail server, at most once, and loses none silently.

    render -> open up to RCPT -> store and claim (commit) -> DATA -> record (commit)

Where the server does not take it now, the rendered mail is stored too: a later attempt sends the same.
A process that dies after the claim leaves `sending` behind. The next attempt finds it and makes it
`uncertain`: it counts as sent and is never sent again by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, cast

import structlog

from leadloop.delivery import claim as claims
from leadloop.delivery.addresses import AddressError
from leadloop.delivery.claim import OPEN, SUPERSEDED, claim_message, lock_for
from leadloop.delivery.compose import (
    Addresses,
    Composed,
    Draft,
    compose,
    draft,
    mime_of,
    put_body,
    store,
)
from leadloop.delivery.loading import load
from leadloop.delivery.mime import HeaderError
from leadloop.delivery.recording import Outcome, record
from leadloop.delivery.render import Renderer, RenderError
from leadloop.delivery.smtp import ConnectionLostAfterDataError, PermanentRefusalError, RetryLaterError
from leadloop.delivery.tokens import Tokens
from leadloop.failpoints import FailPoint, no_failpoint
from leadloop.inbox.operations.sending import KILL_SWITCH
from leadloop.inbox.recovery.restored import RESTORED
from leadloop.journey.failures import GAVE_UP, REFUSED
from leadloop.storage.environment import Environment
from leadloop.storage.outages import is_outage
from leadloop.storage.tables import Message, MessageStatus

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

    message: Message
    """The row as it was read, with the rendered body."""
    composed: Composed | None
    """What is not stored yet."""
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
            message = load(session, message_id).message
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
            except RetryLaterError:
                self._keep(ready)
                raise
            status = self._claim_and_send(ready, generation, transaction)
            if status != claims.ADDRESS_CHANGED:
                return status
        raise RetryLaterError("address_keeps_changing")

    def _prepare(self, message_id: str, generation: int) -> _Ready | str:
        """Return the rendered mail, or the status that ends this attempt."""
        with self._env.database.read() as session:
            loaded = load(session, message_id)
            message, lead, enrolment = loaded.message, loaded.lead, loaded.enrolment
            source: Draft | None = None
            if message.status in OPEN and loaded.recipient and message.rendered_to != loaded.recipient:
                source = draft(session, self._env, self._addresses, message, lead, enrolment)
        if loaded.is_restored:  # the claim asks again; this one saves the connection
            raise RetryLaterError(RESTORED)
        if generation < enrolment.generation:
            return SUPERSEDED
        if message.status == MessageStatus.SENDING:
            return self._give_up_abandoned(message_id)
        if message.status not in OPEN or self._is_held(message):
            return message.status.value
        if lead.erased_at is not None:
            return self._finish(message_id, MessageStatus.SKIPPED, "erased")
        if not loaded.recipient:
            return self._finish(message_id, MessageStatus.SKIPPED, "no_address")
        try:
            return self._rendered(message, source)
        except RenderError as error:
            reason = f"render_{error.code}: {error.message}"
        except AddressError:
            reason = "bad_address"
        except HeaderError:
            reason = "bad_header"
        return self._finish(message_id, MessageStatus.FAILED, reason)

    def _rendered(self, message: Message, source: Draft | None) -> _Ready:
        """Render the draft, or take the body that was stored for this address."""
        composed = None
        if source is not None:
            composed = compose(self._renderer, self._addresses, message.id, source)
            put_body(message, composed)
        publication = self._env.publications.get(message.publication_id).publication
        mime = mime_of(message, publication, self._addresses, self._env.clock.now())
        return _Ready(message, composed, *mime)

    def _keep(self, ready: _Ready) -> None:
        """Store what was rendered, though the server did not take it now: a later attempt sends just that."""
        if ready.composed is None:
            return
        with self._env.database.write() as session:
            message = lock_for(session, ready.message.id, known=ready.message).message
            if message.status in OPEN:
                store(session, message, ready.composed)

    def _claim_and_send(self, ready: _Ready, generation: int, transaction: Transaction) -> str:
        message = ready.message
        self._fail("before_claim")
        try:
            with self._env.database.write() as session:
                claim = claim_message(session, self._env, message.id, generation, message, ready.composed)
        except BaseException:
            transaction.abandon()
            raise
        if claim.token is None:
            transaction.abandon()
            return claim.status
        self._fail("after_claim")
        try:
            code = transaction.deliver(ready.content, lambda: self._fail("after_data"))
        except RetryLaterError:  # the server said that it did not take it
            status = self._record(message, claim.token, Outcome(MessageStatus.NEW))
            if status == MessageStatus.SKIPPED:  # the journey ended meanwhile
                return status
            raise
        except PermanentRefusalError as error:
            refused = Outcome(MessageStatus.FAILED, _refusal(error), error.reply_code)
            return self._record(message, claim.token, refused)
        except ConnectionLostAfterDataError as error:
            return self._record(message, claim.token, Outcome(MessageStatus.UNCERTAIN, error.code))
        self._fail("after_250")
        return self._record(message, claim.token, Outcome(MessageStatus.SENT, reply_code=code))

    def _record(self, message: Message, token: str, outcome: Outcome) -> str:
        """Write what came of it, only for the holder of the claim; return the row's status."""
        self._fail("before_record")
        with self._env.database.write() as session:
            status = record(session, self._env, message, token, outcome).value
        self._fail("after_record")
        _log.info(
            "message_recorded",
            message_id=message.id,
            status=status,
            reason=outcome.reason,
            reply_code=outcome.reply_code,
        )
        return status

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


def _refusal(error: PermanentRefusalError) -> str:
    """Return the reason of a refusal: the reply of the server, and whether it is of more than the address."""
    reply = f"{error.code} {error.status}".strip()
    return reply if error.of_address else f"{REFUSED} {reply}"
