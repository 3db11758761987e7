"""Zarrs as people have them: what is read, asked, refused. Each is written here, by zarr itself."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pytest
import zarr
from numpy.typing import NDArray
from zarr.codecs import BloscCodec, GzipCodec, ZstdCodec

from corpus.cases import Case, grey
from unetscope.errors import AnnotationError, ImageError, LabelError
from unetscope.images.annotations.formats import read_annotations
from unetscope.images.files import read_labels, read_micrograph
from unetscope.images.questions import Answers, Undecided

PLANE = grey()
STACK = grey((5, 64, 80), seed=1)
CHANNELS = grey((2, 64, 80), seed=2)
LABELS = np.zeros((64, 80), np.uint8)
LABELS[5:15, 5:30], LABELS[40:60, 40:70] = 1, 2

Make = Callable[[Path], Path]


def axes(names: str, *units: str | None) -> list[dict[str, str]]:
    """Axes of the metadata, with the units of z, y, x in their order; µm for all by default."""
    left = list(units or ["micrometer"] * 3)
    told = []
    for name in names:
        kind = {"t": "time", "c": "channel"}.get(name, "space")
        unit = left.pop(0) if kind == "space" and left else None
        told.append({"name": name, "type": kind, **({"unit": unit} if unit else {})})
    return told


def scaled(*sizes: float) -> list[dict[str, Any]]:
    return [{"type": "scale", "scale": list(sizes)}]


def image(names: Any, transformations: Any = (), **more: Any) -> dict[str, Any]:
    """The metadata of one image with one level."""
    told = axes(names) if isinstance(names, str) else names
    level = {
        "path": "0",
        **({"coordinateTransformations": transformations} if transformations else {}),
    }
    return {"multiscales": [{"axes": told, "datasets": [level], **more}]}


def ngff(
    path: Path,
    pixels: NDArray[Any] | None,
    told: Mapping[str, Any],
    inside: str = "",
    version: str = "0.5",
    **options: Any,
) -> Path:
    """A group with metadata of 0.5 and later (zarr 3), or of 0.4 and before (zarr 2)."""
    old = version < "0.5"
    group = zarr.open_group(str(path), mode="a", zarr_format=2 if old else 3)
    group = group.require_group(inside) if inside else group
    if old:
        group.attrs.update({k: v for k, v in told.items() if k != "multiscales"})
        many = told.get("multiscales")
        group.attrs.update(
            {"multiscales": [{"version": version, **m} for m in many]} if many else {}
        )
    else:
        group.attrs["ome"] = {"version": version, **told}
    if pixels is not None:
        group.create_array("0", data=pixels, **options)
    return path


def made(pixels: NDArray[Any] | None, told: Mapping[str, Any], **options: Any) -> Make:
    return lambda folder: ngff(folder / "a.zarr", pixels, told, **options)


def reads(
    pixels: NDArray[Any],
    names: str,
    size: tuple[float, ...] | None = None,
    unit: str | None = None,
    *notes: str,
    name: str = "a",
    answers: Answers | None = None,
) -> Callable[[Path], None]:
    """The image has these pixels, axes and size, and the notes say these words and no more."""

    def expect(path: Path) -> None:
        found = read_micrograph(path, answers=answers)
        assert (found.axes, found.unit, found.name) == (names, unit, name)
        assert found.pixel_size == (None if size is None else pytest.approx(size, rel=1e-9))
        np.testing.assert_array_equal(np.asarray(found.pixels), pixels)
        assert len(found.notes) == len(notes), found.notes
        for told, word in zip(found.notes, notes, strict=True):
            assert word in told

    return expect


def refuses(*words: str, error: type[Exception] = ImageError) -> Callable[[Path], None]:
    """Reading the image is refused, with the name of the file and these words."""

    def expect(path: Path) -> None:
        with pytest.raises(error) as refused:
            np.asarray(read_micrograph(path).pixels)
        assert not isinstance(refused.value, Undecided)
        for word in (path.name, *words):
            assert word in str(refused.value)

    return expect


def asks(
    about: str, choices: Sequence[str], answered: Mapping[str, Callable[[Path], None]]
) -> Callable[[Path], None]:
    """The question has these choices; with an answer the file is read as expected."""

    def expect(path: Path) -> None:
        with pytest.raises(Undecided) as asked:
            read_micrograph(path)
        question = asked.value.question
        assert question.about == about and path.name in question.text
        assert [choice.value for choice in question.choices] == list(choices)
        for reading in answered.values():
            reading(path)

    return expect


def labelled(
    labels: NDArray[Any],
    classes: Sequence[tuple[int, str]],
    *notes: str,
    objects: NDArray[Any] | None = None,
    answers: Answers | None = None,
) -> Callable[[Path], None]:
    """Annotations with these labels, classes and objects; each of ``notes`` is in some note."""

    def expect(path: Path) -> None:
        found = read_annotations(path, labels.shape, answers=answers)
        np.testing.assert_array_equal(found.labels, labels)
        assert [(c.value, c.name) for c in found.classes] == list(classes)
        if objects is None:
            assert found.instances is None
        else:
            np.testing.assert_array_equal(found.instances, objects)
        for word in notes:
            assert any(word in note for note in found.notes), found.notes

    return expect


def no_labels(*words: str) -> Callable[[Path], None]:
    """Neither door takes the image for labels."""

    def expect(path: Path) -> None:
        for error, read in (
            (AnnotationError, lambda: read_annotations(path, (64, 80))),
            ((LabelError, ImageError), lambda: read_labels(path)),
        ):
            with pytest.raises(error) as refused:
                read()
            assert not isinstance(refused.value, Undecided)
            for word in words:
                assert word in str(refused.value)

    return expect


def old(version: str, pixels: NDArray[Any], **told: Any) -> Make:
    """Zarr 2 of an early version: one image, whose metadata are ``told``."""

    def make(folder: Path) -> Path:
        level = {"datasets": [{"path": "0"}], **told}
        return ngff(folder / "a.zarr", pixels, {"multiscales": [level]}, version=version)

    return make


def bare(pixels: NDArray[Any], **options: Any) -> Make:
    def make(folder: Path) -> Path:
        attributes = options.pop("attributes", None)
        array = zarr.create_array(str(folder / "a.zarr"), data=pixels, **options)
        array.attrs.update(attributes or {})
        return folder / "a.zarr"

    return make


def version_6(names: str, transformations: Any, pixels: NDArray[Any], version: str = "0.6") -> Make:
    system = {"name": "physical", "axes": axes(names)}
    level = {"path": "0", "coordinateTransformations": transformations}
    return made(
        pixels,
        {"multiscales": [{"coordinateSystems": [system], "datasets": [level]}]},
        version=version,
    )


def container(*series: NDArray[Any], listed: bool = True, names: Sequence[str] = ()) -> Make:
    """A bioformats2raw container with images called 0, 1, …"""

    def make(folder: Path) -> Path:
        path = ngff(folder / "a.zarr", None, {"bioformats2raw.layout": 3})
        if listed:
            ngff(path, None, {"series": [str(n) for n in range(len(series))]}, "OME")
        for number, pixels in enumerate(series):
            called = {"name": names[number]} if names else {}
            ngff(path, pixels, image("zyx"[-pixels.ndim :], **called), str(number))
        return path

    return make


def plate(*fields: str, listed: bool = True) -> Make:
    """A plate with an image per field "A/1/0", each with grey values of its own."""

    def make(folder: Path) -> Path:
        wells = sorted({field.rpartition("/")[0] for field in fields})
        told = {"wells": [{"path": well} for well in wells]} if listed else {}
        path = ngff(folder / "a.zarr", None, {"plate": told})
        for well in wells if listed else ():
            names = [f.rpartition("/")[2] for f in fields if f.rpartition("/")[0] == well]
            ngff(path, None, {"well": {"images": [{"path": name} for name in names]}}, well)
        for number, field in enumerate(fields):
            ngff(path, grey(seed=number), image("yx"), field)
        return path

    return make


def inside(make: Make, below: str) -> Make:
    return lambda folder: make(folder) / below


S = scaled
UM = "µm"

READING = [
    Case(
        f"zarr {2 if version < '0.5' else 3}, {names}",
        "Versions 0.4 and 0.5",
        made(pixels, image(names, S(*scale)), version=version),
        reads(pixels, names, scale[-len(names.replace("c", "")) :], UM),
    )
    for version in ("0.4", "0.5")
    for names, pixels, scale in (
        ("yx", PLANE, (0.2, 0.1)),
        ("zyx", STACK, (3, 0.2, 0.1)),
        ("cyx", CHANNELS, (1, 0.2, 0.1)),
        ("yxc", grey((64, 80, 3)), (0.2, 0.1, 1)),
        ("zcyx", grey((4, 2, 30, 40)), (3, 1, 0.2, 0.1)),
    )
    if names != "yxc" and names != "zcyx"
] + [
    Case(
        "colour, channels last",
        "Versions 0.4 and 0.5",
        made(grey((64, 80, 3)), image("yxc", S(0.2, 0.1, 1))),
        reads(grey((64, 80, 3)), "yxc", (0.2, 0.1), UM),
    ),
    Case(
        "planes of channels",
        "Versions 0.4 and 0.5",
        made(grey((4, 2, 30, 40)), image("zcyx", S(3, 1, 0.2, 0.1))),
        reads(grey((4, 2, 30, 40)), "zcyx", (3, 0.2, 0.1), UM),
    ),
    Case(
        "scales on the level and on the image",
        "Versions 0.4 and 0.5",
        made(PLANE, image("yx", S(0.2, 0.1), coordinateTransformations=S(10, 10))),
        reads(PLANE, "yx", (2, 1), UM),
    ),
    Case(
        "scale and translation",
        "Versions 0.4 and 0.5",
        made(PLANE, image("yx", [*S(0.2, 0.1), {"type": "translation", "translation": [7, 9]}])),
        reads(PLANE, "yx", (0.2, 0.1), UM),
    ),
    Case(
        "a name of its own",
        "Versions 0.4 and 0.5",
        made(PLANE, image("yx", name="gold on carbon")),
        reads(PLANE, "yx", name="gold on carbon"),
    ),
    Case(
        "big-endian, Fortran order",
        "Versions 0.4 and 0.5",
        made(PLANE.astype(">u2") * 9, image("yx"), version="0.4", order="F"),
        reads(PLANE.astype("u2") * 9, "yx"),
    ),
    Case(
        "0.1",
        "Versions 0.1 and 0.2",
        old("0.1", STACK[None, None]),
        reads(STACK, "zyx"),
    ),
    Case(
        "0.2", "Versions 0.1 and 0.2", old("0.2", CHANNELS[None, :, None]), reads(CHANNELS, "cyx")
    ),
    Case(
        "0.2 of another rank",
        "Versions 0.1 and 0.2",
        old("0.2", STACK),
        asks("axes", ["zyx", "cyx", "yxc"], {"zyx": reads(STACK, "zyx", answers=Answers("zyx"))}),
    ),
    Case("0.3", "Version 0.3", old("0.3", STACK, axes=["z", "y", "x"]), reads(STACK, "zyx")),
    Case(
        "0.3 with channels",
        "Version 0.3",
        old("0.3", CHANNELS[None], axes=["t", "c", "y", "x"]),
        reads(CHANNELS, "cyx"),
    ),
    Case(
        "names of coordinate systems",
        "Version 0.6",
        version_6("zyx", [{**S(1, 0.2, 0.1)[0], "input": "0", "output": "physical"}], STACK),
        reads(STACK, "zyx", (1, 0.2, 0.1), UM),
    ),
    Case(
        "paths and objects",
        "Version 0.6",
        version_6(
            "cyx",
            [{**S(1, 0.2, 0.1)[0], "input": {"path": "0"}, "output": {"name": "physical"}}],
            CHANNELS,
            "0.6.dev2",
        ),
        reads(CHANNELS, "cyx", (0.2, 0.1), UM),
    ),
    Case(
        "an unknown version without axes",
        "A later version",
        made(STACK, {"multiscales": [{"datasets": [{"path": "0"}], "spaces": []}]}, version="0.9"),
        refuses("0.9", "0.5"),
    ),
    Case(
        "an unknown version whose axes are told",
        "A later version",
        made(STACK, image("zyx", S(1, 0.2, 0.1)), version="0.9"),
        reads(STACK, "zyx", (1, 0.2, 0.1), UM, "0.9"),
    ),
    Case(
        "dimension names of zarr 3",
        "Names of dimensions (zarr 3, xarray)",
        bare(STACK, dimension_names=["z", "y", "x"]),
        reads(STACK, "zyx"),
    ),
    Case(
        "dimension names in words",
        "Names of dimensions (zarr 3, xarray)",
        bare(STACK, dimension_names=["Channel", "Row", "Column"]),
        reads(STACK, "cyx"),
    ),
    Case(
        "xarray",
        "Names of dimensions (zarr 3, xarray)",
        bare(STACK, zarr_format=2, attributes={"_ARRAY_DIMENSIONS": ["z", "y", "x"]}),
        reads(STACK, "zyx"),
    ),
    Case(
        "names beside OME metadata without axes",
        "Names of dimensions (zarr 3, xarray)",
        made(
            STACK,
            {"multiscales": [{"datasets": [{"path": "0"}]}]},
            dimension_names=["z", "y", "x"],
        ),
        reads(STACK, "zyx"),
    ),
    Case(
        "xyz",
        "Axes in another order",
        made(STACK.transpose(2, 1, 0).copy(), image("xyz", S(0.1, 0.2, 3))),
        reads(STACK, "zyx", (3, 0.2, 0.1), UM, "turned"),
    ),
    Case(
        "xy",
        "Axes in another order",
        made(PLANE.T.copy(), image("xy", S(0.1, 0.2))),
        reads(PLANE, "yx", (0.2, 0.1), UM, "turned"),
    ),
    Case(
        "upper case",
        "Axes in another order",
        made(STACK, image("ZYX", S(3, 0.2, 0.1))),
        reads(STACK, "zyx", (3, 0.2, 0.1), UM),
    ),
    Case(
        "a phase axis",
        "Axes that are not known",
        made(STACK, image("pyx")),
        asks("axes", ["zyx", "cyx", "yxc"], {"cyx": reads(STACK, "cyx", answers=Answers("cyx"))}),
    ),
    Case(
        "a type says what the name does not",
        "Axes that are not known",
        made(STACK, image([{"name": "dye", "type": "channel"}, *axes("yx")])),
        reads(STACK, "cyx"),
    ),
    Case(
        "no names",
        "Axes that are not known",
        made(STACK, image([{"type": "space"}] * 3)),
        asks("axes", ["zyx", "cyx", "yxc"], {"zyx": reads(STACK, "zyx", answers=Answers("zyx"))}),
    ),
    Case(
        "twice the same name",
        "Axes that are not known",
        made(STACK, image("yyx")),
        asks("axes", ["zyx", "cyx", "yxc"], {"zyx": reads(STACK, "zyx", answers=Answers("zyx"))}),
    ),
    Case(
        "fewer names than axes",
        "Axes that are not known",
        made(STACK, image("yx")),
        asks("axes", ["zyx", "cyx", "yxc"], {"zyx": reads(STACK, "zyx", answers=Answers("zyx"))}),
    ),
    Case(
        "t, c and z of length 1",
        "Axes of length 1",
        made(PLANE[None, None, None], image("tczyx", S(1, 1, 3, 0.2, 0.1))),
        reads(PLANE, "yx", (0.2, 0.1), UM),
    ),
    Case(
        "an unknown axis of length 1",
        "Axes of length 1",
        made(PLANE[None], image("pyx")),
        reads(PLANE, "yx"),
    ),
    Case(
        "one row",
        "Axes of length 1",
        made(PLANE[:1], image("yx")),
        reads(PLANE[:1], "yx"),
    ),
    Case(
        "three points",
        "Several time points",
        made(STACK[:3], image("tyx")),
        asks("time", "012", {"1": reads(STACK[1], "yx", answers=Answers(time="1"))}),
    ),
    Case(
        "three points of 0.1",
        "Several time points",
        old("0.1", STACK[:3][:, None, None]),
        asks("time", "012", {"2": reads(STACK[2], "yx", answers=Answers(time="2"))}),
    ),
    *(
        Case(
            name,
            "Transformations (sequence, affine, axes exchanged, by dimension)",
            made(PLANE, image("yx", [told])),
            reads(PLANE, "yx", size, UM),
        )
        for name, told, size in (
            ("sequence", {"type": "sequence", "transformations": S(0.2, 0.1)}, (0.2, 0.1)),
            (
                "two scales in a sequence",
                {"type": "sequence", "transformations": S(0.2, 0.1) * 2},
                (0.04, 0.01),
            ),
            ("affine", {"type": "affine", "affine": [[0.2, 0, 5], [0, 0.1, 5]]}, (0.2, 0.1)),
            (
                "turned affine",
                {"type": "affine", "affine": [[0, 0.1, 0], [-0.2, 0, 0]]},
                (0.2, 0.1),
            ),
            (
                "by dimension",
                {
                    "type": "byDimension",
                    "transformations": [
                        {**S(0.2)[0], "input_axes": ["y"], "output_axes": ["y"]},
                        {**S(0.1)[0], "input_axes": ["x"], "output_axes": ["x"]},
                    ],
                },
                (0.2, 0.1),
            ),
        )
    ),
    Case(
        "numbers in an array",
        "Transformations (sequence, affine, axes exchanged, by dimension)",
        lambda folder: _with_numbers(
            ngff(folder / "a.zarr", PLANE, image("yx", [{"type": "scale", "path": "s"}]))
        ),
        reads(PLANE, "yx", (0.2, 0.1), UM),
    ),
    *(
        Case(
            name,
            "No usable scale",
            made(PLANE, image("yx", told)),
            reads(PLANE, "yx", None, None, *notes),
        )
        for name, told, notes in (
            ("none", (), ()),
            ("identity", [{"type": "identity"}], ()),
            ("translation alone", [{"type": "translation", "translation": [3, 4]}], ()),
            ("zero", S(0, 0.1), ("along y",)),
            ("negative", S(-0.1, 0.1), ("along y",)),
            ("not a number", S(float("nan"), 0.1), ("along y",)),
            ("infinite", S(0.1, float("inf")), ("along x",)),
            ("too few numbers", S(0.1), ("(1,)",)),
            ("words", [{"type": "scale", "scale": ["a", "b"]}], ("cannot be read",)),
            ("a path that is not there", [{"type": "scale", "path": "s"}], ("cannot be read",)),
            (
                "an affine that is none",
                [{"type": "affine", "affine": [[1, 2, 0], [2, 4, 0]]}],
                ("no mapping",),
            ),
            ("displacements", [{"type": "displacements", "path": "d"}], ("displacements",)),
        )
    ),
    Case(
        "the scale of channels does not count",
        "No usable scale",
        made(CHANNELS, image("cyx", S(0, 0.2, 0.1))),
        reads(CHANNELS, "cyx", (0.2, 0.1), UM),
    ),
    Case(
        "nm and µm",
        "Units",
        made(STACK, image(axes("zyx", "micrometer", "nanometer", "nanometer"), S(0.03, 4, 4))),
        reads(STACK, "zyx", (30, 4, 4), "nm"),
    ),
    Case(
        "a unit for x alone",
        "Units",
        made(PLANE, image(axes("yx", None, "nanometer"), S(4, 4))),
        reads(PLANE, "yx", (4, 4), "nm", "y has no unit"),
    ),
    Case(
        "a scale without a unit",
        "Units",
        made(PLANE, image(axes("yx", None, None), S(4, 4))),
        reads(PLANE, "yx", None, None, "no unit"),
    ),
    Case(
        "a scale of 1 without a unit",
        "Units",
        made(PLANE, image(axes("yx", None, None), S(1, 1))),
        reads(PLANE, "yx"),
    ),
    Case(
        "pixels",
        "Units",
        made(PLANE, image(axes("yx", "pixel", "pixel"), S(1, 1))),
        reads(PLANE, "yx"),
    ),
    Case(
        "a length and a time",
        "Units",
        made(PLANE, image(axes("yx", "second", "nanometer"), S(4, 4))),
        reads(PLANE, "yx", None, None, "not comparable"),
    ),
    Case(
        "a unit that is no word",
        "Units",
        made(PLANE, image([{"name": "y", "unit": 3}, {"name": "x", "unit": {}}], S(4, 4))),
        reads(PLANE, "yx", None, None, "no unit"),
    ),
    Case("one series", "bioformats2raw container", container(PLANE), reads(PLANE, "yx")),
    Case(
        "one series, not listed",
        "bioformats2raw container",
        container(PLANE, listed=False),
        reads(PLANE, "yx"),
    ),
    Case(
        "three series",
        "bioformats2raw container",
        container(PLANE, STACK, PLANE // 2, names=("overview", "detail", "0")),
        asks(
            "series",
            ["0", "1", "2"],
            {
                "0": reads(PLANE, "yx", name="overview", answers=Answers(series="0")),
                "1": reads(STACK, "zyx", name="detail", answers=Answers(series="1")),
                "2": reads(PLANE // 2, "yx", name="a 2", answers=Answers(series="2")),
            },
        ),
    ),
    Case(
        "the folder of a series",
        "bioformats2raw container",
        inside(container(PLANE, STACK), "0"),
        reads(PLANE, "yx", name="a 0"),
    ),
    Case(
        "eleven series are in the order of their numbers",
        "bioformats2raw container",
        container(*(PLANE + n for n in range(11)), listed=False),
        asks(
            "series",
            [str(n) for n in range(11)],
            {"10": reads(PLANE + 10, "yx", name="a 10", answers=Answers(series="10"))},
        ),
    ),
    Case("one field", "Plate", plate("B/03/0"), reads(grey(seed=0), "yx")),
    Case(
        "one field, not listed", "Plate", plate("B/03/0", listed=False), reads(grey(seed=0), "yx")
    ),
    Case(
        "three fields",
        "Plate",
        plate("A/1/0", "A/1/1", "B/2/0"),
        asks(
            "series",
            ["A/1/0", "A/1/1", "B/2/0"],
            {
                "name": reads(grey(seed=1), "yx", name="a A-1-1", answers=Answers(series="A/1/1")),
                "number": reads(grey(seed=2), "yx", name="a B-2-0", answers=Answers(series="2")),
            },
        ),
    ),
    Case(
        "a well of one field",
        "Plate",
        inside(plate("A/1/0", "B/2/0"), "B/2"),
        reads(grey(seed=1), "yx", name="a B-2"),
    ),
    Case(
        "a field",
        "Plate",
        inside(plate("A/1/0", "B/2/0"), "B/2/0"),
        reads(grey(seed=1), "yx", name="a B-2-0"),
    ),
]


def _with_numbers(path: Path) -> Path:
    zarr.create_array(f"{path}/s", data=np.array([0.2, 0.1]))
    return path


def _arrays(path: Path, **arrays: NDArray[Any]) -> Path:
    group = zarr.open_group(str(path), mode="w")
    for name, pixels in arrays.items():
        group.create_array(name, data=pixels)
    return path


def with_old_codec(key: str, codec: Any) -> Make:
    """A plain array of zarr 2 whose metadata name another codec."""

    def make(folder: Path) -> Path:
        path = bare(PLANE, zarr_format=2, compressors=None)(folder)
        told = json.loads((path / ".zarray").read_bytes())
        (path / ".zarray").write_text(json.dumps({**told, key: codec}))
        return path

    return make


def without_chunks(missing: int) -> Make:
    """An image of 20 chunks of which some are not on the disk."""

    def make(folder: Path) -> Path:
        path = ngff(folder / "a.zarr", PLANE, image("yx"), chunks=(16, 16))
        for file in sorted(file for file in (path / "0" / "c").rglob("*") if file.is_file())[
            :missing
        ]:
            file.unlink()
        return path

    return make


def reads_gaps(missing: int) -> Callable[[Path], None]:
    expected = PLANE.copy()
    expected[:16, : 16 * missing] = 0
    return reads(expected, "yx", None, None, f"{missing} of 20 parts")


def levels(pixels: Sequence[NDArray[Any]]) -> Make:
    def make(folder: Path) -> Path:
        told = {"axes": axes("yx"), "datasets": [{"path": str(n)} for n in range(len(pixels))]}
        path = ngff(folder / "a.zarr", None, {"multiscales": [told]})
        for number, level in enumerate(pixels):
            zarr.open_group(str(path)).create_array(str(number), data=level)
        return path

    return make


def without_level(folder: Path) -> Path:
    path = levels((PLANE, PLANE[::2, ::2]))(folder)
    shutil.rmtree(path / "0")
    return path


def consolidated_before(folder: Path) -> Path:
    """Consolidated metadata that are older than the image."""
    path = folder / "a.zarr"
    zarr.open_group(str(path), mode="w")
    zarr.consolidate_metadata(str(path))
    told = json.loads((path / "zarr.json").read_bytes())
    ngff(path, PLANE, image("yx"))
    new = json.loads((path / "zarr.json").read_bytes())
    (path / "zarr.json").write_text(
        json.dumps({**new, "consolidated_metadata": told["consolidated_metadata"]})
    )
    return path


def two_in_one_group(folder: Path) -> Path:
    told = [
        {"name": "overview", "axes": axes("yx"), "datasets": [{"path": "o"}]},
        {"name": "detail", "axes": axes("zyx"), "datasets": [{"path": "d"}]},
    ]
    path = ngff(folder / "a.zarr", None, {"multiscales": told})
    group = zarr.open_group(str(path))
    group.create_array("o", data=PLANE)
    group.create_array("d", data=STACK)
    return path


def linked(folder: Path) -> Path:
    (folder / "elsewhere").mkdir()
    path = ngff(folder / "elsewhere" / "b.zarr", PLANE, image("yx"))
    (folder / "a.zarr").symlink_to(path, target_is_directory=True)
    return folder / "a.zarr"


def damaged_chunks(folder: Path) -> Path:
    path = ngff(folder / "a.zarr", PLANE, image("yx"))
    for file in (path / "0" / "c").rglob("*"):
        if file.is_file():
            file.write_bytes(b"rubbish" * 20)
    return path


def metadata(text: str) -> Make:
    def make(folder: Path) -> Path:
        (folder / "a.zarr").mkdir()
        (folder / "a.zarr" / "zarr.json").write_text(text)
        return folder / "a.zarr"

    return make


def group_text(ome: Any) -> str:
    return json.dumps({"zarr_format": 3, "node_type": "group", "attributes": {"ome": ome}})


def refuses_pixels(*one_of: str) -> Callable[[Path], None]:
    """Opening or reading is refused in one of these words."""

    def expect(path: Path) -> None:
        with pytest.raises(ImageError) as refused:
            read_micrograph(path).plane()
        assert any(word in str(refused.value) for word in one_of), refused.value

    return expect


def bomb(codec: Any, zarr_format: int) -> Make:
    """64 × 80 pixels whose only chunk inflates to 64 MB."""

    def make(folder: Path) -> Path:
        path = bare(PLANE, zarr_format=zarr_format, compressors=codec)(folder)
        chunk = path / ("0.0" if zarr_format == 2 else "c/0/0")
        old = codec if zarr_format == 2 else numcodecs.get_codec({"id": chunk_codec(codec)})
        chunk.write_bytes(old.encode(np.zeros(2**26, np.uint8)))
        return path

    return make


def chunk_codec(codec: Any) -> str:
    return str(codec.to_dict()["name"])


def claims(chunks: tuple[int, int]) -> Make:
    """An empty array that says to have a million million pixels."""

    def make(folder: Path) -> Path:
        zarr.create_array(str(folder / "a.zarr"), shape=(10**6, 10**6), chunks=chunks, dtype="u1")
        return folder / "a.zarr"

    return make


CLAIMS = {
    "one chunk of a terabyte": claims((10**6, 10**6)),
    "a terabyte in small chunks": claims((1000, 1000)),
    **{
        f"a bomb of {name}, zarr 2": bomb(codec, 2)
        for name, codec in (
            ("gzip", numcodecs.GZip()),
            ("zlib", numcodecs.Zlib()),
            ("zstd", numcodecs.Zstd()),
            ("blosc", numcodecs.Blosc()),
            ("LZ4", numcodecs.LZ4()),
            ("BZ2", numcodecs.BZ2()),
            ("LZMA", numcodecs.LZMA()),
        )
    },
    **{
        f"a bomb of {chunk_codec(codec)}, zarr 3": bomb(codec, 3)
        for codec in (GzipCodec(), ZstdCodec(), BloscCodec())
    },
}


def zipped(folder: Path) -> Path:
    path = ngff(folder / "b.zarr", PLANE, image("yx", S(0.2, 0.1)))
    with zipfile.ZipFile(folder / "a.zarr.zip", "w") as archive:
        for file in sorted(path.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(path))
    return folder / "a.zarr.zip"


def renamed(folder: Path, name: str) -> Path:
    return zipped(folder).rename(folder / name)


PACKED = "Zip archives (.zarr.zip, .ozx)"
READING += [
    *(
        Case(
            f"as {name}",
            PACKED,
            lambda folder, name=name: renamed(folder, name),
            reads(PLANE, "yx", (0.2, 0.1), "µm"),
        )
        for name in ("a.zarr.zip", "a.ome.zarr.zip", "a.ozx", "a.zarr")
    ),
    Case(
        "under another name",
        PACKED,
        lambda folder: renamed(folder, "a.zip"),
        refuses("unpack it first", ".zarr.zip"),
    ),
    Case(
        "without names, two axes",
        "A bare array",
        bare(PLANE, chunks=(16, 16)),
        reads(PLANE, "yx"),
    ),
    Case(
        "axes from a person",
        "A bare array",
        bare(STACK, chunks=(2, 16, 16)),
        reads(STACK, "zyx", answers=Answers("zyx")),
    ),
    *(
        Case(
            f"{name}, zarr {2 if options.get('zarr_format') == 2 else 3}",
            "Codecs",
            bare(PLANE, **options),
            reads(PLANE, "yx"),
        )
        for name, options in (
            ("zstd", {"compressors": ZstdCodec()}),
            ("gzip", {"compressors": GzipCodec()}),
            ("blosc", {"compressors": BloscCodec(cname="lz4")}),
            ("none", {"compressors": None}),
            ("shards", {"chunks": (16, 16), "shards": (32, 32)}),
            (
                "shards of gzip",
                {"chunks": (16, 16), "shards": (64, 80), "compressors": GzipCodec()},
            ),
            ("blosc", {"zarr_format": 2, "compressors": numcodecs.Blosc()}),
            ("zstd", {"zarr_format": 2, "compressors": numcodecs.Zstd()}),
            ("zlib", {"zarr_format": 2, "compressors": numcodecs.Zlib()}),
            ("gzip", {"zarr_format": 2, "compressors": numcodecs.GZip()}),
            ("LZ4", {"zarr_format": 2, "compressors": numcodecs.LZ4()}),
            ("BZ2", {"zarr_format": 2, "compressors": numcodecs.BZ2()}),
            ("LZMA", {"zarr_format": 2, "compressors": numcodecs.LZMA()}),
            (
                "shuffle and zlib",
                {
                    "zarr_format": 2,
                    "compressors": numcodecs.Zlib(),
                    "filters": [numcodecs.Shuffle(1)],
                },
            ),
            (
                "delta and zstd",
                {
                    "zarr_format": 2,
                    "compressors": numcodecs.Zstd(),
                    "filters": [numcodecs.Delta("u1")],
                },
            ),
        )
    ),
    Case(
        "pickle as a filter",
        "Codecs that are refused",
        with_old_codec("filters", [{"id": "pickle"}]),
        refuses("pickle"),
    ),
    Case(
        "pickle as a compressor",
        "Codecs that are refused",
        with_old_codec("compressor", {"id": "pickle"}),
        refuses("pickle"),
    ),
    Case(
        "json",
        "Codecs that are refused",
        with_old_codec("filters", [{"id": "json2"}]),
        refuses("json2"),
    ),
    Case(
        "not installed",
        "Codecs that are refused",
        with_old_codec("compressor", {"id": "imagecodecs_jpeg2k"}),
        refuses("imagecodecs_jpeg2k"),
    ),
    Case("some", "Parts that are not stored", without_chunks(2), reads_gaps(2)),
    Case(
        "all",
        "Parts that are not stored",
        without_chunks(20),
        reads(np.zeros((64, 80), np.uint8), "yx", None, None, "none of its pixels"),
    ),
    Case("the first", "Levels", without_level, refuses("'0'", "not there", "1")),
    Case(
        "a group in its place",
        "Levels",
        lambda folder: ngff(ngff(folder / "a.zarr", None, image("yx")), None, {}, "0"),
        refuses("'0'", "group"),
    ),
    Case(
        "a later one is larger",
        "Levels",
        levels((PLANE[::2, ::2], PLANE)),
        reads(PLANE[::2, ::2], "yx", None, None, "larger"),
    ),
    Case("three", "Levels", levels((PLANE, PLANE[::2, ::2], PLANE[::4, ::4])), reads(PLANE, "yx")),
    Case("out of date", "Consolidated metadata", consolidated_before, reads(PLANE, "yx")),
    Case(
        "two images in one group",
        "Several images in one group",
        two_in_one_group,
        asks(
            "series",
            ["0", "1"],
            {"name": reads(STACK, "zyx", name="detail", answers=Answers(series="detail"))},
        ),
    ),
    Case(
        "arrays in a group without metadata",
        "Several images in one group",
        lambda folder: _arrays(folder / "a.zarr", raw=PLANE, mask=LABELS),
        asks(
            "series",
            ["mask", "raw"],
            {"raw": reads(PLANE, "yx", name="a raw", answers=Answers(series="raw"))},
        ),
    ),
    Case(
        "one array in a group",
        "Several images in one group",
        lambda folder: _arrays(folder / "a.zarr", raw=PLANE),
        reads(PLANE, "yx"),
    ),
    Case(
        "an empty group",
        "Several images in one group",
        lambda folder: _arrays(folder / "a.zarr"),
        refuses("no image"),
    ),
    Case("a linked folder", "Links and paths", linked, reads(PLANE, "yx")),
    Case(
        "a level outside",
        "Links and paths",
        made(PLANE, {"multiscales": [{"axes": axes("yx"), "datasets": [{"path": "../b.zarr/0"}]}]}),
        refuses("../b.zarr/0"),
    ),
    Case(
        "an absolute level",
        "Links and paths",
        made(PLANE, {"multiscales": [{"axes": axes("yx"), "datasets": [{"path": "/0"}]}]}),
        reads(PLANE, "yx"),
    ),
    Case(
        "complex", "Pixels that are no grey values", bare(PLANE.astype("c8")), refuses("complex64")
    ),
    Case(
        "texts",
        "Pixels that are no grey values",
        bare(np.full((4, 5), "abc"), zarr_format=2),
        refuses("no", "grey"),
    ),
    Case(
        "records",
        "Pixels that are no grey values",
        bare(np.zeros((4, 5), [("a", "u1"), ("b", "f4")])),
        refuses("grey"),
    ),
    Case(
        "no pixels",
        "Pixels that are no grey values",
        bare(np.zeros((0, 5), "u1"), chunks=(1, 5)),
        refuses("no pixels"),
    ),
    Case("bool", "Pixels that are no grey values", bare(PLANE > 99), reads(PLANE > 99, "yx")),
    Case("chunks", "Damage", damaged_chunks, refuses_pixels("cannot be read")),
    *(
        Case(name, "Damage", metadata(text), refuses())
        for name, text in (
            ("no JSON", "{"),
            ("another node", '{"zarr_format": 3, "node_type": "tree"}'),
            ("no levels", group_text({"multiscales": [{}]})),
            ("levels that are none", group_text({"multiscales": [{"datasets": 5}]})),
            ("images that are none", group_text({"multiscales": 5})),
            ("images of no kind", group_text({"multiscales": [5]})),
            ("metadata that are none", group_text(7)),
        )
    ),
    *(
        Case(name, "Claims of memory", claimed, refuses_pixels("memory", "inflates"))
        for name, claimed in CLAIMS.items()
    ),
]


def _into_series(path: Path) -> Path:
    ngff(path, LABELS, {**image("yx"), "image-label": {}}, "0/labels/cells")
    return path


def _damaged(path: Path) -> Path:
    for file in (path / "0" / "c").rglob("*"):
        if file.is_file():
            file.write_bytes(b"rubbish" * 20)
    return path


def misfits(*words: str) -> Callable[[Path], None]:
    """An AnnotationError, and nothing of a large claim is allocated."""

    def expect(path: Path) -> None:
        with pytest.raises(AnnotationError) as refused:
            read_annotations(path, (64, 80))
        for word in (path.name, *words):
            assert word in str(refused.value)

    return expect


def label_image(
    labels: NDArray[Any] = LABELS, said: Mapping[str, Any] | None = None, names: str = ""
) -> Make:
    """A label image that stands alone."""
    told = {**image(names or "zyx"[-labels.ndim :]), "image-label": dict(said or {})}
    return made(labels, told)


def with_labels(*names: str, listed: Sequence[Any] | None = None, group: bool = True) -> Make:
    """An image with label images; each has numbers of its own: 1 and 2, 3 and 4, …"""

    def make(folder: Path) -> Path:
        path = ngff(folder / "a.zarr", PLANE, image("yx"))
        if group:
            told = list(names) if listed is None else list(listed)
            ngff(path, None, {"labels": told}, "labels")
        for number, name in enumerate(names):
            numbers = np.where(LABELS > 0, LABELS + 2 * number, 0).astype(np.uint8)
            ngff(path, numbers, {**image("yx"), "image-label": {}}, f"labels/{name}")
        if not group:
            (path / "labels" / "zarr.json").unlink()
        return path

    return make


def numbered(*values: int) -> list[tuple[int, str]]:
    return [(value, f"class {value}") for value in values]


def asks_label_image(*choices: str, second: NDArray[Any]) -> Callable[[Path], None]:
    def expect(path: Path) -> None:
        for read in (lambda: read_annotations(path, (64, 80)), lambda: read_labels(path)):
            with pytest.raises(Undecided) as asked:
                read()
            question = asked.value.question
            assert question.about == "label_image"
            assert [choice.value for choice in question.choices] == list(choices)
        chosen = Answers(label_image=choices[1])
        np.testing.assert_array_equal(read_labels(path, chosen), second)
        np.testing.assert_array_equal(
            read_annotations(path, (64, 80), answers=chosen).labels, second
        )

    return expect


def named(*names: str, key: str = "name") -> dict[str, Any]:
    return {"properties": [{"label-value": n, key: name} for n, name in enumerate(names, 1)]}


SECOND = np.where(LABELS > 0, LABELS + 2, 0)
OBJECTS = np.zeros((64, 80), np.uint32)
OBJECTS[5:15, 5:15], OBJECTS[5:15, 15:25], OBJECTS[30:40, 30:40] = 1, 2, 3
MANY = (np.arange(64 * 80, dtype=np.uint16).reshape(64, 80) // 64).copy()

LABELLING = [
    Case(
        "names and colours",
        "Names and colours of labels",
        label_image(
            said={
                **named("gold", "carbon"),
                "colors": [{"label-value": 1, "rgba": [255, 0, 0, 255]}],
            },
        ),
        labelled(LABELS, [(1, "gold"), (2, "carbon")], "2 classes are new"),
    ),
    Case(
        "no names",
        "Names and colours of labels",
        label_image(),
        labelled(LABELS, numbered(1, 2)),
    ),
    Case(
        "a name for one",
        "Names and colours of labels",
        label_image(said=named("gold")),
        labelled(LABELS, [(1, "gold"), (2, "class 2")], "1 class is new: gold"),
    ),
    Case(
        "one in an image",
        "Labels in an image",
        with_labels("cells"),
        labelled(LABELS, numbered(1, 2)),
    ),
    Case(
        "the group itself",
        "Labels in an image",
        inside(with_labels("cells"), "labels"),
        labelled(LABELS, numbered(1, 2)),
    ),
    Case(
        "one of two by its folder",
        "Labels in an image",
        inside(with_labels("cells", "nuclei"), "labels/nuclei"),
        labelled(SECOND, numbered(3, 4)),
    ),
    Case(
        "in the only series of a container",
        "Labels in an image",
        lambda folder: _into_series(container(PLANE)(folder)),
        labelled(LABELS, numbered(1, 2)),
    ),
    Case(
        "two",
        "Several label images",
        with_labels("cells", "nuclei"),
        asks_label_image("cells", "nuclei", second=SECOND),
    ),
    Case(
        "names that are numbers",
        "Several label images",
        with_labels("0", "1", listed=[0, 1]),
        asks_label_image("0", "1", second=SECOND),
    ),
    Case(
        "not listed",
        "Label images that are not listed",
        with_labels("cells", listed=[]),
        labelled(LABELS, numbered(1, 2), "not listed; found: cells"),
    ),
    Case(
        "no metadata of the group",
        "Label images that are not listed",
        with_labels("cells", group=False),
        labelled(LABELS, numbered(1, 2), "not listed; found: cells"),
    ),
    Case(
        "listed and not there",
        "Label images that are not listed",
        with_labels("cells", listed=["nuclei", "cells"]),
        labelled(LABELS, numbered(1, 2), "1 label image is listed, but not in it (nuclei)"),
    ),
    Case(
        "only such",
        "Label images that are not listed",
        with_labels(listed=["nuclei"]),
        no_labels("nuclei", "not there"),
    ),
    Case(
        "listed outside",
        "Label images that are not listed",
        with_labels("cells", listed=["../../b.zarr", "cells"]),
        labelled(LABELS, numbered(1, 2), "../../b.zarr"),
    ),
    Case(
        "an image",
        "An image without labels",
        made(PLANE, image("yx")),
        no_labels("no labels", "a.zarr"),
    ),
    Case(
        "few grey values",
        "An image without labels",
        made(PLANE % 19, image("yx")),
        no_labels("no labels", "'0'"),
    ),
    Case(
        "an empty group",
        "An image without labels",
        with_labels(listed=[]),
        no_labels("no labels"),
    ),
    Case(
        "its array is taken if it is chosen",
        "An image without labels",
        inside(made(LABELS, image("yx")), "0"),
        labelled(LABELS, numbered(1, 2)),
    ),
    Case(
        "a name that says mask",
        "An image without labels",
        lambda folder: ngff(folder / "a_mask.ome.zarr", LABELS, image("yx")),
        labelled(LABELS, numbered(1, 2)),
    ),
    *(
        Case(
            name,
            "Odd entries of label metadata",
            label_image(said=said),
            labelled(LABELS, [(1, "gold"), (2, "class 2")], *notes),
        )
        for name, said, notes in (
            (
                "no number",
                {"properties": [{"name": "x"}, *named("gold")["properties"]]},
                ["1 entry"],
            ),
            (
                "a colour without number",
                {**named("gold"), "colors": [{"rgba": [1, 2, 3, 4]}]},
                ["1 entry"],
            ),
            (
                "short colours",
                {**named("gold"), "colors": [{"label-value": 1, "rgba": [1]}] * 2},
                ["2 entries"],
            ),
            (
                "no colours",
                {**named("gold"), "colors": [{"label-value": 1, "rgba": None}]},
                ["1 entry"],
            ),
            ("numbers as text", {"properties": [{"label-value": "1", "name": "gold"}]}, []),
            ("numbers with a point", {"properties": [{"label-value": 1.0, "name": "gold"}]}, []),
            (
                "no entries",
                {"properties": [None, 3, "x", *named("gold")["properties"]]},
                ["3 entries"],
            ),
            (
                "negative",
                {"properties": [{"label-value": -1, "name": "x"}, *named("gold")["properties"]]},
                ["1 entry"],
            ),
            (
                "endless",
                {"properties": [{"label-value": 1e300, "name": "x"}, *named("gold")["properties"]]},
                ["1 entry"],
            ),
            ("one entry that is no list", {"properties": named("gold")["properties"][0]}, []),
        )
    ),
    Case(
        "of one class",
        "Numbers that are objects",
        label_image(OBJECTS, named("nucleus", "nucleus", "debris", key="class")),
        labelled(
            np.where(OBJECTS == 3, 2, OBJECTS > 0),
            [(1, "nucleus"), (2, "debris")],
            "taken as objects",
            objects=OBJECTS,
        ),
    ),
    Case(
        "over 65535",
        "Numbers that are objects",
        label_image(OBJECTS * 70_000, {"properties": [{"label-value": 70_000, "name": "cell"}]}),
        labelled(
            np.where(OBJECTS == 1, 1, np.where(OBJECTS > 1, 2, 0)),
            [(1, "cell"), (2, "object")],
            objects=OBJECTS * 70_000,
        ),
    ),
    Case(
        "names for each of many",
        "Numbers that are objects",
        label_image(MANY, named(*(f"cell {n}" for n in range(1, 80)))),
        labelled(MANY > 0, [(1, "object")], "79 single objects", objects=MANY),
    ),
    Case(
        "a person says classes",
        "Numbers that are objects",
        label_image(OBJECTS, named("nucleus", "nucleus", "debris", key="class")),
        labelled(
            np.where(OBJECTS == 3, 3, OBJECTS > 0),
            [(1, "nucleus"), (3, "debris")],
            answers=Answers(values="classes"),
        ),
    ),
    Case(
        "half the size",
        "Labels that do not fit",
        label_image(LABELS[::2, ::2]),
        misfits("(32, 40)"),
    ),
    Case(
        "channels",
        "Labels that do not fit",
        label_image(np.stack([LABELS, LABELS]), names="cyx"),
        misfits(),
    ),
    Case(
        "a terabyte",
        "Labels that do not fit",
        claims((1000, 1000)),
        misfits("(1000000, 1000000)"),
    ),
    Case("negative", "Labels that do not fit", label_image(LABELS.astype("i2") - 1), misfits("-1")),
    Case("fractions", "Labels that do not fit", label_image(LABELS / 3), misfits("whole")),
    Case(
        "damaged chunks",
        "Labels that do not fit",
        lambda folder: _damaged(label_image()(folder)),
        misfits(),
    ),
]
