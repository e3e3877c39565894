"""JSON Schema (2020-12) of every kind of file, for editors that complete and check as one types.

A schema knows shapes and words, not the names a workspace declares: `leadloop check` knows both.
"""

from __future__ import annotations

from collections.abc import Callable

from leadloop.language.schema import files
from leadloop.language.schema.scenario import scenario
from leadloop.language.schema.shapes import Schema

DIALECT = "https://json-schema.org/draft/2020-12/schema"

KINDS: dict[str, Callable[[], Schema]] = {
    "scenario": scenario,
    "workspace": files.workspace,
    "scoring": files.scoring,
    "lifecycle": files.lifecycle,
    "streams": files.streams,
    "segments": files.segments,
}
"""Kind of file -> its schema. A file named like a kind is of that kind; every other is a scenario."""

_TITLES = {"scenario": "A scenario of leadloop"}


def schema(kind: str) -> Schema:
    """Return the schema of one kind of file. Raises `KeyError` for a kind that does not exist."""
    title = _TITLES.get(kind, f"{kind}.yaml of leadloop")
    return {"$schema": DIALECT, **KINDS[kind](), "title": title}
