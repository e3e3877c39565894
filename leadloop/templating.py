"""The shape of a template file: front matter between two `---` lines, then the body.

Shared by the compiler, which checks templates, and by delivery, which renders them.
"""

from __future__ import annotations

FENCE = "---"


def split_front_matter(text: str) -> tuple[dict[str, str], str]:
    """Return the front matter as text values, and the body.

    The body keeps the line numbers of the file: the lines of the front matter become empty lines.
    Raises `ValueError`, with the line number, for a missing, unclosed or malformed front matter.
    """
    lines = text.removeprefix("\ufeff").splitlines()
    if not lines or lines[0].rstrip() != FENCE:
        raise ValueError("line 1: a template starts with front matter between two lines of ---")
    values: dict[str, str] = {}
    for number, line in enumerate(lines[1:], start=2):
        if line.rstrip() == FENCE:
            return values, "\n" * number + "\n".join(lines[number:]) + "\n"
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        key, colon, value = line.partition(":")
        key = key.strip()
        if not colon or not key:
            raise ValueError(f"line {number}: write `name: value`")
        if key in values:
            raise ValueError(f"line {number}: {key} is given twice")
        values[key] = _unquoted(value.strip())
    raise ValueError("line 1: the front matter is not closed by a line of ---")


def _unquoted(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1]
    return value
