"""The mails that one journey would get along its plan, if nobody reacts. Pure.

An estimate on the high side: where a plan branches on facts or by a draw, the way with the most mails
counts. Where only a person or an event leads on (an `await` without a limit, a hand-off, a task), the
way ends. A wait for a date that only the lead knows ends it too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from leadloop.journey.calendar import add_span, resolve_wait
from leadloop.language.plan import (
    AgainStep,
    AwaitStep,
    Calendar,
    ExperimentStep,
    HandOffStep,
    IfStep,
    Plan,
    RecycleStep,
    RepeatStep,
    SendStep,
    Span,
    Step,
    Stream,
    StreamStep,
    SwitchStep,
    Target,
    TaskStep,
    WaitSpec,
    WaitStep,
)

_MOST_STEPS = 300

Mails = tuple[datetime, ...]
"""When mails would go, in order."""
_Rounds = tuple[tuple[str, int], ...]


@dataclass
class Walker:
    """Walks one plan until an instant. Equal questions are answered once."""

    plan: Plan
    streams: Mapping[str, Stream]
    zone: ZoneInfo
    calendar: Calendar | None
    """Of business units: the send calendar."""
    until: datetime
    _known: dict[tuple[str, datetime, _Rounds], Mails] = field(default_factory=dict)

    def mails(self, target: Target, at: datetime) -> Mails:
        """Return the mails of a journey that comes to a target at an instant."""
        return self._go(target, at, (), 0)

    def after(self, step: Step, at: datetime) -> Mails:
        """Return the mails of a journey whose wait in a step ends at an instant without any event."""
        if isinstance(step, StreamStep):
            return self._casts(step, at, (), 0)
        if isinstance(step, SendStep):
            return self._go(step.next, at, (), 0)
        if isinstance(step, AwaitStep):
            return self._go(step.on_timeout, at, (), 0)
        if isinstance(step, TaskStep):
            return self._go(step.on_overdue, at, (), 0) if step.on_overdue is not None else ()
        if isinstance(step, ExperimentStep):
            return self._most((one.go for one in step.variants), at, (), 0)
        if isinstance(step, HandOffStep):
            return ()
        return self._go(step.next, at, (), 0)

    def after_cast(self, step: StreamStep, at: datetime) -> Mails:
        """Return the later mails of a stream whose present one goes at an instant."""
        return self._casts(step, self._later(at, step.every), (), 0)

    def _go(self, target: Target, at: datetime, rounds: _Rounds, depth: int) -> Mails:
        step = self.plan.steps.get(target.step or "")
        if step is None or at >= self.until or depth > _MOST_STEPS:
            return ()
        key = (step.id, at, rounds)
        if key not in self._known:
            self._known[key] = ()  # a loop that never waits, which no compiler lets through
            self._known[key] = self._from(step, at, rounds, depth + 1)
        return self._known[key]

    def _from(self, step: Step, at: datetime, rounds: _Rounds, depth: int) -> Mails:
        if isinstance(step, SendStep):
            return (at, *self._go(step.next, at, rounds, depth))
        if isinstance(step, StreamStep):
            return self._casts(step, at, rounds, depth)
        if isinstance(step, WaitStep):
            return self._wait(step.wait, step.next, at, rounds, depth)
        if isinstance(step, AwaitStep):
            return (
                () if step.timeout is None else self._wait(step.timeout, step.on_timeout, at, rounds, depth)
            )
        if isinstance(step, IfStep):
            return self._most((step.then, step.otherwise), at, rounds, depth)
        if isinstance(step, SwitchStep):
            return self._most((*(case.go for case in step.cases), step.otherwise), at, rounds, depth)
        if isinstance(step, ExperimentStep):
            return self._most((*(one.go for one in step.variants), step.next), at, rounds, depth)
        if isinstance(step, RepeatStep):
            inside = (*((name, n) for name, n in rounds if name != step.id), (step.id, 1))
            return max(
                self._go(step.first, at, inside, depth), self._go(step.next, at, rounds, depth), key=len
            )
        if isinstance(step, AgainStep):
            return self._again(step, at, rounds, depth)
        if isinstance(step, TaskStep):
            return self._overdue(step, at, rounds, depth)
        if isinstance(step, RecycleStep):
            cooldown = step.cooldown.get("default")
            return () if cooldown is None else self._go(step.next, self._later(at, cooldown), rounds, depth)
        if isinstance(step, HandOffStep):
            return ()
        return self._go(step.next, at, rounds, depth)

    def _casts(self, step: StreamStep, at: datetime, rounds: _Rounds, depth: int) -> Mails:
        stream = self.streams.get(step.stream)
        found: list[datetime] = []
        for _ in stream.items if stream is not None else ():
            if at >= self.until:
                return tuple(found)
            found.append(at)
            at = self._later(at, step.every)
        return (*found, *self._go(step.on_exhausted, at, rounds, depth))

    def _wait(self, spec: WaitSpec, target: Target, at: datetime, rounds: _Rounds, depth: int) -> Mails:
        ends = resolve_wait(spec, start=at, zone=self.zone, calendar=self.calendar, fact=lambda _: None)
        if ends is None:
            return ()
        if ends.past:
            return self._go(spec.if_past or target, at, rounds, depth)
        return self._go(target, ends.at, rounds, depth)

    def _again(self, step: AgainStep, at: datetime, rounds: _Rounds, depth: int) -> Mails:
        repeat = self.plan.steps.get(step.repeat)
        if not isinstance(repeat, RepeatStep):
            return ()
        after = self._go(repeat.next, at, rounds, depth)
        done = dict(rounds).get(repeat.id, 1)
        if done >= repeat.most:
            return after
        others = tuple((name, number) for name, number in rounds if name != repeat.id)
        return max(self._go(repeat.first, at, (*others, (repeat.id, done + 1)), depth), after, key=len)

    def _overdue(self, step: TaskStep, at: datetime, rounds: _Rounds, depth: int) -> Mails:
        if step.on_overdue is None:
            return ()
        return self._go(step.on_overdue, self._later(at, step.due), rounds, depth)

    def _later(self, at: datetime, span: Span) -> datetime:
        return add_span(at, span, self.zone, self.calendar)

    def _most(self, targets: Iterable[Target], at: datetime, rounds: _Rounds, depth: int) -> Mails:
        return max((self._go(target, at, rounds, depth) for target in targets), key=len, default=())
