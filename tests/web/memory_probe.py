"""Send bodies that ask for memory to the application in this process; print how far it grew."""

from __future__ import annotations

import asyncio
import gzip
import json
import sys
from pathlib import Path

import httpx

from leadloop.delivery.tokens import Tokens
from leadloop.web.app import create_app
from tests.factories import make_environment
from tests.web.test_event_bodies import E7, JSON, LINES, event

HOSTILE = [
    (b"[" + b"{}," * 300_000 + b"{}]", JSON),
    (b'{"a":' * 150_000, JSON),
    (b"[" * 1_000_000, JSON),
    (b'{"x": "' + b"\\ud800" * 150_000 + b'"}', JSON),
    (event('"properties": {' + ",".join(f'"p{one}": 1' for one in range(60_000)) + "}"), JSON),
    (b"{}\n" * 300_000, LINES),
    (gzip.compress(b"[" + b"[]," * 1_300_000 + b"[]]"), JSON | {"content-encoding": "gzip"}),
    (gzip.compress(b" " * 200_000_000, 9), JSON | {"content-encoding": "gzip"}),
    (gzip.compress(b'{"id": "' + b"x" * 3_900_000 + b'"}'), JSON | {"content-encoding": "gzip"}),
]


async def _play(folder: Path) -> dict[str, float]:
    env = make_environment(folder)
    app = create_app(env, tokens=Tokens(env.keys), public_url="http://127.0.0.1")
    bodies = [(body, JSON) for _name, body, _status, _field in E7] + HOSTILE
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1:8080"
    ) as client:
        await client.post("/v1/events", content=event('"id": "first"'), headers=JSON)
        before = _forget_peak()
        requests = 0
        for _ in range(3):
            for body, headers in bodies:
                reply = await client.post("/v1/events", content=body, headers=headers)
                assert 400 <= reply.status_code < 500, (reply.status_code, body[:80])
                requests += 1
    env.database.close()
    grown = _peak() - before
    return {"requests": requests, "megabytes": grown / 1024}


def _forget_peak() -> int:
    Path("/proc/self/clear_refs").write_text("5")
    return _peak()


def _peak() -> int:
    """Return the most memory this process had, in kilobytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_play(Path(sys.argv[1])))))
