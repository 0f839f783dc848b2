"""The directory's definition, filled in, and a private slapd made from it.

One definition, the templates in ``deploy/openldap``, is behind everything that scolpass says about
how a directory should be: the container image fills it in with ``sed``, this module with
``str.replace``.

- `config_ldif` and `tree_ldif`: a new slapd, for `slapadd`.
- `existing_directory_ldif`: what `scolpass init` writes for a directory that already stands.
- `definition_values`: a value of the definition, for whoever compares a live directory with it.
- `Sandbox`: a private slapd on loopback, for `scolpass sandbox`, `scolpass demo` and the tests.
- `serve`: the foreground command.

slapd is run as the manual page slapd(8) has it for a supervised process: in the foreground, told by
``-d none`` to print what goes wrong and nothing else.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import threading
import time
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Self
from urllib.parse import quote

from cryptography.fernet import Fernet

from connector.core.peers import LOOPBACK, clauses
from connector.errors import DirectoryUntrusted, UsageError
from connector.settings.own_files import open_own, user_name

DEFAULT_SUFFIX = "dc=umontpellier,dc=fr"
SCHEMAS = ("eduperson", "supann", "scolpass")

# Ubuntu's profile, which lets /usr/sbin/slapd, by that path, read the package's folders only.
APPARMOR_PROFILE = Path("/etc/apparmor.d/usr.sbin.slapd")

_SMALL_TALK = re.compile(
    r"\$OpenLDAP: slapd|Maintainers|slapd (starting|stopped|shutdown)|connections_destroy|^\s*$"
)

# slapd keeps a slot for every file that it might open: with a limit of 2^30, as container engines
# and systemd may set it, that is all memory. The shell makes way for slapd under the same number.
_FEWER_FILES = ("/bin/sh", "-c", 'ulimit -n 4096 2> /dev/null; exec "$@"', "sh")
PORTS = range(12000, 22000)  # in which a sandbox is given one
_START_SECONDS = 30.0
_STOP_SECONDS = 20.0


# --- names -------------------------------------------------------------------------------------


# One part of a DN as the definition takes it: no sign that LDIF, an ACL's quotes, sed or RFC 4514
# would read as more than itself. Letters of any script are fine.
_RDN = re.compile(r"[A-Za-z][A-Za-z0-9-]*=[\w'()./:-]+(?: [\w'()./:-]+)*")


@dataclass(frozen=True, slots=True)
class Names:
    """The names that the definition is filled in with."""

    suffix: str
    people_dn: str
    service_dn: str
    provisional_dn: str

    def __post_init__(self) -> None:
        for dn in (self.suffix, self.people_dn, self.service_dn, self.provisional_dn):
            if not all(_RDN.fullmatch(part) for part in dn.split(",")):
                raise UsageError(
                    f"The name {dn!r} cannot be written into the directory's definition",
                    "Use parts like ou=people, joined by commas, without blanks around them",
                )
        for dn in (self.people_dn, self.service_dn, self.provisional_dn):
            if not dn.casefold().endswith("," + self.suffix.casefold()):
                raise UsageError(
                    f"{dn} does not lie under {self.suffix}",
                    "people_dn, bind_dn and policy_dn must be names of the same directory",
                )

    @classmethod
    def under(cls, suffix: str) -> Names:
        """The names of a directory of our own."""
        return cls(
            suffix=suffix,
            people_dn=f"ou=people,{suffix}",
            service_dn=f"cn=scolpass,ou=services,{suffix}",
            provisional_dn=f"cn=provisional,ou=policies,{suffix}",
        )

    @classmethod
    def of(cls, people_dn: str, service_dn: str, provisional_dn: str) -> Names:
        """The names in a configuration.

        The suffix is what people_dn ends with from its first dc, else what all of them end with.
        """
        parts = people_dn.split(",")
        endings = [",".join(parts[i:]) for i in range(1, len(parts))]
        others = (service_dn.casefold(), provisional_dn.casefold())
        suffix = next(
            (end for end in endings if end.lower().startswith("dc=")),
            next((end for end in endings if all(o.endswith(end.casefold()) for o in others)), ""),
        )
        return cls(suffix, people_dn, service_dn, provisional_dn)

    @property
    def admin_dn(self) -> str:
        """The rootdn of the database: past every rule, and never used by scolpass."""
        return f"cn=admin,{self.suffix}"

    @property
    def policies_dn(self) -> str:
        """The entry above the password policies."""
        return _parent(self.provisional_dn)

    @property
    def services_dn(self) -> str:
        """The entry above the service account."""
        return _parent(self.service_dn)

    def values(self) -> dict[str, str]:
        """The names as the templates call them."""
        return {
            "SUFFIX": self.suffix,
            "SUFFIX_DC": _value(self.suffix),
            "ADMIN_DN": self.admin_dn,
            "PEOPLE_DN": self.people_dn,
            "PEOPLE_URL": quote(self.people_dn, safe=",="),
            "PEOPLE_OU": _value(self.people_dn),
            "SERVICE_DN": self.service_dn,
            "SERVICE_CN": _value(self.service_dn),
            "SERVICES_DN": self.services_dn,
            "SERVICES_OU": _value(self.services_dn),
            "PROVISIONAL_DN": self.provisional_dn,
            "PROVISIONAL_CN": _value(self.provisional_dn),
            "POLICIES_DN": self.policies_dn,
            "POLICIES_OU": _value(self.policies_dn),
        }


def _parent(dn: str) -> str:
    return dn.split(",", 1)[1]


def _value(dn: str) -> str:
    """The value of a DN's first part."""
    return dn.split(",", 1)[0].split("=", 1)[1]


