"""Which image of a TIFF file is meant, and whether all of its planes are there."""

from __future__ import annotations

import itertools
import math
import os
import struct
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from unetscope.errors import ImageError
from unetscope.images.damage import check_bytes
from unetscope.images.encoded_sizes import bare_lerc, encoded_px
from unetscope.images.questions import Answers, Choice, Question, Undecided

#: More planes than any acquisition has: a description that claims more is damaged or hostile.
_MOST_PLANES = 1_000_000
# An image with fewer pixels than the largest divided by this is a thumbnail beside it.
_COMPARABLE = 4
_PAGES_LOOKED_AT = 1000
_HEAD_BYTES = 65_536
# Coders round sizes up to whole blocks, scanners keep several tiles in one piece.
_MORE = 64
# Compressions whose pieces begin with their size: JPEG 2000, PNG, JPEG XR, WebP, JPEG XL, LERC.
_TELLING = {33003, 33004, 33005, 34712, 34933, 22610, 34934, 34927, 50001, 50002, 52546, 34887}
_LERC = 34887
_QUOTES = "\"'"
# Series of pages that only the list of pages itself counts.
_UNCOUNTED = ("generic", "uniform")
_BESIDES = ("thumbnail", "label", "macro", "overview", "preview")


@dataclass(frozen=True)
class Chosen:
    """An image of the file: its number, the part of it that is there, and what to say of it.

    ``larger`` says by how much (y, x) its pixels are those of the full resolution.
    """

    index: int
    series: Any
    part: tuple[slice, ...]
    notes: tuple[str, ...]
    larger: tuple[float, float] = (1.0, 1.0)


def description(tif: Any) -> ElementTree.Element | None:
    """The root of the OME-XML; None where there is none or it cannot be read."""
    if not tif.ome_metadata:
        return None
    try:
        return ElementTree.fromstring(tif.ome_metadata)
    except ElementTree.ParseError:
        return None  # the pixels can be read all the same


