"""What the child process does with one request: templates and plain data in, a mail's parts out.

Order: Jinja2 on the Markdown source (values as marks), Markdown to HTML, the layout around it,
styles into elements, links collected and replaced by placeholders, the text part from the result.
Markdown is CommonMark with tables and without HTML; a line break in the source is one in the mail.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

import css_inline
import lxml.html
from inscriptis.css_profiles import CSS_PROFILES
from inscriptis.html_engine import Inscriptis
from inscriptis.model.config import ParserConfig
from jinja2 import Template, TemplateSyntaxError, UndefinedError
from jinja2.exceptions import SecurityError
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from leadloop.delivery.sandbox import MAX_TEXT, NotPlainDataError, TemplateEnvironment, plain
from leadloop.delivery.values import Values, encodable

_KEPT_TEMPLATES = 200
_MAX_HTML = 1_000_000
_SCHEMES = frozenset({"http", "https", "mailto", "tel"})
_QUOTED = re.compile(r"'([^']*)'")
_TEXT_CONFIG = ParserConfig(css=CSS_PROFILES["strict"].copy())


class TemplateFailure(Exception):
    """A template that can't be rendered. The message holds names of the template, no values."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


def render_mail(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return `subject preheader html text links`; see `Renderer.render` for the request.

    Raises `TemplateFailure`.
    """
    try:
        data = plain(encodable(request["context"]))
    except NotPlainDataError as error:
        raise TemplateFailure("bad_context", str(error)) from None
    data["locale"] = request["locale"]
    name: str = request["name"]
    subject = _line(_printed(request["subject"], data, f"{name} (subject)"))
    if not subject:
        raise TemplateFailure("no_subject", f"{name}: the subject is empty")
    preheader = _line(_printed(request["preheader"], data, f"{name} (preheader)"))
    values = Values()
    content = _body(request, data, values)
    page = {**data, "content": Markup(content), "subject": subject, "preheader": preheader}  # noqa: S704
    document = _rendered(request["layout"], page, request["layout_name"], autoescape=True)
    if len(document) > _MAX_HTML:
        raise TemplateFailure("too_big", f"{name}: the HTML part is too long")
    return {"subject": subject, "preheader": preheader, **_parts(document, request, values)}


def _body(request: Mapping[str, Any], data: Mapping[str, Any], values: Values) -> str:
    if not request["markdown"]:
        return _rendered(request["body"], data, request["name"], autoescape=True)
    source = _rendered(request["body"], data, request["name"], autoescape=False, values=values)
    if len(source) > MAX_TEXT:
        raise TemplateFailure("too_big", f"{request['name']}: the Markdown is too long")
    tokens = _MARKDOWN.parse(source)
    for token in _inline(tokens):
        for attribute in ("href", "src"):
            if attribute in token.attrs:
                token.attrs[attribute] = values.in_address(str(token.attrs[attribute]))
    return str(_MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {}))


def _inline(tokens: Iterable[Token]) -> Iterable[Token]:
    for token in tokens:
        yield token
        if token.children:
            yield from _inline(token.children)


def _parts(document: str, request: Mapping[str, Any], values: Values) -> dict[str, Any]:
    """Inline the styles, replace the tracked links, and make the text part."""
    inlined = _INLINER.inline(document)
    root = lxml.html.document_fromstring(inlined)
    untracked, nonce = set(request["untracked"]), request["nonce"]
    links: list[dict[str, str]] = []
    for anchor in root.iter("a"):
        address = anchor.get("href")
        if address is None or address.startswith("#"):
            continue
        if not _is_allowed(address):
            raise TemplateFailure("bad_link", f"{request['name']}: a link is not http, https, mailto or tel")
        if address in untracked or urlsplit(address).scheme not in ("http", "https"):
            continue
        label = anchor.get("title") or values.removed(str(anchor.text_content()))
        links.append({"url": address, "name": _line(values.removed(label))[:80]})
        anchor.set("href", f"https://l{len(links) - 1}.{nonce}.invalid/")
    page = lxml.html.tostring(root, encoding="unicode", doctype="<!DOCTYPE html>")
    return {"html": values.in_html(page), "text": _text(root, values), "links": links}


def _text(root: lxml.html.HtmlElement, values: Values) -> str:
    """Return the text part: each link's address follows its words in angle brackets."""
    for anchor in root.iter("a"):
        address = anchor.get("href")
        words = str(anchor.text_content()).strip()
        if not address or address.startswith("#") or address.removeprefix("mailto:") == words:
            continue
        anchor.append(lxml.html.fromstring("<span></span>"))
        anchor[-1].text = f" <{address}>" if words and words != address else f"<{address}>"
    lines = [line.rstrip() for line in Inscriptis(root, _TEXT_CONFIG).get_text().splitlines()]
    return values.in_text(re.sub(r"\n{3,}", "\n\n", "\n".join(lines))).strip() + "\n"


def _is_allowed(address: str) -> bool:
    try:
        return urlsplit(address).scheme in _SCHEMES
    except ValueError:
        return False


def _printed(source: str, data: Mapping[str, Any], name: str) -> str:
    return _rendered(source, data, name, autoescape=False)


def _rendered(
    source: str, data: Mapping[str, Any], name: str, *, autoescape: bool, values: Values | None = None
) -> str:
    try:
        template = _compiled(source, autoescape, values is not None)
        if values is not None:
            _MARKING.values = values
        return template.render(data)
    except TemplateSyntaxError as error:
        raise TemplateFailure("syntax", f"{name}:{error.lineno}: {error.message}") from None
    except SecurityError as error:
        raise TemplateFailure(
            "unsafe", f"{name}{_line_of(error)}: {_named('not allowed in a template', error, source)}"
        ) from None
    except UndefinedError as error:
        raise TemplateFailure(
            "undefined", f"{name}{_line_of(error)}: {_named('no such name', error, source)}"
        ) from None
    except (MemoryError, RecursionError):
        raise
    except Exception as error:  # whatever a filter raises; its text may hold a lead's values
        raise TemplateFailure("error", f"{name}{_line_of(error)}: {type(error).__name__}") from None


def _named(problem: str, error: Exception, source: str) -> str:
    """Return the problem with the names it is about, as far as they are the author's own words."""
    names = [word for word in _QUOTED.findall(str(error)) if word in source]
    return f"{problem}: {', '.join(names)}" if names else problem


def _line_of(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == "<template>"]
    return f":{lines[-1]}" if lines else ""


def _line(text: str) -> str:
    """Return text as one line without control characters, fit for a header."""
    return " ".join("".join(c if c.isprintable() or c.isspace() else " " for c in text).split())


class _Marking:
    """Gives the shared Markdown environment the values of the rendering in progress."""

    values: Values

    def __call__(self, value: Any) -> Any:
        return self.values.mark(value)


def _compiled(source: str, autoescape: bool, marking: bool) -> Template:
    key = (source, autoescape, marking)
    if key not in _COMPILED:
        if len(_COMPILED) >= _KEPT_TEMPLATES:
            _COMPILED.clear()
        environment = _MARKED if marking else _ESCAPED if autoescape else _PLAIN
        _COMPILED[key] = environment.from_string(source)
    return _COMPILED[key]


_MARKING = _Marking()
_MARKED = TemplateEnvironment(autoescape=False, finalize=_MARKING)
_ESCAPED = TemplateEnvironment(autoescape=True)
_PLAIN = TemplateEnvironment(autoescape=False)
_COMPILED: dict[tuple[str, bool, bool], Template] = {}
_MARKDOWN = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable("table")
_INLINER = css_inline.CSSInliner(load_remote_stylesheets=False, keep_at_rules=True)
