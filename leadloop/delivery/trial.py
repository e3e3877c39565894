"""Test deliveries: a rendered template to a few addresses, marked, untracked, unknown to the engine.

Nothing is written anywhere: no message, no event, no consent. Caps and send windows do not count.
Suppressed addresses are refused as always.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from leadloop.delivery.addresses import AddressError, checked_address
from leadloop.delivery.mime import Mail, build_mime
from leadloop.delivery.outbox import Sender
from leadloop.delivery.render import Rendered
from leadloop.delivery.smtp import SendError
from leadloop.language.plan import Sender as SenderIdentity
from leadloop.leads.consent import is_suppressed
from leadloop.storage.columns import new_id
from leadloop.storage.environment import Environment

MOST = 10
MARK = "[TEST]"
TEST_HEADER = "X-Leadloop-Test"


class TrialRefusedError(Exception):
    """Nothing was sent. The message says why, and names the addresses that the person typed."""


@dataclass(frozen=True)
class TrialResult:
    """What became of one test mail. `problem` is a code of the mail server's answer, or empty."""

    to: str
    sent: bool
    problem: str = ""


def marked(subject: str) -> str:
    """Return the subject of a test mail."""
    return f"{MARK} {subject}"


def checked_addresses(session: Session, env: Environment, texts: Iterable[str]) -> list[str]:
    """Return the addresses to send to, each once. Raises `TrialRefusedError`: all or none."""
    addresses = list(dict.fromkeys(text.strip() for text in texts))
    if len(addresses) > MOST:
        raise TrialRefusedError(f"{len(addresses)} addresses; a test goes to at most {MOST}")
    for address in addresses:
        try:
            checked_address(address)
            suppressed = is_suppressed(session, env, address)
        except AddressError as error:
            raise TrialRefusedError(f"`{address}`: {error}") from None
        if suppressed:
            raise TrialRefusedError(f"`{address}` is suppressed: it bounced, complained or was erased")
    return addresses


def trial_mime(rendered: Rendered, sender: SenderIdentity, to: str, now: datetime) -> bytes:
    """Return a test mail as it goes over SMTP. Raises `AddressError` or `HeaderError`."""
    content = build_mime(
        Mail(
            message_id=f"test-{new_id()}",
            sender_name=sender.name,
            sender_address=sender.address,
            to=to,
            subject=marked(rendered.subject),
            text=rendered.text,
            html=rendered.html,
            sent_at=now,
            reply_to=sender.reply_to,
        )
    )
    return f"{TEST_HEADER}: 1\r\n".encode() + content


def deliver_trial(
    transport: Sender, rendered: Rendered, sender: SenderIdentity, addresses: Iterable[str], now: datetime
) -> list[TrialResult]:
    """Hand one test mail per address to the mail server; one refusal stops no other."""
    results = []
    for to in addresses:
        content = trial_mime(rendered, sender, to, now)
        try:
            transport.open(checked_address(sender.address), checked_address(to)).deliver(content)
            results.append(TrialResult(to, sent=True))
        except SendError as error:
            results.append(TrialResult(to, sent=False, problem=error.code))
    return results
