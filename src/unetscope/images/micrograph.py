"""A micrograph: pixels with named axes and a physical pixel size.

Every array that enters unetscope becomes a :class:`Micrograph` first. Files that do not say what
their axes are are asked about; of a bare array (up to 8, y, x) are channels and (y, x, 3 or 4) are
colours, and what is still ambiguous is asked for.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from unetscope.errors import ImageError, ImageMemoryError
from unetscope.images.axis_names import UNNAMED, axes_question, possible_axes
from unetscope.images.damage import check_lazy
from unetscope.images.on_demand import as_dask
from unetscope.images.questions import Undecided
from unetscope.images.units import normalise_unit

AXES = "czyx"
#: Above this many pixels a sample is read in blocks, so that a large file is not read in full.
WHOLE_READ_PX = 32_000_000
_BLOCK_PX = 64
_READ_ERRORS = (
    *(OSError, RuntimeError, ValueError, TypeError, LookupError, EOFError, ArithmeticError),
    *(AssertionError, AttributeError, zlib.error),
)


class StoredAs(Protocol):
    """How pixels are stored (:class:`~unetscope.images.zarr_pieces.StoredPieces`)."""

    def missing(self, planes: range, region: tuple[slice, slice]) -> Sequence[Any]:
        """The pieces with these planes, rows and columns that are not stored."""

    def damaged(self, planes: range, region: tuple[slice, slice]) -> str | None:
        """The name of the first of them that cannot be read."""


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
    pieces
        How the pixels are stored, where that is known: tells which piece is missing or damaged.

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
    pieces: StoredAs | None = None

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
        if type(self.pixels) is not np.ndarray:  # what is in memory already is not asked for
            check_lazy(self.name, _shape_of(index, self.shape), self.dtype.itemsize)
        try:
            found = np.asarray(self.pixels[index])
        except ImageError as error:  # what a reader says itself
            raise ImageError(f"the pixels of {self.name or 'the image'}: {error}") from error
        except MemoryError as error:
            raise ImageMemoryError(
                f"the pixels of {self.name or 'the image'} ask for more memory than there is; "
                "close other programs, or give a smaller image"
            ) from error
        except _READ_ERRORS as error:
            self._name_damaged(wanted, error)
            raise ImageError(
                f"the pixels of {self.name or 'the image'} cannot be read: {error}; "
                "check that its file is complete and still in place"
            ) from error
        kept = [a for a, i in zip(self.axes, index, strict=True) if isinstance(i, slice)]
        found = np.moveaxis(found, kept.index("c"), 0) if "c" in kept else found[np.newaxis]
        return found.astype(np.uint8) if found.dtype.kind == "b" else found

    def _name_damaged(self, wanted: dict[str, Any], error: Exception) -> None:
        """Raise an error that names the piece that cannot be read, if it is one."""
        rows, columns, z = wanted.get("y"), wanted.get("x"), wanted.get("z", 0)
        if self.pieces is None or not isinstance(z, int):
            return
        if not isinstance(rows, slice) or not isinstance(columns, slice):
            return
        y_px, x_px = self.spatial_shape[-2:]
        region = slice(*rows.indices(y_px)[:2]), slice(*columns.indices(x_px)[:2])
        damaged = self.pieces.damaged(range(z, z + 1), region)
        if damaged is not None:
            raise ImageError(
                f"the pixels of {self.name or 'the image'} cannot be read: its piece {damaged} is "
                f"damaged ({error}); copy or export it again"
            ) from error


def as_micrograph(
    obj: Any,
    axes: str | None = None,
    pixel_size: Sequence[float] | None = None,
    unit: str | None = None,
    name: str = "",
    notes: Sequence[str] = (),
) -> Micrograph:
    """A :class:`Micrograph` of ``obj``, with axes told or inferred where they are unambiguous.

    Parameters
    ----------
    obj
        A Micrograph (returned unchanged) or a numpy, dask or zarr array of any integer or float
        dtype, or what turns into a numpy array (a torch tensor, a list); bool images are read as
        uint8.
    axes
        Needed where the shape is ambiguous. Without it (y, x), (y, x, 3 or 4) and
        (up to 8 channels, y, x) are understood, also with further axes of length 1, which drop
        out.
    pixel_size, unit, name, notes
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
    pixels, told = _with_axes(pixels, axes, name)
    if isinstance(pixels, np.ndarray) and pixels.dtype.kind == "b":
        pixels = pixels.view(np.uint8)
    sizes = None if pixel_size is None else tuple(float(s) for s in pixel_size)
    return Micrograph(pixels, told, sizes, unit, name, tuple(notes))


def _with_axes(pixels: Any, axes: str | None, name: str) -> tuple[Any, str]:
    """Pixels and their axes, without axes of length 1 that nobody named or that say nothing."""
    shape = tuple(int(n) for n in pixels.shape)
    if axes is None:
        kept = _kept_axes(shape)
        pixels = _without(pixels, kept)
        left = tuple(shape[i] for i in kept)
        return pixels, infer_axes(left, np.dtype(pixels.dtype), name)
    told = axes.strip().lower()
    if len(told) == len(shape):
        kept = [i for i, a in enumerate(told) if a in AXES or shape[i] > 1]
        return _without(pixels, kept), "".join(told[i] for i in kept)
    kept = _kept_axes(shape)
    if len(kept) == len(told) and len(kept) < len(shape):
        return _without(pixels, kept), told
    return pixels, told


