"""`leadloop key`, and what `leadloop serve` asks for."""

from __future__ import annotations

import json

from typer.testing import CliRunner

from leadloop.cli.keys import ScopeName
from leadloop.cli.main import app
from leadloop.storage.environment import Environment
from leadloop.web.api_keys import KeyRing, Scope

runner = CliRunner()


def test_scopes_of_the_command_are_those_of_the_api() -> None:
    assert [one.value for one in ScopeName] == [one.value for one in Scope]


def test_key_is_made_listed_and_revoked(published: Environment) -> None:
    made = runner.invoke(app, ["key", "create", "website", "--scope", "ingest", "--scope", "read"])
    assert made.exit_code == 0, made.output
    secret = made.stdout.strip()
    ring = KeyRing(published)
    ring.read()
    caller = ring.bearer(secret)
    assert caller is not None
    assert caller.scopes == {"ingest", "read"}

    listed = runner.invoke(app, ["key", "list", "--json"])
    (shown,) = json.loads(listed.stdout)["keys"]
    assert (shown["id"], shown["name"], shown["scopes"]) == (caller.id, "website", ["ingest", "read"])
    table = runner.invoke(app, ["key", "list"]).stdout
    assert "website" in table
    assert secret.split("_", 2)[2] not in listed.stdout + table

    tried = runner.invoke(app, ["key", "revoke", shown["prefix"], "--dry-run"])
    assert "would revoke" in tried.output
    assert json.loads(runner.invoke(app, ["key", "list", "--json"]).stdout)["keys"]
    revoked = runner.invoke(app, ["key", "revoke", shown["prefix"], "--json"])
    assert json.loads(revoked.stdout)["revoked_at"]
    assert json.loads(runner.invoke(app, ["key", "list", "--json"]).stdout)["keys"] == []
    assert json.loads(runner.invoke(app, ["key", "list", "--all", "--json"]).stdout)["keys"]


def test_key_json_shows_the_secret_once(published: Environment) -> None:
    made = json.loads(runner.invoke(app, ["key", "create", "crm", "--signing", "--json"]).stdout)
    assert made["secret"].startswith("whsec_")
    assert (made["kind"], made["scopes"]) == ("signing", ["ingest"])


def test_dry_run_makes_no_key(published: Environment) -> None:
    tried = runner.invoke(app, ["key", "create", "x", "--scope", "admin", "--dry-run", "--json"])
    assert (json.loads(tried.stdout)["secret"], tried.exit_code) == (None, 0)
    assert json.loads(runner.invoke(app, ["key", "list", "--all", "--json"]).stdout)["keys"] == []


def test_wrong_commands_say_what_to_do(published: Environment) -> None:
    without = runner.invoke(app, ["key", "create", "x"])
    assert (without.exit_code, "--scope ingest" in without.output) == (1, True)
    unknown = runner.invoke(app, ["key", "revoke", "x"])
    assert (unknown.exit_code, "leadloop key list" in unknown.output) == (1, True)
