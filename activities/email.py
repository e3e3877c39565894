"""Activities of one email provider: handing a message over."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.errors import coded_errors
from leadloop.contracts import SEND_MESSAGE, SendReply, SendRequest
from leadloop.delivery.outbox import Outbox
from leadloop.delivery.smtp import RetryLaterError

_HEARTBEAT_SECONDS = 3.0


class EmailActivities:
    """Hands messages of the outbox to one mail server or provider.

    An attempt that Temporal gave up on runs to its end: a claimed message wants its record.
    """

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    @activity.defn(name=SEND_MESSAGE, no_thread_cancel_exception=True)
    def send_message(self, request: SendRequest) -> SendReply:
        """Take one message as far as it goes. Raises only where a later try may succeed."""
        with coded_errors(), _heartbeats():
            try:
                status = self._outbox.deliver(request.message_id, request.generation)
            except RetryLaterError as error:
                raise ApplicationError(error.code, type="RetryLater") from None
        return SendReply(status=status)


@contextmanager
def _heartbeats() -> Iterator[None]:
    """Tell the server that this attempt lives, while the mail server keeps it waiting."""
    done = threading.Event()
    context = contextvars.copy_context()

    def beat() -> None:
        while not done.wait(_HEARTBEAT_SECONDS):
            context.run(activity.heartbeat)

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
