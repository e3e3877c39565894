"""add the watermark and erasure

The count of handed over messages goes on from those that were claimed so far.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from leadloop.storage.columns import JSON_TYPE, UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_WAITS = sa.text("mirrored_at IS NULL")
_PARKED = sa.text("parked IS NOT NULL")


def upgrade() -> None:
    op.create_table(
        "handover",
        sa.Column("slot", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("slot"),
    )
    op.execute(
        "INSERT INTO handover (slot, number) SELECT 0, count(*) FROM message WHERE claimed_at IS NOT NULL"
    )
    op.create_table(
        "tombstone",
        sa.Column("lead_id", sa.String(), nullable=False),
        sa.Column("erased_at", UtcDateTime(), nullable=False),
        sa.Column("erased_by", sa.String(), nullable=False),
        sa.Column("identities", JSON_TYPE, nullable=False),
        sa.Column("suppressed", JSON_TYPE, nullable=False),
        sa.Column("mirrored_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("lead_id"),
    )
    op.create_index(
        "ix_tombstone_waits", "tombstone", ["lead_id"], sqlite_where=_WAITS, postgresql_where=_WAITS
    )
    op.create_index(
        "ix_event_parked", "event", ["subject_id"], sqlite_where=_PARKED, postgresql_where=_PARKED
    )


def downgrade() -> None:
    op.drop_index("ix_event_parked", table_name="event")
    op.drop_index("ix_tombstone_waits", table_name="tombstone")
    op.drop_table("tombstone")
    op.drop_table("handover")
