"""What goes wrong in a model-based test: processes that die at a commit, and a mail server that is rude."""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import UUID

import uuid_utils
from sqlalchemy import event
from sqlmodel import Session, SQLModel

from leadloop.delivery.render import Rendered
from leadloop.delivery.smtp import ConnectionLostAfterDataError, PermanentRefusalError, RetryLaterError
from leadloop.storage.database import Database
from tests.model.world import Verdict


class Killed(BaseException):
    """The process died. Not an error: nothing that handles errors may see it."""


class MortalDatabase(Database):
    """A database whose n-th writing transaction from now on is the process's last."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._plans: list[tuple[int, str]] = []
        self._count = 0
        self._guard = threading.Lock()

        # It dies by exceptions only, so nothing has to be flushed.
        event.listen(
            self.engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF")
        )

    def wipe(self) -> None:
        """Forget everything, as a new database would; its compiled statements stay, which saves much time."""
        self._plans.clear()
        with super().write() as session:
            for table in reversed(SQLModel.metadata.sorted_tables):
                session.exec(table.delete())

    def kill_at(self, transaction: int, when: str) -> None:
        self._plans.append((self._count + transaction, when))

    @contextmanager
    def write(self, *, dry_run: bool = False) -> Iterator[Session]:
        with self._guard:
            dies = [when for at, when in self._plans if at == self._count]
            self._count += 1
        with super().write(dry_run=dry_run) as session:
            yield session
            if "before" in dies:
                raise Killed
        if dies:
            raise Killed


@contextmanager
def counted_ids() -> Iterator[None]:
    """Count ids instead of drawing them: an example is then the same each time, whatever draws by ids."""
    numbers = itertools.count(1)
    version_and_variant = 0x7 << 76 | 0x2 << 62
    with patch.object(uuid_utils, "uuid7", lambda: UUID(int=version_and_variant | next(numbers) << 80)):
        yield


@contextmanager
def mortal_database(folder: Path) -> Iterator[MortalDatabase]:
    """Make one database for many examples."""
    database = MortalDatabase(f"sqlite:///{folder / 'leadloop.db'}")
    database.create_schema()
    try:
        yield database
    finally:
        database.close()


class PlainRenderer:
    """Renders nothing of the templates: mails are told apart by their ids."""

    def render(self, templates: Mapping[str, str], name: str, *_: Any, **__: Any) -> Rendered:
        return Rendered(name, "subject", "", (), "<html><body></body></html>", "text", "0")


class MailServer:
    """Takes mails, unless it is told what to do with the next one."""

    def __init__(self) -> None:
        self.taken: Counter[str] = Counter()
        self.verdicts: dict[str, Verdict] = {}
        self.plans: list[str] = []
        self.current = threading.local()

    def open(self, from_address: str, to_address: str) -> MailServer:
        return self

    def abandon(self) -> None:
        pass

    def deliver(self, content: bytes, written: Callable[[], None] = lambda: None) -> int:
        message_id = self.current.message_id
        does = self.plans.pop(0) if self.plans else ""
        if does == "be_busy":
            raise RetryLaterError("smtp_451")
        if does == "refuse":
            self.verdicts[message_id] = "refused"
            raise PermanentRefusalError(554)
        if does == "refuse_address":
            self.verdicts[message_id] = "no_such_address"
            raise PermanentRefusalError(550, of_address=True)
        if does == "lose":
            self.taken[message_id] += 1
            self.verdicts[message_id] = "lost"
            raise ConnectionLostAfterDataError("connection_lost_after_data")
        written()
        self.taken[message_id] += 1
        return 250
