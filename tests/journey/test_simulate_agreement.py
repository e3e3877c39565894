"""The simulation and the engine play the same scenario for the same lead: the same steps, the same end."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlmodel import col, select

from leadloop.delivery.claim import claim_message
from leadloop.inbox.applier import apply_once
from leadloop.journey.calendar import add_span
from leadloop.journey.simulation import Choices, Deed, simulate
from leadloop.language.plan import Publication
from leadloop.leads.consent import record_permission
from leadloop.sales.commands import finish_task
from leadloop.storage.environment import Environment
from leadloop.storage.tables import (
    Enrolment,
    EnrolmentStatus,
    Lead,
    Message,
    MessageStatus,
    Task,
    TaskStatus,
    Turn,
)
from tests.factories import ManualClock, make_environment, make_lead
from tests.inbox.driver import journeys, mails, report, settle
from tests.journey.simulated import MONDAY, deed, published

TOKYO = ZoneInfo("Asia/Tokyo")
HORIZON = timedelta(days=200)
ANSWERS_AFTER = timedelta(minutes=10)


class Engine:
    """The real engine with a real database, played in jumps from one thing to the next."""

    def __init__(self, folder: Path, publication: Publication, choices: Choices) -> None:
        self.clock = ManualClock(MONDAY)
        self.env = make_environment(folder, publication, self.clock)
        self.choices = choices
        given = dict(choices.lead or {})
        declared = {
            name: given.pop(name) for name in list(given) if name in publication.workspace.lead_fields
        }
        with self.env.database.write() as session:
            lead = make_lead(
                session, self.env, company="株式会社サンプル", created_at=MONDAY, fields=declared, **given
            )
            record_permission(session, lead.id, "nurture", "opt_in", None, MONDAY)
            self.lead_id = lead.id

    def play(self) -> Enrolment:
        """Submit the form, then let everything that was chosen happen; return the journey."""
        report(
            self.env, "form_submitted", lead_id=self.lead_id, properties={"form": "whitepaper"},
            source="form", trust="verified",
        )  # fmt: skip
        left = sorted(self.choices.deeds, key=lambda one: add_span(MONDAY, one.after, TOKYO, None))
        self._rest()
        while self._journey().status == EnrolmentStatus.RUNNING:
            next_deed = add_span(MONDAY, left[0].after, TOKYO, None) if left else None
            due = self._journey().due_at
            task = self._open_task()
            done = task.created_at + ANSWERS_AFTER if task is not None else None
            at = min((one for one in (next_deed, due, done) if one is not None), default=None)
            if at is None or at > MONDAY + HORIZON:
                break
            self.clock.instant = max(self.clock.instant, at)
            if at == next_deed:
                self._do(left.pop(0))
            elif task is not None and at == done:
                finish_task(self.env, task.id, self.choices.outcomes[task.step_id][-1])
            self._rest()
        return self._journey()

    def path(self) -> list[str]:
        """Return the steps in the order of the turns' traces."""
        with self.env.database.read() as session:
            turns = session.exec(select(Turn).order_by(col(Turn.turn_no))).all()
        steps = [str(line["step"]) for one in turns for line in one.trace if "step" in line]
        return [step for index, step in enumerate(steps) if index == 0 or steps[index - 1] != step]

    def _journey(self) -> Enrolment:
        return journeys(self.env, "welcome")[0]

    def _rest(self) -> None:
        apply_once(self.env)
        settle(self.env, deliver=_claim)

    def _open_task(self) -> Task | None:
        with self.env.database.read() as session:
            return session.exec(select(Task).where(Task.status == TaskStatus.OPEN)).first()

    def _do(self, one: Deed) -> None:
        sent = [mail for mail in mails(self.env) if mail.step_id == one.of]
        report(
            self.env, one.event, lead_id=self.lead_id, properties=dict(one.properties), trust="verified",
            source="sales" if one.event.startswith("deal_") else "tracking",
            message_id=sent[-1].id if sent else None,
        )  # fmt: skip


def _claim(env: Environment, message_id: str) -> None:
    """Ask for the mail as the outbox does, by consent, caps and window; then it is handed over."""
    with env.database.write() as session:
        message = session.get_one(Message, message_id)
        if message.status != MessageStatus.NEW:
            return
        message.rendered_to = session.get_one(Lead, message.lead_id).email
        session.add(message)
    with env.database.write() as session:
        claim_message(session, env, message_id, 1)
        message = session.get_one(Message, message_id)
        if message.status == MessageStatus.SENDING:
            message.status, message.sent_at = MessageStatus.SENT, env.clock.now()
            session.add(message)


def agree(folder: Path, steps: str, header: str = "", **choices: object) -> list[str]:
    """Play a scenario in both; return the steps, which are the same, as are mails and outcome."""
    publication = published(folder / "files", steps, header)
    chosen = Choices(**choices)  # type: ignore[arg-type]
    engine = Engine(folder, publication, chosen)
    journey = engine.play()
    results = journey.state.get("results") or {}
    drawn = {step: one["variant"] for step, one in results.items() if "variant" in one}
    timeline = simulate(publication, "welcome", "ignores", MONDAY, replace(chosen, arms=drawn))
    sent = [one.template for one in mails(engine.env) if one.status == MessageStatus.SENT]
    told = [line.text.split()[1] for line in timeline.lines if line.kind == "mail"]
    assert (timeline.path, timeline.outcome, told) == (engine.path(), journey.outcome, sent)
    return timeline.path


