"""The demo: a register of hard names, a throw-away directory, and what scolpass makes of them.

The story may only do what a user could: it runs the real commands in a temporary folder, reads
the directory back with OpenLDAP's own tools, and shows every command that it runs. A claim is
printed together with the command that was run to see whether it holds and with the answer; one
that does not hold is said to be so, and the demo ends 1.

A chapter is a function in ``CHAPTERS``; what it needs of the chapters before it stands in the
``Story``.
"""

from __future__ import annotations

import base64
import csv
import io
import json
import locale
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import NoReturn
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.text import Text

from connector.clock import instant
from connector.errors import UsageError

_TOOLS = ("ldapsearch", "ldapwhoami", "ldapadd", "ldapmodify", "ldappasswd")
_REGISTER = Path(__file__).with_name("demo.csv")
_PATIENCE = 60.0  # seconds that one command may take
_SUFFIX = "dc=umontpellier,dc=fr"
_PEOPLE = f"ou=people,{_SUFFIX}"
_DOMAIN = "etu.umontpellier.fr"
_DETAILS = "In detail"  # what stands above the changes one by one in a plan or a report
_SHORT = 14  # lines of a command's output
_WIDEST = 96  # columns: longer lines of prose are hard to read

# The students that the story follows; the others are in demo.csv.
_ISIL = "22600008"
_LUKASZ = "22600020"
_CAMILLE = "22600050"
_INES = "22600051"
_ALIX = "22600053"
_ANA = "22600055"
_LAW = "L1DRO"
# Whose names are shown, the hardest; all are compared.
_SHOWN = (5, 6, 7, 8, 9, 13, 15, 17, 18, 20, 22, 26, 27, 30, 32, 33, 34, 35, 37, 38, 42, 45, 47, 48)

_LECTURER = f"""\
dn: uid=lmartin,{_PEOPLE}
objectClass: inetOrgPerson
objectClass: eduPerson
objectClass: supannPerson
uid: lmartin
sn: Martin
givenName:: TMOpYQ==
cn:: TWFydGluIEzDqWE=
mail: lea.martin@{_DOMAIN}
eduPersonAffiliation: faculty
supannEmpId: 4711
"""

_BY_HAND = f"""\
dn: uid=e{_ISIL},{_PEOPLE}
changetype: modify
replace: displayName
displayName: Isil Yildirim
-
add: telephoneNumber
telephoneNumber: +33 4 67 00 00 00
"""


# --- the directory's answers ----------------------------------------------------------------------

Entry = dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command said, and how it ended."""

    command: str
    status: int
    stdout: str
    stderr: str

    @property
    def lines(self) -> list[str]:
        """What a person would see, without blank lines; LDIF unfolded, its base64 decoded."""
        text = _readable(self.stdout) if "ldapsearch" in self.command else self.stdout
        return [line.rstrip() for line in (text + self.stderr).splitlines() if line.strip()]

    @property
    def entries(self) -> list[Entry]:
        """LDIF as one mapping of attribute to values an entry."""
        found: list[Entry] = []
        for record in self.stdout.replace("\n ", "").split("\n\n"):
            entry: Entry = {}
            for line in record.splitlines():
                name, _, value = line.partition(":")
                entry.setdefault(name, []).append(_decoded(value))
            if entry:
                found.append(entry)
        return found

    def says(self, *words: str) -> bool:
        """Whether all of these stand in what it said."""
        return all(word in self.stdout + self.stderr for word in words)


def _decoded(value: str) -> str:
    if not value.startswith(":"):
        return value.strip()
    return base64.b64decode(value[1:]).decode("utf-8", "backslashreplace")


def _readable(ldif: str) -> str:
    return re.sub(
        r"(?m)^([A-Za-z][\w.;-]*):(: [A-Za-z0-9+/=]+)$",
        lambda found: f"{found[1]}: {_decoded(found[2])}",
        ldif.replace("\n ", ""),
    )


# --- telling --------------------------------------------------------------------------------------


class Narrator:
    """Puts the story on the terminal, in signs that it can show."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.width = min(console.width, _WIDEST)
        # What Python would write and what the locale's terminal shows are two questions: under
        # LC_ALL=C Python writes UTF-8 all the same.
        self._encodings = (locale.getencoding(), console.encoding)
        self.holds, self.fails, self._more = (
            ("✓", "✗", "…") if self._fit("✓✗…") == "✓✗…" else ("ok", "NO", "...")
        )
        self.held = 0
        self.failed = 0

    def chapter(self, number: int, title: str) -> None:
        """A numbered title."""
        self._console.print()
        self._put(f"{number}. {title}", style="bold underline")
        self._console.print()

    def say(self, text: str) -> None:
        """A sentence or a few."""
        self._put(" ".join(text.split()), indent=2)

    def command(self, command: str) -> None:
        """A command line, broken where the reader's shell would take it up again."""
        lines = broken(command, self.width - 6)
        for position, line in enumerate(lines):
            shown = f"{'        ' if position else '    $ '}{self._fit(line)}"
            self._console.print(Text(shown, style="bold"), soft_wrap=True)  # whole, to be copied

    def output(self, lines: Sequence[str], limit: int) -> None:
        """What a command said, shortened to its first lines."""
        for line in lines[:limit]:
            self._put(line, indent=6)
        if len(lines) > limit:
            left = len(lines) - limit
            self._put(f"{self._more} {left} more {'line' if left == 1 else 'lines'}", indent=6)

    def note(self, text: str) -> None:
        """A word of ours among what a command said."""
        self._put(f"({text})", indent=6)

    def verdict(self, claim: str, *, holds: bool) -> None:
        """A claim, marked by whether it holds."""
        claim = " ".join(claim.split())
        if holds:
            self.held += 1
            self._put(claim, indent=2, mark=self.holds, style="bold green")
        else:
            self.failed += 1
            self._put(f"DOES NOT HOLD: {claim}", indent=2, mark=self.fails, style="bold red")

    def blank(self) -> None:
        """Room between paragraphs."""
        self._console.print()

    def _put(self, text: str, *, indent: int = 0, mark: str = "", style: str = "") -> None:
        start = " " * indent + (mark and f"{mark} ")
        shown = Text(self._fit(text), style="" if mark else style)
        for position, line in enumerate(shown.wrap(self._console, self.width - len(start))):
            line.rstrip()
            ahead = start if position == 0 else " " * len(start)
            self._console.print(Text.assemble((ahead, style if mark else ""), line), soft_wrap=True)

    def _fit(self, text: str) -> str:
        """What the terminal can show; what it would obey (bidi, control signs) is spelt out."""
        text = "".join(s if s.isprintable() else f"\\u{ord(s):04x}" for s in text)
        for encoding in self._encodings:
            text = text.encode(encoding, "backslashreplace").decode(encoding)
        return text


