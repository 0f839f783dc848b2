"""Guessing in parallel: no more is verified than the policy allows, and students get in."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from datetime import timedelta

import pytest

from connector.activation import guard
from connector.clock import instant
from connector.daemon.lanes.guessing import GuessingLane
from connector.daemon.shared import Register, Shared
from connector.errors import Busy
from connector.notify import operators as alerts
from connector.notify.incidents import LOCKING
from connector.settings.loading import load_settings
from connector.walk.context import open_context
from connector.web.metrics import Metrics
from tests.support.daemon import incidents
from tests.support.door import HERE, WRONG, Door, Verified, door
from tests.support.events import NUMBER
from tests.support.tier import size
from tests.support.walk import Walk, student, students

POLICY = 5  # pwdMaxFailure
ACCOUNT, ADDRESS = 10, 30  # what may fail in five minutes
ACCOUNTS = 5  # different ones, from one address
MANY = size(gate=60, long=200)


def at_once(jobs: Sequence[Callable[[], str]]) -> Counter[str]:
    """What jobs give that all begin at the same moment, each in a thread of its own."""
    begin = threading.Barrier(len(jobs))

    def work(job: Callable[[], str]) -> str:
        begin.wait()
        return job()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return Counter(pool.map(work, jobs))


def guess(at: Door, password: str, who: str = NUMBER, address: str = HERE) -> Callable[[], str]:
    def come() -> str:
        while True:
            with suppress(Busy):  # for somebody so far back in the queue it ends with "come again"
                return at.reason(password, who, address=address)

    return come


@pytest.mark.parametrize("hosts", [1, 2])
def test_a_hundred_guesses_at_one_account(
    walk: Walk, monkeypatch: pytest.MonkeyPatch, hosts: int
) -> None:
    """With the right one among them, from many addresses and by all of her names."""
    walk.synced([student(NUMBER)])
    right, login = walk.password(NUMBER), walk.person(NUMBER)["mail"][0]
    verified = Verified(monkeypatch)
    with ExitStack() as stack:
        doors = [stack.enter_context(door(walk)) for _ in range(hosts)]
        names = (NUMBER, f"e{NUMBER}", login)
        jobs = [
            guess(
                doors[n % hosts],
                right if n == 50 else f"{n:06}x",
                names[n % 3],
                f"192.0.2.{n % 20}",
            )
            for n in range(100)
        ]
        became = at_once(jobs)
        assert verified.at_once == 1
        assert len(verified.answers) <= ACCOUNT + 1
        # Of what it was asked slapd verified five, and refused the others unseen; so the right one
        # got in only if it came before.
        entry = walk.directory.entry(walk.person(NUMBER)["dn"][0])
        assert len(entry["pwdFailureTime"]) == POLICY
        assert "pwdAccountLockedTime" in entry
        assert True not in verified.answers[POLICY:]
        assert became["password"] == verified.answers.count(False)
        assert became[""] == verified.answers.count(True) <= 1
        assert became["throttled_account"] == 100 - became["password"] - became[""]
        # Whatever follows, the right one as well, is not even asked for.
        asked = len(verified.answers)
        assert {door_.reason(right, who) for door_ in doors for who in names} == {
            "throttled_account"
        }
        assert len(verified.answers) == asked


@pytest.mark.parametrize("hosts", [1, 2])
def test_one_guess_at_each_of_many_accounts_from_one_address(
    walk: Walk, monkeypatch: pytest.MonkeyPatch, hosts: int
) -> None:
    walk.synced(students(60))
    verified = Verified(monkeypatch)
    with ExitStack() as stack:
        doors = [stack.enter_context(door(walk)) for _ in range(hosts)]
        jobs = [guess(doors[n % hosts], WRONG, str(int(NUMBER) + n)) for n in range(60)]
        assert at_once(jobs) == {
            "password": ACCOUNTS,
            "throttled_accounts": ADDRESS - ACCOUNTS,
            "throttled_address": 30,
        }
        assert verified.answers == [False] * ACCOUNTS
        assert doors[0].reason(who="nobody") == "throttled_address"


def test_very_many_students_who_know_their_passwords(walk: Walk) -> None:
    """All behind one address, and somebody there who guesses."""
    walk.synced(students(MANY))
    numbers = [str(int(NUMBER) + n) for n in range(MANY)]
    with walk.context() as opened:
        sealed = opened.journal.ciphertexts(numbers, "live")
        passwords = {n: opened.sealer.unseal(n, sealed[n]).get_secret_value() for n in numbers}
    with door(walk) as at:
        for n in range(ADDRESS - 1):
            assert at.reason(who=f"nobody{n}") == "unknown"
        assert at_once([guess(at, passwords[n], n) for n in numbers]) == {"": MANY}
        assert at.let_in == MANY
        assert len(at.kept("tries", "key")) == 5 * (ADDRESS - 1)
        assert at.kept("entrances", "account") == []


def test_who_has_waited_for_others_too_long_may_come_again(
    walk: Walk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a slow machine nobody hears of too many failures because others have not ended."""
    monkeypatch.setattr(guard, "PATIENCE", 0.01)
    walk.synced(students(20))
    passwords = {str(int(NUMBER) + n): walk.password(str(int(NUMBER) + n)) for n in range(20)}
    with door(walk) as at:
        for n in range(ADDRESS - 1):
            assert at.reason(who=f"nobody{n}") == "unknown"
        assert at_once([guess(at, word, number) for number, word in passwords.items()]) == {"": 20}


