"""The tutorials: every file and command of them, in a new folder, gives what they show.

`leadloop up` is the only command that is not run. In its place the workspace is published, as it does at its
start, and after every command the engine's work is done without Temporal. How a page marks its blocks:

- `<!-- file: PATH -->` before a block: the file is written. `<!-- edit: PATH -->` before a diff: it is
  edited.
- `$ COMMAND` in a `console` block, and below it what it prints; a line `…` stands for any lines.
- `<!-- output -->`: a block with all that the command before printed. `<!-- watch -->`: what `check --watch`
  has printed so far.
- `<!-- form: FORM ADDRESS FAMILY_NAME -->`: a person posts a form.
"""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest
from typer.testing import CliRunner

from leadloop.cli.environments import open_environment
from leadloop.cli.main import app
from leadloop.delivery.outbox import Outbox
from leadloop.delivery.render import Renderer
from leadloop.delivery.smtp import SmtpSender
from leadloop.delivery.tokens import Tokens
from leadloop.inbox.turns.editions import run_editions
from leadloop.storage.environment import Environment
from tests.delivery.sink import Sink
from tests.factories import SECRET
from tests.inbox.driver import report, settle

DOCS = Path(__file__).parents[1] / "docs"
PAGES = {"en": DOCS / "tutorial.md", "ja": DOCS / "tutorial.ja.md"}
HOME = "/home/sato/work"
PROGRAM = str(Path(sys.executable).with_name("leadloop"))
PATIENCE = 30.0

_BLOCK = re.compile(
    r"^(?:<!-- (?P<mark>\w+)(?:: (?P<words>[^>]+?))? -->\n)?```(?P<language>\w*)\n(?P<text>.*?)^```$"
    r"|^<!-- form: (?P<form>[^>]+?) -->$",
    re.MULTILINE | re.DOTALL,
)
_CHANGING = (
    (re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "ID"),
    (re.compile(r"\b[0-9a-f]{12}\b"), "DIGEST"),
    (re.compile(r"\b\d{4}-\d\d-\d\d\b"), "DAY"),
    (re.compile(r"\b\d\d:\d\d(?::\d\d)?\b"), "TIME"),
    (re.compile(r" {2,}"), "  "),
)


@dataclass(frozen=True)
class Block:
    """One thing to do, or one output to compare. `kind`: file, edit, command, output, watch, form."""

    kind: str
    words: str
    text: str = ""


def blocks(page: str) -> Iterator[Block]:
    """Return what a page has the reader do, in its order."""
    for found in _BLOCK.finditer(page):
        if found["form"]:
            yield Block("form", found["form"])
        elif found["mark"]:
            yield Block(found["mark"], found["words"] or "", found["text"])
        elif found["language"] == "console":
            for part in re.split(r"^\$ ", found["text"], flags=re.MULTILINE)[1:]:
                line, _, shown = part.partition("\n")
                yield Block("command", line, shown)


