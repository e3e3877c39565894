"""Which mails a scenario has, and what a preview renders."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from sqlmodel import select

from leadloop.delivery.preview import INERT_URL, PlannedMail, planned_mails, preview, preview_context
from leadloop.delivery.preview_lead import Reader, example, made_up_lead, made_up_run, put, stored_run
from leadloop.delivery.render import Renderer
from leadloop.language import plan as p
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Lead
from tests.factories import NOW, TEMPLATES, make_publication, make_workspace
from tests.inbox.driver import report, settle

END = p.Target(exit=p.COMPLETED)
LAYOUT = "<html><body>{{ content }}<a href='{{ unsubscribe_url }}'>{}</a></body></html>"
LAYOUTS = {f"layouts/default.{one}.html.j2": LAYOUT.replace("{}", word) for one, word in
           (("ja", "配信停止"), ("en", "unsubscribe"))}  # fmt: skip


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    with Renderer() as one:
        yield one


def send(name: str, following: p.Target, **values: object) -> p.SendStep:
    settings = {"template": "case", "topic": "nurture", "on_skip": END, "on_fail": END, "next": following}
    return p.SendStep.model_validate({"id": name, **settings, **values})


def plan_of(*steps: p.Step, **values: object) -> p.Plan:
    settings: dict[str, object] = {
        "scenario": "newsletter",
        "topic": "nurture",
        "entry": (),
        "first": steps[0].id,
    }
    return p.Plan.model_validate({**settings, **values, "steps": {step.id: step for step in steps}})


def experiment() -> p.Plan:
    """Two subjects against each other; the step behind is everybody's."""
    after = p.Target(step="after")
    draw = p.ExperimentStep(
        id="subject-test",
        metric=p.Did(match=p.EventMatch(event="email_clicked")),
        variants=(
            p.Variant(name="a", share=5000, go=p.Target(step="a")),
            p.Variant(name="b", share=5000, go=p.Target(step="b")),
        ),
        next=after,
    )
    return plan_of(
        draw, send("a", after, subject="件名A"), send("b", after, subject="件名B"), send("after", END)
    )


def test_planned_mails_of_an_experiment_name_the_variants() -> None:
    assert planned_mails(make_publication(), experiment()) == [
        PlannedMail("a", "case", "件名A", part="variant a of subject-test"),
        PlannedMail("b", "case", "件名B", part="variant b of subject-test"),
        PlannedMail("after", "case"),
    ]


def test_planned_mails_of_a_stream_are_its_items() -> None:
    publication = make_publication(
        streams={"news": p.Stream(items=(p.StreamItem(template="case"), p.StreamItem(template="thanks")))}
    )
    plan = plan_of(send("news", END, template=None, stream="news"))
    assert [(mail.template, mail.part) for mail in planned_mails(publication, plan)] == [
        ("case", "item 1 of news"),
        ("thanks", "item 2 of news"),
    ]


def test_planned_mails_have_notices_within_the_house() -> None:
    plan = plan_of(p.NotifyStep(id="tell", to="owner", template="case"))
    assert planned_mails(make_publication(), plan) == [
        PlannedMail("tell", "case", part="to owner", internal=True)
    ]


def test_preview_of_a_notice_has_no_unsubscribe_link(renderer: Renderer) -> None:
    publication = make_publication(templates=TEMPLATES | LAYOUTS)
    reader = Reader({"family_name": "山田", "locale": "en"})
    mails = preview(
        renderer, publication, [PlannedMail("a", "case"), PlannedMail("b", "case", internal=True)], reader
    )
    mail, notice = (one.rendered for one in mails)
    assert mail is not None
    assert notice is not None
    assert INERT_URL in mail.html
    assert INERT_URL not in notice.html


