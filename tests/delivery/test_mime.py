"""Headers that no value can break (fault J5), and the ones that mail programs need."""

from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes, policy
from typing import Any

import pytest

from leadloop.delivery.addresses import AddressError, checked_address
from leadloop.delivery.mime import HeaderError, Mail, build_mime

URL = "https://leadloop.example/u/" + "x" * 300


def mail(**changes: Any) -> Mail:
    values: dict[str, Any] = {
        "message_id": "0190-abc",
        "sender_name": "株式会社アクメ マーケティング部",
        "sender_address": "news@acme.example",
        "to": "taro@example.jp",
        "subject": "【お役立ち情報】稟議書の差し戻しを減らす3つの工夫と、長い件名のための長い長い続き",
        "text": "本文です。\n.\n終わり\n",
        "html": "<p>本文です。🎉</p>",
        "sent_at": datetime(2026, 11, 22, tzinfo=UTC),
        "reply_to": "sales@acme.example",
        "unsubscribe_url": URL,
    }
    return Mail(**{**values, **changes})


def test_build_mime_can_be_read_back() -> None:
    parsed = message_from_bytes(build_mime(mail()), policy=policy.default)
    assert parsed["From"] == "株式会社アクメ マーケティング部 <news@acme.example>"
    assert parsed["To"] == "taro@example.jp"
    assert parsed["Reply-To"] == "sales@acme.example"
    assert parsed["Subject"] == mail().subject
    assert parsed["Message-ID"] == "<0190-abc@acme.example>"
    assert parsed["X-Leadloop-Message"] == "0190-abc"
    assert parsed["Date"].datetime == mail().sent_at
    text = parsed.get_body(("plain",))
    html = parsed.get_body(("html",))
    assert text is not None
    assert html is not None
    assert text.get_content().splitlines() == mail().text.splitlines()
    assert html.get_content().strip() == mail().html


def test_build_mime_keeps_list_unsubscribe_on_one_line() -> None:
    content = build_mime(mail())
    assert f"\r\nList-Unsubscribe: <{URL}>\r\n".encode() in content
    assert b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in content
    both = build_mime(mail(unsubscribe_address="stop@acme.example"))
    assert f"List-Unsubscribe: <{URL}>, <mailto:stop@acme.example?subject=unsubscribe>\r\n".encode() in both


def test_build_mime_leaves_list_unsubscribe_out_of_notices() -> None:
    assert b"List-Unsubscribe" not in build_mime(mail(unsubscribe_url=None))


def test_build_mime_is_seven_bit_with_lines_smtp_allows() -> None:
    content = build_mime(mail(text="あ" * 5000, html="x" * 5000))
    assert content.isascii()
    assert max(len(line) for line in content.split(b"\r\n")) <= 998
    assert b"\n" not in content.replace(b"\r\n", b"")


@pytest.mark.parametrize("field", ["subject", "sender_name", "message_id", "unsubscribe_url"])
@pytest.mark.parametrize(
    "value", ["a\r\nBcc: evil@evil.example", "a\nb", "a\rb", "a\x00b", "a\u2028b", "a\x85b"]
)
def test_build_mime_refuses_header_injection(field: str, value: str) -> None:
    with pytest.raises((HeaderError, AddressError)):
        build_mime(mail(**{field: value}))


BAD_ADDRESSES = [
    "",
    " ",
    "a",
    "@",
    "a@",
    "@x.example",
    "a@x@y.example",
    "a@acme.example, b@acme.example",
    "a@acme.example b@acme.example",
    "a@acme.example;b@acme.example",
    "a@acme.example\r\nRCPT TO:<evil@evil.example>",
    '"a\r\nRCPT TO:<evil>"@acme.example',
    "a@acme.example>",
    "<a@acme.example>",
    "A <a@acme.example>",
    "a@acme.example\x00",
    "a\u2028@acme.example",
    "a@acme.example\u2029",
    "a@[127.0.0.1]",
    '"a b"@acme.example',
    "a" * 65 + "@acme.example",
    "a@" + "x" * 10_000 + ".example",
    "a..b@acme.example",
    "日本@acme.example",
    "a@acme.example ",
    "\ta@acme.example",
    "(c)a@acme.example",
    "=?utf-8?q?a=0a?=@acme.example\n",
]


@pytest.mark.parametrize("address", BAD_ADDRESSES)
def test_checked_address_refuses_what_is_not_one_address(address: str) -> None:
    with pytest.raises(AddressError) as caught:
        checked_address(address)
    assert "@" not in str(caught.value)


@pytest.mark.parametrize("address", BAD_ADDRESSES)
@pytest.mark.parametrize("field", ["to", "sender_address"])
def test_build_mime_refuses_bad_addresses(field: str, address: str) -> None:
    with pytest.raises(AddressError):
        build_mime(mail(**{field: address}))


@pytest.mark.parametrize(
    ("address", "checked"),
    [
        ("taro@acme.example", "taro@acme.example"),
        ("Taro+news@ACME.example", "Taro+news@acme.example"),
        ("a@日本語.example", "a@xn--wgv71a119e.example"),
        ("taro.@docomo.ne.jp", '"taro."@docomo.ne.jp'),
        (".ta..ro@ezweb.ne.jp", '".ta..ro"@ezweb.ne.jp'),
        ("taro@docomo.ne.jp", "taro@docomo.ne.jp"),
    ],
)
def test_checked_address_gives_what_the_server_is_told(address: str, checked: str) -> None:
    assert checked_address(address) == checked
    assert message_from_bytes(build_mime(mail(to=address)), policy=policy.default)["To"].addresses[0].domain
