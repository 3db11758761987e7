"""The ``NAME_seg.npy`` of Cellpose, of which nothing is run.

Such a file is a pickle of a dictionary, and a pickle may call any function while it is read. This
reader knows the few names that an array of numbers needs, puts own functions in their place, and
refuses all others; of the dictionary it takes ``masks``, the number of the cell at each pixel.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from unetscope.errors import AnnotationError
from unetscope.images.annotations.documents import annotation_errors, check_size
from unetscope.images.annotations.masks import fitted, objects_of
from unetscope.images.annotations.values import Annotations
from unetscope.images.classes import LabelClass
from unetscope.images.questions import Answers

SUFFIX = "_seg.npy"
_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def read_seg(
    path: Path,
    image_shape: tuple[int, ...],
    classes: Iterable[LabelClass] | None = None,
    answers: Answers | None = None,
) -> Annotations:
    """The cells of a ``_seg.npy`` as objects of one class.

    Parameters
    ----------
    path
        What Cellpose's window saved.
    image_shape
        (y, x) or (z, y, x), which ``masks`` must have.
    classes, answers
        As for :func:`~unetscope.images.annotations.masks.read_mask`; ``answers.zero`` says whether
        0 is background.

    Raises
    ------
    AnnotationError
        If the file is damaged, holds anything but numbers and words, or is of another image.
    """
    with annotation_errors(path, "cells of Cellpose"):
        check_size(path)
        with path.open("rb") as file:
            masks = _masks_in(file)
        values = fitted(masks, image_shape)
        return objects_of(values, {one.value: one for one in classes or ()}, answers or Answers())


def _masks_in(file: BinaryIO) -> NDArray[Any]:
    try:
        header = _HEADERS[npy.read_magic(file)]
        shape, _, kind = header(file)
        if shape != () or not kind.hasobject:
            raise AnnotationError("it holds an array and no cells of Cellpose; save it as a mask")
        told = _Careful(file).load()
    except AnnotationError:
        raise
    except MemoryError:
        raise AnnotationError("it says that it is larger than it is; it is damaged") from None
    except Exception as error:  # whatever bytes make of a reader
        raise AnnotationError(f"it is damaged ({type(error).__name__}: {error})") from None
    if isinstance(told, np.ndarray) and told.shape == ():
        told = told.item()
    masks = told.get("masks") if isinstance(told, dict) else None
    array = np.asarray(masks) if isinstance(masks, np.ndarray) else np.empty(0)
    if array.dtype.kind not in "ui" or array.ndim not in (2, 3):
        raise AnnotationError("it holds no masks: numbers of cells, (y, x) or (z, y, x)")
    return array


class _Array:
    """Stands for ``numpy.ndarray``, which could be called for any size."""


def _reconstruct(kind: object, shape: object, code: object) -> NDArray[Any]:
    """An empty array, which its state then fills: so every pickle of an array begins."""
    if kind is not _Array or shape != (0,):
        raise AnnotationError(
            f"it makes an array of the shape {shape}, as no file of Cellpose does"
        )
    return np.empty(0, np.uint8)


def _from_buffer(buffer: Any, kind: Any, shape: Any, order: str) -> NDArray[Any]:
    return np.frombuffer(buffer, dtype=_kind(kind)).reshape(shape, order=order)  # type: ignore[call-overload]


def _scalar(kind: Any, value: bytes = b"") -> Any:
    return np.frombuffer(value, dtype=_kind(kind))[0]


def _kind(kind: Any, *more: Any) -> np.dtype[Any]:
    found = np.dtype(kind)
    if found.hasobject or found.itemsize > 64:
        raise AnnotationError(f"it holds values of the kind {found}, which are no numbers")
    return found


def _encoded(text: Any, encoding: Any = "latin1") -> bytes:
    """What Python 2 wrote bytes as."""
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise AnnotationError("it holds text of an odd kind")
    return text.encode("latin-1")


#: All that may be named, and what is done in its place.
_KNOWN: dict[tuple[str, str], Any] = {("_codecs", "encode"): _encoded}
for _room in ("numpy.core.multiarray", "numpy._core.multiarray"):
    _KNOWN |= {(_room, "_reconstruct"): _reconstruct, (_room, "scalar"): _scalar}
for _room in ("numpy.core.numeric", "numpy._core.numeric"):
    _KNOWN[_room, "_frombuffer"] = _from_buffer
_KNOWN |= {("numpy", "ndarray"): _Array, ("numpy", "dtype"): np.dtype}


class _Careful(pickle.Unpickler):
    """Reads numbers, words, lists and dictionaries; everything else is refused by its name."""

    def find_class(self, module: str, name: str) -> Any:
        known = _KNOWN.get((module, name))
        if known is None:
            raise AnnotationError(
                f"it would call {module}.{name}, which no file of Cellpose needs; it was not run"
            )
        return known
