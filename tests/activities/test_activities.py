"""Activities in Temporal's test environment: what they tell the server, and what they keep from it."""

from __future__ import annotations

import pytest
from temporalio import activity
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.email import EmailActivities
from activities.journey import JourneyActivities
from leadloop.contracts import TURN_GAP, SendRequest, TurnRequest
from leadloop.delivery.outbox import Outbox
from leadloop.delivery.render import Renderer
from leadloop.delivery.smtp import SmtpSender
from leadloop.delivery.tokens import Tokens
from leadloop.embedded.processes import free_port
from leadloop.inbox.applier import apply_once
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Lead, Message, MessageStatus
from tests.factories import NOW, make_enrolment, make_lead, make_message
from tests.inbox.driver import journeys, report


def _request(enrolment_id: str, turn_no: int) -> TurnRequest:
    return TurnRequest(enrolment_id=enrolment_id, generation=1, turn_no=turn_no, now=NOW)


def test_take_turn_answers_with_the_head(env: Environment) -> None:
    report(env, "form_submitted", email="taro@kaisha.example", properties={"form": "whitepaper"})
    apply_once(env)
    (journey,) = journeys(env)
    reply = ActivityEnvironment().run(JourneyActivities(env).take_turn, _request(journey.id, 1))
    assert (reply.status, reply.turn_no, reply.next.kind) == ("committed", 1, "send")


def test_take_turn_gap_is_not_retried(env: Environment) -> None:
    report(env, "form_submitted", email="taro@kaisha.example", properties={"form": "whitepaper"})
    apply_once(env)
    with pytest.raises(ApplicationError) as failure:
        ActivityEnvironment().run(JourneyActivities(env).take_turn, _request(journeys(env)[0].id, 7))
    assert (failure.value.type, failure.value.non_retryable) == (TURN_GAP, True)


def test_take_turn_failure_tells_a_code_and_no_values(env: Environment) -> None:
    report(env, "form_submitted", email="taro@kaisha.example", properties={"form": "whitepaper"})
    apply_once(env)
    with env.database.write() as session:
        enrolment = journeys(env)[0]
        enrolment.state = {"step": "山田 taro@kaisha.example"}
        session.merge(enrolment)
    with pytest.raises(ApplicationError) as failure:
        ActivityEnvironment().run(JourneyActivities(env).take_turn, _request(enrolment.id, 1))
    assert not failure.value.non_retryable
    assert failure.value.__cause__ is None
    assert "kaisha" not in str(failure.value)
    assert "see log" in str(failure.value)


def test_send_message_without_a_mail_server_is_retried_and_hands_nothing_over(env: Environment) -> None:
    with env.database.write() as session:
        lead: Lead = make_lead(session, env, opt_in=True)
        journey = make_enrolment(session, env.publications.current(session).id, lead, "whitepaper-nurture")
        message = make_message(
            session, journey, status=MessageStatus.NEW, sent_at=None, text_body="本文",
            html_body="<p>本文</p>",
            rendered_to=lead.email,
        )  # fmt: skip
    sender = SmtpSender("127.0.0.1", free_port(), security="none")
    with Renderer() as renderer:
        outbox = Outbox(env, renderer, sender, Tokens(env.keys), "https://leadloop.example")
        with pytest.raises(ApplicationError) as failure:
            ActivityEnvironment().run(
                EmailActivities(outbox).send_message, SendRequest(message_id=message.id, generation=1)
            )
    assert (failure.value.type, failure.value.non_retryable) == ("RetryLater", False)
    with env.database.read() as session:
        assert session.get_one(Message, message.id).status == MessageStatus.NEW


@pytest.mark.parametrize("method", [JourneyActivities.take_turn, EmailActivities.send_message])
def test_activities_are_never_interrupted_in_their_thread(method: object) -> None:
    """The SDK raises `CancelledError` inside a timed-out thread by default. One that hit a waiter of the
    write lock left it taken for ever."""
    definition = activity._Definition.must_from_callable(method)  # type: ignore[arg-type]
    assert definition.no_thread_cancel_exception
