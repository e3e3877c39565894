"""Buckets of tokens."""

from __future__ import annotations

from leadloop.web.throttle import Throttle


def test_throttle_gives_a_burst_then_a_rate_per_client() -> None:
    seconds = 0.0
    throttle = Throttle(2.0, 3, lambda: seconds)
    assert [throttle.take("a") for _ in range(5)] == [True, True, True, False, False]
    assert throttle.take("b")
    seconds = 0.5
    assert [throttle.take("a") for _ in range(2)] == [True, False]
    seconds = 100.0
    assert [throttle.take("a") for _ in range(4)] == [True, True, True, False]


def test_throttle_remembers_a_bounded_number_of_clients() -> None:
    throttle = Throttle(0.0, 1, lambda: 0.0)
    assert throttle.take("first")
    assert not throttle.take("first")
    for number in range(10_000):
        throttle.take(str(number))
    assert len(throttle._buckets) == 10_000
    assert throttle.take("first")
