"""Which mails to students are due.

What students are told follows from the journal: changes made since the last one they were told
about, and the last days of accounts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from connector.core import supann_reading
from connector.core.account import IN_USE, Account, State
from connector.core.calendar import cutoff_of
from connector.core.catalogue import GIVEN, POLICY, Given
from connector.core.evidence import zulu
from connector.core.holding import redirection
from connector.core.model import Action, Change, Known
from connector.core.rules import Rules
from connector.edges.journal import Concluded, Journal, Outgoing, chunks
from connector.notify.students import ACTIVE, BACKUP, BY_LINK, CLOSES, FORWARDING, password_notice
from connector.walk.context import Context

NOTICES = (60, 30, 7)  # days before an account's last one
FROM = time(8)  # notices do not leave at midnight
READ_TOGETHER = 200  # students whose entries are read at once
KEPT = timedelta(days=100)  # what was sent is remembered longer than from the first notice to END
_FORWARD, _BACKUP, _PASSWORD = (
    GIVEN[given].shown_by for given in (Given.FORWARDING, Given.BACKUP_MAIL, Given.PASSWORD_CHANGED)
)
_TOLD_OF = (_FORWARD, _BACKUP, _PASSWORD, POLICY)


def note_changes(context: Context) -> int:
    """Put mails about new changes into the outbox; returns how many.

    Raises:
        Untrustworthy: journal or directory cannot be read; the next call does all of it.
    """
    journal = context.journal
    changes, told = journal.changes_to_tell((Action.ACTIVATE,), _TOLD_OF, READ_TOGETHER)
    if told is None:
        return 0
    entries = _entries(context, {one.change.student_number for one in changes})
    backups = _backups_before(changes, entries)
    outgoing: list[Outgoing] = []
    for one in changes:
        account = entries.get(one.change.student_number)
        if account is None or one.change.adds or one.change.deletes:
            continue
        if _works(account):
            outgoing += _told(one, account, backups[one.id], context.rules, context.moment.now)
        if _is_open(account):
            changed = _changed(context, one, account)
            outgoing += _warned(one, account, backups[one.id], changed, context.moment.now)
    journal.add_messages(outgoing, told)
    return len(outgoing)


def _backups_before(
    changes: Sequence[Concluded], entries: Mapping[str, Account]
) -> dict[int, str | None]:
    """The backup mail as it was before each change, by the change's id."""
    later: dict[str, str | None] = {}
    found: dict[int, str | None] = {}
    for one in reversed(changes):
        number = one.change.student_number
        account = entries.get(number)
        if number not in later:
            later[number] = _backup_of(account) if account is not None else None
        if _BACKUP in one.change.attributes:
            later[number] = _labelled(one.change.dn, one.change.attributes[_BACKUP][0])
        found[one.id] = later[number]
    return found


def _labelled(dn: str, values: tuple[str, ...]) -> str | None:
    """The backup mail among the values of ``supannMailPrive``."""
    return next(iter(supann_reading.read_entry(dn, {_BACKUP: values}).backup_mails), None)


def _warned(
    made: Concluded, account: Account, backup: str | None, changed: str, now: datetime
) -> Iterator[Outgoing]:
    """The mails about a change of password or backup mail, to the backup mail as it was before.

    ``changed``: when the student set the password (pwdChangedTime), by which the pages' own mail
    about it is the same one.
    """
    change, number = made.change, made.change.student_number
    if backup is None:
        return
    at = zulu(made.at)
    before, after = change.attributes.get(_BACKUP, ((), ()))
    new = _labelled(change.dn, after)
    if _labelled(change.dn, before) is not None and (new or "").lower() != backup.lower():
        given = {"change": "changed" if new else "removed", "at": at}
        university = account.mails[:1] if _works(account) else ()
        for address in (backup, *university):
            key = f"backup:{number}:{made.id}:{address}"
            yield Outgoing(key, number, BACKUP, address, given, now, now)
    before, after = change.attributes.get(_PASSWORD, ((), ()))
    if before and after:
        kind = "link" if made.actor == BY_LINK else "reissued"
        yield password_notice(number, backup, f"{made.id}", kind, made.at, now)
    elif _is_students_own(change):
        yield password_notice(number, backup, changed or f"{made.id}", "own", made.at, now)


def _is_students_own(change: Change) -> bool:
    """Whether a run took a password for the student's own: the provisional policy comes off.

    With the activation it is told by the mail about that.
    """
    policy = change.attributes.get(POLICY, ((), ("",)))[1]
    return not policy and change.action is Action.UPDATE


def _changed(context: Context, made: Concluded, account: Account) -> str:
    """When the password was set that a run took for the student's own; "": nothing says so."""
    if not _is_students_own(made.change):
        return ""
    return context.directory.password_changed_at(account.dn)


