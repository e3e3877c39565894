"""The people of the demo: made from the file and the seed, nothing else."""

from __future__ import annotations

from pathlib import Path

from leadloop.demo.people import read_people

LEADS = Path(__file__).parents[2] / "demo" / "leads.csv"


def test_people_are_the_same_for_the_same_seed() -> None:
    assert read_people(LEADS, 200, 60, 7) == read_people(LEADS, 200, 60, 7)


def test_people_of_another_seed_differ() -> None:
    assert read_people(LEADS, 200, 60, 7) != read_people(LEADS, 200, 60, 8)


def test_first_person_comes_at_once_so_that_a_mail_is_seen_soon() -> None:
    first = read_people(LEADS, 200, 60, 3)[0]
    assert first.comes_after is not None
    assert first.comes_after.total_seconds() < 3600


def test_people_in_the_file_are_of_all_kinds() -> None:
    people = read_people(LEADS, 200, 60, 1)
    assert {one.interest for one in people} == {"none", "mild", "keen"}
    assert {one.consents for one in people} == {True, False}
    coming = [one for one in people if one.comes_after is not None]
    assert 60 < len(coming) < 140
