"""Rows without an object for each."""

from __future__ import annotations

import pytest
from sqlmodel import SQLModel

from leadloop.storage.inserting import new_row
from leadloop.storage.tables import Event, Lead
from tests.factories import NOW


@pytest.mark.parametrize(
    ("model", "values"),
    [
        (Lead, {"created_at": NOW, "email": "a@example.jp"}),
        (
            Event,
            {"subject_id": "s", "type": "t", "source": "api", "occurred_at": NOW, "received_at": NOW},
        ),
    ],
)
def test_new_row_has_what_an_object_would_have(model: type[SQLModel], values: dict[str, object]) -> None:
    row, other = new_row(model, **values), new_row(model, **values)
    assert row == model(**values).model_dump() | {"id": row["id"]}
    assert row["id"] != other["id"]
    assert all(
        row[name] is not other[name] for name in row if isinstance(row[name], list | dict)
    )  # nobody shares a default
