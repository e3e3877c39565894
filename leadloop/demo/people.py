"""The people of the demo: who they are, from the CSV file, and what they are like, from the seed."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from pathlib import Path
from random import Random
from typing import Literal

Interest = Literal["none", "mild", "keen"]

_ENGAGING_INDUSTRIES = ("it", "manufacturing")
_INDUSTRIES = ("retail", "finance", "other", "it")
_FORM_FIELDS = ("family_name", "given_name", "department", "job_title", "phone", "prefecture")
_FIRST_COMES_AFTER = timedelta(minutes=5)
_COMES = {True: 0.5, False: 0.12}
"""Chance to ask for the white paper: people the scenario is for, and people abroad."""
_COMES_WHEN = {"keen": (1.2, 6.0), "mild": (3.5, 1.4), "none": (4.5, 1.3)}
"""Beta distribution over the days: who looks for something comes first."""


@dataclass(frozen=True)
class Person:
    """One row of the file and a character. The same seed and row give the same person."""

    email: str
    fields: Mapping[str, str]
    """What the person writes into a form, the mail address among it."""
    consents: bool
    interest: Interest
    comes_after: timedelta | None
    """Scenario time from the start until the first form; None never comes."""
    opens: float
    """Chance to open a mail."""
    clicks: float
    """Chance to click in a mail that was opened."""
    leaves: float
    """Chance to unsubscribe, per mail opened."""
    returns: bool
    """Whether a lost deal leaves the door open."""


def read_people(path: Path, count: int, days: float, seed: int) -> list[Person]:
    """Return the first people of the file. Raises `OSError`."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(islice(csv.DictReader(file), count))
    return [_person(row, days, seed, first=number == 0) for number, row in enumerate(rows)]


def chance_of(seed: int, *names: object) -> Random:
    """Return the chances of one person in one situation, whatever else happens first. For play only."""
    return Random(":".join(map(str, (seed, *names))))  # noqa: S311


def _person(row: Mapping[str, str], days: float, seed: int, first: bool) -> Person:
    chance = chance_of(seed, row["email"])
    could_fit = _fit_points(row) >= 20 or not row["employees"]
    interest = _interest(chance, could_fit)
    eligible = row["country"] in ("JP", "")
    comes = chance.random() < _COMES[eligible]
    share = chance.betavariate(*_COMES_WHEN[interest])
    fields = {name: row[name] for name in _FORM_FIELDS if row[name]}
    fields |= {"email": row["email"], "company": row["company_name"]}
    fields |= _details(row, chance, interest)
    habits = {"none": (0.35, 0.08, 0.09), "mild": (0.6, 0.3, 0.05), "keen": (0.92, 0.75, 0.01)}
    opens, clicks, leaves = habits[interest]
    return Person(
        email=row["email"],
        fields={name: value for name, value in fields.items() if value},
        consents=bool(row["consent"]) or chance.random() < 0.5,
        interest=interest,
        comes_after=_FIRST_COMES_AFTER if first else timedelta(days=share * days) if comes else None,
        opens=opens,
        clicks=clicks,
        leaves=leaves,
        returns=chance.random() < 0.9,
    )


def _interest(chance: Random, could_fit: bool) -> Interest:
    draw = chance.random()
    if draw < (0.52 if could_fit else 0.2):
        return "keen"
    return "mild" if draw < 0.72 else "none"


def _details(row: Mapping[str, str], chance: Random, interest: Interest) -> dict[str, str]:
    """What a form asks beyond the file: keen people of larger companies say so."""
    size = chance.choice((120, 180, 250, 400, 800, 1500) if interest == "keen" else (12, 35, 60, 90, 150))
    industry = chance.choice(_ENGAGING_INDUSTRIES if interest == "keen" else _INDUSTRIES)
    return {"employees": row["employees"] or str(size), "industry": row["industry"] or industry}


def _fit_points(row: Mapping[str, str]) -> int:
    """The fit model of the shipped workspace, roughly: interest goes with it."""
    points = 20 if row["employees"] and int(row["employees"]) >= 100 else 0
    points += 15 if row["industry"] in _ENGAGING_INDUSTRIES else 0
    return points + (15 if "部長" in row["job_title"] else 0)
