"""TIFF in its dialects: plain, OME, ImageJ, and the SEM makers' tags."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from unetscope.errors import ImageError, LabelError, OutputError
from unetscope.images.axis_names import UNNAMED, axes_question, possible_axes, told_axes
from unetscope.images.claims import IMAGE, Claim, mark_text
from unetscope.images.damage import bytes_allowed, check_bytes, check_file, translated_errors
from unetscope.images.micrograph import Micrograph, as_micrograph
from unetscope.images.on_demand import dask_array
from unetscope.images.one_of_many import taken, which_time
from unetscope.images.orientation import NOTE as TURNED
from unetscope.images.orientation import is_turned, swaps_sides, upright
from unetscope.images.questions import Answers, Undecided
from unetscope.images.tiff_colours import Samples, as_numbers, as_seen
from unetscope.images.tiff_series import (
    Chosen,
    check_codec,
    check_description,
    check_pieces,
    chosen_series,
    companion_description,
)
from unetscope.images.tiff_sizes import Told, tiff_pixel_size
from unetscope.images.writing import replacing

# What tifffile says of odd files is said as notes and errors; its log would go to the terminal.
logging.getLogger("tifffile").addHandler(logging.NullHandler())

#: Larger than this, pixels stay in the file until they are asked for.
LAZY_BYTES = 256 * 2**20
_OME_DTYPES = ("int8", "int16", "int32", "uint8", "uint16", "uint32", "float32", "float64")
_IMAGEJ_DTYPES = ("uint8", "uint16", "float32")
_CLASSIC_BYTES = 2**32 - 2**25  # what classic TIFF can address, less room for its tags
_IMAGEJ_BYTES = 4 * 10**9
# Axes that say nothing: tifffile's names for pages in a row.
_UNTOLD = "QIO"
_ORIENTATION = 274
_LOSSY = (6, 7)


def read_tiff(path: Path, axes: str | None = None, answers: Answers | None = None) -> Micrograph:
    """One image of a TIFF file as it is meant to be seen; large ones stay in the file.

    Colours are red, green and blue, more is brighter, up is up; alpha is left out. Notes say what
    was done.

    Raises
    ------
    Undecided
        If the file does not say what its axes are, or which of its images is meant.
    ImageError
        If the file is damaged or incomplete, or of a kind that is not read.
    """
    answers = answers or Answers()
    with _opened(path) as tif:
        chosen, raw = _pixels(path, tif, answers)
        page = chosen.series.keyframe
        lazy = raw if type(raw) is np.ndarray else _lazy(raw)
        named_pixels, letters = _named(tif, chosen, lazy)
        named_pixels, letters = _at_time(path, named_pixels, letters, axes, answers)
        if _are_planes(axes, letters):  # of a stack that was saved as samples of a pixel
            samples = Samples(named_pixels, letters)
        else:
            samples = as_seen(path, named_pixels, letters, page)
        turn = page.tags.valueof(_ORIENTATION)
        told = tiff_pixel_size(tif, chosen.index)
        told = replace(told, sizes=_of_level(told.sizes, chosen))
        pixels, named, notes = _with_axes(path, samples, axes, answers)
    notes = [*chosen.notes, *samples.notes, *notes]
    if is_turned(turn):
        pixels = upright(pixels, turn, named.index("y"), named.index("x"))
        notes.append(TURNED)
    pixels = raw if pixels is lazy else pixels
    size, unit, said = _size_of(told, named, swapped=swaps_sides(turn))
    name = path.stem.removesuffix(".ome")
    return as_micrograph(pixels, named, size, unit, name, [*notes, *said])


def read_tiff_numbers(path: Path, answers: Answers | None = None) -> tuple[NDArray[Any], bool]:
    """The numbers of one image of a TIFF file, as labels are kept: (y, x) or (z, y, x).

    Of a palette the numbers count, not the colours. The second value says whether a last axis
    holds the colours of a pixel.

    Raises
    ------
    LabelError
        If JPEG changed its values.
    Undecided, ImageError
        As :func:`read_tiff`.
    """
    with _opened(path) as tif:
        chosen, raw = _pixels(path, tif, answers or Answers())
        page = chosen.series.keyframe
        if page.compression in _LOSSY:
            raise LabelError(
                f"{path} is compressed with JPEG, which changes label values; export labels as "
                "TIFF without it, or as .png"
            )
        lazy = raw if type(raw) is np.ndarray else _lazy(raw)
        named, letters = _named(tif, chosen, lazy)
        if _is_stack(named, letters, page):
            samples = Samples(named, letters.replace("S", "Q"))
        else:
            samples = as_numbers(named, letters, page)
        check_bytes(path, int(samples.pixels.nbytes), "its labels")
        values, axes = np.asarray(samples.pixels), samples.axes
        turn = page.tags.valueof(_ORIENTATION)
        values = upright(values, turn, axes.index("Y"), axes.index("X"))
    if "S" not in axes:
        return values, False
    return np.moveaxis(values, axes.index("S"), -1), True


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The file behind the net; described by its companion file where it says so."""
    check_file(path)
    with translated_errors(path, "TIFF"), ExitStack() as stack:
        tif = stack.enter_context(tifffile.TiffFile(path))
        check_description(path, tif)
        elsewhere = companion_description(path, tif)
        if elsewhere is not None:
            tif = stack.enter_context(tifffile.TiffFile(path, omexml=elsewhere))
            check_description(path, tif)
        yield tif if _is_understood(tif) else stack.enter_context(_plain(path))


