"""What a result code of the directory means, and the cure.

A code alone says too little: slapd answers constraintViolation (19) for a value that somebody else
has, for a rule on values and for its password policy, and adminLimitExceeded (11) for limits on
searches and on the size of an entry. So the row also depends on what was asked, and on slapd's
own words (its diagnostic message, RFC 4511, 4.1.9), tried on slapd 2.5.13.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connector.errors import EntryError, Refused, Transient

BUSY, UNAVAILABLE = 51, 52  # another try may succeed at once (RFC 4511, appendix A)
NO_SUCH_OBJECT, MALFORMED_DN = 32, 34
NOT_ON_NON_LEAF = 66


@dataclass(frozen=True, slots=True)
class Row:
    """One meaning of one code. The first row that fits applies."""

    code: int
    meaning: str
    cure: str
    words: str = ""  # a pattern in slapd's own words, upper or lower case
    writing: bool | None = None  # True: for writes only; False: for searches only


_LIMITS = 'for the service account, as in olcLimits: dn.exact="DN" time=unlimited size=unlimited'
_LIMITS += " size.prtotal=unlimited"
_RIGHTS = "Give the service account the rights of deploy/openldap; `scolpass check` tries each."
_LOG = "See the server's log."

ROWS = (
    Row(
        1,
        "the server cannot work as it is set up (operationsError)",
        "See the server's log, and check the servers that it depends on (chain, translucent).",
    ),
    Row(3, "the time limit was exceeded", f"Lift time {_LIMITS}."),
    Row(4, "the size limit was exceeded", f"Lift size and size.prtotal {_LIMITS}."),
    Row(
        8,
        "the server requires stronger authentication (olcRequires, olcSecurity)",
        "Use ldaps:// or directory.starttls = true.",
    ),
    Row(10, "a referral", "Name the server that holds the data in directory.uris."),
    Row(
        11,
        "the entry is larger than the database allows",
        "Raise olcDbMaxEntrySize, or remove it; see which attribute of the entry is so large.",
        writing=True,
    ),
    Row(
        11,
        "an administrative limit was exceeded",
        "Most often it is size.unchecked, and an index is missing "
        f"(`scolpass check`); otherwise size.hard or time.hard. Lift it {_LIMITS}.",
    ),
    Row(
        12,
        "the server does not support a control that scolpass needs",
        "Assertion (RFC 4528) and paged results (RFC 2696) must not be switched off.",
    ),
    Row(
        13,
        "the server requires an encrypted connection",
        "Use ldaps:// or directory.starttls = true.",
    ),
    Row(16, "no such attribute or value", "Somebody removed it; the next sync sees it."),
    Row(
        17,
        "the schema does not know an attribute",
        "Load the schema that `scolpass init` writes; `scolpass check` names what is missing.",
    ),
    Row(
        19,
        "another entry holds the same value",
        "Find it by the filter above, as the directory's administrator: the service account may "
        "not see it. Correct the entry that is wrong.",
        words="unique",
    ),
    Row(
        19,
        "a rule on values was broken (overlay constraint)",
        "See olcConstraintAttribute for the attribute named; the one of deploy/openldap allows "
        "what scolpass writes.",
        words="breaks constraint",
    ),
    Row(
        19,
        "the password policy refused the password",
        "See the policy that applies to the entry. scolpass stores hashes, which a policy accepts "
        "if the account has manage on userPassword: `scolpass check` tries it.",
        words="password",
    ),
    Row(
        19,
        "an attribute is maintained by the server itself",
        "It may not be written; see which overlay maintains it.",
        words="no user modification",
    ),
    Row(
        19,
        "an attribute allows one value only",
        "Remove the other value from the entry; somebody else has put it there.",
        words="multiple values",
    ),
    Row(
        19,
        "a constraint was violated",
        f"{_LOG} It comes from an overlay (unique, constraint, ppolicy).",
    ),
    Row(20, "a value is there already", "Somebody else added it; the next sync sees it."),
    Row(
        21,
        "a value does not have the form that the schema requires",
        "Correct it in the register, or see the schema of the attribute named.",
    ),
    Row(32, "no such entry", "It was deleted in between; the next sync sees it."),
    Row(34, "a DN is malformed", "See directory.people_dn and identifiers.uid."),
    Row(
        49,
        "the credentials were refused",
        "See directory.bind_dn and the password in directory.bind_password_file.",
    ),
    Row(
        50,
        "the service account itself has to change its password first",
        "Remove pwdReset from its entry, and give it a policy with pwdMustChange FALSE.",
        words="restricted to bind",
    ),
    Row(50, "insufficient access rights", _RIGHTS),
    Row(
        53,
        "the server is a replica, which accepts no writes",
        "Name the server that accepts them first in directory.uris.",
        words="shadow context",
    ),
    Row(
        53,
        "the server holds no such tree",
        "See directory.uris and directory.people_dn.",
        words="no global superior",
    ),
    Row(
        53,
        "the server is read-only",
        "See olcReadOnly and olcRestrict, of the database and of cn=config.",
        words="operation restricted|read-only",
    ),
    Row(
        53, "the server is unwilling to do it", "See olcReadOnly, olcRestrict and the server's log."
    ),
    Row(
        64,
        "the entry's name does not match its values",
        "Compare identifiers.uid with the entry's uid.",
    ),
    Row(65, "an object class was violated", "See the entry's structural class and the schema."),
    Row(
        NOT_ON_NON_LEAF,
        "there are entries below it",
        "Delete or move the entries below it, then run `scolpass sync`, which does the rest.",
    ),
    Row(68, "the entry exists already", "The next sync looks at it again."),
    Row(
        69,
        "the structural class of an entry cannot be changed",
        "Delete the entry; the next sync makes it again.",
    ),
    Row(
        80,
        "an internal error of the server (disk full?)",
        "See the server's log and its olcDbMaxSize.",
    ),
    Row(
        122,
        "the entry changed between plan and write",
        "Nothing was overwritten; the next sync plans it again.",
    ),
)


def meaning_of(code: int, said: str, otherwise: str, *, writing: bool) -> tuple[str, str]:
    """What an answer means, and the cure.

    Args:
        code: the result code.
        said: slapd's own words.
        otherwise: the code's name in RFC 4511, for a code that is not in the table.
        writing: whether it answers a write, as opposed to a search.
    """
    for row in ROWS:
        asked = row.writing is None or row.writing is writing
        if row.code == code and asked and re.search(row.words, said, re.IGNORECASE):
            return row.meaning, row.cure
    return otherwise, _LOG


def answer_meaning(result: Mapping[str, Any], *, writing: bool) -> tuple[str, str]:
    """What a connection's latest result means, and the cure; see :func:`meaning_of`."""
    said = result.get("message") or ""
    return meaning_of(result["result"], said, result["description"], writing=writing)


def entry_error(doing: str, dn: str, result: Mapping[str, Any]) -> EntryError:
    """The error for the result code (RFC 4511, 4.1.9) of one write."""
    code = result["result"]
    said = (result.get("message") or "").strip()
    if code in (BUSY, UNAVAILABLE):
        state = "busy" if code == BUSY else "unavailable"
        return Transient(f"{doing} {dn}: the server is {state} (result {code})")
    meaning, cure = answer_meaning(result, writing=True)
    detail = f": {said}" if said else ""
    return Refused(f"{doing} {dn}: {meaning} (result {code}){detail}", cure)
