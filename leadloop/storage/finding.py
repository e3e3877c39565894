"""Finding the rows of many values at once, each by its index."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import ARRAY, String, bindparam, func, select, true
from sqlmodel import Session


def rows_of_each(
    session: Session, statement: Any, column: Any, values: Iterable[str], **parameters: str
) -> Sequence[Any]:
    """Return the rows of a select in which `column` has one of the values; a value has one row at most.

    `statement` and `column` are constants of a module: what is built of them is kept. `parameters` are those
    that the statement names.

    PostgreSQL is made to look for each value by itself. Of a table that grew since it was last analysed it
    knows nothing, and answers `source = 'api' AND external_id IN (…)` by reading all rows of the source.
    """
    wanted = list(dict.fromkeys(values))
    if not wanted:
        return []
    connection = session.connection()
    built = _of_each(statement, column, connection.dialect.name == "postgresql")
    return connection.execute(built, {"wanted": wanted, **parameters}).all()


@lru_cache(maxsize=32)
def _of_each(statement: Any, column: Any, on_postgresql: bool) -> Any:
    if not on_postgresql:
        return statement.where(column.in_(bindparam("wanted", expanding=True)))
    each = func.unnest(bindparam("wanted", type_=ARRAY(String))).table_valued("value").render_derived()
    found = statement.where(column == each.c.value).limit(1).lateral("found")  # a limit keeps it apart
    return select(found).select_from(each.join(found, true()))
