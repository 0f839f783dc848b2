"""The service account's password is another one: scolpass stops before it locks itself out."""

from __future__ import annotations

from collections.abc import Callable

import ldap3
import pytest

from tests.support.breakage import change
from tests.support.directory import Directory
from tests.support.proxy import Cut, Proxy, Request
from tests.support.walk import Walk, students
from tests.support.workspace import Workspace, write_secret


@pytest.fixture(autouse=True)
def lockable(directory: Directory) -> None:
    """As in a directory that has no policy of its own for the account: ten failures lock it."""
    change(directory, directory.service_dn, "delete", "pwdPolicySubentry")


def set_password(directory: Directory, password: str) -> None:
    directory.modify(
        f"dn: {directory.service_dn}\nchangetype: modify\n"
        f"replace: userPassword\nuserPassword: {password}\n-\n"
        "replace: pwdReset\npwdReset: FALSE\n"  # which the default policy would set
    )


def failures(directory: Directory) -> int:
    """How many wrong binds slapd has counted."""
    return len(directory.entry(directory.service_dn).get("pwdFailureTime", []))


def test_a_changed_password_costs_one_bind_and_one_line(
    walk: Walk, proxy: Proxy, refuses: Callable[..., str]
) -> None:
    walk.synced(students(3))
    set_password(walk.directory, "another long password")
    proxy.forget()
    done = walk.workspace.scolpass("sync")
    assert done.returncode == 4
    assert done.stderr.count("refused the bind") == 1
    assert "bind_password_file" in done.stderr
    assert len(proxy.of("bind")) == failures(walk.directory) == 1
    assert [request.operation for request in proxy.seen if request.operation != "unbind"] == [
        "bind"
    ]
    write_secret(walk.workspace.password, "another long password")
    walk.synced()


def test_it_is_not_tried_at_the_next_server_when_one_has_refused_it(
    workspace: Workspace, proxy: Proxy
) -> None:
    with Proxy(workspace.directory.port) as second:
        workspace.configure({"directory": {"uris": [proxy.uri, second.uri]}})
        set_password(workspace.directory, "another long password")
        workspace.write_register(students(1))
        assert workspace.scolpass("sync").returncode == 4
        assert second.seen == []


def test_a_password_changed_in_mid_run_does_not_lock_the_account(walk: Walk, proxy: Proxy) -> None:
    walk.workspace.write_register(students(40))
    new = "another long password"

    def change_it(request: Request) -> Cut | None:
        """Between the bind that reads and those that write."""
        if request.operation == "search" and not failures(walk.directory):
            proxy.before = None
            set_password(walk.directory, new)
        return None

    proxy.before = change_it
    done = walk.workspace.scolpass("sync")
    assert done.returncode in (1, 4)
    assert walk.people() == {}
    assert failures(walk.directory) <= 1
    write_secret(walk.workspace.password, new)
    walk.synced()
    assert len(walk.people()) == 40


def test_a_locked_account_is_one_refusal_like_any_other(
    walk: Walk, refuses: Callable[..., str]
) -> None:
    walk.synced(students(3))
    change(
        walk.directory, walk.directory.service_dn, "replace", "pwdAccountLockedTime",
        "000001010000Z",
    )  # fmt: skip
    assert "refused the bind" in refuses()
    change(walk.directory, walk.directory.service_dn, "delete", "pwdAccountLockedTime")
    walk.writes_nothing()


@pytest.mark.parametrize(
    "password",
    [
        "Mot²Passe-2026",
        "ﬁche\u00a0de\u00a0paie",  # a ligature and blanks that do not break
        "e\u0301te\u0301 2026",  # accents apart
        "trait\u00add'union",  # a soft hyphen
        "Ⅳ ㎏ ① ½",
        "\u0627\u0661 x",  # both directions: SASLprep refuses it
        "tab\there",  # likewise, a control character
        " blanks at both ends ",
    ],
)
def test_a_password_is_bound_as_its_octets(walk: Walk, password: str) -> None:
    with walk.directory.connect() as admin:
        admin.modify(
            walk.directory.service_dn,
            {
                "userPassword": [(ldap3.MODIFY_REPLACE, [password.encode()])],
                "pwdReset": [(ldap3.MODIFY_REPLACE, ["FALSE"])],
            },
        )
    write_secret(walk.workspace.password, password)
    walk.synced(students(1))
    assert failures(walk.directory) == 0
