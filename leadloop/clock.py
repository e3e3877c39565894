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
    """Scenario time that runs `speed` times as fast as real time, and can be made to wait.

    A demo advances it and stops it while the engine lags. `at` ignores the real instant and
    returns the present: a workflow's idea of now may be older than a pause that began since.
    """

    warped = True

    def __init__(self, start: datetime, speed: float) -> None:
        if speed <= 0:
            raise ValueError("the speed must be positive")
        self._scenario = start
        self._real = time.monotonic()
        self._speed = speed
        self._running = True
        self._lock = threading.Lock()

    def now(self) -> datetime:
        with self._lock:
            return self._now()

    def at(self, real: datetime) -> datetime:
        return self.now()

    def real_seconds(self, scenario: timedelta) -> float:
        return scenario.total_seconds() / self._speed

    def pause(self) -> None:
        """Stop at the present scenario instant."""
        with self._lock:
            self._scenario, self._real, self._running = self._now(), time.monotonic(), False

    def resume(self) -> None:
        """Go on from where `pause` stopped."""
        with self._lock:
            if not self._running:
                self._real, self._running = time.monotonic(), True

    def _now(self) -> datetime:
        if not self._running:
            return self._scenario
        return self._scenario + timedelta(seconds=(time.monotonic() - self._real) * self._speed)
