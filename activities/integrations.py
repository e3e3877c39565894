"""Activities of outside calls: webhooks and the team's chat."""

from __future__ import annotations

import time

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.errors import coded_errors
from activities.following import following_turn
from leadloop.contracts import MAKE_CALL, CallReply, CallRequest
from leadloop.delivery.calls import CallOutbox
from leadloop.delivery.smtp import RetryLaterError
from leadloop.inbox.turns.ahead import TurnsAhead


class IntegrationActivities:
    """Makes calls of the outbox, one attempt each; Temporal tries again."""

    def __init__(self, calls: CallOutbox, turns: TurnsAhead | None = None) -> None:
        """With `turns` it also takes the turn that follows."""
        self._calls = calls
        self._turns = turns

    @activity.defn(name=MAKE_CALL, no_thread_cancel_exception=True)
    def make_call(self, request: CallRequest) -> CallReply:
        """Take one call as far as it goes. Raises only where a later try may succeed."""
        began = time.monotonic()
        with coded_errors():
            try:
                status = self._calls.make(request.call_id, request.generation)
            except RetryLaterError as error:
                raise ApplicationError(error.code, type="RetryLater") from None
            return CallReply(status=status, turn=following_turn(self._turns, request, began))
