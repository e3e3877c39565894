"""The points of a simulated lead: rules, attributes, decay and bands, as the scoring files say."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from leadloop.conditions import Facts
from leadloop.journey.matching import event_matches, is_true
from leadloop.journey.points import band_of, leaves_at, score_of, shown, span_delta
from leadloop.journey.simulation.events import SimulatedEntry, SimulatedEvent
from leadloop.journey.thresholds import SCORE_CROSSED, crossings, passes_at, read_thresholds
from leadloop.language.plan import AtMost, Publication, ScoreRule

_TRUST = {"any": 0, "likely": 1, "verified": 2}
_RESET = "reset"


class SimulatedLedger:
    """Every point is a line; a score is what the lines since the last reset are worth now."""

    def __init__(self, publication: Publication) -> None:
        self.scoring = publication.scoring
        self.thresholds = read_thresholds(
            (publication.plans, publication.segments, publication.lifecycle), self.scoring.models
        )
        self.entries: list[SimulatedEntry] = []
        self.bands = {name: one.levels[-1][0] for name, one in self.scoring.bands.items()}
        self._shown = dict.fromkeys(self.scoring.models, 0)

    def points(self, model: str, now: datetime) -> int:
        """Return a score in whole points."""
        return shown(self._score(model, now))

    def add(self, model: str, rule: str, points: int, now: datetime) -> SimulatedEntry:
        """Write a line that no event brought."""
        entry = SimulatedEntry(model, rule, points, now)
        self.entries.append(entry)
        return entry

    def reset(self, model: str, now: datetime) -> None:
        """Set a score back to nothing."""
        self.add(model, _RESET, -self.points(model, now), now)

    def set_band(self, model: str, band: str, now: datetime) -> None:
        """Take a band as it is given, without news."""
        self.bands[model] = band
        self._shown[model] = self.points(model, now)

    def count(
        self,
        event: SimulatedEvent,
        past: Sequence[SimulatedEvent],
        facts: Callable[[], Facts],
        zone: ZoneInfo,
    ) -> list[SimulatedEntry]:
        """Write the points that an event brings by the rules, and return them."""
        found: list[SimulatedEntry] = []
        for name, model in self.scoring.models.items():
            if _TRUST[event.trust] < _TRUST[model.trust]:
                continue
            for rule in model.rules:
                if rule.match.event != event.type or not event_matches(rule.match, event, facts()):
                    continue
                if self._counts(name, rule, event, past, facts(), zone):
                    entry = SimulatedEntry(name, rule.id, rule.points, event.occurred_at, event)
                    self.entries.append(entry)
                    found.append(entry)
        return found

    def attributes(self, facts: Facts, now: datetime) -> list[SimulatedEntry]:
        """Bring the points for what the lead is in line with its facts, and return the changes."""
        found: list[SimulatedEntry] = []
        for name, model in self.scoring.models.items():
            for attribute in model.attributes:
                held = sum(one.points for one in self._counting(name) if one.rule == attribute.id)
                wanted = attribute.points if is_true(attribute.when, facts) else 0
                if wanted != held:
                    found.append(self.add(name, attribute.id, wanted - held, now))
        return found

    def moves(self, now: datetime) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the bands that changed, and the reported numbers that were passed, as events."""
        for name in self.scoring.models:
            score = self._score(name, now)
            bands = self.scoring.bands.get(name)
            new = band_of(bands, score, self.bands[name]) if bands is not None else ""
            if bands is not None and new != self.bands[name]:
                old, self.bands[name] = self.bands[name], new
                yield "band_changed", {"model": name, "from": old, "to": new}
            before, self._shown[name] = self._shown[name], shown(score)
            for number, direction in crossings(before, score, self.thresholds.reported.get(name, ())):
                yield SCORE_CROSSED, {"model": name, "threshold": number, "direction": direction}

    def next_decay(self, now: datetime) -> datetime | None:
        """Return when decay alone changes a band, or an answer of a condition."""
        found: list[datetime | None] = []
        for name, model in self.scoring.models.items():
            score = self._score(name, now)
            if name in self.bands:
                found.append(leaves_at(self.scoring.bands[name], model, score, self.bands[name], now))
            found.append(passes_at(model, score, self.thresholds.edges.get(name, ()), now))
        return min((at for at in found if at is not None), default=None)

    def _counts(
        self,
        model: str,
        rule: ScoreRule,
        event: SimulatedEvent,
        past: Sequence[SimulatedEvent],
        facts: Facts,
        zone: ZoneInfo,
    ) -> bool:
        earlier = [one for one in self.entries if one.model == model and one.rule == rule.id]
        if rule.at_most is not None:
            same = [one for one in earlier if _same_period(rule.at_most, one, event, zone)]
            if len(same) >= rule.at_most.count:
                return False
        if rule.every is None:
            return True
        since = event.occurred_at - span_delta(rule.every.within)
        after = earlier[-1].event.seq if earlier and earlier[-1].event else 0
        matching = [
            one
            for one in past
            if one.occurred_at > since and one.seq > after and event_matches(rule.match, one, facts)
        ]
        return len(matching) >= rule.every.times

    def _counting(self, model: str) -> list[SimulatedEntry]:
        rows = [one for one in self.entries if one.model == model]
        for index in range(len(rows) - 1, -1, -1):
            if rows[index].rule == _RESET:
                return rows[index + 1 :]
        return rows

    def _score(self, model: str, now: datetime) -> float:
        return score_of(self._counting(model), self.scoring.models[model], now)


def _same_period(at_most: AtMost, entry: SimulatedEntry, event: SimulatedEvent, zone: ZoneInfo) -> bool:
    if at_most.per == "message":
        return entry.event is not None and entry.event.send_key == event.send_key
    if at_most.per == "day":
        return entry.at.astimezone(zone).date() == event.occurred_at.astimezone(zone).date()
    return entry.at > event.occurred_at - span_delta(at_most.per)
