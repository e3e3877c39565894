"""Days, times and weekdays that people write otherwise than the language does."""

from __future__ import annotations

import pytest

from leadloop.language.meant import day_meant, recurring_day_meant, time_meant, weekday_meant


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("17時", "17:00"),
        ("１７：３０", "17:30"),
        ("9:00", "09:00"),
        ("午後5時半", "17:30"),
        ("午前0時", "00:00"),
        ("5pm", "17:00"),
        ("12時15分", "12:15"),
        ("25:00", None),
        ("12:60", None),
        ("正午", None),
        ("", None),
    ],
)
def test_time_is_guessed(text: str, meant: str | None) -> None:
    assert time_meant(text) == meant


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2027/4/1", "2027-04-01"),
        ("2027年4月1日", "2027-04-01"),
        ("２０２７．４．１", "2027-04-01"),
        ("2027-02-30", None),
        ("4/1", None),
    ],
)
def test_day_is_guessed(text: str, meant: str | None) -> None:
    assert day_meant(text) == meant


@pytest.mark.parametrize(
    ("text", "meant"),
    [("月", "monday"), ("火曜", "tuesday"), ("日曜日", "sunday"), ("日", "sunday"), ("Wed", "wednesday"),
     ("thrusday", "thursday"), ("t", None), ("祝日", None)],
)  # fmt: skip
def test_weekday_is_guessed(text: str, meant: str | None) -> None:
    assert weekday_meant(text) == meant


@pytest.mark.parametrize(
    ("words", "meant"),
    [(["第3", "水曜日"], "third wednesday"), (["第6月曜"], None), (["32日"], None), (["末日"], "last day"),
     (["2nd", "tue"], "second tuesday"), (["every", "fri"], "friday"), ([], None), (["a", "b", "c"], None)],
)  # fmt: skip
def test_recurring_day_is_guessed(words: list[str], meant: str | None) -> None:
    assert recurring_day_meant(words) == meant
