"""An undo of several students is killed at each write, and between any two transactions.

After the next sync each student is as if the command had happened for them, or as if it had not:
entry, override, suspension and history say the same. Given again, it does the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest

from connector.desk import account as desk
from connector.desk import undo as undoing
from connector.walk import apply
from connector.walk.context import Context
from tests.directory.test_undo import END, last_run
from tests.support.desk import take, undo
from tests.support.killing import killed, killed_between
from tests.support.people import stand
from tests.support.walk import Row, Walk, student

MANY = 3

pytestmark = pytest.mark.timeout(600)

Kill = Callable[[Walk, Callable[[Context], object], int], bool]
KILLS: dict[str, Kill] = {
    "before a write": lambda walk, act, point: killed(walk, act, answered=False, point=point),
    "after a write": lambda walk, act, point: killed(walk, act, answered=True, point=point),
    "between": lambda walk, act, point: killed_between(walk, act, point=point),
}


class Groups:
    """Students who come in groups, each with its own run to be taken back."""

    def __init__(self, walk: Walk) -> None:
        self.walk = walk
        self.rows: dict[str, Row] = {}

    def enrol(self, numbers: list[str], **fields: object) -> int:
        """Their rows, and the run that takes them in."""
        for number in numbers:
            self.rows[number] = student(number, f"P{number}", f"N{number}", **fields)
        assert self.walk.sync(list(self.rows.values())).exit_status == 0
        return last_run(self.walk)


def _created(groups: Groups, numbers: list[str]) -> int:
    return groups.enrol(numbers)


def _expired(groups: Groups, numbers: list[str]) -> int:
    groups.enrol(numbers)
    return groups.enrol(numbers, status="A")


def _expired_and_undone(groups: Groups, numbers: list[str]) -> int:
    undo(groups.walk, _expired(groups, numbers))
    return last_run(groups.walk)


def _suspended(groups: Groups, numbers: list[str]) -> int:
    groups.enrol(numbers)
    take(groups.walk, desk.suspend, numbers[0])
    return last_run(groups.walk)


def _resumed(groups: Groups, numbers: list[str]) -> int:
    _suspended(groups, numbers)
    take(groups.walk, desk.resume, numbers[0])
    return last_run(groups.walk)


DONE = [_created, _expired, _expired_and_undone, _suspended, _resumed]


def seen(walk: Walk, number: str) -> dict[str, Any]:
    """What tells whether a change was taken back for a student."""
    entry = walk.people().get(number, {})
    with walk.context() as opened:
        override = opened.journal.overrides([number]).get(number)
        known = opened.journal.accounts([number]).get(number)
    return {
        "states": sorted(entry.get("supannRessourceEtatDate", [])),
        "closed": entry.get("pwdStartTime"),
        "undone": bool(override and override.undone),
        "not again": sorted(override.not_again) if override else [],
        "suspended": bool(override and override.suspended),
        "known": known and (known.state, known.since, known.cutoff, known.gone),
    }


def _cases() -> Iterator[Any]:
    for done in DONE:
        for name, kill in KILLS.items():
            if name == "between" or done in (_expired, _resumed):
                yield pytest.param(done, kill, id=f"{done.__name__.strip('_')}, {name}")


@pytest.mark.parametrize(("done", "kill"), list(_cases()))
def test_an_undo_has_happened_for_a_student_or_it_has_not(
    walk: Walk,
    done: Callable[[Groups, list[str]], int],
    kill: Kill,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("BATCH", "FIRST_BATCH", "LEAST_BATCH"):
        monkeypatch.setattr(apply, name, 1)  # so that some are never reached
    groups = Groups(walk)
    starts = _starts()
    undisturbed = next(starts)
    run = done(groups, undisturbed)
    not_happened = [seen(walk, number) for number in undisturbed]
    undo(walk, run)
    happened = [seen(walk, number) for number in undisturbed]
    fired = 0
    met: set[str] = set()
    for point in count(1):
        numbers = next(starts)
        run = done(groups, numbers)

        def act(opened: Context, run: int = run) -> object:
            return undoing.undo(opened, run, "it was wrong")

        if not kill(walk, act, point):
            assert [seen(walk, number) for number in numbers] == happened
            break
        fired += 1
        assert walk.sync().exit_status == 0
        for position, number in enumerate(numbers):
            found = seen(walk, number)
            assert found in (not_happened[position], happened[position]), (point, number)
            if happened[position] != not_happened[position]:
                met.add("happened" if found == happened[position] else "not")
        undo(walk, run)  # the rest
        walk.sync()
        assert [seen(walk, number) for number in numbers] == happened, point
    several = done not in (_suspended, _resumed)
    assert fired >= (MANY if several else 1)
    if several and kill is KILLS["between"]:
        assert met == {"happened", "not"}
    walk.invariants().check()
    walk.writes_nothing()


def _starts() -> Iterator[list[str]]:
    for start in count(22600001, MANY):
        yield [str(number) for number in range(start, start + MANY)]


@pytest.mark.parametrize("adopted", [False, True], ids=["ours", "met at the adoption"])
def test_a_resume_is_killed_between_any_two_transactions(walk: Walk, adopted: bool) -> None:
    """Whoever decided the suspension, it stands or it does not."""
    number = "22600001"
    rows = [student(number)]
    if adopted:
        state = f"{{COMPTE}}S:SupannVerrouAdministratif:20260101:{END}"
        stand(walk.directory, supannRessourceEtatDate=state, supannRessourceEtat=state[:-18])
    walk.synced(rows)
    for point in count(1):
        if not adopted or point > 1:
            take(walk, desk.suspend, number)
        before = seen(walk, number)["states"]
        fired = killed_between(walk, lambda o: desk.resume(o, number, "found"), point=point)
        assert walk.sync().exit_status == 0
        with walk.context() as opened:
            override = opened.journal.overrides([number]).get(number)
            known = opened.journal.accounts([number])[number]
        stands = bool(override and override.suspended) or known.adopted_suspended
        assert stands == (seen(walk, number)["states"] == before)
        if stands:
            take(walk, desk.resume, number)
        with walk.context() as opened:
            assert not opened.journal.accounts([number])[number].adopted_suspended
        assert walk.person(number)["supannRessourceEtatDate"] != before
        if not fired:
            break
    assert point > 3
