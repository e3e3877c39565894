from __future__ import annotations

import pytest

from leadloop.delivery.tokens import TokenError, Tokens
from leadloop.keys import Keys
from leadloop.storage.columns import new_id

TOKENS = Tokens(Keys(b"a secret of the tests"))


def test_tokens_give_back_their_id() -> None:
    row_id = new_id()
    assert TOKENS.read_open(TOKENS.open_token(row_id)) == row_id
    assert TOKENS.read_click(TOKENS.click_token(row_id)) == row_id
    assert TOKENS.read_unsubscribe(TOKENS.unsubscribe_token(row_id)) == row_id


def test_tokens_fit_into_an_address() -> None:
    token = TOKENS.click_token(new_id())
    assert len(token) <= 70
    assert all(c.isascii() and (c.isalnum() or c in "-_.") for c in token)


def test_tokens_are_for_one_purpose() -> None:
    token = TOKENS.open_token(new_id())
    for read in (TOKENS.read_click, TOKENS.read_unsubscribe):
        with pytest.raises(TokenError):
            read(token)


def test_tokens_of_another_secret_are_refused() -> None:
    with pytest.raises(TokenError):
        Tokens(Keys(b"another secret of the tests")).read_open(TOKENS.open_token(new_id()))


def test_tokens_are_refused_after_any_change() -> None:
    token = TOKENS.unsubscribe_token(new_id())
    for position in range(len(token)):
        for other in "AB.":
            altered = token[:position] + other + token[position + 1 :]
            if altered != token:
                with pytest.raises(TokenError):
                    TOKENS.read_unsubscribe(altered)


@pytest.mark.parametrize(
    "text", ["", ".", "a", "あ", "a.b", "\x00", "=" * 66, "A" * 10_000, "../../etc/passwd", "é.é"]
)
def test_tokens_refuse_garbage(text: str) -> None:
    with pytest.raises(TokenError):
        TOKENS.read_open(text)
