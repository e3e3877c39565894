"""What people do in the real engine: sales, and those who run leadloop."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any, TypeVar
from unittest.mock import patch

from sqlmodel import select

from leadloop.inbox import publishing
from leadloop.inbox.entries.enrolling import enrol_leads
from leadloop.inbox.operations.commands import cancel_journey, pause_journey, resume_journey, retry_journey
from leadloop.inbox.operations.log import Caller
from leadloop.inbox.operations.migrating import migrate
from leadloop.inbox.operations.scenarios import pause_scenario, resume_scenario
from leadloop.inbox.operations.sending import start_sending, stop_sending
from leadloop.language import plan as p
from leadloop.leads.record_checks import IncomingRecord
from leadloop.leads.records import upsert_record
from leadloop.sales.commands import accept_offer, finish_task, reject_offer, working_offer
from leadloop.storage.environment import Environment
from leadloop.storage.tables import EnrolmentStatus, Lead, Offer, Task
from tests.inbox.driver import journeys
from tests.model.actions import Answer, Finish

_T = TypeVar("_T")
_Row = TypeVar("_Row", Offer, Task)
CALLER = Caller("tests")


class People:
    """Everything that is done by a command, asked for again where the process dies."""

    env: Environment
    lead_id: str
    _ids = 0

    def surviving(self, act: Callable[[], _T]) -> _T:
        """Do it; and again where the process died."""
        raise NotImplementedError

    @property
    def erased(self) -> bool:
        with self.env.database.read() as session:
            return session.get_one(Lead, self.lead_id).erased_at is not None

    def enrol(self, scenario: str) -> None:
        self._ids += 1
        key = f"k{self._ids}"
        self.surviving(lambda: enrol_leads(self.env, scenario, [self.lead_id], key=key))

    def put(self, seminar: str, starts_at: str) -> None:
        incoming = IncomingRecord("seminar", seminar, {"starts_at": starts_at})
        self.surviving(lambda: upsert_record(self.env, incoming))

    def answer(self, what: Answer) -> str | None:
        """Answer an offer, and return its key; None where there is none, or the lead was erased."""
        offers = self._rows(Offer)
        if not offers or self.erased:
            return None
        offer = offers[what.number % len(offers)]
        says = {"accepted": accept_offer, "rejected": reject_offer, "working": working_offer}[what.says]
        self.surviving(lambda: says(self.env, offer.id))
        return offer.offer_key

    def finish(self, what: Finish) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """Report the outcome of a task; return what was reported, and the answers for the lead."""
        tasks = self._rows(Task)
        if not tasks or self.erased:
            return None
        task = tasks[what.number % len(tasks)]
        answers = {name: value for name, value in what.answers if name in task.asks}
        date = what.date if task.asks_date else None
        self.surviving(lambda: finish_task(self.env, task.id, what.outcome, answers=answers, date=date))
        known = {"task": task.task_key, "outcome": what.outcome, "date": date}
        return {name: value for name, value in known.items() if value is not None}, answers

    def stop_mails(self, stop: bool) -> None:
        switch = stop_sending if stop else start_sending
        self.surviving(lambda: switch(self.env, CALLER))

    def open_journey(self, number: int) -> str | None:
        """Return the id of the n-th open journey, counted round and round."""
        found = [one.id for one in journeys(self.env) if one.status != EnrolmentStatus.ENDED]
        return found[number % len(found)] if found else None

    def pause(self, journey_id: str, clock: str) -> None:
        self.surviving(lambda: pause_journey(self.env, journey_id, CALLER, clock))

    def resume(self, journey_id: str) -> None:
        self.surviving(lambda: resume_journey(self.env, journey_id, CALLER))

    def cancel(self, journey_id: str) -> None:
        self.surviving(lambda: cancel_journey(self.env, journey_id, CALLER))

    def retry(self, journey_id: str) -> None:
        self.surviving(lambda: retry_journey(self.env, journey_id, CALLER))

    def publish(self, publication: p.Publication, overtaken: bool) -> bool:
        """Make a version live; False where it was refused. With `overtaken` nobody looks who stands where."""
        try:
            with patch.object(publishing, "_refuse_lost_steps") if overtaken else nullcontext():
                self.surviving(
                    lambda: publishing.publish_workspace(self.env, publication, "tests", self.env.clock.now())
                )
        except publishing.PublishRefusedError:
            return False
        return True

    def migrate(self, names: Mapping[str, str]) -> None:
        self.surviving(lambda: migrate(self.env, "welcome", CALLER, steps=names))

    def pause_scenario(self, scenario: str, clock: str | None) -> None:
        if clock is None:
            self.surviving(lambda: resume_scenario(self.env, scenario, CALLER))
        else:
            self.surviving(lambda: pause_scenario(self.env, scenario, CALLER, clock))

    def _rows(self, table: type[_Row]) -> list[_Row]:
        with self.env.database.read() as session:
            return sorted(session.exec(select(table)).all(), key=lambda one: one.id)