# --- the definition, filled in -----------------------------------------------------------------


def deploy_folder() -> Path:
    """Where the definition lies: beside the package in a checkout, inside it in a wheel."""
    return _shipped("_deploy/openldap", "deploy/openldap")


def example_configuration() -> str:
    """The commented example configuration."""
    return _shipped("_config/scolpass.toml", "config/scolpass.toml").read_text(encoding="utf-8")


def shipped_texts() -> Path:
    """The folder with the texts and templates that are shipped: letters, mail, charter."""
    return _shipped("_config", "config")


def _shipped(in_wheel: str, in_checkout: str) -> Path:
    package = Path(__file__).resolve().parent
    for path in (package / in_wheel, package.parent / in_checkout):
        if path.exists():
            return path
    raise UsageError(
        f"{in_checkout} is not there, neither in the installed package nor beside it",
        "Install scolpass again",
    )


def hash_secret(secret: str) -> str:
    """``{SSHA}`` of a long random secret, as slapd verifies it (RFC 2307, with a salt).

    A slow hash protects what can be guessed. These secrets are 256 random bits, which nobody
    guesses under any hash, and the service account binds often: argon2 would cost each of its
    binds some 20 ms for nothing. Never for a password that a person chose or types.
    """
    salt = secrets.token_bytes(16)
    digest = hashlib.sha1(secret.encode() + salt, usedforsecurity=False).digest()
    return "{SSHA}" + base64.b64encode(digest + salt).decode("ascii")


def config_ldif(
    names: Names, *, admin_hash: str, data: str, origins: Sequence[str] = LOOPBACK
) -> str:
    """``cn=config`` of a new slapd, for ``slapadd -n 0``.

    Args:
        names: what the branches and accounts are called.
        admin_hash: the administrator's password, hashed.
        data: the database's folder.
        origins: from where a provisional password may be used.
    """
    deploy = deploy_folder()
    return _fill(
        _template("config.ldif"),
        names.values()
        | clauses(origins)
        | {
            # These two become file URLs.
            "SCHEMA": quote(str(deploy / "schema")),
            "SYSTEM_SCHEMA": quote(str(_first_folder(_SYSTEM_SCHEMAS, "core.ldif"))),
            "MODULES": str(_first_folder(_MODULES, "back_mdb.so")),
            "ADMIN_HASH": admin_hash,
            "DATA": data,
        },
    )


def tree_ldif(names: Names, *, service_hash: str) -> str:
    """The tree that a new directory starts with, for ``slapadd -n 1``."""
    return _fill(_template("tree.ldif"), names.values() | {"SERVICE_HASH": service_hash})


def definition_values(attribute: str) -> tuple[str, ...]:
    """Every value of `attribute` in the definition's configuration, as the template has them."""
    return tuple(
        line.value
        for record in _records(_template("config.ldif"))
        for line in record
        if line.name.lower() == attribute.lower()
    )


def required_indexes() -> dict[str, frozenset[str]]:
    """Attribute to the kinds of index that the definition has for it."""
    found: dict[str, frozenset[str]] = {}
    for value in definition_values("olcDbIndex"):
        attributes, kinds = value.split()
        for attribute in attributes.split(","):
            found[attribute] = frozenset(kinds.split(","))
    return found


