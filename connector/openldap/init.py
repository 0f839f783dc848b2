"""`scolpass init`: what a new installation starts with, ready to be read and applied.

A commented configuration, the key that seals provisional passwords, the service account's
password, and what the directory needs as LDIF, from the one definition in ``deploy/openldap``.
Either all of it is written or nothing, and existing files are never overwritten; run again with the
same options, it recognises its own files and leaves them.
"""

from __future__ import annotations

import base64
import grp
import hashlib
import json
import os
import re
import secrets
import shlex
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from connector.core.peers import LOOPBACK, spelled
from connector.edges.register.sample import Sampled, read_sample
from connector.edges.sealing import new_key
from connector.errors import ConfigurationError, UsageError
from connector.openldap.definition import hash_secret
from connector.openldap.existing import apply_script, existing_directory_ldif
from connector.openldap.names import DEFAULT_SUFFIX, Names
from connector.openldap.removal import REMOVAL, removal
from connector.openldap.source_section import (
    is_incomplete,
    sample_json,
    sample_said,
    source_values,
    with_columns,
)
from connector.openldap.tailoring import tailored
from connector.resources import example_configuration
from connector.settings.loading import load_settings
from connector.settings.plain_files import read_plain
from connector.settings.secrets import read_secret

CONFIGURATION = "scolpass.toml"
KEY = "scolpass.key"
PASSWORD = "directory.password"  # noqa: S105 - a file's name
LDIF = "openldap"
SPOOL = "spool"
APPLY = "apply"
CHANGES = "4-config.ldif"
_TREE = "5-tree.ldif"
_EXAMPLE_DOMAIN = "umontpellier.fr"
_HERE = ("ldap://127.0.0.1",)
_OPEN, _CLOSED = 0o644, 0o600
# The unit's folders: one to read, one to write to (deploy/systemd/scolpass.service).
_SYSTEM, _STATE = Path("/etc/scolpass"), Path("/var/lib/scolpass")
_GROUP = "scolpass"


@dataclass(frozen=True, slots=True)
class Requested:
    """What the command line says; what it leaves out is the example's, or follows from it."""

    suffix: str = DEFAULT_SUFFIX
    name: str | None = None
    uai: str | None = None
    mail_domain: str | None = None
    uris: tuple[str, ...] = ()  # none: slapd on this machine
    people_dn: str | None = None
    service_dn: str | None = None
    policy_dn: str | None = None
    database: str = "olcDatabase={1}mdb,cn=config"
    first_connection_from: tuple[str, ...] = LOOPBACK
    server_config: Path | None = None  # the server's own cn=config, as slapcat -n 0 prints it
    register: Path | None = None  # a sample of the register, to guess [source] from


@dataclass(frozen=True, slots=True)
class Made:
    """What `make` found and did."""

    folder: Path
    written: tuple[Path, ...]
    kept: tuple[Path, ...]  # stood already, as it would have been written
    example: tuple[str, ...]  # keys that still hold the example's values
    commands: tuple[str, ...]  # what to type next
    sampled: Sampled | None = None  # what was found in the sample of the register

    @property
    def exit_status(self) -> int:
        """1 where something of the register has to be added by hand, else 0."""
        return int(self.sampled is not None and is_incomplete(self.sampled))


