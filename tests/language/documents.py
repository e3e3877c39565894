"""Random valid scenarios: all steps, entries, waits and conditions, written as YAML in many ways.

Every step leads on to the next one in its list, and jumps only go forwards, so that all of it can be
reached and nothing loops but `repeat`, whose body ends with a wait.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from random import Random
from typing import Any

from hypothesis import strategies as st

from tests.language.rich_workspace import RICH, WORKSPACE, W
from tests.language.workspaces import FILES, Files

N = "scenarios/welcome.yaml"
WORKSPACE_FILES: Files = {
    **RICH,
    W: WORKSPACE.replace("  page_viewed:", "  seminar_registered: {seminar: seminar}\n  page_viewed:")
    + "records:\n"
    "  seminar: {fields: {title: text, starts_at: datetime, seats: int}}\n"
    "  contract: {of: lead, fields: {renews_on: date, plan: {type: enum, values: [basic, pro]}}}\n",
    "scenarios/segments.yaml": 'hot: {when: "lead.score.engagement >= 31"}\n'
    'japan: {when: lead.country == "JP"}\n',
    "scenarios/other.yaml": "scenario: other\ntopic: service\nentry: [{manual: true}]\n"
    "steps: [{id: hello, send: {template: mail/case}}]\n",
    N: None,
}
"""The workspace in which every drawn scenario is valid."""

Step = dict[str, Any]
Draw = st.DrawFn

SPANS = ["1 day", "3 business days", "36 hours", "2 weeks", "1 month", "15 minutes", "4 business hours"]
PAST_SPANS = ["7 days", "24 hours", "2 weeks"]
ASKED = [
    "lead.in_sales",
    "lead.employees >= 100",
    'lead.industry == "it" || !known(lead.industry)',
    '"vip" in lead.tags',
    'lead.stage in ["lead", "mql"]',
    "lead.company.open_deals == 0",
    "lead.score.engagement > 20",
    'lead.band.engagement == "hot"',
    "run.cycle < 3",
]
ASKED_NOW = [
    "now > run.entered_at",
    "days_since(lead.created_at) > 30",
    "known(lead.purchase_timing) && days_until(lead.purchase_timing) <= 14",
    'open("office")',
]
ASKED_WAITING = [
    "lead.in_sales",
    "lead.employees >= 100",
    '"vip" in lead.tags && lead.stage == "mql"',
    "lead.score.engagement > 20",
    'lead.band.engagement == "hot" || lead.band.engagement == "warm"',
]
PLAIN_STEPS: list[Step] = [
    {"score": {"model": "engagement", "points": -5}},
    {"set": {"industry": "it", "employees": 300}},
    {"tag": ["vip", "partner"]},
    {"tag": "vip"},
    {"untag": ["vip"]},
    {"stage": "mql"},
    {"subscribe": {"topic": "nurture", "basis": "customer"}},
    {"unsubscribe": {"topic": "all"}},
    {"unsubscribe": {"topic": "nurture"}},
    {"suppress": {"topics": ["nurture"], "reason": "sunset"}},
    {
        "suppress": {
            "topics": ["nurture"],
            "reason": "sunset",
            "lift_on": ["form_submitted", {"event": "page_viewed", "path": "/price"}],
        }
    },
    {"record": {"event": "reactivated", "why": "再訪: 価格", "day": "2027-04-01", "count": 3, "loud": True}},
    {"enrol": {"scenario": "other"}},
    {"notify": {"to": "owner", "template": "notify/hot"}},
    {"notify": {"to": "sato@acme.example", "template": "notify/hot"}},
]
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=12)
KINDS = ("send", "await", "task", "hand_off", "stream", "recycle", "webhook", "wait", "plain", "plain")
HOLDING = ("if", "switch", "repeat", "experiment", "await")


class Writer:
    """Draws one scenario. `sends` are the sends that certainly come before the place that is drawn."""

    kinds: tuple[str, ...] = KINDS
    holding: tuple[str, ...] = HOLDING
    """Steps that hold others."""
    plain_steps: list[Step] = PLAIN_STEPS

    def __init__(self, draw: Draw, per: str) -> None:
        self.draw = draw
        self.per = per
        self.count = 0
        self.later: list[str] = []

    def one_of(self, values: Any) -> Any:
        return self.draw(st.sampled_from(list(values)))

    def maybe(self) -> bool:
        return self.draw(st.booleans())

    def steps(self, sends: list[str], depth: int, most: int = 3) -> list[Step]:
        """Return a list of steps."""
        sends = list(sends)
        found = []
        for _ in range(self.draw(st.integers(1, most))):
            step = self.step(sends, depth)
            found.append(step)
            if "send" in step:
                sends.append(step["id"])
        return found

    def top(self, most: int, least: int = 1) -> list[Step]:
        """Return the scenario's own steps; those in them may jump to later ones."""
        count = self.draw(st.integers(least, most))
        found: list[Step] = []
        sends: list[str] = []
        for at in range(count):
            self.later = [f"top-{later}" for later in range(at + 1, count)]
            step = {**self.step(sends, depth=0), "id": f"top-{at}"}
            found.append(step)
            if "send" in step:
                sends.append(step["id"])
        return found

    def step(self, sends: list[str], depth: int) -> Step:
        """Return one step of any kind."""
        self.count += 1
        kind = self.one_of((*self.kinds, *(self.holding * 2 if depth < 2 else ())))
        base: Step = {"id": f"step{self.count}"}
        body: Step = getattr(self, f"{kind}_step")(sends, depth)
        if self.maybe():
            base["title"] = self.draw(TEXTS)
        if self.maybe():
            base["journey_stage"] = self.one_of(["attention", "interest", "desire", "memory", "action"])
        return {**base, **body}

    def target(self) -> Any:
        """Return where an outcome leads."""
        targets: list[Any] = ["continue", {"exit": "gone"}, {"exit": "gone", "notify": "sato@acme.example"}]
        return self.one_of([*targets, *self.later])

    def inner(self, sends: list[str], depth: int) -> list[Step]:
        """Return nested steps that may end with a jump or an exit."""
        found = self.steps(sends, depth + 1, most=2)
        end: list[Step] = [{"exit": "done"}, *({"go": one} for one in self.later)]
        return [*found, self.one_of(end)] if self.maybe() else found

    def ways(self, step: Step, *names: str) -> Step:
        """Return a step with some of the settings that say where an outcome leads."""
        return {**step, **{name: self.target() for name in names if self.maybe()}}

    def send_step(self, sends: list[str], depth: int) -> Step:
        what: Step = {"stream": "tips"} if self.maybe() else {"template": "mail/case"}
        more: list[Step] = [
            {},
            {"topic": "service"},
            {"late": "12 hours", "on_late": "skip"},
            {"subject": "件名"},
        ]
        return {"send": self.ways({**what, **self.one_of(more)}, "on_skip", "on_fail")}

    def wait_step(self, sends: list[str], depth: int) -> Step:
        return {"wait": self.length()}

    def length(self) -> Any:
        """Return any form of wait."""
        forms: list[Any] = [
            *SPANS,
            {"for": "2 days", "at": "10:00"},
            {"for": "0 days", "at": "17:00"},
            {"until": "monday 09:00"},
            {"until": "2027-04-01", "at": "09:00"},
            {"until": "lead.purchase_timing - 1 month", "if_past": "exit"},
            {"until": "run.entered_at + 3 days", "if_past": {"exit": "past"}},
        ]
        if self.per == "seminar":
            forms.append({"until": "run.seminar.starts_at - 1 day", "at": "17:00"})
        return self.one_of(forms)

    def plain_step(self, sends: list[str], depth: int) -> Step:
        return dict(self.one_of(self.plain_steps))

    def task_step(self, sends: list[str], depth: int) -> Step:
        to: Step = self.one_of([{"to": "inside-sales"}, {"to": "owner", "else": "inside-sales"}])
        step: Step = {
            "type": "call",
            **to,
            "due": self.one_of(SPANS),
            "outcomes": ["connected", "absent", "later"],
        }
        more: list[Step] = [
            {},
            {"title": "お電話", "asks": ["industry"], "asks_date": True},
            {"retry": {"on": ["absent"], "max": 3, "every": "3 business hours"}},
            {"on_overdue": {"notify": "sato@acme.example"}},
            {"on_overdue": "continue"},
        ]
        return {"task": self.ways({**step, **self.one_of(more)}, "on_connected", "on_absent")}

    def hand_off_step(self, sends: list[str], depth: int) -> Step:
        to: Step = self.one_of([{"to": "inside-sales"}, {"to": "company_owner", "else": "inside-sales"}])
        more: list[Step] = [
            {"accept_within": "4 business hours", "escalate_to": "sato@acme.example"},
            {"work_within": "3 days", "what": "company"},
        ]
        return {"hand_off": self.ways({**to, **self.one_of(more)}, "on_won", "on_lost", "on_rejected")}

    def stream_step(self, sends: list[str], depth: int) -> Step:
        step: Step = {"of": "tips", "every": "2 weeks"}
        if self.maybe():
            step = {**step, "until": self.condition(sends), "go": self.target()}
        return {"stream": step}

    def recycle_step(self, sends: list[str], depth: int) -> Step:
        step: Step = {
            "cooldown": {"timing": "90 days", "default": "60 days"},
            "score": {"engagement": "reset"},
        }
        if self.maybe():
            step["bypass"] = [{"event": "form_submitted", "form": "contact", "go": self.target()}]
        if self.maybe():
            step = {**step, "max_cycles": 3, "on_max": {"exit": "given_up"}}
        return {"recycle": step}

    def webhook_step(self, sends: list[str], depth: int) -> Step:
        return {"webhook": self.ways({"to": "crm"}, "on_fail")}

    def if_step(self, sends: list[str], depth: int) -> Step:
        step: Step = {"if": self.condition(sends)}
        if self.maybe():
            return {**step, "then": self.inner(sends, depth)}
        return {**step, "then": self.steps(sends, depth + 1), "else": self.steps(sends, depth + 1)}

    def switch_step(self, sends: list[str], depth: int) -> Step:
        cases = [
            {"when": self.condition(sends), "then": self.inner(sends, depth)}
            for _ in range(self.draw(st.integers(1, 3)))
        ]
        return {"switch": cases, **({"else": self.steps(sends, depth + 1)} if self.maybe() else {})}

    def repeat_step(self, sends: list[str], depth: int) -> Step:
        step: Step = {"max": self.draw(st.integers(1, 9))}
        if self.maybe():
            step["while"] = self.condition(sends)
        later, self.later = self.later, []
        step["steps"] = [*self.steps(sends, depth + 1), {"wait": self.one_of(SPANS)}]
        self.later = later
        return {"repeat": step}

    def experiment_step(self, sends: list[str], depth: int) -> Step:
        arms: dict[str, Step] = {name: {"steps": self.steps(sends, depth + 1)} for name in ("a", "b")}
        step: Step = {"metric": {"did": "email_clicked", "within": "4 hours"}, "variants": arms}
        if self.maybe():
            step["control"] = "10 %"
        if self.maybe():
            step["rest"] = {"after": "4 hours", "min_sends": 200, "tie": "a"}
            for arm in arms.values():
                arm["share"] = "12.5 %"
        if self.maybe():
            step["draw"] = "lead"
        return {"experiment": step}

    def await_step(self, sends: list[str], depth: int) -> Step:
        branches = []
        for _ in range(self.draw(st.integers(1, 3))):
            way = {"go": self.target()} if self.maybe() else {"then": self.inner(sends, depth)}
            branches.append({**self.match(sends), **way})
        return {"await": branches, "timeout": self.length()}

    def match(self, sends: list[str]) -> Step:
        """Return what an `await` waits for."""
        forms: list[Callable[[], Step]] = [
            lambda: {"event": "page_viewed", "path": "/price*", "where": "event.seconds > 30"},
            lambda: {"event": "form_submitted", "form": ["contact", "whitepaper"], "since": "entry"},
            lambda: {"stage": ["mql", "customer"]},
            lambda: {"when": self.condition(sends, waiting=True)},
        ]
        if sends:
            forms.append(lambda: {"event": "email_clicked", "of": self.one_of(sends)})
            forms.append(lambda: {"event": "email_opened", "of": list(sends)})
            forms.append(lambda: {"event": "page_viewed", "since": self.one_of(sends)})
        found: Step = self.one_of(forms)()
        return found

    def condition(
        self, sends: list[str], waiting: bool = False, negated: bool = False, depth: int = 0, run: bool = True
    ) -> Any:
        """Return a condition, as CEL text or as a map."""
        texts = ASKED_WAITING if waiting else [*ASKED, *ASKED_NOW]
        texts = texts if run else [one for one in texts if "run." not in one]
        if run and sends:
            name = self.one_of(sends).replace("-", "_")
            texts = [*texts, f'run.{name}.status == "sent"', f"known(run.{name}.status) && run.cycle == 1"]
        if run and self.per == "seminar":
            texts = [*texts, 'run.seminar.seats > 100 || run.seminar.title.startsWith("春の")']
        kind = self.one_of(["text", "text", "did", "segment", *(["all", "any", "not"] if depth < 3 else [])])
        if kind == "text":
            return self.one_of(texts)
        if kind == "segment":
            return {"segment": self.one_of(["hot", "japan"])}
        if kind == "did":
            return self.did(sends, waiting and negated, run)
        if kind == "not":
            return {"not": self.condition(sends, waiting, not negated, depth + 1, run)}
        members = range(self.draw(st.integers(1, 3)))
        return {kind: [self.condition(sends, waiting, negated, depth + 1, run) for _ in members]}

    def did(self, sends: list[str], settled: bool, run: bool) -> Step:
        """Return a question about the past; a `settled` one does not turn true by time alone."""
        step: Step = dict(
            self.one_of(
                [
                    {"did": "page_viewed", "path": "/price*"},
                    {"did": "form_submitted", "form": "contact"},
                    {"did": "email_clicked"},
                ]
            )
        )
        if run and sends and step["did"] == "email_clicked" and self.maybe():
            step["of"] = self.one_of(sends)
        elif run and self.maybe():
            step["since"] = self.one_of(["entry", *sends])
        elif not settled:
            step["within"] = self.one_of(PAST_SPANS)
        more: list[Step] = [{}, {"at_least": 2}]
        return {**step, **self.one_of(more)}

    def entries(self) -> list[Step]:
        """Return ways in."""
        if self.per == "seminar":
            return [
                {"event": "seminar_registered"},
                {"manual": True},
            ]
        forms: list[Step] = [
            {"event": "form_submitted", "form": "whitepaper", "existing": "exclude"},
            {"event": "page_viewed", "where": 'event.path == "/price" && event.seconds > 5'},
            {"stage": "mql"},
            {"segment": "hot", "limit": "100 per day"},
            {"inactive": "90 days", "existing": "include"},
            {"date": "lead.purchase_timing", "before": "1 month"},
            {"date": "contract.renews_on", "after": "0 days", "at": "10:00"},
            {"schedule": "second tuesday 10:00", "segment": "japan"},
            {"schedule": "daily 09:00"},
            {"schedule": "*/15 9-17 * * MON-FRI", "zone": "Asia/Tokyo"},
        ]
        if self.per == "company":
            forms.append({"event": "form_submitted", "people": 3, "within": "14 days"})
        chosen = self.draw(st.lists(st.sampled_from(forms), max_size=3, unique_by=str))
        starts = [{"start": "top-0"}] if self.maybe() else [{}]
        return [{**one, **starts[0]} for one in chosen] + [{"manual": True}]

    def header(self) -> Step:
        """Return the settings of a scenario that may be left out."""
        choices: dict[str, Callable[[], Any]] = {
            "title": lambda: self.draw(TEXTS),
            "priority": lambda: self.draw(st.integers(0, 1000)),
            "group": lambda: "nurturing",
            "reentry": lambda: self.one_of(
                [{"mode": "never"}, {"mode": "after_exit", "cooldown": "30 days"}, {"mode": "always"}]
            ),
            "goal": lambda: self.one_of([{"stage": "customer"}, {"event": "deal_won"}]),
            "exit_when": lambda: [{"when": self.condition([], waiting=True)}, {"event": "unsubscribed"}],
            "on_edit": lambda: self.one_of(["move", {"default": "finish", "steps": {"old": "top-0"}}]),
            "pause_clock": lambda: self.one_of(["freeze", "restart", "run"]),
        }
        found = {name: choice() for name, choice in choices.items() if self.maybe()}
        if self.maybe():
            found["audience"] = self.condition([], run=False)
            found["recheck"] = "before_send"
        return found


