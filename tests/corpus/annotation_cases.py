"""Annotation files as people have them, made here, with the pixels that they mean.

The right pixels are known without the code that reads: areas are rectangles along pixels, or are
decided pixel by pixel with a formula of the shape.
"""

from __future__ import annotations

import gzip
import json
import os
import unicodedata
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import roifile
import tifffile
from numpy.typing import NDArray
from PIL import Image

from corpus.cases import Case, grey
from unetscope.errors import AnnotationError
from unetscope.images.annotations.formats import read_annotations, write_annotations
from unetscope.images.annotations.values import (
    as_annotations,
)
from unetscope.images.classes import LabelClass
from unetscope.images.files import write_labels, write_micrograph
from unetscope.images.micrograph import Micrograph
from unetscope.images.questions import Answers, Undecided

SHAPE = (64, 80)
Expect = Callable[[Path], None]


def area(*boxes: tuple[int, int, int, int], shape: tuple[int, ...] = SHAPE) -> NDArray[np.bool_]:
    """Pixels of boxes (left, top, right, bottom), right and bottom not included."""
    inside = np.zeros(shape, bool)
    for left, top, right, bottom in boxes:
        inside[..., max(0, top) : max(0, bottom), max(0, left) : max(0, right)] = True
    return inside


def on_plane(z: int, inside: NDArray[np.bool_], depth: int) -> NDArray[np.bool_]:
    """``inside`` on plane ``z`` of a stack."""
    stack = np.zeros((depth, *inside.shape), bool)
    stack[z] = inside
    return stack


def centres() -> tuple[NDArray[Any], NDArray[Any]]:
    """x and y of the middle of each pixel."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]] + 0.5
    return x, y


@dataclass(frozen=True)
class Holds:
    """The file holds exactly these pixels of each class, and is told so with these notes.

    ``told`` are parts of the notes, one for each; what is new in the class table is not counted.
    """

    areas: dict[str, NDArray[np.bool_]]
    told: Sequence[str] = ()
    shape: tuple[int, ...] = SHAPE
    image_name: str | None = "a.tif"
    classes: Sequence[LabelClass] = ()
    channels: int = 1
    answers: Answers | None = None
    objects: int | None = None

    def __call__(self, path: Path) -> None:
        found = read_annotations(
            path,
            self.shape,
            self.classes or None,
            image_name=self.image_name,
            channels=self.channels,
            answers=self.answers,
        )
        by_value = {c.value: c.name for c in found.classes}
        met = {by_value[int(v)] for v in np.unique(found.labels) if v}
        assert met == set(self.areas), found.notes
        for value, name in by_value.items():
            if name in self.areas:
                np.testing.assert_array_equal(found.labels == value, self.areas[name])
        notes = [n for n in found.notes if " new: " not in n and "before" not in n]
        assert len(notes) == len(self.told), notes
        for part in self.told:
            assert any(part in note for note in notes), (part, notes)
        assert all(c.isprintable() for note in found.notes for c in note)
        if self.objects is not None:
            assert found.instances is not None
            assert len(np.unique(found.instances[found.instances > 0])) == self.objects


@dataclass(frozen=True)
class Refused:
    """The file is refused in words that hold ``why``, the file's name and what to do."""

    why: str
    image_name: str | None = "a.tif"
    shape: tuple[int, ...] = SHAPE
    answers: Answers | None = None

    def __call__(self, path: Path) -> None:
        with pytest.raises(AnnotationError) as caught:
            read_annotations(path, self.shape, image_name=self.image_name, answers=self.answers)
        told = str(caught.value)
        assert not isinstance(caught.value, Undecided)
        assert self.why in told and path.name.split(".")[0] in told, told
        fixes = ("choose", "export", "save", "unpack", "give", "rename", "use one", "check", "must")
        assert any(word in told for word in fixes), told
        assert told.isprintable()


@dataclass(frozen=True)
class Asked:
    """The file does not say what is meant: ``about`` is asked, each answer gives its classes."""

    about: str
    answers: dict[str, dict[str, NDArray[np.bool_]]]
    objects: int | None = None

    def __call__(self, path: Path) -> None:
        with pytest.raises(Undecided) as caught:
            read_annotations(path, SHAPE, image_name="a.tif")
        question = caught.value.question
        assert question.about == self.about and path.is_file() == (question.name == path.name)
        assert {choice.value for choice in question.choices} == set(self.answers)
        for value, areas in self.answers.items():
            said = Answers().with_answer(question, value)
            found = read_annotations(path, SHAPE, image_name="a.tif", answers=said)
            met = {c.name: c.value for c in found.classes if (found.labels == c.value).any()}
            assert set(met) == set(areas)
            for name, inside in areas.items():
                np.testing.assert_array_equal(found.labels == met[name], inside)
            if value == "objects":
                assert found.instances is not None
                assert len(np.unique(found.instances)) - 1 == self.objects


# ImageJ


def roi(name: str, left: float = 5, top: float = 5, side: float = 20, **more: Any) -> Any:
    """A square as a polygon."""
    right, bottom = left + side, top + side
    corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
    return polygon_roi(name, corners, **more)


def polygon_roi(name: str, corners: Any, **more: Any) -> Any:
    made = roifile.ImagejRoi.frompoints(np.array(corners, "f4"), name=name)
    for key, value in more.items():
        setattr(made, key, value)
    return made


def shape_roi(name: str, kind: str, box: tuple[int, int, int, int], **more: Any) -> Any:
    """A ROI of another kind with a box (left, top, right, bottom)."""
    left, top, right, bottom = box
    made = roifile.ImagejRoi(
        roitype=roifile.ROI_TYPE[kind], left=left, top=top, right=right, bottom=bottom, name=name
    )
    for key, value in more.items():
        setattr(made, key, value)
    return made


def axis_roi(name: str, subtype: str, ends: Sequence[float], told: float) -> Any:
    """An ellipse or turned rectangle; ``told`` lies in the bytes of arrow and arc, as ImageJ's."""
    made = roi(name)
    made.roitype, made.subtype = roifile.ROI_TYPE.FREEHAND, roifile.ROI_SUBTYPE[subtype]
    made.x1, made.y1, made.x2, made.y2 = ends
    content = np.array([told], ">f4").tobytes()
    made.arrow_style_or_aspect_ratio, made.arrow_head_size = content[0], content[1]
    made.rounded_rect_arc_size = int(np.frombuffer(content[2:], ">i2")[0])
    return made


def composite(name: str, path: Sequence[float]) -> Any:
    return roifile.ImagejRoi(
        roitype=roifile.ROI_TYPE.RECT,
        left=0,
        top=0,
        right=60,
        bottom=60,
        shape_roi_size=len(path),
        multi_coordinates=np.array(path, "f4"),
        name=name,
    )


def path_of(*boxes: tuple[int, int, int, int]) -> list[float]:
    """The path of a composite of boxes; where two overlap is a hole."""
    made: list[float] = []
    for left, top, right, bottom in boxes:
        made += [0, left, top, 1, right, top, 1, right, bottom, 1, left, bottom, 4]
    return made


def zipped(*rois: Any, more: dict[str, bytes] | None = None) -> Callable[[Path], Path]:
    """A zip of ROIs, and other members."""

    def make(folder: Path) -> Path:
        with zipfile.ZipFile(folder / "a.zip", "w") as archive:
            for place, one in enumerate(rois):
                archive.writestr(f"{place}.roi", one.tobytes())
            for name, content in (more or {}).items():
                archive.writestr(name, content)
        return folder / "a.zip"

    return make


