"""One scenario file -> `Plan`: header, steps, and the checks of the whole."""

from __future__ import annotations

from dataclasses import dataclass

from leadloop.language.diagnostics import Report
from leadloop.language.expressions import Scope, compile_condition
from leadloop.language.fields import Fields, known_name, mapping
from leadloop.language.flow import endless_loops, reachable
from leadloop.language.lints import lint_steps
from leadloop.language.matchers import MatchReader
from leadloop.language.nodes import Node, Scalar, Sequence
from leadloop.language.plan import (
    COMPLETED,
    Entry,
    EventMatch,
    ExitStep,
    Expression,
    Matcher,
    Plan,
    Reentry,
    Scoring,
    StageMatch,
    Target,
)
from leadloop.language.sources import Place
from leadloop.language.steps import read_steps
from leadloop.language.steps.building import Building, Jump
from leadloop.language.suggest import Suggestion, nearest
from leadloop.language.template_store import TemplateStore
from leadloop.language.vocabulary import NOW, RUN_FACTS, Facts, Vocabulary

LATER_HEADERS = {
    "group": "",
    "on_edit": "people in flight stay on their version",
    "pause_clock": "",
    "existing": "",
    "limit": "",
    "recheck": "",
}
LATER_ENTRIES = {
    "existing": "people who match already do not enter",
    "limit": "",
    "segment": "",
    "inactive": "",
    "date": "",
    "schedule": "",
    "people": "",
    "within": "",
    "manual": "",
    "before": "",
    "at": "",
}


@dataclass(frozen=True)
class Compiled:
    """A scenario with its place: `plan` is None after errors."""

    name: str
    place: Place
    entries: tuple[tuple[Entry, Place], ...]
    plan: Plan | None
    recycles: bool


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
    building, entries = _begin(fields, vocabulary, templates, topic)
    header = {
        "title": fields.text("title") or "",
        "priority": fields.integer("priority", 0, 1000),
        "audience": _audience(fields, building.scope),
        "reentry": _reentry(fields),
        "goal": _matchers(fields, "goal", building),
        "exit_when": _matchers(fields, "exit_when", building),
    }
    if header["priority"] is None:
        del header["priority"]
    _per(fields)
    steps = fields.sequence("steps", "steps: [{id: thanks, send: {…}}]")
    first = read_steps(building, steps, "", Target(exit=COMPLETED))
    fields.finish(LATER_HEADERS)
    _check_references(building)
    _check_flow(building, first, [entry.start for entry, _ in entries])
    lint_steps(building, scoring)
    place = next((key.place for key, _ in node.entries if key.text == "scenario"), node.place)
    plan = None
    if sum(one.severity == "error" for one in report.diagnostics) == errors and first.step is not None:
        plan = Plan.model_validate(
            {
                "scenario": name,
                "topic": topic,
                "entry": tuple(entry for entry, _ in entries),
                "first": first.step,
                "steps": building.steps,
                **header,
            }
        )
    return Compiled(name, place, tuple(entries), plan, "recycle" in building.kinds.values())


def _begin(
    fields: Fields, vocabulary: Vocabulary, templates: TemplateStore, topic: str
) -> tuple[Building, list[tuple[Entry, Place]]]:
    """Read the entries, whose events decide which facts the scenario has."""
    report = fields.report
    lead = Scope(vocabulary.lead_facts, why_not="an entry knows only the lead and the event")
    reader = MatchReader(vocabulary, lead, kinds=("event", "stage"))
    entries: list[tuple[Entry, Place]] = []
    jumps: list[Jump] = []
    for node in fields.sequence("entry", "entry: [{event: form_submitted, form: contact}]"):
        found = mapping(report, node, "an entry")
        if found is None:
            continue
        one = Fields(report, found, "an entry")
        late = [key for key in found.names() if key in LATER_ENTRIES]
        match = None if late and not (one.has("event") or one.has("stage")) else reader.read(one)
        start = one.text("start")
        node_of_start = found.get("start")
        if start is not None and isinstance(node_of_start, Scalar):
            jumps.append(Jump("", node_of_start, start))
        one.finish(LATER_ENTRIES)
        if isinstance(match, EventMatch | StageMatch):
            entries.append((Entry(match=match, start=start), found.place))
    facts = {**vocabulary.lead_facts, **RUN_FACTS, **_entry_facts(report, vocabulary, entries)}
    why_not = "`event` is in scope only in `where`; `run.entry` has the properties of the entry events"
    building = Building(
        report=report,
        vocabulary=vocabulary,
        templates=templates,
        topic=topic,
        scope=Scope({**facts, **NOW}, why_not=why_not),
        waiting=Scope(facts, waiting=True, why_not=why_not),
        read_list=read_steps,
        jumps=jumps,
    )
    return building, entries


