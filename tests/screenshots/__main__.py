"""Take the pictures of the real window in docs/images/ again (``make screenshots``).

A light and an electron micrograph, each before strokes, while training and after; then what
*Look inside*, *Lessons* and *Measure* show of both; a project, and the import of a mask into it.
Settings are fresh, so that nobody's theme or window size gets into the pictures.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from windows import SIZE, shoot, wait_until

from unetscope.widgets.painting.places_panel import PlacesPanel

warnings.filterwarnings("ignore")  # of libraries, about each other
_SETTINGS = tempfile.TemporaryDirectory()
os.environ["NAPARI_CONFIG"] = str(Path(_SETTINGS.name) / "napari.yaml")
os.environ["UNETSCOPE_STROKES"] = str(Path(_SETTINGS.name) / "strokes")  # nothing to restore
os.environ["XDG_DATA_HOME"] = _SETTINGS.name  # the list of recent projects
os.environ.pop("QT_QPA_PLATFORM", None)

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "images"
TRAIN_S = 30
LIMIT_KB = 400


def main() -> int:
    """Take all pictures, or those of one micrograph."""
    import large_pictures
    import lesson_pictures
    import look_inside
    import measure_pictures
    import project_pictures

    from unetscope.cli.demo import pictures

    made = {"light": pictures.immunohistochemistry, "em": lambda: pictures.synthetic("membranes")}
    parser = argparse.ArgumentParser(prog="screenshots", description=__doc__)
    parser.add_argument("--only", choices=made, help="one micrograph")
    parser.add_argument(
        "--panel",
        choices=("paint", "inside", "lessons", "measure", "project", "large"),
        help="one panel",
    )
    parser.add_argument("--out", type=Path, default=FOLDER)
    parser.add_argument(
        "--seconds", type=int, default=TRAIN_S, help="of training; more on a busy machine"
    )
    told = parser.parse_args()
    told.out.mkdir(parents=True, exist_ok=True)
    for name in [told.only] if told.only else made:
        if told.panel in (None, "paint"):
            take(name, made[name](), told.out, told.seconds)
        if told.panel in (None, "inside"):
            look_inside.TAKEN[name](made[name](), told.out)
        if told.panel in (None, "lessons"):
            lesson_pictures.TAKEN[name](made[name](), told.out)
        if told.panel in (None, "measure"):
            measured = made[name]() if name == "em" else pictures.synthetic("nuclei")
            measure_pictures.TAKEN[name](measured, told.out)
    if told.panel == "project" or (told.panel is None and told.only is None):
        project_pictures.take(told.out)
    if told.panel == "large" or (told.panel is None and told.only is None):
        large_pictures.take(told.out)
    sys.stdout.flush()
    os._exit(0)  # the windows are closed; Qt's own ending has nothing to add


def take(name: str, picture: Any, folder: Path, train_s: int) -> None:
    """Open ``picture`` as a person would, paint, train, and take a picture of each state."""
    import napari

    from unetscope.cli.demo.window import set_up

    viewer = napari.Viewer(show=True, title="napari")
    viewer.window.resize(*SIZE)
    unpainted = replace(picture, labels=np.zeros_like(picture.labels), classes=())
    panel = set_up(viewer, unpainted, train_seconds=train_s)
    session, bench = panel.session, panel.bench
    wait_until(lambda: session.model is not None)
    wait_until(lambda: not bench.answers.lane.busy)
    viewer.reset_view()
    shoot(viewer, folder / f"{name}-before.png", limit_kb=LIMIT_KB)

    session.classes = picture.classes
    for one in picture.classes:
        bench.paint_with(one.value)
        layer = bench.layers.strokes_layer(session.image.key)
        layer.data_setitem(np.nonzero(picture.labels == one.value), one.value)
    wait_until(lambda: session.model.model.can_answer and not session.answering)
    bench.train()
    wait_until(lambda: session.training.seconds > train_s / 3, 20 * train_s)
    shoot(viewer, folder / f"{name}-training.png", limit_kb=LIMIT_KB)
    wait_until(lambda: not session.training.busy, 20 * train_s)
    wait_until(lambda: not session.answering)
    shoot(viewer, folder / f"{name}-after.png", limit_kb=LIMIT_KB)

    if name == "em":  # once is enough for the pages
        panel.bring_out(panel.part(PlacesPanel))
        wait_until(lambda: panel.part(PlacesPanel).table.rowCount() > 0)
        bench.advisor.go_to_next()
        shoot(viewer, folder / f"{name}-next.png", limit_kb=LIMIT_KB)
    panel.shut_down()
    viewer.close()


if __name__ == "__main__":
    sys.exit(main())
