"""The configuration: what is read from where, and how a mistake is named."""

from __future__ import annotations

import os
import socket
import stat
import traceback
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from connector.core.rules import Rate, Rules, Throttle
from connector.errors import ConfigurationError
from connector.settings.loading import _keys_of, load_settings
from connector.settings.secrets import Reader, read_secret, refusal
from connector.settings.sections import CsvSource, Settings, SqlSource
from connector.settings.values import checked_date_format
from tests.support.telling import SHORT

EXAMPLE = Path(__file__).parents[2] / "config" / "scolpass.toml"

SQL = 'kind = "sql"\nquery = "SELECT 1"\nurl_file = "source.url"'


def write(folder: Path, text: str) -> Path:
    file = folder / "scolpass.toml"
    file.write_text(text, encoding="utf-8")
    return file


def mistakes(folder: Path, text: str, **environ: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(write(folder, text), environ)
    assert caught.value.exit_status == 2
    return str(caught.value)


def secret(folder: Path, name: str, content: str | bytes, mode: int = 0o600) -> Path:
    file = folder / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    file.chmod(mode)
    return file


# --- the file -----------------------------------------------------------------------------------


def test_the_example_is_valid_as_it_stands() -> None:
    settings = load_settings(EXAMPLE, {})
    assert settings.warnings == ()
    assert settings.file == EXAMPLE
    assert settings.institution.uai == "0342490X"
    assert settings.source.columns == {"student_number": "COD_ETU"}
    assert settings.daemon.full_every == timedelta(hours=24)
    assert settings.activation.throttle == Throttle()
    assert settings.activation.throttle.address == Rate(30, timedelta(minutes=5))


def test_the_example_keeps_what_the_sandbox_replaces_on_lines_of_its_own() -> None:
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    assert 'uris = ["ldap://127.0.0.1:3890"]' in lines
    assert '# ca_file = "/etc/ssl/certs/ca-certificates.crt"' in lines


def test_a_short_file_has_the_defaults_of_the_example(tmp_path: Path) -> None:
    short = load_settings(write(tmp_path, SHORT), {})
    whole = load_settings(write(tmp_path, EXAMPLE.read_text(encoding="utf-8")), {})
    # What names the institution has no default; everything else is as in the example.
    own = {"institution", "source", "http", "mail", "alerts"}
    assert short.model_dump(exclude=own) == whole.model_dump(exclude=own)
    assert short.http.listen == whole.http.listen
    assert short.source.columns == {}


def test_the_rules_are_the_sections_of_the_file(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path, SHORT + '[lifecycle]\ncutoff = "10-31"\n'), {})
    assert isinstance(settings.rules, Rules)
    assert settings.rules is settings.rules
    assert settings.rules.lifecycle.cutoff == "10-31"
    assert settings.rules.people_dn == "ou=people,dc=umontpellier,dc=fr"


def test_the_rule_of_own_passwords_is_a_section_with_the_defaults_of_the_standard_and_the_seed(
    tmp_path: Path,
) -> None:
    own = load_settings(write(tmp_path, SHORT + "[password.own]\nmin_length = 10\n"), {}).rules
    assert (own.own_password.min_length, own.own_password.recommended_length) == (10, 12)
    assert own.own_password.forbidden == "<>\"'$"
    found = mistakes(tmp_path, SHORT + "[password.own]\nmin_length = 7\n")
    assert "password.own.min_length: expected" in found


def test_settings_are_frozen(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path, SHORT), {})
    with pytest.raises(ValidationError):
        settings.directory = settings.directory  # type: ignore[misc]
    with pytest.raises(ValidationError):
        settings.directory.starttls = True  # type: ignore[misc]


def test_relative_paths_are_relative_to_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "etc"
    folder.mkdir()
    write(folder, SHORT)
    monkeypatch.chdir(tmp_path)
    settings = load_settings(Path("etc/scolpass.toml"), {})
    assert settings.file == folder / "scolpass.toml"
    assert isinstance(settings.source, CsvSource)
    assert settings.source.path == str(folder / "enrolments.csv")
    assert settings.keys.file == folder / "scolpass.key"
    assert settings.directory.bind_password_file == folder / "directory.password"
    assert settings.events.spool.path == folder / "spool"
    assert settings.journal.url.get_secret_value() == f"sqlite:///{folder}/journal.db"


