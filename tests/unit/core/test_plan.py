"""The plan: what a student's entry is to hold, adoption, identifiers, digest and properties."""

from __future__ import annotations

import hashlib
import json
import random
import re
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.core import catalogue, generalized_time
from connector.core.account import Account, State
from connector.core.feed import rows_of
from connector.core.identifiers import Taken
from connector.core.model import (
    Action,
    Change,
    Enrolment,
    Facts,
    Fate,
    Known,
    Rejection,
    Reservation,
    Status,
    Student,
)
from connector.core.plan import Planned, digest, make_plan, plan_one
from connector.core.supann_reading import SUSPENDED_UNTIL
from connector.core.supann_writing import SECRET
from tests.support.examples import examples
from tests.unit.core.builders import (
    CUTOFF,
    DAY,
    DN,
    DOMAIN,
    ENROLLED,
    NUMBER,
    PEOPLE,
    POLICY,
    Life,
    account,
    active,
    after,
    cancelled,
    expired,
    facts,
    grace,
    having,
    inactive,
    plan,
    row,
    rules,
    suspended,
    terms,
)

NOVEMBER = date(2026, 11, 3)
STAFF_DN = "uid=dupont,ou=people,dc=umontpellier,dc=fr"


# --- a new entry, attribute by attribute --------------------------------------------------------


def test_a_new_entry_holds_what_the_contract_says_and_nothing_else() -> None:
    (change,) = plan([facts(row())]).changes
    after_ = {name: values for name, (_, values) in change.attributes.items()}
    assert change.action is Action.CREATE
    assert change.dn == DN
    assert change.reason == "enrolled in 2026/2027"
    assert all(before == () for before, _ in change.attributes.values())
    assert after_ == {
        "objectClass": ("inetOrgPerson", "eduPerson", "supannPerson", "scolpassAccount"),
        "uid": ("e21700001",),
        "supannEtuId": ("21700001",),
        "sn": ("Martin",),
        "givenName": ("Léa",),
        "cn": ("Martin Léa",),
        "displayName": ("Léa Martin",),
        "supannNomDeNaissance": ("Martin",),
        "supannCivilite": ("Mme",),
        "supannOIDCDateDeNaissance": ("2008-05-17",),
        "supannCodeINE": ("0701234567C",),
        "mail": (f"lea.martin@{DOMAIN}",),
        "eduPersonPrincipalName": (f"lea.martin@{DOMAIN}",),
        "supannAliasLogin": (f"lea.martin@{DOMAIN}",),
        "supannEtablissement": ("{UAI}0342490X",),
        "supannEntiteAffectation": ("FDS",),
        "supannEntiteAffectationPrincipale": ("FDS",),
        "supannEtuAnneeInscription": ("2026",),
        "supannEtuEtape": ("{UAI:0342490X}L1INFO",),
        "supannEtuInscription": (
            "[etab={UAI}0342490X][anneeinsc=2026][regimeinsc={INCONNU}][sectdisc={INCONNU}]"
            "[typedip={INCONNU}][cursusann={INCONNU}][affect=FDS][etape={UAI:0342490X}L1INFO]",
        ),
        "eduPersonAffiliation": ("student", "member"),
        "eduPersonPrimaryAffiliation": ("student",),
        "supannRessourceEtatDate": ("{COMPTE}I:SupannCree:20261001:20271231",),
        "supannRessourceEtat": ("{COMPTE}I:SupannCree",),
        "pwdEndTime": ("20261230230000Z",),
        "userPassword": (SECRET,),
        "pwdReset": ("TRUE",),
        "pwdPolicySubentry": (POLICY,),
    }


def test_a_new_entry_is_remembered_with_the_day_its_end_was_announced() -> None:
    (change,) = plan([facts(row())]).changes
    assert change.sealed is Fate.DRAWN
    assert change.password_last_day == date(2026, 12, 30)
    assert change.after == Known(
        dn=DN,
        uid="e21700001",
        address=f"lea.martin@{DOMAIN}",
        state=State.INACTIVE,
        since=ENROLLED,
        cutoff=CUTOFF,
        wrote=frozenset(
            {
                "supannCivilite",
                "supannCodeINE",
                "supannEntiteAffectation",
                "supannEntiteAffectationPrincipale",
                "supannEtuEtape",
            }
        ),
        announced_end=CUTOFF,
        announced_on=ENROLLED,
    )


def test_only_the_enrolments_of_the_latest_year_that_counts_are_shown() -> None:
    rows = [
        row(2025, step="L1", component="OLD"),
        row(2026, step="L2", component="NEW"),
        row(2026, Status.CANCELLED, step="L2BIS", component="NOT"),
        row(2027, Status.PENDING, step="L3", component="NOR"),
    ]
    (change,) = plan([facts(*rows)], date(2027, 7, 15)).changes
    assert change.attributes["supannEntiteAffectation"][1] == ("NEW",)
    assert change.attributes["supannEtuEtape"][1] == ("{UAI:0342490X}L2",)
    assert change.attributes["supannEtuAnneeInscription"][1] == ("2026",)


