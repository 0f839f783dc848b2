"""Events for the tests: CloudEvents of a student, and the spool they arrive in."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from connector.inbox import events
from connector.walk import execution
from connector.walk.reconcile import reconcile
from connector.walk.scope import EVERYONE
from tests.support.invariants import Snapshot
from tests.support.walk import Row, Walk

NUMBER = "22600001"
LOGIN = "lea.martin@etu.umontpellier.fr"
ACCEPTED = "2026-10-01T07:00:00Z"
CHARTER = {"version": "2026", "accepted_at": ACCEPTED}
PASSWORD = "Cigale-chantante-1912"

Body = dict[str, Any]
_ids = count(1)  # never a word of digits alone: such a one could be somebody's password


def at(minutes: float = 0) -> str:
    """A time so many minutes from now, as an event says it."""
    return f"{datetime.now(UTC) + timedelta(minutes=minutes):%Y-%m-%dT%H:%M:%SZ}"


def event(
    kind: str, *, who: str = NUMBER, id: str = "", minutes: float = -1, **data: object
) -> Body:
    """An event of one kind: ``event("forwarding.changed", forward_to=None)``."""
    return {
        "specversion": "1.0",
        # Of two in one second the one with the greater id wins: the later one.
        "id": id or f"event{next(_ids):06}",
        "source": "portal",
        "type": f"fr.scolpass.{kind}",
        "time": at(minutes),
        "data": {"identifier": who, **data},
    }


def activation(**data: Any) -> Body:
    """An activation with backup mail and charter, unless ``data`` says otherwise."""
    return event(
        "account.activated", **{"backup_mail": "lea@example.org", "charter": CHARTER, **data}
    )


def forwarding(to: str | None, **data: Any) -> Body:
    """A redirection set, changed or taken back."""
    return event("forwarding.changed", forward_to=to, **data)


def drop(spool: Path, body: object, name: str | None = None) -> Path:
    """Put an event into a spool, by rename."""
    if name is None:
        name = f"arrival{next(_ids):06}.json"
    being_written = spool / f".{next(_ids)}.tmp"
    being_written.write_text(json.dumps(body))
    return being_written.rename(spool / name)


class Inbox:
    """The spool of a workspace, and passes that take it, in this process."""

    def __init__(self, walk: Walk) -> None:
        self.walk = walk
        self.spool = walk.workspace.spool

    def drop(self, body: object, name: str | None = None) -> Path:
        """Put an event into the spool, by rename."""
        return drop(self.spool, body, name)

    def pass_(self, *bodies: object, rows: list[Row] | None = None) -> execution.Report:
        """What ``scolpass sync`` does, after these events were dropped."""
        for body in bodies:
            self.drop(body)
        if rows is not None:
            self.walk.workspace.write_register(rows)
        with self.walk.context() as opened:
            events.take_spool(opened)
            return reconcile(opened, EVERYONE, "sync")

    def passed(
        self, *bodies: object, rows: list[Row] | None = None, since: Snapshot | None = None
    ) -> execution.Report:
        """A run that does all of its plan, after which another one writes nothing."""
        report = self.pass_(*bodies, rows=rows)
        assert report.exit_status == 0, (report.verdict.held, report.outcomes)
        self.walk.invariants().check(since)
        self.walk.writes_nothing(self.pass_)
        return report

    def submit(self, *bodies: object) -> list[dict[str, Any]]:
        """What ``scolpass events submit`` does; the events' rows afterwards."""
        with self.walk.context() as opened:
            return events.submit(opened, [("events.json", body) for body in bodies])[0]

    def listed(self) -> list[dict[str, Any]]:
        """The events of the journal."""
        with self.walk.context() as opened:
            return opened.journal.events()

    def status(self, body: Body) -> tuple[str, str | None]:
        """Status and reason of an event; of several with its id the latest."""
        row = [row for row in self.listed() if row["id"] == body["id"]][-1]
        return row["status"], row["reason"]

    def names(self, folder: str) -> list[str]:
        """What lies in ``done`` or ``rejected``, or in the spool itself ("")."""
        place = self.spool / folder
        return sorted(
            path.name for path in place.iterdir() if path.name not in ("done", "rejected")
        )


def change_password(walk: Walk, number: str = NUMBER, new: str = PASSWORD) -> None:
    """She changes the provisional password as herself, as the portal lets her (RFC 3062)."""
    dn, old = walk.person(number)["dn"][0], walk.password(number)
    done = subprocess.run(
        ["ldappasswd", "-x", "-H", walk.directory.uri, "-D", dn, "-w", old, "-s", new],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
