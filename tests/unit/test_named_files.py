"""What the configuration names is of the right kind, or refused by its key before anything begins.

A matrix: each key that names a file or a folder, by what may stand there instead.
"""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
import tomli_w

from connector.check.named_files import see_named_files
from connector.errors import ConfigurationError, ScolpassError
from connector.openldap.init import Requested, make
from connector.resources import example_configuration
from connector.settings.loading import load_settings
from connector.settings.plain_files import read_plain
from connector.settings.sections import Settings
from connector.web.first_connection.branding import routes
from connector.web.first_connection.pages import read_charter

pytestmark = pytest.mark.timeout(60)  # whoever waits for a pipe waits for ever


def a_folder(path: Path) -> None:
    path.mkdir()


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def a_link_that_leads_nowhere(path: Path) -> None:
    path.symlink_to(path.with_name("nowhere"))


def a_link_to_itself(path: Path) -> None:
    """As unreadable as a file can be, for root too."""
    path.symlink_to(path.name)


def a_link_to_a_pipe(path: Path) -> None:
    os.mkfifo(path.with_name("pipe"))
    path.symlink_to("pipe")


def an_empty_file(path: Path) -> None:
    path.touch(mode=0o600)


def nothing(path: Path) -> None:
    pass


THINGS = [a_folder, a_pipe, a_link_that_leads_nowhere, a_link_to_itself, a_link_to_a_pipe]
THINGS += [an_empty_file, nothing]

# By key: its value in the configuration, what stands where, and what is taken all the same.
FILES = {
    "directory.ca_file": ("ca.pem", ()),
    "institution.logo": ("logo.png", ()),
    "institution.favicon": ("favicon.ico", ()),
    "source.path": ("rows.csv", (an_empty_file, nothing, a_link_that_leads_nowhere)),
    "journal.url": ("kept.db", (an_empty_file, nothing, a_link_that_leads_nowhere)),
    "charter/": ("charter/fr.txt", ()),
    "letters/": ("letters/fr.typ", (an_empty_file, nothing, a_link_that_leads_nowhere)),
    "mail/": ("mail/fr.txt", (an_empty_file, nothing, a_link_that_leads_nowhere)),
}
FOLDERS = ("events.spool.path", "charter/", "letters/", "mail/")


def configured(folder: Path, key: str, value: str) -> Settings:
    """The example, with one key set to a path in the folder."""
    table = tomllib.loads(example_configuration())
    table["source"]["path"] = "enrolments.csv"
    table["directory"].pop("ca_file", None)
    if not key.endswith("/"):
        section, *more, name = key.split(".")
        within = table.setdefault(section, {})
        for part in more:
            within = within.setdefault(part, {})
        within[name] = f"sqlite:///{value}" if key == "journal.url" else value
    file = folder / "scolpass.toml"
    file.write_text(tomli_w.dumps(table), encoding="utf-8")
    return load_settings(file, {})


def judged(settings: Settings, key: str, path: Path, *, taken: bool) -> None:
    """It is taken, or refused by its key and its path, once."""
    if taken:
        see_named_files(settings)
        return
    with pytest.raises(ConfigurationError) as refused:
        see_named_files(settings)
    assert refused.value.exit_status == 2
    said = [line for line in refused.value.message.splitlines() if f"{key}: {path} " in line]
    assert len(said) == 1, refused.value.message


@pytest.mark.parametrize("key", FILES)
@pytest.mark.parametrize("thing", THINGS)
def test_what_is_no_file_is_refused_by_its_key(
    tmp_path: Path, key: str, thing: Callable[[Path], None]
) -> None:
    value, taken = FILES[key]
    path = tmp_path / value
    path.parent.mkdir(exist_ok=True)
    if key == "charter/":
        (path.parent / "en.txt").write_text("Charter\n\nBe kind.\n", encoding="utf-8")
    thing(path)
    # A folder among templates is one for their parts.
    fine = thing in taken or (key in ("letters/", "mail/") and thing is a_folder)
    judged(configured(tmp_path, key, value), key, path, taken=fine)


