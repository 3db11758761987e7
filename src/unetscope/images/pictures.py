"""PNG, JPEG and BMP: pictures without a pixel size."""

from __future__ import annotations

import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from unetscope.errors import ImageError, LabelError, OutputError
from unetscope.images.axis_names import told_axes
from unetscope.images.claims import IMAGE, Claim, mark_text
from unetscope.images.damage import check_bytes, check_file, translated_errors
from unetscope.images.micrograph import Micrograph, as_micrograph
from unetscope.images.orientation import NOTE as TURNED
from unetscope.images.orientation import is_turned, upright
from unetscope.images.writing import replacing

# How a mode of Pillow is read: as it is, or converted to one that has an array of its own.
_AS_IT_IS = ("L", "RGB", "I", "F", "I;16", "I;16B", "I;16L")
_CONVERTED = {
    "P": "RGB",
    "PA": "RGB",
    "LA": "L",
    "La": "L",
    "CMYK": "RGB",
    "YCbCr": "RGB",
    "LAB": "RGB",
    "HSV": "RGB",
    "RGBX": "RGB",
    "RGBa": "RGB",
}
_WITH_ALPHA = ("RGBA", "LA", "La", "PA", "RGBa")
_MODES = {"P": "a palette"}
_BYTES = {"I": 4, "F": 4, "I;16": 2, "I;16B": 2, "I;16L": 2}
ALPHA = "its alpha channel was left out"
_ORIENTATION = 274
#: The parts of a PNG that its pixels are made of.
_PIXEL_CHUNKS = (b"IHDR", b"PLTE", b"IDAT", b"tRNS")
_PIECE_BYTES = 2**20


def read_picture(path: Path, axes: str | None = None) -> Micrograph:
    """A picture as (y, x) grey values or (y, x, c) colours, upright and without alpha.

    Palettes become colours. Notes say what was left out, turned or converted.

    Raises
    ------
    ImageError
        If the file is damaged, cut off, or asks for more memory than one image may take.
    """
    pixels, notes = _read(path, palette_index=False)
    stored = "yxs"[: pixels.ndim]
    named = told_axes(str(path), axes, stored, pixels.shape) if axes else stored.replace("s", "c")
    return as_micrograph(pixels, named, name=path.stem, notes=notes)


def read_picture_numbers(path: Path) -> NDArray[Any]:
    """The numbers of a picture as labels are kept, (y, x), or (y, x, 3) where it holds colours.

    Of a palette the numbers count, not the colours.

    Raises
    ------
    LabelError
        If JPEG changed its values.
    ImageError
        As :func:`read_picture`.
    """
    pixels, _ = _read(path, palette_index=True)
    return pixels


def _read(path: Path, *, palette_index: bool) -> tuple[NDArray[Any], list[str]]:
    check_file(path)
    with translated_errors(path, path.suffix.lstrip(".").upper()):
        try:
            return _decoded(path, palette_index=palette_index)
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            limit = 2 * (Image.MAX_IMAGE_PIXELS or 0)
            raise ImageError(
                f"{path} is larger than the {limit / 1e6:.0f} million pixels that "
                "are opened from a compressed picture; convert it to TIFF or "
                "OME-Zarr, which are read piece by piece"
            ) from error


