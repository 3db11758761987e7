"""``unetscope measure``: objects of label images as a table, with the numbers of all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from functools import partial
from pathlib import Path

import numpy as np
import typer
from numpy.typing import NDArray

from unetscope import __version__
from unetscope.cli.forms import Measure
from unetscope.cli.label_files import NOT_OPTIONS, FilesToMeasure, LabelFile, work_of
from unetscope.cli.lengths import told_extent, told_length, told_region, told_spacing
from unetscope.cli.reading import (
    class_called,
    holds_pixels,
    image_at,
    is_background,
    labels_at,
    pixels_of,
)
from unetscope.cli.terminal import Interview, named, say_error, say_notes
from unetscope.errors import MeasurementError, UnetscopeError
from unetscope.images.annotations.values import Annotations
from unetscope.images.claims import Claim, Role, checked_targets, mark_of
from unetscope.images.classes import LabelClass
from unetscope.images.files import read_micrograph
from unetscope.images.micrograph import Micrograph
from unetscope.measuring.alternatives import Alternatives, alternatives_of, certainty_lines
from unetscope.measuring.delivery import write_results
from unetscope.measuring.hand_records import Records, corrections_told
from unetscope.measuring.measurements import Measurements
from unetscope.measuring.object_files import write_objects
from unetscope.measuring.objects import Objects, Separation
from unetscope.measuring.one_image import SegmentedImage, Wanted, measure_image, objects_in
from unetscope.measuring.origin import FileSeen, ImageOrigin, Origin, file_seen
from unetscope.measuring.populations import EDGE_WORDS
from unetscope.measuring.portrait import Portrait, portrait_of
from unetscope.measuring.quantities import PIXELS, Spacing, spacing_of
from unetscope.measuring.redoing import redone
from unetscope.measuring.result_targets import Formats, Targets, options_of, told_formats
from unetscope.measuring.summary import Measured, Procedure


def run(form: Measure) -> Iterator[Path]:
    """Measure; yields each file when it is written."""
    _checked(form)
    work = None
    for told in work_of(form):
        if isinstance(told, Path):
            yield told  # a prediction
        else:
            work = told
    assert work is not None
    if not work.files:
        raise MeasurementError("there is no file to measure, as said above")
    bench = _Bench(work, _targets(work), work.form.asker())
    bench.check()
    yield from bench.measured_all()
    if bench.done:
        yield from bench.results()
    if failed := work.failed + bench.failed:
        count = len(work.files) + work.failed
        say_error(f"{failed} of {count} files were not measured, as said above.")
        raise typer.Exit(1)


def _checked(form: Measure) -> None:
    if form.edge not in EDGE_WORDS:
        raise MeasurementError(f"--edge is weight, drop or keep, not {form.edge!r}")
    _formats(form).check_libraries()


def _formats(form: Measure) -> Formats:
    asked = (form.table, form.objects, form.figure, form.report)
    return Formats(*map(told_formats, asked))


def _targets(work: FilesToMeasure) -> Targets:
    assert work.form.out is not None
    out = work.form.out
    if out.suffix.lower() in (".xlsx", ".parquet"):
        raise MeasurementError(
            f"--out names the CSV table, {out.with_suffix('.csv').name}; ask for others besides "
            f"with --table {out.suffix.lower()[1:]}"
        )
    return Targets(out, _formats(work.form), tuple(file.name for file in work.files))


@dataclass
class _Bench:
    """What was measured so far, in the unit of the first image."""

    work: FilesToMeasure
    targets: Targets
    asker: Interview
    done: list[Measured] = field(default_factory=list)
    by_hand: list[tuple[Records, int]] = field(default_factory=list)
    origins: list[ImageOrigin] = field(default_factory=list)
    names: dict[int, str] = field(default_factory=dict)
    colors: dict[int, str] = field(default_factory=dict)
    portraits: dict[int, Portrait] = field(default_factory=dict)
    others: list[Alternatives] = field(default_factory=list)
    procedure: Procedure | None = None
    failed: int = 0

    @property
    def form(self) -> Measure:
        """What is asked for."""
        return self.work.form

    @property
    def claim(self) -> Claim:
        """What results are, and what they are made of."""
        read = [path for one in self.work.files for path in (one.labels, one.picture)]
        inputs = tuple(path for path in read if path is not None)
        return Claim(Role.REPORT, inputs, self.form.overwrite)

    def check(self) -> None:
        """Refuse before any work what cannot be written."""
        checked_targets(self.claim, self.targets.everything())

    def measured_all(self) -> Iterator[Path]:
        """Measure one after the other; yields the files of objects."""
        for number, file in enumerate(self.work.files):
            try:
                yield from self._one(number, file)
            except (UnetscopeError, OSError) as error:
                if len(self.work.files) == 1:
                    raise
                self.failed += 1
                say_error(named(file.labels, error))

    def results(self) -> Iterator[Path]:
        """Write what is told of all images."""
        assert self.procedure is not None
        names = dict(sorted(self.names.items()))
        by_hand = corrections_told(self.by_hand)
        found = Measurements(tuple(self.done), names, self.procedure, by_hand, self.colors)
        if self.others:
            edge = self.procedure.edge
            lines = certainty_lines(names, found.quantities, self.others, edge)
            found = replace(found, certainty=(*by_hand, *lines))
        told = {one.name: getattr(self.form, one.name) for one in fields(self.form)}
        answers = asdict(self.asker.answers)
        options = options_of(told | answers, NOT_OPTIONS)
        origin = Origin(tuple(self.origins), options, self.procedure.versions())
        yield from write_results(found, self.targets, origin, self.claim, self.portraits)

    def _one(self, number: int, file: LabelFile) -> Iterator[Path]:
        path, picture, name = file.labels, file.picture, file.name
        image = None if picture is None else self.asker.read(partial(image_at, picture))
        shown = self.asker.read(partial(pixels_of, path)) if image is None else image
        reader = partial(labels_at, path, shown, (picture or path).name, file.classes)
        read = self.asker.read(reader)
        say_notes(name, read.notes)
        spacing = self._spacing(self._sized(shown, path))
        classes = self._classes(read.classes, name)
        self._check_names(classes)
        wanted = Wanted(
            tuple(one.value for one in classes),
            self._separation(spacing, read),
            self.form.edge,  # type: ignore[arg-type]
            self.form.grain_size,
            self.form.fibre_width,
        )
        region = told_region(self.form.region, read.labels.shape)
        segmented = SegmentedImage(
            name, read.labels, spacing, read.instances, image, region, file.group
        )
        objects = redone(objects_in(segmented, wanted), file.edits)
        measured = measure_image(segmented, wanted, objects)
        yield from self._objects(number, objects, measured, classes)
        if self.form.certainty:
            probable = self._probabilities(file, shown)
            self.others.append(
                alternatives_of(segmented, wanted, objects, measured.table, probable)
            )
        if self.targets.formats.with_pictures:
            self.portraits[number] = portrait_of(name, objects, measured.table, image)
        self.done.append(measured)
        self.by_hand.append((file.edits, len(measured.table)))
        self.origins.append(self._origin(file, spacing))
        self.names |= {one.value: one.name for one in classes}
        self.colors |= {one.value: one.color for one in classes}
        self.procedure = Procedure(objects.how, wanted.edge, __version__, self._models())

    def _models(self) -> tuple[str, ...]:
        """The names of the models that predicted labels, each once."""
        named = (str(file.model.get("file", "")) for file in self.work.files)
        return tuple(dict.fromkeys(name for name in named if name))

    def _objects(
        self, number: int, objects: Objects, measured: Measured, classes: Sequence[LabelClass]
    ) -> Iterator[Path]:
        for target in self.targets.objects(number):
            write_objects(objects, measured.table, classes, target, self.claim)
            yield target

    def _origin(self, file: LabelFile, spacing: Spacing) -> ImageOrigin:
        folder = self.targets.origin.parent
        whence = "told" if self.form.pixel_size is not None else "file"
        return ImageOrigin(
            file.name,
            file_seen(file.labels, folder),
            None if file.picture is None else file_seen(file.picture, folder),
            file.classes,
            "nobody" if spacing.unit == PIXELS else whence,
            file.group,
            file.model,
            file.edits,
            self._seen_probabilities(file),
        )

    def _seen_probabilities(self, file: LabelFile) -> FileSeen | None:
        path = _probabilities_of(file.labels)
        if not self.form.certainty or path is None:
            return None
        return file_seen(path, self.targets.origin.parent)

    def _probabilities(self, file: LabelFile, shown: Micrograph) -> NDArray[np.float32] | None:
        """(value, …) of each class, 0 first, from the file beside the labels; None without one."""
        path = _probabilities_of(file.labels)
        if path is None:
            return None
        read = read_micrograph(path)
        planes = np.stack([read.plane(z) for z in range(read.depth)], 1)
        channels = planes if len(shown.spatial_shape) == 3 else planes[:, 0]
        values = [one.value for one in file.classes] or list(range(1, len(channels) + 1))
        by_value = np.zeros((max(values) + 1, *channels.shape[1:]), np.float32)
        by_value[values] = channels
        return by_value

    def _check_names(self, classes: Sequence[LabelClass]) -> None:
        """Refuse a class that is called otherwise than in the files before."""
        for one in classes:
            before = self.names.get(one.value, one.name)
            if before != one.name:
                raise MeasurementError(
                    f"class {one.value} is {one.name!r} here and {before!r} in the files before; "
                    "measure them apart, or name classes alike"
                )

    def _sized(self, shown: Micrograph, path: Path) -> Micrograph:
        """The image, or its labels where they alone say how large a pixel is."""
        if shown.pixel_size is not None or not holds_pixels(path):
            return shown
        return self.asker.read(partial(pixels_of, path))

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


def _probabilities_of(labels: Path) -> Path | None:
    """The probabilities that unetscope wrote beside predicted labels."""
    if not labels.name.endswith("_labels.tif"):
        return None
    path = labels.with_name(labels.name.replace("_labels.tif", "_probabilities.tif"))
    return path if path.exists() and mark_of(path) is Role.PROBABILITIES else None
