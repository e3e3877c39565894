"""Schemas of the steps, one per kind."""

from __future__ import annotations

from leadloop.language.schema.shapes import (
    ADDRESS,
    ALLOW,
    NAME,
    PERCENT,
    TIME,
    VALUE,
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

JOURNEY_STAGES = ("attention", "interest", "desire", "memory", "action")
BASES = ("opt_in", "card", "customer", "published", "request")
STEPS = said(ref("steps"), "Steps nested here; after the last one the journey goes on after this step.")
CONDITION = ref("condition")
_ADDRESS = "Mail address of one of our people."


def target(description: str) -> Schema:
    """Return where a journey goes on."""
    return said(ref("target"), description, "continue", {"exit": "done"})


def definitions() -> dict[str, Schema]:
    """Return the definitions of steps and of what they share."""
    wait_for = {
        "for": span("How long.", "1 day"),
        "at": text("Time of day in the lead's zone.", "09:00", pattern=TIME),
        "until": text("A moment.", "monday 09:00", "2027-04-01", "run.seminar.starts_at - 1 day"),
        "if_past": target("What if the moment is past already; without it the next step."),
    }
    leave = {
        "exit": text("Outcome of the journey.", "done", pattern=NAME),
        "notify": text("Who is told.", "manager@acme.example", pattern=ADDRESS),
    }
    return {
        "steps": {"type": "array", "items": ref("step"), "minItems": 1},
        "exit": fields("`exit`", leave, ["exit"]),
        "target": {"oneOf": [{"type": "string"}, ref("exit"), ref("steps")]},
        "wait": {"oneOf": [span("A length of time.", "3 business days"), fields("`wait`", wait_for)]},
        "branch": branch(since=False),
        "step": {"oneOf": [_step(kind, *one) for kind, one in _kinds().items()]},
    }


def branch(since: bool) -> Schema:
    """Return a branch of `await`, or of `bypass`."""
    settings = {
        **matching(),
        "stage": one_or_list({"type": "string"}, "The stage the lead moves to."),
        "when": said(CONDITION, "A condition on the lead; looked at again when the lead changes."),
        "go": target("The step to go to."),
        "then": STEPS,
    }
    if since:
        settings["since"] = text("Look back to the entry, or to a step.", "entry")
    return fields("a branch", settings, more=True)


def _step(kind: str, settings: dict[str, Schema], needs_id: bool) -> Schema:
    common = {
        "id": text("Unique in the scenario; never change it while people are on their way.", pattern=NAME),
        "title": text("Words for pictures and reports."),
        "journey_stage": choice("Where the reader stands (AIDMA).", *JOURNEY_STAGES),
        "allow": ALLOW,
    }
    return fields(f"a `{kind}` step", {**common, **settings}, ["id", kind] if needs_id else [kind])


def _kinds() -> dict[str, tuple[dict[str, Schema], bool]]:
    """Return kind -> its settings beside `id` and the like, and whether it needs an id."""
    then = {"then": STEPS, "else": STEPS}
    timeout = {"oneOf": [{"const": "never"}, ref("wait")]}
    case = fields(
        "a case of `switch`", {"when": said(CONDITION, "The condition."), "then": STEPS}, ["when", "then"]
    )
    return {
        "send": ({"send": _send()}, True),
        "wait": (
            {"wait": said(ref("wait"), "Wait for a time, or until a moment.", "3 business days")},
            False,
        ),
        "await": (
            {
                "await": listed(branch(since=True), "Wait for the first of these."),
                "timeout": said(timeout, "How long at most, or `never`.", "5 days"),
                "on_timeout": target("Where to go then."),
            },
            True,
        ),
        "if": ({"if": said(CONDITION, "One condition, two ways."), **then}, False),
        "switch": ({"switch": listed(case, "The first case that is true."), "else": STEPS}, False),
        "experiment": ({"experiment": _experiment()}, True),
        "score": ({"score": _score()}, False),
        "set": ({"set": keyed(VALUE, "Fields of the lead and their values.")}, False),
        "tag": ({"tag": one_or_list({"type": "string"}, "Tags to put on.")}, False),
        "untag": ({"untag": one_or_list({"type": "string"}, "Tags to take off.")}, False),
        "stage": ({"stage": text("Move the lead to this stage; obeys the transitions.", "mql")}, False),
        "subscribe": (
            {
                "subscribe": _body(
                    "subscribe", {"topic": _topic(), "basis": choice("Why it may be mailed.", *BASES)}, 2
                )
            },
            False,
        ),
        "unsubscribe": (
            {"unsubscribe": _body("unsubscribe", {"topic": text("A topic, or `all`.", "nurture")}, 1)},
            False,
        ),
        "suppress": ({"suppress": _suppress()}, False),
        "record": (
            {"record": _record()},
            False,
        ),
        "enrol": (
            {"enrol": _body("enrol", {"scenario": text("It has `{manual: true}` among its entries.")}, 1)},
            False,
        ),
        "stream": ({"stream": _stream()}, True),
        "hand_off": ({"hand_off": _hand_off()}, True),
        "recycle": ({"recycle": _recycle()}, True),
        "task": ({"task": _task()}, True),
        "notify": (
            {
                "notify": _body(
                    "notify",
                    {
                        "to": text("`owner`, `slack` or an address."),
                        "template": text("A template.", "notify/hot"),
                    },
                    2,
                )
            },
            False,
        ),
        "webhook": (
            {
                "webhook": _body(
                    "webhook",
                    {"to": text("A declared webhook."), "on_fail": target("After the last attempt.")},
                    1,
                )
            },
            True,
        ),
        "repeat": ({"repeat": _repeat()}, False),
        "go": ({"go": text("The step to go to.")}, False),
        "exit": (
            {
                "exit": said(
                    {"oneOf": [{"type": "string"}, ref("exit")]}, "End of the journey, with its outcome."
                ),
                "notify": text(_ADDRESS, pattern=ADDRESS),
            },
            False,
        ),
    }


def _body(kind: str, settings: dict[str, Schema], required: int) -> Schema:
    """Return the map of a step; the first settings are required."""
    shape = fields(f"a `{kind}` step", settings, list(settings)[:required])
    return said(shape, f"The settings of `{kind}`.")


def _topic() -> Schema:
    return text("Why the mail may be sent; the scenario's topic if not written.", "service")


def _send() -> Schema:
    settings = {
        "template": text("The template, without language and ending.", "whitepaper/thanks"),
        "stream": text("Instead of a template: the next item of this stream."),
        "subject": text("Instead of the template's own subject; may use variables."),
        "topic": _topic(),
        "late": span("How long it may be held by caps and send window.", "12 hours"),
        "on_late": choice("What then: send it all the same, or skip it.", "send", "skip"),
        "on_skip": target("Where to go when it was not sent."),
        "on_fail": target("Where to go when the address is wrong."),
    }
    return {**_body("send", settings, 0), "oneOf": [{"required": ["template"]}, {"required": ["stream"]}]}


def _experiment() -> Schema:
    arm = {"share": text("Part of the draw.", "10 %", pattern=PERCENT), "steps": STEPS}
    rest = {
        "after": span("When the winner is taken.", "4 hours"),
        "min_sends": number("Fewer draws than this: `tie` is taken.", 0),
        "tie": text("The arm for a draw without a winner."),
    }
    settings = {
        "metric": said(CONDITION, "What an arm is judged by.", {"did": "email_clicked", "within": "4 hours"}),
        "variants": keyed(fields("the arm `…`", arm, ["steps"]), "The arms."),
        "draw": choice("Drawn once per lead, or at every run.", "lead", "run"),
        "control": text("Part that gets nothing.", "10 %", pattern=PERCENT),
        "rest": said(fields("`rest`", rest, ["after", "tie"]), "Those not drawn take the arm that won."),
    }
    return _body("experiment", settings, 2)


def _score() -> Schema:
    settings = {
        "model": text("Score model."),
        "points": number("Points, negative ones too."),
        "reason": text("Why."),
    }
    return _body("score", settings, 2)


def _suppress() -> Schema:
    event = fields("an event of `lift_on`", matching(), ["event"], more=True)
    settings = {
        "topics": listed({"type": "string"}, "Topics that are not mailed any more."),
        "reason": text("A word for it.", "sunset", pattern=NAME),
        "lift_on": one_or_list({"oneOf": [{"type": "string"}, event]}, "Events that end it."),
    }
    return _body("suppress", settings, 2)


def _record() -> Schema:
    shape = fields("`record`", {"event": text("A declared event.")}, ["event"], more=True)
    return said(shape, "A fact about the lead, as an event.", {"event": "reactivated"})


def _stream() -> Schema:
    settings = {
        "of": text("The stream.", "tips"),
        "every": span("Time between two casts.", "2 weeks"),
        "topic": _topic(),
        "until": said(CONDITION, "Asked before every cast; true ends the stream."),
        "go": target("Where to go then."),
        "on_exhausted": target("Where to go when nothing is left."),
    }
    return _body("stream", settings, 2)


def _hand_off() -> Schema:
    settings = {
        "to": text("A queue, `owner` or `company_owner`.", "inside-sales"),
        "what": choice("The lead, or its whole company.", "lead", "company"),
        "else": text("The queue when `to` names nobody."),
        "accept_within": span("Time to accept it.", "4 business hours"),
        "escalate_to": text("Who is told when nobody accepts.", pattern=ADDRESS),
        "work_within": span("Time to win or lose it.", "30 days"),
        **{
            f"on_{end}": target(f"Where to go when it is {end}.")
            for end in ("rejected", "expired", "won", "lost")
        },
    }
    return _body("hand_off", settings, 1)


def _recycle() -> Schema:
    settings = {
        "until": text("The date that sales gave.", "run.entry.revisit_on"),
        "cooldown": keyed(span("No mail for so long."), "Lost reason, or `default` -> length."),
        "bypass": listed(ref("branch"), "What ends the cool-down early."),
        "score": keyed({"enum": ["reset", "keep"]}, "What becomes of the points of each model."),
        "max_cycles": number("How often at most.", 1, 1000),
        "on_max": target("Where to go after that."),
    }
    return _body("recycle", settings, 0)


def _task() -> Schema:
    retry = {
        "on": listed({"type": "string"}, "Outcomes after which it is given again."),
        "max": number("How often in all.", 2, 100),
        "every": span("Time between two tries.", "3 business hours"),
    }
    overdue = fields("`on_overdue`", {"notify": text(_ADDRESS, pattern=ADDRESS)}, ["notify"])
    settings = {
        "type": choice("What is to be done.", "call", "visit", "post", "other"),
        "to": text("`owner`, `last_owner`, a queue or an address.", "last_owner"),
        "due": span("Time to do it.", "15 business minutes"),
        "outcomes": listed({"type": "string", "pattern": NAME}, "How it may end."),
        "else": text("The queue when `to` names nobody."),
        "title": text("Words for whoever does it."),
        "asks": listed({"type": "string"}, "Fields of the lead that are asked for."),
        "asks_date": flag("Ask for a date too: `run.<step>.date`."),
        "retry": said(fields("`retry`", retry, ["on", "max", "every"]), "Give it again."),
        "on_overdue": said({"anyOf": [overdue, ref("target")]}, "What if nobody did it in time."),
    }
    shape = _body("task", settings, 4)
    return {
        **shape,
        "patternProperties": {"^on_(?!overdue$)[A-Za-z]": target("Where to go after this outcome.")},
    }


def _repeat() -> Schema:
    settings = {
        "max": number("How many rounds at most.", 1, 1000),
        "steps": STEPS,
        "while": said(CONDITION, "Asked before every round."),
    }
    return _body("repeat", settings, 2)
