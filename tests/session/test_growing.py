"""The window answers a large image as the command line does, and goes on where it was left."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from learning.small_scenes import blobs, sample, small_model
from unetscope.errors import OutputError
from unetscope.images.files import read_labels
from unetscope.images.micrograph import Micrograph, as_micrograph
from unetscope.images.target import Target
from unetscope.learning.instant import fit_instant
from unetscope.learning.pixel_model import PixelModel
from unetscope.learning.prediction import predict_labels
from unetscope.scaling import estimate
from unetscope.scaling.running import state_of
from unetscope.session.engine.growing import grow, unfinished
from unetscope.session.engine.shared import Shared
from unetscope.session.requests import (
    AnswerBegun,
    AnswerComplete,
    AnswerGoesOn,
    AnswerReckoned,
    BlockWritten,
    GrowRequest,
    UnfinishedRequest,
)
from unetscope.session.values import EngineSettings, UnfinishedAnswer


@pytest.fixture(scope="module")
def model() -> PixelModel:
    torch.set_num_threads(1)
    return fit_instant(small_model(widths=(2, 3, 4, 4)), [sample()], with_forest=False)


@pytest.fixture(scope="module")
def image() -> Micrograph:
    """Of two blocks."""
    pixels = np.tile(blobs((150, 250), 3)[0], (1, 9)).astype(np.float32)
    return as_micrograph(pixels, name="blobs.ome.tif")


def asked(model: PixelModel, image: Micrograph, folder: Path, go_on: Path | None = None) -> Any:
    return GrowRequest(model, Target("a", image), folder, go_on=go_on)


def shared() -> Shared:
    return Shared(EngineSettings(device="cpu", threads=1))


def begun(model: PixelModel, image: Micrograph, folder: Path) -> Path:
    """An answer of one block that was cancelled."""
    events = grow(shared(), asked(model, image, folder))
    assert any(isinstance(event, BlockWritten) for event in islice(events, 12))
    events.close()  # type: ignore[attr-defined]
    return folder / "blobs_labels.zarr"


def test_time_and_room_are_told_before_and_the_answer_is_that_of_the_engine(
    model, image, tmp_path
) -> None:
    events = list(grow(shared(), asked(model, image, tmp_path)))
    path = tmp_path / "blobs_labels.zarr"
    assert isinstance(events[0], AnswerReckoned) and events[0].path == path
    assert 0 < events[0].bytes < events[0].most_bytes and events[0].seconds > 0
    assert isinstance(events[1], AnswerBegun) and events[1].done == ()
    written = [(e.block, e.done, e.total) for e in events if isinstance(e, BlockWritten)]
    assert written == [(0, 1, 2), (1, 2, 2)]
    told = [e for e in events if isinstance(e, AnswerGoesOn)]
    assert [e.done for e in told] == list(range(1, len(told) + 1))
    assert told[0].seconds_left is None and told[2].seconds_left
    labels = predict_labels(model, image)
    assert np.array_equal(read_labels(path), labels)
    last = events[-1]
    assert isinstance(last, AnswerComplete)
    assert last.shares == pytest.approx({v: np.mean(labels == v) for v in np.unique(labels)})


def test_it_goes_on_with_the_same_model_also_as_another_version(model, image, tmp_path) -> None:
    path = begun(model, image, tmp_path)
    renumbered = model.with_provenance(version=7)
    events = list(grow(shared(), asked(renumbered, image, tmp_path)))
    assert isinstance(events[0], AnswerBegun) and len(events[0].done) == 1
    assert events[0].coarse is not None and events[0].coarse.any()
    assert [e.block for e in events if isinstance(e, BlockWritten)] == [1]
    assert state_of(path).complete and np.array_equal(
        read_labels(path), predict_labels(model, image)
    )


def test_an_unfinished_answer_is_found_and_gone_on_with_by_the_model_of_then(
    model, image, tmp_path
) -> None:
    path = begun(model, image, tmp_path)
    request = UnfinishedRequest("a", "blobs.ome.tif", tmp_path)
    assert list(unfinished(shared(), request)) == [
        UnfinishedAnswer("a", path, 1, 2, model.identity)
    ]
    other = fit_instant(small_model(widths=(2, 3, 4, 4)), [sample(seed=5)], with_forest=False)
    list(grow(shared(), asked(other, image, tmp_path, go_on=path)))
    assert np.array_equal(read_labels(path), predict_labels(model, image))
    assert list(unfinished(shared(), request)) == []


def test_another_model_takes_another_name_and_nothing_is_lost(model, image, tmp_path) -> None:
    path = begun(model, image, tmp_path)
    other = fit_instant(small_model(widths=(2, 3, 4, 4)), [sample(seed=5)], with_forest=False)
    events = list(grow(shared(), asked(other, image, tmp_path)))
    assert isinstance(events[-1], AnswerComplete)
    assert events[-1].path == tmp_path / "blobs_labels-2.zarr"
    assert not state_of(path).complete and state_of(path).done == 1


def test_what_does_not_fit_on_the_disk_is_refused_before_anything_is_written(
    model, image, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(estimate, "_ROOM", 1e15)
    with pytest.raises(OutputError, match="GB are free; make room"):
        list(grow(shared(), asked(model, image, tmp_path)))
    assert list(tmp_path.iterdir()) == []
