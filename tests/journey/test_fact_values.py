"""Stored values as facts."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from leadloop.conditions import FactValue
from leadloop.journey.fact_values import put_stored

TOKYO = ZoneInfo("Asia/Tokyo")


def test_day_is_its_local_midnight_and_a_month_its_first_day() -> None:
    facts: dict[str, FactValue] = {}
    put_stored(facts, "lead.day", "2027-04-05", "date", TOKYO)
    put_stored(facts, "lead.month", "2027-04", "date", TOKYO)
    assert facts == {
        "lead.day": datetime(2027, 4, 4, 15, tzinfo=UTC),
        "lead.month": datetime(2027, 3, 31, 15, tzinfo=UTC),
    }


def test_date_before_all_calendars_is_unknown() -> None:
    facts: dict[str, FactValue] = {}
    put_stored(facts, "lead.purchase_timing", "0001-01-01", "date", TOKYO)  # an empty date of other systems
    put_stored(facts, "lead.seen_at", "0001-01-01T00:00:00+09:00", "datetime", TOKYO)
    assert facts == {}
