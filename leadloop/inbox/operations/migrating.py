"""`migrate`: the open journeys of a scenario move to one of its versions, by a declared step map.

Migrating only notes the wish, as publishing with `on_edit: move` does; the loop of the editions marks
the journeys, and each moves in a turn of its own, never while a mail or a call of its step is in flight.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, func
from sqlmodel import Session, col, select

from leadloop.inbox.operations.log import Caller, OperationError, transaction, write_operation
from leadloop.inbox.operations.view import operation_json
from leadloop.inbox.turns.editions import add_step_map, step_map, wish_move
from leadloop.language.plan import Plan
from leadloop.storage.environment import Environment
from leadloop.storage.publications import NotPublishedError
from leadloop.storage.tables import Enrolment, EnrolmentStatus, Operation
from leadloop.storage.versions import SHORT, VersionError, find_version

_IN_FLIGHT = ("send", "call")


@dataclass(frozen=True)
class Group:
    """People on one step of one version, and where the migration takes them."""

    version: str
    step: str
    people: int
    to: str | None
    """Step of the new version; None where it lacks the step and nothing maps it."""
    begins_anew: bool
    """The step there is of another kind: it is entered, and what the old one left open is withdrawn."""
    in_flight: int
    """How many of them wait for a mail or a call first."""
    held: int
    paused: int


@dataclass(frozen=True)
class Migration:
    """What a migration does, or would do."""

    scenario: str
    version: str
    """Digest of the plan that the journeys move to."""
    groups: tuple[Group, ...]
    steps: Mapping[str, str] = field(default_factory=dict)
    """The whole step map: of the version's `on_edit`, and of `--map`."""
    operation: Operation | None = None
    no_op: str | None = None
    """`nobody_to_move`: every open journey is on this version."""

    @property
    def people(self) -> int:
        return sum(group.people for group in self.groups)

    @property
    def unmapped(self) -> tuple[Group, ...]:
        return tuple(group for group in self.groups if group.to is None)

    def as_json(self) -> dict[str, Any]:
        """Return it as the API and the command show it."""
        return {
            "scenario": self.scenario,
            "version": self.version,
            "people": self.people,
            "groups": [asdict(group) for group in self.groups],
            "unmapped": sorted({group.step for group in self.unmapped}),
            "map": dict(self.steps),
            "operation": operation_json(self.operation) if self.operation is not None else None,
        }


def migrate(
    env: Environment,
    scenario: str,
    caller: Caller,
    to: str | None = None,
    steps: Mapping[str, str] | None = None,
) -> Migration:
    """Note that the open journeys of a scenario move to its newest version, or to the one named `to`.

    `steps` maps steps that the version's `on_edit` does not: old -> new. Asking again is harmless: who
    has moved stays where he is. Raises `OperationError` where people are on a step that nothing maps,
    unless it is a dry run, whose result names them.
    """
    with transaction(env, caller) as session:
        digest = version_of(session, env, scenario, to)
        target = env.publications.plan(digest, session)
        groups = list(_positions(session, scenario, digest))
        _check(session, env, target, steps or {}, {version for version, *_ in groups})
        names = {**step_map(session, target, digest), **(steps or {})}
        migration = Migration(
            scenario, digest, tuple(_group(session, env, target, names, row) for row in groups), names
        )
        if not groups:
            return Migration(scenario, digest, (), names, no_op="nobody_to_move")
        if migration.unmapped and not caller.dry_run:
            raise OperationError("invalid", _lost_words(migration), "map")
        if steps:
            add_step_map(session, digest, steps)
        operation = write_operation(
            session, env, caller, "migrate", scenario=scenario, version=digest[:SHORT],
            people=migration.people, map=dict(steps) if steps else None,
        )  # fmt: skip
        wish_move(session, operation.id, scenario, digest, env.clock.now())
        return Migration(scenario, digest, migration.groups, names, operation)


