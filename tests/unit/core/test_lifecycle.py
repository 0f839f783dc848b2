"""The life of an account: the contract's states, its rules 1 to 7 and its table of transitions."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from connector.core.account import Account, State
from connector.core.identifiers import Taken
from connector.core.lifecycle import decide
from connector.core.model import Action, Ending, Enrolment, EvidenceItem, Fate, Sealed, Status
from connector.core.plan import plan_one
from connector.core.rules import Lifecycle
from connector.core.sentence import why
from tests.support.examples import examples
from tests.unit.core.builders import (
    CUTOFF,
    DAY,
    DN,
    ENROLLED,
    NUMBER,
    POLICY,
    RULES,
    Life,
    account,
    active,
    cancelled,
    evidence_item,
    evidence_items,
    expired,
    facts,
    grace,
    having,
    inactive,
    row,
    rules,
    suspended,
    terms,
)

CALENDAR = Lifecycle()
CANCELLED = row(status=Status.CANCELLED)
PENDING = row(status=Status.PENDING)
NOVEMBER = date(2026, 11, 3)
NEW_YEAR = date(2028, 1, 1)
RETURN = date(2028, 3, 6)  # after the cutoff, in 2027/2028
SUSPENSION = "20991231230000Z"


@pytest.mark.parametrize(
    ("statuses", "counts"),
    [
        ([Status.VALIDATED], True),
        ([Status.WITHDRAWN], True),
        ([Status.PENDING], False),
        ([Status.CANCELLED], False),
        ([Status.CANCELLED, Status.VALIDATED], True),
        ([Status.PENDING, Status.CANCELLED], False),
    ],
)
def test_an_entry_is_made_for_whoever_has_an_enrolment_that_counts_and_for_nobody_else(
    statuses: list[Status], counts: bool
) -> None:
    rows = [row(status=status, step=f"S{n}") for n, status in enumerate(statuses)]
    decision = decide(facts(*rows), RULES, ENROLLED)
    assert (decision.action is Action.CREATE) is counts
    assert (decision.state is State.INACTIVE) is counts


@pytest.mark.parametrize(
    ("today", "made"),
    [
        pytest.param(date(2026, 7, 1), True, id="before the year begins"),
        pytest.param(date(2027, 9, 1), True, id="in the grace months"),
        pytest.param(CUTOFF, True, id="on the cutoff"),
        pytest.param(CUTOFF + DAY, False, id="the day after"),
    ],
)
def test_an_entry_is_made_until_the_cutoff_has_passed(today: date, made: bool) -> None:
    decision = decide(facts(row()), RULES, today)
    assert (decision.action is Action.CREATE) is made
    assert decision.draws_password is made


# --- the table of states ------------------------------------------------------------------------


def test_an_inactive_account_opens_nothing_but_its_password_change() -> None:
    life = inactive()
    assert life.change.action is Action.CREATE
    assert life.states == ("{COMPTE}I:SupannCree:20261001:20271231",)
    assert life.account.values("supannRessourceEtat") == ("{COMPTE}I:SupannCree",)
    assert life.account.values("pwdReset") == ("TRUE",)
    assert life.account.values("pwdPolicySubentry") == (POLICY,)
    assert life.account.values("eduPersonAffiliation") == ("student", "member")
    assert life.closes == "20261230230000Z"
    assert life.facts.sealed == Sealed(date(2026, 12, 30))


def test_complete_evidence_makes_the_account_active() -> None:
    life = inactive().evidence().on(NOVEMBER)
    assert life.change.action is Action.ACTIVATE
    assert life.states == (
        "{COMPTE}A:SupannActif:20261103:20271231",
        "{MAIL}A:SupannActif:20261103:20271231",
    )
    assert set(life.account.values("supannRessourceEtat")) == {
        "{COMPTE}A:SupannActif",
        "{MAIL}A:SupannActif",
    }
    assert life.closes == "20271231230000Z"
    assert life.account.values("pwdPolicySubentry") == ()
    assert life.facts.sealed is None


def test_an_active_account_whose_year_is_over_is_in_grace_until_its_cutoff() -> None:
    life = active().on(date(2027, 8, 31))
    assert life.last.change is None
    life.on(date(2027, 9, 1))
    assert life.change.action is Action.GRACE
    assert life.states == (
        "{COMPTE}A:SupannSursis:20270901:20271231",
        "{MAIL}A:SupannSursis:20270901:20271231",
    )
    assert life.closes == "20271231230000Z"
    assert life.account.values("eduPersonAffiliation") == ("student", "member")


def test_an_account_expires_on_the_day_after_its_cutoff_and_not_before() -> None:
    life = grace().on(CUTOFF)
    assert life.last.change is None
    life.on(NEW_YEAR)
    assert life.change.action is Action.EXPIRE
    assert life.states == ("{COMPTE}I:SupannExpire:20280101:", "{MAIL}I:SupannExpire:20280101:")
    assert life.account.values("eduPersonAffiliation") == ()
    assert life.account.values("eduPersonPrimaryAffiliation") == ()
    assert life.closes == "20271231230000Z"


def test_expiry_does_not_touch_what_the_student_gave() -> None:
    life = active().entry(mailForwardingAddress="lea@example.org").on(date(2027, 9, 1))
    before = life.account
    life.on(NEW_YEAR)
    for name in ("supannMailPrive", "supannMailPerso", "mailForwardingAddress", "scolpassCharter"):
        assert life.account.values(name) == before.values(name) != ()
    assert life.account.password


def test_an_account_without_mail_expires_without_mail() -> None:
    life = inactive().on(NEW_YEAR)
    assert life.states == ("{COMPTE}I:SupannExpire:20280101:",)


def test_a_suspended_account_is_closed_by_its_start_and_keeps_its_end_and_its_mail() -> None:
    life = suspended()
    assert life.change.action is Action.SUSPEND
    assert "charter breached" in life.change.reason
    assert life.states == (
        "{COMPTE}S:SupannVerrouAdministratif:20261103:20271231",
        "{MAIL}A:SupannActif:20261001:20271231",
    )
    assert life.account.values("pwdStartTime") == (SUSPENSION,)
    assert life.closes == "20271231230000Z"
    assert life.account.values("eduPersonAffiliation") == ("student", "member")


def test_a_purged_account_has_no_entry_and_keeps_its_identifiers() -> None:
    life = expired().on(date(2029, 1, 1))
    assert life.change.action is Action.PURGE
    assert life.facts.account is None
    assert life.known.gone
    assert (life.known.uid, life.known.address) == (
        f"e{NUMBER}",
        "lea.martin@etu.umontpellier.fr",
    )


# --- the rules ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statuses", "end"),
    [
        pytest.param({2026: Status.VALIDATED}, "20271231", id="validated"),
        pytest.param({2026: Status.WITHDRAWN}, "20271231", id="withdrawn"),
        pytest.param(
            {2026: Status.VALIDATED, 2027: Status.VALIDATED}, "20281231", id="the latest year"
        ),
        pytest.param(
            {2026: Status.VALIDATED, 2027: Status.PENDING}, "20271231", id="pending gives nothing"
        ),
        pytest.param(
            {2026: Status.VALIDATED, 2027: Status.CANCELLED}, "20271231", id="nor does cancelled"
        ),
    ],
)
def test_the_cutoff_follows_the_latest_year_that_counts(
    statuses: dict[int, Status], end: str
) -> None:
    rows = [row(year, status) for year, status in statuses.items()]
    life = inactive(date(2027, 7, 15), of=facts(*rows))
    assert life.states == (f"{{COMPTE}}I:SupannCree:20270715:{end}",)


@pytest.mark.parametrize("day", [NOVEMBER, date(2027, 10, 1), date(2027, 12, 31)])
@pytest.mark.parametrize("begin", [inactive, active, suspended])
def test_absence_never_deprovisions(begin: Callable[[], Life], day: date) -> None:
    with_rows, without = begin().on(day), begin().feed().on(day)
    assert without.account == with_rows.account
    assert without.last.change == with_rows.last.change


def test_the_absence_of_one_row_takes_nothing_away() -> None:
    life = active(of=facts(row(2025), row(), row(step="L1MATH", component="FDE")))
    life.feed(row(2025)).on(NOVEMBER)
    assert life.last.change is None


def test_the_identity_of_a_remembered_later_year_stands_though_its_row_is_absent() -> None:
    life = active(of=facts(row(2025, family="Martin"), row(2026, family="Durand")))
    life.feed(row(2025, family="Martin")).on(NOVEMBER)
    assert life.last.change is None


@pytest.mark.parametrize("begin", [inactive, active, suspended])
def test_a_cancelled_enrolment_expires_the_account_now(begin: Callable[[], Life]) -> None:
    life = begin().feed(CANCELLED).on(date(2026, 11, 10))
    assert life.change.action is Action.EXPIRE
    assert not life.change.announced
    assert life.states[0] == "{COMPTE}I:SupannExpire:20261110:"
    assert life.closes == "20261109230000Z"
    assert life.account.values("pwdStartTime") == ()


def test_a_cancelled_year_falls_back_to_the_year_before() -> None:
    life = active(of=facts(row(2025), row())).feed(row(2025), CANCELLED).on(NOVEMBER)
    assert life.change.action is Action.GRACE
    assert life.states[0] == "{COMPTE}A:SupannSursis:20260901:20261231"
    assert life.closes == "20261231230000Z"


def test_a_cancelled_step_takes_nothing_while_another_of_that_year_is_remembered() -> None:
    life = active(of=facts(row(), row(step="L1MATH")))
    life.feed(row(step="L1MATH", status=Status.CANCELLED)).on(NOVEMBER)
    assert life.states[0] == "{COMPTE}A:SupannActif:20261001:20271231"


def test_a_pending_row_takes_nothing_away() -> None:
    life = active().feed(PENDING).on(NOVEMBER)
    assert life.last.change is None


def test_a_pending_row_gives_nothing_back_after_a_cancellation() -> None:
    life = cancelled().feed(PENDING).on(NOVEMBER + DAY)
    assert life.last.change is None
    adopted = Life(facts(row(), account=account())).on(ENROLLED)
    adopted.feed(CANCELLED).on(NOVEMBER).feed(PENDING).on(NOVEMBER + DAY)
    assert adopted.states[0] == "{COMPTE}I:SupannExpire:20261103:"


@pytest.mark.parametrize(
    ("rows", "expired_now"),
    [
        pytest.param([], False, id="absent"),
        pytest.param([PENDING], False, id="pending"),
        pytest.param([row(2025)], False, id="only an earlier year"),
        pytest.param([row(2025, Status.CANCELLED)], False, id="another year cancelled"),
        pytest.param([CANCELLED], True, id="its own year cancelled"),
        pytest.param([CANCELLED, row(step="L1MATH")], False, id="another step of that year counts"),
        pytest.param([CANCELLED, row(2025)], False, id="an earlier year counts"),
    ],
)
def test_with_the_journal_lost_the_end_in_the_directory_is_the_memory(
    rows: list[Enrolment], expired_now: bool
) -> None:
    life = active().journal_lost()
    life.feed(*rows).on(NOVEMBER)
    assert (life.states[0] == "{COMPTE}I:SupannExpire:20261103:") is expired_now
    life.on(NOVEMBER + DAY)
    assert life.last.change is None


def test_the_end_found_in_the_directory_outlives_a_later_year_that_is_cancelled() -> None:
    life = active().journal_lost().feed(row(2027)).on(date(2027, 7, 15))
    assert life.states[0] == "{COMPTE}A:SupannActif:20261001:20281231"
    life.feed(row(2027, Status.CANCELLED)).on(date(2027, 7, 20))
    assert life.states[0] == "{COMPTE}A:SupannActif:20261001:20271231"


def test_a_forced_resync_believes_the_absence_of_rows() -> None:
    life = active().feed().admin(force=True).on(NOVEMBER)
    assert life.change.action is Action.EXPIRE
    assert "rows of today alone" in life.change.reason
    life.on(NOVEMBER + DAY)
    assert life.last.change is None


def test_a_forced_resync_forgets_the_end_found_in_the_directory() -> None:
    life = active().journal_lost().feed(row(2025)).on(NOVEMBER)
    assert life.states[0].endswith(":20271231")
    life.admin(force=True).on(NOVEMBER)
    assert life.states[0] == "{COMPTE}A:SupannSursis:20260901:20261231"
    life.on(NOVEMBER + DAY)
    assert life.last.change is None


def test_an_account_never_activated_expires_at_its_cutoff_like_any_other() -> None:
    life = inactive().on(CUTOFF)
    assert life.last.change is None
    life.on(NEW_YEAR)
    assert life.states == ("{COMPTE}I:SupannExpire:20280101:",)
    assert life.closes == "20261230230000Z"  # its password was over long before
    assert life.facts.sealed is None


def test_a_later_end_leaves_the_start_of_the_state() -> None:
    life = active().feed(row(2027)).on(date(2027, 7, 15))
    assert life.states == (
        "{COMPTE}A:SupannActif:20261001:20281231",
        "{MAIL}A:SupannActif:20261001:20281231",
    )
    assert life.change.action is Action.UPDATE
    assert "the cutoff moves from 31/12/2027 to 31/12/2028" in life.change.reason


@pytest.mark.parametrize(
    ("today", "purged"),
    [
        pytest.param(date(2028, 12, 31), False, id="365 days after, not more"),
        pytest.param(date(2029, 1, 1), True, id="the day after"),
    ],
)
def test_a_purge_comes_with_the_first_run_after_the_retention(today: date, purged: bool) -> None:
    life = expired().on(today)
    assert (life.facts.account is None) is purged


def test_a_purge_never_comes_on_the_day_the_expiry_was_written() -> None:
    late = date(2030, 5, 5)
    life = active().on(late)
    assert life.states[0] == "{COMPTE}I:SupannExpire:20280101:"
    life.on(late)
    assert life.last.change is None
    life.on(late + DAY)
    assert life.change.action is Action.PURGE


@pytest.mark.parametrize("retention", [0, 30])
def test_the_retention_is_configurable(retention: int) -> None:
    life = active(rules=rules(retention_days=retention)).on(NEW_YEAR)
    life.on(NEW_YEAR + timedelta(days=retention))
    assert life.facts.account is not None
    life.on(NEW_YEAR + timedelta(days=retention + 1))
    assert life.facts.account is None


def test_an_adopted_expiry_is_purged_on_the_day_after_it_was_met_at_the_earliest() -> None:
    old = account("{COMPTE}I:SupannExpire:20200101:", eduPersonAffiliation=())
    life = Life(facts(row(2018), account=old)).on(ENROLLED)
    assert life.facts.account is not None
    life.on(ENROLLED + DAY)
    assert life.facts.account is None


# --- the table of transitions -------------------------------------------------------------------


def test_withdrawn_while_inactive_stays_inactive_to_the_cutoff_and_its_letter_prints() -> None:
    life = inactive().feed(row(status=Status.WITHDRAWN)).on(NOVEMBER, CUTOFF)
    assert life.states == ("{COMPTE}I:SupannCree:20261001:20271231",)
    assert life.facts.sealed == Sealed(date(2026, 12, 30))


def test_reenrolled_before_activation_the_cutoff_moves_and_the_password_stays() -> None:
    life = inactive().feed(row(2027)).on(NOVEMBER)
    assert life.change.action is Action.UPDATE
    assert not life.change.draws_password
    assert life.states == ("{COMPTE}I:SupannCree:20261001:20281231",)
    assert life.closes == "20261230230000Z"
    assert life.facts.sealed == Sealed(date(2026, 12, 30))


def test_a_password_good_until_the_cutoff_moves_with_it() -> None:
    life = inactive(rules=rules(valid_days=0))
    assert life.closes == "20271231230000Z"
    life.feed(row(2027)).on(NOVEMBER)
    assert life.closes == "20281231230000Z"


def test_a_password_is_never_good_beyond_the_cutoff() -> None:
    life = inactive(date(2027, 12, 1))
    assert life.closes == "20271231230000Z"


def test_provisional_password_over_then_reenrolled_stays_closed_until_reissue() -> None:
    life = inactive().feed(row(2027)).on(date(2027, 8, 1))
    assert life.states == ("{COMPTE}I:SupannCree:20261001:20281231",)
    assert life.closes == "20261230230000Z"
    assert not life.change.draws_password
    decision = decide(life.facts, RULES, date(2027, 8, 2))
    told = why(life.facts, decision, RULES, date(2027, 8, 2))
    assert "the provisional password is over: it takes a reissue" in told
    life.admin(reissue=True, reason="lost letter").on(date(2027, 8, 2))
    assert life.change.action is Action.REISSUE
    assert life.closes == "20271031230000Z"


def test_name_changed_changes_names_and_not_identifiers_and_a_notice_says_so() -> None:
    life = active().feed(row(family="Martin", usual="Durand")).on(NOVEMBER)
    assert life.change.action is Action.UPDATE
    assert life.account.values("sn") == ("Durand",)
    assert life.account.values("supannNomDeNaissance") == ("Martin",)
    assert life.account.values("mail") == ("lea.martin@etu.umontpellier.fr",)
    (notice,) = life.last.notices
    assert "Léa Martin" in notice
    assert "Léa Durand" in notice
    assert "lea.martin@etu.umontpellier.fr stays" in notice


def test_password_changed_with_other_evidence_missing_is_one_update() -> None:
    life = inactive().own_password().on(NOVEMBER)
    assert life.change.action is Action.UPDATE
    assert life.change.sealed is Fate.DESTROYED
    assert set(life.change.attributes) == {"pwdPolicySubentry", "pwdEndTime"}
    assert life.closes == "20271231230000Z"
    assert life.states == ("{COMPTE}I:SupannCree:20261001:20271231",)
    life.on(NOVEMBER + DAY)
    assert life.last.change is None


def test_evidence_complete_after_the_year_is_over_goes_straight_to_grace_by_activate() -> None:
    life = inactive().evidence().on(date(2027, 11, 11))
    assert life.change.action is Action.ACTIVATE
    assert life.states[0] == "{COMPTE}A:SupannSursis:20270901:20271231"


@pytest.mark.parametrize(
    ("begin", "state"),
    [
        pytest.param(inactive, "{COMPTE}I:SupannCree:20261110:20271231", id="never activated"),
        pytest.param(active, "{COMPTE}A:SupannActif:20261110:20271231", id="active"),
    ],
)
def test_cancelled_then_valid_again_is_back_with_her_own_password(
    begin: Callable[[], Life], state: str
) -> None:
    life = begin()
    closes, sealed = life.closes, life.facts.sealed
    life.feed(CANCELLED).on(NOVEMBER)
    if sealed is not None:
        assert life.facts.sealed == replace(sealed, printable=False)
    life.feed(row()).on(date(2026, 11, 10))
    assert life.change.action is Action.RESTORE
    assert not life.change.draws_password
    assert life.states[0] == state
    assert life.closes == closes
    assert life.facts.sealed == sealed


def test_a_withdrawn_row_after_a_cancellation_counts_as_valid_again() -> None:
    life = cancelled().feed(row(status=Status.WITHDRAWN)).on(date(2026, 11, 10))
    assert life.states[0] == "{COMPTE}A:SupannActif:20261110:20271231"


def test_cancelled_and_valid_again_in_the_grace_months_is_back_in_grace() -> None:
    life = grace().feed(CANCELLED).on(date(2027, 10, 1)).feed(row()).on(date(2027, 10, 5))
    assert life.change.action is Action.RESTORE
    assert life.states[0] == "{COMPTE}A:SupannSursis:20270901:20271231"


def test_cancelled_and_enrolled_in_the_next_year_before_the_old_cutoff_keeps_her_password() -> None:
    life = cancelled().feed(CANCELLED, row(2027)).on(date(2027, 9, 3))
    assert life.states[0] == "{COMPTE}A:SupannActif:20270903:20281231"
    assert not life.change.draws_password


def test_cancelled_and_enrolled_again_after_the_old_cutoff_begins_anew() -> None:
    life = cancelled().feed(row(2027)).on(RETURN)
    assert life.states[0] == "{COMPTE}I:SupannCree:20280306:20281231"
    assert life.change.draws_password


def test_the_old_cutoff_is_remembered_though_another_year_had_passed_when_it_was_cancelled() -> (
    None
):
    life = active(of=facts(row(2025), row()))
    life.feed(row(2025), CANCELLED).on(date(2027, 2, 1))
    assert life.states[0] == "{COMPTE}I:SupannExpire:20270201:"
    life.feed(row(2025), row()).on(date(2027, 2, 5))
    assert life.states[0] == "{COMPTE}A:SupannActif:20270205:20271231"
    assert not life.change.draws_password


def test_expired_by_the_calendar_then_enrolled_again_is_inactive_with_a_new_password() -> None:
    life = expired().feed(row(2027)).on(RETURN)
    assert life.change.action is Action.RESTORE
    assert life.change.draws_password
    assert life.states == (
        "{COMPTE}I:SupannCree:20280306:20281231",
        "{MAIL}I:SupannExpire:20280101:",
    )
    assert life.account.values("pwdReset") == ("TRUE",)
    assert life.account.values("pwdPolicySubentry") == (POLICY,)
    assert life.account.values("eduPersonAffiliation") == ("student", "member")
    assert life.account.values("eduPersonPrimaryAffiliation") == ("student",)
    assert life.closes == "20280604220000Z"
    assert life.facts.sealed == Sealed(date(2028, 6, 4))


def test_backup_mail_and_charter_that_stand_count_after_a_return() -> None:
    life = expired().feed(row(2027)).on(RETURN)
    assert decide(life.facts, RULES, RETURN).missing == ("password_changed",)
    life.own_password().on(RETURN + DAY)
    assert life.change.action is Action.ACTIVATE
    assert life.states == (
        "{COMPTE}A:SupannActif:20280307:20281231",
        "{MAIL}A:SupannActif:20280307:20281231",
    )


@pytest.mark.parametrize("begin_again", ["expiry", "purge"])
def test_evidence_of_adoption_ends_with_the_expiry(begin_again: str) -> None:
    life = Life(facts(row(), account=account())).on(ENROLLED)
    assert life.known.adopted_active
    life.on(NEW_YEAR)
    if begin_again == "purge":
        life.on(date(2029, 1, 2))
        assert life.facts.account is None
    life.feed(row(2029)).on(date(2029, 10, 1)).own_password().on(date(2029, 10, 2))
    assert life.states[0].startswith("{COMPTE}I:SupannCree")


def test_expired_by_the_calendar_then_cancelled_changes_nothing() -> None:
    life = expired().feed(CANCELLED).on(RETURN)
    assert life.last.change is None
    life.feed(row()).on(RETURN + DAY)
    assert life.last.change is None


def test_suspended_at_the_cutoff_expires_like_any_other_and_the_suspension_is_remembered() -> None:
    life = suspended().on(NEW_YEAR)
    assert life.change.action is Action.EXPIRE
    assert set(life.states) == {
        "{COMPTE}I:SupannExpire:20280101:",
        "{MAIL}I:SupannExpire:20280101:",
    }
    assert life.account.values("pwdStartTime") == ()
    life.feed(row(2027)).on(RETURN)
    assert life.states[0] == "{COMPTE}S:SupannVerrouAdministratif:20280306:20281231"
    assert life.account.values("pwdStartTime") == (SUSPENSION,)
    assert life.change.draws_password
    life.admin(suspended=False).on(RETURN + DAY)
    assert life.states[0] == "{COMPTE}I:SupannCree:20280307:20281231"
    assert life.account.values("pwdStartTime") == ()


def test_reenrolled_while_suspended_the_cutoff_moves_and_it_stays_suspended() -> None:
    life = suspended().feed(row(2027)).on(date(2027, 7, 15))
    assert life.change.action is Action.UPDATE
    assert life.states == (
        "{COMPTE}S:SupannVerrouAdministratif:20261103:20281231",
        "{MAIL}A:SupannActif:20261001:20281231",
    )
    assert life.closes == "20281231230000Z"


def test_resume_on_an_expired_account_only_forgets_the_suspension() -> None:
    life = suspended().on(NEW_YEAR).admin(suspended=False).on(NEW_YEAR + DAY)
    assert life.last.change is None
    assert life.states[0] == "{COMPTE}I:SupannExpire:20280101:"


@pytest.mark.parametrize(
    ("begin", "day", "state"),
    [
        pytest.param(inactive, NOVEMBER, "{COMPTE}I:SupannCree:20261103:20271231", id="inactive"),
        pytest.param(active, NOVEMBER, "{COMPTE}A:SupannActif:20261103:20271231", id="active"),
        pytest.param(
            active,
            date(2027, 10, 2),
            "{COMPTE}A:SupannSursis:20270901:20271231",
            id="whose year is over by now",
        ),
    ],
)
def test_resume_gives_back_the_state_of_the_evidence(
    begin: Callable[[], Life], day: date, state: str
) -> None:
    life = begin().admin(suspended=True, reason="charter breached").on(date(2026, 10, 20))
    life.admin(suspended=False).on(day)
    assert life.change.action is Action.RESUME
    assert life.states[0] == state
    assert life.account.values("pwdStartTime") == ()


@pytest.mark.parametrize(
    ("begin", "day", "state", "closes"),
    [
        pytest.param(
            active,
            NOVEMBER,
            "{COMPTE}A:SupannActif:20261001:20271231",
            "20270201230000Z",
            id="active",
        ),
        pytest.param(
            grace,
            date(2027, 9, 10),
            "{COMPTE}A:SupannSursis:20270901:20271231",
            "20271209230000Z",
            id="grace",
        ),
        pytest.param(
            grace,
            date(2027, 12, 1),
            "{COMPTE}A:SupannSursis:20270901:20271231",
            "20271231230000Z",
            id="grace, near the cutoff",
        ),
        pytest.param(
            inactive,
            NOVEMBER,
            "{COMPTE}I:SupannCree:20261001:20271231",
            "20270201230000Z",
            id="inactive",
        ),
    ],
)
def test_a_reissue_stays_in_its_state_with_a_password_to_be_changed(
    begin: Callable[[], Life], day: date, state: str, closes: str
) -> None:
    life = begin()
    mail = [value for value in life.states if value.startswith("{MAIL}")]
    life.admin(reissue=True, reason="forgotten").on(day)
    assert life.change.action is Action.REISSUE
    assert life.change.draws_password
    assert life.states == (state, *mail)
    assert life.account.values("pwdReset") == ("TRUE",)
    assert life.account.values("pwdPolicySubentry") == (POLICY,)
    assert life.closes == closes
    life.on(day + DAY)
    assert life.last.change is None
    life.own_password().on(day + DAY)
    assert life.closes == "20271231230000Z"
    assert life.states == (state, *mail)


def test_a_reissue_on_the_day_a_state_changes_is_part_of_that_change() -> None:
    life = active().admin(reissue=True, reason="forgotten").on(date(2027, 9, 1))
    assert life.change.action is Action.GRACE
    assert life.change.draws_password


@pytest.mark.parametrize("begin", [suspended, expired])
def test_no_password_is_reissued_to_a_closed_account(begin: Callable[[], Life]) -> None:
    life = begin().admin(reissue=True, reason="forgotten").on(NEW_YEAR + DAY)
    assert not life.facts.sealed
    assert life.account.values("pwdReset") == ()


@pytest.mark.parametrize("begin", [active, grace])
def test_pwdreset_set_by_another_tool_on_an_active_account_changes_nothing(
    begin: Callable[[], Life],
) -> None:
    life = begin()
    states = life.states
    life.entry(pwdReset="TRUE").on(date(2027, 9, 1) if begin is grace else NOVEMBER)
    assert life.last.change is None
    assert life.states == states


def test_pwdreset_of_another_tool_does_not_shorten_a_reenrolled_account() -> None:
    life = active().entry(pwdReset="TRUE").feed(row(2027)).on(date(2027, 7, 1))
    assert life.closes == "20281231230000Z"


def test_an_entry_deleted_by_hand_is_made_again_under_the_same_identifiers() -> None:
    life = active()
    before = life.account
    life.deleted_by_hand().on(NOVEMBER)
    assert life.change.action is Action.CREATE
    assert "deleted by hand" in life.change.reason
    assert life.account.dn == DN
    for name in ("uid", "mail", "eduPersonPrincipalName", "supannAliasLogin"):
        assert life.account.values(name) == before.values(name)
    assert life.states == ("{COMPTE}I:SupannCree:20261103:20271231",)


def test_an_expired_entry_deleted_by_hand_is_not_made_again_and_that_is_said_once() -> None:
    life = expired().deleted_by_hand().on(RETURN)
    assert life.last.change is None
    (notice,) = life.last.notices
    assert "deleted by hand" in notice
    life.on(RETURN + DAY)
    assert life.last.notices == ()


def test_back_after_the_purge_under_the_identifiers_of_old() -> None:
    life = expired().on(date(2029, 1, 2))
    life.feed(row(2029, family="Durand")).on(date(2029, 10, 1))
    assert life.change.action is Action.CREATE
    assert "back after the purge" in life.change.reason
    assert life.account.dn == DN
    assert life.account.values("mail") == ("lea.martin@etu.umontpellier.fr",)
    assert life.account.values("sn") == ("Durand",)
    assert life.states == ("{COMPTE}I:SupannCree:20291001:20301231",)
    assert life.known.ending is None
    assert not life.known.gone


def test_a_grace_account_enrolled_again_is_active_again() -> None:
    life = grace().feed(row(2027)).on(date(2027, 9, 20))
    assert life.change.action is Action.RESTORE
    assert life.states == (
        "{COMPTE}A:SupannActif:20270920:20281231",
        "{MAIL}A:SupannActif:20270920:20281231",
    )
    assert life.closes == "20281231230000Z"


def test_enrolled_in_the_next_year_before_this_one_is_over_is_never_in_grace() -> None:
    life = active().feed(row(2027)).on(date(2027, 7, 15), date(2027, 9, 1), date(2028, 8, 31))
    assert life.states[0] == "{COMPTE}A:SupannActif:20261001:20281231"
    life.on(date(2028, 9, 1))
    assert life.states[0] == "{COMPTE}A:SupannSursis:20280901:20281231"


# --- a clock that goes back a little ------------------------------------------------------------


@pytest.mark.parametrize(
    ("begin", "day"),
    [
        pytest.param(expired, NEW_YEAR, id="over the cutoff"),
        pytest.param(grace, date(2027, 9, 1), id="over the end of the year"),
        pytest.param(inactive, ENROLLED, id="over the day of creation"),
        pytest.param(cancelled, NOVEMBER, id="over the day of a cancellation"),
        pytest.param(suspended, NOVEMBER, id="over the day of a suspension"),
    ],
)
def test_a_clock_that_goes_back_over_midnight_undoes_nothing(
    begin: Callable[[], Life], day: date
) -> None:
    life = begin().on(day - DAY)
    assert life.last.change is None


# --- adoption -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("current", "today", "state"),
    [
        pytest.param(
            ("{COMPTE}A:SupannActif:20240905:20271231",),
            ENROLLED,
            "{COMPTE}A:SupannActif:20240905:20271231",
            id="active",
        ),
        pytest.param(
            ("{COMPTE}A:SupannActif::20271231",),
            ENROLLED,
            "{COMPTE}A:SupannActif::20271231",
            id="an empty START stays",
        ),
        pytest.param(
            ("{COMPTE}A:SupannActif::",),
            ENROLLED,
            "{COMPTE}A:SupannActif::20271231",
            id="an empty END is filled",
        ),
        pytest.param(
            ("{COMPTE}A:SupannAnticipe:20260701:",),
            ENROLLED,
            "{COMPTE}A:SupannActif:20260701:20271231",
            id="A of any kind is active",
        ),
        pytest.param(
            ("{COMPTE}A:SupannSursis:20270901:20271231",),
            date(2027, 10, 1),
            "{COMPTE}A:SupannSursis:20270901:20271231",
            id="grace",
        ),
        pytest.param(
            ("{COMPTE}S:SupannVerrouTechnique:20260101:",),
            ENROLLED,
            "{COMPTE}S:SupannVerrouAdministratif:20260101:20271231",
            id="suspended",
        ),
        pytest.param(
            ("{COMPTE}I:SupannPrecree:20260710:",),
            ENROLLED,
            "{COMPTE}I:SupannCree:20260710:20271231",
            id="made ahead",
        ),
        pytest.param(
            ("{COMPTE}I:SupannCree:20260710:20271231",),
            ENROLLED,
            "{COMPTE}I:SupannCree:20260710:20271231",
            id="inactive",
        ),
        pytest.param(
            ("{compte}a:supannactif:20240905:20271231",),
            ENROLLED,
            "{compte}a:supannactif:20240905:20271231",
            id="case does not matter",
        ),
        pytest.param((), ENROLLED, "{COMPTE}A:SupannActif:20261001:20271231", id="none: active"),
        pytest.param(
            (),
            date(2027, 10, 2),
            "{COMPTE}A:SupannSursis:20270901:20271231",
            id="none, and the year is over: grace",
        ),
    ],
)
def test_a_state_that_stands_is_believed(current: tuple[str, ...], today: date, state: str) -> None:
    life = Life(facts(row(), account=account(None, *current, pwdReset=()))).on(today)
    assert life.change.action is Action.UPDATE
    assert not life.change.draws_password
    assert life.states[0] == state
    life.on(today, today + DAY)
    assert life.last.change is None
    assert life.states[0] == state


@pytest.mark.parametrize("word", ["SupannExpire", "SupannInactif", "SupannSupprCompte", ""])
def test_an_adopted_expired_account_stays_expired_and_closed(word: str) -> None:
    met = account(f"{{COMPTE}}I:{word}::", pwdEndTime="20291231230000Z")
    life = Life(facts(row(2020), account=met)).on(ENROLLED)
    assert life.change.action is Action.UPDATE
    assert life.states == ("{COMPTE}I:SupannExpire::",)
    assert life.closes == "20260930220000Z"
    assert life.account.values("eduPersonAffiliation") == ()
    life.on(ENROLLED + DAY)
    assert life.last.change is None


def test_an_adopted_expired_account_of_an_enrolled_student_is_restored() -> None:
    met = account("{COMPTE}I:SupannExpire:20260101:", eduPersonAffiliation=())
    life = Life(facts(row(), account=met)).on(ENROLLED)
    assert life.change.action is Action.RESTORE
    assert life.states[0] == "{COMPTE}I:SupannCree:20261001:20271231"
    assert life.change.draws_password


@pytest.mark.parametrize(
    ("current", "today"),
    [
        pytest.param("{COMPTE}A:SupannActif:20260901:20271231", date(2027, 9, 5), id="grace"),
        pytest.param("{COMPTE}A:SupannSursis:20260901:20261231", ENROLLED, id="enrolled again"),
        pytest.param("{COMPTE}I:SupannCree:20260901:20271231", ENROLLED, id="evidence complete"),
    ],
)
def test_adoption_counts_as_update_whatever_the_calendar_makes_of_the_state(
    current: str, today: date
) -> None:
    met = account(current, supannMailPrive="{SECOURS}a@b.fr", scolpassCharter="2026 x")
    life = Life(facts(row(), account=met)).on(today)
    assert life.change.action is Action.UPDATE
    assert life.change.reason.startswith("adopted")


def test_adopted_without_state_and_password_is_inactive_and_gets_a_provisional_one() -> None:
    life = Life(facts(row(), account=account(None, password=False))).on(ENROLLED)
    assert life.change.action is Action.UPDATE
    assert life.change.draws_password
    assert life.states[0] == "{COMPTE}I:SupannCree:20261001:20271231"
    assert life.closes == "20261230230000Z"


@pytest.mark.parametrize("state", [None, "{COMPTE}I:SupannCree:20260901:", "{COMPTE}A::20260901:"])
@pytest.mark.parametrize("reset", [(), "TRUE", "FALSE"])
def test_adopted_with_a_password_is_never_given_another(
    state: str | None, reset: str | tuple[str, ...]
) -> None:
    life = Life(facts(row(), account=account(state, pwdReset=reset))).on(ENROLLED)
    assert not life.change.draws_password
    life.on(ENROLLED + DAY)
    assert life.last.change is None


def test_adopted_active_is_evidence_until_expiry() -> None:
    life = Life(facts(row(), account=account())).on(ENROLLED)
    life.feed(CANCELLED).on(NOVEMBER).feed(row()).on(NOVEMBER + DAY)
    assert life.states[0] == "{COMPTE}A:SupannActif:20261104:20271231"


def test_an_adopted_suspension_stands_until_it_is_taken_back() -> None:
    met = account("{COMPTE}S:SupannVerrouille:20260101:20271231", pwdReset=())
    life = Life(facts(row(), account=met)).on(ENROLLED, ENROLLED, ENROLLED + DAY)
    assert life.states[0] == "{COMPTE}S:SupannVerrouAdministratif:20260101:20271231"
    assert life.account.values("pwdStartTime") == (SUSPENSION,)
    life.on(NEW_YEAR).feed(row(2027)).on(RETURN)
    assert life.states[0] == "{COMPTE}S:SupannVerrouAdministratif:20280306:20281231"
    life.facts = replace(life.facts, known=replace(life.known, adopted_suspended=False))
    life.on(RETURN + DAY)
    assert life.change.action is Action.RESUME


def test_a_suspended_account_outlives_a_lost_journal() -> None:
    life = suspended().journal_lost().on(NOVEMBER + DAY)
    assert life.last.change is None
    life.on(NOVEMBER + 2 * DAY)
    assert life.last.change is None
    assert life.states[0].startswith("{COMPTE}S:")


@pytest.mark.parametrize("lost", [False, True])
@pytest.mark.parametrize(
    ("begin", "resumed"),
    [
        pytest.param(inactive, State.INACTIVE, id="inactive"),
        pytest.param(
            lambda: inactive().own_password().on(ENROLLED), State.INACTIVE, id="evidence missing"
        ),
        pytest.param(
            lambda: inactive().admin(suspended=True).on(ENROLLED).own_password().on(ENROLLED),
            State.INACTIVE,
            id="evidence missing, changed while suspended",
        ),
        pytest.param(
            lambda: inactive().admin(suspended=True).on(ENROLLED).evidence().on(ENROLLED),
            State.ACTIVE,
            id="evidence complete while suspended",
        ),
        pytest.param(active, State.ACTIVE, id="active"),
        pytest.param(
            lambda: Life(facts(row(), account=account())).on(ENROLLED), State.ACTIVE, id="adopted"
        ),
    ],
)
def test_a_suspension_taken_back_gives_the_same_state_whether_or_not_a_journal_was_lost(
    begin: Callable[[], Life], resumed: State, lost: bool
) -> None:
    life = begin().admin(suspended=True, reason="charter breached").on(NOVEMBER)
    if lost:
        life.journal_lost().on(NOVEMBER)
        life.facts = replace(life.facts, known=replace(life.known, adopted_suspended=False))
    life.admin(suspended=False).on(NOVEMBER + DAY)
    assert life.change.action is Action.RESUME
    assert life.known.state is resumed


@pytest.mark.parametrize(
    "begin",
    [
        pytest.param(inactive, id="inactive"),
        pytest.param(active, id="active"),
        pytest.param(cancelled, id="cancelled"),
        pytest.param(suspended, id="suspended"),
    ],
)
def test_a_lost_journal_adopts_what_stands_right_without_a_write(
    begin: Callable[[], Life],
) -> None:
    life = begin().journal_lost().on(NOVEMBER)
    assert life.last.change is None
    life.on(NOVEMBER + DAY)
    assert life.last.change is None


def test_a_provisional_password_that_the_journal_forgot_stands_until_its_day() -> None:
    life = inactive().journal_lost().feed(row(2027)).on(NOVEMBER)
    assert life.states == ("{COMPTE}I:SupannCree:20261001:20281231",)
    assert life.closes == "20261230230000Z"
    assert not life.change.draws_password


@pytest.mark.parametrize(
    ("start", "back_with_own_password"),
    [
        pytest.param("20261103", True, id="any other day: a cancellation"),
        pytest.param("20270101", False, id="the day after a cutoff: the calendar"),
    ],
)
def test_with_the_journal_lost_the_start_tells_how_an_account_expired(
    start: str, back_with_own_password: bool
) -> None:
    met = account(f"{{COMPTE}}I:SupannExpire:{start}:", eduPersonAffiliation=())
    life = Life(facts(row(), account=met)).on(date(2027, 2, 1))
    assert life.change.draws_password is not back_with_own_password


def test_an_entry_that_comes_back_after_its_purge_is_adopted() -> None:
    life = expired()
    entry_then = life.account
    life.on(date(2029, 1, 2))
    assert life.facts.account is None
    life.facts = replace(life.facts, account=entry_then)
    life.on(date(2029, 1, 3))
    assert life.states[0] == "{COMPTE}I:SupannExpire:20280101:"
    assert life.known.state is State.EXPIRED
    assert not life.known.gone


def test_a_state_changed_by_hand_is_mended() -> None:
    life = active()
    right = life.account
    for state in ("{COMPTE}I:SupannExpire:20261001:", "{COMPTE}A:SupannActif:20200101:20291231"):
        mail = next(v for v in right.values("supannRessourceEtatDate") if v[:6] == "{MAIL}")
        life.entry(supannRessourceEtatDate=(state, mail))
        life.on(NOVEMBER)
        assert life.change.action is Action.UPDATE
        assert set(life.states) == set(right.values("supannRessourceEtatDate"))


# --- accounts that nothing is known of ----------------------------------------------------------


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([PENDING], id="pending"),
        pytest.param([row(2024, Status.CANCELLED)], id="an old row, cancelled"),
        pytest.param([PENDING, row(2020, Status.CANCELLED)], id="both"),
    ],
)
@pytest.mark.parametrize(
    "met",
    [
        pytest.param(account("{COMPTE}A:SupannAnticipe:20260701:"), id="active without END"),
        pytest.param(account(None), id="without state"),
        pytest.param(
            account("{COMPTE}I:SupannCree::", eduPersonAffiliation=()), id="without affiliation"
        ),
    ],
)
def test_without_a_cutoff_an_entry_is_left_as_it_is(met: Account, rows: list[Enrolment]) -> None:
    life = Life(facts(*rows, account=met)).on(ENROLLED, ENROLLED + DAY)
    assert life.account == met
    (notice,) = life.last.notices
    assert "left as it is" in notice


# --- an entry that is also somebody else's ------------------------------------------------------

STAFF = account(
    None,
    supannEmpId="42",
    eduPersonAffiliation=("employee", "member"),
    eduPersonPrimaryAffiliation="employee",
)


@pytest.mark.parametrize(
    "shared",
    [
        pytest.param({"supannEmpId": "42"}, id="supannEmpId"),
        *(
            pytest.param({"eduPersonAffiliation": ("student", "member", role)}, id=role)
            for role in ("employee", "staff", "faculty", "affiliate", "retired", "Teacher")
        ),
    ],
)
@pytest.mark.parametrize(
    ("happening", "day"),
    [
        pytest.param(lambda life: life, CUTOFF + DAY, id="cutoff"),
        pytest.param(lambda life: life.feed(CANCELLED), NOVEMBER, id="cancelled"),
        pytest.param(lambda life: life, date(2030, 1, 1), id="retention over"),
        pytest.param(lambda life: life.admin(suspended=True, reason="x"), NOVEMBER, id="suspended"),
        pytest.param(lambda life: life.admin(reissue=True, reason="x"), NOVEMBER, id="reissued"),
        pytest.param(lambda life: life.feed().admin(force=True), NOVEMBER, id="forced"),
    ],
)
def test_an_entry_that_is_also_somebody_elses_is_never_closed(
    shared: dict[str, str], happening: Callable[[Life], Life], day: date
) -> None:
    for life in (active(), inactive()):
        life.entry(**shared)
        before = life.account
        happening(life).on(day, day + DAY)
        for name in before.attributes.keys() | life.account.attributes.keys():
            if name != "eduPersonAffiliation":
                assert life.account.values(name) == before.values(name), name
        others = {v for v in before.values("eduPersonAffiliation") if v != "student"}
        assert {v for v in life.account.values("eduPersonAffiliation") if v != "student"} == others


def test_of_somebody_elses_entry_identity_enrolment_and_student_are_kept_true() -> None:
    life = Life(facts(row(family="Durand"), account=STAFF)).on(ENROLLED)
    assert life.change.action is Action.UPDATE
    assert not life.change.draws_password
    assert life.account.values("sn") == ("Durand",)
    assert life.account.values("supannEtuAnneeInscription") == ("2026",)
    assert set(life.account.values("eduPersonAffiliation")) == {"employee", "member", "student"}
    assert life.account.values("eduPersonPrimaryAffiliation") == ("employee",)
    for name in ("supannRessourceEtatDate", "pwdEndTime", "pwdReset", "pwdPolicySubentry"):
        assert name not in life.account.attributes
    life.on(CUTOFF + DAY)
    assert set(life.account.values("eduPersonAffiliation")) == {"employee", "member"}


def test_the_names_of_a_member_of_staff_who_studied_long_ago_are_not_the_registers() -> None:
    life = Life(facts(row(2015, family="Durand"), account=STAFF)).on(ENROLLED)
    assert life.account == STAFF


@pytest.mark.parametrize("roles", [("employee",), ("employee", "student")])
def test_a_pending_row_neither_gives_nor_takes_the_value_student(roles: tuple[str, ...]) -> None:
    met = having(STAFF, eduPersonAffiliation=roles)
    life = Life(facts(PENDING, account=met)).on(ENROLLED)
    assert life.account.values("eduPersonAffiliation") == roles


def test_a_student_who_leaves_the_staff_is_a_student_like_any_other_again() -> None:
    life = active().entry(supannEmpId="42").on(NOVEMBER)
    life.entry(supannEmpId=()).on(NOVEMBER + DAY)
    assert life.last.change is None
    life.entry(supannEmpId="42").on(CUTOFF + DAY).entry(supannEmpId=()).on(RETURN)
    assert life.states[0] == "{COMPTE}I:SupannExpire:20280101:"


def test_a_former_member_of_staff_whose_enrolment_never_counted_is_left_alone() -> None:
    life = Life(facts(PENDING, row(2020, Status.CANCELLED), account=STAFF)).on(ENROLLED)
    before = having(STAFF, supannEmpId=(), eduPersonAffiliation=())
    life.facts = replace(life.facts, account=before)
    life.on(NOVEMBER)
    assert life.account == before


def test_alum_is_nobody_elses_and_is_kept() -> None:
    life = active().entry(eduPersonAffiliation=("student", "member", "alum")).on(NEW_YEAR)
    assert life.change.action is Action.EXPIRE
    assert life.account.values("eduPersonAffiliation") == ("alum",)


# --- announced expiries -------------------------------------------------------------------------


def test_an_expiry_whose_end_has_stood_for_a_day_is_announced() -> None:
    life = active().on(NEW_YEAR)
    assert life.change.announced


def test_an_expiry_whose_end_was_met_today_is_not_announced() -> None:
    met = account("{COMPTE}A:SupannSursis:20250901:20251231", pwdEndTime="20251231230000Z")
    life = Life(facts(row(2024), account=met)).on(ENROLLED)
    assert life.change.action is Action.EXPIRE
    assert not life.change.announced


def test_an_end_that_was_changed_by_hand_announces_nothing() -> None:
    life = active().on(NOVEMBER)
    life.entry(
        supannRessourceEtatDate=(
            "{COMPTE}A:SupannActif:20261001:20261031",
            "{MAIL}A:SupannActif:20261001:20261031",
        )
    ).on(NEW_YEAR)
    assert life.change.action is Action.EXPIRE
    assert not life.change.announced


def test_an_expiry_by_cancellation_is_never_announced() -> None:
    assert not cancelled().change.announced


# --- properties ---------------------------------------------------------------------------------


def _events() -> st.SearchStrategy[list[tuple[int, str]]]:
    """What happens to one student, as (days later, what)."""
    happenings = st.sampled_from(
        [
            "nothing",
            "cancel",
            "withdraw",
            "pending",
            "enrol",
            "next year",
            "absent",
            "password",
            "evidence",
            "suspend",
            "resume",
            "reissue",
            "reset by hand",
            "journal lost",
            "deleted",
            "staff",
            "no staff",
            "state by hand",
        ]
    )
    return st.lists(st.tuples(st.integers(0, 250), happenings), min_size=3, max_size=14)


def _happen(life: Life, what: str, today: date) -> None:
    year = today.year if today.month >= 9 else today.year - 1
    there = life.facts.account is not None
    match what:
        case "cancel" | "withdraw" | "pending" | "enrol":
            status = {
                "cancel": Status.CANCELLED,
                "withdraw": Status.WITHDRAWN,
                "pending": Status.PENDING,
                "enrol": Status.VALIDATED,
            }[what]
            life.feed(row(year, status))
        case "next year":
            life.feed(row(year), row(year + 1))
        case "absent":
            life.feed()
        case "password" if there:
            life.own_password()
        case "evidence" if there:
            life.evidence()
        case "suspend":
            life.admin(suspended=True, reason="charter breached")
        case "resume":
            life.admin(suspended=False)
        case "reissue":
            life.admin(reissue=True, reason="forgotten")
        case "reset by hand" if there:
            life.entry(pwdReset="TRUE")
        case "journal lost":
            life.journal_lost()
        case "deleted":
            life.deleted_by_hand()
        case "staff" if there:
            life.entry(supannEmpId="42")
        case "no staff" if there:
            life.entry(supannEmpId=())
        case "state by hand" if there:
            life.entry(supannRessourceEtatDate="{COMPTE}A:SupannActif:20200101:20991231")


@settings(max_examples=examples(150), deadline=None)
@given(events=_events())
def test_planning_after_applying_plans_nothing(events: list[tuple[int, str]]) -> None:
    life, today = inactive(), ENROLLED
    for days, what in events:
        today += timedelta(days=days)
        _happen(life, what, today)
        life.on(today)
        applied = life.facts
        life.on(today)
        assert life.last.change is None, (what, today)
        assert life.facts == applied, (what, today)


# An expiry that is written a second time, after somebody undid it by hand, long after the first.
EXPIRED_AGAIN = [
    (207, "nothing"),
    (250, "nothing"),
    (0, "staff"),
    (116, "state by hand"),
    (250, "no staff"),
]


@settings(max_examples=examples(150), deadline=None)
@given(events=_events(), taken_out=st.sets(st.integers(0, 3)))
@example(events=EXPIRED_AGAIN, taken_out=set())
def test_on_a_directory_in_step_taking_rows_out_of_the_feed_plans_nothing(
    events: list[tuple[int, str]], taken_out: set[int]
) -> None:
    life, today = inactive(), ENROLLED
    for days, what in events:
        today += timedelta(days=days)
        _happen(life, what, today)
        life.on(today)
    rows = life.facts.student.present
    life.feed(*(r for n, r in enumerate(rows) if n not in taken_out)).on(today)
    assert life.last.change is None


# Its state was never known: the journal was lost while the entry was also somebody else's, and no
# enrolment counts. It is left as it is.
NEVER_KNOWN = [
    (0, "pending"),
    (207, "nothing"),
    (250, "nothing"),
    (0, "journal lost"),
    (0, "staff"),
    (0, "state by hand"),
    (0, "no staff"),
]


@settings(max_examples=examples(150), deadline=None)
@given(events=_events())
@example(events=NEVER_KNOWN)
def test_the_state_and_the_closing_of_an_account_agree(events: list[tuple[int, str]]) -> None:
    life, today = inactive(), ENROLLED
    for days, what in events:
        today += timedelta(days=days)
        _happen(life, what, today)
        life.on(today)
        entry_ = life.facts.account
        if entry_ is None or entry_.values("supannEmpId"):
            continue
        now = life.known.state
        closes = entry_.first("pwdEndTime")
        assert closes is not None
        midnight = f"{today - DAY:%Y%m%d}"
        assert (closes[:8] <= midnight) or now is not State.EXPIRED
        assert bool(entry_.values("pwdStartTime")) is (now is State.SUSPENDED)
        if now is not None:
            assert ("student" in entry_.values("eduPersonAffiliation")) is (
                now is not State.EXPIRED
            )
        if life.facts.sealed is not None and life.facts.sealed.printable:
            assert entry_.must_change


@settings(max_examples=examples(150), deadline=None)
@given(
    begin=st.sampled_from([inactive, active, grace, suspended, expired, cancelled]),
    away=st.integers(1, 900),
    later=st.integers(0, 500),
)
def test_a_run_after_an_outage_gives_the_directory_of_an_undisturbed_one(
    begin: Callable[[], Life], away: int, later: int
) -> None:
    first = NEW_YEAR if begin is expired else date(2027, 9, 1)
    last = first + timedelta(days=away)
    undisturbed, disturbed = begin().daily(first, last), begin().on(last, last + DAY)
    undisturbed.on(last + DAY)
    for life in (undisturbed, disturbed):
        life.feed(row(2030)).on(last + timedelta(days=1 + later))
    if later and begin is not cancelled:
        assert disturbed.facts.account == undisturbed.facts.account


# --- why ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("life", "today", "words"),
    [
        pytest.param(
            inactive(), NOVEMBER, ["Inactive", "still missing: a password of their own"], id="i"
        ),
        pytest.param(active(), NOVEMBER, ["Active", "enrolled in 2026/2027"], id="active"),
        pytest.param(grace(), date(2027, 9, 2), ["In grace", "2026/2027 is over"], id="grace"),
        pytest.param(
            active(),
            NEW_YEAR,
            ["Active", "31/12/2027 has passed", "the next sync makes it expired"],
            id="to be expired",
        ),
        pytest.param(expired(), RETURN, ["Expired", "since 01/01/2028"], id="expired"),
        pytest.param(suspended(), NOVEMBER, ["Suspended", "charter breached"], id="suspended"),
        pytest.param(Life(), ENROLLED, ["No entry", "enrolled in 2026/2027"], id="to be made"),
        pytest.param(Life(facts(PENDING)), ENROLLED, ["No entry", "no enrolment counts"], id="p"),
        pytest.param(
            Life(facts(row(2020))), ENROLLED, ["No entry", "the cutoff has passed"], id="past"
        ),
        pytest.param(
            Life(facts(row(), account=STAFF)), ENROLLED, ["also somebody else's"], id="staff"
        ),
        pytest.param(
            Life(facts(row(), conflict="two entries: a; b")),
            ENROLLED,
            ["two entries: a; b"],
            id="c",
        ),
    ],
)
def test_why_is_one_sentence(life: Life, today: date, words: list[str]) -> None:
    told = why(life.facts, decide(life.facts, RULES, today), RULES, today)
    assert told.endswith(".")
    assert "\n" not in told
    for word in words:
        assert word in told


def test_a_cancellation_is_told_from_the_calendar() -> None:
    assert cancelled().known.ending is Ending.CANCELLATION
    assert expired().known.ending is Ending.CALENDAR


def test_stored_evidence_counts_like_that_in_the_entry() -> None:
    life = inactive(of=facts(evidence_items=evidence_items()))
    assert decide(life.facts, RULES, NOVEMBER).missing == ("password_changed",)
    life.own_password().on(NOVEMBER)
    assert life.change.action is Action.ACTIVATE


def test_one_students_conflict_touches_nothing_of_hers() -> None:
    found = plan_one(facts(conflict="stands on several entries: a; b"), Taken(), terms(ENROLLED))
    assert found.change is None
    assert found.rejection is not None
    assert "a; b" in found.rejection.reason


# --- what the student gives by events -----------------------------------------------------------

CHARTER = "2026 2026-10-01T07:00:00Z"
FORWARD = evidence_item("forwarding", "lea@example.net")
COPIED = evidence_item("forwarding", "lea@example.net", keep_copy=True)
BOTH = ("lea@example.net", "lea.martin@mailbox.etu.umontpellier.fr")


def test_events_before_the_entry_exists_are_folded_in_as_it_is_made() -> None:
    life = Life(facts(evidence_items=(*evidence_items(), FORWARD))).on(ENROLLED)
    assert life.change.action is Action.CREATE
    assert life.account.values("supannMailPrive") == ("{SECOURS}lea@example.org",)
    assert life.account.values("supannMailPerso") == ("lea@example.org",)
    assert life.account.values("scolpassCharter") == (CHARTER,)
    assert life.account.values("mailForwardingAddress") == ()
    assert decide(life.facts, RULES, ENROLLED).missing == ("password_changed",)


@pytest.mark.parametrize(("given_", "forwards"), [(FORWARD, ("lea@example.net",)), (COPIED, BOTH)])
def test_forwarding_is_written_at_activation(
    given_: EvidenceItem, forwards: tuple[str, ...]
) -> None:
    life = inactive(of=facts(evidence_items=(*evidence_items(), given_))).on(NOVEMBER)
    assert life.last.change is None
    life.own_password().on(NOVEMBER)
    assert life.change.action is Action.ACTIVATE
    assert life.account.values("mailForwardingAddress") == forwards
    life.on(NOVEMBER)
    assert life.last.change is None


def test_forwarding_changed_and_taken_back() -> None:
    life = active().gives(COPIED).on(NOVEMBER)
    assert life.account.values("mailForwardingAddress") == BOTH
    life.gives(evidence_item("forwarding", "lea@example.com", NOVEMBER)).on(NOVEMBER)
    assert life.account.values("mailForwardingAddress") == ("lea@example.com",)
    life.gives(evidence_item("forwarding", "", NOVEMBER + DAY)).on(NOVEMBER + DAY)
    assert life.account.values("mailForwardingAddress") == ()


def test_what_the_student_changed_elsewhere_is_not_written_twice() -> None:
    life = active().gives(*evidence_items(), FORWARD).on(NOVEMBER)
    life.entry(mailForwardingAddress="other@example.com", supannMailPrive=()).on(NOVEMBER + DAY)
    assert life.last.change is None


def test_only_the_personal_mail_that_was_the_backup_is_replaced() -> None:
    life = active().entry(
        supannMailPerso=("theirs@example.org", "Lea@example.org"),
        supannMailPrive=("{PERSO}theirs@example.org", "{SECOURS}lea@example.org"),
    )
    life.gives(evidence_item("backup_mail", "new@example.org")).on(NOVEMBER)
    assert life.account.values("supannMailPerso") == ("theirs@example.org", "new@example.org")
    assert life.account.values("supannMailPrive") == (
        "{PERSO}theirs@example.org",
        "{SECOURS}new@example.org",
    )


def test_an_event_for_an_expired_account_waits_and_is_applied_if_she_returns() -> None:
    life = expired().gives(evidence_item("backup_mail", "new@example.org"), FORWARD).on(RETURN)
    assert life.last.change is None
    life.feed(row(2027)).on(RETURN)
    assert life.account.values("supannMailPrive") == ("{SECOURS}new@example.org",)
    assert life.account.values("mailForwardingAddress") == ()
    life.own_password().on(RETURN + DAY)
    assert life.account.values("mailForwardingAddress") == ("lea@example.net",)


def test_forwarding_of_a_suspended_account_is_applied_at_its_resume() -> None:
    life = suspended().gives(FORWARD).on(NOVEMBER + DAY)
    assert life.last.change is None
    life.admin(suspended=False).on(NOVEMBER + DAY)
    assert life.change.action is Action.RESUME
    assert life.account.values("mailForwardingAddress") == ("lea@example.net",)


def test_what_she_had_given_is_in_the_entry_that_is_made_again() -> None:
    life = inactive(of=facts(evidence_items=evidence_items())).deleted_by_hand().on(NOVEMBER)
    assert life.account.values("supannMailPrive") == ("{SECOURS}lea@example.org",)
    assert life.account.values("scolpassCharter") == (CHARTER,)


def test_an_event_gives_nothing_to_somebody_elses_entry() -> None:
    life = Life(facts(row(), account=STAFF, evidence_items=(*evidence_items(), FORWARD))).on(
        ENROLLED
    )
    for name in ("supannMailPrive", "scolpassCharter", "mailForwardingAddress"):
        assert name not in life.account.attributes


@settings(max_examples=examples(100), deadline=None)
@given(
    events=st.lists(
        st.builds(
            evidence_item,
            st.just("backup_mail") | st.just("forwarding"),
            st.sampled_from(["a@example.org", "b@example.org", "c@example.org"]),
            st.dates(ENROLLED, ENROLLED + 5 * DAY),
            keep_copy=st.booleans(),
        )
        | st.builds(
            evidence_item,
            st.just("charter"),
            st.sampled_from(["2025 2026-10-01T07:00:00Z", CHARTER]),
            st.dates(ENROLLED, ENROLLED + 5 * DAY),
        ),
        max_size=12,
        unique_by=lambda g: (g.field, g.time),
    ),
    seed=st.integers(0, 2**32),
    passes=st.integers(0, 3),
)
def test_every_order_of_events_ends_in_the_same_directory(
    events: list[EvidenceItem], seed: int, passes: int
) -> None:
    at_once = inactive().own_password().gives(*events).on(NOVEMBER)
    one_by_one = inactive().own_password()
    shuffled = list(events)
    random.Random(seed).shuffle(shuffled)
    for number, event in enumerate(shuffled):
        one_by_one.gives(event)
        if number % 4 <= passes:
            one_by_one.on(NOVEMBER)
    one_by_one.on(NOVEMBER)

    def told(life: Life) -> dict[str, list[str]]:
        return {name: sorted(values) for name, values in life.account.attributes.items()}

    assert told(one_by_one) == told(at_once)
