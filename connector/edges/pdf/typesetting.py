"""Letters on paper: data and an institution's templates become a PDF.

The templates are Typst's (https://typst.app/docs), compiled in this process; they read nothing
outside their folder and are given the data as one JSON text, which they cannot take for markup.
What no installed font can show is found before it is printed: Typst would print a box.
"""

from __future__ import annotations

import io
import json
import re
import struct
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import segno
import typst

from connector.errors import ConfigurationError, UsageError
from connector.settings.plain_files import read_plain

BASE_FAMILY = "Noto Sans"  # what the templates are set in
BASE_PACKAGE = "fonts-noto-core"
# Debian's packages by the beginning of a character's Unicode name; all other scripts are in the
# base's.
_PACKAGES = {
    "CJK": "fonts-noto-cjk",
    "KANGXI": "fonts-noto-cjk",
    "HIRAGANA": "fonts-noto-cjk",
    "KATAKANA": "fonts-noto-cjk",
    "HALFWIDTH": "fonts-noto-cjk",
    "FULLWIDTH": "fonts-noto-cjk",
    "HANGUL": "fonts-noto-cjk",
    "BOPOMOFO": "fonts-noto-cjk",
    "IDEOGRAPHIC": "fonts-noto-cjk",
}
# `#import "@preview/..."` would have Typst fetch a package from the network.
_PACKAGE_IMPORT = re.compile(r'"@[\w-]')

Letter = Mapping[str, Any]


class Press:
    """Prints letters of one language from one folder of templates."""

    def __init__(self, templates: Path, language: str, common: Mapping[str, str]) -> None:
        """Read fonts and templates.

        Args:
            templates: the folder with ``LANGUAGE.typ`` and what it imports.
            language: the template's name.
            common: what all the letters say; ``sign_in`` becomes the QR code.

        Raises:
            UsageError: there is no template of that language.
            ConfigurationError: a font is missing, or a template asks for a package.
        """
        source = templates / f"{language}.typ"
        known = sorted(p.stem for p in templates.glob("??.typ"))
        if language not in known:
            raise UsageError(
                f"there are no letters in {language!r}", f"Choose from: {', '.join(known) or '-'}."
            )
        for file in sorted(templates.rglob("*.typ")):
            if _PACKAGE_IMPORT.search(_read(file)):
                raise ConfigurationError(
                    f"{file}: a template that asks for a package would fetch it from the network",
                    "Remove what begins with \"@, or copy the package's files into the folder.",
                )
        self._templates = templates
        self._common = {**common, "qr": _qr(common["sign_in"])}
        fonts, self._coverage = _installed()
        self._compiler = typst.Compiler(str(source), root=str(templates), font_paths=fonts)

    def lacking(self, letter: Letter) -> str | None:
        """What of a letter no installed font can show, with the package that can; None: nothing."""
        for text in _texts(letter):
            for cluster in _clusters(text):
                if not self._coverage.shows(cluster):
                    named = " ".join(f"U+{ord(character):04X}" for character in cluster)
                    return f"no installed font shows {named}; {_package(cluster[0])}"
        return None

    def print(self, letters: Sequence[Letter]) -> bytes:
        """A PDF with one page for each letter.

        Raises:
            ConfigurationError: the templates are at fault, or a font they name is missing.
        """
        data = json.dumps({**self._common, "students": list(letters)})
        try:
            pdf, warnings = self._compiler.compile_with_warnings(
                format="pdf", pdf_tags=False, sys_inputs={"letters": data}
            )
        except typst.TypstError as error:
            # The diagnostic quotes the template; the message alone cannot quote the data.
            raise ConfigurationError(
                f"the letters' templates in {self._templates} cannot be printed: {error.message}",
                "See what was last changed there; the shipped ones are in config/letters.",
            ) from None
        for warning in warnings:
            raise ConfigurationError(
                f"the letters' templates in {self._templates}: {warning.message}",
                f"The shipped ones need Debian's {BASE_PACKAGE}.",
            )
        assert isinstance(pdf, bytes)
        return pdf


