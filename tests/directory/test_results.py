"""What slapd's answers mean, and that each cure is one for what has happened."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import ldap3
import pytest

from connector.core.model import Action, Change, Kind, Outline
from connector.edges.ldap import codes
from connector.edges.ldap.ber import assertion_control
from connector.edges.ldap.codes import entry_error
from connector.edges.ldap.described import ASSERTION
from connector.edges.ldap.reading import Directory as Reader
from connector.edges.ldap.writing import write
from connector.errors import DirectoryUntrusted, Refused
from connector.settings.loading import load_settings
from tests.support.breakage import DATABASE, answering, change
from tests.support.directory import Directory
from tests.support.people import existing, stand
from tests.support.workspace import Workspace

NUMBER, OTHER = "22600001", "22600002"


class Bench:
    """A directory with two students and what is asked of it as the service account."""

    def __init__(self, directory: Directory) -> None:
        self.directory = directory
        self.dn = stand(directory, NUMBER)
        stand(directory, OTHER, mail="z@etu.umontpellier.fr")
        self.connection = self.bound(directory.service_dn, directory.service_password)

    def bound(self, dn: str, password: str) -> ldap3.Connection:
        server = ldap3.Server(self.directory.uri, get_info=ldap3.NONE)
        connection = ldap3.Connection(server, dn, password, check_names=False)
        connection.bind()
        return connection

    def answer(self) -> dict[str, Any]:
        result: dict[str, Any] = self.connection.result
        return result

    def modified(self, how: str, name: str, *values: str, **more: Any) -> dict[str, Any]:
        self.connection.modify(self.dn, {name: [(how, list(values))]}, **more)
        return self.answer()

    def added(self, dn: str, **other: Any) -> dict[str, Any]:
        address = "new@etu.umontpellier.fr"
        addresses = dict.fromkeys(("mail", "eduPersonPrincipalName", "supannAliasLogin"), address)
        self.connection.add(dn, attributes=existing("22600009", **{**addresses, **other}))
        return self.answer()

    @contextmanager
    def database(self, attribute: str, value: str, afterwards: str) -> Iterator[None]:
        change(self.directory, DATABASE, "replace", attribute, value)
        try:
            yield
        finally:
            change(self.directory, DATABASE, "replace", attribute, afterwards)

    @contextmanager
    def limits(self, text: str) -> Iterator[None]:
        [usual] = self.directory.entries(base=DATABASE)[DATABASE]["olcLimits"]
        with self.database("olcLimits", f'dn.exact="{self.directory.service_dn}" {text}', usual):
            yield


# --- what may be asked so that slapd refuses ------------------------------------------------------


def a_read_only_database(bench: Bench) -> dict[str, Any]:
    with bench.database("olcReadOnly", "TRUE", "FALSE"):
        return bench.modified("MODIFY_REPLACE", "sn", "X")


def a_replica_that_names_nobody(bench: Bench) -> dict[str, Any]:
    follows = (
        f'rid=001 provider=ldap://127.0.0.1:1 bindmethod=simple binddn="cn=x" credentials=x '
        f'searchbase="{bench.directory.suffix}" type=refreshOnly retry="60 +"'
    )
    change(bench.directory, DATABASE, "add", "olcSyncrepl", follows)
    try:
        return bench.modified("MODIFY_REPLACE", "sn", "X")
    finally:
        change(bench.directory, DATABASE, "replace", "olcSyncrepl")


def a_tree_that_is_not_there(bench: Bench) -> dict[str, Any]:
    return bench.added("uid=x,dc=nowhere")


def an_entry_larger_than_may_be(bench: Bench) -> dict[str, Any]:
    with bench.database("olcDbMaxEntrySize", "2000", "0"):
        return bench.modified("MODIFY_REPLACE", "cn", "x" * 3000)


def a_control_that_is_unknown(bench: Bench) -> dict[str, Any]:
    return bench.modified("MODIFY_REPLACE", "sn", "X", controls=[("1.2.3.4", True, None)])


def a_server_that_wants_encryption(bench: Bench) -> dict[str, Any]:
    with bench.database("olcSecurity", "update_ssf=128", "update_ssf=0"):
        return bench.modified("MODIFY_REPLACE", "sn", "X")


def a_value_that_is_gone(bench: Bench) -> dict[str, Any]:
    return bench.modified("MODIFY_DELETE", "cn", "nobody")


def an_attribute_nobody_knows(bench: Bench) -> dict[str, Any]:
    return bench.modified("MODIFY_REPLACE", "supannNothing", "X")


def an_address_of_another(bench: Bench) -> dict[str, Any]:
    return bench.modified("MODIFY_REPLACE", "mail", "z@etu.umontpellier.fr")


def a_value_against_the_rule(bench: Bench) -> dict[str, Any]:
    return bench.modified("MODIFY_REPLACE", "supannRessourceEtatDate", "{COMPTE}")


def a_password_against_the_policy(bench: Bench) -> dict[str, Any]:
    student = bench.bound(bench.dn, "motdepasse1")
    student.extend.standard.modify_password(None, b"motdepasse1", b"x")
    result: dict[str, Any] = student.result
    student.unbind()
    return result


def an_attribute_of_the_server(bench: Bench) -> dict[str, Any]:
    return bench.modified("MODIFY_REPLACE", "pwdChangedTime", "20260901000000Z")


def two_values_where_one_may_be(bench: Bench) -> dict[str, Any]:
    return bench.modified("MODIFY_REPLACE", "displayName", "A", "B")


def a_value_twice(bench: Bench) -> dict[str, Any]:
    return bench.modified("MODIFY_ADD", "cn", "MARTIN LEA")


def a_malformed_value(bench: Bench) -> dict[str, Any]:
    return bench.modified("MODIFY_REPLACE", "pwdEndTime", "tomorrow")


def an_entry_that_is_gone(bench: Bench) -> dict[str, Any]:
    bench.connection.delete(f"uid=nobody,{bench.directory.people_dn}")
    return bench.answer()


def a_malformed_dn(bench: Bench) -> dict[str, Any]:
    bench.connection.delete("uid=a=,b")
    return bench.answer()


def no_right(bench: Bench) -> dict[str, Any]:
    bench.connection.modify(bench.directory.policy_dn, {"pwdMinLength": [("MODIFY_REPLACE", "1")]})
    return bench.answer()


def an_account_that_must_change(bench: Bench) -> dict[str, Any]:
    change(bench.directory, bench.dn, "add", "pwdReset", "TRUE")
    student = bench.bound(bench.dn, "motdepasse1")
    student.modify(bench.dn, {"sn": [("MODIFY_REPLACE", "X")]})
    result: dict[str, Any] = student.result
    student.unbind()
    change(bench.directory, bench.dn, "delete", "pwdReset")
    return result


def a_name_that_is_taken_away(bench: Bench) -> dict[str, Any]:
    return bench.modified("MODIFY_REPLACE", "uid", "another")


def an_entry_without_what_its_class_asks(bench: Bench) -> dict[str, Any]:
    return bench.added(f"uid=x,{bench.directory.people_dn}", sn=None, uid="x")


def an_entry_that_is_there(bench: Bench) -> dict[str, Any]:
    return bench.added(bench.dn, uid=bench.dn.split(",")[0][4:])


def another_structural_class(bench: Bench) -> dict[str, Any]:
    return bench.modified("MODIFY_DELETE", "objectClass", "inetOrgPerson")


def an_assertion_that_fails(bench: Bench) -> dict[str, Any]:
    control = assertion_control(ASSERTION, "(sn=nobody)")
    return bench.modified("MODIFY_REPLACE", "sn", "X", controls=[control])


PROVOKED: Mapping[Callable[[Bench], dict[str, Any]], str] = {
    an_entry_larger_than_may_be: "larger than the database allows",
    a_control_that_is_unknown: "does not support a control",
    a_server_that_wants_encryption: "encrypted",
    a_value_that_is_gone: "no such attribute or value",
    an_attribute_nobody_knows: "schema does not know",
    an_address_of_another: "another entry holds the same value",
    a_value_against_the_rule: "overlay constraint",
    a_password_against_the_policy: "password policy",
    an_attribute_of_the_server: "maintained by the server",
    two_values_where_one_may_be: "one value only",
    a_value_twice: "there already",
    a_malformed_value: "form that the schema requires",
    an_entry_that_is_gone: "no such entry",
    a_malformed_dn: "DN is malformed",
    no_right: "insufficient access rights",
    an_account_that_must_change: "change its password first",
    a_read_only_database: "read-only",
    a_replica_that_names_nobody: "accepts no writes",
    a_tree_that_is_not_there: "no such tree",
    a_name_that_is_taken_away: "does not match its values",
    an_entry_without_what_its_class_asks: "object class was violated",
    an_entry_that_is_there: "exists already",
    another_structural_class: "object class was violated",
    an_assertion_that_fails: "changed between plan and write",
}


@pytest.fixture
def bench(directory: Directory) -> Bench:
    return Bench(directory)


def test_what_slapd_refuses_is_told_by_what_it_means(bench: Bench) -> None:
    told = {}
    for provoke, meaning in PROVOKED.items():
        result = provoke(bench)
        assert result["result"] != 0, provoke.__name__
        error = entry_error("modifying", bench.dn, result)
        assert isinstance(error, Refused)
        if meaning not in error.message or not error.cure:
            told[provoke.__name__] = (meaning, error.message)
    assert told == {}


@pytest.mark.parametrize("code", [1, 53, 80])
def test_a_code_without_words_has_a_meaning(bench: Bench, code: int) -> None:
    with answering(bench.directory, bench.dn, code, "modify"):
        error = entry_error("modifying", bench.dn, bench.modified("MODIFY_REPLACE", "sn", "X"))
    assert f"(result {code})" in error.message
    assert error.cure


@pytest.mark.parametrize(
    ("limits", "code", "named"),
    [
        ("size=1", 4, "size"),
        ("size=unlimited size.prtotal=1", 4, "size.prtotal"),
        ("size.unchecked=1", 11, "size.unchecked"),
    ],
)
def test_a_limit_on_searches_is_named(
    bench: Bench, workspace: Workspace, limits: str, code: int, named: str
) -> None:
    settings = load_settings(workspace.config, {})
    with (
        bench.limits(limits),
        Reader(settings.directory, settings.directory_password()) as reader,
        pytest.raises(DirectoryUntrusted, match=rf"\(result {code}\)") as told,
    ):
        list(reader.accounts(bench.directory.suffix))
    assert named in told.value.cure
    assert "olcDbMaxEntrySize" not in str(told.value)


def test_every_row_that_slapds_words_choose_is_one_that_slapd_was_heard_to_say() -> None:
    met = {row.meaning for row in codes.ROWS for word in PROVOKED.values() if word in row.meaning}
    assert {row.meaning for row in codes.ROWS if row.words} <= met


@pytest.mark.parametrize("below", [1, 7])
def test_what_stands_below_an_entry_that_is_to_go_is_named(
    bench: Bench, workspace: Workspace, below: int
) -> None:
    for number in range(below):
        bench.directory.modify(
            f"dn: cn=device{number},{bench.dn}\nobjectClass: device\ncn: device{number}\n"
        )
    current = bench.directory.entry(bench.dn)
    purge = Change(
        action=Action.PURGE,
        student_number=NUMBER,
        dn=bench.dn,
        reason="retention is over",
        guard=(f"(supannEtuId={NUMBER})",),
        attributes={"supannEtuId": ((NUMBER,), ())},
        outline=Outline(Kind.DELETE),
    )
    settings = load_settings(workspace.config, {})
    with (
        Reader(settings.directory, settings.directory_password()) as reader,
        pytest.raises(Refused, match=r"\(result 66\)") as told,
    ):
        write(reader.bound, purge, None)
    assert f"cn=device0,{bench.dn}" in told.value.message
    assert told.value.message.count("cn=device") == min(below, 5)
    assert ("..." in told.value.message) == (below > 5)
    assert f"-b {bench.dn} -s children" in told.value.cure
    assert bench.directory.entry(bench.dn) == current
