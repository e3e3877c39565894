"""Scenario time. The one place where real time becomes the time that journeys live in."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Maps real instants to scenario instants. Real time everywhere but in a demo."""

    @property
    def warped(self) -> bool:
        """True where scenario time runs at another speed than real time."""
        ...

    def now(self) -> datetime:
        """Return the present scenario instant (UTC)."""
        ...

    def at(self, real: datetime) -> datetime:
        """Return the scenario instant of a real one, for example of `workflow.now()`."""
        ...

    def real_seconds(self, scenario: timedelta) -> float:
        """Return how many real seconds a stretch of scenario time takes at the present speed."""
        ...


class RealClock:
    """Scenario time is real time."""

    warped = False

    def now(self) -> datetime:
        return datetime.now(UTC)

    def at(self, real: datetime) -> datetime:
        return real

    def real_seconds(self, scenario: timedelta) -> float:
        return scenario.total_seconds()


class WarpedClock:
    """Scenario time that runs `speed` times as fast as real time, up to a limit that others move on.

    A demo moves the limit as its engine gets work done, so that scenario time never runs far ahead
    of it. Time spent at the limit is lost, not caught up. `at` ignores the real instant and returns
    the present: a workflow's idea of now may be older than a stop that began since.
    """

    warped = True

    def __init__(self, start: datetime, speed: float, limit: datetime | None = None) -> None:
        if speed <= 0:
            raise ValueError("the speed must be positive")
        self._scenario = start
        self._real = time.monotonic()
        self._speed = speed
        self._limit = limit
        self._lock = threading.Lock()

    def now(self) -> datetime:
        with self._lock:
            return self._advance()

    def at(self, real: datetime) -> datetime:
        return self.now()

    def real_seconds(self, scenario: timedelta) -> float:
        return scenario.total_seconds() / self._speed

    def run_until(self, limit: datetime | None) -> None:
        """Let it run, but not beyond `limit`; a limit in the past stops it where it is."""
        with self._lock:
            self._advance()
            self._limit = limit

    def change_speed(self, speed: float) -> None:
        """Run at another speed from the present scenario instant on."""
        if speed <= 0:
            raise ValueError("the speed must be positive")
        with self._lock:
            self._advance()
            self._speed = speed

    def _advance(self) -> datetime:
        """Move to the present. Scenario time never goes back, whatever the limit."""
        real = time.monotonic()
        reached = self._scenario + timedelta(seconds=(real - self._real) * self._speed)
        if self._limit is not None:
            reached = max(self._scenario, min(reached, self._limit))
        self._scenario, self._real = reached, real
        return reached
