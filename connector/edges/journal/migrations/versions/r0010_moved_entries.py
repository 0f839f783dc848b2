"""By what an entry is known that people decided about, wherever it is moved."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """One column; of earlier decisions only the place is known."""
    op.add_column("decisions", sa.Column("entry_id", sa.String))
