"""docs/api.md: every curl example is run against a real server, and does what the page says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from leadloop.delivery.tokens import Tokens
from leadloop.embedded.processes import free_port
from leadloop.embedded.web_server import running_web
from leadloop.storage.environment import Environment
from leadloop.web.api_keys import Scope, create_key
from leadloop.web.app import create_app
from tests.factories import make_lead

PAGE = Path(__file__).parents[2] / "docs" / "api.md"
BLOCKS = re.findall(r"^```\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
EXAMPLES = [block for block in BLOCKS if "curl" in block]
EXPECTED = ['"items"', '"accepted"', '"invalid"', '"accepted"', '"status"']
"""What the answers of the examples hold, in the order of the page."""


def test_page_has_as_many_examples_as_are_expected() -> None:
    assert len(EXAMPLES) == len(EXPECTED)


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
def test_examples_of_the_page_run(env: Environment) -> None:
    with env.database.write() as session:
        key = create_key(session, env, "page", [Scope.ADMIN], env.clock.now()).secret
        lead_id = make_lead(session, env).id
    port = free_port()
    app = create_app(env, tokens=Tokens(env.keys), public_url="http://127.0.0.1")
    with running_web(app, "127.0.0.1", port):
        for example, expected in zip(EXAMPLES, EXPECTED, strict=True):
            script = example.replace("127.0.0.1:8080", f"127.0.0.1:{port}").replace("019b…", lead_id)
            done = subprocess.run(
                ["bash", "-euc", 'curl() { command curl -sS --fail-with-body "$@"; }\n' + script],
                env=os.environ | {"KEY": key}, capture_output=True, text=True, timeout=120,
            )  # fmt: skip
            assert done.returncode == 0, (example, done.stdout, done.stderr)
            assert expected in done.stdout, (example, done.stdout)
