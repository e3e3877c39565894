from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import event as sql_event
from sqlmodel import col, func, select

from leadloop.inbox.apply import apply_pending
from leadloop.inbox.ingestion.ingest import IncomingEvent, ingest
from leadloop.leads.consent import may_mail
from leadloop.leads.csv_files import CsvFileError
from leadloop.leads.identity import find_lead
from leadloop.leads.importing import ImportReport, import_leads
from leadloop.storage.database import lock_lead
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Event, Lead

JAPANESE = """メールアドレス,姓,名,会社名,部署,役職,電話番号,都道府県,業種,従業員数,メルマガ,備考
taro@acme.example,山田,太郎,㈱アクメ,情報システム部,部長,０３－１２３４－５６７８,東京都,IT,"1,200名",希望する,要連絡
hanako@beta.example,佐藤,花子,ベータ商事（株）,,,,大阪府,,,不要,
"""

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_file(text: str, encoding: str = "utf-8") -> Path:
        path = tmp_path / "leads.csv"
        path.write_bytes(text.encode(encoding))
        return path

    return write_file


def counts(report: ImportReport) -> tuple[int, int, int, int]:
    assert report.rows == report.created + report.updated + report.unchanged + report.refused
    return report.created, report.updated, report.unchanged, report.refused


def apply_all(env: Environment) -> None:
    with env.database.write() as session:
        for lead_id in session.exec(select(Lead.id)).all():
            apply_pending(session, env, lock_lead(session, lead_id), env.clock.now())


def get_lead(env: Environment, email: str) -> Lead:
    with env.database.read() as session:
        lead = find_lead(session, env, email)
    assert lead is not None
    return lead


def allowed(env: Environment, email: str) -> bool:
    workspace = env.publications.current().publication.workspace
    with env.database.read() as session:
        lead = find_lead(session, env, email)
        assert lead is not None
        return may_mail(session, env, lead, "nurture", workspace, env.clock.now()).allowed


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932"])
def test_import_reads_japanese_files(env: Environment, write: Write, encoding: str) -> None:
    report = import_leads(env, write(JAPANESE, encoding))
    assert counts(report) == (2, 0, 0, 0)
    assert (report.problems, report.ignored_columns) == ([], ("備考",))
    assert report.encoding == ("cp932" if encoding == "cp932" else "utf-8-sig")
    apply_all(env)
    lead = get_lead(env, "taro@acme.example")
    assert (lead.family_name, lead.given_name, lead.company_name) == ("山田", "太郎", "(株)アクメ")
    assert (lead.department, lead.job_title, lead.prefecture) == ("情報システム部", "部長", "東京都")
    assert (lead.phone, lead.fields) == ("0312345678", {"industry": "it", "employees": 1200})
    assert lead.company_id is not None
    assert allowed(env, "taro@acme.example")
    assert not allowed(env, "hanako@beta.example")


def test_import_records_lead_created_once(env: Environment, write: Write) -> None:
    path = write(JAPANESE)
    import_leads(env, path)
    assert counts(import_leads(env, path)) == (0, 0, 2, 0)
    apply_all(env)
    assert counts(import_leads(env, path)) == (0, 0, 2, 0)
    with env.database.read() as session:
        assert session.exec(select(Event.type, Event.source)).all() == [("lead_created", "import")] * 2
        assert session.exec(select(func.count(col(Lead.id)))).one() == 2


def test_import_updates_known_leads(env: Environment, write: Write) -> None:
    import_leads(env, write("email,family_name,job_title\ntaro@acme.example,山田,課長\n"))
    report = import_leads(env, write("email,family_name,job_title\nTARO@acme.example,,部長\n"))
    assert counts(report) == (0, 1, 0, 0)
    lead = get_lead(env, "taro@acme.example")
    assert (lead.family_name, lead.job_title) == ("山田", "部長")


def test_import_updates_same_address_within_a_file(env: Environment, write: Write) -> None:
    text = "email,job_title\ntaro@acme.example,課長\ntaro@ACME.example,部長\n"
    assert counts(import_leads(env, write(text))) == (1, 1, 0, 0)
    assert get_lead(env, "taro@acme.example").job_title == "部長"


def test_import_lets_conditions_see_an_update(env: Environment, write: Write) -> None:
    """A changed lead goes the way of every change: its pending events first, then its consequences."""
    import_leads(env, write("email\ntaro@acme.example\n"))
    with env.database.write() as session:
        lead = find_lead(session, env, "taro@acme.example")
        assert lead is not None
        view = IncomingEvent("form_submitted", {"form": "contact"}, lead_id=lead.id)
        assert ingest(session, env, [view])[0].status == "accepted"
    import_leads(env, write("email,family_name\ntaro@acme.example,山田\n"))
    assert get_lead(env, "taro@acme.example").stage == "mql"


def test_import_never_overrules_a_refusal(env: Environment, write: Write) -> None:
    path = write("email,consent\ntaro@acme.example,yes\n")
    import_leads(env, path)
    apply_all(env)
    assert allowed(env, "taro@acme.example")
    with env.database.write() as session:
        ingest(session, env, [IncomingEvent("unsubscribed", {}, email="taro@acme.example")])
    assert counts(import_leads(env, path)) == (0, 0, 1, 0)
    assert not allowed(env, "taro@acme.example")


def test_import_gives_known_lead_its_first_consent(env: Environment, write: Write) -> None:
    import_leads(env, write("email\ntaro@acme.example\n"))
    assert not allowed(env, "taro@acme.example")
    assert counts(import_leads(env, write("email,opt_in\ntaro@acme.example,1\n"))) == (0, 1, 0, 0)
    assert allowed(env, "taro@acme.example")


