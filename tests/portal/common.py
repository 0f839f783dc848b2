"""A university whose students come for the first time: its directory, its service, its browsers."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx

from connector.activation.links import CONFIRM, PAGES, RESET
from connector.activation.visits import Step
from connector.edges.journal.rows import stamp
from connector.edges.journal.sessions import Link
from connector.edges.tokens import Signer, draw_token, fingerprint
from connector.settings.loading import load_settings
from connector.settings.sections import Settings
from connector.web.first_connection.routes import PATHS, SIGN_IN
from connector.web.first_connection.visitors import COOKIE
from tests.support.daemon import NO_TLS, Daemon, running
from tests.support.directory import Directory
from tests.support.waiting import wait_until
from tests.support.walk import Row, Walk
from tests.support.workspace import Workspace

PROBLEM = "/probleme-de-connexion"
BACKUP, CHARTER, FORWARDING, PASSWORD, DONE = (PATHS[step] for step in Step)
GOOD = "Cigale-chantante-1912"  # keeps every rule
FORM = "application/x-www-form-urlencoded"
ACTIVE = "{COMPTE}A:SupannActif"
_addresses = count(1)


def new_address() -> str:
    """An address that no request came from yet: the throttle counts by it."""
    number = next(_addresses)
    return f"10.{number % 250}.{number // 250}.1"  # each of another network, too


@dataclass(frozen=True, slots=True)
class Student:
    """Somebody who has her letter."""

    number: str
    login: str
    password: str = field(repr=False)
    dn: str


class Site:
    """The university: a directory, a register that is synced, and the running service."""

    def __init__(self, workspace: Workspace, daemon: Daemon) -> None:
        self.workspace = workspace
        self.walk = Walk(workspace)
        self.daemon = daemon
        self.directory = workspace.directory
        self._entries = self.walk.people()
        self._passwords = self._unsealed()
        self._left = iter(sorted(self._entries))

    @property
    def url(self) -> str:
        """Where the service is found."""
        return f"http://127.0.0.1:{self.daemon.port}"

    @property
    def settings(self) -> Settings:
        """As the configuration stands."""
        return load_settings(self.workspace.config, {})

    def student(self, number: str = "") -> Student:
        """A student; without a number one whom no test has met yet."""
        number = number or next(self._left)
        entry = self._entries[number]
        return Student(
            number, entry["supannAliasLogin"][0], self._passwords[number], entry["dn"][0]
        )

    def _unsealed(self) -> dict[str, str]:
        with self.walk.context() as opened:
            sealed = opened.journal.ciphertexts(list(self._entries), "live")
            return {
                number: opened.sealer.unseal(number, one).get_secret_value()
                for number, one in sealed.items()
            }

    # --- what stands in directory and journal ---

    def entry(self, who: Student) -> dict[str, list[str]]:
        """Her entry."""
        return self.directory.entry(who.dn)

    def binds(self, who: Student, password: str) -> bool:
        """Whether the directory lets her in."""
        return self.directory.bind_result(who.dn, password) == 0

    def wait_active(self, who: Student) -> dict[str, list[str]]:
        """Her entry, once her account is active."""
        wait_until(
            lambda: ACTIVE in self.entry(who)["supannRessourceEtat"], "the account is active", 20
        )
        return self.entry(who)

    def is_untouched(self, who: Student) -> bool:
        """Whether her account still waits for her."""
        return ACTIVE not in self.entry(who)["supannRessourceEtat"] and self.binds(
            who, who.password
        )

    @contextmanager
    def journal(self) -> Iterator[sqlite3.Connection]:
        """The journal's database, to be looked at, or to be aged."""
        with closing(sqlite3.connect(self.workspace.journal, timeout=20)) as database, database:
            yield database

    def age_sessions(self, who: Student, column: str, by: timedelta) -> None:
        """Have her sessions be older by so much: ``used_at`` or ``opened_at``."""
        with self.journal() as database:
            database.execute(
                f"UPDATE sessions SET {column} = ? WHERE student_number = ?",  # noqa: S608
                (stamp(datetime.now(UTC) - by), who.number),
            )

    def sessions_of(self, who: Student) -> set[str]:
        """The digests of what browsers hold that are signed in as her."""
        with self.journal() as database:
            asked = "SELECT id FROM sessions WHERE student_number = ?"
            return {row[0] for row in database.execute(asked, (who.number,))}

    def is_session(self, token: str) -> bool:
        """Whether what a browser holds is a session."""
        with self.journal() as database:
            asked = "SELECT 1 FROM sessions WHERE id = ?"
            return database.execute(asked, (fingerprint(token),)).fetchone() is not None

    def link_to(self, who: Student, purpose: str, value: str) -> str:
        """The path of a link that is good for a while, as a mail to her has it."""
        now = datetime.now(UTC)
        entry = self.entry(who)
        backups = [mail.removeprefix("{SECOURS}") for mail in entry.get("supannMailPrive", [""])]
        marks = {RESET: backups[0], CONFIRM: entry.get("pwdChangedTime", [""])[0]}
        link = Link(
            draw_token(), purpose, who.number, value, now + timedelta(hours=1), marks[purpose]
        )
        with self.walk.context() as opened:
            opened.journal.make_link(link, now)
        signed = Signer(self.settings.sealing_keys(), "link").sign(link.id)
        return f"{PAGES[purpose]}?{urlencode({'lien': f'{link.id}.{signed}'})}"

    def link_ids(self, who: Student) -> list[str]:
        """The identifiers of her links that stand in the journal."""
        with self.journal() as database:
            asked = "SELECT id FROM links WHERE student_number = ?"
            return [row[0] for row in database.execute(asked, (who.number,))]


