"""Events that a simulation makes up: properties that match what a file asks for, and their words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from itertools import product
from typing import Any

from leadloop.conditions import Facts
from leadloop.journey.matching import event_facts, is_true
from leadloop.journey.simulation.fields import candidates
from leadloop.language.plan import Did, EventMatch, Publication

Happening = tuple[str, Mapping[str, Any], str]
"""Event type, properties, and the line that tells it."""

BY_THE_ENGINE = (
    "email_", "deal_", "handoff_", "handed_off", "stage_", "band_", "score_", "segment_", "record_", "task_",
    "lead_", "unsub", "subscribed", "entry_", "enrol_",
)  # fmt: skip
"""How the names of events begin that a lead does not bring about of its own accord."""


class Happenings:
    """Makes events up for one publication; `records` is kind -> key of the records at hand."""

    def __init__(self, publication: Publication, records: Mapping[str, str]) -> None:
        self._publication = publication
        self._records = records

    def matching(
        self, match: EventMatch, facts: Facts | None = None, now: datetime | None = None
    ) -> Happening:
        """Return an event that a matcher matches, as far as its values say."""
        found: dict[str, Any] = {}
        for wanted in match.properties:
            found[wanted.name] = wanted.values[0] if wanted.values else wanted.prefix or ""
        if match.event == "page_viewed":
            found.setdefault("path", "/")
        found = self.with_records(match.event, found)
        if match.where is not None and facts is not None and now is not None:
            found |= self._for_where(match, found, facts, now)
        return match.event, found, self.told(match.event, found)

    def answering(self, question: Did) -> list[Happening]:
        """Return the events that make a question about the past true."""
        event, properties, _ = self.matching(question.match)
        spec = self._publication.workspace.events.get(event, {}).get(question.distinct or "")
        found: list[Happening] = []
        for number in range(question.at_least):
            one = dict(properties)
            if question.distinct is not None and question.distinct not in one:
                values = spec.values if spec is not None else ()
                one[question.distinct] = values[number] if number < len(values) else f"（例{number + 1}）"
            found.append((event, one, self.told(event, one)))
        return found

    def with_records(self, event: str, properties: Mapping[str, Any]) -> dict[str, Any]:
        """Return properties with the key of a record wherever the event can name one."""
        declared = self._publication.workspace.events.get(event, {})
        keys = {
            name: self._records.get(spec.record, f"{spec.record}-1")
            for name, spec in declared.items()
            if spec.record is not None
        }
        return keys | dict(properties)

    def told(self, event: str, properties: Mapping[str, Any]) -> str:
        """Return an event in words."""
        forms = self._publication.workspace.forms
        if event == "form_submitted" and properties.get("form") in forms:
            form = str(properties["form"])
            return f"fills in the form {form} “{forms[form].title or form}”"
        if event == "page_viewed":
            return f"views {properties.get('path', '/')}"
        detail = ", ".join(f"{name} {value}" for name, value in properties.items())
        return event.replace("_", " ") + (f": {detail}" if detail else "")

    def _for_where(
        self, match: EventMatch, properties: Mapping[str, Any], facts: Facts, now: datetime
    ) -> dict[str, Any]:
        """Return properties that make a matcher's `where` true, from what it names itself."""
        where = match.where
        if where is None or is_true(where, {**facts, **event_facts(properties)}):
            return {}
        declared = self._publication.workspace.events.get(match.event, {})
        names = [
            name
            for name in (one.removeprefix("event.") for one in where.variables if one.startswith("event."))
            if name not in properties
        ]
        choices = [
            candidates(where, where.variables[f"event.{name}"], declared.get(name), now) for name in names
        ]
        for chosen in product(*choices):
            tried = dict(zip(names, chosen, strict=True))
            if is_true(where, {**facts, **event_facts({**properties, **tried})}):
                return {
                    name: value.isoformat() if isinstance(value, datetime) else value
                    for name, value in tried.items()
                }
        return {}