def rules_of(
    people_dn: str, service_dn: str, provisional_dn: str, origins: Sequence[str]
) -> tuple[str, ...]:
    """The access rules that are put before those of a directory that already stands."""
    record = next(
        record
        for record in _records(_template("config.ldif"))
        if record[0].value.startswith("olcDatabase={1}")
    )
    values = Names.of(people_dn, service_dn, provisional_dn).values() | clauses(origins)
    return tuple(
        re.sub(r"\s+", " ", _fill(line.value, values))
        for line in record
        if line.name == "olcAccess" and line.value.endswith("by * break")
    )


def schema_files() -> tuple[str, ...]:
    """The schemas that the definition loads, as LDIF."""
    return tuple(_template(f"schema/{name}.ldif") for name in SCHEMAS)


def existing_directory_ldif(
    names: Names,
    *,
    service_hash: str,
    database: str = "olcDatabase={1}mdb,cn=config",
    origins: Sequence[str] = LOOPBACK,
    complete: bool = False,
) -> dict[str, str]:
    """What a directory that already stands needs: files to be applied in the order of their names.

    They go by the configuration that Debian's package begins with, so that they can be applied
    there whole; with ``complete`` they hold, too, what that one has already.

    Only what leaves other systems' rights alone is taken over: the rules of the definition that
    end in ``by * break``, put before the directory's own.
    """
    files = {
        f"{number}-{name}.ldif": _SCHEMA_HEADER
        + _template(f"schema/{name}.ldif").replace(
            "\nobjectClass: olcSchemaConfig", "\nchangetype: add\nobjectClass: olcSchemaConfig", 1
        )
        for number, name in enumerate(SCHEMAS, start=1)
    }
    files["4-config.ldif"] = _config_changes(
        names, database, origins, () if complete else _DEBIANS_INDEXES
    )
    files["5-tree.ldif"] = _tree_additions(names, service_hash)
    return files


# What the configuration of Debian's package has by itself: "objectClass eq" and "cn,uid eq".
_DEBIANS_INDEXES = frozenset({"objectClass", "uid"})

_SCHEMA_HEADER = """\
# For a server that has nothing of this schema yet. `sh apply`, beside this file, says whether yours
# takes it; for one that has an older version, see --server-config of `scolpass init`.
#
"""

_CONFIG_HEADER = """\
# What scolpass needs in cn=config of a directory that already stands. Read it before you apply it,
# on a test system first, with `sh apply` beside this file: it tries everything on a copy of the
# server's configuration, and if one line is refused (a module, an index, an overlay that is there
# already), the server stays as it is. This file goes by the configuration that Debian's package
# begins with. For another one have it made for your server: scolpass init --server-config FILE.
#
# To adapt:
# - {database}: the database that holds {suffix}. Find yours with
#   ldapsearch -LLL -Y EXTERNAL -H ldapi:/// -b cn=config "(olcSuffix={suffix})" dn
# - cn=module{{0}}: where your modules are loaded. Several servers: do it on each.
# - the overlays: if yours has ppolicy or unique, keep it, and add the values that it lacks.
# - olcPPolicyDefault: the policy of everybody else; cn=default of 5-tree.ldif, or one of yours.
# - olcDbMaxSize: not changed here; with less than 1 GiB raise it, slapd's own 10 MiB are full
#   after a few thousand students.
# - a portal or another tool that writes the attributes named below keeps the rights you gave it:
#   the rules speak of the service account and of the student herself, and hand everyone else on.
#   Do see that your own rules let nobody read userPassword, nor write pwd* attributes with "self".
#   What they let staff do to entries without a student's number, scolpass does not touch.
"""

_TREE_HEADER = """\
# The password policies and scolpass' own account, for a directory that already stands: applied by
# `sh apply` after 4-config.ldif, but for the entries that stand already. The account's password is
# the one in the file that directory.bind_password_file names; only its hash is here.
"""


def apply_script(names: Names) -> str:
    """The script that applies those files to a server, after it has tried them on a copy."""
    return _fill(_template("apply"), names.values())


