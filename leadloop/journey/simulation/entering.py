"""How a lead enters the scenario in a simulation: by the event, the time or the hand of its entry."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from leadloop.journey.fact_values import run_facts
from leadloop.journey.matching import is_true, matches
from leadloop.journey.simulation.coming import Coming, who_comes
from leadloop.journey.simulation.draws import id_drawn_for, usual_arms
from leadloop.journey.simulation.events import Applied, SimulatedEvent
from leadloop.journey.simulation.happenings import BY_THE_ENGINE
from leadloop.journey.simulation.journey import Journey, met_now
from leadloop.journey.simulation.matcher_words import (
    describe_condition,
    describe_entry,
    describe_match,
    describe_span,
)
from leadloop.journey.thresholds import SCORE_CROSSED
from leadloop.language.plan import (
    EventMatch,
    Expression,
    ManualMatch,
    RecycleStep,
    ScheduleMatch,
    SegmentMatch,
    StageMatch,
)

if TYPE_CHECKING:
    from leadloop.journey.simulation.play import Play

__all__ = ["enter", "who_comes"]

_EARLIER = timedelta(hours=1)
_MADE_UP = "made up"


def enter(play: Play) -> Journey | None:
    """Let the lead come to the entry; return its journey, or None where it is not let in."""
    coming, lead = play.coming, play.lead
    applied = lead.settle(play.now)
    known = ", ".join(coming.known) or "nothing known"
    whose = "a lead made up for this" if play.choices.lead is None else "the lead of the file"
    play.say("note", f"{whose}: {known}", applied=applied)
    if coming.record is not None:
        told = ", ".join(
            f"{name} {play.words.value(value)}"
            for name, value in coming.record.fields.items()
            if value is not None
        )
        play.say("note", f"a record made up for this: {coming.record.key}" + (f": {told}" if told else ""))
    _meet_conditions(play)
    cause, done, text = _occasion(play)
    play.say("event", text, applied=done)
    play.say_moves(Applied([one for one in done.events if one is not cause], []))
    if not _let_in(play, cause):
        return None
    arms = usual_arms(play.plan, play.timeline.behaviour) | dict(play.choices.arms)
    start = coming.entry.start
    journey = Journey(play, id_drawn_for(play.plan, arms), cause, coming.record, start)
    play.say("enter", f"enters {play.plan.scenario}{_by(coming)}" + (f", at {start}" if start else ""))
    play.journey = journey
    play.tell_elsewhere(done)
    return journey


def _let_in(play: Play, cause: SimulatedEvent) -> bool:
    """Return whether the audience has the lead, and no goal or exit is met already; tell why not."""
    plan, lead = play.plan, play.lead
    declared = play.publication.workspace.events.get(cause.type, {})
    facts = lead.facts(play.now)
    facts.update(run_facts(cause.properties, declared, play.now, lead.cycle, lead.zone))
    if play.coming.record is not None:
        facts.update(play.coming.record.facts(lead.zone))
    why = None
    if plan.per == "company" and not lead.company:
        why = "does not enter: the lead has no company"
    elif plan.audience is not None and not is_true(plan.audience, facts):
        why = f"not in the audience: {describe_condition(plan.audience)}"
    elif (met := met_now((*plan.goal, *plan.exit_when), lead.stage, facts)) is not None:
        why = f"does not enter: {describe_match(met)} is met already"
    if why is not None:
        play.say("end", why)
    return why is None


def _by(coming: Coming) -> str:
    """Return how it enters, where the line before does not tell it, and what else the entry says."""
    entry = coming.entry
    told = "" if isinstance(entry.match, EventMatch | StageMatch) else f" by {describe_entry(entry)}"
    if isinstance(entry.match, ManualMatch):
        told = " by hand"
    if entry.limit is not None:
        per = describe_span(entry.limit.per).removeprefix("1 ")
        told += f" (at most {entry.limit.count} per {per}; others wait their turn)"
    return told


# --- what makes it enter


def _occasion(play: Play) -> tuple[SimulatedEvent, Applied, str]:
    """Let happen what the entry asks for; return the event that begins the journey, and its words."""
    match = play.coming.entry.match
    if isinstance(match, EventMatch):
        found = _event(play, match)
    elif isinstance(match, StageMatch):
        found = _stage(play, match)
    elif isinstance(match, SegmentMatch):
        found = _segment(play, match)
    elif isinstance(match, ManualMatch):
        about: dict[str, Any] = {"scenario": play.plan.scenario} | _record(play)
        found = _apply(play, "enrol_requested", about, "somebody enrols the lead by hand")
    else:
        properties = {"scenario": play.plan.scenario, "entry": play.coming.index} | _record(play)
        text = f"the time of the entry has come: {describe_entry(play.coming.entry)}"
        found = _apply(play, "entry_due", properties, text)
    people = play.coming.entry.people
    if people is not None:
        within = play.coming.entry.within
        time = f" within {describe_span(within)}" if within is not None else ""
        company = play.lead.company.get("name", "the company")
        play.say("note", f"{people - 1} colleagues made up at {company} did the same{time}: {people} people")
    return found


def _event(play: Play, match: EventMatch) -> tuple[SimulatedEvent, Applied, str]:
    lead, lifecycle = play.lead, play.publication.lifecycle
    event, properties, text = play.happenings.matching(match, lead.facts(play.now), play.now)
    if event in ("band_changed", SCORE_CROSSED):
        return _points(play, match, dict(properties))
    if event == "deal_lost":
        properties = {"deal": "deal-1", "reason": _lost_reason(play)} | dict(properties)
        text = play.happenings.told(event, properties)
    caused = next(
        (one for one in lifecycle.transitions if one.event is not None and one.event.event == event), None
    )
    if caused is not None and caused.source:
        lead.stage = caused.source[-1]
    return _apply(play, event, properties, text)


def _points(play: Play, match: EventMatch, properties: dict[str, Any]) -> tuple[SimulatedEvent, Applied, str]:
    """Give the lead as many points as change its band, or pass the number, that the entry names."""
    lead, scoring = play.lead, play.publication.scoring
    model = str(properties.get("model", next(iter(scoring.models), "")))
    if model in scoring.models:
        wanted = properties.get("threshold")
        if wanted is None and model in scoring.bands:
            levels = dict(scoring.bands[model].levels)
            wanted = levels.get(str(properties.get("to")), max(levels.values()))
        needed = int(wanted or 0) - lead.ledger.points(model, play.now)
        lead.colleagues = {model: int(wanted or 0) * ((play.coming.entry.people or 1) - 1)}
        done = lead.add_points(model, _MADE_UP, needed, play.now)
        facts = lead.facts(play.now)
        cause = next((one for one in done.events if matches(match, one, facts)), None)
        if cause is not None:
            return cause, done, play.happenings.told(cause.type, cause.properties)
    return _apply(play, match.event, properties, play.happenings.told(match.event, properties))


def _stage(play: Play, match: StageMatch) -> tuple[SimulatedEvent, Applied, str]:
    lifecycle = play.publication.lifecycle
    stage = play.lead.stage if play.lead.stage in match.stages else match.stages[0]
    leading = next((one.source for one in lifecycle.transitions if one.to == stage and one.source), None)
    moved = {"from": (leading or lifecycle.stages[:1])[0], "to": stage}
    play.lead.stage = stage
    return _apply(play, "stage_changed", moved, f"the lead becomes {stage}")


def _segment(play: Play, match: SegmentMatch) -> tuple[SimulatedEvent, Applied, str]:
    text = f"joins the segment {match.segment}"
    joined = next(
        (
            one
            for one in reversed(play.lead.events)
            if one.type == "segment_entered" and one.properties.get("segment") == match.segment
        ),
        None,
    )
    if joined is not None:
        return joined, Applied([joined]), text
    return _apply(play, "segment_entered", {"segment": match.segment}, text)


def _apply(
    play: Play, event: str, properties: Mapping[str, Any], text: str
) -> tuple[SimulatedEvent, Applied, str]:
    by_person = not event.startswith(BY_THE_ENGINE)
    done = play.lead.apply(event, play.now, properties, "verified", by_person=by_person)
    return done.events[0], done, text


def _record(play: Play) -> dict[str, str]:
    record = play.coming.record
    return {"record": record.key} if record is not None else {}


def _lost_reason(play: Play) -> str:
    steps = [step for step in play.plan.steps.values() if isinstance(step, RecycleStep)]
    named = [reason for step in steps for reason in step.cooldown if reason != "default"]
    return next(iter([*named, *play.publication.workspace.lost_reasons]), "")


# --- conditions that fields alone do not meet


def _meet_conditions(play: Play) -> None:
    """Let the lead be a member, or be where a condition is true, by what it did and by points."""
    match, segments = play.coming.entry.match, play.publication.segments
    if isinstance(match, SegmentMatch | ScheduleMatch) and match.segment in segments:
        name = match.segment
        if name not in play.lead.segments:
            _meet(play, segments[name].when)
        if name not in play.lead.segments:
            play.say("note", f"taken for a member of the segment {name}, which its condition does not say")
            play.lead.made_members.add(name)
            play.lead.settle(play.now)


def _meet(play: Play, condition: Expression) -> None:
    """Try what the condition asks about: what it did, then points."""
    lead = play.lead
    before = play.now - _EARLIER
    for question in condition.did.values():
        if is_true(condition, lead.facts(play.now)):
            return
        for event, properties, text in play.happenings.answering(question):
            lead.apply(event, before, properties, "verified")
            play.say("note", f"made up too: {text}, an hour before")
    for model, bands in play.publication.scoring.bands.items():
        read = {f"lead.score.{model}", f"lead.band.{model}"} & condition.variables.keys()
        if read and not is_true(condition, lead.facts(play.now)):
            most = bands.levels[0][1]
            lead.add_points(model, _MADE_UP, most - lead.ledger.points(model, play.now), play.now)
            play.say("note", f"made up too: {most} points of {model}")
