"""Mails and letters: whether they can be sent, and whether they can be written."""

from __future__ import annotations

from connector.check.case import Case, Findings, failed
from connector.check.findings import Finding, Mark, hint, warning
from connector.core.languages import LANGUAGES
from connector.desk import letter_text
from connector.edges import smtp
from connector.errors import ConfigurationError, EntryError, ScolpassError
from connector.log.redaction import guarded_secret
from connector.notify import mail_text, ways


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
    try:
        found = ways.ways(case.settings)
    except ConfigurationError:
        return  # which is a finding of the secrets
    told = [way.reaches for way in found if not way.lacks]
    if told:
        yield Finding("alerts", f"trouble is told {' and '.join(told)}")
        return
    nobody = f"nobody will be told of trouble: {' and '.join(way.lacks for way in found)}"
    cure = f"{', or '.join(way.cure for way in found)}."
    if any(way.is_wanted for way in found):
        # No sync depends on it: it changes no exit status.
        yield Finding("alerts", nobody, Mark.WARNING, cure)
    else:
        yield hint("alerts", nobody, cure)


def templates(case: Case) -> Findings:
    """Every mail and every letter, written with made-up data."""
    settings, shipped = case.settings, case.definition.texts
    wrong = False
    for _, error in mail_text.trials(settings, shipped):
        if error is not None:
            wrong = True
            yield warning("mail", error.message, error.cure)
    if not wrong:
        languages = " and ".join(LANGUAGES)
        yield Finding("mail", f"all {len(mail_text.KINDS)} templates can be filled in, {languages}")
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
