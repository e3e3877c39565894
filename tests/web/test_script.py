"""The script for web pages in a real browser, on a site of another origin."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright
from sqlmodel import select

from leadloop.delivery.tokens import Tokens
from leadloop.embedded.processes import free_port
from leadloop.embedded.web_server import running_web
from leadloop.inbox.applier import apply_once
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Event, Lead
from leadloop.web.app import create_app

_ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
_PATIENCE = 30.0
PAGE = """<!doctype html><meta charset="utf-8"><title>アクメ</title>
<script>window.leadloop = window.leadloop || function () {{
  (leadloop.q = leadloop.q || []).push(arguments)
}}</script>
<script async src="{base}/t/js" {options}></script>
<form data-leadloop-form="contact" action="/thanks" method="get">
  <input name="email"><input name="family_name"><input type="password" name="secret">
  <input type="hidden" name="token" value="1"><button>送信</button>
</form>"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium: install the system's package `chromium`")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=program, args=_ARGUMENTS)
        yield opened
        opened.close()


class Site:
    """Somebody's web site: one page at every path."""

    def __init__(self, base: str) -> None:
        self.options = ""
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = PAGE.format(base=base, options=site.options).encode()
                self.send_response(200)
                self.send_header("content-type", "text/html; charset=utf-8")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Keep quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://localhost:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()


@pytest.fixture
def site(env: Environment) -> Iterator[Site]:
    """leadloop on one port, and a site that carries its script on another."""
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    found = Site(base)
    app = create_app(env, tokens=Tokens(env.keys), public_url=base, sites=[found.origin])
    with running_web(app, "127.0.0.1", port):
        yield found
    found.server.shutdown()
    found.server.server_close()


@contextmanager
def person(browser: Browser, init: str = "") -> Iterator[BrowserContext]:
    """A browser of somebody who was never here."""
    context = browser.new_context()
    if init:
        context.add_init_script(init)
    yield context
    context.close()


def events(env: Environment, event_type: str = "page_viewed") -> list[Event]:
    with env.database.read() as session:
        return list(session.exec(select(Event).where(Event.type == event_type)).all())


def eventually(look: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + _PATIENCE
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
    return found


def ready(page: Any) -> None:
    """Wait until the script has replaced its stub."""
    page.wait_for_function("window.leadloop && window.leadloop.name === 'command'")


def cookies(context: BrowserContext) -> set[str]:
    return {str(one["name"]) for one in context.cookies()}


def test_page_view_is_sent_when_the_page_is_left(env: Environment, site: Site, browser: Browser) -> None:
    with person(browser) as context:
        page = context.new_page()
        page.goto(f"{site.origin}/pricing?utm_source=x")
        ready(page)
        page.wait_for_timeout(1100)
        page.goto(f"{site.origin}/case")
        (view,) = eventually(lambda: events(env))
        assert view.properties["path"] == "/pricing"
        assert view.properties["seconds"] >= 1
        assert (view.lead_id, view.source) == (None, "tracking")
        assert cookies(context) == {"leadloop_visitor"}


def test_page_that_changes_without_loading_is_two_views(
    env: Environment, site: Site, browser: Browser
) -> None:
    with person(browser) as context:
        page = context.new_page()
        page.goto(f"{site.origin}/a")
        ready(page)
        page.evaluate("history.pushState({}, '', '/b')")
        page.goto("about:blank")
        eventually(lambda: len(events(env)) == 2)
    assert {row.properties["path"] for row in events(env)} == {"/a", "/b"}


def test_form_makes_the_visitor_a_lead(env: Environment, site: Site, browser: Browser) -> None:
    with person(browser) as context:
        page = context.new_page()
        page.goto(f"{site.origin}/pricing")
        ready(page)
        page.goto(f"{site.origin}/contact")
        ready(page)
        eventually(lambda: events(env))
        page.fill("[name=email]", "hanako@kaisha.example")
        page.fill("[name=family_name]", "佐藤")
        page.click("button")
        page.wait_for_url("**/thanks*")  # the site's own way of handling its form goes on
        (form,) = eventually(lambda: events(env, "form_submitted"))
    apply_once(env)
    with env.database.read() as session:
        lead = session.get_one(Lead, form.subject_id)
    assert (lead.email, lead.family_name) == ("hanako@kaisha.example", "佐藤")
    assert "/pricing" in [row.properties["path"] for row in events(env) if row.lead_id == lead.id]


@pytest.mark.parametrize("signal", ["doNotTrack", "globalPrivacyControl"])
def test_do_not_track_sends_and_stores_nothing(
    env: Environment, site: Site, browser: Browser, signal: str
) -> None:
    value = '"1"' if signal == "doNotTrack" else "true"
    init = f"Object.defineProperty(Navigator.prototype, '{signal}', {{get: () => {value}}})"
    with person(browser, init) as context:
        page = context.new_page()
        requests: list[str] = []
        page.on("request", lambda request: requests.append(request.url))
        page.goto(f"{site.origin}/a")
        ready(page)
        page.goto(f"{site.origin}/b")
        ready(page)
        assert not [url for url in requests if url.endswith("/t/v")]
        assert cookies(context) == set()
        assert page.evaluate("localStorage.length") == 0
    assert events(env) == []


def test_consent_is_waited_for_and_can_be_taken_back(env: Environment, site: Site, browser: Browser) -> None:
    site.options = 'data-consent="required"'
    with person(browser) as context:
        page = context.new_page()
        page.goto(f"{site.origin}/before")
        ready(page)
        page.goto(f"{site.origin}/agreed")
        ready(page)
        assert cookies(context) == set()
        page.evaluate("leadloop('consent', true)")
        page.goto(f"{site.origin}/after")
        (view,) = eventually(lambda: events(env))
        assert view.properties["path"] == "/agreed"
        ready(page)
        page.evaluate("leadloop('consent', false)")
        assert cookies(context) == {"leadloop_consent"}
        page.goto(f"{site.origin}/last")
        ready(page)
    assert len(events(env)) == 1
