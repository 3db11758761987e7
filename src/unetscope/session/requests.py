"""What a window asks of an engine, and what it is told: requests, events, an engine's face.

Requests carry copies; nothing in here touches a layer, a viewer or a session, or imports torch.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from unetscope.images.claims import Claim
from unetscope.images.classes import LabelClass
from unetscope.images.micrograph import Micrograph
from unetscope.images.questions import Answers
from unetscope.images.target import Target
from unetscope.learning.advice.progress import Forgotten
from unetscope.learning.check_box import PaintedBox
from unetscope.learning.events import LearningEvent, Surprise
from unetscope.learning.samples import Sample
from unetscope.scaling.layout import Layout
from unetscope.session.result_kind import ResultKind
from unetscope.session.results.mask import MASK
from unetscope.session.values import AdvancedSettings, EngineSettings

if TYPE_CHECKING:
    from unetscope.learning.advice.accepting import GrownRegion
    from unetscope.learning.advice.label_errors import DoubtfulStroke
    from unetscope.learning.advice.next_places import Place
    from unetscope.learning.pixel_model import PixelModel
    from unetscope.learning.sources.kinds import SourceEntry
    from unetscope.measuring.box_scores import ClassScore


# ---- models come and go


@dataclass(frozen=True)
class BundledRequest:
    """Open the bundled model of this name."""

    name: str


@dataclass(frozen=True)
class SourcesRequest:
    """Look which backbones of others there are; imports timm where it is installed."""


@dataclass(frozen=True)
class SourceRequest:
    """Open the default bundled model with the backbone ``spec`` beside it, shown as ``title``."""

    spec: str
    title: str
    allow_download: bool = False


@dataclass(frozen=True)
class LoadRequest:
    """Load a model file, which goes by ``title`` where one is given."""

    path: Path
    title: str = ""


@dataclass(frozen=True, eq=False)
class SaveRequest:
    """Write a model file."""

    model: PixelModel
    path: Path


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
class ModelSaved:
    """A model file was written."""

    path: Path


# ---- answers


@dataclass(frozen=True)
class Warmed:
    """The features of what is on screen are computed, so that the first stroke is answered fast."""

    device: str


@dataclass(frozen=True, eq=False)
class TileShown:
    """A tile of an image's answer, as small as the screen needs it.

    ``key``: of the image. ``region``: slices of the spatial axes. ``answers``: the mask, and the
    kind that was asked for where there is one, (y, x) or (1, y, x).
    """

    key: str
    done: int
    total: int
    region: tuple[slice, ...]
    answers: Mapping[ResultKind, np.ndarray] = field(repr=False)


@dataclass(frozen=True, eq=False)
class WarmRequest:
    """Compute the features of what is on screen, of a huge view those of its middle."""

    model: PixelModel
    target: Target


@dataclass(frozen=True, eq=False)
class AnswerRequest:
    """Solve the head for the strokes of ``samples``, show the view, then the rest of the image.

    Without samples the model just predicts.
    """

    model: PixelModel
    samples: Sequence[Sample]
    classes: Sequence[LabelClass]
    target: Target
    show: ResultKind = MASK
    shown_class: int = 1
    with_forest: bool = False
    quick_first: bool = False  # show the view without the forest before anything else
    whole_image: bool = True


@dataclass(frozen=True, eq=False)
class TrainRequest:
    """Train ``model`` on ``samples`` for at most ``seconds`` (None: no limit).

    New strokes are handed in by ``send``.
    """

    model: PixelModel
    samples: Sequence[Sample]
    classes: Sequence[LabelClass]
    seconds: float | None
    advanced: AdvancedSettings


@dataclass(frozen=True, eq=False)
class PredictRequest:
    """Predict images, one after the other, to the same labels as the command line."""

    model: PixelModel
    targets: Sequence[Target]
    show: ResultKind = MASK
    shown_class: int = 1
    only_view: bool = False


@dataclass(frozen=True)
class SurpriseFound:
    """How unlike the training an image is that was predicted as a whole."""

    key: str
    surprise: Surprise


@dataclass(frozen=True, eq=False)
class GrowRequest:
    """Answer an image of any size into ``folder``, block by block, or go on where that was left.

    Attributes
    ----------
    source
        The image's file, which is never written over; other processes read it from there.
    go_on
        An answer that was begun: with the model it was begun with. None: with ``model``, into the
        answer that this model began, or a new one.
    pixels
        What to do about pixels of another size than the model's, as in
        :mod:`unetscope.scaling.matching`.
    """

    model: PixelModel
    target: Target
    folder: Path
    source: Path | None = None
    go_on: Path | None = None
    pixels: str = "as-is"


@dataclass(frozen=True)
class AnswerReckoned:
    """How long an answer will take, in one process of this computer, and its bytes on the disk."""

    key: str
    path: Path
    seconds: float
    bytes: float
    most_bytes: float


@dataclass(frozen=True, eq=False)
class AnswerBegun:
    """An answer lies under its name; ``done`` are its blocks from before.

    ``model`` says what answers. ``coarse`` is what is answered of a flat image at the first level
    that blocks do not write; None of a stack.
    """

    key: str
    path: Path
    layout: Layout
    done: tuple[int, ...]
    model: str
    coarse: np.ndarray | None = field(default=None, repr=False)


@dataclass(frozen=True)
class BlockWritten:
    """A block of an answer is on the disk, the ``done``-th of ``total``."""

    key: str
    block: int
    done: int
    total: int


@dataclass(frozen=True)
class AnswerGoesOn:
    """Tiles done of all that were left, and the seconds that the others take (None: unknown)."""

    key: str
    done: int
    total: int
    seconds_left: float | None


@dataclass(frozen=True)
class AnswerComplete:
    """All blocks are written; ``shares`` is class value -> part of all pixels."""

    key: str
    path: Path
    shares: Mapping[int, float]


@dataclass(frozen=True)
class UnfinishedRequest:
    """Look in ``folder`` for an answer to this image that was begun and not completed."""

    key: str
    name: str
    folder: Path


@dataclass(frozen=True, eq=False)
class WriteRequest:
    """Answer an image into a file, in the memory of a few rows of tiles.

    The role of ``claim`` says what is written: the prediction, or the probabilities of the classes.
    """

    model: PixelModel
    image: Micrograph
    path: Path
    claim: Claim


@dataclass(frozen=True, eq=False)
class FilesRequest:
    """Answer the images of the folder ``source`` into ``folder``, one after the other.

    ``answers``: what their files do not say.
    """

    model: PixelModel
    source: Path
    folder: Path
    answers: Answers = field(default_factory=Answers)


# ---- results are saved


class What(Enum):
    """What is saved of an answer; the value is the ending of the file's name."""

    MASK = "_mask.tif"
    OBJECTS = "_objects.tif"
    PROBABILITIES = "_probabilities.tif"
    IMAGEJ = "_rois.zip"
    GEOJSON = "_outlines.geojson"


