"""The program `leadloop`: its list of commands, its help, how it fails."""

from __future__ import annotations

import errno
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

import leadloop
from leadloop.cli.failures import explain
from leadloop.cli.lazy import LazyCommand, LazyGroup
from leadloop.cli.main import Commands, app
from leadloop.sales.commands import SalesError
from leadloop.storage.database import StorageError
from leadloop.storage.migrations import SchemaError
from tests.language.workspaces import write

ROOT = Path(__file__).parents[2]
runner = CliRunner()
NAMES = [one.name for one in Commands.table]


def test_help_lists_every_command_with_a_line() -> None:
    result = runner.invoke(app, ["--help"])
    assert result.exit_code == 0
    for one in Commands.table:
        assert f"{one.name} " in result.stdout
        assert one.summary in result.stdout


@pytest.mark.parametrize("name", NAMES)
def test_every_command_explains_itself(name: str) -> None:
    result = runner.invoke(app, [name, "--help"])
    assert result.exit_code == 0, result.output
    assert f" {name} " in result.stdout.splitlines()[0]
    assert len(result.stdout.splitlines()) > 4


@pytest.mark.parametrize(
    "words",
    [
        ["lead", "list"], ["lead", "show"], ["lead", "timeline"], ["event", "send"],
        ["db", "upgrade"], ["db", "check"], ["deal", "lost"],
        ["key", "create"], ["key", "list"], ["key", "revoke"],
        ["journey", "list"], ["journey", "show"], ["journey", "pause"], ["journey", "resume"],
        ["journey", "cancel"], ["journey", "retry"], ["sending", "stop"], ["sending", "start"],
        ["sending", "status"],
    ],
)  # fmt: skip
def test_every_command_of_a_group_explains_itself(words: list[str]) -> None:
    result = runner.invoke(app, [*words, "--help"])
    assert result.exit_code == 0
    assert "Options:" in result.stdout


@pytest.mark.parametrize(
    "words",
    [["status"], ["scenarios"], ["why"], ["doctor"], ["publish"], ["lead", "list"], ["lead", "show"],
     ["lead", "timeline"], ["event", "send"], ["import"], ["deal", "lost"],
     ["preview"], ["send"], ["plan"], ["diff"], ["enrol"], ["migrate"], ["operations"], ["journey", "list"],
     ["journey", "show"], ["journey", "pause"], ["journey", "resume"], ["journey", "cancel"],
     ["journey", "retry"], ["sending", "stop"], ["sending", "start"], ["sending", "status"]],
)  # fmt: skip
def test_commands_that_print_data_have_json(words: list[str]) -> None:
    assert "--json" in runner.invoke(app, [*words, "--help"]).stdout


@pytest.mark.parametrize(
    "words",
    [["publish"], ["send"], ["event", "send"], ["import"], ["enrol"], ["db", "upgrade"], ["migrate"],
     ["journey", "pause"], ["journey", "resume"], ["journey", "cancel"], ["journey", "retry"],
     ["sending", "stop"], ["sending", "start"]],
)  # fmt: skip
def test_commands_that_change_things_have_dry_run(words: list[str]) -> None:
    assert "--dry-run" in runner.invoke(app, [*words, "--help"]).stdout


def test_version() -> None:
    assert runner.invoke(app, ["--version"]).stdout == f"leadloop {leadloop.__version__}\n"


def test_unknown_command_suggests_one() -> None:
    result = runner.invoke(app, ["statis"])
    assert result.exit_code == 2
    assert "Did you mean 'status'" in result.stderr