def _is_understood(tif: Any) -> bool:
    """Whether the OME-XML makes sense to tifffile; where it does not, the pages still count."""
    if not tif.is_ome:
        return True
    try:
        return bool(tif.series)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        return False


def _plain(path: Path) -> Any:
    return tifffile.TiffFile(path, is_ome=False)


def _pixels(path: Path, tif: Any, answers: Answers) -> tuple[Chosen, Any]:
    """The image that is meant, and its pixels as they are stored: read, or left in the file."""
    chosen = chosen_series(path, tif, answers)
    series, page = chosen.series, chosen.series.keyframe
    check_codec(path, page)
    check_pieces(path, series)
    nbytes = int(series.nbytes)
    if nbytes <= min(LAZY_BYTES, bytes_allowed()):
        return chosen, series.asarray()
    if series.dataoffset is not None:
        shape, offset = series.shape, series.dataoffset
        dtype = series.dtype.newbyteorder(tif.byteorder)
        return chosen, np.memmap(path, dtype, "r", offset, shape)
    import zarr

    store = series.aszarr(level=0)
    return chosen, zarr.open_array(store, mode="r")


def _named(tif: Any, chosen: Chosen, pixels: Any) -> tuple[Any, str]:
    """Pixels that are there, without axes of length 1, and tifffile's letters of the others."""
    axes = _imagej_axes(tif, chosen.series) or chosen.series.axes.upper()
    axes = axes if len(axes) == pixels.ndim else "Q" * (pixels.ndim - 2) + "YX"
    if chosen.part:
        pixels = pixels[chosen.part]
    single = [
        i
        for i, (a, n) in enumerate(zip(axes, pixels.shape, strict=True))
        if n == 1 and a not in "YX"
    ]
    if single:
        pixels = pixels[tuple(0 if i in single else slice(None) for i in range(len(axes)))]
    return pixels, "".join(a for i, a in enumerate(axes) if i not in single)


def _at_time(
    path: Path, pixels: Any, letters: str, axes: str | None, answers: Answers
) -> tuple[Any, str]:
    """Pixels of the time point that was chosen."""
    time = answers.number("time")
    if "T" not in letters:
        if time:
            raise ImageError(f"{path} has no time points; leave out --time")
        return pixels, letters
    if time is None or axes is not None:
        return pixels, letters
    at = letters.index("T")
    which = which_time(str(path), time, int(pixels.shape[at]))
    return taken(pixels, at, which), letters.replace("T", "")


def _of_level(sizes: Mapping[str, float], chosen: Chosen) -> dict[str, float]:
    """Sizes of the pixels of a level of a pyramid, out of those of the full resolution."""
    times = {"y": chosen.larger[0], "x": chosen.larger[1]}
    return {axis: size * times.get(axis, 1.0) for axis, size in sizes.items()}


def _is_stack(pixels: Any, letters: str, page: Any) -> bool:
    """Whether planes that tifffile called colours, for want of a word, are planes of labels."""
    if not page.is_shaped or page.is_imagej or letters != "SYX":
        return False
    return bool((np.asarray(pixels[:3]) != np.asarray(pixels[:1])).any())


