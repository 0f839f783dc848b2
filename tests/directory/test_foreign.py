"""`scolpass init` and `check` on directories that other people have set up.

Files are applied whole, or say what is missing; what the directory had is there still; and the
removal takes out what was put in, so that the configuration is again what it was.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from connector.core import indexes
from connector.openldap.existing import existing_directory_ldif
from connector.openldap.init import CHANGES
from connector.openldap.ldif import bare, records
from connector.openldap.names import Names
from connector.openldap.removal import removal
from tests.support import commands
from tests.support.foreign import (
    DATABASE,
    PEOPLE,
    SERVERS,
    SUFFIX,
    DebianDirectory,
    Result,
    Server,
    loading,
    overlay,
    setting,
)
from tests.support.walk import YEAR

REGISTER = (
    "COD_ETU;family_name;first_name;birth_date;academic_year\n"
    f"22600001;Martin;Léa;29/02/2008;{YEAR}\n"
)


@pytest.fixture
def open_directory(tmp_path: Path) -> Iterator[Callable[[Server], DebianDirectory]]:
    opened: list[DebianDirectory] = []

    def open_it(server: Server) -> DebianDirectory:
        (tmp_path / "server").mkdir()
        opened.append(DebianDirectory(tmp_path / "server", server))
        return opened[-1]

    yield open_it
    for one in opened:
        one.stop()


def scolpass(folder: Path, *args: str) -> Result:
    """The real command, in a folder."""
    environment = {**os.environ, **commands.PLAIN}
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with commands.Forked(args, cwd=folder, env=environment, text=True, **streams) as process:
        stdout, stderr = process.communicate(timeout=240)
    return subprocess.CompletedProcess(args, process.returncode, stdout, stderr)


def init(folder: Path, directory: DebianDirectory, *options: str) -> Path:
    """Have the files made; where they are."""
    folder.mkdir(exist_ok=True)
    done = scolpass(folder, "init", "--suffix", SUFFIX, "--uri", directory.uri, *options)
    assert done.returncode == 0, done.stderr
    return folder / "config/openldap"


def apply(folder: Path, directory: DebianDirectory, *options: str) -> Result:
    """Apply them, as root would."""
    return subprocess.run(
        ["sh", str(folder / "apply"), *options],
        env={**os.environ, **directory.environment()},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


@pytest.mark.parametrize("name", SERVERS)
def test_files_for_any_server_are_applied_whole_or_leave_it_as_it_is(
    tmp_path: Path, open_directory: Callable[[Server], DebianDirectory], name: str
) -> None:
    server = SERVERS[name]
    directory = open_directory(server)
    before = directory.configuration()
    done = apply(init(tmp_path / "any", directory, *server.options), directory)
    assert (done.returncode == 0) is server.takes_any, done.stderr
    if not server.takes_any:
        assert "Nothing was applied" in done.stderr
        assert "cannot be applied whole" in done.stderr
        assert directory.configuration() == before


@pytest.mark.parametrize("name", SERVERS)
def test_files_made_for_the_server_give_it_what_it_lacks(
    tmp_path: Path, open_directory: Callable[[Server], DebianDirectory], name: str
) -> None:
    server = SERVERS[name]
    directory = open_directory(server)
    before = directory.configuration()
    dump = tmp_path / "server.ldif"
    dump.write_text(before, encoding="utf-8")
    told = (*server.options, "--server-config", str(dump))
    made = init(tmp_path / "made", directory, *told)
    done = apply(made, directory)
    assert done.returncode == 0, done.stdout + done.stderr
    # It starts again with what it was given: slapd then reads the schemas one after the other.
    directory.stop()
    directory.start()
    (tmp_path / "made/config/enrolments.csv").write_text(REGISTER, encoding="utf-8")
    check = scolpass(tmp_path / "made", "check", "--json")
    trouble = {
        one["area"]: one["seen"]
        for one in json.loads(check.stdout)["findings"]
        if one["verdict"] in ("wrong", "warning")
    }
    # As shipped, no mail leaves, and nobody hears of trouble.
    assert trouble.keys() == {"alerts", *server.warned_of}, trouble
    assert check.returncode == (1 if server.warned_of else 0)
    synced = scolpass(tmp_path / "made", "resync", "22600001")
    assert synced.returncode == 0, synced.stdout + synced.stderr
    # What it had is there still.
    assert not lost(before, directory.configuration())
    # Made again for the server as it is now, there is nothing left to do but the tree.
    dump.write_text(directory.configuration(), encoding="utf-8")
    left = init(tmp_path / "again", directory, *told)
    assert sorted(path.name for path in left.glob("*.ldif")) == ["5-tree.ldif"]


@pytest.mark.parametrize(
    ("name", "made_for_it"),
    [(name, False) for name, server in SERVERS.items() if server.takes_any]
    + [(name, True) for name in SERVERS],
)
def test_what_was_put_in_is_taken_out_again_and_nothing_else(
    tmp_path: Path,
    open_directory: Callable[[Server], DebianDirectory],
    name: str,
    made_for_it: bool,
) -> None:
    server = SERVERS[name]
    directory = open_directory(server)
    before, content = directory.configuration(), entries(directory)
    dump = tmp_path / "server.ldif"
    dump.write_text(before, encoding="utf-8")
    told = ("--server-config", str(dump)) if made_for_it else ()
    made = init(tmp_path / "made", directory, *server.options, *told)
    assert apply(made, directory).returncode == 0
    assert directory.configuration() != before
    for look in (("--look",), ()):
        done = apply(made, directory, "--remove", *look)
        assert done.returncode == 0, done.stdout + done.stderr
        if look:
            assert entries(directory) != content
    after = directory.configuration()
    assert as_set(after, without=STAYS) == as_set(before, without=STAYS)
    assert not lost(before, after)
    assert entries(directory) == content


FIRST_RULE = f'to dn.children="{PEOPLE}" filter=(&(supannEtuId=*)(pwdReset=TRUE))'
UNIQUE = "olcOverlay={2}unique,olcDatabase={1}mdb,cn=config"


def another_value(directory: DebianDirectory) -> str:
    """Somebody has put a value of their own into an overlay of ours."""
    directory.modify(setting("olcUniqueURI", "ldap:///?employeeNumber?sub", dn=UNIQUE))
    return "olcUniqueURI: ldap:///?employeeNumber?sub"


def rule_changed(directory: DebianDirectory) -> str:
    """Somebody has changed one of our rules."""
    rule = next(
        rule
        for record in records(directory.configuration())
        for rule in record.values("olcAccess")
        if FIRST_RULE in rule
    )
    directory.modify(
        setting("olcAccess", "{0}", how="delete")
        + setting("olcAccess", rule.replace("by self none", "by self read"))
    )
    return "something of it was changed or is gone"


def overlay_gone(directory: DebianDirectory) -> str:
    """Somebody has deleted an overlay of ours."""
    directory.modify(f"dn: {UNIQUE}\nchangetype: delete\n\n")
    return "something of it was changed or is gone"


def not_root(directory: DebianDirectory) -> str:
    """The administrator's password is another."""
    directory.admin_password_file.write_text("wrong", encoding="ascii")
    return "is not let in"


