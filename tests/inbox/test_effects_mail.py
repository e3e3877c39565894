"""Which publication a mail's template comes from."""

from __future__ import annotations

from pathlib import Path

from leadloop.language import plan as p
from leadloop.storage.environment import Environment
from leadloop.storage.publications import publish
from leadloop.storage.tables import Message, MessageStatus
from tests.factories import TEMPLATES, ManualClock, make_environment, make_publication
from tests.inbox.driver import mails, settle
from tests.inbox.played import END, enter, plan_of, rest, to

MENDED = {**TEMPLATES, "thanks.ja.md": "---\nsubject: 資料\n---\n資料です。\n"}


def _two_visits(folder: Path, clock: ManualClock, status: MessageStatus, reason: str | None) -> list[str]:
    """Ask for one mail twice, with another version of its template between; return their publications."""
    mail = p.SendStep(id="mail", template="thanks", topic="nurture", on_skip=END, on_fail=to("rest"))
    plan = plan_of(mail, rest(days=1, next=to("mail")))
    env = make_environment(folder, make_publication(plans={"play": plan}), clock)
    enter(env)

    def ends(env: Environment, message_id: str) -> None:
        with env.database.write() as session:
            message = session.get_one(Message, message_id)
            message.status, message.reason = status, reason
            session.add(message)

    settle(env, deliver=ends)
    with env.database.write() as session:
        publish(session, make_publication(plans={"play": plan}, templates=MENDED), "tests", clock.now())
    clock.advance(days=1)
    settle(env)
    newest = env.publications.current().id
    env.database.close()
    return ["newest" if mail.publication_id == newest else "first" for mail in mails(env)]


def test_template_that_could_not_be_rendered_is_taken_from_the_newest_publication(
    tmp_path: Path, clock: ManualClock
) -> None:
    reason = "render_undefined: thanks.ja.md:3"
    assert _two_visits(tmp_path, clock, MessageStatus.FAILED, reason) == ["first", "newest"]


def test_template_is_that_of_the_journeys_publication(tmp_path: Path, clock: ManualClock) -> None:
    reason = "smtp_550 5.1.1"
    assert _two_visits(tmp_path, clock, MessageStatus.FAILED, reason) == ["first", "first"]
