"""Directories as other people set them up: what scolpass is to be put into, and taken out of again.

Each begins as Debian's package makes it; a case of `SERVERS` then does to it what universities do.
The schemas are what their authors publish, by name and OID, as far as it matters here: SUPANN 2009
(file ``supann_2009``) and eduPerson of 2008 (``internet2``), and FusionDirectory's ``core-fd``,
``supann`` of 2021, ``supann-fd`` and ``supann-fd-conf``.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from connector.openldap.definition import hash_secret
from connector.openldap.ldif import Record, records
from connector.openldap.ports import answers
from connector.resources import deploy_folder
from tests.support.past import OPERATIONAL, PPOLICY, SINCE_2009, Rates, make_past
from tests.support.ports import free_port
from tests.support.processes import end, serving

SUFFIX = "dc=univ-test,dc=fr"
PEOPLE = f"ou=people,{SUFFIX}"
ADMIN = f"cn=admin,{SUFFIX}"
ADMIN_PASSWORD = "admin-password"
DEBIAN = Path("/usr/share/slapd/slapd.init.ldif")
DATABASE = "olcDatabase={1}mdb,cn=config"
TREE = f"""\
dn: {SUFFIX}
objectClass: organization
objectClass: dcObject
o: Université
dc: univ-test

dn: {PEOPLE}
objectClass: organizationalUnit
ou: people

dn: uid=durand,{PEOPLE}
objectClass: inetOrgPerson
uid: durand
cn: Durand
sn: Durand
mail: noe.durand@etu.univ-test.fr
userPassword: motdepasse1
"""
Result = subprocess.CompletedProcess[str]


class DebianDirectory:
    """slapd with the configuration that Debian's package begins with, its paths moved here."""

    def __init__(self, folder: Path, server: Server | None = None) -> None:
        assert DEBIAN.exists(), f"{DEBIAN} is not there: install Debian's slapd"
        self.folder = folder
        self.port = free_port()
        self.uri = f"ldap://127.0.0.1:{self.port}"
        self.ldapi = "ldapi://" + quote(str(folder / "ldapi"), safe="")
        self.admin_password_file = folder / "admin.password"
        self.admin_password_file.write_text(ADMIN_PASSWORD, encoding="ascii")
        (folder / "slapd.d").mkdir()
        (folder / "data").mkdir()
        config = (
            DEBIAN.read_text(encoding="utf-8")
            .replace("@SUFFIX@", SUFFIX)
            .replace("@PASSWORD@", hash_secret(ADMIN_PASSWORD))
            .replace("/var/lib/ldap", str(folder / "data"))
            .replace("/var/run/slapd", str(folder))
            .replace("gidNumber=0+uidNumber=0", f"gidNumber={os.getgid()}+uidNumber={os.getuid()}")
        )
        server = server or Server()
        for old, new in server.instead.items():
            assert old in config
            config = config.replace(old, new)
        for suffix, ldif in (("cn=config", config), (SUFFIX, TREE)):
            self._run("slapadd", "-b", suffix, "-F", str(folder / "slapd.d"), input=ldif)
        self.start()
        if server.config:
            self.modify(server.config)
        if server.entries:
            self.as_admin("ldapadd", input=server.entries)

    def configuration(self) -> str:
        """What `slapcat -n 0` prints."""
        return self._run("slapcat", "-n", "0", "-F", str(self.folder / "slapd.d")).stdout

    def content(self) -> str:
        """What `slapcat` prints of its entries."""
        return self._run("slapcat", "-b", SUFFIX, "-F", str(self.folder / "slapd.d")).stdout

    def environment(self) -> dict[str, str]:
        """What the script `apply` is told of this server."""
        return {
            "LDAPI_URI": self.ldapi,
            "SLAPD_CONFIG": str(self.folder / "slapd.d"),
            "ADMIN_PASSWORD_FILE": str(self.admin_password_file),
        }

    def modify(self, ldif: str) -> None:
        """Change its configuration as root."""
        self._run("ldapmodify", "-a", "-Q", "-Y", "EXTERNAL", "-H", self.ldapi, input=ldif)

    def as_admin(self, tool: str, *args: str, input: str | None = None) -> str:
        """Run a tool of ldap-utils as the directory's administrator."""
        who = ("-x", "-H", self.uri, "-D", ADMIN, "-w", ADMIN_PASSWORD)
        return self._run(tool, *who, *args, input=input).stdout

    def start(self) -> None:
        """Start slapd, for the first time or again."""
        try:
            self.slapd = self._started(10)
        except AssertionError:
            # Once in about a thousand starts slapd 2.5 answers nobody, until it is stopped.
            self.slapd = self._started(60)

    def _started(self, seconds: float) -> subprocess.Popen[Any]:
        where = ["-F", self.folder / "slapd.d", "-h", f"{self.uri} {self.ldapi}", "-d", "none"]
        log = self.folder / "log"
        return serving(["slapd", *where], lambda: answers(self.port), log, seconds=seconds)

    def stop(self) -> None:
        """End slapd."""
        end(self.slapd)

    def _run(self, *command: str, input: str | None = None) -> Result:
        done = subprocess.run(
            command, input=input, text=True, capture_output=True, check=False, timeout=120
        )
        assert done.returncode == 0, f"{command[0]}: {done.stderr[-2000:]}"
        return done


