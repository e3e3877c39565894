"""Alembic's entry point: runs migrations on the engine that `leadloop.storage.migrations` gives."""

from __future__ import annotations

from alembic import context
from sqlmodel import SQLModel

from leadloop.storage import tables

assert tables.Lead.metadata is SQLModel.metadata

with context.config.attributes["engine"].connect() as connection:
    context.configure(
        connection=connection,
        target_metadata=SQLModel.metadata,
        render_as_batch=connection.dialect.name == "sqlite",
    )
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
