"""The definition of the directory: what slapd made of it, and what it makes for others."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

import pytest
from ldap3 import BASE, MODIFY_ADD, NONE, SAFE_SYNC, Connection, Server

from connector.core.peers import LOOPBACK, clauses
from connector.core.roles import Role
from connector.errors import DirectoryUntrusted, UsageError
from connector.openldap import sandbox as sandboxes
from connector.openldap.definition import (
    SCHEMAS,
    config_ldif,
    definition_values,
    hash_secret,
    required_indexes,
    tree_ldif,
)
from connector.openldap.existing import existing_directory_ldif
from connector.openldap.names import Names
from connector.openldap.sandbox import Sandbox, with_uris
from connector.resources import deploy_folder, example_configuration
from tests.support.processes import end, serving

pytestmark = pytest.mark.image

SUCCESS = 0
CONSTRAINT = 19


class Directory(Protocol):
    uri: str
    suffix: str
    people_dn: str
    admin_dn: str
    admin_password: str
    service_dn: str
    service_password: str


Connect = Callable[[str, str], Connection]


@pytest.fixture
def connect(directory: Directory) -> Iterator[Connect]:
    opened: list[Connection] = []

    def connect(dn: str, password: str) -> Connection:
        server = Server(directory.uri, get_info=NONE)
        connection = Connection(server, dn, password, client_strategy=SAFE_SYNC)
        assert connection.bind()[0]
        opened.append(connection)
        return connection

    yield connect
    for connection in opened:
        connection.unbind()


@pytest.fixture
def service(directory: Directory, connect: Connect) -> Connection:
    return connect(directory.service_dn, directory.service_password)


@pytest.fixture
def admin(directory: Directory, connect: Connect) -> Connection:
    return connect(directory.admin_dn, directory.admin_password)


def student(number: str, **other: Any) -> dict[str, Any]:
    return {
        "objectClass": ["inetOrgPerson", "eduPerson", "supannPerson", "scolpassAccount"],
        "supannEtuId": number,
        "sn": "Martin",
        "cn": "Martin Léa",
    } | other


def add(connection: Connection, directory: Directory, uid: str, entry: dict[str, Any]) -> int:
    dn = f"uid={uid},{directory.people_dn}"
    return int(connection.add(dn, attributes=entry)[1]["result"])


def read(connection: Connection, dn: str) -> dict[str, list[str]]:
    response = connection.search(dn, "(objectClass=*)", BASE, attributes=["*", "+"])[2]
    raw: dict[str, list[bytes]] = response[0]["raw_attributes"]
    return {name: [value.decode() for value in values] for name, values in raw.items()}


class TestTheSchema:
    def test_every_attribute_and_class_of_the_files_is_known_to_slapd(
        self, admin: Connection
    ) -> None:
        schema = read(admin, "cn=Subschema")
        known = " ".join(schema["attributeTypes"] + schema["objectClasses"])
        text = "".join((deploy_folder() / f"schema/{name}.ldif").read_text() for name in SCHEMAS)
        declared = re.findall(r"NAME '(\w+)'", text.replace("\n ", ""))
        assert len(declared) == 66 + 6 + 16 + 1 + 1 + 1
        assert [name for name in declared if f"'{name}'" not in known] == []

    def test_a_charter_is_one_version_and_one_time(
        self, directory: Directory, service: Connection
    ) -> None:
        charter = "2026 2026-10-01T07:00:00Z"
        assert add(service, directory, "e1", student("1", scolpassCharter=charter)) == SUCCESS
        dn = f"uid=e1,{directory.people_dn}"
        assert service.compare(dn, "scolpassCharter", charter)[1]["result"] == 6  # compareTrue
        more = {"scolpassCharter": [(MODIFY_ADD, ["2027 2027-10-01T07:00:00Z"])]}
        assert service.modify(dn, more)[1]["result"] == CONSTRAINT


class TestThePolicies:
    def test_the_provisional_one_locks_for_good_and_the_default_one_does_not(
        self, directory: Directory, service: Connection
    ) -> None:
        provisional = read(service, f"cn=provisional,ou=policies,{directory.suffix}")
        default = read(service, f"cn=default,ou=policies,{directory.suffix}")
        assert provisional["pwdMaxFailure"] == ["5"]
        assert provisional["pwdLockoutDuration"] == ["0"]
        assert "pwdMaxAge" not in provisional
        assert default["pwdLockoutDuration"] == default["pwdFailureCountInterval"] == ["900"]
        assert default["pwdMaxFailure"] == ["10"]
        for policy in (provisional, default):
            assert policy["pwdLockout"] == ["TRUE"]
            assert policy["pwdCheckQuality"] == ["2"]
            assert policy["pwdMinLength"] == ["8"]
            # Without it slapd does not ask for pwdReset at all.
            assert policy["pwdMustChange"] == ["TRUE"]

    def test_there_is_a_policy_for_whoever_has_none_named(
        self, directory: Directory, connect: Connect, admin: Connection
    ) -> None:
        entry = student("1", userPassword="motdepasse1", pwdReset="TRUE")
        assert add(admin, directory, "e1", entry) == SUCCESS
        dn = f"uid=e1,{directory.people_dn}"
        answer = connect(dn, "motdepasse1").search(dn, "(objectClass=*)", BASE)
        assert answer[1]["result"] == 50  # only her password may be changed


class TestUniqueness:
    @pytest.mark.parametrize("attribute", ["uid", "mail", "supannEtuId", "supannAutreMail"])
    def test_a_second_entry_with_the_same_value_is_refused(
        self, directory: Directory, service: Connection, attribute: str
    ) -> None:
        assert add(service, directory, "e1", student("1", mail="a@b.fr")) == SUCCESS
        values: dict[str, dict[str, Any]] = {
            "uid": {"uid": ["e2", "E1"]},
            "mail": {"mail": "A@B.fr"},
            "supannEtuId": {"supannEtuId": "1"},
            "supannAutreMail": {"mail": "c@b.fr"},
        }
        taken = values[attribute]
        if attribute == "supannAutreMail":
            old = {"supannAutreMail": [(MODIFY_ADD, ["c@b.fr"])]}
            dn = f"uid=e1,{directory.people_dn}"
            assert service.modify(dn, old)[1]["result"] == SUCCESS
        assert add(service, directory, "e2", student("2") | taken) == CONSTRAINT

    def test_of_two_adds_at_the_same_moment_one_is_refused(
        self, directory: Directory, connect: Connect
    ) -> None:
        connections = [connect(directory.service_dn, directory.service_password) for _ in range(2)]
        for round_ in range(40):
            together = threading.Barrier(2)
            results: list[int] = []

            def try_it(
                number: int,
                round_: int = round_,
                together: threading.Barrier = together,
                results: list[int] = results,
            ) -> None:
                entry = student(f"{round_}x{number}", mail=f"same{round_}@b.fr")
                together.wait()
                results.append(add(connections[number], directory, f"e{round_}x{number}", entry))

            threads = [threading.Thread(target=try_it, args=(number,)) for number in range(2)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert sorted(results) == [SUCCESS, CONSTRAINT]


class TestTheFormatOfAState:
    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("{COMPTE}I:SupannCree:20261001:20271231", SUCCESS),
            ("{COMPTE}I:SupannExpire:20280101:", SUCCESS),
            ("{COMPTE}A:SupannActif::20261231", SUCCESS),
            ("{COMPTE}A:::", SUCCESS),
            ("{COMPTE}A:SupannActif:2026-10-01:20271231", CONSTRAINT),
            ("{COMPTE}A:SupannActif:20261001", CONSTRAINT),
            ("COMPTE A:SupannActif:20261001:20271231", CONSTRAINT),
            ("{COMPTE}A:SupannActif:20261001:20271231:", CONSTRAINT),
            ("{COMPTE}A:SupannActif:20261001:20271231\n", CONSTRAINT),
        ],
    )
    def test_is_kept_by_slapd(
        self, directory: Directory, service: Connection, value: str, expected: int
    ) -> None:
        entry = student("1", supannRessourceEtatDate=value)
        assert add(service, directory, "e1", entry) == expected


class TestTheConfiguration:
    def test_is_the_definitions(self, directory: Directory, admin: Connection) -> None:
        response = admin.search("cn=config", "(objectClass=*)", attributes=["*"])
        live: dict[str, list[str]] = {}
        for entry in response[2]:
            for name, values in entry["raw_attributes"].items():
                live.setdefault(name, []).extend(
                    re.sub(r"^\{\d+\}", "", value.decode()) for value in values
                )
        for name in ("olcModuleLoad", "olcUniqueURI", "olcConstraintAttribute", "olcDbIndex"):
            meant = {
                value.replace("@PEOPLE_URL@", directory.people_dn)
                for value in definition_values(name)
            }
            assert meant <= set(live[name]), name
        assert live["olcPasswordHash"] == ["{ARGON2}"]
        assert int(live["olcDbMaxSize"][0]) >= 2**30
        assert len(live["olcAccess"]) == len(definition_values("olcAccess"))


class TestFillingItIn:
    names = Names.under("dc=example,dc=org")

    def test_leaves_no_word_between_at_signs(self) -> None:
        texts = [
            config_ldif(self.names, admin_hash="{SSHA}x", data="data"),
            tree_ldif(self.names, service_hash="{SSHA}x"),
            *existing_directory_ldif(self.names, service_hash="{SSHA}x").values(),
        ]
        for text in texts:
            assert re.findall(r"@[A-Z_]+@", text) == []

    def test_the_shell_and_python_know_the_same_words(self) -> None:
        templates = "".join(
            (deploy_folder() / name).read_text() for name in ("config.ldif", "tree.ldif")
        )
        shell = (deploy_folder() / "entrypoint.sh").read_text()
        words = set(re.findall(r"@([A-Z_]+)@", templates))
        assert words == set(re.findall(r"^s\|@([A-Z_]+)@", shell, re.MULTILINE))
        other = {"SCHEMA", "SYSTEM_SCHEMA", "MODULES", "DATA", "ADMIN_HASH", "SERVICE_HASH"}
        other |= set(clauses(LOOPBACK))
        assert words == set(self.names.values()) | other

    @pytest.mark.parametrize(
        "suffix",
        [
            'dc=a"b',
            "dc=a\nb",
            "dc=a@SUFFIX@",
            "dc=a\\2cb",
            "dc=a b ",
            "dc= a",
            "x",
            "",
            "dc=a,,dc=b",
        ],
    )
    def test_refuses_a_name_that_would_mean_more_than_itself(self, suffix: str) -> None:
        with pytest.raises(UsageError):
            Names.under(suffix)

    def test_takes_the_names_of_a_configuration(self) -> None:
        names = Names.of(
            "ou=étudiants,ou=people,dc=univ-x,dc=fr",
            "cn=scolpass,ou=apps,dc=univ-x,dc=fr",
            "cn=prov,ou=ppolicies,dc=univ-x,dc=fr",
        )
        assert names.suffix == "dc=univ-x,dc=fr"
        tree = existing_directory_ldif(names, service_hash="{SSHA}x")["5-tree.ldif"]
        assert "dn: cn=prov,ou=ppolicies,dc=univ-x,dc=fr\n" in tree
        assert "pwdPolicySubentry: cn=service,ou=ppolicies,dc=univ-x,dc=fr\n" in tree
        assert "dn: ou=étudiants" not in tree
        assert "dn: dc=univ-x" not in tree

    def test_a_suffix_without_dc_is_what_the_names_have_in_common(self) -> None:
        names = Names.of("ou=p,o=Univ,c=fr", "cn=s,ou=a,o=Univ,c=fr", "cn=v,ou=b,o=Univ,c=fr")
        assert names.suffix == "o=Univ,c=fr"

    def test_the_indexes_cover_what_is_unique_and_what_is_asked(self) -> None:
        indexes = required_indexes()
        unique = {value.split("?")[1] for value in definition_values("olcUniqueURI")}
        assert unique == {"uid", "mail", "supannEtuId"}
        asked = unique | {"supannAliasLogin", "eduPersonPrincipalName", "pwdReset"}
        assert all("eq" in indexes[name] for name in asked | {"supannRessourceEtat"})

    def test_a_secret_is_hashed_with_a_salt(self) -> None:
        assert hash_secret("x").startswith("{SSHA}")
        assert hash_secret("x") != hash_secret("x")


class OldDirectory:
    """A directory as Debian's package makes it: everybody reads, and everyone writes her entry."""

    CONFIG = """\
dn: cn=config
objectClass: olcGlobal
cn: config

dn: cn=module{{0}},cn=config
objectClass: olcModuleList
cn: module{{0}}
olcModulePath: /usr/lib/ldap
olcModuleLoad: back_mdb

dn: cn=schema,cn=config
objectClass: olcSchemaConfig
cn: schema

include: file:///etc/ldap/schema/core.ldif

include: file:///etc/ldap/schema/cosine.ldif

include: file:///etc/ldap/schema/nis.ldif

include: file:///etc/ldap/schema/inetorgperson.ldif

dn: olcDatabase={{-1}}frontend,cn=config
objectClass: olcDatabaseConfig
objectClass: olcFrontendConfig
olcDatabase: {{-1}}frontend

dn: olcDatabase={{0}}config,cn=config
objectClass: olcDatabaseConfig
olcDatabase: {{0}}config
olcAccess: to * by dn.exact={root} manage by * break

dn: olcDatabase={{1}}mdb,cn=config
objectClass: olcDatabaseConfig
objectClass: olcMdbConfig
olcDatabase: {{1}}mdb
olcSuffix: dc=old,dc=fr
olcRootDN: {root}
olcDbDirectory: {folder}/data
olcDbIndex: objectClass eq
olcDbIndex: cn,uid eq
olcAccess: to attrs=userPassword by self write by anonymous auth by * none
olcAccess: to * by self write by * read
"""
    TREE = """\
dn: dc=old,dc=fr
objectClass: organization
objectClass: dcObject
o: Old
dc: old

dn: ou=people,dc=old,dc=fr
objectClass: organizationalUnit
ou: people

dn: uid=durand,ou=people,dc=old,dc=fr
objectClass: inetOrgPerson
uid: durand
cn: Durand
sn: Durand
userPassword: motdepasse1
"""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        root = f"gidNumber={os.getgid()}+uidNumber={os.getuid()},cn=peercred,cn=external,cn=auth"
        (folder / "data").mkdir()
        (folder / "slapd.d").mkdir()
        config = self.CONFIG.format(root=root, folder=folder)
        for number, ldif in enumerate((config, self.TREE)):
            command = ["slapadd", "-n", str(number), "-F", str(folder / "slapd.d")]
            subprocess.run(command, input=ldif, text=True, check=True)
        self.uri = "ldapi://" + quote(str(folder / "ldapi"), safe="")
        self.slapd = serving(
            ["slapd", "-F", folder / "slapd.d", "-h", self.uri, "-d", "none"],
            lambda: self.run("ldapwhoami", "-x", "", ())[0] != 255,
            folder / "log",
        )

    def run(self, tool: str, how: str, ldif: str, options: tuple[str, ...]) -> tuple[int, str]:
        done = subprocess.run(
            [tool, *how.split(), "-H", self.uri, *options],
            input=ldif,
            text=True,
            capture_output=True,
            check=False,
        )
        return done.returncode, done.stderr

    def modify(self, ldif: str, dn: str | None = None, password: str = "") -> int:
        """Apply LDIF as root, or as somebody; slapd's answer."""
        if dn is None:
            return self.run("ldapmodify", "-Q -Y EXTERNAL -c", ldif, ())[0]
        return self.run("ldapmodify", "-x", ldif, ("-D", dn, "-w", password))[0]


