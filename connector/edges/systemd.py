"""Messages to the service manager, as datagrams to its socket: sd_notify(3).

Without $NOTIFY_SOCKET (started by hand, or by another supervisor) nothing is sent.
"""

from __future__ import annotations

import os
import socket
import time

import structlog

TIMEOUT = 1.0  # seconds that a full socket may hold us up

log = structlog.get_logger()


def notify(state: str) -> bool:
    """Tell the service manager, such as ``READY=1``; whether there is one and it was told.

    ``state`` holds one assignment a line. A failure is logged and stops no work.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    if address.startswith("@"):  # abstract: no file, a name that begins with a zero byte (unix(7))
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
            out.settimeout(TIMEOUT)
            out.sendto(state.encode("utf-8", "replace"), address)
    except OSError as error:
        log.warning("the service manager cannot be told", state=state, trouble=str(error))
        return False
    return True


def ready(status: str = "") -> bool:
    """Start-up, or a reload, is done."""
    return notify("\n".join(["READY=1", *_status(status)]))


def reloading() -> bool:
    """A reload begins; `ready` ends it. The time is what Type=notify-reload asks for."""
    return notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")


def stopping(status: str = "") -> bool:
    """The end begins."""
    return notify("\n".join(["STOPPING=1", *_status(status)]))


def status(text: str) -> bool:
    """The line that ``systemctl status`` shows."""
    return notify("\n".join(_status(text)))


def alive() -> bool:
    """The sign of life that WatchdogSec= waits for."""
    return notify("WATCHDOG=1")


def watchdog_interval() -> float | None:
    """Seconds between two signs of life, half of what WatchdogSec= allows; None: none is wanted.

    Half, as sd_watchdog_enabled(3) recommends; $WATCHDOG_PID may name another process than us.
    """
    try:
        allowed = int(os.environ.get("WATCHDOG_USEC", ""))
        pid = int(os.environ.get("WATCHDOG_PID", "") or os.getpid())
    except ValueError:
        return None
    return allowed / 2_000_000 if allowed > 0 and pid == os.getpid() else None


def _status(text: str) -> list[str]:
    line = " ".join(text.split())  # a line break would begin another assignment
    return [f"STATUS={line}"] if line else []
