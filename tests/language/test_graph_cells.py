"""Measuring and breaking texts of pictures."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadloop.language.graph.cells import cells, cut, ems, plain, wrap


def test_cells_counts_wide_letters_double() -> None:
    assert [cells(text) for text in ("abc", "資料", "ｱｲ", "が", "か\u3099", "")] == [3, 4, 2, 2, 2, 0]
    assert ems("資料") == 2.0
    assert ems("WWW") > ems("www") * 0.9 > ems("iii")


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("資料ダウンロード後の育成", 16, ["資料ダウンロード", "後の育成"]),
        ("メールのクリック", 12, ["メールの", "クリック"]),
        ("営業へ引き渡し (4 営業時間以内)", 18, ["営業へ引き渡し", "(4 営業時間以内)"]),
        ("1 日に 500 人", 10, ["1 日に", "500 人"]),
        ("お送りした、ご確認。", 12, ["お送りした、", "ご確認。"]),
        ("mail whitepaper/thanks", 16, ["mail whitepaper/", "thanks"]),
        ("page viewed (/pricing*)", 14, ["page viewed", "(/pricing*)"]),
        ("abcdefghijkl", 5, ["abcde", "fghij", "kl"]),
    ],
)
def test_wrap_breaks_where_people_do(text: str, width: int, lines: list[str]) -> None:
    assert wrap(text, width, 5) == lines


def test_wrap_cuts_what_is_too_much() -> None:
    assert wrap("one two three four five", 9, 2) == ["one two", "three f…"]
    assert cut("とても長い題名", 8) == "とても…"
    assert cut("short", 8) == "short"


@given(st.text(max_size=60), st.integers(4, 30), st.integers(1, 4))
def test_wrap_keeps_to_its_width_and_lines(text: str, width: int, most: int) -> None:
    lines = wrap(text, width, most)
    assert len(lines) <= most
    assert all(cells(line) <= width for line in lines)
    if lines and not lines[-1].endswith("…"):
        assert "".join(lines).replace(" ", "") == plain(text).replace(" ", "")


def test_plain_leaves_out_what_xml_cannot_hold() -> None:
    assert plain("a\x00b\n c\ud800\uffff\u202ed") == "a b c d"
