"""Signing in: who is let in, who is not, and what a stranger can learn from it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from connector.activation import guard
from connector.activation.signing import REFUSAL_SECONDS, seconds_to_wait
from connector.clock import instant
from connector.desk import account as desk
from connector.edges.ldap import student as bound
from connector.errors import Busy, DirectoryUntrusted, JournalUntrusted, NotLetIn
from connector.web.metrics import Metrics
from tests.support import people
from tests.support.desk import activate, take
from tests.support.door import WRONG, Door, Verified, door
from tests.support.events import NUMBER, PASSWORD, change_password
from tests.support.walk import Walk, student, students

BORN, ANOTHER_DAY = date(2008, 2, 29), date(2008, 2, 28)
NOBODY = "lea.nobody@etu.umontpellier.fr"


@pytest.fixture
def enrolled(walk: Walk) -> Walk:
    walk.synced([student(NUMBER)])
    return walk


@pytest.fixture
def at(enrolled: Walk) -> Iterator[Door]:
    """The door as it is by default, and one student, enrolled today."""
    with door(enrolled) as made:
        yield made


def modify(walk: Walk, *lines: str) -> None:
    dn = walk.person(NUMBER)["dn"][0]
    walk.directory.modify("\n".join([f"dn: {dn}", "changetype: modify", *lines, ""]))


def drop_tries(at: Door) -> None:
    """The journal cannot count any more."""
    with at.portal.journal._engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE tries"))


def log_lines(walk: Walk) -> list[dict[str, Any]]:
    text = (walk.workspace.folder / "scolpass.log").read_text()
    return [json.loads(line) for line in text.splitlines()]


# --- who is let in ------------------------------------------------------------------------------


def test_a_student_signs_in_by_any_of_her_names(enrolled: Walk, at: Door) -> None:
    password = enrolled.password(NUMBER)
    login = enrolled.people()[NUMBER]["supannAliasLogin"][0]
    for who in (NUMBER, f"e{NUMBER}", f"E{NUMBER}", login, login.upper(), f"  {login} "):
        signed = at.enter(password, who)
        assert (signed.student_number, signed.must_change) == (NUMBER, True)
        assert signed.dn == enrolled.people()[NUMBER]["dn"][0]
        assert signed.account.first("uid") == f"e{NUMBER}"
    assert at.let_in == 6


def test_one_who_has_done_it_all_signs_in_too(enrolled: Walk) -> None:
    activate(enrolled, NUMBER)
    with door(enrolled) as at:
        assert not at.enter(PASSWORD).must_change


def test_one_who_has_changed_her_password_goes_on(enrolled: Walk, at: Door) -> None:
    change_password(enrolled)
    assert not at.enter(PASSWORD).must_change


def test_what_is_good_leaves_nothing_behind(enrolled: Walk, at: Door) -> None:
    at.enter(enrolled.password(NUMBER))
    assert at.kept("tries", "key") == at.kept("entrances", "account") == []


# --- who is not ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "who", [NOBODY, "226", "*", "e226*", "", "  ", "lea\x00", "\ud800", "é" * 600]
)
def test_nobody_has_that_name(at: Door, who: str) -> None:
    assert at.reason(who=who) == "unknown"


def test_a_wrong_password(at: Door) -> None:
    assert at.reason() == at.reason("") == "password"
    assert at.refused == {"password": 2}


def test_an_account_that_slapd_has_locked(enrolled: Walk, at: Door) -> None:
    assert [at.reason() for _ in range(5)] == ["password"] * 5
    assert at.reason(enrolled.password(NUMBER)) == "password"


def test_a_suspended_account(enrolled: Walk, at: Door) -> None:
    take(enrolled, desk.suspend)
    assert at.reason(enrolled.password(NUMBER)) == "closed"


def test_an_expired_account(enrolled: Walk, at: Door) -> None:
    password = enrolled.password(NUMBER)
    enrolled.synced([student(NUMBER, status="cancelled")])
    assert at.reason(password) == "closed"


def test_an_account_that_is_also_staffs(enrolled: Walk, at: Door) -> None:
    modify(enrolled, "add: eduPersonAffiliation", "eduPersonAffiliation: employee")
    assert at.reason(enrolled.password(NUMBER)) == "closed"


def test_an_entry_that_scolpass_does_not_manage(enrolled: Walk, at: Door) -> None:
    people.stand(enrolled.directory, "22699999", mail="b@etu.umontpellier.fr")
    assert at.reason(people.PASSWORD, "22699999") == "unknown"


def test_several_entries(enrolled: Walk, at: Door) -> None:
    password = enrolled.password(NUMBER)
    people.stand(enrolled.directory, "22699998", uid=f"x{NUMBER}")
    people.stand(enrolled.directory, "22699999", uid=f"y{NUMBER}")
    assert at.reason(people.PASSWORD, people.ADDRESS) == "ambiguous"
    people.stand(enrolled.directory, NUMBER, uid="twin")
    assert at.reason(password) == "ambiguous"


def test_no_refusal_tells_its_reason(enrolled: Walk, at: Door) -> None:
    refusals = [at.refusal(), at.refusal(who=NOBODY)]
    take(enrolled, desk.suspend)
    refusals.append(at.refusal())
    assert len({one.reason for one in refusals}) == 3
    assert len({(str(one), one.message, one.cure, one.wait) for one in refusals}) == 1


def test_each_reason_is_counted_from_the_start() -> None:
    metrics = Metrics()
    metrics.sign_in_refused("birth_date")
    metrics.signed_in()
    read = metrics.registry.get_sample_value
    told = {
        one: read("scolpass_sign_in_refusals_total", {"reason": one}) for one in NotLetIn.REASONS
    }
    assert told == dict.fromkeys(NotLetIn.REASONS, 0) | {"birth_date": 1}
    assert read("scolpass_sign_ins_total") == 1


# --- the second factor --------------------------------------------------------------------------


def test_the_birth_date_is_asked_for(enrolled: Walk) -> None:
    password = enrolled.password(NUMBER)
    with door(enrolled, second_factor="birth_date") as at:
        assert at.enter(password, birth_date=BORN).student_number == NUMBER
        assert at.reason(password) == "birth_date"
        assert at.reason(password, birth_date=ANOTHER_DAY) == "birth_date"
        assert at.reason(birth_date=BORN) == "password"


def test_a_wrong_birth_date_counts_in_slapd_as_a_wrong_password_does(enrolled: Walk) -> None:
    password = enrolled.password(NUMBER)
    with door(enrolled, second_factor="birth_date") as at:
        for _ in range(5):
            assert at.reason(password, birth_date=ANOTHER_DAY) == "birth_date"
        assert at.reason(password, birth_date=BORN) == "password"  # it is locked


def test_a_birth_date_is_not_looked_at_where_none_is_asked_for(enrolled: Walk, at: Door) -> None:
    assert at.reason(enrolled.password(NUMBER), birth_date=ANOTHER_DAY) == ""


# --- how often ----------------------------------------------------------------------------------


def test_an_account_counts_under_all_its_names(enrolled: Walk) -> None:
    password = enrolled.password(NUMBER)
    login = enrolled.people()[NUMBER]["mail"][0]
    with door(enrolled, throttle={"account": "4/5m"}) as at:
        for who in (NUMBER, f"e{NUMBER}", login, login.upper()):
            assert at.reason(who=who) == "password"
        refusal = at.refusal(password)
        assert refusal.reason == "throttled_account"
        assert refusal.wait is None  # or it would tell that these are one account's names


def test_known_or_not_a_name_is_told_to_wait_after_as_many_tries(enrolled: Walk) -> None:
    with door(enrolled, throttle={"account": "3/5m"}) as at:
        for who in (NUMBER, NOBODY):
            first = [at.refusal(who=who) for _ in range(3)]
            last = at.refusal(who=f" {who.upper()}")
            assert {one.wait for one in first} == {None}
            assert last.reason == "throttled_account"
            assert last.wait is not None
            assert 290 < last.wait <= 300


def test_failures_from_one_address(enrolled: Walk) -> None:
    password = enrolled.password(NUMBER)
    with door(enrolled, throttle={"address": "3/5m"}) as at:
        reasons = [at.reason(who=f"nobody{n}") for n in range(4)]
        assert reasons == ["unknown"] * 3 + ["throttled_address"]
        refusal = at.refusal(password)
        assert refusal.wait is not None
        assert 290 < refusal.wait <= 300
        assert at.reason(password, address="192.0.2.8") == ""


@pytest.mark.parametrize(
    ("one", "same", "other"),
    [
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", "2001:db8:0:2::1"),
        ("::ffff:192.0.2.1", "192.0.2.1", "::ffff:192.0.2.2"),
        ("", "not an address", "192.0.2.1"),
    ],
)
def test_what_counts_as_one_address(enrolled: Walk, one: str, same: str, other: str) -> None:
    with door(enrolled, throttle={"address": "1/5m"}) as at:
        assert at.reason(address=one) == "password"
        assert at.reason(address=same) == "throttled_address"
        assert at.reason(address=other) == "password"


def test_failures_in_all(enrolled: Walk) -> None:
    with door(enrolled, throttle={"total": "3/5m"}) as at:
        reasons = [at.reason(who=f"nobody{n}", address=f"198.{n}.2.1") for n in range(4)]
        assert reasons == ["unknown"] * 3 + ["throttled_total"]


@pytest.mark.parametrize(
    ("near", "refused_after"),
    [
        pytest.param(lambda n: "192.0.2.7", 2, id="one address"),
        pytest.param(lambda n: f"192.0.2.{n}", 2, id="one /24"),
        pytest.param(lambda n: f"192.0.{n}.1", 5, id="one /16"),
        pytest.param(lambda n: f"2001:db8:1:{n:x}::1", 2, id="one /48"),
        pytest.param(lambda n: f"2001:db8:{n:x}::1", 5, id="one /32"),
    ],
)
def test_nobody_alone_uses_up_what_all_have(
    enrolled: Walk, near: Callable[[int], str], refused_after: int
) -> None:
    with door(enrolled, throttle={"total": "10/5m"}) as at:
        reasons = [at.reason(who=f"nobody{n}", address=near(n)) for n in range(20)]
        assert reasons[:refused_after] == ["unknown"] * refused_after
        assert set(reasons[refused_after:]) == {"throttled_network"}
        assert at.reason(enrolled.password(NUMBER), address="203.0.113.9") == ""


def test_what_is_good_uses_nothing_up(enrolled: Walk) -> None:
    password = enrolled.password(NUMBER)
    with door(enrolled, throttle={"account": "2/5m", "address": "2/5m", "total": "10/5m"}) as at:
        assert at.reason() == "password"
        for _ in range(5):
            at.enter(password)
        assert [at.reason(), at.reason(password)] == ["password", "throttled_address"]


SPELLED = {
    "full width": "".join(chr(ord(sign) + 0xFEE0) for sign in NUMBER),
    "mathematical digits": "".join(chr(0x1D7CE + int(sign)) for sign in NUMBER),
    "blanks": f"  {NUMBER}\u00a0",
    "soft hyphens": "\u00ad".join(NUMBER),
    "joiners": f"\u200b{NUMBER}\ufeff",
    "uid in full width": f"\uff25{NUMBER}",
    "uid in capitals": f"E{NUMBER}",
}


@pytest.mark.parametrize("who", SPELLED.values(), ids=SPELLED.keys())
def test_a_spelling_names_the_same_account_and_counts_as_it(enrolled: Walk, who: str) -> None:
    usual = NUMBER if who.strip("\u00ad")[0] not in "E\uff25" else f"e{NUMBER}"
    with door(enrolled, throttle={"account": "1/5m"}) as at:
        assert at.enter(enrolled.password(NUMBER), who).student_number == NUMBER
        assert at.reason(who=who) == "password"
        assert at.refusal(who=usual).wait is not None  # by the name, not only by the account


# --- locking others out -------------------------------------------------------------------------


def numbers(count: int) -> list[str]:
    return [str(int(NUMBER) + n) for n in range(count)]


def locked(walk: Walk) -> list[str]:
    return [n for n, one in walk.people().items() if "pwdAccountLockedTime" in one]


def test_an_address_cannot_lock_more_than_a_few_accounts(walk: Walk) -> None:
    walk.synced(students(8))
    with door(walk, throttle={"accounts": "2/1h", "address": "100/5m"}) as at:
        reasons = [[at.reason(who=who) for _ in range(6)] for who in numbers(8)]
        assert reasons == [["password"] * 6] * 2 + [["throttled_accounts"] * 6] * 6
        assert locked(walk) == numbers(2)
        refused = at.refusal(who=numbers(8)[5])
        assert refused.wait is None  # as for a wrong password: else it tells that there is one
        assert at.reason(who=NOBODY) == "unknown"
        elsewhere = at.enter(walk.password(numbers(8)[7]), numbers(8)[7], address="203.0.113.9")
        assert elsewhere.student_number == numbers(8)[7]


def test_who_gets_in_at_last_has_failed_at_no_account(walk: Walk) -> None:
    """A campus behind one address, whose students mistype before they get in."""
    walk.synced(students(8))
    with door(walk, throttle={"accounts": "2/1h"}) as at:
        for who in numbers(8):
            assert at.reason(who=who) == "password"
            at.enter(walk.password(who), who)
        assert at.refused == {"password": 8}


def test_an_address_that_many_share_is_not_bound_by_accounts(walk: Walk) -> None:
    walk.synced(students(8))
    throttle = {"accounts": "2/1h", "shared_addresses": ["192.0.2.0/24", "2001:db8::/32"]}
    with door(walk, throttle=throttle) as at:
        assert {at.reason(who=who) for who in numbers(8)} == {"password"}
        assert {at.reason(who=who, address="2001:db8:1::1") for who in numbers(8)} == {"password"}
        reasons = [at.reason(who=who, address="203.0.113.9") for who in numbers(3)]
        assert reasons == ["password", "password", "throttled_accounts"]


def test_a_window_moves_on(enrolled: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    with door(enrolled, throttle={"account": "1/5m"}) as at:
        assert [at.reason(), at.reason()] == ["password", "throttled_account"]
        later = instant() + timedelta(minutes=5)
        monkeypatch.setattr(guard, "instant", lambda: later)
        assert at.reason(enrolled.password(NUMBER)) == ""


def test_other_questions_are_counted_apart(enrolled: Walk) -> None:
    with door(enrolled, throttle={"account": "2/5m", "address": "3/5m"}) as at:
        counting = at.portal.guard
        for _ in range(2):
            counting.count("forgotten", "192.0.2.7", NUMBER)
        with pytest.raises(NotLetIn) as by_name:
            counting.count("forgotten", "192.0.2.7", NUMBER)
        counting.count("forgotten", "192.0.2.7")
        with pytest.raises(NotLetIn) as by_address:
            counting.count("forgotten", "192.0.2.7")
        assert by_name.value.reason == "throttled_account"
        assert by_address.value.reason == "throttled_address"
        assert by_name.value.wait
        assert at.reason() == "password"


# --- one at a time ------------------------------------------------------------------------------


def test_whoever_died_while_trying_is_not_waited_for_for_ever(
    enrolled: Walk, at: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "FOR_ANOTHER", 0.0)
    longest = guard.longest_bind(at.portal.settings.directory)
    assert longest > timedelta(seconds=5 + 30 + 30)
    died = instant() - longest
    assert at.portal.journal.enter(f"account:{NUMBER}", "dead", died, died + 2 * longest)
    password = enrolled.password(NUMBER)
    with pytest.raises(Busy):
        at.enter(password)
    assert at.kept("tries", "key") == []  # there was no verdict
    monkeypatch.setattr(guard, "instant", lambda: died + 2 * longest + timedelta(seconds=1))
    assert at.reason(password) == ""


def test_strangers_names_wait_for_each_other_as_students_do(
    at: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "FOR_ANOTHER", 0.0)
    now = instant()
    name = at.portal.guard._name(guard.SIGN_IN, NOBODY)
    assert at.portal.journal.enter(name, "another", now, now + timedelta(minutes=1))
    with pytest.raises(Busy):
        at.enter(WRONG, NOBODY)


def test_a_full_window_waits_for_what_is_in_hand(
    enrolled: Walk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that may turn out to be good shuts nobody out."""
    lets_in, asked, goes_on = bound.lets_in, threading.Event(), threading.Event()

    def slow(*given: Any) -> bool:
        asked.set()
        assert goes_on.wait(20)
        return lets_in(*given)

    monkeypatch.setattr(bound, "lets_in", slow)
    password = enrolled.password(NUMBER)
    with door(enrolled, throttle={"address": "1/5m"}) as at:
        two = [threading.Thread(target=at.reason, args=(password,)) for _ in range(2)]
        for thread in two:
            thread.start()
        assert asked.wait(20)
        goes_on.set()
        for thread in two:
            thread.join(20)
        assert (at.let_in, at.refused) == (2, {})


