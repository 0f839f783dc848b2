"""Reports of plans as they are rarely: with everything that a page has room for, and more."""

from __future__ import annotations

from datetime import date

from connector.core.marks import Mark
from connector.core.model import Action, Rejection
from connector.core.plan_report import (
    About,
    ActionCount,
    Example,
    Limit,
    MarkCount,
    PlanReport,
    ReasonCount,
    ShapeCount,
    SituationCount,
    WeightCount,
)
from connector.core.shapes import Shape
from connector.core.situations import Candidate, Item, Situation
from connector.core.summary import Said
from connector.core.weights import Weight

HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "\u202elave\u202c Mar\u200btin",
    "x" * 300,
    "{{ 7 * 7 }} & \"quoted\" 'twice'",
    "\ud83d lone, 李明, Нина",
)
_REASONS = (
    "adopted with its own password; enrolled in 2026/2027; identity differs from the register "
    "(cn, displayName, givenName, sn); the cutoff moves from 31/12/2026 to 31/12/2027",
    "the academic year 2025/2026 is over and no later one counts",
    "suspended: charter breached; see the letter of 3 May, which explains it at length",
    "a reason that nobody has translated, and that is as long as reasons can be in a plan",
)


def fullest() -> PlanReport:
    """All actions with many reasons, all marks, all limits, long lists, hostile values."""
    examples = tuple(
        Example(
            Action.UPDATE,
            f"2260000{place}",
            f"uid={name},ou=people,dc=u,dc=fr",
            _REASONS[place % len(_REASONS)],
            (
                ("sn", (name,), ("Martin",)),
                ("pwdEndTime", ("20270101000000Z",), ("20271231230000Z",)),
                ("supannRessourceEtatDate", (), ("{COMPTE}A:SupannActif:20261001:20271231",)),
            ),
        )
        for place, name in enumerate(HOSTILE)
    )
    return PlanReport(
        about=About(
            "ldaps://ldap1.univ-example.fr ldaps://ldap2.univ-example.fr",
            date(2026, 12, 1),
            students=48_213,
        ),
        institution="Université Paul-Valéry Montpellier 3 – Arts, Lettres, Langues et Sciences "
        "humaines et sociales",
        people_dn="ou=people,ou=etudiants,dc=univ-example,dc=fr",
        digest="c77e1f1d30731092662bd2490ba1634780a8c7630b4796e6d042b7b6b939e6aa",
        managed=47_012,
        floor=5,
        approval_days=7,
        total=38_000,
        going=12,
        numbers=(),
        limits=tuple(
            Limit(action, 30_000, 17, f"max_{action.value}", "50%", "") for action in Action
        ),
        actions=tuple(
            ActionCount(action, 4_000, 4_000, tuple(ReasonCount(text, 1_000) for text in _REASONS))
            for action in Action
        ),
        marks=tuple(MarkCount(mark, 12_345, examples[:2]) for mark in Mark),
        weights=tuple(
            WeightCount(
                weight, 12_345, tuple((f"supannEntiteAffectation{n}", 2_031) for n in range(9))
            )
            for weight in Weight
        ),
        shapes=tuple(
            ShapeCount("supannEntiteAffectationPrincipale", shape, 2_031, examples[:1])
            for shape in Shape
        ),
        added=examples,
        added_count=4_000,
        deleted=examples,
        deleted_count=4_000,
        situations=tuple(
            SituationCount(situation, tuple(_item(situation, n) for n in range(22)))
            for situation in Situation
        ),
        refusals=(
            tuple(
                Rejection("/srv/enrolments.csv", line, "family_name", HOSTILE[0], "is damaged")
                for line in range(30)
            ),
            (Rejection(None, None, "student_number", "22600009", "has an entry"),),
        ),
        notices=(
            Said("rows disagree on identity", ("1", "2"), alike=True),
            Said(HOSTILE[0], ("",), alike=True),
        ),
    )


def _item(situation: Situation, place: int) -> Item:
    found = Candidate(f"uid=a{place},ou=people", ("ine", "birth_date"), ("first_name",))
    return Item(
        situation,
        str(22_600_000 + place),
        f"uid={HOSTILE[place % len(HOSTILE)]},ou=people",
        HOSTILE[place % len(HOSTILE)],
        candidates=(found,) if situation is Situation.CANDIDATE else (),
        because="has no number, and fits no student without an entry",
        enrolled=place < 9,
        last_sign=date(2025, 1, 3),
    )
