"""Who asks: an operator, known to the API by a bearer token, to the console by a session."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from connector.core.roles import Permission, Role


@dataclass(frozen=True, slots=True)
class Operator:
    """Somebody who works with students' accounts, or a program that does so.

    ``name`` is what the history says of who acted; ``id`` tells one token or session from another
    of the same name, and is no secret.
    """

    name: str
    role: Role | None  # None: signed in, and without any right at the moment
    way: Literal["token", "session"]
    id: str = field(repr=False)

    def may(self, permission: Permission) -> bool:
        """Whether the operator has this permission now."""
        return self.role is not None and self.role.may(permission)