def test_window_caps_and_awaits_agree(tmp_path: Path) -> None:
    steps = """\
  - {id: thanks, send: {template: mail/thanks, topic: service}}
  - id: read
    await:
      - {event: email_clicked, of: thanks, go: tips}
    timeout: 5 days
  - {id: case, send: {template: mail/case}}
  - {id: tips, stream: {of: tips, every: 1 day, on_exhausted: {exit: exhausted}}}
"""
    lead = {"industry": "it", "employees": 50}
    assert agree(tmp_path / "a", steps, lead=lead) == ["thanks", "read", "case", "tips"]
    clicked = (deed(2, "email_clicked", of="thanks"),)
    assert agree(tmp_path / "b", steps, lead=lead, deeds=clicked) == ["thanks", "read", "tips"]


def test_conditions_data_and_questions_about_the_past_agree(tmp_path: Path) -> None:
    steps = """\
  - {id: mark, tag: vip}
  - {id: field, set: {industry: manufacturing}}
  - {id: points, score: {model: engagement, points: 20}}
  - id: which
    switch:
      - {when: lead.band.engagement == "hot", then: [{exit: hot}]}
      - {when: '"vip" in lead.tags && lead.industry == "manufacturing"', then: [{id: go-on, wait: 3 days}]}
    else:
      - exit: others
  - id: seen
    if: {did: page_viewed, since: entry, at_least: 2, distinct: path}
    then:
      - {id: twice, exit: twice}
  - exit: once
"""
    lead = {"industry": "it", "employees": 200}
    same = (deed(1, "page_viewed", path="/a"), deed(2, "page_viewed", path="/a"))
    assert "twice" not in agree(tmp_path / "a", steps, lead=lead, deeds=same)
    other = (deed(1, "page_viewed", path="/a"), deed(2, "page_viewed", path="/b"))
    assert agree(tmp_path / "b", steps, lead=lead, deeds=other)[-2:] == ["seen", "twice"]


def test_permissions_agree(tmp_path: Path) -> None:
    steps = """\
  - {id: pause, suppress: {topics: [nurture], reason: sunset, lift_on: [page_viewed]}}
  - {id: first, send: {template: mail/thanks, on_skip: later}}
  - {id: later, wait: 2 days}
  - {id: second, send: {template: mail/case}}
  - {id: stop, unsubscribe: {topic: nurture}}
  - {id: never-seen, tag: vip}
"""
    assert agree(tmp_path, steps, lead={}, deeds=(deed(1, "page_viewed", path="/"),))[-1] == "stop"


def test_loops_experiments_and_webhooks_agree(tmp_path: Path) -> None:
    steps = """\
  - {id: crm, webhook: {to: crm, on_fail: {exit: broken}}}
  - id: loop
    repeat:
      max: 2
      steps:
        - {id: rest, wait: 1 day}
  - id: subject
    experiment:
      draw: run
      metric: {did: email_clicked, within: 4 hours}
      variants:
        a: {share: 50 %, steps: [{exit: done}]}
        b: {share: 50 %, steps: [{exit: done}]}
"""
    assert agree(tmp_path, steps, lead={})[-2] == "subject"


def test_tasks_and_segments_agree(tmp_path: Path) -> None:
    steps = """\
  - id: call
    task: {type: call, to: inside-sales, title: お電話, due: 1 business day, outcomes: [connected, absent],
           retry: {on: [absent], max: 2, every: 1 day}, on_absent: missed}
  - exit: talked
  - {id: missed, wait: 1 day}
  - id: visitor
    await:
      - {event: segment_entered, segment: visitors, go: joined}
    timeout: 9 days
  - exit: quiet
  - {id: joined, exit: joined}
"""
    visits = (deed(4, "page_viewed", path="/a"), deed(5, "page_viewed", path="/b"))
    path = agree(tmp_path, steps, lead={}, outcomes={"call": ("absent",)}, deeds=visits)
    assert path == ["call", "missed", "visitor", "joined"]


def test_goals_exits_and_the_sales_lock_agree(tmp_path: Path) -> None:
    steps = "  - {id: rest, wait: 5 days}\n  - {id: mark, tag: vip}\n"
    header = "goal: {stage: customer}\npause_clock: freeze\n"
    sales = (
        deed(1, "deal_opened", deal="d1"),
        deed(3, "deal_lost", deal="d1", reason="timing"),
    )
    assert agree(tmp_path / "a", steps, header, lead={}, deeds=sales) == ["rest", "mark"]
    won = (deed(1, "deal_opened", deal="d1"), deed(3, "deal_won", deal="d1"))
    assert agree(tmp_path / "b", steps, header, lead={}, deeds=won) == ["rest"]
