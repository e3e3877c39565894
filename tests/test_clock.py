"""The warped clock: fast, never beyond its limit, never back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from leadloop.clock import WarpedClock

START = datetime(2026, 6, 1, tzinfo=UTC)
FAST = 1e9


def test_warped_clock_stops_at_its_limit_and_goes_on_with_it() -> None:
    clock = WarpedClock(START, FAST, limit=START)
    assert clock.now() == START
    clock.run_until(START + timedelta(hours=1))
    while clock.now() < START + timedelta(hours=1):
        pass
    assert clock.now() == START + timedelta(hours=1)


def test_warped_clock_does_not_catch_up_after_a_stop() -> None:
    clock = WarpedClock(START, 1.0, limit=START)
    clock.run_until(None)
    assert START <= clock.now() < START + timedelta(minutes=1)


def test_warped_clock_never_goes_back_for_a_limit_in_the_past() -> None:
    clock = WarpedClock(START, FAST, limit=START + timedelta(days=1))
    while clock.now() < START + timedelta(days=1):
        pass
    clock.run_until(START)
    assert clock.now() == START + timedelta(days=1)


def test_warped_clock_refuses_a_speed_that_is_not_positive() -> None:
    with pytest.raises(ValueError, match="positive"):
        WarpedClock(START, 0)