# A quoted word counts as one, and an option keeps its value.
_WORDS = re.compile(r"(?:(?:-[DTbesty]|--[a-z]+) )?(?:'[^']*'|[^\s'])+")


def broken(command: str, width: int) -> list[str]:
    """A command line in pieces that a shell reads as one, broken after an operator if possible."""
    if len(command) <= width:
        return [command]
    lines = [""]
    for part in re.findall(r".+?(?: \||&&|;)(?= )|.+", command):
        room = width - len(lines[-1]) - 1
        if lines[-1] and len(part.strip()) > room and len(part.strip()) < width - 4:
            lines.append("")
        units = _WORDS.findall(part)
        for word in (w for u in units for w in ([u] if len(u) < width - 6 else u.split(" ", 1))):
            if lines[-1].strip() and len(lines[-1]) + 1 + len(word) > width - 4:
                lines.append("")
            lines[-1] += f" {word}" if lines[-1] else word
    return [*(f"{line} \\" for line in lines[:-1]), lines[-1]]


# --- the register ---------------------------------------------------------------------------------

Row = dict[str, str]


def _register() -> list[Row]:
    """The rows of demo.csv, with the address that is expected of each where that is certain."""
    with _REGISTER.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter=";"))


def _export(rows: Iterable[Row], year: int) -> str:
    """Rows as the register exports them: the student's number under its own name, no addresses."""
    columns = (
        "COD_ETU",
        "family_name",
        "first_name",
        "usual_name",
        "civility",
        "birth_date",
        "academic_year",
        "status",
        "component_code",
        "step_code",
    )
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, delimiter=";", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        given = {"COD_ETU": row["student_number"], "academic_year": str(year), **row}
        writer.writerow({name: given[name] for name in columns})
    return text.getvalue()


def _changed(rows: Iterable[Row], number: str, **values: str) -> list[Row]:
    return [row | values if row["student_number"] == number else row for row in rows]


def _names(row: Row) -> tuple[str, str]:
    """First name and family name as they are to stand in the directory: NFC, single blanks."""
    return _tidy(row["first_name"]), _tidy(row["usual_name"] or row["family_name"])


