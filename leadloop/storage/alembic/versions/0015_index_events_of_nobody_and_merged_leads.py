"""index the events of nobody, by visitor, and leads that were merged into others"""

from __future__ import annotations

from alembic import op

from leadloop.storage.alembic.safely import make_index

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    make_index("ix_event_nobody", "event", ["subject_id"], where="lead_id IS NULL AND applied_at IS NOT NULL")
    make_index("ix_lead_merged", "lead", ["merged_into"], where="merged_into IS NOT NULL")


def downgrade() -> None:
    op.drop_index("ix_lead_merged", "lead")
    op.drop_index("ix_event_nobody", "event")
