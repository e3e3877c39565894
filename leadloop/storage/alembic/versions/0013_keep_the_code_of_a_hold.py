"""keep the code of a hold beside its reason"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from leadloop.storage.alembic.safely import add_column

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_CODES = (
    ("condition of %", "condition_failed"),
    ("goal failed: %", "condition_failed"),
    ("exited failed: %", "condition_failed"),
    ("%that date is not known", "unknown_date"),
    ("the new version has no step%", "lost_step"),
    ("%steps in one turn%", "loop"),
    ("no stream %", "no_stream"),
    ("the mail of %", "mail_failed"),
    ("the call of %", "call_failed"),
    ("% failed for an hour%", "turn_failed"),
    ("restored from a backup%", "restored"),
)
"""The beginnings of reasons that earlier versions wrote, and their codes."""


def upgrade() -> None:
    add_column("enrolment", sa.Column("held_code", sa.String(), nullable=True))
    reason: sa.ColumnClause[str] = sa.column("held_reason")
    code: sa.ColumnClause[str] = sa.column("held_code")
    enrolment = sa.table("enrolment", reason, code)
    known = sa.case(*((reason.like(text), word) for text, word in _CODES), else_="other")
    op.execute(sa.update(enrolment).where(reason.is_not(None), code.is_(None)).values(held_code=known))


def downgrade() -> None:
    op.drop_column("enrolment", "held_code")
