"""The configuration: a TOML file, environment variables over it, and secret files.

:func:`load_settings` is the only reader of all three and returns one frozen :class:`Settings`.
The sections that the core reasons with are the models of :mod:`connector.core.rules`; the others
are here. A mistake is named by file or variable, key and what was expected, all of them at once,
and no value is ever echoed: it might be a password in the wrong place.
"""

from __future__ import annotations

import codecs
import difflib
import glob
import ipaddress
import json
import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin
from urllib.parse import SplitResult, urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    IPvAnyNetwork,
    PrivateAttr,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from connector.core.addresses import refused_address, trimmed
from connector.core.enrolment import FIELDS
from connector.core.peers import LOOPBACK, spelled
from connector.core.rules import (
    Activation,
    Duration,
    Forwarding,
    Identifiers,
    Institution,
    Lifecycle,
    Password,
    Rules,
    Safety,
    Section,
)
from connector.errors import ConfigurationError
from connector.plain_files import read_plain
from connector.settings.secrets import find_secret, read_secret, secret_lines

PREFIX = "SCOLPASS_"
FILE_VARIABLE = "SCOLPASS_CONFIG"
USUAL_FILES = (Path("config/scolpass.toml"), Path("/etc/scolpass/scolpass.toml"))
_INIT = "`scolpass init` writes a commented example"


@dataclass(frozen=True, slots=True)
class _Loading:
    """What one call of :func:`load_settings` found, on its way into the models."""

    folder: Path  # relative paths are relative to it
    table: dict[str, Any]
    variables: dict[str, Any]


_loading: ContextVar[_Loading | None] = ContextVar("_loading", default=None)


# --- values -------------------------------------------------------------------------------------


def _folder() -> Path:
    loading = _loading.get()
    return loading.folder if loading else Path.cwd()


def _beside(value: object) -> object:
    """A path relative to the file; symbolic links stay, as secrets are renewed behind them."""
    if not isinstance(value, str | Path):
        return value  # which the model refuses
    if not str(value) or "\0" in str(value):
        raise ValueError("expected a path")
    return _folder() / value


def _pattern(value: str) -> str:
    """Like :func:`_beside` for a glob: signs of the folder's own name are no wildcards."""
    absolute = str(_beside(value))
    if Path(value).is_absolute() or not glob.has_magic(value):
        return absolute
    return str(Path(glob.escape(str(_folder())), value))


def _database(url: str, folder: Path) -> str:
    """A SQLAlchemy URL, that of a relative SQLite file made absolute."""
    if not re.match(r"[a-z][a-z0-9_+]*://", url):
        raise ValueError('expected a SQLAlchemy URL, such as "sqlite:///journal.db"')
    sqlite = re.fullmatch(r"(sqlite(?:\+\w+)?:///)((?:file:)?)([^?]*)(.*)", url, re.DOTALL)
    if sqlite is None or sqlite[3] in ("", ":memory:") or Path(sqlite[3]).is_absolute():
        return url
    return f"{sqlite[1]}{sqlite[2]}{folder / sqlite[3]}{sqlite[4]}"


def _beside_database(url: SecretStr) -> SecretStr:
    return SecretStr(_database(url.get_secret_value(), _folder()))


def _none_if_empty(value: object) -> object:
    return None if value == "" else value


def _encoding(value: str) -> str:
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


def _delimiter(value: str) -> str:
    sign = "\t" if value == r"\t" else value
    if len(sign) != 1 or sign.isalnum() or sign in '"\r\n\0':
        raise ValueError(r'expected one sign, such as ";", "," or "\t"')
    return sign


# The directives of strptime that tell a day, and those that tell something else or nothing.
_DAYS = (
    {"Y", "m", "d"},
    {"Y", "b", "d"},
    {"Y", "B", "d"},
    {"Y", "j"},
    {"G", "V", "u"},  # by the ISO week
)
_BESIDE = frozenset("HIMSfpzZ%")


def _date_format(value: str) -> str:
    directives = re.findall(r"%(.?)", value, re.DOTALL)
    telling = [one for one in directives if one not in _BESIDE]
    repeated = {one for one in directives if one != "%" and directives.count(one) > 1}
    if set(telling) not in _DAYS or repeated:
        raise ValueError(
            'expected a date format with day, month and four-digit year, such as "%d/%m/%Y"'
        )
    return value


def _columns(value: Mapping[str, str]) -> Mapping[str, str]:
    unknown = sorted(set(value) - set(FIELDS))
    if unknown:
        fields = ", ".join(FIELDS)
        raise ValueError(f"no such field: {', '.join(unknown)}; expected some of: {fields}")
    empty = sorted(name for name, column in value.items() if not column.strip())
    if empty:
        raise ValueError(f"expected the name of a column for {', '.join(empty)}")
    return value


