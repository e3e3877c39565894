"""Small real parts for tests: a clock that stands still, a publication, an environment, leads."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlmodel import Session

from leadloop.clock import Clock
from leadloop.keys import Keys
from leadloop.language import plan as p
from leadloop.leads.identity import link_identity
from leadloop.storage.columns import new_id
from leadloop.storage.database import Database
from leadloop.storage.environment import Environment
from leadloop.storage.publications import PublicationStore, publish
from leadloop.storage.tables import (
    Blob,
    Company,
    Consent,
    Enrolment,
    Lead,
    Message,
    MessageStatus,
    PublicationRow,
    ScoreEntry,
)
from tests.databases import open_database

NOW = datetime(2026, 11, 16, 1, 0, tzinfo=UTC)
"""A Monday, 10:00 in Tokyo."""

SECRET = b"a secret that only tests know...."


class ManualClock:
    """Scenario time that moves only when a test says so."""

    warped = False

    def __init__(self, start: datetime = NOW) -> None:
        self.instant = start

    def now(self) -> datetime:
        return self.instant

    def at(self, real: datetime) -> datetime:
        return self.instant

    def real_seconds(self, scenario: timedelta) -> float:
        return scenario.total_seconds()

    def advance(self, **units: float) -> datetime:
        """Move on by a timedelta given as its keywords, and return the new instant."""
        self.instant += timedelta(**units)
        return self.instant


def _fields(**types: str) -> dict[str, p.FieldSpec]:
    return {name: p.FieldSpec(type=kind) for name, kind in types.items()}


EVENTS: dict[str, dict[str, p.FieldSpec]] = {
    "lead_created": {},
    "email_sent": {},
    "email_opened": {},
    "email_clicked": _fields(url="text", link="text"),
    "email_bounced": _fields(kind="text"),
    "email_complained": {},
    "unsubscribed": _fields(topic="text"),
    "subscribed": _fields(topic="text", basis="text"),
    "form_submitted": _fields(form="text"),
    "page_viewed": _fields(path="text", seconds="int"),
    "handed_off": _fields(offer="text", queue="text"),
    "handoff_accepted": _fields(offer="text"),
    "handoff_rejected": _fields(offer="text", reason="text"),
    "handoff_working": _fields(offer="text"),
    "task_done": _fields(task="text", outcome="text", date="date"),
    "deal_opened": _fields(deal="text", amount="int", offer="text"),
    "deal_won": _fields(deal="text", amount="int"),
    "deal_lost": _fields(deal="text", reason="text", revisit_on="date", note="text", amount="int"),
    "stage_changed": {"from": p.FieldSpec(type="text"), "to": p.FieldSpec(type="text")},
    "band_changed": {
        "model": p.FieldSpec(type="text"),
        "from": p.FieldSpec(type="text"),
        "to": p.FieldSpec(type="text"),
    },
}


def make_workspace(**overrides: Any) -> p.Workspace:
    """Return the workspace `acme`: Tokyo, two forms, two topics, one queue of two members."""
    values: dict[str, Any] = {
        "name": "acme",
        "timezone": "Asia/Tokyo",
        "locale": "ja",
        "sender": p.Sender(
            name="株式会社アクメ マーケティング部",
            address="news@acme.example",
            reply_to="sales@acme.example",
            postal_address="東京都千代田区丸の内1-1-1",
            complaint_contact="privacy@acme.example",
        ),
        "lead_fields": {
            "industry": p.FieldSpec(type="enum", values=("manufacturing", "it", "finance", "other")),
            "employees": p.FieldSpec(type="int"),
            "budget_confirmed": p.FieldSpec(type="bool"),
            "purchase_timing": p.FieldSpec(type="date"),
        },
        "forms": {
            "whitepaper": p.Form(title="資料請求"),
            "contact": p.Form(title="お問い合わせ", inquiry=True),
        },
        "tags": ("vip", "reactivated"),
        "events": EVENTS,
        "topics": {
            "nurture": p.Topic(title="お役立ち情報", basis=("opt_in", "card", "customer")),
            "service": p.Topic(
                title="お申し込みへのご連絡", basis=("request", "customer"), window="always", caps="exempt"
            ),
        },
        "calendars": {
            "office": p.Calendar(
                holidays="JP",
                closed=(("12-29", "01-03"), ("08-13", "08-15")),
                open=dict.fromkeys(range(5), (("09:00", "18:00"),)),
            )
        },
        "queues": {
            "inside-sales": p.Queue(
                members={"sato@acme.example": 50, "suzuki@acme.example": None},
                assign=("company_owner", "last_owner", "round_robin"),
                calendar="office",
            )
        },
        "lost_reasons": {
            "no_budget": "予算なし",
            "timing": "時期尚早",
            "competitor": "他社決定",
            "no_contact": "連絡不通",
        },
    }
    return p.Workspace(**(values | overrides))


def make_scoring() -> p.Scoring:
    """Return one model, engagement, with bands hot (30), warm (15) and cold."""
    rules = (
        p.ScoreRule(id="mail-click", match=p.EventMatch(event="email_clicked"), points=5),
        p.ScoreRule(id="web-visit", match=p.EventMatch(event="page_viewed"), points=3),
        p.ScoreRule(
            id="inquiry",
            match=p.EventMatch(
                event="form_submitted", properties=(p.PropertyMatch(name="form", values=("contact",)),)
            ),
            points=30,
        ),
    )
    return p.Scoring(
        models={"engagement": p.ScoreModel(rules=rules, half_life=p.Span(amount=30, unit="days"), cap=100)},
        bands={"engagement": p.Bands(levels=(("hot", 30), ("warm", 15), ("cold", 0)), hysteresis=5)},
    )


def make_lifecycle() -> p.Lifecycle:
    """Return the usual stages; hot leads become mql, won deals customers, lost ones recycled."""
    hot = p.Expression(source='lead.band.engagement == "hot"', variables={"lead.band.engagement": "text"})
    return p.Lifecycle(
        stages=("lead", "mql", "sal", "opportunity", "customer", "recycled", "disqualified"),
        transitions=(
            p.Transition(id="to-mql", source=("lead", "recycled"), to="mql", when=hot),
            p.Transition(id="to-customer", to="customer", event=p.EventMatch(event="deal_won")),
            p.Transition(
                id="to-recycled",
                source=("mql", "sal", "opportunity"),
                to="recycled",
                event=p.EventMatch(event="deal_lost"),
            ),
        ),
    )


def make_plans() -> dict[str, p.Plan]:
    """Return three small scenarios: a nurture, a hand-off, a recycle."""
    end = p.Target(exit=p.COMPLETED)
    nurture = p.Plan(
        scenario="whitepaper-nurture",
        title="資料ダウンロード後の育成",
        topic="nurture",
        entry=(
            p.Entry(
                match=p.EventMatch(
                    event="form_submitted",
                    properties=(p.PropertyMatch(name="form", values=("whitepaper",)),),
                )
            ),
        ),
        goal=(p.StageMatch(stages=("mql",)),),
        first="thanks",
        steps={
            "thanks": p.SendStep(
                id="thanks",
                template="thanks",
                topic="service",
                on_skip=p.Target(step="read"),
                on_fail=p.Target(step="read"),
                next=p.Target(step="read"),
            ),
            "read": p.AwaitStep(
                id="read",
                branches=(
                    p.Branch(
                        match=p.EventMatch(event="email_clicked", of=("thanks",)), go=p.Target(step="case")
                    ),
                ),
                timeout=p.WaitSpec(span=p.Span(amount=5, unit="days")),
                on_timeout=p.Target(step="case"),
            ),
            "case": p.SendStep(
                id="case", template="case", topic="nurture", on_skip=end, on_fail=end, next=end
            ),
        },
    )
    handoff = p.Plan(
        scenario="sales-handoff",
        title="営業への引き渡し",
        topic="nurture",
        entry=(p.Entry(match=p.StageMatch(stages=("mql",))),),
        first="sales",
        steps={
            "sales": p.HandOffStep(
                id="sales",
                queue="inside-sales",
                accept_within=p.Span(amount=4, unit="business_hours"),
                escalate_to="manager@acme.example",
                work_within=p.Span(amount=30, unit="days"),
                on_rejected=p.Target(exit="rejected"),
                on_expired=p.Target(exit="unaccepted"),
                on_won=p.Target(exit="won"),
                on_lost=p.Target(exit="lost"),
            )
        },
    )
    recycle = p.Plan(
        scenario="lost-deal-recycle",
        title="失注リサイクル",
        topic="nurture",
        entry=(p.Entry(match=p.EventMatch(event="deal_lost")),),
        goal=(p.StageMatch(stages=("mql",)),),
        first="back",
        steps={
            "back": p.RecycleStep(
                id="back",
                until="run.entry.revisit_on",
                cooldown={"default": p.Span(amount=60, unit="days")},
                score={"engagement": "reset"},
                max_cycles=3,
                on_max=p.Target(exit="given_up"),
                next=p.Target(exit="nurtured"),
            )
        },
    )
    return {plan.scenario: plan for plan in (nurture, handoff, recycle)}


TEMPLATES = {
    "thanks.ja.md": "---\nsubject: 資料をお届けします\n---\n{{ lead | addressee }}\n\n[資料](https://acme.example/w)\n",
    "case.ja.md": "---\nsubject: 導入事例\n---\n{{ lead | addressee }}\n\n[事例](https://acme.example/case)\n",
}


def make_publication(**overrides: Any) -> p.Publication:
    """Return a publication of the small workspace; any part can be replaced by name."""
    values: dict[str, Any] = {
        "workspace": make_workspace(),
        "scoring": make_scoring(),
        "lifecycle": make_lifecycle(),
        "streams": {"tips": p.Stream(items=(p.StreamItem(template="case"),))},
        "plans": make_plans(),
        "templates": TEMPLATES,
    }
    return p.Publication(**(values | overrides))


def make_environment(
    tmp_path: Path,
    publication: p.Publication | None = None,
    clock: Clock | None = None,
    url: str | None = None,
) -> Environment:
    """Return an environment with the publication live, on the folder's database or on an empty one."""
    if url is None:
        database = open_database(tmp_path)
    else:
        database = Database(url)
        database.create_schema()
    clock = clock or ManualClock()
    with database.write() as session:
        publish(session, publication or make_publication(), "tests", clock.now())
    return Environment(
        database=database, clock=clock, keys=Keys(SECRET), publications=PublicationStore(database)
    )


