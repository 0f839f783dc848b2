"""The steps of the first connection, counted: in whatever account, they leave no number out."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import combinations, product

import pytest

from connector.activation.visits import Step, steps_of
from connector.edges.journal.sessions import Session
from tests.unit.core.builders import RULES, account, having

NOW = datetime(2026, 10, 1, 12, tzinfo=UTC)
GIVEN_BEFORE = {
    "backup_mail": {"supannMailPrive": "{SECOURS}lea@example.org"},
    "charter": {"scolpassCharter": "2026 2026-10-01T07:00:00Z"},
    "forwarding": {"mailForwardingAddress": "lea@example.org"},
}
BEFORE = [c for count in range(4) for c in combinations(GIVEN_BEFORE, count)]


@pytest.mark.parametrize("before", BEFORE, ids="+".join)
@pytest.mark.parametrize(("must_change", "doubted"), [(True, True), (False, True), (False, False)])
@pytest.mark.parametrize("state", ["{COMPTE}I:SupannCree", "{COMPTE}A:SupannActif"])
def test_the_numbers_of_the_steps_leave_none_out(
    before: tuple[str, ...], must_change: bool, doubted: bool, state: str
) -> None:
    """After a reissue, too, on an account that has some of what is asked for."""
    entry = account(f"{state}:20261001:20271231")
    for name in before:
        entry = having(entry, **GIVEN_BEFORE[name])
    if must_change:
        entry = having(entry, pwdReset="TRUE")
    stood = dict.fromkeys(before, "something")
    session = Session("s", "22600001", NOW, NOW, {}, None)
    numbers: list[tuple[int, int]] = []
    for _ in Step:
        steps, given = steps_of(session, entry, stood, (), RULES, doubted=doubted)
        step = next(one for one in steps if one not in given)
        numbers.append((steps.index(step) + 1, len(steps) - 1))
        if step is Step.DONE:
            break
        session = replace(session, kept={**session.kept, step.value: "something"})
        if step is Step.PASSWORD:
            entry = having(entry, pwdReset=())
    positions = [position for position, _ in numbers]
    assert positions == list(range(positions[0], positions[0] + len(positions)))
    assert len({of for _, of in numbers}) == 1
    assert positions[-1] == numbers[0][1] + 1  # the last page comes after the last step


def test_the_table_has_the_reissued_account_whose_charter_stands() -> None:
    assert ("backup_mail", "charter") in BEFORE
    assert len(list(product(BEFORE, range(3), range(2)))) == 48
