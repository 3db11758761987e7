"""How the axes of an opened array can be read, and how an image is described in words."""

from __future__ import annotations

from collections.abc import Sequence

from unetscope.errors import ImageError
from unetscope.images.units import length_in_words, lengths_in_words
from unetscope.session.values import ImageSummary

MAX_LIKELY_CHANNELS = 4
_TIME = {"t", "time", "frame", "frames", "timepoint", "timepoints"}
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

    A reading has one letter per axis; axes of one pixel that are left out are "1".

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
    left_out = _left_out(shape, spatial, labels)
    if left_out:
        kept = [i for i in range(len(shape)) if i not in left_out]
        names = [labels[i] for i in kept if i < len(labels)]
        inner = axes_choices([shape[i] for i in kept], rgb=rgb, labels=names)
        return tuple(_widened(axes, len(shape), left_out) for axes in inner)
    if spatial > 3 and not rgb:
        _refuse_time(shape, labels)
    if rgb and spatial in (2, 3):
        return ("yxc",) if spatial == 2 else ("zyxc",)
    if spatial == 2:
        return ("yx",)
    if spatial == 3:
        few = shape[0] <= MAX_LIKELY_CHANNELS
        choices = ("cyx", "zyx") if few else ("zyx", "cyx")
        return (*choices, "yxc") if channels_last(shape) else choices
    if spatial == 4:
        return ("czyx", "zcyx") if shape[0] <= shape[1] else ("zcyx", "czyx")
    raise ImageError(
        f"an image of shape {tuple(shape)} has {spatial} axes; show one time point or position "
        "as a layer of its own (right click on the layer ▸ Split Stack)."
    )


def channels_last(shape: Sequence[int]) -> bool:
    """Whether the last axis of an array of three looks like channels rather than x."""
    return 2 <= shape[-1] <= MAX_LIKELY_CHANNELS and min(shape[:-1]) >= 16


def reading_note(shape: Sequence[int], *, rgb: bool, labels: Sequence[str]) -> str:
    """What a person should know of how an array is read; "" where there is nothing."""
    if len(shape) != 3 or rgb:
        return ""
    if any(name.strip().lower() in _TIME for name in labels):
        return (
            f"The file calls its {shape[0]} planes time points; they are read as slices of a "
            "volume."
        )
    if channels_last(shape) and not _told(labels, rgb=rgb):
        return (
            f"The last axis has {shape[-1]} values only: if these are channels, choose "
            "“channels last” beside the picture's size."
        )
    return ""


def _left_out(shape: Sequence[int], spatial: int, labels: Sequence[str]) -> list[int]:
    """Axes of one pixel that say nothing: of more than four axes, or those named otherwise."""
    letters = [_letter(name) for name in labels]
    named = {"y", "x"} <= set(letters)
    ones = [i for i in range(spatial) if shape[i] == 1]
    if named:
        return (
            [i for i in ones if i < len(letters) and letters[i] not in ("y", "x")]
            if ("" in letters)
            else []
        )
    return [i for i in ones if i < spatial - 2] if spatial > 4 else []


def _refuse_time(shape: Sequence[int], labels: Sequence[str]) -> None:
    for name, length in zip(labels, shape, strict=False):
        if name.strip().lower() in _TIME and length > 1:
            raise ImageError(
                f"it has {length} time points; show one as a layer of its own (right click on "
                "the layer ▸ Split Stack)."
            )


def _widened(axes: str, count: int, left_out: Sequence[int]) -> str:
    """A reading of the axes that are kept, with a "1" for each that is left out."""
    letters = iter(axes)
    return "".join("1" if i in left_out else next(letters) for i in range(count))


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
    axes = axes.replace("1", "")
    words = {"cyx": "channels", "zyx": "z-stack", "yxc": "channels last"}
    return words.get(axes, _KINDS.get(axes, axes))
