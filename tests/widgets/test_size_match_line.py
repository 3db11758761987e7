"""Pixels of another size than the model's: a line, Resample, Go on, and a wrong unit refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from unetscope.learning.pixel_model import Provenance
from unetscope.session.requests import PredictRequest
from unetscope.session.values import Scope
from unetscope.widgets.painting.size_match_line import SizeMatchLine
from widgets.conftest import Opened, halves
from widgets.fake_engine import FakeJobs, FakeModel

KNOWN = Provenance("m", pixel_size=(4.0, 4.0), unit="nm")


@dataclass(frozen=True, eq=False)
class SizedModel(FakeModel):
    """Learned at 4 nm a pixel from images that are not open."""

    provenance: Any = KNOWN
    learned: Any = None


def told(open_window: Callable[..., Opened], nm: float) -> tuple[Opened, Any]:
    opened = open_window(halves(), FakeJobs(), scale=(nm, nm), units=("nm", "nm"))
    opened.session.live = False
    opened.session.use_model(SizedModel(head={1: 0.0, 2: 1.0}, classes=opened.session.classes), "m")
    return opened, opened.window.part(SizeMatchLine)


def test_what_is_chosen_is_seen_and_can_be_taken_back(
    open_window: Callable[..., Opened], qtbot: Any
) -> None:
    opened, line = told(open_window, 8.0)
    session, layers = opened.session, opened.window.bench.layers
    key = session.image.key
    assert line.words.text() == "Model 4 nm/px, image 8 nm/px: 2 times coarser."
    assert (line.resample.isHidden(), line.as_is.text()) == (False, "Go on")
    line.resample.click()
    assert layers.seen_as(key).spatial_shape == (400, 400)
    assert line.words.text().startswith("Seen at 4 nm/px, as the model learned it: resampled")
    opened.window.bench.predict(Scope.IMAGE)
    qtbot.waitUntil(lambda: not session.prediction.busy, timeout=5000)
    assert opened.jobs.asked(PredictRequest)[-1].targets[0].seen is layers.seen_as(key)
    note = opened.layer("prediction").metadata["unetscope"]
    assert note["seen_at"] == "4 nm a pixel (the image has 8 nm)"
    line.as_is.click()
    assert layers.seen_as(key) is None and not session.predicted
    assert "It is seen as it is." in line.words.text() and not line.resample.isHidden()
    session.use_model(replace(session.model.model, provenance=Provenance("n")), "n")
    assert line.isHidden()  # a model that does not know a size


def test_nanometres_for_micrometres_are_refused_until_somebody_means_them(
    open_window: Callable[..., Opened], qtbot: Any
) -> None:
    opened, line = told(open_window, 4000.0)
    session = opened.session
    opened.window.bench.predict(Scope.IMAGE)
    assert not session.prediction.busy and session.message.tone == "error"
    assert "That is mostly a wrong unit: correct the pixel size" in session.message.text
    assert line.resample.isHidden() and not line.as_is.isHidden()
    line.as_is.click()
    opened.window.bench.predict(Scope.IMAGE)
    qtbot.waitUntil(lambda: bool(session.predicted), timeout=5000)
