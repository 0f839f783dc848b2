"""Sessions of the first connection, and the links in mails."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from connector.edges.journal.rows import instant, stamp
from connector.edges.journal.store import Store
from connector.edges.journal.tables import links, sessions


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who has signed in."""

    id: str  # digest of what the browser holds
    number: str  # student number
    opened_at: datetime
    used_at: datetime
    kept: Mapping[str, Any]  # what was given in it so far
    sealed: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Link:
    """What following a link in a mail allows, once."""

    id: str
    purpose: str
    number: str  # student number
    value: str  # what it confirms, or what must still hold when it is used
    expires_at: datetime
    mark: str = ""  # what else must still hold when it is used


class Sessions(Store):
    """Sessions and links in the journal, so that every host knows them."""

    def open_session(
        self, identity: str, number: str, now: datetime, kept: Mapping[str, Any], sealed: bytes
    ) -> None:
        """Store a session; ``sealed`` can be opened only with the browser's token."""
        row = {
            "id": identity,
            "student_number": number,
            "opened_at": stamp(now),
            "used_at": stamp(now),
            "kept": json.dumps(kept),
            "sealed": sealed,
        }
        with self._writing("opening a session") as connection:
            connection.execute(sa.insert(sessions).values(row))

    def session(self, identity: str) -> Session | None:
        """A session, whatever its age."""
        with self._reading("reading a session") as connection:
            row = connection.execute(
                sa.select(sessions).where(sessions.c.id == identity)
            ).one_or_none()
        if row is None:
            return None
        opened, used = instant(row.opened_at), instant(row.used_at)
        assert opened is not None
        assert used is not None
        return Session(
            id=row.id,
            number=row.student_number,
            opened_at=opened,
            used_at=used,
            kept=json.loads(row.kept),
            sealed=row.sealed,
        )

    def keep_in_session(self, identity: str, now: datetime, **kept: Any) -> None:
        """Add what was given, and note that the session was used."""
        this = sessions.c.id == identity
        with self._writing("using a session") as connection:
            before = connection.scalar(sa.select(sessions.c.kept).where(this))
            if before is not None:
                text = json.dumps({**json.loads(before), **kept})
                connection.execute(
                    sa.update(sessions).where(this).values(kept=text, used_at=stamp(now))
                )

    def end_session(self, identity: str) -> None:
        """End one session."""
        with self._writing("ending a session") as connection:
            connection.execute(sa.delete(sessions).where(sessions.c.id == identity))

    def end_sessions_of(self, number: str, purposes: Collection[str]) -> None:
        """End all sessions of a student, and their links for these purposes."""
        theirs = sa.and_(links.c.student_number == number, links.c.purpose.in_(purposes))
        with self._writing("ending sessions") as connection:
            connection.execute(sa.delete(sessions).where(sessions.c.student_number == number))
            connection.execute(sa.delete(links).where(theirs))

    def forget_sessions(self, used: datetime, opened: datetime, now: datetime) -> None:
        """Forget sessions last used or opened before these, and links whose time is over."""
        old = sa.or_(sessions.c.used_at < stamp(used), sessions.c.opened_at < stamp(opened))
        over = links.c.expires_at < stamp(now)
        self._forget("forgetting old sessions", {sessions: old, links: over})

    # --- links ---

    def make_link(self, link: Link, now: datetime) -> None:
        """Store a link; earlier ones of this student for the same purpose and another value die."""
        row = {
            "id": link.id,
            "purpose": link.purpose,
            "student_number": link.number,
            "value": link.value,
            "made_at": stamp(now),
            "expires_at": stamp(link.expires_at),
            "mark": link.mark,
        }
        others = sa.and_(
            links.c.student_number == link.number,
            links.c.purpose == link.purpose,
            links.c.value != link.value,
        )
        with self._writing("making a link") as connection:
            connection.execute(sa.delete(links).where(others))
            connection.execute(sa.insert(links).values(row))

    def link(self, identity: str, purpose: str, now: datetime) -> Link | None:
        """A link that may still be used."""
        query = sa.select(links).where(
            links.c.id == identity,
            links.c.purpose == purpose,
            links.c.used_at.is_(None),
            links.c.expires_at >= stamp(now),
        )
        with self._reading("reading a link") as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            return None
        until = instant(row.expires_at)
        assert until is not None
        return Link(row.id, row.purpose, row.student_number, row.value, until, row.mark)

    def go_on_with_links(self, number: str, purpose: str, value: str, mark: str) -> None:
        """Keep a student's links for one purpose and value, under a new mark; end the others."""
        theirs = sa.and_(links.c.student_number == number, links.c.purpose == purpose)
        with self._writing("marking links") as connection:
            connection.execute(sa.delete(links).where(theirs, links.c.value != value))
            connection.execute(sa.update(links).where(theirs).values(mark=mark))

    def was_followed(self, number: str, purpose: str, value: str, mark: str) -> bool:
        """Whether a student's link for one purpose and value was used, under this mark."""
        query = sa.select(links.c.id).where(
            links.c.student_number == number,
            links.c.purpose == purpose,
            links.c.value == value,
            links.c.mark == mark,
            links.c.used_at.is_not(None),
        )
        with self._reading("looking up a link") as connection:
            return connection.execute(query.limit(1)).first() is not None

    def end_links(self, number: str, purpose: str) -> None:
        """Let a student's unused links for one purpose die."""
        theirs = sa.and_(links.c.student_number == number, links.c.purpose == purpose)
        with self._writing("ending links") as connection:
            connection.execute(sa.delete(links).where(theirs, links.c.used_at.is_(None)))

    def link_ends(self, id_: str) -> datetime | None:
        """Until when a link is valid; None: it was used, or there is none."""
        query = sa.select(links.c.expires_at).where(links.c.id == id_, links.c.used_at.is_(None))
        with self._reading("looking up a link") as connection:
            found: str | None = connection.scalar(query)
        return instant(found)

    def use_link(self, identity: str, now: datetime) -> bool:
        """Use up a link; False: it was already used."""
        unused = sa.and_(links.c.id == identity, links.c.used_at.is_(None))
        with self._writing("using a link") as connection:
            used = connection.execute(sa.update(links).where(unused).values(used_at=stamp(now)))
            return used.rowcount == 1

    def give_link_back(self, identity: str, value: str) -> None:
        """Make a link usable again, because what it was used for failed."""
        this = links.c.id == identity
        with self._writing("giving a link back") as connection:
            connection.execute(sa.update(links).where(this).values(used_at=None, value=value))
