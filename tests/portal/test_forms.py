"""What browsers, and those who only pretend to be one, send to the pages, and what they get."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from html import escape
from itertools import product
from urllib.parse import urljoin, urlsplit

import httpx
import pytest
from starlette.routing import BaseRoute, Mount, Route

from connector.activation.links import CONFIRM, PAGES, RESET
from connector.activation.visits import Step
from connector.core.account import State
from connector.desk import account as desk
from connector.edges.tokens import draw_token
from connector.web.app import Pages, make_app
from connector.web.first_connection.branding import look
from connector.web.first_connection.routes import LEAVE, PATHS, SIGN_IN, START
from connector.web.first_connection.visitors import COOKIE
from tests.portal.common import (
    BACKUP,
    CHARTER,
    FORM,
    FORWARDING,
    GOOD,
    PASSWORD,
    PROBLEM,
    STEPS,
    Page,
    Site,
    Student,
    Visitor,
    at,
    new_address,
    without_tokens,
)
from tests.support.desk import take
from tests.support.walk import students
from tests.web.common import answer_on

NEW = {"new_password": GOOD, "new_password_again": GOOD}
FORMS = [*(PATHS[step] for step in STEPS), START, SIGN_IN, LEAVE, f"{PASSWORD}/verifier", PROBLEM]


def refused_as(answer: httpx.Response, status: int) -> None:
    """See that a request was refused, with a page that a student can read."""
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")
    assert "<h1>" in answer.text


# --- another site ---------------------------------------------------------------------------------


@pytest.mark.parametrize("path", FORMS)
def test_a_form_without_a_token_of_this_browser_is_refused(
    site: Site, visitor: Visitor, path: str
) -> None:
    who = site.student()
    visitor.go_to(Step.PASSWORD, who)
    with Visitor(site) as other:
        foreign = other.get(SIGN_IN).csrf
    fields = {"identifier": who.login, "password": who.password, **STEPS[Step.BACKUP_MAIL], **NEW}
    for csrf in ("", "x", foreign, visitor.token, foreign[:-1] + "é"):
        refused_as(visitor.post(path, {**fields, "csrf": csrf}), 403)
    refused_as(visitor.send("POST", path, data=fields), 403)
    assert site.is_untouched(who)
    assert visitor.get(PASSWORD).answer.status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "{url}"},
        {"Sec-Fetch-Site": ""},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "{url}.evil.example"},
        {"Origin": "https://evil.example", "Referer": "{url}/premiere-connexion"},
    ],
)
def test_a_form_that_another_site_has_sent_is_refused(
    site: Site, visitor: Visitor, headers: Mapping[str, str]
) -> None:
    who = site.student()
    visitor.go_to(Step.PASSWORD, who)
    sent = {name: value.format(url=site.url) for name, value in headers.items()}
    refused_as(visitor.post(PASSWORD, NEW, sent), 403)
    assert site.is_untouched(who)
    ours = {"Sec-Fetch-Site": "same-origin", "Origin": site.url}
    assert visitor.post(PASSWORD, NEW, ours).status_code == 303


def test_its_own_origin_and_the_public_one_are_taken_where_a_browser_says_no_more(
    site: Site, visitor: Visitor
) -> None:
    visitor.sign_in(site.student())
    for step, origin in ((Step.BACKUP_MAIL, site.url), (Step.CHARTER, "")):
        sent = {"Origin": origin or site.settings.http.public_url}
        assert visitor.post(PATHS[step], STEPS[step], sent).status_code == 303


# --- sessions -------------------------------------------------------------------------------------


def test_the_token_changes_at_sign_in_and_at_the_change_of_the_password(
    site: Site, visitor: Visitor
) -> None:
    who = site.student()
    visitor.get(SIGN_IN)
    held = [visitor.token]
    visitor.go_to(Step.PASSWORD, who)
    held.append(visitor.token)
    visitor.submit(PASSWORD, NEW)
    held.append(visitor.token)
    assert len(set(held)) == 3
    assert [site.is_session(token) for token in held] == [False, False, True]
    for old in held[:2]:
        visitor.cookies[COOKIE] = old
        assert visitor.send("GET", PATHS[Step.DONE]).headers["location"] == SIGN_IN


def test_the_gap_between_the_digits_on_the_letter_may_be_typed(
    site: Site, visitor: Visitor
) -> None:
    who = site.student()
    page = visitor.sign_in(who, f"{who.password[:3]} {who.password[3:]} ")
    assert at(page) == BACKUP
    for step in Step:
        if step is not Step.DONE:  # the last of them changes the password that was typed
            page = visitor.submit(PATHS[step], STEPS[step])
    assert at(page) == PATHS[Step.DONE]


def test_a_planted_token_is_worth_nothing(site: Site, visitor: Visitor) -> None:
    who = site.student()
    planted = draw_token()
    visitor.cookies[COOKIE] = planted
    assert at(visitor.sign_in(who)) == BACKUP
    assert visitor.token != planted
    with Visitor(site) as thief:
        thief.cookies[COOKIE] = planted
        assert at(thief.get(BACKUP)) == BACKUP
        assert thief.send("GET", BACKUP).headers["location"] == SIGN_IN


@pytest.mark.parametrize(
    ("address", "status"), [(STEPS[Step.BACKUP_MAIL]["backup_mail"], 200), ("eve@example.net", 410)]
)
def test_other_browsers_of_hers_are_signed_out_by_the_change_of_the_password(
    site: Site, visitor: Visitor, address: str, status: int
) -> None:
    """A link goes on that proves the address given in this first connection; no other does."""
    who = site.student()
    with Visitor(site) as other:
        other.sign_in(who)
        visitor.go_to(Step.PASSWORD, who)
        reset = site.link_to(who, RESET, "")
        confirm = site.link_to(who, CONFIRM, address)
        visitor.submit(PASSWORD, NEW)
        assert other.post(BACKUP, STEPS[Step.BACKUP_MAIL]).headers["location"] == SIGN_IN
        assert other.get(reset).answer.status_code == 410
        assert other.get(confirm).answer.status_code == status


def test_who_signs_out_is_signed_out(site: Site, visitor: Visitor) -> None:
    visitor.sign_in(site.student())
    held = visitor.token
    assert visitor.post(LEAVE, {}).headers["location"] == START
    assert visitor.token != held
    assert not site.is_session(held)


def test_cookies_are_of_this_host_alone_and_out_of_scripts_reach(
    site: Site, visitor: Visitor
) -> None:
    lines = visitor.send("GET", f"{START}?langue=en").headers.get_list("set-cookie")
    visitor.get(SIGN_IN)
    who = site.student()
    signed = visitor.post(SIGN_IN, {"identifier": who.login, "password": who.password})
    lines += signed.headers.get_list("set-cookie")
    assert len(lines) == 3
    for line in lines:
        parts = {part.strip().lower() for part in line.split(";")[1:]}
        assert line.startswith("__Host-")
        assert {"secure", "httponly", "path=/"} <= parts
        assert parts & {"samesite=lax", "samesite=strict"}
        assert not any(part.startswith("domain") for part in parts)


def test_two_changes_of_the_password_at_once_leave_one_password(site: Site) -> None:
    who = site.student()
    with Visitor(site) as visitor:
        visitor.go_to(Step.PASSWORD, who)
        answers: list[tuple[str, int]] = []

        def change(new: str) -> None:
            with Visitor(site) as same:
                same.cookies, same.page = dict(visitor.cookies), visitor.page
                given = {"new_password": new, "new_password_again": new}
                answers.append((new, same.post(PASSWORD, given).status_code))

        asking = [threading.Thread(target=change, args=(f"{GOOD}-{n}",)) for n in range(4)]
        for thread in asking:
            thread.start()
        for thread in asking:
            thread.join(30)
    assert {status for _, status in answers} == {303}
    assert [site.binds(who, new) for new, _ in answers].count(True) == 1
    assert not site.binds(who, who.password)


# --- where answers lead ---------------------------------------------------------------------------


def test_no_parameter_and_no_header_leads_anywhere_else(site: Site, visitor: Visitor) -> None:
    who = site.student()
    evil = "https://evil.example"
    headers = {
        "Host": "evil.example",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Server": "evil.example",
        "Forwarded": "host=evil.example;proto=https",
        "X-Original-URL": evil,
        "X-Rewrite-URL": evil,
        "Referer": evil,
    }
    asked = "&".join(f"{name}={evil}" for name in ("next", "url", "return", "retour", "lien"))
    answers = [visitor.send("GET", f"{path}?{asked}", headers) for path in (START, PROBLEM)]
    visitor.page = Page(answers[0])
    given = {"identifier": who.login, "password": who.password, "next": evil, "url": evil}
    answers.append(visitor.post(f"{SIGN_IN}?{asked}", given, headers))
    visitor.get(BACKUP)
    for step, fields in STEPS.items():
        answers.append(visitor.send("GET", f"{PATHS[step]}?{asked}", headers))
        answers.append(visitor.post(f"{PATHS[step]}?{asked}", {**fields, "next": evil}, headers))
    visitor.get(PATHS[Step.DONE])
    answers.append(visitor.post(f"{LEAVE}?{asked}", {"next": evil}, headers))
    odd = ("//evil.example/", f"{START}/", f"{START}//evil.example")
    answers += [
        visitor.send("GET", f"{site.url}{path}?next={evil}", headers)
        for path in (*PAGES.values(), *odd)
    ]
    for answer in answers:
        location = answer.headers.get("location", "")
        assert not location or location in {START, SIGN_IN, *PATHS.values()}
        # The value of the link is shown again in the page's own links, escaped; nothing else is.
        assert "evil.example" not in str(answer.headers)
        for path in Page(answer).links:
            assert urlsplit(path).netloc in ("", "ent.umontpellier.fr"), path


# --- what is no form ------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [START, PROBLEM, "/activation/sign-in", BACKUP])
@pytest.mark.parametrize("announced", [True, False])
def test_what_is_far_too_large_is_refused_unread(site: Site, path: str, announced: bool) -> None:
    kind = "application/json" if path.startswith("/activation") else FORM
    length = "Content-Length: 10000000" if announced else "Transfer-Encoding: chunked"
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\n{length}\r\n\r\n"
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", site.daemon.port), timeout=20) as connection:
        connection.sendall(head.encode())
        if not announced:
            chunk = b"8000\r\n" + b"a" * 0x8000 + b"\r\n"
            connection.sendall(chunk)
        status, headers, _ = answer_on(connection)
    assert status == 413
    assert headers["connection"] == "close"
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"identifier=%zz&password=1", FORM, 403),  # well-formed (WHATWG URL, 5.1), and no token
        (b"identifier=%00&password=1", FORM, 400),
        (b"identifier=%ff%fe&password=1", FORM, 400),
        (b"identifier=\xff&password=1", FORM, 400),
        (b"identifier=a&identifier=b", FORM, 400),
        (b"identifier=a&csrf=b&csrf=b", FORM, 400),
        (b"&".join(b"f%d=1" % n for n in range(1000)), FORM, 400),
        (b"identifier", FORM, 400),
        (b"", FORM, 403),
        (b'{"identifier": "a"}', "application/json", 415),
        (b"--x\r\n\r\n--x--", "multipart/form-data; boundary=x", 415),
        (b"identifier=a", "text/plain", 415),
        (b"identifier=a", "", 415),
    ],
)
@pytest.mark.parametrize("path", [START, PROBLEM, BACKUP])
def test_what_is_malformed_is_refused_with_a_page(
    visitor: Visitor, path: str, body: bytes, kind: str, status: int
) -> None:
    visitor.get(SIGN_IN)
    headers = {"Content-Type": kind} if kind else {}
    refused_as(visitor.send("POST", path, headers, content=body), status)


CRLF = ("\r\n", "\n", "\r", "%0d%0a", "\r\nBcc: all@example.org", "\u2028")


@pytest.mark.parametrize("end", CRLF)
def test_no_field_gets_a_line_into_headers_mails_or_logs(
    site: Site, visitor: Visitor, end: str
) -> None:
    who = site.student()
    injected = f"lea@example.org{end}X-Injected: yes"
    visitor.get(SIGN_IN)
    answers = [visitor.post(SIGN_IN, {"identifier": injected, "password": injected})]
    visitor.get(PROBLEM)
    answers.append(visitor.post(PROBLEM, {"identifier": injected}))
    visitor.sign_in(who)
    refused = [visitor.post(BACKUP, {"backup_mail": injected})]
    visitor.submit(BACKUP, STEPS[Step.BACKUP_MAIL])
    visitor.submit(CHARTER, STEPS[Step.CHARTER])
    refused.append(visitor.post(FORWARDING, {"forward_to": injected, "keep_copy": "on"}))
    answers += [*refused, visitor.send("GET", f"{START}?{httpx.QueryParams(langue=end)}")]
    assert [answer.status_code for answer in refused] == [422, 422]
    for answer in answers:
        assert "x-injected" not in answer.headers
    assert not any(line.startswith("X-Injected") for line in site.daemon.said().splitlines())
    assert "X-Injected" not in str(site.entry(who))


SCRIPTS = (
    '"><script>alert(1)</script>',
    "'><img src=x onerror=alert(1)>",
    "</title><script>alert(1)</script>",
    "javascript:alert(1)",
    "{{7*7}}${7*7}<%= 7*7 %>#{7*7}",
    "{% for x in ().__class__.__base__.__subclasses__() %}{{x}}{% endfor %}",
    "{0.__class__}{lien}%(a)s",
)


@pytest.mark.parametrize("given", SCRIPTS)
def test_what_is_shown_again_is_shown_literally(site: Site, visitor: Visitor, given: str) -> None:
    who = site.student()
    visitor.get(SIGN_IN)
    answers = [visitor.post(SIGN_IN, {"identifier": given, "password": "000000"})]
    answers.append(visitor.post(SIGN_IN, {"identifier": given, "password": ""}))
    answers.append(visitor.post(PROBLEM, {"identifier": f"{given} "}))
    visitor.sign_in(who)
    answers.append(visitor.post(BACKUP, {"backup_mail": given}))
    visitor.submit(BACKUP, STEPS[Step.BACKUP_MAIL])
    visitor.submit(CHARTER, STEPS[Step.CHARTER])
    answers.append(visitor.post(FORWARDING, {"forward_to": given, "keep_copy": given}))
    visitor.submit(FORWARDING, STEPS[Step.FORWARDING])
    answers.append(visitor.post(PASSWORD, {"new_password": given, "new_password_again": "x"}))
    answers.append(visitor.send("GET", f"{PASSWORD}?{httpx.QueryParams({'langue': given})}"))
    answers += [
        visitor.send("GET", f"{path}?{httpx.QueryParams({'lien': given})}")
        for path in PAGES.values()
    ]
    for answer in answers:
        assert answer.status_code < 500
        page = Page(answer)
        assert "49" not in without_tokens(page.words).replace(given, "")
        scripts = [found.get("src") for tag, found in page.tags if tag == "script"]
        assert scripts == [f"{START}/static/portal.js"]
        assert not any(name.startswith("on") for _, found in page.tags for name in found)
        pictures = [found.get("src") for tag, found in page.tags if tag == "img"]
        assert pictures == [f"{START}/logo"]
    for shown in (answers[0], answers[3]):
        assert escape(given).replace("&#x27;", "&#39;").replace("&quot;", "&#34;") in shown.text


# --- every route ----------------------------------------------------------------------------------


class _Nobody:
    """A service, for the table of routes alone."""

    def __getattr__(self, _: str) -> object:
        return None


def every_route(site: Site) -> list[tuple[str, str]]:
    """(method, path) of all that is answered, read from the application itself."""
    from connector.activation.portal import Portal
    from connector.inbox.intake import Intake

    with (
        site.walk.context() as opened,
        Intake(opened, lambda _: None) as intake,
        Portal(site.settings, intake.stored) as portal,
    ):
        app = make_app(_Nobody(), lambda: (), Pages(portal))  # type: ignore[arg-type]
        found = set(_flat(app._app.routes))  # type: ignore[attr-defined]
    described = site.daemon.client.get("/openapi.json").json()["paths"]
    found |= {(method.upper(), path) for path, ways in described.items() for method in ways}
    return sorted(found)


def _flat(routes: list[BaseRoute], before: str = "") -> Iterator[tuple[str, str]]:
    for route in routes:
        if isinstance(route, Mount):
            if route.routes:
                yield from _flat(route.routes, before + route.path)
            else:
                yield "GET", f"{before}{route.path}/portal.css"
        elif isinstance(route, Route):
            for method in route.methods or ():
                yield method, (before + route.path).replace("{rest:path}", "nowhere")


HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}


def is_well_guarded(answer: httpx.Response, place: str) -> None:
    """See that an answer has the headers of ASVS 5.0, V3.4."""
    for name, value in HEADERS.items():
        assert answer.headers.get_list(name) == [value], (place, name)
    assert "max-age=31536000" in answer.headers["strict-transport-security"], place
    policy = dict(
        [*part.split(), ""][:2] for part in answer.headers["content-security-policy"].split(";")
    )
    for part in ("default-src", "object-src", "base-uri", "frame-ancestors"):
        assert policy[part] == "'none'", (place, part)
    assert "unsafe" not in answer.headers["content-security-policy"], place
    assert "server" not in answer.headers
    assert "x-powered-by" not in answer.headers


def test_every_route_has_its_headers_and_needs_its_session_and_get_changes_nothing(
    site: Site,
) -> None:
    routes = every_route(site)
    assert {("GET", START), ("POST", START), ("POST", "/activation/sign-in")} <= set(routes)
    assert len(routes) > 30
    steps = {*PATHS.values(), f"{PASSWORD}/verifier"}
    open_api = {"/sign-in", "/backup-mail/confirm", "/password/forgotten", "/password/reset"}
    csns = site.directory.csns()
    tables = contents(site)
    with Visitor(site) as visitor:
        for method, path in routes:
            answer = visitor.send(method, path, {"Cookie": ""})
            place = f"{method} {path}"
            is_well_guarded(answer, place)
            assert answer.status_code < 500, place
            if method in ("GET", "HEAD") and path in steps:
                assert (answer.status_code, answer.headers["location"]) == (303, SIGN_IN), place
            if path.startswith("/api/"):  # it has a table of its own, by role
                assert answer.status_code in (401, 404), place
                continue
            if method == "POST" and not path.startswith(("/activation", "/events")):
                assert answer.status_code in (403, 415), place
            if method == "POST" and path.startswith("/activation"):
                sent = visitor.send(method, path, json={})
                is_well_guarded(sent, place)
                expected = 422 if path.removeprefix("/activation") in open_api else 401
                assert sent.status_code == expected, place
                assert sent.headers["content-type"] == "application/problem+json", place
            for other in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
                sent = visitor.send(other, path)
                is_well_guarded(sent, f"{other} {path}")
                assert sent.status_code in (404, 405), f"{other} {path}"
    assert site.directory.csns() == csns
    assert contents(site) == tables


def contents(site: Site) -> dict[str, int]:
    """How many rows the journal's tables have."""
    with site.journal() as database:
        names = [row[0] for row in database.execute("SELECT name FROM sqlite_master")]
        return {
            name: database.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]  # noqa: S608
            for name in ("sessions", "links", "outbox", "gifts", "events", "changes")
            if name in names
        }


