"""What the journal has to remember of an account once a decision is in the directory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

from connector.core import catalogue
from connector.core.account import Values
from connector.core.lifecycle import directory_year
from connector.core.model import Action, Decision, Facts, Known, State
from connector.core.rules import Rules


def remember(
    facts: Facts,
    decision: Decision,
    whole: Mapping[str, Values],
    rules: Rules,
    today: date,
    *,
    written: bool,
) -> Known:
    """What the journal has to know of the account once the decision is in the directory."""
    account = facts.account
    known = facts.known
    if known is None:
        assert account is not None
        known = Known(
            dn=account.dn,
            uid=account.uid or (whole.get("uid") or ("",))[0],
            address=(account.address or (whole.get("mail") or ("",))[0]).lower(),
            cutoff=account.current.end,
        )
    current = account.mails if account else ()
    mail = [value.lower() for value in whole.get("mail", current)]
    named = catalogue.OPTIONAL & whole.keys()
    wrote = (known.wrote - named) | {name for name in named if whole[name]}
    known = replace(
        known,
        dn=account.dn if account else known.dn,
        address=mail[0] if mail and known.address not in mail else known.address,
        directory_year=None if facts.override.force else directory_year(facts, rules.lifecycle),
        wrote=frozenset(wrote),
    )
    if decision.shared_person:
        return replace(known, state=None, since=None, cutoff=decision.end or known.cutoff)
    expired = decision.state is State.EXPIRED
    end = decision.end
    if not written and account is not None:
        end = account.current.end
    announced = known.announced_on if end == known.announced_end else today
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
        expiry_written_on=(written_on or today) if expired else None,
        announced_end=end,
        announced_on=announced if end is not None else None,
    )
