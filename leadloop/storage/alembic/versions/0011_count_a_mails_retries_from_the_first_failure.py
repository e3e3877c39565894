"""count a mail's retries from the first failure"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from leadloop.storage.alembic.safely import add_column
from leadloop.storage.columns import UtcDateTime

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    add_column("message", sa.Column("tried_since", UtcDateTime(), nullable=True))


def downgrade() -> None:
    op.drop_column("message", "tried_since")
