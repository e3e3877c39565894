"""One scenario file -> `Plan`: header, entries, steps, and the checks of the whole."""

from __future__ import annotations

from dataclasses import dataclass

from leadloop.language.allowing import ALLOW
from leadloop.language.diagnostics import Report
from leadloop.language.entries import EntryReader, ReadEntry, read_defaults, read_per
from leadloop.language.expressions import Reference, Scope
from leadloop.language.fields import Fields, mapping
from leadloop.language.flow_checks import check_flow, check_references
from leadloop.language.header import read_header
from leadloop.language.lints import lint_steps
from leadloop.language.nodes import Node, Sequence
from leadloop.language.plan import COMPLETED, Entry, EventMatch, Plan, Scoring, Target
from leadloop.language.results import fact_name, result_facts, scan_steps
from leadloop.language.sources import Place
from leadloop.language.steps import read_steps
from leadloop.language.steps.building import Building, Jump
from leadloop.language.template_store import TemplateStore
from leadloop.language.vocabulary import NOW, RUN_FACTS, Facts, Vocabulary


@dataclass(frozen=True)
class Compiled:
    """A scenario with its place: `plan` is None after errors."""

    name: str
    place: Place
    per: str
    entries: tuple[tuple[Entry, Place], ...]
    plan: Plan | None
    building: Building

    @property
    def recycles(self) -> bool:
        """Whether a step sends a lost deal's lead back to nurturing."""
        return "recycle" in self.building.kinds.values()


def read_scenario(
    report: Report, root: Node, vocabulary: Vocabulary, templates: TemplateStore, scoring: Scoring
) -> Compiled | None:
    """Return the compiled scenario, or None where the file is not even a map."""
    node = mapping(report, root, "a scenario")
    if node is None:
        return None
    errors = sum(one.severity == "error" for one in report.diagnostics)
    fields = Fields(report, node, "a scenario")
    name = fields.name("scenario", "scenario: whitepaper-nurture") or ""
    topic = fields.known("topic", "topic", vocabulary.workspace.topics, "topic: nurture") or ""
    per = read_per(fields, vocabulary)
    entries = _entries(fields, vocabulary, per)
    building, audience = _begin(fields, vocabulary, templates, topic, per, entries)
    header = read_header(fields, building, audience)
    fields.take(ALLOW)
    steps = fields.sequence("steps", "steps: [{id: thanks, send: {…}}]")
    first = read_steps(building, steps, "", Target(exit=COMPLETED))
    fields.finish()
    _check_names(building, per)
    check_references(building)
    check_flow(building, first, [one.entry.start for one in entries])
    lint_steps(building, scoring)
    place = next((key.place for key, _ in node.entries if key.text == "scenario"), node.place)
    plan = None
    if sum(one.severity == "error" for one in report.diagnostics) == errors and first.step is not None:
        plan = Plan.model_validate(
            {
                "scenario": name,
                "topic": topic,
                "per": per,
                "entry": tuple(one.entry for one in entries),
                "first": first.step,
                "steps": building.steps,
                **header,
            }
        )
    return Compiled(name, place, per, tuple((one.entry, one.place) for one in entries), plan, building)


def _entries(fields: Fields, vocabulary: Vocabulary, per: str) -> list[ReadEntry]:
    reader = EntryReader(fields.report, vocabulary, per, read_defaults(fields))
    nodes = fields.sequence("entry", "entry: [{event: form_submitted, form: contact}]")
    entries = [one for node in nodes if (one := reader.read(node)) is not None]
    reader.check_defaults((fields.node.get("existing") or fields.node).place, entries)
    return entries


def _begin(
    fields: Fields,
    vocabulary: Vocabulary,
    templates: TemplateStore,
    topic: str,
    per: str,
    entries: list[ReadEntry],
) -> tuple[Building, Scope]:
    """Return the scenario to be filled with steps, and what its audience may read."""
    facts = {**vocabulary.lead_facts, **RUN_FACTS, **_entry_facts(fields.report, vocabulary, entries)}
    if per in vocabulary.workspace.records:
        facts.update(vocabulary.record_facts(per))
    why_not = "`event` is in scope only in `where`; `run.entry` has the properties of the entry events"
    audience = Scope({**facts, **NOW}, why_not=why_not, vocabulary=vocabulary)
    node = fields.node.get("steps")
    facts.update(result_facts(scan_steps(node.items if isinstance(node, Sequence) else [])))
    references: list[Reference] = []
    building = Building(
        report=fields.report,
        vocabulary=vocabulary,
        templates=templates,
        topic=topic,
        scope=Scope({**facts, **NOW}, why_not=why_not, vocabulary=vocabulary, steps=references),
        waiting=Scope(
            facts, waiting=True, why_not=why_not, vocabulary=vocabulary, did="settled", steps=references
        ),
        read_list=read_steps,
        jumps=[
            Jump("", one.start, one.entry.start)
            for one in entries
            if one.start is not None and one.entry.start is not None
        ],
        references=references,
    )
    return building, audience


def _entry_facts(report: Report, vocabulary: Vocabulary, entries: list[ReadEntry]) -> Facts:
    """Return `run.entry.<property>` of all entry events."""
    facts: Facts = {}
    for one in entries:
        match = one.entry.match
        if not isinstance(match, EventMatch):
            continue
        for name, fact in vocabulary.event_facts(match.event, "run.entry.").items():
            known = facts.setdefault(name, fact)
            if known.type != fact.type:
                types = f"{known.type}, {fact.type}"
                report.add("SCN204", one.place, name=name.removeprefix("run.entry."), types=types)
            elif known.values != fact.values:
                facts[name] = type(fact)(fact.type)
    return facts


def _check_names(building: Building, per: str) -> None:
    """Report steps whose results would have the name of another fact."""
    names: dict[str, str] = {per: f"`run.{per}` is the {per} of the journey"}
    for step_id, place in building.places.items():
        if "/" in step_id:
            continue
        name = fact_name(step_id)
        if name in names:
            fix = f"{names[name]}; choose another"
            building.report.add("SCN109", place, name=step_id, what="a step", fix=fix)
        names.setdefault(name, f"`run.{name}` is the result of `{step_id}`")
