"""count retries from the first try"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from leadloop.storage.alembic.safely import add_column
from leadloop.storage.columns import UtcDateTime

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    add_column("call", sa.Column("tried_since", UtcDateTime(), nullable=True))


def downgrade() -> None:
    op.drop_column("call", "tried_since")
