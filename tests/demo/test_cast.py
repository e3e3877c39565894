"""What people and sales do is decided by person and situation, not by the order of events."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from leadloop.delivery.parsing import MailLink, ParsedMail
from leadloop.demo.actions import (
    AnswerOffer,
    FollowLink,
    LoseDeal,
    OpenDeal,
    OpenMail,
    Planned,
    ReadNotice,
    SubmitForm,
    ViewPages,
    WinDeal,
)
from leadloop.demo.cast import Cast
from leadloop.demo.people import Person, read_people
from leadloop.demo.sales_cast import SalesCast

START = datetime(2026, 6, 1, tzinfo=UTC)
TOKYO = ZoneInfo("Asia/Tokyo")
LEADS = Path(__file__).parents[2] / "demo" / "leads.csv"
PEOPLE = read_people(LEADS, 200, 60, 1)


def make_cast(people: list[Person] = PEOPLE) -> Cast:
    return Cast(people, SalesCast(1, None, TOKYO), 1, START, TOKYO)


def make_mail(to: str, subject: str = "資料をお届けします", url: str = "http://x/t/c/token") -> ParsedMail:
    return ParsedMail(
        id="m", sender="", to=to, subject=subject, date=None, message_id="", text="", html="", headers=(),
        links=(MailLink(url, "資料"),), images=("http://x/t/o/a.gif",), unsubscribe_url="http://x/u/token",
    )  # fmt: skip


def test_cast_opens_with_forms_that_the_shipped_workspace_has() -> None:
    forms = {plan.action.form for plan in make_cast().opening() if isinstance(plan.action, SubmitForm)}
    assert forms == {"whitepaper", "contact"}


def test_cast_reacts_to_a_mail_the_same_whatever_came_before() -> None:
    keen = [one for one in PEOPLE if one.interest == "keen"]
    alone = make_cast()
    busy = make_cast()
    for other in keen[1:]:
        busy.on_mail(make_mail(other.email), START)
    busy.on_mail(make_mail(keen[0].email, "別のメール"), START)
    assert alone.on_mail(make_mail(keen[0].email), START) == busy.on_mail(make_mail(keen[0].email), START)


def test_keen_people_open_and_click_more_than_others() -> None:
    cast = make_cast()
    clicks = {"keen": [0, 0], "none": [0, 0]}
    for person in PEOPLE:
        if person.interest in clicks:
            plans = cast.on_mail(make_mail(person.email), START)
            clicks[person.interest][0] += any(isinstance(plan.action, FollowLink) for plan in plans)
            clicks[person.interest][1] += 1
    assert clicks["keen"][0] / clicks["keen"][1] > clicks["none"][0] / clicks["none"][1]


def test_a_click_is_followed_by_the_view_of_its_page() -> None:
    click = FollowLink("http://x/t/c/token", PEOPLE[0].email)
    (plan,) = make_cast().after(click, {"location": "https://www.acme.example/pricing"}, START)
    assert plan.action == ViewPages(PEOPLE[0].email, ("/pricing",))


def test_notice_to_sales_is_read_at_its_link() -> None:
    notice = make_mail("sato@acme.example", url="http://127.0.0.1:8080/sales/offers/O1")
    (plan,) = make_cast().on_mail(notice, START)
    assert plan.action == ReadNotice("offer", "O1", "sato@acme.example")
    assert plan.at > START


def offers_answered() -> list[AnswerOffer]:
    cast, answers = make_cast(), []
    for number, person in enumerate(PEOPLE):
        reply = {"id": f"O{number}", "lead": f"L{number}", "status": "offered", "escalated_at": None,
                 "email": person.email}  # fmt: skip
        plans = cast.after(ReadNotice("offer", f"O{number}", "sato@acme.example"), reply, START)
        answers += [plan.action for plan in plans if isinstance(plan.action, AnswerOffer)]
    return answers


def test_sales_accepts_most_offers_rejects_some_and_ignores_few() -> None:
    answers = offers_answered()
    accepted = sum(one.answer == "accept" for one in answers)
    rejected = sum(one.answer == "reject" for one in answers)
    assert accepted > 100
    assert 0 < rejected < accepted
    assert 0 < len(PEOPLE) - len(answers) < 60


def test_deals_are_won_and_lost_and_some_losses_name_a_date() -> None:
    cast = make_cast()
    outcomes: list[Planned] = []
    for number, person in enumerate(PEOPLE):
        opened = OpenDeal(f"L{number}", person.email, f"D{number}", None, 1000, 1)
        outcomes += cast.after(opened, {"id": "D"}, START)
    losses = [plan.action for plan in outcomes if isinstance(plan.action, LoseDeal)]
    assert any(isinstance(plan.action, WinDeal) for plan in outcomes)
    assert any(one.revisit_on for one in losses)
    assert any(one.revisit_on is None for one in losses)


def test_a_command_that_came_too_late_has_no_sequel() -> None:
    opened = OpenDeal("L1", PEOPLE[0].email, "D1", None, 1000, 1)
    assert make_cast().after(opened, {}, START) == []


def test_people_who_left_the_door_open_come_back_after_the_date() -> None:
    person = next(one for one in PEOPLE if one.returns)
    lost = LoseDeal("D1", person.email, "timing", "2026-06-20", 1)
    plans = make_cast().after(lost, {"id": "D1"}, START + timedelta(days=10))
    views = [plan.at for plan in plans if isinstance(plan.action, ViewPages)]
    assert views
    assert min(views) > datetime(2026, 6, 20, tzinfo=TOKYO)


def test_mail_to_a_person_is_opened_before_it_is_clicked() -> None:
    cast = make_cast()
    for person in PEOPLE:
        plans = cast.on_mail(make_mail(person.email), START)
        if len(plans) > 1:
            assert isinstance(plans[0].action, OpenMail)
            assert plans[0].at < plans[1].at
