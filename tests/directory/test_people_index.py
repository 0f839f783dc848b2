"""The index of people is true after every command: it is what register, directory and journal make
from nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from connector.core.account import State
from connector.core.card import Card
from connector.core.situations import Situation
from connector.desk import account as desk
from connector.desk import decisions
from connector.walk import execution
from connector.walk.context import Context
from connector.walk.planning import prepare
from connector.walk.scope import Scope
from tests.support.desk import activate, take, undo
from tests.support.events import NUMBER
from tests.support.index import empty, is_true
from tests.support.past import Rates, make_past
from tests.support.people import stand
from tests.support.walk import Walk, student

Step = Callable[[Walk], object]
OTHER = "22600002"


def dn_of(walk: Walk, number: str = NUMBER) -> str:
    return walk.person(number)["dn"][0]


def expire(walk: Walk) -> None:
    walk.sync([student(NUMBER, status="cancelled"), student(OTHER, "Ana", "Roux")])


def purge(walk: Walk) -> None:
    expire(walk)
    walk.today += timedelta(days=400)
    walk.sync([student(NUMBER, status="cancelled"), student(OTHER, "Ana", "Roux")])


def lose(walk: Walk) -> None:
    with walk.directory.connect() as admin:
        admin.delete(dn_of(walk))


# Each begins with two students who have their accounts.
COMMANDS: dict[str, list[Step]] = {
    "sync": [],
    "activate": [lambda w: activate(w, NUMBER)],
    "suspend": [lambda w: take(w, desk.suspend)],
    "resume": [lambda w: take(w, desk.suspend), lambda w: take(w, desk.resume)],
    "reissue": [lambda w: take(w, desk.reissue)],
    "rename": [
        lambda w: w.sync([student(NUMBER, "Léa", "Noël"), student(OTHER, "Ana", "Roux")]),
        lambda w: take(w, desk.rename),
    ],
    "cancelled": [expire],
    "restored": [expire, lambda w: w.sync([student(NUMBER), student(OTHER, "Ana", "Roux")])],
    "erase": [expire, lambda w: take(w, desk.erase)],
    "purge": [purge],
    "erased after a purge": [purge, lambda w: take(w, desk.erase)],
    "undo of a purge": [purge, lambda w: undo(w, last_run(w))],
    "undo of a creation": [lambda w: undo(w, 1)],
    "resync": [lambda w: w.resync(OTHER)],
    "deleted by hand": [lose, lambda w: w.sync()],
    "gone from the register": [lambda w: w.sync([student(OTHER, "Ana", "Roux")], accept_feed=True)],
    "rebuild": [lambda w: take(w, lambda c, n, r: desk.rebuild(c, r, None))],
}


def last_run(walk: Walk) -> int:
    with walk.context() as context:
        return context.journal.latest_run_id()


@pytest.mark.parametrize("steps", COMMANDS.values(), ids=COMMANDS)
def test_after_a_command_the_index_is_what_is_made_from_nothing(
    walk: Walk, steps: list[Step]
) -> None:
    walk.synced([student(NUMBER), student(OTHER, "Ana", "Roux", ine="07ABC")])
    is_true(walk)
    for step in steps:
        step(walk)
        is_true(walk)


# --- who is who -----------------------------------------------------------------------------------


def as_situated(walk: Walk) -> tuple[dict[str, Situation], dict[str, Situation]]:
    """The situations of students by number, and of persons' entries without one by DN."""
    with walk.context() as context:
        found = prepare(context, Scope(listing=True)).situations
    students = {one.student_number: one.situation for one in found if one.student_number}
    entries = {
        one.dn: one.situation
        for one in found
        if one.dn and not one.student_number and one.because != "no person's entry"
    }
    return students, entries


def is_situated(walk: Walk) -> None:
    """See that the index has each student and each entry in the situation it is in."""
    cards = is_true(walk)
    students, entries = as_situated(walk)
    mine = {c.student_number: c.situation for c in cards.values() if c.student_number}
    assert {number: mine.get(number) for number in students} == students
    theirs = {c.dn: c.situation for c in cards.values() if not c.student_number}
    of_a_number = {c.dn for c in cards.values() if c.student_number}
    of_a_number |= {dn for c in cards.values() for dn in candidates_of(c)}
    assert {dn: s for dn, s in entries.items() if dn not in of_a_number} == {
        dn: s for dn, s in theirs.items() if dn not in of_a_number
    }


