"""The ways out of a step with their reasons in words. Which ways there are is `leadloop.language.flow`'s."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from leadloop.language.flow import edges
from leadloop.language.graph.step_texts import Texts
from leadloop.language.graph.words import wait_words, word
from leadloop.language.plan import Branch, EventMatch, Plan, Step, Target

ARROW_KINDS = frozenset({"go", "exit", "again"})
"""Steps that only say where to go on."""

_SETTINGS = frozenset(
    (
        *("", "yes", "no", "skipped", "failed", "timeout", "past", "until", "exhausted", "max_cycles"),
        *("won", "lost", "rejected", "expired", "control", "else", "otherwise", "overdue", "done"),
        "retry",
    )
)
"""Labels that name a setting; the others stand for an arm of the step: a branch, a case, a variant."""


def ways(texts: Texts, step: Step) -> Iterator[tuple[str, Target]]:
    """Yield (reason, target) for each way out; the reason is empty where the step simply goes on."""
    arms: dict[Target, list[str]] = defaultdict(list)
    for text, target in _arms(texts, step):
        arms[target].append(text)
    for edge in edges(step):
        if edge.label not in _SETTINGS and arms[edge.target]:
            yield arms[edge.target].pop(0), edge.target
        else:
            yield _setting(texts, step, edge.label), edge.target


def _arms(texts: Texts, step: Any) -> Iterator[tuple[str, Target]]:
    """Yield the arms of a step in their order, in words."""
    branches: list[Branch] = [*getattr(step, "branches", ()), *getattr(step, "bypass", ())]
    mails = {one.match.of for one in branches if isinstance(one.match, EventMatch) and one.match.of}
    for branch in branches:
        text = texts.matcher(branch.match)
        if len(mails) > 1 and isinstance(branch.match, EventMatch) and branch.match.of:
            text += f" [{', '.join(branch.match.of)}]"
        yield text, branch.go
    for case in getattr(step, "cases", ()):
        yield texts.condition(case.when), case.go
    for variant in getattr(step, "variants", ()):
        yield f"{variant.name} {_share(variant.share)}", variant.go


def _setting(texts: Texts, step: Any, label: str) -> str:
    said = word(label, texts.language)
    if label == "timeout" and getattr(step, "timeout", None) is not None:
        return f"{said} {wait_words(step.timeout, texts.language)}"
    if label == "control" and getattr(step, "control", None):
        return f"{said} {_share(step.control)}"
    if label == "retry" and getattr(step, "retry", None) is not None:
        every = texts.span(step.retry.every)
        return texts.of(
            f"{every}後にもう一度 (計 {step.retry.max} 回)", f"again after {every}, {step.retry.max} times"
        )
    return said


def _share(hundredths: int) -> str:
    return f"{hundredths / 100:g} %"


def follow(plan: Plan, target: Target) -> Target:
    """Return the target that is drawn: the end of a chain of steps that are only arrows."""
    seen: set[str] = set()
    while target.step in plan.steps and target.step not in seen:
        step: Any = plan.steps[target.step]
        if step.kind not in ARROW_KINDS:
            break
        seen.add(step.id)
        target = Target(step=step.repeat) if step.kind == "again" else step.next
    return target
