"""Errors as problem details (RFC 9457), for every path that is not a page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from sqlalchemy.exc import DatabaseError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException

from leadloop.inbox.ingestion.backlog import BusyError
from leadloop.inbox.operations.log import OperationError
from leadloop.sales.commands import SalesError
from leadloop.storage.database import DatabaseAwayError, StorageError
from leadloop.storage.publications import NotPublishedError

MEDIA_TYPE = "application/problem+json"
API_PATH = "/v1/"
RETRY_AFTER_SECONDS = 5
"""What a client is asked to wait for when the database cannot take its request now."""
_AWAY = "the database cannot take this now; nothing was recorded, so send it again"
_log = structlog.get_logger()
_OPERATION_STATUS = {"not_found": 404, "invalid": 422}
_SALES_STATUS = {"not_found": 404, "invalid": 422, "not_applied": 500}


class ProblemError(Exception):
    """A refusal that becomes a problem document. `errors` are `{field, problem}`.

    `retry_after`, in seconds, says that the same request may succeed later.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        errors: Sequence[dict[str, str]] = (),
        *,
        retry_after: int | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(detail)
        self.retry_after = retry_after
        self.status = status
        self.detail = detail
        self.errors = list(errors)
        self.extra = extra


def problem(status: int, detail: str, errors: Sequence[dict[str, str]] = (), **extra: Any) -> JSONResponse:
    """Return a problem document (RFC 9457) as a response."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    if errors:
        body["errors"] = list(errors)
    return JSONResponse(body | extra, status, media_type=MEDIA_TYPE)


def field_error(field: str | None, text: str) -> dict[str, str]:
    """Return one entry of `errors`."""
    return {"field": field or "", "problem": text}


HtmlError = Callable[[Request, int, str], Response]


def install(app: FastAPI, html_error: HtmlError) -> None:
    """Make every error of the app a problem document, or a page where a browser asked for one."""

    def answer(
        request: Request, status: int, detail: str, errors: Sequence[dict[str, str]] = (), **extra: Any
    ) -> Response:
        if client_wants_html(request):
            words = [detail, *(f"{one['field']}: {one['problem']}" for one in errors)]
            return html_error(request, status, "\n".join(words))
        return problem(status, detail, errors, **extra)

    def on_problem(request: Request, error: Exception) -> Response:
        assert isinstance(error, ProblemError)
        response = answer(request, error.status, error.detail, error.errors, **error.extra)
        if error.retry_after is not None:
            response.headers["Retry-After"] = str(error.retry_after)
        return response

    def on_busy(request: Request, error: Exception) -> Response:
        """Too much is being reported: 429, with a time to come back (RFC 6585, 4)."""
        assert isinstance(error, BusyError)
        if "text/html" in request.headers.get("accept", ""):  # a form that a browser sent
            response = html_error(request, 429, "There is too much to do just now. Please send it again.")
        else:
            response = problem(429, str(error))
        response.headers["Retry-After"] = str(error.retry_after)
        return response

    def on_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        response = answer(request, error.status_code, str(error.detail))
        for name, value in (error.headers or {}).items():
            response.headers[name] = value
        return response

    def on_validation(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        errors = [field_error(_path(one["loc"][1:]), one["msg"]) for one in error.errors()]
        return answer(request, 422, "the request has wrong parameters", errors)

    def on_sales(request: Request, error: Exception) -> Response:
        assert isinstance(error, SalesError)
        errors = [field_error(error.field, error.message)] if error.field else []
        return answer(request, _SALES_STATUS[error.code], error.message, errors)

    def on_operation(request: Request, error: Exception) -> Response:
        assert isinstance(error, OperationError)
        errors = [field_error(error.field, error.message)] if error.field else []
        return answer(request, _OPERATION_STATUS[error.code], error.message, errors)

    def on_unpublished(request: Request, error: Exception) -> Response:
        return answer(request, 503, str(error))

    def on_database(request: Request, error: Exception) -> Response:
        """Full, locked, unreachable, or damaged: 503, with a time to come back (RFC 9110, 10.2.3)."""
        if isinstance(error, SQLAlchemyError) and not _is_away(error):
            raise error
        refusal = away(error)
        if not client_wants_html(request):
            return refusal
        try:
            page = html_error(request, refusal.status_code, _AWAY)
        except (SQLAlchemyError, StorageError):  # the frame of a page needs the database
            return refusal
        page.headers["retry-after"] = refusal.headers["retry-after"]
        return page

    app.add_exception_handler(SQLAlchemyError, on_database)
    app.add_exception_handler(DatabaseAwayError, on_database)
    app.add_exception_handler(ProblemError, on_problem)
    app.add_exception_handler(BusyError, on_busy)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(RequestValidationError, on_validation)
    app.add_exception_handler(SalesError, on_sales)
    app.add_exception_handler(OperationError, on_operation)
    app.add_exception_handler(NotPublishedError, on_unpublished)


def away(error: Exception) -> JSONResponse:
    """Return 503 for a database that did not answer, and log its code."""
    _log.error("database_away", error=type(error).__name__, code=database_code(error))
    response = problem(503, _AWAY)
    response.headers["retry-after"] = str(RETRY_AFTER_SECONDS)
    return response


def _is_away(error: SQLAlchemyError) -> bool:
    """Return whether the database failed, rather than what was asked of it."""
    if isinstance(error, OperationalError | InterfaceError | PoolTimeoutError):
        return True
    return type(error) is DatabaseError  # a damaged file


def database_code(error: BaseException) -> str | None:
    """Return the driver's code (`SQLITE_FULL`, `40P01`), which holds no value of a row."""
    original = getattr(error, "orig", None)
    return getattr(original, "sqlite_errorname", None) or getattr(original, "sqlstate", None)


def client_wants_html(request: Request) -> bool:
    """Return True for a browser's navigation, False for a program."""
    return "text/html" in request.headers.get("accept", "") and not request.url.path.startswith(API_PATH)


def _path(parts: Sequence[object]) -> str:
    return ".".join(str(part) for part in parts)