def _config_changes(
    names: Names, database: str, origins: Sequence[str], indexed: Collection[str]
) -> str:
    template = _template("config.ldif")
    values = names.values() | clauses(origins)
    changes = [_CONFIG_HEADER.format(database=database, suffix=names.suffix)]
    for record in _records(template):
        dn = record[0].value
        lines = record[1:]
        if dn.startswith("cn=module"):
            changes.extend(
                _modify(dn, "add", line.name, [line.text])
                for line in lines
                if line.name == "olcModuleLoad" and line.value != "back_mdb"
            )
        elif dn.startswith("olcDatabase={-1}"):
            hashes = [line.text for line in lines if line.name == "olcPasswordHash"]
            changes.append(_modify(dn, "replace", "olcPasswordHash", hashes))
        elif dn.startswith("olcDatabase={0}"):
            changes.append(_modify(dn, "add", "olcAccess", _rules_to_put_first(lines)))
        elif dn.startswith("olcDatabase={1}"):
            limits = [line.at(0) for line in lines if line.name == "olcLimits"]
            changes.append(_modify(database, "add", "olcLimits", limits))
            for attribute, kinds in required_indexes().items():
                if attribute in indexed:
                    continue
                index = f"olcDbIndex: {attribute} {','.join(sorted(kinds))}"
                changes.append(_modify(database, "add", "olcDbIndex", [index]))
            changes.append(_modify(database, "add", "olcAccess", _rules_to_put_first(lines)))
        elif dn.startswith("olcOverlay="):
            overlay = next(line.value for line in lines if line.name == "olcOverlay")
            bare = overlay.partition("}")[2]
            changes.append(
                "\n".join(
                    [f"dn: olcOverlay={bare},{database}", "changetype: add"]
                    + [line.text.replace(overlay, bare) for line in lines]
                )
            )
    return _fill("\n\n".join(changes) + "\n", values)


def _rules_to_put_first(lines: list[_Line]) -> list[str]:
    rules = [
        line for line in lines if line.name == "olcAccess" and line.value.endswith("by * break")
    ]
    return [rule.at(position) for position, rule in enumerate(rules)]


def _modify(dn: str, how: str, attribute: str, lines: list[str]) -> str:
    return "\n".join([f"dn: {dn}", "changetype: modify", f"{how}: {attribute}", *lines])


def _tree_additions(names: Names, service_hash: str) -> str:
    standing = {"@SUFFIX@", "@PEOPLE_DN@"}
    # Another kind of entry than ou=... above policies or account is the directory's own business.
    for key, dn in (("@SERVICES_DN@", names.services_dn), ("@POLICIES_DN@", names.policies_dn)):
        if not dn.lower().startswith("ou="):
            standing.add(key)
    kept = [
        "\n".join(line.text for line in record)
        for record in _records(_template("tree.ldif"))
        if record[0].value not in standing
    ]
    values = names.values() | {"SERVICE_HASH": service_hash}
    return _TREE_HEADER + "\n" + _fill("\n\n".join(kept) + "\n", values)


@dataclass(frozen=True, slots=True)
class _Line:
    """One attribute line of an LDIF template, with the comment above it and its folds."""

    comment: str
    folded: str

    @property
    def text(self) -> str:
        return f"{self.comment}\n{self.folded}" if self.comment else self.folded

    @property
    def name(self) -> str:
        return self.folded.split(":", 1)[0]

    @property
    def value(self) -> str:
        return self.folded.replace("\n ", "").split(":", 1)[1].strip()

    def at(self, position: int) -> str:
        """The line with cn=config's ``{n}``, which puts the value at that place in the list."""
        name, value = self.folded.split(": ", 1)
        line = f"{name}: {{{position}}}{value}"
        return f"{self.comment}\n{line}" if self.comment else line


def _records(ldif: str) -> list[list[_Line]]:
    """The records of an LDIF template (RFC 2849, as far as our own templates use it)."""
    records: list[list[_Line]] = []
    for block in re.split(r"\n(?:[ \t]*\n)+", ldif):
        record: list[_Line] = []
        comment: list[str] = []
        for text in block.splitlines():
            if text.startswith("#"):
                comment.append(text)
            elif text.startswith(" ") and record:
                record[-1] = _Line(record[-1].comment, f"{record[-1].folded}\n{text}")
            elif text:
                record.append(_Line("\n".join(comment), text))
                comment = []
        if record and record[0].name == "dn":
            records.append(record)
    return records


def _template(name: str) -> str:
    return (deploy_folder() / name).read_text(encoding="utf-8")


