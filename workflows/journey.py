"""The journey's process: a short loop that asks for turns and does what they say."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy, SearchAttributeKey
from temporalio.exceptions import ActivityError, FailureError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from leadloop.contracts import (
        JOURNEY_WORKFLOW,
        MAKE_CALL,
        SEND_MESSAGE,
        TAKE_TURN,
        TURN_GAP,
        WAKE_SIGNAL,
        CallReply,
        CallRequest,
        JourneyInput,
        JourneyResult,
        Next,
        SendReply,
        SendRequest,
        TurnReply,
        TurnRequest,
        WakeSignal,
    )

MOST_TURNS = 500
"""Turns in one run before it continues as new, if the server has not asked for it earlier."""

_HEARD_WHILE_BUSY = "wakes-heard-while-busy"
"""Patch: before it, a wake that came while a mail or call was tried again waited for its end."""

_FRESH = timedelta(seconds=10)
"""So old an answer may be that came before the question."""

_NEVER = [TURN_GAP]
_QUICK = RetryPolicy(
    initial_interval=timedelta(milliseconds=100),
    maximum_interval=timedelta(seconds=1),
    # Four attempts of a second fit into the five seconds. The SDK does not hold local activities to
    # their schedule-to-close timeout over several attempts, so the number must end them.
    maximum_attempts=4,
    non_retryable_error_types=_NEVER,
)
_PATIENT = RetryPolicy(maximum_interval=timedelta(seconds=60), non_retryable_error_types=_NEVER)


@workflow.defn(name=JOURNEY_WORKFLOW)
class JourneyWorkflow:
    """One journey. No scenario logic: the database says what comes next."""

    def __init__(self) -> None:
        self._wakes = 0
        self._heard = 0
        self._told: WakeSignal | None = None

    @workflow.signal(name=WAKE_SIGNAL)
    def wake(self, signal: WakeSignal) -> None:
        """Look at the database again. Only a hint."""
        self._wakes += 1
        if signal.turn is not None:
            self._told = signal

    @workflow.run
    async def run(self, start: JourneyInput) -> JourneyResult:
        turn_no, turns = start.turn_no, 0
        asked: TurnReply | None = None
        while True:
            reply = asked or self._answer(start, turn_no, is_first=turns == 0)
            reply = reply or await self._take_turn(start, turn_no)
            asked = None
            if reply.status == "superseded" or reply.next.kind == "end":
                return JourneyResult(outcome=reply.next.outcome or reply.status, turn_no=reply.turn_no)
            _show(reply)
            turn_no = reply.turn_no + 1
            if reply.next.kind == "send":
                asked = await self._finish(start, turn_no, self._send(start, reply))
            elif reply.next.kind == "call":
                asked = await self._finish(start, turn_no, self._call(start, reply))
            else:
                await self._sleep(reply)
            turns += 1
            if turns >= MOST_TURNS or workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new(start.model_copy(update={"turn_no": turn_no}))

    def _answer(self, start: JourneyInput, turn_no: int, *, is_first: bool = False) -> TurnReply | None:
        """Return the turn that was taken for a wake, unless it is of no use any more.

        A run that begins does not sleep on an answer: it may have been overtaken on its way, by a wake that
        another run has heard.
        """
        told, self._told = self._told, None
        if told is None or told.generation != start.generation:
            return None
        reply = _fresh(told.turn)
        if reply is None or reply.turn_no < turn_no or (is_first and reply.next.kind == "wait"):
            return None
        self._heard += 1  # others may have come since: they are asked about
        return reply

    async def _take_turn(self, start: JourneyInput, turn_no: int) -> TurnReply:
        self._heard = self._wakes
        request = TurnRequest(
            enrolment_id=start.enrolment_id,
            generation=start.generation,
            turn_no=turn_no,
            now=workflow.now(),
        )
        reply: TurnReply
        try:
            reply = await workflow.execute_local_activity(
                TAKE_TURN,
                request,
                result_type=TurnReply,
                start_to_close_timeout=timedelta(seconds=1),
                schedule_to_close_timeout=timedelta(seconds=5),
                retry_policy=_QUICK,
                summary=f"turn {turn_no}",
            )
        except FailureError as error:  # of a local one not always wrapped: a timeout is not when replayed
            if is_cancelled_exception(error) or getattr(error, "type", None) == TURN_GAP:
                raise
            # The database is away or slow: the same question, asked through the server, for ever.
            workflow.logger.warning("a turn is asked for through the server")
            reply = await workflow.execute_activity(
                TAKE_TURN,
                request,
                result_type=TurnReply,
                start_to_close_timeout=timedelta(seconds=60),
                retry_policy=_PATIENT,
                summary=f"turn {turn_no}",
            )
        return reply

    async def _finish(
        self, start: JourneyInput, turn_no: int, activity: workflow.ActivityHandle[Any]
    ) -> TurnReply | None:
        """Wait for a mail or a call; return the next turn's reply where it could be taken before.

        An activity may wait an hour to try again. A journey that is ended meanwhile must not: each
        wake asks for the turn. The activity is of no use once it was taken.
        """
        while True:
            await workflow.wait_condition(lambda: activity.done() or self._wakes > self._heard)
            if activity.done() or not workflow.patched(_HEARD_WHILE_BUSY):
                return _fresh((await activity).turn)
            reply = self._answer(start, turn_no) or await self._take_turn(start, turn_no)
            if reply.status != "not_yet":
                activity.cancel()
                with suppress(ActivityError):
                    await activity
                return reply

    def _send(self, start: JourneyInput, reply: TurnReply) -> workflow.ActivityHandle[Any]:
        following = reply.next
        return workflow.start_activity(
            SEND_MESSAGE,
            SendRequest(
                message_id=following.message_id or "",
                generation=start.generation,
                turn_no=reply.turn_no,
                letter=following.letter,
            ),
            result_type=SendReply,
            task_queue=following.task_queue,
            start_to_close_timeout=timedelta(seconds=following.timeout_seconds),
            heartbeat_timeout=timedelta(seconds=following.heartbeat_seconds),
            retry_policy=_retries(following),
            summary=reply.summary or None,
        )

    def _call(self, start: JourneyInput, reply: TurnReply) -> workflow.ActivityHandle[Any]:
        following = reply.next
        return workflow.start_activity(
            MAKE_CALL,
            CallRequest(call_id=following.call_id or "", generation=start.generation, turn_no=reply.turn_no),
            result_type=CallReply,
            task_queue=following.task_queue,
            start_to_close_timeout=timedelta(seconds=following.timeout_seconds),
            retry_policy=_retries(following),
            summary=reply.summary or None,
        )

    async def _sleep(self, reply: TurnReply) -> None:
        """Wait for a wake that came after the turn was asked for, or for the timer."""
        seconds = reply.wait_seconds
        timeout = None if seconds is None else timedelta(seconds=max(seconds, 0.001))
        try:
            await workflow.wait_condition(
                lambda: self._wakes > self._heard, timeout=timeout, timeout_summary=reply.summary or None
            )
        except TimeoutError:
            return


def _fresh(reply: TurnReply | None) -> TurnReply | None:
    """Return an answer that came before the question, as it is now; None where it is old.

    After a reset the history holds answers that others have followed.
    """
    if reply is None or reply.at is None:
        return None
    age = workflow.now() - reply.at
    if abs(age) > _FRESH:
        return None
    if reply.wait_seconds is None:
        return reply
    return reply.model_copy(update={"wait_seconds": reply.wait_seconds - age.total_seconds()})


def _show(reply: TurnReply) -> None:
    """Tell Temporal's pages where the journey is. Costs an event only where an attribute changed."""
    if reply.details:
        workflow.set_current_details(reply.details)
    known = workflow.info().typed_search_attributes
    keys = {name: SearchAttributeKey.for_keyword(name) for name in sorted(reply.attributes)}
    changes = [
        key.value_set(reply.attributes[name])
        for name, key in keys.items()
        if known.get(key) != reply.attributes[name]
    ]
    if changes:
        workflow.upsert_search_attributes(changes)


def _retries(following: Next) -> RetryPolicy:
    return RetryPolicy(
        initial_interval=timedelta(seconds=following.retry_first_seconds),
        maximum_interval=timedelta(seconds=following.retry_most_seconds),
    )
