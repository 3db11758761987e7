"""TIFF in the dialects of other programs, and pictures: files made here, and what they hold.

What is expected comes from the arrays that were written, never from what the reader gave.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from corpus.cases import Case, grey
from unetscope.errors import ImageError, LabelError
from unetscope.images.files import read_labels, read_micrograph
from unetscope.images.questions import Answers, Undecided

CASES: list[Case] = []
G = grey()
MASK = np.zeros((64, 80), np.uint8)
MASK[5:15, 5:30] = 1
MASK[40:60, 40:70] = 2
RGB = grey((64, 80, 3), 1)
Expect = Callable[[Path], None]


def add(row: str, name: str, make: Callable[[Path], Path], expect: Expect) -> None:
    CASES.append(Case(name, row, make, expect))


def holds(
    axes: str,
    pixels: NDArray[Any],
    *,
    size: Sequence[float] | None = None,
    unit: str | None = None,
    notes: Sequence[str] = (),
    within: float = 0,
    told: str | None = None,
    answers: Answers | None = None,
) -> Expect:
    """The image of these axes, pixels and size; ``notes`` are parts of all of its notes."""

    def expect(path: Path) -> None:
        found = read_micrograph(path, told, answers)
        got = np.asarray(found.pixels)
        wanted = pixels.astype(np.uint8) if pixels.dtype.kind == "b" else pixels
        got = got.astype(np.uint8) if got.dtype.kind == "b" else got
        assert (found.axes, got.shape) == (axes, wanted.shape)
        assert got.dtype.newbyteorder("=") == wanted.dtype.newbyteorder("=")
        if within:
            assert np.abs(got.astype(float) - wanted.astype(float)).mean() < within
        else:
            np.testing.assert_array_equal(got, wanted)
        assert found.pixel_size == (None if size is None else pytest.approx(size, rel=1e-5))
        assert found.unit == unit
        assert len(found.notes) == len(notes), found.notes
        for said, note in zip(notes, found.notes, strict=True):
            assert said in note

    return expect


def labels(values: NDArray[Any], answers: Answers | None = None) -> Expect:
    """Labels of these values, as unsigned numbers."""

    def expect(path: Path) -> None:
        found = read_labels(path, answers)
        assert found.dtype.kind == "u"
        np.testing.assert_array_equal(found, values)

    return expect


def refused(words: str, *, as_labels: bool = False, error: type[Exception] = ImageError) -> Expect:
    """An error that names the file and says ``words`` (a pattern)."""

    def expect(path: Path) -> None:
        with pytest.raises(error, match=words) as told:
            read_labels(path) if as_labels else np.asarray(read_micrograph(path).pixels)
        assert path.name in str(told.value)
        assert not isinstance(told.value, Undecided)

    return expect


def asked(about: str, *values: str, answered: Expect | None = None) -> Expect:
    """A question whose choices are ``values``, the likeliest first; then what an answer gives."""

    def expect(path: Path) -> None:
        with pytest.raises(Undecided) as told:
            read_micrograph(path)
        question = told.value.question
        assert question.about == about
        assert tuple(choice.value for choice in question.choices) == values
        assert question.name == path.name and question.option in str(told.value)
        if answered is not None:
            answered(path)

    return expect


def written(name: str, pixels: NDArray[Any], **options: Any) -> Callable[[Path], Path]:
    """tifffile writes ``pixels``."""

    def make(folder: Path) -> Path:
        tifffile.imwrite(folder / name, pixels, **options)
        return folder / name

    return make


def saved(name: str, image: Image.Image, **options: Any) -> Callable[[Path], Path]:
    """Pillow writes ``image``."""

    def make(folder: Path) -> Path:
        image.save(folder / name, **options)
        return folder / name

    return make


def stored(name: str, content: bytes) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / name).write_bytes(content)
        return folder / name

    return make


def retagged(make: Callable[[Path], Path], tags: dict[str, Any]) -> Callable[[Path], Path]:
    """A file of which some tags of the first page say something else."""

    def changed(folder: Path) -> Path:
        path = make(folder)
        with tifffile.TiffFile(path, mode="r+b") as tif:
            for tag, value in tags.items():
                tif.pages.first.tags[tag].overwrite(value)
        return path

    return changed


# ---- compressions and layouts
STACK = grey((2, 3, 64, 80), 2)
FLOATS = np.random.default_rng(3).normal(size=(64, 80)).astype(np.float32)
LAYOUTS: dict[str, tuple[NDArray[Any], dict[str, Any], str, NDArray[Any]]] = {
    "ImageJ z, c": (STACK, {"imagej": True, "metadata": {"axes": "ZCYX"}}, "zcyx", STACK),
    "OME z, c": (STACK, {"ome": True, "metadata": {"axes": "ZCYX"}}, "zcyx", STACK),
    "planar RGB": (
        np.moveaxis(RGB, -1, 0),
        {"photometric": "rgb", "planarconfig": "separate"},
        "cyx",
        np.moveaxis(RGB, -1, 0),
    ),
    "RGB of 16 bits": (
        RGB.astype("u2") * 200,
        {"photometric": "rgb"},
        "yxc",
        RGB.astype("u2") * 200,
    ),
    "five samples in planes": (
        grey((5, 64, 80)),
        {"photometric": "minisblack", "planarconfig": "separate"},
        "cyx",
        grey((5, 64, 80)),
    ),
    "two samples in a pixel": (
        grey((64, 80, 2)),
        {"photometric": "minisblack", "planarconfig": "contig"},
        "yxc",
        grey((64, 80, 2)),
    ),
    "signed": (G.view("i1"), {"photometric": "minisblack"}, "yx", G.view("i1")),
    "tiles with a rim": (G, {"tile": (48, 32)}, "yx", G),
    "odd strips": (G, {"rowsperstrip": 7}, "yx", G),
}
for codec in (None, "lzw", "zlib", "zstd", "packbits", "lzma"):
    for layout, (array, options, axes, wanted) in LAYOUTS.items():
        add(
            "Compressed with LZW, Deflate, Zstandard, LZMA or PackBits",
            f"{codec}, {layout}",
            written("a.tif", array, compression=codec, **options),
            holds(axes, wanted),
        )
for codec in ("lzw", "zlib"):
    add(
        "Compressed with LZW, Deflate, Zstandard, LZMA or PackBits",
        f"{codec}, horizontal differences",
        written("a.tif", G.astype("u2") * 3, compression=codec, predictor=2),
        holds("yx", G.astype("u2") * 3),
    )
    add(
        "Compressed with LZW, Deflate, Zstandard, LZMA or PackBits",
        f"{codec}, differences of floats",
        written("a.tif", FLOATS, compression=codec, predictor=3),
        holds("yx", FLOATS),
    )
for codec in ("jpeg2000", "png", "jpegxl", "lerc", "webp"):
    array = RGB if codec == "webp" else G
    arguments = {"lossless": True} if codec in ("webp", "jpegxl") else {}
    if codec == "jpeg2000":
        arguments = {"reversible": True}
    add(
        "Compressed with JPEG 2000, JPEG XL, PNG, WebP or LERC",
        codec,
        written("a.tif", array, compression=codec, compressionargs=arguments),
        holds("yxc" if array.ndim == 3 else "yx", array),
    )
SMOOTH = (np.add.outer(np.arange(64), np.arange(80)) + 50).astype(np.uint8)
add(
    "Compressed with JPEG",
    "grey",
    written("a.tif", SMOOTH, compression="jpeg"),
    holds("yx", SMOOTH, within=2),
)
add(
    "Compressed with JPEG",
    "colours as YCbCr",
    written("a.tif", np.dstack([SMOOTH, SMOOTH, 255 - SMOOTH]), compression="jpeg"),
    holds("yxc", np.dstack([SMOOTH, SMOOTH, 255 - SMOOTH]), within=4),
)
add(
    "Compressed with JPEG",
    "ImageJ z, c",
    written(
        "a.tif",
        np.broadcast_to(SMOOTH, (2, 3, 64, 80)),
        compression="jpeg",
        imagej=True,
        metadata={"axes": "ZCYX"},
    ),
    holds("zcyx", np.broadcast_to(SMOOTH, (2, 3, 64, 80)), within=2),
)
add(
    "Compressed with JPEG",
    "labels",
    written("a.tif", MASK, compression="jpeg"),
    refused("JPEG, which changes label values", as_labels=True, error=LabelError),
)
add(
    "A compression that nothing here undoes",
    "PixarFilm",
    retagged(written("a.tif", G, compression="zlib"), {"Compression": 32908}),
    refused("compressed with PIXARFILM.*install imagecodecs"),
)

# ---- types and bits
for kind in ("u1", "u2", "u4", "i1", "i2", "i4", "f2", "f4", "f8"):
    for order in ("<", ">"):
        array = (FLOATS * 50).astype(kind) if kind[0] == "f" else G.astype(kind)
        add(
            "Whole numbers of 8 to 32 bits, floats of 16 to 64 bits, either byte order, BigTIFF",
            f"{order}{kind}",
            written("a.tif", array, byteorder=order, bigtiff=kind[0] == "f"),
            holds("yx", array),
        )
add(
    "Complex numbers",
    "complex64",
    written("a.tif", G.astype("c8")),
    lambda path: refused_without_name("complex64.*take abs", path),
)


def refused_without_name(words: str, path: Path) -> None:
    with pytest.raises(ImageError, match=words):
        read_micrograph(path)


def packed(bits: int, values: NDArray[Any]) -> Callable[[Path], Path]:
    """Values of so many bits, without gaps between them."""
    content = imagecodecs.packints_encode(values.astype("u2" if bits > 8 else "u1"), bits)
    raw = np.frombuffer(content, np.uint8).reshape(64, -1)
    make = written("a.tif", raw, metadata=None, rowsperstrip=64)
    return retagged(make, {"ImageWidth": values.shape[1], "BitsPerSample": bits})


BITS = "1, 2, 4, 10, 12 or 14 bits a pixel"
for bits in (2, 4, 10, 12, 14):
    array = (grey((64, 80), bits).astype(np.uint16) * 256 // 2 ** (16 - bits)).astype(
        "u2" if bits > 8 else "u1"
    )
    add(BITS, f"{bits} bits", packed(bits, array), holds("yx", array, notes=[f"{bits} bits"]))
    few = np.minimum(MASK, 2)
    add(BITS, f"labels of {bits} bits", packed(bits, few), labels(few))
for name, make in {
    "tifffile": written("a.tif", MASK > 0),
    "tifffile, deflate": written("a.tif", MASK > 0, compression="zlib"),
    "Pillow": saved("a.tif", Image.fromarray(MASK > 0)),
    "Pillow, packbits": saved("a.tif", Image.fromarray(MASK > 0), compression="packbits"),
    "fax group 3": saved("a.tif", Image.fromarray(MASK > 0), compression="group3"),
    "fax group 4": saved("a.tif", Image.fromarray(MASK > 0), compression="group4"),
}.items():
    add(BITS, f"1 bit, {name}", make, holds("yx", MASK > 0))
    add(BITS, f"labels of 1 bit, {name}", make, labels(MASK > 0))

# ---- what samples mean
WHITE = "the file says that 0 is white"
add(
    "White is zero",
    "8 bits",
    written("a.tif", G, photometric="miniswhite"),
    holds("yx", 255 - G, notes=[WHITE]),
)
add(
    "White is zero",
    "16 bits, LZW",
    written("a.tif", G.astype("u2"), photometric="miniswhite", compression="lzw"),
    holds("yx", 65535 - G.astype("u2"), notes=[WHITE]),
)
add(
    "White is zero",
    "1 bit of a fax",
    retagged(saved("a.tif", Image.fromarray(MASK == 0)), {"PhotometricInterpretation": 0}),
    labels(MASK > 0),
)
for codec in (None, "lzw"):
    add(
        "White is zero",
        f"labels keep their numbers, {codec}",
        written("a.tif", MASK, photometric="miniswhite", compression=codec),
        labels(MASK),
    )
INKS = Image.fromarray(RGB).convert("CMYK")
for name, array, options in (
    ("8 bits", np.asarray(INKS), {}),
    ("LZW", np.asarray(INKS), {"compression": "lzw"}),
    ("16 bits", np.asarray(INKS).astype("u2") * 257, {}),
):
    scale = 257 if array.dtype == np.uint16 else 1
    add(
        "Inks (CMYK)",
        name,
        written("a.tif", array, photometric="separated", **options),
        holds(
            "yxc",
            np.asarray(INKS.convert("RGB")).astype(array.dtype) * scale,
            notes=["inks (CMYK)"],
            within=1.0 * scale,
        ),
    )
add(
    "Inks (CMYK)",
    "as labels",
    written("a.tif", np.asarray(INKS), photometric="separated"),
    refused("colour picture", as_labels=True, error=LabelError),
)
for name, make in {
    "Pillow": saved("a.tif", Image.fromarray(RGB).convert("YCbCr")),
    "planes": written(
        "a.tif",
        np.moveaxis(np.asarray(Image.fromarray(RGB).convert("YCbCr")), -1, 0),
        photometric="ycbcr",
        planarconfig="separate",
    ),
}.items():
    wanted = RGB if name == "Pillow" else np.moveaxis(RGB, -1, 0)
    add(
        "YCbCr without JPEG",
        name,
        make,
        holds(
            "yxc" if name == "Pillow" else "cyx",
            wanted,
            within=1.5,
            notes=["its colours (YCbCr)"],
        ),
    )
add(
    "L*a*b*, raw mosaics of cameras, logarithmic colours",
    "L*a*b*",
    written("a.tif", RGB, photometric="cielab"),
    refused("L\\*a\\*b\\* colours.*RGB"),
)
for kind, words in ((32803, "raw mosaic"), (32845, "logarithmic")):
    add(
        "L*a*b*, raw mosaics of cameras, logarithmic colours",
        words,
        retagged(written("a.tif", G), {"PhotometricInterpretation": kind}),
        refused(words),
    )
PALETTE = np.random.default_rng(5).integers(0, 256, (3, 256)).astype(np.uint16) * 257
RAMP = np.stack([np.arange(256, dtype=np.uint16)[::-1] * 257] * 3)
add(
    "A palette",
    "colours",
    written("a.tif", G, photometric="palette", colormap=PALETTE),
    holds("yxc", (PALETTE >> 8).astype("u1").T[G], notes=["palette"]),
)
add(
    "A palette",
    "greys",
    written("a.tif", G, photometric="palette", colormap=RAMP),
    holds("yx", 255 - G, notes=["palette"]),
)
add(
    "A palette",
    "Pillow",
    saved("a.tif", Image.fromarray(RGB).quantize(16)),
    holds("yxc", np.asarray(Image.fromarray(RGB).quantize(16).convert("RGB")), notes=["palette"]),
)
add(
    "A palette",
    "ImageJ's lookup table",
    written("a.tif", G, imagej=True, photometric="palette", colormap=PALETTE),
    holds("yx", G, notes=["lookup table"]),
)
add(
    "A palette",
    "labels",
    written("a.tif", MASK, photometric="palette", colormap=PALETTE),
    labels(MASK),
)
ALPHA = ["alpha channel was left out"]
for name, array, options, axes, wanted in (
    ("grey", np.dstack([G, G]), {"photometric": "minisblack"}, "yx", G),
    ("grey in planes", np.stack([G, G]), {"photometric": "minisblack", "planarconfig": 2}, "yx", G),
    ("RGB", np.dstack([RGB, G]), {"photometric": "rgb"}, "yxc", RGB),
    (
        "RGB in planes",
        np.moveaxis(np.dstack([RGB, G]), -1, 0),
        {"photometric": "rgb", "planarconfig": "separate"},
        "cyx",
        np.moveaxis(RGB, -1, 0),
    ),
):
    for alpha in ("unassalpha", "assocalpha"):
        add(
            "Alpha",
            f"{name}, {alpha}",
            written("a.tif", array, extrasamples=[alpha], **options),
            holds(axes, wanted, notes=ALPHA),
        )
add(
    "Alpha",
    "a fourth sample without a name",
    written("a.tif", np.dstack([RGB, G]), photometric="rgb", extrasamples=["unspecified"]),
    holds("yxc", RGB, notes=["fourth sample"]),
)
add(
    "Alpha",
    "labels, all grey",
    written("a.tif", np.dstack([MASK] * 3 + [G]), photometric="rgb", extrasamples=["unassalpha"]),
    labels(MASK),
)
for name, array, options in (
    ("RGB", np.dstack([MASK] * 3), {}),
    ("planar RGB", np.stack([MASK] * 3), {"planarconfig": "separate"}),
    ("RGB with LZW", np.dstack([MASK] * 3), {"compression": "lzw"}),
):
    add(
        "A grey mask saved as colours",
        name,
        written("a.tif", array, photometric="rgb", **options),
        labels(MASK),
    )
add(
    "A coloured mask",
    "TIFF",
    written("a.tif", np.dstack([MASK, MASK, MASK * 2]), photometric="rgb"),
    refused("colour picture.*grey values", as_labels=True, error=LabelError),
)
add(
    "A coloured mask",
    "PNG",
    saved("a.png", Image.fromarray(np.dstack([MASK, MASK, MASK * 2]))),
    refused("colour picture.*grey values", as_labels=True, error=LabelError),
)
add(
    "A grey mask saved as colours",
    "PNG",
    saved("a.png", Image.fromarray(np.dstack([MASK] * 3))),
    labels(MASK),
)

# ---- turned pictures
TURNS = {
    1: G,
    2: G[:, ::-1],
    3: G[::-1, ::-1],
    4: G[::-1],
    5: G.T,
    6: np.rot90(G, -1),
    7: G[::-1, ::-1].T,
    8: np.rot90(G),
}
for turn, upright in TURNS.items():
    said = ["turned upright"] if turn > 1 else []
    exif = Image.Exif()
    exif[274] = turn
    tag = [(274, 3, 1, turn, True)]
    add(
        "Turned (EXIF, tag 274)",
        f"PNG {turn}",
        saved("a.png", Image.fromarray(G), exif=exif),
        holds("yx", upright, notes=said),
    )
    add(
        "Turned (EXIF, tag 274)",
        f"TIFF {turn}",
        written("a.tif", G, extratags=tag),
        holds("yx", upright, notes=said),
    )
    add(
        "Turned (EXIF, tag 274)",
        f"mask {turn}",
        written("a.tif", G, extratags=tag),
        labels(upright),
    )
    add(
        "Turned (EXIF, tag 274)",
        f"PNG mask {turn}",
        saved("a.png", Image.fromarray(G), exif=exif),
        labels(upright),
    )
exif = Image.Exif()
exif[274] = 6
add(
    "Turned (EXIF, tag 274)",
    "JPEG",
    saved("a.jpg", Image.fromarray(SMOOTH), exif=exif, quality=95),
    holds("yx", np.rot90(SMOOTH, -1), notes=["turned upright"], within=2),
)
add(
    "Turned (EXIF, tag 274)",
    "the pixel size turns along",
    written(
        "a.tif", G, extratags=[(274, 3, 1, 6, True)], resolution=(10000, 20000), resolutionunit=3
    ),
    holds("yx", np.rot90(G, -1), size=(1.0, 0.5), unit="µm", notes=["turned upright"]),
)

# ---- ImageJ
PLANES = np.stack([grey(seed=i) for i in range(24)])
for axes, shape, options in (
    ("zyx", (24, 64, 80), {"axes": "ZYX"}),
    ("cyx", (24, 64, 80), {"axes": "CYX"}),
    ("zcyx", (8, 3, 64, 80), {"axes": "ZCYX"}),
    (
        "zcyx",
        (12, 2, 64, 80),
        {"axes": "ZCYX", "Ranges": (0.0, 9.0, 0.0, 9.0), "mode": "composite"},
    ),
    ("zyx", (24, 64, 80), {"axes": "ZYX", "LUTs": [np.zeros((3, 256), "u1")], "min": 0, "max": 9}),
):
    add(
        "ImageJ's hyperstacks",
        f"{axes}, {options}",
        written("a.tif", PLANES.reshape(shape), imagej=True, metadata=options),
        holds(axes, PLANES.reshape(shape)),
    )
add(
    "ImageJ's hyperstacks",
    "colours",
    written("a.tif", np.stack([RGB, RGB]), imagej=True, metadata={"axes": "ZYXS"}),
    holds("zyxc", np.stack([RGB, RGB])),
)


def imagej_header(text: str, pages: NDArray[Any]) -> Callable[[Path], Path]:
    """Pages behind a header of ImageJ that may say something else."""
    return written(
        "a.tif", pages, metadata=None, description=f"ImageJ=1.53\n{text}", photometric="minisblack"
    )


add(
    "ImageJ's hyperstacks",
    "more slices told than there are",
    imagej_header("images=24\nslices=24\n", PLANES[:16]),
    holds("zyx", PLANES[:16]),
)
add(
    "ImageJ's hyperstacks",
    "channels of colours",
    written("a.tif", np.stack([np.stack([RGB, RGB])] * 2), imagej=True, metadata={"axes": "ZCYXS"}),
    refused("2 channels of colours"),
)

# ---- OME
for order in ("XYZCT", "XYCZT", "XYZTC", "XYTZC"):
    slow = [axis for axis in reversed(order) if axis in "ZC"]
    shape = tuple({"Z": 4, "C": 2}[axis] for axis in slow)
    array = PLANES[:8].reshape(*shape, 64, 80)

    def ordered(folder: Path, order: str = order) -> Path:
        xml = ome(order, 4, 2, "<TiffData/>")
        tifffile.imwrite(
            folder / "a.ome.tif", PLANES[:8], description=xml.encode(), metadata=None, ome=False
        )
        return folder / "a.ome.tif"

    add("OME-TIFF", order, ordered, holds("".join(slow).lower() + "yx", array))


def ome(order: str, z: int, c: int, data: str, uuid: str = "", **extra: Any) -> str:
    """OME-XML of 64 × 80 pixels of 8 bits."""
    channels = "".join(f'<Channel ID="Channel:0:{i}" SamplesPerPixel="1"/>' for i in range(c))
    sizes = "".join(f' {key}="{value}"' for key, value in extra.items())
    return (
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"'
        f'{uuid}><Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="{order}" Type="uint8" '
        f'SizeX="80" SizeY="64" SizeZ="{z}" SizeC="{c}" SizeT="1"{sizes}>{channels}{data}'
        "</Pixels></Image></OME>"
    )


def of_one(xml: str, pages: NDArray[Any], **options: Any) -> Callable[[Path], Path]:
    return written(
        "a.ome.tif",
        pages,
        description=xml.encode(),
        metadata=None,
        ome=False,
        photometric="minisblack",
        **options,
    )


BACKWARDS = "".join(f'<TiffData FirstZ="{3 - i}" IFD="{i}" PlaneCount="1"/>' for i in range(4))
add(
    "OME-TIFF",
    "planes in odd order",
    of_one(ome("XYZCT", 4, 1, BACKWARDS), PLANES[:4]),
    holds("zyx", PLANES[3::-1]),
)
add("OME-TIFF", "broken XML", of_one("<OME xmlns='x'><Image></OME>", G), holds("yx", G))
add(
    "OME-TIFF",
    "a size that is no number",
    of_one(ome("XYZCT", 1, 1, "<TiffData/>").replace('SizeX="80"', 'SizeX="wide"'), G),
    holds("yx", G),
)
for codec in (None, "zlib"):
    add(
        "Fewer planes than the header says",
        f"the last one, {codec}",
        of_one(ome("XYZCT", 3, 1, "<TiffData/>"), PLANES[:2], compression=codec),
        holds("zyx", PLANES[:2], notes=["says that it holds 3 planes and holds 2"]),
    )
add(
    "Fewer planes than the header says",
    "the last stack of a channel",
    of_one(ome("XYCZT", 4, 2, "<TiffData/>"), PLANES[:6]),
    holds("zcyx", PLANES[:6].reshape(3, 2, 64, 80), notes=["holds 6"]),
)
add(
    "Fewer planes than the header says",
    "gaps",
    of_one(ome("XYCZT", 4, 2, "<TiffData/>"), PLANES[:5]),
    refused("8 planes and holds 5, with gaps"),
)


def in_files(*kept: int, codec: str | None = None, directory: str = "") -> Callable[[Path], Path]:
    """Two channels in two files, of which those of the numbers ``kept`` are there."""
    uuids = [f"urn:uuid:0000000{i}-0000-0000-0000-000000000000" for i in (0, 1)]
    data = "".join(
        f'<TiffData FirstC="{i}" IFD="0" PlaneCount="1"><UUID FileName="{directory}c{i}.ome.tif">'
        f"{uuid}</UUID></TiffData>"
        for i, uuid in enumerate(uuids)
    )

    def make(folder: Path) -> Path:
        for i in kept:
            xml = ome("XYZCT", 1, 2, data, f' UUID="{uuids[i]}"')
            tifffile.imwrite(
                folder / f"c{i}.ome.tif",
                PLANES[i],
                description=xml.encode(),
                metadata=None,
                ome=False,
                compression=codec,
            )
        return folder / f"c{kept[0]}.ome.tif"

    return make


for codec in (None, "zlib", "lzw"):
    for kept in ((0, 1), (1, 0)):
        add(
            "OME-TIFF in several files",
            f"{codec}, opened by file {kept[0]}",
            in_files(*kept, codec=codec),
            holds("cyx", PLANES[:2]),
        )
    add(
        "A file of several is missing",
        f"{codec}",
        in_files(0, codec=codec),
        refused("c1.ome.tif is missing; copy all of them"),
    )
add(
    "A file of several is missing",
    "outside its folder",
    in_files(0, directory="../"),
    refused("outside its own folder"),
)


def with_companion(folder: Path) -> Path:
    data = (
        '<TiffData IFD="0" PlaneCount="1"><UUID FileName="a.ome.tif">urn:uuid:1</UUID></TiffData>'
    )
    (folder / "a.companion.ome").write_text(
        ome("XYZCT", 1, 1, data, PhysicalSizeX=0.5, PhysicalSizeY=0.5)
    )
    pointer = (
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
        '<BinaryOnly MetadataFile="a.companion.ome" UUID="urn:uuid:2"/></OME>'
    )
    tifffile.imwrite(folder / "a.ome.tif", G, description=pointer, metadata=None, ome=False)
    return folder / "a.ome.tif"


def without_companion(folder: Path) -> Path:
    path = with_companion(folder)
    (folder / "a.companion.ome").unlink()
    return path


def companion_alone(folder: Path) -> Path:
    with_companion(folder)
    return folder / "a.companion.ome"


add(
    "OME-TIFF in several files",
    "described by a companion",
    with_companion,
    holds("yx", G, size=(0.5, 0.5), unit="µm"),
)
add(
    "A file of several is missing",
    "the companion",
    without_companion,
    refused("a.companion.ome.*missing"),
)
add(
    "A file of several is missing",
    "the companion alone",
    companion_alone,
    refused("open one of the .ome.tif files"),
)


# ---- pixel sizes
def sized(**told: Any) -> Callable[[Path], Path]:
    return of_one(
        ome("XYZCT", 1, 1, "<TiffData/>", **{f"PhysicalSize{k}": v for k, v in told.items()}), G
    )


def sized_stack(**told: Any) -> Callable[[Path], Path]:
    return of_one(
        ome("XYZCT", 4, 1, "<TiffData/>", **{f"PhysicalSize{k}": v for k, v in told.items()}),
        PLANES[:4],
    )


SIZES = "Pixel sizes of OME, ImageJ, Thermo Fisher, Zeiss, Olympus, Aperio; pixels per cm"
for name, told, size, unit, notes in (
    ("default unit", {"X": 0.5, "Y": 0.25}, (0.25, 0.5), "µm", []),
    ("nm", {"X": 4, "XUnit": "nm", "Y": 4, "YUnit": "nm"}, (4, 4), "nm", []),
    ("mixed", {"X": 4, "XUnit": "nm", "Y": 0.004, "YUnit": "µm"}, (4, 4), "nm", []),
    ("x alone has a unit", {"X": 4, "XUnit": "nm", "Y": 4}, (4, 4), "nm", ["unit of y"]),
    ("x alone", {"X": 4, "XUnit": "nm"}, (4, 4), "nm", ["only the width"]),
    ("Å", {"X": 2, "XUnit": "Å", "Y": 2, "YUnit": "Å"}, (2, 2), "Å", []),
    ("zero", {"X": 0, "Y": 0}, None, None, []),
    ("negative", {"X": -1, "Y": -1}, None, None, []),
    ("NaN", {"X": "NaN", "Y": "NaN"}, None, None, []),
    ("infinite", {"X": "INF", "Y": 1}, None, None, []),
    ("pixels", {"X": 1, "XUnit": "pixel", "Y": 1, "YUnit": "pixel"}, None, None, []),
    (
        "reference frame",
        {"X": 1, "XUnit": "reference frame", "Y": 1, "YUnit": "reference frame"},
        None,
        None,
        [],
    ),
):
    add(SIZES, f"OME, {name}", sized(**told), holds("yx", G, size=size, unit=unit, notes=notes))
XY = {"X": 4, "XUnit": "nm", "Y": 4, "YUnit": "nm"}
for name, told, size, notes in (
    ("two units", {**XY, "Z": 0.03, "ZUnit": "µm"}, (30, 4, 4), []),
    ("z without a unit", {**XY, "Z": 0.03}, (30, 4, 4), []),
    ("no z", XY, None, ["spacing of its planes is not told"]),
    ("z of 0", {**XY, "Z": 0}, None, ["spacing of its planes is not told"]),
):
    unit = "nm" if size else None
    add(
        SIZES,
        f"OME stack, {name}",
        sized_stack(**told),
        holds("zyx", PLANES[:4], size=size, unit=unit, notes=notes),
    )
for unit in ("um", "micron", "\\u00B5m"):
    add(
        SIZES,
        f"ImageJ, {unit}, one a pixel",
        imagej_header(f"unit={unit}\n", G),
        holds("yx", G, size=(1, 1), unit="µm"),
    )
    add(
        SIZES,
        f"ImageJ, {unit}, with a resolution",
        written(
            "a.tif", G, metadata=None, description=f"ImageJ=1.53\nunit={unit}\n", resolution=(4, 2)
        ),
        holds("yx", G, size=(0.5, 0.25), unit="µm"),
    )
add(
    SIZES,
    "pixels per centimetre",
    written("a.tif", G, resolution=(20000, 20000), resolutionunit=3),
    holds("yx", G, size=(0.5, 0.5), unit="µm"),
)
FEI = "[User]\nUser=u\n[Scan]\nPixelWidth=2e-09\nPixelHeight=2e-09\n"
add(
    SIZES,
    "Thermo Fisher",
    written("a.tif", G, metadata=None, extratags=[(34682, 2, 0, FEI, True)]),
    holds("yx", G, size=(2, 2), unit="nm"),
)
ZEISS = "0\r\n0\r\n0\r\nAP_IMAGE_PIXEL_SIZE\r\nImage Pixel Size = 5.5 nm\r\n"
add(
    SIZES,
    "Zeiss",
    written("a.tif", G, metadata=None, extratags=[(34118, 2, 0, ZEISS, True)]),
    holds("yx", G, size=(5.5, 5.5), unit="nm"),
)
for name, options in {
    "300 an inch": {"resolution": (300, 300), "resolutionunit": 2},
    "ImageJ in inches": {"resolution": (300, 300), "imagej": True, "metadata": {"unit": "inch"}},
    "ImageJ in cm": {"resolution": (118, 118), "imagej": True, "metadata": {"unit": "cm"}},
    "236 a cm": {"resolution": (236, 236), "resolutionunit": 3},
    "a resolution of 0": {"resolution": ((0, 1), (0, 1)), "resolutionunit": 3},
}.items():
    add(
        "Dots per inch or cm, as printers count",
        name,
        written("a.tif", G, **options),
        holds("yx", G),
    )


# ---- several images
def several(name: str, *images: NDArray[Any], **options: Any) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        with tifffile.TiffWriter(folder / name, ome=name.endswith(".ome.tif")) as writer:
            for i, image in enumerate(images):
                told = {"Name": f"image {i}"} if name.endswith(".ome.tif") else None
                axes = {"axes": "ZYX"[-image.ndim :]} if told else {}
                writer.write(
                    image,
                    metadata={**told, **axes} if told else None,
                    contiguous=False,
                    photometric="minisblack",
                    **options,
                )
        return folder / name

    return make


LARGE, SMALL = grey((200, 300), 7), grey((20, 30), 8)
BESIDE = "A thumbnail, label or macro beside a larger image"
add(
    BESIDE,
    "before it",
    several("a.tif", SMALL, LARGE),
    holds("yx", LARGE, notes=["image 1 (200 × 300, uint8) of 2 was read"]),
)
add(BESIDE, "behind it", several("a.tif", LARGE, SMALL), holds("yx", LARGE, notes=["image 0"]))
add(
    BESIDE,
    "OME",
    several("a.ome.tif", SMALL, PLANES[:4]),
    holds("zyx", PLANES[:4], notes=["image 1 (image 1, 4 × 64 × 80"]),
)
add(
    BESIDE,
    "asked for all the same",
    several("a.tif", SMALL, LARGE),
    holds("yx", SMALL, notes=["image 0"], answers=Answers(series="0")),
)


def reduced(folder: Path) -> Path:
    with tifffile.TiffWriter(folder / "a.tif") as writer:
        writer.write(LARGE, metadata=None, subfiletype=1, photometric="minisblack")
        writer.write(LARGE[:90, :70], metadata=None, photometric="minisblack")
    return folder / "a.tif"


add(BESIDE, "marked as reduced", reduced, holds("yx", LARGE[:90, :70], notes=["image 1"]))
OF_ONE_SIZE = "Several images of comparable size"
add(
    OF_ONE_SIZE,
    "pages of two sizes",
    several("a.tif", LARGE, LARGE[:150]),
    asked(
        "series",
        "0",
        "1",
        answered=holds("yx", LARGE[:150], notes=["image 1"], answers=Answers(series="1")),
    ),
)
add(
    OF_ONE_SIZE,
    "OME, by name",
    several("a.ome.tif", LARGE, LARGE[::-1]),
    asked(
        "series",
        "0",
        "1",
        answered=holds("yx", LARGE[::-1], notes=["image 1"], answers=Answers(series="image 1")),
    ),
)
add(
    OF_ONE_SIZE,
    "labels",
    several("a.ome.tif", MASK, MASK[::-1]),
    labels(MASK[::-1], Answers(series="1")),
)
add(
    OF_ONE_SIZE,
    "an answer for another file",
    several("a.tif", LARGE, LARGE[:150]),
    lambda path: still_asked(path, "7"),
)
add(
    OF_ONE_SIZE,
    "an answer where there is one image",
    written("a.tif", G),
    holds("yx", G, answers=Answers(series="3")),
)


def still_asked(path: Path, series: str) -> None:
    with pytest.raises(Undecided, match="no image '7'"):
        read_micrograph(path, answers=Answers(series=series))


def pyramid(folder: Path) -> Path:
    with tifffile.TiffWriter(folder / "a.ome.tif") as writer:
        writer.write(LARGE, subifds=2, tile=(16, 16), metadata={"axes": "YX"})
        for step in (2, 4):
            writer.write(LARGE[::step, ::step], tile=(16, 16), subfiletype=1)
    return folder / "a.ome.tif"


add("Pyramids", "levels in SubIFDs", pyramid, holds("yx", LARGE))
add(
    "Pyramids",
    "levels as pages",
    several("a.tif", LARGE, LARGE[::2, ::2], LARGE[::4, ::4], tile=(16, 16)),
    holds("yx", LARGE),
)

# ---- axes
UNNAMED = "Pages without a name, time points, other axes"
for count in (2, 6, 15):
    first, second = ("cyx", "zyx") if count <= 4 else ("zyx", "cyx")
    make = written("a.tif", PLANES[:count], metadata=None, photometric="minisblack")
    add(
        UNNAMED,
        f"{count} pages",
        make,
        asked(
            "axes",
            first,
            second,
            answered=holds("zyx", PLANES[:count], answers=Answers(axes="zyx")),
        ),
    )
    add(UNNAMED, f"{count} pages of labels", make, labels(PLANES[:count]))
    add(
        UNNAMED,
        f"{count} pages, told",
        make,
        holds("cyx", PLANES[:count], told="cyx", answers=Answers(axes="zyx")),
    )
add(
    UNNAMED,
    "time",
    written("a.ome.tif", PLANES[:6], metadata={"axes": "TYX"}, photometric="minisblack"),
    asked("axes", "zyx", "cyx"),
)
add(
    UNNAMED,
    "time and channels",
    written("a.ome.tif", PLANES[:6].reshape(3, 2, 64, 80), metadata={"axes": "TCYX"}),
    asked("axes", "zcyx"),
)
add(
    UNNAMED,
    "time, z and channels",
    written("a.ome.tif", PLANES[:8].reshape(2, 2, 2, 64, 80), metadata={"axes": "TZCYX"}),
    asked(
        "time",
        "0",
        "1",
        answered=holds("zcyx", PLANES[4:8].reshape(2, 2, 64, 80), answers=Answers(time="1")),
    ),
)
add(
    UNNAMED,
    "lifetimes",
    written("a.tif", PLANES[:6], metadata={"axes": "HYX"}, photometric="minisblack"),
    asked("axes", "zyx", "cyx"),
)
add(
    UNNAMED,
    "two rows of pages",
    written("a.tif", PLANES[:6].reshape(3, 2, 64, 80), photometric="minisblack"),
    asked("axes", "zcyx", "czyx"),
)
add(
    UNNAMED,
    "an answer where the file says it",
    written("a.ome.tif", PLANES[:6], metadata={"axes": "ZYX"}, photometric="minisblack"),
    holds("zyx", PLANES[:6], answers=Answers(axes="cyx")),
)
add(
    UNNAMED,
    "colour pages",
    written("a.tif", np.stack([RGB, RGB]), metadata=None, photometric="rgb"),
    holds("zyxc", np.stack([RGB, RGB]), notes=["read as planes"]),
)
TOLD = "Axes told of stacks, where a file is a plane"
for told in ("zyx", "zcyx", "cyx", "yx"):
    add(TOLD, f"TIFF, {told}", written("a.tif", G), holds("yx", G, told=told))
    add(TOLD, f"PNG, {told}", saved("a.png", Image.fromarray(G)), holds("yx", G, told=told))
add(
    TOLD,
    "stack, zcyx",
    written("a.tif", PLANES[:6], imagej=True, metadata={"axes": "ZYX"}),
    holds("zyx", PLANES[:6], told="zcyx"),
)
add(
    TOLD,
    "too few",
    written("a.tif", PLANES[:6], imagej=True, metadata={"axes": "ZYX"}),
    lambda path: wrongly_told(path, "yx", "name 2 axes"),
)
add(
    TOLD,
    "colours",
    written("a.tif", RGB),
    lambda path: wrongly_told(path, "zyx", "holds the colours of a pixel"),
)
for count in (3, 4):
    make = written("a.tif", PLANES[:count], photometric="rgb", planarconfig="separate")
    add(
        TOLD,
        f"{count} planes that tifffile calls colours",
        make,
        holds("zyx", PLANES[:count], told="zyx"),
    )
    add(TOLD, f"labels, {count} planes that tifffile calls colours", make, labels(PLANES[:count]))
for shape in ((1, 1, 64, 80), (1, 1, 1, 64, 80), (64, 80, 1)):
    add(
        "Axes of length 1",
        f"{shape}",
        written("a.tif", G.reshape(shape), photometric="minisblack"),
        holds("yx", G),
    )
add(
    "Axes of length 1",
    "OME",
    written("a.ome.tif", PLANES[:3].reshape(1, 3, 1, 64, 80), metadata={"axes": "TCZYX"}),
    holds("cyx", PLANES[:3]),
)


def wrongly_told(path: Path, axes: str, words: str) -> None:
    with pytest.raises(ImageError, match=words) as told:
        read_micrograph(path, axes)
    assert path.name in str(told.value)


for shape in ((1, 80), (64, 1), (1, 1), (2, 3)):
    for codec in (None, "lzw"):
        if shape[1] > 1 or codec is None:
            add(
                "One row, one column, one pixel",
                f"{shape}, {codec}",
                written("a.tif", G[: shape[0], : shape[1]], compression=codec),
                holds("yx", G[: shape[0], : shape[1]]),
            )


# ---- damage and harm
def cut(make: Callable[[Path], Path], keep: float) -> Callable[[Path], Path]:
    def shortened(folder: Path) -> Path:
        path = make(folder)
        content = path.read_bytes()
        path.write_bytes(content[: int(len(content) * keep)])
        return path

    return shortened


CUT = "Cut off, empty, or pieces missing"
PAGES = grey((4, 64, 80), 7)
for codec in (None, "lzw", "zlib", "packbits", "jpeg"):
    for keep in (0.5, 0.95):
        add(
            CUT,
            f"{codec}, {keep}",
            cut(written("a.tif", SMOOTH, compression=codec, rowsperstrip=8), keep),
            refused("again"),
        )
for keep in (0.3, 0.9, 0.97):
    add(
        CUT,
        f"all pages but the first, {keep}",
        cut(written("a.tif", PAGES, photometric="minisblack", metadata=None), keep),
        refused("page [2-4] lies beyond the end"),
    )
add(CUT, "nothing in it", stored("a.tif", b""), refused("empty"))
add(CUT, "a header alone", stored("a.tif", b"II*\0\x08\0\0\0"), refused("again"))
add(
    CUT,
    "no strips",
    retagged(written("a.tif", G, compression="zlib"), {"StripByteCounts": 0}),
    refused("0 of the 1 pieces"),
)
add(
    CUT,
    "a directory that points at itself",
    stored("a.tif", struct.pack("<2sHIHHHIII", b"II", 42, 8, 1, 256, 3, 1, 5, 8)),
    refused("again"),
)


def sparse(folder: Path) -> Path:
    """One tile of four was never written, as GDAL does with empty ones."""
    path = folder / "a.tif"
    tifffile.imwrite(path, G[:32, :32], tile=(16, 16), compression="zlib")
    with tifffile.TiffFile(path, mode="r+b") as tif:
        counts = tif.pages.first.tags["TileByteCounts"]
        counts.overwrite([*counts.value[:3], 0])
    return path


SPARSE = G[:32, :32].copy()
SPARSE[16:, 16:] = 0
add(
    "Tiles that were never written",
    "one of four",
    sparse,
    holds("yx", SPARSE, notes=["1 of 4 pieces"]),
)
HARM = "Claims of more than there can be"
add(
    HARM,
    "10⁸ planes",
    of_one(ome("XYZCT", 100_000_000, 1, "<TiffData/>"), G),
    refused("100000000 planes, more than a file can"),
)
add(
    HARM,
    "planes of one entry",
    of_one(ome("XYZCT", 2, 1, '<TiffData PlaneCount="200000000"/>'), G),
    refused("more than a file can"),
)
add(
    HARM,
    "sides",
    of_one(ome("XYZCT", 1, 1, "<TiffData/>").replace('SizeX="80"', 'SizeX="80000000000"'), G),
    refused("more than a file can"),
)
MODULO = (
    '<StructuredAnnotations><XMLAnnotation ID="Annotation:0" '
    'Namespace="openmicroscopy.org/omero/dimension/modulo"><Value><Modulo><ModuloAlongT '
    'Type="lifetime" Start="0" End="1e12" Step="1"/></Modulo></Value></XMLAnnotation>'
    "</StructuredAnnotations></OME>"
)
add(
    HARM,
    "steps of an axis",
    of_one(ome("XYZCT", 1, 1, "<TiffData/>").replace("</OME>", MODULO), G),
    refused("more than a file can"),
)
add(
    HARM,
    "sides of a picture in LZW",
    retagged(
        written("a.tif", G, compression="lzw"),
        {"ImageWidth": 2**31 - 1, "ImageLength": 2**31 - 1, "RowsPerStrip": 2**31 - 1},
    ),
    refused("asks for.*of memory|again"),
)
add(
    HARM,
    "more behind zlib than told",
    retagged(
        written("a.tif", np.zeros((4000, 4000), "u1"), compression="zlib", rowsperstrip=4000),
        {"ImageWidth": 64, "ImageLength": 64, "RowsPerStrip": 64},
    ),
    refused("again"),
)
add(
    HARM,
    "more behind JPEG than told",
    retagged(
        written("a.tif", np.zeros((2000, 2000), "u1"), compression="jpeg", rowsperstrip=2000),
        {"ImageWidth": 64, "ImageLength": 64, "RowsPerStrip": 64},
    ),
    refused("piece of 4000000 pixels where 4096 belong"),
)


def piece(name: str, codec: str, content: Callable[[], bytes]) -> Callable[[Path], Path]:
    """A tile of 64 × 64 pixels with this content, as a hostile hand puts it there."""

    def make(folder: Path) -> Path:
        tile = (RGB if codec == "webp" else G)[:64, :64]
        tifffile.imwrite(folder / name, tile, compression=codec, tile=(64, 64))
        with tifffile.TiffFile(folder / name, mode="r+b") as tif:
            tags, handle, blob = tif.pages.first.tags, tif.filehandle, content()
            at = handle.seek(0, 2)
            handle.write(blob)
            tags["TileOffsets"].overwrite((at,))
            tags["TileByteCounts"].overwrite((len(blob),))
        return folder / name

    return make


WIDE = np.zeros((4000, 3000), np.uint8)
for codec, encode in (
    ("jpegxl", lambda: imagecodecs.jpegxl_encode(WIDE, effort=1)),
    ("jpegxl", lambda: imagecodecs.jpegxl_encode(WIDE, effort=1, usecontainer=True)),
    ("jpegxr", lambda: imagecodecs.jpegxr_encode(WIDE)),
    ("lerc", lambda: imagecodecs.lerc_encode(WIDE)),
    ("webp", lambda: imagecodecs.webp_encode(np.dstack([WIDE] * 3), lossless=True)),
    ("webp", lambda: imagecodecs.webp_encode(np.dstack([WIDE] * 3), level=50)),
):
    add(
        HARM,
        f"more behind {codec} than told ({len(CASES)})",
        piece("a.tif", codec, encode),
        refused("piece of 12000000 pixels where"),
    )
for codec in ("jpegxl", "jpegxr", "lerc"):
    add(
        HARM,
        f"{codec} that does not say its size",
        piece("a.tif", codec, lambda: b"something else that unpacks to anything" * 9),
        refused("does not say how many pixels|again"),
    )
for around in ("deflate", "zstd"):
    add(
        "Compressed with JPEG 2000, JPEG XL, PNG, WebP or LERC",
        f"LERC in {around}",
        written("a.tif", G, compression="lerc", compressionargs={"compression": around}),
        holds("yx", G),
    )
for around, pack in (("Deflate", zlib.compress), ("Zstandard", imagecodecs.zstd_encode)):
    add(
        HARM,
        f"more behind LERC in {around} than told",
        piece("a.tif", "lerc", lambda pack=pack: pack(imagecodecs.lerc_encode(WIDE))),
        refused("piece of 12000000 pixels where"),
    )
    add(
        HARM,
        f"LERC in {around} with more behind it",
        piece(
            "a.tif", "lerc", lambda pack=pack: pack(imagecodecs.lerc_encode(WIDE) + bytes(10**7))
        ),
        refused("again"),
    )
add(
    HARM,
    "a moving JPEG XL",
    piece("a.tif", "jpegxl", lambda: imagecodecs.jpegxl_encode(np.zeros((9, 64, 64, 3), "u1"))),
    refused("moving picture"),
)
add(
    "Blank images that compress well",
    "12000² in LZMA",
    written("a.tif", np.zeros((12000, 12000), "u1"), compression="lzma"),
    lambda path: blank(path, 12000),
)
add(
    "Blank images that compress well",
    "10000² as a fax",
    saved("a.tif", Image.new("1", (10000, 10000)), compression="group4"),
    lambda path: blank(path, 10000),
)


def blank(path: Path, side: int) -> None:
    values = read_labels(path)
    assert values.shape == (side, side) and not values.any()


# ---- names
for name in ("a.lsm", "a.svs", "a.stk", "a.btf", "a.ome.btf", "a.png", "a.bmp", "a.xyz", "a"):
    add(
        "TIFF under another name",
        name,
        written(name, G) if name != "a.ome.btf" else written(name, G, ome=True),
        holds("yx", G),
    )
    add("TIFF under another name", f"labels, {name}", written(name, MASK), labels(MASK))


def as_png(values: NDArray[Any]) -> bytes:
    content = io.BytesIO()
    Image.fromarray(values).save(content, "png")
    return content.getvalue()


for name in ("a.tif", "a.jpg", "a.ome.tif", "a.unknown"):
    add("PNG or JPEG under another name", name, stored(name, as_png(G)), holds("yx", G))
    add(
        "PNG or JPEG under another name",
        f"labels, {name}",
        stored(name, as_png(MASK)),
        labels(MASK),
    )
FOREIGN = "Something else under the name of an image"
for name, content, words in (
    ("gzip", b"\x1f\x8b\x08\0" + bytes(40), "gzip; unpack"),
    ("zip", b"PK\x03\x04" + bytes(40), "zip archive; unpack"),
    ("HDF5", b"\x89HDF\r\n\x1a\n" + bytes(40), "HDF5"),
    ("web page", b"<!DOCTYPE html><html>", "web page"),
    ("Git LFS", b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
    ("text", b"a,b,c\n1,2,3\n", "again"),
):
    add(FOREIGN, f"{name}.tif", stored("a.tif", content), refused(words))
    add(FOREIGN, f"{name}.png", stored("a.png", content), refused(words))


# ---- pictures
def png(
    bits: int, kind: int, rows: Sequence[bytes], width: int, *extra: tuple[bytes, bytes]
) -> bytes:
    """A PNG of any bit depth and colour type, which Pillow cannot write."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    head = struct.pack(">IIBBBBB", width, len(rows), bits, kind, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + b"".join(chunk(*one) for one in extra)
        + chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows)))
        + chunk(b"IEND", b"")
    )


