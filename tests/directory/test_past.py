"""A university's past stands in a real directory, entry by entry, as it was made."""

from __future__ import annotations

from tests.support.directory import Directory
from tests.support.past import Rates, make_past
from tests.support.past_people import Flaw


def test_slapd_takes_a_past_whole(directory: Directory) -> None:
    past = make_past("slapd")
    directory.load(past.ldif())
    found = directory.entries(base=directory.suffix)
    expected = {entry.dn: entry.attributes for entry in (*past.entries, *past.groups)}
    assert expected.keys() <= found.keys()
    below = {dn for dn in found if dn.endswith(f",{past.people_dn}")}
    assert below == past.truth.entries.keys()
    for dn, attributes in expected.items():
        for name, values in attributes.items():
            assert sorted(found[dn][name]) == sorted(values), (dn, name)


def test_its_passwords_open_it(directory: Directory) -> None:
    past = make_past("passwords", 60, 60, rates=Rates().harsher(10))
    directory.load(past.ldif())
    tried = {
        dn: whose.password
        for dn, whose in past.truth.entries.items()
        if whose.password and Flaw.LOCKED not in whose.flaws
    }
    assert len(tried) > 10
    assert {directory.bind_result(dn, password) for dn, password in tried.items()} == {0}
