"""Reach the directory: every server named, its TLS, and the bind."""

from __future__ import annotations

from datetime import timedelta

from connector.check.case import Case, Findings, failed
from connector.check.findings import Finding, unseen, warning, wrong
from connector.core.dates import shown
from connector.edges.ldap import probes
from connector.edges.ldap.connection import BindRefused
from connector.edges.ldap.preflight import preflight
from connector.edges.ldap.reading import Directory
from connector.errors import ConfigurationError, DirectoryUntrusted, ScolpassError
from connector.log.redaction import guard_secret

_CERTIFICATE_NOTICE = timedelta(days=30)


def reach(case: Case) -> Findings:
    """Try every server named; the first usable one is examined further."""
    settings = case.settings
    try:
        password = settings.directory_password()
    except ConfigurationError:
        yield unseen("directory", "not tried without the service account's password")
        return
    guard_secret(password)
    identities: dict[str, str] = {}
    refused = False
    for uri in settings.directory.uris:
        if refused:
            yield unseen("directory", f"{uri}: not tried, so that the account is not locked")
            continue
        directory = Directory(settings.directory.model_copy(update={"uris": (uri,)}), password)
        try:
            directory.__enter__()
            yield _line(probes.line(directory), uri, case)
            tree = directory.context()
        except ScolpassError as error:
            refused = isinstance(error, BindRefused)
            yield failed("directory", error)
            directory.__exit__()
            continue
        try:
            before = preflight(directory, tree, settings.password.provisional.policy_dn)
            identities[uri] = before.identity
        except DirectoryUntrusted as error:
            before = None
            yield failed("directory", error)
        if case.directory is None:
            case.directory, case.tree = directory, tree
            if before is not None:
                case.identity, case.populated = before.identity, before.populated
        else:
            directory.__exit__()
    if len(set(identities.values())) > 1:
        yield wrong(
            "directory",
            f"{' and '.join(identities)} are not the same directory: the entryUUID of "
            f"{settings.directory.people_dn} differs",
            "Name one directory and its replicas in directory.uris, nothing else.",
            status=4,
        )


def _line(line: probes.Line, uri: str, case: Case) -> Finding:
    settings = case.settings
    who = f"{uri} lets {settings.directory.bind_dn} in"
    if line.tls is None:
        return Finding("directory", f"{who}, in clear, on this machine only")
    if line.certificate_end is None:
        return Finding("directory", f"{who}, encrypted ({line.tls})")
    end = shown(line.certificate_end.astimezone(settings.institution.zone).date())
    if line.certificate_end - case.moment.now < _CERTIFICATE_NOTICE:
        return warning(
            "directory",
            f"{who}, encrypted ({line.tls}), but its certificate ends on {end}",
            "Renew the server's certificate before that day, and restart slapd.",
        )
    return Finding("directory", f"{who}, encrypted ({line.tls}), certificate good until {end}")
