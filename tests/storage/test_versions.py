"""The versions that went live, and naming one by a few letters."""

from __future__ import annotations

from datetime import timedelta

import pytest

from leadloop.language import plan as p
from leadloop.storage.environment import Environment
from leadloop.storage.publications import publish
from leadloop.storage.tables import EnrolmentStatus
from leadloop.storage.versions import Named, VersionError, find_version, scenario_names, versions
from tests.factories import NOW, make_enrolment, make_lead, make_plans, make_publication

NAME = "whitepaper-nurture"


def titled(title: str) -> p.Publication:
    plans = make_plans()
    return make_publication(plans=plans | {NAME: plans[NAME].model_copy(update={"title": title})})


@pytest.fixture
def history(migrated: Environment) -> list[str]:
    """Ids of three publications: the first text, another one, and the first one again."""
    ids = [migrated.publications.current().id]
    for days, publication in ((1, titled("改訂")), (2, make_publication())):
        with migrated.database.write() as session:
            at = NOW + timedelta(days=days)
            ids.append(publish(session, publication, "佐藤", at, approved_by="鈴木", expected_mails=900))
    return ids


def test_versions_are_listed_with_who_and_when(migrated: Environment, history: list[str]) -> None:
    with migrated.database.write() as session:
        for status in (EnrolmentStatus.RUNNING, EnrolmentStatus.HELD, EnrolmentStatus.ENDED):
            lead = make_lead(session, migrated)
            make_enrolment(session, history[1], lead, NAME, status=status, subject_key=lead.id)
        found = versions(session, NAME)
    second, first = found
    assert (second.published_by, second.approved_by, second.open_journeys) == ("佐藤", "鈴木", 2)
    assert (second.publication_id, second.live) == (history[1], False)
    assert (first.published_at, first.published_by, first.open_journeys) == (NOW, "tests", 0)
    assert first.live  # published again, and still the version of the first day
    assert first.digest == migrated.publications.get(history[0]).parts[f"plan:{NAME}"]


def test_versions_of_an_unknown_scenario_are_none(migrated: Environment) -> None:
    with migrated.database.read() as session:
        assert versions(session, "none") == []
        assert scenario_names(session) == ["lost-deal-recycle", "sales-handoff", NAME]


def test_find_version_by_publication_and_plan(migrated: Environment, history: list[str]) -> None:
    stored = migrated.publications.get(history[1])
    with migrated.database.read() as session:
        assert find_version(session, history[1]) == Named(history[1])
        assert find_version(session, stored.publication.digest()[:12]) == Named(history[1])
        assert find_version(session, stored.parts[f"plan:{NAME}"][:12]) == Named(history[1], NAME)
        again = migrated.publications.get(history[0])
        assert find_version(session, again.publication.digest()[:12]) == Named(
            history[2]
        )  # the newest with it


@pytest.mark.parametrize(
    ("text", "problem"), [("abc", "too short"), ("zzzzzz", "there is no version `zzzzzz`")]
)
def test_find_version_refuses(migrated: Environment, text: str, problem: str) -> None:
    with migrated.database.read() as session, pytest.raises(VersionError, match=problem):
        find_version(session, text)


def test_find_version_refuses_what_several_begin_with(migrated: Environment, history: list[str]) -> None:
    with migrated.database.read() as session, pytest.raises(VersionError, match="more letters"):
        find_version(session, history[0][:4])
