"""The verdict and what the desk may do, in the reader's language, for pages, API and terminal."""

from __future__ import annotations

from functools import lru_cache

from connector.core.reasons import Tongue
from connector.desk.wording import Reader, tongue
from connector.render.report.french import in_french


@lru_cache
def speech(language: str, reader: Reader = Reader.DESK) -> Tongue:
    """How a verdict is told in a language; what has no French words stays in English."""
    return tongue(language, reader, _french if language == "fr" else str)


def _french(text: str) -> str:
    return in_french(text) or text
