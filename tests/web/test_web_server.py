"""The web server on a real socket: slow and idle connections, and bursts (faults E8 and E10)."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from sqlmodel import func, select, text

from leadloop.delivery.tokens import Tokens
from leadloop.embedded.processes import free_port
from leadloop.embedded.web_server import running_web
from leadloop.inbox.ingestion import group_commit
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Event, EventKey
from leadloop.web import guard
from leadloop.web.app import create_app

HEAD = b"POST /v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"


@contextlib.contextmanager
def serving(env: Environment, *, head_seconds: float, most: int = 1000) -> Iterator[int]:
    port = free_port()
    app = create_app(env, tokens=Tokens(env.keys), public_url="http://127.0.0.1")
    with running_web(app, "127.0.0.1", port, head_seconds=head_seconds, most_connections=most):
        yield port


@contextlib.contextmanager
def connections(port: int, count: int, first: bytes = b"") -> Iterator[list[socket.socket]]:
    with contextlib.ExitStack() as stack:
        opened = []
        for _ in range(count):
            one = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30))
            one.sendall(first)
            opened.append(one)
        yield opened


def is_closed(connection: socket.socket) -> bool:
    """Wait until the server closes the connection; what it says before that is an answer."""
    connection.settimeout(30)
    try:
        while connection.recv(4096):
            pass
    except TimeoutError:
        return False
    except ConnectionError:
        pass
    return True


def post(port: int) -> int:
    event = {"type": "page_viewed", "email": "a@example.jp"}
    return httpx.post(f"http://127.0.0.1:{port}/v1/events", json=event, timeout=60).status_code


def test_e8_others_are_served_beside_idle_and_slow_connections(env: Environment) -> None:
    with (
        serving(env, head_seconds=60) as port,
        connections(port, 60),
        connections(port, 60, HEAD),
        connections(port, 60, HEAD + b"Content-Length: 100\r\n\r\n{"),
    ):
        assert [post(port) for _ in range(5)] == [202] * 5


def test_e8_connections_without_a_request_are_closed(env: Environment) -> None:
    with (
        serving(env, head_seconds=0.3) as port,
        connections(port, 5) as idle,
        connections(port, 5, HEAD) as slow,
    ):
        for _ in range(3):
            for one in slow:
                with contextlib.suppress(ConnectionError):
                    one.sendall(b"X-Slow: 1\r\n")  # dripping does not help
            time.sleep(0.05)
        assert all(is_closed(one) for one in idle + slow)
        assert post(port) == 202


def test_e8_a_body_that_does_not_come_is_given_up(env: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "BODY_SECONDS", 0.3)
    first = HEAD + b"Content-Length: 100\r\n\r\n{"
    with serving(env, head_seconds=60) as port, connections(port, 3, first) as slow:
        for one in slow:
            one.settimeout(30)
            assert b" 408 " in one.recv(4096).splitlines()[0]


def test_e8_too_many_connections_close_the_oldest_that_waits(env: Environment) -> None:
    with serving(env, head_seconds=60, most=20) as port, connections(port, 40) as idle:
        assert post(port) == 202
        assert all(is_closed(one) for one in idle[:20])


def test_e8_an_answered_connection_may_ask_again(env: Environment) -> None:
    with serving(env, head_seconds=60) as port, httpx.Client(timeout=60) as client:
        for _ in range(3):
            assert client.get(f"http://127.0.0.1:{port}/healthz").status_code == 200


@pytest.mark.fault
def test_e8_five_thousand_idle_connections(env: Environment) -> None:
    """The connections are opened by a process of their own, each side with its open files."""
    program = (
        "import resource, socket, sys\n"
        "soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 6000), hard))\n"
        "opened = [socket.create_connection(('127.0.0.1', int(sys.argv[1]))) for _ in range(5000)]\n"
        "print(len(opened), flush=True); sys.stdin.read()\n"
    )
    port = free_port()
    app = create_app(env, tokens=Tokens(env.keys), public_url="http://127.0.0.1")
    with (
        running_web(app, "127.0.0.1", port, head_seconds=120),
        subprocess.Popen(
            [sys.executable, "-c", program, str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as crowd,
    ):
        assert crowd.stdout is not None
        assert crowd.stdin is not None
        assert crowd.stdout.readline() == "5000\n"
        assert len(os.listdir("/proc/self/fd")) > 1000
        assert [post(port) for _ in range(10)] == [202] * 10
        crowd.stdin.close()


def test_e10_burst_over_http_is_accepted_or_told_to_come_again(
    env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sixty requests come while nothing can be committed and 200 events may wait; they come until taken."""
    requests, batch = 60, 20
    most_waiting = 3 * 200  # in the queue, and in two groups that are being stored
    monkeypatch.setattr(group_commit, "QUEUE_LIMIT", 200)
    answers: list[httpx.Response] = []
    come_again = threading.Event()

    def post(port: int, number: int) -> int:
        """Send a batch until it is taken; return how often it was turned away."""
        events = [
            {"type": "page_viewed", "email": f"p{one}@example.jp", "id": f"{number}-{one}"}
            for one in range(batch)
        ]
        for turned_away in range(200):
            reply = httpx.post(f"http://127.0.0.1:{port}/v1/events", json=events, timeout=60)
            answers.append(reply)
            if reply.status_code != 429:
                return turned_away
            come_again.wait(60)
            time.sleep(0.05)
        raise AssertionError("never taken")

    with serving(env, head_seconds=30) as port, ThreadPoolExecutor(requests) as pool:
        assert httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=60).status_code == 200
        with env.database.write() as session:
            if not env.database.is_sqlite:  # its writers wait for each other anyway
                session.connection().execute(text("LOCK TABLE event_key IN ACCESS EXCLUSIVE MODE"))
            sent = [pool.submit(post, port, number) for number in range(requests)]
            deadline = time.monotonic() + 60
            while len(answers) < requests - most_waiting // batch and time.monotonic() < deadline:
                time.sleep(0.01)
            early = list(answers)
        come_again.set()
        turned_away = sum(one.result(60) for one in sent)

    assert {one.status_code for one in early} == {429}  # nothing was committed, so nothing was accepted
    assert turned_away >= len(early) >= requests - most_waiting // batch
    found = Counter(one.status_code for one in answers)
    assert found == {202: requests, 429: turned_away}
    assert all(int(one.headers["retry-after"]) >= 1 for one in answers if one.status_code == 429)
    with env.database.read() as session:
        for table in (Event, EventKey):
            assert session.exec(select(func.count()).select_from(table)).one() == requests * batch
