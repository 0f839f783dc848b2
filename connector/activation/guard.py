"""How often a password may be tried: per account, address, network, and in all; one at a time.

slapd's own lock does not stop parallel guesses: it counts a failure only after it has verified the
password, so of a hundred guesses sent at once some thirty are verified (measured on 2.5.13). So
attempts at an account go one at a time, on all hosts together, before the directory is asked.

An attempt is counted before anything is verified, and the count is corrected if it succeeds:
guesses stop at the limit, however many come at once, and students who know their passwords do not
use it up, however many share an address.

Five failures lock an account for good (the provisional policy), and numbers run in sequence. So an
address that has failed at more than a few different accounts is kept from others. Its answer is
the usual one; any other would tell it which accounts exist.
"""

from __future__ import annotations

import ipaddress
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from connector.clock import instant
from connector.core.rules import Rate, Throttle
from connector.core.spelling import folded
from connector.edges.journal import Full, Journal, Window
from connector.edges.tokens import draw_token
from connector.errors import Busy, DirectoryUntrusted, NotLetIn, Transient
from connector.settings.sections import Directory as DirectorySettings

AT_ONCE = 8  # attempts under way in this process; the others wait ...
PATIENCE = 45.0  # ... for so many seconds
FOR_ANOTHER = 5.0  # seconds to wait for the end of another attempt at the same account
LOOK = 0.02  # seconds between two checks whether it has ended
SLACK = 20  # seconds allowed for the journal and for a difference between two hosts' clocks
REMEMBERED = timedelta(days=1)  # tries of accounts, for the alarm

# Kinds of keys: "kind:...".
ACCOUNT = "account"
NAME = "name"
ADDRESS = "address"
NETWORK = "network"
PROVIDER = "provider"
TOTAL = "total"
AT = "at"  # an account that an address failed at: "at:ADDRESS/NUMBER"
SHUT = "shut"  # an address that is kept from accounts at which it has not failed
MAILS = "mails"  # links for a new password that were sent to a student
SIGN_IN = "sign-in"  # the question that most limits are about

_THROTTLED = {
    NAME: "throttled_account",
    ADDRESS: "throttled_address",
    NETWORK: "throttled_network",
    PROVIDER: "throttled_network",
    TOTAL: "throttled_total",
}


def longest_bind(directory: DirectorySettings) -> timedelta:
    """The longest that asking the directory about a password takes: connecting, TLS, the bind."""
    return timedelta(seconds=directory.connect_timeout + 2 * directory.receive_timeout + SLACK)


