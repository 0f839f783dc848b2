"""A plan as those read it who approve it: counted, with the risks first, and samples of the rest.

Which samples are drawn is decided by the plan's digest: two readers of one plan see the same, and
nobody chooses them.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from heapq import heappush, heappushpop

from connector.core.account import Values
from connector.core.actions import ACTIONS, NoBudget
from connector.core.catalogue import Part
from connector.core.dialect import Terms
from connector.core.identifiers import serving_order
from connector.core.marks import GRAVE, ORDER, Mark, marks_of, telling
from connector.core.model import Action, Change, Plan, Rejection, Verdict
from connector.core.safety import effect
from connector.core.shapes import Shape, come_and_gone, shapes_of
from connector.core.situations import Item, Situation
from connector.core.summary import Said, grouped, refusals, shape
from connector.core.weights import PLACES, Weight, weight_of

SAMPLES = 3  # of each shape
MARKED = 10  # of each mark of risk
_SHOWN_OF_ENTRY = (Part.UID, Part.NAME, Part.ADDRESS, Part.LAST_DAY)

Difference = tuple[str, Values, Values]  # an attribute, with what goes and what comes


@dataclass(frozen=True, slots=True)
class About:
    """Which plan it is."""

    directory: str  # where it is, as it is configured
    day: date  # for which it is computed
    ahead: bool = False  # that is another day than today: it cannot be applied yet
    students: int | None = None  # in the register; None: only a few were asked about

    @property
    def whole(self) -> bool:
        """Whether it is about everyone."""
        return self.students is not None


@dataclass(frozen=True, slots=True)
class Limit:
    """A budget that holds changes back."""

    action: Action
    count: int
    limit: int
    key: str  # of ``[safety]``
    budget: str  # as it is set
    explanation: str  # in English


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """A reason, and how many changes are made for it; values that differ are left out of it."""

    text: str
    count: int
    grave: bool = False  # one of them has a grave mark


@dataclass(frozen=True, slots=True)
class ActionCount:
    """The changes of one kind, by their reasons: the grave ones first, then the commonest."""

    action: Action
    count: int
    held: int
    reasons: tuple[ReasonCount, ...]


@dataclass(frozen=True, slots=True)
class Example:
    """One change of many, as far as it is shown."""

    action: Action
    student_number: str
    dn: str
    reason: str
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class ShapeCount:
    """How many changes of one attribute have one shape, and some of them."""

    attribute: str
    shape: Shape
    count: int
    samples: tuple[Example, ...]


@dataclass(frozen=True, slots=True)
class WeightCount:
    """How many entries that stand have changes of one weight, and in which attributes."""

    weight: Weight
    entries: int
    attributes: tuple[tuple[str, int], ...]  # each with how many entries; the commonest first


@dataclass(frozen=True, slots=True)
class MarkCount:
    """How many changes have a mark of risk, and some of them; all, if they are few."""

    mark: Mark
    count: int
    samples: tuple[Example, ...]


@dataclass(frozen=True, slots=True)
class SituationCount:
    """Everybody who is in one situation, by student number and then by DN."""

    situation: Situation
    items: tuple[Item, ...]

    @property
    def entries(self) -> int:
        """How many entries of the branch."""
        return sum(one.dn is not None for one in self.items)

    @property
    def students(self) -> int:
        """How many students of the register."""
        return sum(one.enrolled for one in self.items)


@dataclass(frozen=True, slots=True)
class PlanReport:
    """All that is told of a plan beside its changes one by one."""

    about: About
    institution: str
    people_dn: str
    digest: str
    managed: int
    floor: int  # what a budget always allows
    approval_days: int
    total: int  # changes
    going: int  # of them, those that nothing holds back
    numbers: tuple[str, ...]  # whom they are about, where only a few were asked about
    limits: tuple[Limit, ...]
    actions: tuple[ActionCount, ...]
    marks: tuple[MarkCount, ...]
    weights: tuple[WeightCount, ...]
    shapes: tuple[ShapeCount, ...]
    added: tuple[Example, ...]
    added_count: int
    deleted: tuple[Example, ...]
    deleted_count: int
    situations: tuple[SituationCount, ...]
    refusals: tuple[tuple[Rejection, ...], ...]
    notices: tuple[Said, ...]

    @property
    def standing(self) -> tuple[ShapeCount, ...]:
        """The shapes of changes in entries that stand before and after."""
        whole = (Shape.NEW_ENTRY, Shape.DELETED_ENTRY)
        return tuple(one for one in self.shapes if one.shape not in whole)

    @property
    def situations_known(self) -> bool:
        """Whether the situations were computed: then somebody is in one."""
        return any(one.items for one in self.situations)

    @property
    def entries(self) -> int:
        """Entries of the branch, where the situations were computed."""
        return sum(one.entries for one in self.situations)

    @property
    def students(self) -> int | None:
        """Students of the register; None: only a few were asked about."""
        if self.situations_known:
            return sum(one.students for one in self.situations)
        return self.about.students

    @property
    def notices_count(self) -> int:
        """Notes, before they were grouped."""
        return sum(len(one.subjects) for one in self.notices)

    @property
    def held(self) -> int:
        """How many changes wait for approval."""
        return self.total - self.going

    @property
    def refused_rows(self) -> int:
        """Rows of the register that are refused."""
        return sum(len(those) for those in self.refusals if those[0].file is not None)

    @property
    def refused_students(self) -> int:
        """Students who are left alone, whatever their rows say."""
        return sum(len(those) for those in self.refusals if those[0].file is None)


def make_report(
    plan: Plan, verdict: Verdict, items: Sequence[Item], terms: Terms, about: About
) -> PlanReport:
    """What is told of a plan.

    Args:
        items: the list of situations; empty: nothing is said of them.
        terms: what the plan was made by.
    """
    counted = _Counted(plan.digest, terms, protected_among(items))
    graves = [counted.count(change) for change in plan.changes]
    rules = terms.rules
    return PlanReport(
        about=about,
        institution=rules.institution.name,
        people_dn=rules.people_dn,
        digest=plan.digest,
        managed=plan.managed,
        floor=rules.safety.floor,
        approval_days=rules.safety.approval_days,
        total=len(plan.changes),
        going=len(verdict.go),
        numbers=() if about.whole else tuple(change.student_number for change in plan.changes),
        limits=tuple(_limits(verdict, terms)),
        actions=tuple(_by_action(zip(plan.changes, graves, strict=True), held_actions(verdict))),
        marks=counted.marks(),
        weights=counted.weights(),
        shapes=counted.shapes(),
        added=counted.drawn("added"),
        added_count=sum(change.adds for change in plan.changes),
        deleted=counted.drawn("deleted"),
        deleted_count=sum(change.deletes for change in plan.changes),
        situations=situations_of(items),
        refusals=tuple(tuple(those) for those in refusals(plan.rejected)),
        notices=tuple(grouped(plan.notices)),
    )


def protected_among(items: Iterable[Item]) -> frozenset[str]:
    """The DNs of entries that are also somebody else's, or that a decision protects."""
    found = (item.dn for item in items if item.situation is Situation.PROTECTED)
    return frozenset(dn for dn in found if dn is not None)


