"""Activities that journeys call: taking a turn."""

from __future__ import annotations

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.errors import coded_errors, logged
from leadloop.contracts import TAKE_TURN, TURN_GAP, TurnReply, TurnRequest
from leadloop.inbox.turns.failing_turns import note_failed_turn
from leadloop.inbox.turns.turn import TurnGapError, take_turn
from leadloop.storage.environment import Environment
from leadloop.storage.outages import is_outage


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
        """Take a turn or say what the journey waits for.

        A turn that only fails, and not because the database is away, ends in a held journey.
        """
        with coded_errors():
            try:
                reply = take_turn(self._env, request)
            except TurnGapError as error:
                raise ApplicationError(str(error), type=TURN_GAP, non_retryable=True) from None
            except Exception as error:
                if is_outage(error):
                    raise
                failure = logged(error)
                held = note_failed_turn(self._env, request, failure)
                if held is None:
                    raise ApplicationError(failure, type=type(error).__name__) from None
                return held
        return reply if self._searchable else reply.model_copy(update={"attributes": {}})
