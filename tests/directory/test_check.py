"""`scolpass check` against a real directory: sound, then damaged in one way at a time."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from connector import check, resources
from connector.check import rights, schemas
from connector.core import catalogue
from connector.core.peers import clauses
from connector.edges.sealing import new_key
from connector.notify import mail_text
from connector.openldap import definition
from connector.settings.loading import load_settings
from tests.support.breakage import DATABASE, change, delete
from tests.support.directory import Directory, LocalDirectory
from tests.support.mail import MailServer
from tests.support.people import put, stand
from tests.support.walk import YEAR, student, students
from tests.support.workspace import Workspace, write_secret

pytestmark = pytest.mark.image

FRONTEND = "olcDatabase={-1}frontend,cn=config"
PPOLICY = f"olcOverlay={{1}}ppolicy,{DATABASE}"
UNIQUE = f"olcOverlay={{2}}unique,{DATABASE}"
CONSTRAINT = f"olcOverlay={{3}}constraint,{DATABASE}"

JOURNALS = Path(__file__).parents[1] / "support/journals"

Finding = Mapping[str, Any]


@pytest.fixture
def ready(workspace: Workspace) -> Workspace:
    """A workspace with two students, synced."""
    workspace.write_register([student("22600001"), student("22600002", "Noé", "Durand")])
    workspace.json("sync")
    return workspace


def examined(
    workspace: Workspace, status: int = 0, environ: Mapping[str, str] | None = None
) -> Any:
    """What `check --json` prints, asked for in this process; and how it ends."""
    checkup = check.examine(workspace.config, check.Definition.shipped(), environ or {})
    assert checkup.exit_status == status, checkup.findings
    return check.checkup_json(checkup)


def troubles(
    workspace: Workspace, status: int, environ: Mapping[str, str] | None = None
) -> list[Finding]:
    """The findings that are warnings or wrong, but for the one that the tests' set-up has."""
    found = examined(workspace, status, environ)["findings"]
    return [
        one
        for one in found
        if one["verdict"] in ("warning", "wrong") and "nobody will be told" not in one["seen"]
    ]


def only(found: list[Finding], area: str, *words: str) -> Finding:
    """The one finding of an area whose text holds these words; every trouble names a cure."""
    assert all(one["cure"] for one in found), found
    mine = [
        one
        for one in found
        if one["area"] == area and all(word in one["seen"] + one["cure"] for word in words)
    ]
    assert len(mine) == 1, found
    return mine[0]


# --- a sound set-up -------------------------------------------------------------------------------


def test_a_sound_set_up_is_in_order(ready: Workspace) -> None:
    found = ready.json("check")
    # The tests' own hashing is cheap on purpose.
    others = [one for one in found["findings"] if one["verdict"] != "ok"]
    assert [one["area"] for one in others] == ["configuration", "alerts"]
    assert "m=1024" in others[0]["seen"]
    assert "nobody will be told" in others[1]["seen"]  # as shipped, no mail leaves
    areas = {one["area"] for one in found["findings"]}
    assert areas == {
        "configuration",
        "secrets",
        "directory",
        "accounts",
        "rights",
        "schema",
        "database",
        "first connection",
        "indexes",
        "overlays",
        "policies",
        "guessing",
        "source",
        "mail",
        "alerts",
        "letters",
        "journal",
    }
    assert found["guessing"]["inactive"] == 2
    assert found["guessing"]["accounts_a_day"] == pytest.approx(2 * 32 / 10**6 / 90)
    assert found["guessing"]["threads"] == 16


def test_the_first_check_before_any_sync_is_in_order_and_makes_no_journal(
    workspace: Workspace,
) -> None:
    workspace.write_register([student("22600001")])
    assert troubles(workspace, 0) == []
    assert not workspace.journal.exists()


def test_it_writes_nothing(ready: Workspace) -> None:
    put(
        ready.directory,
        f"uid=prof,{ready.directory.people_dn}",
        {
            "objectClass": ["inetOrgPerson"],
            "uid": "prof",
            "cn": "Prof",
            "sn": "Prof",
        },
    )
    before = ready.directory.csns(), ready.directory.entries(base=ready.directory.suffix)
    journal = list(sqlite3.connect(ready.journal).iterdump())
    ready.json("check")
    # Restarted, as slapd may not have told yet what it would no longer be able to read.
    ready.directory.restart()
    after = ready.directory.csns(), ready.directory.entries(base=ready.directory.suffix)
    assert after == before
    assert list(sqlite3.connect(ready.journal).iterdump()) == journal


def test_what_it_tries_is_all_that_scolpass_writes() -> None:
    tried = {*rights.WHOLE, *rights.AMONG_OTHERS, "pwdPolicySubentry"}
    never_changed = {"uid", "supannEtuId", "supannEmpId"}
    assert tried - {"userPassword"} == set(catalogue.READ) - never_changed


