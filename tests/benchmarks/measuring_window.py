"""What measuring costs in the real window, and how long it stands still.

A program: ``xvfb-run python -m benchmarks.measuring_window [SIDE] [REPEATS]`` in ``tests``:
objects on a grid, about 10,000 of them on 4096², in one viewer that is on screen. For each thing
done: the milliseconds until what it changes has come (of a join, until its rows are there), and the
longest time that the event loop stood still meanwhile.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication

GRID = 40  # px from object to object
BEAT_MS = 2


def grid_of_disks(side: int) -> np.ndarray:
    """Class 2 in disks of a size that differs from row to row, 1 around them."""
    y, x = np.mgrid[:side, :side]
    radius = 9 + (y // GRID + x // GRID) % 6
    inside = (y % GRID - GRID // 2) ** 2 + (x % GRID - GRID // 2) ** 2 <= radius**2
    return np.where(inside, 2, 1).astype(np.uint8)


class Watch:
    """How long things take, and how long the loop stands still meanwhile."""

    def __init__(self, app: QApplication) -> None:
        self._app, self._late, self._last = app, 0.0, 0.0
        self.told: dict[str, list[tuple[float, float]]] = {}
        self._timer = QTimer()
        self._timer.setInterval(BEAT_MS)
        self._timer.timeout.connect(self._beat)
        self._timer.start()

    def of(self, name: str, begin: Callable[[], Any], done: Callable[[], bool]) -> None:
        """Begin something and wait until ``done()``, then until all is painted."""
        self.rest()
        start = self._last = time.perf_counter()
        self._late = 0.0
        begin()
        self._beat()
        while not done():
            self._app.processEvents()
        taken = time.perf_counter() - start
        self.rest(0.3)
        self.told.setdefault(name, []).append((1000 * taken, 1000 * self._late))

    def rest(self, seconds: float = 0.5) -> None:
        """Let everything that was begun end."""
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            self._app.processEvents()

    def _beat(self) -> None:
        now = time.perf_counter()
        self._late = max(self._late, now - self._last - BEAT_MS / 1000)
        self._last = now


def main() -> None:
    """Print a line of JSON for each thing done."""
    import napari

    from unetscope.widgets.measuring.measure_dock import MeasureDock

    side, repeats = (int(one) for one in (sys.argv[1:] + ["4096", "5"][len(sys.argv[1:]) :])[:2])
    viewer = napari.Viewer()
    labels = grid_of_disks(side)
    viewer.add_image(labels.astype(np.float32), name="field", scale=(2, 2), units=("nm", "nm"))
    viewer.add_labels(labels, name="truth", scale=(2, 2), units=("nm", "nm"))
    dock = MeasureDock(viewer)
    viewer.window.add_dock_widget(dock, name="Measure")
    app, bench = QApplication.instance(), dock.bench
    assert isinstance(app, QApplication)
    watch = Watch(app)

    def idle() -> bool:
        return not bench.busy

    def rows() -> int:
        return bench.state.found.objects.runs.count

    watch.rest(2)
    for turn in range(repeats):
        before = bench.state.found
        watch.of("find", bench.finder.find, lambda before=before: bench.state.found is not before)
        watch.of("numbers after find", lambda: None, idle)
        n = rows()
        bench.tools.choose((2 * turn + 10, 2 * turn + 11))
        watch.of("join to new rows", bench.editor.join, lambda n=n: rows() < n)
        watch.of("numbers after join", lambda: None, idle)
        for name, key in (("colour by", "diameter"), ("colour by another", "area")):
            bench.objects.colour_no_more()
            shown = bench.state.limits
            watch.of(
                name,
                lambda key=key: bench.colours.colour_by(key),
                lambda shown=shown: idle() and bench.state.limits != shown,
            )
        n = rows()
        bench.tools.choose((2 * turn + 50, 2 * turn + 51))
        watch.of("join to new rows, coloured", bench.editor.join, lambda n=n: rows() < n)
        watch.of("numbers and colours after join", lambda: None, idle)
        bench.colours.colour_by("")
        bench.forget()
    for name, pairs in watch.told.items():
        taken, still = (np.array(one) for one in zip(*pairs, strict=True))
        row = {
            "what": name,
            "ms": round(float(np.median(taken))),
            "still_ms": round(float(np.median(still))),
            "still_most_ms": round(float(still.max())),
        }
        sys.stdout.write(json.dumps(row) + "\n")
    dock.shut_down()
    viewer.close()


if __name__ == "__main__":
    main()
