"""An account as LDAP attributes: the pages "The student's entry" and the formats of SUPANN."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

import pytest

from connector.core import catalogue, supann_writing
from connector.core.account import CurrentState, State, Values
from connector.core.desired import LEFT, Enrolled
from connector.core.dn import is_below, same_dn
from connector.core.model import Enrolment, Status
from tests.unit.core.builders import DN, NUMBER, POLICY, RULES, account, having, row

START, END = date(2026, 9, 1), date(2027, 12, 31)


PARIS = ZoneInfo("Europe/Paris")


# --- the state ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "current"),
    [
        ("{COMPTE}A:SupannActif:20260901:20271231", CurrentState(State.ACTIVE, START, END)),
        ("{COMPTE}A:SupannSursis:20260901:20271231", CurrentState(State.GRACE, START, END)),
        ("{COMPTE}A:SupannAnticipe:20260901:", CurrentState(State.ACTIVE, START)),
        ("{COMPTE}A:::", CurrentState(State.ACTIVE)),
        ("{COMPTE}I:SupannCree:20260901:20271231", CurrentState(State.INACTIVE, START, END)),
        ("{COMPTE}I:SupannPrecree::", CurrentState(State.INACTIVE)),
        ("{COMPTE}I:SupannExpire:20260901:", CurrentState(State.EXPIRED, START)),
        ("{COMPTE}I:SupannInactif::", CurrentState(State.EXPIRED)),
        ("{COMPTE}I:::", CurrentState(State.EXPIRED)),
        ("{COMPTE}S:SupannVerrouille:20260901:20271231", CurrentState(State.SUSPENDED, START, END)),
        ("{compte}i:supanncree:20260901:20271231", CurrentState(State.INACTIVE, START, END)),
        ("{COMPTE}A:SupannActif:20261301:2027", CurrentState(State.ACTIVE)),
        ("{COMPTE}X:SupannActif:20260901:20271231", CurrentState()),
        ("{COMPTE}A", CurrentState()),
        ("{WIFI}A:SupannActif:20260901:20271231", CurrentState()),
        ("{MAIL}A:SupannActif:20260901:20271231", CurrentState()),
    ],
)
def test_a_state_is_read_in_supanns_words(value: str, current: CurrentState) -> None:
    found = account(value).current
    assert (found.state, found.start, found.end) == (current.state, current.start, current.end)


def test_a_suspension_beside_another_value_is_believed() -> None:
    two = ("{COMPTE}A:SupannActif:20260901:", "{COMPTE}S:SupannVerrouille:20261001:")
    assert account(*two).current.state is State.SUSPENDED
    assert account(*two[::-1]).current.state is State.SUSPENDED


@pytest.mark.parametrize(
    ("state", "value"),
    [
        (State.INACTIVE, "{COMPTE}I:SupannCree:20260901:20271231"),
        (State.ACTIVE, "{COMPTE}A:SupannActif:20260901:20271231"),
        (State.GRACE, "{COMPTE}A:SupannSursis:20260901:20271231"),
        (State.SUSPENDED, "{COMPTE}S:SupannVerrouAdministratif:20260901:20271231"),
    ],
)
def test_a_state_is_written_in_supanns_words_and_read_back(state: State, value: str) -> None:
    assert supann_writing.state_value("COMPTE", state, START, END) == value
    assert account(value).current.state is state
    assert supann_writing.state_value("COMPTE", State.EXPIRED, START, None) == (
        "{COMPTE}I:SupannExpire:20260901:"
    )


@pytest.mark.parametrize(
    ("state", "mail", "wanted"),
    [
        pytest.param(State.INACTIVE, None, None, id="inactive: none is made"),
        pytest.param(
            State.ACTIVE, None, "{MAIL}A:SupannActif:20260901:20271231", id="active: opened"
        ),
        pytest.param(
            State.ACTIVE,
            "{MAIL}A:SupannActif:20250905:20261231",
            "{MAIL}A:SupannActif:20250905:20271231",
            id="active: END moves, START stays",
        ),
        pytest.param(
            State.GRACE,
            "{MAIL}A:SupannActif:20250905:20271231",
            "{MAIL}A:SupannSursis:20260901:20271231",
            id="grace: likewise",
        ),
        pytest.param(State.EXPIRED, None, None, id="expired: none if there was none"),
        pytest.param(
            State.EXPIRED,
            "{MAIL}A:SupannActif:20250905:20271231",
            "{MAIL}I:SupannExpire:20260901:",
            id="expired: closed",
        ),
        pytest.param(
            State.EXPIRED,
            "{MAIL}I:SupannExpire:20250101:",
            "{MAIL}I:SupannExpire:20250101:",
            id="expired: as it was",
        ),
        pytest.param(
            State.SUSPENDED,
            "{MAIL}A:SupannActif:20250905:20261231",
            "{MAIL}A:SupannActif:20250905:20271231",
            id="suspended: as before",
        ),
        pytest.param(State.SUSPENDED, None, None, id="suspended: none as before"),
    ],
)
def test_the_mails_state_follows_the_accounts(
    state: State, mail: str | None, wanted: str | None
) -> None:
    current = account("{COMPTE}A:SupannActif:20250905:20261231", *([mail] if mail else []))
    end = None if state is State.EXPIRED else END
    desired = supann_writing.desired_state(current, state, START, end)["supannRessourceEtatDate"]
    assert [value for value in desired[1] if value.startswith("{MAIL}")] == (
        [wanted] if wanted else []
    )


def test_the_undated_state_is_the_dated_one_without_its_dates() -> None:
    current = account("{COMPTE}A:::", "{WIFI}A:SupannActif::")
    desired = supann_writing.desired_state(current, State.ACTIVE, START, END)
    assert desired["supannRessourceEtat"] == (
        ("{COMPTE}A:",),
        ("{COMPTE}A:SupannActif", "{MAIL}A:SupannActif"),
    )


def test_states_of_other_resources_are_not_named() -> None:
    desired = supann_writing.desired_state(
        account(None, "{WIFI}A:SupannActif::"), State.ACTIVE, START, END
    )
    assert desired["supannRessourceEtatDate"][0] == ()


# --- whose entry is it --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attributes", "shared"),
    [
        ({}, False),
        ({"supannEmpId": "42"}, True),
        ({"eduPersonAffiliation": ("student", "member", "alum")}, False),
        ({"eduPersonAffiliation": ("Student", "MEMBER")}, False),
        ({"eduPersonAffiliation": ("student", "employee")}, True),
        ({"eduPersonAffiliation": ("student", "library-walk-in")}, True),
        ({"eduPersonAffiliation": ()}, False),
        ({"eduPersonPrimaryAffiliation": "employee"}, False),
    ],
)
def test_an_entry_is_also_somebody_elses_by_number_or_affiliation(
    attributes: dict[str, str], shared: bool
) -> None:
    assert having(account(), **attributes).is_shared_person is shared


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (POLICY, POLICY.upper(), True),
        (POLICY, POLICY.replace(",", " , "), True),
        (POLICY, "cn=default,ou=policies,dc=umontpellier,dc=fr", False),
    ],
)
def test_dns_are_compared_without_case_and_blanks(one: str, other: str, same: bool) -> None:
    assert same_dn(one, other) is same
    assert account(pwdPolicySubentry=one).is_under(other) is same


def test_a_dn_is_below_its_base_and_no_other() -> None:
    assert is_below(DN, RULES.people_dn.upper())
    assert not is_below(RULES.people_dn, RULES.people_dn)
    assert not is_below("uid=x,ou=staff,dc=umontpellier,dc=fr", RULES.people_dn)
    assert not is_below("uid=x,ou=morepeople,dc=umontpellier,dc=fr", RULES.people_dn)


# --- identity -----------------------------------------------------------------------------------


def test_identity_is_the_registers() -> None:
    desired, notices = supann_writing.desired_identity(NUMBER, row(family="Martin", first="Léa"))
    assert desired == {
        "sn": ("Martin",),
        "givenName": ("Léa",),
        "cn": ("Martin Léa",),
        "displayName": ("Léa Martin",),
        "supannNomDeNaissance": ("Martin",),
        "supannCivilite": ("Mme",),
        "supannOIDCDateDeNaissance": ("2008-05-17",),
        "supannCodeINE": ("0701234567C",),
    }
    assert notices == []


@pytest.mark.parametrize(
    ("usual", "last"), [(None, "Martin"), ("", "Martin"), ("Durand", "Durand")]
)
def test_the_usual_name_stands_if_there_is_one(usual: str | None, last: str) -> None:
    desired, _ = supann_writing.desired_identity(NUMBER, row(family="Martin", usual=usual))
    assert (desired["sn"], desired["supannNomDeNaissance"]) == ((last,), ("Martin",))
    assert desired["cn"] == (f"{last} Léa",)
    assert desired["displayName"] == (f"Léa {last}",)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        *((text, ("M.",)) for text in ("M", "m", "M.", "MR", "Mr.", "Monsieur", "MONSIEUR")),
        *((text, ("Mme",)) for text in ("MME", "Mme", "Mme.", "MLLE", "Mlle", "Madame")),
        ("", ()),
        ("Dr", ()),
        ("X", ()),
    ],
)
def test_a_civility_is_one_of_two_or_none(written: str, value: Values) -> None:
    desired, said = supann_writing.desired_identity(NUMBER, row(civility=written))
    assert desired["supannCivilite"] == value
    assert said == []


@pytest.mark.parametrize(
    ("written", "value", "notices"),
    [
        ("0701234567c", ("0701234567c",), 0),
        ("", (), 0),
        ("07é", (), 1),
        ("07*1", (), 1),
        ("07_1", (), 1),
        ("x" * 10, ("x" * 10,), 0),
    ],
)
def test_the_ine_stands_as_written_where_printable_string_takes_it(
    written: str, value: Values, notices: int
) -> None:
    desired, said = supann_writing.desired_identity(NUMBER, row(ine=written))
    assert desired["supannCodeINE"] == value
    assert len(said) == notices


def test_a_column_that_is_not_mapped_asks_for_nothing() -> None:
    desired, _ = supann_writing.desired_identity(NUMBER, row(civility=None, ine=None))
    assert not {"supannCivilite", "supannCodeINE"} & desired.keys()
    desired, _ = supann_writing.desired_enrolment(
        NUMBER,
        Enrolled(2026, (row(component=None, step="", step_mapped=False),)),
        RULES.institution,
    )
    assert desired.keys() == {"supannEtuAnneeInscription", "supannEtuInscription"}


# --- enrolment ----------------------------------------------------------------------------------

HEAD = (
    "[etab={UAI}0342490X][anneeinsc=2026][regimeinsc={INCONNU}][sectdisc={INCONNU}]"
    "[typedip={INCONNU}][cursusann={INCONNU}]"
)


@pytest.mark.parametrize(
    ("rows", "desired"),
    [
        pytest.param(
            [row()],
            {
                "supannEtuAnneeInscription": ("2026",),
                "supannEntiteAffectation": ("FDS",),
                "supannEntiteAffectationPrincipale": ("FDS",),
                "supannEtuEtape": ("{UAI:0342490X}L1INFO",),
                "supannEtuInscription": (HEAD + "[affect=FDS][etape={UAI:0342490X}L1INFO]",),
            },
            id="one",
        ),
        pytest.param(
            [row(), row(step="A1", component="ARTS", status=Status.WITHDRAWN)],
            {
                "supannEtuAnneeInscription": ("2026",),
                "supannEntiteAffectation": ("ARTS", "FDS"),
                "supannEntiteAffectationPrincipale": ("ARTS",),
                "supannEtuEtape": ("{UAI:0342490X}A1", "{UAI:0342490X}L1INFO"),
                "supannEtuInscription": (
                    HEAD + "[affect=ARTS][etape={UAI:0342490X}A1]",
                    HEAD + "[affect=FDS][etape={UAI:0342490X}L1INFO]",
                ),
            },
            id="two components",
        ),
        pytest.param(
            [row(), row(step="l1info"), row(step="L1MATH")],
            {
                "supannEtuAnneeInscription": ("2026",),
                "supannEntiteAffectation": ("FDS",),
                "supannEntiteAffectationPrincipale": ("FDS",),
                "supannEtuEtape": ("{UAI:0342490X}L1INFO", "{UAI:0342490X}L1MATH"),
                "supannEtuInscription": (
                    HEAD + "[affect=FDS][etape={UAI:0342490X}L1INFO]",
                    HEAD + "[affect=FDS][etape={UAI:0342490X}L1MATH]",
                ),
            },
            id="one component, steps that differ in case",
        ),
        pytest.param(
            [row(step="", component="")],
            {
                "supannEtuAnneeInscription": ("2026",),
                "supannEntiteAffectation": (),
                "supannEntiteAffectationPrincipale": (),
                "supannEtuEtape": (),
                "supannEtuInscription": (HEAD,),
            },
            id="empty parts left out",
        ),
    ],
)
def test_enrolment_is_that_of_the_counted_rows(
    rows: list[Enrolment], desired: dict[str, Values]
) -> None:
    for order in (rows, rows[::-1]):
        found, notices = supann_writing.desired_enrolment(
            NUMBER, Enrolled(2026, tuple(order)), RULES.institution
        )
        assert found == desired
        assert notices == []


@pytest.mark.parametrize(
    ("rows", "attribute", "value"),
    [
        pytest.param(
            [row(step="L1]X")], "supannEtuInscription", (HEAD + "[affect=FDS]",), id="step"
        ),
        pytest.param(
            [row(component="F]S")],
            "supannEtuInscription",
            (HEAD + "[etape={UAI:0342490X}L1INFO]",),
            id="component",
        ),
        pytest.param([row(component="FÉS")], "supannEntiteAffectation", (), id="not ASCII"),
    ],
)
def test_a_code_that_does_not_fit_is_left_out_with_a_notice(
    rows: list[Enrolment], attribute: str, value: Values
) -> None:
    desired, notices = supann_writing.desired_enrolment(
        NUMBER, Enrolled(2026, tuple(rows)), RULES.institution
    )
    assert desired[attribute] == value
    assert len(notices) == 1


def test_a_year_known_from_the_directory_alone_asks_for_no_enrolment() -> None:
    assert supann_writing.desired_enrolment(NUMBER, LEFT, RULES.institution) == ({}, [])


# --- distinct -----------------------------------------------------------------------------------


def test_values_that_the_directory_takes_for_the_same_are_written_once() -> None:
    assert supann_writing.distinct(["L1", "l1", "L 1", "L  1", "Ｌ１", "M1"]) == ("L1", "L 1", "M1")


def test_affiliations_of_others_are_not_named() -> None:
    current = having(account(), eduPersonAffiliation=("Student", "alum"))
    assert supann_writing.desired_affiliation(current, True, False) == (
        ("Student",),
        ("student", "member"),
    )
    assert supann_writing.desired_affiliation(current, False, False) == (("Student",), ())
    assert supann_writing.desired_affiliation(current, True, True) == (("Student",), ("student",))
    assert supann_writing.desired_affiliation(None, True, False) == ((), ("student", "member"))


def test_object_classes_of_others_are_not_named() -> None:
    current = account(objectClass=("InetOrgPerson", "posixAccount"))
    assert supann_writing.desired_classes(current, catalogue.OBJECT_CLASSES) == (
        ("InetOrgPerson",),
        catalogue.OBJECT_CLASSES,
    )
