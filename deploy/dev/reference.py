"""Writes the pages of docs/reference from the code: ``make reference``."""

from __future__ import annotations

import inspect
import re
import runpy
import sys
import tomllib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args

import click
import typer.main
from pydantic import BaseModel, SecretStr
from pydantic_core import PydanticUndefined

from connector import errors
from connector.cli.app import app
from connector.core import catalogue, codes, headings, model
from connector.core.roles import least_role
from connector.core.rules import Rate
from connector.resources import example_configuration
from connector.settings.sections import Settings
from connector.web.api.application import PREFIX
from connector.web.api.calls import CALLS
from connector.web.metrics import Metrics

_GENERATED = "<!-- Generated from the code by `make reference`. -->\n"

_FIELDS = {
    "student_number": "The student's number, by which everything is matched: letters and digits, "
    "32 at most. Leading zeros count.",
    "family_name": "The family name at birth.",
    "first_name": "The first name; empty for a person with a single name.",
    "birth_date": "In `source.date_format`.",
    "academic_year": "The year in which it begins: `2026` or `2026/2027`.",
    "status": "The status of this enrolment; see below. Without the column every row is validated.",
    "usual_name": "The name in use, if it differs from the family name.",
    "civility": "`M.`, `Mme` and their usual spellings; see below for other codes.",
    "birth_place": "For the letter.",
    "ine": "The national student identifier.",
    "component_code": "The faculty or school.",
    "component_name": "Its name, for the letter.",
    "step_code": "The step (étape) that the student is enrolled in.",
    "step_name": "Its name, for the letter.",
    "student_status": "For the letter.",
    "enrolled_on": "The day of the enrolment, in `source.date_format`.",
    "contact_email": "The student's own address, for `scolpass export contacts`.",
    "postal_address": "For the letter: one value, its lines separated by `;`, `$`, `|` or commas.",
}


def pages() -> dict[str, str]:
    """Each page by its file name."""
    return {
        "README.md": _index(),
        "commands.md": _commands(),
        "configuration.md": _configuration(),
        "register.md": _register(),
        "events.md": _events(),
        "errors.md": _errors(),
        "api.md": _api(),
        "metrics.md": _metrics(),
        "verdict.md": _verdict(),
    }


def _index() -> str:
    return f"""# Reference
{_GENERATED}
| page | what is there |
|---|---|
| [commands](commands.md) | every command with its options |
| [configuration](configuration.md) | every key of `scolpass.toml`, with type, default and meaning |
| [register](register.md) | the fields of a row, and their codes |
| [events](events.md) | what a portal sends |
| [api](api.md) | every call of the service desk's API |
| [errors](errors.md) | the kinds of error, and the exit status of each |
| [metrics](metrics.md) | what `/metrics` answers |
| [verdict](verdict.md) | why a student can or cannot sign in, as it is told to desk and student |
"""


# --- commands -------------------------------------------------------------------------------------


def _commands() -> str:
    root = typer.main.get_command(app)
    parts = [f"# Commands\n{_GENERATED}"]
    parts += [_command(command, path) for path, command in _walk(root, "scolpass")]
    return "\n".join(parts)


def _walk(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    yield path, command
    # typer brings a click of its own: what a group can do tells, not its class.
    if not hasattr(command, "list_commands"):
        return
    context = click.Context(command, info_name=path)
    for name in sorted(command.list_commands(context)):
        _, found, _ = command.resolve_command(context, [name])  # which imports it
        if found is not None and not found.hidden:
            yield from _walk(found, f"{path} {name}")


def _command(command: Any, path: str) -> str:
    text = inspect.cleandoc(command.help or "")
    lines = [f"## {path}\n", _plain(text), ""]
    rows = []
    for parameter in command.params:
        if getattr(parameter, "hidden", False):
            continue
        names = ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))
        if parameter.param_type_name == "argument":
            names = f"`{(parameter.metavar or parameter.name).upper()}`"
        required = " Required." if parameter.required else ""
        rows.append(f"| {names} | {_cell(getattr(parameter, 'help', '') or '')}{required} |")
    if rows:
        lines += ["| option | meaning |", "|---|---|", *rows, ""]
    if command.epilog:
        lines += [_plain(command.epilog), ""]
    return "\n".join(lines)


