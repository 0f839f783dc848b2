"""Mail to students: what leads to one, when it leaves, that it leaves once, and what holds it back.

A real directory, a real mail server, and the clock of the walk, or of the real daemon.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from email.message import EmailMessage
from typing import Any

import pytest

from connector.core.model import Moment
from connector.desk import account as desk
from connector.edges.journal import STUDENT
from connector.edges.journal.tables import links
from connector.edges.tokens import Signer, draw_token
from connector.notify import due, postman
from connector.notify import students as mails
from connector.notify.student_mail import StudentMail, postman_for_students
from connector.resources import shipped_texts
from connector.walk.context import Context
from tests.support.clock import faked
from tests.support.daemon import running
from tests.support.desk import activate, forget, take, undo
from tests.support.events import (
    NUMBER,
    Body,
    Inbox,
    activation,
    at,
    change_password,
    event,
    forwarding,
)
from tests.support.mail import MailServer
from tests.support.people import ADDRESS, stand
from tests.support.waiting import wait_until
from tests.support.walk import YEAR, Walk, student, students
from tests.support.zone import ZONE

BACKUP = "lea@example.org"
UNIVERSITY = "lea.martin@etu.umontpellier.fr"
END = date(YEAR + 1, 12, 31)
OTHER = student("22600009", "Zoé", "Roux")

Sent = list[tuple[str, str]]  # kind and outcome


class Office:
    """The rounds that the lane makes, in this process, at the walk's noon or later."""

    def __init__(self, walk: Walk, server: MailServer) -> None:
        self.walk = walk
        self.server = server
        self.later = timedelta()  # after noon
        self.round()  # telling begins

    def round(self, *, closings: bool = False) -> Sent:
        """See what is due, and send it; each round is a process of its own."""
        with self.walk.context() as opened:
            return self.round_of(opened, closings=closings)

    def round_of(self, opened: Context, *, closings: bool = False) -> Sent:
        now = opened.moment.now + self.later
        opened.moment = Moment(now, opened.moment.today)
        due.note_changes(opened)
        if closings:
            assert due.note_closings(opened, now - timedelta(days=1))
        sender = postman_for_students(opened, shipped_texts())
        return [(one.kind, one.outcome) for one in sender.deliver(opened.journal, now)]

    def day(self, left: int) -> Sent:
        """A sync and the rounds of the day that is so many before the END."""
        self.walk.today = END - timedelta(days=left)
        assert self.walk.sync().exit_status == 0
        return [*self.round(closings=True), *self.round(closings=True)]

    def take(self) -> list[EmailMessage]:
        """The mails that arrived since this was asked last."""
        found = self.server.messages
        self.server.taken.clear()
        return found

    def outbox(self) -> list[dict[str, Any]]:
        """The rows of the outbox."""
        with closing(sqlite3.connect(self.walk.workspace.journal)) as connection:
            connection.row_factory = sqlite3.Row
            rows = connection.execute("SELECT * FROM outbox ORDER BY number").fetchall()
        return [dict(row) for row in rows]


@pytest.fixture
def walk(walk: Walk, mail_server: MailServer) -> Walk:
    walk.workspace.configure(
        {"mail": {"enabled": True, "host": "127.0.0.1", "port": mail_server.port}}
    )
    return walk


@pytest.fixture
def office(walk: Walk, mail_server: MailServer) -> Office:
    return Office(walk, mail_server)


@pytest.fixture
def inbox(walk: Walk) -> Inbox:
    return Inbox(walk)


def to(messages: list[EmailMessage]) -> list[str]:
    return sorted(str(message["To"]) for message in messages)


# --- changes that were made -----------------------------------------------------------------------


def test_an_activation_leads_to_one_mail_in_both_languages(walk: Walk, office: Office) -> None:
    walk.synced([student(NUMBER)])
    assert office.round() == []
    activate(walk, NUMBER, forward_to="lea@example.com", keep_copy=True)
    assert office.round() == [("account_active", "sent")]
    [message] = office.take()
    assert message["To"] == BACKUP
    assert message["Subject"] == ("Votre compte informatique est actif / Your IT account is active")
    body = message.get_content()
    assert body.index("Bonjour Léa,") < body.index("Hello Léa,")
    assert UNIVERSITY in body
    assert f"31 décembre {END.year}" in body
    assert f"31 December {END.year}" in body
    assert "redirigés vers lea@example.com, avec une copie" in body.replace("\r\n", " ")
    assert "mailbox.etu" not in body
    assert office.round() == []
    walk.sync()
    assert office.round() == []


