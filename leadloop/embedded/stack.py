"""The whole of leadloop on one machine: Temporal, SQLite, workers, web, mailbox, in one folder."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from temporalio.client import Client

from leadloop.clock import Clock
from leadloop.connection import connect
from leadloop.delivery.mailbox import Mailbox
from leadloop.delivery.render import Renderer
from leadloop.delivery.tokens import Tokens
from leadloop.embedded.processes import StateLock, free_port, take_port
from leadloop.embedded.temporal_server import running_temporal
from leadloop.embedded.web_server import running_web
from leadloop.inbox.publishing import publish_workspace
from leadloop.keys import Keys
from leadloop.language.plan import Publication
from leadloop.settings import Settings, temporal_is_configured
from leadloop.storage.database import Database
from leadloop.storage.environment import Environment
from leadloop.storage.migrations import upgrade
from leadloop.storage.publications import PublicationStore
from leadloop.storage.secret import note_secret
from leadloop.web.app import create_app
from worker import deployment, make_calls, make_outbox, running_engine

_PORTS = ("web", "smtp", "temporal", "temporal_ui")
_PREFERRED = {"web": 8080, "smtp": 1025, "temporal": 7233, "temporal_ui": 8233}


@dataclass(frozen=True)
class Stack:
    """A running stack and where its parts are."""

    env: Environment
    client: Client
    mailbox: Mailbox
    web_url: str
    temporal_ui: str | None
    temporal_address: str | None


@asynccontextmanager
async def running_stack(
    settings: Settings, publication: Publication, clock: Clock, by: str
) -> AsyncIterator[Stack]:
    """Run the stack while the block runs; publish first. Everything stops at the end, in order.

    Raises `AlreadyRunningError`, `PortTakenError`, `ConnectionFailedError`, `ServerMissingError`,
    `StorageError`, `OSError`.
    """
    state = settings.state.resolve()
    async with AsyncExitStack() as stack:
        lock = StateLock(state)
        stack.callback(lock.release)
        lock.acquire()
        chosen = settings.port if "port" in settings.model_fields_set else None
        ports = _ports(state, chosen)
        settings = settings.model_copy(
            update={"port": ports["web"], "host": "127.0.0.1", "smtp_port": ports["smtp"],
                    "smtp_host": "127.0.0.1", "smtp_security": "none", "smtp_username": None}
        )  # fmt: skip
        env = _environment(settings, clock)
        stack.callback(env.database.close)
        upgrade(env.database)
        note_secret(env)
        publish_workspace(env, publication, by, clock.now())
        mailbox = Mailbox(state / "mailbox", port=ports["smtp"])
        mailbox.start()
        stack.callback(mailbox.stop)
        web_url = settings.public_url or f"http://127.0.0.1:{ports['web']}"
        versions, namespace = None, "default"
        if temporal_is_configured():
            client, ui, address = await connect(), settings.temporal_ui, None
            versions, namespace = deployment(settings), client.namespace
        else:
            server = await stack.enter_async_context(
                running_temporal(state, ports["temporal"], ports["temporal_ui"])
            )
            client, ui, address = server.client, server.ui_url, server.address
        app = create_app(
            env, tokens=Tokens(env.keys), public_url=web_url, mailbox=mailbox, temporal_ui=ui,
            temporal_namespace=namespace, sites=settings.sites, inbox_limit=settings.inbox_limit,
        )  # fmt: skip
        stack.enter_context(running_web(app, "127.0.0.1", ports["web"]))
        renderer = stack.enter_context(Renderer())
        outbox = make_outbox(env, settings, renderer)
        await stack.enter_async_context(
            running_engine(
                env,
                client,
                outbox,
                make_calls(env, settings, renderer),
                deployment=versions,
                settings=settings,
            )
        )
        yield Stack(env, client, mailbox, web_url, ui, address)


def _environment(settings: Settings, clock: Clock) -> Environment:
    database = Database(settings.database_address())
    return Environment(database, clock, Keys(settings.secret_bytes()), PublicationStore(database))


def _ports(state: Path, web: int | None) -> dict[str, int]:
    """Return the ports of this folder: those of the last start where free, so that links in old
    mails go on working.

    `web` is the one that somebody chose for the pages. Raises `PortTakenError` where it is not free.
    """
    path = state / "ports.json"
    known: dict[str, int] = json.loads(path.read_text()) if path.exists() else dict(_PREFERRED)
    ports: dict[str, int] = {}
    if web is not None:
        take_port(web)
        ports["web"] = web
    for name in _PORTS:
        if name in ports:
            continue
        port = free_port(known.get(name))
        while port in ports.values():
            port = free_port()
        ports[name] = port
    path.write_text(json.dumps(ports))
    return ports
