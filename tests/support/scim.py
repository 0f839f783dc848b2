"""A second target: five fields as SCIM has them (RFC 7643)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from connector.core.account import IN_USE, Account, CurrentState, Difference, State, Values
from connector.core.catalogue import Given, Part
from connector.core.desired import Address, Desired, Leave, Remove
from connector.core.dialect import Compared
from connector.core.model import Change, Kind, Outline

User = dict[str, Values]

PARTS = {
    "externalId": Part.NUMBER,
    "userName": Part.UID,
    "displayName": Part.NAME,
    "emails": Part.ADDRESS,
    "active": Part.STATE,
}
_STATES = {"true": CurrentState(State.ACTIVE), "false": CurrentState(State.INACTIVE)}


def read_user(place: str, user: Mapping[str, Values]) -> Account:
    """The account that a user of the target stands for."""
    emails = user.get("emails", ())
    number, name, login = (
        next(iter(user.get(one, ())), None) for one in ("externalId", "displayName", "userName")
    )
    return Account(
        dn=place,
        attributes=user,
        numbers=user.get("externalId", ()),
        every_number=user.get("externalId", ()),
        uid=login,
        every_uid=user.get("userName", ()),
        mails=emails[:1],
        has_addresses=bool(emails),
        every_login=emails[:1],
        every_address=emails[:1],
        name=name,
        is_ours=number is not None,
        is_student=True,
        current=_STATES[user.get("active", ("false",))[0]],
        given={Given.BACKUP_MAIL: emails[1:2]} if emails[1:] else {},
    )


@dataclass(frozen=True, slots=True)
class Scim:
    """How accounts are written there: without passwords, policies, dates or former addresses."""

    def compare(self, desired: Desired, account: Account | None) -> Compared:
        now = account.attributes if account is not None else {}
        wanted: User = {}
        if account is None:
            wanted["externalId"] = (desired.number,)
        if not isinstance(desired.uid, Leave):
            wanted["userName"] = (desired.uid,)
        if not isinstance(desired.identity, Leave):
            who = desired.identity
            wanted["displayName"] = (f"{who.first_name} {who.last_name}".lstrip(),)
        wanted["emails"] = self._emails(desired, now.get("emails", ()))
        if desired.state is not None:
            wanted["active"] = ("true" if desired.state in IN_USE else "false",)
        changed: Difference = {
            name: (before, values)
            for name, values in wanted.items()
            if (before := now.get(name, ())) != values
        }
        return Compared(changed, desired.wrote)

    def _emails(self, desired: Desired, now: Values) -> Values:
        """The address here, then the backup mail."""
        here, backup = now[:1], now[1:2]
        if isinstance(desired.address, Address) and (desired.address.renames or not here):
            here = (desired.address.value,)
        gift = desired.given.get(Given.BACKUP_MAIL)
        if isinstance(gift, str):
            backup = (gift,)
        elif isinstance(gift, Remove):
            backup = ()
        return (*here, *backup)

    def place(self, uid: str, before: str | None) -> str:
        return before or f"/Users/{uid}"

    def guard(
        self, account: Account, changed: Difference, *, lifecycle: bool, ends: bool = False
    ) -> tuple[str, ...]:
        names = {**changed, **(dict.fromkeys(("externalId", "active")) if lifecycle else {})}
        return tuple(f"{name} eq {account.values(name)!r}" for name in sorted(names))

    def addition(self, copy: Mapping[str, Values]) -> Difference:
        return {name: ((), values) for name, values in copy.items()}

    def removal(self, account: Account) -> Difference:
        return {name: (values, ()) for name, values in account.attributes.items()}

    def outline(self, changed: Difference) -> Outline:
        before, after = changed.get("externalId", ((), ()))
        kind = Kind.MODIFY if bool(before) is bool(after) else Kind.ADD if after else Kind.DELETE
        if "active" not in changed:
            return Outline(kind)
        was, becomes = (_STATES.get("".join(values)) for values in changed["active"])
        return Outline(kind, before=was, after=becomes)

    def is_done(self, change: Change, account: Account | None) -> bool:
        if account is None:
            return change.deletes
        wanted = change.attributes.items()
        return all(account.values(name) == values for name, (_, values) in wanted)

    def was_made(self, change: Change, account: Account | None) -> bool:
        return self.is_done(change, account)

    def about(self, changed: Iterable[str], *parts: Part) -> tuple[str, ...]:
        return tuple(sorted(name for name in changed if PARTS[name] in parts))

    def shown(self, changed: Iterable[str]) -> frozenset[Given]:
        return frozenset()

    def claim(self, number: str) -> str:
        return f"externalId {number}"


def written(users: Mapping[str, User], change: Change) -> dict[str, User]:
    """The users once a change is made: one guarded request."""
    user = users.get(change.dn, {})
    held = {f"{name} eq {user.get(name, ())!r}" for name in PARTS}
    assert set(change.guard) <= held, f"{change.dn} is not as it was read"
    if change.adds:
        assert change.dn not in users
    others = {place: one for place, one in users.items() if place != change.dn}
    if change.deletes:
        return others
    values = {name: both[1] for name, both in change.attributes.items()}
    return {**others, change.dn: {n: v for n, v in {**user, **values}.items() if v}}
