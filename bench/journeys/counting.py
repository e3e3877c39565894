"""Where one journey's work goes: statements, commits and processor time of each of its parts.

    python -m bench.journeys.counting [--journeys 40] [--profile FILE] [--show NAME]

The journey of `bench.journey_speed`, played in one thread without Temporal, so that the counts are exact
and the times compare from run to run. What Temporal adds is the difference to the bench.
"""

from __future__ import annotations

import argparse
import cProfile
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event
from sqlmodel import col, select

from bench.journey_speed import mail_server
from bench.journeys.ground import FIRST, Ground, standing_on
from leadloop.contracts import TurnReply, TurnRequest
from leadloop.delivery.outbox import Outbox
from leadloop.delivery.tokens import Tokens
from leadloop.inbox.applier import apply_once
from leadloop.inbox.ingestion.ingest import IncomingEvent, ingest
from leadloop.inbox.turns.turn import take_turn
from leadloop.storage.tables import Enrolment, Message

_WARM_UP = 3
DELIVER, DELIVER_AGAIN = "deliver the first mail", "deliver the second mail"
TURN_1, TURN_2 = "turn 1: to the first mail", "turn 2: to the wait"
TURN_3, TURN_4 = "turn 3: branch, score, tag, second mail", "turn 4: the end"


@dataclass
class Part:
    """What one part of a journey took, each time it ran."""

    seconds: list[float] = field(default_factory=list)
    statements: list[int] = field(default_factory=list)
    commits: list[int] = field(default_factory=list)


class Counter:
    """Counts what goes to the databases of this process."""

    def __init__(self, show: str | None = None) -> None:
        self.parts: dict[str, Part] = defaultdict(Part)
        self._show = show
        self._shown = False
        self._part = ""
        self._statements = self._commits = 0

    def __enter__(self) -> Counter:
        for name, listener in self._listeners():
            event.listen(Engine, name, listener)
        return self

    def __exit__(self, *_: object) -> None:
        for name, listener in self._listeners():
            event.remove(Engine, name, listener)

    def _listeners(self) -> list[tuple[str, Any]]:
        return [("before_cursor_execute", self._executed), ("commit", self._committed)]

    def _executed(self, _connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("BEGIN"):
            return
        self._statements += 1
        if self._part == self._show and not self._shown:
            print(f"  {' '.join(statement.split())[:200]}")

    def _committed(self, _connection: Any) -> None:
        self._commits += 1

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Count what the block does under a name."""
        self._part, self._statements, self._commits = name, 0, 0
        began = time.thread_time()
        yield
        found = self.parts[name]
        found.seconds.append(time.thread_time() - began)
        found.statements.append(self._statements)
        found.commits.append(self._commits)
        self._shown = self._shown or name == self._show
        self._part = ""


def play(ground: Ground, outbox: Outbox, lead_id: str, counter: Counter) -> None:
    """Play one journey from its form to its end."""
    env = ground.env

    def report(kind: str, **values: Any) -> None:
        with env.database.write() as session:
            ingest(session, env, [IncomingEvent(kind, lead_id=lead_id, **values)])

    def turn(number: int) -> TurnReply:
        request = TurnRequest(enrolment_id=journey_id, generation=1, turn_no=number, now=env.clock.now())
        return take_turn(env, request)

    with counter.part("ingest form"):
        report("form_submitted", properties={"form": "whitepaper"}, source="form", trust="verified")
    with counter.part("apply form"):
        apply_once(env)
    with env.database.read() as session:
        journey_id = session.exec(select(Enrolment.id).where(Enrolment.lead_id == lead_id)).one()
    with counter.part(TURN_1):
        reply = turn(1)
    with counter.part(DELIVER):
        outbox.deliver(reply.next.message_id or "", 1)
    with counter.part("apply email_sent"):
        apply_once(env)
    with counter.part(TURN_2):
        turn(2)
    with env.database.read() as session:
        message_id = session.exec(
            select(Message.id).where(Message.lead_id == lead_id, col(Message.step_id) == FIRST)
        ).one()
    with counter.part("ingest click"):
        report("email_clicked", message_id=message_id, source="tracking")
    with counter.part("apply click"):
        apply_once(env)
    with counter.part(TURN_3):
        reply = turn(3)
    with counter.part(DELIVER_AGAIN):
        outbox.deliver(reply.next.message_id or "", 1)
    with counter.part("apply email_sent"):
        apply_once(env)
    with counter.part(TURN_4):
        reply = turn(4)
    if reply.next.outcome != "completed":
        sys.exit(f"the journey did not end: {reply.next}")


def show(parts: dict[str, Part]) -> None:
    """Print the median of each part, and their sum for one journey."""
    print(f"{'':42} {'ms':>7} {'statements':>11} {'commits':>8}")
    sums = [0.0, 0.0, 0.0]
    most = max(len(part.seconds) for part in parts.values())
    for name, part in parts.items():
        row = [
            statistics.median(part.seconds) * 1000,
            *(statistics.median(counts) for counts in (part.statements, part.commits)),
        ]
        times = len(part.seconds) / most * 2 if name == "apply email_sent" else 1
        sums = [total + value * times for total, value in zip(sums, row, strict=True)]
        print(f"{name:42} {row[0]:7.1f} {row[1]:11.0f} {row[2]:8.0f}")
    print(f"{'one journey':42} {sums[0]:7.1f} {sums[1]:11.0f} {sums[2]:8.0f}")


def main() -> None:
    """Play, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--journeys", type=int, default=40)
    parser.add_argument("--profile", help="write a profile for `python -m pstats`")
    parser.add_argument("--show", help="a part whose statements are printed once")
    arguments = parser.parse_args()
    profile = cProfile.Profile(time.thread_time) if arguments.profile else None
    with (
        tempfile.TemporaryDirectory() as name,
        mail_server() as port,
        standing_on(Path(name), port) as ground,
    ):
        env = ground.env
        outbox = Outbox(env, ground.renderer, ground.sender, Tokens(env.keys), "http://127.0.0.1:8080")
        for lead_id in ground.add_leads(_WARM_UP, "warm"):
            play(ground, outbox, lead_id, Counter())
        counter = Counter(arguments.show)
        leads = ground.add_leads(arguments.journeys, "lead")
        if profile is not None:
            profile.enable()
        with counter:
            for lead_id in leads:
                play(ground, outbox, lead_id, counter)
        if profile is not None:
            profile.disable()
            profile.dump_stats(arguments.profile)
        show(counter.parts)


if __name__ == "__main__":
    main()
