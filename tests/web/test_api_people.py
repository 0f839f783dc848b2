"""People found and listed by API, and the figures."""

from __future__ import annotations

from connector.core.roles import Role
from tests.web.calling import Caller, Office, all_of


def numbers(caller: Caller, limit: int, **params: object) -> list[str]:
    return [one["student_number"] for one in all_of(caller, "/students", limit, **params)]


def test_a_person_is_found_by_whatever_is_known_of_them(office: Office) -> None:
    reader, number = office.caller(Role.READER), office.student()
    told = reader.told(f"/students/{number}")
    for known in (number, told["uid"], told["mail"], f"p{number} n{number}", f"P{number}"):
        assert numbers(reader, 5, q=known) == [number], known
        found = reader.send("POST", "/students/search", json={"q": known}).json()
        assert [one["student_number"] for one in found["items"]] == [number]
    assert numbers(reader, 5, q="nobody at all") == []
    everybody = numbers(reader, 7, q="P226")
    assert len(everybody) == len(set(everybody)) >= 30


def test_a_list_has_everybody_who_is_in_it_page_by_page(office: Office) -> None:
    reader, desk = office.caller(Role.READER), office.caller(Role.DESK)
    those = {office.student() for _ in range(4)}
    for number in those:
        desk.done(f"/students/{number}/suspend")
    assert those <= set(numbers(reader, 1, list="suspended"))
    assert (
        numbers(reader, 2, list="suspended", sort="name")
        == numbers(reader, 9, list="suspended", sort="name", backwards=True)[::-1]
    )
    figures = reader.told("/figures", params={"since": "2020-01-01"})
    assert figures["lists"]["suspended"] == len(numbers(reader, 3, list="suspended"))
    assert figures["states"]["suspended"] >= len(those)
    assert figures["days"]
    assert figures["as_of"]


def test_the_locked_are_listed_as_the_directory_has_them(office: Office) -> None:
    reader = office.caller(Role.READER)
    those = sorted(office.student() for _ in range(3))
    for number in those:
        dn = reader.told(f"/students/{number}")["dn"]
        for _ in range(6):
            assert office.walk.directory.bind_result(dn, "000000x") != 0
    found = all_of(reader, "/students", 1, list="locked")
    assert [one["student_number"] for one in found] == those
    assert {one["lock"]["kind"] for one in found} == {"provisional"}
    assert all(one["name"] and one["lock"]["since"] for one in found)


def test_a_filter_that_has_no_effect_is_refused(office: Office) -> None:
    reader = office.caller(Role.READER)
    for query in (
        "",
        "?q=a&list=suspended",
        "?q=a&sort=name",
        "?list=held&sort=until",
        "?list=locked&backwards=true",
        "?list=nobody",
        "?lst=suspended",
        "?q=a&q=b",
        "?q=a&limit=0",
    ):
        answer = reader.get(f"/students{query}")
        assert answer.status_code == 422, query
        assert answer.json()["cure"]
