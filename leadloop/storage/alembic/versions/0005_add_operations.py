"""add operations

A clock that stands still does so because of sales: nothing else could stop one before.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from leadloop.storage.columns import JSON_TYPE, UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "operation",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("scenario", sa.String(), nullable=True),
        sa.Column("enrolment_id", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("detail", JSON_TYPE, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("operation", schema=None) as batch_op:
        batch_op.create_index("ix_operation_at", ["at"], unique=False)
        batch_op.create_index("ix_operation_enrolment", ["enrolment_id"], unique=False)
        batch_op.create_index("ix_operation_scenario", ["scenario"], unique=False)

    with op.batch_alter_table("enrolment", schema=None) as batch_op:
        batch_op.add_column(sa.Column("retry", sa.Boolean(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("stops", JSON_TYPE, nullable=False, server_default="{}"))
    op.execute('UPDATE enrolment SET stops = \'{"sales": "freeze"}\' WHERE locked_at IS NOT NULL')


def downgrade() -> None:
    with op.batch_alter_table("enrolment", schema=None) as batch_op:
        batch_op.drop_column("stops")
        batch_op.drop_column("retry")

    with op.batch_alter_table("operation", schema=None) as batch_op:
        batch_op.drop_index("ix_operation_scenario")
        batch_op.drop_index("ix_operation_enrolment")
        batch_op.drop_index("ix_operation_at")

    op.drop_table("operation")
