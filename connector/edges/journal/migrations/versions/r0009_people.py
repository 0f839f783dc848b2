"""The index of people, the rows rejected by the latest full run, and figures day by day."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from connector.edges.journal.migrations import Key

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Five more tables; the next full run fills them."""
    _make_people()
    op.create_table("unfiled", sa.Column("student_number", Key, primary_key=True))
    op.create_table(
        "rejected_rows",
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("file", sa.String),
        sa.Column("line", sa.Integer),
        sa.Column("field", sa.String),
        sa.Column("value", sa.String),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("student_number", Key, index=True),
    )
    op.create_table(
        "figures",
        sa.Column("day", sa.String, primary_key=True),
        sa.Column("run", sa.Integer, nullable=False),
        sa.Column("at", sa.String, nullable=False),
        sa.Column("managed", sa.Integer, nullable=False),
        sa.Column("states", sa.String, nullable=False),
        sa.Column("budgets", sa.String, nullable=False),
    )


def _make_people() -> None:
    op.create_table(
        "people",
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("key", Key, nullable=False, unique=True),
        sa.Column("student_number", Key),
        *(sa.Column(name, sa.String) for name in ("dn", "uid", "login")),
        sa.Column("addresses", sa.String, nullable=False),
        *(
            sa.Column(name, sa.String, nullable=False)
            for name in ("family_name", "usual_name", "first_name", "shown")
        ),
        sa.Column("sort", Key, nullable=False),
        sa.Column("birth_date", sa.String),
        sa.Column("ine", Key),
        sa.Column("ine_folded", Key),
        sa.Column("state", sa.String, nullable=False),
        *(sa.Column(name, Key, nullable=False) for name in ("since", "until", "password_until")),
        sa.Column("suspended", sa.Boolean, nullable=False),
        *(
            sa.Column(name, sa.String, nullable=False)
            for name in ("situation", "candidates", "trouble")
        ),
        sa.Column("run", sa.Integer, nullable=False),
        sa.Column("seen_at", sa.String, nullable=False),
        sa.Column("digest", sa.BigInteger, nullable=False),
    )
    for name, *columns in (
        ("state_since", "state", "since"),
        ("state_until", "state", "until"),
        ("state_sort", "state"),
        ("situation", "situation"),
        ("born", "birth_date"),
    ):
        op.create_index(f"ix_people_{name}", "people", [*columns, "sort", "id"])
    for name, column in (("trouble", "trouble"), ("password", "password_until")):
        few = sa.column(column) != ""
        op.create_index(
            f"ix_people_{name}",
            "people",
            [column, "sort", "id"],
            sqlite_where=few,
            postgresql_where=few,
        )
    op.create_index("ix_people_ine", "people", ["ine_folded"])
    op.create_table(
        "people_words",
        sa.Column("word", Key, primary_key=True),
        sa.Column("sort", Key, primary_key=True),
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_people_words_id", "people_words", ["id", "word"])
