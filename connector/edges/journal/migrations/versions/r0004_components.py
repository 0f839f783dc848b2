"""Enrolments by component, who holds an account, and groups of the purged."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from connector.edges.journal.migrations import Key

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """An enrolment's key names its component; a link says what must still hold."""
    op.add_column("links", sa.Column("mark", sa.String))
    op.execute("DELETE FROM links")  # none has a mark, and they live for a day at most
    op.add_column("changes", sa.Column("password_since", sa.String))
    op.add_column("changes", sa.Column("guard", sa.String))
    op.add_column(
        "runs", sa.Column("approved_late", sa.Boolean, nullable=False, server_default=sa.false())
    )
    op.create_table(
        "holders",
        sa.Column("student_number", Key, primary_key=True),
        sa.Column("since", sa.String),
        sa.Column("event", sa.Integer, nullable=False),
        sa.Column("forgets", sa.Boolean, nullable=False),
        sa.Column("backup", sa.String),
    )
    op.create_table(
        "memberships",
        sa.Column("student_number", Key, primary_key=True),
        sa.Column("group_dn", sa.String, primary_key=True),
        sa.Column("attribute", sa.String, primary_key=True),
    )
    _enrolments()


def _enrolments() -> None:
    """Made anew: SQLite changes no primary key in place."""
    op.execute("CREATE TABLE former_enrolments AS SELECT * FROM enrolments")
    op.drop_table("enrolments")
    op.create_table(
        "enrolments",
        sa.Column("student_number", Key, primary_key=True),
        sa.Column("academic_year", sa.Integer, primary_key=True),
        sa.Column("step_code", Key, primary_key=True),
        sa.Column("component", Key, primary_key=True),
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
        sa.Column("postal_address", sa.String),
        sa.Column("step_mapped", sa.Boolean, nullable=False),
    )
    op.execute(
        "INSERT INTO enrolments "
        "SELECT student_number, academic_year, step_code, COALESCE(component_code, ''), status, "
        "family_name, first_name, birth_date, usual_name, civility, birth_place, ine, "
        "component_code, component_name, step_name, student_status, contact_email, enrolled_on, "
        "NULL, step_mapped FROM former_enrolments"
    )
    op.drop_table("former_enrolments")
