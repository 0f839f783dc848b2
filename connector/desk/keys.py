"""A new key for sealing provisional passwords, with every sealed password resealed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from connector.clock import instant
from connector.edges.files import replaced
from connector.edges.journal import Resealed, chunks
from connector.edges.sealing import Sealer, new_key
from connector.errors import EntryError, UsageError
from connector.settings.secrets import find_secret, read_secret
from connector.walk.context import Context

TOGETHER = 500  # sealed passwords in one transaction


@dataclass(frozen=True, slots=True)
class Rotated:
    """What became of a rotation."""

    run: int
    file: Path  # the key file
    keys: int  # in the file now, including the new one
    sealed: int  # passwords that are sealed under the new key
    lost: tuple[str, ...]  # numbers of students whose sealed password no key opens

    @property
    def exit_status(self) -> int:
        """1 if a sealed password cannot be opened, else 0."""
        return 1 if self.lost else 0


def rotate(context: Context, reason: str) -> Rotated:
    """Put a new key first in the key file, and reseal every password with it.

    The caller holds the write lock. The earlier keys stay in the file, after the new one, so every
    sealed password can be opened at any moment. If it is cut short, it can be called again: then
    there is one more key, and the remaining passwords are sealed with that.

    Raises:
        UsageError: the key file cannot be replaced; nothing was changed.
        ConfigurationError: the key file cannot be used.
        JournalUntrusted: the journal cannot be read or written.
    """
    journal, settings = context.journal, context.settings
    file = settings.keys.file
    _see_that_it_is_a_file(file)
    run = journal.begin_run("keys rotate", context.actor, reason, scope=(), at=context.moment.now)
    replaced(file, f"{new_key()}\n{read_secret(file).get_secret_value()}\n".encode())
    keys = settings.sealing_keys()  # as they are in the file now
    sealer = Sealer(keys)
    done, lost = 0, set()
    for some in chunks(journal.sealed_rows(), TOGETHER):
        anew = []
        for one in some:
            try:
                anew.append(Resealed(one, sealer.rotate(one.ciphertext)))
            except EntryError:
                lost.add(one.student_number)
        journal.reseal(anew)
        done += len(anew)
    text = f"a new key; {done} passwords were resealed"
    journal.record(run, "rotate", f"{text}: {reason}", actor=context.actor, at=instant())
    found = Rotated(run, file, len(keys), done, tuple(sorted(lost)))
    journal.end_run(run, at=instant(), exit_status=found.exit_status)
    return found


def _see_that_it_is_a_file(file: Path) -> None:
    """Raise UsageError if the keys come from a systemd credential."""
    found = find_secret(file)
    if found is not None and found != file:
        raise UsageError(
            f"the keys come from the systemd credential {found}, which is a copy",
            "Name the file that LoadCredential= names: "
            "SCOLPASS_KEYS__FILE=/path/of/the/file scolpass keys rotate",
        )