def _told(
    made: Concluded, account: Account, backup: str | None, rules: Rules, now: datetime
) -> Iterator[Outgoing]:
    """The mails about one change. What is set with the activation is told with it."""
    change, number = made.change, made.change.student_number
    if change.action is Action.ACTIVATE:
        given = _forwarding(account.given.get(Given.FORWARDING, ()), account, rules)
        for address in _addresses(account)[-1:]:  # the backup mail, if there is one
            key = f"active:{number}:{made.id}:{address}"
            yield Outgoing(key, number, ACTIVE, address, given, now, now)
    before, after = change.attributes.get(_FORWARD, ((), ()))
    if before == after or (change.action is Action.ACTIVATE and not before):
        return
    kind = ("changed" if before else "set") if after else "removed"
    given = {
        "change": kind,
        "at": zulu(made.at),
        **_forwarding(after, account, rules),
    }
    both = {one.lower(): one for one in (*account.mails[:1], backup) if one}
    for address in both.values():
        key = f"forwarding:{number}:{made.id}:{address}"
        yield Outgoing(key, number, FORWARDING, address, given, now, now)


def _forwarding(values: Sequence[str], account: Account, rules: Rules) -> dict[str, Any]:
    elsewhere, keep_copy = redirection(values, account, rules)
    return {"forward_to": ", ".join(elsewhere), "keep_copy": keep_copy}


def notice_due(known: Known, today: date) -> int | None:
    """Which notice an account should have had by today; None: none, or none any more.

    Only the nearest counts: after an outage nobody gets two at once.
    """
    if known.gone or known.state not in IN_USE or known.cutoff is None:
        return None
    left = (known.cutoff - today).days
    return min((days for days in NOTICES if 0 <= left <= days), default=None)


def note_closings(context: Context, since: datetime) -> bool:
    """Put the notices due today into the outbox, once each; False: it is too early.

    It is too early before the first good full run of the day, which must be later than ``since``:
    students may have enrolled again meanwhile. While a plan is held, nobody is told either.

    Raises:
        Untrustworthy: journal or directory cannot be read; the next call does all of it.
    """
    journal, moment, rules = context.journal, context.moment, context.rules
    zone = rules.institution.zone
    begin = max(since.replace(microsecond=0), datetime.combine(moment.today, time(), zone))
    good_at = journal.last_runs().good_at
    if good_at is None or good_at < begin or _is_held(journal):
        return False
    had = {tuple(key.split(":")[1:4]) for key in journal.mail_keys(CLOSES)}
    due: dict[str, tuple[date, int]] = {}
    for number, known in journal.accounts().items():
        days, end = notice_due(known, moment.today), known.cutoff
        if days is None or end is None:
            continue
        if (number, end.isoformat(), str(days)) not in had:
            due[number] = (end, days)
    for few in chunks(sorted(due), READ_TOGETHER):
        if context.stop.is_set():
            return False
        journal.add_messages(list(_notices(context, {number: due[number] for number in few})))
    journal.forget_messages(moment.now - KEPT)
    return True


def _is_held(journal: Journal) -> bool:
    return any(key.startswith("held:") for key in journal.incidents())


def _notices(context: Context, due: Mapping[str, tuple[date, int]]) -> Iterator[Outgoing]:
    """The notices to those whose entries still say what the journal does."""
    rules, moment = context.rules, context.moment
    rescued = {
        row.student_number
        for row in context.journal.enrolments(due)
        if row.status.counts
        and cutoff_of(row.academic_year, rules.lifecycle) > due[row.student_number][0]
    }
    morning = datetime.combine(moment.today, FROM, rules.institution.zone).astimezone(UTC)
    for number, account in _entries(context, due.keys() - rescued).items():
        end, days = due[number]
        if not _works(account) or account.current.end != end:
            continue
        for address in _addresses(account):
            key = f"closes:{number}:{end.isoformat()}:{days}:{address}"
            given = {"end": end.isoformat()}
            at = max(moment.now, morning)
            yield Outgoing(key, number, CLOSES, address, given, moment.now, at)


def _entries(context: Context, numbers: Collection[str]) -> dict[str, Account]:
    """The entries of students, but of those who have several."""
    if not numbers:
        return {}
    context.connect()
    found: dict[str, list[Account]] = {}
    for account in context.directory.accounts_of(context.tree, sorted(numbers)):
        for number in account.numbers:
            found.setdefault(number, []).append(account)
    return {n: of[0] for n, of in found.items() if n in numbers and len(of) == 1}


def _works(account: Account) -> bool:
    """Whether an account is a student's alone, and in normal use."""
    return account.current.state in IN_USE and not account.is_shared_person


def _is_open(account: Account) -> bool:
    """Whether an account is a student's alone, and may be signed in to."""
    state = account.current.state
    return (state in IN_USE or state is State.INACTIVE) and not account.is_shared_person


def _backup_of(account: Account) -> str | None:
    return next(iter([*account.backup_mails, *account.private_mails]), None)


def _addresses(account: Account) -> list[str]:
    """The university's address, then the backup mail; what there is of them."""
    addresses = (*account.mails[:1], _backup_of(account))
    both = {one.lower(): one for one in addresses if one}
    return list(both.values())
