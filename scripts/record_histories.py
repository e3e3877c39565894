"""Records histories of journeys into tests/histories, for the replay test.

    python scripts/record_histories.py [NAME …]

Without names it records all. Run it after a change of `workflows/` that old journeys need not
survive; else the replay test must pass with the histories as they are.
"""

from __future__ import annotations

import asyncio
import re
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from sqlmodel import select  # noqa: E402

from leadloop.contracts import WAKE_SIGNAL, WakeSignal  # noqa: E402
from leadloop.language import plan as p  # noqa: E402
from leadloop.storage.tables import Enrolment, Offer  # noqa: E402
from tests.factories import make_environment, make_publication  # noqa: E402
from tests.inbox.driver import journeys, mails, report  # noqa: E402
from tests.inbox.played import plan_of, rest  # noqa: E402
from tests.temporal_env import (  # noqa: E402
    Bench,
    FakeEmail,
    ServerClock,
    running_workers,
    time_skipping_server,
)

FOLDER = ROOT / "tests" / "histories"
_MACHINE = re.compile(r'("(?:identity|stackTrace)": )"(?:[^"\\]|\\.)*"')


async def record() -> None:
    """Play each journey on a server of its own time, and write its history."""
    async with time_skipping_server() as server:
        for name in sys.argv[1:] or PLAYS:
            play = PLAYS[name]
            clock = ServerClock(await server.get_current_time())
            env = make_environment(Path(tempfile.mkdtemp()), PUBLICATIONS.get(name), clock=clock)
            bench = Bench(server, env, clock, FakeEmail(env))
            async with running_workers(env, server.client, bench.email):
                journey = await play(bench)
                await bench.until_closed(journey.id)
            history = await bench.journey(journey.id).fetch_history()
            (FOLDER / f"{name}.json").write_text(scrubbed(history.to_json()) + "\n", encoding="utf-8")
            print(f"{name}: {len(history.events)} events")
            env.database.close()


def scrubbed(history: str) -> str:
    """Take out what names this machine: identities and stack traces."""
    return _MACHINE.sub(r'\1""', history)


async def enter(bench: Bench) -> Enrolment:
    """Start a nurture journey and play it to its wait."""
    report(
        bench.env, "form_submitted", email="taro@kaisha.example", properties={"form": "whitepaper"},
        identity={"family_name": "山田", "consent": True}, source="form", trust="verified",
    )  # fmt: skip
    await bench.serve()
    await bench.until(lambda: journeys(bench.env)[0].next.get("kind") == "wait")
    return journeys(bench.env)[0]


async def timed_out(bench: Bench) -> Enrolment:
    """Nothing happens for five days."""
    journey = await enter(bench)
    await bench.skip(days=6)
    return journey


async def clicked(bench: Bench) -> Enrolment:
    """A click wakes the journey."""
    journey = await enter(bench)
    report(
        bench.env, "email_clicked", lead_id=journey.lead_id, message_id=mails(bench.env)[0].id,
        source="tracking",
    )  # fmt: skip
    return journey


async def unsubscribed(bench: Bench) -> Enrolment:
    """A refusal ends the journey while it waits."""
    journey = await enter(bench)
    report(bench.env, "unsubscribed", lead_id=journey.lead_id, properties={"topic": "*"}, source="tracking")
    return journey


async def left_while_tried_again(bench: Bench) -> Enrolment:
    """A refusal ends the journey while its mail waits to be tried again."""
    bench.email.away = True
    report(
        bench.env, "form_submitted", email="taro@kaisha.example", properties={"form": "whitepaper"},
        identity={"family_name": "山田", "consent": True}, source="form", trust="verified",
    )  # fmt: skip
    await bench.serve()
    (journey,) = journeys(bench.env)
    await bench.skip(minutes=3)
    report(bench.env, "unsubscribed", lead_id=journey.lead_id, properties={"topic": "*"}, source="tracking")
    return journey


async def sold(bench: Bench) -> Enrolment:
    """A hand-off: accepted, then won."""
    lead_id = (await enter(bench)).lead_id
    report(bench.env, "form_submitted", lead_id=lead_id, properties={"form": "contact"}, source="form")
    await bench.until(lambda: bool(journeys(bench.env, "sales-handoff")))
    (journey,) = journeys(bench.env, "sales-handoff")
    await bench.until(lambda: journeys(bench.env, "sales-handoff")[0].next.get("kind") == "wait")
    with bench.env.database.read() as session:
        offer = session.exec(select(Offer)).one()
    report(bench.env, "handoff_accepted", lead_id=lead_id, properties={"offer": offer.id}, source="sales")
    await bench.until(lambda: journeys(bench.env, "sales-handoff")[0].state.get("phase") == "working")
    await bench.skip(days=3)
    report(bench.env, "deal_won", lead_id=lead_id, properties={"deal": "d1"}, source="sales")
    return journey


async def called(bench: Bench) -> Enrolment:
    """A webhook without an address, then a rest."""
    journey = await enter(bench)
    await bench.skip(days=2)
    return journey


async def database_away(bench: Bench) -> Enrolment:
    """The local activity fails, so the turn is asked for through the server."""
    journey = await enter(bench)
    with bench.env.database.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE enrolment RENAME TO enrolment_away")
    await bench.journey(journey.id).signal(WAKE_SIGNAL, WakeSignal())
    await asyncio.sleep(3)
    with bench.env.database.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE enrolment_away RENAME TO enrolment")
    await bench.skip(days=6)
    return journey


PLAYS = {
    "timed_out": timed_out,
    "clicked": clicked,
    "unsubscribed": unsubscribed,
    "left_while_tried_again": left_while_tried_again,
    "sold": sold,
    "called": called,
    "database_away": database_away,
}
HOOK = p.WebhookStep(id="hook", to="crm", on_fail=p.Target(exit="failed"))
PUBLICATIONS = {"called": make_publication(plans={"play": plan_of(HOOK, rest(days=1))})}

if __name__ == "__main__":
    asyncio.run(record())
