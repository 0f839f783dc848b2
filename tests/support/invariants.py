"""The invariants: what holds after every step of every test, whatever happened in between.

    invariants = Invariants(workspace)
    before = invariants.snapshot()
    ...                                  # a sync, a crash, another sync
    invariants.check(before)

Directory and journal are read from outside: the directory as its administrator, the journal's
tables and the files as they lie on the disk.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from connector.edges.database.url import database_file
from connector.edges.journal import open_journal
from connector.edges.sealing import Sealer
from connector.errors import EntryError
from connector.settings.loading import load_settings
from connector.settings.sections import Settings
from tests.support.directory import Directory, Entries
from tests.support.workspace import Workspace

Bind = Callable[[str, str], int]  # with a DN and a password: the result code

ADDRESSES = (
    "mail",
    "eduPersonPrincipalName",
    "supannAliasLogin",
    "supannAutreMail",
    "eduPersonPrincipalNamePrior",
)
IDENTIFIERS = ("uid", "mail", "eduPersonPrincipalName", "supannAliasLogin")
# What a sync may replace whole in an entry of ours.
OURS = frozenset(
    {
        "sn",
        "givenName",
        "cn",
        "displayName",
        "supannNomDeNaissance",
        "supannCivilite",
        "supannOIDCDateDeNaissance",
        "supannCodeINE",
        "supannEtablissement",
        "supannEntiteAffectation",
        "supannEntiteAffectationPrincipale",
        "supannEtuAnneeInscription",
        "supannEtuEtape",
        "supannEtuInscription",
        "eduPersonPrimaryAffiliation",
        "pwdEndTime",
        "pwdStartTime",
        "pwdPolicySubentry",
        "pwdReset",
        "userPassword",
        "scolpassCharter",
        "mailForwardingAddress",
    }
)
# Where others have values beside ours: the values that are ours.
SHARED: Mapping[str, re.Pattern[str]] = {
    "objectClass": re.compile("inetOrgPerson|eduPerson|supannPerson|scolpassAccount", re.I),
    "eduPersonAffiliation": re.compile("student|member", re.I),
    "supannRessourceEtatDate": re.compile(r"\{(COMPTE|MAIL)\}.*", re.I),
    "supannRessourceEtat": re.compile(r"\{(COMPTE|MAIL)\}.*", re.I),
    "supannMailPrive": re.compile(r"\{SECOURS\}.*", re.I),
}
# Likewise, where ours are known by another attribute: the backup mail, and former addresses.
BESIDE: Mapping[str, str] = {
    "supannMailPerso": "supannMailPrive",
    "supannAutreMail": "mail",
    "eduPersonPrincipalNamePrior": "mail",
}
# Of an entry that is also somebody else's we keep these true, and of the affiliations `student`.
STATE = ("pwdEndTime", "pwdStartTime", "pwdPolicySubentry", "pwdReset", "userPassword")
# slapd's own, and what a student changes by herself.
_OPERATIONAL = frozenset(
    {
        "entryCSN",
        "entryDN",
        "entryUUID",
        "createTimestamp",
        "creatorsName",
        "modifyTimestamp",
        "modifiersName",
        "structuralObjectClass",
        "subschemaSubentry",
        "hasSubordinates",
        "pwdChangedTime",
        "pwdFailureTime",
        "pwdAccountLockedTime",
        "pwdHistory",
        "pwdGraceUseTime",
        "pwdLastSuccess",
        "userPassword",
        "pwdReset",
    }
)
# Written with every change, or different in every directory; an undisturbed run may differ here.
_INCOMPARABLE = _OPERATIONAL - {"pwdReset", "pwdAccountLockedTime"}
_SUSPENDED = "20991231230000Z"
_STUDENTS = frozenset({"student", "member", "alum"})

Attributes = Mapping[str, list[str]]


@dataclass(frozen=True)
class Snapshot:
    """Directory and journal at one moment."""

    entries: Entries  # everything below the suffix, operational attributes included, by DN
    change: int  # the last one in the journal


@dataclass(frozen=True)
class CurrentState:
    """An account's state as it stands in its entry."""

    letter: str
    word: str
    start: date | None
    end: date | None


