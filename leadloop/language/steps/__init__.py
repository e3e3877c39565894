"""Lists of steps -> flat steps with explicit targets: a table of readers, one per kind of step."""

from __future__ import annotations

from collections.abc import Callable

from leadloop.language.diagnostics import Report
from leadloop.language.fields import NAME, Fields, mapping, text
from leadloop.language.messages import LINTS
from leadloop.language.nodes import Mapping, Node
from leadloop.language.plan import GoStep, Step, Target
from leadloop.language.steps.building import RESERVED_IDS, Building, StepSite
from leadloop.language.steps.flow import read_exit_step, read_go, read_if
from leadloop.language.steps.lead import read_score, read_stage
from leadloop.language.steps.mail import read_send, read_stream
from leadloop.language.steps.sales import read_hand_off, read_recycle, read_task
from leadloop.language.steps.waits import read_await, read_wait_step
from leadloop.language.suggest import Suggestion, nearest

READERS: dict[str, Callable[[StepSite], Step | None]] = {
    "send": read_send,
    "wait": read_wait_step,
    "await": read_await,
    "if": read_if,
    "score": read_score,
    "stage": read_stage,
    "stream": read_stream,
    "hand_off": read_hand_off,
    "recycle": read_recycle,
    "task": read_task,
    "go": read_go,
    "exit": read_exit_step,
}
LATER = (
    "switch",
    "experiment",
    "set",
    "tag",
    "untag",
    "subscribe",
    "unsubscribe",
    "suppress",
    "record",
    "enrol",
    "notify",
    "webhook",
    "repeat",
)
NEED_ID = frozenset({"send", "await", "hand_off", "recycle", "stream", "task"})
JOURNEY_STAGES = ("attention", "interest", "desire", "memory", "action")
_COMMON = ("id", "title", "journey_stage", "allow")
_BESIDE = ("timeout", "on_timeout", "then", "else")


def read_steps(building: Building, nodes: list[Node], path: str, after: Target) -> Target:
    """Read a list of steps into the building; its end continues at `after`. Return its first step.

    A step without an id gets one from the step before it, or from the list's path, so that
    editing elsewhere in the file does not change it.
    """
    found = [(node, mapping(building.report, node, "a step")) for node in nodes]
    maps = [one for _, one in found if one is not None]
    ids, anchor = [], path
    for one in maps:
        own = _own_id(building.report, one)
        kind = _kind(one) or "step"
        ids.append(_new_id(building, one, own, f"{anchor}/{kind}" if anchor else f"/{kind}", kind))
        anchor = own or anchor
    for at, one in enumerate(maps):
        following = Target(step=ids[at + 1]) if at + 1 < len(ids) else after
        _read_step(building, one, ids[at], following)
    return Target(step=ids[0]) if ids else after


def _kind(node: Mapping) -> str | None:
    kinds = [key for key in node.names() if key in READERS or key in LATER]
    if "exit" in kinds and "notify" in kinds:
        kinds.remove("notify")
    return kinds[0] if len(kinds) == 1 else None


def _own_id(report: Report, node: Mapping) -> str | None:
    value = node.get("id")
    own = None if value is None else text(report, value, "`id`")
    if value is None or own is None:
        return None
    if NAME.fullmatch(own) is None or len(own) > 80 or own in RESERVED_IDS:
        fix = "write letters, digits, `-` and `_`, a letter first"
        if own in RESERVED_IDS:
            fix = "the language uses this word; choose another"
        report.add("SCN109", value.place, name=own, what="a step", fix=fix)
    return own


def _new_id(building: Building, node: Mapping, own: str | None, generated: str, kind: str) -> str:
    wanted = own or generated
    step_id = wanted
    if own is not None and own in building.kinds:
        value = node.get("id") or node
        building.report.add("SCN401", value.place, id=own, line=building.places[own].line)
    while step_id in building.kinds:
        building.repeats[wanted] += 1
        step_id = f"{wanted}-{building.repeats[wanted] + 1}"
    building.kinds[step_id] = kind
    building.places[step_id] = node.place
    return step_id


def _read_step(building: Building, node: Mapping, step_id: str, following: Target) -> None:
    report = building.report
    kind = _kind(node)
    # Stands for a step with errors, and keeps the place before the steps that are nested in it.
    building.steps[step_id] = GoStep(id=step_id, line=node.place.line, next=following)
    if kind is None or kind not in READERS:
        _report_kind(report, node, kind)
        return
    fields = Fields(report, node, f"a `{kind}` step")
    if fields.take("id") is None and kind in NEED_ID:
        report.add("SCN409", node.place, kind=kind)
    base = {
        "id": step_id,
        "title": fields.text("title") or "",
        "line": node.place.line,
        "next": following,
        "journey_stage": fields.choice("journey_stage", JOURNEY_STAGES),
    }
    building.allowed[step_id] = _allowed(fields)
    before = len(report.diagnostics)
    step = READERS[kind](StepSite(building, fields, step_id, base, following))
    fields.finish(LATER)
    _silence(report, before, building.allowed[step_id])
    if step is not None:
        building.steps[step_id] = step


def _report_kind(report: Report, node: Mapping, kind: str | None) -> None:
    if kind is not None:
        place = next(key.place for key, _ in node.entries if key.text == kind)
        report.add("SCN110", place, what=f"the step `{kind}`", fix="this version has: " + ", ".join(READERS))
        return
    kinds = [key for key in node.names() if key in READERS or key in LATER]
    if kinds:
        report.add(
            "SCN411",
            node.place,
            problem=f"one step does one thing, not {' and '.join(kinds)}",
            fix="write two steps",
        )
        return
    unknown = [key for key, _ in node.entries if key.text not in (*_COMMON, *_BESIDE)]
    if not unknown:
        report.add("SCN411", node.place, problem="this step does nothing", fix="steps: " + ", ".join(READERS))
        return
    near = unknown[0]
    if len(unknown) > 1:
        near = next((key for key in unknown[:10] if nearest(key.text, READERS)), near)
    report.add("SCN201", near.place, kind="step", name=near.text, suggestion=Suggestion(near.text, READERS))


def _allowed(fields: Fields) -> frozenset[str]:
    """Return the codes of `allow: {SCN503: reason}`."""
    node = fields.take("allow")
    found = None if node is None else mapping(fields.report, node, "`allow`")
    codes = set()
    for key, value in found.entries if found is not None else []:
        if key.text not in LINTS:
            fields.report.add(
                "SCN201", key.place, kind="lint", name=key.text, suggestion=Suggestion(key.text, LINTS)
            )
        elif text(fields.report, value, "the reason") is not None:
            codes.add(key.text)
    return frozenset(codes)


def _silence(report: Report, before: int, codes: frozenset[str]) -> None:
    if codes:
        report.diagnostics[before:] = [one for one in report.diagnostics[before:] if one.code not in codes]
