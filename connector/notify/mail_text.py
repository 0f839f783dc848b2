"""What a mail to a student says, and whether the templates work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from connector.core.model import Known, Moment
from connector.core.rules import Rules
from connector.edges.journal import Queued
from connector.edges.templates import Templates, Value
from connector.errors import ConfigurationError
from connector.notify.students import ACTIVE, CLOSES, CONFIRM, FORWARDING, KINDS, LANGUAGES, RESET
from connector.settings.sections import Settings


def trials(settings: Settings, shipped: Path) -> Iterator[tuple[str, ConfigurationError | None]]:
    """Each kind of mail filled in with what may stand in it, and what is wrong with its template.

    Nothing is sent, and no student is looked at. So that each branch of a template is met, a kind
    is filled in several times: with all that may be there, and with as little as there may be.
    """
    templates = Templates(settings.texts("mail", shipped))
    url = settings.http.public_url or "https://ent.example.org"
    for kind in KINDS:
        wrong = None
        for special in _SAMPLES[kind]:
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


_AT = "3 octobre 2026 à 14 h 05"
_LINK: dict[str, Value] = {"link": "https://ent.example.org/x?lien=y", "until": "3 octobre 2026"}
_FORWARDINGS: tuple[dict[str, Value], ...] = (
    {"forward_to": "lea@example.net", "keep_copy": True},
    {"forward_to": "lea@example.net", "keep_copy": False},
    {"forward_to": "", "keep_copy": False},
)


_SAMPLES: Mapping[str, Sequence[Mapping[str, Value]]] = {
    CONFIRM: [_LINK],
    RESET: [_LINK],
    ACTIVE: [f | {"closes_on": day} for f in _FORWARDINGS for day in ("31 décembre 2027", "")],
    FORWARDING: [
        f | {"change": change, "at": _AT}
        for f in _FORWARDINGS
        for change in ("set", "changed", "removed")
    ],
    CLOSES: [{"closes_on": "31 décembre 2027", "days": days} for days in (60, 7, 1, 0)],
    "backup_mail_changed": [{"change": one, "at": _AT} for one in ("changed", "removed")],
    "password_changed": [{"change": one, "at": _AT} for one in ("own", "link", "reissued")],
}


@dataclass(frozen=True, slots=True)
class Link:
    """A link that a mail carries."""

    url: str
    until: datetime


def of_kind(
    mail: Queued,
    known: Known,
    link: Link | None,
    moment: Moment,
    rules: Rules,
    language: str,
) -> dict[str, Value]:
    """What the mails of one kind say beyond what all say."""
    zone = rules.institution.zone
    if link is not None:
        return {"link": link.url, "until": minute_words(link.until.astimezone(zone), language)}
    closes_on = day_words(known.cutoff, language) if known.cutoff else ""
    if mail.kind == CLOSES:
        assert known.cutoff is not None
        return {"closes_on": closes_on, "days": (known.cutoff - moment.today).days}
    given: dict[str, Value] = {}
    if mail.kind in (ACTIVE, FORWARDING):
        given = {n: mail.given[n] for n in ("forward_to", "keep_copy")}
    if mail.kind == ACTIVE:
        return {**given, "closes_on": closes_on}
    at = datetime.fromisoformat(mail.given["at"]).astimezone(zone)
    return {**given, "change": mail.given["change"], "at": minute_words(at, language)}


_MONTHS = {
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "en": "January February March April May June July August September October November December",
}


def day_words(day: date, language: str) -> str:
    """31 décembre 2027, 31 December 2027."""
    first = "1er" if language == "fr" and day.day == 1 else str(day.day)
    return f"{first} {_MONTHS[language].split()[day.month - 1]} {day.year}"


def minute_words(at: datetime, language: str) -> str:
    """3 octobre 2026 à 14 h 05, 3 October 2026 at 14:05; in the zone of ``at``."""
    clock = f"à {at:%H} h {at:%M}" if language == "fr" else f"at {at:%H:%M}"
    return f"{day_words(at.date(), language)} {clock}"
