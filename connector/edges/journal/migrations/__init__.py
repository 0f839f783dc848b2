"""The steps by which a journal of an earlier version becomes one of this version, for Alembic.

A change of the tables is made twice: in :mod:`~connector.edges.journal.tables`, which a new journal
is made from, and in a new file in ``versions/``, for those that exist. Its ``revision`` becomes
``tables.HEAD``. A step that has been released is never changed, and it uses nothing of ``tables``,
which goes on without it.
"""

from __future__ import annotations

import sqlalchemy as sa

# Looked up by its beginning, or sorted: by code point in every database, whatever its locale.
Key = sa.String().with_variant(sa.String(collation="C"), "postgresql")