def test_a_glob_does_not_read_the_name_of_its_folder_as_a_pattern(tmp_path: Path) -> None:
    folder = tmp_path / "year[26]"
    folder.mkdir()
    (folder / "enrolments-1.csv").touch()
    file = write(folder, SHORT.replace("enrolments.csv", "enrolments-*.csv"))
    source = load_settings(file, {}).source
    assert isinstance(source, CsvSource)
    assert source.path == f"{tmp_path}/year[[]26]/enrolments-*.csv"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("sqlite:///j.db", "sqlite:///{folder}/j.db"),
        ("sqlite+pysqlite:///a/j.db?x=1", "sqlite+pysqlite:///{folder}/a/j.db?x=1"),
        ("sqlite:///file:j.db?uri=true", "sqlite:///file:{folder}/j.db?uri=true"),
        ("sqlite:////var/lib/j.db", "sqlite:////var/lib/j.db"),
        ("sqlite:///:memory:", "sqlite:///:memory:"),
        ("sqlite://", "sqlite://"),
        ("postgresql+psycopg://u:p@h/j.db", "postgresql+psycopg://u:p@h/j.db"),
    ],
)
def test_only_a_relative_sqlite_file_is_made_absolute(
    tmp_path: Path, url: str, expected: str
) -> None:
    settings = load_settings(write(tmp_path, f'{SHORT}[journal]\nurl = "{url}"\n'), {})
    assert settings.journal.url.get_secret_value() == expected.format(folder=tmp_path)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("UTF-8", "utf-8"),
        ("utf8", "utf-8"),
        ("utf-8-sig", "utf-8"),
        ("latin-1", "latin-1"),
        ("ISO-8859-1", "latin-1"),
        ("iso-8859-15", "iso-8859-15"),
        ("latin9", "iso-8859-15"),
        ("windows-1252", "cp1252"),
    ],
)
def test_an_encoding_is_known_by_its_usual_names(tmp_path: Path, given: str, kept: str) -> None:
    file = write(tmp_path, SHORT)
    source = load_settings(file, {"SCOLPASS_SOURCE__ENCODING": given}).source
    assert isinstance(source, CsvSource)
    assert source.encoding == kept


@pytest.mark.parametrize("given", ["\t", r"\t"], ids=["tab", "backslash t"])
def test_a_tab_is_a_delimiter_however_it_is_written(tmp_path: Path, given: str) -> None:
    source = load_settings(write(tmp_path, SHORT), {"SCOLPASS_SOURCE__DELIMITER": given}).source
    assert isinstance(source, CsvSource)
    assert source.delimiter == "\t"


@pytest.mark.parametrize(
    "good",
    ["%d/%m/%Y", "%Y-%m-%d", "%d%m%Y", "%d.%m.%Y %H:%M", "%j/%Y", "%d %b %Y", "%G-W%V-%u",
     "%Y-%m-%dT%H:%M:%S%z",     "%%%d(%m)[%Y]"],
)  # fmt: skip
def test_a_date_format_that_gives_every_day_back_is_taken(good: str) -> None:
    assert checked_date_format(good) == good


@pytest.mark.parametrize(
    "bad",
    ["", "%d/%m", "%m/%Y", "%d/%m/%y", "%Q", "%", "dd/mm/yyyy", "(%d", "%d/%m/%Y/%d", "%d/%m/%Y%",
     "%d/%m/%Y %y", "%Y-%V-%u", "%c", "%x", "%%d/%m/%Y"],
)  # fmt: skip
def test_a_date_format_that_loses_the_day_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="four-digit year"):
        checked_date_format(bad)


DIRECTIVES = st.sampled_from([f"%{sign}" for sign in "dmbBYyHMSIpfjGVuUWwaAcxX%"])


@given(
    st.lists(DIRECTIVES | st.sampled_from(list("/-. ([x")), max_size=8).map("".join)
    | st.text(max_size=12),
    st.dates(date(1900, 1, 1), date(2100, 1, 1)),
)
def test_a_date_format_gives_every_day_back_or_is_plainly_refused(text: str, day: date) -> None:
    try:
        taken = checked_date_format(text)
    except ValueError as error:
        assert "expected a date format" in str(error)  # noqa: PT017
    else:
        assert taken == text
        assert datetime.strptime(day.strftime(taken), taken).date() == day


