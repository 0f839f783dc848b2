"""Alerts: people are told once about what is held or failing, with the command that resolves it.

An :class:`Incident` is open from its first :meth:`Alerts.raise_` to its :meth:`Alerts.close`; the
journal keeps it, so that "once" holds over restarts. With it, in the same transaction, a message
for each way (mail, webhook) is put into the outbox, which :mod:`connector.notify.postman` tries to
send until it has left or the incident is over.

If the journal itself is the trouble, the messages wait in memory, and an incident is told once per
process. Sending is the work of one thread: a dead mail server delays no run, and students' mails
delay no alert.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from connector.clock import instant
from connector.edges.journal import Journal, Outgoing, Queued
from connector.errors import JournalUntrusted
from connector.log.redaction import scrub
from connector.notify.incidents import Incident
from connector.notify.postman import Outbox, Postman
from connector.notify.ways import Alert, Carried, Way, as_message

PATIENCE = 5.0  # seconds that the end may take to send what waits
POLL = 5.0  # seconds between two looks at the outbox, if nothing new wakes the thread
MOST_SAID = 1000  # alerts that wait for a way that sends nothing now: as many are named


log = structlog.get_logger()


class Alerts:
    """Tells each incident once, by every way; safe for threads.

    ``with Alerts(ways, journal) as alerts`` begins with what an earlier process could not send, and
    ends by sending what waits, for a few seconds.
    """

    def __init__(self, ways: Sequence[Way], journal: Journal) -> None:
        self._ways = [way for way in ways if way.is_wanted]
        self._journal = journal
        self._memory = _Memory()
        self._lock = threading.Lock()
        self._told: set[str] = set()  # open as far as this process has seen
        self._aside: set[str] = set()  # ... and unknown to the journal
        self._said: set[tuple[str, str]] = set()  # way and key of what the log says is not sent now
        self._wake = threading.Event()
        self._ends = threading.Event()
        self._stop = threading.Event()
        self._postmen = {
            way.name: Postman({way.name: Carried(way)}, self._stop)
            for way in self._ways
            if not way.lacks
        }
        # A daemon thread: a server that does not answer must not keep the process from ending.
        self._thread = threading.Thread(target=self._work, name="alerts", daemon=True)

    def __enter__(self) -> Alerts:
        self.catch_up()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Send what is waiting, for up to ``PATIENCE`` seconds; the rest at the next start."""
        self._ends.set()
        self._wake.set()
        self._thread.join(PATIENCE)
        self._stop.set()

    def raise_(self, incident: Incident) -> bool:
        """Raise an incident (again). Returns at once whether it is new.

        Secrets are removed from the text here, while the current ones are still guarded.
        """
        clear = Incident(incident.key, scrub(incident.what), scrub(incident.cure))
        alert = Alert(clear, instant())
        messages = [as_message(way, alert) for way in self._ways]
        with self._lock:
            new = self._open(alert, messages)
        if new:
            log.error("incident", incident=clear.key, what=clear.what, cure=clear.cure)
            for one in messages:
                self._say_if_idle(one.way, one.kind)
            self._wake.set()
        return new

    def close(self, key: str, *, but: str = "") -> None:
        """Close an incident; a ``key`` that ends in a colon closes all below it, except ``but``."""
        with self._lock:
            known = set(self._told)
            try:
                known |= self._journal.incidents().keys()
            except JournalUntrusted as error:
                log.warning("incidents cannot be looked up", trouble=str(error))
            for one in sorted(known):
                if one != but and (one == key or (key.endswith(":") and one.startswith(key))):
                    self._close(one)

    def catch_up(self) -> None:
        """Try again now what was postponed: at the start, or when the lead is taken over."""
        idle = [way.name for way in self._ways if way.lacks]
        now = instant()
        try:
            self._journal.hasten_messages(self._postmen.keys(), now)
            waiting = self._journal.due_messages(idle, now, MOST_SAID) if idle else []
        except JournalUntrusted as error:
            log.warning("incidents cannot be looked up", trouble=str(error))
            return
        for one in waiting:
            self._say_if_idle(one.way, one.kind)
        self._wake.set()

    def _open(self, alert: Alert, messages: Sequence[Outgoing]) -> bool:
        """Keep it, with what is to be sent; whether nobody knew of it."""
        incident = alert.incident
        key, was_aside = incident.key, incident.key in self._aside
        known = key in self._told
        self._told.add(key)
        unsent = self._memory.take(key)  # the journal's to keep from now on
        try:
            text = f"{incident.what}. {incident.cure}"
            left = [one.outgoing for one in unsent]
            alerts = left if was_aside else messages
            opened = self._journal.open_incident(key, text, alert.at, alerts)
            if left and not (was_aside and opened):
                self._journal.add_messages(left)
        except JournalUntrusted as error:
            log.warning("an incident cannot be kept", incident=key, trouble=str(error))
            self._memory.put_back(unsent)
            if not known:
                self._aside.add(key)
                self._memory.add(messages)
            return not known
        self._aside.discard(key)
        return opened and not was_aside

    def _close(self, key: str) -> None:
        self._told.discard(key)
        self._aside.discard(key)
        self._memory.forget(key)
        self._said -= {(way.name, key) for way in self._ways}
        try:
            self._journal.close_incident(key, instant())
        except JournalUntrusted as error:
            log.warning("an incident cannot be closed", incident=key, trouble=str(error))
        log.info("resolved", incident=key)

    def _say_if_idle(self, name: str, key: str) -> None:
        """Say of an alert whose way sends nothing now that it would be sent, once a process."""
        way = next(one for one in self._ways if one.name == name)
        if way.lacks and (name, key) not in self._said:
            self._said.add((name, key))
            log.warning(
                "would send", incident=key, way=name, trouble=f"nobody is told: {way.lacks}"
            )

    # --- the thread ---

    def _work(self) -> None:
        while not self._stop.is_set():
            self._wake.clear()
            is_last = self._ends.is_set()
            for postman in self._postmen.values():
                for outbox in (self._memory, self._journal):
                    self._send_all(postman, outbox)
            if is_last:
                return
            self._wake.wait(POLL)

    def _send_all(self, postman: Postman, outbox: Outbox) -> None:
        """Send what is due by one way, until nothing is, or it fails: then the others go first."""
        more = True
        try:
            while more:
                more = False
                for sent in postman.deliver(outbox, instant()):
                    if sent.trouble is not None:
                        return
                    more = True
        except JournalUntrusted as error:
            log.debug("alerts in the journal wait", trouble=str(error))
        except Exception:  # said in full; without this thread nobody would hear of anything
            log.exception("alerts cannot be sent")


