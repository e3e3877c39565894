"""let wakes that were asked for singly go before those of many journeys at once"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from leadloop.storage.alembic.safely import add_column, make_index

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    add_column("wake", sa.Column("bulk", sa.Boolean(), nullable=False, server_default=sa.false()))
    make_index("ix_wake_order", "wake", ["bulk", "asked_at"])


def downgrade() -> None:
    op.drop_index("ix_wake_order", "wake")
    op.drop_column("wake", "bulk")
