"""The one walk: gather → plan → judge → apply → report, over everyone or over a few.

A sync, a plan, one student's resync and the service desk's commands all come here;
``prepare`` reads and plans and writes nothing, ``carry_out`` applies what the judge let go.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

import structlog
from pydantic import SecretStr

from connector.apply import Applied, Applier
from connector.clock import instant, read_moment
from connector.core import entry
from connector.core.enrolment import feed_drop
from connector.core.evidence import WAITING, BadEvent, fold, read_event
from connector.core.identifiers import local_part, uid_of
from connector.core.lifecycle import rows_of
from connector.core.model import (
    Account,
    Action,
    Change,
    Enrolment,
    Facts,
    Feed,
    Gift,
    Known,
    Moment,
    Outcome,
    Override,
    Plan,
    Rejection,
    Reservation,
    Sealed,
    Student,
    Verdict,
)
from connector.core.plan import Taken, digest, make_plan
from connector.core.rules import Rules
from connector.core.safety import judge
from connector.edges.directory import Directory, Preflight
from connector.edges.journal import Journal, LastRuns, open_journal
from connector.edges.passwords import Sealer
from connector.edges.register import read_register
from connector.errors import (
    DirectoryUntrusted,
    FeedRefused,
    JournalUntrusted,
    UnknownStudent,
    Untrustworthy,
)
from connector.log import guard_secret
from connector.settings import Settings

LONG_GAP = timedelta(days=7)  # after it, announced expiries spend budget again
CLOCK_SLACK = timedelta(days=1)

log = structlog.get_logger()


@dataclass(slots=True)
class Context:
    """What a command works with: built once from the settings, closed by its ``with``."""

    settings: Settings
    rules: Rules
    journal: Journal
    directory: Directory
    sealer: Sealer
    moment: Moment
    actor: str
    tree: str = ""  # the naming context
    preflight: Preflight | None = None
    _stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Context:
        self._stack.callback(self.journal.close)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def connect(self) -> Preflight:
        """Reach the directory and see that it is the one we expect; once per command.

        Raises:
            Untrustworthy: unreachable, another directory, or not fit to be written.
        """
        if self.preflight is None:
            self._stack.enter_context(self.directory)
            self.tree = self.directory.context()
            found = self.directory.preflight(self.tree, self.rules.provisional.policy_dn)
            self.journal.directory(found.identity)
            if found.troubles:
                raise DirectoryUntrusted(
                    f"{self.directory.uri}: {'; '.join(found.troubles)}",
                    "`scolpass check` says how to mend it; nothing was written.",
                )
            for warning in found.warnings:
                log.warning("directory", trouble=warning, cure="scolpass check")
            self.preflight = found
        return self.preflight


def open_context(settings: Settings, actor: str) -> Context:
    """Open journal and keys, read the clock; the directory is reached later, by ``connect``.

    Raises:
        UsageError: a secret file is missing or readable by others.
        JournalUntrusted: the journal cannot be opened.
    """
    password = settings.directory_password()
    guard_secret(password)
    return Context(
        settings=settings,
        rules=settings.rules,
        sealer=Sealer(settings.sealing_keys()),
        journal=open_journal(settings.journal.url.get_secret_value()),
        directory=Directory(settings.directory, password),
        moment=read_moment(settings.institution),
        actor=actor,
    )


@dataclass(slots=True)
class Prepared:
    """A plan with what it was computed from, judged and not yet applied."""

    plan: Plan
    verdict: Verdict
    facts: dict[str, Facts]  # of a pass over a few
    feed: Feed
    rows: list[Enrolment]  # to be remembered
    forget: tuple[str, ...]  # numbers whose remembered rows give way to these
    distinct: int | None  # students in the feed, in a pass over everyone
    assigned: dict[int, str] = field(default_factory=dict)  # events, to whom they name
    gifts: dict[str, tuple[Gift, ...]] = field(default_factory=dict)  # what is newly given
    lifted: tuple[str, ...] = ()  # numbers whose rows have changed since an undo
    approved: bool = False
    refused_approval: bool = False


@dataclass(slots=True)
class Report:
    """What a pass did."""

    run: int
    plan: Plan
    verdict: Verdict
    outcomes: tuple[Outcome, ...]
    exit_status: int
    passwords: Mapping[str, SecretStr]
    refused_approval: bool = False


# --- prepare ------------------------------------------------------------------------------------


def prepare(
    context: Context,
    scope: Sequence[str] | None = None,
    *,
    at: date | None = None,
    approve: str | None = None,
    accept_feed: bool = False,
    overrides: Mapping[str, Override] | None = None,
    feed: Feed | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Prepared:
    """Read register, directory and journal, plan and judge; nothing is written.

    ``scope`` names student numbers (None: everyone); absence, percentages and budgets are never
    judged in a pass over a few. ``at`` plans for another day.

    Raises:
        Untrustworthy: a source, the directory or the journal is not to be trusted.
    """
    today = at or context.moment.today
    last = context.journal.last_runs()
    whole = scope is None
    if whole and at is None:
        _check_clock(last, context.moment)
    if feed is None:
        feed = read_register(
            context.settings.source, today=today, institution=context.rules.institution
        )
    if whole and not accept_feed:
        _check_feed(feed, last, context)
    context.connect()
    gathering = _Gathering(context, feed, scope, overrides or {}, progress)
    plan = make_plan(
        gathering.stream(),
        gathering.taken,
        context.rules,
        today,
        rejected=_rejected(feed, scope),
    )
    approved, refused = _approval(context, plan, approve)
    gap = last.good_at is not None and context.moment.now - last.good_at > LONG_GAP
    verdict = Verdict(go=plan.changes, held=())
    if whole:
        verdict = judge(
            plan, context.rules.safety, approved=approved, after_long_gap=gap and at is None
        )
    gathering.assign_made(verdict.go)
    return Prepared(
        plan=plan,
        verdict=verdict,
        facts=gathering.facts,
        feed=feed,
        rows=gathering.rows_to_remember(plan),
        assigned=gathering.assigned,
        gifts=gathering.given,
        lifted=tuple(gathering.lifted),
        forget=gathering.forget,
        distinct=feed.distinct if whole else None,
        approved=approved,
        refused_approval=refused,
    )


def _check_clock(last: LastRuns, moment: Moment) -> None:
    if last.started_at is not None and last.started_at - moment.now >= CLOCK_SLACK:
        raise Untrustworthy(
            f"the clock says {moment.now:%Y-%m-%d %H:%M} UTC, but run {last.id} was made at "
            f"{last.started_at:%Y-%m-%d %H:%M} UTC",
            "Set the clock right and run again; if it was wrong then, say so by "
            f"`scolpass undo {last.id}`. Nothing was written.",
        )


def _check_feed(feed: Feed, last: LastRuns, context: Context) -> None:
    reason = feed_drop(feed.distinct, last.students, context.rules.safety.max_feed_drop)
    if reason is not None:
        raise FeedRefused(
            f"the register's feed is refused for its size: {reason}",
            "If the register really is that much smaller, run "
            "`scolpass sync --accept-feed --reason ...` once",
        )


def _rejected(feed: Feed, scope: Sequence[str] | None) -> Sequence[Rejection]:
    """The rows refused alone; in a pass over a few, those that name one of the few."""
    if scope is None:
        return feed.rejected
    return [row for number in scope for row in feed.spoiled.get(number, ())]


def _approval(context: Context, plan: Plan, approve: str | None) -> tuple[bool, bool]:
    """Whether the plan is approved, and whether an approval was given for another one.

    The digest may be that of this plan, or of a run that left exactly this plan undone.
    """
    if approve is None:
        return False, False
    given = approve.strip().lower()
    same = given == plan.digest or context.journal.remaining_digest(given) == plan.digest
    return same, not same


class _Gathering:
    """Register, journal and directory brought together, student by student."""

    def __init__(
        self,
        context: Context,
        feed: Feed,
        scope: Sequence[str] | None,
        overrides: Mapping[str, Override],
        progress: Callable[[int], None],
    ) -> None:
        journal = context.journal
        self._context = context
        self._scope = scope
        self._feed = feed
        self._progress = progress
        numbers = None if scope is None else list(scope)
        self._known: dict[str, Known] = journal.accounts(numbers)
        self._sealed: dict[str, Sealed] = journal.sealed(numbers)
        self._overrides = {**journal.overrides(numbers), **overrides}
        self._reservations = self._reserved_only(journal.reservations(numbers) if scope else None)
        self._gifts = journal.gifts(numbers)
        self._unassigned = self._read_unassigned()
        self.assigned: dict[int, str] = {}
        self.given: dict[str, tuple[Gift, ...]] = {}
        self.lifted: list[str] = []
        self._lift_what_changed()
        self._remembered: dict[str, list[Enrolment]] = {}
        self._changed: set[str] = set()
        self._read_remembered(numbers)
        self.facts: dict[str, Facts] = {}
        self.forget = tuple(n for n, o in self._overrides.items() if o.force)
        self.taken = Taken(
            reserved=journal.reserved(),
            waiting={
                name: tuple(gift for _, gifts in events for gift in gifts)
                for name, events in self._unassigned.items()
            },
        )

    def _read_unassigned(self) -> dict[str, list[tuple[int, tuple[Gift, ...]]]]:
        """Events of which it is not known whom they name, by their identifier."""
        found: dict[str, list[tuple[int, tuple[Gift, ...]]]] = {}
        domains = self._context.rules.institution.inside
        for row in self._context.journal.unassigned_events():
            arrived = datetime.fromisoformat(row["received_at"])
            try:
                event = read_event(json.loads(row["body"]), arrived, domains)
            except BadEvent:  # by rules that have changed since: it waits until it is forgotten
                continue
            found.setdefault(row["identifier"], []).append((row["number"], event.gifts))
        return found

    def _lift_what_changed(self) -> None:
        """An undo stands until the register's rows for that student change."""
        for number, override in self._overrides.items():
            present = self._feed.students.get(number)
            if override.undone and (
                override.force or (present and rows_digest(present) != override.rows)
            ):
                self._overrides[number] = replace(override, undone=False)
                self.lifted.append(number)

    def _gifts_of(self, number: str, account: Account | None) -> tuple[Gift, ...]:
        """What the student gave, with what the events that name her give now."""
        standing = self._gifts.get(number, ())
        if not self._unassigned:
            return standing
        names = {uid_of(number, self._context.rules.identifiers.uid)}
        for one in (self._known.get(number), self._reservations.get(number)):
            if one is not None:
                names |= {one.uid, one.address}
        if account is not None:
            for name in ("uid", *entry.ADDRESSES):
                names.update(account.values(name))
        others = (name for name in names if not self._is_managed(name))  # a number names first
        return self._assign(number, standing, (number, *others))

    def _assign(
        self, number: str, standing: tuple[Gift, ...], names: Iterable[str]
    ) -> tuple[Gift, ...]:
        """Give a student the events that name her so; each names one student."""
        found = [one for name in names if name for one in self._unassigned.pop(name.lower(), ())]
        if not found:
            return standing
        self.assigned.update((event, number) for event, _ in found)
        folded = fold(standing, [gift for _, gifts in found for gift in gifts])
        self.given[number] = folded
        return folded

    def assign_made(self, changes: Iterable[Change]) -> None:
        """Events that name students by the addresses which these changes give them."""
        for change in changes:
            if change.adds and change.after is not None:
                number = change.student_number
                standing = self.given.get(number) or self._gifts.get(number, ())
                self._assign(number, standing, (change.after.address,))

    def _reserved_only(self, found: dict[str, Reservation] | None) -> dict[str, Reservation]:
        """Identifiers of students whose account the journal no longer keeps as present."""
        if found is None:
            found = self._context.journal.reservations()
        return {
            number: one
            for number, one in found.items()
            if number not in self._known or self._known[number].gone
        }

    def _read_remembered(self, numbers: list[str] | None) -> None:
        """Keep of the remembered rows only those that this feed does not repeat."""
        matched: dict[str, int] = {}
        for row in self._context.journal.enrolments(numbers):
            present = self._feed.students.get(row.student_number)
            if present is not None and row in present:
                matched[row.student_number] = matched.get(row.student_number, 0) + 1
            else:
                self._remembered.setdefault(row.student_number, []).append(row)
        for number, rows in self._feed.students.items():
            if matched.get(number, 0) != len(rows) and (numbers is None or number in numbers):
                self._changed.add(number)

    def rows_to_remember(self, plan: Plan) -> list[Enrolment]:
        """The rows of this feed that the journal does not hold as they are.

        Of somebody whose entry is gone and not to be made again nothing is remembered anew: what
        was erased stays erased, though the register may still list her.
        """
        found: list[Enrolment] = []
        gone = {number for number, known in self._known.items() if known.gone}
        gone -= plan.memory.keys() | {change.student_number for change in plan.changes}
        for number in sorted((self._changed | set(self.forget)) - gone):
            student = self._student(number)
            known = set(student.remembered)
            force = self._overrides.get(number, _NO_OVERRIDE).force
            found.extend(row for row in rows_of(student, force=force) if force or row not in known)
        return found

    def _student(self, number: str) -> Student:
        if self._overrides.get(number, _NO_OVERRIDE).undone:
            return Student(number)
        return Student(
            number,
            present=self._feed.students.get(number, ()),
            remembered=tuple(self._remembered.get(number, ())),
        )

    def _facts(self, number: str, account: Account | None, conflict: str | None = None) -> Facts:
        facts = Facts(
            number=number,
            student=self._student(number),
            account=account,
            known=self._known.get(number),
            sealed=self._sealed.get(number),
            reservation=self._reservations.get(number),
            override=self._overrides.get(number) or _NO_OVERRIDE,
            gifts=self._gifts_of(number, account),
            conflict=conflict,
        )
        if self._scope is not None:
            self.facts[number] = facts
        return facts

    def _is_managed(self, number: str) -> bool:
        return number in self._feed.students or number in self._known or number in self._remembered

    def stream(self) -> Iterator[Facts]:
        """The facts of every student in scope: entries first, then who has none.

        Raises:
            DirectoryUntrusted: entries are missing that the journal knows.
        """
        seen: dict[str, str] = {}
        conflicts: dict[str, list[str]] = {}
        managed = 0
        for account in self._accounts():
            for name in entry.ADDRESSES:
                self.taken.addresses.update(v.lower() for v in account.values(name))
            for uid in account.values("uid"):
                self.taken.uids.setdefault(uid.lower(), account.dn)
            numbers = [n for n in account.values("supannEtuId") if self._is_managed(n)]
            if not numbers:
                continue
            outside = not entry.is_below(account.dn, self._context.directory.people_dn)
            several = len(account.values("supannEtuId")) > 1
            for number in numbers:
                if outside or several or number in seen:
                    conflicts.setdefault(number, [seen.get(number, "")]).append(account.dn)
                seen.setdefault(number, account.dn)
            if numbers[0] not in conflicts:
                managed += 1
                self._progress(managed)
                yield self._facts(numbers[0], account)
        for number, dns in sorted(conflicts.items()):
            named = "; ".join(dict.fromkeys(dn for dn in dns if dn))
            reason = (
                f"the number stands on several entries, on one with several, or outside: {named}"
            )
            yield self._facts(number, None, reason)
        if self._scope is None:
            self._check_missing(seen)
        yield from self._without_entry(seen)

    def _accounts(self) -> Iterator[Account]:
        context = self._context
        if self._scope is None:
            yield from context.directory.accounts(context.tree)
            return
        found = context.directory.accounts_of(context.tree, self._scope)
        self._look_up_taken(found)
        yield from found

    def _look_up_taken(self, found: Sequence[Account]) -> None:
        """In a pass over a few: which of the identifiers they may be given are taken."""
        context = self._context
        for number in self._scope or ():
            rows = self._feed.students.get(number) or tuple(self._remembered.get(number, ()))
            uid = uid_of(number, context.rules.identifiers.uid)
            for dn in context.directory.holders(context.tree, ["uid"], uid):
                self.taken.uids[uid.lower()] = dn
            own = {account.dn for account in found if number in account.values("supannEtuId")}
            starts = {uid.lower()}
            for row in rows:
                local = local_part(row.first_name, row.usual_name or row.family_name)
                starts.add((local or uid).lower()[:40])
            for start in starts:
                for dn, address in context.directory.addresses_from(context.tree, start):
                    if dn not in own:
                        self.taken.addresses.add(address.lower())

    def _check_missing(self, seen: Mapping[str, str]) -> None:
        present = [number for number, known in self._known.items() if not known.gone]
        missing = sorted(number for number in present if number not in seen)
        context = self._context
        floor = context.rules.safety.floor
        hidden = context.preflight is not None and context.preflight.populated and not seen
        if len(missing) > floor or (missing and hidden):
            dns = ", ".join(self._known[number].dn for number in missing[:3])
            raise DirectoryUntrusted(
                f"entries are missing on {context.directory.uri}: there were {len(present)}, "
                f"now there are {len(present) - len(missing)}; {len(missing)} missing where "
                f"at most {floor} may be (first: {dns})",
                "See that the service account may still read them, and that this is the right "
                "directory and not an old backup; nothing was written.",
            )

    def _without_entry(self, seen: Mapping[str, str]) -> Iterator[Facts]:
        numbers: dict[str, None] = dict.fromkeys(self._scope or ())
        if self._scope is None:
            numbers.update(dict.fromkeys(self._feed.students))
            numbers.update(dict.fromkeys(self._remembered))
            numbers.update(dict.fromkeys(n for n, k in self._known.items() if not k.gone))
        for number in numbers:
            if number not in seen:
                yield self._facts(number, None)


