"""How long objects take to be measured, beside scikit-image, in turns in one run.

    python -m benchmarks.object_speed OUT.json [--large]

Disks of other sizes on a grid: 10,000 on 3200² and, with --large, 100,000 on 10,112². Seconds of
processor time of one thread, medians of the turns.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from skimage.measure import regionprops, regionprops_table

from unetscope.measuring.hulls import hulls_of_edges
from unetscope.measuring.object_table import measure
from unetscope.measuring.objects import given_objects
from unetscope.measuring.pixel_runs import runs_of
from unetscope.measuring.quantities import Spacing

_CELL_PX = 32
_PX = Spacing((1.0, 1.0))
#: What regionprops_table calls the columns that our table has.
SAME_COLUMNS = (
    "label", "area", "equivalent_diameter_area", "centroid", "bbox", "perimeter_crofton",
    "axis_major_length", "axis_minor_length", "orientation",
)  # fmt: skip


def many_disks(across: int) -> NDArray[np.uint32]:
    """(y, x) ``across``² disks of 12 to 28 pixels, numbered in rows."""
    rng = np.random.default_rng(0)
    at = np.arange(across * _CELL_PX) % _CELL_PX - _CELL_PX / 2 + 0.5
    cell = np.arange(across * _CELL_PX) // _CELL_PX
    radius = rng.uniform(6, 14, (across, across))
    number = np.arange(1, across**2 + 1, dtype=np.uint32).reshape(across, across)
    labels = np.zeros((across * _CELL_PX,) * 2, np.uint32)
    for row in range(across):  # a line of cells at a time: memory
        lines = slice(row * _CELL_PX, (row + 1) * _CELL_PX)
        far = np.hypot(at[lines, None], at[None])
        labels[lines] = np.where(far <= radius[row][cell], number[row][cell], 0)
    return labels


def took(work: Callable[[], object]) -> float:
    """Seconds of processor time."""
    began = time.process_time()
    work()
    return time.process_time() - began


def in_turns(ways: dict[str, Callable[[], object]], turns: int) -> dict[str, float]:
    """The median of each way."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(turns):
        for name, work in ways.items():
            seconds[name].append(took(work))
    return {name: float(np.median(found)) for name, found in seconds.items()}


def table_ways(labels: NDArray[np.uint32]) -> dict[str, Callable[[], object]]:
    """Ours measures more than scikit-image is asked for: solidity, Feret diameters, weights."""
    return {
        "ours, all columns": lambda: measure(given_objects(labels, _PX)),
        "regionprops_table": lambda: regionprops_table(labels, properties=SAME_COLUMNS),
    }


def feret_ways(labels: NDArray[np.uint32]) -> dict[str, Callable[[], object]]:
    """Ours: the largest and the smallest; scikit-image: the largest alone."""
    return {
        "ours, largest and smallest": lambda: hulls_of_edges(runs_of(labels)).ferets((1.0, 1.0)),
        "feret_diameter_max": lambda: [one.feret_diameter_max for one in regionprops(labels)],
    }


def recolour_way(side: int = 4096) -> dict[str, Callable[[], object]]:
    """What the window does to colour objects by a measure: each pixel takes its object's value."""
    labels = many_disks(side // _CELL_PX)
    values = np.random.default_rng(0).random(int(labels.max()) + 1, np.float32)
    return {f"recolour {side}²": lambda: values[labels]}


def main(out: Path, large: bool) -> None:
    """Measure, and write one JSON."""
    small = many_disks(100)
    found = {
        "10,000 objects": in_turns(table_ways(small), 3),
        "Feret, 10,000 objects": in_turns(feret_ways(small), 3),
        "recolour": in_turns(recolour_way(), 9),
    }
    if large:
        many = many_disks(316)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        measure(given_objects(many, _PX))
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        found["memory, MiB"] = {
            "labels": many.nbytes / 2**20,
            "added by measuring": (after - before) / 2**10,
        }
        found["99,856 objects"] = in_turns(table_ways(many), 1)
    out.write_text(json.dumps(found, indent=1) + "\n")
    sys.stdout.write(out.read_text())


if __name__ == "__main__":
    main(Path(sys.argv[1]), "--large" in sys.argv)
