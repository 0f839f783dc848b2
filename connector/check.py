"""Is the set-up sound? One line for each thing examined: what was seen, and how to mend it.

Nothing is written, neither to the directory nor to the journal, and each examination fails
alone: what cannot be seen is said so, and the table is always whole. Rights are found by asking
slapd what it would answer to a write, under the no-op control; nothing of it is made.

Exit status: 2 where configuration, schema, rights or policies are wrong; 4 where directory,
register or journal cannot be reached or not be trusted; 1 where something wants a hand while a
sync goes on; 0 else. Hints and what was not seen change nothing.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from rich.console import Console
from rich.table import Table
from rich.text import Text

from connector.clock import read_moment
from connector.core import entry
from connector.core.enrolment import feed_drop
from connector.core.guessing import LIMIT, Guessing
from connector.core.model import Known, Moment, Sealed, State
from connector.edges.directory import (
    ASSERTION,
    PPOLICY,
    SAMPLE,
    Answer,
    BindRefused,
    Directory,
    default_policy_of,
    first_values,
)
from connector.edges.journal import Journal, LastRuns, lock_file, open_journal
from connector.edges.passwords import Sealer
from connector.edges.register import read_register
from connector.errors import (
    ConfigurationError,
    DirectoryUntrusted,
    EntryError,
    ScolpassError,
)
from connector.log import guard_secret
from connector.settings import CsvSource, Settings, SqlSource, load_settings, read_secret

GRAVITY = (2, 4, 3, 1, 0)  # of exit statuses, the gravest first
SHOWN = 10  # names that a person is shown; --json has them all
_CERTIFICATE_NOTICE = timedelta(days=30)
_CLOCK_SLACK = timedelta(days=1)
_LEAST_MAXSIZE = 1 << 30
_DEFAULT_SIZE_LIMIT = 500  # of slapd
_LEAST_MEMORY, _LEAST_TIME = 19456, 2  # argon2id: OWASP ASVS 5.0, V11.4.2
_MOST_FAILURES = 5  # ASVS 5.0, V6.1.1, as the contract has it
_LEAST_LENGTH = 8  # ASVS 5.0, V6.2.1
_INIT = "the LDIF that `scolpass init` writes"


class Mark(StrEnum):
    """How a thing was found."""

    OK = "ok"
    HINT = "hint"
    WARNING = "warning"
    WRONG = "wrong"
    UNSEEN = "not seen"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the table."""

    area: str
    seen: str
    mark: Mark = Mark.OK
    cure: str = ""
    status: int = 0  # the exit status that it asks for
    names: tuple[str, ...] = ()  # of the students or entries concerned


@dataclass(frozen=True, slots=True)
class Definition:
    """What the definition in ``deploy/openldap`` asks of a directory, to be compared with it."""

    indexes: Mapping[str, frozenset[str]]
    unique: tuple[str, ...]  # values of olcUniqueURI
    schema: tuple[str, ...]  # the schema files, as LDIF


@dataclass(slots=True)
class Checkup:
    """All that was examined."""

    findings: list[Finding] = field(default_factory=list)
    guessing: Guessing | None = None

    @property
    def exit_status(self) -> int:
        """The gravest status that any finding asks for."""
        return min((f.status for f in self.findings), key=GRAVITY.index, default=0)


def _hint(area: str, seen: str, cure: str = "") -> Finding:
    return Finding(area, seen, Mark.HINT, cure)


def _warning(area: str, seen: str, cure: str, names: Iterable[str] = ()) -> Finding:
    return Finding(area, seen, Mark.WARNING, cure, 1, tuple(names))


def _wrong(
    area: str, seen: str, cure: str, names: Iterable[str] = (), *, status: int = 2
) -> Finding:
    return Finding(area, seen, Mark.WRONG, cure, status, tuple(names))


def _unseen(area: str, why: str, cure: str = "") -> Finding:
    return Finding(area, why, Mark.UNSEEN, cure)


Findings = Iterator[Finding]
Config = list[dict[str, list[bytes]]]


@dataclass(slots=True)
class _Census:
    """The entries with a student number, in short."""

    dns: dict[str, str] = field(default_factory=dict)  # by number
    twins: list[str] = field(default_factory=list)  # numbers on several entries, or several on one
    outside: list[str] = field(default_factory=list)  # DNs that are not under the people branch
    shared: int = 0  # entries that are also somebody else's
    must_change: set[str] = field(default_factory=set)  # numbers with pwdReset TRUE
    unguarded: list[str] = field(default_factory=list)  # of those, not under the provisional policy
    policies: dict[str, int] = field(default_factory=dict)  # by pwdPolicySubentry
    example: str | None = None  # the DN of a student who is nobody else


@dataclass(slots=True)
class _Case:
    """What is examined, and what one examination leaves for the next."""

    settings: Settings
    definition: Definition
    moment: Moment
    sealer: Sealer | None = None
    journal: Journal | None = None
    last: LastRuns | None = None
    directory: Directory | None = None
    lost: bool = False  # the connection broke
    tree: str = ""
    identity: str | None = None  # entryUUID of the people branch
    populated: bool = False  # the people branch has children, seen or not
    config: Config | None = None
    census: _Census | None = None
    guessing: Guessing | None = None

    @property
    def server(self) -> Directory:
        """The directory, in an examination that is made only where there is one."""
        assert self.directory is not None
        return self.directory

    def of_config(self, name: str) -> list[str]:
        """Every value of an attribute in what we read of cn=config, without its ``{n}``."""
        return [
            re.sub(r"^\{-?\d+\}", "", raw.decode("utf-8", "replace"))
            for attributes in self.config or ()
            for raw in attributes.get(name, [])
        ]


