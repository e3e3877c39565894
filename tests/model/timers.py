"""The model's entries by time: the lead has a timer of its own for each.

A timer moves when what it counts from moves, and an instant that is past is never waited for. Inactivity
enters once, until the person does something again; a date once for one value of it; a schedule each time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from leadloop.journey.calendar import add_span, resolve_wait
from leadloop.journey.schedule import next_instant
from leadloop.language import plan as p
from tests.model.lead import Lead

Key = tuple[str, int]
"""A scenario, and the number of its entry."""


@dataclass(frozen=True)
class Timer:
    at: datetime
    day: str
    """What the entry stands for: a date, or the local day; of cron with the time."""


@dataclass
class Timers:
    """The timers of one lead."""

    lead: Lead
    waiting: dict[Key, Timer] = field(default_factory=dict)
    _entered: set[tuple[Key, str]] = field(default_factory=set)
    """Dates that were entered for already."""

    def keep(self, now: datetime) -> None:
        """Let every timer stand for the lead as it is now."""
        for key, match in self._entries():
            timer, waits = self._timer(match, now), self.waiting.get(key)
            repeats = waits is not None and timer is not None and isinstance(match, p.ScheduleMatch)
            if repeats or (waits is not None and waits == timer):  # it stands, though its time may have come
                continue
            self.waiting.pop(key, None)
            if timer is not None and timer.at > now:
                self.waiting[key] = timer

    def take_due(self, now: datetime) -> Iterator[tuple[Key, Timer]]:
        """Yield what enters now: its time has come, and what it counts from is still the same."""
        entries = dict(self._entries())
        for key in sorted(self.waiting):
            timer = self.waiting.get(key)
            if timer is None or timer.at > now:
                continue
            del self.waiting[key]
            match, present = entries[key], self._timer(entries[key], now)
            if isinstance(match, p.DateMatch):
                known = (key, timer.day) in self._entered
                self._entered.add((key, timer.day))
                stands = present == timer and not known
            else:
                stands = present is not None and (present == timer or isinstance(match, p.ScheduleMatch))
            if stands:
                yield key, timer

    def _entries(self) -> Iterator[tuple[Key, p.EntryMatch]]:
        for plan in self.lead.publication.plans.values():
            for index, entry in enumerate(plan.entry):
                if isinstance(entry.match, p.InactiveMatch | p.DateMatch | p.ScheduleMatch):
                    yield (plan.scenario, index), entry.match

    def _timer(self, match: p.EntryMatch, now: datetime) -> Timer | None:
        lead, zone = self.lead, self.lead.zone
        if isinstance(match, p.InactiveMatch):
            at = add_span(lead.last_active_at or lead.created_at, match.after, zone, lead.send_calendar)
            return Timer(at, at.astimezone(zone).date().isoformat())
        if isinstance(match, p.ScheduleMatch):
            if match.segment is not None and match.segment not in lead.segments:
                return None
            zone = ZoneInfo(match.zone) if match.zone is not None else zone
            at = next_instant(match.schedule, now, zone)
            form = "%Y-%m-%dT%H:%M" if isinstance(match.schedule, p.Cron) else "%Y-%m-%d"
            return Timer(at, at.astimezone(zone).strftime(form))
        assert isinstance(match, p.DateMatch)
        value = lead.fields.get(match.fact.removeprefix("lead."))
        wait = p.WaitSpec(until=p.Until(fact=match.fact, offset=match.offset), at=match.at)
        resolved = resolve_wait(
            wait, start=now, zone=zone, calendar=lead.send_calendar, fact=lambda _: value or None
        )
        return Timer(resolved.at, str(value)) if resolved is not None else None
