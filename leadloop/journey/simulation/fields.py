"""Fields of a made-up lead: who it is, and values that meet the conditions of a scenario."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

from leadloop.conditions import Facts, FactValue
from leadloop.journey.matching import is_true
from leadloop.language.plan import Expression, FieldSpec, Publication

WHO: Mapping[str, Any] = {"email": "taro.yamada@example.jp", "family_name": "山田", "given_name": "太郎"}
COMPANY: Mapping[str, Any] = {"id": "company-1", "name": "株式会社サンプル", "domain": "example.jp"}

_TEXT = re.compile(r'"([^"]*)"|\'([^\']*)\'')
_NUMBER = re.compile(r"\b\d+\b")
_MOST_UNKNOWN = 3
"""Unknown fields that are tried together for one condition."""
_SOME_TEXT = "（例）"
_MONTH = timedelta(days=30)
_LISTS = ("lead.tags",)
"""Lists that are known to be empty, and may be tried all the same."""


def likely_fields(
    publication: Publication, wishes: Iterable[Expression], now: datetime, base: Facts | None = None
) -> dict[str, FactValue]:
    """Return facts of a lead that meets as many of the wishes as it can, the first ones first.

    Values come from what the conditions themselves name: texts, numbers, an enum's values. `base` is
    what is known of the lead already and stays as it is, apart from an empty list of tags.
    """
    known = dict(base or {})
    fields: dict[str, FactValue] = {}
    for wish in wishes:
        if is_true(wish, known | fields):
            continue
        open_names = [
            (name, kind)
            for name, kind in wish.variables.items()
            if name.startswith("lead.")
            and name.count(".") == 1
            and name not in fields
            and (name not in known or (name in _LISTS and not known[name]))
        ][:_MOST_UNKNOWN]
        declared = publication.workspace.lead_fields
        values = [
            candidates(wish, kind, declared.get(name.removeprefix("lead.")), now) for name, kind in open_names
        ]
        for chosen in product(*values):
            tried = fields | dict(zip((name for name, _ in open_names), chosen, strict=True))
            if is_true(wish, known | tried):
                fields = tried
                break
    return fields


def example(spec: FieldSpec, at: datetime, zone: ZoneInfo) -> Any:
    """Return a value of a declared type as it is stored; a day or an instant is that of `at`."""
    if spec.type == "enum":
        return spec.values[0] if spec.values else None
    if spec.type == "int":
        return 100
    if spec.type == "bool":
        return True
    if spec.type == "date":
        return at.astimezone(zone).date().isoformat()
    return at.isoformat() if spec.type == "datetime" else _SOME_TEXT


def stored(value: FactValue, spec: FieldSpec | None, zone: ZoneInfo) -> Any:
    """Return a fact as fields are stored: a day or an instant is ISO 8601 text."""
    if not isinstance(value, datetime):
        return value
    if spec is not None and spec.type == "date":
        return value.astimezone(zone).date().isoformat()
    return value.isoformat()


def as_stored(value: Any) -> Any:
    """Return a value of a lead file as fields are stored."""
    return value.isoformat() if isinstance(value, date | datetime) else value


def candidates(wish: Expression, kind: str, spec: FieldSpec | None, now: datetime) -> list[FactValue]:
    """Return values that may make a condition true: those it names itself, and an enum's."""
    values = list(spec.values) if spec is not None else []
    texts = [one or other for one, other in _TEXT.findall(wish.source)]
    if kind == "bool":
        return [True, False]
    if kind == "int":
        numbers = [int(one) for one in _NUMBER.findall(wish.source)] or [100]
        return [near for one in numbers for near in (one, one + 1, max(0, one - 1))]
    if kind == "text":
        found = [*(one for one in texts if not values or one in values), *values]
        return list(found) if values else [*found, _SOME_TEXT]
    if kind == "texts":
        return [[one] for one in texts]
    return [now, now + _MONTH, now - _MONTH] if kind == "instant" else []
