"""add visitors"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from leadloop.storage.columns import UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "visitor",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("visitor_hmac", sa.String(), nullable=False),
        sa.Column("lead_id", sa.String(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["lead_id"], ["lead.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("visitor_hmac"),
    )
    op.create_index(op.f("ix_visitor_lead_id"), "visitor", ["lead_id"], unique=False)
    op.create_index(op.f("ix_visitor_seen_at"), "visitor", ["seen_at"], unique=False)


def downgrade() -> None:
    op.drop_table("visitor")
