"""EMD, which is HDF5: of Velox (Thermo Fisher) and of the Berkeley group; read piece by piece.

The formats: https://emdatasets.com/format/ and, of Velox, what its files say of themselves.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from unetscope.errors import ImageError
from unetscope.images.axis_names import UNNAMED, axes_question, possible_axes, told_axes
from unetscope.images.damage import check_bytes
from unetscope.images.micrograph import Micrograph, as_micrograph
from unetscope.images.on_demand import dask_array, needed_library
from unetscope.images.one_of_many import taken, which_time
from unetscope.images.questions import Answers, Choice, Question, Undecided
from unetscope.images.units import METRES, normalise_unit, unit_factor

_VELOX = "Data/Image"
_LETTERS = {"z": "z", "y": "y", "x": "x", "c": "c", "channel": "c", "t": "t", "time": "t"}
_MOST_METADATA = 2**22


@dataclass(frozen=True)
class _Found:
    """An image: its dataset, a letter and a step with its unit for each axis."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    chunks: tuple[int, ...] | None
    letters: str
    steps: Mapping[str, tuple[float, str]] = field(default_factory=dict)


class _Pieces:
    """A dataset that is opened for each piece, so that processes and threads may share it."""

    def __init__(self, path: Path, found: _Found) -> None:
        self._path, self._name = path, found.name
        self.shape, self.dtype, self.ndim = found.shape, found.dtype, len(found.shape)

    def __getitem__(self, index: Any) -> Any:
        with needed_library("h5py", self._path, "EMD").File(self._path, "r") as file:
            return file[self._name][index]


def read_emd(path: Path, axes: str | None, answers: Answers) -> Micrograph:
    """One image of an EMD file with the size of its pixels.

    Raises
    ------
    Undecided
        If it holds several images or time points, or does not name its axes.
    ImageError
        If it holds none.
    """
    with needed_library("h5py", path, "EMD").File(path, "r") as file:
        images = list(_velox(file)) or list(_berkeley(file))
    found = _chosen(path, images, answers)
    pieces = max(1, int(np.prod(found.chunks or (1,)))) * found.dtype.itemsize
    check_bytes(path, pieces, "one of its chunks")
    if found.dtype.kind not in "uifb":
        as_micrograph(np.empty((2, 2), found.dtype), "yx")  # says what is wrong with it
    pixels: Any = dask_array().from_array(
        _Pieces(path, found), chunks=found.chunks or "auto", name=False
    )
    letters = found.letters
    for i in reversed([i for i, n in enumerate(found.shape) if n == 1 and letters[i] not in "yx"]):
        pixels, letters = taken(pixels, i, 0), letters[:i] + letters[i + 1 :]
    if "t" in letters and axes is None:
        at = letters.index("t")
        which = which_time(str(path), answers.number("time"), pixels.shape[at])
        pixels, letters = taken(pixels, at, which), letters.replace("t", "")
    letters = _decided(path, letters, pixels.shape, axes or answers.axes)
    order = [letters.index(a) for a in "czyx" if a in letters]
    pixels = pixels.transpose(order)
    named = "".join(letters[i] for i in order)
    size, unit = _size(found.steps, named)
    return as_micrograph(pixels, named, size, unit, path.stem)


def _decided(path: Path, letters: str, shape: Sequence[int], given: str | None) -> str:
    known = "".join(letter if letter in "czyx" else UNNAMED for letter in letters)
    if given is not None and (UNNAMED in known or len(given) == len(known)):
        return told_axes(str(path), given, known, shape)
    if UNNAMED not in known and {*"yx"} <= {*known} and len({*known}) == len(known):
        return known
    choices = possible_axes(UNNAMED * len(known), shape)
    if not choices:
        raise ImageError(
            f"{path} has an image of the shape {tuple(shape)}; save one of 2 to 4 axes"
        )
    if len(choices) == 1:
        return choices[0]
    text = f"{path} does not say which of its axes {tuple(shape)} are y and x"
    raise Undecided(axes_question(path.name, text, shape, choices))


