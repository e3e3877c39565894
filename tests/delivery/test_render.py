"""Templates against hostile authors, hostile leads and mistakes (faults J1 to J7)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from leadloop.delivery.render import Rendered, Renderer, RenderError, select_template

LAYOUT = "<html><head><style>p { color: red }</style></head><body>{{ content }}</body></html>"
ENDLESS = "{% for a in range(999) %}" * 3 + "x" + "{% endfor %}" * 3
LEAD: dict[str, Any] = {
    "family_name": "山田",
    "given_name": None,
    "company": {"name": "株式会社アクメ"},
    "tags": ["vip"],
    "employees": None,
    "industry": "it",
}


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    with Renderer() as one:
        yield one


def render(renderer: Renderer, body: str, lead: dict[str, Any] | None = None, **options: Any) -> Rendered:
    subject = options.pop("subject", "件名")
    templates = {
        "mail.ja.md": f"---\nsubject: {subject}\npreheader: 見出し\n---\n{body}\n",
        "layouts/default.ja.html.j2": options.pop("layout", LAYOUT),
    }
    context = {"lead": {**LEAD, **(lead or {})}, "unsubscribe_url": "https://acme.example/u/1"}
    return renderer.render(templates, "mail", ["ja"], context, **options)


def test_render_makes_html_and_text_with_inlined_styles(renderer: Renderer) -> None:
    mail = render(renderer, "# 見出し\n\n{{ lead | addressee }}\n\n[事例](https://acme.example/case?a=1&b=2)")
    assert mail.subject == "件名"
    assert '<p style="color: red;">株式会社アクメ 山田 様</p>' in mail.html
    assert 'href="https://acme.example/case?a=1&amp;b=2"' in mail.html
    assert "事例 <https://acme.example/case?a=1&b=2>" in mail.text
    assert "株式会社アクメ 山田 様" in mail.text


def test_render_replaces_tracked_links_in_both_parts_and_adds_the_pixel(renderer: Renderer) -> None:
    body = "[事例](https://acme.example/case) [停止]({{ unsubscribe_url }}) [返信](mailto:a@acme.example)"
    mail = render(renderer, body, untracked=["https://acme.example/u/1"])
    assert [(link.position, link.url, link.name) for link in mail.links] == [
        (0, "https://acme.example/case", "事例")
    ]
    html, text = mail.tracked(["https://t.example/c/x"], "https://t.example/o/y.gif")
    assert 'href="https://t.example/c/x"' in html
    assert "<https://t.example/c/x>" in text
    assert "acme.example/case" not in html + text
    assert 'href="https://acme.example/u/1"' in html
    assert 'href="mailto:a@acme.example"' in html
    assert html.count('src="https://t.example/o/y.gif"') == 1


def test_render_keeps_line_breaks_of_the_author(renderer: Renderer) -> None:
    assert "一行目<br>" in render(renderer, "一行目\n二行目").html.replace("\n", "").replace(" /", "")


@pytest.mark.parametrize(
    "name",
    [
        "{{7*7}}",
        "{% raw %}",
        "<script>alert(1)</script>",
        "[x](http://evil.example)",
        "![x](http://evil.example)",
        "**bold** `code` <http://evil.example>",
        "a\n\n# heading\n\n* item",
        '&lt;b&gt; &amp; "q"',
        "http://evil.example",
    ],
)
@pytest.mark.parametrize(
    "body",
    [
        "{{ lead.family_name }}様",
        "**{{ lead.family_name }}**",
        "`{{ lead.family_name }}`",
        "{% set n = lead.family_name ~ '様' %}{{ n }}",
        "[{{ lead.family_name }}](https://acme.example/)",
    ],
)
def test_render_keeps_values_of_a_lead_literal(renderer: Renderer, body: str, name: str) -> None:
    mail = render(renderer, body, {"family_name": name})
    assert " ".join(name.split()) in " ".join(mail.text.split())
    assert "<script" not in mail.html
    assert "<img" not in mail.html
    assert "<h1" not in mail.html
    assert 'href="http://evil.example' not in mail.html
    assert all(link.url == "https://acme.example/" for link in mail.links)


def test_render_escapes_values_in_layouts_too(renderer: Renderer) -> None:
    layout = "<html><body><b>{{ lead.family_name }}</b>{{ content }}</body></html>"
    assert "<script" not in render(renderer, "x", {"family_name": "<script>"}, layout=layout).html


def test_render_encodes_values_inside_addresses(renderer: Renderer) -> None:
    mail = render(
        renderer, "[x](https://acme.example/?n={{ lead.family_name }})", {"family_name": "a&b=/@c d"}
    )
    assert [link.url for link in mail.links] == ["https://acme.example/?n=a%26b%3D%2F%40c%20d"]


def test_render_keeps_values_out_of_link_names(renderer: Renderer) -> None:
    mail = render(renderer, "[{{ lead.family_name }}様の資料](https://acme.example/)")
    assert [link.name for link in mail.links] == ["様の資料"]


@pytest.mark.parametrize("value", ["javascript:alert(1)", "//evil.example", "data:text/html,x", "\\\\evil"])
def test_render_refuses_a_value_as_link_that_is_no_web_address(renderer: Renderer, value: str) -> None:
    with pytest.raises(RenderError) as caught:
        render(renderer, "[x]({{ lead.family_name }})", {"family_name": value})
    assert caught.value.code == "bad_link"


@pytest.mark.parametrize("value", ["A\r\nBcc: evil@evil.example", "a\u2028b", "a\x00b", "a\x85b"])
def test_render_makes_one_line_of_a_subject(renderer: Renderer, value: str) -> None:
    subject = render(renderer, "x", {"family_name": value}, subject="{{ lead.family_name }}").subject
    assert subject.isprintable()


def test_render_prints_empty_fields_as_nothing_and_lets_default_replace_them(renderer: Renderer) -> None:
    body = (
        "a{{ lead.given_name }}b{{ lead.given_name | default('X') }}"
        "c{{ lead.given_name | default('Y', true) }}"
        "{% if lead.given_name %}no{% endif %}{% if lead.employees > 5 %}no{% endif %}"
        "{% if lead.employees is defined %}no{% endif %}"
    )
    assert render(renderer, body).text.strip() == "abXcY"


def test_render_refuses_an_undeclared_name_with_file_and_line(renderer: Renderer) -> None:
    with pytest.raises(RenderError) as caught:
        render(renderer, "一行目\n\n{{ lead.nmae }}")
    assert caught.value.code == "undefined"
    assert caught.value.message.startswith("mail.ja.md:7:")
    assert "nmae" in caught.value.message


def test_render_error_holds_no_value_of_the_lead(renderer: Renderer) -> None:
    expressions = ("lead[lead.family_name]", "lead.family_name + 1", "lead.family_name | date", "lead.id / 0")
    for body in (f"{{{{ {expression} }}}}" for expression in expressions):
        with pytest.raises(RenderError) as caught:
            render(renderer, body, {"family_name": "Geheim"})
        assert "Geheim" not in str(caught.value)


@pytest.mark.parametrize(
    "body",
    [
        "{{ ''.__class__ }}",
        "{{ lead.__class__.__mro__ }}",
        "{{ lead['__class__'] }}",
        "{{ lead | attr('__class__') }}",
        "{{ lead.tags | map(attribute='__class__') | list }}",
        "{{ [lead] | sum(attribute='__class__') }}",
        "{{ [lead, lead] | sort(attribute='__class__') }}",
        "{{ '{0.__class__}'.format(lead) }}",
        "{{ '{x.__class__}'.format_map(lead) }}",
        "{{ ''['format'](lead) }}",
        "{{ '%s' % lead }}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ lipsum.__globals__ }}",
        "{{ joiner.__init__ }}",
        "{{ namespace.__init__ }}",
        "{{ range.__self__ }}",
        "{{ self.__init__ }}",
        "{{ self._TemplateReference__context }}",
        "{% for x in [1] %}{{ loop.__init__.__globals__ }}{% endfor %}",
        "{% macro m() %}{% endmacro %}{{ m.__init__ }}",
        "{{ lead.update({'a': 1}) }}",
        "{{ lead.pop('tags') }}",
        "{{ lead.tags.append(1) }}",
        "{{ lead.family_name | safe }}",
        "{{ lead.family_name | urlize }}",
        "{{ dict(a=1) }}",
        "{% include 'x' %}",
        "{% import 'x' as y %}",
        "{% extends 'x' %}",
        "{{ ().__class__.__base__.__subclasses__() }}",
        "{{ lead.family_name.encode() }}",
        "{{ 10 ** 100 }}",
        "{{ 1e308 * 10 }}",
        "{{ range(100000) | list }}",
    ],
)
def test_render_refuses_template_injection(renderer: Renderer, body: str) -> None:
    with pytest.raises(RenderError) as caught:
        render(renderer, body)
    assert caught.value.code in ("unsafe", "syntax", "undefined", "error")


@pytest.mark.parametrize(
    "value", [{1, 2}, b"bytes", object(), Renderer], ids=["set", "bytes", "object", "class"]
)
def test_render_takes_plain_data_only(renderer: Renderer, value: Any) -> None:
    with pytest.raises(RenderError) as caught:
        render(renderer, "x", {"family_name": value})
    assert caught.value.code == "bad_context"


@pytest.mark.skipif(os.name != "posix", reason="memory limits are POSIX")
@pytest.mark.parametrize(
    "bomb",
    [
        ENDLESS,
        "{{ 'a' * 500000000 }}",
        "{{ 'a' | center(500000000) }}",
        "{{ '{:>500000000}'.format('a') }}",
        "{% set x = 'a' * 1 %}{{ x }}",
        "{% macro m(x) %}{{ m(x ~ x) }}{% endmacro %}{{ m('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa') }}",
        "{% set x = 'abcdefgh' %}" + "{% set x = x ~ x %}" * 40 + "{{ x | length }}",
        "{{ 'a' | replace('', 'b' | replace('b', '"
        + "c" * 30_000
        + "')) | replace('c', '"
        + "d" * 30_000
        + "') }}",
    ],
    ids=["loop", "repeat", "center", "format", "star", "recursion", "doubling", "replace"],
)
def test_render_survives_bombs(renderer: Renderer, bomb: str) -> None:
    with pytest.raises(RenderError):
        render(renderer, bomb)
    assert render(renderer, "まだ動く").text.strip() == "まだ動く"


def test_render_kills_a_slow_template_and_goes_on() -> None:
    with Renderer(wall_seconds=0.3) as renderer:
        with pytest.raises(RenderError) as caught:
            render(renderer, ENDLESS)
        assert caught.value.code == "timeout"
    with Renderer() as renderer:
        assert render(renderer, "x").text.strip() == "x"


def test_render_restarts_a_killed_child(renderer: Renderer) -> None:
    render(renderer, "x")
    child = renderer._child
    assert child is not None
    child.kill()
    child.wait()
    assert render(renderer, "y").text.strip() == "y"


@pytest.mark.parametrize(
    ("templates", "code"),
    [
        ({}, "no_template"),
        ({"mail.ja.md": "---\nsubject: x\n---\n"}, "no_template"),
        ({"mail.ja.md": "no front matter", "layouts/default.ja.html.j2": LAYOUT}, "bad_template"),
        ({"mail.ja.md": "---\nsubjekt: x\n---\n", "layouts/default.ja.html.j2": LAYOUT}, "bad_template"),
        ({"mail.ja.md": "---\npreheader: x\n---\n", "layouts/default.ja.html.j2": LAYOUT}, "no_subject"),
        ({"mail.ja.md": "---\nsubject: x\n---\n{% if %}", "layouts/default.ja.html.j2": LAYOUT}, "syntax"),
    ],
)
def test_render_says_what_is_wrong_with_a_template(
    renderer: Renderer, templates: dict[str, str], code: str
) -> None:
    with pytest.raises(RenderError) as caught:
        renderer.render(templates, "mail", ["ja"], {})
    assert caught.value.code == code


def test_render_refuses_an_enormous_body(renderer: Renderer) -> None:
    with pytest.raises(RenderError) as caught:
        render(renderer, "あ" * 200_000)
    assert caught.value.code == "too_big"


def test_render_copes_with_many_links_emoji_and_lone_surrogates(renderer: Renderer) -> None:
    body = "\n\n".join(f"[{i}](https://acme.example/{i})" for i in range(200))
    assert len(render(renderer, body).links) == 200
    assert "🎉" in render(renderer, "🎉 {{ lead.family_name }}", {"family_name": "髙﨑"}).text
    assert render(renderer, "{{ lead.family_name }}", {"family_name": "\ud800"}).text.strip() == "\ufffd"


def test_render_takes_html_templates(renderer: Renderer) -> None:
    templates = {
        "mail.ja.html.j2": '---\nsubject: x\n---\n<p>{{ lead.name }}</p><a href="https://acme.example/">行く</a>',
        "layouts/default.ja.html.j2": LAYOUT,
    }
    mail = renderer.render(templates, "mail", ["ja"], {"lead": {"name": "<b>"}})
    assert "&lt;b&gt;" in mail.html
    assert [link.url for link in mail.links] == ["https://acme.example/"]


def test_select_template_prefers_the_leads_language() -> None:
    templates = {"a.ja.md": "", "a.en.md": "", "b.ja.md": ""}
    assert select_template(templates, "a", ["en-US", "ja"]) == ("a.en.md", "en")
    assert select_template(templates, "b", ["en-US", "ja"]) == ("b.ja.md", "ja")


def test_render_writes_days_and_moments_in_the_language_of_the_mail(renderer: Renderer) -> None:
    lead = {"employees": "2026-12-03T15:00:00+09:00", "given_name": None}
    body = "{{ lead.employees | date }}／{{ lead.employees | datetime }}／{{ lead.given_name | datetime }}"
    assert render(renderer, body, lead).text.strip() == "2026年12月3日／2026年12月3日（木）15:00／"
