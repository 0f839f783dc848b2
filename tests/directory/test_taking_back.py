"""A reissue takes the account back: what its former holder opened, was sent or gave works no more.

The attacks, each on a real directory: by an old letter, an old session, an old link, an old backup
mail, an event that comes late, and by whoever changed the password first.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from connector.activation import links, visits
from connector.activation.holding import SECOND_OVER
from connector.activation.links import CONFIRM, RESET
from connector.activation.portal import Portal
from connector.activation.visits import Step, Visit
from connector.core.evidence import zulu
from connector.core.model import Moment
from connector.desk import account as desk
from connector.edges.journal.holders import FORGOTTEN
from connector.errors import InvalidInput, LinkOver, ScolpassError, SessionOver
from connector.inbox import events
from connector.notify import due
from tests.support.desk import activate, binds, states, take, undo
from tests.support.events import CHARTER, NUMBER, PASSWORD, Inbox, activation, event
from tests.support.visits import (
    FINDER,
    NEW,
    OWN,
    Opening,
    again,
    begin,
    change_own,
    enter,
    sent,
    settle,
    sql,
)
from tests.support.walk import Walk, students


@pytest.fixture(params=["inactive", "active"])
def portal(request: pytest.FixtureRequest, open_portal: Opening, walk: Walk) -> Portal:
    """A portal, and an account that was never activated, or is in use."""
    opened = open_portal()
    if request.param == "active":
        activate(walk, NUMBER, backup_mail=OWN)
    return opened


def reissued(walk: Walk) -> SecretStr:
    """The password that the desk hands out."""
    return take(walk, desk.reissue)[1]  # type: ignore[no-any-return]


def evidence_of(walk: Walk) -> set[str]:
    """Which attributes hold what a student gives."""
    names = {"supannMailPrive", "supannMailPerso", "scolpassCharter", "mailForwardingAddress"}
    return names & walk.person(NUMBER).keys()


def holder(portal: Portal, walk: Walk, password: SecretStr) -> Visit:
    """Somebody who has this password signs in."""
    return again(portal, enter(portal, walk, password))


# --- old sessions ---------------------------------------------------------------------------------


def suspended(walk: Walk) -> None:
    take(walk, desk.suspend)


def suspended_and_resumed(walk: Walk) -> None:
    take(walk, desk.suspend)
    take(walk, desk.resume)


def reissued_twice(walk: Walk) -> None:
    reissued(walk)
    reissued(walk)


def cancelled(walk: Walk) -> None:
    walk.synced(students(2, status="annulée"))


def cancelled_and_valid_again(walk: Walk) -> None:
    cancelled(walk)
    walk.synced(students(2))


ENDS = [reissued, reissued_twice, suspended, suspended_and_resumed, cancelled]
ENDS += [cancelled_and_valid_again]


@pytest.mark.parametrize("end", ENDS)
def test_what_was_open_is_closed(portal: Portal, walk: Walk, end: Callable[[Walk], Any]) -> None:
    password = SecretStr(walk.password(NUMBER) if not binds(walk) else PASSWORD)
    tokens = [enter(portal, walk, password) for _ in range(3)]
    for token in tokens:
        again(portal, token)
    end(walk)
    assert [visits.visit(portal, token) for token in tokens] == [None] * 3
    assert sql(portal, "SELECT count(*) FROM sessions") == [0]


@pytest.mark.parametrize("twice", [False, True])
def test_a_password_changed_elsewhere_ends_every_session(
    portal: Portal, walk: Walk, twice: bool
) -> None:
    old = walk.password(NUMBER) if not binds(walk) else PASSWORD
    tokens = [enter(portal, walk, SecretStr(old)) for _ in range(2)]
    change_own(walk, old, NEW)
    if twice:  # and back again, as far as the student is concerned
        change_own(walk, NEW, "Fourmi-travaille-1668")
    assert [visits.visit(portal, token) for token in tokens] == [None, None]


def test_a_change_in_the_very_second_is_seen_once_it_is_over(
    portal: Portal, walk: Walk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """slapd's time has whole seconds: the directory says the same of both passwords."""
    old = walk.password(NUMBER) if not binds(walk) else PASSWORD
    token = visits.change_password(
        portal, again(portal, enter(portal, walk, SecretStr(old))), NEW, NEW
    )
    session = again(portal, token).session
    change_own(walk, NEW, NEW + "x")
    changed = walk.person(NUMBER)["pwdChangedTime"][0]
    portal.journal.keep_in_session(session.id, portal.moment().now, changed=changed)
    later = portal.moment().now + SECOND_OVER + timedelta(seconds=1)
    monkeypatch.setattr(portal, "moment", lambda: Moment(later, later.date()))
    assert visits.visit(portal, token) is None


