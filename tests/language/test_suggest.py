""" "Did you mean …?" for what people really type."""

from __future__ import annotations

import pytest

from leadloop.language.suggest import COMPARED, LISTED, Suggestion, nearest

STEPS = (
    "send",
    "wait",
    "await",
    "if",
    "score",
    "stage",
    "stream",
    "hand_off",
    "recycle",
    "task",
    "go",
    "exit",
)
EVENTS = ("form_submitted", "page_viewed", "email_clicked", "email_opened", "lead_created", "deal_lost")
FORMS = ("資料請求", "導入事例", "料金案内", "無料相談", "セミナー申込", "ホワイトペーパー", "お問い合わせ")
FACTS = (
    "lead.employees", "lead.industry", "lead.family_name", "lead.company.name", "lead.score.engagement",
    "lead.band.engagement", "lead.created_at", "lead.stage", "lead.tags",
)  # fmt: skip
STAGES = ("lead", "mql", "sql", "customer")


@pytest.mark.parametrize(
    ("name", "known", "meant"),
    [
        # one slip: missing, too many, wrong, exchanged
        ("form_submited", EVENTS, "form_submitted"),
        ("waait", STEPS, "wait"),
        ("lead.emploiees", FACTS, "lead.employees"),
        ("from_submitted", EVENTS, "form_submitted"),
        ("sned", STEPS, "send"),
        ("og", STEPS, "go"),
        ("fi", STEPS, "if"),
        ("mlq", STAGES, "mql"),
        ("slq", STAGES, "sql"),
        # case, width and separators
        ("FormSubmitted", EVENTS, "form_submitted"),
        ("hand-off", STEPS, "hand_off"),
        ("ｓｅｎｄ", STEPS, "send"),
        ("lead.familyName", FACTS, "lead.family_name"),
        # Japanese
        ("資料清求", FORMS, "資料請求"),
        ("料資請求", FORMS, "資料請求"),
        ("無料相淡", FORMS, "無料相談"),
        ("セミナー申し込み", FORMS, "セミナー申込"),
        ("ｾﾐﾅｰ申込", FORMS, "セミナー申込"),
        ("ほわいとぺーぱー", FORMS, "ホワイトペーパー"),
        ("お問合せ", FORMS, "お問い合わせ"),
        # a part of the name
        ("clicked", EVENTS, "email_clicked"),
        ("lead.company", FACTS, "lead.company.name"),
        ("資料", FORMS, "資料請求"),
    ],
)
def test_nearest_finds_what_was_meant(name: str, known: tuple[str, ...], meant: str) -> None:
    assert nearest(name, known) == meant


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("switch", ("send", "wait", "stage")),
        ("lead.phone", FACTS),  # nearly `lead.stage`, if `lead.` counted
        ("東京", ("東北", "大阪")),
        ("x", ("y", "xy")),
        ("製造", ("it", "manufacturing")),
        ("email", STEPS),
        ("", STEPS),
    ],
)
def test_nearest_is_nothing_where_nothing_is_like_it(name: str, known: tuple[str, ...]) -> None:
    assert nearest(name, known) is None


def test_nearest_takes_the_fewest_slips() -> None:
    assert nearest("tipps", ("tops", "tips", "chips")) == "tips"
    assert nearest("timout", ("on_timeout", "timeout")) == "timeout"


def test_nearest_compares_only_so_many_names() -> None:
    names = [f"{at:03}" * 5 for at in range(COMPARED)]
    assert nearest("wiat", [*names[1:], "wait"]) == "wait"
    assert nearest("wiat", [*names, "wait"]) is None


def test_suggestion_lists_the_names_when_none_is_near() -> None:
    assert str(Suggestion("営業", FORMS[:2])) == "known: `導入事例`, `資料請求`"
    many = [f"n{at:02}" for at in range(LISTED + 1)]
    assert str(Suggestion("営業", many)).endswith("`n11`, …")


def test_suggestion_says_that_none_is_declared() -> None:
    assert str(Suggestion("営業", ())) == "none is declared"
