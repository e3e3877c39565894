"""Publishing with journeys in flight: all or nothing, in one transaction."""

from __future__ import annotations

from typing import Any

import pytest
from sqlmodel import select

from leadloop.inbox.backfill import backfill_progress
from leadloop.inbox.publishing import PublishRefusedError, publish_workspace
from leadloop.language import plan as p
from leadloop.storage.environment import Environment
from leadloop.storage.tables import PublicationRow
from tests.factories import NOW, make_enrolment, make_lead, make_plans, make_publication

NAME = "whitepaper-nurture"
END = p.Target(exit=p.COMPLETED)


def without_read(**on_edit: Any) -> p.Publication:
    """Return a publication whose nurture goes from `thanks` to `case` at once."""
    plans = make_plans()
    steps = dict(plans[NAME].steps)
    del steps["read"]
    steps["thanks"] = steps["thanks"].model_copy(
        update={name: p.Target(step="case") for name in ("next", "on_skip", "on_fail")}
    )
    changed = plans[NAME].model_copy(update={"steps": steps, "on_edit": p.OnEdit(**on_edit)})
    return make_publication(plans=plans | {NAME: changed})


def enter(env: Environment, step: str = "read") -> None:
    with env.database.write() as session:
        lead = make_lead(session, env)
        live = env.publications.current(session).id
        make_enrolment(session, live, lead, NAME, state={"step": step}, subject_key=lead.id)


def publications(env: Environment) -> list[PublicationRow]:
    with env.database.read() as session:
        return list(session.exec(select(PublicationRow).order_by(PublicationRow.published_at)).all())  # type: ignore[arg-type]


def test_publishing_stores_who_and_how_many_mails(env: Environment) -> None:
    published = publish_workspace(env, without_read(), "佐藤", NOW, approver="鈴木", expected_mails=1200)
    assert published.changes == {"added": [], "changed": [f"plan:{NAME}"], "removed": []}
    row = publications(env)[-1]
    assert (row.id, row.published_by, row.approved_by, row.expected_mails) == (
        published.id, "佐藤", "鈴木", 1200,
    )  # fmt: skip
    assert env.publications.current().id == published.id


def test_publishing_what_is_live_does_nothing(env: Environment) -> None:
    published = publish_workspace(env, make_publication(), "佐藤", NOW)
    assert not published.is_new
    assert published.id == env.publications.current().id
    assert len(publications(env)) == 1


def test_publishing_into_an_empty_database(env: Environment) -> None:
    with env.database.write() as session:
        session.delete(session.exec(select(PublicationRow)).one())
    published = publish_workspace(env, make_publication(), "佐藤", NOW)
    assert published.is_new
    assert f"plan:{NAME}" in published.changes["added"]


def test_publishing_refuses_to_lose_the_step_that_people_are_on(env: Environment) -> None:
    enter(env)
    enter(env)
    with pytest.raises(PublishRefusedError, match=f"{NAME}: 2 on `read`"):
        publish_workspace(env, without_read(default="move"), "佐藤", NOW)
    assert len(publications(env)) == 1


@pytest.mark.parametrize(
    "on_edit",
    [
        {"default": "stay"},
        {"default": "exit"},
        {"default": "finish"},
        {"default": "move", "steps": {"read": "case"}},
    ],
)
def test_publishing_without_a_step_where_people_know_where_to_go(env: Environment, on_edit: Any) -> None:
    enter(env)
    published = publish_workspace(env, without_read(**on_edit), "佐藤", NOW)
    assert published.is_new
    assert published.journeys == ({} if on_edit["default"] == "stay" else {on_edit["default"]: 1})


def test_publishing_begins_the_backfill(env: Environment) -> None:
    segments = {"it": p.Segment(when=p.Expression(source="true"))}
    published = publish_workspace(env, make_publication(segments=segments), "佐藤", NOW)
    with env.database.read() as session:
        progress = backfill_progress(session)
    assert progress is not None
    assert (progress.publication, progress.finished) == (published.id, False)
