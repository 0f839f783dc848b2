"""The tables of the first version."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from connector.edges.journal.migrations import Key

revision = "0001"
down_revision = None


def upgrade() -> None:
    """What was seen and promised, what was done, and what arrived."""
    _people()
    _work()
    _events()


def _people() -> None:
    op.create_table(
        "meta",
        sa.Column("key", sa.String, primary_key=True),
        sa.Column("value", sa.String, nullable=False),
    )
    op.create_table(
        "enrolments",
        sa.Column("student_number", Key, primary_key=True),
        sa.Column("academic_year", sa.Integer, primary_key=True),
        sa.Column("step_code", Key, primary_key=True),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("family_name", sa.String, nullable=False),
        sa.Column("first_name", sa.String, nullable=False),
        sa.Column("birth_date", sa.String, nullable=False),
        sa.Column("usual_name", sa.String),
        sa.Column("civility", sa.String),
        sa.Column("birth_place", sa.String),
        sa.Column("ine", sa.String),
        sa.Column("component_code", sa.String),
        sa.Column("component_name", sa.String),
        sa.Column("step_name", sa.String),
        sa.Column("student_status", sa.String),
        sa.Column("contact_email", sa.String),
        sa.Column("enrolled_on", sa.String),
        sa.Column("step_mapped", sa.Boolean, nullable=False),
    )
    op.create_table(
        "accounts",
        sa.Column("student_number", Key, primary_key=True),
        sa.Column("dn", sa.String, nullable=False),
        sa.Column("uid", Key, nullable=False),
        sa.Column("address", Key, nullable=False),
        sa.Column("state", sa.String),
        sa.Column("since", sa.String),
        sa.Column("cutoff", sa.String),
        sa.Column("directory_year", sa.Integer),
        sa.Column("adopted_active", sa.Boolean, nullable=False),
        sa.Column("adopted_suspended", sa.Boolean, nullable=False),
        sa.Column("wrote", sa.String, nullable=False),
        sa.Column("ending", sa.String),
        sa.Column("expiry_written_on", sa.String),
        sa.Column("announced_end", sa.String),
        sa.Column("announced_on", sa.String),
        sa.Column("gone", sa.Boolean, nullable=False),
    )
    op.create_table(
        "reservations",
        sa.Column("identifier", Key, primary_key=True),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("value", sa.String, nullable=False),
        sa.Column("student_number", Key, nullable=False, index=True),
    )
    op.create_table(
        "overrides",
        sa.Column("student_number", Key, primary_key=True),
        sa.Column("kind", sa.String, primary_key=True),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("actor", sa.String, nullable=False),
        sa.Column("at", sa.String, nullable=False),
    )
    op.create_table(
        "sealed",
        sa.Column("student_number", Key, primary_key=True),
        sa.Column("slot", sa.String, primary_key=True),
        sa.Column("ciphertext", sa.LargeBinary, nullable=False),
        sa.Column("last_day", sa.String),
        sa.Column("printable", sa.Boolean, nullable=False),
    )
    op.create_table(
        "archive",
        sa.Column("student_number", Key, primary_key=True),
        sa.Column("dn", sa.String, nullable=False),
        sa.Column("attributes", sa.String, nullable=False),
        sa.Column("purged_on", sa.String, nullable=False),
    )


def _work() -> None:
    op.create_table(
        "runs",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("command", sa.String, nullable=False),
        sa.Column("actor", sa.String, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("whole", sa.Boolean, nullable=False),
        sa.Column("started_at", sa.String, nullable=False),
        sa.Column("ended_at", sa.String),
        sa.Column("exit_status", sa.Integer),
        sa.Column("students", sa.Integer),
        sa.Column("managed", sa.Integer),
        sa.Column("digest", sa.String),
        sa.Column("remaining_digest", sa.String),
    )
    op.create_table(
        "changes",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("run", sa.Integer, nullable=False, index=True),
        sa.Column("at", sa.String, nullable=False),
        sa.Column("actor", sa.String, nullable=False),
        sa.Column("action", sa.String, nullable=False),
        sa.Column("student_number", Key, nullable=False, index=True),
        sa.Column("dn", sa.String, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("outcome", sa.String, nullable=False, index=True),
        sa.Column("error", sa.String),
        sa.Column("attributes", sa.String, nullable=False),
        sa.Column("before", sa.String),
        sa.Column("after", sa.String),
        sa.Column("sealed", sa.String, nullable=False),
        sa.Column("gifts", sa.String, nullable=False),
    )


def _events() -> None:
    op.create_table(
        "events",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("id", sa.String, nullable=False),
        sa.Column("source", sa.String),
        sa.Column("type", sa.String),
        sa.Column("time", sa.String),
        sa.Column("received_at", sa.String, nullable=False),
        sa.Column("status", sa.String, nullable=False, index=True),
        sa.Column("reason", sa.String),
        sa.Column("identifier", Key),
        sa.Column("student_number", Key, index=True),
        sa.Column("digest", sa.String),
        sa.Column("body", sa.String),
        # A sender writes these, and PostgreSQL's other indexes take no more than 2,700 octets.
        sa.Index("ix_events_id", "id", postgresql_using="hash"),
        sa.Index("ix_events_identifier", "identifier", postgresql_using="hash"),
    )
    op.create_table(
        "gifts",
        sa.Column("student_number", Key, primary_key=True),
        sa.Column("field", sa.String, primary_key=True),
        sa.Column("value", sa.String, nullable=False),
        sa.Column("keep_copy", sa.Boolean, nullable=False),
        sa.Column("time", sa.String, nullable=False),
        sa.Column("source", sa.String, nullable=False),
        sa.Column("event", sa.String, nullable=False),
        sa.Column("applied", sa.Boolean, nullable=False),
    )
