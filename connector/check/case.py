"""What is examined, and what one examination passes on to the next."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from connector.check.findings import Definition, Finding, Mark, wrong
from connector.core.guessing import Guessing
from connector.core.model import Moment
from connector.edges.journal import Journal, LastRuns
from connector.edges.ldap.reading import Directory
from connector.edges.sealing import Sealer
from connector.errors import DirectoryUntrusted, ScolpassError
from connector.settings.sections import Settings

Findings = Iterator[Finding]
Config = list[dict[str, list[bytes]]]


@dataclass(slots=True)
class Census:
    """A summary of the entries with a student number."""

    dns: dict[str, str] = field(default_factory=dict)  # by number
    born: dict[str, str | None] = field(default_factory=dict)  # birth dates, by number
    twins: set[str] = field(default_factory=set)  # numbers on several entries, or several on one
    unclear: int = 0  # entries of the branch with one of them
    outside: list[str] = field(default_factory=list)  # DNs that are not under the people branch
    shared: int = 0  # entries that are also somebody else's
    must_change: set[str] = field(default_factory=set)  # numbers with pwdReset TRUE, not expired
    unguarded: list[str] = field(default_factory=list)  # of those, not under the provisional policy
    policies: dict[str, list[str]] = field(default_factory=dict)  # numbers by pwdPolicySubentry
    bare: list[str] = field(default_factory=list)  # numbers of ours without any password
    example: str | None = None  # the DN of a student who is nobody else


@dataclass(slots=True)
class Case:
    """What is examined, and what one examination passes on to the next."""

    settings: Settings
    definition: Definition
    moment: Moment
    sealer: Sealer | None = None
    journal: Journal | None = None
    last: LastRuns | None = None
    directory: Directory | None = None
    lost: bool = False  # the connection broke
    tree: str = ""
    identity: str | None = None  # entryUUID of the people branch
    populated: bool = False  # the people branch has children, seen or not
    config: Config | None = None
    census: Census | None = None
    guessing: Guessing | None = None

    @property
    def server(self) -> Directory:
        """The directory, for an examination that is made only if there is one."""
        assert self.directory is not None
        return self.directory

    def of_config(self, name: str) -> list[str]:
        """All values of an attribute in what was read of cn=config, without their ``{n}``."""
        return [
            re.sub(r"^\{-?\d+\}", "", raw.decode("utf-8", "replace"))
            for attributes in self.config or ()
            for raw in attributes.get(name, [])
        ]

    def database(self) -> dict[str, list[bytes]]:
        """What was read about the students' database in cn=config."""
        return next((one for one in self.config or () if "olcSuffix" in one), {})

    def database_dn(self) -> str:
        """The database's DN in cn=config; the usual one if it cannot be read."""
        named = self.database().get("olcDatabase") or [b"{1}mdb"]
        return f"olcDatabase={named[0].decode('utf-8', 'replace')},cn=config"

    def access_rules(self) -> list[str]:
        """The database's access rules in their order, without their ``{n}``."""
        found = [raw.decode("utf-8", "replace") for raw in self.database().get("olcAccess", [])]
        numbered = [re.fullmatch(r"\{(\d+)\}(.*)", value, re.DOTALL) for value in found]
        ordered = sorted((int(one[1]), one[2]) for one in numbered if one)
        return [rule for _, rule in ordered]

    def definition_rules(self) -> tuple[str, ...]:
        """The access rules that the definition puts before a directory's own.

        With the names as the server spells them: the definition needs that spelling.
        """
        directory = self.settings.directory
        return self.definition.rules(
            self.server.spelled(directory.people_dn),
            self.server.spelled(directory.bind_dn),
            self.server.spelled(self.settings.password.provisional.policy_dn),
            directory.first_connection_from,
        )


def alone(area: str, case: Case, examination: Callable[[Case], Findings]) -> list[Finding]:
    """One examination's findings; if it fails, that is its last finding and affects no other."""
    found: list[Finding] = []
    try:
        found.extend(examination(case))
    except ScolpassError as error:
        found.append(failed(area, error))
        # An error with a cause is a connection that broke: each next try would wait as long.
        if isinstance(error, DirectoryUntrusted) and error.__cause__ is not None:
            case.lost = True
    except OSError as error:
        what = os.fsdecode(error.filename) if error.filename else "a file"
        cure = "See that the user of scolpass may look at it."
        found.append(
            wrong(area, f"{what} cannot be looked at: {error.strerror or error}", cure, status=4)
        )
    return found


def failed(area: str, error: ScolpassError, *, status: int | None = None) -> Finding:
    """An error as a finding; with a status, one that only needs attention."""
    # Nothing is ever written here, so it need not be said.
    cure = re.sub(r"[;,]? *(and )?nothing was written", "", error.cure, flags=re.IGNORECASE)
    if status is not None:
        return Finding(area, error.message, Mark.WARNING, cure, status)
    return wrong(area, error.message, cure, status=error.exit_status)
