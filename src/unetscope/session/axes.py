"""How the axes of an opened array can be read, and how an image is described in words."""

from __future__ import annotations

from collections.abc import Sequence

from unetscope.errors import ImageError
from unetscope.images.units import length_in_words, lengths_in_words
from unetscope.session.values import ImageSummary

MAX_LIKELY_CHANNELS = 4
_KINDS = {
    "zyx": "z-stack",
    "cyx": "channels",
    "yx": "grey",
    "yxc": "RGB",
    "zyxc": "RGB z-stack",
    "zcyx": "z-stack, channels second",
    "czyx": "z-stack, channels first",
}


def axes_choices(shape: Sequence[int], *, rgb: bool, labels: Sequence[str] = ()) -> tuple[str, ...]:
    """The readings of an array, the likeliest first; more than one: the user may choose.

    Parameters
    ----------
    shape
        Of the stored array, with the colour axis of an RGB image.
    rgb
        Whether the last axis is colour.
    labels
        Axis names as the file gave them; they decide where they name every axis.

    Raises
    ------
    ImageError
        If there are axes beyond z, y, x and channels.
    """
    told = _told(labels, rgb=rgb)
    if told and len(told) == len(shape):
        return (told,)
    spatial = len(shape) - 1 if rgb else len(shape)
    if rgb and spatial in (2, 3):
        return ("yxc",) if spatial == 2 else ("zyxc",)
    if spatial == 2:
        return ("yx",)
    if spatial == 3:
        few = shape[0] <= MAX_LIKELY_CHANNELS
        return ("cyx", "zyx") if few else ("zyx", "cyx")
    if spatial == 4:
        return ("czyx", "zcyx") if shape[0] <= shape[1] else ("zcyx", "czyx")
    raise ImageError(
        f"an image of shape {tuple(shape)} has {spatial} axes; show one time point or position "
        "as a layer of its own (right click on the layer ▸ Split Stack)."
    )


def _told(labels: Sequence[str], *, rgb: bool) -> str:
    """Axes named by the file, "" unless every one is z, y, x or c."""
    short = "".join(_letter(name) for name in labels)
    known = len(short) == len(labels) and {"y", "x"} <= set(short) and len(set(short)) == len(short)
    if not known or short.replace("c", "") not in ("yx", "zyx"):
        return ""
    return f"{short}c" if rgb and "c" not in short else short


def _letter(name: str) -> str:
    """The axis a name stands for, "" for names that say nothing (such as "-1")."""
    lowered = name.strip().lower()
    if lowered in ("c", "channel", "channels"):
        return "c"
    return lowered if lowered in ("z", "y", "x") else ""


def kind_in_words(axes: str, channels: int) -> str:
    """ "grey", "RGB", "3 channels", "z-stack" …"""
    if axes == "cyx":
        return f"{channels} channels"
    kind = _KINDS.get(axes, axes)
    return kind.replace("channels", f"{channels} channels")


def image_in_words(image: ImageSummary) -> str:
    """ "512 × 512 · 4.6 nm/px · grey", sizes as x × y (× z)."""
    size = " × ".join(str(n) for n in reversed(image.spatial_shape))
    parts = [size, pixel_size_in_words(image)]
    if len(image.choices) < 2:
        parts.append(kind_in_words(image.axes, image.channels))
    return " · ".join(part for part in parts if part)


def pixel_size_in_words(image: ImageSummary) -> str:
    """ "4.6 nm/px", with z apart where it differs; "" when unknown."""
    if image.pixel_size is None or image.unit is None:
        return ""
    *before, high, wide = image.pixel_size
    text = f"{lengths_in_words([wide, high], image.unit)}/px"
    if before and abs(before[0] / wide - 1) > 0.01:
        text += f", z {length_in_words(before[0], image.unit)}"
    return text


def choice_in_words(axes: str) -> str:
    """A reading as an entry of a list to choose from."""
    return {"cyx": "channels", "zyx": "z-stack"}.get(axes, _KINDS.get(axes, axes))
