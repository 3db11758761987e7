"""The forgetting guard: a network that forgot an image is told by pixels it never learned from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from learning.small_scenes import blobs, small_model, strokes
from unetscope.images.micrograph import as_micrograph
from unetscope.learning.advice.progress import forgetting
from unetscope.learning.advice.version_scores import (
    LEAST_PX,
    ImageScore,
    judging_labels,
    version_scores,
)
from unetscope.learning.events import EpochDone, Finished
from unetscope.learning.finetune import TrainOptions, fine_tune
from unetscope.learning.partition import Partition, partition
from unetscope.learning.pixel_model import PixelModel
from unetscope.learning.samples import Sample

SHAPE = (96, 112)
OPTIONS = TrainOptions(
    max_seconds=None,
    max_epochs=1,
    steps_per_epoch=6,
    learning_rate=5e-3,
    average_decay=0.5,
    patch_px=64,
    batch_size=2,
    device="cpu",
)


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    """Two images on which the same grey value is not the same class."""
    (bright, dense), (dark, other) = blobs(SHAPE, 1), blobs(SHAPE, 2)
    images = (as_micrograph(bright, name="one"), as_micrograph(3 - dark, name="two"))
    return [
        Sample(image, strokes(labels, width_px=7), key)
        for image, labels, key in zip(images, (dense, other), ("one", "two"), strict=True)
    ]


@pytest.fixture(scope="module")
def parts(samples: list[Sample]) -> Partition:
    return partition(samples, guard_px=200, fraction=0.3, seed=0)


def taught(samples: list[Sample], parts: Partition, index: int) -> PixelModel:
    """A model whose network learned from one of the images alone, and answers alone.

    ``parts`` says that it might have learned from both, so that both are judged.
    """
    own = replace(samples[index], labels=parts.training[index])
    *_, epoch, last = fine_tune(small_model(widths=(8, 8, 8, 8)), [own], OPTIONS)
    assert isinstance(epoch, EpochDone) and isinstance(last, Finished)
    return last.model.with_network(epoch.newest, 1.0).with_provenance(partition=parts)


@pytest.fixture(scope="module")
def versions(samples: list[Sample], parts: Partition) -> tuple[PixelModel, PixelModel]:
    """A version that learned from the first image alone, and one from the second."""
    return taught(samples, parts, 0), taught(samples, parts, 1)


def scored(before: PixelModel, after: PixelModel, samples: list[Sample]) -> dict[str, ImageScore]:
    found = version_scores(before, after, samples, device="cpu")
    return {score.key: score for score in found if score is not None}


def test_the_image_that_was_not_trained_on_is_the_one_that_got_worse(versions, samples) -> None:
    scores = scored(*versions, samples)
    assert list(scores) == ["one", "two"]
    assert all(score.pixels >= 2 * LEAST_PX and not score.is_figure for score in scores.values())
    before = {key: score.before for key, score in scores.items()}
    after = {key: score.after for key, score in scores.items()}
    (worse,) = forgetting(before, after)
    assert worse.image == "one" and worse.before - worse.after > 0.1
    assert after["two"] - before["two"] > 0.1
    back = scored(*reversed(versions), samples[::-1])  # their order makes no difference
    assert {key: (s.after, s.before) for key, s in back.items()} == {
        key: (s.before, s.after) for key, s in scores.items()
    }


def test_only_what_neither_version_learned_from_may_judge(versions, samples, parts) -> None:
    first, second = versions
    sample = samples[0]
    assert np.array_equal(judging_labels(first, second, sample), parts.held[0])
    changed = parts.held[0].copy()
    places = np.nonzero(changed)
    half = tuple(place[: len(places[0]) // 2] for place in places)
    changed[half] = 0
    erased = replace(sample, labels=np.where(changed == parts.held[0], sample.labels, 0))
    assert np.array_equal(judging_labels(first, second, erased), changed)

    seen = [labels.copy() for labels in parts.training]
    seen[0][half] = parts.held[0][half]
    knowing = first.with_provenance(partition=replace(parts, training=seen))
    assert np.array_equal(judging_labels(knowing, second, sample), changed)
    blocks = second.with_provenance(partition=replace(parts, kind="block"))
    assert not judging_labels(first, blocks, sample).any(), "the guard is wider than the image"


@pytest.mark.parametrize("memory", ["file", "closed", "new"])
def test_where_nothing_is_held_back_or_known_nothing_is_judged(
    versions, samples, parts, memory
) -> None:
    first, second = versions
    if memory == "file":
        first = first.with_provenance(partition=None)
    elif memory == "closed":
        only = {"keys": ("two",), "training": parts.training[1:], "held": parts.held[1:]}
        first = first.with_provenance(partition=replace(parts, earlier=("one",), **only))
    else:
        second = second.with_provenance(partition=replace(parts, keys=("other", "two")))
    score = scored(first, second, samples)["one"]
    assert (score.pixels, score.before, score.after) == (0, None, None)


def test_few_pixels_or_one_class_cannot_tell(versions, samples, parts) -> None:
    first, second = versions
    lone = np.where(parts.held[0] == 1, parts.held[0], 0)
    second = second.with_provenance(partition=replace(parts, held=[lone, parts.held[1]]))
    scores = scored(first, second, samples)
    assert scores["one"].before is None and scores["two"].before is not None


def test_what_newer_strokes_do_to_an_older_image_is_seen_without_any_network(
    samples, parts
) -> None:
    bare = small_model(widths=(8, 8, 8, 8))
    alone = replace(parts, keys=("one",), training=parts.training[:1], held=parts.held[:1])
    both = replace(parts, held=[parts.held[0], np.zeros_like(parts.held[1])])
    before, after = (bare.with_provenance(partition=known) for known in (alone, both))
    scores = scored(before, after, samples)
    assert scores["one"].before - scores["one"].after > 0.1
    assert scores["two"].before is None, "it holds nothing back"
    assert scored(after, after, samples)["one"].before == scores["one"].after
    gone = scored(before, after, samples[:1])["one"]
    assert gone.before is None, "what the later one learned from is not open any more"


def test_a_plane_of_a_stack_is_judged_by_its_own_strokes(versions, samples, parts) -> None:
    def planes(labels: np.ndarray) -> np.ndarray:
        return np.stack([np.zeros_like(labels), labels])

    flat = [sample.image.plane(0)[0] for sample in samples]
    stacks = [
        Sample(as_micrograph(np.stack([other, own]), axes="zyx"), planes(s.labels), s.key)
        for s, own, other in zip(samples, flat, flat[::-1], strict=True)
    ]
    deep = replace(
        parts,
        training=[planes(labels) for labels in parts.training],
        held=[planes(labels) for labels in parts.held],
    )
    first, second = (version.with_provenance(partition=deep) for version in versions)
    scores = scored(first, second, stacks)
    assert scores["one"].before - scores["one"].after > 0.1
    assert scores["two"].after - scores["two"].before > 0.1
