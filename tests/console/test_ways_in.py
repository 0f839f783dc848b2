"""Signing in to the console: each way in, and whatever is not let in."""

from __future__ import annotations

import hashlib
import json
import re
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc.jwk import OctKey, RSAKey

from connector.check import ways_in
from connector.check.case import Case
from connector.check.findings import Definition, Mark
from connector.core.roles import Role
from connector.desk import admission
from connector.edges import openid
from connector.edges.tokens import draw_token
from connector.web.console.gate import AT_ONCE, COOKIE, SIGN_IN, SIGN_OUT, way_back
from connector.web.console.sessions import claim
from connector.web.console.sign_in import PROVIDER, RETURN, STATE_COOKIE
from tests.console.entering import (
    CLIENT_SECRET,
    HEADER,
    OPERATORS,
    PASSWORD,
    Browser,
    Claims,
    Entrance,
    Provider,
    code_in,
)
from tests.support.waiting import wait_until

HOME = "/console"
PERSON = "/console/etudiants/22600001"
TEN = timedelta(minutes=11)
# However a path is spelled, the header says nothing.
PATHS = (
    *(HOME, PERSON, SIGN_IN, f"{HOME}/", f"{HOME}//", f"{HOME}/./x", "/CONSOLE"),
    *(f"/{HOME}", "/console%2fetudiants/22600001", "/api/v1/students/22600001"),
)


@pytest.fixture
def browser(entrance: Entrance) -> Browser:
    """A fresh browser on this machine, where the proxy is."""
    return entrance.browser()


@pytest.fixture
def provider(entrance: Entrance) -> Iterator[Provider]:
    """The provider, which is whole again after the test."""
    one = entrance.provider
    yield one
    one.spoil = None
    one.broken.clear()
    one.hanging.clear()
    one.go_on.clear()


# --- each way in --------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["by_password", "by_header"])
@pytest.mark.parametrize("login", OPERATORS)
def test_a_group_of_the_directory_gives_the_role(
    entrance: Entrance, browser: Browser, login: str, way: str
) -> None:
    answer = getattr(browser, way)(login)
    headers = {HEADER: login} if way == "by_header" else {}
    if OPERATORS[login] is None:
        assert answer.status_code == 403
        assert "for.scolpass.desk" in answer.text
        assert not browser.is_in(headers)
        return
    assert (answer.status_code, answer.headers["location"]) == (303, HOME)
    [session] = [s for s in entrance.desk.journal.desk_sessions() if s.operator == login][-1:]
    assert session.role is OPERATORS[login]
    assert browser.is_in(headers)


@pytest.mark.parametrize(
    ("groups", "role"),
    [
        ("for.scolpass.desk", Role.DESK),
        (["for.scolpass.reader", "for.scolpass.approver", "other"], Role.APPROVER),
        (["for.scolpass.admin"], Role.ADMIN),
        (["FOR.SCOLPASS.ADMIN", "for.scolpass"], None),
        (None, None),
    ],
    ids=str,
)
def test_a_claim_of_the_provider_gives_the_role(
    entrance: Entrance, browser: Browser, provider: Provider, groups: Any, role: Role | None
) -> None:
    claims = {} if groups is None else {"groups": groups}
    provider.knows("u1", preferred_username="paul", **claims)
    answer = browser.by_provider("u1", back=PERSON)
    assert (answer.status_code, browser.is_in()) == ((303, True) if role else (403, False))
    if role:
        assert answer.headers["location"] == PERSON
        assert entrance.desk.journal.desk_sessions()[-1].role is role


def test_the_code_is_proven_and_its_token_is_for_this_sign_in(
    browser: Browser, provider: Provider
) -> None:
    provider.knows("u1", preferred_username="paul", groups="for.scolpass.desk")
    left = browser.get(PROVIDER)
    asked = {
        name: value[0] for name, value in parse_qs(urlsplit(left.headers["location"]).query).items()
    }
    assert asked["code_challenge_method"] == "S256"
    browser.by_provider("u1")
    _, form = [one for one in provider.asked if one[0] == "/oauth2/token"][-1]
    challenge = hashlib.sha256(form["code_verifier"].encode()).digest()
    again = browser.get(PROVIDER).headers["location"]
    assert len({asked["nonce"], asked["state"], parse_qs(urlsplit(again).query)["nonce"][0]}) == 3
    assert len(urlsafe_b64encode(challenge).rstrip(b"=")) == len(asked["code_challenge"])
    assert "client_secret" not in form  # it goes in a header of its own


