"""The two messages that are encoded and decoded here, held against ldap3's own."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from ldap3.operation.add import add_operation
from ldap3.protocol.rfc4511 import (
    LDAPDN,
    AttributeDescription,
    LDAPMessage,
    MessageID,
    PartialAttribute,
    PartialAttributeList,
    ProtocolOp,
    SearchResultDone,
    SearchResultEntry,
    Vals,
)
from ldap3.utils.asn1 import encode  # type: ignore[attr-defined]

from connector.edges.ldap.ber import add_request, found_entry

NUMBERS = st.integers(min_value=1, max_value=2**31 - 1)
DNS = st.text(max_size=300)
ATTRIBUTES = st.dictionaries(
    st.from_regex(r"[a-zA-Z][a-zA-Z0-9;-]{0,20}", fullmatch=True),
    st.lists(st.binary(max_size=400), min_size=1, max_size=5),
    max_size=8,
)


def message(number: int, name: str, operation: object) -> bytes:
    """An LDAPMessage as ldap3 encodes it."""
    whole = LDAPMessage()
    whole["messageID"] = MessageID(number)
    whole["protocolOp"] = ProtocolOp().setComponentByName(name, operation)
    return bytes(encode(whole))


@given(NUMBERS, DNS, ATTRIBUTES)
def test_an_add_request_is_the_one_that_ldap3_would_send(
    number: int, dn: str, attributes: dict[str, list[bytes]]
) -> None:
    theirs = message(number, "addRequest", add_operation(dn, attributes, True, None))
    assert add_request(number, dn, attributes) == theirs


@given(NUMBERS, DNS, ATTRIBUTES)
def test_an_entry_is_read_as_it_was_sent(
    number: int, dn: str, attributes: dict[str, list[bytes]]
) -> None:
    listed = PartialAttributeList()
    for position, (name, values) in enumerate(attributes.items()):
        vals = Vals()
        for index, value in enumerate(values):
            vals.setComponentByPosition(index, value)
        listed[position] = PartialAttribute()
        listed[position]["type"] = AttributeDescription(name)
        listed[position]["vals"] = vals
    entry = SearchResultEntry()
    entry["object"] = LDAPDN(dn)
    entry["attributes"] = listed
    assert found_entry(message(number, "searchResEntry", entry)) == (dn, attributes)


@given(NUMBERS)
def test_the_end_of_a_search_is_no_entry(number: int) -> None:
    done = SearchResultDone()
    done["resultCode"] = 0
    done["matchedDN"] = LDAPDN("")
    done["diagnosticMessage"] = ""
    assert found_entry(message(number, "searchResDone", done)) is None