class Guard:
    """Counts attempts in the journal; one for each process, for any number of threads."""

    def __init__(
        self,
        journal: Journal,
        throttle: Throttle,
        sign: Callable[[str], str],
        longest: timedelta,
    ) -> None:
        """Count by these limits.

        Args:
            journal: shared by all hosts.
            throttle: the limits.
            sign: what the journal keeps in place of a typed identifier, which may be a
                password typed into the wrong field.
            longest: how long an attempt may take; after that it counts as dead.
        """
        self._journal = journal
        self._throttle = throttle
        self._sign = sign
        self._longest = longest
        self._slots = threading.BoundedSemaphore(AT_ONCE)
        self._in_hand: Counter[str] = Counter()  # by key: attempts that have not ended
        self._ended = threading.Condition()

    @contextmanager
    def attempt(self, identifier: str, address: str) -> Iterator[Attempt]:
        """One attempt to sign in. It counts as a failure unless the block sets its `good`.

        If directory or journal gave no verdict, it does not count.

        Raises:
            NotLetIn: there were too many from this address, for this identifier, or in all.
            Busy: too many wait.
            JournalUntrusted: it cannot be counted, so nothing may be tried.
        """
        if not self._slots.acquire(timeout=PATIENCE):
            raise Busy("too many sign in at once", "Come again.")
        try:
            one = Attempt(self, self._name(SIGN_IN, identifier), _network(address))
            try:
                one.count(*self._windows(SIGN_IN, address, identifier))
                yield one
            except (DirectoryUntrusted, Transient):
                one.good = True  # nobody learned anything
                raise
            finally:
                self._settle(one)
        finally:
            self._slots.release()

    @contextmanager
    def alone(self, number: str) -> Iterator[None]:
        """Be the only one to ask the directory about this account's password, on all hosts.

        Raises:
            Busy: another attempt has not ended in time.
            JournalUntrusted: that cannot be known.
        """
        holder = draw_token()
        self._enter(f"{ACCOUNT}:{number}", holder)
        try:
            yield
        finally:
            self._journal.settle(holder, ())

    def count(self, question: str, address: str, identifier: str | None = None) -> None:
        """Count another question that strangers may ask, such as for a forgotten password.

        Each one counts, by address, in all, and by identifier if there is one; different questions
        are counted apart.

        Raises:
            NotLetIn: there were too many.
            JournalUntrusted: it cannot be counted.
        """
        self._count(self._windows(question, address, identifier))

    def count_of(self, question: str, number: str) -> None:
        """Count a request of somebody who has signed in, by account only.

        Raises:
            NotLetIn: there were too many.
            JournalUntrusted: it cannot be counted.
        """
        self._count([_window(self._name(question, number), self._throttle.account)])

    def may_be_mailed(self, number: str) -> bool:
        """Count a link for a new password, to be sent to a student; False: there were enough.

        Raises:
            JournalUntrusted: it cannot be counted.
        """
        window = _window(f"{MAILS}:{number}", self._throttle.reset_mails)
        return not isinstance(self._journal.add_tries([window], instant()), Full)

    def _count(self, windows: Sequence[Window]) -> None:
        added = self._journal.add_tries(windows, instant())
        if isinstance(added, Full):
            raise _refusal(added)

    # --- what attempts need ---

    def _windows(self, question: str, address: str, identifier: str | None) -> list[Window]:
        throttle = self._throttle
        windows = [
            _window(f"{ADDRESS}:{question}:{_network(address)}", throttle.address),
            _window(f"{NETWORK}:{question}:{_network(address, 24, 48)}", throttle.network),
            _window(f"{PROVIDER}:{question}:{_network(address, 16, 32)}", throttle.provider),
            _window(f"{TOTAL}:{question}", throttle.total),
        ]
        if identifier is not None:
            windows.append(_window(self._name(question, identifier), throttle.account))
        return windows

    def _name(self, question: str, identifier: str) -> str:
        return f"{NAME}:{question}:{self._sign(folded(identifier))}"

    def _account(self, number: str, network: str) -> list[Window]:
        windows = [_window(f"{ACCOUNT}:{number}", self._throttle.account)]
        if not self._is_shared(network):
            rate, group = self._throttle.accounts, f"{AT}:{network}/"
            windows.append(Window(f"{group}{number}", rate.limit, rate.period, group))
        return windows

    def _is_shared(self, network: str) -> bool:
        try:
            address = ipaddress.ip_network(network).network_address
        except ValueError:
            return False
        return any(address in shared for shared in self._throttle.shared_addresses)

    def _shut(self, group: str) -> None:
        """Note that an address has failed at too many accounts, for the incident."""
        key = f"{SHUT}:{group.removeprefix(f'{AT}:').rstrip('/')}"
        self._journal.add_tries([Window(key, 1, self._throttle.accounts.period)], instant())

    def _add(self, windows: Sequence[Window]) -> tuple[int, ...]:
        """Count an attempt; if those under way use up the limit, wait for their outcome.

        Raises:
            NotLetIn: there were too many.
            Busy: those under way have not ended in time.
            JournalUntrusted: it cannot be counted.
        """
        give_up = time.monotonic() + PATIENCE
        with self._ended:
            while True:
                added = self._journal.add_tries(windows, instant())
                if not isinstance(added, Full):
                    self._in_hand.update(_in_hand(windows))
                    return added
                if not self._in_hand[_in_hand([added.window])[0]]:
                    if added.window.group:
                        self._shut(added.window.group)
                    raise _refusal(added)
                left = give_up - time.monotonic()
                if left <= 0:  # nobody knows yet whether there were too many
                    raise Busy("the attempts before this one have not ended", "Come again.")
                self._ended.wait(left)

    def _enter(self, account: str, holder: str) -> None:
        give_up = time.monotonic() + FOR_ANOTHER
        while True:
            now = instant()
            if self._journal.enter(account, holder, now, now + self._longest):
                return
            if time.monotonic() >= give_up:
                raise Busy("another attempt at the same account has not ended", "Come again.")
            time.sleep(LOOK)

    def _settle(self, one: Attempt) -> None:
        try:
            if one.numbers or one.entered:
                self._journal.settle(
                    one.holder, one.numbers if one.good else (), one.accounts if one.let_in else ()
                )
        finally:
            with self._ended:
                self._in_hand.subtract(one.keys)
                for key in one.keys:
                    if not self._in_hand[key]:
                        del self._in_hand[key]
                self._ended.notify_all()


