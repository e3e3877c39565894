"""The journeys that a subject has had in a scenario: what the rules of re-entry ask."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import and_, bindparam
from sqlmodel import Session, col, select

from leadloop.inbox.entries.events import Asked
from leadloop.storage.finding import objects_of_each
from leadloop.storage.tables import Enrolment, EnrolmentStatus

_ALL = select(Enrolment)
_SUBJECT = col(Enrolment.subject_key)


def _of_record(journey: Any) -> Any:
    """A scenario is no way to find a journey: most journeys may be of one, which statistics hear of late."""
    return and_(journey.scenario == bindparam("scenario"), journey.record_key == bindparam("record"))


def _of_leads(journey: Any) -> Any:
    return and_(journey.scenario.in_(bindparam("scenarios", expanding=True)), journey.record_key == "")


class EntryHistory:
    """Reads when it is asked, for one subject at a time."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def newest(self, wish: Asked) -> Enrolment | None:
        """Return the subject's last journey in the scenario: an open one where there is one."""
        return next(iter(self._journeys(wish)), None)

    def began(self, wish: Asked) -> None:
        """Say that a journey was begun for the subject."""

    def count(self, wish: Asked) -> int:
        """Return how many journeys the subject has had in the scenario."""
        return len(self._journeys(wish))

    def _journeys(self, wish: Asked) -> list[Enrolment]:
        return _journeys(self._session, [wish.subject_key], wish.plan.scenario, wish.record_key)


class KnownHistory(EntryHistory):
    """Has read it for many subjects, and one record or none. They are locked, so that it stays true."""

    def __init__(self, session: Session, scenario: str, subjects: Iterable[str], record_key: str) -> None:
        super().__init__(session)
        self._newest: dict[str, Enrolment] = {}
        self._count: dict[str, int] = {}
        for row in _journeys(session, subjects, scenario, record_key):
            self._newest.setdefault(row.subject_key, row)
            self._count[row.subject_key] = self._count.get(row.subject_key, 0) + 1

    def newest(self, wish: Asked) -> Enrolment | None:
        return self._newest.get(wish.subject_key)

    def count(self, wish: Asked) -> int:
        return self._count.get(wish.subject_key, 0)


class HistoryAhead(EntryHistory):
    """Of several locked leads: what one of them asks about a scenario is read for all, once.

    That holds for scenarios that run for leads. `scenarios` are those that are read at once.
    """

    def __init__(self, session: Session, lead_ids: Collection[str], scenarios: Collection[str]) -> None:
        super().__init__(session)
        self._leads = frozenset(lead_ids)
        self._known: dict[tuple[str, str], Enrolment | None] = {}
        if scenarios:
            self._read(scenarios)

    def newest(self, wish: Asked) -> Enrolment | None:
        key = (wish.plan.scenario, wish.subject_key)
        if wish.record_key or wish.subject_key not in self._leads:
            return super().newest(wish)
        if key not in self._known:
            self._read([wish.plan.scenario])
        return self._known[key]

    def began(self, wish: Asked) -> None:
        self._known.pop((wish.plan.scenario, wish.subject_key), None)

    def _read(self, scenarios: Collection[str]) -> None:
        keys = {(name, lead_id) for name in scenarios for lead_id in self._leads} - self._known.keys()
        subjects = sorted({lead_id for _, lead_id in keys})
        self._known.update(dict.fromkeys(keys))
        names = sorted(scenarios)
        rows = objects_of_each(
            self._session, Enrolment, _ALL, _SUBJECT, subjects, among=_of_leads, scenarios=names
        )
        for row in _open_first(rows):
            key = (row.scenario, row.subject_key)
            if key in keys and self._known[key] is None:
                self._known[key] = row


def _journeys(session: Session, subjects: Iterable[str], scenario: str, record_key: str) -> list[Enrolment]:
    whose = {"scenario": scenario, "record": record_key}
    return _open_first(
        objects_of_each(session, Enrolment, _ALL, _SUBJECT, subjects, among=_of_record, **whose)
    )


def _open_first(rows: Iterable[Enrolment]) -> list[Enrolment]:
    """Return open journeys before those that have ended, and newer ones first."""
    return sorted(
        rows, key=lambda row: (row.status != EnrolmentStatus.ENDED, row.entered_at, row.id), reverse=True
    )
