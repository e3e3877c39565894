"""The Jinja2 environments that templates of a workspace run in.

Marketers write templates, leads fill in the values, and neither is trusted with the machine. Only
plain data gets in (str, int, float, bool, None, list, dict); attributes, filters and globals are
lists of what is allowed; arithmetic is bounded. Memory and time are bounded by the child process
that renders (`render_child`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any
from urllib.parse import quote

from jinja2 import StrictUndefined, Undefined, pass_context
from jinja2.exceptions import SecurityError
from jinja2.filters import FILTERS
from jinja2.runtime import Context, LoopContext, Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment

from leadloop.delivery.addressee import addressee

MAX_DEPTH = 20
MAX_TEXT = 100_000
_MAX_NUMBER = 10**15
_MAX_RANGE = 1_000
_STR_METHODS = frozenset(
    {"upper", "lower", "title", "capitalize", "strip", "lstrip", "rstrip", "startswith", "endswith", "split"}
)
_DICT_METHODS = frozenset({"items", "keys", "values", "get"})
_LOOP_ATTRIBUTES = frozenset(
    {"index", "index0", "revindex", "revindex0", "first", "last", "length", "previtem", "nextitem", "cycle"}
)
_PLAIN_FILTERS = (
    "abs", "capitalize", "count", "d", "default", "first", "float", "int", "join", "last", "length",
    "list", "lower", "max", "min", "replace", "reverse", "round", "sort", "sum", "title", "trim",
    "truncate", "unique", "upper", "wordcount",
)  # fmt: skip


class NotPlainDataError(TypeError):
    """A value in a context is neither text, number, bool, None, list nor dict."""


class EmptyValue(Undefined):
    """A declared field without a value: prints as nothing, and `default` replaces it.

    Comparisons with it are false, so that `{% if lead.employees > 100 %}` holds for nobody unknown.
    """

    def _false(self, other: object) -> bool:
        return False

    __lt__ = __le__ = __gt__ = __ge__ = _false  # type: ignore[assignment]


class Record(dict[str, Any]):
    """A dict that prints as its name, so that `{{ lead.company }}` is the company's name."""

    def __str__(self) -> str:
        return str(self.get("name", ""))


def plain(value: Any, *, name: str = "value", depth: int = 0) -> Any:
    """Return a copy of plain data in which every None is an `EmptyValue`.

    Raises `NotPlainDataError` for anything else, for keys that aren't text and for deep nesting.
    """
    if depth > MAX_DEPTH:
        raise NotPlainDataError("nested too deeply")
    if value is None:
        return EmptyValue(name=name)
    if type(value) in (str, int, float, bool):
        return value
    if type(value) is list:
        return [plain(item, name=name, depth=depth + 1) for item in value]
    if type(value) is dict:
        if any(type(key) is not str for key in value):
            raise NotPlainDataError("a key is not text")
        return Record((key, plain(item, name=key, depth=depth + 1)) for key, item in value.items())
    raise NotPlainDataError(f"a {type(value).__name__} is not plain data")


_WEEKDAYS_JA = "月火水木金土日"


class TemplateEnvironment(ImmutableSandboxedEnvironment):
    """A sandbox of allowed things only; everything else raises `SecurityError` or doesn't compile."""

    intercepted_binops = frozenset(["*", "**", "%", "+"])

    def __init__(self, *, autoescape: bool, finalize: Callable[[Any], Any] | None = None) -> None:
        super().__init__(undefined=StrictUndefined, autoescape=autoescape, finalize=finalize, cache_size=0)
        self.filters = {name: FILTERS[name] for name in _PLAIN_FILTERS}
        self.filters.update(
            {"addressee": _addressee, "date": _date, "datetime": _datetime, "urlquote": _urlquote}
        )
        self.globals = {"range": _range}

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        if attr.startswith("_"):
            return False
        if isinstance(obj, str):
            return attr in _STR_METHODS
        if isinstance(obj, dict):
            return attr in _DICT_METHODS
        if isinstance(obj, LoopContext):
            return attr in _LOOP_ATTRIBUTES
        return False

    def is_safe_callable(self, obj: Any) -> bool:
        return obj is _range or isinstance(obj, Macro | LoopContext) or _is_allowed_method(obj)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Look in a dict's own entries first: a lead field may be named `items`."""
        if isinstance(obj, dict) and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if operator == "+":
            return _checked_number(left + right) if _numbers(left, right) else left + right
        if not _numbers(left, right):
            raise SecurityError(f"{operator} is for numbers only")
        if operator == "**" and (abs(left) > 1_000 or abs(right) > 10):
            raise SecurityError("** with large numbers")
        return _checked_number(super().call_binop(context, operator, left, right))


def _is_allowed_method(obj: Any) -> bool:
    owner = getattr(obj, "__self__", None)
    name = getattr(obj, "__name__", "")
    return (isinstance(owner, str) and name in _STR_METHODS) or (
        isinstance(owner, dict) and name in _DICT_METHODS
    ) or (isinstance(owner, LoopContext) and name == "cycle")  # fmt: skip


def _numbers(left: Any, right: Any) -> bool:
    return isinstance(left, int | float) and isinstance(right, int | float)


def _checked_number(value: Any) -> Any:
    if isinstance(value, complex) or not math.isfinite(value) or abs(value) > _MAX_NUMBER:
        raise SecurityError("a number out of range")
    return value


def _range(*arguments: int) -> range:
    numbers = range(*arguments)
    if len(numbers) > _MAX_RANGE:
        raise SecurityError(f"a range has at most {_MAX_RANGE} numbers")
    return numbers


@pass_context
def _addressee(context: Context, lead: Any) -> str:
    """Filter: `{{ lead | addressee }}`, in the language of the mail."""
    return addressee(lead if isinstance(lead, Mapping) else {}, str(context.get("locale", "en")))


@pass_context
def _date(context: Context, value: Any) -> Any:
    """Filter: an ISO 8601 date or instant in the words of the mail's language; empty stays empty."""
    if isinstance(value, Undefined) or value == "":
        return value
    day: date = datetime.fromisoformat(str(value))
    if str(context.get("locale", "en")).startswith("ja"):
        return f"{day.year}年{day.month}月{day.day}日"
    return f"{day.day} {day:%B %Y}"


@pass_context
def _datetime(context: Context, value: Any) -> Any:
    """Filter: an ISO 8601 instant, in the zone it is written in, with weekday and time of day."""
    if isinstance(value, Undefined) or value == "":
        return value
    at = datetime.fromisoformat(str(value))
    if str(context.get("locale", "en")).startswith("ja"):
        return f"{at.year}年{at.month}月{at.day}日（{_WEEKDAYS_JA[at.weekday()]}）{at:%H:%M}"
    return f"{at:%A}, {at.day} {at:%B %Y}, {at:%H:%M}"


def _urlquote(value: Any) -> str:
    """Filter: text for one part of a web address (RFC 3986)."""
    return quote(str(value), safe="")
