"""What conditions may ask of a simulated lead's past: `did`, and opening hours."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, cast
from zoneinfo import ZoneInfo

from leadloop.conditions import SURROUNDINGS, EvaluationError, Facts, FactValue
from leadloop.journey.calendar import is_open
from leadloop.journey.matching import event_matches
from leadloop.journey.past import ENTRY, begins, counted, leaves
from leadloop.journey.simulation.events import SimulatedEvent
from leadloop.language.plan import Calendar, Did, Workspace


@dataclass(frozen=True)
class View:
    """What a journey's questions know beyond the lead's: its entry, its arrivals, mails and record."""

    entered_seq: int
    arrivals: Mapping[str, int]
    sends: Mapping[str, Sequence[str]]
    concerns: Callable[[SimulatedEvent], bool]


@dataclass
class SimulatedPast:
    """One lead's past as it is now; with a view, as one journey sees it."""

    events: Sequence[SimulatedEvent]
    workspace: Workspace
    zone: ZoneInfo
    now: datetime
    view: View | None = None
    facts: Facts = field(default_factory=dict)
    """What a question's `where` may read."""

    def bind(self, facts: dict[str, FactValue]) -> dict[str, FactValue]:
        """Put this past among the facts, let its questions read them, and return them."""
        cast(dict[str, Any], facts)[SURROUNDINGS] = self
        self.facts = facts
        return facts

    def arrived(self, arrivals: Mapping[str, int], facts: Facts) -> SimulatedPast:
        """Return the past for a walk that has gone on since its facts were read."""
        view = replace(self.view, arrivals=arrivals) if self.view is not None else None
        return replace(self, view=view, facts=facts)

    def did(self, question: Did) -> bool:
        """Return whether the lead did it, counted as the question says."""
        return len(counted(self._matching(question), question)) >= question.at_least

    def is_open(self, calendar: str) -> bool:
        """Return whether a calendar is open now, in the lead's zone."""
        declared = self.workspace.calendars.get(calendar)
        if declared is None:
            raise EvaluationError(f'open("{calendar}"): there is no such calendar')
        return is_open(declared, self.now, self.zone)

    def next_change(self, question: Did) -> datetime | None:
        """Return when the answer turns false by time alone; None where it never does."""
        if question.within is None:
            return None
        found = counted(self._matching(question), question)
        if len(found) < question.at_least:
            return None
        return leaves(found[-1], question.within, self.now, self.zone, self._calendar())

    def _matching(self, question: Did) -> Iterator[SimulatedEvent]:
        match, since, keys = question.match, self._since(question), self._keys(question)
        if since is None:
            return
        earliest = begins(question.within, self.now, self.zone, self._calendar()) if question.within else None
        for event in reversed(self.events):
            if event.type != match.event or event.seq <= since:
                continue
            if earliest is not None and event.occurred_at < earliest:
                continue
            if match.of and event.send_key not in keys:
                continue
            if self.view is not None and not self.view.concerns(event):
                continue
            if event_matches(match, event, self.facts):
                yield event

    def _since(self, question: Did) -> int | None:
        if question.since is None:
            return 0
        if self.view is None:
            raise EvaluationError("`since` needs a journey")
        return self.view.entered_seq if question.since == ENTRY else self.view.arrivals.get(question.since)

    def _keys(self, question: Did) -> set[str]:
        sends = self.view.sends if self.view is not None else {}
        return {key for step in question.match.of for key in sends.get(step, ())}

    def _calendar(self) -> Calendar | None:
        window = self.workspace.limits.send_window
        return self.workspace.calendars.get(window.calendar) if window else None
