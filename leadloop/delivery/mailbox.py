"""The local mailbox: a real SMTP server on loopback that keeps each mail as a file.

Each mail is `<id>.eml`, written whole or not at all; `index.jsonl` holds one line per mail, so that
a page of the newest mails needs no parsing. Ids sort by arrival.
"""

from __future__ import annotations

import json
import os
import re
import socket
import threading
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope, Session

from leadloop.delivery.parsing import ParsedMail, mail_date, parse_headers, parse_mail
from leadloop.storage.columns import new_id

_INDEX = "index.jsonl"
_ID = re.compile(r"[0-9a-f-]{36}")
_MAX_BYTES = 20 * 1024 * 1024


@dataclass(frozen=True)
class MailSummary:
    """One line of the mailbox. `to` is the envelope's recipient, `received_at` is real time."""

    id: str
    sender: str
    to: str
    subject: str
    date: datetime | None
    received_at: datetime
    message_id: str
    """Id of leadloop's message, from `X-Leadloop-Message`; empty for other mail."""


class Mailbox:
    """Receives mail over SMTP and shows it. Safe to read from several threads.

    `on_mail` is called for each mail once it is stored, in order, on a thread of its own.
    """

    def __init__(
        self, folder: Path, *, port: int = 0, on_mail: Callable[[ParsedMail], None] | None = None
    ) -> None:
        self._folder = folder
        self._wanted_port = port
        self._on_mail = on_mail
        self._lock = threading.Lock()
        self._summaries: list[MailSummary] = []
        self._controller: _Controller | None = None
        self._caller: ThreadPoolExecutor | None = None
        folder.mkdir(parents=True, exist_ok=True)
        self._load()

    @property
    def port(self) -> int:
        """The port it listens on. Raises `RuntimeError` while it is stopped."""
        if self._controller is None:
            raise RuntimeError("the mailbox is not running")
        return int(self._controller.port)

    def start(self) -> None:
        """Listen on loopback. Raises `OSError` where the port is taken."""
        self._caller = ThreadPoolExecutor(max_workers=1, thread_name_prefix="mailbox")
        self._controller = _Controller(_Handler(self), _listen(self._wanted_port))
        self._controller.start()

    def stop(self) -> None:
        """Stop listening. What was stored stays."""
        if self._controller is not None:
            self._controller.stop()
            self._controller = None
        if self._caller is not None:
            self._caller.shutdown(wait=True)
            self._caller = None

    def list(self, limit: int = 50, before: str | None = None, to: str | None = None) -> list[MailSummary]:
        """Return the newest mails first; `before` is the id of the last one of the page before."""
        with self._lock:
            rows = self._summaries[:]
        found: list[MailSummary] = []
        for row in reversed(rows):
            if len(found) == limit:
                break
            if (before is None or row.id < before) and (to is None or row.to == to) and self._is_there(row):
                found.append(row)
        return found

    def _is_there(self, row: MailSummary) -> bool:
        """A command may have deleted it, on another process."""
        return (self._folder / f"{row.id}.eml").exists()

    def count(self) -> int:
        """Return how many mails there are."""
        with self._lock:
            return len(self._summaries)

    def get(self, mail_id: str) -> ParsedMail | None:
        """Return one mail, parsed; None where there is none, or the id is not one of ours."""
        if not _ID.fullmatch(mail_id):
            return None
        try:
            content = (self._folder / f"{mail_id}.eml").read_bytes()
        except FileNotFoundError:
            return None
        return parse_mail(mail_id, content)

    def forget(self, message_ids: Collection[str]) -> int:
        """Delete the copies of leadloop's messages with these ids; return how many there were."""
        wanted = set(message_ids) - {""}
        with self._lock:
            gone = [row for row in self._summaries if row.message_id in wanted]
            self._summaries = [row for row in self._summaries if row.message_id not in wanted]
            ids = {row.id for row in gone}
            index = self._folder / _INDEX
            if gone and index.exists():
                lines = index.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
                kept = "".join(line for line in lines if _id_in(line) not in ids)
                draft = self._folder / f".{_INDEX}.part"
                draft.write_text(kept, encoding="utf-8")
                os.replace(draft, index)
            for row in gone:
                (self._folder / f"{row.id}.eml").unlink(missing_ok=True)
        return len(gone)

    def store(self, content: bytes, to: str) -> MailSummary:
        """Keep a mail. The file is complete before its name exists."""
        mail_id = new_id()
        _write(self._folder, mail_id, content)
        headers = parse_headers(content)
        summary = MailSummary(
            id=mail_id,
            sender=headers.get("From", ""),
            to=to,
            subject=headers.get("Subject", ""),
            date=mail_date(headers),
            received_at=datetime.now(UTC),
            message_id=headers.get("X-Leadloop-Message", ""),
        )
        line = json.dumps(asdict(summary), ensure_ascii=False, default=datetime.isoformat)
        with self._lock:
            with (self._folder / _INDEX).open("a", encoding="utf-8") as index:
                index.write(line + "\n")
            self._summaries.append(summary)
        if self._caller is not None and self._on_mail is not None:
            self._caller.submit(self._on_mail, parse_mail(mail_id, content))
        return summary

    def _load(self) -> None:
        """Read the index; a mail that a crash kept out of it is read from its file."""
        known: dict[str, MailSummary] = {}
        index = self._folder / _INDEX
        if index.exists():
            for line in index.read_text(encoding="utf-8", errors="replace").splitlines():
                summary = _read_line(line)
                if summary is not None:
                    known[summary.id] = summary
        stored = {path.stem for path in self._folder.glob("*.eml")}
        for mail_id in stored - known.keys():
            known[mail_id] = _summary_of_file(self._folder / f"{mail_id}.eml")
        self._summaries = sorted((s for s in known.values() if s.id in stored), key=lambda s: s.id)


