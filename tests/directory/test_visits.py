"""The first connection without its pages: steps, sessions, links, on a real directory."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from connector.activation import guard, links, visits
from connector.activation.links import CONFIRM, RESET
from connector.activation.visits import IDLE, LONGEST, Step
from connector.clock import instant
from connector.desk import account as desk
from connector.edges.ldap import student
from connector.edges.tokens import draw_token, fingerprint
from connector.errors import DirectoryUntrusted, InvalidInput, LinkOver, SessionOver
from tests.support.desk import activate, binds, recorded, states, take
from tests.support.events import NUMBER, PASSWORD
from tests.support.visits import (
    NEW,
    Opening,
    again,
    begin,
    change_own,
    confirmed,
    enter,
    give_all,
    sent,
    settle,
    sql,
)
from tests.support.waiting import wait_for_the_next_second
from tests.support.walk import Walk, students

# --- the steps ------------------------------------------------------------------------------------


def test_each_step_leads_to_the_next_and_the_account_is_active(
    open_portal: Opening, walk: Walk
) -> None:
    portal = open_portal()
    visit = begin(portal, walk)
    assert visit.next is Step.BACKUP_MAIL
    visits.give_backup_mail(portal, visit, " lea@laposte.net ")
    visit = again(portal, visit.token)
    assert (visit.next, visit.missing) == (Step.CHARTER, ("password_changed", "charter"))
    visits.accept_charter(portal, visit)
    visit = again(portal, visit.token)
    assert visit.next is Step.FORWARDING
    visits.give_forwarding(portal, visit, "lea@gmail.com", keep_copy=True)
    visit = again(portal, visit.token)
    assert visit.next is Step.PASSWORD
    token = visits.change_password(portal, visit, NEW, NEW)
    visit = again(portal, token)
    assert (visit.next, visit.missing) == (Step.DONE, ())
    settle(walk)
    assert states(walk)[0].startswith("{COMPTE}A:SupannActif:")
    entry = walk.person(NUMBER)
    assert entry["supannMailPrive"] == ["{SECOURS}lea@laposte.net"]
    assert set(entry["mailForwardingAddress"]) == {
        "p22600001.n22600001@mailbox.etu.umontpellier.fr",
        "lea@gmail.com",
    }
    assert binds(walk, password=NEW)
    assert again(portal, token).active


def test_who_signs_in_again_goes_on_where_she_was(open_portal: Opening, walk: Walk) -> None:
    portal = open_portal()
    visit = begin(portal, walk)
    visits.give_backup_mail(portal, visit, "lea@laposte.net")
    visits.accept_charter(portal, visit)
    settle(walk)
    visit = begin(portal, walk)
    assert visit.next is Step.BACKUP_MAIL  # to be confirmed: anybody may have had the letter
    assert visit.current("backup_mail") == "lea@laposte.net"
    visits.give_backup_mail(portal, visit, visit.current("backup_mail"))
    visit = again(portal, visit.token)
    assert visit.next is Step.CHARTER  # nobody accepts it for another
    visits.accept_charter(portal, visit)
    visits.give_forwarding(portal, again(portal, visit.token), "", keep_copy=False)
    settle(walk)
    visit = again(portal, visit.token)
    assert (visit.next, visit.to_confirm) == (Step.PASSWORD, ())


def test_who_has_changed_her_password_elsewhere_gives_what_is_missing(
    open_portal: Opening, walk: Walk
) -> None:
    portal = open_portal()
    visit = begin(portal, walk)
    visits.change_password(portal, visit, NEW, NEW)
    visit = again(portal, enter(portal, walk, SecretStr(NEW)))
    assert Step.PASSWORD not in visit.steps
    assert visit.next is Step.BACKUP_MAIL


def test_nothing_that_another_gave_is_there_for_who_changed_the_password_elsewhere(
    open_portal: Opening, walk: Walk
) -> None:
    portal = open_portal()
    finder = begin(portal, walk)
    visits.give_backup_mail(portal, finder, "finder@example.org")
    visits.accept_charter(portal, finder)
    visits.give_forwarding(portal, finder, "finder@example.org", keep_copy=True)
    change_own(walk, walk.password(NUMBER), NEW)
    settle(walk)
    token = enter(portal, walk, SecretStr(NEW))
    visit = again(portal, token)
    assert (visit.next, visit.to_confirm, visit.stood) == (Step.BACKUP_MAIL, (), {})
    visits.give_backup_mail(portal, visit, "lea@laposte.net")
    visits.accept_charter(portal, again(portal, token))
    visits.give_forwarding(portal, again(portal, token), "", keep_copy=False)
    assert again(portal, token).next is Step.DONE
    settle(walk)
    entry = walk.person(NUMBER)
    assert entry["supannMailPerso"] == ["lea@laposte.net"]
    assert "mailForwardingAddress" not in entry
    assert again(portal, enter(portal, walk, SecretStr(NEW))).next is Step.DONE  # asked once


def test_an_earlier_step_can_be_made_again_and_the_latest_stands(
    open_portal: Opening, walk: Walk
) -> None:
    portal = open_portal()
    visit = begin(portal, walk)
    visits.give_backup_mail(portal, visit, "lea@laposte.net")
    visits.give_backup_mail(portal, again(portal, visit.token), "lea@orange.fr")
    assert again(portal, visit.token).current("backup_mail") == "lea@orange.fr"
    visits.change_password(portal, confirmed(portal, visit.token), NEW, NEW)
    settle(walk)
    assert walk.person(NUMBER)["supannMailPrive"] == ["{SECOURS}lea@orange.fr"]


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("", "missing"),
        ("  ", "missing"),
        ("lea", "no_address"),
        ("léa@laposte.net", "no_address"),
        ("lea@laposte.net\r\nBcc: x@y.org", "no_address"),
        ("lea@laposte.net,x@y.org", "no_address"),
        ("lea@etu.umontpellier.fr", "inside"),
        ("lea@sub.UMontpellier.fr", "inside"),
        ("lea@sub.UMontpellier.fr.", "no_address"),
    ],
)
def test_an_address_that_will_not_do_is_refused(
    open_portal: Opening, walk: Walk, address: str, reason: str
) -> None:
    portal = open_portal()
    visit = begin(portal, walk)
    with pytest.raises(InvalidInput) as refused:
        visits.give_backup_mail(portal, visit, address)
    assert refused.value.reason == reason
    assert again(portal, visit.token).next is Step.BACKUP_MAIL


@pytest.mark.parametrize(
    ("new", "typed_again", "field"),
    [
        ("", "", "new_password"),
        ("a1", "a1", "new_password"),
        (NEW, NEW + "x", "new_password_again"),
        (NEW, "", "new_password_again"),
    ],
)
def test_a_password_that_will_not_do_changes_nothing(
    open_portal: Opening, walk: Walk, new: str, typed_again: str, field: str
) -> None:
    portal = open_portal()
    visit = begin(portal, walk)
    with pytest.raises(InvalidInput) as refused:
        visits.change_password(portal, visit, new, typed_again)
    assert refused.value.field == field
    assert binds(walk, password=walk.password(NUMBER))


def test_a_change_that_is_sent_twice_is_made_once(open_portal: Opening, walk: Walk) -> None:
    portal = open_portal()
    visit = begin(portal, walk)
    with ThreadPoolExecutor(4) as clicks:
        made = [clicks.submit(visits.change_password, portal, visit, NEW, NEW) for _ in range(4)]
    assert all(isinstance(one.result(), str) for one in made)
    assert binds(walk, password=NEW)


def test_the_provisional_password_is_not_kept(open_portal: Opening, walk: Walk) -> None:
    walk.workspace.configure(
        {"password": {"provisional": {"length": 10, "alphabet": "abcdefghijk23456789"}}}
    )
    portal = open_portal()
    walk.synced(students(3))
    visit = begin(portal, walk, "22600003")
    old = walk.password("22600003")
    with pytest.raises(InvalidInput):
        visits.change_password(portal, visit, old, old)


# --- sessions -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "age"), [("used_at", IDLE), ("opened_at", LONGEST)], ids=["idle", "long"]
)
def test_a_session_ends(open_portal: Opening, walk: Walk, column: str, age: timedelta) -> None:
    portal = open_portal()
    visit = begin(portal, walk)
    before = datetime.now(UTC) - age - timedelta(seconds=5)
    sql(portal, f"UPDATE sessions SET {column} = :at", at=f"{before:%Y-%m-%dT%H:%M:%SZ}")  # noqa: S608
    assert visits.visit(portal, visit.token) is None
    assert visits.visit(portal, visit.token) is None


def test_what_is_over_is_forgotten(open_portal: Opening, walk: Walk) -> None:
    portal = open_portal(verify_backup_mail=True)
    visits.give_backup_mail(portal, begin(portal, walk), "lea@laposte.net")
    visits.forget(portal.journal, portal.moment().now)
    assert sql(portal, "SELECT count(*) FROM sessions") == [1]
    assert sql(portal, "SELECT count(*) FROM links") == [1]
    visits.forget(portal.journal, portal.moment().now + timedelta(days=1))
    assert sql(portal, "SELECT count(*) FROM sessions") == [0]
    assert sql(portal, "SELECT count(*) FROM links") == [0]


def test_a_session_ends_with_a_suspension(open_portal: Opening, walk: Walk) -> None:
    portal = open_portal()
    visit = begin(portal, walk)
    take(walk, desk.suspend)
    assert visits.visit(portal, visit.token) is None


def test_a_change_of_password_ends_all_other_sessions(open_portal: Opening, walk: Walk) -> None:
    portal = open_portal()
    other, visit = begin(portal, walk), begin(portal, walk)
    token = visits.change_password(portal, visit, NEW, NEW)
    assert token != visit.token
    assert visits.visit(portal, other.token) is None
    assert visits.visit(portal, visit.token) is None
    assert visits.visit(portal, token) is not None


def test_a_password_that_was_reissued_meanwhile_opens_nothing(
    open_portal: Opening, walk: Walk
) -> None:
    portal = open_portal()
    visit = begin(portal, walk)
    take(walk, desk.reissue)
    with pytest.raises(SessionOver):
        visits.change_password(portal, visit, NEW, NEW)
    assert visits.visit(portal, visit.token) is None


def test_the_journal_alone_neither_opens_a_session_nor_shows_a_password(
    open_portal: Opening, walk: Walk
) -> None:
    portal = open_portal()
    visit = begin(portal, walk)
    assert visits.visit(portal, fingerprint(visit.token)) is None
    assert visits.visit(portal, draw_token()) is None
    session = portal.journal.session(fingerprint(visit.token))
    assert session is not None
    kept = repr(session).encode() + (session.sealed or b"")
    assert visit.token.encode() not in kept
    assert walk.password(NUMBER).encode() not in kept


# --- links ----------------------------------------------------------------------------------------


def test_a_backup_mail_counts_once_its_link_has_been_followed(
    open_portal: Opening, walk: Walk
) -> None:
    portal = open_portal(verify_backup_mail=True)
    visit = begin(portal, walk)
    token = give_all(portal, visit)
    settle(walk)
    visit = again(portal, token)
    assert (visit.next, visit.missing) == (Step.DONE, ("backup_mail",))
    assert states(walk)[0].startswith("{COMPTE}I:SupannCree:")
    link = sent(portal, CONFIRM)
    for _ in range(2):  # a mail scanner looks at it
        links.follow(portal, link, CONFIRM)
    links.confirm(portal, link)
    settle(walk)
    assert walk.person(NUMBER)["supannMailPrive"] == ["{SECOURS}lea@laposte.net"]
    assert states(walk)[0].startswith("{COMPTE}A:SupannActif:")
    with pytest.raises(LinkOver):
        links.confirm(portal, link)


def test_a_link_is_good_until_the_end_of_its_day(open_portal: Opening, walk: Walk) -> None:
    portal = open_portal(verify_backup_mail=True)
    visits.give_backup_mail(portal, begin(portal, walk), "lea@laposte.net")
    [until] = sql(portal, "SELECT expires_at FROM links")
    local = datetime.fromisoformat(until).astimezone(portal.rules.institution.zone)
    assert (local.date(), f"{local:%H:%M}") == (portal.moment().today, "23:59")
    sql(portal, "UPDATE links SET expires_at = '2026-01-01T00:00:00Z'")
    with pytest.raises(LinkOver):
        links.confirm(portal, sent(portal, CONFIRM))


def test_another_address_makes_the_first_link_worthless(open_portal: Opening, walk: Walk) -> None:
    portal = open_portal(verify_backup_mail=True)
    visit = begin(portal, walk)
    visits.give_backup_mail(portal, visit, "lea@laposte.net")
    first = sent(portal, CONFIRM)
    visits.give_backup_mail(portal, visit, "lea@orange.fr")
    with pytest.raises(LinkOver):
        links.confirm(portal, first)
    links.confirm(portal, sent(portal, CONFIRM))
    visits.change_password(portal, confirmed(portal, visit.token), NEW, NEW)
    settle(walk)
    assert walk.person(NUMBER)["supannMailPrive"] == ["{SECOURS}lea@orange.fr"]


def test_nobody_has_mail_poured_over_somebody(open_portal: Opening, walk: Walk) -> None:
    portal = open_portal(verify_backup_mail=True, throttle={"account": "2/5m"})
    visit = begin(portal, walk)
    for _ in range(2):
        visits.give_backup_mail(portal, visit, "lea@laposte.net")
    with pytest.raises(InvalidInput, match="too_often"):
        visits.give_backup_mail(portal, visit, "lea@laposte.net")


def test_a_link_that_was_not_sent_opens_nothing(open_portal: Opening, walk: Walk) -> None:
    portal = open_portal(verify_backup_mail=True)
    visits.give_backup_mail(portal, begin(portal, walk), "lea@laposte.net")
    identity, _, signature = sent(portal, CONFIRM).partition(".")
    forged = (identity, f"{identity}.", f"{identity}.{signature[:-1]}", f".{signature}", "", "é.é")
    for link in forged:
        with pytest.raises(LinkOver):
            links.confirm(portal, link)
    with pytest.raises(LinkOver):  # nor one that was sent for something else
        links.reset(portal, f"{identity}.{signature}", NEW, NEW)


def test_a_forgotten_password_is_chosen_anew(open_portal: Opening, walk: Walk) -> None:
    portal = open_portal()
    activate(walk, NUMBER)
    links.forgotten(portal, NUMBER, "192.0.2.7")
    link = sent(portal, RESET)
    with pytest.raises(InvalidInput):
        links.reset(portal, link, "a1", "a1")
    assert binds(walk)
    links.reset(portal, link, NEW, NEW)
    assert binds(walk, password=NEW)
    assert not binds(walk)
    assert states(walk)[0].startswith("{COMPTE}A:SupannActif:")
    assert "pwdReset" not in walk.person(NUMBER)
    [(actor, reason)] = recorded(walk, "reissue")
    assert actor == "student"
    assert reason.endswith("password forgotten: a link to the backup mail")
    with pytest.raises(LinkOver):
        links.reset(portal, link, NEW + "x", NEW + "x")
    walk.sync()
    walk.writes_nothing()
    walk.invariants().check()


def test_a_link_dies_with_any_change_of_the_password(open_portal: Opening, walk: Walk) -> None:
    portal = open_portal()
    activate(walk, NUMBER)
    links.forgotten(portal, NUMBER, "192.0.2.7")
    link = sent(portal, RESET)
    wait_for_the_next_second()  # than pwdChangedTime has now
    change_own(walk, PASSWORD, "Fourmi-travaille-1668")
    with pytest.raises(LinkOver):
        links.reset(portal, link, NEW, NEW)
    assert binds(walk, password="Fourmi-travaille-1668")


def test_another_link_leaves_the_first_one_good(open_portal: Opening, walk: Walk) -> None:
    portal = open_portal()
    activate(walk, NUMBER)
    for _ in range(2):
        links.forgotten(portal, NUMBER, "192.0.2.7")
    first, second = (
        f"{one}.{portal.links.sign(one)}" for one in sql(portal, "SELECT id FROM links")
    )
    links.reset(portal, first, NEW, NEW)
    assert binds(walk, password=NEW)
    with pytest.raises(LinkOver):  # the password was changed
        links.reset(portal, second, NEW + "x", NEW + "x")


def test_a_student_is_sent_a_few_links_a_day_however_they_are_asked_for(
    open_portal: Opening, walk: Walk, monkeypatch: pytest.MonkeyPatch
) -> None:
    portal = open_portal()
    activate(walk, NUMBER)
    login = walk.person(NUMBER)["supannAliasLogin"][0]
    wide = "".join(chr(ord(sign) + 0xFEE0) for sign in NUMBER)
    for n, who in enumerate((NUMBER, f"e{NUMBER}", login, login.upper(), wide, f"\u00ad{NUMBER}")):
        links.forgotten(portal, who, f"198.{n}.0.1")
    assert sql(portal, "SELECT count(*) FROM links") == [3]
    later = instant() + timedelta(days=1)
    monkeypatch.setattr(guard, "instant", lambda: later)
    links.forgotten(portal, NUMBER, "192.0.2.7")
    assert sql(portal, "SELECT count(*) FROM links") == [4]


@pytest.mark.parametrize("who", ["inactive", "suspended", "nobody"])
def test_who_has_no_account_in_use_is_sent_nothing(
    open_portal: Opening, walk: Walk, who: str
) -> None:
    portal = open_portal()
    if who == "suspended":
        activate(walk, NUMBER)
        take(walk, desk.suspend)
    links.forgotten(portal, "22699999" if who == "nobody" else NUMBER, "192.0.2.7")
    assert sql(portal, "SELECT count(*) FROM links") == [0]


def test_a_reset_that_failed_in_the_middle_can_be_made_again(
    open_portal: Opening, walk: Walk, monkeypatch: pytest.MonkeyPatch
) -> None:
    portal = open_portal()
    activate(walk, NUMBER)
    links.forgotten(portal, NUMBER, "192.0.2.7")
    link = sent(portal, RESET)

    def away(*_: object) -> None:
        raise DirectoryUntrusted("the directory went away")

    with monkeypatch.context() as patched:
        patched.setattr(student, "change_password", away)
        with pytest.raises(DirectoryUntrusted):
            links.reset(portal, link, NEW, NEW)
    links.reset(portal, link, NEW, NEW)
    assert binds(walk, password=NEW)
