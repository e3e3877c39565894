"""What the engine and the model must agree on, and what must hold of the engine alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from difflib import ndiff
from pprint import pformat
from typing import Any

from sqlmodel import col, select

from leadloop.inbox.doctor import examine
from leadloop.scoring.ledger import score_at, shown
from leadloop.storage.tables import (
    Call,
    Enrolment,
    EnrolmentStatus,
    Event,
    Lead,
    LeadScore,
    MessageStatus,
    Offer,
    ScoreEntry,
    Task,
    Turn,
)
from tests.model.engine import Engine
from tests.model.journey import Journey
from tests.model.world import World

View = dict[str, Any]
OF_THE_PERSON = ("lead", "ledger", "story")
"""What an erasure empties."""


def view_of_engine(engine: Engine) -> View:
    """Return the lead, its journeys with their paths, and its mails, as they are in the database."""
    with engine.database.read() as session:
        lead = session.get_one(Lead, engine.lead_id)
        models = engine.env.publications.current(session).publication.scoring.models
        points = {
            name: shown(score_at(session, lead.id, name, model, engine.clock.now()))
            for name, model in models.items()
        }
        readings = session.exec(select(LeadScore).where(LeadScore.lead_id == lead.id)).all()
        entries = session.exec(select(ScoreEntry).where(ScoreEntry.lead_id == lead.id)).all()
        story = session.exec(
            select(Event).where(Event.lead_id == lead.id).order_by(col(Event.lead_seq))
        ).all()
        turns = session.exec(select(Turn).order_by(col(Turn.enrolment_id), col(Turn.turn_no))).all()
        rows = session.exec(select(Enrolment).order_by(col(Enrolment.id))).all()
        calls = session.exec(select(Call)).all()
        offers = session.exec(select(Offer)).all()
        tasks = session.exec(select(Task)).all()
    names = {**{one.id: one.offer_key for one in offers}, **{one.id: one.task_key for one in tasks}}
    return {
        "lead": {
            "stage": lead.stage,
            "tags": sorted(lead.tags),
            "fields": lead.fields,
            "segments": lead.segments,
            "points": points,
            "bands": {row.model: row.band for row in readings if row.band is not None},
        },
        "ledger": sorted((row.model, row.rule_id, row.points) for row in entries),
        "story": [(event.type, _text(event.properties, names)) for event in story],
        "journeys": {
            row.id: {
                "scenario": row.scenario,
                "status": row.status.value,
                "outcome": row.outcome,
                "turns": row.turn_no,
                "step": row.state.get("step"),
                "due": row.due_at,
                "path": [_plain(turn.trace) for turn in turns if turn.enrolment_id == row.id],
            }
            for row in rows
        },
        "messages": {
            one.send_key: {
                "journey": one.enrolment_id,
                "of": (one.kind, one.step_id, one.visit, one.template, one.topic),
                "status": one.status.value,
                "reason": one.reason,
                "until": one.hold_until,
            }
            for one in engine.messages()
        },
        "calls": {call.call_key: call.status.value for call in calls},
        "sales": {
            "works": lead.in_sales,
            "cycle": lead.cycle,
            "rests": lead.recycle_until,
            "offers": {one.offer_key: one.status.value for one in offers},
            "tasks": {one.task_key: (one.status.value, one.outcome) for one in tasks},
        },
    }


def view_of_model(world: World, bands: set[str]) -> View:
    """Return the same of the model; `bands` are the models that the engine has read at all."""
    lead = world.lead
    return {
        "lead": {
            "stage": lead.stage,
            "tags": sorted(lead.tags),
            "fields": lead.fields,
            "segments": lead.segments,
            "points": {name: lead.points(name, world.now) for name in lead.publication.scoring.models},
            "bands": {name: band for name, band in lead.bands.items() if name in bands},
        },
        "ledger": sorted((row.model, row.rule, row.points) for row in lead.ledger),
        "story": [(fact.type, _text(fact.properties)) for fact in lead.past],
        "journeys": {journey.id: _journey(journey) for journey in world.journeys},
        "messages": {
            one.key: {
                "journey": one.journey.id,
                "of": (one.kind, one.step, one.visit, one.template, one.topic),
                "status": one.status,
                "reason": one.reason,
                "until": one.hold_until,
            }
            for one in world.messages.values()
        },
        "calls": dict(world.calls),
        "sales": {
            "works": lead.sales.works,
            "cycle": lead.cycle,
            "rests": lead.recycle_until,
            "offers": {one.key: one.status for one in lead.sales.offers},
            "tasks": {one.key: (one.status, one.outcome) for one in lead.sales.tasks},
        },
    }


def _journey(journey: Journey) -> View:
    return {
        "scenario": journey.plan.scenario,
        "status": journey.status,
        "outcome": journey.outcome,
        "turns": journey.turn_no,
        "step": journey.at.step,
        "due": None if journey.held else journey.due_at,
        "path": [_plain(trace) for trace in journey.traces],
    }


def _text(properties: Mapping[str, Any], names: Mapping[str, str] | None = None) -> str:
    """Return properties as text; ids of offers and tasks by the keys that stand for them."""
    known = {name: (names or {}).get(str(value), value) for name, value in properties.items()}
    return json.dumps(known, sort_keys=True)


def _plain(value: Any) -> Any:
    """Return a trace as it is after it was stored: without the digests of versions, and without what
    conditions saw."""
    lines = json.loads(json.dumps(value, default=str))
    moved = ("step", "did")
    return [
        {name: line[name] for name in moved}
        if line.get("did") == "moved" and "to" in line
        else {name: found for name, found in line.items() if name != "values"}
        for line in lines
    ]


def check_agreement(engine: Engine, world: World) -> None:
    """The same path, the same mails, the same lead (I2, I5, I8)."""
    found = view_of_engine(engine)
    expected = view_of_model(world, set(found["lead"]["bands"]))
    for part, value in expected.items():
        if part in OF_THE_PERSON and world.lead.erased:
            continue
        if part == "story" and not engine.in_order:
            found[part], value = sorted(found[part]), sorted(value)
        assert found[part] == value, difference(part, found[part], value)


def difference(part: str, found: Any, expected: Any) -> str:
    """Return the lines in which the engine (`+`) and the model (`-`) differ."""
    before, after = (pformat(one, width=140).splitlines() for one in (expected, found))
    lines = [line for line in ndiff(before, after) if line[0] in "+-"]
    return "\n".join([f"{part}: the engine (+) and the model (-) differ", *lines])


def check_invariants(engine: Engine) -> None:
    """What must hold whatever happened, I1 to I7 and I10, by the checker and by the mail server."""
    report = examine(engine.env)
    assert report.ok, report.problems
    messages = {one.id: one for one in engine.messages()}
    assert all(number == 1 for number in engine.server.taken.values()), "a mail was handed over twice"
    gone_out = {MessageStatus.SENT, MessageStatus.UNCERTAIN}
    assert all(messages[one].status in gone_out for one in engine.server.taken)
    sent = [one for one in messages.values() if one.status == MessageStatus.SENT]
    assert all(one.id in engine.server.taken for one in sent)
    stopped = (MessageStatus.SKIPPED, MessageStatus.FAILED, MessageStatus.UNCERTAIN, MessageStatus.HELD)
    assert all(one.reason for one in messages.values() if one.status in stopped)
    with engine.database.read() as session:
        rows = session.exec(select(Enrolment)).all()
        keys = [event.id for event in session.exec(select(Event)).all()]
    assert len(keys) == len(set(keys))
    assert all(row.held_reason for row in rows if row.status == EnrolmentStatus.HELD)
