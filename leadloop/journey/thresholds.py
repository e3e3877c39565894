"""The numbers that published conditions and events compare scores with, and when decay passes them.

A condition that waits is looked at when the lead changes. Decay changes a lead without an event, so
the engine looks again at the instant a score passes a number that somebody compares it with. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import log2
from typing import Any

from pydantic import BaseModel

from leadloop.journey.points import HALF_POINT, shown, span_seconds
from leadloop.language.plan import EventMatch, Expression, ScoreModel, Segment, Transition, WhenMatch

SCORE_CROSSED = "score_crossed"

_NAME = r"lead\.score\.([A-Za-z_]\w*)"
_COMPARED = re.compile(rf"\b{_NAME}\s*(>=|<=|==|!=|>|<)\s*(-?\d+)")
_TURNED = re.compile(rf"(?<![\w.])(-?\d+)\s*(>=|<=|==|!=|>|<)\s*{_NAME}")
_MIRROR = {">=": "<=", "<=": ">=", ">": "<", "<": ">", "==": "==", "!=": "!="}
_EDGES = {">=": (0,), "<": (0,), ">": (1,), "<=": (1,), "==": (0, 1), "!=": (0, 1)}
"""An answer changes where the whole points pass the number, or the next one."""


@dataclass(frozen=True)
class Thresholds:
    """Model -> numbers. At `edges` some condition changes; `reported` ones become events as well."""

    edges: Mapping[str, frozenset[int]]
    reported: Mapping[str, frozenset[int]]


def read_thresholds(parts: object, models: Iterable[str]) -> Thresholds:
    """Collect the numbers from compiled shapes, however deep they are."""
    names = list(models)
    edges: dict[str, set[int]] = {}
    reported: dict[str, set[int]] = {}
    for shape in _shapes(parts):
        if isinstance(shape, EventMatch):
            for model, number in _named(shape, names):
                reported.setdefault(model, set()).add(number)
        elif shape.when is not None:
            for model, number in _compared(shape.when):
                edges.setdefault(model, set()).add(number)
    for model, numbers in reported.items():
        edges.setdefault(model, set()).update(numbers)
    return Thresholds(_frozen(edges), _frozen(reported))


def passes_at(spec: ScoreModel, score: float, edges: Iterable[int], now: datetime) -> datetime | None:
    """Return when decay alone takes a score past the nearest of the numbers, or None."""
    if spec.half_life is None or score == 0:
        return None
    limits = [edge - HALF_POINT for edge in edges]
    ahead = [limit for limit in limits if limit / score > 0 and abs(limit) <= abs(score)]
    if not ahead:
        return None
    nearest = max(ahead, key=abs)
    seconds = span_seconds(spec.half_life) * log2(score / nearest)
    return now + timedelta(seconds=seconds + 1)


def crossings(before: int, score: float, numbers: Iterable[int]) -> list[tuple[int, str]]:
    """Return the numbers that whole points passed, in the order of passing: (number, up or down)."""
    points = shown(score)
    up = [(number, "up") for number in sorted(numbers) if before < number <= points]
    down = [(number, "down") for number in sorted(numbers, reverse=True) if points < number <= before]
    return up + down


def _shapes(value: object) -> Iterator[EventMatch | WhenMatch | Segment | Transition]:
    if isinstance(value, EventMatch):
        if value.event == SCORE_CROSSED:
            yield value
        return
    if isinstance(value, WhenMatch | Segment | Transition):
        yield value
    children: Iterable[Any] = ()
    if isinstance(value, BaseModel):
        children = [getattr(value, name) for name in type(value).model_fields]
    elif isinstance(value, Mapping):
        children = value.values()
    elif isinstance(value, tuple | list):
        children = value
    for child in children:
        yield from _shapes(child)


def _named(match: EventMatch, models: list[str]) -> Iterator[tuple[str, int]]:
    wanted = {item.name: item.values for item in match.properties}
    for number in wanted.get("threshold", ()):
        if isinstance(number, int) and not isinstance(number, bool):
            for model in wanted.get("model", tuple(models)):
                yield str(model), number


def _compared(expression: Expression) -> Iterator[tuple[str, int]]:
    for model, sign, number in _COMPARED.findall(expression.source):
        yield from ((model, int(number) + edge) for edge in _EDGES[sign])
    for number, sign, model in _TURNED.findall(expression.source):
        yield from ((model, int(number) + edge) for edge in _EDGES[_MIRROR[sign]])


def _frozen(numbers: Mapping[str, set[int]]) -> dict[str, frozenset[int]]:
    return {model: frozenset(found) for model, found in numbers.items()}
