"""What events and properties a workspace declares, compiled once per publication to quick checks."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from leadloop.language.plan import FieldSpec, Workspace
from leadloop.leads.consent import ALL_TOPICS
from leadloop.storage.publications import StoredPublication

IDENTIFY = "identify"
"""Says who somebody is: fields and permissions of a lead. Declared in every workspace."""

_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_UNCLEAN = re.compile("[\x00\ud800-\udfff]")
_TEXT_LIMIT = 4096
_LARGEST = 2**53
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

    def check(self, event_type: str, properties: Mapping[str, Any]) -> dict[str, Any]:
        """Return the properties as they are stored. Raises `InvalidItemError` for an undeclared event,
        name or value."""
        declared = self._events.get(event_type)
        if declared is None:
            raise InvalidItemError("type", f"no event `{_short(event_type)}` is declared")
        checked: dict[str, Any] = {}
        for name, value in properties.items():
            found = declared.get(name)
            if found is None:
                raise InvalidItemError(f"properties.{_short(name)}", f"`{event_type}` has no such property")
            if value is None:
                continue
            fits, spec = found
            everything = event_type == "unsubscribed" and value == ALL_TOPICS
            if not everything and not fits(value):
                raise InvalidItemError(f"properties.{name}", f"expected {_expected(spec)}")
            checked[name] = value
        if event_type == "form_submitted" and checked.get("form") not in self._forms:
            raise InvalidItemError("properties.form", "no such form is declared")
        if event_type == "deal_lost" and checked.get("reason") not in {None, *self._lost_reasons}:
            raise InvalidItemError("properties.reason", "no such lost reason is declared")
        return checked


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
    if not isinstance(value, str):
        return False
    if _MONTH.fullmatch(value):
        return True
    try:
        return _DAY.fullmatch(value) is not None and bool(date.fromisoformat(value))
    except ValueError:
        return False


def _is_instant(value: Any) -> bool:
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


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
