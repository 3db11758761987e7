"""What the samples of a TIFF pixel mean: grey, colours, inks, a palette; and alpha beside them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unetscope.errors import ImageError

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _MASK, _INKS, _YCBCR = range(7)
_LINEAR = 34892
_CMYK = 1
_JPEGS = (6, 7, 34892, 33007)
_REFUSED = {
    8: "L*a*b* colours",
    9: "ICC L*a*b* colours",
    10: "ITU L*a*b* colours",
    32803: "the raw mosaic of a camera",
    32844: "logarithmic luminance",
    32845: "logarithmic colours",
}
_ALPHA = (1, 2)


@dataclass(frozen=True)
class Samples:
    """Pixels in which every axis is an image's own, and what was done to get there.

    ``axes`` are tifffile's letters, with S for the samples of one pixel; ``is_colour`` says
    whether those are red, green and blue.
    """

    pixels: Any
    axes: str
    is_colour: bool = False
    notes: tuple[str, ...] = ()

    def with_note(self, note: str) -> Samples:
        """The same with one more note."""
        return Samples(self.pixels, self.axes, self.is_colour, (*self.notes, note))


def as_seen(path: Path, pixels: Any, axes: str, page: Any) -> Samples:
    """Grey values where more is brighter, or red, green and blue; no alpha.

    Raises
    ------
    ImageError
        For kinds of colour that are not read.
    """
    kind = int(page.photometric)
    found = _without_alpha(pixels, axes, page)
    if kind in _REFUSED:
        raise ImageError(
            f"{path} holds {_REFUSED[kind]}, which are not read; save it as grey values or RGB"
        )
    if kind == _WHITE_IS_ZERO:
        return _bright_is_more(found, page)
    if kind == _PALETTE:
        return _coloured(found, page)
    if kind == _INKS:
        return _from_inks(found, page)
    if kind == _YCBCR:
        return _from_luminance(path, found, page)
    if kind not in (_BLACK_IS_ZERO, _RGB, _MASK, _LINEAR):
        return found.with_note(f"the kind of its values ({kind}) is unknown; they were kept")
    return _with_depth(found, page)


def as_numbers(pixels: Any, axes: str, page: Any) -> Samples:
    """The numbers that are stored, without alpha; of one bit the ones that look white."""
    found = _without_alpha(pixels, axes, page)
    if int(page.photometric) == _WHITE_IS_ZERO and page.bitspersample == 1:
        return _bright_is_more(found, page)
    # Greys of more bits stay: ImageJ's inverted masks say "white is zero" and mean their numbers.
    colours = int(page.photometric) not in (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _PALETTE, _MASK)
    return Samples(found.pixels, found.axes, colours, found.notes)


def _without_alpha(pixels: Any, axes: str, page: Any) -> Samples:
    """The samples without those that say how opaque a pixel is."""
    is_colour = int(page.photometric) == _RGB
    at = axes.find("S")
    extra = [int(e) for e in page.extrasamples or ()]
    if at < 0 or not extra or len(extra) >= pixels.shape[at]:
        return Samples(pixels, axes, is_colour)
    own = pixels.shape[at] - len(extra)
    alphas = [own + i for i, e in enumerate(extra) if e in _ALPHA]
    note = "its alpha channel was left out"
    if is_colour and own == 3 and extra == [0]:
        # What nearly every program means by a fourth sample that it does not name.
        alphas, note = [3], "its fourth sample, which has no name, was taken as alpha and left out"
    if not alphas:
        return Samples(pixels, axes, is_colour)
    kept = [i for i in range(pixels.shape[at]) if i not in alphas]
    if kept == [0]:
        return Samples(pixels[_at(axes, at, 0)], axes.replace("S", ""), is_colour, (note,))
    whole = kept == list(range(len(kept)))
    taken = slice(0, len(kept)) if whole else kept
    return Samples(pixels[_at(axes, at, taken)], axes, is_colour, (note,))


def _at(axes: str, position: int, index: Any) -> tuple[Any, ...]:
    return tuple(index if i == position else slice(None) for i in range(len(axes)))


def _with_depth(found: Samples, page: Any) -> Samples:
    """Say it where values fill only a part of their type."""
    bits = page.bitspersample
    if isinstance(bits, int) and bits not in (1, 8, 16, 24, 32, 64, 128):
        return found.with_note(f"its values have {bits} bits, 0 to {2**bits - 1}")
    return found


def _bright_is_more(found: Samples, page: Any) -> Samples:
    """White is zero: the values are turned over, as viewers do."""
    dtype, bits = np.dtype(found.pixels.dtype), page.bitspersample
    if bits == 1 and str(page.software).startswith("tifffile"):
        return found  # it writes True as 1 and says "white is zero" of every bool array
    if dtype.kind not in "ub" or not isinstance(bits, int):
        return found.with_note("the file says that low values are white; they were kept")
    turned = ~found.pixels if dtype.kind == "b" else dtype.type(2**bits - 1) - found.pixels
    said = "the file says that 0 is white; values were turned over, so that bright is more"
    return Samples(turned, found.axes, False, (*found.notes, said))


def _coloured(found: Samples, page: Any) -> Samples:
    """Numbers of a palette as the colours behind them; those of ImageJ are grey values."""
    table = page.colormap
    if table is None or page.is_imagej or found.pixels.dtype.kind not in "u":
        return found.with_note("its colours are a lookup table; the grey values were read")
    colours = np.asarray(table)  # (3, n), 16 bit
    if (colours >> 8 == colours & 0xFF).all() or not (colours & 0xFF).any():
        colours = (colours >> 8).astype(np.uint8)
    said = "its numbers of a palette were read as the colours behind them"
    if (colours == colours[0]).all():
        grey = colours[0]
        pixels = _mapped(found.pixels, lambda block: grey[block], colours.dtype)
        return Samples(pixels, found.axes, False, (*found.notes, said))
    table = np.ascontiguousarray(colours.T)
    pixels = _mapped(found.pixels, lambda block: table[block], colours.dtype, new=3)
    return Samples(pixels, found.axes + "S", True, (*found.notes, said))


def _from_inks(found: Samples, page: Any) -> Samples:
    """Cyan, magenta, yellow and black as red, green and blue; other inks are channels."""
    at = found.axes.find("S")
    dtype = np.dtype(found.pixels.dtype)
    inks = page.tags.valueof(332) or _CMYK
    if at < 0 or found.pixels.shape[at] != 4 or int(inks) != _CMYK or dtype.kind != "u":
        return found.with_note("its channels are inks: more is darker")
    top = float(np.iinfo(dtype).max)

    def converted(block: NDArray[Any]) -> NDArray[Any]:
        light = 1 - np.moveaxis(block, at, 0).astype(np.float64) / top
        rgb = np.rint(light[:3] * light[3] * top).astype(dtype)
        return np.moveaxis(rgb, 0, at)

    said = "its inks (CMYK) were turned into red, green and blue"
    pixels = _mapped(found.pixels, converted, dtype, at=at, count=3)
    return Samples(pixels, found.axes, True, (*found.notes, said))


def _from_luminance(path: Path, found: Samples, page: Any) -> Samples:
    """YCbCr as red, green and blue; JPEG's are decoded as that already."""
    at = found.axes.find("S")
    if at < 0 or found.pixels.shape[at] != 3:
        return found
    if page.compression in _JPEGS:
        return Samples(found.pixels, found.axes, True, found.notes)
    if page.is_subsampled or found.pixels.dtype != np.uint8:
        raise ImageError(f"{path} holds YCbCr colours of a kind that is not read; save it as RGB")
    weights = _numbers(page, 529, (0.299, 0.587, 0.114))
    black_white = _numbers(page, 532, (0, 255, 128, 255, 128, 255))

    def converted(block: NDArray[Any]) -> NDArray[Any]:
        return _rgb_of(np.moveaxis(block, at, 0), at, weights, black_white)

    said = "its colours (YCbCr) were turned into red, green and blue"
    pixels = _mapped(found.pixels, converted, np.dtype(np.uint8), at=at, count=3)
    return Samples(pixels, found.axes, True, (*found.notes, said))