def _tidy(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


# --- the story ------------------------------------------------------------------------------------


class Stuck(Exception):
    """The story cannot go on: something that it builds on is not there."""


@dataclass(slots=True)
class Story:
    """Where the story stands: its folder, the register of the day, and who has which password."""

    narrator: Narrator
    folder: Path
    environment: dict[str, str]
    year: int
    rows: list[Row] = field(default_factory=_register)
    lecturer: str = ""  # the entryCSN that her entry was added with

    # What is run is what is shown, by the shell that the reader would paste it into.

    def run(self, command: str) -> Ran:
        """Run a command line in the story's folder."""
        python = shlex.join([sys.executable, "-m", "connector"])
        process = subprocess.Popen(
            ["/bin/sh", "-c", f'umask 077\nscolpass() {{ {python} "$@"; }}\n{command}'],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="backslashreplace",
            start_new_session=True,  # so that it can be ended whole, with what it has started
        )
        try:
            stdout, stderr = process.communicate(timeout=_PATIENCE)
        except subprocess.TimeoutExpired:
            raise Stuck(f"no answer within {_PATIENCE:.0f} s: {command}") from None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        return Ran(command, process.returncode, stdout, stderr)

    def do(self, command: str, *, status: int = 0, whole: bool = False) -> Ran:
        """Run a command as a user would, and see that it ends as it should.

        Of a plan or a report only the summary is shown, unless ``whole``.
        """
        self.narrator.command(command)
        ran = self.run(command)
        lines = ran.lines
        if ran.status == status:
            details = lines.index(_DETAILS) if _DETAILS in lines and not whole else _SHORT
            self.narrator.output(lines, len(lines) if whole else min(details, _SHORT))
        else:
            self.narrator.output(lines[-30:], 30)
        if ran.status:
            self.narrator.note(f"exit status {ran.status}")
        if ran.status != status:
            self.narrator.verdict(f"the command ends with status {status}", holds=False)
        return ran

    def claim(
        self,
        claim: str,
        command: str,
        holds: Callable[[Ran], bool],
        *,
        shows: Callable[[Ran], Sequence[str]] | None = None,
        limit: int = 6,
    ) -> Ran:
        """Print a claim, the command that was run to see whether it holds, and the answer."""
        ran = self.run(command)
        held = holds(ran)
        self.narrator.verdict(claim, holds=held)
        self.narrator.command(command)
        if held:
            self.narrator.output(shows(ran) if shows else ran.lines, limit)
        else:
            self.narrator.output(ran.lines[-30:], 30)
        if not held or not ran.lines:
            self.narrator.note(f"{'' if ran.lines else 'no output, '}exit status {ran.status}")
        return ran

    def say(self, text: str) -> None:
        """Tell what happens."""
        self.narrator.say(text)

    def export(self, **variables: str) -> None:
        """Set variables for the commands that follow."""
        self.environment.update(variables)
        self.narrator.command(
            "export " + " ".join(f"{name}={shlex.quote(v)}" for name, v in variables.items())
        )

    def register(self, name: str, text: str, *, shows: str = "") -> None:
        """Put an export of the register into place, and show some of its rows."""
        path = self.folder / "exports" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text.encode())
        self.do(f"cp exports/{name} enrolments.csv")
        if shows:
            self.do(shows)

    def reissue(self, number: str, reason: str, file: str) -> None:
        """A provisional password from the desk, into a file of its own."""
        command = f"scolpass reissue {number} --reason {shlex.quote(reason)} --json"
        self.narrator.command(command)
        ran = self.run(command)
        try:
            answer = json.loads(ran.stdout)
            password, last_day = answer["provisional_password"], answer["last_day"]
        except (ValueError, KeyError):
            self.narrator.output(ran.lines, 20)
            raise Stuck(f"no provisional password for {number}") from None
        self.narrator.output(
            [f'... "provisional_password": "{password}", "last_day": "{last_day}" ...'], 1
        )
        self.secret(file, password)

    def secret(self, file: str, text: str) -> None:
        """Write a password into a file that only we may read."""
        path = self.folder / file
        path.touch(mode=0o600)
        path.write_text(text, encoding="ascii")


_READ = "ldapsearch -x -LLL -y admin.password"


def _dn(number: str) -> str:
    return f"uid=e{number},{_PEOPLE}"


def _value(ran: Ran, attribute: str) -> str:
    """The first value of an attribute of the first entry, or nothing."""
    return next((v for entry in ran.entries[:1] for v in entry.get(attribute, [])), "")


def _an_empty_directory(story: Story) -> None:
    story.say("A private slapd runs in a folder of its own, under scolpass's own definition.")
    story.narrator.command(f"scolpass sandbox --dir {story.folder} &")
    story.narrator.command(f"cd {story.folder}")
    story.export(SCOLPASS_CONFIG="scolpass.toml", SCOLPASS_LOG__FILE="scolpass.log")
    story.export(
        LDAPURI=story.environment.pop("DEMO_URI"),
        LDAPBASE=_SUFFIX,
        LDAPBINDDN=story.environment.pop("DEMO_ADMIN"),
    )
    story.claim(
        "It holds no people yet.",
        f"{_READ} -b {_PEOPLE} -s one '(objectClass=*)' 1.1",
        lambda ran: ran.status == 0 and not ran.entries,
    )
    story.say(
        """The directory's administrator (scolpass never signs in as such) adds a lecturer. She once
        studied here, and has kept her student address."""
    )
    (story.folder / "lecturer.ldif").write_text(_LECTURER, encoding="utf-8")
    story.do("ldapadd -x -y admin.password -f lecturer.ldif")
    added = story.claim(
        "The address that a student called Léa Martin would be given first is hers.",
        f"{_READ} '(uid=lmartin)' mail entryCSN",
        lambda ran: _value(ran, "mail") == f"lea.martin@{_DOMAIN}",
    )
    story.lecturer = _value(added, "entryCSN")


