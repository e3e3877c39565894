"""Words for what a journey did: one line of a turn's trace."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from leadloop.web.story_text import say
from leadloop.web.text import Language


def describe_trace(trace: dict[str, Any], zone: ZoneInfo, language: Language = "en") -> str | None:
    """Return one line of a turn's trace in words, days in the zone; None where other lines tell it."""
    step, text = trace.get("step", ""), _text(trace, zone, language)
    if text is None:
        return None
    return f"{step}: {text}" if step else text


def _text(trace: dict[str, Any], zone: ZoneInfo, language: Language) -> str | None:
    match trace.get("did", ""):
        case "held":
            return say(language, "held: {reason}", reason=trace.get("reason"))
        case "await" | "wait":
            return _describe_wait(trace, zone, language)
        case "recycle":
            return _describe_recycle(trace, zone, language)
        case "stream" if trace.get("exhausted"):
            return say(language, "nothing new left to send")
        case "hand_off" if trace.get("asked_still_working"):
            return say(language, "sales was asked whether it still works on this")
        case "hand_off" if trace.get("expired"):
            return say(language, "sales did not answer in time")
        case "webhook" if trace.get("status"):
            text = say(language, "call to {to} {status}", to=trace.get("to"), status=trace["status"])
            return text + _after(str(trace.get("code") or ""))
        case "experiment" if trace.get("winner"):
            return say(language, "takes {arm}", arm=trace["winner"])
        case "experiment":
            return say(language, "drawn for {arm}", arm=trace.get("drawn"))
        case "moved":
            return say(language, "goes on in a new version")
        case "task" if trace.get("overdue"):
            return say(language, "task is overdue")
        case "task" if trace.get("again"):
            return say(language, "task given again ({number})", number=trace["again"])
        case "send" if trace.get("status") == "held":
            return say(language, "mail held: {reason}", reason=trace.get("reason"))
        case did if "result" in trace:
            return f"{did}: {_truth(trace['result'], language)}"
        case _:
            return _describe_quick(trace, language)


def _describe_quick(trace: dict[str, Any], language: Language) -> str | None:
    """Return the words for steps that are over as soon as they begin."""
    match trace.get("did", ""):
        case "tag":
            return say(language, "tagged {tags}", tags=_list(trace.get("tags")))
        case "untag":
            return say(language, "tag {tags} removed", tags=_list(trace.get("tags")))
        case "set" if trace.get("not_written"):
            return say(language, "left {fields} as they were", fields=_list(trace["not_written"]))
        case "set":
            return say(language, "wrote {fields}", fields=_list(trace.get("fields")))
        case "suppress":
            return say(
                language, "mails about {topics} stopped by us ({reason})",
                topics=_list(trace.get("topics")), reason=trace.get("reason"),
            )  # fmt: skip
        case "subscribe" if trace.get("refused"):
            return say(language, "no permission written: the person unsubscribed")
        case "enrol":
            return say(language, "asked to enter “{scenario}”", scenario=trace.get("scenario"))
        case "record":
            return say(language, "noted “{event}”", event=_words(trace.get("event"), language))
        case "notify" if trace.get("to"):
            return say(language, "told {to}", to=trace["to"])
        case "switch" if trace.get("case") is not None:
            return say(language, "took way {number}", number=trace["case"])
        case "switch":
            return say(language, "took the other way")
        case "repeat" if trace.get("round"):
            return say(language, "round {round}", round=trace["round"])
        case "repeat":
            return say(language, "no more rounds")
        case "ended":
            return say(language, "ended: {outcome}", outcome=trace.get("outcome"))
        case _:
            return None


def _describe_recycle(trace: dict[str, Any], zone: ZoneInfo, language: Language) -> str:
    if "until" in trace:
        day = _day(trace["until"], zone)
        return say(language, "rests until {day} ({because})", day=day, because=trace.get("because"))
    if "bypass" in trace:
        return say(language, "back early: {event}", event=_words(trace.get("event"), language))
    if trace.get("past"):
        return say(language, "its date is past")
    return say(language, "cycle {cycle}", cycle=trace.get("cycle"))


def _describe_wait(trace: dict[str, Any], zone: ZoneInfo, language: Language) -> str | None:
    if trace.get("until"):
        then = say(language, "waits until {day} at the latest", day=_day(trace["until"], zone))
        return say(language, "its date moved: {then}", then=then) if trace.get("moved") else then
    if trace.get("unknown"):
        return say(language, "waits for {fact}, which is not known yet", fact=trace["unknown"])
    if trace.get("past"):
        return say(language, "its date is past")
    if trace.get("timed_out"):
        return say(language, "nothing happened in time") + _after(trace.get("reason"))
    if trace.get("already"):
        return say(language, "already happened")
    if trace.get("event"):
        return say(language, "goes on after {event}", event=_words(trace["event"], language))
    return None


def _truth(result: bool | None, language: Language) -> str:
    return say(language, "unknown" if result is None else "yes" if result else "no")


def _day(instant: str, zone: ZoneInfo) -> str:
    return datetime.fromisoformat(instant).astimezone(zone).date().isoformat()


def _words(event_type: Any, language: Language) -> str:
    return str(event_type).replace("_", " ") if event_type else say(language, "an event")


def _list(values: Any) -> str:
    return ", ".join(map(str, values or ()))


def _after(text: str | None) -> str:
    return f": {text}" if text else ""
