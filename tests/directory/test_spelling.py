"""Spellings, by a real slapd: what it takes for one value is counted as one."""

from __future__ import annotations

import string
import subprocess
import unicodedata
from collections.abc import Iterator

from connector.core.spelling import folded
from tests.support.directory import Directory

SIGNS = string.ascii_lowercase + string.digits + "-.@_+'"  # what numbers and names are made of
AT_ONCE = 1000


def test_no_sign_is_one_of_ours_for_slapd_and_not_for_us(directory: Directory) -> None:
    """Every assigned character, in the place of each of ours, of a blank, and of nothing."""
    values = [f"a{sign}b" for sign in SIGNS] + ["ab", "a b"]
    directory.modify(
        "\n".join(
            f"dn: uid=x{n},{directory.people_dn}\nchangetype: add\nobjectClass: inetOrgPerson\n"
            f"sn: x\ncn: x\ndescription: {value}\n"
            for n, value in enumerate(values)
        )
    )
    assert found(directory, ["A\uff42B".replace("\uff42", "\uff4d")])  # it can find
    others = [value for value in with_every_sign() if folded(value) not in values]
    assert len(others) > 100_000
    for start in range(0, len(others), AT_ONCE):
        assert not found(directory, others[start : start + AT_ONCE])


def with_every_sign() -> Iterator[str]:
    for point in range(0x80, 0x30000):
        if unicodedata.category(chr(point)) not in ("Cn", "Co", "Cs"):
            yield f"a{chr(point)}b"


def found(directory: Directory, values: list[str]) -> list[str]:
    """The entries that hold one of the values; by slapd's own client, as Python's takes minutes."""
    asked = "(|" + "".join(f"(description={value})" for value in values) + ")"
    command = ["ldapsearch", "-x", "-LLL", "-o", "ldif-wrap=no", "-H", directory.uri]
    who = ["-D", directory.admin_dn, "-w", directory.admin_password]
    where = ["-b", directory.people_dn, asked, "uid"]
    answer = subprocess.run([*command, *who, *where], capture_output=True, text=True, check=True)
    return [line for line in answer.stdout.splitlines() if line.startswith("dn:")]
