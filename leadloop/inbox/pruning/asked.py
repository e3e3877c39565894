"""What compiled conditions and waits may ask of the past: which events, and how far back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from pydantic import BaseModel
from sqlmodel import Session, select

from leadloop.inbox.relaying.due_rows import WAITING
from leadloop.inbox.turns.causes import FINISH, LOST
from leadloop.language.plan import (
    AtMost,
    Did,
    Entry,
    EventMatch,
    Every,
    ExperimentStep,
    Plan,
    Span,
    StageMatch,
)
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Due, Enrolment, EnrolmentStatus

_DAYS = {"seconds": 1 / 86400, "minutes": 1 / 1440, "hours": 1 / 24, "days": 1, "weeks": 7, "months": 31}
_SPARE_DAYS = 2
"""A day is a calendar day: with a change of clocks or of zone it is longer than 24 hours."""
_OPEN_DAYS = 8
"""A business day or hour is at most so many days away from the next, if the calendar opens weekly…"""
_CLOSED_DAYS = 62
"""… apart from so many days of holidays."""
_STAGE_CHANGED = "stage_changed"


@dataclass
class Asked:
    """What of the past has to stay."""

    longest: timedelta = timedelta(0)
    """The longest time that anything counts back from now."""
    for_ever: set[str] = field(default_factory=set)
    """Types of events that something asks for without an end."""
    since_entry: set[str] = field(default_factory=set)
    """Types of events that a journey may look back to, but not before its entry."""
    waiting: set[str] = field(default_factory=set)
    """Events whose entry waits its turn."""


def asked_by(parts: object) -> Asked:
    """Return what compiled shapes ask for, however deep they are."""
    asked = Asked()
    for shape in _shapes(parts):
        _note(asked, shape)
    return asked


def asked_now(session: Session, env: Environment) -> Asked:
    """Return what is asked for by what is live, and by the plans of the journeys that are open."""
    live = env.publications.current(session).publication
    asked = asked_by([live.plans, _open_plans(session, env)])
    beside = asked_by([live.segments, live.scoring, live.lifecycle, live.streams])  # they know no entry
    asked.longest = max(asked.longest, beside.longest)
    asked.for_ever |= beside.for_ever
    details = session.exec(select(Due.detail).where(Due.kind == WAITING)).all()
    asked.waiting = {detail["event"] for detail in details if isinstance(detail.get("event"), str)}
    return asked


def _open_plans(session: Session, env: Environment) -> list[Plan]:
    digests: set[str] = set()
    for plan, following in session.exec(
        select(Enrolment.plan_digest, Enrolment.move_to)
        .where(Enrolment.status != EnrolmentStatus.ENDED)
        .distinct()
    ).all():
        digests.add(plan)
        if following is not None and following != FINISH:
            digests.add(following.removeprefix(LOST))
    return [env.publications.plan(one, session) for one in sorted(digests)]


def _note(asked: Asked, shape: BaseModel) -> None:
    match shape:
        case Did():
            if shape.within is not None:
                _reach(asked, at_most(shape.within))
            elif shape.since is None:
                asked.for_ever.add(shape.match.event)
        case Every():
            _reach(asked, at_most(shape.within))
        case AtMost(per=Span() as span):
            _reach(asked, at_most(span))
        case Entry(match=EventMatch(event=event)) if shape.people is not None:
            if shape.within is not None:
                _reach(asked, at_most(shape.within))
            else:
                asked.for_ever.add(event)
        case ExperimentStep():  # judged after the rest, by what came within each draw
            within = at_most(shape.metric.within) if shape.metric.within is not None else timedelta(0)
            _reach(asked, within + (at_most(shape.rest.after) if shape.rest is not None else timedelta(0)))
        case EventMatch():
            asked.since_entry.add(shape.event)
        case StageMatch():
            asked.since_entry.add(_STAGE_CHANGED)


def at_most(span: Span) -> timedelta:
    """Return a length of time that a span never exceeds, whatever the calendar and the zone."""
    days = _DAYS.get(span.unit)
    if days is None:  # business days and hours
        return timedelta(days=span.amount * _OPEN_DAYS + _CLOSED_DAYS)
    return timedelta(days=span.amount * days + _SPARE_DAYS)


def _reach(asked: Asked, back: timedelta) -> None:
    asked.longest = max(asked.longest, back)


def _shapes(part: object) -> Iterator[BaseModel]:
    inner: Iterable[object] = ()
    if isinstance(part, BaseModel):
        yield part
        inner = [getattr(part, name) for name in type(part).model_fields]
    elif isinstance(part, Mapping):
        inner = part.values()
    elif isinstance(part, tuple | list):
        inner = part
    for one in inner:
        yield from _shapes(one)