def _fill(template: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        template = template.replace(f"@{name}@", value)
    return template


_SYSTEM_SCHEMAS = (Path("/etc/ldap/schema"), Path("/etc/openldap/schema"))
_MODULES = (
    Path("/usr/lib/ldap"),
    Path("/usr/lib64/openldap"),
    Path("/usr/lib/openldap"),
    Path("/usr/libexec/openldap"),
)


def _first_folder(candidates: tuple[Path, ...], holding: str) -> Path:
    for folder in candidates:
        if (folder / holding).exists():
            return folder
    tried = " or ".join(str(folder) for folder in candidates)
    raise UsageError(f"{holding} of OpenLDAP is not in {tried}", _INSTALL)


_INSTALL = "Install OpenLDAP 2.5 or later: apt-get install slapd ldap-utils"


# --- a slapd of one's own ----------------------------------------------------------------------


class Sandbox:
    """A private slapd on loopback, made from the definition, with its data in one folder.

    Make it with `prepare`; then `start` and `stop`, or use it as a context manager::

        with Sandbox.prepare(folder) as sandbox:
            ...  # sandbox.uri answers

    Everything lies in `folder`, under paths relative to it, so a stopped sandbox may be copied or
    moved. While slapd runs it holds a lock on the folder, even if the process that started it is
    gone, so that no second one ever opens the same database.
    """

    def __init__(self, folder: Path, port: int, names: Names) -> None:
        self.folder = folder
        self.port = port
        self.names = names
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    def prepare(
        cls,
        folder: Path,
        port: int | None = None,
        *,
        suffix: str | None = None,
        origins: Sequence[str] = LOOPBACK,
    ) -> Self:
        """Make the folder's secrets, database and configuration, as far as they are not there yet.

        Of a configuration that stands only ``directory.uris`` is renewed. Without `port` a free one
        is taken.
        """
        folder = folder.resolve()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.stat().st_uid != os.geteuid():
            raise UsageError(
                f"{folder} belongs to {user_name(folder.stat().st_uid)}, who could change what is "
                "written into it",
                "Choose a folder of yours, or one that is not there yet",
            )
        with _lock(folder):
            standing = _standing_suffix(folder)
            if standing and suffix and standing.casefold() != suffix.casefold():
                raise UsageError(
                    f"{folder} holds a directory of {standing}, not of {suffix}",
                    "Choose another folder",
                )
            sandbox = cls(
                folder, port or _free_port(), Names.under(standing or suffix or DEFAULT_SUFFIX)
            )
            sandbox._make_secrets()
            if not standing:
                sandbox._make_database(origins)
            (folder / "spool").mkdir(mode=0o700, exist_ok=True)
            sandbox._make_configuration()
        return sandbox

    @property
    def uri(self) -> str:
        """The address that slapd answers on."""
        return f"ldap://127.0.0.1:{self.port}"

    @property
    def config(self) -> Path:
        """The configuration of a scolpass that uses this directory."""
        return self.folder / "scolpass.toml"

    @property
    def admin_dn(self) -> str:
        """The directory's own administrator, for testers and for playing other systems."""
        return self.names.admin_dn

    @property
    def admin_password_file(self) -> Path:
        """The file with the administrator's password and nothing else."""
        return self.folder / "admin.password"

    @property
    def service_password_file(self) -> Path:
        """The file with the password of scolpass' own account and nothing else."""
        return self.folder / "directory.password"

    @property
    def log(self) -> Path:
        """What slapd says."""
        return self.folder / "slapd.log"

    @property
    def running(self) -> bool:
        """Whether slapd has been started and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process number of slapd."""
        if self._process is None:
            raise UsageError(f"The slapd of {self.folder} is not running")
        return self._process.pid

    def start(self) -> None:
        """Start slapd and wait until it answers."""
        if self.running:
            return
        if not _is_free(self.port):
            raise UsageError(
                f"Another program listens on port {self.port}", "Choose another --port"
            )
        log_file = open_own(self.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        with os.fdopen(log_file, "ab") as log, _lock(self.folder) as lock:
            os.fchmod(log.fileno(), 0o600)
            said_before = log.tell()
            slapd = str(_slapd(self.folder))
            self._process = subprocess.Popen(
                [*_FEWER_FILES, slapd, "-F", "slapd.d", "-h", self.uri, "-d", "none"],
                cwd=self._directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # A lock lasts as long as anyone holds its descriptor: slapd keeps it from here on.
                pass_fds=[lock],
                # Control-C in a terminal goes to us, and we stop slapd.
                start_new_session=True,
            )
            _note_holder(lock, self._process.pid)
        try:
            self._wait_until_ready(said_before)
        except BaseException:
            self.stop()
            raise

    def _wait_until_ready(self, said_before: int) -> None:
        give_up = time.monotonic() + _START_SECONDS
        while not _answers(self.port):
            if not self.running or time.monotonic() > give_up:
                what = "did not answer in time" if self.running else "did not start"
                raise DirectoryUntrusted(
                    f"slapd {what} on {self.uri}. {self._last_words(said_before)}",
                    f"See {self.log}",
                )
            time.sleep(0.02)

    def _last_words(self, since: int = 0) -> str:
        with self.log.open("rb") as log:
            log.seek(since)
            lines = log.read().decode("utf-8", "replace").splitlines()
        # Without the time and thread before each, its banner, and what it says at every end.
        said = [re.sub(r"^[0-9a-f]+\.[0-9a-f]+ 0x[0-9a-f]+ ", "", line) for line in lines]
        telling = [line.strip() for line in said if not _SMALL_TALK.search(line)][-4:]
        return "It said: " + "; ".join(telling) if telling else "It said nothing"

    def stop(self) -> None:
        """Stop slapd, by its process number, and wait until it has ended."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            # A slapd that somebody had stopped with SIGSTOP hears nothing until it goes on.
            process.send_signal(signal.SIGCONT)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def restart(self) -> None:
        """Stop and start again, on the same port and data."""
        self.stop()
        self.start()

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send slapd a signal: SIGKILL crashes it, SIGSTOP makes it hang, SIGCONT go on."""
        os.kill(self.pid, number)
        if number == signal.SIGKILL and self._process is not None:
            self._process.wait()

    def check_alive(self) -> None:
        """Raise if slapd has ended by itself."""
        if self._process is not None and self._process.poll() is not None:
            status = self._process.returncode
            raise DirectoryUntrusted(
                f"slapd ended by itself with status {status}. {self._last_words()}",
                f"See {self.log}",
            )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()

    @property
    def _directory(self) -> Path:
        return self.folder / "directory"

    def _make_secrets(self) -> None:
        for path in (self.admin_password_file, self.service_password_file):
            if not path.exists():
                _write_private(path, secrets.token_urlsafe(32))
        key = self.folder / "scolpass.key"
        if not key.exists():
            _write_private(key, Fernet.generate_key().decode("ascii") + "\n")

    def _make_database(self, origins: Sequence[str]) -> None:
        """Fill the definition in; slapd.d gets its name last, so a half-made one is made anew."""
        shutil.rmtree(self._directory, ignore_errors=True)
        (self._directory / "data").mkdir(mode=0o700, parents=True)
        (self._directory / "making").mkdir(mode=0o700)
        admin_hash = hash_secret(self.admin_password_file.read_text(encoding="ascii"))
        service_hash = hash_secret(self.service_password_file.read_text(encoding="ascii"))
        config = config_ldif(self.names, admin_hash=admin_hash, data="data", origins=origins)
        self._slapadd(0, config)
        self._slapadd(1, tree_ldif(self.names, service_hash=service_hash))
        (self._directory / "making").rename(self._directory / "slapd.d")

    def _slapadd(self, number: int, ldif: str) -> None:
        done = subprocess.run(
            [str(_slapd(self.folder)), "-Tadd", "-n", str(number), "-F", "making"],
            cwd=self._directory,
            input=ldif.encode(),
            capture_output=True,
            check=False,
        )
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip()
            raise DirectoryUntrusted(
                f"slapd refused the directory's definition: {said}", f"See {deploy_folder()}"
            )

    def _make_configuration(self) -> None:
        if self.config.exists():
            text = self.config.read_text(encoding="utf-8")
        else:
            # The example's certificate authority has no part in a plain connection to loopback.
            text = re.sub(r"(?m)^[ \t]*ca_file[ \t]*=.*\n", "", example_configuration())
            text = text.replace(DEFAULT_SUFFIX, self.names.suffix)
        renewed = with_uris(text, [self.uri])
        if not self.config.exists() or renewed != text:
            _write_private(self.config, renewed)


def serve(folder: Path, port: int | None = None) -> None:
    """Run a sandbox in the foreground until SIGINT, SIGTERM or SIGHUP; stdout says where it is."""
    ended = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        ended.set()

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, end) for number in numbers}
    try:
        with Sandbox.prepare(folder, port) as sandbox:
            ready = {
                "ready": True,
                "uri": sandbox.uri,
                "config": str(sandbox.config),
                "admin_dn": sandbox.admin_dn,
                "admin_password_file": str(sandbox.admin_password_file),
            }
            print(json.dumps(ready), flush=True)
            while not ended.wait(0.2):
                sandbox.check_alive()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def with_uris(text: str, uris: list[str]) -> str:
    """A configuration's text with other ``directory.uris``; every other line stays as it is.

    A TOML library would write the file anew and lose the comments, so the value is found in the
    text: from ``uris =`` in the table to the first place where what was read is whole TOML.
    """
    table = re.search(r"(?m)^[ \t]*\[[ \t]*directory[ \t]*\].*$", text)
    if table is None:
        raise UsageError("The configuration has no [directory] table", "Add it, with its uris")
    following = re.compile(r"(?m)^[ \t]*\[[ \t]*[A-Za-z\"\[]").search(text, table.end())
    end = following.start() if following else len(text)
    line = f"uris = {json.dumps(uris)}"
    key = re.compile(r"(?m)^[ \t]*uris[ \t]*=").search(text, table.end(), end)
    if key is None:
        return f"{text[: table.end()]}\n{line}{text[table.end() :]}"
    for bracket in re.finditer(r"\]", text[key.start() : end]):
        stop = key.start() + bracket.end()
        try:
            tomllib.loads(text[key.start() : stop])
        except tomllib.TOMLDecodeError:
            continue
        return text[: key.start()] + line + text[stop:]
    raise UsageError("directory.uris is not a list", 'Write uris = ["ldap://..."]')


