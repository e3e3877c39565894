"""The application in memory, called over ASGI as a program on this machine would."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from leadloop.delivery.mailbox import Mailbox
from leadloop.delivery.tokens import Tokens
from leadloop.storage.environment import Environment
from leadloop.web.app import create_app

PUBLIC_URL = "https://mail.acme.example"


@pytest.fixture
def tokens(env: Environment) -> Tokens:
    return Tokens(env.keys)


@pytest.fixture
def mailbox(tmp_path: Path) -> Iterator[Mailbox]:
    box = Mailbox(tmp_path / "mail")
    yield box
    box.stop()


@pytest.fixture
async def client(env: Environment, tokens: Tokens, mailbox: Mailbox) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(env, tokens=tokens, public_url=PUBLIC_URL, mailbox=mailbox)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as opened:
        yield opened


@pytest.fixture
async def browser(client: httpx.AsyncClient) -> httpx.AsyncClient:
    """The same client, asking for pages as a browser does."""
    client.headers["accept"] = "text/html,application/xhtml+xml"
    client.headers["accept-language"] = "en"
    return client
