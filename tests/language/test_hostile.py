"""Files that nobody meant well, through the whole compiler: the right value or a clear error.

Each row is compiled in a process that may use 100 MB and half a second of processor time.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.language.workspaces import FILES, MAIL, edited, write

ROOT = Path(__file__).parents[2]
N = "scenarios/welcome.yaml"
W = "scenarios/workspace.yaml"
X = "scenarios/x.yaml"
T = "templates/mail/case.ja.md"
HEAD = FILES[N].partition("steps:\n")[0]
SEND = "  - {id: thanks, send: {template: mail/case}}\n"


class Compiler:
    """The process that compiles folders, one limited process each."""

    def __init__(self, good: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.language.hostile_child", str(good)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def compile(self, folder: Path) -> dict[str, Any]:
        """Return what compiling gave: codes, paths, whether it may be published."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{folder}\n")
        self._process.stdin.flush()
        found: dict[str, Any] = json.loads(self._process.stdout.readline())
        assert "codes" in found, found  # neither raised nor ended by a limit
        return found

    def close(self) -> None:
        """End the process."""
        self._process.communicate(timeout=30)


@pytest.fixture(scope="module")
def compiler() -> Iterator[Compiler]:
    with tempfile.TemporaryDirectory() as name:
        found = Compiler(write(Path(name)))
        yield found
        found.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a valid workspace that everybody may read, as far as its files allow."""
    tmp_path.chmod(0o755)
    return write(tmp_path)


def put(path: str, data: bytes | str) -> Callable[[Path], None]:
    """Return what writes a file into a workspace."""

    def prepare(folder: Path) -> None:
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data if isinstance(data, bytes) else data.encode())

    return prepare


def put_huge(path: str) -> Callable[[Path], None]:
    """Return what writes 50 MB."""
    return put(path, b"a: " + b"x" * (50 * 1024 * 1024))


def steps(text: str) -> Callable[[Path], None]:
    return put(N, f"{HEAD}steps:\n{text}")


def condition(text: str) -> Callable[[Path], None]:
    return steps(f"{SEND}  - id: ask\n    if: {text}\n    then: [{{exit: out}}]\n")


def edit(old: str, new: str, path: str = N) -> Callable[[Path], None]:
    found = edited(path, old, new)[path]
    assert isinstance(found, str)
    return put(path, found)


def bomb(signs: str = "abcdefghi") -> str:
    """Return a file whose value would have 9⁹ texts."""
    lines = [f"{signs[0]}: &{signs[0]} [x,x,x,x,x,x,x,x,x]"]
    for before, name in pairwise(signs):
        lines.append(f"{name}: &{name} [{','.join(f'*{before}' for _ in range(9))}]")
    return "\n".join(lines)


def deep_map(levels: int, kind: str = "all") -> str:
    return f"{{{kind}: [" * levels + "lead.in_sales" + "]}" * levels


DEEP_JINJA = "---\nsubject: x\n---\n" + "{% if lead.email %}" * 2500 + "x" + "{% endif %}" * 2500
DEEP_BRACKETS = "---\nsubject: x\n---\n{{ " + "(" * 20_000 + "1" + ")" * 20_000 + " }}"
DEEP_FILTERS = "---\nsubject: x\n---\n{{ lead.email" + " | default('x')" * 6000 + " }}"

REFUSED: dict[str, tuple[Callable[[Path], None], str]] = {
    "alias bomb": (put(X, bomb()), "SCN005"),
    "alias bomb in the shared file": (put(W, bomb()), "SCN005"),
    "alias to itself": (put(X, "a: &a [*a]"), "SCN005"),
    "merge key with an alias": (put(X, "a: &a {b: c}\nd: {<<: *a}"), "SCN005"),
    "5,000 brackets": (put(X, "[" * 5000 + "]" * 5000), "SCN008"),
    "5,000 maps in a line": (put(X, "{a: " * 5000 + "}" * 5000), "SCN008"),
    "5,000 dashes": (put(X, "- " * 5000 + "x"), "SCN008"),
    "300 lists, indented": (put(X, "".join(" " * at + "-\n" for at in range(300))), "SCN008"),
    "300 maps, indented": (put(X, "".join(" " * at + "a:\n" for at in range(300))), "SCN008"),
    "250,000 open brackets": (put(X, "[" * 250_000), "SCN008"),
    "50 MB": (put_huge(X), "SCN001"),
    "50 MB of shared file": (put_huge(W), "SCN001"),
    "50 MB of template": (put_huge(T), "SCN001"),
    "python object": (put(X, "!!python/object/apply:os.system [id]"), "SCN006"),
    "python name": (put(X, "scenario: !!python/name:os.system x"), "SCN006"),
    "tag": (put(X, "scenario: !include other.yaml"), "SCN006"),
    "duplicate key": (edit("topic: nurture\n", "topic: nurture\ntopic: service\n"), "SCN004"),
    "duplicate key, quoted": (edit("topic: nurture\n", 'topic: nurture\n"topic": service\n'), "SCN004"),
    "full-width colon": (edit("topic: nurture", "topic：nurture"), "SCN012"),
    "full-width colon and space": (edit("topic: nurture", "topic：　nurture"), "SCN012"),
    "ideographic space": (edit("topic: nurture", "topic:　nurture"), "SCN013"),
    "UTF-16": (put(N, FILES[N].encode("utf-16")), "SCN002"),
    "Shift_JIS": (put(W, FILES[W].encode("cp932")), "SCN002"),
    "template in UTF-16": (put(T, MAIL.encode("utf-16")), "SCN002"),
    "null bytes": (put(X, b"\x00" * 200_000), "SCN009"),
    "terminal escapes": (put(X, "scenario: \x1b[2Jx"), "SCN009"),
    "two documents": (put(X, FILES[N] + "---\n" + FILES[N]), "SCN010"),
    "empty": (put(X, ""), "SCN011"),
    "time as priority": (edit("topic: nurture\n", "topic: nurture\npriority: 10:00\n"), "SCN105"),
    "1.10 as priority": (edit("topic: nurture\n", "topic: nurture\npriority: 1.10\n"), "SCN105"),
    "012 as priority": (edit("topic: nurture\n", "topic: nurture\npriority: 012\n"), "SCN105"),
    "NO as a switch": (edit("{inquiry: true}", "{inquiry: NO}", W), "SCN106"),
    "on: as a setting": (edit("topic: nurture\n", "topic: nurture\non: true\n"), "SCN101"),
    "5,000 unknown settings": (put(N, HEAD + "".join(f"k{at}: x\n" for at in range(4900))), "SCN018"),
    "1,900 wrong steps": (steps("  - {id: s, sned: 1}\n" * 1900), "SCN018"),
    "10,000 steps": (steps(SEND + "  - {tag: vip}\n" * 10_000), "SCN019"),
    "5,000 entries": (edit("entry:\n", "entry:\n" + "  - {event: page_viewed, path: /a}\n" * 5000), "SCN019"),
    "100,000 values": (put(X, "a: [" + "x," * 100_000 + "]"), "SCN019"),
    "condition of 5,000 characters": (condition("'" + "true && " * 625 + "true'"), "SCN301"),
    "990 brackets": (condition("'" + "(" * 990 + "true" + ")" * 990 + "'"), "SCN301"),
    "990 open brackets": (condition("'" + "(" * 1990 + "'"), "SCN301"),
    "500 lists in a condition": (condition("'" + "[" * 900 + "]" * 900 + " == []'"), "SCN301"),
    "400 comparisons": (condition("'" + "true ? " * 260 + "true" + ": x" * 20 + "'"), "SCN301"),
    "maps of conditions, 60 deep": (condition(deep_map(60)), "SCN008"),
    "not of not, 60 deep": (condition("{not: " * 60 + "lead.in_sales" + "}" * 60), "SCN008"),
    "deep Jinja blocks": (put(T, DEEP_JINJA), "SCN454"),
    "deep Jinja brackets": (put(T, DEEP_BRACKETS), "SCN454"),
    "6,000 Jinja filters": (put(T, DEEP_FILTERS), "SCN454"),
    "folder named like a scenario": (lambda folder: (folder / X).mkdir(), "SCN017"),
    "pipe named like a scenario": (lambda folder: os.mkfifo(folder / X), "SCN017"),
    "pipe instead of the shared file": (lambda folder: _pipe(folder / W), "SCN017"),
    "pipe named like a template": (lambda folder: _pipe(folder / T), "SCN017"),
    "device": (lambda folder: (folder / X).symlink_to("/dev/zero"), "SCN017"),
    "link to itself": (lambda folder: (folder / X).symlink_to(folder / X), "SCN016"),
    "link to nothing": (lambda folder: (folder / X).symlink_to(folder / "none"), "SCN016"),
    "unreadable file": (lambda folder: _unreadable(folder / X), "SCN016"),
    "unreadable template": (lambda folder: _unreadable(folder / T), "SCN016"),
    "unreadable shared file": (lambda folder: (folder / "scenarios/scoring.yaml").chmod(0), "SCN016"),
    "unreadable folder": (lambda folder: (folder / "scenarios").chmod(0), "SCN016"),
    "file name with an escape": (put("scenarios/a\x1b[2Jb.yaml", FILES[N]), "SCN017"),
    "file name with a line break": (put("scenarios/a\nb.yaml", FILES[N]), "SCN017"),
    "file name that is not UTF-8": (put(os.fsdecode(b"scenarios/\xff.yaml"), FILES[N]), "SCN017"),
    "template name with a line break": (put("templates/mail/a\nb.ja.md", MAIL), "SCN017"),
}


def _pipe(path: Path) -> None:
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def _unreadable(path: Path) -> None:
    path.write_text("a: b")
    path.chmod(0)


@pytest.mark.parametrize("name", REFUSED)
def test_hostile_file_is_refused(compiler: Compiler, folder: Path, name: str) -> None:
    prepare, code = REFUSED[name]
    prepare(folder)
    found = compiler.compile(folder)
    (folder / "scenarios").chmod(0o755)  # so that it can be removed
    assert code in found["codes"]
    assert not found["published"]
    assert all(path.isprintable() for path in found["paths"])
    found["text"].encode()


TAKEN: dict[str, Callable[[Path], None]] = {
    "byte order mark": put(N, b"\xef\xbb\xbf" + FILES[N].encode()),
    "CRLF": put(N, FILES[N].replace("\n", "\r\n")),
    "old Macintosh line ends": put(N, FILES[N].replace("\n", "\r")),
    "title NO": edit("topic: nurture\n", "topic: nurture\ntitle: NO\n"),
    "title on": edit("topic: nurture\n", "topic: nurture\ntitle: on\n"),
    "title 1.10": edit("topic: nurture\n", "topic: nurture\ntitle: 1.10\n"),
    "title 012": edit("topic: nurture\n", "topic: nurture\ntitle: 012\n"),
    "10:00 as the time of a wait": edit("timeout: 5 days", "timeout: {for: 5 days, at: 10:00}"),
    "full-width signs in a text": edit("topic: nurture\n", "topic: nurture\ntitle: 資料：請求　一覧\n"),
    "condition of 1,990 characters": condition("'" + "true && " * 248 + "true'"),
    "maps of conditions, 20 deep": condition(deep_map(20)),
    "folder that is a link to its parent": lambda folder: (folder / "scenarios/loop").symlink_to(
        folder, target_is_directory=True
    ),
    "Japanese name with a wide space": put("scenarios/資料　請求.yaml", FILES[N].replace("welcome", "other")),
    "Jinja power": put(T, MAIL + "{{ 9 ** (9 ** 9) }}"),
    "Jinja repeat": put(T, MAIL + "{{ 'x' * 99999999 }}{{ ['x'] * 99999999 }}{{ '%99999999s' % 1 }}"),
    "hidden pipe": lambda folder: os.mkfifo(folder / "scenarios/.x.yaml"),
}


@pytest.mark.parametrize("name", TAKEN)
def test_odd_file_is_taken(compiler: Compiler, folder: Path, name: str) -> None:
    TAKEN[name](folder)
    found = compiler.compile(folder)
    assert (found["codes"], found["published"]) == ([], True), found["text"]


EVERY = ", ".join(f"s{at}" for at in range(90))
LARGE: dict[str, Callable[[Path], None]] = {
    "3,000 steps": steps(SEND + "  - {tag: vip}\n" * 3000),
    "1,500 entries": edit("entry:\n", "entry:\n" + "  - {event: page_viewed, path: /a}\n" * 1500),
    "600 jumps back": steps(
        SEND + "".join(f"  - {{id: s{at}, if: lead.in_sales, then: [{{go: thanks}}]}}\n" for at in range(600))
    ),
    "jumps from everywhere to everywhere": steps(
        "".join(f"  - {{id: s{at}, send: {{template: mail/case}}}}\n" for at in range(90))
        + "".join(
            f"  - id: w{at}\n    timeout: never\n"
            f"    await: [{{event: email_clicked, of: [{EVERY}], go: s{at}}}, {{stage: mql, go: w0}}]\n"
            for at in range(80)
        )
    ),
    "600 conditions": steps(
        "".join(f"  - {{if: lead.employees > {at}, then: [{{tag: vip}}]}}\n" for at in range(600))
    ),
    "ifs in ifs": steps("  - " + "{if: lead.in_sales, then: [" * 22 + "{tag: vip}" + "]}" * 22 + "\n"),
}


@pytest.mark.parametrize("name", LARGE)
def test_large_scenario_gives_a_publication_or_errors(compiler: Compiler, folder: Path, name: str) -> None:
    LARGE[name](folder)
    found = compiler.compile(folder)
    assert found["published"] != bool(found["codes"])