def _standing_suffix(folder: Path) -> str | None:
    """The suffix of the database that stands in the folder, if one does."""
    file = folder / "directory/slapd.d/cn=config/olcDatabase={1}mdb.ldif"
    if not file.exists():
        return None
    suffix = re.search(r"(?m)^olcSuffix: (.*)$", file.read_text(encoding="utf-8"))
    if suffix is None:
        raise UsageError(f"{file} names no suffix", "Choose another folder")
    return suffix[1]


def _slapd(folder: Path) -> Path:
    """The slapd to run: the system's, or a copy where an AppArmor profile is tied to its path."""
    places = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    found = shutil.which("slapd", path=places)
    if found is None:
        raise UsageError("slapd is not installed", _INSTALL)
    if not APPARMOR_PROFILE.exists():
        return Path(found)
    copy = folder / "slapd"
    if not copy.exists() or copy.stat().st_mtime < Path(found).stat().st_mtime:
        new = folder / "slapd.new"
        shutil.copyfile(found, new)
        new.chmod(0o700)
        new.rename(copy)
    return copy


@contextmanager
def _lock(folder: Path) -> Iterator[int]:
    """Hold the folder for oneself; whoever inherits the descriptor holds it on."""
    descriptor = open_own(folder / ".lock", os.O_RDWR | os.O_CREAT)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
            raise UsageError(
                f"A sandbox is already running on {folder} (process {holder})",
                f"Stop it first (kill {holder}), or choose another folder",
            ) from None
        _note_holder(descriptor, os.getpid())
        yield descriptor
    finally:
        os.close(descriptor)


def _note_holder(descriptor: int, pid: int) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, b"%d\n" % pid, 0)


def _write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(text.encode())
    new.rename(path)


def _free_port() -> int:
    """A free port of `PORTS`, below those that outgoing connections get (32768 and up).

    Asking for port 0 would give one of theirs, and between asking and slapd's start any client on
    the machine may be given it.
    """
    for _ in range(200):
        port = PORTS[secrets.randbelow(len(PORTS))]
        if _is_free(port):
            return port
    raise UsageError("No free port was found on 127.0.0.1", "Name one with --port")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As slapd does: what is left of a closed connection does not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


# An anonymous bind and the tag of its answer (RFC 4511, 4.2): the least that only a directory
# which is up can answer.
_ANONYMOUS_BIND = bytes.fromhex("300c020101600702010304008000")
_BIND_RESPONSE = 0x61


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.sendall(_ANONYMOUS_BIND)
            answer = connection.recv(64)
    except OSError:
        return False
    return len(answer) > 5 and answer[5] == _BIND_RESPONSE