@pytest.mark.parametrize("key", FOLDERS)
@pytest.mark.parametrize("thing", THINGS)
def test_what_is_no_folder_is_refused_by_its_key(
    tmp_path: Path, key: str, thing: Callable[[Path], None]
) -> None:
    """Not passed over: students would be shown, and accept, another charter than is meant."""
    path = tmp_path / (key.rstrip("/") if key.endswith("/") else "place")
    thing(path)
    if thing is a_folder and key == "charter/":
        for language in ("fr", "en"):
            (path / f"{language}.txt").write_text("Charter\n\nBe kind.\n", encoding="utf-8")
    judged(configured(tmp_path, key, path.name), key, path, taken=thing in (a_folder, nothing))


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "mail").touch()
    settings = configured(tmp_path, "institution.logo", "gone.png")
    with pytest.raises(ConfigurationError) as refused:
        see_named_files(settings)
    assert "institution.logo: " in refused.value.message
    assert "mail/: " in refused.value.message


# --- whoever reads them waits for nothing ---------------------------------------------------------


@pytest.mark.parametrize("thing", THINGS)
def test_nothing_but_a_plain_file_is_read(tmp_path: Path, thing: Callable[[Path], None]) -> None:
    path = tmp_path / "fr.txt"
    thing(path)
    if thing is an_empty_file:
        assert read_plain(path) == b""
        return
    with pytest.raises(OSError, match=str(path)) as refused:
        read_plain(path)
    assert refused.value.strerror


@pytest.mark.parametrize("thing", THINGS)
def test_a_charter_that_cannot_be_read_is_named(
    tmp_path: Path, thing: Callable[[Path], None]
) -> None:
    thing(tmp_path / "fr.txt")
    with pytest.raises(ConfigurationError, match=r"fr\.txt"):
        read_charter(tmp_path, "fr")


@pytest.mark.parametrize("thing", [one for one in THINGS if one is not an_empty_file])
def test_a_picture_that_cannot_be_read_is_named(
    tmp_path: Path, thing: Callable[[Path], None]
) -> None:
    thing(tmp_path / "logo.png")
    with pytest.raises(ConfigurationError, match=r"institution\.logo: .*logo\.png"):
        routes(configured(tmp_path, "institution.logo", "logo.png"))


@pytest.mark.parametrize("thing", THINGS)
def test_a_configuration_that_is_no_file_is_named(
    tmp_path: Path, thing: Callable[[Path], None]
) -> None:
    path = tmp_path / "scolpass.toml"
    thing(path)
    with pytest.raises(ConfigurationError):
        load_settings(path, {})


# --- init -----------------------------------------------------------------------------------------


def targets() -> list[str]:
    """Where `init` writes."""
    return ["scolpass.toml", "scolpass.key", "directory.password", "openldap", "spool"] + [
        f"openldap/{name}" for name in ("apply", "5-tree.ldif")
    ]


@pytest.mark.parametrize("name", targets())
@pytest.mark.parametrize("thing", [one for one in THINGS if one is not nothing])
def test_init_writes_over_nothing_and_waits_for_nothing(
    tmp_path: Path, name: str, thing: Callable[[Path], None]
) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    thing(path)
    folder = name in ("openldap", "spool") and thing is a_folder
    before = stat.S_IFMT(path.lstat().st_mode)
    if folder:
        make(tmp_path, Requested())
    else:
        with pytest.raises(ScolpassError) as refused:
            make(tmp_path, Requested())
        assert refused.value.exit_status == 2, refused.value
        assert path.name in str(refused.value)
        assert not (tmp_path / "scolpass.toml").exists() or name == "scolpass.toml"
    assert stat.S_IFMT(path.lstat().st_mode) == before
