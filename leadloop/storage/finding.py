"""Finding the rows of many values at once, each by its index.

PostgreSQL is made to look for each value by itself. Of a table that grew since it was last analysed, or of
a scenario that is new to it, it knows nothing, and answers `source = 'api' AND external_id IN (…)` by
reading all rows of the source. It reads all leads, too, where it takes 500 of 50,000 for many.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, TypeVar

from sqlalchemy import ARRAY, String, any_, bindparam, column, func, literal_column, select, true
from sqlalchemy.orm import aliased
from sqlmodel import Session, SQLModel

_Model = TypeVar("_Model", bound=SQLModel)


def rows_of_each(
    session: Session, statement: Any, by: Any, values: Iterable[str], **parameters: Any
) -> Sequence[Any]:
    """Return the rows of a select of columns in which `by` has one of the values, in no order.

    `statement` and `by` are constants of a module: what is built of them is kept. `parameters` are those
    that the statement names.
    """
    wanted = list(dict.fromkeys(values))
    if not wanted:
        return []
    connection = session.connection()
    built = _of_each(statement, by, None, None, connection.dialect.name == "postgresql")
    return connection.execute(built, {"wanted": wanted, **parameters}).all()


def objects_of_each(
    session: Session,
    model: type[_Model],
    statement: Any,
    by: Any,
    values: Iterable[str],
    *,
    among: Callable[[Any], Any] | None = None,
    **parameters: Any,
) -> Sequence[_Model]:
    """Do the same with a select of a model, and return its objects.

    `among`, a function of a module, gets the model and returns a condition for what the values have found:
    no index is chosen by it, though one begins with what it asks for.
    """
    wanted = list(dict.fromkeys(values))
    if not wanted:
        return []
    built = _of_each(statement, by, model, among, session.get_bind().dialect.name == "postgresql")
    return session.scalars(built, {"wanted": wanted, **parameters}).all()


def update_each(session: Session, statement: Any, by: Any, values: Iterable[str], **parameters: Any) -> None:
    """Let an update change the rows in which `by` has one of the values. The caller has locked them."""
    wanted = list(dict.fromkeys(values))
    if wanted:
        connection = session.connection()
        built = _update_of_each(statement, by, connection.dialect.name == "postgresql")
        connection.execute(built, {"wanted": wanted, **parameters})


@lru_cache(maxsize=32)
def _of_each(
    statement: Any,
    by: Any,
    model: type[SQLModel] | None,
    among: Callable[[Any], Any] | None,
    on_postgresql: bool,
) -> Any:
    if not on_postgresql:
        built = statement.where(by.in_(bindparam("wanted", expanding=True)))
        return built if among is None else built.where(among(model))
    each, found = _apart(statement, by)
    asked = found if model is None else aliased(model, found)
    built = select(asked).select_from(each.join(found, true()))
    if among is not None:
        built = built.where(among(asked))
    return built.execution_options(**statement.get_execution_options())


@lru_cache(maxsize=32)
def _update_of_each(statement: Any, by: Any, on_postgresql: bool) -> Any:
    if not on_postgresql:
        return statement.where(by.in_(bindparam("wanted", expanding=True)))
    # A row stays where it is, its `ctid`, while it is locked and not updated.
    table = statement.table.alias("place")
    each, found = _apart(select(column("ctid")).select_from(table), table.c[by.key])
    places = select(found.c.ctid).select_from(each.join(found, true())).scalar_subquery()
    return statement.where(column("ctid") == any_(func.array(places)))


def _apart(statement: Any, by: Any) -> tuple[Any, Any]:
    """Return the values, and what is found for one of them."""
    each = func.unnest(bindparam("wanted", type_=ARRAY(String))).table_valued("value").render_derived()
    # The offset keeps it apart: the planner would make one join of it, and be where it was.
    return each, statement.where(by == each.c.value).offset(literal_column("0")).lateral("found")