def test_where_rows_disagree_the_latest_is_taken_with_a_notice() -> None:
    rows = [
        row(step="A", family="First", enrolled_on=date(2026, 9, 2)),
        row(step="B", family="Latest", enrolled_on=date(2026, 9, 3)),
        row(step="C", family="Undated"),
        row(2025, family="Older", enrolled_on=date(2026, 9, 9)),
    ]
    found = plan([facts(*rows)])
    assert found.changes[0].attributes["sn"][1] == ("Latest",)
    (notice,) = found.notices
    assert notice.startswith(f"{NUMBER}: rows disagree")
    assert "Latest" in notice


# --- a column that is not mapped, and an empty value --------------------------------------------

UNMAPPED = row(civility=None, ine=None, component=None, step="", step_mapped=False)
EMPTY = row(civility="", ine="", component="", step="")


@pytest.mark.parametrize("name", sorted(catalogue.OPTIONAL))
def test_a_column_that_is_not_mapped_leaves_its_attribute_alone(name: str) -> None:
    life = active()
    before = life.account.values(name)
    life.facts = replace(life.facts, student=facts(UNMAPPED).student)
    life.on(NOVEMBER)
    assert life.account.values(name) == before != ()


@pytest.mark.parametrize("name", sorted(catalogue.OPTIONAL))
def test_an_empty_value_removes_what_scolpass_wrote(name: str) -> None:
    life = active()
    life.facts = replace(life.facts, student=facts(EMPTY).student)
    life.on(NOVEMBER)
    assert life.account.values(name) == ()
    life.on(NOVEMBER + DAY)
    assert life.last.change is None


def test_an_empty_value_removes_nothing_that_somebody_else_wrote() -> None:
    theirs = {
        "supannCivilite": "M.",
        "supannCodeINE": "123",
        "supannEntiteAffectation": ("X", "Y"),
        "supannEntiteAffectationPrincipale": "X",
        "supannEtuEtape": "{UAI:0342490X}OLD",
    }
    life = Life(facts(EMPTY, account=having(account(), **theirs))).on(ENROLLED, NOVEMBER)
    for name, values in theirs.items():
        assert life.account.values(name) == ((values,) if isinstance(values, str) else values)


def test_what_was_written_is_forgotten_once_it_was_removed() -> None:
    life = active()
    life.facts = replace(life.facts, student=facts(EMPTY).student)
    life.on(NOVEMBER).entry(supannCodeINE="by hand").on(NOVEMBER + DAY)
    assert life.account.values("supannCodeINE") == ("by hand",)


# --- identifiers --------------------------------------------------------------------------------


def _addresses(changes: Sequence[Change]) -> dict[str, str]:
    return {c.student_number: c.attributes["mail"][1][0].partition("@")[0] for c in changes}


def test_homonyms_are_served_by_ascending_student_number() -> None:
    numbers = ["100", "9", "B7", "A7", "10"]
    found = plan([facts(row(number=number)) for number in numbers])
    assert _addresses(found.changes) == {
        "9": "lea.martin",
        "10": "lea.martin01",
        "100": "lea.martin02",
        "A7": "lea.martin03",
        "B7": "lea.martin04",
    }
    assert [c.student_number for c in found.changes] == ["9", "10", "100", "A7", "B7"]


def test_an_address_that_stands_or_is_reserved_is_given_to_nobody_else() -> None:
    taken = Taken(
        addresses={f"lea.martin@{DOMAIN}"}, reserved={f"lea.martin01@{DOMAIN}": "20000001"}
    )
    assert _addresses(plan([facts(row())], taken=taken).changes) == {NUMBER: "lea.martin02"}


def test_all_entries_are_read_before_an_address_is_given() -> None:
    taken = Taken()

    def stream() -> Iterator[Facts]:
        yield facts(row())
        taken.addresses.add(f"lea.martin@{DOMAIN}")

    found = make_plan(stream(), taken, terms(ENROLLED))
    assert _addresses(found.changes) == {NUMBER: "lea.martin01"}


def test_a_uid_taken_by_anothers_entry_fails_that_student_alone() -> None:
    other = facts(row(number="21700002", first="Zoé"))
    taken = Taken(uids={f"e{NUMBER}": STAFF_DN})
    found = plan([facts(row()), other], taken=taken)
    assert [c.student_number for c in found.changes] == ["21700002"]
    (rejection,) = found.rejected
    assert (rejection.field, rejection.value) == ("student_number", NUMBER)
    assert STAFF_DN in rejection.reason


def test_a_uid_reserved_for_another_is_not_given() -> None:
    found = plan([facts(row())], taken=Taken(reserved={f"e{NUMBER}": "20000001"}))
    assert found.changes == ()
    assert "20000001" in found.rejected[0].reason


def test_reserved_identifiers_are_given_back_to_the_same_person() -> None:
    reservation = Reservation("x1", f"lea.old@{DOMAIN}")
    taken = Taken(reserved={"x1": NUMBER, f"lea.old@{DOMAIN}": NUMBER})
    (change,) = plan([facts(row(), reservation=reservation)], taken=taken).changes
    assert change.dn == f"uid=x1,{PEOPLE}"
    assert change.attributes["mail"][1] == (f"lea.old@{DOMAIN}",)