@pytest.fixture
def old(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OldDirectory]:
    directory = OldDirectory(tmp_path_factory.mktemp("old"))
    yield directory
    end(directory.slapd)


class TestADirectoryThatAlreadyStands:
    names = Names.under("dc=old,dc=fr")
    student_dn = "uid=e1,ou=people,dc=old,dc=fr"
    student = f"""\
dn: {student_dn}
changetype: add
objectClass: inetOrgPerson
objectClass: supannPerson
objectClass: scolpassAccount
uid: e1
cn: Martin
sn: Martin
supannEtuId: 1
userPassword: {{SSHA}}4rFZk1MGxVYTxZgbz4ZZZfJBFQhpc2FsdA==
pwdReset: TRUE
pwdEndTime: 20991231230000Z
"""

    def test_takes_the_files_of_init_in_their_order(self, old: OldDirectory) -> None:
        files = existing_directory_ldif(
            self.names,
            service_hash=hash_secret("secret"),
            origins=(str(old.folder / "ldapi"),),  # the way that this test goes
        )
        assert list(files) == sorted(files)
        for name, ldif in files.items():
            status, said = old.run("ldapmodify", "-Q -Y EXTERNAL -a -c", ldif, ())
            assert status == 0, (name, said)

        service, secret = self.names.service_dn, "secret"
        assert old.modify(self.student, service, secret) == SUCCESS
        # The service account is kept from staff, and a student from her own state, although the
        # directory's own rule says "self write"; what that rule gives her else, it still gives.
        change = "dn: {}\nchangetype: modify\nreplace: {}\n{}\n"
        staff = "uid=durand,ou=people,dc=old,dc=fr"
        assert old.modify(change.format(staff, "sn", "sn: X"), service, secret) == 50
        assert old.modify(change.format(staff, "sn", "sn: X"), staff, "motdepasse1") == SUCCESS
        password = change.format(
            self.student_dn, "userPassword", "userPassword: " + hash_secret("own-password")
        )
        assert old.modify(password, service, secret) == SUCCESS
        mine = (self.student_dn, "own-password")
        for name in ("pwdReset", "pwdEndTime"):
            assert old.modify(change.format(self.student_dn, name, "-"), *mine) == 50
        free = change.format(self.student_dn, "pwdReset", "-")
        assert old.modify(free, service, secret) == SUCCESS
        for name in ("pwdEndTime", "supannEtuId", "mail"):
            assert old.modify(change.format(self.student_dn, name, "-"), *mine) == 50
        phone = change.format(self.student_dn, "telephoneNumber", "telephoneNumber: 1")
        assert old.modify(phone, *mine) == SUCCESS


