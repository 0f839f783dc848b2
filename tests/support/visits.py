"""The first connection without its pages: signing in, the steps, and the links in mails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from pydantic import SecretStr

from connector.activation import visits
from connector.activation.portal import Portal
from connector.activation.signing import SignedIn
from connector.activation.visits import Visit
from connector.edges.ldap import student
from connector.edges.ldap.reading import Directory
from connector.inbox.events import apply_to
from connector.settings.loading import load_settings
from tests.support.events import NUMBER
from tests.support.walk import Walk

NEW = "Grenouille-bleue-1912"  # the password that is chosen
FINDER = "finder@example.com"  # of whoever found the letter
OWN = "lea@laposte.net"  # of the student
Opening = Callable[..., Portal]


def begin(portal: Portal, walk: Walk, number: str = NUMBER) -> Visit:
    password = SecretStr(walk.password(number))
    return again(portal, enter(portal, walk, password, number))


def enter(portal: Portal, walk: Walk, password: SecretStr, number: str = NUMBER) -> str:
    """Sign in; what the browser holds."""
    with portal.directory() as directory:
        account, changed = directory.held_at(walk.person(number)["dn"][0])
        assert account is not None
        assert student.lets_in(directory, account.dn, password)
    signed = SignedIn(number, account.dn, account, account.must_change, changed)
    return visits.open_visit(portal, signed, password)


def again(portal: Portal, token: str) -> Visit:
    found = visits.visit(portal, token)
    assert found is not None
    return found


def sql(portal: Portal, statement: str, **values: str) -> list[Any]:
    """What stands in the journal, or is put there."""
    with portal.journal._writing("testing") as connection:
        found = connection.execute(sa.text(statement), values)
        return list(found.scalars()) if found.returns_rows else []


def change_own(walk: Walk, old: str, new: str) -> None:
    """Change one's password on another portal."""
    settings = load_settings(walk.workspace.config)
    edge = Directory(settings.directory, settings.directory_password())
    student.change_password(edge, walk.person(NUMBER)["dn"][0], SecretStr(old), SecretStr(new))


def settle(walk: Walk) -> None:
    """What the daemon does with events that have come."""
    with walk.context() as context:
        apply_to(context, [NUMBER])


def confirmed(portal: Portal, token: str) -> Visit:
    """Before the new password: the charter accepted, and mail left where it is."""
    visits.accept_charter(portal, again(portal, token))
    visits.give_forwarding(portal, again(portal, token), "", keep_copy=False)
    return again(portal, token)


def give_all(portal: Portal, visit: Visit) -> str:
    """All steps; the token after the last."""
    visits.give_backup_mail(portal, visit, "lea@laposte.net")
    visits.accept_charter(portal, visit)
    visits.give_forwarding(portal, visit, "lea@gmail.com", keep_copy=True)
    return visits.change_password(portal, again(portal, visit.token), NEW, NEW)


def sent(portal: Portal, purpose: str) -> str:
    """The link that a mail would carry."""
    [identity] = sql(portal, "SELECT id FROM links WHERE purpose = :purpose", purpose=purpose)
    return f"{identity}.{portal.signer('link').sign(identity)}"
