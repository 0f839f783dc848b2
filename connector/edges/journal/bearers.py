"""Tokens by which programs use the API, and what is good for a single use."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from connector.core.roles import Role
from connector.edges.journal.rows import instant, stamp
from connector.edges.journal.store import Store, insert_missing
from connector.edges.journal.tables import once, tokens

USE_NOTED = timedelta(hours=1)  # between two notes that a token is in use


@dataclass(frozen=True, slots=True)
class Token:
    """What is known of a token; not the token itself, of which a hash is kept."""

    id: int
    role: Role
    name: str
    networks: tuple[str, ...]  # empty: from anywhere
    reason: str
    made_by: str
    made_at: datetime
    until: datetime  # the first instant at which it is no longer good
    revoked_at: datetime | None = None
    revoked_by: str | None = None
    used_at: datetime | None = None  # to the hour

    def is_good(self, now: datetime) -> bool:
        """Whether it is neither revoked nor over."""
        return self.revoked_at is None and now < self.until


@dataclass(frozen=True, slots=True)
class Once:
    """Something good for a single use, with who made it and why."""

    made_by: str
    reason: str
    until: datetime


class Bearers(Store):
    """The tokens in the journal."""

    def add_token(
        self,
        digest: str,
        role: Role,
        name: str,
        networks: Sequence[str],
        made: tuple[str, str, datetime],
        until: datetime,
    ) -> Token:
        """Keep a token by its digest. ``made``: by whom, why and when."""
        by, reason, at = made
        row = {
            "hash": digest,
            "role": role.value,
            "name": name,
            "networks": json.dumps(list(networks)),
            "reason": reason,
            "made_by": by,
            "made_at": stamp(at),
            "until": stamp(until),
        }
        with self._writing("keeping a token") as connection:
            result = connection.execute(sa.insert(tokens).values(row))
            assert result.inserted_primary_key is not None
            number = int(result.inserted_primary_key[0])
            found = connection.execute(sa.select(tokens).where(tokens.c.id == number)).one()
        return _token(found)

    def tokens(self) -> list[Token]:
        """Every token that was ever made, in the order in which they were made."""
        with self._reading("reading the tokens") as connection:
            return [_token(row) for row in connection.execute(sa.select(tokens).order_by("id"))]

    def token_with(self, digest: str) -> Token | None:
        """The token of which this is the digest, good or not."""
        with self._reading("looking up a token") as connection:
            row = connection.execute(sa.select(tokens).where(tokens.c.hash == digest)).one_or_none()
        return None if row is None else _token(row)

    def note_token_used(self, token: Token, now: datetime) -> None:
        """Note that a token is in use, at most once an hour."""
        if token.used_at is not None and now - token.used_at < USE_NOTED:
            return
        with self._writing("noting the use of a token") as connection:
            connection.execute(
                sa.update(tokens).where(tokens.c.id == token.id).values(used_at=stamp(now))
            )

    def revoke_token(self, number: int, by: str, at: datetime) -> bool:
        """End a token now; False: there is none with this number, or it was revoked before."""
        good = sa.and_(tokens.c.id == number, tokens.c.revoked_at.is_(None))
        with self._writing("revoking a token") as connection:
            done = connection.execute(
                sa.update(tokens).where(good).values(revoked_at=stamp(at), revoked_by=by)
            )
            return done.rowcount == 1

    # --- for a single use ---

    def allow_once(self, digest: str, purpose: str, allowed: Once) -> None:
        """Keep something that may be used once until its end."""
        row = _once_row(digest, purpose, allowed, None)
        with self._writing("keeping a link") as connection:
            connection.execute(sa.insert(once).values(row))

    def use_once(self, digest: str, purpose: str, now: datetime) -> Once | None:
        """Use it up; None: there is no such thing, it was used, or its time is over."""
        good = sa.and_(
            once.c.id == digest,
            once.c.purpose == purpose,
            once.c.used_at.is_(None),
            once.c.until > stamp(now),
        )
        doing = "using a link"
        with self._reading(doing) as connection:
            if connection.execute(sa.select(once.c.id).where(good)).first() is None:
                return None
        with self._writing(doing) as connection:
            row = connection.execute(sa.select(once).where(good)).one_or_none()
            if row is None:
                return None
            connection.execute(sa.update(once).where(good).values(used_at=stamp(now)))
        return Once(row.made_by, row.reason, _at(row.until))

    def is_first_use(self, digest: str, purpose: str, now: datetime, until: datetime) -> bool:
        """Whether something that was never kept is used for the first time; until its end."""
        row = _once_row(digest, purpose, Once("", "", until), now)
        with self._writing("noting a single use") as connection:
            before = connection.scalar(sa.select(once.c.id).where(once.c.id == digest))
            insert_missing(connection, once, [row])
        return before is None

    def awaits_use(self, purpose: str, now: datetime) -> bool:
        """Whether something for this purpose may still be used."""
        open_ = sa.and_(
            once.c.purpose == purpose, once.c.used_at.is_(None), once.c.until > stamp(now)
        )
        with self._reading("looking up links") as connection:
            return bool(connection.scalar(sa.select(sa.exists().where(open_))))

    def forget_once(self, now: datetime) -> None:
        """Forget what could no longer be used anyway."""
        self._forget("forgetting old links", {once: once.c.until <= stamp(now)})


def _once_row(digest: str, purpose: str, one: Once, used: datetime | None) -> dict[str, Any]:
    return {
        "id": digest,
        "purpose": purpose,
        "made_by": one.made_by,
        "reason": one.reason,
        "until": stamp(one.until),
        "used_at": stamp(used) if used else None,
    }


def _token(row: Any) -> Token:
    return Token(
        id=row.id,
        role=Role(row.role),
        name=row.name,
        networks=tuple(json.loads(row.networks)),
        reason=row.reason,
        made_by=row.made_by,
        made_at=_at(row.made_at),
        until=_at(row.until),
        revoked_at=instant(row.revoked_at),
        revoked_by=row.revoked_by,
        used_at=instant(row.used_at),
    )


def _at(text: str) -> datetime:
    found = instant(text)
    assert found is not None
    return found
