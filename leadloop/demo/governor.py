"""Keeps scenario time close to the engine: the clock waits while the engine lags an hour.

Every few milliseconds the governor asks what is unfinished or comes next, in the database and among
the people, and lets the clock run until one scenario hour after it, and half an hour for the time
until the governor looks again; never further. While there is more to do, the clock stands still.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, func, select
from sqlmodel import col

from leadloop.clock import WarpedClock
from leadloop.storage.environment import Environment
from leadloop.storage.tables import ArmedWait, Due, Enrolment, EnrolmentStatus, Event, Wake

LAG = timedelta(hours=1) + timedelta(minutes=30)
"""How far scenario time may run past unfinished work: an hour, and what passes between two looks."""

STALL_SECONDS = 60.0
_TICK_SECONDS = 0.03
_IDLE = timedelta(days=1)
_NEXT_KIND = col(Enrolment.next)["kind"].as_string()
_RUNNING = col(Enrolment.status) == EnrolmentStatus.RUNNING


@dataclass(frozen=True)
class Work:
    """A piece of work, unfinished or still to come."""

    at: datetime
    what: str


@dataclass(frozen=True)
class Backlog:
    """What the engine has before it: the earliest of each kind, and work whose age is not recorded."""

    works: tuple[Work, ...] = ()
    undated: int = 0
    """Journeys whose event came and whose turn is not taken yet."""


class StalledError(Exception):
    """The engine made no progress for a minute; the text says what is stuck."""


class BacklogReader:
    """Reads the backlog again only after a write: time alone does not change what it is."""

    def __init__(self, env: Environment) -> None:
        self._env = env
        self._seen = -1
        self._backlog = Backlog()

    def __call__(self) -> Backlog:
        changes = self._env.database.changes
        if changes != self._seen:
            self._backlog = read_backlog(self._env)
            self._seen = changes
        return self._backlog


def read_backlog(env: Environment) -> Backlog:
    """Return the engine's earliest work of each kind, in one reading of the database.

    Overdue and coming alike: events to apply, wakes to send, turns to take, mails to hand over,
    decay and cool-downs.
    """
    with env.database.read() as session:
        *instants, met = session.execute(_QUESTION).one()
    works = [Work(at, name) for at, name in zip(instants, _NAMES, strict=True) if at is not None]
    return Backlog(tuple(works), met)


def _question() -> Select[Any]:
    started = select(func.min(col(Enrolment.moved_at))).where(
        _RUNNING & ((_NEXT_KIND == "send") | (col(Enrolment.turn_no) == 0))
    )
    closing = select(func.min(col(Enrolment.ended_at))).where(
        (col(Enrolment.status) == EnrolmentStatus.ENDED) & (_NEXT_KIND != "end")
    )
    met = select(func.count()).select_from(ArmedWait).where(col(ArmedWait.satisfied_by).is_not(None))
    return select(
        select(func.min(col(Event.received_at))).where(col(Event.applied_at).is_(None)).scalar_subquery(),
        select(func.min(col(Wake.asked_at))).scalar_subquery(),
        select(func.min(col(Enrolment.due_at))).where(_RUNNING).scalar_subquery(),
        started.scalar_subquery(),
        closing.scalar_subquery(),
        select(func.min(col(Due.due_at))).scalar_subquery(),
        met.scalar_subquery(),
    )


_QUESTION = _question()
_NAMES = (
    "event to apply", "wake to send", "wait that ends", "mail to hand over or first turn",
    "closing turn", "decay or cool-down",
)  # fmt: skip


class Governor:
    """A thread that moves the clock's limit on. `error` is set where nothing moves any more."""

    def __init__(
        self,
        clock: WarpedClock,
        end: datetime,
        engine: Callable[[], Backlog],
        people: Callable[[], Work | None],
        stall_seconds: float = STALL_SECONDS,
    ) -> None:
        self._clock = clock
        self._end = end
        self._engine = engine
        self._people = people
        self._stall_seconds = stall_seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="governor", daemon=True)
        self._undated_since: datetime | None = None
        self._moved: tuple[object, ...] = ()
        self._moved_real = time.monotonic()
        self.error: BaseException | None = None
        self.waited_seconds = 0.0
        """Real time that the clock stood still for the engine."""
        self.at_rest = False
        """True once the end is reached and nothing that was due is left."""

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def look(self) -> None:
        """Move the limit once. Raises `StalledError`."""
        before = self._people()
        backlog = self._engine()
        after = self._people()  # asked twice: what moves between the two worlds is seen in one of them
        now = self._clock.now()
        works = [*backlog.works, *(one for one in (before, after) if one is not None)]
        self._undated_since = (self._undated_since or now) if backlog.undated else None
        if self._undated_since is not None:
            works.append(Work(self._undated_since, "turn of a journey whose event came"))
        oldest = min(works, key=lambda one: one.at, default=Work(now + _IDLE, "nothing"))
        self._clock.run_until(min(oldest.at + LAG, self._end))
        self.at_rest = now >= self._end and oldest.at > self._end
        self._watch(now, oldest, backlog.undated)

    def _watch(self, now: datetime, oldest: Work, undated: int) -> None:
        moved = (now, oldest, undated)
        real = time.monotonic()
        if moved != self._moved or self.at_rest:
            self._moved, self._moved_real = moved, real
        elif real - self._moved_real > self._stall_seconds:
            raise StalledError(
                f"no progress for {self._stall_seconds:.0f} s: the clock waits at {now:%Y-%m-%d %H:%M} UTC "
                f"for “{oldest.what}”, due at {oldest.at:%Y-%m-%d %H:%M} UTC"
            )

    def _run(self) -> None:
        seen, last = self._clock.now(), time.monotonic()
        try:
            while not self._stop.is_set():
                self.look()
                now, real = self._clock.now(), time.monotonic()
                if now == seen and now < self._end:
                    self.waited_seconds += real - last
                seen, last = now, real
                self._stop.wait(_TICK_SECONDS)
        except Exception as error:
            self.error = error
