"""A private PostgreSQL for tests, from Debian's programs: on loopback, with its data in /tmp.

    def test_a_journal_on_a_server(postgres: Database) -> None:
        with closing(open_journal(postgres.url, tmp_path)) as journal: ...

- ``postgres_server``: one server for the whole run of the tests (`Server`); who breaks it mends it.
- ``postgres``: a fresh database on it (`Database`), of a user who may do nothing else.

Its databases sort as French does, so that nothing can rely on the order of code points by chance.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

import psycopg
import pytest
from psycopg import sql

from tests.support.ports import free_port
from tests.support.processes import started
from tests.support.waiting import wait_until

USER = "scolpass"
_ADMIN = "administrator"
_READY_SECONDS = 30.0
_SETTINGS = (
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "max_connections=80",
    "shared_buffers=32MB",
    "fsync=off",
    "full_page_writes=off",
    "lc_messages=C",
)


class Server:
    """A running server. `start`, `stop`, `kill`, `pause` act on its processes, by their ids."""

    def __init__(self, folder: Path) -> None:
        self.password = secrets.token_urlsafe(24)
        self._admin_password = secrets.token_urlsafe(24)
        self._folder = folder
        self._programs = _programs()
        self._account = _account()
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0
        folder.chmod(0o700)
        if self._account is not None:
            os.chown(folder, self._account.pw_uid, self._account.pw_gid)
        self._initialise()

    def __enter__(self) -> Self:
        self.start()
        try:
            with self.administering() as connection:
                name, password = sql.Identifier(USER), sql.Literal(self.password)
                made = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(name, password)
                connection.execute(made)
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self.runs:
            self.kill()

    # --- its processes ---

    @property
    def runs(self) -> bool:
        """Whether it was started and not ended since."""
        return self._process is not None

    @property
    def pid(self) -> int:
        """The process number of the server's first process."""
        assert self._process is not None
        return self._process.pid

    @property
    def pids(self) -> list[int]:
        """The process numbers of the server and of what it has started."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
        return [self.pid, *map(int, children.split())]

    def start(self) -> None:
        """Start it, again on the same port and data."""
        self.port = self.port or free_port()
        settings = [part for setting in _SETTINGS for part in ("-c", setting)]
        with (self._folder / "log").open("ab") as log:
            # It ends with the process that started it, however that ends.
            self._process = started(
                [
                    "setpriv",
                    "--pdeathsig",
                    "QUIT",
                    self._programs / "postgres",
                    "-D",
                    self._data,
                    "-p",
                    str(self.port),
                    *settings,
                ],
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                **self._as_account(),
            )
        try:
            wait_until(self._answers, "PostgreSQL answers", _READY_SECONDS)
        except BaseException:
            self._process.kill()
            self._process.wait()
            self._process = None
            raise

    def stop(self) -> None:
        """End it in an orderly way; clients are thrown out. `start` goes on with its data."""
        assert self._process is not None
        self.resume()
        self._process.send_signal(signal.SIGINT)
        self._process.wait(timeout=30)
        self._process = None

    def kill(self) -> None:
        """Crash all its processes (SIGKILL) and wait until they are gone."""
        assert self._process is not None
        pids = self.pids
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait(timeout=30)
        self._process = None
        wait_until(lambda: not any(_lives(pid) for pid in pids))

    def restart(self) -> None:
        """Stop and start in an orderly way."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Let it hang: connections are accepted by the kernel, and nothing answers.

        Of its processes those that served a connection may end at any moment.
        """
        for pid in self.pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let a hanging server go on."""
        for pid in self.pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Hang it for the time of a block."""
        self.pause()
        try:
            yield
        finally:
            self.resume()

    def log(self) -> str:
        """What it has written to its log."""
        return (self._folder / "log").read_text(encoding="utf-8", errors="replace")

    # --- its databases ---

    @contextmanager
    def administering(self, database: str = "postgres") -> Iterator[psycopg.Connection[Any]]:
        """A connection of the administrator, each statement a transaction."""
        connection = psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user=_ADMIN,
            password=self._admin_password,
            dbname=database,
            connect_timeout=5,
            autocommit=True,
        )
        with closing(connection):
            yield connection

    def database(self) -> Database:
        """A fresh database, also after a test that left the server down."""
        if not self.runs:
            self.start()
        name = f"test_{secrets.token_hex(6)}"
        with self.administering() as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {}").format(
                    sql.Identifier(name), sql.Identifier(USER)
                )
            )
        return Database(self, name)

    # --- making it ---

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _initialise(self) -> None:
        password = self._folder / "password"
        password.write_text(self._admin_password)
        if self._account is not None:
            os.chown(password, self._account.pw_uid, self._account.pw_gid)
        done = subprocess.run(
            [
                self._programs / "initdb",
                *("-D", self._data),
                *("-U", _ADMIN),
                f"--pwfile={password}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                "--locale-provider=icu",
                "--icu-locale=fr",
                "--no-sync",
            ],
            cwd="/",
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            **self._as_account(),
        )
        password.unlink()
        if done.returncode:
            raise AssertionError(f"initdb: {done.stderr.strip()}")

    def _as_account(self) -> dict[str, Any]:
        """PostgreSQL does not run as root."""
        if self._account is None:
            return {}
        found = self._account
        return {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": ()}

    def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError(f"the server ended: {self.log()[-2000:]}")
        try:
            with self.administering():
                return True
        except psycopg.OperationalError:
            return False


@dataclass(frozen=True, slots=True)
class Database:
    """One database of the server, for one test."""

    server: Server
    name: str

    @property
    def url(self) -> str:
        """Its SQLAlchemy URL, with the password."""
        return self.url_through(self.server.port)

    def url_through(self, port: int) -> str:
        """Its URL by way of another port, such as a proxy's."""
        return f"postgresql+psycopg://{USER}:{self.server.password}@127.0.0.1:{port}/{self.name}"

    @contextmanager
    def administering(self) -> Iterator[psycopg.Connection[Any]]:
        """A connection of the administrator to it, each statement a transaction."""
        with self.server.administering(self.name) as connection:
            yield connection

    def drop(self) -> None:
        """Remove it, and end the connections to it; with a server that is down it stays."""
        if not self.server.runs:
            return
        with self.server.administering() as connection:
            connection.execute(
                sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(self.name))
            )

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """What a query answers."""
        with self.administering() as connection:
            query: Any = statement
            return connection.execute(query, values).fetchall()

    def sessions(self, where: str = "true") -> list[int]:
        """The backends of the user's connections, of those for which a condition holds."""
        rows = self.rows(
            "SELECT pid FROM pg_stat_activity "  # noqa: S608 - a test's own words
            f"WHERE datname = %s AND usename = %s AND ({where})",
            self.name,
            USER,
        )
        return [pid for (pid,) in rows]

    def terminate(self, where: str = "true") -> int:
        """End the user's connections, of those for which a condition holds; how many."""
        pids = self.sessions(where)
        for pid in pids:
            self.rows("SELECT pg_terminate_backend(%s)", pid)
        wait_until(lambda: not set(pids) & set(self.sessions()))
        return len(pids)


