"""Tries of passwords, counted over a moving window, and who tries an account's just now."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from connector.edges.journal.rows import exact
from connector.edges.journal.store import Store, beginning_with, upsert
from connector.edges.journal.tables import entrances, tries


@dataclass(frozen=True, slots=True)
class Window:
    """A limit on attempts with one key within a period, wherever the period begins.

    With a ``group``, the limit is on the number of different keys that begin with it; a key that
    is among them already may be tried again.
    """

    key: str
    limit: int
    period: timedelta
    group: str = ""


@dataclass(frozen=True, slots=True)
class Full:
    """A window that has no room for another try, and when it has again."""

    window: Window
    until: datetime


class Tries(Store):
    """The tries in the journal. Several processes count as one."""

    def full_window(self, windows: Sequence[Window], at: datetime) -> Full | None:
        """The first of the windows that is full, or None; nothing is counted."""
        with self._reading("counting tries") as connection:
            return _full(connection, windows, at)

    def add_tries(self, windows: Sequence[Window], at: datetime) -> tuple[int, ...] | Full:
        """Count one try in each of the windows, or in none if one is full.

        The result is the numbers of its rows, by which it can be taken back, or the full window.
        """
        full = self.full_window(windows, at)  # a refusal takes no write lock
        if full is not None:
            return full
        with self._writing("counting a try") as connection:
            full = _full(connection, windows, at)
            if full is not None:
                return full
            rows = [{"key": window.key, "at": exact(at)} for window in windows]
            statement = sa.insert(tries).returning(tries.c.number)
            return tuple(connection.scalars(statement, rows))

    def enter(self, account: str, holder: str, at: datetime, until: datetime) -> bool:
        """Be the only one who tries an account until it is settled; False: somebody else is.

        A holder that should be done by now (``until``) is taken for dead.
        """
        doing = "looking whether an account is being tried"
        taken = sa.select(entrances.c.holder).where(
            entrances.c.account == account, entrances.c.until >= exact(at)
        )
        with self._reading(doing) as connection:
            if connection.scalar(taken) is not None:
                return False
        with self._writing(doing) as connection:
            if connection.scalar(taken) is not None:
                return False
            row = {"account": account, "holder": holder, "until": exact(until)}
            upsert(connection, entrances, [row])
            return True

    def settle(
        self, holder: str, good: Collection[int] = (), forgiven: Collection[str] = ()
    ) -> None:
        """This holder is done; take back the tries that were good, and all of forgiven keys."""
        with self._writing("settling a try") as connection:
            connection.execute(sa.delete(entrances).where(entrances.c.holder == holder))
            if good:
                connection.execute(sa.delete(tries).where(tries.c.number.in_(good)))
            if forgiven:
                connection.execute(sa.delete(tries).where(tries.c.key.in_(forgiven)))

    def tried(self, start: str, since: datetime) -> list[str]:
        """The keys that begin so and were tried since, in their order."""
        [condition] = beginning_with(tries.c.key, [start])
        query = sa.select(tries.c.key).distinct()
        query = query.where(condition, tries.c.at >= exact(since))
        with self._reading("looking up what was tried") as connection:
            return sorted(connection.scalars(query))

    def keys_tried(self, start: str, since: datetime) -> int:
        """How many different keys that begin so were tried since."""
        query = sa.select(sa.func.count(tries.c.key.distinct())).where(tries.c.at >= exact(since))
        with self._reading("counting what was tried") as connection:
            return sum(
                connection.scalar(query.where(condition)) or 0
                for condition in beginning_with(tries.c.key, [start])
            )

    def forget_tries(self, before: Mapping[str, datetime], at: datetime) -> None:
        """Forget the tries of keys that begin so and were made before, and who died trying."""
        old = sa.or_(
            *(
                sa.and_(condition, tries.c.at < exact(instant))
                for start, instant in before.items()
                for condition in beginning_with(tries.c.key, [start])
            )
        )
        over = entrances.c.until < exact(at)
        self._forget("forgetting old tries", {tries: old, entrances: over})


def _full(connection: sa.Connection, windows: Sequence[Window], at: datetime) -> Full | None:
    for window in windows:
        # The limit-th latest try: while it lies within the period there is no room.
        within = tries.c.at > exact(at - window.period)
        if window.group:
            [among] = beginning_with(tries.c.key, [window.group])
            latest = sa.func.max(tries.c.at)
            query = sa.select(latest).where(among, tries.c.key != window.key, within)
            query = query.group_by(tries.c.key).order_by(latest.desc())
        else:
            query = sa.select(tries.c.at).where(tries.c.key == window.key, within)
            query = query.order_by(tries.c.at.desc())
        found = connection.scalar(query.offset(window.limit - 1).limit(1))
        if found is not None:
            return Full(window, datetime.fromisoformat(found) + window.period)
    return None
