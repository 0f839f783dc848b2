"""What a raw value of the directory means, in words, for readers who are not LDAP experts."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from connector.core import supann_reading
from connector.core.account import State
from connector.core.dates import shown
from connector.core.generalized_time import instant

_RESOURCES = {"COMPTE": "account", "MAIL": "mail"}
_STATES = {
    State.INACTIVE: "not activated yet",
    State.ACTIVE: "active",
    State.GRACE: "in grace",
    State.EXPIRED: "expired",
    State.SUSPENDED: "suspended",
}


def meaning(name: str, value: str, zone: ZoneInfo) -> str:
    """What a value of an attribute means; "" if it is clear without words.

    Args:
        name: the attribute, in the spelling of :mod:`connector.core.catalogue`.
        zone: the institution's.
    """
    if name == "supannRessourceEtatDate":
        return _state(value, dated=True)
    if name == "supannRessourceEtat":
        return _state(f"{value.rstrip(':')}::", dated=False)
    if name in ("pwdEndTime", "pwdStartTime"):
        at = instant(value)
        if value == supann_reading.SUSPENDED_UNTIL and name == "pwdStartTime":
            return "closed while suspended"
        word = "the bind is refused from" if name == "pwdEndTime" else "the bind is refused until"
        return f"{word} {shown(at, zone)}" if at else ""
    if name == "pwdReset":
        must = value.upper() == "TRUE"
        return "opens nothing but a change of the password" if must else ""
    return ""


def _state(value: str, *, dated: bool) -> str:
    """One state in SUPANN's terms, as the end of a sentence."""
    for resource, what in _RESOURCES.items():
        current = supann_reading.state_among((value,), resource)
        if current.state is None:
            continue
        said = f"{what} {_STATES[current.state]}"
        if dated and current.start:
            said += f" since {shown(current.start)}"
        if dated and current.end:
            said += f", through {shown(current.end)}"
        return said
    return ""


def with_meaning(name: str, value: str, zone: ZoneInfo) -> str:
    """A value, with its meaning if it needs one."""
    found = meaning(name, value, zone)
    return f"{value} ({found})" if found else value
