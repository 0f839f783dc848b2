"""What SQLAlchemy has made of a statement, kept for all journals of a process.

It is kept by engine, and a test opens a dozen: a third of a walk in this process went into making
the same SQL anew. The product opens its journal once.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.util import LRUCache

from connector.edges.journal import opening


@cache
def share() -> None:
    """Let the journals in files that are opened from now on have one dialect and one cache."""
    make = opening._file_engine
    kept: LRUCache[Any, Any] = LRUCache(2000)
    first: sa.Engine | None = None

    def file_engine(url: sa.URL) -> sa.Engine:
        nonlocal first
        engine = make(url)
        first = first or engine
        engine.dialect = engine.pool._dialect = first.dialect
        engine.update_execution_options(compiled_cache=kept)
        return engine

    opening._file_engine = file_engine
