"""The answer on disk: an OME-Zarr 0.5 label image that grows block by block.

It lies under its name from the start, so that it can be looked at while it grows, and says that it
is unfinished. There is nothing in it that two runs could not write alike: no times, no hosts.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import ZstdCodec

from unetscope.errors import ImageError, OutputError
from unetscope.images.annotations.values import color_parts
from unetscope.images.claims import MARK, STATE, Role
from unetscope.images.classes import LabelClass
from unetscope.images.micrograph import Micrograph
from unetscope.images.units import NGFF_WORDS
from unetscope.images.writing import replacing
from unetscope.scaling.layout import Block, Layout
from unetscope.scaling.pyramid import halved

STATE_KEY, UNFINISHED, COMPLETE = "state", "incomplete", "complete"
_ZSTD = 3


@dataclass(frozen=True, eq=False)
class Written:
    """What was written of a block: a digest of its labels, and bytes of its files by level."""

    digest: str
    sizes: tuple[int, ...]


@dataclass(frozen=True)
class AnswerStore:
    """The labels in ``path`` and, if wanted, probabilities in the folder beside it."""

    path: Path
    layout: Layout
    _arrays: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def probabilities(self) -> Path:
        """Where probabilities lie, if there are any."""
        stem = self.path.name.removesuffix(".zarr").removesuffix(".ome")
        return self.path.with_name(f"{stem}_probabilities.zarr")

    # ---- making

    def create(
        self, image: Micrograph, classes: Sequence[LabelClass], notes: Sequence[str]
    ) -> None:
        """Make the empty label image, unfinished.

        ``image`` gives the size of pixels, ``notes`` are kept in the metadata.
        """
        said = {
            "colors": [
                {"label-value": c.value, "rgba": [*color_parts(c.color), 255]} for c in classes
            ],
            "properties": [{"label-value": c.value, "name": c.name} for c in classes],
        }
        label = {"image-label": {"version": "0.5", "source": {"image": "../../"}, **said}}
        levels = range(self.layout.levels)
        axes = image.spatial_axes
        ome = {"multiscales": [self._multiscale(image, axes, levels)], **label}
        dtype = np.min_scalar_type(max((c.value for c in classes), default=1))
        self._make(self.path, ome, Role.PREDICTION, [*image.notes, *notes])
        for level in levels:
            self._add(self.path, level, axes, dtype)

    def create_probabilities(
        self, image: Micrograph, classes: Sequence[LabelClass], notes: Sequence[str]
    ) -> None:
        """Make the empty image of probabilities: (class, …) float16, in full resolution."""
        named = "one channel for each of: " + ", ".join(c.name for c in classes)
        axes = "c" + image.spatial_axes
        ome = {"multiscales": [self._multiscale(image, axes, range(1))]}
        said = [*image.notes, *notes, named]
        self._make(self.probabilities, ome, Role.PROBABILITIES, said)
        self._add(self.probabilities, 0, axes, np.dtype(np.float16), len(classes))

    def _make(self, path: Path, ome: dict[str, Any], role: Role, notes: Sequence[str]) -> None:
        group = zarr.open_group(str(path), mode="w-", zarr_format=3)
        mark = {"role": str(role), "notes": list(notes), STATE_KEY: UNFINISHED}
        group.attrs.update({"ome": {"version": "0.5", **ome}, MARK: mark})

    def _add(
        self, path: Path, level: int, axes: str, dtype: np.dtype[Any], channels: int = 0
    ) -> None:
        lead = (channels,) if channels else ()
        one = (1,) if channels else ()
        zarr.create_array(
            str(path),
            name=str(level),
            shape=(*lead, *self.layout.level_shape(level)),
            shards=(*lead, *self.layout.file_shape(level)),
            chunks=(*one, *self.layout.chunk_shape(level)),
            dtype=dtype,
            fill_value=0,
            compressors=ZstdCodec(level=_ZSTD),
            dimension_names=list(axes),
        )

    def _multiscale(self, image: Micrograph, axes: str, levels: range) -> dict[str, Any]:
        unit = NGFF_WORDS.get(image.unit or "", image.unit)
        sizes = dict(zip(image.spatial_axes, image.pixel_size or (), strict=False))
        told = [
            {"name": a, "type": "channel"}
            if a == "c"
            else {"name": a, "type": "space"} | ({"unit": unit} if unit and sizes else {})
            for a in axes
        ]
        return {
            "name": f"{image.name or 'image'} labels",
            "axes": told,
            "datasets": [_dataset(level, axes, sizes) for level in levels],
            "type": "mode of 2 x 2 pixels",
        }

    # ---- blocks

    def array(self, level: int) -> Any:
        """One level, to be read and written."""
        return self._array(self.path, level)

    def _array(self, path: Path, level: int) -> Any:
        key = f"{path}/{level}"
        if key not in self._arrays:
            self._arrays[key] = zarr.open_array(str(path), path=str(level), mode="r+")
        return self._arrays[key]

    def write(
        self, block: Block, labels: NDArray[Any], chances: NDArray[Any] | None = None
    ) -> Written:
        """Write a block and its part of the pyramid; all of it is on the disk when this ends.

        Parameters
        ----------
        labels : ([z,] y, x) of the block.
        chances : (class, [z,] y, x), where probabilities are wanted.
        """
        digest = hashlib.sha256(np.ascontiguousarray(labels).data).hexdigest()[:16]
        most = labels.nbytes * 4 // 3 + (0 if chances is None else chances.nbytes)
        with enough_room(self.path, f"block {block.number}", most):
            return Written(digest, self._written(block, labels, chances))

    def _written(
        self, block: Block, labels: NDArray[Any], chances: NDArray[Any] | None
    ) -> tuple[int, ...]:
        part, sizes = labels, []
        for level in range(self.layout.levels_of_blocks):
            part = part if level == 0 else halved(part)
            box = self._box(block, level, part.shape)
            self.array(level)[box] = part
            sizes.append(_safe(self._file(self.path, level, block)))
        if chances is not None:
            box = (slice(None), *self._box(block, 0, labels.shape))
            self._array(self.probabilities, 0)[box] = chances.astype(np.float16)
            sizes.append(_safe(self._file(self.probabilities, 0, block, channels=True)))
        return tuple(sizes)

    def sweep(self) -> None:
        """Remove what processes that were killed had half written."""
        for left in self.path.rglob("*.partial"):
            left.unlink(missing_ok=True)

    def _box(self, block: Block, level: int, shape: Sequence[int]) -> tuple[slice, ...]:
        starts = [side.start >> level for side in block.region]
        box = [slice(s, s + n) for s, n in zip(starts, shape[-2:], strict=True)]
        planes = [slice(block.planes.start, block.planes.stop)] if self.layout.is_stack else []
        return (*planes, *box)

    def _file(self, path: Path, level: int, block: Block, *, channels: bool = False) -> Path:
        place = [*([0] if channels else []), *self.layout.place(block.number)]
        return path.joinpath(str(level), "c", *map(str, place))

    def sizes(self, block: Block, *, probabilities: bool) -> tuple[int, ...]:
        """Bytes of the files of a block as they are now; 0 where there is none."""
        files = [self._file(self.path, n, block) for n in range(self.layout.levels_of_blocks)]
        if probabilities:
            files.append(self._file(self.probabilities, 0, block, channels=True))
        return tuple(map(_size, files))

    def digest(self, block: Block) -> str:
        """Of the labels of a block as they are read back.

        Raises
        ------
        ImageError
            If they cannot be read.
        """
        shape = [len(block.planes)] if self.layout.is_stack else []
        shape += [side.stop - side.start for side in block.region]
        try:
            labels = self.array(0)[self._box(block, 0, shape)]
        except Exception as error:  # whatever zarr or a codec raises on damaged bytes
            where = self._file(self.path, 0, block)
            raise ImageError(f"{where} cannot be read ({error})") from error
        return hashlib.sha256(np.ascontiguousarray(labels).data).hexdigest()[:16]

    # ---- the end

    def coarse_levels(self) -> Iterator[int]:
        """Make the levels that no block makes alone, each of the one before it."""
        side = self.layout.file_shape(self.layout.levels)[-1]
        for level in range(self.layout.levels_of_blocks, self.layout.levels):
            finer, coarse = self.array(level - 1), self.array(level)
            height, width = coarse.shape[-2:]
            planes = self.layout.file_shape(level)[0] if self.layout.is_stack else 1
            for z in range(0, coarse.shape[0] if self.layout.is_stack else 1, planes):
                lead = (slice(z, z + planes),) if self.layout.is_stack else ()
                for y in range(0, height, side):
                    for x in range(0, width, side):
                        source = slice(2 * y, 2 * (y + side)), slice(2 * x, 2 * (x + side))
                        part = halved(np.asarray(finer[(*lead, *source)]))
                        coarse[(*lead, slice(y, y + side), slice(x, x + side))] = part
            yield level

    def end(self, told: Mapping[str, Any], *, probabilities: bool) -> None:
        """Say that it is complete, and ``told``; the last thing that is written."""
        for path in (self.path, *([self.probabilities] if probabilities else [])):
            self._sync(path)
            content = json.loads((path / "zarr.json").read_bytes())
            content["attributes"][MARK] |= {STATE_KEY: COMPLETE, **told}
            with replacing(path / "zarr.json", STATE) as temporary:
                temporary.write_text(json.dumps(content, indent=2), encoding="utf-8")

    def _sync(self, path: Path) -> None:
        """Metadata and coarse levels; the files of blocks are safe already."""
        for file in [*path.glob("zarr.json"), *path.glob("*/zarr.json")]:
            _safe(file)
        for level in range(self.layout.levels_of_blocks, self.layout.levels):
            for file in (path / str(level)).rglob("*"):
                if file.is_file():
                    _safe(file)


@contextmanager
def enough_room(path: Path, what: str, most_bytes: int) -> Iterator[None]:
    """Say of a full disk what was to be written, how large it is at most and what is free.

    Raises
    ------
    OutputError
        If the disk is full, or what may be written on it is used up.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        needs = f"takes up to {most_bytes / 1e6:.1f} MB" if most_bytes else "does not fit"
        free = shutil.disk_usage(path).free / 1e6
        raise OutputError(
            f"the disk of {path} is full: {what} {needs} and {free:.1f} MB are free; what was "
            "written before is safe: make room and go on with --resume"
        ) from error


