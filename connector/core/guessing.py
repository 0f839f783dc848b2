"""What guessing could open: provisional passwords, given the policy that guards them.

Six digits are an activation code, not a password: they are safe only as long as the directory
counts the wrong ones. This is the figure of the contract ("The provisional password"), computed
from the policy as it is in the directory, not as it was meant to be.

Sources: the attributes are those of draft-behera-ldap-password-policy-10, section 5.2, read as
slapd 2.5 does (slapo-ppolicy(5)); that a lock lets ``2 x olcThreads`` guesses through was
measured (lookups under way are not counted yet).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from connector.core.rules import Provisional

LIMIT = 0.01  # accounts a day that guessing may open
LONGEST = 64  # the most characters that a provisional password may have
DEFAULT_THREADS = 16  # of slapd, where cn=config cannot be read
ALARM_SHARE, ALARM_LEAST = 100, 5  # one in so many inactive accounts, and at least so many
_DAY = 86_400
_YEAR = 365


@dataclass(frozen=True, slots=True)
class Lock:
    """How a password policy answers wrong passwords."""

    failures: int  # pwdMaxFailure; 0: nothing is ever locked
    seconds: int = 0  # pwdLockoutDuration; 0: for good
    window: int = (
        0  # pwdFailureCountInterval: after how long a failure is forgotten; 0: at the next success
    )

    @property
    def locks(self) -> bool:
        """Whether there is a lock at all."""
        return self.failures > 0

    @property
    def for_good(self) -> bool:
        """Whether a lock stays until an admin removes it."""
        return self.locks and self.seconds == 0


@dataclass(frozen=True, slots=True)
class Guessing:
    """The figure, with what it was computed from."""

    inactive: int
    lock: Lock
    threads: int
    length: int
    characters: int  # in the alphabet
    figure: float  # accounts a day; infinite without a lock
    length_needed: int | None  # the shortest length that stays within the limit

    @property
    def too_many(self) -> bool:
        """Whether guessing opens more than the contract allows."""
        return self.figure > LIMIT

    @property
    def sentence(self) -> str:
        """What it means, in plain words."""
        if not self.lock.locks:
            return (
                f"nothing locks a provisional password: {self._accounts} can be guessed at leisure"
            )
        kind = "a lock for good" if self.lock.for_good else f"a lock of {self.lock.seconds} s"
        return (
            f"guessing could open {number(self.figure)} accounts a day "
            f"(at most {LIMIT} may be): {self._accounts}, "
            f"{self.length} characters of {self.characters}, {kind} after "
            f"{self.lock.failures} failures, which lets up to "
            f"{max(self.lock.failures, 2 * self.threads)} through at once"
        )

    @property
    def cure(self) -> str:
        """How to bring the figure down; empty if that is not needed."""
        if not self.too_many:
            return ""
        cures = []
        if not self.lock.for_good:
            cures.append(
                "give the provisional policy pwdLockout TRUE, pwdMaxFailure 5 and "
                "pwdLockoutDuration 0"
            )
        elif self.lock.window:
            cures.append("give the provisional policy pwdFailureCountInterval 0")
        if self.length_needed is not None:
            digits = "digits" if self.characters == 10 else f"characters of these {self.characters}"
            cures.append(
                f"set password.provisional.length = {self.length_needed}: under the policy as it "
                f"is {self.length_needed} {digits} would do (accounts that stand keep theirs "
                "until they are activated or reissued)"
            )
        text = "; or ".join(cures)
        return text[:1].upper() + text[1:]

    @property
    def _accounts(self) -> str:
        return (
            "1 inactive account" if self.inactive == 1 else f"{self.inactive:,} inactive accounts"
        )


def number(value: float) -> str:
    """A figure as a person reads it: two significant digits, never a power of ten."""
    if math.isinf(value):
        return "any number of"
    if value == 0:
        return "0"
    digits = max(0, 1 - math.floor(math.log10(value)))
    return f"{value:,.{digits}f}"


def lock_of(policy: Mapping[str, str] | None) -> Lock:
    """The lock that a policy entry describes; no policy, no lock.

    Args:
        policy: attribute to its value, names in the standard's spelling.
    """
    if policy is None or policy.get("pwdLockout", "FALSE").upper() != "TRUE":
        return Lock(0)

    def count(name: str) -> int:
        text = policy.get(name, "0")
        return int(text) if text.isascii() and text.isdigit() else 0

    return Lock(
        failures=count("pwdMaxFailure"),
        seconds=count("pwdLockoutDuration"),
        window=count("pwdFailureCountInterval"),
    )


def guesses_a_day(lock: Lock, threads: int, valid_days: int) -> float:
    """Guesses at one account that the directory verifies, on an average day.

    A lock for good allows one burst in the life of a password; a lock that ends allows one each
    time. If failures are forgotten after a while, a patient guesser stays one below the limit and
    is never locked: the faster of the two counts.
    """
    if not lock.locks:
        return math.inf
    burst = max(lock.failures, 2 * threads)
    rate = burst / (valid_days or _YEAR) if lock.for_good else burst * _DAY / lock.seconds
    if lock.window:
        rate = max(rate, (lock.failures - 1) * _DAY / lock.window)
    return rate


def is_alarming(tried: int, inactive: int) -> bool:
    """Whether sign-ins failed at so many accounts within a day that somebody must be guessing.

    One guess each at many accounts never causes a lock.
    """
    return tried >= ALARM_LEAST and ALARM_SHARE * tried >= inactive


def compute(inactive: int, lock: Lock, threads: int, rules: Provisional) -> Guessing:
    """How many accounts guessing could open in a day, and which length would do."""
    characters = len(rules.alphabet)
    rate = guesses_a_day(lock, threads, rules.valid_days)

    def opened(length: int) -> float:
        # Without a lock it is not safe to fill even an empty directory.
        return rate if math.isinf(rate) else inactive * rate / characters**length

    needed = next((n for n in range(1, LONGEST + 1) if opened(n) <= LIMIT), None)
    return Guessing(
        inactive=inactive,
        lock=lock,
        threads=threads,
        length=rules.length,
        characters=characters,
        figure=opened(rules.length),
        length_needed=needed,
    )