def test_a_person_reads_a_table_and_one_last_line(ready: Workspace) -> None:
    delete(ready.directory, ready.directory.policy_dn)
    done = ready.scolpass("check")
    assert done.returncode == 2
    lines = done.stdout.splitlines()
    assert any(line.startswith("wrong") and "policies" in line for line in lines)
    assert any("→ Add it (5-tree.ldif" in line for line in lines)
    assert lines[-1].endswith("Start mending at the top.")
    assert ready.directory.service_password not in done.stdout + done.stderr


# --- the directory, damaged -----------------------------------------------------------------------


def set_policy(directory: Directory, name: str, *values: str) -> None:
    change(directory, directory.policy_dn, "replace", name, *values)


def first_rule(directory: Directory, lines: str) -> None:
    """Another rule in the place of the first, by which provisional passwords are kept."""
    rule = definition.rules_of(
        directory.people_dn, directory.service_dn, directory.policy_dn, ("::2",)
    )[0]
    what = rule.partition(" by ")[0]
    change(directory, DATABASE, "delete", "olcAccess", "{0}")
    change(directory, DATABASE, "add", "olcAccess", f"{{0}}{what} {lines}")


def our_lines(*origins: str) -> str:
    return " ".join(clauses(origins).values()) + " by self none by anonymous none by * break"


