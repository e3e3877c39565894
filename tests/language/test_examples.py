"""The ten scenarios that were drafted before the language existed compile as they are.

They stand outside the repository; where they are absent this module is skipped. Their workspace
leaves out a few declarations that their scenarios use; LANGUAGE.md wants everything declared, so
`DECLARED` adds them. Nothing in the scenarios themselves is changed.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from leadloop.language.compiler import Compilation, compile_workspace
from leadloop.language.plan import (
    AwaitStep,
    DateMatch,
    ExperimentStep,
    HandOffStep,
    RepeatStep,
    ScheduleMatch,
    SuppressStep,
    WaitStep,
    WhenMatch,
)

EXAMPLES = Path(__file__).parents[3] / "shared" / "design" / "examples"

pytestmark = pytest.mark.skipif(not EXAMPLES.is_dir(), reason="the design's examples are not here")

DECLARED = [
    (
        "  budget_confirmed: {type: bool}\n",
        "  budget_confirmed: {type: bool}\n  purchase_timing: {type: date}\n",
    ),
    ("records:\n", "tags: [reactivated]\nrecords:\n"),
    ("  card_received:", "  contract_renewed: {contract: contract}\n  card_received:"),
]
"""(text of their workspace.yaml, the same with what the scenarios use beside)."""
BESIDE = {
    "scoring.yaml": """\
models:
  engagement: {rules: [{id: visit, event: page_viewed, points: 10}]}
  fit: {attributes: [{id: size, when: lead.employees >= 100, points: 20}]}
bands: {engagement: {levels: {hot: 30, warm: 15, cold: 0}}}
""",
    "lifecycle.yaml": """\
stages: [lead, mql, pql, sal, sql, opportunity, customer, recycled, disqualified]
transitions: [{from: [lead, recycled], to: mql, when: lead.band.engagement == "hot"}]
""",
    "segments.yaml": "newsletter: {title: 月刊メールマガジン, when: '!lead.in_sales'}\n",
    "streams.yaml": """\
tips: {items: [{template: tips/1}]}
recycle-tips: {items: [{template: tips/1}]}
newsletter: {order: newest, items: [{template: news/1, from: 2026-11-10, until: 2026-12-07}]}
""",
}
MAIL = "---\nsubject: ご案内\n---\n{{ lead | addressee }}\n"
LAYOUT = """\
<p>{{ content }}</p><p>{{ sender.name }} {{ sender.postal_address }} {{ sender.complaint_contact }}</p>
<a href="{{ unsubscribe_url }}">配信停止</a>
"""


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Compilation:
    folder = tmp_path_factory.mktemp("examples")
    scenarios = folder / "scenarios"
    scenarios.mkdir()
    for path in EXAMPLES.glob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        for old, new in DECLARED if path.name == "workspace.yaml" else []:
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        (scenarios / path.name).write_text(text, encoding="utf-8")
    for name, text in BESIDE.items():
        (scenarios / name).write_text(text, encoding="utf-8")
    written = "".join(path.read_text(encoding="utf-8") for path in scenarios.glob("*.yaml"))
    for name in set(re.findall(r"template: ([\w/-]+)", written)):
        _write(folder / "templates" / f"{name}.ja.md", MAIL)
    _write(folder / "templates" / "layouts" / "default.ja.html.j2", LAYOUT)
    return compile_workspace(folder)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_examples_compile(examples: Compilation) -> None:
    assert examples.errors == [], "\n".join(one.render() for one in examples.errors)
    assert len(examples.require().plans) == 11


def test_examples_mean_what_they_say(examples: Compilation) -> None:
    plans = examples.require().plans
    assert {name: plan.per for name, plan in plans.items() if plan.per != "lead"} == {
        "seminar": "seminar",
        "free-trial": "trial",
        "renewal": "contract",
        "abandoned-estimate": "estimate",
        "account-hot": "company",
    }
    dormant = plans["dormant"]
    assert (dormant.entry[0].existing, dormant.entry[0].limit is not None) == ("include", True)
    assert isinstance(dormant.steps["sunset"], SuppressStep)
    renewal = plans["renewal"].entry[0]
    assert isinstance(renewal.match, DateMatch)
    assert renewal.existing == "include"
    assert isinstance(plans["newsletter"].entry[0].match, ScheduleMatch)
    assert isinstance(plans["newsletter"].steps["issue"], ExperimentStep)
    assert (plans["account-hot"].entry[0].people, plans["account-hot"].per) == (3, "company")
    assert isinstance(plans["account-hot"].steps["sales"], HandOffStep)
    assert isinstance(plans["abandoned-estimate"].steps["ask"], RepeatStep)


def test_examples_ask_the_past_and_wait_for_records(examples: Compilation) -> None:
    plans = examples.require().plans
    early = plans["free-trial"].steps["early"]
    assert isinstance(early, AwaitStep)
    match = early.branches[0].match
    assert isinstance(match, WhenMatch)
    (question,) = match.when.did.values()
    assert (question.distinct, question.at_least, question.since) == ("milestone", 2, "entry")
    eve = plans["seminar"].steps["eve"]
    assert isinstance(eve, WaitStep)
    assert eve.wait.until is not None
    assert (eve.wait.until.fact, eve.wait.at) == ("run.seminar.starts_at", "17:00")
