"""`scolpass init`, as an administrator uses it: on a directory as Debian's package makes it."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from connector.openldap import init
from connector.openldap.definition import hash_secret
from connector.openldap.ports import answers
from connector.openldap.tailoring import records
from connector.resources import deploy_folder, example_configuration
from tests.support.ports import free_port
from tests.support.processes import end, serving
from tests.support.walk import YEAR

SUFFIX = "dc=univ-test,dc=fr"
ADMIN_PASSWORD = "admin-password"
DEBIAN = Path("/usr/share/slapd/slapd.init.ldif")
ROOT = Path(__file__).resolve().parents[2]
TREE = f"""\
dn: {SUFFIX}
objectClass: organization
objectClass: dcObject
o: Université
dc: univ-test

dn: ou=people,{SUFFIX}
objectClass: organizationalUnit
ou: people

dn: uid=durand,ou=people,{SUFFIX}
objectClass: inetOrgPerson
uid: durand
cn: Durand
sn: Durand
mail: noe.durand@etu.univ-test.fr
userPassword: motdepasse1
"""
Result = subprocess.CompletedProcess[str]


class DebianDirectory:
    """slapd with the configuration that Debian's package begins with, its paths moved here."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.uri = f"ldap://127.0.0.1:{self.port}"
        self.ldapi = "ldapi://" + quote(str(folder / "ldapi"), safe="")
        (folder / "slapd.d").mkdir()
        (folder / "data").mkdir()
        config = (
            DEBIAN.read_text(encoding="utf-8")
            .replace("@SUFFIX@", SUFFIX)
            .replace("@PASSWORD@", hash_secret(ADMIN_PASSWORD))
            .replace("/var/lib/ldap", str(folder / "data"))
            .replace("/var/run/slapd", str(folder))
            .replace("gidNumber=0+uidNumber=0", f"gidNumber={os.getgid()}+uidNumber={os.getuid()}")
        )
        for number, ldif in enumerate((config, TREE)):
            subprocess.run(
                ["slapadd", "-n", str(number), "-F", str(folder / "slapd.d")],
                input=ldif,
                text=True,
                check=True,
                capture_output=True,
            )
        self.slapd = serving(
            ["slapd", "-F", folder / "slapd.d", "-h", f"{self.uri} {self.ldapi}", "-d", "none"],
            lambda: answers(self.port),
            folder / "log",
        )

    def configuration(self) -> str:
        """What `slapcat -n 0` prints, but for what moves by itself."""
        done = subprocess.run(
            ["slapcat", "-n", "0", "-F", str(self.folder / "slapd.d")],
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    def environment(self, secret: Path) -> dict[str, str]:
        """What the script `apply` is told of this server."""
        return {
            "LDAPI_URI": self.ldapi,
            "SLAPD_CONFIG": str(self.folder / "slapd.d"),
            "ADMIN_PASSWORD_FILE": str(secret),
        }

    def modify(self, ldif: str) -> None:
        """Change its configuration as root."""
        subprocess.run(
            ["ldapmodify", "-a", "-Q", "-Y", "EXTERNAL", "-H", self.ldapi],
            input=ldif,
            text=True,
            check=True,
            capture_output=True,
        )

    def stop(self) -> None:
        end(self.slapd)


@pytest.fixture
def debian(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DebianDirectory]:
    directory = DebianDirectory(tmp_path_factory.mktemp("debian"))
    yield directory
    directory.stop()


def scolpass(folder: Path, *args: str) -> Result:
    """The real command, in a folder."""
    environment = {"COLUMNS": "200", "NO_COLOR": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", "connector", *args],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


def tree(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Every file below a folder, with its content and mode."""
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mode & 0o777)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def next_commands(done: Result) -> list[str]:
    """What `init` tells the administrator to type."""
    lines = [line.strip() for line in done.stdout.splitlines()]
    return [line.split(". ", 1)[1] for line in lines if line[:3] in ("1. ", "2. ", "3. ")]


class TestOnADirectoryAsDebianMakesIt:
    def test_what_it_says_to_type_makes_check_green_and_a_sync_work(
        self, tmp_path: Path, debian: DebianDirectory
    ) -> None:
        if not DEBIAN.exists():
            pytest.fail(f"{DEBIAN} is not there: install Debian's slapd")
        done = scolpass(
            tmp_path, "init", "--suffix", SUFFIX, "--name", "Université", "--uai", "0340001X",
            "--uri", debian.uri,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        secret = tmp_path / "admin.password"
        secret.write_text(ADMIN_PASSWORD)
        commands = next_commands(done)
        assert len(commands) == 3
        # Typed as they stand; the environment says where this test's server is.
        before_looking = debian.configuration()
        for command in commands[:2]:
            typed = subprocess.run(
                ["bash", "-c", command],
                check=False,
                capture_output=True,
                text=True,
                timeout=240,
                env={**os.environ, **debian.environment(secret)},
            )
            assert typed.returncode == 0, typed.stderr
            if command.endswith("--look"):
                assert debian.configuration() == before_looking
        check = shlex.split(commands[2])
        assert check[0] == "scolpass"
        (tmp_path / "config/enrolments.csv").write_text(
            "COD_ETU;family_name;first_name;birth_date;academic_year\n"
            f"22600001;Martin;Léa;29/02/2008;{YEAR}\n22600002;Durand;Noé;01/03/2007;{YEAR}\n",
            encoding="utf-8",
        )

        before = scolpass(tmp_path, *check[1:])
        assert before.returncode == 0, before.stdout
        assert "wrong" not in before.stdout
        # ./config/scolpass.toml is one of the places where a configuration is looked for.
        assert scolpass(tmp_path, "sync").returncode == 0
        after = scolpass(tmp_path, "check")
        assert after.returncode == 0, after.stdout
        assert "all 33 attributes of ours can be changed" in after.stdout
        again = scolpass(tmp_path, "sync")
        assert "Nothing to do" in again.stdout

        found = subprocess.run(
            ["ldapsearch", "-LLL", "-x", "-H", debian.uri, "-b", SUFFIX, "(supannEtuId=*)", "mail"],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        # A homonym of somebody who stood there already gets a number.
        assert "mail: lea.martin@etu.univ-test.fr" in found
        assert "mail: noe.durand01@etu.univ-test.fr" in found

    def test_its_configuration_is_the_example_with_the_values_given(self, tmp_path: Path) -> None:
        done = scolpass(
            tmp_path, "init", "--dir", "made", "--suffix", SUFFIX, "--name", 'L\'"Université"',
            "--uai", "0340001X", "--mail-domain", "etudiant.univ-test.fr",
            "--uri", "ldap://ldap1.univ-test.fr", "--uri", "ldap://ldap2.univ-test.fr",
            "--people-dn", f"ou=étudiants,ou=people,{SUFFIX}",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        text = (tmp_path / "made/scolpass.toml").read_text(encoding="utf-8")
        made, example = tomllib.loads(text), tomllib.loads(example_configuration())
        assert made["institution"]["name"] == 'L\'"Université"'
        assert made["institution"]["own_domains"] == ["univ-test.fr", "etudiant.univ-test.fr"]
        assert made["directory"]["uris"] == [
            "ldap://ldap1.univ-test.fr",
            "ldap://ldap2.univ-test.fr",
        ]
        # Elsewhere than on this machine nothing goes in clear.
        assert made["directory"]["starttls"] is True
        assert made["directory"]["people_dn"] == f"ou=étudiants,ou=people,{SUFFIX}"
        assert "umontpellier" not in text
        assert {k: set(v) for k, v in made.items()} == {k: set(v) for k, v in example.items()}
        assert text.count("#") == example_configuration().count("#")


def older_supann() -> str:
    """SUPANN as it was before 2018, with an attribute that the university has put into it."""
    (ours,) = records((deploy_folder() / "schema/supann.ldif").read_text())
    later = {
        "supannRessourceEtat", "supannRessourceEtatDate", "supannMailPrive",
        "supannNomDeNaissance", "supannOIDCDateDeNaissance", "supannOIDCGenre",
        "supannFCSub", "supannFCPerson", "supannCMS", "supannGroupe",
    }  # fmt: skip
    lines = [f"dn: {ours.dn}"]
    for name, value in ours.lines:
        named = re.search(r"NAME '(\w+)'", value)
        if named is None or named[1] not in later:
            lines.append(f"{name}: {value}")
    text = "\n".join(lines) + "\n"
    for attribute in later:
        text = re.sub(rf"\$ {attribute}\b|\b{attribute} \$", "", text)
    return text.replace("MAY ( supannListeRouge", "MAY ( roomNumber $ supannListeRouge")


DATABASE = "olcDatabase={1}mdb,cn=config"


def own_policy() -> str:
    return (
        "dn: cn=module{0},cn=config\nchangetype: modify\nadd: olcModuleLoad\n"
        "olcModuleLoad: ppolicy.so\nolcModuleLoad: unique\n\n"
        f"dn: olcOverlay=ppolicy,{DATABASE}\nchangetype: add\nobjectClass: olcOverlayConfig\n"
        "objectClass: olcPPolicyConfig\nolcOverlay: ppolicy\n"
        f"olcPPolicyDefault: cn=default,ou=policies,{SUFFIX}\n\n"
        f"dn: olcOverlay=unique,{DATABASE}\nchangetype: add\nobjectClass: olcOverlayConfig\n"
        "objectClass: olcUniqueConfig\nolcOverlay: unique\nolcUniqueURI: serialize ldap:///?uid?sub\n"
    )


def own_indexes() -> str:
    return (
        f"dn: {DATABASE}\nchangetype: modify\nadd: olcDbIndex\nolcDbIndex: mail,sn pres,sub\n"
        "olcDbIndex: entryCSN eq\n"
    )


# Servers as they stand at universities; whether the files for any server can be applied to them.
SERVERS: dict[str, tuple[Callable[[], str] | None, bool]] = {
    "as Debian's package configures it": (None, True),
    "with an older SUPANN": (older_supann, False),
    "with a policy overlay of its own": (own_policy, False),
    "with indexes of its own": (own_indexes, False),
}


@pytest.mark.parametrize("server", SERVERS)
class TestNothingIsAppliedByHalves:
    def init(self, folder: Path, debian: DebianDirectory, *options: str) -> Path:
        done = scolpass(folder, "init", "--suffix", SUFFIX, "--uri", debian.uri, *options)
        assert done.returncode == 0, done.stderr
        return folder / "config/openldap"

    def apply(self, folder: Path, debian: DebianDirectory, secret: Path) -> Result:
        return subprocess.run(
            ["sh", str(folder / "apply")],
            env={**os.environ, **debian.environment(secret)},
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )

    def test_files_for_any_server_are_applied_whole_or_leave_it_as_it_is(
        self, tmp_path: Path, debian: DebianDirectory, server: str
    ) -> None:
        prepared, taken = SERVERS[server]
        if prepared is not None:
            debian.modify(prepared())
        secret = tmp_path / "admin.password"
        secret.write_text(ADMIN_PASSWORD)
        before = debian.configuration()
        done = self.apply(self.init(tmp_path, debian), debian, secret)
        assert (done.returncode == 0) is taken, done.stderr
        if not taken:
            assert "Nothing was applied" in done.stderr
            assert "cannot be applied whole" in done.stderr
            assert debian.configuration() == before

    def test_files_made_for_the_server_give_it_what_it_lacks(
        self, tmp_path: Path, debian: DebianDirectory, server: str
    ) -> None:
        prepared, _ = SERVERS[server]
        if prepared is not None:
            debian.modify(prepared())
        secret = tmp_path / "admin.password"
        secret.write_text(ADMIN_PASSWORD)
        dump = tmp_path / "server.ldif"
        dump.write_text(debian.configuration())
        folder = self.init(tmp_path, debian, "--server-config", str(dump))
        done = self.apply(folder, debian, secret)
        assert done.returncode == 0, done.stdout + done.stderr
        (tmp_path / "config/enrolments.csv").write_text(
            "COD_ETU;family_name;first_name;birth_date;academic_year\n"
            f"22600001;Martin;Léa;29/02/2008;{YEAR}\n",
            encoding="utf-8",
        )
        check = scolpass(tmp_path, "check", "--json")
        trouble = [
            one
            for one in json.loads(check.stdout)["findings"]
            if one["verdict"] in ("wrong", "warning")
        ]
        # As shipped, no mail leaves, and nobody hears of trouble.
        assert [one["area"] for one in trouble] == ["alerts"]
        assert check.returncode == 0
        assert scolpass(tmp_path, "sync").returncode == 0
        # What the server had is there still.
        if prepared is older_supann:
            assert "roomNumber ) )" in debian.configuration().replace("\n ", "") or (
                "roomNumber $" in debian.configuration().replace("\n ", "")
            )
        # Made again for the server as it is now, there is nothing left to do but the tree.
        dump.write_text(debian.configuration())
        again = tmp_path / "again"
        again.mkdir()
        left = self.init(again, debian, "--server-config", str(dump))
        assert sorted(path.name for path in left.glob("*.ldif")) == ["5-tree.ldif"]
        whole = self.apply(left, debian, secret)
        assert whole.returncode == 0, whole.stderr
        assert whole.stdout.count("stands already") == 6


class TestTheFiles:
    def test_secrets_are_closed_to_others_whatever_the_umask(self, tmp_path: Path) -> None:
        subprocess.run(
            ["bash", "-c", 'umask 000; exec "$0" -m connector init --dir made', sys.executable],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            check=True,
            capture_output=True,
        )
        files = tree(tmp_path / "made")
        for name in ("scolpass.key", "directory.password", "openldap/5-tree.ldif"):
            assert files[name][1] == 0o600, name
        assert all(mode & 0o022 == 0 for _, mode in files.values())
        password = files["directory.password"][0]
        others = [content for name, (content, _) in files.items() if name != "directory.password"]
        assert not any(password in content for content in others)

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to a group")
    def test_what_root_makes_in_the_services_folder_the_service_can_read_and_not_write(
        self, tmp_path: Path
    ) -> None:
        """As deploy/systemd/README.md installs it: /etc/scolpass is root's, and of its group."""
        group = 12345
        made = tmp_path / "made"
        made.mkdir(mode=0o750)
        os.chown(made, 0, group)
        assert scolpass(tmp_path, "init", "--dir", "made").returncode == 0
        for path in made.iterdir():
            if path.is_file():
                status = path.stat()
                owned = (status.st_uid, status.st_gid, status.st_mode & 0o777)
                assert owned == (0, group, 0o640), path
        assert (made / "openldap/5-tree.ldif").stat().st_mode & 0o777 == 0o600
        assert (made / "openldap/5-tree.ldif").stat().st_gid != group

    def test_in_the_units_folder_the_configuration_names_the_folder_that_it_may_write_to(
        self, tmp_path: Path
    ) -> None:
        unit = (deploy_folder().parent / "systemd/scolpass.service").read_text(encoding="utf-8")
        assert "SCOLPASS_CONFIG=/etc/scolpass/scolpass.toml" in unit
        assert "WorkingDirectory=/var/lib/scolpass" in unit
        for folder, state in ((Path("/etc/scolpass"), "/var/lib/scolpass/"), (tmp_path, "")):
            text = init.configuration(init.Requested(), folder)
            made = tomllib.loads(text)
            assert made["journal"]["url"] == f"sqlite:///{state}journal.db"
            assert made["events"]["spool"]["path"] == f"{state}spool"

    def test_a_second_time_finds_its_own_work_and_changes_nothing(self, tmp_path: Path) -> None:
        assert scolpass(tmp_path, "init").returncode == 0
        before = tree(tmp_path)
        done = scolpass(tmp_path, "init")
        assert done.returncode == 0
        assert "written" not in done.stdout
        assert tree(tmp_path) == before

    def test_what_was_lost_is_made_again_for_the_secrets_that_stand(self, tmp_path: Path) -> None:
        assert scolpass(tmp_path, "init").returncode == 0
        before = tree(tmp_path)
        (tmp_path / "config/scolpass.toml").unlink()
        (tmp_path / "config/openldap/4-config.ldif").unlink()
        assert scolpass(tmp_path, "init").returncode == 0
        assert tree(tmp_path) == before

    def test_nothing_is_overwritten_and_nothing_half_done(self, tmp_path: Path) -> None:
        folder = tmp_path / "config"
        folder.mkdir()
        (folder / "scolpass.toml").write_text("# mine\n")
        before = tree(tmp_path)
        done = scolpass(tmp_path, "init")
        assert done.returncode == 2
        assert str(folder / "scolpass.toml") in done.stderr
        assert tree(tmp_path) == before

    def test_an_edited_file_is_in_the_way_and_the_key_stays(self, tmp_path: Path) -> None:
        assert scolpass(tmp_path, "init").returncode == 0
        before = tree(tmp_path)
        done = scolpass(tmp_path, "init", "--suffix", "dc=other,dc=fr")
        assert done.returncode == 2
        assert "scolpass.toml" in done.stderr
        assert "scolpass.key" not in done.stderr
        assert tree(tmp_path) == before

    @pytest.mark.parametrize(
        ("options", "word"),
        [
            (("--uai", "12"), "institution.uai"),
            (("--mail-domain", "not a domain"), "institution.mail_domain"),
            (("--suffix", 'dc="x'), "dc="),
            (("--people-dn", "ou=people,dc=elsewhere"), "does not lie under"),
            (("--uri", "http://x"), "directory.uris"),
        ],
    )
    def test_a_value_that_cannot_be_used_is_named_and_nothing_written(
        self, tmp_path: Path, options: tuple[str, ...], word: str
    ) -> None:
        done = scolpass(tmp_path, "init", *options)
        assert done.returncode == 2
        assert word in done.stderr
        assert "Traceback" not in done.stderr
        assert list(tmp_path.iterdir()) == []
