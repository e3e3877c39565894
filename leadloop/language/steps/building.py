"""What step readers share: the scenario under construction, targets, and forms of wait."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from leadloop.language.diagnostics import Report
from leadloop.language.expressions import Scope
from leadloop.language.fields import Fields, mapping, named, parsed, text
from leadloop.language.matchers import MatchReader, Reference
from leadloop.language.nodes import Mapping, Node, Scalar
from leadloop.language.plan import COMPLETED, Span, Step, Target, WaitSpec
from leadloop.language.sources import Place
from leadloop.language.spans import parse_span, parse_time, parse_until
from leadloop.language.suggest import Suggestion
from leadloop.language.template_store import TemplateStore
from leadloop.language.vocabulary import Vocabulary

CONTINUE = "continue"
RESERVED_IDS = frozenset({CONTINUE, "exit", "never", "send", "skip"})
"""Words that stand where a step id may stand."""


@dataclass(frozen=True)
class Jump:
    """A step id that a step names as a target."""

    origin: str
    node: Scalar
    step_id: str


@dataclass
class Building:
    """One scenario while its steps are read."""

    report: Report
    vocabulary: Vocabulary
    templates: TemplateStore
    topic: str
    scope: Scope
    """What a condition of a step may read."""
    waiting: Scope
    """What a condition that waits may read."""
    read_list: Callable[[Building, list[Node], str, Target], Target]
    """Reads a nested list of steps: (building, nodes, path, where it continues) -> its first step."""
    steps: dict[str, Step] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    """Step id -> kind, also of steps with errors."""
    repeats: Counter[str] = field(default_factory=Counter)
    """How often an id was wanted again, to number generated ids."""
    allowed: dict[str, frozenset[str]] = field(default_factory=dict)
    """Step id -> codes of lints that the author silenced."""
    jumps: list[Jump] = field(default_factory=list)
    nested: list[tuple[str, str]] = field(default_factory=list)
    """(step id, first step of a list in it), so that errors in the one keep the other reachable."""
    references: list[Reference] = field(default_factory=list)

    def matcher(self, kinds: tuple[str, ...] = ("event", "stage", "when")) -> MatchReader:
        """Return a reader of matchers that may name steps of this scenario."""
        return MatchReader(self.vocabulary, self.scope, self.references, kinds, self.waiting)


@dataclass(frozen=True)
class StepSite:
    """The place of a step in its list: what every reader needs to build a `Step`."""

    building: Building
    fields: Fields
    step_id: str
    base: dict[str, Any]
    next: Target

    @property
    def report(self) -> Report:
        """Where problems go."""
        return self.fields.report

    def body(self, kind: str) -> Fields | None:
        """Return the settings of the step's own map: `send: {…}`."""
        node = self.fields.mapping(kind)
        return None if node is None else Fields(self.report, node, f"a `{kind}` step")

    def jump(self, node: Node, what: str) -> Target | None:
        """Return a target that names a step."""
        step_id = text(self.report, node, what)
        if step_id is None or not isinstance(node, Scalar):
            return None
        self.building.jumps.append(Jump(self.step_id, node, step_id))
        return Target(step=step_id)

    def target(self, node: Node | None, what: str) -> Target:
        """Return `continue`, a step, or `{exit: OUTCOME}`; the next step where nothing is written."""
        if node is None or (isinstance(node, Scalar) and node.text == CONTINUE):
            return self.next
        if isinstance(node, Mapping):
            return read_exit(self.report, node, what) or self.next
        return self.jump(node, what) or self.next

    def on(self, fields: Fields, name: str) -> Target:
        """Return the target of a setting such as `on_fail`."""
        return self.target(fields.take(name), f"`{name}`")

    def step_list(self, nodes: list[Node], path: str) -> Target:
        """Read nested steps; they continue after this step. Return their first."""
        first = self.building.read_list(self.building, nodes, f"{self.step_id}/{path}", self.next)
        if first.step is not None:
            self.building.nested.append((self.step_id, first.step))
        return first


def read_exit(report: Report, node: Mapping, what: str) -> Target | None:
    """Return the target `{exit: OUTCOME, notify: ADDRESS}`."""
    fields = Fields(report, node, what)
    outcome = fields.take("exit", "{exit: done}")
    name = None if outcome is None else named(report, outcome, "an outcome")
    notify = fields.address("notify")
    fields.finish()
    return None if name is None else Target(exit=name, notify=notify)


def read_wait(site: StepSite, node: Node, what: str) -> WaitSpec | None:
    """Return any form of wait: `3 days`, `{for: …, at: …}`, `{until: …, at: …, if_past: …}`."""
    if not isinstance(node, Mapping):
        length = parsed(site.report, node, what, parse_span)
        return None if length is None else _spec(site, node, what, length, None)
    fields = Fields(site.report, node, what)
    at = fields.parsed("at", parse_time)
    if fields.has("until"):
        spec = _until(site, fields, at)
    else:
        length = fields.span("for", "for: 1 day", zero=at is not None)
        spec = None if length is None else _spec(site, node, what, length, at)
    fields.finish()
    return spec


def _spec(site: StepSite, node: Node, what: str, length: Span, at: str | None) -> WaitSpec | None:
    if length.amount == 0 and at is None:
        site.report.add("SCN107", node.place, what=what, problem="a length of zero does not wait")
        return None
    if at is not None and length.unit not in ("days", "weeks", "months", "business_days"):
        site.report.add(
            "SCN112",
            node.place,
            problem="`at` goes with days, weeks or months",
            fix="write `{for: 1 day, at: 09:00}`",
        )
    return WaitSpec(span=length, at=at)


def _until(site: StepSite, fields: Fields, at: str | None) -> WaitSpec | None:
    written = fields.parsed("until", parse_until)
    past = fields.take("if_past")
    if isinstance(past, Scalar) and past.text == "exit":
        if_past: Target | None = Target(exit=COMPLETED)
    elif past is None or (isinstance(past, Scalar) and past.text == CONTINUE):
        if_past = None
    else:
        if_past = site.target(past, "`if_past`")
    node = fields.node.get("until")
    if written is None or node is None:
        return None
    if at is not None and written.at is not None:
        site.report.add(
            "SCN112",
            node.place,
            problem="the time of day is written twice",
            fix="keep `at`, or the time in `until`",
        )
    if written.until.fact is not None and not instant_fact(site, node, written.until.fact):
        return None
    return WaitSpec(until=written.until, at=at or written.at, if_past=if_past)


def instant_fact(site: StepSite, node: Node, name: str) -> bool:
    """Return whether a name is a date or moment that this scenario knows; report it if not."""
    facts = site.building.scope.facts
    moments = [known for known, fact in facts.items() if fact.type == "instant"]
    if name in moments:
        return True
    if name in facts:
        site.report.add(
            "SCN102",
            node.place,
            what=f"`{name}`",
            wanted="a date or a moment",
            found=f"of type {facts[name].type}",
        )
    else:
        site.report.add("SCN201", node.place, kind="date", name=name, suggestion=Suggestion(name, moments))
    return False


def required_map(site: StepSite, node: Node, what: str) -> Fields | None:
    """Return the settings of a nested map."""
    found = mapping(site.report, node, what)
    return None if found is None else Fields(site.report, found, what)
