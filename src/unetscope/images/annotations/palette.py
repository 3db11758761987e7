"""The colours of classes that have none of their own: the same in files and on screen."""

from __future__ import annotations

from colorsys import hsv_to_rgb

# Okabe and Ito (2008), "Color Universal Design": colours that stay apart for colour-blind people.
# Blue comes first, for class 1 is usually the background; black is left out because EM is dark.
# Wine (P. Tol) takes the place of grey, which deuteranopes take for the pink.
PALETTE = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#CC79A7",
    "#F0E442",
    "#56B4E9",
    "#D55E00",
    "#882255",
    # Chosen one after the other as far as can be from those before, from black, white and grey, as
    # everybody and colour-blind people see them (CIEDE2000 after Machado 2009).
    "#004B00",
    "#0000C8",
    "#96FAAF",
    "#9664FA",
    "#C80032",
    "#FAC8FA",
    "#4B4B7D",
    "#96AF64",
    "#C819AF",
    "#967D4B",
    "#FAAFAF",
    "#194BFA",
)
_GOLDEN = 0.6180339887498949  # turns of the hue: new ones fall into the widest gaps


def default_color(value: int) -> str:
    """The colour (``#RRGGBB``) of a class of which nothing is known but its value, 1 or more."""
    return PALETTE[value - 1] if 1 <= value <= len(PALETTE) else hued(value)


def hued(step: int) -> str:
    """A hue of its own for each ``step``, in three degrees of brightness."""
    red, green, blue = hsv_to_rgb(step * _GOLDEN % 1, 0.75, (0.95, 0.75, 0.55)[step % 3])
    return f"#{round(255 * red):02X}{round(255 * green):02X}{round(255 * blue):02X}"
