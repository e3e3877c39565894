"""What Hypothesis draws: a valid scenario, and what happens to a lead that may run through it."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from random import Random
from typing import Any

from hypothesis import strategies as st

from tests.language.documents import (
    HOLDING,
    PLAIN_STEPS,
    SPANS,
    WORKSPACE_FILES,
    Draw,
    Step,
    Writer,
    dump,
    files_of,
)
from tests.language.rich_workspace import W
from tests.language.workspaces import Files
from tests.model.actions import (
    Action,
    Answer,
    Cancel,
    Confuse,
    Drawn,
    Edit,
    Enrol,
    Erase,
    Event,
    Example,
    Finish,
    Kill,
    KillSender,
    LoseWakes,
    MailServer,
    Migrate,
    Pause,
    PauseScenario,
    Rebuild,
    Resume,
    Retry,
    StopMails,
    UntilDue,
    Wait,
)  # fmt: skip

KILLS = ("before", "after")
SENDER_POINTS = ("before_claim", "after_claim", "after_data", "after_250", "before_record", "after_record")


SHAPES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "any": (
        ("send", "send", "send", "await", "await", "stream", "webhook", "wait", "wait", "plain",
         "hand_off", "hand_off", "task", "recycle"),
        HOLDING,
    ),
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
        return {"experiment": step}


class _LonelyWriter(_Writer):
    """Draws scenarios that begin no other one: which of two journeys is quicker is nobody's promise."""

    plain_steps = [step for step in _Writer.plain_steps if "enrol" not in step]


@st.composite
def scenarios(draw: Draw, name: str, alone: bool) -> dict[str, Any]:
    """Draw a scenario in which everything is something that the model knows."""
    shape = draw(st.sampled_from(list(SHAPES)))
    writer = _LonelyWriter(draw, shape) if alone or name == "other" else _Writer(draw, shape)
    entries: list[Step] = [
        {"event": "form_submitted", "form": "whitepaper"},
        {"event": "page_viewed", "where": 'event.path == "/price" && event.seconds > 5'},
        {"stage": "mql"},
        {"segment": "hot"},
        {"event": "deal_lost"},
    ]
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


def published(alone: bool) -> st.SearchStrategy[Drawn]:
    """Draw what is published. With `alone` the lead is in one journey at a time."""
    other = st.none() if alone else st.one_of(st.none(), scenarios("other", alone))
    return st.builds(Drawn, scenarios("welcome", alone), other, st.sampled_from(CAPS))


CAPS: tuple[dict[str, str], ...] = (
    {"nurture": "2 per 7 days"},
    {"nurture": "1 per 1 day"},
    {"all": "1 per 3 days", "nurture": "2 per 7 days"},
    {},
)


def files(drawn: Drawn) -> Files:
    """Return the workspace with what was drawn."""
    found = {**files_of(dump(drawn.welcome, Random(0))), "scenarios/scoring.yaml": SCORING}
    caps = ", ".join(f"{name}: {cap}" for name, cap in drawn.caps.items())
    written = "{frequency: {nurture: 2 per 7 days}"
    assert written in WORKSPACE_FILES[W]
    found[W] = WORKSPACE_FILES[W].replace(written, f"{{frequency: {{{caps}}}")
    if drawn.other is not None:
        found["scenarios/other.yaml"] = dump(drawn.other, Random(0))
    return found


CLOCKS = ("run", "freeze", "restart", None)

SCORING = """\
models:
  engagement:
    rules:
      - {id: visit, event: page_viewed, points: 3, at_most: 1 per day}
      - {id: price, event: page_viewed, path: /price*, points: 8}
      - {id: click, event: email_clicked, points: 5, at_most: 1 per message}
      - {id: inquiry, event: form_submitted, form: contact, points: 12}
      - {id: refusal, event: unsubscribed, points: -10}
    decay: {half_life: 30 days}
    cap: 100
  fit:
    attributes:
      - {id: size, when: lead.employees >= 100, points: 20}
bands:
  engagement: {levels: {hot: 30, warm: 15, cold: 0}, hysteresis: 5}
"""
"""Points that come and go quickly, so that leads pass bands and segments within an example."""

_PATHS = ("/price", "/price/plans", "/about")
_FORMS = ("whitepaper", "contact")
_NEW_VALUES = (
    (),
    (("industry", "it"),),
    (("employees", 300),),
    (("employees", 10), ("industry", "manufacturing")),
    (("purchase_timing", "2027-01-15"),),
    (("purchase_timing", "2026-12-20"),),
)


