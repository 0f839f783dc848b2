"""What is given with a provisional password counts with the password changed in that session alone.

A table: who gave it, and how the password was changed, say what may be written to the entry.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import SecretStr

from connector.activation import links, visits
from connector.activation.links import CONFIRM, RESET
from connector.activation.portal import Portal
from connector.activation.visits import Step, Visit
from connector.desk import account as desk
from connector.errors import LinkOver
from tests.support.desk import activate, binds, states, take
from tests.support.events import NUMBER, Inbox, activation
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
from tests.support.walk import Walk

BEFORE = "before@example.org"


def step_by_step(portal: Portal, visit: Visit, address: str) -> Visit:
    """All steps but the last one, as the pages ask for them."""
    visits.give_backup_mail(portal, visit, address)
    if Step.CHARTER not in again(portal, visit.token).given:
        visits.accept_charter(portal, again(portal, visit.token))
    visits.give_forwarding(portal, again(portal, visit.token), address, keep_copy=False)
    return again(portal, visit.token)


# --- who gave it: the address, and the session in which the password may be changed ---------------


def a_finder(portal: Portal, walk: Walk, letter: str) -> Visit:
    """In a session of their own; the student has another."""
    step_by_step(portal, again(portal, enter(portal, walk, SecretStr(letter))), FINDER)
    return again(portal, enter(portal, walk, SecretStr(letter)))


def a_finder_with_proof(portal: Portal, walk: Walk, letter: str) -> Visit:
    """... who follows the link in the mail to their address, too."""
    visit = a_finder(portal, walk, letter)
    if portal.rules.activation.verify_backup_mail:
        links.confirm(portal, sent(portal, CONFIRM))
    return visit


def the_student(portal: Portal, walk: Walk, letter: str) -> Visit:
    """In the very session."""
    return step_by_step(portal, again(portal, enter(portal, walk, SecretStr(letter))), OWN)


def another_portal(portal: Portal, walk: Walk, letter: str) -> Visit:
    """By an event: the university's portal has seen who they are."""
    Inbox(walk).pass_(activation(backup_mail=OWN, forward_to=OWN))
    return again(portal, enter(portal, walk, SecretStr(letter)))


# --- how the password is changed ------------------------------------------------------------------


def on_the_pages(portal: Portal, walk: Walk, visit: Visit, letter: str) -> None:
    if visit.next is not Step.PASSWORD:
        visit = step_by_step(portal, visit, OWN)
    visits.change_password(portal, visit, NEW, NEW)


def elsewhere(portal: Portal, walk: Walk, visit: Visit, letter: str) -> None:
    change_own(walk, letter, NEW)


def reissued_then_on_the_pages(portal: Portal, walk: Walk, visit: Visit, letter: str) -> None:
    drawn = take(walk, desk.reissue)[1]
    visit = again(portal, enter(portal, walk, drawn))
    on_the_pages(portal, walk, step_by_step(portal, visit, OWN), "")


def reissued_then_elsewhere(portal: Portal, walk: Walk, visit: Visit, letter: str) -> None:
    elsewhere(portal, walk, visit, take(walk, desk.reissue)[1].get_secret_value())


TABLE = [
    (a_finder, on_the_pages, OWN),
    (a_finder, elsewhere, None),
    (a_finder, reissued_then_on_the_pages, OWN),
    (a_finder, reissued_then_elsewhere, None),
    (a_finder_with_proof, on_the_pages, OWN),
    (a_finder_with_proof, elsewhere, None),
    (a_finder_with_proof, reissued_then_elsewhere, None),
    (the_student, on_the_pages, OWN),
    (the_student, elsewhere, None),
    (the_student, reissued_then_on_the_pages, OWN),
    (the_student, reissued_then_elsewhere, None),
    (another_portal, on_the_pages, OWN),
    (another_portal, elsewhere, OWN),
    (another_portal, reissued_then_on_the_pages, OWN),
    (another_portal, reissued_then_elsewhere, None),
]


def written(walk: Walk) -> set[str]:
    """The addresses that a student gives, as the entry has them."""
    entry = walk.person(NUMBER)
    backups = [one.removeprefix("{SECOURS}") for one in entry.get("supannMailPrive", [])]
    return {*backups, *entry.get("supannMailPerso", []), *entry.get("mailForwardingAddress", [])}


@pytest.mark.parametrize("verified", [False, True], ids=["", "verified"])
@pytest.mark.parametrize(("give", "change", "expected"), TABLE)
def test_what_may_be_written_follows_from_who_gave_it_and_how_the_password_was_changed(
    open_portal: Opening,
    walk: Walk,
    give: Callable[[Portal, Walk, str], Visit],
    change: Callable[[Portal, Walk, Visit, str], None],
    expected: str | None,
    verified: bool,
) -> None:
    portal = open_portal(verify_backup_mail=verified)
    letter = walk.password(NUMBER)
    visit = give(portal, walk, letter)
    settle(walk)
    if give is not another_portal:
        assert written(walk) == set()  # before the password is changed nobody's counts
        assert "scolpassCharter" not in walk.person(NUMBER)
    change(portal, walk, visit, letter)
    settle(walk)
    if expected is not None and "supannMailPrive" not in walk.person(NUMBER):
        assert verified
        assert sql(portal, "SELECT value FROM links WHERE purpose = :p", p=CONFIRM) == [OWN]
        links.confirm(portal, sent(portal, CONFIRM))
        settle(walk)
    assert written(walk) == ({expected} if expected else set())
    assert FINDER not in str(walk.person(NUMBER))
    state = "A:SupannActif" if expected else "I:SupannCree"
    assert states(walk)[0].startswith(f"{{COMPTE}}{state}:")
    assert binds(walk, password=NEW)
    links.forgotten(portal, NUMBER, "192.0.2.7")
    mailed = sql(portal, "SELECT mark FROM links WHERE purpose = :p", p=RESET)
    assert mailed == ([OWN] if expected else [])
    if verified and expected is None:
        with pytest.raises(LinkOver):
            links.confirm(portal, _any_link(portal))
    walk.writes_nothing()
    walk.invariants().check()


