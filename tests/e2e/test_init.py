"""`scolpass init`, as an administrator uses it: on a directory as Debian's package makes it."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.openldap import init
from connector.resources import deploy_folder, example_configuration
from tests.support.foreign import SUFFIX, DebianDirectory
from tests.support.walk import YEAR

ROOT = Path(__file__).resolve().parents[2]
Result = subprocess.CompletedProcess[str]


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
        done = scolpass(
            tmp_path, "init", "--suffix", SUFFIX, "--name", "Université", "--uai", "0340001X",
            "--uri", debian.uri,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
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
                env={**os.environ, **debian.environment()},
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