def _are_planes(axes: str | None, letters: str) -> bool:
    """Whether a person says z of what the file calls the samples of a pixel."""
    told = (axes or "").strip().lower()
    return len(told) == len(letters) and told[letters.find("S")] == "z" and "S" in letters


def _lazy(raw: Any) -> Any:
    """Pixels that stay in the file as an array of dask, which is read where it is looked at."""
    return dask_array().from_array(raw, name=False)


def _with_axes(
    path: Path, samples: Samples, axes: str | None, answers: Answers
) -> tuple[Any, str, list[str]]:
    """Pixels and the letters of their axes out of czyx, told by a person or by the file."""
    pixels, stored = samples.pixels, samples.axes
    shape = tuple(int(n) for n in pixels.shape)
    if "C" in stored and "S" in stored and axes is None:
        raise ImageError(
            f"{path} holds {shape[stored.index('C')]} channels of colours; an image has channels "
            "or colours: save the channels as grey values, or one picture of all of them"
        )
    known = "".join(a.lower() if a in "CZYXS" else UNNAMED for a in stored)
    if axes is not None:
        return pixels, told_axes(str(path), axes, known, shape), []
    if UNNAMED not in known:
        return pixels, known.replace("s", "c"), []
    if answers.axes is not None:
        return pixels, told_axes(str(path), answers.axes, known, shape), []
    choices = possible_axes(known.replace("s", "c"), shape)
    if len(choices) == 1 and "T" not in stored:
        return pixels, choices[0], ["its pages have no name; they were read as planes of a stack"]
    said = _unsaid(path, stored, shape)
    if not choices and "T" in stored:
        which_time(str(path), None, shape[stored.index("T")])
    if not choices:
        raise ImageError(f"{said}; save one of them as an image of its own")
    raise Undecided(axes_question(path.name, said, shape, choices))


def _unsaid(path: Path, stored: str, shape: tuple[int, ...]) -> str:
    """What the file holds of which it is not known what it is."""
    if "T" in stored:
        count = shape[stored.index("T")]
        return f"{path} holds {count} time points, which are no stack (--time chooses one)"
    count = next(n for a, n in zip(stored, shape, strict=True) if a not in "CZYXS")
    name = next(a for a in stored if a not in "CZYXS")
    words = tifffile.TIFF.AXES_NAMES.get(name, "")
    kind = "pages" if name in _UNTOLD or not words else f"images along the axis {words!r}"
    return f"{path} does not say what its {count} {kind} are"


def _imagej_axes(tif: Any, series: Any) -> str:
    """ImageJ's names of the axes where its header counts more pages than there are."""
    told = tif.imagej_metadata
    if not told or series.kind == "imagej" or not series.axes.startswith("I"):
        return ""
    larger = [
        axis
        for axis, key in (("T", "frames"), ("Z", "slices"), ("C", "channels"))
        if int(told.get(key, 1)) > 1
    ]
    return larger[0] + series.axes[1:] if len(larger) == 1 else ""


def _size_of(
    told: Told, axes: str, *, swapped: bool
) -> tuple[tuple[float, ...] | None, str | None, list[str]]:
    """The pixel size along the spatial axes, which a volume without a spacing does not have."""
    sizes, spatial = told.sizes, axes.replace("c", "")
    if not sizes:
        return None, None, []
    if "z" in spatial and "z" not in sizes:
        return None, None, ["the spacing of its planes is not told; its pixel size was left out"]
    turned = {"y": "x", "x": "y"} if swapped else {}
    size = tuple(sizes[turned.get(axis, axis)] for axis in spatial)
    return size, told.unit, list(told.notes)


