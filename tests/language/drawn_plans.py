"""Plans to draw: made without the compiler, so that shapes can be drawn that no file has."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from leadloop.language.plan import Plan

COMPLETED = {"exit": "completed"}
CONDITION = {"source": "lead.employees >= 100"}
CLICK = {"kind": "event", "event": "email_clicked"}


def plan(steps: list[dict[str, Any]], **header: Any) -> Plan:
    """Return a plan of steps as maps. A step goes on with the next one; a text is a step id or `exit:…`."""
    ids = [step["id"] for step in steps]
    full = {}
    for at, step in enumerate(steps):
        after = {"step": ids[at + 1]} if at + 1 < len(ids) else COMPLETED
        full[step["id"]] = {"next": after, **_defaults(step, after), **step}
    document = {
        "scenario": "journey",
        "topic": "nurture",
        "entry": [{"match": {"kind": "event", "event": "form_submitted"}}],
        "first": ids[0],
        "steps": full,
        **header,
    }
    return Plan.model_validate(document)


def _defaults(step: dict[str, Any], after: dict[str, str]) -> dict[str, Any]:
    ends = {f"on_{name}": {"exit": name} for name in ("rejected", "expired", "won", "lost")}
    every: dict[str, dict[str, Any]] = {
        "send": {"template": "mail/thanks", "topic": "nurture", "on_skip": after, "on_fail": after},
        "wait": {"wait": {"span": {"amount": 3, "unit": "business_days"}}},
        "await": {
            "branches": [{"match": CLICK, "go": after}],
            "timeout": {"span": {"amount": 5, "unit": "days"}},
            "on_timeout": after,
        },
        "if": {"condition": CONDITION, "then": after, "otherwise": after},
        "switch": {"cases": [{"when": CONDITION, "go": after}], "otherwise": after},
        "experiment": {
            "metric": {"match": CLICK, "within": {"amount": 4, "unit": "hours"}},
            "control": 1000,
            "variants": [
                {"name": "a", "share": 4500, "go": after},
                {"name": "b", "share": 4500, "go": after},
            ],
        },
        "score": {"model": "engagement", "points": 5},
        "stage": {"stage": "mql"},
        "set": {"fields": {"industry": "it"}},
        "tag": {"tags": ["vip"]},
        "untag": {"tags": ["vip"]},
        "subscribe": {"topic": "nurture", "basis": "opt_in"},
        "unsubscribe": {"topic": "*"},
        "suppress": {"topics": ["nurture"], "reason": "sunset"},
        "record": {"event": "reactivated"},
        "enrol": {"scenario": "sales-handoff"},
        "stream": {
            "stream": "tips",
            "topic": "nurture",
            "every": {"amount": 2, "unit": "weeks"},
            "on_exhausted": {"exit": "exhausted"},
        },
        "hand_off": {"queue": "inside-sales", **ends},
        "recycle": {"cooldown": {"default": {"amount": 60, "unit": "days"}}, "on_max": {"exit": "given_up"}},
        "webhook": {"to": "crm", "on_fail": after},
        "notify": {"to": "owner", "template": "notify/warm"},
        "task": {
            "type": "call",
            "to": "owner",
            "due": {"amount": 15, "unit": "business_minutes"},
            "outcomes": ["connected", "absent"],
            "on": {"connected": {"exit": "in_sales"}, "absent": after},
        },
        "repeat": {"most": 4, "first": after},
        "again": {"repeat": "none", "first": after},
        "go": {},
        "exit": {"next": {"exit": "gone"}},
    }
    return every[step["kind"]]


KINDS = [
    *("send", "wait", "await", "if", "switch", "experiment", "score", "stage", "set", "tag", "untag", "go"),
    *("subscribe", "unsubscribe", "suppress", "record", "enrol", "stream", "hand_off", "recycle", "webhook"),
    *("notify", "task", "repeat", "exit"),
]
STAGES = [None, None, None, "attention", "interest", "desire", "memory", "action"]
TITLES = st.one_of(
    st.just(""),
    st.sampled_from(
        ["資料のご案内", "Thank you for your inquiry", "<script>alert('&\"')</script>", "あ" * 80]
    ),
    st.text(max_size=30),
)


@st.composite
def plans(draw: st.DrawFn, most: int = 14) -> Plan:
    """Draw plans of any kinds of steps that go anywhere: loops, waits in rings, unreachable steps too."""
    ids = [f"s{at}" for at in range(draw(st.integers(1, most)))]
    targets = st.one_of(
        st.sampled_from(ids).map(lambda step: {"step": step}),
        st.sampled_from(["completed", "gone", "終わり"]).map(lambda outcome: {"exit": outcome}),
    )
    steps = []
    for step_id in ids:
        kind = draw(st.sampled_from(KINDS))
        step: dict[str, Any] = {"id": step_id, "kind": kind, "title": draw(TITLES)}
        step["journey_stage"] = draw(st.sampled_from(STAGES))
        if draw(st.booleans()):
            step["next"] = draw(targets)
        if kind == "if":
            step["then"], step["otherwise"] = draw(targets), draw(targets)
        if kind == "await":
            count = draw(st.integers(1, 3))
            step["branches"] = [{"match": CLICK, "go": draw(targets)} for _ in range(count)]
            step["on_timeout"] = draw(targets)
        if kind == "task":
            step["on"] = {name: draw(targets) for name in ("connected", "absent", "refused")}
        steps.append(step)
    entry = [
        {"match": {"kind": "event", "event": "form_submitted"}, "start": draw(st.sampled_from(ids))}
        for _ in range(draw(st.integers(1, 3)))
    ]
    return plan(steps, entry=entry, title=draw(TITLES))