def _the_register(story: Story) -> None:
    students = len({row["student_number"] for row in story.rows})
    story.say(
        f"""The register exports {len(story.rows)} rows about {students} students: names with
        Ø, ß, Œ and ı, combining accents, apostrophes of seven kinds, ten scripts, a name of 200
        characters, signs that mean something to LDAP, SQL, shells and spreadsheets, homonyms, and
        twins."""
    )
    story.register(
        "first-day.csv", _export(story.rows, story.year), shows="head -n 9 enrolments.csv"
    )
    story.say("What would a sync do? Nothing is written yet.")
    story.do("scolpass plan")


def _one_sync(story: Story) -> None:
    expected = {row["student_number"]: row for row in story.rows if row["status"] == "E"}
    story.do("scolpass sync")
    story.claim(
        f"{len(expected)} accounts stand in the directory, all of them inactive.",
        f"{_READ} '(supannRessourceEtat={{COMPTE}}I:SupannCree)' 1.1 | grep -c ^dn:",
        lambda ran: ran.stdout.strip() == str(len(expected)),
    )
    story.claim(
        """Every name stands as the register writes it (combining accents composed, each run of
        blanks made one), under an address of its own, in ASCII.""",
        f"{_READ} '(supannEtuId=*)' supannEtuId sn givenName mail",
        lambda ran: _all_named(ran.entries, expected),
        shows=_named_lines,
        limit=40,
    )
    story.claim(
        "Homonyms are told apart, and the lecturer keeps what was hers before.",
        f"{_READ} '(mail=lea.martin*)' mail",
        lambda ran: (
            {(e["dn"][0].split(",")[0], e["mail"][0].split("@")[0]) for e in ran.entries}
            == {
                ("uid=lmartin", "lea.martin"),
                ("uid=e22600001", "lea.martin01"),
                ("uid=e22600002", "lea.martin02"),
            }
        ),
    )
    story.claim(
        "Her entry was not written to: its entryCSN is that of before.",
        f"{_READ} '(uid=lmartin)' entryCSN",
        lambda ran: _value(ran, "entryCSN") == story.lecturer != "",
    )
    story.claim(
        "One enrolment is still pending: no account.",
        f"{_READ} '(supannEtuId={_ALIX})' 1.1",
        lambda ran: ran.status == 0 and not ran.entries,
    )
    story.claim(
        "Of the provisional passwords the directory holds argon2id hashes only.",
        f"{_READ} '(supannEtuId=*)' userPassword",
        lambda ran: _hashes(ran) == len(expected),
        shows=lambda ran: [f"{_hashes(ran)} times {{ARGON2}}$argon2id$v=19$m=19456,t=2,p=1$..."],
    )
    story.claim(
        "Not even scolpass's own account is given them to read.",
        f"ldapsearch -x -LLL -D cn=scolpass,ou=services,{_SUFFIX} -y directory.password "
        f"-b {_dn(_ISIL)} uid userPassword",
        lambda ran: _value(ran, "uid") == f"e{_ISIL}" and not _value(ran, "userPassword"),
    )
    end = f"{story.year + 1}1231"
    story.claim(
        f"Every account has its cutoff from the first day on: 31 December {story.year + 1}.",
        f"{_READ} '(supannEtuId=*)' supannRessourceEtatDate",
        lambda ran: (
            len(ran.entries) == len(expected)
            and all(e["supannRessourceEtatDate"][0].endswith(f":{end}") for e in ran.entries)
        ),
        limit=4,
    )


def _all_named(entries: Sequence[Entry], expected: dict[str, Row]) -> bool:
    found = {entry.get("supannEtuId", [""])[0]: entry for entry in entries}
    locals_ = [entry.get("mail", [""])[0].removesuffix(f"@{_DOMAIN}") for entry in entries]
    return (
        found.keys() == expected.keys()
        and len(set(locals_)) == len(locals_)
        and all(re.fullmatch(r"[a-z0-9][a-z0-9.-]{0,62}[a-z0-9]", one) for one in locals_)
        and all(_as_expected(found[number], row) for number, row in expected.items())
    )


