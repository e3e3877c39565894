"""`leadloop serve`: only the web server, against the configured database."""

from __future__ import annotations

import signal
import threading
from ipaddress import ip_address
from typing import Annotated

import typer

from leadloop.cli.environments import StateOption, open_environment, settings_for


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

    Only on this machine's own addresses: there are no API keys yet, so that anybody who reaches the
    server may use all of it. Run the workers with `python worker.py`.
    """
    from leadloop.delivery.tokens import Tokens
    from leadloop.embedded.web_server import running_web
    from leadloop.web.app import create_app

    settings = settings_for(state)
    host, port = host or settings.host, port or settings.port
    if not is_loopback(host):
        typer.echo(
            f"leadloop: {host} can be reached from other machines, and there are no API keys yet: "
            "use 127.0.0.1, and a proxy that lets only /t/, /u/ and /v1/forms/ through",
            err=True,
        )
        raise typer.Exit(1)
    shown = f"[{host}]" if ":" in host else host
    url = settings.public_url or f"http://{shown}:{port}"
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with open_environment(state) as env:
        app = create_app(env, tokens=Tokens(env.keys), public_url=url)
        with running_web(app, host, port):
            typer.echo(f"serving http://{shown}:{port}; stop with Ctrl-C")
            stopped.wait()


def is_loopback(host: str) -> bool:
    """Return whether an address is reached from this machine only."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
