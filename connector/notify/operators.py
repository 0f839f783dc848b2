"""Alerts: people are told once about what is held or failing, with the command that resolves it.

An :class:`Incident` is open from its first :meth:`Alerts.raise_` to its :meth:`Alerts.close`; the
journal keeps it, so that "once" holds over restarts. For each way (mail, webhook) that has not
told it yet a second row stands in the journal, ``unsent:WAY:KEY``: it is written before the
incident's own and taken away once the alert was delivered. So a crash between the two tells
somebody twice at worst, never nobody; what could not be sent is tried again at the incident's next
occurrence, or by the next :meth:`Alerts.catch_up`.

Sending is the work of one thread behind a bounded queue: a dead mail server delays no pass. If the
journal itself is the trouble, an incident is told once per process.
"""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Protocol

import structlog
from tenacity import (
    Retrying,
    retry_if_exception_type,
    sleep_using_event,
    stop_after_attempt,
    stop_when_event_set,
    wait_exponential,
)

from connector.clock import instant
from connector.core.evidence import instant_of, zulu
from connector.errors import JournalUntrusted, ScolpassError, Transient
from connector.log.redaction import scrub
from connector.notify.incidents import Incident
from connector.notify.ways import Alert, Way, WouldSend

ATTEMPTS = 3
WAITING = 100  # alerts in the queue; more are tried again at their next occurrence
PATIENCE = 5.0  # seconds that the end may take to send what waits
UNSENT = "unsent:"


log = structlog.get_logger()


class IncidentJournal(Protocol):
    """What the journal keeps about incidents; each method may raise :class:`JournalUntrusted`."""

    def open_incident(self, key: str, text: str, at: datetime) -> bool:
        """Keep it as open; returns whether it is new."""

    def close_incident(self, key: str, at: datetime) -> bool:
        """Note that it is over; returns whether it was open."""

    def incidents(self) -> Mapping[str, str]:
        """The open incidents: text by key."""


def open_incidents(journal: IncidentJournal) -> dict[str, str]:
    """The incidents that are open, by key, without the marks of what is still to be sent."""
    return {k: text for k, text in journal.incidents().items() if not k.startswith(UNSENT)}


def unsent(journal: IncidentJournal) -> int:
    """The number of alerts not yet delivered, counted for each way."""
    return sum(key.startswith(UNSENT) for key in journal.incidents())


