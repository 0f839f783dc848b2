"""A second target, walked whole: register, plan, judge, intend, write, conclude, repair.

All that differs from a walk over the directory is what a context names, and what writes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Self

import pytest
from pydantic import SecretStr

from connector.core.account import Account, Values
from connector.core.matching import Person
from connector.core.model import Change
from connector.walk import apply
from connector.walk.context import Context
from tests.support.scim import Scim, User, read_user, written
from tests.support.walk import Walk, actions, student

LEA, ADA = "22600001", "22600077"
PLACE = f"/Users/e{LEA}"


class Service:
    """The users of a service (:class:`connector.walk.target.Target`)."""

    uri = "scim"
    connected = True
    bound: Any = None

    def __init__(self) -> None:
        self.users: dict[str, User] = {}

    def sibling(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def is_for_students(self, dn: str) -> bool:
        return dn.startswith("/Users/")

    def accounts(self, context: str) -> Iterator[Account]:
        return iter([read_user(place, user) for place, user in sorted(self.users.items())])

    def accounts_of(self, context: str, numbers: Sequence[str]) -> list[Account]:
        return [one for one in self.accounts(context) if set(one.numbers) & set(numbers)]

    def unidentified(self, base: str) -> Iterator[Account]:
        return iter(())

    def look_alikes(
        self, context: str, persons: Sequence[Person], *, spaced: bool
    ) -> Iterator[Account]:
        return self.accounts(context)

    def signs_of_life(self, base: str) -> Mapping[str, datetime]:
        return {}

    def account_at(self, dn: str) -> Account | None:
        return read_user(dn, self.users[dn]) if dn in self.users else None

    def holders(self, context: str, names: Sequence[str], value: str) -> list[str]:
        return [one.dn for one in self.accounts(context) if one.uid == value]

    def addresses_from(self, context: str, start: str) -> Iterator[tuple[str, str]]:
        for one in self.accounts(context):
            yield from ((one.dn, address) for address in one.every_address)

    def everything_at(self, dn: str) -> Mapping[str, list[bytes]]:
        return {name: [v.encode() for v in values] for name, values in self.users[dn].items()}

    def groups_of(
        self, context: str, dns: Sequence[str]
    ) -> Mapping[str, Sequence[tuple[str, str]]]:
        return {}

    def password_changed_at(self, dn: str) -> str:
        return ""

    def holds_password(self, dn: str, hashed: SecretStr) -> bool:
        return False

    def write(self, _: object, change: Change, __: SecretStr | None) -> None:
        self.users = written(self.users, change)

    def damage(self, name: str, values: Values) -> None:
        self.users[PLACE] = {**self.users[PLACE], name: values}


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Service:
    made = Service()
    monkeypatch.setattr(Context, "target", property(lambda _: made))
    monkeypatch.setattr(Context, "dialect", property(lambda _: Scim()))
    monkeypatch.setattr(apply, "write", made.write)
    return made


def test_a_second_target_is_filled_kept_and_repaired_and_the_directory_is_left_alone(
    walk: Walk, service: Service
) -> None:
    people = walk.people()
    walk.workspace.write_register([student(LEA), student(ADA, "Ada")])
    assert actions(walk.sync()) == [("create", LEA), ("create", ADA)]
    assert service.users[PLACE]["displayName"] == ("Léa Martin",)
    assert service.users[PLACE]["active"] == ("false",)
    assert actions(walk.sync()) == []

    walk.workspace.write_register([student(LEA, usual_name="Durand"), student(ADA, "Ada")])
    assert actions(walk.sync()) == [("update", LEA)]
    assert service.users[PLACE]["displayName"] == ("Léa Durand",)

    service.damage("displayName", ("Somebody Else",))
    report = walk.sync()
    assert actions(report) == [("update", LEA)]
    assert "changed by another hand" in report.plan.changes[0].reason
    assert service.users[PLACE]["displayName"] == ("Léa Durand",)

    history = walk.history(student_number=LEA)
    assert [(one["action"], one["outcome"]) for one in history] == [
        ("create", "applied"),
        ("update", "applied"),
        ("update", "applied"),
    ]
    assert walk.people() == people
