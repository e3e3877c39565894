"""月刊メールマガジン: the second Tuesday at ten; two subjects, the better one for the rest."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from sqlmodel import select

from leadloop.language.plan import ExperimentStep, Publication
from leadloop.storage.tables import ExperimentDraw, ExperimentWinner, Message
from tests.scenarios.conftest import Worlds
from tests.scenarios.world import World, shipped, shown

NEW_YORK = ZoneInfo("America/New_York")


def draws(world: World) -> dict[str, str]:
    """Return the arm of each lead."""
    with world.env.database.read() as session:
        return {one.lead_id: one.variant for one in session.exec(select(ExperimentDraw)).all()}


def winner(world: World) -> ExperimentWinner:
    with world.env.database.read() as session:
        return session.exec(select(ExperimentWinner)).one()


def issues(world: World, lead: str) -> list[tuple[str | None, str | None]]:
    """Return subject and instant of the issues that a lead got."""
    with world.env.database.read() as session:
        rows = session.exec(select(Message).where(Message.lead_id == lead).order_by(Message.id)).all()
    return [(row.subject, shown(row.sent_at)) for row in rows]


def smaller() -> Publication:
    """The same with larger shares and fewer mails to compare, so that few leads make a round."""
    plan = shipped().plans["newsletter"]
    step = plan.steps["issue"]
    assert isinstance(step, ExperimentStep)
    assert step.rest is not None
    assert [(one.name, one.share) for one in step.variants] == [("a", 1000), ("b", 1000)]
    arms = tuple(one.model_copy(update={"share": 4000}) for one in step.variants)
    rest = step.rest.model_copy(update={"min_sends": 6})
    changed = step.model_copy(update={"variants": arms, "rest": rest})
    plan = plan.model_copy(update={"steps": plan.steps | {"issue": changed}})
    return shipped().model_copy(update={"plans": {"newsletter": plan}})


def test_issue_goes_on_the_second_tuesday_in_the_leads_zone(worlds: Worlds) -> None:
    world = worlds("2026-12-01 10:00", "newsletter")
    here, there = world.person("newsletter"), world.person("newsletter", timezone="America/New_York")
    for lead in (here, there):
        world.event("page_viewed", lead, path="/", seconds=1)
    world.until("2026-12-08 09:59")
    assert world.journeys("newsletter") == []
    world.until("2026-12-08 10:00")
    assert [one.lead_id for one in world.journeys("newsletter")] == [here]
    world.until("2026-12-08 10:00", NEW_YORK)
    assert shown(world.journey("newsletter", there).entered_at, NEW_YORK) == "2026-12-08 10:00"
    world.until("2026-12-08 14:00", NEW_YORK)
    assert world.outcome("newsletter", here) == world.outcome("newsletter", there) == "sent"
    assert world.templates(here) == ["news/2026-12"]


def test_next_month_brings_the_next_issue(worlds: Worlds) -> None:
    world = worlds("2026-11-02 10:00", "newsletter")
    lead = world.person("newsletter")
    world.event("page_viewed", lead, path="/", seconds=1)
    world.until("2027-01-20 10:00")
    templates = world.sent(lead)
    assert [name for name, _ in templates] == ["news/2026-11", "news/2026-12", "news/evergreen"]
    assert [str(at)[:10] for _, at in templates] == ["2026-11-10", "2026-12-08", "2027-01-12"]


def test_better_subject_goes_to_the_rest(worlds: Worlds) -> None:
    world = worlds("2026-12-01 10:00", "newsletter")
    world.publish(smaller())
    leads = [world.person("newsletter") for _ in range(40)]
    for lead in leads:
        world.event("page_viewed", lead, path="/", seconds=1)
    world.until("2026-12-08 10:30")
    arms = draws(world)
    assert set(arms) == set(leads)
    rest = [lead for lead in leads if arms[lead] == "rest"]
    assert rest
    assert all(issues(world, lead) == [] for lead in rest)
    for lead in leads:
        if arms[lead] == "b":
            world.click(lead, "news/2026-12")
    world.until("2026-12-08 14:00")
    found = winner(world)
    assert (found.variant, found.figures["why"]) == ("b", "rate")
    numbers = {name: list(arms.values()).count(name) for name in ("a", "b")}
    assert found.figures["arms"] == {"a": [numbers["a"], 0], "b": [numbers["b"], numbers["b"]]}
    for lead in leads:
        (subject, at), *more = issues(world, lead)
        assert more == []
        assert subject == ("今月の導入事例 3選" if arms[lead] == "a" else "山田 太郎 様の業務に近い導入事例")
        assert at == ("2026-12-08 14:00" if arms[lead] == "rest" else "2026-12-08 10:00")


def test_too_few_mails_decide_nothing(worlds: Worlds) -> None:
    world = worlds("2026-12-01 10:00", "newsletter")
    leads = [world.person("newsletter") for _ in range(12)]
    for lead in leads:
        world.event("page_viewed", lead, path="/", seconds=1)
    world.until("2026-12-08 15:00")
    arms = draws(world)
    for lead in leads:
        ((subject, _),) = issues(world, lead)
        assert (subject == "今月の導入事例 3選") == (arms[lead] != "b")  # `tie: a`


def test_who_refused_or_has_no_address_gets_nothing(worlds: Worlds) -> None:
    world = worlds("2026-12-01 10:00", "newsletter")
    refused, unknown = world.person("newsletter"), world.person(email=None, phone="03-1234-5678")
    for lead in (refused, unknown):
        world.event("page_viewed", lead, path="/", seconds=1)
    world.event("unsubscribed", refused, topic="newsletter")
    world.until("2026-12-08 15:00")
    assert world.journeys("newsletter", unknown) == []  # no member of the segment
    assert world.sent(refused) == []
