"""Words for the lines of a story: what events mean, and what stands in the way of a mail."""

from __future__ import annotations

from typing import Any

from leadloop.language.plan import Workspace
from leadloop.storage.tables import Event, Message, MessageStatus
from leadloop.web.story_text import say
from leadloop.web.text import Language
from leadloop.web.trace_words import describe_trace

__all__ = ["describe_event", "describe_trace", "describe_unsent"]

_SHOWN = 200


def describe_event(
    event: Event, message: Message | None, workspace: Workspace, language: Language = "en"
) -> str:
    """Return what an event means, in one line."""
    values = {name: _short(value) for name, value in sorted(event.properties.items())}
    subject = message.subject or message.template if message else ""
    mail = say(language, "“{subject}”", subject=subject) if message else say(language, "a mail")
    match event.type:
        case "lead_created":
            return say(language, "became known")
        case "form_submitted":
            form = values.get("form", "")
            title = workspace.forms[form].title if form in workspace.forms else ""
            return say(language, "filled in the form “{form}”", form=title or form)
        case "page_viewed":
            return say(language, "viewed {path}", path=values.get("path") or say(language, "a page"))
        case "email_opened":
            return say(language, "opened {mail}", mail=mail)
        case "email_clicked":
            link = values.get("link") or values.get("url") or say(language, "a link")
            return say(language, "clicked {link} in {mail}", link=link, mail=mail)
        case "email_bounced":
            kind = values.get("kind") or say(language, "unknown")
            return say(language, "{mail} bounced ({kind})", mail=mail, kind=kind)
        case "email_complained":
            return say(language, "complained about {mail}", mail=mail)
        case "unsubscribed" if values.get("topic", "*") == "*":
            return say(language, "wants no more mail")
        case "unsubscribed":
            return say(language, "wants no more mail about {topic}", topic=values["topic"])
        case "subscribed":
            return say(
                language, "may be mailed about {topic} ({basis})",
                topic=values.get("topic", "–"), basis=values.get("basis", "–"),
            )  # fmt: skip
        case _:
            return (
                _describe_change(event.type, values, language)
                or _describe_entry(event.type, values, language)
                or _describe_sales(event.type, values, workspace, language)
            )


def _describe_change(event_type: str, values: dict[str, str], language: Language) -> str | None:
    """Return the words for what changed about the lead; None for other events."""
    before, after = values.get("from") or "–", values.get("to") or "–"
    model, segment = values.get("model", "–"), values.get("segment", "–")
    match event_type:
        case "stage_changed":
            return say(language, "stage {before} → {after}", before=before, after=after)
        case "band_changed":
            return say(language, "{model} {before} → {after}", model=model, before=before, after=after)
        case "score_crossed":
            over = "{model} fell below {threshold}" if values.get("direction") == "down" else (
                "{model} rose over {threshold}"
            )  # fmt: skip
            return say(language, over, model=model, threshold=values.get("threshold", "–"))
        case "segment_entered":
            return say(language, "joined the segment {segment}", segment=segment)
        case "segment_left":
            return say(language, "left the segment {segment}", segment=segment)
        case "record_changed":
            record = f"{values.get('record', '')} {values.get('key', '')}".strip()
            if values.get("field"):
                return say(language, "{record}: {field} has changed", record=record, field=values["field"])
            return say(language, "{record} has changed", record=record)
        case "company_changed":
            return say(language, "its company: {field} has changed", field=values.get("field", "–"))
        case _:
            return None


def _describe_entry(event_type: str, values: dict[str, str], language: Language) -> str | None:
    """Return the words for what the engine says of entries; None for other events."""
    scenario = values.get("scenario", "–")
    match event_type:
        case "entry_due":
            text = say(language, "the time of an entry of “{scenario}” came", scenario=scenario)
            return text + _after(values.get("record"))
        case "enrol_requested":
            text = say(language, "was asked to enter “{scenario}”", scenario=scenario)
            return text + _after(values.get("record"))
        case "entry_repeated" if values.get("refused"):
            return say(
                language, "did not enter “{refused}”, because “{scenario}” is running",
                refused=values["refused"], scenario=scenario,
            )  # fmt: skip
        case "entry_repeated":
            return say(language, "came again to “{scenario}”, which is running", scenario=scenario)
        case _:
            return None


def _describe_sales(event_type: str, values: dict[str, str], workspace: Workspace, language: Language) -> str:
    match event_type:
        case "handoff_accepted":
            return say(language, "accepted by sales")
        case "handoff_rejected":
            return say(language, "given back by sales") + _after(values.get("reason"))
        case "handoff_working":
            return say(language, "sales is still working on it")
        case "task_done":
            date = f" ({values['date']})" if values.get("date") else ""
            return say(language, "task done") + _after(values.get("outcome")) + date
        case "deal_opened":
            return say(language, "deal opened") + _amount(values)
        case "deal_won":
            return say(language, "deal won") + _amount(values)
        case "deal_lost":
            reason = values.get("reason", "")
            text = say(language, "deal lost") + _after(workspace.lost_reasons.get(reason) or reason)
            when = values.get("revisit_on")
            return text + (say(language, ", ask again in {when}", when=when) if when else "")
        case _:
            shown = ", ".join(f"{name} {value}" for name, value in values.items())
            return event_type.replace("_", " ") + _after(shown)


def describe_unsent(message: Message, language: Language = "en") -> str:
    """Return what stands in the way of a mail that is not known to be sent."""
    reason = f" ({message.reason})" if message.reason else ""
    match message.status:
        case MessageStatus.NEW | MessageStatus.SENDING:
            return say(language, "is about to be sent")
        case MessageStatus.UNCERTAIN:
            return say(language, "may have been sent; it is not sent again")
        case MessageStatus.HELD:
            return say(language, "is held") + reason
        case MessageStatus.SKIPPED:
            return say(language, "was not sent") + reason
        case _:
            return f"{message.status.value}{reason}"


def _after(text: str | None) -> str:
    return f": {text}" if text else ""


def _amount(values: dict[str, str]) -> str:
    amount = values.get("amount", "")
    return f" ({int(amount):,})" if amount.isdigit() else ""


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
