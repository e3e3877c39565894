"""add the rest of the language

Defaults are plain texts: SQLite adds such columns in place. For expressions alembic makes the table
anew and drops the old one, which rows that refer to it forbid.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from leadloop.storage.columns import JSON_TYPE, UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "experiment_winner",
        sa.Column("scenario", sa.String(), nullable=False),
        sa.Column("step_id", sa.String(), nullable=False),
        sa.Column("round", sa.String(), nullable=False),
        sa.Column("variant", sa.String(), nullable=False),
        sa.Column("figures", JSON_TYPE, nullable=False),
        sa.Column("decided_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("scenario", "step_id", "round"),
    )
    op.create_table(
        "record",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("lead_id", sa.String(), nullable=True),
        sa.Column("company_id", sa.String(), nullable=True),
        sa.Column("fields", JSON_TYPE, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["company_id"],
            ["company.id"],
        ),
        sa.ForeignKeyConstraint(
            ["lead_id"],
            ["lead.id"],
        ),
        sa.PrimaryKeyConstraint("kind", "key"),
    )
    with op.batch_alter_table("record", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_record_company_id"), ["company_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_record_lead_id"), ["lead_id"], unique=False)

    op.create_table(
        "topic_suppression",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("suppression_key", sa.String(), nullable=False),
        sa.Column("lead_id", sa.String(), nullable=False),
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("lift_on", JSON_TYPE, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("lifted_at", UtcDateTime(), nullable=True),
        sa.Column("lifted_by", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["lead_id"],
            ["lead.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("suppression_key", "topic"),
    )
    with op.batch_alter_table("topic_suppression", schema=None) as batch_op:
        batch_op.create_index("ix_topic_suppression_lead", ["lead_id", "topic"], unique=False)

    op.create_table(
        "call",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("call_key", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("enrolment_id", sa.String(), nullable=False),
        sa.Column("publication_id", sa.String(), nullable=False),
        sa.Column("step_id", sa.String(), nullable=False),
        sa.Column("visit", sa.Integer(), nullable=False),
        sa.Column("lead_id", sa.String(), nullable=False),
        sa.Column("scenario", sa.String(), nullable=False),
        sa.Column("to", sa.String(), nullable=False),
        sa.Column("template", sa.String(), nullable=True),
        sa.Column(
            "status",
            sa.Enum(
                "new", "calling", "done", "failed", "skipped", name="callstatus", native_enum=False, length=20
            ),
            nullable=False,
        ),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("code", sa.Integer(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("sink", sa.Boolean(), nullable=False),
        sa.Column("body", sa.String(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("done_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["enrolment_id"],
            ["enrolment.id"],
        ),
        sa.ForeignKeyConstraint(
            ["lead_id"],
            ["lead.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("call_key"),
    )
    with op.batch_alter_table("call", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_call_enrolment_id"), ["enrolment_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_call_lead_id"), ["lead_id"], unique=False)

    op.create_table(
        "experiment_draw",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("draw_key", sa.String(), nullable=False),
        sa.Column("scenario", sa.String(), nullable=False),
        sa.Column("step_id", sa.String(), nullable=False),
        sa.Column("round", sa.String(), nullable=False),
        sa.Column("enrolment_id", sa.String(), nullable=False),
        sa.Column("lead_id", sa.String(), nullable=False),
        sa.Column("variant", sa.String(), nullable=False),
        sa.Column("drawn_at", UtcDateTime(), nullable=False),
        sa.Column("drawn_seq", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["enrolment_id"],
            ["enrolment.id"],
        ),
        sa.ForeignKeyConstraint(
            ["lead_id"],
            ["lead.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("draw_key"),
    )
    with op.batch_alter_table("experiment_draw", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_experiment_draw_enrolment_id"), ["enrolment_id"], unique=False)
        batch_op.create_index("ix_experiment_draw_round", ["scenario", "step_id", "round"], unique=False)

    with op.batch_alter_table("due", schema=None) as batch_op:
        batch_op.add_column(sa.Column("detail", JSON_TYPE, nullable=False, server_default="{}"))

    with op.batch_alter_table("enrolment", schema=None) as batch_op:
        batch_op.add_column(sa.Column("subject_key", sa.String(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("move_to", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("locked_at", UtcDateTime(), nullable=True))
        batch_op.add_column(
            sa.Column("clock_shift_seconds", sa.Integer(), nullable=False, server_default="0")
        )
    op.execute("UPDATE enrolment SET subject_key = lead_id")
    with op.batch_alter_table("enrolment", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("uq_enrolment_open"), sqlite_where=sa.text("status <> 'ended'"))
        batch_op.create_index(
            "uq_enrolment_open",
            ["scenario", "subject_key", "record_key"],
            unique=True,
            sqlite_where=sa.text("status <> 'ended'"),
            postgresql_where=sa.text("status <> 'ended'"),
        )
        batch_op.create_index(
            "ix_enrolment_record",
            ["record_key"],
            unique=False,
            sqlite_where=sa.text("record_key <> ''"),
            postgresql_where=sa.text("record_key <> ''"),
        )

    with op.batch_alter_table("company", schema=None) as batch_op:
        batch_op.add_column(sa.Column("timezone", sa.String(), nullable=True))

    with op.batch_alter_table("lead", schema=None) as batch_op:
        batch_op.add_column(sa.Column("segments", JSON_TYPE, nullable=False, server_default="[]"))

    with op.batch_alter_table("offer", schema=None) as batch_op:
        batch_op.add_column(sa.Column("what", sa.String(), nullable=False, server_default="lead"))

    with op.batch_alter_table("publication", schema=None) as batch_op:
        batch_op.add_column(sa.Column("approved_by", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("expected_mails", sa.Integer(), nullable=True))

    with op.batch_alter_table("task", schema=None) as batch_op:
        batch_op.add_column(sa.Column("asks", JSON_TYPE, nullable=False, server_default="[]"))
        batch_op.add_column(sa.Column("asks_date", sa.Boolean(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("date", sa.String(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("task", schema=None) as batch_op:
        batch_op.drop_column("date")
        batch_op.drop_column("asks_date")
        batch_op.drop_column("asks")

    with op.batch_alter_table("publication", schema=None) as batch_op:
        batch_op.drop_column("expected_mails")
        batch_op.drop_column("approved_by")

    with op.batch_alter_table("offer", schema=None) as batch_op:
        batch_op.drop_column("what")

    with op.batch_alter_table("lead", schema=None) as batch_op:
        batch_op.drop_column("segments")

    with op.batch_alter_table("company", schema=None) as batch_op:
        batch_op.drop_column("timezone")

    with op.batch_alter_table("enrolment", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_enrolment_record",
            sqlite_where=sa.text("record_key <> ''"),
            postgresql_where=sa.text("record_key <> ''"),
        )
        batch_op.drop_index(
            "uq_enrolment_open",
            sqlite_where=sa.text("status <> 'ended'"),
            postgresql_where=sa.text("status <> 'ended'"),
        )
        batch_op.create_index(
            batch_op.f("uq_enrolment_open"),
            ["scenario", "lead_id", "record_key"],
            unique=1,
            sqlite_where=sa.text("status <> 'ended'"),
        )
        batch_op.drop_column("clock_shift_seconds")
        batch_op.drop_column("locked_at")
        batch_op.drop_column("move_to")
        batch_op.drop_column("subject_key")

    with op.batch_alter_table("due", schema=None) as batch_op:
        batch_op.drop_column("detail")

    with op.batch_alter_table("experiment_draw", schema=None) as batch_op:
        batch_op.drop_index("ix_experiment_draw_round")
        batch_op.drop_index(batch_op.f("ix_experiment_draw_enrolment_id"))

    op.drop_table("experiment_draw")
    with op.batch_alter_table("call", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_call_lead_id"))
        batch_op.drop_index(batch_op.f("ix_call_enrolment_id"))

    op.drop_table("call")
    with op.batch_alter_table("topic_suppression", schema=None) as batch_op:
        batch_op.drop_index("ix_topic_suppression_lead")

    op.drop_table("topic_suppression")
    with op.batch_alter_table("record", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_record_lead_id"))
        batch_op.drop_index(batch_op.f("ix_record_company_id"))

    op.drop_table("record")
    op.drop_table("experiment_winner")
