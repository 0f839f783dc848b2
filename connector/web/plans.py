"""The plan of the moment, as it is read and approved: computed once for all who ask.

Only the digests of a plan's changes are kept in the journal. So a plan that somebody wants to read
is computed from register, directory and journal, like that of ``scolpass plan``, in a thread of its
own; for a while it then serves everybody who asks.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta

from connector.clock import instant
from connector.core.approval import Since, contents, since
from connector.core.model import Action, Change
from connector.core.plan_report import About, PlanReport, held_actions, make_report
from connector.core.safety import effect
from connector.walk.context import Context
from connector.walk.planning import Prepared, keep_for_approval, prepare
from connector.walk.scope import Scope

FRESH = timedelta(seconds=60)  # a plan of this age is that of the moment
KEPT = timedelta(minutes=15)  # a plan is given to those who ask for it by its digest

Lend = Callable[[str], AbstractContextManager[Context]]


@dataclass(frozen=True, slots=True)
class ReadPlan:
    """A plan over everyone, with all that is told of it."""

    prepared: Prepared
    report: PlanReport
    computed_at: datetime
    first_computed: datetime | None  # by a run; from then on its approval has so many days
    mark: int  # the latest run when it was computed

    @property
    def digest(self) -> str:
        """By which it is approved."""
        return self.prepared.plan.digest

    @property
    def held(self) -> frozenset[Action]:
        """The actions that wait for approval."""
        return held_actions(self.prepared.verdict)

    def is_held(self, change: Change) -> bool:
        """Whether a change waits for approval."""
        return effect(change) in self.held


class Plans:
    """The plan of the moment; any number of threads may ask."""

    def __init__(self, lend: Lend) -> None:
        """``lend``: gives a context for somebody's work."""
        self._lend = lend
        self._lock = threading.Lock()
        self._last: ReadPlan | None = None
        self._computing: Future[ReadPlan] | None = None

    def latest(self, actor: str, seconds: float) -> ReadPlan | None:
        """The plan of the moment; None: it is still being computed when the time is over.

        Raises:
            Untrustworthy: a source, the directory or the journal is not to be trusted.
        """
        with self._lock:
            if self._last is not None and self._is_fresh(self._last):
                return self._last
            computing = self._computing
            if computing is None or computing.done():
                computing = self._computing = Future()
                thread = threading.Thread(
                    target=self._compute, args=(computing, actor), name="plan", daemon=True
                )
                thread.start()
        try:
            return computing.result(seconds)
        except TimeoutError:
            if computing.done():
                raise
            return None

    def of(self, digest: str, actor: str, seconds: float) -> ReadPlan | None:
        """The plan that a digest names, or the one that there is instead; as :meth:`latest`.

        Raises:
            Untrustworthy: a source, the directory or the journal is not to be trusted.
        """
        with self._lock:
            last = self._last
        if last is not None and instant() - last.computed_at < KEPT and last.digest == digest:
            return last
        return self.latest(actor, seconds)

    def forget(self) -> None:
        """Compute anew for whoever asks next: something was done."""
        with self._lock:
            self._last = None

    def _is_fresh(self, plan: ReadPlan) -> bool:
        return instant() - plan.computed_at < FRESH

    def _compute(self, computing: Future[ReadPlan], actor: str) -> None:
        try:
            with self._lend(actor) as context:
                made = read_plan(context)
        except BaseException as error:  # noqa: BLE001 - raised again by those who wait
            computing.set_exception(error)
            return
        with self._lock:
            self._last = made
        computing.set_result(made)
        # A first load's plan is large: it is not held until somebody happens to ask again.
        late = threading.Timer(KEPT.total_seconds(), self._forget_this, args=(made,))
        late.daemon = True
        late.start()

    def _forget_this(self, plan: ReadPlan) -> None:
        with self._lock:
            if self._last is plan:
                self._last = None


def read_plan(context: Context) -> ReadPlan:
    """The plan over everyone, and what is told of it; nothing is written to the directory.

    Raises:
        Untrustworthy: a source, the directory or the journal is not to be trusted.
    """
    prepared = prepare(context, Scope(listing=True))
    keep_for_approval(context, prepared)
    today = context.moment.today
    about = About(
        directory=" ".join(context.settings.directory.uris),
        day=today,
        students=prepared.distinct,
    )
    report = make_report(
        prepared.plan, prepared.verdict, prepared.situations, context.terms(today), about
    )
    digest = prepared.plan.digest
    return ReadPlan(
        prepared, report, context.moment.now, context.journal.first_computed(digest), prepared.mark
    )


def is_that_of(context: Context, plan: ReadPlan, digest: str) -> bool:
    """Whether a digest names this plan: its own, or that of a run that left just this to be done.

    Raises:
        JournalUntrusted: the journal cannot be read.
    """
    digest = digest.strip().lower()
    return digest == plan.digest or context.journal.remaining_digest(digest) == plan.digest


def changed_since(context: Context, plan: ReadPlan, digest: str) -> Since | None:
    """How this plan differs from one that was kept; None: that one is not.

    Raises:
        JournalUntrusted: the journal cannot be read.
    """
    read = context.journal.kept_plan(digest.strip().lower())
    return None if read is None else since(read, contents(plan.prepared.plan.changes))
