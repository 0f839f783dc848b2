"""TLS: nothing goes in clear, and no password is sent to a server that is not proven.

Certificates are made here, by an authority of the test's own. A server of the test ends TLS in
front of a plain slapd, so that both ways to one can be tried; slapd's own StartTLS is set up where
it runs as a local process. Whatever scolpass sends and is sent passes a line that records it.
"""

from __future__ import annotations

import ipaddress
import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.support.directory import Directory
from tests.support.invariants import Invariants
from tests.support.walk import students
from tests.support.workspace import Workspace

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
START_TLS = b"1.3.6.1.4.1.1466.20037"  # RFC 4511, 4.14.1


# --- certificates ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Authority:
    """Signs certificates."""

    name: x509.Name
    key: ec.EllipticCurvePrivateKey
    file: Path

    @classmethod
    def make(cls, folder: Path, called: str) -> Authority:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, called)])
        certificate = (
            _builder(name, name, key.public_key(), NOW - DAY, NOW + 30 * DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
            .sign(key, SHA256())
        )
        file = folder / f"{called}.pem"
        file.write_bytes(certificate.public_bytes(Encoding.PEM))
        return cls(name, key, file)

    def certify(
        self,
        folder: Path,
        *names: str,
        start: datetime = NOW - DAY,
        end: datetime = NOW + 30 * DAY,
    ) -> tuple[Path, Path]:
        """The files of a certificate for these hosts, and of its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        certificate = (
            _builder(subject, self.name, key.public_key(), start, end)
            .add_extension(
                x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()),
                critical=False,
            )
            .sign(self.key, SHA256())
        )
        files = folder / "server.pem", folder / "server.key"
        files[0].write_bytes(certificate.public_bytes(Encoding.PEM))
        files[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return files


def _builder(
    subject: x509.Name, issuer: x509.Name, key: Any, start: datetime, end: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.make(tmp_path, "authority")


# --- lines ----------------------------------------------------------------------------------------


class Line:
    """Listens on loopback, and handles each connection in a thread of its own."""

    def __init__(self, upstream: int) -> None:
        self.upstream = upstream
        self._stop = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.settimeout(0.1)
        self.port: int = self._listening.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._threads[0].join(10)
        for thread in self._threads:
            thread.join(10)
        self._listening.close()

    def _accept(self) -> None:
        while not self._stop.is_set():
            with suppress(TimeoutError):
                client, _ = self._listening.accept()
                self._threads.append(threading.Thread(target=self._serve, args=[client]))
                self._threads[-1].start()

    def _serve(self, client: socket.socket) -> None:
        client.settimeout(10)
        with client, suppress(OSError), ExitStack() as stack:
            self.handle(client, stack)

    def handle(self, client: socket.socket, stack: ExitStack) -> None:
        """Talk to one client; what is opened is closed by the stack."""
        raise NotImplementedError

    def pass_on(self, client: socket.socket, stack: ExitStack) -> None:
        """Everything between the client and what is behind this line, until either side ends."""
        server = stack.enter_context(socket.create_connection(("127.0.0.1", self.upstream), 10))
        while not self._stop.is_set():
            waiting = isinstance(client, ssl.SSLSocket) and client.pending()
            ready = [client] if waiting else select.select([client, server], [], [], 0.1)[0]
            for side in ready:
                data = side.recv(65536)
                if not data:
                    return
                (server if side is client else client).sendall(data)
                self.note(data)

    def note(self, data: bytes) -> None:
        """See what passes."""


class Recorder(Line):
    """Keeps every byte that passes, in either direction."""

    def __init__(self, upstream: int) -> None:
        super().__init__(upstream)
        self.passed = b""
        self._noting = threading.Lock()

    def handle(self, client: socket.socket, stack: ExitStack) -> None:
        self.pass_on(client, stack)

    def note(self, data: bytes) -> None:
        with self._noting:
            self.passed += data


class TlsServer(Line):
    """Ends TLS in front of a plain server: from the first byte, or after StartTLS."""

    def __init__(self, upstream: int, files: tuple[Path, Path], *, starttls: bool) -> None:
        super().__init__(upstream)
        self._starttls = starttls
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(*files)

    def handle(self, client: socket.socket, stack: ExitStack) -> None:
        if self._starttls:
            request = client.recv(65536)
            assert START_TLS in request
            number = request[4]  # of the message, which fits into one byte
            client.sendall(bytes([48, 12, 2, 1, number, 0x78, 7, 10, 1, 0, 4, 0, 4, 0]))
        secured = stack.enter_context(self._tls.wrap_socket(client, server_side=True))
        self.pass_on(secured, stack)


Secure = Callable[..., Recorder]
WAYS = pytest.mark.parametrize("way", ["ldaps", "starttls"])


@pytest.fixture
def secure(workspace: Workspace, authority: Authority) -> Iterator[Secure]:
    """Puts TLS in front of the directory: by which way, with which files, under which host."""
    with ExitStack() as stack:

        def put(
            way: str, files: tuple[Path, Path], host: str = "localhost", ca: Path | None = None
        ) -> Recorder:
            server = stack.enter_context(
                TlsServer(workspace.directory.port, files, starttls=way == "starttls")
            )
            return record(server.port, way, host, ca or authority.file)

        def record(port: int, way: str, host: str, ca: Path) -> Recorder:
            recorder = stack.enter_context(Recorder(port))
            scheme = "ldaps" if way == "ldaps" else "ldap"
            workspace.configure(
                {
                    "directory": {
                        "uris": [f"{scheme}://{host}:{recorder.port}"],
                        "starttls": way == "starttls",
                        "ca_file": str(ca),
                        "connect_timeout": 2,
                        "receive_timeout": 2,
                    }
                }
            )
            return recorder

        workspace.write_register(students(3))
        yield put


def in_clear(recorder: Recorder, directory: Directory) -> list[str]:
    """What an eavesdropper reads of what must be secret."""
    words = {
        "the password": directory.service_password,
        "the service account": directory.service_dn,
        "the branch": directory.people_dn,
        "a student": "22600001",
    }
    return [what for what, word in words.items() if word.encode() in recorder.passed]


COMMANDS = ("plan", "sync", "resync 22600001")


def is_refused(
    workspace: Workspace, recorder: Recorder, reason: str, commands: Sequence[str] = ("sync",)
) -> None:
    """Commands that read the directory end 4, say why, and have told nobody a secret."""
    before = workspace.directory.csns()
    for command in map(str.split, commands):
        done = workspace.scolpass(*command)
        assert done.returncode == 4, (command, done.stdout, done.stderr)
        assert done.stdout == ""
        assert "Traceback" not in done.stderr
        [line] = [said for said in done.stderr.splitlines() if said.startswith("scolpass: ")]
        assert reason in line
        assert "TLS" in line
        assert "directory.ca_file" in line, "the cure does not say where to look"
        assert len(line) < 400
        assert workspace.directory.service_password not in done.stderr
    assert workspace.directory.csns() == before
    assert recorder.passed, "nobody was asked"
    assert in_clear(recorder, workspace.directory) == []


def works(workspace: Workspace, recorder: Recorder) -> None:
    assert workspace.json("plan")["counts"] == {"create": 3}
    assert workspace.json("sync")["counts"] == {"create": 3}
    Invariants(workspace).check()
    Invariants(workspace).second_run_writes_nothing(lambda: workspace.json("sync"))
    workspace.json("resync", "22600001")
    assert len(workspace.directory.students()) == 3
    assert in_clear(recorder, workspace.directory) == []


# --- the tests ------------------------------------------------------------------------------------


def test_on_a_plain_line_the_recorder_sees_all_that_it_looks_for(workspace: Workspace) -> None:
    """Or the tests below would prove nothing."""
    workspace.write_register(students(3))
    with Recorder(workspace.directory.port) as recorder:
        workspace.configure({"directory": {"uris": [f"ldap://127.0.0.1:{recorder.port}"]}})
        workspace.json("sync")
        assert len(in_clear(recorder, workspace.directory)) == 4


@WAYS
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_with_the_right_certificate_all_works_and_nothing_is_in_clear(
    workspace: Workspace, secure: Secure, authority: Authority, tmp_path: Path, way: str, host: str
) -> None:
    works(workspace, secure(way, authority.certify(tmp_path, host), host))


@WAYS
def test_an_expired_certificate_is_refused(
    workspace: Workspace, secure: Secure, authority: Authority, tmp_path: Path, way: str
) -> None:
    files = authority.certify(tmp_path, "localhost", start=NOW - 9 * DAY, end=NOW - DAY)
    is_refused(workspace, secure(way, files), "certificate has expired")


@WAYS
def test_a_certificate_of_tomorrow_is_refused(
    workspace: Workspace, secure: Secure, authority: Authority, tmp_path: Path, way: str
) -> None:
    files = authority.certify(tmp_path, "localhost", start=NOW + DAY)
    is_refused(workspace, secure(way, files), "certificate is not yet valid")


@WAYS
@pytest.mark.parametrize(
    ("host", "names"),
    [
        ("localhost", ["ldap.univ.fr"]),
        ("localhost", ["localhost.univ.fr", "*.localhost"]),
        ("localhost", ["127.0.0.1"]),
        ("127.0.0.1", ["127.0.0.2"]),
        ("127.0.0.1", ["localhost"]),
    ],
)
def test_a_certificate_of_another_host_is_refused(
    workspace: Workspace,
    secure: Secure,
    authority: Authority,
    tmp_path: Path,
    way: str,
    host: str,
    names: list[str],
) -> None:
    is_refused(workspace, secure(way, authority.certify(tmp_path, *names), host), "another host")


@WAYS
def test_a_certificate_of_an_unknown_authority_is_refused(
    workspace: Workspace, secure: Secure, tmp_path: Path, way: str
) -> None:
    stranger = Authority.make(tmp_path, "stranger")
    recorder = secure(way, stranger.certify(tmp_path, "localhost"))
    is_refused(workspace, recorder, "certificate verify failed", COMMANDS)


@WAYS
def test_without_a_ca_file_the_systems_authorities_decide(
    workspace: Workspace, secure: Secure, authority: Authority, tmp_path: Path, way: str
) -> None:
    recorder = secure(way, authority.certify(tmp_path, "localhost"))
    workspace.configure({"directory": {"ca_file": None}})
    is_refused(workspace, recorder, "certificate verify failed")


def test_a_server_that_refuses_starttls_is_told_nothing_more(
    workspace: Workspace, authority: Authority
) -> None:
    """slapd without a certificate refuses it, and would take a plain bind."""
    workspace.write_register(students(3))
    with Recorder(workspace.directory.port) as recorder:
        workspace.configure(
            {
                "directory": {
                    "uris": [f"ldap://localhost:{recorder.port}"],
                    "starttls": True,
                    "ca_file": str(authority.file),
                }
            }
        )
        is_refused(workspace, recorder, "startTLS failed", COMMANDS)
        assert START_TLS in recorder.passed


def test_a_server_that_speaks_no_tls_is_given_up_and_told_nothing(
    workspace: Workspace, authority: Authority
) -> None:
    """ldaps:// to a port of plain LDAP."""
    workspace.write_register(students(3))
    with Recorder(workspace.directory.port) as recorder:
        workspace.configure(
            {
                "directory": {
                    "uris": [f"ldaps://localhost:{recorder.port}"],
                    "ca_file": str(authority.file),
                    "connect_timeout": 2,
                    "receive_timeout": 2,
                }
            }
        )
        is_refused(workspace, recorder, "violation of protocol")


def test_a_refused_certificate_is_no_reason_to_go_to_the_next_server_in_clear(
    workspace: Workspace, secure: Secure, authority: Authority, tmp_path: Path
) -> None:
    """The second one is proven, and takes over; the first one heard nothing."""
    stranger = Authority.make(tmp_path, "stranger")
    (tmp_path / "first").mkdir()
    first = secure("ldaps", stranger.certify(tmp_path / "first", "localhost"))
    [uri] = workspace.settings["directory"]["uris"]
    second = secure("ldaps", authority.certify(tmp_path, "localhost"))
    workspace.configure({"directory": {"uris": [uri, *workspace.settings["directory"]["uris"]]}})
    works(workspace, second)
    assert first.passed
    assert in_clear(first, workspace.directory) == []


def test_slapds_own_starttls_works_with_the_right_certificate_only(
    workspace: Workspace, authority: Authority, tmp_path: Path
) -> None:
    directory = workspace.directory
    if directory.way != "local":
        pytest.skip("NOT RUN: the certificate's files would have to be in the container")
    certificate, key = authority.certify(tmp_path, "localhost")
    directory.modify(  # slapd takes both at once, or neither
        "dn: cn=config\nchangetype: modify\n"
        f"add: olcTLSCertificateFile\nolcTLSCertificateFile: {certificate}\n-\n"
        f"add: olcTLSCertificateKeyFile\nolcTLSCertificateKeyFile: {key}\n"
    )
    workspace.write_register(students(3))
    with Recorder(directory.port) as recorder:
        settings = {
            "uris": [f"ldap://localhost:{recorder.port}"],
            "starttls": True,
            "ca_file": str(Authority.make(tmp_path, "stranger").file),
        }
        workspace.configure({"directory": settings})
        is_refused(workspace, recorder, "certificate verify failed")
        workspace.configure({"directory": {"ca_file": str(authority.file)}})
        works(workspace, recorder)