def examine(
    file: Path | None, definition: Definition, environ: Mapping[str, str] = os.environ
) -> Checkup:
    """Examine configuration, directory, register and journal; nothing is written.

    Args:
        file: the configuration file, or None for the usual ones.
        definition: what a directory should have.
        environ: the environment, whose SCOLPASS_ variables count.
    """
    checkup = Checkup()
    found = checkup.findings
    try:
        settings = load_settings(file, environ)
    except ConfigurationError as error:
        found.append(_wrong("configuration", error.message, error.cure))
        waiting = "not examined, as the configuration cannot be read"
        found += [_unseen(area, waiting) for area in ("directory", "source", "journal")]
        return checkup
    case = _Case(settings, definition, read_moment(settings.institution))
    found += _alone("configuration", case, _configuration)
    found += _alone("secrets", case, _secrets)
    # Opened first and told last: what source and directory hold is compared with it.
    journal = _alone("journal", case, _open_journal)
    try:
        found += _alone("directory", case, _reach)
        for area, examination in _OF_THE_DIRECTORY:
            if case.directory is None or case.lost:
                found.append(_unseen(area, "not examined, as the directory cannot be used"))
            else:
                found += _alone(area, case, examination)
        found += _alone("source", case, _source)
        found += journal
        if case.journal is not None:
            for examination in (_belongs, _runs, _sealed, _compared):
                found += _alone("journal", case, examination)
    finally:
        if case.directory is not None:
            case.directory.__exit__()
        if case.journal is not None:
            case.journal.close()
    checkup.guessing = case.guessing
    return checkup


def _alone(area: str, case: _Case, examination: Callable[[_Case], Findings]) -> list[Finding]:
    """One examination's findings; if it fails, that is the last of them and no other's."""
    found: list[Finding] = []
    try:
        found.extend(examination(case))
    except ScolpassError as error:
        found.append(_failed(area, error))
        # An error with a cause is a connection that broke: each next try would wait as long.
        if isinstance(error, DirectoryUntrusted) and error.__cause__ is not None:
            case.lost = True
    return found


def _failed(area: str, error: ScolpassError) -> Finding:
    # Nothing is ever written here, so it need not be said.
    cure = re.sub(r"[;,]? *(and )?nothing was written", "", error.cure, flags=re.IGNORECASE)
    return _wrong(area, error.message, cure, status=error.exit_status)


# --- configuration and secrets --------------------------------------------------------------------


def _configuration(case: _Case) -> Findings:
    settings = case.settings
    yield Finding("configuration", f"{settings.file}: read, every key is known")
    for trouble in settings.warnings:
        yield _warning("configuration", trouble, "Correct the variable's name, or unset it.")
    provisional = settings.password.provisional
    if provisional.memory_cost < _LEAST_MEMORY or provisional.time_cost < _LEAST_TIME:
        yield _hint(
            "configuration",
            f"provisional passwords are hashed with m={provisional.memory_cost} KiB, "
            f"t={provisional.time_cost}, less than a leaked hash should cost a guesser",
            f"Set memory_cost = {_LEAST_MEMORY} and time_cost = {_LEAST_TIME}, or more, under "
            "[password.provisional].",
        )
    log_file = settings.log.file
    if log_file is not None:
        place = log_file if log_file.exists() else log_file.parent
        if not os.access(place, os.W_OK):
            yield _wrong(
                "configuration",
                f"the log file {log_file} cannot be written",
                f"Let the user of scolpass write to {place}, or mend log.file.",
            )


def _secrets(case: _Case) -> Findings:
    settings = case.settings
    directory, keys, events = settings.directory, settings.keys, settings.events
    yield from _secret(directory.bind_password_file, settings.directory_password)
    yield from _secret(keys.file, lambda: _sealing_keys(case))
    if events.webhook.secrets_file is not None:
        yield from _secret(events.webhook.secrets_file, settings.webhook_secrets)
    if events.amqp.url_file is not None:
        yield from _secret(events.amqp.url_file, settings.amqp_url)
    if isinstance(settings.source, SqlSource) and settings.source.url_file is not None:
        url_file = settings.source.url_file
        yield from _secret(url_file, lambda: read_secret(url_file))


def _sealing_keys(case: _Case) -> tuple[SecretStr, ...]:
    keys = case.settings.sealing_keys()
    case.sealer = Sealer(keys)
    return keys


def _secret(path: Path, read: Callable[[], Any]) -> Findings:
    """A secret file; one that may be absent and is reads as nothing."""
    try:
        if read():
            yield Finding("secrets", f"{path}: can be used, and is closed to others")
    except ConfigurationError as error:
        yield _failed("secrets", error)


# --- the directory: reaching it -------------------------------------------------------------------


def _reach(case: _Case) -> Findings:
    """Every server that is named; the first that can be used is examined further."""
    settings = case.settings
    try:
        password = settings.directory_password()
    except ConfigurationError:
        yield _unseen("directory", "not tried without the service account's password")
        return
    guard_secret(password)
    identities: dict[str, str] = {}
    refused = False
    for uri in settings.directory.uris:
        if refused:
            yield _unseen("directory", f"{uri}: not tried, so that the account is not locked")
            continue
        directory = Directory(settings.directory.model_copy(update={"uris": (uri,)}), password)
        try:
            directory.__enter__()
            yield _line(directory, uri, case)
            tree = directory.context()
        except ScolpassError as error:
            refused = isinstance(error, BindRefused)
            yield _failed("directory", error)
            directory.__exit__()
            continue
        try:
            before = directory.preflight(tree, settings.password.provisional.policy_dn)
            identities[uri] = before.identity
        except DirectoryUntrusted as error:
            before = None
            yield _failed("directory", error)
        if case.directory is None:
            case.directory, case.tree = directory, tree
            if before is not None:
                case.identity, case.populated = before.identity, before.populated
        else:
            directory.__exit__()
    if len(set(identities.values())) > 1:
        yield _wrong(
            "directory",
            f"{' and '.join(identities)} are not the same directory: the entryUUID of "
            f"{settings.directory.people_dn} differs",
            "Name one directory and its replicas in directory.uris, nothing else.",
            status=4,
        )


def _line(directory: Directory, uri: str, case: _Case) -> Finding:
    line = directory.line()
    who = f"{uri} lets {case.settings.directory.bind_dn} in"
    if line.tls is None:
        return Finding("directory", f"{who}, in clear, on this machine only")
    if line.certificate_end is None:
        return Finding("directory", f"{who}, encrypted ({line.tls})")
    end = f"{line.certificate_end:%d/%m/%Y}"
    if line.certificate_end - case.moment.now < _CERTIFICATE_NOTICE:
        return _warning(
            "directory",
            f"{who}, encrypted ({line.tls}), but its certificate ends on {end}",
            "Renew the server's certificate before that day, and restart slapd.",
        )
    return Finding("directory", f"{who}, encrypted ({line.tls}), certificate good until {end}")


