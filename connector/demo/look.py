"""A look at the service desk: a university of thousands in all states, and its console kept up.

Like the story it does what a user could: commands in a temporary folder. What it brings along is
a directory that has lived, and a register; what the desk finds there to do is then made by the
commands and by OpenLDAP's own tools: letters that were tried too often, events that wait, rows
that are rejected, candidates, and a plan that is held.
"""

from __future__ import annotations

import csv
import io
import json
import shlex
import socket
import subprocess
import sys
import time
import tomllib
import urllib.request
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

from argon2 import PasswordHasher
from rich.console import Console

from connector.clock import instant
from connector.core.calendar import academic_year_of
from connector.core.model import Enrolment, Status
from connector.core.roles import Role
from connector.core.rules import Password, Rules
from connector.demo import backstage
from connector.demo.chapters.world import PEOPLE
from connector.demo.university import COLUMNS, Somebody, as_row, ldif, people, record
from connector.errors import UsageError

NEWCOMERS = 240  # of whom the register hears when the service is in use already
CANCELLED = 0.07  # of the accounts: more than a run expires by itself
_PATIENCE = 900.0  # seconds that one command may take
_UP = 60.0  # seconds that the service has to answer

Row = dict[str, str]


def show(console: Console, count: int, *, keep: bool = False) -> int:
    """Set the university up, serve its console, and wait for Control-C; the exit status.

    Args:
        count: how many students it has.
        keep: whether the folder stays.

    Raises:
        UsageError: slapd or OpenLDAP's client tools are not installed, or a step has failed.
    """
    try:
        with backstage.signals_end_it(), backstage.made_folder(keep=keep) as folder:
            environment = backstage.environment(folder, 96)
            environment |= _service()
            with backstage.Sandbox(folder, environment) as sandbox:
                console.print(f"A directory is started in {folder}.")
                sandbox.start()
                Look(console, folder, environment, sandbox.uri, sandbox.admin_dn).prepare(count)
                with _running(folder, environment):
                    _say_where(console, folder, environment["SCOLPASS_HTTP__PUBLIC_URL"])
                    while True:
                        time.sleep(3600)
    except backstage.Ended:
        console.print("The console and its directory are stopped.")
        return 0


