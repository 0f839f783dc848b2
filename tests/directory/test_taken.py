"""Addresses that somebody has already: wherever slapd finds them, and where nobody may look."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.breakage import DATABASE, change, delete
from tests.support.directory import Directory
from tests.support.people import put, stand
from tests.support.walk import Row, Walk, actions, decide, student

ADDRESS = "lea.martin@etu.umontpellier.fr"
NEXT = "lea.martin01@etu.umontpellier.fr"
ROWS = [student("22600001")]

SUBTYPES = """\
dn: cn=local,cn=schema,cn=config
objectClass: olcSchemaConfig
cn: local
olcAttributeTypes: ( 1.3.6.1.4.1.32473.1.1 NAME ( 'localMail' 'ownMail' ) SUP mail )
olcAttributeTypes: ( 1.3.6.1.4.1.32473.1.2 NAME 'deeperMail' SUP localMail )
olcAttributeTypes: ( 1.3.6.1.4.1.32473.1.3 NAME 'localPrincipal'
  SUP 1.3.6.1.4.1.5923.1.1.1.6 )
olcAttributeTypes: ( 1.3.6.1.4.1.32473.1.4 NAME 'localUid' SUP uid )
olcObjectClasses: ( 1.3.6.1.4.1.32473.1.5 NAME 'localPerson' AUXILIARY
  MAY ( localMail $ deeperMail $ localPrincipal $ localUid ) )