def test_an_address_of_an_earlier_life_that_stands_on_another_entry_is_refused() -> None:
    reservation = Reservation("x1", f"lea.old@{DOMAIN}")
    taken = Taken(addresses={f"lea.old@{DOMAIN}"})
    before = Known(f"uid=x1,{PEOPLE}", "x1", f"lea.old@{DOMAIN}", gone=True)
    found = plan([facts(row(), reservation=reservation, known=before)], taken=taken)
    assert found.changes == ()
    assert f"lea.old@{DOMAIN}" in found.rejected[0].reason


def test_an_address_reserved_for_an_entry_that_never_was_gives_way_to_who_has_it() -> None:
    reservation = Reservation("x1", f"lea.martin@{DOMAIN}")
    taken = Taken(addresses={f"lea.martin@{DOMAIN}"})
    (change,) = plan([facts(row(), reservation=reservation)], taken=taken).changes
    assert change.attributes["mail"][1] == (f"lea.martin01@{DOMAIN}",)


def test_a_name_that_transliterates_to_nothing_has_its_uid_as_address() -> None:
    (change,) = plan([facts(row(family="***"))]).changes
    assert change.attributes["mail"][1] == (f"e21700001@{DOMAIN}",)


@pytest.mark.parametrize("lost", [["mail"], ["supannAliasLogin"], list(catalogue.LOGINS)])
def test_identifiers_deleted_by_hand_are_given_back(lost: list[str]) -> None:
    life = active()
    before = life.account
    taken = Taken(reserved={f"e{NUMBER}": NUMBER, f"lea.martin@{DOMAIN}": NUMBER})
    life.entry(**dict.fromkeys(lost, ()))
    life.facts = after(life.facts, plan_one(life.facts, taken, terms(NOVEMBER)))
    assert life.account == before


def test_an_address_changed_by_hand_is_kept_and_reserved() -> None:
    life = active().entry(mail=f"Lea.M@{DOMAIN}").on(NOVEMBER)
    assert life.last.change is None
    assert life.account.values("mail") == (f"Lea.M@{DOMAIN}",)
    assert life.known.address == f"lea.m@{DOMAIN}"


def test_an_adopted_entry_under_another_rdn_is_made_again_under_its_uid() -> None:
    met = account(dn=f"cn=Martin Léa,{PEOPLE}")
    life = Life(facts(row(), account=met)).on(ENROLLED).deleted_by_hand().on(NOVEMBER)
    assert life.account.dn == DN


# --- adoption -----------------------------------------------------------------------------------


def test_adoption_keeps_identifiers_and_adds_what_is_missing() -> None:
    met = account(
        dn=f"uid=lmartin,{PEOPLE}",
        objectClass=("person", "organizationalPerson", "inetOrgPerson", "posixAccount"),
        uid="lmartin",
        mail="Lea.M@um1.example",
        eduPersonPrincipalName=(),
        supannAliasLogin=(),
        eduPersonAffiliation=("alum",),
        description="theirs",
    )
    life = Life(facts(row(), account=met)).on(ENROLLED)
    assert life.change.action is Action.UPDATE
    assert life.change.dn == met.dn
    assert life.account.values("uid") == ("lmartin",)
    assert life.account.values("mail") == ("Lea.M@um1.example",)
    assert life.account.values("supannAliasLogin") == (f"lea.martin@{DOMAIN}",)
    assert life.account.values("eduPersonPrincipalName") == (f"lea.martin@{DOMAIN}",)
    assert life.account.values("description") == ("theirs",)
    assert life.account.values("objectClass") == (
        "person",
        "organizationalPerson",
        "inetOrgPerson",
        "posixAccount",
        "eduPerson",
        "supannPerson",
        "scolpassAccount",
    )
    assert set(life.account.values("eduPersonAffiliation")) == {"alum", "student", "member"}


def test_an_adopted_login_of_ours_is_given_to_the_attributes_that_lack_it() -> None:
    met = account(mail=(), eduPersonPrincipalName=f"Lea.M@{DOMAIN}", supannAliasLogin=())
    life = Life(facts(row(), account=met)).on(ENROLLED)
    assert life.account.values("mail") == (f"lea.m@{DOMAIN}",)
    assert life.account.values("supannAliasLogin") == (f"lea.m@{DOMAIN}",)
    assert life.account.values("eduPersonPrincipalName") == (f"Lea.M@{DOMAIN}",)


@pytest.mark.parametrize("name", ["cn", "sn"])
def test_no_entry_is_moved_so_the_value_in_its_rdn_stays(name: str) -> None:
    met = having(account(dn=f"{name}=Martin-Durand,{PEOPLE}"), **{name: "Martin-Durand"})
    life = Life(facts(row(), account=met)).on(ENROLLED)
    assert "Martin-Durand" in life.account.values(name)
    assert len(life.account.values(name)) == 2
    life.on(ENROLLED + DAY)
    assert life.last.change is None