class Invariants:
    """Checks one workspace and its directory."""

    def __init__(self, workspace: Workspace, today: date | None = None) -> None:
        """``today``: the day that the runs believe in, if it is not the clock's."""
        self._workspace = workspace
        self._directory = workspace.directory
        self.today = today

    def snapshot(self) -> Snapshot:
        """What stands now, to be given to `check` later."""
        changes = self._history()
        return Snapshot(
            self._directory.entries(base=self._directory.suffix),
            max((int(change["id"]) for change in changes), default=0),
        )

    def check(
        self,
        since: Snapshot | None = None,
        *,
        outputs: Iterable[str] = (),
        secrets: Iterable[str] = (),
        settled: bool = True,
        journal_lost: bool = False,
        renamed: Collection[str] = (),
    ) -> None:
        """Every invariant; all that is broken is named.

        Args:
            since: a snapshot; what changed since then must be what the journal says. Without
                one, entries that were made by scolpass are compared with the journal whole.
            outputs: what commands said, on stdout and stderr.
            secrets: provisional passwords that were shown and are no longer sealed.
            settled: the last run had nothing held and nothing failed; else an entry may still
                await its change.
            journal_lost: passwords given before that are not known, and stand until a reissue.
            renamed: student numbers whose address was changed on demand.
        """
        broken = list(
            self._violations(
                since,
                outputs=outputs,
                secrets=secrets,
                settled=settled,
                journal_lost=journal_lost,
                renamed=renamed,
            )
        )
        if broken:
            raise AssertionError("broken:\n  " + "\n  ".join(broken))

    def second_run_writes_nothing(self, run: Callable[[], object]) -> None:
        """Another run moves no entryCSN and records no change."""
        csns, changes = self._directory.csns(), self._history()
        run()
        moved = {dn for dn, csn in self._directory.csns().items() if csns.get(dn) != csn}
        gone = csns.keys() - self._directory.csns().keys()
        assert not moved, f"written again: {sorted(moved)}"
        assert not gone, f"deleted: {sorted(gone)}"
        assert self._history() == changes, "changes recorded"

    def _violations(
        self,
        since: Snapshot | None,
        *,
        outputs: Iterable[str],
        secrets: Iterable[str],
        settled: bool,
        journal_lost: bool,
        renamed: Collection[str],
    ) -> Iterator[str]:
        settings = load_settings(self._workspace.config, {})
        entries = self._directory.entries(base=self._directory.suffix)
        journal = _Journal.read(self._workspace, settings)
        before = since.entries if since else {}
        managed = {
            dn: entry
            for dn, entry in entries.items()
            if any(number in journal.accounts for number in entry.get("supannEtuId", []))
        }
        today = self.today or datetime.now(settings.institution.zone).date()
        yield from _uniqueness(entries, before, managed, journal)
        with self._directory.binding() as binding:
            bind = cache(binding)  # most passwords that open an inactive account can be printed
            for dn, entry in managed.items():
                if _is_shared_person(entry):
                    continue
                yield from self._password(dn, entry, settings, journal, journal_lost, bind)
                yield from _end_time(dn, entry, settings, journal, today, settled)
            yield from _printed(managed, journal, bind)
        yield from _recorded(entries, since, journal)
        if since is not None:
            yield from _others(since.entries, entries, journal, renamed)
        if settled:
            for change in journal.history:
                if change["outcome"] == "intended":
                    yield f"change {change['id']} on {change['dn']} was never concluded"
        passwords = {*journal.passwords.values(), *journal.pending.values(), *secrets}
        yield from _spilled(self._workspace, passwords, outputs)

    def _history(self) -> list[dict[str, Any]]:
        return _Journal.read(self._workspace, load_settings(self._workspace.config, {})).history

    # --- inactive accounts, and what can be printed ---

    def _password(
        self,
        dn: str,
        entry: Attributes,
        settings: Settings,
        journal: _Journal,
        journal_lost: bool,
        bind: Bind,
    ) -> Iterator[str]:
        found = current(entry)
        if found is None or found.letter != "I" or found.word.lower() == "supannexpire":
            return
        number = entry["supannEtuId"][0]
        if entry.get("pwdReset") == ["TRUE"]:
            if number not in journal.passwords:
                if not journal_lost:
                    yield f"{dn} is inactive and nobody can print its password"
                return
            if not journal.printable[number]:
                yield f"{dn} is inactive and its password is not to be printed"
            # The configuration may spell it otherwise than the directory does.
            policies = (settings.password.provisional.policy_dn, self._directory.policy_dn)
            standing_policy = entry.get("pwdPolicySubentry", [""])[0].lower()
            if standing_policy not in map(str.lower, policies):
                yield f"{dn} has a provisional password without its policy"
            if _ends_later_than_now(entry) and "pwdAccountLockedTime" not in entry:
                code = bind(dn, journal.passwords[number])
                if code:
                    yield f"{dn} refuses its provisional password ({code})"
        elif "userPassword" not in entry:
            yield f"{dn} is inactive without any password"
        else:
            prive = [v for v in entry.get("supannMailPrive", []) if v[:9].upper() == "{SECOURS}"]
            evidence = {
                "password_changed": True,
                "backup_mail": bool(prive),
                "charter": "scolpassCharter" in entry,
            }
            if all(evidence[name] for name in settings.activation.require):
                yield f"{dn} is inactive though nothing is missing"


