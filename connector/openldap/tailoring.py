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
from collections.abc import Collection, Iterable, Mapping

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
        # What stands under another name: SUPANN has renamed some between its versions.
        numbers = {_number(value): names for names, (_, value) in current.items()}
        renamed = {
            name
            for kind in (_TYPES, _CLASSES)
            for value in ours.values(kind)
            for name in _names(value)
            if name not in current and _number(value) in numbers
        }
        types = [v for v in ours.values(_TYPES) if not renamed & set(_names(v))]
        classes = [v for v in ours.values(_CLASSES) if not renamed & set(_names(v))]
        places = [current[n][0].dn for v in (*types, *classes) for n in _names(v) if n in current]
        if not places:
            return change(ours.dn, ours.lines)
        new = [v for v in types if not any(name in current for name in _names(v))]
        moves = _Moves(sorted(places, key=_place), {n: r.dn for n, (r, _) in current.items()})
        moves.add_types(new)
        for value in classes:
            stands = next((current[name] for name in _names(value) if name in current), None)
            if stands is None:
                moves.add_class(None, "", _allowing(value, leave_out=renamed))
            elif better := _widened(stands[1], value, leave_out=renamed):
                moves.add_class(stands[0].dn, stands[1], better)
        return moves.ldif()

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


class _Moves:
    """Where definitions go, so that slapd also finds them in order when it starts.

    It reads the schemas by the number in their names, and a class has to come after the attribute
    types that it allows. A class that stands before one of them goes to where that one is.
    """

    def __init__(self, places: list[str], defined: dict[str, str]) -> None:
        self._first, self._last = places[0], places[-1]
        self._defined = defined
        self._types: list[str] = []
        self._deleted: dict[str, list[str]] = {}
        self._added: dict[str, list[str]] = {}

    def add_types(self, definitions: list[str]) -> None:
        self._types += definitions
        self._defined |= {name: self._first for one in definitions for name in _names(one)}

    def add_class(self, stands: str | None, old: str, new: str) -> None:
        if stands is not None:
            self._deleted.setdefault(stands, []).append(old)
        needed = [*_attributes(new, "MUST"), *_attributes(new, "MAY")]
        places = [self._defined[name.lower()] for name in needed if name.lower() in self._defined]
        place = max([stands or self._last, *places], key=_place)
        self._added.setdefault(place, []).append(bare(new))

    def ldif(self) -> str:
        changes = []
        for dn in sorted({self._first, *self._deleted, *self._added}, key=_place):
            lines = part("add", _TYPES, self._types if dn == self._first else ())
            lines += part("delete", _CLASSES, self._deleted.get(dn, ()))
            lines += part("add", _CLASSES, self._added.get(dn, ()))
            if lines:
                changes.append(change(dn, [("changetype", "modify"), *lines[:-1]]))
        return "\n\n".join(changes)


def _place(dn: str) -> int:
    """The number by which slapd orders schemas: ``cn={4}supann,cn=schema,cn=config``."""
    found = re.match(r"cn=\{(\d+)\}", dn, re.IGNORECASE)
    return int(found[1]) if found else -1


def _number(definition: str) -> str:
    """The OID of an attribute type or class."""
    return bare(definition).split()[1]


def _merged(lines: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return lines[:-1] if lines and lines[-1][0] == "-" else lines


def _names(definition: str) -> list[str]:
    """The names of an attribute type or class, lower case."""
    found = re.search(r"\bNAME\s+(?:'([^']+)'|\(([^)]*)\))", definition)
    if found is None:
        return []
    return [name.lower() for name in re.findall(r"[A-Za-z][\w-]*", found[1] or found[2])]


def _widened(current: str, ours: str, *, leave_out: Collection[str]) -> str | None:
    """The class that stands, taking in the attributes that ours may have; None: it has them all."""
    have = {name.lower() for kind in ("MUST", "MAY") for name in _attributes(current, kind)}
    more = [name for kind in ("MUST", "MAY") for name in _attributes(ours, kind)]
    more = [name for name in more if name.lower() not in have and name.lower() not in leave_out]
    return _with(current, [*_attributes(current, "MAY"), *more]) if more else None


def _allowing(ours: str, *, leave_out: Collection[str]) -> str:
    """Our class without what this server knows under another name."""
    allowed = _attributes(ours, "MAY")
    kept = [name for name in allowed if name.lower() not in leave_out]
    return ours if kept == allowed else _with(ours, kept)


def _with(definition: str, may: Iterable[str]) -> str:
    without = re.sub(r"\s*\bMAY\s+(?:\([^)]*\)|[\w;.-]+)", "", definition)
    return re.sub(r"\s*\)\s*$", f" MAY ( {' $ '.join(may)} ) )", without)


def _attributes(definition: str, kind: str) -> list[str]:
    found = re.search(rf"\b{kind}\s+(?:\(([^)]*)\)|([\w;.-]+))", definition)
    return re.findall(r"[\w;.-]+", found[1] or found[2]) if found else []


def _module(value: str) -> str:
    """A module's name, without folder, ending and arguments."""
    return re.sub(r"\.(so|la)$", "", bare(value).split()[0].rpartition("/")[2])
