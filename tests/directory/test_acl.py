"""Who may do what in the directory: the service account, a student, staff, a stranger.

The codes are slapd's own answers (RFC 4511): 50 insufficientAccessRights, 49 invalidCredentials.
Uniqueness, the format of a state and the quality of a password are asked before the rights, so a
forbidden write is tried here with values that nothing else would refuse (else it is 19).
"""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import pytest
from argon2 import PasswordHasher
from ldap3 import (
    BASE,
    MODIFY_ADD,
    MODIFY_DELETE,
    MODIFY_REPLACE,
    NONE,
    SAFE_SYNC,
    SUBTREE,
    Connection,
    Server,
)

pytestmark = pytest.mark.image

SUCCESS = 0
CREDENTIALS = 49
RIGHTS = 50

ASSERTION = "1.3.6.1.1.12"
OPERATIONAL = [
    "pwdReset",
    "pwdEndTime",
    "pwdStartTime",
    "pwdAccountLockedTime",
    "pwdPolicySubentry",
]

Changes = dict[str, list[tuple[str, list[str]]]]


class Directory(Protocol):
    uri: str
    suffix: str
    people_dn: str
    admin_dn: str
    admin_password: str
    service_dn: str
    service_password: str


class Session:
    """A connection that answers with result codes."""

    def __init__(self, uri: str, dn: str | None = None, password: str | None = None) -> None:
        server = Server(uri, get_info=NONE)
        self.connection = Connection(server, dn, password, client_strategy=SAFE_SYNC)
        self.bound = int(self.connection.bind()[1]["result"])

    def add(self, dn: str, attributes: Mapping[str, Any]) -> int:
        return int(self.connection.add(dn, attributes=attributes)[1]["result"])

    def modify(self, dn: str, changes: Changes, controls: Any = None) -> int:
        return int(self.connection.modify(dn, changes, controls)[1]["result"])

    def delete(self, dn: str) -> int:
        return int(self.connection.delete(dn)[1]["result"])

    def rename(self, dn: str, rdn: str) -> int:
        return int(self.connection.modify_dn(dn, rdn)[1]["result"])

    def change_password(self, old: str | None, new: str) -> bool:
        """Change one's own password by RFC 3062."""
        return bool(
            self.connection.extend.standard.modify_password(old_password=old, new_password=new)
        )

    def search(
        self, base: str, filter_: str = "(objectClass=*)", scope: Any = SUBTREE
    ) -> list[tuple[str, dict[str, list[bytes]]]]:
        """What is given out, operational attributes included."""
        response = self.connection.search(base, filter_, scope, attributes=["*", "+"])[2]
        return [
            (str(entry["dn"]), dict(entry["raw_attributes"]))
            for entry in response or []
            if entry["type"] == "searchResEntry"
        ]

    def read(self, dn: str) -> dict[str, list[bytes]]:
        found = self.search(dn, scope=BASE)
        return found[0][1] if found else {}

    def compare(self, dn: str, attribute: str, value: str) -> int:
        return int(self.connection.compare(dn, attribute, value)[1]["result"])


def replace(attribute: str, *values: str) -> Changes:
    return {attribute: [(MODIFY_REPLACE, list(values))]}


def add_value(attribute: str, *values: str) -> Changes:
    return {attribute: [(MODIFY_ADD, list(values))]}


def delete_value(attribute: str, *values: str) -> Changes:
    return {attribute: [(MODIFY_DELETE, list(values))]}


def ready_hash(password: str) -> str:
    hasher = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1)
    return "{ARGON2}" + hasher.hash(password)


def assertion(filter_type: str, value: str) -> list[tuple[str, bool, bytes]]:
    """An assertion control (RFC 4528) that one attribute has one value."""

    def ber(tag: int, content: bytes) -> bytes:
        assert len(content) < 128
        return bytes([tag, len(content)]) + content

    equality = ber(0xA3, ber(0x04, filter_type.encode()) + ber(0x04, value.encode()))
    return [(ASSERTION, True, equality)]


class SignIn(Protocol):
    def __call__(self, dn: str | None = None, password: str | None = None) -> Session: ...


