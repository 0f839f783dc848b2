"""Configuration and secret files."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from connector.check.case import Case, Findings, failed
from connector.check.findings import Finding, hint, warning, wrong
from connector.check.named_files import see_named_files
from connector.edges.sealing import Sealer
from connector.edges.transports.webhook import Keyring
from connector.errors import ConfigurationError
from connector.settings.secrets import read_secret
from connector.settings.sections import Settings, SqlSource

_LEAST_MEMORY, _LEAST_TIME = 19456, 2  # argon2id: OWASP ASVS 5.0, V11.4.2


def configuration(case: Case) -> Findings:
    """The configuration file, variables, and oddities in it."""
    settings = case.settings
    yield Finding("configuration", f"{settings.file}: read, every key is known")
    for trouble in settings.warnings:
        yield warning("configuration", trouble, "Correct the variable's name, or unset it.")
    provisional = settings.password.provisional
    if provisional.memory_cost < _LEAST_MEMORY or provisional.time_cost < _LEAST_TIME:
        yield hint(
            "configuration",
            f"provisional passwords are hashed with m={provisional.memory_cost} KiB, "
            f"t={provisional.time_cost}, less than a leaked hash should cost a guesser",
            f"Set memory_cost = {_LEAST_MEMORY} and time_cost = {_LEAST_TIME}, or more, under "
            "[password.provisional].",
        )
    try:
        see_named_files(settings)
    except ConfigurationError as error:
        yield wrong("configuration", error.message, error.cure)
    yield from _links(settings)
    log_file = settings.log.file
    if log_file is not None:
        place = log_file if log_file.exists() else log_file.parent
        if not os.access(place, os.W_OK):
            yield wrong(
                "configuration",
                f"the log file {log_file} cannot be written",
                f"Let the user of scolpass write to {place}, or mend log.file.",
            )


def _links(settings: Settings) -> Findings:
    """Whether the links for students lead anywhere, and are sent."""
    verified = settings.activation.verify_backup_mail
    if (settings.mail.enabled or verified) and not settings.http.public_url:
        yield wrong(
            "configuration",
            "http.public_url is empty, and mails to students link to it",
            'Set it, such as "https://ent.univ.fr".',
        )
    if verified and not settings.mail.enabled:
        yield warning(
            "configuration",
            "backup mails are to be proven by a link, and no mail leaves: nobody becomes active",
            "Set mail.enabled = true, or activation.verify_backup_mail = false.",
        )


def secrets(case: Case) -> Findings:
    """Every secret file: there, closed to others, and usable."""
    settings = case.settings
    yield from _in_the_configuration(settings)
    directory, keys, events = settings.directory, settings.keys, settings.events
    yield from _secret(directory.bind_password_file, settings.directory_password)
    yield from _secret(keys.file, lambda: _sealing_keys(case))
    if events.webhook.secrets_file is not None:
        yield from _secret(events.webhook.secrets_file, Keyring(settings.webhook_secrets).keys)
    for broker in events.brokers:
        if broker.url_file is not None:
            yield from _secret(broker.url_file, broker.url)
    if settings.alerts.webhook_url_file is not None:
        yield from _secret(settings.alerts.webhook_url_file, settings.alerts_webhook)
    yield from _secret(settings.mail.password_file, settings.mail.password)
    if "oidc" in settings.console.signin:
        console = settings.console
        yield from _secret(console.client_secret_file, console.client_secret)
    if isinstance(settings.source, SqlSource) and settings.source.url_file is not None:
        url_file = settings.source.url_file
        yield from _secret(url_file, lambda: read_secret(url_file))


def _in_the_configuration(settings: Settings) -> Findings:
    """A password in a URL makes the whole configuration file a secret."""
    if not settings.file.stat().st_mode & 0o007:
        return
    text = settings.file.read_text(encoding="utf-8-sig")
    urls = [("journal.url", settings.journal.url)]
    if isinstance(settings.source, SqlSource) and settings.source.url is not None:
        urls.append(("source.url", settings.source.url))
    for key, url in urls:
        # From a variable it does not stand in the file.
        if url.get_secret_value() in text and _has_password(url):
            yield warning(
                "secrets",
                f"{settings.file} is open to others, and the password in {key} with it",
                f"Run: chmod o= {settings.file}",
            )


def _has_password(url: SecretStr) -> bool:
    with suppress(ArgumentError):  # what is no URL is said elsewhere
        made = make_url(url.get_secret_value())
        return bool(made.password) or any("password" in key.lower() for key in made.query)
    return False


def _sealing_keys(case: Case) -> tuple[SecretStr, ...]:
    keys = case.settings.sealing_keys()
    case.sealer = Sealer(keys)
    return keys


def _secret(path: Path, read: Callable[[], Any]) -> Findings:
    """A secret file; an optional one that is absent counts as empty."""
    try:
        if read():
            yield Finding("secrets", f"{path}: can be used, and is closed to others")
    except ConfigurationError as error:
        yield failed("secrets", error)