def _plain(text: str) -> str:
    """Help without the mark-up of the terminal."""
    return re.sub(r"\[/?bold\]", "`", text)


def _cell(text: str) -> str:
    return " ".join(_plain(text).split()).replace("|", "\\|")


# --- configuration --------------------------------------------------------------------------------


def _configuration() -> str:
    meanings = _meanings(example_configuration())
    parts = [
        f"# Configuration\n{_GENERATED}",
        "One TOML file. An environment variable overrides each key: `SCOLPASS_DIRECTORY__URIS` "
        "overrides `directory.uris`. Relative paths are relative to the file. An unknown key is an "
        "error.\n",
    ]
    by_table: dict[str, list[str]] = {}
    for key, kind, default in _keys(Settings):
        table, _, name = key.rpartition(".")
        meaning = _cell(meanings.get(key, ""))
        by_table.setdefault(table, []).append(f"| `{name}` | {kind} | {default} | {meaning} |")
    for table, rows in by_table.items():
        parts.append(f"## [{table}]\n\n| key | type | default | meaning |\n|---|---|---|---|")
        parts.append("\n".join(rows) + "\n")
    return "\n".join(parts)


def _keys(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, str, str]]:
    for name, field in model.model_fields.items():
        key = f"{prefix}{name}"
        sections = [
            one
            for one in (field.annotation, *get_args(field.annotation))
            if isinstance(one, type) and issubclass(one, BaseModel)
        ]
        if sections:
            yield from _merged([list(_keys(section, f"{key}.")) for section in sections])
            continue
        yield key, _kind(field.annotation), _default(field)


def _merged(sections: list[list[tuple[str, str, str]]]) -> Iterator[tuple[str, str, str]]:
    """The keys of a table that is one of several, told apart by its ``kind``."""
    kinds = [
        next((kind for key, kind, _ in keys if key.endswith(".kind")), "") for keys in sections
    ]
    for key in dict.fromkeys(key for keys in sections for key, _, _ in keys):
        found = [(i, one) for i, keys in enumerate(sections) for one in keys if one[0] == key]
        types = " or ".join(dict.fromkeys(one[1] for _, one in found))
        default = found[0][1][2]
        if len(found) < len(sections) and default == "**required**":
            default = f"**required** with {kinds[found[0][0]]}"
        yield key, types, default


_KINDS = {
    "bool": "true or false", "int": "number", "str": "text", "Path": "path", "FilePath": "path",
    "SecretStr": "text, secret", "timedelta": "time, such as 1m", "ZoneInfo": "time zone",
    "Rate": "attempts in a time",
}  # fmt: skip


def _kind(annotation: Any) -> str:
    arguments = [one for one in get_args(annotation) if one is not type(None)]
    origin = getattr(annotation, "__origin__", None)
    if origin is tuple:
        return "list"
    if "Mapping" in str(origin):
        return "table"
    if "Literal" in str(origin):
        return " or ".join(f"`{one}`" for one in arguments)
    if arguments:
        return _kind(arguments[0])
    name = getattr(annotation, "__name__", str(annotation))
    return _KINDS.get(name, "text")


def _default(field: Any) -> str:
    if field.is_required():
        return "**required**"
    value = field.default
    if value is PydanticUndefined:
        value = field.default_factory()
    if value is None or value in ("", {}):
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, timedelta):
        return f"`{_span(value)}`"
    if isinstance(value, Rate):
        return f"`{value.limit}/{_span(value.period)}`"
    if isinstance(value, SecretStr):  # a default is no secret
        return f"`{value.get_secret_value()}`"
    if isinstance(value, tuple | list):
        return ", ".join(f"`{one}`" for one in value) or "none"
    return f"`{_cell(str(value))}`"


