"""`notify` over real SMTP: the workspace's template, without what a mail to a lead carries."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from leadloop.delivery.outbox import Outbox
from leadloop.delivery.render import Renderer
from leadloop.delivery.smtp import SmtpSender
from leadloop.delivery.tokens import Tokens
from leadloop.language import plan as p
from leadloop.storage.environment import Environment
from tests.delivery.sink import Sink
from tests.factories import TEMPLATES
from tests.inbox.driver import mails, settle
from tests.inbox.played import enter, environment, plan_of, row_of

CHURN = {
    "layouts/default.ja.html.j2": "<body>広告 {{ content }} <a href='{{ unsubscribe_url }}'>停止</a></body>",
    "notify/churn.ja.md": "---\nsubject: 解約のおそれ：{{ lead.company.name }}\n---\n"
    "{{ lead.family_name }}様（[記録](https://acme.example/crm)）、開始 {{ run.entry.form }}\n",
}


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as one:
        yield one


def test_notify_is_a_mail_within_the_house(tmp_path: Path, sink: Sink) -> None:
    step = p.NotifyStep(id="tell", to="manager@acme.example", template="notify/churn")
    env = environment(tmp_path, plan_of(step), templates={**TEMPLATES, **CHURN})
    journey = enter(env, company="株式会社東都商事")
    with Renderer() as renderer:
        sender = SmtpSender("127.0.0.1", sink.port, security="none")
        outbox = Outbox(env, renderer, sender, Tokens(env.keys), "https://leadloop.example")

        def deliver(_: Environment, message_id: str) -> None:
            outbox.deliver(message_id, 1)

        settle(env, deliver)
        sender.close()
    assert row_of(env, journey.id).outcome == p.COMPLETED
    (notice,) = mails(env, "notice")
    assert notice.status == "sent"
    assert notice.to_address == "manager@acme.example"
    assert notice.subject == "解約のおそれ：株式会社東都商事"
    assert "https://acme.example/crm" in (notice.html_body or "")
    for foreign in ("/t/c/", "/t/o/", "/u/", "停止", "広告"):
        assert foreign not in (notice.html_body or "") + (notice.text_body or "")
    assert "whitepaper" in (notice.text_body or "")
    (received,) = sink.mails
    assert b"List-Unsubscribe" not in received