def make(folder: Path, requested: Requested) -> Made:
    """Write into ``folder`` what an installation begins with.

    Raises:
        UsageError: a value cannot be used, or a file stands that is not as it would be written;
            nothing was written then.
    """
    folder = folder.absolute()
    requested = replace(requested, uris=requested.uris or _HERE)
    names = _names(requested)
    origins = _origins(requested)
    sampled = read_sample(requested.register) if requested.register is not None else None
    text = configuration(requested, folder, sampled)
    _see_that_it_loads(text, folder / CONFIGURATION)
    key, password = _secret_there(folder / KEY), _secret_there(folder / PASSWORD)
    secret = password or SecretStr(secrets.token_urlsafe(32))
    wanted: dict[Path, tuple[str, int]] = {folder / CONFIGURATION: (text, 0o640)}
    if key is None:
        wanted[folder / KEY] = (new_key() + "\n", _CLOSED)
    if password is None:
        wanted[folder / PASSWORD] = (secret.get_secret_value(), _CLOSED)
    ldif_files = existing_directory_ldif(
        names,
        service_hash=_hash_there(folder / LDIF / _TREE, secret)
        or hash_secret(secret.get_secret_value()),
        database=requested.database,
        origins=origins,
        complete=requested.server_config is not None,
    )
    server = ""
    if requested.server_config is not None:
        server = _read(requested.server_config)
        ldif_files = tailored(ldif_files, server, names.suffix, names.service_dn)
    if taking_out := removal(ldif_files.get(CHANGES, ""), server):
        ldif_files = {**ldif_files, REMOVAL: taking_out}
    for name, ldif in ldif_files.items():
        wanted[folder / LDIF / name] = (ldif, _CLOSED if name == _TREE else _OPEN)
    wanted[folder / LDIF / APPLY] = (apply_script(names), 0o755)
    kept, in_the_way = _compare(wanted)
    if in_the_way:
        raise UsageError(
            "these files stand already and are not overwritten: "
            + ", ".join(str(path) for path in in_the_way),
            "Choose another --dir (such as /etc/scolpass), or move them away; nothing was written",
        )
    written = [path for path in wanted if path not in kept]
    _write(folder, {path: wanted[path] for path in written})
    kept += [folder / name for name, one in ((KEY, key), (PASSWORD, password)) if one is not None]
    return Made(
        folder=folder,
        written=tuple(written),
        kept=tuple(kept),
        example=tuple(
            f"institution.{key}"
            for key, value in (("name", requested.name), ("uai", requested.uai))
            if value is None
        ),
        commands=_commands(folder),
        sampled=sampled,
    )


def configuration(requested: Requested, folder: Path, sampled: Sampled | None = None) -> str:
    """The configuration that `make` writes into a folder."""
    text = _configuration(requested, _names(requested), _origins(requested), folder)
    if sampled is None:
        return text
    return with_columns(with_values(text, source_values(sampled, folder)), sampled.guessed)


def _names(requested: Requested) -> Names:
    usual = Names.under(requested.suffix)
    return Names(
        suffix=requested.suffix,
        people_dn=requested.people_dn or usual.people_dn,
        service_dn=requested.service_dn or usual.service_dn,
        provisional_dn=requested.policy_dn or usual.provisional_dn,
    )


def _origins(requested: Requested) -> tuple[str, ...]:
    try:
        return tuple(dict.fromkeys(spelled(one) for one in requested.first_connection_from))
    except ValueError as error:
        raise UsageError(
            f"--first-connection-from: {error}", "Mend that option; nothing was written"
        ) from None


# --- the configuration ----------------------------------------------------------------------------


def _configuration(requested: Requested, names: Names, origins: Sequence[str], folder: Path) -> str:
    """The example with this institution's values, and every comment of it."""
    domain = ".".join(re.findall(r"(?i)(?:^|,)dc=([^,]+)", requested.suffix)).lower()
    domain = domain or requested.mail_domain or _EXAMPLE_DOMAIN
    mail_domain = requested.mail_domain or f"etu.{domain}"
    text = example_configuration()
    # Addresses of the example that are nobody's business here: mail sender, alerts, public URL.
    text = text.replace(_EXAMPLE_DOMAIN, domain)
    clear = [uri for uri in requested.uris if urlsplit(uri).scheme.lower() == "ldap"]
    values: dict[tuple[str, str], Any] = {
        ("institution", "mail_domain"): mail_domain,
        ("institution", "own_domains"): list(dict.fromkeys((domain, mail_domain))),
        ("directory", "uris"): list(requested.uris or _HERE),
        ("directory", "starttls"): any(not _is_here(uri) for uri in clear),
        ("directory", "bind_dn"): names.service_dn,
        ("directory", "bind_password_file"): PASSWORD,
        ("directory", "people_dn"): names.people_dn,
        ("directory", "first_connection_from"): list(origins),
        ("password.provisional", "policy_dn"): names.provisional_dn,
        ("keys", "file"): KEY,
        ("events.spool", "path"): SPOOL,
    }
    if folder == _SYSTEM:  # which the service can only read
        values["events.spool", "path"] = str(_STATE / SPOOL)
        values["journal", "url"] = f"sqlite:///{_STATE}/journal.db"
    if requested.name is not None:
        values["institution", "name"] = requested.name
    if requested.uai is not None:
        values["institution", "uai"] = requested.uai
    return with_values(text, values)


