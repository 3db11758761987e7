"""The files of ``unetscope measure``: given, in folders, predicted, or told by an origin."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

from unetscope.cli.forms import Measure
from unetscope.cli.terminal import say_error, say_notes
from unetscope.errors import MeasurementError
from unetscope.images.annotations.mask_names import (
    MASK_SUFFIXES,
    looks_like_labels,
    match_masks,
)
from unetscope.images.claims import Role, mark_of
from unetscope.images.classes import LabelClass
from unetscope.images.zarr_folder import is_zarr, name_of
from unetscope.measuring.origin import (
    Origin,
    Plain,
    check_unchanged,
    digest_of,
    read_origin,
)

#: What of the form says where files are, and not how they are measured.
NOT_OPTIONS = ("labels", "image", "out", "overwrite", "again", "model", "group", "device")


@dataclass(frozen=True)
class LabelFile:
    """One file of labels: the image it belongs to, its group, and what its numbers mean.

    ``edits`` are what a person did to its objects, as an origin tells it.
    """

    labels: Path
    picture: Path | None
    name: str
    group: str = ""
    classes: tuple[LabelClass, ...] = ()
    model: Mapping[str, Plain] = field(default_factory=dict)
    edits: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class FilesToMeasure:
    """What is to be measured: the form, its files, and how many files were named as missing."""

    form: Measure
    files: tuple[LabelFile, ...]
    failed: int = 0


def work_of(form: Measure) -> Iterator[Path | FilesToMeasure]:
    """The files that a form means; those that are predicted first are told when they are written.

    Raises
    ------
    MeasurementError
        If options do not go together, or a file of an origin is another one.
    """
    if form.again is not None:
        yield _again(form, form.again)
        return
    if not form.labels:
        raise MeasurementError("give label files, or --again with the origin of a measurement")
    if form.out is None:
        raise MeasurementError("give the table to write with --out NAME.csv")
    groups = form.group or []
    if groups and len(groups) != len(form.labels):
        raise MeasurementError(
            f"there are {len(form.labels)} files or folders and {len(groups)} groups; give --group "
            "once for each, in the same order"
        )
    if form.model is not None:
        yield from _predicted(form, form.model, groups)
        return
    pictures = form.image or []
    if pictures and len(pictures) != len(form.labels):
        raise MeasurementError(
            f"there are {len(form.labels)} label files and {len(pictures)} images; give --image "
            "once for each, in the same order"
        )
    found: list[LabelFile] = []
    failed = 0
    for path, picture, group in zip_longest(form.labels, pictures, groups):
        files, alone = _of_argument(path, picture)
        found += [LabelFile(*pair, name_of(pair[0]), group or "") for pair in files]
        failed += alone
    yield FilesToMeasure(form, _named_apart(found), failed)


def _of_argument(path: Path, picture: Path | None) -> tuple[list[tuple[Path, Path | None]], int]:
    """Label files and their images, and how many have none."""
    if not path.is_dir() or is_zarr(path):
        return [(path, picture)], 0
    inside = sorted(file for file in path.iterdir() if _may_be_labels(file))
    labels = [file for file in inside if looks_like_labels(file, inside)] or inside
    if not labels:
        raise MeasurementError(
            f"{path} holds no labels; they end in {', '.join(MASK_SUFFIXES)} or .zarr"
        )
    if picture is None:
        return [(file, None) for file in labels], 0
    if not picture.is_dir() or is_zarr(picture):
        raise MeasurementError(f"{path} is a folder and {picture} a file; give a folder of images")
    images = [file for file in sorted(picture.iterdir()) if _may_be_labels(file)]
    images = [file for file in images if not looks_like_labels(file, images)]
    matches = match_masks(images, path)
    image_of = {mask: image for image, mask in matches.pairs}
    alone = [file for file in labels if file not in image_of]
    for file in alone:
        say_error(f"{file} has no image of its name in {picture}")
    return [(file, image_of[file]) for file in labels if file in image_of], len(alone)


def _may_be_labels(path: Path) -> bool:
    suffix = path.suffix.lower()
    kept = suffix == ".zarr" if path.is_dir() else suffix in MASK_SUFFIXES
    return kept and not path.name.startswith(".") and mark_of(path) is not Role.PROBABILITIES


def _named_apart(files: Sequence[LabelFile]) -> tuple[LabelFile, ...]:
    """With the paths as names where two files are called alike."""
    names = [file.name for file in files]
    return tuple(
        replace(file, name=str(file.labels)) if names.count(file.name) > 1 else file
        for file in files
    )


def _predicted(
    form: Measure, model: Path, groups: Sequence[str]
) -> Iterator[Path | FilesToMeasure]:
    """Predict the images, and measure what was predicted, with the images for grey values."""
    # with torch, which measuring alone does not need
    from unetscope.cli import predict
    from unetscope.cli.forms import Predict

    if form.image:
        raise MeasurementError("with --model the images are given as they are, without --image")
    assert form.out is not None
    group_of: dict[Path, str] = {}
    for path, group in zip_longest(form.labels or [], groups):
        found, passed = predict.images_of([path])
        say_notes(", ".join(map(name_of, passed)), predict.PASSED[: len(passed)])
        group_of |= dict.fromkeys(found, group or "")
    folder = form.out.with_name(f"{form.out.stem}_labels")
    asked = Predict(
        model=model, images=list(group_of), out=folder, axes=form.axes, series=form.series,
        overwrite=form.overwrite, device=form.device, probabilities=form.certainty,
    )  # fmt: skip
    batch = predict.batch_of(asked, list(group_of), [])
    failed = yield from predict.predicted(asked, batch)
    about = {"file": model.name, "sha256": digest_of(model)}
    files = [
        LabelFile(target, path, name_of(path), group_of[path], batch.model.classes, about)
        for path, target in batch.targets.items()
        if target.exists()
    ]
    yield FilesToMeasure(form, _named_apart(files), failed)


def _again(form: Measure, path: Path) -> FilesToMeasure:
    """What was measured before, as its origin tells it."""
    if form.labels or form.model or form.image:
        raise MeasurementError("--again measures the files of its origin; give no others")
    origin = read_origin(path)
    check_unchanged(origin, path.parent)
    out = form.out or path.with_name(f"{path.name.removesuffix('_origin.json')}.csv")
    files = [
        LabelFile(
            path.parent / image.labels.path,
            None if image.image is None else path.parent / image.image.path,
            image.name,
            image.group,
            image.classes,
            image.model,
            image.edits,
        )
        for image in origin.images
    ]
    told: dict[str, Any] = _options(origin, path)
    return FilesToMeasure(replace(Measure(out=out, overwrite=form.overwrite), **told), tuple(files))


def _options(origin: Origin, path: Path) -> dict[str, Any]:
    """Those of the form, each of the kind that it has there."""
    plain = {one.name: one.default for one in fields(Measure) if one.name not in NOT_OPTIONS}
    for name, value in origin.options.items():
        if name not in plain:
            raise MeasurementError(
                f"{path} tells an option that this unetscope does not know ({name!r}); use the "
                "version that wrote it"
            )
        texts = value if name == "of_class" and isinstance(value, list) else [value]
        kind = bool if isinstance(plain[name], bool) else str
        if not all(isinstance(text, kind) for text in texts):
            raise MeasurementError(f"{path} is damaged: {name} is {value!r} there")
    return dict(origin.options)
