"""The LDIF of `scolpass init`, made for one server: only what that server lacks.

slapd refuses what is there already, and stops in the middle of a file. So if the server's own
configuration is available, as ``slapcat -n 0`` prints it, each file holds exactly what has to be
done there: the attribute types that an older SUPANN lacks, the classes that have to allow them, the
missing modules and overlays, an index instead of a narrower one. The changes to one entry are one
request, which slapd carries out completely or not at all.

Sources: slapd-config(5), RFC 2849 (LDIF), RFC 4512, 4.1 (schema definitions).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from connector.core import indexes
from connector.core.dn import same_dn
from connector.core.limits import names_account
from connector.core.peers import same_text as _plain
from connector.errors import UsageError
from connector.openldap.ldif import Record, bare, change, part, records

_SCHEMA = re.compile(r"[1-3]-.*\.ldif")
_TYPES, _CLASSES = "olcAttributeTypes", "olcObjectClasses"


def tailored(
    generic: Mapping[str, str], configuration: str, suffix: str, service_dn: str
) -> dict[str, str]:
    """The files for one server.

    Args:
        generic: the files for any server, by name.
        configuration: that server's cn=config, as ``slapcat -n 0`` prints it.
        suffix: of the database.
        service_dn: scolpass' own account.

    Raises:
        UsageError: the text is not cn=config, or has no database of that suffix.
    """
    server = _Server(records(configuration), suffix)
    files = {}
    for name, text in generic.items():
        if _SCHEMA.fullmatch(name):
            made = server.schema(text)
        elif name == "4-config.ldif":
            made = server.changes(records(text), service_dn)
        else:
            files[name] = text
            continue
        if made:
            files[name] = _HEADER + made + "\n"
    return files


_HEADER = """\
# Made for the server whose configuration `scolpass init` was given: what it lacks, nothing else.
# Apply it with `sh apply` beside it, which tries it on a copy of the configuration first.