_NO_OVERRIDE = Override()


# --- carry out ----------------------------------------------------------------------------------


def recover(context: Context) -> None:
    """Settle what a crash left open: an intention without conclusion is compared with its entry.

    What was done is concluded; what was not is planned anew, with the password drawn for it.
    """
    left = context.journal.interrupted()
    if not left:
        return
    context.connect()
    for one in left:
        account = context.directory.account_at(one.change.dn)
        done = entry.is_done(one.change, account)
        reissued = one.change.action is Action.REISSUE
        if reissued and not done and account is not None and not account.must_change:
            # The old password was used in between: the student has her own, and keeps it.
            context.journal.take_back(one.change.student_number, "reissue")
        error = None if done else "interrupted before it was made; planned anew"
        context.journal.conclude([(one.id, one.change, error)])
        log.warning(
            "interrupted change settled",
            action=one.change.action.value,
            student=one.change.student_number,
            dn=one.change.dn,
            outcome="applied" if done else "planned anew",
        )


def carry_out(
    context: Context,
    prepared: Prepared,
    *,
    command: str,
    reason: str = "",
    progress: Callable[[int], None] = lambda _: None,
) -> Report:
    """Apply what the judge let go, and record run, changes and what was learnt.

    Raises:
        Untrustworthy: a policy that new passwords need is not there; the journal failed.
    """
    plan, verdict = prepared.plan, prepared.verdict
    whole = prepared.distinct is not None
    if not prepared.refused_approval:
        _check_policies(context, verdict)
    if whole:
        _warn_of_guessing(context)
    journal = context.journal
    assert context.preflight is not None
    journal.remember_directory(context.preflight.identity)
    run = journal.begin_run(command, context.actor, reason, whole=whole, at=context.moment.now)
    structlog.contextvars.bind_contextvars(run=run)
    if prepared.approved:
        journal.record(
            run, "approve", f"{plan.digest}: {reason}", actor=context.actor, at=instant()
        )
    applied = Applied()
    go = () if prepared.refused_approval else verdict.go
    try:
        if not prepared.refused_approval:
            # What a held change was computed from is not remembered: nothing held is done.
            going = {change.student_number for change in go}
            waiting = {change.student_number for change in plan.changes} - going
            rows = [row for row in prepared.rows if row.student_number not in waiting]
            if rows or prepared.forget:
                journal.remember_enrolments(rows, prepared.forget)
            for number in prepared.lifted:
                journal.take_back(number, "undone")
            journal.assign_events(prepared.assigned, prepared.gifts)
            if plan.memory or plan.unsealed or plan.given:
                journal.remember_accounts(plan.memory, _changed(context, plan), plan.given)
        applier = Applier(
            context.directory,
            journal,
            context.sealer,
            context.rules.provisional,
            run=run,
            actor=context.actor,
            connections=context.settings.directory.connections,
        )
        if go:
            applied = applier.apply(go, progress)
    except JournalUntrusted:
        log.error(  # noqa: TRY400 - the command says the cause; no traceback for it
            "the journal failed during the run; the next sync settles what was left open"
        )
        raise
    if not prepared.refused_approval:
        journal.settle_events(context.moment.now - WAITING)
    if whole:
        kept = timedelta(days=context.rules.lifecycle.archive_days)
        journal.forget_archived(context.moment.today - kept)
    gone = {id(change) for change in go}
    held = tuple(Outcome(c, "held") for c in plan.changes if id(c) not in gone)
    outcomes = _in_order(plan, (*applied.outcomes, *held))
    status = _exit_status(plan, verdict, outcomes, refused=prepared.refused_approval)
    left = tuple(o.change for o in outcomes if o.outcome != "applied")
    journal.end_run(
        run,
        at=instant(),
        exit_status=status,
        students=prepared.distinct,
        managed=plan.managed,
        digest=plan.digest,
        remaining_digest=digest(left) if left else None,
    )
    log.info(
        "run ended",
        command=command,
        exit_status=status,
        managed=plan.managed,
        planned=dict(plan.counts),
        applied=sum(o.outcome == "applied" for o in outcomes),
        failed=sum(o.outcome == "failed" for o in outcomes),
        held=[h.action.value for h in verdict.held],
        rejected=len(plan.rejected),
    )
    return Report(
        run=run,
        plan=plan,
        verdict=verdict,
        outcomes=outcomes,
        exit_status=status,
        passwords=applied.passwords,
        refused_approval=prepared.refused_approval,
    )


