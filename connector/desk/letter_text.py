"""What a letter says, and the press that prints it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

from connector.core.calendar import cutoff_of
from connector.core.characters import seen
from connector.core.codes import civility_of
from connector.core.dates import MONTHS, year_shown
from connector.core.feed import identity, rows_of
from connector.core.letter_words import address_lines, grouped, known
from connector.core.lifecycle import decide
from connector.core.model import Enrolment, Facts
from connector.core.rules import Lifecycle, Rules
from connector.desk.recipients import last_day
from connector.edges.pdf.typesetting import Press
from connector.errors import ConfigurationError
from connector.settings.sections import Settings


def letter(facts: Facts, rules: Rules, today: date) -> dict[str, Any]:
    """What one letter says, except the password. The names are those of config/letters."""
    assert facts.account is not None
    decision = decide(facts, rules, today)
    last = last_day(facts, rules, decision.end)
    assert last is not None
    rows = rows_of(facts.student)
    counting = [row for row in rows if row.status.counts]
    latest = max((row.academic_year for row in counting or rows), default=0)
    year = decision.year if decision.counted and decision.year is not None else latest
    of_year = [row for row in counting if row.academic_year == year] or list(rows)
    who = identity(of_year)
    mail = facts.account.address or ""
    civility = civility_of(who.civility or "") or ""
    names = (civility, known(who.first_name), who.last_name)
    address = address_lines(who.postal_address)
    data: dict[str, Any] = {
        "academic_year": year_shown(year) if year else "",
        "civility": civility,
        "birth_name": who.family_name,
        "usual_name": who.usual_name if who.usual_name != who.family_name else "",
        "first_name": known(who.first_name),
        "birth_date": who.birth_date.isoformat(),
        "birth_place": known(who.birth_place),
        "components": _distinct(
            known(row.component_name) or known(row.component_code) for row in of_year
        ),
        "steps": _steps(of_year),
        "ine": known(who.ine),
        "student_number": facts.number,
        "status": ", ".join(_distinct(known(row.student_status) for row in of_year)),
        "mail": mail,
        "login": facts.account.login or mail or facts.account.uid or "",
        "last_day": last.isoformat(),
        "address": [" ".join(name for name in names if name), *address] if address else [],
    }
    return {name: _seen(value) for name, value in data.items()}


def _seen(value: Any) -> Any:
    """A value for a letter, without invisible characters."""
    if isinstance(value, str):
        return seen(value)
    if isinstance(value, dict):
        return {name: _seen(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_seen(inner) for inner in value]
    return value


def _steps(rows: Iterable[Enrolment]) -> list[dict[str, str]]:
    found = {
        (known(row.step_name) or known(row.step_code), known(row.step_code)): None for row in rows
    }
    return [{"name": name, "code": code} for name, code in found if name or code]


def _distinct(values: Iterable[str | None]) -> list[str]:
    return list(dict.fromkeys(value for value in values if value))


def common(settings: Settings, cutoff_words: str) -> dict[str, str]:
    """What all the letters say.

    Raises:
        ConfigurationError: the address of the first connection is not configured.
    """
    url = settings.http.public_url
    if not url:
        raise ConfigurationError(
            f"{settings.file}: http.public_url is empty, and letters link to it",
            'Set it, such as "https://ent.univ.fr".',
        )
    return {
        "institution": settings.institution.name,
        "domain": settings.institution.mail_domain,
        "url": url,
        "first_connection": f"{url}/premiere-connexion",
        "sign_in": f"{url}/premiere-connexion/identification",
        "help": f"{url}/probleme-de-connexion",
        "cutoff": cutoff_words,
    }


def cutoff_words(lifecycle: Lifecycle, language: str) -> str:
    """The cutoff's day as French letters write it (31/12), or as others do (31 December)."""
    day = cutoff_of(2026, lifecycle)
    return f"{day:%d/%m}" if language == "fr" else f"{day.day} {MONTHS['en'][day.month - 1]}"


def press(settings: Settings, shipped: Path, language: str) -> Press:
    """The press for one language, with the templates beside the configuration, else those shipped.

    Raises:
        UsageError: there is no template of that language.
        ConfigurationError: a font or the address of the first connection is missing.
    """
    words = cutoff_words(settings.lifecycle, language)
    return Press(settings.texts("letters", shipped), language, common(settings, words))


def shown_password(password: str) -> dict[str, Any]:
    """The password as a letter shows it: whole, and in groups that are easy to read."""
    return {"password": password, "password_groups": grouped(password)}


def languages(settings: Settings, shipped: Path) -> list[str]:
    """The languages that letters can be printed in."""
    return sorted(file.stem for file in settings.texts("letters", shipped).glob("??.typ"))


def trial(settings: Settings, shipped: Path, language: str) -> bytes:
    """Make a letter for nobody, to check that the templates can be printed.

    Raises:
        ConfigurationError: the templates are at fault, a font or the address of the first
            connection is missing.
    """
    return press(settings, shipped, language).print([SAMPLE])


# Everything that a letter may contain; of nobody.
SAMPLE: dict[str, Any] = {
    "academic_year": "2026/2027",
    "civility": "Mme",
    "birth_name": "MARTIN",
    "usual_name": "DURAND",
    "first_name": "Léa",
    "birth_date": "2006-04-11",
    "birth_place": "AGDE",
    "components": ["IFSI GCS"],
    "steps": [{"name": "CEI DE infirmier Béziers 1ère", "code": "UM217"}],
    "ine": "07c2abcde12",
    "student_number": "22600217",
    "status": "Etudiant Infirmier",
    "mail": "lea.durand@example.org",
    "login": "lea.durand@example.org",
    "last_day": "2026-12-30",
    "address": ["Mme Léa DURAND", "12 rue des Lilas", "34300 AGDE"],
    **shown_password("012345"),
}
