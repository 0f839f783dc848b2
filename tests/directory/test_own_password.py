"""A student's own bind, and her own change of password (RFC 3062)."""

from __future__ import annotations

import unicodedata

import pytest
from pydantic import SecretStr

from connector.edges.ldap import student
from connector.edges.ldap.reading import Directory
from connector.edges.ldap.student import OldPasswordRefused
from connector.errors import DirectoryUntrusted, Refused
from connector.settings.loading import load_settings
from tests.support.events import NUMBER
from tests.support.walk import Walk, students

pytestmark = pytest.mark.image

NEW = SecretStr("Sésame-ouvre-toi 42 🚲")


@pytest.fixture
def edge(walk: Walk) -> Directory:
    walk.synced(students(1))
    settings = load_settings(walk.workspace.config)
    return Directory(settings.directory, settings.directory_password())


def dn(walk: Walk) -> str:
    return walk.person(NUMBER)["dn"][0]


def provisional(walk: Walk) -> SecretStr:
    return SecretStr(walk.password(NUMBER))


def test_lets_in_with_the_right_password_alone(walk: Walk, edge: Directory) -> None:
    assert student.lets_in(edge, dn(walk), provisional(walk))
    assert not student.lets_in(edge, dn(walk), SecretStr("000000"))
    assert not student.lets_in(edge, f"uid=nobody,{edge.people_dn}", SecretStr("000000"))


def test_an_empty_password_is_no_password(walk: Walk, edge: Directory) -> None:
    assert not student.lets_in(edge, dn(walk), SecretStr(""))


def test_a_student_changes_her_password_as_herself(walk: Walk, edge: Directory) -> None:
    student.change_password(edge, dn(walk), provisional(walk), NEW)
    assert walk.directory.bind_result(dn(walk), NEW.get_secret_value()) == 0
    assert not student.lets_in(edge, dn(walk), provisional(walk))
    assert "pwdReset" not in walk.directory.entry(dn(walk))


def test_nothing_changes_under_a_wrong_old_password(walk: Walk, edge: Directory) -> None:
    with pytest.raises(OldPasswordRefused):
        student.change_password(edge, dn(walk), SecretStr("000000"), NEW)
    assert student.lets_in(edge, dn(walk), provisional(walk))


def test_the_directory_has_the_last_word_on_a_new_password(walk: Walk, edge: Directory) -> None:
    with pytest.raises(Refused, match="password policy refused"):
        student.change_password(edge, dn(walk), provisional(walk), SecretStr("a1"))
    assert student.lets_in(edge, dn(walk), provisional(walk))


def test_a_directory_that_is_away_says_nothing_of_a_password(walk: Walk, edge: Directory) -> None:
    who, password = dn(walk), provisional(walk)
    with walk.directory.paused():
        edge.settings = edge.settings.model_copy(update={"receive_timeout": 1})
        with pytest.raises(DirectoryUntrusted):
            student.lets_in(edge, who, password)
        with pytest.raises(DirectoryUntrusted):
            student.change_password(edge, who, password, NEW)
    assert student.lets_in(edge, who, password)


@pytest.mark.parametrize(
    "password",
    ["Mot²Passe-2026", "ﬁche\u00a0de paie 1", "e\u0301te\u0301 d'or 26", "x\u00ady 26 ½ z"],
)
def test_a_password_is_given_and_bound_as_its_octets(
    walk: Walk, edge: Directory, password: str
) -> None:
    student.change_password(edge, dn(walk), provisional(walk), SecretStr(password))
    assert student.lets_in(edge, dn(walk), SecretStr(password))
    rewritten = unicodedata.normalize("NFKC", password.replace("\u00ad", ""))
    assert rewritten != password
    assert not student.lets_in(edge, dn(walk), SecretStr(rewritten))
    student.change_password(edge, dn(walk), SecretStr(password), NEW)
    assert student.lets_in(edge, dn(walk), NEW)