def held_actions(verdict: Verdict) -> frozenset[Action]:
    """The actions that a budget holds back; see :func:`connector.core.safety.effect`."""
    return frozenset(item.action for item in verdict.held)


def situations_of(items: Iterable[Item]) -> tuple[SituationCount, ...]:
    """Everybody by situation, in the order of the situations; each of them is named."""
    found: dict[Situation, list[Item]] = {situation: [] for situation in Situation}
    for item in items:
        found[item.situation].append(item)
    return tuple(
        SituationCount(situation, tuple(sorted(those, key=_place)))
        for situation, those in found.items()
    )


def _place(item: Item) -> tuple[bool, tuple[int, int, str], str]:
    number = item.student_number
    return (number is None, serving_order(number or ""), item.dn or "")


def _limits(verdict: Verdict, terms: Terms) -> Iterator[Limit]:
    for item in verdict.held:
        key = ACTIONS[item.action].budget
        named = "" if isinstance(key, NoBudget) else str(key)
        budget = None if isinstance(key, NoBudget) else terms.rules.safety.budget(key)
        yield Limit(item.action, item.count, item.limit, named, str(budget or ""), item.explanation)


def _by_action(
    changes: Iterable[tuple[Change, bool]], held: frozenset[Action]
) -> Iterator[ActionCount]:
    """Counts by action and reason; reasons that differ only in values are one.

    Args:
        changes: each with whether it has a grave mark.
    """
    texts: dict[Action, dict[str, Counter[str]]] = {}
    graves: set[tuple[Action, str]] = set()
    waiting: Counter[Action] = Counter()
    for change, is_grave in changes:
        of_action, text = texts.setdefault(change.action, {}), _general(change.reason)
        of_action.setdefault(text, Counter())[change.reason] += 1
        waiting[change.action] += effect(change) in held
        if is_grave:
            graves.add((change.action, text))
    for action in ACTIONS:
        if action not in texts:
            continue
        reasons = [
            ReasonCount(
                next(iter(those)) if len(those) == 1 else text,
                those.total(),
                (action, text) in graves,
            )
            for text, those in texts[action].items()
        ]
        reasons.sort(key=lambda one: (not one.grave, -one.count, one.text))
        total = sum(one.count for one in reasons)
        yield ActionCount(action, total, waiting[action], tuple(reasons))


