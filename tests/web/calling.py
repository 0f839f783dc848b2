"""The service desk's API on a loopback port, over a real directory, and those who call it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from connector.core.roles import Role
from connector.edges.tokens import draw_token, fingerprint
from connector.web.workroom import Workroom
from tests.support.daemon import NO_TLS
from tests.support.directory import Directory
from tests.support.walk import Row, Walk
from tests.support.workspace import Workspace
from tests.web.serving_desk import served_desk

PREFIX = "/api/v1"


@dataclass(frozen=True, slots=True)
class Caller:
    """A program with a token of some role."""

    client: httpx.Client
    token: str = field(repr=False)
    number: int  # of the token

    def send(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, **given: Any
    ) -> httpx.Response:
        """One call."""
        held = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return self.client.request(
            method, PREFIX + path, headers={**held, **(headers or {})}, **given
        )

    def get(self, path: str, **given: Any) -> httpx.Response:
        """One look."""
        return self.send("GET", path, **given)

    def post(
        self, path: str, headers: Mapping[str, str] | None = None, **body: Any
    ) -> httpx.Response:
        """One act, for a reason; a field that is None is left out."""
        given = {"reason": "case 12", **body}
        sent = {name: value for name, value in given.items() if value is not None}
        return self.send("POST", path, headers, json=sent)

    def told(self, path: str, **given: Any) -> Any:
        """What a look tells that succeeds."""
        answer = self.get(path, **given)
        assert answer.status_code == 200, (path, answer.text)
        return answer.json()

    def done(self, path: str, headers: Mapping[str, str] | None = None, **body: Any) -> Any:
        """What an act tells that succeeds."""
        answer = self.post(path, headers, **body)
        assert answer.status_code == 200, (path, answer.text)
        return answer.json()


class Office:
    """The service desk of a university, and everybody's accounts behind it."""

    def __init__(self, walk: Walk, desk: Workroom, client: httpx.Client) -> None:
        self.walk = walk
        self.desk = desk
        self.client = client
        self._left = iter(sorted(walk.people()))
        self._callers: dict[Role, Caller] = {}

    def student(self) -> str:
        """The number of a student whom no test has met yet."""
        return next(self._left)

    def caller(self, role: Role) -> Caller:
        """A program whose token has this role."""
        if role not in self._callers:
            self._callers[role] = self.new_caller(role)
        return self._callers[role]

    def new_caller(
        self,
        role: Role,
        *,
        lasts: timedelta = timedelta(days=1),
        networks: tuple[str, ...] = (),
    ) -> Caller:
        """A program with a new token."""
        token, now = draw_token(), datetime.now(UTC)
        name = f"{role.value} {secrets.token_hex(2)}"
        made = self.desk.journal.add_token(
            fingerprint(token), role, name, networks, ("tester", "tests", now), now + lasts
        )
        return Caller(self.client, token, made.id)

    @property
    def log(self) -> str:
        """All that was logged."""
        return (self.walk.workspace.folder / "scolpass.log").read_text(encoding="utf-8")


@contextmanager
def open_office(
    folder: Path, directory: Directory, rows: list[Row], changes: Mapping[str, Any] | None = None
) -> Iterator[Office]:
    """A university with its service desk, for the time of a block."""
    folder.mkdir(mode=0o700)
    walk = Walk(Workspace(folder, directory))
    walk.workspace.configure(changes or {})
    walk.synced(rows)
    with (
        served_desk(walk) as (desk, port),
        httpx.Client(
            base_url=f"http://127.0.0.1:{port}", timeout=90, trust_env=False, verify=NO_TLS
        ) as client,
    ):
        yield Office(walk, desk, client)


def all_of(caller: Caller, path: str, limit: int, **params: object) -> list[Any]:
    """All items of a list, page by page."""
    found: list[Any] = []
    given: dict[str, object] = {"limit": limit, **params}
    while True:
        page = caller.told(path, params=given)
        assert page["items"] or not found, "an empty page after others"
        assert len(page["items"]) <= limit
        found += page["items"]
        if page["next"] is None:
            return found
        given["cursor"] = page["next"]
