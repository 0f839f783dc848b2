"""What the catalogue says of attributes and of what a student gives, beside the schema, the access
rules and the pages' texts."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

from connector.activation.visits import Step
from connector.core import catalogue
from connector.core.catalogue import (
    ATTRIBUTES,
    EVENTS,
    EVIDENCE,
    GIVEN,
    REQUIRED,
    Attribute,
    Compared,
    Given,
    Grant,
    Owner,
    Part,
)
from connector.core.rules import Activation

ROOT = Path(__file__).parents[3]
DEPLOYED = ROOT / "deploy/openldap"
SERVICE = 'by dn.exact="@SERVICE_DN@"'
OF_STUDENTS = 'to dn.children="@PEOPLE_DN@" filter=(supannEtuId=*)'


def _unfolded(name: str) -> list[str]:
    return (DEPLOYED / name).read_text(encoding="utf-8").replace("\n ", "").splitlines()


@dataclass(frozen=True)
class Rule:
    """One access rule of students' entries, as it concerns the service account."""

    attributes: tuple[str, ...]
    ours: str
    right: str  # of the service account
    student: str  # of the student


def _rules() -> list[Rule]:
    found = []
    for line in _unfolded("config.ldif"):
        if not line.startswith("olcAccess: " + OF_STUDENTS) or "attrs=" not in line:
            continue
        named = re.search(
            r"attrs=(\S+?)(?: val\.regex=\"([^\"]+)\")? ?by ", line.replace("  ", " ")
        )
        assert named is not None, line
        right = re.search(re.escape(SERVICE) + r" (\S+?)(?=by |\s|$)", line)
        student = re.search(r"by self (\S+?)(?=by |\s|$)", line)
        assert right is not None, line
        said = student[1] if student else ""
        found.append(Rule(tuple(named[1].split(",")), named[2] or "", right[1], said))
    return found


RULES = _rules()


def _granted(name: str) -> tuple[Grant, str]:
    """What the rules, read from the top, let the service account do, and to which values."""
    rights = {
        "=mwsx": Grant.MANAGE,
        "write": Grant.WRITE,
        "read": Grant.READ,
        "none": Grant.NONE,
    }
    for rule in RULES:
        if name in rule.attributes:
            grant = rights[rule.right]
            return (Grant.WRITE_OURS if rule.ours else grant), rule.ours
    return Grant.READ, ""  # the rest of a student's entry


def test_the_access_rules_were_found() -> None:
    assert len(RULES) == 10
    assert {name for rule in RULES for name in rule.attributes} - {"entry"} <= set(ATTRIBUTES)


@pytest.mark.parametrize("row", ATTRIBUTES.values(), ids=list(ATTRIBUTES))
def test_the_service_account_is_granted_what_the_catalogue_asks_for(row: Attribute) -> None:
    assert _granted(row.below or row.name) == (row.grant, row.ours)


@pytest.mark.parametrize("row", ATTRIBUTES.values(), ids=list(ATTRIBUTES))
def test_a_student_may_write_nothing_but_a_password(row: Attribute) -> None:
    may = {rule.student for rule in RULES if (row.below or row.name) in rule.attributes}
    assert may <= ({"=xw"} if row.name == "userPassword" else {"none", "read", ""})


def test_an_entry_that_is_also_somebody_elses_is_never_closed() -> None:
    """There, what opens and closes an account may be taken out and not written."""
    shared = [line for line in _unfolded("config.ldif") if "(|(supannEmpId=*)" in line]
    closing = [line for line in shared if SERVICE + " =zrscxd" in line.replace("  ", " ")]
    assert len(closing) == 1
    named = re.search(r"attrs=([A-Za-z,]+?) *by ", closing[0])
    assert named is not None
    assert set(named[1].split(",")) == {*catalogue.LOCK, "pwdAccountLockedTime"}


def _schema() -> dict[str, str]:
    texts = [line for path in ("eduperson", "supann", "scolpass") for line in _of_schema(path)]
    return {
        name: text
        for text in texts
        for names in re.findall(r"NAME (?:'([^']+)'|\(([^)]*)\))", text)
        for name in re.findall(r"[A-Za-z][\w-]*", names[0] or names[1])
    }


