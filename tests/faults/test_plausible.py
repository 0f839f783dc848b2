"""A register that is well-formed, as large as ever, and wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tests.support.walk import YEAR, Row, Walk, student, students

COUNT = 40


@pytest.fixture(autouse=True)
def in_step(walk: Walk) -> None:
    """Forty students of two steps."""
    walk.synced(good())


def good() -> list[Row]:
    return [
        {**row, "step_code": f"L{n % 2 + 1}", "step_name": f"Licence {n % 2 + 1}"}
        for n, row in enumerate(students(COUNT))
    ]


def nothing_happened(walk: Walk, before: dict[str, str]) -> None:
    """Nobody was touched, and with the right register again nothing is to be mended."""
    assert walk.directory.csns() == before
    walk.workspace.write_register(good())
    walk.writes_nothing()
    walk.invariants().check()


def held(walk: Walk, rows: Sequence[Row], *actions: str) -> Any:
    """What a sync of this register says, which is held."""
    walk.workspace.write_register(rows)
    report = walk.workspace.json("sync", status=3)
    assert report["held"] == list(actions)
    return report


def test_every_year_one_less_takes_nothing_away(walk: Walk) -> None:
    before = walk.directory.csns()
    report = walk.synced([{**row, "academic_year": YEAR - 1} for row in good()])
    assert report.plan.changes == ()
    nothing_happened(walk, before)


def test_everybody_pending_takes_nothing_away(walk: Walk) -> None:
    before = walk.directory.csns()
    report = walk.synced([{**row, "status": "EN_COURS"} for row in good()])
    assert report.plan.changes == ()
    nothing_happened(walk, before)


def test_swapped_columns_are_held(walk: Walk) -> None:
    before = walk.directory.csns()
    swapped = [
        {**row, "family_name": row["first_name"], "first_name": row["family_name"]}
        for row in good()
    ]
    report = held(walk, swapped, "update")
    assert len(report["changes"]) == COUNT
    assert {change["outcome"] for change in report["changes"]} == {"held"}
    nothing_happened(walk, before)


def test_a_step_whose_rows_are_all_cancelled_is_held_and_the_rest_is_done(walk: Walk) -> None:
    before = walk.directory.csns()
    rows = [{**row, "status": "A"} if row["step_code"] == "L1" else row for row in good()]
    newcomer = student("22700001", "Zoé", "Nouvelle", step_code="L2", step_name="Licence 2")
    report = held(walk, [*rows, newcomer], "expire")
    assert report["counts"] == {"create": 1, "expire": COUNT // 2}
    outcomes = {change["student_number"]: change["outcome"] for change in report["changes"]}
    assert outcomes.pop("22700001") == "applied"
    assert set(outcomes.values()) == {"held"}
    after = walk.directory.csns()
    assert {dn: csn for dn, csn in after.items() if dn in before and csn != before[dn]} == {}
    # The register is mended: what was held is gone, and approving it now does nothing.
    walk.workspace.write_register([*good(), newcomer])
    report = walk.workspace.json(
        "sync", "--approve", report["digest"], "--reason", "too late", status=3
    )
    assert report["changes"] == []
    assert walk.directory.csns() == after
    walk.writes_nothing()


@pytest.mark.parametrize("budget", ["2%", "15"])
def test_the_budget_is_exact(walk: Walk, budget: str) -> None:
    walk.workspace.configure({"safety": {"max_expire": budget}})
    limit = 15 if budget == "15" else 5  # 2 % of 40 is less than the floor
    rows = good()

    def cancelled(count: int) -> list[Row]:
        return [*({**row, "status": "A"} for row in rows[:count]), *rows[count:]]

    held(walk, cancelled(limit + 1), "expire")
    assert walk.synced(cancelled(limit)).plan.counts == {"expire": limit}


def test_only_the_digest_that_was_printed_approves_a_plan(walk: Walk) -> None:
    rows = [{**row, "status": "A"} if row["step_code"] == "L1" else row for row in good()]
    report = held(walk, rows, "expire")
    before = walk.directory.csns()
    one_more = [{**rows[1], "status": "A"}, rows[0], *rows[2:]]
    walk.workspace.write_register(one_more)
    wrong = [report["digest"], "", "0" * 64]
    refused = [
        walk.workspace.json("sync", "--approve", digest, "--reason", "read", status=3)
        for digest in wrong
    ]
    assert walk.directory.csns() == before
    printed = {other["digest"] for other in refused}
    assert len(printed) == 1
    assert report["digest"] not in printed
    approved = walk.workspace.json("sync", "--approve", printed.pop(), "--reason", "read", status=0)
    assert len(approved["changes"]) == COUNT // 2 + 1
    assert {change["outcome"] for change in approved["changes"]} == {"applied"}
    walk.writes_nothing()
    walk.invariants().check()


def test_dates_in_another_format_leave_everybody_alone(walk: Walk) -> None:
    before = walk.directory.csns()
    walk.workspace.write_register([{**row, "birth_date": "2008-02-29"} for row in good()])
    done = walk.workspace.scolpass("sync")
    assert done.returncode == 4  # nobody has a good row any more
    assert f"{COUNT} had one" in done.stderr
    nothing_happened(walk, before)


def test_numbers_that_lost_their_leading_sign_make_no_second_university(walk: Walk) -> None:
    walk.workspace.configure({"safety": {"max_create": "10%"}})
    before = walk.directory.csns()
    rows = [{**row, "student_number": str(row["student_number"])[1:]} for row in good()]
    walk.workspace.write_register(rows)
    report = walk.workspace.json("sync", status=1)  # each has an entry under another number
    assert (report["changes"], len(report["rejected"])) == ([], COUNT)
    nothing_happened(walk, before)
