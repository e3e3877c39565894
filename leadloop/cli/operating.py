"""What `leadloop status` says of operating: sending, pauses, held journeys, people by step."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from leadloop.cli.output import shown_at


def operating_lines(document: dict[str, Any], zone: ZoneInfo) -> Iterator[str]:
    """Yield the lines of `standing`; nothing for a scenario in which nobody is."""
    sending = document["sending"]
    if sending["stopped"]:
        why = f": {sending['reason']}" if sending["reason"] else ""
        yield f"sending           STOPPED by {sending['by'] or 'somebody'}{why}; {sending['held']} mails held"
    for one in document["scenarios"]:
        yield from _scenario(one, zone)


def _scenario(one: dict[str, Any], zone: ZoneInfo) -> Iterator[str]:
    if one["pause"] is not None:
        since = shown_at(datetime.fromisoformat(one["pause"]["since"]), zone)
        yield f"paused            {one['scenario']} since {since}, its clocks: {one['pause']['clock']}"
    if one["steps"]:
        steps = ", ".join(f"{step['step']} {step['running']}" for step in one["steps"])
        oldest = one["oldest_due_at"]
        first = f", the first {shown_at(datetime.fromisoformat(oldest), zone)}" if oldest else ""
        yield f"running           {one['scenario']}: {steps}; {one['due_next_hour']} due in an hour{first}"
    for held in one["held"]:
        yield f"held              {one['scenario']}: {held['number']}, {held['reason']}"
    if one["temporal"] is not None and (one["steps"] or one["held"]):
        yield f"  {one['temporal']}"


def stop_lines(journey: dict[str, Any], zone: ZoneInfo) -> Iterator[str]:
    """Yield what stops a journey or its clock, and what people did to it."""
    for one in journey["operations"]:
        yield operation_line(one, zone)
    if journey["locked_at"]:
        clocks = journey["stops"].values()
        after = "begins the wait anew" if "restart" in clocks else "goes on where it stood"
        causes = " and ".join(
            _CAUSES.get(name, name) for name, clock in journey["stops"].items() if clock != "run"
        )
        since = shown_at(journey["locked_at"], zone)
        yield f"its clock stands still since {since}, {causes}; then it {after}"
    elif journey["status"] == "paused":
        yield f"paused {' and '.join(_CAUSES.get(name, name) for name in journey['stops'])}; its clock runs"
    if journey["retry"]:
        yield "tries again in its next turn"


_CAUSES = {
    "sales": "while sales works on the lead",
    "journey": "until somebody resumes it",
    "scenario": "until somebody resumes its scenario",
}


def operation_line(operation: dict[str, Any], zone: ZoneInfo) -> str:
    """Return one line of the log for people."""
    at = shown_at(datetime.fromisoformat(operation["at"]), zone)
    subject = operation["journey"] or operation["scenario"] or "all mail"
    detail = ", ".join(f"{name} {_plain(value)}" for name, value in operation["detail"].items())
    why = f": {operation['reason']}" if operation["reason"] else ""
    action = operation["action"].replace("_", " ")
    return f"{at}  {operation['by']}  {action}  {subject}{f' ({detail})' if detail else ''}{why}"


def _plain(value: object) -> str:
    """Return a value of the log; a map as it is written on the command line."""
    if isinstance(value, dict):
        return " ".join(f"{old}={new}" for old, new in value.items())
    return str(value)
