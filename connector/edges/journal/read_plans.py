"""The plans that somebody may have read: what an approval is compared with."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa

from connector.edges.journal.rows import stamp
from connector.edges.journal.store import Store, upsert
from connector.edges.journal.tables import read_plans

_KEPT = 10  # the latest


class ReadPlans(Store):
    """The contents of the latest plans that were held."""

    def keep_plan(self, digest: str, contents: Mapping[str, str], at: datetime) -> None:
        """Keep what a plan would have done; the oldest ones are forgotten.

        A plan that is held is computed again by each run: what is kept of it stays as it is.
        """
        with self._reading("reading the plans") as connection:
            if connection.scalar(sa.select(read_plans.c.at).where(read_plans.c.digest == digest)):
                return
        row = {
            "digest": digest,
            "at": stamp(at),
            "contents": zlib.compress(json.dumps(dict(contents)).encode()),
        }
        latest = sa.select(read_plans.c.at).order_by(read_plans.c.at.desc()).limit(_KEPT)
        with self._writing("keeping a plan") as connection:
            upsert(connection, read_plans, [row])
            times = list(connection.scalars(latest))
            connection.execute(sa.delete(read_plans).where(read_plans.c.at < min(times)))

    def kept_plan(self, digest: str) -> dict[str, str] | None:
        """What the plan with this digest would have done; None: it is not kept."""
        query = sa.select(read_plans.c.contents).where(read_plans.c.digest == digest)
        with self._reading("reading a plan") as connection:
            found: bytes | None = connection.scalar(query)
        if found is None:
            return None
        kept: dict[str, str] = json.loads(zlib.decompress(found))
        return kept