def check_description(path: Path, tif: Any) -> None:
    """Refuse OME-XML whose numbers no file can keep, before a list of that length is made.

    Raises
    ------
    ImageError
        For too many planes, and for file names outside the file's folder.
    """
    root = description(tif)
    if root is None:
        return
    plane_px = max(1, int(tif.pages.first.size))
    for pixels in root.iterfind(".//{*}Pixels"):
        sizes = [_whole(pixels.get(f"Size{axis}")) for axis in "XYZCT"]
        told = [math.prod(sizes) // plane_px, math.prod(sizes[2:])]
        told += [
            _whole(data.get(key), 0)
            for data in pixels.iterfind("{*}TiffData")
            for key in ("PlaneCount", "NumPlanes", "IFD")
        ]
        _check_count(path, max(told))
    for along in root.iter():
        if "Along" in along.tag.rpartition("}")[2]:
            start, end, step = (_real(along.get(k), d) for k, d in _RANGE)
            _check_count(path, math.ceil(abs(end - start) / abs(step)) if step else 0)
    for name in _file_names(root):
        if Path(name).is_absolute() or ".." in Path(name.replace("\\", "/")).parts:
            raise ImageError(
                f"{path} says that parts of it lie at {name!r}, outside its own folder; copy all "
                "of its files into one folder and export it again"
            )


_RANGE = (("Start", 0.0), ("End", 0.0), ("Step", 1.0))


def _check_count(path: Path, count: int) -> None:
    if count > _MOST_PLANES:
        raise ImageError(
            f"{path} says that it holds {count} planes, more than a file can; it is damaged or "
            "was made to do harm: export it again"
        )


def _whole(text: str | None, default: int = 1) -> int:
    try:
        return abs(int(text)) if text is not None else default
    except ValueError:
        return default


def _real(text: str | None, default: float) -> float:
    try:
        number = float(text) if text is not None else default
    except ValueError:
        return default
    return number if math.isfinite(number) else _MOST_PLANES * 10.0


def _file_names(root: ElementTree.Element) -> list[str]:
    """The other files that the parts of an OME-TIFF are said to lie in."""
    return [uuid.get("FileName", "") for uuid in root.iterfind(".//{*}TiffData/{*}UUID")]


def companion_description(path: Path, tif: Any) -> str | None:
    """The OME-XML of a file that says only where its description lies, if that is there."""
    root = description(tif)
    pointer = None if root is None else root.find("{*}BinaryOnly")
    if pointer is None:
        return None
    name = Path(pointer.get("MetadataFile", "")).name
    beside = path.parent / name
    if not name or not beside.is_file():
        raise ImageError(
            f"{path} is a part of an image whose description lies in {name or 'another file'!r}, "
            "which is missing; copy it into the same folder"
        )
    if not name.lower().endswith(".companion.ome"):
        raise ImageError(f"{path} is a part of the image of {name}; open that file")
    return beside.read_text(encoding="utf-8", errors="replace")


def chosen_series(path: Path, tif: Any, answers: Answers) -> Chosen:
    """The image that was asked for, or the only one of its size; checked for missing planes.

    Raises
    ------
    Undecided
        If there are several of comparable size.
    ImageError
        If there is none, or parts of it are missing.
    """
    images = [(i, s) for i, s in enumerate(tif.series) if s.size > 0]
    if not images:
        raise ImageError(f"{path} holds no image; export it again")
    index, series = images[0]
    notes: list[str] = []
    if len(images) > 1:
        index, series = _asked_for(path, images, answers) or _largest(path, images)
        notes.append(
            f"image {index} ({_in_words(series)}) of {len(images)} was read; --series chooses"
        )
    level = answers.number("level") or 0
    if level >= len(series.levels):
        levels = len(series.levels)
        there = "one resolution" if levels == 1 else f"the levels 0 to {levels - 1}"
        raise ImageError(f"{path} has {there}, and no --level {level}")
    full, series = series, series.levels[level]
    part, missing = _part(path, tif, series)
    _check_chain(path, tif, full)
    return Chosen(index, series, part, (*notes, *missing), _times_larger(full, series))


def _times_larger(full: Any, level: Any) -> tuple[float, float]:
    """(y, x) by how much a pixel of a level is larger than one of the full resolution."""
    sides = [dict(zip(one.axes.upper(), one.shape, strict=True)) for one in (full, level)]
    return sides[0]["Y"] / sides[1]["Y"], sides[0]["X"] / sides[1]["X"]


def _asked_for(
    path: Path, images: Sequence[tuple[int, Any]], answers: Answers
) -> tuple[int, Any] | None:
    """The image of a name, or of a number."""
    wanted = answers.series
    if wanted is None:
        return None
    named = [(i, s) for i, s in images if s.name == wanted]
    if len(named) == 1:
        return named[0]
    numbered = [(i, s) for i, s in images if str(i) == wanted.strip()]
    if not numbered:
        raise Undecided(_question(path, images, f"{path} has no image {wanted!r}; choose one"))
    return numbered[0]


def _largest(path: Path, images: Sequence[tuple[int, Any]]) -> tuple[int, Any]:
    """The image beside which all others are small; thumbnails and labels of slides do not count."""
    plain = [entry for entry in images if not _is_beside(entry[1])] or list(images)
    most = max(s.size for _, s in plain)
    large = [(i, s) for i, s in plain if s.size * _COMPARABLE > most]
    if len(large) > 1:
        raise Undecided(_question(path, images, f"{path} holds {len(images)} images; choose one"))
    return large[0]


def _is_beside(series: Any) -> bool:
    page = series.keyframe
    words = series.name.lower()
    return page.is_reduced or page.is_mask or any(word in words for word in _BESIDES)


def _question(path: Path, images: Sequence[tuple[int, Any]], text: str) -> Question:
    return Question(
        "series", path.name, text, tuple(Choice(str(i), _in_words(s)) for i, s in images)
    )


def _in_words(series: Any) -> str:
    """ "scan, 20 × 64 × 80, uint8"."""
    size = " × ".join(str(n) for n in series.shape)
    return ", ".join(part for part in (series.name.strip(), size, str(series.dtype)) if part)


def _part(path: Path, tif: Any, series: Any) -> tuple[tuple[slice, ...], list[str]]:
    """The part of the image that the file holds, as slices, and what is to be said of it."""
    if series.dataoffset is not None:
        needed = series.dataoffset + series.nbytes
        _check_end(path, series.keyframe.parent.filehandle, needed)
        return (), []
    pages = [_page(series, i) for i in range(len(series))]
    present = np.array([page is not None for page in pages])
    notes = _checked_segments(path, [page for page in pages if page is not None])
    if present.all():
        return (), notes
    lost = _lost_files(path, tif)
    if lost:
        raise ImageError(
            f"{path} is one of several files of an image, of which {', '.join(lost)} "
            f"{'is' if len(lost) == 1 else 'are'} missing; copy all of them into one folder, "
            "under the names they were saved with"
        )
    part = _box(present, series)
    said = f"says that it holds {present.size} planes and holds {int(present.sum())}"
    if part is None:
        raise ImageError(f"{path} {said}, with gaps between them; export it again")
    return part, [*notes, f"the file {said}; those that are there were read"]


def _page(series: Any, index: int) -> Any:
    try:
        return series[index]
    except IndexError:
        return None


def _lost_files(path: Path, tif: Any) -> list[str]:
    root = description(tif)
    names = dict.fromkeys(_file_names(root)) if root is not None else {}
    return [n for n in names if n and not os.path.isfile(path.parent / n)][:5]


def _box(present: np.ndarray, series: Any) -> tuple[slice, ...] | None:
    """Slices along the axes of the pages; None where the pages that are there fill no box."""
    shape: list[int] = []
    for size in series.shape:
        if math.prod(shape) == present.size:
            break
        shape.append(size)
    if math.prod(shape) != present.size:
        return None
    grid = present.reshape(shape)
    counts = [
        int(grid.any(axis=tuple(j for j in range(grid.ndim) if j != i)).sum())
        for i in range(grid.ndim)
    ]
    part = tuple(slice(0, count) for count in counts)
    return part if grid[part].all() and int(grid[part].sum()) == int(present.sum()) else None


def _checked_segments(path: Path, pages: Sequence[Any]) -> list[str]:
    """Refuse pages whose strips or tiles are not in the file; say which tiles were left empty."""
    empty = total = 0
    for page in pages:
        expected = math.prod(page.chunked)
        counts = np.asarray(page.databytecounts, np.int64)
        offsets = np.asarray(page.dataoffsets, np.int64)
        if page.keyframe.is_contiguous and offsets.size:
            _check_end(path, page.parent.filehandle, int(offsets[0]) + int(page.nbytes))
            continue
        if offsets.size < expected or not (counts > 0).any() or offsets.size != counts.size:
            raise ImageError(
                f"{path} holds {int((counts > 0).sum())} of the {expected} pieces (strips or "
                "tiles) of its pixels; it is damaged or incomplete: copy or export it again"
            )
        _check_end(path, page.parent.filehandle, int((offsets + counts).max()))
        empty += int((counts[:expected] <= 0).sum())
        total += expected
    if not empty:
        return []
    return [f"{empty} of {total} pieces of the image are not in the file; they were read as 0"]


def _check_end(path: Path, handle: Any, needed: int) -> None:
    """ImageError if the file ends before its pixels do."""
    held = int(handle.size)
    if needed > held:
        raise ImageError(
            f"{path} is cut off: its pixels reach to byte {needed}, {handle.name} has {held}; "
            "copy or export it again"
        )


def _check_chain(path: Path, tif: Any, series: Any) -> None:
    """ImageError if the list of pages leads beyond the end of the file.

    Only where nothing else tells how many pages there should be: a file that was cut off behind its
    first page would otherwise be an image of one.
    """
    if series.kind not in _UNCOUNTED:
        return
    handle, form = tif.filehandle, tif.tiff
    following = _end_of_directory(handle, form, tif.pages[len(tif.pages) - 1].offset)[1]
    if following and _end_of_directory(handle, form, following)[0] > handle.size:
        raise ImageError(
            f"{path} is cut off: its page {len(tif.pages) + 1} lies beyond the end of the file; "
            "copy or export it again"
        )


def _end_of_directory(handle: Any, form: Any, start: int) -> tuple[int, int]:
    """Where the directory of a page ends, and where the next one starts (0 after the last)."""
    handle.seek(start)
    head = handle.read(form.tagnosize)
    if len(head) < form.tagnosize:
        return handle.size + 1, 0
    pointer = start + form.tagnosize + struct.unpack(form.tagnoformat, head)[0] * form.tagsize
    handle.seek(pointer)
    told = handle.read(form.offsetsize)
    whole = len(told) == form.offsetsize
    return pointer + form.offsetsize, struct.unpack(form.offsetformat, told)[0] if whole else 0


def check_codec(path: Path, page: Any) -> None:
    """ImageError that names the compression of ``page`` if nothing here can undo it."""
    try:
        if page.compression != 1:
            tifffile.TIFF.DECOMPRESSORS[page.compression]
        if page.predictor != 1 and page.compression not in tifffile.TIFF.IMAGE_COMPRESSIONS:
            tifffile.TIFF.UNPREDICTORS[page.predictor]
    except KeyError as error:
        name = getattr(page.compression, "name", str(page.compression)).replace("_", " ")
        raise ImageError(
            f"{path} is compressed with {name}, which cannot be undone here "
            f"({str(error).strip(_QUOTES)}); install imagecodecs (pip install imagecodecs), or "
            "save the image uncompressed or with LZW or Deflate"
        ) from error


def check_pieces(path: Path, series: Any) -> None:
    """Refuse strips and tiles that unpack to more than may be allocated, whatever they claim.

    Raises
    ------
    ImageError
        If a piece is too large, is a picture of another size than it should be, or does not say
        its size where its format does.
    """
    page = series.keyframe
    if series.dataoffset is not None:
        return
    check_bytes(path, math.prod(page.chunks) * page.dtype.itemsize, "one of its strips or tiles")
    telling, lerc = page.compression in _TELLING, page.compression == _LERC
    if page.compression not in tifffile.TIFF.IMAGE_COMPRESSIONS and not telling:
        return  # all others unpack into a buffer of the size that is told
    told_px = max(1, math.prod(page.chunks))
    for one in itertools.islice(series, _PAGES_LOOKED_AT):
        handle = one.parent.filehandle if one is not None else None
        if handle is None or handle.closed:
            continue
        for offset, count in zip(one.dataoffsets, one.databytecounts, strict=False):
            handle.seek(offset)
            head = handle.read(count if lerc else min(count, _HEAD_BYTES))
            if lerc and count:  # a sound one is smaller than its pixels
                head = bare_lerc(head, 2 * told_px * page.dtype.itemsize + _HEAD_BYTES)
            found = encoded_px(head[:_HEAD_BYTES])
            if telling and count and not found:
                raise ImageError(
                    f"{path} holds a piece that does not say how many pixels it has; it is "
                    "damaged, or a moving picture: export it again"
                )
            if found > _MORE * told_px:
                raise ImageError(
                    f"{path} holds a piece of {found} pixels where {told_px} belong; it is damaged "
                    "or was made to do harm: export it again"
                )
