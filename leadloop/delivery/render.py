"""Rendering of mails in a child process that can be killed. Needs no database.

A template that loops for ever or eats memory costs its own mail, nothing else: the child is
killed after two seconds or at its memory limit, and the next rendering starts another one.
"""

from __future__ import annotations

import contextlib
import html
import re
import secrets
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from leadloop.delivery.frames import read_frame, write_frame
from leadloop.templating import split_front_matter

WALL_SECONDS = 2.0
_START_SECONDS = 30.0
_FRONT_MATTER = frozenset({"subject", "preheader", "layout"})


class RenderError(Exception):
    """A mail that can't be rendered: a code for machines, a message without personal values.

    Codes: `no_template bad_template no_subject syntax undefined unsafe bad_context bad_link error
    too_big timeout crashed`.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


@dataclass(frozen=True)
class RenderedLink:
    """A link that can be tracked. `name` is its title or its words, without values of the lead."""

    position: int
    url: str
    name: str


@dataclass(frozen=True)
class Rendered:
    """A mail's parts, with placeholders where links can be tracked."""

    template: str
    """The file that was used, for example `whitepaper/thanks.ja.md`."""
    subject: str
    preheader: str
    links: tuple[RenderedLink, ...]
    marked_html: str
    marked_text: str
    nonce: str

    @property
    def html(self) -> str:
        """The HTML part with the author's own links."""
        return self.tracked([link.url for link in self.links])[0]

    @property
    def text(self) -> str:
        """The text part with the author's own links."""
        return self.tracked([link.url for link in self.links])[1]

    def tracked(self, urls: Sequence[str], pixel_url: str | None = None) -> tuple[str, str]:
        """Return HTML and text part with these addresses, one per link, and an open pixel."""
        placeholder = re.compile(rf"https://l(\d+)\.{self.nonce}\.invalid/")
        page = placeholder.sub(lambda match: html.escape(urls[int(match.group(1))]), self.marked_html)
        text = placeholder.sub(lambda match: urls[int(match.group(1))], self.marked_text)
        if pixel_url is not None:
            before, end, after = page.rpartition("</body>")
            page = f"{before}{_pixel(pixel_url)}{end}{after}"
        return page, text


class Renderer:
    """Renders mails, one at a time, in a child process that is started at the first use."""

    def __init__(self, *, wall_seconds: float = WALL_SECONDS) -> None:
        self._wall_seconds = wall_seconds
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None

    def render(
        self,
        templates: Mapping[str, str],
        name: str,
        locales: Sequence[str],
        context: Mapping[str, Any],
        *,
        subject: str | None = None,
        untracked: Sequence[str] = (),
    ) -> Rendered:
        """Render template `name` (`whitepaper/thanks`) in the first of `locales` that exists.

        `templates` are the texts by path below `templates/`. `context` is plain data: declared
        fields without a value are None, undeclared names are missing. `subject` replaces the one of
        the front matter. Links to the addresses in `untracked` stay as they are, beside all that
        are not http. Raises `RenderError`.
        """
        file, locale = select_template(templates, name, locales)
        try:
            matter, body = split_front_matter(templates[file])
        except ValueError as error:
            raise RenderError("bad_template", f"{file}: {error}") from None
        if unknown := sorted(matter.keys() - _FRONT_MATTER):
            raise RenderError("bad_template", f"{file}: the front matter has no `{unknown[0]}`")
        layout = f"layouts/{matter.get('layout') or 'default'}.{locale}.html.j2"
        if layout not in templates:
            raise RenderError("no_template", f"{file}: there is no {layout}")
        nonce = secrets.token_hex(8)
        reply = self._ask(
            {
                "name": file,
                "locale": locale,
                "markdown": file.endswith(".md"),
                "body": body,
                "layout": templates[layout],
                "layout_name": layout,
                "subject": subject if subject is not None else matter.get("subject", ""),
                "preheader": matter.get("preheader", ""),
                "context": dict(context),
                "untracked": list(untracked),
                "nonce": nonce,
            }
        )
        links = tuple(RenderedLink(i, link["url"], link["name"]) for i, link in enumerate(reply["links"]))
        return Rendered(
            file, reply["subject"], reply["preheader"], links, reply["html"], reply["text"], nonce
        )

    def close(self) -> None:
        """End the child process."""
        with self._lock:
            self._stop()

    def __enter__(self) -> Renderer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            child = self._running_child()
            try:
                reply, timed_out = _exchange(child, request, self._wall_seconds)
            except (TypeError, ValueError) as error:  # not JSON, or too long
                self._stop()
                raise RenderError("bad_context", type(error).__name__) from None
            if reply is None:
                self._stop()
                if timed_out:
                    raise RenderError("timeout", f"{request['name']}: took longer than allowed")
                raise RenderError("crashed", f"{request['name']}: the renderer hit a limit and was ended")
            if reply.get("error") == "too_big":
                self._stop()
        if "error" in reply:
            raise RenderError(reply["error"], reply["message"])
        return cast(dict[str, Any], reply["ok"])

    def _running_child(self) -> subprocess.Popen[bytes]:
        if self._child is None or self._child.poll() is not None:
            self._stop()
            self._child = _start_child()
        return self._child

    def _stop(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        child.kill()
        child.wait()
        for stream in (child.stdin, child.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()


def select_template(templates: Mapping[str, str], name: str, locales: Sequence[str]) -> tuple[str, str]:
    """Return the file of a template and its locale. Raises `RenderError` where there is none."""
    for locale in dict.fromkeys(locale.lower().partition("-")[0] for locale in locales):
        for ending in ("md", "html.j2"):
            if f"{name}.{locale}.{ending}" in templates:
                return f"{name}.{locale}.{ending}", locale
    raise RenderError("no_template", f"there is no template {name} in {', '.join(locales)}")


def _start_child() -> subprocess.Popen[bytes]:
    environment = None
    if sys.platform != "win32":  # nothing of ours, no secrets
        here = str(Path(__file__).resolve().parents[2])
        environment = {"PYTHONPATH": ":".join([here, *filter(None, sys.path)]), "LANG": "C.UTF-8"}
    child = subprocess.Popen(
        [sys.executable, "-m", "leadloop.delivery.render_child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
    )
    ready, _ = _exchange(child, None, _START_SECONDS)
    if ready is None:
        child.kill()
        child.wait()
        raise RenderError("crashed", "the renderer does not start")
    return child


def _exchange(
    child: subprocess.Popen[bytes], request: dict[str, Any] | None, seconds: float
) -> tuple[dict[str, Any] | None, bool]:
    """Write a request, read its reply; None, and whether time was up, where the child is gone."""
    timed_out = threading.Event()

    def kill() -> None:
        timed_out.set()
        child.kill()

    timer = threading.Timer(seconds, kill)
    timer.daemon = True
    timer.start()
    try:
        if request is not None:
            write_frame(cast(BinaryIO, child.stdin), request)
        return read_frame(cast(BinaryIO, child.stdout)), timed_out.is_set()
    except OSError:
        return None, timed_out.is_set()
    finally:
        timer.cancel()


def _pixel(url: str) -> str:
    return f'<img src="{html.escape(url)}" width="1" height="1" alt="" style="display:block;border:0">'
