"""The proxy breaks connections as it is told."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from tests.faults.proxy import Proxy


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    """A proxy in front of a server that says everything back."""
    server = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=echo, args=(connection,), daemon=True).start()

    def echo(connection: socket.socket) -> None:
        with connection:
            try:
                while data := connection.recv(65536):
                    connection.sendall(data)
            except OSError:
                return

    threading.Thread(target=accept, daemon=True).start()
    proxy = Proxy(server.getsockname()[1])
    yield proxy
    proxy.close()
    server.shutdown(socket.SHUT_RDWR)
    server.close()


def _connect(proxy: Proxy, seconds: float = 10) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=seconds)


def _says(connection: socket.socket, data: bytes) -> bytes:
    """Send, and return what comes back until all of it is there or the connection ends."""
    connection.sendall(data)
    heard = b""
    while len(heard) < len(data) and (piece := connection.recv(65536)):
        heard += piece
    return heard


def test_proxy_passes_both_ways(proxy: Proxy) -> None:
    with _connect(proxy) as connection:
        assert _says(connection, b"a" * 200_000) == b"a" * 200_000


def test_cut_drops_old_and_new_connections_until_healed(proxy: Proxy) -> None:
    with _connect(proxy) as connection:
        assert _says(connection, b"before") == b"before"
        proxy.cut()
        with pytest.raises(OSError, match=r"reset|aborted"):
            _ended(connection)
    with pytest.raises(OSError, match=r"reset|aborted|refused"), _connect(proxy) as connection:
        _ended(connection)
    proxy.heal()
    with _connect(proxy) as connection:
        assert _says(connection, b"after") == b"after"


def _ended(connection: socket.socket) -> None:
    """Raise as a connection does that the other side dropped, whether by reset or by its end."""
    if connection.recv(1) == b"":
        raise ConnectionResetError("reset")


def test_stall_keeps_connections_silent_until_healed(proxy: Proxy) -> None:
    with _connect(proxy, 0.3) as old:
        assert _says(old, b"before") == b"before"
        proxy.stall()
        with _connect(proxy, 0.3) as new:
            for connection in (old, new):
                connection.sendall(b"hello")
                with pytest.raises(TimeoutError):
                    connection.recv(5)
            proxy.heal()
            for connection in (old, new):
                connection.settimeout(10)
                assert connection.recv(5) == b"hello"


def test_delay_passes_everything_later(proxy: Proxy) -> None:
    proxy.delay(0.4)
    with _connect(proxy, 0.2) as connection:
        connection.sendall(b"hello")
        with pytest.raises(TimeoutError):
            connection.recv(5)
        connection.settimeout(10)
        assert connection.recv(5) == b"hello"


def test_reset_drops_once(proxy: Proxy) -> None:
    with _connect(proxy) as connection:
        assert _says(connection, b"before") == b"before"
        proxy.reset()
        with pytest.raises(OSError, match=r"reset|aborted"):
            _ended(connection)
    with _connect(proxy) as connection:
        assert _says(connection, b"after") == b"after"


def test_truncate_passes_the_first_bytes_of_an_answer(proxy: Proxy) -> None:
    proxy.truncate(3)
    with _connect(proxy) as connection:
        connection.sendall(b"hello")
        assert connection.recv(5) == b"hel"
        with pytest.raises(OSError, match=r"reset|aborted"):
            _ended(connection)
    proxy.heal()
    with _connect(proxy) as connection:
        assert _says(connection, b"hello") == b"hello"