class People:
    """Makes entries for a test, under names that no other test has."""

    counter = itertools.count()

    def __init__(self, directory: Directory, sign_in: SignIn) -> None:
        self.directory, self.sign_in = directory, sign_in
        self.service = sign_in(directory.service_dn, directory.service_password)
        self.admin = sign_in(directory.admin_dn, directory.admin_password)
        assert self.service.bound == self.admin.bound == SUCCESS

    def unique(self) -> str:
        return f"{next(self.counter)}{uuid.uuid4().hex[:8]}"

    def entry(self, number: str, **other: Any) -> dict[str, Any]:
        """The entry of a student just enrolled, as scolpass makes it."""
        address = f"lea.martin{number}@etu.umontpellier.fr"
        inscription = (
            "[etab={UAI}0342490X][anneeinsc=2026][regimeinsc={INCONNU}][sectdisc={INCONNU}]"
            "[typedip={INCONNU}][cursusann={INCONNU}][affect=FDS][etape={UAI:0342490X}L1INFO]"
        )
        policy = f"cn=provisional,ou=policies,{self.directory.suffix}"
        return {
            "objectClass": ["inetOrgPerson", "eduPerson", "supannPerson", "scolpassAccount"],
            "uid": f"e{number}",
            "supannEtuId": number,
            "sn": "Martin",
            "givenName": "Léa",
            "cn": "Martin Léa",
            "displayName": "Léa Martin",
            "supannNomDeNaissance": "Martin",
            "supannCivilite": "Mme",
            "supannOIDCDateDeNaissance": "2008-02-29",
            "supannCodeINE": "0123456789A",
            "mail": address,
            "eduPersonPrincipalName": address,
            "supannAliasLogin": address,
            "supannEtablissement": "{UAI}0342490X",
            "supannEntiteAffectation": "FDS",
            "supannEntiteAffectationPrincipale": "FDS",
            "supannEtuAnneeInscription": "2026",
            "supannEtuEtape": "{UAI:0342490X}L1INFO",
            "supannEtuInscription": inscription,
            "eduPersonAffiliation": ["student", "member"],
            "eduPersonPrimaryAffiliation": "student",
            "supannRessourceEtatDate": "{COMPTE}I:SupannCree:20261001:20271231",
            "supannRessourceEtat": "{COMPTE}I:SupannCree",
            "pwdEndTime": "20991230230000Z",
            "pwdReset": "TRUE",
            "pwdPolicySubentry": policy,
            "userPassword": ready_hash("048213"),
        } | other

    def dn(self, uid: str) -> str:
        return f"uid={uid},{self.directory.people_dn}"

    def student(self, **other: Any) -> str:
        """A student just enrolled, made by the service account in one request."""
        number = self.unique()
        assert self.service.add(self.dn(f"e{number}"), self.entry(number, **other)) == SUCCESS
        return self.dn(f"e{number}")

    def active_student(self) -> str:
        """A student with a password of her own, "motdepasse1"."""
        dn = self.student()
        assert self.sign_in(dn, "048213").change_password("048213", "motdepasse1")
        changes = replace("pwdPolicySubentry") | replace("pwdEndTime", "20991231230000Z")
        assert self.service.modify(dn, changes) == SUCCESS
        return dn

    def staff(self, **other: Any) -> str:
        """An employee, made by another system."""
        uid = f"staff{self.unique()}"
        entry: dict[str, Any] = {
            "objectClass": ["inetOrgPerson", "eduPerson", "supannPerson"],
            "uid": uid,
            "sn": "Durand",
            "cn": "Durand Paul",
            "mail": f"{uid}@umontpellier.fr",
            "supannEmpId": uid,
            "eduPersonAffiliation": ["employee", "member"],
            "userPassword": ready_hash("staffpassword1"),
        }
        assert self.admin.add(self.dn(uid), entry | other) == SUCCESS
        return self.dn(uid)

    def shared(self) -> str:
        """Somebody who is a student and an employee."""
        number = self.unique()
        return self.staff(
            supannEtuId=number,
            eduPersonAffiliation=["employee", "member", "student"],
            pwdEndTime="20991230230000Z",
            pwdPolicySubentry=f"cn=provisional,ou=policies,{self.directory.suffix}",
        )


