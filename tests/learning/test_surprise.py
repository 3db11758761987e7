"""Images unlike those of the training are named in words; few training images give no verdict."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from learning.small_scenes import blobs, sample, small_model, strokes
from unetscope.errors import ModelFileError
from unetscope.images.micrograph import as_micrograph
from unetscope.images.raw_traits import RawTraits
from unetscope.learning.familiar import Familiar
from unetscope.learning.finetune import TrainOptions, fine_tune
from unetscope.learning.instant import fit_instant
from unetscope.learning.model_parts import check_parts
from unetscope.learning.persistence import load_model, save_model
from unetscope.learning.pixel_model import PixelModel
from unetscope.learning.samples import Sample
from unetscope.learning.surprise import familiar_with, image_key, surprise_of
from unetscope.network.model_file import StoredTensor, load_model_file

SHAPE = (150, 170)


def like(seed: int) -> Sample:
    image, labels = blobs(SHAPE, seed)
    return Sample(as_micrograph(image, name=str(seed)), strokes(labels, seed), str(seed))


def knowing(count: int) -> PixelModel:
    model = small_model()
    known = familiar_with(model, [like(seed) for seed in range(count)])
    return model.with_provenance(familiar=known)


@pytest.fixture(scope="module")
def model() -> PixelModel:
    return knowing(5)


def said(model: PixelModel, pixels: np.ndarray) -> str:
    surprise = surprise_of(model, as_micrograph(pixels.astype(np.float32)))
    assert surprise is not None
    assert surprise.unjudged == ""
    return surprise.unlike


def test_more_images_of_the_kind_are_not_odd(model) -> None:
    for seed in range(20, 26):
        surprise = surprise_of(model, like(seed).image)
        assert surprise is not None
        assert (surprise.unlike, surprise.unjudged) == ("", "")
        assert 0 < surprise.score < 1


def test_what_was_done_to_an_image_is_named(model) -> None:
    pixels = blobs(SHAPE, 30)[0].astype(float)
    noise = np.random.default_rng(0).normal(0, 2, SHAPE)
    span = np.percentile(pixels, 99) - np.percentile(pixels, 1)
    than = "than anything it was trained on"
    assert said(model, ndimage.gaussian_filter(pixels, 2)) == f"blurrier {than}"
    assert said(model, (pixels + noise) * span / (span + 8)).startswith("noisier")
    assert said(model, pixels * 5) == f"of a wider grey range {than}"
    assert said(model, np.clip(pixels, 1.3, 1.7) * span / 0.4) == f"more saturated {than}"


def test_another_structure_with_the_same_recording_is_far_from_all(model) -> None:
    rng = np.random.default_rng(3)
    stripes = np.sin(np.arange(SHAPE[1]) * 2 * np.pi / 6)[None, :] * np.ones(SHAPE)
    surprise = surprise_of(model, as_micrograph(stripes + rng.normal(0, 0.25, SHAPE)))
    assert surprise is not None
    assert surprise.score > 2
    assert surprise.unlike


def test_fewer_than_four_training_images_give_no_verdict() -> None:
    odd = as_micrograph(ndimage.gaussian_filter(blobs(SHAPE, 30)[0], 3))
    for count, words in ((1, "one training image"), (3, "3 training images")):
        surprise = surprise_of(knowing(count), odd)
        usual = surprise_of(knowing(count), like(31).image)
        assert surprise is not None
        assert usual is not None
        assert surprise.unlike == ""
        assert surprise.unjudged == f"{words}: cannot be judged"
        assert surprise.score > usual.score > 0  # a rank can be told


def test_a_model_that_does_not_know_its_images_says_nothing() -> None:
    assert surprise_of(small_model(), like(0).image) is None


def test_an_image_counts_once_and_many_images_keep_few_crops() -> None:
    model = knowing(2)
    again = familiar_with(model, [like(1), like(2)])
    assert again.keys == tuple(image_key(like(seed).image) for seed in range(3))
    many = Familiar.nothing(6)
    for number in range(70):
        crops = np.full((16, 6), number, np.float32)
        many = many.joined(str(number), crops, RawTraits(0.1, -2.0, 0.0, 100.0), "uint8")
    assert len(many.keys) == 64
    assert len(many.crops) <= 256
    assert sorted(set(many.image_of.tolist())) == list(range(64))
    assert (many.crops[:, 0] == many.image_of).all()


@pytest.mark.usefixtures("few_trees")
def test_training_notes_its_images_and_the_file_keeps_them(tmp_path) -> None:
    options = TrainOptions(
        max_seconds=None, max_epochs=1, steps_per_epoch=1, patch_px=64, batch_size=1, device="cpu"
    )
    *_, last = fine_tune(small_model(), [sample(seed=s, key=str(s)) for s in range(4)], options)
    path = tmp_path / "a.unetscope"
    save_model(last.model, path)
    read = load_model(path)
    assert read.fingerprint == last.model.fingerprint
    odd = as_micrograph(ndimage.gaussian_filter(blobs((72, 88), 9)[0], 2))
    told = surprise_of(read, odd)
    assert told == surprise_of(last.model, odd)
    assert told is not None
    assert told.unlike


def test_forged_numbers_of_training_images_are_refused(tmp_path) -> None:
    model = fit_instant(knowing(4), [sample()], with_forest=False)
    path = tmp_path / "a.unetscope"
    save_model(model, path)
    loaded = load_model_file(path, lambda *_: None)
    stored = {
        name: StoredTensor(_DTYPES[str(t.dtype)], tuple(t.shape))
        for name, t in loaded.tensors.items()
    }
    check_parts(loaded.manifest, stored)
    crops = stored["familiar.crops"]
    with pytest.raises(ModelFileError, match="crops"):
        check_parts(
            loaded.manifest,
            {**stored, "familiar.crops": replace(crops, shape=(10**9, crops.shape[1]))},
        )
    with pytest.raises(ModelFileError, match="no images are named"):
        check_parts({**loaded.manifest, "familiar": []}, stored)


_DTYPES = {"torch.float32": "F32", "torch.float16": "F16", "torch.int64": "I64"}
