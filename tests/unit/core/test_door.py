"""What the directory answers to the right password, condition by condition and at the boundaries.

That slapd answers so is tested against a real one in tests/directory/test_sign_in.py.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from connector.core.door import FOR_GOOD, Answer, Marks, Policy, lock_on, marks_of, policy_of, shut
from tests.unit.core.builders import account, having

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
POLICY = Policy("cn=default", lockout=True, lock_seconds=900, must_change=True)


def stamp(at: datetime) -> str:
    return f"{at:%Y%m%d%H%M%SZ}"


def answers(marks: Marks, policy: Policy) -> list[Answer]:
    return [one.answer for one in shut(account(), marks, policy, NOW)]


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({}, []),
        ({"pwdEndTime": stamp(NOW)}, [Answer.ENDED]),
        ({"pwdEndTime": stamp(NOW + SECOND)}, []),
        ({"pwdStartTime": stamp(NOW)}, []),
        ({"pwdStartTime": stamp(NOW + SECOND)}, [Answer.NOT_BEGUN]),
        ({"pwdEndTime": "20261129130000+0100"}, [Answer.ENDED]),
        ({"pwdReset": "TRUE"}, [Answer.FIRST_ONLY]),
        ({"pwdReset": "FALSE"}, []),
        (
            {"pwdReset": "TRUE", "pwdEndTime": stamp(NOW), "pwdStartTime": stamp(NOW + SECOND)},
            [Answer.NOT_BEGUN, Answer.ENDED, Answer.FIRST_ONLY],
        ),
    ],
)
def test_dates_and_the_duty_to_change(attributes: dict[str, str], expected: list[Answer]) -> None:
    found = shut(having(account(), **attributes), Marks(), POLICY, NOW)
    assert [one.answer for one in found] == expected


def test_without_a_password_nobody_gets_in() -> None:
    found = shut(account(password=False), Marks(), POLICY, NOW)
    assert [one.answer for one in found] == [Answer.NO_PASSWORD]


@pytest.mark.parametrize("locked", [FOR_GOOD, stamp(NOW), "20261129130000Z"])
@pytest.mark.parametrize("seconds", [0, 900])
@pytest.mark.parametrize("lockout", [True, False])
def test_a_lock_holds_as_its_policy_says(locked: str, seconds: int, lockout: bool) -> None:
    policy = Policy("cn=p", lockout=lockout, lock_seconds=seconds)
    found = lock_on(Marks(locked=locked), policy, NOW)
    if not lockout:
        assert found is None
        return
    assert found is not None
    assert found.by_hand == (locked == FOR_GOOD)
    assert (found.until is None) == (seconds == 0 or locked == FOR_GOOD)


def test_a_lock_that_ends_is_over_at_its_end() -> None:
    marks = Marks(locked=stamp(NOW - timedelta(seconds=900)))
    assert lock_on(marks, POLICY, NOW) is None
    found = lock_on(marks, POLICY, NOW - SECOND)
    assert found is not None
    assert found.until == NOW


def test_a_lock_under_a_policy_that_nobody_knows_is_unsure_but_for_one_by_hand() -> None:
    found = lock_on(Marks(locked=stamp(NOW)), None, NOW)
    assert found is not None
    assert found.unsure
    found = lock_on(Marks(locked=FOR_GOOD), None, NOW)
    assert found is not None
    assert not found.unsure


def test_where_no_policy_holds_nothing_is_looked_at() -> None:
    closed = {"pwdReset": "TRUE", "pwdEndTime": stamp(NOW), "pwdStartTime": stamp(NOW + SECOND)}
    policy = Policy("cn=none", there=False)
    assert shut(having(account(), **closed), Marks(locked=FOR_GOOD), policy, NOW) == ()


def test_an_old_password_and_a_long_rest() -> None:
    old = Policy("cn=p", max_age=60, grace_logins=1)
    then = NOW - timedelta(seconds=60)
    assert answers(Marks(changed=then), old) == []  # a grace login is left
    assert answers(Marks(changed=then, grace_used=1), old) == [Answer.TOO_OLD]
    assert answers(Marks(changed=then + SECOND, grace_used=1), old) == []
    idle = Policy("cn=p", max_idle=60)
    assert answers(Marks(last_success=then), idle) == []
    assert answers(Marks(last_success=then - SECOND), idle) == [Answer.IDLE]
    assert answers(Marks(), idle) == []


def test_marks_and_policies_are_read_from_their_attributes() -> None:
    marks = marks_of(
        {
            "pwdAccountLockedTime": ("20261129120000Z",),
            "pwdFailureTime": ("20261129115900.123456Z", "20261129115800Z"),
            "pwdChangedTime": ("20261001000000Z",),
            "pwdGraceUseTime": ("20261128000000Z",),
        }
    )
    assert marks.locked_at == NOW
    assert marks.failures == 2
    assert marks.last_failure == datetime(2026, 11, 29, 11, 59, tzinfo=UTC)
    assert marks.grace_used == 1
    policy = policy_of(
        "cn=p", {"pwdLockout": "true", "pwdLockoutDuration": "900", "pwdMustChange": "FALSE"}
    )
    assert (policy.lockout, policy.lock_seconds, policy.must_change) == (True, 900, False)
    assert not policy_of("cn=p", None).there
