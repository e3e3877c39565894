"""`leadloop send --test`: a marked, untracked mail over a real SMTP server, unknown to the engine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from sqlmodel import select
from typer.testing import CliRunner

from leadloop.cli.main import app
from leadloop.delivery.mailbox import Mailbox
from leadloop.embedded.processes import free_port
from leadloop.leads.consent import suppress
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Event, Message
from tests.language.workspaces import edited, write

runner = CliRunner()
THANKS = "templates/mail/thanks.ja.md"
SATO, SUZUKI = "sato@acme.example", "suzuki@acme.example"


class Server:
    """A mail server that keeps what it takes, and refuses addresses named in `refused`."""

    def __init__(self) -> None:
        self.mails: list[tuple[str, EmailMessage]] = []
        self.refused: set[str] = set()

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refused:
            return "550 5.1.1 no such user"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.content
        assert isinstance(content, bytes)
        self.mails += [(to, message_from_bytes(content, policy=default)) for to in envelope.rcpt_tos]
        return "250 2.0.0 taken"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    found = Server()
    port = free_port()
    controller = Controller(found, hostname="127.0.0.1", port=port)
    controller.start()
    monkeypatch.setenv("LEADLOOP_SMTP_HOST", "127.0.0.1")
    monkeypatch.setenv("LEADLOOP_SMTP_PORT", str(port))
    yield found
    controller.stop()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    link = "[事例](https://acme.example/case)"
    return write(tmp_path / "workspace", edited(THANKS, "本文です。", link))


def send(folder: Path, *words: str, code: int = 0) -> dict[str, Any]:
    arguments = ["send", "-w", str(folder), "--template", "mail/thanks", "--json", *words]
    result = runner.invoke(app, arguments)
    assert result.exit_code == code, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def refused(folder: Path, *words: str, template: str = "mail/thanks", code: int = 1) -> str:
    result = runner.invoke(app, ["send", "-w", str(folder), "--template", template, *words])
    assert result.exit_code == code, result.output
    return result.stderr


def part(mail: EmailMessage, kind: str) -> str:
    body = mail.get_body((kind,))
    assert body is not None
    return str(body.get_content())


def test_send_delivers_one_marked_mail_per_address(
    folder: Path, server: Server, published: Environment
) -> None:
    found = send(folder, "--test", SATO, SUZUKI)
    assert [to for to, _ in server.mails] == [SATO, SUZUKI]
    assert found["results"] == [
        {"to": SATO, "sent": True, "problem": ""},
        {"to": SUZUKI, "sent": True, "problem": ""},
    ]
    for to, mail in server.mails:
        assert mail["Subject"] == "[TEST] こんにちは"
        assert mail["X-Leadloop-Test"] == "1"
        assert mail["To"] == to
        assert "news@acme.example" in mail["From"]


def test_send_tracks_nothing(folder: Path, server: Server, published: Environment) -> None:
    send(folder, "--test", SATO)
    ((_, mail),) = server.mails
    html = part(mail, "html")
    assert "https://acme.example/case" in html
    assert "/t/c/" not in html
    assert "<img" not in html
    assert "List-Unsubscribe" not in mail
    assert "https://test-mail.invalid/unsubscribe" in html  # there to be seen, and leads nowhere


def test_send_leaves_no_trace_in_the_database(folder: Path, server: Server, published: Environment) -> None:
    with published.database.read() as session:
        before = session.exec(select(Event)).all()
    send(folder, "--test", SATO, "--as", "yamada@example.jp")
    with published.database.read() as session:
        assert session.exec(select(Message)).all() == []
        assert session.exec(select(Event)).all() == before


def test_send_as_a_lead(folder: Path, server: Server, published: Environment) -> None:
    send(folder, "--test", SATO, "--as", "yamada@example.jp")
    assert "山田 太郎 様" in part(server.mails[0][1], "plain")
    assert server.mails[0][0] == SATO  # never to the lead


def test_send_dry_run_prints_and_sends_nothing(folder: Path, server: Server, published: Environment) -> None:
    found = send(folder, "--test", SATO, "--dry-run")
    assert (found["subject"], found["to"], found["results"]) == ("[TEST] こんにちは", [SATO], [])
    assert "情報システム部" in found["text"]
    assert server.mails == []
    result = runner.invoke(app, ["send", "-w", str(folder), "-t", "mail/thanks", "--test", SATO, "--dry-run"])
    assert "dry run: nothing was sent" in result.stdout


def test_send_without_test_is_refused(folder: Path, server: Server, published: Environment) -> None:
    assert "--test" in refused(folder, SATO, code=2)
    assert server.mails == []


def test_send_refuses_a_suppressed_address(folder: Path, server: Server, published: Environment) -> None:
    with published.database.write() as session:
        suppress(session, published, SUZUKI, "hard_bounce", published.clock.now())
    assert f"`{SUZUKI}` is suppressed" in refused(folder, "--test", SATO, "--test", SUZUKI)
    assert server.mails == []


@pytest.mark.parametrize("address", ["nobody", "a@b.example, c@d.example", "山田@example.jp"])
def test_send_refuses_what_is_no_address(
    folder: Path, server: Server, published: Environment, address: str
) -> None:
    assert f"`{address}`" in refused(folder, "--test", SATO, address)
    assert server.mails == []


def test_send_refuses_more_than_ten_addresses(folder: Path, server: Server, published: Environment) -> None:
    addresses = [f"colleague{number}@acme.example" for number in range(11)]
    assert "at most 10" in refused(folder, "--test", *addresses)
    assert server.mails == []


def test_send_tells_which_address_the_server_refused(
    folder: Path, server: Server, published: Environment
) -> None:
    server.refused.add(SATO)
    found = send(folder, "--test", SATO, SUZUKI, code=1)
    assert [(one["to"], one["sent"], one["problem"]) for one in found["results"]] == [
        (SATO, False, "smtp_550"),
        (SUZUKI, True, ""),
    ]
    assert [to for to, _ in server.mails] == [SUZUKI]


def test_send_without_a_mail_server(
    folder: Path, published: Environment, monkeypatch: pytest.MonkeyPatch, server: Server
) -> None:
    monkeypatch.setenv("LEADLOOP_SMTP_PORT", "1")
    assert f"not sent to {SATO}" in refused(folder, "--test", SATO)


def test_send_suggests_a_template(folder: Path, server: Server, published: Environment) -> None:
    assert "did you mean `mail/thanks`?" in refused(folder, "--test", SATO, template="mail/thank")


def test_send_finds_the_mailbox_of_the_state_folder(
    folder: Path, published: Environment, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    state.mkdir(exist_ok=True)
    mailbox = Mailbox(tmp_path / "mailbox")
    mailbox.start()
    try:
        (state / "ports.json").write_text(json.dumps({"smtp": mailbox.port}))
        send(folder, "--test", SATO)
        assert [mail.subject for mail in mailbox.list()] == ["[TEST] こんにちは"]
    finally:
        mailbox.stop()


def test_send_needs_a_database_to_know_who_is_suppressed(
    folder: Path, server: Server, tmp_path: Path
) -> None:
    assert "there is no database" in refused(folder, "--test", SATO, "--state", str(tmp_path / "none"))
    assert server.mails == []
