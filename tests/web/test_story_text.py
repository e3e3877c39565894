"""The sentences of a story: of every event and trace that the whole language brings, in two languages."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from leadloop.storage.environment import Environment
from leadloop.storage.tables import Event
from leadloop.web import story as story_module
from leadloop.web import story_words, trace_words
from leadloop.web.story import story
from leadloop.web.story_text import _JAPANESE, say
from leadloop.web.story_words import describe_event
from leadloop.web.trace_words import describe_trace
from tests.factories import NOW
from tests.inbox.driver import mails, report, settle

TOKYO = ZoneInfo("Asia/Tokyo")


@pytest.mark.parametrize(
    ("event_type", "properties", "words"),
    [
        ("entry_due", {"scenario": "dormant", "entry": 0}, "the time of an entry of “dormant” came"),
        ("entry_due", {"scenario": "renewal", "record": "c1"}, "the time of an entry of “renewal” came: c1"),
        ("enrol_requested", {"scenario": "seminar", "record": "s1"}, "was asked to enter “seminar”: s1"),
        ("entry_repeated", {"scenario": "a"}, "came again to “a”, which is running"),
        ("entry_repeated", {"scenario": "a", "refused": "b"}, "did not enter “b”, because “a” is running"),
        ("segment_entered", {"segment": "active"}, "joined the segment active"),
        ("segment_left", {"segment": "active"}, "left the segment active"),
        ("record_changed", {"record": "seminar", "key": "s1", "field": "at"}, "seminar s1: at has changed"),
        ("record_changed", {"record": "seminar", "key": "s1"}, "seminar s1 has changed"),
        ("score_crossed", {"model": "fit", "threshold": 30, "direction": "up"}, "fit rose over 30"),
        ("score_crossed", {"model": "fit", "threshold": 30, "direction": "down"}, "fit fell below 30"),
        ("subscribed", {"topic": "news", "basis": "card"}, "may be mailed about news (card)"),
        ("task_done", {"outcome": "in_ringi", "date": "2026-12-10"}, "task done: in_ringi (2026-12-10)"),
    ],
)  # fmt: skip
def test_event_in_words(env: Environment, event_type: str, properties: dict[str, Any], words: str) -> None:
    workspace = env.publications.current().publication.workspace
    event = Event(
        subject_id="x", type=event_type, properties=properties, source="engine",
        occurred_at=NOW, received_at=NOW,
    )  # fmt: skip
    assert describe_event(event, None, workspace) == words
    assert describe_event(event, None, workspace, "ja") != words


@pytest.mark.parametrize(
    ("trace", "words"),
    [
        ({"did": "tag", "tags": ["vip", "no_show"]}, "tagged vip, no_show"),
        ({"did": "untag", "tags": ["vip"]}, "tag vip removed"),
        ({"did": "set", "fields": ["source"]}, "wrote source"),
        ({"did": "set", "not_written": ["industry"]}, "left industry as they were"),
        (
            {"did": "suppress", "topics": ["nurture"], "reason": "sunset"},
            "mails about nurture stopped by us (sunset)",
        ),
        ({"did": "subscribe", "refused": "unsubscribed"}, "no permission written: the person unsubscribed"),
        ({"did": "enrol", "scenario": "care"}, "asked to enter “care”"),
        ({"did": "record", "event": "reactivated"}, "noted “reactivated”"),
        ({"did": "notify", "to": "owner"}, "told owner"),
        ({"did": "switch", "case": 2}, "took way 2"),
        ({"did": "switch", "case": None}, "took the other way"),
        ({"did": "repeat", "of": "ask", "round": 3}, "round 3"),
        ({"did": "repeat", "of": "ask", "over": "max"}, "no more rounds"),
        ({"did": "experiment", "drawn": "a"}, "drawn for a"),
        ({"did": "experiment", "winner": "b"}, "takes b"),
        ({"did": "task", "due": "2026-11-20T00:00:00+00:00", "again": 2}, "task given again (2)"),
        ({"did": "hand_off", "expired": True}, "sales did not answer in time"),
        ({"did": "webhook", "to": "crm", "status": "failed", "code": 404}, "call to crm failed: 404"),
        ({"did": "moved", "from": "a", "to": "b"}, "goes on in a new version"),
        ({"did": "ended", "outcome": "goal"}, "ended: goal"),
    ],
)
def test_trace_in_words(trace: dict[str, Any], words: str) -> None:
    assert describe_trace({"step": "x", **trace}, TOKYO) == f"x: {words}"
    assert describe_trace(trace, TOKYO) == words
    assert describe_trace(trace, TOKYO, "ja") != words


@pytest.mark.parametrize("did", ["subscribe", "unsubscribe", "score", "go", "stage", "send", "notify"])
def test_trace_that_other_lines_tell_has_no_words(did: str) -> None:
    assert describe_trace({"step": "x", "did": did}, TOKYO) is None


def test_story_is_told_in_japanese_too(env: Environment) -> None:
    report(env, "form_submitted", email="taro@kaisha.example", properties={"form": "whitepaper"})
    settle(env)
    lead_id = mails(env)[0].lead_id
    with env.database.read() as session:
        texts = [line.text for line in story(session, env, lead_id, "ja")]
    assert "フォーム「資料請求」を送信" in texts
    assert "「資料ダウンロード後の育成」を開始" in texts
    assert any(text.startswith("read: 遅くとも ") for text in texts)


def test_sentence_without_a_translation_stays_english() -> None:
    assert say("ja", "no such sentence {x}", x=1) == "no such sentence 1"


def test_every_sentence_has_the_same_places_in_both_languages() -> None:
    for english, japanese in _JAPANESE.items():
        places = [sorted(re.findall(r"{(\w+)}", text)) for text in (english, japanese)]
        assert places[0] == places[1], english


def test_every_sentence_that_is_said_is_translated() -> None:
    files = [Path(module.__file__ or "") for module in (story_module, story_words, trace_words)]
    said = {
        text
        for file in files
        for text in re.findall(r'say\(\s*language,\s*"([^"]+)"', file.read_text(encoding="utf-8"))
    }
    assert len(said) > 50
    assert said <= set(_JAPANESE)