def single(one: Any) -> Callable[[Path], Path]:
    """One .roi file."""

    def make(folder: Path) -> Path:
        (folder / "a.roi").write_bytes(one if isinstance(one, bytes) else one.tobytes())
        return folder / "a.roi"

    return make


SQUARE = area((5, 5, 25, 25))
SHAPES = "ImageJ ROIs: every kind of area"
NO_AREA = "ImageJ ROIs without area: lines, angles, points, texts, images"
ODD_ROIS = "ImageJ ROIs that are damaged, encrypted or of no known kind"
NAMES = "ImageJ names and groups"
POSITIONS = "ImageJ positions in stacks and hyperstacks"


def ellipse_pixels(middle: tuple[float, float], half: tuple[float, float]) -> NDArray[np.bool_]:
    x, y = centres()
    return ((x - middle[0]) / half[0]) ** 2 + ((y - middle[1]) / half[1]) ** 2 <= 1


def turned_pixels(ends: Sequence[float], width: float) -> NDArray[np.bool_]:
    x, y = centres()
    along = np.array(ends[2:]) - np.array(ends[:2])
    length = float(np.hypot(*along))
    right, down = x - ends[0], y - ends[1]
    forth = (right * along[0] + down * along[1]) / length
    aside = (down * along[0] - right * along[1]) / length
    return (forth > 0) & (forth < length) & (np.abs(aside) < width / 2)


def triangle_pixels(corners: Sequence[tuple[float, float]]) -> NDArray[np.bool_]:
    x, y = centres()
    signs = []
    for (x0, y0), (x1, y1) in zip(corners, [*corners[1:], corners[0]], strict=True):
        signs.append((x1 - x0) * (y - y0) - (y1 - y0) * (x - x0) > 0)
    return np.logical_and.reduce(signs) | ~np.logical_or.reduce(signs)


def rounded_pixels(box: tuple[int, int, int, int], radius: float) -> NDArray[np.bool_]:
    x, y = centres()
    left, top, right, bottom = box
    dx = np.maximum(np.maximum(left + radius - x, x - (right - radius)), 0)
    dy = np.maximum(np.maximum(top + radius - y, y - (bottom - radius)), 0)
    return area(box) & (dx**2 + dy**2 <= radius**2)


def curved_pixels() -> NDArray[np.bool_]:
    """Below the parabola from (10, 10) over the control (25, 40) to (40, 10)."""
    x, y = centres()
    t = (x - 10) / 30
    return (t > 0) & (t < 1) & (y > 10) & (y < 10 + 60 * t * (1 - t))


TURNED = (10.2, 12.3, 50.4, 33.1)
TRIANGLE = ((10.3, 8.2), (60.1, 20.7), (25.4, 50.9))
SHAPE_CASES: list[tuple[str, Any, NDArray[np.bool_]]] = [
    ("a polygon", roi("cell"), SQUARE),
    ("a triangle below pixels", polygon_roi("cell", TRIANGLE), triangle_pixels(TRIANGLE)),
    ("a rectangle", shape_roi("cell", "RECT", (5, 5, 25, 25)), SQUARE),
    (
        "a rounded rectangle",
        shape_roi("cell", "RECT", (5, 5, 45, 35), rounded_rect_arc_size=20),
        rounded_pixels((5, 5, 45, 35), 10),
    ),
    ("an oval", shape_roi("cell", "OVAL", (5, 5, 45, 25)), ellipse_pixels((25, 15), (20, 10))),
    (
        "an ellipse",
        axis_roi("cell", "ELLIPSE", (5.1, 20.2, 45.1, 20.2), 0.5),
        ellipse_pixels((25.1, 20.2), (20 * 0.9995, 10 * 0.9995)),
    ),
    (
        "an ellipse without a ratio, whose corners are there",
        axis_roi("cell", "ELLIPSE", (5, 15, 25, 15), 0),
        SQUARE,
    ),
    (
        "a turned rectangle",
        axis_roi("cell", "ROTATED_RECT", TURNED, 11.3),
        turned_pixels(TURNED, 11.3),
    ),
    (
        "a composite with a hole",
        composite("cell", path_of((5, 5, 45, 45), (15, 15, 25, 25))),
        area((5, 5, 45, 45)) & ~area((15, 15, 25, 25)),
    ),
    (
        "a composite of two pieces and an island in a hole",
        composite(
            "cell", path_of((5, 5, 45, 45), (10, 10, 40, 40), (20, 20, 30, 30), (50, 5, 55, 9))
        ),
        area((5, 5, 45, 45)) & ~area((10, 10, 40, 40)) | area((20, 20, 30, 30), (50, 5, 55, 9)),
    ),
    (
        "a composite with a curve",
        composite("cell", [0, 10, 10, 2, 25, 40, 40, 10, 4]),
        curved_pixels(),
    ),
    (
        "a composite with a cubic curve, which is the same parabola",
        composite("cell", [0, 10, 10, 3, 20, 30, 30, 30, 40, 10, 4]),
        curved_pixels(),
    ),
    ("a traced outline", roi("cell", roitype=roifile.ROI_TYPE.TRACED), SQUARE),
    ("a freehand outline", roi("cell", roitype=roifile.ROI_TYPE.FREEHAND), SQUARE),
]


