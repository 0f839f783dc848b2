"""What the desk may do: as the commands have it, whatever state an account is in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import product
from random import sample
from typing import Any

import pytest

from connector import resources
from connector.clock import read_moment
from connector.core.languages import LANGUAGES
from connector.core.permitted import ACTS
from connector.core.reasons import Act, Reason
from connector.core.rules import Rules
from connector.desk import account as desk
from connector.desk import letter_text, letters, recipients, view
from connector.desk.wording import Reader, for_student, of_student
from connector.errors import FeedRefused, ScolpassError
from connector.render.verdict import actions_json, speech
from connector.settings.loading import load_settings
from connector.walk.context import Context, open_context
from tests.directory.test_sign_in import lets_in
from tests.support.desk import activate, take
from tests.support.events import PASSWORD, change_password
from tests.support.people import put, stand
from tests.support.tier import size
from tests.support.walk import Walk, decide, student, students
from tests.unit.core.test_reasons import reads_well

Prepare = Callable[[Walk, Sequence[str]], None]


def each(do: Callable[[Walk, str, str], object]) -> Prepare:
    """Do something to each entry: the walk, the student number, the DN."""

    def prepare(walk: Walk, numbers: Sequence[str]) -> None:
        people = walk.people()
        for number in numbers:
            do(walk, number, people[number]["dn"][0])

    return prepare


def changed(lines: str) -> Prepare:
    return each(lambda w, _, dn: w.directory.modify(f"dn: {dn}\nchangetype: modify\n{lines}\n"))


def guessed(walk: Walk, _: str, dn: str) -> None:
    for _try in range(10):
        assert walk.directory.bind_result(dn, "wrong") == 49


def moved(walk: Walk, _: str, dn: str) -> None:
    rdn = dn.partition(",")[0]
    walk.directory.modify(
        f"dn: {dn}\nchangetype: modrdn\nnewrdn: {rdn}\ndeleteoldrdn: 0\n"
        f"newsuperior: ou=services,{walk.directory.suffix}\n"
    )


def numbered(walk: Walk, number: str, dn: str) -> None:
    walk.directory.modify(
        f"dn: {dn}\nchangetype: modify\nadd: supannEtuId\nsupannEtuId: 7{number}\n"
    )


def doubled(walk: Walk, number: str, _: str) -> None:
    stand(walk.directory, number, uid=f"x{number}", mail=None, eduPersonPrincipalName=None)


def nothing(_: Walk, __: Sequence[str]) -> None:
    return


# What is done to accounts in their first letter's state, in this order; those that activate do so
# before it, and whose enrolment is cancelled before that.
STATES: dict[str, Prepare] = {
    "waits": nothing,
    "half": each(lambda walk, number, _: change_password(walk, number)),
    "active": nothing,
    "expired": nothing,
    "pending": nothing,
    "candidate": nothing,
    "suspended": each(lambda walk, number, _: take(walk, desk.suspend, number)),
    "over": changed("replace: pwdEndTime\npwdEndTime: 20200101000000Z"),
    "guessed": each(guessed),
    "by hand": changed("replace: pwdAccountLockedTime\npwdAccountLockedTime: 000001010000Z"),
    "no password": changed("delete: userPassword"),
    "staff": changed("add: supannEmpId\nsupannEmpId: E1"),
    "two numbers": each(numbered),
    "protected": each(lambda walk, _, dn: decide(walk, "protect", dn)),
    "gone": each(lambda walk, _, dn: walk.directory.modify(f"dn: {dn}\nchangetype: delete\n")),
    "moved": each(moved),
    "double": each(doubled),
}
ACTIVE = ("active", "suspended")
"""Who activates first."""


def cells(acts: int) -> dict[str, tuple[str, Act]]:
    """By student number: a state, and what is tried of somebody in it."""
    tried = [(state, act) for state in STATES for act in sample(ACTS, acts)]
    numbers = (str(row["student_number"]) for row in students(len(tried)))
    return dict(zip(numbers, tried, strict=True))


@pytest.fixture
def of_each(walk: Walk) -> tuple[Walk, dict[str, tuple[str, Act]]]:
    """A student for each state and for some of what can be done."""
    found = cells(size(gate=2, long=len(ACTS)))
    by_state = {s: [n for n, (state, _) in found.items() if state == s] for s in STATES}
    walk.workspace.configure({"safety": {"max_expire": "50%"}})
    rows = students(len(found))

    def registered(without: str = "", **status: str) -> list[Any]:
        by_row = [(row, found[str(row["student_number"])][0]) for row in rows]
        return [
            {**row, "status": status.get(state, "validated")}
            for row, state in by_row
            if state != without
        ]

    walk.synced(registered(without="candidate", pending="pending"))
    activate(walk, *(n for state in ACTIVE for n in by_state[state]))
    for number in by_state["candidate"]:
        dn = f"uid=e{number},{walk.directory.people_dn}"
        put(walk.directory, dn, {"objectClass": ["inetOrgPerson"], "cn": "X", "sn": "X"})
    walk.sync(registered(expired="cancelled", pending="pending"))
    for state, prepare in STATES.items():
        prepare(walk, by_state[state])
    return walk, found


@contextmanager
def opened(walk: Walk) -> Iterator[Context]:
    with walk.context() as context:
        context.moment = read_moment(context.settings.institution)
        yield context


def goes_through(context: Context, number: str, act: Act) -> bool:
    """Whether the command carries it out."""
    context.renew()
    try:
        match act:
            case Act.RESYNC:
                desk.resync(context, number, force=False, reason="tried")
            case Act.LETTER:
                printer = letter_text.press(context.settings, resources.shipped_texts(), "fr")
                chosen = recipients.choose(context, (number,), None)
                out = context.settings.file.parent / f"{number}.pdf"
                printed = letters.print_letters(
                    context, chosen, printer, out, locked=lambda: context.writing("letters")
                )
                return bool(printed.letters)
            case _:
                getattr(desk, act.value)(context, number, "tried")
    except ScolpassError:
        return False
    return True


def test_in_each_state_the_verdict_holds_and_what_is_allowed_goes_through(
    of_each: tuple[Walk, dict[str, tuple[str, Act]]],
) -> None:
    walk, found = of_each
    said, real = {}, {}
    with opened(walk) as context:
        shown = {number: view.account_view(context, number) for number in found}
        opens = dict(who_is_let_in(walk, context, found))
        for number, cell in found.items():
            possible = shown[number].sign_in.possible
            assert possible in (opens[number], None), (cell, shown[number].sign_in)
            told_well(shown[number], context.rules)
            told = actions_json(shown[number], context.rules.institution.zone, "fr")[cell[1]]
            assert bool(told["because"]) is not told["allowed"], (cell, told)
            said[cell] = told["allowed"]
        for number, cell in found.items():
            real[cell] = goes_through(context, number, cell[1])
    assert said == real
    assert set(real.values()) == {True, False}
    assert set(opens.values()) == {True, False}
    reasons = {found[n][0]: one.sign_in.first.reason for n, one in shown.items()}
    assert len(set(reasons.values())) > len(STATES) / 2, reasons


def who_is_let_in(
    walk: Walk, context: Context, found: Mapping[str, tuple[str, Act]]
) -> Iterator[tuple[str, bool]]:
    """Whether slapd opens an entry with the student's number to the password that they have."""
    dns = defaultdict(list)
    for dn, entry in walk.directory.entries("(supannEtuId=*)", walk.directory.suffix).items():
        for number in entry["supannEtuId"]:
            dns[number].append(dn)
    sealed = context.journal.ciphertexts(list(found), "live")
    for number, (state, _) in found.items():
        password = PASSWORD if state in ("half", *ACTIVE) else ""
        if not password and number in sealed:
            password = context.sealer.unseal(number, sealed[number]).get_secret_value()
        yield number, any(password and lets_in(walk, dn, password) for dn in dns[number])


