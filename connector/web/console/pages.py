"""A page of the console: a template and what it shows, or the part that a script asks for."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment
from jinja2_fragments import render_block
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from connector.clock import read_moment
from connector.core.languages import LANGUAGES, other_than
from connector.core.roles import Permission, Role
from connector.render.markup import environment
from connector.render.terminal import printable
from connector.settings.sections import Settings
from connector.web.assets import LOOK, Assets
from connector.web.console.speech import Speech
from connector.web.first_connection import branding
from connector.web.operators import Operator

HOME = "/console"
STATIC = f"{HOME}/static"
_HERE = Path(__file__).parent
_BLANKS = "\u00a0\u202f"
_BREAK = re.compile(f"([{_BLANKS}])")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks for a page, and in which language."""

    operator: Operator | None  # None: nobody has signed in
    language: str = LANGUAGES[0]
    csrf: str = field(default="", repr=False)  # what their forms carry


class Pages:
    """Makes pages; one for the console."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.assets = Assets(STATIC, LOOK, _HERE / "static", colour=settings.institution.colour)
        self._shown = branding.shown(settings)

    def speech(self, caller: Caller) -> Speech:
        """The caller's language, now."""
        institution = self.settings.institution
        zone = self.settings.rules.institution.zone
        return Speech(caller.language, zone, read_moment(institution))

    def page(
        self,
        request: Request,
        name: str,
        status: int = 200,
        /,
        *,
        block: str = "",
        **shown: Any,
    ) -> Response:
        """A page, for the caller in ``request.state.caller``.

        Args:
            name: its template.
            block: the part of it that a script of ours puts into the page it is on (htmx), where
                the request says that one asks; a browser without script gets the whole.
            shown: what the template fills in.
        """
        caller: Caller = request.state.caller
        speech = self.speech(caller)
        context: dict[str, Any] = {
            **self._shown,
            "t": speech.texts,
            "say": speech,
            "other_url": _in_other_language(request, caller.language),
            "other": other_than(caller.language),
            "caller": caller,
            "operator": caller.operator,
            "csrf": caller.csrf,
            "path": request.url.path,
            "asset": self.assets.url,
            "Permission": Permission,
            "Role": Role,
            **shown,
        }
        context["ui"] = _environment().get_template("parts.html").make_module(context)
        if block and is_part(request):
            content = render_block(_environment(), f"{name}.html", block, context)
        else:
            content = _environment().get_template(f"{name}.html").render(context)
        answer = HTMLResponse(content, status)
        if block:
            answer.headers["Vary"] = "HX-Request"
        return answer


def is_part(request: Request) -> bool:
    """Whether a script of ours asks for a part of a page."""
    return (
        request.headers.get("hx-request") == "true"
        and request.headers.get("hx-history-restore-request") != "true"
    )


def _in_other_language(request: Request, language: str) -> str:
    """The same page in the other language; what was sent in a form is asked for again."""
    asked = [pair for pair in request.query_params.multi_items() if pair[0] != "langue"]
    return "?" + urlencode([*asked, ("langue", other_than(language))])


@lru_cache
def _environment() -> Environment:
    return environment(_HERE / "templates", _seen)


def _seen(value: object) -> object:
    """A value of register or directory, with what is invisible in it shown; it is then escaped.

    Blanks that do not break stay: French has them before its signs.
    """
    if type(value) is not str or value.isprintable():
        return value
    return "".join(part if part in _BLANKS else printable(part) for part in _BREAK.split(value))
