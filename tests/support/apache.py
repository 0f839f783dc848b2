"""Debian's Apache, which asks the directory for passwords as its manual says, and knows no more."""

from __future__ import annotations

import base64
import os
import urllib.error
import urllib.request
from pathlib import Path

from tests.support.directory import Directory
from tests.support.ports import free_port
from tests.support.processes import end, serving

_MODULES = Path("/usr/lib/apache2/modules")
_NEEDED = (
    "mpm_event", "authn_core", "authz_core", "authz_user", "auth_basic", "ldap", "authnz_ldap",
    "status",
)  # fmt: skip
_CONFIGURATION = """\
ServerRoot "{folder}"
PidFile "{folder}/pid"
ErrorLog "{folder}/error.log"
DefaultRuntimeDir "{folder}"
Listen 127.0.0.1:{port}
ServerName 127.0.0.1
{modules}
{user}
StartServers 1
ServerLimit 1
DocumentRoot /usr/share
# What it has heard of a password is not remembered, so that each request asks the directory.
LDAPOpCacheTTL 0
LDAPCacheTTL 0
<Location "/">
    AuthType Basic
    AuthName "members"
    AuthBasicProvider ldap
    AuthLDAPURL "{uri}/{people}?uid?sub?(objectClass=*)" NONE
    AuthLDAPBindDN "{dn}"
    AuthLDAPBindPassword "{password}"
    Require valid-user
    SetHandler server-status
</Location>
"""


class Apache:
    """A web server on loopback whose pages are for members (mod_authnz_ldap)."""

    def __init__(self, folder: Path, directory: Directory) -> None:
        folder.mkdir(mode=0o755)
        self._port = free_port()
        self._log = folder / "error.log"
        # It refuses to serve as root.
        user = "User www-data\nGroup www-data" if os.geteuid() == 0 else ""
        text = _CONFIGURATION.format(
            folder=folder,
            port=self._port,
            user=user,
            modules="\n".join(f"LoadModule {n}_module {_MODULES}/mod_{n}.so" for n in _NEEDED),
            uri=directory.uri,
            people=directory.people_dn,
            dn=directory.admin_dn,
            password=directory.admin_password,
        )
        configuration = folder / "apache.conf"
        configuration.write_text(text)
        self._process = serving(
            ["/usr/sbin/apache2", "-f", str(configuration), "-D", "FOREGROUND"],
            self._answers,
            self._log,
        )

    def stop(self) -> None:
        end(self._process)

    def lets_in(self, login: str, password: str) -> bool:
        """Whether a member's page opens for this login and password."""
        status = self._get(base64.b64encode(f"{login}:{password}".encode()).decode())
        assert status in (200, 401), (status, self._log.read_text())
        return status == 200

    def _answers(self) -> bool:
        try:
            return self._get("") == 401
        except OSError:
            return False

    def _get(self, credentials: str) -> int:
        headers = {"Authorization": f"Basic {credentials}"} if credentials else {}
        request = urllib.request.Request(f"http://127.0.0.1:{self._port}/", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code