def _kept_axes(shape: tuple[int, ...]) -> list[int]:
    """Which axes stay when those of length 1 drop out that are no rows or columns."""
    if len(shape) <= 2 or (len(shape) == 3 and shape[-1] in (3, 4)):
        return list(range(len(shape)))
    leading = [i for i in range(len(shape) - 2) if shape[i] > 1]
    # (y, x, 1), or (y, x, 3 or 4) behind axes of length 1: what is left of three still counts.
    if len(leading) == 1 and shape[-1] == 1:
        return [*leading, len(shape) - 2]
    if len(shape) == 3 and not leading:
        return list(range(3))  # (1, y, x) is one channel, as it always was
    return [*leading, len(shape) - 2, len(shape) - 1]


def _without(pixels: Any, kept: list[int]) -> Any:
    """``pixels`` of which only the axes ``kept`` are left; the others have the length 1."""
    if len(kept) == len(pixels.shape):
        return pixels
    if not isinstance(pixels, np.ndarray):
        pixels = as_dask(pixels)
    return pixels[tuple(slice(None) if i in kept else 0 for i in range(len(pixels.shape)))]


def infer_axes(shape: tuple[int, ...], dtype: np.dtype[Any], name: str = "") -> str:
    """The axes of an array whose shape leaves only one reading.

    Raises
    ------
    Undecided
        Where it leaves more.
    ImageError
        Where it leaves none.
    """
    if len(shape) == 2:
        return "yx"
    if len(shape) == 3:
        if shape[-1] in (3, 4) and shape[0] not in (2, 3, 4) and _may_be_colour(dtype):
            return "yxc"
        if shape[0] <= 8 < shape[-1]:
            return "cyx"
    elif len(shape) != 4:
        raise ImageError(
            f"an image of shape {shape} has {len(shape)} axes; give one image with "
            "2 to 4 axes out of c, z, y, x (take one time point first)"
        )
    text = f"the axes of an image of shape {shape} are ambiguous"
    choices = possible_axes(UNNAMED * len(shape), shape)
    raise Undecided(axes_question(name or "the image", text, shape, choices))


def _may_be_colour(dtype: np.dtype[Any]) -> bool:
    return dtype in (np.uint8, np.uint16) or dtype.kind in "fb"


def _as_array(obj: Any) -> Any:
    if all(hasattr(obj, needed) for needed in ("shape", "dtype", "__getitem__")):
        if _is_numpy_dtype(obj.dtype):
            return obj
    elif not isinstance(obj, (list, tuple)) and not _turns_into_array(obj):
        raise ImageError(
            f"a {type(obj).__name__} is not an image; give a numpy, dask or zarr array, "
            "or read a file with unetscope.images.files.read_micrograph"
        )
    try:
        return _converted(obj)
    except ValueError as error:
        raise ImageError(
            "a list whose rows differ in length is not an image; give one array per image"
        ) from error
    except Exception as error:  # whatever a foreign array raises when it is asked for its values
        raise ImageError(
            f"a {type(obj).__name__} does not turn into a numpy array ({error}); turn it into one "
            "first (of a torch tensor: tensor.detach().cpu().numpy())"
        ) from error


def _turns_into_array(obj: Any) -> bool:
    return hasattr(obj, "__array__") or hasattr(obj, "__array_interface__")


def _converted(obj: Any) -> NDArray[Any]:
    """Values of a foreign array: what has a gradient or lies on an accelerator is fetched."""
    for step in ("detach", "cpu"):
        obj = getattr(obj, step)() if hasattr(obj, step) else obj
    return np.asarray(obj)


def _is_numpy_dtype(dtype: Any) -> bool:
    try:
        np.dtype(dtype)
    except TypeError:  # another library has types of its own
        return False
    return True


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
        named = ", ".join(repr(letter) for letter in unknown)
        raise ImageError(f"axes {axes!r} hold {named}; use only the letters c, z, y and x")
    twice = [axis for axis in AXES if axes.count(axis) > 1]
    if twice:
        raise ImageError(f"axes {axes!r} hold {', '.join(twice)} more than once; name each once")
    if not {"y", "x"} <= set(axes):
        raise ImageError(f"axes {axes!r} must hold y and x, the rows and columns of a plane")
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


def _shape_of(index: tuple[Any, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of what an index of slices and numbers takes out of an array."""
    parts = zip(index, shape, strict=True)
    return tuple(len(range(*i.indices(n))) for i, n in parts if isinstance(i, slice))


def _spread(size_px: int, block_px: int, count: int) -> list[int]:
    """Starts of at most ``count`` blocks spread evenly over ``size_px``, without repeats."""
    last = max(0, size_px - block_px)
    count = min(count, -(-size_px // block_px))
    if count == 1:
        return [last // 2]
    return sorted({round(i * last / (count - 1)) for i in range(count)})
