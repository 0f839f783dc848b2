"""Whether slapd lets an account read everything, as olcLimits says it."""

from __future__ import annotations

import pytest

from connector.core.limits import names_account, reads_without_limit

DN = "cn=scolpass,ou=services,dc=umontpellier,dc=fr"
FREE = "time=unlimited size=unlimited size.prtotal=unlimited"


@pytest.mark.parametrize(
    ("selector", "about"),
    [
        (f'dn.exact="{DN}"', True),
        (f'{{0}}dn.exact="{DN}"', True),
        (f'dn.self.exact="{DN}"', True),
        (f'dn.base="{DN}"', True),
        (f'dn="{DN}"', True),
        (f'"{DN}"', True),
        (DN, True),
        ('dn.exact="CN=Scolpass, OU=services, DC=umontpellier, DC=fr"', True),
        ('dn.exact="cn=scol\\70ass,ou=services,dc=umontpellier,dc=fr"', True),
        ('dn.onelevel="ou=Services,dc=umontpellier,dc=fr"', True),
        ('dn.onelevel="dc=umontpellier,dc=fr"', False),
        ('dn.children="dc=umontpellier,dc=fr"', True),
        (f'dn.children="{DN}"', False),
        (f'dn.subtree="{DN}"', True),
        ('dn.regex="^cn=scolpass,.*"', True),
        ('dn.regex="^cn=other,.*"', False),
        ('dn.regex="("', False),
        ("users", True),
        ("*", True),
        ("anonymous", False),
        ('dn.anonymous=""', False),
        (f'dn.this.exact="{DN}"', False),
        (f'group="{DN}"', False),
        (f'group/groupOfNames/member="cn=readers,{DN}"', False),
        (f'dn.exact="cn=other+{DN}"', False),
        (f'dn.exact="cn=x,{DN}"', False),
    ],
)
def test_a_value_is_about_whom_its_selector_names_however_it_is_spelled(
    selector: str, about: bool
) -> None:
    assert reads_without_limit([f"{selector} {FREE}"], DN) is about


@pytest.mark.parametrize(
    ("limits", "free"),
    [
        ("size=unlimited", True),
        ("size=-1", True),
        ("size=none", True),
        ("size.prtotal=unlimited", True),
        ("time=unlimited", False),
        ("size=500", False),
        ("size=-10", False),
        ("", False),
    ],
)
def test_a_size_without_limit_is_told_from_every_other(limits: str, free: bool) -> None:
    assert reads_without_limit([f'dn.exact="{DN}" {limits}'], DN) is free


@pytest.mark.parametrize(
    ("selector", "named"),
    [
        ('dn.exact="CN=Scolpass, OU=services, DC=umontpellier, DC=fr"', True),
        (DN, True),
        ("users", False),
        ('dn.children="dc=umontpellier,dc=fr"', False),
        (f'group="{DN}"', False),
        (f'dn.exact="cn=x,{DN}"', False),
    ],
)
def test_a_value_that_names_the_account_is_told_from_one_that_is_about_many(
    selector: str, named: bool
) -> None:
    assert names_account(f"{selector} size=500", DN) is named


def test_the_first_value_about_an_account_holds() -> None:
    least, most = "users size=10", f'dn.exact="{DN}" size=unlimited'
    assert not reads_without_limit([least, most], DN)
    assert reads_without_limit([most, least], DN)
    assert not reads_without_limit([], DN)