@dataclass(frozen=True, slots=True)
class Server:
    """What somebody has made of Debian's slapd."""

    config: str = ""  # changes to cn=config
    entries: str = ""
    instead: Mapping[str, str] = field(
        default_factory=dict
    )  # in the configuration that it begins with
    takes_any: bool = True  # whether the files for any server can be applied to it
    options: tuple[str, ...] = ()  # of `scolpass init`
    warned_of: tuple[str, ...] = ()  # what `check` then has to say of its entries


def loading(*modules: str, at: str = "cn=module{0},cn=config") -> str:
    """The change that loads modules."""
    lines = "".join(f"olcModuleLoad: {module}\n" for module in modules)
    return f"dn: {at}\nchangetype: modify\nadd: olcModuleLoad\n{lines}\n"


def overlay(name: str, kind: str, *lines: str) -> str:
    """The entry of an overlay on the database."""
    return "\n".join(
        [
            f"dn: olcOverlay={name},{DATABASE}",
            "changetype: add",
            "objectClass: olcOverlayConfig",
            f"objectClass: {kind}",
            f"olcOverlay: {name}",
            *lines,
            "\n",
        ]
    )


def setting(attribute: str, *values: str, dn: str = DATABASE, how: str = "add") -> str:
    """A change of one attribute of cn=config."""
    lines = "".join(f"{attribute}: {value}\n" for value in values)
    return f"dn: {dn}\nchangetype: modify\n{how}: {attribute}\n{lines}\n"


# --- schemas -------------------------------------------------------------------------------------


@cache
def _ours(name: str) -> Record:
    (found,) = records((deploy_folder() / f"schema/{name}.ldif").read_text(encoding="utf-8"))
    return found


def _name(definition: str) -> str:
    found = re.search(r"NAME '(\w+)'", definition)
    assert found is not None
    return found[1]


def _schema(name: str, types: list[str], classes: list[str]) -> str:
    lines = [f"dn: cn={name},cn=schema,cn=config", "changetype: add"]
    lines += ["objectClass: olcSchemaConfig", f"cn: {name}"]
    lines += [f"olcAttributeTypes: {definition}" for definition in types]
    lines += [f"olcObjectClasses: {definition}" for definition in classes]
    return "\n".join(lines) + "\n\n"


def _described(definition: str) -> str:
    """As CRU wrote them: described, and in other places than ours."""
    return re.sub(r"(NAME '\w+')", r"\1 DESC 'selon les recommandations'", definition, count=1)


_FORWARDING = (
    "( 2.16.840.1.113730.3.1.17 NAME ( 'mailForwardingAddress' ) DESC 'Netscape Messaging Server "
    "4.x defined attribute' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 "
    "X-ORIGIN 'Netscape Messaging Server 4.x' )"
)
_ARC = "1.3.6.1.4.1.7135.1.2.1."


def supann_2009(*, forwarding: bool | None = True) -> str:
    """SUPANN 2009: 37 attributes, and Netscape's, "to be removed if it conflicts".

    The university has put an attribute of its own into a class, which has to stay.

    Args:
        forwarding: mailForwardingAddress is defined here; False: elsewhere; None: and the class
            does not have it.
    """
    types = []
    for definition in _ours("supann").values("olcAttributeTypes"):
        oid = definition.split()[1]
        if oid.startswith(_ARC) and int(oid.removeprefix(_ARC)) <= 37:
            types.append(_described(definition))
    known = {_name(definition) for definition in types}
    if forwarding is not None:
        known.add("mailForwardingAddress")
    classes = []
    for definition in _ours("supann").values("olcObjectClasses"):
        if _name(definition) in ("supannPerson", "supannOrg", "supannEntite", "supannGroupe"):
            head, _, may = definition.partition(" MAY ")
            kept = [name for name in re.findall(r"\w+", may) if name in known] + ["roomNumber"]
            classes.append(_described(f"{head} MAY ( {' $ '.join(kept)} ) )"))
    return _schema("supann_2009", [*types, *([_FORWARDING] if forwarding else [])], classes)


def netscape() -> str:
    """Another schema's mailForwardingAddress, and a class of its own for it."""
    return _schema(
        "netscape",
        [_FORWARDING],
        ["( 2.16.840.1.113730.3.2.3 NAME 'mailRecipient' AUXILIARY MAY mailForwardingAddress )"],
    )


