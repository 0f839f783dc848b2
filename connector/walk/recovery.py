"""Settle what a crash left open, before anything new is planned."""

from __future__ import annotations

import structlog

from connector.core.aftermath import Left, left
from connector.core.model import Change
from connector.errors import Transient
from connector.walk.apply import Applier
from connector.walk.context import Context

log = structlog.get_logger()


def recover(context: Context) -> None:
    """Settle what a crash left open: an intention without conclusion is compared with its entry.

    What was done is concluded; what was not is planned again, with the password drawn for it. A
    change that somebody asked for, and that no plan would contain otherwise, is finished as it
    was begun.

    Raises:
        Untrustworthy: the directory or the journal cannot be reached.
    """
    interrupted = context.journal.interrupted()
    if not interrupted:
        return
    context.connect()
    for one in interrupted:
        account = context.target.account_at(one.change.dn)
        changed_at = context.target.password_changed_at(one.change.dn)
        found = left(one.change, account, changed_at, context.dialect)
        # An earlier version kept no guard of what it began: it is not sent without one.
        if found is Left.NOT_MADE and one.change.is_asked_once and _is_guarded(one.change):
            try:
                error = Applier(context, run=one.run).finish(one.id, one.change)
            except Transient as transient:
                log.warning("interrupted change left open", dn=one.change.dn, error=str(transient))
                continue
        else:
            error = _INTERRUPTED[found]
            context.journal.conclude([(one.id, one.change, error)])
        if found is Left.OVERTAKEN:
            context.journal.take_back(one.change.student_number, "reissue")
        log.warning(
            "interrupted change settled",
            action=one.change.action.value,
            student=one.change.student_number,
            dn=one.change.dn,
            outcome=error or "applied",
        )


def _is_guarded(change: Change) -> bool:
    return bool(change.guard) or change.adds


_INTERRUPTED = {
    Left.MADE: None,
    Left.NOT_MADE: "interrupted before it was made; planned again",
    Left.OVERTAKEN: "interrupted before it was made; the student has set their own password since",
}