DEEP = np.random.default_rng(6).integers(0, 65536, (64, 80, 4)).astype(np.uint16)
for name, samples, kind, axes, wanted in (
    ("grey", 1, 0, "yx", DEEP[..., 0]),
    ("grey and alpha", 2, 4, "yx", DEEP[..., 0]),
    ("RGB", 3, 2, "yxc", DEEP[..., :3]),
    ("RGBA", 4, 6, "yxc", DEEP[..., :3]),
):
    rows = [row.astype(">u2").tobytes() for row in DEEP[..., :samples]]
    add(
        "PNG of 16 bits",
        name,
        stored("a.png", png(16, kind, rows, 80)),
        holds(axes, wanted, notes=ALPHA if samples in (2, 4) else []),
    )
grey16 = [np.dstack([MASK[i]] * 3).astype(">u2").tobytes() for i in range(64)]
add(
    "PNG of 16 bits",
    "labels saved as colours",
    stored("a.png", png(16, 2, grey16, 80)),
    labels(MASK),
)
for bits in (1, 2, 4):
    few = np.minimum(MASK, 2**bits - 1)
    content = imagecodecs.packints_encode(few, bits)
    rows = [content[i : i + 80 * bits // 8] for i in range(0, len(content), 80 * bits // 8)]
    shown = few if bits == 1 else few * (255 // (2**bits - 1))
    add(
        "PNG of 1, 2 or 4 bits",
        f"{bits} bits",
        stored("a.png", png(bits, 0, rows, 80)),
        holds("yx", shown.astype(np.uint8)),
    )
    add(
        "PNG of 1, 2 or 4 bits",
        f"labels of {bits} bits",
        stored("a.png", png(bits, 0, rows, 80)),
        labels(few),
    )
    colours = (b"PLTE", bytes([9, 9, 9, 200, 0, 0, 0, 200, 0, 0, 0, 200][: 3 * 2**bits]))
    add(
        "PNG of 1, 2 or 4 bits",
        f"labels of a palette of {bits} bits",
        stored("a.png", png(bits, 3, rows, 80, colours)),
        labels(few),
    )
PICTURES = "PNG, JPEG and BMP of 8 bits"
for name, image, axes, wanted, notes in (
    ("a.png", Image.fromarray(G), "yx", G, []),
    ("a.png", Image.fromarray(RGB), "yxc", RGB, []),
    ("a.png", Image.fromarray(np.dstack([G, G]), "LA"), "yx", G, ALPHA),
    ("a.png", Image.fromarray(np.dstack([RGB, G])), "yxc", RGB, ALPHA),
    ("a.png", Image.fromarray(MASK > 0), "yx", MASK > 0, []),
    ("a.bmp", Image.fromarray(G), "yx", G, []),
    ("a.bmp", Image.fromarray(RGB), "yxc", RGB, []),
    ("a.bmp", Image.fromarray(MASK > 0), "yx", MASK > 0, []),
    (
        "a.png",
        Image.fromarray(RGB).quantize(16),
        "yxc",
        np.asarray(Image.fromarray(RGB).quantize(16).convert("RGB")),
        ["a palette"],
    ),
):
    add(PICTURES, f"{name}, {image.mode}", saved(name, image), holds(axes, wanted, notes=notes))
for mode in ("L", "RGB", "CMYK"):
    image = Image.fromarray(np.dstack([SMOOTH] * 3)).convert(mode)
    wanted = np.asarray(image.convert("RGB") if mode == "CMYK" else image)
    add(
        PICTURES,
        f"a.jpg, {mode}",
        saved("a.jpg", image, quality=97),
        holds(
            "yx" if mode == "L" else "yxc",
            wanted,
            within=3,
            notes=["CMYK"] if mode == "CMYK" else [],
        ),
    )
add(
    PICTURES,
    "labels of a palette",
    saved("a.png", Image.fromarray(MASK).convert("P")),
    labels(MASK),
)
add(
    PICTURES,
    "labels in JPEG",
    saved("a.jpg", Image.fromarray(MASK)),
    refused("JPEG changes label values", as_labels=True, error=LabelError),
)
add(
    PICTURES,
    "labels in JPEG that says it is PNG",
    saved("a.png", Image.fromarray(MASK), format="jpeg"),
    refused("JPEG changes label values", as_labels=True, error=LabelError),
)
add(
    "Moving pictures",
    "PNG",
    saved("a.png", Image.fromarray(G), save_all=True, append_images=[Image.fromarray(G[::-1])]),
    holds("yx", G, notes=["first of its 2 frames"]),
)


def png_with(values: NDArray[Any], kind: bytes) -> Callable[[Path], Path]:
    """A PNG in which the checksum of one part does not fit."""

    def make(folder: Path) -> Path:
        content = bytearray(imagecodecs.png_encode(values))
        if values.dtype == np.uint8 and values.ndim == 2:
            buffer = io.BytesIO()
            Image.fromarray(values).convert("P").save(buffer, "png")
            content = bytearray(buffer.getvalue())
        at = content.index(kind)
        end = at + 4 + int.from_bytes(content[at - 4 : at], "big")
        content[end] ^= 1
        (folder / "a.png").write_bytes(content)
        return folder / "a.png"

    return make


for values in (G, RGB, G.astype("u2") * 99, RGB.astype("u2") * 99):
    for kind in (b"IDAT", *([b"PLTE"] if values is G else [])):
        add(
            "PNG whose checksums do not fit",
            f"{kind.decode()}, {values.dtype} {values.ndim}",
            png_with(values, kind),
            refused("checksum|again"),
        )
for name, image in (
    ("a.png", Image.fromarray(RGB)),
    ("a.jpg", Image.fromarray(SMOOTH)),
    ("a.bmp", Image.fromarray(RGB)),
):
    for keep in (0.1, 0.6):
        add(CUT, f"{name}, {keep}", cut(saved(name, image), keep), refused("again"))
add(
    HARM,
    "30000² in a PNG of a few bytes",
    stored(
        "a.png",
        png(8, 0, [b""], 30000).replace(
            struct.pack(">II", 30000, 1), struct.pack(">II", 30000, 30000)
        ),
    ),
    refused("TIFF or OME-Zarr|again"),
)
