"""What a value of the configuration is checked for, and made into."""

from __future__ import annotations

import codecs
import glob
import ipaddress
import re
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from pydantic import (
    SecretStr,
)

from connector.core.addresses import refused_address, trimmed
from connector.core.codes import CODED, NEVER, expected_of
from connector.core.enrolment import clean, control_character
from connector.core.model import FIELDS


@dataclass(frozen=True, slots=True)
class Loading:
    """What one call of :func:`load_settings` found, on its way into the models."""

    folder: Path  # relative paths are relative to it
    table: dict[str, Any]
    variables: dict[str, Any]


loading: ContextVar[Loading | None] = ContextVar("loading", default=None)


def _folder() -> Path:
    found = loading.get()
    return found.folder if found else Path.cwd()


def beside(value: object) -> object:
    """A path relative to the file; symbolic links are kept, since their targets may be replaced."""
    if not isinstance(value, str | Path):
        return value  # which the model refuses
    if not str(value) or "\0" in str(value):
        raise ValueError("expected a path")
    return _folder() / value


def checked_pattern(value: str) -> str:
    """Like :func:`beside` for a glob: characters of the folder's own name are no wildcards."""
    absolute = str(beside(value))
    if Path(value).is_absolute() or not glob.has_magic(value):
        return absolute
    return str(Path(glob.escape(str(_folder())), value))


def checked_database(url: str, folder: Path) -> str:
    """A SQLAlchemy URL, that of a relative SQLite file made absolute."""
    if not re.match(r"[a-z][a-z0-9_+]*://", url):
        raise ValueError('expected a SQLAlchemy URL, such as "sqlite:///journal.db"')
    sqlite = re.fullmatch(r"(sqlite(?:\+\w+)?:///)((?:file:)?)([^?]*)(.*)", url, re.DOTALL)
    if sqlite is None or sqlite[3] in ("", ":memory:") or Path(sqlite[3]).is_absolute():
        return url
    return f"{sqlite[1]}{sqlite[2]}{folder / sqlite[3]}{sqlite[4]}"


def beside_database(url: SecretStr) -> SecretStr:
    return SecretStr(checked_database(url.get_secret_value(), _folder()))


def none_if_empty(value: object) -> object:
    return None if value == "" else value


def checked_encoding(value: str) -> str:
    known = {
        "utf-8": "utf-8",
        "utf-8-sig": "utf-8",
        "iso8859-1": "latin-1",
        "iso8859-15": "iso-8859-15",
        "cp1252": "cp1252",
    }
    try:
        return known[codecs.lookup(value).name]
    except (LookupError, ValueError):
        raise ValueError('expected "utf-8", "latin-1", "iso-8859-15" or "cp1252"') from None


def checked_delimiter(value: str) -> str:
    character = "\t" if value == r"\t" else value
    if len(character) != 1 or character.isalnum() or character in '"\r\n\0':
        raise ValueError(r'expected one character, such as ";", "," or "\t"')
    return character


# The directives of strptime that tell a day, and those that tell something else or nothing.
_DAYS = (
    {"Y", "m", "d"},
    {"Y", "b", "d"},
    {"Y", "B", "d"},
    {"Y", "j"},
    {"G", "V", "u"},  # by the ISO week
)


_BESIDE = frozenset("HIMSfpzZ%")


def checked_date_format(value: str) -> str:
    directives = re.findall(r"%(.?)", value, re.DOTALL)
    telling = [one for one in directives if one not in _BESIDE]
    repeated = {one for one in directives if one != "%" and directives.count(one) > 1}
    if set(telling) not in _DAYS or repeated:
        raise ValueError(
            'expected a date format with day, month and four-digit year, such as "%d/%m/%Y"'
        )
    return value


def checked_columns(value: Mapping[str, str]) -> Mapping[str, str]:
    unknown = sorted(set(value) - set(FIELDS))
    if unknown:
        fields = ", ".join(FIELDS)
        raise ValueError(f"no such field: {', '.join(unknown)}; expected some of: {fields}")
    empty = sorted(name for name, column in value.items() if not column.strip())
    if empty:
        raise ValueError(f"expected the name of a column for {', '.join(empty)}")
    return value


def checked_values(value: Mapping[str, Mapping[str, str]]) -> Mapping[str, Mapping[str, str]]:
    """Tables of codes by field, with each code as it is compared: cleaned, its case kept."""
    unknown = sorted(set(value) - set(CODED))
    if said := [name for name in unknown if name in NEVER]:
        raise ValueError(
            f"no table for {', '.join(said)}: who a student is has to be corrected in the "
            f"register; expected some of: {', '.join(CODED)}"
        )
    if unknown:
        raise ValueError(
            f"no such field: {', '.join(unknown)}; expected some of: {', '.join(CODED)}"
        )
    checked: dict[str, dict[str, str]] = {}
    for field, table in value.items():
        codes = checked.setdefault(field, {})
        for written, target in table.items():
            code = clean(written)
            expected = expected_of(field, target)
            if control_character(target) is not None:
                expected = "expected text without control characters"
            if expected is not None:
                raise ValueError(f"{field}.{code}: {expected}")
            if code in codes:
                raise ValueError(f"{field}.{code}: expected once, without blanks around it")
            codes[code] = target
    return checked


def _url_parts(value: str) -> SplitResult | None:
    """The parts of a URL with a host, and without a login, a query or a fragment; else None."""
    try:
        parts = urlsplit(value)
        usable = bool(parts.hostname) and parts.port != 0  # reading the port checks it
    except ValueError:
        return None
    plain = value.isprintable() and not re.search(r"[\s@?#]", value)
    return parts if usable and plain else None


def ldap_uri(value: str) -> str:
    parts = _url_parts(value)
    if parts is None or parts.scheme not in ("ldap", "ldaps") or parts.path not in ("", "/"):
        raise ValueError('expected "ldaps://host:port" or "ldap://host:port"')
    return parts.scheme + value[len(parts.scheme) :].rstrip("/")  # urlsplit has lowered the scheme


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def checked_dn(value: str) -> str:
    if not re.fullmatch(r"([A-Za-z][A-Za-z0-9-]*|\d+(\.\d+)+) *= *[^\x00-\x1f]+", value):
        raise ValueError('expected a DN, such as "ou=people,dc=univ,dc=fr"')
    return value


def address_and_port(value: str) -> str:
    found = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})", value)
    if found is None or int(found[2]) > 65_535:
        raise ValueError('expected "host:port", such as "127.0.0.1:8080" or "[::1]:8080"')
    return value


def address_and_port_if_any(value: str) -> str:
    return address_and_port(value) if value else value


def checked_public_url(value: str) -> str:
    parts = _url_parts(value)
    if value and (parts is None or parts.scheme not in ("https", "http")):
        raise ValueError('expected a URL, such as "https://ent.univ.fr"')
    return value.rstrip("/")


def mail_address(value: str) -> str:
    # The institution's own mail server knows private domains, too.
    if refused_address(value, (), anywhere=False) is not None:
        raise ValueError('expected a mail address, such as "exploitation@univ.fr"')
    return trimmed(value)


def checked_lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value
