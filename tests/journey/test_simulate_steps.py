"""`leadloop try`, step by step: what each kind of step shows, and the branch it takes."""

from __future__ import annotations

from pathlib import Path

from tests.journey.simulated import at, deed, play, published, told


def test_switch_shows_every_case_that_was_looked_at_with_its_values(tmp_path: Path) -> None:
    steps = """\
  - id: which
    switch:
      - {when: lead.industry == "manufacturing", then: [{exit: factory}]}
      - {when: lead.employees >= 100, then: [{exit: large}]}
    else:
      - exit: others
"""
    timeline = play(published(tmp_path, steps), lead={"industry": "it", "employees": 100})
    assert told(timeline, "which") == [
        'case 1: lead.industry == "manufacturing": false (lead.industry = it)',
        "case 2: lead.employees >= 100: true (lead.employees = 100) → which/2/then/exit",
    ]
    assert timeline.outcome == "large"
    assert play(published(tmp_path, steps), lead={"industry": "it"}).outcome == "others"


def test_if_tells_the_condition_what_it_saw_and_where_it_leads(tmp_path: Path) -> None:
    steps = """\
  - id: big
    if: lead.employees >= 100
    then:
      - {id: yes, tag: vip}
  - {id: end, exit: done}
"""
    timeline = play(published(tmp_path, steps), lead={"employees": 99})
    assert told(timeline, "big") == ["if lead.employees >= 100: false (lead.employees = 99) → end"]


def test_questions_about_the_past_are_told_in_words(tmp_path: Path) -> None:
    steps = """\
  - wait: 3 days
  - id: seen
    if: {did: page_viewed, path: /pricing*, within: 2 days, at_least: 2}
    then:
      - exit: hot
  - exit: cold
"""
    publication = published(tmp_path, steps)
    twice = (deed(2, "page_viewed", path="/pricing"), deed(2, "page_viewed", path="/pricing/plan"))
    assert play(publication, deeds=twice).outcome == "hot"
    once = play(publication, deeds=(twice[0], deed(0, "page_viewed", path="/pricing")))
    assert once.outcome == "cold"
    assert "did page_viewed path /pricing* 2 times within 2 days = false" in told(once, "seen")[0]


EXPERIMENT = """\
  - id: subject
    experiment:
      draw: run
      metric: {did: email_clicked, within: 4 hours}
      variants:
        a: {share: 10 %, steps: [{id: mail-a, send: {template: mail/thanks}}]}
        b: {share: 10 %, steps: [{id: mail-b, send: {template: mail/case}}]}
      rest: {after: 4 hours, tie: b}
"""


def test_experiment_shows_an_arm_for_each_behaviour_and_the_rest_takes_the_tie(tmp_path: Path) -> None:
    publication = published(tmp_path, EXPERIMENT)
    rest = play(publication, "ignores")
    assert told(rest, "subject") == [
        "draws the rest: waits 4 hours for the arm that wins (tie: b)",
        "the rest takes arm b → mail-b",
    ]
    assert told(play(publication, "clicks"), "subject") == ["draws a (10 %) → mail-a"]
    assert told(play(publication, "turns hot"), "subject") == ["draws b (10 %) → mail-b"]


def test_experiment_takes_the_arm_and_the_winner_that_are_chosen(tmp_path: Path) -> None:
    publication = published(tmp_path, EXPERIMENT)
    assert "mail-a" in play(publication, "turns hot", arms={"subject": "a"}).visited
    assert "mail-a" in play(publication, arms={"subject": "rest"}, winners={"subject": "a"}).visited


def test_fields_tags_and_stages_are_written_and_later_steps_see_them(tmp_path: Path) -> None:
    steps = """\
  - {id: fields, set: {industry: manufacturing, purchase_timing: 2027-04-05}}
  - {id: mark, tag: [vip, partner]}
  - {id: unmark, untag: vip}
  - {id: up, stage: recycled}
  - id: see
    if: lead.industry == "manufacturing" && "partner" in lead.tags && !("vip" in lead.tags)
    then:
      - exit: seen
"""
    timeline = play(published(tmp_path, steps), lead={})
    assert timeline.outcome == "seen"
    assert timeline.stage == "recycled"
    assert "now: industry manufacturing, purchase_timing 2027-04-05" in told(timeline, "fields")
    assert told(timeline, "mark") == ["tag vip, partner"]
    assert "stage lead → recycled" in told(timeline)


def test_subscribe_lets_a_mail_go_that_is_skipped_without_it(tmp_path: Path) -> None:
    mail = "  - {id: mail, send: {template: mail/thanks, topic: service}}\n"
    entry = "{event: page_viewed}"
    without = play(published(tmp_path / "a", mail, entry=entry))
    assert told(without, "mail") == ["mail skipped: no_consent (service)"]
    allowed = "  - {id: asked, subscribe: {topic: service, basis: request}}\n" + mail
    assert play(published(tmp_path / "b", allowed, entry=entry)).mails == 1