def _of_schema(name: str) -> list[str]:
    lines = _unfolded(f"schema/{name}.ldif")
    return [line for line in lines if line.startswith("olcAttributeTypes:")]


SCHEMA = _schema()


@pytest.mark.parametrize("name", sorted(SCHEMA.keys() & ATTRIBUTES.keys()))
def test_one_value_or_many_is_as_the_schema_says(name: str) -> None:
    assert ATTRIBUTES[name].single is ("SINGLE-VALUE" in SCHEMA[name])


@pytest.mark.parametrize("row", [row for row in ATTRIBUTES.values() if row.below])
def test_a_subtype_is_one_in_the_schema(row: Attribute) -> None:
    assert re.search(rf"\bSUP {row.below}\b", SCHEMA[row.name])


def test_no_attribute_is_both_optional_and_shared_and_all_are_read() -> None:
    assert not catalogue.OPTIONAL & catalogue.SHARED
    assert set(catalogue.READ) >= catalogue.OPTIONAL | catalogue.SHARED | {
        "pwdStartTime",
        "supannEmpId",
    }


def test_shared_values_are_compared_in_any_case() -> None:
    """They are changed one by one, and in a directory that ignores case one value is there once."""
    ignored = {row.name for row in ATTRIBUTES.values() if row.compared is Compared.CASE_IGNORED}
    assert ignored == catalogue.SHARED


def test_only_what_the_register_says_is_optional() -> None:
    assert {ATTRIBUTES[name].owner for name in catalogue.OPTIONAL} == {Owner.REGISTER}


def test_all_that_is_written_can_be_tried_but_what_is_never_changed() -> None:
    untried = {
        row.name
        for row in ATTRIBUTES.values()
        if not row.tried and row.grant not in (Grant.READ, Grant.NONE)
    }
    # A uid is given once, the policy's name is a setting, and a lock is only taken off.
    assert untried == {"uid", "pwdPolicySubentry", "pwdAccountLockedTime"}
    tried = [row for row in ATTRIBUTES.values() if row.tried and row.ours]
    assert all(re.match(row.ours, row.tried) for row in tried)


def test_a_subtype_stands_in_the_catalogue_with_its_type() -> None:
    assert all(row.below in ATTRIBUTES for row in ATTRIBUTES.values() if row.below)


# --- what a student gives -------------------------------------------------------------------------


def test_each_thing_that_is_given_has_one_row() -> None:
    assert list(GIVEN) == list(Given)


def test_all_evidence_may_be_required_and_is_unless_said_otherwise() -> None:
    assert Activation().require == EVIDENCE == REQUIRED
    assert {row.name for row in GIVEN.values() if row.is_required} <= set(EVIDENCE)
    assert Given.FORWARDING not in EVIDENCE


def test_what_is_given_is_written_to_attributes_of_students_and_those_are_all() -> None:
    written = {name for row in GIVEN.values() for name in row.writes}
    given = {row.name for row in ATTRIBUTES.values() if row.part is Part.GIVEN}
    assert written == given == catalogue.STUDENTS - {"userPassword"}
    assert written <= catalogue.SPENDS_NOTHING


@pytest.mark.parametrize("row", GIVEN.values(), ids=list(GIVEN))
def test_what_is_given_by_events_is_shown_by_what_they_write(row: catalogue.GivenRow) -> None:
    assert set(row.events) <= set(EVENTS)
    assert bool(row.events) is bool(row.field) is bool(row.writes)
    assert row.shown_by in (row.writes or ("userPassword",))


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_pages_ask_for_all_that_can_be_given(language: str) -> None:
    folder = ROOT / "connector/web/first_connection/texts"
    texts = tomllib.loads((folder / f"{language}.toml").read_text(encoding="utf-8"))
    assert all(texts[f"{step.value}_title"] for step in Step)


def test_the_types_of_events_are_those_that_give_something() -> None:
    assert EVENTS == (
        "fr.scolpass.account.activated",
        "fr.scolpass.backup_mail.changed",
        "fr.scolpass.forwarding.changed",
    )
