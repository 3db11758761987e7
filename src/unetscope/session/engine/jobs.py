"""The jobs a window starts: iterators of events that import the engine when they first run.

Nothing here imports torch at the top: the first job does, in the worker's thread. A job never
touches a layer, a viewer or a session; it gets copies and yields events.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unetscope.errors import OutOfMemoryError
from unetscope.images.claims import Claim
from unetscope.images.micrograph import Micrograph
from unetscope.learning.events import HeadFitted, Notice, PredictionEvent, TileDone
from unetscope.learning.samples import Sample
from unetscope.session.requests import (
    AnswerRequest,
    JobEvent,
    ModelOpened,
    ModelSaved,
    PredictRequest,
    SourceRequest,
    SourcesFound,
    Target,
    TileShown,
    TrainRequest,
    Warmed,
)
from unetscope.session.values import EngineSettings, Show

if TYPE_CHECKING:
    from unetscope.images.micrograph import Micrograph
    from unetscope.learning.feature_cache import FeatureCache
    from unetscope.learning.pixel_model import PixelModel

# Computed before the first stroke: some seconds of work, and no more than the cache keeps.
WARM_TILES = 16
NO_MEMORY = (
    "Memory ran out while the strokes were answered; the last answer stays. Close other images or "
    "programs, then paint on."
)


class EngineJobs:
    """The real engine's jobs; they share one feature cache."""

    def __init__(self, settings: EngineSettings | None = None) -> None:
        self.settings = settings or EngineSettings()
        self._cache: FeatureCache | None = None

    def bundled(self) -> Sequence[tuple[str, str]]:
        """(name, title) of the bundled models, the default first."""
        return (
            ("general", "General"),
            ("general-fast", "General, fast"),
            ("general-large", "General, large"),
        )

    def open_bundled(self, name: str) -> Iterator[JobEvent]:
        """Open a bundled model."""
        device = self._prepared_device()
        from unetscope.learning.persistence import start_model

        model = start_model(name, device=device)
        title = dict(self.bundled()).get(model.name, model.name)
        yield ModelOpened(model, title, device)
        yield from self._told_of_device()
        _get_ready(model, device)

    def find_sources(self) -> Iterator[JobEvent]:
        """Look which backbones of others there are; imports timm where it is installed."""
        from unetscope.learning.sources.catalogue import available_sources

        yield SourcesFound(tuple(e for e in available_sources() if e.where != "built in"))

    def open_with_source(self, request: SourceRequest) -> Iterator[JobEvent]:
        """Open the default bundled model with a backbone beside it."""
        device = self._prepared_device()
        from unetscope.learning.persistence import start_model

        model = start_model(request.spec, device=device, allow_download=request.allow_download)
        yield ModelOpened(model, request.title, device)
        yield from self._told_of_device()
        _get_ready(model, device)

    def open_file(self, path: Path) -> Iterator[JobEvent]:
        """Load a model file."""
        device = self._prepared_device()
        from unetscope.learning.persistence import load_model

        yield ModelOpened(load_model(path), path.stem, device, path)
        yield from self._told_of_device()

    def save_file(self, model: PixelModel, path: Path) -> Iterator[JobEvent]:
        """Write a model file."""
        self._prepared_device()
        from unetscope.learning.persistence import save_model

        save_model(model, path)
        yield ModelSaved(path)

    def warm(self, model: PixelModel, target: Target) -> Iterator[JobEvent]:
        """Compute the features of what is on screen, of a huge view those of its middle."""
        device = self._prepared_device()
        from unetscope.learning.feature_cache import grid
        from unetscope.learning.tiling import tiles_touching

        model = model.for_channels(target.image.channels)
        height, width = target.image.spatial_shape[-2:]
        view = target.view or (slice(0, min(height, 1024)), slice(0, min(width, 1024)))
        tiles = tiles_touching(grid(model, target.image, self.settings.tile_px), view)
        for tile in tiles[:WARM_TILES]:
            self._features().levels(model, target.image, target.z, tile, device)
            yield Warmed(device)

    def answer(self, request: AnswerRequest) -> Iterator[JobEvent]:
        """Solve the head, show the view, then the rest of the image."""
        from unetscope.computing.memory import is_out_of_memory

        try:
            yield from self._answer(request)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            self._features().forget()
            raise OutOfMemoryError(NO_MEMORY) from error

    def _answer(self, request: AnswerRequest) -> Iterator[JobEvent]:
        device = self._prepared_device()
        model = request.model
        if request.samples:
            fitted = self._fitted(request, device)
            yield fitted
            model = fitted.model
        target = request.target
        if request.quick_first and model.forest is not None and model.head is not None:
            quick = replace(model, forest=None)
            shown = _shown_request(request, quick, [target])
            yield from self._tiles(shown, device, self._features())
        whole = Target(target.key, target.image, target.z)
        wanted = [target] if target.view is not None or not request.whole_image else []
        wanted += [whole] if request.whole_image else []
        shown = _shown_request(request, model, wanted)
        yield from self._tiles(shown, device, self._features())

    def train(self, request: TrainRequest) -> Generator[JobEvent, Sequence[Sample] | None, None]:
        """Fine-tune; new strokes are handed in by ``send``."""
        self._prepared_device()
        from unetscope.learning.finetune import TrainOptions, fine_tune

        options = TrainOptions(
            max_seconds=request.seconds,
            learning_rate=request.advanced.learning_rate,
            patience_epochs=request.advanced.patience_epochs,
            patch_px=request.advanced.patch_px,
            batch_size=request.advanced.batch_size,
            validation_fraction=request.advanced.validation_fraction,
            seed=request.advanced.seed,
            device=self.settings.device,
        )
        yield from fine_tune(
            request.model,
            request.samples,
            options,
            cache=self._features(),
            classes=request.classes,
        )

    def predict(self, request: PredictRequest) -> Iterator[JobEvent]:
        """Predict images, one after the other, to the same labels as the command line."""
        device = self._prepared_device()
        from unetscope.computing.precision import inference_precision

        # What is kept for strokes may be in half precision: then files' features are made anew.
        fit_for_files = inference_precision(request.model.backbone, device) == "fp32"
        yield from self._tiles(request, device, self._features() if fit_for_files else None)

    def predict_file(
        self, model: PixelModel, image: Micrograph, path: Path, inputs: tuple[Path, ...]
    ) -> Iterator[PredictionEvent]:
        """Predict an image into a file, in the memory of a few rows of tiles."""
        device = self._prepared_device()
        from unetscope.learning.prediction import PredictOptions
        from unetscope.scaling.predicting import Target as FileTarget
        from unetscope.scaling.predicting import predict_to

        options = PredictOptions(device=device, tile_px=self.settings.tile_px)
        yield from predict_to(model, image, FileTarget(path, inputs=inputs), options)

    def save_probabilities(
        self, model: PixelModel, image: Micrograph, path: Path, claim: Claim
    ) -> Iterator[JobEvent]:
        """Answer an image anew, in memory of some rows of tiles, and write the probabilities."""
        device = self._prepared_device()
        from unetscope.learning.prediction import PredictOptions
        from unetscope.scaling.predicting import write_probabilities

        options = PredictOptions(device=device, tile_px=self.settings.tile_px)
        for event in write_probabilities(model, image, path, claim, options):
            if isinstance(event, Notice):
                yield event

    # ---- inside

    def _fitted(self, request: AnswerRequest, device: str) -> HeadFitted:
        from time import perf_counter

        from unetscope.learning.instant import fit_instant
        from unetscope.learning.samples import labelled_pixels

        start = perf_counter()
        fitted = fit_instant(
            request.model,
            request.samples,
            cache=self._features(),
            with_forest=request.with_forest,
            classes=request.classes,
            device=device,
        )
        seconds = perf_counter() - start
        return HeadFitted(fitted, seconds, labelled_pixels(request.samples), request.with_forest)

    def _tiles(
        self, request: PredictRequest, device: str, cache: FeatureCache | None
    ) -> Iterator[TileShown | Notice]:
        from unetscope.learning.prediction import PredictOptions, predict_tiles

        for target in request.targets:
            only = request.only_view
            options = PredictOptions(
                region=target.view if only else None,
                planes=_planes(target, only=only),
                probabilities=request.show is not Show.MASK,
                device=device,
                tile_px=self.settings.tile_px,
            )
            events = predict_tiles(request.model, target.image, options, cache=cache)
            for event in events:
                if isinstance(event, TileDone):
                    yield _shown(event, request, target.key)
                else:
                    yield event

    def _features(self) -> FeatureCache:
        if self._cache is None:
            from unetscope.learning.feature_cache import FeatureCache

            # Strokes and answers of the window stand on the same features, in what is faster here.
            self._cache = FeatureCache(self.settings.cache_mib * 2**20, precision="auto")
        return self._cache

    def _told_of_device(self) -> Iterator[Notice]:
        """A word where the device of the preferences is not there."""
        from unetscope.computing.precision import device_note

        if (note := device_note(self.settings.device)) is not None:
            yield Notice(note)

    def _prepared_device(self) -> str:
        """Import torch, leave a core to the window, and say which device does the work."""
        import torch

        from unetscope.computing.memory import keep_freed_memory
        from unetscope.computing.precision import choose_device

        keep_freed_memory()
        torch.set_num_threads(self.settings.threads or max(1, (os.cpu_count() or 2) - 1))
        return choose_device(self.settings.device)


