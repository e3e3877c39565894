"""`leadloop scenarios`: what is live with counts, and the versions of one scenario."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from leadloop.cli.environments import StateOption, open_environment
from leadloop.cli.output import JsonOption, print_json, print_table, shown_at

if TYPE_CHECKING:
    from leadloop.storage.environment import Environment
    from leadloop.storage.versions import Version

_COLUMNS = (
    "scenario", "version", "entered", "running", "held", "paused", "ended", "sent", "opened", "clicked",
)  # fmt: skip


def scenarios(
    scenario: Annotated[
        str | None,
        typer.Argument(help="List the versions of this scenario.", show_default=False),
    ] = None,
    state: StateOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the published scenarios with counts and versions, or all versions of one.

    A scenario without a version is not published any more, but has journeys. Of a version it says
    when it first went live, by whom, its digest, and how many journeys are open on it; `leadloop
    diff` takes the digests. Without a scenario, old versions without open journeys are left out.
    """
    with open_environment(state) as env:
        if scenario is None:
            _print_live(env, as_json)
        else:
            _print_versions(env, scenario, as_json)


def versions_of(parts: Mapping[str, Any]) -> dict[str, str]:
    """Return the published version of each scenario: the first letters of its plan's digest."""
    from leadloop.storage.versions import SHORT

    return {
        name.removeprefix("plan:"): str(digest)[:SHORT]
        for name, digest in parts.items()
        if name.startswith("plan:")
    }


def _print_live(env: Environment, as_json: bool) -> None:
    from leadloop.storage.versions import versions

    rows = _rows(env)
    with env.database.read() as session:
        found = [one for one in versions(session) if one.live or one.open_journeys]
    if as_json:
        print_json({"scenarios": rows, "versions": [asdict(one) for one in found]})
        return
    print_table(
        _COLUMNS, [[row[name] if row[name] is not None else "–" for name in _COLUMNS] for row in rows]
    )
    typer.echo("")
    _print_table(env, found)


def _rows(env: Environment) -> list[dict[str, Any]]:
    from leadloop.web.counts import scenario_counts

    with env.database.read() as session:
        stored = env.publications.current(session)
        counts = scenario_counts(session, stored.publication)
    known = versions_of(stored.parts)
    return [one.as_json() | {"version": known.get(one.scenario)} for one in counts]


def _print_versions(env: Environment, scenario: str, as_json: bool) -> None:
    from leadloop.language.suggest import Suggestion
    from leadloop.storage.versions import scenario_names, versions

    with env.database.read() as session:
        found = versions(session, scenario)
        if not found:
            hint = Suggestion(scenario, scenario_names(session))
            typer.echo(f"`{scenario}` was never published; {hint}", err=True)
            raise typer.Exit(1)
    if as_json:
        print_json({"scenario": scenario, "versions": [asdict(one) for one in found]})
    else:
        _print_table(env, found)


def _print_table(env: Environment, found: list[Version]) -> None:
    from leadloop.storage.versions import SHORT

    zone = ZoneInfo(env.publications.current().publication.workspace.timezone)
    print_table(
        ("scenario", "version", "published", "by", "publication", "open journeys", ""),
        [
            (
                one.scenario,
                one.digest[:SHORT],
                shown_at(one.published_at, zone),
                _by(one),
                one.publication_digest[:SHORT],
                one.open_journeys,
                "live" if one.live else "",
            )
            for one in found
        ],
    )


def _by(version: Version) -> str:
    return version.published_by + (f", {version.approved_by}" if version.approved_by else "")
