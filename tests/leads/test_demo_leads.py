"""The demo's leads: made by the script in the repository, harmless, and good for an import."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from collections import Counter
from pathlib import Path

from leadloop.leads.addresses import normalise_email
from leadloop.leads.importing import import_leads
from leadloop.storage.environment import Environment

ROOT = Path(__file__).parents[2]
FILE = ROOT / "demo" / "leads.csv"


def rows() -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(FILE.read_text("utf-8-sig"))))


def test_demo_leads_are_what_the_script_makes(tmp_path: Path) -> None:
    out = tmp_path / "leads.csv"
    script = ROOT / "scripts" / "make_demo_leads.py"
    subprocess.run([sys.executable, script, "--out", out], check=True)
    assert out.read_bytes() == FILE.read_bytes()


def test_demo_leads_reach_nobody() -> None:
    addresses = [row["email"] for row in rows()]
    assert len(addresses) == 200
    assert all(normalise_email(address) == address for address in addresses)
    assert {address.rpartition(".")[2] for address in addresses} == {"example"}


def test_demo_leads_are_mixed() -> None:
    people = rows()
    companies = Counter(row["company_name"] for row in people if row["company_name"])
    assert min(companies.most_common(10), key=lambda found: found[1])[1] >= 3
    for name in ("family_name", "department", "job_title", "industry", "employees", "consent"):
        empty = sum(not row[name] for row in people)
        assert 0 < empty < 100, name
    assert sum(row["family_name"].isascii() for row in people) >= 40


def test_demo_leads_import_without_a_problem_of_their_own(env: Environment) -> None:
    report = import_leads(env, FILE)
    assert (report.created, report.refused, report.ignored_columns) == (200, 0, ())
    assert {problem.field for problem in report.problems} <= {"industry"}  # `retail` is not declared here
