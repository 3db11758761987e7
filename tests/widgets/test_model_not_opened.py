"""A model that could not be opened: it is said, and tried again when the preferences change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch

from unetscope.errors import ModelError
from unetscope.learning.events import Notice
from unetscope.session.engine.door import EngineDoor
from unetscope.session.guidance import status_line
from unetscope.session.requests import BundledRequest, JobEvent, ModelOpened
from unetscope.session.values import EngineSettings
from widgets.conftest import halves
from widgets.fake_engine import FakeJobs


@dataclass
class PickyJobs(FakeJobs):
    """Opens a model on the CPU only."""

    def open_bundled(self, request: BundledRequest) -> Iterator[JobEvent]:
        if self.settings.device != "auto":
            raise ModelError(f"device {self.settings.device!r} is unknown; use auto or cpu.")
        yield from super().open_bundled(request)


def test_a_model_is_opened_once_the_preferences_allow_it(open_window: Any, qtbot: Any) -> None:
    opened = open_window(image=False, jobs=PickyJobs(settings=EngineSettings(device="tpu")))
    session = opened.session
    opened.viewer.add_image(halves())
    qtbot.waitUntil(lambda: session.model_failed, timeout=5000)
    assert session.message is not None and "tpu" in session.message.text
    opened.paint_both()
    session.message = None
    qtbot.waitUntil(lambda: len(session.painted) == 2)
    assert "No model is open" in status_line(session).text
    opened.window.bench.take_settings(replace(opened.jobs.settings, device="auto"))
    qtbot.waitUntil(lambda: session.model is not None, timeout=5000)
    assert not session.model_failed and "Opening" not in status_line(session).text


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_the_engine_opens_a_model_on_the_cpu_where_there_is_no_gpu() -> None:
    jobs = EngineDoor(EngineSettings(device="cuda", threads=1))
    opened, notice = jobs.do(BundledRequest("general"))
    assert isinstance(opened, ModelOpened) and opened.device == "cpu"
    assert isinstance(notice, Notice) and "Preferences ▸ unetscope ▸ Device" in notice.text
