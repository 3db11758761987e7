"""``unetscope measure``: objects of label images as a table, with the numbers of all of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import typer
from numpy.typing import NDArray

from unetscope import __version__
from unetscope.cli.forms import Measure
from unetscope.cli.reading import image_at, labels_at
from unetscope.cli.terminal import Interview, named, say_error, say_notes
from unetscope.errors import MeasurementError, UnetscopeError
from unetscope.images.annotations.values import Annotations
from unetscope.images.claims import Claim, Role, checked_targets
from unetscope.images.classes import LabelClass, default_class
from unetscope.images.files import read_micrograph
from unetscope.images.micrograph import Micrograph
from unetscope.images.questions import Answers
from unetscope.images.units import METRES, normalise_unit, unit_factor
from unetscope.images.zarr_folder import name_of
from unetscope.measuring.objects import Separation
from unetscope.measuring.one_image import SegmentedImage, Wanted, measure_image, objects_in
from unetscope.measuring.populations import EDGE_WORDS
from unetscope.measuring.quantities import PIXELS, Spacing, spacing_of
from unetscope.measuring.summary import (
    Measured,
    Procedure,
    class_quantities,
    methods_paragraph,
)
from unetscope.measuring.table_files import write_methods, write_summary, write_table

_OUTLINES = (".zip", ".roi", ".json", ".geojson")
_BACKGROUND = "background"
_NUMBER = r"\d+(?:\.\d*)?(?:e[+-]?\d+)?"


def run(form: Measure) -> Iterator[Path]:
    """Measure; yields the table, the summary and the paragraph when they are written."""
    if form.edge not in EDGE_WORDS:
        raise MeasurementError(f"--edge is weight, drop or keep, not {form.edge!r}")
    pictures: list[Path | None] = []
    pictures += form.image or [None for _ in form.labels]
    if len(pictures) != len(form.labels):
        raise MeasurementError(
            f"there are {len(form.labels)} label files and {len(pictures)} images; give --image "
            "once for each, in the same order"
        )
    read = tuple(path for path in (*form.labels, *pictures) if path is not None)
    claim = Claim(Role.REPORT, read, form.overwrite)
    stem = form.out.with_suffix("")
    targets = (
        form.out,
        stem.with_name(f"{stem.name}_summary.json"),
        stem.with_name(f"{stem.name}_methods.txt"),
    )
    checked_targets(claim, targets)
    bench = _Bench(form, form.asker())
    failed = bench.measure_all(list(zip(form.labels, pictures, strict=True)))
    if bench.done:
        yield from bench.write(targets, claim)
    if failed:
        say_error(f"{failed} of {len(form.labels)} files were not measured, as said above.")
        raise typer.Exit(1)


@dataclass
class _Bench:
    """What was measured so far, in the unit of the first image."""

    form: Measure
    asker: Interview
    done: list[Measured] = field(default_factory=list)
    names: dict[int, str] = field(default_factory=dict)
    procedure: Procedure | None = None

    def measure_all(self, files: Sequence[tuple[Path, Path | None]]) -> int:
        """Measure one after the other; how many could not be."""
        failed = 0
        several = {name_of(path) for path, _ in files}
        for path, picture in files:
            name = name_of(path) if len(several) == len(files) else str(path)
            try:
                self._one(path, picture, name)
            except (UnetscopeError, OSError) as error:
                if len(files) == 1:
                    raise
                failed += 1
                say_error(named(path, error))
        return failed

    def write(self, targets: tuple[Path, Path, Path], claim: Claim) -> Iterator[Path]:
        """Write table, summary and paragraph."""
        assert self.procedure is not None
        table, summary, methods = targets
        write_table(self.done, self.names, table, claim)
        yield table
        quantities = {
            name: class_quantities(self.done, value, name, self.procedure.edge)
            for value, name in sorted(self.names.items())
        }
        write_summary(self.done, quantities, self.procedure, summary, claim)
        yield summary
        text = methods_paragraph(self.done, quantities, self.procedure)
        write_methods(text, methods, claim)
        yield methods

    def _one(self, path: Path, picture: Path | None, name: str) -> None:
        image = None if picture is None else self.asker.read(partial(image_at, picture))
        shown = self.asker.read(partial(_pixels_of, path)) if image is None else image
        read = self.asker.read(partial(labels_at, path, shown, (picture or path).name, ()))
        say_notes(name, read.notes)
        spacing = self._spacing(shown)
        classes = self._classes(read.classes, name)
        names = {one.value: one.name for one in classes}
        other = {v: n for v, n in names.items() if self.names.get(v, n) != n}
        if other:
            value, theirs = next(iter(other.items()))
            raise MeasurementError(
                f"class {value} is {theirs!r} here and {self.names[value]!r} in the files before; "
                "measure them apart, or name classes alike"
            )
        wanted = Wanted(
            tuple(names),
            self._separation(spacing, read),
            self.form.edge,  # type: ignore[arg-type]
            self.form.grain_size,
            self.form.fibre_width,
        )
        region = _region(self.form.region, read.labels.shape)
        segmented = SegmentedImage(name, read.labels, spacing, read.instances, image, region)
        objects = objects_in(segmented, wanted)
        self.done.append(measure_image(segmented, wanted, objects))
        self.names |= names
        self.procedure = Procedure(objects.how, wanted.edge, __version__)

    def _spacing(self, shown: Micrograph) -> Spacing:
        axes = len(shown.spatial_shape)
        if self.form.pixel_size is not None:
            spacing = told_spacing(self.form.pixel_size, axes)
        else:
            spacing = spacing_of(shown.pixel_size, shown.unit, axes)
        return spacing.within(self.done[0].table.spacing.unit) if self.done else spacing

    def _classes(self, classes: Sequence[LabelClass], name: str) -> list[LabelClass]:
        """Those that are measured: told by name or number, else all but background and border."""
        wanted = self.form.of_class
        if wanted:
            return [self._class_of(told, classes) for told in wanted]
        border = self._border(classes)
        left_out = [c for c in classes if c.name.casefold() == _BACKGROUND]
        if left_out:
            say_notes(name, ["the class background is not measured; give --class to measure it"])
        return [c for c in classes if c.value != border and c not in left_out]

    def _border(self, classes: Sequence[LabelClass]) -> int | None:
        told = self.form.border_class
        return None if told is None else self._class_of(told, classes).value

    def _class_of(self, told: str, classes: Sequence[LabelClass]) -> LabelClass:
        """The class of a name or number, of this file or one before; a number may be of none."""
        before = [LabelClass(value, name, "") for value, name in self.names.items()]
        for one in (*classes, *before):
            if told == str(one.value) or told.casefold() == one.name.casefold():
                return one
        if told.isdecimal() and int(told) > 0:
            return default_class(int(told))
        there = ", ".join(f"{one.value}={one.name}" for one in classes) or "none"
        raise MeasurementError(f"there is no class {told!r}; the labels have {there}")

    def _separation(self, spacing: Spacing, read: Annotations) -> Separation:
        """How objects are found in pixels of classes."""
        border = self._border(read.classes)
        by = "border" if border is not None and self.form.apart == "components" else self.form.apart
        typical = self.form.typical
        return Separation(
            by=by,  # type: ignore[arg-type]
            typical=None if typical is None else told_length(typical, "--typical", spacing),
            border=border,
            smallest=_extent(self.form.smallest, "--smallest", spacing),
            holes=_extent(self.form.fill_holes, "--fill-holes", spacing) or 0.0,
        )


def _pixels_of(path: Path, answers: Answers) -> Micrograph:
    """The label image itself, for its shape and the size of its pixels."""
    if path.suffix.lower() in _OUTLINES:
        raise MeasurementError(
            f"{path} holds outlines and no pixels; give the image that they lie on with --image"
        )
    return read_micrograph(path, answers=answers)


def told_spacing(text: str, axes: int) -> Spacing:
    """A pixel size as it is typed: 4nm, or 90x4x4nm along z, y and x.

    Raises
    ------
    MeasurementError
        If it is none, or for other axes.
    """
    found = re.fullmatch(rf"\s*({_NUMBER}(?:\s*x\s*{_NUMBER})*)\s*(\D\S*)\s*", text)
    unit = normalise_unit(found[2]) if found else None
    if found is None or unit not in METRES:
        raise MeasurementError(
            f"the pixel size {text!r} is not understood; write 4nm, or 90x4x4nm for z, y and x"
        )
    sizes = tuple(float(part) for part in found[1].split("x"))
    if len(sizes) not in (1, axes):
        raise MeasurementError(
            f"the pixel size {text!r} has {len(sizes)} lengths for {axes} axes; give one, or one "
            "for each axis"
        )
    return Spacing(sizes * axes if len(sizes) == 1 else sizes, unit)


def told_length(text: str, option: str, spacing: Spacing) -> float:
    """A length as it is typed (620nm, 24px, or in the unit of the image), in that unit.

    Raises
    ------
    MeasurementError
        If it is none, or in a unit that the image has not.
    """
    found = re.fullmatch(rf"\s*({_NUMBER})\s*(\D\S*)?\s*", text)
    if found is None:
        raise MeasurementError(f"{option} {text!r} is no length; write 620nm or 24px")
    value, unit = float(found[1]), found[2]
    if unit is None:
        return value
    if unit.strip() == PIXELS:
        return value * min(spacing.size)
    factor = unit_factor(unit, spacing.unit)
    if factor is None:
        raise MeasurementError(
            f"{option} {text!r} cannot be told in {spacing.unit}; "
            "give it in px, or the pixel size with --pixel-size"
        )
    return value * factor


def _extent(text: str | None, option: str, spacing: Spacing) -> float | None:
    """The area (volume) of a disk (ball) of a diameter as it is typed."""
    if text is None:
        return None
    diameter = told_length(text, option, spacing)
    return np.pi / 4 * diameter**2 if len(spacing.size) == 2 else np.pi / 6 * diameter**3


def _region(text: str | None, shape: tuple[int, ...]) -> NDArray[np.bool_] | None:
    """A box as it is typed, rows and columns in pixels: 0:1880,0:2048."""
    if text is None:
        return None
    found = re.fullmatch(r"\s*(\d*):(\d*)\s*,\s*(\d*):(\d*)\s*", text)
    if found is None:
        raise MeasurementError(
            f"--region {text!r} is no box; write rows and columns, as 0:1880,0:2048"
        )
    ends = [int(end) if end else None for end in found.groups()]
    box = (..., slice(ends[0], ends[1]), slice(ends[2], ends[3]))
    region = np.zeros(shape, bool)
    region[box] = True
    if not region.any():
        raise MeasurementError(f"--region {text!r} holds no pixel of {shape[-2]} x {shape[-1]}")
    return region
