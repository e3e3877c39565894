"""Activities that journeys call: taking a turn."""

from __future__ import annotations

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.errors import coded_errors
from leadloop.contracts import TAKE_TURN, TURN_GAP, TurnReply, TurnRequest
from leadloop.inbox.turn import TurnGapError, take_turn
from leadloop.storage.environment import Environment


class JourneyActivities:
    """One transaction per call.

    A call that Temporal gave up on runs to its end: to raise in its thread could leave a lock behind,
    and the turn it commits is the turn that the next attempt finds.
    """

    def __init__(self, env: Environment, *, searchable: bool = False) -> None:
        """`searchable`: the search attributes are registered, so that a journey may write them."""
        self._env = env
        self._searchable = searchable

    @activity.defn(name=TAKE_TURN, no_thread_cancel_exception=True)
    def take_turn(self, request: TurnRequest) -> TurnReply:
        """Take a turn or say what the journey waits for."""
        with coded_errors():
            try:
                reply = take_turn(self._env, request)
            except TurnGapError as error:
                raise ApplicationError(str(error), type=TURN_GAP, non_retryable=True) from None
        return reply if self._searchable else reply.model_copy(update={"attributes": {}})
