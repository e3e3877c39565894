"""Japanese texts: complete, with the same placeholders, and chosen when printing."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from leadloop.language.declarations import FIELD_TYPES
from leadloop.language.messages import AREAS, MESSAGES
from leadloop.language.phrases import AREAS as PHRASE_AREAS
from leadloop.language.phrases import PHRASES
from leadloop.language.phrases.libraries import LIBRARIES
from leadloop.language.plan import FactType
from leadloop.language.translation import fill, japanese
from tests.language.prose import english_phrases, normal

TYPES = {*FIELD_TYPES, *get_args(FactType)}
"""Names of types are words of the language, the same in every language."""
JAPANESE = re.compile("[\u3040-\u30ff\u4e00-\u9fff]")


def names(text: str) -> list[str]:
    return sorted(set(re.findall(r"\{(\w+)\}", text)))


@pytest.mark.parametrize("code", MESSAGES)
def test_code_has_both_languages_with_the_same_placeholders(code: str) -> None:
    entry = MESSAGES[code]
    for english, text in ((entry.message, entry.ja.message), (entry.hint, entry.ja.hint)):
        assert names(english) == names(text)
        assert bool(english) == bool(text)
        assert JAPANESE.search(text) or not re.search("[A-Za-z]", re.sub(r"\{\w+\}", "", english))


def test_code_is_in_one_area_only() -> None:
    assert len(MESSAGES) == sum(map(len, AREAS))


def test_every_phrase_of_the_compiler_has_japanese() -> None:
    known = {normal(english) for english in PHRASES} | TYPES
    missing = {place: text for text, place in english_phrases().items() if normal(text) not in known}
    assert not missing, "add them to leadloop/language/phrases"


@pytest.mark.parametrize("english", PHRASES)
def test_phrase_has_the_same_placeholders_in_both_languages(english: str) -> None:
    if english in LIBRARIES:  # a library lists more than anybody reads
        assert set(names(PHRASES[english])) <= set(names(english))
    else:
        assert names(english) == names(PHRASES[english])
    assert PHRASES[english].strip()


def test_phrase_is_in_one_area_only() -> None:
    assert len(PHRASES) == sum(map(len, PHRASE_AREAS))


@pytest.mark.parametrize(
    ("english", "text"),
    [
        ("a `send` step", "`send`ステップ"),
        ("did you mean `資料請求`?", "`資料請求`ではありませんか？"),
        ("a property of `demo` of `events`", "`events`の`demo`の属性"),
        ("`kind` of `opened` of `events`", "`events`の`opened`の`kind`"),
        (" of at least 1 and at most 5", "1以上5以下の"),
        ("an entry needs `event: …` or `stage: …`", "入口には`event: …`または`stage: …`が必要です"),
        (
            "`3 dayz` has no unit of time; write `3 days`",
            "`3 dayz`に時間の単位がありません。`3 days`と書いてください",
        ),
        (
            "`a`b` is not a date; write `2027-04-01`",
            "`a`b`は日付として読めません。`2027-04-01`のように書いてください",
        ),
        (
            "while parsing a flow sequence, did not find expected ',' or ']'",
            "`[ ]`のリストを読む途中で、`,`か`]`がありません",
        ),
        (
            "`day 32 09:00`: a month has the days 1 to 31; write `day 25 09:00`, or `last day 09:00`",
            "`day 32 09:00`: 月の日は1から31です。`day 25 09:00`、または`last day 09:00`と書いてください",
        ),
        ("words nobody translated", "words nobody translated"),
    ],
)
def test_japanese_finds_the_phrase_and_what_fills_it(english: str, text: str) -> None:
    assert japanese(english) == text


def test_fill_keeps_code_and_what_the_author_wrote() -> None:
    values = {"name": "event", "kind": "event", "fixed": "a map"}
    assert fill("{kind} `{name}`\n{fixed}", values, "ja") == "イベント `event`\na map"
    assert fill("{kind} `{name}`\n{fixed}", values) == "event `event`\na map"
