"""What codes that scolpass does not know are likely to mean: for people to check, never applied.

``1`` and ``2`` are ISO/IEC 5218's codes of the sexes, which French registers use, too; ``V`` is
what the copy of Pégase's database has where its programming interfaces say ``VALIDEE``. Where a
word means different things in different registers, nothing is proposed: for Apogée an enrolment
"en cours" is valid, for Pégase it is pending.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from connector.core.codes import civility_of, status_of, unaccented, year_of
from connector.core.model import Status

_WOMEN = "f femme feminin female w woman mademoiselle mrs ms miss fille"
_MEN = "h homme masculin male man mister garcon"
_NEITHER = "0 9 x n nb nr nc ns inconnu unknown autre other neutre"
_CIVILITIES: Mapping[str, str] = {
    **dict.fromkeys(_NEITHER.split(), ""),
    **dict.fromkeys([*_WOMEN.split(), "2"], "Mme"),
    **dict.fromkeys([*_MEN.split(), "1"], "M."),
}
_WORDS: Mapping[Status, str] = {
    Status.VALIDATED: "v, valide, inscrit, inscrite, inscription validee, ip validee, active, "
    "inscription active, enrolled, registered, valid, confirmed, confirmee",
    Status.PENDING: "en attente, attente, a valider, non validee, preinscrit, preinscrite, "
    "pre inscrit, pre inscrite, preinscription, provisoire, en cours de creation, "
    "en attente de paiement",
    Status.CANCELLED: "annule, inscription annulee, annulation, canceled",
    Status.WITHDRAWN: "resilie, resiliee, resiliation, inscription resiliee, demission, "
    "demissionnaire, abandon, withdrew",
}
_STATUSES: Mapping[str, Status] = {
    word: status for status, words in _WORDS.items() for word in words.split(", ")
}
_YEARS = re.compile(r"(?<![0-9])(?:19|20)[0-9]{2}(?![0-9])")


def _words(code: str) -> str:
    return " ".join(re.findall(r"[a-z0-9]+", unaccented(code)))


def likely_civility(code: str) -> str | None:
    """``M.``, ``Mme``, ``""`` for none, or None: it cannot be told."""
    return _CIVILITIES.get(_words(code))


def likely_status(code: str) -> str | None:
    """One of our statuses, or None: it cannot be told."""
    return _STATUSES.get(_words(code))


def likely_year(code: str) -> str | None:
    """The academic year that a text such as ``PER-2026`` or ``2026-27`` speaks of, or None."""
    years = [int(year) for year in _YEARS.findall(code)]
    if not years or years not in ([years[0]], [years[0], years[0] + 1]):
        return None
    return str(years[0])


_LIKELY: Mapping[str, tuple[Callable[[str], object], Callable[[str], str | None]]] = {
    "civility": (lambda code: code == "" or civility_of(code), likely_civility),
    "status": (status_of, likely_status),
    "academic_year": (lambda code: isinstance(year_of(code), int), likely_year),
}
GUESSED = tuple(_LIKELY)
"""The fields whose codes may be guessed."""


def is_known(field: str, code: str) -> bool:
    """Whether scolpass reads a code by itself."""
    return bool(_LIKELY[field][0](code))


def likely(field: str, codes: Iterable[str]) -> dict[str, str]:
    """What those of the codes are likely to mean that scolpass does not know by itself."""
    found: dict[str, str] = {}
    for code in codes:
        if not is_known(field, code) and (meaning := _LIKELY[field][1](code)) is not None:
            found[code] = meaning
    return found
