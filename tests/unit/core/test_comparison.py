"""How an entry is compared with what it is to hold."""

from __future__ import annotations

import pytest

from connector.core import comparison
from connector.core.account import Account, Difference, Values
from connector.core.ldap_filter import holds
from connector.core.model import Action, Change
from connector.core.supann import outline
from connector.core.supann_reading import SUSPENDED_UNTIL
from connector.core.supann_writing import SECRET
from tests.unit.core.builders import DN, NUMBER, POLICY, account


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
        ("pwdStartTime", ("20991231230000.0Z",), (SUSPENDED_UNTIL,), False),
        ("pwdReset", ("true",), ("TRUE",), False),
        ("pwdReset", ("FALSE",), ("TRUE",), True),
        ("pwdPolicySubentry", (POLICY.upper(),), (POLICY,), False),
        ("pwdPolicySubentry", ("cn=default",), (POLICY,), True),
    ],
)
def test_values_differ_as_the_directory_compares_them(
    name: str, before: Values, after: Values, differs: bool
) -> None:
    assert comparison.differ(name, before, after) is differs


def test_the_difference_names_what_changes_and_nothing_else() -> None:
    current = account(sn="Martin", givenName="Lea", description="kept")
    found = comparison.difference(
        current,
        {"sn": ("Martin",), "givenName": ("Léa",), "supannCodeINE": ()},
        {"eduPersonAffiliation": (("student", "member"), ("student", "member"))},
    )
    assert found == {"givenName": (("Lea",), ("Léa",))}


def test_a_change_of_state_is_guarded_by_what_it_was_computed_from() -> None:
    current = account(
        "{COMPTE}A:SupannActif:20260901:20271231",
        "{WIFI}A:SupannActif::",
        pwdEndTime="20271231230000Z",
        description="not ours",
    )
    changed: Difference = {"sn": (("Martin",), ("Durand",)), "supannCodeINE": ((), ("1",))}
    filters = comparison.guard(current, changed, lifecycle=True)
    assert set(filters) == {
        f"(supannEtuId={NUMBER})",
        "(sn=Martin)",
        "(!(supannCodeINE=*))",
        holds("supannRessourceEtatDate", "{COMPTE}A:SupannActif:20260901:20271231"),
        "(!(pwdReset=*))",
        "(pwdEndTime=20271231230000Z)",
        "(!(pwdStartTime=*))",
        "(!(pwdPolicySubentry=*))",
        "(!(supannEmpId=*))",
    }


def test_a_guard_does_not_name_what_others_wrote_nor_the_password() -> None:
    changed: Difference = {
        "userPassword": (("(password)",), (SECRET,)),
        "eduPersonAffiliation": ((), ("student",)),
    }
    filters = comparison.guard(account(None), changed, lifecycle=False)
    assert filters == (f"(supannEtuId={NUMBER})",)
    assert "(!(supannRessourceEtatDate={COMPTE}*))" in comparison.guard(
        account(None), changed, lifecycle=True
    )


def _change(action: Action, **attributes: tuple[Values, Values]) -> Change:
    return Change(action, NUMBER, DN, "because", attributes, outline=outline(attributes))


NAME = _change(Action.UPDATE, sn=(("Martin",), ("Durand",)))
LEAVES = _change(Action.EXPIRE, eduPersonAffiliation=(("student", "member"), ()))
PASSWORD = _change(Action.REISSUE, userPassword=(("(password)",), (SECRET,)))
FIRST = _change(Action.UPDATE, userPassword=((), (SECRET,)))
MADE = _change(Action.CREATE, sn=((), ("Martin",)), userPassword=((), (SECRET,)))
GONE = _change(Action.PURGE, supannEtuId=((NUMBER,), ()), sn=(("Martin",), ()))


@pytest.mark.parametrize(
    ("change", "current", "done"),
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
    change: Change, current: Account | None, done: bool
) -> None:
    assert comparison.is_done(change, current) is done