# --- the directory: what it is made of ------------------------------------------------------------


def _rights(case: _Case) -> Findings:
    """What the service account may do and may not, and what a stranger is shown."""
    directory, settings = case.server, case.settings
    yield _may_add(case)
    if case.census is None or case.census.example is None:
        yield _unseen("rights", "whether it may change a student's entry: there is none to try on")
    else:
        yield _may_change(case, case.census.example)
    yield from _forbidden(case)
    shown = directory.passwords_shown(case.tree)
    if shown:
        yield _wrong(
            "rights",
            f"the service account can read passwords: it was given {shown} hashes among "
            f"{SAMPLE} entries",
            f"Put the access rules of {_INIT} before your own, and see that the service account "
            "is not the rootdn.",
        )
    else:
        yield Finding("rights", "the service account is shown no password")
    students, hashes = directory.stranger(case.tree)
    if hashes:
        yield _wrong(
            "rights",
            f"a stranger can read passwords: {hashes} hashes were given without signing in",
            "Close userPassword: olcAccess: to attrs=userPassword by self =xw by anonymous auth "
            "by * none",
        )
    elif students:
        yield _hint(
            "rights",
            "a stranger is shown no password, but he is shown students' entries",
            "If that is not meant, end your rules with: olcAccess: to * by self read by * none",
        )
    else:
        yield Finding("rights", "a stranger is shown neither passwords nor students")
    own = directory.policy_of(settings.directory.bind_dn)
    policy = directory.policy(own) if own else None
    if policy is None or first_values(policy).get("pwdLockout", "FALSE").upper() == "TRUE":
        yield _warning(
            "rights",
            f"{settings.directory.bind_dn} is not kept from being locked out: a few wrong "
            "passwords of any stranger may stop scolpass",
            "Give it pwdPolicySubentry: a policy with pwdLockout FALSE (5-tree.ldif of "
            "`scolpass init`).",
        )
    else:
        yield Finding("rights", "no stranger can lock the service account out")


# A hash that no password verifies against: its digest is no argon2 output but zeros.
_NO_HASH = "{ARGON2}$argon2id$v=19$m=8,t=1,p=1$c2NvbHBhc3MtY2hlY2s$" + "A" * 43
_NEVER = "20991231230000Z"
# What scolpass writes into a student's entry: whole attributes, and values among others'.
WHOLE = {
    "userPassword": _NO_HASH,
    "pwdReset": "TRUE",
    "pwdEndTime": _NEVER,
    "pwdStartTime": _NEVER,
    "sn": "Check",
    "givenName": "Scolpass",
    "cn": "Check Scolpass",
    "displayName": "Scolpass Check",
    "supannNomDeNaissance": "Check",
    "supannCivilite": "Mme",
    "supannOIDCDateDeNaissance": "2000-01-01",
    "supannCodeINE": "SCOLPASSCHECK",
    "mail": "scolpass-check@scolpass.invalid",
    "eduPersonPrincipalName": "scolpass-check@scolpass.invalid",
    "supannAliasLogin": "scolpass-check@scolpass.invalid",
    "supannAutreMail": "scolpass-check-0@scolpass.invalid",
    "eduPersonPrincipalNamePrior": "scolpass-check-0@scolpass.invalid",
    "supannEtablissement": "{UAI}0000000A",
    "supannEntiteAffectation": "CHECK",
    "supannEntiteAffectationPrincipale": "CHECK",
    "supannEtuAnneeInscription": "2000",
    "supannEtuEtape": "{UAI:0000000A}CHECK",
    "supannEtuInscription": "[etab={UAI}0000000A][anneeinsc=2000][regimeinsc={INCONNU}]"
    "[sectdisc={INCONNU}][typedip={INCONNU}][cursusann={INCONNU}]",
    "eduPersonPrimaryAffiliation": "student",
    "supannMailPerso": "scolpass-check@scolpass.invalid",
    "mailForwardingAddress": "scolpass-check@scolpass.invalid",
    "scolpassCharter": "2000 2000-01-01T00:00:00Z",
}
AMONG_OTHERS = {
    "objectClass": "scolpassAccount",
    "eduPersonAffiliation": "student",
    "supannRessourceEtatDate": "{COMPTE}I:SupannCree:20000101:20000101",
    "supannRessourceEtat": "{COMPTE}I:SupannCree",
    "supannMailPrive": "{SECOURS}scolpass-check@scolpass.invalid",
}


def _may_add(case: _Case) -> Finding:
    settings = case.settings
    attributes: dict[str, Sequence[str]] = {
        name: [value] for name, value in (WHOLE | AMONG_OTHERS).items()
    }
    attributes |= {
        "objectClass": entry.OBJECT_CLASSES,
        "uid": ("scolpass-check",),
        "supannEtuId": ("scolpasscheck",),
        "pwdPolicySubentry": (settings.password.provisional.policy_dn,),
    }
    people = settings.directory.people_dn
    answer = case.server.would_add(f"uid=scolpass-check,{people}", attributes)
    if answer.allowed:
        return Finding("rights", f"a student's entry can be made under {people} (tried, not made)")
    return _refusal(answer, f"a student's entry under {people}")


def _may_change(case: _Case, dn: str) -> Finding:
    directory = case.server
    whole = WHOLE | {"pwdPolicySubentry": case.settings.password.provisional.policy_dn}
    answer = directory.would_modify(dn, whole, AMONG_OTHERS)
    if answer.allowed:
        count = len(whole) + len(AMONG_OTHERS)
        return Finding(
            "rights", f"all {count} attributes of ours can be changed (tried on {dn}, not made)"
        )
    if not answer.forbidden:
        return _refusal(answer, f"a change of {dn}")
    lacking = [n for n, v in whole.items() if directory.would_modify(dn, {n: v}).forbidden]
    lacking += [
        n for n, v in AMONG_OTHERS.items() if directory.would_modify(dn, {}, {n: v}).forbidden
    ]
    return _refusal(answer, f"a change of {', '.join(lacking) or 'attributes'} (tried on {dn})")


