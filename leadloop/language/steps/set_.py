"""`set`: fields of the lead."""

from __future__ import annotations

from leadloop.language import builtins
from leadloop.language.fields import known_name, time_zone
from leadloop.language.nodes import Node, Scalar
from leadloop.language.plan import FieldSpec, SetStep, Value
from leadloop.language.steps.building import StepSite
from leadloop.language.steps.values import read_value

OTHERWISE = {
    "stage": "use a `stage` step",
    "tags": "use `tag` or `untag`",
    "score": "use a `score` step",
    "segments": "a segment follows its condition",
    "email": "an address is an identity: it comes with a form or an import",
    "in_sales": "a `hand_off` hands the lead to sales",
    "owner": "a `hand_off` decides who owns a lead",
    "last_owner": "a `hand_off` decides who owns a lead",
    "created_at": "the engine keeps it",
    "last_active_at": "the engine keeps it",
    "cycle": "a `recycle` counts it",
}
"""Fields that no step writes, and what does."""


def read_set(site: StepSite) -> SetStep | None:
    """`set: {industry: it, employees: 300}`."""
    node = site.fields.mapping("set")
    if node is None:
        return None
    if not node.entries:
        site.report.add("SCN113", node.place, what="`set`")
    declared = site.building.vocabulary.workspace.lead_fields
    writable = {
        name: spec for name, spec in {**builtins.LEAD_FIELDS, **declared}.items() if name not in OTHERWISE
    }
    values: dict[str, Value] = {}
    for key, one in node.entries:
        spec = _spec(site, key, writable)
        value = None if spec is None else _value(site, key, one, spec)
        if value is not None:
            values[key.text] = value
    return SetStep(**site.base, fields=values) if len(values) == len(node.entries) > 0 else None


def _value(site: StepSite, key: Scalar, node: Node, spec: FieldSpec) -> Value | None:
    if key.text == "timezone":  # waits count in it
        return time_zone(site.report, node, "`timezone`")
    return read_value(site.report, node, f"`{key.text}`", spec)


def _spec(site: StepSite, key: Scalar, writable: dict[str, FieldSpec]) -> FieldSpec | None:
    if key.text in OTHERWISE:
        site.report.add(
            "SCN112", key.place, problem=f"`set` does not write `{key.text}`", fix=OTHERWISE[key.text]
        )
        return None
    name = known_name(site.report, key, "lead field", writable)
    return None if name is None else writable[name]
