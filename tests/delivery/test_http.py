"""The HTTP client against a server that answers a byte at a time."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from leadloop.delivery.http import HttpClient, NoAnswerError


@pytest.fixture
def trickling() -> Iterator[str]:
    """A server whose status line never ends: one more byte every 50 ms, so that no single read times out."""
    over = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 ")
            while not over.wait(0.05):
                try:
                    connection.sendall(b"x")
                except OSError:
                    return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/hooks"
    over.set()
    thread.join()
    listener.close()


def test_post_limits_the_whole_answer_of_a_receiver_that_trickles(trickling: str) -> None:
    client = HttpClient(whole_seconds=0.5)
    try:
        with pytest.raises(NoAnswerError) as refused:
            client.post(trickling, b"{}", {})
    finally:
        client.close()
    assert refused.value.code == "timeout"


def test_close_may_be_asked_for_twice() -> None:
    client = HttpClient()
    client.close()
    client.close()
