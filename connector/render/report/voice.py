"""One language of the page: its texts, its numbers and its days, ready to be filled in.

What is returned is safe markup. Whatever comes from register or directory is escaped, and what
nobody could see in it (controls, directions, blanks of other kinds) is shown.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import Enum
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from markupsafe import Markup, escape

from connector.core.actions import ACTIONS
from connector.core.dates import MONTHS, shown
from connector.core.meaning import meaning
from connector.core.model import Action
from connector.render.report.french import in_french, meaning_in_french
from connector.render.terminal import printable

_HERE = Path(__file__).parent
_LONGEST = 160  # characters of a value that are shown
_NO_BREAK, _THIN = "\u00a0", "\u202f"


@lru_cache
def texts(language: str) -> Mapping[str, Any]:
    """What the page says in one language."""
    return tomllib.loads((_HERE / "texts" / f"{language}.toml").read_text(encoding="utf-8"))


def cut(text: str, longest: int = _LONGEST) -> str:
    """A text that is not longer than it can be read."""
    return text if len(text) <= longest else f"{text[: longest - 1].rstrip()}…"


@dataclass(frozen=True, slots=True)
class Voice:
    """How things are said in one language."""

    language: str
    zone: ZoneInfo  # the institution's

    def __getattr__(self, name: str) -> Any:
        """A text, or a table of texts, by its name."""
        found = texts(self.language).get(name)
        if found is None:
            raise AttributeError(name)
        return escape(found) if isinstance(found, str) else found

    def number(self, count: int) -> Markup:
        """``2 031`` in French, ``2,031`` in English."""
        return escape(f"{count:,}".replace(",", _THIN if self.language == "fr" else ","))

    def day(self, day: date) -> Markup:
        """``30 novembre 2026``, ``30 November 2026``; the parts stay together."""
        first = self.language == "fr" and day.day == 1
        number = "1er" if first else str(day.day)
        month = MONTHS[self.language][day.month - 1]
        return escape(_NO_BREAK.join((number, month, str(day.year))))

    def fill(self, name: str, **values: object) -> Markup:
        """A text with its braces filled in."""
        return self._filled(texts(self.language)[name], values)

    def many(self, name: str, count: int, **values: object) -> Markup:
        """A text about so many: of one, or of several; of none French has the singular."""
        forms = texts(self.language)[name]
        return self._filled(self._form(forms, count), values, self.number(count))

    def noun(self, action: Action, count: int) -> Markup:
        """What changes of a kind are called: ``création``, ``créations``."""
        nouns = texts(self.language).get("nouns", {})
        forms = nouns.get(action.value) or ACTIONS[action].nouns
        return escape(self._form(forms, count))

    def budget(self, budget: str) -> Markup:
        """A budget as it is set: ``2 %`` in French, ``2%`` in English."""
        blank = _NO_BREAK if self.language == "fr" else ""
        return escape(printable(budget).replace("%", f"{blank}%"))

    def said(self, reason: str, longest: int = 600) -> Markup:
        """A reason; one that has no words in French is marked as English."""
        if self.language == "en":
            return self._data(cut(reason, longest))
        found = in_french(reason)
        if found is None:
            return self.english(cut(reason, longest))
        return escape(_NO_BREAK).join(map(self._data, cut(found, longest).split(_NO_BREAK)))

    def english(self, text: str) -> Markup:
        """A text that is there in English alone."""
        if self.language == "en":
            return self._data(text)
        return Markup('<span lang="en">{}</span>').format(self._data(text))

    def value(self, name: str, value: str) -> Markup:
        """A value of an attribute, with what it means where that is not clear."""
        text = Markup("<bdi>{}</bdi>").format(self._data(cut(value)))
        means = meaning(name, value, self.zone)
        if not means:
            return text
        if self.language == "en":
            return text + Markup(" <small>({})</small>").format(self._data(means))
        found = meaning_in_french(means)
        said = self.english(means) if found is None else escape(found)
        return text + Markup(" <small>({})</small>").format(said)

    def label(self, table: str, one: Enum) -> Markup:
        """What a member of an enumeration is called."""
        return escape(texts(self.language)[table][one.name])

    def names(self, table: str, those: Iterable[Enum]) -> Markup:
        """Several of them, in lower case, as the end of a sentence."""
        return Markup(", ").join(self.label(table, one).lower() for one in those)

    def compared(self, name: str, fields: Iterable[str]) -> Markup:
        """A text about what was compared of an entry and a student."""
        known = texts(self.language)["fields"]
        said = [known.get(one, one.replace("_", " ")) for one in fields]
        return self._filled(texts(self.language)[name], {}, self._data(", ".join(said)))

    @staticmethod
    def cut(text: str, longest: int = _LONGEST) -> str:
        """A text that is not longer than it is read."""
        return cut(text, longest)

    def numeric_day(self, day: date) -> Markup:
        """``30/11/2026``."""
        return escape(shown(day))

    def _data(self, text: str) -> Markup:
        return escape(printable(text))

    def _form(self, forms: Any, count: int) -> str:
        several = count > 1 if self.language == "fr" else count != 1
        found: str = forms[-1 if several else 0]
        return found

    def _filled(self, text: str, values: Mapping[str, object], *counts: Markup) -> Markup:
        ready = {
            name: self.number(value)
            if isinstance(value, int)
            else value
            if isinstance(value, Markup)
            else self._data(str(value))
            for name, value in values.items()
        }
        return escape(text).format(*counts, **ready)