def _events() -> st.SearchStrategy[Event]:
    twice = st.booleans()
    views = st.builds(
        lambda path, seconds, twice: Event(
            "page_viewed", (("path", path), ("seconds", seconds)), twice=twice
        ),
        st.sampled_from(_PATHS),
        st.sampled_from((3, 40)),
        twice,
    )
    forms = st.builds(
        lambda form, values, twice: Event("form_submitted", (("form", form),), values, twice=twice),
        st.sampled_from(_FORMS),
        st.sampled_from(_NEW_VALUES),
        twice,
    )
    reads = st.builds(
        lambda kind, of, twice: Event(kind, of=of, twice=twice),
        st.sampled_from(("email_clicked", "email_clicked", "email_opened")),
        st.integers(0, 3),
        twice,
    )
    deals = st.builds(
        lambda kind, deal, more: Event(kind, (("deal", deal), *(more if kind == "deal_lost" else ()))),
        st.sampled_from(("deal_opened", "deal_opened", "deal_lost", "deal_lost", "deal_won")),
        st.sampled_from(("d1", "d2")),
        st.sampled_from(((), (("reason", "timing"),), (("reason", "no_budget"), ("revisit_on", "2026-12")))),
    )
    refusals = st.sampled_from(
        (
            Event("unsubscribed", (("topic", "nurture"),)),
            Event("unsubscribed", (("topic", "service"),)),
            Event("unsubscribed"),
            Event("email_bounced", (("kind", "hard"),)),
            Event("email_complained"),
        )
    )
    return st.one_of(views, views, forms, forms, reads, reads, deals, refusals)


def _enrols() -> st.SearchStrategy[Action]:
    return st.builds(Enrol, st.sampled_from(("welcome", "welcome", "other")))


def _sales() -> st.SearchStrategy[Action]:
    numbers = st.integers(0, 1)
    return st.one_of(
        st.builds(Answer, numbers, st.sampled_from(("accepted", "accepted", "rejected", "working"))),
        st.builds(Answer, numbers, st.just("accepted")),
        st.builds(
            Finish,
            numbers,
            st.sampled_from(("connected", "absent", "later")),
            st.sampled_from(((), (("industry", "it"),))),
            st.sampled_from((None, "2026-12-20", "2027-01")),
        ),
    )


def _faults() -> st.SearchStrategy[Action]:
    return st.one_of(
        st.builds(Kill, st.integers(0, 6), st.sampled_from(KILLS)),
        st.builds(KillSender, st.sampled_from(SENDER_POINTS)),
        st.builds(MailServer, st.sampled_from(("refuse", "refuse_address", "lose", "be_busy"))),
        st.just(Confuse()),
        st.just(Rebuild()),
        st.just(LoseWakes()),
    )


def _people() -> st.SearchStrategy[Action]:
    renames = st.sampled_from(("nothing", "mapped", "elsewhere", "lost", "lost"))
    return st.one_of(
        st.builds(StopMails, st.sampled_from((5, 45))),
        st.builds(Pause, st.integers(0, 1), st.sampled_from(("run", "freeze", "restart"))),
        st.builds(Resume, st.integers(0, 1)),
        st.builds(Cancel, st.integers(0, 1)),
        st.builds(Retry, st.integers(0, 1)),
        st.builds(Edit, st.sampled_from(("move", "finish", "exit", "stay")), renames, st.integers(0, 5)),
        st.builds(Edit, st.just("move"), renames, st.integers(0, 5), st.booleans()),
        st.builds(Migrate, st.integers(0, 5)),
        st.builds(PauseScenario, st.sampled_from(("welcome", "welcome", "other")), st.sampled_from(CLOCKS)),
    )


def _actions() -> st.SearchStrategy[Action]:
    time = st.one_of(
        st.builds(Wait, st.sampled_from((1, 5, 20, 24, 72, 24 * 8))), st.just(UntilDue()), st.just(UntilDue())
    )
    return _weighed((_events(), 5), (time, 5), (_people(), 3), (_faults(), 2), (_sales(), 3), (_enrols(), 1))


def _weighed(*choices: tuple[st.SearchStrategy[Any], int]) -> st.SearchStrategy[Any]:
    """Choose one, by weight. `one_of` would choose evenly among everything in them."""
    drawn = [one for one, weight in choices for _ in range(weight)]
    return st.integers(0, len(drawn) - 1).flatmap(lambda number: drawn[number])


