"""How long a table of objects takes to open, sort, find a row and filter, beside napari's own.

A program: ``python -m benchmarks.table_speed [OBJECTS] [REPEATS]`` in ``tests``. Both tables show
the same columns, in turns and in one process; a time is from the call until all is painted. On a
busy machine wall time says how busy it was, so the time of the processor is told beside it.
napari's table is sorted once, for it takes a minute, and has no filter. Colours of 16 Mpx are
compared with a colour for each label (napari's DirectLabelColormap), both without a canvas.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
import pandas as pd
from napari.components import ViewerModel
from napari.layers import Image, Labels
from napari.utils.colormaps import DirectLabelColormap
from napari_builtins._qt.features_table import FeaturesTable
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QWidget

from benchmarks.machine import OtherPrograms
from benchmarks.rows import Row
from measuring.object_tables import many
from unetscope.measuring.object_table import ObjectTable
from unetscope.measuring.pixel_runs import runs_of
from unetscope.measuring.value_image import colour_limits, value_image
from unetscope.widgets.kit.looks import theme_tints
from unetscope.widgets.measuring.measure_histogram import MeasureHistogram
from unetscope.widgets.measuring.object_view import ObjectTableView

SIZE = (900, 500)
SIDE, GRAIN = 4096, 40  # px: 16 Mpx, some 10,000 objects
_DOWN = Qt.SortOrder.DescendingOrder
_BY = ("diameter", "area", "circularity", "angle", "doubt")

Job = Callable[[], object]


class Times:
    """Milliseconds by what was done: of the wall, of the processor, and cores of others."""

    def __init__(self, app: QApplication) -> None:
        self._app = app
        self._told: defaultdict[str, list[tuple[float, float, float]]] = defaultdict(list)

    def of(self, name: str, job: Job) -> None:
        """Do a job and wait until all is painted."""
        self._app.processEvents()
        others = OtherPrograms()
        wall, processor = time.perf_counter(), time.process_time()
        job()
        self._app.processEvents()
        took = time.perf_counter() - wall, time.process_time() - processor
        self._told[name].append((1000 * took[0], 1000 * took[1], others.cores() or 0.0))

    def rows(self) -> Iterator[Row]:
        """Medians; the wall's is of the repetition that others disturbed least, too."""
        for name, times in self._told.items():
            wall, processor, others = (np.array(each) for each in zip(*times, strict=True))
            quietest = int(np.argmin(others))
            yield {
                "what": name,
                "wall_ms": round(float(np.median(wall)), 1),
                "processor_ms": round(float(np.median(processor)), 1),
                "quietest_ms": round(float(wall[quietest]), 1),
                "others_cores": round(float(others[quietest]), 2),
                "repeats": len(times),
            }


def shown(widget: QWidget) -> QWidget:
    widget.resize(*SIZE)
    widget.show()
    return widget


def table_times(times: Times, table: ObjectTable, repeats: int) -> None:
    """Ours and napari's in turns."""
    tints, columns = theme_tints("dark"), {c.header: table.columns[c.key] for c in table.about}
    rng, count = np.random.default_rng(0), len(table)
    ours, theirs = ObjectTableView(tints), Theirs(columns)
    shown(ours), shown(theirs.table)
    for turn in range(repeats):
        ours.show_table(None)
        times.of("open, ours", lambda: ours.show_table(table))
        theirs.close()
        times.of("open, napari", theirs.open)
        header, by = ours.rows.horizontalHeader(), _BY[turn % len(_BY)]
        assert header is not None
        at = ours.model.place_of(by)
        number = int(rng.integers(1, count + 1))
        times.of("object → row, ours", lambda number=number: ours.select([number]))
        times.of("object → row, napari", lambda number=number: theirs.select(number))
        times.of("sort, ours", lambda header=header, at=at: header.setSortIndicator(at, _DOWN))
        times.of("object → row, sorted, ours", lambda: ours.select([count // 2]))
        times.of("filter, ours", lambda: ours.filter_by("d > 50, not at border"))
        times.of("brush, ours", lambda turn=turn: ours.brush("diameter", 40 + turn, 60))
        ours.filter_by("")
    times.of("sort, napari", theirs.sort)


class Theirs:
    """napari's table of the features of a labels layer."""

    def __init__(self, columns: Mapping[str, np.ndarray]) -> None:
        self._viewer = ViewerModel()
        self.layer: Labels = self._viewer.add_labels(np.zeros((8, 8), np.int32))
        self.layer.features = pd.DataFrame({"index": columns["object"], **columns})
        self.table = FeaturesTable(self._viewer)

    def open(self) -> None:
        self._viewer.layers.selection = {self.layer}

    def close(self) -> None:
        self._viewer.layers.selection = set()

    def select(self, number: int) -> None:
        self.layer.selected_label = number

    def sort(self) -> None:
        self.table.table.sortByColumn(3, _DOWN)


def histogram_times(times: Times, table: ObjectTable, repeats: int) -> None:
    """Drawing a histogram, and following a filter."""
    histogram = MeasureHistogram(theme_tints("dark"))
    shown(histogram)
    for turn in range(repeats + 1):
        name = "histogram, first" if not turn else "histogram"
        times.of(name, lambda turn=turn: histogram.show_table(table, _BY[turn % len(_BY)]))
        kept = table.columns["diameter"] > 50 + turn
        times.of("histogram follows a filter", lambda kept=kept: histogram.show_kept(kept))


def colour_times(times: Times, repeats: int) -> None:
    """Colours of a measure over 16 Mpx, ours and a colour for each label."""
    ids = grains(SIDE)
    runs = runs_of(ids)
    labels, painted = Labels(ids), Image(np.zeros(ids.shape, np.float32), colormap="viridis")
    rng = np.random.default_rng(0)
    for _ in range(repeats):
        values = rng.random(runs.count)
        times.of("colour 16 Mpx, ours", lambda values=values: recolour(painted, runs, values))
        colors = dict(zip(runs.numbers.tolist(), painted.colormap.map(values), strict=True))
        times.of("colour 16 Mpx, napari", lambda colors=colors: direct(labels, colors))


def recolour(layer: Image, runs: object, values: np.ndarray) -> None:
    layer.contrast_limits = colour_limits(values)
    layer.data = value_image(runs, values)


def direct(layer: Labels, colors: Mapping[int, np.ndarray]) -> None:
    layer.colormap = DirectLabelColormap(color_dict={**colors, None: np.zeros(4)})


def grains(side: int) -> np.ndarray:
    """Disks side by side, each with its number."""
    y, x = np.mgrid[:side, :side]
    each = side // GRAIN + 1
    ids = ((y // GRAIN) * each + x // GRAIN + 1).astype(np.uint32)
    ids[(y % GRAIN - GRAIN / 2) ** 2 + (x % GRAIN - GRAIN / 2) ** 2 > (GRAIN * 0.45) ** 2] = 0
    return ids


def speed_rows(count: int, repeats: int) -> list[Row]:
    """Everything, by what was done."""
    times = Times(QApplication.instance() or QApplication([]))
    table = many(count)
    colour_times(times, repeats)
    histogram_times(times, table, repeats)
    table_times(times, table, repeats)
    return [{"objects": count, "columns": len(table.about), **row} for row in times.rows()]


if __name__ == "__main__":
    COUNT = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    REPEATS = int(sys.argv[2]) if len(sys.argv) > 2 else 9
    for made in speed_rows(COUNT, REPEATS):
        print(json.dumps(made), flush=True)
