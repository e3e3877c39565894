"""Checks of permission: no mail after a refusal, none to a suppressed address.

The instant that counts is the claim: what came in before it must have been seen. The rules are
those of `leads.consent`, as things stood then.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from sqlmodel import col, select

from leadloop.inbox.doctor.view import HANDED_OVER, Found, View, bare_message
from leadloop.leads.addresses import AddressError
from leadloop.leads.consent import ALL_TOPICS, REFUSED, suppression_hash
from leadloop.storage.tables import Consent, Message, Suppression


def no_mail_after_refusal(view: View) -> Found:
    """No mail is handed over after its topic was refused, unless permission came later."""
    consents: dict[str, list[Consent]] = defaultdict(list)
    refusing = set(view.session.exec(select(Consent.lead_id).where(Consent.basis == REFUSED)).all())
    for row in view.session.exec(select(Consent)).all():
        if row.lead_id in refusing:
            consents[row.lead_id].append(row)
    mails = _mails(view)
    problems = []
    for message, claimed_at in mails:
        refused_at = _refused_at(view, consents[message.lead_id], message.topic or "", claimed_at)
        if refused_at is not None:
            problems.append(
                f"message {message.id} to lead {message.lead_id}: handed over {claimed_at.isoformat()}, "
                f"refused {refused_at.isoformat()}"
            )
    return len(mails), problems


def no_mail_to_suppressed(view: View) -> Found:
    """No mail is handed over to an address after it was suppressed."""
    suppressed = {row.email_hmac: row for row in view.session.exec(select(Suppression)).all()}
    mails = _mails(view) if suppressed else []
    problems = []
    for message, claimed_at in mails:
        row = suppressed.get(_suppression_key(view, message.rendered_to))
        if row is not None and view.known_since(row.event_id, row.at) < claimed_at:
            problems.append(
                f"message {message.id}: handed over {claimed_at.isoformat()} to an address "
                f"suppressed {row.at.isoformat()} ({row.reason})"
            )
    return len(mails), problems


def _mails(view: View) -> list[tuple[Message, datetime]]:
    """Return the mails that were handed over, each with the instant of its claim."""
    rows = view.session.exec(
        select(Message)
        .where(Message.kind == "mail", col(Message.status).in_(HANDED_OVER))
        .options(bare_message)
    ).all()
    return [(row, row.claimed_at or row.sent_at or row.created_at) for row in rows]


def _refused_at(
    view: View, consents: Sequence[Consent], topic_name: str, claimed_at: datetime
) -> datetime | None:
    """Return the refusal that forbade a topic at the claim, or None where it could be mailed.

    What came in at the very instant of the claim may have come before it or after it: it counts for
    the mail, as a permission, and not against it.
    """
    answers = [
        (row, view.known_since(row.event_id, row.at))
        for row in consents
        if row.topic in (topic_name, ALL_TOPICS)
    ]
    refused_at = max(
        (row.at for row, since in answers if row.basis == REFUSED and since < claimed_at), default=None
    )
    topic = view.live_at(claimed_at).workspace.topics.get(topic_name)
    if refused_at is None or topic is None:
        return refused_at
    given = {row.basis for row, since in answers if refused_at < row.at and since <= claimed_at}
    return None if given.intersection(topic.basis) else refused_at


def _suppression_key(view: View, address: str | None) -> str:
    try:
        return suppression_hash(view.env, address) if address else ""
    except AddressError:
        return ""


CHECKS = (no_mail_after_refusal, no_mail_to_suppressed)