def test_looking_at_pages_uses_nothing_up_and_head_is_like_get(
    site: Site, visitor: Visitor
) -> None:
    who = site.student()
    visitor.go_to(Step.PASSWORD, who)
    paths = [*PATHS.values(), START, SIGN_IN, LEAVE, f"{PASSWORD}/verifier", PROBLEM]
    paths.append(site.link_to(who, CONFIRM, "lea@example.net"))
    tables = contents(site)
    for path, method in product(paths, ("GET", "HEAD")):
        given = "&" if "?" in path else "?"
        fields = {"new_password": GOOD, "backup_mail": "a@example.org", "charter": "2026"}
        answer = visitor.send(method, f"{path}{given}{httpx.QueryParams(fields)}")
        assert answer.status_code in (200, 303, 404, 405)
    assert contents(site) == tables
    assert site.is_untouched(who)
    page = visitor.get(paths[-1])
    assert page.answer.status_code == 200
    done = visitor.submit(PAGES[CONFIRM], {"lien": page.forms[0][2]["lien"]})
    assert "Adresse confirmée" in done.words
    assert visitor.get(paths[-1]).answer.status_code == 410


def test_who_follows_everything_without_a_session_finds_public_pages_alone(site: Site) -> None:
    seen: dict[str, int] = {}
    with Visitor(site) as visitor:
        left = [START, PROBLEM]
        while left:
            path = left.pop()
            if path in seen:
                continue
            page = Page(visitor.send("GET", path))
            seen[path] = page.answer.status_code
            if not page.answer.headers["content-type"].startswith("text/html"):
                continue
            for link in page.links:
                target = urlsplit(urljoin(site.url + path, link))
                if target.netloc == urlsplit(site.url).netloc:
                    left.append(target.path + (f"?{target.query}" if target.query else ""))
            for method, action, fields in page.forms:
                visitor.page = page
                assert method == "post"
                answer = visitor.post(urlsplit(urljoin(path, action or path)).path, fields)
                assert answer.status_code in (403, 422), (path, action)
    assert set(seen.values()) == {200}
    assert {urlsplit(path).path for path in seen} == {
        *(START, SIGN_IN, PROBLEM),
        *(f"{START}/static/portal.css", f"{START}/favicon", look(site.settings).url("look.css")),
    }


