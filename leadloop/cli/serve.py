"""`leadloop serve`: only the web server, against the configured database."""

from __future__ import annotations

import signal
import threading
from ipaddress import ip_address
from typing import TYPE_CHECKING, Annotated

import typer

from leadloop.cli.environments import StateOption, open_environment, settings_for
from leadloop.cli.temporal_pages import temporal_pages

if TYPE_CHECKING:
    from leadloop.storage.environment import Environment


def serve(
    host: Annotated[
        str | None, typer.Option("--host", help="Address to listen on. Default: LEADLOOP_HOST.")
    ] = None,
    port: Annotated[
        int | None, typer.Option("--port", min=1, max=65535, help="Port. Default: LEADLOOP_PORT.")
    ] = None,
    state: StateOption = None,
) -> None:
    """Serve the API, tracking and pages, without workers and without a mailbox.

    On other addresses than this machine's own it starts only if there is an API key, and asks everybody
    for one. Put a proxy with TLS in front of it. Run the workers with `python worker.py`.
    """
    from leadloop.delivery.tokens import Tokens
    from leadloop.embedded.web_server import running_web
    from leadloop.garbage import freeze_what_is_loaded
    from leadloop.storage.secret import note_secret
    from leadloop.web.app import create_app

    settings = settings_for(state)
    host, port = host or settings.host, port or settings.port
    loopback = is_loopback(host)
    shown = f"[{host}]" if ":" in host else host
    url = settings.public_url or f"http://{shown}:{port}"
    pages = temporal_pages(state)
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with open_environment(state) as env:
        note_secret(env)
        if not loopback:
            _demand_key(env, host)
        app = create_app(
            env, tokens=Tokens(env.keys), public_url=url, loopback=loopback, sites=settings.sites,
            temporal_ui=pages.address, temporal_namespace=pages.namespace,
            inbox_limit=settings.inbox_limit,
        )  # fmt: skip
        with running_web(app, host, port):
            freeze_what_is_loaded()
            typer.echo(f"serving http://{shown}:{port}; stop with Ctrl-C")
            stopped.wait()


def _demand_key(env: Environment, host: str) -> None:
    """Exit where anybody who reaches the server could use all of it."""
    from leadloop.web.api_keys import has_live_key

    with env.database.read() as session:
        if has_live_key(session):
            return
    typer.echo(
        f"leadloop: {host} can be reached from other machines, and there are no API keys: make one with "
        "`leadloop key create NAME --scope read`, or listen on 127.0.0.1",
        err=True,
    )
    raise typer.Exit(1)


def is_loopback(host: str) -> bool:
    """Return whether an address is reached from this machine only."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