def test_what_was_done_before_the_first_start_is_not_told(
    walk: Walk, mail_server: MailServer, inbox: Inbox
) -> None:
    walk.synced([student(NUMBER)])
    activate(walk, NUMBER)
    office = Office(walk, mail_server)
    assert office.round() == []
    inbox.pass_(forwarding("lea@example.com"))
    assert office.round() == [("forwarding_changed", "sent")] * 2
    assert to(office.take()) == sorted([BACKUP, UNIVERSITY])


def test_a_forwarding_is_told_to_both_addresses_each_time_it_changes(
    walk: Walk, office: Office, inbox: Inbox
) -> None:
    walk.synced([student(NUMBER)])
    activate(walk, NUMBER)
    office.round()
    office.take()
    for target, copy, said in (
        ("lea@example.com", True, "sont redirigés vers lea@example.com, avec une copie"),
        ("other@example.com", False, "ils vont vers other@example.com."),
        (None, False, "ne sont plus redirigés"),
    ):
        inbox.pass_(forwarding(target, keep_copy=copy))
        assert office.round() == [("forwarding_changed", "sent")] * 2
        messages = office.take()
        assert to(messages) == sorted([BACKUP, UNIVERSITY])
        for message in messages:
            assert said in message.get_content().replace("\r\n", " ")
        assert office.round() == []


def test_a_backup_mail_that_changes_is_where_the_next_mail_goes(
    walk: Walk, office: Office, inbox: Inbox
) -> None:
    walk.synced([student(NUMBER)])
    activate(walk, NUMBER)
    office.round()
    office.take()
    inbox.pass_(event("backup_mail.changed", backup_mail="new@example.net"))
    inbox.pass_(forwarding("lea@example.com"))
    office.round()
    messages = office.take()
    about = [one for one in messages if "forwarded" in str(one["Subject"])]
    assert to(about) == sorted([UNIVERSITY, "new@example.net"])


def by_event(walk: Walk, inbox: Inbox, body: Body) -> None:
    inbox.pass_(body)


def reissue(walk: Walk, inbox: Inbox, body: Body) -> None:
    take(walk, desk.reissue)


def undone(walk: Walk, inbox: Inbox, body: Body) -> None:
    report = inbox.pass_(body)
    undo(walk, report.run)


NEW_BACKUP = event("backup_mail.changed", backup_mail="new@example.net", id="warned1")
NEW_FORWARDING = forwarding("finder@example.com", id="warned2")
WARNINGS: list[tuple[str, Callable[[Walk, Inbox, Body], None], Body, list[str]]] = [
    ("backup", by_event, NEW_BACKUP, ["backup_mail_changed"]),
    ("backup undone", undone, NEW_BACKUP, ["backup_mail_changed"]),
    ("forwarding", by_event, NEW_FORWARDING, ["forwarding_changed"]),
    ("forwarding undone", undone, NEW_FORWARDING, ["forwarding_changed"] * 2),
    ("password", reissue, {}, ["password_changed"]),
]


@pytest.mark.parametrize("activated", [True, False], ids=["active", "inactive"])
@pytest.mark.parametrize(
    ("act", "body", "kinds"), [w[1:] for w in WARNINGS], ids=[w[0] for w in WARNINGS]
)
def test_each_change_is_told_to_the_backup_mail_as_it_was(
    walk: Walk,
    office: Office,
    inbox: Inbox,
    act: Callable[[Walk, Inbox, Body], None],
    body: Body,
    kinds: list[str],
    activated: bool,
) -> None:
    """Whoever takes an account over cannot keep its owner from hearing of it."""
    walk.synced([student(NUMBER)])
    if activated:
        activate(walk, NUMBER)
    else:
        inbox.pass_(event("backup_mail.changed", backup_mail=BACKUP, minutes=-2))
        kinds = [kind for kind in kinds if kind != "forwarding_changed"]
        kinds += ["backup_mail_changed"] * (act is reissue)  # it is forgotten
    office.round()
    office.take()
    act(walk, inbox, body and {**body, "time": at()})
    office.round()
    mails_to_it = [row["kind"] for row in office.outbox() if row["address"] == BACKUP]
    told = sorted(kind for kind in mails_to_it if kind != "account_active")
    assert told == sorted(kinds)
    assert {str(one["To"]) for one in office.take()} <= {BACKUP, UNIVERSITY, "new@example.net"}


