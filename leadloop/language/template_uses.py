"""Templates with the scenarios that send them: names in scope, what the law wants shown, empty fields."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from jinja2 import nodes

from leadloop.language.allowing import UNUSED
from leadloop.language.diagnostics import Report
from leadloop.language.lints.empty_fields import empty_fields, may_be_empty
from leadloop.language.lints_workspace import is_advertising
from leadloop.language.messages import LINTS
from leadloop.language.plan import Stream
from leadloop.language.scenario import Compiled
from leadloop.language.sources import Place, Source
from leadloop.language.suggest import Suggestion
from leadloop.language.template_store import LAYOUTS, TemplateStore, locale_of
from leadloop.language.templates import line_of_key, parse, path_of, template_scope
from leadloop.language.vocabulary import Vocabulary
from leadloop.templating import split_front_matter

SHOWN = ("unsubscribe_url", "sender.name", "sender.postal_address")
"""What every advertising mail shows: 特定電子メール法 4条, with its 施行規則."""
_ALLOWED = re.compile(r"\b(SCN\d{3})\s*:\s*[^\s,}]")


@dataclass
class _Mail:
    """One template file, taken apart."""

    source: Source
    locale: str
    values: dict[str, str]
    body: str
    allowed: dict[str, Place] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    def texts(self) -> Iterator[tuple[str, int]]:
        """Yield each Jinja2 text with the line of the file that it begins on."""
        for key in ("subject", "preheader"):
            if key in self.values:
                yield self.values[key], line_of_key(self.source, key)
        yield self.body, 1

    def place(self, line: int, name: str) -> Place:
        found = re.search(rf"(?<!\w){re.escape(name)}(?!\w)", self.source.line(line))
        return Place(self.source, line, found.start() + 1 if found else 1, len(name) if found else 1)


def check_template_uses(
    report: Report,
    store: TemplateStore,
    scenarios: list[Compiled],
    streams: dict[str, Stream],
    vocabulary: Vocabulary,
    complete: bool = True,
) -> None:
    """Check each template as the scenarios use it, and report the lints of all templates.

    Not `complete`: there are scenarios that were not read.
    """
    mails = {path: mail for path, source in store.files.items() if (mail := _mail(report, path, source))}
    for one in scenarios:
        scope = template_scope(vocabulary, one.building.scope.facts)
        for name in sorted(templates_of(one, streams)):
            for mail in _versions(store, mails, name):
                _check_names(report, mail, one.name, scope.names["run"] or frozenset(), scope.deeper)
    _lint_shown(report, store, mails, scenarios, streams, vocabulary)
    suspects = may_be_empty(vocabulary)
    for mail in mails.values():
        for text, first_line in mail.texts():
            for name, line in empty_fields(text, suspects):
                place = mail.place(first_line + line - 1, name)
                _lint(report, mail, "SCN511", place, name=name)
    if complete and not any(one.severity == "error" for one in report.diagnostics):
        _report_unused(report, mails.values())


def _mail(report: Report, path: str, source: Source) -> _Mail | None:
    locale = locale_of(path)
    if path.startswith(LAYOUTS) or locale is None:
        return None
    try:
        values, body = split_front_matter(source.text)
    except ValueError:
        return None  # told when the file was read
    mail = _Mail(source, locale, values, body)
    if "allow" in values:
        line = line_of_key(source, "allow")
        codes = _ALLOWED.findall(values["allow"])
        if not codes:
            report.add(
                "SCN452",
                Place(source, line),
                problem="`allow` names no lint with a reason",
                fix="write `allow: {SCN511: reason}`",
            )
        for code in codes:
            if code in LINTS:
                mail.allowed[code] = mail.place(line, code)
            else:
                near = Suggestion(code, LINTS)
                report.add("SCN201", mail.place(line, code), kind="lint", name=code, suggestion=near)
    return mail


def templates_of(one: Compiled, streams: dict[str, Stream]) -> set[str]:
    """Return the templates that a scenario sends, by itself or from a stream."""
    names = set()
    for use in one.building.mails:
        if use.template is not None:
            names.add(use.template)
        if use.stream in streams:
            names |= {item.template for item in streams[use.stream].items}
    return names


def _versions(store: TemplateStore, mails: dict[str, _Mail], name: str) -> list[_Mail]:
    paths = [one.path.removeprefix("templates/") for one in store.versions(name).values()]
    return [mails[path] for path in paths if path in mails]


def _check_names(
    report: Report, mail: _Mail, scenario: str, run: frozenset[str], deeper: dict[str, frozenset[str]]
) -> None:
    """Report names below `run` that this scenario's journeys do not have."""
    for text, first_line in mail.texts():
        tree = parse(text) if "run" in text else None
        for node in tree.find_all((nodes.Getattr, nodes.Getitem)) if tree is not None else ():
            path = path_of(node)
            if path is None or path[0] != "run" or not 2 <= len(path) <= 3:
                continue
            name = ".".join(path)
            owner = ".".join(path[:-1])
            known = run if len(path) == 2 else deeper.get(owner)
            if known is None or path[-1] in known:
                continue
            place = mail.place(first_line + node.lineno - 1, name)
            if _is_told(report, place):
                continue
            near = Suggestion(name, [f"{owner}.{one}" for one in known])
            report.add("SCN457", place, name=name, scenario=scenario, suggestion=near)


def _is_told(report: Report, place: Place) -> bool:
    """Return whether a name is unknown everywhere, not only in one scenario."""
    return any(
        one.code == "SCN453" and one.path == place.source.path and one.line == place.line
        for one in report.diagnostics
    )


def _lint_shown(
    report: Report,
    store: TemplateStore,
    mails: dict[str, _Mail],
    scenarios: list[Compiled],
    streams: dict[str, Stream],
    vocabulary: Vocabulary,
) -> None:
    """Report layouts of advertising mail that leave out what the law wants shown; each thing once."""
    told: set[tuple[str, str]] = set()
    for one, topic, name in _advertising(scenarios, streams, vocabulary):
        for mail in _versions(store, mails, name):
            layout = store.layout(mail.values.get("layout", "default"), mail.locale)
            for missing in SHOWN if layout is not None else ():
                if layout is None or missing in layout.text or missing in mail.body:
                    continue
                if "SCN510" in mail.allowed:
                    mail.used.add("SCN510")
                elif (layout.path, missing) not in told:
                    told.add((layout.path, missing))
                    values = {"topic": topic, "scenario": one.name, "missing": missing}
                    report.add("SCN510", Place(layout), **values)


def _advertising(
    scenarios: list[Compiled], streams: dict[str, Stream], vocabulary: Vocabulary
) -> Iterator[tuple[Compiled, str, str]]:
    """Yield (scenario, topic, template) of each mail that is advertising."""
    topics = vocabulary.workspace.topics
    for one in scenarios:
        for use in one.building.mails:
            if use.topic not in topics or not is_advertising(topics[use.topic]):
                continue
            if use.template is not None:
                yield one, use.topic, use.template
            for item in streams[use.stream].items if use.stream in streams else ():
                yield one, use.topic, item.template


def _lint(report: Report, mail: _Mail, code: str, place: Place, **values: object) -> None:
    if code in mail.allowed:
        mail.used.add(code)
    else:
        report.add(code, place, "", **values)


def _report_unused(report: Report, mails: Iterable[_Mail]) -> None:
    for mail in mails:
        for code in mail.allowed.keys() - mail.used:
            report.add(UNUSED, mail.allowed[code], lint=code)
