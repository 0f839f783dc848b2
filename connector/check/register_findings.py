"""The register, read as a sync reads it: what scolpass understands of it, and what it does not.

Neither directory nor journal is needed, so what is told is what a first run would meet: names and
numbers that are refused only while a student has no entry are told as such.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from connector.check.case import Findings, failed
from connector.check.findings import Checkup, Finding, hint, warning, wrong
from connector.clock import read_moment
from connector.core.counting import many
from connector.core.day_formats import best_format
from connector.core.enrolment import clean
from connector.core.feed import assemble, disagreement
from connector.core.headings import INCOMPLETE, Located, locate, squeezed, suggestions
from connector.core.likely import GUESSED, likely
from connector.core.matching import shared_ines
from connector.core.model import DAYS, FIELDS, REQUIRED, Feed, Moment, Rejection
from connector.core.rules import Institution
from connector.core.survey import Refused, Shapes, Survey, refused_rows, shapes_of
from connector.edges.register import SQL, Heading, read_rows
from connector.errors import ConfigurationError, FeedRefused
from connector.settings.loading import load_settings
from connector.settings.sections import CsvSource, FileSource, Source
from connector.walk.newcomers import Newcomers

_SHOWN = 5  # values or places that a line names
_SEPARATORS = ";,\t|"
_PIECE = 60  # characters of a header that is shown


@dataclass(slots=True)
class Inspection:
    """What was read of a register, as far as it could be."""

    source: Source
    headings: list[Heading] = field(default_factory=list)
    survey: Survey = field(default_factory=Survey)
    feed: Feed | None = None
    trouble: FeedRefused | None = None  # why the feed is refused whole
    newcomers: list[Refused] = field(default_factory=list)  # while the student has no entry

    @property
    def where(self) -> str:
        """The register in words."""
        return self.source.path if isinstance(self.source, FileSource) else "the query"

    def whole(self) -> Feed:
        """The feed.

        Raises:
            FeedRefused: it is refused whole.
        """
        if self.feed is None:
            raise self.trouble or AssertionError
        return self.feed

    def located(self, heading: Heading) -> Located:
        """Which columns of a file are which fields."""
        columns = {name: clean(column) for name, column in self.source.columns.items()}
        return locate(heading.names, columns, fold=self.source.kind == "sql")

    def unused(self, heading: Heading) -> tuple[str, ...]:
        """The columns of a file that are no field."""
        used = set(self.located(heading).places.values())
        return tuple(name for place, name in enumerate(heading.names) if place not in used)

    def refused(self) -> list[Refused]:
        """The rows that any run would refuse, by reason."""
        return refused_rows(self.feed.rejected) if self.feed is not None else []

    def shapes(self) -> Shapes:
        """What the student numbers look like."""
        feed = self.feed
        return shapes_of(sorted({*feed.students, *feed.spoiled}) if feed is not None else ())


def inspect(source: Source, moment: Moment, institution: Institution) -> Inspection:
    """Read a register to its end, whatever becomes of it.

    Raises:
        ConfigurationError: the file that holds the database's URL cannot be used.
    """
    found = Inspection(source)
    rows = read_rows(
        source, today=moment.today, institution=institution, heading=found.headings.append
    )
    try:
        with closing(rows):
            found.feed = assemble(found.survey.past(rows))
    except FeedRefused as error:
        found.trouble = error
        return found
    left_out = Newcomers(found.feed, {}, {}, ()).left_out()
    found.newcomers = refused_rows(chain.from_iterable(left_out.values()))
    return found


def examine_register(
    file: Path | None, environ: Mapping[str, str] = os.environ
) -> tuple[Checkup, Inspection | None]:
    """Examine the register alone; the inspection is None where the configuration is wrong."""
    checkup = Checkup()
    try:
        settings = load_settings(file, environ)
        found = inspect(settings.source, read_moment(settings.institution), settings.institution)
    except ConfigurationError as error:
        checkup.findings.append(wrong("configuration", error.message, error.cure))
        return checkup, None
    for examination in (
        _read,
        _form,
        _columns,
        _refusals,
        _refused_newcomers,
        codes,
        numbers,
        _shared_ines,
        _rows,
    ):
        checkup.findings += examination(found)
    return checkup, found


# --- what is found --------------------------------------------------------------------------------


def _read(found: Inspection) -> Findings:
    if found.feed is not None:
        yield Finding(
            "register",
            f"{found.where}: read whole, {many(found.survey.rows, 'row')}, "
            f"{many(len(found.feed.students), 'student')} whose rows are all good",
        )
    elif found.trouble is not None and not any(
        found.located(one).missing for one in found.headings
    ):
        yield failed("register", found.trouble)


def _form(found: Inspection) -> Findings:
    """What a file is read by; a header in one piece gives the delimiter away."""
    source = found.source
    if not isinstance(source, CsvSource):
        return
    said = dict.fromkeys(
        f"{one.encoding}{' with a byte order mark' if one.marked else ''}" for one in found.headings
    )
    if said:
        delimiter = "a tab" if source.delimiter == "\t" else f"'{source.delimiter}'"
        yield Finding(
            "register",
            f"encoding {', '.join(said)}; delimiter {delimiter}; days as {source.date_format}",
        )
    for one in found.headings:
        if (character := _divided(one)) is not None:
            written = "\\t" if character == "\t" else character
            yield wrong(
                "register",
                f"{one.file}: its header is one column, {one.names[0][:_PIECE]!r}",
                f'It looks divided by another character: source.delimiter = "{written}"',
                status=4,
            )


def _divided(heading: Heading) -> str | None:
    """The character that divides a header which was read as one column; None: it is not."""
    if len(heading.names) != 1:
        return None
    counts = {character: heading.names[0].count(character) for character in _SEPARATORS}
    found = max(_SEPARATORS, key=lambda each: counts[each])
    return found if counts[found] else None


def _columns(found: Inspection) -> Findings:
    several = len(found.headings) > 1 or any(
        one.file not in (SQL, found.where) for one in found.headings
    )
    told: set[tuple[str, ...]] = set()
    for heading in found.headings:
        if heading.names in told or _divided(heading) is not None:
            continue  # many files of one export have one header
        told.add(heading.names)
        yield from _columns_of(found, heading, f"{heading.file}: " if several else "")


def _columns_of(found: Inspection, heading: Heading, lead: str) -> Findings:
    located, unused = found.located(heading), found.unused(heading)
    used = ", ".join(
        f"{name} ← {heading.names[place]}" if name != heading.names[place] else name
        for name, place in located.places.items()
    )
    if used:
        yield Finding("columns", f"{lead}found: {used}")
    for name, column in located.twice.items():
        yield wrong(
            "columns",
            f"{lead}several columns are called {column!r}, which is to be {name}",
            "Give the column a name of its own",
            status=4,
        )
    suggested: set[str] = set()
    for name, wanted in located.missing.items():
        near = suggestions(name, [one for one in unused if one not in suggested], wanted)
        suggested |= {*near[:1]}
        looked = f", looked for as {wanted!r}" if wanted != name else ""
        yield wrong(
            "columns",
            f"{lead}{name}: there is no such column{looked}{_perhaps(near)}",
            f"In [source.columns]: {name} = {_quoted(near[0]) if near else '...'}",
            status=4,
        )
    absent = [name for name in FIELDS if name not in {*located.places, *located.missing, *REQUIRED}]
    absent = [name for name in absent if name not in located.twice]
    left = [name for name in unused if name not in suggested]
    guessed = {name: near for name in absent if (near := suggestions(name, left))}
    if guessed:
        lines = "; ".join(f"{name} = {_quoted(near[0])}" for name, near in guessed.items())
        yield hint(
            "columns",
            f"{lead}perhaps fields as well, and not used: "
            + ", ".join(near[0] for near in guessed.values()),
            f"If so, in [source.columns]: {lines}",
        )
    if silent := [name for name in absent if name not in guessed]:
        yield Finding("columns", f"{lead}not in this register: {', '.join(silent)}")
    suggested |= {near[0] for near in guessed.values()}
    if rest := [name for name in unused if name not in suggested]:
        yield Finding("columns", f"{lead}not used: {', '.join(rest)}")
    for name in heading.names:
        if (part := INCOMPLETE.get(squeezed(name))) is not None:
            yield hint("columns", f"{lead}{name} is {part}")


def _perhaps(near: Sequence[str]) -> str:
    return f"; perhaps it is {' or '.join(near)}" if near else ""


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _refusals(found: Inspection) -> Findings:
    for one in found.refused():
        said = f"{many(len(one.rows), 'row is', 'rows are')} refused: {_said(one)}"
        yield warning("rows", said, _cure(one, found.survey.rows))


def _refused_newcomers(found: Inspection) -> Findings:
    for one in found.newcomers:
        yield warning(
            "rows",
            f"{many(len(one.rows), 'row is', 'rows are')} refused while the student has no entry: "
            f"{_said(one)}",
            "Have them corrected in the register before the account is made: an address is for "
            "ever.",
        )


def _said(one: Refused) -> str:
    values = [f"{value!r} ({count:,})" for value, count in list(one.values.items())[:_SHOWN]]
    more = f" and {len(one.values) - _SHOWN:,} more" if len(one.values) > _SHOWN else ""
    what = f"{one.field or 'the row'} {one.reason.partition(';')[0]}"
    places = ", ".join(place(row) for row in one.rows[:_SHOWN])
    more_places = " ..." if len(one.rows) > _SHOWN else ""
    return f"{what}{': ' + ', '.join(values) + more if values else ''} ({places}{more_places})"


def place(row: Rejection) -> str:
    """Where a row stands: file and line, or the ordinal in a query's answer."""
    if row.file == SQL:
        return f"row {row.line}"
    return f"{Path(row.file or '').name}:{row.line}"


