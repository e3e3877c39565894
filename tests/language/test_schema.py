"""JSON Schema: valid itself, true for every shipped file, and with the settings that the readers know."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from leadloop.cli.main import app
from leadloop.language.diagnostics import Report
from leadloop.language.fields import Fields
from leadloop.language.messages import MESSAGES
from leadloop.language.nodes import Mapping, Node, Scalar
from leadloop.language.reading import decode, read
from leadloop.language.schema import KINDS, schema
from leadloop.language.skeletons import workspace_files
from leadloop.language.steps import READERS
from tests.language.rich_workspace import check
from tests.language.workspaces import Files

ROOT = Path(__file__).parents[2]
SHIPPED = sorted((ROOT / "scenarios").rglob("*.yaml"))


def plain(node: Node) -> Any:
    """Return YAML 1.2 core values, as an editor sees them."""
    if isinstance(node, Mapping):
        return {key.text: plain(value) for key, value in node.entries}
    if not isinstance(node, Scalar):
        return [plain(one) for one in node.items]
    if node.plain and node.text in ("true", "false"):
        return node.text == "true"
    if node.plain and re.fullmatch(r"-?(0|[1-9]\d*)", node.text):
        return int(node.text)
    return node.text


def mistakes(name: str, data: bytes) -> list[str]:
    """Return what the schema of a file's kind finds wrong with it."""
    report = Report()
    source = decode(name, data, report)
    root = None if source is None else read(source, report)
    assert root is not None
    kind = Path(name).stem if Path(name).stem in KINDS else "scenario"
    return [
        f"{list(one.absolute_path)}: {one.message}"
        for one in Draft202012Validator(schema(kind)).iter_errors(plain(root))
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_schema_is_valid(kind: str) -> None:
    Draft202012Validator.check_schema(schema(kind))


@pytest.mark.parametrize("path", SHIPPED, ids=[path.name for path in SHIPPED])
def test_shipped_files_fit(path: Path) -> None:
    assert mistakes(path.name, path.read_bytes()) == []


@pytest.mark.parametrize("path", [one for one in workspace_files("acme") if one.endswith(".yaml")])
def test_first_files_fit(path: str) -> None:
    assert mistakes(Path(path).name, workspace_files("acme")[path].encode()) == []


def objects(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        if isinstance(node.get("properties"), dict) and "title" in node:
            yield node
        for value in node.values():
            yield from objects(value)
    elif isinstance(node, list):
        for value in node:
            yield from objects(value)


def known_to_the_schema() -> dict[str, set[str]]:
    """Return the settings of every map in all schemas, by the map's name in messages."""
    found: dict[str, set[str]] = defaultdict(set)
    for make in KINDS.values():
        for one in objects(make()):
            found[one["title"]] |= set(one["properties"])
    return found


STEPS = """\
  - id: m
    send: {template: mail/case}
  - wait: {for: 1 day, at: 09:00}
  - wait: {until: monday}
  - id: w
    await: [{event: email_clicked, of: m, go: w2}, {stage: mql, then: [{stage: mql}]},
            {when: lead.in_sales, go: w2}]
    timeout: {for: 1 day}
    on_timeout: {exit: late}
  - id: w2
    if: {all: [{did: page_viewed, within: 7 days, distinct: path}, {not: {any: [{segment: good}]}}]}
    then: [{tag: vip}]
    else: [{untag: vip}]
  - switch: [{when: lead.in_sales, then: [{tag: vip}]}]
    else: [{set: {industry: it}}]
  - id: x
    experiment:
      metric: {did: email_clicked}
      variants: {a: {share: 10 %, steps: [{tag: vip}]}, b: {share: 10 %, steps: [{tag: vip}]}}
      rest: {after: 1 day, tie: a, min_sends: 200}
  - score: {model: fit, points: 5}
  - subscribe: {topic: nurture, basis: opt_in}
  - unsubscribe: {topic: nurture}
  - suppress: {topics: [nurture], reason: sunset, lift_on: [{event: page_viewed}]}
  - record: {event: reactivated}
  - enrol: {scenario: welcome}
  - id: s
    stream: {of: tips, every: 2 weeks}
  - id: h
    hand_off: {to: inside-sales, accept_within: 1 day}
  - id: r
    recycle: {cooldown: {default: 1 day}, bypass: [{stage: mql, go: t}], score: {fit: keep}}
  - id: t
    task: {type: call, to: inside-sales, due: 1 day, outcomes: [y], on_overdue: {notify: m@acme.example},
           retry: {on: [y], max: 2, every: 1 day}}
  - notify: {to: owner, template: notify/hot}
  - id: k
    webhook: {to: crm}
  - repeat: {max: 2, steps: [{wait: 1 day}]}
  - id: j
    go: e
  - id: e
    exit: {exit: done}
"""
ENTRIES = """\
scenario: entries
topic: nurture
entry:
  - {event: page_viewed, people: 3, within: 14 days}
  - {inactive: 90 days}
  - {date: lead.purchase_timing, before: 90 days, at: 09:00}
  - {schedule: monday 10:00, segment: good}
  - {segment: good, start: a}
  - {stage: mql}
  - {manual: true}
steps: [{id: a, stage: mql}]
"""
MATCHERS = "[{stage: mql}, {event: email_clicked}, {when: lead.in_sales}]"
HEADER = f"exit_when: {MATCHERS}\nreentry: {{mode: after_exit}}\non_edit: {{default: stay}}\n"


def known_to_the_readers(folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, set[str]]:
    """Return the settings that readers ask for, by the map's name, while a rich workspace is compiled."""
    asked: dict[str, set[str]] = defaultdict(set)
    take = Fields.take

    def recorded(self: Fields, name: str, example: str | None = None) -> Node | None:
        asked[self.where].add(name)
        return take(self, name, example)

    monkeypatch.setattr(Fields, "take", recorded)
    more: Files = {
        "scenarios/segments.yaml": "good: {when: lead.in_sales}\n",
        "scenarios/entries.yaml": f"{ENTRIES}goal: {MATCHERS}\n",
    }
    check(folder, STEPS, HEADER, more)
    return asked


def title_of(where: str, titles: set[str]) -> str:
    """Return the schema's name of a map: `…` where the author chose the name in it."""
    if where == "`timeout`":
        return "`wait`"
    if where.startswith("`on_") and where not in titles:
        return "`exit`"
    general = re.sub(r"`[^`]+`", "`…`", where, count=1)
    return (
        general if where not in titles and general in titles and (general != "`…`" or "@" in where) else where
    )


def test_schema_and_readers_know_the_same_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = known_to_the_schema()
    asked: dict[str, set[str]] = defaultdict(set)
    for where, names in known_to_the_readers(tmp_path, monkeypatch).items():
        asked[title_of(where, set(known))] |= names
    # Not in the rich workspace, or keys among names that the author chooses.
    elsewhere = {"`…` of `records`", "`…` of `events`", "streams.yaml", "segments.yaml", "`record`"}
    unknown = {title: names - asked[title] for title, names in known.items() if title not in elsewhere}
    assert {title: names for title, names in unknown.items() if names} == {}
    # Matchers have the properties of their events too; a webhook's url is asked for to be refused.
    closed = {
        one["title"] for make in KINDS.values() for one in objects(make()) if "additionalProperties" in one
    }
    unsaid = {title: asked[title] - known[title] - {"on_y"} for title in closed - {"`…` of `webhooks`"}}
    assert {title: names for title, names in unsaid.items() if names} == {}


def test_every_step_is_in_the_schema() -> None:
    steps = schema("scenario")["$defs"]["step"]["oneOf"]
    assert [one["title"] for one in steps] == [f"a `{kind}` step" for kind in READERS]


def test_every_setting_is_described() -> None:
    missing = {
        (one["title"], name)
        for make in KINDS.values()
        for one in objects(make())
        for name, setting in one["properties"].items()
        if "description" not in setting
    }
    assert missing == set()


@pytest.mark.parametrize(
    ("name", "text", "word"),
    [
        ("a.yaml", "scenario: a\ntopic: n\nentry: [{event: x}]\nsteps: [{wait: 3 dayz}]\n", "steps"),
        ("a.yaml", "scenario: a\ntopic: n\nentry: [{event: x}]\n", "'steps' is a required property"),
        ("workspace.yaml", "workspace: a\ntimezone: UTC\nlocale: ja\nsender: {}\n", "'name' is a required"),
        ("streams.yaml", "a: {items: [{template: x, untl: 2026-01-01}]}\n", "untl"),
    ],
)
def test_mistakes_do_not_fit(name: str, text: str, word: str) -> None:
    found = mistakes(name, text.encode())
    assert any(word in one for one in found), found


def test_command_prints_one_and_writes_all(tmp_path: Path) -> None:
    printed = CliRunner().invoke(app, ["schema", "scoring"])
    assert printed.exit_code == 0
    assert json.loads(printed.output) == schema("scoring")
    folder = tmp_path / "schema"
    assert CliRunner().invoke(app, ["schema", "--output", str(folder)]).exit_code == 0
    assert sorted(path.stem for path in folder.iterdir()) == sorted(KINDS)
    assert json.loads((folder / "scenario.json").read_text(encoding="utf-8")) == schema("scenario")


def test_lints_can_be_allowed_in_the_schema() -> None:
    pattern = next(iter(schema("scenario")["properties"]["allow"]["patternProperties"]))
    assert {code for code in MESSAGES if re.search(pattern, code)} == {
        code for code, message in MESSAGES.items() if message.severity == "warning"
    }