def make_lead(
    session: Session,
    env: Environment | None = None,
    *,
    company: str | Company | None = None,
    opt_in: bool = False,
    **fields: Any,
) -> Lead:
    """Add a lead (山田 太郎) and, by name, its company. With `opt_in`, consent for every topic.

    With `env` its mail address names it, so that events by address find it.
    """
    lead_id = fields.pop("id", None) or new_id()
    if isinstance(company, str):
        company = Company(name=company, name_key=company, created_at=NOW)
        session.add(company)
        session.flush()
    values: dict[str, Any] = {
        "email": f"yamada-{lead_id[-8:]}@example.jp",
        "family_name": "山田",
        "given_name": "太郎",
        "created_at": NOW,
    }
    if company is not None:
        values |= {"company_id": company.id, "company_name": company.name}
    lead = Lead(id=lead_id, **(values | fields))
    session.add(lead)
    session.flush()
    if env is not None and lead.email:
        link_identity(session, env, lead, "email", lead.email, lead.created_at)
    if opt_in:
        session.add(Consent(lead_id=lead.id, topic="*", basis="opt_in", at=NOW))
        session.flush()
    return lead


def make_enrolment(
    session: Session, publication_id: str, lead: Lead, scenario: str = "sales-handoff", **values: Any
) -> Enrolment:
    """Add a running enrolment that waits in the first step of its plan."""
    published = session.get_one(PublicationRow, publication_id)
    plan_digest = published.parts[f"plan:{scenario}"]
    first = p.Plan.model_validate_json(session.get_one(Blob, plan_digest).content).first
    row = Enrolment(
        **(
            {
                "scenario": scenario,
                "plan_digest": plan_digest,
                "publication_id": publication_id,
                "lead_id": lead.id,
                "subject_key": lead.id,
                "company_id": lead.company_id,
                "entered_at": NOW,
                "moved_at": NOW,
                "turn_no": 1,
                "state": {"step": first, "visits": {first: 1}},
                "next": {"kind": "wait"},
            }
            | values
        )
    )
    session.add(row)
    session.flush()
    return row


def make_message(session: Session, enrolment: Enrolment, **values: Any) -> Message:
    """Add a mail of the step `thanks`, sent."""
    usual: dict[str, Any] = {
        "send_key": new_id(),
        "enrolment_id": enrolment.id,
        "publication_id": enrolment.publication_id,
        "step_id": "thanks",
        "visit": 1,
        "lead_id": enrolment.lead_id,
        "scenario": enrolment.scenario,
        "topic": "nurture",
        "template": "thanks",
        "status": MessageStatus.SENT,
        "subject": "資料をお届けします",
        "created_at": NOW,
        "sent_at": NOW,
    }
    row = Message(**(usual | values))
    session.add(row)
    session.flush()
    return row


def make_score_entry(session: Session, lead: Lead, **values: Any) -> ScoreEntry:
    """Add one line of the ledger: 5 points for a click."""
    usual: dict[str, Any] = {
        "entry_key": new_id(),
        "lead_id": lead.id,
        "model": "engagement",
        "rule_id": "mail-click",
        "points": 5,
        "ruleset_digest": "",
        "at": NOW,
    }
    row = ScoreEntry(**(usual | values))
    session.add(row)
    session.flush()
    return row
