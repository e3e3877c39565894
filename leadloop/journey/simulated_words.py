"""Words for what a journey decided, for the lines of a simulation. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from leadloop.language.plan import AwaitStep, EventMatch, Matcher, Plan, StageMatch, Target


def describe_match(match: Matcher) -> str:
    """Return a matcher in words: `email_clicked of thanks`, `page_viewed path /pricing*`."""
    if isinstance(match, StageMatch):
        return "stage " + "/".join(match.stages)
    if not isinstance(match, EventMatch):
        return match.when.source
    parts = [match.event]
    for one in match.properties:
        value = "/".join(map(str, one.values)) if one.values else f"{one.prefix}*"
        parts.append(f"{one.name} {value}")
    if match.of:
        parts.append("of " + "/".join(match.of))
    return " ".join(parts)


def describe_trace(plan: Plan, trace: Mapping[str, Any], zone: ZoneInfo) -> tuple[str, str] | None:
    """Return (kind, words) of one line of a trace; None where another line tells it."""
    did = str(trace.get("did", ""))
    if "result" in trace:
        seen = ", ".join(f"{name} = {_value(value)}" for name, value in trace.get("values", {}).items())
        truth = {True: "true", False: "false", None: "unknown"}[trace["result"]]
        return "branch", f"{did}: {truth}" + (f" ({seen})" if seen else "")
    if did == "send" and trace.get("status") == "held":
        return "wait", f"mail held until {_when(trace['until'], zone)}: {trace.get('reason')}"
    if did == "send" and trace.get("status") == "skipped":
        return "branch", f"mail skipped: {trace.get('reason')}"
    if did == "await":
        return _await(plan, trace, zone)
    if did == "wait":
        return (
            ("wait", f"waits until {_when(trace['until'], zone)}")
            if "until" in trace
            else ("branch", "already past")
        )
    if did == "stream" and trace.get("exhausted"):
        return "branch", f"nothing new left in {trace.get('of')}"
    if did in ("hand_off", "task", "recycle"):
        return _sales(did, trace, zone)
    if did == "score":
        return "event", f"score step: {trace.get('model')} {int(trace.get('points', 0)):+d}"
    if did == "held":
        return "end", f"held: {trace.get('reason')}"
    return None


def _await(plan: Plan, trace: Mapping[str, Any], zone: ZoneInfo) -> tuple[str, str]:
    step = plan.steps[str(trace["step"])]
    assert isinstance(step, AwaitStep)
    if "branch" in trace:
        branch = step.branches[int(trace["branch"])]
        return "branch", f"{describe_match(branch.match)} → {_target(branch.go)}"
    if trace.get("timed_out") or trace.get("past"):
        why = trace.get("reason") or "nothing happened in time"
        return "branch", f"{why} → {_target(step.on_timeout)}"
    hopes = " or ".join(describe_match(branch.match) for branch in step.branches)
    until = f", until {_when(trace['until'], zone)}" if trace.get("until") else ", without limit"
    return "wait", f"waits for {hopes}{until}"


def _sales(did: str, trace: Mapping[str, Any], zone: ZoneInfo) -> tuple[str, str] | None:
    if did == "recycle" and "until" in trace:
        return "wait", f"rests until {_when(trace['until'], zone)} (by {trace.get('because')})"
    if did == "recycle" and "bypass" in trace:
        return "branch", f"back early: {trace.get('event')}"
    if did == "recycle":
        return "branch", f"cycle {trace.get('cycle')} of at most {trace.get('max_cycles')}"
    if did == "task" and trace.get("overdue"):
        return "sales", "the task is overdue"
    if did == "task" and "due" in trace:
        return "sales", f"makes a task, due {_when(trace['due'], zone)}"
    if did == "hand_off" and "to" in trace:
        limit = f", to accept by {_when(trace['accept_by'], zone)}" if trace.get("accept_by") else ""
        return "sales", f"offers the lead to {trace['to']}{limit}"
    if trace.get("expired"):
        return "branch", "the offer expires"
    return None


def _target(target: Target) -> str:
    return target.step if target.step is not None else f"exit {target.exit}"


def _when(text: str, zone: ZoneInfo) -> str:
    return f"{datetime.fromisoformat(text).astimezone(zone):%Y-%m-%d %a %H:%M}"


def _value(value: Any) -> str:
    return "unknown" if value is None else str(value)
