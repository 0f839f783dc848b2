"""The words of a verdict: every reason has some, and they use what there is."""

from __future__ import annotations

from datetime import UTC, date, datetime
from string import Formatter

import pytest

from connector.core.reasons import CANNOT_BE_SEEN, DESK, FIELDS, OPENS, Reason, words
from tests.unit.core.builders import RULES

ZONE = RULES.institution.zone
ALL = dict.fromkeys(FIELDS, "something")
SAID_BESIDE_ANOTHER = {Reason.THEN_ACTIVATE, Reason.THEN_CHANGE}  # whose cure comes first


def named(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_words_of_known_fields_and_reads_well_whatever_is_known(
    reason: Reason,
) -> None:
    found = DESK[reason]
    assert named(found.because) | named(found.cure) <= FIELDS
    for fields in (ALL, {"number": "22600001", "dn": "uid=e1"}):
        said = words(reason, fields, ZONE)
        for text in (said.because, said.cure):
            assert "{" not in text
            assert "  " not in text
            assert " ." not in text
            assert "None" not in text


@pytest.mark.parametrize("reason", Reason)
def test_whoever_cannot_sign_in_is_told_what_helps(reason: Reason) -> None:
    assert DESK[reason].cure or reason in OPENS | SAID_BESIDE_ANOTHER


def test_no_reason_both_opens_and_cannot_be_seen() -> None:
    assert not OPENS & CANNOT_BE_SEEN


def test_a_day_is_usable_whole_and_an_instant_is_told_in_the_institutions_time() -> None:
    said = words(Reason.OPEN, {"until": date(2027, 12, 31)}, ZONE).because
    assert said == "The account is active through 31/12/2027, and the directory takes its password."
    at = datetime(2026, 10, 1, 12, 5, tzinfo=UTC)
    said = words(Reason.LOCKED, {"since": at, "until": at, "failures": 10}, ZONE).because
    assert said == (
        "The account has been locked since 01/10/2026 14:05 (10 wrong tries) and stays so "
        "until 01/10/2026 14:05; the lock ends by itself."
    )


def test_a_reason_may_stand_in_for_a_field() -> None:
    fields = {"dn": "uid=a", "why": Reason.NO_NUMBER, "remedy": Reason.NO_NUMBER}
    said = words(Reason.NOT_MANAGED, fields, ZONE)
    assert said.because == (
        "scolpass does not manage uid=a: it has no student number (supannEtuId); "
        "the directory refuses its password."
    )
    assert said.cure == DESK[Reason.NO_NUMBER].cure
