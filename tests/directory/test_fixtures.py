"""The fixtures themselves: a fresh directory each time, that can be hung, crashed and put back."""

from __future__ import annotations

from collections.abc import Callable

import ldap3
import pytest
from ldap3.core.exceptions import LDAPException

from connector.settings.loading import load_settings
from connector.walk.context import open_context
from tests.support.directory import Directory
from tests.support.workspace import Workspace

pytestmark = pytest.mark.image

STAFF = "uid=p{n},{people}"


def add_person(directory: Directory, n: int) -> str:
    dn = STAFF.format(n=n, people=directory.people_dn)
    directory.modify(f"dn: {dn}\nobjectClass: inetOrgPerson\nuid: p{n}\ncn: P\nsn: P\n")
    return dn


@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_finds_an_untouched_directory(directory: Directory, turn: int) -> None:
    assert set(directory.entries()) == {directory.people_dn}
    add_person(directory, 1)
    directory.modify(
        "dn: olcDatabase={1}mdb,cn=config\nchangetype: modify\n"
        "replace: olcReadOnly\nolcReadOnly: TRUE\n"
    )
    assert directory.bind_result(directory.service_dn, directory.service_password) == 0
    assert directory.bind_result(directory.service_dn, "wrong") == 49


def test_a_hung_directory_goes_on_after_the_block(directory: Directory) -> None:
    server = ldap3.Server(directory.uri, get_info=ldap3.NONE)
    connection = ldap3.Connection(server, receive_timeout=1)
    with directory.paused(), pytest.raises(LDAPException):
        connection.bind()
    assert directory.bind_result(directory.admin_dn, directory.admin_password) == 0


def test_a_crashed_directory_starts_with_its_data_on_the_same_address(
    directory: Directory,
) -> None:
    dn = add_person(directory, 1)
    directory.kill()
    with pytest.raises(LDAPException):
        directory.bind_result(directory.admin_dn, directory.admin_password)
    directory.start()
    assert dn in directory.entries()


def test_a_backup_put_back_is_the_directory_of_then(directory: Directory) -> None:
    before = directory.csns()
    backup = directory.backup()
    add_person(directory, 1)
    directory.restore(backup)
    assert directory.csns() == before


def test_two_directories_are_two(
    directory: Directory, make_directory: Callable[..., Directory]
) -> None:
    other = make_directory(suffix="dc=other,dc=fr")
    add_person(directory, 1)
    assert set(other.entries()) == {"ou=people,dc=other,dc=fr"}


def test_a_workspace_says_where_its_directory_is(workspace: Workspace) -> None:
    workspace.configure({"safety": {"max_expire": "10%"}})
    text = workspace.config.read_text()
    assert workspace.directory.uri in text
    assert 'max_expire = "10%"' in text
    assert workspace.directory.service_password not in text


@pytest.mark.parametrize("entered", [True, False])
def test_a_context_closes_its_journal_once_it_is_left(workspace: Workspace, entered: bool) -> None:
    context = open_context(load_settings(workspace.config), "tester")
    if entered:
        context.__enter__()
    assert context.journal.latest_run_id() == 0
    pool = context.journal._engine.pool
    assert "Connections in pool: 1" in pool.status()
    context.__exit__()
    assert "Connections in pool: 0" in pool.status()
