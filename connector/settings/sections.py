"""What can be set: the sections of the configuration, frozen in one :class:`Settings`.

The sections that the core reasons with are the models of :mod:`connector.core.rules`; the others
are here. :func:`connector.settings.loading.load_settings` is the only reader of them. A mistake is
named by file or variable, key and what was expected, all of them at once, and no value is ever
echoed: it might be a password in the wrong place.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    IPvAnyNetwork,
    PrivateAttr,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from connector.core.calendar import ends_too_early
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
from connector.settings.console_section import Console
from connector.settings.secrets import find_secret, read_secret, secret_lines
from connector.settings.values import (
    address_and_port,
    address_and_port_if_any,
    beside,
    beside_database,
    checked_columns,
    checked_database,
    checked_date_format,
    checked_delimiter,
    checked_dn,
    checked_encoding,
    checked_lower,
    checked_pattern,
    checked_public_url,
    checked_values,
    is_loopback,
    ldap_uri,
    loading,
    mail_address,
    none_if_empty,
)

FilePath = Annotated[Path, BeforeValidator(beside)]
OptionalFile = Annotated[FilePath | None, BeforeValidator(none_if_empty)]
DatabaseUrl = Annotated[SecretStr, AfterValidator(beside_database)]
Dn = Annotated[str, AfterValidator(checked_dn)]
Columns = Annotated[Mapping[str, str], AfterValidator(checked_columns)]
Codes = Annotated[Mapping[str, Mapping[str, str]], AfterValidator(checked_values)]
LogLevel = Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(checked_lower)]
MailAddress = Annotated[str, AfterValidator(mail_address)]


# --- sections -----------------------------------------------------------------------------------


class _Source(Section):
    date_format: Annotated[str, AfterValidator(checked_date_format)] = "%d/%m/%Y"
    # our field: their column; one that is missing is looked for under its own name
    columns: Columns = Field(default_factory=dict)
    values: Codes = Field(default_factory=dict)  # our field: their code: what it means here


class FileSource(_Source):
    """The register as a file, or several that a glob finds."""

    path: Annotated[str, AfterValidator(checked_pattern)]  # absolute; a glob is allowed


class CsvSource(FileSource):
    """A file of lines and cells."""

    kind: Literal["csv"]
    encoding: Annotated[str, AfterValidator(checked_encoding)] = "utf-8"  # a BOM is for the reader
    delimiter: Annotated[str, AfterValidator(checked_delimiter)] = ";"


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
            return SecretStr(checked_database(secret, self.url_file.parent))
        except ValueError as error:
            raise ConfigurationError(
                f"{self.url_file}: {error}", "Write the URL on one line"
            ) from None


class Directory(Section):
    """The OpenLDAP directory and the service account."""

    uris: tuple[Annotated[str, AfterValidator(ldap_uri)], ...] = Field(min_length=1)
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
                and not is_loopback(urlsplit(uri).hostname or "")
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


class Broker(Section):
    """A broker that events come from; without the file with its URL there are none."""

    url_file: OptionalFile

    def url(self) -> SecretStr | None:
        """Where it is; None if there is no such file.

        Raises:
            ConfigurationError: the file is there and open to others, or empty.
        """
        return _first_line(self.url_file)


class Amqp(Broker):
    """Events from RabbitMQ; without the file there are none."""

    url_file: OptionalFile = Field(default=Path("amqp.url"))
    queue: str = Field(default="scolpass.events", min_length=1, max_length=255)


class Events(Section):
    """The ways events arrive."""

    spool: Spool = Field(default_factory=Spool)
    webhook: Webhook = Field(default_factory=Webhook)
    amqp: Amqp = Field(default_factory=Amqp)

    @property
    def brokers(self) -> tuple[Broker, ...]:
        """Every broker that can be configured."""
        return tuple(section for _, section in self if isinstance(section, Broker))


class Journal(Section):
    """Where scolpass remembers; the URL may hold a password."""

    url: DatabaseUrl = Field(default=SecretStr("sqlite:///journal.db"))


class Keys(Section):
    """What provisional passwords are sealed with."""

    file: FilePath = Field(default=Path("scolpass.key"))


class Log(Section):
    """What is logged, and where to."""

    level: LogLevel = "info"
    file: OptionalFile = None  # None: stderr


class Daemon(Section):
    """How often the daemon looks."""

    sync_every: Duration = timedelta(minutes=1)
    full_every: Duration = timedelta(hours=24)


class Http(Section):
    """Where the daemon listens, and under which URL the world sees it."""

    listen: Annotated[str, AfterValidator(address_and_port)] = "127.0.0.1:8080"
    public_url: Annotated[str, AfterValidator(checked_public_url)] = ""  # no slash at its end
    trusted_proxies: tuple[IPvAnyNetwork, ...] = ("127.0.0.1/32", "::1/128")  # type: ignore[assignment]
    probes_listen: Annotated[str, AfterValidator(address_and_port_if_any)] = ""  # none of its own

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
        if self.user and not self.starttls and not is_loopback(self.host):
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


Source = CsvSource | SqlSource  # told apart by their kind


class Settings(BaseSettings):
    """The whole configuration, frozen. It holds no secret but URLs, which print as asterisks."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", validate_default=True, hide_input_in_errors=True
    )

    institution: Institution
    source: Annotated[Source, Field(discriminator="kind")]
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
    console: Console = Field(default_factory=Console)
    mail: Mail = Field(default_factory=Mail)
    alerts: Alerts = Field(default_factory=Alerts)

    @field_validator("lifecycle")
    @classmethod
    def _a_year_counts_to_its_end(cls, lifecycle: Lifecycle, info: ValidationInfo) -> Lifecycle:
        institution = info.data.get("institution")
        if isinstance(institution, Institution) and (
            last := ends_too_early(lifecycle, institution)
        ):
            raise ValueError(
                f"cutoff: expected {last:%m-%d} or a later day of that calendar year, as an "
                "academic year lasts until then (institution.academic_year_start)"
            )
        return lifecycle

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
        found = loading.get()
        if found is None:
            return (init_settings,)
        return (
            init_settings,
            InitSettingsSource(settings_cls, found.variables),
            InitSettingsSource(settings_cls, found.table),
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

    def alerts_webhook(self) -> SecretStr | None:
        """The URL that alerts are posted to; None if there is no such file.

        Raises:
            ConfigurationError: the file is there and open to others, or empty.
        """
        return _first_line(self.alerts.webhook_url_file)


def _first_line(file: Path | None) -> SecretStr | None:
    """The secret in a file that may be absent."""
    return secret_lines(file)[0] if file and find_secret(file) else None
