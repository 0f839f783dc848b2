"""What a run may do by itself, what is held, and what an approval lets go: with the boundaries."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import pytest

from connector.errors import FeedRefused, Untrustworthy, UsageError
from connector.walk.planning import Approval
from connector.walk.reconcile import reconcile
from connector.walk.scope import EVERYONE
from tests.support.people import stand
from tests.support.walk import YEAR, Row, Walk, actions, student, students


def cancelled(rows: Sequence[Row], count: int) -> list[Row]:
    """The rows with the first ones cancelled."""
    return [{**row, "status": "A"} if n < count else row for n, row in enumerate(rows)]


def renamed(rows: Sequence[Row], count: int) -> list[Row]:
    """The rows with the first ones under another name."""
    return [{**row, "first_name": "Autre"} if n < count else row for n, row in enumerate(rows)]


def held(walk: Walk, rows: Sequence[Row], *wanted: str) -> str:
    """A sync that is held for these actions alone and writes nothing else; its digest."""
    csns = walk.directory.csns()
    report = walk.sync(rows)
    assert report.exit_status == 3
    assert [item.action.value for item in report.verdict.held] == list(wanted)
    assert {one.outcome for one in report.outcomes} == {"held"}
    assert walk.directory.csns() == csns
    return report.plan.digest


def expired(walk: Walk) -> int:
    return sum(
        "{COMPTE}I:SupannExpire" in entry["supannRessourceEtat"] for entry in walk.people().values()
    )


# --- the limits ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accounts", "limit", "floor", "allowed"),
    [
        pytest.param(20, "2%", 5, 5, id="the floor is more than the percentage"),
        pytest.param(40, "20%", 5, 8, id="the percentage is more than the floor"),
        pytest.param(39, "20%", 0, 7, id="a percentage is rounded down"),
        pytest.param(20, "2%", 0, 0, id="nothing where both are nothing"),
        pytest.param(20, "7", 5, 7, id="a count"),
        pytest.param(20, "12.5%", 1, 2, id="a broken percentage"),
        pytest.param(12, "100%", 5, 12, id="everything"),
    ],
)
def test_a_run_may_expire_exactly_the_limit_and_not_one_more(
    walk: Walk, accounts: int, limit: str, floor: int, allowed: int
) -> None:
    walk.workspace.configure({"safety": {"max_expire": limit, "floor": floor}})
    rows = students(accounts)
    walk.synced(rows)
    if allowed < accounts:
        held(walk, cancelled(rows, allowed + 1), "expire")
        assert expired(walk) == 0
    report = walk.synced(cancelled(rows, allowed))
    assert len(report.outcomes) == allowed
    assert expired(walk) == allowed


def test_a_run_may_update_exactly_the_limit_and_not_one_more(walk: Walk) -> None:
    rows = students(21)
    walk.synced(rows)
    held(walk, renamed(rows, 11), "update")  # 50 % of 21 is 10
    walk.synced(renamed(rows, 10))
    assert sum(entry["givenName"] == ["Autre"] for entry in walk.people().values()) == 10


def test_creations_have_no_limit_unless_one_is_set(walk: Walk) -> None:
    walk.synced(students(30))
    walk.workspace.configure({"safety": {"max_create": "3", "floor": 2}})
    more = students(30) + students(4, 22700001)
    held(walk, more, "create")
    walk.synced(more[:-1])
    assert len(walk.people()) == 33


def test_a_limit_on_creations_counts_the_floor_where_there_is_no_entry_yet(walk: Walk) -> None:
    walk.workspace.configure({"safety": {"max_create": "50%", "max_feed_drop": "50%"}})
    held(walk, students(6), "create")
    walk.synced(students(5))


def test_what_is_held_holds_nothing_else_back(walk: Walk) -> None:
    rows = students(20)
    walk.synced(rows)
    changed = [*cancelled(rows, 6)[:19], {**rows[19], "usual_name": "Autre"}, student("1")]
    report = walk.sync(changed)
    assert report.exit_status == 3
    outcomes = {one.change.student_number: one.outcome for one in report.outcomes}
    assert outcomes == {
        **{str(row["student_number"]): "held" for row in rows[:6]},
        "22600020": "applied",
        "1": "applied",
    }
    assert "1" in walk.people()
    assert walk.person("22600020")["sn"] == ["Autre"]
    assert expired(walk) == 0
    assert "6 expiries, where at most 5 are allowed" in report.verdict.held[0].explanation
    walk.invariants().check(settled=False)


def test_held_gravely_and_rejected_lightly_ends_held(walk: Walk) -> None:
    rows = students(20)
    walk.synced(rows)
    report = walk.sync([*cancelled(rows, 6), student("x y")])
    assert len(report.plan.rejected) == 1
    assert report.exit_status == 3


def test_what_was_held_is_planned_again_until_the_register_is_mended(walk: Walk) -> None:
    rows = students(20)
    walk.synced(rows)
    first = held(walk, cancelled(rows, 6), "expire")
    assert held(walk, cancelled(rows, 6), "expire") == first
    walk.workspace.write_register(rows)
    walk.writes_nothing()
    assert walk.sync().exit_status == 0


def test_one_students_resync_spends_no_budget(walk: Walk) -> None:
    walk.workspace.configure({"safety": {"max_expire": "0", "max_update": "0", "floor": 0}})
    rows = students(3)
    walk.synced(rows)
    held(walk, cancelled(rows, 1), "expire")
    done = walk.resync("22600001")
    assert done.report is not None
    assert [one.outcome for one in done.report.outcomes] == ["applied"]
    assert expired(walk) == 1


# --- approval -----------------------------------------------------------------------------------


def test_the_digest_that_plan_prints_approves_the_whole_plan(walk: Walk) -> None:
    rows = students(20)
    walk.synced(rows)
    walk.workspace.write_register([*cancelled(rows, 6), student("1")])
    digest = walk.plan().plan.digest
    report = walk.synced(approve=digest, reason="read by the tester")
    assert {one.outcome for one in report.outcomes} == {"applied"}
    assert expired(walk) == 6
    assert "1" in walk.people()
    walk.writes_nothing()


def test_a_second_person_approves_where_the_configuration_asks_for_one(walk: Walk) -> None:
    rows = students(20)
    walk.synced(rows)
    walk.workspace.configure({"safety": {"second_person": True}})
    digest = held(walk, cancelled(rows, 6), "expire")
    before = walk.directory.csns()
    for same in ("tester", "Tester", " te\u200bster", "ｔester", "tester (emergency)"):
        with walk.context() as opened:
            opened.actor = same
            with pytest.raises(UsageError, match="computed for tester"):
                reconcile(opened, EVERYONE, "sync", reason="read", approval=Approval(digest))
    assert walk.directory.csns() == before
    with walk.context() as opened:
        opened.actor = "another"
        approval = Approval(digest)
        assert (
            reconcile(opened, EVERYONE, "sync", reason="read", approval=approval).exit_status == 0
        )
    assert expired(walk) == 6


def test_the_digest_that_sync_prints_approves_what_that_run_left(walk: Walk) -> None:
    rows = students(20)
    walk.synced(rows)
    first = walk.sync([*cancelled(rows, 6), student("1")])  # the creation went through
    report = walk.synced(approve=first.plan.digest)
    assert [action for action, _ in actions(report)] == ["expire"] * 6
    assert expired(walk) == 6


def test_the_digest_of_what_is_left_approves_it_too_and_case_does_not_matter(walk: Walk) -> None:
    rows = students(20)
    walk.synced(rows)
    walk.sync([*cancelled(rows, 6), student("1")])
    digest = walk.plan().plan.digest
    walk.synced(approve=f" {digest.upper()} ")
    assert expired(walk) == 6


@pytest.mark.parametrize("given", ["another", "", "prefix", "0" * 64])
def test_another_digest_applies_nothing_at_all(walk: Walk, given: str) -> None:
    rows = students(20)
    walk.synced(rows)
    walk.workspace.write_register([*cancelled(rows, 6), student("1")])
    digest = walk.plan().plan.digest
    approve = digest[:12] if given == "prefix" else given
    csns = walk.directory.csns()
    report = walk.sync(approve=approve)
    assert report.exit_status == 3
    assert report.refused_approval
    assert {one.outcome for one in report.outcomes} == {"held"}
    assert walk.directory.csns() == csns
    assert walk.synced(approve=digest).exit_status == 0


def test_a_digest_is_worth_nothing_once_the_plan_has_changed(walk: Walk) -> None:
    rows = students(20)
    walk.synced(rows)
    old = held(walk, cancelled(rows, 6), "expire")
    csns = walk.directory.csns()
    report = walk.sync(cancelled(rows, 7), approve=old)
    assert (report.exit_status, report.refused_approval) == (3, True)
    assert walk.directory.csns() == csns
    told = walk.workspace.scolpass("sync", "--approve", old, "--reason", "read").stdout
    assert "1 of 6 changes differ: 1 is new (expire 22600007)" in " ".join(told.split())
    report = walk.sync(cancelled(rows, 6), approve=old)
    assert report.exit_status == 0
    assert expired(walk) == 6
    csns = walk.directory.csns()
    assert walk.sync(approve=old).exit_status == 3  # approved twice: there is nothing to approve
    assert walk.directory.csns() == csns


def test_what_has_changed_since_a_plan_was_printed_is_told(walk: Walk) -> None:
    rows = students(20)
    walk.synced(rows)
    walk.workspace.write_register([*cancelled(rows, 6), student("1")])
    printed = walk.workspace.json("plan", status=3)["digest"]
    walk.workspace.write_register(cancelled(rows, 7)[1:])
    done = walk.workspace.scolpass("sync", "--approve", printed, "--reason", "read")
    assert done.returncode == 3
    told = " ".join(done.stdout.split())
    assert "1 is new (expire 22600007)" in told
    assert "gone (create 1" in told or "are gone (create 1, " in told


def test_approval_of_a_plan_that_needs_none_applies_it(walk: Walk) -> None:
    walk.workspace.write_register(students(3))
    walk.synced(approve=walk.plan().plan.digest)
    assert len(walk.people()) == 3


@pytest.mark.parametrize(("days", "late"), [(6, False), (7, False), (8, True)])
def test_a_plan_that_is_too_old_is_read_again_before_it_is_approved(
    walk: Walk, days: int, late: bool
) -> None:
    rows = students(20)
    walk.synced(rows)
    walk.workspace.configure({"safety": {"max_update": "0", "floor": 0}})
    began = walk.today = walk.today + timedelta(days=1)  # every run of it at noon
    digest = held(walk, [{**row, "family_name": "Roux"} for row in rows], "update")
    walk.today = began + timedelta(days=1)
    assert walk.sync().plan.digest == digest
    walk.today = began + timedelta(days=days)
    csns = walk.directory.csns()
    report = walk.sync(approve=digest, reason="read")
    assert report.refused_approval is late
    assert (report.approved_late is not None) is late
    if late:
        assert report.exit_status == 3
        assert walk.directory.csns() == csns
        assert walk.history(action="approve") == []
        report = walk.sync(approve=digest, reason="read again")
    assert report.exit_status == 0
    [approval] = walk.history(action="approve")
    assert approval["actor"] == "tester"
    assert ("again" in approval["reason"]) is late


@pytest.mark.parametrize("reason", [(), ("--reason", ""), ("--reason", "  ")])
@pytest.mark.parametrize("asked", [("--approve", "0" * 64), ("--accept-feed",)])
def test_what_needs_somebody_to_answer_for_it_needs_a_reason(
    walk: Walk, asked: tuple[str, ...], reason: tuple[str, ...]
) -> None:
    walk.workspace.write_register(students(3))
    done = walk.workspace.scolpass("sync", *asked, *reason)
    assert done.returncode == 2
    assert f"{asked[0]} needs a reason" in done.stderr
    assert walk.people() == {}


def test_the_digest_is_the_same_in_every_process_and_of_every_order_of_rows(walk: Walk) -> None:
    rows = students(12)
    walk.workspace.write_register(rows)
    plain = walk.plan().plan.digest
    walk.workspace.write_register(reversed(rows))
    assert walk.plan().plan.digest == plain
    assert walk.workspace.json("plan", PYTHONHASHSEED="1")["digest"] == plain
    assert walk.workspace.json("plan", PYTHONHASHSEED="2")["digest"] == plain


# --- the size of the feed -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limit", "before", "passes"),
    [
        pytest.param("10%", 20, 18, id="exactly ten per cent"),
        pytest.param("10%", 19, 18, id="one of nineteen, and two are too many"),
        pytest.param("3", 20, 17, id="a count"),
        pytest.param("0", 5, 5, id="none at all"),
    ],
)
def test_a_feed_may_lose_exactly_the_limit_and_not_one_student_more(
    walk: Walk, limit: str, before: int, passes: int
) -> None:
    walk.workspace.configure({"safety": {"max_feed_drop": limit}})
    rows = students(before)
    walk.synced(rows)
    csns = walk.directory.csns()
    with pytest.raises(FeedRefused, match=str(passes - 1)):
        walk.sync([*rows[: passes - 1]])
    assert walk.directory.csns() == csns
    report = walk.synced(rows[:passes])
    assert report.plan.counts == {}
    assert walk.directory.csns() == csns


def test_a_refused_feed_is_no_measure_for_the_next(walk: Walk) -> None:
    rows = students(20)
    walk.synced(rows)
    for count in (17, 16):
        with pytest.raises(FeedRefused):
            walk.sync(rows[:count])
    with pytest.raises(FeedRefused, match="20 had one in the last run"):
        walk.sync(rows[:15])


def test_a_feed_may_shrink_step_by_step(walk: Walk) -> None:
    rows = students(20)
    for count in (20, 18, 17, 16):
        walk.synced(rows[:count])


def test_a_student_whose_rows_are_cancelled_pending_or_partly_bad_still_counts(
    walk: Walk,
) -> None:
    walk.workspace.configure({"safety": {"max_feed_drop": "0"}})
    rows = students(6)
    walk.synced(rows)
    report = walk.sync(
        [
            {**rows[0], "status": "A"},
            {**rows[1], "status": "C"},
            *rows[2:],
            {**rows[2], "birth_date": "no date"},
        ]
    )
    assert report.exit_status == 1
    with pytest.raises(FeedRefused):
        walk.sync([*rows[:5], {**rows[5], "birth_date": "no date"}])


def test_a_feed_of_few_is_accepted_once_and_takes_nothing_away(walk: Walk) -> None:
    rows = students(20)
    walk.synced(rows)
    csns = walk.directory.csns()
    report = walk.synced(rows[:5], accept_feed=True, reason="a campus has left")
    assert report.plan.counts == {}
    assert walk.directory.csns() == csns
    walk.synced(rows[:5])  # it is the measure from now on
    with pytest.raises(FeedRefused, match="5 had one in the last run"):
        walk.sync(rows[:4])


def test_an_empty_feed_is_refused_even_where_its_size_is_accepted(walk: Walk) -> None:
    walk.synced(students(3))
    with pytest.raises(FeedRefused, match="no rows"):
        walk.sync([], accept_feed=True)


def test_a_run_that_was_held_is_a_measure_for_the_feed(walk: Walk) -> None:
    rows = students(20)
    walk.synced(rows)
    held(walk, cancelled(rows, 6)[:18], "expire")
    with pytest.raises(FeedRefused, match="18 had one in the last run"):
        walk.sync(cancelled(rows, 6)[:16])


# --- announced expiries, and the clock ----------------------------------------------------------

CUTOFF = date(YEAR + 1, 12, 31)


def late(walk: Walk, count: int = 20) -> list[Row]:
    """Accounts that end with this calendar year's academic year, seen on the cutoff's eve."""
    walk.today = CUTOFF - timedelta(days=5)
    rows = students(count, academic_year=YEAR)
    walk.synced(rows)
    return rows


def test_the_cutoff_goes_by_itself_however_many_it_ends(walk: Walk) -> None:
    late(walk)
    walk.today = CUTOFF + timedelta(days=1)
    report = walk.synced()
    assert report.plan.counts == {"expire": 20}
    assert expired(walk) == 20


def test_after_more_than_a_week_without_a_good_run_the_cutoff_spends_its_budget(
    walk: Walk,
) -> None:
    rows = late(walk)
    walk.today = CUTOFF - timedelta(days=5) + timedelta(days=8)
    held(walk, rows, "expire")
    walk.today += timedelta(days=1)
    report = walk.sync()  # a run that was held for it makes the clock no better
    assert report.exit_status == 3
    assert expired(walk) == 0
    walk.synced(approve=report.plan.digest, reason="we were closed")
    assert expired(walk) == 20


def test_a_week_without_a_good_run_is_no_jump_of_the_clock(walk: Walk) -> None:
    late(walk)
    walk.today = CUTOFF - timedelta(days=5) + timedelta(days=7)
    walk.synced()
    assert expired(walk) == 20


def test_an_end_in_the_past_that_nobody_has_seen_before_is_not_announced(walk: Walk) -> None:
    yesterday = walk.today - timedelta(days=1)
    rows = []
    for row in students(6, academic_year=YEAR - 2):
        number = str(row["student_number"])
        address = f"{number}@etu.umontpellier.fr"
        stand(
            walk.directory,
            number,
            mail=address,
            eduPersonPrincipalName=address,
            supannAliasLogin=address,
            supannRessourceEtatDate=f"{{COMPTE}}A:SupannActif:20200901:{yesterday:%Y%m%d}",
        )
        rows.append({**row, "status": "A", "academic_year": yesterday.year - 1})
    held(walk, rows, "expire")


def test_a_plan_for_another_day_shows_the_next_cutoff(walk: Walk) -> None:
    late(walk)
    day_after = CUTOFF + timedelta(days=1)
    assert walk.plan(at=CUTOFF).plan.counts == {}
    prepared = walk.plan(at=day_after)
    assert prepared.plan.counts == {"expire": 20}
    assert prepared.verdict.held == ()
    assert all(one.attributes["supannRessourceEtatDate"][1][0].endswith(
        f":{day_after:%Y%m%d}:") for one in prepared.plan.changes)  # fmt: skip
    assert expired(walk) == 0


def test_a_clock_a_little_behind_is_taken_as_it_is_and_a_day_behind_stops_the_run(
    walk: Walk,
) -> None:
    rows = students(3)
    walk.today += timedelta(days=2)  # days to come all have the same time of day
    walk.synced(rows)
    csns = walk.directory.csns()
    walk.today -= timedelta(days=1)
    with pytest.raises(Untrustworthy, match="the clock says"):
        walk.sync(rows)
    assert walk.directory.csns() == csns


# --- plausible, and wrong -----------------------------------------------------------------------


def test_every_year_one_less_takes_nothing_from_anybody(walk: Walk) -> None:
    rows = students(30, step_code="L1")
    walk.synced(rows)
    walk.workspace.write_register([{**row, "academic_year": YEAR - 1} for row in rows])
    walk.writes_nothing()


def test_two_columns_swapped_are_held_as_names_that_change(walk: Walk) -> None:
    rows = students(30)
    walk.synced(rows)
    swapped = [
        {**row, "first_name": row["family_name"], "family_name": row["first_name"]} for row in rows
    ]
    held(walk, swapped, "update")


def test_nothing_of_a_held_plan_is_left_once_the_register_is_mended(walk: Walk) -> None:
    rows = students(20, step_code="L1", component_code="FDS")
    walk.synced(rows)
    swapped = [{**row, "step_code": "FDS", "component_code": "L1"} for row in rows]
    held(walk, swapped, "update")
    walk.workspace.write_register(rows)
    walk.writes_nothing()
    assert walk.sync().plan.counts == {}


def test_one_steps_rows_all_cancelled_are_held(walk: Walk) -> None:
    rows = [*students(20, step_code="L1"), *students(10, 22700001, step_code="M2")]
    walk.synced(rows)
    held(walk, [{**r, "status": "A"} if r["step_code"] == "M2" else r for r in rows], "expire")
