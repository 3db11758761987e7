"""PNG, JPEG and BMP: pictures without a pixel size."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from unetscope.errors import ImageError, OutputError
from unetscope.images.claims import IMAGE, Claim, mark_text
from unetscope.images.damage import check_file, translated_errors
from unetscope.images.micrograph import Micrograph, as_micrograph
from unetscope.images.writing import replacing

# How a mode of Pillow is read: as it is, or converted to one that has an array of its own.
_AS_IT_IS = ("L", "RGB", "RGBA", "I", "F", "1", "I;16", "I;16B", "I;16L")
_CONVERTED = {
    "P": "RGB",
    "PA": "RGBA",
    "LA": "L",
    "La": "L",
    "CMYK": "RGB",
    "YCbCr": "RGB",
    "LAB": "RGB",
    "HSV": "RGB",
    "RGBX": "RGB",
    "RGBa": "RGBA",
}


def read_picture(path: Path, axes: str | None = None) -> Micrograph:
    """A picture as (y, x) grey values or (y, x, c) colours; palettes become colours.

    Raises
    ------
    ImageError
        If the file is damaged, cut off, or so large that it may be a decompression bomb.
    """
    pixels = picture_pixels(path)
    return as_micrograph(pixels, axes or "yxc"[: pixels.ndim], name=path.stem)


def picture_pixels(path: Path, *, palette_index: bool = False) -> NDArray[Any]:
    """The pixels of a picture; with ``palette_index`` the numbers behind a palette's colours."""
    check_file(path)
    with translated_errors(path, path.suffix.lstrip(".").upper()):
        try:
            return _decoded(path, palette_index=palette_index)
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            limit = Image.MAX_IMAGE_PIXELS or 0
            raise ImageError(
                f"{path} is larger than the {limit / 1e6:.0f} million pixels that "
                "are opened from a compressed picture; convert it to TIFF or "
                "OME-Zarr, which are read piece by piece"
            ) from error


def _decoded(path: Path, *, palette_index: bool) -> NDArray[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with Image.open(path) as opened:
            opened.load()
            image: Image.Image = opened
            if image.mode in ("P", "PA") and palette_index:
                return np.array(image)
            if image.mode not in _AS_IT_IS:
                if image.mode not in _CONVERTED:
                    raise ImageError(
                        f"{path} has colours of the kind {image.mode}, which are not "
                        "read; convert it to grey or RGB"
                    )
                image = image.convert(_CONVERTED[image.mode])
            return np.array(image)


def write_picture(micrograph: Micrograph, path: Path, claim: Claim = IMAGE) -> None:
    """Write PNG (8 or 16 bit grey, 8 bit colour), JPEG or BMP (8 bit); the pixel size is lost.

    Raises
    ------
    OutputError
        If the format cannot hold the image, or the file cannot be written.
    """
    pixels = np.asarray(micrograph.pixels)
    pixels = pixels.astype(np.uint8) if pixels.dtype.kind == "b" else pixels
    suffix = path.suffix.lower()
    allowed = (np.uint8, np.uint16) if suffix == ".png" and not micrograph.is_rgb else (np.uint8,)
    if (
        pixels.dtype not in allowed
        or not (micrograph.axes == "yx" or micrograph.is_rgb)
        or pixels.ndim > 3
    ):
        raise OutputError(
            f"{suffix} cannot hold {pixels.dtype} pixels with axes "
            f"{micrograph.axes!r}; write TIFF or OME-Zarr"
        )
    if micrograph.is_rgb and suffix != ".png":
        pixels = pixels[..., :3]
    with replacing(path, claim) as temporary:
        extension = ".jpg" if suffix == ".jpeg" else suffix
        marked: dict[str, Any] = {"pnginfo": _mark(claim)} if suffix == ".png" else {}
        content = iio.imwrite("<bytes>", pixels, extension=extension, **marked)
        temporary.write_bytes(content)


def _mark(claim: Claim) -> PngInfo:
    words = PngInfo()
    words.add_text("Software", mark_text(claim.role))
    return words
