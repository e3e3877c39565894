"""The turn that follows a mail or a call, taken by its activity: the workflow gets it with the result."""

from __future__ import annotations

import time
from datetime import timedelta

import structlog
from temporalio import activity

from leadloop.contracts import CallRequest, SendRequest, TurnReply, TurnRequest, enrolment_id_of
from leadloop.inbox.turns.ahead import TurnsAhead

_log = structlog.get_logger()


def following_turn(
    turns: TurnsAhead | None, request: SendRequest | CallRequest, began: float
) -> TurnReply | None:
    """Return the turn after the one that asked for this activity; None where the workflow has to ask.

    `began` is when this attempt began, on `time.monotonic`: the present is the server's, as for the workflow.
    """
    info = activity.info()
    if turns is None or request.turn_no is None or info.workflow_id is None:
        return None
    asked = TurnRequest(
        enrolment_id=enrolment_id_of(info.workflow_id),
        generation=request.generation,
        turn_no=request.turn_no + 1,
        now=info.started_time + timedelta(seconds=time.monotonic() - began),
    )
    try:
        return turns.take(asked)
    except Exception as error:  # the mail or call is done, and that must be told
        _log.info("turn_left_to_its_workflow", reason=type(error).__name__)
        return None
