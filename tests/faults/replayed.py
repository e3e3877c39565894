"""Plays the recorded causes of a journey's turns through the pure `decide` again (I8).

A turn stores its cause and what it did. Given the same causes, `decide` must walk the same steps
and stop in the same way. Steps that choose by facts of the moment (`if`, `switch`, …) cannot be
played again later, because those facts are gone; journeys with such steps are counted, not played.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlmodel import Session, col, select

from leadloop.contracts import Next
from leadloop.inbox.apply import Application
from leadloop.inbox.turns.journey_facts import journey_facts
from leadloop.journey.decide import decide
from leadloop.journey.state import (
    BranchTaken,
    CallFinished,
    Cause,
    Continued,
    JourneyFacts,
    JourneyState,
    MessageFinished,
    Started,
    TimedOut,
    first_state,
)
from leadloop.language.plan import Plan
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Enrolment, Event, Lead, Message, Turn

PLAYED_AGAIN = frozenset(
    {"send", "await", "wait", "hand_off", "score", "tag", "untag", "stage", "notify", "webhook", "go", "exit"}
)
"""Kinds of steps whose way on depends on the cause alone."""
_MOST_ROUNDS = 50


@dataclass
class Replay:
    """How many turns were played again, how many journeys could not be, and what differs."""

    turns: int = 0
    left_out: int = 0
    problems: list[str] = field(default_factory=list)


def replay_paths(env: Environment) -> Replay:
    """Play every journey's turns again and compare."""
    replay = Replay()
    with env.database.read() as session:
        for enrolment in session.exec(select(Enrolment).order_by(col(Enrolment.id))).all():
            plan = env.publications.plan(enrolment.plan_digest, session)
            turns = session.exec(
                select(Turn).where(Turn.enrolment_id == enrolment.id).order_by(col(Turn.turn_no))
            ).all()
            if not _can_be_played(plan, turns):
                replay.left_out += 1
                continue
            _replay_journey(session, env, enrolment, plan, turns, replay)
    return replay


def _can_be_played(plan: Plan, turns: Sequence[Turn]) -> bool:
    kinds = {step.kind for step in plan.steps.values()}
    causes = {turn.cause.get("kind") for turn in turns}
    return kinds <= PLAYED_AGAIN and not causes & {"moved", "other"}


def _replay_journey(
    session: Session,
    env: Environment,
    enrolment: Enrolment,
    plan: Plan,
    turns: Sequence[Turn],
    replay: Replay,
) -> None:
    state = first_state(plan, enrolment.entry_step)
    lead = session.get_one(Lead, enrolment.lead_id)
    for turn in turns:
        replay.turns += 1
        cause = _cause(session, turn)
        if cause is None:  # ended from outside: the turn only writes that down
            if turn.next.get("kind") != "end":
                replay.problems.append(f"enrolment {enrolment.id}, turn {turn.turn_no}: did not end")
            return
        facts = journey_facts(Application(session, env, lead, turn.at), enrolment, plan)
        found = list(_ways(plan, state, facts, cause, turn, enrolment))
        if not found:
            replay.problems.append(
                f"enrolment {enrolment.id}, turn {turn.turn_no}: walked {_path(turn.trace)} to "
                f"{turn.next.get('kind')}, which decide does not do"
            )
            return
        state = found[0]


def _cause(session: Session, turn: Turn) -> Cause | None:
    cause = turn.cause
    match cause.get("kind"):
        case "start":
            return Started()
        case "due":
            return TimedOut()
        case "message":
            asked = session.exec(
                select(Turn.next).where(
                    Turn.enrolment_id == turn.enrolment_id, Turn.turn_no == turn.turn_no - 1
                )
            ).one()
            message = session.get(Message, asked.get("message_id") or "")
            until = message.hold_until if message is not None else None
            return MessageFinished(cause["status"], cause.get("reason"), until)
        case "call":
            return CallFinished(cause["status"], cause.get("code"))
        case "event":
            event = session.get(Event, cause["id"]) if cause.get("id") else None
            if event is None:
                return BranchTaken(cause["branch"])
            return BranchTaken(cause["branch"], event.lead_seq or 0, event.type, event.id, event.properties)
    return None


def _ways(
    plan: Plan, state: JourneyState, facts: JourneyFacts, cause: Cause, turn: Turn, enrolment: Enrolment
) -> Iterator[JourneyState]:
    """Yield the positions that `decide` can be in after this turn, if it walked as was recorded.

    A wait that was satisfied before it was armed goes on in the same turn; which branch it was is not
    recorded, so each is tried.
    """
    wanted = _path(turn.trace)
    open_ways: list[tuple[JourneyState, Cause, list[dict[str, Any]], int]] = [(state, cause, [], 0)]
    for _ in range(_MOST_ROUNDS):
        if not open_ways:
            return
        position, why, trace, walked = open_ways.pop()
        decision = decide(plan, position, facts, why, turn.at, walked)
        trace = [*trace, *decision.trace]
        path = _path(trace)
        if path != wanted[: len(path)]:
            continue
        if decision.stop.kind == "again":
            open_ways.append((decision.state, Continued(), trace, decision.steps_walked))
            if enrolment.end_reason is not None and turn.next.get("kind") == "end":
                yield decision.state  # its own effect met its goal
            continue
        if path == wanted and _stops_alike(decision.stop.kind, decision.stop.due_at, turn):
            yield decision.state
        if decision.stop.kind == "wait":
            open_ways += [
                (decision.state, BranchTaken(branch), trace, decision.steps_walked)
                for branch in range(len(decision.stop.arms))
            ]


def _stops_alike(kind: str, due_at: object, turn: Turn) -> bool:
    recorded = Next.model_validate(turn.next)
    if kind == "held":
        return recorded.kind == "wait"
    return recorded.kind == kind and (kind != "wait" or recorded.due_at == due_at)


def _path(trace: Sequence[dict[str, Any]]) -> list[str]:
    """Return the steps of a trace in order, each once in a row."""
    steps = [str(line["step"]) for line in trace if "step" in line]
    return [step for index, step in enumerate(steps) if index == 0 or steps[index - 1] != step]
