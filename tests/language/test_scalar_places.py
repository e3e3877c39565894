"""Problems of a condition stand at the character in the file, however the text is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from leadloop.language.diagnostics import Report
from leadloop.language.nodes import Mapping, Scalar
from leadloop.language.reading import read
from leadloop.language.scalar_places import place_in
from leadloop.language.sources import Source
from tests.language.workspaces import compiled, edited

N = "scenarios/welcome.yaml"


def scalar(text: str) -> Scalar:
    node = read(Source("a.yaml", text), Report())
    assert isinstance(node, Mapping)
    value = node.entries[0][1]
    assert isinstance(value, Scalar)
    return value


@pytest.mark.parametrize(
    ("written", "place"),
    [
        ("a: 題名 HERE", (1, 7, 4)),
        ("a: 'it''s HERE'", (1, 11, 4)),
        ('a: "\\"題名\\" \\u8cc7\\x41\\t HERE"', (1, 25, 4)),
        ('a: "𠮷🎉 HERE"', (1, 8, 4)),
        ("a: one\n   two HERE", (2, 8, 4)),
        ("a: one\n\n\n   two\n   HERE", (5, 4, 4)),
        ("a: 'one\n   two  \n   HERE'", (3, 4, 4)),
        ('a: "one \\\n  two \\\n   HERE"', (3, 4, 4)),
        ("a: |\n  one\n    two HERE\n", (3, 9, 4)),
        ("a: |2-  # why\n    題名 HERE\n", (2, 8, 4)),
        ("a: >\n  one\n  two\n\n  three\n    four HERE\n", (6, 10, 4)),
        ("a: >+\n\n  one HERE\n\n\nb: x\n", (3, 7, 4)),
    ],
)
def test_place_is_that_of_the_character_in_the_file(written: str, place: tuple[int, int, int]) -> None:
    node = scalar(written)
    found = place_in(node, node.text.index("HERE"), 4)
    assert (found.line, found.column, found.length) == place
    line = found.source.line(found.line)
    assert line[found.column - 1 : found.column - 1 + found.length] == "HERE"


def test_escape_is_underlined_as_it_is_written() -> None:
    found = place_in(scalar('a: "x\\u8cc7\\"y"'), 1, 2)
    assert (found.column, found.length) == (6, 8)


def test_stretch_over_lines_ends_with_its_first_one() -> None:
    found = place_in(scalar("a: one\n  two"), 0, 7)
    assert (found.line, found.column, found.length) == (1, 4, 3)


@pytest.mark.parametrize("at", [7, 8, 100])
def test_end_of_a_text_is_its_last_character(at: int) -> None:
    found = place_in(scalar("a: |\n  lead >\n\nb: x\n"), at)
    assert (found.line, found.column) == (2, 8)


def test_empty_text_has_the_place_of_its_quotes() -> None:
    node = scalar("a: ''")
    assert place_in(node, 0) == node.place


@pytest.mark.parametrize(
    ("condition", "place"),
    [
        ('audience: >\n  lead.industry == "it" &&\n  lead.employees > "資料"\n', "7:18"),
        ("audience: |\n  // 従業員数\n  (lead.employees > 1 &&\n  known(lead.industry)\n", "8:22"),
        ("audience: 'lead.industry == ''it'' && lead.employees > \"1\"'\n", "5:54"),
    ],
)
def test_problem_that_cel_finds_stands_at_its_line(tmp_path: Path, condition: str, place: str) -> None:
    found = compiled(tmp_path, edited(N, "goal:", f"{condition}goal:")).diagnostics
    assert [(one.code, f"{one.line}:{one.column}") for one in found] == [("SCN301", place)]
