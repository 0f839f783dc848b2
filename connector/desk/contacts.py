"""Lists for other systems: the contact addresses of students, for Izly and others.

They are made from the journal; the register is not read.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from types import SimpleNamespace

from connector.core.addresses import refused_address
from connector.core.cells import harmless
from connector.core.feed import identity
from connector.core.model import Enrolment, Known
from connector.edges.journal import Journal

HEADER = ("student_number", "login", "family_name", "first_name", "birth_date", "contact")


def write_contacts(journal: Journal, write: Callable[[bytes], object]) -> int:
    """Write a CSV (RFC 4180, UTF-8, with a header) of all accounts that have not ended.

    They come in the order of their student numbers as text, one at a time out of the journal.

    Returns:
        The number of accounts.

    Raises:
        JournalUntrusted: the journal cannot be read.
    """
    rows_as_text = SimpleNamespace(write=lambda text: write(text.encode()))
    writer = csv.writer(rows_as_text, lineterminator="\r\n")
    writer.writerow(HEADER)
    count = 0
    for number, known, rows in _with_rows(journal):
        writer.writerow([harmless(cell) for cell in contact_row(number, known, rows)])
        count += 1
    return count


def contact_row(number: str, known: Known, rows: Sequence[Enrolment]) -> tuple[str, ...]:
    """What the list says of one account: see :data:`HEADER`."""
    who = identity(rows) if rows else None
    return (
        number,
        known.address,
        who.family_name if who else "",
        who.first_name if who else "",
        who.birth_date.isoformat() if who else "",
        contact(rows) or known.address,
    )


def contact(rows: Sequence[Enrolment]) -> str | None:
    """The address given to messervices.etudiant.gouv.fr: the latest usable one in the register."""
    with_one = [row for row in rows if refused_address(row.contact_email, ()) is None]
    return identity(with_one).contact_email if with_one else None


def _with_rows(journal: Journal) -> Iterator[tuple[str, Known, list[Enrolment]]]:
    """Accounts that have not ended, each with its remembered rows; both flow in the same order."""
    by_student = groupby(journal.enrolments(), key=lambda row: row.student_number)
    latest: tuple[str, list[Enrolment]] | None = None
    for number, known in journal.live_accounts():
        while latest is None or latest[0] < number:
            found = next(by_student, None)
            if found is None:
                break
            latest = found[0], list(found[1])
        yield number, known, latest[1] if latest and latest[0] == number else []
