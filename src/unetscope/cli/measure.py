"""``unetscope measure``: objects of label images as a table, with the numbers of all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import typer

from unetscope import __version__
from unetscope.cli.forms import Measure
from unetscope.cli.lengths import told_extent, told_length, told_region, told_spacing
from unetscope.cli.reading import class_called, image_at, is_background, labels_at, pixels_of
from unetscope.cli.terminal import Interview, named, say_error, say_notes
from unetscope.errors import MeasurementError, UnetscopeError
from unetscope.images.annotations.values import Annotations
from unetscope.images.claims import Claim, Role, checked_targets
from unetscope.images.classes import LabelClass
from unetscope.images.micrograph import Micrograph
from unetscope.images.zarr_folder import name_of
from unetscope.measuring.objects import Separation
from unetscope.measuring.one_image import SegmentedImage, Wanted, measure_image, objects_in
from unetscope.measuring.populations import EDGE_WORDS
from unetscope.measuring.quantities import Spacing, spacing_of
from unetscope.measuring.summary import (
    Measured,
    Procedure,
    class_quantities,
    methods_paragraph,
)
from unetscope.measuring.table_files import write_methods, write_summary, write_table


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
        shown = self.asker.read(partial(pixels_of, path)) if image is None else image
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
        region = told_region(self.form.region, read.labels.shape)
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
        left_out = [c for c in classes if is_background(c)]
        if left_out:
            say_notes(name, ["the class background is not measured; give --class to measure it"])
        return [c for c in classes if c.value != border and c not in left_out]

    def _border(self, classes: Sequence[LabelClass]) -> int | None:
        told = self.form.border_class
        return None if told is None else self._class_of(told, classes).value

    def _class_of(self, told: str, classes: Sequence[LabelClass]) -> LabelClass:
        """The class of a name or number, of this file or one before."""
        before = [LabelClass(value, name, "") for value, name in self.names.items()]
        return class_called(told, (*classes, *before))

    def _separation(self, spacing: Spacing, read: Annotations) -> Separation:
        """How objects are found in pixels of classes."""
        border = self._border(read.classes)
        by = "border" if border is not None and self.form.apart == "components" else self.form.apart
        typical = self.form.typical
        return Separation(
            by=by,  # type: ignore[arg-type]
            typical=None if typical is None else told_length(typical, "--typical", spacing),
            border=border,
            smallest=told_extent(self.form.smallest, "--smallest", spacing),
            holes=told_extent(self.form.fill_holes, "--fill-holes", spacing) or 0.0,
        )
