"""Check the links of every Markdown page in the repository: files exist, anchors exist."""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
SKIPPED = {"node_modules", "templates", "build", "dist"}

_FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`[^`\n]*`")
_LINK = re.compile(r"!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
_HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*$", re.MULTILINE)
_ANCHOR = re.compile(r'^<a id="([^"]+)"></a>$', re.MULTILINE)
_NOT_IN_ANCHOR = re.compile(r"[^\w\- ]")


def find_pages() -> list[Path]:
    """Return the pages, without those of installed packages and mail templates."""
    return sorted(page for page in ROOT.rglob("*.md") if not any(map(_is_skipped, _folders(page))))


def _folders(page: Path) -> tuple[str, ...]:
    return page.relative_to(ROOT).parts[:-1]


def _is_skipped(folder: str) -> bool:
    return folder in SKIPPED or folder.startswith(".")


def anchors(page: Path) -> set[str]:
    """Return a page's own anchors and those of its headings, as GitHub makes them."""
    text = _FENCE.sub("", page.read_text("utf-8"))
    found = set(_ANCHOR.findall(text))
    for heading in _HEADING.findall(text):
        base = _NOT_IN_ANCHOR.sub("", heading.replace("`", "").lower()).replace(" ", "-")
        name, count = base, 0
        while name in found:
            count += 1
            name = f"{base}-{count}"
        found.add(name)
    return found


def broken_links(page: Path) -> list[str]:
    """Return what is wrong with a page's links into this repository."""
    text = _CODE.sub("", _FENCE.sub("", page.read_text("utf-8")))
    problems = []
    for link in _LINK.findall(text):
        if re.match(r"[a-z][a-z0-9+.-]*:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.is_relative_to(ROOT) or not target.exists():
            problems.append(f"{page.relative_to(ROOT)}: no file {link}")
        elif anchor and target.suffix == ".md" and anchor not in anchors(target):
            problems.append(f"{page.relative_to(ROOT)}: no heading {link}")
    return problems


def main() -> int:
    """Print what is broken; 1 if anything is."""
    pages = find_pages()
    problems = [problem for page in pages for problem in broken_links(page)]
    print("\n".join(problems or [f"{len(pages)} pages, all links good"]))
    return 1 if problems or not pages else 0


if __name__ == "__main__":
    sys.exit(main())