def imagej_cases() -> list[Case]:
    line = shape_roi("a line", "LINE", (0, 0, 0, 0), x2=30.0, y2=30.0)
    text = shape_roi("a word", "RECT", (5, 5, 25, 25), subtype=roifile.ROI_SUBTYPE.TEXT)
    cases = [
        Case(f"ImageJ: {name}", SHAPES, zipped(one), Holds({"cell": inside}, objects=1))
        for name, one, inside in SHAPE_CASES
    ]
    cases += [
        Case("ImageJ: one .roi file", SHAPES, single(roi("cell")), Holds({"cell": SQUARE})),
        Case(
            "ImageJ: a spline",
            SHAPES,
            zipped(roi("cell", options=roifile.ROI_OPTIONS.SPLINE_FIT)),
            Holds({"cell": SQUARE}, ["1 of 1 ROI is a spline"]),
        ),
        Case(
            "ImageJ: a name in UTF-16",
            NAMES,
            zipped(roi("Zellkern β 和平 12")),
            Holds({"Zellkern β 和平": SQUARE}),
        ),
        Case(
            "ImageJ: phase1 and phase2 are two classes",
            NAMES,
            zipped(roi("phase1", group=1), roi("phase2", 40, 40, 15, group=2)),
            Holds({"phase1": SQUARE, "phase2": area((40, 40, 55, 55))}, objects=2),
        ),
        Case(
            "ImageJ: one name in two groups",
            NAMES,
            zipped(roi("cell 1", group=1), roi("cell 2", 40, 40, 15, group=2)),
            Holds({"cell (group 1)": SQUARE, "cell (group 2)": area((40, 40, 55, 55))}),
        ),
        Case(
            "ImageJ: names before numbers, in any case",
            NAMES,
            zipped(roi("cell 1"), roi("Cell-2", 40, 40, 15), roi("cell_3", 60, 5, 10)),
            Holds({"cell": area((5, 5, 25, 25), (40, 40, 55, 55), (60, 5, 70, 15))}, objects=3),
        ),
        Case(
            "ImageJ: a group without a name is said to be the class of its number",
            NAMES,
            zipped(roi("0012-0345", group=1)),
            Holds(
                {"background": SQUARE},
                ["1 is 'background'"],
                classes=(LabelClass(1, "background", "#000000"),),
            ),
        ),
        Case(
            "ImageJ: no name and no group",
            NAMES,
            zipped(roi("0012-0345-0067")),
            Holds({"unclassified": SQUARE}, ["says no class"]),
        ),
        Case(
            "ImageJ: a name with signs that command a terminal",
            NAMES,
            zipped(roi("\x1b[31mcell\x1b[0m\x07 <b>x</b>")),
            Holds({"cell \u2039b\u203ax\u2039/b\u203a": SQUARE}),
        ),
    ]
    for kind in ("POLYLINE", "FREELINE", "ANGLE", "POINT"):
        odd = roi(f"no {kind}", roitype=roifile.ROI_TYPE[kind])
        cases.append(
            Case(
                f"ImageJ: {kind} beside a polygon",
                NO_AREA,
                zipped(roi("cell"), odd),
                Holds({"cell": SQUARE}, [f"(no area: {kind.lower()}): no {kind}"]),
            )
        )
    cases += [
        Case(
            "ImageJ: a line and a text beside a polygon",
            NO_AREA,
            zipped(line, roi("cell"), text),
            Holds({"cell": SQUARE}, ["(no area: line): a line", "(no selection: text): a word"]),
        ),
        Case("ImageJ: lines only", NO_AREA, zipped(line, line), Refused("2 of 2 ROIs were left")),
        Case(
            "ImageJ: a composite with an unknown command",
            ODD_ROIS,
            zipped(roi("cell"), composite("odd", [9, 1, 1])),
            Holds({"cell": SQUARE}, ["unknown command 9): odd"]),
        ),
        Case(
            "ImageJ: a composite that is cut off",
            ODD_ROIS,
            zipped(roi("cell"), composite("odd", [0, 1, 1, 1, 5])),
            Holds({"cell": SQUARE}, ["composite that is cut off"]),
        ),
        Case(
            "ImageJ: members cut off, empty, and of macOS",
            ODD_ROIS,
            zipped(
                roi("cell"),
                more={
                    "cut.roi": roi("x").tobytes()[:70],
                    "empty.roi": b"",
                    "__MACOSX/._0.roi": b"\0\5\x16\7" + bytes(78),
                    "text.roi": b"no ROI at all" * 9,
                },
            ),
            Holds({"cell": SQUARE}, ["3 of 4 ROIs were left out (damaged"]),
        ),
        Case(
            "ImageJ: two corners",
            ODD_ROIS,
            zipped(roi("cell"), polygon_roi("two", [(1, 1), (9, 9)])),
            Holds({"cell": SQUARE}, ["fewer than three corners): two"]),
        ),
        Case(
            "ImageJ: every member damaged", ODD_ROIS, zipped(more={"a.roi": b"x"}), Refused("1 ROI")
        ),
        Case("ImageJ: a zip of texts", ODD_ROIS, zipped(more={"a.txt": b"x"}), Refused("no .roi")),
        Case(
            "ImageJ: a .roi that is cut off",
            ODD_ROIS,
            single(roi("x").tobytes()[:66]),
            Refused("1 ROI"),
        ),
        Case(
            "ImageJ: outside of the image",
            "Regions beyond the image",
            zipped(roi("c", 300, 300)),
            Refused("outside of the image"),
        ),
        Case(
            "ImageJ: half outside and wholly outside",
            "Regions beyond the image",
            zipped(roi("c"), roi("c", 70, 50, 40), roi("c", 300, 300)),
            Holds(
                {"c": area((5, 5, 25, 25), (70, 50, 80, 64))},
                ["1 of 3 ROIs was left out (outside", "1 of 3 ROIs reaches beyond the image"],
                objects=2,
            ),
        ),
        Case(
            "ImageJ: an empty zip",
            "Files without any entry",
            zipped(),
            Holds({}, ["holds no ROIs"]),
        ),
    ]
    for props in (
        "object: yes\n",
        "object: 3.0\n",
        "object: -3\n",
        "label value: high\n",
        ": \n:::",
    ):
        cases.append(
            Case(
                f"ImageJ: the property {props!r}",
                ODD_ROIS,
                zipped(roi("cell", props=props), roi("cell", 40)),
                Holds({"cell": area((5, 5, 25, 25), (40, 5, 60, 25))}, objects=2),
            )
        )
    return cases + position_cases()


def position_cases() -> list[Case]:
    stack = (5, *SHAPE)

    def placed(name: str, z: int, told: Sequence[str] = (), channels: int = 1, **at: int) -> Case:
        return Case(
            f"ImageJ: {name}",
            POSITIONS,
            zipped(roi("cell", **at)),
            Holds({"cell": on_plane(z, SQUARE, 5)}, told, shape=stack, channels=channels),
        )

    return [
        placed("position 4 of pages", 3, position=4),
        placed("position 4 of a hyperstack of 2 channels", 1, channels=2, position=4),
        placed("position 7 of a hyperstack of 2 channels", 3, channels=2, position=7),
        placed("channel, plane and time told", 2, channels=2, c_position=2, z_position=3),
        placed("plane told, position as well", 2, z_position=3, position=9),
        placed("no position", 0, ["names no plane of the stack"]),
        placed("a channel only", 0, ["names no plane of the stack"], c_position=2),
        placed("frames as planes", 3, ["names a time point"], z_position=1, t_position=4),
        Case(
            "ImageJ: a plane that the stack does not have",
            POSITIONS,
            zipped(roi("cell", position=1), roi("far", position=9)),
            Holds(
                {"cell": on_plane(0, SQUARE, 5)},
                ["on plane 9 of an image that has 5 planes): far"],
                shape=stack,
            ),
        ),
        Case(
            "ImageJ: another time point of a stack",
            POSITIONS,
            zipped(roi("cell", position=1), roi("late", z_position=2, t_position=3)),
            Holds({"cell": on_plane(0, SQUARE, 5)}, ["of time point 3"], shape=stack),
        ),
        Case(
            "ImageJ: planes of a stack on a single image",
            POSITIONS,
            zipped(roi("cell", position=7)),
            Holds({"cell": SQUARE}, ["another plane than the first"]),
        ),
        Case(
            "ImageJ: the second channel of a single plane",
            POSITIONS,
            zipped(roi("cell", position=2)),
            Holds({"cell": SQUARE}, channels=3),
        ),
    ]


# GeoJSON


def ring(left: float = 5, top: float = 5, side: float = 20) -> list[list[float]]:
    right, bottom = left + side, top + side
    return [[left, top], [right, top], [right, bottom], [left, bottom], [left, top]]


def polygon(*rings: Any, **more: Any) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": list(rings or [ring()]), **more}


def feature(geometry: Any = None, **said: Any) -> dict[str, Any]:
    return {"type": "Feature", "geometry": geometry or polygon(), "properties": said}


def named(name: Any = "T", geometry: Any = None, **said: Any) -> dict[str, Any]:
    return feature(geometry, classification={"name": name}, **said)


def text_file(name: str, content: Any, encoding: str = "utf-8") -> Callable[[Path], Path]:
    """A file of text, or of a value as JSON."""

    def make(folder: Path) -> Path:
        text = content if isinstance(content, str) else json.dumps(content)
        (folder / name).write_bytes(text.encode(encoding))
        return folder / name

    return make


