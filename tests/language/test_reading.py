"""Strict YAML: hostile files, and the values that YAML 1.1 changes behind one's back."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadloop.language.diagnostics import Report, render_text
from leadloop.language.nodes import Mapping, Node, Scalar, Sequence
from leadloop.language.reading import MAX_BYTES, decode, read
from tests.language.workspaces import FILES, compiled, edited, scenario

N = "scenarios/welcome.yaml"


def reading(data: bytes | str) -> tuple[Node | None, list[str]]:
    report = Report()
    source = decode("a.yaml", data if isinstance(data, bytes) else data.encode(), report)
    root = None if source is None else read(source, report)
    return root, [one.code for one in report.diagnostics]


def plain(node: Node | None) -> object:
    if isinstance(node, Mapping):
        return {key.text: plain(value) for key, value in node.entries}
    if isinstance(node, Sequence):
        return [plain(item) for item in node.items]
    return None if node is None else node.text


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join(f'*{before}' for _ in range(9))}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (BOMB, "SCN005"),
        ("a: &a [*a]", "SCN005"),
        ("a: *b", "SCN005"),
        ("[" * 5000 + "]" * 5000, "SCN008"),
        ("{a: " * 5000, "SCN008"),
        ("- " * 5000, "SCN008"),
        (b"x" * (50 * 1024 * 1024), "SCN001"),
        (b"a: " + b"x" * MAX_BYTES, "SCN001"),
        ("!!python/object/apply:os.system [id]", "SCN006"),
        ("a: !anything b", "SCN006"),
        ("a: !<tag:yaml.org,2002:int> 1", "SCN006"),
        ("a: 1\na: 2", "SCN004"),
        ("{a: 1, 'a': 2}", "SCN004"),
        ("a:\n\tb: 1", "SCN007"),
        ("a: 1\n  \t- b", "SCN007"),
        ("名前: 資料".encode("utf-16"), "SCN002"),
        ("名前: 資料".encode("cp932"), "SCN002"),
        (b"a: \xed\xa0\x80", "SCN002"),
        ("a: b\x00", "SCN009"),
        ("a: b\u2028c: d", "SCN009"),
        ("a: b\x85c: d", "SCN009"),
        ("a: b\ufeff", "SCN009"),
        ("--- a\n--- b", "SCN010"),
        ("%YAML 1.1\n--- a", "SCN010"),
        ("%TAG ! tag:x,2000:\n--- a", "SCN010"),
        ("", "SCN011"),
        ("# only a comment", "SCN011"),
        ("? [a, b]\n: c", "SCN015"),
        ("{{ a }}: b", "SCN015"),
        ("a: 'open", "SCN003"),
        ("a: @b", "SCN003"),
        ("- a\nb: c", "SCN003"),
    ],
)
def test_read_refuses(data: bytes | str, code: str) -> None:
    root, codes = reading(data)
    assert codes == [code]
    assert root is None or code == "SCN004"


def test_read_of_hostile_files_needs_little_memory() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for data in (
        BOMB.encode(),
        b"[" * MAX_BYTES,
        b"- " * (MAX_BYTES // 2),
        b"\x00" * MAX_BYTES,
        b"a: " * 80_000,
    ):
        reading(data)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KiB


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on: off", {"on": "off"}),
        ("country: NO", {"country": "NO"}),
        ("at: 10:00", {"at": "10:00"}),
        ("version: 1.10", {"version": "1.10"}),
        ("code: 012", {"code": "012"}),
        ("day: 2027-04-01", {"day": "2027-04-01"}),
        ("share: 10 %", {"share": "10 %"}),
        ("size: 0x10", {"size": "0x10"}),
        ("big: 1_000", {"big": "1_000"}),
        ("\ufeffa: b", {"a": "b"}),
        ("a: b\r\nc: d\r\n", {"a": "b", "c": "d"}),
        ("a: b\rc: d", {"a": "b", "c": "d"}),
        ("題: 資料：請求　一覧", {"題": "資料：請求　一覧"}),
        ("<<: {a: b}", {"<<": {"a": "b"}}),
        ("a: |\n  x\n  y\n", {"a": "x\ny\n"}),
        ("--- {a: b}\n...\n", {"a": "b"}),
    ],
)
def test_read_keeps_values_as_written(text: str, value: object) -> None:
    root, codes = reading(text)
    assert (plain(root), codes) == (value, [])


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("topic: nurture\n", "topic: nurture\npriority: 1.10\n", "3:11"),
        ("topic: nurture\n", "topic: nurture\npriority: 012\n", "3:11"),
        ("topic: nurture\n", "topic: nurture\npriority: 0o12\n", "3:11"),
        ("topic: nurture\n", "topic: nurture\npriority: '40'\n", "3:11"),
        ("topic: nurture\n", "topic: nurture\npriority: 4_0\n", "3:11"),
        ("topic: nurture\n", "topic: nurture\npriority: ４０\n", "3:11"),
        ("topic: nurture\n", "topic: nurture\npriority: -1\n", "3:11"),
        ("timeout: 5 days", "timeout: -5 days", "12:14"),
        ("timeout: 5 days", "timeout: 0 days", "12:14"),
        ("timeout: 5 days", "timeout: 5000 days", "12:14"),
        ("timeout: 5 days", "timeout: 99999999999999999999 days", "12:14"),
        ("timeout: 5 days", "timeout: 5", "12:14"),
        ("timeout: 5 days", "timeout: on", "12:14"),
        ("timeout: 5 days", "timeout: {until: monday 9:00}", "12:22"),
        ("timeout: 5 days", "timeout: {for: 1 day, at: 25:00}", "12:31"),
    ],
)
def test_numbers_and_durations_are_never_another_value(
    tmp_path: Path, old: str, new: str, place: str
) -> None:
    compilation = compiled(tmp_path, edited(N, old, new))
    assert [f"{one.line}:{one.column}" for one in compilation.errors] == [place]


def test_all_problems_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    steps = """\
  - id: a
    dely: 3 days
  - id: b
    send: {template: mail/case, topc: service}
  - id: b
    wait: 3 dayz
  - id: c
    await:
      - {event: email_clicked, of: nobody, go: nowhere}
  - id: d
    send: {template: mail/case}
  - go: d
  - id: e
    stage: mlq
