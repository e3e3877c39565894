"""All texts of the compiler: code -> severity, message, hint.

The one place to translate. `{name}` is filled in by `Report.add`.
"""

from __future__ import annotations

from typing import Literal, NamedTuple


class Message(NamedTuple):
    """The text of one diagnostic code."""

    message: str
    hint: str = ""
    severity: Literal["error", "warning"] = "error"


def _warning(message: str, hint: str) -> Message:
    return Message(message, hint, "warning")


READING = {
    "SCN001": Message("the file has {size} bytes; the limit is {limit}", "split it into several scenarios"),
    "SCN002": Message("the file is not UTF-8 text", "save it as UTF-8 in your editor"),
    "SCN003": Message("this is not YAML: {problem}"),
    "SCN004": Message(
        "`{key}` is written twice in one place; the first is on line {line}", "keep one of them"
    ),
    "SCN005": Message("anchors (`&`) and aliases (`*`) are not allowed", "write the value out"),
    "SCN006": Message("tags (`!`) are not allowed", "put quotes around a text that begins with `!`"),
    "SCN007": Message("a tab cannot indent a line", "use spaces:\n{fixed}"),
    "SCN008": Message("more than {limit} levels of lists and maps", "a scenario never needs that many"),
    "SCN009": Message("the character U+{point} is not allowed in a file", "delete it"),
    "SCN010": Message(
        "one file holds one document, without `%` directives and without a second `---`",
        "move the rest into another file",
    ),
    "SCN011": Message("the file is empty"),
    "SCN012": Message("a full-width colon `：` does not end a key", "write `: ` (colon and space):\n{fixed}"),
    "SCN013": Message("an ideographic space is not a space in YAML", "use ordinary spaces:\n{fixed}"),
    "SCN014": Message("YAML cuts or refuses this condition: {why}", "put it in quotes:\n{fixed}"),
    "SCN015": Message("a key must be a single text", "write `key: value`"),
    "SCN016": Message("{what} does not exist", "{fix}"),
    "SCN017": Message("this file would be ignored: {why}", "{fix}"),
    "SCN018": Message("more than {limit} problems in this file; the rest is not shown", "solve these first"),
}

SHAPE = {
    "SCN101": Message("{where} has no setting `{key}`", "{suggestion}"),
    "SCN102": Message("{what} must be {wanted}, not {found}"),
    "SCN103": Message("{where} needs `{key}`", "{example}"),
    "SCN104": Message("{what} cannot be `{value}`", "write one of: {allowed}"),
    "SCN105": Message("{what} must be a whole number{limits}, not `{value}`", "{fix}"),
    "SCN106": Message("{what} must be true or false, not `{value}`", "only `true` and `false` are booleans"),
    "SCN107": Message("{what}: {problem}"),
    "SCN109": Message("`{name}` cannot be the name of {what}", "{fix}"),
    "SCN110": Message("not supported yet: {what}", "{fix}"),
    "SCN111": Message("{what} must be one mail address, not `{value}`", "for example `sato@acme.example`"),
    "SCN112": Message("{problem}", "{fix}"),
    "SCN113": Message("{what} is empty", "write a value, or leave the setting out"),
}

NAMES = {
    "SCN201": Message("unknown {kind} `{name}`", "{suggestion}"),
    "SCN202": Message(
        "the {kind} `{name}` is declared twice; the first is on line {line}", "give one of them another name"
    ),
    "SCN203": Message("`{name}` is a built-in {kind}", "use it as it is, or choose another name"),
    "SCN204": Message(
        "two entry events have a property `{name}` of different types ({types})",
        "`run.entry.{name}` would be ambiguous: rename one property",
    ),
}

CONDITIONS = {
    "SCN301": Message("the condition does not compile: {problem}", "{fix}"),
    "SCN302": Message("unknown name `{name}` in a condition", "{suggestion}"),
    "SCN303": Message('`{fact}` is never "{value}"', "{suggestion}"),
    "SCN304": Message(
        "`now` cannot stand in a condition that waits",
        "it is looked at when the lead changes, not as time passes: use `wait` or `timeout`",
    ),
    "SCN305": Message("a condition has no `{word}`", "write `{instead}`"),
    "SCN306": Message("a condition has no `null`", "ask with `known(lead.field)` or `!known(lead.field)`"),
    "SCN307": Message("`{written}` is not a duration of a condition", "write `{instead}`"),
    "SCN308": Message(
        "a waiting condition may compare `{fact}` only with a number or a band",
        'for example `{fact} >= 30` or `{band} == "hot"`',
    ),
}

FLOW = {
    "SCN401": Message(
        "the step id `{id}` is used twice; the first is on line {line}",
        "ids are unique in a scenario, nested lists included",
    ),
    "SCN402": Message("there is no step `{id}`", "{suggestion}"),
    "SCN403": Message("an `await` needs a `timeout`", "write `timeout: 5 days`, or `timeout: never`"),
    "SCN404": Message("nothing leads to this step", "{fix}"),
    "SCN405": Message(
        "a loop without a wait in it: {path}", "put a `wait` or an `await` into it; a `send` does not wait"
    ),
    "SCN406": Message("`of` must name a `send` or `stream` step; `{id}` is a `{kind}`"),
    "SCN407": Message("the scenario `{name}` is already in {path}", "give one of them another name"),
    "SCN408": Message(
        "the scenario `{other}` recycles the same lost deals",
        "a loss is recycled once: narrow one entry, for example with `reason: timing`",
    ),
    "SCN409": Message("a `{kind}` step needs an `id`", "write `- id: some-name` above it"),
    "SCN410": Message("this branch goes nowhere", "add `go: STEP` or `then: [steps]`"),
    "SCN411": Message("{problem}", "{fix}"),
}

TEMPLATES = {
    "SCN451": Message("the template `{name}` does not exist in `{locale}`", "{fix}"),
    "SCN452": Message("front matter: {problem}", "{fix}"),
    "SCN453": Message("`{name}` is not in scope in a template", "{suggestion}"),
    "SCN454": Message("the template does not compile: {problem}"),
    "SCN455": Message("there is no template {kind} `{name}`", "{suggestion}"),
    "SCN456": Message("the layout `{name}` does not exist in `{locale}`", "{fix}"),
}

LINTS = {
    "SCN501": _warning(
        "nobody has to accept this hand-off by any time", "add `accept_within: 4 business hours`"
    ),
    "SCN502": _warning(
        "a recycle without a cool-down starts mailing at once", "add `cooldown: {{default: 60 days}}`"
    ),
    "SCN503": _warning(
        "all outcomes of this await continue at the same step", "use `wait`, or let a branch go elsewhere"
    ),
    "SCN504": _warning(
        "{number} is the limit of the band `{band}` of `{model}`",
        "write `lead.band.{model}`, which changes with the limit and keeps its hysteresis",
    ),
    "SCN505": _warning(
        "`{event}` already gives points in `{model}` by the rule `{rule}`",
        "the same behaviour counts twice: drop the step or the rule",
    ),
    "SCN506": _warning("nothing leads to this exit", "remove it"),
}

MESSAGES: dict[str, Message] = {
    **READING,
    **SHAPE,
    **NAMES,
    **CONDITIONS,
    **FLOW,
    **TEMPLATES,
    **LINTS,
}
