"""Files of microscopes, and one time point, channel or level of many: right, asked, or refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr

from corpus.cases import Case, grey, rows_of_the_page
from corpus.microscope_bytes import write_dm, write_mrc, write_ser
from unetscope.errors import ImageError
from unetscope.images import on_demand
from unetscope.images.files import read_labels, read_micrograph, write_micrograph
from unetscope.images.micrograph import as_micrograph
from unetscope.images.questions import Answers, Undecided

h5py = pytest.importorskip("h5py", reason="the extra formats is not installed")
pytest.importorskip("mrcfile", reason="the extra formats is not installed")

PLANE = grey((40, 56)).astype(np.uint16)
FILM = np.stack([PLANE + n for n in range(3)])
NM = [(0.5, "nm")] * 2
Expect = Callable[[Path], None]


def reads(
    pixels: Any, named: str, size: Any = None, unit: str | None = None, *notes: str, **said: str
) -> Expect:
    def expect(path: Path) -> None:
        found = read_micrograph(path, answers=Answers(**said).checked())
        assert (found.axes, found.unit) == (named, unit)
        assert found.pixel_size == (None if size is None else pytest.approx(size, rel=1e-6))
        assert type(found.pixels) is not np.ndarray  # it stays in the file
        np.testing.assert_array_equal(np.asarray(found.pixels), pixels)
        assert found.dtype == pixels.dtype
        assert len(found.notes) == len(notes), found.notes
        assert all(word in told for told, word in zip(found.notes, notes, strict=True))

    return expect


def asks(option: str, *choices: str) -> Expect:
    def expect(path: Path) -> None:
        with pytest.raises(Undecided) as asked:
            read_micrograph(path)
        assert asked.value.question.option == option
        assert tuple(c.value for c in asked.value.question.choices) == choices

    return expect


def refused(words: str, **said: str) -> Expect:
    def expect(path: Path) -> None:
        with pytest.raises(ImageError, match=words) as error:
            read_micrograph(path, answers=Answers(**said))
        assert not isinstance(error.value, Undecided) and "\n" not in str(error.value)

    return expect


def imod(folder: Path) -> Path:
    path = write_mrc(folder / "a.mrc", PLANE.astype(np.uint8).view(np.int8))
    content = bytearray(path.read_bytes())
    content[152:160] = np.array([1146047817, 0], "<i4").tobytes()
    path.write_bytes(content)
    return path


def without_map(folder: Path) -> Path:
    path = write_mrc(folder / "a.mrc", PLANE)
    path.rename(folder / "tomogram.bin")  # its bytes tell what it is
    return folder / "tomogram.bin"


def cut(write: Callable[[Path], Path], share: float) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = write(folder)
        path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
        return path

    return make


def velox(*images: np.ndarray) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        told = {"BinaryResult": {"PixelSize": {"width": "2e-9", "height": "2e-9"}}}
        told["BinaryResult"] |= {"PixelUnitX": "m", "PixelUnitY": "m"}
        words = np.frombuffer(json.dumps(told).encode(), np.uint8)
        with h5py.File(folder / "a.emd", "w") as file:
            for number, pixels in enumerate(images):
                group = file.create_group(f"Data/Image/{number:032x}")
                group["Data"] = np.moveaxis(pixels, 0, -1)
                group["Metadata"] = np.repeat(words[:, None], len(pixels), 1)
        return folder / "a.emd"

    return make


def berkeley(*names: str, pixels: np.ndarray = PLANE) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        with h5py.File(folder / "a.emd", "w") as file:
            group = file.create_group("data/image")
            group.attrs["emd_group_type"] = 1
            group["data"] = pixels
            for axis, name in enumerate(names):
                dim = group.create_dataset(
                    f"dim{axis + 1}", data=0.5 * np.arange(pixels.shape[axis])
                )
                dim.attrs["name"], dim.attrs["units"] = name, "[n_m]"
        return folder / "a.emd"

    return make


def dm(pixels: np.ndarray, *scales: tuple[float, str], version: int = 3) -> Callable[[Path], Path]:
    return lambda folder: write_dm(folder / f"a.dm{version}", pixels, list(scales), version)


def ser(*planes: np.ndarray, step: float = 2e-9) -> Callable[[Path], Path]:
    return lambda folder: write_ser(folder / "a.ser", list(planes), step)


def mrc(pixels: np.ndarray, voxel: Any = 0.0) -> Callable[[Path], Path]:
    return lambda folder: write_mrc(folder / "a.mrc", pixels, voxel)


MRC, DM, SER = "MRC: images, stacks and tomograms", "DM3 and DM4: ", "SER: several images"
FRAMES, STACK = "frames of a film", "images and stacks"
FILM_SCALES = (*NM, (0.1, "s"))
CASES = [
    Case("an image", MRC, mrc(PLANE, 5.0), reads(PLANE, "yx", (0.5, 0.5), "nm")),
    Case("a tomogram", MRC, mrc(FILM, (5, 5, 20)), reads(FILM, "zyx", (2, 0.5, 0.5), "nm")),
    Case("nothing told", MRC, mrc(FILM.astype(np.int16)), reads(FILM.astype(np.int16), "zyx")),
    Case("another name", MRC, without_map, reads(PLANE, "yx")),
    Case("IMOD", "MRC of IMOD, bytes without a sign", imod,
         reads(PLANE.astype(np.uint8), "yx", None, None, "without a sign")),
    *(
        Case(f"DM{v}", DM + STACK, dm(PLANE, *NM, version=v), reads(PLANE, "yx", (0.5,) * 2, "nm"))
        for v in (3, 4)
    ),
    Case("a stack", DM + STACK, dm(FILM.astype(np.float32), *NM, (2e-3, "µm")),
         reads(FILM.astype(np.float32), "zyx", (2, 0.5, 0.5), "nm")),
    Case("small", DM + STACK, dm(PLANE[:6, :9], *NM), reads(PLANE[:6, :9], "yx", (0.5,) * 2, "nm")),
    Case("diffraction", DM + STACK, dm(PLANE, *[(0.5, "1/nm")] * 2),
         reads(PLANE, "yx", None, None, "'1/nm'")),
    Case("a film", DM + FRAMES, dm(FILM, *FILM_SCALES), asks("--time", "0", "1", "2")),
    Case("a frame", DM + FRAMES, dm(FILM, *FILM_SCALES),
         reads(FILM[1], "yx", (0.5,) * 2, "nm", time="1")),
    Case("complex", DM + "complex numbers, spectra", dm(PLANE.astype(np.complex64), *NM),
         refused("no grey values")),
    Case("spectra", DM + "complex numbers, spectra", dm(FILM, *NM, (0.5, "eV")),
         refused("spectrum in each pixel")),
    Case("one", "SER: an image", ser(PLANE), reads(PLANE[::-1], "yx", (2.0, 2.0), "nm")),
    Case("diffraction", "SER: an image", ser(PLANE, step=1e8),
         reads(PLANE[::-1], "yx", None, None, "no length")),
    Case("several", SER, ser(*FILM), asks("--time", "0", "1", "2")),
    Case("the second", SER, ser(*FILM), reads(FILM[1, ::-1], "yx", (2.0, 2.0), "nm", time="1")),
    Case("a stack", SER, ser(*FILM),
         reads(FILM[:, ::-1], "zyx", None, None, "spacing", axes="zyx")),
    Case("an image", "EMD of Velox", velox(FILM[:1]), reads(PLANE, "yx", (2.0, 2.0), "nm")),
    Case("frames", "EMD of Velox", velox(FILM), asks("--time", "0", "1", "2")),
    Case("two", "EMD of Velox", velox(FILM[:1], FILM[1:2]), asks("--series", "0", "1")),
    Case("the other", "EMD of Velox", velox(FILM[:1], FILM[1:2]),
         reads(FILM[1], "yx", (2.0, 2.0), "nm", series="1")),
    Case("named", "EMD of Berkeley", berkeley("y", "x"), reads(PLANE, "yx", (0.5, 0.5), "nm")),
    Case("x first", "EMD of Berkeley", berkeley("x", "y"), reads(PLANE.T, "yx", (0.5, 0.5), "nm")),
    Case("unnamed", "EMD of Berkeley", berkeley("a", "b", "c", pixels=FILM),
         asks("--axes", "cyx", "zyx", "yxc")),
    Case("MRC", "Cut off or damaged", cut(mrc(PLANE), 0.7), refused("copy or export it again")),
    Case("DM", "Cut off or damaged", cut(dm(FILM, *NM), 0.7), refused("cut off")),
    Case("SER", "Cut off or damaged", cut(ser(PLANE), 0.7), refused("cut off")),
    Case("EMD", "Cut off or damaged", cut(berkeley("y", "x"), 0.7), refused("export it again")),
]  # fmt: skip


def two_images(folder: Path) -> Path:
    from corpus import microscope_bytes as written

    made = written._Dm(3)
    images = [made.image(PLANE, NM), made.image(PLANE + 9, NM)]
    _, body = made.group({"ImageList": made.group(images)})
    (folder / "a.dm3").write_bytes(np.array([3, len(body), 1], ">i4").tobytes() + body)
    return folder / "a.dm3"


CASES += [
    Case("asked", DM + "several images", two_images, asks("--series", "0", "1")),
    Case("the other", DM + "several images", two_images,
         reads(PLANE + 9, "yx", (0.5, 0.5), "nm", series="1")),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.row}: {case.name}")
def test_a_file_of_a_microscope(case: Case, tmp_path: Path) -> None:
    case.expect(case.make(tmp_path))


def test_the_page_says_what_is_tried() -> None:
    rows = {case.row for case in CASES} | {"The extra is not installed"}
    assert rows == rows_of_the_page("Files of microscopes")


@pytest.mark.parametrize("make", [mrc(PLANE), berkeley("y", "x")])
def test_a_missing_extra_is_named(make, tmp_path, monkeypatch) -> None:
    path = make(tmp_path)
    monkeypatch.setattr(on_demand, "optional_library", lambda name: None)
    with pytest.raises(ImageError, match=r"pip install 'napari-unetscope\[formats\]'"):
        read_micrograph(path)


def test_labels_of_an_mrc(tmp_path) -> None:
    labels = (PLANE % 3).astype(np.uint16)
    assert np.array_equal(read_labels(write_mrc(tmp_path / "a.mrc", labels)), labels)


# ---- one of several


def pyramid(path: Path, times: int = 3, channels: int = 2) -> np.ndarray:
    """An OME-Zarr (t, c, y, x) with two levels; its pixels."""
    pixels = np.random.default_rng(0).integers(0, 255, (times, channels, 64, 96)).astype(np.uint8)
    group = zarr.open_group(str(path), mode="w", zarr_format=3)
    kinds = {"t": "time", "c": "channel"}
    axes = [
        {"name": a, "type": kinds[a]} if a in kinds else
        {"name": a, "type": "space", "unit": "nanometer"} for a in "tcyx"
    ]  # fmt: skip
    datasets = [
        {"path": str(n), "coordinateTransformations": [{"type": "scale", "scale": [1, 1, s, s]}]}
        for n, s in enumerate((4.0, 8.0))
    ]
    group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": datasets}]}
    group.create_array("0", data=pixels)
    group.create_array("1", data=pixels[..., ::2, ::2])
    return pixels


def test_time_channel_and_level_of_a_zarr(tmp_path) -> None:
    path = tmp_path / "a.zarr"
    pixels = pyramid(path)
    asks("--time", "0", "1", "2")(path)
    said = {"time": "2", "channel": "1", "level": "1"}
    note = "its channel 1 of 2"
    reads(pixels[2, 1, ::2, ::2], "yx", (8.0, 8.0), "nm", note, **said)(path)
    reads(pixels[2], "cyx", (4.0, 4.0), "nm", time="2")(path)
    refused("time points 0 to 2, and no --time 3", time="3")(path)
    refused("levels 0 to 1, and no level 2", time="0", level="2")(path)
    refused("channels 0 to 1, and no --channel 2", time="0", channel="2")(path)
    with pytest.raises(ImageError, match="--time 'two' is no number"):
        Answers(time="two").checked()


def test_time_channel_and_level_of_a_tiff(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("unetscope.images.tiff.LAZY_BYTES", 0)
    path = tmp_path / "a.ome.tif"
    pixels = np.random.default_rng(0).integers(0, 255, (3, 2, 64, 96)).astype(np.uint8)
    told = {"axes": "TCYX", "PhysicalSizeX": 4, "PhysicalSizeY": 4}
    told |= {"PhysicalSizeXUnit": "nm", "PhysicalSizeYUnit": "nm"}
    with tifffile.TiffWriter(path, ome=True) as file:
        options = {"tile": (16, 16), "photometric": "minisblack"}
        file.write(pixels, subifds=1, metadata=told, **options)
        file.write(pixels[..., ::2, ::2], subfiletype=1, **options)
    with pytest.raises(Undecided, match="--time chooses one"):
        read_micrograph(path)
    said = {"time": "2", "channel": "1", "level": "1"}
    reads(pixels[2, 1, ::2, ::2], "yx", (8.0, 8.0), "nm", "its channel 1 of 2", **said)(path)
    reads(pixels[2], "cyx", (4.0, 4.0), "nm", time="2")(path)
    refused("levels 0 to 1, and no --level 2", time="0", level="2")(path)
    refused("time points 0 to 2, and no --time 3", time="3")(path)


def test_what_a_plane_does_not_have_is_refused(tmp_path) -> None:
    for name in ("a.tif", "a.png"):
        write_micrograph(as_micrograph(grey((20, 30))), tmp_path / name)
        for said, words in (
            ({"level": "1"}, "one resolution, and no --level 1"),
            ({"time": "1"}, "no time points"),
            ({"channel": "1"}, "one channel, and no --channel 1"),
        ):
            refused(words, **said)(tmp_path / name)
        zeros = Answers(time="0", channel="0", level="0")
        assert read_micrograph(tmp_path / name, answers=zeros).axes == "yx"