def _get_ready(model: PixelModel, device: str) -> None:
    """Do now what the first stroke and the first step of a training would have to wait for.

    Which precision is faster is tried out. The interpreter is held for some tenths of a second by
    imports: kornia, and sympy by torch's optimisers.
    """
    import kornia  # noqa: F401
    import torch

    import unetscope.learning.finetune  # noqa: F401
    from unetscope.computing.precision import inference_precision

    inference_precision(model.backbone, device)
    weight = torch.nn.Parameter(torch.zeros(1))
    weight.grad = torch.zeros(1)
    torch.optim.AdamW([weight]).step()


def _shown_request(
    request: AnswerRequest, model: PixelModel, targets: Sequence[Target]
) -> PredictRequest:
    return PredictRequest(model, targets, request.show, request.shown_class, only_view=True)


def _planes(target: Target, *, only: bool) -> list[int] | None:
    """Plane indices in the order they are predicted: the present one first, then outwards."""
    if "z" not in target.image.axes:
        return None
    if only:
        return [target.z]
    return sorted(range(target.image.depth), key=lambda z: (abs(z - target.z), z))


def _shown(event: TileDone, request: PredictRequest, key: str) -> TileShown:
    probability = uncertain = None
    if event.probabilities is not None and request.show is Show.PROBABILITY:
        values: Any = request.model.class_values
        if request.shown_class in values:
            probability = event.probabilities[values.index(request.shown_class)]
    elif event.probabilities is not None and request.show is Show.UNCERTAINTY:
        from unetscope.learning.prediction import uncertainty

        uncertain = uncertainty(event.probabilities)
    return TileShown(
        key, event.done, event.total, event.region, event.labels, probability, uncertain
    )