def test_unsubscribe_ends_the_journeys_of_the_topic_and_skips_the_mails_of_others(tmp_path: Path) -> None:
    steps = "  - {id: stop, unsubscribe: {topic: nurture}}\n  - {id: mail, send: {template: mail/thanks}}\n"
    timeline = play(published(tmp_path / "a", steps))
    assert timeline.outcome == "unsubscribed"
    assert told(timeline)[-1] == "ends: unsubscribed (refused nurture)"
    other = published(tmp_path / "b", steps.replace("mail/thanks}", "mail/thanks, topic: nurture}"))
    service = other.model_copy(
        update={"plans": {"welcome": other.plans["welcome"].model_copy(update={"topic": "service"})}}
    )
    assert told(play(service), "mail") == ["mail skipped: unsubscribed (nurture)"]


def test_suppressed_topic_is_skipped_until_an_event_lifts_it(tmp_path: Path) -> None:
    steps = """\
  - {id: sunset, suppress: {topics: [nurture], reason: sunset, lift_on: [form_submitted]}}
  - {id: first, send: {template: mail/thanks}}
  - wait: 3 days
  - {id: second, send: {template: mail/case}}
"""
    publication = published(tmp_path, steps)
    timeline = play(publication, deeds=(deed(1, "form_submitted", form="contact"),))
    assert told(timeline, "first") == ["mail skipped: suppressed_topic (nurture)"]
    assert told(timeline, "second")[-1].startswith("mail mail/case")
    assert play(publication).mails == 0


def test_record_and_enrol_name_the_scenario_that_takes_the_lead(tmp_path: Path) -> None:
    steps = """\
  - {id: note, record: {event: reactivated, why: dormant}}
  - {id: over, enrol: {scenario: by-hand}}
"""
    end = "steps:\n  - exit: done\n"
    publication = published(
        tmp_path,
        steps,
        by_hand=f"scenario: by-hand\ntopic: nurture\nentry:\n  - manual: true\n{end}",
        again=f"scenario: again\ntopic: nurture\nentry:\n  - event: reactivated\n{end}",
    )
    timeline = play(publication)
    assert "again takes the lead too" in told(timeline)
    assert "by-hand takes the lead too" in told(timeline)
    assert told(timeline, "over") == ["asks to enter by-hand"]


def test_notify_tells_the_owner_or_the_teams_chat(tmp_path: Path) -> None:
    steps = """\
  - {id: one, notify: {to: manager@acme.example, template: notify/hot}}
  - {id: two, notify: {to: slack, template: notify/hot}}
"""
    timeline = play(published(tmp_path, steps))
    assert told(timeline, "one") == ["notice to manager@acme.example: notify/hot"]
    assert told(timeline, "two") == ["notice in the team's chat: notify/hot"]


def test_webhook_is_done_or_fails_as_it_is_chosen(tmp_path: Path) -> None:
    steps = "  - {id: crm, webhook: {to: crm, on_fail: {exit: broken}}}\n  - exit: done\n"
    publication = published(tmp_path, steps)
    done, failed = play(publication), play(publication, webhook_fails=True)
    assert (done.outcome, failed.outcome) == ("done", "broken")
    assert told(done, "crm") == ["calls the webhook crm", "the webhook crm answers: done (200)"]
    assert told(failed, "crm")[-1] == "the webhook crm answers: failed (500) → exit broken"


TASK = """\
  - id: call
    task: {type: call, to: inside-sales, title: お電話, due: 1 business hour, outcomes: [connected, absent],
           asks: [industry], asks_date: true, retry: {on: [absent], max: 3, every: 2 hours},
           on_connected: talked, on_absent: {exit: unreachable}}
  - {id: talked, if: known(run.call.date) && known(lead.industry), then: [{exit: answered}]}
  - exit: silent
"""


def test_task_is_retried_and_answers_what_it_asks(tmp_path: Path) -> None:
    publication = published(tmp_path, TASK)
    assert play(publication, "ignores", lead={}).outcome == "unreachable"
    clicks = play(publication, "clicks", lead={})
    assert clicks.outcome == "answered"
    assert told(clicks, "call")[2].startswith("makes a task again (try 2)")
    assert "answers: industry manufacturing" in " ".join(told(clicks))
    assert play(publication, "ignores", lead={}, task_outcome="connected").outcome == "silent"
    tries = play(publication, lead={}, outcomes={"call": ("absent", "absent", "connected")})
    assert [line for line in told(tries) if line.startswith("task done")] == [
        "task done: absent", "task done: absent", "task done: connected",
    ]  # fmt: skip