def _decoded(path: Path, *, palette_index: bool) -> tuple[NDArray[Any], list[str]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is odd is noted or refused
        with Image.open(path) as image:
            deep = _is_deep_colour(path, image)
            width, height = image.size
            samples = len(image.getbands()) * (2 if deep else _BYTES.get(image.mode, 1))
            check_bytes(path, width * height * samples)
            if palette_index and image.format in ("JPEG", "MPO"):
                raise LabelError(
                    f"{path}: JPEG changes label values; export labels as .tif or .png"
                )
            if image.format == "PNG":
                _check_png(path)
            notes = _frames(image)
            bits = _grey_bits(image)
            image.load()
            turn = image.getexif().get(_ORIENTATION)
            pixels, said = _deep(path) if deep else _shallow(path, image, palette_index)
    notes += said
    if palette_index and bits in (2, 4):
        pixels = pixels // (255 // (2**bits - 1))  # Pillow stretches few bits to 0 to 255
    if is_turned(turn):
        notes.append(TURNED)
    return np.ascontiguousarray(upright(pixels, turn, 0, 1)), notes


def _check_png(path: Path) -> None:
    """Refuse a PNG in which what makes its pixels is not what was written, by its checksums."""
    with open(path, "rb") as opened:
        opened.seek(8)
        while len(head := opened.read(8)) == 8:
            (length,), kind = struct.unpack(">I", head[:4]), head[4:]
            found, left = zlib.crc32(kind), length
            while left and (piece := opened.read(min(left, _PIECE_BYTES))):
                found, left = zlib.crc32(piece, found), left - len(piece)
            told = opened.read(4)
            if kind in _PIXEL_CHUNKS and told != struct.pack(">I", found):
                raise ImageError(
                    f"{path} is damaged: a checksum in it ({kind.decode()}) does not fit; copy or "
                    "export it again"
                )
            if kind == b"IEND":
                return


def _frames(image: Image.Image) -> list[str]:
    """What is said of the frames behind the first one."""
    count = int(getattr(image, "n_frames", 1))
    return [] if count < 2 else [f"the first of its {count} frames was read"]


def _grey_bits(image: Image.Image) -> int:
    """The bits of a grey value in a PNG; 8 where it is not told."""
    tile = getattr(image, "tile", None)
    if image.format != "PNG" or image.mode != "L" or not tile:
        return 8
    kind = str(tile[0][3])
    return int(kind[-1]) if kind in ("L;2", "L;4") else 8


def _is_deep_colour(path: Path, image: Image.Image) -> bool:
    """Whether it is a PNG of 16 bits in more than one channel, which Pillow reads as 8 bits."""
    if image.format != "PNG":
        return False
    with open(path, "rb") as opened:
        head = opened.read(26)
    return head[24] == 16 and head[25] in (2, 4, 6)


def _deep(path: Path) -> tuple[NDArray[Any], list[str]]:
    """16 bit grey or colours of a PNG, without alpha."""
    try:
        import imagecodecs
    except ImportError as error:
        raise ImageError(
            f"{path} has 16 bits a colour, which needs imagecodecs (pip install imagecodecs); or "
            "save it as TIFF"
        ) from error
    pixels = np.asarray(imagecodecs.png_decode(path.read_bytes()))
    if pixels.ndim == 3 and pixels.shape[-1] in (2, 4):
        pixels = pixels[..., 0] if pixels.shape[-1] == 2 else pixels[..., :3]
        return pixels, [ALPHA]
    return pixels, []


def _shallow(path: Path, image: Image.Image, palette_index: bool) -> tuple[NDArray[Any], list[str]]:
    """Pixels as Pillow reads them, converted where a mode has no array of its own."""
    mode = image.mode
    if mode in ("P", "PA") and palette_index:
        values = np.array(image)
        return (values[..., 0] if values.ndim == 3 else values), []
    notes = [ALPHA] if mode in _WITH_ALPHA or "transparency" in image.info else []
    if mode == "1":
        return np.array(image.convert("L")) > 0, notes  # Pillow's True is 255 in memory
    if mode == "RGBA":
        return np.array(image)[..., :3], notes
    if mode in _AS_IT_IS:
        return np.array(image), notes
    if mode not in _CONVERTED:
        raise ImageError(
            f"{path} has colours of the kind {mode}, which are not read; convert it to grey or RGB"
        )
    if mode not in _WITH_ALPHA:
        notes.append(f"its colours ({_MODES.get(mode, mode)}) were turned into red, green and blue")
    return np.array(image.convert(_CONVERTED[mode])), notes


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
