"""`leadloop preview`: every mail of a scenario for one lead, as files that a browser opens."""

from __future__ import annotations

import json
import re
import webbrowser
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from leadloop.cli.main import app
from leadloop.storage.environment import Environment
from tests.language.workspaces import edited, write

runner = CliRunner()
S = "scenarios/welcome.yaml"
ROOT = Path(__file__).parent.parent.parent
SHIPPED = sorted(
    path.stem
    for path in (ROOT / "scenarios").glob("*.yaml")
    if re.search(r"^scenario: ", text := path.read_text(encoding="utf-8"), re.MULTILINE)
    and re.search(r"\b(template|stream): ", text)
)
"""The shipped scenarios that send mail."""
THANKS = "templates/mail/thanks.ja.md"


def preview(folder: Path, *words: str, code: int = 0) -> dict[str, Any]:
    """Run the command into `out` beside the workspace; return its document."""
    arguments = ["preview", "welcome", "-w", str(folder), "-o", str(folder.parent / "out"), "--json", *words]
    result = runner.invoke(app, arguments)
    assert result.exit_code == code, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def refused(folder: Path, *words: str) -> str:
    result = runner.invoke(app, ["preview", "welcome", "-w", str(folder), *words])
    assert result.exit_code == 1, result.output
    return result.stderr


def lead_file(tmp_path: Path, text: str, name: str = "lead.yaml") -> str:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "workspace")


def test_preview_renders_every_mail_of_the_scenario(folder: Path) -> None:
    found = preview(folder)
    assert [(mail["step"], mail["part"]) for mail in found["mails"]] == [
        ("thanks", ""),
        ("case", ""),
        ("tips", "item 1 of tips"),
        ("tips", "item 2 of tips"),
    ]
    out = folder.parent / "out"
    for mail in found["mails"]:
        assert mail["text"] == (out / mail["text_file"]).read_text()
        assert "<!DOCTYPE html>" in (out / mail["html_file"]).read_text()
        assert mail["subject"] in (out / "index.html").read_text()


def test_preview_without_a_lead_makes_up_a_japanese_one(folder: Path) -> None:
    found = preview(folder)
    assert found["lead"] == "a made-up lead"
    assert "株式会社サンプル 情報システム部 山田 太郎 様" in found["mails"][0]["text"]


def test_preview_lists_links_as_the_author_wrote_them(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "workspace", edited(THANKS, "本文です。", "[導入事例](https://acme.example/case?a=1&b=2)")
    )
    (thanks, *_) = preview(folder)["mails"]
    assert thanks["links"] == [{"name": "導入事例", "url": "https://acme.example/case?a=1&b=2"}]
    html = (tmp_path / "out" / thanks["html_file"]).read_text()
    assert "https://acme.example/case?a=1&amp;b=2" in html
    assert "/t/c/" not in html
    assert "/t/o/" not in html


def test_preview_of_a_lead_in_a_yaml_file(folder: Path, tmp_path: Path) -> None:
    lead = lead_file(tmp_path, "family_name: 佐藤\ncompany: {name: 東京製作所}\nemployees: 300\n")
    assert "東京製作所 佐藤 様" in preview(folder, "--lead", lead)["mails"][0]["text"]


def test_preview_of_a_lead_in_a_json_file(folder: Path, tmp_path: Path) -> None:
    lead = lead_file(tmp_path, '{"family_name": "鈴木", "tags": ["vip"], "employees": 12}', "lead.json")
    assert "鈴木 様" in preview(folder, "--lead", lead)["mails"][0]["text"]


@pytest.mark.parametrize(("name", "text"), [("lead.yaml", ""), ("lead.yaml", "{}"), ("lead.json", "{}")])
def test_preview_of_an_empty_lead(folder: Path, tmp_path: Path, name: str, text: str) -> None:
    for mail in preview(folder, "--lead", lead_file(tmp_path, text, name))["mails"]:
        assert "ご担当者様" in mail["text"]


def test_preview_of_a_lead_in_the_database(folder: Path, published: Environment) -> None:
    found = preview(folder, "--lead", "yamada@example.jp")
    assert "山田 太郎 様" in found["mails"][0]["text"]
    assert "サンプル" not in found["mails"][0]["text"]


def test_preview_of_an_unknown_lead(folder: Path, published: Environment) -> None:
    assert "there is no such lead" in refused(folder, "--lead", "nobody@example.jp")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("familly_name: 佐藤\n", "did you mean `family_name`?"),
        ("employees: many\n", "`employees`: not a whole number"),
        ("industry: bakery\n", "`industry`: not one of manufacturing, it"),
        ("company: {nmae: 東京製作所}\n", "did you mean `name`?"),
        ("score: {engagment: 30}\n", "did you mean `engagement`?"),
        ("- a\n", "write fields of a lead"),
        ("family_name: [\n", "lead.yaml"),
    ],
)
def test_preview_refuses_a_wrong_lead_file(folder: Path, tmp_path: Path, text: str, problem: str) -> None:
    message = refused(folder, "--lead", lead_file(tmp_path, text))
    assert problem in message
    assert "Traceback" not in message