@pytest.fixture
def sign_in(directory: Directory) -> Iterator[SignIn]:
    """Binds, and unbinds when the test is over."""
    sessions: list[Session] = []

    def sign_in(dn: str | None = None, password: str | None = None) -> Session:
        sessions.append(Session(directory.uri, dn, password))
        return sessions[-1]

    yield sign_in
    for session in sessions:
        session.connection.unbind()


@pytest.fixture
def people(directory: Directory, sign_in: SignIn) -> People:
    return People(directory, sign_in)


class TestTheServiceAccount:
    def test_makes_a_whole_student_in_one_request_who_can_bind_but_do_nothing_else(
        self, people: People, sign_in: SignIn
    ) -> None:
        dn = people.student()
        student = sign_in(dn, "048213")
        assert student.bound == SUCCESS
        assert student.search(dn) == []
        assert student.modify(dn, replace("userPassword", "x")) != SUCCESS

    def test_flips_the_state_in_one_guarded_request(self, people: People) -> None:
        dn = people.active_student()
        changes: Changes = {
            "supannRessourceEtatDate": [
                (MODIFY_DELETE, ["{COMPTE}I:SupannCree:20261001:20271231"]),
                (
                    MODIFY_ADD,
                    [
                        "{COMPTE}A:SupannActif:20261002:20271231",
                        "{MAIL}A:SupannActif:20261002:20271231",
                    ],
                ),
            ],
            "supannRessourceEtat": [
                (MODIFY_DELETE, ["{COMPTE}I:SupannCree"]),
                (MODIFY_ADD, ["{COMPTE}A:SupannActif", "{MAIL}A:SupannActif"]),
            ],
            "supannMailPerso": [(MODIFY_ADD, ["lea@example.org"])],
            "supannMailPrive": [(MODIFY_ADD, ["{SECOURS}lea@example.org"])],
            "scolpassCharter": [(MODIFY_REPLACE, ["2026 2026-10-01T07:00:00Z"])],
            "mailForwardingAddress": [(MODIFY_REPLACE, ["lea@example.org"])],
            "eduPersonPrincipalNamePrior": [(MODIFY_ADD, ["old@etu.umontpellier.fr"])],
            "supannAutreMail": [(MODIFY_ADD, [f"{people.unique()}@etu.umontpellier.fr"])],
        }
        guard = assertion("supannRessourceEtat", "{COMPTE}I:SupannCree")
        assert people.service.modify(dn, changes, guard) == SUCCESS
        assert people.service.modify(dn, changes, guard) == 122  # assertionFailed

    def test_suspends_and_resumes(self, people: People, sign_in: SignIn) -> None:
        dn = people.active_student()
        assert people.service.modify(dn, replace("pwdStartTime", "20991231230000Z")) == SUCCESS
        assert sign_in(dn, "motdepasse1").bound == CREDENTIALS
        assert people.service.modify(dn, replace("pwdStartTime")) == SUCCESS
        assert sign_in(dn, "motdepasse1").bound == SUCCESS

    def test_ends_an_account_on_a_day(self, people: People, sign_in: SignIn) -> None:
        dn = people.active_student()
        assert people.service.modify(dn, replace("pwdEndTime", "20201231230000Z")) == SUCCESS
        assert sign_in(dn, "motdepasse1").bound == CREDENTIALS

    def test_reissues_a_password_in_one_request(self, people: People, sign_in: SignIn) -> None:
        dn = people.active_student()
        changes = (
            replace("userPassword", ready_hash("777777"))
            | replace("pwdReset", "TRUE")
            | replace("pwdPolicySubentry", f"cn=provisional,ou=policies,{people.directory.suffix}")
        )
        assert people.service.modify(dn, changes) == SUCCESS
        assert sign_in(dn, "motdepasse1").bound == CREDENTIALS
        assert sign_in(dn, "777777").bound == SUCCESS

    def test_purges_a_student(self, people: People) -> None:
        dn = people.student()
        assert people.service.delete(dn) == SUCCESS

    def test_gives_back_what_a_purge_kept_others_attributes_included(self, people: People) -> None:
        number = people.unique()
        entry = people.entry(number, telephoneNumber="+33 4 67 00 00 00")
        assert people.service.add(people.dn(f"e{number}"), entry) == SUCCESS

    def test_adopts_an_entry_that_lacks_everything_but_the_number(self, people: People) -> None:
        number = people.unique()
        dn = people.dn(f"old{number}")
        old = {
            "objectClass": ["inetOrgPerson", "supannPerson"],
            "sn": "Noël",
            "cn": "Noël Zoé",
            "supannEtuId": number,
        }
        assert people.admin.add(dn, old) == SUCCESS
        changes = (
            add_value("objectClass", "eduPerson", "scolpassAccount")
            | add_value("mail", f"zoe.noel{number}@etu.umontpellier.fr")
            | add_value("eduPersonAffiliation", "student", "member")
            | add_value("supannRessourceEtatDate", "{COMPTE}I:SupannCree:20261001:20271231")
            | add_value("userPassword", ready_hash("000000"))
            | add_value("pwdReset", "TRUE")
        )
        assert people.service.modify(dn, changes) == SUCCESS

    @pytest.mark.parametrize(
        "changes",
        [
            replace("sn", "Autre"),
            add_value("mail", "free@umontpellier.fr"),
            replace("supannEmpId", "1"),
            add_value("supannEtuId", "takeover"),
            add_value("eduPersonAffiliation", "student"),
            add_value("supannRessourceEtatDate", "{COMPTE}I:SupannExpire:20270101:"),
            replace("userPassword", "not-a-hash-1"),
            replace("pwdReset", "TRUE"),
            replace("pwdEndTime", "20201231230000Z"),
            replace("pwdStartTime", "20991231230000Z"),
            replace("pwdAccountLockedTime", "000001010000Z"),
            replace("pwdPolicySubentry", "cn=nowhere"),
            add_value("objectClass", "scolpassAccount"),
        ],
        ids=",".join,
    )
    def test_cannot_write_to_a_staff_entry(self, people: People, changes: Changes) -> None:
        dn = people.staff()
        before = people.admin.read(dn)
        assert people.service.modify(dn, changes) == RIGHTS
        assert people.admin.read(dn) == before

    def test_cannot_delete_or_rename_a_staff_entry(self, people: People) -> None:
        dn = people.staff()
        assert people.service.delete(dn) == RIGHTS
        assert people.service.rename(dn, f"uid={people.unique()}") == RIGHTS

    def test_cannot_add_an_entry_without_a_student_number(self, people: People) -> None:
        uid = people.unique()
        entry = {"objectClass": "inetOrgPerson", "uid": uid, "sn": "X", "cn": "X"}
        assert people.service.add(people.dn(uid), entry) == RIGHTS

    def test_cannot_add_an_employee(self, people: People) -> None:
        number = people.unique()
        entry = people.entry(number, supannEmpId="12")
        del entry["userPassword"]
        assert people.service.add(people.dn(f"e{number}"), entry) == RIGHTS

    def test_cannot_add_below_a_person_nor_outside_the_branch(
        self, people: People, directory: Directory
    ) -> None:
        for parent in (people.staff(), people.student(), directory.suffix):
            number = people.unique()
            entry = people.entry(number)
            del entry["userPassword"]
            assert people.service.add(f"uid=e{number},{parent}", entry) == RIGHTS

    @pytest.mark.parametrize(
        ("name", "changes"),
        [
            ("cn=provisional,ou=policies,", replace("pwdMaxFailure", "0")),
            ("cn=default,ou=policies,", replace("pwdLockout", "FALSE")),
            ("cn=service,ou=policies,", replace("pwdLockout", "TRUE")),
            ("cn=scolpass,ou=services,", replace("userPassword", "another-password")),
            ("cn=scolpass,ou=services,", replace("pwdPolicySubentry")),
            ("ou=people,", replace("description", "x")),
            ("", replace("description", "x")),
        ],
    )
    def test_cannot_change_what_rules_over_it(
        self, people: People, directory: Directory, name: str, changes: Changes
    ) -> None:
        assert people.service.modify(name + directory.suffix, changes) == RIGHTS

    def test_cannot_change_its_own_password_by_rfc_3062_either(
        self, people: People, directory: Directory, sign_in: SignIn
    ) -> None:
        password = directory.service_password
        assert not people.service.change_password(password, "another-password")
        assert sign_in(directory.service_dn, password).bound == SUCCESS

    @pytest.mark.parametrize(
        "changes",
        [
            replace("userPassword", "not-a-hash-1"),
            replace("pwdReset", "TRUE"),
            replace("pwdEndTime", "20201231230000Z"),
            replace("pwdStartTime", "20991231230000Z"),
            replace("pwdPolicySubentry", "cn=nowhere"),
            delete_value("eduPersonAffiliation", "employee"),
        ],
        ids=",".join,
    )
    def test_cannot_close_an_entry_that_is_also_somebody_elses(
        self, people: People, changes: Changes
    ) -> None:
        dn = people.shared()
        assert people.service.modify(dn, changes) == RIGHTS
        assert people.service.delete(dn) == RIGHTS

    def test_keeps_identity_and_enrolment_of_such_an_entry_and_takes_back_its_own(
        self, people: People
    ) -> None:
        dn = people.shared()
        changes = (
            replace("sn", "Durand-Martin")
            | replace("supannEtuAnneeInscription", "2026")
            | delete_value("eduPersonAffiliation", "student")
            | replace("pwdEndTime")
            | replace("pwdPolicySubentry")
        )
        assert people.service.modify(dn, changes) == SUCCESS

    @pytest.mark.parametrize(
        "changes",
        [
            replace("supannEtuId", "another"),
            add_value("supannEtuId", "another"),
            replace("telephoneNumber", "+33 4 67 00 00 00"),
            add_value("supannRessourceEtat", "{ENT}A:SupannActif"),
            add_value("supannRessourceEtatDate", "{ENT}A:SupannActif:20261001:"),
            delete_value("supannRessourceEtat"),
            add_value("eduPersonAffiliation", "staff"),
            add_value("supannMailPrive", "{PRO}x@example.org"),
        ],
        ids=",".join,
    )
    def test_cannot_write_others_values_in_a_students_entry(
        self, people: People, changes: Changes
    ) -> None:
        assert people.service.modify(people.student(), changes) == RIGHTS

    def test_sees_that_there_is_a_password_but_not_which(self, people: People) -> None:
        dn = people.active_student()
        (number,) = people.service.read(dn)["supannEtuId"]
        found = people.service.search(
            people.directory.people_dn, f"(&(supannEtuId={number.decode()})(userPassword=*))"
        )
        assert [found_dn for found_dn, _ in found] == [dn]
        assert "userPassword" not in found[0][1]
        assert "pwdHistory" not in found[0][1]
        stored = people.admin.read(dn)["userPassword"][0].decode("latin-1")
        assert people.service.compare(dn, "userPassword", stored) == RIGHTS

    def test_reads_the_state_of_a_student_whole(self, people: People) -> None:
        seen = people.service.read(people.student(pwdStartTime="20991231230000Z"))
        expected = {"supannRessourceEtatDate", "pwdReset", "pwdEndTime", "pwdStartTime"}
        assert expected | {"pwdPolicySubentry", "entryCSN", "entryUUID"} <= set(seen)

    def test_sees_of_staff_what_is_taken_and_who_they_are_and_nothing_else(
        self, people: People
    ) -> None:
        dn = people.staff(supannAutreMail=f"{people.unique()}@umontpellier.fr")
        mail = people.admin.read(dn)["supannAutreMail"][0].decode()
        ((found, seen),) = people.service.search(people.directory.suffix, f"(mail={mail})")
        assert found == dn
        identity = {"objectClass", "entryUUID", "hasSubordinates"}
        person = {"cn", "sn", "supannEmpId", "eduPersonAffiliation"}
        assert set(seen) == identity | person | {"uid", "mail", "supannAutreMail"}

    def test_reads_the_policies_and_its_own(self, people: People, directory: Directory) -> None:
        policy = people.service.read(f"cn=provisional,ou=policies,{directory.suffix}")
        assert policy["pwdMaxFailure"] == [b"5"]
        own = people.service.read(directory.service_dn)
        assert own["pwdPolicySubentry"] == [f"cn=service,ou=policies,{directory.suffix}".encode()]
        assert "userPassword" not in own

    def test_sees_in_cn_config_what_check_needs_and_no_secret(self, people: People) -> None:
        seen: dict[str, list[bytes]] = {}
        rules = []
        for dn, attributes in people.service.search("cn=config"):
            seen |= attributes
            rules += [dn] if "olcAccess" in attributes else []
        needed = {"olcSuffix", "olcOverlay", "olcDbIndex", "olcUniqueURI", "olcPPolicyDefault"}
        needed |= {"olcPasswordHash", "olcThreads", "olcModuleLoad", "olcLimits", "olcDbMaxSize"}
        assert needed <= set(seen)
        assert not {"olcRootPW", "olcRootDN"} & set(seen)
        assert rules == ["olcDatabase={1}mdb,cn=config"]

    def test_cannot_write_to_cn_config(self, people: People) -> None:
        assert people.service.modify("cn=config", replace("olcThreads", "4")) == RIGHTS

    def test_reads_more_entries_in_pages_than_others_may(
        self, people: People, directory: Directory
    ) -> None:
        branch = f"ou={people.unique()},{directory.people_dn}"
        assert people.admin.add(branch, {"objectClass": "organizationalUnit"}) == SUCCESS
        for _ in range(510):
            number = people.unique()
            entry = {
                "objectClass": ["inetOrgPerson", "supannPerson"],
                "sn": "X",
                "cn": "X",
                "supannEtuId": number,
            }
            assert people.service.add(f"uid={number},{branch}", entry) == SUCCESS
        pages = people.service.connection.extend.standard.paged_search(
            branch, "(supannEtuId=*)", attributes=["supannEtuId"], paged_size=100, generator=True
        )
        assert len([entry for entry in pages if entry["type"] == "searchResEntry"]) == 510


