"""The institution's colour, made legible: on white and on dark, as type and below type.

Contrast is that of WCAG 2.1 (1.4.3): 4.5 between type and what is behind it.
"""

from __future__ import annotations

_ENOUGH = 4.6  # a little more than 4.5, as a browser rounds
_LIGHT, _DARK = (0xF3, 0xF4, 0xF8), (0x1C, 0x1D, 0x23)  # what type stands on (look.css)
_WHITE, _BLACK = (255, 255, 255), (0x0D, 0x10, 0x18)

Colour = tuple[int, int, int]


def sheet(colour: str) -> bytes:
    """A style sheet with the institution's colour in place of ours; empty without one.

    Args:
        colour: ``#0b4f9e``.
    """
    if not colour:
        return b""
    given = read(colour)
    light, dark = _legible(given, _LIGHT, _BLACK), _legible(given, _DARK, _WHITE)
    return (
        f":root {{ {_rules(light, _LIGHT)} }}\n"
        f"@media screen and (prefers-color-scheme: dark) {{ :root {{ {_rules(dark, _DARK)} }} }}\n"
    ).encode()


def read(colour: str) -> Colour:
    """``#0b4f9e`` as red, green and blue."""
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return red, green, blue


def contrast(one: Colour, other: Colour) -> float:
    """The contrast of two colours, 1 to 21."""
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _rules(accent: Colour, ground: Colour) -> str:
    on_accent = _WHITE if contrast(accent, _WHITE) >= contrast(accent, _BLACK) else _BLACK
    tint = _mixed(accent, ground, 0.12)
    return (
        f"--accent: {_written(accent)}; --on-accent: {_written(on_accent)}; "
        f"--tint: {_written(tint)};"
    )


def _legible(colour: Colour, ground: Colour, towards: Colour) -> Colour:
    """A colour that can be read on a ground and on its own tint there, as near as can be."""
    for share in range(101):
        found = _mixed(towards, colour, share / 100)
        tint = _mixed(found, ground, 0.12)
        if min(contrast(found, ground), contrast(found, tint)) >= _ENOUGH:
            return found
    return towards


def _mixed(one: Colour, other: Colour, share: float) -> Colour:
    red, green, blue = (round(a * share + b * (1 - share)) for a, b in zip(one, other, strict=True))
    return red, green, blue


def _luminance(colour: Colour) -> float:
    linear = [
        part / 12.92 if (part := one / 255) <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for one in colour
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _written(colour: Colour) -> str:
    return "#" + bytes(colour).hex()
