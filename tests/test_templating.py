from __future__ import annotations

import pytest

from leadloop.templating import split_front_matter


def test_split_front_matter_keeps_line_numbers() -> None:
    matter, body = split_front_matter('---\nsubject: "件名: 続き"\n# 注\npreheader:\n---\n本文\n')
    assert matter == {"subject": "件名: 続き", "preheader": ""}
    assert body.splitlines()[5] == "本文"


@pytest.mark.parametrize(
    "text",
    ["", "本文", "---\nsubject: x\n", "---\nsubject\n---\n", "---\na: 1\na: 2\n---\n", "---\n: x\n---\n"],
)
def test_split_front_matter_refuses_with_a_line(text: str) -> None:
    with pytest.raises(ValueError, match="line "):
        split_front_matter(text)