class TestAStudent:
    @pytest.mark.parametrize("must_change", [True, False], ids=["must change", "own password"])
    @pytest.mark.parametrize(
        "changes",
        [
            *[delete_value(name) for name in OPERATIONAL[:2]],
            *[replace(name) for name in OPERATIONAL],
            replace("pwdReset", "FALSE"),
            replace("pwdEndTime", "20991231230000Z"),
            add_value("mail", "free.address@etu.umontpellier.fr"),
            replace("uid", "free"),
            replace("eduPersonPrincipalName", "free@etu.umontpellier.fr"),
            replace("eduPersonAffiliation", "staff"),
            replace("eduPersonPrimaryAffiliation", "staff"),
            replace("supannEtuId", "free"),
            replace("supannEtuAnneeInscription", "2099"),
            replace("supannRessourceEtat", "{COMPTE}A:SupannActif"),
            replace("supannRessourceEtatDate", "{COMPTE}A:SupannActif:20261001:20991231"),
            replace("scolpassCharter", "2026 2026-10-01T07:00:00Z"),
            replace("supannMailPerso", "me@example.org"),
            replace("mailForwardingAddress", "me@example.org"),
            replace("sn", "Autre"),
            add_value("objectClass", "dcObject"),
        ],
        ids=",".join,
    )
    def test_cannot_change_her_own_state_identity_or_mail(
        self, people: People, sign_in: SignIn, changes: Changes, must_change: bool
    ) -> None:
        dn = people.student() if must_change else people.active_student()
        student = sign_in(dn, "048213" if must_change else "motdepasse1")
        assert student.bound == SUCCESS
        before = people.admin.read(dn)
        assert student.modify(dn, changes) == RIGHTS
        assert people.admin.read(dn) == before

    def test_cannot_delete_or_rename_herself(self, people: People, sign_in: SignIn) -> None:
        dn = people.active_student()
        student = sign_in(dn, "motdepasse1")
        assert student.delete(dn) == RIGHTS
        assert student.rename(dn, f"uid={people.unique()}") == RIGHTS

    def test_changes_her_provisional_password_herself_and_slapd_hashes_it_with_argon2(
        self, people: People, sign_in: SignIn
    ) -> None:
        dn = people.student()
        assert sign_in(dn, "048213").change_password("048213", "motdepasse1")
        entry = people.admin.read(dn)
        assert entry["userPassword"][0].startswith(b"{ARGON2}$argon2")
        assert "pwdReset" not in entry
        assert sign_in(dn, "048213").bound == CREDENTIALS
        assert sign_in(dn, "motdepasse1").bound == SUCCESS

    def test_cannot_keep_the_provisional_password(self, people: People, sign_in: SignIn) -> None:
        """However long the institution makes it: the policy keeps a history of it."""
        dn = people.student(userPassword=ready_hash("long-enough-1"))
        assert not sign_in(dn, "long-enough-1").change_password("long-enough-1", "long-enough-1")
        assert people.admin.read(dn)["pwdReset"] == [b"TRUE"]

    def test_cannot_choose_a_short_password(self, people: People, sign_in: SignIn) -> None:
        dn = people.student()
        assert not sign_in(dn, "048213").change_password("048213", "short")
        assert sign_in(dn, "048213").bound == SUCCESS

    def test_who_sends_a_password_by_a_plain_modify_has_it_hashed_too(
        self, people: People, sign_in: SignIn
    ) -> None:
        dn = people.active_student()
        student = sign_in(dn, "motdepasse1")
        assert student.modify(dn, replace("userPassword", "motdepasse2")) == SUCCESS
        assert people.admin.read(dn)["userPassword"][0].startswith(b"{ARGON2}$argon2")

    def test_reads_her_own_entry_but_no_hash_and_no_pwd_attribute(
        self, people: People, sign_in: SignIn
    ) -> None:
        dn = people.active_student()
        seen = sign_in(dn, "motdepasse1").read(dn)
        assert seen["mail"]
        assert not [name for name in seen if name.lower().startswith(("pwd", "userpassword"))]

    def test_sees_nobody_else(self, people: People, sign_in: SignIn) -> None:
        other, staff, dn = people.student(), people.staff(), people.active_student()
        student = sign_in(dn, "motdepasse1")
        assert [found for found, _ in student.search(people.directory.suffix)] in ([dn], [])
        assert student.read(other) == student.read(staff) == {}
        assert student.read(f"cn=provisional,ou=policies,{people.directory.suffix}") == {}
        assert student.search("cn=config") == []
        assert student.modify(other, replace("userPassword", "x")) != SUCCESS


