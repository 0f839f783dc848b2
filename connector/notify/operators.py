"""Alerts: what is held or failing is pushed to people, once, with the command that resolves it.

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
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import structlog
from pydantic import SecretStr
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
from connector.core.model import Held
from connector.edges import smtp
from connector.edges.http_post import post
from connector.edges.ldap.connection import BindRefused
from connector.errors import (
    ConfigurationError,
    DirectoryUntrusted,
    FeedRefused,
    JournalUntrusted,
    ScolpassError,
    Transient,
)
from connector.log.redaction import guard_secret, scrub
from connector.settings.sections import Mail

ATTEMPTS = 3
WAITING = 100  # alerts in the queue; more are tried again at their next occurrence
PATIENCE = 5.0  # seconds that the end may take to send what waits
UNSENT = "unsent:"
LOCKING = "locking"
_NAMED = 5  # of many entries

log = structlog.get_logger()


# --- incidents ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Incident:
    """Something that people must know."""

    key: str  # the same one, the same incident; no key begins with another and a colon
    what: str
    cure: str  # the command to type


def held(digest: str, actions: Sequence[Held]) -> Incident:
    """A plan that waits for approval.

    ``digest`` is that of what was left undone: the same in the run that held it first and in those
    that find it held again.
    """
    what = "; ".join(action.explanation for action in actions)
    return Incident(
        f"held:{digest}",
        f"a plan is held for approval: {what}",
        f"read it with `scolpass plan`, then `scolpass sync --approve {digest} --reason '...'`",
    )


def untrusted(error: ScolpassError) -> Incident:
    """What stopped a whole pass: feed, directory, journal, service password or clock."""
    if isinstance(error, FeedRefused):
        return Incident("feed", error.message, error.cure)
    if isinstance(error, BindRefused):
        key = "service-password"
    elif isinstance(error, DirectoryUntrusted):
        key = "directory"
    elif isinstance(error, JournalUntrusted):
        key = "journal"
    else:
        key = "pass"
    return Incident(key, error.message, _with_command(error.cure, "scolpass check"))


def failing(errors: Mapping[str, str], runs: int) -> Incident:
    """Entries that fail run after run: why, by student number."""
    numbers = sorted(errors)
    named = ", ".join(numbers[:_NAMED]) + (", ..." if len(numbers) > _NAMED else "")
    entries = "1 entry has" if len(numbers) == 1 else f"{len(numbers)} entries have"
    return Incident(
        "failing",
        f"{entries} failed {runs} runs in a row: {named}; the first: {errors[numbers[0]]}",
        f"`scolpass resync {numbers[0]}` shows each step; `scolpass history` has the rest",
    )


def configuration(error: ScolpassError) -> Incident:
    """A configuration that was refused at a reload: the one before it is still in use."""
    return Incident(
        "configuration",
        f"the configuration was not taken, the one before is in use: {error.message}",
        _with_command(error.cure, "scolpass check", "systemctl reload scolpass"),
    )


def broker(error: ScolpassError) -> Incident:
    """The broker is away: events wait in its queue."""
    return Incident("broker", error.message, _with_command(error.cure, "scolpass check"))


def spool(error: ScolpassError) -> Incident:
    """The spool cannot be used: its files stay where they are."""
    return Incident("spool", error.message, _with_command(error.cure, "scolpass check"))


def guessing(tried: int, inactive: int) -> Incident:
    """Sign-ins failed at many accounts: somebody guesses passwords."""
    return Incident(
        "guessing",
        f"somebody may be guessing passwords: sign-ins failed at {tried:,} accounts within a day, "
        f"{inactive:,} are inactive",
        "the log's lines `sign-in refused` name the addresses they came from: shut those out, or "
        "lower activation.throttle; `scolpass check` says what guessing could open",
    )


def locking(address: str, accounts: int) -> Incident:
    """One address failed at several accounts: five failures at one lock it for good."""
    return Incident(
        f"{LOCKING}:{address}",
        f"{address} may be locking students out: sign-ins from there failed at {accounts} "
        "different accounts, and none is let through to another one for the time being",
        "shut it out, or name it in activation.throttle.shared_addresses if many people share it; "
        "the log's lines `sign-in refused` name the accounts: `scolpass show` says which are "
        "locked, and `scolpass reissue --from FILE --reason '...'` opens many again",
    )


def mail(error: ScolpassError) -> Incident:
    """Mails to students cannot be sent: they wait."""
    return Incident("mail", error.message, _with_command(error.cure, "scolpass check"))


def _with_command(cure: str, *commands: str) -> str:
    typed = ", then ".join(f"`{command}`" for command in commands)
    return f"{cure.rstrip('.')}; {typed}" if cure else typed


# --- ways -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Alert:
    """An incident on its way to somebody."""

    incident: Incident
    at: datetime  # when it was first seen


Way = Callable[[Alert], None]  # raises ScolpassError


def ways(
    mail: Mail,
    to: Sequence[str],
    webhook: Callable[[], SecretStr | None],
    institution: str,
) -> dict[str, Way]:
    """The ways that the configuration gives; ``webhook`` reads the secret file with its URL.

    Raises:
        ConfigurationError: that file is open to others, or empty.
    """
    found: dict[str, Way] = {}
    if to:
        found["mail"] = lambda alert: _mail(alert, mail, to, institution)
    if _guarded(webhook) is not None:
        found["webhook"] = lambda alert: _post(alert, webhook, institution)
    return found


class WouldSend(ScolpassError):
    """An alert that nobody is told, as the configuration says that no mail leaves."""


def _mail(alert: Alert, mail: Mail, to: Sequence[str], institution: str) -> None:
    if not mail.enabled:
        raise WouldSend(
            f"nobody is told: mail.enabled is false, and it would go to {', '.join(to)}",
            "Set mail.enabled = true, or write a URL into the file alerts.webhook_url_file.",
        )
    incident = alert.incident
    body = (
        f"{incident.what}\n\n"
        f"What to do:\n\n    {incident.cure}\n\n"
        f"Incident {incident.key}, at {zulu(alert.at)}, on {socket.gethostname()}.\n"
        "It is told once; the log says when it is resolved.\n"
    )
    smtp.send(mail, to, f"[scolpass] {institution}: {incident.what}", body)


def _post(alert: Alert, webhook: Callable[[], SecretStr | None], institution: str) -> None:
    url = _guarded(webhook)
    if url is None:
        raise ConfigurationError("the secret file with the webhook's URL is gone", "Write it anew")
    post(
        url,
        {
            "incident": alert.incident.key,
            "what": alert.incident.what,
            "cure": alert.incident.cure,
            "institution": institution,
            "host": socket.gethostname(),
            "at": zulu(alert.at),
        },
    )


def _guarded(webhook: Callable[[], SecretStr | None]) -> SecretStr | None:
    url = webhook()
    if url is not None:
        guard_secret(url)
    return url


# --- once -----------------------------------------------------------------------------------------


class IncidentJournal(Protocol):
    """What the journal keeps of incidents; each method may raise :class:`JournalUntrusted`."""

    def open_incident(self, key: str, text: str, at: datetime) -> bool:
        """Keep it as open; whether it was not."""

    def close_incident(self, key: str, at: datetime) -> bool:
        """It is over; whether it was open."""

    def incidents(self) -> Mapping[str, str]:
        """The open ones: text by key."""


def open_incidents(journal: IncidentJournal) -> dict[str, str]:
    """The incidents that are open, by key, without the marks of what is still to be sent."""
    return {k: text for k, text in journal.incidents().items() if not k.startswith(UNSENT)}


def unsent(journal: IncidentJournal) -> int:
    """How many alerts have not reached those who are to be told, each way counted for itself."""
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
        """Send what waits, for at most ``PATIENCE`` seconds; the rest is sent at the next start."""
        until = time.monotonic() + PATIENCE
        with suppress(queue.Full):
            self._queue.put(None, timeout=PATIENCE)
            self._thread.join(max(0.0, until - time.monotonic()))
        self._stop.set()

    def raise_(self, incident: Incident) -> bool:
        """It is the case (again). Returns at once; whether it was new.

        The text is cleared of secrets here, while those of the moment are still guarded.
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
        """It is over. ``key`` with a colon at its end names all that begin so, but for one."""
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
