"""The service desk's commands on one account: record the fact, then take the one walk."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import structlog
from pydantic import SecretStr

from connector.clock import instant
from connector.core import catalogue
from connector.core.account import IN_USE, Account, State
from connector.core.calendar import year_of_cutoff
from connector.core.counting import many
from connector.core.dates import shown
from connector.core.dn import below, is_below
from connector.core.feed import rows_of
from connector.core.lifecycle import decide
from connector.core.model import Action, Decision, Facts, Known, Override
from connector.core.situations import undecided
from connector.desk.view import AccountView, account_view, over, sign_in_of
from connector.desk.wording import english
from connector.errors import ScolpassError, UsageError
from connector.walk.context import Context
from connector.walk.execution import Report, refile
from connector.walk.planning import Prepared, feed_for, prepare
from connector.walk.reconcile import reconcile
from connector.walk.recovery import recover
from connector.walk.scope import Scope

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Resynced:
    """One student's walk, step by step."""

    prepared: Prepared
    report: Report
    facts: Facts
    decision: Decision
    now: AccountView  # as it is once all was done

    @property
    def refused(self) -> str | None:
        """Why nothing was decided about this student; None: something was."""
        found = (one for one in self.prepared.plan.rejected if one.file is None)
        return next((one.reason for one in found), None)

    @property
    def state(self) -> State | None:
        """The state that the account is to have; if the student is refused, the one it has."""
        if self.refused is None:
            return self.decision.state
        return self.facts.account.current.state if self.facts.account else None


# --- one walk -------------------------------------------------------------------------------------


def resync(context: Context, number: str, *, force: bool, reason: str) -> Resynced:
    """One student now: register, match, identifiers, state, plan, result.

    Raises:
        Untrustworthy: a source, the directory or the journal is not to be trusted.
    """
    overrides = {}
    if force:
        current = context.journal.overrides([number]).get(number, Override())
        overrides[number] = replace(current, force=True)
    scope = Scope([number], overrides=overrides)
    feed, _ = feed_for(context, scope)
    if force and number in feed.spoiled:
        bad = feed.spoiled[number][0]
        raise ScolpassError(
            f"{number} cannot be forced: {bad.file}:{bad.line} {bad.field or 'row'}: {bad.reason}",
            "A rejected row cannot be taken as the truth: correct it in the register first.",
        )
    report = reconcile(context, replace(scope, feed=feed), "resync", reason=reason)
    facts = report.prepared.facts[number]
    decision = decide(facts, context.rules, context.moment.today)
    now = account_view(context, number, feed=feed)
    return Resynced(report.prepared, report, facts, decision, now)


# --- acting on one account ------------------------------------------------------------------------


def reissue(context: Context, number: str, reason: str) -> tuple[Report, SecretStr, date]:
    """Give one account a new provisional password; returns it with its last usable day.

    The request is recorded first. After a crash between journal and directory, the next run
    finishes it with the same password.

    Raises:
        ScolpassError: the account may not be given one, or the directory refused it.
    """
    doing = f"no new password for {number}"
    facts, decision = _current(context, number, doing)
    if decision.state not in (State.INACTIVE, State.ACTIVE, State.GRACE):
        state = decision.state.value if decision.state else "without a state"
        raise ScolpassError(f"{doing}: the account is {state}", "See `scolpass show`.")
    _see_that_no_lock_is_undone(context, facts, doing)
    context.journal.override(number, "reissue", reason, context.actor, instant())
    try:
        report = _walk(context, number, "reissue", reason, doing)
        if number not in report.passwords:
            raise ScolpassError(f"{doing}: the plan has no change for this account")
    except ScolpassError:
        if not _may_be_made(context, number):
            context.journal.take_back(number, "reissue")
        raise
    change = report.outcomes[0].change
    cutoff = change.after.cutoff if change.after else None
    last = [day for day in (change.password_last_day, cutoff) if day is not None]
    return report, report.passwords[number], min(last)


def _see_that_no_lock_is_undone(context: Context, facts: Facts, doing: str) -> None:
    """Refuse where somebody locked the account by hand: slapd would forget the lock."""
    assert facts.account is not None
    account, _ = context.directory.held_at(facts.account.dn)
    if account is not None and account.locked_by_hand:
        raise ScolpassError(
            f"{doing}: an administrator of the directory, or another tool, locked the account",
            "Find out who locked it, and ask them to delete pwdAccountLockedTime from "
            f"{account.dn}.",
        )


