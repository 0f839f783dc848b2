"""LDIF, as ``slapcat`` prints it and ``ldapmodify`` takes it (RFC 2849)."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Record:
    """An entry or a change in LDIF."""

    dn: str
    lines: tuple[tuple[str, str], ...]

    def values(self, name: str) -> list[str]:
        """The values of an attribute, in their order."""
        return [value for one, value in self.lines if one.casefold() == name.casefold()]


def records(ldif: str) -> list[Record]:
    """The records of an LDIF text; comments are left out (RFC 2849)."""
    found = []
    for block in re.split(r"\n(?:[ \t]*\r?\n)+", ldif.replace("\r\n", "\n")):
        lines: list[tuple[str, str]] = []
        for text in re.sub(r"(?m)^#.*(?:\n .*)*\n?", "", block).replace("\n ", "").splitlines():
            name, _, value = text.partition(":")
            if text == "-":
                lines.append(("-", ""))
            elif value.startswith(":"):
                lines.append((name, base64.b64decode(value[1:].strip()).decode("utf-8", "replace")))
            elif name:
                lines.append((name, value.strip()))
        if lines and lines[0][0].casefold() == "dn":
            found.append(Record(lines[0][1], tuple(lines[1:])))
    return found


def part(how: str, attribute: str, values: Iterable[str]) -> list[tuple[str, str]]:
    """One of the changes of a modify; empty if there are no values."""
    lines = [(attribute, value) for value in values]
    return [(how, attribute), *lines, ("-", "")] if lines else []


def change(dn: str, lines: Iterable[tuple[str, str]]) -> str:
    """A record's text."""
    text = [line("dn", dn)]
    text += ["-" if name == "-" else line(name, value) for name, value in lines]
    return "\n".join(text)


def line(name: str, value: str) -> str:
    """One attribute line; what is not plain ASCII in base64."""
    if value.isascii() and value.isprintable() and not re.match(r"[ :<]|.* $", value):
        return f"{name}: {value}"
    return f"{name}:: {base64.b64encode(value.encode()).decode('ascii')}"


def bare(value: str) -> str:
    """A value of cn=config without the ``{n}`` that says its place in a list."""
    return re.sub(r"^\{-?\d+\}", "", value)
