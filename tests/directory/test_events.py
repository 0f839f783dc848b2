"""Events: how they arrive, what becomes of them, and what they write to a real directory."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from itertools import count, permutations
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.core.evidence import fold, read_event
from connector.desk import account as desk
from tests.support.events import (
    ACCEPTED,
    CHARTER,
    LOGIN,
    NUMBER,
    PASSWORD,
    Body,
    Inbox,
    activation,
    at,
    change_password,
    event,
    forwarding,
)
from tests.support.examples import examples
from tests.support.people import put, stand
from tests.support.tier import size
from tests.support.walk import TODAY, YEAR, Row, Walk, actions, student, students

BACKUP = {
    "supannMailPrive": ["{SECOURS}lea@example.org"],
    "supannMailPerso": ["lea@example.org"],
}
STORED_CHARTER = {"scolpassCharter": [f"2026 {ACCEPTED}"]}
GIVEN = ("supannMailPrive", "supannMailPerso", "scolpassCharter", "mailForwardingAddress")
NOTHING_GIVEN: dict[str, list[str]] = {}
ROWS = [student(NUMBER)]
SHAPE = {"id", "source", "type", "time", "received_at", "status", "reason"}
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@pytest.fixture
def inbox(walk: Walk) -> Inbox:
    """The spool of a workspace whose register holds Léa Martin; no pass was made yet."""
    walk.workspace.write_register(ROWS)
    return Inbox(walk)


@pytest.fixture
def inactive(inbox: Inbox) -> Inbox:
    """Her entry is made, and nothing is given yet."""
    inbox.passed()
    return inbox


@pytest.fixture
def active(inactive: Inbox) -> Inbox:
    """She has changed her password and activated, without a redirection."""
    change_password(inactive.walk)
    assert actions(inactive.passed(activation())) == [("activate", NUMBER)]
    return inactive


def her(inbox: Inbox) -> dict[str, list[str]]:
    return inbox.walk.person(NUMBER)


def given_to(inbox: Inbox) -> dict[str, list[str]]:
    """What a student gives, as it stands in her entry."""
    return {name: sorted(her(inbox)[name]) for name in GIVEN if name in her(inbox)}


def state(inbox: Inbox) -> dict[str, str]:
    """Resource to state and sub-state."""
    values = her(inbox)["supannRessourceEtat"]
    return {value[1:].split("}")[0]: value.split("}")[1] for value in values}


def write(inbox: Inbox, ldif: str) -> None:
    """Somebody changes her entry directly in the directory."""
    inbox.walk.directory.modify(f"dn: {her(inbox)['dn'][0]}\nchangetype: modify\n{ldif}")


# --- activation ---------------------------------------------------------------------------------


def test_an_activation_writes_state_backup_mail_and_charter_and_nothing_else(
    inactive: Inbox,
) -> None:
    change_password(inactive.walk)
    before = her(inactive)
    report = inactive.passed(activation())
    assert actions(report) == [("activate", NUMBER)]
    after = her(inactive)
    day = f"{TODAY:%Y%m%d}:{YEAR + 1}1231"
    assert sorted(after["supannRessourceEtatDate"]) == [
        f"{{COMPTE}}A:SupannActif:{day}",
        f"{{MAIL}}A:SupannActif:{day}",
    ]
    assert given_to(inactive) == BACKUP | STORED_CHARTER
    # The provisional policy goes with the provisional password, and the cutoff is the end.
    assert "pwdPolicySubentry" not in after
    assert after["pwdEndTime"] == [f"{YEAR + 1}1231230000Z"]
    moved = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    assert moved - {"entryCSN", "modifyTimestamp", "modifiersName"} == {
        "supannRessourceEtatDate",
        "supannRessourceEtat",
        *BACKUP,
        *STORED_CHARTER,
        "pwdPolicySubentry",
        "pwdEndTime",
    }
    assert inactive.walk.directory.bind_result(after["dn"][0], PASSWORD) == 0
    with inactive.walk.context() as opened:
        assert opened.journal.ciphertexts([NUMBER], "live") == {}


@pytest.mark.parametrize("who", [NUMBER, f"e{NUMBER}", f"E{NUMBER}", LOGIN, LOGIN.upper()])
def test_an_event_names_its_student_by_number_uid_login_or_address(
    inactive: Inbox, who: str
) -> None:
    inactive.passed(activation(who=f" {who} "))
    assert given_to(inactive) == BACKUP | STORED_CHARTER


def test_evidence_counts_in_every_order(walk: Walk) -> None:
    """The entry, the password, the backup mail and the charter, each in a run of its own."""
    inbox = Inbox(walk)
    orders = list(permutations(("entry", "mail", "charter", "password")))
    possible = [order for order in orders if order.index("entry") < order.index("password")]
    numbers = {f"2261{n:04}": order for n, order in enumerate(possible)}
    rows: list[Row] = [student("1", "Zoé")]
    steps: list[list[str]] = []
    for step in range(4):
        bodies = []
        for number, order in numbers.items():
            match order[step]:
                case "entry":
                    rows.append(student(number, f"P{number}", f"N{number}"))
                case "mail":
                    bodies.append(activation(who=number, charter=None))
                case "charter":
                    bodies.append(activation(who=f"e{number}", backup_mail=None))
                case "password":
                    change_password(walk, number)
        report = inbox.passed(*bodies, rows=rows)
        steps.append([number for action, number in actions(report) if action == "activate"])
    # An account opens with the last piece of its evidence, or with its entry if all was there.
    assert steps[:3] == [[], [], []]
    assert sorted(steps[3]) == sorted(numbers)
    for number in numbers:
        entry = walk.person(number)
        assert {name: entry.get(name) for name in (*BACKUP, *STORED_CHARTER)} == (
            BACKUP | STORED_CHARTER
        )


def test_what_is_missing_is_stored_and_shown_step_by_step(inactive: Inbox) -> None:
    def shown() -> tuple[str, list[str], set[str], str]:
        found = inactive.walk.workspace.json("show", NUMBER)
        return found["state"], found["missing"], set(found["evidence"]), found["why"]

    assert shown()[:3] == ("inactive", ["password_changed", "backup_mail", "charter"], set())
    change_password(inactive.walk)
    assert actions(inactive.passed()) == [("update", NUMBER)]
    assert shown()[:3] == ("inactive", ["backup_mail", "charter"], {"password_changed"})
    inactive.passed(event("backup_mail.changed", backup_mail="lea@example.org"))
    found = shown()
    assert found[:3] == ("inactive", ["charter"], {"password_changed", "backup_mail"})
    assert "still missing: acceptance of the charter" in found[3]
    given_ = activation(backup_mail=None)
    assert actions(inactive.passed(given_)) == [("activate", NUMBER)]
    assert shown()[:3] == ("active", [], {"password_changed", "backup_mail", "charter"})
    evidence = inactive.walk.workspace.json("show", NUMBER)["evidence"]
    assert evidence["charter"] == given_["time"]


def test_only_what_the_configuration_requires_is_waited_for(inbox: Inbox) -> None:
    inbox.walk.workspace.configure({"activation": {"require": ["charter"]}})
    inbox.passed()
    inbox.passed(activation(backup_mail=None))
    assert state(inbox)["COMPTE"] == "A:SupannActif"


def test_values_and_labels_of_others_stay_byte_for_byte(inactive: Inbox) -> None:
    others = {
        "supannMailPrive": ["{PERSO}Lea@perso.example", "{SECOURS2}x@example.org", "y@example.org"],
        "supannMailPerso": ["Parents@Example.ORG", "Lea@perso.example"],
    }
    for name, values in others.items():
        write(inactive, f"add: {name}\n" + "".join(f"{name}: {value}\n" for value in values))
    since = inactive.walk.invariants().snapshot()
    inactive.passed(activation(), since=since)
    for name, values in others.items():
        assert sorted(her(inactive)[name]) == sorted([*values, *BACKUP[name]])
    changed = event("backup_mail.changed", backup_mail="new@example.net", minutes=0)
    since = inactive.walk.invariants().snapshot()
    inactive.passed(changed, since=since)
    # The plain address that was the backup goes; those that others wrote stay.
    for name, new in (("supannMailPrive", "{SECOURS}new@example.net"),
                      ("supannMailPerso", "new@example.net")):  # fmt: skip
        assert sorted(her(inactive)[name]) == sorted([*others[name], new])


def test_the_charter_is_a_version_and_a_time_and_the_latest_event_wins(active: Inbox) -> None:
    newer = {"version": "2027-draft", "accepted_at": "2026-11-01T10:00:00.5+02:00"}
    active.passed(activation(charter=newer, backup_mail=None, minutes=0))
    assert her(active)["scolpassCharter"] == ["2027-draft 2026-11-01T08:00:00Z"]


# --- before, late, twice ------------------------------------------------------------------------


@pytest.mark.parametrize("who", [NUMBER, f"e{NUMBER}", LOGIN])
def test_an_event_that_waits_for_a_student_is_in_her_entry_from_the_beginning(
    walk: Walk, who: str
) -> None:
    inbox = Inbox(walk)
    body = activation(who=who)
    inbox.passed(body, rows=[student("1", "Zoé")])
    assert inbox.status(body) == ("waiting", None)
    assert inbox.names("done") == inbox.names("done")[:1]
    report = inbox.passed(rows=[student("1", "Zoé"), student(NUMBER)])
    assert actions(report) == [("create", NUMBER)]
    assert given_to(inbox) == BACKUP | STORED_CHARTER
    assert inbox.status(body) == ("applied", None)
    assert her(inbox)["pwdReset"] == ["TRUE"]
    change_password(walk)
    assert actions(inbox.passed()) == [("activate", NUMBER)]


def test_an_address_that_waits_goes_to_whom_it_is_given_and_to_no_homonym(walk: Walk) -> None:
    inbox = Inbox(walk)
    first, second = (
        activation(who=LOGIN),
        activation(who="lea.martin01@etu.umontpellier.fr", backup_mail="other@example.org"),
    )
    inbox.passed(first, second, rows=[student("9", "Zoé")])
    inbox.passed(rows=[student("9", "Zoé"), student("3"), student("5")])
    people = walk.people()
    assert people["3"]["supannMailPerso"] == ["lea@example.org"]
    assert people["5"]["supannMailPerso"] == ["other@example.org"]
    assert inbox.status(first) == inbox.status(second) == ("applied", None)


def test_a_number_names_first_and_no_event_names_two(walk: Walk) -> None:
    inbox = Inbox(walk)
    # The number of one is the uid of the other.
    rows = [student(NUMBER), student(f"e{NUMBER}", "Zoé")]
    inbox.passed(rows=rows)
    inbox.passed(activation(who=f"e{NUMBER}"))
    assert given_to(inbox) == NOTHING_GIVEN
    assert walk.person(f"e{NUMBER}")["supannMailPerso"] == ["lea@example.org"]


def test_an_event_for_nobody_waits_thirty_days_and_is_rejected_then(inactive: Inbox) -> None:
    good = activation(who="22699999")
    partly = activation(who="22699998", forward_to="x")
    inactive.pass_(good, partly)
    assert inactive.status(good) == ("waiting", None)
    age(inactive, days=29)
    inactive.pass_()
    assert inactive.status(good) == ("waiting", None)
    age(inactive, days=31)
    inactive.passed()
    status, reason = inactive.status(good)
    assert status == "rejected"
    assert reason == "nobody was known by that identifier for 30 days"
    assert "forward_to" in (inactive.status(partly)[1] or "")
    # Too late now; and what was sent anew is a new event.
    rows = [*ROWS, student("22699999", "Zoé"), student("22699998", "Ada")]
    inactive.passed(rows=rows)
    assert "supannMailPerso" not in inactive.walk.person("22699999")
    assert "supannMailPerso" not in inactive.walk.person("22699998")
    inactive.passed(activation(who="22699999"))
    assert "supannMailPerso" in inactive.walk.person("22699999")


def age(inbox: Inbox, days: int) -> None:
    """Let all that is in the inbox have arrived so many days ago."""
    then = f"{datetime.now(UTC) - timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}"
    with closing(sqlite3.connect(inbox.walk.workspace.journal)) as journal:
        journal.execute("update events set received_at = ?", (then,))
        journal.commit()


def test_an_event_that_comes_again_does_nothing(active: Inbox) -> None:
    body = forwarding("lea@example.net")
    active.passed(body)
    active.passed(forwarding("elsewhere@example.net", minutes=0))
    listed = active.listed()
    turned = {**dict(reversed(body.items())), "data": dict(reversed(body["data"].items()))}
    active.passed(body, turned)
    assert active.listed() == listed
    assert her(active)["mailForwardingAddress"] == ["elsewhere@example.net"]
    assert active.names("rejected") == []
    assert len(active.names("done")) == 5


def test_the_same_id_with_other_content_is_rejected_and_the_first_stands(active: Inbox) -> None:
    first = forwarding("lea@example.net")
    other = {**first, "data": {**first["data"], "forward_to": "thief@example.net"}}
    elsewhere = {**other, "source": "desk", "data": {**other["data"], "forward_to": "d@x.org"}}
    report = active.pass_(first, other, other)
    assert report.exit_status == 0
    assert her(active)["mailForwardingAddress"] == ["lea@example.net"]
    rows = [row for row in active.listed() if row["id"] == first["id"]]
    assert [row["status"] for row in rows] == ["applied", "rejected"]
    assert "other content" in rows[1]["reason"]
    assert len(active.names("rejected")) == 4  # two files, each with its reason
    # Another source has ids of its own.
    active.passed({**elsewhere, "time": at()})
    assert her(active)["mailForwardingAddress"] == ["d@x.org"]


def test_a_late_event_changes_nothing_that_is_newer_and_is_evidence_all_the_same(
    inactive: Inbox,
) -> None:
    change_password(inactive.walk)
    inactive.passed(event("backup_mail.changed", backup_mail="new@example.org"))
    late = activation(backup_mail="old@example.org", minutes=-600)
    inactive.passed(late)
    assert given_to(inactive)["supannMailPrive"] == ["{SECOURS}new@example.org"]
    assert state(inactive)["COMPTE"] == "A:SupannActif"
    assert inactive.status(late) == ("applied", None)


def test_a_time_in_the_future_does_not_freeze_the_account(active: Inbox) -> None:
    ahead = forwarding("ahead@example.net", minutes=600)
    far = forwarding("far@example.net", minutes=3000)
    active.pass_(ahead, far)
    assert her(active)["mailForwardingAddress"] == ["ahead@example.net"]
    status, reason = active.status(far)
    assert status == "rejected"
    assert "more than a day ahead" in (reason or "")
    age(active, days=1)  # it counted as its arrival, and this one comes after it
    active.passed(forwarding("now@example.net", minutes=0))
    assert her(active)["mailForwardingAddress"] == ["now@example.net"]


# --- forwarding ---------------------------------------------------------------------------------


def test_forwarding_is_set_changed_kept_and_taken_back(active: Inbox) -> None:
    assert "mailForwardingAddress" not in her(active)

    def after(*bodies: Body) -> list[str]:
        active.passed(*bodies)
        return sorted(her(active).get("mailForwardingAddress", []))

    assert after(forwarding("lea@example.net", minutes=-9)) == ["lea@example.net"]
    both = ["lea.martin@mailbox.etu.umontpellier.fr", "lea@example.net"]
    assert after(forwarding("lea@example.net", keep_copy=True, minutes=-8)) == both
    moved = [both[0], "lea@example.org"]
    assert after(forwarding("lea@example.org", keep_copy=True, minutes=-7)) == moved
    # An absent forward_to changes nothing.
    assert after(activation(minutes=-6)) == moved
    assert after(forwarding("lea@example.org", keep_copy=False, minutes=-5)) == ["lea@example.org"]
    assert after(forwarding(None, minutes=-4)) == []
    assert after(activation(forward_to="l@x.org", minutes=-3)) == ["l@x.org"]
    assert after(activation(forward_to=None, keep_copy=True, minutes=-2)) == []


def test_the_local_copy_is_a_template(active: Inbox) -> None:
    template = "{uid}+{local}@imap.{mail_domain}"
    active.walk.workspace.configure({"forwarding": {"local_copy": template}})
    active.passed(forwarding("lea@example.net", keep_copy=True))
    assert sorted(her(active)["mailForwardingAddress"]) == [
        f"e{NUMBER}+lea.martin@imap.etu.umontpellier.fr",
        "lea@example.net",
    ]


def test_forwarding_of_an_inactive_account_waits_for_its_activation(inactive: Inbox) -> None:
    body = activation(forward_to="lea@example.net", keep_copy=True)
    inactive.passed(body)
    assert given_to(inactive) == BACKUP | STORED_CHARTER
    assert inactive.status(body) == ("waiting", None)
    changed = forwarding("later@example.net", minutes=0)
    inactive.passed(changed)
    # The first has nothing left to give; the second waits.
    assert inactive.status(body) == ("applied", None)
    assert inactive.status(changed) == ("waiting", None)
    change_password(inactive.walk)
    assert actions(inactive.passed()) == [("activate", NUMBER)]
    assert her(inactive)["mailForwardingAddress"] == ["later@example.net"]
    assert inactive.status(changed) == ("applied", None)


def test_forwarding_of_a_suspended_account_waits_for_its_resumption(active: Inbox) -> None:
    with active.walk.context() as opened:
        desk.suspend(opened, NUMBER, "tested")
    body = activation(forward_to="lea@example.net", backup_mail="new@example.org", minutes=0)
    active.passed(body)
    assert given_to(active)["supannMailPrive"] == ["{SECOURS}new@example.org"]
    assert "mailForwardingAddress" not in her(active)
    assert active.status(body) == ("waiting", None)
    with active.walk.context() as opened:
        desk.resume(opened, NUMBER, "tested")
    assert her(active)["mailForwardingAddress"] == ["lea@example.net"]
    assert active.status(body) == ("applied", None)
    active.walk.writes_nothing(active.pass_)


def test_an_event_for_an_expired_account_waits_and_is_applied_if_she_returns(
    active: Inbox,
) -> None:
    walk = active.walk
    walk.today = date(YEAR + 2, 1, 1)
    active.passed()
    assert state(active) == {"COMPTE": "I:SupannExpire", "MAIL": "I:SupannExpire"}
    before = given_to(active)
    body = activation(backup_mail="back@example.org", forward_to="back@example.net", minutes=0)
    active.passed(body)
    assert given_to(active) == before
    assert active.status(body) == ("waiting", None)
    walk.today = date(YEAR + 2, 9, 10)
    active.passed(rows=[student(NUMBER, academic_year=YEAR + 2)])
    assert state(active)["COMPTE"] == "I:SupannCree"
    assert given_to(active)["supannMailPrive"] == ["{SECOURS}back@example.org"]
    assert "mailForwardingAddress" not in her(active)
    assert active.status(body) == ("waiting", None)  # its forwarding waits for her activation
    assert walk.show(NUMBER).decision.missing == ("password_changed",)


def test_what_was_given_is_in_an_entry_that_is_made_again_and_forwarding_returns_too(
    active: Inbox,
) -> None:
    active.passed(forwarding("lea@example.net"))
    with active.walk.directory.connect() as admin:
        admin.delete(her(active)["dn"][0])
    since = active.walk.invariants().snapshot()
    assert actions(active.passed(since=since)) == [("create", NUMBER)]
    assert given_to(active) == BACKUP | STORED_CHARTER
    change_password(active.walk)
    assert actions(active.passed(since=since)) == [("activate", NUMBER)]
    assert her(active)["mailForwardingAddress"] == ["lea@example.net"]


def test_nothing_that_was_given_before_a_purge_is_evidence_after_it(active: Inbox) -> None:
    walk = active.walk
    for day in (date(YEAR + 2, 1, 1), date(YEAR + 3, 1, 3)):
        walk.today = day
        active.passed()
    assert NUMBER not in walk.people()
    active.passed(rows=[student(NUMBER, academic_year=YEAR + 2)])
    assert given_to(active) == NOTHING_GIVEN
    assert her(active)["mail"] == [LOGIN]
    missing = walk.show(NUMBER).decision.missing
    assert missing == ("password_changed", "backup_mail", "charter")


# --- what others do -----------------------------------------------------------------------------


def test_what_is_changed_directly_after_an_event_is_not_overwritten(active: Inbox) -> None:
    active.passed(forwarding("lea@example.net"))
    write(
        active,
        "replace: mailForwardingAddress\nmailForwardingAddress: hers@example.com\n-\n"
        "delete: supannMailPrive\nsupannMailPrive: {SECOURS}lea@example.org\n-\n"
        "add: supannMailPrive\nsupannMailPrive: {SECOURS}hers@example.com\n-\n"
        "replace: scolpassCharter\nscolpassCharter: 2025 2025-10-01T07:00:00Z\n",
    )
    mine = given_to(active)
    active.walk.writes_nothing(active.pass_)
    renamed = [student(NUMBER, usual_name="Durand")]
    assert actions(active.pass_(rows=renamed)) == [("update", NUMBER)]
    assert given_to(active) == mine
    # Nor by an event that came late; but by one that is newer.
    active.pass_(forwarding("late@example.net", minutes=-600))
    assert given_to(active) == mine
    active.pass_(forwarding("newer@example.net", minutes=0))
    assert given_to(active) == {**mine, "mailForwardingAddress": ["newer@example.net"]}


def test_what_stands_already_is_not_written_again(active: Inbox) -> None:
    body = activation(backup_mail="LEA@example.org", minutes=0)
    csns = active.walk.directory.csns()
    assert actions(active.passed(body)) == []
    assert active.walk.directory.csns() == csns
    assert active.status(body) == ("applied", None)


def test_events_leave_an_entry_alone_that_is_also_somebody_elses(inbox: Inbox) -> None:
    dn = stand(inbox.walk.directory, NUMBER, supannEmpId="p1")
    inbox.passed()
    before = inbox.walk.directory.entry(dn)
    body = activation(forward_to="lea@example.net")
    inbox.passed(body)
    assert inbox.walk.directory.entry(dn) == before
    assert inbox.status(body) == ("waiting", None)


def test_an_adopted_account_takes_events_by_the_addresses_it_has(inbox: Inbox) -> None:
    dn = stand(inbox.walk.directory, NUMBER, supannAutreMail="former@etu.umontpellier.fr")
    inbox.passed(activation(who="former@etu.umontpellier.fr", forward_to="l@x.org", keep_copy=True))
    entry = inbox.walk.directory.entry(dn)
    assert entry["supannMailPerso"] == ["lea@example.org"]
    assert sorted(entry["mailForwardingAddress"]) == [
        "l.martin@mailbox.etu.umontpellier.fr",
        "l@x.org",
    ]


# --- the spool ----------------------------------------------------------------------------------


def test_files_leave_for_done_and_rejected_with_their_reason_beside_them(inactive: Inbox) -> None:
    inactive.drop(activation(), "a.json")
    inactive.drop(activation(who="nobody"), "b.json")
    inactive.drop(activation(forward_to="lea@umontpellier.fr"), "c.json")
    (inactive.spool / "d.json").write_text("{}")
    (inactive.spool / "e.json.part").write_text("{")
    done = inactive.walk.workspace.scolpass("sync", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["counts"] == {"update": 1}
    assert inactive.names("") == ["e.json.part"]
    assert inactive.names("done") == ["a.json", "b.json"]
    assert inactive.names("rejected") == ["c.json", "c.json.reason", "d.json", "d.json.reason"]
    reason = (inactive.spool / "rejected/c.json.reason").read_text()
    assert reason == (
        "data.forward_to: the address lies inside the institution (umontpellier.fr)\n"
    )
    assert "specversion" in (inactive.spool / "rejected/d.json.reason").read_text()
    inactive.walk.invariants().check(outputs=[done.stdout, done.stderr])
    again = inactive.walk.workspace.scolpass("sync")
    assert again.returncode == 0


def test_the_good_part_of_a_rejected_event_counts(inactive: Inbox) -> None:
    change_password(inactive.walk)
    body = activation(forward_to="lea@etu.umontpellier.fr")
    assert actions(inactive.pass_(body)) == [("activate", NUMBER)]
    assert given_to(inactive) == BACKUP | STORED_CHARTER
    status, reason = inactive.status(body)
    assert status == "rejected"
    assert "data.forward_to: the address lies inside the institution" in (reason or "")


def test_the_good_part_of_a_rejected_event_waits_for_its_student(walk: Walk) -> None:
    inbox = Inbox(walk)
    inbox.pass_(activation(backup_mail="no address"), rows=[student("1", "Zoé")])
    inbox.passed(rows=[student("1", "Zoé"), student(NUMBER)])
    assert given_to(inbox) == STORED_CHARTER
    assert inbox.listed()[0]["status"] == "rejected"


def test_mail_is_never_sent_into_our_own_domain_even_if_it_is_not_named(inactive: Inbox) -> None:
    inactive.walk.workspace.configure({"institution": {"own_domains": []}})
    [row] = inactive.submit(activation(backup_mail=LOGIN))
    assert row["status"] == "rejected"
    assert given_to(inactive) == STORED_CHARTER


# --- events submit, list, retry -----------------------------------------------------------------


def file(inbox: Inbox, content: Any, name: str = "in.json") -> str:
    path = inbox.walk.workspace.folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(path)


def test_submit_takes_one_event_and_applies_it_at_once(inactive: Inbox) -> None:
    workspace = inactive.walk.workspace
    body = activation()
    [shown] = workspace.json("events", "submit", file(inactive, body))
    assert shown.keys() == SHAPE
    assert MOMENT.fullmatch(shown["received_at"])
    assert {name: shown[name] for name in ("id", "source", "type", "time")} == {
        name: body[name] for name in ("id", "source", "type", "time")
    }
    assert (shown["status"], shown["reason"]) == ("applied", None)
    assert given_to(inactive) == BACKUP | STORED_CHARTER
    inactive.walk.writes_nothing(inactive.pass_)
    assert workspace.json("events", "submit", file(inactive, body)) == [shown]
    assert workspace.json("events", "list") == [shown]


def test_submit_takes_a_list_and_tells_of_each(inactive: Inbox) -> None:
    workspace = inactive.walk.workspace
    same = activation(id="same")
    bodies: list[object] = [
        same,
        {**same, "source": "desk", "time": "2026-11-01T08:00:00.5+01:00"},
        {**same, "data": {**same["data"], "backup_mail": "x@y.org"}},
        activation(who="22699999"),
        {"id": 7},
        "no event",
        [[[]]],
        None,
        activation(id="\ud800 half \r\n a sign"),
    ]
    shown = workspace.json("events", "submit", file(inactive, bodies), status=1)
    assert [one["status"] for one in shown] == ["applied", "applied", "rejected", "waiting"] + [
        "rejected"
    ] * 5
    assert shown[1]["time"] == "2026-11-01T07:00:00.500000Z"
    assert "other content" in shown[2]["reason"]
    assert [one["id"] for one in shown[4:8]] == ["in.json"] * 4
    assert all(one["source"] is one["type"] is one["time"] is None for one in shown[4:8])
    assert "\ud800" not in shown[8]["id"]
    assert all(one["reason"] for one in shown if one["status"] == "rejected")
    listed = workspace.json("events", "list")
    assert listed == shown
    assert workspace.json("events", "list", "--limit", "2") == listed[-2:]
    table = workspace.scolpass("events", "list", COLUMNS="300")
    assert table.returncode == 0
    assert "nested" not in table.stdout
    assert "account.activated" in table.stdout
    inactive.walk.invariants().check(outputs=[table.stdout, table.stderr])


@pytest.mark.parametrize("content", ["{", "", "\x00", "[" * 100_000], ids=["{", "", "NUL", "deep"])
def test_submit_of_what_is_no_json_ends_two_and_stores_nothing(
    inactive: Inbox, content: str
) -> None:
    done = inactive.walk.workspace.scolpass("events", "submit", file(inactive, content))
    assert done.returncode == 2
    assert "in.json" in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert inactive.listed() == []


def test_submit_of_a_file_that_is_not_there_ends_two(inactive: Inbox) -> None:
    done = inactive.walk.workspace.scolpass("events", "submit", "nowhere.json")
    assert done.returncode == 2
    assert "nowhere.json cannot be read" in done.stderr


def test_submit_keeps_events_while_the_register_cannot_be_read(inactive: Inbox) -> None:
    workspace = inactive.walk.workspace
    workspace.register.unlink()
    done = workspace.scolpass("events", "submit", file(inactive, activation()))
    assert done.returncode == 4
    assert "Traceback" not in done.stderr
    assert [row["status"] for row in inactive.listed()] == ["waiting"]
    inactive.passed(rows=ROWS)
    assert given_to(inactive) == BACKUP | STORED_CHARTER


def test_a_long_list_of_strangers_waits_whole(inactive: Inbox) -> None:
    rows = inactive.submit(*(activation(who=f"unknown-{n}") for n in range(300)))
    assert [row["status"] for row in rows] == ["waiting"] * 300


def test_retry_looks_again_by_the_rules_of_today(active: Inbox) -> None:
    workspace = active.walk.workspace
    inside = "lea@alumni.umontpellier.fr"
    body = forwarding(inside)
    newer = event("backup_mail.changed", backup_mail="newer@example.org", minutes=0)
    bad = {**body, "id": "also", "data": {**body["data"], "forward_to": "nobody"}}
    active.pass_(body, bad, newer)
    assert active.status(body)[0] == "rejected"
    workspace.configure({"institution": {"own_domains": ["etu.umontpellier.fr"]}})
    # What was rejected once stays so until somebody asks.
    active.passed()
    assert "mailForwardingAddress" not in her(active)
    shown = workspace.json("events", "retry", body["id"], "--reason", "domain corrected")
    assert shown.keys() == SHAPE
    assert (shown["id"], shown["status"], shown["reason"]) == (body["id"], "applied", None)
    assert her(active)["mailForwardingAddress"] == [inside]
    done = workspace.scolpass("events", "retry", "also")
    assert done.returncode == 1
    assert done.stdout == "also: rejected, data.forward_to: the address is malformed\n"
    missing = workspace.scolpass("events", "retry", "no-such-event")
    assert missing.returncode == 2
    assert "no-such-event" in missing.stderr
    active.walk.writes_nothing(active.pass_)


def test_retry_overtakes_nothing_that_was_given_since(active: Inbox) -> None:
    workspace = active.walk.workspace
    old = {**forwarding("lea@alumni.umontpellier.fr"), "time": None}
    active.pass_(old)
    age(active, days=1)
    active.pass_(forwarding("newer@example.net", minutes=-60))
    workspace.configure({"institution": {"own_domains": ["etu.umontpellier.fr"]}})
    shown = workspace.json("events", "retry", old["id"])
    assert shown["status"] == "applied"
    assert her(active)["mailForwardingAddress"] == ["newer@example.net"]
    # One that is applied and tried again changes nothing either.
    active.walk.writes_nothing(lambda: workspace.json("events", "retry", old["id"]))


# --- every order --------------------------------------------------------------------------------


def dozen() -> list[Body]:
    """A dozen events of one student: all kinds, equal times, partly bad, twice the same id."""
    mail = "backup_mail.changed"
    first = activation(id="a01", minutes=-30)
    bodies = [
        first,
        activation(id="a02", backup_mail="2@example.org", forward_to="2@example.net", minutes=-20),
        activation(id="a03", backup_mail=LOGIN, charter={**CHARTER, "version": "2027"}, minutes=-5),
        event(mail, id="a04", backup_mail="4@example.org", minutes=-9),
        event(mail, id="a05", backup_mail="5@example.org", minutes=-9),
        event(mail, id="a06", who=f"e{NUMBER}", backup_mail="6@example.org", minutes=-50),
        forwarding(None, id="a07", minutes=-12),
        forwarding("8@example.net", id="a08", minutes=-8, keep_copy=True),
        forwarding("9@example.net", id="a09", minutes=-40, who=LOGIN),
        forwarding("x@umontpellier.fr", id="a10", minutes=-1),
        forwarding("far@example.net", id="a11", minutes=5000),
        first,
    ]
    moment = bodies[3]["time"]
    bodies[4]["time"] = moment
    return bodies


def drop_for(walk: Walk, number: str, bodies: Iterable[Body]) -> None:
    """Drop events of the dozen for one student: under her names, with ids of her own."""
    inbox = Inbox(walk)
    for body in bodies:
        who = body["data"]["identifier"].replace(NUMBER, number)
        who = who.replace(LOGIN, f"p{number}.n{number}@etu.umontpellier.fr")
        inbox.drop(
            {**body, "id": f"{body['id']}-{number}", "data": {**body["data"], "identifier": who}}
        )


def content(entry: dict[str, list[str]], number: str) -> dict[str, list[str]]:
    """What events decide of an entry, with the number taken out."""
    names = (*GIVEN, "supannRessourceEtatDate", "pwdEndTime", "pwdPolicySubentry", "pwdReset")
    return {
        name: sorted(value.replace(number, "#") for value in entry[name])
        for name in names
        if name in entry
    }


def test_every_order_of_a_dozen_events_ends_in_the_same_directory(walk: Walk) -> None:
    """Many students, each with the dozen in an order and a rhythm of her own."""
    chance = Random(1912)
    inbox = Inbox(walk)
    bodies = dozen()
    many = size(gate=15, long=40)
    rows = [*students(many), student("1", "Zoé")]
    numbers = [str(row["student_number"]) for row in rows[:many]]
    orders = [chance.sample(bodies, len(bodies)) for _ in numbers]
    early = set(numbers[::3])  # their events begin before their entry is there
    inbox.passed(rows=[row for row in rows if row["student_number"] not in early])
    for step in range(3):
        for number, order in zip(numbers, orders, strict=True):
            drop_for(walk, number, order[step * 4 : step * 4 + 4])
            if (
                chance.random() < 0.3
                and number in walk.people()
                and "pwdReset" in walk.person(number)
            ):
                change_password(walk, number)
        inbox.pass_(rows=rows if step == 1 else None)
    for number, entry in walk.people().items():
        if number in numbers and "pwdReset" in entry:
            change_password(walk, number)
    inbox.passed()
    people = walk.people()
    first = content(people[numbers[0]], numbers[0])
    assert first["supannMailPrive"] == ["{SECOURS}5@example.org"]
    assert first["mailForwardingAddress"] == [
        "8@example.net",
        "p#.n#@mailbox.etu.umontpellier.fr",
    ]
    for number in numbers:
        assert content(people[number], number) == first, number
    statuses: dict[str, set[str]] = {}
    for row in inbox.listed():
        statuses.setdefault(row["id"][:3], set()).add(row["status"])
    rejected = {"a03", "a10", "a11"}
    assert statuses == {
        f"a{n:02}": {"rejected" if f"a{n:02}" in rejected else "applied"} for n in range(1, 12)
    }


_numbers = count(22700001)


def named(number: str) -> Row:
    """A student with a name of her own."""
    return student(number, f"P{number}", f"N{number}")


@settings(max_examples=examples(6), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_order_with_passes_anywhere_ends_as_the_fold_of_all(walk: Walk, data: Any) -> None:
    """One more student an example, her events and passes in an order that hypothesis chooses."""
    inbox = Inbox(walk)
    number = str(next(_numbers))
    others = [student("1", "Zoé"), *(named(one) for one in walk.people() if one != "1")]
    rows = [*others, named(number)]
    bodies = [body for body in dozen() if body["data"].get("identifier") != LOGIN]
    steps = data.draw(st.permutations([*bodies, "pass", "enrol", "password"]))
    if data.draw(st.booleans()):
        steps.remove("enrol")
        steps.insert(0, "enrol")
    walk.workspace.write_register(others)
    enrolled = changed = False
    for step in [*steps, "enrol", "password"]:
        if isinstance(step, dict):
            drop_for(walk, number, [step])
        elif step == "password" and enrolled and not changed:
            change_password(walk, number)
            changed = True
        elif step == "enrol" and not enrolled:
            inbox.pass_(rows=rows)
            enrolled = True
        elif step == "pass":
            inbox.pass_()
    inbox.passed()
    now = datetime.now(UTC)
    evidence_items = fold((), [
        evidence_item for body in bodies if body["id"] != "a11"
        for evidence_item in read_event(body, now, ["umontpellier.fr"]).evidence_items
    ])  # fmt: skip
    wanted = {evidence_item.field: evidence_item.value for evidence_item in evidence_items}
    entry = walk.person(number)
    assert entry["supannMailPrive"] == ["{SECOURS}" + wanted["backup_mail"]]
    assert entry["scolpassCharter"] == [wanted["charter"]]
    assert wanted["forwarding"] in entry["mailForwardingAddress"]
    assert any("A:SupannActif" in value for value in entry["supannRessourceEtatDate"])


# --- many ---------------------------------------------------------------------------------------


def test_very_many_events_at_once_are_applied_in_one_pass(walk: Walk) -> None:
    inbox = Inbox(walk)
    many = size(gate=80, long=250)
    rows = students(many)
    inbox.passed(rows=rows)
    for row in rows:
        number = str(row["student_number"])
        inbox.drop(activation(who=number, minutes=-3))
        inbox.drop(event("backup_mail.changed", who=f"e{number}", backup_mail="b@example.org"))
        inbox.drop(forwarding("f@example.net", who=f"P{number}.N{number}@etu.umontpellier.fr"))
        inbox.drop(activation(who=number, forward_to="inside@umontpellier.fr", minutes=-9))
    report = inbox.passed()
    assert report.plan.counts == {"update": many}
    assert len(inbox.names("done")) == 3 * many
    assert len(inbox.names("rejected")) == 2 * many
    for number, entry in walk.people().items():
        assert entry["supannMailPerso"] == ["b@example.org"], number
    statuses = [row["status"] for row in inbox.listed()]
    assert statuses.count("waiting") == many  # forwarding, until they activate
    assert statuses.count("rejected") == many


def test_the_reading_of_the_inbox_leaves_others_entries_alone(active: Inbox) -> None:
    other = put(
        active.walk.directory,
        f"uid=staff,{active.walk.directory.people_dn}",
        {"objectClass": ["inetOrgPerson"], "uid": "staff", "cn": "S", "sn": "S", "mail": "s@x.fr"},
    )
    before = active.walk.directory.entry(other)
    body = activation(who="s@x.fr")
    active.pass_(body)
    assert active.walk.directory.entry(other) == before
    assert active.status(body) == ("waiting", None)


def test_an_event_that_still_waits_is_rejected_when_its_person_is_erased(inactive: Inbox) -> None:
    inactive.passed(rows=[student(NUMBER, status="A")])
    waiting = forwarding("lea@example.net")
    inactive.submit(waiting)
    assert inactive.status(waiting) == ("waiting", None)
    with inactive.walk.context() as opened:
        desk.erase(opened, NUMBER, "letter 45")
    erased = ("rejected", "what it gave was erased with the account")
    assert inactive.status(waiting) == erased
    inactive.passed()
    assert inactive.status(waiting) == erased
