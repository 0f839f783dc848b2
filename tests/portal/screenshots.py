"""Makes the pictures of docs/first-connection.md anew: ``python -m tests.portal.screenshots``."""

from __future__ import annotations

import math
import shutil
import struct
import tempfile
import zlib
from collections import Counter
from pathlib import Path

from playwright.sync_api import sync_playwright

from connector.activation.visits import Step
from connector.web.portal.routes import PATHS, START
from tests.portal.common import open_site
from tests.portal.conftest import QUIET
from tests.portal.walking import here, make, sign_in
from tests.support.directory import LocalDirectory
from tests.support.walk import student

PICTURES = Path(__file__).parents[2] / "docs/premiere-connexion"
LARGEST = 60_000  # octets


def main() -> None:
    """Walk through the pages once, as Léa Martin, and keep what she sees."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        directory = LocalDirectory(folder / "directory")
        try:
            _walk(folder, directory)
        finally:
            directory.remove()
    for picture in PICTURES.glob("*.png"):
        picture.write_bytes(packed(picture.read_bytes()))
        assert picture.stat().st_size < LARGEST, picture


def packed(png: bytes) -> bytes:
    """Almost the same picture in 256 colours (PNG, 9 to 11), at half the size or less."""
    width, height, depth, colours = struct.unpack_from(">IIBB", png, 16)
    assert (depth, colours) == (8, 2), "true colours, as Chromium makes them"
    lines = _lines(png, width * 3)
    pixels = [line[at : at + 3] for line in lines for at in range(0, width * 3, 3)]
    palette = [colour for colour, _ in Counter(pixels).most_common(256)]
    # The others are the soft edges of letters.
    number = {
        colour: min(range(len(palette)), key=lambda one: math.dist(palette[one], colour))
        for colour in set(pixels)
    }
    numbers = bytes(number[pixel] for pixel in pixels)
    rows = b"".join(b"\0" + numbers[at : at + width] for at in range(0, len(numbers), width))
    return png[:8] + b"".join(
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in (
            (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
            (b"PLTE", b"".join(palette)),
            (b"IDAT", zlib.compress(rows, 9)),
            (b"IEND", b""),
        )
    )


def _lines(png: bytes, length: int) -> list[bytes]:
    """The lines of a picture of three octets a pixel, without their filters."""
    place, deflated = 8, b""
    while place < len(png):
        size, kind = struct.unpack_from(">I4s", png, place)
        deflated += png[place + 8 : place + 8 + size] if kind == b"IDAT" else b""
        place += 12 + size
    raw = zlib.decompress(deflated)
    lines = [bytes(length)]
    for at in range(0, len(raw), length + 1):
        line, above = bytearray(raw[at + 1 : at + 1 + length]), lines[-1]
        for n, value in enumerate(line):
            left, corner = (line[n - 3], above[n - 3]) if n >= 3 else (0, 0)
            line[n] = (value + _predicted(raw[at], left, above[n], corner)) % 256
        lines.append(bytes(line))
    return lines[1:]


def _predicted(kind: int, left: int, up: int, corner: int) -> int:
    nearest = min((left, up, corner), key=lambda one: abs(left + up - corner - one))
    return (0, left, up, (left + up) // 2, nearest)[kind]


def _walk(folder: Path, directory: LocalDirectory) -> None:
    with (
        open_site(folder / "workspace", directory, [student("22600001")]) as site,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium") or shutil.which("chromium-browser"),
            args=list(QUIET),
        )
        page = browser.new_page(
            base_url=site.url, locale="fr-FR", viewport={"width": 640, "height": 600}
        )
        who = site.student()

        def take(name: str) -> None:
            page.mouse.move(0, 0)
            page.screenshot(path=PICTURES / f"{name}.png", full_page=True)

        page.goto(START)
        page.fill("[name=identifier]", who.login)
        take("1-identifiants")
        sign_in(page, who)
        here(page, PATHS[Step.BACKUP_MAIL])
        page.fill("[name=backup_mail]", "lea.martin@laposte.net")
        take("2-adresse-de-secours")
        make(page, Step.BACKUP_MAIL, "lea.martin@laposte.net")
        page.check("[name=charter]")
        take("3-charte")
        make(page, Step.CHARTER)
        page.fill("[name=forward_to]", "lea.martin@example.org")
        page.check("[name=keep_copy]")
        take("4-redirection")
        make(page, Step.FORWARDING, "lea.martin@example.org", copy=True)
        page.locator("[name=new_password]").press_sequentially("cigale")
        page.locator("[data-rule=digit].broken").wait_for()
        take("5-mot-de-passe")
        make(page, Step.PASSWORD)
        site.wait_active(who)
        page.reload()
        take("6-termine")
        browser.close()


if __name__ == "__main__":
    main()
