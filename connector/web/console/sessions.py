"""Sessions of operators: opened at a sign-in, ended by time, and their roles looked up again.

A browser holds 256 random bits, drawn anew at every sign-in, so that what somebody else planted
opens nothing (session fixation). The journal has a digest of them. A role lasts ten minutes; then
it is looked up again, and while that cannot be done the operator has none.
"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from connector.clock import instant
from connector.core.roles import Role, role_by_groups
from connector.desk.admission import EMERGENCY
from connector.desk.staff import role_in_directory
from connector.edges.journal import DeskSession
from connector.edges.openid import Identity, Kept, Provider
from connector.edges.tokens import draw_token, fingerprint, seal_under, unseal_under
from connector.errors import Refused, Transient, Untrustworthy
from connector.web.workroom import Workroom

ROLE_HOLDS = timedelta(minutes=10)
EMERGENCY_LASTS = timedelta(hours=1)
USE_NOTED = timedelta(minutes=1)  # between two notes that a session is in use
PAUSE = 15.0  # seconds between two tries to look up a role that cannot be looked up
_LOCKS = 64

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Entered:
    """Somebody who has shown who they are."""

    operator: str  # as the history will say it
    subject: str  # as the provider knows them, or their login
    way: str  # oidc, header, ldap, emergency
    role: Role | None
    kept: Kept | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Signed:
    """A session that holds, and what keeps it from having its role."""

    session: DeskSession
    trouble: str = ""  # away: the role cannot be looked up now; refused: not any more; none
    is_due: bool = False  # the role has to be looked up again, by `look_again`


class Sessions:
    """The sessions of the console; any number of threads may use one."""

    def __init__(self, desk: Workroom, provider: Provider | None) -> None:
        """``provider``: where operators sign in by OpenID Connect; None: they do not."""
        self._desk = desk
        self._console = desk.settings.console
        self._provider = provider
        # A refresh token is good once: of two requests at once only one may use it.
        self._locks = [threading.Lock() for _ in range(_LOCKS)]
        self._tried: dict[str, tuple[float, str]] = {}  # sessions: when in vain, and why

    def open(self, entered: Entered) -> str:
        """Open a session; what the browser holds from now on.

        Raises:
            JournalUntrusted: it cannot be kept.
        """
        token, now = draw_token(), instant()
        self._desk.journal.open_desk_session(
            DeskSession(
                id=fingerprint(token),
                operator=entered.operator,
                subject=entered.subject,
                way=entered.way,
                role=entered.role,
                role_at=now,
                opened_at=now,
                used_at=now,
                sealed=_sealed(token, entered.kept),
            )
        )
        return token

    def find(self, token: str) -> Signed | None:
        """The session of a browser; None: it has none. Asks the journal alone.

        Raises:
            JournalUntrusted: it cannot be asked.
        """
        identity, now = fingerprint(token), instant()
        session = self._desk.journal.desk_session(identity)
        if session is None:
            return None
        if self._is_over(session, now):
            self._desk.journal.end_desk_session(identity)
            return None
        if now - session.used_at >= min(USE_NOTED, self._console.idle / 4):
            self._desk.journal.note_desk_session_used(identity, now)
        if session.way == EMERGENCY or (session.role and now - session.role_at < ROLE_HOLDS):
            return Signed(session)
        return self._in_vain(session) or Signed(session, is_due=True)

    def look_again(self, token: str) -> Signed | None:
        """The session of a browser with the role as it is looked up now.

        While that cannot be done, there is none; it is tried again after a pause.

        Raises:
            JournalUntrusted: it cannot be asked.
        """
        identity = fingerprint(token)
        with self._locks[int(identity[:4], 16) % _LOCKS]:
            return self._with_role_anew(identity, token)

    def end(self, token: str) -> None:
        """End the session of a browser, if it has one.

        Raises:
            JournalUntrusted: it cannot be ended.
        """
        self._desk.journal.end_desk_session(fingerprint(token))

    def role_of(self, identity: Identity, login: str) -> Role | None:
        """The role of somebody who has just signed in at the provider.

        Raises:
            DirectoryUntrusted, Busy: the directory, where it is looked up, cannot be asked.
        """
        if self._console.role_claim:
            groups = self._console.role_groups.by_role
            return role_by_groups(groups, claim(identity.claims, self._console.role_claim))
        return self.role_in_directory(login)

    def role_in_directory(self, login: str) -> Role | None:
        """The role that groups of the directory give a login.

        Raises:
            DirectoryUntrusted, Busy: the directory cannot be asked.
        """
        with self._desk.context(login) as context:
            return role_in_directory(context, self._console, login)

    # --- what time does -------------------------------------------------------------------------

    def _is_over(self, session: DeskSession, now: datetime) -> bool:
        if session.way != EMERGENCY and session.way not in self._console.signin:
            return True  # the configuration does not know this way any more
        lasts = self._console.lifetime
        if session.way == EMERGENCY:
            lasts = min(lasts, EMERGENCY_LASTS)
        return now - session.used_at >= self._console.idle or now - session.opened_at >= lasts

    def _with_role_anew(self, identity: str, token: str) -> Signed | None:
        journal, now = self._desk.journal, instant()
        session = journal.desk_session(identity)  # another thread may have been quicker
        if session is None or (session.role and now - session.role_at < ROLE_HOLDS):
            return None if session is None else Signed(session)
        if (before := self._in_vain(session)) is not None:
            return before
        try:
            role, kept = self._looked_up(session, token)
        except (Transient, Refused, Untrustworthy) as error:
            trouble = "refused" if isinstance(error, Refused) else "away"
            log.warning(
                "role not looked up",
                operator=session.operator,
                way=session.way,
                trouble=error.message,
                cure=error.cure,
            )
            if session.role is not None:
                journal.suspend_role(identity)
            self._note_tried(identity, trouble)
            return Signed(replace(session, role=None), trouble)
        self._tried.pop(identity, None)
        if role is not session.role:
            log.warning(
                "role changed",
                operator=session.operator,
                was=session.role.value if session.role else None,
                now=role.value if role else None,
            )
        journal.note_role(identity, role, now, _sealed(token, kept))
        if role is None:
            self._note_tried(identity, "none")
        return Signed(replace(session, role=role, role_at=now), "" if role else "none")

    def _in_vain(self, session: DeskSession) -> Signed | None:
        """The session without its role, if that was looked up in vain a moment ago."""
        tried, trouble = self._tried.get(session.id, (0.0, ""))
        if not trouble or time.monotonic() - tried >= PAUSE:
            return None
        return Signed(replace(session, role=None), trouble)

    def _note_tried(self, identity: str, trouble: str) -> None:
        now = time.monotonic()
        fresh = {one: of for one, of in self._tried.items() if now - of[0] < PAUSE}
        self._tried = {**fresh, identity: (now, trouble)}

    def _looked_up(self, session: DeskSession, token: str) -> tuple[Role | None, Kept | None]:
        kept = _unsealed(token, session.sealed)
        if session.way != "oidc" or not self._console.role_claim:
            return self.role_in_directory(session.operator), kept
        if self._provider is None or kept is None:
            raise Refused("looking up a role: there is nothing to ask with", "Sign in again.")
        identity = self._provider.again(kept, session.subject)
        return self.role_of(identity, session.operator), identity.kept


def claim(claims: Any, name: str) -> object:
    """A claim by its name, or by the path to it, such as ``realm_access.roles``."""
    if isinstance(claims, dict) and name in claims:
        return claims[name]
    first, dot, rest = name.partition(".")
    if not dot or not isinstance(claims, dict) or first not in claims:
        return None
    return claim(claims[first], rest)


def _sealed(token: str, kept: Kept | None) -> bytes | None:
    return None if kept is None else seal_under(token, json.dumps([kept.access, kept.refresh]))


def _unsealed(token: str, sealed: bytes | None) -> Kept | None:
    text = unseal_under(token, sealed) if sealed else None
    if text is None:
        return None
    access, refresh = json.loads(text)
    return Kept(access, refresh)
