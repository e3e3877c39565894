"""add live workers, alerts, and an index of failed calls"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from leadloop.storage.columns import UtcDateTime

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_OPEN = sa.text("resolved_at IS NULL")
_UNSENT = sa.text("sent_at IS NULL")
_FAILED = sa.text("status = 'failed'")


def upgrade() -> None:
    op.create_table(
        "live_worker",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("build", sa.String(), nullable=False),
        sa.Column("plan_format", sa.Integer(), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_live_worker_seen_at", "live_worker", ["seen_at"])
    op.create_table(
        "alert",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("scenario", sa.String(), nullable=True),
        sa.Column("enrolment_id", sa.String(), nullable=True),
        sa.Column("message_id", sa.String(), nullable=True),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("raised_at", UtcDateTime(), nullable=False),
        sa.Column("resolved_at", UtcDateTime(), nullable=True),
        sa.Column("sent_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key"),
    )
    op.create_index("ix_alert_open", "alert", ["kind"], sqlite_where=_OPEN, postgresql_where=_OPEN)
    op.create_index("ix_alert_raised_at", "alert", ["raised_at"])
    op.create_index("ix_alert_unsent", "alert", ["raised_at"], sqlite_where=_UNSENT, postgresql_where=_UNSENT)
    op.create_index("ix_call_failed", "call", ["done_at"], sqlite_where=_FAILED, postgresql_where=_FAILED)


def downgrade() -> None:
    op.drop_index("ix_call_failed", table_name="call")
    op.drop_table("alert")
    op.drop_table("live_worker")