def _chosen(path: Path, images: Sequence[_Found], answers: Answers) -> _Found:
    if not images:
        raise ImageError(f"{path} is HDF5 without an image of EMD; export it as TIFF or OME-Zarr")
    if len(images) == 1:
        return images[0]
    said = answers.series
    if said is not None and said.isdecimal() and int(said) < len(images):
        return images[int(said)]
    named = [one for one in images if one.name == said]
    if len(named) == 1:
        return named[0]
    choices = [
        Choice(str(i), f"{one.name.removesuffix('/data')}, {one.shape}, {one.dtype}")
        for i, one in enumerate(images)
    ]
    text = f"{path.name} holds {len(images)} images; which one is meant?"
    raise Undecided(Question("series", path.name, text, tuple(choices)))


def _velox(file: Any) -> Iterator[_Found]:
    """Images of Velox: (y, x, frame), with metadata as JSON in bytes."""
    group = file.get(_VELOX)
    for name in sorted(group) if group is not None else ():
        data = group[name].get("Data")
        if data is not None and data.ndim == 3:
            letters = "yxt"
            yield _found(data, letters, _velox_steps(group[name].get("Metadata")))


def _velox_steps(stored: Any) -> dict[str, tuple[float, str]]:
    if stored is None or stored.shape[0] > _MOST_METADATA:
        return {}
    try:
        raw = np.asarray(stored[:, 0], np.uint8).tobytes().split(b"\0")[0]
        told = json.loads(raw)["BinaryResult"]
        return {
            axis: (float(told["PixelSize"][side]), normalise_unit(told[unit]) or "")
            for axis, side, unit in (("x", "width", "PixelUnitX"), ("y", "height", "PixelUnitY"))
        }
    except (ValueError, KeyError, TypeError, IndexError):
        return {}


def _berkeley(file: Any) -> Iterator[_Found]:
    """Groups that say that they are an image, with the datasets data, dim1, dim2 …"""
    groups: list[Any] = []
    file.visititems(lambda _, node: groups.append(node) if hasattr(node, "keys") else None)
    for group in groups:
        data = group.get("data")
        if int(group.attrs.get("emd_group_type", 0)) != 1 or getattr(data, "ndim", 0) < 2:
            continue
        letters, steps = "", {}
        for axis in range(data.ndim):
            dim = group.get(f"dim{axis + 1}")
            letter = _LETTERS.get(_text(dim, "name").lower(), UNNAMED)
            letters += letter
            if dim is not None and dim.shape and len(dim) > 1:
                step = float(abs(dim[1] - dim[0]))
                steps[letter] = (step, _unit(_text(dim, "units")))
        yield _found(data, letters, steps)


def _found(data: Any, letters: str, steps: Mapping[str, tuple[float, str]]) -> _Found:
    return _Found(data.name.strip("/"), tuple(data.shape), data.dtype, data.chunks, letters, steps)


def _text(dim: Any, name: str) -> str:
    told = dim.attrs.get(name, "") if dim is not None else ""
    told = told.decode("utf-8", "replace") if isinstance(told, bytes) else told
    return str(told).strip()


def _unit(text: str) -> str:
    """ "[n_m]", as EMD writes it, is nm."""
    return normalise_unit(text.strip("[]").replace("_", "")) or ""


def _size(
    steps: Mapping[str, tuple[float, str]], axes: str
) -> tuple[list[float] | None, str | None]:
    """Sizes along the spatial axes, in nm where they are told in metres."""
    spatial = axes.replace("c", "")
    unit = steps.get("x", (0.0, ""))[1]
    into = "nm" if unit == "m" else unit
    if any(a not in steps or steps[a][1] not in METRES or steps[a][0] <= 0 for a in spatial):
        return None, None
    factors = [unit_factor(steps[a][1], into) or 1.0 for a in spatial]
    return [float(f"{steps[a][0] * f:.12g}") for a, f in zip(spatial, factors, strict=True)], into
