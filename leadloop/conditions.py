"""CEL conditions: compile with types and positions, evaluate with unknown values.

The only module that knows the CEL library (https://cel.dev). Facts are flat dotted variables
(`lead.employees`); an unknown fact stays unbound, so that any comparison with it is neither true
nor false, `&&` and `||` absorb it, and `known(x)` asks: the three-valued logic of SQL.

`known(x)`, `days_since(x)`, `days_until(x)` and `open("calendar")` are not CEL: each call becomes a
hidden variable of the same length, so that positions hold, and `evaluate` works out its value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Protocol, cast
from zoneinfo import ZoneInfo

from cel_expr_python import cel

from leadloop.language.plan import Did, Expression, FactType

FactValue = int | bool | str | list[str] | datetime
Facts = Mapping[str, FactValue]

SURROUNDINGS = "surroundings"


class Surroundings(Protocol):
    """What a condition may ask beyond facts: the past, the lead's calendar day, opening hours.

    It travels among the facts under `SURROUNDINGS`, so that a mapping of facts is all that a caller
    hands on. Only conditions that ask for it need it.
    """

    zone: ZoneInfo

    def did(self, question: Did) -> bool:
        """Return whether the lead did it, counted as the question says."""

    def is_open(self, calendar: str) -> bool:
        """Return whether a calendar is open now."""


def with_surroundings(facts: Facts, surroundings: Surroundings) -> dict[str, FactValue]:
    """Return the facts with what conditions may ask beyond them."""
    return {**facts, SURROUNDINGS: cast(FactValue, surroundings)}


_TYPES: dict[FactType, Any] = {
    "int": cel.Type.INT,
    "bool": cel.Type.BOOL,
    "text": cel.Type.STRING,
    "texts": cel.Type.List(cel.Type.STRING),
    "instant": cel.Type.TIMESTAMP,
}
_STRING = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'')
_CALL = re.compile(
    r"(?<![\w.])(?:(?P<name>known|days_since|days_until)\(\s*(?P<fact>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)\s*\)"
    r"|open\(\s*(?P<quote>[\"'])(?P<calendar>[^\"'\\]+)(?P=quote)\s*\))"
)
_PATH = re.compile(r"(?<![\w.\"'])[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")
_UNKNOWN = "No value with name"
_POSITION = re.compile(r"<input>:(\d+):(\d+): (.*)")


class ConditionError(Exception):
    """A condition that does not compile. `column` counts from 1 inside the expression."""

    def __init__(self, message: str, column: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.column = column


class EvaluationError(Exception):
    """A condition that failed while running, for a reason other than an unknown value."""


@dataclass(frozen=True)
class Verdict:
    """Result of one evaluation: true, false, or None where it hangs on an unknown value."""

    truth: bool | None
    seen: dict[str, FactValue | None]
    """Every fact the condition names, with the value it had; None is unknown."""


@dataclass(frozen=True)
class _Call:
    """A call that is not CEL: `function` of a fact or a calendar, as the variable `hidden`."""

    hidden: str
    function: str
    argument: str


def compile_expression(
    source: str, declared: Mapping[str, FactType], did: Mapping[str, Did] | None = None
) -> Expression:
    """Check a condition against the declared facts and return it with those it uses.

    `did` has the questions about the past that the text names, as `did.…`. Raises `ConditionError`
    for a syntax error, an undeclared name, a wrong type, or a result that is not a bool.
    """
    questions: dict[str, FactType] = dict.fromkeys(did or {}, "bool")
    every = {**declared, **questions}
    used = {name: every[name] for name in facts_named(source, every)}
    _program(source, tuple(sorted(every.items())))
    return Expression(source=source, variables=used, did=dict(did or {}))


def facts_named(source: str, declared: Mapping[str, FactType]) -> list[str]:
    """Return the declared facts that the text names, outside string literals."""
    bare = _STRING.sub(lambda found: '"' + " " * (len(found[0]) - 2) + '"', source)
    names: dict[str, None] = {}
    for found in _PATH.finditer(bare):
        parts = found[0].split(".")
        for size in range(len(parts), 0, -1):  # `lead.tags.exists(...)` names `lead.tags`
            name = ".".join(parts[:size])
            if name in declared:
                names[name] = None
                break
    return list(names)


def calendars_named(source: str) -> list[tuple[str, int]]:
    """Return (calendar, position) of each `open("calendar")` in a condition, positions from 0."""
    texts = [found.span() for found in _STRING.finditer(source)]
    return [
        (found["calendar"], found.start("calendar"))
        for found in _CALL.finditer(source)
        if found["calendar"] and not _inside(texts, found.start())
    ]


def evaluate(expression: Expression, facts: Facts) -> Verdict:
    """Evaluate a compiled condition.

    Raises `EvaluationError`: division by zero, a budget, or a question about the past, a day or a
    calendar where the facts carry no surroundings.
    """
    names = expression.variables
    bound: dict[str, FactValue] = {name: facts[name] for name in names if name in facts}
    surroundings = cast("Surroundings | None", facts.get(SURROUNDINGS))
    for name, question in expression.did.items():
        bound[name] = _needed(surroundings, expression).did(question)
    seen: dict[str, FactValue | None] = {name: bound.get(name) for name in names}
    program, calls = _program(expression.source, tuple(sorted(names.items())))
    for call in calls:
        if call.function == "known":
            bound[call.hidden] = call.argument in bound
        elif call.function == "open":
            bound[call.hidden] = _needed(surroundings, expression).is_open(call.argument)
        elif call.argument in bound:
            zone = _needed(surroundings, expression).zone
            days = _days_since(bound[call.argument], facts.get("now"), zone, expression)
            bound[call.hidden] = days if call.function == "days_since" else -days
    result = program.eval(data=bound)
    if result.type() == cel.Type.BOOL:
        return Verdict(bool(result.plain_value()), seen)
    reason = str(result.plain_value())
    if _UNKNOWN in reason:
        return Verdict(None, seen)
    # What stands behind the second colon may be a value of the lead.
    raise EvaluationError(f"{expression.source}: {':'.join(reason.split(':')[:2]).strip()}")


def _needed(surroundings: Surroundings | None, expression: Expression) -> Surroundings:
    if surroundings is None:
        raise EvaluationError(f"{expression.source}: the past, days and calendars cannot be asked here")
    return surroundings


def _days_since(value: object, now: object, zone: ZoneInfo, expression: Expression) -> int:
    """Return whole calendar days in the lead's zone from an instant to now, negative before it."""
    if not isinstance(value, datetime) or not isinstance(now, datetime):
        raise EvaluationError(f"{expression.source}: days need `now` and an instant")
    return (now.astimezone(zone).date() - value.astimezone(zone).date()).days


