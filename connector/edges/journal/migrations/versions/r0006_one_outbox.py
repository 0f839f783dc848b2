"""Mails to students and alerts are in one outbox."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

from connector.edges.journal.migrations import Key

revision = "0006"
down_revision = "0005"

_UNSENT = "unsent:"  # an incident with such a key was an alert that had not left: unsent:WAY:KEY


def upgrade() -> None:
    """A message says by which way it leaves; alerts that have not left become messages."""
    waiting = sa.text("ended_at IS NULL")
    made = op.create_table(
        "outbox",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("key", Key, nullable=False, unique=True),
        sa.Column("way", sa.String, nullable=False),
        sa.Column("student_number", Key, index=True),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("address", sa.String),
        sa.Column("given", sa.String, nullable=False),
        sa.Column("made_at", sa.String, nullable=False),
        sa.Column("due_at", sa.String, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("ended_at", sa.String),
        sa.Column("trouble", sa.String),
        sa.Index(
            "ix_outbox_waiting", "way", "due_at", sqlite_where=waiting, postgresql_where=waiting
        ),
        sqlite_autoincrement=True,
    )
    kept = "key, student_number, kind, address, given, made_at, due_at, tries, ended_at, trouble"
    op.execute(
        f"INSERT INTO outbox (way, {kept}) "  # noqa: S608 - nothing of it comes from elsewhere
        f"SELECT 'student', {kept} FROM mails ORDER BY number"
    )
    op.drop_table("mails")
    alerts = list(_alerts())
    if alerts:
        op.bulk_insert(made, alerts)
    op.execute(f"DELETE FROM incidents WHERE key LIKE '{_UNSENT}%'")  # noqa: S608


def _alerts() -> Any:
    """The alerts of open incidents that have not left."""
    open_ = op.get_bind().execute(
        sa.text("SELECT key, text, opened_at FROM incidents WHERE closed_at IS NULL")
    )
    found = {row.key: row for row in open_}
    for mark, row in found.items():
        way, _, key = mark.removeprefix(_UNSENT).partition(":")
        # An incident that was to be opened after its mark, and was not, is told as it recurs.
        if mark.startswith(_UNSENT) and key in found:
            said = json.loads(row.text)
            yield {
                "key": f"{way}:{key}:{said['at']}",
                "way": way,
                "kind": key,
                "given": json.dumps({"what": said["what"], "cure": said["cure"]}),
                "made_at": row.opened_at,
                "due_at": row.opened_at,
                "tries": 0,
            }
