"""Steps that change the lead. What follows from the change is there before the next step."""

from __future__ import annotations

from datetime import timedelta

from leadloop.language import plan as p
from tests.model.lead import Fact, Pause
from tests.model.story import leads_on
from tests.model.walk import Walk

_CHAIN = timedelta(days=1)


def score(walk: Walk, step: p.ScoreStep) -> p.Target:
    walk.say("score", model=step.model, points=step.points)
    walk.story.lead.add(step.model, f"step:{step.id}", step.points, walk.story.now)
    walk.story.rescore({step.model}, None)
    walk.story.settle()
    return step.next


def set_(walk: Walk, step: p.SetStep) -> p.Target:
    walk.say("set", fields=sorted(step.fields))
    walk.story.lead.fields.update(step.fields)
    walk.story.settle()
    return step.next


def tag(walk: Walk, step: p.TagStep) -> p.Target:
    walk.say("tag", tags=list(step.tags))
    return _tags(walk, step, add=step.tags)


def untag(walk: Walk, step: p.UntagStep) -> p.Target:
    walk.say("untag", tags=list(step.tags))
    return _tags(walk, step, remove=step.tags)


def _tags(
    walk: Walk, step: p.TagStep | p.UntagStep, add: tuple[str, ...] = (), remove: tuple[str, ...] = ()
) -> p.Target:
    lead = walk.story.lead
    lead.tags = sorted((set(lead.tags) | set(add)) - set(remove))
    walk.story.settle()
    return step.next


def stage(walk: Walk, step: p.StageStep) -> p.Target:
    """Move as some transition may; where none leads there, there is no rule."""
    walk.say("stage", to=step.stage)
    now = walk.story.lead.stage
    leading = [one for one in walk.story.publication.lifecycle.transitions if one.to == step.stage]
    if step.stage != now and (not leading or any(leads_on(one, now) for one in leading)):
        walk.story.move_stage(step.stage, None)
        walk.story.settle()
    return step.next


def subscribe(walk: Walk, step: p.SubscribeStep) -> p.Target:
    """Never beat a refusal that stands; one older than the journey does not keep back an answer."""
    walk.say("subscribe", topic=step.topic, basis=step.basis)
    lead = walk.story.lead
    refused = lead.stands_refused(step.topic)
    if refused is not None and not (step.basis == "request" and refused < walk.journey.entered_at):
        walk.say("subscribe", refused="unsubscribed")
        return step.next
    walk.story.emit("subscribed", None, topic=step.topic, basis=step.basis)
    lead.answer(step.topic, step.basis, walk.story.now)
    walk.story.settle()
    return step.next


def unsubscribe(walk: Walk, step: p.UnsubscribeStep) -> p.Target:
    walk.say("unsubscribe", topic=step.topic)
    walk.story.emit("unsubscribed", None, topic=step.topic)
    walk.story.settle()
    return step.next


def suppress(walk: Walk, step: p.SuppressStep) -> p.Target:
    walk.say("suppress", topics=list(step.topics), reason=step.reason)
    walk.story.lead.pauses.append(Pause(step.topics, step.lift_on))
    return step.next


def record(walk: Walk, step: p.RecordStep) -> p.Target:
    walk.say("record", event=step.event)
    walk.story.emit(step.event, _chain(walk), **step.properties)
    walk.story.settle()
    return step.next


def enrol(walk: Walk, step: p.EnrolStep) -> p.Target:
    walk.say("enrol", scenario=step.scenario)
    walk.story.emit("enrol_requested", _chain(walk), scenario=step.scenario)
    walk.story.settle()
    return step.next


def _chain(walk: Walk) -> Fact | None:
    """What a journey does in its first day follows from what began it."""
    journey = walk.journey
    return journey.cause if walk.story.now - journey.entered_at < _CHAIN else None
