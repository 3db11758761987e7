"""The Python face: scikit-learn's habits, plain errors, and any image."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import unetscope
from learning.small_scenes import blobs, strokes
from unetscope import Segmenter
from unetscope.errors import LabelError, ModelError, OutputError, UnetscopeError
from unetscope.learning.augmentation import AugmentOptions
from unetscope.learning.events import EpochDone, Finished, HeadFitted, Started
from unetscope.learning.finetune import TrainOptions
from unetscope.learning.metrics import mean_dice
from unetscope.network.unet import UNet

pytestmark = pytest.mark.usefixtures("few_trees")

SHORT = TrainOptions(
    max_epochs=1, steps_per_epoch=2, patch_px=64, batch_size=2, augmentation=AugmentOptions()
)


def scene(shape=(72, 80), seed=0, classes=2) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    image, labels = blobs(shape, seed, classes)
    return image, labels, strokes(labels, seed)


def fitted(**given) -> Segmenter:
    image, _, painted = scene()
    return Segmenter(device="cpu", **given).fit_instant(image, painted)


def test_the_constructor_only_stores() -> None:
    segmenter = Segmenter(model="no such weights", device="no such device", seed=7)
    assert vars(segmenter) == {"model": "no such weights", "device": "no such device", "seed": 7}
    with pytest.raises(ModelError, match="no such"):
        segmenter.fit_instant(*scene()[::2])


def test_before_fit_everything_learned_is_refused() -> None:
    for ask in (
        lambda s: s.predict(np.zeros((8, 8))),
        lambda s: s.predict_proba(np.zeros((8, 8))),
        lambda s: s.save("m.unetscope"),
        lambda s: s.classes_,
        lambda s: s.network_,
    ):
        with pytest.raises(ModelError, match="call fit first"):
            ask(Segmenter())


def test_fit_returns_itself_and_the_instant_answer_is_good() -> None:
    image, labels, painted = scene()
    segmenter = Segmenter(device="cpu")
    assert segmenter.fit_instant(image, painted) is segmenter
    answer = segmenter.predict(image)
    assert answer.dtype == np.uint8 and answer.shape == image.shape
    assert mean_dice(labels, answer) > 0.85
    chance = segmenter.predict_proba(image)
    assert chance.shape == (2, *image.shape) and np.allclose(chance.sum(axis=0), 1, atol=1e-5)
    assert [c.value for c in segmenter.classes_] == [1, 2]
    assert isinstance(segmenter.network_, UNet)


def test_fit_shows_every_event_and_goes_on_when_called_again() -> None:
    image, _, painted = scene()
    segmenter, events = Segmenter(device="cpu"), []
    again = segmenter.fit(image, painted, None, events.append, options=SHORT)
    assert again is segmenter
    kinds = [type(event) for event in events]
    assert kinds.index(HeadFitted) < kinds.index(Started) < kinds.index(EpochDone)
    assert kinds[-1] is Finished and kinds.count(Finished) == 1
    assert len(segmenter.history_) == 1 and segmenter.model_.version == 1
    before = segmenter.model_
    further = painted.copy()
    further[:40, ::9] = scene()[1][:40, ::9]  # newly painted
    segmenter.fit(image, further, None, options=SHORT)
    assert len(segmenter.history_) == 2 and segmenter.model_.version == 2
    assert segmenter.model_ is not before
    assert segmenter.model_.fingerprint != before.fingerprint


def test_what_changes_no_answer_makes_no_version() -> None:
    image, _, painted = scene()
    segmenter = Segmenter(device="cpu").fit_instant(image, painted)
    fingerprint = segmenter.model_.fingerprint
    segmenter.fit_instant(image, painted)
    assert segmenter.model_.version == 1 and segmenter.model_.fingerprint == fingerprint
    segmenter.fit(image, painted, 0)
    assert segmenter.model_.version == 1


def test_one_seed_gives_the_same_model() -> None:
    image, _, painted = scene((48, 48))
    models = [
        Segmenter(device="cpu", seed=seed).fit(image, painted, None, options=SHORT)
        for seed in (1, 1)
    ]
    chances = [m.predict_proba(image) for m in models]
    assert np.array_equal(*chances)
    weights = [m.network_.state_dict() for m in models]
    assert all(torch.equal(weights[0][k], weights[1][k]) for k in weights[0])


def test_random_weights_are_a_choice() -> None:
    segmenter = fitted(model=None, seed=5)
    assert segmenter.model_.name == "random"


@pytest.mark.parametrize("model", ["general-fast", None])
def test_a_saved_segmenter_predicts_the_same_and_fits_on(tmp_path, model) -> None:
    image, _, painted = scene()
    first = fitted(model=model, seed=2)
    first.save(tmp_path / "m.unetscope")
    second = Segmenter.load(tmp_path / "m.unetscope", device="cpu")
    assert (second.model, second.seed) == (model, 2)
    assert np.array_equal(first.predict_proba(image), second.predict_proba(image))
    assert second.model_.fingerprint == first.model_.fingerprint
    assert second.model_.identity == first.model_.identity
    again = second.fit_instant(image, painted).model_
    assert again.version == 1  # nothing has changed
    further = np.where(image > image.mean(), painted, 0)
    assert second.fit_instant(image, further).model_.version == 2


def test_an_unwritable_folder_is_named(tmp_path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="file"):
        fitted().save(tmp_path / "file" / "m.unetscope")


def test_images_come_as_lists_stacks_colour_dask_and_zarr() -> None:
    import dask.array as da
    import zarr

    image, _, painted = scene((48, 48))
    segmenter = Segmenter(device="cpu").fit_instant([image, image.T], [painted, painted.T])
    expected = segmenter.predict(image)
    assert np.array_equal(segmenter.predict(da.from_array(image, chunks=20)), expected)
    assert np.array_equal(segmenter.predict(zarr.array(image, chunks=(20, 20))), expected)
    volume = np.stack([image, image])
    assert np.array_equal(segmenter.predict(volume, axes="zyx"), np.stack([expected] * 2))
    colour = np.stack([image * 60] * 3, axis=-1).clip(0, 255).astype(np.uint8)
    assert Segmenter(device="cpu").fit_instant(colour, painted).predict(colour).shape == (48, 48)


NAN = np.full((40, 40), np.nan, np.float32)
SOME_NAN = np.where(np.arange(1600).reshape(40, 40) % 7 == 0, np.nan, 1.0).astype(np.float32)
HUGE = np.linspace(-1e38, 1e38, 1600, dtype=np.float32).reshape(40, 40)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((40, 40), np.uint8),
        np.full((40, 40), 65535, np.uint16),
        np.ones((40, 40), bool),
        NAN,
        SOME_NAN,
        HUGE,
        np.where(SOME_NAN == 1, np.inf, 0).astype(np.float32),
        np.full((40, 40), -5, np.int64),
    ],
    ids=["zeros", "bright", "bool", "nan", "some nan", "huge", "inf", "negative"],
)
def test_constant_and_broken_images_still_get_an_answer(image) -> None:
    painted = np.zeros((40, 40), np.uint8)
    painted[5:8, 5:30], painted[30:33, 5:30] = 1, 2
    segmenter = Segmenter(device="cpu").fit_instant(image, painted)
    chance = segmenter.predict_proba(image)
    assert np.isfinite(chance).all() and np.allclose(chance.sum(axis=0), 1, atol=1e-5)
    assert set(np.unique(segmenter.predict(image))) <= {1, 2}


@pytest.mark.parametrize("learn", ["fit", "fit_instant"])
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda painted: painted * 0, "paint a few strokes"),
        (lambda painted: (painted > 0).astype(int), "only class 1"),
        (lambda painted: painted[:-1], "shape"),
        (lambda painted: painted - 2, "-2"),
        (lambda painted: painted * 40_000, "80000"),
        (lambda painted: [painted, painted], "1 images but 2"),
    ],
    ids=["nothing", "one class", "shape", "negative", "huge", "too many"],
)
def test_labels_that_cannot_be_learned_are_refused(learn, change, said) -> None:
    image, _, painted = scene((32, 32))
    with pytest.raises(LabelError, match=said):
        getattr(Segmenter(device="cpu"), learn)(image, change(painted.astype(np.int64)))


def test_a_refused_fit_leaves_the_model_as_it_was() -> None:
    segmenter = fitted()
    before = segmenter.model_
    with pytest.raises(UnetscopeError):
        segmenter.fit_instant(scene()[0], np.zeros((72, 80), int))
    assert segmenter.model_ is before


def test_the_package_shows_its_face() -> None:
    assert unetscope.Segmenter is Segmenter


def test_fit_on_another_image_goes_on_from_the_present_weights() -> None:
    (first, _, painted_first), (second, _, painted_second) = scene(seed=1), scene(seed=2)
    segmenter = Segmenter(device="cpu")
    segmenter.fit(first, painted_first, max_seconds=None, options=SHORT)
    learned = segmenter.network_.state_dict()
    frozen = replace(SHORT, learning_rate=0.0)
    segmenter.fit(second, painted_second, max_seconds=None, options=frozen)
    went_on = segmenter.network_.state_dict()
    assert all(torch.equal(went_on[name], tensor) for name, tensor in learned.items())


def test_an_image_given_twice_is_refused_because_it_would_leak() -> None:
    image, _, painted = scene()
    with pytest.raises(LabelError, match="shows the same"):
        Segmenter(device="cpu").fit_instant([image, image.copy()], [painted, painted])


@pytest.mark.parametrize("dtype", [torch.float32, torch.uint8, torch.bfloat16])
def test_torch_tensors_are_images_and_labels(dtype) -> None:
    image, _, painted = scene()
    tensor = torch.from_numpy(image * 20).to(dtype)
    segmenter = Segmenter(model=None, device="cpu")
    segmenter.fit_instant(tensor.requires_grad_(dtype.is_floating_point), torch.tensor(painted))
    arrays = tensor.detach().float().numpy() if dtype.is_floating_point else tensor.numpy()
    anew = Segmenter(model=None, device="cpu").fit_instant(arrays, painted)
    assert np.array_equal(segmenter.predict(tensor), anew.predict(arrays))
