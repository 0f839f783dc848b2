"""In the core, names of attributes are known to the dialect and the catalogue alone."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import connector.core
from connector.core.catalogue import ATTRIBUTES

CORE = Path(connector.core.__path__[0])
ROOM = {"catalogue", "comparison", "meaning", "supann", "supann_reading", "supann_writing"}
# Words of every day, too: they count where they stand alone.
PLAIN = {"cn", "displayname", "givenname", "mail", "sn", "uid"}
NAMES = {name.lower() for name in ATTRIBUTES}
# What else names some, and why.
BEYOND = {
    "constraints": (
        "what the server's own configuration says of attributes",
        {"userpassword", "supannetuid"},
    ),
    "door": (
        "what slapd notes of passwords and sign-ins, which no plan writes",
        {
            "pwdaccountlockedtime",
            "pwdchangedtime",
            "pwdfailuretime",
            "pwdgraceusetime",
            "pwdlastsuccess",
        },
    ),
    "guesses": ("headings of registers, which may be called so", {"mail"}),
    "matching": ("says what agrees, in the words of situations --json", {"uid"}),
    "situations": ("likewise", {"uid"}),
    "peers": ("what the server's access rules say of attributes", {"userpassword"}),
    "sentence": ("tells an administrator what another tool has set", {"pwdreset"}),
}


def said(module: Path) -> Iterator[str]:
    """The texts in a module that are no docstrings."""
    tree = ast.parse(module.read_text(encoding="utf-8"))
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in docstrings
        ):
            yield node.value


def named(text: str) -> set[str]:
    """The attributes that a text names."""
    words = {word.lower() for word in re.findall(r"[A-Za-z][A-Za-z0-9-]*", text)}
    alone = {text.lower()} & PLAIN
    filtered = {name for name in PLAIN if re.search(rf"\({name}[~<>]?=", text, re.IGNORECASE)}
    return (words & NAMES - PLAIN) | alone | filtered


def test_a_name_is_found_alone_in_a_sentence_and_in_a_filter() -> None:
    assert named("supannEtuId") == {"supannetuid"}
    assert named("have supannEtuId: 1 written") == {"supannetuid"}
    assert named("mail") == {"mail"} == named("(&(mail=*)(x=1))")
    assert named("expected a login, a mail or a uid") == set()


@pytest.mark.parametrize("module", sorted(CORE.glob("*.py")), ids=lambda path: path.stem)
def test_the_core_knows_no_attribute_outside_the_room_of_its_dialect(module: Path) -> None:
    found = {name for text in said(module) for name in named(text)}
    if module.stem in ROOM:
        return
    _, allowed = BEYOND.get(module.stem, ("", set()))
    assert found == allowed


def test_each_exception_is_a_module_and_has_its_reason() -> None:
    assert all((CORE / f"{name}.py").is_file() and why for name, (why, _) in BEYOND.items())
    assert not BEYOND.keys() & ROOM
    assert all((CORE / f"{name}.py").is_file() for name in ROOM)
