"""One student's walk, told step by step: to the terminal, and to whoever asks over the network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from connector.core.account import State
from connector.core.dates import year_shown
from connector.core.evidence import told
from connector.core.reasons import row_trouble
from connector.render.machine import differences

if TYPE_CHECKING:
    from connector.desk.account import Resynced

Step = tuple[str, str]  # its name, and what it found or did; "": it goes on with the one before


def resync_steps(one: Resynced, zone: ZoneInfo) -> Iterator[Step]:
    """Register, match, identifiers, state, plan, result."""
    yield from _register_steps(one)
    yield from _match_steps(one)
    yield from _state_steps(one)
    for notice in one.prepared.plan.notices:
        yield "note", notice
    change = next(iter(one.prepared.plan.changes), None)
    if change is None:
        yield "plan", "nothing to change"
        return
    yield "plan", f"{change.action.value}: {change.reason}"
    for line in differences(change, zone):
        yield "", line.strip()
    for outcome in one.report.outcomes:
        yield "result", outcome.error or outcome.outcome


def _register_steps(one: Resynced) -> Iterator[Step]:
    """What the register says, and what is remembered of it."""
    facts, feed = one.facts, one.prepared.feed
    present = feed.students.get(facts.number, ())
    rows = "; ".join(
        f"{year_shown(r.academic_year)} {r.step_code or '-'} {r.status.value}" for r in present
    )
    remembered = [row for row in one.now.rows if row not in present]
    kept = f"; remembered beside it: {len(remembered)}" if remembered else ""
    spoiled = facts.number in feed.spoiled
    yield "register", (rows or ("its row is refused" if spoiled else "no row in this feed")) + kept
    if facts.override.undone and (present or remembered):
        yield "", "an undo stands: the rows do not count until they change"
    for row in one.prepared.plan.rejected:
        yield "", f"refused: {row_trouble(row) if row.file else row.reason}"


def _match_steps(one: Resynced) -> Iterator[Step]:
    """Which entry is the student's, and the identifiers that it has or is given."""
    facts, others = one.facts, _others(one)
    account = facts.account
    if others:
        yield "match", f"{others} carries this number, but scolpass does not manage it"
    else:
        found = account.dn if account else "no entry carries this number"
        yield "match", facts.conflict or found
    change = next(iter(one.prepared.plan.changes), None)
    if account is not None:
        yield "identifiers", f"{account.uid}, {account.address}"
    elif change is not None:
        given = [change.attributes.get(n, ((), ()))[1] for n in ("uid", "mail")]
        yield "identifiers", ", ".join(values[0] for values in given if values)


def _state_steps(one: Resynced) -> Iterator[Step]:
    """The state that the account is to have, and the evidence that is missing."""
    if one.facts.conflict is None and not _others(one):
        reason = one.decision.reason if one.refused is None else f"left alone: {one.refused}"
        yield "state", f"{one.state.value if one.state else 'none'}: {reason}"
    for name in one.decision.missing if one.state not in (None, State.EXPIRED) else ():
        yield "", f"still missing: {told([name])}"


def _others(one: Resynced) -> str:
    """The entries with the student's number that scolpass does not manage, if none is theirs."""
    if one.facts.account is not None or one.facts.conflict is not None:
        return ""
    return "; ".join(other.dn for other in one.now.others)
