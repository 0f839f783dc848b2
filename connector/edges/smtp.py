"""Mail, handed to the institution's own server by SMTP (RFC 5321)."""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid

import structlog

from connector.clock import instant
from connector.errors import EntryError, Refused, Transient
from connector.log.redaction import guarded_secret, scrub
from connector.settings.sections import Mail

TIMEOUT = 10.0  # seconds without a sign of the server
LONGEST_SUBJECT = 200  # characters
_CURE = "See mail.host and mail.port, and the mail server's log."
_CURE_TLS = "See mail.starttls, and that this machine trusts the server's certificate."
_CURE_LOGIN = "See mail.user and mail.password_file."

log = structlog.get_logger()


def send(
    mail: Mail, to: Sequence[str], subject: str, body: str, *, patience: float | None = None
) -> None:
    """Hand one mail to the server, or log that it would be sent while ``mail.enabled`` is false.

    Args:
        mail: server, sender and whether mail is enabled.
        to: bare addresses, all of them shown; at least one.
        subject: one line; whatever would break it becomes a blank.
        body: plain text.
        patience: seconds that the server may think about the mail, instead of ``TIMEOUT``; the
            longer, the rarer it takes one whose sender has given up (RFC 5321, 4.5.3.2).

    Raises:
        Transient: the server is away, slow or busy, or does not know us; it may have taken the
            mail if its last answer was lost.
        Refused: an address cannot be written to, or the server says no to all of them.
        ConfigurationError: the password file of ``mail.user`` cannot be read.
    """
    message = _message(mail, to, subject, body)
    if not mail.enabled:
        log.info("would send", subject=message["Subject"], to=list(to))
        return
    server: smtplib.SMTP | None = None
    try:
        server = smtplib.SMTP(mail.host, mail.port, timeout=TIMEOUT)
        _introduce(server, mail, _doing(mail, to))
        assert server.sock is not None
        server.sock.settimeout(patience or TIMEOUT)
        refused = server.send_message(message, mail.sender, list(to))
    except (OSError, UnicodeError) as error:  # smtplib's own are OSErrors; a host may be no name
        raise _failed(_doing(mail, to), error) from error
    else:
        with suppress(OSError):  # it has the mail; how it says goodbye changes nothing
            server.quit()
    finally:
        if server is not None:
            server.close()
    if refused:
        log.error(
            "mail",
            trouble=f"{_server(mail)} accepted a mail for some addresses only, "
            f"and refused {_said(refused)}",
            cure="see whether these addresses exist",
        )


@dataclass(frozen=True, slots=True)
class Reached:
    """What a mail server showed that was asked to do nothing."""

    tls: str | None  # the version; None: in clear
    offers_tls: bool


def probe(mail: Mail) -> Reached:
    """Connect to the mail server, with TLS and login as a mail would, and send nothing.

    Raises:
        Transient: it is away or slow, or does not let us in.
        Refused: it says no.
        ConfigurationError: the password file of ``mail.user`` cannot be read.
    """
    doing = f"trying {_server(mail)}"
    server: smtplib.SMTP | None = None
    try:
        server = smtplib.SMTP(mail.host, mail.port, timeout=TIMEOUT)
        server.ehlo_or_helo_if_needed()
        offers = server.has_extn("starttls")
        _introduce(server, mail, doing)
        code, said = server.noop()
        if code != 250:
            raise smtplib.SMTPResponseException(code, said)
        tls = server.sock.version() if isinstance(server.sock, ssl.SSLSocket) else None
    except (OSError, UnicodeError) as error:
        raise _failed(doing, error) from error
    else:
        with suppress(OSError):
            server.quit()
    finally:
        if server is not None:
            server.close()
    return Reached(tls, offers)


def _introduce(server: smtplib.SMTP, mail: Mail, doing: str) -> None:
    """TLS and login, where the configuration asks for them."""
    if mail.starttls:
        try:
            server.starttls(context=ssl.create_default_context())
        except (OSError, ValueError) as error:
            raise Transient(f"{doing}: STARTTLS: {error}", _CURE_TLS) from error
    password = mail.password()
    if password is None:
        return
    try:
        server.login(mail.user, password.get_secret_value())
    except smtplib.SMTPResponseException as error:
        said = _answer(error)
    except UnicodeError:  # whose own words would quote the password
        said = "user and password must be ASCII"
    except OSError as error:
        said = str(error)
    else:
        return
    with guarded_secret(password):
        # The mail is not to blame: it waits until somebody has mended this.
        raise Transient(f"{doing}: {mail.user} is not let in: {scrub(said)}", _CURE_LOGIN)


def _message(mail: Mail, to: Sequence[str], subject: str, body: str) -> EmailMessage:
    for address in to:
        # One address and nothing else: whatever could end a header line, or begin another address.
        if not re.fullmatch(r"[!-~]+@[!-~]+", address) or re.search(r"[,;:<>()\[\]\"\\]", address):
            raise Refused(f"sending a mail to {address!a}: it is not a mail address", "Correct it.")
    if not to:
        raise Refused("sending a mail: no address is named", "Name an address.")
    message = EmailMessage(policy=SMTP)
    message["Subject"] = _one_line(subject)
    if mail.sender is not None:
        message["From"] = mail.sender
        message["Message-ID"] = make_msgid(domain=mail.sender.partition("@")[2])
    message["To"] = ", ".join(to)
    message["Date"] = format_datetime(instant())
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no absence notes in return
    # Seven bits and short lines, which every server takes.
    message.set_content(_encodable(body), charset="utf-8", cte="quoted-printable")
    return message


def _one_line(text: str) -> str:
    line = " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", " ", _encodable(text)).split())
    return line if len(line) <= LONGEST_SUBJECT else line[: LONGEST_SUBJECT - 3] + "..."


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _server(mail: Mail) -> str:
    return f"the mail server {mail.host}:{mail.port}"


def _doing(mail: Mail, to: Sequence[str]) -> str:
    return f"sending a mail to {', '.join(to)} by {_server(mail)}"


def _answer(error: smtplib.SMTPResponseException) -> str:
    said = error.smtp_error
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    return f"{error.smtp_code} {text}"


def _said(refused: dict[str, tuple[int, bytes]]) -> str:
    return "; ".join(
        f"{address}: {code} {text.decode('utf-8', 'replace')}"
        for address, (code, text) in sorted(refused.items())
    )


def _failed(doing: str, error: OSError | UnicodeError) -> EntryError:
    """The error that stands for what the server said, or that it said nothing."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        kind = _kind([code for code, _ in error.recipients.values()])
        return kind(f"{doing}: refused: {_said(error.recipients)}", _CURE)
    if isinstance(error, smtplib.SMTPResponseException):
        return _kind([error.smtp_code])(f"{doing}: {_answer(error)}", _CURE)
    if isinstance(error, UnicodeError | smtplib.SMTPNotSupportedError):
        return Refused(f"{doing}: {error}", _CURE)
    return Transient(f"{doing}: {str(error) or type(error).__name__}", _CURE)


def _kind(codes: Sequence[int]) -> type[EntryError]:
    """RFC 5321, 4.2.1: 4yz may be tried again, 5yz hears the same."""
    return Transient if any(code < 500 for code in codes) else Refused
