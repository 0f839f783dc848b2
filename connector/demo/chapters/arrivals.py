"""A register goes in, and accounts come out: the first day."""

from __future__ import annotations

import re
from collections.abc import Sequence

from connector.demo.answers import Entry, Ran
from connector.demo.chapters.world import ALIX, DOMAIN, ISIL, PEOPLE, READ, SUFFIX, dn
from connector.demo.register import Row, export, names_of
from connector.demo.stage import Story

# Whose names are shown, the hardest; all are compared.
_SHOWN = (5, 6, 7, 8, 9, 13, 15, 17, 18, 20, 22, 26, 27, 30, 32, 33, 34, 35, 37, 38, 42, 45, 47, 48)

_LECTURER = f"""\
dn: uid=lmartin,{PEOPLE}
objectClass: inetOrgPerson
objectClass: eduPerson
objectClass: supannPerson
uid: lmartin
sn: Martin
givenName:: TMOpYQ==
cn:: TWFydGluIEzDqWE=
mail: lea.martin@{DOMAIN}
eduPersonAffiliation: faculty
supannEmpId: 4711
"""


def an_empty_directory(story: Story) -> None:
    story.say("A private slapd runs in a folder of its own, under scolpass's own definition.")
    story.narrator.command(f"scolpass sandbox --dir {story.folder} &")
    story.narrator.command(f"cd {story.folder}")
    story.export(SCOLPASS_CONFIG="scolpass.toml", SCOLPASS_LOG__FILE="scolpass.log")
    story.export(
        LDAPURI=story.sandbox.uri,
        LDAPBASE=SUFFIX,
        LDAPBINDDN=story.sandbox.admin_dn,
    )
    story.claim(
        "It holds no people yet.",
        f"{READ} -b {PEOPLE} -s one '(objectClass=*)' 1.1",
        lambda ran: ran.status == 0 and not ran.entries,
    )
    story.say(
        """The directory's administrator (scolpass never signs in as such) adds a lecturer. She once
        studied here, and has kept her student address."""
    )
    story.file("lecturer.ldif", _LECTURER)
    story.do("ldapadd -x -y admin.password -f lecturer.ldif")
    added = story.claim(
        "The address that a student called Léa Martin would be given first is hers.",
        f"{READ} '(uid=lmartin)' mail entryCSN",
        lambda ran: ran.value("mail") == f"lea.martin@{DOMAIN}",
    )
    story.lecturer = added.value("entryCSN")


def the_register(story: Story) -> None:
    students = len({row["student_number"] for row in story.rows})
    story.say(
        f"""The register exports {len(story.rows)} rows about {students} students: names with
        Ø, ß, Œ and ı, combining accents, apostrophes of seven kinds, ten scripts, a name of 200
        letters, characters that mean something to LDAP, SQL, shells and spreadsheets, homonyms,
        and twins."""
    )
    story.register(
        "first-day.csv", export(story.rows, story.year), shows="head -n 9 enrolments.csv"
    )
    story.say("What would a sync do? Nothing is written yet.")
    story.do("scolpass plan")


def one_sync(story: Story) -> None:
    expected = {row["student_number"]: row for row in story.rows if row["status"] == "E"}
    story.do("scolpass sync")
    story.claim(
        f"{len(expected)} accounts stand in the directory, all of them inactive.",
        f"{READ} '(supannRessourceEtat={{COMPTE}}I:SupannCree)' 1.1 | grep -c ^dn:",
        lambda ran: ran.stdout.strip() == str(len(expected)),
    )
    story.claim(
        """Every name stands as the register writes it (combining accents composed, each run of
        blanks made one), under an address of its own, in ASCII.""",
        f"{READ} '(supannEtuId=*)' supannEtuId sn givenName mail",
        lambda ran: _all_named(ran.entries, expected),
        shows=_named_lines,
        limit=40,
    )
    story.claim(
        "Homonyms are told apart, and the lecturer keeps what was hers before.",
        f"{READ} '(mail=lea.martin*)' mail",
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
        f"{READ} '(uid=lmartin)' entryCSN",
        lambda ran: ran.value("entryCSN") == story.lecturer != "",
    )
    story.claim(
        "One enrolment is still pending: no account.",
        f"{READ} '(supannEtuId={ALIX})' 1.1",
        lambda ran: ran.status == 0 and not ran.entries,
    )
    story.claim(
        "Of the provisional passwords the directory holds argon2id hashes only.",
        f"{READ} '(supannEtuId=*)' userPassword",
        lambda ran: _hashes(ran) == len(expected),
        shows=lambda ran: [f"{_hashes(ran)} times {{ARGON2}}$argon2id$v=19$m=19456,t=2,p=1$..."],
    )
    story.claim(
        "Not even scolpass's own account is given them to read.",
        f"ldapsearch -x -LLL -D cn=scolpass,ou=services,{SUFFIX} -y directory.password "
        f"-b {dn(ISIL)} uid userPassword",
        lambda ran: ran.value("uid") == f"e{ISIL}" and not ran.value("userPassword"),
    )
    end = f"{story.year + 1}1231"
    story.claim(
        f"Every account has its cutoff from the first day on: 31 December {story.year + 1}.",
        f"{READ} '(supannEtuId=*)' supannRessourceEtatDate",
        lambda ran: (
            len(ran.entries) == len(expected)
            and all(e["supannRessourceEtatDate"][0].endswith(f":{end}") for e in ran.entries)
        ),
        limit=4,
    )


def _all_named(entries: Sequence[Entry], expected: dict[str, Row]) -> bool:
    found = {entry.get("supannEtuId", [""])[0]: entry for entry in entries}
    locals_ = [entry.get("mail", [""])[0].removesuffix(f"@{DOMAIN}") for entry in entries]
    return (
        found.keys() == expected.keys()
        and len(set(locals_)) == len(locals_)
        and all(re.fullmatch(r"[a-z0-9][a-z0-9.-]{0,62}[a-z0-9]", one) for one in locals_)
        and all(_as_expected(found[number], row) for number, row in expected.items())
    )


def _as_expected(entry: Entry, row: Row) -> bool:
    first, last = names_of(row)
    named = entry.get("givenName", [""]) == [first] and entry.get("sn") == [last]
    return named and row["address"] in ("", entry["mail"][0].removesuffix(f"@{DOMAIN}"))


def _named_lines(ran: Ran) -> list[str]:
    """One line a student, for the eye."""
    lines = []
    shown = {f"226{number:05}" for number in _SHOWN}
    for entry in sorted(ran.entries, key=lambda e: e["supannEtuId"]):
        if entry["supannEtuId"][0] in shown:
            first, last, mail = (entry.get(n, [""])[0] for n in ("givenName", "sn", "mail"))
            last = last if len(last) <= 40 else f"{last[:24]}... ({len(last)} characters)"
            lines.append(f"{first} {last}".lstrip() + f": {mail.partition('@')[0]}@")
    return [*lines, f"and {len(ran.entries) - len(lines)} more"]


def _hashes(ran: Ran) -> int:
    hashed = "{ARGON2}$argon2id$v=19$m=19456,t=2,p=1$"
    return sum(e.get("userPassword", [""])[0].startswith(hashed) for e in ran.entries)
