"""Runs over a few students, requests that were taken, and incidents."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """A run says whom it was about; what is open is found by its action."""
    op.add_column("runs", sa.Column("scope", sa.String))
    op.add_column(
        "runs", sa.Column("after_gap", sa.Boolean, nullable=False, server_default=sa.false())
    )
    op.drop_index("ix_changes_outcome", "changes")
    op.create_index("ix_changes_outcome_action", "changes", ["outcome", "action"])
    unassigned = sa.text("student_number IS NULL AND identifier IS NOT NULL")
    op.create_index(
        "ix_events_unassigned",
        "events",
        ["number"],
        sqlite_where=unassigned,
        postgresql_where=unassigned,
    )
    op.create_table(
        "signatures",
        sa.Column("digest", sa.String, primary_key=True),
        sa.Column("at", sa.String, nullable=False, index=True),
    )
    op.create_table(
        "incidents",
        sa.Column("key", sa.String, primary_key=True),
        sa.Column("text", sa.String, nullable=False),
        sa.Column("opened_at", sa.String, nullable=False),
        sa.Column("closed_at", sa.String),
    )