@st.composite
def documents(draw: Draw, most: int = 5) -> dict[str, Any]:
    """Draw a valid scenario named `welcome`, for the workspace of `WORKSPACE_FILES`."""
    per = draw(st.sampled_from(["lead", "lead", "seminar", "company"]))
    writer = Writer(draw, per)
    head = {} if per == "lead" else {"per": per}
    return {
        "scenario": "welcome",
        "topic": "nurture",
        **head,
        **writer.header(),
        "entry": writer.entries(),
        "steps": writer.top(most),
    }


_BARE = re.compile(r"[A-Za-z\u3041-\u9fff/][A-Za-z0-9_./@\u3041-\u9fff -]*(?<! )")


def dump(value: Any, random: Random) -> str:
    """Return a value as YAML: in lines or in brackets, with quotes of any kind, with comments."""
    return "\n".join(_lines(value, random)) + "\n"


def _lines(value: Any, random: Random) -> list[str]:
    found: list[str] = []
    pairs = value.items() if isinstance(value, dict) else ((None, one) for one in value)
    for key, one in pairs:
        head = "- " if key is None else f"{_key(key, random)}:"
        if random.random() < 0.1:
            found.append("# 注: これは説明")
        if isinstance(one, dict | list) and one and random.random() < 0.6:
            inner = _lines(one, random)
            while key is None and inner[0].startswith("#"):
                found.append(inner.pop(0))
            first = [f"- {inner.pop(0)}"] if key is None else [head]
            found += first + [f"  {line}" for line in inner]
        elif key is not None and isinstance(one, str) and random.random() < 0.1 and one.isprintable():
            found += [f"{head} {random.choice('|>')}-", f"    {one}"]
        else:
            found.append(f"{head}{'' if key is None else ' '}{_flow(one, random)}")
            if random.random() < 0.1:
                found[-1] += "  # 注"
    return found


def _key(key: str, random: Random) -> str:
    return key if random.random() < 0.9 else json.dumps(key)


def _flow(value: Any, random: Random) -> str:
    if isinstance(value, dict):
        pairs = (f"{_key(key, random)}: {_flow(one, random)}" for key, one in value.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(one, random) for one in value) + "]"
    if not isinstance(value, str):
        return json.dumps(value)
    style = random.random()
    if style < 0.5 and _BARE.fullmatch(value) and value.lower() != "null":
        return value
    return json.dumps(value, ensure_ascii=False) if style < 0.75 else "'" + value.replace("'", "''") + "'"


def files_of(text: str) -> Files:
    """Return the workspace with a scenario."""
    return {**WORKSPACE_FILES, N: text}


assert FILES[N]  # the scenario that the drawn one stands for
