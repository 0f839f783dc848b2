"""What people decide about who is who, and the plans that they may have read."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from connector.edges.journal.migrations import Key

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Two more tables."""
    op.create_table(
        "decisions",
        sa.Column("kind", sa.String, primary_key=True),
        sa.Column("student_number", Key, primary_key=True),
        sa.Column("dn", sa.String, primary_key=True),
        sa.Column("until", sa.String),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("actor", sa.String, nullable=False),
        sa.Column("decided_on", sa.String, nullable=False),
        sa.Column("run", sa.Integer, nullable=False, index=True),
        sa.Column("seen", sa.String, nullable=False),
    )
    op.create_table(
        "read_plans",
        sa.Column("digest", sa.String, primary_key=True),
        sa.Column("at", sa.String, nullable=False),
        sa.Column("contents", sa.LargeBinary, nullable=False),
    )