def _url_parts(value: str) -> SplitResult | None:
    """The parts of a URL with a host, and without a login, a query or a fragment; else None."""
    try:
        parts = urlsplit(value)
        usable = bool(parts.hostname) and parts.port != 0  # reading the port checks it
    except ValueError:
        return None
    plain = value.isprintable() and not re.search(r"[\s@?#]", value)
    return parts if usable and plain else None


def _ldap_uri(value: str) -> str:
    parts = _url_parts(value)
    if parts is None or parts.scheme not in ("ldap", "ldaps") or parts.path not in ("", "/"):
        raise ValueError('expected "ldaps://host:port" or "ldap://host:port"')
    return parts.scheme + value[len(parts.scheme) :].rstrip("/")  # urlsplit has lowered the scheme


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _dn(value: str) -> str:
    if not re.fullmatch(r"([A-Za-z][A-Za-z0-9-]*|\d+(\.\d+)+) *= *[^\x00-\x1f]+", value):
        raise ValueError('expected a DN, such as "ou=people,dc=univ,dc=fr"')
    return value


def _address_and_port(value: str) -> str:
    found = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})", value)
    if found is None or int(found[2]) > 65_535:
        raise ValueError('expected "host:port", such as "127.0.0.1:8080" or "[::1]:8080"')
    return value


def _address_and_port_if_any(value: str) -> str:
    return _address_and_port(value) if value else value


def _public_url(value: str) -> str:
    parts = _url_parts(value)
    if value and (parts is None or parts.scheme not in ("https", "http")):
        raise ValueError('expected a URL, such as "https://ent.univ.fr"')
    return value.rstrip("/")


def _mail_address(value: str) -> str:
    # The institution's own mail server knows private domains, too.
    if refused_address(value, (), anywhere=False) is not None:
        raise ValueError('expected a mail address, such as "exploitation@univ.fr"')
    return trimmed(value)


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


FilePath = Annotated[Path, BeforeValidator(_beside)]
OptionalFile = Annotated[FilePath | None, BeforeValidator(_none_if_empty)]
DatabaseUrl = Annotated[SecretStr, AfterValidator(_beside_database)]
Dn = Annotated[str, AfterValidator(_dn)]
MailAddress = Annotated[str, AfterValidator(_mail_address)]


# --- sections -----------------------------------------------------------------------------------


class _Source(Section):
    date_format: Annotated[str, AfterValidator(_date_format)] = "%d/%m/%Y"
    # our field: their column; a field that is not here is looked for under its own name
    columns: Annotated[Mapping[str, str], AfterValidator(_columns)] = Field(default_factory=dict)


class CsvSource(_Source):
    """The register as a file, or several that a glob finds."""

    kind: Literal["csv"]
    path: Annotated[str, AfterValidator(_pattern)]  # absolute; a glob is allowed
    encoding: Annotated[str, AfterValidator(_encoding)] = "utf-8"  # a BOM is for the reader
    delimiter: Annotated[str, AfterValidator(_delimiter)] = ";"


class SqlSource(_Source):
    """The register as the answer to a query."""

    kind: Literal["sql"]
    url: DatabaseUrl | None = None
    url_file: OptionalFile = None
    query: str = Field(min_length=1)
    time_limit: int = Field(default=600, ge=1, le=86_400)  # seconds, from connecting to the end

    @model_validator(mode="after")
    def _one_url(self) -> SqlSource:
        if (self.url is None) == (self.url_file is None):
            raise ValueError("url: expected either url or url_file")
        return self

    def database_url(self) -> SecretStr:
        """The SQLAlchemy URL, from the configuration or its own file.

        Raises:
            ConfigurationError: the file is missing, open to others, or holds no URL.
        """
        if self.url is not None:
            return self.url
        assert self.url_file is not None
        secret = read_secret(self.url_file).get_secret_value().strip()
        try:
            return SecretStr(_database(secret, self.url_file.parent))
        except ValueError as error:
            raise ConfigurationError(
                f"{self.url_file}: {error}", "Write the URL on one line"
            ) from None


class Directory(Section):
    """The OpenLDAP directory and the service account."""

    uris: tuple[Annotated[str, AfterValidator(_ldap_uri)], ...] = Field(min_length=1)
    starttls: bool = False
    ca_file: OptionalFile = None  # None: the system's certificates
    bind_dn: Dn
    bind_password_file: FilePath = Field(default=Path("directory.password"))
    people_dn: Dn
    # From where a provisional password may be used; slapd's access rule has the same list.
    first_connection_from: tuple[Annotated[str, AfterValidator(spelled)], ...] = Field(
        default=LOOPBACK, min_length=1
    )
    connect_timeout: int = Field(default=5, ge=1, le=3600)  # seconds
    receive_timeout: int = Field(default=30, ge=1, le=3600)  # seconds
    connections: int = Field(default=4, ge=1, le=64)

    @model_validator(mode="after")
    def _nothing_in_clear(self) -> Directory:
        for uri in self.uris:
            encrypted = uri.startswith("ldaps:")
            if encrypted and self.starttls:
                raise ValueError(
                    "starttls: expected false with ldaps://, which is encrypted already"
                )
            if (
                not encrypted
                and not self.starttls
                and not _is_loopback(urlsplit(uri).hostname or "")
            ):
                raise ValueError(
                    f"uris: expected ldaps://, or starttls = true: {uri} is not on this machine"
                )
        return self


