"""Random valid scenarios compile, and every loop of the plan has a wait and a bound."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leadloop.language.flow import cycles_without
from leadloop.language.steps import READERS
from tests.language.rich_workspace import check

WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=8)
PLAIN: list[dict[str, Any]] = [
    {"wait": "3 business days"},
    {"wait": {"until": "monday 09:00"}},
    {"score": {"model": "fit", "points": 5}},
    {"set": {"industry": "it"}},
    {"tag": ["vip", "partner"]},
    {"untag": "vip"},
    {"stage": "mql"},
    {"subscribe": {"topic": "nurture", "basis": "opt_in"}},
    {"suppress": {"topics": ["nurture"], "reason": "sunset", "lift_on": ["form_submitted"]}},
    {"record": {"event": "reactivated", "why": "再訪"}},
    {"notify": {"to": "owner", "template": "notify/hot"}},
]
NAMED: list[dict[str, Any]] = [
    {"send": {"template": "mail/case"}},
    {"send": {"stream": "tips", "on_skip": {"exit": "none"}}},
    {"stream": {"of": "tips", "every": "2 weeks"}},
    {"hand_off": {"to": "inside-sales", "accept_within": "1 business day"}},
    {
        "task": {
            "type": "call",
            "to": "inside-sales",
            "due": "1 day",
            "outcomes": ["a", "b"],
            "on_b": {"exit": "b"},
        }
    },
    {"webhook": {"to": "crm"}},
    {"recycle": {"cooldown": {"default": "60 days"}}},
]
METRIC = {"did": "email_clicked", "within": "4 hours"}


def nested(steps: st.SearchStrategy[list[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """Return steps that hold lists of steps."""
    condition = st.sampled_from(["lead.in_sales", {"did": "page_viewed", "within": "7 days"}])
    case = st.fixed_dictionaries({"when": condition, "then": steps})
    arms = st.fixed_dictionaries({name: st.fixed_dictionaries({"steps": steps}) for name in "ab"})
    branch = st.fixed_dictionaries({"event": st.just("page_viewed"), "then": steps})
    body = st.builds(lambda found: [*found, {"wait": "1 week"}], steps)
    return st.one_of(
        st.fixed_dictionaries({"if": condition, "then": steps}, optional={"else": steps}),
        st.fixed_dictionaries({"switch": st.lists(case, min_size=1, max_size=2)}, optional={"else": steps}),
        st.fixed_dictionaries({"repeat": st.fixed_dictionaries({"max": st.integers(1, 9), "steps": body})}),
        st.fixed_dictionaries(
            {"experiment": st.fixed_dictionaries({"metric": st.just(METRIC), "variants": arms})}
        ),
        st.fixed_dictionaries(
            {
                "await": st.lists(branch, min_size=1, max_size=2),
                "timeout": st.sampled_from(["5 days", "never"]),
            }
        ),
    )


ANY = st.sampled_from([*PLAIN, *NAMED])
LISTS = st.recursive(
    st.lists(ANY, min_size=1, max_size=4),
    lambda inner: st.lists(st.one_of(ANY, nested(inner)), min_size=1, max_size=3),
    max_leaves=8,
)


def with_ids(node: Any, numbers: list[int]) -> Any:
    """Return the steps with an id on each."""
    if isinstance(node, dict):
        return {key: with_ids(value, numbers) for key, value in node.items()}
    if not isinstance(node, list):
        return node
    found = []
    for one in node:
        item = with_ids(one, numbers)
        if isinstance(item, dict) and READERS.keys() & item.keys():
            numbers.append(0)
            item = {"id": f"step{len(numbers)}", **item}
        found.append(item)
    return found


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=LISTS, title=WORDS)
def test_random_scenario_compiles(tmp_path: Path, steps: list[Any], title: str) -> None:
    # JSON is YAML: one step a line.
    text = "".join(f"  - {json.dumps(one, ensure_ascii=False)}\n" for one in with_ids(steps, []))
    compilation = check(tmp_path, text, f"title: {json.dumps(title, ensure_ascii=False)}\n")
    assert [one.render() for one in compilation.errors] == []
    plan = compilation.require().plans["welcome"]
    assert list(cycles_without(plan.steps, "wait")) == []
    assert list(cycles_without(plan.steps, "bound")) == []