def _any_link(portal: Portal) -> str:
    """A link to prove an address, if one is left."""
    left = sql(portal, "SELECT id FROM links WHERE purpose = :p", p=CONFIRM)
    return f"{left[0]}.{portal.signer('link').sign(left[0])}" if left else "none.none"


@pytest.mark.parametrize("change", [elsewhere, reissued_then_elsewhere, on_the_pages])
def test_a_finder_of_a_new_letter_changes_nothing_on_an_account_in_use(
    open_portal: Opening,
    walk: Walk,
    change: Callable[[Portal, Walk, Visit, str], None],
) -> None:
    """Neither while the letter's password stands, nor once somebody else has changed it."""
    portal = open_portal()
    activate(walk, NUMBER, backup_mail=BEFORE, forward_to=BEFORE)
    letter = take(walk, desk.reissue)[1].get_secret_value()
    visit = a_finder(portal, walk, letter)
    settle(walk)
    assert written(walk) == {BEFORE}
    change(portal, walk, visit, letter)
    settle(walk)
    assert written(walk) == ({OWN} if change is on_the_pages else {BEFORE})
    assert states(walk)[0].startswith("{COMPTE}A:SupannActif:")


def test_the_finders_link_proves_nothing_once_the_student_has_changed_the_password(
    open_portal: Opening, walk: Walk
) -> None:
    """Both had the letter; the finder asked for proof of their address last."""
    portal = open_portal(verify_backup_mail=True)
    visit = step_by_step(portal, begin(portal, walk), OWN)
    visits.give_backup_mail(portal, begin(portal, walk), FINDER)
    link = sent(portal, CONFIRM)
    visits.change_password(portal, visit, NEW, NEW)
    with pytest.raises(LinkOver):
        links.confirm(portal, link)
    settle(walk)
    assert written(walk) == set()
    assert states(walk)[0].startswith("{COMPTE}I:SupannCree:")


@pytest.mark.parametrize("moment", ["before the change", "after the change", "meanwhile"])
def test_a_link_that_is_followed_at_any_moment_counts(
    open_portal: Opening, walk: Walk, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    portal = open_portal(verify_backup_mail=True)
    visit = step_by_step(portal, begin(portal, walk), OWN)
    link = sent(portal, CONFIRM)
    if moment == "meanwhile":  # seen as provisional, and used when the password is another
        use = portal.journal.use_link

        def overtaken(*given: Any) -> bool:
            visits.change_password(portal, visit, NEW, NEW)
            return use(*given)

        monkeypatch.setattr(portal.journal, "use_link", overtaken)
    if moment != "after the change":
        links.confirm(portal, link)
    if moment != "meanwhile":
        visits.change_password(portal, again(portal, visit.token), NEW, NEW)
    if moment == "after the change":
        links.confirm(portal, link)
    settle(walk)
    assert written(walk) == {OWN}
    assert states(walk)[0].startswith("{COMPTE}A:SupannActif:")


def test_what_was_proven_once_is_not_asked_for_again(open_portal: Opening, walk: Walk) -> None:
    portal = open_portal(verify_backup_mail=True)
    step_by_step(portal, begin(portal, walk), OWN)
    links.confirm(portal, sent(portal, CONFIRM))
    visit = begin(portal, walk)  # the browser was closed
    assert visit.to_confirm == (Step.BACKUP_MAIL, Step.FORWARDING)
    assert (visit.current("backup_mail"), visit.current("forwarding")) == (OWN, OWN)
    on_the_pages(portal, walk, visit, "")
    assert sql(portal, "SELECT count(*) FROM links WHERE purpose = :p", p=CONFIRM) == [1]
    settle(walk)
    assert written(walk) == {OWN}


@pytest.mark.parametrize("end", [desk.reissue, desk.suspend])
def test_offers_go_with_the_password_that_they_came_with(
    open_portal: Opening, walk: Walk, end: Callable[..., Any]
) -> None:
    portal = open_portal()
    a_finder(portal, walk, walk.password(NUMBER))
    offered = "SELECT count(*) FROM gifts WHERE field LIKE 'offered%'"
    assert sql(portal, offered) == [2]
    take(walk, end)
    assert sql(portal, offered) == [0]


def test_what_can_no_longer_be_taken_is_asked_for_again(open_portal: Opening, walk: Walk) -> None:
    """The address lay outside when it was given, and is the university's own by now."""
    visit = step_by_step(open_portal(), begin(open_portal(), walk), OWN)
    walk.workspace.configure({"institution": {"own_domains": [OWN.partition("@")[2]]}})
    portal = open_portal()
    token = visits.change_password(portal, again(portal, visit.token), NEW, NEW)
    assert binds(walk, password=NEW)
    assert again(portal, token).next is Step.BACKUP_MAIL
    settle(walk)
    assert written(walk) == set()
