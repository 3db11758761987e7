"""Fine-tuning of a network that sees neighbouring planes, from strokes in planes (experimental)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from unetscope.computing.machine import settled
from unetscope.errors import ModelError
from unetscope.images.micrograph import Micrograph
from unetscope.images.normalisation import fit_normalisation
from unetscope.learning.feature_cache import FeatureCache, read_window
from unetscope.learning.optimiser_steps import OptimiserSteps
from unetscope.learning.patches import PatchSource
from unetscope.learning.pixel_model import PixelModel
from unetscope.learning.samples import Sample
from unetscope.learning.tiling import padded_shape
from unetscope.learning.train_options import TrainOptions
from unetscope.learning.training_run import TrainingRun
from unetscope.network.planar import MiddlePlane, deepened, reach_z
from unetscope.network.unet import UNet

_SLAB = 16  # planes that are answered at a time


class SlabSource(PatchSource):
    """Patches with the planes around a painted one, in the place of channels."""

    reach = 7

    def _add(
        self,
        model: PixelModel,
        image: Micrograph,
        labels: NDArray[np.integer],
        z: int,
        cache: FeatureCache,
    ) -> None:
        super()._add(model, image, labels, z, cache)
        plane = self._planes[-1]
        if plane.whole is None:
            raise ModelError("planes above 16 Mpx are too large to learn from slabs of them")
        height, width = padded_shape(labels.shape, self._multiple)
        box = (slice(0, height), slice(0, width))
        near = np.clip(np.arange(z - self.reach, z + self.reach + 1), 0, image.depth - 1)
        slab = [read_window(image, int(at), box, plane.normalisation)[0] for at in near]
        self._planes[-1] = replace(plane, whole=torch.cat(slab).contiguous())


def tuned_on_slabs(
    model: PixelModel,
    samples: Sequence[Sample],
    options: TrainOptions,
    max_steps: int | None = None,
) -> tuple[PixelModel, UNet, int]:
    """Deepen the model's network, or the first one of a training, and fine-tune it.

    For ``options.max_seconds`` of steps, or ``max_steps``. The loss is taken on painted pixels of
    the painted plane, and on the guide's answer to the others there.

    Returns
    -------
    The model with its instant answer, the network (its averaged weights), and the steps taken.

    Raises
    ------
    ModelError
        If images have several channels, or planes are too large.
    """
    if any(sample.image.channels != 1 for sample in samples):
        raise ModelError("only volumes of one channel can be learned from slabs")
    cache = FeatureCache()
    run = TrainingRun(model, options, cache)
    for _ in run.start(samples, None):
        pass
    net = deepened(run.learner.net)
    learner = OptimiserSteps(replace(options, batch_size=1))
    learner.start_from(MiddlePlane(net))  # type: ignore[arg-type]
    source = SlabSource(
        run.model,
        run.model.provenance.partition.shown(samples),  # type: ignore[union-attr]
        run.values,
        cache=cache,
        seed=options.seed,
        guide=(lambda: run.model) if options.guide_weight else None,
    )
    source.reach = reach_z(net)
    began = time.perf_counter()
    while learner.steps != max_steps and (
        options.max_seconds is None or time.perf_counter() - began < options.max_seconds
    ):
        learner.step(source, run.taken_out)
    averaged = learner.average.get_submodule("net")
    return run.model, settled(averaged), learner.steps  # type: ignore[arg-type]


@torch.inference_mode()
def slab_probabilities(model: PixelModel, net: UNet, image: Micrograph) -> NDArray[np.float32]:
    """Class probabilities (class, z, y, x) of a deepened network; whole planes at a time."""
    reach, depth = reach_z(net), image.depth
    scale = model.features.scale or fit_normalisation(image)
    rows, columns = image.spatial_shape[-2:]
    height, width = padded_shape((rows, columns), net.config.multiple)
    answer = np.empty((net.config.classes, *image.spatial_shape), np.float32)
    for first in range(0, depth, _SLAB):
        last = min(first + _SLAB, depth)
        low, high = max(0, first - reach), min(depth, last + reach)
        box = (slice(0, height), slice(0, width))
        planes = torch.cat([read_window(image, z, box, scale) for z in range(low, high)])
        logits = net(planes.contiguous(memory_format=torch.channels_last))
        chance = logits[first - low : last - low, :, :rows, :columns].softmax(dim=1)
        answer[:, first:last] = chance.movedim(1, 0).numpy()
    return answer