def _is_here(uri: str) -> bool:
    """Whether a URI names this machine, where nothing can listen in between."""
    host = urlsplit(uri).hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.")


def with_values(text: str, values: Mapping[tuple[str, str], Any]) -> str:
    """A configuration's text with other values; comments and every other line stay as they are.

    A TOML library would rewrite the file and lose the comments, which are half of its worth.
    Only texts such as the example's are taken: a value stands on one line.
    """
    left = dict(values)
    table = ""
    lines = []
    for line in text.splitlines():
        if found := re.match(r"\[([^\]]+)\]", line):
            table = found[1]
        assigned = re.match(r"(\w+) = ", line)
        if assigned is None or (table, assigned[1]) not in left:
            lines.append(line)
            continue
        value = json.dumps(left.pop((table, assigned[1])), ensure_ascii=False)
        lines.append(assigned[0] + value + _comment(line, assigned.end(), len(value)))
    if left:
        raise UsageError(
            f"the example configuration has no {' and no '.join('.'.join(key) for key in left)}",
            "Install scolpass again",
        )
    return "\n".join(lines) + "\n"


def _comment(line: str, start: int, length: int) -> str:
    """The comment behind the value that begins at ``start``, in its old column if it fits."""
    for character in re.finditer("#", line[start:]):
        stop = start + character.start()
        try:
            tomllib.loads("key = " + line[start:stop])
        except tomllib.TOMLDecodeError:
            continue  # a character within the value
        return " " * max(1, stop - start - length) + line[stop:]
    return ""


def _see_that_it_loads(text: str, place: Path) -> None:
    """Raise for what the options make of the configuration, before anything is written."""
    with tempfile.TemporaryDirectory(prefix="scolpass-init-") as folder:
        trial = Path(folder, CONFIGURATION)
        trial.write_text(text, encoding="utf-8")
        try:
            load_settings(trial, {})
        except ConfigurationError as error:
            raise UsageError(
                error.message.replace(str(trial), str(place)), "Mend the options of `init`"
            ) from None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"cannot read {path}: {error}",
            "Give a file with what `slapcat -n 0` prints on the directory's server",
        ) from error


# --- files ----------------------------------------------------------------------------------------


def _secret_there(path: Path) -> SecretStr | None:
    """The secret that stands there, or None; one that is open to others is not taken over."""
    return read_secret(path) if os.path.lexists(path) else None


def _hash_there(tree: Path, secret: SecretStr) -> str | None:
    """The hash in a tree file of an earlier `init`, if it is this password's: salts differ."""
    try:
        text = read_plain(tree).decode()
    except (OSError, UnicodeDecodeError):
        return None
    found = re.search(r"(?m)^userPassword: \{SSHA\}(\S+)$", text)
    if found is None:
        return None
    raw = base64.b64decode(found[1])
    digest = hashlib.sha1(secret.get_secret_value().encode() + raw[20:], usedforsecurity=False)
    return "{SSHA}" + found[1] if digest.digest() == raw[:20] else None


def _compare(wanted: Mapping[Path, tuple[str, int]]) -> tuple[list[Path], list[Path]]:
    """Of the files to be written those that stand as they would be, and those in the way."""
    kept: list[Path] = []
    in_the_way: list[Path] = []
    for path, (text, _) in wanted.items():
        if not os.path.lexists(path):
            continue
        try:
            same = read_plain(path) == text.encode()
        except OSError:
            same = False
        (kept if same else in_the_way).append(path)
    return kept, in_the_way