def collection(*features: Any, **more: Any) -> Callable[[Path], Path]:
    return text_file("a.geojson", {"type": "FeatureCollection", "features": features, **more})


POLYGONS = "GeoJSON polygons, with holes, several or in a collection"
ODD_FEATURES = "GeoJSON features that are odd"
CLASS_NAMES = "GeoJSON classes in another place or form"
PACKED = "GeoJSON zipped, gzipped, one feature a line, a bare geometry, any encoding"
OTHER = area((40, 40, 60, 60))


def geojson_cases() -> list[Case]:
    other = named("T", polygon(ring(40, 40)))
    cases = [
        Case("GeoJSON: a polygon", POLYGONS, collection(named()), Holds({"T": SQUARE}, objects=1)),
        Case(
            "GeoJSON: a hole",
            POLYGONS,
            collection(named(geometry=polygon(ring(), ring(10, 10, 5)))),
            Holds({"T": SQUARE & ~area((10, 10, 15, 15))}),
        ),
        Case(
            "GeoJSON: a hole that touches the outline",
            POLYGONS,
            collection(named(geometry=polygon(ring(), ring(5, 10, 5)))),
            Holds({"T": SQUARE & ~area((5, 10, 10, 15))}),
        ),
        Case(
            "GeoJSON: two holes that touch in a corner",
            POLYGONS,
            collection(named(geometry=polygon(ring(), ring(10, 10, 5), ring(15, 15, 5)))),
            Holds({"T": SQUARE & ~area((10, 10, 15, 15), (15, 15, 20, 20))}),
        ),
        Case(
            "GeoJSON: several polygons are one object",
            POLYGONS,
            collection(
                named(geometry={"type": "MultiPolygon", "coordinates": [[ring()], [ring(40, 40)]]})
            ),
            Holds({"T": SQUARE | OTHER}, objects=1),
        ),
        Case(
            "GeoJSON: a collection of geometries",
            POLYGONS,
            collection(
                named(
                    geometry={
                        "type": "GeometryCollection",
                        "geometries": [polygon(), {"type": "Point", "coordinates": [1, 1]}],
                    }
                )
            ),
            Holds({"T": SQUARE}),
        ),
        Case(
            "GeoJSON: positions with a third number",
            POLYGONS,
            collection(named(geometry=polygon([[x, y, 7.5] for x, y in ring()]))),
            Holds({"T": SQUARE}),
        ),
        Case(
            "GeoJSON: corners that repeat",
            POLYGONS,
            collection(named(geometry=polygon([c for c in ring() for _ in range(3)]))),
            Holds({"T": SQUARE}),
        ),
        Case(
            "GeoJSON: a ring that is not closed, the other way round",
            POLYGONS,
            collection(named(geometry=polygon(ring()[:0:-1]))),
            Holds({"T": SQUARE}),
        ),
        Case(
            "GeoJSON: a triangle below pixels",
            POLYGONS,
            collection(named(geometry=polygon([list(c) for c in TRIANGLE]))),
            Holds({"T": triangle_pixels(TRIANGLE)}),
        ),
        Case(
            "GeoJSON: a plane of a stack",
            POLYGONS,
            collection(named(geometry=polygon(plane={"c": -1, "z": 2, "t": 0}))),
            Holds({"T": on_plane(2, SQUARE, 4)}, shape=(4, *SHAPE)),
        ),
        Case(
            "GeoJSON: a smaller one lies on top",
            POLYGONS,
            collection(named("in", polygon(ring(10, 10, 5))), named("out")),
            Holds(
                {"in": area((10, 10, 15, 15)), "out": SQUARE & ~area((10, 10, 15, 15))},
                ["1 of 2 regions overlaps a larger one"],
            ),
        ),
        Case(
            "GeoJSON: numbers of objects of one file and others without",
            POLYGONS,
            collection(
                named(metadata={"object": "1"}),
                named("T", polygon(ring(40, 40))),
                named("T", polygon(ring(60, 5, 10))),
            ),
            Holds({"T": SQUARE | OTHER | area((60, 5, 70, 15))}, objects=3),
        ),
        Case(
            "GeoJSON: no feature",
            "Files without any entry",
            collection(),
            Holds({}, ["holds no features"]),
        ),
        Case(
            "GeoJSON: half outside, wholly outside",
            "Regions beyond the image",
            collection(named(geometry=polygon(ring(-10, 5))), named("T", polygon(ring(200, 5)))),
            Holds(
                {"T": area((0, 5, 10, 25))},
                ["1 of 2 features was left out (outside", "reaches beyond the image"],
            ),
        ),
        Case(
            "GeoJSON: below a pixel",
            "Regions beyond the image",
            collection(named(), named("T", polygon(ring(40.6, 40.6, 0.3)))),
            Holds({"T": SQUARE}, ["covering no pixel"]),
        ),
        Case(
            "GeoJSON: coordinates that are µm",
            "Regions beyond the image",
            collection(
                named(geometry=polygon(ring(0.6, 0.6, 2))),
                named("T", polygon(ring(4.2, 4.2, 2))),
            ),
            Holds({"T": area((1, 1, 3, 3), (4, 4, 6, 6))}, ["in µm"]),
        ),
    ]
    odd: list[tuple[str, Any, str]] = [
        ("a point", named("P", {"type": "Point", "coordinates": [1, 1]}), "no area: Point"),
        ("a line", named("P", {"type": "LineString", "coordinates": [[1, 1], [2, 2]]}), "no area"),
        ("null in the list", None, "no feature"),
        ("a text in the list", "x", "no feature"),
        ("no geometry key", {"type": "Feature", "properties": {}}, "no area"),
        ("a geometry of null", {"type": "Feature", "geometry": None}, "no area"),
        ("coordinates of null", named("P", polygon() | {"coordinates": None}), "no list"),
        ("numbers alone", named("P", polygon() | {"coordinates": [1, 2, 3, 4]}), "no list"),
        ("text among the numbers", named("P", polygon([[0, 0], [1, "x"], [1, 1]])), "no pairs"),
        ("not a number", named("P", polygon([[0, 0], [float("nan"), 9], [9, 9]])), "no number"),
        ("far outside of everything", named("P", polygon([[0, 0], [1e300, 0], [1, 1]])), "far"),
        ("two corners", named("P", polygon([[0, 0], [9, 9]])), "fewer than three corners"),
        ("an empty ring", named("P", polygon([])), "fewer than three corners"),
        ("another time point", named("P", polygon(plane={"t": 3})), "time point 4"),
        ("a plane that is not there", named("P", polygon(plane={"z": 3})), "on plane 4"),
    ]
    cases += [
        Case(
            f"GeoJSON: {name} beside a polygon",
            ODD_FEATURES,
            collection(named(), one),
            Holds({"T": SQUARE}, [why]),
        )
        for name, one, why in odd
    ]
    cases += [
        Case(f"GeoJSON: {name} alone", ODD_FEATURES, collection(one), Refused(why))
        for name, one, why in odd
        if isinstance(one, dict) and "geometry" in one
    ]
    harmless: list[tuple[str, dict[str, Any]]] = [
        ("NaN among the measurements", {"measurements": {"Solidity": float("nan")}}),
        ("an object that is no number", {"metadata": {"object": "yes", "label value": "high"}}),
        ("metadata that is a list", {"metadata": [1]}),
    ]
    cases += [
        Case(
            f"GeoJSON: {name}",
            ODD_FEATURES,
            collection(named(), named("T", polygon(ring(40, 40)), **said)),
            Holds({"T": SQUARE | OTHER}, objects=2),
        )
        for name, said in harmless
    ]
    for plane in ([0, 0, 0], {"z": None}, None, 5):
        cases.append(
            Case(
                f"GeoJSON: the plane {plane}",
                ODD_FEATURES,
                collection(named(geometry=polygon(plane=plane))),
                Holds({"T": SQUARE}),
            )
        )
    cases.append(
        Case(
            "GeoJSON: rings that are not in a list",
            ODD_FEATURES,
            collection(named(geometry=polygon() | {"coordinates": ring()})),
            Holds({"T": SQUARE}),
        )
    )
    return cases + geojson_class_cases() + packed_cases(named(), other)


