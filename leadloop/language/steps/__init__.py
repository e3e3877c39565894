"""Lists of steps -> flat steps with explicit targets: a table of readers, one per kind of step."""

from __future__ import annotations

from collections.abc import Callable

from leadloop.language.diagnostics import Report
from leadloop.language.fields import NAME, Fields, mapping, text
from leadloop.language.messages import LINTS
from leadloop.language.nodes import Mapping, Node
from leadloop.language.plan import GoStep, Step, Target
from leadloop.language.sources import Place
from leadloop.language.steps.await_ import read_await
from leadloop.language.steps.building import RESERVED_IDS, Building, StepSite
from leadloop.language.steps.enrol import read_enrol
from leadloop.language.steps.exit import read_exit_step
from leadloop.language.steps.experiment import read_experiment
from leadloop.language.steps.go import read_go
from leadloop.language.steps.hand_off import read_hand_off
from leadloop.language.steps.if_ import read_if
from leadloop.language.steps.notify import read_notify
from leadloop.language.steps.record import read_record
from leadloop.language.steps.recycle import read_recycle
from leadloop.language.steps.repeat import read_repeat
from leadloop.language.steps.score import read_score
from leadloop.language.steps.send import read_send
from leadloop.language.steps.set_ import read_set
from leadloop.language.steps.stage import read_stage
from leadloop.language.steps.stream import read_stream
from leadloop.language.steps.subscribe import read_subscribe
from leadloop.language.steps.suppress import read_suppress
from leadloop.language.steps.switch import read_switch
from leadloop.language.steps.tag import read_tag, read_untag
from leadloop.language.steps.task import read_task
from leadloop.language.steps.unsubscribe import read_unsubscribe
from leadloop.language.steps.wait import read_wait_step
from leadloop.language.steps.webhook import read_webhook
from leadloop.language.suggest import Suggestion, nearest

READERS: dict[str, Callable[[StepSite], Step | None]] = {
    "send": read_send,
    "wait": read_wait_step,
    "await": read_await,
    "if": read_if,
    "switch": read_switch,
    "experiment": read_experiment,
    "score": read_score,
    "set": read_set,
    "tag": read_tag,
    "untag": read_untag,
    "stage": read_stage,
    "subscribe": read_subscribe,
    "unsubscribe": read_unsubscribe,
    "suppress": read_suppress,
    "record": read_record,
    "enrol": read_enrol,
    "stream": read_stream,
    "hand_off": read_hand_off,
    "recycle": read_recycle,
    "task": read_task,
    "notify": read_notify,
    "webhook": read_webhook,
    "repeat": read_repeat,
    "go": read_go,
    "exit": read_exit_step,
}
NEED_ID = frozenset({"send", "await", "experiment", "hand_off", "recycle", "stream", "task", "webhook"})
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
    kinds = [key for key in node.names() if key in READERS]
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
    if kind is None:
        _report_kind(report, node)
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
    before, referred = len(report.diagnostics), len(building.references)
    step = READERS[kind](StepSite(building, fields, step_id, base, following))
    fields.finish()
    for reference in building.references[referred:]:
        reference.origin = reference.origin or step_id  # nested steps have set their own
    _silence(building, before, step_id)
    if step is not None:
        building.steps[step_id] = step


def _report_kind(report: Report, node: Mapping) -> None:
    kinds = [key for key in node.names() if key in READERS]
    if kinds:
        report.add(
            "SCN411",
            node.place,
            problem=f"one step does one thing, not {' and '.join(f'`{one}`' for one in kinds)}",
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


def _allowed(fields: Fields) -> dict[str, Place]:
    """Return the codes of `allow: {SCN503: reason}`, and where each is written."""
    node = fields.take("allow")
    found = None if node is None else mapping(fields.report, node, "`allow`")
    codes = {}
    for key, value in found.entries if found is not None else []:
        if key.text not in LINTS:
            fields.report.add(
                "SCN201", key.place, kind="lint", name=key.text, suggestion=Suggestion(key.text, LINTS)
            )
        elif text(fields.report, value, "the reason") is not None:
            codes[key.text] = key.place
    return codes


def _silence(building: Building, before: int, step_id: str) -> None:
    """Drop the lints that were reported while a step was read and that it allows."""
    allowed = building.allowed[step_id]
    if not allowed:
        return
    found = building.report.diagnostics[before:]
    building.silenced |= {(step_id, one.code) for one in found if one.code in allowed}
    building.report.diagnostics[before:] = [one for one in found if one.code not in allowed]
