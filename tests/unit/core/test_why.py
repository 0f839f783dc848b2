"""The verdict: a row of the table for each reason, from facts alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from connector.core.account import Account, Difference, State
from connector.core.door import FOR_GOOD, Answer, Marks, Policy
from connector.core.lifecycle import decide
from connector.core.model import (
    Action,
    Change,
    Ending,
    Facts,
    Known,
    Moment,
    Override,
    Rejection,
    Sealed,
    Status,
)
from connector.core.reasons import BESIDE, INSIDE, Act, Reason
from connector.core.rulings import Kind, Ruling
from connector.core.seen import Decided, Seen, SignIn, Stands, Waiting
from connector.core.situations import Candidate
from connector.core.supann import outline
from connector.core.why import sign_in
from connector.desk.wording import english
from tests.unit.core.builders import DN, NUMBER, POLICY, RULES, account, facts, having, row

TODAY = date(2026, 11, 29)
NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
PROVISIONAL = Policy(POLICY, lockout=True, lock_seconds=0, must_change=True)
DEFAULT = Policy("cn=default", lockout=True, lock_seconds=900, must_change=True)
END = "20271231230000Z"
ACTIVE = account(pwdEndTime=END)
GRACE = account("{COMPTE}A:SupannSursis:20260901:20261231", pwdEndTime="20261231230000Z")
WAITS = account(
    "{COMPTE}I:SupannCree:20261001:20271231",
    pwdReset="TRUE",
    pwdEndTime="20261230230000Z",
    pwdPolicySubentry=POLICY,
)
HALF = account("{COMPTE}I:SupannCree:20261001:20271231", pwdEndTime=END)
SUSPENDED = account(
    "{COMPTE}S:SupannVerrouAdministratif:20261101:20271231",
    pwdEndTime=END,
    pwdStartTime="20991231230000Z",
)
EXPIRED = account("{COMPTE}I:SupannExpire:20260101:", pwdEndTime="20251231230000Z")
SEALED = Sealed(date(2026, 12, 30))
KNOWN = Known(
    DN,
    f"e{NUMBER}",
    "lea.martin@etu.umontpellier.fr",
    state=State.INACTIVE,
    since=date(2026, 10, 1),
    cutoff=date(2027, 12, 31),
)
LOCKED_AT = NOW - timedelta(minutes=5)
LOCKED = Marks(locked=f"{LOCKED_AT:%Y%m%d%H%M%SZ}", failures=5)
REFUSED = Rejection(
    None,
    None,
    "student_number",
    NUMBER,
    "the uid e1 is taken by uid=x, which scolpass does not manage: "
    "see `scolpass show e1`; if the entry is this student's, have supannEtuId: 1 written into it, "
    "else have its uid changed",
)
BAD_ROW = Rejection(
    "/srv/feed.csv", 7, "birth_date", "99/10", "is not a date in the format %d/%m/%Y"
)
CREATE = Change(Action.CREATE, NUMBER, DN, "enrolled in 2026/2027", {})


def seen(
    facts_: Facts,
    *,
    marks: Marks | None = None,
    policy: Policy | None = None,
    unseen: bool = False,
    others: tuple[Account, ...] = (),
    **more: Any,
) -> Seen:
    """What a verdict rests on; the policy is the one that the entry calls for."""
    entry = facts_.account
    if entry is not None and policy is None:
        policy = PROVISIONAL if entry.values("pwdPolicySubentry") else DEFAULT
    stands = Stands(entry, marks or Marks(), policy, seen=not unseen) if entry else None
    return Seen(
        facts=facts_,
        decision=decide(facts_, RULES, TODAY),
        moment=Moment(NOW, TODAY),
        stands=stands,
        others=tuple(Stands(one, Marks(), DEFAULT, seen=not unseen) for one in others),
        rows=facts_.student.present or facts_.student.remembered,
        **more,
    )


def putting_right(name: str) -> Change:
    """What a run does about an attribute that another hand wrote."""
    changed: Difference = {name: (("x",), ())}
    return Change(Action.UPDATE, NUMBER, DN, "put right", changed, outline=outline(changed))


def verdict(*given: Any, **more: Any) -> SignIn:
    return sign_in(seen(*given, **more), RULES)


def suspended(**override: Any) -> Facts:
    return facts(
        account=SUSPENDED,
        known=replace(KNOWN, state=State.SUSPENDED),
        override=Override(suspended=True, reason="case 12", **override),
    )


def ended(ending: Ending | None, entry: Account = EXPIRED) -> Facts:
    known = replace(
        KNOWN,
        state=State.EXPIRED,
        since=date(2026, 1, 1),
        cutoff=date(2025, 12, 31),
        ending=ending,
    )
    return facts(row(2024), account=entry, known=known)


STRANGER = having(account(None), supannEtuId="99999999")
NUMBERLESS = having(account(None), supannEtuId=())
TWO_NUMBERS = having(account(None), supannEtuId=("1", "2"))
OUTSIDE = replace(account(None), dn="uid=x,ou=staff,dc=umontpellier,dc=fr")
UNKNOWN = facts(absent=True, number="99999999")

TWICE = f"the number stands on several entries, on one with several, or outside: {DN}; uid=x"
LOST = (
    "the decision cannot be carried out (linked to uid=gone by roux on 29/11/2026 (INE on paper)): "
    "there is no such entry; `scolpass undo 12 --reason '...'` revokes it"
)
AGREES = Candidate("uid=x,ou=people,dc=fr", ("ine", "family_name"), ("birth_date",))
TO_DECIDE = replace(REFUSED, candidates=(AGREES,))
LINKED = Ruling(Kind.LINK, NUMBER, "uid=gone", None, "INE on paper", "roux", TODAY, 12)
GUARDED = Ruling(Kind.PROTECT, None, DN, None, "thesis under way", "roux", TODAY, 13)
PUT_BACK = Change(
    Action.UPDATE,
    NUMBER,
    DN,
    "changed by another hand, or by a new configuration, and put right: mail",
    {"mail": (("x",), ("y",))},
)

TABLE: list[tuple[Reason, bool | None, Seen]] = [
    (Reason.OPEN, True, seen(facts(account=ACTIVE))),
    (Reason.OPEN_IN_GRACE, True, seen(facts(row(2025), account=GRACE))),
    (Reason.OPEN_NOT_ACTIVE, True, seen(facts(account=HALF, known=KNOWN))),
    (
        Reason.OPEN_COMPLETE,
        True,
        seen(
            facts(
                account=having(
                    HALF,
                    supannMailPrive="{SECOURS}lea@example.org",
                    scolpassCharter="2026 2026-10-01T07:00:00Z",
                ),
                known=KNOWN,
            )
        ),
    ),
    (Reason.OPEN_OTHERWISE, True, seen(facts(account=having(ACTIVE, supannEmpId="7")))),
    (Reason.OPEN_STILL, True, seen(ended(Ending.CALENDAR, having(EXPIRED, pwdEndTime=())))),
    (
        Reason.OPEN_UNGUARDED,
        True,
        seen(ended(Ending.CALENDAR), policy=Policy("cn=gone", there=False)),
    ),
    (Reason.NEVER_ACTIVATED, False, seen(facts(account=WAITS, known=KNOWN, sealed=SEALED))),
    (Reason.LETTER_UNKNOWN, False, seen(facts(account=WAITS, known=KNOWN))),
    (
        Reason.LETTER_HIDDEN,
        False,
        seen(facts(account=WAITS, known=KNOWN, sealed=replace(SEALED, printable=False))),
    ),
    (
        Reason.LETTER_OVER,
        False,
        seen(facts(account=having(WAITS, pwdEndTime="20261128230000Z"), sealed=SEALED)),
    ),
    (
        Reason.LETTER_LOCKED,
        False,
        seen(facts(account=WAITS, known=KNOWN, sealed=SEALED), marks=LOCKED),
    ),
    (
        Reason.REISSUED,
        False,
        seen(
            facts(account=having(ACTIVE, pwdReset="TRUE"), sealed=SEALED),
            last={"reissue": Decided(LOCKED_AT, "roux", "lost the letter")},
        ),
    ),
    (Reason.RESET_BY_OTHERS, False, seen(facts(account=having(ACTIVE, pwdReset="TRUE")))),
    (Reason.NO_PASSWORD, False, seen(facts(account=replace(ACTIVE, password=False)))),
    (
        Reason.NO_PASSWORD_UNDONE,
        False,
        seen(facts(account=replace(account(None), password=False), override=Override(undone=True))),
    ),
    (Reason.LOCKED, False, seen(facts(account=ACTIVE), marks=LOCKED)),
    (
        Reason.LOCKED_FOR_GOOD,
        False,
        seen(facts(account=ACTIVE), marks=LOCKED, policy=replace(DEFAULT, lock_seconds=0)),
    ),
    (Reason.LOCKED_BY_HAND, False, seen(facts(account=ACTIVE), marks=Marks(locked=FOR_GOOD))),
    (Reason.SUSPENDED, False, seen(suspended())),
    (
        Reason.SUSPENDED_BEFORE,
        False,
        seen(
            facts(
                account=SUSPENDED,
                known=replace(KNOWN, state=State.SUSPENDED, adopted_suspended=True),
            )
        ),
    ),
    (
        Reason.EXPIRED,
        False,
        seen(
            facts(
                account=account("{COMPTE}I:SupannInactif:20260305:", pwdEndTime="20260304230000Z"),
                absent=True,
            )
        ),
    ),
    (Reason.EXPIRED_CALENDAR, False, seen(ended(Ending.CALENDAR))),
    (Reason.EXPIRED_CANCELLED, False, seen(ended(Ending.CANCELLATION))),
    (
        Reason.ENDED,
        False,
        seen(
            facts(
                row(2024),
                account=account(
                    "{COMPTE}A:SupannActif:20250901:20251231", pwdEndTime="20251231230000Z"
                ),
            )
        ),
    ),
    (
        Reason.ENDED_BY_OTHERS,
        False,
        seen(
            facts(account=having(ACTIVE, pwdEndTime="20261101000000Z"), known=KNOWN),
            change=putting_right("pwdEndTime"),
        ),
    ),
    (
        Reason.ENDED_AND_KEPT,
        False,
        seen(facts(account=having(ACTIVE, pwdEndTime="20261101000000Z"), known=KNOWN)),
    ),
    (
        Reason.NOT_BEGUN,
        False,
        seen(
            facts(account=having(ACTIVE, pwdStartTime="20991231230000Z")),
            change=putting_right("pwdStartTime"),
        ),
    ),
    (
        Reason.NOT_BEGUN_AND_KEPT,
        False,
        seen(facts(account=having(ACTIVE, pwdStartTime="20270101000000Z"))),
    ),
    (
        Reason.IDLE,
        False,
        seen(
            facts(account=ACTIVE),
            marks=Marks(last_success=NOW - HOUR),
            policy=replace(DEFAULT, max_idle=60),
        ),
    ),
    (
        Reason.TOO_OLD,
        False,
        seen(
            facts(account=ACTIVE),
            marks=Marks(changed=NOW - HOUR),
            policy=replace(DEFAULT, max_age=60),
        ),
    ),
    (Reason.UNSEEN, None, seen(facts(account=ACTIVE), unseen=True)),
    (Reason.DUE, False, seen(facts(), change=CREATE)),
    (Reason.GONE, False, seen(facts(known=KNOWN), change=CREATE)),
    (Reason.GONE_FOR_GOOD, False, seen(facts(row(2024), known=KNOWN))),
    (
        Reason.PURGED,
        False,
        seen(facts(row(2024), known=replace(KNOWN, state=State.PURGED, gone=True))),
    ),
    (
        Reason.TAKEN_BACK,
        False,
        seen(
            facts(absent=True, known=replace(KNOWN, gone=True), override=Override(undone=True)),
        ),
    ),
    (Reason.CANDIDATE, False, seen(facts(), rejected=(TO_DECIDE,))),
    (Reason.REFUSED, False, seen(facts(), rejected=(REFUSED,))),
    (Reason.ROW_REJECTED, False, seen(facts(absent=True), rejected=(BAD_ROW,))),
    (Reason.NOT_IN_REGISTER, False, seen(facts(absent=True))),
    (Reason.PENDING, False, seen(facts(row(2026, Status.PENDING)))),
    (Reason.CANCELLED, False, seen(facts(row(2026, Status.CANCELLED)))),
    (Reason.YEAR_OVER, False, seen(facts(row(2024)))),
    (
        Reason.AMBIGUOUS,
        None,
        seen(facts(conflict=TWICE), others=(ACTIVE, EXPIRED)),
    ),
    (
        Reason.AMBIGUOUS,
        False,
        seen(facts(conflict=TWICE), others=(EXPIRED,)),
    ),
    (
        Reason.LINK_FAILED,
        False,
        seen(replace(facts(), conflict=LOST, rulings=(LINKED,))),
    ),
    (Reason.NOT_MANAGED_OPEN, True, seen(UNKNOWN, others=(STRANGER,))),
    # Moved out of the branch, or with another number beside: its owner still gets in.
    (Reason.NOT_MANAGED_OPEN, True, seen(facts(known=KNOWN, conflict="out"), others=(OUTSIDE,))),
    (Reason.NOT_MANAGED_OPEN, True, seen(facts(conflict="two"), others=(TWO_NUMBERS,))),
    (
        Reason.NOT_MANAGED,
        False,
        seen(UNKNOWN, others=(having(STRANGER, pwdEndTime="20251231230000Z"),)),
    ),
    (Reason.NOT_MANAGED_WITHOUT, False, seen(UNKNOWN, others=(replace(STRANGER, password=False),))),
    (Reason.NOT_MANAGED_UNSEEN, None, seen(UNKNOWN, others=(OUTSIDE,), unseen=True)),
]


@pytest.mark.parametrize(
    ("reason", "possible", "given"), TABLE, ids=[str(reason) for reason, _, _ in TABLE]
)
def test_the_table_of_reasons(reason: Reason, possible: bool | None, given: Seen) -> None:
    found = sign_in(given, RULES)
    assert found.first.reason is reason
    assert found.possible is possible


NOT_FIRST = {Reason.LOCKED_UNSURE, *INSIDE, *BESIDE}  # the first: under a policy nobody knows


def test_the_table_has_every_reason() -> None:
    assert {reason for reason, _, _ in TABLE} | NOT_FIRST == set(Reason)


AGO = f"{NOW - HOUR:%Y%m%d%H%M%SZ}"
UNMANAGED_DOORS = {
    # What keeps the password of an entry that is not ours from opening it, and how it is said.
    Answer.NO_PASSWORD: (replace(STRANGER, password=False), Marks(), "the entry has no password."),
    Answer.NOT_BEGUN: (
        having(STRANGER, pwdStartTime="20991231230000Z"),
        Marks(),
        "the directory refuses its password: its first day is still to come (pwdStartTime).",
    ),
    Answer.ENDED: (
        having(STRANGER, pwdEndTime=AGO),
        Marks(),
        "the directory refuses its password: its last day has passed (pwdEndTime).",
    ),
    Answer.LOCKED: (
        STRANGER,
        Marks(locked=FOR_GOOD),
        "the directory refuses its password: it is locked (pwdAccountLockedTime).",
    ),
    Answer.IDLE: (
        STRANGER,
        Marks(last_success=NOW - HOUR),
        "the directory refuses its password: nobody has signed in for too long (pwdMaxIdle).",
    ),
    Answer.TOO_OLD: (
        STRANGER,
        Marks(changed=NOW - HOUR),
        "the directory refuses its password: the password is too old (pwdMaxAge).",
    ),
    Answer.FIRST_ONLY: (
        having(STRANGER, pwdReset="TRUE"),
        Marks(),
        "the directory refuses its password: it must be changed first (pwdReset).",
    ),
}


@pytest.mark.parametrize("answer", Answer)
def test_what_closes_an_entry_that_is_not_ours_is_told(answer: Answer) -> None:
    entry, marks, words = UNMANAGED_DOORS[answer]
    policy = replace(
        DEFAULT,
        max_idle=60 if answer is Answer.IDLE else 0,
        max_age=60 if answer is Answer.TOO_OLD else 0,
    )
    stands = Stands(entry, marks, policy)
    found = sign_in(replace(seen(UNKNOWN), others=(stands,)), RULES)
    assert found.possible is False
    said = found.said(english(), RULES)[0]
    assert said.because.endswith(words)
    assert said.cure
    twice = replace(UNKNOWN, conflict=TWICE)
    assert sign_in(replace(seen(twice), others=(stands, stands)), RULES).possible is False


def test_a_lock_under_an_unknown_policy_is_told_with_what_is_not_known() -> None:
    stands = Stands(ACTIVE, LOCKED, None)
    found = sign_in(replace(seen(facts(account=ACTIVE)), stands=stands), RULES)
    assert found.first.reason is Reason.LOCKED_UNSURE
    assert "until when is not known" in found.said(english(), RULES)[0].because


@pytest.mark.parametrize(
    ("reason", "entry"),
    [
        (Reason.UNKNOWN_NUMBER, STRANGER),
        (Reason.NO_NUMBER, NUMBERLESS),
        (Reason.SEVERAL_NUMBERS, TWO_NUMBERS),
        (Reason.OUTSIDE, OUTSIDE),
    ],
)
def test_an_entry_that_is_not_managed_is_told_with_why_not(reason: Reason, entry: Account) -> None:
    first = verdict(UNKNOWN, others=(entry,)).first
    assert first.fields["why"] is reason
    assert first.fields["dn"] == entry.dn


NOTES: list[tuple[Reason, Seen]] = [
    (Reason.REGISTER_UNREAD, seen(facts(account=ACTIVE), register_trouble="no rows")),
    (Reason.ROW_REJECTED, seen(facts(account=ACTIVE), rejected=(BAD_ROW,))),
    (Reason.REFUSED, seen(facts(account=ACTIVE), rejected=(REFUSED,))),
    (Reason.CHANGE_DUE, seen(facts(account=ACTIVE), change=CREATE)),
    (Reason.HELD, seen(facts(account=ACTIVE), change=CREATE, held_by="0a1b2c")),
    (Reason.UNDONE, seen(facts(account=ACTIVE, override=Override(undone=True)))),
    (Reason.SHARED_PERSON, seen(facts(account=having(ACTIVE, supannEmpId="7")))),
    (
        Reason.EVENT_WAITING,
        seen(facts(account=ACTIVE), waiting=(Waiting(NOW, rejected=False, reason=None),)),
    ),
    (
        Reason.EVENT_REJECTED,
        seen(
            facts(account=ACTIVE),
            waiting=(
                Waiting(NOW, rejected=True, reason="data.backup_mail: the address is malformed"),
            ),
        ),
    ),
    (Reason.CHANGED_BY_OTHERS, seen(facts(account=ACTIVE), change=PUT_BACK)),
    (
        Reason.PROTECTED,
        seen(replace(facts(account=ACTIVE), left_alone="protected", rulings=(GUARDED,))),
    ),
    (
        Reason.ANOTHER_PERSON,
        seen(replace(facts(account=ACTIVE), candidates=(AGREES,)), rejected=(TO_DECIDE,)),
    ),
    (
        Reason.TWO_PASSWORDS,
        seen(replace(facts(account=HALF), provisional_stands=True), rejected=(REFUSED,)),
    ),
]


@pytest.mark.parametrize(("reason", "given"), NOTES, ids=[str(reason) for reason, _ in NOTES])
def test_what_else_is_worth_knowing_is_said_beside_the_reason(reason: Reason, given: Seen) -> None:
    found = sign_in(given, RULES)
    assert reason in [one.reason for one in found.also]
    assert found.possible


def test_a_suspension_is_told_with_who_when_and_why() -> None:
    last = {"suspend": Decided(LOCKED_AT, "roux", "suspended: charter abuse, case 12")}
    said = verdict(suspended(), last=last).said(english(), RULES)[0]
    assert said.because == (
        "The account has been suspended since 29/11/2026 12:55 by roux: charter abuse, case 12."
    )
    assert said.cure == f"scolpass resume {NUMBER} --reason '...'"


def test_a_locked_letter_is_told_with_since_when_and_a_reissue() -> None:
    said = verdict(facts(account=WAITS, known=KNOWN, sealed=SEALED), marks=LOCKED).said(
        english(), RULES
    )
    assert len(said) == 1  # that the first connection is missing goes without saying
    assert said[0].because == (
        "The provisional password has been locked for good since 29/11/2026 12:55 (5 wrong tries)."
    )
    assert said[0].cure == f"scolpass reissue {NUMBER} --reason '...'"


def test_all_that_keeps_the_account_closed_is_said_the_gravest_first() -> None:
    found = verdict(suspended(), marks=LOCKED)
    assert [found.first.reason, *(one.reason for one in found.also)] == [
        Reason.SUSPENDED,
        Reason.LOCKED,
    ]


def test_an_account_that_never_activated_and_expired_is_told_as_expired_alone() -> None:
    entry = having(EXPIRED, pwdReset="TRUE", pwdPolicySubentry=POLICY)
    found = verdict(ended(Ending.CALENDAR, entry), marks=Marks())
    assert found.first.reason is Reason.EXPIRED_CALENDAR
    assert found.also == ()
    assert found.said(english(), RULES)[0].because == (
        "The account expired on 01/01/2026: its last day has passed (31/12/2025)."
    )


# --- a cure that would be refused -----------------------------------------------------------------

CLOSED = seen(facts(account=replace(ACTIVE, password=False)))  # mended by a reissue
BARS: dict[Reason, tuple[dict[str, Any], str]] = {
    Reason.PROTECTED: ({"left_alone": "protected", "rulings": (GUARDED,)}, "scolpass undo 13 "),
    Reason.ANOTHER_PERSON: ({"candidates": (AGREES,)}, f"scolpass link {NUMBER} {DN} "),
}


@pytest.mark.parametrize("bar", BARS)
def test_who_is_left_alone_is_not_told_to_be_mended_by_what_would_be_refused(bar: Reason) -> None:
    more, command = BARS[bar]
    found = sign_in(replace(CLOSED, facts=replace(CLOSED.facts, **more)), RULES)
    said = found.said(english(), RULES)[0]
    assert found.first.reason is Reason.NO_PASSWORD
    assert said.command.startswith(command)
    assert said.command in said.cure
    assert "reissue" not in said.cure


def test_staff_who_study_are_sent_to_those_who_look_after_them() -> None:
    entry = having(replace(ACTIVE, password=False), supannEmpId="7")
    said = verdict(facts(account=entry)).said(english(), RULES)[0]
    assert (said.act, said.command) == (Act.NONE, "")
    assert "staff accounts" in said.cure


def test_a_move_out_of_the_branch_is_told_as_such_only_of_an_account_that_was_ours() -> None:
    moved = verdict(facts(known=KNOWN, conflict="out"), others=(OUTSIDE,))
    assert "somebody moved it out" in moved.said(english(), RULES)[0].because
    never = verdict(facts(conflict="out"), others=(OUTSIDE,))
    assert "not in the students' branch" in never.said(english(), RULES)[0].because


def test_a_held_change_is_told_with_what_it_is_its_plan_and_how_to_approve_it() -> None:
    change = replace(CREATE, action=Action.EXPIRE, reason="the cutoff 31/12/2025 has passed")
    found = verdict(facts(account=ACTIVE), change=change, held_by="0a1b2c")
    [said] = [one for one in found.said(english(), RULES) if one.act is Act.APPROVE]
    assert said.because == (
        "A change waits for approval: expire, the cutoff 31/12/2025 has passed; "
        "it is held by the plan 0a1b2c."
    )
    assert said.command == "scolpass sync --approve 0a1b2c --reason '...'"
