"""slapd says no: read-only, busy, unavailable, unwilling, an error of its own, a conflict."""

from __future__ import annotations

import itertools

import pytest

from tests.support.breakage import DATABASE, answering, change
from tests.support.proxy import Cut, Proxy, Request
from tests.support.walk import Row, Walk, student, students


def changed(rows: list[Row]) -> list[Row]:
    """Every student has another name, and one has come."""
    renamed = [{**row, "family_name": f"Autre{n}"} for n, row in enumerate(rows)]
    return [*renamed, student("22700001", "Zoé", "Nouvelle")]


def test_a_read_only_directory_fails_every_entry_and_the_next_run_makes_them(walk: Walk) -> None:
    rows = students(4)
    walk.synced(rows)
    before = walk.directory.csns()
    walk.workspace.write_register(changed(rows))
    change(walk.directory, DATABASE, "replace", "olcReadOnly", "TRUE")
    report = walk.workspace.json("sync", status=1)
    assert {one["outcome"] for one in report["changes"]} == {"failed"}
    for one in report["changes"]:
        assert "result 53" in one["error"]
        assert "olcReadOnly" in one["error"]
    assert walk.directory.csns() == before
    change(walk.directory, DATABASE, "replace", "olcReadOnly", "FALSE")
    report = walk.synced()
    assert report.plan.counts == {"create": 1, "update": 4}
    walk.writes_nothing()


@pytest.mark.parametrize(
    ("code", "tries"),
    [(51, 4), (52, 4), (53, 1), (80, 1), (1, 1)],
    ids=["busy", "unavailable", "unwilling", "other", "operations error"],
)
def test_an_entry_that_is_refused_fails_alone(
    walk: Walk, proxy: Proxy, code: int, tries: int
) -> None:
    rows = students(4)
    walk.synced(rows)
    dn = walk.person("22600002")["dn"][0]
    with answering(walk.directory, dn, code, "modify"):
        stood = walk.directory.entry(dn)
        proxy.forget()
        report = walk.sync(changed(rows))
        assert walk.directory.entry(dn) == stood
    outcomes = {one.change.student_number: one for one in report.outcomes}
    assert outcomes["22600002"].outcome == "failed"
    assert f"result {code}" in str(outcomes["22600002"].error)
    assert sum(one.outcome == "applied" for one in report.outcomes) == 4
    assert report.exit_status == 1
    # Only what may pass is tried again, and not before the entry was looked at.
    about_it = [request for request in proxy.seen if request.dn == dn]
    assert sum(request.operation == "modify" for request in about_it) == tries
    writes = [n for n, request in enumerate(about_it) if request.operation == "modify"]
    assert all(
        any(request.operation == "search" for request in about_it[first:second])
        for first, second in itertools.pairwise(writes)
    )
    report = walk.synced()
    assert [one.change.dn for one in report.outcomes] == [dn]
    walk.writes_nothing()


def test_a_directory_that_is_busy_for_a_moment_is_only_asked_again(
    walk: Walk, proxy: Proxy
) -> None:
    rows = students(4)
    walk.synced(rows)
    dn = walk.person("22600002")["dn"][0]
    busy = answering(walk.directory, dn, 51, "modify")
    busy.__enter__()

    def relent(request: Request) -> Cut | None:
        if request.operation == "modify" and request.dn == dn:
            proxy.after = None
            busy.__exit__(None, None, None)
        return None

    proxy.forget()
    proxy.after = relent
    walk.synced(changed(rows))
    assert sum(request.dn == dn for request in proxy.of("modify")) == 2
    walk.writes_nothing()


def test_a_change_between_plan_and_write_is_not_overwritten(walk: Walk, proxy: Proxy) -> None:
    rows = students(4)
    walk.synced(rows)
    dn = walk.person("22600002")["dn"][0]

    def meddle(request: Request) -> Cut | None:
        if request.operation == "modify" and request.dn == dn:
            proxy.before = None
            change(walk.directory, dn, "replace", "sn", "By an admin's hand")
        return None

    proxy.before = meddle
    report = walk.sync(changed(rows))
    failed = [one for one in report.outcomes if one.outcome == "failed"]
    assert [one.change.dn for one in failed] == [dn]
    assert "result 122" in str(failed[0].error)
    assert walk.directory.entry(dn)["sn"] == ["By an admin's hand"]
    walk.synced()  # the register owns the name
    assert walk.directory.entry(dn)["sn"] == ["Autre1"]
    walk.writes_nothing()


def test_an_address_that_somebody_takes_in_between_fails_that_student_alone(
    walk: Walk, proxy: Proxy
) -> None:
    people = walk.directory.people_dn
    newcomers = students(3)
    mail = "p22600002.n22600002@etu.umontpellier.fr"

    def meddle(request: Request) -> Cut | None:
        if request.operation == "add":
            proxy.before = None
            walk.directory.modify(
                f"dn: uid=p1,{people}\nobjectClass: inetOrgPerson\nuid: p1\ncn: P\nsn: P\n"
                f"mail: {mail}\n"
            )
        return None

    walk.workspace.configure({"directory": {"connections": 1}})
    proxy.before = meddle
    report = walk.sync(newcomers)
    assert [one.outcome for one in report.outcomes] == ["applied", "failed", "applied"]
    assert "result 19" in str(report.outcomes[1].error)
    since = walk.invariants().snapshot()
    again = walk.sync()
    taken = walk.directory.entries(f"(mail={mail})", attributes=("1.1",))
    assert list(taken) == [f"uid=p1,{people}"]
    # The reservation names an address that stands elsewhere now: the student waits, and is named.
    assert again.exit_status in (0, 1)
    if again.exit_status:
        assert [row.value for row in again.plan.rejected] == ["22600002"]
    walk.invariants().check(since, settled=False)