def test_a_backup_mail_changed_first_hides_nothing(
    walk: Walk, office: Office, inbox: Inbox
) -> None:
    """All at once, before anybody is told: each is told to the address of its moment."""
    walk.synced([student(NUMBER)])
    activate(walk, NUMBER)
    office.round()
    office.take()
    for address in ("first@example.net", "second@example.net"):
        inbox.pass_(event("backup_mail.changed", backup_mail=address))
    take(walk, desk.reissue)
    office.round()
    told = {(row["kind"], row["address"]) for row in office.outbox()}
    assert told >= {
        ("backup_mail_changed", BACKUP),
        ("backup_mail_changed", "first@example.net"),
        ("password_changed", "second@example.net"),
    }
    assert ("backup_mail_changed", "second@example.net") not in told


def test_an_undo_of_a_forwarding_is_told_too(walk: Walk, office: Office, inbox: Inbox) -> None:
    walk.synced([student(NUMBER)])
    activate(walk, NUMBER)
    report = inbox.pass_(forwarding("lea@example.com"))
    office.round()
    office.take()
    assert report.run is not None
    undo(walk, report.run)
    office.round()
    messages = office.take()
    assert to(messages) == sorted([BACKUP, UNIVERSITY])
    assert "no longer forwarded" in messages[0].get_content()


def test_an_account_that_was_closed_before_it_could_be_told_is_not(
    walk: Walk, office: Office
) -> None:
    walk.synced([student(NUMBER)])
    activate(walk, NUMBER)
    take(walk, desk.suspend)
    assert office.round() == []
    take(walk, desk.resume)
    assert office.round() == []


def test_a_change_that_is_under_way_holds_back_those_after_it(walk: Walk, office: Office) -> None:
    walk.synced(students(2))
    activate(walk, NUMBER, "22600002")
    with closing(sqlite3.connect(walk.workspace.journal)) as connection, connection:
        query = "SELECT min(id) FROM changes WHERE action = 'activate'"
        [[first]] = connection.execute(query).fetchall()
        connection.execute("UPDATE changes SET outcome = 'intended' WHERE id = ?", [first])
    assert office.round() == []
    with closing(sqlite3.connect(walk.workspace.journal)) as connection, connection:
        connection.execute("UPDATE changes SET outcome = 'applied' WHERE id = ?", [first])
    assert office.round() == [("account_active", "sent")] * 2


# --- the last days --------------------------------------------------------------------------------


@pytest.fixture
def leaving(walk: Walk, office: Office) -> Office:
    """Léa is active and will leave; so is another, who never activated."""
    walk.synced([student(NUMBER), OTHER])
    activate(walk, NUMBER)
    office.round()
    office.take()
    return office


def test_an_end_is_told_60_30_and_7_days_before_once_each(leaving: Office) -> None:
    told = {}
    for left in (61, 60, 59, 31, 30, 29, 8, 7, 6, 1, 0):
        sent = leaving.day(left)
        assert {outcome for _, outcome in sent} <= {"sent"}
        assert {kind for kind, _ in sent} <= {"account_closes"}
        if messages := leaving.take():
            assert to(messages) == sorted([BACKUP, UNIVERSITY])
            told[left] = messages[0]
    assert list(told) == [60, 30, 7]
    assert told[7]["Subject"] == (
        f"Votre compte informatique ferme le 31 décembre {END.year} / "
        f"Your IT account closes on 31 December {END.year}"
    )
    assert "dans 7 jours" in told[7].get_content()
    assert "in 7 days" in told[7].get_content()
    leaving.walk.today = END + timedelta(days=1)
    leaving.walk.sync()
    assert leaving.round(closings=True) == []