def _cure(one: Refused, rows: int) -> str:
    """What mends it: the configuration where it is about the whole register, else the register."""
    if one.field in GUESSED and (table := _table(one.field, one.values)):
        return table
    if one.field == "status":
        return (
            "Say what each means in [source.values.status]: validated, pending, cancelled or "
            "withdrawn."
        )
    if one.field in DAYS and 2 * len(one.rows) > rows:
        best = best_format(one.values)
        if best is not None and best.format:
            rivals = f" (or {' or '.join(best.rivals)})" if best.rivals else ""
            return f'In [source]: date_format = "{best.format}"{rivals}; {best.said()}.'
        if best is not None:
            return "Have years exported with four digits: two do not say of which century."
    return "Have them corrected in the register; these students keep what they have."


def _table(field: str, values: Iterable[str]) -> str:
    """A table of codes to be written into the configuration, as far as these can be guessed."""
    told = likely(field, values)
    lines = "; ".join(f"{_quoted(code)} = {_quoted(ours)}" for code, ours in told.items())
    return f"Perhaps, in [source.values.{field}]: {lines}" if told else ""


def codes(found: Inspection) -> Findings:
    """Codes of civilities that nobody knows; unknown statuses are refused rows."""
    unknown = found.survey.unknown_civilities
    if unknown:
        named = [f"{code!r} ({count:,})" for code, count in unknown.most_common(_SHOWN)]
        more = f" and {len(unknown) - _SHOWN:,} more" if len(unknown) > _SHOWN else ""
        yield warning(
            "codes",
            f"civility: {many(unknown.total(), 'row has', 'rows have')} a code that scolpass does "
            f"not know, and that is left out: {', '.join(named)}{more}",
            _table("civility", unknown)
            or 'Say what each means in [source.values.civility]: "M.", "Mme", or "" for none.',
        )