@lru_cache(maxsize=4096)
def _general(reason: str) -> str:
    """A reason without its values, clause by clause."""
    return "; ".join(map(shape, reason.split("; ")))


class _Counted:
    """Changes counted by mark and shape; of each kind, those are kept that the digest draws."""

    def __init__(self, digest: str, terms: Terms, protected: frozenset[str]) -> None:
        self._digest = digest
        self._terms = terms
        self._dialect = terms.dialect
        self._protected = protected
        self._by_shape: Counter[tuple[str, Shape]] = Counter()
        self._by_mark: Counter[Mark] = Counter()
        self._by_weight: Counter[Weight] = Counter()
        self._of_weight: dict[Weight, Counter[str]] = {}
        # By kind, the changes with the lowest ranks: a heap of (-rank, number, DN, example).
        self._drawn: dict[object, list[tuple[int, str, str, Example]]] = {}

    def count(self, change: Change) -> bool:
        """Count a change; whether it has a grave mark."""
        changed = dict(change.attributes.items())  # unpacked once
        marks = marks_of(change, self._terms, self._protected)
        for mark in marks:
            self._by_mark[mark] += 1
            if self._is_drawn(mark, MARKED, change):
                self._keep(mark, MARKED, change, telling(mark, changed, self._dialect))
        whole = change.adds or change.deletes
        weights: set[Weight] = set()
        for name, before, after, found in shapes_of(change):
            self._by_shape[name, found] += 1
            if not whole:
                weight = weight_of(name, found, closes=Mark.CLOSED in marks)
                weights.add(weight)
                self._of_weight.setdefault(weight, Counter())[name] += 1
            if not whole and self._is_drawn((name, found), SAMPLES, change):
                # Of a password, a plan has markers for values.
                told = () if found is Shape.PASSWORD else ((name, before, after),)
                self._keep((name, found), SAMPLES, change, told)
        kind = "added" if change.adds else "deleted"
        if whole and self._is_drawn(kind, SAMPLES, change):
            names = self._dialect.about(changed, *_SHOWN_OF_ENTRY)
            self._keep(kind, SAMPLES, change, tuple((name, *changed[name]) for name in names))
        self._by_weight.update(weights)
        return not GRAVE.isdisjoint(marks)

    def weights(self) -> tuple[WeightCount, ...]:
        """The weightiest first; of each, the attribute that changes most often."""
        return tuple(
            WeightCount(
                weight,
                self._by_weight[weight],
                tuple(sorted(self._of_weight[weight].items(), key=lambda one: (-one[1], one[0]))),
            )
            for weight in sorted(self._by_weight, key=PLACES.__getitem__)
        )

    def shapes(self) -> tuple[ShapeCount, ...]:
        """The commonest first, by attribute."""
        by_attribute: Counter[str] = Counter()
        for (name, _), count in self._by_shape.items():
            by_attribute[name] += count
        order = sorted(
            self._by_shape,
            key=lambda one: (-by_attribute[one[0]], one[0], -self._by_shape[one], one[1]),
        )
        return tuple(
            ShapeCount(name, found, self._by_shape[name, found], self.drawn((name, found)))
            for name, found in order
        )

    def marks(self) -> tuple[MarkCount, ...]:
        """The gravest first."""
        found = sorted(self._by_mark, key=ORDER.__getitem__)
        return tuple(MarkCount(mark, self._by_mark[mark], self.drawn(mark)) for mark in found)

    def drawn(self, kind: object) -> tuple[Example, ...]:
        """The examples of one kind, by student number."""
        examples = [one for *_, one in self._drawn.get(kind, ())]
        return tuple(sorted(examples, key=lambda one: (serving_order(one.student_number), one.dn)))

    def _is_drawn(self, kind: object, most: int, change: Change) -> bool:
        """Whether a change is among the first of its kind, as far as they have been counted."""
        heap = self._drawn.setdefault(kind, [])
        return len(heap) < most or -self._rank(kind, change) > heap[0][0]

    def _keep(
        self, kind: object, most: int, change: Change, differences: tuple[Difference, ...]
    ) -> None:
        shown = tuple((name, *come_and_gone(before, after)) for name, before, after in differences)
        example = Example(change.action, change.student_number, change.dn, change.reason, shown)
        heap = self._drawn[kind]
        entry = (-self._rank(kind, change), change.student_number, change.dn, example)
        if len(heap) < most:
            heappush(heap, entry)
        else:
            heappushpop(heap, entry)

    def _rank(self, kind: object, change: Change) -> int:
        parts = kind if isinstance(kind, tuple) else (kind,)
        written = "\0".join((self._digest, *map(str, parts), change.student_number, change.dn))
        return int.from_bytes(hashlib.sha256(written.encode("utf-8", "surrogatepass")).digest()[:8])