class TestStaff:
    def test_cannot_change_their_own_state_but_their_password(
        self, people: People, sign_in: SignIn
    ) -> None:
        dn = people.staff()
        employee = sign_in(dn, "staffpassword1")
        for name in OPERATIONAL:
            assert employee.modify(dn, replace(name)) == RIGHTS
        assert employee.change_password("staffpassword1", "staffpassword2")


class TestAStranger:
    def test_reads_no_entry(self, people: People, directory: Directory, sign_in: SignIn) -> None:
        people.student()
        stranger = sign_in()
        assert stranger.search(directory.suffix) == []
        assert stranger.search("cn=config") == []

    def test_changes_no_password(self, people: People, sign_in: SignIn) -> None:
        dn = people.student()
        answer = sign_in().connection.extend.standard.modify_password(
            dn, old_password="048213", new_password="motdepasse1"
        )
        assert not answer
        assert people.admin.read(dn)["pwdReset"] == [b"TRUE"]

    def test_cannot_lock_the_service_account(self, directory: Directory, sign_in: SignIn) -> None:
        for _ in range(25):
            assert sign_in(directory.service_dn, "wrong").bound == CREDENTIALS
        assert sign_in(directory.service_dn, directory.service_password).bound == SUCCESS

    def test_locks_a_provisional_password_for_good_with_five_failures(
        self, people: People, sign_in: SignIn
    ) -> None:
        dn = people.student()
        for _ in range(5):
            assert sign_in(dn, "000000").bound == CREDENTIALS
        assert sign_in(dn, "048213").bound == CREDENTIALS
        entry = people.service.read(dn)
        assert len(entry["pwdAccountLockedTime"]) == 1
        policy = people.service.read(f"cn=provisional,ou=policies,{people.directory.suffix}")
        assert policy["pwdLockoutDuration"] == [b"0"]
        # A reissue unlocks.
        changes = replace("userPassword", ready_hash("777777")) | replace("pwdReset", "TRUE")
        assert people.service.modify(dn, changes) == SUCCESS
        assert sign_in(dn, "777777").bound == SUCCESS