# --- who is not let in ----------------------------------------------------------------------------

Refusal = tuple[int, dict[str, str], str]


def test_whoever_is_not_let_in_gets_the_same_answer(own_site: Callable[..., Site]) -> None:
    site = own_site(students(6))
    good, wrong, suspended, locked, expired, gone = (site.student() for _ in range(6))
    take(site.walk, desk.suspend, suspended.number)
    for _ in range(6):
        site.directory.bind_result(locked.dn, "wrong")
    site.workspace.write_register(
        [row for row in students(6) if row["student_number"] != gone.number]
    )
    with site.directory.connect() as admin:
        admin.modify(expired.dn, {"pwdEndTime": [("MODIFY_REPLACE", ["20200101000000Z"])]})
    answers: dict[str, Refusal] = {}
    for name, identifier, password in (
        ("unknown", "nobody@etu.umontpellier.fr", "000000"),
        ("wrong", wrong.login, "000000" if wrong.password != "000000" else "000001"),
        ("suspended", suspended.login, suspended.password),
        ("locked", locked.login, locked.password),
        ("expired", expired.login, expired.password),
        ("pattern", "e226*", good.password),
        ("filter", f"*)(uid={good.login}", good.password),
        ("long", "a" * 2000, good.password),
    ):
        answers[name] = refusal(site, identifier, password)
    assert {status for status, _, _ in answers.values()} == {403}
    headers = {tuple(sorted(one.items())) for _, one, _ in answers.values()}
    assert len(headers) == 1
    assert len({body for _, _, body in answers.values()}) == 1
    spoken = {name: api_refusal(site, name, good) for name in ("nobody", good.login, locked.login)}
    assert len(set(spoken.values())) == 1
    with Visitor(site) as visitor:
        assert at(visitor.sign_in(good)) == BACKUP