def _as_expected(entry: Entry, row: Row) -> bool:
    first, last = _names(row)
    named = entry.get("givenName") == [first] and entry.get("sn") == [last]
    return named and row["address"] in ("", entry["mail"][0].removesuffix(f"@{_DOMAIN}"))


def _named_lines(ran: Ran) -> list[str]:
    """One line a student, for the eye."""
    lines = []
    shown = {f"226{number:05}" for number in _SHOWN}
    for entry in sorted(ran.entries, key=lambda e: e["supannEtuId"]):
        if entry["supannEtuId"][0] in shown:
            first, last, mail = (entry[name][0] for name in ("givenName", "sn", "mail"))
            last = last if len(last) <= 40 else f"{last[:24]}... ({len(last)} characters)"
            lines.append(f"{first} {last}: {mail.partition('@')[0]}@")
    return [*lines, f"and {len(ran.entries) - len(lines)} more"]


def _hashes(ran: Ran) -> int:
    hashed = "{ARGON2}$argon2id$v=19$m=19456,t=2,p=1$"
    return sum(e.get("userPassword", [""])[0].startswith(hashed) for e in ran.entries)


def _a_provisional_password(story: Story) -> None:
    story.say(
        """Işıl Yıldırım has lost the letter with her provisional password. The desk hands out a
        new one, shown once. It goes into a file, because a command line can be read by everybody
        on the machine."""
    )
    story.reissue(_ISIL, "lost her letter", "isil.password")
    story.export(HER=_dn(_ISIL))
    story.claim(
        "The password is right: slapd lets her in, and says what it expects of her.",
        "ldapwhoami -x -e ppolicy -D $HER -y isil.password",
        lambda ran: ran.status == 0 and ran.says(_dn(_ISIL), "Password must be changed"),
    )
    story.claim(
        "She may read nothing, not even her own entry.",
        "ldapsearch -x -LLL -D $HER -y isil.password -b $HER",
        lambda ran: ran.status == 50 and not ran.stdout and ran.says("Insufficient access (50)"),
    )
    story.claim(
        "Nor can she free herself of the obligation.",
        "printf 'dn: %s\\nchangetype: modify\\ndelete: pwdReset\\n' $HER | "
        "ldapmodify -x -D $HER -y isil.password",
        lambda ran: ran.status == 50 and ran.says("Insufficient access (50)"),
    )
    story.secret("digits.password", "654321")
    story.claim(
        "All she can do is change it; other six digits are refused.",
        "ldappasswd -x -D $HER -y isil.password -t isil.password -T digits.password",
        lambda ran: ran.status != 0 and ran.says("Constraint violation (19)"),
    )
    story.secret("new.password", "karanfil 7 sokak")
    story.claim(
        "A long enough password of her own is taken.",
        "ldappasswd -x -D $HER -y isil.password -t isil.password -T new.password",
        lambda ran: ran.status == 0,
    )
    story.claim(
        "With it she reads her entry.",
        "ldapsearch -x -LLL -D $HER -y new.password -b $HER displayName mail",
        lambda ran: _value(ran, "displayName") == "Işıl Yıldırım",
    )
    story.claim(
        "The provisional one is refused now.",
        "ldapwhoami -x -D $HER -y isil.password",
        lambda ran: ran.status == 49,
    )


def _somebody_guesses(story: Story) -> None:
    story.say("Łukasz Żółć has his provisional password, too.")
    story.reissue(_LUKASZ, "never had his letter", "lukasz.password")
    password = (story.folder / "lukasz.password").read_text(encoding="ascii")
    story.secret("wrong.password", f"{(int(password) + 1) % 10**6:06}")
    story.export(HIM=_dn(_LUKASZ))
    story.say("Somebody tries a wrong one five times.")
    story.do("for guess in 1 2 3 4 5; do ldapwhoami -x -D $HIM -y wrong.password; done", status=49)
    story.claim(
        "Now slapd refuses even the right one.",
        "ldapwhoami -x -D $HIM -y lukasz.password",
        lambda ran: ran.status == 49,
    )
    story.claim(
        "That lock has no end: the policy of provisional passwords gives it no duration.",
        f"{_READ} -b cn=provisional,ou=policies,{_SUFFIX} pwdMaxFailure pwdLockoutDuration",
        lambda ran: (
            _value(ran, "pwdMaxFailure") == "5" and _value(ran, "pwdLockoutDuration") == "0"
        ),
    )
    story.say("He comes to the desk.")
    story.reissue(_LUKASZ, "locked by guesses", "lukasz.password")
    story.claim(
        "The new one opens: a reissue unlocks.",
        "ldapwhoami -x -e ppolicy -D $HIM -y lukasz.password",
        lambda ran: ran.status == 0 and ran.says("Password must be changed"),
    )


