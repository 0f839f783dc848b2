"""The server as described in cn=config: database, indexes, overlays."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote

from connector.check.case import Case, Findings
from connector.check.findings import INIT, Finding, hint, unseen, warning, wrong
from connector.core import indexes as wanted
from connector.core.constraints import constrains
from connector.core.limits import reads_without_limit
from connector.edges.ldap import described
from connector.edges.ldap.described import PPOLICY

_LEAST_MAXSIZE = 1 << 30
_DEFAULT_SIZE_LIMIT = 500  # of slapd


def database(case: Case) -> Findings:
    """The database's settings; also reads cn=config for the examinations after it."""
    case.config = described.configuration(case.server, case.tree)
    if case.config is None:
        yield unseen(
            "database",
            "cn=config cannot be read, so indexes, overlays and limits are not known",
            f"Let the service account read it, by the rule in {INIT} (4-config.ldif).",
        )
        return
    bind_dn = case.settings.directory.bind_dn
    if reads_without_limit(case.of_config("olcLimits"), case.server.spelled(bind_dn)):
        yield Finding("database", "the service account reads without a size limit")
    else:
        yield warning(
            "database",
            "the service account has no olcLimits of its own: reading may be cut at "
            f"olcSizeLimit ({_DEFAULT_SIZE_LIMIT} by default), and every sync then stops",
            f'Add to the database: olcLimits: dn.exact="{bind_dn}" time=unlimited size=unlimited '
            "size.prtotal=unlimited",
        )
    if any(raw.lower() == "true" for raw in case.of_config("olcReadOnly")):
        yield wrong("database", "the database is read-only", "Take olcReadOnly: TRUE off.")
    if "olcMdbConfig" in case.of_config("objectClass"):
        size = int((case.of_config("olcDbMaxSize") or ["10485760"])[0])
        if size < _LEAST_MAXSIZE:
            yield warning(
                "database",
                f"the database may grow to {size >> 20} MiB only, and refuses writes when full",
                "Raise olcDbMaxSize, for example to 4294967296 (4 GiB; the file is sparse).",
            )
    if any(raw.lower() == "true" for raw in case.of_config("olcLastBind")):
        yield hint(
            "database",
            "olcLastBind is on: every login changes the entry's entryCSN. scolpass does not mind",
            "Set olcLastBind: FALSE unless somebody needs pwdLastSuccess.",
        )


def indexes(case: Case) -> Findings:
    """The indexes that searches and uniqueness need."""
    if case.config is None:
        yield unseen("indexes", "not known without cn=config")
        return
    values = case.of_config("olcDbIndex")
    lacking = wanted.lacking(values, case.definition.indexes)
    if lacking:
        named = "; ".join(f"{name} {','.join(sorted(kinds))}" for name, kinds in lacking.items())
        yield warning(
            "indexes",
            f"no index for {named}: such a search goes through every entry, and adding students "
            "gets slow",
            "Apply this with ldapmodify as root on the server; slapd builds them while it runs:\n"
            + wanted.mending(case.database_dn(), values, case.definition.indexes),
        )
    else:
        yield Finding("indexes", f"all {len(case.definition.indexes)} are there")


def overlays(case: Case) -> Findings:
    """The overlays that guard what is written."""
    if PPOLICY not in described.controls(case.server):
        yield wrong(
            "overlays",
            "the overlay ppolicy is not loaded: a provisional password would open everything, "
            "for good",
            f"Load module and overlay by {INIT} (4-config.ldif).",
        )
    if case.config is None:
        yield unseen("overlays", "not known without cn=config")
        return
    overlays = {name.lower() for name in case.of_config("olcOverlay")}
    if "ppolicy" not in overlays:
        yield wrong(
            "overlays",
            f"the overlay ppolicy is not on the database of {case.tree}: no password is locked, "
            "ended, or made to change",
            f"Add it by {INIT} (4-config.ldif).",
        )
    yield from _unique(case, overlays)
    yield from _constraints(case)
    for name, loss in (
        ("syncprov", "the directory has no replicas, and nobody can follow its changes"),
    ):
        if name not in overlays:
            yield hint("overlays", f"{name} is off: {loss}", f"Add it by {INIT} (4-config.ldif).")
    if overlays >= {"ppolicy", "unique", "constraint", "syncprov"}:
        yield Finding("overlays", "ppolicy, unique, constraint and syncprov are on")


def _constraints(case: Case) -> Findings:
    live = case.of_config("olcConstraintAttribute")
    people = case.settings.directory.people_dn
    lacking = [
        value.replace("@PEOPLE_URL@", quote(people, safe=",="))
        for value in case.definition.constraints
        if not any(constrains(one, value.partition(" restrict=")[0], people) for one in live)
        and (case.identity is not None or " restrict=" not in value)  # else said of the branch
    ]
    has_overlay = "constraint" in {name.lower() for name in case.of_config("olcOverlay")}
    for value in lacking:
        cure = f"Add to the overlay constraint: olcConstraintAttribute: {value}"
        if not has_overlay:
            cure = f"Add the overlay constraint by {INIT} (4-config.ldif)."
        if value.split()[0].lower() == "userpassword":
            yield wrong(
                "overlays",
                "an entry may hold two passwords: a student who must change the provisional one "
                "adds another beside it, and six digits go on binding, under the default policy",
                cure,
            )
        else:
            yield hint(
                "overlays",
                f"slapd lets other tools write a malformed {value.split()[0]}",
                cure,
            )


def _unique(case: Case, overlays: set[str]) -> Findings:
    cure = "Add to the overlay unique: " + ", ".join(
        f"olcUniqueURI: {value}" for value in case.definition.unique
    )
    if "unique" not in overlays:
        yield warning(
            "overlays",
            "unique is off: the directory itself no longer refuses a uid, an address or a student "
            "number that is taken",
            f"Add it by {INIT} (4-config.ldif).",
        )
        return
    guarded: dict[str, bool] = {}
    for value in case.of_config("olcUniqueURI"):
        serialized = "serialize" in value.lower().partition("ldap")[0].split()
        for uri in re.findall(r"ldap[si]?://\S+", value, re.IGNORECASE):
            for name in f"{uri}?".split("?")[1].lower().split(","):
                guarded[name] = guarded.get(name, False) or serialized
    needed = _unique_names(case.definition.unique)
    lacking = [name for name in needed if name.lower() not in guarded]
    racing = [name for name in needed if guarded.get(name.lower()) is False]
    if lacking:
        yield warning(
            "overlays",
            f"unique does not guard {', '.join(lacking)}: two entries may have the same",
            cure,
        )
    elif racing:
        yield warning(
            "overlays",
            f"unique guards {', '.join(racing)} without `serialize`: two adds at the same moment "
            "both pass",
            cure,
        )


def _unique_names(values: Iterable[str]) -> list[str]:
    return [name for value in values for name in value.split("?")[1].split(",")]