def _refusal(answer: Answer, what: str) -> Finding:
    if answer.unknown:
        return _unseen(
            "rights",
            f"{what}: the server does not know the no-op control, so that nothing was tried",
        )
    if answer.forbidden:
        return _wrong(
            "rights",
            f"the service account may not make {what}",
            f"Put the access rules of {_INIT} (4-config.ldif) before your own.",
        )
    return _wrong(
        "rights",
        f"the directory would refuse {what}: {answer.words} (result {answer.code})",
        "See schema, overlays and policies below, and olcReadOnly of the database.",
    )


def _forbidden(case: _Case) -> Findings:
    """What a service account with no more rights than it needs is refused."""
    settings, directory = case.settings, case.server
    staff = directory.first_of(
        settings.directory.people_dn, "(&(uid=*)(!(supannEtuId=*))(objectClass=person))"
    )
    tries = {
        "the provisional policy": (settings.password.provisional.policy_dn, "pwdMaxFailure", "5"),
        "its own entry": (settings.directory.bind_dn, "cn", "x"),
        "the people branch": (settings.directory.people_dn, "description", "x"),
    }
    if staff is not None:
        tries["entries of staff"] = (staff, "sn", "x")
    allowed = [
        what
        for what, (dn, name, value) in tries.items()
        if directory.would_modify(dn, {name: value}, fails_at=name).allowed
    ]
    if allowed:
        yield _warning(
            "rights",
            f"the service account may do more than it needs: it can change {', '.join(allowed)}",
            f"Do not use the rootdn; give the account only the rules of {_INIT}.",
        )
    else:
        yield Finding("rights", f"the service account is kept from {', '.join(tries)}")


def _schema(case: _Case) -> Findings:
    if ASSERTION not in case.server.controls():
        yield _wrong(
            "schema",
            "the server has no assertion control (RFC 4528), which guards every write",
            "Use OpenLDAP 2.5 or later, not a proxy in front of it.",
        )
    live = _by_name(case.server.schema())
    if not live:
        yield _unseen(
            "schema",
            "the service account cannot read the schema",
            'Let everyone: olcAccess: to dn.base="cn=Subschema" by * read, on the frontend.',
        )
        return
    needed = (*entry.READ, "userPassword", *entry.OBJECT_CLASSES)
    lacking = [name for name in needed if name.lower() not in live]
    if lacking:
        yield _wrong(
            "schema",
            f"the schema lacks {', '.join(lacking)}",
            f"Load {_INIT}: 1-eduperson, 2-supann, 3-scolpass; the pwd* ones come with the overlay "
            "ppolicy of OpenLDAP 2.5 or later.",
        )
    meant = _by_name(
        line.partition(":")[2].strip()
        for text in case.definition.schema
        for line in text.replace("\n ", "").splitlines()
        if line.startswith(("olcAttributeTypes:", "olcObjectClasses:"))
    )
    other = [
        name
        for name in needed
        if name.lower() in live
        and name.lower() in meant
        and _shape(live[name.lower()]) != _shape(meant[name.lower()])
    ]
    if other:
        yield _warning(
            "schema",
            f"another definition than ours is loaded for {', '.join(other)} (syntax, number of "
            "values, or superior)",
            "Compare your schema files with eduPerson 202111, SUPANN 2018 and scolpass.ldif; "
            "values may be refused.",
        )
    if not lacking and not other:
        yield Finding("schema", f"all {len(needed)} attributes and classes are there, as meant")


def _by_name(definitions: Iterable[str]) -> dict[str, str]:
    """Schema definitions by each of their names, lower case (RFC 4512, 4.1)."""
    return {
        name.lower(): text
        for text in definitions
        for names in re.findall(r"\bNAME (?:'([^']+)'|\(([^)]*)\))", text)
        for name in re.findall(r"[A-Za-z][\w-]*", names[0] or names[1])
    }


def _shape(definition: str) -> tuple[str | None, ...]:
    """What decides which values a type takes: syntax, one or many, superior type."""
    syntax = re.search(r"\bSYNTAX '?([\d.]+)", definition)
    superior = re.search(r"\bSUP '?(\w+)", definition)
    return (
        syntax[1] if syntax else None,
        "one" if "SINGLE-VALUE" in definition else "many",
        superior[1].lower() if superior else None,
    )


# --- the directory: cn=config ---------------------------------------------------------------------


def _database(case: _Case) -> Findings:
    """The database's own settings; reads cn=config for the examinations after it, too."""
    case.config = case.server.configuration(case.tree)
    if case.config is None:
        yield _unseen(
            "database",
            "cn=config cannot be read, so indexes, overlays and limits are not known",
            f"Let the service account read it, by the rule in {_INIT} (4-config.ldif).",
        )
        return
    bind_dn = case.settings.directory.bind_dn
    limits = [v for v in case.of_config("olcLimits") if bind_dn.casefold() in v.casefold()]
    if any(re.search(r"\bsize(\.prtotal)?=(unlimited|-1)\b", value) for value in limits):
        yield Finding("database", "the service account reads without a size limit")
    else:
        yield _warning(
            "database",
            "the service account has no olcLimits of its own: reading may be cut at "
            f"olcSizeLimit ({_DEFAULT_SIZE_LIMIT} by default), and every sync then stops",
            f'Add to the database: olcLimits: dn.exact="{bind_dn}" time=unlimited size=unlimited '
            "size.prtotal=unlimited",
        )
    if any(raw.lower() == "true" for raw in case.of_config("olcReadOnly")):
        yield _wrong("database", "the database is read-only", "Take olcReadOnly: TRUE off.")
    if "olcMdbConfig" in case.of_config("objectClass"):
        size = int((case.of_config("olcDbMaxSize") or ["10485760"])[0])
        if size < _LEAST_MAXSIZE:
            yield _warning(
                "database",
                f"the database may grow to {size >> 20} MiB only, and refuses writes when full",
                "Raise olcDbMaxSize, for example to 4294967296 (4 GiB; the file is sparse).",
            )
    if any(raw.lower() == "true" for raw in case.of_config("olcLastBind")):
        yield _hint(
            "database",
            "olcLastBind is on: every login changes the entry's entryCSN. scolpass does not mind",
            "Set olcLastBind: FALSE unless somebody needs pwdLastSuccess.",
        )