@dataclass(frozen=True, slots=True)
class Look:
    """A university that is set up in a folder, step by step."""

    console: Console
    folder: Path
    environment: dict[str, str]
    uri: str
    admin_dn: str

    def prepare(self, count: int) -> None:
        """Everything that the desk finds, from an empty directory on."""
        rules = _rules(self.folder / "scolpass.toml")
        today = instant().astimezone(ZoneInfo(rules.institution.timezone)).date()
        everybody = self._drawn(count + NEWCOMERS, rules, today)
        known, newcomers = everybody[:count], everybody[count:]
        self._load(known)
        rows = [as_row(row) for one in known for row in one.rows]
        self._register([*rows, *_rejected(rows)])
        self._run("the first sync finds every account as it is", "scolpass sync", (1,))
        rows += [as_row(row) for one in newcomers for row in one.rows]
        self._candidates(newcomers[:12])
        self._register([*rows, *_rejected(rows)])
        self._run("newcomers get their accounts", "scolpass sync", may_end=(0, 1))
        self._life(known, [one for one in newcomers[12:] if one.account is not None])
        self._register([*_cancelled(rows, known, today, rules), *_rejected(rows)])
        self._run("a faculty cancels too many: that plan is held", "scolpass sync", may_end=(3,))

    # --- its steps ------------------------------------------------------------------------------

    def _drawn(self, count: int, rules: Rules, today: date) -> list[Somebody]:
        from rich.progress import track

        drawn = people(count, rules, today)
        said = f"{count:,} students live through the years"
        return list(track(drawn, said, count, console=self.console, transient=True))

    def _load(self, known: Sequence[Somebody]) -> None:
        """The entries, as years of runs have left them, and the leavers of another tool."""
        secret = "{ARGON2}" + PasswordHasher(1, 8192, 1).hash(f"{time.monotonic_ns()}")
        accounts = [one.account for one in known if one.account is not None]
        with (self.folder / "entries.ldif").open("w", encoding="ascii") as file:
            file.writelines(ldif(accounts, secret))
            file.writelines(_leavers(secret))
        self._admin("the directory is filled", "ldapadd", "entries.ldif")

    def _candidates(self, newcomers: Sequence[Somebody]) -> None:
        """Entries without a number that another tool made for people who enrol now."""
        whose = [one.rows[-1] for one in newcomers if one.rows]
        (self.folder / "nameless.ldif").write_text("".join(map(_nameless, whose)), "utf-8")
        self._admin("some newcomers have an entry already", "ldapadd", "nameless.ldif")

    def _life(self, known: Sequence[Somebody], newcomers: Sequence[Somebody]) -> None:
        """What students and the desk do on an ordinary day."""
        numbers = [one.rows[0].student_number for one in newcomers]
        (self.folder / "wrong.password").write_text("000000", "utf-8")
        waiting = [one for one in known if one.account is not None and one.account.must_change]
        for one in waiting[:3]:
            assert one.account is not None
            wrong = shlex.join(
                ["ldapwhoami", "-x", "-H", self.uri, "-D", one.account.dn, "-y", "wrong.password"]
            )
            again = f"for i in 1 2 3 4 5; do {wrong}; done"
            self._run("a letter is tried too often", again, may_end=(49,))
        for place, number in enumerate(numbers[:20]):
            self._event(f"activated-{place}", number, charter=place % 4 != 0)
        self._event("nobody", "22999999", charter=True)
        self._run(
            "activation events arrive", "scolpass events list --limit 1 && scolpass sync", (0, 1)
        )
        for number, reason in zip(
            numbers[20:23], ("carte perdue", "lettre perdue", "au guichet"), strict=True
        ):
            said = shlex.quote(reason)
            self._run("a letter is lost", f"scolpass reissue {number} --reason {said} --json")
        for number in numbers[23:25]:
            self._run(
                "an account is suspended", f"scolpass suspend {number} --reason 'appel suspect'"
            )

    def _event(self, name: str, number: str, *, charter: bool) -> None:
        now = f"{instant():%Y-%m-%dT%H:%M:%SZ}"
        data: dict[str, object] = {"identifier": number, "backup_mail": f"{number}@free.example"}
        if charter:
            data["charter"] = {"version": "2026", "accepted_at": now}
        event = {
            "specversion": "1.0",
            "id": name,
            "source": "/portail",
            "type": "fr.scolpass.account.activated",
            "time": now,
            "data": data,
        }
        new = self.folder / f"{name}.new"
        new.write_text(json.dumps(event), "utf-8")
        new.rename(self.folder / "spool" / f"{name}.json")

    def _register(self, rows: Iterable[Row]) -> None:
        text = io.StringIO()
        writer = csv.DictWriter(text, ("COD_ETU", *COLUMNS), delimiter=";", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        new = self.folder / "enrolments.new"
        new.write_text(text.getvalue(), "utf-8")
        new.rename(self.folder / "enrolments.csv")

    def _admin(self, what: str, tool: str, file: str) -> None:
        words = [
            tool,
            "-x",
            "-H",
            self.uri,
            "-D",
            self.admin_dn,
            "-y",
            "admin.password",
            "-f",
            file,
        ]
        self._run(what, shlex.join(words))

    def _run(self, what: str, command: str, may_end: Sequence[int] = (0,)) -> None:
        """Run a command line in the folder.

        Raises:
            UsageError: it ended otherwise.
        """
        with self.console.status(what):
            ran = subprocess.run(
                ["/bin/sh", "-c", f"umask 077\n{command}"],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="backslashreplace",
                timeout=_PATIENCE,
                check=False,
            )
        if ran.returncode not in may_end:
            said = (ran.stderr or ran.stdout).strip()[-600:]
            raise UsageError(f"{command} ended with {ran.returncode}: {said}")
        self.console.print(f"  {what}")


# --- what is brought along ------------------------------------------------------------------------


def _rules(configuration: Path) -> Rules:
    """The rules that a sandbox's configuration has."""
    told = tomllib.loads(configuration.read_text(encoding="utf-8"))
    password = Password.model_validate(told["password"])
    sections = ("institution", "identifiers", "activation", "forwarding", "lifecycle", "safety")
    return Rules(
        people_dn=told["directory"]["people_dn"],
        provisional=password.provisional,
        own_password=password.own,
        **{name: told[name] for name in sections},
    )


def _rejected(rows: Sequence[Row]) -> list[Row]:
    """Rows with what people type wrong: about students of whom nothing else is in the register."""
    wrong = (
        {"birth_date": "31/02/2008"},
        {"academic_year": "2062"},
        {"family_name": ""},
        {"first_name": "L\u00c3\u00a9a"},
        {"status": "X9"},
    )
    found = []
    for place, values in enumerate(wrong):
        found.append({**rows[-1], "COD_ETU": f"{22990001 + place}", "ine": "", **values})
    return found


def _leavers(password: str) -> Iterator[str]:
    """Entries with a number that the register does not know, as another tool left them."""
    for place in range(60):
        uid = f"ancien{place:02}"
        yield _person(
            uid, f"Ancien{place:02}", "Camille", {"supannEtuId": f"{20990000 + place}"}, password
        )


def _nameless(row: Enrolment) -> str:
    """An entry that may be this student's: same name and birth date, and no number."""
    uid = f"{row.first_name[:1]}{row.family_name[:6]}{row.student_number[-3:]}".lower()
    uid = "".join(c for c in uid if c.isascii() and c.isalnum())
    more = {"supannOIDCDateDeNaissance": row.birth_date.isoformat()}
    return _person(uid, row.family_name, row.first_name, more, "")


def _person(uid: str, family: str, first: str, more: dict[str, str], password: str) -> str:
    classes = [("objectClass", name) for name in ("inetOrgPerson", "eduPerson", "supannPerson")]
    lines = [
        *classes,
        ("uid", uid),
        ("sn", family),
        ("givenName", first),
        ("cn", f"{family} {first}"),
        ("displayName", f"{first} {family}"),
        ("eduPersonAffiliation", "student"),
        *more.items(),
    ]
    if password:
        lines.append(("userPassword", password))
    return record(f"uid={uid},{PEOPLE}", lines)


def _cancelled(
    rows: Iterable[Row], known: Sequence[Somebody], today: date, rules: Rules
) -> Iterator[Row]:
    """The register in which one faculty's first enrolments of this year are cancelled."""
    year = str(academic_year_of(today, rules.institution))
    left = max(round(CANCELLED * len(known)), 40)
    for row in rows:
        hit = left and row["component_code"] == "DSP" and row["academic_year"] == year
        if hit and row["status"] == Status.VALIDATED:
            left -= 1
            yield {**row, "status": Status.CANCELLED.value}
        else:
            yield row


# --- the service ----------------------------------------------------------------------------------


def _service() -> dict[str, str]:
    """The variables that the commands and the service run under."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    return {
        "SCOLPASS_CONFIG": "scolpass.toml",
        "SCOLPASS_LOG__FILE": "scolpass.log",
        "SCOLPASS_HTTP__LISTEN": f"127.0.0.1:{port}",
        "SCOLPASS_HTTP__PUBLIC_URL": f"http://127.0.0.1:{port}",
        # Hundreds of letters within seconds; a server of one's own keeps the default.
        "SCOLPASS_PASSWORD__PROVISIONAL__MEMORY_COST": "8192",
    }


def _say_where(console: Console, folder: Path, url: str) -> None:
    password = (folder / "operators.password").read_text(encoding="ascii")
    roles = ", ".join(Role)
    console.print(f"The console: {url}/console", soft_wrap=True)
    console.print(f"Sign in as {roles}; the password of each is {password}")
    console.print(f"Commands: cd {folder}; export SCOLPASS_CONFIG=scolpass.toml", soft_wrap=True)
    console.print("Control-C ends it.")


@contextmanager
def _running(folder: Path, environment: dict[str, str]) -> Iterator[None]:
    """The service, until the end of the block."""
    with (folder / "service.err").open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "connector", "run"],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=errors,
            stderr=errors,
            start_new_session=True,  # Control-C comes to us, and we stop it
        )
        try:
            _until_it_answers(process, environment["SCOLPASS_HTTP__PUBLIC_URL"], folder)
            yield
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _until_it_answers(process: subprocess.Popen[bytes], url: str, folder: Path) -> None:
    until = time.monotonic() + _UP
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{url}/healthz", timeout=5):  # noqa: S310 - loopback
                return
        except OSError:
            time.sleep(0.1)
    said = (folder / "service.err").read_text("utf-8", "backslashreplace").strip()[-600:]
    raise UsageError(f"The service does not answer: {said}")
