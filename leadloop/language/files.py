"""The files of a workspace: which there are, and their texts.

Only plain files are opened, and no more of one is read than the limit: a pipe, a device or a huge
file among them costs nothing. Never raises for what is in the folder.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from leadloop.language.diagnostics import Report
from leadloop.language.reading import MAX_BYTES, decode
from leadloop.language.sources import Place, Source
from leadloop.language.template_store import LAYOUTS, MISTAKEN, SUFFIXES, TemplateStore, locale_of

SCENARIOS = "scenarios"
TEMPLATES = "templates"
WORKSPACE = "scenarios/workspace.yaml"
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
"""A pipe without a writer is opened without waiting for one."""
_UNWRITTEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Characters that move the cursor, turn the text around, or cannot be written as UTF-8."""


class WorkspaceFiles:
    """The files below `scenarios/` and `templates/`; problems go to the report."""

    def __init__(self, report: Report, folder: Path, only: Sequence[Path] | None = None) -> None:
        self._report = report
        self._folder = folder
        self._only = None if only is None else [Path(os.path.realpath(one)) for one in only]
        self.unread: set[str] = set()
        """Names that exist and could not be read."""

    def scenarios(self) -> list[str]:
        """Return the names of all YAML files that count, `scenarios/NAME.yaml`."""
        names = []
        for name, is_folder in self._walk(SCENARIOS):
            if name.endswith(".yml") and not is_folder:
                self._ignored(
                    name, "its name does not end in `.yaml`", "keep scenarios in `scenarios/NAME.yaml`"
                )
            elif name.endswith(".yaml") and name.count("/") > 1 and not is_folder:
                self._ignored(name, "it is in a subfolder", "keep scenarios in `scenarios/NAME.yaml`")
            elif name.endswith(".yaml") and self._is_plain(name, is_folder):
                names.append(name)
        return names

    def templates(self, locale: str) -> TemplateStore:
        """Return every template file; report those whose name nothing can refer to."""
        store = TemplateStore(locale)
        for name, is_folder in self._walk(TEMPLATES):
            if not name.endswith((*SUFFIXES, *MISTAKEN)):
                continue
            path = name.removeprefix(f"{TEMPLATES}/")
            if not name.endswith(SUFFIXES) and not is_folder:
                self._ignored(name, "its name does not end in `.md` or `.html.j2`", "rename or remove it")
            elif not self._is_plain(name, is_folder):
                continue
            elif not path.startswith(LAYOUTS) and locale_of(path) is None:
                fix = f"name it `{path.partition('.')[0]}.{locale}.md`"
                self._ignored(name, "its name has no language", fix)
            elif (source := self.source(name)) is not None:
                store.files[path] = source
        return store

    def source(self, name: str) -> Source | None:
        """Return the text of a file, or None after a report."""
        if name in self.unread:
            return None
        source = None
        try:
            data, size = _read(self._folder / name)
            if size > MAX_BYTES:
                self._report.add("SCN001", Place(Source(name, "")), size=size, limit=MAX_BYTES)
            else:
                source = decode(name, data, self._report)
        except OSError:
            self._missing(name)
        if source is None:
            self.unread.add(name)
        return source

    def is_wanted(self, name: str) -> bool:
        """Return whether a file is one of `only`, or lies in a folder of it."""
        if self._only is None:
            return True
        path = Path(os.path.realpath(self._folder / name))
        return any(path == one or one in path.parents for one in self._only)

    def _walk(self, top: str) -> Iterator[tuple[str, bool]]:
        """Yield (name, whether it is a folder) of everything below a folder in order, hidden ones aside."""
        found: list[tuple[str, bool]] = []
        for path, folders, files in os.walk(self._folder / top):
            folders[:] = [one for one in folders if not one.startswith(".")]
            below = Path(path).relative_to(self._folder).as_posix()
            found += [(f"{below}/{one}", True) for one in folders]
            found += [(f"{below}/{one}", False) for one in files if not one.startswith(".")]
        return iter(sorted(found))

    def _is_plain(self, name: str, is_folder: bool) -> bool:
        """Return whether a name stands for a file that can be read; report it if not."""
        why = "it is a folder"
        if _UNWRITTEN.search(name):
            why = "its name has a control character"
        elif not is_folder:
            try:
                mode = (self._folder / name).stat().st_mode
            except OSError:  # for example a link to nothing, or to itself
                return True  # told when it is read
            if stat.S_ISREG(mode):
                return True
            why = "it is not an ordinary file"
        self._ignored(name, why, "rename or remove it")
        self.unread.add(name)
        return False

    def _ignored(self, name: str, why: str, fix: str) -> None:
        self._report.add("SCN017", Place(Source(_printable(name), "")), why=why, fix=fix)

    def _missing(self, name: str) -> None:
        fix = "`leadloop new workspace NAME` writes a first one" if name == WORKSPACE else ""
        self._report.add("SCN016", Place(Source(name, "")), what=f"`{name}`", fix=fix)


def _read(path: Path) -> tuple[bytes, int]:
    """Return the first bytes of a file, one more than the limit at most, and its size."""
    with open(os.open(path, _FLAGS), "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise OSError(f"{path} is not an ordinary file")
        if found.st_size > MAX_BYTES:
            return b"", found.st_size
        data = file.read(MAX_BYTES + 1)
        return data, len(data)


def _printable(name: str) -> str:
    """Return a name without what would move the cursor, or cannot be written at all."""
    return _UNWRITTEN.sub(lambda found: ascii(found[0])[1:-1], name)
