"""The HTTP server: uvicorn in a thread, on a socket that is bound before it starts."""

from __future__ import annotations

import socket
import threading
from collections.abc import Sequence
from types import TracebackType

import structlog
import uvicorn
from starlette.types import ASGIApp

from connector.errors import ConfigurationError
from connector.web.addresses import Network
from connector.web.connections import MOST, Config, Room

IDLE = 5  # seconds that a connection is kept between requests
GRACE = 1  # seconds that requests have to end when the server does

log = structlog.get_logger()


class WebServer:
    """One application on one address, from :meth:`start` to :meth:`stop`, or as a ``with``."""

    def __init__(
        self,
        app: ASGIApp,
        host: str,
        port: int,
        trusted: Sequence[Network] = (),
        name: str = "http.listen",
    ) -> None:
        """Prepare to listen.

        Args:
            app: the application.
            host: as `Http.host` has it.
            port: 0 takes one that is free.
            trusted: proxies, of which more connections are taken than of others.
            name: the setting that host and port come from.
        """
        self._address = host, port
        self._name = name
        self._socket: socket.socket | None = None
        self._ended = False
        self.room = Room(trusted)
        self._server = _Server(
            Config(
                app,
                self.room,
                loop="asyncio",
                ws="none",
                lifespan="off",
                interface="asgi3",
                log_config=None,
                access_log=False,
                server_header=False,
                # The peer that is logged is who connected; what a proxy says stands beside it.
                proxy_headers=False,
                # Connections are bounded by the room; this is for requests of those who have gone.
                limit_concurrency=2 * MOST,
                timeout_keep_alive=IDLE,
                timeout_graceful_shutdown=GRACE,
            )
        )
        self._thread = threading.Thread(target=self._run, name="web", daemon=True)

    def start(self) -> None:
        """Listen, and begin to answer.

        Raises:
            ConfigurationError: the address cannot be listened on.
        """
        host, port = self._address
        try:
            family, _, _, _, address = socket.getaddrinfo(
                host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
            self._socket = _at_once(socket.create_server(address[:2], family=family))
        except OSError as error:
            raise ConfigurationError(
                f"{self._name}: cannot listen on {host}, port {port}: {error.strerror or error}",
                "Name an address of this machine and a port that no other program has",
            ) from None
        self._address = host, self._socket.getsockname()[1]
        self._thread.start()
        self._server.up.wait()

    def stop(self, within: float = 3.0) -> None:
        """Accept no more connections, give requests a second to end, and close the others.

        ``within``: seconds after which one that does not end is left to itself.
        """
        self._ended = True
        self._server.should_exit = True
        if self._thread.ident is None:
            return
        self._thread.join(within)
        if self._thread.is_alive():
            log.warning("web", trouble=f"the web server has not ended within {within:.0f} s")

    def __enter__(self) -> WebServer:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def port(self) -> int:
        """The TCP port that is listened on."""
        return self._address[1]

    @property
    def alive(self) -> bool:
        """Whether it answers, or would if nobody had stopped it."""
        return self._thread.is_alive()

    def _run(self) -> None:
        assert self._socket is not None
        try:
            self._server.run(sockets=[self._socket])
        except Exception:
            log.exception("web", trouble="the web server has ended by a mistake of its own")
        finally:
            self._socket.close()
            self._server.up.set()
            if not self._ended:
                log.error("web", trouble="the web server has ended", cure="start scolpass again")


def _at_once(listening: socket.socket) -> socket.socket:
    """The same socket, whose connections send each part of an answer as soon as it is written.

    asyncio turns Nagle's algorithm off where a socket says that it speaks TCP, and one by
    `socket.create_server` does not say so: the body of an answer would wait for the other side to
    acknowledge its head, which takes 40 ms and more on a connection that is used again.
    """
    family, kind = listening.family, listening.type
    return socket.socket(family, kind, socket.IPPROTO_TCP, fileno=listening.detach())


class _Server(uvicorn.Server):
    """uvicorn's server, that says when it is up."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self.up.set()
