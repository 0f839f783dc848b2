"""Mails and letters: whether they can be sent, and whether they can be written."""

from __future__ import annotations

from connector.check.case import Case, Findings, failed
from connector.check.findings import Finding, Mark, hint, warning
from connector.desk import letter_text
from connector.edges import smtp
from connector.errors import ConfigurationError, EntryError, ScolpassError
from connector.log.redaction import guarded_secret
from connector.notify import mail_text
from connector.notify import students as mails


def server(case: Case) -> Findings:
    """Try the mail server as far as signing in; nothing is sent."""
    rules = case.settings.mail
    if not rules.enabled:
        return
    who = f"{rules.host}:{rules.port}"
    try:
        password = rules.password()
    except ConfigurationError:
        return  # which is a finding of the secrets
    try:
        if password is None:
            reached = smtp.probe(rules)
        else:
            with guarded_secret(password):
                reached = smtp.probe(rules)
    except EntryError as error:
        yield warning("mail", f"mails do not leave: {error.message}", error.cure)
        return
    how = f", encrypted ({reached.tls})" if reached.tls else ", in clear"
    signed_in = f", signed in as {rules.user}" if rules.user else ""
    yield Finding("mail", f"{who}: reached{how}{signed_in}; nothing was sent")
    if reached.offers_tls and not reached.tls:
        yield hint(
            "mail",
            f"{who} offers encryption, and mails with links go to it in clear",
            "Set mail.starttls = true.",
        )


def alerts(case: Case) -> Findings:
    """Whether anybody is told about trouble."""
    settings = case.settings
    to = ", ".join(settings.alerts.to)
    try:
        posted = settings.alerts_webhook() is not None
    except ConfigurationError:
        return  # which is a finding of the secrets
    if posted or (to and settings.mail.enabled):
        told = [f"by mail: {to}"] if to and settings.mail.enabled else []
        told += ["by the URL in alerts.webhook_url_file"] if posted else []
        yield Finding("alerts", f"trouble is told {' and '.join(told)}")
    elif to:
        # No sync depends on it: it changes no exit status.
        yield Finding(
            "alerts",
            f"nobody will be told of trouble: alerts.to names {to}, but mail.enabled is false and "
            "there is no URL to post to",
            Mark.WARNING,
            "Set mail.enabled = true, or write a URL into the file alerts.webhook_url_file.",
        )
    else:
        yield hint(
            "alerts",
            "nobody will be told of trouble: alerts.to is empty and there is no URL to post to",
            "Name somebody in alerts.to, or write a URL into the file alerts.webhook_url_file.",
        )


def templates(case: Case) -> Findings:
    """Every mail and every letter, written with made-up data."""
    settings, shipped = case.settings, case.definition.texts
    wrong = False
    for _, error in mail_text.trials(settings, shipped):
        if error is not None:
            wrong = True
            yield warning("mail", error.message, error.cure)
    if not wrong:
        languages = " and ".join(mails.LANGUAGES)
        yield Finding("mail", f"all {len(mails.KINDS)} templates can be filled in, {languages}")
    said: set[str] = set()  # what is wrong in each language is said once
    for language in letter_text.languages(settings, shipped):
        try:
            letter_text.trial(settings, shipped, language)
        except ScolpassError as error:
            if error.message not in said:
                yield failed("letters", error, status=1)
            said.add(error.message)
        else:
            yield Finding("letters", f"the letter in {language!r} prints")
