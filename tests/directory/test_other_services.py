"""What a service makes of the accounts that knows nothing of scolpass and asks slapd alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.desk import account as desk
from connector.openldap import definition
from tests.support.apache import Apache
from tests.support.breakage import DATABASE, change
from tests.support.desk import activate, take
from tests.support.directory import Directory
from tests.support.events import PASSWORD
from tests.support.walk import Walk, student

pytestmark = pytest.mark.image

ACTIVE, PROVISIONAL, SUSPENDED, EXPIRED, LOCKED, REISSUED = (
    str(number) for number in range(22600001, 22600007)
)


def list_only(directory: Directory, *origins: str) -> None:
    """Let provisional passwords be used from these addresses."""
    rule, *_ = definition.rules_of(
        directory.people_dn, directory.service_dn, directory.policy_dn, origins
    )
    change(directory, DATABASE, "delete", "olcAccess", "{0}")
    change(directory, DATABASE, "add", "olcAccess", "{0}" + rule)


@pytest.fixture
def apache(tmp_path: Path, walk: Walk) -> Iterator[Apache]:
    server = Apache(tmp_path / "apache", walk.directory)
    yield server
    server.stop()


def test_apache_lets_in_whoever_has_activated_and_nobody_else(walk: Walk, apache: Apache) -> None:
    numbers = (ACTIVE, PROVISIONAL, SUSPENDED, EXPIRED, LOCKED, REISSUED)
    rows = [student(number, f"P{number}", f"N{number}") for number in numbers]
    walk.synced(rows)
    activate(walk, ACTIVE, SUSPENDED, EXPIRED, LOCKED, REISSUED)
    take(walk, desk.suspend, SUSPENDED)
    take(walk, desk.reissue, REISSUED)
    walk.synced(
        [{**row, "status": "A"} if row["student_number"] == EXPIRED else row for row in rows]
    )
    passwords = dict.fromkeys(numbers, PASSWORD)
    passwords |= {number: walk.password(number) for number in (PROVISIONAL, REISSUED)}
    # Apache comes from 127.0.0.1, where no pages are.
    list_only(walk.directory, "127.0.0.9", "::1")
    for _ in range(10):  # the default policy's lock
        assert not apache.lets_in(f"e{LOCKED}", "wrong password")
    let_in = {number for number in numbers if apache.lets_in(f"e{number}", passwords[number])}
    assert let_in == {ACTIVE}


def test_without_the_rule_apache_lets_in_who_has_never_activated(
    walk: Walk, apache: Apache
) -> None:
    """Why the rule is there: to slapd a bind with a provisional password is a success."""
    walk.synced([student(PROVISIONAL)])
    password = walk.password(PROVISIONAL)
    list_only(walk.directory, *walk.directory.first_connection_from)
    assert apache.lets_in(f"e{PROVISIONAL}", password)
    list_only(walk.directory, "127.0.0.9")
    assert not apache.lets_in(f"e{PROVISIONAL}", password)
    change(walk.directory, DATABASE, "delete", "olcAccess", "{0}")
    assert apache.lets_in(f"e{PROVISIONAL}", password)
