"""The lookup tables for Postfix ask the directory the right question."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.directory import Directory

TABLES = Path(__file__).parents[2] / "deploy" / "postfix"
ADDRESS = "lea.martin@etu.umontpellier.fr"
FORMER = "lea.durand@etu.umontpellier.fr"
GMAIL = "lea@example.org"


def looked_up(directory: Directory, table: str, address: str) -> list[str]:
    """What Postfix would be answered: the table's query, with the address in its place."""
    text = (TABLES / table).read_text(encoding="utf-8")
    settings = dict(re.findall(r"(?m)^(\w+) = (.*)$", text))
    query = settings["query_filter"].replace("%s", address)
    name = settings["result_attribute"]
    found = directory.entries(query, attributes=(name,))
    return [value for attributes in found.values() for value in attributes.get(name, [])]


def add(directory: Directory, mail_state: str | None) -> None:
    state = f"supannRessourceEtat: {{MAIL}}{mail_state}\n" if mail_state else ""
    directory.modify(
        f"dn: uid=e1,{directory.people_dn}\n"
        "changetype: add\n"
        "objectClass: inetOrgPerson\nobjectClass: supannPerson\n"
        f"uid: e1\nsn: Martin\ncn: Martin Léa\nsupannEtuId: 1\nmail: {ADDRESS}\n"
        f"supannAutreMail: {FORMER}\nmailForwardingAddress: {GMAIL}\n{state}"
    )


@pytest.mark.parametrize("state", ["A:SupannActif", "A:SupannSursis"])
def test_mail_is_routed_while_the_account_works(directory: Directory, state: str) -> None:
    add(directory, state)
    assert looked_up(directory, "forwarding.cf", ADDRESS) == [GMAIL]
    assert looked_up(directory, "open-mail.cf", ADDRESS) == ["e1"]


def test_a_former_address_still_finds_her(directory: Directory) -> None:
    add(directory, "A:SupannActif")
    assert looked_up(directory, "forwarding.cf", FORMER) == [GMAIL]


@pytest.mark.parametrize("state", [None, "I:SupannExpire"])
def test_mail_of_a_closed_account_is_not_routed(directory: Directory, state: str | None) -> None:
    add(directory, state)
    assert looked_up(directory, "forwarding.cf", ADDRESS) == []
    assert looked_up(directory, "open-mail.cf", ADDRESS) == []
