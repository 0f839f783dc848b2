"""The verdict and what the desk may do, in the reader's language, for pages, API and terminal.

A page says ``view.sign_in.said(speech(language), rules)``; an API gives
:func:`connector.render.person.account_json` with :func:`actions_json`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from connector.core.reasons import Tongue
from connector.desk.wording import Reader, tongue
from connector.render.report.french import in_french

if TYPE_CHECKING:
    from connector.desk.view import AccountView


@lru_cache
def speech(language: str, reader: Reader = Reader.DESK) -> Tongue:
    """How a verdict is told in French or English; what has no French words stays in English."""
    return tongue(language, reader, _french if language == "fr" else str)


def _french(text: str) -> str:
    return in_french(text) or text


def actions_json(view: AccountView, zone: ZoneInfo, language: str = "en") -> dict[str, Any]:
    """What can be done with an account as it stands: ``{name: {"allowed", "because"}}``.

    ``because`` is "" where it is allowed. Whether the reader's role allows it is for the caller.
    """
    said = speech(language)
    return {
        act.value: {"allowed": one.allowed, "because": one.because(said, zone)}
        for act, one in view.actions.items()
    }