@dataclass(frozen=True, eq=False)
class Answerable:
    """An image whose answer is to be saved.

    Attributes
    ----------
    read
        Gives its pixels, as the model takes them.
    source
        Its file, which is never written over.
    labels
        The answer on screen where it is whole; None: it is computed.
    objects
        Numbers of objects that were found and perhaps corrected in *Measure*; None: connected
        pixels of each class but the background.
    """

    name: str
    read: Callable[[], Micrograph]
    source: Path | None = None
    labels: np.ndarray | None = field(default=None, repr=False)
    objects: np.ndarray | None = field(default=None, repr=False)


@dataclass(frozen=True, eq=False)
class ResultsRequest:
    """Save ``what`` of the answers of ``images`` by ``model`` into ``folder``."""

    model: PixelModel
    images: Sequence[Answerable]
    what: Sequence[What]
    folder: Path
    classes: tuple[LabelClass, ...]


@dataclass(frozen=True)
class ResultBegun:
    """The image of this name is next, after ``done`` of ``total``."""

    name: str
    done: int
    total: int


@dataclass(frozen=True)
class ResultFile:
    """A file was written; ``notes`` say what its format could not keep."""

    path: Path
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ResultFailed:
    """A file could not be written, or an image not be answered, and why."""

    name: str
    why: str