def refusal(site: Site, identifier: str, password: str) -> Refusal:
    """What somebody gets who is not let in, but for what differs from browser to browser."""
    with Visitor(site) as visitor:
        visitor.get(SIGN_IN)
        answer = visitor.post(SIGN_IN, {"identifier": identifier, "password": password})
    drop = {"date", "set-cookie", "content-length"}
    headers = {name: value for name, value in answer.headers.items() if name not in drop}
    body = without_tokens(answer.text).replace(escape(identifier, quote=True), "")
    return answer.status_code, headers, body.replace(identifier, "")


def api_refusal(site: Site, identifier: str, good: Student) -> tuple[int, str]:
    """The same by API."""
    given = {"identifier": identifier, "password": f"{good.password}1"}
    sent = {"X-Forwarded-For": new_address()}
    answer = site.daemon.client.post("/activation/sign-in", json=given, headers=sent)
    return answer.status_code, answer.text


def test_who_guesses_is_throttled_by_account_and_by_address(own_site: Callable[..., Site]) -> None:
    site = own_site(students(2), activation={"throttle": {"account": "3/5m", "address": "5/5m"}})
    who, other = site.student(), site.student()
    for _ in range(3):
        assert refusal(site, who.login, "000000")[0] == 403
    status, headers, _ = refusal(site, who.login, who.password)
    assert status == 429
    assert 0 < int(headers["retry-after"]) <= 300
    with Visitor(site) as visitor:
        for n in range(6):
            visitor.get(SIGN_IN)
            answer = visitor.post(SIGN_IN, {"identifier": f"nobody{n}", "password": "000000"})
            assert answer.status_code == (403 if n < 5 else 429)
        answer = visitor.post(SIGN_IN, {"identifier": other.login, "password": other.password})
        assert answer.status_code == 429
    with Visitor(site) as elsewhere:
        assert at(elsewhere.sign_in(other)) == BACKUP


