"""add failing_since: since when a journey's turn is asked for in vain"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from leadloop.storage.columns import UtcDateTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("enrolment", schema=None) as batch_op:
        batch_op.add_column(sa.Column("failing_since", UtcDateTime(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("enrolment", schema=None) as batch_op:
        batch_op.drop_column("failing_since")
