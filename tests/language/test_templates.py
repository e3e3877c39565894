"""Templates: names in scope, filters, front matter and layouts."""

from __future__ import annotations

from pathlib import Path

import pytest

from leadloop.delivery.sandbox import TemplateEnvironment
from leadloop.delivery.scope import template_context
from leadloop.language.templates import FILTERS, template_scope
from leadloop.language.vocabulary import Vocabulary
from tests.language.workspaces import LAYOUT, MAIL, compiled

THANKS = "templates/mail/thanks.ja.md"
LAYOUT_PATH = "templates/layouts/default.ja.html.j2"


@pytest.mark.parametrize(
    "body",
    [
        "{{ lead.family_name | default('お客様') }} {{ lead.tags | join('、') }}",
        "{{ lead.company.name }} {{ company.domain }} {{ lead['job_title'] }} {{ lead.score.engagement }}",
        "{{ sender.name }} {{ unsubscribe_url }} {{ message.id }} {{ locale }} {{ run.entry.form }}",
        "{% for tag in lead.tags %}{{ loop.index }} {{ tag }}{% endfor %}{% set x = 1 %}{{ x }}",
        "{% if lead.employees > 100 %}大企業{% endif %}{{ lead.owner.upper() }}",
        "{% macro hello(who) %}{{ who.anything }}{% endmacro %}{{ hello(lead) }}",
        "{% raw %}{{ nothing }}{% endraw %}{# {{ nothing }} #}",
        "{% for n in range(3) %}{{ n }}{% endfor %}",
    ],
)
def test_names_in_scope_compile(tmp_path: Path, body: str) -> None:
    assert compiled(tmp_path, {THANKS: MAIL + body}).errors == []


@pytest.mark.parametrize(
    ("body", "code", "column", "words"),
    [
        ("{{ nmae }}", "SCN453", 4, ""),
        ("{{ leed.email }}", "SCN453", 4, "did you mean `lead`?"),
        ("こんにちは {{ lead.family_nmae }}様", "SCN453", 15, "did you mean `family_name`?"),
        ("{{ lead['nmae'] }}", "SCN453", 10, ""),
        ("{{ lead.company.nmae }}", "SCN453", 17, "did you mean `name`?"),
        ("{{ run.entry.forn }}", "SCN453", 14, "did you mean `form`?"),
        ("{{ sender.adress }}", "SCN453", 11, "did you mean `address`?"),
        ("{{ content }}", "SCN453", 4, ""),
        ("{% for a in lead.list %}{{ a }}{% endfor %}", "SCN453", 18, ""),
        ("{% for a in lead.tags %}{{ b }}{% endfor %}", "SCN453", 28, ""),
        ("{{ lead | adressee }}", "SCN455", 11, "did you mean `addressee`?"),
        ("{{ lead | attr('x') }}", "SCN455", 11, ""),
        ("{% if lead is kown %}{% endif %}", "SCN455", 15, ""),
        ("{% include 'x' %}", "SCN454", 1, ""),
        ("{% extends 'x' %}", "SCN454", 1, ""),
        ("{% from 'x' import y %}", "SCN454", 1, ""),
        ("{{ lead.", "SCN454", 1, ""),
        ("{% if %}", "SCN454", 1, ""),
        ("{% unknown %}", "SCN454", 1, ""),
    ],
)
def test_mistakes_are_found_at_their_place(
    tmp_path: Path, body: str, code: str, column: int, words: str
) -> None:
    found = [one for one in compiled(tmp_path, {THANKS: MAIL + body}).diagnostics if one.code == code]
    assert [(one.path, one.line, one.column) for one in found] == [(THANKS, 6, column)]
    assert words in found[0].hint


def test_deep_nesting_is_refused(tmp_path: Path) -> None:
    found = compiled(tmp_path, {THANKS: MAIL + "{{ " + "(" * 5000}).diagnostics
    assert [one.code for one in found] == ["SCN454"]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("no front matter", 1, "---"),
        ("---\nsubject: a\n", 1, "closed"),
        ("---\nsubject: a\nwhat\n---\n", 3, "name: value"),
        ("---\npreheader: a\n---\n", 1, "subject"),
        ("---\nsubject: a\nsubjct: b\n---\n", 3, "subject"),
    ],
)
def test_front_matter_is_checked(tmp_path: Path, text: str, line: int, words: str) -> None:
    found = compiled(tmp_path, {THANKS: text}).diagnostics
    assert [(one.code, one.line) for one in found] == [("SCN452", line)]
    assert words in found[0].render()


def test_subject_is_a_template_too(tmp_path: Path) -> None:
    found = compiled(tmp_path, {THANKS: "---\nsubject: '{{ lead.nmae }}'\n---\n"}).diagnostics
    assert [(one.code, one.line, one.column) for one in found] == [("SCN453", 2, 19)]


def test_template_is_needed_in_the_language_of_the_workspace(tmp_path: Path) -> None:
    found = compiled(tmp_path, {THANKS: None, "templates/mail/thanks.en.md": MAIL}).errors
    assert {one.code for one in found} == {"SCN451", "SCN456"}


def test_other_languages_are_checked_as_well(tmp_path: Path) -> None:
    files = {
        "templates/mail/case.en.md": "---\nsubject: x\n---\n{{ nmae }}",
        "templates/layouts/default.html.j2": LAYOUT,
    }
    assert [one.path for one in compiled(tmp_path, files).errors] == ["templates/mail/case.en.md"]


def test_layout_sees_the_content(tmp_path: Path) -> None:
    layout = "{{ content }} {{ subject }} {{ preheader }} {{ sender.postal_address }}\n{{ contnet }}"
    found = compiled(tmp_path, {LAYOUT_PATH: layout}).errors
    assert [(one.code, one.line, one.column) for one in found] == [("SCN453", 2, 4)]


def test_html_template_counts_as_well(tmp_path: Path) -> None:
    files = {
        THANKS: None,
        "templates/mail/thanks.ja.html.j2": "---\nsubject: x\n---\n<p>{{ lead.email }}</p>",
    }
    assert compiled(tmp_path, files).diagnostics == []


def test_names_are_those_of_the_renderer(tmp_path: Path) -> None:
    publication = compiled(tmp_path).require()
    vocabulary = Vocabulary(publication.workspace, models=tuple(publication.scoring.models))
    context = template_context(publication.workspace, lead={}, models=publication.scoring.models)
    scope = template_scope(vocabulary)
    assert set(scope.names) - {"locale"} == set(context)
    for name, known in scope.names.items():
        assert known is None or known == set(context[name])
    assert scope.deeper["lead.company"] == set(context["lead"]["company"])
    assert scope.deeper["lead.score"] == set(context["lead"]["score"])
    assert scope.deeper["run.entry"] == set(context["run"]["entry"])


def test_filters_are_those_of_the_renderer() -> None:
    assert set(TemplateEnvironment(autoescape=False).filters) == FILTERS