class Spool(Section):
    """Where event files appear."""

    path: FilePath = Field(default=Path("spool"))


class Webhook(Section):
    """Signed events over HTTP; without the file there are none."""

    secrets_file: OptionalFile = Field(default=Path("webhook.secrets"))


class Amqp(Section):
    """Events from RabbitMQ; without the file there are none."""

    url_file: OptionalFile = Field(default=Path("amqp.url"))
    queue: str = Field(default="scolpass.events", min_length=1, max_length=255)


class Events(Section):
    """The ways events arrive."""

    spool: Spool = Field(default_factory=Spool)
    webhook: Webhook = Field(default_factory=Webhook)
    amqp: Amqp = Field(default_factory=Amqp)


class Journal(Section):
    """Where scolpass remembers; the URL may hold a password."""

    url: DatabaseUrl = Field(default=SecretStr("sqlite:///journal.db"))


class Keys(Section):
    """What provisional passwords are sealed with."""

    file: FilePath = Field(default=Path("scolpass.key"))


class Log(Section):
    """What is logged, and where to."""

    level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_lower)] = "info"
    file: OptionalFile = None  # None: stderr


class Daemon(Section):
    """How often the daemon looks."""

    sync_every: Duration = timedelta(minutes=1)
    full_every: Duration = timedelta(hours=24)


class Http(Section):
    """Where the daemon listens, and under which URL the world sees it."""

    listen: Annotated[str, AfterValidator(_address_and_port)] = "127.0.0.1:8080"
    public_url: Annotated[str, AfterValidator(_public_url)] = ""  # without a slash at its end
    trusted_proxies: tuple[IPvAnyNetwork, ...] = ("127.0.0.1/32", "::1/128")  # type: ignore[assignment]
    probes_listen: Annotated[str, AfterValidator(_address_and_port_if_any)] = ""  # none of its own

    @property
    def probes(self) -> tuple[str, int] | None:
        """Address and port of the listener for the signs of life; None: there is none."""
        host, _, port = self.probes_listen.rpartition(":")
        return (host.strip("[]"), int(port)) if host else None

    @property
    def host(self) -> str:
        """The address to listen on, an IPv6 one without brackets."""
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """The TCP port to listen on."""
        return int(self.listen.rpartition(":")[2])


class Mail(Section):
    """How mails leave; while not enabled they are only logged."""

    enabled: bool = False
    host: str = Field(default="127.0.0.1", min_length=1)
    port: int = Field(default=25, ge=1, le=65_535)
    sender: MailAddress | None = None
    starttls: bool = False
    user: str = ""  # empty: the server asks for none
    password_file: FilePath = Field(default=Path("mail.password"))

    @model_validator(mode="after")
    def _has_a_sender(self) -> Mail:
        if self.enabled and self.sender is None:
            raise ValueError("sender: expected a mail address, as mail is enabled")
        return self

    @model_validator(mode="after")
    def _no_password_in_clear(self) -> Mail:
        if self.user and not self.starttls and not _is_loopback(self.host):
            raise ValueError("starttls: expected true with a user, as host is not this machine")
        return self

    def password(self) -> SecretStr | None:
        """What ``user`` is proven by; None where there is no user.

        Raises:
            ConfigurationError: the file is missing, open to others, or empty.
        """
        return read_secret(self.password_file) if self.user else None


class Alerts(Section):
    """Who hears of trouble."""

    to: tuple[MailAddress, ...] = ()
    webhook_url_file: OptionalFile = Field(default=Path("alerts.url"))