def _indexes(case: _Case) -> Findings:
    if case.config is None:
        yield _unseen("indexes", "not known without cn=config")
        return
    live: dict[str, set[str]] = {}
    default: set[str] = set()
    for value in case.of_config("olcDbIndex"):
        names, _, kinds = value.partition(" ")
        if names.lower() == "default":
            default = set(kinds.replace(",", " ").split())
            continue
        for name in names.split(","):
            live.setdefault(name.strip().lower(), set()).update(kinds.replace(",", " ").split())
    lacking = [
        f"{name} {','.join(sorted(kinds))}"
        for name, kinds in case.definition.indexes.items()
        if not kinds <= (live.get(name.lower()) or (default if name.lower() in live else set()))
    ]
    if lacking:
        yield _warning(
            "indexes",
            f"no index for {'; '.join(lacking)}: such a search goes through every entry, and "
            "adding students gets slow",
            "Add each to the database, as in: "
            f"olcDbIndex: {lacking[0]} (slapd builds it while it runs).",
        )
    else:
        yield Finding("indexes", f"all {len(case.definition.indexes)} are there")


def _overlays(case: _Case) -> Findings:
    if PPOLICY not in case.server.controls():
        yield _wrong(
            "overlays",
            "the overlay ppolicy is not loaded: a provisional password would open everything, "
            "for good",
            f"Load module and overlay by {_INIT} (4-config.ldif).",
        )
    if case.config is None:
        yield _unseen("overlays", "not known without cn=config")
        return
    overlays = {name.lower() for name in case.of_config("olcOverlay")}
    if "ppolicy" not in overlays:
        yield _wrong(
            "overlays",
            f"the overlay ppolicy is not on the database of {case.tree}: no password is locked, "
            "ended, or made to change",
            f"Add it by {_INIT} (4-config.ldif).",
        )
    yield from _unique(case, overlays)
    for name, loss in (
        ("constraint", "slapd lets other tools write a malformed supannRessourceEtatDate"),
        ("syncprov", "the directory has no replicas, and nobody can follow its changes"),
    ):
        if name not in overlays:
            yield _hint("overlays", f"{name} is off: {loss}", f"Add it by {_INIT} (4-config.ldif).")
    if overlays >= {"ppolicy", "unique", "constraint", "syncprov"}:
        yield Finding("overlays", "ppolicy, unique, constraint and syncprov are on")


def _unique(case: _Case, overlays: set[str]) -> Findings:
    cure = "Add to the overlay unique: " + ", ".join(
        f"olcUniqueURI: {value}" for value in case.definition.unique
    )
    if "unique" not in overlays:
        yield _warning(
            "overlays",
            "unique is off: the directory itself no longer refuses a uid, an address or a student "
            "number that is taken",
            f"Add it by {_INIT} (4-config.ldif).",
        )
        return
    guarded: dict[str, bool] = {}
    for value in case.of_config("olcUniqueURI"):
        serialized = "serialize" in value.lower().partition("ldap")[0].split()
        for uri in re.findall(r"ldap[si]?://\S+", value, re.IGNORECASE):
            for name in f"{uri}?".split("?")[1].lower().split(","):
                guarded[name] = guarded.get(name, False) or serialized
    needed = _unique_names(case.definition.unique)
    lacking = [name for name in needed if name.lower() not in guarded]
    racing = [name for name in needed if guarded.get(name.lower()) is False]
    if lacking:
        yield _warning("overlays", f"unique does not guard {', '.join(lacking)}", cure)
    if racing:
        yield _warning(
            "overlays",
            f"unique guards {', '.join(racing)} without `serialize`: two adds at the same moment "
            "both pass",
            cure,
        )


def _unique_names(values: Iterable[str]) -> list[str]:
    return [name for value in values for name in value.split("?")[1].split(",")]


# --- the directory: policies and passwords --------------------------------------------------------


def _policies(case: _Case) -> Findings:
    provisional_dn = case.settings.password.provisional.policy_dn
    default_dn = default_policy_of(provisional_dn)
    if case.config is not None:
        named = case.of_config("olcPPolicyDefault")
        if named:
            default_dn = named[0]
        elif "ppolicy" in {name.lower() for name in case.of_config("olcOverlay")}:
            yield _wrong(
                "policies",
                "ppolicy has no default policy: once a student has changed her password nothing "
                "closes her account any more, pwdEndTime is not looked at",
                f"Set on the overlay: olcPPolicyDefault: {default_dn}",
            )
    provisional = case.server.policy(provisional_dn)
    if provisional is None:
        yield _wrong(
            "policies",
            f"the provisional policy {provisional_dn} is not there: slapd then applies none at "
            "all, so that six digits open everything and are never locked",
            "Add it (5-tree.ldif of `scolpass init`), or mend password.provisional.policy_dn.",
        )
    else:
        yield from _provisional_policy(provisional_dn, first_values(provisional))
    default = case.server.policy(default_dn)
    if default is None:
        yield _wrong(
            "policies",
            f"the default policy {default_dn} is not there: accounts that name none have none, "
            "and pwdEndTime does not close them",
            "Add it (5-tree.ldif of `scolpass init`), or have olcPPolicyDefault name yours.",
        )
    else:
        yield from _default_policy(default_dn, first_values(default))
    yield from _hashing(case)


def _count(policy: Mapping[str, str], name: str) -> int:
    text = policy.get(name, "0")
    return int(text) if text.isdecimal() else 0


def _is_true(policy: Mapping[str, str], name: str, absent: str) -> bool:
    return policy.get(name, absent).upper() == "TRUE"


