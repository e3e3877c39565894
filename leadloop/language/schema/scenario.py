"""Schema of a scenario file."""

from __future__ import annotations

from leadloop.language.schema import shapes, steps
from leadloop.language.schema.shapes import (
    ALLOW,
    FREQUENCY,
    NAME,
    TIME,
    Schema,
    choice,
    fields,
    flag,
    keyed,
    listed,
    matching,
    number,
    one_or_list,
    ref,
    said,
    span,
    text,
)

EXISTING = choice("Do leads enter that match already when it is published?", "include", "exclude")
LIMIT = text("At most so many enter; the others wait.", "500 per day", pattern=FREQUENCY)


def scenario() -> Schema:
    """Return the schema of `scenarios/NAME.yaml`."""
    condition = ref("condition")
    edit = {
        "default": choice("What becomes of people in flight.", "stay", "move", "finish", "exit"),
        "steps": keyed({"type": "string"}, "Step of the old version -> step of this one."),
    }
    reentry = {
        "mode": choice("May a lead enter again?", "never", "after_exit", "always"),
        "cooldown": span("Not sooner than this after the end.", "90 days"),
        "max": number("So many times in all.", 1, 1000),
    }
    settings = {
        "scenario": text("Unique name.", "whitepaper-nurture", pattern=NAME),
        "title": text("Words for people."),
        "topic": text("Why its mails may be sent.", "nurture"),
        "per": text("`lead`, `company` or a record: what an open journey is unique for.", "lead", "seminar"),
        "priority": number("Higher goes first when the caps leave room for one mail.", 0, 1000),
        "group": text("At most one open journey of a group per lead.", pattern=NAME),
        "entry": listed(_entry(), "How a journey begins."),
        "existing": EXISTING,
        "limit": LIMIT,
        "audience": said(condition, "Who may enter."),
        "recheck": choice("Ask the audience again before each mail.", "before_send"),
        "reentry": said(fields("`reentry`", reentry, ["mode"]), "Entering again."),
        "goal": one_or_list(_matcher("`goal`"), "The journey ends, reached."),
        "exit_when": one_or_list(_matcher("`exit_when`"), "The journey ends."),
        "on_edit": said(
            {"oneOf": [edit["default"], fields("`on_edit`", edit)]},
            "People in flight when this is published again.",
        ),
        "pause_clock": choice("What waits do while sales works.", "run", "freeze", "restart"),
        "allow": ALLOW,
        "steps": said(ref("steps"), "What happens, in this order."),
    }
    shape = fields("a scenario", settings, ["scenario", "topic", "entry", "steps"])
    return {**shape, "$defs": {**shapes.definitions(), **steps.definitions()}}


def _matcher(where: str) -> Schema:
    settings = {
        **matching(),
        "stage": one_or_list({"type": "string"}, "The stage the lead moves to."),
        "when": said(ref("condition"), "A condition on the lead."),
    }
    return fields(where, settings, more=True)


def _entry() -> Schema:
    settings = {
        "event": matching()["event"],
        "where": matching()["where"],
        "stage": one_or_list({"type": "string"}, "The stage the lead moves to."),
        "segment": text("On becoming a member; with `schedule`: its members."),
        "inactive": span("The lead has done nothing for so long.", "90 days"),
        "date": text("A date of the lead or of a record.", "contract.renews_on"),
        "before": span("So long before the date.", "90 days"),
        "after": span("So long after the date.", "7 days"),
        "at": text("Time of day in the lead's zone.", "09:00", pattern=TIME),
        "schedule": text("A recurring time, in words or as cron.", "second tuesday 10:00", "0 10 * * 2"),
        "zone": text("With `schedule`: the zone of its times, not each lead's.", "Asia/Tokyo"),
        "manual": flag("By a person, a command or an `enrol` step."),
        "people": number("So many people of one company, `within` a time.", 2, 1000),
        "within": span("The time for `people`.", "14 days"),
        "start": text("The step to begin with."),
        "existing": EXISTING,
        "limit": LIMIT,
    }
    return fields("an entry", settings, more=True)
