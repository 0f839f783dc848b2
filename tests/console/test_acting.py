"""What operators do from the console: by role, once, on what they saw, and told in the history."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from itertools import count

import httpx
import pytest
from starlette.datastructures import URL
from starlette.requests import Request

from connector.core.roles import Role
from connector.edges.journal import looking_back
from tests.console.counter import (
    CANDIDATE,
    NEVER,
    NEW,
    REJECTED,
    SPARE,
    SUSPENDED,
    Client,
    Counter,
)
from tests.support.desk import recorded

_spare = iter(SPARE)
_names = count(1)
GOOD = {"reason": "ticket 12", "identity": "carte d'étudiant"}


def page_of(number: str) -> str:
    return f"/console/etudiants/{number}"


def snapshot(counter: Counter) -> tuple[object, int]:
    """Directory and history, to see that nothing was done."""
    return counter.walk.directory.csns(), counter.desk.journal.latest_run_id()


@pytest.mark.parametrize("act", ["suspendre", "nouveau-mot-de-passe", "renommer"])
@pytest.mark.parametrize("missing", ["reason", "identity"])
def test_what_acts_asks_for_its_reason_and_how_the_identity_was_checked(
    counter: Counter, act: str, missing: str
) -> None:
    alice, before = counter.client(Role.DESK), snapshot(counter)
    hidden = alice.form(page_of(NEVER), act)
    answer = alice.post(f"{page_of(NEVER)}/{act}", **{**hidden, **GOOD, missing: " "})
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.text
    assert "<title>Erreur" in answer.text
    assert snapshot(counter) == before


def test_an_act_is_told_after_a_redirect_and_stands_in_the_history_with_the_operator(
    counter: Counter,
) -> None:
    number, alice = next(_spare), counter.client(Role.DESK, "Alice Roux")
    hidden = alice.form(page_of(number), "suspendre")
    answer = alice.post(f"{page_of(number)}/suspendre", **hidden, **GOOD)
    assert answer.status_code == 303
    shown = alice.get(answer.headers["location"])
    assert "Compte suspendu" in shown.text
    said = "suspended: ticket 12 (identity checked by carte d'étudiant)"
    assert recorded(counter.walk, "suspend", number) == [("Alice Roux", said)]
    assert "identité vérifiée" in shown.text


def test_a_form_that_is_sent_twice_at_once_acts_once_and_both_are_led_to_the_same_page(
    counter: Counter,
) -> None:
    number, alice = next(_spare), counter.client(Role.DESK)
    hidden = alice.form(page_of(number), "nouveau-mot-de-passe")
    path = f"{page_of(number)}/nouveau-mot-de-passe"
    with ThreadPoolExecutor(2) as threads:
        sent = [threads.submit(alice.post, path, **hidden, **GOOD) for _ in range(2)]
        first, second = (one.result() for one in sent)
    assert first.status_code == second.status_code == 303
    assert first.headers["location"] == second.headers["location"]
    assert len(recorded(counter.walk, "reissue", number)) == 1


def test_a_new_password_is_shown_once_opens_the_account_and_is_gone_on_reload(
    counter: Counter,
) -> None:
    number, alice = next(_spare), counter.client(Role.DESK)
    hidden = alice.form(page_of(number), "nouveau-mot-de-passe")
    answer = alice.post(f"{page_of(number)}/nouveau-mot-de-passe", **hidden, **GOOD)
    place = answer.headers["location"]
    somebody_else = counter.client(Role.ADMIN, "Bruno").get(place)
    assert somebody_else.status_code == 410
    shown = alice.get(place)
    assert shown.headers["cache-control"] == "no-store"
    [password] = re.findall(r'class="secret"[^>]*>(\d{6})<', shown.text)
    assert counter.walk.directory.bind_result(counter.walk.person(number)["dn"][0], password) == 0
    again = alice.get(place)
    assert again.status_code == 410
    assert password not in again.text


def test_a_page_that_is_out_of_date_acts_on_nothing_and_says_what_has_changed(
    counter: Counter,
) -> None:
    number = next(_spare)
    alice, bruno = counter.client(Role.DESK), counter.client(Role.DESK, "Bruno")
    old = alice.form(page_of(number), "renommer")
    hidden = bruno.form(page_of(number), "suspendre")
    assert bruno.post(f"{page_of(number)}/suspendre", **hidden, **GOOD).status_code == 303
    before = snapshot(counter)
    answer = alice.post(f"{page_of(number)}/renommer", **old, **GOOD)
    assert answer.status_code == 412
    assert "Compte suspendu (Bruno)" in answer.text
    assert snapshot(counter) == before


def test_what_the_state_forbids_is_shown_without_a_form_and_refused_all_the_same(
    counter: Counter,
) -> None:
    alice, path = counter.client(Role.DESK), page_of(SUSPENDED)
    text = alice.get(path).text
    assert f'action="{path}/nouveau-mot-de-passe"' not in text
    assert re.search(r"suspendu[^<]*suspension", text)
    hidden = alice.form(path, "suspendre")
    before = snapshot(counter)
    answer = alice.post(f"{path}/nouveau-mot-de-passe", **hidden, **GOOD)
    assert answer.status_code == 409
    assert snapshot(counter) == before


ACTS = {
    f"{page_of(NEVER)}/resynchroniser": Role.DESK,
    f"{page_of(NEVER)}/scolpass": Role.ENROLMENT,
    f"{page_of(NEVER)}/nouveau-mot-de-passe": Role.DESK,
    f"{page_of(NEVER)}/suspendre": Role.DESK,
    f"{page_of(NEVER)}/lever-la-suspension": Role.DESK,
    f"{page_of(NEVER)}/renommer": Role.DESK,
    f"{page_of(NEVER)}/effacer": Role.ADMIN,
    f"/console/plans/{'0' * 64}/approbation": Role.APPROVER,
    f"/console/decisions/{CANDIDATE}/rattacher": Role.APPROVER,
    f"/console/decisions/{CANDIDATE}/distinguer": Role.APPROVER,
    f"/console/decisions/{CANDIDATE}/proteger": Role.APPROVER,
    "/console/decisions/annuler/1": Role.APPROVER,
    "/console/evenements/reprendre": Role.APPROVER,
}


def test_the_table_of_acts_is_whole(counter: Counter) -> None:
    text = counter.client(Role.ADMIN).get(page_of(NEVER)).text
    for path in re.findall(r'action="(/console/etudiants/[^"]+)"', text):
        assert path in {*ACTS, page_of(NEVER) + "#autre-jour"}


@pytest.mark.parametrize("path", ACTS, ids=lambda path: path.rpartition("/")[2])
def test_nobody_below_its_role_does_anything_nor_another_site(counter: Counter, path: str) -> None:
    before, fields = snapshot(counter), {**GOOD, "once": "x" * 43, "dn": "x", "event": "x"}
    for role in Role:
        if role.rank < ACTS[path].rank:
            assert counter.client(role).post(path, **fields).status_code == 403, role
    admin = counter.client(Role.ADMIN)
    for forged in ("", "0" * 64, counter.client(Role.ADMIN, "Bruno").csrf()):
        assert admin.post(path, forged, **fields).status_code == 403
    site = {"Sec-Fetch-Site": "cross-site", **admin._cookie}
    data = {"csrf": admin.csrf(), **fields}
    assert counter.http.post(path, data=data, headers=site).status_code == 403
    stranger = counter.http.post(path, data=fields)
    assert stranger.status_code in (303, 403)
    assert snapshot(counter) == before


def test_buttons_are_shown_by_role(counter: Counter) -> None:
    shown = {
        role: set(
            re.findall(
                rf'action="{page_of(NEVER)}/([\w-]+)"',
                counter.client(role).get(page_of(NEVER)).text,
            )
        )
        for role in Role
    }
    assert shown[Role.READER] == set()
    assert shown[Role.ENROLMENT] == {"scolpass"}
    for role in (Role.DESK, Role.APPROVER):
        assert {"scolpass", "nouveau-mot-de-passe", "suspendre"} <= shown[role]


def test_a_letter_is_a_pdf_that_nobody_keeps_and_its_printing_is_recorded(
    counter: Counter,
) -> None:
    flora = counter.client(Role.ENROLMENT, "Flora")
    answer = flora.post(f"{page_of(NEVER)}/scolpass", language="fr")
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.content.startswith(b"%PDF")
    assert "Flora" in {actor for actor, _ in recorded(counter.walk, "print", NEVER)}


def test_looking_at_somebody_is_noted_with_who_and_when(counter: Counter) -> None:
    name = f"Lecteur {next(_names)}"
    counter.client(Role.READER, name).get(page_of(NEVER))
    latest = counter.desk.journal.looks(NEVER)[0]
    assert (latest.operator, latest.student_number) == (name, NEVER)


@pytest.mark.parametrize(
    ("send", "number"),
    [
        (lambda one: one.post(f"{page_of(NEVER)}/suspendre", reason=""), NEVER),
        (lambda one: one.post(f"{page_of(NEVER)}/suspendre", **GOOD, once="x" * 43), NEVER),
        (lambda one: one.get(f"{page_of(NEVER)}/mot-de-passe/{'x' * 43}"), NEVER),
        (lambda one: one.get(f"/console/decisions/{CANDIDATE}"), CANDIDATE),
        (lambda one: one.get("/console/etudiants/cbenali"), ""),
    ],
    ids=[
        "a refused form",
        "a stale form",
        "a password that was shown",
        "a decision",
        "not managed",
    ],
)
def test_every_page_that_shows_somebody_notes_the_look(
    counter: Counter, send: Callable[[Client], httpx.Response], number: str
) -> None:
    name = f"Curieux {next(_names)}"
    answer = send(counter.client(Role.DESK, name))
    assert answer.status_code in (200, 410, 412, 422)
    assert [one.operator for one in counter.desk.journal.looks(number)[:1]] == [name]


def test_a_password_that_is_asked_for_without_its_body_is_still_shown(counter: Counter) -> None:
    number, alice = next(_spare), counter.client(Role.DESK)
    hidden = alice.form(page_of(number), "nouveau-mot-de-passe")
    answer = alice.post(f"{page_of(number)}/nouveau-mot-de-passe", **hidden, **GOOD)
    place = answer.headers["location"]
    assert counter.http.head(place, headers=alice._cookie).status_code == 200
    assert 'class="secret"' in alice.get(place).text


@pytest.mark.parametrize("host", ["x/effacer?", "x/nouveau-mot-de-passe#"])
def test_what_is_done_is_what_the_role_was_asked_for_whatever_the_host_is_called(
    counter: Counter, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    # Before its 1.0, Starlette put Host into the URL as it came.
    made = property(lambda one: URL(f"http://{host}{one.scope['path']}"))
    monkeypatch.setattr(Request, "url", made)
    alice, before = counter.client(Role.DESK), snapshot(counter)
    answer = alice.post(f"{page_of(NEVER)}/resynchroniser", reason=" ")
    assert answer.status_code == 422
    # Sent with a reason, it lacks the token of a form and nothing else: no identity is checked.
    assert alice.post(f"{page_of(NEVER)}/resynchroniser", reason="r").status_code == 400
    assert snapshot(counter) == before


@pytest.mark.parametrize("run", ["9" * 30, "9" * 5000, "٣", "-1", "x"])
def test_a_run_of_no_possible_number_is_not_there(counter: Counter, run: str) -> None:
    bruno = counter.client(Role.APPROVER, "Bruno")
    assert bruno.get(f"/console/passages/{run}").status_code == 404
    answer = bruno.post(f"/console/decisions/annuler/{run}", reason="ticket 12")
    assert answer.status_code == 404


def test_while_the_directory_is_away_the_page_says_so_and_shows_what_is_remembered(
    counter: Counter,
) -> None:
    alice = counter.client(Role.DESK)
    hidden = alice.form(page_of(NEVER), "suspendre")
    counter.walk.directory.stop()
    try:
        seen = alice.get(page_of(NEVER))
        acted = alice.post(f"{page_of(NEVER)}/suspendre", **hidden, **GOOD)
        listed = alice.get("/console/listes/jamais-actives")
    finally:
        counter.walk.directory.start()
    assert seen.status_code == 503
    assert "L'annuaire ne répond pas" in unescape(seen.text)
    assert f"e{NEVER}" in seen.text
    assert acted.status_code == 503
    assert listed.status_code == 200
    assert alice.get(page_of(NEVER)).status_code == 200


def test_whoever_had_a_plan_computed_is_offered_no_approval_where_a_second_person_is_asked_for(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = counter.desk.rules
    safety = rules.safety.model_copy(update={"second_person": True})
    monkeypatch.setattr(counter.desk, "rules", rules.model_copy(update={"safety": safety}))
    own = counter.client(Role.APPROVER, "tester").get("/console/plans").text
    other = counter.client(Role.APPROVER, "Bruno").get("/console/plans").text
    assert "/approbation" not in own
    assert "/approbation" in other


WEIRD = (
    *("/console/rien", "/console/etudiants/%00", "/console/etudiants/%E2%80%AE", "/console/runs"),
    *(f"/console/etudiants/{'x' * 400}", f"{page_of(NEVER)}?jour=9999-12-31", "/console/listes/x"),
    *(f"{page_of(NEVER)}?jour=0001-01-01", f"{page_of(NEVER)}?jour=x", f"{page_of(NEVER)}?fait=x"),
    *("/console/listes/jamais-actives?suite=x", "/console/listes/jamais-actives?tri=x"),
    *("/console/listes/lignes-refusees?suite=x", "/console/listes/x.csv", "/console/passages/0"),
    *("/console/passages/99999999999999999999", "/console/passages/1?avant=x&action=x&issue=x"),
    *(
        "/console/plans/x",
        f"/console/plans/{'0' * 64}",
        "/console/decisions/x",
        "/console/static/x",
    ),
    *(f"/console/plans/{'0' * 64}/plan.exe", f"/console/plans/{'0' * 64}/modifications?forme=x"),
    *("/console/evenements?etat=x&avant=-1", f"{page_of(NEVER)}/mot-de-passe/x", "/console/../etc"),
)


@pytest.mark.parametrize("path", WEIRD)
def test_an_address_that_nobody_was_given_gets_a_page_and_no_mistake(
    counter: Counter, path: str
) -> None:
    answer = counter.client(Role.ADMIN).get(path)
    assert answer.status_code < 500 or answer.status_code == 503, answer.text[:2000]
    assert answer.headers["cache-control"] == "no-store"
    assert "Traceback" not in answer.text


@pytest.mark.parametrize("path", ["/console", "/console/passages"])
def test_the_counts_of_large_runs_are_those_of_any(
    counter: Counter, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = counter.client(Role.READER)

    def numbers() -> list[str]:
        return re.findall(r"\d+ (?:créations?|activations?|suspensions?)", alice.get(path).text)

    before = numbers()
    monkeypatch.setattr(looking_back, "_LARGE", 0)
    assert numbers() == numbers() == before
    assert before


def test_names_are_shown_as_they_are_and_do_nothing(counter: Counter) -> None:
    text = counter.client(Role.READER).get(page_of(SPARE[-1])).text
    assert "&lt;b onmouseover=alert(1)&gt;Z" in text
    assert "<b onmouseover" not in text


@pytest.mark.parametrize(
    ("typed", "finds"),
    [
        (NEVER, NEVER),
        (f"e{NEVER}", NEVER),
        (CANDIDATE, CANDIDATE),
        (NEW, NEW),
        (REJECTED, REJECTED),
    ],
)
def test_whoever_types_an_identifier_is_led_to_the_person(
    counter: Counter, typed: str, finds: str
) -> None:
    answer = counter.client(Role.READER).post("/console/recherche", q=typed)
    assert answer.status_code == 303
    assert answer.headers["location"] == page_of(finds)


def test_names_and_birth_dates_are_searched_without_standing_in_an_address(
    counter: Counter,
) -> None:
    dan = counter.client(Role.READER)
    found = dan.post("/console/recherche", q="ben ali chl")
    assert found.status_code == 200
    assert page_of(CANDIDATE) in found.text
    for page in ("/console", "/console/listes/jamais-actives", page_of(NEVER)):
        for address in re.findall(r'(?:href|action|hx-get|hx-post)="([^"]+)"', dan.get(page).text):
            assert not re.search(r"martin|l%C3%A9a|2008-02|29/02", address, re.IGNORECASE), address
