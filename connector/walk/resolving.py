"""Whom a number, uid, login or address names."""

from __future__ import annotations

from connector.core import catalogue
from connector.core.model import Feed
from connector.core.spelling import cleaned
from connector.errors import NotManaged, UnknownStudent
from connector.walk.context import Context
from connector.walk.register import read_few


def resolve(
    context: Context, identifier: str, feed: Feed | None = None, *, directory: bool = True
) -> str:
    """The student number that a number, uid, login or address names.

    ``feed``: the register, if it has been read already. Without ``directory``, the directory is
    asked only if the journal knows nobody, for commands that do not need it otherwise.

    Raises:
        UnknownStudent: nobody, or more than one.
        NotManaged: entries without a student number, and nobody else.
    """
    text = cleaned(identifier)
    if not text.isprintable():  # no database accepts it, and no name contains it
        raise UnknownStudent(f"{identifier!r} is not a number, uid, login or address")
    journal = context.journal
    meant = set(journal.accounts([text]))
    meant.update(row.student_number for row in journal.enrolments([text]))
    by_identifier = journal.account_by_identifier(text)
    if by_identifier is not None:
        meant.add(by_identifier)
    if not meant or directory:
        context.connect()
        numbers = set(context.directory.numbers_of(context.tree, text))
        if text in numbers:  # further numbers on that entry are a conflict, not another meaning
            own = context.directory.accounts_of(context.tree, [text])
            numbers -= {n for one in own for n in one.every_number} - {text}
        meant |= numbers
    if feed is not None and (text in feed.students or text in feed.spoiled):
        meant.add(text)
    if len(meant) == 1:
        return meant.pop()
    if meant:
        raise UnknownStudent(
            f"{identifier} names several students: {', '.join(sorted(meant))}",
            "Name one of them by an address, or by another number or uid of that student.",
        )
    feed = feed or read_few(context, [text], context.moment.today)
    if text in feed.students or text in feed.spoiled:
        return text
    dns = context.directory.holders(context.tree, catalogue.IDENTIFIERS, text)
    if dns:
        raise NotManaged(
            f"{identifier} is the uid or an address of {'; '.join(dns)}, which scolpass does not "
            "manage: it has no student number (supannEtuId)",
            "If a student has this account, have the number written into the entry: the next sync "
            "takes it over; else ask those who look after the entry.",
            tuple(dns),
        )
    raise UnknownStudent(
        f"nobody has the student number, uid, login or address {identifier}",
        "Check how it is written in the register; `scolpass history` knows former students.",
    )
