"""The page of the reference on the verdict: each reason as it is told, with sample details."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from connector.core.model import Rejection
from connector.core.reasons import BESIDE, INSIDE, Reason, Value, words
from connector.core.situations import Candidate
from connector.desk.wording import Reader, texts
from connector.render.verdict import speech

_ZONE = ZoneInfo("Europe/Paris")
_DN = "uid=e22300001,ou=people,dc=umontpellier,dc=fr"
_AT = datetime(2026, 11, 30, 9, 5, tzinfo=UTC)
_OTHER = Candidate("uid=lmartin,ou=people,dc=umontpellier,dc=fr", ("ine",), ("first_name",))
_EVIDENCE = ("password_changed", "backup_mail", "charter")
_SAMPLES: Mapping[str, Value] = {
    "number": "22300001",
    "dn": _DN,
    "since": _AT,
    "at": date(2026, 11, 30),
    "until": date(2027, 12, 31),
    "day": date(2026, 11, 29),
    "year": "2026/2027",
    "who": "roux",
    "missing": _EVIDENCE,
    "failures": 5,
    "policy": "cn=default,ou=policies,dc=umontpellier,dc=fr",
    "state": "expired",
    "digest": "5f0c9a",
    "event": "7f3a",
    "run": 1204,
    "names": ("mail", "pwdEndTime"),
    "action": "expire",
    "grounds": "the cutoff 31/12/2025 has passed",
}
_OWN: Mapping[Reason, Mapping[str, Value]] = {
    Reason.SUSPENDED: {"why": "charter abuse, case 12"},
    Reason.EXPIRED_CANCELLED: {"why": "no enrolment counts any more: cancelled in the register"},
    Reason.LOCKED: {"until": datetime(2026, 11, 30, 9, 20, tzinfo=UTC)},
    Reason.NOT_BEGUN: {"until": datetime(2027, 1, 3, 23, tzinfo=UTC)},
    Reason.NOT_BEGUN_AND_KEPT: {"until": datetime(2027, 1, 3, 23, tzinfo=UTC)},
    Reason.DUE: {"why": "enrolled in 2026/2027"},
    Reason.CANDIDATE: {"why": (_OTHER,), "choice": _OTHER.dn},
    Reason.REFUSED: {
        "why": "the uid e22300001 is reserved for the student 022300001 for ever: see "
        "`scolpass show 022300001`, and have the number corrected in the register that is not right"
    },
    Reason.AMBIGUOUS: {
        "why": "the number stands on several entries, on one with several, or outside: "
        f"{_DN}; {_OTHER.dn}"
    },
    Reason.LINK_FAILED: {
        "why": f"the decision cannot be carried out (linked to {_OTHER.dn} by roux on 30/11/2026 "
        "(INE on paper)): there is no such entry; `scolpass undo 1204 --reason '...'` revokes it"
    },
    Reason.ROW_REJECTED: {
        "why": Rejection(
            "enrolments.csv", 7, "birth_date", "99/10", "is not a date in the format %d/%m/%Y"
        )
    },
    Reason.REGISTER_UNREAD: {"why": "enrolments.csv is refused: it has no rows"},
    Reason.PROTECTED: {"why": "thesis under way"},
    Reason.ANOTHER_PERSON: {"why": (_OTHER,), "choice": _DN},
    Reason.EVENT_WAITING: {"why": None},
    Reason.EVENT_REJECTED: {"why": "data.backup_mail: the address is malformed"},
}
_CLOSED: Mapping[str, Value] = {
    "why": Reason.UNKNOWN_NUMBER,
    "remedy": Reason.UNKNOWN_NUMBER,
    "door": Reason.DOOR_LOCKED,
}


def page(generated: str) -> str:
    """The page; ``generated`` says that nobody should edit it."""
    first = [one for one in Reason if one not in INSIDE | BESIDE]
    beside = [one for one in Reason if one in BESIDE]
    buttons = texts("en")["buttons"]
    rows = "\n".join(
        f"| `{act}` | {name} | {texts('fr')['buttons'][act]} |" for act, name in buttons.items()
    )
    return f"""# The verdict
{generated}
What `show`, console and API say of a student, in the order of the code. Days and names are samples. *act* is what API and console call what mends it; where there is none, the cure is for people, or a command of the operators. Details that are not known are left out.

## The decisive reason

{_desk(first)}
## Said beside it

{_desk(beside)}
## In French

As the console has it: a cure names a button, where `show` names a command.

{_french(first + beside)}
## In the student's words

To be read or sent to the student: `scolpass show STUDENT --for-student`. They are told of nobody else, of no entry, and nothing that somebody typed.

{_students(first)}
## Buttons

| act | English | French |
|---|---|---|
{rows}
"""


def _desk(reasons: list[Reason]) -> str:
    return _table(
        ("reason", "the verdict", "what helps", "act"),
        (
            (f"`{one}`", said.because, said.cure, f"`{said.act}`" if said.act != "none" else "–")
            for one in reasons
            for said in [words(one, _details(one), _ZONE, speech("en", Reader.OPERATOR))]
        ),
    )


def _french(reasons: list[Reason]) -> str:
    return _table(
        ("reason", "le verdict", "ce qui aide"),
        (
            (f"`{one}`", said.because, said.cure)
            for one in reasons
            for said in [words(one, _details(one), _ZONE, speech("fr"))]
        ),
    )


def _students(reasons: list[Reason]) -> str:
    return _table(
        ("reason", "French", "English"),
        (
            (f"`{one}`", *(_of_student(one, language) for language in ("fr", "en")))
            for one in reasons
        ),
    )


def _of_student(reason: Reason, language: str) -> str:
    said = words(reason, _details(reason), _ZONE, speech(language, Reader.STUDENT))
    return f"{said.because} {said.cure}".strip()


def _details(reason: Reason) -> Mapping[str, Value]:
    closed = _CLOSED if reason.name.startswith("NOT_MANAGED") else {}
    return {**_SAMPLES, **closed, **_OWN.get(reason, {})}


def _table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    lines = [" | ".join(cell.replace("|", "\\|") or "–" for cell in line) for line in (head, *rows)]
    lines.insert(1, "|".join("---" for _ in head))
    return "".join(f"| {line} |\n" if line[0] != "-" else f"|{line}|\n" for line in lines)