def test_check_and_help_import_nothing_heavy(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from leadloop.cli.main import main\n"
        "try:\n"
        "    main()\n"
        "except SystemExit as end:\n"
        "    heavy = {'sqlmodel', 'sqlalchemy', 'temporalio', 'fastapi', 'alembic', 'httpx', 'structlog',"
        " 'pydantic_settings'}\n"
        "    print(end.code, sorted(heavy & set(sys.modules)))\n"
    )
    for arguments in (["check", "-w", str(write(tmp_path))], ["--help"]):
        result = subprocess.run(
            [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True, cwd=ROOT
        )
        assert result.stdout.splitlines()[-1] == "0 []", result.stdout


def test_program_as_installed_runs_check(tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("leadloop")
    result = subprocess.run([program, "check", "-w", write(tmp_path)], capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (0, "1 scenario ok\n")


# --- failures


def failing(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> typer.Typer:
    """Return a program whose one command raises this error."""

    def command() -> None:
        """Fail."""
        raise error

    monkeypatch.setattr(sys.modules[__name__], "_command", command, raising=False)

    class Failing(LazyGroup):
        table = (LazyCommand("fail", f"{__name__}:_command", "Fail.", logs=False),)

    program = typer.Typer(cls=Failing, rich_markup_mode=None)

    @program.callback()
    def _root() -> None:
        """A program."""

    return program


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (StorageError("no plan abc"), "leadloop: no plan abc\n"),
        (SchemaError("run `leadloop db upgrade`"), "leadloop: run `leadloop db upgrade`\n"),
        (SalesError("invalid", "no such reason", "reason"), "leadloop: reason: no such reason\n"),
        (OSError(errno.EADDRINUSE, "Address already in use"), "leadloop: Address already in use\n"),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), "leadloop: Permission denied (/x)\n"),
        (BaseExceptionGroup("both", [StorageError("a"), StorageError("b")]), "leadloop: a; b\n"),
    ],
)
def test_known_failure_is_one_line_and_exit_1(
    error: BaseException, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = runner.invoke(failing(error, monkeypatch), ["fail"])
    assert (result.exit_code, result.stderr, result.stdout) == (1, text, "")


@pytest.mark.parametrize(
    "error", [KeyError("defect"), ExceptionGroup("mixed", [StorageError("a"), KeyError("defect")])]
)
def test_defect_is_not_swallowed(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    result = runner.invoke(failing(error, monkeypatch), ["fail"])
    assert result.exception is error


def _raised(work: Callable[[], object]) -> BaseException:
    try:
        work()
    except BaseException as error:
        return error
    raise AssertionError("nothing was raised")


def test_bad_setting_is_named_without_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    from leadloop.settings import Settings

    monkeypatch.setenv("LEADLOOP_SMTP_PORT", "geheim")
    text = explain(_raised(Settings))
    assert text is not None
    assert "LEADLOOP_SMTP_PORT" in text
    assert "geheim" not in text


def test_bad_database_address_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADLOOP_DATABASE_URL", "no address")
    result = runner.invoke(app, ["status"])
    assert result.exit_code == 1
    assert result.stderr.startswith("leadloop: LEADLOOP_DATABASE_URL is no database address")


def test_unreachable_database_is_explained(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LEADLOOP_STATE", str(tmp_path))
    monkeypatch.setenv(
        "LEADLOOP_DATABASE_URL", "postgresql+psycopg://nobody@127.0.0.1:1/none?connect_timeout=2"
    )
    result = runner.invoke(app, ["status"])
    assert result.exit_code == 1
    assert result.stderr.startswith("leadloop: the database cannot be used: connection failed")
    assert len(result.stderr.splitlines()) == 1


def test_missing_database_is_not_made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("LEADLOOP_DATABASE_URL", raising=False)
    result = runner.invoke(app, ["status", "--state", str(tmp_path / "none")])
    assert result.exit_code == 1
    assert "leadloop up" in result.stderr
    assert not (tmp_path / "none").exists()


def test_closed_pipe_ends_quietly(tmp_path: Path) -> None:
    folder = write(tmp_path)
    program = Path(sys.executable).with_name("leadloop")
    with subprocess.Popen(
        [program, "graph", "welcome", "-w", folder], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert "Traceback" not in process.stderr.read()
