"""What passwords rest on is gone: policies, the overlay, schema, indexes, uniqueness."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.breakage import DATABASE, change, delete
from tests.support.directory import Directory
from tests.support.walk import Walk, students

pytestmark = pytest.mark.image

DEFAULT = "dn: {dn}\nobjectClass: organizationalRole\nobjectClass: pwdPolicy\ncn: {cn}\n"


def policies(directory: Directory) -> dict[str, str]:
    """The two policies' DNs."""
    parent = directory.policy_dn.partition(",")[2]
    return {"provisional": directory.policy_dn, "default": f"cn=default,{parent}"}


def overlay(directory: Directory, name: str) -> str:
    found = directory.entries(base="cn=config", attributes=("1.1",))
    return next(dn for dn in found if dn.startswith("olcOverlay=") and name in dn)


@pytest.mark.parametrize("which", ["provisional", "default"])
def test_no_account_is_made_while_a_policy_is_not_there(
    walk: Walk, refuses: Callable[..., str], which: str
) -> None:
    walk.synced(students(3))
    dn = policies(walk.directory)[which]
    kept = walk.directory.entry(dn)
    delete(walk.directory, dn)
    walk.workspace.write_register(students(6))
    said = refuses()
    assert dn in said
    assert "deploy/openldap" in said
    with walk.directory.connect() as admin:
        own = {n: v for n, v in kept.items() if n.startswith("pwd") or n in ("objectClass", "cn")}
        admin.add(dn, attributes=own)
    report = walk.synced()
    assert report.plan.counts == {"create": 3}


@pytest.mark.parametrize("which", ["provisional", "default"])
def test_a_run_that_makes_no_account_goes_on_and_says_it_every_time(walk: Walk, which: str) -> None:
    walk.synced(students(3))
    dn = policies(walk.directory)[which]
    delete(walk.directory, dn)
    rows = [{**row, "component_code": "C9"} for row in students(3)]
    walk.workspace.write_register(rows)
    walk.workspace.configure({"log": {"file": ""}})
    for changes in (3, 0):
        done = walk.workspace.scolpass("sync", "--json")
        assert done.returncode == 0, done.stderr
        assert done.stdout.count('"applied"') == changes
        assert dn in done.stderr
        assert "scolpass check" in done.stderr


def test_no_password_is_handed_out_either(walk: Walk, refuses: Callable[..., str]) -> None:
    walk.synced(students(3))
    password = walk.password("22600001")
    dn = policies(walk.directory)["provisional"]
    kept = walk.directory.entry(dn)
    delete(walk.directory, dn)
    assert dn in refuses("reissue", "22600001", "--reason", "lost")
    with walk.directory.connect() as admin:
        own = {n: v for n, v in kept.items() if n.startswith("pwd") or n in ("objectClass", "cn")}
        admin.add(dn, attributes=own)
    walk.synced()  # a sync never reissues
    assert walk.password("22600001") == password


def test_no_account_is_made_without_the_overlay(walk: Walk, refuses: Callable[..., str]) -> None:
    walk.synced(students(3))
    delete(walk.directory, overlay(walk.directory, "ppolicy"))
    walk.directory.restart()
    walk.workspace.write_register(students(6))
    assert "ppolicy" in refuses()


def test_no_account_is_made_while_the_default_policy_dangles(
    walk: Walk, refuses: Callable[..., str]
) -> None:
    nothing = f"cn=nothing,{walk.directory.suffix}"
    place = overlay(walk.directory, "ppolicy")
    change(walk.directory, place, "replace", "olcPPolicyDefault", nothing)
    walk.workspace.write_register(students(2))
    assert nothing in refuses()


def test_an_account_that_was_pointed_to_no_policy_is_pointed_back(walk: Walk) -> None:
    """It fails open: with no policy at all, pwdEndTime is ignored too."""
    walk.synced(students(3))
    dn = walk.person("22600002")["dn"][0]
    nothing = f"cn=nothing,{walk.directory.suffix}"
    change(walk.directory, dn, "replace", "pwdPolicySubentry", nothing)
    report = walk.synced()
    assert [one.change.dn for one in report.outcomes] == [dn]
    assert walk.directory.entry(dn)["pwdPolicySubentry"] == [walk.directory.policy_dn]
    walk.writes_nothing()


# --- schema, indexes, uniqueness ----------------------------------------------------------------


def test_a_schema_that_lacks_an_attribute_is_named_before_the_first_write(
    walk: Walk, refuses: Callable[..., str]
) -> None:
    found = walk.directory.entries(base="cn=schema,cn=config", attributes=("*",))
    place = next(dn for dn in found if "scolpass" in dn)
    for kind in ("olcObjectClasses", "olcAttributeTypes"):
        # Classes name attributes, so they go first.
        for _ in found[place][kind]:
            change(walk.directory, place, "delete", kind, "{0}")
    walk.workspace.write_register(students(2))
    said = refuses()
    assert "scolpassCharter" in said
    assert "scolpassAccount" in said
    assert "nothing was written" in said


def test_an_index_that_is_gone_is_said_in_every_run_and_stops_none(walk: Walk) -> None:
    walk.workspace.configure({"log": {"file": ""}})
    kept = [
        value
        for value in walk.directory.entry(DATABASE)["olcDbIndex"]
        if not value.startswith(("supannEtuId", "uid"))
    ]
    change(walk.directory, DATABASE, "replace", "olcDbIndex", *kept)
    walk.workspace.write_register(students(3))
    for _ in range(2):
        done = walk.workspace.scolpass("sync")
        assert done.returncode == 0, done.stderr
        assert "no index on supannEtuId, uid, mail" in done.stderr
    walk.invariants().check()


def test_uniqueness_that_is_off_is_said_and_homonyms_are_told_apart_all_the_same(
    walk: Walk,
) -> None:
    walk.workspace.configure({"log": {"file": ""}})
    delete(walk.directory, overlay(walk.directory, "unique"))
    walk.workspace.write_register(students(4, family_name="Martin", first_name="Léa"))
    done = walk.workspace.scolpass("sync")
    assert done.returncode == 0, done.stderr
    assert "overlay unique is off" in done.stderr
    mails = sorted(entry["mail"][0].split("@")[0] for entry in walk.people().values())
    assert mails == ["lea.martin", "lea.martin01", "lea.martin02", "lea.martin03"]
    walk.invariants().check()
