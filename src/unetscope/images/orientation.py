"""Pictures that say how they are turned: all readers give them upright, as viewers show them."""

from __future__ import annotations

from typing import Any

#: EXIF and TIFF tag 274: whether rows and columns change places, then whether rows and columns run
#: backwards.
_TURNS = {
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}
NOTE = "the file says that it is turned; it was turned upright, as viewers show it"


def is_turned(orientation: object) -> bool:
    """Whether pixels of this orientation (tag 274) are not upright as they are stored."""
    return orientation in _TURNS


def swaps_sides(orientation: object) -> bool:
    """Whether height and width change places."""
    return isinstance(orientation, int) and orientation in (5, 6, 7, 8)


def upright(pixels: Any, orientation: object, y_axis: int, x_axis: int) -> Any:
    """``pixels`` as they are meant to be seen; a view of numpy, a lazy array of dask.

    Parameters
    ----------
    pixels
        Array of any axes, of which ``y_axis`` and ``x_axis`` are the rows and columns.
    orientation
        The value of tag 274; 1 and unknown values change nothing.
    """
    if not isinstance(orientation, int) or orientation not in _TURNS:
        return pixels
    swap, backwards_y, backwards_x = _TURNS[orientation]
    if swap:
        pixels = pixels.swapaxes(y_axis, x_axis)
    index = [slice(None)] * pixels.ndim
    index[y_axis] = slice(None, None, -1) if backwards_y else slice(None)
    index[x_axis] = slice(None, None, -1) if backwards_x else slice(None)
    return pixels[tuple(index)]
