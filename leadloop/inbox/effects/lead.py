"""Fields and tags of the lead. Both go the way of every change: bands, stages and waits follow."""

from __future__ import annotations

from typing import Any

from leadloop.inbox.apply import Application
from leadloop.journey import effects
from leadloop.leads import fields
from leadloop.storage.tables import Enrolment


def set_fields(
    application: Application, enrolment: Enrolment, effect: effects.SetFields
) -> dict[str, Any] | None:
    """Write fields by the rules of fields that come with an event: typed, the company attached by name."""
    values = dict(effect.values)
    fields.write_identity(application.session, application.env, application.lead, values, application.now)
    application.changed()
    application.settle()
    # An older plan may write a field or a value that is no longer declared.
    read = fields.read_identity(values, application.publication.workspace)
    left = sorted(values.keys() - read.values.keys())
    return {"step": effect.step_id, "did": "set", "not_written": left} if left else None


def change_tags(application: Application, enrolment: Enrolment, effect: effects.ChangeTags) -> None:
    lead = application.lead
    kept = [tag for tag in lead.tags if tag not in effect.remove]
    tags = [*kept, *(tag for tag in effect.add if tag not in kept)]
    if tags == lead.tags:
        return
    lead.tags = tags
    application.session.add(lead)
    application.own_values_changed()
    application.settle()
