"""What the tests of the keeper share: a viewer without a window, keepers that die or are naive."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from napari.components import ViewerModel

from journal.painters import SHAPE
from unetscope.session.journal.identity import ImageIdentity, content_hash
from unetscope.session.journal.replaying import replay
from unetscope.session.journal.status import JournalStatus, RestoreOffer
from unetscope.session.journal.storage import JournalFile

IMAGE_NAME = "image"
PIXELS = np.random.default_rng(1).random(SHAPE, dtype=np.float32)


def fresh_viewer() -> ViewerModel:
    viewer = ViewerModel()
    viewer.add_image(PIXELS.copy(), name=IMAGE_NAME)
    return viewer


def on_disk(folder: Path, pixels: np.ndarray = PIXELS) -> np.ndarray:
    """The labels a fresh reader finds in the journal of an image."""
    path = folder / f"{content_hash(pixels)}.sqlite3"
    if not path.exists():
        return np.zeros(pixels.shape, np.uint8)
    journal = JournalFile(path, read_only=True)
    try:
        return replay(journal, ImageIdentity(path.stem, pixels.shape))
    finally:
        journal.close()


def killed(keeper: Any) -> None:
    """Nothing more is recorded, as if the process were gone: only what is on the disk counts."""
    if isinstance(keeper, NaiveKeeper):
        return
    keeper._connections.close()
    for kept in keeper._kept.values():
        if kept.journal._file is not None:
            kept.journal._file.close()
        if kept.watched is not None:
            kept.watched._connections.close()
    keeper._kept.clear()


class NaiveKeeper:
    """Saves the array in place when a paint event comes; undo is napari's."""

    def __init__(self, layers: Any, folder: Path) -> None:
        self._layers, self._path, self._key = layers, folder / "strokes.npy", ""
        layers.strokes_made.connect(self._made)

    def open(self, key: str) -> None:
        self._key = key

    def _made(self, layer: Any) -> None:
        layer.events.paint.connect(lambda event: np.save(self._path, layer.data))

    def status(self, key: str) -> JournalStatus:
        offer = RestoreOffer(1, 1, 1, 0.0) if self._path.exists() else None
        return JournalStatus(offer=offer)

    def restore(self, key: str) -> Sequence[Any]:
        self._layers.strokes_layer(key).data[...] = np.load(self._path)
        return ()

    def undo(self, key: str) -> None:
        layer = self._layers.strokes_layer(key)
        if layer is not None:
            layer.undo()

    def redo(self, key: str) -> None:
        layer = self._layers.strokes_layer(key)
        if layer is not None:
            layer.redo()

    def commit(self) -> None:
        pass

    sweep = close = commit

    def decline(self, key: str) -> None:
        pass

    @staticmethod
    def read(folder: Path) -> np.ndarray:
        path = folder / "strokes.npy"
        return np.load(path) if path.exists() else np.zeros(SHAPE, np.uint8)