def _rgb_of(
    samples: NDArray[Any], at: int, weights: list[float], black_white: list[float]
) -> NDArray[np.uint8]:
    """TIFF 6.0, section 21: luminance and two differences of colour as red, green and blue."""
    scaled = [
        (plane - black_white[2 * i]) * span / (black_white[2 * i + 1] - black_white[2 * i])
        for i, (plane, span) in enumerate(
            zip(samples.astype(np.float64), (255, 127, 127), strict=True)
        )
    ]
    red = scaled[2] * (2 - 2 * weights[0]) + scaled[0]
    blue = scaled[1] * (2 - 2 * weights[2]) + scaled[0]
    green = (scaled[0] - weights[2] * blue - weights[0] * red) / weights[1]
    rgb = np.clip(np.rint(np.stack([red, green, blue])), 0, 255).astype(np.uint8)
    return np.moveaxis(rgb, 0, at)


def _numbers(page: Any, tag: int, default: tuple[float, ...]) -> list[float]:
    """The fractions of a tag, or the default of the TIFF specification."""
    told = page.tags.valueof(tag)
    if not isinstance(told, tuple) or len(told) != 2 * len(default) or 0 in told[1::2]:
        return list(default)
    return [n / d for n, d in zip(told[::2], told[1::2], strict=True)]


def _mapped(
    pixels: Any,
    function: Callable[[NDArray[Any]], NDArray[Any]],
    dtype: np.dtype[Any],
    at: int = -1,
    count: int = 0,
    new: int = 0,
) -> Any:
    """``function`` of an array; of a lazy one block by block, with whole pixels in a block.

    ``count`` is the new length of axis ``at``, ``new`` the length of an axis that is added last.
    """
    if isinstance(pixels, np.ndarray):
        return function(pixels)
    lazy = pixels.rechunk({at: -1}) if count else pixels
    chunks = list(lazy.chunks)
    if count:
        chunks[at] = (count,)
    if new:
        return lazy.map_blocks(
            function, dtype=dtype, chunks=(*chunks, (new,)), new_axis=[lazy.ndim]
        )
    return lazy.map_blocks(function, dtype=dtype, chunks=tuple(chunks))
