"""``unetscope agree``: found objects against true ones, a file or a folder of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import typer
from numpy.typing import NDArray

from unetscope.cli.forms import Agree
from unetscope.cli.lengths import told_extent, told_spacing
from unetscope.cli.reading import (
    class_called,
    holds_pixels,
    is_background,
    labels_at,
    pixels_of,
)
from unetscope.cli.terminal import Interview, named, say_error, say_notes
from unetscope.errors import MeasurementError, UnetscopeError
from unetscope.images.annotations.mask_names import MASK_SUFFIXES, match_masks
from unetscope.images.annotations.values import Annotations
from unetscope.images.claims import Claim, Role
from unetscope.images.zarr_folder import is_zarr
from unetscope.measuring.agreement import (
    Compared,
    agreement,
    mean_quantities,
    reported_numbers,
)
from unetscope.measuring.objects import Separation, objects_of
from unetscope.measuring.populations import EDGE_WORDS, EdgeRule
from unetscope.measuring.quantities import Spacing, spacing_of
from unetscope.measuring.table_files import write_agreement


def run(form: Agree) -> Iterator[str | Path]:
    """Compare; yields what is told of all pairs, and the table when it is written."""
    if form.edge not in EDGE_WORDS:
        raise MeasurementError(f"--edge is weight, drop or keep, not {form.edge!r}")
    pairs = _pairs(form.truth, form.found)
    claim = Claim(Role.REPORT, (form.truth, form.found, *pairs, *pairs.values()), form.overwrite)
    if form.csv is not None:
        claim.check(form.csv)
    judge = _Judge(form, form.asker())
    done, failed = [], _without_partner(form, pairs)
    for truth, found in pairs.items():
        try:
            done.append(judge.compared(truth, found))
        except (UnetscopeError, OSError) as error:
            if len(pairs) == 1:
                raise
            failed += 1
            say_error(named(truth, error))
    if done:
        yield from map(str, mean_quantities(done))
    if done and form.csv is not None:
        write_agreement(done, form.csv, claim)
        yield form.csv
    if failed:
        say_error(f"{failed} files were not compared, as said above.")
        raise typer.Exit(1)


def _pairs(truth: Path, found: Path) -> dict[Path, Path]:
    """Which file of found objects belongs to which of true ones."""
    folders = [path.is_dir() and not is_zarr(path) for path in (truth, found)]
    if folders == [False, False]:
        return {truth: found}
    if folders != [True, True]:
        raise MeasurementError(
            f"{truth} and {found} are a folder and a file; give two files or two folders"
        )
    pairs = dict(match_masks(_masks_in(truth), found).pairs)
    if not pairs:
        raise MeasurementError(
            f"no file in {found} is called like one in {truth}; words such as _labels or _mask "
            "do not count, all others do"
        )
    return pairs


def _masks_in(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in MASK_SUFFIXES and not path.name.startswith(".")
    )


def _without_partner(form: Agree, pairs: Mapping[Path, Path]) -> int:
    """Name the true files that nothing was found for; how many there are."""
    if form.truth in pairs:
        return 0
    alone = [path for path in _masks_in(form.truth) if path not in pairs]
    for path in alone:
        say_error(f"{path} has no partner, or more than one, in {form.found}")
    return len(alone)


@dataclass(frozen=True)
class _Judge:
    """Compares pairs of files as the form says."""

    form: Agree
    asker: Interview

    def compared(self, truth: Path, found: Path) -> Compared:
        """One pair of files."""
        sized = truth if holds_pixels(truth) else found
        shown = self.asker.read(partial(pixels_of, sized))
        axes = len(shown.spatial_shape)
        spacing = spacing_of(shown.pixel_size, shown.unit, axes)
        if self.form.pixel_size is not None:
            spacing = told_spacing(self.form.pixel_size, axes)
        sides = []
        for path, least in ((truth, 0.0), (found, self._least(spacing))):
            read = self.asker.read(partial(labels_at, path, shown, sized.name, ()))
            say_notes(path.name, read.notes)
            sides.append(self._numbers(read, spacing, least))
        edge: EdgeRule = self.form.edge  # type: ignore[assignment]
        numbers = reported_numbers(sides[0], sides[1], spacing, edge)
        return Compared(truth.name, agreement(sides[0], sides[1]), numbers)

    def _least(self, spacing: Spacing) -> float | None:
        return told_extent(self.form.smallest, "--smallest", spacing)

    def _numbers(self, read: Annotations, spacing: Spacing, least: float | None) -> NDArray[Any]:
        """The number of the object at each pixel, of the classes that are compared."""
        values = self._values(read)
        if read.instances is not None:
            return np.where(np.isin(read.labels, values), read.instances, 0)
        return objects_of(read.labels, spacing, Separation(classes=values, smallest=least)).ids

    def _values(self, read: Annotations) -> tuple[int, ...]:
        """Those told; all but the background where nobody tells, or where all is of one class."""
        objects_alone = read.instances is not None and len(read.classes) == 1
        if self.form.of_class and not objects_alone:
            return tuple(class_called(told, read.classes).value for told in self.form.of_class)
        return tuple(one.value for one in read.classes if not is_background(one))
