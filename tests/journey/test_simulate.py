"""`leadloop try`: the shipped scenarios played by `decide` alone."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from leadloop.journey.simulation import BEHAVIOURS, Behaviour, Choices, Line, Timeline, simulate, unreached
from leadloop.language.compiler import compile_workspace
from leadloop.language.plan import Publication

PROJECT = Path(__file__).parents[2]
TOKYO = ZoneInfo("Asia/Tokyo")
MONDAY = datetime(2026, 11, 16, 10, tzinfo=TOKYO)


@pytest.fixture(scope="module")
def shipped() -> Publication:
    return compile_workspace(PROJECT).require()


def mails(timeline: Timeline) -> list[tuple[str, str]]:
    """Return the mails of a timeline: local time, template."""
    return [
        (f"{line.at.astimezone(TOKYO):%m-%d %H:%M}", line.text.split()[1])
        for line in timeline.lines
        if line.kind == "mail"
    ]


def texts(lines: list[Line], kind: str) -> list[str]:
    return [line.text for line in lines if line.kind == kind]


def test_lead_that_ignores_everything_is_reminded_and_gets_all_content(shipped: Publication) -> None:
    timeline = simulate(shipped, "whitepaper-nurture", "ignores", MONDAY)
    assert mails(timeline)[:3] == [
        ("11-16 10:00", "whitepaper/thanks"),
        ("11-24 09:00", "whitepaper/reminder"),  # five days later is a Saturday, then a holiday
        ("11-27 09:00", "whitepaper/case"),
    ]
    assert timeline.outcome == "exhausted"
    assert timeline.stage == "lead"
    assert "nothing happened in time → reminder" in texts(timeline.lines, "branch")


def test_lead_that_clicks_skips_the_reminder(shipped: Publication) -> None:
    timeline = simulate(shipped, "whitepaper-nurture", "clicks", MONDAY)
    assert "whitepaper/reminder" not in [template for _, template in mails(timeline)]
    assert "email_clicked of thanks → case" in texts(timeline.lines, "branch")
    assert (
        timeline.scores["engagement"]
        > simulate(shipped, "whitepaper-nurture", "ignores", MONDAY).scores["engagement"]
    )


def test_lead_that_turns_hot_becomes_mql_and_goes_to_sales(shipped: Publication) -> None:
    timeline = simulate(shipped, "whitepaper-nurture", "turns hot", MONDAY)
    assert timeline.outcome == "goal"
    assert timeline.stage == "mql"
    assert timeline.bands["engagement"] == "hot"
    assert "sales-handoff takes the lead from here" in texts(timeline.lines, "note")


@pytest.mark.parametrize(
    ("behaviour", "outcome", "stage"),
    [("ignores", "unaccepted", "mql"), ("clicks", "completed", "recycled"), ("turns hot", "won", "customer")],
)
def test_hand_off_expires_is_given_back_or_is_won(
    shipped: Publication, behaviour: Behaviour, outcome: str, stage: str
) -> None:
    timeline = simulate(shipped, "sales-handoff", behaviour, MONDAY)
    assert (timeline.outcome, timeline.stage) == (outcome, stage)


def test_offer_nobody_accepts_is_escalated_within_business_hours(shipped: Publication) -> None:
    lines = simulate(shipped, "sales-handoff", "ignores", MONDAY).lines
    escalated = next(line for line in lines if "nobody accepted in time" in line.text)
    assert f"{escalated.at.astimezone(TOKYO):%m-%d %H:%M}" == "11-16 14:00"


def test_lost_deal_rests_by_its_reason(shipped: Publication) -> None:
    timeline = simulate(shipped, "lost-deal-recycle", "ignores", MONDAY)
    assert any(text.startswith("rests until 2027-01-15") for text in texts(timeline.lines, "wait"))
    assert timeline.outcome == "exhausted"


def test_inquiry_cuts_the_rest_short(shipped: Publication) -> None:
    timeline = simulate(shipped, "lost-deal-recycle", "turns hot", MONDAY)
    assert "back early: form_submitted" in texts(timeline.lines, "branch")
    assert timeline.outcome == "in_sales"
    assert mails(timeline) == []


def test_no_mail_goes_out_when_the_send_window_is_closed(shipped: Publication) -> None:
    for scenario in shipped.plans:
        for behaviour in BEHAVIOURS:
            for line in simulate(shipped, scenario, behaviour, MONDAY).lines:
                if line.kind == "mail" and "thanks" not in line.text:
                    local = line.at.astimezone(TOKYO)
                    assert local.weekday() < 5
                    assert 9 <= local.hour < 18


def test_no_week_brings_more_mail_than_the_caps_allow(shipped: Publication) -> None:
    timeline = simulate(shipped, "whitepaper-nurture", "ignores", MONDAY)
    counted = [line.at for line in timeline.lines if line.kind == "mail" and "thanks" not in line.text]
    assert all((later - first).days >= 7 for first, later in zip(counted, counted[2:], strict=False))


def test_simulation_is_the_same_every_time(shipped: Publication) -> None:
    first = simulate(shipped, "whitepaper-nurture", "turns hot", MONDAY)
    assert first == simulate(shipped, "whitepaper-nurture", "turns hot", MONDAY)


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
@pytest.mark.parametrize(
    ("scenario", "outcomes"),
    [
        ("abandoned-estimate", ("done", "done", "done")),
        ("account-hot", ("unaccepted", "rejected", "won")),
        ("business-cards", ("quiet", "exhausted", "goal")),
        ("dormant", ("sunset", "reactivated", "reactivated")),
        ("free-trial", ("expired", "expired", "goal")),
        ("inquiry-fast-lane", ("unreachable", "appointment", "appointment")),
        ("lost-deal-recycle", ("exhausted", "exhausted", "in_sales")),
        ("newsletter", ("sent", "sent", "sent")),
        ("renewal", ("churn", "asked", "asked")),
        ("sales-handoff", ("unaccepted", "completed", "won")),
        ("seminar", ("not_registered", "not_registered", "completed")),
        ("whitepaper-nurture", ("exhausted", "exhausted", "goal")),
    ],
)
def test_shipped_scenario_ends_in_a_named_outcome(
    shipped: Publication, scenario: str, outcomes: tuple[str, str, str], behaviour: Behaviour
) -> None:
    timeline = simulate(shipped, scenario, behaviour, MONDAY)
    assert timeline.outcome == outcomes[BEHAVIOURS.index(behaviour)]
    assert timeline.lines[-1].text.startswith((f"ends: {timeline.outcome}", "sales-handoff takes"))


def test_every_shipped_scenario_is_tried(shipped: Publication) -> None:
    marks: list[pytest.Mark] = vars(test_shipped_scenario_ends_in_a_named_outcome)["pytestmark"]
    mark = next(one for one in marks if len(one.args[0]) == 2)
    assert {scenario for scenario, _ in mark.args[1]} == shipped.plans.keys()


def test_steps_that_nobody_reached_come_with_an_option_that_leads_there(shipped: Publication) -> None:
    timelines = [simulate(shipped, "inquiry-fast-lane", one, MONDAY) for one in BEHAVIOURS]
    hints = {one.step: one.hint for one in unreached(shipped.plans["inquiry-fast-lane"], timelines)}
    assert hints["stop"] == "--outcome call=refused"
    stopped = simulate(
        shipped, "inquiry-fast-lane", "ignores", MONDAY, Choices(outcomes={"call": ("refused",)})
    )
    assert "stop" in stopped.visited
