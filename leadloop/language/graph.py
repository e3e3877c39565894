"""A plan as Mermaid text (https://mermaid.js.org/syntax/flowchart.html)."""

from __future__ import annotations

from leadloop.language.flow import edges
from leadloop.language.plan import (
    AwaitStep,
    HandOffStep,
    IfStep,
    Plan,
    RecycleStep,
    ScoreStep,
    SendStep,
    Span,
    StageStep,
    Step,
    StreamStep,
    Target,
    TaskStep,
    WaitSpec,
    WaitStep,
)
from leadloop.language.spans import WEEKDAYS

_LONGEST = 60


def to_mermaid(plan: Plan) -> str:
    """Return a flowchart: one node per step, one per exit, a label on every way out."""
    numbers = {step_id: f"s{at}" for at, step_id in enumerate(plan.steps)}
    exits: dict[str, str] = {}
    lines = ["flowchart TD", f"  start([{_text(plan.title or plan.scenario)}])"]
    lines += [f"  {numbers[step.id]}{_shape(step)}" for step in plan.steps.values() if _is_shown(step)]
    arrows = _entries(plan, numbers, exits)
    for step in plan.steps.values():
        if not _is_shown(step):
            continue
        labels: dict[str, list[str]] = {}
        for edge in edges(step):
            labels.setdefault(_node(plan, numbers, exits, edge.target), []).append(edge.label)
        for target, words in labels.items():
            label = "" if "" in words else ", ".join(dict.fromkeys(words))
            arrows.append(_arrow(numbers[step.id], target, label))
    lines += [f"  {node}([{_text(outcome)}])" for outcome, node in exits.items()]
    return "\n".join([*lines, *arrows]) + "\n"


def _entries(plan: Plan, numbers: dict[str, str], exits: dict[str, str]) -> list[str]:
    arrows = []
    for entry in plan.entry:
        match = entry.match
        label = (
            match.event
            if match.kind == "event"
            else ", ".join(match.stages)
            if match.kind == "stage"
            else match.when.source
        )
        target = _node(plan, numbers, exits, Target(step=entry.start or plan.first))
        arrows.append(_arrow("start", target, label))
    return arrows


def _is_shown(step: Step) -> bool:
    return step.kind not in ("go", "exit")


def _node(plan: Plan, numbers: dict[str, str], exits: dict[str, str], target: Target) -> str:
    """Return the node of a target; `go` and `exit` steps are drawn as arrows."""
    seen = set()
    while target.step is not None and target.step not in seen and not _is_shown(plan.steps[target.step]):
        seen.add(target.step)
        target = plan.steps[target.step].next
    if target.step is not None:
        return numbers[target.step]
    outcome = target.exit or ""
    return exits.setdefault(outcome, f"x{len(exits)}")


def _arrow(source: str, target: str, label: str) -> str:
    return f"  {source} -->|{_text(label)}| {target}" if label else f"  {source} --> {target}"


def _shape(step: Step) -> str:
    title = step.title or ("" if "/" in step.id else step.id)
    text = _text(": ".join(part for part in (title, _what(step)) if part))
    if isinstance(step, IfStep):
        return f"{{{text}}}"
    if isinstance(step, WaitStep | AwaitStep):
        return f"({text})"
    return f"[{text}]"


def _what(step: Step) -> str:
    if isinstance(step, SendStep):
        return f"send {step.template}"
    if isinstance(step, WaitStep):
        return f"wait {wait_words(step.wait)}"
    if isinstance(step, AwaitStep):
        return f"await up to {wait_words(step.timeout)}" if step.timeout else "await"
    if isinstance(step, IfStep):
        return step.condition.source
    if isinstance(step, ScoreStep):
        return f"{step.points:+d} {step.model}"
    if isinstance(step, StageStep):
        return f"stage {step.stage}"
    if isinstance(step, StreamStep):
        return f"stream {step.stream} every {span_words(step.every)}"
    if isinstance(step, HandOffStep):
        return f"hand off to {step.queue}"
    if isinstance(step, RecycleStep):
        return f"recycle{f' until {step.until}' if step.until else ''}"
    if isinstance(step, TaskStep):
        return f"{step.type}: {step.task_title}" if step.task_title else step.type
    return step.kind


def span_words(span: Span) -> str:
    """Return a span as the author writes it: `3 business days`."""
    unit = span.unit.replace("_", " ")
    return f"{span.amount} {unit.removesuffix('s') if abs(span.amount) == 1 else unit}"


def wait_words(wait: WaitSpec) -> str:
    """Return a wait in words."""
    words = [span_words(wait.span)] if wait.span else []
    if wait.until is not None:
        named = wait.until.fact or (str(wait.until.on) if wait.until.on else "")
        if wait.until.weekday is not None:
            named = WEEKDAYS[wait.until.weekday]
        words.append(f"until {named}")
        if wait.until.offset is not None:
            words.append(("+ " if wait.until.offset.amount > 0 else "") + span_words(wait.until.offset))
    return " ".join([*words, *([wait.at] if wait.at else [])])


def _text(text: str) -> str:
    """Return a text for Mermaid: quoted, with what it would read as markup as entities."""
    short = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
    for sign, entity in (("#", "#35;"), ('"', "#quot;"), ("<", "#lt;"), (">", "#gt;"), ("\n", " ")):
        short = short.replace(sign, entity)
    return f'"{short}"'
