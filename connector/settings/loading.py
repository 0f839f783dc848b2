"""Read the configuration: a TOML file, environment variables over it, and secret files.

All mistakes are reported at once, by the names used in the file.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import (
    BaseModel,
    ValidationError,
)

from connector.core.model import FIELDS
from connector.errors import ConfigurationError
from connector.settings.plain_files import read_plain
from connector.settings.sections import Settings, Source
from connector.settings.values import Loading, loading

PREFIX = "SCOLPASS_"
FILE_VARIABLE = "SCOLPASS_CONFIG"
USUAL_FILES = (Path("config/scolpass.toml"), Path("/etc/scolpass/scolpass.toml"))
_INIT = "`scolpass init` writes a commented example"


def load_settings(path: Path | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the configuration: ``path``, else $SCOLPASS_CONFIG, else the first of the usual files.

    Raises:
        ConfigurationError: no file, an unreadable one, or mistakes in it; all of them are named,
            one per line. What is odd but not a mistake is in ``warnings`` of the result.
    """
    file = _find_file(path, environ).absolute()
    table = _read_table(file)
    variables, names, warnings = _read_variables(environ)
    token = loading.set(Loading(file.parent, table, variables))
    try:
        settings = Settings()
    except ValidationError as error:
        mistakes = [_explain(found, file, names) for found in error.errors(include_url=False)]
        raise ConfigurationError(
            "the configuration has "
            + ("a mistake: " if len(mistakes) == 1 else f"{len(mistakes)} mistakes:\n  ")
            + "\n  ".join(mistakes),
            f"Correct it; {_INIT}",
        ) from None  # the original carries the values
    finally:
        loading.reset(token)
    settings._file = file
    settings._warnings = tuple(warnings)
    return settings


def _find_file(path: Path | None, environ: Mapping[str, str]) -> Path:
    if path is not None:
        return path
    if named := environ.get(FILE_VARIABLE):
        return Path(named)
    for usual in USUAL_FILES:
        if _is_there(usual):
            return usual
    looked = " and ".join(str(usual.absolute()) for usual in USUAL_FILES)
    raise ConfigurationError(
        f"no configuration file: looked for {looked}",
        f"Name yours with --config FILE or ${FILE_VARIABLE}; {_INIT}",
    )


