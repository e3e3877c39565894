"""What the lead and sales do in a simulation, by the three behaviours. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from leadloop.journey.calendar import add_span, at_time
from leadloop.journey.effects import MakeOffer, MakeTask
from leadloop.journey.simulated_lead import SimulatedLead
from leadloop.language.plan import EventMatch, Plan, Publication, RecycleStep, Span, StageMatch

_VISIT_DAYS = 12
_INQUIRY_DAY = 2
_READS_AFTER = timedelta(hours=3)
_BY_THE_ENGINE = ("email_", "deal_", "handoff_", "handed_off", "stage_", "band_", "task_", "lead_", "unsub")

Happening = tuple[str, Mapping[str, Any], str]
"""Event type, properties, and the line that tells it."""


class Habits:
    """One behaviour: `ignores`, `clicks` or `turns hot`."""

    def __init__(self, publication: Publication, plan: Plan, behaviour: str, zone: ZoneInfo) -> None:
        self._publication = publication
        self._plan = plan
        self._behaviour = behaviour
        self._zone = zone

    def visits(self, start: datetime) -> Iterator[tuple[datetime, tuple[Happening, ...]]]:
        """Yield what a lead that turns hot does of its own accord: a visit a day, and an inquiry."""
        if self._behaviour != "turns hot":
            return
        pages, inquiries = self._warming()
        for day in range(1, _VISIT_DAYS + 1):
            at = at_time(start + timedelta(days=day), "11:00", self._zone)
            visit = (*pages, *(inquiries if day == _INQUIRY_DAY else ()))
            if visit:
                yield at, visit

    def reading(self, template: str, sent_at: datetime) -> Iterator[tuple[datetime, str, str]]:
        """Yield what the lead does with a mail: nothing, or open and click it."""
        if self._behaviour != "ignores":
            yield sent_at + _READS_AFTER, "email_opened", f"opens {template}"
            yield sent_at + _READS_AFTER + timedelta(minutes=1), "email_clicked", f"clicks in {template}"

    def sales(
        self, offer: MakeOffer, offer_id: str, now: datetime
    ) -> Iterator[tuple[datetime, str, Mapping[str, Any], str]]:
        """Yield what sales does with an offer: nothing, give it back, or accept it and win."""
        if self._behaviour == "ignores":
            return
        about = {"offer": offer_id}
        if self._behaviour == "clicks":
            answered = self._working(offer.queue, now, 90, "business_minutes")
            yield answered, "handoff_rejected", about, "sales gives the lead back"
            return
        yield (
            self._working(offer.queue, now, 60, "business_minutes"),
            "handoff_accepted", about, "sales accepts the lead",
        )  # fmt: skip
        deal = {"deal": f"deal-of-{offer_id}"}
        yield self._working(offer.queue, now, 2, "business_days"), "deal_opened", deal, "sales opens a deal"
        yield self._working(offer.queue, now, 10, "business_days"), "deal_won", deal, "sales wins the deal"

    def task(self, task: MakeTask, now: datetime) -> tuple[datetime, str]:
        """Return when a task is done, and with which of its outcomes: the last for who ignores all."""
        outcome = task.outcomes[-1] if self._behaviour == "ignores" else task.outcomes[0]
        queue = task.to if task.to in self._publication.workspace.queues else task.otherwise
        return self._working(queue or "", now, 10, "business_minutes"), outcome

    def _working(self, queue: str, now: datetime, amount: int, unit: Any) -> datetime:
        workspace = self._publication.workspace
        known = workspace.queues.get(queue)
        calendar = workspace.calendars.get(known.calendar) if known and known.calendar else None
        return add_span(now, Span(amount=amount, unit=unit), self._zone, calendar)

    def _warming(self) -> tuple[list[Happening], list[Happening]]:
        """Return what brings points by the scoring rules: on any day, and once as an inquiry."""
        daily: dict[str, Happening] = {}
        inquiries: dict[str, Happening] = {}
        entries = [entry.match for entry in self._plan.entry if isinstance(entry.match, EventMatch)]
        for model in self._publication.scoring.models.values():
            for rule in model.rules:
                match = rule.match
                if rule.points <= 0 or match.event.startswith(_BY_THE_ENGINE) or match in entries:
                    continue
                properties = _properties(match)
                text = _told(self._publication, match.event, properties)
                kind = inquiries if match.event == "form_submitted" else daily
                if match.event in ("form_submitted", "page_viewed"):
                    kind.setdefault(text, (match.event, properties, text))
        asked = [one.properties for one in entries if one.event == "form_submitted"]
        fresh = [one for one in inquiries.values() if not any(_fits(wanted, one[1]) for wanted in asked)]
        forms = self._publication.workspace.forms
        urgent = [one for one in fresh if (form := forms.get(str(one[1].get("form")))) and form.inquiry]
        return list(daily.values()), urgent or fresh


def entry_event(publication: Publication, plan: Plan, lead: SimulatedLead) -> Happening:
    """Return the event that starts the journey, and put the lead where it can happen."""
    match = plan.entry[0].match
    stages, transitions = publication.lifecycle.stages, publication.lifecycle.transitions
    if isinstance(match, StageMatch):
        stage = match.stages[0]
        leading = next((one.source for one in transitions if one.to == stage and one.source), stages[:1])
        moved = {"from": leading[0], "to": stage}
        lead.stage = stage
        return "stage_changed", moved, f"the lead becomes {stage}"
    if not isinstance(match, EventMatch):
        return "lead_created", {}, "the lead becomes known"
    properties = _properties(match)
    if match.event == "deal_lost":
        properties = {"deal": "deal-1", "reason": _lost_reason(publication, plan)} | properties
    caused = next(
        (one for one in transitions if one.event is not None and one.event.event == match.event), None
    )
    if caused is not None and caused.source:
        lead.stage = caused.source[-1]
    return match.event, properties, _told(publication, match.event, properties)


def _lost_reason(publication: Publication, plan: Plan) -> str:
    steps = [step for step in plan.steps.values() if isinstance(step, RecycleStep)]
    named = [reason for step in steps for reason in step.cooldown if reason != "default"]
    return next(iter([*named, *publication.workspace.lost_reasons]), "")


def _properties(match: EventMatch) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for wanted in match.properties:
        found[wanted.name] = wanted.values[0] if wanted.values else wanted.prefix or ""
    if match.event == "page_viewed":
        found.setdefault("path", "/")
    return found


def _fits(wanted: tuple[Any, ...], properties: Mapping[str, Any]) -> bool:
    return all(properties.get(one.name) in one.values for one in wanted)


def _told(publication: Publication, event_type: str, properties: Mapping[str, Any]) -> str:
    if event_type == "form_submitted" and properties.get("form") in publication.workspace.forms:
        form = str(properties["form"])
        return f"fills in the form {form} “{publication.workspace.forms[form].title or form}”"
    if event_type == "page_viewed":
        return f"views {properties.get('path', '/')}"
    detail = ", ".join(f"{name} {value}" for name, value in properties.items())
    return event_type.replace("_", " ") + (f": {detail}" if detail else "")
