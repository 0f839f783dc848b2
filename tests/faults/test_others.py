"""Others live in the same branch: what is theirs stays byte for byte, and counts as taken."""

from __future__ import annotations

import base64

import pytest

from tests.support.directory import Directory, Entries
from tests.support.walk import YEAR, Row, Walk, student

DOMAIN = "etu.umontpellier.fr"
JPEG = base64.b64encode(bytes(range(256))).decode()
LATIN = base64.b64encode(b"Caf\xe9 \xff").decode()

STAFF = f"""
dn: uid=p1,@PEOPLE@
objectClass: inetOrgPerson
objectClass: eduPerson
objectClass: supannPerson
uid: p1
cn: Martin Léa
sn: Martin
mail: Lea.MARTIN@{DOMAIN}
supannAliasLogin: hugo.petit@{DOMAIN}
supannEmpId: 77
eduPersonAffiliation: staff
eduPersonAffiliation: member
supannRessourceEtatDate: {{COMPTE}}A:SupannActif:20200901:20391231
jpegPhoto:: {JPEG}
audio:: {LATIN}
userPassword: staff secret
description: Voyez l'accueil

dn: uid=e5001,@PEOPLE@
objectClass: inetOrgPerson
uid: e5001
cn: Somebody whose uid looks like a student's
sn: Somebody

dn: cn=printers,@PEOPLE@
objectClass: groupOfNames
cn: printers
member: uid=p1,@PEOPLE@

dn: ou=guests,@PEOPLE@
objectClass: organizationalUnit
ou: guests

dn: uid=g1,ou=guests,@PEOPLE@
objectClass: inetOrgPerson
uid: g1
cn: Zoé Fabre
sn: Fabre
mail: zoe.fabre@{DOMAIN}
mail: autre@example.org
"""
# A student that another tool looks after: the number is in no register of ours.
FOREIGN = """
dn: uid=x9,@PEOPLE@
objectClass: inetOrgPerson
objectClass: supannPerson
uid: x9
cn: Étudiante d'ailleurs
sn: Ailleurs
mail: ines.durand@etu.umontpellier.fr
supannEtuId: AILLEURS9
userPassword: foreign secret
"""
ALIAS = """
dn: cn=alias,@PEOPLE@
objectClass: alias
objectClass: extensibleObject
cn: alias
aliasedObjectName: uid=p1,@PEOPLE@

dn: cn=loop,@PEOPLE@
objectClass: alias
objectClass: extensibleObject
cn: loop
aliasedObjectName: @PEOPLE@
"""
REFERRAL = """
dn: ou=elsewhere,@PEOPLE@
objectClass: referral
objectClass: extensibleObject
ou: elsewhere
ref: ldap://127.0.0.1:1/ou=people,dc=elsewhere
"""


@pytest.fixture
def others(directory: Directory) -> Entries:
    """What lives in the branch before scolpass comes."""
    for ldif in (STAFF, FOREIGN, ALIAS, REFERRAL):
        directory.modify(ldif.strip().replace("@PEOPLE@", directory.people_dn) + "\n")
    return everything_of_others(directory)


def everything_of_others(directory: Directory) -> Entries:
    """The others' entries whole, operational attributes included."""
    found = directory.entries()
    ours = "scolpassAccount"
    return {
        dn: entry
        for dn, entry in found.items()
        if ours not in entry["objectClass"] and dn != directory.people_dn
    }


def register() -> list[Row]:
    """Namesakes of everybody who is there."""
    return [
        student("1001", "Léa", "Martin"),
        student("1002", "Hugo", "Petit"),
        student("1003", "Inès", "Durand"),
        student("1004", "Zoé", "Fabre"),
        student("1005", "Noé", "Moreau"),
    ]


def test_others_are_left_as_they_are_through_a_whole_life(walk: Walk, others: Entries) -> None:
    before = walk.invariants().snapshot()
    walk.synced(register())
    rows = register()
    walk.synced(
        [
            {**rows[0], "family_name": "Martin-Roux"},
            {**rows[1], "status": "A"},
            *rows[2:],
        ]
    )
    walk.workspace.json("reissue", "1003", "--reason", "lost")
    walk.writes_nothing()
    assert everything_of_others(walk.directory) == others
    walk.invariants().check(before)
    for dn, password in (("uid=p1", "staff secret"), ("uid=x9", "foreign secret")):
        assert walk.directory.bind_result(f"{dn},{walk.directory.people_dn}", password) == 0


def test_addresses_of_others_count_as_taken_in_any_case_and_attribute(
    walk: Walk, others: Entries
) -> None:
    walk.synced(register())
    found = {number: entry["mail"][0] for number, entry in walk.people().items()}
    assert found == {
        "AILLEURS9": f"ines.durand@{DOMAIN}",
        "1001": f"lea.martin01@{DOMAIN}",  # mail of staff, in capitals
        "1002": f"hugo.petit01@{DOMAIN}",  # an alias login of staff
        "1003": f"ines.durand01@{DOMAIN}",  # another tool's student
        "1004": f"zoe.fabre01@{DOMAIN}",  # a guest, one unit below
        "1005": f"noe.moreau@{DOMAIN}",
    }


