"""An engine that answers at once: the class whose mean grey value is nearest. No torch."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from unetscope.images.claims import Role
from unetscope.images.classes import LabelClass
from unetscope.images.files import write_labels
from unetscope.learning.events import (
    EpochDone,
    Finished,
    HeadFitted,
    Started,
    StepDone,
    Validation,
)
from unetscope.learning.samples import Sample, check_samples
from unetscope.measuring.box_scores import BoxAnswer, box_scores
from unetscope.network.facts import BUNDLED_TITLES
from unetscope.session.requests import (
    AnswerRequest,
    BoxesChecked,
    BundledRequest,
    CheckRequest,
    JobEvent,
    LoadRequest,
    ModelOpened,
    ModelSaved,
    PredictRequest,
    SaveRequest,
    SourceRequest,
    SourcesFound,
    SourcesRequest,
    Standing,
    Target,
    TileShown,
    TrainRequest,
    Warmed,
    WarmRequest,
    WriteRequest,
)
from unetscope.session.result_kind import AnsweredTile
from unetscope.session.results import answers
from unetscope.session.results.mask import MASK
from unetscope.session.values import EngineSettings

TILE_PX = 128


@dataclass(frozen=True, eq=False)
class FakeModel:
    """As much of a PixelModel as the window looks at; it is its own features and instant voice."""

    name: str = "fake"
    channels: int = 1
    classes: tuple[LabelClass, ...] = ()
    head: Any = None  # class value -> mean grey value
    network: Any = None
    network_weight: float = 0.0
    version: int = 0
    sources: tuple[Any, ...] = ()
    alone: bool = False

    @property
    def features(self) -> FakeModel:
        return self

    instant = features

    def with_features(self, **changes: Any) -> FakeModel:
        return replace(self, **changes)

    with_provenance = with_features

    def network_of(self, values: Sequence[int]) -> Any:
        return self.network

    def without_network(self) -> FakeModel:
        return replace(self, network=None, network_weight=0.0)

    @property
    def can_answer(self) -> bool:
        return self.head is not None

    @property
    def class_values(self) -> tuple[int, ...]:
        return tuple(c.value for c in self.classes)

    @property
    def fingerprint(self) -> str:
        return repr((self.head, self.network, self.network_weight))

    def same_network(self, other: FakeModel) -> bool:
        return (self.network, self.network_weight) == (other.network, other.network_weight)

    def with_head_of(self, other: FakeModel) -> FakeModel:
        return replace(self, head=other.head, classes=other.classes, channels=other.channels)

    def with_network_of(self, other: FakeModel) -> FakeModel:
        return replace(self, network=other.network, network_weight=other.network_weight)


@dataclass
class FakeJobs:
    """Scripted jobs; ``calls`` are the requests, ``does`` what is done about each kind.

    ``shown`` says which epoch of a training the window is at, and training waits for it: on a
    busy machine a long one would say more than a window can hear, and nothing else had its turn.
    """

    settings: EngineSettings = field(default_factory=EngineSettings)
    epochs: int = 3
    steps: int = 4
    step_s: float = 0.002
    validated: bool = True
    fail_with: Exception | None = None
    calls: list[Any] = field(default_factory=list)
    handed_in: list[Sequence[Sample]] = field(default_factory=list)
    saved: dict[Path, FakeModel] = field(default_factory=dict)
    closed: int = 0
    shown: Callable[[], int] | None = None
    entries: tuple[Any, ...] = ()

    def __post_init__(self) -> None:
        self.does: dict[type, Callable[[Any], Iterator[Any]]] = {
            BundledRequest: self.open_bundled,
            SourcesRequest: lambda request: iter([SourcesFound(self.entries)]),
            SourceRequest: self.open_with_source,
            LoadRequest: self.load,
            SaveRequest: self.save,
            WarmRequest: lambda request: iter([Warmed("cpu")]),
            AnswerRequest: self.answer,
            TrainRequest: self.train,
            PredictRequest: _tiles,
            WriteRequest: self.write,
            CheckRequest: _checked,
        }

    def do(self, request: Any) -> Generator[Any, Any, None]:
        """What the engine does; nothing where it does not know the request."""
        self.calls.append(request)
        yield from self.does.get(type(request), lambda request: iter(()))(request)

    def asked(self, kind: type) -> list[Any]:
        return [request for request in self.calls if isinstance(request, kind)]

    def open_bundled(self, request: BundledRequest) -> Iterator[JobEvent]:
        title = BUNDLED_TITLES.get(request.name, request.name)
        yield ModelOpened(FakeModel(request.name), title, "cpu")  # type: ignore[arg-type]

    def open_with_source(self, request: SourceRequest) -> Iterator[JobEvent]:
        self._fail()
        model: Any = FakeModel("general", sources=(request.spec,))
        yield ModelOpened(model, request.title, "cpu")

    def load(self, request: LoadRequest) -> Iterator[JobEvent]:
        self._fail()
        title = request.title or request.path.stem
        yield ModelOpened(self.saved[request.path], title, "cpu", request.path)

    def save(self, request: SaveRequest) -> Iterator[JobEvent]:
        self.saved[request.path] = request.model
        yield ModelSaved(request.path)

    def answer(self, request: AnswerRequest) -> Iterator[JobEvent]:
        self._fail()
        model = request.model
        if request.samples:
            model = self._fitted(request)
            yield HeadFitted(model, 0.001, check_samples(request.samples), request.with_forest)
        wanted = (request.target,)
        yield from _tiles(PredictRequest(model, wanted, request.show, request.shown_class, True))
        if request.whole_image:
            yield from _tiles(PredictRequest(model, wanted, request.show, request.shown_class))

    def train(self, request: TrainRequest) -> Generator[JobEvent, Sequence[Sample] | None, None]:
        try:
            pixels = check_samples(request.samples)
            self._fail()
            yield Started("cpu", "fp32", pixels, 900, "blocks a field away")
            yield HeadFitted(self._fitted(request), 0.001, pixels, True)
            model, seconds = request.model, 0.0
            for epoch in range(1, self.epochs + 1):
                for step in range(self.steps):
                    time.sleep(self.step_s)
                    seconds += 0.4
                    number = (epoch - 1) * self.steps + step + 1
                    mail = yield StepDone(number, 1 / number, seconds)
                    if mail is not None:
                        self.handed_in.append(mail)
                network = (request.model.network or 0) + epoch  # it learns on
                model = replace(model, network=network, network_weight=0.5)
                held = self._validation(pixels, epoch)
                yield EpochDone(epoch, seconds, 1 / epoch, held, 0.5, True, model)
                self._until_shown(epoch)
            yield Finished("plateau", model, self.epochs, seconds, held)
        finally:
            self.closed += 1

    def _until_shown(self, epoch: int) -> None:
        patience = time.monotonic() + 1.0  # nobody listens to a training that was dropped
        while self.shown is not None and self.shown() < epoch and time.monotonic() < patience:
            time.sleep(0.002)

    def write(self, request: WriteRequest) -> Iterator[JobEvent]:
        yield Warmed("cpu")
        labels = np.full(request.image.spatial_shape, 1, np.uint8)
        if request.claim.role is Role.PROBABILITIES:
            request.claim.check(request.path)
            request.path.write_bytes(b"probabilities")
        else:
            write_labels(labels, request.path, request.image, request.claim)

    def _fail(self) -> None:
        if self.fail_with is not None:
            raise self.fail_with

    def _validation(self, pixels: dict[int, int], epoch: int) -> Validation | None:
        if not self.validated:
            return None
        dice = {value: 1 - 0.6 / (epoch + value) for value in pixels}
        strokes, shown = dict.fromkeys(pixels, 4), dict.fromkeys(pixels, 450)
        return Validation(dice, dice, 0.8 / epoch, 900, "block", strokes, shown)

    def _fitted(self, request: AnswerRequest | TrainRequest) -> Any:
        sums: dict[int, list[float]] = {}
        for sample in request.samples:
            labels = sample.labels if sample.labels.ndim == 3 else sample.labels[None]
            for z in range(labels.shape[0]):
                grey = sample.image.plane(z).mean(axis=0)
                for value in np.unique(labels[z][labels[z] > 0]):
                    sums.setdefault(int(value), []).append(float(grey[labels[z] == value].mean()))
        head = {value: float(np.mean(found)) for value, found in sorted(sums.items())}
        known = {c.value: c for c in request.classes}
        classes = tuple(known[value] for value in head)
        channels = request.samples[0].image.channels
        return replace(request.model, head=head, classes=classes, channels=channels)


def _tiles(request: PredictRequest) -> Iterator[TileShown]:
    for target in request.targets:
        boxes = _boxes(target, view_only=request.only_view)
        for done, (z, rows, columns) in enumerate(boxes, 1):
            yield _tile(request, target, (done, len(boxes)), z, (rows, columns))


def _checked(request: CheckRequest) -> Iterator[BoxesChecked]:
    found = []
    for box in request.boxes:
        painted = box.painted
        if painted.is_dense:
            target = Target(painted.key, painted.image, painted.box.z)
            asked = PredictRequest(request.model, (target,))
            tile = _tile(asked, target, (1, 1), painted.box.z, painted.box.plane)
            found.append(BoxAnswer(painted.labels, np.squeeze(tile.answers[MASK])))
    standings = tuple(Standing.APART for _ in request.boxes)
    scores = box_scores(found, dict(request.names))
    yield BoxesChecked(scores, len(found), standings, ())


def _boxes(target: Target, *, view_only: bool) -> list[tuple[int, slice, slice]]:
    height, width = target.image.spatial_shape[-2:]
    planes = [target.z] if view_only else range(target.image.depth)
    return [
        (z, slice(y, min(y + TILE_PX, height)), slice(x, min(x + TILE_PX, width)))
        for z in planes
        for y in range(0, height, TILE_PX)
        for x in range(0, width, TILE_PX)
    ]


def _tile(
    request: PredictRequest, target: Target, count: tuple[int, int], z: int, box: Any
) -> TileShown:
    model: Any = request.model
    grey = target.image.plane(z, box).mean(axis=0)
    values = np.array(model.class_values, dtype=np.uint8)
    means = np.array([model.head[int(v)] for v in values])
    distance = -np.abs(grey[None] - means[:, None, None]) / (np.ptp(means) / 4 + 1e-6)
    chance = np.exp(distance - distance.max(axis=0))
    chance = (chance / chance.sum(axis=0)).astype(np.float32)
    labels = values[chance.argmax(axis=0)]
    where = box
    if "z" in target.image.axes:
        where = (slice(z, z + 1), *box)
        labels, chance = labels[None], chance[:, None]
    tile = AnsweredTile(labels, chance, model.class_values, request.shown_class)
    return TileShown(target.key, *count, where, answers(tile, request.show))
