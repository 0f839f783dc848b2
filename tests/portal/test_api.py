"""The first connection by API, as a portal of the institution's own makes it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from connector.activation.links import CONFIRM, RESET
from connector.activation.visits import Step
from connector.desk import account as desk
from connector.edges.tokens import draw_token
from connector.web.first_connection.routes import START
from tests.portal.common import (
    BACKUP,
    CHARTER,
    GOOD,
    STEPS,
    Site,
    Student,
    Visitor,
    at,
    new_address,
)
from tests.support.daemon import NO_TLS, Daemon
from tests.support.desk import take
from tests.support.walk import students

CANARY = "Kanarienvogel-4711-in-jedem-Feld"
STATE = {"student_number", "login", "mail", "active", "next", "missing", "charter_version"}
STATE |= {"backup_mail", "forward_to", "keep_copy", "to_confirm"}


class Client:
    """A portal of the institution's own, that speaks for one student."""

    def __init__(self, url: str) -> None:
        self.token = ""
        self._client = httpx.Client(
            base_url=f"{url}/activation",
            headers={"X-Forwarded-For": new_address()},
            timeout=30,
            trust_env=False,
            verify=NO_TLS,
        )

    def close(self) -> None:
        """Let its connections go."""
        self._client.close()

    def post(self, path: str, **body: object) -> httpx.Response:
        """One call, with the token that it holds."""
        held = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return self._client.post(path, json=body, headers=held)

    def send(self, path: str, **given: Any) -> httpx.Response:
        """One call as it is given."""
        return self._client.post(path, **given)

    def sign_in(self, who: Student, password: str = "") -> dict[str, Any]:
        """Sign in; its answer."""
        answer = self.post("/sign-in", identifier=who.login, password=password or who.password)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        self.token = told["token"]
        return told

    def told(self, path: str, **body: object) -> dict[str, Any]:
        """What a call tells that succeeds."""
        answer = self.post(path, **body)
        assert answer.status_code == 200, (path, answer.text)
        found: dict[str, Any] = answer.json()
        return found


@pytest.fixture
def client(site: Site) -> Iterator[Client]:
    """A portal of the institution's own."""
    made = Client(site.url)
    yield made
    made.close()