class Reader:
    """A person who does what the page says, in a folder."""

    def __init__(self, folder: Path, sink: Sink, patch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.sink = sink
        self.patch = patch
        self.output = ""
        self._up = False
        self._watching: subprocess.Popen[bytes] | None = None

    def do(self, block: Block) -> str | None:
        """Do what a block says. Return the output to compare with its text, `None` if there is none."""
        if block.kind == "file":
            path = Path(block.words)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
        elif block.kind == "edit":
            edit(Path(block.words), block.text)
        elif block.kind == "form":
            self._engine(*block.words.split(" "))
        elif block.kind == "output":
            return self.output
        elif block.kind == "watch":
            return self._watched(block.text)
        else:
            assert block.kind == "command", block.kind
            return self._command(block)
        return None

    def stop(self) -> None:
        if self._watching is not None:
            self._watching.send_signal(signal.SIGINT)
            self._watching.wait(PATIENCE)
            self._watching = None

    def _command(self, block: Block) -> str | None:
        program, *words = shlex.split(block.words)
        if program in ("make", "source"):
            return None
        if program == "mkdir":
            Path(words[0]).mkdir()
            return None
        if program == "cd":
            self.patch.chdir(words[0])
            return None
        assert program == "leadloop", block.words
        if words == ["up"]:
            self._run("db", "upgrade")
            self._run("publish")
            self._up = True
            return None
        if "--watch" in words:
            with Path("../watched").open("wb") as written:
                self._watching = subprocess.Popen([PROGRAM, *words], stdout=written, stderr=written)
            return self._watched(block.text)
        self.output = self._run(*words)
        return self.output

    def _run(self, *words: str) -> str:
        result = CliRunner().invoke(app, list(words), prog_name="leadloop")
        assert result.exception is None or isinstance(result.exception, SystemExit), result.output
        self._engine()
        return result.output.replace(str(self.folder), HOME)

    def _watched(self, shown: str) -> str:
        """Return all that `check --watch` has printed, once the last line shown is there."""
        last = plain(shown).splitlines()[-1]
        ends = time.monotonic() + PATIENCE
        path = Path("../watched")
        while True:
            text = path.read_text(encoding="utf-8")
            if last in plain(text).splitlines() or time.monotonic() > ends:
                return text
            time.sleep(0.1)

    def _engine(self, *post: str) -> None:
        """Do all that is due, as `leadloop up` would. `post`: form, address and family name of an entry."""
        if not self._up:
            return
        with open_environment() as env, Renderer() as renderer:
            if post:
                form, address, name = post
                report(
                    env, "form_submitted", email=address, source="form", trust="verified",
                    properties={"form": form}, identity={"family_name": name},
                )  # fmt: skip
            run_editions(env)
            sender = SmtpSender("127.0.0.1", self.sink.port, security="none")
            outbox = Outbox(env, renderer, sender, Tokens(env.keys), "https://leadloop.example/")

            def deliver(_: Environment, message: str) -> None:
                outbox.deliver(message, 1)

            settle(env, deliver)
            sender.close()


def edit(path: Path, diff: str) -> None:
    """Replace the lines of a diff, which must be there once."""
    lines = diff.splitlines(keepends=True)
    old = "".join(line[1:] for line in lines if line[0] != "+")
    new = "".join(line[1:] for line in lines if line[0] != "-")
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{path}: {old}"
    path.write_text(text.replace(old, new), encoding="utf-8")


def plain(text: str) -> str:
    """Return a text without what differs from run to run."""
    for pattern, word in _CHANGING:
        text = pattern.sub(word, text)
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def fits(shown: str, real: str) -> bool:
    """Say whether an output is the one shown; a line `…` stands for any lines."""
    lines = plain(shown).splitlines()
    pattern = "".join(r"(?:.*\n)*?" if line == "…" else re.escape(line) + r"\n" for line in lines)
    return re.fullmatch(pattern, plain(real) + "\n") is not None


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reader]:
    for name in ("LEADLOOP_DATABASE_URL", "LEADLOOP_STATE", "LEADLOOP_WORKSPACE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LEADLOOP_SECRET", SECRET.decode())
    monkeypatch.setenv("LOGNAME", "sato")
    monkeypatch.chdir(tmp_path)
    with Sink() as sink:
        monkeypatch.setenv("LEADLOOP_SMTP_HOST", "127.0.0.1")
        monkeypatch.setenv("LEADLOOP_SMTP_PORT", str(sink.port))
        found = Reader(tmp_path, sink, monkeypatch)
        yield found
        found.stop()


@pytest.mark.parametrize("language", PAGES)
def test_tutorial_shows_what_happens(language: str, reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADLOOP_LANG", language)
    for block in blocks(PAGES[language].read_text(encoding="utf-8")):
        real = reader.do(block)
        if real is not None and block.text.strip():
            assert fits(block.text, real), f"{block.words}\n{plain(real)}"
    subjects = [str(message_from_bytes(one, policy=default)["Subject"]) for one in reader.sink.mails]
    assert [one.startswith("[TEST] ") for one in subjects] == [True, False]


def test_tutorials_have_the_same_commands_and_files() -> None:
    english, japanese = (
        [(block.kind, block.words.replace(".ja.", ".en.")) for block in blocks(page.read_text("utf-8"))]
        for page in PAGES.values()
    )
    changed = [one for one in zip(english, japanese, strict=True) if one[0] != one[1] and one[0][0] != "form"]
    assert changed == []
