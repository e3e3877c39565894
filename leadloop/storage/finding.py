"""Finding the rows of many values at once, each by its index."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ARRAY, String, bindparam, func, select, true
from sqlmodel import Session


def rows_of_each(session: Session, statement: Any, column: Any, values: Iterable[str]) -> Sequence[Any]:
    """Return the rows of a select in which `column` has one of the values; a value has one row at most.

    PostgreSQL is made to look for each value by itself. Of a table that grew since it was last analysed it
    knows nothing, and answers `source = 'api' AND external_id IN (…)` by reading all rows of the source.
    """
    wanted = list(dict.fromkeys(values))
    if not wanted:
        return []
    connection = session.connection()
    if connection.dialect.name != "postgresql":
        return connection.execute(statement.where(column.in_(wanted))).all()
    each = func.unnest(bindparam("wanted", type_=ARRAY(String))).table_valued("value").render_derived()
    found = statement.where(column == each.c.value).limit(1).lateral("found")  # a limit keeps it apart
    return connection.execute(select(found).select_from(each.join(found, true())), {"wanted": wanted}).all()
