"""Which waits have a clock that can stand still: those of a length of time. A date is a date."""

from __future__ import annotations

from leadloop.journey.steps.stream import RESTING
from leadloop.language.plan import AwaitStep, Step, StreamStep, WaitSpec, WaitStep


def waits_a_length(step: Step | None, phase: str) -> bool:
    """Return whether a journey that waits at a step waits for a length of time, or for events alone.

    What waits `until` a date, a weekday or the date of a field or record ends then, whoever stopped the
    journey meanwhile: a seminar is not later because sales had work with the person.
    """
    if isinstance(step, StreamStep):
        return phase == RESTING
    if isinstance(step, WaitStep):
        return not _is_of_a_date(step.wait)
    return isinstance(step, AwaitStep) and not _is_of_a_date(step.timeout)


def _is_of_a_date(wait: WaitSpec | None) -> bool:
    return wait is not None and wait.until is not None
