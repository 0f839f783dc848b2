"""What guessing could open, against the figures of the contract and those that were measured."""

from __future__ import annotations

import math
from typing import Any

import pytest

from connector.core.guessing import (
    LIMIT,
    Guessing,
    Lock,
    compute,
    guesses_a_day,
    is_alarming,
    lock_of,
    number,
)
from connector.core.rules import Provisional

FOR_GOOD = Lock(5)
A_QUARTER_OF_AN_HOUR = Lock(5, seconds=900)


def rules(**changes: object) -> Provisional:
    return Provisional.model_validate({"policy_dn": "cn=p,dc=x"} | changes)


def opened(inactive: int, lock: Lock, threads: int = 16, **changes: Any) -> Guessing:
    return compute(inactive, lock, threads, rules(**changes))


class TestTheFigure:
    def test_of_a_lock_for_good_is_one_burst_in_the_life_of_a_password(self) -> None:
        # inactive x max(pwdMaxFailure, 2 x olcThreads) / alphabet^length / valid_days
        assert opened(15_000, FOR_GOOD).figure == pytest.approx(15_000 * 32 / 10**6 / 90)

    def test_of_a_password_without_a_last_day_is_reckoned_by_the_year(self) -> None:
        figure = opened(15_000, FOR_GOOD, valid_days=0).figure
        assert figure == pytest.approx(15_000 * 32 / 10**6 / 365)

    def test_of_a_lock_that_ends_is_a_burst_at_each_lock_undivided(self) -> None:
        figure = opened(15_000, A_QUARTER_OF_AN_HOUR).figure
        assert figure == pytest.approx(15_000 * 32 * 96 / 10**6)
        assert figure == pytest.approx(opened(15_000, A_QUARTER_OF_AN_HOUR, valid_days=0).figure)

    def test_without_the_race_a_lock_that_ends_opens_seven_a_day(self) -> None:
        # facts: 15,000 accounts x 5 guesses every 15 minutes
        assert opened(15_000, A_QUARTER_OF_AN_HOUR, threads=2).figure == pytest.approx(7.2)

    def test_counts_the_failures_of_the_policy_where_they_are_more_than_the_race(self) -> None:
        assert guesses_a_day(Lock(100), 16, 90) == pytest.approx(100 / 90)
        assert guesses_a_day(Lock(5), 16, 90) == pytest.approx(32 / 90)

    def test_without_a_lock_is_boundless_even_before_the_first_account(self) -> None:
        found = opened(0, Lock(0))
        assert math.isinf(found.figure)
        assert found.too_many
        assert found.length_needed is None

    def test_of_failures_that_are_forgotten_is_that_of_a_patient_guesser(self) -> None:
        # Four guesses a minute are never locked, however good the lock.
        assert guesses_a_day(Lock(5, window=60), 16, 90) == pytest.approx(4 * 1440)
        # Once a year: the burst is the greater.
        assert guesses_a_day(Lock(5, window=86_400 * 365), 16, 90) == pytest.approx(32 / 90)

    def test_exactly_the_limit_passes(self) -> None:
        # 90 days, 100 threads: 4,500 x 200 / 10^6 / 90 = 0.01
        assert opened(4_500, FOR_GOOD, threads=100).figure == LIMIT
        assert not opened(4_500, FOR_GOOD, threads=100).too_many
        assert opened(4_501, FOR_GOOD, threads=100).too_many


class TestTheLengthThatWouldDo:
    @pytest.mark.parametrize(
        ("inactive", "lock", "changes", "needed"),
        [
            (15_000, FOR_GOOD, {}, 6),
            (30_000, FOR_GOOD, {}, 7),
            (15_000, A_QUARTER_OF_AN_HOUR, {}, 10),
            (30_000, FOR_GOOD, {"alphabet": "abcdefghijkmnpqrstuvwxyz23456789"}, 5),
            (0, FOR_GOOD, {}, 1),
        ],
    )
    def test_is_the_shortest_that_stays_within_the_limit(
        self, inactive: int, lock: Lock, changes: dict[str, Any], needed: int
    ) -> None:
        assert opened(inactive, lock, **changes).length_needed == needed

    def test_is_within_the_limit_and_one_less_is_not(self) -> None:
        needed = opened(30_000, A_QUARTER_OF_AN_HOUR).length_needed
        assert needed is not None
        assert not opened(30_000, A_QUARTER_OF_AN_HOUR, length=needed).too_many
        assert opened(30_000, A_QUARTER_OF_AN_HOUR, length=needed - 1).too_many


class TestTheLockOfAPolicy:
    @pytest.mark.parametrize(
        ("policy", "lock"),
        [
            (None, Lock(0)),
            ({}, Lock(0)),
            ({"pwdMaxFailure": "5"}, Lock(0)),
            ({"pwdLockout": "FALSE", "pwdMaxFailure": "5"}, Lock(0)),
            ({"pwdLockout": "TRUE"}, Lock(0)),
            ({"pwdLockout": "TRUE", "pwdMaxFailure": "0"}, Lock(0)),
            ({"pwdLockout": "TRUE", "pwdMaxFailure": "5"}, Lock(5)),
            ({"pwdLockout": "true", "pwdMaxFailure": "5", "pwdLockoutDuration": "0"}, Lock(5)),
            (
                {
                    "pwdLockout": "TRUE",
                    "pwdMaxFailure": "5",
                    "pwdLockoutDuration": "900",
                    "pwdFailureCountInterval": "60",
                },
                Lock(5, 900, 60),
            ),
        ],
    )
    def test_is_read_as_slapd_reads_it(self, policy: dict[str, str] | None, lock: Lock) -> None:
        assert lock_of(policy) == lock


class TestInWords:
    def test_it_names_figure_limit_and_cure(self) -> None:
        found = opened(30_000, FOR_GOOD)
        assert "0.011 accounts a day (at most 0.01 may be)" in found.sentence
        assert "30,000 inactive accounts" in found.sentence
        assert "password.provisional.length = 7" in found.cure
        assert "7 digits would do" in found.cure

    def test_it_names_the_lock_where_that_is_the_trouble(self) -> None:
        assert "pwdLockoutDuration 0" in opened(15_000, A_QUARTER_OF_AN_HOUR).cure
        assert "pwdLockout TRUE" in opened(1, Lock(0)).cure
        assert "pwdFailureCountInterval 0" in opened(15_000, Lock(5, window=60)).cure

    def test_it_has_no_cure_where_nothing_is_wrong(self) -> None:
        assert opened(15_000, FOR_GOOD).cure == ""

    @pytest.mark.parametrize(
        ("value", "text"),
        [(0.0, "0"), (0.0053333, "0.0053"), (0.01, "0.010"), (46.08, "46"), (7.2, "7.2")],
    )
    def test_a_figure_has_two_digits_that_count(self, value: float, text: str) -> None:
        assert number(value) == text


@pytest.mark.parametrize(
    ("tried", "inactive", "alarming"),
    [
        (4, 0, False),
        (5, 0, True),
        (5, 500, True),
        (5, 501, False),
        (149, 15_000, False),
        (150, 15_000, True),
    ],
)
def test_a_hundredth_of_the_inactive_accounts_is_alarming_and_fewer_than_five_never(
    tried: int, inactive: int, alarming: bool
) -> None:
    assert is_alarming(tried, inactive) is alarming
