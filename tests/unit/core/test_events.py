"""Reading events: what is good in one counts, what is bad is named, and no order matters."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.core import evidence
from connector.core.addresses import refused_address, trimmed
from connector.core.evidence import BadEvent, fold, read_event
from connector.core.model import EvidenceItem
from tests.support.examples import examples

ARRIVED = datetime(2026, 10, 1, 8, tzinfo=UTC)
OURS = ("umontpellier.fr", "etu.umontpellier.fr")
ABSENT = object()
ACCEPTED = "2026-10-01T07:00:00Z"


def event(kind: str = "account.activated", **changes: Any) -> dict[str, Any]:
    """An activation with everything in it; ``data`` is merged, ABSENT takes a field out."""
    data = {
        "identifier": "lea.martin@etu.umontpellier.fr",
        "backup_mail": "lea@example.org",
        "charter": {"version": "2026", "accepted_at": ACCEPTED},
        **changes.pop("data", {}),
    }
    body = {
        "specversion": "1.0",
        "id": "1",
        "source": "portal",
        "type": f"fr.scolpass.{kind}",
        "time": "2026-10-01T07:30:00Z",
        "data": _without_absent(data),
        **changes,
    }
    return _without_absent(body)


def _without_absent(table: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in table.items() if value is not ABSENT}


def given_by(body: object) -> dict[str, str]:
    """Field to value of what an event gives."""
    return {
        evidence_item.field: evidence_item.value
        for evidence_item in read_event(body, ARRIVED, OURS).evidence_items
    }


# --- what an event gives ------------------------------------------------------------------------


def test_an_activation_gives_backup_mail_charter_and_forwarding() -> None:
    data = {"forward_to": "lea@example.net", "keep_copy": True}
    found = read_event(event(data=data), ARRIVED, OURS)
    time = datetime(2026, 10, 1, 7, 30, tzinfo=UTC)
    assert found.identifier == "lea.martin@etu.umontpellier.fr"
    assert found.trouble is None
    assert found.evidence_items == (
        EvidenceItem("backup_mail", "lea@example.org", time, "portal", "1"),
        EvidenceItem("charter", f"2026 {ACCEPTED}", time, "portal", "1"),
        EvidenceItem("forwarding", "lea@example.net", time, "portal", "1", keep_copy=True),
    )


@pytest.mark.parametrize(
    ("kind", "data", "wanted"),
    [
        pytest.param(
            "account.activated",
            {},
            {"backup_mail": "lea@example.org", "charter": f"2026 {ACCEPTED}"},
            id="forward_to absent changes nothing",
        ),
        pytest.param(
            "account.activated",
            {"forward_to": None, "backup_mail": None, "charter": ABSENT},
            {"forwarding": ""},
            id="forward_to null takes it back",
        ),
        pytest.param(
            "forwarding.changed", {"forward_to": None}, {"forwarding": ""}, id="taken back"
        ),
        pytest.param(
            "forwarding.changed",
            {"forward_to": "lea@example.net"},
            {"forwarding": "lea@example.net"},
            id="of a forwarding nothing else is read",
        ),
        pytest.param(
            "backup_mail.changed",
            {"forward_to": "lea@example.net"},
            {"backup_mail": "lea@example.org"},
            id="of a backup mail nothing else is read",
        ),
        pytest.param(
            "backup_mail.changed",
            {"backup_mail": " Lea.Martin@Example.ORG\t"},
            {"backup_mail": "Lea.Martin@Example.ORG"},
            id="kept as written but for blanks around it",
        ),
    ],
)
def test_each_kind_of_event_gives_its_own_fields(
    kind: str, data: dict[str, Any], wanted: dict[str, str]
) -> None:
    assert given_by(event(kind, data=data)) == wanted


@pytest.mark.parametrize("version", ["2026", "1", "2024-2025", "v1.2_b", "9" * 64])
def test_any_version_of_the_charter_is_evidence(version: str) -> None:
    charter = {"version": version, "accepted_at": "2026-10-01T09:00:00.75+02:00"}
    assert given_by(event(data={"charter": charter}))["charter"] == f"{version} {ACCEPTED}"


@pytest.mark.parametrize(
    ("accepted_at", "stored"),
    [
        ("2026-10-01t07:00:00z", ACCEPTED),
        ("2026-10-01 07:00:00-00:00", ACCEPTED),
        ("2026-09-30T21:00:00-10:00", ACCEPTED),
        ("0987-10-01T07:00:00Z", "0987-10-01T07:00:00Z"),
    ],
)
def test_the_time_of_the_charter_is_written_in_utc(accepted_at: str, stored: str) -> None:
    charter = {"version": "2026", "accepted_at": accepted_at}
    assert given_by(event(data={"charter": charter}))["charter"] == f"2026 {stored}"


# --- when it happened ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("time", "counts_as"),
    [
        pytest.param(ABSENT, ARRIVED, id="absent"),
        pytest.param(None, ARRIVED, id="null"),
        pytest.param("2026-10-01T07:30:00Z", datetime(2026, 10, 1, 7, 30, tzinfo=UTC), id="past"),
        pytest.param("1999-10-01T07:30:00Z", datetime(1999, 10, 1, 7, 30, tzinfo=UTC), id="old"),
        pytest.param("2026-10-01T09:30:00+02:00", datetime(2026, 10, 1, 7, 30, tzinfo=UTC), id="+"),
        pytest.param(
            "2026-10-01T07:30:00.25Z",
            datetime(2026, 10, 1, 7, 30, 0, 250000, tzinfo=UTC),
            id="a fraction",
        ),
        pytest.param("2026-10-01T08:05:00Z", datetime(2026, 10, 1, 8, 5, tzinfo=UTC), id="5 min"),
        pytest.param("2026-10-01T08:05:00.001Z", ARRIVED, id="more than five minutes ahead"),
        pytest.param("2026-10-02T08:00:00Z", ARRIVED, id="a day ahead"),
    ],
)
def test_a_time_ahead_counts_as_its_arrival(time: object, counts_as: datetime) -> None:
    found = read_event(event(time=time), ARRIVED, OURS)
    assert found.time == counts_as
    assert {evidence_item.time for evidence_item in found.evidence_items} == {counts_as}


# --- an event of which nothing can be used ------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "said"),
    [
        pytest.param([event()], "JSON object", id="a list"),
        pytest.param("x", "JSON object", id="a text"),
        pytest.param(None, "JSON object", id="null"),
        pytest.param({}, "specversion", id="an empty object"),
        pytest.param(event(specversion="0.3"), "specversion", id="another version"),
        pytest.param(event(specversion=1.0), "specversion", id="the version as a number"),
        pytest.param(event(specversion=ABSENT), "specversion", id="no version"),
        pytest.param(event("account.deleted"), "type", id="another type"),
        pytest.param(event(type="account.activated"), "type", id="a type without its prefix"),
        pytest.param(event(type=ABSENT), "type: expected text", id="no type"),
        pytest.param(event(type=["x"]), "type: expected text", id="a list as type"),
        pytest.param(event(id=ABSENT), "id: expected text", id="no id"),
        pytest.param(event(id=""), "id: expected text", id="an empty id"),
        pytest.param(event(id=7), "id: expected text", id="a number as id"),
        pytest.param(event(id="x" * 1025), "id: expected at most 1024", id="an endless id"),
        pytest.param(event(id="a\nb"), "id: .*printable", id="a line break in the id"),
        pytest.param(event(id="a\u202eb"), "id: .*printable", id="a bidi sign in the id"),
        pytest.param(event(id="\ud800"), "id: .*printable", id="half a sign as id"),
        pytest.param(event(source=ABSENT), "source: expected text", id="no source"),
        pytest.param(event(source=None), "source: expected text", id="null as source"),
        pytest.param(event(source="a\r\nb"), "source: .*printable", id="line breaks in the source"),
        pytest.param(event(source="x" * 1025), "source: .*1024", id="an endless source"),
        pytest.param({**event(), "data": []}, "data: expected a JSON object", id="a list as data"),
        pytest.param({**event(), "data": "{}"}, "data: expected a JSON object", id="data as text"),
        pytest.param(_without_absent({**event(), "data": ABSENT}), "data: expected", id="no data"),
        pytest.param(event(data={"identifier": ABSENT}), "identifier", id="nobody named"),
        pytest.param(event(data={"identifier": None}), "identifier", id="null named"),
        pytest.param(event(data={"identifier": 22600001}), "identifier", id="a number named"),
        pytest.param(event(data={"identifier": ""}), "identifier", id="an empty identifier"),
        pytest.param(event(data={"identifier": " "}), "identifier", id="a blank identifier"),
        pytest.param(event(data={"identifier": "a\x00"}), "identifier", id="NUL in the identifier"),
        pytest.param(event(data={"identifier": "x" * 1025}), "identifier", id="an endless one"),
        pytest.param(event(time="yesterday"), "time: expected RFC 3339", id="a word as time"),
        pytest.param(event(time=""), "time: expected RFC 3339", id="an empty time"),
        pytest.param(event(time="2026-10-01"), "time: expected RFC 3339", id="a day as time"),
        pytest.param(event(time="2026-13-01T00:00:00Z"), "time", id="no such month"),
        pytest.param(event(time="2026-02-29T00:00:00Z"), "time", id="no such day"),
        pytest.param(event(time="2026-10-01T07:30:00"), "time", id="no offset"),
        pytest.param(event(time="2026-10-01T07:30:00+0200"), "time", id="an offset without colon"),
        pytest.param(event(time="2026-10-01T07:30:00Z\n"), "time", id="a line break after it"),
        pytest.param(event(time="٢٠٢٦-10-01T07:30:00Z"), "time", id="digits of another script"),
        pytest.param(event(time=1790000000), "time", id="a number as time"),
        pytest.param(event(time="2026-10-02T08:00:01Z"), "day ahead", id="a day and a second"),
        pytest.param(event(time="9999-12-31T23:59:59Z"), "day ahead", id="the end of time"),
        pytest.param(event(time="9999-12-31T23:59:59-10:00"), "time", id="beyond the calendar"),
        pytest.param(event(time="0001-01-01T00:00:00+10:00"), "time", id="before the calendar"),
        pytest.param(
            event(data={"backup_mail": None, "charter": ABSENT}), "nothing to do", id="empty"
        ),
    ],
)
def test_an_event_of_which_nothing_can_be_used_is_rejected_with_its_reason(
    body: object, said: str
) -> None:
    with pytest.raises(BadEvent, match=said):
        read_event(body, ARRIVED, OURS)


# --- a bad field spoils no good one -------------------------------------------------------------


def with_charter(**changes: Any) -> dict[str, Any]:
    charter = {"version": "2026", "accepted_at": ACCEPTED, **changes}
    return {"charter": _without_absent(charter)}


FORWARD = {"forward_to": "lea@example.net"}


@pytest.mark.parametrize(
    ("data", "good", "said"),
    [
        pytest.param(
            {"backup_mail": "lea@umontpellier.fr", **FORWARD},
            {"charter", "forwarding"},
            "data.backup_mail: the address lies inside the institution",
            id="backup mail inside",
        ),
        pytest.param({"backup_mail": 7}, {"charter"}, "data.backup_mail", id="a number as mail"),
        pytest.param({"backup_mail": ""}, {"charter"}, "data.backup_mail", id="an empty mail"),
        pytest.param(
            {"charter": "2026"}, {"backup_mail"}, "data.charter: expected", id="charter as text"
        ),
        pytest.param({"charter": []}, {"backup_mail"}, "data.charter: expected", id="as a list"),
        pytest.param({"charter": {}}, {"backup_mail"}, "version", id="an empty charter"),
        pytest.param(
            with_charter(accepted_at=ABSENT), {"backup_mail"}, "accepted_at", id="when unsaid"
        ),
        pytest.param(
            with_charter(accepted_at="2026-10-01"), {"backup_mail"}, "accepted_at", id="a day"
        ),
        pytest.param(
            with_charter(accepted_at=1790000000), {"backup_mail"}, "accepted_at", id="a number"
        ),
        pytest.param(with_charter(version=2026), {"backup_mail"}, "version", id="year as number"),
        pytest.param(with_charter(version=""), {"backup_mail"}, "version", id="an empty version"),
        pytest.param(with_charter(version="20 26"), {"backup_mail"}, "version", id="a blank in it"),
        pytest.param(with_charter(version="2026\n"), {"backup_mail"}, "version", id="a line break"),
        pytest.param(with_charter(version="9" * 65), {"backup_mail"}, "version", id="endless"),
        pytest.param(
            {"forward_to": "nobody"}, {"backup_mail", "charter"}, "data.forward_to", id="malformed"
        ),
        pytest.param(
            {"forward_to": ""}, {"backup_mail", "charter"}, "data.forward_to", id="empty, not null"
        ),
        pytest.param(
            {"forward_to": ["lea@example.net"]},
            {"backup_mail", "charter"},
            "data.forward_to: expected an address",
            id="a list to forward to",
        ),
        pytest.param(
            {**FORWARD, "keep_copy": "yes"}, {"backup_mail", "charter"}, "keep_copy", id="a word"
        ),
        pytest.param(
            {**FORWARD, "keep_copy": 1}, {"backup_mail", "charter"}, "keep_copy", id="one for true"
        ),
        pytest.param(
            {**FORWARD, "keep_copy": None}, {"backup_mail", "charter"}, "keep_copy", id="null"
        ),
        pytest.param(
            {"backup_mail": "x", "charter": "y", "forward_to": "z"},
            set(),
            "data.backup_mail: .*; data.charter: .*; data.forward_to: ",
            id="all of it bad",
        ),
    ],
)
def test_a_bad_field_is_named_and_spoils_no_good_one(
    data: dict[str, Any], good: set[str], said: str
) -> None:
    found = read_event(event(data=data), ARRIVED, OURS)
    assert {evidence_item.field for evidence_item in found.evidence_items} == good
    assert found.trouble is not None
    with pytest.raises(ValueError, match=said):
        raise ValueError(found.trouble)


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("forwarding.changed", {}),
        ("forwarding.changed", {"forward_to": None, "keep_copy": "no"}),
        ("backup_mail.changed", {"backup_mail": ABSENT}),
        ("backup_mail.changed", {"backup_mail": None}),
    ],
)
def test_a_change_must_say_what_it_changes(kind: str, data: dict[str, Any]) -> None:
    found = read_event(event(kind, data=data), ARRIVED, OURS)
    assert not found.evidence_items
    assert found.trouble


# --- addresses ----------------------------------------------------------------------------------


def punycoded(label: str) -> str:
    return "xn--" + label.encode("punycode").decode("ascii")


FULL_WIDTH = "".join(chr(ord(sign) + 0xFEE0) for sign in "umontpellier")


@pytest.mark.parametrize(
    "address",
    [
        "lea@example.org",
        "lea.martin+x@mail.example.org",
        "l'ea!#$%&*=?^_`{|}~-/@example.org",
        "LEA@EXAMPLE.ORG",
        " lea@example.org",
        "lea@example.org \t",
        "\xa0lea@example.org",
        "lea@notumontpellier.fr",
        "lea@umontpellier.fr.example.org",
        "lea@umontpellier.com",
        "umontpellier.fr@example.org",
        "lea@xn--exmple-cua.org",
        "lea@4.example.org",
        "lea@3com.4com",
        "a" * 64 + "@example.org",
        "a@" + "b" * 63 + ".org",
    ],
)
def test_an_address_elsewhere_is_taken(address: str) -> None:
    assert refused_address(address, OURS) is None


@pytest.mark.parametrize(
    "address",
    [
        "lea@umontpellier.fr",
        "lea@etu.umontpellier.fr",
        "lea@deep.down.etu.umontpellier.fr",
        "lea@mailbox.etu.umontpellier.fr",
        "lea@UMontpellier.FR",
        "lea@umontpellier.fr.",
        "lea@Sub.UMONTPELLIER.fr.",
        pytest.param(f"lea@{punycoded(FULL_WIDTH)}.fr", id="punycode of full-width letters"),
        pytest.param(f"lea@{punycoded(FULL_WIDTH).upper()}.FR.", id="punycode in capitals"),
        pytest.param(f"lea@mail.{punycoded(FULL_WIDTH)}.fr", id="punycode below"),
        pytest.param(f"lea@{punycoded('etu．umontpellier')}.fr", id="punycode of a wide dot"),
    ],
)
def test_an_address_inside_the_institution_is_refused(address: str) -> None:
    assert "inside the institution (umontpellier.fr)" in (refused_address(address, OURS) or "")


def test_punycode_of_ascii_ends_in_a_hyphen_and_is_refused() -> None:
    assert punycoded("umontpellier") == "xn--umontpellier-"
    for domain in ("xn--umontpellier-.fr", "mail.xn--umontpellier-.fr", "XN--UMONTPELLIER-.FR."):
        assert refused_address(f"lea@{domain}", OURS) is not None
        assert refused_address(f"lea@{domain}", ()) == "the address is malformed"


def test_an_own_domain_in_punycode_is_known_by_its_letters() -> None:
    label = "université".encode("idna").decode()
    ours = [f"{label}.fr"]
    for domain in (f"{label}.fr", f"{label.upper()}.fr.", f"mail.{label}.fr"):
        assert "inside" in (refused_address(f"lea@{domain}", ours) or "")
    assert refused_address("lea@universit.fr", ours) is None


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("léa@example.org", "not ASCII"),
        ("lea@exämple.org", "not ASCII"),
        ("lea@ｅxample.org", "not ASCII"),
        ("lea@example．org", "not ASCII"),
        ("lea\u200b@example.org", "not ASCII"),
        ("Léa <lea@example.org>", "not ASCII"),
        ("", "malformed"),
        ("lea", "malformed"),
        ("@", "malformed"),
        ("@example.org", "malformed"),
        ("lea@", "malformed"),
        pytest.param("lea@localhost", "malformed", id="one label"),
        pytest.param("lea@localhost.", "malformed", id="one label and a dot"),
        pytest.param("lea@org..", "malformed", id="two dots at the end"),
        ("lea@.example.org", "malformed"),
        ("lea@example..org", "malformed"),
        ("lea@-example.org", "malformed"),
        ("lea@example-.org", "malformed"),
        ("lea@exa_mple.org", "malformed"),
        pytest.param("lea@[192.0.2.1]", "malformed", id="an address literal"),
        pytest.param("lea@[IPv6:2001:db8::1]", "malformed", id="a literal of version 6"),
        pytest.param("lea@192.0.2.1", "malformed", id="a number for a domain"),
        pytest.param("lea@127.0.0.1.", "malformed", id="a number and a dot"),
        ("lea@@example.org", "malformed"),
        ("lea@martin@example.org", "malformed"),
        pytest.param(".lea@example.org", "malformed", id="a leading dot"),
        pytest.param("lea.@example.org", "malformed", id="a trailing dot"),
        pytest.param("le..a@example.org", "malformed", id="two dots"),
        pytest.param('"lea"@example.org', "malformed", id="a quoted local part"),
        pytest.param('"lea martin"@example.org', "malformed", id="a quoted blank"),
        pytest.param("lea\\@x@example.org", "malformed", id="an escaped sign"),
        ("lea martin@example.org", "malformed"),
        ("lea@example.org.", "malformed"),
        ("me@bad.tld-2", "malformed"),
        ("me@xn--0.tld", "malformed"),
        ("me@1.xn--4dbc.com", "malformed"),
        ("me@yy--0.tld", "malformed"),
        ("my@trailingdot.com.", "malformed"),
        ("lea@xn--99999999999.org", "malformed"),
        ("lea(comment)@example.org", "malformed"),
        ("Lea <lea@example.org>", "malformed"),
        ("mailto:lea@example.org", "malformed"),
        pytest.param("lea@example.org\n", "malformed", id="LF"),
        pytest.param("lea@example.org\r\nBcc: x@example.org", "malformed", id="CR and LF"),
        pytest.param("lea\r@example.org", "malformed", id="CR"),
        pytest.param("lea\x00@example.org", "malformed", id="NUL"),
        pytest.param("lea@example.org\x00", "malformed", id="NUL at the end"),
        pytest.param("lea@example.org,x@example.org", "malformed", id="a list"),
        pytest.param("lea@example.org, x@example.org", "malformed", id="a list with a blank"),
        pytest.param("lea@example.org;x@example.org", "malformed", id="a list with a semicolon"),
        pytest.param("%s@example.org|/bin/sh", "malformed", id="a pipe"),
        pytest.param("a" * 65 + "@example.org", "malformed", id="an overlong local part"),
        pytest.param("a@" + "b" * 64 + ".org", "malformed", id="an overlong label"),
        pytest.param("a@" + ".".join(["b" * 60] * 5) + ".org", "malformed", id="overlong"),
        pytest.param("a." * 50_000 + "a@example.org", "malformed", id="endless"),
        pytest.param("a@" + "b." * 50_000, "malformed", id="an endless domain"),
        (None, "expected an address"),
        (7, "expected an address"),
        ({"address": "lea@example.org"}, "expected an address"),
    ],
)
def test_an_address_that_is_malformed_or_not_ascii_is_refused(address: object, reason: str) -> None:
    assert reason in (refused_address(address, OURS) or "")


@settings(max_examples=examples(200))
@given(st.text(max_size=40) | st.emails())
def test_an_address_is_taken_or_refused_and_never_breaks(address: str) -> None:
    reason = refused_address(address, OURS)
    if reason is None:
        address = trimmed(address)
        assert refused_address(f"  {address} ", OURS) is None
        assert refused_address(address + ".", OURS) is not None
        labels = address.rpartition("@")[2].split(".")
        assert len(labels) > 1
        assert all(label and label.isascii() and label[-1] != "-" for label in labels)
        assert not any(label[2:4] == "--" and label[:2].lower() != "xn" for label in labels)
        assert not labels[-1].isdigit()
        assert address.isascii()
        assert address.isprintable()
        assert address.count("@") == 1
        assert not set(address) & set(' ,;<>()[]"\\')


# --- folding ------------------------------------------------------------------------------------


def folded(events: Sequence[dict[str, Any]]) -> tuple[EvidenceItem, ...]:
    """The evidence items after events that arrive one by one."""
    current: tuple[EvidenceItem, ...] = ()
    for body in events:
        current = fold(current, read_event(body, ARRIVED, OURS).evidence_items)
    return current


def dozen() -> list[dict[str, Any]]:
    """A dozen events of one student: of all kinds, some at the same time, some partly bad."""
    second = "2026-10-01T07:{:02}:00Z".format
    mail = {"backup_mail": ABSENT}
    return [
        event(id="01", time=second(1)),
        event(id="02", time=second(2), data={"backup_mail": "second@example.org", **FORWARD}),
        event(id="03", time=second(2), source="desk", data={"backup_mail": "desk@example.org"}),
        event(id="04", time=second(9), data={"backup_mail": "inside@umontpellier.fr"}),
        event("backup_mail.changed", id="05", time=second(5), data={"backup_mail": "5@x.org"}),
        event("backup_mail.changed", id="06", time=second(5), data={"backup_mail": "6@x.org"}),
        event("forwarding.changed", id="07", time=second(3), data={"forward_to": None}),
        event("forwarding.changed", id="08", time=second(4), data=FORWARD),
        event("forwarding.changed", id="09", time=second(4), source="desk", data=FORWARD),
        event("forwarding.changed", id="10", data={"forward_to": "x@y.org", "keep_copy": True}),
        event(id="11", time=second(7), data={**mail, **with_charter(version="2025")}),
        event(id="12", time="2026-10-01T20:00:00Z", data={**mail, **with_charter(version="2027")}),
    ]


def test_of_each_field_the_greatest_time_source_and_id_wins() -> None:
    assert {
        evidence_item.field: (evidence_item.id, evidence_item.value)
        for evidence_item in folded(dozen())
    } == {
        "backup_mail": ("06", "6@x.org"),
        # It says twelve hours ahead, and counts as its arrival: that is still the latest of all.
        "charter": ("12", f"2027 {ACCEPTED}"),
        "forwarding": ("10", "x@y.org"),
    }


@settings(max_examples=examples(300))
@given(st.permutations(range(12)), st.lists(st.integers(0, 11), max_size=12))
def test_every_order_and_repetition_of_a_dozen_events_folds_to_the_same_evidence_items(
    order: list[int], again: list[int]
) -> None:
    events = dozen()
    assert folded([events[n] for n in (*order, *again)]) == folded(events)


def test_every_order_of_five_evidence_items_of_one_field_ends_with_the_same() -> None:
    time = datetime(2026, 10, 1, tzinfo=UTC)
    of = "backup_mail"
    given_ = [
        EvidenceItem(of, "a@example.org", time, "portal", "1"),
        EvidenceItem(of, "b@example.org", time, "portal", "2"),
        EvidenceItem(of, "c@example.org", time, "desk", "9"),
        EvidenceItem(of, "d@example.org", time - timedelta(seconds=1), "portal", "9"),
        EvidenceItem("charter", f"2026 {ACCEPTED}", time, "portal", "1"),
    ]
    for order in permutations(given_):
        one_by_one: tuple[EvidenceItem, ...] = ()
        for one in order:
            one_by_one = fold(one_by_one, [one])
        assert one_by_one == fold((), order) == (given_[1], given_[4])


def test_what_stands_stays_applied_when_its_event_comes_again() -> None:
    time = datetime(2026, 10, 1, tzinfo=UTC)
    given_ = EvidenceItem("backup_mail", "a@example.org", time, "portal", "1")
    applied = EvidenceItem("backup_mail", "a@example.org", time, "portal", "1", applied=True)
    assert fold([applied], [given_]) == (applied,)


# --- the same event again -----------------------------------------------------------------------

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def turned(value: Any) -> Any:
    """The same JSON with the keys of every object in the opposite order."""
    if isinstance(value, dict):
        return {name: turned(one) for name, one in reversed(value.items())}
    if isinstance(value, list):
        return [turned(one) for one in value]
    return value


@given(st.dictionaries(st.text(), json_values))
def test_the_digest_of_an_event_is_independent_of_the_order_of_keys(body: dict[str, Any]) -> None:
    assert evidence.event_digest(body) == evidence.event_digest(turned(body))
    again = json.loads(json.dumps(body, indent=3, ensure_ascii=False))
    assert evidence.event_digest(body) == evidence.event_digest(again)


def test_other_content_has_another_digest() -> None:
    bodies = [*dozen(), event(data={"charter": ABSENT}), event(data={"charter": None}), [event()]]
    assert len({evidence.event_digest(body) for body in bodies}) == len(bodies)


def test_an_event_that_is_nested_without_end_is_known_before_it_is_walked() -> None:
    assert not evidence.nested_too_deep(event())
    deep: Any = "x"
    for _ in range(16):
        deep = [deep]
    assert evidence.nested_too_deep({"data": deep})
    for _ in range(5000):
        deep = {"a": deep}
    assert evidence.nested_too_deep(deep)
