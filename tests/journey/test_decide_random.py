"""Random valid scenarios, walked with random causes: a journey goes on, ends or is held, never worse."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from leadloop.conditions import FactValue, with_surroundings
from leadloop.journey.decide import MAX_STEPS, decide
from leadloop.journey.state import (
    BranchTaken,
    CallFinished,
    Cause,
    Continued,
    Decision,
    JourneyFacts,
    JourneyState,
    MessageFinished,
    Moved,
    Started,
    Stop,
    TimedOut,
    first_state,
)
from leadloop.language.plan import Did, Publication
from tests.language.documents import documents, dump, files_of
from tests.language.workspaces import compiled

NOW = datetime(2026, 11, 16, 1, 0, tzinfo=UTC)
TOKYO = ZoneInfo("Asia/Tokyo")
VALUES: dict[str, list[FactValue]] = {
    "lead.in_sales": [True, False],
    "lead.employees": [10, 300],
    "lead.industry": ["it", "manufacturing"],
    "lead.country": ["JP", "US"],
    "lead.stage": ["lead", "mql", "customer"],
    "lead.score.engagement": [0, 31],
    "lead.band.engagement": ["cold", "hot"],
    "lead.company.open_deals": [0, 2],
    "lead.created_at": [NOW - timedelta(days=100)],
    "lead.purchase_timing": [NOW - timedelta(days=3), NOW + timedelta(days=30)],
    "run.seminar.seats": [50, 200],
    "run.seminar.title": ["春のセミナー"],
    "run.seminar.starts_at": [NOW - timedelta(days=3), NOW + timedelta(days=30)],
}
"""Facts that a journey may have; each may be unknown."""


class Past:
    """Answers to conditions, drawn."""

    zone = TOKYO

    def __init__(self, random: Random) -> None:
        self._random = random

    def did(self, question: Did) -> bool:
        return self._random.random() < 0.5

    def is_open(self, calendar: str) -> bool:
        return self._random.random() < 0.5


class EveryRow(dict[str, str]):
    """The rows of all tasks and offers: each key has one."""

    def get(self, key: str, default: Any = None) -> Any:
        return f"row-{key}"

    def __missing__(self, key: str) -> str:
        return f"row-{key}"


def publication_of(document: dict[str, Any]) -> Publication:
    with tempfile.TemporaryDirectory() as folder:
        return compiled(Path(folder), files_of(dump(document, Random(0)))).require()


def facts(publication: Publication, random: Random, now: datetime, seq: int) -> JourneyFacts:
    """Return everything outside the journey, drawn anew for every turn."""
    workspace = publication.workspace
    values: dict[str, FactValue] = {
        name: random.choice(found) for name, found in VALUES.items() if random.random() < 0.8
    }
    values |= {"now": now, "run.entered_at": NOW, "run.cycle": 1}
    values |= {"lead.tags": random.choice([[], ["vip"]]), "lead.segments": random.choice([[], ["hot"]])}
    items = [item.template for stream in publication.streams.values() for item in stream.items]
    return JourneyFacts(
        enrolment_id="e1",
        values=with_surroundings(values, Past(random)),
        lead_seq=seq,
        zone=TOKYO,
        calendars=workspace.calendars,
        send_calendar=workspace.calendars["office"],
        queues=workspace.queues,
        streams=publication.streams,
        had_templates=frozenset(one for one in items if random.random() < 0.4),
        open_deals=random.choice([0, 1]),
        references=EveryRow() if random.random() < 0.95 else {},
        subject_key="l1",
        record_key="s-1",
        winners={},
    )


def cause_for(stop: Stop, random: Random, seq: int) -> Cause:
    """Return what may happen next: mostly what the journey waits for, at times something else."""
    if stop.kind == "again":
        return Continued()
    message = MessageFinished(
        random.choice(["sent", "skipped", "failed", "uncertain"]), reason="no_permission"
    )
    held = MessageFinished("held", hold_until=NOW + timedelta(hours=random.randint(1, 90)))
    call = CallFinished(random.choice(["done", "failed", "uncertain"]), code=random.choice([None, 200, 500]))
    branch = BranchTaken(
        random.randrange(max(1, len(stop.arms))),
        seq=seq,
        event_type=random.choice(["page_viewed", "task_done", "lead_accepted", "deal_lost", "deal_won"]),
        event_id="v1",
        properties=random.choice(
            [{}, {"outcome": "connected"}, {"outcome": "absent"}, {"reason": "timing", "date": "2027-04"}]
        ),
    )
    expected: dict[str, list[Cause]] = {"send": [message, held], "call": [call], "wait": [branch, TimedOut()]}
    odd: list[Cause] = [message, call, branch, TimedOut(), Moved(due_at=None)]
    return random.choice(expected.get(stop.kind, odd) if random.random() < 0.97 else odd)


def check(publication: Publication, state: JourneyState, decision: Decision) -> None:
    """Check what holds for every decision, whatever led to it."""
    plan, stop = publication.plans["welcome"], decision.stop
    assert decision.state.step in plan.steps
    assert stop.kind != "held" or stop.reason
    assert stop.kind != "end" or stop.outcome
    assert stop.kind != "send" or stop.send_key
    assert stop.kind != "call" or stop.call_key
    assert "a loop without a wait" not in (stop.reason or "")
    assert decision.steps_walked <= MAX_STEPS
    assert JourneyState.model_validate_json(decision.state.model_dump_json()) == decision.state
    for name, count in state.visits.items():
        assert decision.state.visits[name] >= count


@settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(document=documents(most=8), seed=st.integers(0, 2**32))
def test_random_journey_never_raises(document: dict[str, Any], seed: int) -> None:
    publication = publication_of(document)
    plan, random = publication.plans["welcome"], Random(seed)
    for _ in range(3):
        state, now, seq, walked = first_state(plan, None), NOW, 10, 0
        following: Cause = Started()
        for _ in range(60):
            known = facts(publication, random, now, seq)
            decision = decide(plan, state, known, following, now, walked, last_step=random.random() < 0.02)
            check(publication, state, decision)
            if decision.stop.kind in ("end", "held"):
                break
            state, stop = decision.state, decision.stop
            walked = decision.steps_walked if stop.kind == "again" else 0
            if stop.kind != "again":
                now = max(now, stop.due_at or now) + timedelta(minutes=random.randint(1, 3000))
                seq += random.randint(1, 5)
            following = cause_for(stop, random, seq)
