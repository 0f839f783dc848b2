"""A private RabbitMQ for the tests, from Debian's package ``rabbitmq-server``.

It is a local process with folders, user and password of its own, and an epmd of its own: nothing
of the machine's broker is touched, nothing listens beyond loopback, and nothing is left behind.
It runs as whoever runs the tests, root or not: Debian's wrapper in ``/usr/sbin``, which wants to
be root or rabbitmq, is not used.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import pika
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError, ChannelClosedByBroker
from pydantic import SecretStr

from tests.support.ports import free_port
from tests.support.processes import started
from tests.support.waiting import wait_until

SCRIPT = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")  # the broker's own, without Debian's wrapper
_READY_SECONDS = 90.0
_STOP_SECONDS = 60.0
_NOT_FOUND = 404


@dataclass(frozen=True, slots=True)
class Letter:
    """A message that lies in a queue."""

    body: bytes
    properties: pika.BasicProperties


class Broker:
    """One RabbitMQ node on 127.0.0.1.

        with Broker(tmp_path) as broker:
            broker.publish("queue", [b"..."])

    It speaks TLS as well, on `tls_port`, with a certificate for 127.0.0.1 and no other host.

    Args:
        folder: where its data, log and configuration lie; made if it is not there.

    Raises:
        AssertionError: Debian's package is not installed.
    """

    def __init__(self, folder: Path) -> None:
        assert SCRIPT.exists(), f"{SCRIPT} is not there: apt-get install rabbitmq-server"
        self.folder = folder
        self.port, self._epmd_port, distribution = free_port(), free_port(), free_port()
        self.tls_port = free_port()
        self.certificate = folder / "broker.crt"  # PEM, signed by itself
        self.user = f"user-{secrets.token_hex(4)}"
        self.password = secrets.token_urlsafe(18)
        self._process: subprocess.Popen[bytes] | None = None
        self._epmd: subprocess.Popen[bytes] | None = None
        for name in ("", "data", "log", "home"):
            (folder / name).mkdir(mode=0o700, exist_ok=True)
        write_certificate(self.certificate, folder / "broker.key")
        lines = [
            f"listeners.tcp.default = 127.0.0.1:{self.port}",
            f"listeners.ssl.default = 127.0.0.1:{self.tls_port}",
            f"ssl_options.certfile = {self.certificate}",
            f"ssl_options.keyfile = {folder / 'broker.key'}",
            "ssl_options.verify = verify_none",  # of clients, which have none
            f"default_user = {self.user}",
            f"default_pass = {self.password}",
            # A small or crowded machine must not make it block its publishers.
            "vm_memory_high_watermark.absolute = 4GB",
            "disk_free_limit.absolute = 1MB",
            "raft.wal_max_size_bytes = 16777216",
            "log.file = broker.log",
            "log.file.level = info",
            "log.console = false",
        ]
        configuration = folder / "rabbitmq.conf"
        configuration.touch(mode=0o600)
        configuration.write_text("\n".join(lines) + "\n")
        (folder / "environment").touch()
        (folder / "plugins").write_text("[].\n")
        (folder / "inetrc").write_text("{lookup, [file]}.\n")
        self._environment = {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "LC_ALL": "C.UTF-8",
            "HOME": str(folder / "home"),  # of the Erlang cookie
            "RABBITMQ_NODENAME": f"test-{secrets.token_hex(6)}@localhost",
            "RABBITMQ_CONF_ENV_FILE": str(folder / "environment"),
            "RABBITMQ_CONFIG_FILE": str(configuration),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "advanced.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(distribution),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self._epmd_port),
            # Schedulers sleep when there is nothing to do, and leave the machine to the others.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": " ".join(
                (
                    "-kernel inet_dist_use_interface {127,0,0,1}",
                    "+sbwt none +sbwtdcpu none +sbwtdio none",
                )
            ),
            # Names by /etc/hosts alone: no process that asks for them, which would outlive a kill.
            "ERL_INETRC": str(folder / "inetrc"),
            "ERL_CRASH_DUMP_BYTES": "0",
            # The script becomes the virtual machine instead of watching over it.
            "detached": "yes",
        }

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    # --- where it is ---

    @property
    def url(self) -> SecretStr:
        """Its URL, with user and password."""
        return self.url_at(self.port)

    def url_at(
        self, port: int, *, password: str | None = None, scheme: str = "amqp", query: str = ""
    ) -> SecretStr:
        """Its URL by another port (of a proxy, or TLS) or with another password."""
        word = quote(self.password if password is None else password, safe="")
        return SecretStr(f"{scheme}://{self.user}:{word}@127.0.0.1:{port}/%2f{query}")

    # --- the process ---

    @property
    def pid(self) -> int:
        """The process number of the virtual machine (beam)."""
        assert self._process is not None, "the broker does not run"
        return self._process.pid

    def start(self) -> None:
        """Start it, on the data it has, and wait until it takes connections.

        Raises:
            AssertionError: it ended, or is not ready in time; with the end of its log.
        """
        assert self._process is None, "the broker runs"
        if self._epmd is None:
            # Ours, so that the node starts none that would outlive it.
            self._epmd = started(
                ["epmd", "-address", "127.0.0.1", "-port", str(self._epmd_port)],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        wait_until(lambda: _listens(self._epmd_port), "epmd listens")
        with (self.folder / "log" / "startup").open("ab") as said:
            self._process = started(
                [str(SCRIPT)],
                cwd=self.folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,  # a Ctrl-C is for the tests, which end it
            )
        give_up = time.monotonic() + _READY_SECONDS
        while not self._ready():
            ended = self._process.poll() is not None
            if ended or time.monotonic() > give_up:
                said_last = self._said()
                self._end(signal.SIGKILL)
                raise AssertionError(f"the broker is not ready (ended: {ended})\n{said_last}")
            time.sleep(0.1)

    def stop(self) -> None:
        """Stop it in an orderly way; `start` goes on with its data."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Crash it (SIGKILL), and wait until it is gone with all that it started.

        A quorum queue survives that once it is a second old: see `wait_until_lasting`.
        """
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Stop and start in an orderly way."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Let it hang: connections are accepted by the kernel, and nothing answers."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let a hanging one go on."""
        os.kill(self.pid, signal.SIGCONT)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Hang it for the time of a block."""
        self.pause()
        try:
            yield
        finally:
            self.resume()

    def revive(self) -> None:
        """Let it run, whatever was done to it."""
        if self._process is not None and self._process.poll() is not None:
            self._end(signal.SIGKILL)
        if self._process is None:
            self.start()
        self.resume()

    def remove(self) -> None:
        """End it for good, with its epmd and its data."""
        if self._process is not None:
            self.kill()
        if self._epmd is not None:
            self._epmd.kill()
            self._epmd.wait(_STOP_SECONDS)
            self._epmd = None
        shutil.rmtree(self.folder)

    def _end(self, number: signal.Signals) -> None:
        process = self._process
        assert process is not None, "the broker does not run"
        children = _children(process.pid)
        process.send_signal(number)
        try:
            process.wait(_STOP_SECONDS)
        finally:
            process.kill()
            process.wait()
            self._process = None
        # erl_child_setup ends by itself, as its pipe is broken.
        wait_until(lambda: not any(map(_lives, children)), f"the broker's {children} have ended")

    def _ready(self) -> bool:
        if not _listens(self.port):
            return False
        try:
            with self.channel():
                return True
        except (AMQPError, OSError):
            return False

    def _said(self) -> str:
        files = [self.folder / "log" / "startup", self.folder / "log" / "broker.log"]
        return "\n".join(f.read_text(errors="replace")[-3000:] for f in files if f.exists())

    # --- its queues ---

    @contextmanager
    def channel(self) -> Iterator[BlockingChannel]:
        """A channel of a connection of its own, as another program would have one."""
        parameters = pika.ConnectionParameters(
            host="127.0.0.1",
            port=self.port,
            credentials=pika.PlainCredentials(self.user, self.password),
            socket_timeout=5,
            stack_timeout=10,
        )
        with pika.BlockingConnection(parameters) as connection:
            yield connection.channel()

    def declare(self, queue: str, arguments: Mapping[str, Any] | None = None) -> None:
        """Make a durable queue."""
        with self.channel() as channel:
            channel.queue_declare(queue, durable=True, arguments=arguments)

    def publish(
        self,
        queue: str,
        bodies: Iterable[bytes | tuple[bytes, pika.BasicProperties]],
        *,
        confirmed: bool = True,
    ) -> None:
        """Put persistent messages into a queue.

        Args:
            confirmed: wait after each until the broker has it; else whoever sends many sees by
                `count` when they are there.

        Raises:
            pika.exceptions.UnroutableError: there is no such queue.
        """
        with self.channel() as channel:
            if confirmed:
                channel.confirm_delivery()
            for one in bodies:
                body, properties = one if isinstance(one, tuple) else (one, pika.BasicProperties())
                properties.delivery_mode = 2
                channel.basic_publish("", queue, body, properties, mandatory=confirmed)

    def count(self, queue: str) -> int:
        """How many messages of a queue wait for a consumer; 0 where there is no such queue.

        Those that a consumer holds, not acknowledged, do not count.
        """
        try:
            with self.channel() as channel:
                return channel.queue_declare(queue, passive=True).method.message_count
        except ChannelClosedByBroker as error:
            if error.reply_code != _NOT_FOUND:
                raise
            return 0

    def wait_until_lasting(self, queue: str) -> None:
        """Wait until a new quorum queue survives a crash.

        RabbitMQ writes the register of such queues to its disk every second; a queue that is not
        in it does not start again, though its messages were confirmed.
        """
        registers = list((self.folder / "data").rglob("names.dets"))
        wait_until(
            lambda: any(queue.encode() in register.read_bytes() for register in registers),
            f"{queue} is on the disk",
        )

    def delete(self, queue: str) -> None:
        """Take a queue away, with what is in it."""
        with self.channel() as channel:
            channel.queue_delete(queue)

    def close_connections(self) -> None:
        """Close every connection, as an administrator does; it is done when this returns."""
        self._control("close_all_connections", "closed by the test")

    def _control(self, *arguments: str) -> None:
        done = subprocess.run(
            [str(SCRIPT.with_name("rabbitmqctl")), "--quiet", *arguments],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr or done.stdout

    def letters(self, queue: str) -> list[Letter]:
        """The messages that wait in a queue, oldest first; they stay there."""
        found: list[Letter] = []
        with self.channel() as channel:
            while True:
                method, properties, body = channel.basic_get(queue)
                if method is None or properties is None or body is None:
                    return found
                found.append(Letter(body, properties))

    def dead(self, queue: str) -> list[Letter]:
        """The dead letters of a queue; they stay where they are."""
        return self.letters(f"{queue}.dead")


def write_certificate(certificate: Path, key: Path) -> None:
    own = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "broker")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(own, hashes.SHA256())
    )
    certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    key.touch(mode=0o600)
    key.write_bytes(
        own.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _children(pid: int) -> list[int]:
    """What a process has started, and what that has, as long as they are its children."""
    found: list[int] = []
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in map(int, (task / "children").read_text().split()):
                found += [child, *_children(child)]
    return found


def _lives(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"
