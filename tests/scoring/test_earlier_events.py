"""Earlier events: what was read ahead, however little, gives the same answers as asking each time."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice

import pytest
from sqlmodel import Session

from leadloop.scoring.earlier_events import EVER, EarlierEvents, read_earlier
from leadloop.storage.columns import new_id
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Event
from tests.factories import NOW, make_lead

TYPES = ("page_viewed", "email_clicked")


def _event(lead_id: str, seq: int, at: datetime, event_type: str = "page_viewed") -> Event:
    return Event(
        id=new_id(), subject_id=lead_id, lead_id=lead_id, lead_seq=seq, type=event_type,
        properties={"path": f"/{seq}"}, source="api", occurred_at=at, received_at=NOW, applied_at=NOW,
        message_id=f"m{seq % 3}",
    )  # fmt: skip


def _fill(session: Session, env: Environment, count: int) -> str:
    """Add a lead with so many page views, two at an instant, some of them reported late."""
    lead_id = make_lead(session, env).id
    for seq in range(1, count + 1):
        session.add(_event(lead_id, seq, NOW - timedelta(hours=(seq * 7 % count) // 2)))
    session.flush()
    return lead_id


def _ids(
    found: EarlierEvents, since: datetime | None, after_seq: int = 0, messages: set[str] | None = None
) -> list[str]:
    return [row.id for row in found.newest_first("page_viewed", since, after_seq, messages)]


@pytest.mark.parametrize("count", [0, 10, 50, 51, 120])
@pytest.mark.parametrize("read_since", [EVER, NOW - timedelta(hours=20)])
def test_events_read_ahead_are_those_that_are_asked_for(
    env: Environment, count: int, read_since: datetime
) -> None:
    with env.database.write() as session:
        lead_id = _fill(session, env, count)
        ahead = read_earlier(session, [lead_id], TYPES, read_since)[lead_id]
        for since in (None, NOW - timedelta(hours=20), NOW - timedelta(hours=24, minutes=1), NOW):
            for after_seq, messages in ((0, None), (count // 2, None), (0, {"m1"})):
                known = EarlierEvents(session, lead_id, ahead, read_since)
                asked = EarlierEvents(session, lead_id)
                assert _ids(known, since, after_seq, messages) == _ids(asked, since, after_seq, messages)


@pytest.mark.parametrize("count", [10, 120])
def test_event_that_is_applied_later_takes_its_place_among_those_read_ahead(
    env: Environment, count: int
) -> None:
    with env.database.write() as session:
        lead_id = _fill(session, env, count)
        known = EarlierEvents(session, lead_id, read_earlier(session, [lead_id], TYPES, EVER)[lead_id], EVER)
        for number, hours in enumerate((-1, 3, 40, 2000)):  # the last one is reported a month late
            event = _event(lead_id, count + 1 + number, NOW - timedelta(hours=hours))
            session.add(event)
            known.add(event)
        asked = EarlierEvents(session, lead_id)
        for since in (None, NOW - timedelta(hours=4), NOW - timedelta(hours=50)):
            assert _ids(known, since) == _ids(asked, since)
        assert known.seq_of(event.id) == count + 4


def test_events_that_were_read_ahead_cost_no_statement(
    env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    with env.database.write() as session:
        lead_id = _fill(session, env, 120)
        since = NOW - timedelta(hours=90)
        known = EarlierEvents(
            session, lead_id, read_earlier(session, [lead_id], TYPES, since)[lead_id], since
        )
        monkeypatch.setattr(EarlierEvents, "_read", lambda *_: pytest.fail("it asked the database"))
        assert len(list(islice(known.newest_first("page_viewed", None), 50))) == 50
        assert known.of("email_clicked", since) == []
