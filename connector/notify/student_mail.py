"""A mail to a student, as it leaves: written from its template, and handed to the mail server.

A link is completed as its mail is sent: the outbox holds half of it
(:mod:`connector.edges.tokens`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

from connector.core.characters import seen
from connector.core.feed import identity
from connector.core.languages import LANGUAGES
from connector.edges import smtp
from connector.edges.journal import STUDENT, Queued
from connector.edges.templates import Templates, Value
from connector.edges.tokens import LINKS, Signer
from connector.errors import ConfigurationError, EntryError
from connector.log.redaction import guarded_secret, scrub
from connector.notify.due import notice_due
from connector.notify.mail_text import KINDS, Link, Told
from connector.notify.postman import Carrier, Postman
from connector.notify.students import CLOSES
from connector.walk.context import Context

THINKING = 60.0  # seconds that the mail server may take over one mail


def postman_for_students(context: Context, shipped: Path) -> Postman:
    """A postman who takes the mails to students, until the context's stop.

    Args:
        context: whose moment, as it is when a mail is written, is the present.
        shipped: the folder with the texts that are used where the institution has none of its own.

    Raises:
        ConfigurationError: the key file cannot be used.
    """
    return Postman({STUDENT: StudentMail(context, shipped)}, context.stop)


class StudentMail(Carrier):
    """Mails to students, with the institution's templates, or those that are shipped."""

    called = "mail"
    longest_pause = timedelta(hours=4)
    patience = timedelta(days=2)

    def __init__(self, context: Context, shipped: Path) -> None:
        """Raises :class:`ConfigurationError`: the key file cannot be used."""
        self._context = context
        self._settings = context.settings
        self._templates = Templates(self._settings.texts("mail", shipped))
        self._signer = Signer(self._settings.sealing_keys(), LINKS)

    def named(self, message: Queued) -> Mapping[str, str]:
        """By kind and student."""
        return {"kind": message.kind, "student": message.student_number}

    def written(self, message: Queued) -> Callable[[], str] | str:
        """The mail in all languages, unless its reason is gone."""
        signature = self._signer.sign(message.given["link"]) if "link" in message.given else ""
        rules = self._settings.mail
        with _kept_secret(signature):
            values = self._values(message, signature)
            if isinstance(values, str):
                return values
            subject, body = self._templates.render(message.kind, values)

        def send() -> str:
            with _kept_secret(signature):
                smtp.send(rules, [message.address], subject, body, patience=THINKING)
            return "sent" if rules.enabled else "would_send"

        return send

    def _values(self, mail: Queued, signature: str) -> dict[str, dict[str, Value]] | str:
        """What the templates say, by language; or why the mail is not to be sent any more."""
        settings, journal, moment = self._settings, self._context.journal, self._context.moment
        known = journal.accounts([mail.student_number]).get(mail.student_number)
        if known is None or known.gone:
            return "the account is gone"
        if mail.kind == CLOSES:
            still = notice_due(known, moment.today) is not None
            if not still or known.cutoff != date.fromisoformat(mail.given["end"]):
                return "the account does not close on that day any more, or has closed"
        link = None
        if "link" in mail.given:
            until = journal.link_ends(mail.given["link"])
            if until is None or until <= moment.now:
                return "its link was used, or is over"
            link = Link(self._link(mail, signature), until)
        rows = list(journal.enrolments([mail.student_number]))
        words, zone = KINDS[mail.kind], settings.institution.zone
        url = settings.http.public_url
        common: dict[str, Value] = {
            "institution": settings.institution.name,
            "first_name": seen(identity(rows).first_name) if rows else "",
            "login": known.address or known.uid,
            "mail": known.address,
            "url": url,
            "help": f"{url}/probleme-de-connexion" if url else "",
        }
        return {
            language: common | words.of(Told(mail.given, known, link, moment, zone, language))
            for language in LANGUAGES
        }

    def _link(self, mail: Queued, signature: str) -> str:
        url = self._settings.http.public_url
        if not url:
            raise ConfigurationError(
                f"{self._settings.file}: http.public_url is empty, and mails link to it",
                'Set it, such as "https://ent.univ.fr".',
            )
        return f"{url}{mail.given['page']}?lien={mail.given['link']}.{signature}"


@contextmanager
def _kept_secret(signature: str) -> Iterator[None]:
    """Keep the signature of a link out of the log and of errors: mail servers quote mails."""
    with guarded_secret(signature):
        try:
            yield
        except (EntryError, ConfigurationError) as error:
            raise type(error)(scrub(error.message), scrub(error.cure)) from None
