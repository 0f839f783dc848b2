"""What a run would do: read register, directory and journal, make a plan, and judge it.

Nothing is written. ``scolpass plan`` ends here; a run continues in :mod:`connector.walk.execution`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import chain
from zoneinfo import ZoneInfo

import structlog

from connector.core.actors import same_person
from connector.core.approval import Since, contents, since
from connector.core.dates import shown
from connector.core.feed import feed_drop
from connector.core.identifiers import serving_order
from connector.core.model import (
    NO_FEED,
    Action,
    Enrolment,
    EvidenceItem,
    Facts,
    Feed,
    Moment,
    Plan,
    Rejection,
    Verdict,
)
from connector.core.plan import make_plan
from connector.core.safety import judge
from connector.core.situations import Item
from connector.edges.journal import LastRuns
from connector.errors import FeedRefused, Untrustworthy, UsageError
from connector.walk.context import Context
from connector.walk.gather import Gathering
from connector.walk.register import Listing, read_feed
from connector.walk.scope import EVERYONE, Scope
from connector.walk.watching import NOTHING, Noticed

LONG_GAP = timedelta(days=7)  # after it, announced expiries spend budget again
CLOCK_SLACK = timedelta(days=1)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Approval:
    """What somebody allows a run to do that it may not do without approval."""

    digest: str | None = None  # of the plan that is approved
    accept_feed: bool = False  # a feed that was refused for its size, once


NONE = Approval()


@dataclass(slots=True)
class Prepared:
    """A plan with what it was computed from, judged and not yet applied."""

    plan: Plan
    verdict: Verdict
    facts: dict[str, Facts]  # of a run over a few
    feed: Feed
    rows: list[Enrolment]  # to be remembered
    forget: tuple[str, ...]  # numbers whose remembered rows give way to these
    distinct: int | None  # students in the feed, where the feed itself was judged
    whole: bool  # a full run
    mark: int  # the latest run when this run began
    assigned: dict[int, str] = field(default_factory=dict)  # event to the student it names
    forgotten: tuple[int, ...] = ()  # events given by an earlier holder of the account
    evidence_items: dict[str, tuple[EvidenceItem, ...]] = field(default_factory=dict)  # newly given
    lifted: tuple[str, ...] = ()  # numbers whose rows have changed since an undo
    approved: bool = False
    refused_approval: bool = False
    approved_late: datetime | None = (
        None  # when the plan was first computed, if that is too long ago
    )
    since: Since | None = None  # what has changed since the plan that was approved
    after_gap: bool = False  # judged as after a jump of the clock
    register_trouble: str | None = (
        None  # why the register was refused, if the run continued all the same
    )
    situations: tuple[Item, ...] = ()  # where they were asked for
    noticed: Noticed = NOTHING  # for the index of people
    strangers: int = 0  # entries with a number that the register does not know


def prepare(
    context: Context,
    scope: Scope = EVERYONE,
    approval: Approval = NONE,
    progress: Callable[[int], None] = lambda _: None,
) -> Prepared:
    """Read register, directory and journal, plan and judge; nothing is written.

    A full run lets others write while it reads, and leaves alone the students they have changed.

    Raises:
        Untrustworthy: a source, the directory or the journal is not to be trusted.
    """
    today = scope.at or context.moment.today
    last = context.journal.last_runs()
    if scope.judged and scope.at is None:
        check_clock(last, context.moment, context.rules.institution.zone)
    mark = context.journal.latest_run_id()
    with context.write_lock.aside():
        feed, trouble = feed_for(context, scope)
        if scope.judged and not approval.accept_feed:
            check_feed(feed, last, context)
        context.connect()
        listing = Listing(context, feed, today, lenient=scope.lenient)
        gathering = Gathering(context, feed, scope, listing, progress)
        plan = make_plan(
            gathering.stream(),
            gathering.taken,
            context.terms(today),
            rejected=chain(_rejected(feed, scope.numbers), gathering.rejected),
            notices=_notices(feed, scope.numbers),
        )
    approved, refused, late = approve(context, plan, approval.digest)
    gap = scope.at is None and is_long_since(last, context.moment)
    verdict = _judged(context, scope, plan, approved=approved, gap=gap)
    gathering.assign_made(verdict.go)
    return Prepared(
        plan=plan,
        verdict=verdict,
        facts=gathering.facts,
        feed=feed,
        rows=gathering.rows_to_remember(plan),
        assigned=gathering.events.assigned,
        forgotten=tuple(gathering.events.forgotten),
        evidence_items=gathering.events.given,
        lifted=tuple(gathering.rows.lifted),
        forget=gathering.rows.forced,
        distinct=feed.distinct if scope.judged else None,
        whole=scope.whole,
        mark=mark,
        approved=approved,
        refused_approval=refused,
        approved_late=late,
        since=_since(context, plan, approval.digest) if refused else None,
        after_gap=gap,
        register_trouble=trouble,
        situations=gathering.situations() if scope.listing else (),
        noticed=gathering.noticed(),
        strangers=gathering.matching.leavers() if scope.whole else 0,
    )


# The endings that time and register bring about: a suspension or an erasure is somebody's decision,
# which no other run makes in its place.
_ENDINGS = frozenset({Action.EXPIRE, Action.PURGE})


def _judged(context: Context, scope: Scope, plan: Plan, *, approved: bool, gap: bool) -> Verdict:
    """What of a plan may be applied; ``gap``: the clock may have jumped since the last good run."""
    verdict = Verdict(go=plan.changes, held=())
    if scope.judged:
        counted = plan if scope.of is None else replace(plan, managed=scope.of)
        verdict = judge(counted, context.rules.safety, approved=approved, after_long_gap=gap)
    if not scope.endings:
        verdict = replace(verdict, go=tuple(c for c in verdict.go if c.action not in _ENDINGS))
    return verdict


def feed_for(context: Context, scope: Scope) -> tuple[Feed, str | None]:
    """The register, and why it was refused if the scope tolerates that.

    Raises:
        FeedRefused: it is not whole, and the scope does not tolerate that.
    """
    if scope.feed is not None:
        if scope.judged and scope.feed.numbers is not None:
            raise ValueError("a register that was read for a few says nothing of everyone")
        return scope.feed, None
    try:
        today = scope.at or context.moment.today
        feed = read_feed(context, None if scope.judged else scope.numbers, today)
    except FeedRefused as error:
        if not scope.lenient:
            raise
        log.warning("register", trouble=error.message, cure="what is remembered counts")
        return NO_FEED, error.message
    return feed, None


def is_long_since(last: LastRuns, moment: Moment) -> bool:
    """Whether the last good run is so long ago that the clock may have jumped since."""
    return last.good_at is not None and moment.now - last.good_at > LONG_GAP


def check_clock(last: LastRuns, moment: Moment, zone: ZoneInfo) -> None:
    """Make sure that the clock is not a day or more behind the latest full run.

    Raises:
        Untrustworthy: it is.
    """
    if last.started_at is not None and last.started_at - moment.now >= CLOCK_SLACK:
        raise Untrustworthy(
            f"the clock says {shown(moment.now, zone)}, but run {last.id} was made at "
            f"{shown(last.started_at, zone)}",
            "Set the clock right and run again; if it was wrong then, say so by "
            f"`scolpass undo {last.id}`. Nothing was written.",
        )


def check_feed(feed: Feed, last: LastRuns, context: Context) -> None:
    """Make sure that the register has not shrunk by more than ``safety.max_feed_drop``.

    Raises:
        FeedRefused: it has.
    """
    reason = feed_drop(feed.distinct, last.students, context.rules.safety.max_feed_drop)
    if reason is not None:
        raise FeedRefused(
            f"the register's feed is refused for its size: {reason}",
            "If the register really is that much smaller, run "
            "`scolpass sync --accept-feed --reason ...` once",
        )


def _rejected(feed: Feed, scope: Sequence[str] | None) -> Sequence[Rejection]:
    """The rejected rows; in a run over a few, those that name one of the few."""
    if scope is None:
        return feed.rejected
    return [row for number in scope for row in feed.spoiled.get(number, ())]


def _notices(feed: Feed, scope: Sequence[str] | None) -> Iterator[str]:
    """The notices on the rows of everyone, or of a few, by ascending student number."""
    wanted = feed.notices if scope is None else set(scope) & feed.notices.keys()
    for number in sorted(wanted, key=serving_order):
        yield from feed.notices[number]


def _since(context: Context, plan: Plan, given: str | None) -> Since | None:
    """What has changed since the plan that was approved; None: it is not kept, or is this one."""
    read = context.journal.kept_plan((given or "").strip().lower())
    now = contents(plan.changes)
    return None if read is None or read == now else since(read, now)


def keep_for_approval(context: Context, prepared: Prepared) -> None:
    """Keep a plan that is held, so that its approval can say what has changed since."""
    if prepared.verdict.held:
        plan = prepared.plan
        context.journal.keep_plan(plan.digest, contents(plan.changes), context.moment.now)


def approve(context: Context, plan: Plan, given: str | None) -> tuple[bool, bool, datetime | None]:
    """Whether the plan is approved, whether its approval is refused, and when it was first computed
    if that is too long ago (``safety.approval_days``).

    The digest may be that of this plan, or of a run that left exactly this plan to be done.

    Raises:
        UsageError: whoever had it computed approves it, and ``safety.second_person`` is set.
    """
    if given is None:
        return False, False, None
    given = given.strip().lower()
    if given != plan.digest and context.journal.remaining_digest(given) != plan.digest:
        return False, True, None
    see_that_another_approves(context, given)
    first = context.journal.first_computed(plan.digest)
    if first is not None and context.moment.now - first > timedelta(
        days=context.rules.safety.approval_days
    ):
        return False, True, first
    return True, False, None


def see_that_another_approves(context: Context, digest: str) -> None:
    """See that a plan is not approved by whoever had it computed, if that is asked for.

    Raises:
        UsageError: it is, and ``safety.second_person`` is set.
    """
    if not context.rules.safety.second_person:
        return
    asked = context.journal.first_computed_by(digest)
    if asked is None:
        raise UsageError(
            f"no run has computed the plan {digest}, so nobody knows who asked for it",
            "Let a sync compute it, then somebody else approves it (safety.second_person).",
        )
    if same_person(asked, context.actor):
        raise UsageError(
            f"the plan {digest} was computed for {asked}, who approves it",
            "Somebody else has to approve it (safety.second_person). Nothing was changed.",
        )