def version_of(session: Session, env: Environment, scenario: str, to: str | None) -> str:
    """Return the digest of a scenario's newest version, or of the one that a few letters name.

    Raises `OperationError` `not_found`.
    """
    part = f"plan:{scenario}"
    try:
        named = find_version(session, to) if to is not None else None
    except VersionError as error:
        raise OperationError("not_found", str(error), "to") from None
    if named is not None and named.scenario not in (None, scenario):
        raise OperationError("not_found", f"`{to}` is a version of `{named.scenario}`", "to")
    try:
        stored = env.publications.get(named.publication_id, session) if named else None
    except NotPublishedError as error:
        raise OperationError("not_found", str(error), "to") from None
    parts = (stored or env.publications.current(session)).parts
    if part not in parts:
        where = "that publication has" if named is not None else "there is"
        raise OperationError("not_found", f"{where} no scenario `{scenario[:60]}`", "scenario")
    return str(parts[part])


def others(scenario: str, digest: str) -> tuple[ColumnElement[bool], ...]:
    """Return the condition of open journeys of a scenario on other versions."""
    return (
        col(Enrolment.scenario) == scenario,
        col(Enrolment.status) != EnrolmentStatus.ENDED,
        col(Enrolment.plan_digest) != digest,
    )


_Row = tuple[str, str, str | None, int, dict[str, int]]
"""Version, step, the step it is on its way to, people, and counts by word."""


def _positions(session: Session, scenario: str, digest: str) -> list[_Row]:
    step = col(Enrolment.state)["step"].as_string().label("step")
    pending = col(Enrolment.state)[("pending", "step")].as_string().label("pending")
    kind = col(Enrolment.next)["kind"].as_string().label("kind")
    rows = session.exec(
        select(  # type: ignore[call-overload]
            col(Enrolment.plan_digest), step, pending, kind, col(Enrolment.status), func.count()
        )
        .where(*others(scenario, digest))
        .group_by(col(Enrolment.plan_digest), "step", "pending", "kind", col(Enrolment.status))
    ).all()
    found: dict[tuple[str, str, str | None], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for version, step_id, pending_step, next_kind, status, number in rows:
        other = pending_step if pending_step != step_id else None
        counts = found[version, step_id or "", other]
        counts["people"] += number
        counts["in_flight"] += number if next_kind in _IN_FLIGHT else 0
        counts[EnrolmentStatus(status).value] += number
    return [
        (version, step_id, other, counts["people"], counts)
        for (version, step_id, other), counts in sorted(found.items(), key=lambda one: str(one[0]))
    ]


def _group(session: Session, env: Environment, target: Plan, names: Mapping[str, str], row: _Row) -> Group:
    version, step, pending, people, counts = row
    to = names.get(step, step)
    on_its_way = names.get(pending, pending) if pending is not None else None
    missing = to not in target.steps or (on_its_way is not None and on_its_way not in target.steps)
    old = env.publications.plan(version, session).steps.get(step)
    return Group(
        version, step, people, None if missing else to,
        not missing and (old is None or old.kind != target.steps[to].kind),
        counts["in_flight"], counts["held"], counts["paused"],
    )  # fmt: skip


def _check(
    session: Session, env: Environment, target: Plan, steps: Mapping[str, str], versions: set[str]
) -> None:
    for old, new in steps.items():
        if new not in target.steps:
            raise OperationError("invalid", f"the version has no step `{new[:60]}`", "map")
        if versions and not any(old in env.publications.plan(one, session).steps for one in versions):
            raise OperationError("invalid", f"no version with people in it has a step `{old[:60]}`", "map")


def _lost_words(migration: Migration) -> str:
    people = ", ".join(f"{group.people} on `{group.step}`" for group in migration.unmapped)
    return (
        f"nobody was moved: people are on steps that version {migration.version[:SHORT]} lacks ({people}). "
        "Say where they go with --map OLD=NEW"
    )