@pytest.mark.parametrize(
    ("primary", "expected"), [((), "student"), ("Student", "student"), ("alum", "alum")]
)
def test_the_primary_affiliation_is_student_where_absent_or_ours(
    primary: str | tuple[str, ...], expected: str
) -> None:
    met = account(eduPersonPrimaryAffiliation=primary)
    life = Life(facts(row(), account=met)).on(ENROLLED)
    assert life.account.values("eduPersonPrimaryAffiliation") == (expected,)


def test_an_adoption_is_a_held_plan_for_a_whole_directory() -> None:
    stream = [
        facts(row(number=str(n)), account=account(supannEtuId=str(n), dn=f"uid=e{n},{PEOPLE}"))
        for n in range(1, 13)
    ]
    found = plan(stream)
    assert found.counts == {"update": 12}
    assert found.managed == 12
    assert all(c.reason.startswith("adopted as it stands") for c in found.changes)


# --- others' values -----------------------------------------------------------------------------

THEIRS = {
    "description": ("a", "B"),
    "telephoneNumber": ("+33 4",),
    "supannAutreMail": (f"old@{DOMAIN}",),
    "labeledURI": ("https://example.org",),
    "supannMailPerso": ("lea@example.org",),
    "supannMailPrive": ("{PERSO}lea@example.org",),
    "mailForwardingAddress": ("lea@example.org",),
}


@pytest.mark.parametrize(
    "days",
    [
        pytest.param([NOVEMBER], id="inactive"),
        pytest.param([date(2027, 9, 1), date(2028, 1, 1)], id="to expiry"),
    ],
)
def test_what_others_wrote_stands_through_the_whole_life(days: list[date]) -> None:
    life = active().entry(
        **THEIRS,
        objectClass=(*inactive().account.values("objectClass"), "posixAccount"),
        eduPersonAffiliation=("student", "alum", "member"),
        supannRessourceEtatDate=(
            "{WIFI}A:SupannActif::",
            "{COMPTE}A:SupannActif:20261001:20271231",
        ),
        supannRessourceEtat=("{WIFI}A:SupannActif", "{COMPTE}A:SupannActif"),
    )
    life.on(*days).feed(row(2027)).on(date(2028, 3, 6))
    for name, values in THEIRS.items():
        assert life.account.values(name) == values
    assert "posixAccount" in life.account.values("objectClass")
    assert "alum" in life.account.values("eduPersonAffiliation")
    assert "{WIFI}A:SupannActif::" in life.account.values("supannRessourceEtatDate")
    assert "{WIFI}A:SupannActif" in life.account.values("supannRessourceEtat")


def test_no_attribute_of_others_is_ever_named_in_a_change() -> None:
    life = active().entry(description="theirs", telephoneNumber="1")
    for day in (date(2027, 9, 1), date(2028, 1, 1)):
        life.on(day)
        assert set(life.change.attributes) <= set(catalogue.READ) | {"userPassword"}


# --- the change ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("damage", "mended"),
    [
        pytest.param({"sn": "X"}, {"sn": ("Martin",)}, id="identity"),
        pytest.param({"cn": ("Martin Léa", "X")}, {"cn": ("Martin Léa",)}, id="one value more"),
        pytest.param({"pwdEndTime": ()}, {"pwdEndTime": ("20271231230000Z",)}, id="end deleted"),
        pytest.param(
            {"pwdEndTime": "20991231000000Z"}, {"pwdEndTime": ("20271231230000Z",)}, id="end moved"
        ),
        pytest.param({"pwdStartTime": "20991231230000Z"}, {"pwdStartTime": ()}, id="closed"),
        pytest.param({"pwdPolicySubentry": POLICY}, {"pwdPolicySubentry": ()}, id="policy"),
        pytest.param(
            {"eduPersonAffiliation": "member"},
            {"eduPersonAffiliation": ("member", "student")},
            id="affiliation",
        ),
        pytest.param(
            {"objectClass": ("inetOrgPerson", "eduPerson", "supannPerson")},
            {
                "objectClass": (
                    "inetOrgPerson",
                    "eduPerson",
                    "supannPerson",
                    "scolpassAccount",
                )
            },
            id="object class",
        ),
        pytest.param(
            {"supannRessourceEtat": "{COMPTE}I:SupannExpire"},
            {"supannRessourceEtat": ("{COMPTE}A:SupannActif", "{MAIL}A:SupannActif")},
            id="undated state",
        ),
        pytest.param({"supannEtuEtape": ()}, {"supannEtuEtape": ("{UAI:0342490X}L1INFO",)}, id="e"),
    ],
)
def test_what_was_damaged_by_hand_is_repaired(
    damage: dict[str, str], mended: dict[str, tuple[str, ...]]
) -> None:
    life = active().on(NOVEMBER)
    life.facts = replace(life.facts, account=having(life.account, **damage))
    life.on(NOVEMBER)
    assert life.change.action is Action.UPDATE
    assert life.change.attributes.keys() == mended.keys()
    for name, values in mended.items():
        assert set(life.account.values(name)) == set(values)