Damage = Callable[[Directory], None]
DAMAGES: dict[str, tuple[Damage, int, str, tuple[str, ...]]] = {
    "the provisional policy is gone": (
        lambda d: delete(d, d.policy_dn), 2, "policies", ("provisional policy", "not there"),
    ),
    "the default policy is gone": (
        lambda d: delete(d, f"cn=default,ou=policies,{d.suffix}"),
        2, "policies", ("default policy", "not there"),
    ),
    "no default policy is named": (
        lambda d: change(d, PPOLICY, "delete", "olcPPolicyDefault"),
        2, "policies", ("no default policy", "olcPPolicyDefault"),
    ),
    "the default policy dangles": (
        lambda d: change(d, PPOLICY, "replace", "olcPPolicyDefault", f"cn=no,{d.suffix}"),
        2, "policies", ("cn=no,", "not there"),
    ),
    "nothing is locked": (
        lambda d: set_policy(d, "pwdLockout", "FALSE"), 2, "policies", ("nothing is ever locked",),
    ),
    "pwdReset is not looked at": (
        lambda d: set_policy(d, "pwdMustChange", "FALSE"),
        2, "policies", ("pwdReset", "pwdMustChange: TRUE"),
    ),
    "a lock ends": (
        lambda d: set_policy(d, "pwdLockoutDuration", "900"), 1, "policies", ("after 900 s",),
    ),
    "many failures are allowed": (
        lambda d: set_policy(d, "pwdMaxFailure", "50"), 1, "policies", ("50 failures",),
    ),
    "a provisional password has a pwdMaxAge": (
        lambda d: set_policy(d, "pwdMaxAge", "86400"), 1, "policies", ("pwdMaxAge",),
    ),
    "failures are delayed": (
        lambda d: set_policy(d, "pwdMinDelay", "1"), 1, "policies", ("abort slapd", "pwdMinDelay"),
    ),
    "students' own passwords are SSHA": (
        lambda d: change(d, FRONTEND, "delete", "olcPasswordHash"), 1, "policies", ("SSHA",),
    ),
    "an index is gone": (
        lambda d: change(d, DATABASE, "delete", "olcDbIndex", "uid,mail eq"),
        1, "indexes", ("uid eq; mail eq",),
    ),
    "unique is off": (
        lambda d: delete(d, UNIQUE), 1, "overlays", ("unique is off",),
    ),
    "unique does not serialize": (
        lambda d: change(
            d, UNIQUE, "replace", "olcUniqueURI",
            *(f"ldap:///?{n}?sub" for n in ("uid", "mail", "supannEtuId")),
        ),
        1, "overlays", ("uid, mail, supannEtuId", "serialize"),
    ),
    "unique does not guard mail": (
        lambda d: change(d, UNIQUE, "delete", "olcUniqueURI", "serialize ldap:///?mail?sub"),
        1, "overlays", ("does not guard mail",),
    ),
    "reading is limited": (
        lambda d: change(d, DATABASE, "delete", "olcLimits"), 1, "database", ("olcLimits",),
    ),
    "the database is small": (
        lambda d: change(d, DATABASE, "replace", "olcDbMaxSize", "10485760"),
        1, "database", ("10 MiB",),
    ),
    "the service account reads hashes": (
        lambda d: change(
            d, DATABASE, "add", "olcAccess",
            f'{{0}}to attrs=userPassword by dn.exact="{d.service_dn}" manage by * break',
        ),
        2, "rights", ("service account can read passwords",),
    ),
    "strangers read hashes": (
        lambda d: change(
            d, DATABASE, "add", "olcAccess",
            "{0}to attrs=entry,userPassword,objectClass by anonymous read by * break",
        ),
        2, "rights", ("a stranger can read passwords",),
    ),
    "an attribute cannot be written": (
        lambda d: change(
            d, DATABASE, "add", "olcAccess",
            f'{{0}}to attrs=pwdEndTime,displayName by dn.exact="{d.service_dn}" read by * break',
        ),
        2, "rights", ("may not change displayName, pwdEndTime (",),
    ),
    "the service account may do everything": (
        lambda d: change(
            d, DATABASE, "add", "olcAccess",
            f'{{0}}to dn.subtree="{d.people_dn}" attrs=description '
            f'by dn.exact="{d.service_dn}" write by * break',
        ),
        1, "rights", ("may do more than it needs", "the people branch"),
    ),
    "no rule keeps provisional passwords to the first connection": (
        lambda d: change(d, DATABASE, "delete", "olcAccess", "{0}"),
        2, "first connection", ("no access rule", "Apache", "{0}to dn.children=", "ldapwhoami"),
    ),
    "another rule decides before it": (
        lambda d: change(
            d, DATABASE, "add", "olcAccess",
            "{0}to attrs=userPassword by self write by anonymous auth by * none",
        ),
        2, "first connection", ("{1}, stands behind", "{0}"),
    ),
    "the rule lets them in from anywhere": (
        lambda d: first_rule(d, "by anonymous auth by * none"),
        2, "first connection", ("from anywhere",),
    ),
    "the rule leaves them to the rules below": (
        lambda d: first_rule(
            d, 'by self peername.ip="127.0.0.1" =xw by anonymous peername.ip="127.0.0.1" auth '
            "by * break",
        ),
        2, "first connection", ("from anywhere",),
    ),
    "the rule lists more than the configuration": (
        lambda d: first_rule(d, our_lines(*d.first_connection_from, "11.0.0.0/8")),
        1, "first connection", ("takes provisional passwords from 11.0.0.0/8",),
    ),
    "the rule lists less than the configuration": (
        lambda d: first_rule(d, our_lines(*d.first_connection_from[:-1])),
        2, "first connection", ("takes no provisional password from there",),
    ),
    "a second password may stand": (
        lambda d: change(
            d, CONSTRAINT, "replace", "olcConstraintAttribute",
            r"supannRessourceEtatDate regex ^\{[^}]+\}[^:]+:[^:]*:([0-9]{8})?:([0-9]{8})?$",
        ),
        2, "overlays", ("two passwords", "userPassword count 1"),
    ),
    "a second password may stand in some entries": (
        lambda d: change(
            d, CONSTRAINT, "replace", "olcConstraintAttribute",
            f'userPassword count 1 restrict="ldap:///ou=services,{d.suffix}??sub"',
        ),
        2, "overlays", ("two passwords",),
    ),
    "constraint is off": (
        lambda d: delete(d, CONSTRAINT), 2, "overlays", ("two passwords", "constraint"),
    ),
    "strangers can lock the service account": (
        lambda d: change(d, d.service_dn, "replace", "pwdPolicySubentry"),
        1, "rights", ("locked out", "pwdLockout FALSE"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGES)
def test_each_damage_to_the_directory_is_named_with_its_cure(ready: Workspace, name: str) -> None:
    damage, status, area, words = DAMAGES[name]
    damage(ready.directory)
    only(troubles(ready, status), area, *words)


def test_without_a_policy_overlay_nothing_guards_a_password(ready: Workspace) -> None:
    delete(ready.directory, PPOLICY)
    only(troubles(ready, 2), "overlays", "ppolicy is not on the database")


def test_where_cn_config_cannot_be_read_the_rest_is_still_examined(ready: Workspace) -> None:
    change(ready.directory, "olcDatabase={0}config,cn=config", "delete", "olcAccess", "{0}")
    found = examined(ready, 1)
    assert "cannot be read" in only(troubles(ready, 1), "first connection")["seen"]
    unseen = {one["area"] for one in found["findings"] if one["verdict"] == "not seen"}
    assert unseen == {"database", "indexes", "overlays", "policies"}
    assert found["guessing"]["threads"] == 16


def test_a_definition_is_another_if_it_takes_other_values() -> None:
    shape = schemas.shape("( 1 NAME 'supannEtuId' SYNTAX 1.2.3 SINGLE-VALUE )")
    assert shape == schemas.shape(
        "( 9 NAME 'supannEtuId' DESC 'x' SYNTAX '1.2.3{64}' SINGLE-VALUE)"
    )
    assert shape != schemas.shape("( 1 NAME 'supannEtuId' SYNTAX 1.2.4 SINGLE-VALUE )")
    assert shape != schemas.shape("( 1 NAME 'supannEtuId' SYNTAX 1.2.3 )")
    assert shape != schemas.shape("( 1 NAME 'supannEtuId' SUP name SINGLE-VALUE )")


def test_rules_of_ours_that_are_gone_are_said_though_nothing_can_be_tried(ready: Workspace) -> None:
    """What a student may write nobody but a student can try."""
    assert not [one for one in examined(ready)["findings"] if "word by word" in one["seen"]]
    rules = definition.rules_of(
        ready.directory.people_dn,
        ready.directory.service_dn,
        ready.directory.policy_dn,
        ready.directory.first_connection_from,
    )
    place = next(n for n, rule in enumerate(rules) if "attrs=pwdReset" in rule)
    change(ready.directory, DATABASE, "delete", "olcAccess", f"{{{place}}}")
    (said,) = [one for one in examined(ready)["findings"] if "word by word" in one["seen"]]
    assert said["seen"].startswith("1 of the ")
    assert "pwdReset" in said["seen"]


# --- what guessing could open ---------------------------------------------------------------------


def test_a_lock_that_ends_opens_accounts_and_check_says_which_length_would_do(
    ready: Workspace,
) -> None:
    set_policy(ready.directory, "pwdLockoutDuration", "60")
    trouble = only(troubles(ready, 2), "guessing", "a lock of 60 s")
    # 2 x max(5, 2 x 16) x 1440 / 10^6 = 0.092
    assert "0.092 accounts a day" in trouble["seen"]
    assert "7 digits would do" in trouble["cure"]
    guessing = examined(ready, 2)["guessing"]
    assert guessing["accounts_a_day"] == pytest.approx(2 * 32 * 1440 / 10**6)
    assert guessing["length_needed"] == 7


def test_the_figure_is_that_of_the_live_threads_alphabet_and_days(ready: Workspace) -> None:
    change(ready.directory, "cn=config", "replace", "olcThreads", "64")
    ready.configure({"password": {"provisional": {"length": 4, "valid_days": 0}}})
    guessing = examined(ready)["guessing"]
    assert guessing["threads"] == 64
    assert guessing["accounts_a_day"] == pytest.approx(2 * 128 / 10**4 / 365)


def test_a_policy_that_is_not_there_is_boundless(ready: Workspace) -> None:
    delete(ready.directory, ready.directory.policy_dn)
    found = examined(ready, 2)
    assert found["guessing"]["accounts_a_day"] is None
    assert found["guessing"]["length_needed"] is None


# --- the accounts ---------------------------------------------------------------------------------


def test_accounts_that_are_also_somebody_elses_are_counted(ready: Workspace) -> None:
    stand(ready.directory, "22600003", supannEmpId="E1")
    seen = [one["seen"] for one in examined(ready)["findings"] if one["area"] == "accounts"]
    assert any("also somebody else's" in text and "1 entry" in text for text in seen)


def test_an_account_whose_policy_is_not_there_is_found_and_a_sync_mends_it(
    ready: Workspace,
) -> None:
    dn = f"uid=e22600001,{ready.directory.people_dn}"
    change(ready.directory, dn, "replace", "pwdPolicySubentry", f"cn=no,{ready.directory.suffix}")
    found = troubles(ready, 2)
    closed = only(found, "accounts", "never locked nor closed", "1 account")
    assert closed["names"] == ["22600001"]
    assert only(found, "accounts", "not under the provisional policy")["names"] == ["22600001"]
    ready.json("sync")
    assert troubles(ready, 0) == []


def test_two_entries_with_one_number_and_one_outside_are_named(ready: Workspace) -> None:
    stand(ready.directory, uid="twin", mail="t@x.fr", eduPersonPrincipalName="t@x.fr")
    put(
        ready.directory,
        f"cn=elsewhere,ou=services,{ready.directory.suffix}",
        {
            "objectClass": ["inetOrgPerson", "supannPerson"],
            "cn": "elsewhere",
            "sn": "x",
            "supannEtuId": "22600009",
        },
    )
    found = troubles(ready, 1)
    assert only(found, "accounts", "another entry has as well")["names"] == ["22600001"]
    assert "elsewhere" in only(found, "accounts", "not under")["names"][0]


# --- reaching it ----------------------------------------------------------------------------------


def test_a_directory_that_is_away_hides_neither_source_nor_journal(ready: Workspace) -> None:
    ready.directory.stop()
    found = examined(ready, 4)
    by_area: dict[str, set[str]] = {}
    for one in found["findings"]:
        by_area.setdefault(one["area"], set()).add(one["verdict"])
    assert by_area["directory"] == {"wrong"}
    assert by_area["policies"] == {"not seen"}
    assert by_area["source"] == {"ok", "not seen"}
    assert by_area["journal"] == {"ok", "not seen"}
    ready.directory.start()


def test_a_directory_that_hangs_costs_one_time_out(ready: Workspace) -> None:
    ready.configure({"directory": {"receive_timeout": 1}})
    with ready.directory.paused():
        only(troubles(ready, 4), "directory", "cannot be reached")


def test_a_dead_server_does_not_hide_the_living_one(ready: Workspace) -> None:
    ready.configure({"directory": {"uris": ["ldap://127.0.0.1:9", ready.directory.uri]}})
    found = troubles(ready, 4)
    assert only(found, "directory", "127.0.0.1:9") == found[0]
    assert len(found) == 1


def test_a_refused_password_is_tried_once(ready: Workspace) -> None:
    write_secret(ready.password, "wrong")
    ready.configure({"directory": {"uris": [ready.directory.uri] * 3}})
    change(ready.directory, ready.directory.service_dn, "replace", "pwdPolicySubentry")
    only(troubles(ready, 4), "directory", "refused the bind")
    seen = ready.directory.entries(base=ready.directory.service_dn)
    assert len(seen[ready.directory.service_dn]["pwdFailureTime"]) == 1


def test_what_keeps_letters_of_every_language_from_printing_is_said_once(
    ready: Workspace,
) -> None:
    ready.configure({"http": {"public_url": ""}})
    only(troubles(ready, 1), "letters", "http.public_url is empty")


def test_backup_mails_that_nobody_can_prove_are_said(ready: Workspace) -> None:
    ready.configure({"activation": {"verify_backup_mail": True}, "http": {"public_url": ""}})
    only(troubles(ready, 2), "configuration", "http.public_url is empty")
    ready.configure({"http": {"public_url": "https://ent.example.org"}})
    only(troubles(ready, 1), "configuration", "no mail leaves: nobody becomes active")


def test_servers_of_two_directories_are_not_taken_for_replicas(
    ready: Workspace, own_directory: Directory
) -> None:
    with own_directory.connect() as admin:
        admin.modify(
            own_directory.service_dn,
            {"userPassword": [("MODIFY_REPLACE", [ready.directory.service_password])]},
        )
    ready.configure({"directory": {"uris": [ready.directory.uri, own_directory.uri]}})
    only(troubles(ready, 4), "directory", "not the same directory")


def test_another_branch_is_named(ready: Workspace) -> None:
    ready.configure({"directory": {"people_dn": f"ou=nobody,{ready.directory.suffix}"}})
    only(troubles(ready, 4), "directory", "ou=nobody", "is not on")


def certificate(folder: Path, days: int) -> tuple[Path, Path]:
    """A key and a self-signed certificate for 127.0.0.1 that ends in so many days."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=100))
        .not_valid_after(now + timedelta(days=days, hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.DNSName("127.0.0.1")]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "tls.crt", folder / "tls.key"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return paths


@pytest.mark.parametrize(
    ("days", "status", "words"),
    [(300, 0, "certificate good until"), (10, 1, "certificate ends on"), (-10, 4, "expired")],
)
def test_tls_is_told_with_its_certificate(
    tmp_path: Path, days: int, status: int, words: str
) -> None:
    # Only a local process can be given a certificate from here.
    directory = LocalDirectory(tmp_path / "directory")
    try:
        folder = tmp_path / "workspace"
        folder.mkdir()
        workspace = Workspace(folder, directory)
        workspace.write_register([student("22600001")])
        crt, key = certificate(tmp_path, days)
        directory.modify(
            "dn: cn=config\nchangetype: modify\n"
            f"replace: olcTLSCertificateFile\nolcTLSCertificateFile: {crt}\n-\n"
            f"replace: olcTLSCertificateKeyFile\nolcTLSCertificateKeyFile: {key}\n"
        )
        workspace.configure(
            {
                "directory": {
                    "uris": [directory.uri.replace("127.0.0.1", "localhost")],
                    "starttls": True,
                    "ca_file": str(crt),
                }
            }
        )
        # In a process of its own: ldap3 2.9.1 calls ssl.match_hostname, a warning in Python 3.11.
        found = workspace.json("check", status=status)
        seen = [one["seen"] for one in found["findings"] if one["area"] == "directory"]
        assert words in seen[0], seen
        if status != 4:
            assert "TLSv1.3" in seen[0]
    finally:
        directory.remove()


# --- configuration, secrets, source, journal ------------------------------------------------------


def test_a_mistake_in_the_configuration_is_named_and_the_rest_not_examined(
    ready: Workspace,
) -> None:
    ready.configure({"safety": {"max_expier": "2%"}})
    found = examined(ready, 2)["findings"]
    assert "safety.max_expier" in found[0]["seen"]
    assert {one["verdict"] for one in found[1:]} == {"not seen"}


def test_an_unknown_variable_is_a_warning(ready: Workspace) -> None:
    found = troubles(ready, 1, {"SCOLPASS_SAFETY__MAX_EXPIER": "2%"})
    only(found, "configuration", "SCOLPASS_SAFETY__MAX_EXPIER", "did you mean")


@pytest.mark.parametrize("mode", [0o640, 0o604], ids=oct)
@pytest.mark.parametrize(
    "name",
    [
        "directory.password",
        "scolpass.key",
        "webhook.secrets",
        "amqp.url",
        "alerts.url",
        "mail.password",
        "console.secret",
        "source.url",
    ],
)
def test_a_secret_that_is_open_to_others_is_wrong(ready: Workspace, name: str, mode: int) -> None:
    file = ready.folder / name
    if not file.exists():
        write_secret(file, "sqlite:///enrolments.db")
    if name == "mail.password":
        ready.configure({"mail": {"user": "scolpass"}})
    if name == "console.secret":
        ready.configure({"console": {"signin": ["oidc"], "issuer": "http://127.0.0.1:1"}})
    if name == "source.url":
        sql = {"kind": "sql", "url_file": name, "query": "SELECT 1"}
        ready.configure({"source": {**dict.fromkeys(ready.settings["source"]), **sql}})
    file.chmod(mode)
    found = [one for one in troubles(ready, 2) if one["area"] == "secrets"]
    only(found, "secrets", f"{file} is open to", f"(mode {mode:o})", f"chmod 600 {file}")


def test_a_password_in_a_url_of_an_open_file_is_a_warning(ready: Workspace) -> None:
    url = "postgresql://scolpass:hunter2@127.0.0.1:1/scolpass"
    ready.configure({"journal": {"url": url}})
    found = [one for one in examined(ready, 4)["findings"] if one["area"] == "secrets"]
    named = [one for one in found if one["verdict"] == "warning"]
    only(named, "secrets", str(ready.config), "journal.url", "chmod o=")
    assert "hunter2" not in str(named)
    ready.config.chmod(0o640)
    assert "warning" not in str(examined(ready, 4)["findings"][:4])
    ready.configure({"journal": {"url": None}})
    ready.config.chmod(0o644)
    found = examined(ready, 4, {"SCOLPASS_JOURNAL__URL": url})["findings"]
    assert "warning" not in {one["verdict"] for one in found if one["area"] == "secrets"}


def test_a_key_that_is_none_is_wrong(ready: Workspace) -> None:
    write_secret(ready.key, "no key\n")
    only(troubles(ready, 2), "secrets", "is not a key")


def test_another_key_than_the_one_that_sealed_is_wrong(ready: Workspace) -> None:
    write_secret(ready.key, new_key() + "\n")
    trouble = only(troubles(ready, 2), "journal", "does not open", "2 of 2 sealed passwords")
    assert trouble["names"] == ["22600001", "22600002"]


# --- mail, alerts, letters ------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[MailServer]:
    with MailServer() as server:
        yield server


def of(found: Any, area: str) -> list[tuple[str, str]]:
    """Verdict and text of one area's findings."""
    return [
        (one["verdict"], one["seen"] + " " + one["cure"])
        for one in found["findings"]
        if one["area"] == area
    ]


@pytest.mark.parametrize(
    ("to", "enabled", "url", "verdict", "word"),
    [
        (True, False, False, "warning", "nobody will be told"),
        (False, False, False, "hint", "nobody will be told"),
        (False, True, False, "hint", "nobody will be told"),
        (True, True, False, "ok", "by mail: exploitation@univ.fr"),
        (True, False, True, "ok", "by the URL"),
        (True, True, True, "ok", "by mail: exploitation@univ.fr and by the URL"),
    ],
)
def test_check_says_whether_anybody_hears_of_trouble(
    ready: Workspace,
    server: MailServer,
    to: bool,
    enabled: bool,
    url: bool,
    verdict: str,
    word: str,
) -> None:
    ready.configure(
        {
            "alerts": {"to": ["exploitation@univ.fr"] if to else []},
            "mail": {"enabled": enabled, "port": server.port, "sender": "s@univ.fr"},
        }
    )
    if url:
        write_secret(ready.folder / "alerts.url", "https://hooks.example.org/x")
    [(told, text)] = of(examined(ready), "alerts")
    assert told == verdict
    assert word in text


def test_check_tries_the_mail_server_and_sends_nothing(
    ready: Workspace, server: MailServer
) -> None:
    ready.configure({"mail": {"enabled": True, "port": server.port, "sender": "s@univ.fr"}})
    found = of(examined(ready), "mail")
    assert found[0] == ("ok", f"127.0.0.1:{server.port}: reached, in clear; nothing was sent ")
    assert (server.taken, server.tries) == ([], 0)


def test_check_tells_what_the_mail_server_says(ready: Workspace, server: MailServer) -> None:
    write_secret(ready.folder / "mail.password", "hunter2")
    mail = {"enabled": True, "port": server.port, "sender": "s@univ.fr", "user": "scolpass"}
    ready.configure({"mail": mail})
    server.user = ("scolpass", "another")
    [(verdict, text), *_] = of(examined(ready, 1), "mail")
    assert verdict == "warning"
    assert "is not let in" in text
    assert "mail.user and mail.password_file" in text
    assert "hunter2" not in text
    server.user = ("scolpass", "hunter2")
    assert of(examined(ready), "mail")[0][0] == "ok"
    ready.configure({"mail": {"starttls": True}})  # which it does not offer
    [(verdict, text), *_] = of(examined(ready, 1), "mail")
    assert (verdict, "STARTTLS" in text, "mail.starttls" in text) == ("warning", True, True)
    ready.configure({"mail": {"starttls": False, "port": 1}})
    [(verdict, text), *_] = of(examined(ready, 1), "mail")
    assert (verdict, "127.0.0.1:1" in text) == ("warning", True)
    assert server.taken == []


FAULTS = ("{{ nobody }}", "{% if %}", "{{ url / 2 }}", "{% for x in url.y.z %}{% endfor %}")


def test_check_names_each_template_that_cannot_be_filled_in_by_its_line(ready: Workspace) -> None:
    own = ready.folder / "mail"
    shutil.copytree(resources.shipped_texts() / "mail", own)
    files = sorted(own.glob("*/*.txt"))
    assert {one.stem for one in files} == set(mail_text.KINDS)
    damaged = {file: FAULTS[n % len(FAULTS)] for n, file in enumerate(files)}
    for file, damage in damaged.items():
        lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
        file.write_text("".join([*lines, damage, "\n"]), encoding="utf-8")
    # One mistake of a kind is named, as a mail needs all its languages.
    told = " ".join(text for verdict, text in of(examined(ready, 1), "mail"))
    for kind in mail_text.KINDS:
        french = own / "fr" / f"{kind}.txt"
        last = len(french.read_text(encoding="utf-8").splitlines())
        assert f"{french}, line {last} " in told


def test_check_meets_every_branch_of_a_template(ready: Workspace) -> None:
    shutil.copytree(resources.shipped_texts() / "mail", ready.folder / "mail")
    for file in sorted((ready.folder / "mail").glob("*/*.txt")):
        text = file.read_text(encoding="utf-8")
        for branch in re.finditer(r"{% (if|elif|else)[^%]*%}\n?", text):
            broken = text[: branch.end()] + "{{ nobody }}" + text[branch.end() :]
            file.write_text(broken, encoding="utf-8")
            settings = load_settings(ready.config, {})
            found = dict(mail_text.trials(settings, resources.shipped_texts()))
            assert found[file.stem] is not None, (file, branch[0])
        file.write_text(text, encoding="utf-8")


def test_check_prints_every_letter_and_names_the_one_that_does_not(ready: Workspace) -> None:
    own = ready.folder / "letters"
    shutil.copytree(resources.shipped_texts() / "letters", own)
    shutil.copy(own / "fr.typ", own / "oc.typ")
    assert of(examined(ready), "letters") == [
        ("ok", f"the letter in {language!r} prints ") for language in ("en", "fr", "oc")
    ]
    (own / "oc.typ").write_text("#nothing()", encoding="utf-8")
    found = of(examined(ready, 1), "letters")
    assert [verdict for verdict, _ in found] == ["ok", "ok", "warning"]
    assert str(own) in found[2][1]
    assert "nothing" in found[2][1]


# --- the register, the journal --------------------------------------------------------------------


def test_a_rejected_row_is_a_warning(workspace: Workspace) -> None:
    workspace.write_register([*students(2), student("22600003", birth_date="1/13/2000")])
    only(troubles(workspace, 1), "source", "rejected: 1 row", "birth_date")


def test_what_check_register_refuses_is_what_a_first_run_refuses(workspace: Workspace) -> None:
    good = students(8)
    spoilt: list[dict[str, object]] = [
        {"birth_date": "2008-02-29"},
        {"status": "W"},
        {"academic_year": YEAR + 3},
        {"first_name": "L?A"},
        {"family_name": "NgÃ©"},
        {"student_number": "a1"},
        {"student_number": "A1"},
        {"student_number": "226"},  # an own birth date: nobody's zeros
        {"student_number": "0022600001"},
        {"student_number": "2260 0001"},
        {"civility": "Dr"},
        {"ine": "é" * 3},
        {"family_name": ""},
        {"contact_email": "x" * 2000},
    ]
    rows = [{**student(f"23{place:06}"), **one} for place, one in enumerate(spoilt)]
    workspace.write_register([*good, *rows])
    first_run = workspace.json("plan", status=1)["rejected"]
    found = workspace.json("check", "register", status=1)["register"]
    told = [one for key in ("rejected", "rejected_without_entry") for one in found[key]]
    fields = Counter[str]()
    for one in told:
        fields[one["field"]] += one["count"]
    assert fields == Counter(row["field"] for row in first_run)
    places = sorted(place for one in told for place in one["places"])
    assert places == sorted(f"enrolments.csv:{row['line']}" for row in first_run)
    assert found["unknown"] == {"civility": {"Dr": 1}, "status": {"W": 1}}
    # The whole check tells the same codes, and where to see the rest.
    seen = [one["seen"] + one["cure"] for one in workspace.json("check", status=None)["findings"]]
    assert any("'Dr' (1)" in one for one in seen)
    assert any("scolpass check register" in one for one in seen)


def test_one_ine_under_several_numbers_is_told_before_a_run_makes_no_account_of_it(
    workspace: Workspace,
) -> None:
    rows = students(3)
    shared = [{**row, "ine": ine} for row, ine in zip(rows, ("1A", "1a", ""), strict=True)]
    workspace.write_register(shared)
    found = workspace.json("check", "register", status=1)["findings"]
    [told] = [one for one in found if one["names"]]
    assert told["names"] == ["22600001", "22600002"]
    planned = workspace.json("plan", status=None)
    assert [one["student_number"] for one in planned["changes"]] == ["22600001", "22600003"]


def test_a_register_that_is_not_there_is_not_to_be_trusted(ready: Workspace) -> None:
    ready.register.unlink()
    only(troubles(ready, 4), "source", "no such file")


def test_a_feed_that_a_sync_would_refuse_for_its_size_is_refused(workspace: Workspace) -> None:
    workspace.write_register(students(20))
    workspace.json("sync")
    workspace.write_register(students(10))
    only(troubles(workspace, 4), "source", "10 students", "--accept-feed")


def test_the_journal_of_another_directory_is_not_to_be_trusted(
    ready: Workspace, own_directory: Directory
) -> None:
    ready.configure({"directory": {"uris": [own_directory.uri]}})
    write_secret(ready.password, own_directory.service_password)
    found = troubles(ready, 4)
    only(found, "journal", "belongs to another directory")


def test_a_journal_that_cannot_be_opened_hides_nothing_else(ready: Workspace) -> None:
    ready.journal.write_bytes(b"this is no database, and longer than a header" * 100)
    for beside in ready.folder.glob("journal.db-*"):
        beside.unlink()
    found = troubles(ready, 4)
    assert [one["area"] for one in found] == ["journal"]


def test_an_upgrade_of_the_journal_that_is_due_is_told_and_not_made(ready: Workspace) -> None:
    old = (JOURNALS / "3_sqlite.sql").read_text(encoding="utf-8")
    ready.journal.unlink()
    for beside in ready.folder.glob("journal.db-*"):
        beside.unlink()
    with closing(sqlite3.connect(ready.journal)) as journal:
        journal.executescript(old)
        before = list(journal.iterdump())
    found = [one for one in examined(ready)["findings"] if one["area"] == "journal"]
    assert [one["verdict"] for one in found] == ["hint", "not seen"]
    assert "an upgrade is due" in found[0]["seen"]
    assert "back the journal up" in found[0]["cure"]
    with closing(sqlite3.connect(ready.journal)) as journal:
        assert list(journal.iterdump()) == before


def test_a_journal_that_is_open_to_others_is_a_warning(ready: Workspace) -> None:
    ready.journal.chmod(0o644)
    only(troubles(ready, 1), "journal", "open to others", "chmod 640")


def test_accounts_whose_password_was_deleted_are_named_whatever_state_they_are_in(
    ready: Workspace,
) -> None:
    for number in ("22600001", "22600002"):
        dn = f"uid=e{number},{ready.directory.people_dn}"
        ready.directory.modify(f"dn: {dn}\nchangetype: modify\ndelete: userPassword\n")
    trouble = only(troubles(ready, 1), "accounts", "without a password", "2 accounts")
    assert trouble["names"] == ["22600001", "22600002"]


def test_entries_that_are_gone_are_named(ready: Workspace) -> None:
    delete(ready.directory, f"uid=e22600002,{ready.directory.people_dn}")
    trouble = only(troubles(ready, 1), "journal", "gone from the directory", "makes those again")
    assert trouble["names"] == ["22600002"]


def test_more_missing_entries_than_a_sync_would_make_again_are_not_to_be_trusted(
    workspace: Workspace,
) -> None:
    workspace.write_register(students(8))
    workspace.json("sync")
    for n in range(22600001, 22600007):
        delete(workspace.directory, f"uid=e{n},{workspace.directory.people_dn}")
    trouble = only(troubles(workspace, 4), "journal", "there were 8, 6 are gone")
    assert len(trouble["names"]) == 6


def test_provisional_passwords_that_the_journal_does_not_know_are_named(ready: Workspace) -> None:
    with sqlite3.connect(ready.journal) as journal:
        journal.execute("delete from sealed where student_number = '22600002'")
    journal.close()
    trouble = only(troubles(ready, 1), "journal", "does not know", "reissue")
    assert trouble["names"] == ["22600002"]


def test_changes_that_a_crash_left_open_are_named(ready: Workspace) -> None:
    with sqlite3.connect(ready.journal) as journal:
        journal.execute("update changes set outcome = 'intended' where student_number = '22600001'")
        journal.execute("update runs set ended_at = null, exit_status = null")
    journal.close()
    trouble = only(troubles(ready, 1), "journal", "begun and not concluded: 1 change")
    assert trouble["names"] == ["22600001"]


def test_a_clock_that_has_gone_back_is_not_to_be_trusted(ready: Workspace) -> None:
    later = (datetime.now(UTC) + timedelta(days=3)).strftime("%Y-%m-%dT%H:%M:%SZ")
    with sqlite3.connect(ready.journal) as journal:
        journal.execute("update runs set started_at = ?", [later])
    journal.close()
    only(troubles(ready, 4), "journal", "the clock says")


def test_the_gravest_finding_decides(ready: Workspace) -> None:
    ready.journal.chmod(0o644)  # 1
    ready.register.unlink()  # 4
    assert len(troubles(ready, 4)) == 2
    delete(ready.directory, ready.directory.policy_dn)  # 2
    found = troubles(ready, 2)
    assert {1, 2, 4} == {one["status"] for one in found}
