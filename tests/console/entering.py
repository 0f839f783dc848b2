"""A console with every way in: a directory with staff and groups, and a provider of sign-ins."""

from __future__ import annotations

import base64
import json
import re
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
import oidc_provider_mock  # type: ignore[import-untyped]
from joserfc import jwt
from joserfc.jwk import RSAKey
from werkzeug.serving import make_server

from connector.core.roles import Role
from connector.web.console.gate import COOKIE, SIGN_IN
from connector.web.console.sign_in import PROVIDER, RETURN
from connector.web.workroom import Workroom
from tests.support.daemon import NO_TLS
from tests.support.directory import Directory
from tests.support.people import put
from tests.support.ports import free_port
from tests.support.walk import Walk, students
from tests.support.workspace import Workspace, write_secret
from tests.web.serving_desk import served_desk

HEADER = "X-Remote-User"
PASSWORD = "correct horse 1"
CLIENT_SECRET = "the client's secret"
PROVIDER_HOST = "127.0.0.2"  # another site than the console's, as browsers see it
CSRF = re.compile(r'name="csrf" value="([^"]+)"')

Claims = dict[str, Any]
Wsgi = Callable[..., Iterable[bytes]]


class University(dict[str, Role | None]):
    """Operators by login, with the role that a group of the directory gives each."""


OPERATORS = University(
    alice=Role.DESK,
    bruno=Role.APPROVER,
    chloe=None,
    dan=Role.READER,
    eve=Role.ADMIN,
    flora=Role.ENROLMENT,
)


def fill(directory: Directory) -> str:
    """Staff and their groups; the DN below which the groups are."""
    base, groups = f"ou=staff,{directory.suffix}", f"ou=roles,{directory.suffix}"
    clubs = f"ou=clubs,{directory.suffix}"
    for dn in (base, groups, clubs):
        put(directory, dn, {"objectClass": "organizationalUnit"})
    dns = {
        uid: put(
            directory,
            f"uid={uid},{base}",
            {
                "objectClass": ["inetOrgPerson", "eduPerson"],
                "cn": uid,
                "sn": uid,
                "eduPersonPrincipalName": f"{uid}@univ.fr",
                "userPassword": PASSWORD,
            },
        )
        for uid in OPERATORS
    }
    group(directory, groups, Role.DESK, "member", [dns["alice"], dns["bruno"]])
    group(directory, groups, Role.APPROVER, "uniqueMember", [dns["bruno"]])
    group(directory, groups, Role.READER, "member", [dns["dan"]])
    group(directory, groups, Role.ADMIN, "member", [dns["eve"]])
    # Whoever may make groups elsewhere gives no role by them.
    group(directory, clubs, Role.ADMIN, "member", [dns["alice"], dns["chloe"]])
    # A group that the configuration names by its DN may lie anywhere.
    named = {"objectClass": "groupOfNames", "member": dns["flora"]}
    put(directory, f"cn=scolarite,{clubs}", named)
    return groups


def group(directory: Directory, base: str, role: Role, name: str, members: list[str]) -> None:
    kind = {"member": "groupOfNames", "uniqueMember": "groupOfUniqueNames"}[name]
    dn = f"cn=For.Scolpass.{role.value},{base}"  # case does not count in a DN
    put(directory, dn, {"objectClass": kind, name: members})


