"""A portal, and who knocks at it: signing in as the web edge lets strangers do."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import pytest
import sqlalchemy as sa
import structlog
from pydantic import SecretStr

from connector.activation.portal import Portal
from connector.activation.signing import SignedIn, sign_in
from connector.edges.ldap import student
from connector.edges.ldap.reading import Directory
from connector.errors import NotLetIn
from connector.log import setup as log
from connector.settings.loading import load_settings
from tests.support.events import NUMBER
from tests.support.walk import Walk

HERE = "192.0.2.7"  # where who knocks is, unless it says otherwise
WRONG = "sésame"  # no digits: nobody's provisional password


class Door:
    """A portal of a walk's workspace. Counts as the metrics do, and may be used by threads."""

    def __init__(self, walk: Walk) -> None:
        settings = load_settings(walk.workspace.config, {})
        log.configure(settings.log)
        self.portal = Portal(settings, lambda _: [])
        self.let_in = 0
        self.refused: Counter[str] = Counter()
        self._lock = threading.Lock()

    def signed_in(self) -> None:
        with self._lock:
            self.let_in += 1

    def sign_in_refused(self, reason: str) -> None:
        with self._lock:
            self.refused[reason] += 1

    def enter(
        self,
        password: str,
        who: str = NUMBER,
        address: str = HERE,
        birth_date: date | None = None,
    ) -> SignedIn:
        """Sign in."""
        return sign_in(self.portal, who, SecretStr(password), birth_date, address, self)

    def refusal(self, password: str = WRONG, who: str = NUMBER, **given: Any) -> NotLetIn:
        """Sign in, and be refused."""
        with pytest.raises(NotLetIn) as refused:
            self.enter(password, who, **given)
        return refused.value

    def reason(self, password: str = WRONG, who: str = NUMBER, **given: Any) -> str:
        """Why she is not let in; "": she is."""
        try:
            self.enter(password, who, **given)
        except NotLetIn as refusal:
            return refusal.reason
        return ""

    def kept(self, table: str, column: str) -> list[str]:
        """What stands in a column of the portal's journal."""
        with self.portal.journal._engine.connect() as connection:
            return sorted(connection.scalars(sa.text(f"SELECT {column} FROM {table}")))  # noqa: S608


@contextmanager
def door(walk: Walk, **activation: Any) -> Iterator[Door]:
    """A door, under these settings of ``[activation]``, for the time of a block."""
    walk.workspace.configure({"activation": activation})
    made = Door(walk)
    try:
        with made.portal:
            yield made
    finally:
        structlog.reset_defaults()


class Verified:
    """What the directory was asked to verify, in its order: whether it was right."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answers: list[bool] = []
        self.at_once = 0  # the most at the same time, by account
        now: Counter[str] = Counter()
        lock = threading.Lock()
        lets_in = student.lets_in

        def watched(directory: Directory, dn: str, password: SecretStr) -> bool:
            with lock:
                now[dn] += 1
                self.at_once = max(self.at_once, now[dn])
            try:
                found = lets_in(directory, dn, password)
                with lock:
                    self.answers.append(found)
                return found
            finally:
                with lock:
                    now[dn] -= 1

        monkeypatch.setattr(student, "lets_in", watched)