class Alerts:
    """Tells each incident once, by every way; safe for threads.

    ``with Alerts(ways, journal) as alerts`` begins with what an earlier process could not send, and
    ends by sending what waits, for a few seconds. ``ways`` may be replaced when the configuration
    was read anew.
    """

    def __init__(self, ways: Mapping[str, Way], journal: IncidentJournal) -> None:
        self.ways = ways
        self._journal = journal
        self._lock = threading.Lock()
        self._told: set[str] = set()  # open as far as this process has seen
        self._owed: dict[tuple[str, str], Alert] = {}  # by way and key: not delivered yet
        self._queued: set[tuple[str, str]] = set()
        self._queue: queue.Queue[tuple[str, str] | None] = queue.Queue(WAITING)
        self._stop = threading.Event()
        # A daemon thread: a server that does not answer must not keep the process from ending.
        self._thread = threading.Thread(target=self._work, name="alerts", daemon=True)

    def __enter__(self) -> Alerts:
        self._thread.start()
        self.catch_up()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Send what is waiting, for up to ``PATIENCE`` seconds; the rest at the next start."""
        until = time.monotonic() + PATIENCE
        with suppress(queue.Full):
            self._queue.put(None, timeout=PATIENCE)
            self._thread.join(max(0.0, until - time.monotonic()))
        self._stop.set()

    def raise_(self, incident: Incident) -> bool:
        """Raise an incident (again). Returns at once whether it is new.

        Secrets are removed from the text here, while the current ones are still guarded.
        """
        clear = Incident(incident.key, scrub(incident.what), scrub(incident.cure))
        alert = Alert(clear, instant())
        with self._lock:
            new = self._open(alert)
            for way in self.ways:
                if new:
                    self._owed[way, clear.key] = alert
                if (way, clear.key) in self._owed:
                    self._enqueue(way, clear.key)
        if new:
            log.error("incident", incident=clear.key, what=clear.what, cure=clear.cure)
        return new

    def close(self, key: str, *, but: str = "") -> None:
        """Close an incident; a ``key`` that ends in a colon closes all below it, except ``but``."""
        with self._lock:
            known = set(self._told)
            try:
                known |= open_incidents(self._journal).keys()
            except JournalUntrusted as error:
                log.warning("incidents cannot be looked up", trouble=str(error))
            for one in sorted(known):
                if one != but and (one == key or (key.endswith(":") and one.startswith(key))):
                    self._close(one)

    def catch_up(self) -> None:
        """Queue what was never delivered: at the start, or when another host's work is taken over.

        What its journal does not tell now is told at the incident's next occurrence.
        """
        with self._lock:
            try:
                kept = self._journal.incidents()
            except JournalUntrusted as error:
                log.warning("incidents cannot be looked up", trouble=str(error))
                return
            for mark, text in kept.items():
                if mark.startswith(UNSENT):
                    way, _, key = mark.removeprefix(UNSENT).partition(":")
                    self._owed.setdefault((way, key), _restored(key, text))
                    if way in self.ways:
                        self._enqueue(way, key)

    # --- the journal ---

    def _open(self, alert: Alert) -> bool:
        """Keep it, first what is to be sent; whether nobody knew of it."""
        incident = alert.incident
        seen = incident.key in self._told
        self._told.add(incident.key)
        try:
            if incident.key in self._journal.incidents():
                return False
            if not seen:
                for way in self.ways:
                    self._journal.open_incident(_mark(way, incident.key), _kept(alert), alert.at)
            text = f"{incident.what}. {incident.cure}"
            opened = self._journal.open_incident(incident.key, text, alert.at)
        except JournalUntrusted as error:
            log.warning("an incident cannot be kept", incident=incident.key, trouble=str(error))
            return not seen
        return opened and not seen  # seen: it was told while the journal was away

    def _close(self, key: str) -> None:
        self._told.discard(key)
        for way in {way for way, owed in self._owed if owed == key} | set(self.ways):
            self._owed.pop((way, key), None)
            self._settle(_mark(way, key))
        self._settle(key)
        log.info("resolved", incident=key)

    def _settle(self, key: str) -> None:
        try:
            self._journal.close_incident(key, instant())
        except JournalUntrusted as error:
            log.warning("an incident cannot be closed", incident=key, trouble=str(error))

    # --- the thread ---

    def _enqueue(self, way: str, key: str) -> None:
        if (way, key) in self._queued:
            return
        try:
            self._queue.put_nowait((way, key))
        except queue.Full:
            log.error(  # noqa: TRY400 - what is wrong is said
                "alert not sent", incident=key, way=way, error=f"{WAITING} alerts wait already"
            )
        else:
            self._queued.add((way, key))

    def _work(self) -> None:
        while (job := self._queue.get()) is not None and not self._stop.is_set():
            way, key = job
            with self._lock:
                self._queued.discard(job)
                alert = self._owed.get(job)  # None: resolved while it waited
            send = self.ways.get(way)
            if alert is None or send is None:
                continue
            try:
                self._send(send, alert)
            except WouldSend as error:
                # Once. In the journal it stays unsent: a process that may send it does.
                log.warning("would send", incident=key, way=way, trouble=error.message)
                with self._lock:
                    if self._owed.get(job) is alert:
                        del self._owed[job]
            except ScolpassError as error:
                log.error(  # noqa: TRY400 - the error says what is wrong; no traceback for it
                    "alert not sent", incident=key, way=way, error=error.message, cure=error.cure
                )
            except Exception:  # said in full; the alerts after it must go out
                log.exception("alert not sent", incident=key, way=way)
            else:
                log.info("alert sent", incident=key, way=way)
                with self._lock:
                    if self._owed.get(job) is alert:  # else it was resolved and came again
                        del self._owed[job]
                        self._settle(_mark(way, key))

    def _send(self, send: Way, alert: Alert) -> None:
        for attempt in Retrying(
            stop=stop_after_attempt(ATTEMPTS) | stop_when_event_set(self._stop),
            wait=wait_exponential(multiplier=0.5, max=2),
            retry=retry_if_exception_type(Transient),
            sleep=sleep_using_event(self._stop),
            reraise=True,
        ):
            with attempt:
                send(alert)


def _mark(way: str, key: str) -> str:
    return f"{UNSENT}{way}:{key}"


def _kept(alert: Alert) -> str:
    incident = alert.incident
    return json.dumps({"what": incident.what, "cure": incident.cure, "at": zulu(alert.at)})


def _restored(key: str, text: str) -> Alert:
    table = json.loads(text)
    at = instant_of(table["at"])
    return Alert(Incident(key, table["what"], table["cure"]), at or instant())
