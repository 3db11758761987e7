"""A micrograph: pixels with named axes and a physical pixel size.

Every array that enters unetscope becomes a :class:`Micrograph` first; what cannot be told from
the array (is the third axis z or channels?) is asked for, never guessed.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unetscope.errors import ImageError
from unetscope.images.units import normalise_unit

AXES = "czyx"
#: Above this many pixels a sample is read in blocks, so that a large file is not read in full.
WHOLE_READ_PX = 32_000_000
_BLOCK_PX = 64
_READ_ERRORS = (OSError, RuntimeError, ValueError, KeyError, EOFError, zlib.error)


@dataclass(frozen=True, eq=False)
class Micrograph:
    """Pixels, the meaning of their axes, and the size of a pixel.

    Parameters
    ----------
    pixels
        numpy, dask or zarr array (anything with ``shape``, ``dtype`` and slicing); never copied
        and, where it is lazy, never read as a whole.
    axes
        One letter per array axis out of ``c``, ``z``, ``y``, ``x``; the spatial ones in the
        order z, y, x.
    pixel_size
        Size of a pixel along each of :attr:`spatial_axes`, in ``unit``; None when unknown.
    unit
        "nm", "µm", ...; None when unknown.
    name
        What the image is called on screen.
    notes
        What a person should know about the reading: what was left out, guessed or turned. They
        reach the window, the command line and the metadata of results.

    Raises
    ------
    ImageError
        If axes, shape, dtype or pixel size do not fit together.
    """

    pixels: Any
    axes: str
    pixel_size: tuple[float, ...] | None = None
    unit: str | None = None
    name: str = ""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_axes(self.axes, tuple(self.pixels.shape))
        _check_pixels(self.pixels)
        object.__setattr__(self, "unit", normalise_unit(self.unit))
        if self.pixel_size is not None:
            sizes = _checked_pixel_size(self.pixel_size, self.spatial_axes)
            object.__setattr__(self, "pixel_size", sizes)

    @property
    def spatial_axes(self) -> str:
        """The axes that are not channels: "yx" or "zyx"."""
        return self.axes.replace("c", "")

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the array as it is stored."""
        return tuple(int(n) for n in self.pixels.shape)

    @property
    def spatial_shape(self) -> tuple[int, ...]:
        """Pixels along :attr:`spatial_axes`."""
        return tuple(n for axis, n in zip(self.axes, self.shape, strict=True) if axis != "c")

    @property
    def is_rgb(self) -> bool:
        """True for colour images, whose last axis holds 3 (RGB) or 4 (RGBA) channels."""
        return self.axes.endswith("c") and self.shape[-1] in (3, 4)

    @property
    def channels(self) -> int:
        """Number of channels that are looked at; the alpha of RGBA is left out."""
        if "c" not in self.axes:
            return 1
        return 3 if self.is_rgb else self.shape[self.axes.index("c")]

    @property
    def depth(self) -> int:
        """Number of z planes; 1 for an image without z."""
        return self.shape[self.axes.index("z")] if "z" in self.axes else 1

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of what :meth:`plane` returns (bool images are read as uint8)."""
        stored = np.dtype(self.pixels.dtype)
        return np.dtype(np.uint8) if stored.kind == "b" else stored

    def plane(self, z: int = 0, region: tuple[slice, slice] | None = None) -> NDArray[Any]:
        """Pixels of one z plane as (c, y, x) in the original dtype; only ``region`` is read.

        Parameters
        ----------
        z
            Plane index, 0 to :attr:`depth` - 1.
        region
            (y, x) slices with step 1, in pixels; None reads the whole plane.

        Raises
        ------
        ImageError
            If ``z`` or ``region`` lies outside the image, or the pixels cannot be read.
        """
        if not 0 <= z < self.depth:
            raise ImageError(f"plane z={z} does not exist: the image has z=0 to {self.depth - 1}")
        rows, columns = region if region is not None else (slice(None), slice(None))
        y_px, x_px = self.spatial_shape[-2:]
        wanted = {"z": z, "y": _checked_slice(rows, y_px, "y")}
        wanted["x"] = _checked_slice(columns, x_px, "x")
        return self._read(wanted)

    def sample_pixels(self, limit: int = 1_000_000) -> NDArray[Any]:
        """A fixed sample of at most ``limit`` pixels spread over the whole image, as (c, n).

        The choice depends on the shape alone: numpy, dask and zarr copies of one image give the
        same sample. Small images are returned whole; large ones as a regular grid of pixels,
        very large ones as a regular grid of blocks, so that a lazy file is not read in full.
        """
        limit = max(1, int(limit))
        if math.prod(self.spatial_shape) <= max(limit, WHOLE_READ_PX):
            return self._read(self._strides(limit)).reshape(self.channels, -1)
        return self._sample_blocks(limit)

    def _strides(self, limit: int) -> dict[str, slice]:
        """Slices with the smallest steps that leave at most ``limit`` pixels."""
        sizes, steps = list(self.spatial_shape), [1] * len(self.spatial_shape)
        counts = list(sizes)
        while math.prod(counts) > limit:
            widest = counts.index(max(counts))
            steps[widest] += max(1, steps[widest] // 8)
            counts[widest] = -(-sizes[widest] // steps[widest])
        return {a: slice(0, None, s) for a, s in zip(self.spatial_axes, steps, strict=True)}

    def _sample_blocks(self, limit: int) -> NDArray[Any]:
        """Blocks on a regular grid through planes, rows and columns, as (c, n)."""
        blocks = max(1, limit // _BLOCK_PX**2)
        planes = min(self.depth, max(1, math.isqrt(blocks)))
        per_side = max(1, math.isqrt(blocks // planes))
        y_px, x_px = self.spatial_shape[-2:]
        side = max(1, min(_BLOCK_PX, math.isqrt(limit)))
        found = []
        for z in _spread(self.depth, 1, planes):
            for y in _spread(y_px, side, per_side):
                for x in _spread(x_px, side, per_side):
                    block = self.plane(
                        z, (slice(y, min(y + side, y_px)), slice(x, min(x + side, x_px)))
                    )
                    found.append(block.reshape(self.channels, -1))
        return np.concatenate(found, axis=1)[:, :limit]

    def _read(self, wanted: dict[str, Any]) -> NDArray[Any]:
        """Read what ``wanted`` says per spatial axis, channels first: (c, ...)."""
        if self.is_rgb:
            wanted = {**wanted, "c": slice(0, 3)}
        index = tuple(wanted.get(axis, slice(None)) for axis in self.axes)
        try:
            found = np.asarray(self.pixels[index])
        except _READ_ERRORS as error:
            raise ImageError(
                f"the pixels of {self.name or 'the image'} cannot be read: {error}; "
                "check that its file is complete and still in place"
            ) from error
        kept = [a for a, i in zip(self.axes, index, strict=True) if isinstance(i, slice)]
        found = np.moveaxis(found, kept.index("c"), 0) if "c" in kept else found[np.newaxis]
        return found.astype(np.uint8) if found.dtype.kind == "b" else found


def as_micrograph(
    obj: Any,
    axes: str | None = None,
    pixel_size: Sequence[float] | None = None,
    unit: str | None = None,
    name: str = "",
) -> Micrograph:
    """A :class:`Micrograph` of ``obj``, with axes told or inferred where they are unambiguous.

    Parameters
    ----------
    obj
        A Micrograph (returned unchanged) or a numpy, dask or zarr array of any integer or float
        dtype; bool images are read as uint8.
    axes
        Needed where the shape is ambiguous. Without it (y, x), (y, x, 3 or 4) and
        (up to 8 channels, y, x) are understood.
    pixel_size, unit, name
        As in :class:`Micrograph`.

    Raises
    ------
    ImageError
        If the shape is ambiguous or the array cannot be an image.
    """
    if isinstance(obj, Micrograph):
        if axes is not None and axes.lower() != obj.axes:
            raise ImageError(
                f"axes={axes!r} was given for an image that already has axes "
                f"{obj.axes!r}; leave axes out or give the bare array"
            )
        return obj
    pixels = _as_array(obj)
    _check_pixels(pixels)
    shape = tuple(int(n) for n in pixels.shape)
    told = axes.lower() if axes is not None else infer_axes(shape, np.dtype(pixels.dtype))
    if isinstance(pixels, np.ndarray) and pixels.dtype.kind == "b":
        pixels = pixels.view(np.uint8)
    sizes = None if pixel_size is None else tuple(float(s) for s in pixel_size)
    return Micrograph(pixels, told, sizes, unit, name)


def infer_axes(shape: tuple[int, ...], dtype: np.dtype[Any]) -> str:
    """The axes of an array whose shape leaves only one reading; ImageError where it leaves more."""
    if len(shape) == 2:
        return "yx"
    if len(shape) == 3:
        if shape[-1] in (3, 4) and shape[0] not in (2, 3, 4) and _may_be_colour(dtype):
            return "yxc"
        if shape[0] <= 8 < shape[-1]:
            return "cyx"
        choices = 'axes="zyx" for a volume, "cyx" for channels first, "yxc" for channels last'
    elif len(shape) == 4:
        choices = 'axes="zcyx", "czyx" or "zyxc"'
    else:
        raise ImageError(
            f"an image of shape {shape} has {len(shape)} axes; give one image with "
            "2 to 4 axes out of c, z, y, x (take one time point first)"
        )
    raise ImageError(f"the axes of an image of shape {shape} are ambiguous; say {choices}")


def _may_be_colour(dtype: np.dtype[Any]) -> bool:
    return dtype in (np.uint8, np.uint16) or dtype.kind in "fb"


def _as_array(obj: Any) -> Any:
    if all(hasattr(obj, needed) for needed in ("shape", "dtype", "__getitem__")):
        return obj
    if isinstance(obj, (list, tuple)):
        try:
            return np.asarray(obj)
        except ValueError as error:
            raise ImageError(
                "a list whose rows differ in length is not an image; give one array per image"
            ) from error
    raise ImageError(
        f"a {type(obj).__name__} is not an image; give a numpy, dask or zarr array, "
        "or read a file with unetscope.images.files.read_micrograph"
    )


def _check_pixels(pixels: Any) -> None:
    dtype, shape = np.dtype(pixels.dtype), tuple(pixels.shape)
    if dtype.kind not in "uifb":
        raise ImageError(
            f"pixels of dtype {dtype} are not grey values; "
            "convert them to integers or floats (of complex values take abs)"
        )
    if 0 in shape:
        raise ImageError(
            f"an image of shape {shape} has no pixels; give one with at least "
            "1 pixel along each axis"
        )


def _check_axes(axes: str, shape: tuple[int, ...]) -> None:
    if "t" in axes:
        raise ImageError(
            f"axes {axes!r} hold time, which is not segmented as one image; "
            "give one time point, or each as an image of its own"
        )
    unknown = sorted(set(axes) - set(AXES))
    if unknown:
        raise ImageError(f"axes {axes!r} hold {', '.join(unknown)}; use only c, z, y and x")
    if len(set(axes)) != len(axes) or not {"y", "x"} <= set(axes):
        raise ImageError(f"axes {axes!r} must hold y and x, and every letter once")
    if len(axes) != len(shape):
        raise ImageError(
            f"axes {axes!r} name {len(axes)} axes, but the image has shape {shape}; "
            "give one letter per axis"
        )
    if axes.replace("c", "") not in ("yx", "zyx"):
        raise ImageError(f"axes {axes!r} must keep the order z, y, x; transpose the array first")


def _checked_pixel_size(sizes: Sequence[float], spatial_axes: str) -> tuple[float, ...]:
    values = tuple(float(size) for size in sizes)
    if len(values) != len(spatial_axes):
        raise ImageError(
            f"pixel_size {values} has {len(values)} values; give one for each of "
            f"the axes {', '.join(spatial_axes)}"
        )
    if not all(math.isfinite(v) and v > 0 for v in values):
        raise ImageError(f"pixel_size {values} must be positive numbers; leave it out if unknown")
    return values


def _checked_slice(wanted: slice, size_px: int, axis: str) -> slice:
    start = 0 if wanted.start is None else int(wanted.start)
    stop = size_px if wanted.stop is None else int(wanted.stop)
    if wanted.step not in (None, 1) or not 0 <= start < stop <= size_px:
        raise ImageError(
            f"region {wanted} along {axis} does not lie in 0 to {size_px}; "
            "give slices with step 1 inside the image"
        )
    return slice(start, stop)


def _spread(size_px: int, block_px: int, count: int) -> list[int]:
    """Starts of at most ``count`` blocks spread evenly over ``size_px``, without repeats."""
    last = max(0, size_px - block_px)
    count = min(count, -(-size_px // block_px))
    if count == 1:
        return [last // 2]
    return sorted({round(i * last / (count - 1)) for i in range(count)})
