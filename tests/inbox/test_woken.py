"""The turns of journeys that the applier has just woken, and the answers that go with their wakes."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import pytest
from sqlalchemy.exc import OperationalError
from sqlmodel import select

from leadloop.contracts import TurnReply
from leadloop.inbox import applier
from leadloop.inbox.applier import apply_once
from leadloop.inbox.relaying.relay import Relay
from leadloop.inbox.relaying.wakes import WAKES, ask_wake
from leadloop.inbox.turns import ahead, woken
from leadloop.inbox.turns.ahead import TurnsAhead
from leadloop.inbox.turns.woken import WokenJourneys
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Wake
from tests.inbox.driver import journeys, report


@pytest.fixture
def counted() -> list[str]:
    return []


@pytest.fixture
def journeys_woken(env: Environment, counted: list[str]) -> WokenJourneys:
    return WokenJourneys(TurnsAhead(env, count=counted.append))


def _ask_for_paper(env: Environment, name: str = "taro") -> None:
    report(
        env, "form_submitted", email=f"{name}@kaisha.example", properties={"form": "whitepaper"},
        identity={"consent": True}, source="form", trust="verified",
    )  # fmt: skip


def _relay(env: Environment, journeys_woken: WokenJourneys) -> Relay:
    """A relay that sends nothing."""
    client: Any = None
    return Relay(env, client, "acme", woken=journeys_woken)


def _tokens(env: Environment) -> list[str]:
    with env.database.read() as session:
        return [wake.token for wake in session.exec(select(Wake).order_by(Wake.enrolment_id)).all()]


def test_applier_takes_the_turns_of_journeys_that_it_wakes(
    env: Environment, journeys_woken: WokenJourneys, counted: list[str]
) -> None:
    _ask_for_paper(env)
    apply_once(env, journeys_woken)
    (journey,), (token,) = journeys(env), _tokens(env)
    assert (journey.turn_no, journey.next["kind"]) == (1, "send")
    answer = journeys_woken.signal(token).turn
    assert answer is not None
    assert (answer.status, answer.turn_no, answer.at) == ("committed", 1, env.clock.now())
    assert answer.next.message_id == journey.next["message_id"]
    assert journeys_woken.signal(token).turn is None  # once
    assert counted == ["committed"]


def test_applier_alone_takes_no_turn(env: Environment) -> None:
    _ask_for_paper(env)
    apply_once(env)
    assert journeys(env)[0].turn_no == 0


def test_journey_that_is_woken_anew_has_no_answer_for_its_new_wake(
    env: Environment, journeys_woken: WokenJourneys
) -> None:
    """The answer does not know of what the second wake is about."""
    _ask_for_paper(env)
    apply_once(env, journeys_woken)
    with env.database.write() as session:
        ask_wake(session, journeys(env)[0].id, env.clock.now())
    (token,) = _tokens(env)
    assert journeys_woken.signal(token).turn is None


def test_turn_that_fails_is_left_to_its_workflow(env: Environment, journeys_woken: WokenJourneys) -> None:
    _ask_for_paper(env)
    with patch.object(ahead, "take_turn", side_effect=RuntimeError("plan")):
        assert apply_once(env, journeys_woken) == 1
    (token,) = _tokens(env)
    assert journeys(env)[0].turn_no == 0
    assert journeys_woken.signal(token).turn is None
    assert not journeys_woken.is_expected(token)


def test_journey_that_may_take_no_turn_has_no_answer(
    env: Environment, journeys_woken: WokenJourneys, counted: list[str]
) -> None:
    _ask_for_paper(env)
    apply_once(env, journeys_woken)  # its mail is to be handed over now
    journeys_woken.expect({"another": journeys(env)[0].id})
    journeys_woken.take()
    assert counted == ["committed", "not_yet"]
    assert journeys_woken.signal("another").turn is None


def test_turns_are_left_to_their_workflows_while_events_wait(
    env: Environment, journeys_woken: WokenJourneys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(applier, "_BACKLOG", 2)
    for name in ("ichiro", "jiro", "saburo"):
        _ask_for_paper(env, name)
    assert apply_once(env, journeys_woken) == 3
    assert [journey.turn_no for journey in journeys(env)] == [0, 0, 0]
    for name in ("shiro", "goro"):
        _ask_for_paper(env, name)
    assert apply_once(env, journeys_woken) == 2
    assert sorted(journey.turn_no for journey in journeys(env)) == [0, 0, 0, 1, 1]


def test_answers_of_wakes_that_others_sent_are_forgotten(
    env: Environment, journeys_woken: WokenJourneys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(woken, "_KEPT", 1)
    tokens = []
    for name in ("ichiro", "jiro", "saburo"):
        _ask_for_paper(env, name)
        apply_once(env, journeys_woken)
        tokens = _tokens(env)
    assert [journeys_woken.signal(token).turn is not None for token in sorted(tokens)] == [False, False, True]


def test_relay_waits_for_an_answer_that_is_about_to_come(
    env: Environment, journeys_woken: WokenJourneys
) -> None:
    relay = _relay(env, journeys_woken)
    found: list[tuple[int, bool]] = []

    def take_turn(*_: object) -> TurnReply:
        found.append((len(relay._collect()), journeys_woken.is_expected(_tokens(env)[0])))
        raise RuntimeError

    _ask_for_paper(env)
    seen = env.database.news(WAKES)
    with patch.object(ahead, "take_turn", take_turn):
        apply_once(env, journeys_woken)
    assert found == [(0, True)]
    assert env.database.news(WAKES) == seen + 2  # the second says that it need not wait any longer
    assert len(relay._collect()) == 1


def test_wake_need_not_wait_for_the_turns_of_others(env: Environment, journeys_woken: WokenJourneys) -> None:
    relay = _relay(env, journeys_woken)
    ready: list[int] = []

    def take_turn(*_: object) -> TurnReply:
        ready.append(len(relay._collect()))
        raise RuntimeError

    for name in ("ichiro", "jiro", "saburo"):
        _ask_for_paper(env, name)
    with patch.object(ahead, "take_turn", take_turn):
        apply_once(env, journeys_woken)
    assert ready == [0, 1, 2]


def test_turns_are_not_tried_one_by_one_where_the_database_is_away(
    env: Environment, journeys_woken: WokenJourneys
) -> None:
    tried: list[object] = []

    def take_turn(*request: object) -> TurnReply:
        tried.append(request)
        raise OperationalError("SELECT 1", {}, Exception("gone"))

    for name in ("ichiro", "jiro"):
        _ask_for_paper(env, name)
    with patch.object(ahead, "take_turn", take_turn), pytest.raises(OperationalError):
        apply_once(env, journeys_woken)
    assert len(tried) == 1
    assert len(_tokens(env)) == 2  # the events were applied, and the wakes are there
    assert not any(journeys_woken.is_expected(token) for token in _tokens(env))


def test_relay_sends_the_answer_with_its_wake(env: Environment, journeys_woken: WokenJourneys) -> None:
    _ask_for_paper(env)
    apply_once(env, journeys_woken)
    (call,) = _relay(env, journeys_woken)._collect()
    assert call.signal.turn is not None
    assert (call.signal.turn.turn_no, call.signal.generation) == (1, 1)
    (again,) = _relay(env, journeys_woken)._collect()
    assert again.signal.turn is None