def candidates_of(card: Card) -> list[str]:
    ambiguous = card.situation is Situation.AMBIGUOUS
    return [one.dn for one in card.candidates] if ambiguous else []


def test_decisions_are_in_the_index_at_once(walk: Walk) -> None:
    """Link, distinct, protect and adopt, each carried out and revoked."""
    ine = "123456789AB"
    asked = stand(walk.directory, None, uid="lmartin", supannCodeINE=ine, supannEtuId=None)
    stand(walk.directory, "99", uid="leaver", mail="l@x.org")
    other = stand(walk.directory, None, uid="other", supannEtuId=None, mail="o@x.org", cn="Zo Roux")
    walk.sync([student(NUMBER, ine=ine), student(OTHER, "Ana", "Roux")])
    is_situated(walk)
    leaver = decisions.Leaver("99", None)
    until = walk.today + timedelta(days=100)
    decided: list[Callable[[Context], decisions.Decided]] = [
        lambda c: decisions.link(c, NUMBER, asked, "seen"),
        lambda c: decisions.distinct(c, NUMBER, asked, "seen"),
        lambda c: decisions.protect(c, other, "staff"),
        lambda c: decisions.protect(c, dn_of(walk, OTHER), "staff"),
        lambda c: decisions.adopt(c, [leaver], until, "minutes"),
    ]
    for decide in decided:
        with walk.context() as context, context.locked("decide", whole=False):
            found = decide(context)
        assert found.run is not None
        is_true(walk)
        undo(walk, found.run)
        is_true(walk)
    with walk.context() as context:
        decisions.link(context, NUMBER, asked, "seen")
        decisions.adopt(context, [leaver], until, "minutes")
    walk.sync()
    is_situated(walk)
    assert is_true(walk)[NUMBER].dn == asked


def test_of_a_university_each_entry_and_each_student_is_in_the_index_as_situated(
    walk: Walk,
) -> None:
    """A directory with a past: twins, staff who study, leavers, lost numbers, two on one entry."""
    past = make_past("one", 60, 70, rates=Rates().harsher(8))
    walk.directory.load(past.ldif())
    walk.workspace.write_register_text(past.csv())
    for _ in range(2):  # whose candidate an entry is, may change with what a run writes to it
        walk.sync()
    is_situated(walk)
    walk.workspace.configure({"safety": {"max_update": "100%"}})
    for _ in range(2):
        walk.sync()
    is_situated(walk)


# --- what a crash, an upgrade or a loss leaves ----------------------------------------------------


def test_after_a_crash_before_cards_are_filed_the_next_run_of_any_kind_files_them(
    walk: Walk, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk.synced([student(NUMBER), student(OTHER, "Ana", "Roux")])

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(execution, "file_cards", killed)
        with pytest.raises(KeyboardInterrupt):
            take(walk, desk.suspend)
    with walk.context() as context:
        assert context.journal.unfiled() == [NUMBER]
        assert context.journal.people([NUMBER])[NUMBER].state is State.INACTIVE
    walk.resync(OTHER)
    assert is_true(walk)[NUMBER].state is State.SUSPENDED


def test_an_index_that_is_lost_says_so_until_a_full_run_has_filled_it(walk: Walk) -> None:
    with walk.context() as context:
        assert context.journal.people_filled() is None
    walk.synced([student(NUMBER), student(OTHER, "Ana", "Roux")])
    with walk.context() as context:
        empty(context)
        assert context.journal.people_filled() is None
    walk.resync(NUMBER)
    with walk.context() as context:
        assert context.journal.people_filled() is None
        assert context.journal.people([NUMBER, OTHER]).keys() == {NUMBER}
    report = walk.synced()
    assert is_true(walk).keys() == {NUMBER, OTHER}
    with walk.context() as context:
        filled = context.journal.people_filled()
        assert filled is not None
        assert filled.run == report.run
        assert context.journal.people([OTHER])[OTHER].seen_at == filled.at