def geojson_class_cases() -> list[Case]:
    told: list[tuple[str, dict[str, Any], str, list[str]]] = [
        ("as text", {"classification": "Tumor"}, "Tumor", []),
        ("as a list", {"classification": ["Tumor", "Positive"]}, "Tumor: Positive", []),
        ("as a number", {"classification": {"name": 3}}, "3", []),
        ("as names", {"classification": {"names": ["Tumor", "Positive"]}}, "Tumor: Positive", []),
        ("with two colours", {"classification": {"name": "Tumor", "color": [1, 2]}}, "Tumor", []),
        ("with a colour of text", {"classification": {"name": "T", "color": "#112233"}}, "T", []),
        ("as null", {"classification": None}, "unclassified", ["says no class"]),
        ("as an empty text", {"classification": {"name": " "}}, "unclassified", ["says no class"]),
        ("in label", {"label": "Stroma"}, "Stroma", ["from the property 'label'"]),
        ("in cell_type", {"cell_type": "T cell"}, "T cell", ["property 'cell_type'"]),
        ("in Class Name", {"Class Name": "x"}, "x", ["property 'Class Name'"]),
        ("in no property", {"area": 5, "label": 7}, "unclassified", ["says no class"]),
    ]
    cases = [
        Case(
            f"GeoJSON: the class {name}",
            CLASS_NAMES,
            collection(feature(**said)),
            Holds({expected: SQUARE}, notes),
        )
        for name, said, expected, notes in told
    ]
    cases += [
        Case(
            "GeoJSON: two names that differ in case are two classes",
            CLASS_NAMES,
            collection(named("cell"), named("Cell", polygon(ring(40, 40)))),
            Holds({"cell": SQUARE, "Cell": OTHER}),
        ),
        Case(
            "GeoJSON: the exact name of the table goes before another case",
            CLASS_NAMES,
            collection(named("Cell"), named("cell", polygon(ring(40, 40)))),
            Holds(
                {"cell": OTHER, "Cell": SQUARE},
                classes=(LabelClass(1, "cell", "#000000"),),
            ),
        ),
        Case(
            "GeoJSON: composed and decomposed letters are one name",
            CLASS_NAMES,
            collection(named("é"), named("e\u0301", polygon(ring(40, 40)))),
            Holds({unicodedata.normalize("NFC", "é"): SQUARE | OTHER}),
        ),
        Case(
            "GeoJSON: a name like a formula",
            CLASS_NAMES,
            collection(named('=HYPERLINK("x")')),
            Holds({'\'=HYPERLINK("x")': SQUARE}),
        ),
        Case(
            "GeoJSON: the nucleus of a cell",
            CLASS_NAMES,
            collection({**named(), "nucleusGeometry": polygon(ring(10, 10, 5))}),
            Holds({"T": SQUARE}, ["a cell whose nucleus"]),
        ),
    ]
    return cases


def packed_cases(one: dict[str, Any], other: dict[str, Any]) -> list[Case]:
    whole = {"type": "FeatureCollection", "features": [one, other]}
    both = Holds({"T": SQUARE | OTHER}, objects=2)
    text = json.dumps(whole)

    def as_gzip(folder: Path) -> Path:
        (folder / "a.geojson.gz").write_bytes(gzip.compress(text.encode()))
        return folder / "a.geojson.gz"

    def as_zip(*names: str) -> Callable[[Path], Path]:
        return zipped(more={name: text.encode() for name in names})

    return [
        Case("GeoJSON: gzipped", PACKED, as_gzip, both),
        Case("GeoJSON: zipped", PACKED, as_zip("a.geojson", "__MACOSX/._a.geojson"), both),
        Case(
            "GeoJSON: two in a zip",
            PACKED,
            as_zip("a.geojson", "b.geojson"),
            Refused("2 JSON files"),
        ),
        Case("GeoJSON: a list", PACKED, text_file("a.json", [one, other]), both),
        Case(
            "GeoJSON: without its type",
            PACKED,
            text_file("a.json", {"features": [one]}),
            Holds({"T": SQUARE}),
        ),
        Case("GeoJSON: called .json", PACKED, text_file("a.json", whole), both),
        Case("GeoJSON: one feature", PACKED, text_file("a.geojson", one), Holds({"T": SQUARE})),
        Case(
            "GeoJSON: a bare geometry",
            PACKED,
            text_file("a.geojson", polygon()),
            Holds({"unclassified": SQUARE}, ["says no class"]),
        ),
        Case(
            "GeoJSON: one feature a line",
            PACKED,
            text_file("a.geojson", json.dumps(one) + "\n" + json.dumps(other) + "\n"),
            both,
        ),
        Case(
            "GeoJSON: one feature a record",
            PACKED,
            text_file("a.geojson", f"\x1e{json.dumps(one)}\n\x1e{json.dumps(other)}\n"),
            both,
        ),
        Case(
            "GeoJSON: with a mark of order", PACKED, text_file("a.geojson", text, "utf-8-sig"), both
        ),
        Case("GeoJSON: in UTF-16", PACKED, text_file("a.geojson", text, "utf-16"), both),
        Case("GeoJSON: cut off", PACKED, text_file("a.geojson", text[:-9]), Refused("damaged")),
    ]


# COCO


def flat(left: float = 5, top: float = 5, side: float = 20) -> list[float]:
    return [part for corner in ring(left, top, side)[:-1] for part in corner]


def annotation(segmentation: Any, number: Any = 1, **more: Any) -> dict[str, Any]:
    told = {"id": number, "image_id": 1, "category_id": 1, "segmentation": segmentation}
    return {**told, **more}


def image(name: str = "a.tif", number: Any = 1, **more: Any) -> dict[str, Any]:
    return {"id": number, "file_name": name, "height": 64, "width": 80, **more}


def coco(
    *annotations: Any, images: Any = None, categories: Any = None, name: str = "a.json", **more: Any
) -> Callable[[Path], Path]:
    content = {
        "images": images or [image()],
        "categories": [{"id": 1, "name": "cell"}] if categories is None else categories,
        "annotations": list(annotations),
        **more,
    }
    return text_file(name, content)


def runs(inside: NDArray[np.bool_]) -> list[int]:
    """Run lengths down the columns, outside first; counted pixel by pixel."""
    found, last, count = [], False, 0
    for value in inside.T.ravel().tolist():
        if value != last:
            found.append(count)
            last, count = value, 0
        count += 1
    return [*found, count]