def numbers(found: Inspection) -> Findings:
    """Student numbers that do not look like the others."""
    shapes = found.shapes()
    if shapes.usual is None:
        if shapes.others:
            listed = "; ".join(f"{one.said}: {one.count:,}" for one in shapes.others[:_SHOWN])
            yield hint(
                "numbers",
                f"student numbers have no usual form: {listed}",
                "See that it is the student's number, and not a number of the enrolment.",
            )
        return
    yield Finding("numbers", f"{shapes.usual.said}: {shapes.usual.count:,}")
    if not shapes.others:
        return
    zeros = shapes.shortened()
    odd = [f"{one.said}: {one.count:,} ({', '.join(one.examples)})" for one in shapes.others]
    more = f"; and {len(odd) - _SHOWN:,} more forms" if len(odd) > _SHOWN else ""
    yield hint(
        "numbers",
        "unlike the others: " + "; ".join(odd[:_SHOWN]) + more,
        "See whether the shorter ones have lost leading zeros: a spreadsheet drops them."
        if zeros
        else "",
    )


def _shared_ines(found: Inspection) -> Findings:
    """Students with one INE: perhaps one person, for whom a run makes no second account."""
    by_ine = shared_ines(found.feed.students) if found.feed is not None else {}
    shared = sorted(tuple(sorted(numbers)) for numbers in by_ine.values())
    if shared:
        named = ", ".join(" and ".join(numbers) for numbers in shared[:_SHOWN])
        more = f", and {len(shared) - _SHOWN:,} more" if len(shared) > _SHOWN else ""
        yield warning(
            "numbers",
            f"{many(len(shared), 'INE stands', 'INEs stand')} under several student numbers: "
            f"{named}{more}",
            "They may be one person, so the later ones get no account until somebody has decided: "
            "have them corrected in the register, or see `scolpass situations candidate`.",
            [number for numbers in shared for number in numbers],
        )


def _rows(found: Inspection) -> Iterator[Finding]:
    """Students whose rows disagree, of which a run would tell."""
    if found.feed is None:
        return
    differ = [n for n, rows in found.feed.students.items() if len(rows) > 1 and disagreement(rows)]
    if differ:
        yield Finding(
            "rows",
            f"{many(len(differ), 'student has', 'students have')} rows that disagree on who they "
            "are; the latest counts",
            names=tuple(differ),
        )
    if found.feed.notices:
        yield Finding(
            "rows",
            f"{many(len(found.feed.notices), 'student has', 'students have')} rows that contradict "
            "each other on an enrolment",
            names=tuple(found.feed.notices),
        )
