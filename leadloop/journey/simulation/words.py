"""Words for what a journey decided, for the lines of a simulation."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, time
from typing import Any, Literal
from zoneinfo import ZoneInfo

from leadloop.conditions import Facts
from leadloop.journey.simulation.matcher_words import (
    describe_condition,
    describe_did,
    describe_match,
    describe_span,
    describe_target,
    questions_of,
)
from leadloop.language.plan import AwaitStep, ExperimentStep, IfStep, Plan, RepeatStep, StreamStep, SwitchStep

Told = tuple[str, str] | None
"""Kind and text of a line; None where another line tells it."""

_DAYS = {"en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"), "ja": tuple("月火水木金土日")}
_HIDDEN = "(known)"
_ISO = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(?:[+-]\d\d:\d\d|Z)")
_INSTANT = ("subscribe", "unsubscribe", "suppress", "tag", "untag", "set", "record", "enrol", "stage")


def shown_time(at: datetime, zone: ZoneInfo, language: Literal["en", "ja"]) -> str:
    """Return an instant as people in the zone read it: `2026-11-24 Tue 09:00`."""
    local = at.astimezone(zone)
    return f"{local:%Y-%m-%d} {_DAYS[language][local.weekday()]} {local:%H:%M}"


class Words:
    """Tells the lines of a trace. Values come from the lead, because it is made up."""

    def __init__(
        self, plan: Plan, zone: ZoneInfo, language: Literal["en", "ja"], facts: Callable[[], Facts]
    ) -> None:
        self._plan = plan
        self._zone = zone
        self._language = language
        self._facts = facts
        self._questions = questions_of(plan)

    def when(self, text: str) -> str:
        """Return an instant that a trace holds as ISO 8601 text."""
        return shown_time(datetime.fromisoformat(text), self._zone, self._language)

    def tell(self, trace: Mapping[str, Any]) -> Told:
        """Return what one line of a trace says."""
        did = str(trace.get("did", ""))
        if "result" in trace:
            return "branch", self._condition(did, trace)
        teller = _TELLERS.get(did)
        if teller is not None:
            return teller(self, trace)
        if did in _INSTANT:
            return "data", self._instant(did, trace)
        return None

    def value(self, value: Any) -> str:
        """Return a value as people read it: instants in the lead's zone, at midnight as days."""
        if value is None:
            return "unknown"
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, str) and _ISO.fullmatch(value):
            value = datetime.fromisoformat(value)
        if not isinstance(value, datetime) or value.tzinfo is None:
            return str(value)
        local = value.astimezone(self._zone)
        if local.time() == time():
            return local.date().isoformat()
        return shown_time(value, self._zone, self._language)

    # --- conditions

    def _condition(self, did: str, trace: Mapping[str, Any]) -> str:
        step = self._plan.steps.get(str(trace.get("step")))
        told, way = did, ""
        if isinstance(step, IfStep) and did == "if":
            told = f"if {describe_condition(step.condition)}"
            way = f" → {describe_target(step.then if trace['result'] is True else step.otherwise)}"
        elif isinstance(step, SwitchStep) and did.startswith("case "):
            case = step.cases[int(did.removeprefix("case ")) - 1]
            told = f"{did}: {describe_condition(case.when)}"
            way = f" → {describe_target(case.go)}" if trace["result"] is True else ""
        elif isinstance(step, StreamStep) and did == "stream until" and step.until is not None:
            told = f"until {describe_condition(step.until)}"
        elif did == "audience" and self._plan.audience is not None:
            told = f"still in the audience: {describe_condition(self._plan.audience)}"
        elif did == "while":
            told = f"while {self._while(str(trace.get('step')))}"
        truth = {True: "true", False: "false", None: "unknown"}[trace["result"]]
        seen = ", ".join(f"{self._name(name)} = {value}" for name, value in self._seen(trace))
        return f"{told}: {truth}" + (f" ({seen})" if seen else "") + way

    def _while(self, step_id: str) -> str:
        step = self._plan.steps.get(step_id)
        repeat = self._plan.steps.get(step.repeat) if step is not None and step.kind == "again" else step
        known = isinstance(repeat, RepeatStep) and repeat.condition is not None
        return describe_condition(repeat.condition) if known else ""  # type: ignore[union-attr, arg-type]

    def _seen(self, trace: Mapping[str, Any]) -> list[tuple[str, str]]:
        facts = self._facts()
        return [
            (name, self.value(facts.get(name, value) if value == _HIDDEN else value))
            for name, value in trace.get("values", {}).items()
        ]

    def _name(self, name: str) -> str:
        question = self._questions.get(name)
        return describe_did(question) if question is not None else name

    # --- steps

    def _send(self, trace: Mapping[str, Any]) -> Told:
        status, why = trace.get("status"), trace.get("reason")
        if status == "held":
            return "wait", f"mail held until {self.when(trace['until'])}: {why}"
        if status == "skipped":
            content = f" (nothing left in {trace['stream']})" if "stream" in trace else ""
            return "branch", f"mail skipped: {why}{content}"
        return ("branch", f"mail {status}: {why}") if status not in (None, "sent") else None

    def _wait(self, trace: Mapping[str, Any]) -> Told:
        moved = "the date is another: " if trace.get("moved") else ""
        if "until" in trace:
            return "wait", f"{moved}waits until {self.when(trace['until'])}"
        if "unknown" in trace:
            return "wait", f"{moved}waits until {trace['unknown']} is known"
        return "branch", f"{moved}already past"

    def _await(self, trace: Mapping[str, Any]) -> Told:
        step = self._plan.steps[str(trace["step"])]
        if not isinstance(step, AwaitStep):
            return None
        if "branch" in trace:
            branch = step.branches[int(trace["branch"])]
            already = "already: " if trace.get("already") else ""
            return "branch", f"{already}{describe_match(branch.match)} → {describe_target(branch.go)}"
        if trace.get("past") and step.timeout is not None and step.timeout.if_past is not None:
            return "branch", f"the time is past already → {describe_target(step.timeout.if_past)}"
        if trace.get("timed_out") or trace.get("past"):
            why = trace.get("reason") or "nothing happened in time"
            return "branch", f"{why} → {describe_target(step.on_timeout)}"
        hopes = " or ".join(describe_match(branch.match) for branch in step.branches)
        until = f", until {self.when(trace['until'])}" if trace.get("until") else ", without limit"
        if "unknown" in trace:
            until = f", until {trace['unknown']}, which is not known"
        return "wait", f"waits for {hopes}{until}" if hopes else f"waits{until}"

    def _switch(self, trace: Mapping[str, Any]) -> Told:
        step = self._plan.steps[str(trace["step"])]
        if trace.get("case") is not None or not isinstance(step, SwitchStep):
            return None  # the line of the case tells it
        return "branch", f"no case is true → {describe_target(step.otherwise)}"

    def _experiment(self, trace: Mapping[str, Any]) -> Told:
        step = self._plan.steps[str(trace["step"])]
        if not isinstance(step, ExperimentStep):
            return None
        if "winner" in trace:
            return "branch", f"the rest takes arm {trace['winner']} → {self._arm(step, trace['winner'])}"
        arm = str(trace["drawn"])
        if arm == "rest" and step.rest is not None:
            wait = describe_span(step.rest.after)
            return "wait", f"draws the rest: waits {wait} for the arm that wins (tie: {step.rest.tie})"
        share = {one.name: one.share for one in step.variants} | {"control": step.control}
        return "branch", f"draws {arm} ({share[arm] / 100:g} %) → {self._arm(step, arm)}"

    def _arm(self, step: ExperimentStep, arm: str) -> str:
        return describe_target(next((one.go for one in step.variants if one.name == arm), step.next))

    def _stream(self, trace: Mapping[str, Any]) -> Told:
        return ("branch", f"nothing new left in {trace.get('of')}") if trace.get("exhausted") else None

    def _recycle(self, trace: Mapping[str, Any]) -> Told:
        if "until" in trace:
            moved = "the date is another: " if trace.get("moved") else ""
            return "wait", f"{moved}rests until {self.when(trace['until'])} (by {trace.get('because')})"
        if "bypass" in trace:
            return "branch", f"back early: {trace.get('event')}"
        if trace.get("past"):
            return "branch", "the date moved into the past: the rest is over"
        return "branch", f"cycle {trace.get('cycle')} of at most {trace.get('max_cycles')}"

    def _task(self, trace: Mapping[str, Any]) -> Told:
        if trace.get("overdue"):
            return "sales", "the task is overdue"
        if "due" in trace:
            again = f" again (try {trace['again']})" if "again" in trace else ""
            return "sales", f"makes a task{again}, due {self.when(trace['due'])}"
        return None

    def _hand_off(self, trace: Mapping[str, Any]) -> Told:
        if "to" in trace:
            limit = f", to accept by {self.when(trace['accept_by'])}" if trace.get("accept_by") else ""
            step = self._plan.steps[str(trace["step"])]
            what = "company" if getattr(step, "what", "lead") == "company" else "lead"
            return "sales", f"offers the {what} to {trace['to']}{limit}"
        return ("branch", "the offer expires") if trace.get("expired") else None

    def _score(self, trace: Mapping[str, Any]) -> Told:
        return "data", f"score step: {trace.get('model')} {int(trace.get('points', 0)):+d}"

    def _webhook(self, trace: Mapping[str, Any]) -> Told:
        if "status" not in trace:
            return "call", f"calls the webhook {trace['to']}"
        code = f" ({trace['code']})" if trace.get("code") is not None else ""
        step = self._plan.steps[str(trace["step"])]
        failed = trace["status"] != "done" and step.kind == "webhook"
        way = f" → {describe_target(step.on_fail)}" if failed else ""  # type: ignore[union-attr]
        return "branch", f"the webhook {trace['to']} answers: {trace['status']}{code}{way}"

    def _repeat(self, trace: Mapping[str, Any]) -> Told:
        repeat = self._plan.steps.get(str(trace["of"]))
        most = repeat.most if isinstance(repeat, RepeatStep) else ""
        if "round" in trace:
            return "branch", f"round {trace['round']} of at most {most}"
        if trace["over"] == "max":
            return "branch", f"{trace['of']} is over: {most} rounds are done"
        if trace["over"] == "idle":
            return "branch", f"{trace['of']} is over: nothing was sent or waited for in this round"
        return "branch", f"{trace['of']} is over: its `while` is not true"

    def _go(self, trace: Mapping[str, Any]) -> Told:
        return "branch", f"goes to {trace.get('to')}"

    def _held(self, trace: Mapping[str, Any]) -> Told:
        return "end", f"held: {trace.get('reason')}"

    def _instant(self, did: str, trace: Mapping[str, Any]) -> str:
        if did == "subscribe":
            if "refused" in trace:
                return "does not subscribe: the person has unsubscribed, and only the person can take it back"
            return f"may be mailed {trace['topic']} from here (basis {trace['basis']})"
        if did == "unsubscribe":
            return f"refuses {trace['topic']}: journeys of that topic end"
        if did == "suppress":
            return f"no more mail of {', '.join(trace['topics'])}, by us: {trace['reason']}"
        if did in ("tag", "untag"):
            return f"{did} {', '.join(trace['tags'])}"
        if did == "set":
            return f"sets {', '.join(trace.get('fields', trace.get('not_written', ())))}"
        if did == "record":
            return f"records {trace['event']}"
        return f"asks to enter {trace['scenario']}" if did == "enrol" else f"asks for the stage {trace['to']}"


_TELLERS: dict[str, Callable[[Words, Mapping[str, Any]], Told]] = {
    "send": Words._send,
    "wait": Words._wait,
    "await": Words._await,
    "switch": Words._switch,
    "experiment": Words._experiment,
    "stream": Words._stream,
    "recycle": Words._recycle,
    "task": Words._task,
    "hand_off": Words._hand_off,
    "score": Words._score,
    "webhook": Words._webhook,
    "repeat": Words._repeat,
    "go": Words._go,
    "held": Words._held,
}