def provisional(directory: DebianDirectory) -> str:
    """A student has a provisional password, which the removal would open everywhere."""
    directory.as_admin(
        "ldapmodify",
        input=f"dn: uid=durand,{PEOPLE}\nchangetype: modify\nadd: pwdReset\npwdReset: TRUE\n",
    )
    return "1 entries match (|(pwdReset=TRUE)(pwdEndTime=*)"


@pytest.mark.parametrize(
    "done_since", [another_value, rule_changed, overlay_gone, not_root, provisional]
)
def test_nothing_is_taken_out_if_more_or_less_would_go_than_was_put_in(
    tmp_path: Path,
    open_directory: Callable[[Server], DebianDirectory],
    done_since: Callable[[DebianDirectory], str],
) -> None:
    directory = open_directory(Server())
    made = init(tmp_path / "made", directory)
    assert apply(made, directory).returncode == 0
    said = done_since(directory)
    before = directory.configuration(), directory.content()
    done = apply(made, directory, "--remove")
    assert done.returncode == 1
    assert said in done.stderr
    assert "Nothing was removed" in done.stderr
    assert (directory.configuration(), directory.content()) == before


def test_what_others_have_built_on_it_stays(
    tmp_path: Path, open_directory: Callable[[Server], DebianDirectory]
) -> None:
    """An overlay before ours, an account beside ours, and a policy that an entry is under."""
    name = "with a password policy of its own"
    directory = open_directory(SERVERS[name])
    dump = tmp_path / "server.ldif"
    dump.write_text(directory.configuration(), encoding="utf-8")
    made = init(tmp_path / "made", directory, "--server-config", str(dump))
    assert apply(made, directory).returncode == 0
    # The overlays after it move up.
    directory.modify(loading("memberof") + overlay("memberof", "olcMemberOf"))
    directory.modify(f"dn: olcOverlay={{1}}syncprov,{DATABASE}\nchangetype: delete\n\n")
    directory.modify(
        overlay("syncprov", "olcSyncProvConfig", "olcSpCheckpoint: 100 10", "olcSpSessionlog: 1000")
    )
    policy = f"cn=provisional,ou=policies,{SUFFIX}"
    directory.as_admin(
        "ldapmodify",
        "-a",
        input=f"dn: cn=portal,ou=services,{SUFFIX}\nobjectClass: organizationalRole\ncn: portal\n\n"
        f"dn: uid=durand,{PEOPLE}\nchangetype: modify\nadd: pwdPolicySubentry\n"
        f"pwdPolicySubentry: {policy}\n-\nadd: pwdReset\npwdReset: TRUE\n",
    )
    refused = apply(made, directory, "--remove")
    assert "1 entries match (pwdReset=TRUE)" in refused.stderr
    done = apply(made, directory, "--remove", "--leave-open")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"stays, as the policy of 1 entries: {policy}" in done.stdout
    assert f"stays, as there are entries below it: ou=services,{SUFFIX}" in done.stdout
    there = entries(directory)
    assert {policy, f"cn=portal,ou=services,{SUFFIX}", f"uid=durand,{PEOPLE}"} <= there.keys()
    assert not {dn for dn in there if dn.startswith(("cn=scolpass,", "cn=service,"))}
    left = {dn for dn in as_set(directory.configuration()) if dn.startswith("olcOverlay=")}
    assert left == {
        f"olcOverlay={one},olcDatabase=mdb,cn=config" for one in ("memberof", "ppolicy")
    }


