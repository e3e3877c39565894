"""Words for the lines of a story."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from leadloop.language.plan import Workspace
from leadloop.storage.tables import Event, Message, MessageStatus

_SHOWN = 200


def describe_event(event: Event, message: Message | None, workspace: Workspace) -> str:
    """Return what an event means, in one line."""
    values = {name: _short(value) for name, value in event.properties.items()}
    mail = f"“{message.subject or message.template}”" if message else "a mail"
    match event.type:
        case "lead_created":
            return "became known"
        case "form_submitted":
            form = values.get("form", "")
            title = workspace.forms[form].title if form in workspace.forms else ""
            return f"filled in the form “{title or form}”"
        case "page_viewed":
            return f"viewed {values.get('path', 'a page')}"
        case "email_opened":
            return f"opened {mail}"
        case "email_clicked":
            return f"clicked {values.get('link') or values.get('url', 'a link')} in {mail}"
        case "email_bounced":
            return f"{mail} bounced ({values.get('kind', 'unknown')})"
        case "email_complained":
            return f"complained about {mail}"
        case "unsubscribed":
            topic = values.get("topic", "*")
            return "wants no more mail" if topic == "*" else f"wants no more mail about {topic}"
        case "stage_changed":
            return f"stage {values.get('from')} → {values.get('to')}"
        case "band_changed":
            return f"{values.get('model')} {values.get('from') or '–'} → {values.get('to')}"
        case _:
            return _describe_sales(event.type, values, workspace)


def _describe_sales(event_type: str, values: dict[str, str], workspace: Workspace) -> str:
    match event_type:
        case "handoff_accepted":
            return "accepted by sales"
        case "handoff_rejected":
            return "given back by sales" + _after(values.get("reason"))
        case "handoff_working":
            return "sales is still working on it"
        case "task_done":
            return "task done" + _after(values.get("outcome"))
        case "deal_opened":
            return "deal opened" + _amount(values)
        case "deal_won":
            return "deal won" + _amount(values)
        case "deal_lost":
            reason = values.get("reason", "")
            text = "deal lost" + _after(workspace.lost_reasons.get(reason) or reason)
            return text + (f", ask again in {values['revisit_on']}" if "revisit_on" in values else "")
        case _:
            shown = ", ".join(f"{name} {value}" for name, value in values.items())
            return event_type.replace("_", " ") + _after(shown)


def describe_unsent(message: Message) -> str:
    """Return what stands in the way of a mail that is not known to be sent."""
    reason = f" ({message.reason})" if message.reason else ""
    match message.status:
        case MessageStatus.NEW | MessageStatus.SENDING:
            return "is about to be sent"
        case MessageStatus.UNCERTAIN:
            return "may have been sent; it is not sent again"
        case MessageStatus.HELD:
            return f"is held{reason}"
        case MessageStatus.SKIPPED:
            return f"was not sent{reason}"
        case _:
            return f"{message.status.value}{reason}"


def describe_trace(trace: dict[str, Any], zone: ZoneInfo) -> str | None:
    """Return one line of a turn's trace in words, days in the zone; None where other lines tell it."""
    step, did = trace.get("step", ""), trace.get("did", "")
    text: str | None = None
    if did == "held":
        text = f"held: {trace.get('reason')}"
    elif did in {"await", "wait"}:
        text = _describe_wait(trace, zone)
    elif did == "recycle" and "until" in trace:
        text = f"rests until {_day(trace['until'], zone)} ({trace.get('because')})"
    elif did == "recycle" and "bypass" in trace:
        text = f"back early: {_words(trace.get('event'))}"
    elif did == "recycle" and trace.get("past"):
        text = "its date is past"
    elif did == "recycle":
        text = f"cycle {trace.get('cycle')}"
    elif did == "stream" and trace.get("exhausted"):
        text = "nothing new left to send"
    elif did == "hand_off" and trace.get("asked_still_working"):
        text = "sales was asked whether it still works on this"
    elif did == "webhook" and trace.get("status"):
        text = f"call to {trace.get('to')} {trace['status']}" + _after(str(trace.get("code") or ""))
    elif did == "experiment":
        arm = trace.get("drawn") or trace.get("winner")
        text = f"takes {arm}" if trace.get("winner") else f"drawn for {arm}"
    elif did == "moved":
        text = "goes on in a new version"
    elif did == "task" and trace.get("overdue"):
        text = "task is overdue"
    elif did == "send" and trace.get("status") == "held":
        text = f"mail held: {trace.get('reason')}"
    elif "result" in trace:
        text = f"{did}: {_truth(trace['result'])}"
    return f"{step}: {text}" if text else None


def _describe_wait(trace: dict[str, Any], zone: ZoneInfo) -> str | None:
    if trace.get("until"):
        moved = "its date moved: " if trace.get("moved") else ""
        return f"{moved}waits until {_day(trace['until'], zone)} at the latest"
    if trace.get("unknown"):
        return f"waits for {trace['unknown']}, which is not known yet"
    if trace.get("past"):
        return "its date is past"
    if trace.get("timed_out"):
        return "nothing happened in time" + _after(trace.get("reason"))
    if trace.get("already"):
        return "already happened"
    if trace.get("event"):
        return f"goes on after {_words(trace['event'])}"
    return None


def _truth(result: bool | None) -> str:
    return "unknown" if result is None else "yes" if result else "no"


def _day(instant: str, zone: ZoneInfo) -> str:
    return datetime.fromisoformat(instant).astimezone(zone).date().isoformat()


def _words(event_type: Any) -> str:
    return str(event_type or "an event").replace("_", " ")


def _after(text: str | None) -> str:
    return f": {text}" if text else ""


def _amount(values: dict[str, str]) -> str:
    amount = values.get("amount", "")
    return f" ({int(amount):,})" if amount.isdigit() else ""


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