def told_well(shown: view.AccountView, rules: Rules) -> None:
    """Whether the verdict reads well in each language, whoever is told."""
    for language, reader in product(LANGUAGES, Reader):
        told = of_student(shown.sign_in) if reader is Reader.STUDENT else shown.sign_in
        words = told.said(speech(language, reader), rules)
        for one, text in zip((told.first, *told.also), words, strict=True):
            reads_well(one, text, language, reader)


# --- without the register -------------------------------------------------------------------------


def test_an_account_is_seen_while_the_register_is_away(walk: Walk) -> None:
    rows = [student("1", ine="1234567890A"), student("2", status="pending", ine="1234567890B")]
    walk.synced(rows)
    walk.workspace.write_register([])
    with opened(walk) as context:
        for number in ("1", "2"):
            seen = view.account_view(context, number)
            notes = [one.reason for one in (seen.sign_in.first, *seen.sign_in.also)]
            assert Reason.REGISTER_UNREAD in notes
            assert not seen.actions[Act.RESYNC].allowed
            with pytest.raises(FeedRefused):
                desk.resync(context, number, force=False, reason="tried")
            assert seen.actions[Act.SUSPEND].allowed is (number == "1")


# --- from several threads -------------------------------------------------------------------------


def test_accounts_are_seen_from_several_threads_at_once(walk: Walk) -> None:
    """Each thread has a context of its own, as whoever answers pages has."""
    numbers = [str(row["student_number"]) for row in students(4)]
    walk.synced(students(4))
    settings = load_settings(walk.workspace.config, {})

    def look(number: str) -> list[str]:
        with open_context(settings, "tester") as context:
            seen = [view.account_view(context, number) for _ in range(3)]
        return [for_student(one.sign_in, settings.rules)[0] + one.number for one in seen]

    alone = [look(number) for number in numbers]
    with ThreadPoolExecutor(len(numbers)) as threads:
        assert list(threads.map(look, numbers)) == alone