class Settings(BaseSettings):
    """The whole configuration, frozen. It holds no secret but URLs, which print as asterisks."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", validate_default=True, hide_input_in_errors=True
    )

    institution: Institution
    source: Annotated[CsvSource | SqlSource, Field(discriminator="kind")]
    directory: Directory
    identifiers: Identifiers = Field(default_factory=Identifiers)
    password: Password
    activation: Activation = Field(default_factory=Activation)
    forwarding: Forwarding = Field(default_factory=Forwarding)
    lifecycle: Lifecycle = Field(default_factory=Lifecycle)
    events: Events = Field(default_factory=Events)
    safety: Safety = Field(default_factory=Safety)
    journal: Journal = Field(default_factory=Journal)
    keys: Keys = Field(default_factory=Keys)
    log: Log = Field(default_factory=Log)
    daemon: Daemon = Field(default_factory=Daemon)
    http: Http = Field(default_factory=Http)
    mail: Mail = Field(default_factory=Mail)
    alerts: Alerts = Field(default_factory=Alerts)

    _file: Path = PrivateAttr(default=Path())
    _warnings: tuple[str, ...] = PrivateAttr(default=())

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Variables over the file, both as read by :func:`load_settings`.

        pydantic-settings' own reading of the environment knows neither lists separated by commas
        nor which variable a mistake came from.
        """
        loading = _loading.get()
        if loading is None:
            return (init_settings,)
        return (
            init_settings,
            InitSettingsSource(settings_cls, loading.variables),
            InitSettingsSource(settings_cls, loading.table),
        )

    @property
    def file(self) -> Path:
        """The configuration file, absolute."""
        return self._file

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is odd and no error: variables that override nothing."""
        return self._warnings

    @cached_property
    def rules(self) -> Rules:
        """What the core reasons with."""
        return Rules(
            institution=self.institution,
            people_dn=self.directory.people_dn,
            identifiers=self.identifiers,
            provisional=self.password.provisional,
            own_password=self.password.own,
            activation=self.activation,
            forwarding=self.forwarding,
            lifecycle=self.lifecycle,
            safety=self.safety,
        )

    def texts(self, kind: str, shipped: Path) -> Path:
        """The folder of the institution's own texts of one kind, else of those shipped.

        Args:
            kind: letters, mail or charter; its own stand in a folder of that name beside the
                configuration file.
            shipped: the folder with all kinds.
        """
        own = self._file.parent / kind
        return own if own.is_dir() else shipped / kind

    def directory_password(self) -> SecretStr:
        """The service account's password. Raises :class:`ConfigurationError`."""
        return read_secret(self.directory.bind_password_file)

    def sealing_keys(self) -> tuple[SecretStr, ...]:
        """The keys that seal provisional passwords, the current one first.

        Raises:
            ConfigurationError: no such file, open to others, or without a key.
        """
        return secret_lines(self.keys.file)

    def webhook_secrets(self) -> tuple[SecretStr, ...]:
        """The secrets that sign webhooks; none if there is no such file.

        Raises:
            ConfigurationError: the file is there and open to others, or without a secret.
        """
        path = self.events.webhook.secrets_file
        return secret_lines(path) if path and find_secret(path) else ()

    def amqp_url(self) -> SecretStr | None:
        """Where RabbitMQ is; None if there is no such file.

        Raises:
            ConfigurationError: the file is there and open to others, or empty.
        """
        path = self.events.amqp.url_file
        return secret_lines(path)[0] if path and find_secret(path) else None

    def alerts_webhook(self) -> SecretStr | None:
        """The URL that alerts are posted to; None if there is no such file.

        Raises:
            ConfigurationError: the file is there and open to others, or empty.
        """
        path = self.alerts.webhook_url_file
        return secret_lines(path)[0] if path and find_secret(path) else None


# --- loading ------------------------------------------------------------------------------------


def load_settings(path: Path | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the configuration: ``path``, else $SCOLPASS_CONFIG, else the first of the usual files.

    Raises:
        ConfigurationError: no file, an unreadable one, or mistakes in it; all of them are named,
            one a line. What is odd and no mistake is in ``warnings`` of the result.
    """
    file = _find_file(path, environ).absolute()
    table = _read_table(file)
    variables, names, warnings = _read_variables(environ)
    token = _loading.set(_Loading(file.parent, table, variables))
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
        _loading.reset(token)
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
                yield from (((*prefix, name, key), str) for key in FIELDS)
    else:
        for part in get_args(annotation):
            yield from _keys_of(part, prefix)


def _variable(path: Sequence[str]) -> str:
    return PREFIX + "__".join(path).upper()


def _read_variables(
    environ: Mapping[str, str],
) -> tuple[dict[str, Any], dict[tuple[str, ...], str], list[str]]:
    """The SCOLPASS_ variables as (a table, their names by key, warnings)."""
    known = {_variable(path): (path, kind) for path, kind in _keys_of(Settings)}
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
    if path[:2] in (["source", "csv"], ["source", "sql"]):
        del path[1]  # pydantic's mark of the chosen model, no key of ours
    kind, message = found["type"], str(found["msg"])
    if kind.startswith("union_tag"):
        path.append("kind")
        message = 'expected "csv" or "sql"'
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
        if named := re.match(r"([a-z_]+): (?=expected)", message):
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
    """Whether ``path`` is there, or cannot be looked at: reading it will say what is wrong."""
    try:
        return path.exists()
    except OSError:
        return True