def _provisional_policy(dn: str, policy: Mapping[str, str]) -> Findings:
    wrong: list[tuple[str, str]] = []
    failures = _count(policy, "pwdMaxFailure")
    if not _is_true(policy, "pwdLockout", "FALSE") or failures == 0:
        wrong.append(("nothing is ever locked", "pwdLockout: TRUE and pwdMaxFailure: 5"))
    if not _is_true(policy, "pwdMustChange", "FALSE"):
        wrong.append(
            (
                "slapd does not look at pwdReset, so that six digits open everything",
                "pwdMustChange: TRUE",
            )
        )
    if not _is_true(policy, "pwdAllowUserChange", "TRUE"):
        wrong.append(("the student may not change her password", "pwdAllowUserChange: TRUE"))
    for seen, value in wrong:
        yield _wrong("policies", f"{dn}: {seen}", f"Set in that entry: {value}")
    weak: list[tuple[str, str]] = []
    if duration := _count(policy, "pwdLockoutDuration"):
        # No lock at all is wrong; for one that ends the figure says how much it is worth.
        weak.append((f"a lock ends by itself after {duration} s", "pwdLockoutDuration: 0"))
    if failures > _MOST_FAILURES:
        weak.append((f"{failures} failures lock, more than {_MOST_FAILURES}", "pwdMaxFailure: 5"))
    if window := _count(policy, "pwdFailureCountInterval"):
        weak.append(
            (
                f"a failure is forgotten after {window} s: a patient guesser is never locked",
                "pwdFailureCountInterval: 0",
            )
        )
    if "pwdMaxAge" in policy and _count(policy, "pwdMaxAge"):
        weak.append(
            (
                "pwdMaxAge ends no provisional password (slapd asks for pwdReset first), and may "
                "end a new one",
                "no pwdMaxAge; the last day is pwdEndTime",
            )
        )
    weak += _quality(policy)
    for seen, value in weak:
        yield _warning("policies", f"{dn}: {seen}", f"Set in that entry: {value}")
    if not wrong and not weak:
        yield Finding("policies", f"{dn} locks for good after {failures} failures")


def _default_policy(dn: str, policy: Mapping[str, str]) -> Findings:
    weak: list[tuple[str, str]] = []
    if not _is_true(policy, "pwdLockout", "FALSE") or not _count(policy, "pwdMaxFailure"):
        weak.append(
            (
                "nothing is ever locked",
                "pwdLockout: TRUE, pwdMaxFailure: 10, pwdFailureCountInterval: 900, "
                "pwdLockoutDuration: 900",
            )
        )
    elif not _count(policy, "pwdLockoutDuration"):
        weak.append(
            (
                "a lock stays for good, so that any stranger can shut anybody out",
                "pwdLockoutDuration: 900",
            )
        )
    if not _is_true(policy, "pwdMustChange", "FALSE"):
        weak.append(("slapd does not look at pwdReset", "pwdMustChange: TRUE"))
    weak += _quality(policy)
    for seen, value in weak:
        yield _warning("policies", f"{dn} (default): {seen}", f"Set in that entry: {value}")
    if not weak:
        yield Finding(
            "policies",
            f"{dn} (default): locks for {_count(policy, 'pwdLockoutDuration')} s after "
            f"{_count(policy, 'pwdMaxFailure')} failures",
        )


def _quality(policy: Mapping[str, str]) -> list[tuple[str, str]]:
    """What a new password of the student's own must be."""
    weak = []
    if _count(policy, "pwdMinLength") < _LEAST_LENGTH:
        weak.append(
            (
                f"a new password may be shorter than {_LEAST_LENGTH} characters",
                f"pwdMinLength: {_LEAST_LENGTH}",
            )
        )
    if _count(policy, "pwdCheckQuality") < 1:
        weak.append(("a new password is not looked at", "pwdCheckQuality: 2"))
    return weak


def _hashing(case: _Case) -> Findings:
    if case.config is None:
        yield _unseen("policies", "how slapd hashes new passwords: not known without cn=config")
        return
    hashes = case.of_config("olcPasswordHash")
    modules = " ".join(case.of_config("olcModuleLoad")).lower()
    if modules and not re.search(r"(^|[\s/])(pw-)?argon2(\.|\s|$)", modules):
        yield _wrong(
            "policies",
            "the module argon2 is not loaded: no provisional password would let anyone in",
            f"Load it by {_INIT} (4-config.ldif).",
        )
    if [value.upper() for value in hashes] != ["{ARGON2}"]:
        yield _warning(
            "policies",
            f"slapd keeps what students choose as {' '.join(hashes) or '{SSHA}, its default'}",
            "Set on olcDatabase={-1}frontend,cn=config: olcPasswordHash: {ARGON2}",
        )
    else:
        yield Finding("policies", "slapd hashes what students choose with argon2")
    if "ppolicy" in {name.lower() for name in case.of_config("olcOverlay")} and not any(
        value.lower() == "true" for value in case.of_config("olcPPolicyHashCleartext")
    ):
        yield _hint(
            "policies",
            "a password that some tool writes by a plain modify is kept in clear",
            "Set on the overlay ppolicy: olcPPolicyHashCleartext: TRUE",
        )


def _guessing(case: _Case) -> Findings:
    guessing = case.server.guessing(case.tree, case.settings.password.provisional)
    case.guessing = guessing
    if guessing.too_many:
        yield _wrong("guessing", guessing.sentence, guessing.cure + ".")
    else:
        yield Finding("guessing", guessing.sentence)


# --- the directory: its accounts ------------------------------------------------------------------


