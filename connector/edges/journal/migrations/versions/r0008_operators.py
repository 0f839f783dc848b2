"""Who uses the service desk: tokens, sessions, links for once, repeated requests, looks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from connector.edges.journal.migrations import Key

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Five more tables."""
    op.create_table(
        "tokens",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("hash", Key, nullable=False, unique=True),
        sa.Column("role", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("networks", sa.String, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("made_by", sa.String, nullable=False),
        sa.Column("made_at", sa.String, nullable=False),
        sa.Column("until", sa.String, nullable=False),
        sa.Column("revoked_at", sa.String),
        sa.Column("revoked_by", sa.String),
        sa.Column("used_at", sa.String),
    )
    op.create_table(
        "desk_sessions",
        sa.Column("id", Key, primary_key=True),
        sa.Column("operator", sa.String, nullable=False),
        sa.Column("subject", sa.String, nullable=False),
        sa.Column("way", sa.String, nullable=False),
        sa.Column("role", sa.String),
        sa.Column("role_at", sa.String, nullable=False),
        sa.Column("opened_at", sa.String, nullable=False),
        sa.Column("used_at", sa.String, nullable=False),
        sa.Column("sealed", sa.LargeBinary),
    )
    op.create_table(
        "once",
        sa.Column("id", Key, primary_key=True),
        sa.Column("purpose", sa.String, nullable=False),
        sa.Column("made_by", sa.String, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("until", sa.String, nullable=False, index=True),
        sa.Column("used_at", sa.String),
    )
    op.create_table(
        "repeats",
        sa.Column("operator", Key, primary_key=True),
        sa.Column("key", Key, primary_key=True),
        sa.Column("request", sa.String, nullable=False),
        sa.Column("at", sa.String, nullable=False, index=True),
        sa.Column("status", sa.Integer),
        sa.Column("answer", sa.String),
    )
    op.create_table(
        "looks",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("at", sa.String, nullable=False, index=True),
        sa.Column("operator", sa.String, nullable=False),
        sa.Column("way", sa.String, nullable=False),
        sa.Column("address", sa.String, nullable=False),
        sa.Column("student_number", Key, nullable=False, index=True),
        sa.Column("what", sa.String, nullable=False),
    )
