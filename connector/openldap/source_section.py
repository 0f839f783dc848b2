"""The configuration's ``[source]`` as it is guessed from a sample, and each guess in words."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from connector.core.counting import many
from connector.core.guesses import Gap, Guessed
from connector.core.headings import APOGEE, OURS, PEGASE
from connector.core.model import REQUIRED
from connector.edges.register.sample import Sampled
from connector.errors import UsageError

_WIDTH = 34  # where comments begin
_COLUMNS = "[source.columns]"
_NEXT = "[directory]"
_NAMED = 8  # columns that a line names


def source_values(sampled: Sampled, folder: Path) -> dict[tuple[str, str], Any]:
    """The keys of ``[source]`` that a sample tells, for a configuration in a folder.

    Raises:
        UsageError: the sample's name is no text, so that no configuration could hold it.
    """
    path = sampled.path.absolute()
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError:
        raise UsageError(
            f"{path} has octets in its name that are no UTF-8", "Give the file another name"
        ) from None
    days = sampled.guessed.day_format
    found: dict[tuple[str, str], Any] = {
        ("source", "path"): path.name if path.parent == folder else str(path),
        ("source", "encoding"): sampled.encoding.name,
        ("source", "delimiter"): sampled.delimiter,
    }
    if days is not None and days.format:
        found["source", "date_format"] = days.format
    return found


def with_columns(text: str, guessed: Guessed) -> str:
    """A configuration's text with the tables of columns and codes that were guessed."""
    start = text.index(_COLUMNS)
    return text[:start] + "\n".join(_tables(guessed)) + "\n\n" + text[text.index(_NEXT, start) :]


def _tables(guessed: Guessed) -> list[str]:
    lines = [_beside(_COLUMNS, 'our field = "THEIR COLUMN", where the name differs')]
    lines += [
        _beside(f"{one.field} = {_toml(one.column)}", _whose(one.origin))
        for one in guessed.columns
        if one.column != one.field
    ]
    lines += [_gap(one) for one in guessed.gaps]
    if not guessed.values and not guessed.unknown:
        lines.append(_beside("[source.values]", 'our field = { "THEIR CODE" = "our value" }'))
    for field in dict.fromkeys((*guessed.values, *guessed.unknown)):
        said = "their code = our value; guessed, please check"
        if field == "academic_year":
            said += "; each new year needs its line"
        lines.append(_beside(f"[source.values.{field}]", said))
        lines += [
            f"{_toml(c)} = {_toml(ours)}" for c, ours in guessed.values.get(field, {}).items()
        ]
        lines += [
            _beside(f'# {_toml(code)} = ""', "what does it mean?")
            for code in guessed.unknown.get(field, ())[:_NAMED]
        ]
    return lines


def _gap(one: Gap) -> str:
    said = "REQUIRED, and not found" if one.field in REQUIRED else "not found"
    if one.why:
        said += f": {one.why}"
    perhaps = one.columns[0] if one.columns else ""
    return _beside(f"# {one.field} = {_toml(perhaps)}", said)


def _beside(line: str, comment: str) -> str:
    # A comment ends with its line, and TOML takes no control characters in one.
    said = "".join(one if one.isprintable() else " " for one in comment)
    return f"{line:<{_WIDTH - 1}} # {said}"


