"""What Hypothesis draws: a valid scenario, and what happens to a lead that may run through it."""

from __future__ import annotations

from itertools import chain
from typing import Any

from hypothesis import strategies as st

from tests.language.documents import (
    HOLDING,
    PLAIN_STEPS,
    Draw,
    Step,
    Writer,
)
from tests.model.actions import (
    Drawn,
    Enrol,
    Example,
)  # fmt: skip
from tests.model.happenings import actions, endings, faults, scenes, weighed
from tests.model.workspace import CAPS

SHAPES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "any": (
        ("send", "send", "send", "await", "await", "stream", "webhook", "wait", "wait", "plain",
         "hand_off", "hand_off", "task", "recycle"),
        HOLDING,
    ),
    "flat": (("hand_off", "send", "send", "send", "wait", "wait", "stream", "recycle", "task"), ()),
    "mails": (("send", "send", "send", "stream", "wait", "plain"), ("repeat",)),
    "sales": (("hand_off", "hand_off", "hand_off", "task", "recycle", "send", "wait", "stream"), ("await",)),
    "waits": (("wait", "wait", "stream", "recycle", "send"), ("await", "await", "experiment")),
}  # fmt: skip
"""What scenarios are drawn of: steps, and steps that hold others."""


class _Writer(Writer):
    """Draws scenarios of the steps that the model knows."""

    plain_steps = [step for step in PLAIN_STEPS if step != {"unsubscribe": {"topic": "all"}}]

    def __init__(self, draw: Draw, shape: str) -> None:
        super().__init__(draw, "lead")
        self.kinds, self.holding = SHAPES[shape]

    def step(self, sends: list[str], depth: int) -> Step:
        """Return a step; what is deep is seldom reached."""
        return super().step(sends, depth if self.holding == HOLDING else depth + 1)

    def hand_off_step(self, sends: list[str], depth: int) -> Step:
        to: Step = self.one_of([{"to": "inside-sales"}, {"to": "company_owner", "else": "inside-sales"}])
        accept: Step = self.one_of([{}, {"accept_within": "4 business hours"}])
        if accept and self.maybe():
            accept = {**accept, "escalate_to": "sato@acme.example"}
        work: Step = self.one_of([{}, {"work_within": "3 days", "what": "company"}])
        ways = ("on_won", "on_lost", "on_rejected")  # what is left goes on to the next step
        return {"hand_off": self.ways({**to, **accept, **work}, *ways)}

    def recycle_step(self, sends: list[str], depth: int) -> Step:
        step: Step = {"cooldown": {"timing": "20 days", "default": "8 days"}}
        if self.maybe():
            step["score"] = {"engagement": "reset"}
        if self.maybe():
            step["until"] = "lead.purchase_timing"
        if self.maybe():
            step["bypass"] = [{"event": "form_submitted", "form": "contact", "go": self.target()}]
        if self.maybe():
            step = {**step, "max_cycles": self.one_of([1, 2]), "on_max": {"exit": "given_up"}}
        return {"recycle": step}

    def experiment_step(self, sends: list[str], depth: int) -> Step:
        arms: dict[str, Step] = {name: {"steps": self.steps(sends, depth + 1)} for name in ("a", "b")}
        step: Step = {"metric": {"did": "email_clicked", "within": "4 hours"}, "variants": arms}
        if self.maybe():
            step["control"] = "10 %"
        if self.maybe():
            step["rest"] = {"after": "4 hours", "min_sends": 200, "tie": self.one_of(["a", "b"])}
            for arm in arms.values():
                arm["share"] = "25 %"
        return {"experiment": step}


class _LonelyWriter(_Writer):
    """Draws scenarios that begin no other one: which of two journeys is quicker is nobody's promise."""

    plain_steps = [step for step in _Writer.plain_steps if "enrol" not in step]


BY_TIME: list[Step] = [
    {"inactive": "3 days"},
    {"inactive": "2 weeks"},
    {"date": "lead.purchase_timing", "before": "7 days", "at": "10:00"},
    {"date": "lead.purchase_timing", "after": "1 day"},
    {"schedule": "monday 09:00"},
    {"schedule": "second tuesday 10:00", "segment": "hot"},
    {"schedule": "daily 09:00", "segment": "hot"},
    {"schedule": "30 10 * * TUE", "zone": "America/New_York"},
]


