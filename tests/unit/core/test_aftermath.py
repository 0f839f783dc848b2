"""What a crash left is judged by what the change was computed from."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connector.core.account import Account
from connector.core.aftermath import Left, left
from connector.core.model import Action, Change, Fate
from connector.core.supann import Supann, outline
from connector.core.supann_reading import read_entry
from tests.unit.core.builders import RULES

DIALECT = Supann(RULES)
DN = "uid=e1,ou=people,dc=test"
STATE = "{COMPTE}A:SupannActif:20261001:20271231"
POLICY = "cn=provisional,dc=test"
BEFORE, SINCE = "20261001070000Z", "20261002070000Z"


def account(*, reset: bool, policy: bool, **attributes: str) -> Account:
    found = {
        "uid": ("e1",),
        "supannEtuId": ("1",),
        "sn": ("Martin",),
        "supannRessourceEtatDate": (STATE,),
        "pwdReset": ("TRUE",) if reset else (),
        "pwdPolicySubentry": (POLICY,) if policy else (),
        **{name: (value,) for name, value in attributes.items()},
    }
    return read_entry(DN, {name: values for name, values in found.items() if values})


def reissue(of: Account, **values: object) -> Change:
    """A new password for an account as it is."""
    wanted = {"pwdReset": ("TRUE",), "pwdPolicySubentry": (POLICY,)}
    attributes = {name: (of.values(name), after) for name, after in wanted.items()}
    attributes["userPassword"] = (("(password)",), ("(provisional password)",))
    made = Change(
        Action.REISSUE, "1", DN, "lost", attributes, sealed=Fate.DRAWN, outline=outline(attributes)
    )
    return replace(made, **{"password_since": BEFORE, **values})  # type: ignore[arg-type]


OWN = account(reset=False, policy=False)
PROVISIONAL = account(reset=True, policy=True)
RESET_BY_OTHERS = account(reset=True, policy=False)
USED = account(reset=False, policy=True)


@pytest.mark.parametrize(
    ("computed_from", "now", "changed_at", "found"),
    [
        # Of a student with a password of their own, pwdReset was never there.
        (OWN, OWN, BEFORE, Left.NOT_MADE),
        (OWN, OWN, SINCE, Left.OVERTAKEN),
        (OWN, PROVISIONAL, SINCE, Left.MADE),
        (OWN, RESET_BY_OTHERS, SINCE, Left.NOT_MADE),
        # The old provisional password cannot be told from the new one, but by its use.
        (PROVISIONAL, PROVISIONAL, BEFORE, Left.NOT_MADE),
        (PROVISIONAL, USED, SINCE, Left.OVERTAKEN),
        (RESET_BY_OTHERS, OWN, BEFORE, Left.OVERTAKEN),
        (RESET_BY_OTHERS, PROVISIONAL, SINCE, Left.MADE),
        (OWN, None, "", Left.NOT_MADE),
    ],
)
def test_a_reissue_is_judged_by_the_password_that_it_was_to_replace(
    computed_from: Account, now: Account | None, changed_at: str, found: Left
) -> None:
    assert left(reissue(computed_from), now, changed_at, DIALECT) is found


def test_without_the_time_of_the_password_an_absent_reset_tells_nothing() -> None:
    assert left(reissue(OWN, password_since=None), OWN, SINCE, DIALECT) is Left.NOT_MADE


def creation() -> Change:
    attributes = {name: ((), values) for name, values in PROVISIONAL.attributes.items()}
    attributes["userPassword"] = ((), ("(provisional password)",))
    return Change(
        Action.CREATE,
        "1",
        DN,
        "enrolled",
        attributes,
        sealed=Fate.DRAWN,
        outline=outline(attributes),
    )


def test_an_entry_that_was_made_is_known_by_what_is_ours_though_others_have_touched_it() -> None:
    touched = account(reset=True, policy=True, sn="Falsch", mail="another@example.org")
    assert left(creation(), touched, "", DIALECT) is Left.MADE


@pytest.mark.parametrize("name", ["supannEtuId", "uid", "supannRessourceEtatDate", "pwdReset"])
def test_an_entry_that_somebody_else_made_is_not_taken_for_ours(name: str) -> None:
    theirs = {n: v for n, v in PROVISIONAL.attributes.items() if n != name}
    assert left(creation(), read_entry(DN, theirs), "", DIALECT) is Left.NOT_MADE


def test_what_was_to_be_deleted_is_done_once_it_is_gone() -> None:
    attributes = {name: (values, ()) for name, values in OWN.attributes.items()}
    purge = Change(Action.PURGE, "1", DN, "over", attributes, outline=outline(attributes))
    assert left(purge, None, "", DIALECT) is Left.MADE
    assert left(purge, OWN, BEFORE, DIALECT) is Left.NOT_MADE