OUTLINES = "COCO polygons and run lengths, in any nesting"
ODD_ANNOTATIONS = "COCO annotations that are odd or of another image"
COCO_IDS = "COCO ids as text, sizes as text or null, categories that are odd"
COCO_IMAGES = "COCO files of several images"
CELL = {"cell": SQUARE}


def coco_cases() -> list[Case]:
    mask = {"size": [64, 80], "counts": runs(SQUARE)}
    holed = SQUARE & ~area((10, 10, 15, 15))
    good = annotation([flat()])
    pairs = [[x, y] for x, y in ring()[:-1]]
    read: list[tuple[str, Any, NDArray[np.bool_]]] = [
        ("a polygon", [flat()], SQUARE),
        ("a polygon that is not in a list", flat(), SQUARE),
        ("a polygon of pairs", [pairs], SQUARE),
        ("pairs that are not in a list", pairs, SQUARE),
        ("two polygons", [flat(), flat(40, 40)], SQUARE | OTHER),
        ("two polygons that overlap", [flat(), flat(10, 10, 5)], SQUARE),
        ("run lengths", mask, SQUARE),
        ("run lengths with a hole", {"size": [64, 80], "counts": runs(holed)}, holed),
        ("run lengths as decimals", mask | {"counts": [float(n) for n in runs(SQUARE)]}, SQUARE),
        ("run lengths in a list", [mask], SQUARE),
        ("a triangle below pixels", [[n for c in TRIANGLE for n in c]], triangle_pixels(TRIANGLE)),
    ]
    cases = [
        Case(
            f"COCO: {name}", OUTLINES, coco(annotation(outline)), Holds({"cell": inside}, objects=1)
        )
        for name, outline, inside in read
    ]
    cases += [
        Case(
            "COCO: compressed run lengths, made with pycocotools",
            OUTLINES,
            coco(
                annotation({"size": [9, 9], "counts": "m04500000`0"}),
                images=[image(height=9, width=9)],
            ),
            Holds({"cell": area((3, 2, 7, 6), shape=(9, 9))}, shape=(9, 9)),
        ),
        Case(
            "COCO: a crowd",
            OUTLINES,
            coco(annotation(mask, iscrowd=1)),
            Holds(CELL, ["is a crowd"]),
        ),
        Case(
            "COCO: no annotation", "Files without any entry", coco(), Holds({}, ["no annotations"])
        ),
        Case(
            "COCO: half outside, wholly outside",
            "Regions beyond the image",
            coco(annotation([flat(70, 50, 40)]), annotation([flat(300, 5)], 2)),
            Holds(
                {"cell": area((70, 50, 80, 64))},
                ["1 of 2 annotations was left out (outside", "reaches beyond"],
            ),
        ),
    ]
    odd: list[tuple[str, Any, str]] = [
        ("an odd count of numbers", annotation([[*flat(), 9]], 7), "x and y in turn): id 7"),
        ("text in a polygon", annotation([[1, 2, "x", 4, 5, 6]], 7), "x and y in turn): id 7"),
        ("run lengths of another size", annotation(mask | {"size": [9, 9]}, 7), "shape (9, 9)"),
        ("run lengths turned", annotation(mask | {"size": [80, 64]}, 7), "turned by 90°"),
        ("run lengths of too many pixels", annotation(mask | {"counts": [9999]}, 7), "9999 pixels"),
        ("run lengths below 0", annotation(mask | {"counts": [-5, 5125]}, 7), "pixels"),
        ("more run lengths than pixels", annotation(mask | {"counts": [1] * 9000}, 7), "9,000 run"),
        ("run lengths as null", annotation(mask | {"counts": None}, 7), "neither text nor"),
        ("compressed text that is none", annotation(mask | {"counts": "ÿ"}, 7), "compressed mask"),
        ("compressed text cut off", annotation(mask | {"counts": "P"}, 7), "compressed mask"),
        ("two points", annotation([[1, 2, 3, 4]], 7), "fewer than three corners): id 7"),
        ("an empty polygon", annotation([[]], 7), "fewer than three corners): id 7"),
        ("not a number", annotation([[5, 5, float("nan"), 5, 25, 25]], 7), "no number"),
        ("a box", annotation([], 7, bbox=[1, 2, 3, 4]), "(box without an outline): id 7"),
        ("key points", annotation(None, 7, keypoints=[1, 2, 2]), "(key points without"),
        ("no outline", annotation(None, 7), "(no outline): id 7"),
        ("no image", {"id": 7, "category_id": 1, "segmentation": [flat()]}, "of no image"),
        (
            "an unknown image",
            annotation([flat()], 7, image_id=99),
            "of no image of the file): id 7",
        ),
        ("an unknown category", annotation([flat()], 7, category_id=5), "of no category"),
        ("null", None, "number 2 of the list"),
        ("an outline of text", annotation("5,5,25,25", 7), "neither polygons"),
    ]
    cases += [
        Case(f"COCO: {name} beside a polygon", ODD_ANNOTATIONS, coco(good, one), Holds(CELL, [why]))
        for name, one, why in odd
    ]
    cases += [
        Case(
            f"COCO: {name} alone", ODD_ANNOTATIONS, coco(one), Refused("1 of 1 annotation was left")
        )
        for name, one, _ in odd[:17:3]
    ]
    for name, more in (
        ("a score of NaN", {"score": float("nan")}),
        ("an object as text", {"instance": "yes"}),
        ("a text id", {"id": "x"}),
        ("an area of null", {"area": None}),
    ):
        cases.append(
            Case(f"COCO: {name}", ODD_ANNOTATIONS, coco({**good, **more}), Holds(CELL, objects=1))
        )
    return cases + coco_id_cases(good) + coco_image_cases(good)


def coco_id_cases(good: dict[str, Any]) -> list[Case]:
    def case(name: str, make: Callable[[Path], Path], expect: Expect) -> Case:
        return Case(f"COCO: {name}", COCO_IDS, make, expect)

    def category(**said: Any) -> Callable[[Path], Path]:
        return coco({**good, "category_id": said.get("id")}, categories=[said])

    other = annotation([flat(40, 40)], 2, category_id=2)
    return [
        case("image ids as text", coco({**good, "image_id": "1"}), Holds(CELL)),
        case(
            "image ids as text on the other side",
            coco(good, images=[image(number="1")]),
            Holds(CELL),
        ),
        case("category ids as text", coco({**good, "category_id": "1"}), Holds(CELL)),
        case("category ids that are words", category(id="c", name="cell"), Holds(CELL)),
        case("category 0", category(id=0, name="cell"), Holds(CELL)),
        case("category 100000", category(id=100_000, name="cell"), Holds(CELL)),
        case("a height of null", coco(good, images=[image(height=None)]), Holds(CELL)),
        case("a size as text", coco(good, images=[image(height="64", width="80")]), Holds(CELL)),
        case(
            "a size that is turned",
            coco(good, images=[image(height=80, width=64)]),
            Refused("turned by 90°"),
        ),
        case("another size", coco(good, images=[image(height=9, width=9)]), Refused("(9, 9)")),
        case("a category without a name", category(id=3), Holds({"class 3": SQUARE})),
        case("a colour that is none", category(id=1, name="cell", color=[]), Holds(CELL)),
        case(
            "an unused category without anything",
            coco(good, categories=[{"id": 1, "name": "cell"}, {"id": 2}, {"name": "x"}, None]),
            Holds(CELL),
        ),
        case(
            "categories that are no list",
            coco(good, categories={"1": "cell"}),
            Refused("of no category"),
        ),
        case("annotations that are no list", coco(annotations={"1": good}), Refused("no list")),
        case(
            "an id of two categories",
            coco(
                good,
                other,
                categories=[
                    {"id": 1, "name": "c"},
                    {"id": 1, "name": "d"},
                    {"id": 2, "name": "cell"},
                ],
            ),
            Holds({"cell": OTHER}, ["of an id that several categories have): id 1"]),
        ),
        case("no category at all", coco(good, categories=[]), Refused("of no category")),
        case(
            "names that differ in case",
            coco(good, other, categories=[{"id": 1, "name": "Cell"}, {"id": 2, "name": "cell"}]),
            Holds({"Cell": SQUARE, "cell": OTHER}, objects=2),
        ),
    ]


