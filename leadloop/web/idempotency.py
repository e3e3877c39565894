"""`Idempotency-Key` on commands: the same key for the same request is answered as the first time.

After the IETF draft "The Idempotency-Key HTTP Header Field": 422 for another request with the key, 409
while the first one runs. Answers are kept for a day. Events have their own ids, see the events API.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from leadloop.storage.environment import Environment
from leadloop.storage.tables import CommandAnswer, Tombstone
from leadloop.web.access import CALLER, EVENTS_PATH
from leadloop.web.api_keys import Caller
from leadloop.web.problems import API_PATH, MEDIA_TYPE, problem

KEPT = timedelta(days=1)
KEY_LIMIT = 100
_RUNNING = timedelta(minutes=1)
"""A command that was not answered for so long died with its server, and may be sent again."""
_FORGOTTEN = "{}"
"""What is told where an erasure has emptied the stored answers: the status says what became of it."""
_COMMANDS = frozenset({"POST", "PUT", "PATCH", "DELETE"})


@dataclass(frozen=True)
class _Begun:
    state: Literal["go", "running", "other", "answered"]
    status: int = 0
    body: str = ""


class Idempotency:
    """ASGI middleware, behind the one that finds the caller."""

    def __init__(self, app: ASGIApp, env: Environment) -> None:
        self._app = app
        self._env = env

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        caller: Caller | None = scope.get(CALLER)
        if (
            scope["type"] != "http"
            or caller is None
            or scope["method"] not in _COMMANDS
            or not scope["path"].startswith(API_PATH)
            or scope["path"] == EVENTS_PATH
        ):
            await self._app(scope, receive, send)
            return
        key = Headers(scope=scope).get("idempotency-key")
        if key is None:
            await self._app(scope, receive, send)
            return
        if not 0 < len(key) <= KEY_LIMIT or not key.isprintable():
            text = f"an `Idempotency-Key` has 1 to {KEY_LIMIT} characters"
            await problem(400, text)(scope, receive, send)
            return
        await self._once(scope, receive, send, caller.id, key)

    async def _once(self, scope: Scope, receive: Receive, send: Send, caller: str, key: str) -> None:
        body = await _whole(receive)
        if body is None:
            return
        request_hmac = self._hash(scope, body)
        begun = await run_in_threadpool(self._begin, caller, key, request_hmac)
        if begun.state != "go":
            await _told(begun)(scope, receive, send)
            return
        answer = _Answer()
        try:
            await self._app(scope, _Again(body, receive).receive, answer.keep)
        finally:
            await run_in_threadpool(self._end, caller, key, answer)
        await answer.send(send)

    def _hash(self, scope: Scope, body: bytes) -> str:
        parts = (scope["method"], scope["path"], scope["query_string"].decode("latin-1"), body.hex())
        return self._env.keys.hash("request-body", "\n".join(parts))

    def _begin(self, caller: str, key: str, request_hmac: str) -> _Begun:
        try:
            with self._env.database.write() as session:
                return self._begun(session, caller, key, request_hmac)
        except IntegrityError:  # the same request at the same time, by another process
            return _Begun("running")

    def _begun(self, session: Session, caller: str, key: str, request_hmac: str) -> _Begun:
        now = self._env.clock.now()
        session.connection().execute(delete(CommandAnswer).where(col(CommandAnswer.created_at) < now - KEPT))
        row = session.get(CommandAnswer, (caller, key), with_for_update=True)
        if row is None:
            row = CommandAnswer(caller=caller, key=key, request_hmac=request_hmac, created_at=now)
        elif row.request_hmac != request_hmac:
            return _Begun("other")
        elif row.status is not None:
            return _Begun("answered", row.status, _FORGOTTEN if row.body is None else row.body)
        elif row.created_at > now - _RUNNING:
            return _Begun("running")
        row.created_at = now
        session.add(row)
        session.flush()
        return _Begun("go")

    def _end(self, caller: str, key: str, answer: _Answer) -> None:
        """Keep the answer, or forget the key where the command may be tried again."""
        with self._env.database.write() as session:
            row = session.get(CommandAnswer, (caller, key), with_for_update=True)
            if row is None:
                return
            if answer.is_final:
                row.status = answer.status
                row.body = None if _erased_since(session, row.created_at) else answer.body.decode()
                session.add(row)
            else:
                session.delete(row)


def _erased_since(session: Session, begun_at: datetime) -> bool:
    """Return whether somebody was erased while a command ran: its answer may tell what is gone."""
    erased = select(Tombstone.lead_id).where(col(Tombstone.erased_at) >= begun_at - _RUNNING)
    return session.exec(erased.limit(1)).first() is not None


class _Answer:
    """A response that is held back until it is kept."""

    def __init__(self) -> None:
        self.status = 0
        self.body = b""
        self._start: Message | None = None

    @property
    def is_final(self) -> bool:
        """Whether the same request would be answered the same: not where the server was at fault."""
        return 0 < self.status < 500 and self.status not in (408, 425, 429)

    async def keep(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start, self.status = message, message["status"]
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")

    async def send(self, send: Send) -> None:
        if self._start is not None:
            await send(self._start)
            await send({"type": "http.response.body", "body": self.body})


class _Again:
    """Gives a body that was read already."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def receive(self) -> Message:
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}


async def _whole(receive: Receive) -> bytes | None:
    """Return the body, or None where the connection ended in it."""
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _told(begun: _Begun) -> Response:
    if begun.state == "other":
        return problem(422, "this `Idempotency-Key` came with another request")
    if begun.state == "running":
        running = problem(409, "the request with this `Idempotency-Key` is being answered")
        running.headers["Retry-After"] = "1"
        return running
    media_type = MEDIA_TYPE if begun.status >= 400 else "application/json"
    response = Response(begun.body, begun.status, media_type=media_type)
    MutableHeaders(raw=response.raw_headers)["Idempotency-Replayed"] = "true"
    return response
