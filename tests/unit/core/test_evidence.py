"""The evidence that entry and journal hold, and what is still missing."""

from __future__ import annotations

import pytest

from connector.core import evidence
from connector.core.account import Account
from connector.core.catalogue import Given
from connector.core.model import EvidenceItem
from connector.core.rules import Activation
from tests.unit.core.builders import account, evidence_item, having

BACKUP = evidence_item("backup_mail", "lea@example.org")
CHARTER = evidence_item("charter", "2026 2026-10-01T07:00:00Z")
WITH_MAIL = account(supannMailPrive="{SECOURS}lea@example.org")
WITH_CHARTER = account(scolpassCharter="2026 2026-10-01T07:00:00Z")
WITH_BOTH = having(WITH_MAIL, scolpassCharter="2026 2026-10-01T07:00:00Z")


# --- what is missing ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("current", "changed"),
    [
        (account(), True),
        (account(pwdReset="FALSE"), True),
        (account(pwdReset="TRUE"), False),
        (account(pwdReset="true"), False),
        (account(password=False), False),
    ],
)
def test_a_password_is_her_own_once_pwdreset_is_not_true(current: Account, changed: bool) -> None:
    assert current.has_own_password is changed


@pytest.mark.parametrize(
    ("current", "evidence_items", "missing"),
    [
        pytest.param(WITH_BOTH, [], [], id="all in the entry"),
        pytest.param(account(), [BACKUP, CHARTER], [], id="stored"),
        pytest.param(WITH_MAIL, [CHARTER], [], id="some here, some there"),
        pytest.param(account(), [], ["backup_mail", "charter"], id="only the password"),
        pytest.param(
            having(WITH_BOTH, pwdReset="TRUE"), [], ["password_changed"], id="password provisional"
        ),
        pytest.param(
            having(WITH_CHARTER, supannMailPrive="{PERSO}lea@example.org"),
            [],
            ["backup_mail"],
            id="a private mail with another label",
        ),
        pytest.param(
            having(WITH_CHARTER, supannMailPerso="lea@example.org"),
            [],
            ["backup_mail"],
            id="a personal mail without the label",
        ),
        pytest.param(
            having(WITH_CHARTER, supannMailPrive="{secours}lea@example.org"),
            [],
            [],
            id="case does not matter",
        ),
        pytest.param(
            account(),
            [evidence_item("forwarding", "lea@example.org")],
            ["backup_mail", "charter"],
            id="forwarding is no evidence",
        ),
        pytest.param(
            None, [CHARTER], ["password_changed", "backup_mail"], id="before the entry exists"
        ),
    ],
)
def test_what_is_missing_is_what_neither_entry_nor_journal_holds(
    current: Account | None, evidence_items: list[EvidenceItem], missing: list[str]
) -> None:
    assert evidence.missing(current, evidence_items, Activation()) == tuple(missing)


@pytest.mark.parametrize("require", [("password_changed",), ("charter", "password_changed"), ()])
def test_only_the_required_evidence_can_be_missing_in_the_configured_order(
    require: tuple[str, ...],
) -> None:
    activation = Activation.model_validate({"require": require})
    assert evidence.missing(None, (), activation) == require


def test_evidence_has_the_time_of_its_event_where_one_is_known() -> None:
    assert evidence.found(WITH_MAIL, [CHARTER]) == {
        "charter": CHARTER.time,
        "password_changed": None,
        "backup_mail": None,
    }


def test_all_evidence_that_is_shown_has_words() -> None:
    """What an account had when it was adopted is shown beside what the student gave."""
    names = (*(given.value for given in Given), evidence.ADOPTED)
    assert all(evidence.told([name]) for name in names)
    assert len(evidence.told(names).split(", ")) == len(names)
