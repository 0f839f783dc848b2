"""Sealed provisional passwords: until when each is valid, and the sealed text."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from sys import intern

import sqlalchemy as sa

from connector.core.model import Sealed
from connector.core.packed import shared
from connector.edges.journal.rows import day_of
from connector.edges.journal.store import Store, rows_of
from connector.edges.journal.tables import sealed


@dataclass(frozen=True, slots=True)
class SealedRow:
    """One sealed password as it lies in the journal."""

    student_number: str
    slot: str  # "live" is in the directory; "next" was drawn for a change that is not concluded
    ciphertext: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Resealed:
    """A sealed password, and the same one under another key."""

    row: SealedRow
    ciphertext: bytes = field(repr=False)


class Seals(Store):
    """The sealed passwords in the journal."""

    def sealed(self, numbers: Collection[str] | None = None) -> dict[str, Sealed]:
        """The accounts that have a recoverable provisional password in the directory."""
        query = sa.select(sealed.c.student_number, sealed.c.last_day, sealed.c.printable).where(
            sealed.c.slot == "live"
        )
        with self._reading("reading the sealed passwords") as connection:
            return {
                intern(row.student_number): shared(Sealed(day_of(row.last_day), row.printable))
                for row in rows_of(connection, query, sealed.c.student_number, numbers)
            }

    def ciphertexts(self, numbers: Collection[str], slot: str) -> dict[str, bytes]:
        """Sealed passwords themselves: those in the directory ("live") or pending ("next")."""
        query = sa.select(sealed.c.student_number, sealed.c.ciphertext).where(sealed.c.slot == slot)
        with self._reading("reading the sealed passwords") as connection:
            return {
                row.student_number: row.ciphertext
                for row in rows_of(connection, query, sealed.c.student_number, numbers)
            }

    def sealed_rows(self) -> list[SealedRow]:
        """Every sealed password, in the order of the student numbers."""
        query = sa.select(sealed.c.student_number, sealed.c.slot, sealed.c.ciphertext).order_by(
            sealed.c.student_number, sealed.c.slot
        )
        with self._reading("reading the sealed passwords") as connection:
            return [SealedRow(*row) for row in connection.execute(query)]

    def reseal(self, resealed: Sequence[Resealed]) -> None:
        """Store the same passwords, sealed with another key; rows changed meanwhile stay."""
        if not resealed:
            return
        change = (
            sa.update(sealed)
            .where(
                sealed.c.student_number == sa.bindparam("number"),
                sealed.c.slot == sa.bindparam("its_slot"),
                sealed.c.ciphertext == sa.bindparam("before"),
            )
            .values(ciphertext=sa.bindparam("after"))
        )
        rows = [
            {
                "number": one.row.student_number,
                "its_slot": one.row.slot,
                "before": one.row.ciphertext,
                "after": one.ciphertext,
            }
            for one in resealed
        ]
        with self._writing("sealing passwords anew") as connection:
            connection.execute(change, rows)
