"""Operators who sign in with the directory's password: one bind, on a connection of its own.

The same guard counts as at the first connection, before the directory is asked; a refusal tells
nothing: unknown, wrong and locked get one answer, after the same work (OWASP ASVS 5.0, V6.3.8).
"""

from __future__ import annotations

from pydantic import SecretStr

from connector.activation.guard import Guard
from connector.core.spelling import cleaned
from connector.desk.staff import Staff, staff_of
from connector.edges.ldap import student
from connector.edges.sealing import hash_argon2id
from connector.errors import NotLetIn
from connector.web.workroom import Workroom

ACTOR = "console"  # of what is asked before anybody has signed in
LONGEST = 256  # octets of a password; longer ones are not verified


def let_in(desk: Workroom, guard: Guard, login: str, password: SecretStr, address: str) -> Staff:
    """The operator whom the directory lets in.

    Whoever waits for the end of another attempt holds no context meanwhile: there are few.

    Raises:
        NotLetIn: without a reason for whoever tries.
        Busy: too many sign in at once.
        Untrustworthy: directory or journal cannot be asked; it counts as no try.
    """
    login = cleaned(login)
    with guard.attempt(login, address) as attempt:
        with desk.context(ACTOR) as context:
            staff = staff_of(context, login)
        attempt.enter(None if staff is None else f"operator {staff.login.casefold()}")
        text = password.get_secret_value()
        if staff is None or len(text.encode("utf-8", "replace")) > LONGEST:
            rules = desk.rules.provisional
            hash_argon2id(password, rules.memory_cost, rules.time_cost)  # as much work as a bind
            raise NotLetIn("unknown")
        with desk.context(ACTOR) as context:
            context.connect()
            if not student.lets_in(context.directory, staff.dn, password):
                raise NotLetIn("password")
        attempt.good = attempt.let_in = True
    return staff