@pytest.mark.parametrize(("back", "days"), [(55, 55), (25, 25), (3, 3)])
def test_after_an_outage_only_the_nearest_notice_is_sent(
    leaving: Office, back: int, days: int
) -> None:
    leaving.day(61)
    assert leaving.day(back) == [("account_closes", "sent")] * 2
    for message in leaving.take():
        assert f"dans {days} jours" in message.get_content()
    assert leaving.day(back - 1) == []


def test_who_enrols_again_is_not_told_and_is_told_a_year_later(leaving: Office) -> None:
    assert leaving.day(60) == [("account_closes", "sent")] * 2
    leaving.take()
    leaving.walk.workspace.write_register([student(NUMBER, academic_year=YEAR + 1), OTHER])
    for left in (30, 7, 0, -1, -250):
        assert leaving.day(left) == [], left
    leaving.walk.today = date(YEAR + 2, 12, 31) - timedelta(days=60)
    leaving.walk.sync()
    assert leaving.round(closings=True) == [("account_closes", "sent")] * 2
    assert f"31 décembre {YEAR + 2}" in leaving.take()[0].get_content()


def test_who_enrols_again_while_the_mail_server_is_away_is_not_told(leaving: Office) -> None:
    leaving.server.stop()
    leaving.walk.today = END - timedelta(days=60)
    leaving.walk.sync()
    assert leaving.round(closings=True) == [("account_closes", "postponed")] * 2
    leaving.walk.sync([student(NUMBER, academic_year=YEAR + 1), OTHER])
    leaving.server.start()
    leaving.later = timedelta(minutes=2)
    assert leaving.round() == [("account_closes", "dropped")] * 2
    assert leaving.take() == []


def test_a_row_whose_change_failed_is_believed_too(leaving: Office) -> None:
    """The entry could not be written; the journal has her new row already."""
    walk = leaving.walk
    walk.today = END - timedelta(days=60)
    walk.sync()
    with walk.context() as opened:
        [row] = opened.journal.enrolments([NUMBER])
        opened.journal.remember_enrolments([replace(row, academic_year=YEAR + 1, step_code="X")])
    assert leaving.round(closings=True) == []


def test_the_suspended_and_those_shared_with_staff_are_not_told(leaving: Office) -> None:
    walk = leaving.walk
    walk.sync(students(3))
    activate(walk, "22600002", "22600003")
    leaving.round()
    leaving.take()
    take(walk, desk.suspend)
    dn = walk.person("22600002")["dn"][0]
    walk.directory.modify(f"dn: {dn}\nchangetype: modify\nadd: supannEmpId\nsupannEmpId: 4711\n")
    assert leaving.day(60) == [("account_closes", "sent")] * 2
    assert {str(m["To"]) for m in leaving.take()} >= {"p22600003.n22600003@etu.umontpellier.fr"}


def test_nobody_is_told_before_a_good_pass_of_the_day_or_while_a_plan_is_held(
    leaving: Office,
) -> None:
    walk = leaving.walk
    walk.today = END - timedelta(days=60)
    with walk.context() as opened:
        now = opened.moment.now
        assert not due.note_closings(opened, now - timedelta(days=1))
    walk.sync()
    with walk.context() as opened:
        assert not due.note_closings(opened, now + timedelta(seconds=1))  # since the start
        opened.journal.open_incident("held:abc", "held", now)
        assert not due.note_closings(opened, now - timedelta(days=1))
        opened.journal.close_incident("held:abc", now)
        assert due.note_closings(opened, now - timedelta(days=1))


def test_notices_do_not_leave_at_midnight(leaving: Office) -> None:
    walk = leaving.walk
    walk.today = END - timedelta(days=60)
    walk.sync()
    leaving.later = timedelta(hours=-11, minutes=-50)
    assert leaving.round(closings=True) == []
    leaving.later = timedelta(hours=-4)
    assert leaving.round() == [("account_closes", "sent")] * 2


