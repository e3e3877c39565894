"""Requests that are signed instead of carrying a key: Standard Webhooks 1.0."""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog
from starlette.requests import Request

from leadloop.delivery.signing import is_signed_by
from leadloop.web.api_keys import Caller, KeyRing
from leadloop.web.problems import ProblemError
from leadloop.web.throttle import Throttle

TOLERANCE_SECONDS = 300
"""How old, or how far ahead, a signature's time may be."""
_ID_LIMIT = 100
_log = structlog.get_logger()


class Signatures:
    """Finds out who signed a request. `real_seconds` is the time since 1970, never scenario time.

    `wrong` bounds how often an address may be wrong; a good signature is never held up.
    """

    def __init__(self, keys: KeyRing, wrong: Throttle, real_seconds: Callable[[], float] = time.time) -> None:
        self._keys = keys
        self._wrong = wrong
        self._real_seconds = real_seconds

    def signer(self, request: Request, body: bytes) -> tuple[Caller, str]:
        """Return who signed, and the request's id. `body` is as it was sent.

        Raises `ProblemError` 401, and 429 for an address that is wrong too often.
        """
        client = request.client.host if request.client else ""
        call_id = request.headers.get("webhook-id", "")
        timestamp = request.headers.get("webhook-timestamp", "")
        if not 0 < len(call_id) <= _ID_LIMIT or not call_id.isprintable():
            raise self._refused(client, f"`webhook-id` has 1 to {_ID_LIMIT} characters")
        if not timestamp.isascii() or not timestamp.isdigit() or len(timestamp) > 12:
            raise self._refused(client, "`webhook-timestamp` is the seconds since 1970")
        if abs(self._real_seconds() - int(timestamp)) > TOLERANCE_SECONDS:
            raise self._refused(client, "the signature is too old, or from the future")
        signatures = request.headers.get("webhook-signature", "")
        for secret, caller in self._keys.signers():
            if is_signed_by(secret, call_id, timestamp, signatures, body):
                return caller, call_id
        raise self._refused(client, "the signature is not good")

    def _refused(self, client: str, text: str) -> ProblemError:
        if not self._wrong.take(client):
            return ProblemError(429, "too many wrong signatures; wait a second", retry_after=1)
        _log.warning("request_refused", status=401, route="POST /v1/events", key=None)
        return ProblemError(401, text)