def test_a_query_is_a_source_with_its_url_from_a_file(tmp_path: Path) -> None:
    secret(tmp_path, "register.url", "sqlite:///register.db\n")
    text = SHORT.replace(
        'kind = "csv"\npath = "enrolments.csv"', 'kind = "sql"\nquery = "SELECT 1"'
    )
    settings = load_settings(write(tmp_path, text), {"SCOLPASS_SOURCE__URL_FILE": "register.url"})
    assert isinstance(settings.source, SqlSource)
    url = settings.source.database_url().get_secret_value()
    assert url == f"sqlite:///{tmp_path}/register.db"
    assert "source.url: expected either url or url_file" in mistakes(tmp_path, text)


def test_what_listens_has_a_host_and_a_port(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path, SHORT), {"SCOLPASS_HTTP__LISTEN": "[::1]:8443"})
    assert (settings.http.host, settings.http.port) == ("::1", 8443)


# --- where the file is --------------------------------------------------------------------------


def test_the_option_comes_before_the_variable_and_the_variable_before_the_usual_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = {}
    for name in ("option", "variable", "config"):
        (tmp_path / name).mkdir()
        folders[name] = write(tmp_path / name, SHORT)
    monkeypatch.chdir(tmp_path)
    environ = {"SCOLPASS_CONFIG": str(folders["variable"])}
    assert load_settings(folders["option"], environ).file == folders["option"]
    assert load_settings(None, environ).file == folders["variable"]
    assert load_settings(None, {"SCOLPASS_CONFIG": ""}).file == folders["config"]
    assert load_settings(None, environ).warnings == ()


def test_without_a_file_it_says_where_it_looked_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if Path("/etc/scolpass/scolpass.toml").exists():
        pytest.skip("this machine has a configuration of its own in /etc/scolpass")
    with pytest.raises(ConfigurationError) as caught:
        load_settings(None, {})
    assert str(tmp_path / "config/scolpass.toml") in str(caught.value)
    assert "/etc/scolpass/scolpass.toml" in str(caught.value)
    assert "scolpass init" in caught.value.cure


def _missing(folder: Path) -> Path:
    return folder / "none.toml"


def _directory(folder: Path) -> Path:
    return folder


def _not_utf8(folder: Path) -> Path:
    (folder / "x.toml").write_bytes(SHORT.encode("latin-1"))
    return folder / "x.toml"


def _not_toml(folder: Path) -> Path:
    return write(folder, "[institution]\nname = \n")


def _loop(folder: Path) -> Path:
    (folder / "loop.toml").symlink_to(folder / "loop.toml")
    return folder / "loop.toml"


def _nul(_folder: Path) -> Path:
    return Path("a\0b")


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        pytest.param(_missing, "no configuration file", id="missing"),
        pytest.param(_directory, "it is a folder", id="a directory"),
        pytest.param(_not_utf8, "expected UTF-8, and byte", id="not UTF-8"),
        pytest.param(_not_toml, "(at line 2", id="not TOML"),
        pytest.param(_loop, "symbolic links", id="a loop of links"),
        pytest.param(_nul, "not a path", id="NUL"),
    ],
)
def test_an_unreadable_file_is_named_with_the_cure(
    tmp_path: Path, make: Any, expected: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(make(tmp_path), {})
    assert expected in str(caught.value)
    assert caught.value.cure


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    assert load_settings(write(tmp_path, "\ufeff" + SHORT), {}).institution.name


# --- the environment ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variable", "value", "key", "expected"),
    [
        ("DIRECTORY__URIS", "ldaps://a, ldaps://b", "directory.uris", ("ldaps://a", "ldaps://b")),
        ("DIRECTORY__URIS", '["ldaps://a"]', "directory.uris", ("ldaps://a",)),
        ("PASSWORD__PROVISIONAL__LENGTH", "8", "password.provisional.length", 8),
        (
            "SOURCE__COLUMNS__INE",
            "NNE",
            "source.columns",
            {"student_number": "COD_ETU", "ine": "NNE"},
        ),
        ("SOURCE__COLUMNS", '{"student_number": "N"}', "source.columns", {"student_number": "N"}),
        (
            "SOURCE__VALUES__CIVILITY",
            '{" 1 ": "M.", "": ""}',
            "source.values",
            {"civility": {"1": "M.", "": ""}},
        ),
        (
            "SOURCE__VALUES",
            '{"status": {"V": "validated"}}',
            "source.values",
            {"status": {"V": "validated"}},
        ),
        ("MAIL__ENABLED", "false", "mail.enabled", False),
        ("DAEMON__SYNC_EVERY", "90s", "daemon.sync_every", timedelta(seconds=90)),
        (
            "ACTIVATION__THROTTLE__ADDRESS",
            "300/10m",
            "activation.throttle.address",
            Rate(300, timedelta(minutes=10)),
        ),
        ("ALERTS__TO", "", "alerts.to", ()),
        ("SAFETY__MAX_CREATE", "200", "safety.max_create", "200"),
        ("LOG__LEVEL", "DEBUG", "log.level", "debug"),
        ("INSTITUTION__NAME", "Université d'été", "institution.name", "Université d'été"),
    ],
)
def test_every_key_is_overridden_by_its_variable(
    variable: str, value: str, key: str, expected: object
) -> None:
    settings = load_settings(EXAMPLE, {f"SCOLPASS_{variable}": value})
    found: Any = settings
    for name in key.split("."):
        found = getattr(found, name)
    assert found == expected
    assert settings.warnings == ()


