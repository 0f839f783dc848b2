"""Who may bind with a provisional password: the list in slapd's words, and read back from them."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.core import peers

GOOD = {
    "127.0.0.1": 'peername.ip="127.0.0.1"',
    "10.0.0.0/8": 'peername.ip="10.0.0.0%255.0.0.0"',
    "192.0.2.64/27": 'peername.ip="192.0.2.64%255.255.255.224"',
    "::1": 'peername.ipv6="::1"',
    "2001:db8::/32": 'peername.ipv6="2001:db8::%ffff:ffff::"',
    "/var/run/slapd/ldapi": 'peername.path="/var/run/slapd/ldapi"',
}


@pytest.mark.parametrize(("origin", "words"), GOOD.items())
def test_each_kind_of_place_in_slapds_words(origin: str, words: str) -> None:
    assert peers.spelled(f" {origin} ") == origin
    assert peers.peername(origin) == words


@pytest.mark.parametrize(
    "value",
    [
        "",
        "*",
        "localhost",
        "10.0.0.0/33",
        "fe80::1%eth0",
        "10.0.0.1%255.0.0.0",
        '/a" by * auth',
        "/",
    ],
)
def test_what_is_no_place_is_refused_with_what_is_expected(value: str) -> None:
    with pytest.raises(ValueError, match="expected an address"):
        peers.spelled(value)


@pytest.mark.parametrize("value", ["0.0.0.0/0", "::/0"])
def test_everywhere_is_no_place(value: str) -> None:
    with pytest.raises(ValueError, match="is everywhere"):
        peers.spelled(value)


def test_a_network_with_a_host_in_it_is_refused_with_the_one_that_is_meant() -> None:
    with pytest.raises(ValueError, match=r'perhaps "10\.1\.0\.0/16"'):
        peers.spelled("10.1.2.3/16")


networks = st.one_of(
    st.ip_addresses(v=4).flatmap(
        lambda a: st.integers(1, 32).map(lambda n: ipaddress.ip_network(f"{a}/{n}", strict=False))
    ),
    st.ip_addresses(v=6).flatmap(
        lambda a: st.integers(1, 128).map(lambda n: ipaddress.ip_network(f"{a}/{n}", strict=False))
    ),
).map(lambda network: peers.spelled(str(network)))


@given(st.lists(networks, min_size=1, max_size=4, unique=True))
def test_a_list_comes_back_from_the_rule_that_was_made_of_it(origins: list[str]) -> None:
    words = peers.clauses(origins)
    rule = peers.read_rule(
        f'to dn.children="ou=people,dc=x" attrs=userPassword {words["FIRST_CONNECTION_SELF"]} '
        f"{words['FIRST_CONNECTION_BIND']} by self none by anonymous none by * break"
    )
    assert rule.origins("anonymous", "auth") == rule.origins("self", "=xw") == tuple(origins)
    assert not rule.is_open_to("anonymous")
    assert not rule.is_open_to("self")
    assert all(peers.is_within(one, origins) for one in origins)


# Who decides about a student's password: rules as people write them.
ELSEWHERE = "to attrs=mail by self write by * read"
RULES = {
    "to attrs=userPassword by self =xw by anonymous auth by * none": (True, True),
    "to attrs=userPassword,shadowLastChange by self write by anonymous auth": (True, True),
    "to * by self read by * none": (True, True),
    "to * by users read by * break": (False, True),
    'to * by dn.exact="cn=portal,dc=x" manage by * break': (False, False),
    "to * by peername.ip=10.0.0.1 write by * break": (True, True),
    'to attrs=userPassword by group.exact="cn=desk,dc=x" write by * break': (False, False),
    "to attrs=@person by * read": (True, True),
}


@pytest.mark.parametrize(("value", "decides"), RULES.items())
def test_who_a_rule_decides_for(value: str, decides: tuple[bool, bool]) -> None:
    rule = peers.read_rule(value)
    assert rule.may_concern_passwords
    assert (rule.lets("anonymous"), rule.lets("self")) == decides
    assert not peers.read_rule(ELSEWHERE).may_concern_passwords