def test_addresses_outside_the_branch_count_as_taken(walk: Walk) -> None:
    suffix = walk.directory.suffix
    walk.directory.modify(
        f"dn: cn=list,{suffix}\nobjectClass: organizationalRole\nobjectClass: extensibleObject\n"
        f"cn: list\nmail: noe.moreau@{DOMAIN}\n"
    )
    walk.synced(register())
    assert walk.person("1005")["mail"] == [f"noe.moreau01@{DOMAIN}"]


def test_a_uid_that_is_somebody_elses_stops_that_student_alone(walk: Walk, others: Entries) -> None:
    report = walk.sync([*register(), student("5001", "Tom", "Blanc")])
    assert report.exit_status == 1
    rejected = [row for row in report.plan.rejected if row.value == "5001"]
    assert len(rejected) == 1
    assert "e5001" in rejected[0].reason
    assert f"uid=e5001,{walk.directory.people_dn}" in rejected[0].reason
    assert len(report.outcomes) == 5
    assert {one.outcome for one in report.outcomes} == {"applied"}
    assert everything_of_others(walk.directory) == others


def test_another_tools_student_is_adopted_only_when_the_register_names_her(
    walk: Walk, others: Entries
) -> None:
    walk.synced(register())
    dn = f"uid=x9,{walk.directory.people_dn}"
    assert walk.directory.entry(dn) == others[dn]
    walk.synced([*register(), student("AILLEURS9", "Inès", "Ailleurs")])
    entry = walk.directory.entry(dn)
    assert entry["uid"] == ["x9"]
    assert entry["mail"] == [f"ines.durand@{DOMAIN}"]
    assert entry["userPassword"] == others[dn]["userPassword"]
    assert entry["supannEtuAnneeInscription"] == [str(YEAR)]
    assert walk.directory.bind_result(dn, "foreign secret") == 0
    walk.writes_nothing()


def test_values_of_others_in_a_students_entry_stay_byte_for_byte(walk: Walk) -> None:
    walk.synced(register())
    dn = walk.person("1001")["dn"][0]
    walk.directory.modify(
        f"dn: {dn}\nchangetype: modify\n"
        f"add: jpegPhoto\njpegPhoto:: {JPEG}\n-\n"
        f"add: audio\naudio:: {LATIN}\n-\n"
        "add: eduPersonAffiliation\neduPersonAffiliation: alum\n-\n"
        "add: supannRessourceEtatDate\nsupannRessourceEtatDate: {WIFI}A:SupannActif:20260101:\n-\n"
        "add: supannMailPrive\nsupannMailPrive: {PARENTS}p@example.org\n-\n"
        "add: description;lang-fr\ndescription;lang-fr: Élève\n-\n"
        "add: mail\nmail: Lea.Other@example.org\n"
    )
    since = walk.invariants().snapshot()
    rows = register()
    for now in ({**rows[0], "family_name": "Martin-Roux"}, {**rows[0], "status": "A"}):
        report = walk.sync([now, *rows[1:]])
        assert [one.outcome for one in report.outcomes] == ["applied"]
        walk.invariants().check(since)
    entry = walk.directory.entry(dn)
    assert base64.b64encode(entry["jpegPhoto"][0].encode("utf-8", "surrogateescape")) == (
        JPEG.encode()
    )
    assert "{WIFI}A:SupannActif:20260101:" in entry["supannRessourceEtatDate"]
    assert entry["eduPersonAffiliation"] == ["alum"]
    assert entry["supannMailPrive"] == ["{PARENTS}p@example.org"]
    assert sorted(entry["mail"]) == sorted([f"lea.martin@{DOMAIN}", "Lea.Other@example.org"])


def test_a_student_who_is_also_staff_is_never_closed_or_given_a_password(walk: Walk) -> None:
    people = walk.directory.people_dn
    walk.directory.modify(
        f"dn: uid=p7,{people}\nobjectClass: inetOrgPerson\nobjectClass: eduPerson\n"
        "objectClass: supannPerson\nuid: p7\ncn: Both\nsn: Both\nsupannEtuId: 7007\n"
        "supannEmpId: 7\neduPersonAffiliation: teacher\nuserPassword: both secret\n"
    )
    both = student("7007", "Anne", "Double")
    walk.synced([*register(), both])
    walk.synced([*register(), {**both, "status": "A"}])
    entry = walk.directory.entry(f"uid=p7,{people}")
    for name in ("pwdReset", "pwdEndTime", "pwdPolicySubentry", "supannRessourceEtatDate"):
        assert name not in entry
    assert entry["eduPersonAffiliation"] == ["teacher"]
    assert walk.directory.bind_result(f"uid=p7,{people}", "both secret") == 0
    done = walk.workspace.scolpass("reissue", "7007", "--reason", "asked")
    assert done.returncode == 1
    assert "somebody else" in done.stderr
    walk.writes_nothing()
