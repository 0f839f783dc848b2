"""What a command said: as text for the eye, as LDAP entries for the claims."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass

Entry = dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command said, and how it ended."""

    command: str
    status: int
    stdout: str
    stderr: str

    @property
    def lines(self) -> list[str]:
        """What a person would see, without blank lines; LDIF unfolded, its base64 decoded."""
        text = _readable(self.stdout) if "ldapsearch" in self.command else self.stdout
        return [line.rstrip() for line in (text + self.stderr).splitlines() if line.strip()]

    @property
    def entries(self) -> list[Entry]:
        """LDIF as one mapping of attribute to values an entry."""
        found: list[Entry] = []
        for record in self.stdout.replace("\n ", "").split("\n\n"):
            entry: Entry = {}
            for line in record.splitlines():
                name, _, value = line.partition(":")
                entry.setdefault(name, []).append(_decoded(value))
            if entry:
                found.append(entry)
        return found

    def values(self, attribute: str) -> list[str]:
        """The values of an attribute of the first entry."""
        return next((entry.get(attribute, []) for entry in self.entries), [])

    def value(self, attribute: str) -> str:
        """The first of them, or nothing."""
        return next(iter(self.values(attribute)), "")

    def says(self, *words: str) -> bool:
        """Whether all of these stand in what it said."""
        return all(word in self.stdout + self.stderr for word in words)


def _decoded(value: str) -> str:
    if not value.startswith(":"):
        return value.strip()
    return base64.b64decode(value[1:]).decode("utf-8", "backslashreplace")


def _readable(ldif: str) -> str:
    return re.sub(
        r"(?m)^([A-Za-z][\w.;-]*):(: [A-Za-z0-9+/=]+)$",
        lambda found: f"{found[1]}: {_decoded(found[2])}",
        ldif.replace("\n ", ""),
    )
