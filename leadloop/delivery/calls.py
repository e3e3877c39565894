"""The outbox of outside calls: webhooks, and posts to the team's chat. At least once.

    write the body -> claim (commit) -> POST -> record (commit)

An attempt that dies after the claim leaves `calling` behind, and the next one posts again with the
same id and the same body: the receiver knows a repeat by `webhook-id`. Where an installation names no
address, the call goes nowhere and its row keeps what would have been sent.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlmodel import Session, select

from leadloop.delivery.context import journey_context
from leadloop.delivery.http import HttpClient, NoAnswerError
from leadloop.delivery.notices import internal_templates
from leadloop.delivery.render import Renderer, RenderError
from leadloop.delivery.scope import mail_locales
from leadloop.delivery.signing import signed_headers
from leadloop.delivery.smtp import RetryLaterError
from leadloop.inbox.apply import apply_pending
from leadloop.inbox.calls import FINISHED
from leadloop.inbox.recovery.restored import RESTORED, is_restored
from leadloop.language.plan import canonical
from leadloop.settings import Endpoint
from leadloop.storage.database import RowMissingError, lock_enrolment, lock_lead
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Call, CallStatus, Enrolment, EnrolmentStatus, Lead

SUPERSEDED = "superseded"
CHAT = "chat"
GIVE_UP_AFTER = timedelta(hours=24)
"""So long a call is tried again, in scenario time, before it has failed."""

_TRY_AGAIN = frozenset({408, 425, 429})
_log = structlog.get_logger()


@dataclass(frozen=True)
class _Claimed:
    """What this attempt posts, and where."""

    url: str
    secret: str | None
    key: str
    body: str
    tried_since: datetime


class CallOutbox:
    """Makes the calls of one workspace. Safe to use from several threads and processes."""

    def __init__(
        self,
        env: Environment,
        renderer: Renderer | None = None,
        webhooks: Mapping[str, Endpoint] | None = None,
        chat: Endpoint | None = None,
        client: HttpClient | None = None,
        real_seconds: Callable[[], float] = time.time,
    ) -> None:
        self._env = env
        self._renderer = renderer
        self._webhooks = dict(webhooks or {})
        self._chat = chat
        self._client = client or HttpClient()
        self._real_seconds = real_seconds

    def make(self, call_id: str, generation: int) -> str:
        """Take a call as far as it goes; return its status, or `superseded`.

        Calling it again is harmless. Raises `RetryLaterError` where a later call may succeed.
        """
        claimed = self._claim(call_id, generation)
        if isinstance(claimed, str):
            return claimed
        headers = signed_headers(
            claimed.key, int(self._real_seconds()), claimed.body.encode(), claimed.secret
        )
        code: int | None = None
        try:
            code = self._client.post(claimed.url, claimed.body.encode(), headers)
            reason = f"http_{code}"
        except NoAnswerError as error:
            reason = error.code
        if code is not None and 200 <= code < 300:
            return self._record(call_id, CallStatus.DONE, None, code)
        if code is not None and not (code in _TRY_AGAIN or code >= 500):
            return self._record(call_id, CallStatus.FAILED, reason, code)
        if self._env.clock.now() - claimed.tried_since >= GIVE_UP_AFTER:
            return self._record(call_id, CallStatus.FAILED, f"gave_up {reason}", code)
        status = self._record(call_id, CallStatus.CALLING, reason, code)
        if status != CallStatus.CALLING:
            return status
        raise RetryLaterError(reason)

    def close(self) -> None:
        """Close the connections that are kept open."""
        self._client.close()

    def _claim(self, call_id: str, generation: int) -> _Claimed | str:
        """Take the call for this attempt, or return the status that ends it. Commits."""
        body = self._written(call_id)
        with self._env.database.write() as session:
            if is_restored(session):
                raise RetryLaterError(RESTORED)
            call, lead, enrolment = _lock(session, self._env, call_id)
            if generation < enrolment.generation:
                return SUPERSEDED
            if call.status in FINISHED:
                return call.status.value
            refusal = _refusal(call, lead, enrolment)
            if refusal is not None:
                _finish(session, call, refusal, "erased" if lead.erased_at else "journey_ended", self._now())
                return call.status.value
            if isinstance(body, RenderError):
                _finish(session, call, CallStatus.FAILED, f"render_{body.code}: {body.message}", self._now())
                return call.status.value
            call.body = call.body or body
            call.attempts += 1
            call.tried_since = call.tried_since or self._now()
            call.status, call.reason = CallStatus.CALLING, None
            session.add(call)
            endpoint = self._chat if call.kind == CHAT else self._webhooks.get(call.to)
            if endpoint is None:
                call.sink = True
                _finish(session, call, CallStatus.DONE, None, self._now())
                _log.info("call_noted", call_id=call.id, to=call.to)
                return call.status.value
            secret = endpoint.secret.get_secret_value() if endpoint.secret is not None else None
            url = endpoint.url.get_secret_value()
            return _Claimed(url, secret, call.call_key, call.body or "", call.tried_since)

    def _written(self, call_id: str) -> str | RenderError:
        """Return the body: the one that was sent before, so that a repeat is the same, or a new one."""
        with self._env.database.read() as session:
            call = session.get(Call, call_id)
            enrolment = session.get(Enrolment, call.enrolment_id) if call is not None else None
            lead = _lead_of(session, call.lead_id) if call is not None else None
            if call is None or enrolment is None or lead is None:
                raise RowMissingError(f"no call {call_id}, or its lead or enrolment is missing")
            if call.body is not None or call.status in FINISHED:
                return call.body or ""
            publication = self._env.publications.get(call.publication_id, session).publication
            context = journey_context(session, self._env, publication, lead, enrolment)
        if call.kind != CHAT:
            return canonical(_payload(call, context, publication.workspace.name))
        if self._renderer is None:
            return RenderError("no_renderer", "this process cannot render templates")
        try:
            rendered = self._renderer.render(
                internal_templates(publication),
                call.template or "",
                tuple(mail_locales(None, publication.workspace)),
                context,
            )
        except RenderError as error:
            if error.code in ("timeout", "crashed") and call.attempts == 0:
                raise RetryLaterError(f"render_{error.code}") from None
            return error
        return canonical({"text": f"{rendered.subject}\n{rendered.text}".strip()})

    def _record(self, call_id: str, status: CallStatus, reason: str | None, code: int | None) -> str:
        with self._env.database.write() as session:
            call, _, enrolment = _lock(session, self._env, call_id)
            if call.status not in FINISHED:
                call.code = code
                if status == CallStatus.CALLING and enrolment.status == EnrolmentStatus.ENDED:
                    status, reason = CallStatus.FAILED, "journey_ended"  # and not tried again
                _finish(session, call, status, reason, self._now())
            final = call.status.value
        _log.info("call_recorded", call_id=call_id, status=final, reason=reason, code=code)
        return final

    def _now(self) -> datetime:
        return self._env.clock.now()


def _lock(session: Session, env: Environment, call_id: str) -> tuple[Call, Lead, Enrolment]:
    """Lock lead, enrolment and call in this order; what is pending of the lead is applied before."""
    known = session.get(Call, call_id)
    if known is None:
        raise RowMissingError(f"no call {call_id}")
    lead = lock_lead(session, known.lead_id)
    apply_pending(session, env, lead, env.clock.now())
    enrolment = lock_enrolment(session, known.enrolment_id)
    statement = select(Call).where(Call.id == call_id).with_for_update()
    call = session.exec(statement.execution_options(populate_existing=True)).one()
    return call, lead, enrolment


def _lead_of(session: Session, lead_id: str) -> Lead | None:
    lead = session.get(Lead, lead_id)
    while lead is not None and lead.merged_into is not None:
        lead = session.get(Lead, lead.merged_into)
    return lead


def _refusal(call: Call, lead: Lead, enrolment: Enrolment) -> CallStatus | None:
    """Return how a call ends that must not be made: nobody needs it any more."""
    if lead.erased_at is None and enrolment.status != EnrolmentStatus.ENDED:
        return None
    return CallStatus.SKIPPED if call.attempts == 0 else CallStatus.FAILED


def _finish(session: Session, call: Call, status: CallStatus, reason: str | None, now: datetime) -> None:
    call.status = status
    call.reason = reason
    if status in FINISHED:
        call.done_at = now
        if not call.sink:  # personal values, of no use any more: nothing is sent again
            call.body = None
    session.add(call)


def _payload(call: Call, context: Mapping[str, Any], workspace: str) -> dict[str, Any]:
    """Return what a webhook says: the run it belongs to, and the lead as it is now."""
    return {
        "id": call.call_key,
        "type": "journey.webhook",
        "timestamp": call.created_at.isoformat(),
        "workspace": workspace,
        "scenario": call.scenario,
        "step": call.step_id,
        "enrolment": call.enrolment_id,
        "lead": context["lead"],
        "run": json.loads(json.dumps(context["run"], default=str)),
    }
