"""What events and properties a workspace declares, compiled once per publication to quick checks."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from leadloop.language.plan import FieldSpec, Workspace
from leadloop.leads.consent import ALL_TOPICS
from leadloop.leads.record_values import nearest_name
from leadloop.leads.values import instant_of, is_day_or_month
from leadloop.storage.publications import StoredPublication

IDENTIFY = "identify"
"""Says who somebody is: fields and permissions of a lead. Declared in every workspace."""

_UNCLEAN = re.compile("[\x00\ud800-\udfff]")
_TEXT_LIMIT = 4096
_LARGEST = 2**53
_MOST_HINTS = 200
_Check = Callable[[Any], bool]


class InvalidItemError(Exception):
    """An item that is refused: its field, and what is wrong with it."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(problem)
        self.field = field
        self.problem = problem


class EventRules:
    """The declared events of one workspace."""

    def __init__(self, workspace: Workspace) -> None:
        declared: dict[str, dict[str, FieldSpec]] = {IDENTIFY: {}, **workspace.events}
        self._events: dict[str, dict[str, tuple[_Check, FieldSpec]]] = {
            name: {key: (_check_of(spec), spec) for key, spec in properties.items()}
            for name, properties in declared.items()
        }
        self._forms = frozenset(workspace.forms)
        self._lost_reasons = frozenset(workspace.lost_reasons)
        self._hints: dict[tuple[str, frozenset[str]], str] = {}

    def check(self, event_type: str, properties: Mapping[str, Any]) -> dict[str, Any]:
        """Return the properties as they are stored. Raises `InvalidItemError` for an undeclared event,
        name or value."""
        declared = self._events.get(event_type)
        if declared is None:
            name = _short(event_type)
            raise InvalidItemError("type", f"no event `{name}` is declared{self._hint(name, self._events)}")
        checked: dict[str, Any] = {}
        for name, value in properties.items():
            found = declared.get(name)
            if found is None:
                name = _short(name)
                hint = self._hint(name, declared)
                raise InvalidItemError(f"properties.{name}", f"`{event_type}` has no such property{hint}")
            if value is None:
                continue
            fits, spec = found
            everything = event_type == "unsubscribed" and value == ALL_TOPICS
            if not everything and not fits(value):
                raise InvalidItemError(f"properties.{name}", f"expected {_expected(spec)}")
            checked[name] = value
        if event_type == "form_submitted" and checked.get("form") not in self._forms:
            raise InvalidItemError("properties.form", f"expected one of {', '.join(sorted(self._forms))}")
        if event_type == "deal_lost" and checked.get("reason") not in {None, *self._lost_reasons}:
            known = ", ".join(sorted(self._lost_reasons))
            raise InvalidItemError("properties.reason", f"no such lost reason is declared; known: {known}")
        return checked

    def _hint(self, name: str, known: Mapping[str, Any]) -> str:
        """Return what was probably meant. Finding it takes time, in a transaction: not for endless names."""
        key = (name, frozenset(known))
        if key not in self._hints and len(self._hints) < _MOST_HINTS:
            self._hints[key] = f"; {nearest_name(name, known)}"
        return self._hints.get(key, "")


_KEPT: dict[str, EventRules] = {}
_MOST_KEPT = 8


def rules_of(stored: StoredPublication) -> EventRules:
    """Return the rules of a publication, compiled once per process."""
    found = _KEPT.get(stored.id)
    if found is None:
        found = EventRules(stored.publication.workspace)
        if len(_KEPT) >= _MOST_KEPT:
            _KEPT.clear()
        _KEPT[stored.id] = found
    return found


def _check_of(spec: FieldSpec) -> _Check:
    if spec.type == "enum":
        values = frozenset(spec.values)
        return lambda value: isinstance(value, str) and value in values
    return _CHECKS.get(spec.type, lambda value: False)


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < _LARGEST


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool)


def _is_date(value: Any) -> bool:
    return isinstance(value, str) and is_day_or_month(value)


def _is_instant(value: Any) -> bool:
    return isinstance(value, str) and instant_of(value) is not None


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= _TEXT_LIMIT and _UNCLEAN.search(value) is None


_CHECKS: Mapping[str, _Check] = {
    "int": _is_int,
    "bool": _is_bool,
    "date": _is_date,
    "datetime": _is_instant,
    "text": _is_text,
}


def _expected(spec: FieldSpec) -> str:
    if spec.type == "enum":
        return "one of " + ", ".join(spec.values)
    return {"date": "a date such as 2027-04-05 or 2027-04", "datetime": "a time with a zone"}.get(
        spec.type, f"a value of type {spec.type}, not too long"
    )


def _short(text: str) -> str:
    return text[:60]
