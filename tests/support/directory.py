"""The directories that tests run against: real slapds, fresh for every test.

There are two ways to the same definition (``deploy/openldap``): a container of its image through
testcontainers, and `connector.openldap.sandbox`'s private process on loopback. A test gets an
instance to itself and may break it as it likes: change cn=config, delete the policies, stop it,
kill it.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import subprocess
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, cast

import docker
import ldap3
from docker.errors import DockerException
from docker.models.containers import Container
from ldap3.core.exceptions import LDAPException
from testcontainers.core.container import DockerContainer
from testcontainers.core.image import DockerImage

from connector.core.peers import LOOPBACK
from connector.openldap.names import DEFAULT_SUFFIX, Names
from connector.openldap.ports import answers_within
from connector.openldap.sandbox import Sandbox, _slapd
from connector.resources import deploy_folder
from tests.support.ports import free_port

Way = Literal["container", "local"]
Entries = dict[str, dict[str, list[str]]]

# Referral objects as the entries they are (RFC 3296).
MANAGE_DSA_IT = ("2.16.840.1.113730.3.4.2", True, None)

_READY_SECONDS = 30.0


def _run(
    command: Sequence[str], given: str, folder: Path | None = None, seconds: float = 600
) -> None:
    """Run a tool that reads LDIF from its standard input."""
    done = subprocess.run(
        command,
        cwd=folder,
        input=given,
        text=True,
        capture_output=True,
        timeout=seconds,
        check=False,
    )
    if done.returncode:
        raise AssertionError(f"{Path(command[0]).name}: {done.stderr.strip()[-2000:]}")


class Directory(ABC):
    """A running slapd with the tree, policies and service account of the definition."""

    way: Way
    _made: dict[str, str]  # DN to entryCSN when it was made, cn=config's as well
    # From where a provisional password may be used, as the directory sees whoever asks.
    first_connection_from: tuple[str, ...] = LOOPBACK
    _disturbed = False  # its process or files were touched

    def __init__(self, names: Names, port: int, admin_password: str, service_password: str) -> None:
        self.names = names
        self.port = port
        self.uri = f"ldap://127.0.0.1:{port}"
        self.suffix = names.suffix
        self.people_dn = names.people_dn
        self.policy_dn = names.provisional_dn
        self.service_dn = names.service_dn
        self.service_password = service_password
        self.admin_dn = names.admin_dn
        self.admin_password = admin_password

    @property
    def config_admin(self) -> tuple[str, str]:
        """DN and password that may change cn=config."""
        return self.admin_dn, self.admin_password

    # --- the process ---

    @property
    @abstractmethod
    def pid(self) -> int:
        """The process number of slapd on this machine, for tools that inject faults into it."""

    @abstractmethod
    def signal(self, number: signal.Signals) -> None:
        """Send slapd a signal."""

    @abstractmethod
    def start(self) -> None:
        """Start slapd again after `kill` or `stop`, on the same port and data."""

    @abstractmethod
    def stop(self) -> None:
        """Stop slapd in an orderly way; `start` goes on with its data."""

    @abstractmethod
    def kill(self) -> None:
        """Crash slapd (SIGKILL) and wait until it is gone."""

    @abstractmethod
    def remove(self) -> None:
        """End slapd for good and leave nothing behind."""

    def pause(self) -> None:
        """Let slapd hang: connections are accepted by the kernel, and nothing answers."""
        self.signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a hanging slapd go on."""
        self.signal(signal.SIGCONT)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Hang slapd for the time of a block."""
        self.pause()
        try:
            yield
        finally:
            self.resume()

    def restart(self) -> None:
        """Stop and start in an orderly way."""
        self.stop()
        self.start()

    # --- its database, as files ---

    @abstractmethod
    def backup(self) -> bytes:
        """The database as it stands (slapd is stopped and started for it)."""

    @abstractmethod
    def restore(self, backup: bytes) -> None:
        """Put an earlier state of the database in place and start slapd on it."""

    @abstractmethod
    def refill(self) -> None:
        """Stop slapd, take its database out, put it in again, and start: nothing is lost."""

    # --- its content ---

    @contextmanager
    def connect(
        self, dn: str | None = None, password: str | None = None
    ) -> Iterator[ldap3.Connection]:
        """A bound ldap3 connection that raises on refusal; the administrator's by default."""
        connection = self._connection(
            self.admin_dn if dn is None else dn,
            self.admin_password if password is None else password,
        )
        connection.raise_exceptions = True
        connection.bind()
        try:
            yield connection
        finally:
            connection.unbind()

    def bind_result(self, dn: str, password: str) -> int:
        """The result code of a simple bind: 0 if the password opens the entry, 49 if not."""
        with self.binding() as bind:
            return bind(dn, password)

    @contextmanager
    def binding(self) -> Iterator[Callable[[str, str], int]]:
        """Makes one bind after the other, over one connection; as `bind_result`."""
        connection = self._connection("", "")

        def bind(dn: str, password: str) -> int:
            connection.authentication = ldap3.SIMPLE
            connection.user, connection.password = dn, password
            connection.bind()
            return int(connection.result["result"])

        try:
            yield bind
        finally:
            connection.unbind()

    def entries(
        self,
        filter: str = "(objectClass=*)",
        base: str | None = None,
        attributes: tuple[str, ...] = ("*", "+"),
    ) -> Entries:
        """Entries as the administrator sees them, by DN; below `people_dn` unless told otherwise.

        Values come as slapd gives them, undecodable bytes as surrogates.
        """
        found: Entries = {}
        with self.connect() as admin:
            admin.search(
                self.people_dn if base is None else base,
                filter,
                attributes=list(attributes),
                dereference_aliases=ldap3.DEREF_NEVER,
                controls=[MANAGE_DSA_IT],
            )
            for entry in admin.response or ():
                if entry["type"] == "searchResEntry":
                    found[entry["dn"]] = {
                        name: [value.decode("utf-8", "surrogateescape") for value in values]
                        for name, values in entry["raw_attributes"].items()
                    }
        return found

    def entry(self, dn: str) -> dict[str, list[str]]:
        """One entry with all its attributes, as the administrator sees it."""
        found = self.entries(base=dn)
        return found[next(name for name in found if name.casefold() == dn.casefold())]

    def students(self, number: str = "*") -> Entries:
        """The entries that have a student number, or this one, by that number."""
        return {
            entry["supannEtuId"][0]: {"dn": [dn], **entry}
            for dn, entry in self.entries(f"(supannEtuId={number})").items()
        }

    def csns(self) -> dict[str, str]:
        """entryCSN by DN of everything: equal before and after if nothing was written."""
        found = self.entries(base=self.suffix, attributes=("entryCSN",))
        return {dn: entry["entryCSN"][0] for dn, entry in found.items()}

    def modify(self, ldif: str) -> None:
        """Apply LDIF as the administrator: entries to add, or changetype records; cn=config too."""
        self._as_admin("ldapmodify", "-a", given=ldif, seconds=60)

    def load(self, ldif: str) -> None:
        """Put many entries in, whoever made them: twins and operational attributes are taken."""
        self._as_admin("ldapadd", "-M", "-e", "relax", given=ldif, seconds=600)

    def _as_admin(self, *command: str, given: str, seconds: float) -> None:
        access = ("-x", "-H", self.uri, "-D", self.admin_dn, "-w", self.admin_password)
        _run([*command, *access], given, seconds=seconds)

    # --- used again ---

    def remember(self) -> None:
        """Note what a fresh directory holds, for `reset`."""
        self._made = self._all_csns()

    def reset(self) -> bool:
        """Make it as it was made, if only entries came in; False if more has happened to it.

        Every write moves the entryCSN of what it touches, cn=config's and the policies' included,
        so a changed directory cannot pass for a fresh one.
        """
        if self._disturbed:
            return False
        try:
            added = [dn for dn in self._all_csns() if dn not in self._made]
            if len(added) > 1000:  # a new one is quicker
                return False
            with self.connect() as admin:
                for dn in sorted(
                    added, key=lambda dn: len(re.findall(r"(?<!\\),", dn)), reverse=True
                ):
                    admin.delete(dn, controls=[MANAGE_DSA_IT])
            return self._all_csns() == self._made
        except LDAPException:
            return False

    def _all_csns(self) -> dict[str, str]:
        found = self.entries(base=self.suffix, attributes=("entryCSN",))
        found |= self.entries(base="cn=config", attributes=("entryCSN",))
        return {dn: entry["entryCSN"][0] for dn, entry in found.items()}

    def _connection(self, dn: str, password: str) -> ldap3.Connection:
        server = ldap3.Server(self.uri, get_info=ldap3.NONE, connect_timeout=5)
        return ldap3.Connection(server, dn, password, receive_timeout=30)

    def _wait_until_ready(self) -> None:
        # A port that an engine publishes accepts before slapd is up.
        if not answers_within(self.port, _READY_SECONDS, lambda: True):
            raise AssertionError(f"slapd did not answer on {self.uri}: {self._last_words()}")

    @abstractmethod
    def _last_words(self) -> str:
        """The end of what slapd said."""


