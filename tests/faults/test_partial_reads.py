"""slapd answers with less than all: rights that were lost, and limits of its own.

Each time a student has been cancelled and another has come, so a run that took what it was given
for the whole would expire, and create.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest

from connector.errors import DirectoryUntrusted
from tests.support.breakage import DATABASE, change, rights_taken
from tests.support.walk import Row, Walk, actions, students

CHILDREN = 'dn.children="{people}"'


def next_register(count: int) -> list[Row]:
    """The first student is cancelled and one has come."""
    rows = students(count + 1)
    return [{**rows[0], "status": "A"}, *rows[1:]]


def carried_on(walk: Walk, count: int) -> None:
    """Once the directory answers whole again, the run does what it would have done."""
    report = walk.synced()
    assert actions(report) == [("expire", "22600001"), ("create", f"{22600001 + count}")]
    walk.writes_nothing()


@pytest.mark.parametrize(
    ("what", "count", "now"),
    [
        (CHILDREN, 12, 0),
        (CHILDREN, 3, 0),  # fewer than safety.floor
        (CHILDREN + " filter=(!(uid=*5))", 12, 1),
        (CHILDREN + " attrs=supannEtuId", 12, 0),
        (CHILDREN + " attrs=supannEtuId", 3, 0),
        (CHILDREN + " attrs=entry", 12, 0),
    ],
    ids=["all", "all of a few", "most", "the number", "the number of a few", "the entry itself"],
)
def test_rights_lost_at_the_moment_of_an_expiry_stop_the_run(
    walk: Walk, refuses: Callable[..., str], what: str, count: int, now: int
) -> None:
    walk.synced(students(count))
    walk.workspace.write_register(next_register(count))
    with rights_taken(walk.directory, what.format(people=walk.directory.people_dn)):
        said = refuses()
    assert f"there were {count}, now there are {now}" in said
    carried_on(walk, count)


def test_a_few_entries_that_cannot_be_seen_are_not_made_twice(walk: Walk) -> None:
    walk.synced(students(12))
    before = walk.directory.csns()
    passwords = {number: walk.password(number) for number in ("22600005", "22600006")}
    hidden = f"{CHILDREN} filter=(|(uid=e22600005)(uid=e22600006))"
    with rights_taken(walk.directory, hidden.format(people=walk.directory.people_dn)):
        report = walk.sync()
    assert report.exit_status == 1
    assert [outcome.outcome for outcome in report.outcomes] == ["failed", "failed"]
    assert walk.directory.csns() == before
    walk.writes_nothing()
    assert {number: walk.password(number) for number in passwords} == passwords
    walk.invariants().check()


@pytest.mark.parametrize("valid_days", [90, 0])
@pytest.mark.parametrize(
    "hidden", ["pwdReset", "pwdReset,pwdPolicySubentry", "pwdReset,pwdPolicySubentry,pwdEndTime"]
)
def test_a_password_that_seems_to_have_been_changed_is_not_destroyed(
    walk: Walk, hidden: str, valid_days: int
) -> None:
    walk.workspace.configure({"password": {"provisional": {"valid_days": valid_days}}})
    walk.synced(students(4))
    before = walk.directory.csns()
    what = f'dn.children="{walk.directory.people_dn}" attrs={hidden}'
    with rights_taken(walk.directory, what), contextlib.suppress(DirectoryUntrusted):
        walk.sync()
    assert walk.directory.csns() == before
    walk.writes_nothing()
    walk.invariants().check()


@pytest.mark.parametrize(
    "hidden",
    ["supannRessourceEtatDate,supannRessourceEtat", "mail", "eduPersonAffiliation", "objectClass"],
)
def test_an_attribute_that_cannot_be_seen_is_not_written_over(walk: Walk, hidden: str) -> None:
    walk.synced(students(4))
    before = walk.directory.csns()
    what = f'dn.children="{walk.directory.people_dn}" attrs={hidden}'
    with rights_taken(walk.directory, what), contextlib.suppress(DirectoryUntrusted):
        walk.sync()
    assert walk.directory.csns() == before
    walk.writes_nothing()
    walk.invariants().check()


# --- limits -------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", ["size=5", "size.prtotal=5", "size=unlimited size.unchecked=5"])
def test_an_answer_cut_by_a_size_limit_is_not_taken_for_the_whole(
    walk: Walk, refuses: Callable[..., str], limit: str
) -> None:
    walk.synced(students(12))
    walk.workspace.write_register(next_register(12))
    limits = f'dn.exact="{walk.directory.service_dn}" time=unlimited {limit}'
    change(walk.directory, DATABASE, "replace", "olcLimits", limits)
    assert "limit" in refuses()
    usual = f'dn.exact="{walk.directory.service_dn}" size=unlimited size.prtotal=unlimited'
    change(walk.directory, DATABASE, "replace", "olcLimits", usual)
    carried_on(walk, 12)


def test_an_answer_cut_on_its_second_page_is_not_taken_for_the_whole(
    walk: Walk, refuses: Callable[..., str]
) -> None:
    walk.synced(students(12))
    walk.workspace.write_register(next_register(12))
    people = walk.directory.people_dn
    walk.directory.modify(
        "\n".join(f"dn: uid=p{n},{people}\nobjectClass: account\nuid: p{n}\n" for n in range(1100))
    )
    limits = f'dn.exact="{walk.directory.service_dn}" size=unlimited size.prtotal=1050'
    change(walk.directory, DATABASE, "replace", "olcLimits", limits)
    assert "limit" in refuses()
