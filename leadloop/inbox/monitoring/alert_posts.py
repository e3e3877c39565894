"""Tells an outside address of new alerts: at least once, each with its id, signed as webhooks are."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import timedelta

import structlog
from sqlmodel import col, select

from leadloop.delivery.http import HttpClient, NoAnswerError
from leadloop.delivery.signing import signed_headers
from leadloop.inbox.monitoring.alerts import KINDS
from leadloop.language.plan import canonical
from leadloop.settings import Endpoint
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Alert

GIVE_UP_AFTER = timedelta(days=1)
_AT_ONCE = 20
_log = structlog.get_logger()


class AlertPosts:
    """Posts alerts that nobody was told of yet. Without an address nothing is posted."""

    def __init__(
        self,
        env: Environment,
        endpoint: Endpoint | None,
        client: HttpClient | None = None,
        real_seconds: Callable[[], float] = time.time,
    ) -> None:
        self._env = env
        self._endpoint = endpoint
        self._client = client or HttpClient()
        self._real_seconds = real_seconds

    def run_once(self) -> int:
        """Post what is new. Returns 0: what was not taken is tried at the next round."""
        if self._endpoint is None:
            return 0
        for alert in self._waiting():
            if self._post(alert):
                with self._env.database.write() as session:
                    row = session.get_one(Alert, alert.id)
                    row.sent_at = self._env.clock.now()
                    session.add(row)
        return 0

    def close(self) -> None:
        """Close the connections that are kept open."""
        self._client.close()

    def _waiting(self) -> Sequence[Alert]:
        with self._env.database.read() as session:
            return session.exec(
                select(Alert)
                .where(col(Alert.sent_at).is_(None), Alert.raised_at > self._env.clock.now() - GIVE_UP_AFTER)
                .order_by(col(Alert.raised_at))
                .limit(_AT_ONCE)
            ).all()

    def _post(self, alert: Alert) -> bool:
        assert self._endpoint is not None
        body = canonical(
            {
                "id": alert.id,
                "type": "alert.raised",
                "timestamp": alert.raised_at.isoformat(),
                "kind": alert.kind,
                "scenario": alert.scenario,
                "code": alert.code,
                "number": alert.number,
                "text": describe_alert(alert),
            }
        ).encode()
        secret = self._endpoint.secret
        headers = signed_headers(
            alert.id, int(self._real_seconds()), body, secret.get_secret_value() if secret else None
        )
        try:
            code = self._client.post(self._endpoint.url.get_secret_value(), body, headers)
        except NoAnswerError as error:
            _log.warning("alert_not_sent", alert=alert.id, reason=error.code)
            return False
        if not 200 <= code < 300:
            _log.warning("alert_not_sent", alert=alert.id, reason=f"http_{code}")
            return False
        return True


def describe_alert(alert: Alert) -> str:
    """Return an alert as a line: `leadloop: renewal: 12 journeys are held (unknown_date)`."""
    scenario = f"{alert.scenario}: " if alert.scenario else ""
    code = f" ({alert.code})" if alert.code else ""
    return f"leadloop: {scenario}{alert.number} {KINDS.get(alert.kind, alert.kind)}{code}"