def _write(folder: Path, files: Mapping[Path, tuple[str, int]]) -> None:
    try:
        new = not folder.exists()
        folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        group = _service_group(folder, new)
        (folder / LDIF).mkdir(mode=0o755, exist_ok=True)
        if folder != _SYSTEM:
            (folder / SPOOL).mkdir(mode=0o700, exist_ok=True)
        for path, (text, mode) in files.items():
            # The directory's files are for its administrator, not for the service.
            _write_new(path, text, mode, None if path.parent.name == LDIF else group)
    except OSError as error:
        raise UsageError(
            f"cannot write {error.filename or folder}: {error.strerror}",
            "Give a --dir that you may write to; run init again and it goes on",
        ) from error


def _service_group(folder: Path, new: bool) -> int | None:
    """The group that root gives the service's files to: the folder's, or for a new one its own.

    As ``docs/operate.md`` has it: the service reads secrets that are root's and its group's,
    with mode 640. None: they stay with the user who runs `init`.
    """
    if os.geteuid() != 0:
        return None
    if new:
        try:
            group = grp.getgrnam(_GROUP).gr_gid
        except KeyError:
            return None
        os.chown(folder, -1, group)
        return group
    return folder.stat().st_gid or None


def _write_new(path: Path, text: str, mode: int, group: int | None = None) -> None:
    """Write a file whole under its final name, or not at all, and never over another."""
    new = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            if group is not None:
                os.fchown(file.fileno(), -1, group)
                mode |= 0o040
            os.fchmod(file.fileno(), mode)  # whatever the umask is
            file.write(text.encode())
        os.link(new, path)  # unlike rename, it refuses a name that stands
    finally:
        new.unlink(missing_ok=True)


# --- what comes next ------------------------------------------------------------------------------


def _commands(folder: Path) -> tuple[str, ...]:
    ldif = shlex.quote(str(folder / LDIF))
    configuration = shlex.quote(str(folder / CONFIGURATION))
    return (
        f"sh {ldif}/{APPLY} --look",
        f"sh {ldif}/{APPLY}",
        f"scolpass --config {configuration} check",
    )


def describe(made: Made) -> Sequence[str]:
    """What a person is told: what was written, what to adapt, and what to type next."""
    lines = [f"In {made.folder}:"]
    lines += [f"  written  {path.relative_to(made.folder)}" for path in made.written]
    lines += [f"  kept     {path.relative_to(made.folder)}" for path in made.kept]
    lines.append("")
    if made.sampled is not None:
        configuration = shlex.quote(str(made.folder / CONFIGURATION))
        lines += [
            *sample_said(made.sampled),
            f"See what is read by it: scolpass --config {configuration} check register",
            "",
        ]
    where = "[source]"
    if made.example:
        where = f"{', '.join(made.example)} (still the example's), and {where}"
    lines.append(f"Look through {CONFIGURATION}: {where} above all. Copy {KEY} to a safe place.")
    lines.append(
        f"Read {LDIF}/*.ldif, whose heads say what to adapt; then, on the server as root, type"
    )
    lines.append("(the first looks only, and says whether all of it can be applied):")
    lines.append("")
    lines += [f"  {number}. {command}" for number, command in enumerate(made.commands, start=1)]
    lines.append("")
    lines.append(f"To take out of the server again what they add: {made.commands[1]} --remove")
    lines.append("")
    lines.append(
        "If scolpass runs as another user than you, its secret files must be that user's with mode "
        "600, or root's and of that user's group with mode 640 (docs/operate.md)."
    )
    return lines


def made_json(made: Made) -> dict[str, Any]:
    """The same for machines."""
    return {
        "folder": str(made.folder),
        "written": [str(path) for path in made.written],
        "kept": [str(path) for path in made.kept],
        "next": list(made.commands),
        **({"register": sample_json(made.sampled)} if made.sampled is not None else {}),
    }
