"""Entries that already stand in the directory: taken as they stand, or left alone."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding

from tests.support.people import ADDRESS, existing, put, stand
from tests.support.walk import Walk, actions, student

pytestmark = pytest.mark.usefixtures("in_paris")

NUMBER = "22600001"
AUTUMN = date(2026, 10, 1)
CUTOFF = "20271231230000Z"  # of the academic year 2026


@pytest.fixture
def walk(walk: Walk) -> Walk:
    """A walk on 1 October 2026."""
    walk.today = AUTUMN
    return walk


def enrolled(number: str = NUMBER, **fields: object) -> Any:
    return student(number, **{"academic_year": 2026, **fields})  # type: ignore[arg-type]


def states(walk: Walk, number: str = NUMBER) -> list[str]:
    return sorted(walk.person(number).get("supannRessourceEtatDate", []))


def untouched(walk: Walk, rows: list[Any], *dns: str, status: int = 1) -> list[str]:
    """A sync that writes nothing at all, ends ``status`` and names the DNs; its reasons."""
    csns = walk.directory.csns()
    report = walk.sync(rows)
    assert walk.directory.csns() == csns
    assert report.exit_status == status
    reasons = [row.reason for row in report.plan.rejected]
    for dn in dns:
        assert any(dn in reason for reason in reasons), (dn, reasons)
    return reasons


# --- found by the student number ----------------------------------------------------------------


def test_an_entry_with_the_students_number_is_adopted_and_not_duplicated(walk: Walk) -> None:
    dn = stand(walk.directory)
    before = walk.invariants().snapshot()
    report = walk.synced([enrolled(step_code="L1", component_code="FDS", civility="Mme")])
    assert actions(report) == [("update", NUMBER)]
    assert "adopted" in report.plan.changes[0].reason
    entry = walk.person(NUMBER)
    assert entry["dn"] == [dn]
    assert entry["uid"] == ["lm22600001"]
    for name in ("mail", "eduPersonPrincipalName", "supannAliasLogin"):
        assert entry[name] == [ADDRESS]
    assert entry["sn"] == ["Martin"]
    assert entry["cn"] == ["Martin Léa"]
    assert entry["displayName"] == ["Léa Martin"]
    assert entry["supannOIDCDateDeNaissance"] == ["2008-02-29"]
    assert entry["supannEtuEtape"] == ["{UAI:0342490X}L1"]
    assert entry["eduPersonAffiliation"] == ["student", "member"]
    assert entry["eduPersonPrimaryAffiliation"] == ["student"]
    assert set(entry["objectClass"]) >= {"top", "inetOrgPerson", "scolpassAccount"}
    assert len(walk.people()) == 1
    assert walk.directory.bind_result(dn, "motdepasse1") == 0
    walk.invariants().check(before)
    walk.writes_nothing()
    assert "in use when it was adopted" in walk.workspace.scolpass("show", NUMBER).stdout


def test_an_entry_in_a_branch_below_is_adopted_where_it_is(walk: Walk) -> None:
    branch = f"ou=2026,{walk.directory.people_dn}"
    put(walk.directory, branch, {"objectClass": "organizationalUnit", "ou": "2026"})
    dn = put(walk.directory, f"uid=lm22600001,{branch}", existing())
    walk.synced([enrolled()])
    assert walk.person(NUMBER)["dn"] == [dn]
    walk.writes_nothing()


def test_an_entry_whose_number_the_register_does_not_know_is_left_as_it_is(walk: Walk) -> None:
    stand(walk.directory, "99")
    before = walk.invariants().snapshot()
    walk.synced([enrolled("1")])
    walk.invariants().check(before)
    assert "displayName" not in walk.person("99")


def test_an_adopted_address_is_taken_and_its_owner_known(walk: Walk) -> None:
    stand(walk.directory, mail="Lea.Martin01@ETU.umontpellier.fr")
    walk.synced([enrolled(), enrolled("1"), enrolled("2")])
    assert walk.person(NUMBER)["mail"] == ["Lea.Martin01@ETU.umontpellier.fr"]
    assert walk.person("1")["mail"] == ["lea.martin@etu.umontpellier.fr"]
    assert walk.person("2")["mail"] == ["lea.martin02@etu.umontpellier.fr"]
    walk.writes_nothing()


# --- the state it is in -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stands", "year", "wanted"),
    [
        pytest.param([], 2026, "A:SupannActif:20261001:20271231", id="none"),
        pytest.param([], 2025, "A:SupannSursis:20260901:20261231", id="none, the year over"),
        pytest.param(
            ["{COMPTE}A:SupannActif:20240901:20261231"],
            2026,
            "A:SupannActif:20240901:20271231",
            id="active",
        ),
        pytest.param(
            ["{COMPTE}A:SupannActif:20240901:20271231", "{MAIL}A:SupannActif:20240902:20271231"],
            2026,
            "A:SupannActif:20240901:20271231",
            id="active with mail",
        ),
        pytest.param(
            ["{COMPTE}A:SupannActif:20240901:20261231"],
            2025,
            "A:SupannSursis:20260901:20261231",
            id="active, the year over",
        ),
        pytest.param(
            ["{COMPTE}A:SupannSursis:20260901:20261231"],
            2025,
            "A:SupannSursis:20260901:20261231",
            id="grace",
        ),
        pytest.param(
            ["{COMPTE}A:SupannSursis:20260901:20261231"],
            2026,
            "A:SupannActif:20261001:20271231",
            id="grace, enrolled again",
        ),
        pytest.param(
            ["{COMPTE}A:SupannActif::20261231"], 2026, "A:SupannActif::20271231", id="empty START"
        ),
        pytest.param(["{COMPTE}A:SupannActif::"], 2026, "A:SupannActif::20271231", id="no dates"),
        pytest.param(
            ["{COMPTE}A:SupannAnticipe:20260901:"],
            2026,
            "A:SupannActif:20260901:20271231",
            id="active by another word",
        ),
        pytest.param(
            ["{COMPTE}A:SupannActif:20240901:20281231"],
            2026,
            "A:SupannActif:20240901:20281231",
            id="END later than the register knows",
        ),
    ],
)
def test_an_account_in_use_is_believed(
    walk: Walk, stands: list[str], year: int, wanted: str
) -> None:
    dn = stand(walk.directory, supannRessourceEtatDate=stands or None)
    before = walk.invariants().snapshot()
    walk.synced([enrolled(academic_year=year)])
    entry = walk.person(NUMBER)
    compte, mail = states(walk)
    assert compte == f"{{COMPTE}}{wanted}"
    word, end = wanted.split(":")[1], wanted.rsplit(":", 1)[1]
    assert mail.startswith(f"{{MAIL}}A:{word}:")
    assert mail.endswith(f":{end}")
    assert sorted(entry["supannRessourceEtat"]) == [f"{{COMPTE}}A:{word}", f"{{MAIL}}A:{word}"]
    assert entry["pwdEndTime"] == [f"{end}230000Z"]
    assert "pwdReset" not in entry
    assert "pwdPolicySubentry" not in entry
    assert walk.show(NUMBER).evidence.keys() >= {"adopted"}
    assert walk.directory.bind_result(dn, "motdepasse1") == 0
    walk.invariants().check(before)
    walk.writes_nothing()


@pytest.mark.parametrize("word", ["SupannVerrouAdministratif", "SupannVerrouTechnique", ""])
def test_a_suspended_account_stays_suspended(walk: Walk, word: str) -> None:
    stands = [
        f"{{COMPTE}}S:{word}:20260110:20261231",
        "{MAIL}A:SupannActif:20250901:20261231",
    ]
    dn = stand(walk.directory, supannRessourceEtatDate=stands)
    walk.synced([enrolled()])
    wanted = [
        "{COMPTE}S:SupannVerrouAdministratif:20260110:20271231",
        "{MAIL}A:SupannActif:20250901:20271231",
    ]
    assert states(walk) == wanted
    entry = walk.person(NUMBER)
    assert entry["pwdStartTime"] == ["20991231230000Z"]
    assert entry["pwdEndTime"] == [CUTOFF]
    assert walk.directory.bind_result(dn, "motdepasse1") == 49
    walk.writes_nothing()
    walk.synced([enrolled("22600001", step_code="L1")])
    assert states(walk) == wanted


@pytest.mark.parametrize(
    ("stands", "start"),
    [
        ([], "20261001"),
        (["{COMPTE}I:SupannCree:20260910:20261231"], "20260910"),
        (["{COMPTE}I:SupannPrecree:20260910:"], "20260910"),
        (["{COMPTE}I:SupannCree::"], ""),
    ],
)
def test_an_inactive_account_without_a_password_is_given_a_provisional_one(
    walk: Walk, stands: list[str], start: str
) -> None:
    stand(walk.directory, userPassword=None, supannRessourceEtatDate=stands or None)
    walk.synced([enrolled()])
    entry = walk.person(NUMBER)
    assert states(walk) == [f"{{COMPTE}}I:SupannCree:{start}:20271231"]
    assert entry["pwdReset"] == ["TRUE"]
    assert entry["pwdPolicySubentry"] == [walk.directory.policy_dn]
    assert entry["pwdEndTime"] == ["20261230230000Z"]
    assert len(walk.password(NUMBER)) == 6
    walk.writes_nothing()


@pytest.mark.parametrize(
    ("stands", "start"),
    [([], "20261001"), (["{COMPTE}I:SupannCree:20260910:20261231"], "20260910")],
)
def test_a_password_that_must_be_changed_is_never_replaced(
    walk: Walk, stands: list[str], start: str
) -> None:
    dn = stand(walk.directory, pwdReset="TRUE", supannRessourceEtatDate=stands or None)
    walk.sync([enrolled()])
    assert states(walk) == [f"{{COMPTE}}I:SupannCree:{start}:20271231"]
    entry = walk.person(NUMBER)
    assert entry["pwdReset"] == ["TRUE"]
    assert walk.directory.bind_result(dn, "motdepasse1") == 0
    with pytest.raises(KeyError):
        walk.password(NUMBER)
    walk.invariants().check(journal_lost=True)
    walk.writes_nothing()


def test_an_inactive_account_with_a_password_of_ones_own_keeps_it_and_awaits_the_rest(
    walk: Walk,
) -> None:
    dn = stand(walk.directory, supannRessourceEtatDate="{COMPTE}I:SupannCree:20260910:20261231")
    walk.synced([enrolled()])
    assert states(walk) == ["{COMPTE}I:SupannCree:20260910:20271231"]
    assert walk.person(NUMBER)["pwdEndTime"] == [CUTOFF]
    assert walk.directory.bind_result(dn, "motdepasse1") == 0
    walk.writes_nothing()


def test_a_reset_by_another_tool_leaves_an_active_account_active(walk: Walk) -> None:
    state = "{COMPTE}A:SupannActif:20240901:20261231"
    stand(walk.directory, pwdReset="TRUE", supannRessourceEtatDate=state)
    walk.synced([enrolled()])
    assert states(walk)[0] == "{COMPTE}A:SupannActif:20240901:20271231"
    assert walk.person(NUMBER)["pwdReset"] == ["TRUE"]
    assert walk.person(NUMBER)["pwdEndTime"] == [CUTOFF]
    walk.writes_nothing()


def test_an_active_account_without_a_password_is_believed_and_given_none(walk: Walk) -> None:
    state = "{COMPTE}A:SupannActif:20240901:20261231"
    stand(walk.directory, userPassword=None, supannRessourceEtatDate=state)
    walk.synced([enrolled()])
    assert states(walk)[0] == "{COMPTE}A:SupannActif:20240901:20271231"
    assert "userPassword" not in walk.person(NUMBER)
    walk.writes_nothing()


@pytest.mark.parametrize("word", ["SupannExpire", "SupannSupprDonnees", "SupannVerrouille", ""])
def test_any_other_inactive_account_is_expired_and_stays_closed(walk: Walk, word: str) -> None:
    state = f"{{COMPTE}}I:{word}:20260101:"
    dn = stand(walk.directory, supannRessourceEtatDate=state)
    walk.synced([enrolled(academic_year=2024)])
    assert states(walk) == [state.replace(f"I:{word}", "I:SupannExpire")]
    assert walk.directory.bind_result(dn, "motdepasse1") == 49
    assert walk.person(NUMBER)["pwdEndTime"] == ["20251231230000Z"]
    assert "eduPersonAffiliation" not in walk.person(NUMBER)
    walk.writes_nothing()


def test_an_expired_account_that_is_enrolled_again_begins_anew(walk: Walk) -> None:
    dn = stand(walk.directory, supannRessourceEtatDate="{COMPTE}I:SupannExpire:20260101:")
    report = walk.synced([enrolled()])
    assert actions(report) == [("restore", NUMBER)]
    assert states(walk) == ["{COMPTE}I:SupannCree:20261001:20271231"]
    assert walk.person(NUMBER)["pwdReset"] == ["TRUE"]
    assert walk.directory.bind_result(dn, "motdepasse1") == 49
    assert walk.person(NUMBER)["mail"] == [ADDRESS]
    walk.writes_nothing()


def test_an_account_in_use_whose_cutoff_has_passed_expires(walk: Walk) -> None:
    dn = stand(walk.directory, supannRessourceEtatDate="{COMPTE}A:SupannActif:20230901:20251231")
    report = walk.synced([enrolled(academic_year=2024)])
    assert actions(report) == [("expire", NUMBER)]
    assert states(walk) == ["{COMPTE}I:SupannExpire:20260101:"]
    assert walk.person(NUMBER)["pwdEndTime"] == ["20251231230000Z"]
    assert walk.directory.bind_result(dn, "motdepasse1") == 49
    walk.writes_nothing()


def test_an_entry_with_a_pending_row_only_is_left_as_it_is(walk: Walk) -> None:
    stand(walk.directory)
    stand(walk.directory, "2", mail="b@x.fr", eduPersonPrincipalName="b@x.fr",
          supannAliasLogin="b@x.fr",
          supannRessourceEtatDate="{COMPTE}A:SupannActif:20240901:20261231")  # fmt: skip
    before = walk.people()
    walk.sync([enrolled(status="C"), enrolled("2", status="C"), enrolled("3")])
    assert walk.person(NUMBER) == before[NUMBER]
    assert states(walk, "2")[0] == "{COMPTE}A:SupannSursis:20260901:20261231"
    walk.writes_nothing()


def test_values_of_other_resources_are_others(walk: Walk) -> None:
    dates = ["{NOM}A:SupannActif:20200101:", "{samba}I:SupannPrecree::", "{COMPTES}A:x::"]
    plain = ["{NOM}A:SupannActif", "{samba}I:SupannPrecree"]
    stand(walk.directory, supannRessourceEtatDate=dates, supannRessourceEtat=plain)
    before = walk.invariants().snapshot()
    walk.synced([enrolled()])
    entry = walk.person(NUMBER)
    assert set(entry["supannRessourceEtatDate"]) > set(dates)
    assert set(entry["supannRessourceEtat"]) > set(plain)
    walk.synced([enrolled(status="A")])
    entry = walk.person(NUMBER)
    assert set(entry["supannRessourceEtatDate"]) > set(dates)
    assert set(entry["supannRessourceEtat"]) > set(plain)
    walk.invariants().check(before)
    walk.writes_nothing()


# --- what is missing is given -------------------------------------------------------------------


@pytest.mark.parametrize(
    "missing",
    [
        ("mail",),
        ("supannAliasLogin",),
        ("eduPersonPrincipalName", "supannAliasLogin"),
        ("mail", "eduPersonPrincipalName"),
    ],
    ids="+".join,
)
def test_missing_addresses_are_given_the_one_that_stands(
    walk: Walk, missing: tuple[str, ...]
) -> None:
    stand(walk.directory, **dict.fromkeys(missing))
    walk.synced([enrolled()])
    entry = walk.person(NUMBER)
    for name in ("mail", "eduPersonPrincipalName", "supannAliasLogin"):
        assert entry[name] == [ADDRESS]
    walk.writes_nothing()


def test_an_entry_without_any_address_is_given_one_that_is_free(walk: Walk) -> None:
    nothing = dict.fromkeys(("mail", "eduPersonPrincipalName", "supannAliasLogin"))
    stand(walk.directory, **nothing)
    walk.synced([enrolled("1"), enrolled()])
    for name in nothing:
        assert walk.person(NUMBER)[name] == ["lea.martin01@etu.umontpellier.fr"]
    walk.writes_nothing()


def test_a_private_address_is_no_login(walk: Walk) -> None:
    stand(
        walk.directory,
        mail="lea@example.org",
        eduPersonPrincipalName=None,
        supannAliasLogin=None,
    )
    walk.synced([enrolled()])
    entry = walk.person(NUMBER)
    assert entry["mail"] == ["lea@example.org"]
    assert entry["supannAliasLogin"] == ["lea.martin@etu.umontpellier.fr"]
    assert entry["eduPersonPrincipalName"] == ["lea.martin@etu.umontpellier.fr"]
    walk.writes_nothing()


def test_an_entry_with_a_former_address_only_is_given_one(walk: Walk) -> None:
    stand(walk.directory, mail=None, supannAutreMail="lea.old@etu.umontpellier.fr")
    before = walk.invariants().snapshot()
    walk.synced([enrolled()])  # supannAutreMail is a subtype of mail: (mail=*) finds it
    assert walk.person(NUMBER)["mail"] == [ADDRESS]
    assert walk.person(NUMBER)["supannAutreMail"] == ["lea.old@etu.umontpellier.fr"]
    walk.invariants().check(before)
    walk.writes_nothing()


def test_an_entry_without_a_uid_is_given_one(walk: Walk) -> None:
    dn = put(walk.directory, f"cn=MARTIN LEA,{walk.directory.people_dn}", existing(uid=None))
    walk.synced([enrolled()])
    entry = walk.person(NUMBER)
    assert entry["dn"] == [dn]
    assert entry["uid"] == ["e22600001"]
    assert set(entry["cn"]) == {"MARTIN LEA", "Martin Léa"}
    walk.writes_nothing()


@pytest.mark.parametrize(
    ("rdn", "values"),
    [
        ("cn=Léa", {"cn": ["Léa", "MARTIN LEA"]}),
        ("cn=martin LEA", {"cn": ["Martin Lea"]}),
        ("cn=MARTIN\\, Léa", {"cn": ["MARTIN, Léa"]}),
        ('cn=\\23 \\"x\\" \\+ \\3by\\3e\\20', {"cn": ['# "x" + ;y> ']}),
        ("cn=L\\C3\\A9a+uid=lm22600001", {"cn": ["Léa"]}),
        ("uid=lm22600001+sn=Old\\+Name", {"sn": ["Old+Name", "MARTIN"]}),
        ("sn=MARTIN", {}),
        ("mail=l.martin@etu.umontpellier.fr", {}),
        ("supannEtuId=22600001", {}),
        ("displayName=Lea M.", {"displayName": "Lea M."}),
    ],
)
def test_no_entry_is_moved_whatever_names_it(walk: Walk, rdn: str, values: dict[str, Any]) -> None:
    put(walk.directory, f"{rdn},{walk.directory.people_dn}", existing(**values))
    before = walk.person(NUMBER)
    report = walk.synced([enrolled()])
    assert actions(report) == [("update", NUMBER)]
    entry = walk.person(NUMBER)
    assert entry["dn"] == before["dn"]
    assert "Léa Martin" in entry["displayName"] or rdn.startswith("displayName")
    assert "Martin" in entry["sn"]
    walk.writes_nothing()
    walk.synced([enrolled(usual_name="Petit")])
    assert "Petit" in walk.person(NUMBER)["sn"]
    walk.writes_nothing()


@pytest.mark.parametrize(
    "classes",
    [["inetOrgPerson"], ["inetOrgPerson", "eduPerson"], ["INETORGPERSON", "supannperson"]],
)
def test_missing_object_classes_are_added(walk: Walk, classes: list[str]) -> None:
    put(
        walk.directory,
        f"uid=x,{walk.directory.people_dn}",
        {
            "objectClass": [*classes, "extensibleObject"],
            "uid": "x",
            "cn": "x",
            "sn": "x",
            "supannEtuId": NUMBER,
        },
    )
    walk.synced([enrolled()])
    found = {value.lower() for value in walk.person(NUMBER)["objectClass"]}
    assert found == {
        "inetorgperson",
        "eduperson",
        "supannperson",
        "scolpassaccount",
        "extensibleobject",
    }
    walk.writes_nothing()


def test_an_entry_of_another_structure_fails_alone_and_says_why(walk: Walk) -> None:
    dn = put(
        walk.directory,
        f"cn=x,{walk.directory.people_dn}",
        {"objectClass": ["person", "supannPerson"], "cn": "x", "sn": "x", "supannEtuId": NUMBER},
    )
    before = walk.person(NUMBER)
    report = walk.sync([enrolled(), enrolled("2", first_name="Zoé")])
    assert report.exit_status == 1
    [failed] = [one for one in report.outcomes if one.outcome == "failed"]
    assert dn in str(failed.error)
    assert "class" in str(failed.error)
    assert walk.person(NUMBER) == before
    assert "2" in walk.people()


# --- what others wrote --------------------------------------------------------------------------


def certificate() -> bytes:
    """A certificate in DER, its outer form being what slapd checks."""
    key = Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Léa")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name)
    builder = builder.public_key(key.public_key()).serial_number(1)
    builder = builder.not_valid_before(datetime(2026, 1, 1)).not_valid_after(datetime(2036, 1, 1))
    return builder.sign(key, None).public_bytes(Encoding.DER)


def test_attributes_and_values_of_others_stay_byte_for_byte(walk: Walk) -> None:
    others: dict[str, Any] = {
        "objectClass": [
            "inetOrgPerson",
            "eduPerson",
            "supannPerson",
            "pkiUser",
            "extensibleObject",
        ],
        "jpegPhoto": [bytes(range(256)), b"\xff\xd8\xff\xe0\x00JFIF\x00"],
        "audio": b"\x00",
        "cn;lang-fr": "Léa la Grande",
        "displayName;lang-en": "Lea the Great",
        "sn;lang-ar": "مارتين",
        "givenName;lang-ja": "レア",
        "userCertificate;binary": certificate(),
        "description": ["of\nmany lines", " blanks ", "#1"],
        "telephoneNumber": "+33 4 67 00 00 00",
        "supannAutreMail": ["Old.Address@etu.umontpellier.fr"],
        "supannMailPerso": "lea@example.org",
        "supannMailPrive": ["{PERSO}lea@example.org", "{SECOURS}safe@example.org"],
        "mailForwardingAddress": "lea@example.org",
        "eduPersonEntitlement": ["urn:mace:x:B", "urn:mace:x:a"],
        "eduPersonAffiliation": ["alum"],
        "supannRoleGenerique": "{SUPANN}D00",
        "supannEtuDiplome": "{SISE}2500200",
        "labeledURI": "https://example.org/?a=b&c=(d)",
        "host": "server1",
        "pwdPolicySubentry": f"cn=default,ou=policies,{walk.directory.suffix}",
    }
    stand(walk.directory, **others)
    before = walk.invariants().snapshot()
    walk.synced([enrolled(step_code="L2")])
    walk.synced([enrolled(usual_name="Petit", step_code="L2", component_code="FDS")])
    entry = walk.person(NUMBER)
    for name, values in others.items():
        wanted = {values} if isinstance(values, str | bytes) else set(values)
        found = {value.encode("utf-8", "surrogateescape") for value in entry[name]}
        assert found >= {v.encode() if isinstance(v, str) else v for v in wanted}, name
    assert entry["sn"] == ["Petit"]
    assert entry["displayName"] == ["Léa Petit"]
    walk.invariants().check(before)
    walk.synced([enrolled(step_code="L2", status="A")])
    assert set(walk.person(NUMBER)["eduPersonAffiliation"]) == {"alum"}
    walk.invariants().check(before)
    walk.writes_nothing()


def test_a_primary_affiliation_of_somebody_else_stays(walk: Walk) -> None:
    stand(walk.directory, eduPersonPrimaryAffiliation="alum", eduPersonAffiliation=["alum"])
    walk.synced([enrolled()])
    entry = walk.person(NUMBER)
    assert entry["eduPersonPrimaryAffiliation"] == ["alum"]
    assert set(entry["eduPersonAffiliation"]) == {"alum", "student", "member"}
    walk.writes_nothing()


def test_staff_aliases_referrals_and_other_objects_are_untouched(walk: Walk) -> None:
    directory = walk.directory
    people = directory.people_dn
    staff = put(
        directory,
        f"uid=p1,{people}",
        {
            "objectClass": ["inetOrgPerson", "eduPerson", "supannPerson"],
            "uid": "p1",
            "cn": "Martin Léa",
            "sn": "Martin",
            "mail": "LEA.Martin@etu.umontpellier.fr",
            "supannEmpId": "p1",
            "eduPersonAffiliation": ["employee", "member"],
            "userPassword": "motdepasse1",
            "jpegPhoto": bytes(range(200)),
        },
    )
    put(
        directory,
        f"uid=alias1,{people}",
        {
            "objectClass": ["alias", "extensibleObject"],
            "aliasedObjectName": staff,
            "uid": "alias1",
            "mail": "lea.martin01@etu.umontpellier.fr",
        },
    )
    put(
        directory,
        f"uid=referral1,{people}",
        {
            "objectClass": ["referral", "extensibleObject"],
            "ref": "ldap://127.0.0.1:1/uid=referral1,dc=example,dc=org",
            "uid": "referral1",
            "mail": "lea.martin02@etu.umontpellier.fr",
        },
    )
    put(
        directory,
        f"cn=printer,{people}",
        {"objectClass": ["device", "extensibleObject"], "cn": "printer", "serialNumber": "1"},
    )
    before = walk.invariants().snapshot()
    walk.synced([enrolled()])
    walk.synced([enrolled(usual_name="Petit")])
    assert walk.person(NUMBER)["mail"] == ["lea.martin03@etu.umontpellier.fr"]
    walk.invariants().check(before)
    walk.writes_nothing()


# --- entries that are also somebody else's ------------------------------------------------------


@pytest.mark.parametrize(
    "role",
    [
        {"supannEmpId": "p42"},
        {"eduPersonAffiliation": ["employee"]},
        {"eduPersonAffiliation": ["student", "Faculty"]},
        {"eduPersonAffiliation": ["affiliate", "member"]},
        {"eduPersonAffiliation": ["temporary"]},
    ],
    ids=lambda role: str(next(iter(role.values()))),
)
def test_an_entry_that_is_also_somebody_elses_is_kept_true_and_nothing_more(
    walk: Walk, role: dict[str, Any]
) -> None:
    own = {
        "supannRessourceEtatDate": "{COMPTE}A:SupannActif:20200901:",
        "eduPersonPrimaryAffiliation": "employee",
        "pwdEndTime": "20301231230000Z",
        "mail": "lea@umontpellier.fr",
        "supannAliasLogin": None,
    }
    dn = stand(walk.directory, **own, **role)
    before = walk.invariants().snapshot()
    report = walk.synced([enrolled(step_code="L1", civility="Mme")])
    assert actions(report) == [("update", NUMBER)]
    entry = walk.person(NUMBER)
    assert entry["displayName"] == ["Léa Martin"]
    assert entry["supannEtuEtape"] == ["{UAI:0342490X}L1"]
    roles = set(role.get("eduPersonAffiliation", []))
    assert set(entry["eduPersonAffiliation"]) == roles | {"student"}
    untouched_names = (
        "supannRessourceEtatDate", "eduPersonPrimaryAffiliation", "pwdEndTime", "mail",
        "supannAliasLogin", "pwdReset", "pwdPolicySubentry", "supannRessourceEtat",
        "supannEtablissement",
    )  # fmt: skip
    for name in untouched_names:
        assert entry.get(name) == before.entries[dn].get(name), name
    assert walk.directory.bind_result(dn, "motdepasse1") == 0
    walk.invariants().check(before)
    walk.writes_nothing()

    report = walk.synced([enrolled(step_code="L1", civility="Mme", status="A")])
    assert actions(report) == [("update", NUMBER)]
    after = walk.person(NUMBER)
    assert set(after.get("eduPersonAffiliation", [])) == roles - {"student"}
    assert after["supannRessourceEtatDate"] == entry["supannRessourceEtatDate"]
    assert walk.directory.bind_result(dn, "motdepasse1") == 0
    walk.writes_nothing()


def test_a_pending_enrolment_makes_nobody_a_student(walk: Walk) -> None:
    stand(walk.directory, supannEmpId="p42", eduPersonAffiliation=["employee"])
    walk.sync([enrolled(status="C")])
    assert walk.person(NUMBER)["eduPersonAffiliation"] == ["employee"]
    walk.writes_nothing()


def test_a_staff_member_without_a_password_is_given_none(walk: Walk) -> None:
    stand(walk.directory, supannEmpId="p42", userPassword=None)
    walk.synced([enrolled()])
    entry = walk.person(NUMBER)
    assert not {"userPassword", "pwdReset", "pwdEndTime"} & entry.keys()
    walk.writes_nothing()


def test_an_account_of_ours_that_becomes_somebody_elses_too_is_no_longer_closed(
    walk: Walk,
) -> None:
    walk.synced([enrolled()])
    dn = walk.person(NUMBER)["dn"][0]
    walk.directory.modify(f"dn: {dn}\nchangetype: modify\nadd: supannEmpId\nsupannEmpId: p42\n")
    before = walk.person(NUMBER)
    walk.sync([enrolled(status="A")])
    entry = walk.person(NUMBER)
    for name in ("pwdEndTime", "supannRessourceEtatDate", "userPassword"):
        assert entry[name] == before[name]
    assert "student" not in entry.get("eduPersonAffiliation", [])
    walk.writes_nothing()


# --- what cannot be matched ---------------------------------------------------------------------


def test_several_entries_with_one_number_are_all_left_alone_and_named(walk: Walk) -> None:
    one = stand(walk.directory)
    other = put(
        walk.directory,
        f"uid=second,{walk.directory.people_dn}",
        existing(uid="second", mail="b@x.fr", eduPersonPrincipalName="b@x.fr",
                 supannAliasLogin="b@x.fr"),
    )  # fmt: skip
    untouched(walk, [enrolled()], one, other)
    report = walk.sync([enrolled(), enrolled("2", first_name="Zoé")])
    assert report.exit_status == 1
    assert actions(report) == [("create", "2")]


def test_an_entry_with_several_numbers_is_left_alone_and_named(walk: Walk) -> None:
    dn = stand(walk.directory, supannEtuId=[NUMBER, "22600002"])
    reasons = untouched(walk, [enrolled(), enrolled("22600002", first_name="Zoé")], dn)
    assert len(reasons) == 2
    walk.writes_nothing()


def test_an_entry_outside_the_branch_is_left_alone_and_named(walk: Walk) -> None:
    base = f"ou=former,{walk.directory.suffix}"
    put(walk.directory, base, {"objectClass": "organizationalUnit", "ou": "former"})
    dn = put(walk.directory, f"uid=x,{base}", existing(uid="x"))
    untouched(walk, [enrolled()], dn)


@pytest.mark.parametrize("holder", ["staff", "student", "elsewhere"])
def test_a_uid_that_is_anothers_fails_its_student_alone(walk: Walk, holder: str) -> None:
    directory = walk.directory
    base = directory.people_dn
    if holder == "elsewhere":
        base = f"ou=groupes,{directory.suffix}"
        put(directory, base, {"objectClass": "organizationalUnit", "ou": "groupes"})
    attributes = existing(
        uid="E22600001",
        supannEtuId="7" if holder == "student" else None,
        mail="b@x.fr",
        eduPersonPrincipalName=None,
        supannAliasLogin=None,
    )
    dn = put(directory, f"uid=E22600001,{base}", attributes)
    untouched(walk, [enrolled()], dn)
    report = walk.sync([enrolled(), enrolled("2", first_name="Zoé")])
    assert report.exit_status == 1
    assert actions(report) == [("create", "2")]
    with walk.context():
        pass
    resynced = walk.resync(NUMBER)
    assert resynced.report is not None
    assert resynced.report.exit_status == 1


def test_a_missing_uid_that_is_anothers_is_not_given(walk: Walk) -> None:
    put(walk.directory, f"cn=MARTIN LEA,{walk.directory.people_dn}", existing(uid=None))
    dn = stand(
        walk.directory, "7", uid="e22600001", mail="b@x.fr", eduPersonPrincipalName="b@x.fr",
        supannAliasLogin="b@x.fr",
    )  # fmt: skip
    untouched(walk, [enrolled()], dn)


# --- many ---------------------------------------------------------------------------------------


def test_a_directory_of_many_is_one_held_plan_read_and_approved(walk: Walk) -> None:
    numbers = [str(n) for n in range(22600001, 22600031)]
    for number in numbers:
        address = f"x{number}@etu.umontpellier.fr"
        stand(
            walk.directory, number, mail=address, eduPersonPrincipalName=address,
            supannAliasLogin=address,
        )  # fmt: skip
    rows = [enrolled(number) for number in numbers]
    before = walk.invariants().snapshot()
    held = walk.sync(rows)
    assert held.exit_status == 3
    assert [item.action.value for item in held.verdict.held] == ["update"]
    assert held.plan.counts == {"update": 30}
    assert walk.directory.csns() == {dn: e["entryCSN"][0] for dn, e in before.entries.items()}
    assert walk.plan().plan.digest == held.plan.digest

    done = walk.synced(approve=held.plan.digest)
    assert len(done.outcomes) == 30
    assert {states(walk, n)[0] for n in numbers} == {"{COMPTE}A:SupannActif:20261001:20271231"}
    walk.invariants().check(before)
    walk.writes_nothing()
