"""The index of people is true after every command: it is what register, directory and journal make
from nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from connector.desk import account as desk
from tests.support.desk import activate, take, undo
from tests.support.events import NUMBER
from tests.support.index import is_true
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
