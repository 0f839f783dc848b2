"""The password policies, and what guessing could open under them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from connector.check.case import Case, Findings
from connector.check.findings import INIT, Finding, hint, unseen, warning, wrong
from connector.edges.ldap import passwords
from connector.edges.ldap.attributes import first_values
from connector.edges.ldap.preflight import default_policy_of

_MOST_FAILURES = 5  # ASVS 5.0, V6.1.1, as the contract has it
_LEAST_LENGTH = 8  # ASVS 5.0, V6.2.1


def policies(case: Case) -> Findings:
    """Both policies exist and guard what they should."""
    provisional_dn = case.settings.password.provisional.policy_dn
    default_dn = default_policy_of(provisional_dn)
    if case.config is not None:
        named = case.of_config("olcPPolicyDefault")
        if named:
            default_dn = named[0]
        elif "ppolicy" in {name.lower() for name in case.of_config("olcOverlay")}:
            yield wrong(
                "policies",
                "ppolicy has no default policy: once a student has changed the password nothing "
                "closes the account any more, pwdEndTime is not looked at",
                f"Set on the overlay: olcPPolicyDefault: {default_dn}",
            )
    provisional = passwords.policy_at(case.server, provisional_dn)
    if provisional is None:
        yield wrong(
            "policies",
            f"the provisional policy {provisional_dn} is not there, or cannot be read: without it "
            "slapd applies none at all, six digits open everything, and are never locked",
            "Add it (5-tree.ldif of `scolpass init`), or mend password.provisional.policy_dn.",
        )
    else:
        yield from _provisional_policy(provisional_dn, first_values(provisional))
    default = passwords.policy_at(case.server, default_dn)
    if default is None:
        yield wrong(
            "policies",
            f"the default policy {default_dn} is not there, or cannot be read: without it accounts "
            "that name none have none, and pwdEndTime does not close them",
            "Add it (5-tree.ldif of `scolpass init`), or have olcPPolicyDefault name yours.",
        )
    else:
        yield from _default_policy(default_dn, first_values(default))
    yield from _hashing(case)


def _count(policy: Mapping[str, str], name: str) -> int:
    text = policy.get(name, "0")
    return int(text) if text.isdecimal() else 0


def _is_true(policy: Mapping[str, str], name: str, absent: str) -> bool:
    return policy.get(name, absent).upper() == "TRUE"


def _provisional_policy(dn: str, policy: Mapping[str, str]) -> Findings:
    fatal: list[tuple[str, str]] = []
    failures = _count(policy, "pwdMaxFailure")
    if not _is_true(policy, "pwdLockout", "FALSE") or failures == 0:
        fatal.append(("nothing is ever locked", "pwdLockout: TRUE and pwdMaxFailure: 5"))
    if not _is_true(policy, "pwdMustChange", "FALSE"):
        fatal.append(
            (
                "slapd does not look at pwdReset, so that six digits open everything",
                "pwdMustChange: TRUE",
            )
        )
    if not _is_true(policy, "pwdAllowUserChange", "TRUE"):
        fatal.append(("the student may not change the password", "pwdAllowUserChange: TRUE"))
    for seen, value in fatal:
        yield wrong("policies", f"{dn}: {seen}", f"Set in that entry: {value}")
    weak: list[tuple[str, str]] = []
    if duration := _count(policy, "pwdLockoutDuration"):
        # No lock at all is wrong; for one that ends the figure says how much it is worth.
        weak.append((f"a lock ends by itself after {duration} s", "pwdLockoutDuration: 0"))
    if failures > _MOST_FAILURES:
        weak.append((f"{failures} failures lock, more than {_MOST_FAILURES}", "pwdMaxFailure: 5"))
    if window := _count(policy, "pwdFailureCountInterval"):
        weak.append(
            (
                f"a failure is forgotten after {window} s: a patient guesser is never locked",
                "pwdFailureCountInterval: 0",
            )
        )
    if "pwdMaxAge" in policy and _count(policy, "pwdMaxAge"):
        weak.append(
            (
                "pwdMaxAge ends no provisional password (slapd asks for pwdReset first), and may "
                "end a new one",
                "no pwdMaxAge; the last day is pwdEndTime",
            )
        )
    weak += _quality(policy) + _delay(policy)
    for seen, value in weak:
        yield warning("policies", f"{dn}: {seen}", f"Set in that entry: {value}")
    if not fatal and not weak:
        yield Finding("policies", f"{dn} locks for good after {failures} failures")


def _default_policy(dn: str, policy: Mapping[str, str]) -> Findings:
    weak: list[tuple[str, str]] = []
    if not _is_true(policy, "pwdLockout", "FALSE") or not _count(policy, "pwdMaxFailure"):
        weak.append(
            (
                "nothing is ever locked",
                "pwdLockout: TRUE, pwdMaxFailure: 10, pwdFailureCountInterval: 900, "
                "pwdLockoutDuration: 900",
            )
        )
    elif not _count(policy, "pwdLockoutDuration"):
        weak.append(
            (
                "a lock stays for good, so that any stranger can shut anybody out",
                "pwdLockoutDuration: 900",
            )
        )
    if not _is_true(policy, "pwdMustChange", "FALSE"):
        weak.append(("slapd does not look at pwdReset", "pwdMustChange: TRUE"))
    weak += _quality(policy) + _delay(policy)
    for seen, value in weak:
        yield warning("policies", f"{dn} (default): {seen}", f"Set in that entry: {value}")
    if not weak:
        yield Finding(
            "policies",
            f"{dn} (default): locks for {_count(policy, 'pwdLockoutDuration')} s after "
            f"{_count(policy, 'pwdMaxFailure')} failures",
        )


def _delay(policy: Mapping[str, str]) -> list[tuple[str, str]]:
    if not _count(policy, "pwdMinDelay"):
        return []
    return [
        ("one wrong password may abort slapd (2.5.13 does, with pwdMinDelay)", "no pwdMinDelay")
    ]


def _quality(policy: Mapping[str, str]) -> list[tuple[str, str]]:
    """What a new password of the student's own must be."""
    weak = []
    if _count(policy, "pwdMinLength") < _LEAST_LENGTH:
        weak.append(
            (
                f"a new password may be shorter than {_LEAST_LENGTH} characters",
                f"pwdMinLength: {_LEAST_LENGTH}",
            )
        )
    if _count(policy, "pwdCheckQuality") < 1:
        weak.append(("a new password is not looked at", "pwdCheckQuality: 2"))
    return weak