def _read(template: Path) -> str:
    try:
        return read_plain(template).decode(errors="replace")
    except OSError as error:
        raise ConfigurationError(
            f"the letters' template {template} cannot be read: {error.strerror}",
            "Make it a file that the user of scolpass may read; "
            "the shipped ones are in config/letters.",
        ) from error


# --- characters -----------------------------------------------------------------------------------


@cache
def _installed() -> tuple[typst.Fonts, _Coverage]:
    """The machine's fonts, which take a third of a second to read: once for all languages."""
    fonts = typst.Fonts()
    return fonts, _Coverage(fonts)


def _qr(url: str) -> str:
    """A QR code as SVG, error correction M: it is read from creased paper."""
    image = io.BytesIO()
    segno.make(url, error="m", micro=False).save(image, kind="svg", border=0, xmldecl=False)
    return image.getvalue().decode()


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, Sequence):
        for part in value:
            yield from _texts(part)


def _clusters(text: str) -> Iterator[str]:
    """The characters of a text with the marks that sit on them; without what is invisible."""
    cluster = ""
    for character in unicodedata.normalize("NFC", text):
        kind = unicodedata.category(character)
        if kind == "Cf" or character.isspace() or "\ufe00" <= character <= "\ufe0f":
            continue
        if cluster and kind.startswith("M"):
            cluster += character
            continue
        if cluster:
            yield cluster
        cluster = character
    if cluster:
        yield cluster


def _package(character: str) -> str:
    """What to install for a character, in words."""
    name = unicodedata.name(character, "")
    if not name:
        return "it is not a character of any script: correct it in the register"
    package = _PACKAGES.get(name.split()[0].partition("-")[0], BASE_PACKAGE)
    return f"install Debian's {package} (or, for rare scripts, fonts-noto-extra)"


class _Coverage:
    """Which characters the installed fonts have. A font's table is read when it is first needed."""

    def __init__(self, fonts: typst.Fonts) -> None:
        files: dict[tuple[str, int], bool] = {}
        for font in fonts.fonts():
            if font.path is not None and font.weight == 400:
                files.setdefault((font.path, font.index), font.family == BASE_FAMILY)
        base = [key for key, is_base in files.items() if is_base]
        if not base:
            raise ConfigurationError(
                f"the font {BASE_FAMILY!r} is not installed", f"Install Debian's {BASE_PACKAGE}."
            )
        self._order = [*base, *(key for key in sorted(files) if key not in base)]
        self._tables: dict[tuple[str, int], _Ranges] = {}
        self._shown: dict[str, bool] = {}

    def shows(self, cluster: str) -> bool:
        """Whether one font has all the characters of a cluster: marks are not put on another's."""
        if cluster not in self._shown:
            self._shown[cluster] = any(
                all(character in self._table(key) for character in cluster) for key in self._order
            )
        return self._shown[cluster]

    def _table(self, key: tuple[str, int]) -> _Ranges:
        if key not in self._tables:
            self._tables[key] = _characters(*key)
        return self._tables[key]


class _Ranges:
    """Code points in ascending order, as ranges."""

    def __init__(self, code_points: Iterable[int] = ()) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        for one in code_points:
            if self._ends and one == self._ends[-1] + 1:
                self._ends[-1] = one
            else:
                self._starts.append(one)
                self._ends.append(one)

    def __contains__(self, character: str) -> bool:
        place = bisect_right(self._starts, ord(character)) - 1
        return place >= 0 and ord(character) <= self._ends[place]


def _characters(path: str, index: int) -> _Ranges:
    """The characters that a font has; a broken one has none."""
    # Imported where it is needed: a command that prints nothing does not wait for it.
    from fontTools.ttLib import TTFont, TTLibError  # type: ignore[import-untyped]

    try:
        with Path(path).open("rb") as file, TTFont(file, fontNumber=index, lazy=True) as font:
            # Without this, the names of all its glyphs would be read to answer.
            font.setGlyphOrder([""] * font["maxp"].numGlyphs)
            found = _Ranges(sorted(font.getBestCmap() or ()))
            font.tables.clear()  # its parts hold each other, and a large font's hold much
            return found
    except (OSError, TTLibError, struct.error, LookupError, AssertionError, ValueError):
        return _Ranges()