# --- what is not let in -------------------------------------------------------------------------


def spoiled(**other: Any) -> Callable[[Provider], Callable[[Claims], str]]:
    """An ID token with other claims; None takes one out."""

    def make(provider: Provider) -> Callable[[Claims], str]:
        def sign(claims: Claims) -> str:
            made = {name: value for name, value in {**claims, **other}.items() if value is not None}
            return provider.signed(made)

        return sign

    return make


def _by_client_secret(provider: Provider) -> Callable[[Claims], str]:
    key = OctKey.import_key(CLIENT_SECRET * 3)
    return lambda claims: provider.signed(claims, key, alg="HS256")


def _by_nobody(_: Provider) -> Callable[[Claims], str]:
    head = urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")

    def make(claims: Claims) -> str:
        return f"{head}.{urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}."

    return make


def _by_another_key(provider: Provider) -> Callable[[Claims], str]:
    key = RSAKey.generate_key(2048, private=True)
    return lambda claims: provider.signed(claims, key)


def _no_token(_: Provider) -> Callable[[Claims], str]:
    return lambda _: ""


@pytest.mark.parametrize("name", [None, "", "  ", 7, ["eve"], "x" * 300, "e\x00ve"], ids=repr)
def test_a_provider_that_gives_no_login_lets_nobody_in(
    browser: Browser, provider: Provider, name: object
) -> None:
    claims = {} if name is None else {"preferred_username": name}
    provider.knows("eve", groups="for.scolpass.admin", **claims)
    answer = browser.by_provider("eve")
    assert (answer.status_code, browser.is_in()) == (403, False)


