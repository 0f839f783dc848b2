"""What the service account may and may not do, and what a stranger can see."""

from __future__ import annotations

import re

from connector.check.case import Case, Findings
from connector.check.findings import INIT, Finding, hint, unseen, warning, wrong
from connector.core import peers
from connector.core.catalogue import ATTRIBUTES, NUMBER, Grant, Part
from connector.core.ldap_filter import absent
from connector.edges.ldap import passwords, probes
from connector.edges.ldap.attributes import first_values
from connector.edges.ldap.probes import SAMPLE

# What is tried in a student's entry: whole attributes, and values among others'.
AMONG_OTHERS = {
    row.name: row.tried
    for row in ATTRIBUTES.values()
    if row.tried and (row.grant is Grant.WRITE_OURS or row.part is Part.CLASS)
}
WHOLE = {
    row.name: row.tried for row in ATTRIBUTES.values() if row.tried and row.name not in AMONG_OTHERS
}

_NAMES = ("cn", "Check Scolpass", "scolpass-check-0")  # what no student's entry can be left with


def rights(case: Case) -> Findings:
    """What the service account may and may not do, and what a stranger can see."""
    directory, settings = case.server, case.settings
    if case.census is None or case.census.example is None:
        yield unseen(
            "rights",
            "what the service account may write: there is no student yet to try on, so the first "
            "sync tells",
        )
    else:
        yield _may_change(case, case.census.example)
    yield from _may_give_a_number(case)
    yield from _forbidden(case)
    shown = probes.passwords_shown(directory, case.tree)
    if shown:
        yield wrong(
            "rights",
            f"the service account can read passwords: it was given {shown} hashes among "
            f"{SAMPLE} entries",
            f"Put the access rules of {INIT} before your own, and see that the service account "
            "is not the rootdn.",
        )
    else:
        yield Finding("rights", "the service account is shown no password")
    students, hashes = probes.stranger(directory, case.tree)
    if hashes:
        yield wrong(
            "rights",
            f"a stranger can read passwords: {hashes} hashes were given without signing in",
            "Close userPassword: olcAccess: to attrs=userPassword by self =xw by anonymous auth "
            "by * none",
        )
    elif students:
        yield hint(
            "rights",
            "a stranger is shown no password, but is shown students' entries",
            "If that is not meant, end your rules with: olcAccess: to * by self read by * none",
        )
    else:
        yield Finding("rights", "a stranger is shown neither passwords nor students")
    own = probes.policy_of(directory, settings.directory.bind_dn)
    policy = passwords.policy_at(directory, own) if own else None
    if policy is None or first_values(policy).get("pwdLockout", "FALSE").upper() == "TRUE":
        yield warning(
            "rights",
            f"{settings.directory.bind_dn} is not kept from being locked out: a few wrong "
            "passwords of any stranger may stop scolpass",
            "Give it pwdPolicySubentry: a policy with pwdLockout FALSE (5-tree.ldif of "
            "`scolpass init`).",
        )
    else:
        yield Finding("rights", "no stranger can lock the service account out")


def _may_change(case: Case, dn: str) -> Finding:
    directory = case.server
    whole = WHOLE | {"pwdPolicySubentry": case.settings.password.provisional.policy_dn}
    answer = probes.would_modify(directory, dn, whole, AMONG_OTHERS, fails_at=_NAMES)
    if answer.allowed:
        count = len(whole) + len(AMONG_OTHERS)
        return Finding(
            "rights", f"all {count} attributes of ours can be changed (tried on {dn}, not made)"
        )
    if not answer.forbidden:
        return wrong(
            "rights",
            f"the directory would refuse a change of {dn}: {answer.words} (result {answer.code})",
            "See schema, overlays and policies below. For userPassword the service account needs "
            f"`manage`, as in {INIT}.",
        )
    lacking = [
        name
        for name, value in whole.items()
        if probes.would_modify(directory, dn, {name: value}, fails_at=_NAMES).forbidden
    ]
    lacking += [
        name
        for name, value in AMONG_OTHERS.items()
        if probes.would_modify(directory, dn, {}, {name: value}, fails_at=_NAMES).forbidden
    ]
    return wrong(
        "rights",
        f"the service account may not change {', '.join(lacking)} (tried on {dn})",
        f"Put the access rules of {INIT} (4-config.ldif) before your own.",
    )


def _may_give_a_number(case: Case) -> Findings:
    """The right that a link needs; tried where an entry without a number stands."""
    nobodys = "".join(absent(row.name) for row in ATTRIBUTES.values() if row.part is Part.NUMBER)
    wanted = f"(&(objectClass=person){nobodys}(!(eduPersonAffiliation=*)))"
    dn = probes.first_of(case.server, case.settings.directory.people_dn, wanted)
    if dn is None:
        return
    if probes.would_add(case.server, dn, NUMBER, "scolpass-check").forbidden:
        yield warning(
            "rights",
            f"the service account may not give a student number to an entry that has none (tried "
            f"on {dn}): what `scolpass link` decides cannot be carried out",
            f"Put the access rules of {INIT} (4-config.ldif) before your own.",
        )
    else:
        yield Finding("rights", f"a number can be given to an entry that has none (tried on {dn})")


def as_defined(case: Case) -> Findings:
    """The wording of the access rules, for what cannot be tried (what a student may not write)."""
    live = {peers.same_text(rule) for rule in case.access_rules()}
    if not live:
        return  # said with the first connection
    ours = case.definition_rules()[1:]  # the first one is examined with the first connection
    lacking = [rule for rule in ours if peers.same_text(rule) not in live]
    if lacking:
        about = (re.search(r"\battrs=(\S+)", rule) for rule in lacking)
        yield hint(
            "rights",
            f"{len(lacking)} of the {len(ours)} other access rules that `scolpass init` writes are "
            "not there word by word; what a student may write, and what nobody may, was not tried. "
            "They speak of: "
            + "; ".join(
                dict.fromkeys(_short(found[1]) if found else "the rest" for found in about)
            ),
            f"Compare them with {INIT} (4-config.ldif); deploy/openldap/README.md says what each "
            "is for.",
        )
    else:
        yield Finding("rights", f"all {len(ours)} other access rules of ours are there, as written")


def _short(attributes: str) -> str:
    names = attributes.split(",")
    return ",".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _forbidden(case: Case) -> Findings:
    """What must be refused to a service account with just the rights that it needs."""
    settings, directory = case.settings, case.server
    policy_dn = settings.password.provisional.policy_dn
    tries = {
        "the provisional policy": (policy_dn, ("pwdMaxFailure", "5", "999999999")),
        "its own entry": (settings.directory.bind_dn, ("cn", "x", "y")),
        "the people branch": (settings.directory.people_dn, ("description", "x", "y")),
    }
    staff = probes.first_of(
        directory, settings.directory.people_dn, "(&(uid=*)(!(supannEtuId=*))(objectClass=person))"
    )
    if staff is not None:
        tries["entries of staff"] = (staff, ("sn", "x", "y"))
    allowed = [
        what
        for what, (dn, fails_at) in tries.items()
        if probes.would_modify(directory, dn, {}, fails_at=fails_at).allowed
    ]
    if allowed:
        yield warning(
            "rights",
            f"the service account may do more than it needs: it can change {', '.join(allowed)}",
            f"Do not use the rootdn; give the account only the rules of {INIT}.",
        )
    else:
        yield Finding("rights", f"the service account is kept from {', '.join(tries)}")
