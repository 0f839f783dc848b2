"""Search and lists, asked of the index of people in each kind of database."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from functools import partial
from random import Random
from typing import Any

import pytest

from connector.core.account import State
from connector.core.card import Card, Names, Trouble
from connector.core.situations import Candidate, Situation
from connector.edges.journal import DayFigures, Journal, Listed, RejectedRow, Sorting, sortings
from connector.edges.journal.cursors import Cursor
from connector.errors import UsageError

AT = datetime(2026, 10, 1, 3, 0, tzinfo=UTC)
TODAY = date(2026, 10, 1)
DAY = timedelta(days=1)


def card(number: str | None, first: str = "Léa", last: str = "Martin", **fields: Any) -> Card:
    login = f"{number}@etu.example.org"
    names: dict[str, Any] = {
        "family_name": last,
        "first_name": first,
        "birth_date": date(2004, 2, 1),
    }
    names |= {name: fields.pop(name) for name in Names.__dataclass_fields__ if name in fields}
    known: dict[str, Any] = {"dn": f"uid=e{number},ou=people", "uid": f"e{number}", "login": login}
    known |= {"addresses": (login,), "situation": Situation.LINKED, "state": State.ACTIVE}
    return Card(student_number=number, names=Names(**names), **known | fields)


def keep(journal: Journal, *cards: Card, run: int = 1) -> None:
    journal.file_cards({one.key: one for one in cards}, run=run, mark=run, at=AT)


def numbers(cards: Iterable[Card]) -> list[str | None]:
    return [one.student_number for one in cards]


def found(journal: Journal, text: str) -> list[str | None]:
    return numbers(journal.search_people(text).cards)


# --- search ---------------------------------------------------------------------------------------

SEARCHES = {
    # what is typed: who is found, in this order
    "22600001": ["22600001"],
    "E22600001": ["22600001"],
    "  22600001@ETU.example.org ": ["22600001"],
    "ancienne@etu.example.org": ["22600003"],
    "07abc": ["22600003"],
    "2260000": ["22600001", "22600002", "22600003", "22600004"],
    "martin": ["22600003", "22600001"],
    "MARTI": ["22600003", "22600001"],
    "léa mar": ["22600001"],
    "mar lea": ["22600001"],
    "lea zoe": [],
    "unlu": ["22600002"],
    "Ünlü": ["22600002"],
    "legoff": ["22600004"],
    "le goff": ["22600004"],
    "Jean-Pierre": ["22600004"],
    "jeanpierre": ["22600004"],
    "иван": ["22600003"],
    "01/02/2004": ["22600001", "22600002"],
    "1.2.2004": ["22600001", "22600002"],
    "2004-02-01": ["22600001", "22600002"],
    "01022004": ["22600001", "22600002"],
    "01/02/2004 unl": ["22600002"],
    "31/02/2004": [],
    "dupont": [None],
    "u": ["22600002"],
    "%": [],
    "_artin": [],
    "": [],
    "=": [],
}


def test_what_is_typed_finds_whom_it_means(journal: Journal) -> None:
    keep(
        journal,
        card("22600001"),
        card("22600002", "Zoé", "Ünlü"),
        card(
            "22600003",
            "Иван",
            "Durand",
            usual_name="Martin",
            birth_date=date(2003, 1, 1),
            ine="07ABC",
            addresses=("ancienne@etu.example.org", "ivan.martin@etu.example.org"),
        ),
        card("22600004", "Jean-Pierre", "Le Goff", birth_date=None),
        card(None, "Paul", "Dupont", dn="uid=pdupont,ou=people", uid="pdupont", birth_date=None),
    )
    assert {text: found(journal, text) for text in SEARCHES} == SEARCHES


def test_no_search_and_no_list_shows_an_ine(journal: Journal) -> None:
    keep(journal, card("1", ine="07ABC"))
    [one] = journal.search_people("07abc").cards
    [other] = journal.people_in(Listed.ACTIVE, TODAY).cards
    assert (one.names.ine, other.names.ine, journal.people(["1"])["1"].names.ine) == (None,) * 3
    assert journal.cards(["1"])["1"].names.ine == "07ABC"  # for those who keep it


def test_a_number_that_was_reserved_is_found_by_any_identifier_it_ever_had(
    journal: Journal,
) -> None:
    journal.reserve([("1", "address", "Lea.Noel@etu.example.org")])
    keep(journal, card("1"), card("2"))
    assert found(journal, "lea.noel@ETU.example.org") == ["1"]


def test_rejected_rows_are_found_by_their_number(journal: Journal) -> None:
    row = RejectedRow("a.csv", 3, "birth_date", "31/02/2004", "is no day", "2260000A")
    journal.replace_rejected([row, RejectedRow("a.csv", 9, None, None, "is cut short", None)])
    assert journal.search_people("2260000a").rejected == (row,)
    assert journal.search_people("2260000").rejected == ()


def test_another_name_takes_the_place_of_the_words_of_the_one_before(journal: Journal) -> None:
    keep(journal, card("1", "Léa", "Martin"))
    keep(journal, card("1", "Léa", "Noël"), run=2)
    assert (found(journal, "martin"), found(journal, "noel")) == ([], ["1"])


# --- pages ----------------------------------------------------------------------------------------


def pages(ask: Any, between: Any = None) -> list[str | None]:
    """All pages, one after the other; something may happen in between."""
    seen: list[str | None] = []
    cursor = None
    while True:
        page = ask(cursor)
        seen += numbers(page.cards)
        cursor = page.next
        if cursor is None:
            return seen
        assert len(page.cards) == 3
        if between is not None:
            between()


def crowd(count: int = 40) -> list[Card]:
    """People of whom many have the same name, day or both."""
    chance = Random(7)
    return [
        card(
            str(number),
            chance.choice(["Léa", "Ana", "Mara"]),
            chance.choice(["Martin", "Marin", "Roux"]),
            state=State.INACTIVE,
            since=chance.choice([None, TODAY, TODAY - DAY]),
            until=chance.choice([TODAY, TODAY + DAY]),
            password_until=TODAY + chance.randrange(3) * DAY,
        )
        for number in range(1000, 1000 + count)
    ]


def test_the_pages_of_a_search_are_one_list_whoever_comes_in_between(journal: Journal) -> None:
    people = crowd()
    keep(journal, *people[::2])
    others = iter(people[1::2])

    def come_in() -> None:
        keep(journal, *(p for p in [next(others, None)] if p is not None))

    for text in ("mar", "lea mar", "01/02/2004", "10"):
        ask = partial(_search, journal, text)
        one = numbers(ask(None, 100).cards)
        assert len(one) > 3
        assert len(set(one)) == len(one)
        assert pages(ask) == one
        seen = pages(ask, come_in)
        assert len(set(seen)) == len(seen)
        assert [n for n in seen if n in one] == one


def _search(journal: Journal, text: str, cursor: str | None, limit: int = 3) -> Any:
    return journal.search_people(text, limit=limit, cursor=cursor)


def test_the_pages_of_each_list_are_one_list_in_either_direction(journal: Journal) -> None:
    people = crowd()
    keep(journal, *people)
    two = (Listed.NEVER_ACTIVATED, Listed.PASSWORD_ENDING)
    tried = [(listed, sort, way) for listed in two for sort in sortings(listed) for way in (0, 1)]
    assert len(tried) == 8
    for listed, sort, way in tried:
        ask = partial(_list, journal, (listed, sort, bool(way)))
        whole = ask(None, 100).cards
        values = [(_value(one, sort), one.sort) for one in whole]
        assert values == sorted(values, reverse=bool(way))
        assert sorted(numbers(whole), key=str) == sorted(numbers(people), key=str)
        assert pages(ask) == numbers(whole)


def _list(
    journal: Journal, what: tuple[Listed, Sorting, bool], cursor: str | None, limit: int = 3
) -> Any:
    listed, sort, way = what
    return journal.people_in(listed, TODAY, sort=sort, backwards=way, limit=limit, cursor=cursor)


def _value(one: Card, sort: Sorting) -> str:
    return "" if sort is Sorting.NAME else str(getattr(one, sort.value) or "")


def test_a_cursor_says_nothing_of_the_people_and_fits_one_list_only(journal: Journal) -> None:
    keep(journal, *crowd())
    cursor = journal.people_in(Listed.NEVER_ACTIVATED, TODAY, sort=Sorting.NAME, limit=3).next
    assert cursor is not None
    read = Cursor.read(cursor, "never_activated name")
    assert read is not None
    assert read.value == ""
    search = journal.search_people("martin", limit=3).next
    assert search is not None
    bad = ["", "x", "é", cursor[:-4], cursor + "AAAA", search, "W10", "bnVsbA", "WzEsMiwzXQ"]
    for one in bad[1:]:
        with pytest.raises(UsageError, match="cursor"):
            journal.people_in(Listed.GRACE, TODAY, cursor=one)
    with pytest.raises(UsageError, match="cursor"):
        journal.search_people("martin", cursor=cursor)
    with pytest.raises(UsageError, match="not sorted by"):
        journal.people_in(Listed.CANDIDATES, TODAY, sort=Sorting.UNTIL)
    forged = Cursor("never_activated name", "", 5).text()  # nobody's
    with pytest.raises(UsageError, match="no longer there"):
        journal.people_in(Listed.NEVER_ACTIVATED, TODAY, sort=Sorting.NAME, cursor=forged)


# --- lists and counts -----------------------------------------------------------------------------


def test_each_list_has_its_people_and_is_counted(journal: Journal) -> None:
    candidates = (Candidate("uid=x", ("ine",), ("uid",)),)
    people: dict[Listed, dict[str, Any]] = {
        Listed.NEVER_ACTIVATED: {"state": State.INACTIVE},
        Listed.PASSWORD_ENDING: {"password_until": TODAY},
        Listed.PASSWORD_OVER: {"password_until": TODAY - DAY},
        Listed.SUSPENDED: {"state": State.SUSPENDED},
        Listed.ACTIVE: {"state": State.ACTIVE},
        Listed.GRACE: {"state": State.GRACE},
        Listed.EXPIRED: {"state": State.EXPIRED},
        Listed.WITHOUT_ENROLMENT: {"situation": Situation.WITHOUT_ENROLMENT},
        Listed.CANDIDATES: {"situation": Situation.CANDIDATE, "candidates": candidates},
        Listed.AMBIGUOUS: {"situation": Situation.AMBIGUOUS},
        Listed.PROTECTED: {"situation": Situation.PROTECTED},
        Listed.ENROLLED_NO_ENTRY: {"situation": Situation.ENROLLED_NO_ENTRY},
        Listed.HELD: {"trouble": Trouble.HELD},
        Listed.FAILED: {"trouble": Trouble.FAILED},
    }
    assert people.keys() == set(Listed)
    nothing = {"state": State.PURGED, "situation": Situation.LINKED}
    cards = [card(f"1{n}", **nothing | one) for n, one in enumerate(people.values())]
    keep(
        journal,
        *cards,
        card("20", **nothing, password_until=TODAY + 15 * DAY),
        card(None, dn="uid=x", situation=Situation.CANDIDATE, state=None),
    )
    for listed, one in zip(people, cards, strict=True):
        assert journal.people_in(listed, TODAY).cards == (one,), listed
    counts = journal.people_counts(TODAY)
    assert counts.lists == dict.fromkeys(Listed, 1)
    assert counts.states[State.PURGED] == len(cards) + 1 - 5
    assert (counts.rejected, counts.waiting_events) == (0, 0)


def test_the_next_cutoff_is_the_nearest_last_day_of_accounts_that_live(journal: Journal) -> None:
    assert journal.next_cutoff(TODAY) is None
    keep(
        journal,
        *(card(f"1{n}", until=TODAY, state=state) for n, state in enumerate(State)),
        card("2", until=TODAY - DAY),
        card("3", until=TODAY + DAY),
    )
    assert journal.next_cutoff(TODAY) == (TODAY, 4)
    assert journal.next_cutoff(TODAY + DAY) == (TODAY + DAY, 1)


def test_figures_are_kept_a_day_each_and_not_for_ever(journal: Journal) -> None:
    def figures(day: date, run: int) -> DayFigures:
        return DayFigures(day, run, AT, 10, {State.ACTIVE: run}, {})

    for day, run in ((TODAY - 1100 * DAY, 1), (TODAY - DAY, 2), (TODAY - DAY, 3), (TODAY, 4)):
        journal.note_figures(figures(day, run))
    assert [one.run for one in journal.figures(date.min)] == [3, 4]
    assert journal.figures(TODAY) == (figures(TODAY, 4),)


def test_rejected_rows_are_replaced_whole_and_come_in_pages(journal: Journal) -> None:
    rows = [RejectedRow("a\0.csv", n, None, None, f"reason {n}", None) for n in range(5)]
    journal.replace_rejected(rows)
    page = journal.rejected_rows(limit=3)
    rest = journal.rejected_rows(limit=3, cursor=page.next)
    assert [one.line for one in (*page.rows, *rest.rows)] == [0, 1, 2, 3, 4]
    assert rest.next is None
    journal.replace_rejected(rows[:1])
    assert len(journal.rejected_rows().rows) == 1
    assert journal.people_counts(TODAY).rejected == 1


# --- how it is kept -------------------------------------------------------------------------------


def test_a_card_is_read_as_it_was_written_however_long_and_odd(journal: Journal) -> None:
    odd = [
        card("1" * 32, "é" * 3000, "𝔐" * 3000, addresses=tuple(f"{n}@x" for n in range(50))),
        card("2", "\u202eLéa", "<b>'\";--", ine="'" * 400),
        card(None, dn="cn=" + "ü" * 5000, uid=None, login=None, state=None),
        card("3", "", "", shown="", birth_date=None, dn=None, uid=None, addresses=()),
    ]
    keep(journal, *odd)
    assert journal.cards([one.key for one in odd]) == {one.key: one for one in odd}


def test_what_is_the_same_is_not_written_and_what_is_newer_stays(journal: Journal) -> None:
    one, changed = card("1"), card("1", last="Noël")
    file = {one.key: one}
    assert journal.file_cards(file, run=4, mark=3, at=AT) == 1
    assert journal.file_cards(file, run=5, mark=4, at=AT) == 0
    assert journal.file_cards({one.key: changed}, run=3, mark=2, at=AT) == 0  # it began earlier
    assert journal.cards(["1"]) == file
    assert journal.file_cards({one.key: changed}, run=6, mark=4, at=AT) == 1
    assert journal.file_cards({one.key: None}, run=7, mark=6, at=AT) == 1
    assert (journal.cards(["1"]), found(journal, "noel")) == ({}, [])
