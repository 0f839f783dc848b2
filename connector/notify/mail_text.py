"""What a mail to a student says, and whether the templates work."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from connector.core.dates import MONTHS
from connector.core.languages import LANGUAGES
from connector.core.model import Known, Moment
from connector.edges.templates import Templates, Value
from connector.errors import ConfigurationError
from connector.notify.students import (
    ACTIVE,
    BACKUP,
    CLOSES,
    CONFIRM,
    FORWARDING,
    PASSWORD,
    RESET,
)
from connector.settings.sections import Settings


def trials(settings: Settings, shipped: Path) -> Iterator[tuple[str, ConfigurationError | None]]:
    """Each kind of mail filled in with what may stand in it, and what is wrong with its template.

    Nothing is sent, and no student is looked at. So that each branch of a template is met, a kind
    is filled in several times: with all that may be there, and with as little as there may be.
    """
    templates = Templates(settings.texts("mail", shipped))
    url = settings.http.public_url or "https://ent.example.org"
    for kind, words in KINDS.items():
        wrong = None
        for special in words.samples:
            for first_name, home in (("Léa", url), ("", "")):
                common: dict[str, Value] = {
                    "institution": settings.institution.name,
                    "first_name": first_name,
                    "login": "lea.martin@example.org",
                    "mail": "lea.martin@example.org",
                    "url": home,
                    "help": home,
                }
                try:
                    templates.render(kind, {name: {**common, **special} for name in LANGUAGES})
                except ConfigurationError as error:
                    wrong = wrong or error
        yield kind, wrong


@dataclass(frozen=True, slots=True)
class Link:
    """A link that a mail carries."""

    url: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Told:
    """What the words of a mail are made of."""

    given: Mapping[str, Any]  # as it stands in the outbox
    known: Known
    link: Link | None
    moment: Moment
    zone: ZoneInfo
    language: str


@dataclass(frozen=True, slots=True)
class Words:
    """What the mails of one kind say beyond what all say."""

    of: Callable[[Told], dict[str, Value]]
    samples: Sequence[Mapping[str, Value]]  # all that it may be, and as little as it may be


def _link(told: Told) -> dict[str, Value]:
    assert told.link is not None
    return {"link": told.link.url, "until": _minute(told.link.until, told)}


def _changed(told: Told) -> dict[str, Value]:
    at = datetime.fromisoformat(told.given["at"])
    return {"change": told.given["change"], "at": _minute(at, told)}


def _forwarding(told: Told) -> dict[str, Value]:
    return {name: told.given[name] for name in ("forward_to", "keep_copy")}


def _end(told: Told) -> dict[str, Value]:
    end = told.known.cutoff
    return {"closes_on": day_words(end, told.language) if end else ""}


def _closing(told: Told) -> dict[str, Value]:
    assert told.known.cutoff is not None
    return {**_end(told), "days": (told.known.cutoff - told.moment.today).days}


_AT = "3 octobre 2026 à 14 h 05"
_LINK: dict[str, Value] = {"link": "https://ent.example.org/x?lien=y", "until": "3 octobre 2026"}
_FORWARDINGS: tuple[dict[str, Value], ...] = (
    {"forward_to": "lea@example.net", "keep_copy": True},
    {"forward_to": "lea@example.net", "keep_copy": False},
    {"forward_to": "", "keep_copy": False},
)
KINDS: Mapping[str, Words] = {
    CONFIRM: Words(_link, [_LINK]),
    RESET: Words(_link, [_LINK]),
    ACTIVE: Words(
        lambda told: _forwarding(told) | _end(told),
        [f | {"closes_on": day} for f in _FORWARDINGS for day in ("31 décembre 2027", "")],
    ),
    FORWARDING: Words(
        lambda told: _forwarding(told) | _changed(told),
        [
            f | {"change": change, "at": _AT}
            for f in _FORWARDINGS
            for change in ("set", "changed", "removed")
        ],
    ),
    CLOSES: Words(
        _closing, [{"closes_on": "31 décembre 2027", "days": days} for days in (60, 7, 1, 0)]
    ),
    BACKUP: Words(_changed, [{"change": one, "at": _AT} for one in ("changed", "removed")]),
    PASSWORD: Words(_changed, [{"change": one, "at": _AT} for one in ("own", "link", "reissued")]),
}
"""Every kind of mail, by the name of its template."""


def _minute(at: datetime, told: Told) -> str:
    return minute_words(at.astimezone(told.zone), told.language)


def day_words(day: date, language: str) -> str:
    """31 décembre 2027, 31 December 2027."""
    first = "1er" if language == "fr" and day.day == 1 else str(day.day)
    return f"{first} {MONTHS[language][day.month - 1]} {day.year}"


def minute_words(at: datetime, language: str) -> str:
    """3 octobre 2026 à 14 h 05, 3 October 2026 at 14:05; in the zone of ``at``."""
    clock = f"à {at:%H} h {at:%M}" if language == "fr" else f"at {at:%H:%M}"
    return f"{day_words(at.date(), language)} {clock}"
