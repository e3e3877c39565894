"""The journeys that a subject has had in a scenario: what the rules of re-entry ask."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sqlalchemy import bindparam
from sqlmodel import Session, col, func, select

from leadloop.inbox.entries.events import Asked
from leadloop.storage.tables import Enrolment, EnrolmentStatus

_OPEN_FIRST = (
    col(Enrolment.status) == EnrolmentStatus.ENDED,
    col(Enrolment.entered_at).desc(),
    col(Enrolment.id).desc(),
)
_JOURNEYS = (
    select(Enrolment)
    .where(
        Enrolment.scenario == bindparam("scenario"),
        Enrolment.subject_key == bindparam("subject"),
        Enrolment.record_key == bindparam("record"),
    )
    .order_by(*_OPEN_FIRST)
)

_OF_MANY = (
    select(Enrolment)
    .where(
        col(Enrolment.scenario).in_(bindparam("scenarios", expanding=True)),
        col(Enrolment.subject_key).in_(bindparam("subjects", expanding=True)),
        Enrolment.record_key == "",
    )
    .order_by(*_OPEN_FIRST)
)


class EntryHistory:
    """Reads when it is asked, for one subject at a time."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def newest(self, wish: Asked) -> Enrolment | None:
        """Return the subject's last journey in the scenario: an open one where there is one."""
        whose = {"scenario": wish.plan.scenario, "subject": wish.subject_key, "record": wish.record_key}
        return self._session.exec(_JOURNEYS, params=whose).first()

    def began(self, wish: Asked) -> None:
        """Say that a journey was begun for the subject."""

    def count(self, wish: Asked) -> int:
        """Return how many journeys the subject has had in the scenario."""
        statement = select(func.count()).where(
            Enrolment.scenario == wish.plan.scenario,
            Enrolment.subject_key == wish.subject_key,
            Enrolment.record_key == wish.record_key,
        )
        return self._session.exec(statement).one()


class KnownHistory(EntryHistory):
    """Has read it for many subjects, and one record or none. They are locked, so that it stays true."""

    def __init__(self, session: Session, scenario: str, subjects: Iterable[str], record_key: str) -> None:
        super().__init__(session)
        self._newest: dict[str, Enrolment] = {}
        self._count: dict[str, int] = {}
        statement = (
            select(Enrolment)
            .where(
                Enrolment.scenario == scenario,
                col(Enrolment.subject_key).in_(list(subjects)),
                Enrolment.record_key == record_key,
            )
            .order_by(*_OPEN_FIRST)
        )
        for row in session.exec(statement).all():
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
        asked = {"scenarios": sorted(scenarios), "subjects": sorted({lead_id for _, lead_id in keys})}
        self._known.update(dict.fromkeys(keys))
        for row in self._session.exec(_OF_MANY, params=asked).all():
            key = (row.scenario, row.subject_key)
            if key in keys and self._known[key] is None:
                self._known[key] = row
