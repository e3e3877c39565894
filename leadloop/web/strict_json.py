"""JSON from outside, read strictly (RFC 8259), and bodies checked against a model."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from leadloop.web.problems import ProblemError, field_error

MAX_DEPTH = 20
_Body = TypeVar("_Body", bound=BaseModel)


class JsonError(ValueError):
    """Text that is not JSON, or JSON that two readers could understand differently."""


def parse(body: bytes) -> Any:
    """Return the value of a JSON text.

    Raises `JsonError` for bytes that are not UTF-8, duplicate names, NaN and infinities, more than
    20 levels, NUL and lone surrogates in texts.
    """
    try:
        value = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_object,
            parse_constant=_constant,
            parse_float=_float,
        )
    except UnicodeDecodeError:
        raise JsonError("the body is not UTF-8") from None
    except RecursionError:
        raise JsonError("nested too deep") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise JsonError(f"the body is not JSON ({where})") from None
    except JsonError:
        raise
    except ValueError:  # an integer of thousands of digits
        raise JsonError("a number is too large") from None
    _check(value)
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
        raise ProblemError(400, str(error)) from None


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


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise JsonError("an object has two members of the same name")
    return found


def _constant(text: str) -> NoReturn:
    raise JsonError(f"{text} is not a JSON number")


def _float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise JsonError("a number is too large")
    return number


def _check(value: Any) -> None:
    level: list[Any] = [value]
    for _depth in range(MAX_DEPTH + 1):
        deeper: list[Any] = []
        for one in level:
            if isinstance(one, str):
                _check_text(one)
            elif isinstance(one, dict):
                for name, member in one.items():
                    _check_text(name)
                    deeper.append(member)
            elif isinstance(one, list):
                deeper.extend(one)
        if not deeper:
            return
        level = deeper
    raise JsonError(f"nested deeper than {MAX_DEPTH} levels")


def _check_text(text: str) -> None:
    if "\x00" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise JsonError("a text holds a character that cannot be stored (NUL or half a surrogate pair)")