def _check_policies(context: Context, verdict: Verdict) -> None:
    """No provisional password is given while a policy that guards it is not there."""
    preflight = context.connect()
    if not preflight.password_troubles:
        return
    if any(change.draws_password for change in verdict.go):
        raise DirectoryUntrusted(
            f"{context.directory.uri}: {'; '.join(preflight.password_troubles)}",
            "A provisional password would open the account for good: load the policies of "
            "deploy/openldap first (`scolpass check`); nothing was written.",
        )
    for trouble in preflight.password_troubles:
        log.warning("directory", trouble=trouble, cure="scolpass check")


def _changed(context: Context, plan: Plan) -> list[str]:
    """The students of whom it is certain that their sealed password opens nothing any more.

    No request with a guard goes with it, so that a lost right to read ``pwdReset`` must not
    pass for a password that was changed.
    """
    certain = []
    for number in sorted(plan.unsealed):
        if context.directory.hides_reset(context.tree, number):
            log.warning("pwdReset cannot be read", student=number, cure="scolpass check")
        else:
            certain.append(number)
    return certain


def _warn_of_guessing(context: Context) -> None:
    """Say what guessing could open, where that is more than six digits can bear."""
    found = context.directory.guessing(context.tree, context.rules.provisional)
    if found.too_many:
        log.warning("directory", trouble=found.sentence, cure=found.cure)


