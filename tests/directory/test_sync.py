"""A register goes in, and the directory comes out right: read back as its administrator sees it."""

from __future__ import annotations

import subprocess
import unicodedata
from base64 import b64decode
from collections.abc import Mapping
from datetime import date, timedelta

import pytest

from connector.core.catalogue import OBJECT_CLASSES
from connector.errors import DirectoryUntrusted, UnknownStudent
from connector.walk import resolving
from tests.support.directory import Directory
from tests.support.invariants import current
from tests.support.walk import TODAY, YEAR, Row, Walk, actions, student, students

pytestmark = [pytest.mark.image, pytest.mark.usefixtures("in_paris")]

NUMBER = "22600001"
AUTUMN = date(2026, 10, 1)
OPERATIONAL = {
    "entryCSN",
    "entryDN",
    "entryUUID",
    "createTimestamp",
    "creatorsName",
    "modifyTimestamp",
    "modifiersName",
    "structuralObjectClass",
    "subschemaSubentry",
    "hasSubordinates",
    "userPassword",
}


def dn(directory: Directory, number: str = NUMBER) -> str:
    return f"uid=e{number},{directory.people_dn}"


def plain(entry: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """An entry without what slapd keeps of it."""
    return {name: values for name, values in entry.items() if name not in OPERATIONAL}


def compte(walk: Walk, number: str = NUMBER) -> list[str]:
    values = walk.person(number)["supannRessourceEtatDate"]
    return [value for value in values if value.startswith("{COMPTE}")]


def tool(directory: Directory, name: str, *args: str, as_: str, password: str) -> tuple[int, str]:
    """One of OpenLDAP's own commands: its exit status (the result code) and all it said."""
    done = subprocess.run(
        [name, "-x", "-H", directory.uri, "-D", as_, "-w", password, *args],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def ldapsearch(directory: Directory, filter: str) -> list[dict[str, list[str]]]:
    """The entries that ldapsearch shows to the administrator."""
    status, text = tool(
        directory, "ldapsearch", "-LLL", "-o", "ldif-wrap=no", "-b", directory.suffix, filter,
        as_=directory.admin_dn, password=directory.admin_password,
    )  # fmt: skip
    assert status == 0, text
    found = []
    for record in text.strip().split("\n\n"):
        entry: dict[str, list[str]] = {}
        for line in record.splitlines():
            name, _, value = line.partition(":")
            encoded = value.startswith(":")
            value = value.lstrip(":").strip()
            entry.setdefault(name, []).append(b64decode(value).decode() if encoded else value)
        if entry:
            found.append(entry)
    return found


# --- a new student ------------------------------------------------------------------------------


def test_a_new_student_becomes_the_entry_of_the_contract_attribute_by_attribute(
    walk: Walk,
) -> None:
    walk.today = AUTUMN
    whole = {
        "usual_name": "Le Gall",
        "civility": "mme",
        "birth_place": "Sète",
        "ine": "07c12345672",
    }
    fds = {"component_code": "FDS", "component_name": "Faculté des sciences"}
    walk.synced(
        [
            student(
                NUMBER,
                "Maëlle",
                "D'Arç",
                academic_year="2026/2027",
                step_code="L2INFO",
                enrolled_on="12/09/2026",
                **whole,
                **fds,
            ),
            student(
                NUMBER,
                "Maëlle",
                "D'Arç",
                academic_year="2026-2027",
                status="R",
                step_code="DUSPORT",
                component_code="DEG",
                **whole,
            ),
            student(
                NUMBER,
                "Maëlle",
                "D'Arç",
                academic_year=2026,
                status="ANNULÉE",
                step_code="L3MATH",
                component_code="ABC",
                **whole,
            ),
            student(NUMBER, "Maëlle", "D'Arç", academic_year=2026, status="C", **whole, **fds),
            student(
                NUMBER, "Maëlle", "D'Arç", academic_year=2025, step_code="L1INFO", **whole, **fds
            ),
        ]
    )
    inscription = (
        "[etab={UAI}0342490X][anneeinsc=2026][regimeinsc={INCONNU}][sectdisc={INCONNU}]"
        "[typedip={INCONNU}][cursusann={INCONNU}]"
    )
    address = ["maelle.le-gall@etu.umontpellier.fr"]
    entry = plain(walk.person(NUMBER))
    for name in ("objectClass", "eduPersonAffiliation", "supannEntiteAffectation"):
        entry[name].sort()
    for name in ("supannEtuEtape", "supannEtuInscription"):
        entry[name].sort()
    assert entry == {
        "dn": [dn(walk.directory)],
        "objectClass": sorted(OBJECT_CLASSES),
        "uid": ["e22600001"],
        "supannEtuId": [NUMBER],
        "sn": ["Le Gall"],
        "givenName": ["Maëlle"],
        "cn": ["Le Gall Maëlle"],
        "displayName": ["Maëlle Le Gall"],
        "supannNomDeNaissance": ["D'Arç"],
        "supannCivilite": ["Mme"],
        "supannOIDCDateDeNaissance": ["2008-02-29"],
        "supannCodeINE": ["07c12345672"],
        "mail": address,
        "eduPersonPrincipalName": address,
        "supannAliasLogin": address,
        "supannEtablissement": ["{UAI}0342490X"],
        "supannEntiteAffectation": ["DEG", "FDS"],
        "supannEntiteAffectationPrincipale": ["DEG"],
        "supannEtuAnneeInscription": ["2026"],
        "supannEtuEtape": ["{UAI:0342490X}DUSPORT", "{UAI:0342490X}L2INFO"],
        "supannEtuInscription": [
            f"{inscription}[affect=DEG][etape={{UAI:0342490X}}DUSPORT]",
            f"{inscription}[affect=FDS][etape={{UAI:0342490X}}L2INFO]",
        ],
        "eduPersonAffiliation": ["member", "student"],
        "eduPersonPrimaryAffiliation": ["student"],
        "supannRessourceEtatDate": ["{COMPTE}I:SupannCree:20261001:20271231"],
        "supannRessourceEtat": ["{COMPTE}I:SupannCree"],
        "pwdReset": ["TRUE"],
        "pwdEndTime": ["20261230230000Z"],  # good through 30 December, ninety days later
        "pwdPolicySubentry": [walk.directory.policy_dn],
    }
    hashed = walk.person(NUMBER)["userPassword"]
    assert len(hashed) == 1
    assert hashed[0].startswith("{ARGON2}$argon2id$v=19$")


def test_ldapsearch_shows_the_same_and_finds_her_by_every_identifier(walk: Walk) -> None:
    walk.synced([student(NUMBER, "Zoé", "Œuvrard")])
    address = "zoe.oeuvrard@etu.umontpellier.fr"
    for name, value in (
        ("uid", "e22600001"),
        ("supannEtuId", NUMBER),
        ("mail", address),
        ("eduPersonPrincipalName", address),
        ("supannAliasLogin", address),
    ):
        [found] = ldapsearch(walk.directory, f"({name}={value})")
        assert found["dn"] == [dn(walk.directory)]
        assert found["displayName"] == ["Zoé Œuvrard"]
        assert found["sn"] == ["Œuvrard"]


def test_the_provisional_password_opens_nothing_but_its_own_change(walk: Walk) -> None:
    walk.synced([student(NUMBER)])
    directory, her, password = walk.directory, dn(walk.directory), walk.password(NUMBER)
    assert len(password) == 6
    assert password.isdigit()
    login = {"as_": her, "password": password}

    status, said = tool(directory, "ldapwhoami", **login)  # the bind, and who it is
    assert (status, said.strip()) == (0, f"dn:{her}")
    status, said = tool(directory, "ldapsearch", "-b", her, **login)
    assert status == 50, said
    assert "restricted to bind/unbind/abandon/StartTLS/modify password" in said
    assert tool(directory, "ldapcompare", her, "sn:Martin", **login)[0] == 50
    assert tool(directory, "ldapdelete", her, **login)[0] == 50
    assert tool(directory, "ldapwhoami", as_=her, password="000000x")[0] == 49

    changed, said = tool(directory, "ldappasswd", "-a", password, "-s", "motdepasse1", **login)
    assert changed == 0, said
    assert tool(directory, "ldapwhoami", **login)[0] == 49
    status, said = tool(directory, "ldapwhoami", as_=her, password="motdepasse1")
    assert (status, said.strip()) == (0, f"dn:{her}")


def test_a_password_of_ones_own_takes_the_policy_off_and_leaves_the_account_inactive(
    walk: Walk,
) -> None:
    walk.synced([student(NUMBER)])
    her, password = dn(walk.directory), walk.password(NUMBER)
    login = {"as_": her, "password": password}
    tool(walk.directory, "ldappasswd", "-a", password, "-s", "motdepasse1", **login)

    report = walk.synced()
    assert actions(report) == [("update", NUMBER)]
    assert set(report.plan.changes[0].attributes) == {"pwdEndTime", "pwdPolicySubentry"}
    entry = walk.person(NUMBER)
    assert "pwdPolicySubentry" not in entry
    assert entry["pwdEndTime"] == [f"{YEAR + 1}1231230000Z"]
    found = current(entry)
    assert found is not None
    assert (found.letter, found.word) == ("I", "SupannCree")
    with pytest.raises(KeyError):
        walk.password(NUMBER)
    assert walk.show(NUMBER).decision.missing == ("backup_mail", "charter")
    walk.invariants().check(secrets=[password])
    walk.writes_nothing()


def test_passwords_are_drawn_one_by_one(walk: Walk) -> None:
    walk.synced(students(40))
    drawn = {walk.password(str(n)) for n in range(22600001, 22600041)}
    assert len(drawn) > 35  # of a million, some two may fall together, hardly five
    hashes = {entry["userPassword"][0] for entry in walk.people().values()}
    assert len(hashes) == 40


def test_length_alphabet_and_days_of_a_password_are_the_institutions(walk: Walk) -> None:
    walk.today = AUTUMN
    settings = {"length": 12, "alphabet": "ABCDEFGHJKMNPQRSTVWXYZ23456789", "valid_days": 0}
    walk.workspace.configure({"password": {"provisional": settings}})
    walk.synced([student(NUMBER, academic_year=2026)])
    password = walk.password(NUMBER)
    assert len(password) == 12
    assert set(password) <= set(str(settings["alphabet"]))
    assert walk.person(NUMBER)["pwdEndTime"] == ["20271231230000Z"]  # until the cutoff
    assert walk.directory.bind_result(dn(walk.directory), password) == 0


def test_a_password_never_outlives_the_cutoff(walk: Walk) -> None:
    walk.today = date(2026, 12, 1)
    walk.synced([student(NUMBER, academic_year=2025)])
    entry = walk.person(NUMBER)
    assert entry["pwdEndTime"] == ["20261231230000Z"]
    assert compte(walk) == ["{COMPTE}I:SupannCree:20261201:20261231"]


@pytest.mark.parametrize(
    ("zone", "end"),
    [
        ("Europe/Paris", "20271231230000Z"),
        ("Pacific/Noumea", "20271231130000Z"),
        ("Pacific/Tahiti", "20280101100000Z"),
        ("America/Martinique", "20280101040000Z"),
        ("Indian/Reunion", "20271231200000Z"),
    ],
)
def test_the_last_day_ends_at_the_midnight_of_the_institution(
    walk: Walk, zone: str, end: str
) -> None:
    walk.today = AUTUMN
    walk.workspace.configure(
        {"institution": {"timezone": zone}, "password": {"provisional": {"valid_days": 0}}}
    )
    walk.synced([student(NUMBER, academic_year=2026)])
    assert walk.person(NUMBER)["pwdEndTime"] == [end]
    walk.writes_nothing()


# --- who gets an entry --------------------------------------------------------------------------


def test_an_entry_is_made_for_whoever_has_an_enrolment_that_counts_and_for_nobody_else(
    walk: Walk,
) -> None:
    walk.today = date(2026, 10, 15)
    walk.synced(
        [
            student("1", "A", "Validated", academic_year=2026),
            student("2", "B", "Withdrawn", academic_year=2026, status="withdrawn"),
            student("3", "C", "Pending", academic_year=2026, status="EN_COURS"),
            student("4", "D", "Cancelled", academic_year=2026, status="Annulée"),
            student("5", "E", "Late", academic_year=2025),  # cutoff 31/12/2026: still open
            student("6", "F", "Over", academic_year=2024),  # cutoff 31/12/2025: over
            student("7", "G", "Next", academic_year=2027),
            student("8", "H", "Both", academic_year=2026, status="A", step_code="X"),
            student("8", "H", "Both", academic_year=2026, status="E", step_code="Y"),
        ]
    )
    ends = {number: compte(walk, number)[0][-8:] for number in walk.people()}
    assert ends == {
        "1": "20271231",
        "2": "20271231",
        "5": "20261231",
        "7": "20281231",
        "8": "20271231",
    }
    walk.writes_nothing()


def test_leading_zeros_of_a_number_are_kept_and_two_numbers_that_differ_in_case_are_refused(
    walk: Walk,
) -> None:
    rows = [
        student("00042"),
        student("42", "Zoé", birth_date="01/02/2006"),
        student("ab1", "A"),
        student("AB1", "B"),
    ]
    report = walk.sync(rows)
    assert report.exit_status == 1
    assert {(row.field, row.value) for row in report.plan.rejected} == {
        ("student_number", "ab1"),
        ("student_number", "AB1"),
    }
    assert {entry["uid"][0] for entry in walk.people().values()} == {"e00042", "e42"}
    walk.invariants().check()


def test_a_bad_row_is_rejected_alone_and_its_student_keeps_what_she_has(walk: Walk) -> None:
    rows = [student("1", step_code="L1"), student("2", "Zoé")]
    walk.synced(rows)
    before = walk.person("1")
    report = walk.sync(
        [
            student("1", "Renamed", step_code="L1"),
            student("1", step_code="L2", birth_date="31/02/2008"),
            student("2", "Zoée"),
            student("3", "Ines"),
        ]
    )
    assert report.exit_status == 1
    [row] = report.plan.rejected
    assert row.file is not None
    assert row.file.endswith("enrolments.csv")
    assert (row.line, row.field, row.value) == (3, "birth_date", "31/02/2008")
    assert "%d/%m/%Y" in row.reason
    assert walk.person("1") == before
    assert walk.person("2")["givenName"] == ["Zoée"]
    assert "3" in walk.people()
    walk.invariants().check()


# --- a second sync ------------------------------------------------------------------------------


def test_a_second_sync_of_any_register_moves_no_entry_csn(walk: Walk) -> None:
    walk.synced(
        [
            *students(20, step_code="L1", component_code="FDS"),
            student("1", "ÉLODIE", "D’Œuvre", civility="Mlle", ine="1234567890A"),
            student("2", "e\u0301ric", "Ångström", usual_name="  Two   blanks ", civility="Dr"),
            student("3", "A", "B", step_code="l1", component_code="fds"),
            student("3", "A", "B", step_code="L1", component_code="FDS"),
            student("4", "C", "D", step_code="a  b", component_code="é"),
            student("5", "E", "F", step_code="x]y", component_code="c]d", ine="é"),
            student("6", "G", "H", status="R", academic_year=YEAR - 1),
            student("6", "G", "H", status="C", academic_year=YEAR),
        ]
    )
    walk.writes_nothing()
    walk.writes_nothing(lambda: walk.resync("3"))
    walk.writes_nothing(walk.plan)
    assert walk.sync().plan.counts == {}


def test_the_order_of_the_rows_changes_nothing(walk: Walk) -> None:
    rows = [student(str(n), "Léa", "Martin", step_code=f"S{n % 2}") for n in range(1, 9)]
    rows += [student("3", "Léa", "Martin", step_code="S0")]
    walk.synced(rows)
    walk.workspace.write_register(reversed(rows))
    walk.writes_nothing()


def test_two_identical_rows_are_one_enrolment(walk: Walk) -> None:
    walk.synced([student(NUMBER, step_code="L1"), student(NUMBER, step_code="L1")])
    assert len(walk.person(NUMBER)["supannEtuInscription"]) == 1


# --- what changes afterwards --------------------------------------------------------------------


def test_a_changed_name_changes_the_names_and_neither_uid_nor_address(walk: Walk) -> None:
    walk.synced([student(NUMBER, "Léa", "Martin")])
    before = walk.person(NUMBER)
    password = walk.password(NUMBER)
    report = walk.synced([student(NUMBER, "Léa-Rose", "Martin", usual_name="Petit")])
    assert actions(report) == [("update", NUMBER)]
    after = walk.person(NUMBER)
    assert after["displayName"] == ["Léa-Rose Petit"]
    assert after["cn"] == ["Petit Léa-Rose"]
    assert after["sn"] == ["Petit"]
    assert after["supannNomDeNaissance"] == ["Martin"]
    for name in ("dn", "uid", "mail", "eduPersonPrincipalName", "supannAliasLogin", "pwdEndTime"):
        assert after[name] == before[name]
    assert walk.password(NUMBER) == password
    [notice] = report.plan.notices
    assert "Léa Martin" in notice
    assert "Léa-Rose Petit" in notice
    assert "lea.martin@etu.umontpellier.fr stays" in notice
    walk.writes_nothing()


def test_a_corrected_birth_date_and_ine_reach_the_entry(walk: Walk) -> None:
    walk.synced([student(NUMBER, ine="0123456789A")])
    walk.synced([student(NUMBER, ine="0123456789B", birth_date="01/03/2008")])
    entry = walk.person(NUMBER)
    assert entry["supannCodeINE"] == ["0123456789B"]
    assert entry["supannOIDCDateDeNaissance"] == ["2008-03-01"]


def test_a_new_step_is_added_and_an_absent_one_stays(walk: Walk) -> None:
    walk.synced([student(NUMBER, step_code="L1", component_code="FDS")])
    walk.synced([student(NUMBER, step_code="L2", component_code="DEG")])
    entry = walk.person(NUMBER)
    assert sorted(entry["supannEtuEtape"]) == ["{UAI:0342490X}L1", "{UAI:0342490X}L2"]
    assert sorted(entry["supannEntiteAffectation"]) == ["DEG", "FDS"]
    walk.writes_nothing()
    rows = [student(NUMBER, step_code="L1", component_code="FDS", status="A")]
    walk.synced([*rows, student(NUMBER, step_code="L2", component_code="DEG")])
    assert walk.person(NUMBER)["supannEtuEtape"] == ["{UAI:0342490X}L2"]


def test_an_enrolment_in_the_next_year_moves_the_cutoff_and_leaves_the_password(
    walk: Walk,
) -> None:
    walk.today = AUTUMN
    walk.synced([student(NUMBER, academic_year=2025, step_code="L1")])
    password = walk.password(NUMBER)
    assert compte(walk) == ["{COMPTE}I:SupannCree:20261001:20261231"]
    walk.today = date(2026, 10, 5)
    report = walk.synced([student(NUMBER, academic_year=2026, step_code="L2")])
    assert actions(report) == [("update", NUMBER)]
    entry = walk.person(NUMBER)
    assert compte(walk) == ["{COMPTE}I:SupannCree:20261001:20271231"]  # START stays
    assert entry["supannEtuAnneeInscription"] == ["2026"]
    assert entry["supannEtuEtape"] == ["{UAI:0342490X}L2"]
    assert entry["pwdEndTime"] == ["20261230230000Z"]
    assert walk.password(NUMBER) == password
    walk.writes_nothing()


def test_a_later_year_that_is_cancelled_moves_the_cutoff_back_to_the_year_that_counts(
    walk: Walk,
) -> None:
    walk.today = AUTUMN
    both = [student(NUMBER, academic_year=year, step_code="L1") for year in (2025, 2026)]
    walk.synced(both)
    assert compte(walk)[0].endswith(":20271231")
    walk.synced([both[0], {**both[1], "status": "cancelled"}])
    assert compte(walk)[0].endswith(":20261231")
    assert walk.person(NUMBER)["supannEtuAnneeInscription"] == ["2025"]


def test_a_pending_or_absent_row_takes_nothing_away(walk: Walk) -> None:
    rows = students(10, step_code="L1")
    walk.synced(rows)
    walk.workspace.write_register([{**row, "status": "C"} for row in rows])
    walk.writes_nothing()
    walk.workspace.write_register(rows[1:])  # one of ten, exactly the limit of the drop
    walk.writes_nothing()
    walk.workspace.write_register([{**row, "step_code": "L2", "status": "C"} for row in rows])
    walk.writes_nothing()
    walk.invariants().check()


def test_a_cancelled_enrolment_expires_the_account_now_and_its_correction_undoes_it(
    walk: Walk,
) -> None:
    walk.synced([student(NUMBER, step_code="L1")])
    password = walk.password(NUMBER)
    her = dn(walk.directory)
    report = walk.synced([student(NUMBER, step_code="L1", status="A")])
    assert actions(report) == [("expire", NUMBER)]
    entry = walk.person(NUMBER)
    today = f"{TODAY:%Y%m%d}"
    assert compte(walk) == [f"{{COMPTE}}I:SupannExpire:{today}:"]
    assert entry["supannRessourceEtat"] == ["{COMPTE}I:SupannExpire"]
    assert "eduPersonAffiliation" not in entry
    assert "eduPersonPrimaryAffiliation" not in entry
    assert walk.directory.bind_result(her, password) == 49
    assert entry["pwdEndTime"][0] < f"{TODAY:%Y%m%d}235959Z"
    assert not walk.show(NUMBER).password_printable
    walk.writes_nothing()

    report = walk.synced([student(NUMBER, step_code="L1", status="E")])
    assert actions(report) == [("restore", NUMBER)]
    entry = walk.person(NUMBER)
    assert compte(walk) == [f"{{COMPTE}}I:SupannCree:{today}:{YEAR + 1}1231"]
    assert sorted(entry["eduPersonAffiliation"]) == ["member", "student"]
    assert entry["eduPersonPrimaryAffiliation"] == ["student"]
    assert walk.password(NUMBER) == password
    assert walk.show(NUMBER).password_printable
    assert walk.directory.bind_result(her, password) == 0
    walk.writes_nothing()


def test_an_expired_account_gets_no_new_name(walk: Walk) -> None:
    walk.synced([student(NUMBER)])
    walk.synced([student(NUMBER, status="A")])
    walk.workspace.write_register([student(NUMBER, "Other", status="A")])
    walk.writes_nothing()


def test_an_account_expires_the_day_after_its_cutoff_and_not_a_day_before(walk: Walk) -> None:
    walk.today = AUTUMN
    rows = [student(str(n), f"P{n}", "Late", academic_year=2025) for n in range(1, 21)]
    walk.synced(rows)
    walk.today = date(2026, 12, 31)
    walk.writes_nothing()
    walk.today = date(2027, 1, 3)  # nobody ran on the first two days
    report = walk.synced()
    assert report.plan.counts == {"expire": 20}  # far beyond 2 %, and announced
    assert set(compte(walk, "7")) == {"{COMPTE}I:SupannExpire:20270101:"}
    assert walk.person("7")["pwdEndTime"] == ["20261230230000Z"]  # closed before already
    assert "eduPersonAffiliation" not in walk.person("7")
    with pytest.raises(KeyError):
        walk.password("7")
    walk.writes_nothing()


def test_expired_by_the_calendar_then_enrolled_again_means_a_new_password(walk: Walk) -> None:
    walk.today = AUTUMN
    walk.synced([student(NUMBER, academic_year=2025)])
    old = walk.password(NUMBER)
    walk.today = date(2027, 1, 2)
    walk.synced()
    walk.today = date(2027, 1, 20)
    report = walk.synced([student(NUMBER, academic_year=2026)])
    assert actions(report) == [("restore", NUMBER)]
    assert compte(walk) == ["{COMPTE}I:SupannCree:20270120:20271231"]
    assert walk.person(NUMBER)["pwdReset"] == ["TRUE"]
    assert walk.person(NUMBER)["pwdEndTime"] == ["20270420220000Z"]  # summer time by then
    assert walk.password(NUMBER) != old
    assert walk.person(NUMBER)["mail"] == ["lea.martin@etu.umontpellier.fr"]
    walk.writes_nothing()


# --- columns ------------------------------------------------------------------------------------


def test_a_column_that_is_not_there_leaves_its_attribute_and_an_empty_value_removes_it(
    walk: Walk,
) -> None:
    optional = {"civility": "M", "ine": "1234567890A", "component_code": "FDS", "step_code": "L1"}
    names = (
        "supannCivilite",
        "supannCodeINE",
        "supannEntiteAffectation",
        "supannEntiteAffectationPrincipale",
        "supannEtuEtape",
    )
    walk.synced([student(NUMBER, **optional)])
    full = walk.person(NUMBER)
    assert all(name in full for name in names)

    walk.sync([student(NUMBER)])
    bare = walk.person(NUMBER)
    assert {name: bare.get(name) for name in names} == {name: full[name] for name in names}

    walk.sync([student(NUMBER, **dict.fromkeys(optional, ""), status="cancelled")])
    walk.sync([student(NUMBER, **optional)])
    emptied = {**optional, "civility": "", "ine": ""}
    walk.synced(  # the component is part of an enrolment's key
        [
            student(NUMBER, **{**emptied, "component_code": ""}),
            student(NUMBER, **emptied, status="cancelled"),
        ]
    )
    empty = walk.person(NUMBER)
    assert not {"supannCivilite", "supannCodeINE", "supannEntiteAffectation"} & empty.keys()
    assert "supannEntiteAffectationPrincipale" not in empty
    assert empty["supannEtuEtape"] == ["{UAI:0342490X}L1"]
    walk.writes_nothing()


def test_an_empty_value_leaves_what_somebody_else_wrote(walk: Walk) -> None:
    walk.synced([student(NUMBER, civility="", ine="")])
    walk.directory.modify(
        f"dn: {dn(walk.directory)}\nchangetype: modify\n"
        "add: supannCodeINE\nsupannCodeINE: 9999999999Z\n-\n"
        "add: supannCivilite\nsupannCivilite: Mme\n"
    )
    walk.writes_nothing()
    assert walk.person(NUMBER)["supannCodeINE"] == ["9999999999Z"]


def test_an_unknown_civility_and_an_ine_that_does_not_fit_are_left_out_with_a_notice(
    walk: Walk,
) -> None:
    report = walk.synced([student(NUMBER, civility="Dr", ine="12345é")])
    entry = walk.person(NUMBER)
    assert "supannCivilite" not in entry
    assert "supannCodeINE" not in entry
    assert any("Dr" in notice for notice in report.plan.notices)
    assert any("12345é" in notice for notice in report.plan.notices)


def test_columns_of_the_register_are_found_by_their_configured_names(walk: Walk) -> None:
    walk.workspace.configure({"source": {"columns": {"student_number": "COD_ETU"}}})
    walk.workspace.write_register_text(
        "COD_ETU;family_name;first_name;birth_date;academic_year\n"
        f'{NUMBER};"De\nLa Tour";Léa;29/02/2008;{YEAR}\n'
    )
    walk.synced()
    assert walk.person(NUMBER)["sn"] == ["De La Tour"]


# --- hostile names ------------------------------------------------------------------------------

HOSTILE = [
    # first, last, address without domain
    ("Søren", "Ødegård", "soren.odegard"),
    ("Weiß", "Groß", "weiss.gross"),
    ("Œdipe", "Cœur", "oedipe.coeur"),
    ("Işıl", "Ilgın", "isil.ilgin"),
    ("e\u0301le\u0301onore", "Nguye\u0302\u0303n", "eleonore.nguyen"),
    ("O'Hara", "D'Angelo", "ohara.dangelo"),
    ("O’Hara", "D’Angelo", "ohara.dangelo01"),
    ("OʼHara", "Dʻ‘`´Angelo", "ohara.dangelo02"),
    ("Jean-Pierre", "de la Tour", "jean-pierre.de-la-tour"),
    ("Anne  -  Marie", "Le--Gall -", "anne-marie.le-gall"),
    ("محمد", "العربي", None),
    ("小明", "王", None),
    ("Юлия", "Щербакова", None),
    ("A" * 200, "B" * 200, "a" * 64),
    ("Bo", "X" * 200, "bo." + "x" * 61),
    (',+"\\<>;=#*()', ',+"\\<>;=#*()', "e9000015"),
    ("#lead", " tail\\", "lead.tail"),
    ("(uid=*)", "*)(objectClass=*", "uid.objectclass"),
    ("cn=admin,dc=fr", "\\00\\2a", "cnadmindcfr.002a"),
    ("{ARGON2}x", "{COMPTE}A:SupannActif::", "argon2x.compteasupannactif"),
    ("😀", "Smile", "e9000020"),
    ("=cmd|' /C calc'!A0", "@SUM(1)", "cmd-c-calca0.sum1"),
    ("é" * 100, "ﬁn", "e" * 64),
    ("<script>", "&amp;", "script.amp"),
    ("; DROP TABLE accounts; --", "' OR '1'='1", "drop-table-accounts.or-11"),
]


def test_hostile_names_are_stored_exactly_as_the_register_writes_them(walk: Walk) -> None:
    rows = [student(str(9000000 + n), *names[:2]) for n, names in enumerate(HOSTILE)]
    before = walk.invariants().snapshot()
    walk.synced(rows)
    people = walk.people()
    assert len(people) == len(HOSTILE)
    for n, (*names, local) in enumerate(HOSTILE):
        first, last = (" ".join(unicodedata.normalize("NFC", str(n)).split()) for n in names)
        entry = people[str(9000000 + n)]
        assert entry["givenName"] == [first]
        assert entry["sn"] == [last]
        assert entry["supannNomDeNaissance"] == [last]
        assert entry["cn"] == [f"{last} {first}"]
        assert entry["displayName"] == [f"{first} {last}"]
        address = entry["mail"][0]
        assert address == entry["eduPersonPrincipalName"][0] == entry["supannAliasLogin"][0]
        mine, _, domain = address.partition("@")
        assert domain == "etu.umontpellier.fr"
        assert mine.isascii()
        assert 0 < len(mine) <= 64
        assert local is None or mine == local
        assert set(mine) <= set("abcdefghijklmnopqrstuvwxyz0123456789.-")
        assert mine[-1] not in ".-"
        assert "--" not in mine
    walk.invariants().check(before)
    walk.writes_nothing()


def test_a_control_character_rejects_its_row_alone(walk: Walk) -> None:
    places = [
        (field, character)
        for field in ("family_name", "first_name", "usual_name", "birth_place")
        for character in ("\x00", "\x1b", "\x7f", "\x0b")
    ]
    rows = [
        {**student(str(n), "Zoé"), field: f"A{character}B"}
        for n, (field, character) in enumerate(places, 1)
    ]
    report = walk.sync([*rows, student("99")])
    assert report.exit_status == 1
    refused = [(row.line, row.field) for row in report.plan.rejected]
    assert refused == [(n, field) for n, (field, _) in enumerate(places, 2)]
    for row, (_, character) in zip(report.plan.rejected, places, strict=True):
        assert f"U+{ord(character):04X}" in row.reason
    assert set(walk.people()) == {"99"}


FIELDS = (
    "family_name",
    "first_name",
    "usual_name",
    "civility",
    "birth_place",
    "ine",
    "component_code",
    "component_name",
    "step_code",
    "step_name",
    "student_status",
    "contact_email",
)
INJECTIONS = (
    "*",
    "x)(uid=*",
    "*)(|(objectClass=*",
    "x,ou=services,dc=umontpellier,dc=fr",
    "\\2a\\28\\29",
    "x\\",
    "\nuserPassword: x",
    '"+\\,<>;=#*()',
)


def test_no_field_of_the_register_can_speak_ldap(walk: Walk) -> None:
    walk.directory.modify(
        f"dn: uid=p1,{walk.directory.people_dn}\nobjectClass: inetOrgPerson\nuid: p1\n"
        "cn: Staff\nsn: Staff\nmail: staff@umontpellier.fr\nuserPassword: secret1\n"
    )
    rows: list[Row] = []
    for text in INJECTIONS:
        for field in FIELDS:
            number = str(7000000 + len(rows))
            fields = {"family_name": "Nom", "first_name": f"P{number}", field: text}
            rows.append({**student(number), **fields})
    before = walk.invariants().snapshot()
    report = walk.sync(rows)
    assert report.exit_status == 0, report.plan.rejected
    walk.invariants().check(before)
    assert set(walk.people()) == {str(row["student_number"]) for row in rows}
    assert len(walk.directory.entries(base=walk.directory.suffix)) == len(before.entries) + len(
        rows
    )
    walk.writes_nothing()
    walk.writes_nothing(lambda: [walk.resync(str(row["student_number"])) for row in rows[:24]])


def test_a_number_that_is_none_rejects_its_row(walk: Walk) -> None:
    numbers = ["*", "1)(uid=*", "1,ou=x", "1 2", "é1", "1" * 33, "1\\2a", ""]
    report = walk.sync([student("1"), *(student(number, "Zoé") for number in numbers)])
    assert report.exit_status == 1
    assert [row.value for row in report.plan.rejected] == numbers
    assert {row.field for row in report.plan.rejected} == {"student_number"}
    assert set(walk.people()) == {"1"}


def test_nobody_is_found_by_a_pattern(walk: Walk) -> None:
    walk.synced([student("1")])
    for identifier in ("*", "*)(uid=*", "e*", "(objectClass=*)", "\\2a", "", "é", "\x00", "1\x00"):
        with walk.context() as opened, pytest.raises(UnknownStudent):
            resolving.resolve(opened, identifier)


# --- homonyms -----------------------------------------------------------------------------------


def test_homonyms_are_numbered_in_ascending_order_of_their_student_numbers(walk: Walk) -> None:
    numbers = ["10", "9", "b2", "a10", "100", "007"]
    walk.synced([student(n, "Léa", "Martin") for n in numbers])
    served = {n: walk.person(n)["mail"][0].partition("@")[0] for n in numbers}
    assert served == {
        "007": "lea.martin",
        "9": "lea.martin01",
        "10": "lea.martin02",
        "100": "lea.martin03",
        "a10": "lea.martin04",
        "b2": "lea.martin05",
    }


def test_a_homonym_who_comes_later_takes_the_next_number_and_nobody_moves(walk: Walk) -> None:
    walk.synced([student("50")])
    walk.synced([student("50"), student("10", "Lea", "MARTIN")])
    assert walk.person("50")["mail"] == ["lea.martin@etu.umontpellier.fr"]
    assert walk.person("10")["mail"] == ["lea.martin01@etu.umontpellier.fr"]


def test_twins_are_two_students(walk: Walk) -> None:
    born = {"birth_date": "29/02/2008"}
    twins = [student(number, "Camille", "Roux", **born) for number in ("1", "2")]
    walk.synced(twins)
    people = walk.people()
    assert people["1"]["mail"] != people["2"]["mail"]
    assert people["1"]["displayName"] == people["2"]["displayName"]
    assert people["1"]["supannOIDCDateDeNaissance"] == people["2"]["supannOIDCDateDeNaissance"]


ADDRESSES = (
    "mail",
    "supannAutreMail",
    "supannAliasLogin",
    "eduPersonPrincipalName",
    "eduPersonPrincipalNamePrior",
)


@pytest.mark.parametrize("branch", ["people", "elsewhere"])
def test_an_address_of_anybody_in_the_directory_is_taken_whatever_its_case(
    walk: Walk, branch: str
) -> None:
    directory = walk.directory
    base = directory.people_dn
    if branch == "elsewhere":
        base = f"ou=staff,{directory.suffix}"
        directory.modify(f"dn: {base}\nobjectClass: organizationalUnit\nou: staff\n")
    for attribute in ADDRESSES:
        directory.modify(
            f"dn: uid={attribute},{base}\nobjectClass: inetOrgPerson\nobjectClass: eduPerson\n"
            f"objectClass: supannPerson\nuid: {attribute}\ncn: Lea Martin\nsn: Martin\n"
            f"{attribute}: Lea.{attribute.upper()}@Etu.UMontpellier.fr\n"
        )
    before = walk.invariants().snapshot()
    homonyms = [student(f"1{n}", "Léa", name) for n, name in enumerate(ADDRESSES)]
    walk.synced(homonyms)
    later = [student(f"2{n}", "Léa", name) for n, name in enumerate(ADDRESSES)]
    walk.workspace.write_register([*homonyms, *later])
    for row in later:
        walk.resync(str(row["student_number"]))
    for n, attribute in enumerate(ADDRESSES):
        for place in (1, 2):
            address = [f"lea.{attribute.lower()}0{place}@etu.umontpellier.fr"]
            assert walk.person(f"{place}{n}")["mail"] == address
    walk.invariants().check(before)
    walk.writes_nothing()


# --- damage by hand -----------------------------------------------------------------------------


def test_what_is_ours_is_mended_after_damage_by_hand_and_what_is_not_stays(walk: Walk) -> None:
    walk.synced([student(NUMBER, step_code="L1", component_code="FDS", civility="M")])
    right = walk.person(NUMBER)
    walk.directory.modify(
        f"dn: {dn(walk.directory)}\nchangetype: modify\n"
        "replace: sn\nsn: Wrong\nsn: Wronger\n-\n"
        "delete: displayName\n-\n"
        "delete: objectClass\nobjectClass: scolpassAccount\n-\n"
        "delete: eduPersonAffiliation\neduPersonAffiliation: member\n-\n"
        "add: eduPersonAffiliation\neduPersonAffiliation: alum\n-\n"
        "replace: supannRessourceEtatDate\n"
        "supannRessourceEtatDate: {COMPTE}A:SupannActif:20200101:20991231\n"
        "supannRessourceEtatDate: {NOM}I:x::\n-\n"
        "replace: pwdEndTime\npwdEndTime: 20991231230000Z\n-\n"
        "delete: pwdPolicySubentry\n-\n"
        "replace: supannEtuEtape\nsupannEtuEtape: {UAI:0342490X}M2\n-\n"
        "add: description\ndescription: of somebody else\n-\n"
        "add: telephoneNumber\ntelephoneNumber: +33 4 67 00 00 00\n"
    )
    report = walk.sync()
    assert actions(report) == [("update", NUMBER)]
    mended = walk.person(NUMBER)
    others = {
        "description": ["of somebody else"],
        "telephoneNumber": ["+33 4 67 00 00 00"],
    }
    for name in right.keys() - OPERATIONAL:
        wanted = set(right[name])
        wanted |= {"alum"} if name == "eduPersonAffiliation" else set()
        wanted |= {"{NOM}I:x::"} if name == "supannRessourceEtatDate" else set()
        assert set(mended[name]) == wanted, name
    assert {name: mended[name] for name in others} == others
    walk.invariants().check(walk.invariants().snapshot())
    walk.writes_nothing()


def test_an_entry_deleted_by_hand_is_made_again_under_its_identifiers(walk: Walk) -> None:
    walk.synced([student("1"), student("2", "Zoé")])
    old = walk.person("1")
    with walk.directory.connect() as admin:
        admin.delete(old["dn"][0])
    walk.sync([student("1", "Other", "Name"), student("2", "Zoé"), student("3")])
    again = walk.person("1")
    assert [again[n] for n in ("dn", "uid", "mail")] == [old[n] for n in ("dn", "uid", "mail")]
    assert walk.person("3")["mail"] == ["lea.martin01@etu.umontpellier.fr"]
    assert walk.directory.bind_result(old["dn"][0], walk.password("1")) == 0
    walk.writes_nothing()


def test_more_missing_entries_than_the_floor_stop_the_run_with_both_numbers(walk: Walk) -> None:
    walk.synced(students(20))
    with walk.directory.connect() as admin:
        for number in range(22600001, 22600007):
            admin.delete(dn(walk.directory, str(number)))
    csns = walk.directory.csns()
    with pytest.raises(DirectoryUntrusted, match=r"there were 20, now there are 14"):
        walk.sync()
    assert walk.directory.csns() == csns
    with walk.directory.connect() as admin:
        for number in range(22600007, 22600021):
            admin.delete(dn(walk.directory, str(number)))
    with pytest.raises(DirectoryUntrusted, match=r"there were 20, now there are 0"):
        walk.sync()


def test_a_lost_journal_is_made_up_for_without_a_write(walk: Walk) -> None:
    walk.synced(students(6, step_code="L1"))
    csns = walk.directory.csns()
    for path in walk.workspace.folder.glob("journal.db*"):
        path.unlink()
    report = walk.sync()
    assert report.exit_status == 0
    assert walk.directory.csns() == csns
    walk.invariants().check(journal_lost=True)
    walk.sync([*students(6, step_code="L1"), student("1")])
    walk.invariants().check(journal_lost=True)
    assert "1" in walk.people()


def test_a_password_that_ends_stays_over_until_a_reissue(walk: Walk) -> None:
    walk.today = AUTUMN
    walk.synced([student(NUMBER, academic_year=2026)])
    walk.today = AUTUMN + timedelta(days=90)  # its last day
    assert "it takes a reissue" not in walk.show(NUMBER).why
    walk.today = AUTUMN + timedelta(days=91)
    walk.writes_nothing()
    assert "it takes a reissue" in walk.show(NUMBER).why
    walk.synced([student(NUMBER, academic_year=2027)])  # enrolled again: a sync never reissues
    assert walk.person(NUMBER)["pwdEndTime"] == ["20261230230000Z"]
    assert "it takes a reissue" in walk.show(NUMBER).why
