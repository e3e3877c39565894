"""The clocks of the model's waits: they stand still while something stops them.

Sales, a pause of the journey and one of its scenario may stop one clock together. It stands still from the
first to the end of the last, and that time counts once; where one of them says `restart`, the wait begins
anew when the last one ends.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from tests.model.journey import Journey

PAUSES = ("journey", "scenario")


def stop(journey: Journey, cause: str, clock: str, now: datetime) -> None:
    """Note what stops the clock: it goes on (`run`), stands still (`freeze`), or begins anew (`restart`)."""
    journey.stops[cause] = clock
    stand_still(journey, now)


def stand_still(journey: Journey, now: datetime) -> None:
    """Stop the clock of a wait that is not over."""
    over = journey.due_at is not None and journey.due_at <= now
    stopped = any(clock != "run" for clock in journey.stops.values())
    if stopped and journey.frozen_at is None and journey.waits_for_time and not over:
        journey.frozen_at = now


def lift(journey: Journey, cause: str, now: datetime, clock: str | None = None) -> None:
    """Take a cause away; after the last one the wait ends so much later as it stood still."""
    noted = journey.stops.pop(cause)
    if journey.frozen_at is None:
        return
    if (clock or noted) == "restart":  # as if it had stood still since it began
        journey.frozen_at, journey.shift = journey.wait_began_at or journey.frozen_at, timedelta()
    if all(one == "run" for one in journey.stops.values()):
        journey.shift += stood(journey, now)
        journey.frozen_at = None


def stood(journey: Journey, now: datetime) -> timedelta:
    """Return how long the clock has stood still by now."""
    if journey.frozen_at is None:
        return timedelta()
    return timedelta(seconds=int((now - journey.frozen_at).total_seconds()))


def pause(journey: Journey, cause: str, clock: str, now: datetime) -> None:
    """Let a journey take no turn until it is resumed; what the lead does still counts."""
    journey.status = "paused"
    stop(journey, cause, clock, now)


def resume(journey: Journey, cause: str, now: datetime) -> bool:
    """Take one pause away; return whether none is left."""
    lift(journey, cause, now)
    if any(one in journey.stops for one in PAUSES):
        return False
    journey.status = "held" if journey.held else "running"
    return True
