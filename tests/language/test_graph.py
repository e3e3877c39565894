"""Plans as Mermaid text."""

from __future__ import annotations

from pathlib import Path

from leadloop.language.graph import to_mermaid
from tests.language.workspaces import compiled, edited, scenario

N = "scenarios/welcome.yaml"


def test_graph_shows_steps_exits_and_ways(tmp_path: Path) -> None:
    plan = compiled(tmp_path).require().plans["welcome"]
    assert (
        to_mermaid(plan)
        == """\
flowchart TD
  start(["welcome"])
  s0["thanks: send mail/thanks"]
  s1("read: await up to 5 days")
  s2["case: send mail/case"]
  s3["tips: stream tips every 2 weeks"]
  x0(["exhausted"])
  start -->|"form_submitted"| s0
  s0 --> s1
  s1 -->|"email_clicked"| s3
  s1 -->|"timeout"| s2
  s2 --> s3
  s3 -->|"exhausted"| x0
"""
    )


def test_graph_draws_go_and_exit_as_arrows(tmp_path: Path) -> None:
    steps = (
        "  - id: a\n    if: lead.employees > 5\n    then: [{exit: big}]\n  - go: b\n"
        "  - id: b\n    wait: 1 day\n"
    )
    text = to_mermaid(compiled(tmp_path, scenario(steps)).require().plans["welcome"])
    assert 's0 -->|"yes"| x0' in text
    assert 's0 -->|"no"| s3' in text
    assert 'x0(["big"])' in text
    assert "s3 --> x1" in text


def test_graph_escapes_what_mermaid_would_read(tmp_path: Path) -> None:
    files = edited(N, "scenario: welcome\n", "scenario: welcome\ntitle: 'a \"b\" <c> #1; end'\n")
    text = to_mermaid(compiled(tmp_path, files).require().plans["welcome"])
    assert '(["a #quot;b#quot; #lt;c#gt; #35;1; end"])' in text
