"""Plays one scenario for one made-up lead with `decide` alone: what `leadloop try` shows.

The engine's part is done in memory: effects, scores, segments, armed waits, exits, the send window and
the caps. Time jumps from one thing to the next, so that weeks take milliseconds. Pure.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from itertools import count
from typing import Any, Literal

from leadloop.conditions import Facts
from leadloop.journey.calendar import add_span, at_time
from leadloop.journey.effects import AskMessage
from leadloop.journey.simulation.choices import Choices, Deed
from leadloop.journey.simulation.elsewhere import Elsewhere
from leadloop.journey.simulation.entering import enter, who_comes
from leadloop.journey.simulation.events import Applied
from leadloop.journey.simulation.habits import Habits
from leadloop.journey.simulation.happenings import BY_THE_ENGINE, Happening, Happenings
from leadloop.journey.simulation.journey import Journey
from leadloop.journey.simulation.timeline import Behaviour, Line, Timeline
from leadloop.journey.simulation.words import Words
from leadloop.journey.state import TimedOut
from leadloop.language.plan import AwaitStep, Plan, Publication

HORIZON = timedelta(days=500)
_MOST_LINES = 400
_VIEW = "page_viewed"
_OF_MAIL = ("email_", "unsubscribed")


class Play:
    """The world of one timeline: the clock, the agenda, the lead, the journey."""

    def __init__(
        self,
        publication: Publication,
        plan: Plan,
        behaviour: Behaviour,
        start: datetime,
        choices: Choices,
        language: Literal["en", "ja"],
    ) -> None:
        self.publication, self.plan, self.choices = publication, plan, choices
        self.timeline = Timeline(behaviour)
        self.coming = who_comes(publication, plan, start, choices)
        self.lead, self.now = self.coming.lead, self.coming.at
        self.start, self.zone = self.now, self.lead.zone
        record = self.coming.record
        self.happenings = Happenings(publication, {record.kind: record.key} if record is not None else {})
        self.habits = Habits(
            publication,
            plan,
            behaviour,
            self.zone,
            self.happenings,
            choices,
            record.instants(self.zone) if record is not None else (),
        )
        self.words = Words(plan, self.zone, language, self._facts)
        self.journey: Journey | None = None
        self._elsewhere = Elsewhere(publication, plan)
        self._agenda: list[tuple[datetime, int, Callable[[], None]]] = []
        self._numbers = count(1)
        self._left = list(choices.deeds)

    def run(self) -> Timeline:
        """Play until the journey ends, nothing happens any more, or the horizon is reached."""
        journey = self.journey = enter(self)
        if journey is not None:
            self.timeline.entered = True
            self._plan_ahead()
            journey.start()
            while not journey.ended:
                if len(self.timeline.lines) > _MOST_LINES or not self._go_on(journey):
                    self.say("note", "the journey goes on from here")
                    break
            self.timeline.visited = tuple(journey.state.visits)
        for deed in self._left:
            self.say("note", f"{deed.event} would have come later: it changes nothing here")
        timeline, lead = self.timeline, self.lead
        models = self.publication.scoring.models
        timeline.scores = {name: lead.ledger.points(name, self.now) for name in models}
        timeline.zone = self.zone.key
        timeline.bands, timeline.stage = dict(lead.ledger.bands), lead.stage
        return timeline

    # --- telling

    def say(
        self,
        kind: str,
        text: str,
        step: str | None = None,
        applied: Applied | None = None,
        detail: Mapping[str, Any] | None = None,
    ) -> None:
        """Add a line."""
        points = tuple((one.model, one.points, one.rule) for one in applied.entries) if applied else ()
        self.timeline.lines.append(Line(self.now, kind, text, step or None, points, dict(detail or {})))

    def say_moves(self, applied: Applied) -> None:
        """Tell the bands, stages and segments that changed."""
        for event in applied.events:
            change = event.properties
            if event.type == "band_changed":
                self.say("stage", f"{change['model']} {change['from']} → {change['to']}")
            elif event.type == "stage_changed":
                self.say("stage", f"stage {change['from']} → {change['to']}")
            elif event.type in ("segment_entered", "segment_left"):
                verb = "joins" if event.type == "segment_entered" else "leaves"
                self.say("stage", f"{verb} the segment {change['segment']}")

    def tell_elsewhere(self, applied: Applied) -> None:
        """Tell which other scenarios would take the lead by what happened."""
        ended = self.journey is not None and self.journey.ended
        for event in applied.events:
            for line in self._elsewhere.notes(event, self.lead, ended):
                self.say("note", line)

    # --- what happens

    def later(self, at: datetime, act: Callable[[], None]) -> None:
        """Put something on the agenda."""
        heapq.heappush(self._agenda, (at, next(self._numbers), act))

    def happen(
        self,
        event_type: str,
        properties: Mapping[str, Any],
        text: str,
        *,
        kind: str = "event",
        trust: str = "likely",
        send_key: str | None = None,
        quiet: bool = False,
    ) -> None:
        """Let something happen, and the journey react to it. `quiet` tells it only for its points."""
        journey = self.journey
        if journey is None or journey.ended:
            return
        by_person = not event_type.startswith(BY_THE_ENGINE)
        applied = self.lead.apply(event_type, self.now, properties, trust, send_key, by_person)
        if applied.entries or not quiet:
            self.say(kind, text, applied=applied)
        self.say_moves(applied)
        if self.coming.is_again(applied.events[0], self._facts()):
            if self.plan.reentry.mode == "always":
                journey.end("restarted", "entered again")
                return
            self.say("note", f"{self.plan.scenario} is open already: it is not entered again")
        journey.react(applied.events)
        self.tell_elsewhere(applied)

    def by_sales(self, event_type: str, properties: Mapping[str, Any], text: str) -> Callable[[], None]:
        """Return what sales does later."""
        return lambda: self.happen(event_type, properties, text, kind="sales", trust="verified")

    def mailed(self, asked: AskMessage) -> None:
        """Record that a mail went out, and let the lead do with it what it does."""
        applied = self.lead.apply("email_sent", self.now, {}, "verified", asked.send_key)
        if self.journey is not None:
            self.journey.exit_by(applied.events)
        for at, event_type, text in self.habits.reading(asked.template, self.now):
            self.later(at, self._reading(event_type, text, asked.send_key))

    def hope(self, step: AwaitStep, due_at: datetime | None) -> None:
        """Let the lead do what an `await` hopes for, where it is one that does."""
        found = self.habits.hoped(step, self.now, due_at)
        if found is not None:
            at, happenings = found
            self.later(at, lambda: self._visit(tuple(happenings), step.id))

    # --- the agenda

    def _plan_ahead(self) -> None:
        for at, visit in self.habits.visits(self.start):
            self.later(at, lambda visit=visit: self._visit(visit))  # type: ignore[misc]
        for deed in self.choices.deeds:
            at = add_span(self.start, deed.after, self.zone, self._send_calendar())
            at = at_time(at, deed.at, self.zone) if deed.at is not None else at
            self.later(at, lambda deed=deed: self._do(deed))  # type: ignore[misc]

    def _go_on(self, journey: Journey) -> bool:
        """Jump to the next thing and do it; False where nothing comes before the horizon."""
        changes_at, due_at = self.lead.next_change(self.now), journey.times_out_at
        at = min((one for one in (due_at, changes_at) if one is not None), default=None)
        if self._agenda and (at is None or self._agenda[0][0] <= at):
            at, _, act = heapq.heappop(self._agenda)
        elif at is None:
            return False
        elif at == due_at:
            act = self._time_out
        else:
            act = self._look_again
        if at > self.start + HORIZON:
            return False
        self.now = max(self.now, at)
        act()
        return True

    def _time_out(self) -> None:
        if self.journey is not None:
            self.journey.turn(TimedOut())

    def _look_again(self) -> None:
        applied = self.lead.settle(self.now)
        self.say_moves(applied)
        if self.journey is not None:
            self.journey.react(applied.events)
        self.tell_elsewhere(applied)

    def _visit(self, visit: tuple[Happening, ...], at_step: str | None = None) -> None:
        journey = self.journey
        if journey is None or journey.shielded or self.lead.in_sales:
            return
        if at_step is not None and journey.state.step != at_step:  # it has gone on since
            return
        for event_type, properties, text in visit:
            self.happen(event_type, properties, text, quiet=at_step is None and event_type == _VIEW)

    def _do(self, deed: Deed) -> None:
        """Play what was asked for; a mail, an offer or a task that it is about is the newest one."""
        journey = self.journey
        if journey is None:
            return
        self._left.remove(deed)
        key: str | None = None
        if deed.event.startswith(_OF_MAIL):
            keys = [
                one for step, found in journey.state.sends.items() if deed.of in (None, step) for one in found
            ]
            mails = [
                one.send_key for one in self.lead.events if one.type == "email_sent" and one.send_key in keys
            ]
            if deed.of is not None and not mails:
                self.say("note", f"{deed.event} of {deed.of} changes nothing: that mail was not sent")
                return
            key = mails[-1] if mails else None
        properties = self.happenings.with_records(deed.event, deed.properties)
        references = list(journey.outbox.references.values())
        for event, name in (("handoff_", "offer"), ("task_", "task")):
            mine = [one for one in references if one.startswith(f"{name}-")]
            if deed.event.startswith(event) and mine:
                properties.setdefault(name, mine[-1])
        told = self.happenings.told(deed.event, properties) + (f" of {deed.of}" if deed.of else "")
        self.happen(deed.event, properties, told, trust="verified", send_key=key)

    def _reading(self, event_type: str, text: str, key: str) -> Callable[[], None]:
        return lambda: self.happen(event_type, {}, text, send_key=key, quiet=event_type == "email_opened")

    def _send_calendar(self) -> Any:
        workspace = self.publication.workspace
        window = workspace.limits.send_window
        return workspace.calendars.get(window.calendar) if window else None

    def _facts(self) -> Facts:
        return self.journey.values() if self.journey is not None else self.lead.facts(self.now)


def simulate(
    publication: Publication,
    scenario: str,
    behaviour: Behaviour,
    start: datetime,
    choices: Choices | None = None,
    language: Literal["en", "ja"] = "en",
) -> Timeline:
    """Return the timeline of a published scenario. Raises `KeyError` for an unknown one."""
    plan = publication.plans[scenario]
    return Play(publication, plan, behaviour, start, choices or Choices(), language).run()
