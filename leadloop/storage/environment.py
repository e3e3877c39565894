"""What every part of the engine needs to work on one workspace."""

from __future__ import annotations

from dataclasses import dataclass

from leadloop.clock import Clock
from leadloop.failpoints import FailPoint, no_failpoint
from leadloop.keys import Keys
from leadloop.storage.database import Database
from leadloop.storage.publications import PublicationStore


@dataclass(frozen=True)
class Environment:
    """One workspace at run time: its database, its time, its keys, what is live in it."""

    database: Database
    clock: Clock
    keys: Keys
    publications: PublicationStore
    fail: FailPoint = no_failpoint
    """Where a test lets the process die."""