def suspend(context: Context, number: str, reason: str) -> Report:
    """Close one account until ``resume``; on an expired one the suspension is remembered.

    Raises:
        ScolpassError: there is no entry, it is also somebody else's, or the directory refused.
    """
    doing = f"{number} is not suspended"
    facts, decision = _current(context, number, doing)
    if decision.state is None:
        raise ScolpassError(f"{doing}: {decision.reason}", "See `scolpass show`.")
    context.journal.override(number, "suspended", reason, context.actor, instant())
    try:
        return _walk(context, number, "suspend", reason, doing)
    except ScolpassError:
        if not facts.override.suspended:
            context.journal.take_back(number, "suspended")
        raise


def resume(context: Context, number: str, reason: str) -> Report:
    """End a suspension; an expired account only forgets it.

    Raises:
        ScolpassError: the account is not suspended, or the directory refused.
    """
    doing = f"{number} is not resumed"
    facts, _ = _current(context, number, doing)
    adopted = facts.known is not None and facts.known.adopted_suspended
    if not (facts.override.suspended or adopted):
        raise ScolpassError(f"{doing}: it is not suspended", "See `scolpass show`.")
    context.journal.resume(number)
    return _walk(context, number, "resume", reason, doing)


def rename(context: Context, number: str, reason: str) -> Report:
    """Give login and address that follow the current name; the old address is kept as a former one.

    Raises:
        ScolpassError: there is no entry, it is also somebody else's, or the directory refused.
    """
    doing = f"{number} is not renamed"
    facts, decision = _current(context, number, doing)
    if decision.state in (State.EXPIRED, State.PURGED):
        raise ScolpassError(f"{doing}: the account has expired", "See `scolpass show`.")
    if decision.state is None or not rows_of(facts.student):
        trouble = "an undo stands" if facts.override.undone else decision.reason
        raise ScolpassError(
            f"{doing}: no row in the register gives their name: {trouble}",
            "See `scolpass show`; `scolpass resync --force` takes the current rows.",
        )
    return _walk(context, number, "rename", reason, doing, Action.RENAME)


def whom_to_erase(context: Context, number: str) -> str:
    """The person whose data would be erased: number, name, state, DN."""
    facts = prepare(context, over(number)).facts[number]
    account, known = facts.account, facts.known
    if account is None:
        state = known.state.value if known and known.state else "unknown"
        return f"{number}: no entry any more ({state}); what the journal keeps would be erased"
    current = account.current
    words = current.state.value if current.state else "without a state"
    since = f" since {shown(current.start)}" if current.start else ""
    name = account.name or "without a name"
    return f"{number}: {name}, {words}{since}, {account.dn}"


def erase(context: Context, number: str, reason: str) -> Report | None:
    """Erase an expired account at the person's request; returns None if the entry was already gone.

    Raises:
        ScolpassError: the account has not expired, or the directory refused.
    """
    recover(context)
    doing = f"{number} is not erased"
    facts = prepare(context, over(number)).facts[number]
    if facts.account is None and facts.known is not None and facts.known.gone:
        context.connect()
        run = context.journal.begin_run(
            "erase", context.actor, reason, scope=[number], at=context.moment.now
        )
        context.journal.forget(number, run=run, reason=reason, actor=context.actor, at=instant())
        refile(context, run, [number])
        return None
    _, decision = _current(context, number, doing)
    due = decision.action is Action.EXPIRE
    if due or decision.state not in (State.EXPIRED, State.PURGED):
        if due:
            raise ScolpassError(f"{doing}: it expires with the next sync", "Run it first.")
        raise ScolpassError(
            f"{doing}: the account is {decision.state.value if decision.state else 'in use'}",
            "Only an expired account is erased on request.",
        )
    return _walk(context, number, "erase", reason, doing, Action.ERASE)


def _may_be_made(context: Context, number: str) -> bool:
    """Whether a change of this student is still open: the next run finishes it as it was begun."""
    left = context.journal.interrupted()
    return any(one.change.student_number == number for one in left)


def _current(context: Context, number: str, doing: str) -> tuple[Facts, Decision]:
    """One student's account and what it should be today, if it may be acted on at all."""
    recover(context)
    prepared = prepare(context, over(number))
    facts = prepared.facts[number]
    if facts.conflict or facts.account is None:
        said = sign_in_of(context, prepared, number).said(english(), context.rules)[0]
        raise ScolpassError(
            f"{doing}: {said.because[:1].lower()}{said.because[1:].rstrip('.')}", f"{said.cure}."
        )
    if facts.left_alone is not None:
        raise ScolpassError(f"{doing}: {facts.left_alone}", "See `scolpass show`.")
    if facts.candidates:
        raise ScolpassError(
            f"{doing}: {undecided(number, facts.candidates)}",
            "See `scolpass situations candidate`.",
        )
    decision = decide(facts, context.rules, context.moment.today)
    if decision.shared_person:
        raise ScolpassError(
            f"{doing}: {facts.account.dn} is also somebody else's",
            "Ask those who look after staff accounts.",
        )
    return facts, decision


