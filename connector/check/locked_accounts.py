"""The accounts that are locked at present."""

from __future__ import annotations

from connector.check.case import Case, Findings
from connector.check.findings import Finding, Mark
from connector.core.counting import many
from connector.desk.doors import KINDS, Doors, Locked, locked

_SAID = {
    "by_hand": (
        "locked for good by an administrator of the directory, or another tool",
        "Find out who locked them, and ask them to delete pwdAccountLockedTime.",
    ),
    "provisional": (
        "locked with the provisional password, after wrong tries",
        "Each: scolpass reissue NUMBER --reason '...'",
    ),
    "own": (
        "locked with the student's own password, after wrong tries",
        "`scolpass show NUMBER` says until when.",
    ),
}


def locks(case: Case) -> Findings:
    """Who cannot sign in because of a lock, by kind of password."""
    found: dict[str, list[Locked]] = {kind: [] for kind in KINDS}
    for one in locked(Doors(case.server, case.tree), case.moment.now):
        found[one.kind].append(one)
    for kind, accounts in found.items():
        if accounts:
            said, cure = _SAID[kind]
            names = tuple(sorted(one.number for one in accounts))
            seen = f"{said}: {many(len(accounts), 'account')}"
            yield Finding("accounts", seen, Mark.HINT, cure, names=names)
    if not any(found.values()):
        yield Finding("accounts", "no account is locked")
