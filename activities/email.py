"""Activities of one email provider: handing a message over."""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.errors import coded_errors
from activities.following import following_turn
from leadloop.contracts import SEND_MESSAGE, SendReply, SendRequest
from leadloop.delivery.outbox import Outbox
from leadloop.delivery.smtp import RetryLaterError
from leadloop.inbox.turns.ahead import TurnsAhead

_HEARTBEAT_SECONDS = 3.0
_log = structlog.get_logger()


class EmailActivities:
    """Hands messages of the outbox to one mail server or provider.

    An attempt that Temporal gave up on runs to its end: a claimed message wants its record.
    """

    def __init__(self, outbox: Outbox, turns: TurnsAhead | None = None) -> None:
        """With `turns` it also takes the turn that follows."""
        self._outbox = outbox
        self._turns = turns
        self._heartbeats = Heartbeats()

    @activity.defn(name=SEND_MESSAGE, no_thread_cancel_exception=True)
    def send_message(self, request: SendRequest) -> SendReply:
        """Take one message as far as it goes. Raises only where a later try may succeed."""
        began = time.monotonic()
        with coded_errors(), self._heartbeats.during():
            try:
                status = self._outbox.deliver(request.message_id, request.generation)
            except RetryLaterError as error:
                raise ApplicationError(error.code, type="RetryLater") from None
            return SendReply(status=status, turn=following_turn(self._turns, request, began))


class Heartbeats:
    """Tells the server that attempts live, while the mail server keeps them waiting: one thread for all."""

    def __init__(self, seconds: float = _HEARTBEAT_SECONDS) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._living: dict[object, contextvars.Context] = {}
        self._is_beating = False

    @contextmanager
    def during(self) -> Iterator[None]:
        """Beat for the activity that runs here, until the block ends."""
        attempt = object()
        with self._lock:
            self._living[attempt] = contextvars.copy_context()
            if not self._is_beating:
                self._is_beating = True
                threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()
        try:
            yield
        finally:
            with self._lock:
                del self._living[attempt]

    def _beat(self) -> None:
        """Beat until nobody is left. An attempt cannot end while it is beaten for."""
        while True:
            time.sleep(self._seconds)
            with self._lock:
                if not self._living:
                    self._is_beating = False
                    return
                for context in self._living.values():
                    try:
                        context.run(activity.heartbeat)
                    except Exception as error:  # of one attempt: the others still want theirs
                        _log.warning("heartbeat_failed", error=type(error).__name__)
