"""JSON from outside, read strictly (RFC 8259), and bodies checked against a model."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from leadloop.web.problems import ProblemError, field_error

MAX_DEPTH = 20
MAX_VALUES = 200_000
"""Values, about: a short text can ask for a lot of memory."""
_LONGEST_INTEGER = 30
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_MAYBE_UNSTORABLE = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
_Body = TypeVar("_Body", bound=BaseModel)


class JsonError(ValueError):
    """Text that is not JSON, or JSON that two readers could understand differently.

    `field` is where, as far as that can be told: `[3].properties.seconds`.
    """

    def __init__(self, text: str, field: str = "") -> None:
        super().__init__(f"{field}: {text}" if field else text)
        self.text = text
        self.field = field


class _Refused:
    """Stands in the value where the text had something that is refused."""

    def __init__(self, text: str, name: str | None = None) -> None:
        self.text = text
        self.name = name


def parse(body: bytes) -> Any:
    """Return the value of a JSON text.

    Raises `JsonError` for bytes that are not UTF-8, duplicate names, NaN and infinities, more than
    20 levels or about 200,000 values, NUL and lone surrogates in texts.
    """
    if body.count(b",") + body.count(b"[") + body.count(b"{") > MAX_VALUES:
        raise JsonError(f"more than {MAX_VALUES} values")
    try:
        value = _DECODER.decode(body.decode("utf-8"))
    except UnicodeDecodeError:
        raise JsonError("the body is not UTF-8") from None
    except RecursionError:
        raise JsonError(f"nested deeper than {MAX_DEPTH} levels") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise JsonError(f"the body is not JSON ({where})") from None
    if not _is_plain(value) or (_MAYBE_UNSTORABLE.search(body) and not _is_storable(value)):
        raise _first_problem(value)
    return value


async def json_body(request: Request) -> Any:
    """Return the request's JSON value, as a FastAPI dependency.

    The media type must say JSON: a foreign web page can then not send it without a preflight
    (Fetch standard, CORS-safelisted content types). Raises `ProblemError` 400 and 415.
    """
    media_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise ProblemError(415, "send the body as application/json")
    try:
        return parse(await request.body())
    except JsonError as error:
        raise json_problem(error) from None


def json_problem(error: JsonError) -> ProblemError:
    """Return what is told about a body that cannot be read."""
    errors = [field_error(error.field, error.text)] if error.field else []
    return ProblemError(400, str(error), errors)


def body_of(model: type[_Body]) -> Callable[[Request], Coroutine[Any, Any, _Body]]:
    """Return a FastAPI dependency that reads the body as `model`; an empty body means `{}`."""

    async def read(request: Request) -> _Body:
        value = await json_body(request) if await request.body() else {}
        try:
            return model.model_validate(value)
        except ValidationError as error:
            errors = [field_error(".".join(map(str, one["loc"])), one["msg"]) for one in error.errors()]
            raise ProblemError(422, "the body has wrong fields", errors) from None

    return read


def documented(model: type[BaseModel]) -> dict[str, Any]:
    """Return the `openapi_extra` of a route whose body is read by `body_of`."""
    return {"requestBody": {"content": {"application/json": {"schema": model.model_json_schema()}}}}


def _object(pairs: list[tuple[str, Any]]) -> Any:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    seen: set[str] = set()
    for name, _value in pairs:
        if name in seen:
            return _Refused("named twice in one object", name)
        seen.add(name)
    raise AssertionError("unreachable")


def _constant(text: str) -> Any:
    return _Refused(f"{text} is not a JSON number")


def _float(text: str) -> Any:
    number = float(text)
    return _Refused("the number is too large") if math.isinf(number) else number


def _int(text: str) -> Any:
    return int(text) if len(text) <= _LONGEST_INTEGER else _Refused("the number is too large")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_constant=_constant, parse_float=_float, parse_int=_int
)


def _is_plain(value: Any) -> bool:
    """Return whether nothing was refused and the value is not too deep. The quick look."""
    level: list[Any] = [value]
    for _depth in range(MAX_DEPTH + 1):
        deeper: list[Any] = []
        for one in level:
            kind = type(one)
            if kind is dict:
                deeper.extend(one.values())
            elif kind is list:
                deeper.extend(one)
            elif kind is _Refused:
                return False
        if not deeper:
            return True
        level = deeper
    return False


def _is_storable(value: Any) -> bool:
    if isinstance(value, str):
        return _UNSTORABLE.search(value) is None
    if isinstance(value, dict):
        return all(_is_storable(name) and _is_storable(member) for name, member in value.items())
    return all(map(_is_storable, value)) if isinstance(value, list) else True


def _first_problem(value: Any) -> JsonError:
    """Look again, slowly, for the first thing that is refused and its place."""
    level: list[tuple[str, Any]] = [("", value)]
    for _depth in range(MAX_DEPTH + 1):
        deeper: list[tuple[str, Any]] = []
        for path, one in level:
            if isinstance(one, _Refused):
                return JsonError(one.text, path if one.name is None else _below(path, one.name))
            if isinstance(one, str) and _UNSTORABLE.search(one):
                return JsonError(_CANNOT_BE_STORED, path)
            if isinstance(one, dict):
                for name, member in one.items():
                    if _UNSTORABLE.search(name):
                        return JsonError(f"a name {_CANNOT_BE_STORED}", path)
                    deeper.append((_below(path, name), member))
            elif isinstance(one, list):
                deeper.extend((f"{path}[{place}]", member) for place, member in enumerate(one))
        level = deeper
    return JsonError(f"nested deeper than {MAX_DEPTH} levels", level[0][0][:200] if level else "")


_CANNOT_BE_STORED = "holds a character that cannot be stored (NUL or half a surrogate pair)"


def _below(path: str, name: str) -> str:
    shown = _UNSTORABLE.sub("?", name[:60])
    return f"{path}.{shown}" if path else shown
