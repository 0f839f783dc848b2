"""Provisional passwords of a run: drawn, hashed by threads, used again after a crash."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from argon2.low_level import Type, verify_secret
from pydantic import SecretStr

from connector.core.model import Action, Change, Fate
from connector.core.rules import Rules
from connector.edges.journal import Beside, Journal, open_journal
from connector.edges.sealing import Sealer, new_key
from connector.walk.context import Context
from connector.walk.drawing import Drawing, Drawn
from tests.unit.core import builders

AT = datetime(2026, 10, 1, 3, 0, tzinfo=UTC)


@dataclass
class Around:
    """What the drawing asks of a walk's context."""

    journal: Journal
    rules: Rules = field(
        default_factory=lambda: builders.rules().model_copy(
            update={
                "provisional": builders.RULES.provisional.model_copy(
                    update={"memory_cost": 8, "time_cost": 1}
                )
            }
        )
    )
    sealer: Sealer = field(default_factory=lambda: Sealer([SecretStr(new_key())]))
    stop: threading.Event = field(default_factory=threading.Event)

    def drawing(self) -> Drawing:
        return Drawing(cast(Context, self))


@pytest.fixture
def around(tmp_path: Path) -> Iterator[Around]:
    with closing(open_journal(f"sqlite:///{tmp_path}/journal.db")) as journal:
        yield Around(journal)


def change(number: int, **values: Any) -> Change:
    values = {"sealed": Fate.DRAWN, **values}
    student = f"226{number:05}"
    return Change(Action.CREATE, student, f"uid=e{student}", "for a test", {}, **values)


def opens(one: Drawn) -> bool:
    """Whether the hash is the password's."""
    hashed = one.hashed.result(timeout=30).get_secret_value().removeprefix("{ARGON2}")
    return verify_secret(hashed.encode(), one.password.get_secret_value().encode(), Type.ID)


def taken(drawing: Drawing, changes: Sequence[Change]) -> dict[str, Drawn]:
    found = drawing.draw(changes)
    assert all(opens(one) for one in found.values())
    return found


def test_each_change_has_a_password_of_its_own_with_its_hash(around: Around) -> None:
    with around.drawing() as drawing:
        found = taken(drawing, [change(n) for n in range(30)])
    assert len(found) == 30
    assert len({one.password.get_secret_value() for one in found.values()}) > 1
    for number, one in found.items():
        assert around.sealer.unseal(number, one.sealed) == one.password


def test_a_change_without_a_password_draws_none(around: Around) -> None:
    with around.drawing() as drawing:
        assert drawing.draw([change(1, sealed=Fate.KEPT)]) == {}


def test_one_that_a_crash_left_registered_is_used_again(around: Around) -> None:
    one = change(1)
    with around.drawing() as crashed:
        [before] = taken(crashed, [one]).values()
    beside = Beside(sealed={one.student_number: before.sealed}, archived={})
    around.journal.intend([one], run=1, actor="a test", at=AT, beside=beside)
    with around.drawing() as drawing:
        [again] = taken(drawing, [one]).values()
    assert (again.password, again.sealed) == (before.password, before.sealed)
    assert again.hashed.result() == before.hashed.result()  # the same request, to the last octet


def test_one_whose_key_is_gone_is_drawn_anew(around: Around) -> None:
    one = change(1)
    with around.drawing() as crashed:
        [before] = taken(crashed, [one]).values()
    beside = Beside(sealed={one.student_number: before.sealed}, archived={})
    around.journal.intend([one], run=1, actor="a test", at=AT, beside=beside)
    around.sealer = Sealer([SecretStr(new_key())])
    with around.drawing() as drawing:
        [anew] = taken(drawing, [one]).values()
    assert anew.sealed != before.sealed
    assert around.sealer.unseal(one.student_number, anew.sealed) == anew.password


def test_who_was_told_to_stop_waits_for_no_hash(around: Around) -> None:
    busy, go_on = threading.Barrier(2), threading.Event()

    def first(_: object) -> SecretStr:
        busy.wait(timeout=30)
        go_on.wait(timeout=30)
        return SecretStr("")

    with around.drawing() as drawing:
        drawing._hashing._max_workers = 1
        drawing._hashing.submit(first, None)
        busy.wait(timeout=30)
        waiting = drawing.draw([change(n) for n in range(20)])
        around.stop.set()
    cancelled = [one.hashed.cancelled() for one in waiting.values()]
    go_on.set()
    assert cancelled == [True] * 20