def _step_by_step(story: Story) -> None:
    story.say(
        """Somebody overwrites Işıl's displayed name by hand, and gives her a telephone number."""
    )
    (story.folder / "by-hand.ldif").write_text(_BY_HAND, encoding="utf-8")
    story.do("ldapmodify -x -y admin.password -f by-hand.ldif")
    story.say("The desk resyncs her: what a sync does for everybody, shown for one.")
    story.do(f"scolpass resync {_ISIL}", whole=True)
    story.claim(
        "Her name is right again; the telephone number is not scolpass's business, and stands.",
        f"{_READ} -b $HER -s base displayName telephoneNumber",
        lambda ran: (
            _value(ran, "displayName") == "Işıl Yıldırım" and _value(ran, "telephoneNumber") != ""
        ),
    )
    end = f"{story.year + 1}1231230000Z"
    story.claim(
        f"""She has changed her password: the provisional policy is off, and slapd closes the
        account after 31 December {story.year + 1} (23:00 in UTC is midnight in Paris).""",
        f"{_READ} -b $HER -s base pwdReset pwdPolicySubentry pwdEndTime",
        lambda ran: (
            _value(ran, "pwdEndTime") == end
            and not _value(ran, "pwdReset")
            and not _value(ran, "pwdPolicySubentry")
        ),
    )
    story.claim(
        "The account is still inactive, as backup mail and charter are missing.",
        f"{_READ} -b $HER -s base supannRessourceEtat",
        lambda ran: _value(ran, "supannRessourceEtat") == "{COMPTE}I:SupannCree",
    )


def _bad_rows(story: Story) -> None:
    camille = next(row for row in story.rows if row["student_number"] == _CAMILLE)
    newcomer = camille | {"usual_name": "", "status": "E", "step_code": "L1CHI", "address": ""}
    ana = newcomer | {
        "student_number": _ANA,
        "family_name": "García",
        "first_name": "Ana",
        "birth_date": "09/05/2008",
    }
    bad = _changed(story.rows, _CAMILLE, birth_date="31/02/2007", step_code="L1CHI")
    bad += [
        ana | {"student_number": "22600054", "first_name": "Zo\0e"},
        ana | {"student_number": "*)(uid=*"},
        ana,
    ]
    story.say(
        """The next export has three bad rows: a birthday on 31 February, a NUL character in a
        name, an LDAP filter for a student number. Its last row is a new student's, and good."""
    )
    story.register("bad-rows.csv", _export(bad, story.year))
    story.do("scolpass sync", status=1)
    story.claim(
        "The new student has her account.",
        f"{_READ} '(supannEtuId={_ANA})' mail",
        lambda ran: _value(ran, "mail") == f"ana.garcia@{_DOMAIN}",
    )
    story.claim(
        "The student with the impossible birthday keeps what she has.",
        f"{_READ} '(supannEtuId={_CAMILLE})' supannOIDCDateDeNaissance supannEtuEtape",
        lambda ran: (
            _value(ran, "supannOIDCDateDeNaissance") == "2007-10-20"
            and _value(ran, "supannEtuEtape").endswith("L1BIO")
        ),
    )
    known = len({row["student_number"] for row in story.rows if row["status"] == "E"}) + 1
    story.claim(
        "No account was made of the other two rows.",
        f"{_READ} '(supannEtuId=*)' 1.1 | grep -c ^dn:",
        lambda ran: ran.stdout.strip() == str(known),
    )
    story.rows.append(ana)


