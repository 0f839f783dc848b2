"""A private slapd of the definition on loopback, for `scolpass sandbox`, the demo and the tests.

slapd is run as the manual page slapd(8) has it for a supervised process: in the foreground, told by
``-d none`` to print what goes wrong and nothing else.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import threading
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Self

from cryptography.fernet import Fernet

from connector.core.peers import LOOPBACK
from connector.errors import DirectoryUntrusted, UsageError
from connector.openldap.debian import INSTALL
from connector.openldap.definition import config_ldif, hash_secret, tree_ldif
from connector.openldap.demo_operators import operators_ldif
from connector.openldap.names import DEFAULT_SUFFIX, Names
from connector.openldap.ports import answers_within, free_port, is_free
from connector.resources import deploy_folder, example_configuration
from connector.settings.own_files import open_own, user_name

# Ubuntu's profile, which lets /usr/sbin/slapd, by that path, read the package's folders only.
APPARMOR_PROFILE = Path("/etc/apparmor.d/usr.sbin.slapd")
_SMALL_TALK = re.compile(
    r"\$OpenLDAP: slapd|Maintainers|slapd (starting|stopped|shutdown)|connections_destroy|^\s*$"
)

# slapd keeps a slot for every file that it might open: with a limit of 2^30, as container engines
# and systemd may set it, that is all memory. The shell makes way for slapd under the same number.
_FEWER_FILES = ("/bin/sh", "-c", 'ulimit -n 4096 2> /dev/null; exec "$@"', "sh")
# Seconds that slapd has to answer, start by start. Once in about a thousand starts slapd 2.5 says
# "slapd starting" and then answers nobody, until it is stopped.
_PATIENCE = (5.0, 10.0, 30.0)
_STOP_SECONDS = 20.0


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
            current = _suffix_there(folder)
            if current and suffix and current.casefold() != suffix.casefold():
                raise UsageError(
                    f"{folder} holds a directory of {current}, not of {suffix}",
                    "Choose another folder",
                )
            sandbox = cls(
                folder, port or free_port(), Names.under(current or suffix or DEFAULT_SUFFIX)
            )
            sandbox._make_secrets()
            if not current:
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
    def operators_password_file(self) -> Path:
        """The file with the password of the console's operators, one for each role."""
        return self.folder / "operators.password"

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
        """Start slapd and wait until it answers; DirectoryUntrusted if it never does."""
        if self.running:
            return
        if not is_free(self.port):
            raise UsageError(
                f"Another program listens on port {self.port}", "Choose another --port"
            )
        said_before = 0
        for patience in _PATIENCE:
            said_before = self._launch()
            try:
                if self._is_up(patience, said_before):
                    return
            except BaseException:
                self.stop()
                raise
            self.stop()
        raise self._useless("did not answer in time", said_before)

    def _launch(self) -> int:
        """Start slapd; returns the size of its log before."""
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
        return said_before

    def _is_up(self, seconds: float, said_before: int) -> bool:
        if answers_within(self.port, seconds, lambda: self.running):
            return True
        if not self.running:
            raise self._useless("did not start", said_before)
        return False

    def _useless(self, what: str, said_before: int = 0) -> DirectoryUntrusted:
        return DirectoryUntrusted(
            f"slapd {what} on {self.uri}. {_last_words(self.log, said_before)}", f"See {self.log}"
        )

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
            raise self._useless(f"ended by itself with status {status}")

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
        if not self.operators_password_file.exists():  # is typed, so a short one
            _write_private(self.operators_password_file, secrets.token_hex(6))
        key = self.folder / "scolpass.key"
        if not key.exists():
            _write_private(key, Fernet.generate_key().decode("ascii") + "\n")

    def _make_database(self, origins: Sequence[str]) -> None:
        """Fill the definition in; slapd.d gets its name last, so a half-made one is made again."""
        shutil.rmtree(self._directory, ignore_errors=True)
        (self._directory / "data").mkdir(mode=0o700, parents=True)
        (self._directory / "making").mkdir(mode=0o700)
        admin_hash = hash_secret(self.admin_password_file.read_text(encoding="ascii"))
        service_hash = hash_secret(self.service_password_file.read_text(encoding="ascii"))
        config = config_ldif(self.names, admin_hash=admin_hash, data="data", origins=origins)
        self._slapadd(0, config)
        self._slapadd(1, tree_ldif(self.names, service_hash=service_hash))
        operators_hash = hash_secret(self.operators_password_file.read_text(encoding="ascii"))
        self._slapadd(1, operators_ldif(self.names, operators_hash))
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
            text = text.replace("\nsignin = []", '\nsignin = ["ldap"]', 1)  # its demo operators
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

    A TOML library would rewrite the file and lose the comments, so the value is found in the
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


def _last_words(log_file: Path, since: int = 0) -> str:
    """What slapd has said from an octet of its log on: its last lines that tell something."""
    with log_file.open("rb") as log:
        log.seek(since)
        lines = log.read().decode("utf-8", "replace").splitlines()
    # Without the time and thread before each, its banner, and what it says at every end.
    said = [re.sub(r"^[0-9a-f]+\.[0-9a-f]+ 0x[0-9a-f]+ ", "", line) for line in lines]
    telling = [line.strip() for line in said if not _SMALL_TALK.search(line)][-4:]
    return "It said: " + "; ".join(telling) if telling else "It said nothing"


def _suffix_there(folder: Path) -> str | None:
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
        raise UsageError("slapd is not installed", INSTALL)
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
    """Hold the folder alone; a process that inherits the descriptor keeps holding it."""
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
