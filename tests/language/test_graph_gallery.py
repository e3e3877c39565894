"""The gallery in docs is what `scripts/make_gallery.py` makes of the shipped scenarios."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from leadloop.language.graph import draw
from leadloop.language.plan import Sender, Workspace
from tests.language.drawn_plans import plan

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def gallery() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_gallery", ROOT / "scripts" / "make_gallery.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_gallery_is_up_to_date(gallery: ModuleType) -> None:
    wanted = gallery.pages()
    assert len(wanted) > 3
    present = {f"gallery/{path.name}" for path in (ROOT / "docs" / "gallery").iterdir()}
    assert {*present, "gallery.md"} == set(wanted), "run `make gallery`"
    old = [name for name, text in wanted.items() if not gallery.is_same(ROOT / "docs" / name, text)]
    assert old == [], "run `make gallery`"


def test_gallery_takes_the_comment_at_the_top_of_a_file(gallery: ModuleType) -> None:
    source = "# yaml-language-server: $schema=x.json\n# 資料請求から。\n#\n# Two.\nscenario: a\n# not this\n"
    assert gallery.leading_comment(source) == ["資料請求から。", "", "Two."]


def test_gallery_tells_entries_and_exits_and_escapes_them(gallery: ModuleType) -> None:
    drawn = plan(
        [{"id": "a", "kind": "if", "then": {"exit": "a_b"}, "otherwise": {"exit": "<b>"}}],
        title="[x](y)",
        goal=[{"kind": "stage", "stages": ["mql"]}],
    )
    assert list(gallery.summary(draw(drawn, "en"))) == [
        ("Entry", ["form submitted"]),
        ("Goal", ["stage mql"]),
        ("Exits", ["a_b", "<b>"]),
    ]
    shared = Workspace(name="acme", sender=Sender(name="a", address="a@acme.example"))
    lines = list(gallery.section("a", drawn, shared, "# Text_one\n"))
    assert lines[0] == "## \\[x\\](y)"
    assert "Text\\_one" in lines
    assert "![\\[x\\](y)](gallery/a.svg)" in lines
    assert lines[-1] == "- Exits: a\\_b; \\<b\\>"
