"""The header of a scenario, entries aside: who may come back, what ends it, what an edit does."""

from __future__ import annotations

from typing import Any

from leadloop.language.expressions import Scope, compile_condition
from leadloop.language.fields import Fields, choice, mapping, text
from leadloop.language.nodes import Scalar, Sequence
from leadloop.language.plan import Matcher, OnEdit, Reentry
from leadloop.language.steps.building import Building, Jump

RECHECK = "before_send"
ON_EDIT = ("stay", "move", "finish", "exit")
CLOCKS = ("run", "freeze", "restart")


def read_header(fields: Fields, building: Building, audience: Scope) -> dict[str, Any]:
    """Return the settings of a plan that stand in its header."""
    audience_node = fields.take("audience")
    priority = fields.integer("priority", 0, 1000)
    header: dict[str, Any] = {
        "title": fields.text("title") or "",
        "group": fields.name("group"),
        "audience": None
        if audience_node is None
        else compile_condition(fields.report, audience_node, "`audience`", audience),
        "recheck": _recheck(fields),
        "reentry": _reentry(fields),
        "goal": _matchers(fields, "goal", building),
        "exit_when": _matchers(fields, "exit_when", building),
        "on_edit": _on_edit(fields, building),
        "pause_clock": fields.choice("pause_clock", CLOCKS) or "run",
    }
    return header if priority is None else {**header, "priority": priority}


def _recheck(fields: Fields) -> bool:
    recheck = fields.choice("recheck", (RECHECK,))
    node = fields.node.get("recheck")
    if node is not None and not fields.has("audience"):
        fields.report.add(
            "SCN112",
            node.place,
            problem="`recheck` without `audience`",
            fix='say who belongs here: `audience: lead.country == "JP"`',
        )
    return recheck is not None


def _reentry(fields: Fields) -> Reentry:
    node = fields.take("reentry")
    found = None if node is None else mapping(fields.report, node, "`reentry`")
    if found is None:
        return Reentry()
    settings = Fields(fields.report, found, "`reentry`")
    mode = settings.choice("mode", ("never", "after_exit", "always"), "mode: after_exit") or "after_exit"
    cooldown = settings.span("cooldown", zero=True)
    most = settings.integer("max", 1, 1000)
    settings.finish()
    if mode == "never" and cooldown is not None:
        fields.report.add(
            "SCN112",
            found.place,
            problem="`cooldown` has no meaning with `mode: never`",
            fix="remove it, or write `mode: after_exit`",
        )
    if mode == "never" and most is not None:
        fields.report.add(
            "SCN112",
            found.place,
            problem="`max` has no meaning with `mode: never`",
            fix="remove it, or write `mode: after_exit`",
        )
    return Reentry.model_validate({"mode": mode, "cooldown": cooldown, "most": most})


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


def _on_edit(fields: Fields, building: Building) -> OnEdit:
    """Return `on_edit: {default: move, steps: {old: new}}`. The old ids are of a version that is not
    here: publishing checks them."""
    node = fields.take("on_edit")
    if node is None:
        return OnEdit()
    if isinstance(node, Scalar):
        default = choice(fields.report, node, "`on_edit`", ON_EDIT)
        return OnEdit.model_validate({"default": default or "stay"})
    found = mapping(fields.report, node, "`on_edit`")
    if found is None:
        return OnEdit()
    settings = Fields(fields.report, found, "`on_edit`")
    default = settings.choice("default", ON_EDIT) or "stay"
    steps = {}
    moved = settings.mapping("steps")
    for key, value in moved.entries if moved is not None else []:
        new = text(fields.report, value, f"the step for `{key.text}`")
        if new is not None and isinstance(value, Scalar):
            building.jumps.append(Jump("", value, new))
            steps[key.text] = new
    settings.finish()
    return OnEdit.model_validate({"default": default, "steps": steps})
