"""Incidents are told once, by real mail and a real webhook, whatever happens in between."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import structlog
from pydantic import SecretStr

from connector.clock import instant
from connector.core.model import Action, Held
from connector.edges import http_post, smtp
from connector.edges.journal import STUDENT, Journal, open_journal
from connector.edges.ldap.connection import BindRefused
from connector.errors import (
    ConfigurationError,
    DirectoryUntrusted,
    FeedRefused,
    JournalUntrusted,
    Refused,
    ScolpassError,
    Transient,
    Untrustworthy,
)
from connector.log import redaction
from connector.notify import incidents, postman, ways
from connector.notify import operators as alerts
from connector.notify.incidents import Incident
from connector.notify.operators import Alerts
from tests.support import waiting
from tests.support.mail import MailServer
from tests.support.ports import free_port
from tests.support.telling import INSTITUTION, telling

INCIDENT = Incident("directory", "the directory cannot be reached", "`scolpass check`")
SECRET = "T0k3n-of-the-hook"


class Hook:
    """A real HTTP server on loopback that keeps what is posted, and answers as it is told."""

    def __init__(self) -> None:
        self.posted: list[dict[str, Any]] = []
        self.headers: list[Mapping[str, str]] = []
        self.paths: list[str] = []
        self.tries = 0
        self.answers: list[int] = []  # status codes, the last one for ever; empty: 204
        self.hangs = threading.Event()
        self.goes_on = threading.Event()
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                hook.tries += 1
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if hook.hangs.is_set():
                    hook.goes_on.wait(20)
                code = 204
                if hook.answers:
                    code = hook.answers[0] if len(hook.answers) == 1 else hook.answers.pop(0)
                if code < 300:
                    hook.posted.append(json.loads(body))
                    hook.headers.append(dict(self.headers))
                    hook.paths.append(self.path)
                with suppress(OSError):
                    self.send_response(code)
                    if code // 100 == 3:
                        self.send_header("Location", "/elsewhere")
                    self.send_header("Content-Length", "0")
                    self.end_headers()

            do_GET = do_POST  # noqa: N815 - what urllib would make of a redirected POST

            def log_message(self, *_: object) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/services/{SECRET}"

    def __enter__(self) -> Hook:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.goes_on.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


class Trouble:
    """Breaks a journal from outside, and mends it: every transaction over incidents fails."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def _run(self, statement: str) -> None:
        with closing(sqlite3.connect(self._file)) as connection:
            connection.execute(statement)

    def begin(self) -> None:
        self._run("ALTER TABLE incidents RENAME TO away")

    def end(self) -> None:
        self._run("ALTER TABLE away RENAME TO incidents")


