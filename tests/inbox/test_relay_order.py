"""In which order the relay takes wakes: many journeys that begin at once do not delay a single one."""

from __future__ import annotations

from typing import Any

from sqlmodel import col, select

from leadloop.contracts import JourneyInput
from leadloop.inbox.recovery.restored import RESTORED
from leadloop.inbox.relaying import relay as relays
from leadloop.inbox.relaying.relay import Relay
from leadloop.inbox.relaying.wakes import ask_first_wakes, ask_wake
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Enrolment, Setting, Wake
from tests.factories import ManualClock, make_enrolment, make_lead


class _Client:
    """Takes the place of Temporal's: notes what is started."""

    def __init__(self) -> None:
        self.started: list[str] = []

    async def start_workflow(self, _name: str, start: JourneyInput, **_: Any) -> None:
        self.started.append(start.enrolment_id)


def _begin(env: Environment, count: int, clock: ManualClock, bulk: bool) -> list[str]:
    """Begin journeys whose wakes are asked for now; return their ids."""
    with env.database.write() as session:
        publication = env.publications.current(session).id
        ids = [make_enrolment(session, publication, make_lead(session)).id for _ in range(count)]
        if bulk:
            ask_first_wakes(session, ids, clock.now())
        else:
            for one in ids:
                ask_wake(session, one, clock.now())
    clock.advance(seconds=1)
    return ids


async def _round(env: Environment, monkeypatch: Any, size: int = 6, share: int = 2) -> list[str]:
    monkeypatch.setattr(relays, "_BATCH", size)
    monkeypatch.setattr(relays, "_BULK", share)
    client: Any = _Client()
    await Relay(env, client, "acme").run_once()
    return list(client.started)


async def test_relay_takes_a_single_wake_before_many_older_ones_in_bulk(
    env: Environment, clock: ManualClock, monkeypatch: Any
) -> None:
    many = _begin(env, 8, clock, bulk=True)
    hot = _begin(env, 1, clock, bulk=False)
    started = await _round(env, monkeypatch)
    assert started[0] == hot[0]
    assert set(started[1:]) <= set(many)
    assert len(started) == 6


async def test_relay_goes_on_with_wakes_in_bulk_however_many_others_there_are(
    env: Environment, clock: ManualClock, monkeypatch: Any
) -> None:
    many = _begin(env, 8, clock, bulk=True)
    hot = _begin(env, 20, clock, bulk=False)
    started = await _round(env, monkeypatch)
    assert set(started[:6]) <= set(hot)
    assert len(set(started) & set(many)) == 2


async def test_a_wake_in_bulk_that_is_asked_for_again_goes_with_the_single_ones(
    env: Environment, clock: ManualClock, monkeypatch: Any
) -> None:
    many = _begin(env, 8, clock, bulk=True)
    with env.database.write() as session:
        ask_wake(session, many[7], clock.now())
    assert (await _round(env, monkeypatch))[0] == many[7]
    with env.database.read() as session:
        left = session.exec(select(Wake.bulk).join(Enrolment, col(Enrolment.id) == Wake.enrolment_id)).all()
    assert left == [True, True]


async def test_relay_keeps_wakes_while_the_gate_is_closed(
    env: Environment, clock: ManualClock, monkeypatch: Any
) -> None:
    """No turn is taken then: a journey that is woken would come back a minute later."""
    (one,) = _begin(env, 1, clock, bulk=False)
    with env.database.write() as session:
        session.add(Setting(key=RESTORED, value={}))
    assert await _round(env, monkeypatch) == []
    with env.database.write() as session:
        session.delete(session.get_one(Setting, RESTORED))
    assert await _round(env, monkeypatch) == [one]
