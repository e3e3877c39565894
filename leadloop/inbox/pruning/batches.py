"""What all pruning shares: one batch of a table, in the order of its key, and the leads it may touch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlmodel import Session, col, select

from leadloop.storage.tables import Lead


@dataclass(frozen=True)
class Batch:
    """What one transaction did, and where the next one begins."""

    after: str
    removed: int
    done: bool

    @classmethod
    def last(cls) -> Batch:
        """There is nothing more to look at."""
        return cls("", 0, done=True)


def lock_free_leads(session: Session, lead_ids: Iterable[str]) -> set[str]:
    """Lock those of the leads that nobody works on now, and return them. The others wait for next time.

    In the order of ids, and without waiting: pruning holds up nobody, and no two lock each other out.
    """
    wanted = sorted(set(lead_ids))
    statement = select(Lead.id).where(col(Lead.id).in_(wanted)).order_by(col(Lead.id))
    return set(session.exec(statement.with_for_update(skip_locked=True)).all())
