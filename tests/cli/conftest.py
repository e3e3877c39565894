"""A published database that the settings name, with one lead, as commands find it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from leadloop.storage.environment import Environment
from tests.factories import SECRET, make_environment, make_lead

ADDRESS = "yamada@example.jp"


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Environment]:
    """A lead 山田 太郎 (yamada@example.jp) who opted in, in a database of its own."""
    environment = make_environment(tmp_path)
    with environment.database.write() as session:
        make_lead(session, environment, email=ADDRESS, opt_in=True)
    monkeypatch.setenv("LEADLOOP_DATABASE_URL", environment.database.url)
    monkeypatch.setenv("LEADLOOP_SECRET", SECRET.decode())
    monkeypatch.setenv("LEADLOOP_STATE", str(tmp_path / "state"))
    yield environment
    environment.database.close()


@pytest.fixture(autouse=True)
def _english(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests read what commands print: in English, whatever the locale of the machine."""
    monkeypatch.setenv("LEADLOOP_LANG", "en")
