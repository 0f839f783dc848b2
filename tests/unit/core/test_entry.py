"""An account as LDAP attributes: the pages "The student's entry" and the formats of SUPANN."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.core import entry
from connector.core.dn import is_below, same_dn
from connector.core.entry import Difference, Standing, Values
from connector.core.model import Account, Action, Change, Enrolment, State, Status
from tests.support.examples import examples
from tests.unit.core.builders import DN, NUMBER, POLICY, RULES, account, having, row

START, END = date(2026, 9, 1), date(2027, 12, 31)
PARIS = ZoneInfo("Europe/Paris")


# --- times --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "zone", "closes"),
    [
        pytest.param(END, "Europe/Paris", "20271231230000Z", id="Paris"),
        pytest.param(END, "Pacific/Noumea", "20271231130000Z", id="Noumea"),
        pytest.param(END, "Pacific/Tahiti", "20280101100000Z", id="Tahiti"),
        pytest.param(END, "America/Martinique", "20280101040000Z", id="Martinique"),
        pytest.param(END, "Indian/Reunion", "20271231200000Z", id="Reunion"),
        pytest.param(date(2027, 6, 30), "Europe/Paris", "20270630220000Z", id="summer"),
        pytest.param(date(2027, 3, 27), "Europe/Paris", "20270327230000Z", id="eve of summer time"),
        pytest.param(date(2027, 3, 28), "Europe/Paris", "20270328220000Z", id="day of summer time"),
        pytest.param(date(2027, 10, 30), "Europe/Paris", "20271030220000Z", id="eve of winter"),
        pytest.param(date(2027, 10, 31), "Europe/Paris", "20271031230000Z", id="day of winter"),
        pytest.param(date(2028, 2, 28), "Europe/Paris", "20280228230000Z", id="leap year"),
        pytest.param(date(2028, 2, 29), "Europe/Paris", "20280229230000Z", id="leap day"),
        pytest.param(
            date(2027, 4, 29), "Africa/Cairo", "20270429220000Z", id="a midnight that is skipped"
        ),
        pytest.param(
            date(2027, 11, 6), "America/Havana", "20271107040000Z", id="a midnight that comes twice"
        ),
    ],
)
def test_a_day_ends_at_the_institutions_midnight(day: date, zone: str, closes: str) -> None:
    assert entry.end_of_day(day, ZoneInfo(zone)) == closes


@settings(max_examples=examples(100), deadline=None)
@given(
    day=st.dates(date(2020, 1, 1), date(2060, 1, 1)),
    zone=st.sampled_from(["Europe/Paris", "Pacific/Noumea", "Pacific/Tahiti", "America/Cayenne"]),
)
def test_the_end_of_a_day_is_read_back_as_the_next_days_first_instant(day: date, zone: str) -> None:
    found = entry.instant(entry.end_of_day(day, ZoneInfo(zone)))
    assert found is not None
    local = found.astimezone(ZoneInfo(zone))
    assert local.date() == day + timedelta(days=1)
    assert (local.hour, local.minute, local.second) == (0, 0, 0)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("20271231230000Z", datetime(2027, 12, 31, 23, tzinfo=UTC)),
        ("20280101000000+0100", datetime(2027, 12, 31, 23, tzinfo=UTC)),
        ("20280101000000+01", datetime(2027, 12, 31, 23, tzinfo=UTC)),
        ("20271231230000.000Z", datetime(2027, 12, 31, 23, tzinfo=UTC)),
        ("202712312300Z", datetime(2027, 12, 31, 23, tzinfo=UTC)),
        ("2027123123Z", datetime(2027, 12, 31, 23, tzinfo=UTC)),
        ("20271231233000-0330", datetime(2028, 1, 1, 3, tzinfo=UTC)),
        ("20271231230000", None),
        ("20271331230000Z", None),
        ("", None),
        ("tomorrow", None),
    ],
)
def test_a_generalized_time_is_an_instant_whatever_its_offset(
    text: str, instant: datetime | None
) -> None:
    assert entry.instant(text) == instant


# --- the state ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "standing"),
    [
        ("{COMPTE}A:SupannActif:20260901:20271231", Standing(State.ACTIVE, START, END)),
        ("{COMPTE}A:SupannSursis:20260901:20271231", Standing(State.GRACE, START, END)),
        ("{COMPTE}A:SupannAnticipe:20260901:", Standing(State.ACTIVE, START)),
        ("{COMPTE}A:::", Standing(State.ACTIVE)),
        ("{COMPTE}I:SupannCree:20260901:20271231", Standing(State.INACTIVE, START, END)),
        ("{COMPTE}I:SupannPrecree::", Standing(State.INACTIVE)),
        ("{COMPTE}I:SupannExpire:20260901:", Standing(State.EXPIRED, START)),
        ("{COMPTE}I:SupannInactif::", Standing(State.EXPIRED)),
        ("{COMPTE}I:::", Standing(State.EXPIRED)),
        ("{COMPTE}S:SupannVerrouille:20260901:20271231", Standing(State.SUSPENDED, START, END)),
        ("{compte}i:supanncree:20260901:20271231", Standing(State.INACTIVE, START, END)),
        ("{COMPTE}A:SupannActif:20261301:2027", Standing(State.ACTIVE)),
        ("{COMPTE}X:SupannActif:20260901:20271231", Standing()),
        ("{COMPTE}A", Standing()),
        ("{WIFI}A:SupannActif:20260901:20271231", Standing()),
        ("{MAIL}A:SupannActif:20260901:20271231", Standing()),
    ],
)
def test_a_state_is_read_in_supanns_words(value: str, standing: Standing) -> None:
    found = entry.standing(account(value))
    assert (found.state, found.start, found.end) == (standing.state, standing.start, standing.end)


def test_a_suspension_beside_another_value_is_believed() -> None:
    two = ("{COMPTE}A:SupannActif:20260901:", "{COMPTE}S:SupannVerrouille:20261001:")
    assert entry.standing(account(*two)).state is State.SUSPENDED
    assert entry.standing(account(*two[::-1])).state is State.SUSPENDED


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
    assert entry.state_value("COMPTE", state, START, END) == value
    assert entry.standing(account(value)).state is state
    assert entry.state_value("COMPTE", State.EXPIRED, START, None) == (
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
    standing = account("{COMPTE}A:SupannActif:20250905:20261231", *([mail] if mail else []))
    end = None if state is State.EXPIRED else END
    wish = entry.state_wish(standing, state, START, end)["supannRessourceEtatDate"]
    assert [value for value in wish[1] if value.startswith("{MAIL}")] == (
        [wanted] if wanted else []
    )


def test_the_undated_state_is_the_dated_one_without_its_dates() -> None:
    standing = account("{COMPTE}A:::", "{WIFI}A:SupannActif::")
    wish = entry.state_wish(standing, State.ACTIVE, START, END)
    assert wish["supannRessourceEtat"] == (
        ("{COMPTE}A:",),
        ("{COMPTE}A:SupannActif", "{MAIL}A:SupannActif"),
    )


def test_states_of_other_resources_are_not_named() -> None:
    wish = entry.state_wish(account(None, "{WIFI}A:SupannActif::"), State.ACTIVE, START, END)
    assert wish["supannRessourceEtatDate"][0] == ()


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
    assert entry.is_shared_person(having(account(), **attributes)) is shared


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
    assert entry.has_policy(account(pwdPolicySubentry=one), other) is same


def test_a_dn_is_below_its_base_and_no_other() -> None:
    assert is_below(DN, RULES.people_dn.upper())
    assert not is_below(RULES.people_dn, RULES.people_dn)
    assert not is_below("uid=x,ou=staff,dc=umontpellier,dc=fr", RULES.people_dn)
    assert not is_below("uid=x,ou=morepeople,dc=umontpellier,dc=fr", RULES.people_dn)


# --- identity -----------------------------------------------------------------------------------


def test_identity_is_the_registers() -> None:
    wish, notices = entry.identity_wish(NUMBER, row(family="Martin", first="Léa"))
    assert wish == {
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
    wish, _ = entry.identity_wish(NUMBER, row(family="Martin", usual=usual))
    assert (wish["sn"], wish["supannNomDeNaissance"]) == ((last,), ("Martin",))
    assert wish["cn"] == (f"{last} Léa",)
    assert wish["displayName"] == (f"Léa {last}",)


@pytest.mark.parametrize(
    ("written", "value", "notices"),
    [
        *((text, ("M.",), 0) for text in ("M", "m", "M.", "MR", "Mr.", "Monsieur", "MONSIEUR")),
        *((text, ("Mme",), 0) for text in ("MME", "Mme", "Mme.", "MLLE", "Mlle", "Madame")),
        ("", (), 0),
        ("Dr", (), 1),
        ("X", (), 1),
    ],
)
def test_a_civility_is_one_of_two_or_none(written: str, value: Values, notices: int) -> None:
    wish, said = entry.identity_wish(NUMBER, row(civility=written))
    assert wish["supannCivilite"] == value
    assert len(said) == notices


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
    wish, said = entry.identity_wish(NUMBER, row(ine=written))
    assert wish["supannCodeINE"] == value
    assert len(said) == notices


def test_a_column_that_is_not_mapped_asks_for_nothing() -> None:
    wish, _ = entry.identity_wish(NUMBER, row(civility=None, ine=None))
    assert not {"supannCivilite", "supannCodeINE"} & wish.keys()
    wish, _ = entry.enrolment_wish(
        NUMBER, 2026, [row(component=None, step="", step_mapped=False)], RULES.institution
    )
    assert wish.keys() == {"supannEtuAnneeInscription", "supannEtuInscription"}


# --- enrolment ----------------------------------------------------------------------------------

HEAD = (
    "[etab={UAI}0342490X][anneeinsc=2026][regimeinsc={INCONNU}][sectdisc={INCONNU}]"
    "[typedip={INCONNU}][cursusann={INCONNU}]"
)


@pytest.mark.parametrize(
    ("rows", "wish"),
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
    rows: list[Enrolment], wish: dict[str, Values]
) -> None:
    for order in (rows, rows[::-1]):
        found, notices = entry.enrolment_wish(NUMBER, 2026, order, RULES.institution)
        assert found == wish
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
    wish, notices = entry.enrolment_wish(NUMBER, 2026, rows, RULES.institution)
    assert wish[attribute] == value
    assert len(notices) == 1


def test_a_year_known_from_the_directory_alone_asks_for_no_enrolment() -> None:
    assert entry.enrolment_wish(NUMBER, 2026, [], RULES.institution) == ({}, [])


# --- the difference -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "before", "after", "differs"),
    [
        ("sn", ("Martin",), ("Martin",), False),
        ("sn", ("MARTIN",), ("Martin",), True),
        ("sn", (), ("Martin",), True),
        ("sn", ("Martin", "Durand"), ("Martin",), True),
        ("supannEtuEtape", ("a", "b"), ("b", "a"), False),
        ("eduPersonAffiliation", ("Student", "member"), ("member", "student"), False),
        ("eduPersonAffiliation", ("student",), ("student", "member"), True),
        ("objectClass", ("INETORGPERSON",), ("inetOrgPerson",), False),
        ("pwdEndTime", ("20280101000000+0100",), ("20271231230000Z",), False),
        ("pwdEndTime", ("20280101000000Z",), ("20271231230000Z",), True),
        ("pwdEndTime", (), ("20271231230000Z",), True),
        ("pwdEndTime", ("never",), ("20271231230000Z",), True),
        ("pwdStartTime", ("20991231230000.0Z",), (entry.SUSPENDED_UNTIL,), False),
        ("pwdReset", ("true",), ("TRUE",), False),
        ("pwdReset", ("FALSE",), ("TRUE",), True),
        ("pwdPolicySubentry", (POLICY.upper(),), (POLICY,), False),
        ("pwdPolicySubentry", ("cn=default",), (POLICY,), True),
    ],
)
def test_values_differ_as_the_directory_compares_them(
    name: str, before: Values, after: Values, differs: bool
) -> None:
    assert entry.differ(name, before, after) is differs


def test_the_difference_names_what_changes_and_nothing_else() -> None:
    standing = account(sn="Martin", givenName="Lea", description="kept")
    found = entry.difference(
        standing,
        {"sn": ("Martin",), "givenName": ("Léa",), "supannCodeINE": ()},
        {"eduPersonAffiliation": (("student", "member"), ("student", "member"))},
    )
    assert found == {"givenName": (("Lea",), ("Léa",))}


# --- filters ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "filter_"),
    [
        ("Martin", "(sn=Martin)"),
        ("De La Tour", "(sn=De La Tour)"),
        ("a*b", r"(sn=\61\2a\62)"),
        ("(x)", r"(sn=\28\78\29)"),
        ("a\\b", r"(sn=\61\5c\62)"),
        ("a\x00", r"(sn=\61\00)"),
        ("É", r"(sn=\c3\89)"),
        (" x", r"(sn=\20\78)"),
        ("x ", r"(sn=\78\20)"),
        ("a  b", r"(sn=\61\20\20\62)"),
    ],
)
def test_a_value_in_a_filter_can_only_be_a_value(value: str, filter_: str) -> None:
    assert entry.holds("sn", value) == filter_


@settings(max_examples=examples(100), deadline=None)
@given(st.text(max_size=40))
def test_no_text_escapes_from_a_filter(value: str) -> None:
    inner = entry.escape(value)
    assert not set(inner) & set("()*\x00")
    assert inner.count("\\") in (0, len(value.encode("utf-8", "surrogateescape")))


def test_a_change_of_state_is_guarded_by_what_it_was_computed_from() -> None:
    standing = account(
        "{COMPTE}A:SupannActif:20260901:20271231",
        "{WIFI}A:SupannActif::",
        pwdEndTime="20271231230000Z",
        description="not ours",
    )
    changed: Difference = {"sn": (("Martin",), ("Durand",)), "supannCodeINE": ((), ("1",))}
    filters = entry.guard(standing, changed, lifecycle=True)
    assert set(filters) == {
        f"(supannEtuId={NUMBER})",
        "(sn=Martin)",
        "(!(supannCodeINE=*))",
        entry.holds("supannRessourceEtatDate", "{COMPTE}A:SupannActif:20260901:20271231"),
        "(!(pwdReset=*))",
        "(pwdEndTime=20271231230000Z)",
        "(!(pwdStartTime=*))",
        "(!(pwdPolicySubentry=*))",
        "(!(supannEmpId=*))",
    }


def test_a_guard_does_not_name_what_others_wrote_nor_the_password() -> None:
    changed: Difference = {
        "userPassword": (("(password)",), (entry.SECRET,)),
        "eduPersonAffiliation": ((), ("student",)),
    }
    filters = entry.guard(account(None), changed, lifecycle=False)
    assert filters == (f"(supannEtuId={NUMBER})",)
    assert "(!(supannRessourceEtatDate={COMPTE}*))" in entry.guard(
        account(None), changed, lifecycle=True
    )


# --- was it done? -------------------------------------------------------------------------------


def _change(action: Action, **attributes: tuple[Values, Values]) -> Change:
    return Change(action, NUMBER, DN, "because", attributes)


NAME = _change(Action.UPDATE, sn=(("Martin",), ("Durand",)))
LEAVES = _change(Action.EXPIRE, eduPersonAffiliation=(("student", "member"), ()))
PASSWORD = _change(Action.REISSUE, userPassword=(("(password)",), (entry.SECRET,)))
FIRST = _change(Action.UPDATE, userPassword=((), (entry.SECRET,)))
MADE = _change(Action.CREATE, sn=((), ("Martin",)), userPassword=((), (entry.SECRET,)))
GONE = _change(Action.PURGE, supannEtuId=((NUMBER,), ()), sn=(("Martin",), ()))


@pytest.mark.parametrize(
    ("change", "standing", "done"),
    [
        pytest.param(NAME, account(sn="Durand"), True, id="the new value stands"),
        pytest.param(NAME, account(), False, id="the old value stands"),
        pytest.param(NAME, None, False, id="the entry is gone"),
        pytest.param(LEAVES, account(eduPersonAffiliation="alum"), True, id="others' value stands"),
        pytest.param(LEAVES, account(eduPersonAffiliation="member"), False, id="half of it"),
        pytest.param(PASSWORD, account(), False, id="a new password tells nothing"),
        pytest.param(FIRST, account(), True, id="a first password does"),
        pytest.param(FIRST, account(password=False), False, id="no password yet"),
        pytest.param(MADE, None, False, id="not made"),
        pytest.param(MADE, account(), True, id="made"),
        pytest.param(MADE, account(sn="Durand"), False, id="another one is there"),
        pytest.param(GONE, None, True, id="purged"),
        pytest.param(GONE, account(), False, id="not purged"),
    ],
)
def test_whether_a_change_was_made_is_read_from_the_entry(
    change: Change, standing: Account | None, done: bool
) -> None:
    assert entry.is_done(change, standing) is done


# --- distinct -----------------------------------------------------------------------------------


def test_values_that_the_directory_takes_for_the_same_are_written_once() -> None:
    assert entry.distinct(["L1", "l1", "L 1", "L  1", "Ｌ１", "M1"]) == ("L1", "L 1", "M1")


def test_affiliations_of_others_are_not_named() -> None:
    standing = having(account(), eduPersonAffiliation=("Student", "alum"))
    assert entry.affiliation_wish(standing, True, False) == (("Student",), ("student", "member"))
    assert entry.affiliation_wish(standing, False, False) == (("Student",), ())
    assert entry.affiliation_wish(standing, True, True) == (("Student",), ("student",))
    assert entry.affiliation_wish(None, True, False) == ((), ("student", "member"))


def test_object_classes_of_others_are_not_named() -> None:
    standing = account(objectClass=("InetOrgPerson", "posixAccount"))
    assert entry.class_wish(standing, entry.OBJECT_CLASSES) == (
        ("InetOrgPerson",),
        entry.OBJECT_CLASSES,
    )


def test_no_attribute_is_both_optional_and_shared_and_all_are_read() -> None:
    assert not entry.OPTIONAL & entry.SHARED
    assert set(entry.READ) >= entry.OPTIONAL | entry.SHARED | {"pwdStartTime", "supannEmpId"}