def _printed(managed: Entries, journal: _Journal, bind: Bind) -> Iterator[str]:
    """No password is printed that does not work."""
    by_number = {
        number: (dn, entry)
        for dn, entry in managed.items()
        for number in entry.get("supannEtuId", [])
    }
    for number, password in journal.passwords.items():
        if not journal.printable[number]:
            continue
        if number not in by_number:
            yield f"a password of {number} can be printed, and there is no entry"
            continue
        dn, entry = by_number[number]
        closed = (
            not _ends_later_than_now(entry)
            or "pwdAccountLockedTime" in entry
            or "pwdStartTime" in entry
        )
        if not closed and bind(dn, password):
            yield f"the password of {dn} that can be printed does not open it"


# --- the journal from outside -------------------------------------------------------------------


@dataclass(frozen=True)
class _Journal:
    accounts: Mapping[str, str]  # student number to DN
    reserved: Mapping[str, str]  # uid or address to student number
    passwords: Mapping[str, str]  # by student number, those in the directory
    pending: Mapping[str, str]  # those drawn for a change that is not made
    printable: Mapping[str, bool]
    last_days: Mapping[str, date | None]
    years: Mapping[str, int]  # the latest that counts, by student number
    history: list[dict[str, Any]]

    @classmethod
    def read(cls, workspace: Workspace, settings: Settings) -> _Journal:
        file = database_file(settings.journal.url.get_secret_value())
        if file is not None and not file.exists():
            return cls({}, {}, {}, {}, {}, {}, {}, [])
        sealer = Sealer(settings.sealing_keys())
        journal = open_journal(settings.journal.url.get_secret_value())
        with closing(journal):
            sealed = journal.sealed()
            accounts = {number: known.dn for number, known in journal.accounts().items()}
            years: dict[str, int] = {}
            undone = {number for number, one in journal.overrides().items() if one.undone}
            for row in journal.enrolments():
                if row.status.counts and row.student_number not in undone:
                    years[row.student_number] = max(
                        row.academic_year, years.get(row.student_number, 0)
                    )
            return cls(
                accounts=accounts,
                reserved=journal.reserved(),
                passwords=_unsealed(sealer, journal.ciphertexts(list(sealed), "live")),
                pending=_unsealed(sealer, journal.ciphertexts(list({**accounts, **years}), "next")),
                printable={number: one.printable for number, one in sealed.items()},
                last_days={number: one.last_day for number, one in sealed.items()},
                years=years,
                history=journal.history(),
            )


def _unsealed(sealer: Sealer, sealed: Mapping[str, bytes]) -> dict[str, str]:
    found = {}
    for number, text in sealed.items():
        try:
            found[number] = sealer.unseal(number, text).get_secret_value()
        except EntryError:
            continue  # then nobody can print it: `_password` says so
    return found


# --- who has what -------------------------------------------------------------------------------


def _uniqueness(
    entries: Entries, before: Entries, managed: Entries, journal: _Journal
) -> Iterator[str]:
    """1. No two entries share uid, address or number, living or reserved."""
    holders: dict[tuple[str, str], set[str]] = {}
    for dn, entry in entries.items():
        for name in ("uid", "supannEtuId", *ADDRESSES):
            kind = "address" if name in ADDRESSES else name
            for value in entry.get(name, []):
                holders.setdefault((kind, value.casefold()), set()).add(dn)
    for (kind, value), dns in sorted(holders.items()):
        old = {dn for dn in dns if _has(before.get(dn, {}), kind, value)}
        if len(dns) > 1 and dns != old and dns & managed.keys():
            yield f"{kind} {value} is shared by {sorted(dns)}"
        owner = journal.reserved.get(value)
        if not owner or kind == "supannEtuId":  # "": nobody of ours
            continue
        for dn in dns - old:
            if owner not in entries[dn].get("supannEtuId", []):
                yield f"{kind} {value} belongs to student {owner} and is on {dn}"


