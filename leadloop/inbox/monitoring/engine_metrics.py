"""Metrics of the workspace, read from the database: journeys, backlogs, the outbox, alerts.

Every worker serves the same figures, because they are of the database: take `max`, not `sum`.
However often it is scraped, it reads at most once in `EVERY_SECONDS`, and only rows that are not finished.
"""

from __future__ import annotations

import threading
import time
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import func, text
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col, select

from leadloop import __version__
from leadloop.inbox.monitoring.presence import live_workers
from leadloop.inbox.operations.sending import is_stopped
from leadloop.inbox.recovery.sweeper import OVERDUE
from leadloop.journey.failures import HeldCode
from leadloop.storage.database import StorageError
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Alert, Enrolment, EnrolmentStatus, Event, Message, MessageStatus, Wake

EVERY_SECONDS = 5.0
_OPEN = text("status <> 'ended'")
"""As the partial index has it, so that journeys that ended are not read."""
_LISTED = (
    MessageStatus.NEW,
    MessageStatus.HELD,
    MessageStatus.SENDING,
    MessageStatus.UNCERTAIN,
    MessageStatus.FAILED,
)


class EngineMetrics(Collector):
    """For a registry of prometheus-client. Safe to scrape from several threads."""

    def __init__(
        self, env: Environment, build: str, real_seconds: Callable[[], float] = time.monotonic
    ) -> None:
        self._env = env
        self._build = build
        self._real_seconds = real_seconds
        self._lock = threading.Lock()
        self._read_at = float("-inf")
        self._found: list[Metric] = []

    def describe(self) -> Iterable[Metric]:
        """Return nothing, so that registering reads nothing."""
        return []

    def collect(self) -> Iterable[Metric]:
        """Return all metrics; where the database cannot be read, only that it cannot."""
        with self._lock:
            if self._real_seconds() - self._read_at >= EVERY_SECONDS:
                self._found = self._read()
                self._read_at = self._real_seconds()
            return self._found

    def _read(self) -> list[Metric]:
        up = _gauge("database_up", "1 where the database could be read, else 0")
        info = _gauge(
            "build_info", "The version of leadloop and the build of this process", "version", "build"
        )
        info.add_metric([__version__, self._build], 1)
        try:
            with self._env.database.read() as session:
                found = [
                    *_journeys(session, self._env),
                    *_backlogs(session, self._env),
                    *_rest(session, self._env),
                ]
        except (SQLAlchemyError, StorageError):
            up.add_metric([], 0)
            return [up, info]
        up.add_metric([], 1)
        return [up, info, *found]


def _journeys(session: Session, env: Environment) -> Iterator[Metric]:
    by_status = _gauge("journeys", "Journeys that have not ended", "scenario", "status")
    held = _gauge("journeys_held", "Journeys that wait for a person to mend something", "scenario", "code")
    counted = session.exec(
        select(Enrolment.scenario, Enrolment.status, func.count())
        .where(_OPEN)
        .group_by(col(Enrolment.scenario), col(Enrolment.status))
    ).all()
    for scenario, status, number in counted:
        by_status.add_metric([scenario, EnrolmentStatus(status).value], number)
    codes: Tally[tuple[str, str]] = Tally()
    reasons = session.exec(
        select(Enrolment.scenario, Enrolment.held_code, func.count())
        .where(_OPEN, Enrolment.status == EnrolmentStatus.HELD)
        .group_by(col(Enrolment.scenario), col(Enrolment.held_code))
    ).all()
    for scenario, code, number in reasons:
        codes[scenario, code or HeldCode.OTHER.value] += number
    for (scenario, code), number in sorted(codes.items()):
        held.add_metric([scenario, code], number)
    yield by_status
    yield held
    now = env.clock.now()
    running = col(Enrolment.status) == EnrolmentStatus.RUNNING
    late = select(func.count()).where(running, col(Enrolment.due_at) <= now - OVERDUE)
    oldest = select(func.min(Enrolment.due_at)).where(running)
    yield _single("journeys_overdue", "Running journeys due for more than a minute", session.exec(late).one())
    yield _single(
        "oldest_due_age_seconds",
        "How long the journey due first is due",
        _age(session.exec(oldest).one(), now),
    )


def _backlogs(session: Session, env: Environment) -> Iterator[Metric]:
    now = env.clock.now()
    wakes, asked = session.exec(select(func.count(), func.min(Wake.asked_at)).select_from(Wake)).one()
    yield _single("wakes_waiting", "Journeys that are to be woken", wakes)
    yield _single("wake_lag_seconds", "How long the oldest wake waits", _age(asked, now))
    pending, received = session.exec(
        select(func.count(), func.min(Event.received_at)).where(col(Event.applied_at).is_(None))
    ).one()
    yield _single("events_waiting", "Accepted events that are to be applied", pending)
    yield _single("event_lag_seconds", "How long the oldest of them waits", _age(received, now))
    parked = session.exec(select(func.count()).where(col(Event.parked).is_not(None))).one()
    yield _single("events_parked", "Events that could not be applied", parked)


def _rest(session: Session, env: Environment) -> Iterator[Metric]:
    messages = _gauge("messages", "Mails of the outbox that are not sent or skipped", "status")
    rows = session.exec(
        select(Message.status, func.count())
        .where(col(Message.status).in_(_LISTED))
        .group_by(col(Message.status))
    ).all()
    numbers = {MessageStatus(status): number for status, number in rows}
    for status in _LISTED:
        messages.add_metric([status.value], numbers.get(status, 0))
    yield messages
    yield _single("kill_switch", "1 while all sending is stopped", int(is_stopped(session)))
    workers = _gauge("workers", "Worker processes that live", "build", "plan_format")
    builds = Tally((row.build, str(row.plan_format)) for row in live_workers(session, env))
    for labels, number in sorted(builds.items()):
        workers.add_metric(list(labels), number)
    yield workers
    alerts = _gauge("alerts_open", "Alerts that are not over", "kind")
    opened = (
        select(Alert.kind, func.count()).where(col(Alert.resolved_at).is_(None)).group_by(col(Alert.kind))
    )
    for kind, number in session.exec(opened).all():
        alerts.add_metric([kind], number)
    yield alerts


def _age(since: datetime | None, now: datetime) -> float:
    return max(now - since, timedelta()).total_seconds() if since is not None else 0.0


def _gauge(name: str, documentation: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"leadloop_{name}", documentation, labels=labels)


def _single(name: str, documentation: str, value: Any) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"leadloop_{name}", documentation, value=float(value))
