"""Sessions of operators at the console."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from connector.core.roles import Role
from connector.edges.journal.rows import instant, stamp
from connector.edges.journal.store import Store
from connector.edges.journal.tables import desk_sessions


@dataclass(frozen=True, slots=True)
class DeskSession:
    """An operator who is signed in to the console."""

    id: str  # digest of what the browser holds
    operator: str  # as the history says it
    subject: str  # by what the role is looked up
    way: str  # oidc, header, ldap, emergency
    role: Role | None  # None: none at the moment
    role_at: datetime  # when it was looked up
    opened_at: datetime
    used_at: datetime
    sealed: bytes | None = field(default=None, repr=False)


class DeskSessions(Store):
    """The operators' sessions in the journal, so that every host knows them."""

    def open_desk_session(self, session: DeskSession) -> None:
        """Keep a session."""
        row = {
            "id": session.id,
            "operator": session.operator,
            "subject": session.subject,
            "way": session.way,
            "role": _said(session.role),
            "role_at": stamp(session.role_at),
            "opened_at": stamp(session.opened_at),
            "used_at": stamp(session.used_at),
            "sealed": session.sealed,
        }
        with self._writing("opening a session") as connection:
            connection.execute(sa.insert(desk_sessions).values(row))

    def desk_session(self, identity: str) -> DeskSession | None:
        """A session, whatever its age."""
        query = sa.select(desk_sessions).where(desk_sessions.c.id == identity)
        with self._reading("reading a session") as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else _session(row)

    def desk_sessions(self) -> list[DeskSession]:
        """All sessions, the latest last."""
        query = sa.select(desk_sessions).order_by(desk_sessions.c.opened_at)
        with self._reading("reading the sessions") as connection:
            return [_session(row) for row in connection.execute(query)]

    def note_desk_session_used(self, identity: str, now: datetime) -> None:
        """Note that a session is in use."""
        self._change(identity, "using a session", used_at=stamp(now))

    def note_role(
        self, identity: str, role: Role | None, now: datetime, sealed: bytes | None
    ) -> None:
        """Keep the role that was looked up, and what it is looked up with the next time."""
        self._change(identity, "noting a role", role=_said(role), role_at=stamp(now), sealed=sealed)

    def suspend_role(self, identity: str) -> None:
        """Take the role away until it can be looked up again."""
        self._change(identity, "noting a role", role=None)

    def end_desk_session(self, identity: str) -> None:
        """End one session."""
        with self._writing("ending a session") as connection:
            connection.execute(sa.delete(desk_sessions).where(desk_sessions.c.id == identity))

    def end_desk_sessions_of(self, operator: str) -> int:
        """End all sessions of an operator; how many there were."""
        theirs = desk_sessions.c.operator == operator
        with self._writing("ending sessions") as connection:
            return connection.execute(sa.delete(desk_sessions).where(theirs)).rowcount

    def forget_desk_sessions(self, used: datetime, opened: datetime) -> None:
        """Forget sessions last used or opened before these."""
        old = sa.or_(
            desk_sessions.c.used_at < stamp(used), desk_sessions.c.opened_at < stamp(opened)
        )
        self._forget("forgetting old sessions", {desk_sessions: old})

    def _change(self, identity: str, doing: str, **values: Any) -> None:
        this = desk_sessions.c.id == identity
        with self._writing(doing) as connection:
            connection.execute(sa.update(desk_sessions).where(this).values(values))


def _said(role: Role | None) -> str | None:
    return role.value if role else None


def _session(row: Any) -> DeskSession:
    looked, opened, used = (instant(at) for at in (row.role_at, row.opened_at, row.used_at))
    assert looked is not None
    assert opened is not None
    assert used is not None
    return DeskSession(
        id=row.id,
        operator=row.operator,
        subject=row.subject,
        way=row.way,
        role=Role(row.role) if row.role else None,
        role_at=looked,
        opened_at=opened,
        used_at=used,
        sealed=row.sealed,
    )
