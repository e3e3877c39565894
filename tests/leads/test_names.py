from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadloop.leads.names import clean_text, company_key, split_full_name


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("　山田　　太郎　", "山田 太郎"),
        ("ﾔﾏﾀﾞ ﾀﾛｳ", "ヤマダ タロウ"),
        ("０３－１２３４", "03-1234"),
        ("㈱アクメ", "(株)アクメ"),
        ("Ａｃｍｅ\tInc.\r\n", "Acme Inc."),
        ("\ufeff田中\u200b", "田中"),
        ("太\x00郎", "太郎"),
        ("", ""),
    ],
)
def test_clean_text_folds_width_and_space(raw: str, clean: str) -> None:
    assert clean_text(raw) == clean


@pytest.mark.parametrize(
    "name",
    [
        "株式会社アクメ",
        "アクメ株式会社",
        "㈱アクメ",
        "（株）アクメ",
        "(株) アクメ",
        "アクメ　㈱",
        "有限会社 アクメ",
        "ｱｸﾒ(株)",
    ],
)
def test_company_key_ignores_japanese_forms(name: str) -> None:
    assert company_key(name) == "アクメ"


@pytest.mark.parametrize(
    "name",
    ["Acme", "ACME Inc.", "Acme, Inc", "Acme Co., Ltd.", "ACME CO.,LTD", "Acme Limited", "Ａｃｍｅ K.K."],
)
def test_company_key_ignores_english_forms(name: str) -> None:
    assert company_key(name) == "acme"


def test_company_key_keeps_what_is_part_of_the_name() -> None:
    assert company_key("Costco") == "costco"
    assert company_key("株式会社") == "株式会社"
    assert company_key("Inc.") == "inc"
    assert company_key("北日本株式会社製作所") == "北日本株式会社製作所"
    assert company_key("アクメ・ジャパン株式会社") != company_key("アクメ株式会社")


@given(st.text(max_size=60))
def test_company_key_is_stable(name: str) -> None:
    assert company_key(clean_text(name)) == company_key(name)
    assert bool(company_key(name)) == bool(clean_text(name))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("山田　太郎", ("山田", "太郎")),
        ("Taro Yamada", ("Yamada", "Taro")),
        ("Anna Maria Rossi", ("Rossi", "Anna Maria")),
        ("山田", ("山田", "")),
        ("", ("", "")),
    ],
)
def test_split_full_name_follows_the_script(text: str, names: tuple[str, str]) -> None:
    assert split_full_name(text) == names