class LocalDirectory(Directory):
    """slapd as a private process."""

    way = "local"

    def __init__(
        self, folder: Path, suffix: str | None = None, *, like: Path | None = None
    ) -> None:
        """``like``: the folder of one that never ran, to be copied with its ids and passwords."""
        if like is not None:
            shutil.copytree(like, folder)
        self._sandbox = Sandbox.prepare(folder, free_port(), suffix=suffix)
        super().__init__(
            self._sandbox.names,
            self._sandbox.port,
            self._sandbox.admin_password_file.read_text(encoding="ascii"),
            self._sandbox.service_password_file.read_text(encoding="ascii"),
        )
        self._sandbox.start()

    @property
    def pid(self) -> int:
        return self._sandbox.pid

    def signal(self, number: signal.Signals) -> None:
        os.kill(self._sandbox.pid, number)

    def start(self) -> None:
        self._sandbox.start()

    def stop(self) -> None:
        self._sandbox.stop()

    def kill(self) -> None:
        self._sandbox.kill()

    def remove(self) -> None:
        self._sandbox.stop()
        shutil.rmtree(self._sandbox.folder)

    def backup(self) -> bytes:
        self.stop()
        packed = self._database.read_bytes()
        self.start()
        return packed

    def restore(self, backup: bytes) -> None:
        self.stop()
        self._database.write_bytes(backup)
        self.start()

    def refill(self) -> None:
        self.stop()
        packed = self._database.read_bytes()
        self._database.unlink()
        self._database.write_bytes(packed)
        self.start()

    def load(self, ldif: str) -> None:
        self.stop()  # slapadd takes tens of thousands a second
        slapadd = [str(_slapd(self._sandbox.folder)), "-Tadd", "-q", "-n", "1", "-F", "slapd.d"]
        try:
            _run(slapadd, ldif, self._sandbox.folder / "directory")
        finally:
            self.start()

    @property
    def _database(self) -> Path:
        return self._sandbox.folder / "directory/data/data.mdb"

    def _last_words(self) -> str:
        return self._sandbox.log.read_text(errors="replace")[-2000:]