def test_people_hear_of_who_locks_others_out(walk: Walk) -> None:
    walk.synced(students(9))
    settings = load_settings(walk.workspace.config, {})
    with (
        open_context(settings, "daemon") as context,
        alerts.Alerts((), context.journal) as told,
    ):
        shared = Shared(Register(settings.source, settings.institution))
        lane = GuessingLane("guessing", context, shared, told, Metrics())

        def locking() -> list[str]:
            lane.step()
            return [key for key in incidents(walk) if key.startswith(LOCKING)]

        with door(walk) as at:
            for n in range(ACCOUNTS):
                assert at.reason(who=str(int(NUMBER) + n)) == "password"
            assert locking() == []  # it has locked nobody yet, and may be a campus
            for host in range(9):
                for n in range(ACCOUNTS + 1):
                    at.reason(who=str(int(NUMBER) + n), address=f"2001:db8:{host}::1")
            at.reason(who=str(int(NUMBER) + ACCOUNTS))
            assert len(locking()) == 5  # of as many people hear; the log names them all
            text = context.journal.incidents()["locking:192.0.2.7"]
            assert (
                f"192.0.2.7 may be locking students out: sign-ins from there failed at {ACCOUNTS}"
                in text
            )
            assert "reissue --from FILE" in text
            context.moment = type(context.moment)(
                now=instant() + timedelta(hours=1, seconds=1), today=context.moment.today
            )
            assert locking() == []


def test_people_hear_of_one_guess_at_each_of_many_accounts(walk: Walk) -> None:
    walk.synced(students(6))
    settings = load_settings(walk.workspace.config, {})
    with (
        open_context(settings, "daemon") as context,
        alerts.Alerts((), context.journal) as told,
    ):
        shared = Shared(Register(settings.source, settings.institution))
        lane = GuessingLane("guessing", context, shared, told, Metrics())

        def incident_after(failures: int) -> bool:
            for n in range(failures):
                at.reason(who=str(int(NUMBER) + n))
            assert lane.step() == 60
            return "guessing" in incidents(walk)

        with door(walk) as at:
            assert not incident_after(4)  # at four accounts: too few to be told
            assert incident_after(5)
            text = context.journal.incidents()["guessing"]
            assert "5 accounts" in text
            assert "6 accounts in all not activated" in text
            assert "activation.throttle" in text
            assert incident_after(0)
            context.moment = type(context.moment)(
                now=instant() + guard.REMEMBERED + timedelta(seconds=1), today=context.moment.today
            )
            assert not incident_after(0)
            assert not incidents(walk)
            assert at.kept("tries", "key") == []  # nothing counts any more
