"""OME-Zarr: read 0.1 to 0.6 with scale and unit, write 0.5; pixels stay on disk until asked for.

Axes that are told are taken, whatever the shape looks like; of containers and plates the only image
opens, and several are asked about.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from yaozarrs import v05
from yaozarrs.write.v05 import write_image

from unetscope.errors import ImageError, OutputError
from unetscope.images.claims import IMAGE, MARK, Claim
from unetscope.images.damage import translated_errors
from unetscope.images.micrograph import Micrograph, as_micrograph
from unetscope.images.ngff import (
    Axis,
    Multiscale,
    axes_of_names,
    is_known,
    multiscales_of,
    no_level,
    pixel_size,
)
from unetscope.images.on_demand import as_dask
from unetscope.images.questions import Answers, Choice, Question, Undecided
from unetscope.images.units import NGFF_WORDS
from unetscope.images.writing import replacing
from unetscope.images.zarr_axes import AxesAsked, arrangement
from unetscope.images.zarr_codecs import bounded
from unetscope.images.zarr_folder import is_zarr, title_of
from unetscope.images.zarr_pieces import StoredPieces
from unetscope.images.zarr_store import images_inside, is_counted, opened, stored_note

#: Of at most so many images the names are read to be shown in a choice.
_MOST_NAMED = 48
#: The numbers of a transformation are at most so many.
_MOST_NUMBERS = 64


def read_ome_zarr(
    path: Path, axes: str | None = None, answers: Answers | None = None
) -> Micrograph:
    """The full-resolution level of an OME-Zarr image, or a bare zarr array.

    Parameters
    ----------
    path
        A folder or a zip archive: an image, an array, a container, a plate or one of its wells.
    axes
        What the array axes are, over what the metadata say.
    answers
        ``series`` chooses among several images, ``time`` and ``level`` among what is in one;
        ``axes`` is as above.

    Raises
    ------
    ImageError
        If it is no zarr, holds no image, or does not say what its axes are.
    Undecided
        If it holds several images or time points, or its axes have names that are not known.
    """
    answers = answers or Answers()
    with translated_errors(path, "OME-Zarr"):
        image = image_in(path, answers)
        time = answers.number("time")
        return micrograph_of(image, answers.axes if axes is None else axes, time)


@dataclass(frozen=True, eq=False)
class ZarrImage:
    """One image of a zarr: its array, and its metadata where it has OME metadata.

    Attributes
    ----------
    where
        The file that was given, and behind it the path inside that leads to the image.
    group
        The group that holds the levels; None of a bare array.
    array
        The pixels in full resolution.
    """

    where: Path
    title: str
    group: Any
    array: Any
    multiscale: Multiscale | None
    notes: tuple[str, ...] = ()


def image_in(path: Path, answers: Answers) -> ZarrImage:
    """The image that is meant at ``path``.

    Raises
    ------
    ImageError
        If there is none, or its pixels are not where its metadata say.
    Undecided
        If there are several.
    """
    node, where, level = opened(path), path, answers.number("level") or 0
    if isinstance(node, zarr.Array):
        return _bare(where, title_of(path), node, level)
    images = images_of(path, node)
    title = title_of(path)
    if not images:
        chosen, several = inside_chosen(path, node, answers)
        node, where = node[chosen], path / chosen
        title = f"{title} {chosen.replace('/', '-')}" if several else title
        if isinstance(node, zarr.Array):
            return _bare(where, title, node, level)
        images = images_of(where, node)[:1]
    try:
        image = _chosen_multiscale(path, images, answers).from_level(level)
    except ImageError as error:
        raise error if isinstance(error, Undecided) else ImageError(f"{where}: {error}") from error
    array = _readable(where, _full_resolution(where, node, image))
    return ZarrImage(where, title, node, array, image, _level_notes(node, image, array))


def _bare(where: Path, title: str, array: Any, level: int) -> ZarrImage:
    if level:
        raise ImageError(f"{where}: {no_level(level, 1)}")
    return ZarrImage(where, title, None, _readable(where, array), None)


def images_of(path: Path, group: Any) -> list[Multiscale]:
    """The images that a group describes; an error names ``path``."""
    try:
        return multiscales_of(dict(group.attrs))
    except ImageError as error:
        raise ImageError(f"{path} cannot be read as OME-Zarr: {error}") from error


def inside_chosen(path: Path, group: Any, answers: Answers) -> tuple[str, bool]:
    """Which of the images in a container or plate is meant, and whether there are several.

    Raises
    ------
    ImageError
        If there is none.
    Undecided
        If there are several and none was chosen.
    """
    inside = images_inside(group)
    if not inside:
        there = ", ".join(sorted(map(str, group.keys()))[:5]) or "nothing"
        raise ImageError(f"{path} is a zarr group that holds no image ({there}); choose another")
    if len(inside) == 1:
        return inside[0], False
    chosen = _answered(answers.series, inside)
    if chosen is not None:
        return chosen, True
    named = len(inside) <= _MOST_NAMED
    choices = [Choice(one, _described(group, one) if named else one) for one in inside]
    text = f"{path.name} holds {len(inside)} images; which one is meant?"
    raise Undecided(Question("series", path.name, text, tuple(choices)))


def _answered(series: str | None, names: Sequence[str]) -> str | None:
    """The one of ``names`` that is meant by its name or its number from 0."""
    if series is None or series in names:
        return series
    wanted = int(series) if series.isdecimal() else len(names)
    return names[wanted] if wanted < len(names) else None


def _described(group: Any, inside: str) -> str:
    node = group[inside]
    if isinstance(node, zarr.Array):
        return f"{inside}, an array of the shape {node.shape}"
    named = [one.name for one in images_of(Path(inside), node) if _is_name(one.name)]
    return f"{inside} ({named[0]})" if named else inside


def _is_name(name: str) -> bool:
    """Whether a name says more than a place: "0" and "/" are none."""
    return bool(name.strip("/. ")) and not name.replace("/", "").isdecimal()


def _chosen_multiscale(path: Path, images: list[Multiscale], answers: Answers) -> Multiscale:
    """Which of the images that one group describes is meant."""
    if len({one.datasets[0] for one in images}) == 1:
        return images[0]
    numbers = [str(number) for number in range(len(images))]
    names = [one.name for one in images]
    if answers.series in names and names.count(answers.series) == 1:
        return images[names.index(answers.series)]
    chosen = _answered(answers.series, numbers)
    if chosen is not None:
        return images[int(chosen)]
    choices = tuple(
        Choice(number, one.name or one.datasets[0])
        for number, one in zip(numbers, images, strict=True)
    )
    text = f"{path.name} describes {len(images)} images; which one is meant?"
    raise Undecided(Question("series", path.name, text, choices))


def _full_resolution(where: Path, group: Any, image: Multiscale) -> Any:
    """The first array of an image; a smaller one is never taken in its place."""
    first = image.datasets[0]
    try:
        array = group[first]
    except (KeyError, ValueError) as error:
        there = ", ".join(sorted(map(str, group.array_keys()))[:8]) or "none"
        raise ImageError(
            f"{where} names the array {first!r} as its full resolution, which is not there (there "
            f"are: {there}); copy or export it again"
        ) from error
    if not isinstance(array, zarr.Array):
        raise ImageError(f"{where} names {first!r} as its image, which is a group; export it again")
    return array


def _readable(where: Path, array: Any) -> Any:
    """``array`` if it holds grey values, and in chunks that can be read without harm."""
    if np.dtype(array.dtype).kind not in "uifb" or 0 in array.shape:
        try:
            as_micrograph(array, "yx")
        except ImageError as error:
            raise ImageError(f"{where}: {error}") from error
    return bounded(where, array)


def _level_notes(group: Any, image: Multiscale, array: Any) -> tuple[str, ...]:
    """What to know of the levels: an answer that still grows, a later one that is larger."""
    notes = []
    ours = dict(group.attrs).get(MARK)
    if isinstance(ours, dict) and ours.get("state") == "incomplete":
        notes.append("it is not complete: what is not answered yet is 0 (go on with --resume)")
    for path in image.datasets[1:]:
        level = group.get(path)
        if isinstance(level, zarr.Array) and np.prod(level.shape) > np.prod(array.shape):
            notes.append(
                f"the first level {array.shape} was read, though the level {path} is larger "
                f"{level.shape}"
            )
    return tuple(notes)


def micrograph_of(image: ZarrImage, axes: str | None, time: int | None = None) -> Micrograph:
    """The micrograph of an image: its axes in order, without those of length 1 but y and x."""
    array, told = image.array, image.multiscale
    named = _axes_of(image)
    asked = AxesAsked(str(image.where), axes, time)
    found = arrangement(array.shape, np.dtype(array.dtype), named, asked)
    notes = [*image.notes, *found.notes]
    if told is not None and told.version and not is_known(told.version):
        notes.append(f"its version {told.version} is not known; it was read as 0.5")
    missing = stored_note(array)
    notes += [missing] if missing else []
    sizes, unit = None, None
    if told is not None and len(told.axes or ()) == len(array.shape):
        size = pixel_size(told, told.axes or (), found.spatial, partial(_numbers, image.group))
        sizes, unit = size.sizes, size.unit
        notes += size.notes
    name = told.name if told is not None and _is_name(told.name) else image.title
    stored = None
    if hasattr(array.store, "root"):  # in a folder
        stored = StoredPieces(array, found, complete=missing is None and is_counted(array))
    return Micrograph(found.of(array), found.axes, sizes, unit, name, tuple(notes), stored)


def _axes_of(image: ZarrImage) -> Sequence[Axis] | None:
    """The axes as OME metadata, zarr or xarray name them; None where nobody does."""
    rank = len(image.array.shape)
    told = image.multiscale.axes if image.multiscale is not None else None
    if told is not None and len(told) == rank:
        return told
    metadata = image.array.metadata
    by_zarr = axes_of_names(getattr(metadata, "dimension_names", None))
    by_xarray = axes_of_names(dict(image.array.attrs).get("_ARRAY_DIMENSIONS"))
    own = next((axes for axes in (by_zarr, by_xarray) if axes and len(axes) == rank), None)
    return own or told


def _numbers(group: Any, path: str) -> Any:
    """The numbers of a transformation that lie in a small array."""
    array = group[path]
    if not isinstance(array, zarr.Array) or np.prod(array.shape) > _MOST_NUMBERS:
        raise ImageError(f"{path} holds no numbers of a transformation")
    return np.asarray(bounded(Path(path), array)[...])


def write_ome_zarr(micrograph: Micrograph, path: Path, claim: Claim = IMAGE) -> None:
    """Write OME-Zarr 0.5 with scale and unit, piece by piece: lazy pixels are never read whole.

    Raises
    ------
    OutputError
        If ``path`` holds something other than a zarr, or cannot be written.
    """
    if path.exists() and not is_zarr(path):
        raise OutputError(f"{path} is there already and is no OME-Zarr folder; choose another name")
    order = [micrograph.axes.index(a) for a in "czyx" if a in micrograph.axes]
    names = [micrograph.axes[i] for i in order]
    sizes = dict(zip(micrograph.spatial_axes, micrograph.pixel_size or (), strict=False))
    unit = NGFF_WORDS.get(micrograph.unit or "")
    unknown = micrograph.unit if unit is None and sizes else None
    axes: list[Any] = [
        v05.ChannelAxis(name="c") if n == "c" else v05.SpaceAxis(name=n, unit=unit) for n in names
    ]
    scale = v05.ScaleTransformation(scale=[sizes.get(name, 1.0) for name in names])
    dataset = v05.Dataset(path="0", coordinateTransformations=[scale])
    named = micrograph.name or path.name.removesuffix(".zarr").removesuffix(".ome")
    image = v05.Image(multiscales=[v05.Multiscale(name=named, axes=axes, datasets=[dataset])])
    with replacing(path, claim) as temporary:
        try:
            write_image(temporary, image, _ordered(micrograph, order), writer="zarr")
        except (ValueError, TypeError) as error:
            raise OutputError(f"{path} cannot be written as OME-Zarr: {error}") from error
        attributes = zarr.open_group(str(temporary), mode="r+").attrs
        if unknown is not None:  # a unit that the format does not list is kept all the same
            attributes["ome"] = _with_unit(attributes["ome"], unknown)
        attributes[MARK] = {"role": str(claim.role), "notes": list(micrograph.notes)}


def _with_unit(ome: Any, unit: str) -> Any:
    """The metadata of one image with ``unit`` at its axes in space."""
    (one,) = ome["multiscales"]
    axes = [{**axis, "unit": unit} if axis["type"] == "space" else axis for axis in one["axes"]]
    return {**ome, "multiscales": [{**one, "axes": axes}]}


def _ordered(micrograph: Micrograph, order: list[int]) -> Any:
    """Pixels with channels first; lazy ones stay lazy, bool ones become uint8."""
    pixels = micrograph.pixels
    if not isinstance(pixels, np.ndarray):
        pixels = as_dask(pixels)
    pixels = pixels.astype(np.uint8) if pixels.dtype.kind == "b" else pixels
    return pixels.transpose(order)
