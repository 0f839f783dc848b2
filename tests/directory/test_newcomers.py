"""Who gets no account yet: numbers that lost their zeros, names that lost letters; and who is meant
by a number that is somebody else's uid."""

from __future__ import annotations

import pytest

from connector.check import Definition, examine
from connector.errors import UnknownStudent
from connector.walk.resolving import resolve
from tests.support.walk import Row, Walk, student

LONG = [student(f"0160000{n}", f"P{n}", f"N{n}") for n in range(1, 6)]
SHORT: list[Row] = [{**row, "student_number": str(row["student_number"])[1:]} for row in LONG]


def outcome(walk: Walk, rows: list[Row]) -> tuple[dict[str, int], set[tuple[str | None, str]]]:
    walk.workspace.write_register(rows)
    plan = walk.plan().plan
    return dict(plan.counts), {(one.value, one.reason) for one in plan.rejected}


def lost(number: str, other: str) -> tuple[str, str]:
    return number, f"differs only in leading zeros from {other}, born on the same day"


def test_a_spreadsheet_that_drops_zeros_makes_no_second_accounts(walk: Walk) -> None:
    walk.synced(LONG)
    expected = {lost(f"160000{n}", f"0160000{n}") for n in range(1, 6)}
    assert outcome(walk, SHORT) == ({}, expected)
    assert outcome(walk, [*LONG, *SHORT]) == ({}, expected)
    [refused] = walk.plan("1600001").plan.rejected
    assert (refused.value, refused.reason) == lost("1600001", "01600001")
    assert (refused.field, refused.line) == ("student_number", 7)
    assert walk.sync().exit_status == 1
    assert len(walk.people()) == 5
    walk.invariants().check()


def test_known_without_zeros_the_number_with_them_is_the_other(walk: Walk) -> None:
    walk.synced(SHORT)
    assert outcome(walk, LONG)[1] == {lost(f"0160000{n}", f"160000{n}") for n in range(1, 6)}


def test_of_two_that_are_new_the_one_with_more_zeros_is_made(walk: Walk) -> None:
    rows = [LONG[0], SHORT[0], {**SHORT[0], "student_number": "001600001"}]
    found = {lost(number, "001600001") for number in ("1600001", "01600001")}
    assert outcome(walk, rows) == ({"create": 1}, found)
    assert outcome(walk, rows[::-1]) == ({"create": 1}, found)
    for number, count in (("001600001", 1), ("01600001", 0), ("1600001", 0)):
        plan = walk.plan(number).plan
        assert (len(plan.changes), len(plan.rejected)) == (count, 1 - count)


def test_another_birth_date_is_another_person(walk: Walk) -> None:
    rows = [LONG[0], {**SHORT[0], "birth_date": "01/03/2008"}]
    assert outcome(walk, rows) == ({"create": 2}, set())


@pytest.mark.parametrize(
    "name", ["I??l", "Isa\ufffdl", "LÃ©a", "Tháº£o", "Zoï¿½", "Dâ€™Arc", "NoÃ«l"]
)
@pytest.mark.parametrize("field", ["first_name", "family_name", "usual_name"])
def test_a_name_that_lost_letters_makes_no_account_and_takes_none(
    walk: Walk, name: str, field: str
) -> None:
    damaged = student("22600001", **{field: name})
    walk.workspace.write_register([damaged, student("22600002")])
    for scope in ((), ("22600001",)):
        plan = walk.plan(*scope).plan
        assert [(one.field, one.value, one.line) for one in plan.rejected] == [(field, name, 2)]
        assert all(change.student_number == "22600002" for change in plan.changes)
    walk.synced([student("22600001"), student("22600002")])
    walk.workspace.write_register([damaged, student("22600002")])
    plan = walk.plan().plan
    assert (plan.rejected, dict(plan.counts)) == ((), {"update": 1})


@pytest.mark.parametrize("written", ["", " ", ".", "-", "_", "--", ". -"])
def test_a_person_with_one_name(walk: Walk, written: str) -> None:
    walk.synced([student("22600001", written, "Suharto")])
    [entry] = walk.people().values()
    assert "givenName" not in entry
    assert entry["cn"] == entry["displayName"] == entry["sn"] == ["Suharto"]
    assert entry["mail"] == ["e22600001@etu.umontpellier.fr"]
    walk.synced([student("22600001", "Haji", "Suharto")])
    [entry] = walk.people().values()
    assert entry["givenName"] == ["Haji"]
    walk.synced([student("22600001", written, "Suharto")])
    [entry] = walk.people().values()
    assert "givenName" not in entry


def test_a_number_that_is_anothers_uid_is_refused_with_both_named(walk: Walk) -> None:
    walk.synced([student("22600001"), student("e22600001", "Ana", "Petit")])
    with walk.context() as context:
        with pytest.raises(UnknownStudent, match="several students: 22600001, e22600001"):
            resolve(context, "e22600001")
        assert resolve(context, "22600001") == "22600001"
        assert resolve(context, "ee22600001") == "e22600001"
        assert resolve(context, "ana.petit@etu.umontpellier.fr") == "e22600001"


def test_check_counts_the_rows_that_a_sync_refuses(walk: Walk) -> None:
    """A row of every kind: bad by itself, a twin of somebody known, and a name that lost letters;
    known students and former ones, of whom nothing is refused, beside them."""
    walk.synced([*LONG[:2], student("22600008", "Ana", "Petit")])
    walk.workspace.write_register(
        [
            *LONG[:2],
            *SHORT[:2],
            student("22600008", "A??", "Petit"),  # has an entry
            student("22600009", "I??l", "Durand"),
            student("22600010", birth_date="1/13/2000"),
        ]
    )
    report = walk.sync()
    places = [(one.line, one.value) for one in report.plan.rejected]
    assert places == [(4, "1600001"), (5, "1600002"), (7, "I??l"), (8, "1/13/2000")]
    checkup = examine(walk.workspace.config, Definition.shipped(), {})
    found = [one.seen for one in checkup.findings if one.area == "source"]
    assert found[0].endswith("read whole, 3 good rows of 3 students")
    assert found[1] == (
        "rejected: 4 rows; the first is enrolments.csv line 4: student_number '1600001': "
        "differs only in leading zeros from 01600001, born on the same day"
    )


def test_check_counts_them_before_the_first_sync_and_without_a_directory(walk: Walk) -> None:
    walk.workspace.write_register([*LONG[:2], *SHORT[:2], student("22600009", "I??l", "Durand")])
    planned = walk.plan().plan.rejected
    assert [(one.line, one.value) for one in planned] == [
        (4, "1600001"),
        (5, "1600002"),
        (6, "I??l"),
    ]
    found = [one.seen for one in examine(walk.workspace.config, Definition.shipped(), {}).findings]
    assert any(said.startswith("rejected: 3 rows;") for said in found)