def _scenes() -> st.SearchStrategy[tuple[Action, ...]]:
    """What belongs together and would seldom come together by chance."""
    refusals = ({"topic": "nurture"}, {"topic": "service"}, {})
    asks = Event("form_submitted", (("form", "whitepaper"),))
    return st.one_of(
        st.sampled_from(
            [
                *((Event("unsubscribed", tuple(one.items())), Enrol()) for one in refusals),
                (Event("unsubscribed"), asks, Enrol()),
                (Event("email_bounced", (("kind", "hard"),)), Enrol()),
            ]
        ),
        st.builds(
            lambda deal, wait: (Answer(0, "accepted"), wait, deal, UntilDue(), UntilDue()),
            st.sampled_from(
                (
                    Event("deal_lost", (("deal", "d1"), ("reason", "timing"))),
                    Answer(0, "rejected"),
                    Event("deal_won", (("deal", "d1"),)),
                )
            ),
            st.sampled_from((Wait(1), UntilDue(), Wait(24 * 8))),
        ),
        st.builds(
            lambda name, clock, hours: (PauseScenario(name, clock), Wait(hours), PauseScenario(name, None)),
            st.sampled_from(("welcome", "other")),
            st.sampled_from(CLOCKS[:3]),
            st.sampled_from((1, 30, 24 * 6)),
        ),
        st.builds(
            lambda step, to, edit: (edit(step), UntilDue(), Migrate(to), UntilDue()),
            st.integers(0, 5),
            st.integers(0, 5),
            st.sampled_from(
                (lambda step: Edit("move", "lost", step, True), lambda step: Edit("stay", "lost", step))
            ),
        ),
        st.just((Enrol(), Enrol("other"), UntilDue(), UntilDue())),
        st.builds(
            lambda says, hours: (
                Enrol("other"),
                Answer(1, says),
                Wait(hours),
                Answer(1, "rejected"),
                UntilDue(),
            ),
            st.sampled_from(("accepted", "working")),
            st.sampled_from((1, 30, 24 * 6)),
        ),
        st.builds(
            lambda clock, hours, number: (Pause(number, clock), Wait(hours), Resume(number)),
            st.sampled_from(("run", "freeze", "restart")),
            st.sampled_from((1, 30, 24 * 6)),
            st.integers(0, 1),
        ),
        st.builds(lambda fault: (fault, Enrol()), _faults()),
        st.builds(lambda fault: (fault, UntilDue()), _faults()),
        st.builds(lambda of: (Event("email_clicked", of=of), UntilDue()), st.integers(0, 3)),
        st.builds(lambda number: (MailServer("refuse"), UntilDue(), Retry(number)), st.integers(0, 1)),
    )


def _endings() -> st.SearchStrategy[tuple[Action, ...]]:
    """Erase the lead at the end at times, and see that it stays quiet."""
    after = st.lists(st.one_of(_events(), st.just(UntilDue()), st.just(Enrol())), max_size=3)
    erased = st.builds(lambda found: (Erase(), *found), after)
    return st.one_of(st.just(()), st.just(()), erased)


def edited(drawn: Drawn, number: int, edit: Edit) -> Drawn:
    """Return the next version of `welcome`: its times are others, and it has one more step at its end."""
    later = {"id": f"new-{number}", "send": {"template": "mail/case"}}
    changed: dict[str, Any] = _retimed(drawn.welcome, number)
    names = [one["id"] for one in changed["steps"]]
    on_edit: dict[str, Any] = {"default": edit.on_edit}
    if edit.renames != "nothing":
        old, new = names[edit.step % len(names)], f"part-{number}"
        changed = _renamed(changed, old, new)
        others = [name for name in names if name != old]
        if edit.renames == "mapped":
            on_edit["steps"] = {old: new}
        elif edit.renames == "elsewhere":
            on_edit["steps"] = {old: others[number % len(others)]}
    return replace(drawn, welcome={**changed, "on_edit": on_edit, "steps": [*changed["steps"], later]})


def _renamed(node: Any, old: str, new: str) -> Any:
    """Call a step otherwise wherever it is named."""
    if isinstance(node, dict):
        return {_renamed(name, old, new): _renamed(value, old, new) for name, value in node.items()}
    if isinstance(node, list):
        return [_renamed(value, old, new) for value in node]
    if not isinstance(node, str):
        return node
    fact = f"run.{new.replace('-', '_')}."
    return new if node == old else node.replace(f"run.{old.replace('-', '_')}.", fact)


def _retimed(node: Any, number: int, under: str = "") -> Any:
    if isinstance(node, dict):
        return {name: _retimed(value, number, name) for name, value in node.items()}
    if isinstance(node, list):
        return [_retimed(value, number) for value in node]
    if under in ("wait", "timeout", "every") and node in SPANS:
        return SPANS[(SPANS.index(node) + number) % len(SPANS)]
    return node


def examples(most_actions: int = 14, *, alone: bool = False) -> st.SearchStrategy[Example]:
    """Draw examples. The lead is enrolled early, so that something is going on.

    With `alone` the lead is in one journey at a time.
    """
    one = _actions().map(lambda action: (action,))
    scenes = st.lists(_weighed((one, 3), (_scenes(), 1)), min_size=4, max_size=most_actions)
    return st.builds(
        lambda drawn, opted_in, before, after, end: Example(
            drawn, opted_in, (*before, Enrol(), *chain.from_iterable(after), *end)
        ),
        published(alone),
        st.sampled_from((True, True, True, True, True, False)),
        st.lists(_faults(), max_size=2),
        scenes,
        _endings(),
    )