def _walk(
    context: Context,
    number: str,
    command: str,
    reason: str,
    doing: str,
    asked: Action | None = None,
) -> Report:
    """The walk over one student, after its fact was recorded; a change that fails raises.

    ``asked``: the action that no plan would make by itself, and that is wanted of this walk.
    """
    current = context.journal.overrides([number]).get(number, Override())
    rename, erase = asked is Action.RENAME, asked is Action.ERASE
    override = replace(current, rename=rename, erase=erase, reason=reason)
    scope = replace(over(number), overrides={number: override})
    report = reconcile(context, scope, command, reason=reason)
    for outcome in report.outcomes:
        if outcome.outcome != "applied":
            raise ScolpassError(f"{doing}: {outcome.error}")
    refused = next((one.reason for one in report.plan.rejected if one.file is None), None)
    # A resume counts all the same: it is carried out once what is refused has been mended, and a
    # second password can be mended by a reissue, which a suspension would bar.
    if refused is not None and command != "resume":
        raise ScolpassError(f"{doing}: {refused}", "See `scolpass show`.")
    if not any(o.change.action.value == command for o in report.outcomes):
        context.journal.record(
            report.run, command, reason, actor=context.actor, at=instant(), number=number
        )
    return report


# --- a journal from the directory -----------------------------------------------------------------


def rebuild(context: Context, reason: str, reservations: Path | None) -> int:
    """Restore the journal from what the directory knows, removing nothing. The accounts added.

    Raises:
        UsageError: the reservations file cannot be read.
        Untrustworthy: directory or journal cannot be read.
    """
    context.connect()
    assert context.preflight is not None
    on_file = _read_reservations(reservations) if reservations else []
    given = list(on_file)
    present = context.journal.accounts()
    added: dict[str, Known] = {}
    for account in context.directory.accounts(context.tree):
        numbers = account.numbers
        below = is_below(account.dn, context.directory.people_dn)
        if not account.is_ours or not below or len(numbers) != 1:
            continue
        number = numbers[0]
        given.extend((number, "address", v) for n in catalogue.ADDRESSES for v in account.values(n))
        if number not in present:
            added[number] = _known(account, context)
    for number, one in _purged(on_file, context.directory.people_dn).items():
        if number not in present:
            added.setdefault(number, one)
    run = context.journal.begin_run(
        "rebuild", context.actor, reason, scope=(), at=context.moment.now
    )
    context.journal.remember_directory(context.preflight.identity)
    context.journal.remember_accounts(added)
    context.journal.reserve(given)
    context.journal.record(
        run,
        "rebuild",
        f"{many(len(added), 'account')}: {reason}",
        actor=context.actor,
        at=instant(),
    )
    refile(context, run)
    context.journal.end_run(run, at=instant(), exit_status=0)
    return len(added)


def _purged(given: Iterable[tuple[str, str, str]], people_dn: str) -> dict[str, Known]:
    """Former accounts by the identifiers kept of them; the last of several addresses counts."""
    found: dict[str, Known] = {}
    for number, kind, value in given:
        one = found.get(number, Known("", "", "", state=State.PURGED, gone=True))
        if kind == "uid":
            one = replace(one, uid=value, dn=below("uid", value, people_dn))
        else:
            one = replace(one, address=value)
        found[number] = one
    return {number: one for number, one in found.items() if one.uid}


def _known(account: Account, context: Context) -> Known:
    """An account as the journal would remember it, from its entry alone."""
    today = context.moment.today
    current = account.current
    expired = current.state is State.EXPIRED
    lifecycle = context.rules.lifecycle
    return Known(
        dn=account.dn,
        uid=account.uid or "",
        address=(account.address or "").lower(),
        state=current.state,
        since=current.start,
        cutoff=current.end,
        directory_year=year_of_cutoff(current.end, lifecycle) if current.end else None,
        adopted_active=current.state in IN_USE,
        adopted_suspended=current.state is State.SUSPENDED,
        expiry_written_on=today if expired else None,
        announced_end=current.end,
        announced_on=today if current.end else None,
    )


def _read_reservations(file: Path) -> list[tuple[str, str, str]]:
    """The lines of a reservations file: student number, kind and identifier."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{file} cannot be read: {error}", "Name the file beside the journal."
        ) from error
    found = []
    for position, line in enumerate(lines, start=1):
        parts = tuple(line.split("\t"))
        if len(parts) != 3 or parts[1] not in ("uid", "address"):
            raise UsageError(
                f"{file}:{position}: expected number, kind and identifier between tabs",
                "Name the file beside the journal.",
            )
        found.append((parts[0], parts[1], parts[2]))
    return found
