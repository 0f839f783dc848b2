"""An institution's colour can be read wherever it is used, whatever it is."""

from __future__ import annotations

import re
from itertools import product

from hypothesis import example, given
from hypothesis import strategies as st

from connector.web.assets import LOOK
from connector.web.colours import contrast, read, sheet

COLOURS = st.binary(min_size=3, max_size=3).map(lambda raw: f"#{raw.hex()}")
NAME = re.compile(r"--([\w-]+): (#[0-9a-f]{6}|#fff)\b")


def themes(text: str) -> list[dict[str, str]]:
    """The names of colours in the light and in the dark."""
    light, _, dark = text.partition("prefers-color-scheme: dark")
    return [
        {name: value if len(value) == 7 else "#ffffff" for name, value in NAME.findall(part)}
        for part in (light, dark)
    ]


OURS = themes((LOOK / "look.css").read_text(encoding="utf-8"))


@given(COLOURS)
@example("#000000")
@example("#ffffff")
@example("#ffed00")
def test_any_colour_is_legible_as_type_and_below_type_in_the_light_and_in_the_dark(
    colour: str,
) -> None:
    for ours, theirs in zip(OURS, themes(sheet(colour).decode()), strict=True):
        accent = read(theirs["accent"])
        for ground in (ours["paper"], ours["band"], ours["sunk"], theirs["tint"]):
            assert contrast(accent, read(ground)) >= 4.5, (colour, ground)
        assert contrast(accent, read(theirs["on-accent"])) >= 4.5


def test_our_own_colours_are_legible_on_whatever_they_stand_on() -> None:
    for theme in OURS:
        grounds = [theme[name] for name in ("paper", "band", "sunk")]
        for name, ground in product(("ink", "soft", "accent", "good", "wait", "bad"), grounds):
            assert contrast(read(theme[name]), read(ground)) >= 4.5, (name, ground)
        for name in ("good", "wait", "bad"):
            assert contrast(read(theme[name]), read(theme[f"{name}-band"])) >= 4.5, name
        for ground in grounds:
            assert contrast(read(theme["line"]), read(ground)) >= 3, ground


def test_a_colour_that_can_be_read_stays_as_it_is() -> None:
    assert "--accent: #0b4f9e" in sheet("#0b4f9e").decode()
    assert sheet("") == b""
