"""The small frozen values a session is made of; arrays and layers stay outside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from unetscope.errors import in_words
from unetscope.scaling.file_results import DONE, FAILED, UP_TO_DATE
from unetscope.scaling.odd_ones import Answered, odd_ones, surprise_places

if TYPE_CHECKING:
    from unetscope.learning.events import Validation
    from unetscope.learning.pixel_model import PixelModel
    from unetscope.measuring.box_scores import ClassScore
    from unetscope.network.unet import UNet


class Scope(Enum):
    """How much one press of Predict covers."""

    VIEW = "the view"
    IMAGE = "this image"
    ALL = "all open images"
    PROJECT = "all images of the project"
    FOLDER = "a folder …"


class Phase(Enum):
    """Where training stands."""

    IDLE = "idle"
    STARTING = "starting"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPING = "stopping"


@dataclass(frozen=True)
class ImageSummary:
    """What the picker says about an image.

    ``key`` stays the same when the layer is renamed. ``axes`` as in ``Micrograph``;
    ``spatial_shape`` is (y, x) or (z, y, x) in pixels; ``pixel_size`` along the same axes.
    ``choices`` are the readings the array allows: more than one means that the user may choose,
    unless ``fixed`` says why not. ``reading`` is the one of them that is meant; ``note`` is what a
    person should know of it, ``notes`` of its file. ``constant``: nothing is to be seen in it.
    """

    key: str
    name: str
    axes: str
    spatial_shape: tuple[int, ...]
    channels: int
    is_rgb: bool
    pixel_size: tuple[float, ...] | None = None
    unit: str | None = None
    choices: tuple[str, ...] = ()
    reading: str = ""
    fixed: str = ""
    note: str = ""
    notes: tuple[str, ...] = ()
    constant: bool = False

    @property
    def told(self) -> str:
        """All that a person should know of it, as sentences."""
        return " ".join(filter(None, (self.note, *self.notes)))

    @property
    def depth(self) -> int:
        """Number of z planes, 1 for a flat image."""
        return self.spatial_shape[0] if "z" in self.axes else 1

    @property
    def pixels(self) -> int:
        """Pixels in one z plane."""
        return self.spatial_shape[-2] * self.spatial_shape[-1]


@dataclass(frozen=True)
class Budget:
    """How long one press of Train may take; None seconds: until it stops improving."""

    label: str
    seconds: float | None


BUDGETS = (
    Budget("until it stops improving", None),
    Budget("30 seconds", 30.0),
    Budget("1 minute", 60.0),
    Budget("5 minutes", 300.0),
    Budget("30 minutes", 1800.0),
)


@dataclass(frozen=True)
class TrainingStatus:
    """What is known about the present or the last training."""

    phase: Phase = Phase.IDLE
    epoch: int = 0
    seconds: float = 0.0
    budget_s: float | None = None
    device: str = ""
    precision: str = ""
    held_back_px: int = 0
    note: str = ""  # how pixels are held back, or why none are
    best_epoch: int = 0
    network_weight: float = 0.0
    validation: Validation | None = None
    reason: str = ""  # why it ended; "" until then
    version: int = 0  # the version that it ended with; 0: none was kept yet
    painted: Mapping[int, int] = field(default_factory=dict)  # what was painted when it ended

    @property
    def busy(self) -> bool:
        """True from the press of Train until the last event has arrived."""
        return self.phase is not Phase.IDLE


@dataclass(frozen=True)
class PredictionStatus:
    """Progress of a prediction that was asked for by name (not of the live answers)."""

    busy: bool = False
    what: str = ""
    done: int = 0
    total: int = 0
    stopping: bool = False
    of_what: str = "tiles"
    pausable: bool = False
    paused: bool = False
    told: str = ""  # where the answer goes, how long it takes, how large it gets


@dataclass(frozen=True)
class SizeLine:
    """What is said of an image whose pixels have another size than those a model learned from.

    ``resample`` and ``as_is`` say what can be chosen, ``refused`` why nothing is predicted before
    that; "" where it is.
    """

    words: str
    resample: bool = False
    as_is: bool = False
    refused: str = ""


@dataclass(frozen=True)
class UnfinishedAnswer:
    """An answer to the image ``key`` that was begun: ``done`` of ``total`` blocks are there."""

    key: str
    path: Path
    done: int
    total: int
    model: str = ""


@dataclass(frozen=True)
class BatchRow:
    """One image of many that are predicted: ``status`` in a word, and why it failed.

    ``answered``: what is in the answer. ``image_id`` of a project's image, ``file`` of another.
    ``odd``: how it is unlike the others or the training; ``place``: its place in being unlike the
    training, where nobody can judge that. ``seconds``: that it took.
    """

    name: str
    status: str
    why: str = ""
    answered: Answered | None = None
    image_id: str = ""
    file: Path | None = None
    odd: str = ""
    place: str = ""
    seconds: float | None = None


@dataclass(frozen=True)
class BatchStatus:
    """The last prediction of many images: what it was of, where the masks are, and its rows."""

    title: str = ""
    folder: Path | None = None
    rows: tuple[BatchRow, ...] = ()

    def with_row(self, row: BatchRow) -> BatchStatus:
        """With one more row."""
        return replace(self, rows=(*self.rows, row))

    def judged(self, names: Mapping[int, str]) -> BatchStatus:
        """With each row saying how it is unlike the others, where it is."""
        told = {at: row.answered for at, row in enumerate(self.rows) if row.answered is not None}
        odd, places = odd_ones(told, names), surprise_places(told)
        rows = (
            replace(row, odd=odd.get(at, ""), place=places.get(at, ""))
            for at, row in enumerate(self.rows)
        )
        return replace(self, rows=tuple(rows))

    def said(self, *, stopped: bool) -> str:
        """What came of it, in words; of those that failed only how many."""
        count = Counter(row.status for row in self.rows)
        parts = [f"{'Stopped' if stopped else 'Done'}: {count[DONE]} images predicted"]
        parts += [f"{count[UP_TO_DATE]} were up to date"] if count[UP_TO_DATE] else []
        odd = sum(bool(row.odd) for row in self.rows)
        look = [f"{count[FAILED]} not predicted"] if count[FAILED] else []
        look += [f"{odd} unlike the others"] if odd else []
        seen = f" {', '.join(look)}: see the table." if look else ""
        return f"{', '.join(parts)}; the masks are in {self.folder}.{seen}"


@dataclass(frozen=True)
class CheckStatus:
    """What is known of the check boxes of all images that are learned from.

    ``scores`` are of the model with the serial number ``of``, in ``counted`` boxes. ``sparse``
    boxes are not painted densely yet, from ``learned`` ones the model has learned, and of
    ``unknown`` ones its file does not say.
    """

    boxes: int = 0
    sparse: int = 0
    learned: int = 0
    unknown: int = 0
    counted: int = 0
    images: int = 0
    scores: tuple[ClassScore, ...] = ()
    of: int = 0
    version: int = 0

    @property
    def mean_dice(self) -> float:
        """Unweighted mean over the classes; NaN without any."""
        values = [score.dice.value for score in self.scores]
        return sum(values) / len(values) if values else float("nan")


@dataclass(frozen=True)
class Message:
    """One thing to tell: ``tone`` is ``"error"`` or ``"notice"``."""

    text: str
    tone: str = "notice"

    @classmethod
    def of(cls, error: Exception, doing: str) -> Message:
        """An error in words: what was being done, what went wrong and what helps."""
        return cls(in_words(error, doing), "error")


@dataclass(frozen=True)
class ModelInUse:
    """The newest model and a serial number that grows each time it is replaced.

    Sessions compare serials, never the weights.
    """

    serial: int
    title: str
    model: PixelModel = field(compare=False, repr=False)
    saved: bool = False  # whether it lies in a file as it is


@dataclass(frozen=True)
class NewestNetwork:
    """The network of the newest finished epoch; epochs are compared, never the weights."""

    epoch: int
    network: UNet = field(compare=False, repr=False)


@dataclass(frozen=True)
class EngineSettings:
    """Preferences that the engine needs."""

    device: str = "auto"
    threads: int = 0  # 0: all cores but one
    tile_px: int = 512
    cache_mib: int = 1024
    seed: int = 0
    learning_rate: float = 5e-4


@dataclass(frozen=True)
class AdvancedSettings:
    """What the folded part of the window sets for the next training."""

    learning_rate: float = 5e-4
    patience_epochs: int = 15
    patch_px: int = 128
    batch_size: int = 4
    validation_fraction: float = 0.2
    seed: int = 0


def painted_classes(painted: Mapping[int, int]) -> list[int]:
    """Values of the classes that have strokes."""
    return [value for value, pixels in painted.items() if pixels > 0]