def test_a_file_may_leave_required_keys_to_variables(tmp_path: Path) -> None:
    text = SHORT.replace('uris = ["ldap://127.0.0.1:3890"]\n', "")
    settings = load_settings(write(tmp_path, text), {"SCOLPASS_DIRECTORY__URIS": "ldaps://a"})
    assert settings.directory.uris == ("ldaps://a",)


def test_an_unknown_variable_is_a_warning_with_the_one_that_was_meant() -> None:
    environ = {"SCOLPASS_DIRECTRY__URIS": "hunter2", "SCOLPASS_X": "hunter2", "SCOLPAS_X": "1"}
    warnings = load_settings(EXAMPLE, environ).warnings
    assert len(warnings) == 2
    assert "SCOLPASS_DIRECTRY__URIS" in warnings[0]
    assert "did you mean SCOLPASS_DIRECTORY__URIS?" in warnings[0]
    assert "hunter2" not in "".join(warnings)


# --- mistakes -----------------------------------------------------------------------------------


def with_key(table: str, line: str) -> str:
    """SHORT with this line in this table, in the place of the line with the same key."""
    key = line.partition(" ")[0]
    kept = "\n".join(old for old in SHORT.splitlines() if not old.startswith(f"{key} ="))
    header = f"[{table}]\n"
    return (
        kept.replace(header, header + line + "\n")
        if header in kept
        else kept + f"\n{header}{line}\n"
    )