def test_a_name_is_said_to_have_changed_only_where_it_reads_otherwise() -> None:
    life = active().on(NOVEMBER)
    life.entry(sn="Overwritten").on(NOVEMBER)
    assert "sn" in life.change.attributes
    said = life.last.notices
    assert said == ()
    life.feed(row(usual="Durand")).on(NOVEMBER)
    (notice,) = life.last.notices
    assert notice.startswith(f"{NUMBER}: name changed from ")
    assert notice.endswith("Durand; lea.martin@etu.umontpellier.fr stays")


def test_a_change_of_pure_spelling_that_the_directory_does_not_see_is_none() -> None:
    life = active().on(NOVEMBER)
    life.entry(
        pwdEndTime="20280101000000+0100",
        eduPersonAffiliation=("MEMBER", "Student"),
        supannEtuAnneeInscription=("2026",),
    ).on(NOVEMBER)
    assert life.last.change is None


@pytest.mark.parametrize("begin", [expired, cancelled, suspended])
def test_the_ending_of_an_account_is_guarded_against_other_roles(
    begin: Callable[[], Life],
) -> None:
    life = begin()
    assert "(!(supannEmpId=*))" in life.change.guard
    for role in ("employee", "faculty", "staff", "researcher", "retired"):
        assert f"(!(eduPersonAffiliation={role}))" in life.change.guard


def test_a_purge_deletes_under_guard_and_names_all_that_was_read() -> None:
    life = expired()
    before = life.account
    life.on(date(2029, 1, 2))
    assert life.change.action is Action.PURGE
    assert life.change.sealed is Fate.DESTROYED
    assert life.change.attributes == {
        name: (values, ()) for name, values in sorted(before.attributes.items())
    }
    assert "(!(supannEmpId=*))" in life.change.guard
    assert f"(supannEtuId={NUMBER})" in life.change.guard


def test_a_plan_holds_no_password() -> None:
    reissued = inactive().admin(reissue=True, reason="lost").on(NOVEMBER)
    for change in (inactive().change, reissued.change):
        assert change.draws_password
        assert change.attributes["userPassword"][1] == (SECRET,)
        assert change.attributes["pwdReset"][1] == ("TRUE",)


def test_reasons_say_what_is_done_and_why() -> None:
    life = active().feed(row(2027, usual="Durand")).on(date(2027, 7, 15))
    assert life.change.reason == (
        "identity differs from the register (sn, cn, displayName); enrolled in 2027/2028; "
        "the cutoff moves from 31/12/2027 to 31/12/2028"
    )


# --- the whole plan -----------------------------------------------------------------------------


def _class(count: int = 12) -> list[Facts]:
    """A class of students without homonyms, in all states."""
    begins = [facts, inactive, active, grace, expired, cancelled]
    found = []
    for n in range(count):
        begin = begins[n % len(begins)]
        number = str(21700000 + n)
        who = facts(row(number=number, first=f"Léa{n}", family="Martin"))
        if begin is facts:
            found.append(who)
            continue
        life = Life(who).on(ENROLLED)
        if begin is not inactive:
            life.evidence().on(ENROLLED)
        if begin is cancelled:
            life.feed(row(number=number, status=Status.CANCELLED))
        found.append(life.facts)
    return found


TODAY = date(2027, 9, 1)


def test_a_plan_counts_its_changes_and_what_is_managed() -> None:
    found = plan(_class(), TODAY)
    assert found.counts == {"create": 2, "expire": 2, "grace": 6}
    assert found.managed == 10
    assert sum(found.counts.values()) == len(found.changes)


def test_what_is_only_learnt_is_remembered_without_a_change() -> None:
    life = active().journal_lost()
    found = plan([life.facts], NOVEMBER)
    assert found.changes == ()
    assert found.memory[NUMBER].state is State.ACTIVE
    assert plan([active().facts], NOVEMBER).memory == {}


def test_a_sealed_password_that_opens_nothing_any_more_is_named() -> None:
    life = inactive().own_password()
    life.entry(pwdPolicySubentry=(), pwdEndTime="20271231230000Z")
    found = plan([life.facts], NOVEMBER)
    assert found.changes == ()
    assert found.unsealed == {NUMBER}


def test_rejections_of_the_register_and_of_the_plan_stand_together() -> None:
    bad = Rejection("enrolments.csv", 3, "birth_date", "x", "is not a date")
    found = make_plan(
        [facts(row(), conflict="stands on several entries: a; b")],
        Taken(),
        terms(ENROLLED),
        rejected=[bad],
    )
    assert found.rejected == (
        bad,
        Rejection(None, None, "student_number", NUMBER, "stands on several entries: a; b"),
    )


