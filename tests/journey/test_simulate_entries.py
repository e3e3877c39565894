"""`leadloop try`, entry by entry: how the lead made up for a scenario comes to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.journey.simulated import at, deed, play, published, told

DONE = "  - exit: done\n"


@pytest.mark.parametrize(
    ("entry", "enters", "when"),
    [
        ("{event: page_viewed, path: /pricing*}", "enters welcome", "11-16 10:00"),
        ("{event: milestone_reached, where: event.size > 20}", "enters welcome", "11-16 10:00"),
        ("{stage: mql}", "enters welcome", "11-16 10:00"),
        ("{segment: it_people}", "enters welcome by segment it_people", "11-16 10:00"),
        ("{inactive: 90 days}", "enters welcome by inactive 90 days", "11-16 10:00"),
        (
            "{date: lead.purchase_timing, before: 30 days, at: 09:30}",
            "enters welcome by date 30 days before lead.purchase_timing at 09:30",
            "11-16 09:30",
        ),
        (
            "{schedule: second tuesday 10:00}",
            "enters welcome by schedule second tuesday 10:00",
            "12-08 10:00",
        ),
        (
            '{schedule: "30 8 * * MON-FRI", zone: Europe/Berlin}',
            "enters welcome by schedule cron 30 8 * * MON-FRI in Europe/Berlin",
            "11-16 16:30",  # in Tokyo
        ),
        (
            "{schedule: daily 08:00, segment: it_people}",
            "enters welcome by schedule daily 08:00 of the segment it_people",
            "11-17 08:00",
        ),
        ("{manual: true}", "enters welcome by hand", "11-16 10:00"),
        (
            "{manual: true}\nlimit: 20 per day",
            "enters welcome by hand (at most 20 per day; others wait their turn)",
            "11-16 10:00",
        ),
    ],
)
def test_lead_enters_by_each_form_and_the_line_says_which(
    tmp_path: Path, entry: str, enters: str, when: str
) -> None:
    timeline = play(published(tmp_path, DONE, entry=entry))
    assert timeline.outcome == "done"
    assert [one for one in told(timeline) if one.startswith("enters")] == [enters]
    assert at(timeline, "enters welcome") == when


def test_date_of_a_record_gives_the_record_a_date_ahead_that_its_waits_count_from(tmp_path: Path) -> None:
    steps = "  - {id: near, wait: {until: run.contract.renews_on - 30 days, at: 09:00}}\n" + DONE
    entry = "{date: contract.renews_on, before: 90 days, at: 09:00}"
    timeline = play(published(tmp_path, steps, "per: contract\n", entry))
    assert "a record made up for this: contract-1: renews_on 2027-02-14, status active" in told(timeline)
    assert at(timeline, "ends: done") == "01-15 09:00"


def test_journey_of_a_record_counts_only_events_that_name_it(tmp_path: Path) -> None:
    steps = """\
  - id: day
    await:
      - {event: event_attended, go: came}
    timeout: {until: run.seminar.starts_at + 1 day}
  - exit: missed
  - {id: came, exit: came}
"""
    publication = published(tmp_path, steps, "per: seminar\n", "{event: seminar_registered}")
    other = deed(2, "event_attended", seminar="s9")
    assert play(publication, deeds=(other,)).outcome == "missed"
    assert play(publication, deeds=(other, deed(3, "event_attended"))).outcome == "came"
    assert play(publication, "turns hot").outcome == "came"


def test_company_enters_once_enough_of_its_people_did_it(tmp_path: Path) -> None:
    entry = "{event: band_changed, model: engagement, to: warm, people: 3, within: 14 days}"
    timeline = play(published(tmp_path, DONE, "per: company\n", entry))
    assert "2 colleagues made up at 株式会社サンプル did the same within 14 days: 3 people" in told(timeline)
    assert timeline.outcome == "done"
    assert timeline.bands["engagement"] == "warm"


def test_member_of_a_segment_did_what_the_segment_asks_about(tmp_path: Path) -> None:
    timeline = play(published(tmp_path, DONE, entry="{segment: visitors}"))
    assert sum(one.startswith("made up too: views") for one in told(timeline)) == 2
    assert timeline.outcome == "done"


def test_segment_that_time_alone_changes_lets_its_events_be_seen(tmp_path: Path) -> None:
    steps = """\
  - id: gone
    await:
      - {event: segment_left, segment: visitors, go: out}
    timeout: 60 days
  - exit: stayed
  - {id: out, exit: out}