def mark_in(path: Path) -> dict[str, Any]:
    """What an answer says of itself; empty where it is none of ours."""
    try:
        told = json.loads((path / "zarr.json").read_bytes())["attributes"][MARK]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return told if isinstance(told, dict) else {}


def _dataset(level: int, axes: str, sizes: Mapping[str, float]) -> dict[str, Any]:
    """A level with its scale, and where the middle of its first pixel lies."""
    step = {axis: 2**level if axis in "yx" else 1 for axis in axes}
    scale = [sizes.get(axis, 1.0) * step[axis] for axis in axes]
    shift = [sizes.get(axis, 1.0) * (step[axis] - 1) / 2 for axis in axes]
    moved = [{"type": "translation", "translation": shift}] if level else []
    return {
        "path": str(level),
        "coordinateTransformations": [{"type": "scale", "scale": scale}, *moved],
    }


def _safe(file: Path) -> int:
    """Bring a file and its name to the disk; its bytes, 0 where there is none."""
    try:
        with open(file, "rb+") as opened:
            os.fsync(opened.fileno())
    except FileNotFoundError:  # of nothing but zeros, which zarr does not store
        return 0
    if os.name != "nt":  # Windows cannot open a folder
        descriptor = os.open(file.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    return file.stat().st_size


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0


def check_new(path: Path) -> None:
    """Refuse a name that no OME-Zarr has.

    Raises
    ------
    OutputError
        If it does not end in ``.zarr``.
    """
    if path.suffix != ".zarr":
        raise OutputError(f"{path} is no name of an OME-Zarr; let it end in .zarr")
