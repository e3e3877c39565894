"""`leadloop scenarios`: what is live, and how many journeys went through it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from leadloop.cli.environments import StateOption, open_environment
from leadloop.cli.output import JsonOption, print_json, print_table
from leadloop.cli.publish import versions_of

if TYPE_CHECKING:
    from leadloop.storage.environment import Environment


def scenarios(state: StateOption = None, as_json: JsonOption = False) -> None:
    """List the published scenarios with their version and counts.

    A scenario without a version is not published any more, but has journeys.
    """
    with open_environment(state) as env:
        rows = _rows(env)
    if as_json:
        print_json({"scenarios": rows})
        return
    columns = (
        "scenario",
        "version",
        "entered",
        "running",
        "held",
        "paused",
        "ended",
        "sent",
        "opened",
        "clicked",
    )
    print_table(columns, [[row[name] if row[name] is not None else "–" for name in columns] for row in rows])


def _rows(env: Environment) -> list[dict[str, Any]]:
    from leadloop.web.counts import scenario_counts

    with env.database.read() as session:
        stored = env.publications.current(session)
        counts = scenario_counts(session, stored.publication)
    versions = versions_of(stored.parts)
    return [one.as_json() | {"version": versions.get(one.scenario)} for one in counts]
