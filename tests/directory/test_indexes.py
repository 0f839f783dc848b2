"""The cure for a lacking index as `check` prints it, on servers with indexes of their own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.core import indexes
from connector.openldap.definition import required_indexes
from tests.support.breakage import DATABASE, change
from tests.support.directory import Directory

WANTED = required_indexes()
# What databases have: Debian's own, one line for all, kinds of their own, one without any.
STANDING: dict[str, list[str]] = {
    "Debian's": ["objectClass eq", "cn,uid eq", "member,l eq"],
    "one line": ["objectClass,entryCSN,entryUUID,uid,mail,supannEtuId,cn,sn eq"],
    "half of it": ["objectClass eq", "supannEtuId eq", "mail,uid pres,eq,sub", "supannEmpId pres"],
    "by default": ["default eq,sub", "objectClass eq", "cn,mail,uid", "supannEtuId pres"],
    "none": ["objectClass eq"],
    "ours": [f"{name} {','.join(sorted(kinds))}" for name, kinds in WANTED.items()],
}


@pytest.mark.parametrize("name", STANDING)
def test_the_cure_works_on_that_server_and_takes_no_index_away(
    directory: Directory, name: str
) -> None:
    change(directory, DATABASE, "replace", "olcDbIndex", *STANDING[name])
    current = _indexes(directory)
    cure = indexes.mending(DATABASE, current, WANTED)
    assert bool(cure) is (name != "ours")
    if cure:
        directory.modify(cure + "\n")
    after = _indexes(directory)
    assert indexes.lacking(after, WANTED) == {}
    assert indexes.mending(DATABASE, after, WANTED) == ""
    before, now = indexes.parse(current), indexes.parse(after)
    assert all(kinds <= now[attribute] for attribute, kinds in before.items())


def _indexes(directory: Directory) -> list[str]:
    found = directory.entries(base="cn=config", filter="(olcDbIndex=*)")
    return found[DATABASE]["olcDbIndex"]


names = st.sampled_from(["uid", "MAIL", "supannetuid", "cn", "sn"])
kinds = st.sets(st.sampled_from(["eq", "pres", "sub"]), min_size=1)
lines = st.builds(
    lambda some, all_of_them: f"{','.join(sorted(some))} {','.join(sorted(all_of_them))}",
    st.sets(names, min_size=1),
    kinds,
)


@given(st.lists(lines, max_size=3))
def test_nothing_is_named_twice_that_slapd_would_refuse(current: list[str]) -> None:
    seen = [n.lower() for line in current for n in line.split()[0].split(",")]
    if len(seen) != len(set(seen)):
        return  # no server has that
    cure = indexes.mending(DATABASE, current, WANTED)
    out = cure.partition("\n-\n")[0] if "\n-\n" in cure else ""
    kept = [line for line in current if f"olcDbIndex: {line}\n" not in out + "\n"]
    put = cure.partition("add: olcDbIndex\n")[2].splitlines()
    after = kept + [line.removeprefix("olcDbIndex: ") for line in put]
    named = [n.lower() for line in after for n in line.split()[0].split(",")]
    assert len(named) == len(set(named))
    assert indexes.lacking(after, WANTED) == {}