class ContainerDirectory(Directory):
    """slapd in a container of the image that ``deploy/openldap/Dockerfile`` makes."""

    way = "container"
    _STATE = "/var/lib/ldap"
    # The engine's own networks: a published port is reached through one of them.
    first_connection_from = (*LOOPBACK, "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")

    def __init__(self, image: str, label: str | None, suffix: str | None = None) -> None:
        super().__init__(
            Names.under(suffix or DEFAULT_SUFFIX),
            free_port(),
            secrets.token_urlsafe(32),
            secrets.token_urlsafe(32),
        )
        # A proxy's hook kills while the test starts anew: one after the other, or the engine waits
        # for the end of a container that runs again.
        self._turn = threading.RLock()
        self._container = (
            DockerContainer(image)
            .with_env("LDAP_SUFFIX", self.suffix)
            .with_env("LDAP_ADMIN_PASSWORD", self.admin_password)
            .with_env("LDAP_SERVICE_PASSWORD", self.service_password)
            .with_env("LDAP_FIRST_CONNECTION_FROM", " ".join(self.first_connection_from))
            .with_exposed_ports(389)
        )
        # Published on loopback only, and on a port of our choice: one that the engine chose could
        # be another after a restart. (The annotation of testcontainers knows numbers only; docker's
        # client takes the pair.)
        ports = cast("dict[str, tuple[str, int] | None]", self._container.ports)
        ports["389"] = ("127.0.0.1", self.port)
        if label:
            # By which the script that brought the engine finds what a killed run left.
            self._container.with_kwargs(labels={"scolpass.engine": label})
        try:
            self._container.start()
            self._wait_until_ready()
        except BaseException:
            self._container.stop()
            raise

    @property
    def pid(self) -> int:
        self._wrapped.reload()
        return int(self._wrapped.attrs["State"]["Pid"])

    def signal(self, number: signal.Signals) -> None:
        self._disturbed = True
        self._wrapped.kill(signal=number.name)

    def start(self) -> None:
        with self._turn:
            self._wrapped.start()
        self._wait_until_ready()

    def stop(self) -> None:
        self._disturbed = True
        # A process that SIGSTOP holds would only end by the engine's SIGKILL.
        self._wrapped.stop(timeout=20)

    def kill(self) -> None:
        self._disturbed = True
        with self._turn:
            self._wrapped.kill(signal="SIGKILL")
            self._wrapped.wait()

    def remove(self) -> None:
        self._container.stop()

    def backup(self) -> bytes:
        self.stop()
        chunks, _ = self._wrapped.get_archive(f"{self._STATE}/data")
        packed = b"".join(chunks)
        self.start()
        return packed

    def restore(self, backup: bytes) -> None:
        self.stop()
        self._wrapped.put_archive(self._STATE, backup)
        self.start()

    def refill(self) -> None:
        self.stop()
        chunks, _ = self._wrapped.get_archive(f"{self._STATE}/data")
        self._wrapped.put_archive(self._STATE, b"".join(chunks))
        self.start()

    @property
    def _wrapped(self) -> Container:
        return self._container.get_wrapped_container()

    def _last_words(self) -> str:
        return self._wrapped.logs(tail=20).decode(errors="replace")