def _in_order(plan: Plan, outcomes: Sequence[Outcome]) -> tuple[Outcome, ...]:
    by_change = {id(outcome.change): outcome for outcome in outcomes}
    return tuple(by_change[id(change)] for change in plan.changes if id(change) in by_change)


def rows_digest(rows: Sequence[Enrolment]) -> str:
    """SHA-256 over the register's rows of one student, whatever their order."""
    return hashlib.sha256("\n".join(sorted(map(repr, rows))).encode()).hexdigest()


def _exit_status(
    plan: Plan, verdict: Verdict, outcomes: Sequence[Outcome], *, refused: bool
) -> int:
    if refused or verdict.held:
        return 3
    failed = any(outcome.outcome == "failed" for outcome in outcomes)
    return 1 if failed or plan.rejected else 0


def plan_status(prepared: Prepared) -> int:
    """How ``scolpass plan`` ends: as ``sync`` would."""
    return _exit_status(prepared.plan, prepared.verdict, (), refused=prepared.refused_approval)


# --- who is meant -------------------------------------------------------------------------------


def resolve(context: Context, identifier: str, feed: Feed | None = None) -> str:
    """The student number that a number, uid, login or address names.

    ``feed``: the register, if it has been read already.

    Raises:
        UnknownStudent: nobody, or more than one.
    """
    text = identifier.strip()
    if text in context.journal.accounts([text]):
        return text
    number = context.journal.account_by_identifier(text)
    if number is not None:
        return number
    context.connect()
    numbers = context.directory.numbers_of(context.tree, text)
    if text in numbers:
        return text
    if len(numbers) == 1:
        return numbers[0]
    if numbers:
        raise UnknownStudent(f"{identifier} names several students: {', '.join(sorted(numbers))}")
    if next(context.journal.enrolments([text]), None) is not None:
        return text
    feed = feed or read_register(
        context.settings.source, today=context.moment.today, institution=context.rules.institution
    )
    if text in feed.students or text in feed.spoiled:
        return text
    raise UnknownStudent(
        f"nobody has the student number, uid, login or address {identifier}",
        "See how it is written in the register; `scolpass history` knows former students.",
    )
