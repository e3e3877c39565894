"""`leadloop up` as a person uses it: real processes, real mail, killed and started again."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import httpx
import pytest

from leadloop.delivery.mailbox import Mailbox
from leadloop.embedded.processes import free_port
from leadloop.language.skeletons import workspace_files

PROGRAM = str(Path(sys.executable).with_name("leadloop"))
PERSON = "taro@kaisha.example"
_PATIENCE = 60.0
_Found = TypeVar("_Found")


class Up:
    """One run of `leadloop up`."""

    def __init__(self, workspace: Path, state: Path) -> None:
        self.state = state
        self.log = state.with_suffix(".log")
        self._written = self.log.open("a")
        self._seen = self.log.stat().st_size
        self.process = subprocess.Popen(
            [PROGRAM, "up", "--workspace", str(workspace), "--state", str(state)],
            stdout=self._written,
            stderr=subprocess.STDOUT,
        )

    @property
    def output(self) -> str:
        return self.log.read_bytes()[self._seen :].decode()

    def wait_until_up(self) -> str:
        """Return the address of the web pages."""

        def address() -> str | None:
            assert self.process.poll() is None, self.output
            found = re.search(r"home:\s+(\S+)", self.output)
            return found[1] if found and "running" in self.output else None

        return eventually(address)

    def stop(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        code = self.process.wait(_PATIENCE)
        self._written.close()
        return code


def eventually(look: Callable[[], _Found | None]) -> _Found:
    """Return what `look` finds once it finds something."""
    deadline = time.monotonic() + _PATIENCE
    while (found := look()) is None:
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)
    return found


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """The first workspace of `leadloop new`, with mails that may go at any time."""
    folder = tmp_path / "workspace"
    for name, text in workspace_files("first").items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        always = "basis: [opt_in, customer], window: always, caps: exempt}"
        target.write_text(text.replace("basis: [opt_in, customer]}", always), encoding="utf-8")
    return folder


@pytest.fixture
def start(workspace: Path, tmp_path: Path) -> Iterator[Callable[[], Up]]:
    """Start `leadloop up` on one state folder; what a failed test leaves is stopped."""
    runs: list[Up] = []

    def begin() -> Up:
        runs.append(Up(workspace, tmp_path / "state"))
        return runs[-1]

    yield begin
    for run in runs:
        if run.process.poll() is None:
            run.stop(signal.SIGTERM)


def subjects(url: str, count: int) -> list[str]:
    """Return the subjects of the mailbox page once it has so many mails to the person."""

    def look() -> list[str] | None:
        page = httpx.get(f"{url}/mailbox", params={"q": PERSON}).text
        found = re.findall(r'href="/mailbox/[0-9a-f-]{36}"[^>]*>\s*([^<]+?)\s*<', page)
        return found if len(found) >= count else None

    return eventually(look)


def processes_of(state: Path) -> list[str]:
    """Return the command lines of this user's processes that name the state folder."""
    listing = subprocess.run(["ps", "-eo", "pid=,args="], capture_output=True, text=True, check=True)
    lines = [line for line in listing.stdout.splitlines() if str(state) in line]
    return [line for line in lines if int(line.split()[0]) != os.getpid() and " -m pytest" not in line]


def test_up_survives_kill_and_sends_each_mail_once(start: Callable[[], Up], tmp_path: Path) -> None:
    first = start()
    url = first.wait_until_up()
    answer = httpx.post(
        f"{url}/v1/forms/contact", json={"email": PERSON, "family_name": "山田", "consent": "true"}
    )
    assert answer.status_code == 202, answer.text
    subjects(url, 1)
    assert first.stop(signal.SIGKILL) == -signal.SIGKILL

    second = start()
    again = second.wait_until_up()
    assert again == url, "links in mails that were sent must go on working"
    state = tmp_path / "state"
    (mail,) = [one for one in Mailbox(state / "mailbox").list() if one.to == PERSON]
    parsed = Mailbox(state / "mailbox").get(mail.id)
    assert parsed is not None
    link = next(one for one in parsed.links if "/t/c/" in one.url)
    assert httpx.get(link.url).status_code == 302
    assert len(subjects(again, 2)) == 2

    third = subprocess.run([PROGRAM, "up", "--state", str(state), "--workspace", str(tmp_path / "workspace")],
                           capture_output=True, text=True)  # fmt: skip
    assert third.returncode == 1
    assert "another leadloop uses" in third.stderr

    looked = subprocess.run([PROGRAM, "doctor", "--state", str(state)], capture_output=True, text=True)
    assert looked.returncode == 0, looked.stdout + looked.stderr
    told = subprocess.run([PROGRAM, "why", PERSON, "--state", str(state)], capture_output=True, text=True)
    # Armed before or after the click: the turn differs, the branch that was taken does not.
    assert "await, branch 1, event email_clicked" in told.stdout

    assert second.stop(signal.SIGTERM) == 0
    assert processes_of(state) == []
    ids = [one.message_id for one in Mailbox(state / "mailbox").list() if one.to == PERSON]
    assert len(ids) == len(set(ids)) == 2


def test_up_refuses_a_workspace_with_errors(start: Callable[[], Up], workspace: Path) -> None:
    (workspace / "scenarios" / "broken.yaml").write_text("scenario: broken\nsteps: 3\n")
    run = start()
    assert run.process.wait(_PATIENCE) == 1
    assert "scenarios/broken.yaml:2:8: error" in run.output
    assert not (run.state / "leadloop.db").exists()


def test_up_uses_the_port_that_was_chosen_and_says_where_it_is_taken(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: Callable[[], Up]
) -> None:
    port = free_port()
    monkeypatch.setenv("LEADLOOP_PORT", str(port))
    assert start().wait_until_up() == f"http://127.0.0.1:{port}"
    command = [PROGRAM, "up", "--workspace", str(workspace), "--state", str(tmp_path / "other")]
    refused = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE)
    assert (refused.returncode, f"port {port} (LEADLOOP_PORT) is in use" in refused.stderr) == (1, True)