def _hashing(case: Case) -> Findings:
    if case.config is None:
        yield unseen("policies", "how slapd hashes new passwords: not known without cn=config")
        return
    hashes = case.of_config("olcPasswordHash")
    modules = " ".join(case.of_config("olcModuleLoad")).lower()
    if modules and not re.search(r"(^|[\s/])(pw-)?argon2(\.|\s|$)", modules):
        yield wrong(
            "policies",
            "the module argon2 is not loaded: no provisional password would let anyone in",
            f"Load it by {INIT} (4-config.ldif).",
        )
    if [value.upper() for value in hashes] != ["{ARGON2}"]:
        yield warning(
            "policies",
            f"slapd keeps what students choose as {' '.join(hashes) or '{SSHA}, its default'}",
            "Set on olcDatabase={-1}frontend,cn=config: olcPasswordHash: {ARGON2}",
        )
    else:
        yield Finding("policies", "slapd hashes what students choose with argon2")
    if "ppolicy" in {name.lower() for name in case.of_config("olcOverlay")} and not any(
        value.lower() == "true" for value in case.of_config("olcPPolicyHashCleartext")
    ):
        yield hint(
            "policies",
            "a password that some tool writes by a plain modify is kept in clear",
            "Set on the overlay ppolicy: olcPPolicyHashCleartext: TRUE",
        )


def guessing(case: Case) -> Findings:
    """How many accounts a day guessing could open, from the live policy."""
    found = passwords.guessing(case.server, case.tree, case.settings.password.provisional)
    case.guessing = found
    if found.too_many:
        yield wrong("guessing", found.sentence, found.cure + ".")
    else:
        yield Finding("guessing", found.sentence)
