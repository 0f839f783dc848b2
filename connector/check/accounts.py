"""The accounts: whose they are, and which policy applies to them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from connector.check.case import Case, Census, Findings
from connector.check.findings import Finding, hint, warning, wrong
from connector.core.account import State
from connector.core.counting import many
from connector.core.dn import is_below
from connector.core.situations import unclear_numbers
from connector.edges.ldap import passwords, probes


def accounts(case: Case) -> Findings:
    """Every entry with a student number, counted."""
    census = _count_accounts(case)
    case.census = census
    total = len(census.dns)
    yield Finding(
        "accounts", f"{many(total, 'entry', 'entries')} with a student number: read whole"
    )
    if case.populated and not total:
        yield hint(
            "accounts",
            f"{case.settings.directory.people_dn} has entries, and the service account sees no "
            "student among them",
            "If students are there, see the access rules: what it may not see it takes for absent.",
        )
    if census.shared:
        yield Finding(
            "accounts",
            f"also somebody else's (staff), so that only identity and enrolment are kept true: "
            f"{many(census.shared, 'entry', 'entries')}",
        )
    if census.twins:
        yield warning(
            "accounts",
            f"with a number that another entry has as well, or with several: "
            f"{many(census.unclear, 'entry', 'entries')}, which every sync leaves alone",
            "Find out whose entries they are, and take the number off the wrong one "
            "(`scolpass situations ambiguous` lists them).",
            sorted(census.twins),
        )
    if census.outside:
        yield warning(
            "accounts",
            f"not under {case.settings.directory.people_dn}: "
            f"{many(len(census.outside), 'entry', 'entries')} with a student number, which every "
            "sync leaves alone",
            "Move them there, or mend directory.people_dn.",
            census.outside,
        )
    dangling = [dn for dn in census.policies if passwords.policy_at(case.server, dn) is None]
    for dn in dangling:
        yield wrong(
            "accounts",
            f"never locked nor closed, as the policy {dn} that they name is not there: "
            f"{many(len(census.policies[dn]), 'account')}",
            "Add that policy, or take pwdPolicySubentry off those entries.",
            census.policies[dn],
        )
    yield from _without_guard(census)


def _without_guard(census: Census) -> Iterator[Finding]:
    """Accounts that have no password, or one that no policy guards."""
    bare = sorted(census.bare)
    if bare:
        yield warning(
            "accounts",
            f"without a password, so that nobody can sign in: {many(len(bare), 'account')}",
            "Each: `scolpass show NUMBER` says what gives it one, a reissue most often.",
            bare,
        )
    if census.unguarded:
        yield warning(
            "accounts",
            "not under the provisional policy, which alone guards six digits: "
            f"{many(len(census.unguarded), 'inactive account')}",
            "Run `scolpass sync`, which puts them back under it; else see `scolpass show NUMBER`.",
            census.unguarded,
        )


def _count_accounts(case: Case) -> Census:
    census = Census()
    below: list[Sequence[str]] = []  # the numbers on each entry of the branch
    others: list[Sequence[str]] = []
    people = case.server.people_dn
    without = passwords.without_password(case.server, case.tree)
    provisional = case.server.spelled(case.settings.password.provisional.policy_dn)
    for account in probes.census(case.server, case.tree):
        numbers = account.numbers
        if is_below(account.dn, people) and account.is_person:
            below.append(account.every_number)
        else:
            others.append(account.every_number)
        for number in numbers:
            census.dns.setdefault(number, account.dn)
            census.born[number] = account.birth_date
        if not is_below(account.dn, people):
            census.outside.append(account.dn)
        policy = account.policy
        if policy is not None:
            census.policies.setdefault(policy, []).append(numbers[0])
        if account.is_shared_person:
            census.shared += 1
            continue
        if census.example is None and is_below(account.dn, people):
            census.example = account.dn
        state = account.current.state
        if account.dn in without:
            if state not in (None, State.EXPIRED):  # a return, or a run, gives those one
                census.bare.append(numbers[0])
        elif account.must_change:
            if state is not State.EXPIRED:  # of which no letter is printed any more
                census.must_change.add(numbers[0])
            if state is State.INACTIVE and not account.is_under(provisional):
                census.unguarded.append(numbers[0])
    census.twins = unclear_numbers((*below, *others))
    census.unclear = sum(not census.twins.isdisjoint(numbers) for numbers in below)
    return census
