"""Who is a member of which segment, given a lead's facts. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Protocol, cast

from leadloop.conditions import SURROUNDINGS, Facts
from leadloop.journey.matching import is_true
from leadloop.language.plan import Did, Segment

SEGMENTS = "lead.segments"


class _Past(Protocol):
    def next_change(self, question: Did) -> datetime | None: ...


def memberships(segments: Mapping[str, Segment], facts: Facts) -> list[str]:
    """Return the segments a lead is a member of, in the order they are published.

    A segment may ask for another one. Memberships are worked out from none, as often as there are
    segments, so that the order they are written in does not matter. An unknown or failing condition
    is not true.
    """
    members: list[str] = []
    for _ in range(len(segments) + 1):
        known = {**facts, SEGMENTS: members}
        found = [name for name, segment in segments.items() if is_true(segment.when, known)]
        if found == members:
            break
        members = found
    return members


def timed_questions(segments: Iterable[Segment]) -> list[Did]:
    """Return the questions whose answer time alone can change: those with `within`."""
    return [
        question
        for segment in segments
        for question in segment.when.did.values()
        if question.within is not None
    ]


def next_change(questions: Iterable[Did], facts: Facts) -> datetime | None:
    """Return the earliest instant at which time alone changes an answer, or None.

    The `Surroundings` among the facts know the past; without them nothing changes.
    """
    past = cast(_Past | None, cast(Mapping[str, object], facts).get(SURROUNDINGS))
    if past is None:
        return None
    found = [at for at in (past.next_change(question) for question in questions) if at is not None]
    return min(found, default=None)