def supann_2019() -> str:
    """SUPANN of June 2019: what was renamed and what came in November are not yet so."""
    types, classes = [], []
    for definition in _ours("supann").values("olcAttributeTypes"):
        oid = definition.split()[1]
        if not oid.startswith(_ARC) or int(oid.removeprefix(_ARC)) <= 61:
            types.append(definition.replace("supannCodePopulation", "supannCodeProfil"))
    later = ("supannConsentement", "supannAdressePostalePrivee", "supannTelephonePrive")
    for definition in _ours("supann").values("olcObjectClasses"):
        text = definition.replace("supannCodePopulation", "supannCodeProfil")
        for name in (*later, "supannMailPrive"):
            text = text.replace(f"{name} $ ", "")
        classes.append(text)
    return _schema("supann", types, classes)


def internet2() -> str:
    """eduPerson of 2008 and eduOrg, in the spelling of the file: quoted syntaxes, no superior."""
    later = ("PrincipalNamePrior", "Orcid", "AnalyticsTag", "DisplayPronouns")
    types = [
        re.sub(r"SYNTAX ([\d.]+)", r"SYNTAX '\1'", _described(definition))
        for definition in _ours("eduperson").values("olcAttributeTypes")
        if not _name(definition).endswith(later)
    ]
    types.append(
        "( 1.3.6.1.4.1.5923.1.2.1.4 NAME 'eduOrgLegalName' EQUALITY caseIgnoreMatch "
        "SYNTAX '1.3.6.1.4.1.1466.115.121.1.15' )"
    )
    may = " $ ".join(_name(definition) for definition in types if "eduPerson" in definition)
    return _schema(
        "internet2",
        types,
        [
            "( 1.3.6.1.4.1.5923.1.2.2 NAME 'eduOrg' AUXILIARY MAY ( cn $ eduOrgLegalName ) )",
            f"( 1.3.6.1.4.1.5923.1.1.2 NAME 'eduPerson' AUXILIARY MAY ( {may} ) )",
        ],
    )


def fusiondirectory() -> str:
    """FusionDirectory's schemas, SUPANN 2021 among them."""
    text = "1.3.6.1.4.1.1466.115.121.1.15"
    core = [
        "( 1.3.6.1.4.1.10098.1.1.6.2 NAME 'academicTitle' EQUALITY caseIgnoreMatch "
        f"SYNTAX {text} )",
        "( 1.3.6.1.4.1.15305.2.2 NAME ( 'dateOfBirth' 'dob' ) EQUALITY caseIgnoreMatch "
        f"SYNTAX {text}{{10}} SINGLE-VALUE )",
    ]
    account = (
        "( 1.3.6.1.4.1.10098.1.2.1.19.6 NAME 'gosaAccount' SUP top AUXILIARY MUST uid "
        "MAY ( academicTitle $ dateOfBirth ) )"
    )
    supann = _ours("supann")
    contact = (
        f"( {_ARC}66 NAME 'supannMailContact' EQUALITY caseIgnoreMatch SYNTAX {text}{{4096}} )"
    )
    application = (
        "( 1.3.6.1.4.1.7135.1.2.2.7 NAME 'supannApplication' SUP applicationProcess "
        "MAY ( mail $ supannMailContact ) )"
    )
    resource = (
        "( 1.3.6.1.4.1.7135.1.2.2.8 NAME 'supannRessource' SUP top AUXILIARY "
        "MAY ( supannRessourceEtat $ supannRessourceEtatDate ) )"
    )
    fc = (
        "( 1.3.6.1.4.1.38414.88.2.1 NAME 'fdFranceConnect' SUP top AUXILIARY DESC 'Identité' "
        "MAY ( supannNomDeNaissance $ supannOIDCDateDeNaissance ) )"
    )
    return (
        _schema("core-fd", core, [account])
        + internet2()
        + _schema(
            "supann",
            [*map(_described, supann.values("olcAttributeTypes")), contact],
            [*map(_described, supann.values("olcObjectClasses")), application, resource],
        )
        + _schema(
            "supann-fd",
            [
                "( 1.3.6.1.4.1.38414.28.1.1 NAME 'fdSupannRessourceName' EQUALITY caseIgnoreMatch "
                f"SYNTAX {text} )"
            ],
            [fc],
        )
        + _schema(
            "supann-fd-conf",
            [
                "( 1.3.6.1.4.1.38414.17.1.1 NAME 'fdSupannStructuresRDN' "
                "EQUALITY caseExactIA5Match SYNTAX 1.3.6.1.4.1.1466.115.121.1.26 SINGLE-VALUE )"
            ],
            [
                "( 1.3.6.1.4.1.38414.17.2.1 NAME 'fdSupannPluginConf' SUP top AUXILIARY MUST cn "
                "MAY fdSupannStructuresRDN )"
            ],
        )
    )