# --- where tests get them from ------------------------------------------------------------------


def choose_way(wanted: str | None) -> Way:
    """The way that is asked for; else a container where an engine answers, else a local process.

    A way that was asked for is not given up where it is not possible: the tests fail.
    """
    if wanted in ("container", "local"):
        return cast("Way", wanted)
    if wanted:
        raise ValueError(f"SCOLPASS_TEST_DIRECTORY is container or local, not {wanted}")
    return "container" if _engine_answers() else "local"


class Stock:
    """Makes directories, all of one way, and takes them back.

    A private process is made in less than a tenth of a second, half of it for its database, which
    is copied where a test needs one directory only. A container takes several seconds: one that can
    be put back to its beginning serves the next test, others are removed while that one runs.
    """

    def __init__(self, way: Way, folder: Path, label: str | None = None) -> None:
        self.way = way
        self._folder = folder
        self._label = label
        self._made = 0
        self._image: str | None = None
        self._template: Path | None = None
        self._idle: list[Directory] = []
        self._remover = ThreadPoolExecutor(1, "directories")
        self._removals: list[Future[None]] = []

    def make(self, suffix: str | None = None) -> Directory:
        """A directory as good as new, running."""
        if self.way == "local":
            self._made += 1
            return LocalDirectory(self._folder / str(self._made), suffix)
        for idle in self._idle:
            if idle.suffix == (suffix or DEFAULT_SUFFIX):
                self._idle.remove(idle)
                return idle
        directory = ContainerDirectory(self._built_image(), self._label, suffix)
        directory.remember()
        return directory

    def first(self) -> Directory:
        """As `make`; but two of them must not meet, for they may be told apart by nothing."""
        if self.way != "local":
            return self.make()
        if self._template is None:
            self._template = self._folder / "template"
            Sandbox.prepare(self._template)
        self._made += 1
        return LocalDirectory(self._folder / str(self._made), like=self._template)

    def take_back(self, directory: Directory) -> None:
        """End a directory, or keep it for another test."""
        if self.way == "local":
            directory.remove()
        elif directory.reset():
            self._idle.append(directory)
        else:
            self._removals.append(self._remover.submit(directory.remove))

    def close(self) -> None:
        """End what is left; all directories have been taken back."""
        for idle in self._idle:
            idle.remove()
        self._remover.shutdown()
        for removal in self._removals:
            removal.result()  # raises what went wrong

    def _built_image(self) -> str:
        if self._image is None:
            # Kept after the tests: the layers are the next run's cache. The build reaches the
            # package mirror by the machine's own network, also where containers have none.
            image = DockerImage(
                deploy_folder(), tag="scolpass-openldap:test", clean_up=False, network_mode="host"
            )
            self._image = str(image.build())
        return self._image


def _engine_answers() -> bool:
    try:
        client = docker.from_env(timeout=10)
    except DockerException:
        return False
    try:
        return bool(client.ping())
    except (DockerException, OSError):
        return False
    finally:
        client.close()