def test_import_lists_bad_rows_and_takes_good_ones(env: Environment, write: Write) -> None:
    text = (
        "email,name,employees,industry\n"
        "taro@acme.example,山田 太郎,many,it\n"
        "\n"
        '"two\nlines",佐藤,10,it\n'
        ",鈴木,10,it\n"
        "jiro@acme.example,Jiro Tanaka,10,farming,extra\n"
        "hana\x00ko@acme.example,花子,10,it\n"
        "saburo@acme.example,Saburo Ito\n"
    )
    report = import_leads(env, write(text))
    assert counts(report) == (2, 0, 0, 4)
    assert [(found.line, found.field) for found in report.problems] == [
        (2, "employees"),
        (4, "email"),
        (6, "email"),
        (7, None),
        (8, None),
    ]
    apply_all(env)
    taro, saburo = get_lead(env, "taro@acme.example"), get_lead(env, "saburo@acme.example")
    assert (taro.family_name, taro.given_name, taro.fields) == ("山田", "太郎", {"industry": "it"})
    assert (saburo.family_name, saburo.given_name) == ("Ito", "Saburo")


@pytest.mark.parametrize(
    ("tail", "reason"),
    [
        ('jiro@acme.example,"山田\nx@acme.example,\n', "never closed"),
        ('jiro@acme.example,"a"b\nx@acme.example,\n', "inside a cell"),
        ('jiro@acme.example,"' + "あ" * 30_000 + '"\nx@acme.example,\n', "more than 20000"),
        ("jiro@acme.example," + "x" * 200_000 + "\nx@acme.example,\n", "more than 20000"),
    ],
)
def test_import_keeps_rows_before_a_break(env: Environment, write: Write, tail: str, reason: str) -> None:
    report = import_leads(env, write("email,family_name\ntaro@acme.example,山田\n" + tail))
    assert counts(report) == (1, 0, 0, 0)
    (problem,) = report.problems
    assert problem.line == 3
    assert reason in problem.problem
    assert "rest of the file" in problem.problem


@pytest.mark.parametrize(
    ("text", "encoding", "reason"),
    [
        ("", "utf-8", "empty"),
        ("\n\n", "utf-8", "empty"),
        ("name,company\nTaro,Acme\n", "utf-8", "no column is headed"),
        ("email,メールアドレス\na@b.example,c@d.example\n", "utf-8", "both mean `email`"),
        ("email,会社,会社名\n", "utf-8", "both mean `company`"),
        ("email\ntaro@acme.example\n", "utf-16", "UTF-16"),
        ("email,name\ntaro@acme.example,Zoë\n", "latin-1", "line 2: the file is neither"),
        ('"email,name\n', "utf-8", "never closed"),
    ],
)
def test_import_refuses_files_it_cannot_read(
    env: Environment, write: Write, text: str, encoding: str, reason: str
) -> None:
    with pytest.raises(CsvFileError, match=reason):
        import_leads(env, write(text, encoding))
    with env.database.read() as session:
        assert session.exec(select(Lead)).all() == []


def test_import_refuses_a_missing_file(env: Environment, tmp_path: Path) -> None:
    with pytest.raises(CsvFileError, match="cannot read"):
        import_leads(env, tmp_path / "nothing.csv")


@pytest.mark.parametrize("separator", ["\t", ";"])
def test_import_takes_other_separators(env: Environment, write: Write, separator: str) -> None:
    text = "E-mail,Last Name,TEL\r\ntaro@acme.example,Yamada,0312345678\r\n"
    assert counts(import_leads(env, write(text.replace(",", separator)))) == (1, 0, 0, 0)


def test_dry_run_counts_and_writes_nothing(env: Environment, write: Write) -> None:
    import_leads(env, write("email\ntaro@acme.example\n"))
    text = "email,employees\ntaro@acme.example,1\njiro@acme.example,x\njiro@acme.example,2\nnobody,1\n"
    report = import_leads(env, write(text), dry_run=True)
    assert counts(report) == (1, 2, 0, 1)
    assert [found.line for found in report.problems] == [3, 5]
    with env.database.read() as session:
        assert session.exec(select(func.count(col(Lead.id)))).one() == 1


def test_import_works_in_batches(env: Environment, write: Write) -> None:
    rows = "".join(f"p{number}@acme.example\n" for number in range(1100))
    seen: list[int] = []
    report = import_leads(env, write("email\n" + rows), progress=lambda now: seen.append(now.created))
    assert counts(report) == (1100, 0, 0, 0)
    assert seen == [500, 1000, 1100]


def test_import_costs_no_statement_for_each_new_row(env: Environment, write: Write) -> None:
    counted = []
    for name, rows in (("few", 5), ("many", 60)):
        statements: list[str] = []

        def note(_c: object, _k: object, statement: str, *_: object, into: list[str] = statements) -> None:
            into.append(statement)

        text = "email\n" + "".join(f"{name}{number}@acme.example\n" for number in range(rows))
        sql_event.listen(env.database.engine, "before_cursor_execute", note)
        assert counts(import_leads(env, write(text))) == (rows, 0, 0, 0)
        sql_event.remove(env.database.engine, "before_cursor_execute", note)
        counted.append(len(statements))
    assert counted[1] <= counted[0] + 5


def test_problems_do_not_repeat_cells(env: Environment, write: Write) -> None:
    report = import_leads(env, write("email,phone,employees\nsecret@@acme.example,secret,secret\n"))
    assert len(report.problems) == 3
    assert "secret" not in str(report.problems)