# ---- advice


@dataclass(frozen=True, eq=False)
class PlacesRequest:
    """Survey an image, what is on screen first, and rank where to paint.

    ``labels`` (y, x) or (z, y, x) are 0 where nobody said.
    """

    model: PixelModel
    target: Target
    labels: np.ndarray = field(repr=False)
    names: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PlacesRanked:
    """The places found so far, best first; ``whole`` when all of the image was looked at."""

    places: tuple[Place, ...]
    whole: bool


@dataclass(frozen=True)
class Surveyed:
    """One more tile was looked at."""


@dataclass(frozen=True, eq=False)
class StrokesRequest:
    """Compare every stroke of ``samples`` with all the others."""

    model: PixelModel
    samples: Sequence[Sample] = field(repr=False)
    names: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class StrokesChecked:
    """The doubtful strokes, worst first, each with its pixels."""

    doubts: tuple[tuple[DoubtfulStroke, GrownRegion], ...]


@dataclass(frozen=True, eq=False)
class PropagateRequest:
    """Propose labels for the planes ``first`` … ``last`` of a stack.

    Outwards from ``painted``: z -> (y, x) labels; these planes are left as they are.
    """

    model: PixelModel
    image: Micrograph
    painted: Mapping[int, np.ndarray] = field(repr=False)
    first: int
    last: int


@dataclass(frozen=True, eq=False)
class PlaneProposed:
    """Labels (y, x) proposed for plane ``z``.

    ``needs_review``: it is so unlike the one before that a person should look.
    """

    z: int
    labels: np.ndarray = field(repr=False)
    needs_review: bool


@dataclass(frozen=True, eq=False)
class CompareRequest:
    """Score two versions on every image of ``samples``: where does ``after`` answer worse?"""

    before: PixelModel
    after: PixelModel
    samples: Sequence[Sample] = field(repr=False)


@dataclass(frozen=True)
class VersionsCompared:
    """What was forgotten, the worst first; images are sample keys.

    ``unjudged``: images with too few held-back pixels. ``figures``: whether the scores may be told.
    ``basis``: on what was judged, in words.
    """

    worse: tuple[Forgotten, ...]
    unjudged: tuple[str, ...] = ()
    figures: bool = True
    basis: str = ""


# ---- check boxes


class Standing(Enum):
    """What a model's voices have to do with a check box."""

    APART = "apart"  # none has learned from a pixel of it
    LEARNED = "learned"  # one has, so the box says nothing about this model
    UNKNOWN = "unknown"  # a voice came with a file, which does not tell


@dataclass(frozen=True, eq=False)
class BoxToCheck:
    """A painted box, the other keys that its image was learned from under, and its witnesses.

    ``unseen_by``: fingerprints of voices that are known not to have learned from it.
    """

    painted: PaintedBox
    keys: tuple[str, ...] = ()
    unseen_by: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class CheckRequest:
    """Compare the answer of a model with what is painted in check boxes."""

    model: PixelModel
    boxes: Sequence[BoxToCheck]
    names: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class BoxesChecked:
    """How the answer did in those boxes that are painted densely and apart from the model.

    ``standings``: of each box that was asked about. ``voices``: fingerprints of those that speak in
    the model.
    """

    scores: tuple[ClassScore, ...]
    counted: int
    standings: tuple[Standing, ...]
    voices: tuple[str, ...]


JobEvent = (
    LearningEvent | TileShown | SurpriseFound | ModelOpened | ModelSaved | SourcesFound | Warmed
)


class Jobs(Protocol):
    """What a window needs of an engine; tests give their own."""

    settings: EngineSettings

    def do(self, request: Any) -> Generator[Any, Any, None]:
        """Do what one of the requests above asks for, and yield its events."""
        ...
