"""A desk's counter: a university in all states, its console, and operators of every role."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from connector.core.roles import Role
from connector.desk import account as desk
from connector.desk.admission import EMERGENCY
from connector.web.console.gate import COOKIE
from connector.web.console.sessions import Entered, Sessions
from connector.web.workroom import Workroom
from tests.support.daemon import NO_TLS
from tests.support.desk import activate
from tests.support.directory import Directory
from tests.support.events import Inbox, activation
from tests.support.people import stand
from tests.support.ports import free_port
from tests.support.walk import Row, Walk, born, student
from tests.support.workspace import Workspace
from tests.web.serving_desk import served_desk

NEVER, SUSPENDED, ACTIVE, LOCKED, CANDIDATE, REJECTED, NEW = (
    *("22600001", "22600002", "22600003", "22600004"),
    *("22600101", "22600102", "22600103"),
)
SPARE = tuple(str(22600010 + n) for n in range(14))  # for tests that change somebody
CANCELLED = tuple(str(22600040 + n) for n in range(7))  # more than a run may close by itself
CSRF = re.compile(r'name="csrf" value="([^"]+)"')
HOSTILE = "<b onmouseover=alert(1)>Z" + "é" * 250  # in a name of the register


@dataclass
class Client:
    """An operator's browser without pictures."""

    http: httpx.Client
    token: str = field(repr=False)

    def get(self, path: str, **headers: str) -> httpx.Response:
        """A page."""
        return self.http.get(path, headers={**self._cookie, **headers})

    def csrf(self, path: str = "/console/recherche") -> str:
        """The token of the forms on a page."""
        found = CSRF.search(self.get(path).text)
        assert found is not None, path
        return found[1]

    def post(self, path: str, csrf: str | None = None, **fields: str) -> httpx.Response:
        """A form, with the token of this session unless another one is given."""
        data = {"csrf": self.csrf() if csrf is None else csrf, **fields}
        return self.http.post(path, data=data, headers=self._cookie)

    @property
    def _cookie(self) -> dict[str, str]:
        return {"Cookie": f"{COOKIE}={self.token}"}

    def form(self, path: str, act: str) -> dict[str, str]:
        """The hidden fields of one form of a page."""
        text = self.get(path).text
        found = re.search(rf'action="{re.escape(path)}/{act}".*?</form>', text, re.DOTALL)
        assert found is not None, act
        return dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', found[0]))


class Counter:
    """The console, and whoever works with it."""

    def __init__(self, walk: Walk, workroom: Workroom, url: str) -> None:
        self.walk = walk
        self.desk = workroom
        self.url = url
        self.sessions = Sessions(workroom, None)
        self.http = httpx.Client(base_url=url, timeout=60, trust_env=False, verify=NO_TLS)

    def sign_in(self, role: Role, name: str = "Alice Roux") -> str:
        """What the browser of an operator of this role holds."""
        return self.sessions.open(Entered(name, name, EMERGENCY, role))

    def client(self, role: Role, name: str = "Alice Roux") -> Client:
        """A browser without pictures, signed in."""
        return Client(self.http, self.sign_in(role, name))


def rows() -> list[Row]:
    """The register at first."""
    names = ["Léa", "Inès", "Hugo", "Jules", "Manon", "Chloé", "Louis", "Nour", "Zoé", "Adam"]
    lasts = ["Martin", "Bernard", "Nguyễn", "Petit", "Lefèvre", "Ben Ali", "D'Angelo", "Garcia"]
    numbers = (NEVER, SUSPENDED, ACTIVE, LOCKED, *SPARE, *CANCELLED)
    return [
        student(
            number,
            names[place % len(names)],
            HOSTILE if number == SPARE[-1] else lasts[place * 3 % len(lasts)],
            step_code="L1INFO",
            step_name="Licence 1 informatique",
            component_name="Faculté des sciences",
        )
        for place, number in enumerate(numbers)
    ]


def fill(walk: Walk) -> None:
    """Everything that a desk meets."""
    walk.synced(rows())
    activate(walk, SUSPENDED, ACTIVE)
    with walk.context() as opened:
        opened.actor = "bruno.petit"
        desk.suspend(opened, SUSPENDED, "compte compromis, ticket 4812")
    address = "chloe.benali@etu.umontpellier.fr"
    stand(
        walk.directory,
        None,
        uid="cbenali",
        cn="BEN ALI CHLOE",
        sn="BEN ALI",
        givenName="Chloe",
        supannOIDCDateDeNaissance=born(CANDIDATE).isoformat(),
        mail=address,
        eduPersonPrincipalName=address,
        supannAliasLogin=address,
    )
    inbox = Inbox(walk)
    inbox.drop(activation(who="99999999"))
    later = [
        {**row, "status": "ANNULEE"} if row["student_number"] in CANCELLED else row
        for row in rows()
    ]
    later += [
        student(CANDIDATE, "Chloé", "Ben Ali"),
        {**student(REJECTED, "Max", "Hauteur"), "birth_date": "31/02/2005"},
        student(NEW, "Anne", "Nouvelle"),
    ]
    inbox.pass_(rows=later)
    dn = walk.person(LOCKED)["dn"][0]
    for _ in range(6):
        walk.directory.bind_result(dn, "wrong")


@contextmanager
def open_counter(folder: Path, directory: Directory) -> Iterator[Counter]:
    """A university with its console, for the time of a block."""
    folder.mkdir(mode=0o700)
    walk = Walk(Workspace(folder, directory))
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    walk.workspace.configure(
        {
            "http": {"public_url": url},
            "institution": {
                "help_url": "https://univ.example/aide",
                "legal_url": "https://univ.example/mentions-legales",
            },
        }
    )
    fill(walk)
    with served_desk(walk, port, trusted=()) as (workroom, _):
        counter = Counter(walk, workroom, url)
        yield counter
        counter.http.close()