def coco_image_cases(good: dict[str, Any]) -> list[Case]:
    def case(name: str, images: list[Any], expect: Expect, *more: Any) -> Case:
        elsewhere = annotation([flat(40, 40)], 9, image_id=2)
        return Case(
            f"COCO: {name}", COCO_IMAGES, coco(good, elsewhere, *more, images=images), expect
        )

    def among(*names: str) -> list[Any]:
        return [image(name, number) for number, name in enumerate(names, start=1)]

    stack = (2, *SHAPE)
    return [
        case("the image of that name", among("a.tif", "b.tif"), Holds(CELL)),
        case("in a folder", among("x/a.tif", "x/b.tif"), Holds(CELL)),
        case("in a folder of Windows", among(r"C:\x\a.tif", r"C:\x\b.tif"), Holds(CELL)),
        case(
            "the name with its folder goes first", among("x/a.tif", "a.tif"), Holds({"cell": OTHER})
        ),
        case("the same case goes first", among("A.tif", "a.tif"), Holds({"cell": OTHER})),
        case("another case", among("A.TIF", "b.tif"), Holds(CELL)),
        case("another suffix", among("a.jpg", "b.jpg"), Holds(CELL)),
        case("%20 for blanks", among("my%20a.tif", "b.tif"), Holds(CELL, image_name="my a.tif")),
        case("decomposed letters", among("e\u0301.tif", "b.tif"), Holds(CELL, image_name="é.tif")),
        case("Roboflow's name", among("a_tif.rf.0Ab12.jpg", "b_tif.rf.99.jpg"), Holds(CELL)),
        case("none of that name", among("b.tif", "c.tif"), Refused("0 of them fit a.tif")),
        case("two of that name", among("x/a.tif", "y/a.tif"), Refused("2 of them fit a.tif")),
        case(
            "several without a name", among("a.tif", "b.tif"), Refused("no name", image_name=None)
        ),
        case(
            "the planes of a stack",
            among("a_z0000.tif", "a_z0001.tif"),
            Holds({"cell": np.stack([SQUARE, OTHER])}, shape=stack),
        ),
        case(
            "the planes of a stack in another order",
            [image("a_z0001.tif", 1), image("a_z0000.tif", 2)],
            Holds({"cell": np.stack([OTHER, SQUARE])}, shape=stack),
        ),
        Case(
            "COCO: the only image has another name",
            COCO_IMAGES,
            coco(good, images=[image("b.tif")]),
            Holds(CELL, ["names the image b.tif"]),
        ),
    ]


# Masks


def labels_file(name: str, values: Any, **options: Any) -> Callable[[Path], Path]:
    """A mask as another program writes it: without unetscope's mark."""

    def make(folder: Path) -> Path:
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        if path.suffix == ".tif":
            tifffile.imwrite(path, np.asarray(values), **options)
        else:
            Image.fromarray(np.asarray(values)).save(path)
        return path

    return make


def folder_of(values: Any, *names: str) -> Callable[[Path], Path]:
    """A folder of masks; the first is the right one, the others hold something else."""

    def make(folder: Path) -> Path:
        (folder / "masks").mkdir()
        for place, name in enumerate(names):
            Image.fromarray(np.asarray(values) * (place == 0)).save(folder / "masks" / name)
        return folder / "masks"

    return make


