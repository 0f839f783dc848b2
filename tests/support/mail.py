"""A real SMTP server on loopback that keeps the mails it takes, and may refuse, hang or be away.

with MailServer() as server:
    workspace.configure({"mail": {"enabled": True, "host": "127.0.0.1", "port": server.port}})
    ...
    assert server.messages[0]["Subject"] == "..."
"""

from __future__ import annotations

import asyncio
import ssl
import threading
import warnings
from contextlib import suppress
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from typing import Any, Self

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.support.ports import free_port
from tests.support.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Taken:
    """A mail as it arrived."""

    sender: str
    to: tuple[str, ...]
    content: bytes


class MailServer:
    """Listens on a free port of loopback; what it takes is in ``messages`` and ``taken``."""

    def __init__(self) -> None:
        self.port = free_port()
        self.taken: list[Taken] = []
        self.tries = 0  # mails whose sending began
        self.says: dict[str, str] = {}  # to a recipient: such as "550 5.1.1 no such user"
        self.says_at_end: str | None = None  # to a whole mail
        self.hangs = False  # takes a mail and never answers
        self.tls: ssl.SSLContext | None = None  # offers STARTTLS
        self.user: tuple[str, str] | None = None  # takes mails from this one, by name and password
        self.logins: list[tuple[str, bool]] = []  # who tried, and whether by TLS
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="smtp", daemon=True)
        self._server: asyncio.Server | None = None
        self._sessions: set[asyncio.Transport] = set()
        self._over = asyncio.Event()

    @property
    def messages(self) -> list[EmailMessage]:
        """The mails it took, parsed."""
        found = []
        for one in self.taken:
            message = message_from_bytes(one.content, policy=SMTP_POLICY)
            assert isinstance(message, EmailMessage)
            found.append(message)
        return found

    def told_by(self, workspace: Workspace) -> None:
        """Have a workspace's alerts sent here."""
        workspace.configure(
            {
                "mail": {"enabled": True, "host": "127.0.0.1", "port": self.port},
                "alerts": {"to": ["exploitation@example.org"]},
            }
        )

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self.start()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.stop()
        finally:
            self._end()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def start(self) -> None:
        """Listen; after `stop` on the same port again."""
        self._run(self._listen())

    def stop(self) -> None:
        """Be away: nobody listens, and whoever was connected is cut off."""
        self._run(self._leave())

    def _run(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(20)

    async def _listen(self) -> None:
        self._over = asyncio.Event()
        self._server = await self._loop.create_server(self._session, "127.0.0.1", self.port)

    async def _leave(self) -> None:
        if self._server is None:
            return
        self._server.close()
        self._over.set()
        for transport in list(self._sessions):
            transport.abort()
        await self._server.wait_closed()
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            for task in others:
                task.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.gather(*others, return_exceptions=True)
        self._server = None

    def _session(self) -> SMTP:
        options: dict[str, Any] = {"tls_context": self.tls}
        if self.user is not None:
            options |= {"authenticator": self._login, "auth_required": True}
            options["auth_require_tls"] = self.tls is not None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of logins without TLS, which loopback may do
            return _Protocol(self._sessions, self, hostname="mail.test", loop=self._loop, **options)

    def _login(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        found = (data.login.decode(), data.password.decode())
        self.logins.append((found[0], session.ssl is not None))
        return AuthResult(success=found == self.user)

    # --- what aiosmtpd asks its handler ---

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        said = self.says.get(address, "250 OK")
        if said.startswith("2"):
            envelope.rcpt_tos.append(address)
        return said

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        self.tries += 1
        if self.hangs:
            await self._over.wait()
        if self.says_at_end is not None:
            return self.says_at_end
        assert isinstance(envelope.content, bytes)
        self.taken.append(
            Taken(str(envelope.mail_from), tuple(envelope.rcpt_tos), envelope.content)
        )
        return "250 OK"


class _Protocol(SMTP):
    """One session, which its server can cut off."""

    def __init__(self, sessions: set[asyncio.Transport], *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._sessions = sessions
        self._mine: asyncio.Transport | None = None

    def connection_made(self, transport: Any) -> None:
        self._mine = transport
        self._sessions.add(transport)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        if self._mine is not None:
            self._sessions.discard(self._mine)
        super().connection_lost(error)
