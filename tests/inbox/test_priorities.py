"""What Temporal is told of a scenario's priority."""

from __future__ import annotations

import pytest

from leadloop.inbox.relaying.priorities import task_priority
from tests.inbox.played import plan_of, rest


@pytest.mark.parametrize(
    ("priority", "key"), [(1000, 1), (80, 1), (79, 2), (60, 2), (50, 3), (40, 3), (20, 4), (19, 5), (0, 5)]
)
def test_priority_becomes_a_key_of_five(priority: int, key: int) -> None:
    assert task_priority(plan_of(rest(), priority=priority)).priority_key == key


def test_fairness_key_is_the_scenario_within_temporals_limit() -> None:
    assert task_priority(plan_of(rest(), scenario="renewal")).fairness_key == "renewal"
    long = task_priority(plan_of(rest(), scenario="長い" * 40)).fairness_key or ""
    assert len(long.encode()) <= 64
    assert ("長い" * 40).startswith(long)
