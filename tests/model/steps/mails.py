"""Mails to the lead, notices to people of the house, and calls."""

from __future__ import annotations

from datetime import datetime

from leadloop.journey.calendar import add_span
from leadloop.language import plan as p
from tests.model.position import Cause
from tests.model.walk import HeldError, Walk

_NEEDS_A_PERSON = ("gave_up", "refused", "render_", "bad_header")
"""A failure that is not about this one address."""


def send(walk: Walk, step: p.SendStep) -> p.Target | None:
    template = step.template or next_item(walk, step.stream or "")
    if template is None:
        _skip(walk, "no_content", stream=step.stream)
        return step.on_skip
    walk.say("send", template=template)
    return None if _ask(walk, template, step.topic) else step.on_skip


def sent(walk: Walk, step: p.SendStep, cause: Cause) -> p.Target | None:
    late = step.late if step.on_late == "skip" else None
    match _finished(walk, cause, late, holds=step.holds):
        case None:
            return None
        case "skipped":
            return step.on_skip
        case "failed":
            return step.on_fail
        case _:
            return step.next


def cast(walk: Walk, step: p.StreamStep) -> p.Target | None:
    """Send the next item that the lead has not had; each is asked for once in a journey."""
    at = walk.at
    if step.until is not None and walk.holds(step.until, "stream until"):
        return step.go or step.next
    item = next_item(walk, step.stream, at.notes.get("tried", ()))
    if item is None:
        walk.say("stream", of=step.stream, exhausted=True)
        return step.on_exhausted
    walk.say("stream", of=step.stream, template=item)
    if "tried" in at.notes:  # a cast is a visit of its own
        at.visits[at.step] += 1
    at.notes["tried"] = (*at.notes.get("tried", ()), item)
    at.notes.pop("asked_at", None)
    if not _ask(walk, item, step.topic):
        _rest(walk, step)
    return None


def rest_or_cast(walk: Walk, step: p.StreamStep, cause: Cause) -> p.Target | None:
    if walk.at.phase == "resting" and cause.kind == "time":
        return cast(walk, step)
    if _finished(walk, cause, None, holds=True) is not None:
        _rest(walk, step)
    return None


def _rest(walk: Walk, step: p.StreamStep) -> None:
    walk.at.phase = "resting"
    walk.wait(walk.after(step.every))


def next_item(walk: Walk, name: str, tried: tuple[str, ...] = ()) -> str | None:
    """Return the first item that the lead has not had, that this journey has not tried, and that fits."""
    stream = walk.story.publication.streams[name]
    today = walk.now.astimezone(walk.story.lead.zone).date()
    for item in reversed(stream.items) if stream.order == "newest" else stream.items:
        known = item.template in tried or item.template in walk.story.had()
        in_time = (item.from_day or today) <= today <= (item.until_day or today)
        if not known and in_time and (item.when is None or walk.holds(item.when)):
            return item.template
    return None


def _ask(walk: Walk, template: str, topic: str) -> bool:
    """Ask for the mail of this visit; False where the lead has left the audience."""
    at, key = walk.at, walk.key()
    at.phase = "sending"
    at.notes.setdefault("asked_at", walk.now)
    at.notes["mail"] = (template, topic)
    if walk.plan.recheck and walk.plan.audience and not walk.holds(walk.plan.audience, "audience"):
        _skip(walk, "not_in_audience", template=template)
        return False
    at.note_mail(key, walk.seq)
    walk.story.ask(walk.journey, key, template, topic)
    walk.journey.head = ("send", key)
    return True


def _skip(walk: Walk, reason: str, **detail: object) -> None:
    walk.story.drop(walk.key(), reason)
    walk.at.ended[walk.at.step] = "skipped"
    walk.at.result(status="skipped")
    walk.say("send", status="skipped", reason=reason, **detail)


def _finished(walk: Walk, cause: Cause, late: p.Span | None, holds: bool) -> str | None:
    """Return what came of the mail at last; None while it is held, or asked for again."""
    at = walk.at
    template, topic = at.notes["mail"]
    if cause.kind == "time" and at.phase == "held":
        if late is not None and walk.now > _latest(walk, late):
            _skip(walk, "late", template=template)
            return "skipped"
        return None if _ask(walk, template, topic) else "skipped"
    if cause.status != "held" or cause.until is None:
        at.ended[at.step] = cause.status
        at.result(status=cause.status)
        walk.say("send", status=cause.status, reason=cause.reason, template=template)
        if holds and cause.status == "failed" and (cause.reason or "").startswith(_NEEDS_A_PERSON):
            raise HeldError(f"the mail of `{at.step}` failed: {cause.reason}")
        return cause.status
    if late is not None and cause.until > _latest(walk, late):
        _skip(walk, "late", template=template)
        return "skipped"
    walk.say("send", status="held", reason=cause.reason, until=cause.until.isoformat())
    at.phase = "held"
    walk.wait(cause.until)
    return None


def _latest(walk: Walk, late: p.Span) -> datetime:
    lead = walk.story.lead
    return add_span(walk.at.notes["asked_at"], late, lead.zone, lead.send_calendar)


def notify(walk: Walk, step: p.NotifyStep) -> None:
    walk.at.phase = "telling"
    walk.say("notify", to="address" if "@" in step.to else step.to, template=step.template)
    walk.journey.head = ("send", walk.story.tell(walk.journey, walk.key("notify"), step.template))


def notified(walk: Walk, step: p.NotifyStep, cause: Cause) -> p.Target:
    walk.say("notify", status=cause.status)
    return step.next


def call(walk: Walk, step: p.WebhookStep) -> None:
    key = walk.key("call")
    walk.say("webhook", to=step.to)
    walk.at.phase = "calling"
    walk.story.calls.setdefault(key, "new")
    walk.journey.head = ("call", key)


def called(walk: Walk, step: p.WebhookStep, cause: Cause) -> p.Target:
    """Where no address is set, a call goes nowhere and counts as done."""
    walk.at.result(status="done")
    walk.say("webhook", to=step.to, status=cause.status, code=None)
    return step.next
