"""How soon the journal answers the service desk: search, lists and counts among many people."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import date, timedelta
from itertools import count, product
from pathlib import Path
from random import Random

from connector.clock import instant
from connector.core.account import State
from connector.core.card import Card, Names
from connector.core.situations import Situation
from connector.edges.journal import Filling, Journal, Listed, open_journal

AT_ONCE = 10
_BATCH = 500
_TODAY = date(2026, 10, 1)
_STATES = (State.INACTIVE, *[State.ACTIVE] * 5, State.GRACE, *[State.EXPIRED] * 2, State.SUSPENDED)
_PARTS = tuple(
    map("".join, product("blmnrst", ("a", "e", "i", "o", "u", "an", "on", "ier", "ard")))
)


def fill(url: str, people: int) -> None:
    """Make a journal with the cards of so many people."""
    with closing(open_journal(url)) as journal:
        cards = _cards(people)
        while batch := {card.key: card for card, _ in zip(cards, range(_BATCH), strict=False)}:
            journal.file_cards(batch, run=1, mark=1, at=instant())
        journal.note_filling(Filling(1, instant()))


def answers(url: str, people: int, requests: int) -> dict[str, list[float]]:
    """Seconds that each request took, by what was asked, beside a run that writes."""
    chance = Random(3)
    names = [_name(chance) for _ in range(requests)]
    typed = [name[: chance.randint(2, 5)] for name in names]
    typed[::4] = [f"{a[:2]} {b[:3]}" for a, b in zip(names[::4], names[1::4], strict=True)]
    typed[::10] = [str(22_000_000 + chance.randrange(people)) for _ in typed[::10]]
    lists = [Listed.NEVER_ACTIVATED, Listed.SUSPENDED, Listed.GRACE, Listed.EXPIRED]
    with closing(open_journal(url)) as journal, _writing(url, people):

        def look(number: int) -> None:
            page = journal.people_in(lists[number % 4], _TODAY)
            if number % 2:
                journal.people_in(lists[number % 4], _TODAY, cursor=page.next)

        def count_all(_: int) -> None:
            journal.people_counts(_TODAY)
            journal.next_cutoff(_TODAY)
            journal.figures(_TODAY - timedelta(days=365))

        return {
            "search": _timed(lambda n: journal.search_people(typed[n]), requests),
            "list": _timed(look, requests),
            "counts": _timed(count_all, requests),
        }


def _timed(ask: Callable[[int], object], requests: int) -> list[float]:
    def one(number: int) -> float:
        began = time.perf_counter()
        ask(number)
        return time.perf_counter() - began

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(one, range(requests)))


@contextmanager
def _writing(url: str, people: int) -> Iterator[None]:
    """Another process writes card after card, as a run does in which much has changed."""
    command = [sys.executable, "-m", "benchmarks.people", url, str(people)]
    root = Path(__file__).parent.parent
    writer = subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE)
    try:
        assert writer.stdout is not None
        writer.stdout.readline()
        yield
    finally:
        writer.terminate()
        writer.wait()


def _write(journal: Journal, people: int) -> None:
    for run in count(2):
        cards = _cards(people)
        while batch := [card for card, _ in zip(cards, range(_BATCH), strict=False)]:
            changed = {c.key: replace(c, until=_TODAY + timedelta(days=run)) for c in batch}
            journal.file_cards(changed, run=run, mark=run, at=instant())
            print("writing", flush=True)


def _cards(people: int) -> Iterator[Card]:
    chance = Random(7)
    for number in range(22_000_000, 22_000_000 + people):
        family, first = _name(chance), _name(chance)
        login = f"{first}.{family}{number}@etu.univ.fr".lower()
        since = _TODAY - timedelta(days=chance.randrange(300))
        state = chance.choice(_STATES)
        yield Card(
            student_number=str(number),
            dn=f"uid=e{number},ou=people,dc=univ,dc=fr",
            uid=f"e{number}",
            login=login,
            addresses=(login,),
            names=Names(
                family_name=family,
                first_name=first,
                shown=f"{first} {family}",
                birth_date=date(2000, 1, 1) + timedelta(days=chance.randrange(2500)),
                ine=f"{number}AB",
            ),
            state=state,
            since=since,
            until=date(2026 + chance.randrange(2), 12, 31),
            password_until=since + timedelta(days=90) if state is State.INACTIVE else None,
            situation=Situation.LINKED,
        )


def _name(chance: Random) -> str:
    return "".join(chance.choices(_PARTS, k=chance.choice((2, 2, 3)))).capitalize()


if __name__ == "__main__":
    with closing(open_journal(sys.argv[1])) as opened:
        _write(opened, int(sys.argv[2]))
