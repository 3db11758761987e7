"""Pictures of the panel Measure: from strokes to objects, their table, and one that is in doubt."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from windows import SIZE, pump, shoot, wait_until

from unetscope.widgets.measuring.numbers_panel import NumbersPanel

LIMIT_KB = 400
TRAIN_S = 30


def take_em(picture: Any, folder: Path) -> None:
    """Mitochondria: the number, the table and the histogram."""
    viewer, panel, dock = _opened(picture)
    _found(dock, "mitochondrion")
    table = dock.open_table()
    dock.bench.colour_by("area")
    wait_until(lambda: not dock.bench.busy)
    pump(0.5)
    numbers = dock.state.found.measured.table.columns["object"]
    table.view.select(numbers[:1])
    shoot(viewer, folder / "measure-em.png", limit_kb=LIMIT_KB)
    _close(viewer, panel, dock)


def take_light(picture: Any, folder: Path) -> None:
    """Nuclei: one that is in doubt, and all sizes."""
    viewer, panel, dock = _opened(picture)
    _found(dock, "nucleus")
    dock.part(NumbersPanel).folds["Sizes"].expand()
    dock.bench.checker.next()
    shoot(viewer, folder / "measure-light.png", limit_kb=LIMIT_KB)
    _close(viewer, panel, dock)


TAKEN: dict[str, Callable[[Any, Path], None]] = {"em": take_em, "light": take_light}


def _opened(picture: Any) -> tuple[Any, Any, Any]:
    """A window in which the strokes of a picture are answered, with Measure in front."""
    import napari

    from unetscope.cli.demo.window import PLUGIN, set_up

    viewer = napari.Viewer(show=True, title="napari")
    viewer.window.resize(*SIZE)
    panel = set_up(viewer, picture, train_seconds=TRAIN_S)
    session = panel.session
    wait_until(lambda: session.model is not None and session.model.model.can_answer, 240)
    wait_until(lambda: session.training.busy or bool(session.training.reason), 240)
    wait_until(lambda: not session.training.busy, 20 * TRAIN_S)
    wait_until(lambda: not session.answering and not panel.bench.answers.lane.busy, 240)
    pump(1.0)
    _, dock = viewer.window.add_plugin_dock_widget(PLUGIN, "Measure")
    wait_until(lambda: dock.state.source is not None and not dock.bench.busy)
    return viewer, panel, dock


def _found(dock: Any, name: str) -> None:
    """Objects of a class, parted by the size of those that a person would click."""
    value = next(c.value for c in dock.state.source.classes if name in c.name.lower())
    dock.bench.wish(value=value, apart="shape")
    dock.bench.find()
    wait_until(lambda: not dock.bench.busy, 240)
    table = dock.state.found.measured.table
    largest = table.columns["object"][np.argsort(-table.columns["diameter"])[:3]]
    dock.bench.use_tool("typical")
    for number in largest.tolist():
        dock.bench.objects.clicked.emit(number, (0.0, 0.0), False)
    wait_until(lambda: not dock.bench.busy, 240)
    dock.bench.layers.viewer.reset_view()
    pump(0.5)


def _close(viewer: Any, panel: Any, dock: Any) -> None:
    dock.shut_down()
    panel.shut_down()
    viewer.close()