def is_problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """See that an answer is a problem by RFC 9457; the problem."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == status
    assert {"type", "title"} <= problem.keys()
    assert CANARY not in answer.text
    assert CANARY not in str(answer.headers)
    return problem


# --- the way through ------------------------------------------------------------------------------


def test_another_process_serves_while_one_works(site: Site) -> None:
    pages = Daemon(site.workspace, "--pages-only")
    try:
        pages.wait_up()
        assert pages.ready()[1]["checks"]["role"] == "standby"
        who, elsewhere = site.student(), Client(f"http://127.0.0.1:{pages.port}")
        elsewhere.sign_in(who)
        elsewhere.told("/backup-mail", backup_mail="lea@laposte.net")
        elsewhere.told("/charter", version="2026")
        elsewhere.told("/forwarding", forward_to=None)
        elsewhere.token = elsewhere.told("/password", new_password=GOOD)["token"]
        assert site.wait_active(who)["supannMailPrive"] == ["{SECOURS}lea@laposte.net"]
        assert elsewhere.told("/state")["active"]
        elsewhere.close()
    finally:
        assert pages.terminate() == 0


def test_a_student_activates_by_api(site: Site, client: Client) -> None:
    who = site.student()
    told = client.sign_in(who)
    assert told.keys() == STATE | {"token"}
    assert (told["student_number"], told["login"]) == (who.number, who.login)
    assert (told["active"], told["next"]) == (False, "backup_mail")
    assert set(told["missing"]) == {"backup_mail", "charter", "password_changed"}
    told = client.told("/backup-mail", backup_mail="lea@example.org")
    assert told["next"] == "charter"
    told = client.told("/charter", version=told["charter_version"])
    assert told["next"] == "forwarding"
    told = client.told("/forwarding", forward_to="lea@example.com", keep_copy=True)
    assert told["next"] == "password"
    assert told["missing"] == ["password_changed"]
    judged = client.told("/password/check", new_password="Ab1")
    assert judged["checks"]["length"] is False
    assert 0 <= judged["strength"] <= 4
    before = client.token
    told = client.told("/password", new_password=GOOD)
    assert told["next"] == "done"
    assert told["token"] != before
    is_problem(client.post("/state"), 401)
    client.token = told["token"]
    entry = site.wait_active(who)
    assert client.told("/state")["active"] is True
    assert site.binds(who, GOOD)
    assert not site.binds(who, who.password)
    assert len(entry["mailForwardingAddress"]) == 2
    assert client.post("/sign-out").status_code == 204
    is_problem(client.post("/state"), 401)


def test_what_was_begun_on_the_pages_goes_on_by_api_and_back(site: Site, client: Client) -> None:
    who = site.student()
    with Visitor(site) as visitor:
        visitor.sign_in(who)
        client.sign_in(who)
        client.told("/backup-mail", backup_mail="lea@example.org")
        assert at(visitor.get(BACKUP)) == BACKUP
        assert visitor.send("GET", START).headers["location"] == BACKUP  # to be confirmed
        visitor.submit(BACKUP, STEPS[Step.BACKUP_MAIL])
        assert visitor.send("GET", START).headers["location"] == CHARTER
    client.told("/charter", version="2026")
    client.told("/forwarding", forward_to=None)
    client.told("/password", new_password=GOOD)
    assert "mailForwardingAddress" not in site.wait_active(who)


def test_links_do_by_api_what_they_do_on_the_pages(site: Site, client: Client) -> None:
    who = site.student()
    client.sign_in(who)
    link = _text(site.link_to(who, CONFIRM, "lea@example.net"))
    assert client.post("/backup-mail/confirm", link=link).status_code == 204
    is_problem(client.post("/backup-mail/confirm", link=link), 410)
    client.told("/charter", version="2026")
    told = client.told("/state")
    assert (told["backup_mail"], told["to_confirm"]) == ("lea@example.net", ["backup_mail"])
    refused = is_problem(client.post("/password", new_password=GOOD), 422)
    assert (refused["field"], refused["reason"]) == ("backup_mail", "confirm_first")
    client.told("/backup-mail", backup_mail="lea@example.net")
    client.told("/password", new_password=GOOD)
    entry = site.wait_active(who)
    assert entry["supannMailPerso"] == ["lea@example.net"]
    assert client.post("/password/forgotten", identifier=who.login).status_code == 202
    assert client.post("/password/forgotten", identifier="nobody").status_code == 202
    assert len(site.link_ids(who)) >= 1
    link = _text(site.link_to(who, RESET, entry["pwdChangedTime"][0]))
    problem = is_problem(client.post("/password/reset", link=link, new_password="Ab1"), 422)
    assert (problem["field"], problem["reason"]) == ("new_password", "rules")
    assert client.post("/password/reset", link=link, new_password=f"{GOOD}-2").status_code == 204
    assert site.binds(who, f"{GOOD}-2")
    is_problem(client.post("/password/reset", link=link, new_password=f"{GOOD}-3"), 410)
    assert not site.binds(who, f"{GOOD}-3")


def _text(path: str) -> str:
    return path.partition("lien=")[2]


# --- who may ask ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "held", ["", "Bearer", "Bearer x", "Bearer {drawn}", "Basic {token}", "{token}", "Bearer é"]
)
def test_a_wrong_token_opens_nothing(site: Site, client: Client, held: str) -> None:
    client.sign_in(site.student())
    value = held.format(token=client.token, drawn=draw_token())
    client.token = ""
    headers = {"Authorization": value.encode()} if held else {}
    for path in ("/state", "/sign-out", "/backup-mail", "/password", "/password/check"):
        body = {"backup_mail": "a@example.org"} if path == "/backup-mail" else {}
        if path.startswith("/password"):
            body = {"new_password": CANARY}
        answer = client.send(path, json=body, headers=headers)
        is_problem(answer, 401)
        assert answer.headers["www-authenticate"] == "Bearer"


def test_a_cookie_is_no_token_and_a_token_no_cookie(site: Site, client: Client) -> None:
    """What a browser sends by itself opens nothing that another site could ask for."""
    with Visitor(site) as visitor:
        visitor.sign_in(site.student())
        answer = visitor.send("POST", "/activation/state", json={})
        is_problem(answer, 401)


def test_a_second_element_that_is_wrong_or_absent_does_not_let_in(
    own_site: Callable[..., Site],
) -> None:
    site = own_site(students(1), activation={"second_factor": "birth_date"})
    who = site.student()
    client = Client(site.url)
    given: dict[str, object] = {"identifier": who.login, "password": who.password}
    answers = [client.post("/sign-in", **given), client.post("/sign-in", **given, birth_date=None)]
    answers.append(client.post("/sign-in", **given, birth_date="2008-02-28"))
    for answer in answers:
        is_problem(answer, 403)
    is_problem(client.post("/sign-in", **given, birth_date=CANARY), 422)
    assert client.post("/sign-in", **given, birth_date="2008-02-29").status_code == 200
    client.close()


def test_a_suspended_student_is_signed_out(own_site: Callable[..., Site]) -> None:
    site = own_site(students(1))
    client = Client(site.url)
    client.sign_in(site.student())
    take(site.walk, desk.suspend)
    is_problem(client.post("/state"), 401)
    client.close()


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "body", "field", "reason"),
    [
        ("/backup-mail", {"backup_mail": ""}, "backup_mail", "missing"),
        ("/backup-mail", {"backup_mail": CANARY}, "backup_mail", "no_address"),
        ("/backup-mail", {"backup_mail": f"{CANARY}@umontpellier.fr"}, "backup_mail", "inside"),
        ("/backup-mail", {"backup_mail": f"{CANARY}@x.fr\r\nBcc: a"}, "backup_mail", "no_address"),
        ("/charter", {"version": CANARY}, "version", "not_the_version"),
        ("/forwarding", {"forward_to": CANARY}, "forward_to", "no_address"),
        ("/password", {"new_password": ""}, "new_password", "missing"),
        ("/password", {"new_password": "Ab1"}, "new_password", "rules"),
    ],
)
def test_what_will_not_do_is_named(
    site: Site, client: Client, path: str, body: dict[str, object], field: str, reason: str
) -> None:
    client.sign_in(site.student())
    problem = is_problem(client.post(path, **body), 422)
    assert (problem["field"], problem["reason"]) == (field, reason)


MALFORMED: list[tuple[str, object]] = [
    ("/sign-in", {"identifier": "a", "password": CANARY, "extra": 1}),
    ("/sign-in", {"identifier": "a", "password": CANARY, CANARY: 1}),
    ("/sign-in", {"identifier": ["a"], "password": {"x": CANARY}}),
    ("/sign-in", {"identifier": "a", "password": [CANARY]}),
    ("/sign-in", {"identifier": "a", "password": CANARY * 100}),
    ("/sign-in", {"identifier": CANARY * 100, "password": "a"}),
    ("/sign-in", {"password": CANARY}),
    ("/sign-in", [CANARY]),
    ("/sign-in", CANARY),
    ("/sign-in", None),
    ("/backup-mail", {"backup_mail": "a@example.org", "student_number": CANARY}),
    ("/forwarding", {"keep_copy": True}),
    ("/forwarding", {"forward_to": None, "keep_copy": CANARY}),
    ("/charter", {"version": 2026}),
    ("/password", {"new_password": {"x": CANARY}}),
    ("/password", {"new_password": CANARY, "again": CANARY}),
    ("/password/check", {"new_password": CANARY * 100}),
    ("/password/reset", {"link": CANARY, "new_password": [CANARY]}),
]


@pytest.mark.parametrize(("path", "body"), MALFORMED)
def test_what_is_malformed_is_refused_and_never_said_again(
    site: Site, client: Client, path: str, body: object
) -> None:
    client.sign_in(site.student())
    headers = {"Authorization": f"Bearer {client.token}"}
    problem = is_problem(client.send(path, json=body, headers=headers), 422)
    assert problem["reason"] == "malformed"
    assert CANARY not in site.daemon.said()


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (f'{{"identifier": "{CANARY}"', "application/json"),
        (f'{{"identifier": "a", "password": "{CANARY}\xff"}}', "application/json"),
        ('{"identifier": "a", "password": "\\ud800' + CANARY + '"}', "application/json"),
        (f'{{"identifier": "a\\u0000", "password": "{CANARY}"}}', "application/json"),
        (f'{{"identifier": "a", "password": "{CANARY}"}}', "text/plain"),
        (f"identifier=a&password={CANARY}", "application/x-www-form-urlencoded"),
        ("[" * 5000 + CANARY, "application/json"),
        ("", "application/json"),
        (f'{{"identifier": NaN, "password": "{CANARY}"}}', "application/json"),
    ],
)
def test_what_is_no_json_is_refused_and_never_said_again(
    site: Site, client: Client, content: str, kind: str
) -> None:
    answer = client.send(
        "/sign-in", content=content.encode("latin-1"), headers={"content-type": kind}
    )
    assert answer.status_code in (400, 403, 415, 422)
    is_problem(answer, answer.status_code)
    assert CANARY not in site.daemon.said()


def test_half_a_character_is_no_password(site: Site, client: Client) -> None:
    """A lone surrogate (RFC 8259, 8.2) has no form in UTF-8."""
    client.sign_in(site.student())
    content = '{"new_password": "\\ud800' + CANARY + '"}'
    headers = {"Authorization": f"Bearer {client.token}", "content-type": "application/json"}
    is_problem(client.send("/password", content=content, headers=headers), 422)
    judged = client.send("/password/check", content=content, headers=headers)
    assert judged.status_code == 422 or not all(judged.json()["checks"].values())
    assert CANARY not in site.daemon.said()


# --- its description ------------------------------------------------------------------------------


def test_openapi_describes_every_call_its_bodies_and_its_problems(site: Site) -> None:
    described = site.daemon.client.get("/openapi.json").json()
    assert re.fullmatch(r"3\.1\.\d+", described["openapi"])
    assert described["info"]["title"]
    calls = {f"/activation{path}" for path in PATHS_OF_API}
    first_connection = {p: w for p, w in described["paths"].items() if not p.startswith("/api/")}
    assert first_connection.keys() == calls
    schemas = described["components"]["schemas"]
    for path, ways in first_connection.items():
        assert ways.keys() == {"post"}
        call = ways["post"]
        assert call["summary"], path
        assert call["operationId"], path
        for status, answer in call["responses"].items():
            assert answer["description"], (path, status)
            if int(status) >= 400:
                # RFC 9457, 3: problems have a media type of their own.
                assert set(answer["content"]) == {"application/problem+json"}, (path, status)
        if path.removeprefix("/activation") not in WITHOUT_TOKEN:
            assert call["security"], path
            assert "401" in call["responses"], path
    for reference in re.findall(r"#/components/schemas/(\w+)", str(described)):
        assert reference in schemas
    assert schemas["SignIn"]["additionalProperties"] is False


WITHOUT_TOKEN = {"/sign-in", "/backup-mail/confirm", "/password/forgotten", "/password/reset"}
PATHS_OF_API = WITHOUT_TOKEN | {
    *("/state", "/backup-mail", "/charter", "/forwarding"),
    *("/password", "/password/check", "/sign-out"),
}


def test_no_documentation_is_fetched_from_elsewhere(site: Site) -> None:
    for path in ("/docs", "/redoc", "/docs/oauth2-redirect", "/activation", "/activation/"):
        assert site.daemon.status(path) == 404