def test_preview_is_in_the_readers_language(renderer: Renderer) -> None:
    templates = TEMPLATES | LAYOUTS | {"case.en.md": "---\nsubject: Case\n---\n{{ lead | addressee }}\n"}
    publication = make_publication(templates=templates)
    taro = {"family_name": "Yamada", "given_name": "Taro"}
    for locale, subject in (("en", "Case"), ("ja", "導入事例"), (None, "導入事例")):
        (mail,) = preview(
            renderer, publication, [PlannedMail("a", "case")], Reader({**taro, "locale": locale})
        )
        assert mail.rendered is not None
        assert mail.rendered.subject == subject


def test_preview_goes_on_behind_a_mail_that_fails(renderer: Renderer) -> None:
    publication = make_publication(
        templates=TEMPLATES | LAYOUTS | {"bad.ja.md": "---\nsubject: x\n---\n{{ run.call.outcome }}\n"}
    )
    bad, good = preview(
        renderer, publication, [PlannedMail("a", "bad"), PlannedMail("b", "case")], Reader({})
    )
    assert bad.rendered is None
    assert bad.problem.startswith("bad.ja.md:4: no such name")
    assert good.rendered is not None


def test_preview_context_adds_what_steps_found_out() -> None:
    run = {
        "call": {"outcome": "connected", "date": datetime(2026, 12, 1, tzinfo=UTC)},
        "entry": {"form": "contact"},
    }
    found = preview_context(make_publication(), Reader({}, run))["run"]
    assert found["call"] == {"outcome": "connected", "date": "2026-12-01T09:00:00+09:00"}
    assert found["entry"]["form"] == "contact"
    assert found["entry"]["reason"] is None


def test_made_up_lead_has_every_field_and_meets_the_audience() -> None:
    publication = make_publication()
    audience = p.Expression(source='lead.industry == "it"', variables={"lead.industry": "text"})
    found = made_up_lead(publication, plan_of(send("a", END), audience=audience), NOW)
    assert found["industry"] == "it"
    assert found.keys() >= {"employees", "purchase_timing", "stage", "score", "band", "company"}
    assert (found["family_name"], found["score"], found["band"]) == (
        "山田",
        {"engagement": 0},
        {"engagement": "cold"},
    )


def test_made_up_run_has_the_entry_and_a_record_of_each_kind() -> None:
    workspace = make_workspace(
        records={
            "seminar": p.RecordKind(
                fields={"title": p.FieldSpec(type="text"), "starts_at": p.FieldSpec(type="datetime")}
            )
        }
    )
    wanted = p.PropertyMatch(name="form", values=("contact", "whitepaper"))
    entry = (p.Entry(match=p.EventMatch(event="form_submitted", properties=(wanted,))),)
    run = made_up_run(make_publication(workspace=workspace), plan_of(send("a", END), entry=entry), NOW)
    assert run["entry"] == {"form": "contact"}
    assert run["seminar"]["starts_at"] > NOW
    assert run["seminar"]["title"]


def test_stored_run_is_of_the_newest_journey(env: Environment) -> None:
    report(env, "form_submitted", email="sato@example.jp", properties={"form": "whitepaper"}, source="form")
    settle(env)
    publication = env.publications.current().publication
    plan = publication.plans["whitepaper-nurture"]
    with env.database.read() as session:
        lead = session.exec(select(Lead)).one()
        found = stored_run(session, env, plan, lead, NOW)
        other = stored_run(session, env, publication.plans["sales-handoff"], lead, NOW)
    assert found["entry"]["form"] == "whitepaper"
    assert "entry" not in other


@pytest.mark.parametrize("kind", ["text", "int", "bool", "date", "datetime"])
def test_example_has_a_value_of_every_type(kind: p.FieldType) -> None:
    assert example("note", p.FieldSpec(type=kind), NOW) is not None


def test_put_writes_below_what_is_there() -> None:
    values: dict[str, object] = {"company": {"name": "アクメ"}, "score": 3}
    put(values, "company.domain", "acme.example")
    put(values, "score.fit", 20)
    assert values == {"company": {"name": "アクメ", "domain": "acme.example"}, "score": {"fit": 20}}
