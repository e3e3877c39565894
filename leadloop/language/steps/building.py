"""What step readers share: the scenario under construction, targets, and forms of wait."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from leadloop.language.diagnostics import Report
from leadloop.language.expressions import Reference, Scope, compile_condition
from leadloop.language.fields import Fields, items, mapping, named, text
from leadloop.language.matchers import MatchReader
from leadloop.language.nodes import Mapping, Node, Scalar, Sequence
from leadloop.language.plan import Expression, Step, Target
from leadloop.language.sources import Place
from leadloop.language.template_store import TemplateStore
from leadloop.language.vocabulary import Vocabulary

CONTINUE = "continue"
RESERVED_IDS = frozenset(
    {CONTINUE, "exit", "never", "send", "skip", "entry", "entered_at", "cycle", "true", "false", "in"}
)
"""Words that stand where a step id may stand, the facts that `run` has of its own, and words that
CEL does not take as the name in `run.<step>`."""


@dataclass(frozen=True)
class Jump:
    """A step id that a step names as a target."""

    origin: str
    node: Scalar
    step_id: str


@dataclass(frozen=True)
class MailUse:
    """A template or a stream that a step sends; `topic` is None for a notice to our own people."""

    place: Place
    topic: str | None
    template: str | None = None
    stream: str | None = None


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
    allowed: dict[str, dict[str, Place]] = field(default_factory=dict)
    """Step id -> codes of lints that the author silenced, and where."""
    silenced: set[tuple[str, str]] = field(default_factory=set)
    """(step id, code) of lints that would have fired."""
    jumps: list[Jump] = field(default_factory=list)
    nested: list[tuple[str, str]] = field(default_factory=list)
    """(step id, first step of a list in it), so that errors in the one keep the other reachable."""
    references: list[Reference] = field(default_factory=list)
    enrols: list[tuple[str, Place]] = field(default_factory=list)
    """Scenarios that `enrol` steps name; whether they exist is seen when all files are read."""
    mails: list[MailUse] = field(default_factory=list)
    """Templates and streams that steps send, for the checks of the names in them."""

    def lint(self, step_id: str, code: str, place: Place | None = None, **values: object) -> None:
        """Report a lint about a step, unless the step allows it."""
        if code in self.allowed.get(step_id, {}):
            self.silenced.add((step_id, code))
        else:
            self.report.add(code, place or self.places[step_id], "", **values)

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

    def condition(self, fields: Fields, name: str, example: str | None = None) -> Expression | None:
        """Return the condition of a setting; it is asked when the journey comes by."""
        node = fields.take(name, example)
        return (
            None if node is None else compile_condition(self.report, node, f"`{name}`", self.building.scope)
        )

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
        """Return the target of a setting such as `on_fail`: any target, or a list of steps."""
        node = fields.take(name)
        if isinstance(node, Sequence):
            return self.nested(node, f"`{name}`", name)
        return self.target(node, f"`{name}`")

    def nested(self, node: Node, what: str, path: str) -> Target:
        """Read the steps of a list; `path` names their place below this step."""
        return self.step_list(items(self.report, node, what), path)

    def step_list(self, nodes: list[Node], path: str, after: Target | None = None) -> Target:
        """Read nested steps; they continue at `after`, or after this step. Return their first."""
        first = self.building.read_list(self.building, nodes, f"{self.step_id}/{path}", after or self.next)
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


def required_map(site: StepSite, node: Node, what: str) -> Fields | None:
    """Return the settings of a nested map."""
    found = mapping(site.report, node, what)
    return None if found is None else Fields(site.report, found, what)
