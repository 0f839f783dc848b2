"""How an entry is compared with what it should hold: difference, guard, and whether it was made."""

from __future__ import annotations

from collections.abc import Mapping

from connector.core.account import Account, Difference, Values
from connector.core.catalogue import LOCK, SHARED, Compared, compared
from connector.core.dn import same_dn
from connector.core.generalized_time import instant
from connector.core.ldap_filter import absent, holds
from connector.core.model import Change
from connector.core.supann_reading import BACKUP_LABEL, ours_of


def differ(name: str, before: Values, after: Values) -> bool:
    """Whether two lists of values differ as the directory compares them."""
    if before == after:
        return False
    match compared(name):
        case Compared.CASE_IGNORED:
            return sorted(v.lower() for v in before) != sorted(v.lower() for v in after)
        case Compared.INSTANT:
            return [instant(v) for v in before] != [instant(v) for v in after]
        case Compared.DN:
            return len(before) != len(after) or not all(map(same_dn, before, after))
        case Compared.BOOLEAN:
            return [v.upper() for v in before] != [v.upper() for v in after]
        case Compared.EXACT:
            return len(before) != len(after) or set(before) != set(after)


def difference(
    account: Account | None,
    whole: Mapping[str, Values],
    shared: Mapping[str, tuple[Values, Values]],
) -> Difference:
    """What must change so that the entry holds what it is to hold: name to (before, after)."""
    found: Difference = {}
    for name, after in whole.items():
        before = account.values(name) if account else ()
        if differ(name, before, after):
            found[name] = (before, after)
    for name, (before, after) in shared.items():
        if differ(name, before, after):
            found[name] = (before, after)
    return found


def stands(name: str, wanted: Values, account: Account) -> bool:
    """Whether an attribute holds what it is to hold; a shared one may hold more."""
    values = account.values(name)
    if name in SHARED:
        return {value.lower() for value in wanted} <= {value.lower() for value in values}
    return not differ(name, values, wanted)


def guard(account: Account, changed: Difference, *, lifecycle: bool) -> tuple[str, ...]:
    """The filters under which a change computed from ``account`` is still right (RFC 4528).

    Everything that is replaced, and for a change of state everything it was decided from.
    Only values of scolpass are named, never entryCSN: every login would move that.
    """
    filters: dict[str, None] = {}
    for number in account.values("supannEtuId"):
        filters[holds("supannEtuId", number)] = None
    for name, (before, _) in changed.items():
        if name == "userPassword":
            continue
        if before:
            filters.update((holds(name, value), None) for value in before)
        elif name == "supannMailPrive":
            filters[f"(!({name}={BACKUP_LABEL}*))"] = None
        elif name not in SHARED and not _has_subtypes(account, name):
            filters[absent(name)] = None
    if lifecycle:
        dated = ours_of(account.values("supannRessourceEtatDate"))
        compte = [v for v in dated if v[:8].upper() == "{COMPTE}"]
        if compte:
            filters.update((holds("supannRessourceEtatDate", v), None) for v in compte)
        else:
            filters["(!(supannRessourceEtatDate={COMPTE}*))"] = None
        for name in LOCK:
            values = account.values(name)
            filters[holds(name, values[0]) if values else absent(name)] = None
        filters[absent("supannEmpId")] = None
    return tuple(filters)


def _has_subtypes(account: Account, name: str) -> bool:
    """Whether ``(name=*)`` finds the entry by a subtype or an option (RFC 4512, 2.5)."""
    if name == "mail" and account.values("supannAutreMail"):
        return True
    return bool(account.lower.get(name)) or any(
        other.startswith(name + ";") for other in account.attributes
    )


def is_done(change: Change, account: Account | None) -> bool:
    """Whether an entry is already as a change wanted it, after an answer that never came.

    A new password cannot be read back: it tells nothing unless something else changed with it,
    or there was none.
    """
    if change.deletes or account is None:
        return account is None and change.deletes
    telling = False
    for name, (before, after) in change.attributes.items():
        if name == "userPassword":
            telling = telling or (bool(after) and not before and account.password)
            continue
        values = account.values(name)
        if name in SHARED:
            there = {value.lower() for value in values}
            wanted = {value.lower() for value in after}
            gone = {value.lower() for value in before} - wanted
            if not wanted <= there or gone & there:
                return False
        elif differ(name, values, after):
            return False
        telling = telling or differ(name, before, after)
    return telling
