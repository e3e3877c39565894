"""Steps in which people work: offers to sales, tasks, and the rest of a lead that was lost."""

from __future__ import annotations

from datetime import datetime

from leadloop.journey.calendar import add_span
from leadloop.language import plan as p
from tests.model.position import Arm, Cause
from tests.model.sales import Offer, Task
from tests.model.selling import begin_cycle, end_cooldown
from tests.model.walk import Walk

_ASK_AGAIN = p.Span(amount=3, unit="business_days")
_REMINDERS = 2


def _calendar(walk: Walk, to: str, otherwise: str | None) -> p.Calendar | None:
    """Business time of an offer or a task is that of the queue."""
    workspace = walk.story.publication.workspace
    queue = workspace.queues.get(to) or workspace.queues.get(otherwise or "")
    return workspace.calendars.get(queue.calendar) if queue and queue.calendar else None


def _about(event: str, name: str, key: str) -> p.EventMatch:
    return p.EventMatch(event=event, properties=(p.PropertyMatch(name=name, values=(key,)),))


# --- hand_off


def offer(walk: Walk, step: p.HandOffStep) -> None:
    """Offer the lead, tell whoever gets it, and wait until it is accepted."""
    accept_by = _accept_by(walk, step)
    key = walk.key()
    walk.say("hand_off", to=step.queue, accept_by=accept_by.isoformat() if accept_by else None)
    walk.at.phase = "telling"
    walk.at.notes.update(then="offered", accept_by=accept_by)
    walk.journey.shielded = True
    sales = walk.story.lead.sales
    if sales.offer(key) is None:
        sales.offers.append(Offer(key, walk.journey.id, walk.at.step))
    queue = step.queue if step.queue in walk.story.publication.workspace.queues else step.otherwise
    walk.story.emit("handed_off", None, offer=key, queue=queue)
    walk.story.settle()
    if walk.journey.is_open:
        _tell(walk, "notice", "notice:handoff")


def offered(walk: Walk, step: p.HandOffStep, cause: Cause) -> p.Target | None:
    at = walk.at
    if cause.kind == "mail":  # somebody was told
        _stay(walk, step, str(at.notes["then"]))
        return None
    if cause.kind == "branch":
        return _said(walk, step, cause)
    if at.phase == "offered" and step.escalate_to is not None and not at.notes.get("escalated"):
        at.notes.update(then="offered", accept_by=_accept_by(walk, step), escalated=True)
        walk.say("hand_off", escalated=True)
        _tell(walk, "escalation", "notice:escalation")
        return None
    asked = int(at.notes.get("asks", 0))
    if at.phase != "offered" and asked <= _REMINDERS:
        at.notes.update(then="asked", asks=asked + 1)
        walk.say("hand_off", asked_still_working=asked + 1)
        _tell(walk, f"still-working-{asked}-{at.notes.get('round', 0)}", "notice:still_working")
        return None
    return _expire(walk, step)


def _said(walk: Walk, step: p.HandOffStep, cause: Cause) -> p.Target | None:
    """Go by what sales did: accepted, rejected, still working, won, lost."""
    did = ("accepted", "rejected", "working", "won", "lost")[cause.branch]
    walk.say("hand_off", event=cause.fact.type if cause.fact else None)
    walk.at.notes["since"] = cause.seq
    if did == "lost" and walk.story.lead.sales.open_deals:  # one of several: it is not over
        _stay(walk, step, "offered" if walk.at.phase == "offered" else "working")
        return None
    if did in ("accepted", "working"):
        walk.at.notes["asks"] = 0
        _stay(walk, step, "working")
        return None
    walk.at.result(outcome=did)
    walk.journey.shielded = False
    return {"rejected": step.on_rejected, "won": step.on_won, "lost": step.on_lost}[did]


def _expire(walk: Walk, step: p.HandOffStep) -> p.Target:
    walk.at.result(outcome="expired")
    walk.say("hand_off", expired=True)
    walk.journey.shielded = False
    offer = walk.story.lead.sales.offer(walk.key())
    if offer is not None and offer.status in ("offered", "accepted"):
        offer.status = "expired"
    walk.story.settle()
    return step.on_expired


def _stay(walk: Walk, step: p.HandOffStep, phase: str) -> None:
    at, key = walk.at, walk.key()
    calendar = _calendar(walk, step.queue, step.otherwise)
    until: datetime | None = at.notes["accept_by"]
    if phase == "asked":
        until = walk.after(_ASK_AGAIN, calendar)
    elif phase == "working":
        until = walk.after(step.work_within, calendar) if step.work_within else None
        at.notes["round"] = int(at.notes.get("round", 0)) + 1
    at.phase = phase
    said = [_about(f"handoff_{did}", "offer", key) for did in ("accepted", "rejected", "working")]
    deals = [p.EventMatch(event="deal_won"), p.EventMatch(event="deal_lost")]
    walk.wait(until, *(walk.arm(match, at.notes.get("since")) for match in (*said, *deals)))


def _accept_by(walk: Walk, step: p.HandOffStep) -> datetime | None:
    calendar = _calendar(walk, step.queue, step.otherwise)
    return walk.after(step.accept_within, calendar) if step.accept_within else None


def _tell(walk: Walk, part: str, template: str) -> None:
    """Tell somebody about the offer or the task; the notice belongs to the step where that was made."""
    sales = walk.story.lead.sales
    walk.at.phase = "telling"
    about = sales.offer(walk.key()) or sales.task(_task_key(walk))
    step = about.step if about is not None else walk.at.step
    walk.journey.head = ("send", walk.story.tell(walk.journey, walk.key(part), template, step))


