"""add up old scores, and find journeys by indexes: what is overdue, and who was there before"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from leadloop.storage.alembic.safely import add_column, make_index

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_KIND = {"sqlite": "json_extract(next, '$.kind')", "postgresql": "(next ->> 'kind')"}


def upgrade() -> None:
    add_column("score_entry", sa.Column("message_id", sa.String(), nullable=True))
    add_column("score_entry", sa.Column("entries", sa.Integer(), nullable=False, server_default="1"))
    add_column("score_entry", sa.Column("equivalent", sa.Float(), nullable=True))
    kind = _KIND[op.get_context().dialect.name]
    acting, closing = f"status = 'running' AND {kind} <> 'wait'", f"status = 'ended' AND {kind} <> 'end'"
    make_index("ix_enrolment_subject", "enrolment", ["subject_key", "scenario"])
    make_index("ix_enrolment_fresh", "enrolment", ["moved_at"], where="status = 'running' AND turn_no = 0")
    make_index("ix_enrolment_acting", "enrolment", ["moved_at"], where=acting)
    make_index("ix_enrolment_closing", "enrolment", ["ended_at"], where=closing)
    make_index("ix_armed_wait_satisfied", "armed_wait", ["satisfied_at"], where="satisfied_at IS NOT NULL")


def downgrade() -> None:
    op.drop_index("ix_armed_wait_satisfied", "armed_wait")
    for name in ("closing", "acting", "fresh", "subject"):
        op.drop_index(f"ix_enrolment_{name}", "enrolment")
    for column in ("equivalent", "entries", "message_id"):
        op.drop_column("score_entry", column)
