"""Real SMTP conversations: with the mailbox, and with a server that misbehaves (faults N3, N5, N6)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from leadloop.delivery.mailbox import Mailbox
from leadloop.delivery.smtp import (
    ConnectionLostAfterDataError,
    PermanentRefusalError,
    RetryLaterError,
    SmtpSender,
)
from tests.delivery.sink import Sink

CONTENT = b"Subject: hello\r\n\r\n.\r\n..two\r\nend\r\n"


@pytest.fixture
def senders() -> Iterator[list[SmtpSender]]:
    made: list[SmtpSender] = []
    yield made
    for sender in made:
        sender.close()


def sender_to(senders: list[SmtpSender], port: int, **options: Any) -> SmtpSender:
    sender = SmtpSender("127.0.0.1", port, **{"security": "none", **options})
    senders.append(sender)
    return sender


def send(sender: SmtpSender, to: str = "taro@example.jp") -> int:
    return sender.open("news@acme.example", to).deliver(CONTENT)


def test_sender_hands_a_mail_to_the_mailbox_unchanged(tmp_path: Path, senders: list[SmtpSender]) -> None:
    mailbox = Mailbox(tmp_path)
    mailbox.start()
    try:
        assert send(sender_to(senders, mailbox.port)) == 250
        (summary,) = mailbox.list()
        assert summary.to == "taro@example.jp"
        assert (tmp_path / f"{summary.id}.eml").read_bytes().endswith(CONTENT)
    finally:
        senders[0].close()
        mailbox.stop()


def test_sender_takes_quoted_local_parts(tmp_path: Path, senders: list[SmtpSender]) -> None:
    with Sink() as sink:
        send(sender_to(senders, sink.port), '"taro."@docomo.ne.jp')
        assert 'RCPT TO:<"taro."@docomo.ne.jp>' in sink.commands


def test_sender_keeps_its_connection_for_the_next_mail(senders: list[SmtpSender]) -> None:
    with Sink() as sink:
        sender = sender_to(senders, sink.port)
        for _ in range(5):
            send(sender)
        assert (sink.accepted, sink.connections) == (5, 1)


def test_sender_has_a_connection_per_thread(senders: list[SmtpSender]) -> None:
    with Sink() as sink:
        sender = sender_to(senders, sink.port)
        threads = [threading.Thread(target=lambda: [send(sender) for _ in range(10)]) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (sink.accepted, sink.connections) == (40, 4)


def test_sender_reconnects_after_the_server_closed_an_idle_connection(senders: list[SmtpSender]) -> None:
    with Sink() as sink:
        sender = sender_to(senders, sink.port)
        send(sender)
        sink.drop_all()
        send(sender)
        assert (sink.accepted, sink.connections) == (2, 2)


def test_sender_reconnects_when_a_used_connection_is_turned_away(senders: list[SmtpSender]) -> None:
    with Sink({"MAIL": ["250 ok", "421 4.7.0 too many mails", "250 ok"]}) as sink:
        sender = sender_to(senders, sink.port)
        send(sender)
        send(sender)
        assert (sink.accepted, sink.connections) == (2, 2)


def test_sender_abandons_a_transaction_without_a_mail(senders: list[SmtpSender]) -> None:
    with Sink() as sink:
        sender = sender_to(senders, sink.port)
        sender.open("news@acme.example", "a@example.jp").abandon()
        send(sender, "b@example.jp")
        assert sink.accepted == 1
        assert sink.commands.count("rset") == 2
        assert sink.connections == 1


@pytest.mark.parametrize(
    ("replies", "code"),
    [
        ({"CONNECT": "drop"}, "connection_failed"),
        ({"CONNECT": "421 busy"}, "smtp_421"),
        ({"CONNECT": "554 no"}, "smtp_554"),
        ({"CONNECT": "hello there"}, "smtp_-1"),
        ({"EHLO": "drop"}, "connection_lost"),
        ({"MAIL": "451 later"}, "smtp_451"),
        ({"MAIL": "530 login first"}, "smtp_530"),
        ({"RCPT": "450 4.2.1 greylisted taro@example.jp"}, "smtp_450"),
        ({"RCPT": "421 4.3.2 shutting down"}, "smtp_421"),
        ({"RCPT": "drop"}, "connection_lost"),
        ({"DATA": "drop"}, "connection_lost"),
        ({"DATA": "451 later"}, "smtp_451"),
        ({"DOT": "452 4.3.1 no space"}, "smtp_452"),
    ],
)
def test_sender_asks_to_retry(replies: dict[str, str], code: str, senders: list[SmtpSender]) -> None:
    with Sink(replies) as sink:
        with pytest.raises(RetryLaterError) as caught:
            send(sender_to(senders, sink.port))
        assert caught.value.code == code
        assert sink.accepted == 0


@pytest.mark.parametrize(
    ("replies", "code", "status"),
    [
        ({"RCPT": "550 5.1.1 <taro@example.jp> unknown"}, 550, "5.1.1"),
        ({"MAIL": "552 too big"}, 552, ""),
        ({"DATA": "554 5.7.1 refused"}, 554, "5.7.1"),
        ({"DOT": "554 5.7.1 spam"}, 554, "5.7.1"),
    ],
)
def test_sender_reports_permanent_refusals_without_the_address(
    replies: dict[str, str], code: int, status: str, senders: list[SmtpSender]
) -> None:
    with Sink(replies) as sink:
        with pytest.raises(PermanentRefusalError) as caught:
            send(sender_to(senders, sink.port))
        assert (caught.value.reply_code, caught.value.status) == (code, status)
        assert "taro" not in str(caught.value)


@pytest.mark.parametrize("reply", ["drop", "what?", "999 odd"])
def test_sender_is_in_doubt_after_the_final_dot(reply: str, senders: list[SmtpSender]) -> None:
    with Sink({"DOT": reply}) as sink:
        with pytest.raises(ConnectionLostAfterDataError):
            send(sender_to(senders, sink.port))
        assert len(sink.mails) == 1


def test_sender_reports_a_server_that_is_not_there(senders: list[SmtpSender]) -> None:
    sink = Sink()
    sink.close()
    with pytest.raises(RetryLaterError):
        send(sender_to(senders, sink.port))


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_sender_never_falls_back_to_plain_text(security: str, senders: list[SmtpSender]) -> None:
    with Sink() as sink:
        sender = sender_to(
            senders, sink.port, security=security, username="u", password="p", command_seconds=2
        )
        with pytest.raises(RetryLaterError):
            send(sender)
        assert not any(command.startswith(("MAIL", "AUTH")) for command in sink.commands)


def test_sender_waits_longer_for_the_final_reply_than_rfc_5321_allows_servers() -> None:
    assert SmtpSender("127.0.0.1", 25, security="none").data_seconds >= 600