def test_task_that_is_overdue_goes_its_own_way_or_is_told_about(tmp_path: Path) -> None:
    steps = """\
  - id: call
    task: {type: call, to: inside-sales, title: お電話, due: 1 business hour, outcomes: [connected],
           on_overdue: OVERDUE, on_connected: {exit: talked}}
  - {id: late, exit: late}
"""
    publication = published(tmp_path / "a", steps.replace("OVERDUE", "late"))
    timeline = play(publication, outcomes={"call": ("overdue",)})
    assert timeline.outcome == "late"
    assert at(timeline, "the task is overdue") == "11-16 11:00"
    assert play(publication).outcome == "talked"
    publication = published(tmp_path / "b", steps.replace("OVERDUE", "{notify: manager@acme.example}"))
    told_about = play(publication, outcomes={"call": ("overdue",)})
    assert "task overdue: notice to manager@acme.example" in told(told_about, "call")
    assert told_about.outcome == "talked"


HAND_OFF = """\
  - id: sales
    hand_off: {what: company, to: company_owner, else: inside-sales, accept_within: 4 business hours,
               work_within: 30 days, on_rejected: {exit: back}, on_expired: {exit: unaccepted},
               on_won: {exit: won}, on_lost: {exit: lost}}
"""


def test_hand_off_of_a_company_ends_as_it_is_chosen(tmp_path: Path) -> None:
    publication = published(tmp_path, HAND_OFF)
    assert "offers the company to company_owner" in told(play(publication), "sales")[0]
    outcomes = [
        play(publication, outcomes={"sales": (one,)}).outcome
        for one in ("won", "lost", "rejected", "expired")
    ]
    assert outcomes == ["won", "lost", "back", "unaccepted"]


def test_repeat_counts_its_rounds(tmp_path: Path) -> None:
    steps = """\
  - id: loop
    repeat:
      max: 3
      while: lead.stage != "customer"
      steps:
        - {id: rest, wait: 1 day}
  - exit: done
"""
    publication = published(tmp_path, steps)
    timeline = play(publication)
    assert [one for one in told(timeline) if one.startswith("round")] == [
        "round 1 of at most 3", "round 2 of at most 3", "round 3 of at most 3",
    ]  # fmt: skip
    assert at(timeline, "ends: done") == "11-19 10:00"
    won = play(publication, deeds=(deed(1, "deal_won", deal="d1"),))
    assert at(won, "its `while` is not true") in ("11-17 10:00", "11-18 10:00")


def test_send_from_a_stream_takes_the_next_item_and_is_skipped_when_none_is_left(tmp_path: Path) -> None:
    steps = "".join(f"  - {{id: {name}, send: {{stream: tips}}}}\n" for name in ("one", "two", "three"))
    timeline = play(published(tmp_path, steps), lead={"industry": "it"})
    assert told(timeline, "one")[-1].startswith("mail tips/1")
    assert told(timeline, "two")[-1].startswith("mail tips/2")
    assert told(timeline, "three") == ["mail skipped: no_content (nothing left in tips)"]


def test_recheck_skips_the_mail_of_who_left_the_audience(tmp_path: Path) -> None:
    header = 'audience: lead.industry != "it"\nrecheck: before_send\n'
    steps = "  - {id: change, set: {industry: it}}\n  - {id: mail, send: {template: mail/thanks}}\n"
    timeline = play(published(tmp_path, steps, header), lead={"industry": "manufacturing"})
    assert told(timeline, "mail") == [
        'still in the audience: lead.industry != "it": false (lead.industry = it)',
        "mail skipped: not_in_audience",
    ]


def test_await_looks_back_as_far_as_since_says(tmp_path: Path) -> None:
    def steps(since: str) -> str:
        return f"""\
  - {{id: rest, wait: 3 days}}
  - id: seen
    await:
      - {{event: page_viewed{since}, go: hot}}
    timeout: 1 day
  - exit: cold
  - {{id: hot, exit: hot}}
"""

    visit = (deed(1, "page_viewed", path="/"),)
    assert play(published(tmp_path / "a", steps(", since: entry")), deeds=visit).outcome == "hot"
    assert play(published(tmp_path / "b", steps("")), deeds=visit).outcome == "cold"


def test_wait_follows_a_date_of_the_lead_that_is_set_meanwhile(tmp_path: Path) -> None:
    steps = "  - {id: until, wait: {until: lead.purchase_timing, at: 09:00}}\n  - exit: done\n"
    timeline = play(published(tmp_path, steps), lead={"purchase_timing": "2026-12-01"})
    assert at(timeline, "ends: done") == "12-01 09:00"
    unknown = play(published(tmp_path, steps), lead={})
    assert told(unknown, "until") == ["waits until lead.purchase_timing is known"]
    assert unknown.outcome is None


def test_mail_that_is_held_again_and_again_is_told_once(tmp_path: Path) -> None:
    publication = published(tmp_path, "  - wait: 2 days\n  - {id: mail, send: {template: mail/thanks}}\n")
    sales = (deed(1, "deal_opened", deal="d1"), deed(9, "deal_lost", deal="d1", reason="timing"))
    timeline = play(publication, deeds=sales)
    held = [one for one in told(timeline, "mail") if one.startswith("mail held")]
    assert held == ["mail held until 2026-11-25 Wed 10:00: sales"]
    assert at(timeline, "mail mail/thanks") == "11-25 10:00"
