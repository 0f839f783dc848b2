"""Secret files: which are accepted, and which are refused with the cure.

The same rule applies to each of them, and to the open file, not to a name that may have changed
meanwhile. It is a regular file that others may not touch. Either it belongs to the user that
scolpass runs as, and to nobody else (mode 600 or less); or it belongs to root, and the group may
read it, but not write, if scolpass runs in that group: this is how a package or an administrator
hands a secret to a service (``root:scolpass``, mode 640), and root may use such a file, too. A
systemd credential belongs to root, and an access control list that shows as the group's rights
opens it to the service (systemd.exec(5), LoadCredential=): its group does not matter. Of a link,
the target counts.
"""

from __future__ import annotations

import errno
import grp
import os
import stat
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from connector.errors import ConfigurationError
from connector.settings.own_files import user_name
from connector.settings.plain_files import kind_of

_LIMIT = 65_536  # bytes; whatever is longer is not the file that was meant
_ROOT = 0


@dataclass(frozen=True, slots=True)
class Reader:
    """The reader of a secret file."""

    user: int
    groups: Collection[int]

    @classmethod
    def of_this_process(cls) -> Reader:
        """The user and groups that scolpass runs as."""
        return cls(os.geteuid(), frozenset((os.getegid(), *os.getgroups())))


def read_secret(path: Path) -> SecretStr:
    """The content of a secret file, without the line end that closes it.

    If ``path`` is not there, the systemd credential of the same name is taken
    (``$CREDENTIALS_DIRECTORY``, from LoadCredential=).

    Raises:
        ConfigurationError: missing, empty, unreadable, no file, somebody else's, or open to
            others; never with its content.
    """
    found = find_secret(path)
    if found is None:
        raise ConfigurationError(
            f"no secret file {path}",
            f"Write it and `chmod 600 {path}`, or give a systemd credential named {path.name}",
        )
    content = _content(found, is_credential=found != path)
    if len(content) > _LIMIT:
        raise ConfigurationError(
            f"the secret file {found} is longer than {_LIMIT} bytes", "Name the right file"
        )
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise ConfigurationError(
            f"the secret file {found} is not UTF-8", "Write it again in UTF-8"
        ) from None
    text = text.removesuffix("\n").removesuffix("\r")
    if not text.strip():
        raise ConfigurationError(f"the secret file {found} is empty", "Write the secret into it")
    return SecretStr(text)


def secret_lines(path: Path) -> tuple[SecretStr, ...]:
    """One secret a line, without blank lines and those that begin with ``#``.

    Raises:
        ConfigurationError: as :func:`read_secret`, and where there is no such line.
    """
    lines = (line.strip() for line in read_secret(path).get_secret_value().splitlines())
    secrets = tuple(SecretStr(line) for line in lines if line and not line.startswith("#"))
    if not secrets:
        raise ConfigurationError(f"the secret file {path} holds no secret", "Write one on a line")
    return secrets


def find_secret(path: Path) -> Path | None:
    """``path``, or the systemd credential of its name; None if there is neither."""
    if _is_there(path):
        return path
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    credential = Path(credentials, path.name) if credentials else None
    return credential if credential and _is_there(credential) else None


def _is_there(path: Path) -> bool:
    """Whether ``path`` exists, or cannot be inspected: then reading it will say what is wrong.

    A dangling link counts as existing: a secret was meant to be there.
    """
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def _content(file: Path, *, is_credential: bool) -> bytes:
    """What is in a secret file, which is opened once and judged before it is read."""
    try:
        # Without O_NONBLOCK a pipe would hold us up for ever.
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        descriptor = os.open(file, flags)
        try:
            reader = Reader.of_this_process()
            refused = refusal(file, os.fstat(descriptor), reader, is_credential=is_credential)
            if refused is not None:
                raise refused
            with os.fdopen(descriptor, "rb", closefd=False) as stream:
                return stream.read(_LIMIT + 1)
        finally:
            os.close(descriptor)
    except OSError as error:
        # ENXIO: a socket, which cannot be opened at all.
        said = "it is a socket" if error.errno == errno.ENXIO else error.strerror
        raise ConfigurationError(
            f"cannot read the secret file {file}: {said}",
            "Make it a plain file that the user of scolpass may read",
        ) from None


def refusal(
    file: Path, status: os.stat_result, reader: Reader, *, is_credential: bool
) -> ConfigurationError | None:
    """Why a file is not taken for a secret; None: it is.

    Args:
        file: what it is called in the message.
        status: of the file that is open.
        reader: who reads it.
        is_credential: systemd put it there.
    """
    kind = kind_of(status.st_mode)
    if kind is not None:
        return ConfigurationError(f"the secret file {file} is {kind}", "Make it a plain file")
    mode = stat.S_IMODE(status.st_mode)
    if status.st_uid not in (reader.user, _ROOT):
        owner, me = user_name(status.st_uid), user_name(reader.user)
        as_owner = f", or run scolpass as that user: `sudo -u {owner} scolpass ...`"
        return ConfigurationError(
            f"the secret file {file} belongs to {owner}, and scolpass runs as {me}",
            f"Run `chown {me} {file}`" + (as_owner if reader.user == _ROOT else ""),
        )
    if mode & 0o007:
        return _too_open(file, mode, "others")
    given = status.st_uid == _ROOT and status.st_gid not in reader.groups
    if status.st_uid == reader.user and not given:
        return _too_open(file, mode, "its group") if mode & 0o070 else None
    if mode & 0o030:
        return _too_open(file, mode, "its group")
    if mode & 0o040 and given and reader.user != _ROOT and not is_credential:
        group = _group(status.st_gid)
        return ConfigurationError(
            f"the secret file {file} is root's, and open to the group {group}, which is not one of "
            "those that scolpass runs in",
            f"Run `chgrp {_group(min(reader.groups, default=_ROOT))} {file}`, or `chmod 600 "
            f"{file}` and `chown {user_name(reader.user)} {file}`",
        )
    return None


def _too_open(file: Path, mode: int, to: str) -> ConfigurationError:
    return ConfigurationError(
        f"the secret file {file} is open to {to} (mode {mode:o})", f"Run `chmod 600 {file}`"
    )


def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)
