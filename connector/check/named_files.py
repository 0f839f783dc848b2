"""What the configuration names must be of the right kind: a file, or a folder.

Checked before the daemon starts, so that a mistake is reported at once, by its key, and not when
the first student meets it, and so that nothing hangs while reading it.
"""

from __future__ import annotations

import glob
from collections.abc import Iterator
from pathlib import Path

from connector.core.languages import LANGUAGES
from connector.edges.database.url import database_file
from connector.errors import ConfigurationError
from connector.settings.plain_files import kind_of, read_plain
from connector.settings.sections import FileSource, Settings

TEXTS = ("letters", "mail", "charter")  # folders beside the configuration, with texts of one's own


def see_named_files(settings: Settings) -> None:
    """Make sure that files and folders exist and are of the right kind, except secrets.

    What comes and goes (the register, the spool, the journal) may be absent.

    Raises:
        ConfigurationError: one of them is not, each named with its key.
    """
    mistakes = list(_mistakes(settings))
    if mistakes:
        said = mistakes[0] if len(mistakes) == 1 else "\n  ".join(["paths:", *mistakes])
        raise ConfigurationError(
            said, "Name what is meant, or take the key out; `scolpass check` looks at all of them."
        )


def _mistakes(settings: Settings) -> Iterator[str]:
    if settings.directory.ca_file is not None:
        yield from _read("directory.ca_file", settings.directory.ca_file)
    for key in ("logo", "favicon"):
        named = getattr(settings.institution, key)
        if named:
            yield from _read(f"institution.{key}", settings.file.parent / named)
    yield from _folder("events.spool.path", settings.events.spool.path)
    if isinstance(settings.source, FileSource):
        for name in sorted(glob.glob(settings.source.path)):  # noqa: PTH207 - absolute
            yield from _file("source.path", Path(name))
    database = database_file(settings.journal.url.get_secret_value())
    if database is not None and database.name:
        yield from _file("journal.url", database)
    for name in TEXTS:
        yield from _texts(name, settings.file.parent / name)


def _read(key: str, path: Path) -> Iterator[str]:
    """A file that must exist and not be empty."""
    try:
        if not read_plain(path, 1):
            yield f"{key}: {path} is empty"
    except OSError as error:
        yield f"{key}: {path} cannot be read: {error.strerror}"


def _file(key: str, path: Path) -> Iterator[str]:
    """A plain file, or nothing yet."""
    try:
        kind = kind_of(path.stat().st_mode)
    except FileNotFoundError:
        return
    except OSError as error:
        yield f"{key}: {path} cannot be looked at: {error.strerror}"
        return
    if kind is not None:
        yield f"{key}: {path} is {kind}, and a file is meant"


def _folder(key: str, path: Path) -> Iterator[str]:
    """A folder, or nothing yet; a dangling link is a mistake."""
    try:
        kind = kind_of(path.stat().st_mode)
    except FileNotFoundError:
        if path.is_symlink():
            yield f"{key}: {path} is a link that leads nowhere"
        return
    except OSError as error:
        yield f"{key}: {path} cannot be looked at: {error.strerror}"
        return
    if kind != "a folder":
        yield f"{key}: {path} is {kind or 'a file'}, and a folder is meant"


def _texts(name: str, folder: Path) -> Iterator[str]:
    """An institution's own texts: the shipped ones are used only if the folder does not exist."""
    wrong = list(_folder(f"{name}/", folder))
    yield from wrong
    if wrong or not folder.is_dir():
        return
    if name == "charter":
        for language in LANGUAGES:
            yield from _read(f"{name}/", folder / f"{language}.txt")
        return
    for path in sorted(folder.rglob("*")):
        if not path.is_dir():
            yield from _file(f"{name}/", path)