def _a_bad_feed(story: Story) -> None:
    whole = _export(story.rows, story.year)
    story.do(f"{_READ} entryCSN > before.ldif")
    story.say("The export breaks off in the middle of its last line.")
    story.register("cut-short.csv", whole[:-24], shows="tail -n 1 enrolments.csv; echo")
    story.do("scolpass sync", status=4)
    third = story.rows[: len({row["student_number"] for row in story.rows}) // 3]
    story.say(
        f"The next one is well formed, but only {len(third)} students are in it, a third of them."
    )
    story.register("a-third.csv", _export(third, story.year))
    story.do("scolpass sync", status=4)
    story.claim(
        "Neither feed changed anything: every entryCSN is that of before.",
        f"{_READ} entryCSN | cmp - before.ldif && echo identical",
        lambda ran: ran.status == 0 and ran.stdout.strip() == "identical",
    )


def _a_new_name(story: Story) -> None:
    story.rows = _changed(story.rows, _INES, usual_name="Haddad")
    story.say("Inès Moreau marries. The register has her usual name now, in both her rows.")
    story.register(
        "a-new-name.csv", _export(story.rows, story.year), shows="grep Haddad enrolments.csv"
    )
    story.do("scolpass sync", whole=True)
    story.claim(
        "Her name has changed; her uid and her address have not.",
        f"{_READ} '(supannEtuId={_INES})' displayName supannNomDeNaissance uid mail",
        lambda ran: (
            _value(ran, "displayName") == "Inès Haddad"
            and _value(ran, "supannNomDeNaissance") == "Moreau"
            and _value(ran, "uid") == f"e{_INES}"
            and _value(ran, "mail") == f"ines.moreau@{_DOMAIN}"
        ),
    )


def _a_cancelled_enrolment(story: Story) -> None:
    story.say("Łukasz's fee bounces, and the register cancels his enrolment (A, for annulée).")
    cancelled = _changed(story.rows, _LUKASZ, status="A")
    shows = f"grep {_LUKASZ} enrolments.csv"
    story.register("cancelled.csv", _export(cancelled, story.year), shows=shows)
    story.do("scolpass sync")
    story.claim(
        "His account is expired.",
        f"{_READ} '(supannEtuId={_LUKASZ})' supannRessourceEtat",
        lambda ran: _value(ran, "supannRessourceEtat") == "{COMPTE}I:SupannExpire",
    )
    story.claim(
        "slapd refuses his password.",
        "ldapwhoami -x -D $HIM -y lukasz.password",
        lambda ran: ran.status == 49,
    )
    story.say("He pays, and the enrolment is valid again.")
    story.register("paid.csv", _export(story.rows, story.year), shows=shows)
    story.do("scolpass sync")
    story.claim(
        "The same password opens again.",
        "ldapwhoami -x -e ppolicy -D $HIM -y lukasz.password",
        lambda ran: ran.status == 0 and ran.says("Password must be changed"),
    )


def _twelve_at_once(story: Story) -> None:
    law = [row["student_number"] for row in story.rows if row["step_code"] == _LAW]
    for number in law:
        story.rows = _changed(story.rows, number, status="A")
    expired = "'(supannRessourceEtat={COMPTE}I:SupannExpire)'"
    story.say(
        f"""The register cancels a whole programme, {len(law)} students. It may be so, or it may be
        a mistake. By itself a run expires at most 2% of the accounts, or five if that is more;
        beyond that it asks."""
    )
    story.register("programme-closed.csv", _export(story.rows, story.year))
    held = story.do("scolpass sync", status=3)
    digest = re.search(r"--approve ([0-9a-f]{64})", held.stdout)
    if digest is None:
        raise Stuck("the report names no digest to approve the plan by")
    story.claim(
        "Nobody has expired.",
        f"{_READ} {expired} 1.1",
        lambda ran: ran.status == 0 and not ran.entries,
    )
    story.say("Somebody reads the plan, asks the faculty, and approves exactly that plan.")
    story.do(f"scolpass sync --approve {digest[1]} --reason 'programme closed, A. Roux'")
    story.claim(
        f"The {len(law)} have expired, and nobody else.",
        f"{_READ} {expired} supannEtuId | grep -c supannEtuId:",
        lambda ran: ran.stdout.strip() == str(len(law)),
    )


def _on_record(story: Story) -> None:
    story.say("What was done, when, why and by whom is kept. Łukasz's account:")
    story.do(f"scolpass show {_LUKASZ}", whole=True)


def _nothing_to_do(story: Story) -> None:
    story.do(f"{_READ} entryCSN > before.ldif")
    story.do("scolpass sync")
    story.claim(
        "A sync that finds everything right writes nothing: no entryCSN has moved.",
        f"{_READ} entryCSN | cmp - before.ldif && echo identical",
        lambda ran: ran.status == 0 and ran.stdout.strip() == "identical",
    )


CHAPTERS: tuple[tuple[str, Callable[[Story], None]], ...] = (
    ("An empty directory, and a lecturer in it", _an_empty_directory),
    ("The register, and what would be done", _the_register),
    ("One sync", _one_sync),
    ("A student tries her provisional password", _a_provisional_password),
    ("Somebody guesses", _somebody_guesses),
    ("One student, step by step", _step_by_step),
    ("Bad rows are refused alone", _bad_rows),
    ("A bad feed is refused whole", _a_bad_feed),
    ("A new name", _a_new_name),
    ("An enrolment is cancelled, and valid again", _a_cancelled_enrolment),
    ("Twelve at once", _twelve_at_once),
    ("What is on record", _on_record),
    ("A sync with nothing to do", _nothing_to_do),
)


# --- around the story -----------------------------------------------------------------------------


def tell(console: Console, *, keep: bool = False) -> int:
    """Tell the story from an empty folder to its end; the exit status says whether all held.

    The directory is stopped and the folder removed (unless ``keep``) however the story ends.

    Raises:
        UsageError: slapd or OpenLDAP's client tools are not installed.
    """
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if missing:
        raise UsageError(
            f"The demo reads the directory with {', '.join(missing)}, not installed here",
            "On Debian or Ubuntu: apt-get install ldap-utils",
        )
    narrator = Narrator(console)
    begun = time.monotonic()
    try:
        with _signals_end_it(), _folder(keep=keep) as folder:
            environment = _environment(narrator.width - 6)
            with _sandbox(folder, environment) as ready:
                environment |= {"DEMO_URI": ready["uri"], "DEMO_ADMIN": ready["admin_dn"]}
                _tell(Story(narrator, folder, environment, _academic_year()))
            _epilogue(narrator, time.monotonic() - begun, ready["uri"], folder if keep else None)
    except _Ended as ended:
        narrator.say("Ended early. The directory is stopped.")
        return ended.status
    return 1 if narrator.failed else 0


def _tell(story: Story) -> None:
    _prologue(story.narrator)
    try:
        for number, (title, chapter) in enumerate(CHAPTERS, start=1):
            story.narrator.chapter(number, title)
            chapter(story)
    except Stuck as stuck:
        story.narrator.verdict(f"the story can go on ({stuck})", holds=False)


def _prologue(narrator: Narrator) -> None:
    narrator.say(
        f"""Every line marked {narrator.holds} is a claim. Under it stand the command that was run
        to see whether it holds, most often OpenLDAP's own ldapsearch or ldapwhoami, and the answer
        (base64 decoded). A claim that does not hold is said to be so, and the demo
        ends with exit status 1."""
    )


def _epilogue(narrator: Narrator, seconds: float, uri: str, kept: Path | None) -> None:
    narrator.blank()
    total = narrator.held + narrator.failed
    if narrator.failed:
        narrator.say(f"{narrator.failed} of {total} claims do not hold. {seconds:.0f} s.")
    else:
        narrator.say(f"{total} claims, and all of them hold. {seconds:.0f} s.")
    if kept is not None:
        narrator.say(
            """The directory is stopped, and its folder kept. This starts it again, and with the
            variables of chapter 1 the commands can be run again."""
        )
        narrator.command(f"scolpass sandbox --dir {kept} --port {uri.rpartition(':')[2]}")


def _academic_year() -> int:
    """The academic year of today, by the year in which it begins."""
    today = instant().astimezone(ZoneInfo("Europe/Paris")).date()
    return today.year if today.month >= 9 else today.year - 1


def _environment(columns: int) -> dict[str, str]:
    """What the commands run under: nothing of a real directory or of the terminal's colours.

    A SCOLPASS_DIRECTORY__URIS of the reader's own shell would turn the demo on that directory.
    """
    ours = ("SCOLPASS_", "LDAP")
    colours = ("FORCE_COLOR", "CLICOLOR_FORCE", "TTY_COMPATIBLE", "CREDENTIALS_DIRECTORY")
    kept = {n: v for n, v in os.environ.items() if not n.startswith(ours) and n not in colours}
    plain = {"COLUMNS": str(columns), "NO_COLOR": "1", "LC_ALL": "C.UTF-8"}
    return kept | plain


@contextmanager
def _folder(*, keep: bool) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="scolpass-demo-")).resolve()
    try:
        yield folder
    finally:
        if not keep:
            # What was killed a moment ago may still leave a file.
            shutil.rmtree(folder, ignore_errors=True)
            if folder.exists():
                time.sleep(0.5)
                shutil.rmtree(folder)


