"""How the console says things in one language: its texts, numbers, days and times.

What comes from register or directory is escaped, and what nobody could see in it is shown.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from markupsafe import Markup, escape

from connector.core.dates import day_in, shown, year_shown
from connector.core.model import Action, Moment
from connector.core.reasons import Tongue
from connector.desk.wording import Reader, tongue
from connector.render.report.french import in_french
from connector.render.report.voice import Voice

_TEXTS = Path(__file__).parent / "texts"
_DAYS_TOLD = 60  # a day that is nearer is also told as so many days from now
_CHECKED = re.compile(r"(.*) \(identity checked by (.*)\)", re.DOTALL)

Texts = Mapping[str, Any]


@lru_cache
def texts(language: str) -> Texts:
    """What the console says in one language, as safe markup."""
    found = tomllib.loads((_TEXTS / f"{language}.toml").read_text(encoding="utf-8"))
    return {name: _safe(value) for name, value in found.items()}


def _safe(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _safe(one) for name, one in value.items()}
    return [escape(one) for one in value] if isinstance(value, list) else escape(value)


@dataclass(frozen=True, slots=True)
class Speech:
    """One language, in the institution's zone, at one moment."""

    language: str
    zone: ZoneInfo
    moment: Moment

    @property
    def texts(self) -> Texts:
        """All texts of the language."""
        return texts(self.language)

    @property
    def voice(self) -> Voice:
        """How reasons, values and actions are told, as in the report of a plan."""
        return Voice(self.language, self.zone)

    def tongue(self, reader: Reader = Reader.DESK) -> Tongue:
        """The words of a verdict."""
        return tongue(self.language, reader, self.plain)

    def number(self, count: int) -> Markup:
        """``2 031`` in French, ``2,031`` in English."""
        return self.voice.number(count)

    def fill(self, text: str, **values: object) -> Markup:
        """A text with its braces filled in."""
        return escape(text).format(**{name: self._shown(one) for name, one in values.items()})

    def many(self, forms: list[str], count: int, **values: object) -> Markup:
        """A text about so many; of none French has the singular, English the plural."""
        several = count > 1 if self.language == "fr" else count != 1
        return self.fill(forms[-1 if several else 0], n=count, **values)

    def day(self, day: date) -> Markup:
        """``31/12/2027``."""
        return Markup('<time datetime="{}">{}</time>').format(day.isoformat(), shown(day))

    def near(self, day: date) -> Markup:
        """The same, and how far it is from today unless that is long: ``(dans 3 jours)``."""
        days = (day - self.moment.today).days
        if abs(days) > _DAYS_TOLD:
            return self.day(day)
        return self.day(day) + Markup(' <span class="near">({})</span>').format(self._days(days))

    def time(self, at: datetime) -> Markup:
        """``30/11/2026 08:05``, in the institution's zone."""
        written = f"{at:%Y-%m-%dT%H:%M:%SZ}"
        return Markup('<time datetime="{}">{}</time>').format(written, shown(at, self.zone))

    def ago(self, at: datetime) -> Markup:
        """The same, and how long ago that was."""
        seconds = (self.moment.now - at).total_seconds()
        said = self.texts["ago"]
        if seconds < 60:
            told = escape(said["now"])
        elif seconds < 5400:
            told = self.many(said["minutes"], round(seconds / 60))
        elif seconds < 129600 and day_in(at, self.zone) == self.moment.today:
            told = self.many(said["hours"], round(seconds / 3600))
        else:
            days = (day_in(at, self.zone) - self.moment.today).days
            if abs(days) > _DAYS_TOLD:
                return self.time(at)
            told = self._days(days)
        return self.time(at) + Markup(' <span class="near">({})</span>').format(told)

    def year(self, year: int) -> str:
        """``2026/2027`` for the academic year that begins in 2026."""
        return year_shown(year)

    def reason(self, text: str) -> Markup:
        """A reason of the engine; how somebody's identity was checked is said apart."""
        checked = _CHECKED.fullmatch(text)
        if checked is None:
            return self.voice.said(text)
        how = self.texts["identity"].get(checked[2], checked[2])
        said = self.fill(self.texts["checked"], how=how)
        return self.voice.said(checked[1]) + Markup(' <span class="near">({})</span>').format(said)

    def plain(self, text: str) -> str:
        """The same for a file."""
        return (in_french(text) if self.language == "fr" else None) or text

    def action(self, name: str, count: int) -> Markup:
        """What is done so many times: ``créations``; what is no change of a plan, as it stands."""
        if name in Action.__members__.values():
            return self.voice.noun(Action(name), count)
        return escape(self.texts["nouns"].get(name, name))

    def fields(self, name: str, those: Iterable[str]) -> Markup:
        """What of an entry agrees with a student."""
        known = self.texts["compared"]
        what = ", ".join(str(known.get(one, one)) for one in those)
        return self.fill(self.texts["decisions"][f"{name}_on"], what=what)

    def planned(self, text: str) -> Markup:
        """``expire 22600007`` as a noun and a link."""
        action, _, number = text.partition(" ")
        link = Markup('<a href="/console/etudiants/{0}">{0}</a>').format(number)
        return self.action(action, 1) + Markup(" ") + link

    def birth(self, text: str) -> Markup:
        """A day as an entry has it; anything else as it stands."""
        try:
            return self.day(date.fromisoformat(text))
        except ValueError:
            return escape(text)

    @staticmethod
    def instant(text: str) -> datetime:
        """A time as the journal writes it."""
        return datetime.fromisoformat(text)

    def size(self, octets: int) -> Markup:
        """``12 ko``, ``12 kB``."""
        return self.fill(self.texts["kilobytes"], n=max(1, round(octets / 1000)))

    def _days(self, days: int) -> Markup:
        said = self.texts["ago"]
        if days in (-1, 0, 1):
            return escape(said[("yesterday", "today", "tomorrow")[days + 1]])
        return self.many(said["in_days" if days > 0 else "days"], abs(days))

    def _shown(self, value: object) -> object:
        if isinstance(value, bool):
            return value
        if isinstance(value, int):
            return self.number(value)
        if isinstance(value, datetime):
            return self.time(value)
        return self.day(value) if isinstance(value, date) else value
