from __future__ import annotations

from typing import Any

import pytest

from leadloop.delivery.addressee import addressee

ACME = "株式会社アクメ"
IT = "情報システム部"


def lead(**fields: Any) -> dict[str, Any]:
    return fields


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            lead(company=ACME, department=IT, family_name="山田", given_name="太郎"),
            "株式会社アクメ 情報システム部 山田 太郎 様",
        ),
        (lead(company={"name": ACME}, family_name="山田"), "株式会社アクメ 山田 様"),
        (lead(family_name="山田", given_name="太郎"), "山田 太郎 様"),
        (lead(given_name="太郎"), "太郎 様"),
        (lead(family_name="山田様"), "山田様"),
        (lead(family_name="山田", given_name="太郎 様"), "山田 太郎 様"),
        (lead(family_name="山田", given_name="太郎　様"), "山田 太郎 様"),
        (lead(family_name="山田さま"), "山田さま"),
        (lead(family_name="山田", honorific="様"), "山田 様"),
        (lead(family_name="佐藤", honorific="先生"), "佐藤 先生"),
        (lead(family_name="佐藤先生", honorific="先生"), "佐藤先生"),
        (lead(family_name="佐藤", given_name="花子", honorific="博士"), "佐藤 花子 博士"),
        (lead(family_name="山田", honorific="Mr."), "山田 様"),
        (lead(family_name="Smith", given_name="John", company="Acme Inc."), "Acme Inc. John Smith 様"),
        (lead(company=ACME, department=IT), "株式会社アクメ 情報システム部 ご担当者様"),
        (lead(company=ACME, department=IT, company_only=True), "株式会社アクメ 情報システム部 御中"),
        (lead(company=ACME), "株式会社アクメ 御中"),
        (lead(company="株式会社アクメ御中"), "株式会社アクメ 御中"),
        (lead(company=ACME, family_name="山田", company_only=True), "株式会社アクメ 御中"),
        (
            lead(company=ACME, department=IT, family_name="ご担当者"),
            "株式会社アクメ 情報システム部 ご担当者様",
        ),
        (lead(family_name="担当者様"), "ご担当者様"),
        (lead(family_name="様"), "ご担当者様"),
        (lead(family_name="　 ", company=""), "ご担当者様"),
        (lead(family_name=None, given_name=None, company=None), "ご担当者様"),
        (lead(), "ご担当者様"),
        (lead(family_name="山田\n太郎"), "山田 太郎 様"),
        (lead(family_name="鵜殿"), "鵜殿 様"),
    ],
)
def test_addressee_in_japanese(fields: dict[str, Any], expected: str) -> None:
    assert addressee(fields, "ja") == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (lead(family_name="Yamada", given_name="Taro", company="Acme", department="IT"), "Dear Taro Yamada"),
        (lead(family_name="Yamada"), "Dear Yamada"),
        (lead(given_name="Taro"), "Dear Taro"),
        (lead(family_name="Curie", given_name="Marie", honorific="Dr."), "Dear Dr. Marie Curie"),
        (lead(family_name="Curie", honorific="Dr"), "Dear Dr. Curie"),
        (lead(family_name="Curie", honorific="様"), "Dear Curie"),
        (lead(family_name="山田", given_name="太郎様"), "Dear 山田 太郎"),
        (lead(company="Acme"), "Dear customer"),
        (lead(family_name="ご担当者様"), "Dear customer"),
        (lead(), "Dear customer"),
    ],
)
def test_addressee_in_english(fields: dict[str, Any], expected: str) -> None:
    assert addressee(fields, "en-GB") == expected


@pytest.mark.parametrize("honorific", [None, "様", "先生", "さま"])
@pytest.mark.parametrize("name", ["山田", "山田様", "山田 様", "様", "", "ご担当者様"])
@pytest.mark.parametrize("company", [None, ACME])
def test_addressee_never_doubles_an_honorific(name: str, honorific: str | None, company: str | None) -> None:
    line = addressee(lead(family_name=name, honorific=honorific, company=company), "ja").replace(" ", "")
    assert not any(
        pair in line for pair in ("様様", "さま様", "様さま", "様先生", "先生様", "御中様", "様御中")
    )
