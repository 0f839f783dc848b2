"""Sending mail to students: what is due is handed to the mail server, again and again.

A link is completed as its mail is sent: the outbox holds half of it
(:mod:`connector.edges.tokens`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import structlog

from connector.core.characters import seen
from connector.core.feed import identity
from connector.edges import smtp
from connector.edges.journal import Queued
from connector.edges.templates import Templates, Value
from connector.edges.tokens import LINKS, Signer
from connector.errors import ConfigurationError, Refused, ScolpassError, Transient
from connector.log.redaction import guarded_secret, scrub
from connector.notify.due import notice_due
from connector.notify.mail_text import Link, of_kind
from connector.notify.students import CLOSES, LANGUAGES
from connector.settings.sections import Settings
from connector.walk.context import Context

PATIENCE = timedelta(days=2)  # after which a mail is given up
FIRST_PAUSE = timedelta(minutes=1)  # before it is tried again; doubled each time ...
LONGEST_PAUSE = timedelta(hours=4)  # ... up to this
THINKING = 60.0  # seconds that the mail server may take over one mail
TOGETHER = 20  # mails taken from the outbox at once


log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Sent:
    """The outcome of one mail."""

    kind: str
    outcome: str  # sent, would_send, postponed, given_up, refused, dropped
    trouble: ScolpassError | None = None  # what is wrong with more than this mail: it is mended


class Postman:
    """Writes mails that are due, and hands them to the mail server."""

    def __init__(self, settings: Settings, shipped: Path) -> None:
        """Take the institution's templates, or those of ``shipped``, the folder with all texts.

        Raises:
            ConfigurationError: the key file cannot be used.
        """
        self._settings = settings
        self._templates = Templates(settings.texts("mail", shipped))
        self._signer = Signer(settings.sealing_keys(), LINKS)

    def deliver(self, context: Context) -> Iterator[Sent]:
        """Send some of what is due, one after the other as they are asked for.

        Raises:
            JournalUntrusted: the journal cannot be read or written; nothing more is sent then.
        """
        for mail in context.journal.due_mails(context.moment.now, TOGETHER):
            if context.stop.is_set():
                return
            signature = self._signer.sign(mail.given["link"]) if "link" in mail.given else ""
            with (
                guarded_secret(signature),  # mail servers quote what they refuse
                structlog.contextvars.bound_contextvars(
                    kind=mail.kind, student=mail.student_number
                ),
            ):
                sent = self._deliver(context, mail, signature)
            if sent is not None:
                yield sent

    def _deliver(self, context: Context, mail: Queued, signature: str) -> Sent | None:
        """What became of one mail; None: somebody else sends it."""
        journal, now, rules = context.journal, context.moment.now, self._settings.mail
        again = now + min(FIRST_PAUSE * 2 ** min(mail.tries, 16), LONGEST_PAUSE)
        try:
            values = self._values(context, mail, signature)
            if isinstance(values, str):
                journal.mail_ended(mail.number, now, values)
                log.info("mail dropped", because=values)
                return Sent(mail.kind, "dropped")
            subject, body = self._templates.render(mail.kind, values)
            # Written before, so that a journal that takes no more is not mailed from for ever.
            if not journal.claim_mail(mail, again):
                return None
            smtp.send(rules, [mail.address], subject, body, patience=THINKING)
        except Refused as error:
            journal.mail_ended(mail.number, now, scrub(error.message))
            log.error("mail refused", trouble=error.message, cure=error.cure)  # noqa: TRY400
            return Sent(mail.kind, "refused")
        except (Transient, ConfigurationError) as error:
            trouble = type(error)(scrub(error.message), scrub(error.cure))
        else:
            journal.mail_ended(mail.number, now)
            if rules.enabled:
                log.info("mail sent")
            return Sent(mail.kind, "sent" if rules.enabled else "would_send")
        if again > mail.made_at + PATIENCE:
            journal.mail_ended(mail.number, now, trouble.message)
            log.error("mail given up", trouble=trouble.message, cure=trouble.cure)
            return Sent(mail.kind, "given_up", trouble)
        journal.mail_postponed(mail.number, again, trouble.message)
        log.warning("mail postponed", trouble=trouble.message, cure=trouble.cure)
        return Sent(mail.kind, "postponed", trouble)

    def _values(
        self, context: Context, mail: Queued, signature: str
    ) -> dict[str, dict[str, Value]] | str:
        """What the templates say, by language; or why the mail is not to be sent any more."""
        settings, journal, moment = self._settings, context.journal, context.moment
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
            language: common | of_kind(mail, known, link, moment, settings.rules, language)
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