@pytest.mark.parametrize(
    ("table", "line", "expected"),
    [
        ("institution", 'uai = "UM"', "uai: expected text that matches"),
        ("institution", 'uia = "UM"', "uia: no such key; did you mean uai?"),
        ("institution", 'shade = "blue"', "shade: no such key"),
        ("directry", "starttls = true", "no such key; did you mean directory?"),
        ("source", 'kind = "xml"', 'kind: expected "csv" or "sql"'),
        ("source", 'path = ""', "path: expected a path"),
        ("source", 'query = "SELECT 1"', "query: no such key with this kind of source"),
        ("source", 'encoding = "utf-16"', 'encoding: expected "utf-8", "latin-1"'),
        ("source", 'encoding = "rot13"', 'encoding: expected "utf-8", "latin-1"'),
        ("source", 'delimiter = ";;"', "delimiter: expected one character"),
        ("source", "delimiter = '\"'", "delimiter: expected one character"),
        ("source", 'date_format = "%d/%m/%y"', "date_format: expected a date format"),
        (
            "source",
            'columns = {stud = "X"}',
            "columns: no such field: stud; expected some of: student",
        ),
        ("source", 'columns = {ine = ""}', "columns: expected the name of a column for ine"),
        ("source", 'values = {stat = {V = "validated"}}', "values: no such field: stat; expected"),
        (
            "source",
            'values = {first_name = {X = "Y"}}',
            "values: no table for first_name: who a student is has to be corrected in the register",
        ),
        ("source", 'values = {status = "V"}', "source.values.status: expected a table"),
        ("source", "values = {status = {V = 1}}", "values.status.V: expected text in quotes"),
        (
            "source",
            'values = {status = {"1.2: x" = "hunter2"}}',
            "values.status.1.2: x: expected one of validated, pending, cancelled, withdrawn",
        ),
        ("source", 'values = {status = {V = ""}}', "values.status.V: expected one of validated"),
        ("source", 'values = {civility = {1 = "Dr"}}', 'values.civility.1: expected "M.", "Mme"'),
        (
            "source",
            'values = {academic_year = {X = "26"}}',
            "values.academic_year.X: expected an academic year",
        ),
        ("source", 'values = {enrolled_on = {0 = "x"}}', 'values.enrolled_on.0: expected ""'),
        (
            "source",
            'values = {step_name = {"1" = "a", " 1" = "b"}}',
            "values.step_name.1: expected once",
        ),
        (
            "source",
            'values = {step_name = {"1" = "a\\u0000"}}',
            "values.step_name.1: expected text without control characters",
        ),
        ("directory", "uris = []", "uris: expected at least 1 item"),
        ("directory", 'uris = "ldap://127.0.0.1"', "uris: expected a list"),
        ("directory", 'uris = ["http://127.0.0.1"]', "uris: item 1: expected"),
        ("directory", 'uris = ["ldaps://:636"]', "uris: item 1: expected"),
        ("directory", 'uris = ["ldaps://a", "ldaps://a:99999"]', "uris: item 2: expected"),
        ("directory", 'uris = ["ldaps://u:hunter2@a"]', "uris: item 1: expected"),
        (
            "directory",
            'uris = ["ldap://127.0.0.1", "ldap://10.1.1.1"]',
            "uris: expected ldaps://, or",
        ),
        ("directory", 'uris = ["ldap://localhost.univ.fr"]', "uris: expected ldaps://, or"),
        ("directory", 'people_dn = "people"', "people_dn: expected a DN"),
        ("directory", 'bind_dn = "cn=a\\nb"', "bind_dn: expected a DN"),
        ("identifiers", 'uid = "x"', "uid: expected a template"),
        ("password.provisional", 'length = "six"', "length: expected a whole number"),
        ("password.provisional", "length = 3", "length: expected greater than or equal to 4"),
        ("lifecycle", 'cutoff = "01-31"', "cutoff: expected 08-31 or a later day"),
        ("lifecycle", 'cutoff = "08-30"', "cutoff: expected 08-31 or a later day"),
        ("journal", 'url = "journal.db"', "url: expected a SQLAlchemy URL"),
        ("keys", 'file = ""', "file: expected a path"),
        ("daemon", "sync_every = 60", "sync_every: expected a duration"),
        ("daemon", 'sync_every = "0s"', "sync_every: expected a duration"),
        ("daemon", 'sync_every = "1 minute"', "sync_every: expected a duration"),
        ("activation.throttle", 'account = "10"', "account: expected so many in at most a day"),
        ("activation.throttle", 'total = "0/5m"', "total: expected so many in at most a day"),
        ("activation.throttle", 'address = "30/25h"', "address: expected so many in at most a day"),
        ("http", 'listen = "8080"', 'listen: expected "host:port"'),
        ("http", 'public_url = "ent"', "public_url: expected a URL"),
        ("http", 'public_url = "https://u:hunter2@ent"', "public_url: expected a URL"),
        ("http", 'public_url = "https://ent.univ.fr\\nX: y"', "public_url: expected a URL"),
        ("mail", "enabled = true", "sender: expected a mail address"),
        ("mail", 'enabled = "perhaps"', "enabled: expected true or false"),
        ("mail", 'user = "u"\nhost = "smtp.univ.fr"', "starttls: expected true with a user"),
        ("alerts", 'to = ["a@b.fr", "x\\ny@b.fr"]', "to: item 2: expected a mail address"),
        ("log", 'level = "loud"', "level: expected 'debug'"),
    ],
)
def test_a_mistake_is_named_by_file_key_and_what_was_expected(
    tmp_path: Path, table: str, line: str, expected: str
) -> None:
    message = mistakes(tmp_path, with_key(table, line))
    assert f"{tmp_path}/scolpass.toml: {table}" in message
    assert expected in message
    assert "hunter2" not in message


@pytest.mark.parametrize("key", ["uai", "kind", "uris", "people_dn", "policy_dn"])
def test_a_missing_key_is_named(tmp_path: Path, key: str) -> None:
    text = "\n".join(line for line in SHORT.splitlines() if not line.startswith(key))
    assert f"{key}: expected" in mistakes(tmp_path, text)