def _accounts(case: _Case) -> Findings:
    census = _count_accounts(case)
    case.census = census
    total = len(census.dns)
    yield Finding("accounts", f"{total:,} entries with a student number were read")
    if case.populated and not total:
        yield _hint(
            "accounts",
            f"{case.settings.directory.people_dn} has entries, and the service account sees no "
            "student among them",
            "If students are there, see the access rules: what it may not see it takes for absent.",
        )
    if census.shared:
        yield Finding(
            "accounts",
            f"{census.shared:,} of them are also somebody else's (staff): scolpass keeps only "
            "identity and enrolment there, and never closes them",
        )
    if census.twins:
        yield _warning(
            "accounts",
            f"{len(census.twins)} student numbers stand on several entries, or on one with "
            "several: those students are left alone",
            "Find out whose entries they are, and take the number off the wrong one.",
            census.twins,
        )
    if census.outside:
        yield _warning(
            "accounts",
            f"{len(census.outside)} entries with a student number are not under "
            f"{case.settings.directory.people_dn}: those students are left alone",
            "Move them there, or mend directory.people_dn.",
            census.outside,
        )
    dangling = [dn for dn in census.policies if case.server.policy(dn) is None]
    for dn in dangling:
        yield _wrong(
            "accounts",
            f"{census.policies[dn]:,} accounts name the policy {dn}, which is not there: they "
            "are never locked nor closed",
            "Add that policy, or take pwdPolicySubentry off those entries.",
        )
    if census.unguarded:
        yield _warning(
            "accounts",
            f"{len(census.unguarded):,} inactive accounts are not under the provisional policy: "
            "their lock ends by itself, so their password can be guessed",
            "Run `scolpass sync`, which puts them back under it; if they stay, `scolpass show`.",
            census.unguarded,
        )


def _count_accounts(case: _Case) -> _Census:
    census = _Census()
    people = case.settings.directory.people_dn
    provisional = case.settings.password.provisional.policy_dn
    for account in case.server.census(case.tree):
        numbers = account.values("supannEtuId")
        for number in numbers:
            if number in census.dns or len(numbers) > 1:
                census.twins.append(number)
            census.dns.setdefault(number, account.dn)
        if not entry.is_below(account.dn, people):
            census.outside.append(account.dn)
        policy = account.first("pwdPolicySubentry")
        if policy is not None:
            census.policies[policy] = census.policies.get(policy, 0) + 1
        if entry.is_shared_person(account):
            census.shared += 1
            continue
        if census.example is None and entry.is_below(account.dn, people):
            census.example = account.dn
        if account.must_change:
            census.must_change.add(numbers[0])
            inactive = entry.standing(account).state is State.INACTIVE
            if inactive and not entry.has_policy(account, provisional):
                census.unguarded.append(numbers[0])
    census.twins = sorted(set(census.twins))
    return census


_OF_THE_DIRECTORY: tuple[tuple[str, Callable[[_Case], Findings]], ...] = (
    ("accounts", _accounts),
    ("rights", _rights),
    ("schema", _schema),
    ("database", _database),
    ("indexes", _indexes),
    ("overlays", _overlays),
    ("policies", _policies),
    ("guessing", _guessing),
)


# --- the register ---------------------------------------------------------------------------------


def _source(case: _Case) -> Findings:
    source, institution = case.settings.source, case.settings.institution
    feed = read_register(source, today=case.moment.today, institution=institution)
    rows = sum(len(rows) for rows in feed.students.values())
    where = source.path if isinstance(source, CsvSource) else "the query"
    yield Finding(
        "source",
        f"{where}: read whole, {rows:,} good rows of {len(feed.students):,} students",
    )
    if feed.rejected:
        first = feed.rejected[0]
        yield _warning(
            "source",
            f"{len(feed.rejected):,} rows are rejected; the first: {first.file}:{first.line} "
            f"{first.field or ''}: {first.reason}",
            "`scolpass plan` lists them; have them corrected in the register.",
        )
    if case.last is None:
        return
    reason = feed_drop(feed.distinct, case.last.students, case.settings.safety.max_feed_drop)
    if reason is not None:
        yield _wrong(
            "source",
            f"a sync would refuse the feed for its size: {reason}",
            "Export the register again; if it really is that much smaller, run "
            "`scolpass sync --accept-feed --reason ...` once.",
            status=4,
        )
    elif case.last.students:
        yield Finding(
            "source", f"{feed.distinct:,} students, {case.last.students:,} in the last good run"
        )


# --- the journal ----------------------------------------------------------------------------------


def _open_journal(case: _Case) -> Findings:
    url = case.settings.journal.url.get_secret_value()
    lock = lock_file(url)
    file = lock.with_suffix("") if lock is not None else None
    if file is not None and not file.exists():
        if os.access(file.parent, os.W_OK):
            yield Finding("journal", f"{file}: not there yet, the first sync makes it")
        else:
            yield _wrong(
                "journal",
                f"{file} is not there, and its folder is not one that can be written",
                f"Make {file.parent}, for the user of scolpass, or mend journal.url.",
                status=4,
            )
        return
    case.journal = open_journal(url)
    case.last = case.journal.last_runs()
    yield Finding(
        "journal",
        f"{'the database' if file is None else file}: opens, its tables are of this version",
    )
    if file is not None and file.stat().st_mode & 0o007:
        yield _warning(
            "journal",
            f"{file} is open to others: it holds students' data and sealed passwords",
            f"Run: chmod 640 {file}",
        )


def _opened(case: _Case) -> Journal:
    assert case.journal is not None
    return case.journal


def _belongs(case: _Case) -> Findings:
    if case.identity is None:
        yield _unseen("journal", "whether it belongs to this directory")
        return
    _opened(case).directory(case.identity)
    yield Finding("journal", "it belongs to this directory")


_ENDINGS = {
    0: "all done",
    1: "done, with rows, events or entries that were refused",
    2: "a mistake in configuration or command",
    3: "something is held for approval",
    4: "stopped, as something was not to be trusted",
}


def _runs(case: _Case) -> Findings:
    journal = _opened(case)
    run = journal.latest_run()
    if run is None:
        yield Finding("journal", "no run yet")
    else:
        what = f"the last run, {run.id} ({run.command} by {run.actor}), "
        if run.exit_status is None:
            yield _hint(
                "journal",
                f"{what}began at {_time(run.started_at)} and has not ended: it is under way, or "
                "was cut short",
                "If none is under way, run `scolpass sync`: it goes on from there.",
            )
        else:
            ending = _ENDINGS.get(run.exit_status, "")
            yield Finding(
                "journal",
                f"{what}ended at {_time(run.ended_at or run.started_at)} with {run.exit_status}: "
                f"{ending}",
                Mark.OK if run.exit_status in (0, 1) else Mark.HINT,
                "" if run.exit_status in (0, 1) else "Read `scolpass plan`.",
            )
    started = case.last.started_at if case.last else None
    if started is not None and started - case.moment.now >= _CLOCK_SLACK:
        yield _wrong(
            "journal",
            f"the clock says {_time(case.moment.now)}, but a run was made at {_time(started)}",
            "Set the clock right; until then every sync stops.",
            status=4,
        )
    left = journal.interrupted()
    if left:
        yield _warning(
            "journal",
            f"{len(left):,} changes were begun and not concluded",
            "If no run is under way, run `scolpass sync`: it compares them with their entries.",
            sorted({one.change.student_number for one in left}),
        )