class Wire:
    """Passes a client's connections on to a server, and loses the answer to one statement.

    Once ``lose`` has gone through and was answered, its connection ends and the answer with it:
    the server has done what the client never hears of.
    """

    def __init__(self, upstream: int) -> None:
        self.lose: bytes | None = None
        self.lost = 0
        self._upstream = upstream
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self._open: list[socket.socket] = [self._listening]
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        for one in [*self._open]:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(timeout=20)
        for one in self._open:
            one.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                self._open.append(client)
                server = socket.create_connection(("127.0.0.1", self._upstream))
                self._open.append(server)
                losing = threading.Event()
                for task in (
                    partial(self._requests, client, server, losing),
                    partial(self._answers, client, server, losing),
                ):
                    self._threads.append(threading.Thread(target=task))
                    self._threads[-1].start()

    def _requests(
        self, client: socket.socket, server: socket.socket, losing: threading.Event
    ) -> None:
        with suppress(OSError):
            while message := client.recv(65536):
                if self.lose is not None and self.lose in message:
                    losing.set()
                server.sendall(message)
            server.shutdown(socket.SHUT_RDWR)

    def _answers(
        self, client: socket.socket, server: socket.socket, losing: threading.Event
    ) -> None:
        with suppress(OSError):
            while message := server.recv(65536):
                if losing.is_set():
                    self.lose, self.lost = None, self.lost + 1
                    server.shutdown(socket.SHUT_RDWR)
                    break
                client.sendall(message)
            client.shutdown(socket.SHUT_RDWR)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """One PostgreSQL for the whole run of the tests."""
    folder = Path(tempfile.mkdtemp(prefix="scolpass-postgres-"))
    try:
        with Server(folder) as server:
            yield server
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def postgres(postgres_server: Server) -> Iterator[Database]:
    """A fresh database."""
    database = postgres_server.database()
    yield database
    database.drop()


def _programs() -> Path:
    """Where the newest PostgreSQL lies, as Debian installs them."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: float(p.parent.name), reverse=True
    )
    if not found:
        pytest.fail("NOT RUN: there is no PostgreSQL here (apt-get install postgresql)")
    return found[0]


def _account() -> pwd.struct_passwd | None:
    """Whom the server runs as where we are root; None: as ourselves."""
    if os.geteuid():
        return None
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name)
    raise AssertionError("there is no user to run PostgreSQL as")


def _lives(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] != "Z"