def test_a_conflict_that_is_seen_late_takes_the_place_of_what_was_planned() -> None:
    life = active().feed(row(usual="Durand"))
    conflict = replace(life.facts, account=None, conflict="two entries")
    found = plan([life.facts, conflict], NOVEMBER)
    assert found.changes == ()
    assert len(found.rejected) == 1
    creation = facts(row())
    assert plan([creation, replace(creation, conflict="two entries")]).changes == ()


def test_an_empty_plan_has_a_digest() -> None:
    assert plan([]).digest == digest([]) == plan([active().facts], NOVEMBER).digest
    assert re.fullmatch(r"[0-9a-f]{64}", plan([]).digest)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"action": Action.ACTIVATE}, id="action"),
        pytest.param({"student_number": "1"}, id="number"),
        pytest.param({"dn": "uid=x"}, id="dn"),
        pytest.param({"attributes": {"sn": (("a",), ("c",))}}, id="after"),
        pytest.param({"attributes": {"sn": (("x",), ("b",))}}, id="before"),
        pytest.param({"attributes": {"cn": (("a",), ("b",))}}, id="name"),
        pytest.param(
            {"attributes": {"sn": (("a",), ("b",)), "cn": ((), ("b",))}}, id="another attribute"
        ),
        pytest.param({"attributes": {"sn": (("a",), ())}}, id="removed"),
    ],
)
def test_the_digest_changes_with_any_change(other: dict[str, object]) -> None:
    one = Change(Action.UPDATE, NUMBER, DN, "because", {"sn": (("a",), ("b",))})
    changed = replace(one, **other)  # type: ignore[arg-type]
    assert digest([one]) != digest([changed])
    assert digest([one]) != digest([one, changed]) != digest([])


def test_the_digest_does_not_depend_on_the_order_in_which_a_server_returns_values() -> None:
    one = Change(Action.UPDATE, NUMBER, DN, "r", {"x": (("a", "b"), ("c",)), "y": ((), ("d",))})
    turned = Change(Action.UPDATE, NUMBER, DN, "r", {"y": ((), ("d",)), "x": (("b", "a"), ("c",))})
    assert digest([one]) == digest([turned])


def test_the_digest_is_of_one_json_array() -> None:
    changes = plan(CLASS).changes
    assert len(changes) > 1
    written = json.dumps(
        [
            [
                c.action.value,
                c.student_number,
                c.dn,
                {name: [sorted(of) for of in both] for name, both in c.attributes.items()},
            ]
            for c in changes
        ],
        sort_keys=True,
        separators=(",", ":"),
    )
    assert digest(changes) == hashlib.sha256(written.encode()).hexdigest()


# --- memory -------------------------------------------------------------------------------------


def test_a_first_load_holds_little_for_each_student() -> None:
    everyone = [facts(row(number=f"{21_700_000 + n}", first=f"Léa{n}")) for n in range(1_000)]
    tracemalloc.start()
    try:
        found = plan(everyone)
        held, most = (size / len(everyone) for size in tracemalloc.get_traced_memory())
    finally:
        tracemalloc.stop()
    assert len(found.changes) == len(everyone)
    # In bytes: less than the attributes of one new entry take where they are not packed.
    assert held < 2_000
    assert most < 2_500


# --- properties ---------------------------------------------------------------------------------

CLASS = _class()


@settings(max_examples=examples(100), deadline=None)
@given(seed=st.integers(0, 2**32), today=st.dates(ENROLLED, date(2029, 12, 31)))
def test_the_order_of_facts_does_not_matter(seed: int, today: date) -> None:
    shuffled = list(CLASS)
    random.Random(seed).shuffle(shuffled)
    assert plan(shuffled, today) == plan(CLASS, today)


@settings(max_examples=examples(100), deadline=None)
@given(today=st.dates(ENROLLED, date(2029, 12, 31)), which=st.sets(st.integers(0, 11)))
def test_the_plan_of_a_few_is_their_part_of_the_plan_of_all(today: date, which: set[int]) -> None:
    everyone = plan(CLASS, today)
    few = plan([CLASS[n] for n in which], today)
    numbers = {CLASS[n].number for n in which}
    assert few.changes == tuple(c for c in everyone.changes if c.student_number in numbers)
    assert few.memory == {n: k for n, k in everyone.memory.items() if n in numbers}
    assert few.unsealed == everyone.unsealed & numbers


def _row(components: Sequence[str | None]) -> st.SearchStrategy[Enrolment]:
    """A row of a register that has, or has not, a column for components."""
    return st.builds(
        row,
        st.sampled_from([2024, 2025, 2026, 2027]),
        st.sampled_from(Status),
        step=st.sampled_from(["A", "B", "a", ""]),
        component=st.sampled_from(components),
        usual=st.sampled_from([None, "", "Durand"]),
        enrolled_on=st.sampled_from([None, ENROLLED, ENROLLED + DAY]),
    )


_WITH, _WITHOUT = _row(["X", "Y", ""]), _row([None])


def _different(rows: st.SearchStrategy[Enrolment], most: int) -> st.SearchStrategy[list[Enrolment]]:
    return st.lists(rows, max_size=most, unique_by=lambda r: r.key)


_rows = (_different(_WITH, 6) | _different(_WITHOUT, 6)).filter(bool)


