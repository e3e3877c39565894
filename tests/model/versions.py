"""What becomes of the model's journeys when a new version of their scenario is published."""

from __future__ import annotations

from typing import Any

from leadloop.language import plan as p
from tests.model.journey import Journey
from tests.model.position import Cause, Position
from tests.model.selling import withdraw
from tests.model.story import Story

WORKED_OUT_ANEW = ("wait", "await", "recycle")
"""Steps whose wait is worked out again in the new version; the others keep the one they are in."""


def publish(story: Story, publication: p.Publication) -> None:
    """Make a version live, and tell the journeys in flight what `on_edit` says. The newest decides."""
    story.apply_inbox()
    story.lead.publication, story.mapped = publication, {}
    for journey in story.open_journeys:
        newest = publication.plans[journey.plan.scenario]
        what = newest.on_edit.default
        if journey.plan == newest or what == "stay":
            continue
        if what == "exit":
            story.end(journey, "edited", "")
            story.settle()
        else:
            journey.move_to, journey.lost = (newest if what == "move" else "finish"), False


def is_refused(story: Story, new: p.Publication) -> bool:
    """Return whether a version is to move people who stand on a step that it lacks: nothing is published."""
    for journey in story.open_journeys:
        plan = new.plans[journey.plan.scenario]
        steps = [plan.on_edit.steps.get(step, step) for step in journey.at.stands_on]
        if plan.on_edit.default == "move" and not set(steps) <= set(plan.steps):
            return True
    return False


def unmapped(story: Story, to: int) -> dict[str, str]:
    """Return where people go who are on steps of `welcome` that the newest version lacks: to its n-th."""
    newest = story.publication.plans["welcome"]
    names = {**newest.on_edit.steps, **story.mapped}
    target = list(newest.steps)[to % len(newest.steps)]
    older = [one for one in story.open_journeys if one.plan.scenario == "welcome" and one.plan != newest]
    steps = {step for one in older for step in one.at.stands_on if names.get(step, step) not in newest.steps}
    return dict.fromkeys(sorted(steps), target)


def migrate(story: Story, names: dict[str, str]) -> None:
    """Let everybody on an older version of `welcome` move to the newest one, whatever `on_edit` says."""
    story.apply_inbox()
    newest = story.publication.plans["welcome"]
    story.mapped.update(names)
    for journey in story.open_journeys:
        if journey.plan.scenario == "welcome" and journey.plan != newest:
            journey.move_to, journey.lost = newest, False


def move(story: Story, journey: Journey, trace: list[dict[str, Any]]) -> str | None:
    """Put a journey on the version it goes over to.

    Returns whether its step there is of the `same` kind or of `another` one; None where the step is gone.
    """
    new, at = journey.move_to, journey.at
    assert isinstance(new, p.Plan)
    names = {**new.on_edit.steps, **story.mapped}
    for step in at.stands_on:
        if names.get(step, step) not in new.steps:
            journey.lost = True
            trace.append({"step": at.step, "did": "held", "reason": _gone(names.get(step, step))})
            journey.status, journey.held = "held", _gone(names.get(step, step))
            return None
    same = journey.plan.steps[at.step].kind == new.steps[names.get(at.step, at.step)].kind
    _rename(at, names)
    for message in story.messages.values():
        if message.journey is journey:
            message.step = names.get(message.step, message.step)
    journey.plan, journey.move_to = new, None
    if not same:
        _leave(story, journey)
    trace.append({"step": at.step, "did": "moved"})
    return "same" if same else "another"


def _leave(story: Story, journey: Journey) -> None:
    """Take back what the step of the older version was waiting for."""
    withdraw(story, journey)
    for message in story.messages_of(journey):
        if message.status == "held":
            message.status, message.reason, message.hold_until = "skipped", "edited", None


def _gone(step: str) -> str:
    return f"the new version has no step `{step}`, and nothing maps it"


def _rename(at: Position, names: dict[str, str]) -> None:
    """What is remembered of a step stays under its old name too: another step may be called so now."""
    for memory in (at.visits, at.arrivals, at.sends, at.asked, at.ended, at.results, at.rounds):
        known: dict[str, Any] = dict(memory)
        memory.update({new: known[old] for old, new in names.items() if old in known})
    at.step = names.get(at.step, at.step)
    if at.going_to is not None and at.going_to.step in names:
        at.going_to = at.going_to.model_copy(update={"step": names[at.going_to.step or ""]})


def again(story: Story, journey: Journey) -> Cause:
    """Return why a journey that a step held goes on: behind its mail where that may have been sent, else
    into its step anew."""
    at = journey.at
    if at.going_to is not None:
        return Cause("started")
    if at.phase == "resting" and "tried" in at.notes:
        return Cause("time")
    keys = at.sends.get(at.step, ()) if at.phase else ()
    message = story.messages[keys[-1]] if keys else None
    if message is not None and message.status in ("sent", "uncertain"):
        return Cause("mail", status=message.status, reason=message.reason)
    if message is not None and message.status in ("new", "held"):
        at.phase = "held"
        return Cause("time")
    at.going_to = p.Target(step=at.step)
    return Cause("started")