@contextmanager
def logged() -> Iterator[list[Any]]:
    """The lines of the log, with what is bound to a thread."""
    capture = structlog.testing.LogCapture()
    structlog.configure(processors=[structlog.contextvars.merge_contextvars, capture])
    try:
        yield capture.entries
    finally:
        structlog.reset_defaults()


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be sent is tried again after a second, not after a minute."""
    monkeypatch.setattr(postman, "FIRST_PAUSE", timedelta(seconds=1))
    monkeypatch.setattr(alerts, "POLL", 0.05)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with closing(open_journal(f"sqlite:///{tmp_path / 'journal.db'}")) as journal:
        yield journal


@pytest.fixture
def trouble(tmp_path: Path, journal: Journal) -> Trouble:
    return Trouble(tmp_path / "journal.db")


@pytest.fixture
def server() -> Iterator[MailServer]:
    with MailServer() as server:
        yield server


@pytest.fixture
def hook() -> Iterator[Hook]:
    with Hook() as hook:
        yield hook


class World:
    """One journal, one mail server, one webhook; processes come and go."""

    def __init__(self, journal: Journal, folder: Path, server: MailServer, hook: Hook) -> None:
        self.journal = journal
        self.server = server
        self.hook = hook
        self.folder = folder
        self.url: str | None = hook.url
        self.said: list[Any] = []
        self.mail_enabled = True
        self.more: list[ways.Way] = []

    @contextmanager
    def process(self) -> Iterator[Alerts]:
        settings = telling(
            self.folder,
            "exploitation@univ.fr",
            url=self.url,
            mail=self.mail_enabled,
            port=self.server.port,
        )
        by = [*ways.ways(settings), *self.more]
        with logged() as said, Alerts(by, self.journal) as running:
            self.said = said
            yield running

    def told(self) -> tuple[int, int]:
        return len(self.server.taken), len(self.hook.posted)

    def unsent(self) -> list[str]:
        messages = self.journal.due_messages(("mail", "webhook"), NEVER, 1000)
        return sorted(f"{one.way}:{one.kind}" for one in messages)

    def lines(self, event: str) -> list[Any]:
        return [line for line in self.said if line["event"] == event]


@pytest.fixture
def world(journal: Journal, tmp_path: Path, server: MailServer, hook: Hook) -> Iterator[World]:
    world = World(journal, tmp_path, server, hook)
    yield world
    print(*world.said, sep="\n")


NEVER = datetime(9999, 1, 1, tzinfo=UTC)
wait_until = partial(waiting.wait_until, seconds=120)


# --- nobody is told -------------------------------------------------------------------------------


@pytest.mark.usefixtures("soon")
def test_an_alert_that_no_mail_takes_is_not_said_to_be_sent_and_leaves_once_one_may(
    world: World,
) -> None:
    world.mail_enabled, world.url = False, None
    incident = Incident("journal", "the journal is away", "mend it")
    with world.process() as running:
        assert running.raise_(incident)
        wait_until(lambda: world.lines("would send"), "it is said")
        assert not running.raise_(incident)
    [line] = world.lines("would send")
    assert line["log_level"] == "warning"
    assert "mail.enabled is false" in line["trouble"]
    assert "exploitation@univ.fr" in line["trouble"]
    assert world.lines("alert sent") == []
    assert world.told() == (0, 0)
    assert world.journal.waiting_alerts() == 1
    assert world.journal.incidents().keys() == {"journal"}
    world.mail_enabled = True
    with world.process():
        wait_until(lambda: world.told() == (1, 0), "it is told")
    assert world.journal.waiting_alerts() == 0


def test_where_a_webhook_takes_it_the_mail_that_does_not_leave_is_named_all_the_same(
    world: World,
) -> None:
    world.mail_enabled = False
    with world.process() as running:
        running.raise_(Incident("journal", "the journal is away", "mend it"))
    assert world.told() == (0, 1)
    assert [line["way"] for line in world.lines("alert sent")] == ["webhook"]
    assert [line["way"] for line in world.lines("would send")] == ["mail"]


# --- told, and told once --------------------------------------------------------------------------


def test_an_incident_is_told_by_mail_and_webhook_with_the_command_that_resolves_it(
    world: World,
) -> None:
    incident = incidents.held(
        "ab" * 32, [Held(Action.EXPIRE, 300, 20, "300 expire where 20 may go")]
    )
    with world.process() as running:
        assert running.raise_(incident)
    [message] = world.server.messages
    assert message["To"] == "exploitation@univ.fr"
    assert message["Subject"].startswith(f"[scolpass] {INSTITUTION}: a plan is held for approval")
    text = " ".join(message.get_content().split())
    assert f"`scolpass sync --approve {'ab' * 32} --reason '...'`" in text
    assert "300 expire where 20 may go" in text
    [posted] = world.hook.posted
    assert posted.keys() == {"incident", "what", "cure", "institution", "host", "at"}
    assert posted["incident"] == incident.key
    assert posted["what"] == incident.what
    assert posted["cure"] == incident.cure
    assert posted["institution"] == INSTITUTION
    assert datetime.fromisoformat(posted["at"]).tzinfo is not None
    assert world.hook.headers[0]["Content-Type"] == "application/json; charset=utf-8"
    assert world.journal.incidents().keys() == {incident.key}
    assert world.unsent() == []


def test_it_is_told_once_however_often_it_occurs_and_whoever_starts_anew(world: World) -> None:
    for _ in range(3):
        with world.process() as running:
            for _ in range(5):
                running.raise_(INCIDENT)
    assert world.told() == (1, 1)


@pytest.mark.usefixtures("soon")
def test_many_threads_at_once_tell_it_once(world: World) -> None:
    with world.process() as running:
        threads = [threading.Thread(target=running.raise_, args=[INCIDENT]) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert world.told() == (1, 1)
    assert len(world.lines("incident")) == 1


def test_what_was_resolved_and_comes_again_is_told_again(world: World) -> None:
    with world.process() as running:
        running.raise_(INCIDENT)
        wait_until(lambda: world.told() == (1, 1))
        wait_until(lambda: world.unsent() == [])
        running.close("directory")
        assert [line["incident"] for line in world.lines("resolved")] == ["directory"]
        running.close("directory")
        assert len(world.lines("resolved")) == 1
        assert world.journal.incidents() == {}
        assert running.raise_(INCIDENT)
    assert world.told() == (2, 2)


def test_another_process_resolves_it(world: World) -> None:
    with world.process() as running:
        running.raise_(INCIDENT)
    with world.process() as running:
        running.close("directory")
        assert world.journal.incidents() == {}
        assert [line["incident"] for line in world.lines("resolved")] == ["directory"]


def test_a_colon_closes_all_of_a_kind_but_one_and_nothing_else(world: World) -> None:
    keys = ("held:aa", "held:bb", "held", "heldover:aa", "directory")
    with world.process() as running:
        for key in keys:
            running.raise_(Incident(key, "what", "cure"))
        running.close("held:", but="held:bb")
        assert world.journal.incidents().keys() == {
            "held:bb",
            "held",
            "heldover:aa",
            "directory",
        }
        running.close("held")
        assert world.journal.incidents().keys() == {"held:bb", "heldover:aa", "directory"}


# --- dead servers ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("soon")
def test_a_dead_mail_server_delays_nobody_and_the_webhook_tells_all_the_same(world: World) -> None:
    world.server.stop()
    with world.process() as running:
        begun = time.monotonic()
        running.raise_(INCIDENT)
        assert time.monotonic() - begun < 0.4
        wait_until(lambda: len(world.hook.posted) == 1)
        wait_until(lambda: len(world.lines("alert postponed")) >= 1)
        line = world.lines("alert postponed")[0]
        assert line["log_level"] == "error"
        assert line["way"] == "mail"
        assert line["incident"] == "directory"
        assert str(world.server.port) in line["trouble"]
        wait_until(lambda: world.unsent() == ["mail:directory"])
        # It is tried again, by that way only, whether the incident occurs again or not.
        assert not running.raise_(INCIDENT)
        world.server.start()
        wait_until(lambda: world.told() == (1, 1))
        wait_until(lambda: world.unsent() == [])
        running.raise_(INCIDENT)
    assert world.told() == (1, 1)


def test_what_could_not_be_sent_is_sent_at_the_next_start(world: World) -> None:
    world.server.stop()
    world.hook.answers = [503]
    with world.process() as running:
        running.raise_(INCIDENT)
        wait_until(lambda: len(world.lines("alert postponed")) == 2)
        [first_seen] = {
            one.made_at for one in world.journal.due_messages(("mail", "webhook"), NEVER, 9)
        }
    world.server.start()
    world.hook.answers = []
    with world.process():
        wait_until(lambda: world.told() == (1, 1))
    assert world.unsent() == []
    assert datetime.fromisoformat(world.hook.posted[0]["at"]) == first_seen
    assert world.hook.posted[0]["what"] == INCIDENT.what
    with world.process() as running:
        running.raise_(INCIDENT)
    assert world.told() == (1, 1)


def test_what_was_resolved_before_it_could_be_sent_is_not_sent(world: World) -> None:
    world.server.stop()
    with world.process() as running:
        running.raise_(INCIDENT)
        wait_until(lambda: len(world.lines("alert postponed")) == 1)
        wait_until(lambda: world.unsent() == ["mail:directory"])
        running.close("directory")
    assert world.journal.incidents() == {}
    assert world.unsent() == []
    world.server.start()
    with world.process():
        pass
    assert world.told() == (0, 1)


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("away", [503, 429, 404])
def test_no_answer_makes_an_alert_be_given_up_while_its_incident_lasts(
    world: World, monkeypatch: pytest.MonkeyPatch, away: int
) -> None:
    monkeypatch.setattr(ways.Carried, "longest_pause", timedelta(seconds=1))
    world.hook.answers = [away, away, away, away, 200]
    with world.process() as running:
        running.raise_(INCIDENT)
        wait_until(lambda: world.told() == (1, 1))
        wait_until(lambda: world.unsent() == [])
    assert world.hook.tries == 5
    assert all(str(away) in line["trouble"] for line in world.lines("alert postponed"))


def test_a_webhook_that_says_no_is_left_alone_for_a_while(world: World) -> None:
    world.hook.answers = [404]
    with world.process() as running:
        running.raise_(INCIDENT)
        wait_until(lambda: len(world.lines("alert postponed")) == 1)
        running.raise_(INCIDENT)
    assert world.hook.tries == 1
    assert "404" in world.lines("alert postponed")[0]["trouble"]


def test_the_pause_between_two_tries_grows_to_ten_minutes_and_never_ends(world: World) -> None:
    """For mails the end is two days; an alert is as old as its incident."""
    begun = instant()
    [message] = [
        ways.as_message(way, ways.Alert(INCIDENT, begun))
        for way in ways.ways(telling(world.folder, url=world.url))
        if way.is_wanted
    ]
    world.hook.answers = [404]
    world.journal.open_incident("directory", "it is away", begun, [message])
    [way] = [way for way in ways.ways(telling(world.folder, url=world.url)) if way.is_wanted]
    sender = postman.Postman({"webhook": ways.Carried(way)}, threading.Event())
    now, pauses = begun, []
    for _ in range(8):
        [sent] = sender.deliver(world.journal, now)
        assert sent.outcome == "postponed"
        before = now
        while not world.journal.due_messages(("webhook",), now, 1):
            now += timedelta(minutes=1)
        pauses.append((now - before) // timedelta(minutes=1))
        if len(pauses) == 6:
            now += timedelta(days=30)
    assert pauses == [1, 2, 4, 8, 10, 10, 10, 10]


def test_servers_that_hang_hold_up_neither_a_pass_nor_the_end(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alerts, "PATIENCE", 0.5)
    world.server.hangs = True
    world.hook.hangs.set()
    begun = time.monotonic()
    with world.process() as running:
        running.raise_(INCIDENT)
        wait_until(lambda: world.server.tries == 1)
    assert time.monotonic() - begun < 3
    assert world.unsent() == ["mail:directory", "webhook:directory"]


def test_a_server_that_hangs_is_given_up_and_the_next_alert_goes_out(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtp, "TIMEOUT", 0.2)
    world.server.hangs = True
    with world.process() as running:
        running.raise_(INCIDENT)
        wait_until(lambda: len(world.hook.posted) == 1)
        world.server.hangs = False
        running.raise_(Incident("broker", "the broker is away", "scolpass check"))
        wait_until(lambda: len(world.server.taken) == 1 and len(world.hook.posted) == 2)


@pytest.mark.usefixtures("soon")
def test_many_alerts_behind_a_server_that_hangs_are_kept_and_leave_in_the_end(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alerts, "PATIENCE", 0.2)
    world.server.hangs = True
    with world.process() as running:
        for number in range(60):
            running.raise_(Incident(f"held:{number}", "what", "cure"))
    assert len(world.journal.incidents()) == 60
    assert len(world.unsent()) == 120
    world.server.hangs = False
    monkeypatch.setattr(alerts, "PATIENCE", 10)
    with world.process() as running:
        for number in range(60):
            assert not running.raise_(Incident(f"held:{number}", "what", "cure"))
        wait_until(lambda: world.unsent() == [])
    assert len(world.hook.posted) in (60, 61)  # one was under way when the first process ended
    assert len({message["Subject"] for message in world.server.messages}) == 1
    assert len(world.server.taken) in (60, 61)


def test_a_way_that_fails_by_a_bug_is_said_and_the_others_go_on(world: World) -> None:
    def broken(_: ways.Alert) -> None:
        raise ZeroDivisionError

    world.more = [ways.Way("broken", "by a way that is broken", "", "", True, broken)]
    with world.process() as running:
        running.raise_(INCIDENT)
        wait_until(lambda: world.told() == (1, 1))
        wait_until(lambda: world.unsent() == [])
    [line] = world.lines("a way for alerts is broken")
    assert line["exc_info"]
    [line] = world.lines("alert postponed")
    assert (line["way"], line["trouble"]) == ("broken", "ZeroDivisionError while sending an alert")


# --- killed, and a journal in trouble -------------------------------------------------------------


class Killed(BaseException):
    pass


@pytest.mark.parametrize(
    "at", ["before it is kept", "once it is kept", "once claimed", "once sent"]
)
def test_killed_at_any_moment_somebody_hears_of_it(world: World, at: str) -> None:
    """An incident and its alerts are kept in one transaction; what was claimed is sent again."""

    def killed(*_: object, **__: object) -> Any:
        raise Killed

    with world.process() as running, pytest.MonkeyPatch.context() as patch:
        patch.setattr(threading, "excepthook", lambda _: None)
        if at == "before it is kept":
            patch.setattr(world.journal, "open_incident", killed)
        elif at == "once it is kept":
            patch.setattr(running, "_send_all", killed)
        elif at == "once claimed":
            patch.setattr(smtp, "send", killed)
            patch.setattr(ways, "post", killed)
        else:
            patch.setattr(world.journal, "message_ended", killed)
        with suppress(Killed):
            running.raise_(INCIDENT)
        if at != "before it is kept":
            running._thread.join(30)
            assert not running._thread.is_alive()
    assert world.told() != (1, 1)
    with closing(sqlite3.connect(world.folder / "journal.db")) as connection, connection:
        connection.execute("UPDATE outbox SET due_at = made_at")  # a minute is long
    with world.process() as running:
        running.raise_(INCIDENT)
        wait_until(lambda: world.unsent() == [])
    assert min(world.told()) >= 1
    assert max(world.told()) <= 2
    assert world.journal.incidents().keys() == {"directory"}


def test_with_the_journal_in_trouble_it_is_told_once_a_process(
    world: World, trouble: Trouble
) -> None:
    incident = incidents.untrusted(JournalUntrusted("the journal is locked", "Wait"))
    trouble.begin()
    for told in (1, 2):
        with world.process() as running:
            for _ in range(3):
                running.raise_(incident)
        assert world.told() == (told, told)
    trouble.end()
    assert world.journal.incidents() == {}


def test_what_waits_in_memory_is_tried_no_sooner_because_its_incident_occurs_again(
    world: World, trouble: Trouble
) -> None:
    world.hook.answers = [503]
    world.server.stop()
    trouble.begin()
    with world.process() as running:
        running.raise_(INCIDENT)
        wait_until(lambda: len(world.lines("alert postponed")) == 2)
        for _ in range(3):
            assert not running.raise_(INCIDENT)
    assert world.hook.tries == 1
    assert len(world.lines("alert postponed")) == 2


def test_what_waited_in_memory_is_in_the_outbox_once_the_journal_is_back(
    world: World, trouble: Trouble
) -> None:
    world.hook.answers = [503]
    world.server.stop()
    trouble.begin()
    with world.process() as running:
        running.raise_(INCIDENT)
        wait_until(lambda: len(world.lines("alert postponed")) == 2)
        trouble.end()
        assert not running.raise_(INCIDENT)
        assert world.unsent() == ["mail:directory", "webhook:directory"]
    world.hook.answers = []
    world.server.start()
    with world.process():
        wait_until(lambda: world.unsent() == [])
    assert world.told() == (1, 1)


def test_what_was_told_without_the_journal_is_not_told_again_when_it_is_back(
    world: World, trouble: Trouble
) -> None:
    trouble.begin()
    with world.process() as running:
        assert running.raise_(INCIDENT)
        trouble.end()
        assert not running.raise_(INCIDENT)
        assert world.journal.incidents().keys() == {"directory"}
    with world.process() as running:
        assert not running.raise_(INCIDENT)
        running.close("directory")
    assert world.told() == (1, 1)
    assert world.journal.incidents() == {}


def test_what_was_told_without_the_journal_can_be_resolved_without_it(
    world: World, trouble: Trouble
) -> None:
    trouble.begin()
    with world.process() as running:
        running.raise_(INCIDENT)
        wait_until(lambda: len(world.lines("alert sent")) == 2)
        running.close("directory")
        assert len(world.lines("resolved")) == 1
        assert running.raise_(INCIDENT)
    assert world.told() == (2, 2)


# --- nothing secret leaves ------------------------------------------------------------------------


def test_no_secret_leaves_in_a_mail_or_a_post_or_stays_in_the_journal(world: World) -> None:
    with world.process() as running, redaction.guarded_secret("481516"):
        running.raise_(
            Incident(
                "failing",
                "22600001: userPassword 481516 {ARGON2}$argon2id$v=19$m=1024,t=1,p=1$abc$def",
                "see postgresql://scolpass:hunter2@db/journal",
            )
        )
    text = world.server.messages[0].get_content() + json.dumps(world.hook.posted)
    with closing(sqlite3.connect(world.folder / "journal.db")) as connection:
        text += "\n".join(connection.iterdump())
    for secret in ("481516", "argon2id", "hunter2"):
        assert secret not in text
    assert "22600001" in text


@pytest.mark.parametrize("trouble", ["away", "refuses", "redirects", "hangs"])
def test_the_url_of_the_webhook_is_in_no_line_of_the_log(
    world: World, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    if trouble == "away":
        world.url = f"http://127.0.0.1:{free_port()}/services/{SECRET}"
    elif trouble == "hangs":
        monkeypatch.setattr(http_post, "TIMEOUT", 0.2)
        world.hook.hangs.set()
    else:
        world.hook.answers = [{"refuses": 403, "redirects": 302}[trouble]]
    with world.process() as running:
        running.raise_(INCIDENT)
        wait_until(lambda: len(world.lines("alert postponed")) == 1)
    assert SECRET not in repr(world.said)
    assert "http://127.0.0.1" in world.lines("alert postponed")[0]["trouble"]
    assert world.hook.posted == []
    if trouble == "redirects":
        assert world.hook.tries == 1


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://127.0.0.1/x",
        f"https:///{SECRET}",
        f"https://host:port/{SECRET}",
        f"http://127.0.0.1/{SECRET} HTTP/1.1\r\nX: y",
        f"http://[::1/{SECRET}",
        SECRET,
    ],
)
def test_what_is_no_http_url_is_refused_unseen(url: str) -> None:
    with pytest.raises(Refused, match="https://host/path") as caught:
        http_post.post(SecretStr(url), {})
    assert SECRET not in str(caught.value)


def test_a_webhook_that_is_away_is_worth_another_try() -> None:
    with pytest.raises(Transient, match="Connection refused") as caught:
        http_post.post(SecretStr(f"http://127.0.0.1:{free_port()}/{SECRET}"), {})
    assert SECRET not in str(caught.value)
    with pytest.raises(Transient, match="posting to http://nowhere.invalid"):
        http_post.post(SecretStr(f"http://nowhere.invalid/{SECRET}"), {})


def test_a_webhook_whose_secret_is_gone_is_said(world: World) -> None:
    with world.process() as running:
        (world.folder / "alerts.url").unlink()
        running.raise_(INCIDENT)
        wait_until(lambda: len(world.lines("alert postponed")) == 1)
    assert "gone" in world.lines("alert postponed")[0]["trouble"]


def test_without_anybody_to_tell_it_is_logged_and_kept(journal: Journal, tmp_path: Path) -> None:
    by = ways.ways(telling(tmp_path))
    assert not any(way.is_wanted for way in by)
    with logged() as said, Alerts(by, journal) as running:
        assert running.raise_(INCIDENT)
        assert not running.raise_(INCIDENT)
    [line] = said
    assert (line["log_level"], line["incident"]) == ("error", "directory")
    assert line["cure"] == INCIDENT.cure
    assert journal.incidents().keys() == {"directory"}
    assert journal.waiting_alerts() == 0


def test_what_no_mail_takes_is_said_once_by_each_process_and_stays_unsent(world: World) -> None:
    world.mail_enabled, world.url = False, None
    for _ in range(2):
        with world.process() as running:
            running.raise_(INCIDENT)
            running.raise_(INCIDENT)
            running.catch_up()
        [line] = world.lines("would send")
        assert "exploitation@univ.fr" in line["trouble"]
        assert line["way"] == "mail"
    assert world.journal.incidents().keys() == {"directory"}
    assert world.unsent() == ["mail:directory"]


def test_what_no_mail_takes_is_said_again_when_its_incident_comes_again(world: World) -> None:
    world.mail_enabled, world.url = False, None
    with world.process() as running:
        running.raise_(INCIDENT)
        running.close("directory")
        running.raise_(INCIDENT)
    assert len(world.lines("would send")) == 2


def test_every_way_says_why_it_tells_nobody_or_whom_it_tells(tmp_path: Path) -> None:
    nothing = telling(tmp_path)
    assert [bool(way.lacks and way.cure) for way in ways.ways(nothing)] == [True] * len(ways.WAYS)
    all_ = ways.ways(telling(tmp_path, "it@univ.fr", url="https://hooks.univ.fr/x"))
    assert [(way.lacks, way.is_wanted) for way in all_] == [("", True)] * len(ways.WAYS)
    assert len({way.name for way in all_} | {STUDENT}) == len(ways.WAYS) + 1


# --- which incidents there are --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "key", "command"),
    [
        (FeedRefused("smaller", "run `scolpass sync --accept-feed`"), "feed", "--accept-feed"),
        (DirectoryUntrusted("away", "Start the server."), "directory", "`scolpass check`"),
        (BindRefused("refused", "See the file."), "service-password", "`scolpass check`"),
        (JournalUntrusted("locked", ""), "journal", "`scolpass check`"),
        (Untrustworthy("the clock", "Set it."), "pass", "`scolpass check`"),
    ],
)
def test_what_stops_a_pass_is_one_incident_of_its_kind(
    error: ScolpassError, key: str, command: str
) -> None:
    incident = incidents.untrusted(error)
    assert incident.key == key
    assert incident.what == error.message
    assert command in incident.cure


def test_the_other_incidents_say_what_to_type() -> None:
    failing = incidents.failing({str(n): "refused" for n in range(22600009, 22600000, -1)}, 3)
    assert failing.what.startswith("9 entries have failed 3 runs in a row: 22600001, ")
    assert "22600006" not in failing.what
    assert "`scolpass resync 22600001`" in failing.cure
    one = incidents.failing({"22600001": "refused"}, 3)
    assert one.what == "1 entry has failed 3 runs in a row: 22600001; the first: refused"
    reload = incidents.configuration(ConfigurationError("a mistake", "Correct it."))
    assert "the one before is in use: a mistake" in reload.what
    assert "`systemctl reload scolpass`" in reload.cure
    guessing = incidents.guessing(160, 15_000)
    assert (
        "sign-ins failed at 160 accounts within a day; 15,000 accounts in all not activated"
        in guessing.what
    )
    assert "activation.throttle" in guessing.cure
    assert incidents.broker("broker", Transient("away")).key == "broker"
    assert "`scolpass check`" in incidents.spool(ConfigurationError("no folder", "Name one.")).cure