def test_encryption_is_asked_for_once(tmp_path: Path) -> None:
    plain, over_tls = "ldap://ldap.univ.fr", "ldaps://ldap.univ.fr"
    file = write(tmp_path, with_key("directory", "starttls = true"))
    assert load_settings(file, {"SCOLPASS_DIRECTORY__URIS": plain}).directory.starttls
    upper = load_settings(write(tmp_path, SHORT), {"SCOLPASS_DIRECTORY__URIS": "LDAPS://A/"})
    assert upper.directory.uris == ("ldaps://A",)
    file = write(tmp_path, with_key("directory", "starttls = true"))
    with pytest.raises(ConfigurationError, match=r"directory\.starttls: expected false"):
        load_settings(file, {"SCOLPASS_DIRECTORY__URIS": over_tls})


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "[::1]", "localhost", "LOCALHOST:389"])
def test_plain_ldap_goes_to_this_machine(tmp_path: Path, host: str) -> None:
    settings = load_settings(
        write(tmp_path, with_key("directory", f'uris = ["ldap://{host}"]')), {}
    )
    assert settings.directory.uris == (f"ldap://{host}",)


def test_a_mistake_in_a_variable_is_named_by_the_variable(tmp_path: Path) -> None:
    message = mistakes(tmp_path, SHORT, SCOLPASS_DIRECTORY__URIS="ldaps://a,ftp://b")
    assert "SCOLPASS_DIRECTORY__URIS: directory.uris: item 2: expected" in message
    assert "scolpass.toml: " not in message


def test_all_mistakes_are_named_at_once_each_on_a_line(tmp_path: Path) -> None:
    text = SHORT.replace("0342490X", "UM").replace("csv", "xml", 1).replace("bind_dn", "bind")
    lines = mistakes(tmp_path, text, SCOLPASS_LOG__LEVEL="loud").splitlines()
    assert lines[0] == "the configuration has 5 mistakes:"
    assert len(lines) == 6
    keys = ["institution.uai", "source.kind", "directory.bind_dn", "directory.bind", "log.level"]
    assert [line.split(": ")[1] for line in lines[1:]] == keys


@pytest.mark.parametrize(
    "table",
    [
        '[directory]\nbind_password = "hunter2"\n',
        '[directory]\nbind_dn = "hunter2"\nbind_password_file = ["hunter2"]\n',
        '[journal]\nurl = "hunter2"\n',
        '[source]\nkind = "sql"\nurl = "hunter2"\nquery = 1\n',
        '[source]\nkind = "hunter2"\n',
        '[password]\nprovisional = "hunter2"\n',
        '[safety]\nfloor = "hunter2"\nmax_expire = "hunter2"\n',
        '[events]\namqp = "amqp://u:hunter2@h"\n',
        'journal = "hunter2"\n',
    ],
)
def test_a_value_in_the_wrong_place_is_never_echoed(tmp_path: Path, table: str) -> None:
    assert "hunter2" not in mistakes(tmp_path, table)


def test_a_traceback_of_a_mistake_shows_no_value(tmp_path: Path) -> None:
    value = "hunter" + "2"  # not as one word in a line of code that the traceback quotes
    with pytest.raises(ConfigurationError) as caught:
        load_settings(write(tmp_path, f'{SHORT}[journal]\nurl = "{value}"\n'), {})
    assert value not in "".join(traceback.format_exception(caught.value))


def test_settings_print_no_secret(tmp_path: Path) -> None:
    text = SHORT.replace(
        'kind = "csv"\npath = "enrolments.csv"', 'kind = "sql"\nquery = "SELECT 1"'
    )
    environ = {
        "SCOLPASS_JOURNAL__URL": "postgresql://scolpass:hunter2@db/scolpass",
        "SCOLPASS_SOURCE__URL": "oracle+oracledb://reader:hunter2@apogee/prod",
    }
    settings = load_settings(write(tmp_path, text), environ)
    assert "hunter2" not in f"{settings} {settings!r} {settings.journal!r} {settings.rules!r}"
    assert "hunter2" not in settings.model_dump_json()


# --- secrets ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("abc", "abc"),
        ("abc\n", "abc"),
        ("abc\r\n", "abc"),
        ("abc\n\n", "abc\n"),
        (" abc ", " abc "),
        ("mot de passe é\n", "mot de passe é"),
    ],
)
def test_a_secret_loses_one_line_end_and_nothing_else(
    tmp_path: Path, content: str, expected: str
) -> None:
    assert read_secret(secret(tmp_path, "s", content)) == SecretStr(expected)


US, OURS, SOMEBODY, OTHERS = 990, 991, 1000, 1001  # users, groups