def write_tiff(
    micrograph: Micrograph,
    path: Path,
    claim: Claim = IMAGE,
    colors: Mapping[int, str] | None = None,
) -> None:
    """Write OME-TIFF (name ends in .ome.tif) or TIFF that ImageJ reads, with the pixel size.

    What ImageJ's dialect cannot hold (other dtypes, over 4 GB) is written as OME-TIFF under the
    name that was given. ``colors`` (value -> ``#RRGGBB``) of labels are written along for ImageJ,
    which would show small numbers as black.

    Raises
    ------
    OutputError
        If TIFF cannot hold the dtype, or the file cannot be written.
    """
    if micrograph.dtype.name not in _OME_DTYPES:
        raise OutputError(
            f"TIFF cannot hold {micrograph.dtype} pixels so that other programs "
            "read them; convert them to float32 or uint16, or write OME-Zarr"
        )
    pixels, axes = _in_tiff_order(micrograph)
    imagej = (
        ".ome." not in path.name.lower()
        and micrograph.dtype.name in _IMAGEJ_DTYPES
        and pixels.nbytes < _IMAGEJ_BYTES
        and ("S" not in axes or (micrograph.dtype == np.uint8 and pixels.shape[-1] == 3))
    )
    options = _imagej_options(micrograph) if imagej else _ome_options(micrograph)
    # compressed, tifffile does not know the size before: classic TIFF would break at 4 GiB
    options["bigtiff"] = pixels.nbytes >= _CLASSIC_BYTES and not imagej
    options["metadata"]["axes"] = axes
    if imagej and colors is not None and micrograph.dtype.kind == "u":
        options["metadata"] |= _lookup_table(micrograph, colors)
    photometric = "rgb" if "S" in axes else "minisblack"
    with replacing(path, claim) as temporary:
        mark = mark_text(claim.role)
        tifffile.imwrite(temporary, pixels, photometric=photometric, software=mark, **options)


def _in_tiff_order(micrograph: Micrograph) -> tuple[NDArray[Any], str]:
    """Pixels in the order TIFF writers want: (z, c, y, x), or colour last; and their names."""
    pixels = np.asarray(micrograph.pixels)
    pixels = pixels.astype(np.uint8) if pixels.dtype.kind == "b" else pixels
    order = "zyxc" if micrograph.is_rgb else "zcyx"
    wanted = "".join(axis for axis in order if axis in micrograph.axes)
    pixels = pixels.transpose([micrograph.axes.index(axis) for axis in wanted])
    named = wanted.upper().replace("C", "S") if micrograph.is_rgb else wanted.upper()
    return np.ascontiguousarray(pixels), named


def _sizes_by_axis(micrograph: Micrograph) -> dict[str, float]:
    sizes = micrograph.pixel_size or ()
    return dict(zip(micrograph.spatial_axes, sizes, strict=False))


def _imagej_options(micrograph: Micrograph) -> dict[str, Any]:
    metadata: dict[str, Any] = {}
    options: dict[str, Any] = {"imagej": True, "metadata": metadata}
    sizes = _sizes_by_axis(micrograph)
    if micrograph.notes:
        metadata["Info"] = "\n".join(micrograph.notes)
    if sizes and micrograph.unit:
        options["resolution"] = (_ratio(1 / sizes["x"]), _ratio(1 / sizes["y"]))
        # ImageJ escapes letters that are not ASCII; "um" is what it writes itself.
        metadata["unit"] = {"µm": "um", "Å": "angstrom"}.get(micrograph.unit, micrograph.unit)
        if "z" in sizes:
            metadata["spacing"] = sizes["z"]
    return options


def _lookup_table(micrograph: Micrograph, colors: Mapping[int, str]) -> dict[str, Any]:
    """ImageJ's colours and display range, in which every value up to 255 has its own colour."""
    table = np.tile(np.linspace(96, 255, 256).astype(np.uint8), (3, 1))  # values without a colour
    table[:, 0] = 0
    for value, color in colors.items():
        if 0 < value < 256 and re.fullmatch("#[0-9a-fA-F]{6}", color):
            table[:, value] = [int(color[i : i + 2], 16) for i in (1, 3, 5)]
    return {"LUTs": [table], "Ranges": (0.0, 255.0), "min": 0.0, "max": 255.0}


def _ome_options(micrograph: Micrograph) -> dict[str, Any]:
    metadata: dict[str, Any] = {"Name": micrograph.name or "image"}
    if micrograph.notes:
        metadata["Description"] = "\n".join(micrograph.notes)
    sizes = _sizes_by_axis(micrograph)
    if sizes and micrograph.unit:
        for axis, size in sizes.items():
            metadata[f"PhysicalSize{axis.upper()}"] = size
            metadata[f"PhysicalSize{axis.upper()}Unit"] = micrograph.unit
    return {"ome": True, "metadata": metadata, "compression": "zlib"}


def _ratio(value: float) -> tuple[int, int]:
    """``value`` as a fraction of two 32 bit integers, as TIFF stores resolutions."""
    denominator = 10 ** max(0, min(9, 8 - math.floor(math.log10(value))))
    return min(round(value * denominator), 2**32 - 1), denominator
