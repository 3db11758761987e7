"""Take the pictures of the real window in docs/images/ again (``make screenshots``).

A light and an electron micrograph, each before strokes, while training and after. Settings are
fresh, so that nobody's theme or window size gets into the pictures.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

warnings.filterwarnings("ignore")  # of libraries, about each other
_SETTINGS = tempfile.TemporaryDirectory()
os.environ["NAPARI_CONFIG"] = str(Path(_SETTINGS.name) / "napari.yaml")
os.environ.pop("QT_QPA_PLATFORM", None)

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "images"
SIZE = (1360, 860)
TRAIN_S = 30
LIMIT_KB = 400


def main() -> int:
    """Take all pictures, or those of one micrograph."""
    from unetscope.demo import pictures

    made = {"light": pictures.immunohistochemistry, "em": lambda: pictures.synthetic("membranes")}
    parser = argparse.ArgumentParser(prog="screenshots", description=__doc__)
    parser.add_argument("--only", choices=made, help="one micrograph")
    parser.add_argument("--out", type=Path, default=FOLDER)
    told = parser.parse_args()
    told.out.mkdir(parents=True, exist_ok=True)
    for name in [told.only] if told.only else made:
        take(name, made[name](), told.out)
    sys.stdout.flush()
    os._exit(0)  # the windows are closed; Qt's own ending has nothing to add


def take(name: str, picture: Any, folder: Path) -> None:
    """Open ``picture`` as a person would, paint, train, and take a picture of each state."""
    import napari

    from unetscope.demo.window import set_up

    viewer = napari.Viewer(show=True, title="napari")
    viewer.window.resize(*SIZE)
    unpainted = replace(picture, labels=np.zeros_like(picture.labels), classes=())
    panel = set_up(viewer, unpainted, train_seconds=TRAIN_S)
    session, bench = panel.session, panel.bench
    wait_until(lambda: session.model is not None)
    wait_until(lambda: not bench.answers.lane.busy)
    viewer.reset_view()
    shoot(viewer, folder / f"{name}-before.png")

    session.classes = picture.classes
    for one in picture.classes:
        bench.paint_with(one.value)
        layer = bench.layers.strokes_layer(session.image.key)
        layer.data_setitem(np.nonzero(picture.labels == one.value), one.value)
    wait_until(lambda: session.model.model.can_answer and not session.answering)
    bench.train()
    wait_until(lambda: session.training.seconds > TRAIN_S / 3, 240)
    shoot(viewer, folder / f"{name}-training.png")
    wait_until(lambda: not session.training.busy, 240)
    wait_until(lambda: not session.answering)
    shoot(viewer, folder / f"{name}-after.png")
    panel.shut_down()
    viewer.close()


def wait_until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Turn the event loop until ``condition`` holds."""
    from qtpy.QtWidgets import QApplication

    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"nothing came within {seconds:.0f} s")
        QApplication.processEvents()
        time.sleep(0.005)


def shoot(viewer: Any, path: Path) -> None:
    """Save the whole window in 256 colours, which keeps text sharp and the file small."""
    from PIL import Image

    end = time.monotonic() + 0.8  # the last events are drawn
    wait_until(lambda: time.monotonic() > end)
    seen = viewer.screenshot(canvas_only=False, flash=False)
    picture = Image.fromarray(seen[..., :3])
    picture = picture.quantize(256, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    picture.save(path, optimize=True)
    size_kb = path.stat().st_size / 1000
    print(f"{path.name}: {size_kb:.0f} kB", flush=True)
    if size_kb > LIMIT_KB:
        raise ValueError(f"{path.name} is {size_kb:.0f} kB; at most {LIMIT_KB} kB are allowed.")


if __name__ == "__main__":
    sys.exit(main())