class TestASandbox:
    def run(self, tool: str, sandbox: Sandbox, dn: str, password: str, ldif: str = "") -> str:
        """What one of OpenLDAP's tools prints, as somebody whose password is in a file."""
        who = ["-D", dn, "-y", str(sandbox.folder / password)]
        branch = ["-b", sandbox.names.people_dn] if tool == "ldapsearch" else []
        return subprocess.run(
            [tool, "-x", "-H", sandbox.uri, *who, *branch],
            input=ldif,
            text=True,
            capture_output=True,
            check=True,
        ).stdout

    def test_goes_on_with_its_data_secrets_and_edited_configuration(self, tmp_path: Path) -> None:
        with Sandbox.prepare(tmp_path) as sandbox:
            secrets = {
                name: (tmp_path / name).read_text()
                for name in ("admin.password", "directory.password", "scolpass.key")
            }
            entry = (
                f"dn: uid=e1,{sandbox.names.people_dn}\nobjectClass: inetOrgPerson\n"
                "objectClass: supannPerson\ncn: M\nsn: M\nsupannEtuId: 1\n"
            )
            self.run("ldapadd", sandbox, sandbox.names.service_dn, "directory.password", entry)
        edited = sandbox.config.read_text() + "\n# mine\n"
        sandbox.config.write_text(edited.replace("valid_days = 90", "valid_days = 30"))
        # Everything in the folder is relative to it.
        moved = tmp_path.rename(tmp_path.with_name("moved elsewhere"))
        with Sandbox.prepare(moved) as again:
            assert {name: (moved / name).read_text() for name in secrets} == secrets
            configuration = tomllib.loads(again.config.read_text())
            assert configuration["directory"]["uris"] == [again.uri]
            assert configuration["password"]["provisional"]["valid_days"] == 30
            assert again.config.read_text().endswith("# mine\n")
            found = self.run("ldapsearch", again, again.admin_dn, "admin.password")
            assert "supannEtuId: 1\n" in found

    def test_a_slapd_that_answers_nobody_is_started_again(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sandboxes, "_PATIENCE", (0.5, 30.0))
        folder, programs = tmp_path / "sandbox", tmp_path / "bin"
        prepared = Sandbox.prepare(folder)
        programs.mkdir()
        deaf = programs / "slapd"
        deaf.write_text(
            f"#!/bin/sh\nif mkdir {programs}/once 2>/dev/null; then exec sleep 60; fi\n"
            f'exec {shutil.which("slapd", path="/usr/sbin:/usr/local/sbin")} "$@"\n'
        )
        deaf.chmod(0o755)
        monkeypatch.setenv("PATH", str(programs), prepend=os.pathsep)
        with prepared as sandbox:
            assert (programs / "once").exists()
            found = self.run("ldapsearch", sandbox, sandbox.admin_dn, "admin.password")
            assert f"dn: {sandbox.names.people_dn}" in found
        assert not sandbox.running

    def test_a_slapd_that_never_answers_is_stopped_and_named(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sandboxes, "_PATIENCE", (0.2, 0.2))
        sandbox = Sandbox.prepare(tmp_path / "sandbox")
        programs = tmp_path / "bin"
        programs.mkdir()
        (programs / "slapd").write_text("#!/bin/sh\nexec sleep 60\n")
        (programs / "slapd").chmod(0o755)
        monkeypatch.setenv("PATH", str(programs), prepend=os.pathsep)
        with pytest.raises(DirectoryUntrusted, match="did not answer in time"):
            sandbox.start()
        assert not sandbox.running

    def test_has_the_example_as_its_configuration_with_another_address(
        self, tmp_path: Path
    ) -> None:
        sandbox = Sandbox.prepare(tmp_path, suffix="dc=example,dc=org")
        example = tomllib.loads(example_configuration())
        made = tomllib.loads(sandbox.config.read_text())
        assert made["directory"].pop("uris") == [sandbox.uri]
        assert made["directory"].pop("people_dn") == "ou=people,dc=example,dc=org"
        assert "ca_file" not in made["directory"]
        for key in ("uris", "people_dn", "bind_dn"):
            example["directory"].pop(key)
            made["directory"].pop(key, None)
        example["password"]["provisional"].pop("policy_dn")
        made["password"]["provisional"].pop("policy_dn")
        assert made["console"].pop("signin") == ["ldap"]  # the sandbox has operators to try it with
        assert example["console"].pop("signin") == []
        assert made == example

    def test_has_an_operator_of_each_role(self, tmp_path: Path) -> None:
        with Sandbox.prepare(tmp_path) as sandbox:
            for role in Role:
                dn = f"uid={role},ou=operators,{sandbox.names.suffix}"
                password = str(sandbox.operators_password_file)
                signed_in = subprocess.run(
                    ["ldapwhoami", "-x", "-H", sandbox.uri, "-D", dn, "-y", password],
                    capture_output=True,
                    text=True,
                    check=True,
                )
                assert signed_in.stdout.strip() == f"dn:{dn}"

    def test_leaves_no_secret_for_others_to_read(self, tmp_path: Path) -> None:
        folder = tmp_path / "new"
        Sandbox.prepare(folder)
        assert folder.stat().st_mode & 0o077 == 0
        for path in folder.iterdir():
            if path.name not in ("directory", "spool"):
                assert path.stat().st_mode & 0o177 == 0, path

    def test_is_alone_on_its_folder_even_if_its_starter_is_gone(self, tmp_path: Path) -> None:
        code = (
            "import os, sys, pathlib; from connector.openldap.sandbox import Sandbox;"
            "s = Sandbox.prepare(pathlib.Path(sys.argv[1])); s.start(); print(s.pid, flush=True);"
            "os._exit(1)"
        )
        starter = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)],
            cwd=deploy_folder().parent.parent,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        slapd = int(starter.stdout)
        try:
            with pytest.raises(UsageError, match=f"already running .*process {slapd}"):
                Sandbox.prepare(tmp_path)
        finally:
            os.kill(slapd, signal.SIGKILL)

    def test_says_that_the_port_is_taken(self, tmp_path: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            with pytest.raises(UsageError, match=f"port {port}"):
                Sandbox.prepare(tmp_path, port).start()

    def test_that_does_not_start_gives_slapds_last_words(self, tmp_path: Path) -> None:
        sandbox = Sandbox.prepare(tmp_path)
        (tmp_path / "directory/data").rename(tmp_path / "directory/gone")
        with pytest.raises(DirectoryUntrusted, match="did not start.*It said: olcDbDirectory: "):
            sandbox.start()
        assert not sandbox.running

    def test_that_was_cut_short_while_it_was_made_is_made_anew(self, tmp_path: Path) -> None:
        Sandbox.prepare(tmp_path)
        (tmp_path / "directory/slapd.d").rename(tmp_path / "directory/making")
        with Sandbox.prepare(tmp_path) as sandbox:
            assert sandbox.running

    def test_survives_a_crash_and_a_hang(self, tmp_path: Path) -> None:
        with Sandbox.prepare(tmp_path) as sandbox:
            sandbox.kill()
            with pytest.raises(DirectoryUntrusted, match="ended by itself"):
                sandbox.check_alive()
            sandbox.restart()
            sandbox.kill(signal.SIGSTOP)
        assert not sandbox.running

    def test_runs_a_copy_of_slapd_where_a_profile_is_tied_to_its_path(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        profile = tmp_path / "usr.sbin.slapd"
        profile.touch()
        monkeypatch.setattr("connector.openldap.sandbox.APPARMOR_PROFILE", profile)
        with Sandbox.prepare(tmp_path / "new") as sandbox:
            running = Path(f"/proc/{sandbox.pid}/exe").readlink()
        assert running == tmp_path / "new/slapd"

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ('uris = ["ldap://a"]', "uris = NEW"),
            ('uris=["ldap://[::1]", "x]"]  # why', "uris = NEW  # why"),
            ('uris = [\n  "ldap://a",  # ]\n  "b",\n]\nbind_dn = "x"', 'uris = NEW\nbind_dn = "x"'),
            ('bind_dn = "x"', 'uris = NEW\nbind_dn = "x"'),
        ],
    )
    def test_renews_the_address_and_no_other_line(self, before: str, after: str) -> None:
        frame = '[a]\nuris = ["mine"]\n[directory] # here\n{}\n\n[directory.more]\nuris = ["no"]\n'
        expected = frame.format(after).replace("NEW", '["ldap://127.0.0.1:1"]')
        assert with_uris(frame.format(before), ["ldap://127.0.0.1:1"]) == expected
