"""Boxes are answered as files are, and one that the model has learned from does not count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from learning.small_scenes import blobs, sample, small_model
from unetscope.learning.check_box import CheckBox, PaintedBox, outside
from unetscope.learning.events import Finished
from unetscope.learning.finetune import TrainOptions, fine_tune
from unetscope.learning.instant import fit_instant
from unetscope.learning.persistence import load_model, save_model
from unetscope.learning.pixel_model import PixelModel
from unetscope.learning.prediction import predict_labels
from unetscope.learning.samples import Sample
from unetscope.measuring.box_scores import BoxAnswer, box_scores
from unetscope.session.engine.checking import check_boxes
from unetscope.session.engine.shared import Shared
from unetscope.session.requests import BoxesChecked, BoxToCheck, CheckRequest, Standing
from unetscope.session.values import EngineSettings

BOX = CheckBox(0, 20, 52, 30, 62)
FAR = CheckBox(0, 54, 71, 0, 20)
QUICK = TrainOptions(
    max_seconds=None, max_epochs=1, steps_per_epoch=2, patch_px=64, batch_size=2, device="cpu"
)


def painted(box: CheckBox = BOX, share: float = 1.0) -> PaintedBox:
    own, dense = sample(), blobs((72, 88))[1]
    labels = dense[box.plane].copy()
    labels[: round((1 - share) * len(labels))] = 0
    return PaintedBox(own.key, own.image, box, labels)


def learned(*, without: Sequence[CheckBox] = ()) -> Sample:
    own = sample()
    return replace(own, labels=outside(own.labels, without))


def checked(model: PixelModel, *boxes: BoxToCheck) -> BoxesChecked:
    request = CheckRequest(model, boxes, {1: "dark", 2: "bright"})
    shared = Shared(EngineSettings(device="cpu"))
    return next(e for e in check_boxes(shared, request) if isinstance(e, BoxesChecked))


def trained(model: PixelModel, one: Sample) -> PixelModel:
    """With a network that speaks, whatever held-back strokes say of so short a training."""
    last = list(fine_tune(model, [one], QUICK))[-1]
    assert isinstance(last, Finished) and last.model.network is not None
    return replace(last.model, network=replace(last.model.network, weight=0.5))


def test_a_box_is_scored_by_the_answer_that_a_file_would_have() -> None:
    model = fit_instant(small_model(), [learned(without=[BOX])], device="cpu")
    told = checked(model, BoxToCheck(painted()))
    said = predict_labels(model, sample().image)[BOX.plane]
    expected = box_scores([BoxAnswer(painted().labels, said)], {1: "dark", 2: "bright"})
    assert told.standings == (Standing.APART,) and told.counted == 1
    assert told.scores == expected and expected[1].dice.name == "Dice of bright"


def test_a_box_that_a_voice_has_learned_from_or_that_is_not_dense_does_not_count() -> None:
    model = fit_instant(small_model(), [learned()], device="cpu")
    told = checked(model, BoxToCheck(painted()), BoxToCheck(painted(FAR, share=0.5)))
    assert told.standings[0] is Standing.LEARNED
    assert told.counted == 0 and told.scores == ()
    other = BoxToCheck(replace(painted(), key="another image"))
    assert checked(model, other).standings == (Standing.APART,)
    known_as = replace(other, keys=(sample().key,))  # as of a project, where it was learned from
    assert checked(model, known_as).standings == (Standing.LEARNED,)


def test_a_network_that_learned_from_a_box_keeps_it_out_until_it_has_learned_anew() -> None:
    before = trained(small_model(), learned())
    kept = learned(without=[BOX])
    on = trained(before, kept)
    assert checked(on, BoxToCheck(painted())).standings == (Standing.LEARNED,)
    anew = trained(on.without_network(), kept)
    assert checked(anew, BoxToCheck(painted())).standings == (Standing.APART,)


def test_of_a_file_it_is_not_known_unless_the_box_knows_the_voices(tmp_path: Path) -> None:
    model = trained(small_model(), learned(without=[BOX]))
    known = checked(model, BoxToCheck(painted()))
    save_model(model, tmp_path / "m.unetscope")
    opened = load_model(tmp_path / "m.unetscope")
    assert checked(opened, BoxToCheck(painted())).standings == (Standing.UNKNOWN,)
    told = checked(opened, BoxToCheck(painted(), unseen_by=known.voices))
    assert told.standings == (Standing.APART,) and told.counted == 1
    assert len(known.voices) == 2 and np.isfinite(told.scores[0].dice.value)