"""


def somebody(directory: Directory, parent: str | None = None, **attributes: str) -> str:
    """Somebody who is no student of ours, with these attributes (``mail__lang_fr``: an option)."""
    return put(
        directory,
        f"cn=Somebody,{parent or directory.people_dn}",
        {
            "objectClass": [
                *("inetOrgPerson", "eduPerson", "supannPerson"),
                *(["localPerson"] if any(n.startswith(LOCAL) for n in attributes) else []),
            ],
            "sn": "Somebody",
            **{name.replace("__", ";").replace("_", "-"): v for name, v in attributes.items()},
        },
    )


LOCAL = ("local", "deeper", "own")
HELD = [
    {"mail": ADDRESS},
    {"mail": ADDRESS.upper()},
    {"mail__lang_fr": ADDRESS},
    {"mail__lang_fr__lang_de": ADDRESS},
    {"supannAutreMail": ADDRESS},
    {"supannAutreMail__lang_fr": ADDRESS},
    {"eduPersonPrincipalName": ADDRESS},
    {"eduPersonPrincipalName": "lea.martin＠etu.umontpellier.fr"},  # one of its spellings
    {"eduPersonPrincipalName__lang_en": ADDRESS},
    {"supannAliasLogin": ADDRESS},
    {"supannAliasLogin": "Lea.Martin@etu.umontpellier.fr"},
    {"supannAliasLogin__lang_en": ADDRESS},
    {"eduPersonPrincipalNamePrior__lang_en": ADDRESS},
    {"localMail": ADDRESS},
    {"ownMail__lang_fr": ADDRESS},
    {"deeperMail": ADDRESS},
    {"localPrincipal": ADDRESS},
]


def whole(walk: Walk, rows: list[Row]) -> None:
    walk.synced(rows)


def few(walk: Walk, rows: list[Row]) -> None:
    walk.workspace.write_register(rows)
    for row in rows:
        report = walk.resync(str(row["student_number"])).report
        assert report.exit_status == 0, [one.error for one in report.outcomes]


@pytest.mark.parametrize("pass_over", [whole, few])
@pytest.mark.parametrize("held", HELD, ids=lambda held: "-".join([*held, *held.values()]))
def test_an_address_that_stands_anywhere_is_taken(
    walk: Walk, held: dict[str, str], pass_over: Callable[[Walk, list[Row]], None]
) -> None:
    if any(name.startswith(LOCAL) for name in held):
        walk.directory.modify(SUBTYPES)
    somebody(walk.directory, walk.directory.suffix, **held)
    pass_over(walk, ROWS)
    assert walk.person("22600001")["mail"] == [NEXT]
    walk.writes_nothing()


@pytest.mark.parametrize("name", ["uid", "uid__lang_en", "localUid"])
def test_a_uid_that_stands_anywhere_is_taken(walk: Walk, name: str) -> None:
    if name.startswith(LOCAL):
        walk.directory.modify(SUBTYPES)
    dn = somebody(walk.directory, **{name: "e22600001"})
    for report in (walk.sync(ROWS), walk.resync("22600001").report):
        assert report.outcomes == ()
        [refused] = report.plan.rejected
        assert dn in refused.reason
        assert "agrees: uid" in refused.reason
    decide(walk, "distinct", "22600001", dn)
    for report in (walk.sync(ROWS), walk.resync("22600001").report):
        assert report.outcomes == ()
        [refused] = report.plan.rejected
        assert refused.reason == (
            f"the uid e22600001 is taken by {dn}, which scolpass does not manage: see "
            "`scolpass show e22600001`; if the entry is this student's, have supannEtuId: 22600001 "
            "written into it, else have its uid changed"
        )


def test_of_a_student_who_is_left_alone_no_state_is_made_up(walk: Walk) -> None:
    somebody(walk.directory, uid="e22600001")
    walk.workspace.write_register(ROWS)
    [told] = walk.workspace.json("resync", "22600001", status=1)["students"]
    assert told["state"] is None
    assert told["reason"].startswith("has an entry that may be theirs")
    said = walk.workspace.scolpass("resync", "22600001").stdout
    assert "state none: left alone: has an entry that may be" in " ".join(said.split())
    assert "inactive" not in said
    assert "missing" not in said


def test_a_uid_of_another_student_is_refused_with_the_student_named(walk: Walk) -> None:
    """An adopted entry may have any uid, and keeps it for ever."""
    ana = {"sn": "Petit", "givenName": "Ana", "cn": "Petit Ana"}
    dn = stand(walk.directory, "22600009", uid="e22600001", userPassword="secret99", **ana)
    walk.synced([student("22600009", "Ana", "Petit")])
    both = [student("22600009", "Ana", "Petit"), *ROWS]
    walk.workspace.write_register(both)
    cure = (
        "see `scolpass show 22600009`, and have the number corrected in the register that is not "
        "right"
    )
    taken = f"the uid e22600001 is taken by {dn}, which scolpass manages for the student 22600009: "
    for report in (walk.sync(both), walk.resync("22600001").report):
        [refused] = report.plan.rejected
        assert refused.reason == taken + cure
        assert report.outcomes == ()
    assert "22600009" in walk.workspace.scolpass("show", "22600009").stdout  # the cure can be typed
    delete(walk.directory, dn)
    walk.workspace.write_register(ROWS)
    [refused] = walk.resync("22600001").report.plan.rejected
    reserved = "the uid e22600001 is reserved for the student 22600009 for ever: "
    assert refused.reason == reserved + cure


def test_a_number_under_an_option_makes_no_second_entry(walk: Walk) -> None:
    dn = somebody(walk.directory, supannEtuId__lang_de="22600001")
    for report in (walk.sync(ROWS), walk.resync("22600001").report):
        assert report.outcomes == ()
        [refused] = report.plan.rejected
        assert dn in refused.reason


def test_an_address_under_an_option_of_her_own_is_hers(walk: Walk) -> None:
    somebody(walk.directory, supannEtuId="22600001", mail__lang_fr=ADDRESS, userPassword="secret99")
    walk.synced(ROWS)
    assert walk.person("22600001")["mail"] == [ADDRESS]
    walk.writes_nothing()


# --- what nobody may see ------------------------------------------------------------------------


def hidden(walk: Walk, **attributes: str) -> str:
    """Somebody whom the service account may not see, while slapo-unique does."""
    dn = somebody(walk.directory, walk.directory.suffix, **attributes)
    rule = f'{{0}}to dn.base="{dn}" by dn.exact={walk.directory.service_dn} none by * break'
    change(walk.directory, DATABASE, "add", "olcAccess", rule)
    return dn


@pytest.mark.parametrize("pass_over", [whole, few])
def test_an_address_that_only_slapd_sees_stops_a_student_once(
    walk: Walk, pass_over: Callable[[Walk, list[Row]], None]
) -> None:
    hidden(walk, mail=ADDRESS)
    walk.workspace.write_register(ROWS)
    first = walk.resync("22600001").report if pass_over is few else walk.sync(ROWS)
    [outcome] = first.outcomes
    assert outcome.outcome == "failed"
    assert "result 19" in str(outcome.error)
    pass_over(walk, ROWS)
    assert walk.person("22600001")["mail"] == [NEXT]
    # It is nobody's of ours, and nobody else is given it.
    walk.synced([*ROWS, student("22600002")])
    assert walk.person("22600002")["mail"] == ["lea.martin02@etu.umontpellier.fr"]
    assert walk.workspace.scolpass("show", ADDRESS).returncode == 2


def test_an_address_that_only_slapd_sees_stops_an_adoption_once(walk: Walk) -> None:
    somebody(walk.directory, supannEtuId="22600001", userPassword="secret99")
    hidden(walk, mail=ADDRESS)
    [outcome] = walk.sync(ROWS).outcomes
    assert outcome.outcome == "failed"
    walk.synced(ROWS)
    assert walk.person("22600001")["mail"] == [NEXT]


def test_an_address_that_no_entry_ever_carried_is_free_again(walk: Walk) -> None:
    """The number is what slapd refuses: the address was never seen by anybody."""
    hidden(walk, supannEtuId="22600001")
    for _ in range(3):
        [outcome] = walk.sync(ROWS).outcomes
        assert outcome.outcome == "failed"
        assert outcome.change.attributes["mail"] == ((), (ADDRESS,))
    withdrawn: list[Row] = [student("22600001", status="A"), student("22600002")]
    assert actions(walk.sync(withdrawn)) == [("create", "22600002")]
    assert walk.person("22600002")["mail"] == [ADDRESS]


def test_a_reservation_of_an_entry_that_never_was_gives_way(walk: Walk) -> None:
    """An earlier failure reserved it; since then somebody else was given it by hand."""
    with walk.context() as opened:
        opened.journal.reserve([("22600001", "uid", "e22600001"), ("22600001", "address", ADDRESS)])
    somebody(walk.directory, mail=ADDRESS)
    walk.synced(ROWS)
    assert walk.person("22600001")["mail"] == [NEXT]
