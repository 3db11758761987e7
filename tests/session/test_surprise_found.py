"""A predicted image that is unlike the training is told of, and in the sentence of the window."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from scipy import ndimage

from learning.small_scenes import blobs, sample, small_model
from unetscope.images.micrograph import as_micrograph
from unetscope.learning.instant import fit_instant
from unetscope.learning.surprise import familiar_with
from unetscope.session.engine.door import EngineDoor
from unetscope.session.requests import PredictRequest, SurpriseFound, Target
from unetscope.session.values import EngineSettings
from unetscope.workbench.predictor import _careful


@pytest.mark.parametrize("only_view", [False, True])
def test_a_whole_prediction_says_how_unlike_the_training_the_image_is(only_view) -> None:
    model = fit_instant(small_model(), [sample()], with_forest=False)
    known = familiar_with(model, [sample(seed=n, key=str(n)) for n in range(5)])
    blurred = as_micrograph(ndimage.gaussian_filter(blobs((72, 88), 9)[0], 2), name="b.tif")
    request = PredictRequest(
        model.with_provenance(familiar=known), [Target("b", blurred, 0)], only_view=only_view
    )
    door = EngineDoor(EngineSettings(device="cpu", threads=1))
    found = [event for event in door.do(request) if isinstance(event, SurpriseFound)]
    assert len(found) == (not only_view)
    session = SimpleNamespace(
        surprises={one.key: one.surprise for one in found},
        image=SimpleNamespace(key="b", name="b.tif"),
    )
    said = " Careful: b.tif is blurrier than anything it was trained on."
    assert _careful(session) == ("" if only_view else said)  # type: ignore[arg-type]