def _has(entry: Attributes, kind: str, value: str) -> bool:
    names = ADDRESSES if kind == "address" else (kind,)
    return any(value == one.casefold() for name in names for one in entry.get(name, []))


def _is_shared_person(entry: Attributes) -> bool:
    return "supannEmpId" in entry or any(
        value.lower() not in _STUDENTS for value in entry.get("eduPersonAffiliation", [])
    )


# --- until when ---------------------------------------------------------------------------------


def current(entry: Attributes, resource: str = "COMPTE") -> CurrentState | None:
    """The state of one resource, parsed; None where there is none."""
    for value in entry.get("supannRessourceEtatDate", []):
        found = re.fullmatch(r"\{(\w+)\}([ASI]):([^:]*):(\d{8})?:(\d{8})?", value)
        if found and found[1].upper() == resource:
            return CurrentState(found[2], found[3], _compact_day(found[4]), _compact_day(found[5]))
    return None


def end_of(day: date, settings: Settings) -> str:
    """The GeneralizedTime of the midnight that ends a day of the institution."""
    midnight = datetime.combine(day + timedelta(days=1), time(), settings.institution.zone)
    return f"{midnight.astimezone(UTC):%Y%m%d%H%M%SZ}"


def _compact_day(text: str | None) -> date | None:
    return date(int(text[:4]), int(text[4:6]), int(text[6:])) if text else None


def _cutoff(year: int, settings: Settings) -> date:
    month, day = settings.lifecycle.cutoff.split("-")
    return date(year + 1, int(month), int(day))


def _ends_later_than_now(entry: Attributes) -> bool:
    # Both are UTC to the second; a day's distance would do.
    return entry.get("pwdEndTime", ["9"])[0] > f"{datetime.now(UTC):%Y%m%d%H%M%SZ}"


def _end_time(
    dn: str,
    entry: Attributes,
    settings: Settings,
    journal: _Journal,
    today: date,
    settled: bool,
) -> Iterator[str]:
    """4. pwdEndTime is the end of the last usable day; 10. nobody's access ends early."""
    found = current(entry)
    number = entry["supannEtuId"][0]
    stands = entry.get("pwdEndTime", [""])[0]
    year = journal.years.get(number)
    if found is None:
        if settled and number in journal.years:
            yield f"{dn} has no state"
        return
    if len(entry.get("pwdEndTime", [])) != 1 or not re.fullmatch(r"\d{14}Z", stands):
        yield f"{dn} has the pwdEndTime {entry.get('pwdEndTime')}"
        return
    if (found.letter == "S") != (entry.get("pwdStartTime") == [_SUSPENDED]):
        yield f"{dn} is {found.letter} and has the pwdStartTime {entry.get('pwdStartTime')}"
    if found.letter == "I" and found.word.lower() not in ("supanncree", "supannprecree"):
        if found.start is not None and stands > end_of(found.start - timedelta(days=1), settings):
            yield f"{dn} expired on {found.start} and is open until {stands}"
        if settled and year is not None and today <= _cutoff(year, settings):
            yield f"{dn} is expired and enrolled in {year}"
        return
    if found.end is None:
        yield f"{dn} has a state without an end"
        return
    if settled and year is not None and found.end < _cutoff(year, settings):
        yield f"{dn} is enrolled in {year} and ends on {found.end} already"
    if found.letter == "S":
        return
    wanted = end_of(found.end, settings)
    if entry.get("pwdReset") == ["TRUE"]:
        if number not in journal.last_days:
            if stands > wanted:
                yield f"{dn} is open until {stands}, its state until {found.end}"
            return
        last = journal.last_days[number]
        wanted = min(wanted, end_of(last, settings)) if last else wanted
    if stands != wanted:
        yield f"{dn} has the pwdEndTime {stands}, not {wanted}"


# --- what changed -------------------------------------------------------------------------------


def _folded(values: Iterable[str]) -> list[str]:
    return sorted(value.casefold() for value in values)


