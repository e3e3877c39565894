from __future__ import annotations

from email.utils import parseaddr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadloop.leads.addresses import (
    AddressError,
    company_domain,
    email_key,
    normalise_email,
    normalise_phone,
)


@pytest.mark.parametrize(
    ("raw", "stored"),
    [
        ("Taro.Yamada@Example.JP", "Taro.Yamada@example.jp"),
        ("　ｔａｒｏ＠ｅｘａｍｐｌｅ．ｊｐ　", "taro@example.jp"),
        ("\ufefftaro@example.jp\u200b", "taro@example.jp"),
        ("taro@例え.jp", "taro@xn--r8jz45g.jp"),
        ("taro..yamada@docomo.ne.jp", "taro..yamada@docomo.ne.jp"),
        (".taro.@DOCOMO.ne.jp", ".taro.@docomo.ne.jp"),
        ("taro+news@acme.example", "taro+news@acme.example"),
    ],
)
def test_normalise_email_returns_the_stored_form(raw: str, stored: str) -> None:
    assert normalise_email(raw) == stored


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "　",
        "taro",
        "taro@",
        "@example.jp",
        "taro@localhost",
        "taro@example.jp,jiro@example.jp",
        "taro@example.jp jiro@example.jp",
        "山田 太郎 <taro@example.jp>",
        "<taro@example.jp>",
        '"a b"@example.jp',
        "taro@[127.0.0.1]",
        "taro@example.jp\r\nBcc: jiro@example.jp",
        "taro@example.jp\x00",
        "taro..yamada@example.jp",
        "taro@docomo.ne.jp@example.jp",
        "a\nb@docomo.ne.jp",
        "太郎@example.jp",
        "a" * 250 + "@example.jp",
    ],
)
def test_normalise_email_refuses_anything_else(raw: str) -> None:
    with pytest.raises(AddressError):
        normalise_email(raw)


def test_address_error_does_not_repeat_the_address() -> None:
    with pytest.raises(AddressError) as raised:
        normalise_email("secret..person@example.jp")
    assert "secret" not in str(raised.value)


@given(st.emails() | st.text(max_size=40).map(lambda local: f"{local}@docomo.ne.jp"))
def test_normalise_email_is_one_address_or_refused(raw: str) -> None:
    try:
        stored = normalise_email(raw)
    except AddressError:
        return
    assert normalise_email(stored) == stored
    assert parseaddr(stored) == ("", stored)
    assert stored.isascii()
    assert email_key(stored) == email_key(stored.upper())


def test_company_domain_skips_free_mail() -> None:
    assert company_domain("taro@acme.example") == "acme.example"
    assert company_domain("taro@gmail.com") is None
    assert company_domain("taro@docomo.ne.jp") is None
    assert company_domain(None) is None


@pytest.mark.parametrize(
    ("raw", "stored"),
    [
        ("０３－１２３４－５６７８", "0312345678"),
        ("03ー1234ー5678", "0312345678"),
        ("+81 (3) 1234-5678", "+81312345678"),
        ("03-1234-5678 内線 12", "0312345678"),
        ("+1 555 0100 ext. 7", "+15550100"),
        ("なし", None),
        ("110", None),
        ("1" * 16, None),
    ],
)
def test_normalise_phone_keeps_digits(raw: str, stored: str | None) -> None:
    assert normalise_phone(raw) == stored
