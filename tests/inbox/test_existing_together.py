"""`existing: include` for many leads in one transaction: as if each had been visited alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event as sql_event
from sqlmodel import SQLModel, select

from leadloop.inbox import backfill
from leadloop.inbox.entries.enrolling import enrol_leads
from leadloop.language import plan as p
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Enrolment, Event, EventKey, Lead
from tests.factories import ManualClock
from tests.inbox.driver import journeys, report, settle
from tests.inbox.entry_worlds import (
    add_lead,
    begin,
    condition,
    publication,
    republish,
    scenario,
    segment,
    world,
)

LARGE = segment(condition("lead.employees >= 100", lead__employees="int"))
JAPAN = condition('lead.country == "JP"', lead__country="text")
STAGE = p.StageMatch(stages=("mql",))
OTHER = scenario(p.ManualMatch(), name="other", group="nurture")
PER_RUN = {
    "id",
    "enrolment_id",
    "cause_event_id",
    "causation_id",
    "publication_id",
    "event_id",
    "external_id",
}
PER_RUN |= {"lead_seq"}  # alone, what a refusal tells comes behind all entries, not behind its own


def including() -> p.Publication:
    """Two scenarios that take in who is there: by stage, and by a segment that was published before."""
    by_stage = scenario(STAGE, name="by-stage", existing="include", audience=JAPAN, group="nurture")
    by_segment = scenario(
        p.SegmentMatch(segment="large"), name="by-segment", existing="include", group="nurture"
    )
    return publication(OTHER, by_stage, by_segment, segments={"large": LARGE})


def opened(folder: Path, clock: ManualClock) -> Environment:
    return world(folder, clock, OTHER, segments={"large": LARGE})


def add_people(env: Environment) -> None:
    large = {"employees": 300}
    people: dict[str, dict[str, Any]] = {
        "nowhere": {},
        "staged": {"stage": "mql"},
        "abroad": {"stage": "mql", "country": "US"},
        "large": {"fields": large},
        "both": {"stage": "mql", "fields": large},
        "grouped": {"stage": "mql", "fields": large},
        "busy": {"stage": "mql"},
    }
    for name, values in people.items():
        fields = {"country": "JP"} | values
        add_lead(env, id=name, email=f"{name}@kaisha.example", **fields)
    enrol_leads(env, "other", ["grouped"])
    report(env, "page_viewed", lead_id="busy")


def rows_of(env: Environment, table: type[SQLModel]) -> list[Any]:
    """Return the rows of a table, without what differs from run to run."""
    with env.database.read() as session:
        found = [row.model_dump(exclude=PER_RUN) for row in session.exec(select(table)).all()]
    return sorted(found, key=repr)


def test_existing_leads_enter_together_as_they_would_alone(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for name in ("together", "alone"):
        env = opened(tmp_path / name, clock)
        if name == "alone":
            monkeypatch.setattr(backfill, "_is_simple", lambda *_: False)
        add_people(env)
        republish(env, including(), batch=3)
        settle(env)
        assert [(row.lead_id, row.scenario) for row in journeys(env) if row.scenario != "other"] != []
        found.append([rows_of(env, table) for table in (Lead, Event, Enrolment, EventKey)])
        env.database.close()
    together, alone = found
    for mine, theirs in zip(together, alone, strict=True):
        assert mine == theirs
    entered = {(row["lead_id"], row["scenario"]) for row in together[2]}
    assert entered == {
        ("grouped", "other"), ("staged", "by-stage"), ("both", "by-stage"), ("busy", "by-stage"),
        ("large", "by-segment"),
    }  # fmt: skip


def test_existing_leads_enter_once_where_the_backfill_dies_in_between(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = opened(tmp_path, clock)
    for _ in range(9):
        add_lead(env, stage="mql", country="JP")
    begin(env, including())
    monkeypatch.setattr(backfill, "moved_on", _dies)
    with pytest.raises(KeyboardInterrupt):
        backfill.run_backfill(env, 4)
    assert len(journeys(env)) == 4
    monkeypatch.undo()
    while backfill.run_backfill(env, 4):
        pass
    assert len({row.lead_id for row in journeys(env)}) == len(journeys(env)) == 9
    env.database.close()


def _dies(*_: object) -> None:
    raise KeyboardInterrupt


def test_existing_leads_cost_no_statement_each(tmp_path: Path, clock: ManualClock) -> None:
    counts = []
    for number in (5, 40):
        env = opened(tmp_path / str(number), clock)
        for _ in range(number):
            add_lead(env, fields={"employees": 300})
        begin(env, including())
        statements: list[str] = []

        def note(_c: Any, _k: Any, statement: str, *_: Any, into: list[str] = statements) -> None:
            into.append(statement)

        sql_event.listen(env.database.engine, "before_cursor_execute", note)
        assert backfill.run_backfill(env) == number
        sql_event.remove(env.database.engine, "before_cursor_execute", note)
        assert len(journeys(env)) == number
        counts.append(len(statements))
        env.database.close()
    assert counts[1] <= counts[0]
