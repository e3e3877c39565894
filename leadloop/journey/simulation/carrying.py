"""What a simulated turn brings about: mails, notices, calls, offers, tasks, and changes of the lead."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from leadloop.journey import effects
from leadloop.journey.simulation.events import Applied
from leadloop.journey.simulation.fields import example
from leadloop.journey.simulation.mails import SentMail, hold_for, subject_of
from leadloop.journey.state import CallFinished, MessageFinished, Stop
from leadloop.language.plan import FieldSpec

if TYPE_CHECKING:
    from leadloop.journey.simulation.journey import Journey

_CHAT = "chat"
_TEXT = FieldSpec(type="text")


@dataclass
class Outbox:
    """What the journey asked for, by the keys under which it waits for it."""

    mails: dict[str, effects.AskMessage] = field(default_factory=dict)
    notices: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Key -> the step it is told at, and the line."""
    calls: dict[str, effects.AskCall] = field(default_factory=dict)
    references: dict[str, str] = field(default_factory=dict)
    """Offer and task keys -> ids."""
    open_tasks: set[str] = field(default_factory=set)
    tries: dict[str, int] = field(default_factory=dict)
    """Task step -> how many times it was given."""
    sent: list[SentMail] = field(default_factory=list)


def hand_over(journey: Journey, stop: Stop) -> MessageFinished | CallFinished:
    """Hand a mail, a notice or a call over, and return what came of it."""
    play, outbox = journey.play, journey.outbox
    if stop.kind == "call":
        call = outbox.calls[stop.call_key or ""]
        if call.kind == _CHAT:
            play.say("call", f"notice in the team's chat: {call.template}", call.step_id)
            return CallFinished("done", 200)
        return (
            CallFinished("failed", 500, "http_500")
            if play.choices.webhook_fails
            else CallFinished("done", 200)
        )
    key = stop.send_key or ""
    if key in outbox.notices:
        step, text = outbox.notices[key]
        play.say("sales", text, step)
        return MessageFinished("sent")
    return _mail(journey, outbox.mails[key])


def _mail(journey: Journey, asked: effects.AskMessage) -> MessageFinished:
    play, lead = journey.play, journey.play.lead
    workspace, now = play.publication.workspace, play.now
    refusal = lead.refusal(asked.topic, now)
    if refusal is not None:
        return MessageFinished("skipped", f"{refusal} ({asked.topic})")
    hold = hold_for(workspace, asked.topic, journey.outbox.sent, lead.in_sales, lead.zone, now)
    if hold is not None:
        return MessageFinished("held", hold[1], hold[0])
    journey.outbox.sent.append(SentMail(asked.template, asked.topic, now))
    play.timeline.mails += 1
    play.say("mail", f"mail {asked.template}" + subject_of(play.publication, asked), asked.step_id)
    play.mailed(asked)
    return MessageFinished("sent")


def carry_out(journey: Journey, effect: effects.Effect) -> None:
    """Carry out one effect. Those that only concern rows of the engine change nothing here."""
    function = _FUNCTIONS.get(type(effect))
    if function is not None:
        function(journey, effect)


def _follow(journey: Journey, applied: Applied) -> None:
    """Tell what an effect changed, and end the journey where its goal is met by it."""
    journey.play.say_moves(applied)
    journey.exit_by([one for one in applied.events if one.seq != journey.cause.seq])
    journey.play.tell_elsewhere(applied)


def _ask_message(journey: Journey, effect: effects.AskMessage) -> None:
    journey.outbox.mails[effect.send_key] = effect


def _ask_call(journey: Journey, effect: effects.AskCall) -> None:
    journey.outbox.calls[effect.call_key] = effect


def _add_score(journey: Journey, effect: effects.AddScore) -> None:
    lead, now = journey.play.lead, journey.play.now
    _follow(journey, lead.add_points(effect.model, f"step:{effect.step_id}", effect.points, now))


def _move_stage(journey: Journey, effect: effects.MoveStage) -> None:
    play = journey.play
    applied = play.lead.move_stage(effect.stage, play.now)
    if not applied.events and play.lead.stage != effect.stage:
        play.say("note", f"no transition leads from {play.lead.stage} to {effect.stage}", effect.step_id)
    _follow(journey, applied)