@st.composite
def scenarios(draw: Draw, name: str, enrols: bool, by_time: bool = True) -> dict[str, Any]:
    """Draw a scenario in which everything is something that the model knows.

    `enrols`: it may begin the other one. `by_time`: it may be entered because its time has come.
    """
    shape = draw(st.sampled_from(list(SHAPES)))
    writer = _Writer(draw, shape) if enrols else _LonelyWriter(draw, shape)
    entries: list[Step] = [
        {"event": "form_submitted", "form": "whitepaper"},
        {"event": "page_viewed", "where": 'event.path == "/price" && event.seconds > 5'},
        {"stage": "mql"},
        {"segment": "hot"},
        {"event": "deal_lost"},
    ]
    if by_time and draw(st.integers(0, 2)) == 0:
        entries = [*draw(st.lists(st.sampled_from(BY_TIME), min_size=1, max_size=2, unique_by=str))]
    more = draw(st.lists(st.sampled_from(entries), max_size=2, unique_by=str))
    header = {name: value for name, value in writer.header().items() if name != "on_edit"}
    for part in ("audience", "exit_when", "goal"):  # most of the time nothing keeps the lead out
        if draw(st.integers(0, 2)):
            header.pop(part, None)
    if "audience" not in header:
        header.pop("recheck", None)
    return {
        "scenario": name,
        "topic": "nurture",
        **header,
        "entry": [*more, {"manual": True}],
        "steps": writer.top(most=6 if name == "welcome" else 3, least=2),
    }


@st.composite
def plain_scenarios(draw: Draw, name: str) -> dict[str, Any]:
    """Draw a scenario of a few steps that nothing keeps anybody out of: two of them meet in the arbiter."""
    writer = _LonelyWriter(draw, "flat")
    known = ("priority", "group", "pause_clock", "reentry")
    header = {part: value for part, value in writer.header().items() if part in known}
    if draw(st.integers(0, 3)):
        header.pop("group", None)
    entry: list[Step] = [{"manual": True}]
    return {"scenario": name, "topic": "nurture", **header, "entry": entry, "steps": writer.top(5, least=2)}


@st.composite
def seminars(draw: Draw) -> dict[str, Any]:
    """Draw a scenario that runs once for each seminar that the lead registers for."""
    steps: list[Step] = [
        {"send": {"template": "mail/case", "topic": "service"}},
        {"wait": {"until": "run.seminar.starts_at - 1 day", "at": "17:00"}},
        {"send": {"template": "mail/case", "late": "12 hours", "on_late": "skip"}},
        {"await": [{"event": "seminar_registered", "go": {"exit": "again"}}], "timeout": "2 days"},
        {"wait": {"until": "run.seminar.starts_at + 1 day", "if_past": {"exit": "past"}}},
        {"if": "run.seminar.starts_at > now", "then": [{"wait": "1 day"}], "else": [{"tag": "vip"}]},
    ]
    chosen = draw(st.lists(st.sampled_from(steps), min_size=1, max_size=4, unique_by=str))
    more = draw(st.sampled_from([{}, {"reentry": {"mode": "always"}}, {"reentry": {"mode": "never"}}]))
    return {
        "scenario": "other",
        "topic": "service",
        "per": "seminar",
        **more,
        "entry": [{"event": "seminar_registered"}],
        "exit_when": [{"event": "seminar_cancelled"}],
        "steps": [{"id": f"top-{index}", **step} for index, step in enumerate(chosen)],
    }


def published(alone: bool) -> st.SearchStrategy[Drawn]:
    """Draw what is published. With `alone` the lead is in one journey at a time."""
    caps = st.sampled_from(CAPS)
    if alone:
        return st.builds(Drawn, scenarios("welcome", False, by_time=False), st.none(), caps)
    other = st.one_of(st.none(), scenarios("other", False))
    return st.one_of(
        st.builds(Drawn, scenarios("welcome", True), other, caps),
        st.builds(Drawn, scenarios("welcome", False), seminars(), caps),
        st.builds(Drawn, plain_scenarios("welcome"), plain_scenarios("other"), caps),
    )


def examples(most_actions: int = 14, *, alone: bool = False) -> st.SearchStrategy[Example]:
    """Draw examples. The lead is enrolled early, so that something is going on.

    With `alone` the lead is in one journey at a time.
    """
    one = actions().map(lambda action: (action,))
    drawn = st.lists(weighed((one, 3), (scenes(), 1)), min_size=4, max_size=most_actions)
    return st.builds(
        lambda drawn, opted_in, before, after, end: Example(
            drawn, opted_in, (*before, Enrol(), *chain.from_iterable(after), *end)
        ),
        published(alone),
        st.sampled_from((True, True, True, True, True, False)),
        st.lists(faults(), max_size=2),
        drawn,
        endings(),
    )
