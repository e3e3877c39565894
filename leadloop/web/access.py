"""Who may ask for what: the table of routes and scopes, and the middleware that keeps it.

Until the first API key is made, a server that listens on loopback serves everybody on this machine.
From the first key on, every path under `/v1` asks for one, also after all keys were revoked. Pages
stay open to a person on the same machine; from elsewhere they ask for a key as a password (HTTP
Basic, RFC 7617).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from ipaddress import ip_address

import structlog
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.routing import compile_path
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as Connection

from leadloop.storage.database import DatabaseAwayError
from leadloop.web.api_keys import LOCAL, Caller, KeyRing, Scope
from leadloop.web.problems import API_PATH, away, problem
from leadloop.web.throttle import Throttle

CALLER = "leadloop.caller"
"""Where the caller stands in an ASGI scope, for routes that record who did something."""
SIGNED = "leadloop.signed"
"""Set where the route itself must verify a signature before it does anything."""
EVENTS_PATH = "/v1/events"

Route = tuple[str, str]
"""Method and path, as the route is declared."""

ROUTE_SCOPES: Mapping[Route, Scope | None] = {
    ("POST", EVENTS_PATH): Scope.INGEST,
    ("POST", "/v1/forms/{form}"): None,
    ("PUT", "/v1/records/{kind}/{key}"): Scope.INGEST,
    ("GET", "/v1/records/{kind}/{key}"): Scope.READ,
    ("GET", "/v1/records/{kind}"): Scope.READ,
    ("PUT", "/v1/companies/{key}"): Scope.SALES,
    ("GET", "/v1/companies/{key}"): Scope.READ,
    ("GET", "/v1/leads"): Scope.READ,
    ("GET", "/v1/leads/{lead_id}"): Scope.READ,
    ("DELETE", "/v1/leads/{lead_id}"): Scope.ADMIN,
    ("POST", "/v1/leads/{lead_id}/merge"): Scope.ADMIN,
    ("GET", "/v1/leads/{lead_id}/timeline"): Scope.READ,
    ("GET", "/v1/scenarios"): Scope.READ,
    ("POST", "/v1/scenarios/{name}/enrolments"): Scope.ADMIN,
    ("POST", "/v1/scenarios/{name}/pause"): Scope.ADMIN,
    ("POST", "/v1/scenarios/{name}/resume"): Scope.ADMIN,
    ("POST", "/v1/scenarios/{name}/migrations"): Scope.ADMIN,
    ("GET", "/v1/scenarios/{name}/migrations"): Scope.READ,
    ("GET", "/v1/journeys"): Scope.READ,
    ("GET", "/v1/journeys/{journey_id}"): Scope.READ,
    ("POST", "/v1/journeys/{journey_id}/pause"): Scope.ADMIN,
    ("POST", "/v1/journeys/{journey_id}/resume"): Scope.ADMIN,
    ("POST", "/v1/journeys/{journey_id}/cancel"): Scope.ADMIN,
    ("POST", "/v1/journeys/{journey_id}/retry"): Scope.ADMIN,
    ("GET", "/v1/status"): Scope.READ,
    ("GET", "/v1/sending"): Scope.READ,
    ("POST", "/v1/sending/stop"): Scope.ADMIN,
    ("POST", "/v1/sending/start"): Scope.ADMIN,
    ("GET", "/v1/operations"): Scope.READ,
    ("GET", "/v1/offers"): Scope.READ,
    ("GET", "/v1/offers/{offer_id}"): Scope.READ,
    ("POST", "/v1/offers/{offer_id}/accept"): Scope.SALES,
    ("POST", "/v1/offers/{offer_id}/reject"): Scope.SALES,
    ("POST", "/v1/offers/{offer_id}/working"): Scope.SALES,
    ("GET", "/v1/deals"): Scope.READ,
    ("POST", "/v1/deals"): Scope.SALES,
    ("GET", "/v1/deals/{deal_id}"): Scope.READ,
    ("POST", "/v1/deals/{deal_id}/won"): Scope.SALES,
    ("POST", "/v1/deals/{deal_id}/lost"): Scope.SALES,
    ("GET", "/v1/tasks"): Scope.READ,
    ("POST", "/v1/tasks/{task_id}/done"): Scope.SALES,
}
"""What each route of the API asks for; None is open to all. One that is not here asks for `admin`."""

OPEN_PATHS = ("/t/", "/u/", "/static/", "/healthz")
"""Beginnings of paths that mail programs, browsers of recipients and probes call."""

_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
_log = structlog.get_logger()


class Access:
    """ASGI middleware: finds the caller, and refuses whoever may not.

    `loopback` says that the server listens on addresses of this machine only. `wrong` bounds how often an
    address may be wrong.
    """

    def __init__(self, app: ASGIApp, keys: KeyRing, *, loopback: bool, wrong: Throttle) -> None:
        self._app = app
        self._keys = keys
        self._loopback = loopback
        self._wrong = wrong
        self._exact = {route: route for route in ROUTE_SCOPES if "{" not in route[1]}
        self._patterns = [(route, compile_path(route[1])[0]) for route in ROUTE_SCOPES if "{" in route[1]]

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            try:
                refusal = await self._decide(scope)
            except (SQLAlchemyError, DatabaseAwayError) as error:  # the keys could never be read
                refusal = away(error)
            if refusal is not None:
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _decide(self, scope: Connection) -> Response | None:
        """Note the caller on the connection; return the answer to one who may not."""
        path, method = str(scope["path"]), "GET" if scope["method"] == "HEAD" else str(scope["method"])
        if path.startswith(OPEN_PATHS):
            return None
        route = self._route(method, path)
        if route is not None and ROUTE_SCOPES[route] is None:
            return None
        if self._keys.is_stale():
            await run_in_threadpool(self._keys.read)
        headers = Headers(scope=scope)
        is_page = not path.startswith(API_PATH)
        offered = _offered(headers, basic=is_page)
        if offered is None:
            if self._is_person_here(scope, headers) and (is_page or not self._keys.any_made):
                scope[CALLER] = LOCAL
                return None
            if route == ("POST", EVENTS_PATH) and "webhook-signature" in headers:
                scope[SIGNED] = True
                return None
            return self._unknown(scope, route, None, is_page, "send an API key")
        caller = await self._caller(offered)
        if caller is None:
            return self._unknown(scope, route, offered, is_page, "this API key is not good")
        scope[CALLER] = caller
        needed = _needed(route, method, path)
        if needed is not None and not caller.may(needed):
            _log.warning("request_refused", status=403, route=_name(route), key=caller.id)
            return problem(403, f"this API key may not do that: it needs the scope {needed}")
        return None

    def _route(self, method: str, path: str) -> Route | None:
        exact = self._exact.get((method, path))
        if exact is not None:
            return exact
        for route, pattern in self._patterns:
            if route[0] == method and pattern.match(path):
                return route
        return None

    async def _caller(self, offered: str) -> Caller | None:
        caller = self._keys.bearer(offered)
        if caller is None and self._keys.is_stale(look_again=True):
            await run_in_threadpool(self._keys.read)
            caller = self._keys.bearer(offered)
        return caller

    def _is_person_here(self, scope: Connection, headers: Headers) -> bool:
        """Return whether the request comes from this machine, and not through a proxy on it."""
        if not self._loopback or any(name in headers for name in _FORWARDED):
            return False
        return _host_is_here(headers.get("host", "")) and _is_loopback((scope.get("client") or ("",))[0])

    def _unknown(
        self, scope: Connection, route: Route | None, offered: str | None, is_page: bool, text: str
    ) -> Response:
        client = (scope.get("client") or ("",))[0]
        owner = self._keys.owner_of_prefix(offered) if offered else None
        if offered is not None and not self._wrong.take(client):
            refusal: Response = problem(429, "too many wrong keys; wait a second")
            refusal.headers["Retry-After"] = "1"
            return refusal
        _log.warning("request_refused", status=401, route=_name(route), key=owner.id if owner else None)
        if is_page:
            refusal = PlainTextResponse("Sign in with an API key as the password.\n", 401)
            refusal.headers["WWW-Authenticate"] = 'Basic realm="leadloop", charset="UTF-8"'
        else:
            refusal = problem(401, f"{text}: `Authorization: Bearer llk_…`, never in the address")
            refusal.headers["WWW-Authenticate"] = "Bearer"
        return refusal


def _offered(headers: Headers, *, basic: bool) -> str | None:
    """Return the key that a request carries, or None. Never looks into the address."""
    kind, _, value = headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return value.strip()
    if kind.lower() == "basic" and basic:
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return "" if kind else None


def _needed(route: Route | None, method: str, path: str) -> Scope | None:
    """Return the scope a request asks for.

    Pages are not in the table: what changes something outside those for sales is an operator's.
    """
    if route is not None:
        return ROUTE_SCOPES[route]
    if path.startswith(API_PATH):
        return Scope.ADMIN
    if method == "GET":
        return Scope.READ
    return Scope.SALES if path.startswith("/sales/") else Scope.ADMIN


def _host_is_here(host: str) -> bool:
    name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
    return name.strip("[]").lower() in _LOOPBACK_NAMES


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


def _name(route: Route | None) -> str:
    """Return the route as it is declared: a path may name a person."""
    return " ".join(route) if route is not None else "other"
