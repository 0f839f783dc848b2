"""Signs that nobody sees cannot reorder or forge a line, whoever shows the name that holds them."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from jinja2 import DictLoader
from rich.console import Console

from connector.check import show_checkup
from connector.check.findings import Checkup, warning
from connector.core import cells
from connector.core.characters import misleading, seen
from connector.core.enrolment import clean
from connector.core.model import Action, Change, Held, Outcome, Plan, Rejection, Verdict
from connector.core.newcomers import damaged
from connector.desk import letter_text
from connector.edges import smtp
from connector.notify import ways
from connector.notify.incidents import Incident
from connector.render import machine as render
from connector.render import person
from connector.render import plan as render_plan
from connector.walk.execution import Report
from connector.web.first_connection import pages
from tests.support.reports import prepared_of
from tests.support.telling import telling
from tests.unit.core.builders import RULES, row

ZONE = RULES.institution.zone
SIGNS = {
    "embedding": "\u202a",
    "override": "\u202e",
    "isolate": "\u2066",
    "end of isolate": "\u2069",
    "mark": "\u200f",
    "Arabic mark": "\u061c",
    "no width": "\u200b",
    "joiner": "\u200d",
    "non-joiner": "\u200c",
    "word joiner": "\u2060",
    "byte order mark": "\ufeff",
    "soft hyphen": "\u00ad",
    "tag": "\U000e0041",
    "escape": "\x1b[2K",
    "eight bits": "\x9b31m",
    "line separator": "\u2028",
    "line break": "\n",
    "return": "\r",
    "HTML": "<b>",
    "rich": "[bold]",
}
INVISIBLE = [
    character for name, character in SIGNS.items() if name not in ("HTML", "rich", "line break")
]


def printed(show: Callable[[Console], object]) -> str:
    out = io.StringIO()
    show(Console(file=out, width=200, force_terminal=True, color_system=None))
    return out.getvalue()


def plan_of(text: str) -> Plan:
    attributes: dict[str, Any] = {"sn": ((text,), (text + text,))}
    change = Change(Action.UPDATE, "1", f"uid={text}", text, attributes)
    rejected = (
        Rejection(text, 1, text, text, text),
        Rejection(None, None, "student_number", text, text),
    )
    return Plan((change,), rejected, (f"1: {text}",), 1, "d", {}, {}, frozenset(), {})


def report_of(text: str) -> Report:
    plan = plan_of(text)
    held = (Held(Action.UPDATE, 1, 0, text),)
    outcomes = (Outcome(plan.changes[0], "failed", text),)
    return Report(1, "sync", prepared_of(plan, Verdict((), held)), outcomes, 1, {})


def history_of(text: str) -> list[dict[str, Any]]:
    row = {"student_number": text, "reason": text, "at": "2026-07-14T23:30:00Z", "run": 1}
    return [row | {"actor": text, "action": "create", "outcome": "failed", "error": text}]


def events_of(text: str) -> list[dict[str, Any]]:
    row = dict.fromkeys(("student_number", "identifier", "reason", "id", "type"), text)
    return [row | {"status": "waiting", "received_at": "2026-07-14T23:30:00Z"}]


TERMINAL: dict[str, Callable[[Console, str], object]] = {
    "report": lambda console, text: render_plan.show_report(console, report_of(text), ZONE),
    "history": lambda console, text: person.show_history(console, history_of(text), ZONE),
    "inbox": lambda console, text: render.show_events(console, events_of(text), ZONE),
    "check": lambda console, text: show_checkup(
        console, Checkup([warning("source", f"seen {text}", f"cure {text}", [text])])
    ),
}


@pytest.mark.parametrize("character", SIGNS)
@pytest.mark.parametrize("who", TERMINAL)
def test_on_a_terminal_a_sign_is_shown_and_not_obeyed(who: str, character: str) -> None:
    text = f"Mar{SIGNS[character]}tin"
    said = printed(lambda console: TERMINAL[who](console, text))
    assert all(one.isprintable() or one == "\n" for one in said)
    if character == "line break" and who != "check":
        assert not any(line.startswith("tin") for line in said.splitlines())
    if character in ("HTML", "rich"):
        assert text in said


@pytest.mark.parametrize("character", SIGNS)
def test_on_a_page_a_sign_is_gone_or_escaped(character: str) -> None:
    environment = pages._environment().overlay(
        loader=DictLoader({"x.html": '<p title="{{ name }}">{{ name }}</p>'})
    )
    made = environment.get_template("x.html").render(name=f"Mar{SIGNS[character]}tin")
    tags: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: object) -> None:
            tags.append(tag)

    Reader().feed(made)
    assert tags == ["p"]
    assert misleading(made.replace("\n", "")) is None


@pytest.mark.parametrize("character", SIGNS)
def test_an_alert_holds_no_such_sign_and_its_subject_is_one_line(
    character: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    text = f"Mar{SIGNS[character]}tin"
    sent: list[str] = []
    posted: list[dict[str, Any]] = []
    monkeypatch.setattr(smtp, "send", lambda _mail, _to, *texts: sent.extend(texts))
    monkeypatch.setattr(ways, "post", lambda _url, body: posted.append(body))
    alert = ways.Alert(Incident("failing", text, f"see {text}"), datetime(2026, 7, 14, tzinfo=UTC))
    for way in ways.ways(telling(tmp_path, "it@example.org", url="https://example.org/x")):
        way.send(alert)
    subject, body = sent
    assert subject.isprintable()
    for told in (subject, body, posted[0]["what"], posted[0]["cure"]):
        assert misleading(told.replace("\n", "")) is None
        assert "Mar" in told
        assert "tin" in told


@pytest.mark.parametrize("character", SIGNS)
@pytest.mark.parametrize("text", ["Mar{}tin", "{}=1+1", "{}@x", "={}1"])
def test_a_cell_of_a_list_holds_no_such_sign_and_is_no_formula(text: str, character: str) -> None:
    cell = cells.harmless(text.format(SIGNS[character]))
    assert misleading(cell.replace("\n", "")) is None
    assert not cell.startswith(cells._FORMULAS)


@pytest.mark.parametrize("character", INVISIBLE)
@pytest.mark.parametrize("text", ["Mar{}tin", "{}Martin", "Martin{}", "李{}a"])
def test_a_name_with_such_a_sign_is_damaged_and_nobody_reads_it(character: str, text: str) -> None:
    name = text.format(character)
    assert misleading(name) == f"U+{ord(character[0]):04X}"
    assert misleading(seen(name)) is None
    assert text.format(character[1:]) == seen(name)
    for field in ("family_name", "first_name", "usual_name"):
        named: dict[str, Any] = {field: name}
        found = damaged(replace(row(2026), **named))
        assert found is not None
        assert found[:2] == (field, name)


@pytest.mark.parametrize(
    "name", ["Léa", "D’Artagnan", "می\u200cخواهم", "👩\u200d🎓", "Nguyễn", "O'Brien", "e\u0301"]
)
def test_a_name_as_people_write_it_is_not(name: str) -> None:
    assert misleading(clean(name)) is None
    assert seen(name) == name


def test_a_letter_holds_no_such_sign_in_any_of_its_values() -> None:
    values = letter_text._seen(
        {"a": "x\u202ey", "b": ["\u200bz"], "c": [{"d": "\ufeffw"}], "e": []}
    )
    assert values == {"a": "xy", "b": ["z"], "c": [{"d": "w"}], "e": []}
