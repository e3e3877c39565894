"""What steps leave behind, found before any step is read."""

from __future__ import annotations

from leadloop.language.diagnostics import Report
from leadloop.language.nodes import Sequence
from leadloop.language.reading import read
from leadloop.language.results import result_facts, scan_steps
from leadloop.language.sources import Source
from leadloop.language.vocabulary import Fact, Facts


def facts(text: str) -> Facts:
    root = read(Source("a.yaml", text), Report())
    assert isinstance(root, Sequence)
    return result_facts(scan_steps(root.items))


def test_results_of_each_kind() -> None:
    found = facts("""\
- {id: mail, send: {template: a}}
- {id: news, stream: {of: tips}}
- {id: call-back, task: {outcomes: [つながった, absent], asks_date: true}}
- {id: visit, task: {outcomes: [met]}}
- {id: sales, hand_off: {to: owner}}
- {id: ab, experiment: {variants: {a: {share: 10 %}, b: {}}}}
- {id: crm, webhook: {to: crm}}
- {id: read, await: [], timeout: 3 days}
- {id: loop, repeat: {max: 4, steps: []}}
- {id: pause, wait: 3 days}
""")
    assert found == {
        "run.mail.status": Fact("text", ("sent", "skipped", "failed", "uncertain")),
        "run.news.status": Fact("text", ("sent", "skipped", "failed", "uncertain")),
        "run.call_back.outcome": Fact("text", ("つながった", "absent")),
        "run.call_back.date": Fact("instant"),
        "run.visit.outcome": Fact("text", ("met",)),
        "run.sales.outcome": Fact("text", ("won", "lost", "rejected", "expired")),
        "run.ab.variant": Fact("text", ("a", "b", "control")),
        "run.crm.status": Fact("text", ("done", "failed")),
        "run.crm.code": Fact("int"),
        "run.read.branch": Fact("int"),
        "run.loop.round": Fact("int"),
    }


def test_nested_steps_are_found() -> None:
    found = facts("""\
- id: ab
  experiment:
    variants:
      a: {steps: [{id: a1, send: {template: a}}]}
- switch: [{when: x, then: [{id: s1, send: {template: a}}]}]
  else: [{id: s2, repeat: {steps: [{id: s3, webhook: {to: x}}]}}]
""")
    assert {name.split(".")[1] for name in found} == {"ab", "a1", "s1", "s2", "s3"}


def test_faulty_steps_do_not_raise() -> None:
    assert facts("- {id: [a], send: {}}\n- {id: b, task: [x]}\n- text\n- {send: {template: a}}\n") == {
        "run.b.outcome": Fact("text")
    }
