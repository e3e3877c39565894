"""What the kill tests stand on."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from leadloop.embedded.processes import free_port
from tests.kill import engine


def test_dev_server_takes_another_port_where_the_first_was_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        taken = int(other.getsockname()[1])
        ports = iter([taken])
        monkeypatch.setattr(engine, "free_port", lambda: next(ports, None) or free_port())
        with engine.dev_server(tmp_path) as address:
            port = int(address.rpartition(":")[2])
            assert port != taken
            assert engine.answers(port)
