"""The network is fine-tuned."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import asdict

import kornia  # noqa: F401  # which augmentation would import when the first batch is made

from unetscope.learning.events import LearningEvent
from unetscope.learning.finetune import TrainOptions, fine_tune
from unetscope.learning.samples import Sample
from unetscope.session.engine.shared import Shared
from unetscope.session.requests import TrainRequest


def train(
    shared: Shared, request: TrainRequest
) -> Generator[LearningEvent, Sequence[Sample] | None, None]:
    """Fine-tune; new strokes are handed in by ``send``."""
    shared.device()
    options = TrainOptions(
        max_seconds=request.seconds, device=shared.settings.device, **asdict(request.advanced)
    )
    yield from fine_tune(
        request.model, request.samples, options, cache=shared.features, classes=request.classes
    )
