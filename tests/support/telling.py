"""A configuration of which only the alerts matter, and the mail server that they leave by."""

from __future__ import annotations

import json
from pathlib import Path

from connector.settings.loading import load_settings
from connector.settings.sections import Settings

INSTITUTION = "Université de Montpellier"
SHORT = f"""
[institution]
name = "{INSTITUTION}"
uai = "0342490X"
mail_domain = "etu.umontpellier.fr"
[source]
kind = "csv"
path = "enrolments.csv"
[directory]
uris = ["ldap://127.0.0.1:3890"]
bind_dn = "cn=scolpass,ou=services,dc=umontpellier,dc=fr"
people_dn = "ou=people,dc=umontpellier,dc=fr"
[password.provisional]
policy_dn = "cn=provisional,ou=policies,dc=umontpellier,dc=fr"
"""


def telling(
    folder: Path, *to: str, url: str | None = None, mail: bool = True, port: int = 25
) -> Settings:
    """Settings in a folder, whose alerts go to addresses and to a URL in a secret file.

    Args:
        folder: where the files are written.
        to: addresses.
        url: the webhook's; None: there is no such file.
        mail: whether mail is enabled.
        port: of the mail server on loopback.
    """
    secret = folder / "alerts.url"
    secret.unlink(missing_ok=True)
    if url is not None:
        secret.touch(0o600)
        secret.write_text(url)
    file = folder / "scolpass.toml"
    file.write_text(
        f"{SHORT}[alerts]\nto = {json.dumps(to)}\n"
        f'[mail]\nenabled = {json.dumps(mail)}\nport = {port}\nsender = "scolpass@univ.fr"\n'
    )
    return load_settings(file, {})
