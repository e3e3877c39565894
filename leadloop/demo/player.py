"""Plays the cast: looks at new mails, and does what is due in scenario time, a few things at once."""

from __future__ import annotations

import heapq
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import count
from typing import Protocol

from leadloop.clock import Clock
from leadloop.delivery.mailbox import Mailbox, MailSummary
from leadloop.demo.actions import Action, Planned
from leadloop.demo.cast import Cast
from leadloop.demo.doors import Doors
from leadloop.demo.governor import Work

HANDS = 4
"""Things that people do at once, in real time."""

_POLL_SECONDS = 0.02
_ALL = 1_000_000


class Watcher(Protocol):
    """Told about each mail that arrived, once."""

    def __call__(self, mail: MailSummary) -> None: ...


class Player:
    """One thread that plans, and a few that go through the doors. What lies after `end` is dropped."""

    def __init__(
        self, clock: Clock, end: datetime, mailbox: Mailbox, cast: Cast, doors: Doors, watch: Watcher
    ) -> None:
        self._clock = clock
        self._end = end
        self._mailbox = mailbox
        self._cast = cast
        self._doors = doors
        self._watch = watch
        self._lock = threading.Lock()
        self._heap: list[tuple[datetime, int, Action]] = []
        self._under_way: dict[int, Work] = {}
        self._numbers = count()
        self._seen = 0
        self._unread_since: datetime | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="player", daemon=True)
        self._hands = ThreadPoolExecutor(HANDS, "people")
        self.error: BaseException | None = None
        """Why it gave up, if it did."""

    def start(self) -> None:
        """Begin with what people do of their own accord."""
        with self._lock:
            self._plan(self._cast.opening())
        self._thread.start()

    def stop(self) -> None:
        """Stop; what is under way is finished."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        self._hands.shutdown(wait=True, cancel_futures=True)

    def earliest(self) -> Work | None:
        """Return the earliest thing planned, under way, or not yet read."""
        with self._lock:
            found = list(self._under_way.values())
            if self._heap:
                at, _, action = self._heap[0]
                found.append(Work(at, f"{type(action).__name__} of the people"))
            if self._mailbox.count() > self._seen:
                self._unread_since = self._unread_since or self._clock.now()
                found.append(Work(self._unread_since, "mail that nobody looked at"))
        return min(found, key=lambda one: one.at, default=None)

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._look_at_mails()
                self._begin_what_is_due()
                self._stop.wait(_POLL_SECONDS)
        except Exception as error:
            self.error = error

    def _look_at_mails(self) -> None:
        if self._mailbox.count() == self._seen:
            return
        new = self._mailbox.list(_ALL)[::-1][self._seen :]
        for summary in new:
            self._watch(summary)
            mail = self._mailbox.get(summary.id)
            with self._lock:
                if mail is not None:
                    at = max(self._clock.now(), (summary.date or datetime.min.replace(tzinfo=UTC)))
                    self._plan(self._cast.on_mail(mail, at))
                self._seen += 1
                self._unread_since = None

    def _begin_what_is_due(self) -> None:
        now = self._clock.now()
        with self._lock:
            while self._heap and self._heap[0][0] <= now:
                at, number, action = heapq.heappop(self._heap)
                self._under_way[number] = Work(at, f"answer to {type(action).__name__}")
                self._hands.submit(self._perform, number, action)

    def _perform(self, number: int, action: Action) -> None:
        try:
            reply = self._doors.perform(action)
            with self._lock:
                self._plan(self._cast.after(action, reply, self._clock.now()))
        except Exception as error:
            self.error = self.error or error
        finally:
            with self._lock:
                del self._under_way[number]

    def _plan(self, plans: list[Planned]) -> None:
        for plan in plans:
            if plan.at <= self._end:
                heapq.heappush(self._heap, (plan.at, next(self._numbers), plan.action))
