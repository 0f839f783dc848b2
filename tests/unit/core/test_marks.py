"""The marks of risk: each on the change that earns it, and on no other."""

from __future__ import annotations

from datetime import date

import pytest

from connector.core.account import Account
from connector.core.catalogue import LOGINS
from connector.core.identifiers import Taken
from connector.core.marks import Mark, is_lossy, marks_of, telling
from connector.core.model import Change, Override, Status
from connector.core.plan import plan_one
from connector.core.supann import Supann
from tests.unit.core.builders import (
    CUTOFF,
    DAY,
    DN,
    DOMAIN,
    ENROLLED,
    RULES,
    Life,
    account,
    facts,
    inactive,
    row,
    terms,
)

DIALECT = Supann(RULES)


def marks(change: Change | None, *protected: str, today: date = ENROLLED) -> set[Mark]:
    assert change is not None
    return set(marks_of(change, terms(today), protected))


def adopting(current: Account, **of_row: str) -> Change | None:
    return plan_one(facts(row(**of_row), account=current), Taken(), terms(ENROLLED)).change  # type: ignore[arg-type]


def test_a_new_entry_draws_a_password() -> None:
    assert marks(Life().on(ENROLLED).last.change) == {Mark.PASSWORD_OF_NEW}


def test_an_adopted_entry_with_a_password_is_given_a_last_day() -> None:
    assert marks(adopting(account())) == {Mark.LIMITED}


def test_an_adopted_entry_without_a_password_is_given_one() -> None:
    assert Mark.PASSWORD_GIVEN in marks(adopting(account(None, password=False)))


def test_a_reissue_replaces_the_password_and_is_no_closing() -> None:
    life = inactive().on(ENROLLED + DAY).admin(reissue=True, reason="lost letter")
    found = marks(life.on(ENROLLED + 2 * DAY).last.change)
    assert Mark.PASSWORD_REPLACED in found
    assert not found & {Mark.CLOSED, Mark.REMOVED, Mark.PASSWORD_GIVEN}


def test_endings() -> None:
    expired = inactive().evidence().on(ENROLLED).on(CUTOFF + DAY)
    assert marks(expired.last.change, today=CUTOFF + DAY) == {Mark.CLOSED}
    purged = expired.on(CUTOFF + 400 * DAY)
    assert marks(purged.last.change) == {Mark.REMOVED}
    suspended = inactive().evidence().on(ENROLLED).admin(suspended=True, reason="charter")
    assert Mark.CLOSED in marks(suspended.on(ENROLLED + DAY).last.change)
    cancelled = inactive().evidence().on(ENROLLED).feed(row(2026, Status.CANCELLED))
    assert Mark.CLOSED in marks(cancelled.on(ENROLLED + DAY).last.change)


EXPIRED_BEFORE = "{COMPTE}I:SupannExpire:20200101:"
LONG_AGO, LATER = "20200101000000Z", "20991231230000Z"


@pytest.mark.parametrize(
    ("state", "ends", "begins", "year", "closes"),
    [
        (EXPIRED_BEFORE, (), (), 2018, True),  # nothing but its state said so
        (EXPIRED_BEFORE, LATER, (), 2018, True),
        (EXPIRED_BEFORE, LONG_AGO, (), 2018, False),  # the directory had closed it
        (None, (), (), 2018, True),  # left years ago
        ("{COMPTE}S:SupannVerrouAdministratif:20260901:20271231", (), (), 2026, True),
        ("{COMPTE}S:SupannVerrouAdministratif:20260901:20271231", (), LATER, 2026, False),
        ("{COMPTE}A:SupannActif:20250901:20261231", (), (), 2026, False),
    ],
)
def test_an_adoption_that_shuts_an_account_closes_it(
    state: str | None, ends: str, begins: str, year: int, closes: bool
) -> None:
    current = account(state, pwdEndTime=ends, pwdStartTime=begins)
    change = plan_one(facts(row(year), account=current), Taken(), terms(ENROLLED)).change
    assert (Mark.CLOSED in (marks(change) if change is not None else set())) is closes


@pytest.mark.parametrize(
    ("stands", "mark"),
    [
        ("20991231230000Z", Mark.SHORTENED),
        ("20270101000000Z", None),
        ((), Mark.LIMITED),
    ],
)
def test_the_last_day(stands: str | tuple[str, ...], mark: Mark | None) -> None:
    found = marks(adopting(account(pwdEndTime=stands)))
    assert found & {Mark.SHORTENED, Mark.LIMITED} == ({mark} if mark else set())


def test_an_identifier_that_stands_is_changed() -> None:
    life = inactive().evidence().on(ENROLLED).feed(row(family="Bernard"))
    change = life.admin(rename=True, reason="asked").on(ENROLLED + DAY).last.change
    assert Mark.IDENTIFIER in marks(change)
    assert change is not None
    told = {
        name: after for name, _, after in telling(Mark.IDENTIFIER, dict(change.attributes), DIALECT)
    }
    assert told == dict.fromkeys(LOGINS, (f"lea.bernard@{DOMAIN}",))


def test_an_identifier_that_is_added_is_no_risk() -> None:
    assert Mark.IDENTIFIER not in marks(adopting(account(supannAliasLogin=())))


def test_staff_who_study_and_protected_entries() -> None:
    staff = adopting(account(None, supannEmpId="E1", sn="MARTIN"))
    assert Mark.SHARED_PERSON in marks(staff)
    student = adopting(account())
    assert Mark.SHARED_PERSON not in marks(student)
    assert Mark.SHARED_PERSON in marks(student, DN)


@pytest.mark.parametrize(
    ("name", "lossy"),
    [
        ("Lefèvre", False),
        ("D'Arc-Müller Nguyễn", False),
        ("Łukasz Øster Þór", False),
        ("李明", False),  # which is written in ASCII, letter by letter
        ("Du?ont", True),
        ("Lef\ufffdvre", True),
        ("LefÃ¨vre", True),
        ("Mar\u202etin", True),
        ("Ka\u02bbohu", False),  # the ʻokina is dropped like an apostrophe
        ("\u0294amin", True),  # the glottal stop leaves nothing
    ],
)
def test_names_that_lose_letters(name: str, lossy: bool) -> None:
    assert is_lossy(name) is lossy


def test_a_damaged_name_is_marked_where_it_would_be_written() -> None:
    change = adopting(account(), family="Mar?in")
    assert Mark.LOSSY in marks(change)
    assert change is not None
    assert {name for name, *_ in telling(Mark.LOSSY, dict(change.attributes), DIALECT)} >= {"sn"}
    assert Mark.LOSSY not in marks(adopting(account(sn="Mar?in")))


def test_a_purge_says_nothing_of_names_that_go() -> None:
    override = Override(erase=True, reason="asked")
    old = account("{COMPTE}I:SupannExpire:20200101:", sn="Mar?in", pwdEndTime="20200101000000Z")
    found = facts(row(2018), account=old, override=override)
    change = plan_one(found, Taken(), terms(date(2026, 11, 30))).change
    if change is not None and change.deletes:
        assert marks(change) == {Mark.REMOVED}