class Provider:
    """A provider of OpenID Connect on a loopback port, whose answers a test may spoil.

    ID tokens are signed again by a key of its own, so that a test can have any signed.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[str, Mapping[str, str]]] = []  # path and form of each request
        self.broken: set[str] = set()  # paths that answer 503
        self.hanging: set[str] = set()  # paths that answer once they are let go
        self.go_on = threading.Event()
        self.spoil: Callable[[Claims], str] | None = None  # makes the ID token
        self._key = RSAKey.generate_key(2048, {"kid": "own"}, private=True)
        self._app: Wsgi = oidc_provider_mock.app()
        self._server = make_server(PROVIDER_HOST, 0, self._answer, threaded=True)
        self.issuer = f"http://{PROVIDER_HOST}:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Provider:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def knows(self, sub: str, **claims: Any) -> None:
        """Let it know somebody, by these claims."""
        httpx.put(
            f"{self.issuer}/users/{sub}", json=claims, trust_env=False, verify=NO_TLS
        ).raise_for_status()

    def signed(self, claims: Claims, key: Any = None, **header: Any) -> str:
        """An ID token."""
        head = {"alg": "RS256", "kid": "own", **header}
        return jwt.encode(head, claims, key or self._key, algorithms=[head["alg"]])

    def _answer(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = BytesIO(body)
        if path != "/oauth2/authorize":
            self.asked.append((path, dict(parse_qsl(body.decode("latin-1")))))
        if path in self.hanging:
            self.go_on.wait(120)
        if path in self.broken:
            start("503 Service Unavailable", [])
            return [b""]
        if path == "/jwks":
            keys = json.dumps({"keys": [self._key.as_dict(private=False)]}).encode()
            start("200 OK", [("Content-Type", "application/json")])
            return [keys]
        if path != "/oauth2/token":
            return self._app(environ, start)
        return self._token(environ, start)

    def _token(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        said: list[Any] = []
        text = b"".join(self._app(environ, lambda *given: said.extend(given)))
        found = json.loads(text)
        if "id_token" in found:
            payload = found["id_token"].split(".")[1]
            claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
            found["id_token"] = (self.spoil or self.signed)(claims)
            text = json.dumps(found).encode()
        start(said[0], [("Content-Type", "application/json")])
        return [text]


@dataclass
class Browser:
    """An operator's browser, which keeps its ``__Host-`` cookies without TLS."""

    entrance: Entrance
    client: httpx.Client
    cookies: dict[str, str] = field(default_factory=dict)
    csrf: str = ""

    def send(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, **given: Any
    ) -> httpx.Response:
        """One request, no redirect followed; its cookies go out and come in."""
        sent = dict(headers or {})
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer = self.client.request(method, path, headers=sent, **given)
        for line in answer.headers.get_list("set-cookie"):
            assert line.startswith("__Host-"), line
            assert all(part in line for part in ("HttpOnly", "SameSite=lax", "Secure", "Path=/"))
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
        if found := CSRF.search(answer.text):
            self.csrf = found[1]
        return answer

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
        return self.send("GET", path, headers)

    def post(
        self, path: str, headers: Mapping[str, str] | None = None, **fields: str
    ) -> httpx.Response:
        """A form, with the token of the page that was read last."""
        return self.send("POST", path, headers, data={"csrf": self.csrf, **fields})

    def by_password(self, login: str, password: str = PASSWORD, **fields: str) -> httpx.Response:
        """Sign in with the directory's password."""
        self.get(SIGN_IN)
        return self.post(SIGN_IN, None, login=login, password=password, **fields)

    def by_header(self, login: str) -> httpx.Response:
        """Sign in as a proxy says."""
        return self.get(SIGN_IN, {HEADER: login})

    def to_provider(self, sub: str, back: str = "") -> str:
        """Sign in at the provider; the path with which it sends the browser back."""
        left = self.get(f"{PROVIDER}?retour={back}" if back else PROVIDER)
        assert left.status_code == 303, left.text
        answer = httpx.post(
            left.headers["location"], data={"sub": sub}, trust_env=False, verify=NO_TLS
        )
        assert answer.status_code == 302, answer.text
        return f"{RETURN}?{urlsplit(answer.headers['location']).query}"

    def by_provider(self, sub: str, back: str = "") -> httpx.Response:
        """Sign in by the provider."""
        return self.get(self.to_provider(sub, back))

    @property
    def token(self) -> str:
        """What it holds."""
        return self.cookies.get(COOKIE, "")

    def is_in(self, headers: Mapping[str, str] | None = None) -> bool:
        """Whether it is let in to where everybody with a role may be."""
        return self.get("/console/etudiants/22600001", headers).status_code == 200


class Entrance:
    """The console, and what is around it."""

    def __init__(self, walk: Walk, provider: Provider, desk: Workroom, url: str) -> None:
        self.walk = walk
        self.provider = provider
        self.desk = desk
        self.url = url
        self._clients: dict[str, httpx.Client] = {}

    def browser(self, source: str = "127.0.0.1") -> Browser:
        """A fresh browser, which connects from this address."""
        if source not in self._clients:
            transport = httpx.HTTPTransport(local_address=source, verify=NO_TLS)
            self._clients[source] = httpx.Client(
                base_url=self.url, transport=transport, timeout=60, trust_env=False
            )
        return Browser(self, self._clients[source])

    def close(self) -> None:
        for client in self._clients.values():
            client.close()

    def let_pass(self, column: str, time: timedelta) -> None:
        """Let time pass for all sessions, as far as one of their times is concerned."""
        at = f"{datetime.now(UTC) - time:%Y-%m-%dT%H:%M:%SZ}"
        with closing(sqlite3.connect(self.walk.workspace.journal)) as journal, journal:
            journal.execute(f"UPDATE desk_sessions SET {column} = ?", (at,))  # noqa: S608

    @property
    def log(self) -> str:
        """All that was logged."""
        return (self.walk.workspace.folder / "scolpass.log").read_text(encoding="utf-8")


@contextmanager
def open_entrance(folder: Path, directory: Directory, provider: Provider) -> Iterator[Entrance]:
    """A console with every way in, for the time of a block."""
    folder.mkdir(mode=0o700)
    walk = Walk(Workspace(folder, directory))
    groups_dn = fill(directory)
    write_secret(folder / "console.secret", CLIENT_SECRET)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    walk.workspace.configure(
        {
            "http": {"public_url": url},
            "console": {
                "signin": ["oidc", "header", "ldap"],
                "issuer": provider.issuer,
                "role_claim": "groups",
                "name_claim": "preferred_username",
                "groups_dn": groups_dn,
                "header": HEADER,
                "role_groups": {"enrolment": f"CN=Scolarite, ou=clubs,{directory.suffix}"},
            },
            "activation": {"throttle": {"account": "4/5m", "address": "1000/5m"}},
        }
    )
    walk.synced(students(2))
    with served_desk(walk, port) as (desk, _):
        entrance = Entrance(walk, provider, desk, url)
        try:
            yield entrance
        finally:
            entrance.close()


def code_in(path: str) -> str:
    """The code that the provider sends along."""
    return parse_qs(urlsplit(path).query)["code"][0]