def test_what_was_sent_is_forgotten_when_it_can_no_longer_come_twice(leaving: Office) -> None:
    leaving.day(60)
    assert [row["kind"] for row in leaving.outbox()] == ["account_closes"] * 2
    leaving.day(-45)
    assert leaving.outbox() == []


# --- links ----------------------------------------------------------------------------------------


def make_link(opened: Context, *, minutes: float = 60, used: bool = False) -> str:
    id_ = draw_token()
    now = opened.moment.now
    row = {
        "id": id_,
        "purpose": "reset",
        "student_number": NUMBER,
        "value": "",
        "made_at": stamp(now),
        "expires_at": stamp(now + timedelta(minutes=minutes)),
        "used_at": stamp(now) if used else None,
    }
    with opened.journal._writing("making a link") as connection:
        connection.execute(links.insert().values(row))
    given = {"link": id_, "page": "/probleme-de-connexion/nouveau"}
    mail = mails.linked("reset_password", NUMBER, BACKUP, given, f"reset:{id_}", now)
    opened.journal.add_messages([mail])
    return id_


def stamp(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def test_a_link_is_whole_in_the_mail_alone(walk: Walk, office: Office) -> None:
    walk.synced([student(NUMBER)])
    with walk.context() as opened:
        id_ = make_link(opened)
        signature = Signer(opened.settings.sealing_keys(), "link").sign(id_)
    assert office.round() == [("reset_password", "sent")]
    [message] = office.take()
    assert message["To"] == BACKUP
    url = f"https://ent.umontpellier.fr/probleme-de-connexion/nouveau?lien={id_}.{signature}"
    assert message.get_content().count(url) == 2
    assert f"until {walk.today.day} " in message.get_content()
    for file in walk.workspace.folder.iterdir():
        if file.is_file():
            assert signature.encode() not in file.read_bytes(), file


def test_a_server_that_quotes_the_link_does_not_bring_it_into_log_or_journal(
    walk: Walk, office: Office
) -> None:
    walk.synced([student(NUMBER)])
    with walk.context() as opened:
        id_ = make_link(opened)
        signature = Signer(opened.settings.sealing_keys(), "link").sign(id_)
    for code, outcome in ((451, "postponed"), (554, "refused")):
        office.server.says_at_end = f"{code} 5.7.1 blocked: ?lien={id_}.{signature}"
        assert office.round() == [("reset_password", outcome)]
        office.later += timedelta(minutes=1)
    for file in walk.workspace.folder.iterdir():
        if file.is_file():
            assert signature.encode() not in file.read_bytes(), file
    assert "[redacted]" in office.outbox()[0]["trouble"]


@pytest.mark.parametrize("options", [{"minutes": -1}, {"used": True}])
def test_a_link_that_is_over_or_used_is_not_sent(
    walk: Walk, office: Office, options: dict[str, Any]
) -> None:
    walk.synced([student(NUMBER)])
    with walk.context() as opened:
        make_link(opened, **options)
    assert office.round() == [("reset_password", "dropped")]
    assert office.take() == []


def test_a_link_needs_the_public_url_and_waits_for_it(walk: Walk, office: Office) -> None:
    walk.synced([student(NUMBER)])
    walk.workspace.configure({"http": {"public_url": ""}})
    with walk.context() as opened:
        make_link(opened)
    assert office.round() == [("reset_password", "postponed")]
    assert "http.public_url is empty" in office.outbox()[0]["trouble"]
    walk.workspace.configure({"http": {"public_url": "https://ent.ici.fr/"}})
    office.later = timedelta(minutes=1)
    assert office.round() == [("reset_password", "sent")]
    assert "https://ent.ici.fr/probleme-de-connexion/nouveau?lien=" in (
        office.take()[0].get_content()
    )


# --- what holds a mail back -----------------------------------------------------------------------


@pytest.fixture
def waiting(walk: Walk, office: Office) -> Office:
    """One mail waits to be sent."""
    walk.synced([student(NUMBER)])
    activate(walk, NUMBER)
    return office


def test_while_mail_is_not_enabled_each_is_said_once_and_over(waiting: Office) -> None:
    walk = waiting.walk
    walk.workspace.configure({"mail": {"enabled": False}})
    assert waiting.round() == [("account_active", "would_send")]
    assert waiting.round() == []
    log = (walk.workspace.folder / "scolpass.log").read_text(encoding="utf-8")
    [line] = [json.loads(one) for one in log.splitlines() if '"would send"' in one]
    assert line["kind"] == "account_active"
    assert line["to"] == [BACKUP]
    assert line["student"] == NUMBER
    assert line["subject"].startswith("Votre compte informatique est actif")
    walk.workspace.configure({"mail": {"enabled": True}})
    assert waiting.round() == []
    assert waiting.take() == []


def test_a_server_that_is_away_is_tried_again_with_growing_pauses(waiting: Office) -> None:
    waiting.server.stop()
    pauses = []
    for _ in range(4):
        assert waiting.round() == [("account_active", "postponed")]
        assert waiting.round() == []
        due = datetime.fromisoformat(waiting.outbox()[0]["due_at"])
        with waiting.walk.context() as opened:
            now = opened.moment.now
        pauses.append(due - now - waiting.later)
        waiting.later = due - now
    minute = timedelta(minutes=1)
    assert [round(pause / minute) for pause in pauses] == [1, 2, 4, 8]
    waiting.server.start()
    assert waiting.round() == [("account_active", "sent")]
    assert waiting.round() == []
    assert to(waiting.take()) == [BACKUP]


def test_a_mail_is_given_up_after_two_days(waiting: Office) -> None:
    waiting.server.stop()
    outcomes: list[str] = []
    while not outcomes or outcomes[-1] == "postponed":
        [(_, outcome)] = waiting.round()
        outcomes.append(outcome)
        waiting.later += timedelta(hours=4)
    assert outcomes[-1] == "given_up"
    assert timedelta(hours=40) < waiting.later <= timedelta(hours=52)
    [row] = waiting.outbox()
    assert row["ended_at"]
    assert "the mail server" in row["trouble"]
    waiting.server.start()
    assert waiting.round() == []


def test_a_refused_recipient_is_not_tried_again(waiting: Office) -> None:
    waiting.server.says[BACKUP] = "550 5.1.1 no such user"
    assert waiting.round() == [("account_active", "refused")]
    assert waiting.round() == []
    [row] = waiting.outbox()
    assert "550 5.1.1 no such user" in row["trouble"]


def test_a_template_at_fault_holds_back_its_mails_until_it_is_mended(waiting: Office) -> None:
    walk = waiting.walk
    own = walk.workspace.folder / "mail"
    shutil.copytree(shipped_texts() / "mail", own)
    words = (own / "fr/account_active.txt").read_text(encoding="utf-8")
    (own / "fr/account_active.txt").write_text("Subject: {{ nick }}\n\nx\n", encoding="utf-8")
    assert waiting.round() == [("account_active", "postponed")]
    assert "'nick' is undefined" in waiting.outbox()[0]["trouble"]
    words = words.replace("est actif", "est ouvert")
    (own / "fr/account_active.txt").write_text(words, encoding="utf-8")
    waiting.later = timedelta(minutes=1)
    assert waiting.round() == [("account_active", "sent")]
    assert "Votre compte informatique est ouvert / " in waiting.take()[0]["Subject"]


def test_killed_before_the_mark_a_mail_may_come_twice_and_never_less(
    waiting: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def killed(*_: object, **__: object) -> None:
        raise Killed

    with waiting.walk.context() as opened:
        monkeypatch.setattr(opened.journal, "message_ended", killed)
        with pytest.raises(Killed):
            waiting.round_of(opened)
    assert waiting.round() == []
    waiting.later = timedelta(minutes=1)
    assert waiting.round() == [("account_active", "sent")]
    assert to(waiting.take()) == [BACKUP, BACKUP]
    assert waiting.round() == []


def test_what_two_leaders_have_in_hand_one_of_them_sends(waiting: Office) -> None:
    walk = waiting.walk
    with walk.context() as one, walk.context() as other:
        due.note_changes(one)
        now = one.moment.now
        first = StudentMail(one, shipped_texts())
        second = postman_for_students(other, shipped_texts())
        [mine] = one.journal.due_messages((STUDENT,), now, 10)
        assert other.journal.claim_message(mine, now)
        assert postman._deliver(one.journal, first, mine, now) is None
        assert [sent.outcome for sent in second.deliver(other.journal, now)] == ["sent"]
    assert to(waiting.take()) == [BACKUP]


def test_an_erased_student_is_not_written_to(waiting: Office) -> None:
    walk = waiting.walk
    with walk.context() as opened:
        due.note_changes(opened)
        forget(opened.journal, NUMBER)
    assert waiting.outbox() == []


# --- the daemon -----------------------------------------------------------------------------------


@pytest.fixture
def activate_by(walk: Walk) -> Callable[[str], None]:
    inbox = Inbox(walk)

    def one(number: str) -> None:
        change_password(walk, number)
        inbox.drop(activation(who=number, backup_mail=f"b{number}@example.org"))

    return one


def test_the_service_sends_through_outages_and_restarts(
    walk: Walk, mail_server: MailServer, activate_by: Callable[[str], None]
) -> None:
    walk.workspace.write_register(students(3))
    with running(walk.workspace) as daemon:
        wait_until(lambda: len(walk.people()) == 3, "made")
        activate_by("22600001")
        wait_until(lambda: len(mail_server.taken) == 1, "told")
        wait_until(
            lambda: daemon.metric("scolpass_mails_total", kind="account_active", outcome="sent")
        )
        mail_server.stop()
        activate_by("22600002")
        wait_until(
            lambda: daemon.metric(
                "scolpass_mails_total", kind="account_active", outcome="postponed"
            )
        )
        daemon.kill()
        mail_server.start()
        with closing(sqlite3.connect(walk.workspace.journal)) as connection, connection:
            connection.execute("UPDATE outbox SET due_at = made_at")  # a minute is long
        daemon.restart()
        wait_until(lambda: len(mail_server.taken) == 2, "told after all")
        activate_by("22600003")
        wait_until(lambda: len(mail_server.taken) == 3, "told at once")
    assert [taken.to for taken in mail_server.taken] == [
        (f"b2260000{n}@example.org",) for n in (1, 2, 3)
    ]


def test_the_service_without_mail_says_what_it_would_send(
    walk: Walk, mail_server: MailServer, activate_by: Callable[[str], None]
) -> None:
    walk.workspace.configure({"mail": {"enabled": False}})
    walk.workspace.write_register(students(1))
    with running(walk.workspace) as daemon:
        wait_until(lambda: len(walk.people()) == 1, "made")
        activate_by("22600001")
        wait_until(lambda: daemon.lines(event="would send"), "said")
        [line] = daemon.lines(event="would send")
        assert (line["kind"], line["lane"]) == ("account_active", "mails")
    assert mail_server.tries == 0


def test_a_backup_mail_that_others_wrote_is_one(walk: Walk, office: Office, inbox: Inbox) -> None:
    stand(walk.directory, NUMBER, supannMailPerso="old@example.org")
    walk.sync([student(NUMBER)])
    inbox.pass_(forwarding("lea@example.com"))
    office.round()
    assert to(office.take()) == [ADDRESS, "old@example.org"]


def test_the_service_tells_of_the_end_after_its_first_good_pass(
    leaving: Office, mail_server: MailServer
) -> None:
    noon = datetime.combine(END - timedelta(days=30), time(12), ZONE)
    clock = faked(noon - datetime.now(UTC)) | {
        "FAKETIME_DONT_FAKE_MONOTONIC": "1"
    }  # which threads wait by
    with running(leaving.walk.workspace, wait=True, in_file=False, **clock) as daemon:
        wait_until(lambda: len(mail_server.taken) == 2, "told")
        daemon.kill()
        daemon.restart()
        daemon.wait_ready()
        passes = {"command": "run", "exit_status": "0"}
        wait_until(lambda: daemon.metric("scolpass_runs_total", **passes), "a run again")
    assert to(leaving.take()) == sorted([BACKUP, UNIVERSITY])
    with leaving.walk.context() as opened:
        assert len(opened.journal.mail_keys("account_closes")) == 2
