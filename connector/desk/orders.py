"""Acts on one account, asked for over the network; each is on the account as it was seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from pydantic import SecretStr

from connector.desk import account
from connector.desk.account import Resynced
from connector.desk.versions import see_that_it_stands
from connector.desk.view import AccountView, account_view
from connector.walk.context import Context
from connector.walk.execution import Report
from connector.walk.resolving import resolve


class Act(StrEnum):
    """What is done to one account at somebody's request."""

    RESYNC = "resync"
    SUSPEND = "suspend"
    RESUME = "resume"
    REISSUE = "reissue"
    RENAME = "rename"
    ERASE = "erase"


@dataclass(frozen=True, slots=True)
class Order:
    """One act on one account."""

    act: Act
    student: str  # number, uid, login or address
    reason: str
    identity_checked_by: str = ""  # how the student at the desk was identified; in the history
    versions: str | None = None  # of the account as it was seen; None: as it is, whatever it is
    force: bool = False  # of a resync: only the rows that the register has now count

    @property
    def why(self) -> str:
        """The reason, as the history has it."""
        if not self.identity_checked_by:
            return self.reason
        return f"{self.reason} (identity checked by {self.identity_checked_by})"


@dataclass(frozen=True, slots=True)
class Done:
    """What became of an order."""

    number: str
    now: AccountView  # as it is once all was done
    resynced: Resynced | None = None
    password: SecretStr | None = field(default=None, repr=False)
    last_day: date | None = None  # on which that password is good


_ACTS: Mapping[Act, Callable[[Context, str, str], Report | None]] = {
    Act.SUSPEND: account.suspend,
    Act.RESUME: account.resume,
    Act.RENAME: account.rename,
    Act.ERASE: account.erase,
}


def carry_out(context: Context, order: Order) -> Done:
    """Do what is asked, if the account is as it was seen.

    The write lock is held from the look to the end, so that of two who act on what both saw, one
    is told what the other has done.

    Raises:
        UnknownStudent: nobody is meant, or more than one.
        NotManaged: only entries are meant that scolpass does not manage.
        Stale: the account has changed since.
        ScolpassError: the account may not be acted on so, or the directory refused it.
        Untrustworthy: a source, the directory or the journal is not to be trusted.
    """
    with context.locked(order.act.value, whole=False):
        number = resolve(context, order.student)
        if order.versions is not None:
            see_that_it_stands(account_view(context, number), order.versions)
        if order.act is Act.RESYNC:
            found = account.resync(context, number, force=order.force, reason=order.why)
            return Done(number, found.now, resynced=found)
        password = last_day = None
        if order.act is Act.REISSUE:
            _, password, last_day = account.reissue(context, number, order.why)
        else:
            _ACTS[order.act](context, number, order.why)
        return Done(number, account_view(context, number), password=password, last_day=last_day)
