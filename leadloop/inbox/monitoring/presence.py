"""Workers say that they live and which plans they can run; publishing listens.

A plan of a newer format than a live worker knows would hold every journey that this worker takes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlmodel import Session, col, delete, select

from leadloop.clock import RealClock
from leadloop.language.plan import FORMAT, Plan
from leadloop.storage.columns import new_id
from leadloop.storage.environment import Environment
from leadloop.storage.tables import LiveWorker

BEAT_SECONDS = 10.0
ALIVE = timedelta(seconds=45)
"""A worker that was silent for longer is taken for dead."""
_FORGOTTEN = timedelta(days=1)


@dataclass
class Presence:
    """This process, among the workers of the workspace."""

    env: Environment
    build: str
    plan_format: int = FORMAT
    _id: str = field(default_factory=new_id)

    def beat(self) -> int:
        """Say that this process lives. Returns 0: there is nothing more to do at once."""
        now = real_now(self.env)
        with self.env.database.write() as session:
            row = session.get(LiveWorker, self._id)
            if row is None:
                row = LiveWorker(
                    id=self._id, build=self.build, plan_format=self.plan_format, started_at=now, seen_at=now
                )
                session.exec(delete(LiveWorker).where(col(LiveWorker.seen_at) < now - _FORGOTTEN))
            row.seen_at = now
            session.add(row)
        return 0

    def leave(self) -> None:
        """Say that this process stops."""
        with self.env.database.write() as session:
            session.exec(delete(LiveWorker).where(col(LiveWorker.id) == self._id))


def live_workers(session: Session, env: Environment) -> Sequence[LiveWorker]:
    """Return the workers that were seen a moment ago, the longest running first."""
    alive = col(LiveWorker.seen_at) > real_now(env) - ALIVE
    return session.exec(select(LiveWorker).where(alive).order_by(col(LiveWorker.started_at))).all()


def unable_workers(session: Session, env: Environment, plans: Mapping[str, Plan]) -> list[LiveWorker]:
    """Return the live workers that cannot run one of the plans."""
    newest = max((plan.format for plan in plans.values()), default=0)
    return [row for row in live_workers(session, env) if row.plan_format < newest]


def real_now(env: Environment) -> datetime:
    """Return the present instant of processes, which a warped clock does not change."""
    return RealClock().now() if env.clock.warped else env.clock.now()