class _Handler:
    """Called by aiosmtpd for each mail."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def handle_DATA(self, server: Any, session: Session, envelope: Envelope) -> str:
        content = envelope.content or b""
        for to in envelope.rcpt_tos:
            self._mailbox.store(content if isinstance(content, bytes) else content.encode(), to)
        return "250 2.0.0 stored"


class _Controller(Controller):
    """aiosmtpd's server thread on a socket that is bound already, so that no port is guessed."""

    def __init__(self, handler: _Handler, listener: socket.socket) -> None:
        host, port = listener.getsockname()
        super().__init__(handler, hostname=host, port=port, data_size_limit=_MAX_BYTES, enable_SMTPUTF8=True)
        self._listener = listener

    def _create_server(self) -> Any:
        return self.loop.create_server(self._factory_invoker, sock=self._listener)


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if os.name == "posix":  # elsewhere the option lets two programs share a port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
    except OSError:
        listener.close()
        raise
    return listener


def _write(folder: Path, mail_id: str, content: bytes) -> None:
    draft = folder / f".{mail_id}.part"
    draft.write_bytes(content)
    os.replace(draft, folder / f"{mail_id}.eml")


def _read_line(line: str) -> MailSummary | None:
    try:
        values = json.loads(line)
        values["date"] = datetime.fromisoformat(values["date"]) if values["date"] else None
        values["received_at"] = datetime.fromisoformat(values["received_at"])
        return MailSummary(**values)
    except (ValueError, TypeError, KeyError):  # the last line of a process that was killed
        return None


def _id_in(line: str) -> str | None:
    summary = _read_line(line)
    return summary.id if summary is not None else None


def _summary_of_file(path: Path) -> MailSummary:
    headers = parse_headers(path.read_bytes())
    return MailSummary(
        id=path.stem,
        sender=headers.get("From", ""),
        to=headers.get("To", ""),
        subject=headers.get("Subject", ""),
        date=mail_date(headers),
        received_at=datetime.fromtimestamp(path.stat().st_mtime, UTC),
        message_id=headers.get("X-Leadloop-Message", ""),
    )
