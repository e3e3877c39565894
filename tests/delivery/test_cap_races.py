"""Two mails of one lead claimed at once: the caps are counted under the lead's lock."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Barrier

import pytest

from leadloop.delivery.claim import claim_message
from leadloop.language import plan as p
from leadloop.storage.tables import EnrolmentStatus, Message, MessageStatus
from tests.factories import (
    NOW,
    ManualClock,
    make_enrolment,
    make_environment,
    make_lead,
    make_message,
    make_plans,
    make_publication,
    make_workspace,
)

ONE_A_DAY = p.Limits(frequency={"all": p.Frequency(count=1, per=p.Span(amount=1, unit="days"))})


@pytest.mark.parametrize("round_no", range(3))
def test_two_claims_where_the_cap_leaves_room_for_one(
    tmp_path: Path, clock: ManualClock, url: str, round_no: int
) -> None:
    publication = make_publication(workspace=make_workspace(limits=ONE_A_DAY))
    env = make_environment(tmp_path, publication, clock, url)
    with env.database.write() as session:
        lead = make_lead(session, env, opt_in=True)
        current = env.publications.current(session).id
        ids = []
        for scenario in ("whitepaper-nurture", "sales-handoff"):
            enrolment = make_enrolment(session, current, lead, scenario, status=EnrolmentStatus.RUNNING)
            message = make_message(
                session, enrolment, status=MessageStatus.NEW, sent_at=None, rendered_to=lead.email
            )
            ids.append(message.id)
    barrier = Barrier(2)

    def claim(message_id: str) -> str:
        barrier.wait()
        with env.database.write() as session:
            return claim_message(session, env, message_id, 1).status

    with ThreadPoolExecutor(2) as pool:
        statuses = sorted(future.result() for future in [pool.submit(claim, one) for one in ids])
    assert statuses == ["held", "sending"]
    with env.database.read() as session:
        rows = [session.get_one(Message, one) for one in ids]
    held = next(row for row in rows if row.status == MessageStatus.HELD)
    assert (held.reason, held.hold_until) == ("caps", NOW + timedelta(days=1))
    env.database.close()


def test_a_mail_gives_way_to_one_of_a_higher_priority(tmp_path: Path, clock: ManualClock, url: str) -> None:
    plans = make_plans()
    plans["sales-handoff"] = plans["sales-handoff"].model_copy(update={"priority": 90})
    publication = make_publication(workspace=make_workspace(limits=ONE_A_DAY), plans=plans)
    env = make_environment(tmp_path, publication, clock, url)
    with env.database.write() as session:
        lead = make_lead(session, env, opt_in=True)
        current = env.publications.current(session).id
        ids = []
        for scenario in ("whitepaper-nurture", "sales-handoff"):
            enrolment = make_enrolment(session, current, lead, scenario)
            message = make_message(
                session,
                enrolment,
                scenario=scenario,
                status=MessageStatus.NEW,
                sent_at=None,
                rendered_to=lead.email,
            )
            ids.append(message.id)
    with env.database.write() as session:
        assert [claim_message(session, env, one, 1).status for one in ids] == ["held", "sending"]
    with env.database.read() as session:
        row = session.get_one(Message, ids[0])
    assert (row.reason, row.hold_until) == ("priority", NOW + timedelta(hours=1))
    env.database.close()