@contextmanager
def open_site(
    folder: Path, directory: Directory, rows: list[Row], changes: Mapping[str, Any] | None = None
) -> Iterator[Site]:
    """A university of its own, for the time of a block; its service makes no mistake in it."""
    folder.mkdir(mode=0o700)
    workspace = Workspace(folder, directory)
    workspace.configure({"log": {"file": "scolpass.log", "level": "debug"}, **(changes or {})})
    workspace.write_register(rows)
    with running(workspace) as daemon:
        wait_until(lambda: len(directory.students()) == len(rows), "all have an entry")
        yield Site(workspace, daemon)
        mistakes = [line["exception"][-1500:] for line in daemon.lines() if "exception" in line]
        assert not mistakes, "\n".join(mistakes)


# --- a browser without pictures -------------------------------------------------------------------


class Page(HTMLParser):
    """What a page holds: its forms, its links, its words, and how it is written."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__()
        self.answer = answer
        self.text = answer.text
        self.links: list[str] = []
        self.forms: list[tuple[str, str, dict[str, str]]] = []  # method, action, fields
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(answer.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append((tag, given))
        if tag in ("a", "link") and given.get("href"):
            self.links.append(str(given["href"]))
        if tag == "form":
            self.forms.append((given.get("method") or "get", given.get("action") or "", {}))
        if tag == "input" and self.forms and given.get("name"):
            self.forms[-1][2][str(given["name"])] = given.get("value") or ""

    def handle_data(self, data: str) -> None:
        self.words += data

    @property
    def csrf(self) -> str:
        """The token of its first form."""
        return next((form[2]["csrf"] for form in self.forms if "csrf" in form[2]), "")


class Visitor:
    """A browser that keeps its ``__Host-`` cookies without TLS, as those of loopback do."""

    def __init__(self, site: Site, address: str = "") -> None:
        self.site = site
        self.cookies: dict[str, str] = {}
        self.address = address or new_address()
        self.page: Page | None = None
        self._client = httpx.Client(base_url=site.url, timeout=90, trust_env=False, verify=NO_TLS)

    def close(self) -> None:
        """Let its connections go."""
        self._client.close()

    def __enter__(self) -> Visitor:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def token(self) -> str:
        """What it holds."""
        return self.cookies.get(COOKIE, "")

    def send(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, **given: Any
    ) -> httpx.Response:
        """One request, no redirect followed; its cookies go out and come in."""
        sent = {"X-Forwarded-For": self.address}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer = self._client.request(method, path, headers={**sent, **(headers or {})}, **given)
        for line in answer.headers.get_list("set-cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
        return answer

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Page:
        """A page; its token goes with the forms that are sent next."""
        self.page = Page(self.send("GET", path, headers))
        return self.page

    def post(
        self, path: str, fields: Mapping[str, str], headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """A form from the page that was read last, with its token."""
        given = {"csrf": self.page.csrf if self.page else "", **fields}
        return self.send("POST", path, headers, data=given)

    def submit(
        self, path: str, fields: Mapping[str, str], headers: Mapping[str, str] | None = None
    ) -> Page:
        """A form, and the page it leads to."""
        answer = self.post(path, fields, headers)
        if answer.status_code == 303:
            return self.get(answer.headers["location"])
        self.page = Page(answer)
        return self.page

    def sign_in(self, who: Student, password: str = "", **fields: str) -> Page:
        """Sign in with what stands on the letter; the page it leads to."""
        self.get(SIGN_IN)
        given = {"identifier": who.login, "password": password or who.password, **fields}
        return self.submit(SIGN_IN, given)

    def go_to(self, step: Step, who: Student) -> Page:
        """Sign in, and make the steps before this one."""
        page = self.sign_in(who)
        for before in Step:
            if before is step:
                return page
            page = self.submit(PATHS[before], STEPS[before])
        return page


STEPS: dict[Step, dict[str, str]] = {
    Step.BACKUP_MAIL: {"backup_mail": "lea@example.org"},
    Step.CHARTER: {"charter": "2026"},
    Step.FORWARDING: {"forward_to": ""},
    Step.PASSWORD: {"new_password": GOOD, "new_password_again": GOOD},
}


def at(page: Page) -> str:
    """The path of a page."""
    return urlsplit(str(page.answer.url)).path


def without_tokens(text: str) -> str:
    """A page without what differs from browser to browser."""
    return re.sub(r'name="csrf" value="[^"]*"', 'name="csrf"', text)
