"""The guards of the engine, each with a patch that takes it out."""

from __future__ import annotations

from dataclasses import dataclass, field

MODEL = ("tests/model/test_m1_model.py", "-k", "engine_agrees_with_the_model and not thousands")


@dataclass(frozen=True)
class Guard:
    """One thing that keeps harm away. Without it the named tests must fail."""

    name: str
    file: str
    patches: tuple[tuple[str, str], ...]
    """Text that is in the file once, and what to write instead."""
    tests: tuple[str, ...] = field(default=MODEL)


GUARDS = (
    Guard(
        "the same event counts once",
        "leadloop/inbox/ingestion/storing.py",
        (("                found[source, external_id] = (body_hmac, event_id)\n", "                pass\n"),
         ("        keyed = {one.key: one for one in ready if one.key is not None}\n",
          "        return ready\n")),
    ),
    Guard(
        "a turn that was taken is not taken again",
        "leadloop/inbox/turns/turn.py",
        (("if request.turn_no == enrolment.turn_no + 1:", "if request.turn_no <= enrolment.turn_no + 1:"),),
    ),
    Guard(
        "a turn beyond the next one is refused",
        "leadloop/inbox/turns/turn.py",
        (("if request.turn_no > enrolment.turn_no + 1:", "if False:"),),
    ),
    Guard(
        "a turn of an earlier generation is refused",
        "leadloop/inbox/turns/turn.py",
        (("if request.generation < enrolment.generation:", "if False:"),),
    ),
    Guard(
        "a mail that was claimed is not claimed again",
        "leadloop/delivery/outbox.py",
        (("        if message.status == MessageStatus.SENDING:\n            return self._give_up",
          "        if message.status == MessageStatus.SENDING:\n            self._back(message_id)\n"
          "        if False:\n            return self._give_up"),
         ("    def _finish(self",
          "    def _back(self, message_id: str) -> None:\n"
          "        with self._env.database.write() as session:\n"
          "            lock_for(session, message_id).message.status = MessageStatus.NEW\n\n"
          "    def _finish(self")),
    ),
    Guard(
        "only the holder of a claim records",
        "leadloop/delivery/recording.py",
        (('        _TABLE.c.claim_token == bindparam("token"),\n', ""),
         ('        _TABLE.c.status.in_(bindparam("expected", expanding=True)),\n', "")),
        ("tests/delivery/test_outbox.py",),
    ),
    Guard(
        "the claim sees a refusal",
        "leadloop/leads/consent.py",
        (("if row.at <= now and (refused_at is None or row.at > refused_at)}", "if row.at <= now}"),),
    ),
    Guard(
        "the claim sees a suppressed address",
        "leadloop/leads/consent.py",
        (("    if suppressed:\n", "    if False:\n"),),
    ),
    Guard(
        "the claim sees a pause of the topic",
        "leadloop/leads/consent.py",
        (("    if is_paused(session, lead.id, topic_name):", "    if False:"),),
    ),
    Guard(
        "the claim sees the caps and the send window",
        "leadloop/delivery/claim.py",
        (("    return cap_hold(session, rows.message, rows.lead, topic, publication, now) or window_hold(",
          "    return None and window_hold("),),
    ),
    Guard(
        "the claim sees the kill switch",
        "leadloop/delivery/claim.py",
        (("    if is_stopped(session):", "    if False:"),),
    ),
    Guard(
        "a refusal ends the journey",
        "leadloop/inbox/exits.py",
        (('        if event.type == "unsubscribed" and', '        if event.type == "never" and'),),
    ),
    Guard(
        "an erased lead's journeys end",
        "leadloop/inbox/exits.py",
        (("    if application.lead.erased_at is not None:", "    if False:"),),
    ),
    Guard(
        "an ended journey's mails are not sent",
        "leadloop/inbox/exits.py",
        (("    _drop_unsent(session, enrolment.id, outcome)\n", ""),),
        ("tests/inbox/test_races.py", "tests/inbox/test_loop.py", *MODEL[:1], *MODEL[1:]),
    ),
    Guard(
        "one open journey per lead and scenario",
        "leadloop/inbox/entries/rules.py",
        (('        return Refusal("open", newest)\n', "        return None\n"),),
    ),
    Guard(
        "a wait counts only what came after its beginning",
        "leadloop/inbox/waits.py",
        (("        col(Event.lead_seq) > bindparam(\"since_seq\"),\n", ""),),
    ),
    Guard(
        "a wait looks back while it is armed",
        "leadloop/inbox/waits.py",
        (("        if not decided and event_type is not None:", "        if False:"),),
    ),
    Guard(
        "a rule gives points as often as it may",
        "leadloop/scoring/rules.py",
        (("        if not _counts(book, model, rule, event, facts, zone, earlier):\n            continue\n",
          ""),),
    ),
    Guard(
        "a mail makes room for one of a higher priority",
        "leadloop/delivery/limits.py",
        (("elif len(sent) + sum(other in topics for other in ahead) >= cap.count:", "elif False:"),),
        ("tests/delivery/test_cap_races.py",),
    ),
    Guard(
        "the claim sees that sales works on the lead",
        "leadloop/delivery/claim.py",
        (("if rows.lead.in_sales and topic.caps", "if False and topic.caps"),),
        ("tests/delivery/test_outbox.py",),
    ),
    Guard(
        "the claim sees a pause of the scenario",
        "leadloop/delivery/claim.py",
        (("paused or rows.enrolment.status != EnrolmentStatus.RUNNING", "False"),),
        ("tests/inbox/operations",),
    ),
    Guard(
        "a clock stands still while sales works on the lead",
        "leadloop/inbox/sales_lock.py",
        (("        if clock != RUN:\n", "        if False:\n"),),
        ("tests/inbox/test_sales_lock.py",),
    ),
    Guard(
        "time that two stops share counts once",
        "leadloop/inbox/clocks.py",
        (("    if _is_stopped(enrolment):\n        return\n", ""),),
        ("tests/inbox/test_sales_lock.py", "tests/inbox/operations"),
    ),
    Guard(
        "the goal waits while the journey is in its hand-off",
        "leadloop/inbox/exits.py",
        (("    if enrolment.shielded:\n", "    if False:\n"),),
        ("tests/inbox/test_turn.py", "tests/inbox/test_effects_sales.py", "tests/scenarios"),
    ),
    Guard(
        "a lead that rests is left alone by conditions",
        "leadloop/journey/lifecycle.py",
        (("    if lead.recycle_until is not None and lead.recycle_until > now:\n", "    if False:\n"),),
        ("tests/inbox/test_loop.py",),
    ),
    Guard(
        "a journey whose step is gone is held",
        "leadloop/inbox/turns/editions.py",
        (("    if target not in new.steps:\n        raise LostStepError(",
          "    if target not in new.steps:\n        return new.first\n        raise LostStepError("),),
    ),
    Guard(
        "a date enters once",
        "leadloop/inbox/entries/timers.py",
        (("    if timer.value and not _first_time(", "    if False and not _first_time("),),
        ("tests/inbox/test_entries_by_time.py",),
    ),
    Guard(
        "an entry by inactivity looks whether the lead is still inactive",
        "leadloop/inbox/entries/timers.py",
        (('(repeats or timer.detail["at"] == row.detail.get("at"))', "True"),
         ('same_entry and row.detail.get("at") == timer.detail["at"]', "same_entry")),
        ("tests/inbox/test_entries_by_time.py",),
    ),
    Guard(
        "an event counts for the journey of its record",
        "leadloop/journey/records_of.py",
        (("    return not names or record_of(plan, event, workspace) == record_key\n", "    return True\n"),),
        ("tests/inbox/test_journey_facts.py", "tests/inbox/test_entry_rules.py"),
    ),
    Guard(
        "a token with a wrong signature is refused",
        "leadloop/delivery/tokens.py",
        (("        if not genuine:", "        if False:"),),
        ("tests/delivery/test_tokens.py",),
    ),
    Guard(
        "a call is signed",
        "leadloop/delivery/calls.py",
        (("claimed.body.encode(), claimed.secret\n", "claimed.body.encode(), None\n"),),
        ("tests/delivery/test_calls.py",),
    ),
    Guard(
        "wrong signatures are throttled",
        "leadloop/web/signed_requests.py",
        (("        if not self._wrong.take(client):", "        if False:"),),
        ("tests/web/test_signed_events.py",),
    ),
    Guard(
        "no more events wait than may",
        "leadloop/inbox/ingestion/grouping.py",
        (("            if self._size and self._size + size > self._queue_limit:", "            if False:"),),
        ("tests/storage/test_ingest_on_databases.py", "-k", "e10"),
    ),
    Guard(
        "an erasure empties the stored answers of commands",
        "leadloop/inbox/erasure.py",
        (("    session.exec(update(CommandAnswer).values(body=None))", "    #"),),
        ("tests/web/test_idempotency.py", "-k", "x5"),
    ),
    Guard(
        "a refusal outlives a merge",
        "leadloop/inbox/merging.py",
        (("        for topic in refused:", "        for topic in ():"),),
        ("tests/inbox/test_merging.py",),
    ),
    Guard(
        "no wait looks back to what a merged lead did",
        "leadloop/inbox/merging.py",
        (("        shift = min(first or 1, 1) - 1 - self.other.last_seq\n",
          "        shift = self.kept.last_seq\n"),),
        ("tests/inbox/test_merging.py",),
    ),
    Guard(
        "who has something to happen first does not enter with many others",
        "leadloop/inbox/entries/together.py",
        (("        if lead.id in self._apart:", "        if False:"),),
        ("tests/inbox/test_entering_together.py", "tests/inbox/test_existing_together.py"),
    ),
    Guard(
        "many who enter with a key enter once",
        "leadloop/inbox/entries/enrolling.py",
        (("            insert_rows(session, EventKey, keys)\n", "            pass\n"),),
        ("tests/inbox/test_entering_together.py",),
    ),
    Guard(
        "the backfill lets many in once",
        "leadloop/inbox/backfill.py",
        (("    insert_rows(session, EventKey, keys)\n", ""),),
        ("tests/inbox/test_existing_together.py",),
    ),
    Guard(
        "many starts do not hold up a single one",
        "leadloop/inbox/relaying/relay.py",
        (("    found = list(session.exec(oldest.where(col(Wake.bulk) == false()).limit(_BATCH)).all())\n",
          "    found: list[Wake] = []\n"),),
        ("tests/inbox/test_relay_order.py",),
    ),
)  # fmt: skip
"""What stands between a fault and harm."""
