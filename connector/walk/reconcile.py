"""The one walk: gather, plan, judge, apply, report, over everyone or over a few.

Every way in records its fact and calls :func:`reconcile`; nothing else writes to the directory.
Planning without writing is the same walk stopped after the judge: :mod:`connector.walk.planning`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from connector.walk.context import Context
from connector.walk.execution import Report, carry_out
from connector.walk.planning import NONE, Approval, Prepared, prepare
from connector.walk.recovery import recover
from connector.walk.scope import Scope


@dataclass(frozen=True, slots=True)
class Progress:
    """Callbacks for progress: the number of entries read so far, and of changes just applied."""

    read: Callable[[int], None] = lambda _: None
    applied: Callable[[int], None] = lambda _: None


UNWATCHED = Progress()


def reconcile(
    context: Context,
    scope: Scope,
    command: str,
    *,
    reason: str = "",
    approval: Approval = NONE,
    progress: Progress = UNWATCHED,
) -> Report:
    """Bring the students in scope to what register, evidence and calendar ask for.

    It takes the write lock (unless the caller holds it already), settles what a crash left open,
    gathers, plans and judges, applies what is allowed, records it, and reports.

    Args:
        command: what the history calls it.
        reason: why, in the words of the person who asked for it.

    Raises:
        UnderWay: somebody else keeps the write lock for too long.
        Untrustworthy: a source, the directory or the journal is not to be trusted.
    """
    with context.locked(command, whole=scope.judged):
        recover(context)
        judged = prepare(context, scope, approval, progress.read)
        return carry_out(context, judged, command, reason=reason, progress=progress.applied)


def reconcile_revised(
    context: Context,
    scope: Scope,
    command: str,
    revise: Callable[[Prepared], Prepared | None],
    *,
    reason: str = "",
) -> Report | None:
    """The same walk, except that the judged plan is inspected or replaced before it is applied.

    ``revise`` returns what is applied instead; None: nothing is applied, and nothing is recorded.

    Raises:
        UnderWay: somebody else keeps the write lock for too long.
        Untrustworthy: a source, the directory or the journal is not to be trusted.
    """
    with context.locked(command, whole=scope.judged):
        recover(context)
        judged = revise(prepare(context, scope))
        return None if judged is None else carry_out(context, judged, command, reason=reason)
