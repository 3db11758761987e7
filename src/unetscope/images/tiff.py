"""TIFF in its dialects: plain, OME, ImageJ, and the SEM makers' tags."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from unetscope.errors import ImageError, OutputError
from unetscope.images.claims import IMAGE, Claim, mark_text
from unetscope.images.damage import check_claimed_bytes, check_file, translated_errors
from unetscope.images.micrograph import Micrograph, as_micrograph
from unetscope.images.tiff_sizes import tiff_pixel_size
from unetscope.images.writing import replacing

#: Larger than this, pixels stay in the file until they are asked for.
LAZY_BYTES = 256 * 2**20
_OME_DTYPES = ("int8", "int16", "int32", "uint8", "uint16", "uint32", "float32", "float64")
_IMAGEJ_DTYPES = ("uint8", "uint16", "float32")
_IMAGEJ_BYTES = 4 * 10**9
# Axes that say nothing: tifffile's names for pages in a row.
_UNTOLD = "QIO"


def read_tiff(path: Path, axes: str | None = None) -> Micrograph:
    """The first image of a TIFF file; large ones are read only where they are looked at.

    Raises
    ------
    ImageError
        If the file is damaged, or does not say what its axes are and ``axes`` is not given.
    """
    check_file(path)
    with translated_errors(path, "TIFF"):
        with tifffile.TiffFile(path) as tif:
            if not tif.series:
                raise ImageError(f"{path} holds no image; export it again")
            series = tif.series[0]
            compressed = any(page.compression != 1 for page in tif.pages[:1])
            check_claimed_bytes(path, int(series.nbytes), compressed=compressed)
            stored_axes = series.axes.upper()
            sizes, unit = tiff_pixel_size(tif)
            contiguous = series.dataoffset is not None
        pixels = _tiff_pixels(path, int(series.nbytes), contiguous=contiguous)
        pixels, told = _named_axes(path, pixels, stored_axes, axes)
        image = as_micrograph(pixels, told, name=path.stem.removesuffix(".ome"))
        if sizes is None:
            return image
        pixel_size = tuple(sizes.get(axis, sizes["y"]) for axis in image.spatial_axes)
        if "z" in image.spatial_axes and "z" not in sizes:
            return image  # a volume whose spacing is unknown has no known voxel
        return Micrograph(image.pixels, image.axes, pixel_size, unit, image.name)


def _tiff_pixels(path: Path, nbytes: int, *, contiguous: bool) -> Any:
    if nbytes > LAZY_BYTES and contiguous:
        return tifffile.memmap(path, mode="r")
    if nbytes > LAZY_BYTES:
        import zarr

        return zarr.open_array(tifffile.imread(path, aszarr=True, level=0), mode="r")
    try:
        return tifffile.imread(path)
    except (ValueError, KeyError) as error:
        # LZW and JPEG need a codec package that is not always there; Pillow brings its own.
        if "imagecodecs" not in str(error):
            raise
        return _pixels_by_pillow(path)


def _pixels_by_pillow(path: Path) -> NDArray[Any]:
    with Image.open(path) as image:
        pages = getattr(image, "n_frames", 1)
        planes = []
        for page in range(pages):
            image.seek(page)
            planes.append(np.asarray(image))
    return planes[0] if pages == 1 else np.stack(planes)


def _named_axes(path: Path, pixels: Any, stored: str, axes: str | None) -> tuple[Any, str | None]:
    """Pixels without axes of length 1 that carry no meaning, and the names of those left."""
    if len(stored) != len(pixels.shape):
        return pixels, axes  # read by Pillow, or a level of another kind: told or inferred
    single = [
        i
        for i, (a, n) in enumerate(zip(stored, pixels.shape, strict=True))
        if n == 1 and a not in "YX"
    ]
    if single and not isinstance(pixels, np.ndarray):
        import dask.array as da

        pixels = da.from_array(pixels)
    if single:
        pixels = pixels[tuple(0 if i in single else slice(None) for i in range(len(stored)))]
        stored = "".join(a for i, a in enumerate(stored) if i not in single)
    if axes is not None:
        return pixels, axes
    if "T" in stored:
        raise ImageError(
            f"{path} holds {pixels.shape[stored.index('T')]} time points; save one "
            'of them, or give axes="zyx" if they are planes of a stack'
        )
    if any(a in _UNTOLD for a in stored):
        return pixels, None
    return pixels, stored.replace("S", "C").lower()


def write_tiff(micrograph: Micrograph, path: Path, claim: Claim = IMAGE) -> None:
    """Write OME-TIFF (name ends in .ome.tif) or TIFF that ImageJ reads, with the pixel size.

    What ImageJ's dialect cannot hold (other dtypes, over 4 GB) is written as OME-TIFF under the
    name that was given.

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
    options["metadata"]["axes"] = axes
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
