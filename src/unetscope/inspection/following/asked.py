"""Cells, channels and pixels as they were asked for: checked, with the fix in the error."""

from __future__ import annotations

from collections.abc import Sequence

from unetscope.errors import ImageError, ModelError


def checked_cell(point: Sequence[int], shape: tuple[int, ...], layer: str) -> tuple[int, ...]:
    """``point`` as a cell ([z,] y, x) of a map of ``shape``.

    Raises
    ------
    ImageError
        If it is no cell, or lies outside the map.
    """
    cell = _whole(point)
    if cell is None:
        raise ImageError(f"point is {point!r}; give a whole number for each axis of {layer!r}.")
    if len(cell) != len(shape) or any(not 0 <= u < n for u, n in zip(cell, shape, strict=True)):
        raise ImageError(f"point {cell} lies outside the map of {layer!r}, shape {shape}.")
    return cell


def checked_channel(channel: int, count: int, layer: str) -> int:
    """``channel`` of a layer that has ``count`` of them.

    Raises
    ------
    ModelError
        If there is no such channel.
    """
    whole = _whole((channel,))
    if whole is None or not 0 <= whole[0] < count:
        raise ModelError(f"layer {layer!r} has channels 0 to {count - 1}, not {channel!r}.")
    return whole[0]


def checked_pixel(point: Sequence[float], shape: tuple[int, ...]) -> tuple[int, ...]:
    """The pixel ([z,] y, x) of an image of ``shape`` whose centre is nearest to ``point``.

    Raises
    ------
    ImageError
        If it is no point, or lies outside the image.
    """
    try:
        pixel = tuple(round(float(p)) for p in point)
    except (TypeError, ValueError, OverflowError):
        raise ImageError(f"point is {point!r}; give a number for each axis of the image.") from None
    if len(pixel) != len(shape) or any(not 0 <= p < n for p, n in zip(pixel, shape, strict=True)):
        sides = " × ".join(map(str, shape))
        raise ImageError(f"point {pixel} lies outside of the image, which is {sides} px.")
    return pixel


def _whole(numbers: Sequence[float]) -> tuple[int, ...] | None:
    try:
        values = [float(number) for number in numbers]
    except (TypeError, ValueError, OverflowError):
        return None
    return tuple(map(int, values)) if all(value.is_integer() for value in values) else None
