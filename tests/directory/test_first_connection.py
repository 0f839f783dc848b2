"""A provisional password opens nothing but the first connection: slapd's rule, address by address.

Measured here, too: what slapd counts. A bind that the rule refuses is a failure like any other, so
five of them lock the password for good, whether it was the right one or not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import ldap3
import pytest
from argon2 import PasswordHasher

from connector.openldap.ports import answers
from connector.openldap.sandbox import Sandbox
from tests.support.ports import free_port
from tests.support.processes import end, serving

RIGHT, WRONG, OWN = "016185", "016186", "mot de passe 1"
HASHER = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1)


class Server:
    """A slapd of the definition that also listens on IPv6 and on a socket."""

    def __init__(self, folder: Path, origins: tuple[str, ...]) -> None:
        self.sandbox = Sandbox.prepare(folder, origins=origins)
        self.people = self.sandbox.names.people_dn
        port = self.port = free_port()
        self.socket = folder / "ldapi"
        ldapi = "ldapi://" + quote(str(self.socket), safe="")
        urls = f"ldap://127.0.0.1:{port} ldap://[::1]:{port} {ldapi}"
        self.slapd = serving(
            ["slapd", "-F", "slapd.d", "-h", urls, "-d", "none"],
            lambda: answers(port),
            folder / "slapd.log",
            cwd=folder / "directory",
        )

    def stop(self) -> None:
        end(self.slapd)

    def connection(self, source: str, dn: str, password: str) -> ldap3.Connection:
        """A connection that comes from an address of this machine, or through the socket."""
        if source.startswith("/"):
            server = ldap3.Server(
                "ldapi://" + quote(str(self.socket), safe=""), get_info=ldap3.NONE
            )
            source = ""
        else:
            host = "::1" if ":" in source else "127.0.0.1"
            server = ldap3.Server(host, self.port, get_info=ldap3.NONE)
        return ldap3.Connection(
            server, dn, password, client_strategy=ldap3.SAFE_SYNC, source_address=source or None
        )

    def bind(self, source: str, dn: str, password: str) -> int:
        connection = self.connection(source, dn, password)
        try:
            return int(connection.bind()[1]["result"])
        finally:
            connection.unbind()

    def change(self, source: str, dn: str, old: str, new: str) -> bool:
        """Bind, then change the password (RFC 3062)."""
        connection = self.connection(source, dn, old)
        try:
            return bool(
                connection.bind()[0]
                and connection.extend.standard.modify_password(old_password=old, new_password=new)
            )
        finally:
            connection.unbind()

    def admin(self) -> ldap3.Connection:
        password = self.sandbox.admin_password_file.read_text()
        connection = self.connection("127.0.0.1", self.sandbox.admin_dn, password)
        assert connection.bind()[0]
        return connection

    def add(self, number: int, password: str = RIGHT, **attributes: str) -> str:
        """A student, by default with a provisional password."""
        dn = f"uid=e{number},{self.people}"
        provisional = {"pwdReset": "TRUE", "pwdPolicySubentry": self.sandbox.names.provisional_dn}
        entry = {
            "objectClass": ["inetOrgPerson", "supannPerson"],
            "supannEtuId": str(number),
            "sn": "Martin",
            "cn": "Martin",
            "userPassword": "{ARGON2}" + HASHER.hash(password),
        }
        connection = self.admin()
        result = connection.add(dn, attributes=entry | (attributes or provisional))[1]
        connection.unbind()
        assert result["result"] == 0, result
        return dn

    def read(self, dn: str, name: str) -> list[str]:
        connection = self.admin()
        found = connection.search(dn, "(objectClass=*)", ldap3.BASE, attributes=[name])[2]
        connection.unbind()
        return [value.decode() for value in found[0]["raw_attributes"].get(name, [])]


@dataclass(frozen=True)
class Place:
    """A list, and an address that is in it or not."""

    origins: tuple[str, ...]
    source: str
    listed: bool


PLACES = {
    "IPv4, listed": Place(("127.0.0.1",), "127.0.0.1", True),
    "IPv4, not listed": Place(("127.0.0.1",), "127.0.0.2", False),
    "IPv4 network, its last address": Place(("127.0.0.0/30",), "127.0.0.3", True),
    "IPv4 network, one beyond": Place(("127.0.0.0/30",), "127.0.0.4", False),
    "IPv6, listed": Place(("::1",), "::1", True),
    "IPv6, not listed": Place(("::2",), "::1", False),
    "IPv6 network, within": Place(("::/126",), "::1", True),
    "IPv6 network, another": Place(("2001:db8::/32",), "::1", False),
    "IPv6 does not list IPv4": Place(("::/1",), "127.0.0.1", False),
    "IPv4 does not list IPv6": Place(("0.0.0.0/1",), "::1", False),
    "several, the last": Place(("10.0.0.0/8", "2001:db8::1", "127.0.0.9"), "127.0.0.9", True),
    "a socket, listed": Place(("/SOCKET",), "/", True),
    "a socket, not listed": Place(("127.0.0.0/8", "::1"), "/", False),
}


@pytest.fixture
def server(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Server]:
    origins = getattr(request, "param", ("127.0.0.1",))
    socket = str(tmp_path / "made/ldapi")
    server = Server(tmp_path / "made", tuple(o.replace("/SOCKET", socket) for o in origins))
    yield server
    server.stop()


@pytest.mark.parametrize(
    ("server", "place"),
    [pytest.param(place.origins, place, id=name) for name, place in PLACES.items()],
    indirect=["server"],
)
def test_by_address_who_may_bind_and_change_a_provisional_password(
    server: Server, place: Place
) -> None:
    opened = 0 if place.listed else 49
    dn = server.add(1)
    assert server.bind(place.source, dn, WRONG) == 49
    assert server.bind(place.source, dn, RIGHT) == opened
    # Refused or wrong, it is counted alike; a success forgets what was counted.
    assert len(server.read(dn, "pwdFailureTime")) == (0 if place.listed else 2)
    assert server.change(place.source, dn, RIGHT, OWN) is place.listed
    # What is nobody's provisional password opens from everywhere.
    for number, attributes in ((2, {"description": "active"}), (3, {"pwdReset": "FALSE"})):
        active = server.add(number, OWN, **attributes)
        assert server.bind(place.source, active, OWN) == 0
        assert server.change(place.source, active, OWN, OWN + " bis") is True
    # pwdReset that another tool has set, without our policy, on an account that was active.
    reset = server.add(4, OWN, pwdReset="TRUE")
    assert server.bind(place.source, reset, OWN) == opened
    # Somebody who is staff as well is guarded by the same rule.
    staff = server.add(5, pwdReset="TRUE", supannEmpId="5")
    assert server.bind(place.source, staff, RIGHT) == opened


def test_refused_binds_are_counted_and_five_lock_for_good(server: Server) -> None:
    """So a stranger can lock a student out, as under any lock for good: `reissue` unlocks."""
    dn = server.add(1)
    for _ in range(4):
        assert server.bind("127.0.0.2", dn, RIGHT) == 49
    assert server.bind("127.0.0.1", dn, RIGHT) == 0
    for _ in range(5):
        assert server.bind("127.0.0.2", dn, RIGHT) == 49
    assert server.bind("127.0.0.1", dn, RIGHT) == 49
    assert server.read(dn, "pwdAccountLockedTime")


def test_an_open_session_changes_nothing_once_the_password_is_provisional_again(
    server: Server,
) -> None:
    dn = server.add(1, OWN, description="active")
    session = server.connection("127.0.0.2", dn, OWN)
    assert session.bind()[0]
    admin = server.admin()
    admin.modify(
        dn,
        {
            "userPassword": [(ldap3.MODIFY_REPLACE, ["{ARGON2}" + HASHER.hash(RIGHT)])],
            "pwdReset": [(ldap3.MODIFY_REPLACE, ["TRUE"])],
        },
    )
    admin.unbind()
    changed = session.extend.standard.modify_password(old_password=RIGHT, new_password=OWN)
    session.unbind()
    assert not changed
    assert server.bind("127.0.0.1", dn, RIGHT) == 0


@pytest.mark.parametrize("how", ["add", "replace with both", "delete and add both"])
def test_a_student_cannot_keep_the_provisional_password_beside_an_own_one(
    server: Server, how: str
) -> None:
    dn = server.add(1)
    session = server.connection("127.0.0.1", dn, RIGHT)
    assert session.bind()[0]
    changes = {
        "add": [(ldap3.MODIFY_ADD, [OWN])],
        "replace with both": [(ldap3.MODIFY_REPLACE, [OWN, RIGHT])],
        "delete and add both": [(ldap3.MODIFY_DELETE, []), (ldap3.MODIFY_ADD, [OWN, RIGHT])],
    }[how]
    assert session.modify(dn, {"userPassword": changes})[1]["result"] == 19
    session.unbind()
    assert server.read(dn, "pwdReset") == ["TRUE"]
    assert server.bind("127.0.0.1", dn, OWN) == 49