# --- no verdict ---------------------------------------------------------------------------------


def test_without_a_journal_nothing_is_tried(
    enrolled: Walk, at: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified, password = Verified(monkeypatch), enrolled.password(NUMBER)
    drop_tries(at)
    for given in (password, WRONG):
        with pytest.raises(JournalUntrusted):
            at.enter(given)
    assert verified.answers == []
    assert (at.let_in, at.refused) == (0, {})


def test_a_journal_that_goes_away_meanwhile_lets_nobody_in(
    enrolled: Walk, at: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    password, lets_in = enrolled.password(NUMBER), bound.lets_in

    def last(*given: Any) -> bool:
        drop_tries(at)
        return lets_in(*given)

    monkeypatch.setattr(bound, "lets_in", last)
    with pytest.raises(JournalUntrusted):
        at.enter(password)
    assert at.let_in == 0


def test_without_a_directory_there_is_no_verdict_and_nothing_is_counted(
    enrolled: Walk, at: Door
) -> None:
    password = enrolled.password(NUMBER)
    enrolled.directory.stop()
    for who in (NUMBER, NOBODY):
        with pytest.raises(DirectoryUntrusted):
            at.enter(password, who)
    enrolled.directory.start()
    assert at.kept("tries", "key") == at.kept("entrances", "account") == []
    assert at.reason(password) == ""


# --- what a stranger, or a reader of the log, can learn ------------------------------------------


def test_one_line_says_who_came_in_and_who_did_not(enrolled: Walk) -> None:
    password = enrolled.password(NUMBER)
    with door(enrolled) as at:
        at.enter(password)
        at.reason()
        at.reason(who=NOBODY)
    names = ("event", "reason", "address", "student_number")
    lines = [one for one in log_lines(enrolled) if "sign" in one["event"]]
    assert [tuple(one.get(name) for name in names) for one in lines] == [
        ("signed in", None, "192.0.2.7", NUMBER),
        ("sign-in refused", "password", "192.0.2.7", NUMBER),
        ("sign-in refused", "unknown", "192.0.2.7", None),
    ]


def test_what_was_typed_stands_nowhere(enrolled: Walk, at: Door) -> None:
    typed = "Papillon-1974"  # a password in the wrong field
    at.reason(typed, typed)
    at.reason(typed)
    folder = enrolled.workspace.folder
    assert "sign-in refused" in (folder / "scolpass.log").read_text()
    for file in (folder / "scolpass.log", *folder.glob("journal.db*")):
        with suppress(FileNotFoundError):
            assert typed.casefold().encode() not in file.read_bytes().lower(), file


def test_refusals_leave_on_a_grid() -> None:
    began = 1234.5678
    leaving = [
        (took, took + seconds_to_wait(began, began + took)) for took in (0.0, 0.03, 0.2, 0.49, 0.51)
    ]
    assert [left for _, left in leaving] == pytest.approx([0.5, 0.5, 0.5, 0.5, 1.0])
    assert all(0 < left - took <= REFUSAL_SECONDS for took, left in leaving)
