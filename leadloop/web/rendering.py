"""Pages from Jinja2 templates: escaped, in the reader's language, with times in the workspace's zone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import jinja2
from fastapi import Request
from fastapi.responses import HTMLResponse

from leadloop.inbox.operations.links import TemporalPages
from leadloop.language.plan import Workspace
from leadloop.storage.environment import Environment
from leadloop.storage.publications import NotPublishedError
from leadloop.web.text import Language, language_of, translate

TEMPLATES = Path(__file__).parent / "templates"


class Pages:
    """Renders templates. Everything is escaped; templates never use `safe`."""

    def __init__(
        self,
        env: Environment,
        temporal_ui: str | None,
        has_mailbox: bool,
        temporal_namespace: str = "default",
    ) -> None:
        self._env = env
        self._temporal_pages = TemporalPages(temporal_ui, temporal_namespace)
        self._temporal_ui = temporal_ui
        self._has_mailbox = has_mailbox
        self._jinja = jinja2.Environment(
            loader=jinja2.FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def render(self, request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
        """Return a page. `values` are the template's own variables."""
        workspace = self._workspace()
        language = self.language(request, workspace)
        zone = ZoneInfo(workspace.timezone if workspace else "UTC")
        page = self._jinja.get_template(template).render(
            _=_translator(language),
            language=language,
            path=request.url.path,
            when=_formatter(zone),
            now=self._env.clock.now(),
            zone=zone.key,
            workspace_name=workspace.name if workspace else "leadloop",
            temporal_ui=self._temporal_ui,
            temporal_page=self._temporal_pages.journey,
            has_mailbox=self._has_mailbox,
            **values,
        )
        return HTMLResponse(page, status)

    def not_found(self, request: Request, text: str = "The page you asked for is not here.") -> HTMLResponse:
        """Return a page that says what is not there, with status 404."""
        return self.error(request, 404, text)

    def error(self, request: Request, status: int, text: str) -> HTMLResponse:
        """Return a page that says what went wrong; lines after the first are details."""
        first, _, rest = text.partition("\n")
        title = "Not found" if status == 404 else "It could not be done"
        return self.render(request, "message.html", status, title=title, text=first, detail=rest)

    def language(self, request: Request, workspace: Workspace | None) -> Language:
        """Return the language of the request, by its header or the workspace's locale."""
        return language_of(
            request.headers.get("accept-language", ""), workspace.locale if workspace else "en"
        )

    def _workspace(self) -> Workspace | None:
        try:
            return self._env.publications.current().publication.workspace
        except NotPublishedError:
            return None


def _translator(language: Language) -> Callable[[str], str]:
    return lambda text: translate(language, text)


def _formatter(zone: ZoneInfo) -> Callable[[datetime | str | None], str]:
    def when(instant: datetime | str | None) -> str:
        if isinstance(instant, str):
            instant = datetime.fromisoformat(instant)
        return instant.astimezone(zone).strftime("%Y-%m-%d %H:%M") if instant else ""

    return when
