"""Why a change is made, in words for the reader of the plan."""

from __future__ import annotations

from connector.core.account import Difference
from connector.core.catalogue import GIVEN, Given, Part
from connector.core.dates import shown
from connector.core.desired import Address, Desired
from connector.core.dialect import Dialect
from connector.core.model import Decision, Facts

_DRIFTED = "changed by another hand, or by a new configuration, and put right: {}"


def puts_right(reason: str) -> bool:
    """Whether the only cause of a change is what others did to the entry."""
    return reason.startswith(_DRIFTED.removesuffix("{}"))


def grounds_of(
    facts: Facts, decision: Decision, desired: Desired, changed: Difference, dialect: Dialect
) -> str:
    """Why a change is made, in words for the reader of the plan."""
    if decision.action is not None:
        return decision.reason
    if isinstance(desired.address, Address) and desired.address.renames:
        return f"renamed: {facts.override.reason}"
    if decision.shared_person and not decision.enrolled and _is_student(facts):
        over = f"the cutoff {shown(decision.end)} has passed" if decision.end else "no enrolment"
        return f"{over}: the value student ends, the entry is also somebody else's"
    if _has_drifted(facts, decision, changed, dialect):
        names = ", ".join(sorted(changed))
        return _DRIFTED.format(names)
    parts = []
    if facts.known is None:
        clauses = [clause for clause in decision.reason.split("; ") if clause != "adopted"]
        if not any(clause.startswith("adopted") for clause in clauses):
            parts.append("adopted as it stands")
        parts += sorted(clauses, key=lambda clause: not clause.startswith("adopted"))
    names = ", ".join(dialect.about(changed, Part.NAME, Part.IDENTITY, Part.PERSON))
    if names and facts.known is not None:
        parts.append(f"identity differs from the register ({names})")
    if dialect.about(changed, Part.ENROLMENT):
        parts.append(f"enrolled in {decision.year}/{(decision.year or 0) + 1}")
    known = facts.known
    if decision.end and known and known.cutoff and known.cutoff != decision.end:
        parts.append(f"the cutoff moves from {shown(known.cutoff)} to {shown(decision.end)}")
    if decision.draws_password:
        parts.append("no password yet: a provisional one is given")
    elif decision.policy is False and dialect.about(changed, Part.POLICY):
        parts.append("the student has changed the password")
    given = dialect.shown(changed)
    if any(GIVEN[one].is_evidence for one in given):
        parts.append("the student gave evidence")
    if Given.FORWARDING in given:
        parts.append("the student changed the forwarding")
    if not parts:
        verb = "differs" if len(changed) == 1 else "differ"
        parts.append(f"{', '.join(sorted(changed))} {verb} from what is right")
    return "; ".join(dict.fromkeys(parts))


def _is_student(facts: Facts) -> bool:
    """Whether the account says that it is a student's."""
    return facts.account is not None and facts.account.is_student


def _has_drifted(facts: Facts, decision: Decision, changed: Difference, dialect: Dialect) -> bool:
    """Whether the only reason for a change is that the entry is not as it was left."""
    known = facts.known
    if (
        known is None
        or facts.news
        or dialect.about(changed, Part.GIVEN, Part.PASSWORD)
        or decision.policy is False
    ):
        return False
    return known.state is decision.state and known.cutoff == decision.end
