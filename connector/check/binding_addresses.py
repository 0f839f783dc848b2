"""From where a provisional password may be used, as the directory's access rules have it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from connector.check.case import Case, Findings
from connector.check.findings import INIT, Finding, unseen, warning, wrong
from connector.core import peers
from connector.core.dn import is_within
from connector.core.peers import Rule
from connector.edges.ldap import probes

_AREA = "first connection"
_FILTERS = (
    "(pwdreset=true)",
    "(&(supannetuid=*)(pwdreset=true))",
    "(&(pwdreset=true)(supannetuid=*))",
)
_SETTING = "directory.first_connection_from"


def first_connection(case: Case) -> Findings:
    """Examine the rule that binds entries with ``pwdReset: TRUE`` from listed addresses only."""
    if case.identity is None:
        yield unseen(_AREA, "not examined, as the people branch was not found")
        return
    rules = [peers.read_rule(value) for value in case.access_rules()]
    if not rules:
        yield warning(
            _AREA,
            f"the access rules cannot be read, so it is not known whether {_SETTING} holds: to "
            "slapd a bind with a provisional password is a success, and most services look no "
            "further",
            f"Let the service account read olcAccess, by the rule in {INIT} (4-config.ldif). "
            + how_to_see(case),
        )
    else:
        yield from _judged(case, rules)
    address = probes.own_address(case.server)
    if address is not None and not peers.covers(_listed(case), address):
        yield warning(
            _AREA,
            f"this machine reaches the directory from {address}, which {_SETTING} does not name: "
            "scolpass' pages on this machine would let no student in",
            f"Add {address} there and to the access rule, unless the pages run elsewhere, or the "
            "directory sees this machine under another address.",
        )


def _judged(case: Case, rules: Sequence[Rule]) -> Findings:
    place = next((n for n, rule in enumerate(rules) if _is_ours(rule, case)), None)
    if place is None:
        yield wrong(
            _AREA,
            "no access rule keeps provisional passwords to the first connection: a service that "
            "asks slapd alone (Apache, RADIUS, a VPN, IMAP) lets in who has never activated",
            f"Add the first rule of {INIT}:\n{_addition(case)}\n{how_to_see(case)}",
        )
        return
    rule = rules[place]
    before = [
        str(n)
        for n, other in enumerate(rules[:place])
        if other.may_concern_passwords and (other.lets("anonymous") or other.lets("self"))
    ]
    if before:
        yield wrong(
            _AREA,
            f"the rule that keeps provisional passwords to the first connection, {{{place}}}, "
            f"stands behind one that decides before it: {{{'}, {'.join(before)}}}",
            f"Delete it ({{{place}}}), and add it before all others:\n{_addition(case)}",
        )
        return
    trouble = list(_compared(case, rule, place))
    yield from trouble
    if not trouble:
        yield Finding(
            _AREA,
            f"a provisional password opens only from {', '.join(_listed(case))} (rule {{{place}}})"
            f". {how_to_see(case)}",
        )


def _compared(case: Case, rule: Rule, place: int) -> Findings:
    """The addresses in the rule, beside those in the configuration."""
    renew = f"Replace rule {{{place}}}: delete it, and add:\n{_addition(case, place)}"
    bind, change = rule.origins("anonymous", "auth"), rule.origins("self", "=xw")
    if bind is None or change is None or rule.is_open_to("anonymous") or rule.is_open_to("self"):
        yield wrong(
            _AREA,
            f"rule {{{place}}}, which is to keep provisional passwords to the first connection, "
            "lets them be used from anywhere",
            renew,
        )
        return
    listed = _listed(case)
    more = [one for one in bind if not peers.is_within(one, listed)]
    lacking = [one for one in listed if not peers.is_within(one, bind)]
    halves = [one for one in listed if one not in lacking and not peers.is_within(one, change)]
    if more:
        yield warning(
            _AREA,
            f"rule {{{place}}} takes provisional passwords from {', '.join(more)}, too, which "
            f"{_SETTING} does not name",
            f"Add it to {_SETTING} if it is meant. Else {renew[0].lower()}{renew[1:]}",
        )
    if lacking:
        yield wrong(
            _AREA,
            f"{_SETTING} names {', '.join(lacking)}, and rule {{{place}}} takes no provisional "
            "password from there: the right one is refused like a wrong one, and five lock it",
            renew,
        )
    if halves:
        yield wrong(
            _AREA,
            f"from {', '.join(halves)} a provisional password is taken, and cannot be changed",
            renew,
        )


def _is_ours(rule: Rule, case: Case) -> bool:
    """Whether a rule applies to the passwords of all students who must change theirs."""
    filters = re.search(r"\bfilter=(\S+)", rule.what, re.IGNORECASE)
    if filters is None or filters[1].strip('"').casefold() not in _FILTERS:
        return False
    if not rule.may_concern_passwords:
        return False
    place = re.search(r'\bdn(?:\.(\w+))?="([^"]*)"', rule.what, re.IGNORECASE)
    if place is None:
        return True
    style = (place[1] or "base").casefold()
    return style in ("children", "sub", "subtree") and is_within(
        case.settings.directory.people_dn, place[2]
    )


def _listed(case: Case) -> tuple[str, ...]:
    return case.settings.directory.first_connection_from


def _addition(case: Case, place: int = 0) -> str:
    rule = case.definition_rules()[0]
    return (
        f"dn: {case.database_dn()}\nchangetype: modify\nadd: olcAccess\n"
        f"olcAccess: {{{place}}}{rule}"
    )


def how_to_see(case: Case) -> str:
    """What to type on another machine to see that the rule works."""
    uri = case.settings.directory.uris[0]
    host = urlsplit(uri).hostname or ""
    if host in ("localhost", "::1") or host.startswith("127."):
        uri = "ldap://THIS-MACHINE"
    people = case.settings.directory.people_dn
    return (
        "To see it, type on a machine that is not listed, with a provisional password: "
        f"ldapwhoami -x -H {uri} -D uid=STUDENT,{people} -W; "
        'right is "Invalid credentials (49)" (it counts as a failure).'
    )
