"""What the journal has to remember of an account once a decision is in the directory."""

from __future__ import annotations

from dataclasses import replace

from connector.core.account import Account, State
from connector.core.desired import Address, Desired, Leave
from connector.core.dialect import Compared, Terms
from connector.core.lifecycle import directory_year
from connector.core.model import Action, Decision, Facts, Known


def remember(
    facts: Facts, decision: Decision, desired: Desired, compared: Compared, terms: Terms
) -> Known:
    """What the journal has to know of the account once the decision is in the directory."""
    account = facts.account
    known = facts.known
    mail = _mails(account, desired)
    if known is None:
        assert account is not None
        given = "" if isinstance(desired.uid, Leave) else desired.uid
        known = Known(
            dn=account.dn,
            uid=account.uid or given,
            address=(account.address or "").lower() or (mail[0] if mail else ""),
            cutoff=account.current.end,
        )
    known = replace(
        known,
        dn=account.dn if account else known.dn,
        address=mail[0] if mail and known.address not in mail else known.address,
        directory_year=None
        if facts.override.force
        else directory_year(facts, terms.rules.lifecycle),
        wrote=compared.wrote,
    )
    if decision.shared_person:
        return replace(known, state=None, since=None, cutoff=decision.end or known.cutoff)
    expired = decision.state is State.EXPIRED
    end = decision.end
    if not compared.changed and account is not None:
        end = account.current.end
    announced = known.announced_on if end == known.announced_end else terms.today
    restarted = decision.action is Action.RESTORE and decision.draws_password
    written_on = None if decision.action is Action.EXPIRE else known.expiry_written_on
    return replace(
        known,
        state=decision.state,
        since=decision.start,
        cutoff=decision.end or known.cutoff,
        adopted_active=(known.adopted_active or decision.adopted_active) and not restarted,
        adopted_suspended=known.adopted_suspended or decision.adopted_suspended,
        ending=(decision.ending or known.ending) if expired else None,
        expiry_written_on=(written_on or terms.today) if expired else None,
        announced_end=end,
        announced_on=announced if end is not None else None,
    )


def _mails(account: Account | None, desired: Desired) -> list[str]:
    """The addresses in use once the account is as desired."""
    current = [] if account is None else [value.lower() for value in account.mails]
    address = desired.address
    if isinstance(address, Address) and (address.renames or not current):
        return [address.value.lower()]
    return current