"""
    publication = published(tmp_path, steps)
    visits = (deed(1, "page_viewed", path="/a"), deed(2, "page_viewed", path="/b"))
    timeline = play(publication, deeds=visits)
    assert timeline.outcome == "out"
    assert at(timeline, "leaves the segment visitors") == "12-17 10:00"
    assert play(publication).outcome == "stayed"


def test_entry_that_is_chosen_begins_at_its_own_step(tmp_path: Path) -> None:
    entries = "{event: form_submitted, form: whitepaper}\n  - {manual: true, start: second}"
    steps = "  - {id: first, tag: vip}\n  - {id: second, tag: partner}\n"
    publication = published(tmp_path, steps, entry=entries)
    assert play(publication).visited == ("first", "second")
    by_hand = play(publication, entry=1)
    assert by_hand.visited == ("second",)
    assert "enters welcome by hand, at second" in told(by_hand)


def test_lead_outside_the_audience_is_not_let_in_and_the_line_says_why(tmp_path: Path) -> None:
    publication = published(tmp_path, DONE, 'audience: lead.industry == "it"\n')
    assert play(publication).outcome == "done"
    refused = play(publication, lead={"industry": "manufacturing"})
    assert not refused.entered
    assert told(refused)[-1] == 'not in the audience: lead.industry == "it"'


def test_audience_by_stage_tags_and_segment_is_met_by_the_made_up_lead(tmp_path: Path) -> None:
    header = """\
audience: lead.stage == "recycled" && "vip" in lead.tags && "it_people" in lead.segments && known(lead.email)
"""
    timeline = play(published(tmp_path, DONE, header))
    assert timeline.outcome == "done"
    assert timeline.stage == "recycled"


def test_second_entry_restarts_a_journey_only_where_reentry_says_always(tmp_path: Path) -> None:
    steps = "  - wait: 5 days\n" + DONE
    again = (deed(2, "form_submitted", form="whitepaper"),)
    stays = play(published(tmp_path / "a", steps), deeds=again)
    assert stays.outcome == "done"
    assert "welcome is open already: it is not entered again" in told(stays)
    restarts = published(tmp_path / "b", steps, "reentry: {mode: always}\n")
    assert play(restarts, deeds=again).outcome == "restarted"


@pytest.mark.parametrize(
    ("clock", "ends"), [("run", "11-21 10:00"), ("freeze", "11-23 10:00"), ("restart", "11-24 10:00")]
)
def test_clock_stands_still_while_sales_works_on_the_lead(tmp_path: Path, clock: str, ends: str) -> None:
    publication = published(tmp_path, "  - {id: rest, wait: 5 days}\n" + DONE, f"pause_clock: {clock}\n")
    sales = (deed(1, "deal_opened", deal="d1"), deed(3, "deal_lost", deal="d1", reason="timing"))
    assert at(play(publication, deeds=sales), "ends: done") == ends


@pytest.mark.parametrize("clock", ["run", "freeze", "restart"])
def test_wait_until_a_date_is_not_shifted_by_sales(tmp_path: Path, clock: str) -> None:
    steps = "  - {id: rest, wait: {until: 2026-11-21, at: 10:00}}\n" + DONE
    publication = published(tmp_path, steps, f"pause_clock: {clock}\n")
    sales = (deed(1, "deal_opened", deal="d1"), deed(3, "deal_lost", deal="d1", reason="timing"))
    assert at(play(publication, deeds=sales), "ends: done") == "11-21 10:00"


def test_goal_and_exit_end_the_journey_with_the_reason(tmp_path: Path) -> None:
    header = "goal: {event: milestone_reached, milestone: done}\nexit_when:\n  - {event: deal_opened}\n"
    publication = published(tmp_path, "  - wait: 9 days\n" + DONE, header)
    reached = play(publication, deeds=(deed(1, "milestone_reached", milestone="done"),))
    assert told(reached)[-1] == "ends: goal (milestone_reached milestone done)"
    assert play(publication, deeds=(deed(1, "deal_opened", deal="d1"),)).outcome == "exited"


def test_deed_of_a_mail_that_was_not_sent_says_so(tmp_path: Path) -> None:
    steps = """\
  - {id: small, if: lead.employees > 5, then: [{id: mail, send: {template: mail/thanks}}]}
  - wait: 5 days
"""
    timeline = play(published(tmp_path, steps), lead={}, deeds=(deed(1, "email_clicked", of="mail"),))
    assert "email_clicked of mail changes nothing: that mail was not sent" in told(timeline)
    late = play(published(tmp_path, DONE), deeds=(deed(1, "page_viewed", path="/"),))
    assert told(late)[-1] == "page_viewed would have come later: it changes nothing here"
