"""`record`: a fact about the lead, seen by other scenarios."""

from __future__ import annotations

from leadloop.language import builtins
from leadloop.language.fields import known_name, mapping
from leadloop.language.plan import RecordStep, Value
from leadloop.language.steps.building import StepSite
from leadloop.language.steps.values import read_value


def read_record(site: StepSite) -> RecordStep | None:
    """`record: {event: reactivated, PROPERTY: VALUE}`: an event of workspace.yaml."""
    node = site.fields.take("record")
    found = None if node is None else mapping(site.report, node, "`record`")
    if found is None:
        return None
    vocabulary = site.building.vocabulary
    declared = [name for name in vocabulary.events if name not in builtins.EVENTS]
    written = found.get("event")
    if written is None:
        site.report.add(
            "SCN103", found.place, where="`record`", key="event", example="for example `event: reactivated`"
        )
        return None
    event = known_name(site.report, written, "declared event", declared)
    if event is None:
        return None
    specs = vocabulary.events[event]
    properties: dict[str, Value] = {}
    right = True
    for key, one in found.entries:
        if key.text == "event":
            continue
        name = known_name(site.report, key, f"property of `{event}`", specs)
        value = None if name is None else read_value(site.report, one, f"`{key.text}`", specs[name])
        right = right and value is not None
        if value is not None:
            properties[key.text] = value
    return RecordStep(**site.base, event=event, properties=properties) if right else None
