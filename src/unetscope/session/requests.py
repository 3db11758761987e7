"""What a window asks of an engine, and what it is told: requests, events, an engine's face.

Requests carry copies; nothing in here touches a layer, a viewer or a session.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from unetscope.images.claims import Claim
from unetscope.images.micrograph import Micrograph
from unetscope.learning.classes import LabelClass
from unetscope.learning.events import LearningEvent, PredictionEvent
from unetscope.learning.samples import Sample
from unetscope.session.values import AdvancedSettings, EngineSettings, Show

if TYPE_CHECKING:
    from unetscope.learning.pixel_model import PixelModel
    from unetscope.learning.sources.catalogue import SourceEntry

Box = tuple[slice, slice]


@dataclass(frozen=True)
class ModelOpened:
    """A model is ready to answer or to learn; ``path`` is None for a bundled one."""

    model: PixelModel
    title: str
    device: str
    path: Path | None = None


@dataclass(frozen=True)
class SourcesFound:
    """Backbones of others that can stand beside a bundled model."""

    entries: tuple[SourceEntry, ...]


@dataclass(frozen=True)
class SourceRequest:
    """A bundled model with the backbone ``spec`` beside it, shown as ``title``."""

    spec: str
    title: str
    allow_download: bool = False


@dataclass(frozen=True)
class ModelSaved:
    """A model file was written."""

    path: Path


@dataclass(frozen=True)
class Warmed:
    """The features of what is on screen are computed, so that the first stroke is answered fast."""

    device: str


@dataclass(frozen=True, eq=False)
class TileShown:
    """A tile of an image's answer, as small as the screen needs it.

    ``key``: of the image. ``region``: slices of the spatial axes. ``labels`` (y, x) or (1, y, x);
    ``probability`` of one class and ``uncertainty`` of the same shape, float32, or None.
    """

    key: str
    done: int
    total: int
    region: tuple[slice, ...]
    labels: np.ndarray = field(repr=False)
    probability: np.ndarray | None = field(repr=False, default=None)
    uncertainty: np.ndarray | None = field(repr=False, default=None)


@dataclass(frozen=True, eq=False)
class Target:
    """An image to predict: where first (``view`` on plane ``z``; None: all of it)."""

    key: str
    image: Micrograph
    z: int = 0
    view: Box | None = None


@dataclass(frozen=True, eq=False)
class AnswerRequest:
    """The instant answer to the strokes of ``samples``; without samples the model just predicts."""

    model: PixelModel
    samples: Sequence[Sample]
    classes: Sequence[LabelClass]
    target: Target
    show: Show = Show.MASK
    shown_class: int = 1
    with_forest: bool = False
    quick_first: bool = False  # show the view without the forest before anything else
    whole_image: bool = True


@dataclass(frozen=True, eq=False)
class TrainRequest:
    """A training: from ``model``, on ``samples``, for at most ``seconds`` (None: no limit)."""

    model: PixelModel
    samples: Sequence[Sample]
    classes: Sequence[LabelClass]
    seconds: float | None
    advanced: AdvancedSettings


@dataclass(frozen=True, eq=False)
class PredictRequest:
    """A prediction of several images, asked for by name."""

    model: PixelModel
    targets: Sequence[Target]
    show: Show = Show.MASK
    shown_class: int = 1
    only_view: bool = False


JobEvent = LearningEvent | TileShown | ModelOpened | ModelSaved | SourcesFound | Warmed


class Jobs(Protocol):
    """What a window needs of an engine; tests give their own."""

    settings: EngineSettings

    def bundled(self) -> Sequence[tuple[str, str]]:
        """(name, title) of the models that ship with the package; must not import torch."""
        ...

    def open_bundled(self, name: str) -> Iterator[JobEvent]:
        """Open a bundled model."""
        ...

    def find_sources(self) -> Iterator[JobEvent]:
        """Look which backbones of others there are; downloads nothing."""
        ...

    def open_with_source(self, request: SourceRequest) -> Iterator[JobEvent]:
        """Open a bundled model with a backbone of others beside it."""
        ...

    def open_file(self, path: Path) -> Iterator[JobEvent]:
        """Load a model file."""
        ...

    def save_file(self, model: PixelModel, path: Path) -> Iterator[JobEvent]:
        """Write a model file."""
        ...

    def warm(self, model: PixelModel, target: Target) -> Iterator[JobEvent]:
        """Compute the features of what is on screen."""
        ...

    def answer(self, request: AnswerRequest) -> Iterator[JobEvent]:
        """Solve the instant head and predict, what is on screen first."""
        ...

    def train(self, request: TrainRequest) -> Generator[JobEvent, Sequence[Sample] | None, None]:
        """Fine-tune; new strokes are handed in by ``send``."""
        ...

    def predict(self, request: PredictRequest) -> Iterator[JobEvent]:
        """Predict images."""
        ...

    def predict_file(
        self, model: PixelModel, image: Micrograph, path: Path, inputs: tuple[Path, ...]
    ) -> Iterator[PredictionEvent]:
        """Predict an image into a file, which appears when it is complete."""
        ...

    def save_probabilities(
        self, model: PixelModel, image: Micrograph, path: Path, claim: Claim
    ) -> Iterator[JobEvent]:
        """Answer an image and write the probability of each class."""
        ...