def test_the_students_own_change_goes_on(
    portal: Portal, walk: Walk, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = walk.password(NUMBER) if not binds(walk) else PASSWORD
    visit = again(portal, enter(portal, walk, SecretStr(old)))
    token = visits.change_password(portal, visit, NEW, NEW)
    again(portal, token)
    settle(walk)
    later = portal.moment().now + SECOND_OVER + timedelta(seconds=1)
    monkeypatch.setattr(portal, "moment", lambda: Moment(later, later.date()))
    again(portal, token)
    assert again(portal, token).session.kept["proven"] is True


def test_a_password_that_was_deleted_ends_the_session(portal: Portal, walk: Walk) -> None:
    old = walk.password(NUMBER) if not binds(walk) else PASSWORD
    token = enter(portal, walk, SecretStr(old))
    dn = walk.person(NUMBER)["dn"][0]
    walk.directory.modify(f"dn: {dn}\nchangetype: modify\ndelete: userPassword\n")
    assert visits.visit(portal, token) is None


def test_a_page_that_was_being_sent_gives_nothing(portal: Portal, walk: Walk) -> None:
    """The former holder's request had been let in when the desk took the account back."""
    old = walk.password(NUMBER) if not binds(walk) else PASSWORD
    visit = again(portal, enter(portal, walk, SecretStr(old)))
    password = reissued(walk)
    visits.give_backup_mail(portal, visit, FINDER)
    visits.give_forwarding(portal, visit, FINDER, keep_copy=False)
    with pytest.raises((SessionOver, InvalidInput)):
        visits.change_password(portal, visit, NEW, NEW)
    settle(walk)
    found = holder(portal, walk, password)
    if states(walk)[0].startswith("{COMPTE}I:"):
        assert evidence_of(walk) == set()
        assert found.stood == {}
    assert found.next is Step.BACKUP_MAIL


# --- what was given before ------------------------------------------------------------------------


def by_the_pages(portal: Portal, walk: Walk) -> None:
    visit = begin(portal, walk)
    visits.give_backup_mail(portal, visit, FINDER)
    visits.accept_charter(portal, visit)
    visits.give_forwarding(portal, visit, FINDER, keep_copy=False)


def by_an_event(portal: Portal, walk: Walk) -> None:
    Inbox(walk).pass_(activation(backup_mail=FINDER, forward_to=FINDER))


def by_an_event_from_the_future(portal: Portal, walk: Walk) -> None:
    Inbox(walk).pass_(activation(backup_mail=FINDER, forward_to=FINDER, charter=CHARTER))
    given = event("backup_mail.changed", minutes=4, backup_mail=FINDER)
    Inbox(walk).submit(given)


def waiting_in_the_inbox(portal: Portal, walk: Walk) -> None:
    with walk.context() as opened:
        events.accept(opened, [("waits", activation(backup_mail=FINDER, forward_to=FINDER))])


def with_another_password(portal: Portal, walk: Walk) -> None:
    """The finder was faster, and has given all but the charter."""
    visit = begin(portal, walk)
    visits.give_backup_mail(portal, visit, FINDER)
    visits.give_forwarding(portal, again(portal, visit.token), FINDER, keep_copy=False)
    visits.change_password(portal, again(portal, visit.token), NEW, NEW)
    settle(walk)


GIVEN = [by_the_pages, by_an_event, by_an_event_from_the_future, waiting_in_the_inbox]
GIVEN += [with_another_password]


@pytest.mark.parametrize("settled", [True, False], ids=["written", "waiting"])
@pytest.mark.parametrize("give", GIVEN)
def test_what_was_given_on_an_account_never_activated_is_forgotten(
    open_portal: Opening,
    walk: Walk,
    give: Callable[[Portal, Walk], None],
    settled: bool,
) -> None:
    portal = open_portal()
    give(portal, walk)
    if settled:
        settle(walk)
        written = {"supannMailPrive"} if give is not by_the_pages else set()
        assert evidence_of(walk) >= written
    password = reissued(walk)
    settle(walk)
    assert evidence_of(walk) == set()
    shown = walk.show(NUMBER)
    assert shown.decision.missing == ("password_changed", "backup_mail", "charter")
    assert {row["status"] for row in Inbox(walk).listed()} <= {"applied", "rejected"}
    visit = holder(portal, walk, password)
    assert (visit.stood, visit.next) == ({}, Step.BACKUP_MAIL)
    walk.sync()
    walk.writes_nothing()
    # Whoever has the new letter activates, and with their own addresses alone.
    visits.give_backup_mail(portal, visit, OWN)
    visits.accept_charter(portal, again(portal, visit.token))
    visits.give_forwarding(portal, again(portal, visit.token), "", keep_copy=False)
    visits.change_password(portal, again(portal, visit.token), NEW + "x", NEW + "x")
    settle(walk)
    found = walk.person(NUMBER)
    assert states(walk)[0].startswith("{COMPTE}A:SupannActif:")
    assert found["supannMailPrive"] == [f"{{SECOURS}}{OWN}"]
    assert "mailForwardingAddress" not in found
    assert FINDER not in str(found)
    links.forgotten(portal, NUMBER, "192.0.2.7")
    assert sql(portal, "SELECT mark FROM links") == [OWN]
    walk.invariants().check()


@pytest.mark.parametrize("minutes", [-5, -0.1])
def test_an_event_that_comes_late_gives_nothing(
    open_portal: Opening, walk: Walk, minutes: float
) -> None:
    portal = open_portal()
    inbox = Inbox(walk)
    late = activation(backup_mail=FINDER, forward_to=FINDER, minutes=minutes)
    password = reissued(walk)
    inbox.passed(late)
    assert inbox.status(late) == ("rejected", FORGOTTEN)
    assert evidence_of(walk) == set()
    assert holder(portal, walk, password).stood == {}
    with walk.context() as opened:
        events.retry(opened, late["id"], "they insist")
    assert inbox.status(late) == ("rejected", FORGOTTEN)
    new = activation(backup_mail=OWN)
    new["time"] = zulu(datetime.now(UTC))
    inbox.passed(new)
    assert inbox.status(new) == ("applied", None)
    assert walk.person(NUMBER)["supannMailPrive"] == [f"{{SECOURS}}{OWN}"]


@pytest.mark.parametrize("given_back", [False, True])
def test_an_event_that_comes_after_the_purge_gives_nothing_either(
    walk: Walk, given_back: bool
) -> None:
    """The reissue took the account back; that its entry goes, or comes back, changes nothing."""
    walk.synced(students(2))
    inbox = Inbox(walk)
    late = activation(backup_mail=FINDER, forward_to=FINDER, minutes=-5)
    reissued(walk)
    cancelled(walk)
    walk.today += timedelta(days=366)
    purge = walk.sync()
    assert NUMBER not in walk.people()
    if given_back:
        undo(walk, purge.run)
        assert NUMBER in walk.people()
    inbox.passed(late)
    assert inbox.status(late) == ("rejected", FORGOTTEN)


def test_what_was_given_in_an_earlier_life_stands_and_is_asked_about(
    open_portal: Opening, walk: Walk
) -> None:
    """An account that was in use once keeps what stands in its entry: it is confirmed."""
    portal = open_portal()
    activate(walk, NUMBER, backup_mail=OWN, forward_to="old@example.net", keep_copy=True)
    visit = holder(portal, walk, reissued(walk))
    assert states(walk)[0].startswith("{COMPTE}A:SupannActif:")
    assert visit.next is Step.BACKUP_MAIL
    assert visit.to_confirm == (Step.BACKUP_MAIL, Step.FORWARDING)
    assert (visit.current("backup_mail"), visit.current("forwarding"), visit.keeps_copy) == (
        OWN,
        "old@example.net",
        True,
    )


@pytest.mark.parametrize("confirmed", [(), (Step.BACKUP_MAIL,), (Step.FORWARDING,)])
def test_the_password_waits_until_what_stands_is_confirmed(
    open_portal: Opening, walk: Walk, confirmed: tuple[Step, ...]
) -> None:
    portal = open_portal()
    activate(walk, NUMBER, backup_mail=FINDER, forward_to=FINDER)
    password = reissued(walk)
    visit = holder(portal, walk, password)
    if Step.BACKUP_MAIL in confirmed:
        visits.give_backup_mail(portal, visit, OWN)
    if Step.FORWARDING in confirmed:
        visits.give_forwarding(portal, visit, "", keep_copy=False)
    visit = again(portal, visit.token)
    with pytest.raises(InvalidInput, match="confirm_first"):
        visits.change_password(portal, visit, NEW, NEW)
    assert binds(walk, password=password.get_secret_value())


def test_the_same_letter_in_two_hands(open_portal: Opening, walk: Walk) -> None:
    """No reissue at all: a finder gave an address with the letter that the student then uses."""
    portal = open_portal()
    by_the_pages(portal, walk)
    settle(walk)
    visit = begin(portal, walk)
    assert visit.to_confirm == (Step.BACKUP_MAIL, Step.FORWARDING)
    with pytest.raises(InvalidInput, match="confirm_first"):
        visits.change_password(portal, visit, NEW, NEW)
    visits.give_backup_mail(portal, visit, OWN)
    visits.give_forwarding(portal, again(portal, visit.token), "", keep_copy=False)
    visits.change_password(portal, again(portal, visit.token), NEW, NEW)
    settle(walk)
    assert FINDER not in str(walk.person(NUMBER))


# --- old links ------------------------------------------------------------------------------------


def test_an_old_confirmation_proves_nothing(open_portal: Opening, walk: Walk) -> None:
    portal = open_portal(verify_backup_mail=True)
    visits.give_backup_mail(portal, begin(portal, walk), FINDER)
    link = sent(portal, CONFIRM)
    reissued(walk)
    with pytest.raises(LinkOver):
        links.confirm(portal, link)
    assert sql(portal, "SELECT count(*) FROM links") == [0]


def test_a_confirmation_dies_with_a_password_changed_elsewhere(
    open_portal: Opening, walk: Walk
) -> None:
    portal = open_portal(verify_backup_mail=True)
    visits.give_backup_mail(portal, begin(portal, walk), FINDER)
    change_own(walk, walk.password(NUMBER), NEW)
    with pytest.raises(LinkOver):
        links.confirm(portal, sent(portal, CONFIRM))


@pytest.mark.parametrize("end", [reissued, suspended_and_resumed])
def test_an_old_link_to_a_new_password_opens_nothing(
    open_portal: Opening, walk: Walk, end: Callable[[Walk], Any]
) -> None:
    portal = open_portal()
    activate(walk, NUMBER, backup_mail=FINDER)
    links.forgotten(portal, NUMBER, "192.0.2.7")
    link = sent(portal, RESET)
    end(walk)
    with pytest.raises(LinkOver):
        links.reset(portal, link, NEW, NEW)


def test_a_link_that_meets_a_reissue_is_not_given_back(
    open_portal: Opening, walk: Walk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The desk takes the account back in the middle of a finder's reset."""
    portal = open_portal()
    activate(walk, NUMBER, backup_mail=FINDER)
    links.forgotten(portal, NUMBER, "192.0.2.7")
    link = sent(portal, RESET)
    draw = links._reissue
    handed_out: list[SecretStr] = []

    def overtaken(*given: Any) -> SecretStr:
        drawn = draw(*given)
        handed_out.append(reissued(walk))
        return drawn

    with monkeypatch.context() as patched:
        patched.setattr(links, "_reissue", overtaken)
        with pytest.raises(LinkOver):
            links.reset(portal, link, NEW, NEW)
    with pytest.raises(LinkOver):
        links.reset(portal, link, NEW, NEW)
    sql(portal, "DELETE FROM links")
    links.forgotten(portal, NUMBER, "192.0.2.7")
    assert sql(portal, "SELECT count(*) FROM links") == [0]
    assert binds(walk, password=handed_out[0].get_secret_value())


def test_a_change_of_the_backup_mail_asks_for_nothing_else_while_it_waits(
    open_portal: Opening, walk: Walk
) -> None:
    portal = open_portal()
    activate(walk, NUMBER, backup_mail=FINDER)
    visit = holder(portal, walk, SecretStr(PASSWORD))
    assert visit.next is Step.DONE
    visits.give_backup_mail(portal, visit, OWN)
    assert again(portal, visit.token).next is Step.DONE
    settle(walk)
    assert again(portal, visit.token).next is Step.DONE


def test_a_link_dies_with_a_change_of_the_backup_mail(open_portal: Opening, walk: Walk) -> None:
    portal = open_portal()
    activate(walk, NUMBER, backup_mail=FINDER)
    links.forgotten(portal, NUMBER, "192.0.2.7")
    link = sent(portal, RESET)
    visit = holder(portal, walk, SecretStr(PASSWORD))
    visits.give_backup_mail(portal, visit, OWN)
    with pytest.raises(LinkOver):
        links.reset(portal, link, NEW, NEW)
    links.forgotten(portal, NUMBER, "192.0.2.7")  # not yet written: nor to the former one
    settle(walk)
    links.forgotten(portal, NUMBER, "192.0.2.7")
    assert sql(portal, "SELECT mark FROM links") == [OWN]


# --- a lock that somebody set by hand ---------------------------------------------------------


def locked_by_hand(walk: Walk) -> None:
    """What an administrator of the directory does: no new password may undo it."""
    [dn] = walk.person(NUMBER)["dn"]
    lock = "replace: pwdAccountLockedTime\npwdAccountLockedTime: 000001010000Z\n"
    walk.directory.modify(f"dn: {dn}\nchangetype: modify\n{lock}")


def test_nobody_gets_round_a_lock_that_was_set_by_hand(open_portal: Opening, walk: Walk) -> None:
    portal = open_portal()
    activate(walk, NUMBER, backup_mail=OWN)
    links.forgotten(portal, NUMBER, "192.0.2.7")
    link = sent(portal, RESET)
    token = enter(portal, walk, SecretStr(PASSWORD))
    locked_by_hand(walk)
    assert visits.visit(portal, token) is None
    with pytest.raises(LinkOver):
        links.reset(portal, link, NEW, NEW)
    sql(portal, "DELETE FROM links")
    links.forgotten(portal, NUMBER, "192.0.2.7")
    assert sql(portal, "SELECT count(*) FROM links") == [0]
    with pytest.raises(ScolpassError, match=r"locked the account.*delete pwdAccountLockedTime"):
        take(walk, desk.reissue)
    walk.sync()
    assert "pwdAccountLockedTime" in walk.person(NUMBER)
    assert not binds(walk, password=PASSWORD)


# --- old backup mails -----------------------------------------------------------------------------


def test_no_link_goes_to_an_address_that_the_holder_has_not_confirmed(
    open_portal: Opening, walk: Walk
) -> None:
    portal = open_portal()
    activate(walk, NUMBER, backup_mail=FINDER)

    def mailed() -> list[str]:
        sql(portal, "DELETE FROM links")
        links.forgotten(portal, NUMBER, "192.0.2.7")
        return sql(portal, "SELECT mark FROM links")

    assert mailed() == [FINDER]
    password = reissued(walk)
    assert mailed() == []  # it was never the new holder's word
    Inbox(walk).pass_(event("backup_mail.changed", backup_mail=FINDER, minutes=-1))
    assert mailed() == []
    visit = holder(portal, walk, password)
    visits.give_backup_mail(portal, visit, OWN)
    settle(walk)
    assert mailed() == []  # as long as the letter alone says so
    visit = again(portal, visit.token)
    assert visit.to_confirm == ()
    visits.change_password(portal, visit, NEW, NEW)
    settle(walk)
    assert mailed() == [OWN]


def test_an_address_given_by_a_letter_is_mailed_nothing_where_another_changed_the_password(
    open_portal: Opening, walk: Walk
) -> None:
    portal = open_portal()
    visit = begin(portal, walk)
    visits.give_backup_mail(portal, visit, FINDER)
    visits.accept_charter(portal, visit)
    change_own(walk, walk.password(NUMBER), NEW)
    settle(walk)
    assert states(walk)[0].startswith("{COMPTE}I:SupannCree:")
    assert evidence_of(walk) == set()
    links.forgotten(portal, NUMBER, "192.0.2.7")
    assert sql(portal, "SELECT count(*) FROM links") == [0]


def test_a_password_chosen_by_a_link_keeps_its_address(open_portal: Opening, walk: Walk) -> None:
    portal = open_portal()
    activate(walk, NUMBER, backup_mail=OWN)
    for new in (NEW, NEW + "x"):
        links.forgotten(portal, NUMBER, "192.0.2.7")
        links.reset(portal, sent(portal, RESET), new, new)
        sql(portal, "DELETE FROM links")
        assert binds(walk, password=new)


# --- who is told ----------------------------------------------------------------------------------


def test_a_password_changed_on_the_pages_is_told_to_the_backup_mail_that_stood(
    open_portal: Opening, walk: Walk
) -> None:
    portal = open_portal()
    activate(walk, NUMBER, backup_mail=OWN)
    visit = holder(portal, walk, reissued(walk))
    visits.give_backup_mail(portal, visit, FINDER)
    settle(walk)
    visits.change_password(portal, again(portal, visit.token), NEW, NEW)
    told = sql(portal, "SELECT address FROM outbox WHERE kind = 'password_changed'")
    assert told == [OWN]


def tell(walk: Walk) -> None:
    """What the daemon does: mails about what is new."""
    with walk.context() as opened:
        due.note_changes(opened)


@pytest.mark.parametrize("where", ["on the pages", "on another portal"])
def test_a_change_of_the_students_own_is_told_once(
    open_portal: Opening, walk: Walk, where: str
) -> None:
    """By the pages at once, by the run that sees it, or by both: one change, one mail."""
    portal = open_portal()
    activate(walk, NUMBER, backup_mail=OWN)
    tell(walk)
    password = reissued(walk)
    if where == "on the pages":
        visit = holder(portal, walk, password)
        visits.give_backup_mail(portal, visit, OWN)
        visits.give_forwarding(portal, again(portal, visit.token), "", keep_copy=False)
        visits.change_password(portal, again(portal, visit.token), NEW, NEW)
    else:
        change_own(walk, password.get_secret_value(), NEW)
    settle(walk)
    walk.sync()
    tell(walk)
    tell(walk)
    own = "SELECT address FROM outbox WHERE kind = 'password_changed' AND given LIKE '%\"own\"%'"
    assert sql(portal, own) == [OWN]


def test_a_first_password_is_told_by_the_activation_alone(open_portal: Opening, walk: Walk) -> None:
    portal = open_portal()
    visit = begin(portal, walk)
    visits.give_backup_mail(portal, visit, OWN)
    settle(walk)
    visits.change_password(portal, again(portal, visit.token), NEW, NEW)
    assert sql(portal, "SELECT count(*) FROM outbox WHERE kind = 'password_changed'") == [0]