def numbered(count: int, dtype: str = "u1", step: int = 1) -> NDArray[Any]:
    """``count`` squares of 4 pixels with the numbers 1 to ``count``, 0 around them."""
    values = np.zeros(SHAPE, dtype)
    for place in range(count):
        top, left = 2 + 6 * (place // 12), 2 + 6 * (place % 12)
        values[top : top + 4, left : left + 4] = (place + 1) * step
    return values


MASKS = "Masks of class numbers"
ZERO = "Masks of 0 and 1, 255 or 65535"
OBJECTS = "Masks whose numbers may be objects"
FOLDERS = "Folders of masks"


def mask_cases() -> list[Case]:
    two = np.where(SQUARE, 1, np.where(OTHER, 2, 0)).astype(np.uint8)
    classes = {"class 1": SQUARE, "class 2": OTHER}
    zero = Asked(
        "zero",
        {
            "background": {"background": ~SQUARE, "object": SQUARE},
            "unlabelled": {"class 1": SQUARE},
        },
    )
    high = Asked(
        "zero",
        {
            "background": {"background": ~SQUARE, "object": SQUARE},
            "unlabelled": {"class 255": SQUARE},
        },
    )
    yes = SQUARE.astype(np.uint8)

    def own(folder: Path) -> Path:
        write_labels(yes, folder / "a.tif")
        return folder / "a.tif"

    cases = [
        Case("a mask of two classes", MASKS, labels_file("a.tif", two), Holds(classes)),
        Case("a mask of two classes as PNG", MASKS, labels_file("a.png", two), Holds(classes)),
        Case("a mask of two classes as BMP", MASKS, labels_file("a.bmp", two), Holds(classes)),
        Case("a mask of decimals", MASKS, labels_file("a.tif", two.astype("f4")), Holds(classes)),
        Case("a mask of fractions", MASKS, labels_file("a.tif", two / 2), Refused("whole")),
        Case(
            "a mask of negative numbers",
            MASKS,
            labels_file("a.tif", -two.astype("i2")),
            Refused("-2"),
        ),
        Case("a blank mask", MASKS, labels_file("a.tif", two * 0), Holds({}, ["nothing but 0"])),
        *(
            Case(
                f"a mask of the grey levels {low} and {high}",
                MASKS,
                labels_file("a.png", np.where(two == 2, high, two * low).astype(np.uint8)),
                Holds(
                    {f"class {low}": two == 1, f"class {high}": two == 2},
                    [f"the values {odd} look like grey levels"],
                ),
            )
            for low, high, odd in ((127, 255, "127, 255"), (1, 255, "1, 255"))
        ),
        Case("a mask of another size", MASKS, labels_file("a.tif", two[:9]), Refused("(9, 80)")),
        Case("a mask that is turned", MASKS, labels_file("a.tif", two.T), Refused("turned by 90°")),
        Case(
            "a mask of three classes in many pieces",
            MASKS,
            labels_file("a.tif", numbered(30) % 4),
            Holds({f"class {n}": numbered(30) % 4 == n for n in (1, 2, 3)}),
        ),
        Case(
            "a mask of five classes in bands",
            MASKS,
            labels_file("a.tif", np.repeat(np.arange(6), 11)[:64, None] * np.ones(80, np.uint8)),
            Holds({f"class {n}": area((0, 11 * n, 80, min(64, 11 * n + 11))) for n in range(1, 6)}),
        ),
        Case("a mask of 0 and 1", ZERO, labels_file("a.tif", yes), zero),
        Case("a mask of 0 and 255", ZERO, labels_file("a.png", yes * 255), high),
        Case("a mask of true and false", ZERO, labels_file("a.png", SQUARE), zero),
        Case("a mask of 0 and 1 that unetscope wrote", ZERO, own, Holds({"class 1": SQUARE})),
        Case(
            "a mask of objects alone, in a folder where 0 is background",
            ZERO,
            labels_file("a.tif", np.full(SHAPE, 255, np.uint8)),
            Holds(
                {"object": area((0, 0, 80, 64))},
                ["taken as the class 1"],
                answers=Answers(zero="background"),
            ),
        ),
        Case(
            "a blank mask, in a folder where 0 is background",
            ZERO,
            labels_file("a.tif", np.zeros(SHAPE, np.uint8)),
            Holds(
                {"background": area((0, 0, 80, 64))},
                ["taken as the class 1"],
                answers=Answers(zero="background"),
            ),
        ),
        Case(
            "two classes, in a folder where 0 is background",
            ZERO,
            labels_file("a.tif", two),
            Holds(
                {"background": ~SQUARE & ~OTHER, "class 2": SQUARE, "class 3": OTHER},
                ["taken as the class 1"],
                answers=Answers(zero="background"),
            ),
        ),
    ]
    for count in (4, 25):
        cells = numbered(count)
        cases.append(
            Case(
                f"a mask of {count} numbered pieces",
                OBJECTS,
                labels_file("a.tif", cells),
                Asked(
                    "values",
                    {
                        "objects": {"object": cells > 0},
                        "classes": {f"class {n}": cells == n for n in range(1, count + 1)},
                    },
                    objects=count,
                ),
            )
        )
    many, large = numbered(60), numbered(60, "u4", 70_000)
    both = np.where(two > 0, two, 0)
    cases += [
        Case(
            "a mask of 60 numbers",
            OBJECTS,
            labels_file("a.tif", many),
            Holds({"object": many > 0}, ["up to 60 were taken as objects"], objects=60),
        ),
        Case(
            "a mask of numbers above 65535",
            OBJECTS,
            labels_file("a.tif", large),
            Holds({"object": large > 0}, ["up to 4200000 were taken"], objects=60),
        ),
        Case(
            "objects with the background told",
            OBJECTS,
            labels_file("a.tif", many),
            Holds(
                {"background": many == 0, "object": many > 0},
                ["and 0 as the class 'background'"],
                answers=Answers(zero="background"),
                objects=60,
            ),
        ),
        Case(
            "two cells that were said to be objects",
            OBJECTS,
            labels_file("a.tif", both),
            Holds(
                {"object": both > 0}, ["as objects"], answers=Answers(values="objects"), objects=2
            ),
        ),
    ]
    names = ("a_mask.png", "a_masks.png", "a-labels.png", "gt_a.png", "a.png")
    names += (
        "a_seg.png",
        "a (mask).png",
        "a_prediction.png",
        "a_Simple Segmentation.png",
        "a.tif_mask.png",
    )
    cases += [
        Case(f"a folder with {name}", FOLDERS, folder_of(two, name, "b_mask.png"), Holds(classes))
        for name in names
    ]
    return [
        *cases,
        Case(
            "a folder with A_cp_masks.png, as Cellpose calls them",
            FOLDERS,
            folder_of(two, "A_cp_masks.png", "b_mask.png"),
            Holds({"object": two > 0}, ["as objects"], objects=2),
        ),
        Case(
            "a folder with the image beside its mask",
            FOLDERS,
            folder_of(two, "a_labels.png", "a.png"),
            Holds(classes),
        ),
        Case(
            "a folder with masks of two images that differ in case",
            FOLDERS,
            folder_of(two, "a_mask.png", "A_mask.png"),
            Holds(classes),
        ),
        Case(
            "a folder with a decomposed name",
            FOLDERS,
            folder_of(two, "e\u0301_mask.png"),
            Holds(classes, image_name="é.tif"),
        ),
        Case(
            "a folder with two masks of the image",
            FOLDERS,
            folder_of(two, "a_mask.png", "a_seg.png"),
            Refused("a.tif has 2"),
        ),
        Case(
            "a folder without a mask", FOLDERS, folder_of(two, "b.png"), Refused("without a mask")
        ),
        Case(
            "a folder and no name",
            FOLDERS,
            folder_of(two, "a.png"),
            Refused("give the name", image_name=None),
        ),
    ]


# Others

FOREIGN = "JSON of LabelMe, VIA, Label Studio and others"
NO_FILE = "Pipes, other suffixes, what is not there, what is too large"


def other_cases() -> list[Case]:
    labelme = {"shapes": [], "imagePath": "a.tif", "imageHeight": 64, "imageWidth": 80}
    via = {"a.tif1234": {"filename": "a.tif", "regions": [{"shape_attributes": {}}]}}
    studio = [{"id": 1, "data": {"image": "a.tif"}, "annotations": []}]

    def pipe(folder: Path) -> Path:
        if not hasattr(os, "mkfifo"):
            pytest.skip("this system has no pipes")
        os.mkfifo(folder / "a.json")
        return folder / "a.json"

    def missing(folder: Path) -> Path:
        return folder / "a.json"

    def bomb(folder: Path) -> Path:
        with zipfile.ZipFile(folder / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a.roi", bytes(65 * 2**20))
        return folder / "a.zip"

    def nested(folder: Path) -> Path:
        write_micrograph(Micrograph(grey(), "yx"), folder / "a.zarr")
        write_annotations(as_annotations(SQUARE.astype(np.uint8)), folder / "a.zarr")
        return folder / "a.zarr"

    return [
        Case("LabelMe", FOREIGN, text_file("a.json", labelme), Refused("JSON of LabelMe")),
        Case("VIA", FOREIGN, text_file("a.json", via), Refused("VGG Image Annotator")),
        Case("VIA 2", FOREIGN, text_file("a.json", {"_via_img_metadata": via}), Refused("VGG")),
        Case("Label Studio", FOREIGN, text_file("a.json", studio), Refused("Label Studio")),
        Case(
            "a project of QuPath",
            FOREIGN,
            text_file("a.json", {"version": "0.5"}),
            Refused("neither"),
        ),
        Case("a number", FOREIGN, text_file("a.json", 5), Refused("neither")),
        Case("CVAT's XML", NO_FILE, text_file("a.xml", "<annotations/>"), Refused("suffix")),
        Case("an empty file", NO_FILE, text_file("a.json", ""), Refused("empty")),
        Case("no file", NO_FILE, missing, Refused("not there")),
        Case("a pipe", NO_FILE, pipe, Refused("no ordinary file")),
        Case("a bomb", NO_FILE, bomb, Refused("claims more than 64 MiB")),
        Case(
            "labels in an OME-Zarr image",
            "Labels of an OME-Zarr",
            nested,
            Holds({"class 1": SQUARE}),
        ),
    ]


def all_cases() -> list[Case]:
    """Every case of this file."""
    return [
        *imagej_cases(),
        *geojson_cases(),
        *coco_cases(),
        *mask_cases(),
        *other_cases(),
    ]
