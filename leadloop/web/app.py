"""The web application: API, tracking, pages."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

import leadloop
from leadloop.delivery.mailbox import Mailbox
from leadloop.delivery.tokens import Tokens
from leadloop.failpoints import no_failpoint
from leadloop.inbox.ingestion.group_commit import GroupCommit
from leadloop.inbox.operations.links import TemporalPages
from leadloop.settings import INBOX_LIMIT
from leadloop.storage.environment import Environment
from leadloop.web import problems
from leadloop.web.access import Access
from leadloop.web.api_keys import KeyRing
from leadloop.web.companies_api import companies_router
from leadloop.web.enrolments_api import enrolments_router
from leadloop.web.erasure_api import erasure_router
from leadloop.web.events_api import events_router
from leadloop.web.failing import DieBeforeAnswer
from leadloop.web.forms import forms_router
from leadloop.web.guard import Guard
from leadloop.web.idempotency import Idempotency
from leadloop.web.journeys_api import journeys_router
from leadloop.web.leads_api import leads_router
from leadloop.web.mailbox_pages import mailbox_router
from leadloop.web.merging_api import merging_router
from leadloop.web.pages import pages_router
from leadloop.web.records_api import records_router
from leadloop.web.rendering import Pages
from leadloop.web.sales_api import sales_router
from leadloop.web.sales_pages import sales_pages_router
from leadloop.web.signed_requests import Signatures
from leadloop.web.throttle import for_wrong_credentials
from leadloop.web.tracking import tracking_router
from leadloop.web.unsubscribe import unsubscribe_router
from leadloop.web.visits import visits_router

_STATIC = Path(__file__).parent / "static"


def create_app(
    env: Environment,
    *,
    tokens: Tokens,
    public_url: str,
    mailbox: Mailbox | None = None,
    temporal_ui: str | None = None,
    temporal_namespace: str = "default",
    loopback: bool = True,
    sites: Sequence[str] = (),
    inbox_limit: int = INBOX_LIMIT,
) -> FastAPI:
    """Return the application. `public_url` is where mails point; its host is answered, and loopback.

    `loopback` says that the server will listen on this machine's own addresses only: people here need
    no key then. `sites` are the web sites whose pages may report visits. `inbox_limit` is how many events
    may wait to be applied. Without a `mailbox` there are no mailbox pages. FastAPI's own documentation
    pages are off: they load scripts from elsewhere; `/openapi.json` is there.
    """
    app = FastAPI(title="leadloop", version=leadloop.__version__, docs_url=None, redoc_url=None)
    keys = KeyRing(env)
    app.add_middleware(Idempotency, env=env)
    wrong = for_wrong_credentials()
    app.add_middleware(Access, keys=keys, loopback=loopback, wrong=wrong)
    app.add_middleware(Guard, public_url=public_url)  # the last one is asked first
    if env.fail is not no_failpoint:
        app.add_middleware(DieBeforeAnswer, fail=env.fail)
    pages = Pages(env, temporal_ui, mailbox is not None, temporal_namespace)
    problems.install(app, pages.error)

    @app.get("/healthz", include_in_schema=False)
    def health() -> dict[str, str]:
        with env.database.read() as session:
            publication = env.publications.current(session)
        return {"status": "ok", "publication": publication.id}

    commits = GroupCommit(env, inbox_limit=inbox_limit)
    app.include_router(events_router(env, commits, Signatures(keys, wrong)))
    app.include_router(forms_router(env, commits, pages))
    app.include_router(sales_router(env))
    app.include_router(leads_router(env))
    app.include_router(erasure_router(env, mailbox))
    app.include_router(merging_router(env))
    app.include_router(records_router(env))
    app.include_router(companies_router(env))
    app.include_router(enrolments_router(env))
    app.include_router(journeys_router(env, TemporalPages(temporal_ui, temporal_namespace)))
    app.include_router(tracking_router(env, commits, tokens, pages))
    app.include_router(visits_router(env, commits, public_url, sites))
    app.include_router(unsubscribe_router(env, tokens, pages))
    app.include_router(pages_router(env, pages))
    app.include_router(sales_pages_router(env, pages))
    if mailbox is not None:
        app.include_router(mailbox_router(env, mailbox, pages))
    app.mount("/static", StaticFiles(directory=_STATIC), name="static")
    return app
