"""A lead's story, told from what the engine left behind."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlmodel import select

from leadloop.sales import commands
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Event, Message, Offer
from leadloop.web.story import StoryLine, story
from leadloop.web.story_words import describe_event, describe_trace, describe_unsent
from tests.factories import NOW, ManualClock, make_enrolment, make_lead, make_message, make_score_entry
from tests.inbox.driver import report, settle

TOKYO = ZoneInfo("Asia/Tokyo")


def lines_of(env: Environment, lead_id: str) -> list[StoryLine]:
    with env.database.read() as session:
        return story(session, env, lead_id)


def test_story_of_an_unknown_lead_is_empty(env: Environment) -> None:
    assert lines_of(env, "none") == []


def test_story_tells_the_loop_in_the_order_of_cause_and_effect(env: Environment, clock: ManualClock) -> None:
    result = report(
        env,
        "form_submitted",
        email="hanako@example.jp",
        properties={"form": "whitepaper"},
        identity={"family_name": "佐藤", "consent": True},
        source="form",
        trust="verified",
    )
    lead_id = str(result.lead_id)
    settle(env)
    clock.advance(hours=1)
    report(
        env,
        "form_submitted",
        lead_id=lead_id,
        properties={"form": "contact"},
        source="form",
        trust="verified",
    )
    settle(env)
    clock.advance(hours=1)
    with env.database.read() as session:
        offer = session.exec(select(Offer)).one()
    commands.accept_offer(env, offer.id)
    settle(env)
    clock.advance(days=2)
    commands.lose_deal(env, offer.id, reason="timing", revisit_on="2027-04", lead_id=lead_id)
    settle(env)
    lines = lines_of(env, lead_id)
    texts = [one.text for one in lines]
    expected = [
        "filled in the form “資料請求”",
        "entered “資料ダウンロード後の育成”",
        "mail thanks sent",
        "filled in the form “お問い合わせ”",
        "stage lead → mql",
        "left “資料ダウンロード後の育成”: goal",
        "entered “営業への引き渡し”",
        f"offered to {offer.assignee} (inside-sales)",
        "accepted by sales",
        "deal lost: 時期尚早, ask again in 2027-04",
        "left “営業への引き渡し”: lost",
        "entered “失注リサイクル”",
        "engagement score set back",
        "back: rests until 2027-04-01 (date)",
    ]
    positions = [texts.index(one) for one in expected]
    assert positions == sorted(positions)
    assert [one.at for one in lines] == sorted(one.at for one in lines)
    inquiry = lines[texts.index("filled in the form “お問い合わせ”")]
    assert (inquiry.points, inquiry.detail) == (30, "+30 engagement (inquiry)")


def test_story_names_the_mail_that_was_clicked(env: Environment) -> None:
    with env.database.write() as session:
        lead = make_lead(session, env)
        journey = make_enrolment(session, env.publications.current().id, lead, "whitepaper-nurture")
        message = make_message(session, journey)
        event = Event(
            subject_id=lead.id,
            type="email_clicked",
            properties={"url": "https://acme.example/w", "link": ""},
            source="tracking",
            occurred_at=NOW,
            received_at=NOW,
            message_id=message.id,
        )
        session.add(event)
        session.flush()
        make_score_entry(session, lead, event_id=event.id)
    clicked = next(one for one in lines_of(env, lead.id) if one.text.startswith("clicked"))
    assert clicked.text == "clicked https://acme.example/w in “資料をお届けします”"
    assert (clicked.points, clicked.scenario) == (5, "whitepaper-nurture")
    assert clicked.detail == "+5 engagement (mail-click), not applied yet"


@pytest.mark.parametrize(
    ("event_type", "properties", "words"),
    [
        ("unsubscribed", {"topic": "*"}, "wants no more mail"),
        ("unsubscribed", {"topic": "nurture"}, "wants no more mail about nurture"),
        ("deal_won", {"deal": "D", "amount": 5_000_000}, "deal won (5,000,000)"),
        ("deal_lost", {}, "deal lost"),
        ("handoff_rejected", {"reason": "学生"}, "given back by sales: 学生"),
        ("form_submitted", {"form": "gone"}, "filled in the form “gone”"),
        ("email_clicked", {}, "clicked a link in a mail"),
        ("card_received", {"show": "展示会"}, "card received: show 展示会"),
        ("page_viewed", {"path": "/" + "x" * 500}, "viewed /" + "x" * 198 + "…"),
    ],
)
def test_describe_event_needs_no_property(
    env: Environment, event_type: str, properties: dict[str, Any], words: str
) -> None:
    workspace = env.publications.current().publication.workspace
    event = Event(
        subject_id="x", type=event_type, properties=properties, source="api", occurred_at=NOW, received_at=NOW
    )
    assert describe_event(event, None, workspace) == words


@pytest.mark.parametrize(
    ("trace", "words"),
    [
        (
            {"step": "read", "did": "await", "until": "2026-11-20T15:30:00+00:00"},
            "read: waits until 2026-11-21 at the latest",
        ),
        ({"step": "read", "did": "await", "timed_out": True}, "read: nothing happened in time"),
        (
            {"step": "eve", "did": "wait", "until": "2026-12-09T08:00:00+00:00", "moved": True},
            "eve: its date moved: waits until 2026-12-09 at the latest",
        ),
        (
            {"step": "eve", "did": "wait", "unknown": "run.seminar.starts_at"},
            "eve: waits for run.seminar.starts_at, which is not known yet",
        ),
        ({"step": "eve", "did": "wait", "past": True, "moved": True}, "eve: its date is past"),
        ({"step": "back", "did": "recycle", "past": True, "moved": True}, "back: its date is past"),
        ({"step": "big", "did": "if", "result": None}, "big: if: unknown"),
        ({"step": "big", "did": "if", "result": False}, "big: if: no"),
        ({"step": "x", "did": "held", "reason": "no date"}, "x: held: no date"),
        ({"step": "x", "did": "stage", "to": "mql"}, None),
        ({}, None),
    ],
)
def test_describe_trace_tells_what_other_lines_do_not(trace: dict[str, Any], words: str | None) -> None:
    assert describe_trace(trace, TOKYO) == words


def test_unsent_mail_says_why(env: Environment) -> None:
    with env.database.write() as session:
        journey = make_enrolment(session, env.publications.current().id, make_lead(session, env))
        message: Message = make_message(session, journey, status="skipped", reason="unsubscribed")
    assert describe_unsent(message) == "was not sent (unsubscribed)"
    texts = [one.text for one in lines_of(env, message.lead_id)]
    assert "mail “資料をお届けします” was not sent (unsubscribed)" in texts
