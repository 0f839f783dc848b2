"""New passwords for many: bad lines are named, the rest is done, and nobody reads a password."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest

from tests.support.desk import activate
from tests.support.events import NUMBER
from tests.support.walk import Walk, students
from tests.support.workspace import Result

WHY = ("--reason", "locked from 192.0.2.7")
Command = Callable[..., Result]


@pytest.fixture
def locked(walk: Walk) -> Walk:
    """Five students: the first has activated, and somebody locked the others out."""
    walk.synced(students(5))
    activate(walk, NUMBER)
    for n in range(1, 5):
        for _ in range(5):
            walk.directory.bind_result(walk.person(str(int(NUMBER) + n))["dn"][0], "wrong")
    return walk


def test_many_are_opened_again_and_their_letters_printed(locked: Walk, scolpass: Command) -> None:
    one, two, three, four = (str(int(NUMBER) + n) for n in range(1, 5))
    before = {n: locked.password(n) for n in (one, two, three, four)}
    file = locked.workspace.folder / "locked.txt"
    file.write_text(
        f"\ufeff# from the log\r\n{one}\r\n\r\n  e{two} \r\nnobody\u001b[2J\r\n"
        f"{''.join(chr(ord(sign) + 0xFEE0) for sign in three)}\r\n{one}\r\n{NUMBER}\r\n",
        encoding="utf-8",
    )
    result = scolpass("reissue", "--from", str(file), *WHY)
    assert result.returncode == 1
    said = result.stdout
    assert re.search(r"line 5, nobody\?\[2J: .*nobody", said)
    assert f"line 7, {one}: line 2 already names this student" in said
    assert re.search(rf"line 8, {NUMBER}: .*the account is active", said)
    assert "3 students have a new provisional password, of 6 named." in said
    assert f"scolpass letters --from {file} --out letters.pdf" in said
    for number in (one, two, three):
        password = locked.password(number)
        assert password != before[number]
        assert password not in said + result.stderr
        dn = locked.people()[number]["dn"][0]
        assert locked.directory.bind_result(dn, password) == 0
    assert locked.password(four) == before[four]
    printed = scolpass("letters", "--from", str(file), "--out", "letters.pdf", "--json")
    assert printed.returncode == 2  # a line names nobody
    assert (locked.workspace.folder / "letters.pdf").exists()
    assert len(json.loads(printed.stdout)["printed"]) == 3


def test_programs_get_the_passwords(locked: Walk, scolpass: Command) -> None:
    file = locked.workspace.folder / "locked.txt"
    file.write_text(f"{NUMBER}\nnobody\n")
    result = scolpass("reissue", "--from", str(file), *WHY, "--json")
    assert result.returncode == 1
    good, bad = json.loads(result.stdout)
    assert (good["line"], good["student_number"], good["error"]) == (1, NUMBER, None)
    assert re.fullmatch(r"\d{6}", good["provisional_password"])
    assert (bad["student"], bad["provisional_password"]) == ("nobody", None)
    assert "nobody" in bad["error"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((), "expected a STUDENT or --from FILE"),
        ((NUMBER, "--from", "x"), "expected a STUDENT or --from FILE"),
        (("--from", "absent.txt"), "absent.txt cannot be read"),
        (("--from", "empty.txt"), "empty.txt names nobody"),
        (("--from", "latin.txt"), "latin.txt is not UTF-8 text"),
    ],
)
def test_a_file_that_names_nobody_is_refused(
    walk: Walk, scolpass: Command, given: tuple[str, ...], said: str
) -> None:
    (walk.workspace.folder / "empty.txt").write_text("\n# nobody\n")
    (walk.workspace.folder / "latin.txt").write_bytes(b"L\xe9a\n")
    result = scolpass("reissue", *given, *WHY)
    assert result.returncode == 2
    assert said in result.stderr
