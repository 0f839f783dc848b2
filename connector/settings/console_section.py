"""The section ``[console]``: how operators sign in, and what gives them their roles."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from connector.core.roles import Role
from connector.core.rules import Duration, Section
from connector.settings.secrets import read_secret
from connector.settings.values import beside, checked_dn, checked_public_url, is_loopback

SignIn = Literal["oidc", "header", "ldap"]


def _issuer(value: str) -> str:
    plain = checked_public_url(value).startswith("http://")
    if plain and not is_loopback(urlsplit(value).hostname or ""):
        raise ValueError("expected https://, unless the provider is on this machine")
    return value  # to the letter: its own documents repeat it (OpenID Connect Discovery, 4.3)


def _header(value: str) -> str:
    # RFC 9110, 5.1; an underscore is taken for a dash by some servers.
    if not re.fullmatch(r"[A-Za-z0-9-]+", value):
        raise ValueError('expected the name of a header, such as "X-Remote-User"')
    return value


def _dn_if_any(value: str) -> str:
    return checked_dn(value) if value else value


class RoleGroups(Section):
    """The group that gives each role: its name, or its DN."""

    reader: str = Field(default="for.scolpass.reader", min_length=1)
    enrolment: str = Field(default="for.scolpass.enrolment", min_length=1)
    desk: str = Field(default="for.scolpass.desk", min_length=1)
    approver: str = Field(default="for.scolpass.approver", min_length=1)
    admin: str = Field(default="for.scolpass.admin", min_length=1)

    def group(self, role: Role) -> str:
        """The group that gives this role."""
        found: str = getattr(self, role.value)
        return found

    @property
    def by_role(self) -> Mapping[Role, str]:
        """The group that gives each role."""
        return {role: self.group(role) for role in Role}


class Console(Section):
    """How operators sign in to the console; by none: only by the emergency link."""

    signin: tuple[SignIn, ...] = ()
    issuer: Annotated[str, AfterValidator(_issuer)] = ""
    client_id: str = "scolpass"
    client_secret_file: Annotated[Path, BeforeValidator(beside)] = Field(
        default=Path("console.secret")
    )
    scopes: tuple[str, ...] = ("openid", "profile")
    # Only "sub" is a user's own for good (OpenID Connect Core, 5.7).
    name_claim: str = Field(default="sub", min_length=1)
    role_claim: str = ""  # empty: the groups are searched in the directory
    role_groups: RoleGroups = Field(default_factory=RoleGroups)
    groups_dn: Annotated[str, AfterValidator(_dn_if_any)] = ""  # empty: the whole tree
    header: Annotated[str, AfterValidator(_header)] = "X-Remote-User"
    idle: Duration = timedelta(minutes=30)
    lifetime: Duration = timedelta(hours=10)
    looks_kept: Duration = timedelta(days=365)

    @model_validator(mode="after")
    def _is_whole(self) -> Console:
        if len(set(self.signin)) < len(self.signin):
            raise ValueError("signin: expected each way once")
        if "oidc" in self.signin and not self.issuer:
            raise ValueError('issuer: expected the URL of the provider, as signin has "oidc"')
        if "oidc" in self.signin and "openid" not in self.scopes:
            raise ValueError('scopes: expected "openid" among them (OpenID Connect Core, 3.1.2.1)')
        if self.idle > self.lifetime:
            raise ValueError("idle: expected at most lifetime")
        return self

    def client_secret(self) -> SecretStr:
        """What the provider knows us by.

        Raises:
            ConfigurationError: the file is missing, open to others, or empty.
        """
        return read_secret(self.client_secret_file)
