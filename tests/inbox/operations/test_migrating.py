"""`migrate`: people in flight move to another version by a declared map, each in a turn of its own."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from leadloop.inbox.doctor import examine
from leadloop.inbox.operations.commands import cancel_journey, pause_journey, resume_journey, retry_journey
from leadloop.inbox.operations.log import Caller, OperationError
from leadloop.inbox.operations.migrating import Migration, migrate
from leadloop.inbox.operations.moving import Moving, fates, to_move
from leadloop.inbox.publishing import publish_workspace
from leadloop.inbox.turns.editions import run_editions
from leadloop.language import plan as p
from leadloop.storage.environment import Environment
from leadloop.storage.tables import EnrolmentStatus
from tests.factories import NOW, make_lead, make_publication
from tests.inbox.driver import journeys, mails, report, settle
from tests.inbox.operations.plays import BY, SEND, advance, go, go_quickly, log_of, waiting
from tests.inbox.played import enter, environment, plan_of, rest, row_of

DAYS = timedelta(days=1)


def republish(env: Environment, *steps: Any, **values: Any) -> str:
    """Publish another version of `play`, whose people stay; return its digest."""
    plan = plan_of(*steps, **values)
    publish_workspace(env, make_publication(plans={"play": plan}), "tests", env.clock.now() + DAYS / 86400)
    return env.publications.current().parts["plan:play"]


def tell(env: Environment) -> None:
    while run_editions(env, limit=2):
        pass
    go(env)


def fate(env: Environment, migration: Migration, journey_id: str) -> Moving:
    with env.database.read() as session:
        return fates(session, migration.version, [journey_id])[0]


def test_journeys_move_to_the_newest_version_and_wait_by_it(tmp_path: Path) -> None:
    env, journey_id = waiting(tmp_path)
    advance(env, days=4)
    digest = republish(env, rest(days=20))
    go(env)
    assert row_of(env, journey_id).due_at == NOW + 10 * DAYS  # they stay, unless somebody says otherwise
    found = migrate(env, "play", Caller("sato", "longer rest"))
    assert (found.version, found.people) == (digest, 1)
    tell(env)
    row = row_of(env, journey_id)
    assert (row.plan_digest, row.due_at, row.move_to) == (digest, NOW + 20 * DAYS, None)
    assert fate(env, found, journey_id).fate == "moved"
    assert [(one.action, one.scenario, one.reason, one.detail["people"]) for one in log_of(env)] == [
        ("migrate", "play", "longer rest", 1)
    ]
    assert migrate(env, "play", BY).no_op == "nobody_to_move"


def test_dry_run_says_where_everybody_goes_and_changes_nothing(tmp_path: Path) -> None:
    env, journey_id = waiting(tmp_path, rest("old"), rest("kept"))
    republish(env, rest("kept"), p.TagStep(id="vip", tags=("vip",)))
    dry = Caller("sato", dry_run=True)
    (group,) = migrate(env, "play", dry).groups
    assert (group.step, group.people, group.to) == ("old", 1, None)
    (group,) = migrate(env, "play", dry, steps={"old": "vip"}).groups
    assert (group.to, group.begins_anew) == ("vip", True)
    (group,) = migrate(env, "play", dry, steps={"old": "kept"}).groups
    assert (group.to, group.begins_anew) == ("kept", False)
    tell(env)
    assert row_of(env, journey_id).state["step"] == "old"
    assert log_of(env) == []


def test_people_on_a_step_that_nothing_maps_stop_the_migration(tmp_path: Path) -> None:
    env, journey_id = waiting(tmp_path, rest("old"))
    before = row_of(env, journey_id).plan_digest
    digest = republish(env, rest("new", days=3))
    with pytest.raises(OperationError, match="1 on `old`"):
        migrate(env, "play", BY)
    tell(env)
    assert (row_of(env, journey_id).plan_digest, log_of(env)) == (before, [])
    migrate(env, "play", BY, steps={"old": "new"})
    tell(env)
    row = row_of(env, journey_id)
    assert (row.plan_digest, row.state["step"], row.due_at) == (digest, "new", NOW + 3 * DAYS)


@pytest.mark.parametrize(
    ("to", "steps", "text"),
    [
        (None, {"rest": "nowhere"}, "has no step `nowhere`"),
        (None, {"nowhere": "rest"}, "has a step `nowhere`"),
        ("ffffffff", {}, "there is no version"),
        ("f", {}, "too short"),
    ],
)
def test_map_and_version_are_checked(
    tmp_path: Path, to: str | None, steps: dict[str, str], text: str
) -> None:
    env, _ = waiting(tmp_path)
    republish(env, rest(days=20))
    with pytest.raises(OperationError, match=text):
        migrate(env, "play", BY, to, steps)
    with pytest.raises(OperationError, match="no scenario `other`"):
        migrate(env, "other", BY)


def test_journeys_move_back_to_a_version_that_is_named(tmp_path: Path) -> None:
    env, journey_id = waiting(tmp_path)
    first = row_of(env, journey_id).plan_digest
    republish(env, rest(days=20))
    second = enter(env, opt_in=True).id
    go(env)
    found = migrate(env, "play", BY, to=first[:10])
    assert (found.version, found.people) == (first, 1)
    tell(env)
    row = row_of(env, second)
    assert (row.plan_digest, row.due_at) == (first, NOW + 10 * DAYS)
    assert env.publications.get(row.publication_id).parts["plan:play"] == first


def test_mail_in_flight_is_handed_over_before_its_journey_moves(tmp_path: Path) -> None:
    env = environment(tmp_path, plan_of(SEND, rest(days=10)))
    journey_id = enter(env, opt_in=True).id
    settle(env, deliver=lambda *_: None)
    before = row_of(env, journey_id).plan_digest
    digest = republish(env, SEND, p.TagStep(id="new", tags=("vip",)), rest(days=20))
    found = migrate(env, "play", BY)
    assert [one.in_flight for one in found.groups] == [1]
    while run_editions(env):
        pass
    settle(env, deliver=lambda *_: None)
    assert row_of(env, journey_id).plan_digest == before
    assert fate(env, found, journey_id).fate == "in_flight"
    go(env)
    row = row_of(env, journey_id)
    assert (row.plan_digest, row.state["visits"]["new"], len(mails(env))) == (digest, 1, 1)


def test_paused_journey_moves_when_it_is_resumed(tmp_path: Path) -> None:
    env, journey_id = waiting(tmp_path)
    pause_journey(env, journey_id, BY, "freeze")
    digest = republish(env, rest(days=20))
    found = migrate(env, "play", BY)
    advance(env, days=3)
    tell(env)
    assert fate(env, found, journey_id).fate == "paused"
    resume_journey(env, journey_id, BY)
    go(env)
    row = row_of(env, journey_id)
    assert (row.plan_digest, row.due_at) == (digest, NOW + 23 * DAYS)


def test_migration_goes_on_after_a_crash_and_reports_each_journey(tmp_path: Path) -> None:
    env = environment(tmp_path, plan_of(rest(days=10)))
    ids = [enter(env, opt_in=True).id for _ in range(5)]
    go(env)
    digest = republish(env, rest(days=20))
    found = migrate(env, "play", BY)
    with env.database.read() as session:
        assert to_move(session, "play", digest) == ids
    assert run_editions(env, limit=2) == 2  # and the process dies here
    cancel_journey(env, ids[4], BY)
    assert migrate(env, "play", BY).people == 4  # asking again is harmless
    tell(env)
    with env.database.read() as session:
        ends = [one.fate for one in fates(session, found.version, ids)]
    assert ends == ["moved", "moved", "moved", "moved", "ended"]
    assert {row.turn_no for row in journeys(env)} == {2}


def test_journey_that_reached_a_removed_step_is_held_and_mapped_by_the_next_migration(tmp_path: Path) -> None:
    """It was on a step that stays when the migration was asked for."""
    wait = SEND.model_copy(update={"next": p.Target(step="old")})
    env = environment(tmp_path, plan_of(wait, rest("old", days=10)))
    journey_id = enter(env, opt_in=True).id
    settle(env, deliver=lambda *_: None)
    republish(env, SEND, rest("new", days=3))
    found = migrate(env, "play", BY)
    go(env)  # the mail leaves, and the journey is on `old` before it is marked
    assert row_of(env, journey_id).state["step"] == "old"
    tell(env)
    held = fate(env, found, journey_id)
    assert (held.fate, held.step) == ("held", "old")
    assert "no step `old`" in str(held.reason)
    assert retry_journey(env, journey_id, BY).no_op == "lost_step"
    migrate(env, "play", BY, steps={"old": "new"})
    tell(env)
    row = row_of(env, journey_id)
    assert (row.status, row.state["step"]) == (EnrolmentStatus.RUNNING, "new")
    assert len(mails(env)) == 1


def test_map_of_the_version_itself_is_used_too(tmp_path: Path) -> None:
    env, journey_id = waiting(tmp_path, rest("a"), rest("b"))
    on_edit = p.OnEdit(default="stay", steps={"a": "first"})
    republish(env, rest("first", days=3), rest("second"), on_edit=on_edit)
    found = migrate(env, "play", BY)
    assert found.steps == {"a": "first"}
    tell(env)
    assert row_of(env, journey_id).state["step"] == "first"


def edited(number: int) -> list[Any]:
    """Return the steps of a version of R2: a wait shortened, then a step removed and one renamed, then
    all of it in another order."""
    tag = p.TagStep(id="tell", tags=("vip",))
    look = p.AwaitStep(
        id="look",
        branches=(p.Branch(match=p.EventMatch(event="page_viewed"), go=p.Target(exit="looked")),),
        timeout=p.WaitSpec(span=p.Span(amount=8, unit="days")),
        on_timeout=p.Target(step="tell"),
    )
    if number < 2:
        return [rest("calm", days=5 if number == 0 else 2), SEND, look, tag, rest("last", days=9)]
    watch = look.model_copy(update={"id": "watch", "on_timeout": p.Target(step="last")})
    if number == 2:
        return [rest("calm", days=2), SEND, watch, rest("last", days=1)]
    return [SEND, rest("calm", days=1), watch.model_copy(update={"on_timeout": p.Target(exit="silent")})]


@pytest.mark.parametrize("moves", [False, True], ids=["stay", "migrate"])
def test_r2_scenario_edited_while_people_are_inside(tmp_path: Path, moves: bool) -> None:
    edit_with_people_inside(tmp_path, moves, 20)


@pytest.mark.fault
@pytest.mark.parametrize("moves", [False, True], ids=["stay", "migrate"])
def test_r2_scenario_edited_while_a_thousand_are_inside(tmp_path: Path, moves: bool) -> None:
    edit_with_people_inside(tmp_path, moves, 1000)


def edit_with_people_inside(tmp_path: Path, moves: bool, people: int) -> None:
    """Each ends on the version it began with, or moves by an explicit map; nobody is lost or mailed twice."""
    env = environment(tmp_path, plan_of(*edited(0)))
    with env.database.write() as session:
        ids = [make_lead(session, env, opt_in=True).id for _ in range(people)]
    begun: dict[str, str] = {}
    for wave in range(4):  # the later ones find a newer version
        if wave:
            republish(env, *edited(wave))
        for lead_id in ids[wave * people // 4 : (wave + 1) * people // 4]:
            report(env, "form_submitted", lead_id=lead_id, properties={"form": "whitepaper"}, source="form")
        go_quickly(env)
        begun.update({row.id: row.plan_digest for row in journeys(env) if row.id not in begun})
        step_on(env, 2)
    assert len(begun) == people
    assert len(set(begun.values())) == 4
    open_before = {row.id for row in journeys(env) if row.status != EnrolmentStatus.ENDED}
    if moves:
        with pytest.raises(OperationError, match="on `look`"):
            migrate(env, "play", BY)
        assert migrate(env, "play", BY, steps={"look": "watch", "last": "watch"}).people > people / 4
        go_quickly(env)
    for _ in range(3):
        step_on(env, 10)
    rows = journeys(env)
    assert {row.status for row in rows} == {EnrolmentStatus.ENDED}
    live = env.publications.current().parts["plan:play"]
    for row in rows:
        assert row.plan_digest == (live if moves and row.id in open_before else begun[row.id])
    sent = Counter(one.enrolment_id for one in mails(env))
    assert set(sent.values()) == {1}
    assert len(sent) == people
    assert [one for one in examine(env).problems if one.startswith(("journeys", "turns", "clocks"))] == []


def step_on(env: Environment, days: int) -> None:
    env.clock.advance(days=days)  # type: ignore[attr-defined]
    go_quickly(env)