@lru_cache(maxsize=4096)
def _program(source: str, declared: tuple[tuple[str, FactType], ...]) -> tuple[Any, tuple[_Call, ...]]:
    """Return the compiled program and the calls whose values it needs."""
    program_text, calls = _rewritten(source, dict(declared))
    calendars = len({call.hidden for call in calls if call.function == "open"})
    try:
        program = _environment(declared, calendars).compile(program_text)
    except RuntimeError as error:
        raise _condition_error(str(error), program_text) from None
    if program.return_type() != cel.Type.BOOL:
        raise ConditionError(
            f"a condition must be true or false; this is {program.return_type().name().lower()}"
        )
    return program, calls


@lru_cache(maxsize=256)
def _environment(declared: tuple[tuple[str, FactType], ...], calendars: int) -> Any:
    variables: dict[str, Any] = {name: _TYPES[kind] for name, kind in declared}
    variables.update({f"known.{name}": cel.Type.BOOL for name, _ in declared})
    for function in ("days_since", "days_until"):
        variables.update({f"{function}.{name}": cel.Type.INT for name, kind in declared if kind == "instant"})
    variables.update({f"open.c{at}": cel.Type.BOOL for at in range(calendars)})
    return cel.NewEnv(variables=variables)


def _rewritten(source: str, declared: Mapping[str, FactType]) -> tuple[str, tuple[_Call, ...]]:
    """Turn each call into its hidden variable, of the same length so that columns hold."""
    texts = [found.span() for found in _STRING.finditer(source)]
    calls: dict[str, _Call] = {}
    calendars: dict[str, str] = {}

    def replace(found: re.Match[str]) -> str:
        if _inside(texts, found.start()):
            return found[0]
        if found["calendar"]:
            # Numbered, because a calendar's name need not be a name in CEL.
            hidden = calendars.setdefault(found["calendar"], f"open.c{len(calendars)}")
            calls[hidden] = _Call(hidden, "open", found["calendar"])
        else:
            fact, function = found["fact"], found["name"]
            if fact not in declared:
                raise ConditionError(f"unknown name `{fact}`", found.start("fact") + 1)
            if function != "known" and declared[fact] != "instant":
                raise ConditionError(
                    f"`{function}` takes a date or a moment; `{fact}` is {_WORDS[declared[fact]]}",
                    found.start("fact") + 1,
                )
            hidden = f"{function}.{fact}"
            calls[hidden] = _Call(hidden, function, fact)
        return hidden.ljust(len(found[0]))

    return _CALL.sub(replace, source), tuple(calls.values())


_WORDS: dict[FactType, str] = {
    "int": "a number",
    "bool": "true or false",
    "text": "a text",
    "texts": "a list of texts",
    "instant": "a moment",
}


def _inside(texts: list[tuple[int, int]], at: int) -> bool:
    return any(start <= at < end for start, end in texts)


def _condition_error(text: str, source: str) -> ConditionError:
    found = _POSITION.search(text)
    if found is None:
        return ConditionError(text.splitlines()[0])
    message = found[3].replace(" (in container '')", "").removesuffix(" [INVALID_ARGUMENT]")
    before = source.split("\n")[: int(found[1]) - 1]
    return ConditionError(message, sum(len(line) + 1 for line in before) + int(found[2]))
