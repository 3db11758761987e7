"""The Python face of unetscope: fit on strokes, predict, save, load, with scikit-learn's habits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from unetscope.computing.precision import choose_device
from unetscope.errors import ModelError
from unetscope.images.classes import LabelClass
from unetscope.images.micrograph import as_micrograph
from unetscope.learning.events import EpochDone, Finished, LearningEvent
from unetscope.learning.feature_cache import FeatureCache
from unetscope.learning.finetune import TrainOptions, fine_tune
from unetscope.learning.instant import fit_instant
from unetscope.learning.persistence import load_model, save_model, start_model
from unetscope.learning.pixel_model import PixelModel
from unetscope.learning.prediction import PredictOptions, predict_labels, predict_probabilities
from unetscope.learning.samples import make_samples, plain
from unetscope.network.facts import BUNDLED
from unetscope.network.unet import UNet


class Segmenter:
    """A U-Net that learns a segmentation from a few strokes.

    Parameters
    ----------
    model : str or None
        Bundled weights to start from (``"general"``, ``"general-fast"``, ``"general-large"``), or
        None for random ones.
    device : ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
    seed : one seed gives bitwise the same weights on the CPU at a fixed number of threads, when
        ``max_epochs`` and not a time ends the training.

    Attributes
    ----------
    model_ : PixelModel
        Everything learned.
    network_ : UNet
        The fine-tuned network, or the bundled one before :meth:`fit`.
    classes_ : tuple of LabelClass
    history_ : list of EpochDone
        One entry an epoch, over all calls of :meth:`fit`.
    """

    def __init__(self, model: str | None = "general", device: str = "auto", seed: int = 0) -> None:
        self.model = model
        self.device = device
        self.seed = seed

    def fit(
        self,
        images: Any,
        labels: Any,
        max_seconds: float | None = 60,
        on_event: Callable[[LearningEvent], None] | None = None,
        *,
        axes: str | None = None,
        options: TrainOptions | None = None,
    ) -> Segmenter:
        """Fine-tune on labelled images; called again, it goes on from the present weights.

        Parameters
        ----------
        images, labels : an array or Micrograph each, or lists of equal length. Images are
            (y, x), (c, y, x), (y, x, c) for RGB(A) or, with ``axes="zyx"``, stacks; labels have the
            spatial shape, 0 unlabelled, 1 … K classes.
        max_seconds : time budget; None trains until held-back pixels gain no more.
        on_event : called with every event (see :mod:`unetscope.learning.events`).
        options : everything else; its ``max_seconds``, ``seed`` and ``device`` are replaced.
        """
        samples = make_samples(images, labels, axes=axes)
        chosen = replace(
            options or TrainOptions(),
            max_seconds=max_seconds,
            seed=self.seed,
            device=self.device,
        )
        self.history_: list[EpochDone] = getattr(self, "history_", [])
        start = self._started()
        for event in fine_tune(start, samples, chosen, cache=FeatureCache()):
            if isinstance(event, EpochDone):
                self.history_.append(event)
            if isinstance(event, Finished):
                self.model_: PixelModel = _next_version(start, event.model)
            if on_event is not None:
                on_event(event)
        return self

    def fit_instant(self, images: Any, labels: Any, *, axes: str | None = None) -> Segmenter:
        """Solve only the instant head (and the forest): a fraction of a second."""
        samples = make_samples(images, labels, axes=axes)
        start = self._started()
        fitted = fit_instant(start, samples, device=self.device)
        self.model_ = _next_version(start, fitted)
        return self

    def predict(self, image: Any, *, axes: str | None = None) -> np.ndarray:
        """Class values of every pixel, (y, x) or (z, y, x), smallest unsigned type."""
        options = PredictOptions(device=self.device)
        return predict_labels(self._fitted(), as_micrograph(plain(image), axes=axes), options)

    def predict_proba(self, image: Any, *, axes: str | None = None) -> np.ndarray:
        """Class probabilities (class, …) float32, summing to one."""
        options = PredictOptions(device=self.device)
        return predict_probabilities(
            self._fitted(), as_micrograph(plain(image), axes=axes), options
        )

    def save(self, path: str | Path) -> str:
        """Write one ``.unetscope`` file and return its SHA-256."""
        return save_model(self._fitted(), path)

    @classmethod
    def load(cls, path: str | Path, device: str = "auto") -> Segmenter:
        """Read a file that :meth:`save`, the window or the command line wrote."""
        loaded = load_model(path)
        name = loaded.name if loaded.name in [bundled.name for bundled in BUNDLED] else None
        segmenter = cls(model=name, device=device, seed=loaded.provenance.seed)
        segmenter.model_ = loaded
        return segmenter

    @property
    def network_(self) -> UNet:
        """The fine-tuned network, or the one it starts from."""
        model = self._fitted()
        return model.network.net if model.network is not None else model.features.backbone

    @property
    def classes_(self) -> tuple[LabelClass, ...]:
        """The classes learned."""
        return self._fitted().classes

    def _started(self) -> PixelModel:
        if hasattr(self, "model_"):
            return self.model_
        return start_model(self.model, device=choose_device(self.device), seed=self.seed)

    def _fitted(self) -> PixelModel:
        if not hasattr(self, "model_"):
            raise ModelError("this Segmenter has learned nothing yet; call fit first.")
        return self.model_


def _next_version(start: PixelModel, learned: PixelModel) -> PixelModel:
    """``learned`` as a new version, where it answers otherwise than ``start``."""
    changed = learned.fingerprint != start.fingerprint
    return learned.with_provenance(version=start.version + changed)
