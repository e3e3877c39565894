"""Turns taken before their workflow asks, by whoever has just made them possible.

The applier takes the turn of a journey that it woke; the sender, and whoever makes outside calls, the turn
that follows. The answer goes to the workflow with the wake or the result, so that it need not ask, and the
turn's effects need not wait for Temporal, where many tasks may stand before this one. It is the workflow's
own question: where there is no answer it asks itself, and is told the head.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import structlog
from sqlalchemy.exc import OperationalError

from leadloop.contracts import TurnReply, TurnRequest
from leadloop.inbox.turns.turn import take_turn
from leadloop.storage.database import gave_up
from leadloop.storage.environment import Environment
from leadloop.storage.outages import is_outage

_log = structlog.get_logger()


@dataclass(frozen=True)
class TurnsAhead:
    """Takes turns of one workspace before they are asked for."""

    env: Environment
    searchable: bool = False
    """The search attributes are registered, so that a journey may write them."""
    count: Callable[[str], object] = lambda status: None
    """Told each answer's status, for the metrics."""

    def take(self, request: TurnRequest, patience: timedelta | None = None) -> TurnReply | None:
        """Return the answer where the turn is taken; None where the workflow has to ask.

        It waits for a lock of somebody else no longer than `patience`. A turn that fails is left to the
        workflow, which tries again and tells of it. Raises what says that the database is away.
        """
        try:
            reply = take_turn(self.env, request, patience)
        except Exception as error:
            is_locked = isinstance(error, OperationalError) and gave_up(error)
            if is_outage(error) and not is_locked:
                raise
            code = "locked" if is_locked else type(error).__name__
            _log.info("turn_left_to_its_workflow", enrolment_id=request.enrolment_id, reason=code)
            return None
        self.count(reply.status)
        if reply.status != "committed":
            return None
        return reply.model_copy(update={"at": request.now} | ({} if self.searchable else {"attributes": {}}))