def _replayed(
    entry: Attributes, changes: Iterable[Mapping[str, Any]]
) -> tuple[dict[str, list[str]] | None, bool]:
    """An entry after the journal's changes (None: deleted), and whether there was any."""
    now: dict[str, list[str]] | None = dict(entry) if entry else None
    written = False
    for change in changes:
        written = True
        number = change["attributes"].get("supannEtuId")
        if change["action"] in ("purge", "erase") or (number and not number["after"]):
            now = None
            continue
        now = now or {}
        for name, sides in change["attributes"].items():
            if name in SHARED or name in BESIDE:
                gone, new = _folded(sides["before"]), _folded(sides["after"])
                kept = [
                    v for v in now.get(name, []) if v.casefold() not in gone or v.casefold() in new
                ]
                standing_already = _folded(kept)
                more = [v for v in sides["after"] if v.casefold() not in standing_already]
                now[name] = kept + more
            else:
                now[name] = sides["after"]
    return now, written


def _recorded(entries: Entries, since: Snapshot | None, journal: _Journal) -> Iterator[str]:
    """6. Every change in the directory has one in the journal, and the reverse."""
    applied: dict[str, list[dict[str, Any]]] = {}
    first = since.change if since else 0
    for change in journal.history:
        dn = journal.accounts.get(change["student_number"])
        if change["outcome"] == "applied" and change["id"] > first and dn is not None:
            applied.setdefault(dn.casefold(), []).append(change)
    before = since.entries if since else {}
    was = {dn.casefold(): entry for dn, entry in before.items()}
    now = {dn.casefold(): entry for dn, entry in entries.items()}
    for dn in sorted(was.keys() | now.keys() | applied.keys()):
        changes = applied.get(dn, [])
        started_here = bool(changes) and changes[0]["action"] == "create"
        if since is None and not started_here:
            continue  # it was there before the journal: nothing to begin with
        wanted, written = _replayed(was.get(dn, {}), changes)
        stands = now.get(dn)
        if not written and dn in was and stands is not None:
            moved = {n for n in {*was[dn], *stands} if was[dn].get(n) != stands.get(n)}
            if moved - {"hasSubordinates", "contextCSN"}:
                yield f"{dn} changed and the journal knows nothing of it: {sorted(moved)}"
            continue
        if wanted is None or stands is None:
            if (wanted is None) != (stands is None):
                there = "is there" if stands is not None else "is not there"
                yield f"{dn} {there}, and the journal says the contrary"
            continue
        for name in sorted({*wanted, *stands} - _OPERATIONAL):
            if _folded(wanted.get(name, [])) != _folded(stands.get(name, [])):
                yield (
                    f"{dn} has {name} {stands.get(name)}, "
                    f"and by the journal it should be {wanted.get(name)}"
                )


def _others(
    before: Entries, entries: Entries, journal: _Journal, renamed: Collection[str]
) -> Iterator[str]:
    """5. Values of others are unchanged, byte for byte; identifiers never change."""
    now = {dn.casefold(): entry for dn, entry in entries.items()}
    for dn, was in before.items():
        stands = now.get(dn.casefold())
        numbers = was.get("supannEtuId", [])
        if stands is None:
            if not any(number in journal.accounts for number in numbers):
                yield f"{dn} is gone"
            continue
        if not any(number in journal.accounts for number in numbers):
            moved = {n for n in {*was, *stands} if was.get(n) != stands.get(n)}
            if moved - {"hasSubordinates", "contextCSN"}:
                yield f"{dn} is not ours and changed: {sorted(moved)}"
            continue
        shared_person = _is_shared_person(was)
        for name in sorted({*was, *stands}):
            old, new = was.get(name, []), stands.get(name, [])
            if name in SHARED:
                pattern = SHARED[name]
                if shared_person and name == "eduPersonAffiliation":
                    pattern = re.compile("student", re.I)
                elif shared_person and name != "objectClass":
                    pattern = re.compile("(?!)")
                old = [v for v in old if not pattern.fullmatch(v)]
                new = [v for v in new if not pattern.fullmatch(v)]
                if name == "objectClass" and not set(was[name]) <= set(stands[name]):
                    yield f"{dn} lost the object classes {set(was[name]) - set(stands[name])}"
            elif name in BESIDE and not shared_person:
                both = (*was.get(BESIDE[name], []), *stands.get(BESIDE[name], []))
                ours = {re.sub(r"^\{SECOURS\}", "", value, flags=re.I) for value in both}
                old = [v for v in old if v not in ours]
                new = [v for v in new if v not in ours]
            elif name in IDENTIFIERS:
                if not old or numbers[0] in renamed:
                    continue
            elif name == "eduPersonPrimaryAffiliation":
                if _folded(old) in ([], ["student"]):
                    continue
            elif name in STATE:
                if not shared_person:
                    continue
            elif name in OURS or name in _OPERATIONAL:
                continue
            if sorted(old) != sorted(new):
                yield f"{dn}: {name} is not ours and went from {old} to {new}"