@settings(max_examples=examples(150), deadline=None)
@given(
    rows=st.lists(_WITH | _WITHOUT, min_size=1, max_size=6),
    earlier=_different(_WITH, 4) | _different(_WITHOUT, 4),
    seed=st.integers(0, 2**32),
    today=st.dates(ENROLLED, date(2028, 12, 31)),
)
def test_the_order_of_rows_does_not_matter(
    rows: list[Enrolment], earlier: list[Enrolment], seed: int, today: date
) -> None:
    chance = random.Random(seed)

    def facts_of(present: Sequence[Enrolment], remembered: Sequence[Enrolment]) -> Facts:
        absent = tuple(one for one in remembered if one not in present)
        return replace(facts(), student=Student(NUMBER, tuple(present), absent))

    life = Life(facts_of(rows, earlier)).on(today)
    shuffled = chance.sample(rows, len(rows)), chance.sample(earlier, len(earlier))
    other = Life(facts_of(*shuffled)).on(today)
    assert life.last == other.last
    again = chance.sample(rows, len(rows)), rows_of(life.facts.student)
    current = replace(life.facts, student=facts_of(*again).student)
    assert Life(current).on(today).last.change is None


@settings(max_examples=examples(150), deadline=None)
@given(
    rows=_rows,
    taken_out=st.sets(st.integers(0, 5)),
    today=st.dates(ENROLLED, date(2028, 12, 31)),
)
def test_on_a_directory_in_step_taking_rows_out_of_the_feed_plans_nothing(
    rows: list[Enrolment], taken_out: set[int], today: date
) -> None:
    dated = [replace(r, enrolled_on=ENROLLED + n * DAY) for n, r in enumerate(rows)]
    life = Life(facts(*dated)).on(today, today)
    life.feed(*(r for n, r in enumerate(dated) if n not in taken_out)).on(today)
    assert life.last.change is None


_states = st.one_of(
    st.none(),
    st.builds(
        "{{COMPTE}}{}:{}".format,
        st.sampled_from(
            [
                "A:SupannActif",
                "A:SupannSursis",
                "A:",
                "I:SupannCree",
                "I:SupannExpire",
                "I:SupannInactif",
                "S:SupannVerrouille",
                "X:",
            ]
        ),
        st.sampled_from(["20250901:", "20261001:20271231", "20250101:20261231", ":", ":20271231"]),
    ),
)
_accounts = st.builds(
    account,
    _states,
    password=st.booleans(),
    pwdReset=st.sampled_from(["TRUE", "FALSE", ()]),
    pwdEndTime=st.sampled_from([(), "20261231230000Z", "20301231230000Z", "20200101000000Z"]),
    pwdStartTime=st.sampled_from([(), "20991231230000Z", "20200101000000Z"]),
    pwdPolicySubentry=st.sampled_from([(), POLICY, "cn=other"]),
    eduPersonAffiliation=st.sampled_from(
        [(), ("student",), ("member", "alum"), ("student", "employee"), ("STUDENT", "member")]
    ),
    eduPersonPrimaryAffiliation=st.sampled_from([(), "student", "employee", "alum"]),
    mail=st.sampled_from([(), f"lea.martin@{DOMAIN}", "x@elsewhere.example"]),
    supannAliasLogin=st.sampled_from([(), f"Lea.M@{DOMAIN}"]),
    supannMailPrive=st.sampled_from([(), "{SECOURS}lea@example.org"]),
    scolpassCharter=st.sampled_from([(), "2026 2026-10-01T07:00:00Z"]),
    supannEtuEtape=st.sampled_from([(), "{UAI:0342490X}OLD"]),
    supannCivilite=st.sampled_from([(), "M."]),
)


@settings(max_examples=examples(200), deadline=None)
@given(met=_accounts, rows=_rows, today=st.dates(ENROLLED, date(2029, 3, 1)))
def test_planning_after_adopting_plans_nothing(
    met: Account, rows: list[Enrolment], today: date
) -> None:
    dated = [replace(r, enrolled_on=ENROLLED + n * DAY) for n, r in enumerate(rows)]
    life = Life(facts(*dated, account=met)).on(today)
    once = life.facts
    if met.password and life.last.change and life.change.action is not Action.RESTORE:
        assert not life.change.draws_password
    life.on(today)
    assert life.last.change is None
    assert life.facts == once


@settings(max_examples=examples(100), deadline=None)
@given(
    met=_accounts,
    today=st.dates(ENROLLED, date(2029, 3, 1)),
    zone=st.sampled_from(["Europe/Paris", "Pacific/Noumea", "Pacific/Tahiti"]),
)
def test_no_value_in_a_plan_is_finer_than_a_day(met: Account, today: date, zone: str) -> None:
    local = rules(timezone=zone)
    for who in (facts(row()), facts(row(), account=met)):
        change = plan_one(who, Taken(), terms(today, local)).change
        if change is None or change.action is Action.PURGE:
            continue
        for name in ("pwdEndTime", "pwdStartTime"):
            for value in change.attributes.get(name, ((), ()))[1]:
                instant = generalized_time.instant(value)
                assert instant is not None
                if value != SUSPENDED_UNTIL:
                    assert instant.astimezone(local.institution.zone).strftime("%H%M%S") == "000000"
        for value in change.attributes.get("supannRessourceEtatDate", ((), ()))[1]:
            assert re.fullmatch(r"\{\w+\}[AIS]:\w+:(\d{8})?:(\d{8})?", value)