"""


class _Server:
    def __init__(self, found: list[Record], suffix: str) -> None:
        self._entries = {record.dn.casefold(): record for record in found}
        self._all = found
        databases = [
            record
            for record in found
            if any(same_dn(one, suffix) for one in record.values("olcSuffix"))
        ]
        if not databases:
            raise UsageError(
                f"the server's configuration has no database of {suffix}",
                "Give what `slapcat -n 0` prints on the directory's server, and its --suffix",
            )
        self.database = databases[0]

    # --- schema ---

    def schema(self, text: str) -> str:
        """The schema whole, what the one that stands lacks of it, or nothing."""
        (ours,) = records(text)
        current = {
            name: (record, value)
            for record in self._all
            if "olcSchemaConfig" in record.values("objectClass")
            for kind in (_TYPES, _CLASSES)
            for value in record.values(kind)
            for name in _names(value)
        }
        types = {value: _names(value) for value in ours.values(_TYPES)}
        classes = {value: _names(value) for value in ours.values(_CLASSES)}
        everything = [name for names in (*types.values(), *classes.values()) for name in names]
        here = [name for name in everything if name in current]
        if not here:
            return change(ours.dn, ours.lines)
        new_types = [v for v, names in types.items() if not any(n in current for n in names)]
        new_classes = [v for v, names in classes.items() if not any(n in current for n in names)]
        wider: dict[str, list[tuple[str, str]]] = {}
        for value, names in classes.items():
            found = next((current[name] for name in names if name in current), None)
            if found is not None and (better := _widened(found[1], value)):
                wider.setdefault(found[0].dn, []).append((found[1], better))
        # New ones go where most of the schema stands.
        homes = [current[name][0].dn for name in here]
        home = max(dict.fromkeys(homes), key=homes.count)
        parts = []
        for dn in dict.fromkeys([home, *wider]):
            lines: list[tuple[str, str]] = []
            if dn == home:
                lines += part("add", _TYPES, new_types)
            replaced = wider.get(dn, [])
            lines += part("delete", _CLASSES, [old for old, _ in replaced])
            added = [bare(new) for _, new in replaced]
            lines += part("add", _CLASSES, [*added, *(new_classes if dn == home else [])])
            if lines:
                parts.append(change(dn, [("changetype", "modify"), *lines[:-1]]))
        return "\n\n".join(parts)

    # --- configuration ---

    def changes(self, generic: Iterable[Record], service_dn: str) -> str:
        """What the server's configuration lacks, one change an entry."""
        by_entry: dict[str, list[tuple[str, str]]] = {}
        added: list[str] = []
        wanted: dict[str, list[str]] = {}
        for record in generic:
            if record.values("changetype") == ["add"]:
                made = self._overlay(record)
                if made is not None:
                    added.append(made)
                continue
            how, attribute = next(
                (line for line in record.lines if line[0] in ("add", "replace")), ("add", "")
            )
            values = record.values(attribute)
            if attribute == "olcDbIndex":
                name, kinds = values[0].split()
                wanted[name] = kinds.split(",")
                continue
            dn, live = self._place(record.dn, attribute)
            if attribute == "olcModuleLoad":
                loaded = {_module(one) for one in self._values("olcModuleLoad")}
                values = [value for value in values if _module(value) not in loaded]
            elif attribute == "olcAccess":
                current = {_plain(one) for one in live}
                values = [value for value in values if _plain(value) not in current]
            elif (
                attribute == "olcLimits" and any(names_account(one, service_dn) for one in live)
            ) or (how == "replace" and live == values):
                values = []
            if values:
                by_entry.setdefault(dn, []).extend(part(how, attribute, values))
        cure = indexes.mending(self.database.dn, self.database.values("olcDbIndex"), wanted)
        if cure:
            lines = [line for one in records(cure) for line in one.lines[1:]]
            by_entry.setdefault(self.database.dn, []).extend([*lines, ("-", "")])
        # Modules first: overlays and access rules speak of what they bring.
        changes = [
            change(dn, [("changetype", "modify"), *_merged(lines)])
            for dn, lines in sorted(by_entry.items(), key=lambda one: "cn=module" not in one[0])
        ]
        modules = [one for one in changes if one.startswith("dn: cn=module")]
        rest = [one for one in changes if one not in modules]
        return "\n\n".join([*modules, *added, *rest])

    def _place(self, dn: str, attribute: str) -> tuple[str, list[str]]:
        """Where a change goes on this server, and what stands there."""
        if attribute == "olcModuleLoad":
            lists = [one for one in self._all if "olcModuleList" in one.values("objectClass")]
            if lists:
                return lists[0].dn, lists[0].values(attribute)
        found = self._entries.get(dn.casefold())
        if found is None and dn.casefold().startswith("olcdatabase="):
            found = self.database
        return (found.dn, found.values(attribute)) if found is not None else (dn, [])

    def _values(self, name: str) -> list[str]:
        return [value for record in self._all for value in record.values(name)]

    def _overlay(self, record: Record) -> str | None:
        name = record.values("olcOverlay")[0]
        suffix = "," + self.database.dn.casefold()
        live = next(
            (
                one
                for one in self._all
                if one.dn.casefold().endswith(suffix)
                and [bare(value).lower() for value in one.values("olcOverlay")] == [name.lower()]
            ),
            None,
        )
        if live is None:
            dn = f"olcOverlay={name},{self.database.dn}"
            return change(dn, [*record.lines])
        lines: list[tuple[str, str]] = []
        for attribute in dict.fromkeys(one for one, _ in record.lines):
            if attribute in ("changetype", "objectClass", "olcOverlay"):
                continue
            current = {_plain(value) for value in live.values(attribute)}
            values = [v for v in record.values(attribute) if _plain(v) not in current]
            if attribute == "olcUniqueURI":
                guarded = " ".join(current)
                values = [v for v in values if f"?{v.split('?')[1]}?" not in guarded]
            elif current and attribute != "olcConstraintAttribute":
                values = []  # one value, which is theirs
            lines += part("add", attribute, values)
        return change(live.dn, [("changetype", "modify"), *lines[:-1]]) if lines else None


def _merged(lines: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return lines[:-1] if lines and lines[-1][0] == "-" else lines


def _names(definition: str) -> list[str]:
    """The names of an attribute type or class, lower case."""
    found = re.search(r"\bNAME\s+(?:'([^']+)'|\(([^)]*)\))", definition)
    if found is None:
        return []
    return [name.lower() for name in re.findall(r"[A-Za-z][\w-]*", found[1] or found[2])]


def _widened(current: str, ours: str) -> str | None:
    """The class that stands, taking in the attributes that ours may have; None: it has them all."""
    have = {name.lower() for kind in ("MUST", "MAY") for name in _attributes(current, kind)}
    more = [name for kind in ("MUST", "MAY") for name in _attributes(ours, kind)]
    more = [name for name in more if name.lower() not in have]
    if not more:
        return None
    may = " $ ".join([*_attributes(current, "MAY"), *more])
    without = re.sub(r"\s*\bMAY\s+(?:\([^)]*\)|[\w;.-]+)", "", current)
    return re.sub(r"\s*\)\s*$", f" MAY ( {may} ) )", without)


def _attributes(definition: str, kind: str) -> list[str]:
    found = re.search(rf"\b{kind}\s+(?:\(([^)]*)\)|([\w;.-]+))", definition)
    return re.findall(r"[\w;.-]+", found[1] or found[2]) if found else []


def _module(value: str) -> str:
    """A module's name, without folder, ending and arguments."""
    return re.sub(r"\.(so|la)$", "", bare(value).split()[0].rpartition("/")[2])
