"""Undo a run: its changes are reversed through the same plan, judge and apply."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connector.clock import instant
from connector.core.identifiers import serving_order
from connector.core.model import Action, Change, Facts, Known, Plan
from connector.core.plan import digest
from connector.core.rulings import Ruling
from connector.core.safety import judge
from connector.core.schema import AttributeType, is_kept_by_server
from connector.core.undo import Traces, reverse
from connector.desk.decisions import revoke
from connector.edges.ldap import described
from connector.errors import UsageError
from connector.walk import planning
from connector.walk.context import Context
from connector.walk.execution import Report
from connector.walk.planning import Prepared
from connector.walk.reconcile import reconcile_revised
from connector.walk.recovery import recover
from connector.walk.rows import rows_digest
from connector.walk.scope import Scope

Left = tuple[tuple[str, str], ...]  # student number, and why the change was not undone


@dataclass(frozen=True, slots=True)
class Undone:
    """The outcome of an undo; ``report`` is None if nothing was tried."""

    report: Report | None
    left: Left
    revoked: tuple[Ruling, ...] = ()  # decisions that are in force no longer


def undo(
    context: Context,
    run: int,
    reason: str,
    *,
    approve: str | None = None,
    confirm: Callable[[Prepared, Left], bool] = lambda *_: True,
) -> Undone:
    """Undo what a run changed, unless something newer has changed it since.

    The plan spends the budget of the actions that it consists of; beyond that, it is held until it
    is approved. ``confirm`` is shown the judged plan before anything is written, and may refuse it.

    What is restored stands until the register's rows for that student change. Undoing an undo does
    again what had been undone, and the rows count again. A run that began later than now was made
    with a wrong clock: such runs do not keep the next sync from running.

    Raises:
        UsageError: there was no such run.
        Untrustworthy: a source, the directory or the journal is not to be trusted.
    """
    recover(context)
    began = context.journal.run_began(run)
    if began is None:
        raise UsageError(f"there was no run {run}", "See `scolpass history`.")
    done = context.journal.changes_of(run)
    numbers = list(dict.fromkeys(change.student_number for change, _, _ in done))
    if not numbers:
        _disown(context, run)
        return Undone(None, (), revoke(context, run, reason))
    why = f"run {run} is undone" + (f": {reason}" if reason else "")
    left: list[tuple[str, str]] = []

    def revise(read: Prepared) -> Prepared | None:
        types = described.attribute_types(context.directory)
        undone: dict[str, Change] = {}
        changes: dict[str, Change] = {}
        for change, before, newer in done:
            number = change.student_number
            found = _reversed(context, change, before, read.facts[number], types, why)
            if newer and not isinstance(found, str):
                found = "something newer has changed it since"
            if isinstance(found, str):
                left.append((number, found))
            else:
                undone[number], changes[number] = change, found
        ordered = tuple(changes[number] for number in numbers if number in changes)
        notices = _notices(context, run, ordered, undone)
        prepared = _judged(context, read, ordered, notices, approve)
        if not confirm(prepared, tuple(left)):
            return None
        _disown(context, run)
        if not prepared.refused_approval:
            _wish(context, prepared, undone)
        return prepared

    scope = Scope(numbers, lenient=True)
    report = reconcile_revised(context, scope, "undo", revise, reason=reason)
    return Undone(report, tuple(left))


def _disown(context: Context, run: int) -> None:
    """Let a run made with a wrong clock keep no other from running."""
    began = context.journal.run_began(run)
    if began is not None and began > context.moment.now:
        context.journal.disown_runs_after(context.moment.now)


def _judged(
    context: Context,
    read: Prepared,
    changes: tuple[Change, ...],
    notices: tuple[str, ...],
    approve: str | None,
) -> Prepared:
    """The walk with these changes instead of those planned, and nothing else learnt."""
    managed = sum(context.journal.accounts_by_state().values())
    plan = Plan(
        changes=changes,
        rejected=(),
        notices=notices,
        managed=managed,
        digest=digest(changes),
        counts={"undo": len(changes)} if changes else {},
        memory={},
        unsealed=frozenset(),
        given={},
    )
    approved, refused, late = planning.approve(context, plan, approve)
    return Prepared(
        plan=plan,
        verdict=judge(plan, context.rules.safety, approved=approved),
        facts=read.facts,
        feed=read.feed,
        rows=[],
        forget=(),
        distinct=None,
        whole=False,
        mark=read.mark,
        approved=approved,
        refused_approval=refused,
        approved_late=late,
        noticed=read.noticed,
    )


def _notices(
    context: Context, run: int, changes: Sequence[Change], undone: Mapping[str, Change]
) -> tuple[str, ...]:
    """What the undo does not bring back, student by student."""
    there = [change.dn for change in changes if change.adds or change.deletes]
    groups = context.directory.groups_of(context.tree, there) if there else {}
    found = []
    for change in sorted(changes, key=lambda one: serving_order(one.student_number)):
        number = change.student_number
        named = groups.get(change.dn, [])
        if change.adds:
            for group, attribute in context.journal.memberships(number):
                if (group, attribute) not in named:
                    found.append(
                        f"{number}: was in {group} ({attribute}) when the entry was deleted, and "
                        "is not now; add it there if it still belongs there"
                    )
        elif change.deletes:
            found += [
                f"{number}: is in {group} ({attribute}), which the entry leaves when it is deleted"
                for group, attribute in named
            ]
        elif undone[number].draws_password and change.attributes.get("userPassword"):
            found.append(
                f"{number}: the entry had no password before run {run} and has none again: a "
                f"letter printed since opens nothing; `scolpass resync {number} --force` gives one"
            )
    return tuple(found)


def _wish(context: Context, prepared: Prepared, undone: Mapping[str, Change]) -> None:
    """If a change is undone, the student's rows in the register do not count until they change, and
    until then nothing does it again; if an undo is undone, they count again."""
    numbers = [change.student_number for change in prepared.verdict.go]
    again = {number for number in numbers if undone[number].action is Action.UNDO}
    stand: dict[str, str] = {}
    for number in numbers:
        if number in again:
            continue
        rows = rows_digest(prepared.feed.students.get(number, ()))
        not_again: set[Action] = {undone[number].action}
        current = prepared.facts[number].override
        if current.undone:
            not_again |= current.not_again
        stand[number] = " ".join([rows, *sorted(action.value for action in not_again)])
    context.journal.record_undo(stand, again, context.actor, instant())


def _reversed(
    context: Context,
    change: Change,
    before: Known | None,
    facts: Facts,
    types: Mapping[str, AttributeType],
    reason: str,
) -> Change | str:
    if facts.left_alone is not None:
        return facts.left_alone
    copy = None
    if change.deletes:
        archived = context.journal.archived(change.student_number)
        if archived and not types:
            return "the schema cannot be read, so it is not known what may be added again"
        copy = _values(archived[1], types) if archived else None
    account = facts.account
    if facts.conflict is not None:
        account = context.directory.account_at(change.dn)
    traces = Traces(before, account, copy)
    return reverse(change, traces, context.terms(context.moment.today), reason)


def _values(
    copy: Mapping[str, Sequence[Any]], types: Mapping[str, AttributeType]
) -> dict[str, tuple[str, ...]]:
    """An archived entry's attributes that may be added; bytes that are no text as surrogates."""
    return {
        name: tuple(
            base64.b64decode(v["base64"]).decode("utf-8", "surrogateescape")
            if isinstance(v, dict)
            else v
            for v in values
        )
        for name, values in copy.items()
        if not is_kept_by_server(types, name)
    }
