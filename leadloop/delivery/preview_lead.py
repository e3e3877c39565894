"""Whom a preview or a test mail is written to: a lead of the database, or a made-up one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlmodel import Session, col, select

from leadloop.inbox.apply import Application
from leadloop.inbox.facts import lead_facts
from leadloop.inbox.turns.journey_facts import journey_values
from leadloop.journey.simulation.fields import likely_fields
from leadloop.language.plan import EventMatch, Expression, FieldSpec, IfStep, Plan, Publication, SwitchStep
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Enrolment, Lead

MADE_UP: Mapping[str, Any] = {
    "id": "preview",
    "email": "taro.yamada@example.jp",
    "family_name": "山田",
    "given_name": "太郎",
    "family_kana": "ヤマダ",
    "given_kana": "タロウ",
    "department": "情報システム部",
    "job_title": "部長",
    "phone": "+81312345678",
    "prefecture": "東京都",
    "country": "JP",
    "locale": "ja",
    "source": "preview",
    "owner": "sato@example.jp",
    "in_sales": False,
    "company": {"name": "株式会社サンプル", "domain": "example.jp", "open_deals": 0},
    "tags": [],
}
"""Built-in fields of the made-up lead."""
_AHEAD = timedelta(days=30)


@dataclass(frozen=True)
class Reader:
    """Values of a person and of a journey, as templates name them: `lead.…` and `run.…`."""

    lead: Mapping[str, Any]
    """Fields by name, with `company`, `score` and `band` as maps, and `tags`."""
    run: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    """Who it is, for people: `a made-up lead`, an id, a file."""

    @property
    def locale(self) -> str | None:
        """The language of the person's mails, or None."""
        found = self.lead.get("locale")
        return found if isinstance(found, str) and found else None

    def zone(self, default: str) -> ZoneInfo:
        """Return the person's time zone, else the workspace's."""
        try:
            return ZoneInfo(str(self.lead.get("timezone") or default))
        except (ZoneInfoNotFoundError, ValueError):
            return ZoneInfo(default)


def stored_lead(session: Session, publication: Publication, lead: Lead, now: datetime) -> dict[str, Any]:
    """Return the values of a lead of the database, as its mails would show them now."""
    values: dict[str, Any] = {"id": lead.id}
    for name, value in lead_facts(session, publication, lead, now).items():
        root, _, path = name.partition(".")
        if root == "lead":
            put(values, path, value)
    return values


def stored_run(
    session: Session, env: Environment, plan: Plan | None, lead: Lead, now: datetime
) -> dict[str, Any]:
    """Return the values of the lead's newest journey through a scenario, or of one that begins now."""
    run: dict[str, Any] = {"entered_at": now, "cycle": lead.cycle}
    if plan is None:
        return run
    journey = session.exec(
        select(Enrolment)
        .where(Enrolment.lead_id == lead.id, Enrolment.scenario == plan.scenario)
        .order_by(col(Enrolment.entered_at).desc(), col(Enrolment.id).desc())
    ).first()
    if journey is None:
        return run
    its_plan = env.publications.plan(journey.plan_digest, session)
    for name, value in journey_values(Application(session, env, lead, now), journey, its_plan).items():
        root, _, path = name.partition(".")
        if root == "run":
            put(run, path, value)
    return run


def made_up_lead(publication: Publication, plan: Plan | None, now: datetime) -> dict[str, Any]:
    """Return a Japanese lead with a value in every field, one that the plan's conditions let in."""
    values = {**MADE_UP, "company": dict(MADE_UP["company"]), "stage": publication.lifecycle.stages[0]}
    values |= {"cycle": 0, "created_at": now, "last_active_at": now}
    for name, spec in publication.workspace.lead_fields.items():
        values[name] = example(name, spec, now)
    values["score"] = dict.fromkeys(publication.scoring.models, 0)
    values["band"] = {name: one.levels[-1][0] for name, one in publication.scoring.bands.items()}
    if plan is not None:
        for name, value in likely_fields(publication, _wishes(plan), now).items():
            put(values, name.removeprefix("lead."), value)
    return values


def made_up_run(publication: Publication, plan: Plan | None, now: datetime) -> dict[str, Any]:
    """Return values of a journey: when it began, the event that began it, one record of each kind."""
    workspace = publication.workspace
    run: dict[str, Any] = {
        name: {"key": f"{name}-1", **{one: example(one, spec, now) for one, spec in kind.fields.items()}}
        for name, kind in workspace.records.items()
    }
    match = (
        next((one.match for one in plan.entry if isinstance(one.match, EventMatch)), None) if plan else None
    )
    declared = workspace.events.get(match.event, {}) if match is not None else {}
    entry = {name: example(name, spec, now) for name, spec in declared.items()}
    for wanted in match.properties if match is not None else ():
        entry[wanted.name] = wanted.values[0] if wanted.values else f"{wanted.prefix}example"
    return run | {"entered_at": now, "cycle": 0, "entry": entry}


def example(name: str, spec: FieldSpec, now: datetime) -> Any:
    """Return a value of a declared field: a day or an instant lies ahead, an address is one."""
    if spec.type == "enum":
        return spec.values[0] if spec.values else None
    if spec.type in ("int", "bool"):
        return 100 if spec.type == "int" else True
    at = (now + _AHEAD).astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    if spec.type == "date":
        return at.date()
    if spec.type == "datetime":
        return at
    return f"https://www.example.jp/{name}" if name.endswith("url") else "（例）"


def put(values: dict[str, Any], path: str, value: Any) -> None:
    """Write a value at a dotted path of nested maps: `company.name`."""
    *parents, last = path.split(".")
    for name in parents:
        inner = values.get(name)
        values[name] = inner = dict(inner) if isinstance(inner, Mapping) else {}
        values = inner
    values[last] = value


def _wishes(plan: Plan) -> list[Expression]:
    """Return the conditions that the made-up lead should meet: the audience, then the branches."""
    wishes = [plan.audience] if plan.audience is not None else []
    for step in plan.steps.values():
        if isinstance(step, IfStep):
            wishes.append(step.condition)
        if isinstance(step, SwitchStep):
            wishes += [case.when for case in step.cases]
    return wishes