def _toml(text: str) -> str:
    """A text as a TOML string: JSON's escapes are TOML's, and DEL, which JSON leaves, needs one."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _whose(origin: str) -> str:
    if origin == OURS:
        return "our own name"
    return f"{origin}'s name" if origin in (APOGEE, PEGASE) else origin


def sample_said(sampled: Sampled) -> Sequence[str]:
    """Each guess, with why and what to check, one a line."""
    guessed = sampled.guessed
    rows = [
        ("path", sampled.path.name, "the sample itself", "that exports to come are put there"),
        ("encoding", sampled.encoding.name, sampled.encoding.why, sampled.encoding.check),
    ]
    shown = "a tab" if sampled.delimiter == "\t" else repr(sampled.delimiter)
    rows.append(("delimiter", shown, sampled.why_delimiter, ""))
    rows.append(("date_format", *_days_said(guessed)))
    rows += [
        (one.field, one.column, f"{_whose(one.origin)}; {one.evidence}", one.check)
        for one in guessed.columns
    ]
    lines = [f"Guessed from {sampled.path}, {many(sampled.rows, 'row')}:"]
    width = max(len(row[0]) for row in rows)
    for name, value, why, check in rows:
        lines.append(f"  {name:<{width}}  {value}: {why}" + (f". Check {check}" if check else ""))
    for field, codes in guessed.values.items():
        told = ", ".join(
            f"{code or '(empty)'} = {ours or '(none)'}" for code, ours in codes.items()
        )
        yearly = "; each new year needs a line of its own" if field == "academic_year" else ""
        lines.append(f"  {field:<{width}}  codes, guessed: {told}. Check each{yearly}")
    for field, unknown in guessed.unknown.items():
        named = ", ".join(unknown[:_NAMED]) + (" ..." if len(unknown) > _NAMED else "")
        lines.append(f"  {field:<{width}}  codes that cannot be guessed: {named}")
    lines += [f"  {said}" for said in (*guessed.notes, *sampled.trouble)]
    lines += _gaps_said(guessed.gaps)
    if guessed.unused:
        lines.append(f"  not used: {', '.join(guessed.unused)}")
    return lines


def _days_said(guessed: Guessed) -> tuple[str, str, str]:
    days = guessed.day_format
    if days is None:
        return "%d/%m/%Y", "no birth date tells it, so it is the usual one", "it"
    if days.two_digit_years:
        return "%d/%m/%Y", "years have two digits, which no format can tell a century for", "it"
    rivals = f"; {' and '.join(days.rivals)} would read as many" if days.rivals else ""
    check = "it with birth dates that you know" if rivals else ""
    return days.format, days.said() + rivals, check


def _gaps_said(gaps: Sequence[Gap]) -> list[str]:
    lines = []
    for one in gaps:
        if one.field in REQUIRED or one.why or one.columns:
            what = "REQUIRED, and not guessed" if one.field in REQUIRED else "not guessed"
            why = f": {one.why}" if one.why else ""
            perhaps = f"; perhaps {' or '.join(one.columns)}" if one.columns and not why else ""
            lines.append(f"  {one.field}: {what}{why}{perhaps}")
    plain = [g.field for g in gaps if not (g.field in REQUIRED or g.why or g.columns)]
    if plain:
        lines.append(f"  not in this register: {', '.join(plain)}")
    return lines


def sample_json(sampled: Sampled) -> Mapping[str, Any]:
    """The same for machines."""
    guessed, days = sampled.guessed, sampled.guessed.day_format
    return {
        "file": str(sampled.path),
        "rows": sampled.rows,
        "encoding": asdict(sampled.encoding),
        "delimiter": {"name": sampled.delimiter, "why": sampled.why_delimiter},
        "date_format": None
        if days is None or not days.format
        else {"name": days.format, "why": days.said(), "rivals": list(days.rivals)},
        "columns": {
            one.field: {
                "column": one.column,
                "origin": one.origin,
                "evidence": one.evidence,
                "check": one.check,
            }
            for one in guessed.columns
        },
        "not_guessed": {
            one.field: {
                "required": one.field in REQUIRED,
                "why": one.why,
                "perhaps": list(one.columns),
            }
            for one in guessed.gaps
        },
        "values": {field: dict(codes) for field, codes in guessed.values.items()},
        "unknown": {field: list(codes) for field, codes in guessed.unknown.items()},
        "unused": list(guessed.unused),
        "notes": [*guessed.notes, *sampled.trouble],
    }


def is_incomplete(sampled: Sampled) -> bool:
    """Whether something has to be added by hand before every row can be read."""
    guessed, days = sampled.guessed, sampled.guessed.day_format
    unread = days is not None and days.two_digit_years
    return bool(guessed.missing or guessed.unknown or sampled.trouble or unread)
