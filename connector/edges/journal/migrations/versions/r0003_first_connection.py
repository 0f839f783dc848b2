"""The first connection: who signs in, what is tried, links, and mails to students."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from connector.edges.journal.migrations import Key

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Five tables more."""
    op.create_table(
        "tries",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("key", Key, nullable=False),
        sa.Column("at", sa.String, nullable=False),
        sa.Index("ix_tries_key_at", "key", "at"),
    )
    op.create_table(
        "entrances",
        sa.Column("account", Key, primary_key=True),
        sa.Column("holder", sa.String, nullable=False),
        sa.Column("until", sa.String, nullable=False),
    )
    op.create_table(
        "sessions",
        sa.Column("id", Key, primary_key=True),
        sa.Column("student_number", Key, nullable=False, index=True),
        sa.Column("opened_at", sa.String, nullable=False),
        sa.Column("used_at", sa.String, nullable=False, index=True),
        sa.Column("kept", sa.String, nullable=False),
        sa.Column("sealed", sa.LargeBinary),
    )
    op.create_table(
        "links",
        sa.Column("id", Key, primary_key=True),
        sa.Column("purpose", sa.String, nullable=False),
        sa.Column("student_number", Key, nullable=False, index=True),
        sa.Column("value", sa.String, nullable=False),
        sa.Column("made_at", sa.String, nullable=False),
        sa.Column("expires_at", sa.String, nullable=False, index=True),
        sa.Column("used_at", sa.String),
    )
    waiting = sa.text("ended_at IS NULL")
    op.create_table(
        "mails",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("key", Key, nullable=False, unique=True),
        sa.Column("student_number", Key, nullable=False, index=True),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("address", sa.String, nullable=False),
        sa.Column("given", sa.String, nullable=False),
        sa.Column("made_at", sa.String, nullable=False),
        sa.Column("due_at", sa.String, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("ended_at", sa.String),
        sa.Column("trouble", sa.String),
        sa.Index("ix_mails_waiting", "due_at", sqlite_where=waiting, postgresql_where=waiting),
    )