def _set_fields(journey: Journey, effect: effects.SetFields) -> None:
    for name, value in effect.values.items():
        if name == "company":
            journey.play.lead.company = {**journey.play.lead.company, "name": value}
        else:
            journey.play.lead.fields[name] = value
    told = ", ".join(f"{name} {journey.play.words.value(value)}" for name, value in effect.values.items())
    journey.play.say("data", f"now: {told}", effect.step_id)
    _follow(journey, journey.play.lead.settle(journey.play.now))


def _change_tags(journey: Journey, effect: effects.ChangeTags) -> None:
    lead = journey.play.lead
    kept = [tag for tag in lead.tags if tag not in effect.remove]
    lead.tags = [*kept, *(tag for tag in effect.add if tag not in kept)]
    _follow(journey, lead.settle(journey.play.now))


def _subscribe(journey: Journey, effect: effects.Subscribe) -> None:
    play = journey.play
    if not play.lead.permissions.allow(effect.topic, effect.basis, play.now):
        line = {"step": effect.step_id, "did": "subscribe", "refused": "unsubscribed"}
        play.say("data", play.words.tell(line)[1], effect.step_id, detail=line)  # type: ignore[index]
        return
    properties = {"topic": effect.topic, "basis": effect.basis}
    _follow(journey, play.lead.apply("subscribed", play.now, properties, "verified"))


def _unsubscribe(journey: Journey, effect: effects.Unsubscribe) -> None:
    play = journey.play
    _follow(journey, play.lead.apply("unsubscribed", play.now, {"topic": effect.topic}, "verified"))


def _suppress(journey: Journey, effect: effects.SuppressTopics) -> None:
    journey.play.lead.permissions.pause(effect)


def _record(journey: Journey, effect: effects.RecordFact) -> None:
    play = journey.play
    _follow(journey, play.lead.apply(effect.event, play.now, effect.properties, "verified"))


def _enrol(journey: Journey, effect: effects.EnrolIn) -> None:
    play = journey.play
    properties = {"scenario": effect.scenario}
    if journey.record is not None:
        properties["record"] = journey.record.key
    _follow(journey, play.lead.apply("enrol_requested", play.now, properties, "verified"))


def _offer(journey: Journey, effect: effects.MakeOffer) -> None:
    play, outbox = journey.play, journey.outbox
    offer = f"offer-{len(outbox.references) + 1}"
    outbox.references[effect.offer_key] = offer
    whom = _whom(journey, effect.queue, effect.otherwise)
    told = f"notice to {whom}: a hot {effect.what}, with the reasons"
    outbox.notices[effect.notice_key] = (effect.step_id, told)
    queue = whom.partition(" ")[0]
    properties = {"offer": offer, "queue": queue}
    _follow(journey, play.lead.apply("handed_off", play.now, properties, "verified"))
    chosen = play.choices.outcomes.get(effect.step_id, ("",))[0]
    for at, event_type, about, text in play.habits.sales(queue, offer, play.now, chosen):
        play.later(at, play.by_sales(event_type, about, text))


def _escalate(journey: Journey, effect: effects.EscalateOffer) -> None:
    told = f"nobody accepted in time: notice to {effect.to}"
    journey.outbox.notices[effect.notice_key] = (journey.state.step, told)


def _still_working(journey: Journey, effect: effects.AskStillWorking) -> None:
    told = "sales is asked whether it still works on the lead"
    journey.outbox.notices[effect.notice_key] = (journey.state.step, told)


def _expire(journey: Journey, effect: effects.ExpireOffer) -> None:
    journey.play.lead.in_sales = False


def _begin_cycle(journey: Journey, effect: effects.BeginCycle) -> None:
    lead, now = journey.play.lead, journey.play.now
    if journey.cycle == lead.cycle:
        lead.cycle += 1
    _follow(journey, lead.reset(effect.resets, now))
    lead.recycle_until = effect.until


def _end_cooldown(journey: Journey, effect: effects.EndCooldown) -> None:
    journey.play.lead.recycle_until = None
    _follow(journey, journey.play.lead.settle(journey.play.now))


