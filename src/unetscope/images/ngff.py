"""OME-Zarr metadata, versions 0.1 to 0.6, as plain values: images, axes, the size of a pixel.

Nothing here reads pixels. The specifications are at https://ngff.openmicroscopy.org/ and
https://ngff.openmicroscopy.org/rfc/5/ (coordinate systems). What is told is taken; what is not told
is None and never a default.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unetscope.errors import ImageError
from unetscope.images.units import normalise_unit, unit_factor

#: Versions whose axes and transformations are known.
VERSIONS = ("0.1", "0.2", "0.3", "0.4", "0.5", "0.6")
_LETTERS = {
    "t": ("t", "time", "times", "timepoint"),
    "c": ("c", "ch", "channel", "channels", "band"),
    "z": ("z", "depth", "plane", "slice", "slices"),
    "y": ("y", "row", "rows", "height"),
    "x": ("x", "col", "column", "columns", "width"),
}
_LETTER_OF = {name: letter for letter, names in _LETTERS.items() for name in names}
_LETTER_OF_TYPE = {"time": "t", "channel": "c"}
#: Words that stand where a unit should and are none.
_NO_UNITS = ("unit", "units", "unknown", "null", "a.u.", "au")


@dataclass(frozen=True)
class Axis:
    """One array axis: ``letter`` is t, c, z, y or x, or "" where ``name`` is none of these."""

    name: str
    letter: str
    unit: str | None = None
    is_space: bool = False


@dataclass(frozen=True)
class Multiscale:
    """One image of several resolutions.

    Attributes
    ----------
    name
        What it is called; "" where it is not said.
    version
        The version of the metadata; "" where it is not said.
    axes
        One for each array axis; None where they are not told.
    datasets
        Paths of the arrays, the full resolution first.
    of_levels
        From the pixels of each array to space, in the order in which they apply.
    """

    name: str
    version: str
    axes: tuple[Axis, ...] | None
    datasets: tuple[str, ...]
    of_levels: tuple[tuple[Mapping[str, Any], ...], ...]

    @property
    def transformations(self) -> tuple[Mapping[str, Any], ...]:
        """Those of the first array."""
        return self.of_levels[0]

    def from_level(self, level: int) -> Multiscale:
        """The image without what is finer than a level.

        Raises
        ------
        ImageError
            If there is no such level.
        """
        if level >= len(self.datasets):
            raise ImageError(no_level(level, len(self.datasets)))
        return replace(self, datasets=self.datasets[level:], of_levels=self.of_levels[level:])


def ome_part(attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    """The OME metadata: ``ome`` of 0.5 and later, all attributes before."""
    ome = attributes.get("ome")
    return ome if isinstance(ome, Mapping) else attributes


def multiscales_of(attributes: Mapping[str, Any]) -> list[Multiscale]:
    """The images that the attributes of a zarr group describe, in their order; often one or none.

    Raises
    ------
    ImageError
        If one is described in a version or way that is not known.
    """
    ome = ome_part(attributes)
    found = ome.get("multiscales")
    told = [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []
    return [_multiscale(one, ome) for one in told]


def _multiscale(told: Mapping[str, Any], ome: Mapping[str, Any]) -> Multiscale:
    version = str(told.get("version") or ome.get("version") or "")
    datasets = [one for one in told.get("datasets") or () if isinstance(one, Mapping)]
    datasets = [one for one in datasets if one.get("path") is not None]
    paths = tuple(str(one["path"]) for one in datasets)
    if not paths:
        raise ImageError("its metadata name no array of pixels (datasets); export it again")
    axes = _axes_told(told, datasets[0])[0]
    of_levels = tuple(_axes_told(told, one)[1] for one in datasets)
    if axes is None and _number(version) in ((0, 1), (0, 2)):
        axes = tuple(Axis(letter, letter, is_space=letter in "zyx") for letter in "tczyx")
    if axes is None and version and not is_known(version):
        raise ImageError(
            f"its metadata are OME-Zarr {version}, which is not read (known are {VERSIONS[0]} to "
            f"{VERSIONS[-1]}); export it as OME-Zarr 0.5"
        )
    return Multiscale(str(told.get("name") or ""), version, axes, paths, of_levels)


def no_level(level: int, levels: int) -> str:
    """What to say of a level that there is not."""
    there = "one resolution" if levels == 1 else f"the levels 0 to {levels - 1}"
    return f"it has {there}, and no level {level}"


def is_known(version: str) -> bool:
    """Whether metadata of this version are understood; "0.6.dev1" is a 0.6."""
    return ".".join(str(part) for part in _number(version)) in VERSIONS


def _number(version: str) -> tuple[int, ...]:
    found = re.match(r"(\d+)\.(\d+)", version)
    return tuple(int(part) for part in found.groups()) if found else ()


def _axes_told(
    told: Mapping[str, Any], dataset: Mapping[str, Any]
) -> tuple[tuple[Axis, ...] | None, tuple[Mapping[str, Any], ...]]:
    """The axes, and the transformations that lead into them, from either kind of metadata."""
    own = _mappings(dataset.get("coordinateTransformations"))
    systems = _mappings(told.get("coordinateSystems"))
    if not systems:
        whole = list(_mappings(told.get("coordinateTransformations")))
        # with an output they lead on, into another system than the image's own
        return _axes(told.get("axes")), (*own, *(t for t in whole if not t.get("output")))
    outputs = [_system_name(one.get("output")) for one in own]
    meant = [one for one in systems if str(one.get("name")) in outputs] or systems[:1]
    return _axes(meant[0].get("axes")), own


def _system_name(told: Any) -> str:
    return str(told.get("name")) if isinstance(told, Mapping) else str(told)


def _mappings(told: Any) -> tuple[Mapping[str, Any], ...]:
    if isinstance(told, Mapping):
        return (told,)
    return tuple(t for t in told if isinstance(t, Mapping)) if isinstance(told, list) else ()


def _axes(told: Any) -> tuple[Axis, ...] | None:
    if not isinstance(told, list) or not told:
        return None
    return tuple(_axis(one if isinstance(one, Mapping) else {"name": one}) for one in told)


def _axis(told: Mapping[str, Any]) -> Axis:
    name, kind = str(told.get("name") or ""), str(told.get("type") or "").lower()
    letter = _LETTER_OF.get(name.strip().lower(), "") or _LETTER_OF_TYPE.get(kind, "")
    unit = told.get("unit")
    meant = normalise_unit(unit) if isinstance(unit, str) else None
    if meant is not None and meant.lower() in _NO_UNITS:
        meant = None
    return Axis(name or "?", letter, meant, letter in ("z", "y", "x"))


def axes_of_names(names: Sequence[Any] | None) -> tuple[Axis, ...] | None:
    """Axes of the names that zarr itself or xarray gives them; None where one has no name."""
    if not names or any(not isinstance(name, str) or not name for name in names):
        return None
    return _axes(list(names))


@dataclass(frozen=True)
class PixelSize:
    """The size of a pixel along each spatial axis, or None, and what to know about it."""

    sizes: tuple[float, ...] | None
    unit: str | None
    notes: tuple[str, ...] = ()


def pixel_size(
    image: Multiscale,
    axes: Sequence[Axis],
    spatial: Sequence[int],
    parameters: Callable[[str], Any],
) -> PixelSize:
    """What the transformations of ``image`` say of the pixels along the axes ``spatial``.

    Parameters
    ----------
    axes
        One for each array axis.
    spatial
        Which of them are wanted: indices.
    parameters
        Reads the numbers of a transformation that lie in an array, by its path.
    """
    mapping = _Mapping(len(axes), [axis.name for axis in axes], parameters)
    try:
        for transformation in image.transformations:
            mapping.then(transformation)
    except _Useless as useless:
        return PixelSize(None, None, (f"{useless}, so the pixel size is unknown",))
    if not mapping.told.intersection(spatial):
        return PixelSize(None, None)
    return _in_one_unit(mapping, axes, spatial)


def _in_one_unit(mapping: _Mapping, axes: Sequence[Axis], spatial: Sequence[int]) -> PixelSize:
    missing = [axes[i].name for i in spatial if i in mapping.useless or i not in mapping.told]
    if missing:
        note = f"the scale along {', '.join(missing)} is no size, so the pixel size is unknown"
        return PixelSize(None, None, (note,))
    units = [axes[i].unit for i in spatial]
    given = [unit for unit in units if unit is not None]
    if not given:
        sizes = mapping.lengths(spatial, [1.0] * len(spatial))
        note = f"the scale {_listed(sizes)} has no unit, so the pixel size is unknown"
        return PixelSize(None, None, () if set(sizes) == {1.0} else (note,))
    into = given[-1]
    factors = [1.0 if unit in (None, into) else unit_factor(unit, into) for unit in units]
    if None in factors:
        note = f"the units {', '.join(given)} are not comparable, so the pixel size is unknown"
        return PixelSize(None, None, (note,))
    sizes = mapping.lengths(spatial, [float(factor or 1.0) for factor in factors])
    without = [axes[i].name for i, unit in zip(spatial, units, strict=True) if unit is None]
    notes = (f"{', '.join(without)} has no unit and was taken in {into}",) if without else ()
    return PixelSize(tuple(sizes), into, notes)


def _listed(sizes: Sequence[float]) -> str:
    return "(" + ", ".join(f"{size:g}" for size in sizes) + ")"


class _Useless(Exception):
    """A transformation from which no pixel size follows."""


class _Mapping:
    """The linear part of transformations from pixels to space, one after the other."""

    def __init__(self, axes: int, names: list[str], parameters: Callable[[str], Any]) -> None:
        self.matrix: NDArray[np.float64] = np.eye(axes)
        self.told: set[int] = set()
        self.useless: set[int] = set()
        self._axes, self._names, self._parameters = axes, names, parameters

    def lengths(self, spatial: Sequence[int], factors: Sequence[float]) -> list[float]:
        """How long a step of one pixel along each axis is; rows are in units of ``factors``."""
        part = self.matrix[np.ix_(spatial, spatial)] * np.asarray(factors)[:, None]
        if any(factor != 1 for factor in factors):  # 0.03 µm are 30 nm, and not 29.999…
            part = np.vectorize(lambda entry: float(f"{entry:.12g}"))(part)
        found = []
        for column in part.T:
            others = np.abs(column[column != 0])
            # a single entry as it is: the root of a square is another number in the last digit
            found.append(float(others[0] if len(others) == 1 else np.linalg.norm(column)))
        return found

    def then(self, told: Mapping[str, Any]) -> None:
        """Take one more transformation into account."""
        kind = str(told.get("type") or "")
        if kind in ("identity", "translation"):
            return
        if kind == "sequence":
            for one in _mappings(told.get("transformations")):
                self.then(one)
        elif kind == "bijection" and isinstance(told.get("forward"), Mapping):
            self.then(told["forward"])
        elif kind == "byDimension":
            self._by_dimension(told)
        elif kind == "scale":
            self._scale(self._numbers(told, "scale", (self._axes,)), range(self._axes))
        elif kind in ("affine", "rotation"):
            self._linear(told, kind)
        elif kind == "mapAxis":
            self._map_axes(told.get("mapAxis"))
        else:
            raise _Useless(f"a transformation of the kind {kind or 'without a name'!r} is not read")

    def _numbers(self, told: Mapping[str, Any], kind: str, shape: tuple[int, ...]) -> Any:
        given = told.get(kind)
        try:
            if given is None and isinstance(told.get("path"), str):
                given = self._parameters(told["path"])
            numbers = np.asarray(given, float)
        except (TypeError, ValueError, LookupError, OSError, ImageError) as error:
            raise _Useless(f"the numbers of a transformation ({kind}) cannot be read") from error
        if numbers.shape != shape:
            raise _Useless(
                f"a transformation ({kind}) has numbers of the shape {numbers.shape} for "
                f"{self._axes} axes"
            )
        return numbers

    def _scale(self, scale: Any, along: Sequence[int]) -> None:
        for axis, size in zip(along, scale, strict=True):
            self.told.add(axis)
            if not np.isfinite(size) or size <= 0:
                self.useless.add(axis)
            else:
                self.matrix[axis] *= size

    def _linear(self, told: Mapping[str, Any], kind: str) -> None:
        n = self._axes
        numbers = self._numbers(told, kind, (n, n + 1) if kind == "affine" else (n, n))
        if not np.isfinite(numbers).all() or np.linalg.matrix_rank(numbers[:, :n]) < n:
            raise _Useless(f"a transformation ({kind}) is no mapping of {n} axes")
        self.matrix = numbers[:, :n] @ self.matrix
        if kind == "affine":
            self.told.update(range(n))

    def _map_axes(self, told: Any) -> None:
        if isinstance(told, Mapping):
            told = [self._index(told.get(name, name)) for name in self._names]
        if not isinstance(told, list) or sorted(map(str, told)) != sorted(
            str(i) for i in range(self._axes)
        ):
            raise _Useless("an exchange of axes (mapAxis) does not name each of them once")
        self.matrix = self.matrix[[int(i) for i in told]]

    def _by_dimension(self, told: Mapping[str, Any]) -> None:
        for one in _mappings(told.get("transformations")):
            inner = one.get("transformation", one)
            along = [self._index(axis) for axis in one.get("input_axes") or ()]
            if not isinstance(inner, Mapping) or one.get("output_axes") != one.get("input_axes"):
                raise _Useless("a transformation by dimension exchanges axes")
            if inner.get("type") == "scale":
                self._scale(self._numbers(inner, "scale", (len(along),)), along)
            elif inner.get("type") not in ("identity", "translation"):
                raise _Useless("a transformation by dimension is not read")

    def _index(self, axis: Any) -> int:
        if isinstance(axis, int) and 0 <= axis < self._axes:
            return axis
        if axis in self._names:
            return self._names.index(axis)
        raise _Useless(f"a transformation names the axis {axis!r}, which there is not")