@contextmanager
def _sandbox(folder: Path, environment: dict[str, str]) -> Iterator[dict[str, str]]:
    """``scolpass sandbox``, running; what it printed once it was ready."""
    errors = folder / "sandbox.err"
    with errors.open("wb") as error_file:
        process = subprocess.Popen(
            [sys.executable, "-m", "connector", "sandbox", "--dir", str(folder)],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=error_file,
            text=True,
            start_new_session=True,  # Control-C comes to us, and we stop it
        )
    try:
        assert process.stdout is not None
        ready = process.stdout.readline()
        if not ready:
            process.wait()
            said = errors.read_text(encoding="utf-8", errors="backslashreplace").strip()
            raise UsageError(said.removeprefix("scolpass: ") or "The sandbox did not start")
        yield json.loads(ready)
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(30)
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


class _Ended(BaseException):
    """A signal asks the demo to end; past every ``except Exception``, like KeyboardInterrupt."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.status = 128 + number


@contextmanager
def _signals_end_it() -> Iterator[None]:
    """The first signal ends the story; while it is cleaned up, more of them are ignored."""
    asked = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    numbers = [n for n in asked if signal.getsignal(n) is not signal.SIG_IGN]  # nohup

    def end(number: int, _frame: FrameType | None) -> NoReturn:
        for other in numbers:
            signal.signal(other, signal.SIG_IGN)
        raise _Ended(number)

    before = {number: signal.signal(number, end) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