FORGED: dict[str, Callable[[Provider], Callable[[Claims], str]]] = {
    "of another issuer": spoiled(iss="https://evil.example"),
    "for another client": spoiled(aud=["other"]),
    "for several clients, made for another": spoiled(aud=["scolpass", "other"], azp="other"),
    "of another sign-in": spoiled(nonce="x" * 43),
    "without a nonce": spoiled(nonce=None),
    "over": spoiled(exp=1_700_000_000, iat=1_699_999_000),
    "without an end": spoiled(exp=None),
    "without a subject": spoiled(sub=None),
    "of another subject than UserInfo's": spoiled(sub="u2"),
    "with another token's hash": spoiled(at_hash="AAAAAAAAAAAAAAAAAAAAAA"),
    "by another key": lambda provider: (
        lambda claims: provider.signed(claims, RSAKey.generate_key(2048, private=True))
    ),
    "by the client's secret": _by_client_secret,
    "by nobody": _by_nobody,
    "no token at all": _no_token,
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_token_lets_nobody_in(browser: Browser, provider: Provider, name: str) -> None:
    provider.knows("u1", preferred_username="paul", groups="for.scolpass.admin")
    provider.spoil = FORGED[name](provider)
    answer = browser.by_provider("u1")
    assert (answer.status_code, browser.is_in()) == (403, False)


Tamper = Callable[[Entrance, Browser, str], str]


def _of_another_browser(entrance: Entrance, browser: Browser, path: str) -> str:
    other = entrance.browser()
    back = other.to_provider("u1")
    assert back != path
    return back


def _without_cookie(_: Entrance, browser: Browser, path: str) -> str:
    del browser.cookies[STATE_COOKIE]
    return path


def _in_a_new_browser(_: Entrance, browser: Browser, path: str) -> str:
    browser.cookies[COOKIE] = draw_token()  # with the other one's state
    return path


def _forged_cookie(entrance: Entrance, browser: Browser, path: str) -> str:
    body, _, signature = browser.cookies[STATE_COOKIE].partition(".")
    browser.cookies[STATE_COOKIE] = f"{body[:-4]}AAAA.{signature}"
    return path


def _replayed(_: Entrance, browser: Browser, path: str) -> str:
    held = browser.cookies[STATE_COOKIE]
    token = browser.token
    assert browser.get(path).status_code == 303
    browser.cookies |= {STATE_COOKIE: held, COOKIE: token}
    return path


RETURNS: dict[str, Tamper] = {
    "of another browser": _of_another_browser,
    "without its cookie": _without_cookie,
    "in another browser": _in_a_new_browser,
    "with a forged cookie": _forged_cookie,
    "a second time": _replayed,
    "with another state": lambda _, __, path: re.sub(r"state=[^&]+", "state=x", path),
    "without a state": lambda _, __, path: re.sub(r"&?state=[^&]+", "", path),
    "with an invented code": lambda _, __, path: re.sub(r"code=[^&]+", "code=x", path),
    "without a code": lambda _, __, path: re.sub(r"code=[^&]+", "error=access_denied", path),
    "with a code of other length": lambda _, __, path: path.replace("code=", f"code={'x' * 5000}"),
    "of another issuer": lambda _, __, path: f"{path}&iss=https://evil.example",
}


@pytest.mark.parametrize("name", RETURNS)
def test_a_return_that_does_not_fit_lets_nobody_in(
    entrance: Entrance, browser: Browser, provider: Provider, name: str
) -> None:
    provider.knows("u1", preferred_username="paul", groups="for.scolpass.admin")
    path = RETURNS[name](entrance, browser, browser.to_provider("u1"))
    answer = browser.get(path)
    assert (answer.status_code, browser.is_in()) == (403, False)
    assert STATE_COOKIE not in {k for k, v in browser.cookies.items() if v and v != '""'}


@pytest.mark.parametrize(
    ("source", "headers"),
    [
        ("127.0.0.2", [(HEADER, "eve")]),
        ("127.0.0.2", [(HEADER, "eve"), ("X-Forwarded-For", "127.0.0.1")]),
        ("127.0.0.1", [(HEADER, "eve"), (HEADER, "eve")]),
        ("127.0.0.1", [(HEADER, "alice"), (HEADER, "eve")]),
        ("127.0.0.1", [(HEADER, "alice, eve")]),
        ("127.0.0.1", [(HEADER, "alice;eve")]),
        ("127.0.0.1", [(HEADER, "")]),
        ("127.0.0.1", [(HEADER, "e\u00e9ve")]),
        ("127.0.0.1", [(HEADER, "*")]),
        ("127.0.0.1", [(HEADER, "eve)(uid=*")]),
        ("127.0.0.1", [(HEADER.replace("-", "_"), "eve")]),
        ("127.0.0.1", [("Remote-User", "eve"), ("X-Forwarded-User", "eve")]),
        ("127.0.0.1", []),
    ],
    ids=str,
)
def test_a_header_that_no_listed_proxy_sent_alone_lets_nobody_in(
    entrance: Entrance, source: str, headers: list[tuple[str, str]]
) -> None:
    before = len(entrance.desk.journal.desk_sessions())
    client = entrance.browser(source).client
    given = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    for path in PATHS:
        answer = client.get(path, headers=given)
        assert answer.status_code in ((200, 403) if path == SIGN_IN else (303, 401, 404)), path
    assert len(entrance.desk.journal.desk_sessions()) == before


def test_a_session_by_a_proxy_ends_when_the_proxy_says_another_or_nobody(
    entrance: Entrance,
) -> None:
    for other in ({HEADER: "eve"}, {}):
        browser = entrance.browser()
        browser.by_header("alice")
        assert browser.is_in({HEADER: "alice"})
        assert not browser.is_in(other)
        assert not browser.is_in({HEADER: "alice"})  # it has ended


@pytest.mark.parametrize(
    ("login", "password"),
    [
        ("alice", "wrong"),
        ("alice", ""),
        ("nobody", PASSWORD),
        ("*", PASSWORD),
        ("alice)(uid=*", PASSWORD),
        ("alice\x00", PASSWORD),
        ("a" * 300, PASSWORD),
        ("alice", "x" * 300),
    ],
)
def test_a_password_that_is_not_theirs_lets_nobody_in(
    browser: Browser, login: str, password: str
) -> None:
    answer = browser.by_password(login, password)
    assert answer.status_code in (400, 403, 422)
    assert not browser.is_in()
    assert password == "" or password not in answer.text


def test_guesses_end_at_the_limit_of_an_account(entrance: Entrance, browser: Browser) -> None:
    statuses = [browser.by_password("dan", f"wrong {n}").status_code for n in range(5)]
    assert statuses == [403] * 4 + [429]
    assert browser.by_password("dan").status_code == 429  # though it is the right one


# --- sessions -----------------------------------------------------------------------------------


def test_a_session_has_a_token_that_nobody_knew_before(browser: Browser) -> None:
    planted = draw_token()
    browser.cookies[COOKIE] = planted
    browser.by_password("alice")
    assert browser.token not in ("", planted)
    first = browser.token
    browser.by_password("alice")
    assert browser.token != first
    browser.cookies = {COOKIE: first}
    assert not browser.is_in()
    browser.cookies = {COOKIE: planted}
    assert not browser.is_in()


@pytest.mark.parametrize(
    ("column", "time", "holds"),
    [
        ("used_at", timedelta(minutes=29), True),
        ("used_at", timedelta(minutes=30), False),
        ("opened_at", timedelta(hours=9, minutes=59), True),
        ("opened_at", timedelta(hours=10), False),
    ],
)
def test_a_session_ends_with_its_time(
    entrance: Entrance, browser: Browser, column: str, time: timedelta, holds: bool
) -> None:
    browser.by_password("alice")
    entrance.let_pass(column, time)
    assert browser.is_in() is holds
    assert browser.is_in() is holds


def test_a_session_that_is_ended_from_outside_is_over(entrance: Entrance, browser: Browser) -> None:
    browser.by_password("alice")
    assert entrance.desk.journal.end_desk_sessions_of("alice") >= 1
    assert not browser.is_in()


def test_a_form_of_another_site_or_session_is_refused(entrance: Entrance, browser: Browser) -> None:
    other = entrance.browser()
    other.by_password("bruno")
    other.get(PERSON)
    browser.by_password("alice")
    browser.get(PERSON)
    mine = browser.csrf
    for headers, csrf in (
        ({"Sec-Fetch-Site": "cross-site"}, mine),
        ({"Sec-Fetch-Site": "same-site"}, mine),
        ({"Origin": "https://evil.example"}, mine),
        ({"Origin": "null"}, mine),
        ({}, ""),
        ({}, other.csrf),
        ({}, mine[:-1]),
    ):
        answer = browser.send("POST", SIGN_OUT, headers, data={"csrf": csrf})
        assert answer.status_code == 403, (headers, csrf)
        browser.csrf = mine
        assert browser.is_in()
    assert browser.post(SIGN_OUT).status_code == 303
    assert not browser.is_in()


def test_signing_out_ends_it_and_what_was_read_is_kept_by_nobody(browser: Browser) -> None:
    browser.by_password("alice")
    page = browser.get(PERSON)
    assert page.headers["cache-control"] == "no-store"
    held = dict(browser.cookies)
    out = browser.post(SIGN_OUT)
    assert "cache" in out.headers["clear-site-data"]
    browser.cookies = held
    assert not browser.is_in()


WAYS_BACK = {
    "/console": True,
    "/console/etudiants/22600001": True,
    "/console/listes/verrouilles?page=2&tri=nom": True,
    "/console/plans/8f3a_-~.x": True,
    "": False,
    "/": False,
    "https://evil.example/console": False,
    "//evil.example/console": False,
    "/\\evil.example": False,
    "/console/../api": False,
    "/console/.well-known": False,
    "/console//evil.example": False,
    "/console/%2e%2e/x": False,
    "/console/\\evil": False,
    "/consoles": False,
    "/console@evil.example": False,
    "/console/x\nLocation: https://evil.example": False,
    "/console/x#//evil": False,
    "/console?x=https://evil.example": False,
    "javascript:alert(1)": False,
    "/console/connexion": False,
    "/console/connexion/oidc": False,
    "/console/deconnexion": False,
    "/console/urgence/x": False,
    "/console/" + "x" * 600: False,
}


@pytest.mark.parametrize("asked", WAYS_BACK)
def test_the_way_back_lies_within_the_console(asked: str) -> None:
    assert way_back(asked) == (asked if WAYS_BACK[asked] else HOME)


def test_every_way_in_goes_back_to_where_it_is_asked_and_nowhere_else(
    entrance: Entrance, provider: Provider
) -> None:
    provider.knows("u1", preferred_username="paul", groups="for.scolpass.desk")
    for asked, wanted in ((PERSON, PERSON), ("//evil.example", HOME)):
        assert entrance.browser().by_provider("u1", asked).headers["location"] == wanted
        answer = entrance.browser().by_password("alice", retour=asked)
        assert answer.headers["location"] == wanted
        by_header = entrance.browser().get(f"{SIGN_IN}?retour={asked}", {HEADER: "alice"})
        assert by_header.headers["location"] == wanted
    sent = entrance.browser().get(f"{PERSON}?jour=2027-01-01")
    assert sent.headers["location"] == f"{SIGN_IN}?retour={PERSON}%3Fjour%3D2027-01-01"
    script = entrance.browser().get(PERSON, {"HX-Request": "true"})
    assert (script.status_code, script.headers["hx-redirect"]) == (
        401,
        f"{SIGN_IN}?retour={PERSON}",
    )


# --- roles that are lost ------------------------------------------------------------------------


def test_a_role_is_taken_back_within_ten_minutes_and_comes_back(
    entrance: Entrance, browser: Browser, provider: Provider
) -> None:
    provider.knows("u3", preferred_username="rose", groups=["for.scolpass.admin"])
    browser.by_provider("u3")
    provider.knows("u3", preferred_username="rose", groups=["for.scolpass.reader"])
    assert browser.is_in()
    assert entrance.desk.journal.desk_sessions()[-1].role is Role.ADMIN  # for ten minutes
    entrance.let_pass("role_at", TEN)
    assert browser.is_in()
    assert entrance.desk.journal.desk_sessions()[-1].role is Role.READER
    provider.knows("u3", preferred_username="rose", groups="nothing")
    entrance.let_pass("role_at", TEN)
    assert browser.get(PERSON).status_code == 403
    assert entrance.desk.journal.desk_sessions()[-1].role is None


def test_a_role_of_the_directory_is_taken_back_too(entrance: Entrance, browser: Browser) -> None:
    directory = entrance.walk.directory
    dn = f"cn=for.scolpass.admin,ou=roles,{directory.suffix}"
    browser.by_password("eve")
    assert browser.is_in()
    with directory.connect() as admin:
        admin.modify(dn, {"member": [("MODIFY_REPLACE", [directory.service_dn])]})
    try:
        assert browser.is_in()
        entrance.let_pass("role_at", TEN)
        answer = browser.get(PERSON)
        assert answer.status_code == 403
        assert "22600001" not in answer.text.replace(PERSON, "")
    finally:
        with directory.connect() as admin:
            eve = f"uid=eve,ou=staff,{directory.suffix}"
            admin.modify(dn, {"member": [("MODIFY_REPLACE", [eve])]})


@pytest.mark.parametrize("path", ["/oauth2/token", "/userinfo"])
def test_while_the_provider_is_away_nobody_keeps_a_right_and_the_page_says_so(
    entrance: Entrance, browser: Browser, provider: Provider, path: str
) -> None:
    provider.knows("u4", preferred_username="rose", groups=["for.scolpass.admin"])
    browser.by_provider("u4")
    provider.broken.add(path)
    entrance.let_pass("role_at", TEN)
    answer = browser.get(PERSON)
    assert answer.status_code == 403
    assert "ne répond pas" in answer.text
    fresh = entrance.browser().by_provider("u4")
    assert (fresh.status_code, "lien de secours" in fresh.text) == (503, True)


def test_a_provider_that_hangs_holds_up_nobody_whose_role_is_known(
    entrance: Entrance,
    browser: Browser,
    provider: Provider,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # On a slow machine, too, nobody gives the provider up before this test has looked.
    monkeypatch.setattr(openid, "TIMEOUT", 120.0)
    provider.knows("u6", preferred_username="rose", groups=["for.scolpass.reader"])
    others = [entrance.browser() for _ in range(AT_ONCE + 2)]
    for one in others:
        one.by_provider("u6")
    entrance.let_pass("role_at", TEN)
    browser.by_password("eve")
    provider.hanging.add("/oauth2/token")
    before = len(provider.asked)
    with ThreadPoolExecutor(len(others)) as pool:
        looks = [pool.submit(one.is_in) for one in others]
        try:
            wait_until(
                lambda: sum(p == "/oauth2/token" for p, _ in provider.asked[before:]) == AT_ONCE,
                seconds=30,
            )
            assert browser.is_in()
            assert not any(look.done() for look in looks)
        finally:
            provider.go_on.set()
        assert all(look.result() for look in looks)


def test_a_directory_that_is_away_is_told_and_keeps_everybody_out(
    entrance: Entrance, browser: Browser
) -> None:
    browser.by_password("alice")
    directory = entrance.walk.directory
    directory.stop()
    try:
        fresh = entrance.browser().by_password("alice")
        assert (fresh.status_code, "ne répond pas" in fresh.text) == (503, True)
        entrance.let_pass("role_at", TEN)
        assert browser.get(PERSON).status_code == 403
    finally:
        directory.start()


def test_the_check_says_whether_the_ways_in_work(entrance: Entrance, provider: Provider) -> None:
    with entrance.walk.context() as context:
        context.connect()
        case = Case(
            context.settings,
            Definition.shipped(),
            context.moment,
            directory=context.directory,
            tree=context.tree,
        )
        found = [*ways_in.provider(case), *ways_in.groups(case)]
        assert {one.mark for one in found} == {Mark.OK}
        assert "reader, enrolment, desk, approver, admin" in found[-1].seen
        provider.broken.add("/.well-known/openid-configuration")
        *_, trouble = ways_in.provider(case)
        assert (trouble.mark, "503" in trouble.seen) == (Mark.WARNING, True)


# --- in an emergency ----------------------------------------------------------------------------


def test_the_link_for_an_emergency_opens_the_console_once(entrance: Entrance) -> None:
    with entrance.walk.context() as context:
        link = admission.emergency_link(context, "the provider is down").url.get_secret_value()
    path = urlsplit(link).path
    browser = entrance.browser()
    for _ in range(2):  # a program that looks at links does not use it up
        assert browser.get(path).status_code == 200
    assert not browser.is_in()
    other = entrance.browser()
    assert other.post(path).status_code == 403  # no token of this browser
    assert browser.post(path).status_code == 303
    assert browser.is_in()
    session = entrance.desk.journal.desk_sessions()[-1]
    assert (session.role, session.operator) == (Role.ADMIN, "tester (emergency)")
    other.get(path)
    assert other.post(path).status_code == 410
    assert not other.is_in()
    done = entrance.walk.history(action="token")[-1]
    assert (done["actor"], "the provider is down" in done["reason"]) == ("tester (emergency)", True)
    entrance.let_pass("opened_at", timedelta(hours=1))
    assert not browser.is_in()


# --- and nothing is told ------------------------------------------------------------------------


def test_no_secret_is_in_the_log(entrance: Entrance, browser: Browser, provider: Provider) -> None:
    provider.knows("u5", preferred_username="zoe", groups="for.scolpass.desk")
    path = browser.to_provider("u5")
    browser.get(path)
    browser.by_password("alice")
    forms = [form for _, form in provider.asked]
    with entrance.walk.context() as context:
        link = admission.emergency_link(context, "tests").url.get_secret_value().rpartition("/")[2]
    for url in (f"{HOME}/urgence/{link}", f"{HOME}/urgence/{link}/x", f"{HOME}/x/{link}"):
        browser.get(url)
        browser.post(url)
    secrets = {link, PASSWORD, CLIENT_SECRET, browser.token, browser.csrf, code_in(path)}
    secrets |= {value for form in forms for name, value in form.items() if "token" in name}
    told = entrance.log
    assert "operator signed in" in told
    assert [one for one in secrets if one and one in told] == []


@pytest.mark.parametrize(
    ("name", "found"),
    [("groups", "a"), ("realm.roles", ["b"]), ("realm.none", None), ("x.y", None), ("a.b", "c")],
)
def test_a_claim_is_found_by_its_name_or_path(name: str, found: object) -> None:
    assert claim({"groups": "a", "realm": {"roles": ["b"]}, "a.b": "c"}, name) == found
    assert RETURN.startswith(SIGN_IN)
