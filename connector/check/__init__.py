"""Is the set-up sound? One line for each thing examined: what was seen, and how to mend it.

Nothing is written to directory or journal. An examination that fails does not affect the others:
what could not be seen is reported as such, and the table is always complete. Rights are tested
with modifies that cannot succeed (:func:`~connector.edges.ldap.probes.would_modify`).

Exit status: 2 if configuration, schema, rights or policies are wrong; 4 if directory, register or
journal cannot be reached or trusted; 1 if something needs attention but a sync works; else 0.
Hints, and what was not seen, do not count.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from connector.check import (
    accounts,
    binding_addresses,
    configuration,
    database,
    directory,
    journal,
    locked_accounts,
    mails_and_letters,
    policies,
    rights,
    schemas,
    source,
    ways_in,
)
from connector.check.case import Case, Findings, alone
from connector.check.findings import Checkup, Definition, unseen, wrong
from connector.check.register_findings import examine_register
from connector.check.report import (
    checkup_json,
    register_checkup_json,
    show_checkup,
    show_register_checkup,
)
from connector.clock import read_moment
from connector.errors import ConfigurationError
from connector.settings.loading import load_settings

__all__ = [
    "Checkup",
    "Definition",
    "checkup_json",
    "examine",
    "examine_register",
    "register_checkup_json",
    "show_checkup",
    "show_register_checkup",
]


_OF_THE_DIRECTORY: tuple[tuple[str, Callable[[Case], Findings]], ...] = (
    ("accounts", accounts.accounts),
    ("accounts", locked_accounts.locks),
    ("rights", rights.rights),
    ("schema", schemas.schema),
    ("database", database.database),
    ("first connection", binding_addresses.first_connection),
    ("rights", rights.as_defined),
    ("indexes", database.indexes),
    ("overlays", database.overlays),
    ("policies", policies.policies),
    ("guessing", policies.guessing),
    (ways_in.AREA, ways_in.groups),
)
_OF_THE_JOURNAL = (journal.belongs, journal.runs, journal.sealed, journal.compared)


def examine(
    file: Path | None, definition: Definition, environ: Mapping[str, str] = os.environ
) -> Checkup:
    """Examine configuration, directory, register and journal; nothing is written.

    Args:
        file: the configuration file, or None for the usual ones.
        definition: what a directory should have.
        environ: the environment, whose SCOLPASS_ variables count.
    """
    checkup = Checkup()
    found = checkup.findings
    try:
        settings = load_settings(file, environ)
    except ConfigurationError as error:
        found.append(wrong("configuration", error.message, error.cure))
        waiting = "not examined, as the configuration cannot be read"
        found += [unseen(area, waiting) for area in ("directory", "source", "journal")]
        return checkup
    case = Case(settings, definition, read_moment(settings.institution))
    found += alone("configuration", case, configuration.configuration)
    found += alone("secrets", case, configuration.secrets)
    # Opened first and told last: what source and directory hold is compared with it.
    opened = alone("journal", case, journal.open_it)
    try:
        found += alone("directory", case, directory.reach)
        for area, examination in _OF_THE_DIRECTORY:
            if case.directory is None or case.lost:
                found.append(unseen(area, "not examined, as the directory cannot be used"))
            else:
                found += alone(area, case, examination)
        found += alone("source", case, source.source)
        found += alone("mail", case, mails_and_letters.server)
        found += alone("alerts", case, mails_and_letters.alerts)
        found += alone("letters", case, mails_and_letters.templates)
        found += alone(ways_in.AREA, case, ways_in.provider)
        found += opened
        if case.journal is not None:
            for examination in _OF_THE_JOURNAL:
                found += alone("journal", case, examination)
    finally:
        if case.directory is not None:
            case.directory.__exit__()
        if case.journal is not None:
            case.journal.close()
    checkup.guessing = case.guessing
    return checkup