def _task(journey: Journey, effect: effects.MakeTask) -> None:
    play, outbox = journey.play, journey.outbox
    task = f"task-{len(outbox.references) + 1}"
    outbox.references[effect.task_key] = task
    outbox.open_tasks.add(task)
    told = f"task for {_whom(journey, effect.to, effect.otherwise)}: {effect.title or effect.type}"
    outbox.notices[effect.notice_key] = (effect.step_id, told)
    number = outbox.tries[effect.step_id] = outbox.tries.get(effect.step_id, 0) + 1
    at, outcome = play.habits.task(effect, play.now, number)
    play.later(at, lambda: _task_done(journey, effect, task, outcome))


def _task_done(journey: Journey, effect: effects.MakeTask, task: str, outcome: str) -> None:
    play = journey.play
    if journey.ended or task not in journey.outbox.open_tasks:
        return
    journey.outbox.open_tasks.discard(task)
    about = {"task": task, "outcome": outcome}
    told = f"task done: {outcome}"
    answers_given = play.habits.answers(effect.step_id, outcome)
    if effect.asks_date and answers_given:
        about["date"] = play.habits.next_date(play.now)
        told += f", date {about['date']}"
    if effect.asks and answers_given:
        declared = play.publication.workspace.lead_fields
        answers = {
            name: example(declared.get(name, _TEXT), play.habits.answer_at(play.now), play.zone)
            for name in effect.asks
        }
        play.lead.fields.update(answers)
        told += "; answers: " + ", ".join(
            f"{name} {play.words.value(value)}" for name, value in answers.items()
        )
    play.happen("task_done", about, told, kind="sales", trust="verified")


def _withdraw(journey: Journey, effect: effects.WithdrawTask) -> None:
    journey.outbox.open_tasks.discard(journey.outbox.references.get(effect.task_key, ""))


def _notify(journey: Journey, effect: effects.Notify) -> None:
    sender = journey.play.publication.workspace.sender
    whom = _whom(journey, effect.to, sender.reply_to or sender.address)
    told = f"notice to {whom}: {effect.template}"
    journey.outbox.notices[effect.notice_key] = (effect.step_id, told)


def _overdue(journey: Journey, effect: effects.TellOverdue) -> None:
    journey.outbox.notices[effect.notice_key] = (journey.state.step, f"task overdue: notice to {effect.to}")


def _tell_exit(journey: Journey, effect: effects.TellExit) -> None:
    journey.outbox.notices[effect.notice_key] = (effect.step_id, f"notice to {effect.to}: {effect.outcome}")


def _whom(journey: Journey, to: str, otherwise: str | None) -> str:
    """Return who gets a task or an offer: where nobody owns the lead, `else` stands in."""
    lead = journey.play.lead
    company = bool(lead.company.get("owner"))
    known = {
        "owner": company or bool(lead.fields.get("owner")),
        "last_owner": bool(lead.fields.get("last_owner")),
        "company_owner": company,
    }.get(to, True)
    return to if known or otherwise is None else f"{otherwise} (there is no {to})"


_FUNCTIONS: dict[type, Callable[..., None]] = {
    effects.AskMessage: _ask_message,
    effects.AskCall: _ask_call,
    effects.AddScore: _add_score,
    effects.MoveStage: _move_stage,
    effects.SetFields: _set_fields,
    effects.ChangeTags: _change_tags,
    effects.Subscribe: _subscribe,
    effects.Unsubscribe: _unsubscribe,
    effects.SuppressTopics: _suppress,
    effects.RecordFact: _record,
    effects.EnrolIn: _enrol,
    effects.MakeOffer: _offer,
    effects.EscalateOffer: _escalate,
    effects.AskStillWorking: _still_working,
    effects.ExpireOffer: _expire,
    effects.BeginCycle: _begin_cycle,
    effects.EndCooldown: _end_cooldown,
    effects.MakeTask: _task,
    effects.WithdrawTask: _withdraw,
    effects.Notify: _notify,
    effects.TellOverdue: _overdue,
    effects.TellExit: _tell_exit,
}
