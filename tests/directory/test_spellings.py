"""A DN has many spellings: whichever the configuration has, the directory's own is used."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ldap3.core.exceptions import LDAPNoSuchObjectResult, LDAPOperationResult
from ldap3.utils.conv import escape_filter_chars
from pydantic import SecretStr

from connector.core.dn import below, is_below, is_named, parent, rdn_of, same_dn
from connector.edges.ldap.reading import Directory
from connector.settings.sections import Directory as Settings
from tests.support import directory as support
from tests.support.walk import Walk, actions, student

OIDS = {"ou": "2.5.4.11", "dc": "0.9.2342.19200300.100.1.25", "description": "2.5.4.13"}
Avas = list[tuple[str, str]]

# RDNs, as their attributes and values; the branch lies under the suffix.
BRANCHES: list[Avas] = [
    [("ou", "Étudiants")],
    [("ou", "Élèves, anciens et nouveaux")],
    [("ou", "a+b=c;d<e>f")],
    [("ou", '"cited" \\ and #not')],
    [("ou", "#begins"), ("description", "Zone 1")],
    [("ou", "Two  blanks")],
    [("ou", "straße")],
]


def put(directory: support.Directory, avas: Avas, base: str) -> str:
    """The branch, with an address of its own that is written without any escape trick."""
    dn = "+".join(below(name, value, "").rstrip(",") for name, value in avas) + f",{base}"
    attributes = {name: [value] for name, value in avas}
    with directory.connect() as admin:
        admin.add(dn, ["organizationalUnit"], attributes)
    return dn


@st.composite
def spelled(draw: st.DrawFn, avas: Avas, base: str) -> str:
    """One of the spellings of an entry that lies under ``base``."""
    blank = st.sampled_from(["", "", " ", "  "])

    def ava(name: str, value: str) -> str:
        kind = draw(st.sampled_from([name, name.upper(), name.title(), OIDS[name]]))
        text = unicodedata.normalize("NFD" if draw(st.booleans()) else "NFC", value)
        cased = "".join(draw(st.sampled_from([s, _other_case(s)])) for s in text)
        characters = []
        for place, character in enumerate(cased):
            octets = "".join(f"\\{octet:02x}" for octet in character.encode())
            edge = place in (0, len(cased) - 1)
            ways = [octets, octets.upper()]
            if character in ',+"\\<>;=' or (character in "# " and edge):
                ways.append("\\" + character)
            else:
                ways += [character] * 4
            characters.append(draw(st.sampled_from(ways)))
        return f"{kind}{draw(blank)}={draw(blank)}{''.join(characters)}"

    order = draw(st.permutations(avas))
    rdns = ["+".join(ava(*one) for one in order)]
    for part in base.split(","):
        name, _, value = part.partition("=")
        rdns.append(ava(name, value))
    return ",".join(draw(blank) + rdn + draw(blank) for rdn in rdns).strip()


def _other_case(character: str) -> str:
    swapped = character.swapcase()
    return swapped if len(swapped) == 1 and swapped.lower() == character.lower() else character


@contextmanager
def connected(directory: support.Directory) -> Iterator[Directory]:
    settings_ = Settings(
        uris=(directory.uri,),
        bind_dn=directory.service_dn,
        people_dn=directory.people_dn,
        bind_password_file=Path("/unused"),
    )
    opened = Directory(settings_, SecretStr(directory.service_password))
    try:
        yield opened
    finally:
        opened.release()


def test_every_spelling_is_brought_to_the_directorys_own(directory: support.Directory) -> None:
    made = [(avas, put(directory, avas, directory.suffix)) for avas in BRANCHES]
    names = directory.entries("(objectClass=organizationalUnit)", base=directory.suffix)

    with connected(directory) as opened, directory.connect() as admin:

        @settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
        @given(st.data())
        def each(data: st.DataObject) -> None:
            avas, dn = data.draw(st.sampled_from(made))
            spelling = data.draw(spelled(avas, directory.suffix))
            own = opened.spelled(spelling)
            assert own in names
            assert sorted(rdn_of(own)) == sorted(avas)
            # Without slapd's help, all but the attributes' own names.
            if not any(oid in spelling for oid in OIDS.values()):
                assert same_dn(spelling, own)
            assert is_below(f"uid=e1,{spelling}", spelling)
            assert not is_below(spelling, own)
            _, other = data.draw(st.sampled_from(made))
            asked = f"(entryDN={escape_filter_chars(spelling)})"
            admin.search(other, asked, "BASE")
            assert bool(admin.entries) is (other == dn)
            assert same_dn(own, opened.spelled(other)) is (other == dn)

        each()


def test_what_is_not_there_stays_as_it_is_written(directory: support.Directory) -> None:
    with connected(directory) as opened:
        assert opened.spelled(f"ou=Nowhere,{directory.suffix}") == f"ou=Nowhere,{directory.suffix}"
        with directory.connect() as admin:
            admin.add(f"ou=nowhere,{directory.suffix}", ["organizationalUnit"])
        assert opened.spelled(f"ou=Nowhere,{directory.suffix}") == f"ou=nowhere,{directory.suffix}"


@pytest.mark.parametrize("value", ["a,b", "#x", " x ", "x+y", 'q"q', "back\\slash", "é", "a=b;c"])
def test_a_value_becomes_a_name_that_slapd_reads_back(
    directory: support.Directory, value: str
) -> None:
    dn = below("uid", value, directory.people_dn)
    with directory.connect() as admin:
        try:
            admin.add(dn, ["account"])
        except LDAPOperationResult as error:
            pytest.fail(str(error))
    [found] = directory.entries("(objectClass=account)")
    assert is_named(found, "uid", value)
    assert same_dn(parent(found), directory.people_dn)
    assert is_below(found, directory.people_dn)


ALIKE: tuple[str, ...] = (
    "straße strasse STRASSE STRAßE",
    "ﬁn fin",
    "İz iz Iz ız",
    "Å \u212b A\u030a å",
    "ẞ ß ss",
)
ALIKE += ("Σ σ ς", "ſ s S", "Ǆ ǅ ǆ dž", "ŉ ʼn", "Ⅷ viii", "Ö o\u0308 oe")


@pytest.mark.parametrize("alike", ALIKE)
def test_two_names_are_one_exactly_where_slapd_says_so(
    directory: support.Directory, alike: str
) -> None:
    names = [below("ou", word, directory.suffix) for word in alike.split()]
    with directory.connect() as admin:
        for one in names:
            admin.add(one, ["organizationalUnit"])
            for other in names:
                try:
                    admin.search(other, "(objectClass=*)", "BASE", attributes=["1.1"])
                    found = True
                except LDAPNoSuchObjectResult:
                    found = False
                assert same_dn(one, other) is found, (one, other)
            admin.delete(one)


def test_an_escaped_comma_makes_nothing_lie_below() -> None:
    assert not is_below("uid=x\\,ou=people,dc=fr", "ou=people,dc=fr")
    assert not is_below("ou=people,dc=fr", "ou=people,dc=fr")
    assert is_below("uid=x,ou=2026,ou=people,dc=fr", "OU=People, DC=fr")


PEOPLE = [
    "ou=PEOPLE,dc=Umontpellier,dc=FR",
    "ou = people , dc = umontpellier , dc = fr",
    "OU=peo\\70le,dc=umontpellier,dc=fr",
    "2.5.4.11=people,0.9.2342.19200300.100.1.25=umontpellier,dc=fr",
]


@pytest.mark.parametrize("people_dn", PEOPLE)
def test_a_branch_that_is_spelled_otherwise_is_the_same(walk: Walk, people_dn: str) -> None:
    own = walk.directory.names
    elsewhere = people_dn.partition(",")[2]
    walk.workspace.configure(
        {
            "directory": {"people_dn": people_dn},
            "password": {"provisional": {"policy_dn": f"CN = Provisional,ou=Policies,{elsewhere}"}},
        }
    )
    rows = [student("22600001"), student("22600002", "Zoé")]
    walk.synced(rows)
    walk.writes_nothing()
    assert {one["dn"][0] for one in walk.people().values()} == {
        f"uid=e{number},{own.people_dn}" for number in ("22600001", "22600002")
    }
    assert walk.resync("22600001").report.outcomes == ()
    with walk.context() as opened:
        assert opened.journal.accounts()["22600001"].dn == f"uid=e22600001,{own.people_dn}"
    # Under another spelling it is the same journal, and the same accounts.
    walk.workspace.configure({"directory": {"people_dn": own.people_dn}})
    walk.writes_nothing()
    assert actions(walk.plan()) == []
    seen = walk.workspace.json("check", status=None)["findings"]
    assert not [one for one in seen if "not under" in one["seen"]]


ACCOUNT = [
    "CN=Scolpass,OU=Services,DC=umontpellier,DC=fr",
    "cn = scolpass , ou = services , dc = umontpellier , dc = fr",
    "cn=scol\\70ass,ou=services,dc=umontpellier,dc=fr",
    "2.5.4.3=scolpass,2.5.4.11=services,dc=umontpellier,dc=fr",
]


@pytest.mark.parametrize("bind_dn", ACCOUNT)
def test_check_finds_the_same_of_an_account_that_is_spelled_otherwise(
    walk: Walk, bind_dn: str
) -> None:
    walk.synced([student("22600001")])
    usual = walk.workspace.json("check", status=None)["findings"]
    walk.workspace.configure({"directory": {"bind_dn": bind_dn}})
    found = walk.workspace.json("check", status=None)["findings"]

    def verdicts(findings: list[dict[str, str]]) -> list[tuple[str, str]]:
        return [(one["area"], one["verdict"]) for one in findings]

    assert verdicts(found) == verdicts(usual), [one for one in found if one not in usual]


def test_a_policy_that_another_tool_spelled_otherwise_is_the_same(walk: Walk) -> None:
    walk.synced([student("22600001")])
    dn = walk.person("22600001")["dn"][0]
    value = f"CN=Provisional, OU=Policies, {walk.directory.suffix.upper()}"
    with walk.directory.connect() as admin:
        admin.modify(dn, {"pwdPolicySubentry": [("MODIFY_REPLACE", [value])]})
    walk.writes_nothing()


def test_a_branch_that_is_not_there_is_named_as_it_is_written(walk: Walk) -> None:
    walk.workspace.configure({"directory": {"people_dn": f"ou=Nobody,{walk.directory.suffix}"}})
    walk.workspace.write_register([student("22600001")])
    done = walk.workspace.scolpass("sync")
    assert done.returncode == 4
    assert f"ou=Nobody,{walk.directory.suffix} is not on" in done.stderr
    with pytest.raises(LDAPNoSuchObjectResult), walk.directory.connect() as admin:
        admin.search(f"ou=Nobody,{walk.directory.suffix}", "(objectClass=*)", "BASE")
