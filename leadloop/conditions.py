"""CEL conditions: compile with types and positions, evaluate with unknown values.

The only module that knows the CEL library (https://cel.dev). Facts are flat dotted variables
(`lead.employees`); an unknown fact stays unbound, so that any comparison with it is neither true
nor false, `&&` and `||` absorb it, and `known(x)` asks: the three-valued logic of SQL.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Protocol
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


_TYPES: dict[FactType, Any] = {
    "int": cel.Type.INT,
    "bool": cel.Type.BOOL,
    "text": cel.Type.STRING,
    "texts": cel.Type.List(cel.Type.STRING),
    "instant": cel.Type.TIMESTAMP,
}
_STRING = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'')
_KNOWN = re.compile(r"\bknown\(([A-Za-z_][\w]*(?:\.[A-Za-z_][\w]*)*)\)")
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


def compile_expression(source: str, declared: Mapping[str, FactType]) -> Expression:
    """Check a condition against the declared facts and return it with those it uses.

    Raises `ConditionError` for a syntax error, an undeclared name, a wrong type, or a result
    that is not a bool.
    """
    used = {name: declared[name] for name in facts_named(source, declared)}
    _program(source, tuple(sorted(declared.items())))
    return Expression(source=source, variables=used)


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


def evaluate(expression: Expression, facts: Facts) -> Verdict:
    """Evaluate a compiled condition. Raises `EvaluationError` (division by zero, budget)."""
    names = expression.variables
    bound: dict[str, FactValue] = {name: facts[name] for name in names if name in facts}
    seen: dict[str, FactValue | None] = {name: facts.get(name) for name in names}
    bound.update({f"known.{name}": name in facts for name in names})
    result = _program(expression.source, tuple(sorted(names.items()))).eval(data=bound)
    if result.type() == cel.Type.BOOL:
        return Verdict(bool(result.plain_value()), seen)
    reason = str(result.plain_value())
    if _UNKNOWN in reason:
        return Verdict(None, seen)
    raise EvaluationError(f"{expression.source}: {reason}")


@lru_cache(maxsize=4096)
def _program(source: str, declared: tuple[tuple[str, FactType], ...]) -> Any:
    program_text = _rewrite_known(source, dict(declared))
    try:
        program = _environment(declared).compile(program_text)
    except RuntimeError as error:
        raise _condition_error(str(error)) from None
    if program.return_type() != cel.Type.BOOL:
        raise ConditionError(
            f"a condition must be true or false; this is {program.return_type().name().lower()}"
        )
    return program


@lru_cache(maxsize=256)
def _environment(declared: tuple[tuple[str, FactType], ...]) -> Any:
    variables: dict[str, Any] = {name: _TYPES[kind] for name, kind in declared}
    variables.update({f"known.{name}": cel.Type.BOOL for name, _ in declared})
    return cel.NewEnv(variables=variables)


def _rewrite_known(source: str, declared: Mapping[str, FactType]) -> str:
    """Turn `known(x)` into the hidden fact `known.x`, of the same length so that columns hold."""
    kept: list[tuple[int, int]] = [found.span() for found in _STRING.finditer(source)]

    def replace(found: re.Match[str]) -> str:
        if any(start <= found.start() < end for start, end in kept):
            return found[0]
        if found[1] not in declared:
            raise ConditionError(f"unknown name `{found[1]}`", found.start(1) + 1)
        return f"known.{found[1]} "

    return _KNOWN.sub(replace, source)


def _condition_error(text: str) -> ConditionError:
    found = _POSITION.search(text)
    if found is None:
        return ConditionError(text.splitlines()[0])
    message = found[3].replace(" (in container '')", "").removesuffix(" [INVALID_ARGUMENT]")
    return ConditionError(message, int(found[2]))