@settings(max_examples=examples(100), deadline=None)
@given(met=_accounts, rows=_rows, today=st.dates(ENROLLED, date(2029, 3, 1)))
def test_somebody_elses_entry_is_never_closed_nor_given_a_password(
    met: Account, rows: list[Enrolment], today: date
) -> None:
    shared = having(met, eduPersonAffiliation=("student", "employee"))
    change = plan_one(facts(*rows, account=shared), Taken(), terms(today)).change
    if change is not None:
        assert change.action is Action.UPDATE
        assert not change.draws_password
        touched = set(change.attributes) - set(catalogue.IDENTITY) - set(catalogue.ENROLMENT)
        assert touched <= {"eduPersonAffiliation", "objectClass"}


@pytest.mark.parametrize(
    ("zone", "closes"),
    [
        ("Europe/Paris", "20271231230000Z"),
        ("Pacific/Noumea", "20271231130000Z"),
        ("Pacific/Tahiti", "20280101100000Z"),
    ],
)
def test_the_account_is_closed_at_the_institutions_midnight(zone: str, closes: str) -> None:
    life = active(rules=rules(timezone=zone))
    assert life.closes == closes


@pytest.mark.parametrize(
    ("issued", "closes"),
    [
        pytest.param(date(2026, 10, 1), "20261230230000Z", id="issued in summer, over in winter"),
        pytest.param(date(2027, 1, 1), "20270401220000Z", id="issued in winter, over in summer"),
        pytest.param(date(2026, 12, 28), "20270328220000Z", id="over on the night of the change"),
    ],
)
def test_the_last_usable_day_of_a_provisional_password_crosses_summer_time(
    issued: date, closes: str
) -> None:
    assert inactive(issued).closes == closes


def test_nothing_planned_is_nothing() -> None:
    assert plan_one(active().facts, Taken(), terms(NOVEMBER)) == Planned()


# --- rename and erase ---------------------------------------------------------------------------


def test_a_rename_gives_the_address_of_todays_name_and_keeps_the_old_one() -> None:
    life = active().feed(row(usual="Durand")).on(NOVEMBER)
    life.entry(supannAutreMail=f"theirs@{DOMAIN}").admin(rename=True, reason="married")
    life.on(NOVEMBER)
    assert life.change.action is Action.RENAME
    assert life.change.dn == DN
    for name in catalogue.LOGINS:
        assert life.account.values(name) == (f"lea.durand@{DOMAIN}",)
    assert life.account.values("supannAutreMail") == (
        f"theirs@{DOMAIN}",
        f"lea.martin@{DOMAIN}",
    )
    assert life.account.values("eduPersonPrincipalNamePrior") == (f"lea.martin@{DOMAIN}",)
    assert life.account.values("uid") == (f"e{NUMBER}",)
    life.admin(rename=False).on(NOVEMBER)
    assert life.last.change is None
    assert life.known.address == f"lea.durand@{DOMAIN}"


def test_a_rename_takes_no_address_of_somebody_else_and_none_where_the_name_is_the_same() -> None:
    life = active().feed(row(usual="Durand")).on(NOVEMBER).admin(rename=True, reason="married")
    taken = Taken(addresses={f"lea.durand@{DOMAIN}"}, reserved={f"lea.durand01@{DOMAIN}": "1"})
    change = plan_one(life.facts, taken, terms(NOVEMBER)).change
    assert change is not None
    assert change.attributes["mail"][1] == (f"lea.durand02@{DOMAIN}",)
    same = active().admin(rename=True, reason="no reason").on(NOVEMBER)
    assert same.last.change is None


def test_an_expired_account_is_erased_on_request_before_its_retention_is_over() -> None:
    life = expired().admin(erase=True, reason="asked by letter").on(date(2028, 2, 1))
    assert life.change.action is Action.ERASE
    assert "asked by letter" in life.change.reason
    assert life.facts.account is None
    assert life.known.gone


@pytest.mark.parametrize(
    ("begin", "day"),
    [
        pytest.param(active, NOVEMBER, id="active"),
        pytest.param(suspended, NOVEMBER, id="suspended"),
        pytest.param(grace, CUTOFF + DAY, id="to be expired in this very pass"),
        pytest.param(
            lambda: active().feed(row(status=Status.CANCELLED)), NOVEMBER, id="to be cancelled"
        ),
    ],
)
def test_an_account_that_has_not_expired_is_not_erased(
    begin: Callable[[], Life], day: date
) -> None:
    life = begin().admin(erase=True, reason="asked by letter").on(day)
    assert life.facts.account is not None
