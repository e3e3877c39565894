"""Alembic's entry point: runs migrations on the engine that `leadloop.storage.migrations` gives."""

from __future__ import annotations

from alembic import context
from sqlmodel import SQLModel

from leadloop.storage import tables
from leadloop.storage.sqlite_file import SqliteFile

assert tables.Lead.metadata is SQLModel.metadata

engine = context.config.attributes["engine"]
if engine.dialect.name == "sqlite":
    SqliteFile(str(engine.url)).make()  # opening a database makes no file

with engine.connect() as connection:
    context.configure(
        connection=connection,
        target_metadata=SQLModel.metadata,
        render_as_batch=connection.dialect.name == "sqlite",
    )
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