# --- the cases -----------------------------------------------------------------------------------


def _past() -> str:
    past = make_past("foreign", 120, 120, people_dn=PEOPLE, rates=Rates().harsher(5))
    return past.ldif(OPERATIONAL | PPOLICY | SINCE_2009)


_POLICY = overlay(
    "ppolicy", "olcPPolicyConfig", f"olcPPolicyDefault: cn=default,ou=policies,{SUFFIX}"
)
_POLICIES = f"""\
dn: ou=policies,{SUFFIX}
objectClass: organizationalUnit
ou: policies

dn: cn=default,ou=policies,{SUFFIX}
objectClass: organizationalRole
objectClass: pwdPolicy
cn: default
pwdAttribute: userPassword
pwdLockout: TRUE
pwdMaxFailure: 7
pwdLockoutDuration: 600
pwdCheckQuality: 2
pwdMinLength: 9
pwdMustChange: TRUE

"""

SERVERS: dict[str, Server] = {
    "as Debian's package configures it": Server(),
    "with SUPANN 2009 and eduPerson of 2008": Server(internet2() + supann_2009(), takes_any=False),
    "with another schema's mailForwardingAddress": Server(
        netscape() + internet2() + supann_2009(forwarding=False), takes_any=False
    ),
    "with another schema's mailForwardingAddress, loaded after SUPANN": Server(
        internet2() + supann_2009(forwarding=None) + netscape(), takes_any=False
    ),
    "with SUPANN of June 2019": Server(supann_2019(), takes_any=False),
    "with FusionDirectory's schemas": Server(fusiondirectory(), takes_any=False),
    "with memberOf and refint": Server(
        loading("memberof", "refint")
        + overlay("memberof", "olcMemberOf", "olcMemberOfRefInt: TRUE")
        + overlay("refint", "olcRefintConfig", "olcRefintAttribute: member")
    ),
    "with indexes of its own": Server(
        setting("olcDbIndex", "mail,sn pres,sub", "entryCSN eq", "default sub"), takes_any=False
    ),
    "with access rules of its own": Server(
        setting(
            "olcAccess",
            "{0}to attrs=userPassword,shadowLastChange by self write by anonymous auth by * none",
            f'{{1}}to dn.subtree="{PEOPLE}" by self write by users read by * none',
        )
    ),
    "with a password policy of its own": Server(
        loading("ppolicy.so") + _POLICY, _POLICIES, takes_any=False
    ),
    "with every overlay of its own": Server(
        loading("ppolicy", "unique", "constraint", "syncprov", "memberof")
        + overlay("syncprov", "olcSyncProvConfig", "olcSpCheckpoint: 50 5")
        + overlay("memberof", "olcMemberOf")
        + _POLICY
        + overlay("unique", "olcUniqueConfig", "olcUniqueURI: serialize ldap:///?uid?sub")
        + overlay(
            "constraint", "olcConstraintConfig", "olcConstraintAttribute: employeeType count 2"
        ),
        _POLICIES,
        takes_any=False,
    ),
    "with a hash and limits of its own": Server(
        setting("olcPasswordHash", "{SSHA}", dn="olcDatabase={-1}frontend,cn=config")
        + setting("olcLimits", f'{{0}}dn.exact="cn=backup,{SUFFIX}" size=unlimited')
        + setting("olcLastBind", "TRUE", how="replace"),
    ),
    "with a second list of modules": Server(
        "dn: cn=module{1},cn=config\nchangetype: add\nobjectClass: olcModuleList\ncn: module{1}\n"
        "olcModulePath: /usr/lib/ldap\nolcModuleLoad: ppolicy.la\nolcModuleLoad: memberof\n\n",
    ),
    "with its database in the second place": Server(
        instead={
            "# The database definition.": "dn: olcDatabase=monitor,cn=config\n"
            "objectClass: olcDatabaseConfig\nobjectClass: olcMonitorConfig\n"
            "olcDatabase: monitor\n\n# The database definition.",
            "olcModuleLoad: back_mdb": "olcModuleLoad: back_mdb\nolcModuleLoad: back_monitor",
        },
        takes_any=False,
    ),
    "with account and policies in places of its own": Server(
        entries=f"dn: ou=système,{SUFFIX}\nobjectClass: organizationalUnit\nou: système\n",
        options=(
            *("--service-dn", f"cn=scolpass,ou=système,{SUFFIX}"),
            *("--policy-dn", f"cn=provisoire,ou=mots de passe,{SUFFIX}"),
        ),
    ),
    "with entries in sub-branches": Server(
        internet2() + supann_2009(), _past(), takes_any=False, warned_of=("accounts",)
    ),
}