def _span(value: timedelta) -> str:
    """A time as it is written in the configuration."""
    seconds = int(value.total_seconds())
    units = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))
    unit, length = next(one for one in units if seconds % one[1] == 0)
    return f"{seconds // length}{unit}"


def _meanings(text: str) -> dict[str, str]:
    """What the commented example says of each key: beside it, or in the lines above."""
    found: dict[str, str] = {}
    table, above = "", []
    for line in text.splitlines():
        if header := re.match(r"\[([\w.]+)\]\s*(?:#\s*(.*))?$", line):
            table, above = header[1], []
            found[table] = header[2] or ""
            continue
        assigned = re.match(r"(?:# )?([a-z_]+) = (.*)$", line)
        if assigned is None:
            above = [*above, line.lstrip("# ")] if line.startswith("# ") else []
            continue
        value, _, said = _parted(assigned[2])
        del value
        found[f"{table}.{assigned[1]}"] = (said.strip() or " ".join(above)).rstrip(":")
        if not line.startswith("# "):
            above = []
    return found


def _parted(text: str) -> tuple[str, str, str]:
    """A TOML value and the comment after it; a # within quotes begins none."""
    for match in re.finditer("#", text):
        value = text[: match.start()].strip()
        try:
            tomllib.loads(f"x = {value}")
        except tomllib.TOMLDecodeError:
            continue
        return value, "#", text[match.end() :]
    return text, "", ""


# --- register, events, errors, metrics ------------------------------------------------------------


def _register() -> str:
    rows = "\n".join(
        f"| `{name}` | {'yes' if name in model.REQUIRED else ''} | {_FIELDS[name]} |"
        for name in model.FIELDS
    )
    words: dict[str, list[str]] = {}
    for code, status in codes.STATUSES.items():
        words.setdefault(status.value, []).append(f"`{code}`" if code else "empty")
    statuses = "\n".join(f"| {name} | {', '.join(all_)} |" for name, all_ in words.items())
    tables = ", ".join(f"`{name}`" for name in codes.CODED)
    names = "\n".join(
        f"| `{field}` | " + " | ".join(_headings(group) for group in groups) + " |"
        for field, groups in headings.NAMES.items()
    )
    return f"""# The register
{_GENERATED}
A row is one enrolment: a student, an academic year, a step, a component. Columns may have any name: `[source.columns]` says which field each one is. Other columns are ignored.

| field | required | meaning |
|---|---|---|
{rows}

## Status

Upper or lower case, with or without accents.

| status | codes |
|---|---|
{statuses}

A validated or withdrawn enrolment keeps the account open until the cutoff of its year; a cancelled one no longer does; a pending one changes nothing. A code that is not in the table rejects its row: the student keeps the account as it is.

## Codes of your own

A table turns the codes of a register into ours:

```toml
[source.values.civility]
"1" = "M."
"2" = "Mme"
"9" = ""                          # known, and none

[source.values.status]
"V" = "validated"
```

- There may be one for {tables}; not for who a student is: a number, a name or a birth date has to be corrected in the register.
- Codes are compared as text, without blanks around them: the number 1 of a database is `"1"`, an empty cell is `""`. Case counts, as two codes may differ in nothing else: `"V"` says nothing about `v`.
- The table goes before the codes above. A code that is not in it is read as if there were no table.
- A status becomes `validated`, `pending`, `cancelled` or `withdrawn`; a civility `M.`, `Mme` or nothing; an academic year `2026` or `2026/2027`; `enrolled_on` nothing, as days are read by `source.date_format`. Other fields become any text.
- A civility that nobody knows is left out, in the directory and in letters, and all of them are counted in one notice.
- In the environment a table is JSON: `SCOLPASS_SOURCE__VALUES__CIVILITY='{{"1": "M."}}'`.

`scolpass check register` lists the codes that nobody knows, and what they are likely to mean.

## Names that are recognised

`scolpass init --register FILE` takes these headings for our fields, and `scolpass check register` suggests them. Accents, case, blanks and punctuation do not matter.

| field | Apogée | Pégase | others |
|---|---|---|---|
{names}
"""