def _time(at: Any) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _sealed(case: _Case) -> Findings:
    """Whether every password that is kept for a letter can be opened."""
    sealer = case.sealer
    if sealer is None:
        yield _unseen("journal", "whether the sealed passwords open: there is no usable key")
        return
    kept = _opened(case).ciphertexts(sorted(_opened(case).sealed()), "live")
    lost = [number for number, text in kept.items() if not _opens(sealer, number, text)]
    if lost:
        yield _wrong(
            "journal",
            f"{len(lost):,} of {len(kept):,} sealed passwords do not open with the key: their "
            "letters cannot be printed",
            f"Put the key they were sealed with back into {case.settings.keys.file}, on a line "
            "after the present one; else `scolpass reissue` each.",
            sorted(lost),
        )
    elif kept:
        yield Finding("journal", f"all {len(kept):,} sealed passwords open with the key")


def _opens(sealer: Sealer, number: str, text: bytes) -> bool:
    try:
        sealer.unseal(number, text)
    except EntryError:
        return False
    return True


def _compared(case: _Case) -> Findings:
    """Journal and directory side by side."""
    census = case.census
    if census is None:
        yield _unseen("journal", "whether directory and journal know the same accounts")
        return
    journal = _opened(case)
    known: dict[str, Known] = journal.accounts()
    sealed: dict[str, Sealed] = journal.sealed()
    present = {number for number, one in known.items() if not one.gone}
    missing = sorted(present - census.dns.keys())
    floor = case.settings.safety.floor
    if len(missing) > floor or (missing and case.populated and not census.dns):
        yield _wrong(
            "journal",
            f"entries are missing in the directory: there were {len(present):,}, "
            f"{len(missing):,} are gone where at most {floor} may be; every sync stops",
            "See that the service account may read them, and that this is the right directory "
            "and no old backup.",
            missing,
            status=4,
        )
    elif missing:
        yield _warning(
            "journal",
            f"{len(missing)} entries that scolpass made are gone from the directory",
            "The next sync makes them again, under the same identifiers.",
            missing,
        )
    unknown = census.dns.keys() - known.keys()
    if unknown:
        yield _hint(
            "journal",
            f"{len(unknown):,} entries with a student number are not known to the journal",
            "The next sync adopts those whose students are in the register.",
        )
    if not missing and not unknown:
        yield Finding("journal", f"directory and journal know the same {len(present):,} accounts")
    lost = sorted(census.must_change - sealed.keys())
    if lost:
        yield _warning(
            "journal",
            f"{len(lost):,} accounts have a provisional password that the journal does not know: "
            "no letter can be printed",
            "If it is needed: scolpass reissue NUMBER --reason '...'",
            lost,
        )


# --- for machines and for people ------------------------------------------------------------------


def checkup_json(checkup: Checkup) -> dict[str, Any]:
    """The table as ``check --json`` prints it; ``figure`` is null where nothing limits it."""
    guessing = checkup.guessing
    return {
        "exit_status": checkup.exit_status,
        "findings": [
            {
                "area": one.area,
                "seen": one.seen,
                "verdict": one.mark.value,
                "cure": one.cure,
                "status": one.status,
                "names": list(one.names),
            }
            for one in checkup.findings
        ],
        "guessing": None
        if guessing is None
        else {
            "accounts_a_day": None if math.isinf(guessing.figure) else guessing.figure,
            "limit": LIMIT,
            "inactive": guessing.inactive,
            "max_failure": guessing.lock.failures,
            "lockout_duration": guessing.lock.seconds,
            "threads": guessing.threads,
            "length": guessing.length,
            "alphabet": guessing.signs,
            "length_needed": guessing.length_needed,
        },
    }


_COLOURS = {
    Mark.OK: "green",
    Mark.HINT: "cyan",
    Mark.WARNING: "yellow",
    Mark.WRONG: "bold red",
    Mark.UNSEEN: "dim",
}


def show_checkup(console: Console, checkup: Checkup) -> None:
    """The table, and in one line what it comes to."""
    table = Table(box=None, pad_edge=False)
    table.add_column("", no_wrap=True)
    table.add_column("area", no_wrap=True)
    table.add_column("what was seen, and how to mend it", overflow="fold")
    for one in checkup.findings:
        what = Text(_printable(one.seen))
        if one.names:
            more = f" and {len(one.names) - SHOWN:,} more" if len(one.names) > SHOWN else ""
            what.append("\n  " + _printable(", ".join(one.names[:SHOWN])) + more, style="dim")
        if one.cure:
            what.append("\n→ " + _printable(one.cure), style="italic")
        table.add_row(Text(one.mark.value, style=_COLOURS[one.mark]), one.area, what)
    console.print(table)
    counts = [
        f"{count} {mark.value}"
        for mark in (Mark.WRONG, Mark.WARNING, Mark.HINT, Mark.UNSEEN)
        if (count := sum(one.mark is mark for one in checkup.findings))
    ]
    if checkup.exit_status == 0:
        console.print("[bold green]In order.[/bold green] " + ", ".join(counts))
    else:
        console.print(f"[bold]{', '.join(counts)}.[/bold] Mend it from the top downwards.")


def _printable(text: str) -> str:
    """Text that cannot play with the terminal: control and bidi signs are shown, not obeyed."""
    return "".join(
        sign if sign == "\n" or sign.isprintable() else f"\\u{ord(sign):04x}" for sign in text
    )