# --- secrets ------------------------------------------------------------------------------------


def _spilled(
    workspace: Workspace, passwords: Collection[str], outputs: Iterable[str]
) -> Iterator[str]:
    """8. No secret outside the sealed columns."""
    texts = [("an output", text) for text in outputs]
    # A sealed text is itself a file of letters and digits; what it seals cannot be seen in it.
    for path in sorted(workspace.folder.rglob("*")):
        if not path.is_file() or path in (workspace.key, workspace.password):
            continue
        texts.append((str(path), path.read_bytes().decode("latin-1")))
    texts.extend(_columns(workspace.journal))
    whole = [workspace.key.read_text().strip(), workspace.directory.service_password, "$argon2"]
    for where, text in texts:
        # In the raw file of a journal its columns touch, so that two dates make six digits.
        word = r"[0-9A-Za-z-]+" if ".db" in where else "[0-9A-Za-z]+"
        words = set(re.findall(word, text))
        for password in passwords:
            spilled = password in words if password.isalnum() else password in text
            if spilled:
                yield f"{where} holds a provisional password"
        for secret in whole:
            if secret in text:
                yield f"{where} holds {'a hash' if secret == '$argon2' else 'a secret'}"


def _columns(path: Path) -> Iterator[tuple[str, str]]:
    """Every text in the journal; a password in a column of its own is no word of the raw file."""
    if not path.exists():
        return
    with closing(sqlite3.connect(path)) as connection:
        tables = [row[0] for row in connection.execute("select name from sqlite_master")]
        for table in tables:
            if not connection.execute(
                "select 1 from sqlite_master where name = ? and type = 'table'", (table,)
            ).fetchone():
                continue
            for row in connection.execute(f'select * from "{table}"'):  # noqa: S608
                text = json.dumps([v for v in row if isinstance(v, str)], ensure_ascii=False)
                yield f"the journal's table {table}", text


# --- beside an undisturbed run ------------------------------------------------------------------


def differences(disturbed: Directory, undisturbed: Directory) -> list[str]:
    """Where the two directories differ, hashes and slapd's own attributes aside.

    A run after a fault gives the very directory of an undisturbed run: the list is empty then.
    """
    ours = _comparable(disturbed)
    theirs = _comparable(undisturbed)
    found = []
    for dn in sorted(ours.keys() | theirs.keys()):
        if dn not in ours or dn not in theirs:
            found.append(f"{dn} is only in the {'disturbed' if dn in ours else 'undisturbed'} one")
            continue
        for name in sorted({*ours[dn], *theirs[dn]}):
            one, other = ours[dn].get(name, []), theirs[dn].get(name, [])
            if one != other:
                found.append(f"{dn}: {name} is {one}, undisturbed {other}")
    return found


def ends_earlier(disturbed: Directory, undisturbed: Directory) -> list[str]:
    """10. The students whose access ends earlier than in the undisturbed directory."""
    ours, theirs = disturbed.students(), undisturbed.students()
    found = []
    for number, entry in theirs.items():
        if number not in ours:
            found.append(f"{number} has no entry")
        elif ours[number].get("pwdEndTime", ["9"]) < entry.get("pwdEndTime", ["9"]):
            found.append(
                f"{number} ends at {ours[number].get('pwdEndTime')}, "
                f"undisturbed at {entry.get('pwdEndTime')}"
            )
    return found


def _comparable(directory: Directory) -> dict[str, dict[str, list[str]]]:
    return {
        dn.casefold(): {
            name: sorted(values)
            for name, values in entry.items()
            if name not in _INCOMPARABLE and name != "contextCSN"
        }
        | {"userPassword": ["there"] if "userPassword" in entry else []}
        for dn, entry in directory.entries(base=directory.people_dn).items()
    }
