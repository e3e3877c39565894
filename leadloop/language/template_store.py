"""The template files of a workspace: which exist, and which a step or stream names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from leadloop.language.fields import Fields
from leadloop.language.sources import Source
from leadloop.language.suggest import nearest

SUFFIXES = (".md", ".html.j2")
MISTAKEN = (".html", ".htm", ".txt", ".j2", ".markdown")
"""Endings of files that look like templates and are none."""
LAYOUTS = "layouts/"
_LOCALE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]+)*")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*(?:/[A-Za-z0-9_][A-Za-z0-9_-]*)*")


@dataclass
class TemplateStore:
    """Template files by their path below `templates/`, and the workspace's locale.

    It is not asked before all files are in it.
    """

    locale: str
    files: dict[str, Source] = field(default_factory=dict)

    def names(self) -> list[str]:
        """Return the names of templates that exist in the workspace's locale, layouts aside."""
        return self._names

    def versions(self, name: str) -> dict[str, Source]:
        """Return locale -> file of one template."""
        return self._versions.get(name, {})

    def part(self, sent: Iterable[str], named: Iterable[str]) -> TemplateStore:
        """Return a store of some templates in all languages, and of some files, with all layouts."""
        wanted = {source.path for name in sent for source in self.versions(name).values()}
        paths = set(named)
        files = {
            path: source
            for path, source in self.files.items()
            if path in paths or source.path in wanted or path.startswith(LAYOUTS)
        }
        return TemplateStore(self.locale, files)

    @cached_property
    def _versions(self) -> dict[str, dict[str, Source]]:
        found: dict[str, dict[str, Source]] = {}
        for path, source in self.files.items():
            locale = locale_of(path)
            for suffix in SUFFIXES if locale is not None else ():
                if path.endswith(f".{locale}{suffix}") and locale is not None:
                    found.setdefault(path.removesuffix(f".{locale}{suffix}"), {})[locale] = source
        return found

    @cached_property
    def _names(self) -> list[str]:
        return sorted(
            name
            for name, locales in self._versions.items()
            if self.locale in locales and not name.startswith(LAYOUTS)
        )

    def layout(self, name: str, locale: str) -> Source | None:
        """Return the file of a layout in a locale, or the one for all locales."""
        paths = (f"{LAYOUTS}{name}{part}.html.j2" for part in (f".{locale}", ""))
        return next((self.files[path] for path in paths if path in self.files), None)

    def has_layout(self, name: str, locale: str) -> bool:
        """Return whether a layout exists in a locale, or for all locales."""
        return self.layout(name, locale) is not None

    def read_name(self, fields: Fields, example: str | None = "template: tips/1") -> str | None:
        """Return the setting `template`, a template that exists."""
        node = fields.take("template", example)
        name = None if node is None else fields.text("template")
        if node is None or name is None:
            return None
        if _NAME.fullmatch(name) is None:
            fields.report.add(
                "SCN109",
                node.place,
                name=name,
                what="a template",
                fix="write the path below `templates/` without language and ending: `tips/1`",
            )
            return None
        names = self.names()
        if name not in names:
            near = nearest(name, names)
            fix = f"did you mean `{near}`?" if near else f"write `templates/{name}.{self.locale}.md`"
            fields.report.add("SCN451", node.place, name=name, locale=self.locale, fix=fix)
            return None
        return name


def locale_of(path: str) -> str | None:
    """Return the language of a template file: `ja` of `tips/1.ja.md`; None when it has none."""
    for suffix in SUFFIXES:
        if path.endswith(suffix):
            stem, dot, locale = path.removesuffix(suffix).rpartition("/")[2].rpartition(".")
            return locale if dot and stem and _LOCALE.fullmatch(locale) else None
    return None
