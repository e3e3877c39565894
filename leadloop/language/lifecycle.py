"""lifecycle.yaml -> `Lifecycle`: the stages of a lead and what moves it."""

from __future__ import annotations

from dataclasses import replace

from leadloop.language.allowing import ALLOW
from leadloop.language.diagnostics import Report
from leadloop.language.expressions import Scope, compile_condition
from leadloop.language.fields import Fields, items, known_name, mapping, named, one_or_many
from leadloop.language.matchers import MatchReader
from leadloop.language.nodes import Mapping, Node, Scalar, Sequence
from leadloop.language.plan import EventMatch, Lifecycle, Transition
from leadloop.language.vocabulary import Vocabulary


def read_stages(report: Report, root: Node) -> tuple[str, ...]:
    """Return the stages a file declares; read first, because conditions name them."""
    node = root.get("stages") if isinstance(root, Mapping) else None
    lines: dict[str, int] = {}
    for one in items(report, node, "`stages`") if node is not None else []:
        name = named(report, one, "a stage")
        if name in lines:
            report.add("SCN202", one.place, kind="stage", name=name, line=lines[name])
        elif name is not None:
            lines[name] = one.place.line
    return tuple(lines) or Lifecycle().stages


def read_lifecycle(report: Report, root: Node, vocabulary: Vocabulary) -> Lifecycle:
    """Return the transitions of a file with the stages that `read_stages` found."""
    found = mapping(report, root, "lifecycle.yaml")
    if found is None:
        return Lifecycle()
    fields = Fields(report, found, "lifecycle.yaml")
    fields.take("stages", "stages: [lead, mql, customer]")
    transitions: list[Transition] = []
    for node in fields.sequence("transitions"):
        one = _transition(report, node, vocabulary, [done.to for done in transitions])
        if one is not None:
            transitions.append(one)
    fields.take(ALLOW)
    fields.finish()
    return Lifecycle(stages=vocabulary.stages, transitions=tuple(transitions))


def _transition(report: Report, node: Node, vocabulary: Vocabulary, before: list[str]) -> Transition | None:
    found = mapping(report, node, "a transition")
    if found is None:
        return None
    fields = Fields(report, found, "a transition")
    source = _source(fields, vocabulary)
    to = fields.known("to", "stage", vocabulary.stages, "to: mql")
    scope = Scope(
        vocabulary.lead_facts,
        why_not="a transition knows only the lead",
        vocabulary=vocabulary,
        did="never",
    )
    event = None
    if fields.has("event"):
        event = MatchReader(vocabulary, scope, kinds=("event",)).read(fields)
    condition = fields.take("when")
    when = None
    if condition is not None:
        waiting = replace(scope, waiting=not fields.has("event"))
        when = compile_condition(report, condition, "`when`", waiting)
    elif not fields.has("event"):
        report.add(
            "SCN112",
            found.place,
            problem="a transition needs `event` or `when`",
            fix="an empty condition would mean always: say what moves the lead",
        )
    fields.finish()
    if to is None:
        return None
    return Transition(
        id=f"{to}-{before.count(to) + 1}",
        source=source,
        to=to,
        event=event if isinstance(event, EventMatch) else None,
        when=when,
    )


def _source(fields: Fields, vocabulary: Vocabulary) -> tuple[str, ...] | None:
    node = fields.take("from", "from: any")
    if node is None or (isinstance(node, Scalar) and node.text == "any"):
        return None
    if isinstance(node, Sequence) and not node.items:
        fields.report.add("SCN113", node.place, what="`from`")
    names = [known_name(fields.report, one, "stage", vocabulary.stages) for one in one_or_many(node)]
    return tuple(name for name in names if name is not None)