def judged(mode: int, owner: int = US, group: int = OURS, *, credential: bool = False) -> bool:
    """Whether a file is taken, read by the user US in the groups OURS and 4."""
    status = os.stat_result((mode, 0, 0, 1, owner, group, 7, 0, 0, 0))
    reader = Reader(US, {OURS, 4})
    refused = refusal(Path("/s"), status, reader, is_credential=credential)
    assert refused is None or (refused.cure and "/s" in refused.message)
    return refused is None


def of(*modes: int) -> set[int]:
    return {stat.S_IFREG | mode for mode in modes}


@pytest.mark.parametrize(
    ("owner", "group", "credential", "taken"),
    [
        pytest.param(US, OURS, False, of(0o400, 0o600, 0o700, 0o500), id="ours"),
        pytest.param(0, OURS, False, of(0o400, 0o600, 0o440, 0o640), id="root's and our group's"),
        pytest.param(0, 4, False, of(0o400, 0o600, 0o440, 0o640), id="root's and another of ours"),
        pytest.param(0, OTHERS, False, of(0o400, 0o600), id="root's and another group's"),
        pytest.param(0, 0, True, of(0o400, 0o600, 0o440, 0o640), id="a credential of root's"),
        pytest.param(US, OURS, True, of(0o400, 0o600), id="a credential of ours"),
        pytest.param(SOMEBODY, OURS, False, set(), id="somebody else's"),
        pytest.param(SOMEBODY, OURS, True, set(), id="a credential of somebody else"),
    ],
)
def test_which_owner_group_and_mode_a_secret_may_have(
    owner: int, group: int, credential: bool, taken: set[int]
) -> None:
    every = {stat.S_IFREG | mode for mode in range(0o1000)}
    good = {mode for mode in every if judged(mode, owner, group, credential=credential)}
    # The owner's own rights change nothing: whoever may not read the file fails at that.
    assert good == {mode for mode in every if (mode | 0o700) in {one | 0o700 for one in taken}}


@pytest.mark.parametrize(
    ("group", "taken"),
    [
        pytest.param(OURS, of(0o400, 0o600, 0o440, 0o640), id="given to a service's group"),
        pytest.param(0, of(0o400, 0o600), id="open to root's own group"),
    ],
)
def test_root_takes_what_was_given_to_a_service(group: int, taken: set[int]) -> None:
    for mode in range(0o1000):
        status = os.stat_result((stat.S_IFREG | mode, 0, 0, 1, 0, group, 7, 0, 0, 0))
        refused = refusal(Path("/s"), status, Reader(0, {0}), is_credential=False)
        assert (refused is None) == (stat.S_IFREG | mode | 0o700 in {one | 0o700 for one in taken})


def test_root_is_given_nobody_elses_secret() -> None:
    status = os.stat_result((stat.S_IFREG | 0o600, 0, 0, 1, SOMEBODY, OTHERS, 7, 0, 0, 0))
    refused = refusal(Path("/s"), status, Reader(0, {0}), is_credential=False)
    assert refused is not None
    assert "belongs to" in refused.message
    assert "sudo -u" in refused.cure


@pytest.mark.parametrize("mode", [0o640, 0o660, 0o604, 0o602, 0o644, 0o610], ids=oct)
def test_a_secret_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    file = secret(tmp_path, "s", "hunter2", mode)
    with pytest.raises(ConfigurationError, match="is open to") as caught:
        read_secret(file)
    assert f"chmod 600 {file}" in caught.value.cure
    assert "hunter2" not in str(caught.value)
    file.chmod(0o600)
    assert read_secret(file).get_secret_value() == "hunter2"


def a_pipe(place: Path) -> None:
    os.mkfifo(place, 0o600)


def a_socket(place: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(place))


def a_folder(place: Path) -> None:
    place.mkdir(mode=0o700)


def a_device(place: Path) -> None:
    place.symlink_to("/dev/zero")


def a_link_to_nowhere(place: Path) -> None:
    place.symlink_to("nowhere")


def a_link_to_itself(place: Path) -> None:
    place.symlink_to(place.name)


def a_link_to_an_open_file(place: Path) -> None:
    place.symlink_to(secret(place.parent, "open", "hunter2", 0o644))


