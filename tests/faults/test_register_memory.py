"""Memory is bounded, whatever a file of the register holds.

It is that of a process of its own, so that no other test hides it.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.feeds import ANA, HEADER, LEA, ZOE, text

MIB = 1 << 20
_MOST = 200 * MIB

_READER = """
import datetime, sys
from connector.core.rules import Institution
from connector.edges.register import read_register
from connector.errors import FeedRefused
from connector.settings.sections import CsvSource

um = Institution(name="UM", uai="0342490X", mail_domain="etu.umontpellier.fr")
source = CsvSource.model_validate({"kind": "csv", "path": sys.argv[1]})
try:
    feed = read_register(source, today=datetime.date(2026, 11, 24), institution=um)
    said = f"{len(feed.students)} students, {len(feed.rejected)} rejected"
except FeedRefused as error:
    said = error.message[:400]
with open("/proc/self/status") as status:
    print(next(line.split()[1] for line in status if line.startswith("VmHWM:")), said)
"""


def line_of(sign: str) -> Iterator[str]:
    yield text(HEADER, LEA)
    for _ in range(60):
        yield sign * (MIB // len(sign))
    yield text("", ZOE)


def one_cell(quote: str) -> Iterator[str]:
    yield text(HEADER, LEA) + f"2;{quote}"
    for _ in range(60):
        yield "x" * MIB
    yield text(f"{quote};Zoé;11/10/1990;2026;E", ANA)


def open_quote(lines: str) -> Iterator[str]:
    yield text(HEADER, LEA) + '2;"'
    for _ in range(40):
        yield lines * (MIB // len(lines))


def fields_over_lines() -> Iterator[str]:
    yield text(HEADER, LEA)
    for _ in range(40):
        yield ('"' + "\n" * 50 + '";') * (MIB // 53)
    yield text("", ZOE)


def header_of_a_million() -> Iterator[str]:
    yield HEADER + "".join(f";c{number}" for number in range(1_000_000)) + "\n"
    for _ in range(3):
        yield LEA + ";" * 1_000_000 + "\n"


def endless_header() -> Iterator[str]:
    for _ in range(60):
        yield ";" * MIB


_HOSTILE = (
    LEA + ";" * 900,
    '{n};"Du"rand;Zoé;11/10/1990;2026;E',
    "{n};" + "N" * 1200 + ";Zoé;11/10/1990;2026;E",
    "{n};Durand;Zoé\0;11/10/1990;2026;E",
    "{n};Durand;" + "é" * 900 + ";11/10/1990;2026;" + "E" * 1200,
    "{n};Durand;Zoé;" + "1" * 1100 + ";2026;E",
    "{n};Durand;Zoé;11/10/1990;" + "2" * 1100 + ";E",
    ";;;;;",
    '"{n}";"Dur\nand";"Zoé";"11/10/1990";"2026";"E"',
    "{n};Durand",
    "\x1b[31m{n};x",
    "=cmd|' /C calc'!A0;{n};a;b;c;d",
)


def sixty_thousand_lines() -> Iterator[str]:
    yield text(HEADER)
    for number in range(60_000):
        yield _HOSTILE[number % len(_HOSTILE)].replace("{n}", f"{number:08d}") + "\n"
    yield text(ANA)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(lambda: line_of(";"), "2 students, 1 rejected", id="a line of delimiters"),
        pytest.param(lambda: line_of("a;"), "2 students, 1 rejected", id="a line of short fields"),
        pytest.param(lambda: line_of('"";'), "2 students, 1 rejected", id="a line of quotes"),
        pytest.param(lambda: line_of("\0"), "2 students, 1 rejected", id="a line of zeros"),
        pytest.param(lambda: one_cell(""), "2 students, 1 rejected", id="a cell"),
        pytest.param(lambda: one_cell('"'), "2 students, 1 rejected", id="a quoted cell"),
        pytest.param(lambda: open_quote("\n"), "is not closed", id="an open quote"),
        pytest.param(lambda: open_quote("x\n"), "is not closed", id="an open quote, more text"),
        pytest.param(lambda: open_quote("\U0001f600\n"), "is not closed", id="wide signs"),
        pytest.param(fields_over_lines, "is not closed", id="fields over lines"),
        pytest.param(header_of_a_million, "its header has a field or a line", id="a wide header"),
        pytest.param(endless_header, "its header has a field or a line", id="an endless header"),
        pytest.param(sixty_thousand_lines, "students, ", id="sixty thousand lines"),
    ],
)
def test_memory_is_bounded_whatever_a_line_holds(
    tmp_path: Path, content: Callable[[], Iterator[str]], said: str
) -> None:
    file = tmp_path / "hostile.csv"
    with file.open("w", encoding="utf-8", newline="") as stream:
        stream.writelines(content())
    ran = subprocess.run(
        [sys.executable, "-c", _READER, str(file)], capture_output=True, text=True, check=True
    )
    peak, answer = ran.stdout.split(" ", 1)
    assert said in answer
    assert int(peak) * 1024 < _MOST, f"{int(peak) // 1024} MiB"
