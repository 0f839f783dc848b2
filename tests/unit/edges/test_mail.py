"""Mails leave by a real SMTP server, or are named in the log; nothing is broken into a header."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from connector.edges import smtp
from connector.edges.smtp import send
from connector.errors import ConfigurationError, EntryError, Refused, Transient
from connector.settings.sections import Mail
from tests.support.mail import MailServer
from tests.support.ports import free_port
from tests.support.rabbitmq import write_certificate
from tests.support.workspace import write_secret

TO = ("exploitation@univ.fr",)


@pytest.fixture
def server() -> Iterator[MailServer]:
    with MailServer() as server:
        yield server


def rules(server: MailServer, *, enabled: bool = True) -> Mail:
    return Mail(enabled=enabled, host="127.0.0.1", port=server.port, sender="scolpass@univ.fr")


def refusal(server: MailServer, kind: type[EntryError]) -> EntryError:
    with pytest.raises(kind) as caught:
        send(rules(server), TO, "A subject", "A body")
    assert type(caught.value) is kind
    assert f"127.0.0.1:{server.port}" in caught.value.message
    assert "mail.host" in caught.value.cure
    return caught.value


def test_a_mail_arrives_as_it_was_written(server: MailServer) -> None:
    body = "Une première connexion à régler : « l'œuvre » de Zoë Łukasiewicz €\n" + "long " * 400
    send(rules(server), ("a@univ.fr", "b@univ.fr"), "Été 2026 : à régler", body + "\n.\nfin\n")
    [taken] = server.taken
    assert taken.sender == "scolpass@univ.fr"
    assert taken.to == ("a@univ.fr", "b@univ.fr")
    assert taken.content.isascii()
    assert max(len(line) for line in taken.content.split(b"\r\n")) <= 998
    [message] = server.messages
    assert message["Subject"] == "Été 2026 : à régler"
    assert message["From"] == "scolpass@univ.fr"
    assert message["To"] == "a@univ.fr, b@univ.fr"
    assert message["Date"].datetime is not None
    assert message["Message-ID"].endswith("@univ.fr>")
    assert message["Auto-Submitted"] == "auto-generated"
    assert message.get_content_charset() == "utf-8"
    assert message.get_content().replace("\r\n", "\n") == body + "\n.\nfin\n"


@pytest.mark.parametrize(
    "subject",
    [
        "held\r\nBcc: all@univ.fr",
        "held\nBcc: all@univ.fr",
        "held\rBcc: all@univ.fr",
        "held\r\n\r\nBcc: all@univ.fr",
        "held\x85Bcc: all@univ.fr",
        "held\u2028Bcc: all@univ.fr",
        "held\x0bBcc:\x00 all@univ.fr",
    ],
)
def test_a_subject_begins_no_header_of_its_own(server: MailServer, subject: str) -> None:
    send(rules(server), TO, subject, "A body")
    [message] = server.messages
    assert message["Bcc"] is None
    assert message["Subject"].replace("  ", " ") == "held Bcc: all@univ.fr"
    assert server.taken[0].to == TO
    assert message.get_content().strip() == "A body"


def test_a_long_subject_is_cut_and_what_no_encoding_takes_is_replaced(server: MailServer) -> None:
    send(rules(server), TO, "x" * 5000, "half a sign \ud83d here")
    [message] = server.messages
    assert message["Subject"] == "x" * 197 + "..."
    assert message.get_content().strip() == "half a sign ? here"


@pytest.mark.parametrize(
    "address",
    [
        "",
        "nobody",
        "a@univ.fr\r\nBcc: b@univ.fr",
        "a@univ.fr\nRCPT TO:<b@univ.fr>",
        "a@univ.fr, b@univ.fr",
        "A <a@univ.fr>",
        "zoë@univ.fr",
        "a b@univ.fr",
        '"a"@univ.fr',
        "a@[127.0.0.1]",
    ],
)
@pytest.mark.parametrize("enabled", [True, False])
def test_what_is_no_plain_address_is_refused_before_anything_is_sent(
    server: MailServer, address: str, enabled: bool
) -> None:
    with pytest.raises(Refused, match="it is not a mail address"):
        send(rules(server, enabled=enabled), ("good@univ.fr", address), "A subject", "A body")
    assert server.tries == 0


def test_a_mail_to_nobody_is_refused(server: MailServer) -> None:
    with pytest.raises(Refused, match="no address is named"):
        send(rules(server), (), "A subject", "A body")


def test_while_mail_is_not_enabled_it_is_only_logged(server: MailServer) -> None:
    with structlog.testing.capture_logs() as said:
        send(rules(server, enabled=False), TO, "A\nsubject", "A body")
    assert said == [
        {"event": "would send", "subject": "A subject", "to": list(TO), "log_level": "info"}
    ]
    assert server.tries == 0


def test_a_server_that_is_away_is_worth_another_try(server: MailServer) -> None:
    server.stop()
    assert "refused" in refusal(server, Transient).message
    server.start()
    send(rules(server), TO, "A subject", "A body")
    assert len(server.taken) == 1


def test_a_server_that_never_answers_is_given_up(
    server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtp, "TIMEOUT", 0.3)
    server.hangs = True
    begun = time.monotonic()
    assert "timed out" in refusal(server, Transient).message
    assert time.monotonic() - begun < 5


def test_a_server_that_does_not_even_greet_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp, "TIMEOUT", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings = Mail(enabled=True, port=silent.getsockname()[1], sender="scolpass@univ.fr")
        with pytest.raises(Transient, match="timed out"):
            send(settings, TO, "A subject", "A body")


def test_a_server_that_is_busy_is_worth_another_try(server: MailServer) -> None:
    server.says_at_end = "452 4.3.1 no room"
    assert "452 4.3.1 no room" in refusal(server, Transient).message


def test_a_server_that_says_no_hears_it_once(server: MailServer) -> None:
    server.says_at_end = "554 5.7.1 not from you"
    assert "554 5.7.1 not from you" in refusal(server, Refused).message


def test_a_refused_recipient_is_named_with_what_was_said(server: MailServer) -> None:
    server.says[TO[0]] = "550 5.1.1 no such user"
    said = refusal(server, Refused).message
    assert f"{TO[0]}: 550 5.1.1 no such user" in said
    server.says[TO[0]] = "450 4.2.0 greylisted"
    refusal(server, Transient)


def test_a_recipient_refused_beside_others_is_logged_and_the_others_have_it(
    server: MailServer,
) -> None:
    server.says["gone@univ.fr"] = "550 5.1.1 no such user"
    with structlog.testing.capture_logs() as said:
        send(rules(server), (*TO, "gone@univ.fr"), "A subject", "A body")
    assert server.taken[0].to == TO
    [line] = said
    assert line["log_level"] == "error"
    assert "gone@univ.fr: 550 5.1.1 no such user" in line["trouble"]


def test_a_host_that_is_no_name_is_said() -> None:
    settings = Mail(enabled=True, host="a" * 70 + ".fr", port=free_port(), sender="s@univ.fr")
    with pytest.raises(EntryError, match=r"aaa\.fr"):
        send(settings, TO, "A subject", "A body")


# --- TLS and login --------------------------------------------------------------------------------

SECRET = "Sardine-nacree-1894"


@pytest.fixture
def guarded(server: MailServer, tmp_path: Path) -> Mail:
    """What is sent to a server that wants to know who sends."""
    server.user = ("scolpass", SECRET)
    password = tmp_path / "mail.password"
    write_secret(password, SECRET + "\n")
    return rules(server).model_copy(update={"user": "scolpass", "password_file": password})


def encrypt(server: MailServer, folder: Path) -> Path:
    """Have the server offer STARTTLS; its certificate."""
    certificate, key = folder / "server.pem", folder / "server.key"
    write_certificate(certificate, key)
    server.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.tls.load_cert_chain(certificate, key)
    return certificate


def test_a_server_that_asks_who_sends_is_told(server: MailServer, guarded: Mail) -> None:
    send(guarded, TO, "A subject", "A body")
    assert len(server.taken) == 1
    assert server.logins == [("scolpass", False)]


def test_the_password_goes_over_tls_to_a_server_that_is_proven(
    server: MailServer, guarded: Mail, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    over_tls = guarded.model_copy(update={"starttls": True})
    certificate = encrypt(server, tmp_path)
    with pytest.raises(Transient, match="STARTTLS.*certificate verify failed"):
        send(over_tls, TO, "A subject", "A body")
    assert server.logins == []
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    send(over_tls, TO, "A subject", "A body")
    assert server.logins == [("scolpass", True)]
    assert len(server.taken) == 1


def test_a_server_without_tls_gets_nothing_where_it_is_asked_for(
    server: MailServer, guarded: Mail
) -> None:
    with pytest.raises(Transient, match="STARTTLS") as caught:
        send(guarded.model_copy(update={"starttls": True}), TO, "A subject", "A body")
    assert "mail.starttls" in caught.value.cure
    assert server.logins == []
    assert server.tries == 0


@pytest.mark.parametrize("password", ["Wrong-password-1894", "Mot-de-passe-été-1894"])
def test_a_login_that_is_refused_is_no_fault_of_the_mail(
    guarded: Mail, server: MailServer, password: str
) -> None:
    write_secret(guarded.password_file, password)
    with pytest.raises(Transient, match="scolpass is not let in") as caught:
        send(guarded, TO, "A subject", "A body")
    assert "mail.password_file" in caught.value.cure
    assert password not in str(caught.value)
    assert "\\xe9" not in str(caught.value)
    assert server.tries == 0


def test_a_password_file_that_cannot_be_used_is_named(guarded: Mail) -> None:
    guarded.password_file.unlink()
    with pytest.raises(ConfigurationError, match=r"no secret file .*mail\.password"):
        send(guarded, TO, "A subject", "A body")