def test_all_that_is_added_is_in_the_removal(tmp_path: Path) -> None:
    """A rule that comes into the definition is taken out, too."""
    names = Names.under(SUFFIX)
    (changes,) = (
        text
        for name, text in existing_directory_ldif(names, service_hash="").items()
        if name == CHANGES
    )
    deleted = {
        (record.dn, one)
        for record in records(removal(changes))
        for one in record.lines
        if ("changetype", "modify") in record.lines and "delete" in dict(record.lines)
    }
    added = [
        (record.dn, (name, bare(value)))
        for record in records(changes)
        if record.values("changetype") == ["modify"]
        for name, value in record.lines
        if name.startswith("olc") and name != "olcModuleLoad"
    ]
    assert len(added) > 20
    assert set(added) <= deleted


STAYS = ("cn=module", "cn=schema")


def as_set(configuration: str, *, without: tuple[str, ...] = ()) -> dict[str, dict[str, list[str]]]:
    """A configuration entry by entry and attribute by attribute, without what slapd notes itself.

    Numbers in braces are places in a list: entries lose theirs, and values are put in their order.
    """
    found: dict[str, dict[str, list[str]]] = {}
    for record in records(configuration):
        dn = re.sub(r"\{-?\d+\}", "", record.dn)
        if dn.startswith(without) or (dn.endswith(",cn=schema,cn=config") and without):
            continue
        attributes = found.setdefault(dn, {})
        for name in {name for name, _ in record.lines if name.startswith("olc")}:
            values = record.values(name)
            places = [re.match(r"\{(-?\d+)\}", value) for value in values]
            if all(places):
                values.sort(key=lambda value: int(value[1 : value.index("}")]))
            else:
                values.sort()
            attributes[name] = [bare(value) for value in values]
    return found


def lost(before: str, after: str) -> list[str]:
    """What a configuration had and has no more: values, attributes of classes, kinds of index."""
    now = as_set(after)
    classes = [one for each in now.values() for one in each.get("olcObjectClasses", [])]
    words = [set(re.findall(r"\w+", value)) for value in classes]  # wherever they have gone
    gone = []
    for dn, attributes in as_set(before).items():
        for name, values in attributes.items():
            there = now.get(dn, {}).get(name, [])
            if name == "olcObjectClasses":
                kept = [any(set(re.findall(r"\w+", v)) <= one for one in words) for v in values]
            elif name == "olcDbIndex":
                have, had = indexes.parse(there), indexes.parse(values)
                kept = [all(kinds <= have.get(one, set()) for one, kinds in had.items())]
            elif name == "olcPasswordHash":
                continue  # scolpass needs its own while it is there
            else:
                kept = [value in there for value in values]
            if not all(kept):
                gone.append(f"{dn} {name}")
    return gone


def entries(directory: DebianDirectory) -> dict[str, dict[str, list[str]]]:
    """The entries and what they hold, but for what slapd notes itself."""
    itself = ("entryCSN", "modifyTimestamp", "modifiersName", "contextCSN", "pwdChangedTime")
    return {
        record.dn: {name: record.values(name) for name, _ in record.lines if name not in itself}
        for record in records(directory.content())
    }
