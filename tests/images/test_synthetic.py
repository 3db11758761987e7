"""Synthetic micrographs keep their promises: dense truth, seeds, options."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from unetscope.errors import ImageError
from unetscope.images import sample_images as samples
from unetscope.images import synthetic
from unetscope.images.synthetic import EVERY_SCENE, SceneOptions
from unetscope.images.synthetic import scene as scene_module

SCENES = sorted(EVERY_SCENE)


@pytest.mark.parametrize("name", SCENES)
def test_labels_are_dense_and_named_and_instances_are_whole(name: str) -> None:
    for seed in range(4):
        made = EVERY_SCENE[name]((96, 130), seed=seed)
        assert made.image.spatial_shape == made.labels.shape == made.instances.shape == (96, 130)
        assert made.labels.dtype == np.uint8 and made.labels.min() >= 1
        assert made.labels.max() <= len(made.class_names)
        assert made.instances.min() >= 0
        assert made.image.pixel_size and made.image.unit in ("nm", "µm")
        assert made.image.pixels.std() > 1


@pytest.mark.parametrize("name", SCENES)
def test_a_seed_gives_the_same_image_and_another_seed_another(name: str) -> None:
    first, again, other = (EVERY_SCENE[name]((64, 64), seed=s) for s in (3, 3, 4))
    np.testing.assert_array_equal(first.image.pixels, again.image.pixels)
    np.testing.assert_array_equal(first.labels, again.labels)
    assert (first.image.pixels != other.image.pixels).any()


@pytest.mark.parametrize("name", SCENES)
@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (3, 2), (17, 5)])
def test_tiny_images_do_not_fail(name: str, shape: tuple[int, int]) -> None:
    for seed in range(3):
        assert EVERY_SCENE[name](shape, seed=seed).labels.shape == shape


@pytest.mark.parametrize("name", SCENES)
def test_usually_every_class_occurs(name: str) -> None:
    complete = 0
    for seed in range(5):
        made = EVERY_SCENE[name]((160, 160), seed=seed)
        complete += len(np.unique(made.labels)) == len(made.class_names)
    assert complete >= 3


@pytest.mark.parametrize("name", SCENES)
def test_options_do_what_they_say(name: str) -> None:
    scene = EVERY_SCENE[name]
    assert scene((48, 48), bits=16).image.dtype == np.uint16
    assert scene((48, 48), bits=8).image.dtype == np.uint8
    size = scene((48, 48), scale=2.0).image.pixel_size
    assert size is not None and size[0] == pytest.approx(scene((48, 48)).image.pixel_size[0] / 2)
    noisy, clean = (
        scene((96, 96), noise=n, bits=8, contrast=0.8).image.pixels.astype(float)
        for n in (0.12, 0.0)
    )
    assert np.diff(noisy).std() > np.diff(clean).std()
    with pytest.raises(ImageError, match="there is no option 'colour'"):
        scene((48, 48), colour="red")


def test_the_boundary_class_has_the_width_that_was_asked_for() -> None:
    thin, thick = (EVERY_SCENE["grains"]((128, 128), boundary_px=w).labels == 2 for w in (2, 6))
    assert 2 < thick.sum() / thin.sum() < 4
    assert thick[thin].all()


@pytest.mark.parametrize("options", [{"bits": 12}, {"scale": 0}])
def test_options_that_make_no_sense_are_refused(options: dict) -> None:
    with pytest.raises(ImageError):
        EVERY_SCENE["nuclei"]((32, 32), **options)


@pytest.mark.parametrize("shape", [(0, 4), (4,), (2, 3, 4)])
def test_shapes_that_are_no_image_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ImageError, match="shape"):
        EVERY_SCENE["grains"](shape)


@pytest.mark.parametrize("name", ["grains", "membranes", "nanoparticles", "nuclei", "fibres"])
def test_sample_data_is_an_image_with_its_hidden_truth(name: str) -> None:
    (pixels, shown, kind), (labels, truth, truth_kind) = getattr(samples, f"sample_{name}")()
    assert (kind, truth_kind) == ("image", "labels")
    assert pixels.shape == labels.shape == (512, 512)
    assert shown["scale"] == truth["scale"] and truth["visible"] is False
    assert shown["units"] in (("nm", "nm"), ("µm", "µm"))


def test_the_real_sample_needs_no_download() -> None:
    [(pixels, options, kind)] = samples.sample_immunohistochemistry()
    assert (pixels.shape, kind, options["rgb"]) == ((512, 512, 3), "image", True)


STRIPES = """
import numpy as np
from unetscope.images.synthetic.scene import Exposure, DrawnScene, SceneOptions, expose, scene


@scene(SceneOptions, stream=1000, pixel_size=2.0, unit="nm")
def stripes(shape, chosen, rng):
    \"\"\"Bright and dark rows.\"\"\"
    bright = np.indices(shape)[0] // 4 % 2
    grey = expose((0.3 + 0.4 * bright).astype(np.float32), rng, chosen, Exposure())
    return DrawnScene(grey, bright + 1, bright, ("dark", "bright"))
"""


def test_a_new_scene_is_one_file(tmp_path, monkeypatch) -> None:
    (tmp_path / "stripes.py").write_text(STRIPES, encoding="utf-8")
    monkeypatch.setattr(synthetic, "__path__", [*synthetic.__path__, str(tmp_path)])
    monkeypatch.setattr(scene_module, "_SCENES", dict(scene_module._SCENES))
    made = synthetic.load()["stripes"]((16, 8), seed=2, scale=2.0)
    sys.modules.pop("unetscope.images.synthetic.stripes")
    assert made.image.name == "stripes" and made.image.pixel_size == (1.0, 1.0)
    assert made.labels[:, 0].tolist() == [1] * 4 + [2] * 4 + [1] * 4 + [2] * 4


def test_two_scenes_never_share_their_random_numbers() -> None:
    def other(shape, chosen, rng):
        raise NotImplementedError

    with pytest.raises(ValueError, match="stream 1 of other is that of grains"):
        scene_module.scene(SceneOptions, stream=1, pixel_size=1.0, unit="µm")(other)
