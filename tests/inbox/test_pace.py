"""The relay's pace, without a service."""

from __future__ import annotations

from temporalio.service import RPCStatusCode

from leadloop.inbox.relaying.pace import MOST_AT_ONCE, Pace


class Seconds:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def rounds(pace: Pace, *statuses: RPCStatusCode | None) -> None:
    for status in statuses:
        pace.begin_round()
        if status is not None:
            pace.refuse(status)
        pace.end_round()


def test_refusal_halves_the_calls_and_lets_it_rest_longer_each_time() -> None:
    seconds = Seconds()
    pace = Pace(seconds)
    rests = []
    for _ in range(8):
        rounds(pace, RPCStatusCode.UNAVAILABLE)
        began = seconds.now
        while pace.is_resting:
            seconds.now += 0.25
        rests.append(seconds.now - began)
    assert rests == [0.25, 0.5, 1, 2, 4, 8, 10, 10]
    assert pace.at_once == 1


def test_rounds_without_refusal_bring_the_calls_back_one_by_one() -> None:
    pace = Pace(Seconds())
    rounds(pace, RPCStatusCode.RESOURCE_EXHAUSTED)
    assert pace.at_once == MOST_AT_ONCE // 2
    rounds(pace, None, None)
    assert pace.at_once == MOST_AT_ONCE // 2 + 2
    rounds(pace, *[None] * 20)
    assert pace.at_once == MOST_AT_ONCE


def test_many_refusals_of_one_round_count_once_and_end_it() -> None:
    pace = Pace(Seconds())
    pace.begin_round()
    for _ in range(5):
        pace.refuse(RPCStatusCode.UNAVAILABLE)
    assert pace.is_over
    assert pace.at_once == MOST_AT_ONCE // 2


def test_refusal_of_one_journey_is_not_the_services() -> None:
    pace = Pace(Seconds())
    rounds(pace, RPCStatusCode.NOT_FOUND)
    assert (pace.at_once, pace.is_resting, pace.is_over) == (MOST_AT_ONCE, False, False)
