"""Whatever a plan or an event can say has its French: each sentence in the code that says it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.core.lifecycle import decide
from connector.core.rules import Rules
from connector.core.sentence import why
from connector.core.situations import Candidate, undecided
from connector.render.report.french import in_french
from tests.support.examples import examples
from tests.support.sentences import HOLE, sentences
from tests.unit.core.builders import ENROLLED, facts, inactive
from tests.unit.core.test_reasons_of_lives import RULES, STEPS, step

# Where reasons, refusals and notes are made.
SPEAKING = (
    *("core.plan", "core.grounds", "core.lifecycle", "core.transitions", "core.newcomers"),
    *("core.enrolment", "core.feed", "core.codes", "core.situations", "core.rulings"),
    *("core.supann", "core.supann_writing", "core.desired", "core.remembered", "core.holding"),
    *("walk.matching", "walk.newcomers", "walk.gather", "walk.rows"),
    *("edges.register.records", "edges.register.columns"),
    *("core.evidence", "core.addresses", "desk.recipients"),
)
RAISED = ("_Bad", "BadEvent")  # whose texts are reasons
# What is no such sentence.
OTHERS = {
    "(provisional password)",
    "the entries of {}",
    "{} {} a good row, {} had one in the last run: {} fewer ({}.{} %), "
    "and safety.max_feed_drop = {} allows {} fewer",
    "expected one of {}",
    "in use when it was adopted",
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)",
    'expected "M.", "Mme", or "" for none',
    'expected an academic year such as "2026"',
    'expected "", as a day is read by source.date_format',
}
# Parts of sentences, and the sentences that they make.
PARTS = {
    "no enrolment": "no enrolment: the value student ends, the entry is also somebody else's",
    "{}: the value student ends, the entry is also somebody else's": "the cutoff {} has passed: "
    "the value student ends, the entry is also somebody else's",
    "{} {} from what is right": "{} differ from what is right",
    " and {} more": "",
    "student has": "",
    "students have": "",
    "{} a civility that scolpass does not know, and get none: {}{}. [source.values.civility] can "
    "say what it means": "2,031 students have a civility that scolpass does not know, and get "
    "none: 'X' (2,030) and 1 more. [source.values.civility] can say what it means",
    "an unknown day": "expired since an unknown day; the retention is over",
    "{} again": "enrolled in {} again",
    "{} again before the old cutoff": "enrolled in {} again before the old cutoff",
    "{} after the account had expired": "enrolled in {} after the account had expired",
    "{} and no later one counts": "the academic year {} is over and no later one counts",
    "the suspension was taken back{}": "the suspension was taken back: {}",
    "{} by {} on {} ({})": "protected by {} on {} ({})",
    "linked to {}": "linked to {} by {} on {} ({})",
    "not the student of {}": "not the student of {} by {} on {} ({})",
    # of letters
    "the account is {}": "the account is suspended",
    "the account is {} with the next sync": "the account is expired with the next sync",
    "is over": "the provisional password is over",
    "has not been valid since {}": "the provisional password has not been valid since {}",
    "is locked{}": "the provisional password is locked until {}",
    "has been locked for good{}": "the provisional password has been locked for good since {}",
    "the provisional password {}; {}": "the provisional password is over; {}",
    "the directory keeps the account closed{}; see `scolpass show`": "the directory keeps the "
    "account closed until {}; see `scolpass show`",
    " since {}": "",
    " until {}": "",
    # of `undecided`, which is tried below
    "has an entry that may be theirs": "",
    "may be the person of": "",
    "have a wrong number there corrected to {}, or ": "",
    "; and {} more": "",
    "{}: {}{}; {}decide with `scolpass link {} DN` or `scolpass distinct {} DN`": "",
}
VALUES = ("X1", "enrolled in 2026/2027")  # some text, and a clause
ENGLISH = re.compile(r"\b(the|has|was|and|is|are|with|of|or|no|in|by|it|more|have|to)\b")


def told() -> list[str]:
    found = [s for m in SPEAKING for s in sentences(m, *RAISED) if s not in OTHERS]
    return list(dict.fromkeys(PARTS.get(one, one) for one in found))


def is_said(sentence: str) -> bool:
    """Whether it has its French, whatever stands in its holes."""
    whole = re.sub(r"^\{\}: ", "", sentence.removeprefix("; "))
    parts = whole.split(HOLE)
    for values in product(VALUES, repeat=len(parts) - 1):
        text = "".join(x for pair in zip(parts, (*values, ""), strict=True) for x in pair)
        found = in_french(text)
        if found is not None:
            left = re.sub(r"`[^`]*`|\[[^]]*\]|X1", "", found)
            return ENGLISH.search(left) is None
    return False


@pytest.mark.parametrize("sentence", [one for one in told() if one])
def test_each_sentence_of_a_plan_has_its_french(sentence: str) -> None:
    assert is_said(sentence), f"{sentence!r} has no French in render/report/texts/french.toml"


def test_what_is_excepted_is_there() -> None:
    """An exception for a sentence that is gone would hide the next one like it."""
    found = {one for module in SPEAKING for one in sentences(module, *RAISED)}
    assert (OTHERS | PARTS.keys()) - found == set()


def test_candidates_are_told_in_french() -> None:
    one = Candidate("uid=a,dc=b", ("ine", "login_or_address"), ("birth_date", "student_number"))
    other = Candidate("uid=b,dc=b", (), ("first_name",))
    for those in ((one,), (other,), (one, other), (one,) * 9):
        found = in_french(undecided("22", those))
        assert found is not None
        assert "uid=" in found
        assert ENGLISH.search(re.sub(r"`[^`]*`", "", found)) is None, found
        assert not re.search("agrees|differs|birth|address|number", found), found


@given(st.sampled_from(RULES), st.lists(st.tuples(STEPS, st.integers(0, 130)), max_size=14))
@settings(max_examples=examples(40), deadline=None)
def test_why_an_account_is_as_it_is_has_its_french(
    chosen: Rules, steps: list[tuple[str, int]]
) -> None:
    life = inactive(rules=chosen, of=facts())
    day, year = ENROLLED, 2026
    for what, days in steps:
        day += timedelta(days=days)
        year = step(life, what, day, year)
        for known in (life.facts, replace(life.facts, sealed=None)):
            sentence = why(known, decide(known, chosen, day), chosen, day)
            found = in_french(sentence)
            assert found is not None, sentence
            typed = re.compile("charter breached|all is well|lost")
            assert ENGLISH.search(typed.sub("", found)) is None, found
            assert found[0].isupper()
            assert found.endswith(".")
        life.on(day)
        life.admin(rename=False)
