"""index the queue of events, and what time will cause by lead"""

from __future__ import annotations

from alembic import op

from leadloop.storage.alembic.safely import make_index

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    make_index("ix_event_queue", "event", ["received_at"], where="applied_at IS NULL")
    make_index("ix_due_lead_id", "due", ["lead_id"])


def downgrade() -> None:
    op.drop_index("ix_due_lead_id", "due")
    op.drop_index("ix_event_queue", "event")