def _entry_facts(report: Report, vocabulary: Vocabulary, entries: list[tuple[Entry, Place]]) -> Facts:
    """Return `run.entry.<property>` of all entry events."""
    facts: Facts = {}
    for entry, place in entries:
        if not isinstance(entry.match, EventMatch):
            continue
        for name, fact in vocabulary.event_facts(entry.match.event, "run.entry.").items():
            known = facts.setdefault(name, fact)
            if known.type != fact.type:
                report.add(
                    "SCN204", place, name=name.removeprefix("run.entry."), types=f"{known.type}, {fact.type}"
                )
            elif known.values != fact.values:
                facts[name] = type(fact)(fact.type)
    return facts


def _audience(fields: Fields, scope: Scope) -> Expression | None:
    node = fields.take("audience")
    return None if node is None else compile_condition(fields.report, node, "`audience`", scope)


def _reentry(fields: Fields) -> Reentry:
    node = fields.take("reentry")
    found = None if node is None else mapping(fields.report, node, "`reentry`")
    if found is None:
        return Reentry()
    settings = Fields(fields.report, found, "`reentry`")
    mode = settings.choice("mode", ("never", "after_exit", "always"), "mode: after_exit") or "after_exit"
    cooldown = settings.span("cooldown", zero=True)
    settings.finish()
    if mode == "never" and cooldown is not None:
        fields.report.add(
            "SCN112",
            found.place,
            problem="`cooldown` has no meaning with `mode: never`",
            fix="remove it, or write `mode: after_exit`",
        )
    return Reentry.model_validate({"mode": mode, "cooldown": cooldown})


def _per(fields: Fields) -> None:
    node = fields.take("per")
    per = None if node is None else fields.text("per")
    if node is None or per is None or per == "lead":
        return
    if nearest(per, ("lead",)) is not None:
        known_name(fields.report, node, "unit", ("lead",))
    else:
        fields.report.add("SCN110", node.place, what=f"`per: {per}`", fix="every journey is of one lead")


def _matchers(fields: Fields, name: str, building: Building) -> tuple[Matcher, ...]:
    node = fields.take(name)
    if node is None:
        return ()
    nodes = fields.sequence(name) if isinstance(node, Sequence) else [node]
    matchers = []
    for one in nodes:
        found = mapping(fields.report, one, f"`{name}`")
        if found is None:
            continue
        settings = Fields(fields.report, found, f"`{name}`")
        match = building.matcher().read(settings)
        settings.finish()
        if match is not None:
            matchers.append(match)
    return tuple(matchers)


def _check_references(building: Building) -> None:
    known = {step_id: None for step_id in building.kinds if "/" not in step_id}
    for jump in building.jumps:
        if jump.step_id not in known:
            hint = "write `{exit: OUTCOME}`" if jump.step_id == "exit" else Suggestion(jump.step_id, known)
            building.report.add("SCN402", jump.node.place, id=jump.step_id, suggestion=hint)
    for reference in building.references:
        kind = building.kinds.get(reference.step_id)
        if kind is None:
            senders = [one for one in known if building.kinds[one] in ("send", "stream")]
            building.report.add(
                "SCN402",
                reference.node.place,
                id=reference.step_id,
                suggestion=Suggestion(reference.step_id, senders),
            )
        elif kind not in ("send", "stream"):
            building.report.add("SCN406", reference.node.place, id=reference.step_id, kind=kind)


def _check_flow(building: Building, first: Target, starts: list[str | None]) -> None:
    jumps: dict[str, set[str]] = {}
    for jump in building.jumps:
        jumps.setdefault(jump.origin, set()).add(jump.step_id)
    for origin, target in building.nested:
        jumps.setdefault(origin, set()).add(target)
    begins = [first.step or "", *(start for start in starts if start is not None)]
    reached = reachable(building.steps, begins, jumps)
    for step_id, step in building.steps.items():
        if step_id in reached:
            continue
        if isinstance(step, ExitStep):
            # A fence behind a step that always jumps: harmless, so a warning.
            building.report.add("SCN506", building.places[step_id])
        else:
            fix = (
                "remove it, or give it an `id` and jump to it"
                if "/" in step_id
                else f"remove it, or jump to it with `go: {step_id}`"
            )
            building.report.add("SCN404", building.places[step_id], fix=fix)
        reached |= reachable(building.steps, [step_id], jumps)
    for loop in endless_loops(building.steps):
        path = " → ".join([*loop, loop[0]])
        building.report.add("SCN405", building.places[loop[0]], path=path)
