"""The web server's failpoint: to die between the commit of an event and its answer."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from leadloop.failpoints import FailPoint


class DieBeforeAnswer:
    """Asks the failpoint `before_answer` when 202 is about to be said. Tests only."""

    def __init__(self, app: ASGIApp, fail: FailPoint) -> None:
        self._app = app
        self._fail = fail

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 202:
                self._fail("before_answer")
            await send(message)

        await self._app(scope, receive, answer)