NO_SECRETS = (
    a_pipe,
    a_socket,
    a_folder,
    a_device,
    a_link_to_nowhere,
    a_link_to_itself,
    a_link_to_an_open_file,
)
SECRETS: dict[str, Callable[[Settings], object]] = {
    "directory.password": Settings.directory_password,
    "scolpass.key": Settings.sealing_keys,
    "webhook.secrets": Settings.webhook_secrets,
    "amqp.url": lambda settings: settings.events.amqp.url(),
    "alerts.url": Settings.alerts_webhook,
    "mail.password": lambda settings: settings.mail.password(),
    "console.secret": lambda settings: settings.console.client_secret(),
    "source.url": lambda settings: cast(SqlSource, settings.source).database_url(),
}


@pytest.mark.parametrize("make", NO_SECRETS, ids=lambda make: make.__name__)
@pytest.mark.parametrize("name", SECRETS)
def test_what_is_no_closed_file_is_no_secret_and_holds_nobody_up(
    tmp_path: Path, name: str, make: Callable[[Path], None]
) -> None:
    text = SHORT.replace('kind = "csv"\npath = "enrolments.csv"', SQL)
    settings = load_settings(write(tmp_path, f'{text}[mail]\nuser = "u"\n'), {})
    make(tmp_path / name)
    with pytest.raises(ConfigurationError, match=name) as caught:
        SECRETS[name](settings)
    assert caught.value.cure


def test_every_secret_of_the_settings_is_in_the_table() -> None:
    files = {
        path
        for path, _ in _keys_of(Settings)
        if path[-1].endswith("_file") and path[-1] != "ca_file"
    }
    # keys.file is the only one that is not called so.
    assert len(files | {("keys", "file")}) == len(SECRETS)


def test_a_secret_behind_a_link_is_judged_by_its_target(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    target = secret(tmp_path / "real", "s", "hunter2")
    link = tmp_path / "s"
    link.symlink_to(target)
    assert read_secret(link).get_secret_value() == "hunter2"
    target.chmod(0o640)
    with pytest.raises(ConfigurationError, match="is open to its group"):
        read_secret(link)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(b"", "is empty", id="empty"),
        pytest.param(b"\n", "is empty", id="a line end"),
        pytest.param(b"hunter2\xff", "is not UTF-8", id="not UTF-8"),
        pytest.param(b"x" * 70_000, "longer than", id="too long"),
    ],
)
def test_a_useless_secret_is_named_with_the_cure(
    tmp_path: Path, content: bytes, expected: str
) -> None:
    with pytest.raises(ConfigurationError, match=expected) as caught:
        read_secret(secret(tmp_path, "s", content))
    assert caught.value.cure
    assert "hunter2" not in str(caught.value)


def test_a_secret_that_is_not_there_comes_from_systemd(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    secret(credentials, "directory.password", "hunter2", 0o400)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    settings = load_settings(write(tmp_path, SHORT), {})
    assert settings.directory_password() == SecretStr("hunter2")
    secret(tmp_path, "directory.password", "nearer")
    assert settings.directory_password() == SecretStr("nearer")


def test_a_missing_secret_says_how_to_give_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    settings = load_settings(write(tmp_path, SHORT), {})
    with pytest.raises(ConfigurationError) as caught:
        settings.directory_password()
    assert "directory.password" in caught.value.message
    assert "chmod 600" in caught.value.cure


def test_the_key_file_has_a_key_a_line_the_current_one_first(tmp_path: Path) -> None:
    secret(tmp_path, "scolpass.key", "# since 2026\nnew\n\n  old  \n# older\n")
    settings = load_settings(write(tmp_path, SHORT), {})
    assert settings.sealing_keys() == (SecretStr("new"), SecretStr("old"))
    secret(tmp_path, "scolpass.key", "# none\n")
    with pytest.raises(ConfigurationError, match="holds no secret"):
        settings.sealing_keys()


def test_webhooks_and_amqp_are_there_when_their_files_are(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path, SHORT), {})
    assert settings.webhook_secrets() == ()
    assert settings.events.amqp.url() is None
    secret(tmp_path, "webhook.secrets", "whsec_a\nwhsec_b\n")
    secret(tmp_path, "amqp.url", "amqps://u:p@h/v\n")
    assert settings.webhook_secrets() == (SecretStr("whsec_a"), SecretStr("whsec_b"))
    assert settings.events.amqp.url() == SecretStr("amqps://u:p@h/v")
    (tmp_path / "amqp.url").chmod(0o644)
    with pytest.raises(ConfigurationError, match="open to others"):
        settings.events.amqp.url()