# --- while the journal is away ------------------------------------------------------------------


@dataclass(slots=True)
class _Waiting:
    outgoing: Outgoing
    number: int
    tries: int
    due_at: datetime
    is_in_hand: bool = False


class _Memory:
    """An outbox that ends with the process; safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[int, _Waiting] = {}
        self._number = 0

    def add(self, messages: Sequence[Outgoing]) -> None:
        """Put messages into it."""
        with self._lock:
            for one in messages:
                self._number += 1
                self._waiting[self._number] = _Waiting(one, self._number, 0, one.due_at)

    def take(self, incident: str) -> list[_Waiting]:
        """Take out the messages about an incident, but one that is about to leave."""
        with self._lock:
            found = [
                one
                for one in self._waiting.values()
                if one.outgoing.kind == incident and not one.is_in_hand
            ]
            for one in found:
                del self._waiting[one.number]
            return found

    def put_back(self, taken: Sequence[_Waiting]) -> None:
        """Let wait again what was taken out, as it was."""
        with self._lock:
            self._waiting.update({one.number: one for one in taken})

    def forget(self, incident: str) -> None:
        """Forget all messages about an incident."""
        with self._lock:
            for one in list(self._waiting.values()):
                if one.outgoing.kind == incident:
                    del self._waiting[one.number]

    def due_messages(self, ways: Collection[str], now: datetime, limit: int) -> list[Queued]:
        """See :class:`connector.notify.postman.Outbox`."""
        with self._lock:
            return [
                Queued(
                    number=one.number,
                    key=one.outgoing.key,
                    way=one.outgoing.way,
                    student_number="",
                    kind=one.outgoing.kind,
                    address="",
                    given=one.outgoing.given,
                    made_at=one.outgoing.made_at,
                    tries=one.tries,
                )
                for one in self._waiting.values()
                if one.outgoing.way in ways and one.due_at <= now
            ][:limit]

    def claim_message(self, message: Queued, due_at: datetime) -> bool:
        """See :class:`connector.notify.postman.Outbox`."""
        with self._lock:
            found = self._waiting.get(message.number)
            if found is None:
                return False
            found.tries, found.due_at, found.is_in_hand = found.tries + 1, due_at, True
            return True

    def message_ended(self, number: int, _at: datetime, _trouble: str | None = None) -> None:
        """See :class:`connector.notify.postman.Outbox`."""
        with self._lock:
            self._waiting.pop(number, None)

    def message_postponed(self, number: int, due_at: datetime, _trouble: str) -> None:
        """See :class:`connector.notify.postman.Outbox`."""
        with self._lock:
            found = self._waiting.get(number)
            if found is not None:
                found.due_at, found.is_in_hand = due_at, False
