"""What an existing directory needs: changes to its configuration, and entries."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from connector.core.peers import LOOPBACK, clauses
from connector.openldap.definition import SCHEMAS, Line, fill, records, required_indexes, template
from connector.openldap.names import Names


def existing_directory_ldif(
    names: Names,
    *,
    service_hash: str,
    database: str = "olcDatabase={1}mdb,cn=config",
    origins: Sequence[str] = LOOPBACK,
    complete: bool = False,
) -> dict[str, str]:
    """What an existing directory needs: files to be applied in the order of their names.

    They are made for the configuration that Debian's package begins with, so that they can be
    applied there as a whole; with ``complete`` they also hold what that one has already.

    Only rules that leave other systems' rights alone are included: those of the definition that
    end in ``by * break``, put before the directory's own.
    """
    files = {
        f"{number}-{name}.ldif": _SCHEMA_HEADER
        + template(f"schema/{name}.ldif").replace(
            "\nobjectClass: olcSchemaConfig", "\nchangetype: add\nobjectClass: olcSchemaConfig", 1
        )
        for number, name in enumerate(SCHEMAS, start=1)
    }
    files["4-config.ldif"] = _config_changes(
        names, database, origins, () if complete else _DEBIANS_INDEXES
    )
    files["5-tree.ldif"] = _tree_additions(names, service_hash)
    return files


# What the configuration of Debian's package has by itself: "objectClass eq" and "cn,uid eq".
_DEBIANS_INDEXES = frozenset({"objectClass", "uid"})
_SCHEMA_HEADER = """\
# For a server that has nothing of this schema yet. `sh apply`, beside this file, says whether yours
# takes it; for one that has an older version, see --server-config of `scolpass init`.
#
"""


_CONFIG_HEADER = """\
# What scolpass needs in cn=config of a directory that already stands. Read it before you apply it,
# on a test system first, with `sh apply` beside this file: it tries everything on a copy of the
# server's configuration, and if one line is refused (a module, an index, an overlay that is there
# already), the server stays as it is. This file goes by the configuration that Debian's package
# begins with. For another one have it made for your server: scolpass init --server-config FILE.
#
# To adapt:
# - {database}: the database that holds {suffix}. Find yours with
#   ldapsearch -LLL -Y EXTERNAL -H ldapi:/// -b cn=config "(olcSuffix={suffix})" dn
# - cn=module{{0}}: where your modules are loaded. Several servers: do it on each.
# - the overlays: if yours has ppolicy or unique, keep it, and add the values that it lacks.
# - olcPPolicyDefault: the policy of everybody else; cn=default of 5-tree.ldif, or one of yours.
# - olcDbMaxSize: not changed here; with less than 1 GiB raise it, slapd's own 10 MiB are full
#   after a few thousand students.
# - a portal or another tool that writes the attributes named below keeps the rights you gave it:
#   the rules speak of the service account and of the student, and hand everyone else on.
#   Do see that your own rules let nobody read userPassword, nor write pwd* attributes with "self".
#   What they let staff do to entries without a student's number, scolpass does not touch.
"""


_TREE_HEADER = """\
# The password policies and scolpass' own account, for a directory that already stands: applied by
# `sh apply` after 4-config.ldif, but for the entries that stand already. The account's password is
# the one in the file that directory.bind_password_file names; only its hash is here.
"""


def apply_script(names: Names) -> str:
    """The script that applies those files to a server, after it has tried them on a copy."""
    return fill(template("apply"), names.values())


def _config_changes(
    names: Names, database: str, origins: Sequence[str], indexed: Collection[str]
) -> str:
    values = names.values() | clauses(origins)
    changes = [_CONFIG_HEADER.format(database=database, suffix=names.suffix)]
    for record in records(template("config.ldif")):
        dn = record[0].value
        lines = record[1:]
        if dn.startswith("cn=module"):
            changes.extend(
                _modify(dn, "add", line.name, [line.text])
                for line in lines
                if line.name == "olcModuleLoad" and line.value != "back_mdb"
            )
        elif dn.startswith("olcDatabase={-1}"):
            hashes = [line.text for line in lines if line.name == "olcPasswordHash"]
            changes.append(_modify(dn, "replace", "olcPasswordHash", hashes))
        elif dn.startswith("olcDatabase={0}"):
            changes.append(_modify(dn, "add", "olcAccess", _rules_to_put_first(lines)))
        elif dn.startswith("olcDatabase={1}"):
            limits = [line.at(0) for line in lines if line.name == "olcLimits"]
            changes.append(_modify(database, "add", "olcLimits", limits))
            for attribute, kinds in required_indexes().items():
                if attribute in indexed:
                    continue
                index = f"olcDbIndex: {attribute} {','.join(sorted(kinds))}"
                changes.append(_modify(database, "add", "olcDbIndex", [index]))
            changes.append(_modify(database, "add", "olcAccess", _rules_to_put_first(lines)))
        elif dn.startswith("olcOverlay="):
            overlay = next(line.value for line in lines if line.name == "olcOverlay")
            bare = overlay.partition("}")[2]
            changes.append(
                "\n".join(
                    [f"dn: olcOverlay={bare},{database}", "changetype: add"]
                    + [line.text.replace(overlay, bare) for line in lines]
                )
            )
    return fill("\n\n".join(changes) + "\n", values)


def _rules_to_put_first(lines: list[Line]) -> list[str]:
    rules = [
        line for line in lines if line.name == "olcAccess" and line.value.endswith("by * break")
    ]
    return [rule.at(position) for position, rule in enumerate(rules)]


def _modify(dn: str, how: str, attribute: str, lines: list[str]) -> str:
    return "\n".join([f"dn: {dn}", "changetype: modify", f"{how}: {attribute}", *lines])


def _tree_additions(names: Names, service_hash: str) -> str:
    current = {"@SUFFIX@", "@PEOPLE_DN@"}
    # Another kind of entry than ou=... above policies or account is the directory's own business.
    for key, dn in (("@SERVICES_DN@", names.services_dn), ("@POLICIES_DN@", names.policies_dn)):
        if not dn.lower().startswith("ou="):
            current.add(key)
    kept = [
        "\n".join(line.text for line in record)
        for record in records(template("tree.ldif"))
        if record[0].value not in current
    ]
    values = names.values() | {"SERVICE_HASH": service_hash}
    return _TREE_HEADER + "\n" + fill("\n\n".join(kept) + "\n", values)