def test_preview_of_a_missing_lead_file(folder: Path) -> None:
    assert "No such file" in refused(folder, "--lead", "nobody.yaml")


def test_preview_of_one_step(folder: Path) -> None:
    assert [mail["step"] for mail in preview(folder, "--step", "case")["mails"]] == ["case"]


def test_preview_of_a_step_that_sends_nothing(folder: Path) -> None:
    assert "`read` is a `await` step of welcome and sends no mail" in refused(folder, "--step", "read")
    assert "did you mean `thanks`?" in refused(folder, "--step", "thnaks")


def test_preview_of_an_unknown_scenario(folder: Path) -> None:
    result = runner.invoke(app, ["preview", "welcom", "-w", str(folder)])
    assert result.exit_code == 1
    assert "did you mean `welcome`?" in result.stderr


def test_preview_shows_values_of_the_journey(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "workspace", edited(THANKS, "本文です。", "{{ run.entry.form }} {{ lead.industry }}")
    )
    (mail, *_) = preview(folder)["mails"]
    assert "whitepaper" in mail["text"]  # what the entry asks for
    (mail, *_) = preview(folder, "--with", "run.entry.form=contact", "--with", "lead.industry=it")["mails"]
    assert "contact it" in mail["text"]


def test_preview_takes_values_of_company_cycle_and_steps(tmp_path: Path) -> None:
    template = "{{ lead.company.name }}/{{ run.cycle }}/{{ lead.family_name }}"
    folder = write(tmp_path / "workspace", edited(THANKS, "本文です。", template))
    words = ["lead.company.name=東京製作所", "run.cycle=2", "lead.family_name=", "run.read.outcome=x"]
    pairs = [word for pair in words for word in ("--with", pair)]
    (mail, *_) = preview(folder, *pairs)["mails"]
    assert "東京製作所/2/" in mail["text"]
    assert "山田" not in mail["text"]


@pytest.mark.parametrize(
    ("pair", "problem"),
    [
        ("run.entry.forms=contact", "did you mean `form`?"),
        ("run.entry.form=bakery", "not one of whitepaper, contact"),
        ("run.seminar.title=x", "a journey has no `run.seminar`"),
        ("lead.industri=it", "did you mean `industry`?"),
        ("industry=it", "write `NAME=VALUE`"),
        ("run.cycle", "write `NAME=VALUE`"),
        ("sender.name=x", "begin the name with `run.` or `lead.`"),
    ],
)
def test_preview_refuses_a_wrong_value(folder: Path, pair: str, problem: str) -> None:
    assert problem in refused(folder, "--with", pair)


def test_preview_uses_the_subject_of_the_step(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "workspace",
        edited(S, "topic: service}", "topic: service, subject: '{{ lead.family_name }}様へのご案内'}"),
    )
    assert preview(folder)["mails"][0]["subject"] == "山田様へのご案内"


def test_preview_names_template_and_line_of_a_failure(tmp_path: Path) -> None:
    preview(write(tmp_path / "workspace"))
    folder = write(tmp_path / "workspace", edited(THANKS, "本文です。", "{{ lead.employees ** 99 }}"))
    found = preview(folder, code=1)
    assert not (tmp_path / "out" / "01-thanks.html").exists()  # of the preview before
    assert found["mails"][0]["problem"].startswith("templates/mail/thanks.ja.md:5: ")
    assert found["mails"][1]["problem"] is None
    assert "templates/mail/thanks.ja.md:5" in (tmp_path / "out" / "index.html").read_text()


def test_preview_refuses_files_with_errors(tmp_path: Path) -> None:
    folder = write(tmp_path / "workspace", edited(S, "go: tips", "go: tpis"))
    message = refused(folder)
    assert "SCN402" in message
    assert "nothing was rendered" in message


def test_preview_writes_to_a_new_folder_and_opens_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    result = runner.invoke(app, ["preview", "welcome", "-w", str(folder), "--open"])
    assert result.exit_code == 0, result.output
    page = Path(result.stdout.splitlines()[-1])
    assert opened == [page.as_uri()]
    assert "thanks: こんにちは" in result.stdout


def test_preview_page_escapes_what_a_lead_is_called(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "workspace", edited(THANKS, "subject: こんにちは", "subject: '{{ lead.family_name }}様'")
    )
    preview(folder, "--lead", lead_file(tmp_path, "family_name: <script>x</script>"))
    page = (tmp_path / "out" / "index.html").read_text()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize("scenario", SHIPPED)
def test_preview_renders_every_mail_of_the_shipped_scenarios(scenario: str, tmp_path: Path) -> None:
    result = runner.invoke(app, ["preview", scenario, "-w", str(ROOT), "-o", str(tmp_path / "out"), "--json"])
    assert result.exit_code == 0, result.output
    assert [mail["problem"] for mail in json.loads(result.stdout)["mails"] if mail.get("problem")] == []
