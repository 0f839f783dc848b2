"""Exports of a register, as files, and what reading them gives."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from connector.core.model import Feed
from connector.core.rules import Institution
from connector.edges.register import read_register
from connector.errors import FeedRefused
from connector.settings.sections import CsvSource, SqlSource

UM = Institution(
    name="Université de Montpellier", uai="0342490X", mail_domain="etu.umontpellier.fr"
)
TODAY = date(2026, 11, 24)

HEADER = "student_number;family_name;first_name;birth_date;academic_year;status"
LEA = "1;Martin;Léa;10/10/1990;2026;E"
ZOE = "2;Durand;Zoé;11/10/1990;2026;R"
ANA = "3;Petit;Ana;12/10/1990;2026;A"


def text(*lines: str, end: str = "\n") -> str:
    return "".join(line + end for line in lines)


GOOD = text(HEADER, LEA, ZOE, ANA)


class Folder:
    """A folder with csv exports."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file = path / "enrolments.csv"

    def source(self, content: str | bytes = GOOD, **options: object) -> CsvSource:
        self.file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return self.at(self.file, **options)

    def at(self, path: Path | str, **options: object) -> CsvSource:
        return CsvSource.model_validate({"kind": "csv", "path": str(path)} | options)

    def read(self, content: str | bytes = GOOD, **options: object) -> Feed:
        return read(self.source(content, **options))

    def refusal(self, content: str | bytes, **options: object) -> FeedRefused:
        return refusal(self.source(content, **options))


def read(source: CsvSource | SqlSource) -> Feed:
    return read_register(source, today=TODAY, institution=UM)


def refusal(source: CsvSource | SqlSource) -> FeedRefused:
    with pytest.raises(FeedRefused) as refused:
        read(source)
    assert refused.value.exit_status == 4
    assert refused.value.cure
    return refused.value