# --- task


def task(walk: Walk, step: p.TaskStep) -> None:
    _give(walk, step, 1)


def _give(walk: Walk, step: p.TaskStep, number: int) -> None:
    """Give the task to somebody; every try is a task of its own."""
    due = walk.after(step.due, _calendar(walk, step.to, step.otherwise))
    walk.at.notes.update(due=due, tries=number)
    again = {"again": number} if number > 1 else {}
    walk.say("task", type=step.type, due=due.isoformat(), **again)
    key = _task_key(walk)
    walk.story.lead.sales.tasks.append(Task(key, walk.journey.id, step.id, step.outcomes, step.asks))
    _tell(walk, _part(walk, "notice"), "notice:task")


def tasked(walk: Walk, step: p.TaskStep, cause: Cause) -> p.Target | None:
    at = walk.at
    if cause.kind == "branch" and cause.fact is not None:
        return _done(walk, step, cause.fact.properties)
    if cause.kind == "mail" and at.phase == "telling":
        _open(walk, at.notes["due"])
        return None
    if cause.kind == "mail":
        if step.on_overdue is None:
            _open(walk, None)
        return step.on_overdue
    if at.phase == "pausing":
        _give(walk, step, at.notes["tries"] + 1)
        return None
    walk.say("task", overdue=True)
    given = walk.story.lead.sales.task(_task_key(walk))
    if given is not None and given.status == "open":
        given.status = "overdue" if step.on_overdue is None else "withdrawn"
    if step.notify_overdue is None:
        if step.on_overdue is None:
            _open(walk, None)
        return step.on_overdue
    _tell(walk, _part(walk, "overdue"), "notice:overdue")
    at.phase = "telling_overdue"
    return None


def _done(walk: Walk, step: p.TaskStep, about: object) -> p.Target | None:
    assert isinstance(about, dict)
    date = {"date": about["date"]} if step.asks_date and "date" in about else {}
    walk.at.result(outcome=about["outcome"], **date)
    walk.say("task", outcome=about["outcome"])
    retry = step.retry
    if retry is not None and about["outcome"] in retry.on and walk.at.notes["tries"] < retry.max:
        walk.at.phase = "pausing"
        walk.wait(walk.after(retry.every, _calendar(walk, step.to, step.otherwise)))
        return None
    return step.on.get(about["outcome"], step.next)


def _open(walk: Walk, until: datetime | None) -> None:
    walk.at.phase = "open"
    walk.wait(until, walk.arm(_about("task_done", "task", _task_key(walk))))


def _part(walk: Walk, part: str) -> str:
    number = walk.at.notes.get("tries", 1)
    return part if number == 1 else f"{part}:{number}"


def _task_key(walk: Walk) -> str:
    return walk.key(_part(walk, ""))


# --- recycle


def recycle(walk: Walk, step: p.RecycleStep) -> p.Target | None:
    """Take a lost lead back: count the cycle, reset scores, and let it rest."""
    lead = walk.story.lead
    if step.max_cycles is not None and lead.cycle >= step.max_cycles:
        walk.say("recycle", cycle=lead.cycle, max_cycles=step.max_cycles)
        return step.on_max
    until, why = _rests_until(walk, step)
    resets = [model for model, policy in step.score.items() if policy == "reset"]
    walk.say("recycle", until=until.isoformat(), because=why, resets=resets)
    begin_cycle(walk.story, walk.journey, until, resets)
    if walk.journey.is_open:
        _rest(walk, step, until)
    return None


def rested(walk: Walk, step: p.RecycleStep, cause: Cause) -> p.Target | None:
    if cause.kind == "branch" and cause.branch >= len(step.bypass):  # the date is another one
        until, why = _rests_until(walk, step)
        if until > walk.now:
            walk.say("recycle", until=until.isoformat(), because=why, moved=True)
            begin_cycle(walk.story, walk.journey, until, ())
            _rest(walk, step, until)
            return None
        walk.say("recycle", past=True, moved=True)
        target = step.next
    elif cause.kind == "branch":
        walk.say("recycle", bypass=cause.branch, event=cause.fact.type if cause.fact else None)
        target = step.bypass[cause.branch].go
    else:
        target = step.next
    end_cooldown(walk.story)
    return target


def _rest(walk: Walk, step: p.RecycleStep, until: datetime) -> None:
    walk.at.phase = "resting"
    bypasses: list[Arm] = [walk.arm_branch(branch) for branch in step.bypass]
    walk.wait(until, *bypasses, *walk.follow(step.until))


def _rests_until(walk: Walk, step: p.RecycleStep) -> tuple[datetime, str]:
    """A date comes first, unless it was past on arrival; else the cool-down of the reason, from arrival."""
    lead = walk.story.lead
    if step.until is not None:
        resolved = walk.resolve(p.WaitSpec(until=p.Until(fact=step.until)))
        if resolved is not None and (walk.at.phase == "resting" or not resolved.past):
            return resolved.at, "date"
    reason = str(walk.values.get("run.entry.reason", "default"))
    span = step.cooldown.get(reason, step.cooldown["default"])
    begun = walk.at.arrived_at or walk.now
    until = add_span(begun, span, lead.zone, lead.send_calendar)
    return until, reason if reason in step.cooldown else "default"
