"""How long refusals of sign-ins take, whoever is refused, and how soon students get in."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from pydantic import SecretStr

from benchmarks.register import FIRST_NUMBER
from connector.activation.portal import Portal
from connector.activation.signing import seconds_to_wait, sign_in
from connector.desk import account as desk
from connector.errors import NotLetIn
from connector.log import setup as log
from connector.openldap.sandbox import Sandbox
from connector.settings.loading import load_settings
from connector.walk.context import open_context

LOCKS = 5  # failures after which slapd locks a provisional password
HERE = "127.0.0.1"
_UNTHROTTLED = {
    f"SCOLPASS_ACTIVATION__THROTTLE__{name}": "100000/5m"
    for name in ("ACCOUNT", "ADDRESS", "TOTAL")
}


def refusals(sandbox: Sandbox, tries: int) -> dict[str, list[tuple[float, float]]]:
    """By what is wrong: the seconds that each try took, and after which its answer leaves.

    They take turns, so that a machine that slows down slows all of them.
    """
    locked, suspended, wrong = FIRST_NUMBER, FIRST_NUMBER + 1, FIRST_NUMBER + 2
    found: dict[str, list[tuple[float, float]]] = {}
    with _portal(sandbox) as portal:
        with open_context(portal.settings, "benchmark") as context:
            desk.suspend(context, str(suspended), "for a benchmark")
        for _ in range(LOCKS):
            _refused(portal, str(locked))
        for n in range(tries):
            names = {
                "unknown": f"nobody{n}",
                "wrong": str(wrong + n // LOCKS),
                "locked": str(locked),
                "suspended": str(suspended),
            }
            for kind, name in names.items():
                took = _refused(portal, name)
                found.setdefault(kind, []).append((took, took + seconds_to_wait(0, took)))
    return found


def at_once(sandbox: Sandbox, first: int, students: int) -> float:
    """Seconds until so many students, from one number on, are in who sign in at the same time."""
    numbers = [str(first + n) for n in range(students)]
    with _portal(sandbox) as portal:
        with open_context(portal.settings, "benchmark") as context:
            sealed = context.journal.ciphertexts(numbers, "live")
            passwords = {n: context.sealer.unseal(n, sealed[n]) for n in numbers}
        began = time.perf_counter()
        with ThreadPoolExecutor(students) as pool:
            list(pool.map(lambda n: sign_in(portal, n, passwords[n], None, HERE), numbers))
        return time.perf_counter() - began


def _portal(sandbox: Sandbox) -> Portal:
    settings = load_settings(sandbox.config, os.environ | _UNTHROTTLED)
    log.configure(settings.log.model_copy(update={"file": sandbox.folder / "signin.log"}))
    return Portal(settings, lambda _: [])


def _refused(portal: Portal, name: str) -> float:
    began = time.perf_counter()
    with suppress(NotLetIn):
        sign_in(portal, name, SecretStr("sésame"), None, HERE)
    return time.perf_counter() - began