"""
    files = {**scenario(steps), **edited("scenarios/scoring.yaml", "points: 3", "points: three")}
    files["scenarios/broken.yaml"] = "a: ["
    files["scenarios/twin.yaml"] = FILES[N]
    compilation = compiled(tmp_path, files)
    text = render_text(compilation.diagnostics)
    assert {one.code for one in compilation.errors} >= {
        "SCN201",
        "SCN101",
        "SCN401",
        "SCN107",
        "SCN402",
        "SCN403",
        "SCN404",
        "SCN405",
        "SCN105",
        "SCN003",
        "SCN407",
    }
    for words in ("did you mean `topic`?", "write `3 days`", "did you mean `mql`?", "welcome.yaml:8:5"):
        assert words in text


@given(st.text(max_size=200))
def test_read_never_raises_on_text(text: str) -> None:
    root, codes = reading(text.encode("utf-8", "surrogatepass"))
    assert root is not None or codes


@given(st.binary(max_size=200))
def test_read_never_raises_on_bytes(data: bytes) -> None:
    root, codes = reading(data)
    assert root is not None or codes


YAML_SIGNS = st.text(alphabet=" \n\t-:{}[]&*!#'\"|>%@`,?abc12：　、\\~=<", max_size=80)


@given(YAML_SIGNS)
def test_read_never_raises_on_yaml_signs(text: str) -> None:
    root, codes = reading(text)
    assert root is not None or codes


def test_scalar_knows_whether_it_is_quoted() -> None:
    root, _ = reading("{a: 'true', b: true, c: \"true\"}")
    assert isinstance(root, Mapping)
    quoted = [value.plain for _, value in root.entries if isinstance(value, Scalar)]
    assert quoted == [False, True, False]