def _read_table(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(read_plain(file).decode("utf-8-sig"))
    except FileNotFoundError:
        raise ConfigurationError(
            f"no configuration file {file}", f"Name yours with --config FILE; {_INIT}"
        ) from None
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"{file}: expected UTF-8, and byte {error.start + 1} is none", "Save it as UTF-8"
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(
            f"{file}: expected TOML: {error}", f"Correct it; {_INIT}"
        ) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a path"
        raise ConfigurationError(
            f"cannot read the configuration file {file}: {reason}",
            "Give a file that the user of scolpass may read",
        ) from None


def _keys_of(annotation: object, prefix: tuple[str, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every key below ``annotation`` as (path, type), through tables and unions of tables."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for name, field in annotation.model_fields.items():
            kind = field.annotation
            tables = list(_keys_of(kind, (*prefix, name)))
            yield from tables or [((*prefix, name), kind)]
            if get_origin(kind) is Mapping:
                yield from (((*prefix, name, key), get_args(kind)[1]) for key in FIELDS)
    else:
        for part in get_args(annotation):
            yield from _keys_of(part, prefix)


@cache
def _known() -> Mapping[str, tuple[tuple[Any, ...], Any]]:
    """The variables that there are: (path, type) by name."""
    return {_variable(path): (path, kind) for path, kind in _keys_of(Settings)}


def _variable(path: Sequence[str]) -> str:
    return PREFIX + "__".join(path).upper()


def _read_variables(
    environ: Mapping[str, str],
) -> tuple[dict[str, Any], dict[tuple[str, ...], str], list[str]]:
    """The SCOLPASS_ variables as (a table, their names by key, warnings)."""
    known = _known()
    table: dict[str, Any] = {}
    names: dict[tuple[str, ...], str] = {}
    warnings = []
    for name in sorted(environ):
        if not name.startswith(PREFIX) or name == FILE_VARIABLE:
            continue
        if name.upper() not in known:
            near = difflib.get_close_matches(name.upper(), known, n=1, cutoff=0.8)
            hint = f"; did you mean {near[0]}?" if near else ""
            warnings.append(f"{name}: no such configuration variable, ignored{hint}")
            continue
        path, kind = known[name.upper()]
        inner = table
        for key in path[:-1]:
            inner = inner.setdefault(key, {})
        inner[path[-1]] = _from_text(environ[name], kind)
        names[path] = name
    return table, names, warnings


def _from_text(text: str, kind: object) -> object:
    """A variable's text as a list or table where one is expected; else the text."""
    listed = get_origin(kind) is tuple
    if get_origin(kind) is Mapping or (listed and text.lstrip().startswith("[")):
        try:
            return json.loads(text)
        except ValueError:
            return text  # which the model refuses
    if listed:
        return [part.strip() for part in text.split(",") if part.strip()]
    return text


# The kinds of a source, which pydantic names in the place of a mistake.
_KINDS = [get_args(one.model_fields["kind"].annotation)[0] for one in get_args(Source)]
_PLAIN = {
    "missing": "expected a value, and there is none",
    "model_type": "expected a table",
    "mapping_type": "expected a table",
    "dict_type": "expected a table",
    "tuple_type": "expected a list",
    "string_type": "expected text in quotes",
    "int_type": "expected a whole number",
    "int_parsing": "expected a whole number",
    "int_from_float": "expected a whole number",
    "bool_type": "expected true or false",
    "bool_parsing": "expected true or false",
    "path_type": "expected a path in quotes",
}


def _explain(found: Mapping[str, Any], file: Path, names: Mapping[tuple[str, ...], str]) -> str:
    """One mistake as ``where: key: what was expected``; never with the value."""
    path = [part for part in found["loc"] if isinstance(part, str)]
    items = [part + 1 for part in found["loc"] if isinstance(part, int)]
    if path[:1] == ["source"] and path[1:2] and path[1] in _KINDS:
        del path[1]  # pydantic's mark of the chosen model, no key of ours
    kind, message = found["type"], str(found["msg"])
    if kind.startswith("union_tag"):
        path.append("kind")
        message = "expected " + " or ".join(f'"{kind}"' for kind in _KINDS)
    elif kind == "extra_forbidden":
        siblings = {p[len(path) - 1] for p, _ in _keys_of(Settings) if _is_sibling(p, path)}
        near = difflib.get_close_matches(path[-1], siblings, n=1)
        if path[-1] in siblings:
            message = "no such key with this kind of source"
        else:
            message = f"no such key; did you mean {near[0]}?" if near else "no such key"
    elif kind == "value_error":
        message = message.removeprefix("Value error, ")
        # A check of several keys names the one to correct at the head of its message.
        if named := re.match(r"([a-z_]+(?:\..*?)?): (?=expected)", message, re.DOTALL):
            path.append(named[1])
            message = message[named.end() :]
    elif kind in _PLAIN:
        message = _PLAIN[kind]
    else:
        message = re.sub(r"^\w+ should (be |have )", "expected ", message)
        message = re.sub(r"^\w+ should match", "expected text that matches", message)
    where = next(
        (names[key] for n in range(len(path), 0, -1) if (key := tuple(path[:n])) in names), file
    )
    which = "".join(f"item {item}: " for item in items)
    return f"{where}: {'.'.join(path)}: {which}{message}"


def _is_sibling(known: tuple[str, ...], path: Sequence[str]) -> bool:
    return len(known) >= len(path) and list(known[: len(path) - 1]) == list(path[:-1])


def _is_there(path: Path) -> bool:
    """Whether ``path`` exists, or cannot be inspected: then reading it will say what is wrong."""
    try:
        return path.exists()
    except OSError:
        return True