def _headings(group: str) -> str:
    return ", ".join(f"`{name}`" for name in group.split(", ") if name)


_EVENTS = {
    catalogue.ACTIVATED: (
        "What a student gave to activate the account. Any field of `data` may be absent, except "
        "`identifier`.",
        '{"identifier": "lea.martin@etu.univ.fr", "backup_mail": "lea@example.org", '
        '"charter": {"version": "2026", "accepted_at": "2026-10-01T07:00:00Z"}, '
        '"forward_to": "lea@example.com", "keep_copy": true}',
    ),
    catalogue.FORWARDING_CHANGED: (
        "The student redirects their mail; `null` ends the redirection.",
        '{"identifier": "22300001", "forward_to": null}',
    ),
    catalogue.BACKUP_MAIL_CHANGED: (
        "The student has a new backup mail.",
        '{"identifier": "e22300001", "backup_mail": "lea@example.org"}',
    ),
}


def event_example(kind: str) -> str:
    """An event of a type, as JSON."""
    return (
        '{"specversion": "1.0", "id": "1001", "source": "https://ent.univ.fr/portal", '
        f'"time": "2026-10-01T07:00:00Z", "type": "{kind}", "data": {_EVENTS[kind][1]}}}'
    )


def _events() -> str:
    parts = [
        f"# Events\n{_GENERATED}",
        "CloudEvents 1.0 in JSON, by spool, webhook or RabbitMQ. `source` and `id` identify an "
        "event: sent twice, it counts once. `identifier` is a student number, uid, login or "
        "address. An event never says which change to make.\n",
    ]
    parts += [
        f"## {kind}\n\n{_EVENTS[kind][0]}\n\n```json\n{event_example(kind)}\n```\n"
        for kind in catalogue.EVENTS
    ]
    return "\n".join(parts)


def _errors() -> str:
    rows = []

    def add(error: type[errors.ScolpassError], depth: int) -> None:
        said = (inspect.getdoc(error) or "").splitlines()[0]
        indent = "&emsp;" * depth
        rows.append(f"| {indent}`{error.__name__}` | {error.exit_status} | {_cell(said)} |")
        for child in error.__subclasses__():
            if child.__module__ == errors.__name__:
                add(child, depth + 1)

    add(errors.ScolpassError, 0)
    table = "\n".join(rows)
    return f"""# Errors
{_GENERATED}
Each error says what was being done, on what, and the cure. [Operating scolpass](../operate.md) says what to do about each exit status.

| error | exit status | meaning |
|---|---|---|
{table}
"""


def _api() -> str:
    rows = []
    for call in CALLS:
        said = (inspect.getdoc(call.endpoint) or "").partition("\n\n")[0].replace("\n", " ")
        route = f"`{call.method} {PREFIX}{call.path.replace(':path', '')}`"
        rows.append(f"| {route} | {least_role(call.permission).value} | {_cell(said)} |")
    table = "\n".join(rows)
    return f"""# API
{_GENERATED}
[The service desk by API](../api.md) says how to call it; `/openapi.json` has the shapes of what goes in and comes out.

| call | least role | does |
|---|---|---|
{table}
"""


def _metrics() -> str:
    rows = []
    for family in Metrics().registry.collect():
        name = family.name + ("_total" if family.type == "counter" else "")
        rows.append(f"| `{name}` | {family.type} | {_cell(family.documentation)} |")
    table = "\n".join(sorted(set(rows)))
    return f"""# Metrics
{_GENERATED}
| metric | type | meaning |
|---|---|---|
{table}
"""


def _verdict() -> str:
    made = runpy.run_path(str(Path(__file__).with_name("verdict_page.py")))
    text: str = made["page"](_GENERATED)
    return text


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")