class Attempt:
    """One attempt to sign in, until its end."""

    def __init__(self, guard: Guard, name: str, network: str) -> None:
        self.good = False  # whether its count is removed when it ends
        self.let_in = False  # whether the password was right
        self.accounts: list[str] = []  # keys of the accounts that its address fails at
        self.holder = draw_token()
        self.numbers: list[int] = []
        self.keys: list[str] = []
        self.entered = False
        self._guard = guard
        self._name = name
        self._network = network

    def count(self, *windows: Window) -> None:
        """Count it against these limits, too."""
        self.numbers += self._guard._add(windows)
        self.keys += _in_hand(windows)
        self.accounts += [window.key for window in windows if window.group]

    def enter(self, number: str | None) -> None:
        """Be the only one to try this account until the attempt ends; None: there is none.

        Without an account, attempts wait for each other all the same, by what was typed.

        Raises:
            NotLetIn: there were too many at this account.
            Busy: another attempt has not ended in time.
        """
        self._guard._enter(f"{ACCOUNT}:{number}" if number else self._name, self.holder)
        self.entered = True
        if number:
            self.count(*self._guard._account(number, self._network))


def accounts_tried(journal: Journal, now: datetime) -> int:
    """The number of accounts at which a sign-in has failed within a day."""
    return journal.keys_tried(f"{ACCOUNT}:", now - REMEMBERED)


def forget(journal: Journal, throttle: Throttle, now: datetime) -> None:
    """Delete the attempts that no limit and no alarm looks at any more."""
    periods = {
        ACCOUNT: max(REMEMBERED, throttle.account.period),
        NAME: throttle.account.period,
        ADDRESS: throttle.address.period,
        AT: throttle.accounts.period,
        SHUT: throttle.accounts.period,
        MAILS: throttle.reset_mails.period,
        **dict.fromkeys((NETWORK, PROVIDER, TOTAL), throttle.total.period),
    }
    journal.forget_tries({f"{kind}:": now - period for kind, period in periods.items()}, now)


def shut_out(journal: Journal, throttle: Throttle, now: datetime) -> dict[str, int]:
    """Addresses that failed at too many accounts and came back, with the number of accounts."""
    since = now - throttle.accounts.period
    shut = [key.removeprefix(f"{SHUT}:") for key in journal.tried(f"{SHUT}:", since)]
    return {one: len(journal.tried(f"{AT}:{one}/", since)) for one in shut}


def _in_hand(windows: Sequence[Window]) -> list[str]:
    """What shows that attempts under way use up a limit."""
    return [window.group or window.key for window in windows]


def _window(key: str, rate: Rate) -> Window:
    return Window(key, rate.limit, rate.period)


def _refusal(full: Full) -> NotLetIn:
    """The refusal for a limit that is used up; an account's own would give away its other names."""
    kind, _, rest = full.window.key.partition(":")
    if kind == AT:
        return NotLetIn("throttled_accounts", student_number=rest.rpartition("/")[2])
    if kind == ACCOUNT:
        return NotLetIn("throttled_account", student_number=rest)
    seconds = max(1, math.ceil((full.until - instant()).total_seconds()))
    return NotLetIn(_THROTTLED[kind], wait=seconds)


def _network(address: str, four: int = 32, six: int = 64) -> str:
    """What an address counts as: itself, or for IPv6 its /64, which belongs to one customer."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "none"
    found = getattr(found, "ipv4_mapped", None) or found
    length = four if isinstance(found, ipaddress.IPv4Address) else six
    network = ipaddress.ip_network(found).supernet(new_prefix=length)
    return str(network.network_address if length == 32 else network)
