"""What Cellpose's window saves is read as cells, and nothing in it is run."""

from __future__ import annotations

import os
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imageio.v3 as imageio
import numpy as np
import pytest

from unetscope.errors import AnnotationError
from unetscope.images.annotations.formats import read_annotations

SHAPE = (24, 30)


def cells() -> np.ndarray:
    masks = np.zeros(SHAPE, np.uint16)
    masks[2:8, 3:9], masks[12:20, 10:25] = 1, 700
    return masks


def saved(path: Path, told: Any) -> Path:
    np.save(path, told, allow_pickle=True)
    return path


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_cells_are_objects_of_one_class(tmp_path: Path, protocol: int) -> None:
    told = {
        "masks": cells(),
        "outlines": np.zeros(SHAPE, np.uint8),
        "flows": [np.zeros((2, 3), np.float32), None],
        "filename": "a.tif",
        "est_diam": np.float64(17.5),
        "ismanual": np.array([False, True]),
        "chan_choose": [0, 0],
        "model_path": 0,
    }
    path = tmp_path / "a_seg.npy"
    saved(path, {})
    head = path.read_bytes()
    head = head[: 10 + struct.unpack("<H", head[8:10])[0]]
    path.write_bytes(head + pickle.dumps(np.array(told, dtype=object), protocol))
    found = read_annotations(path, SHAPE)
    assert found.instances is not None
    np.testing.assert_array_equal(found.instances, cells())
    np.testing.assert_array_equal(found.labels > 0, cells() > 0)
    assert [one.name for one in found.classes] == ["object"]


def test_masks_that_cellpose_named_are_objects_also_where_they_are_few(tmp_path: Path) -> None:
    imageio.imwrite(tmp_path / "a_cp_masks.png", cells())
    found = read_annotations(tmp_path / "a_cp_masks.png", SHAPE)
    assert found.instances is not None
    np.testing.assert_array_equal(found.instances, cells())
    imageio.imwrite(tmp_path / "a_mask.png", np.minimum(cells(), 2))
    assert len(read_annotations(tmp_path / "a_mask.png", SHAPE).classes) == 2


def test_what_is_no_file_of_cells_or_of_another_image_is_refused(tmp_path: Path) -> None:
    for told, words in [
        (cells(), "an array and no cells"),
        ({"outlines": cells()}, "no masks"),
        ({"masks": cells().astype(float)}, "no masks"),
        (
            {"masks": np.array([cells(), None], dtype=object)},
            "no masks",
        ),
        ([1, 2], "no masks|an array"),
        ({"masks": cells()[:5]}, r"\(5, 30\)"),
    ]:
        path = saved(tmp_path / "a_seg.npy", told)
        with pytest.raises(AnnotationError, match=words) as refused:
            read_annotations(path, SHAPE)
        assert str(path) in str(refused.value)


class Calls:
    """Pickled, it calls a function when it is read."""

    def __init__(self, function: Callable[..., Any], *given: Any) -> None:
        self._call = function, given

    def __reduce__(self) -> Any:
        return self._call


def _hostile(folder: Path) -> dict[str, Any]:
    mark = str(folder / "was here")
    return {
        "system": Calls(os.system, f"touch '{mark}'"),
        "eval": Calls(eval, f"open({mark!r}, 'w')"),
        "exec": Calls(exec, f"open({mark!r}, 'w')"),
        "memmap": Calls(np.memmap, mark, "u1", "w+", 0, (4,)),
        "fromfile": Calls(np.fromfile, __file__),
        "load": Calls(np.load, __file__),
        "getattr": Calls(getattr, "text", "format"),
        "open": Calls(open, mark, "w"),
        "large": Calls(np.ndarray, (2**40,), "u1"),
        "empty": Calls(np.empty, (2**40,)),
        "path": Calls(Path, mark),
    }


@pytest.mark.parametrize("name", list(_hostile(Path())))
def test_nothing_in_a_file_is_run(tmp_path: Path, name: str) -> None:
    path = saved(tmp_path / "a_seg.npy", {"masks": cells(), "more": _hostile(tmp_path)[name]})
    with pytest.raises(AnnotationError):
        read_annotations(path, SHAPE)
    assert [one.name for one in tmp_path.iterdir()] == ["a_seg.npy"]


def test_damaged_and_lying_files_are_refused_by_name(tmp_path: Path) -> None:
    path = saved(tmp_path / "a_seg.npy", {"masks": cells()})
    whole = path.read_bytes()
    start = 10 + struct.unpack("<H", whole[8:10])[0]
    pickled = [
        b"\x80\x04P1\n.",  # a persistent id
        b"\x80\x04\x8e" + struct.pack("<Q", 2**40) + b"x.",  # says it has 2⁴⁰ bytes
        b"\x80\x04\x82\x01.",  # an extension
        whole[start:-40],
        b"",
    ]
    for content in [*(whole[:start] + one for one in pickled), whole[:5], b"\x93NUMPY\x09\x00"]:
        path.write_bytes(content)
        with pytest.raises(AnnotationError, match=r"a_seg\.npy"):
            read_annotations(path, SHAPE)
    refused = 0
    for at in range(start, len(whole), 7):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
        try:
            assert read_annotations(path, SHAPE).labels.shape == SHAPE
        except AnnotationError as error:
            refused += 1
            assert str(path) in str(error)
    assert refused
