"""What a turn of the model brings about."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal

from leadloop.journey import effects as e
from tests.model.journey import Journey, Message
from tests.model.lead import Fact, Pause
from tests.model.story import Story, leads_on


def carry_out(story: Story, journey: Journey, effect: e.Effect) -> list[dict[str, Any]]:
    """Do what a turn decided; return lines for the trace where something stood against it."""
    lead, now = story.lead, story.now
    match effect:
        case e.AskMessage():
            message = story.messages.get(effect.send_key)
            if message is None:
                _put(story, journey, effect.send_key, "mail", effect, effect.topic)
            elif message.status == "held":
                message.status, message.hold_until = "new", None
        case e.DropMessage():
            message = story.messages[effect.send_key]
            if message.status == "held":
                message.status, message.reason, message.hold_until = "skipped", effect.reason, None
        case e.Notify():
            _put(story, journey, effect.notice_key, "notice", effect, None)
        case e.TellExit():
            _put(story, journey, effect.notice_key, "notice", effect, None, "notice:exit")
        case e.AskCall():
            story.calls.setdefault(effect.call_key, "new")
        case e.AddScore():
            lead.add(effect.model, f"step:{effect.step_id}", effect.points, now)
            story.rescore({effect.model}, None)
            story.settle()
        case e.MoveStage():
            if _may_move(story, effect.stage):
                story.move_stage(effect.stage, None)
                story.settle()
        case e.SetFields():
            lead.fields.update(effect.values)
            story.settle()
        case e.ChangeTags():
            kept = [tag for tag in lead.tags if tag not in effect.remove]
            lead.tags = [*kept, *(tag for tag in effect.add if tag not in kept)]
            story.settle()
        case e.Subscribe():
            refused = lead.stands_refused(effect.topic)
            if refused is not None and not (effect.basis == "request" and refused < journey.entered_at):
                return [{"step": effect.step_id, "did": "subscribe", "refused": "unsubscribed"}]
            story.emit("subscribed", None, topic=effect.topic, basis=effect.basis)
            lead.answer(effect.topic, effect.basis, now)
            story.settle()
        case e.Unsubscribe():
            story.emit("unsubscribed", None, topic=effect.topic)
            story.settle()
        case e.SuppressTopics():
            lead.pauses.append(Pause(effect.topics, effect.lift_on))
        case e.RecordFact():
            story.emit(effect.event, _chain(story, journey), **effect.properties)
            story.settle()
        case e.EnrolIn():
            story.emit("enrol_requested", _chain(story, journey), scenario=effect.scenario)
            story.settle()
        case e.NoteDraw():
            pass
        case _:
            raise NotImplementedError(type(effect).__name__)
    return []


def _chain(story: Story, journey: Journey) -> Fact | None:
    """What a journey does in its first day follows from what began it."""
    return journey.cause if story.now - journey.entered_at < timedelta(days=1) else None


def _may_move(story: Story, stage: str) -> bool:
    """A `stage` step may do what some transition does; where none leads there, there is no rule."""
    leading = [one for one in story.publication.lifecycle.transitions if one.to == stage]
    now = story.lead.stage
    return stage != now and (not leading or any(leads_on(one, now) for one in leading))


def _put(
    story: Story,
    journey: Journey,
    key: str,
    kind: Literal["mail", "notice"],
    effect: Any,
    topic: str | None,
    template: str | None = None,
) -> None:
    message = Message(key, journey, kind, effect.step_id, effect.visit, template or effect.template, topic)
    story.messages.setdefault(key, message)
