"""Strokes on a volume cost what they cost on one plane: only painted planes are learned from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
import zarr
from napari.components import ViewerModel

from learning.small_scenes import blobs, small_model, strokes
from session.test_big_labels import resident_bytes
from unetscope.images.micrograph import as_micrograph
from unetscope.images.some_planes import some_planes, whole_of, with_gaps
from unetscope.learning.check_box import CheckBox
from unetscope.learning.feature_cache import FeatureCache
from unetscope.learning.instant import fit_instant
from unetscope.learning.learned_pixels import LearnedPixels
from unetscope.learning.samples import Sample
from unetscope.session.layers.layer_facts import layer_key
from unetscope.session.layers.open_layers import OpenLayers
from unetscope.session.state import STARTING_CLASSES

VOLUME = (1600, 8000, 8000)  # 102 GB


def painted_stack() -> Sample:
    """Seven planes, painted on 1, 2 and 5."""
    scenes = [blobs((96, 120), seed) for seed in range(7)]
    labels = np.zeros((7, 96, 120), np.uint8)
    for z in (1, 2, 5):
        labels[z] = strokes(scenes[z][1], z)
    image = as_micrograph(np.stack([pixels for pixels, _ in scenes]), "zyx", name="stack")
    return Sample(image, labels, "stack")


def test_neighbours_stay_neighbours_and_others_become_none() -> None:
    assert with_gaps((5, 2, 1), 7) == (1, 2, 3, 5)
    assert with_gaps((0, 2), 3) == (0, 1, 2) and with_gaps((), 3) == ()


def test_some_planes_teach_what_all_of_the_stack_would() -> None:
    torch.set_num_threads(1)
    whole = painted_stack()
    planes = with_gaps((1, 2, 5), 7)
    few = Sample(some_planes(whole.image, planes), whole.labels[list(planes)], "stack")
    assert few.image.spatial_shape == (4, 96, 120) and whole_of(few.image, 3) == (whole.image, 5)
    region = (slice(10, 30), slice(5, 90))
    assert np.array_equal(few.image.plane(3, region), whole.image.plane(5, region))
    cache = FeatureCache()
    taught = [
        fit_instant(small_model(widths=(2, 3, 4, 4)), [s], cache=cache, with_forest=False)
        for s in (whole, few)
    ]
    assert taught[0].fingerprint == taught[1].fingerprint
    used = cache.used_bytes
    fit_instant(small_model(widths=(2, 3, 4, 4)), [few], cache=cache, with_forest=False)
    assert cache.used_bytes == used  # features of a plane are known by its place in the stack


def test_a_check_box_knows_which_planes_were_learned_from() -> None:
    whole = painted_stack()
    planes = (1, 2, 3, 5)
    few = Sample(some_planes(whole.image, planes), whole.labels[list(planes)], "stack")
    learned = LearnedPixels.of([few])
    later = replace(few, labels=np.zeros_like(few.labels))
    for known in (learned, learned.joined([later])):
        for z in range(7):
            box = CheckBox(z, 0, 96, 0, 120)
            assert known.any_in(["stack"], box) == bool(whole.labels[z].any())


def test_a_stroke_on_a_hundred_gigabytes_makes_nothing_of_their_size() -> None:
    viewer = ViewerModel()
    pixels = zarr.zeros(VOLUME, chunks=(1, 1000, 1000), dtype=np.uint8)
    key = layer_key(viewer.add_image(pixels, name="volume", contrast_limits=(0, 255)))
    layers = OpenLayers(viewer)
    before = resident_bytes()
    for value in (1, 2):
        viewer.dims.set_current_step(0, 700 + 60 * value)
        layer = layers.paint_with(key, value, STARTING_CLASSES)
        layer.paint((700 + 60 * value, 4000, 4000), value)
        assert layers.read_strokes(key) and not layers.read_strokes(key)
        (sample,) = layers.samples(1)
        assert whole_of(sample.image)[0] is layers.learned_as(key)
    assert sample.labels.shape == (3, 8000, 8000)
    assert layers.painted_pixels(1).keys() == {1, 2}
    layers.erase_class(2)
    assert layers.read_strokes(key) and layers.painted_pixels(1).keys() == {1}
    layers.erase_class(1)
    assert layers.painted_labels(key) is None
    assert resident_bytes() - before < 50e6
