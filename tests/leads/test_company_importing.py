"""Importing companies, and what a file of leads says of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlmodel import col, select

from leadloop.inbox.applier import apply_once
from leadloop.leads.company_importing import import_companies
from leadloop.leads.csv_files import CsvFileError
from leadloop.leads.importing import ImportReport, import_leads
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Company, Lead
from tests.factories import ManualClock
from tests.inbox.entry_worlds import world

COMPANIES = """会社名,ドメイン,担当営業,ステージ,タイムゾーン,備考
株式会社アクメ,acme.example,sato@acme.example,商談中,Asia/Tokyo,要連絡
Beta GmbH,beta.example,,,Europe/Berlin,
,,sato@acme.example,,,
株式会社ガンマ,gmail.com,,,,
"""
LEADS = """メールアドレス,会社名,担当営業,企業ステージ,会社ドメイン,企業タイムゾーン
hanako@acme.example,株式会社アクメ,sato@acme.example,商談中,acme.example,Asia/Tokyo
jiro@gmail.com,,suzuki@acme.example,,,
eva@beta.example,Beta GmbH,nobody,,beta.example,Europe/Berlin
"""
ACME = ("株式会社アクメ", "acme.example", "sato@acme.example", "商談中", "Asia/Tokyo")
BETA = ("Beta GmbH", "beta.example", None, None, "Europe/Berlin")


@pytest.fixture
def env(tmp_path: Path, clock: ManualClock) -> Iterator[Environment]:
    opened = world(tmp_path, clock)
    yield opened
    opened.database.close()


def write(tmp_path: Path, text: str, encoding: str = "utf-8") -> Path:
    path = tmp_path / "企業.csv"
    path.write_bytes(text.encode(encoding))
    return path


def companies(env: Environment) -> list[tuple[str | None, ...]]:
    with env.database.read() as session:
        rows = session.exec(select(Company).order_by(col(Company.name))).all()
    return [(row.name, row.domain, row.owner, row.stage, row.timezone) for row in rows]


def counts(report: ImportReport) -> tuple[int, int, int, int]:
    return report.created, report.updated, report.unchanged, report.refused


@pytest.mark.parametrize("encoding", ["utf-8", "cp932"])
def test_companies_come_in_once_however_often_the_file_does(
    env: Environment, tmp_path: Path, encoding: str
) -> None:
    path = write(tmp_path, COMPANIES, encoding)
    assert counts(import_companies(env, path, dry_run=True)) == (2, 0, 0, 2)
    assert companies(env) == []
    first = import_companies(env, path)
    assert counts(first) == (2, 0, 0, 2)
    assert [(one.line, one.field) for one in first.problems] == [(4, "name"), (5, "domain")]
    assert first.ignored_columns == ("備考",)
    assert companies(env) == [BETA, ACME]
    assert counts(import_companies(env, path)) == (0, 0, 2, 2)
    assert counts(import_companies(env, write(tmp_path, "name,stage\n㈱アクメ,受注\n"))) == (0, 1, 0, 0)


def test_file_without_name_and_domain_is_refused(env: Environment, tmp_path: Path) -> None:
    with pytest.raises(CsvFileError, match="会社名"):
        import_companies(env, write(tmp_path, "owner\nsato@acme.example\n"))


def test_file_of_leads_writes_their_companies(env: Environment, tmp_path: Path) -> None:
    path = write(tmp_path, LEADS)
    report = import_leads(env, path)
    apply_once(env)
    assert counts(report) == (3, 0, 0, 0)
    assert sorted((one.line, one.field) for one in report.problems) == [(3, "company"), (4, "company_owner")]
    assert companies(env) == [BETA, ACME]
    with env.database.read() as session:
        attached = select(Lead.email, Company.owner).where(Lead.company_id == Company.id)
        owners = session.exec(attached.order_by(col(Lead.email))).all()
    assert owners == [("eva@beta.example", None), ("hanako@acme.example", "sato@acme.example")]
    assert counts(import_leads(env, path)) == (0, 0, 3, 0)
    assert counts(import_leads(env, write(tmp_path, LEADS.replace("商談中", "受注")))) == (0, 1, 2, 0)
