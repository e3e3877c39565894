"""What time alone had done in the lost part of a restored database."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from leadloop.inbox.recovery.lost_time import pass_changes
from leadloop.inbox.relaying.due import run_due
from leadloop.language import plan as p
from tests.factories import ManualClock
from tests.inbox.driver import journeys, report, settle
from tests.inbox.entry_worlds import add_lead, days, did, due_keys, lead_of, scenario, segment, world


@pytest.mark.parametrize(("hours", "entered"), [(1, 1), (-1, 2)], ids=["lost", "later"])
def test_d6_a_segment_that_time_changed_in_the_lost_stretch_lets_nobody_enter_again(
    tmp_path: Path, clock: ManualClock, hours: int, entered: int
) -> None:
    """The lost database had run until some hours after the lead fell quiet, or not so far."""
    asked = did("page_viewed", within=days(7))
    quiet = asked.model_copy(update={"source": f"!({asked.source})"})
    enters = scenario(p.SegmentMatch(segment="quiet"), wait=None)
    env = world(tmp_path, clock, enters, segments={"quiet": segment(quiet)})
    lead = add_lead(env)  # new, and quiet from the start: its first journey
    report(env, "page_viewed", lead_id=lead, properties={"path": "/pricing"}, source="tracking")
    settle(env)
    (row,) = due_keys(env, "segments").values()
    clock.advance(days=9)
    assert pass_changes(env, row.due_at + timedelta(hours=hours)) == (1 if hours > 0 else 0)
    run_due(env)
    assert lead_of(env, lead).segments == ["quiet"]
    assert len(journeys(env)) == entered
    assert due_keys(env, "segments") == {}
    env.database.close()
