"""How much memory it takes to find and measure the objects of a large label image on disk.

A program: ``python -m benchmarks.measuring_in_bands [SIDE] [BY]`` in ``tests``. Disks of 10 to 28
pixels, one in each cell of 32, in zarr with chunks of 1024; ``BY`` is components or shape. Prints
one line of JSON: objects, runs, seconds of each step, peak resident memory and the bytes of the
labels as numbers.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, cast

import numpy as np
import zarr

from unetscope.measuring.banded_objects import objects_in_bands
from unetscope.measuring.object_table import measure
from unetscope.measuring.objects import By, Separation
from unetscope.measuring.quantities import Spacing

CELL, CHUNK = 32, 1024


def write_disks(array: Any, seed: int = 0) -> None:
    """One disk in each cell, a row of chunks at a time."""
    rng = np.random.default_rng(seed)
    side = array.shape[0]
    y, x = np.mgrid[:CELL, :CELL]
    for first in range(0, side, CHUNK):
        rows = np.zeros((min(CHUNK, side - first), side), np.uint8)
        for top in range(0, len(rows) - CELL + 1, CELL):
            count = side // CELL
            radius, off = rng.uniform(5, 14, count), rng.uniform(-1.5, 1.5, (2, count))
            middle = CELL / 2 + off
            far = sum(
                (a[None] - m[:, None, None]) ** 2 for a, m in zip((y, x), middle, strict=True)
            )
            disks = far <= radius[:, None, None] ** 2
            rows[top : top + CELL, : count * CELL] = disks.transpose(1, 0, 2).reshape(CELL, -1)
        array[first : first + len(rows)] = rows


def run(side: int, by: By, folder: Path) -> dict[str, Any]:
    """All steps, and what they took."""
    shape, chunks = (side, side), (CHUNK, CHUNK)
    labels = zarr.create_array(folder / "labels", shape=shape, chunks=chunks, dtype="u1")
    into = zarr.create_array(folder / "objects", shape=shape, chunks=chunks, dtype="u4")
    write_disks(labels)
    before, start = _peak(), time.perf_counter()
    found = objects_in_bands(labels, Spacing((1.0, 1.0)), Separation(by=by), into=into)
    middle = time.perf_counter()
    table = measure(found)
    return {
        "side": side,
        "by": by,
        "objects": len(table),
        "runs": len(found.runs.line),
        "finding_s": round(middle - start, 1),
        "measuring_s": round(time.perf_counter() - middle, 1),
        "peak_before_MiB": before,
        "peak_MiB": _peak(),
        "labels_as_numbers_MiB": side * side * 4 >> 20,
    }


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def main() -> None:
    """Run it in a folder that is removed."""
    side = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    by = cast("By", sys.argv[2] if len(sys.argv) > 2 else "components")
    with tempfile.TemporaryDirectory() as folder:
        sys.stdout.write(json.dumps(run(side, by, Path(folder))) + "\n")


if __name__ == "__main__":
    main()
