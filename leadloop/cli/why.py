"""`leadloop why LEAD`: every turn of a lead's journeys, in plain lines."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import typer

from leadloop.cli.environments import StateOption, find_lead_id, open_environment
from leadloop.cli.operating import stop_lines
from leadloop.cli.output import JsonOption, LeadArgument, print_json, shown_at
from leadloop.cli.temporal_pages import temporal_pages

_INSTANTS = ("until", "accept_by", "due")


def why(lead: LeadArgument, state: StateOption = None, as_json: JsonOption = False) -> None:
    """Explain a lead's journeys: each turn with its cause, the steps walked, the values conditions saw.

    Then what each journey waits for and when it is due next, which mails were not sent and why, and
    why the lead is not in the other scenarios. Times are in the lead's zone.
    """
    from leadloop.cli.explanations import explain_lead

    pages = temporal_pages(state)
    with open_environment(state) as env:
        lead_id = find_lead_id(env, lead)
        with env.database.read() as session:
            found = explain_lead(session, env, lead_id)
    for journey in found["journeys"]:
        journey["temporal_page"] = pages.journey(journey["enrolment"])
    if as_json:
        print_json(found)
        return
    for line in lines_of(found):
        typer.echo(line)


def lines_of(found: dict[str, Any]) -> list[str]:
    """Return an explanation in lines for people."""
    zone = ZoneInfo(found["timezone"])
    lines = [
        f"{found['name']}  (lead {found['lead']})",
        f"stage {found['stage']}, cycle {found['cycle']}; now {shown_at(found['now'], zone)}, "
        f"times in {zone.key}",
    ]
    if found["segments"]:
        lines.append(f"in segments {', '.join(found['segments'])}")
    if found["in_sales"]:
        lines.append("in sales: nurture mail waits")
    if found["recycle_until"]:
        lines.append(f"rests after a lost deal until {shown_at(found['recycle_until'], zone)}")
    for pause in found["suppressed_topics"]:
        lift = f", lifted by {' or '.join(pause['lift_on'])}" if pause["lift_on"] else ""
        lines.append(
            f"topic {pause['topic']} stopped by us ({pause['reason']}) since "
            f"{shown_at(pause['since'], zone)}{lift}"
        )
    if found["unapplied_events"]:
        lines.append(f"{found['unapplied_events']} events are not applied yet")
    for journey in found["journeys"]:
        lines += ["", *_journey_lines(journey, zone)]
    if found["not_running"]:
        lines += ["", "not in:"]
        for other in found["not_running"]:
            lines.append(f"  {other['scenario']}  {other['title']}".rstrip())
            lines += [f"    {reason}" for reason in other["reasons"]]
    return lines


def _journey_lines(journey: dict[str, Any], zone: ZoneInfo) -> list[str]:
    head = f"{journey['scenario']}  {journey['title']}".rstrip()
    lines = [f"{head}: {_standing(journey, zone)}"]
    by = f" by {journey['entered_by']}" if journey["entered_by"] else ""
    lines.append(
        f"  entered {shown_at(journey['entered_at'], zone)}{by} "
        f"(enrolment {journey['enrolment']}, version {journey['version']})"
    )
    if journey["record"]:
        lines.append(f"  for {_record(journey['record'])}")
    for turn in journey["turns"]:
        because = _cause(turn["cause"], turn["trace"])
        lines.append(f"  turn {turn['turn']}  {shown_at(turn['at'], zone)}  {because}")
        lines += [f"    {_trace(one, zone)}" for one in turn["trace"]]
        lines.append(f"    → {_next(turn['next'], zone)}")
    for one in journey["unsent"]:
        until = f" until {shown_at(one['hold_until'], zone)}" if one["hold_until"] else ""
        why_not = f": {one['reason']}" if one["reason"] else ""
        lines.append(f"  mail {one['template']} (step {one['step']}) {one['status']}{until}{why_not}")
    lines += [f"  {_call(call)}" for call in journey["calls"]]
    lines += [f"  {_arm(arm)}" for arm in journey["experiments"]]
    lines += [f"  {line}" for line in stop_lines(journey, zone)]
    if journey["moves_to"]:
        lines.append(f"  {_move(journey['moves_to'])}")
    if journey["waiting"]:
        lines.append(f"  now {_waiting(journey['waiting'], zone)}")
        if journey.get("temporal_page"):
            lines.append(f"  in Temporal: {journey['temporal_page']}")
    return lines


def _record(record: dict[str, Any]) -> str:
    if record["fields"] is None:
        return f"{record['kind']} {record['key']}, which is not there"
    values = ", ".join(f"{name} {value}" for name, value in sorted(record["fields"].items()))
    return f"{record['kind']} {record['key']} ({values or 'no values'})"


def _call(call: dict[str, Any]) -> str:
    code = f" {call['code']}" if call["code"] else ""
    reason = f" ({call['reason']})" if call["reason"] else ""
    noted = ", noted here only: no address is set" if call["sink"] else ""
    tries = f" after {call['attempts']} tries" if call["attempts"] > 1 else ""
    return f"call to {call['to']} (step {call['step']}) {call['status']}{code}{reason}{tries}{noted}"


def _arm(arm: dict[str, Any]) -> str:
    """Return `experiment issue: drawn for a; winner b (rate; a 1 of 20, b 9 of 20)`."""
    text = f"experiment {arm['step']}: drawn for {arm['drawn']}"
    if arm["winner"] is None:
        return text
    figures = ", ".join(
        f"{name} {wins} of {draws}" for name, (draws, wins) in sorted((arm["arms"] or {}).items())
    )
    why = "; ".join(part for part in (str(arm["why"] or "").replace("_", " "), figures) if part)
    return f"{text}; winner {arm['winner']}" + (f" ({why})" if why else "")


def _move(version: str) -> str:
    return "ends after this step" if version == "finish" else f"moves to version {version} in its next turn"


def _standing(journey: dict[str, Any], zone: ZoneInfo) -> str:
    if journey["ended_at"] is None:
        reason = f" ({journey['reason']})" if journey["reason"] else ""
        return f"{journey['status']}{reason}"
    reason = f" ({journey['reason']})" if journey["reason"] else ""
    return f"ended {journey['outcome']}{reason} {shown_at(journey['ended_at'], zone)}"


def _cause(cause: dict[str, Any], trace: list[dict[str, Any]]) -> str:
    if trace and trace[0].get("moved"):
        return "because the date it waits for changed"
    match cause.get("kind"):
        case "start":
            return "because it began"
        case "due":
            return "because its time came"
        case "event" if cause.get("type"):
            return f"because of {cause['type']} (event {cause['id']})"
        case "event":
            return f"because the condition of branch {cause.get('branch', 0) + 1} turned true"
        case "message":
            reason = f" ({cause['reason']})" if cause.get("reason") else ""
            return f"because its message was {cause['status']}{reason}"
        case "call":
            code = f" ({cause['code']})" if cause.get("code") else ""
            return f"because its call was {cause['status']}{code}"
        case "moved":
            return "because a new version was published"
        case "ended":
            reason = f" ({cause['reason']})" if cause.get("reason") else ""
            return f"because it was ended: {cause['outcome']}{reason}"
        case other:
            return f"because of {other}"


def _trace(trace: dict[str, Any], zone: ZoneInfo) -> str:
    """Return one step of a turn: `read: await, until 2026-11-21 10:00`."""
    from leadloop.cli.explanations import values_words

    # Sorted: PostgreSQL keeps the names of stored documents in an order of its own.
    rest = {name: trace[name] for name in sorted(trace) if name not in ("step", "did", "values", "result")}
    words = [trace.get("did", "")]
    if "result" in trace:
        words[0] += " is " + {True: "true", False: "false", None: "unknown"}[trace["result"]]
        words[0] += f" ({values_words(trace.get('values', {}))})"
    words += [f"{name.replace('_', ' ')} {_value(name, value, zone)}".rstrip() for name, value in rest.items()
              if value is not None]  # fmt: skip
    step = f"{trace['step']}: " if trace.get("step") else ""
    return step + ", ".join(words)


def _value(name: str, value: Any, zone: ZoneInfo) -> str:
    if name in _INSTANTS and isinstance(value, str):
        return shown_at(datetime.fromisoformat(value), zone)
    if value is True:
        return ""
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return str(value + 1) if name in ("branch", "bypass") else str(value)


def _next(following: dict[str, Any], zone: ZoneInfo) -> str:
    match following.get("kind"):
        case "send":
            return f"send message {following.get('message_id')}"
        case "call":
            return f"make call {following.get('call_id')}"
        case "end":
            return f"end: {following.get('outcome')}"
        case _:
            due_at = following.get("due_at")
            until = f" until {shown_at(datetime.fromisoformat(due_at), zone)}" if due_at else ""
            return f"wait{until}"


def _waiting(waiting: dict[str, Any], zone: ZoneInfo) -> str:
    title = f" {waiting['title']}" if waiting["title"] else ""
    parts = [f"at step {waiting['step']}{title} (line {waiting['line']})"]
    if waiting["message"]:
        parts.append(f"its message {waiting['message']['id']} is {waiting['message']['status']}")
    if waiting["for"]:
        parts.append(f"waits for {' | '.join(waiting['for'])}")
    if waiting["satisfied"]:
        parts.append("which has happened: its next turn is due at once")
    parts.append(f"next due {shown_at(waiting['due_at'], zone)}" if waiting["due_at"] else "no time limit")
    return "; ".join(parts)
