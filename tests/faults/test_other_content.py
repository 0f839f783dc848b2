"""slapd comes back with other content: an empty tree, an old backup, another directory."""

from __future__ import annotations

from collections.abc import Callable

from tests.support.directory import Directory
from tests.support.walk import Walk, actions, students


def identifiers(walk: Walk) -> dict[str, tuple[str, str]]:
    return {number: (e["uid"][0], e["mail"][0]) for number, e in walk.people().items()}


def empty(directory: Directory) -> None:
    with directory.connect() as admin:
        for dn in directory.entries("(uid=*)", attributes=("1.1",)):
            admin.delete(dn)


def test_another_directory_of_the_same_name_is_refused(
    walk: Walk, own_directory: Directory, refuses: Callable[..., str]
) -> None:
    walk.synced(students(3))
    walk.workspace.configure({"directory": {"uris": [own_directory.uri]}})
    walk.workspace.password.write_text(own_directory.service_password)
    said = refuses()
    assert "another directory" in said
    assert set(own_directory.entries()) == {own_directory.people_dn}


def test_a_directory_of_another_suffix_is_refused(
    walk: Walk, make_directory: Callable[..., Directory], refuses: Callable[..., str]
) -> None:
    walk.synced(students(3))
    other = make_directory(suffix="dc=other,dc=fr")
    walk.workspace.configure({"directory": {"uris": [other.uri], "bind_dn": other.service_dn}})
    walk.workspace.password.write_text(other.service_password)
    assert "dc=other,dc=fr" in refuses()
    assert set(other.entries()) == {other.people_dn}


def test_an_emptied_tree_is_refused(walk: Walk, refuses: Callable[..., str]) -> None:
    walk.synced(students(12))
    empty(walk.directory)
    said = refuses()
    assert "there were 12, now there are 0" in said
    assert "backup" in said


def test_an_emptied_tree_of_a_few_gets_them_back_under_their_own_names(walk: Walk) -> None:
    """As many as safety.floor may have been deleted by hand."""
    walk.synced(students(5))
    before = identifiers(walk)
    empty(walk.directory)
    report = walk.synced()
    assert {action for action, _ in actions(report)} == {"create"}
    assert identifiers(walk) == before


def test_last_weeks_backup_is_refused_when_many_are_missing(
    walk: Walk, refuses: Callable[..., str]
) -> None:
    walk.synced(students(4))
    backup = walk.directory.backup()
    walk.synced(students(12))
    now = walk.directory.backup()
    before = identifiers(walk)
    walk.directory.restore(backup)
    said = refuses()
    assert "there were 12, now there are 4" in said
    walk.directory.restore(now)
    walk.writes_nothing()
    assert identifiers(walk) == before


def test_a_backup_that_lacks_a_few_is_mended_under_the_same_identifiers(walk: Walk) -> None:
    walk.synced(students(8))
    backup = walk.directory.backup()
    rows = [{**row, "component_code": "C9"} for row in students(8)[:4]] + students(8)[4:]
    rows += students(3, start=22700001, family_name="Martin", first_name="Léa")
    walk.synced(rows)
    before = identifiers(walk)
    assert {mail.split("@")[0] for _, mail in list(before.values())[-3:]} == {
        "lea.martin",
        "lea.martin01",
        "lea.martin02",
    }
    walk.directory.restore(backup)
    report = walk.synced()
    assert report.plan.counts == {"create": 3, "update": 4}
    assert identifiers(walk) == before
    walk.writes_nothing()


def test_a_backup_from_before_an_expiry_lets_nobody_in_again(walk: Walk) -> None:
    walk.synced(students(8))
    password = walk.password("22600001")
    backup = walk.directory.backup()
    rows = [{**students(1)[0], "status": "A"}, *students(8)[1:]]
    walk.synced(rows)
    dn = walk.person("22600001")["dn"][0]
    assert walk.directory.bind_result(dn, password) == 49
    walk.directory.restore(backup)
    assert walk.directory.bind_result(dn, password) == 0
    walk.synced()
    assert walk.directory.bind_result(dn, password) == 49
    walk.writes_nothing()
