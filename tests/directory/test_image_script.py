"""The image's script says in slapd's words what the Python of the definition says."""

from __future__ import annotations

import subprocess

import pytest

from connector.core import peers
from connector.resources import deploy_folder

ORIGINS = (
    "127.0.0.1",
    "10.0.0.0/8",
    "192.0.2.64/27",
    "::1",
    "2001:db8::/32",
    "/var/run/slapd/ldapi",
    "10.1.2.0/23",
    "2001:db8:1:2::/63",
    "128.0.0.0/1",
)


@pytest.mark.parametrize("origin", ORIGINS)
def test_it_names_a_place_as_the_core_does(origin: str) -> None:
    script = (deploy_folder() / "entrypoint.sh").read_text()
    functions = script[script.index("# The mask of a network") : script.index("# The definition's")]
    done = subprocess.run(
        [
            "sh",
            "-euc",
            f'fail() {{ echo "$1"; exit 1; }}\n{functions}\npeername "$1"',
            "sh",
            origin,
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    said = done.stdout.strip()
    (read,) = peers.read_rule(f"to * by anonymous {said} auth").origins("anonymous", "auth") or ()
    assert read == peers.spelled(origin)
    assert said.partition("%")[0].rstrip('"') == peers.peername(origin).partition("%")[0].rstrip(
        '"'
    )