def test_an_account_that_is_suspended_meanwhile_is_signed_out(
    own_site: Callable[..., Site],
) -> None:
    site = own_site(students(1))
    who = site.student()
    with Visitor(site) as visitor:
        visitor.sign_in(who)
        take(site.walk, desk.suspend, who.number)
        assert visitor.post(BACKUP, STEPS[Step.BACKUP_MAIL]).headers["location"] == SIGN_IN
        assert site.sessions_of(who) == set()
    assert site.walk.show(who.number).decision.state is State.SUSPENDED


# --- a password is forgotten ----------------------------------------------------------------------


def test_who_forgot_her_password_chooses_another_by_a_link_once(
    site: Site, visitor: Visitor
) -> None:
    who = site.student()
    visitor.go_to(Step.DONE, who)
    changed = site.wait_active(who)["pwdChangedTime"][0]
    link = site.link_to(who, RESET, changed)
    page = visitor.get(link)
    lien = page.forms[0][2]["lien"]
    again = {"lien": lien, "new_password": f"{GOOD}-2", "new_password_again": f"{GOOD}-2"}
    assert visitor.post(PAGES[RESET], {**again, "new_password_again": "x"}).status_code == 422
    assert "Mot de passe changé" in visitor.submit(PAGES[RESET], again).words
    assert site.binds(who, f"{GOOD}-2")
    assert not site.binds(who, GOOD)
    visitor.get(SIGN_IN)
    assert visitor.post(PAGES[RESET], again).status_code == 410


def test_asking_for_a_link_tells_nobody_whether_there_is_an_account(
    site: Site, visitor: Visitor
) -> None:
    who, inactive = site.student(), site.student()
    visitor.go_to(Step.DONE, who)
    site.wait_active(who)
    answers = set()
    for identifier in (who.login, inactive.login, "nobody@example.org", "*"):
        with Visitor(site) as asking:
            asking.get(PROBLEM)
            answer = asking.post(PROBLEM, {"identifier": identifier})
            answers.add((answer.status_code, without_tokens(answer.text)))
    assert len(answers) == 1
    assert len(site.link_ids(who)) == 1
    assert site.link_ids(inactive) == []
