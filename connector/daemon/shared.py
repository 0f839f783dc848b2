"""What the lanes share: the register as last read, work left over, and the health of each part."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date

from connector.core.model import NO_FEED, Feed, Outcome
from connector.core.rules import Institution
from connector.edges.ldap.connection import BindRefused
from connector.edges.register import marks, read_register
from connector.inbox.events import Accepted
from connector.settings.sections import Source

MOST_ARRIVALS = 20_000  # whose lag is measured


class Register:
    """The register's feed, held in memory and read again only if it may have changed."""

    def __init__(self, source: Source, institution: Institution) -> None:
        self._source = source
        self._institution = institution
        self._read_as: object = None  # the files' marks and the day when they were read
        self.latest = NO_FEED  # as it was read last, and found fit
        self.processed = NO_FEED  # a run has been made with it
        self.accepted = NO_FEED  # ... and nothing of that was held
        self.tried = False

    def read(self, today: date) -> Feed | None:
        """The register, or None if it has not changed since it was read.

        Raises:
            FeedRefused: it is not whole.
        """
        self.tried = True
        mark = marks(self._source)
        if mark is not None and (mark, today) == self._read_as:
            return None
        feed = read_register(self._source, today=today, institution=self._institution)
        self._read_as = (mark, today) if mark is not None else None
        return feed

    def changed(self) -> frozenset[str]:
        """The numbers whose rows have changed since the register was last processed."""
        old, new = self.processed, self.latest
        if old is new:
            return frozenset()
        rows = {number for number, now in new.students.items() if old.students.get(number) != now}
        return frozenset(rows | (new.spoiled.keys() ^ old.spoiled.keys()))

    def note(self, feed: Feed, *, accepted: bool) -> None:
        """A run was made with this feed."""
        self.processed = feed
        if accepted:
            self.accepted = feed

    def forget(self) -> None:
        """Read it again next time, whatever its files look like."""
        self._read_as = None


@dataclass(frozen=True, slots=True)
class Leftover:
    """A student whose change failed."""

    error: str
    times: int  # in a row
    pause: float  # seconds until the next try
    due: float  # monotonic


class Leftovers:
    """Students whose change failed; each is tried again after a pause that doubles each time."""

    FIRST = 2.0  # seconds
    LONGEST = 3600.0
    STUBBORN = 4  # failures in a row

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._left: dict[str, Leftover] = {}
        self._lock = threading.Lock()

    def note(self, outcomes: Iterable[Outcome], seen_to: Iterable[str]) -> None:
        """After a run over ``seen_to``: what became of its changes."""
        errors = {o.change.student_number: o.error or "" for o in outcomes if o.outcome == "failed"}
        with self._lock:
            if self._left:
                for number in set(seen_to) - errors.keys():
                    self._left.pop(number, None)
            for number, error in errors.items():
                before = self._left.get(number)
                times = before.times + 1 if before else 1
                pause = min(2 * before.pause, self.LONGEST) if before else self.FIRST
                self._left[number] = Leftover(error, times, pause, self._clock() + pause)

    def due(self) -> set[str]:
        """Students who are to be tried again now."""
        now = self._clock()
        with self._lock:
            return {number for number, left in self._left.items() if left.due <= now}

    def next_due(self) -> float:
        """Seconds until the next student is to be tried again."""
        now = self._clock()
        with self._lock:
            return min((left.due - now for left in self._left.values()), default=self.LONGEST)

    def stubborn(self) -> dict[str, str]:
        """The errors of students who keep failing, by student number."""
        with self._lock:
            return {n: left.error for n, left in self._left.items() if left.times >= self.STUBBORN}


@dataclass(frozen=True, slots=True)
class Part:
    """The latest state of something that the daemon depends on."""

    well: bool | None = None  # None: not tried yet
    at: float = 0.0  # monotonic seconds
    trouble: str = ""


_UNTRIED = Part()


@dataclass(slots=True)
class Shared:
    """What lanes and health checks share."""

    register: Register
    leftovers: Leftovers = field(default_factory=Leftovers)
    parts: dict[str, Part] = field(default_factory=dict)
    shut_out: BindRefused | None = None  # while it stands, nobody tries to bind
    shut_out_at: float = 0.0  # monotonic
    on_arrival: Callable[[], None] = lambda: None  # wakes the thread that applies events
    _arrivals: dict[tuple[str, str | None], float] = field(default_factory=dict)
    _moved: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note_health(self, part: str, trouble: str | None) -> bool:
        """Note that a part works (None) or what is wrong with it; returns whether that is new."""
        before = self.parts.get(part, _UNTRIED)
        self.parts[part] = Part(trouble is None, time.monotonic(), trouble or "")
        return before.well is not (trouble is None)

    def add_moved(self, numbers: Iterable[str]) -> None:
        """Add students whose entries somebody has written, to be looked at in the next run."""
        with self._lock:
            self._moved.update(numbers)

    def take_moved(self) -> set[str]:
        """Take those students; the next call starts empty."""
        with self._lock:
            moved, self._moved = self._moved, set()
            return moved

    def arrived(self, taken: Iterable[Accepted]) -> None:
        """Events are in the journal now."""
        now = time.monotonic()
        with self._lock:
            self._arrivals.update(((one.id, one.source), now) for one in taken if one.identifier)
            while len(self._arrivals) > MOST_ARRIVALS:
                self._arrivals.pop(next(iter(self._arrivals)))
        self.on_arrival()

    def lags(self, applied: Iterable[tuple[str, str | None]]) -> list[float]:
        """How many seconds ago these events (id and source) arrived at this process."""
        now = time.monotonic()
        with self._lock:
            found = (self._arrivals.pop(one, None) for one in applied)
            return [now - at for at in found if at is not None]
