"""What the lead and sales do in a simulation, by the three behaviours and by what was chosen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from leadloop.journey.calendar import add_span, at_time
from leadloop.journey.effects import MakeTask
from leadloop.journey.simulation.choices import OVERDUE, Choices
from leadloop.journey.simulation.happenings import BY_THE_ENGINE, Happening, Happenings
from leadloop.journey.simulation.timeline import Behaviour
from leadloop.language.plan import AwaitStep, EventMatch, Plan, Publication, Span, TaskStep, WhenMatch

_VISIT_DAYS = 12
_INQUIRY_DAY = 2
_READS_AFTER = timedelta(hours=3)
_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)
_MORNING = "11:00"
_ANSWER_AHEAD = timedelta(days=30)
_NEXT_DATE = Span(amount=5, unit="business_days")


class Habits:
    """One behaviour: `ignores`, `clicks` or `turns hot`."""

    def __init__(
        self,
        publication: Publication,
        plan: Plan,
        behaviour: Behaviour,
        zone: ZoneInfo,
        happenings: Happenings,
        choices: Choices,
        instants: Sequence[datetime] = (),
    ) -> None:
        self._publication = publication
        self._plan = plan
        self._behaviour = behaviour
        self._zone = zone
        self._happenings = happenings
        self._choices = choices
        self._instants = instants

    # --- the lead

    def visits(self, start: datetime) -> Iterator[tuple[datetime, tuple[Happening, ...]]]:
        """Yield what a lead that turns hot does of its own accord: a visit a day, and an inquiry."""
        if self._behaviour != "turns hot":
            return
        pages, inquiries = self._warming()
        for day in range(1, _VISIT_DAYS + 1):
            at = at_time(start + timedelta(days=day), _MORNING, self._zone)
            visit = (*pages, *(inquiries if day == _INQUIRY_DAY else ()))
            if visit:
                yield at, visit

    def hoped(
        self, step: AwaitStep, now: datetime, due_at: datetime | None
    ) -> tuple[datetime, list[Happening]] | None:
        """Return what a lead that turns hot does because an `await` hopes for it, half-way to its end.

        Where the record has a moment in between, such as the beginning of a seminar, it is an hour
        after that. Mails are read anyway; what the engine or sales report is not the lead's to do.
        """
        matches = [branch.match for branch in step.branches]
        if self._behaviour != "turns hot" or any(
            isinstance(one, EventMatch) and one.event.startswith("email_") for one in matches
        ):
            return None
        at = self._between(now, due_at)
        for match in matches:
            if isinstance(match, EventMatch) and not match.event.startswith(BY_THE_ENGINE):
                return at, [self._happenings.matching(match)]
            questions = list(match.when.did.values()) if isinstance(match, WhenMatch) else []
            asked = [one for one in questions if not one.match.event.startswith(BY_THE_ENGINE)]
            if asked:
                return at, self._happenings.answering(asked[0])
        return None

    def _between(self, now: datetime, due_at: datetime | None) -> datetime:
        if due_at is None:
            return now + _DAY
        moment = next((one + _HOUR for one in self._instants if now < one < due_at - _HOUR), None)
        half = now + (due_at - now) / 2
        morning = at_time(half, _MORNING, self._zone)
        return moment or (morning if now < morning < due_at else half)

    def reading(self, template: str, sent_at: datetime) -> Iterator[tuple[datetime, str, str]]:
        """Yield what the lead does with a mail: nothing, or open and click it."""
        if self._behaviour != "ignores":
            yield sent_at + _READS_AFTER, "email_opened", f"opens {template}"
            yield sent_at + _READS_AFTER + timedelta(minutes=1), "email_clicked", f"clicks in {template}"

    # --- sales

    def answers(self, step_id: str, outcome: str) -> bool:
        """Return whether whoever is reached by a task answers what it asks: who ignores all does not."""
        step = self._plan.steps.get(step_id)
        retry = step.retry.on if isinstance(step, TaskStep) and step.retry is not None else ()
        return self._behaviour != "ignores" and outcome not in retry

    def sales(
        self, queue: str, offer_id: str, now: datetime, chosen: str = ""
    ) -> Iterator[tuple[datetime, str, Mapping[str, Any], str]]:
        """Yield what sales does with an offer: nothing, give it back, or accept it and win, or lose."""
        usual = {"ignores": "expired", "clicks": "rejected", "turns hot": "won"}
        outcome = chosen or usual[self._behaviour]
        if outcome == "expired":
            return
        about = {"offer": offer_id}
        if outcome == "rejected":
            answered = self._working(queue, now, 90, "business_minutes")
            yield answered, "handoff_rejected", about, "sales gives the lead back"
            return
        accepted = self._working(queue, now, 60, "business_minutes")
        yield accepted, "handoff_accepted", about, "sales accepts the lead"
        deal: dict[str, Any] = {"deal": f"deal-of-{offer_id}"}
        yield self._working(queue, now, 2, "business_days"), "deal_opened", deal, "sales opens a deal"
        closed = self._working(queue, now, 10, "business_days")
        if outcome == "won":
            yield closed, "deal_won", deal, "sales wins the deal"
            return
        reason = next(iter(self._publication.workspace.lost_reasons), "")
        yield closed, "deal_lost", deal | {"reason": reason}, f"sales loses the deal: {reason}"

    def task(self, task: MakeTask, now: datetime, number: int) -> tuple[datetime, str]:
        """Return when the `number`-th try of a task is done, and with which of its outcomes."""
        outcome = self._outcome(task, number)
        queue = task.to if task.to in self._publication.workspace.queues else task.otherwise
        if outcome == OVERDUE and OVERDUE not in task.outcomes:
            return max(task.due_at, now) + _DAY, task.outcomes[0]
        return self._working(queue or "", now, 10, "business_minutes"), outcome

    def next_date(self, now: datetime) -> str:
        """Return the day that a task which asks for a date gives."""
        return add_span(now, _NEXT_DATE, self._zone, None).astimezone(self._zone).date().isoformat()

    def answer_at(self, now: datetime) -> datetime:
        """Return the instant for answers that are days: some weeks ahead."""
        return now + _ANSWER_AHEAD

    def _outcome(self, task: MakeTask, number: int) -> str:
        chosen = self._choices.outcomes.get(task.step_id)
        if chosen:
            return chosen[min(number, len(chosen)) - 1]
        if self._choices.task_outcome in task.outcomes:
            return str(self._choices.task_outcome)
        step = self._plan.steps.get(task.step_id)
        retry = step.retry.on if isinstance(step, TaskStep) and step.retry is not None else ()
        final = next((one for one in task.outcomes if one not in retry), task.outcomes[0])
        if self._behaviour == "ignores":
            return retry[0] if retry else task.outcomes[-1]
        return retry[0] if retry and self._behaviour == "clicks" and number == 1 else final

    def _working(self, queue: str, now: datetime, amount: int, unit: Any) -> datetime:
        workspace = self._publication.workspace
        known = workspace.queues.get(queue)
        calendar = workspace.calendars.get(known.calendar) if known and known.calendar else None
        return add_span(now, Span(amount=amount, unit=unit), self._zone, calendar)

    # --- warming up

    def _warming(self) -> tuple[list[Happening], list[Happening]]:
        """Return what brings points by the scoring rules: on any day, and once as an inquiry."""
        daily: dict[str, Happening] = {}
        inquiries: dict[str, Happening] = {}
        entries = [entry.match for entry in self._plan.entry if isinstance(entry.match, EventMatch)]
        for model in self._publication.scoring.models.values():
            for rule in model.rules:
                match = rule.match
                if rule.points <= 0 or match.event.startswith(BY_THE_ENGINE) or match in entries:
                    continue
                happening = self._happenings.matching(match)
                kind = inquiries if match.event == "form_submitted" else daily
                if match.event in ("form_submitted", "page_viewed"):
                    kind.setdefault(happening[2], happening)
        asked = [one.properties for one in entries if one.event == "form_submitted"]
        fresh = [one for one in inquiries.values() if not any(_fits(wanted, one[1]) for wanted in asked)]
        forms = self._publication.workspace.forms
        urgent = [one for one in fresh if (form := forms.get(str(one[1].get("form")))) and form.inquiry]
        return list(daily.values()), urgent or fresh


def _fits(wanted: tuple[Any, ...], properties: Mapping[str, Any]) -> bool:
    return all(properties.get(one.name) in one.values for one in wanted)
