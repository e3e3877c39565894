from __future__ import annotations

import smtplib
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from leadloop.delivery.mailbox import Mailbox
from leadloop.delivery.mime import Mail, build_mime
from leadloop.delivery.parsing import ParsedMail

HTML = (
    '<p>本文 <a href="https://l.example/t/c/1?a=1&amp;b=2">事例を<b>見る</b></a></p>'
    '<img src="https://l.example/t/o/2.gif">'
)


def content(number: int = 1, to: str = "taro@example.jp") -> bytes:
    return build_mime(
        Mail(
            message_id=f"message-{number}",
            sender_name="株式会社アクメ",
            sender_address="news@acme.example",
            to=to,
            subject=f"件名{number}",
            text="本文\n.\n",
            html=HTML,
            sent_at=datetime(2026, 11, 22, 1, tzinfo=UTC),
            unsubscribe_url="https://l.example/u/3",
        )
    )


@pytest.fixture
def mailbox(tmp_path: Path) -> Iterator[Mailbox]:
    box = Mailbox(tmp_path / "mail")
    box.start()
    yield box
    box.stop()


def test_mailbox_receives_and_parses_a_mail(mailbox: Mailbox) -> None:
    with smtplib.SMTP("127.0.0.1", mailbox.port) as client:
        client.sendmail("news@acme.example", ["taro@example.jp"], content())
    (summary,) = mailbox.list()
    assert (summary.subject, summary.to, summary.message_id) == ("件名1", "taro@example.jp", "message-1")
    mail = mailbox.get(summary.id)
    assert mail is not None
    assert mail.sender == "株式会社アクメ <news@acme.example>"
    assert mail.date == datetime(2026, 11, 22, 1, tzinfo=UTC)
    assert mail.text == "本文\n.\n"
    assert [(link.url, link.text) for link in mail.links] == [
        ("https://l.example/t/c/1?a=1&b=2", "事例を見る")
    ]
    assert mail.images == ("https://l.example/t/o/2.gif",)
    assert mail.unsubscribe_url == "https://l.example/u/3"
    assert ("X-Leadloop-Message", "message-1") in mail.headers


def test_mailbox_lists_newest_first_by_pages(mailbox: Mailbox) -> None:
    for number in range(25):
        mailbox.store(content(number), "a@example.jp" if number % 5 else "b@example.jp")
    first = mailbox.list(10)
    second = mailbox.list(10, before=first[-1].id)
    assert [row.subject for row in first + second] == [f"件名{number}" for number in range(24, 4, -1)]
    assert [row.subject for row in mailbox.list(to="b@example.jp")] == [
        "件名20",
        "件名15",
        "件名10",
        "件名5",
        "件名0",
    ]
    assert mailbox.count() == 25


def test_mailbox_keeps_mail_over_restarts_and_survives_a_torn_index(tmp_path: Path) -> None:
    first = Mailbox(tmp_path)
    kept = [first.store(content(number), "a@example.jp") for number in range(3)]
    index = tmp_path / "index.jsonl"
    lines = index.read_text(encoding="utf-8").splitlines()
    index.write_text("\n".join([lines[0], lines[1][:20]]), encoding="utf-8")
    (tmp_path / ".half.part").write_bytes(b"Subject: half")
    again = Mailbox(tmp_path)
    assert [row.id for row in again.list()] == [row.id for row in reversed(kept)]
    assert [row.subject for row in again.list()] == ["件名2", "件名1", "件名0"]
    again.store(content(3), "a@example.jp")
    assert [row.subject for row in Mailbox(tmp_path).list(2)] == ["件名3", "件名2"]


def test_mailbox_tells_each_mail_in_order(tmp_path: Path) -> None:
    seen: list[ParsedMail] = []
    enough = threading.Event()

    def note(mail: ParsedMail) -> None:
        seen.append(mail)
        if len(seen) == 3:
            enough.set()

    box = Mailbox(tmp_path, on_mail=note)
    box.start()
    try:
        with smtplib.SMTP("127.0.0.1", box.port) as client:
            for number in range(3):
                client.sendmail("news@acme.example", ["taro@example.jp"], content(number))
        assert enough.wait(10)
    finally:
        box.stop()
    assert [mail.subject for mail in seen] == ["件名0", "件名1", "件名2"]


@pytest.mark.parametrize(
    "mail_id", ["../../etc/passwd", "", "..", "a/b", "0" * 36, "index.jsonl", "0190\x00"]
)
def test_mailbox_knows_no_other_files(mailbox: Mailbox, mail_id: str) -> None:
    assert mailbox.get(mail_id) is None


@pytest.mark.parametrize(
    "junk", [b"", b"\x00\xff", b"Subject: =?x?q?=\r\nDate: never\r\nFrom: <<\r\n\r\n\xff", b"x" * 10_000]
)
def test_mailbox_takes_junk(mailbox: Mailbox, junk: bytes) -> None:
    summary = mailbox.store(junk, "a@example.jp")
    assert mailbox.get(summary.id) is not None


def test_mailbox_listens_on_loopback_at_a_chosen_port(tmp_path: Path, mailbox: Mailbox) -> None:
    with pytest.raises(OSError, match="in use"):
        Mailbox(tmp_path / "other", port=mailbox.port).start()
