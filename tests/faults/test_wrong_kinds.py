"""The daemon begins with what it was configured with, or ends at once and says what is wrong."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.walk import Walk

pytestmark = pytest.mark.timeout(240)

# By what stands wrong, the configuration's section and key, or None for a place of its own.
PLACES: dict[str, tuple[str, str] | None] = {
    "charter/fr.txt": None,
    "mail/fr": None,
    "logo.png": ("institution", "logo"),
    "place": ("events.spool", "path"),
    "secret": ("keys", "file"),
    "webhooks": ("events.webhook", "secrets_file"),
    "alerts": ("alerts", "webhook_url_file"),
}


def a_folder(path: Path) -> None:
    path.mkdir()


def a_pipe(path: Path) -> None:
    os.mkfifo(path, 0o600)


CASES = [(name, thing) for name in PLACES for thing in (a_folder, a_pipe)]
CASES = [case for case in CASES if case not in (("mail/fr", a_folder), ("place", a_folder))]


@pytest.mark.parametrize(("name", "thing"), CASES)
def test_the_daemon_ends_at_once(walk: Walk, name: str, thing: Callable[[Path], None]) -> None:
    path = walk.workspace.folder / name
    path.parent.mkdir(exist_ok=True)
    if name == "charter/fr.txt":
        path.with_name("en.txt").write_text("Charter\n\nBe kind.\n", encoding="utf-8")
    thing(path)
    place = PLACES[name]
    if place is not None:
        section, key = place
        table: dict[str, object] = {key: name}
        for part in reversed(section.split(".")):
            table = {part: table}
        walk.workspace.configure(table)
    ended = walk.workspace.scolpass("run", timeout=60, SCOLPASS_HTTP__LISTEN="127.0.0.1:0")
    assert ended.returncode == 2, ended.stderr[-2000:]
    assert name in ended.stderr
    assert "Traceback" not in ended.stderr
