"""The steps by which a journal of an earlier version becomes one of this version, for Alembic.

A change of the tables is made twice: in :mod:`~connector.edges.journal.tables`, which a new journal
is made from, and in a new file in ``versions/``, for those that exist, which is named after its
``revision``. A step that has been released is never changed, and it uses nothing of ``tables``,
which goes on without it.
"""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

STEPS = tuple(sorted(one.name[1:5] for one in Path(__file__).parent.glob("versions/r[0-9]*.py")))
"""The revisions that this version knows, in their order."""

HEAD = STEPS[-1]

# Looked up by its beginning, or sorted: by code point in every database, whatever its locale.
Key = sa.String().with_variant(sa.String(collation="C"), "postgresql")
