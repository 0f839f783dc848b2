"""Why a change is made, in words for the reader of the plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from connector.core import catalogue
from connector.core.account import Values
from connector.core.dates import shown
from connector.core.model import Decision, Facts


def grounds_of(
    facts: Facts, decision: Decision, changed: Mapping[str, tuple[Values, Values]]
) -> str:
    """Why a change is made, in words for the reader of the plan."""
    if decision.action is not None:
        return decision.reason
    if "eduPersonPrincipalNamePrior" in changed:
        return f"renamed: {facts.override.reason}"
    if decision.shared_person and not decision.enrolled and _ends_student(changed):
        over = f"the cutoff {shown(decision.end)} has passed" if decision.end else "no enrolment"
        return f"{over}: the value student ends, the entry is also somebody else's"
    if _has_drifted(facts, decision, changed):
        names = ", ".join(sorted(changed))
        return f"changed by another hand, or by a new configuration, and put right: {names}"
    parts = []
    if facts.known is None:
        clauses = [clause for clause in decision.reason.split("; ") if clause != "adopted"]
        if not any(clause.startswith("adopted") for clause in clauses):
            parts.append("adopted as it stands")
        parts += sorted(clauses, key=lambda clause: not clause.startswith("adopted"))
    names = ", ".join(name for name in catalogue.IDENTITY if name in changed)
    if names and facts.known is not None:
        parts.append(f"identity differs from the register ({names})")
    if any(name in changed for name in catalogue.ENROLMENT):
        parts.append(f"enrolled in {decision.year}/{(decision.year or 0) + 1}")
    known = facts.known
    if decision.end and known and known.cutoff and known.cutoff != decision.end:
        parts.append(f"the cutoff moves from {shown(known.cutoff)} to {shown(decision.end)}")
    if "userPassword" in changed:
        parts.append("no password yet: a provisional one is given")
    elif decision.policy is False and "pwdPolicySubentry" in changed:
        parts.append("the student has changed the password")
    if any(name in changed for name in catalogue.EVIDENCE_SHOWN):
        parts.append("the student gave evidence")
    if "mailForwardingAddress" in changed:
        parts.append("the student changed the forwarding")
    if not parts:
        verb = "differs" if len(changed) == 1 else "differ"
        parts.append(f"{', '.join(sorted(changed))} {verb} from what is right")
    return "; ".join(dict.fromkeys(parts))


def _ends_student(changed: Mapping[str, tuple[Values, Values]]) -> bool:
    """Whether the affiliation ``student`` is removed."""
    before, after = changed.get("eduPersonAffiliation", ((), ()))
    return bool(before) and not after


def _has_drifted(facts: Facts, decision: Decision, changed: Iterable[str]) -> bool:
    """Whether the only reason for a change is that the entry is not as it was left."""
    known = facts.known
    if (
        known is None
        or facts.news
        or catalogue.STUDENTS.intersection(changed)
        or decision.policy is False
    ):
        return False
    return known.state is decision.state and known.cutoff == decision.end
