"""Pictures of an answer that grows over a large image, and of the table of a folder."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from windows import SIZE, pump, shoot, wait_until

from unetscope.widgets.painting.batch_panel import BatchPanel

LIMIT_KB = 400
SHAPE = (8192, 9216)  # 75 Mpx, 20 blocks
BLOCKS = 7  # that are done in the picture
MOST_S = 1800.0


def take(folder: Path) -> None:
    """A section of membranes while its answer grows; then a folder of nuclei with its table."""
    with tempfile.TemporaryDirectory(prefix="pictures-") as place:
        _growing(Path(place), folder)
    with tempfile.TemporaryDirectory(prefix="pictures-") as place:
        _batch(Path(place), folder)


def _growing(place: Path, folder: Path) -> None:
    from unetscope.cli.demo.pictures import synthetic
    from unetscope.session.values import Scope

    picture = synthetic("membranes")
    viewer, panel = _window()
    _write_section(np.asarray(picture.image.pixels), place / "section.zarr")
    viewer.open(str(place / "section.zarr"), plugin="napari")
    session, bench = panel.session, panel.bench
    wait_until(lambda: session.image is not None and session.model is not None)
    session.classes = picture.classes
    high, wide = picture.labels.shape
    for one in picture.classes:
        bench.paint_with(one.value)
        y, x = np.nonzero(picture.labels == one.value)
        layer = bench.layers.strokes_layer(session.image.key)
        layer.data_setitem((y + 8 * high, x + 8 * wide), one.value)
    wait_until(lambda: session.model.model.can_answer and not session.answering)
    bench.set_live(False)
    viewer.reset_view()
    bench.predict(Scope.IMAGE)
    stored: Any = None

    def enough() -> bool:
        nonlocal stored
        pyramids = list(bench.results._pyramids.values())
        stored = pyramids[0].stored if pyramids else None
        return stored is not None and len(stored.done) >= BLOCKS

    wait_until(enough, MOST_S)
    pump(1.5)
    shoot(viewer, folder / "growing.png", limit_kb=LIMIT_KB)
    bench.stop_predicting()
    wait_until(lambda: not session.prediction.busy)
    panel.shut_down()
    viewer.close()


def _batch(place: Path, folder: Path) -> None:
    from unetscope.cli.demo.pictures import synthetic
    from unetscope.images.files import write_micrograph

    made = [synthetic("nuclei", seed=seed) for seed in range(7)]
    for number, picture in enumerate(made):
        write_micrograph(picture.image, place / f"well-{number + 1}.tif")
    whole = (place / "well-3.tif").read_bytes()
    (place / "well-3.tif").write_bytes(whole[: len(whole) // 3])
    pixels = np.asarray(made[5].image.pixels)
    dark = type(made[5].image)(pixels.max() - pixels, made[5].image.axes, name="well-6")
    write_micrograph(dark, place / "well-6b.tif")
    viewer, panel = _window()
    first = made[0]
    viewer.add_image(np.asarray(first.image.pixels), name="well-1")
    session, bench = panel.session, panel.bench
    wait_until(lambda: session.image is not None and session.model is not None)
    session.classes = first.classes
    for one in first.classes:
        bench.paint_with(one.value)
        layer = bench.layers.strokes_layer(session.image.key)
        layer.data_setitem(np.nonzero(first.labels == one.value), one.value)
    wait_until(lambda: session.model.model.can_answer and not session.answering)
    viewer.reset_view()
    bench.predict_folder(place, place / "predicted")
    wait_until(lambda: len(session.batch.rows) == len(made) + 1, MOST_S)
    wait_until(lambda: not session.prediction.busy)
    panel.bring_out(panel.part(BatchPanel))
    shoot(viewer, folder / "batch-table.png", limit_kb=LIMIT_KB)
    panel.shut_down()
    viewer.close()


def _window() -> tuple[Any, Any]:
    import napari

    from unetscope.cli.demo.window import PANEL, PLUGIN

    viewer = napari.Viewer(show=True, title="napari")
    viewer.window.resize(*SIZE)
    _, panel = viewer.window.add_plugin_dock_widget(PLUGIN, PANEL)
    return viewer, panel


def _write_section(tile: np.ndarray, path: Path) -> None:
    """A pyramid of a picture, mirrored side by side until it is large."""
    mirrored = np.concatenate([tile, tile[::-1]])
    mirrored = np.concatenate([mirrored, mirrored[:, ::-1]], axis=1)
    many = [-(-side // own) for side, own in zip(SHAPE, mirrored.shape, strict=True)]
    pixels = np.tile(mirrored, many)[: SHAPE[0], : SHAPE[1]]
    group, level = zarr.open_group(str(path), mode="w", zarr_format=2), 0
    while True:
        group.create_array(str(level), data=pixels, chunks=(512, 512))
        if max(pixels.shape) <= 1024:
            return
        pixels, level = pixels[::2, ::2], level + 1
