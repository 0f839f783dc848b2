"""The ways into the console: the provider answers, and there are groups that give roles."""

from __future__ import annotations

from connector.check.case import Case, Findings
from connector.check.findings import Finding, hint, warning
from connector.core.dn import is_within, rdn_of
from connector.core.roles import role_by_groups
from connector.edges.ldap.reading import MEMBERSHIP
from connector.edges.openid import Provider
from connector.errors import ConfigurationError, Refused, Transient

AREA = "console"


def provider(case: Case) -> Findings:
    """Whether the provider answers, and what a proxy is believed from."""
    settings, console = case.settings, case.settings.console
    if "header" in console.signin:
        believed = ", ".join(map(str, settings.http.trusted_proxies)) or "nowhere"
        yield Finding(AREA, f"the header {console.header} is believed from {believed}")
    if "oidc" not in console.signin:
        return
    if not settings.http.public_url:
        yield warning(
            AREA,
            "http.public_url is empty, and the provider sends operators back to it",
            'Set it, such as "https://ent.univ.fr".',
        )
    asked = Provider(console.issuer, console.client_id, console.client_secret, console.scopes, "")
    try:
        asked.begin()
    except ConfigurationError:
        return  # said with the other secrets
    except (Refused, Transient) as error:
        yield warning(AREA, error.message, error.cure)
        return
    yield Finding(AREA, f"{console.issuer}: answers, and says where to sign in")


def groups(case: Case) -> Findings:
    """Whether groups of the directory give roles, where it is searched for them."""
    console = case.settings.console
    by_claim = console.role_claim and not {"header", "ldap"} & set(console.signin)
    if not console.signin or by_claim:
        return
    base = console.groups_dn or case.tree
    held = "".join(f"({name}=*)" for name in MEMBERSHIP)
    given: set[str] = set()
    for item in case.server.search(case.tree, f"(|{held})", ["1.1"], "looking for groups"):
        given.add(item.dn)
        if is_within(item.dn, base):
            given |= {value.casefold() for name, value in rdn_of(item.dn) if name.lower() == "cn"}
    wanted = {role: group.casefold() for role, group in console.role_groups.by_role.items()}
    there = [role for role, name in wanted.items() if role_by_groups({role: name}, [*given])]
    missing = [console.role_groups.group(role) for role in wanted if role not in there]
    if not there:
        yield warning(
            AREA,
            f"none of the groups that give a role is below {base}: {', '.join(missing)}",
            "Make them, or name yours in [console.role_groups]; see console.groups_dn.",
        )
        return
    yield Finding(AREA, f"groups of the directory give the roles {', '.join(there)}")
    if missing:
        yield hint(
            AREA,
            f"there is no group {', '.join(missing)} with a member below {base}",
            "Make them if somebody is to have these roles.",
        )
